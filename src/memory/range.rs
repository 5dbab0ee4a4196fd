//! The one address range: where every object of the process lies, and the tables beside it.
//!
//! ```text
//!   reservation (PROT_NONE until committed)
//!   | heaps | types | segments | pages  | bits      | cells, handles, entries, | working counts | objects
//!     8 KiB   320 B   32 B       64 B     renewed,    stacks of scopes           16 bits          segments
//!     each    each    /1 MiB     /64 KiB  thawed,     24, 48, 48, 160 B each     /granule         of 1 MiB, pages
//!                                         changed                                                 of 64 KiB
//! ```
//!
//! Everything about an address follows from `(address - objects) >> shift`: there is no header in a page or
//! a segment, so the collector writes beside the objects, never into them, and "is this pointer ours" is a
//! subtraction and a comparison.
//!
//! Invariants:
//! - The range is made once and never moves; before that `committed` is 0, so every pointer is foreign.
//! - Segments below `committed` are readable and writable together with their part of every table. Growth
//!   is contiguous, since each hole would cost the kernel a mapping, and mappings are few.
//! - Working counts are zero outside a collection of the heap that owns the segment.
//!
//! **Threads.** Every heap has a thread that is in it, and all of them share these tables. What changes is written under
//! [`LOCK`]; what is also read without it is an atomic: [`Shared`], the slots that a pool has handed out, the owners of
//! segments (`segment.rs`), the frontiers of pages (`page.rs`), the headers of objects (`header.rs`). The addresses of the
//! tables are plain words: written once, before the first heap is handed out, and so before anything exists that could
//! lead a thread to them, but for an address that is nobody's ([`committed_offset`]) and a signal ([`each_heap`]).
//!
//! Memory is given back by `MADV_DONTNEED`, which leaves it committed and reading zero: a dead header.

use crate::base::environment;
use crate::base::promised;
use crate::header::{LINK_GRANULES, TYPE_COUNT_MAX};
use crate::heap::{Heap, HEAP_SLOT_BYTES};
use crate::memory::bits::Bits;
use crate::memory::page::{Page, PAGE_BYTES};
use crate::memory::pool::Pool;
use crate::memory::room;
use crate::memory::segment::{Segment, SEGMENT_BYTES, SEGMENT_PAGES};
use crate::sys;
/// Guards what all heaps share.
pub use crate::sys::lock::RANGE as LOCK;
use crate::types::{Type, TYPE_SLOT_BYTES};
use core::ffi::{c_void, CStr};
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a granule, the unit of the side tables and the alignment of objects.
pub const GRANULE_BYTES: usize = 16;
/// log2 of a granule.
pub const GRANULE_SHIFT: u32 = 4;

/// The smallest range that is of use.
const RANGE_BYTES_MIN: u64 = 16 << 20;
/// The range wanted by default, if the machine's memory is not larger still, nor a limit smaller.
const RANGE_BYTES_DEFAULT: u64 = 256 << 30;
/// Huge pages are 2 MiB on the supported processors; objects start on such a border.
pub const HUGE_PAGE_BYTES: usize = 2 << 20;
/// Segments whose working counts fill a huge page.
pub const WORK_SEGMENTS: usize = HUGE_PAGE_BYTES / (SEGMENT_BYTES / GRANULE_BYTES * 2);

/// Where things are. Copied nowhere: there is one, [`RANGE`].
pub struct Range {
    /// First byte of the reservation.
    base: *mut u8,
    /// Bytes of the reservation.
    bytes: usize,
    /// Bytes of the objects' part; 0 until the range is made.
    pub size: usize,
    /// One per 64 KiB page.
    pub pages: *mut Page,
    /// One bit a granule: the block that begins there became free since its page's objects last became old.
    pub renewed: Bits,
    /// One per granule: see `cycle/working.rs`.
    pub work: *mut u16,
    /// One per 1 MiB segment.
    pub segments: *mut Segment,
    /// Slots of types.
    pub types: *mut Type,
    /// How many slots of types there are.
    type_count: usize,
    /// Slots of heaps.
    heaps: *mut u8,
    /// How many slots of heaps there are.
    heap_count: usize,
    /// Cells of weakly referable objects.
    pub cells: Pool,
    /// Weak handles.
    pub handles: Pool,
    /// Entries of weak maps.
    pub entries: Pool,
    /// Stacks of scopes.
    pub scope_stacks: Pool,
    /// Segments below this one are all taken.
    pub first_free: usize,
    /// Of each pair of segments below this one, which is the first of a pair, one is taken at least.
    pub first_free_pair: usize,
    /// One bit a granule: the block that begins there became free since its page's objects were frozen.
    pub thawed: Bits,
    /// One bit a granule: the block that begins there became free since its page was marked.
    pub changed: Bits,
    /// See there.
    shared: Shared,
    /// Slots of types whose memory is committed.
    types_committed: usize,
    /// First of the slots of types that were given back; 0: none.
    free_type: u32,
    /// As `free_type`, of heaps.
    free_heap: u32,
}

