//! A heap: types, objects in size-class pages, and the collector's state for them.
//!
//! | file | subject |
//! |---|---|
//! | `range` | the one address range and the tables beside it |
//! | `segment` | 1 MiB of the range, given to one heap; taking and giving back pages |
//! | `trim` | what goes back to the system, and when |
//! | `page` | 64 KiB of blocks of one size; the free list; the count of frees |
//! | `class` | size classes; where the next block comes from |
//! | `places` | blocks counted through: objects as numbers |
//! | `external` | bytes that objects keep elsewhere |
//! | this | the heap itself, made and ended; large objects |
//!
//! **Allocation budget.** `budget` is how many bytes may still be allocated before somebody must look
//! whether a collection is due. Types take rations of a few KiB of it and count those down, so that
//! allocation keeps one counter; how many bytes live is worked out when asked, from the types' counters.
//! While a collection judges, rations are recalled and no type is quick, so allocation and the last release
//! go the long way and find the phase.

use crate::base::list::List;
use crate::base::promised;
use crate::base::report::{Line, LINE_BYTES};
use crate::cycle::events::Listeners;
use crate::cycle::pace::{Mode, Pace, Starved};
use crate::cycle::pauses::Pauses;
use crate::cycle::sliced::Sliced;
use crate::cycle::stats::GenerationStats;
use crate::life::death::Queue;
use crate::life::debt::Debt;
use crate::life::external::ExternalBytes;
use crate::life::finalizers::Finalizers;
use crate::life::foreign::Foreign;
use crate::life::hints::Hints;
use crate::life::scope::{self, Scopes, Steps};
use crate::life::weak::WeakTable;
use crate::memory::class::{Run, CLASS_COUNT};
use crate::memory::page::Page;
use crate::memory::range;
use crate::memory::space::Space;
use crate::observe::{self, Notice, Observers};
use crate::sys::thread::NEST;
use crate::types::Type;
use core::ffi::c_char;
use core::fmt::Write;
use core::ptr;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use range::NoSlot;

pub mod giving;
pub mod phase;

pub use phase::Phase;

/// Bytes of a heap's slot in the range.
pub const HEAP_SLOT_BYTES: usize = 8 << 10;
const _: () = assert!(size_of::<Heap>() <= HEAP_SLOT_BYTES);

const SIGNATURE: u64 = u64::from_le_bytes(*b"rcgcHeap");
/// Stands for it while the slot is being filled.
const TAKEN: u64 = 1;
const NAME_BYTES: usize = 64;

/// Which callbacks of an ending heap do not run, because they would go on for ever; see `cycle/ending.rs`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum CutOff {
    /// All run.
    Nothing,
    /// No finalizer and no weak callback of what is taken into the dead set.
    OfTaken,
    /// No finalizer and no weak callback.
    OfAll,
}

