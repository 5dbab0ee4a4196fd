//! Types: what the engine must know of a host's struct.
//!
//! A type lives in a slot of the range, so that a header's 18 bits lead to it by one multiplication and a
//! stray type pointer can be told from a real one. The first two cache lines are what allocation, death and
//! the collector's passes read.
//!
//! **Slots.** Declared single pointers (and short fixed arrays of them) become a list of offsets,
//! `offsets`, walked without a test; everything else becomes a [`Slots`] entry, walked by `slots.rs`. A
//! spec is checked completely before anything is made: a slot is 8-aligned, lies inside the struct, and
//! shares no byte with another unless both are tagged words, or variants, of one shape whose tags exclude
//! each other.

use crate::base::promised;
use crate::base::report::{CText, Line};
use crate::header::{Flags, Header, CARE_FLAGS, DEAD_UNTOLD, HEADER_BYTES};
use crate::heap::Heap;
use crate::life::finalizers;
use crate::life::hints::Credit;
use crate::memory::class::{class_of, stride_of, Class, Run, NO_CLASS, SHIFT_BYTES_MAX};
use crate::memory::range;
use crate::memory::range::NoSlot;
use crate::observe::{self, Notice};
use crate::sys;
use core::ffi::{c_char, c_int, c_void, CStr};
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};
use spec::{check, tag_bits, Reason};
use words::Word;

pub use spec::{RawField, Refused, Spec, ACYCLIC, CTX, HOST_LENGTH, TRACK_MANUAL, TRACK_ON_NEW, UNINIT};

pub mod apart;
pub mod spec;
pub mod words;

/// Bytes of a type's slot in the range.
pub const TYPE_SLOT_BYTES: usize = 320;
/// Offsets that fit the slot.
pub const SIMPLE_MAX: usize = 28;

const TAKEN: usize = 1;

/// A high word that no object has.
pub const NO_HIGH: u32 = u32::MAX;

/// The function that a `traverse` is given.
pub type VisitFn = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;
/// `traverse`.
pub type TraverseFn = unsafe extern "C" fn(*mut c_void, Option<VisitFn>, *mut c_void) -> c_int;
/// Makes an object with so many trailing elements, as `alloc::new_array` would; null for out of memory.
pub type MakeFn = unsafe fn(*mut Type, usize) -> *mut c_void;
/// `clear`, `finalize`, `destroy`.
pub type ObjectFn = unsafe extern "C" fn(*mut c_void);
/// `traverse` of a type with [`TypeFlags::CTX`].
pub type TraverseCtxFn =
    unsafe extern "C" fn(*mut c_void, Option<VisitFn>, *mut c_void, *mut c_void) -> c_int;
/// `clear`, `finalize`, `destroy` of a type with [`TypeFlags::CTX`].
pub type ObjectCtxFn = unsafe extern "C" fn(*mut c_void, *mut c_void);

bitflags::bitflags! {
    /// What is true of a type.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct TypeFlags: u32 {
        /// No callback takes part in the death of its objects.
        const PLAIN = 1;
        /// All references are in `offsets`.
        const SIMPLE = 2;
        /// Objects may refer to others.
        const REFERS = 4;
        /// The host said that objects are in no ring.
        const ACYCLIC = 8;
        /// Objects have a trailing array, and its length in the last 8 bytes of their block.
        const TAIL = 16;
        /// Objects have a trailing array whose length the host knows.
        const HOST_LENGTH = 16384;
        /// Objects have a trailing array that is not zeroed.
        const UNINIT = 32768;
        /// The trailing array is the host's alone.
        const LEAF_TAIL = Self::HOST_LENGTH.bits() | Self::UNINIT.bits();
        /// Bytes of objects differ or need a span: they are counted one by one.
        const COUNT_BYTES = 32;
        /// Objects hold weak handles in declared slots, which end with them.
        const HOLDS_WEAK = 128;
        /// Objects are weak maps.
        const MAP = 256;
        /// Plain and simple, of one size class: the leaf paths of allocation and release may be taken.
        const QUICK = 64;
        /// All references are in `offsets` and, at least one of them, in words.
        const WORDS = 512;
        /// An observer makes each of its objects, through [`Type::make`]: there is no ration.
        const PROFILED = 1024;
        /// Stacks are taken of some of its objects.
        const SAMPLED = 2048;
        /// All references are the trailing array, of pointers side by side.
        const POINTER_TAIL = 4096;
        /// Callbacks take the type's ctx, too: they are [`TraverseCtxFn`] and [`ObjectCtxFn`], although their members say
        /// otherwise. `host.rs` alone calls them.
        const CTX = 8192;
        /// Its heap has a budget for deaths: see `life/debt.rs`.
        const BOUNDED = 65536;
        /// [`Type::make`] is set, and to be used where the leaf path ends.
        const OBSERVED = Self::PROFILED.bits() | Self::SAMPLED.bits();
    }
}

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SlotKind {
    /// A pointer.
    Pointer = 1,
    /// A word with tag bits.
    Tagged = 2,
    /// A pointer with a tag beside it.
    Variant = 3,
    /// A weak handle, which is no edge.
    Weak = 4,
}