impl Range {
    /// None yet.
    const fn none() -> Self {
        Range {
            base: ptr::null_mut(),
            bytes: 0,
            size: 0,
            pages: ptr::null_mut(),
            renewed: Bits::NONE,
            work: ptr::null_mut(),
            segments: ptr::null_mut(),
            types: ptr::null_mut(),
            type_count: 0,
            heaps: ptr::null_mut(),
            heap_count: 0,
            cells: Pool::none(),
            handles: Pool::none(),
            entries: Pool::none(),
            scope_stacks: Pool::none(),
            first_free: 0,
            first_free_pair: 0,
            thawed: Bits::NONE,
            changed: Bits::NONE,
            shared: Shared {
                objects: AtomicUsize::new(0),
                committed: AtomicUsize::new(0),
                types_used: AtomicUsize::new(0),
                heaps_used: AtomicUsize::new(0),
            },
            types_committed: 0,
            free_type: 0,
            free_heap: 0,
        }
    }
}

/// The range of this process; who writes and reads what of it is said in the file's head.
pub static mut RANGE: Range = Range::none();

/// Of the range, what is also read without the lock while another thread may be writing it.
struct Shared {
    /// First byte of the objects. Read as a plain word by [`objects`], as an atomic by [`committed_offset`].
    objects: AtomicUsize,
    /// Bytes of the objects' part that are committed, in whole segments: see [`committed`].
    committed: AtomicUsize,
    /// Slots of types that were ever used; their memory is committed.
    types_used: AtomicUsize,
    /// As `types_used`, of heaps.
    heaps_used: AtomicUsize,
}

/// [`Shared`], of the range of this process. Beside its other words, so that one address leads to all.
#[inline(always)]
fn shared() -> &'static Shared {
    // SAFETY: atomics only, in a static that is never moved.
    unsafe {
        let shared = &raw const RANGE.shared;
        &*shared
    }
}

/// First byte of the objects, for a thread that has an object or is in a heap.
#[inline(always)]
pub fn objects() -> usize {
    // SAFETY: a word that was written before any object existed.
    unsafe { *shared().objects.as_ptr() }
}

/// Bytes of the objects' part that are committed, together with their parts of the tables.
#[inline(always)]
pub fn committed() -> usize {
    // ORDER: acquires what `commit_segments` released: that so much is there, and where it and the tables lie. A number that
    // is out of date by now is good for every address that this thread has come by.
    shared().committed.load(Ordering::Acquire)
}

/// Slots of types that were ever used.
#[inline(always)]
pub fn types_used() -> usize {
    // ORDER: relaxed, written by `take_type_slot`: who has a type has got it, and all that led to it, from the thread that
    // made it. Any other address, or index, is refused by what is read here whatever its age.
    shared().types_used.load(Ordering::Relaxed)
}

/// Slots of heaps that were ever used.
#[inline(always)]
pub fn heaps_used() -> usize {
    // ORDER: acquires what `take_heap_slot` released: where the slots lie, and that they are committed. For a signal handler,
    // whose thread may know of no heap.
    shared().heaps_used.load(Ordering::Acquire)
}

/// Offset of an address from the first object byte; at least `size` when the address is not ours.
///
/// For a thread that has an object or is in a heap; [`committed_offset`] is for all.
#[inline(always)]
pub fn offset_of(address: usize) -> usize {
    address.wrapping_sub(objects())
}

/// Whether the address lies among the objects' part of the range. As [`offset_of`].
#[inline(always)]
pub fn contains(address: usize) -> bool {
    // SAFETY: a word that was written before any object existed.
    offset_of(address) < unsafe { RANGE.size }
}