/// One heap. Lives in a slot of the range that outlasts it, so that a pointer to an ended heap can be told.
#[repr(C)]
pub struct Heap {
    /// This and the serial number are also read by threads that remember a heap that was in the slot: see [`Heap::is_still`].
    signature: u64,
    /// What inline code of hosts knows, and `pins`: their places are ABI (`include/rcgc/steps.h`).
    pub steps: Steps,
    /// Calls of the library under way that go on in the heap after host code: it cannot end. See [`Pin`](crate::host::Pin).
    pub pins: u32,
    /// A number that no other heap of the process has or had.
    pub serial: u64,
    /// Bytes that may be granted to types before it must be looked whether a collection is due.
    pub budget: i64,
    /// The slot's number, which segments carry as owner.
    pub index: u32,
    /// Who is told what happens here.
    pub observers: Observers,
    /// Serial of the growth mark whose objects are marked (`inspect/growth.rs`); 0: none. Of a free slot: the next one.
    pub mark_serial: u64,
    /// What the heap is doing: see `phase.rs`, which alone writes it.
    phase: Phase,
    /// Whether automatic collection is on.
    pub enabled: bool,
    /// Whether it is at the checking level: see `check.rs`.
    pub is_checked: bool,
    /// Callbacks of the heap that are running, [`NESTED`] and [`BOUNDED`].
    callbacks_running: AtomicU32,
    /// `clear` callbacks that are running: no collection may.
    pub clearing: u32,
    /// Objects, of this and of other heaps, whose last reference went while too many callbacks were nested and the
    /// innermost was this heap's.
    pub deferred: Queue,
    /// Deaths that are owed.
    pub debt: Debt,
    /// How many deaths of its objects may still be put off; any number, unless the heap ends: see `cycle/ending.rs`.
    pub put_offs_left: u64,
    /// The heap ends, and its callbacks were cut off: which.
    pub cut_off: CutOff,
    /// Its memory.
    pub space: Space,
    /// What is known of collections for want of memory.
    pub starved: Starved,
    /// What [`Heap::give_back`] is at.
    giving: giving::Giving,
    /// First of the heap's types.
    pub first_type: *mut Type,
    /// Objects of ended types that were made.
    pub ended_allocated: u64,
    /// Objects of ended types that the collector ended.
    pub ended_reclaimed: u64,
    /// See `life/external.rs`.
    pub external: ExternalBytes,
    /// Cells of the objects that have weak handles.
    pub weak: WeakTable,
    /// Objects that have their own counts.
    pub foreign: Foreign,
    /// The type of weak maps; null until there is one.
    pub map_type: *mut Type,
    /// What is due on a heap with queued finalizers.
    pub finalizers: Finalizers,
    /// Open scopes and what they keep.
    pub scopes: Scopes,
    /// What `GC_DEBUG_SAVEALL` kept; one reference each.
    pub garbage: List<*mut core::ffi::c_void>,
    /// Who is told of collections.
    pub callbacks: Listeners,
    /// `GC_DEBUG_*`.
    pub debug: u32,
    /// When automatic collections run.
    pub pace: Pace,
    /// Full collections in slices.
    pub sliced: Sliced,
    /// What dying objects let go of.
    pub hints: Hints,
    /// What young collections did.
    pub young: GenerationStats,
    /// What full collections did.
    pub full: GenerationStats,
    /// The longest pauses.
    pub pauses: Pauses,
    /// Somebody beside the heap's thread wants it to look around: see [`observe::attend`]. This and the next two may be
    /// read and written at any time, also while the slot is nobody's: by a signal handler.
    pub attention: AtomicBool,
    /// A signal came that asks for a dump.
    pub dump_due: AtomicBool,
    /// Such signals are listened to.
    pub on_signal: AtomicBool,
    /// What the last call came to that returns no status; the numbers of `rc_status`.
    pub last_status: u32,
    name: [u8; NAME_BYTES],
    error: [u8; LINE_BYTES],
}