/// Where the slots of an entry lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SlotPlace {
    /// In the struct.
    Struct = 1,
    /// In the trailing array.
    Tail = 3,
    /// In a buffer that the struct points to.
    Vector = 4,
}

/// One declared field, checked and compiled.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Slots {
    /// What each slot holds.
    pub kind: SlotKind,
    /// Where they lie.
    pub place: SlotPlace,
    /// Bytes of a tag.
    pub tag_bytes: u8,
    /// Bytes of a vector's length.
    pub length_bytes: u8,
    /// Start of the first element, or of the pointer to it.
    pub offset: usize,
    /// Slots in the struct.
    pub count: usize,
    /// From one element to the next.
    pub stride: usize,
    /// From an element to its word.
    pub payload: usize,
    /// From an element to its tag.
    pub tag: usize,
    /// Where a vector's length lies.
    pub length: usize,
    /// See `rc_field`.
    pub mask: u64,
    /// See `rc_field`.
    pub value: u64,
    /// See `rc_field`.
    pub pointer_mask: u64,
    /// The edge's name.
    pub name: *const c_char,
}

impl Slots {
    /// Whether the slots lie side by side, as words.
    #[inline(always)]
    pub fn is_run(&self) -> bool {
        self.stride == 8
    }
}

/// What a type has and seldom touches. Lies before the type's name.
#[repr(C)]
pub struct Rare {
    /// A number that no other type of the process has or had.
    pub serial: u64,
    /// The most objects that lived at once, as far as somebody looked: see [`Type::note_peak`].
    pub peak: u64,
    /// The most bytes.
    pub peak_bytes: u64,
    /// Objects found by a walk over the heap that wants their number; of that walk only.
    pub found: Found,
    /// Objects of the type that are being made while host code runs: it cannot end. See `object.rs`.
    pub pins: u64,
    /// The number of the last watch on the number of its objects; 0: none.
    pub watched: u32,
    /// What became of what its dying objects let go of.
    pub hints: Credit,
    /// What the heap's profile keeps with the type; zeros when it begins and when it ends.
    pub profiled: Profiled,
}

/// What a profile knows of a type.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Profiled {
    /// The number of the site that stands for objects of unknown site; 0: not asked for yet.
    pub site: u32,
    /// Of what was sampled of the type, the last one's number + 1.
    pub bucket: u32,
    /// Without exact counters, the number of the object that is sampled next; 0: not drawn yet. Where objects differ in
    /// size, bytes until then.
    pub next: u64,
}

/// A number of objects, and their bytes.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Found {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Found {
    /// One more object.
    pub fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// A declared field whose slots are in [`Type::offsets`]. The entries of a type lie before its [`Rare`], the first
/// one nearest; they cover the offsets in their order.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SimpleField {
    /// The edge's name.
    pub name: *const c_char,
    /// How many offsets are the field's: 1, or the length of a fixed array.
    pub count: usize,
}

