//! The verdict: which objects of the examined pages are dead. Three sweeps in address order, none of which
//! writes to an object.
//!
//! ```text
//!   count     working count := count, for every object of the set
//!   subtract  one less for every edge from an object of the set to an object of the set
//!   mark      whatever has a working count left is held from outside: it, and all it reaches, lives (working count := 0)
//!   dead      is what still has a working count (of zero)
//! ```
//!
//! One example, a ring A <-> B and a chain C -> D where only the host holds C; columns are the table after
//! each sweep, as "working count" or "-" for not suspected:
//!
//! | | A | B | C | D |
//! |---|---|---|---|---|
//! | count | 1 | 1 | 1 | 1 |
//! | subtract | 0 | 0 | 1 | 0 |
//! | mark | 0 | 0 | - | - |
//!
//! **The set** is what the first sweep finds in the pages under examination: objects that are tracked, have a
//! count (are not immortal), are not dying, not frozen, and in a young collection not old; and keys of weak maps that
//! have nothing to be tracked for, as far as all else is true of them. Everything else is
//! outside: its edges are not subtracted, so what it refers to lives. That is safe in every case, and finds
//! all garbage but what something outside keeps.
//!
//! Read [`Judge::run`], then the sweeps in their order, then `drain`. [`Judge::run_again`] is the same after
//! callbacks, with the dead for the set and the engine's own holds left out of the counts.
//!
//! This is the synchronous form of trial deletion (Lins 1992; Bacon and Rajan, ECOOP 2001, section 3) with
//! CPython's arrangement: all objects of the set instead of candidates, sums of edges instead of traversals
//! from each.
//!
//! **Ephemerons** (`weakmap.rs`): the reference of an entry to its value is attributed to the key while the
//! map lives. It is subtracted once, when key or map is in the set; it is followed when both are alive,
//! from the side that is marked last, so that a chain of entries costs one visit each. A key without references (a
//! string, a symbol) is in the set for its entries' sake: else a value that refers to it would keep itself alive. It is
//! released as any member is, and not counted as one, since nobody tracks it.
//!
//! **Marking** takes what is held in address order and puts what that reaches on a worklist. The worklist
//! is emptied through a ring of [`AHEAD`] objects whose memory is on its way into the cache. Its size is
//! fixed before judging; when it is full, an object is left in the table as [`AGAIN`], which the sweep
//! takes for "held", and the sweep is repeated.
//!
//! The host's `traverse` runs in the second and third sweep; see `host.rs` for what stops it from doing
//! more than visiting.

mod held;
mod listed;
mod reached;

use super::events::{self, DEBUG_UNCOLLECTABLE};
use super::table::Table;
use super::working::{self, Large, AGAIN, BELOW_ZERO, CLEAR, SMALL_MAX, TO_BE_LARGE, ZERO};
use crate::base::promised;
use crate::base::report::{self, CText, Level};
use crate::header::{self, Flags, Header, IMMORTAL, LOCAL};
use crate::heap::{Heap, Phase};
use crate::host;
use crate::life::foreign;
use crate::life::weakmap::{self, Detached};
use crate::memory::page::{is_frozen, is_old, PageFlags};
use crate::memory::range;
use crate::object::{self, epitaph, slots, NotAnObject};
use crate::sys;
use crate::types::words::WORDS_MAX;
use crate::types::{Type, TypeFlags};
use core::ffi::{c_char, c_int, c_void};

/// Objects whose memory is fetched ahead of their turn.
const AHEAD: usize = 16;

/// What a visit function finds at its `visit_ctx`: first the edge's name, for [`visit_named`].
#[repr(C)]
pub struct EdgeName {
    name: *const c_char,
    index: usize,
}

/// Words of a batch.
const BATCH: usize = 128;

/// Words whose places in the table are looked at together: unpacking a tagged word takes so long that between two of
/// them too few loads from the table would be under way (measured: a third of a sweep).
struct Batch {
    words: [usize; BATCH],
    len: usize,
}

impl Batch {
    const fn new() -> Self {
        Batch { words: [0; BATCH], len: 0 }
    }

    /// Takes the words of an object in; there is room for those of one.
    #[inline(always)]
    unsafe fn add(&mut self, obj: *mut c_void, ty: *const Type) {
        slots::each_word_edge(obj, ty, &mut |word| {
            *self.words.get_unchecked_mut(self.len) = word;
            self.len += 1;
        });
    }

