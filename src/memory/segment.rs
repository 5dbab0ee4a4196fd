//! A segment: 1 MiB, sixteen pages, one owner. The heap's pages come from here and go back here.
//!
//! A heap keeps its segments that have free pages in lists, by the longest run of free pages that each has. Pages are
//! taken from the shortest run that is long enough: so a span of a few pages is found by looking at one segment, and
//! segments that are nearly empty become empty. What becomes of those is in `trim.rs`.
//!
//! Spans of more than sixteen pages take whole neighbouring segments; what the last one has over is used
//! like any other page.
//!
//! The numbers of a heap's segments stand in order in an array of its own, so that its sweeps do not pass by the
//! segments of other heaps.

use super::space::Space;
use crate::memory::page::{Kind, Page, PageFlags, PAGE_BYTES};
use crate::memory::range::{self, GRANULE_BYTES, HUGE_PAGE_BYTES, LOCK, RANGE, WORK_SEGMENTS};
use crate::sys;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

/// Bytes of a segment.
pub const SEGMENT_BYTES: usize = 1 << 20;
/// Pages of a segment.
pub const SEGMENT_PAGES: usize = SEGMENT_BYTES / PAGE_BYTES;
/// A link to no segment.
pub const NO_SEGMENT: u32 = u32::MAX;
/// All pages of a segment free.
pub(super) const ALL_FREE: u32 = (1 << SEGMENT_PAGES) - 1;
/// Lists of segments: by the longest run of free pages, of which none has 0.
pub const OPEN_LISTS: usize = SEGMENT_PAGES + 1;
/// Heaps of at least so many segments ask for huge pages: below that half a huge page may be waste. Where a virtual
/// machine gives free memory back to its host, a huge page may cost milliseconds, so that small heaps do without.
const HUGE_FROM_SEGMENTS: usize = 16;
/// As above, for working counts, of which a huge page has those of [`WORK_SEGMENTS`] segments.
const HUGE_WORK_FROM_SEGMENTS: usize = 4 * WORK_SEGMENTS;

/// Bytes of a segment's working counts.
pub(super) const WORK_BYTES: usize = SEGMENT_BYTES / GRANULE_BYTES * 2;

/// One entry of the table of segments. Zeroed memory is a segment of nobody.
#[repr(C, align(32))]
pub struct Segment {
    /// Index of the heap's slot; 0: nobody's. The one word of an entry that threads of other heaps read: see
    /// [`Segment::owner`].
    owner: AtomicU32,
    /// One bit a page: free.
    pub free_pages: u32,
    /// One bit a page: allocated from since the last collection began.
    pub young_pages: u32,
    /// One bit a page: under examination by the collection under way. A page that is given back meanwhile
    /// loses its bit, so what it becomes is not part of that collection.
    pub examined_pages: u32,
    /// Of these, the pages that were young: what lives there is to become old.
    pub aging_pages: u32,
    /// One bit a page: free, and its memory was used before.
    pub dirty_pages: u32,
    /// Neighbours in the owner's list of segments with as long a run of free pages.
    pub next: u32,
    /// As `next`.
    pub prev: u32,
}

static_assertions::const_assert_eq!(size_of::<Segment>(), 32);

impl Segment {
    /// Index of the slot of the heap whose it is; 0: nobody's.
    #[inline(always)]
    pub fn owner(&self) -> u32 {
        // ORDER: relaxed, written by `set_owner`. A heap's number is written by its own thread alone, whose segment it then
        // is until that thread writes another one: so "is it mine" is answered truly, whatever others write meanwhile, and
        // no more is asked without the lock.
        self.owner.load(Ordering::Relaxed)
    }

    /// Gives it to a heap, or to nobody, 0.
    ///
    /// # Safety
    /// - The range's lock is held; the segment is nobody's, or the heap's whose thread this is, and empty.
    pub(super) unsafe fn set_owner(&self, owner: u32) {
        // ORDER: relaxed, read by `owner`; what is in the segment is handed on by the lock.
        self.owner.store(owner, Ordering::Relaxed);
    }
}

pub(super) unsafe fn segment_at(index: u32) -> *mut Segment {
    RANGE.segments.add(index as usize)
}

pub(super) unsafe fn page_at(segment: u32, page: usize) -> *mut Page {
    RANGE.pages.add(segment as usize * SEGMENT_PAGES + page)
}