impl Heap {
    /// Whether its thread may collect, run any host code and write dumps now: not inside a collection, nor inside a
    /// `clear`. Inside the other callbacks of a death by count it may.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle && self.clearing == 0
    }

    /// What the heap is doing.
    #[inline(always)]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether this is a live heap.
    pub fn is_live(&self) -> bool {
        self.signature == SIGNATURE
    }

    /// Whether the slot still has the heap with this serial number. For who was in that heap: another one may be in the slot
    /// by now, and another thread in that.
    ///
    /// # Safety
    /// - `heap` is the slot of a heap.
    pub unsafe fn is_still(heap: *const Heap, serial: u64) -> bool {
        Heap::serial_of(heap) == Some(serial)
    }

    /// The serial number of the heap that is in a slot, if one is; for who was in the one that was. It is a number of
    /// [`next_number`]'s, by which that heap is told from what was numbered before it was made.
    ///
    /// # Safety
    /// - `heap` is the slot of a heap.
    pub unsafe fn serial_of(heap: *const Heap) -> Option<u64> {
        // ORDER: acquires what `set_signature` released: the serial number. The end of the heap that is remembered has
        // happened before in this thread, if it has: so the signature is not its own.
        let signature =
            AtomicU64::from_ptr((&raw const (*heap).signature).cast_mut()).load(Ordering::Acquire);
        // ORDER: relaxed, behind the signature; 0 or a later number in a slot that was taken again.
        let serial = AtomicU64::from_ptr((&raw const (*heap).serial).cast_mut()).load(Ordering::Relaxed);
        (signature == SIGNATURE).then_some(serial)
    }

    fn set_signature(&mut self, signature: u64) {
        // SAFETY: a word of ours.
        // ORDER: releases the serial number to who acquires in `is_still`.
        unsafe { AtomicU64::from_ptr(&raw mut self.signature) }.store(signature, Ordering::Release);
    }

    fn set_serial(&mut self, serial: u64) {
        // SAFETY: a word of ours.
        // ORDER: relaxed, before the signature: see `is_still`.
        unsafe { AtomicU64::from_ptr(&raw mut self.serial) }.store(serial, Ordering::Relaxed);
    }

    /// Takes the slot, so that nobody else does; [`new`] fills it.
    ///
    /// # Safety
    /// - The range's lock is held, the slot is committed and free.
    pub unsafe fn take(&mut self, index: usize) {
        promised!(range::LOCK.is_closed());
        promised!(self.signature == 0);
        self.set_signature(TAKEN);
        self.set_serial(0);
        // All but these two, and the three that a signal handler may look at at this moment.
        use core::mem::offset_of;
        let start = self as *mut Heap as *mut u8;
        for (begin, end) in [
            (offset_of!(Heap, steps), offset_of!(Heap, serial)),
            (offset_of!(Heap, budget), offset_of!(Heap, attention)),
            (offset_of!(Heap, last_status), size_of::<Heap>()),
        ] {
            ptr::write_bytes(start.add(begin), 0, end - begin);
        }
        for flag in [&self.attention, &self.dump_due, &self.on_signal] {
            // ORDER: relaxed: a handler that sets one all the same, of the heap before, asks for what is looked up and not found.
            flag.store(false, Ordering::Relaxed);
        }
        self.index = index as u32;
    }

    /// A signal that asks for dumps has come to whatever thread it came to; also for a slot that is nobody's.
    pub fn signalled(&self) {
        // ORDER: relaxed: see `auto/plan.rs`, which sets `on_signal`, and reads `dump_due` behind `attention`.
        if self.on_signal.load(Ordering::Relaxed) {
            self.dump_due.store(true, Ordering::Relaxed);
            // ORDER: releases `dump_due` to who acquires in `observe::attend`.
            self.attention.store(true, Ordering::Release);
        }
    }

    /// Gives the slot back, in front of the free one with this number.
    ///
    /// # Safety
    /// - The range's lock is held; nobody uses the heap any more.
    pub unsafe fn give(&mut self, next: u32) {
        promised!(range::LOCK.is_closed());
        self.set_signature(0);
        self.mark_serial = next as u64;
    }

    /// What [`Heap::give`] was told.
    pub fn next_free(&self) -> u32 {
        self.mark_serial as u32
    }

    // ORDER: of `callbacks_running`: relaxed. The heap's thread counts; `come_to_others` and `leave_others` set and clear
    // NESTED from another thread, under the range's lock, and hand nothing over: what a heap does without the bit is right,
    // and with it, too.

    /// A callback begins.
    #[inline(always)]
    pub fn callback_begins(&self) {
        // Not as one operation: nobody else counts, and what another thread sets meanwhile may be lost.
        self.callbacks_running.store(self.callbacks_running.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// A callback has returned.
    #[inline(always)]
    pub fn callback_ends(&self) {
        self.callbacks_running.store(self.callbacks_running.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }

    /// Callbacks of the heap that are running.
    pub fn running_callbacks(&self) -> u32 {
        self.callbacks_running.load(Ordering::Relaxed) & !(NESTED | BOUNDED)
    }

    /// Whether there are, or were, other heaps with whose callbacks its own are counted; see `host.rs`.
    pub fn is_nested(&self) -> bool {
        self.callbacks_running.load(Ordering::Relaxed) & NESTED != 0
    }

    /// Whether there is a budget for deaths by count; see `life/debt.rs`.
    pub fn is_bounded(&self) -> bool {
        self.callbacks_running.load(Ordering::Relaxed) & BOUNDED != 0
    }

    /// See [`Heap::is_bounded`].
    pub fn set_bounded(&self, bounded: bool) {
        match bounded {
            true => self.callbacks_running.fetch_or(BOUNDED, Ordering::Relaxed),
            false => self.callbacks_running.fetch_and(!BOUNDED, Ordering::Relaxed),
        };
    }

    /// There is a debt: the budget becomes what is left to the next payment, if that is less.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn note_debt(&mut self) {
        if self.pace.mode == Mode::Allocation {
            if let Some(bytes) = self.debt.interval() {
                self.budget = self.pace.bring(self.budget, bytes);
            }
        }
    }

    /// Whether it is certain that fewer than `most` callbacks are running.
    #[inline(always)]
    pub fn is_shallow(&self, most: u32) -> bool {
        self.callbacks_running.load(Ordering::Relaxed) < most
    }

    /// The name, for reports.
    pub fn name(&self) -> *const c_char {
        self.name.as_ptr() as *const c_char
    }

    /// The name as words, with zeros behind it.
    pub fn name_words(&self) -> [u64; NAME_BYTES / 8] {
        let mut words = [0; NAME_BYTES / 8];
        for (word, bytes) in words.iter_mut().zip(self.name.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, &byte| word << 8 | byte as u64);
        }
        words
    }

    /// The sentence behind the last failing status.
    pub fn error(&self) -> *const c_char {
        self.error.as_ptr() as *const c_char
    }

    /// Keeps the sentence behind a failing status.
    pub fn set_error(&mut self, text: core::fmt::Arguments<'_>) {
        let line = Line::of(text);
        self.error = [0; LINE_BYTES];
        for (place, &byte) in self.error.iter_mut().zip(line.as_bytes()) {
            *place = byte;
        }
        // ORDER: relaxed, as at `DEFAULT`.
        if ptr::eq(self, DEFAULT.load(core::sync::atomic::Ordering::Relaxed)) {
            crate::base::report::set_process_error(&line);
        }
    }

    /// Calls `each` with every type.
    ///
    /// # Safety
    /// - `each` ends no type but the one it was called with.
    pub unsafe fn each_type(&self, mut each: impl FnMut(*mut Type)) {
        let mut ty = self.first_type;
        while !ty.is_null() {
            let next = (*ty).next;
            each(ty);
            ty = next;
        }
    }

    /// Takes the rations of all types back into the budget: the next allocation of each asks again.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn recall_rations(&mut self) {
        let mut bytes = 0;
        self.each_type(|ty| bytes += (*ty).recall_ration());
        self.budget = self.budget.saturating_add(bytes as i64);
    }

    /// Takes the rations and the runs of all types back: free blocks are in the lists of their pages.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn recall_runs(&mut self) {
        self.recall_rations();
        self.each_type(|ty| (*ty).run.give_back());
        for number in 0..CLASS_COUNT {
            // Through a copy, since its page may go back to its class.
            let mut run = core::mem::replace(&mut self.space.classes[number].run, Run::EMPTY);
            run.give_back();
        }
    }

    /// Gives back all memory that holds no object.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn trim_all(heap: *mut Heap) {
        (*heap).recall_runs();
        Space::trim_all(&raw mut (*heap).space);
    }

    /// As [`Heap::trim_all`], where nobody is in need: free pages of a heap that is mostly full stay.
    ///
    /// # Safety
    /// - As [`Heap::trim_all`].
    pub unsafe fn trim_idle(heap: *mut Heap) {
        (*heap).recall_runs();
        Space::trim_idle(&raw mut (*heap).space);
    }

    /// Sends allocation and the last release of all types the long way, or lets them take the leaf paths
    /// again.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn set_paused(&mut self, paused: bool) {
        self.recall_rations();
        self.each_type(|ty| (*ty).set_paused(paused));
    }

    /// Bytes of live objects, with headers and rounding.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn live_bytes(&self) -> u64 {
        let mut bytes = 0u64;
        self.each_type(|ty| bytes += (*ty).live_bytes());
        bytes
    }

    /// Objects made since the heap was.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn made(&self) -> u64 {
        let mut made = self.ended_allocated;
        self.each_type(|ty| made += (*ty).allocated());
        made
    }

    /// Live objects.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn live_objects(&self) -> u64 {
        let mut objects = 0u64;
        self.each_type(|ty| objects += (*ty).live());
        objects
    }
}