    /// Whether the next object may find no room.
    fn is_full(&self) -> bool {
        self.len > BATCH - WORDS_MAX
    }

    /// Takes all words out.
    #[inline(always)]
    fn take(&mut self, mut each: impl FnMut(usize)) {
        for &word in self.words.iter().take(core::mem::replace(&mut self.len, 0)) {
            each(word);
        }
    }
}

/// The state of one judgement.
#[repr(C)]
pub struct Judge {
    edge: EdgeName,
    heap: *mut Heap,
    table: Table,
    /// Old objects are not in the set.
    young: bool,
    /// The heap ends, and is asked what is held: see [`Judge::of_ending`].
    ending: bool,
    worklist: *mut *mut c_void,
    capacity: usize,
    len: usize,
    again: bool,
    /// There are weak maps.
    ephemerons: bool,
    large: Large,
    /// The object whose `traverse` is running.
    source: *mut c_void,
    /// Some object of the set refers to one that is not in it.
    pub outer: bool,
    /// Objects in the set.
    examined: u64,
    /// Keys of weak maps in the set that are not tracked.
    keys: u64,
    /// Objects of it that live.
    pub marked: u64,
    /// Edges or counts that cannot be: each was reported.
    pub anomalies: u64,
}

/// No memory for judging; nothing was changed.
pub struct NoMemory;

