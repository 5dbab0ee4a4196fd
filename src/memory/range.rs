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
//! - The range is made once and never moves; before that `size` is 0, so every pointer is foreign.
//! - Segments below `committed` are readable and writable together with their part of every table. Growth
//!   is contiguous, since each hole would cost the kernel a mapping, and mappings are few.
//! - Working counts are zero outside a collection of the heap that owns the segment.
//!
//! Memory is given back by `MADV_DONTNEED`, which leaves it committed and reading zero: a dead header.

use crate::base::environment;
use crate::header::{LINK_GRANULES, TYPE_COUNT_MAX};
use crate::heap::{Heap, HEAP_SLOT_BYTES};
use crate::memory::page::{Page, PAGE_BYTES};
use crate::memory::segment::{Segment, SEGMENT_BYTES, SEGMENT_PAGES};
use crate::sys;
/// Guards what all heaps share.
pub use crate::sys::lock::RANGE as LOCK;
use crate::types::{Type, TYPE_SLOT_BYTES};
use core::ffi::{c_void, CStr};
use core::ptr;

/// Bytes of a granule, the unit of the side tables and the alignment of objects.
pub const GRANULE_BYTES: usize = 16;
/// log2 of a granule.
pub const GRANULE_SHIFT: u32 = 4;

/// The smallest range that is of use.
const RANGE_BYTES_MIN: u64 = 16 << 20;
/// The range wanted by default, if the machine's memory is not larger still.
const RANGE_BYTES_DEFAULT: u64 = 256 << 30;
/// Huge pages are 2 MiB on the supported processors; objects start on such a border.
pub const HUGE_PAGE_BYTES: usize = 2 << 20;
/// Segments whose working counts fill a huge page.
pub const WORK_SEGMENTS: usize = HUGE_PAGE_BYTES / (SEGMENT_BYTES / GRANULE_BYTES * 2);

/// Slots of one size, for what outlives heaps: handed out once each, then again from a free list. Under the
/// lock.
#[derive(Clone, Copy)]
pub struct Pool {
    /// First slot; slot 0 is never handed out.
    pub base: *mut u8,
    /// Bytes reserved.
    pub size: usize,
    /// Bytes committed.
    pub committed: usize,
    /// Bytes handed out.
    pub used: usize,
    /// First of the slots given back, which their owner links.
    pub free: *mut u8,
    /// Slots in use.
    taken: usize,
}

impl Pool {
    const fn none() -> Self {
        Pool { base: ptr::null_mut(), size: 0, committed: 0, used: 0, free: ptr::null_mut(), taken: 0 }
    }

    /// A slot that was never handed out, zeroed; null for out of memory.
    ///
    /// # Safety
    /// - The lock is held; `bytes` is the same at every call.
    pub unsafe fn bump(&mut self, bytes: usize) -> *mut u8 {
        let start = self.used.max(bytes);
        let end = start + bytes;
        if end > self.committed {
            let committed = (end + POOL_STEP_BYTES).min(self.size);
            if end > committed || !sys::commit(self.base, committed) {
                return ptr::null_mut();
            }
            self.committed = committed;
        }
        self.used = end;
        self.base.add(start)
    }
}

/// Whether a pool, of slots of this type, has no slot left, whatever memory there is.
///
/// # Safety
/// - The pool has slots of this type.
pub unsafe fn is_used_up<T>(pool: *const Pool) -> bool {
    let _guard = LOCK.lock();
    (*pool).free.is_null() && (*pool).used.max(size_of::<T>()) + size_of::<T>() > (*pool).size
}

/// A slot of a pool: a free one, which `next_free` leads on from, or a new one. Null for out of memory.
///
/// # Safety
/// - The pool has slots of this type.
pub unsafe fn take_slot<T>(pool: *mut Pool, next_free: impl Fn(*mut T) -> *mut T) -> *mut T {
    let _guard = LOCK.lock();
    let free = (*pool).free as *mut T;
    let slot = match free.is_null() {
        true => (*pool).bump(size_of::<T>()) as *mut T,
        false => {
            (*pool).free = next_free(free) as *mut u8;
            free
        }
    };
    (*pool).taken += !slot.is_null() as usize;
    slot
}

