//! Giving memory back to the system.
//!
//! Pages that become free keep their memory ([`Space::kept_bytes`], which the statistics count), so that a program which
//! breathes does not pay page faults at every breath. It goes back
//!
//! - when more segments are empty than a quarter of the heap: whole segments, pairs first, until it is a little less;
//! - when `limit_bytes` would be passed: all of it;
//! - when memory is short, and in `gc_collect`: all of it, but for what a large heap has between its pages in use;
//! - where the host is idle or the system short of memory ([`Space::give_back`]): all of it, and what free blocks lie in
//!   (`holes.rs`), in pieces that cost little, so that whoever is wanted can stop behind each.
//!
//! Segments that go back become nobody's, and take with them what the tables beside the objects have for them.

use super::class::CLASS_COUNT;
use super::page::{Kind, PageFlags, PAGE_BYTES};
use super::range::{self, GRANULE_BYTES, LOCK, RANGE};
use super::segment::{
    dirty_bytes, page_at, pages_bytes, segment_at, ALL_FREE, NO_SEGMENT, SEGMENT_BYTES, SEGMENT_PAGES,
    WORK_BYTES,
};
use super::space::Space;
use crate::sys;

/// Heaps of fewer segments keep the memory of their working counts: faulting it in again would cost more
/// than it is worth.
const WORK_KEPT_SEGMENTS: usize = 16;
/// Empty segments that a heap keeps whatever its size.
const EMPTY_KEPT: usize = 4;
/// Free pages between pages in use stay where they are if they are no more than one in so many of those: giving them
/// back takes huge pages apart.
pub(super) const GAPS_PART: u64 = 4;
/// Bytes of a segment in each of the tables of bits.
const BITS_BYTES: usize = SEGMENT_BYTES / GRANULE_BYTES / 8;
/// Segments that go back in one piece.
const PIECE_SEGMENTS: usize = 2;
/// Segments that are looked at for one piece.
const PIECE_LOOKS: usize = 32;

/// What [`Space::give_back`] is at; that of zeroed memory is the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Part {
    /// Empty segments.
    Segments = 0,
    /// Free pages, and working counts.
    Pages = 1,
    /// Free blocks.
    Holes = 2,
}

impl Space {
    /// Gives back all memory that holds no object.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    #[cold]
    #[inline(never)]
    pub unsafe fn trim_all(space: *mut Space) {
        (*space).empty_classes();
        (*space).give_empty(|_| 0, true, usize::MAX);
        (*space).give_free_pages();
    }

    /// Gives back a piece of what holds no object: of all that there is where memory is `short`, else of what is worth it in
    /// a heap that goes on later. A piece costs a few dozen microseconds; between two the heap may be used. True when that
    /// was the last one, and the next call begins anew.
    ///
    /// # Safety
    /// - As [`Space::trim_all`]; no run has blocks; with `counts` all working counts are clear.
    pub unsafe fn give_back(space: *mut Space, short: bool, counts: bool) -> bool {
        let space = &mut *space;
        space.empty_classes();
        let (next, done) = match space.giving {
            Part::Segments => (Part::Pages, space.give_empty(|_| 0, true, PIECE_SEGMENTS)),
            Part::Pages => {
                let much = space.kept_bytes > space.page_bytes / GAPS_PART;
                (Part::Holes, space.give_pages_on(short || much, counts))
            }
            Part::Holes => (Part::Segments, space.give_holes(short)),
        };
        if done {
            (space.giving, space.giving_at) = (next, 0);
        }
        done && next == Part::Segments
    }

    /// Free pages and working counts, either if so, of the next segments. True at the end.
    unsafe fn give_pages_on(&mut self, pages: bool, counts: bool) -> bool {
        let kept = self.kept_bytes;
        for _ in 0..PIECE_LOOKS {
            let number = self.giving_at / SEGMENT_PAGES;
            let Some(number) = self.segment_at_or_after(number) else { return true };
            if pages {
                self.give_free_pages_of(number as u32);
            }
            if counts {
                give_part(RANGE.work as *mut u8, WORK_BYTES, &Run { first: number as u32, count: 1 });
            }
            self.giving_at = (number + 1) * SEGMENT_PAGES;
            if kept - self.kept_bytes >= SEGMENT_BYTES as u64 {
                break;
            }
        }
        false
    }