impl Judge {
    /// Reserves all the memory that judging may need but for large counts, whose number is not known yet.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn new(heap: *mut Heap, young: bool) -> Result<Self, NoMemory> {
        // Enough for a sixteenth of the objects of 64 bytes; more would seldom be used, less only costs
        // sweeps.
        let wanted = ((*heap).space.page_bytes / 1024) as usize;
        let table = if young { Table::of_examined(heap) } else { Table::of(heap) };
        let mut judge = Judge::with_room(heap, wanted.clamp(512, 64 << 10), table)?;
        judge.young = young;
        Ok(judge)
    }

    unsafe fn with_room(heap: *mut Heap, capacity: usize, table: Table) -> Result<Self, NoMemory> {
        let capacity = if cfg!(feature = "check") { 4 } else { capacity };
        let worklist = sys::allocate_raw(capacity * size_of::<*mut c_void>()) as *mut *mut c_void;
        if worklist.is_null() {
            return Err(NoMemory);
        }
        Ok(Judge {
            edge: EdgeName { name: core::ptr::null(), index: 0 },
            heap,
            table,
            young: false,
            ending: false,
            worklist,
            capacity,
            len: 0,
            again: false,
            ephemerons: false,
            large: Large::none(),
            source: core::ptr::null_mut(),
            outer: false,
            examined: 0,
            keys: 0,
            marked: 0,
            anomalies: 0,
        })
    }

    /// Runs the three sweeps over the pages under examination.
    ///
    /// # Safety
    /// - The heap's phase is `Judging`, every tracked object is walkable, and working counts are all clear.
    pub unsafe fn run(&mut self) -> Result<(), NoMemory> {
        promised!((*self.heap()).phase() == Phase::Judging);
        let large = match (*self.heap).weak.untracked_entries {
            0 => self.sweep_count::<false>(),
            _ => self.sweep_count::<true>(),
        };
        self.go_on(large, &Detached::new())
    }

    /// Judges the dead again, after callbacks that may have stored references to them: the engine's own reference
    /// does not count. What lives loses its working count and keeps the flag CONDEMNED.
    ///
    /// # Safety
    /// - As [`Judge::run`]; exactly the dead have a working count, and are held.
    pub unsafe fn run_again(&mut self, detached: &Detached) -> Result<(), NoMemory> {
        // Callbacks may have given the heap segments.
        self.table = Table::of_examined(self.heap);
        let table = self.table;
        let mut large = 0;
        (*self.heap).space.each_examined_page(|page| {
            table.each_suspect(page, |obj, work| {
                let word = header::count_word(obj);
                let count = if word == IMMORTAL { 1 } else { word - LOCAL - 1 };
                *work = if count <= SMALL_MAX {
                    working::small(count)
                } else {
                    large += 1;
                    TO_BE_LARGE
                };
            });
        });
        self.go_on(large, detached)
    }

    /// What follows the first sweep, in which so many large counts were found.
    unsafe fn go_on(&mut self, large: usize, detached: &Detached) -> Result<(), NoMemory> {
        if self.make_large(large).is_err() {
            self.forget();
            return Err(NoMemory);
        }
        if large != 0 {
            self.enter_large();
        }
        self.sweep_subtract();
        self.note_ephemerons();
        if self.ephemerons {
            self.sweep_subtract_entries();
        }
        if self.ending {
            self.subtract_immortals();
        }
        // Entries that have left their maps, which may be gone, own their values until those are released.
        let table = self.table;
        detached.each_value(|value| self.subtract_one(&table, value));
        loop {
            self.again = false;
            self.sweep_mark();
            if !self.again {
                return Ok(());
            }
        }
    }

    /// Makes room for so many large counts.
    fn make_large(&mut self, count: usize) -> Result<(), NoMemory> {
        if count != 0 {
            self.large = Large::with_room(count).ok_or(NoMemory)?;
        }
        Ok(())
    }

    unsafe fn note_ephemerons(&mut self) {
        self.ephemerons = !(*self.heap).map_type.is_null() && (*(*self.heap).map_type).live() != 0;
    }

    /// The heap that is judged.
    pub fn heap(&self) -> *mut Heap {
        self.heap
    }

    /// How many objects of the set are dead.
    pub fn dead(&self) -> u64 {
        self.examined - self.marked
    }

    /// Tracked objects in the set.
    pub fn tracked(&self) -> u64 {
        self.examined - self.keys
    }

    /// Whether there are objects in the set that are not tracked.
    pub fn has_keys(&self) -> bool {
        self.keys != 0
    }

    /// Working count := count. Returns how many are large. With `KEYS`, keys of weak maps are looked for that are not
    /// tracked.
    unsafe fn sweep_count<const KEYS: bool>(&mut self) -> usize {
        let mut large = 0;
        let mut examined = 0;
        let mut keys = 0;
        let table = self.table;
        let (young, ending) = (self.young, self.ending);
        (*self.heap).space.each_examined_page(|page| {
            let skip_old = young && (*page).old_end != 0;
            let skip_frozen = (*page).flags.contains(PageFlags::FROZEN);
            let (mut place, step) = table.first(page);
            (*page).each_block(|obj| {
                let header = header::load(obj);
                let key = KEYS && weakmap::is_untracked_key(header, obj);
                if (key || is_member(header))
                    && !(skip_old && is_old(page, obj))
                    && !(skip_frozen && is_frozen(obj))
                {
                    let count = header.count_word() - LOCAL;
                    examined += 1;
                    keys += key as u64;
                    if count <= SMALL_MAX {
                        *place = working::small(count);
                    } else {
                        *place = TO_BE_LARGE;
                        large += 1;
                    }
                }
                place = place.add(step);
            });
        });
        self.examined = examined;
        self.keys = keys;
        if ending {
            large += self.count_rest();
        }
        large
    }

    unsafe fn enter_large(&mut self) {
        (*self.heap).space.each_examined_page(|page| {
            self.table.each_suspect(page, |obj, work| {
                if *work == TO_BE_LARGE {
                    let held = header::has_flags(obj, Flags::CONDEMNED) as u32;
                    let count = header::count_word(obj) - LOCAL - held;
                    *work = self.large.enter(range::granule_of(obj), count);
                }
            });
        });
    }

    /// Clears the table again.
    unsafe fn forget(&mut self) {
        (*self.heap).space.each_examined_page(|page| self.table.each_suspect(page, |_, work| *work = CLEAR));
    }

    unsafe fn sweep_subtract(&mut self) {
        let heap = self.heap;
        let table = self.table;
        let mut outer = false;
        let mut batch = Batch::new();
        (*heap).space.each_examined_page(|page| {
            table.each_suspect(page, |obj, _| {
                let ty = object::type_of(obj);
                if !(*ty).flags.contains(TypeFlags::SIMPLE) {
                    if !(*ty).flags.contains(TypeFlags::WORDS) {
                        return self.subtract_all(obj, ty);
                    }
                    batch.add(obj, ty);
                    if batch.is_full() {
                        self.subtract_batch(&table, &mut batch);
                    }
                }
                // As in subtract_all, with the table and the result in registers.
                slots::each_simple_edge(obj, ty, 0, &mut |word| match table.work_of(word) {
                    Some(place) if is_plainly_positive(*place) => *place -= 1,
                    Some(place) if *place != CLEAR => self.subtract_slow(word as *mut c_void, place),
                    _ => outer |= word != 0,
                });
            });
        });
        self.subtract_batch(&table, &mut batch);
        self.outer |= outer;
    }

    #[inline(never)]
    unsafe fn subtract_batch(&mut self, table: &Table, batch: &mut Batch) {
        let mut outer = false;
        batch.take(|word| match table.work_of(word) {
            Some(place) if is_plainly_positive(*place) => *place -= 1,
            Some(place) if *place != CLEAR => self.subtract_slow(word as *mut c_void, place),
            _ => outer |= word != 0,
        });
        self.outer |= outer;
    }

    /// Whether `traverse` may be called. Only while the heap ends there are objects in the set for which it may not.
    #[inline(always)]
    unsafe fn is_walkable(&self, obj: *mut c_void) -> bool {
        !self.ending || header::has_flags(obj, Flags::TRACKED)
    }

    /// Takes all edges of an object off their targets' working counts.
    #[inline(never)]
    unsafe fn subtract_all(&mut self, obj: *mut c_void, ty: *const Type) {
        let table = self.table;
        let mut outer = false;
        slots::each_edge(obj, ty, |word| match table.work_of(word) {
            Some(place) if is_plainly_positive(*place) => *place -= 1,
            Some(place) if *place != CLEAR => self.subtract_slow(word as *mut c_void, place),
            _ => outer |= word != 0,
        });
        self.outer |= outer;
        if let Some(traverse) = (*ty).traverse.filter(|_| self.is_walkable(obj)) {
            self.source = obj;
            host::traverse(ty, traverse, obj, visit_subtract, self as *mut Judge as *mut c_void);
        }
    }

    /// The edges of weak maps' entries: each is taken off once, from the side of its key if that is in the
    /// set, else of its map.
    unsafe fn sweep_subtract_entries(&mut self) {
        let heap = self.heap;
        let table = self.table;
        self.outer = true;
        (*heap).space.each_examined_page(|page| {
            table.each_suspect(page, |obj, _| self.subtract_entries_of(obj));
        });
    }

    unsafe fn subtract_entries_of(&mut self, obj: *mut c_void) {
        let table = self.table;
        if header::has_flags(obj, Flags::WEAK) {
            weakmap::each_of_key(obj, |entry| self.subtract_one(&table, entry.value));
        }
        if weakmap::is_map(obj) {
            weakmap::each_of_map(obj, |entry| {
                if !table.is_suspected(entry.key()) {
                    self.subtract_one(&table, entry.value);
                }
            });
        }
    }

    unsafe fn subtract_one(&mut self, table: &Table, target: *mut c_void) {
        match table.work_of(target as usize) {
            Some(place) if is_plainly_positive(*place) => *place -= 1,
            Some(place) if *place != CLEAR => self.subtract_slow(target, place),
            _ => {}
        }
    }

    /// An object lives: so do the values of its entries whose other side, map or key, is alive too. The
    /// last of the two to be marked reaches the value; what is still suspected may be held, which the sweep
    /// will find.
    #[inline(never)]
    unsafe fn expand_entries(&mut self, table: &Table, obj: *mut c_void) {
        if header::has_flags(obj, Flags::WEAK) {
            weakmap::each_of_key(obj, |entry| {
                if !table.is_suspected(entry.map()) {
                    self.mark(table, entry.value as usize);
                }
            });
        }
        if weakmap::is_map(obj) {
            weakmap::each_of_map(obj, |entry| {
                if !table.is_suspected(entry.key()) {
                    self.mark(table, entry.value as usize);
                }
            });
        }
    }

    unsafe fn sweep_mark(&mut self) {
        let heap = self.heap;
        let table = self.table;
        let mut batch = Batch::new();
        (*heap).space.each_examined_page(|page| {
            table.each_suspect(page, |obj, work| {
                if *work > ZERO {
                    if *work == BELOW_ZERO {
                        self.report_below_zero(obj);
                    }
                    *work = CLEAR;
                    self.marked += 1;
                    let ty = object::type_of(obj);
                    if (*ty).flags.contains(TypeFlags::WORDS) && !self.ephemerons {
                        slots::each_simple_edge(obj, ty, 0, &mut |word| self.mark(&table, word));
                        batch.add(obj, ty);
                        if batch.is_full() {
                            batch.take(|word| self.mark(&table, word));
                        }
                    } else {
                        self.expand(&table, obj);
                    }
                    if self.len > self.capacity / 2 {
                        self.drain();
                    }
                }
            });
        });
        batch.take(|word| self.mark(&table, word));
        self.drain();
    }

    #[cold]
    #[inline(never)]
    unsafe fn subtract_slow(&mut self, target: *mut c_void, place: *mut u16) {
        *place = working::subtract_slow(&mut self.large, range::granule_of(target), *place);
    }

    /// An object lives: so does what it refers to.
    #[inline(always)]
    unsafe fn expand(&mut self, table: &Table, obj: *mut c_void) {
        let ty = object::type_of(obj);
        if self.ephemerons {
            self.expand_entries(table, obj);
        }
        if (*ty).flags.contains(TypeFlags::SIMPLE) {
            slots::each_simple_edge(obj, ty, 0, &mut |word| self.mark(table, word));
        } else if (*ty).flags.contains(TypeFlags::WORDS) {
            slots::each_simple_edge(obj, ty, 0, &mut |word| self.mark(table, word));
            slots::each_word_edge(obj, ty, &mut |word| self.mark(table, word));
        } else {
            self.expand_all(obj, ty);
        }
    }

    #[inline(never)]
    unsafe fn expand_all(&mut self, obj: *mut c_void, ty: *const Type) {
        let table = self.table;
        slots::each_edge(obj, ty, |word| self.mark(&table, word));
        if let Some(traverse) = (*ty).traverse.filter(|_| self.is_walkable(obj)) {
            self.source = obj;
            host::traverse(ty, traverse, obj, visit_mark, self as *mut Judge as *mut c_void);
        }
    }

    #[inline(always)]
    unsafe fn mark(&mut self, table: &Table, word: usize) {
        match table.work_of(word) {
            // What has a working count left is found by the sweep itself.
            Some(place) if *place == ZERO => self.push(word as *mut c_void, place),
            _ => {}
        }
    }

    #[inline(always)]
    unsafe fn push(&mut self, obj: *mut c_void, place: *mut u16) {
        if self.len < self.capacity {
            *place = CLEAR;
            self.marked += 1;
            *self.worklist.add(self.len) = obj;
            self.len += 1;
        } else {
            *place = AGAIN;
            self.again = true;
        }
    }

    /// Empties the worklist.
    unsafe fn drain(&mut self) {
        let table = self.table;
        let mut ring = [core::ptr::null_mut::<c_void>(); AHEAD];
        let mut first = 0;
        let mut count = 0;
        loop {
            while count < AHEAD && self.len > 0 {
                self.len -= 1;
                let obj = *self.worklist.add(self.len);
                sys::prefetch_for_read::<0>((obj as usize).wrapping_sub(header::HEADER_BYTES));
                ring[(first + count) % AHEAD] = obj;
                count += 1;
            }
            if count == 0 {
                return;
            }
            let obj = ring[first];
            first = (first + 1) % AHEAD;
            count -= 1;
            self.expand(&table, obj);
        }
    }

    /// An edge that a `traverse` reports leads to no object of the set: to a foreign object, for which its proxy stands, or to
    /// what must be an object.
    #[inline(never)]
    unsafe fn subtract_outer(&mut self, target: *mut c_void) {
        let proxy = foreign::stand_in(self.heap, target);
        if proxy != target {
            let table = self.table;
            self.outer |= proxy.is_null();
            return self.subtract_one(&table, proxy);
        }
        self.outer = true;
        self.check_reported(target);
    }

    /// Whether every object that a type's `traverse` reports is one; says so once if not.
    #[cold]
    #[inline(never)]
    unsafe fn check_reported(&mut self, target: *mut c_void) {
        let Err(why) = object::check_held(target) else { return };
        if self.ending && why != NotAnObject::Dead {
            return; // The collection before has said so.
        }
        let ty = &*object::type_of(self.source);
        let edge = report::Line::of(format_args!("{}", EdgeText(&self.edge)));
        let edge = CText(edge.as_ptr());
        if why == NotAnObject::Dead {
            report::fatal(format_args!(
                "traverse of {} {:p} reported {target:p}{edge}, a dead {}: it was released without being taken out of the object that refers to it{}",
                ty.name(),
                self.source,
                epitaph::of(target),
                object::particulars::of(self.source)
            ));
        }
        self.anomalies += 1;
        report::log(
            Level::Error,
            format_args!(
                "traverse of {} {:p} reported {target:p}{edge}, which is not an object; the edge was left out",
                ty.name(),
                self.source
            ),
        );
    }

    #[cold]
    #[inline(never)]
    unsafe fn report_below_zero(&mut self, obj: *mut c_void) {
        if self.ending {
            return; // The collection before has said so.
        }
        self.anomalies += 1;
        report_below_zero(self.heap, obj);
    }
}