/// One type. Zeroed memory is a free slot.
#[repr(C, align(64))]
pub struct Type {
    /// The slot's own address and 1 more while the type is live, so that one comparison tells a type from
    /// most other memory; [`TAKEN`] while the slot is being filled.
    signature: usize,
    /// The header of a new object.
    pub header: Header,
    /// Blocks for its objects.
    pub run: Run,
    /// Objects that may be made before the heap must be asked: see `object.rs`.
    pub ration: u32,
    /// The class's stride.
    pub stride: u32,
    /// Entries of `offsets`.
    pub simple_count: u16,
    /// What is true of it.
    pub flags: TypeFlags,
    /// The high word of objects whose last release may take the leaf path now; no object has it when none
    /// may.
    pub quick_high: u32,
    /// Objects ended.
    pub freed: u64,
    /// Objects made, and those that the ration still allows.
    pub granted: u64,
    /// The owner.
    pub heap: *mut Heap,
    /// Where runs come from; a class without memory when objects differ in size or are large.
    pub class: *mut Class,
    /// Where single pointers lie.
    pub offsets: [u16; SIMPLE_MAX],
    /// Words behind `extra`: see `types/words.rs`.
    pub word_count: u32,
    /// Trailing arrays shorter than this may be made by the leaf path now; see [`Type::set_paused`].
    pub quick_lengths: u32,
    /// The count word of its dead objects: a number that no other type of the process has or had, as far as they go, so
    /// that a message can say what a dead object was.
    pub dead_word: u32,
    /// All other declared fields.
    pub extra: *mut Slots,
    /// How many.
    pub extra_count: u32,
    /// The slot's number, as in headers.
    pub index: u32,
    /// Bytes of the struct.
    pub size: usize,
    /// Bytes of a trailing element.
    pub tail_size: usize,
    /// Reports what is not declared.
    pub traverse: Option<TraverseFn>,
    /// Releases what is not declared.
    pub clear: Option<ObjectFn>,
    /// Told once before death.
    pub finalize: Option<ObjectFn>,
    /// Frees what the host allocated.
    pub destroy: Option<ObjectFn>,
    /// The host's.
    pub ctx: *mut c_void,
    /// Bytes of objects made and ended, for types that count them one by one.
    pub bytes_allocated: u64,
    /// As `bytes_allocated`.
    pub bytes_freed: u64,
    /// Of the objects ended, those ended by the collector. Of a free slot: the next one.
    pub reclaimed: u64,
    /// Makes an object while [`TypeFlags::OBSERVED`] is set; whoever observes puts it here.
    pub make: Option<MakeFn>,
    /// Neighbours in the heap's list.
    pub next: *mut Type,
    /// As `next`.
    pub prev: *mut Type,
    /// The name; one block of memory with all names and `extra`.
    pub name: *const c_char,
}

static_assertions::const_assert_eq!(size_of::<Type>(), TYPE_SLOT_BYTES);

impl Type {
    /// Takes the slot, so that nobody else does.
    ///
    /// # Safety
    /// - The range's lock is held, the slot is committed and free.
    pub unsafe fn take(&mut self, index: usize) {
        promised!(range::LOCK.is_closed());
        promised!(self.signature == 0);
        ptr::write_bytes(self as *mut Type as *mut u8, 0, TYPE_SLOT_BYTES);
        self.signature = TAKEN;
        self.index = index as u32;
    }

    /// Gives the slot back, in front of the free one with this number.
    ///
    /// # Safety
    /// - The range's lock is held; nobody uses the type any more.
    pub unsafe fn give(&mut self, next: u32) {
        promised!(range::LOCK.is_closed());
        self.signature = 0;
        self.reclaimed = next as u64;
    }

    /// What [`Type::give`] was told.
    pub fn next_free(&self) -> u32 {
        self.reclaimed as u32
    }

    /// Whether this is a live type.
    #[inline(always)]
    pub fn is_live(&self) -> bool {
        // Not the address itself, which other structs of the engine may hold.
        self.signature == self as *const Type as usize + 1
    }

    /// As [`Type::is_live`], for an address that may be no type's.
    ///
    /// # Safety
    /// - Eight bytes there can be read.
    #[inline(always)]
    pub unsafe fn is_live_at(ty: *const Type) -> bool {
        // The signature is the first member; the address need not be aligned.
        (ty as *const usize).read_unaligned() == ty as usize + 1
    }

    /// Objects made.
    pub fn allocated(&self) -> u64 {
        self.granted - self.ration as u64
    }

    /// Objects that live now.
    pub fn live(&self) -> u64 {
        self.allocated() - self.freed
    }

    /// Whether the leaf paths may be taken when no collection is judging.
    fn is_quick(&self) -> bool {
        self.flags.contains(TypeFlags::PLAIN | TypeFlags::SIMPLE)
            && !self.flags.intersects(TypeFlags::COUNT_BYTES | TypeFlags::BOUNDED)
    }

    /// Takes the ration back; returns its bytes.
    pub fn recall_ration(&mut self) -> u64 {
        self.note_peak();
        let ration = core::mem::replace(&mut self.ration, 0) as u64;
        self.granted -= ration;
        ration * self.stride as u64
    }