/// Offset of an address from the first object byte, if it lies in a segment that is committed, so that its page can be
/// asked. For any address, in any thread, also while another one makes the range.
#[inline(always)]
pub fn committed_offset(address: usize) -> Option<usize> {
    let committed = committed();
    // ORDER: relaxed, behind `committed`, which is not 0 only for who sees what `place` stored before it.
    let objects = shared().objects.load(Ordering::Relaxed);
    let offset = address.wrapping_sub(objects);
    (offset < committed).then_some(offset)
}

/// The granule of an address in the range.
#[inline(always)]
pub fn granule_of(obj: *mut c_void) -> u64 {
    (offset_of(obj as usize) >> GRANULE_SHIFT) as u64
}

/// The address of a granule.
#[inline(always)]
pub fn address_of(granule: u64) -> *mut c_void {
    (objects() + ((granule as usize) << GRANULE_SHIFT)) as *mut c_void
}

/// The page of an address in the range.
///
/// # Safety
/// - The address lies in a committed segment.
#[inline(always)]
pub unsafe fn page_of(address: usize) -> *mut Page {
    promised!(committed_offset(address).is_some());
    page_at(offset_of(address))
}

/// As [`page_of`], of an offset, as [`committed_offset`] gives it.
///
/// # Safety
/// - As [`page_of`].
#[inline(always)]
pub unsafe fn page_at(offset: usize) -> *mut Page {
    RANGE.pages.add(offset >> PAGE_BYTES.trailing_zeros())
}

/// The segment of an address in the range.
///
/// # Safety
/// - The address lies in the range.
#[inline(always)]
pub unsafe fn segment_of(address: usize) -> *mut Segment {
    promised!(offset_of(address) < RANGE.size);
    RANGE.segments.add(offset_of(address) >> SEGMENT_BYTES.trailing_zeros())
}

/// Puts a page under examination, beside those that are.
///
/// # Safety
/// - Only the thread of the page's heap is in that heap, which is in no collection.
pub unsafe fn examine(page: *const Page) {
    let index = (*page).index() as usize;
    (*RANGE.segments.add(index / SEGMENT_PAGES)).examined_pages |= 1 << (index % SEGMENT_PAGES);
}

/// The slot of a type.
///
/// # Safety
/// - The index came from a header.
#[inline(always)]
pub unsafe fn type_at(index: usize) -> *mut Type {
    promised!(index < RANGE.type_count);
    (RANGE.types as *mut u8).add(index * TYPE_SLOT_BYTES) as *mut Type
}

/// Sizes of the tables for so many segments of objects.
struct Layout {
    segments: usize,
    heaps: usize,
    types: usize,
    offsets: [usize; 13],
    pools: [usize; 4],
    total: usize,
}

fn lay_out(total: u64) -> Layout {
    // Per segment: the objects, their working counts (1/8), renewed, thawed and changed bits (1/128 each), pages
    // and the segment's own entry.
    let per_segment = SEGMENT_BYTES
        + SEGMENT_BYTES / 8
        + SEGMENT_BYTES / 128 * 3
        + (SEGMENT_BYTES / PAGE_BYTES) * size_of::<Page>();
    let types = ((total / 16) as usize / TYPE_SLOT_BYTES).clamp(1024, TYPE_COUNT_MAX);
    let heaps = ((total / 16) as usize / HEAP_SLOT_BYTES).clamp(64, 16384);
    // The numbers of cells and entries have 32 bits.
    let pools = [
        (total / 64).min(24 << 32) as usize,
        (total / 32) as usize,
        (total / 32).min(48 << 32) as usize,
        (total / 128) as usize,
    ];
    let fixed =
        types * TYPE_SLOT_BYTES + heaps * HEAP_SLOT_BYTES + HUGE_PAGE_BYTES + pools.iter().sum::<usize>();
    let granules = LINK_GRANULES as usize * GRANULE_BYTES / SEGMENT_BYTES;
    let segments =
        ((total as usize).saturating_sub(fixed) / (per_segment + size_of::<Segment>())).clamp(1, granules);
    // Objects begin on a huge page's border, and so do the working counts, which lie before them.
    let segments = if segments < WORK_SEGMENTS { segments } else { segments / WORK_SEGMENTS * WORK_SEGMENTS };
    let sizes = [
        heaps * HEAP_SLOT_BYTES,
        types * TYPE_SLOT_BYTES,
        segments * size_of::<Segment>(),
        segments * (SEGMENT_BYTES / PAGE_BYTES) * size_of::<Page>(),
        segments * (SEGMENT_BYTES / GRANULE_BYTES / 8),
        segments * (SEGMENT_BYTES / GRANULE_BYTES / 8),
        segments * (SEGMENT_BYTES / GRANULE_BYTES / 8),
        pools[0],
        pools[1],
        pools[2],
        pools[3],
        segments * (SEGMENT_BYTES / GRANULE_BYTES * 2),
    ];
    let mut offsets = [0usize; 13];
    let mut at = 0usize;
    for (place, size) in offsets.iter_mut().zip(sizes) {
        *place = at;
        // Tables begin on 64 KiB borders: whole OS pages on every supported kernel.
        at = (at + size).next_multiple_of(64 << 10);
    }
    if let Some(last) = offsets.last_mut() {
        *last = at;
    }
    Layout { segments, heaps, types, offsets, pools, total: at + segments * SEGMENT_BYTES + HUGE_PAGE_BYTES }
}