/// More edges lead to an object than it has references: says so.
///
/// # Safety
/// - `obj` is an object of the heap.
pub unsafe fn report_below_zero(heap: *mut Heap, obj: *mut c_void) {
    if (*heap).debug & DEBUG_UNCOLLECTABLE != 0 {
        events::log_object("uncollectable", obj);
    }
    report::log(
        Level::Error,
        format_args!(
            "{} {obj:p} has count {} but more edges than that lead to it: a traverse reports an edge twice, or an incref is missing; it is kept alive",
            (*object::type_of(obj)).name(),
            header::count_word(obj) & !LOCAL
        ),
    );
}

impl Drop for Judge {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody has a pointer to it.
        unsafe { sys::free(self.worklist as *mut u8) }
    }
}

/// Whether an object takes part: tracked, with a count of its own, and not on its way out.
#[inline(always)]
pub fn is_member(header: Header) -> bool {
    const MASK: u64 = ((Flags::TRACKED.bits() | Flags::DYING.bits()) as u64) << 32 | LOCAL as u64;
    const MEMBER: u64 = (Flags::TRACKED.bits() as u64) << 32 | LOCAL as u64;
    header.0 & MASK == MEMBER
}

/// Whether one edge less is one less in the table: the count is small and above zero.
#[inline(always)]
fn is_plainly_positive(value: u16) -> bool {
    value.wrapping_sub(2) < SMALL_MAX as u16
}