    /// Its heap has a budget for deaths, or none any more. Leaves and types with callbacks need no flag: see `life/debt.rs`.
    pub fn set_bounded(&mut self, bounded: bool) {
        let needs = self.flags.contains(TypeFlags::PLAIN | TypeFlags::REFERS);
        self.flags.set(TypeFlags::BOUNDED, bounded && needs);
    }

    /// Sends allocation and release the long way, while a collection is judging, or lets them take the leaf
    /// paths again.
    pub fn set_paused(&mut self, paused: bool) {
        let quick = self.is_quick() && !paused;
        self.flags.set(TypeFlags::QUICK, quick);
        self.quick_high = if quick { self.header.high() & !CARE_FLAGS } else { NO_HIGH };
        self.quick_lengths = if paused { 0 } else { self.count_quick_lengths() };
    }

    /// How many lengths from 0 on give objects whose size class is told by a shift, and that need no room in a queue
    /// of finalizers.
    fn count_quick_lengths(&self) -> u32 {
        // SAFETY: a type's heap lives as long as it.
        if self.tail_size == 0 || unsafe { finalizers::is_queued(&*self.heap, self) } {
            return 0;
        }
        let most = SHIFT_BYTES_MAX - HEADER_BYTES - self.stored_bytes();
        match most.checked_sub(self.size) {
            Some(room) => (room / self.tail_size + 1) as u32,
            None => 0,
        }
    }

    /// Bytes that the number of trailing elements takes in a block: it is stored, or it is not.
    #[inline(always)]
    pub fn stored_bytes(&self) -> usize {
        const BIT: usize = TypeFlags::TAIL.bits() as usize;
        (self.flags.bits() as usize & BIT) / (BIT / 8)
    }

    /// Their bytes, with headers and rounding.
    pub fn live_bytes(&self) -> u64 {
        if self.flags.contains(TypeFlags::COUNT_BYTES) {
            self.bytes_allocated - self.bytes_freed
        } else {
            self.live() * self.stride as u64
        }
    }

    /// The name for messages.
    pub fn name(&self) -> CText {
        CText(self.name)
    }

    /// What is seldom touched of it.
    pub fn rare(&self) -> *mut Rare {
        (self.name as *mut Rare).wrapping_sub(1)
    }

    /// Looks whether there never were more objects than now. Called whenever a ration is granted or taken back, so no
    /// peak is missed by more than a ration.
    pub fn note_peak(&mut self) {
        let (live, bytes) = (self.live(), self.live_bytes());
        // SAFETY: a live type has its rare part.
        let rare = unsafe { &mut *self.rare() };
        rare.peak = rare.peak.max(live);
        rare.peak_bytes = rare.peak_bytes.max(bytes);
    }

    /// Calls `each` with every field of [`Type::offsets`].
    ///
    /// # Safety
    /// - The type is live.
    pub unsafe fn each_simple_field(&self, mut each: impl FnMut(&SimpleField)) {
        promised!(self.is_live());
        let mut covered = 0;
        let mut place = self.rare() as *const SimpleField;
        while covered < self.simple_count as usize {
            place = place.sub(1);
            covered += (*place).count;
            each(&*place);
        }
    }
}

/// The name of an object's type, for messages about headers that may have been overwritten: any may be asked.
pub fn name_of(header: Header) -> CText {
    let index = header.type_index();
    // SAFETY: slots below `types_used` can be read, and say whether a type is in them.
    unsafe {
        if index != 0 && index < range::types_used() && (*range::type_at(index)).is_live() {
            (*range::type_at(index)).name()
        } else {
            CText(c"object of unknown type".as_ptr())
        }
    }
}

/// Makes a type from a spec.
///
/// # Safety
/// - `spec` points to what it says it points to.
pub unsafe fn new(heap: *mut Heap, spec: &Spec) -> Result<*mut Type, Refused> {
    promised!((*heap).is_live());
    let mut reason = Reason(Line::new());
    let made = build(heap, spec, &mut reason);
    if let Err(refused) = made {
        let why: &str = match refused {
            Refused::NoMemory => "no memory",
            _ => "",
        };
        if refused == Refused::Limit && reason.0.as_bytes().is_empty() {
            let most = range::types_max();
            reason
                .say(format_args!("the process has as many types as it can: {most}, of all heaps together"));
        }
        let detail = CText(reason.0.as_ptr());
        (*heap).set_error(format_args!("rc_type_new: type {}: {why}{detail}", CText(spec.name)));
    }
    made
}

