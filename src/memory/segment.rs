//! A segment: 1 MiB, sixteen pages, one owner. The heap's pages come from here and go back here.
//!
//! A heap keeps its segments that have a free page in a list. A segment all of whose pages are free goes
//! back to the system, except for a few that the heap keeps so that a program which breathes does not pay
//! page faults at every breath.
//!
//! Spans of more than sixteen pages take whole neighbouring segments; what the last one has over is used
//! like any other page.

use crate::heap::Heap;
use crate::memory::page::{Kind, Page, PageFlags, PAGE_BYTES};
use crate::memory::range::{self, GRANULE_BYTES, HUGE_PAGE_BYTES, LOCK, RANGE, WORK_SEGMENTS};
use crate::sys;
use core::ptr;

/// Bytes of a segment.
pub const SEGMENT_BYTES: usize = 1 << 20;
/// Pages of a segment.
pub const SEGMENT_PAGES: usize = SEGMENT_BYTES / PAGE_BYTES;
/// A link to no segment.
pub const NO_SEGMENT: u32 = u32::MAX;
/// All pages of a segment free.
const ALL_FREE: u32 = (1 << SEGMENT_PAGES) - 1;
/// Heaps of at least so many segments ask for huge pages: below that half a huge page may be waste. Where a virtual
/// machine gives free memory back to its host, a huge page may cost milliseconds, so that small heaps do without.
const HUGE_FROM_SEGMENTS: usize = 16;
/// As above, for working counts, of which a huge page has those of [`WORK_SEGMENTS`] segments.
const HUGE_WORK_FROM_SEGMENTS: usize = 4 * WORK_SEGMENTS;

/// Bytes of a segment's working counts.
const WORK_BYTES: usize = SEGMENT_BYTES / GRANULE_BYTES * 2;
/// Heaps of fewer segments keep the memory of their working counts: faulting it in again would cost more
/// than it is worth.
const WORK_KEPT_SEGMENTS: usize = 16;

/// One entry of the table of segments. Zeroed memory is a segment of nobody.
#[repr(C, align(32))]
pub struct Segment {
    /// Index of the heap's slot; 0: nobody's.
    pub owner: u32,
    /// One bit a page: free.
    pub free_pages: u32,
    /// One bit a page: allocated from since the last collection began.
    pub young_pages: u32,
    /// One bit a page: under examination by the collection under way. A page that is given back meanwhile
    /// loses its bit, so what it becomes is not part of that collection.
    pub examined_pages: u32,
    /// Of these, the pages that were young: what lives there is to become old.
    pub aging_pages: u32,
    /// Neighbours in the owner's list of segments with a free page.
    pub next: u32,
    /// As `next`.
    pub prev: u32,
}

unsafe fn segment_at(index: u32) -> *mut Segment {
    RANGE.segments.add(index as usize)
}

unsafe fn page_at(segment: u32, page: usize) -> *mut Page {
    RANGE.pages.add(segment as usize * SEGMENT_PAGES + page)
}

impl Heap {
    /// Takes `count` neighbouring pages. Null for out of memory. The pages' memory reads zero, or their
    /// flag says [`PageFlags::DIRTY`].
    ///
    /// # Safety
    /// - Nothing but the heap's own thread is in the heap.
    pub unsafe fn take_pages(&mut self, count: usize) -> *mut Page {
        let bytes = (count * PAGE_BYTES) as u64;
        if self.limit_bytes != 0 && self.page_bytes + bytes > self.limit_bytes {
            return ptr::null_mut();
        }
        let page = if count <= SEGMENT_PAGES { self.take_run(count) } else { self.take_segments(count) };
        if !page.is_null() {
            self.page_bytes += bytes;
            self.page_bytes_peak = self.page_bytes_peak.max(self.page_bytes);
        }
        page
    }

    /// Pages of one segment.
    unsafe fn take_run(&mut self, count: usize) -> *mut Page {
        let run = (1u32 << count) - 1;
        let mut index = self.open_segments;
        while index != NO_SEGMENT {
            let segment = segment_at(index);
            for first in 0..=SEGMENT_PAGES - count {
                if (*segment).free_pages >> first & run == run {
                    self.mark_taken(index, run << first);
                    return page_at(index, first);
                }
            }
            index = (*segment).next;
        }
        // A large heap grows by pairs on a huge page's border, then by more, so that huge pages can back it.
        let pair = HUGE_PAGE_BYTES / SEGMENT_BYTES;
        let more = if self.segment_count >= HUGE_FROM_SEGMENTS { pair } else { 1 };
        let index = self.grow(more, more);
        let index = if index == NO_SEGMENT && more > 1 { self.grow(1, 1) } else { index };
        if index == NO_SEGMENT {
            return ptr::null_mut();
        }
        self.mark_taken(index, run);
        page_at(index, 0)
    }