/// Puts a slot back, whose link leads to what was the first free one.
///
/// # Safety
/// - The lock is held; the slot was taken from this pool, and nobody uses it any more.
pub unsafe fn give_slot<T>(pool: *mut Pool, slot: *mut T) {
    (*pool).free = slot as *mut u8;
    (*pool).taken -= 1;
}

/// Gives the memory of pools back in which no slot is in use: of all heaps together.
pub fn trim_pools() {
    let _guard = LOCK.lock();
    // SAFETY: under the lock; nobody needs what is in the slots.
    unsafe {
        let pools = [
            &raw mut RANGE.cells,
            &raw mut RANGE.handles,
            &raw mut RANGE.entries,
            &raw mut RANGE.scope_stacks,
        ];
        for pool in pools {
            let idle = (*pool).taken == 0 && (*pool).used > POOL_STEP_BYTES;
            if idle && sys::decommit((*pool).base, (*pool).committed) {
                (*pool).used = 0;
                (*pool).free = ptr::null_mut();
            }
        }
    }
}

/// How much of a pool is committed at a time.
const POOL_STEP_BYTES: usize = 64 << 10;

/// Where things are. Copied nowhere: there is one, [`RANGE`].
pub struct Range {
    /// First byte of the reservation.
    base: *mut u8,
    /// Bytes of the reservation.
    bytes: usize,
    /// First byte of the objects.
    pub objects: usize,
    /// Bytes of the objects' part; 0 until the range is made.
    pub size: usize,
    /// One per 64 KiB page.
    pub pages: *mut Page,
    /// One bit a granule: the block that begins there became free since its page's objects last became old.
    pub renewed: *mut u64,
    /// One per granule: see `cycle/working.rs`.
    pub work: *mut u16,
    /// One per 1 MiB segment.
    pub segments: *mut Segment,
    /// Slots of types.
    pub types: *mut Type,
    /// Bytes of the slots of types that were ever used.
    pub types_bytes: usize,
    /// How many slots of types there are.
    pub type_count: usize,
    /// Slots of heaps.
    pub heaps: *mut u8,
    /// How many slots of heaps there are.
    pub heap_count: usize,
    /// Cells of weakly referable objects.
    pub cells: Pool,
    /// Weak handles.
    pub handles: Pool,
    /// Entries of weak maps.
    pub entries: Pool,
    /// Stacks of scopes.
    pub scope_stacks: Pool,
    /// Segments that are committed.
    pub committed: usize,
    /// Segments below this one are all taken.
    pub first_free: usize,
    /// Of each pair of segments below this one, which is the first of a pair, one is taken at least.
    pub first_free_pair: usize,
    /// Slots of types and heaps that were ever used; their memory is committed.
    pub types_used: usize,
    /// One bit a granule: the block that begins there became free since its page's objects were frozen.
    pub thawed: *mut u64,
    /// One bit a granule: the block that begins there became free since its page was marked.
    pub changed: *mut u64,
    /// As `types_used`.
    pub heaps_used: usize,
    /// First of the slots of types that were given back; 0: none.
    free_type: u32,
    /// As `free_type`, of heaps.
    free_heap: u32,
}

impl Range {
    /// None yet.
    const NONE: Range = Range {
        base: ptr::null_mut(),
        bytes: 0,
        objects: 0,
        size: 0,
        pages: ptr::null_mut(),
        renewed: ptr::null_mut(),
        work: ptr::null_mut(),
        segments: ptr::null_mut(),
        types: ptr::null_mut(),
        types_bytes: 0,
        type_count: 0,
        heaps: ptr::null_mut(),
        heap_count: 0,
        cells: Pool::none(),
        handles: Pool::none(),
        entries: Pool::none(),
        scope_stacks: Pool::none(),
        committed: 0,
        first_free: 0,
        first_free_pair: 0,
        types_used: 0,
        thawed: ptr::null_mut(),
        changed: ptr::null_mut(),
        heaps_used: 0,
        free_type: 0,
        free_heap: 0,
    };
}