unsafe fn build(heap: *mut Heap, spec: &Spec, reason: &mut Reason) -> Result<*mut Type, Refused> {
    let fields = check(spec, reason)?;

    let simple: usize = fields.iter().map(simple_slots).sum();
    let all_simple = simple <= SIMPLE_MAX;
    let is_simple = |field: &RawField| all_simple && simple_slots(field) != 0;
    let extra_count = fields.iter().filter(|field| !is_simple(field)).count();

    // One block: extra entries, the words merged from them, the fields of the offsets backwards, the
    // the rare part, then the type's name, then the fields' names.
    let text_bytes = CStr::from_ptr(spec.name).count_bytes()
        + 1
        + fields.iter().map(|field| CStr::from_ptr(field.name).count_bytes() + 1).sum::<usize>();
    let room = words::room_for(
        fields.iter().filter(|field| !is_simple(field)).map(|field| (place_of(field), field.count)),
        spec.traverse.is_some(),
    );
    let simple_fields = fields.len() - extra_count;
    let entry_bytes = extra_count * size_of::<Slots>()
        + room * size_of::<Word>()
        + simple_fields * size_of::<SimpleField>()
        + size_of::<Rare>();
    let block = sys::allocate(entry_bytes + text_bytes);
    if block.is_null() {
        return Err(Refused::NoMemory);
    }
    let slot = match range::take_type_slot() {
        Ok(slot) => slot,
        Err(why) => {
            sys::free(block);
            return Err(match why {
                NoSlot::NoMemory => Refused::NoMemory,
                NoSlot::Limit => Refused::Limit,
            });
        }
    };
    let ty = &mut *slot;
    // ORDER: relaxed: whoever comes gets another number.
    static TYPES_MADE: AtomicU64 = AtomicU64::new(0);
    let serial = TYPES_MADE.fetch_add(1, Ordering::Relaxed) + 1;
    ty.extra = block as *mut Slots;
    let mut text = block.add(entry_bytes);
    let rare = (text as *mut Rare).sub(1);
    rare.write(Rare {
        serial,
        peak: 0,
        peak_bytes: 0,
        found: Found::default(),
        pins: 0,
        watched: 0,
        hints: Credit::default(),
        profiled: Profiled::default(),
    });
    ty.dead_word = serial.min(DEAD_UNTOLD as u64) as u32;
    let mut simple_field = rare as *mut SimpleField;
    ty.name = copy_text(&mut text, spec.name);
    for field in fields {
        let name = copy_text(&mut text, field.name);
        if is_simple(field) {
            simple_field = simple_field.sub(1);
            simple_field.write(SimpleField { name, count: field.count });
            for number in 0..field.count {
                ty.offsets[ty.simple_count as usize] = (field.offset + number * 8) as u16;
                ty.simple_count += 1;
            }
        } else {
            ty.extra.add(ty.extra_count as usize).write(compile(field, name));
            ty.extra_count += 1;
        }
    }
    words::compile(ty, room);
    fill(ty, heap, spec, fields.iter().any(|field| field.slot != 4));
    Ok(slot)
}

/// Slots of a field that fit `offsets`: 0 when it needs an entry of its own.
fn simple_slots(field: &RawField) -> usize {
    let in_struct = field.place == 1 || field.place == 2;
    let near = field.offset + field.count.saturating_mul(8) <= u16::MAX as usize;
    if field.slot == 1 && in_struct && near {
        field.count
    } else {
        0
    }
}

unsafe fn copy_text(to: &mut *mut u8, from: *const c_char) -> *const c_char {
    let bytes = CStr::from_ptr(from).to_bytes_with_nul();
    let start = *to;
    ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len());
    *to = start.add(bytes.len());
    start as *const c_char
}

fn place_of(field: &RawField) -> SlotPlace {
    match field.place {
        3 => SlotPlace::Tail,
        4 => SlotPlace::Vector,
        _ => SlotPlace::Struct,
    }
}

fn compile(field: &RawField, name: *const c_char) -> Slots {
    let kind = match field.slot {
        2 => SlotKind::Tagged,
        3 => SlotKind::Variant,
        4 => SlotKind::Weak,
        _ => SlotKind::Pointer,
    };
    let place = place_of(field);
    let narrow = tag_bits(field);
    Slots {
        kind,
        place,
        tag_bytes: field.tag_bytes as u8,
        length_bytes: field.length_bytes as u8,
        offset: field.offset,
        count: field.count,
        stride: field.stride,
        payload: field.payload_offset,
        tag: field.tag_offset,
        length: field.length_offset,
        mask: field.mask & narrow,
        value: field.value & narrow,
        pointer_mask: field.pointer_mask,
        name,
    }
}