/// How a heap is made.
pub struct Options {
    /// See `gc_heap_options.name`; may be null.
    pub name: *const c_char,
    /// See `gc_heap_options.range_bytes`.
    pub range_bytes: u64,
    /// Finalizers and weak callbacks wait for `gc_run_finalizers`.
    pub queued_finalizers: bool,
    /// The checking level: see `check.rs`.
    pub checked: bool,
}

/// In the number of running callbacks, so that one comparison finds all: see [`Heap::is_nested`].
const NESTED: u32 = 1 << 31;
/// Likewise: see [`Heap::is_bounded`].
const BOUNDED: u32 = 1 << 30;

/// How many heaps there are, the sum of their addresses, and the one that is alone. Under the range's lock.
static mut HEAPS_ALIVE: usize = 0;
static mut ADDRESSES: usize = 0;
static mut ALONE: *mut Heap = ptr::null_mut();

/// Counts a new heap. From the second on their callbacks can nest, and are counted together.
unsafe fn come_to_others(heap: *mut Heap) {
    let _guard = range::LOCK.lock();
    HEAPS_ALIVE += 1;
    ADDRESSES = ADDRESSES.wrapping_add(heap as usize);
    if HEAPS_ALIVE == 1 {
        ALONE = heap;
        return;
    }
    NEST.ensure();
    let alone = ptr::replace(&raw mut ALONE, ptr::null_mut());
    for heap in [alone, heap] {
        if !heap.is_null() {
            // A thread that counts a callback of the first at this moment may undo it: then the first goes on alone.
            // ORDER: relaxed, as at `callback_begins`.
            (*heap).callbacks_running.fetch_or(NESTED, Ordering::Relaxed);
        }
    }
}