    /// Pages of whole segments.
    unsafe fn take_segments(&mut self, count: usize) -> *mut Page {
        let segments = count.div_ceil(SEGMENT_PAGES);
        let first = self.grow(segments, if segments > 1 { HUGE_PAGE_BYTES / SEGMENT_BYTES } else { 1 });
        if first == NO_SEGMENT {
            return ptr::null_mut();
        }
        let mut left = count;
        for index in first..first + segments as u32 {
            let here = left.min(SEGMENT_PAGES);
            self.mark_taken(index, ALL_FREE >> (SEGMENT_PAGES - here));
            left -= here;
        }
        page_at(first, 0)
    }

    /// Makes `count` neighbouring segments the heap's, the first a multiple of `border`, and opens them.
    unsafe fn grow(&mut self, count: usize, border: usize) -> u32 {
        let first = {
            let _guard = LOCK.lock();
            let Some(first) = find_free(count, border) else { return NO_SEGMENT };
            if !range::commit_segments(first + count) {
                return NO_SEGMENT;
            }
            // Owned before the lock is open again: another heap's thread is looking for a free one.
            for index in first..first + count {
                (*segment_at(index as u32)).owner = self.index;
            }
            first
        };
        let huge = self.segment_count >= HUGE_FROM_SEGMENTS;
        for index in first..first + count {
            (*segment_at(index as u32)).free_pages = ALL_FREE;
            self.open(index as u32);
        }
        self.segment_count += count;
        self.empty_segments += count;
        self.segment_low = self.segment_low.min(first);
        self.segment_high = self.segment_high.max(first + count);
        if huge {
            sys::wish_huge_pages((RANGE.objects + first * SEGMENT_BYTES) as *mut u8, count * SEGMENT_BYTES);
        }
        if self.segment_count >= HUGE_WORK_FROM_SEGMENTS {
            // When the heap becomes large all of its segments take part, and holes.
            let becomes_large = self.segment_count - count < HUGE_WORK_FROM_SEGMENTS;
            let (low, high) = match becomes_large && self.is_alone() {
                true => (self.segment_low / WORK_SEGMENTS * WORK_SEGMENTS, self.segment_high),
                false => (first, first + count),
            };
            sys::wish_huge_pages((RANGE.work as *mut u8).add(low * WORK_BYTES), (high - low) * WORK_BYTES);
        }
        first as u32
    }

    /// Gives pages back. Their table entries become free.
    ///
    /// # Safety
    /// - `page` was taken with this count, and nothing of it is used any more.
    pub unsafe fn give_pages(&mut self, page: *mut Page, count: usize) {
        self.page_bytes -= (count * PAGE_BYTES) as u64;
        let first = (*page).index() as usize;
        for index in first..first + count {
            let page = RANGE.pages.add(index);
            let dead = (*page).kind == Kind::Small && (*page).end == (*page).end_max;
            (*page).flags = if dead { PageFlags::DIRTY | PageFlags::DEAD } else { PageFlags::DIRTY };
            (*page).free = if (*page).kind == Kind::LargeRest { 0 } else { (*page).end };
            (*page).kind = Kind::Free;
            (*page).heap = ptr::null_mut();
            (*page).end = 0;
        }
        let mut index = first;
        while index < first + count {
            let segment = index / SEGMENT_PAGES;
            let stop = (first + count).min((segment + 1) * SEGMENT_PAGES);
            let bits = (((1u64 << (stop - index)) - 1) as u32) << (index % SEGMENT_PAGES);
            self.mark_free(segment as u32, bits);
            index = stop;
        }
    }

    unsafe fn mark_taken(&mut self, index: u32, bits: u32) {
        let segment = segment_at(index);
        if (*segment).free_pages == ALL_FREE {
            self.empty_segments -= 1;
        }
        (*segment).free_pages &= !bits;
        if (*segment).free_pages == 0 {
            self.close(index);
        }
    }

    unsafe fn mark_free(&mut self, index: u32, bits: u32) {
        let segment = segment_at(index);
        if (*segment).free_pages == 0 {
            self.open(index);
        }
        (*segment).free_pages |= bits;
        (*segment).young_pages &= !bits;
        (*segment).examined_pages &= !bits;
        (*segment).aging_pages &= !bits;
        if (*segment).free_pages == ALL_FREE {
            self.empty_segments += 1;
            if self.empty_segments > 4 + self.segment_count / 4 {
                self.give_if_paired(index);
            }
        }
    }