/// Makes the range if there is none. False when not even the smallest can be had.
///
/// `wanted` is the host's option, 0 for the default.
pub fn ensure(wanted: u64) -> bool {
    let is_made = {
        let _guard = LOCK.lock();
        // SAFETY: `size` is written under the lock that is held.
        unsafe { RANGE.size != 0 }
    };
    if is_made {
        return true;
    }
    // Not under the lock: what cannot be obeyed is said, and the log is the host's.
    const VARIABLE: &CStr = c"RCGC_RANGE_BYTES";
    // SAFETY: the text is not kept.
    let told = if wanted == 0 { unsafe { environment::bytes(VARIABLE) }.unwrap_or(0) } else { 0 };
    let wish = match wanted.max(told) {
        0 => room::reservation(
            RANGE_BYTES_DEFAULT.max(sys::machine_bytes().saturating_mul(2)),
            sys::limits::get().least(),
        ),
        bytes => bytes,
    };
    let asked = {
        let _guard = LOCK.lock();
        // SAFETY: under the lock, and nothing can point into a range that does not exist yet.
        unsafe {
            match RANGE.size {
                0 => make(wish),
                _ => return true,
            }
        }
    };
    let Some((asked, taken)) = asked else { return false };
    // Borders cost up to a half; what is less was not to be had, or is more than objects can be numbered.
    if told != 0 && (asked != told || taken < told / 2) {
        let why = if asked > told { "are too few" } else { "cannot be had" };
        environment::refuse(VARIABLE, c"", format_args!("{told} bytes {why}: {taken} are taken"));
    }
    true
}

/// Makes the range; the bytes that were asked of the system in the end, and those that were taken.
unsafe fn make(wish: u64) -> Option<(u64, u64)> {
    let mut total = wish.min(sys::address_space_left() / 2).max(RANGE_BYTES_MIN);
    loop {
        let layout = lay_out(total);
        if let Some(base) = sys::reserve(layout.total) {
            begin(base, &layout);
            return Some((total, layout.total as u64));
        }
        if total <= RANGE_BYTES_MIN {
            return None;
        }
        total = (total / 2).max(RANGE_BYTES_MIN);
    }
}

/// The library goes: gives the range back.
///
/// # Safety
/// - Nobody uses anything in it any more.
pub unsafe fn unmake() {
    let _guard = LOCK.lock();
    if RANGE.bytes != 0 {
        sys::unreserve(RANGE.base, RANGE.bytes);
    }
    RANGE = Range::none();
}