/// How many neighbouring pages of a set there are at most.
fn longest_run(set: u32) -> usize {
    let (mut rest, mut length) = (set, 0);
    while rest != 0 {
        rest &= rest >> 1;
        length += 1;
    }
    length
}

impl Space {
    /// Takes `count` neighbouring pages. Null for out of memory. The pages' memory reads zero, or their
    /// flag says [`PageFlags::DIRTY`].
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn take_pages(&mut self, count: usize) -> *mut Page {
        let bytes = (count * PAGE_BYTES) as u64;
        if self.limit_bytes != 0 && self.page_bytes + bytes > self.limit_bytes {
            return ptr::null_mut();
        }
        let page = if count <= SEGMENT_PAGES { self.take_run(count) } else { self.take_segments(count) };
        if !page.is_null() {
            self.page_bytes += bytes;
            self.tight_classes = 0;
            if self.limit_bytes != 0 && self.page_bytes + self.kept_bytes > self.limit_bytes {
                // What is kept for later counts, too.
                self.give_free_pages();
            }
            self.heap_bytes_peak = self.heap_bytes_peak.max(self.heap_bytes());
        }
        page
    }

    /// Pages of one segment.
    unsafe fn take_run(&mut self, count: usize) -> *mut Page {
        let run = (1u32 << count) - 1;
        let lists = self.open_lists >> count << count;
        if lists != 0 {
            let index = self.open_segments[lists.trailing_zeros() as usize];
            let free = (*segment_at(index)).free_pages;
            let mut first = 0;
            while first < SEGMENT_PAGES - count && free >> first & run != run {
                first += 1;
            }
            self.mark_taken(index, run << first);
            return page_at(index, first);
        }
        // A large heap grows by pairs on a huge page's border, then by more, so that huge pages can back it.
        let pair = HUGE_PAGE_BYTES / SEGMENT_BYTES;
        let more = if self.own.len() >= HUGE_FROM_SEGMENTS { pair } else { 1 };
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
        if !self.own.reserve(count) {
            return NO_SEGMENT;
        }
        let first = {
            let _guard = LOCK.lock();
            let Some(first) = find_free(count, border) else { return NO_SEGMENT };
            if !range::commit_segments(first + count) {
                return NO_SEGMENT;
            }
            // Owned before the lock is open again: another heap's thread is looking for a free one.
            for index in first..first + count {
                (*segment_at(index as u32)).set_owner(self.owner);
            }
            first
        };
        let huge = self.wants_huge();
        let place = self.own.as_slice().partition_point(|&index| (index as usize) < first);
        self.own.insert(place, (first..first + count).map(|index| index as u32));
        for index in first..first + count {
            // What the last owner could not give back is kept from the beginning.
            self.kept_bytes += dirty_bytes(index as u32);
            self.set_free(index as u32, ALL_FREE);
        }
        self.empty_segments += count;
        self.note_borders();
        if self.is_sparse {
            self.set_sparse(false);
        } else if huge {
            sys::wish_huge_pages(
                (range::objects() + first * SEGMENT_BYTES) as *mut u8,
                count * SEGMENT_BYTES,
            );
        }
        if self.own.len() >= HUGE_WORK_FROM_SEGMENTS {
            // When the heap becomes large all of its segments take part, and holes.
            let becomes_large = self.own.len() - count < HUGE_WORK_FROM_SEGMENTS;
            let (low, high) = match becomes_large && self.is_alone() {
                true => (self.segment_low / WORK_SEGMENTS * WORK_SEGMENTS, self.segment_high),
                false => (first, first + count),
            };
            sys::wish_huge_pages((RANGE.work as *mut u8).add(low * WORK_BYTES), (high - low) * WORK_BYTES);
        }
        first as u32
    }

    /// Works out between which segments the heap's lie.
    pub(super) fn note_borders(&mut self) {
        let own = self.own.as_slice();
        self.segment_low = own.first().map_or(usize::MAX, |&first| first as usize);
        self.segment_high = own.last().map_or(0, |&last| last as usize + 1);
    }

    /// Memory that is taken from the system for objects: pages that hold some, but for their holes, and free ones that are
    /// kept.
    pub fn heap_bytes(&self) -> u64 {
        self.page_bytes - self.hole_bytes + self.kept_bytes
    }

    /// Whether the heap is large enough to ask for huge pages.
    pub(super) fn wants_huge(&self) -> bool {
        self.own.len() >= HUGE_FROM_SEGMENTS
    }