/// Counts a heap that ends. One that is left alone need not ask its thread's word at each death any more: a program whose
/// second heap was there for a moment only is as fast as one that never had it.
unsafe fn leave_others(heap: *mut Heap) {
    let _guard = range::LOCK.lock();
    HEAPS_ALIVE -= 1;
    ADDRESSES = ADDRESSES.wrapping_sub(heap as usize);
    ALONE = ptr::null_mut();
    if HEAPS_ALIVE == 1 {
        // The sum of one address.
        ALONE = ADDRESSES as *mut Heap;
        // Callbacks of it that are running are in its own count, too, and their ends put their thread's word back. A thread
        // that counts one at this moment may undo this: then it goes on asking.
        // ORDER: relaxed, as at `callback_begins`.
        (*ALONE).callbacks_running.fetch_and(!NESTED, Ordering::Relaxed);
    }
}

/// The heap that a space is part of.
///
/// # Safety
/// - The space is a heap's.
#[inline(always)]
pub unsafe fn of_space(space: *mut Space) -> *mut Heap {
    space.byte_sub(core::mem::offset_of!(Heap, space)).cast()
}

/// The heap that a page belongs to; null: nobody's.
///
/// # Safety
/// - `page` is an entry of the table of pages.
pub unsafe fn of_page(page: *const Page) -> *mut Heap {
    if (*page).space.is_null() {
        return ptr::null_mut();
    }
    of_space((*page).space)
}

unsafe fn trimmed(space: *mut Space, first: usize, count: usize) {
    observe::tell(of_space(space), Notice::Trimmed(first, count));
}

/// Heaps, and what is taken in them and remembered by tokens, in the order in which they came.
static NUMBERED: AtomicU64 = AtomicU64::new(0);

/// The next number, from 1.
pub fn next_number() -> u64 {
    // ORDER: relaxed: whoever comes gets another number, and in one thread they rise.
    NUMBERED.fetch_add(1, Ordering::Relaxed) + 1
}

/// The number that was given last.
pub fn last_number() -> u64 {
    // ORDER: relaxed, as in `next_number`.
    NUMBERED.load(Ordering::Relaxed)
}

/// Makes a heap.
///
/// # Safety
/// - `options.name` is null or a C string.
pub unsafe fn new(options: &Options) -> Result<*mut Heap, NoSlot> {
    if !range::ensure(options.range_bytes) {
        return Err(NoSlot::NoMemory);
    }
    let slot = range::take_heap_slot()?;
    let heap = &mut *slot;
    scope::begin(heap);
    heap.enabled = true;
    heap.is_checked = options.checked;
    heap.put_offs_left = u64::MAX;
    heap.cut_off = CutOff::Nothing;
    heap.finalizers.queued = options.queued_finalizers;
    Space::begin(&raw mut heap.space, heap.index, trimmed);
    let mut line = Line::new();
    // A cut name is still a name.
    let _ = match options.name.is_null() {
        true => write!(line, "#{}", heap.index),
        false => write!(line, "{}", crate::base::report::CText(options.name)),
    };
    let room = NAME_BYTES - 1;
    for (place, &byte) in heap.name.iter_mut().take(room).zip(line.as_bytes()) {
        *place = byte;
    }
    heap.pace.start();
    heap.renew_cap();
    heap.budget = heap.pace.first_budget();
    heap.set_serial(next_number());
    come_to_others(slot);
    heap.set_signature(SIGNATURE);
    Ok(slot)
}

/// Ends a heap whose objects are all dead: its types, tables and memory go.
///
/// # Safety
/// - `heap` is live, and nobody uses it or anything in it any more.
pub unsafe fn end(heap: *mut Heap) {
    promised!((*heap).is_live());
    promised!((*heap).live_objects() == 0);
    observe::tell(heap, Notice::Gone);
    while !(*heap).first_type.is_null() {
        crate::types::end((*heap).first_type);
    }
    (*heap).external.end();
    (*heap).weak.end();
    (*heap).garbage.end();
    (*heap).foreign.end();
    (*heap).hints.end();
    scope::end_all(heap);
    (*heap).finalizers.end();
    (*heap).callbacks.end();
    (*heap).space.give_all_segments();
    leave_others(heap);
    range::give_heap_slot(heap);
}

// ORDER: of `DEFAULT`: relaxed: who uses the heap is serialised by the host, who hands on with it what made it; others only
// compare.
/// The heap that a null heap parameter means, once made. `capi::heap` makes and forgets it; a failing call on it
/// leaves its sentence for those who ask without a heap, too ([`Heap::set_error`]).
pub static DEFAULT: core::sync::atomic::AtomicPtr<Heap> = core::sync::atomic::AtomicPtr::new(ptr::null_mut());