struct EdgeText<'a>(&'a EdgeName);

impl core::fmt::Display for EdgeText<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.0.name.is_null() {
            return Ok(());
        }
        write!(out, " as {}", CText(self.0.name))?;
        if self.0.index != usize::MAX {
            write!(out, "[{}]", self.0.index)?;
        }
        Ok(())
    }
}

unsafe extern "C" fn visit_subtract(target: *mut c_void, ctx: *mut c_void) -> c_int {
    let judge = &mut *(ctx as *mut Judge);
    match judge.table.work_of(target as usize) {
        Some(place) if is_plainly_positive(*place) => *place -= 1,
        Some(place) if *place != CLEAR => judge.subtract_slow(target, place),
        // Not in the set: fine for an object, so it must be one.
        _ if !target.is_null() => judge.subtract_outer(target),
        _ => {}
    }
    0
}

unsafe extern "C" fn visit_mark(target: *mut c_void, ctx: *mut c_void) -> c_int {
    let judge = &mut *(ctx as *mut Judge);
    let table = judge.table;
    let target = foreign::stand_in(judge.heap, target);
    judge.mark(&table, target as usize);
    0
}

/// `rc_visit_named`: keeps the name where messages find it while `visit` runs, if that is one of ours.
///
/// # Safety
/// - `visit` and `ctx` are what a `traverse` was given, or the host's own that belong together.
pub unsafe fn visit_named(
    visit: crate::types::VisitFn,
    ctx: *mut c_void,
    target: *mut c_void,
    name: *const c_char,
    index: usize,
) -> c_int {
    let ours = visit as usize == visit_subtract as *const () as usize;
    if !ours {
        return visit(target, ctx);
    }
    let edge = ctx as *mut EdgeName;
    *edge = EdgeName { name, index };
    let result = visit(target, ctx);
    *edge = EdgeName { name: core::ptr::null(), index: 0 };
    result
}