    /// Gives an empty segment back to the system, together with the other half of its pair if that is empty too: a huge
    /// page that is given back by halves falls into small ones, and stays so.
    ///
    /// # Safety
    /// - Nothing of the segment is used any more.
    unsafe fn give_segment(&mut self, index: u32) {
        let pair = self.is_empty_segment(index ^ 1);
        let (first, count) = if pair { (index & !1, 2) } else { (index, 1) };
        // A refusal leaves the memory dirty, which the pages' flags go on saying.
        let start = (RANGE.objects + first as usize * SEGMENT_BYTES) as *mut u8;
        let clean = sys::decommit(start, count * SEGMENT_BYTES);
        for index in first..first + count as u32 {
            for page in (0..SEGMENT_PAGES).filter(|_| clean) {
                (*page_at(index, page)).flags = PageFlags::empty();
            }
            self.close(index);
        }
        self.segment_count -= count;
        self.empty_segments -= count;
        let _guard = LOCK.lock();
        for index in first..first + count as u32 {
            (*segment_at(index)).owner = 0;
        }
        RANGE.first_free = RANGE.first_free.min(first as usize);
    }

    /// Whether a segment, which may lie beyond all that there are, is the heap's.
    unsafe fn owns(&self, index: u32) -> bool {
        (self.segment_low..self.segment_high).contains(&(index as usize))
            && (*segment_at(index)).owner == self.index
    }

    /// Whether a segment is the heap's and nothing is in it.
    unsafe fn is_empty_segment(&self, index: u32) -> bool {
        self.owns(index) && (*segment_at(index)).free_pages == ALL_FREE
    }

    /// More segments are empty than the heap should keep: gives this one back, unless the other half of its pair is in
    /// use and not too many wait for such.
    unsafe fn give_if_paired(&mut self, index: u32) {
        let other_in_use = self.owns(index ^ 1) && !self.is_empty_segment(index ^ 1);
        if !other_in_use || self.empty_segments > 4 + self.segment_count / 2 {
            self.give_segment(index);
        }
    }

    /// Gives every empty segment back to the system.
    ///
    /// # Safety
    /// - Nothing but the heap's own thread is in the heap.
    pub unsafe fn trim(&mut self) {
        for index in self.segment_low..self.segment_high {
            if self.is_empty_segment(index as u32) {
                self.give_segment(index as u32);
            }
        }
    }

    unsafe fn open(&mut self, index: u32) {
        let segment = segment_at(index);
        (*segment).prev = NO_SEGMENT;
        (*segment).next = self.open_segments;
        if self.open_segments != NO_SEGMENT {
            (*segment_at(self.open_segments)).prev = index;
        }
        self.open_segments = index;
    }

    unsafe fn close(&mut self, index: u32) {
        let segment = segment_at(index);
        if (*segment).prev == NO_SEGMENT {
            self.open_segments = (*segment).next;
        } else {
            (*segment_at((*segment).prev)).next = (*segment).next;
        }
        if (*segment).next != NO_SEGMENT {
            (*segment_at((*segment).next)).prev = (*segment).prev;
        }
    }

    /// Whether no other heap has a segment in `segment_low..segment_high`. Segments of nobody may lie there: growth
    /// in pairs leaves holes, and empty segments are given back.
    ///
    /// # Safety
    /// - Nothing but the heap's own thread is in the heap.
    pub unsafe fn is_alone(&self) -> bool {
        (self.segment_low..self.segment_high)
            .all(|index| [0, self.index].contains(&(*segment_at(index as u32)).owner))
    }

    /// Calls `each` with every page of the heap that holds blocks, in address order. Pages taken meanwhile
    /// may be left out.
    ///
    /// # Safety
    /// - `each` gives no page back but the one it was called with.
    #[inline(always)]
    pub unsafe fn each_page(&self, mut each: impl FnMut(*mut Page)) {
        self.each_segment(|index, segment| each_set(index, ALL_FREE & !(*segment).free_pages, &mut each));
    }

    /// As [`Heap::each_page`], for the pages under examination.
    ///
    /// # Safety
    /// - As [`Heap::each_page`].
    #[inline(always)]
    pub unsafe fn each_examined_page(&self, mut each: impl FnMut(*mut Page)) {
        self.each_segment(|index, segment| each_set(index, (*segment).examined_pages, &mut each));
    }