/// Whether the only declared field is a trailing array of pointers side by side.
unsafe fn is_pointer_tail(ty: &Type) -> bool {
    if ty.simple_count != 0 || ty.extra_count != 1 {
        return false;
    }
    let slots = &*ty.extra;
    slots.place == SlotPlace::Tail
        && slots.kind == SlotKind::Pointer
        && slots.stride == 8
        && slots.payload == 0
}

unsafe fn fill(ty: &mut Type, heap: *mut Heap, spec: &Spec, has_fields: bool) {
    let refers = has_fields || spec.traverse.is_some();
    let mut flags = TypeFlags::empty();
    let holds_weak = (0..ty.extra_count as usize).any(|index| (*ty.extra.add(index)).kind == SlotKind::Weak);
    let callbacks = spec.clear.is_some() || spec.finalize.is_some() || spec.destroy.is_some();
    flags.set(TypeFlags::PLAIN, !callbacks && !holds_weak);
    flags.set(TypeFlags::HOLDS_WEAK, holds_weak);
    flags.set(TypeFlags::SIMPLE, ty.extra_count == 0 && spec.traverse.is_none());
    flags.set(TypeFlags::WORDS, ty.word_count != 0);
    flags.set(TypeFlags::POINTER_TAIL, spec.traverse.is_none() && is_pointer_tail(ty));
    flags.set(TypeFlags::REFERS, refers);
    flags.set(TypeFlags::ACYCLIC, spec.flags & ACYCLIC != 0);
    let host_length = spec.flags & HOST_LENGTH != 0;
    flags.set(TypeFlags::TAIL, spec.tail_size != 0 && !host_length);
    flags.set(TypeFlags::HOST_LENGTH, host_length);
    flags.set(TypeFlags::UNINIT, spec.flags & UNINIT != 0);
    flags.set(TypeFlags::CTX, spec.flags & CTX != 0);

    let track = refers
        && spec.flags & (ACYCLIC | TRACK_MANUAL) == 0
        && (spec.traverse.is_none() || spec.flags & TRACK_ON_NEW != 0);
    let object_flags = if track { Flags::TRACKED } else { Flags::empty() };
    ty.header = Header::new(ty.index, object_flags);
    ty.heap = heap;
    ty.size = spec.size;
    ty.tail_size = spec.tail_size;
    ty.class = NO_CLASS.get();
    ty.run = Run::EMPTY;
    match class_of(spec.size + crate::header::HEADER_BYTES) {
        Some(class) if spec.tail_size == 0 => {
            ty.class = &mut (&mut (*heap).space.classes)[class];
            ty.stride = stride_of(class);
        }
        _ => flags |= TypeFlags::COUNT_BYTES,
    }
    ty.flags = flags;
    ty.traverse = spec.traverse;
    ty.clear = spec.clear;
    ty.finalize = spec.finalize;
    ty.destroy = spec.destroy;
    ty.ctx = spec.ctx;
    ty.set_bounded((*heap).is_bounded());
    // What it says of the leaf paths depends on all of these.
    ty.set_paused(false);
    ty.next = (*heap).first_type;
    if !ty.next.is_null() {
        (*ty.next).prev = ty;
    }
    (*heap).first_type = ty;
    ty.signature = ty as *const Type as usize + 1;
    observe::tell(ty.heap, Notice::TypeMade(ty));
}

/// Ends a type.
///
/// # Safety
/// - No object of the type lives.
pub unsafe fn end(ty: *mut Type) {
    promised!((*ty).is_live());
    promised!((*ty).live() == 0);
    let heap = (*ty).heap;
    observe::tell((*ty).heap, Notice::TypeEnded(ty));
    (*heap).budget = (*heap).budget.saturating_add((*ty).recall_ration() as i64);
    (*ty).run.give_back();
    (*heap).ended_allocated += (*ty).allocated();
    (*heap).ended_reclaimed += (*ty).reclaimed;
    if (*ty).prev.is_null() {
        (*heap).first_type = (*ty).next;
    } else {
        (*(*ty).prev).next = (*ty).next;
    }
    if !(*ty).next.is_null() {
        (*(*ty).next).prev = (*ty).prev;
    }
    if (*heap).map_type == ty {
        (*heap).map_type = ptr::null_mut();
    }
    sys::free((*ty).extra as *mut u8);
    range::give_type_slot(ty);
}