    /// Gives pages back. Their table entries become free.
    ///
    /// # Safety
    /// - `page` was taken with this count, and nothing of it is used any more.
    pub unsafe fn give_pages(&mut self, page: *mut Page, count: usize) {
        self.page_bytes -= (count * PAGE_BYTES) as u64;
        self.kept_bytes += (count * PAGE_BYTES) as u64;
        let first = (*page).index() as usize;
        for index in first..first + count {
            let page = RANGE.pages.add(index);
            let dead = (*page).kind == Kind::Small && (*page).end == (*page).end_max;
            (*page).flags = if dead { PageFlags::DIRTY | PageFlags::DEAD } else { PageFlags::DIRTY };
            (*page).free = if (*page).kind == Kind::LargeRest { 0 } else { (*page).end };
            (*page).kind = Kind::Free;
            (*page).space = ptr::null_mut();
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
        self.give_surplus();
    }

    unsafe fn mark_taken(&mut self, index: u32, bits: u32) {
        let segment = segment_at(index);
        if (*segment).free_pages == ALL_FREE {
            self.empty_segments -= 1;
        }
        self.kept_bytes -= pages_bytes((*segment).dirty_pages & bits);
        (*segment).dirty_pages &= !bits;
        self.set_free(index, (*segment).free_pages & !bits);
    }

    unsafe fn mark_free(&mut self, index: u32, bits: u32) {
        let segment = segment_at(index);
        (*segment).dirty_pages |= bits;
        (*segment).young_pages &= !bits;
        (*segment).examined_pages &= !bits;
        (*segment).aging_pages &= !bits;
        self.set_free(index, (*segment).free_pages | bits);
        if (*segment).free_pages == ALL_FREE {
            self.empty_segments += 1;
        }
    }

    /// Sets which pages of a segment are free, and puts it into the list where it belongs; without a free page into
    /// none.
    pub(super) unsafe fn set_free(&mut self, index: u32, free: u32) {
        let segment = segment_at(index);
        let (old, new) = (longest_run((*segment).free_pages), longest_run(free));
        (*segment).free_pages = free;
        if old == new {
            return;
        }
        if old != 0 {
            if (*segment).prev == NO_SEGMENT {
                self.open_segments[old] = (*segment).next;
                if (*segment).next == NO_SEGMENT {
                    self.open_lists &= !(1 << old);
                }
            } else {
                (*segment_at((*segment).prev)).next = (*segment).next;
            }
            if (*segment).next != NO_SEGMENT {
                (*segment_at((*segment).next)).prev = (*segment).prev;
            }
        }
        if new != 0 {
            (*segment).prev = NO_SEGMENT;
            (*segment).next = self.open_segments[new];
            if (*segment).next != NO_SEGMENT {
                (*segment_at((*segment).next)).prev = index;
            }
            self.open_segments[new] = index;
            self.open_lists |= 1 << new;
        }
    }

    /// Whether a segment, which may lie beyond all that there are, is the heap's.
    pub(super) unsafe fn owns(&self, index: u32) -> bool {
        (self.segment_low..self.segment_high).contains(&(index as usize))
            && (*segment_at(index)).owner() == self.owner
    }

    /// Whether no other heap has a segment in `segment_low..segment_high`, as far as that is found by looking at not
    /// many more segments than the heap has. Segments of nobody may lie there: growth in pairs leaves holes, and empty
    /// segments are given back.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn is_alone(&self) -> bool {
        let all = self.segment_high.saturating_sub(self.segment_low);
        all == self.own.len()
            || all <= 4 * self.own.len() + 64
                && (self.segment_low..self.segment_high)
                    .all(|index| [0, self.owner].contains(&(*segment_at(index as u32)).owner()))
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

    /// As [`Space::each_page`], for the pages under examination.
    ///
    /// # Safety
    /// - As [`Space::each_page`].
    #[inline(always)]
    pub unsafe fn each_examined_page(&self, mut each: impl FnMut(*mut Page)) {
        self.each_segment(|index, segment| each_set(index, (*segment).examined_pages, &mut each));
    }

    /// Puts all pages, or the young ones, under examination. From here on no page is young.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn examine_pages(&self, all: bool) {
        self.each_segment(|_, segment| {
            (*segment).examined_pages =
                if all { ALL_FREE & !(*segment).free_pages } else { (*segment).young_pages };
            (*segment).aging_pages = (*segment).young_pages;
            (*segment).young_pages = 0;
        });
    }