    /// Takes from classes what they keep for their next objects; from types it was taken before.
    #[inline(never)]
    unsafe fn empty_classes(&mut self) {
        for number in 0..CLASS_COUNT {
            self.classes[number].trim();
        }
    }

    /// As [`Space::trim_all`], where nobody is in need: free pages of a heap that is mostly full stay.
    ///
    /// # Safety
    /// - As [`Space::trim_all`].
    #[inline(never)]
    pub unsafe fn trim_idle(space: *mut Space) {
        (*space).empty_classes();
        (*space).give_empty(|_| 0, true, usize::MAX);
        if (*space).kept_bytes > (*space).page_bytes / GAPS_PART {
            (*space).give_free_pages();
        }
        (*space).give_working_counts();
    }

    /// Pages became free: more segments may be empty now than the heap should keep.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    #[inline(always)]
    pub(super) unsafe fn give_surplus(&mut self) {
        if self.empty_segments > EMPTY_KEPT + self.own.len() / 4 {
            self.give_much();
        }
    }

    /// Gives so many back that it pays to look at all: a part of the heap, or all but what is kept.
    #[cold]
    #[inline(never)]
    unsafe fn give_much(&mut self) {
        self.give_empty(|segments| EMPTY_KEPT + segments / 4 - segments / 32, false, usize::MAX);
        // Halves of pairs whose other half is in use wait for it, but not very many.
        self.give_empty(|segments| EMPTY_KEPT + segments / 2, true, usize::MAX);
    }

    /// Gives empty segments back as long as there are more than a heap of so many segments keeps, from the last one
    /// down. Those whose pair is in use only with `halves`: a huge page that is given back by halves falls into small
    /// ones, and stays so. So many segments, or one more; whether that was all.
    #[inline(never)]
    unsafe fn give_empty(&mut self, keep: fn(usize) -> usize, halves: bool, most: usize) -> bool {
        let mut run = Run { first: 0, count: 0 };
        let mut given = 0;
        let mut place = self.own.len();
        while place != 0 && self.empty_segments > keep(self.own.len() - given) {
            if given >= most {
                break;
            }
            place -= 1;
            let Some(index) = self.own.get(place) else { break };
            if (*segment_at(index)).free_pages != ALL_FREE {
                continue;
            }
            let other = index ^ 1;
            let pair = self.owns(other) && (*segment_at(other)).free_pages == ALL_FREE;
            if self.owns(other) && !pair && !halves {
                continue;
            }
            self.take_out(place, index, &mut run);
            given += 1;
            if pair && place != 0 && self.own.get(place - 1) == Some(other) {
                place -= 1;
                self.take_out(place, other, &mut run);
                given += 1;
            }
        }
        self.give_run(&run);
        if given != 0 {
            self.own.retain(|&index| index != NO_SEGMENT);
            self.note_borders();
        }
        given < most
    }

    /// Takes an empty segment out of the heap, but for its memory, which goes with that of its neighbours.
    unsafe fn take_out(&mut self, place: usize, index: u32, run: &mut Run) {
        self.own.set(place, NO_SEGMENT);
        self.empty_segments -= 1;
        self.kept_bytes -= dirty_bytes(index);
        self.set_free(index, 0);
        if run.count == 0 || index + 1 != run.first {
            self.give_run(run);
            *run = Run { first: index, count: 0 };
        }
        run.first = index;
        run.count += 1;
    }

    /// Gives the memory of neighbouring segments back; then they are nobody's.
    #[inline(never)]
    unsafe fn give_run(&mut self, run: &Run) {
        let Run { first, count } = *run;
        if count == 0 {
            return;
        }
        // A refusal leaves the memory dirty, which the pages' flags go on saying.
        let clean = give_pages_of(first, 0, count * SEGMENT_PAGES);
        for index in (first..first + count as u32).filter(|_| clean) {
            forget_dirty(index, ALL_FREE);
        }
        // Nobody needs what these tables have: a refusal costs memory only.
        give_part(RANGE.work as *mut u8, WORK_BYTES, run);
        for bits in [RANGE.renewed, RANGE.thawed, RANGE.changed] {
            give_part(bits.0 as *mut u8, BITS_BYTES, run);
        }
        if let Some(trimmed) = self.trimmed {
            trimmed(self, first as usize * SEGMENT_PAGES, count * SEGMENT_PAGES);
        }
        let _guard = LOCK.lock();
        for index in first..first + count as u32 {
            (*segment_at(index)).set_owner(0);
        }
        range::segments_are_free(first as usize);
    }

