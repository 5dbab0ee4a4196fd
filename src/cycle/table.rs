//! From pointers to working counts: the one computation that every edge of every sweep goes through.

use super::working::CLEAR;
use crate::heap::Heap;
use crate::memory::page::{Page, FIRST_OFFSET, PAGE_BYTES};
use crate::memory::range::{self, GRANULE_BYTES, GRANULE_SHIFT, RANGE};
use crate::memory::segment::{Segment, SEGMENT_BYTES, SEGMENT_PAGES};
use core::ffi::c_void;

const SEGMENT_GRANULES_SHIFT: u32 = (SEGMENT_BYTES / GRANULE_BYTES).trailing_zeros();

/// What turns a pointer into its working count. Copied into the sweeps' locals: the table is written to
/// between two edges, and the compiler cannot know that it does not write to the judge.
#[derive(Clone, Copy)]
pub struct Table {
    /// First byte of the heap's first segment.
    base: usize,
    /// Granules from there to the end of its last segment.
    granules: usize,
    /// The working count of the first granule.
    work: *mut u16,
    /// Entry of the first segment.
    segments: *const Segment,
    owner: u32,
    /// Not everything in between is under examination: segments of other heaps, or pages that are not young.
    partial: bool,
}

impl Table {
    /// The table of a heap as it is now. Takes time by the number of its segments: once a sweep.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn of(heap: *const Heap) -> Self {
        Table { partial: !(*heap).space.is_alone(), ..Table::of_examined(heap) }
    }

    /// As [`Table::of`], but only the pages under examination are looked at: what a young object refers to is
    /// mostly old, and its place in the table mostly not in the cache, or not even in memory.
    ///
    /// # Safety
    /// - As [`Table::of`].
    pub unsafe fn of_examined(heap: *const Heap) -> Self {
        let first = (*heap).space.segment_low.min((*heap).space.segment_high);
        Table {
            base: range::objects() + first * SEGMENT_BYTES,
            granules: ((*heap).space.segment_high - first) * (SEGMENT_BYTES / GRANULE_BYTES),
            work: RANGE.work.wrapping_add(first * (SEGMENT_BYTES / GRANULE_BYTES)),
            segments: RANGE.segments.wrapping_add(first),
            owner: (*heap).index,
            partial: true,
        }
    }

    /// The working count behind a pointer, if that is an aligned address of this heap.
    ///
    /// # Safety
    /// - The heap has the segments that it had when the table was made.
    #[inline(always)]
    pub unsafe fn work_of(&self, word: usize) -> Option<*mut u16> {
        // Low bits go to the top, so that one comparison refuses null, foreign and unaligned pointers.
        let granule = word.wrapping_sub(self.base).rotate_right(GRANULE_SHIFT);
        if granule >= self.granules {
            return None;
        }
        if self.partial {
            let segment = self.segments.add(granule >> SEGMENT_GRANULES_SHIFT);
            let page = (granule / (PAGE_BYTES / GRANULE_BYTES)) % SEGMENT_PAGES;
            if (*segment).owner() != self.owner || (*segment).examined_pages >> page & 1 == 0 {
                return None;
            }
        }
        Some(self.work.add(granule))
    }

    /// As [`Table::work_of`], whether the page is under examination or not.
    ///
    /// # Safety
    /// - As [`Table::work_of`].
    #[inline(always)]
    pub unsafe fn place_of(&self, word: usize) -> Option<*mut u16> {
        let granule = word.wrapping_sub(self.base).rotate_right(GRANULE_SHIFT);
        if granule >= self.granules
            || (*self.segments.add(granule >> SEGMENT_GRANULES_SHIFT)).owner() != self.owner
        {
            return None;
        }
        Some(self.work.add(granule))
    }

    /// The working count of the first block of a page, and the distance to the next block's.
    ///
    /// # Safety
    /// - The page is the heap's.
    #[inline(always)]
    pub unsafe fn first(&self, page: *const Page) -> (*mut u16, usize) {
        let granule = ((*page).start + FIRST_OFFSET as usize - self.base) >> GRANULE_SHIFT;
        (self.work.add(granule), ((*page).stride >> GRANULE_SHIFT) as usize)
    }

    /// Whether an object has a working count.
    ///
    /// # Safety
    /// - `obj` is an object.
    #[inline(always)]
    pub unsafe fn is_suspected(&self, obj: *mut c_void) -> bool {
        self.work_of(obj as usize).is_some_and(|work| *work != CLEAR)
    }

    /// The block is not suspected any more.
    ///
    /// # Safety
    /// - `obj` is a block of the heap.
    #[inline(always)]
    pub unsafe fn clear(&self, obj: *mut c_void) {
        *self.work.add((obj as usize - self.base) >> GRANULE_SHIFT) = CLEAR;
    }

    /// No block of the page is suspected any more.
    ///
    /// # Safety
    /// - The page is the heap's.
    pub unsafe fn clear_page(&self, page: *const Page) {
        let first = ((*page).start - self.base) >> GRANULE_SHIFT;
        core::ptr::write_bytes(self.work.add(first), 0, PAGE_BYTES >> GRANULE_SHIFT);
    }

    /// Calls `each` with every block of a page that has a working count, and where that is.
    ///
    /// # Safety
    /// - The page holds blocks; `each` does not give it back.
    #[inline(always)]
    pub unsafe fn each_suspect(&self, page: *const Page, mut each: impl FnMut(*mut c_void, *mut u16)) {
        let (mut work, step) = self.first(page);
        (*page).each_block(|obj| {
            if *work != CLEAR {
                each(obj, work);
            }
            work = work.add(step);
        });
    }
}