/// The range of this process.
///
/// Written under [`LOCK`]; what the fast paths read (`objects`, `size`, the tables' addresses) is written
/// once, before the first heap is handed out, and so before any object exists whose address could lead
/// here.
pub static mut RANGE: Range = Range::NONE;

/// Offset of an address from the first object byte; at least `size` when the address is not ours.
#[inline(always)]
pub fn offset_of(address: usize) -> usize {
    // SAFETY: reads a word that is written before any object exists.
    address.wrapping_sub(unsafe { RANGE.objects })
}

/// Whether the address lies among the objects' part of the range.
#[inline(always)]
pub fn contains(address: usize) -> bool {
    // SAFETY: as in offset_of.
    offset_of(address) < unsafe { RANGE.size }
}

/// Whether the address lies in a segment that is committed, so that its page can be asked.
#[inline(always)]
pub fn is_committed(address: usize) -> bool {
    // SAFETY: as in offset_of.
    unsafe { contains(address) && offset_of(address) / SEGMENT_BYTES < RANGE.committed }
}

/// The granule of an address in the range.
#[inline(always)]
pub fn granule_of(obj: *mut c_void) -> u64 {
    (offset_of(obj as usize) >> GRANULE_SHIFT) as u64
}

/// The address of a granule.
#[inline(always)]
pub fn address_of(granule: u64) -> *mut c_void {
    // SAFETY: as in offset_of.
    (unsafe { RANGE.objects } + ((granule as usize) << GRANULE_SHIFT)) as *mut c_void
}

/// The page of an address in the range.
///
/// # Safety
/// - The address lies in a committed segment.
#[inline(always)]
pub unsafe fn page_of(address: usize) -> *mut Page {
    RANGE.pages.add(offset_of(address) >> PAGE_BYTES.trailing_zeros())
}

/// The segment of an address in the range.
///
/// # Safety
/// - The address lies in the range.
#[inline(always)]
pub unsafe fn segment_of(address: usize) -> *mut Segment {
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
    (RANGE.types as *mut u8).add(index * TYPE_SLOT_BYTES) as *mut Type
}

/// Sizes of the tables for so many segments of objects.
struct Plan {
    segments: usize,
    heaps: usize,
    types: usize,
    offsets: [usize; 13],
    pools: [usize; 4],
    total: usize,
}

fn plan(total: u64) -> Plan {
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
    Plan { segments, heaps, types, offsets, pools, total: at + segments * SEGMENT_BYTES + HUGE_PAGE_BYTES }
}