unsafe fn begin(base: *mut u8, layout: &Layout) {
    let [heaps, types, segments, pages, renewed, thawed, changed, cells, handles, entries, stacks, work, end] =
        layout.offsets;
    (RANGE.base, RANGE.bytes) = (base, layout.total);
    RANGE.heaps = base.add(heaps);
    RANGE.heap_count = layout.heaps;
    RANGE.types = base.add(types) as *mut Type;
    RANGE.type_count = layout.types;
    RANGE.segments = base.add(segments) as *mut Segment;
    RANGE.pages = base.add(pages) as *mut Page;
    RANGE.renewed = Bits(base.add(renewed) as *mut u64);
    RANGE.thawed = Bits(base.add(thawed) as *mut u64);
    RANGE.changed = Bits(base.add(changed) as *mut u64);
    RANGE.cells = Pool::new(base.add(cells), layout.pools[0]);
    RANGE.handles = Pool::new(base.add(handles), layout.pools[1]);
    RANGE.entries = Pool::new(base.add(entries), layout.pools[2]);
    RANGE.scope_stacks = Pool::new(base.add(stacks), layout.pools[3]);
    let objects = (base as usize + end).next_multiple_of(HUGE_PAGE_BYTES);
    // ORDER: relaxed: `commit_segments` releases it, before which `committed_offset` does not use it.
    shared().objects.store(objects, Ordering::Relaxed);
    RANGE.work = (objects - (end - work)) as *mut u16;
    // Index 0 of either table is never handed out, so that a zeroed header or owner names nothing.
    // ORDER: relaxed and release, as in `take_type_slot` and `take_heap_slot`.
    shared().types_used.store(1, Ordering::Relaxed);
    shared().heaps_used.store(1, Ordering::Release);
    RANGE.size = layout.segments * SEGMENT_BYTES;
}

/// Commits at least `count` segments from the start of the range. False when the system refuses, or the
/// range is used up.
///
/// # Safety
/// - The lock is held and the range exists.
pub unsafe fn commit_segments(count: usize) -> bool {
    promised!(LOCK.is_closed());
    promised!(RANGE.size != 0);
    let (all, committed) = (RANGE.size / SEGMENT_BYTES, committed() / SEGMENT_BYTES);
    if count <= committed {
        return true;
    }
    if count > all {
        return false;
    }
    // Ahead of need by an eighth, so that commits are few; without that where the system counts every byte.
    let most = if sys::limits::get().data == u64::MAX { 64 } else { 3 };
    let ahead = (committed + (committed / 8).clamp(3, most)).clamp(count, all);
    for target in [ahead, count] {
        if commit_tables(committed, target) {
            // ORDER: releases the segments, and where the tables lie, to who acquires in `committed`.
            shared().committed.store(target * SEGMENT_BYTES, Ordering::Release);
            return true;
        }
    }
    false
}

unsafe fn commit_tables(from: usize, to: usize) -> bool {
    let count = to - from;
    let part = |table: *mut u8, bytes: usize| {
        // SAFETY: each table has `bytes` for every segment of the range, and `to` is at most all of them.
        unsafe { sys::commit(table.add(from * bytes), count * bytes) }
    };
    part(RANGE.segments as *mut u8, size_of::<Segment>())
        && part(RANGE.pages as *mut u8, SEGMENT_BYTES / PAGE_BYTES * size_of::<Page>())
        && part(RANGE.renewed.0 as *mut u8, SEGMENT_BYTES / GRANULE_BYTES / 8)
        && part(RANGE.work as *mut u8, SEGMENT_BYTES / GRANULE_BYTES * 2)
        && part(RANGE.thawed.0 as *mut u8, SEGMENT_BYTES / GRANULE_BYTES / 8)
        && part(RANGE.changed.0 as *mut u8, SEGMENT_BYTES / GRANULE_BYTES / 8)
        && part(objects() as *mut u8, SEGMENT_BYTES)
}

/// Segments from this one on may be nobody's again.
///
/// # Safety
/// - The lock is held.
pub unsafe fn segments_are_free(first: usize) {
    promised!(LOCK.is_closed());
    RANGE.first_free = RANGE.first_free.min(first);
    RANGE.first_free_pair = RANGE.first_free_pair.min(first & !1);
}

/// Why there is no slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoSlot {
    /// The system gives no memory.
    NoMemory,
    /// The process has as many as it can.
    Limit,
}

/// Slots of types that are committed at once: each takes two calls of the system.
const TYPES_AT_ONCE: usize = 64;

/// A slot for a type, zeroed but for what [`Type::take`] sets.
pub fn take_type_slot() -> Result<*mut Type, NoSlot> {
    let _guard = LOCK.lock();
    // SAFETY: under the lock; slots below types_used are committed.
    unsafe {
        let mut index = RANGE.free_type as usize;
        if index != 0 {
            RANGE.free_type = (*type_at(index)).next_free();
        } else {
            index = types_used();
            if index >= RANGE.type_count {
                return Err(NoSlot::Limit);
            }
            if index >= RANGE.types_committed {
                let more = TYPES_AT_ONCE.min(RANGE.type_count - index);
                if !sys::commit(type_at(index) as *mut u8, more * TYPE_SLOT_BYTES) {
                    return Err(NoSlot::NoMemory);
                }
                RANGE.types_committed = index + more;
            }
            // ORDER: relaxed, read by `types_used`.
            shared().types_used.store(index + 1, Ordering::Relaxed);
        }
        let slot = type_at(index);
        (*slot).take(index);
        Ok(slot)
    }
}