    /// Puts all pages, or the young ones, under examination beside those that are, as aging. From here on no page is young.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn examine_young_pages(&self, all: bool) {
        self.each_segment(|_, segment| {
            let pages = if all { ALL_FREE & !(*segment).free_pages } else { (*segment).young_pages };
            (*segment).examined_pages |= pages;
            (*segment).aging_pages = pages;
            (*segment).young_pages = 0;
        });
    }

    /// Puts no page under examination.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn examine_nothing(&self) {
        self.each_segment(|_, segment| (*segment).examined_pages = 0);
    }

    /// As [`Space::each_page`], for the pages that were young when they came under examination.
    ///
    /// # Safety
    /// - As [`Space::each_page`].
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

    /// Calls `each` with every segment in address order. Segments may come and go meanwhile; those that come may be
    /// left out.
    #[inline(always)]
    unsafe fn each_segment(&self, mut each: impl FnMut(u32, *mut Segment)) {
        // Not through `self`, which for all the compiler knows does not change.
        let space = self.this;
        let mut walk = Walk { space, place: 0, next: 0, end: (*space).segment_high as u32 };
        while let Some(index) = walk.next() {
            each(index, segment_at(index));
        }
    }

    /// The first page with blocks from a number on; null: none.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn page_at_or_after(&self, number: usize) -> *mut Page {
        let mut from = number;
        while let Some(segment) = self.segment_at_or_after(from / SEGMENT_PAGES) {
            from = from.max(segment * SEGMENT_PAGES);
            let used = ALL_FREE & !(*segment_at(segment as u32)).free_pages;
            let mut rest = used >> (from % SEGMENT_PAGES) << (from % SEGMENT_PAGES);
            while rest != 0 {
                let page = page_at(segment as u32, rest.trailing_zeros() as usize);
                if (*page).holds_blocks() {
                    return page;
                }
                rest &= rest - 1;
            }
            from = (segment + 1) * SEGMENT_PAGES;
        }
        ptr::null_mut()
    }

    /// The number of the first segment from a number on.
    pub fn segment_at_or_after(&self, number: usize) -> Option<usize> {
        let own = self.own.as_slice();
        own.get(own.partition_point(|&index| (index as usize) < number)).map(|&index| index as usize)
    }
}

/// A walk over a heap's segments, which may come and go meanwhile.
struct Walk {
    space: *mut Space,
    /// About where the next one stands.
    place: usize,
    /// The next one has this number or a greater one.
    next: u32,
    /// The next one has a smaller number than this.
    end: u32,
}

impl Walk {
    /// Out of line, so that sweeps have their registers for what they do in between.
    #[inline(never)]
    unsafe fn next(&mut self) -> Option<u32> {
        let own = (*self.space).own.as_slice();
        let is_before = |place: usize| own.get(place).is_some_and(|&index| index < self.next);
        let is_right = !is_before(self.place) && self.place.checked_sub(1).is_none_or(is_before);
        if !is_right {
            self.place = own.partition_point(|&index| index < self.next);
        }
        let index = own.get(self.place).copied().filter(|&index| index < self.end)?;
        self.place += 1;
        self.next = index + 1;
        Some(index)
    }
}

/// Bytes of the pages of a set.
pub(super) fn pages_bytes(set: u32) -> u64 {
    set.count_ones() as u64 * PAGE_BYTES as u64
}

/// Bytes of the free pages of a segment whose memory was used before.
pub(super) unsafe fn dirty_bytes(index: u32) -> u64 {
    pages_bytes((*segment_at(index)).dirty_pages)
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

/// The first of `count` neighbouring segments of nobody, at a multiple of `border`, 1 or 2. Under the lock.
unsafe fn find_free(count: usize, border: usize) -> Option<usize> {
    let (all, committed) = (RANGE.size / SEGMENT_BYTES, range::committed() / SEGMENT_BYTES);
    let is_free = |index: usize| index >= committed || (*segment_at(index as u32)).owner() == 0;
    // Where nothing that fits lies before, so that growing does not look at all segments that are taken each time.
    let mut first = if border == 1 { RANGE.first_free } else { RANGE.first_free_pair };
    while first + count <= all {
        let taken = (first..first + count).rev().find(|&index| !is_free(index));
        if count <= border && (taken.is_none() || first + border + count > all) {
            let hint = if border == 1 { &raw mut RANGE.first_free } else { &raw mut RANGE.first_free_pair };
            *hint = first;
        }
        match taken {
            Some(taken) => first = (taken + 1).next_multiple_of(border),
            None => return Some(first),
        }
    }
    None
}