/// Makes the range if there is none. False when not even the smallest can be had.
///
/// `wanted` is the host's option, 0 for the default.
pub fn ensure(wanted: u64) -> bool {
    let is_made = {
        let _guard = LOCK.lock();
        // SAFETY: under the lock.
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
        0 => RANGE_BYTES_DEFAULT.max(sys::machine_bytes().saturating_mul(2)),
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
        let plan = plan(total);
        if let Some(base) = sys::reserve(plan.total) {
            place(base, &plan);
            return Some((total, plan.total as u64));
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
    RANGE = Range::NONE;
}

unsafe fn place(base: *mut u8, plan: &Plan) {
    let [heaps, types, segments, pages, renewed, thawed, changed, cells, handles, entries, stacks, work, end] =
        plan.offsets;
    (RANGE.base, RANGE.bytes) = (base, plan.total);
    RANGE.heaps = base.add(heaps);
    RANGE.heap_count = plan.heaps;
    RANGE.types = base.add(types) as *mut Type;
    RANGE.type_count = plan.types;
    RANGE.segments = base.add(segments) as *mut Segment;
    RANGE.pages = base.add(pages) as *mut Page;
    RANGE.renewed = base.add(renewed) as *mut u64;
    RANGE.thawed = base.add(thawed) as *mut u64;
    RANGE.changed = base.add(changed) as *mut u64;
    RANGE.cells = Pool { base: base.add(cells), size: plan.pools[0], ..Pool::none() };
    RANGE.handles = Pool { base: base.add(handles), size: plan.pools[1], ..Pool::none() };
    RANGE.entries = Pool { base: base.add(entries), size: plan.pools[2], ..Pool::none() };
    RANGE.scope_stacks = Pool { base: base.add(stacks), size: plan.pools[3], ..Pool::none() };
    RANGE.objects = (base as usize + end).next_multiple_of(HUGE_PAGE_BYTES);
    RANGE.work = (RANGE.objects - (end - work)) as *mut u16;
    // Index 0 of either table is never handed out, so that a zeroed header or owner names nothing.
    RANGE.types_used = 1;
    RANGE.heaps_used = 1;
    RANGE.size = plan.segments * SEGMENT_BYTES;
}

/// Commits at least `count` segments from the start of the range. False when the system refuses, or the
/// range is used up.
///
/// # Safety
/// - The lock is held and the range exists.
pub unsafe fn commit_segments(count: usize) -> bool {
    let all = RANGE.size / SEGMENT_BYTES;
    if count <= RANGE.committed {
        return true;
    }
    if count > all {
        return false;
    }
    // Ahead of need by an eighth, so that commits are few; without that where the system counts every byte.
    let ahead = (RANGE.committed + (RANGE.committed / 8).clamp(3, 64)).clamp(count, all);
    for target in [ahead, count] {
        if commit_tables(RANGE.committed, target) {
            RANGE.committed = target;
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
        && part(RANGE.renewed as *mut u8, SEGMENT_BYTES / GRANULE_BYTES / 8)
        && part(RANGE.work as *mut u8, SEGMENT_BYTES / GRANULE_BYTES * 2)
        && part(RANGE.thawed as *mut u8, SEGMENT_BYTES / GRANULE_BYTES / 8)
        && part(RANGE.changed as *mut u8, SEGMENT_BYTES / GRANULE_BYTES / 8)
        && part(RANGE.objects as *mut u8, SEGMENT_BYTES)
}

/// Segments from this one on may be nobody's again.
///
/// # Safety
/// - The lock is held.
pub unsafe fn segments_are_free(first: usize) {
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

/// A slot for a type, zeroed but for what [`Type::take`] sets.
pub fn take_type_slot() -> Result<*mut Type, NoSlot> {
    let _guard = LOCK.lock();
    // SAFETY: under the lock; slots below types_used are committed.
    unsafe {
        let mut index = RANGE.free_type as usize;
        if index != 0 {
            RANGE.free_type = (*type_at(index)).next_free();
        } else {
            index = RANGE.types_used;
            if index >= RANGE.type_count {
                return Err(NoSlot::Limit);
            }
            if !sys::commit(type_at(index) as *mut u8, TYPE_SLOT_BYTES) {
                return Err(NoSlot::NoMemory);
            }
            RANGE.types_used = index + 1;
            RANGE.types_bytes = RANGE.types_used * TYPE_SLOT_BYTES;
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
    RANGE.heaps.add(index * HEAP_SLOT_BYTES) as *mut Heap
}

/// How many types the process can have.
pub fn types_max() -> usize {
    // SAFETY: as in heaps_max.
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
            index = RANGE.heaps_used;
            if index >= RANGE.heap_count {
                return Err(NoSlot::Limit);
            }
            if !sys::commit(heap_at(index) as *mut u8, HEAP_SLOT_BYTES) {
                return Err(NoSlot::NoMemory);
            }
            RANGE.heaps_used = index + 1;
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
            let plan = plan(total);
            assert!(plan.offsets.is_sorted());
            assert!(plan.segments >= 8, "{} segments in {total} bytes", plan.segments);
            assert!((plan.total as u64) < total + total / 8);
            assert!((plan.segments * SEGMENT_BYTES / GRANULE_BYTES) as u64 <= LINK_GRANULES);
        }
    }
}