    /// Puts all pages, or the young ones, under examination. From here on no page is young.
    ///
    /// # Safety
    /// - Nothing but the heap's own thread is in the heap.
    pub unsafe fn examine_pages(&self, all: bool) {
        self.each_segment(|_, segment| {
            (*segment).examined_pages =
                if all { ALL_FREE & !(*segment).free_pages } else { (*segment).young_pages };
            (*segment).aging_pages = (*segment).young_pages;
            (*segment).young_pages = 0;
        });
    }

    /// As [`Heap::each_page`], for the pages that were young when they came under examination.
    ///
    /// # Safety
    /// - As [`Heap::each_page`].
    pub unsafe fn each_aging_page(&self, mut each: impl FnMut(*mut Page)) {
        self.each_segment(|index, segment| each_set(index, (*segment).aging_pages, &mut each));
    }

    /// Marks a page as allocated from since the last collection began.
    ///
    /// # Safety
    /// - The page is the heap's.
    pub unsafe fn list_young(&self, page: *mut Page) {
        let index = (*page).index() as usize;
        (*segment_at((index / SEGMENT_PAGES) as u32)).young_pages |= 1 << (index % SEGMENT_PAGES);
    }

    #[inline(always)]
    unsafe fn each_segment(&self, mut each: impl FnMut(u32, *mut Segment)) {
        for index in self.segment_low..self.segment_high {
            let segment = segment_at(index as u32);
            if (*segment).owner == self.index {
                each(index as u32, segment);
            }
        }
    }

    /// Gives the memory of the working counts, all clear, back to the system.
    ///
    /// # Safety
    /// - No collection of the heap is under way.
    pub unsafe fn give_back_working_counts(&self) {
        if self.segment_count < WORK_KEPT_SEGMENTS {
            return;
        }
        let mut index = self.segment_low;
        while index < self.segment_high {
            let first = index;
            while index < self.segment_high && (*segment_at(index as u32)).owner == self.index {
                index += 1;
            }
            if index > first {
                let start = (RANGE.work as *mut u8).add(first * WORK_BYTES);
                // A refusal costs memory only: the counts are clear either way.
                let _ = sys::decommit(start, (index - first) * WORK_BYTES);
            }
            index = index.max(first + 1);
        }
    }

    /// Gives all segments back, whatever is in them: the heap ends.
    ///
    /// # Safety
    /// - Every object of the heap is dead.
    pub unsafe fn give_all_segments(&mut self) {
        for index in self.segment_low..self.segment_high {
            if (*segment_at(index as u32)).owner != self.index {
                continue;
            }
            for number in 0..SEGMENT_PAGES {
                let page = page_at(index as u32, number);
                (*page).free = 0;
                (*page).kind = Kind::Free;
                (*page).flags = PageFlags::DIRTY;
                (*page).heap = ptr::null_mut();
                (*page).end = 0;
            }
            let segment = segment_at(index as u32);
            if (*segment).free_pages == 0 {
                self.open(index as u32);
            }
            if (*segment).free_pages != ALL_FREE {
                self.empty_segments += 1;
                (*segment).free_pages = ALL_FREE;
            }
            (*segment).young_pages = 0;
            (*segment).examined_pages = 0;
        }
        self.trim();
        self.page_bytes = 0;
    }
}

/// Calls `each` with the pages of a segment that are in the set and begin something: the rest of a span
/// does not.
#[inline(always)]
unsafe fn each_set(segment: u32, set: u32, each: &mut impl FnMut(*mut Page)) {
    let mut rest = set;
    while rest != 0 {
        let page = page_at(segment, rest.trailing_zeros() as usize);
        rest &= rest - 1;
        if matches!((*page).kind, Kind::Small | Kind::Large) {
            each(page);
        }
    }
}

/// The first of `count` neighbouring segments of nobody, at a multiple of `border`. Under the lock.
unsafe fn find_free(count: usize, border: usize) -> Option<usize> {
    let all = RANGE.size / SEGMENT_BYTES;
    let is_free = |index: usize| index >= RANGE.committed || (*segment_at(index as u32)).owner == 0;
    while RANGE.first_free < all && !is_free(RANGE.first_free) {
        RANGE.first_free += 1;
    }
    let mut first = RANGE.first_free.next_multiple_of(border);
    while first + count <= all {
        match (first..first + count).find(|&index| !is_free(index)) {
            Some(taken) => first = (taken + 1).next_multiple_of(border),
            None => return Some(first),
        }
    }
    None
}