    /// Gives the memory of all free pages back.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    #[inline(never)]
    pub(super) unsafe fn give_free_pages(&mut self) {
        let mut place = 0;
        while let (true, Some(index)) = (self.kept_bytes != 0, self.own.get(place)) {
            place += 1;
            self.give_free_pages_of(index);
        }
    }

    /// Gives the memory of a segment's free pages back.
    unsafe fn give_free_pages_of(&mut self, index: u32) {
        let mut rest = (*segment_at(index)).dirty_pages;
        while rest != 0 {
            let first = rest.trailing_zeros() as usize;
            let count = (!(rest >> first)).trailing_zeros() as usize;
            let set = (((1u64 << count) - 1) as u32) << first;
            if give_pages_of(index, first, count) {
                forget_dirty(index, set);
                self.kept_bytes -= pages_bytes(set);
            }
            rest &= !set;
        }
    }

    /// Gives the memory of the working counts, all clear, back to the system, after a collection of a heap that is not
    /// small.
    ///
    /// # Safety
    /// - No collection of the heap is under way.
    pub unsafe fn give_back_working_counts(&self) {
        if self.own.len() >= WORK_KEPT_SEGMENTS {
            self.give_working_counts();
        }
    }

    unsafe fn give_working_counts(&self) {
        let mut run = Run { first: 0, count: 0 };
        for &index in self.own.as_slice() {
            if run.count == 0 || index != run.first + run.count as u32 {
                give_part(RANGE.work as *mut u8, WORK_BYTES, &run);
                run = Run { first: index, count: 0 };
            }
            run.count += 1;
        }
        give_part(RANGE.work as *mut u8, WORK_BYTES, &run);
    }

    /// Gives all segments back, whatever is in them: the heap ends.
    ///
    /// # Safety
    /// - Every object of the heap is dead.
    #[inline(never)]
    pub unsafe fn give_all_segments(&mut self) {
        for place in 0..self.own.len() {
            let Some(index) = self.own.get(place) else { break };
            let segment = segment_at(index);
            let used = ALL_FREE & !(*segment).free_pages;
            for number in (0..SEGMENT_PAGES).filter(|number| used >> number & 1 != 0) {
                let page = page_at(index, number);
                (*page).free = 0;
                (*page).kind = Kind::Free;
                (*page).flags = PageFlags::DIRTY;
                (*page).space = core::ptr::null_mut();
                (*page).end = 0;
                (*page).holes = 0;
            }
            if used != 0 {
                self.empty_segments += 1;
                self.kept_bytes += pages_bytes(used);
                (*segment).dirty_pages |= used;
                self.set_free(index, ALL_FREE);
            }
            (*segment).young_pages = 0;
            (*segment).examined_pages = 0;
            (*segment).aging_pages = 0;
        }
        self.hole_bytes = 0;
        self.give_empty(|_| 0, true, usize::MAX);
        self.own.end();
        self.page_bytes = 0;
    }
}

/// Neighbouring segments.
struct Run {
    first: u32,
    count: usize,
}

/// Gives the memory of neighbouring pages back, from one of a segment on. False when the system refuses.
unsafe fn give_pages_of(segment: u32, first: usize, count: usize) -> bool {
    let start = range::objects() + segment as usize * SEGMENT_BYTES + first * PAGE_BYTES;
    sys::decommit(start as *mut u8, count * PAGE_BYTES)
}

/// Free pages of a segment read zero again.
unsafe fn forget_dirty(segment: u32, set: u32) {
    (*segment_at(segment)).dirty_pages &= !set;
    for number in (0..SEGMENT_PAGES).filter(|number| set >> number & 1 != 0) {
        (*page_at(segment, number)).flags = PageFlags::empty();
    }
}

/// Gives back the part of a table that segments have, if there are any.
unsafe fn give_part(table: *mut u8, bytes: usize, run: &Run) {
    if run.count != 0 {
        let _ = sys::decommit(table.add(run.first as usize * bytes), run.count * bytes);
    }
}