/// A type has ended.
///
/// # Safety
/// - Nobody uses it any more.
pub unsafe fn give_type_slot(ty: *mut Type) {
    let _guard = LOCK.lock();
    (*ty).give(RANGE.free_type);
    RANGE.free_type = (*ty).index;
}

/// The slot of a heap.
///
/// # Safety
/// - `index < heap_count`.
#[inline(always)]
pub unsafe fn heap_at(index: usize) -> *mut Heap {
    promised!(index < RANGE.heap_count);
    RANGE.heaps.add(index * HEAP_SLOT_BYTES) as *mut Heap
}

/// Whether an address is that of a slot of a heap that is, or was, one.
pub fn is_heap_slot(heap: *const Heap) -> bool {
    // SAFETY: a word that was written before the first heap existed.
    let offset = (heap as usize).wrapping_sub(unsafe { RANGE.heaps } as usize);
    offset < heaps_used() * HEAP_SLOT_BYTES && offset % HEAP_SLOT_BYTES == 0
}

/// Whether an address is that of a slot of a type that is, or was, one. No other memory is read: any address may come.
#[inline(always)]
pub fn is_type_slot(ty: *const Type) -> bool {
    // SAFETY: a word that was written before the first type existed.
    let offset = (ty as usize).wrapping_sub(unsafe { RANGE.types } as usize);
    offset < types_used() * TYPE_SLOT_BYTES && offset % TYPE_SLOT_BYTES == 0
}

/// Calls `each` with the slot of every heap that is, or was, one.
pub fn each_heap(mut each: impl FnMut(*mut Heap)) {
    for index in 1..heaps_used() {
        // SAFETY: slots below `heaps_used` are committed.
        each(unsafe { heap_at(index) });
    }
}

/// How many types the process can have.
pub fn types_max() -> usize {
    // SAFETY: reads a word that is written once, before the first type exists.
    unsafe { RANGE.type_count.saturating_sub(1) }
}

/// How many heaps the process can have.
pub fn heaps_max() -> usize {
    // SAFETY: reads a word that is written once, before the first heap exists.
    unsafe { RANGE.heap_count.saturating_sub(1) }
}

/// A slot for a heap, zeroed but for what [`Heap::take`] sets.
pub fn take_heap_slot() -> Result<*mut Heap, NoSlot> {
    let _guard = LOCK.lock();
    // SAFETY: under the lock; slots below heaps_used are committed.
    unsafe {
        let mut index = RANGE.free_heap as usize;
        if index != 0 {
            RANGE.free_heap = (*heap_at(index)).next_free();
        } else {
            index = heaps_used();
            if index >= RANGE.heap_count {
                return Err(NoSlot::Limit);
            }
            if !sys::commit(heap_at(index) as *mut u8, HEAP_SLOT_BYTES) {
                return Err(NoSlot::NoMemory);
            }
            // ORDER: releases the slot to who acquires in `heaps_used`.
            shared().heaps_used.store(index + 1, Ordering::Release);
        }
        let slot = heap_at(index);
        (*slot).take(index);
        Ok(slot)
    }
}

/// A heap has ended.
///
/// # Safety
/// - Nobody uses it any more.
pub unsafe fn give_heap_slot(heap: *mut Heap) {
    let _guard = LOCK.lock();
    (*heap).give(RANGE.free_heap);
    RANGE.free_heap = (*heap).index;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_objects_fit_their_reservation() {
        for total in [RANGE_BYTES_MIN, 64 << 20, 1 << 30, RANGE_BYTES_DEFAULT, 4 << 40] {
            let layout = lay_out(total);
            assert!(layout.offsets.is_sorted());
            assert!(layout.segments >= 8, "{} segments in {total} bytes", layout.segments);
            assert!((layout.total as u64) < total + total / 8);
            assert!((layout.segments * SEGMENT_BYTES / GRANULE_BYTES) as u64 <= LINK_GRANULES);
        }
    }
}
