//! Places: the blocks of a heap counted through in address order, so that an object is a small number, found from its
//! address and back without a table of objects. Blocks without an object have places, too.
//!
//! As long as no object is made and none dies, places stay what they are.

use super::array::Array;
use crate::heap::page::{Kind, Page, FIRST_OFFSET, PAGE_BYTES};
use crate::heap::range::{self, RANGE};
use crate::heap::segment::SEGMENT_PAGES;
use crate::heap::Heap;
use core::ffi::c_void;

/// The most places: the algorithms of `graph` mark numbers in their top bit.
pub const PLACES_MAX: u64 = 1 << 31;

/// The places of one heap.
pub struct Places {
    heap: *const Heap,
    /// Number of the first page between the heap's first and last segment.
    low: usize,
    /// For each page from there on, the place of its first block; pages that are not counted have none. One element
    /// more, the end.
    first: Array<u32>,
    /// Only pages under examination are counted.
    examined: bool,
    /// How many places there are.
    pub count: usize,
}

/// Why there are no places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// No memory.
    NoMemory,
    /// More than [`PLACES_MAX`] blocks, or as many edges as 32 bits cannot count.
    Limit,
}

impl Places {
    /// Counts the blocks of a heap, or only those of the pages under examination.
    ///
    /// # Safety
    /// - `heap` is live and only its thread is in it.
    pub unsafe fn of(heap: *const Heap, examined: bool) -> Result<Self, Refused> {
        let low = (*heap).segment_low.min((*heap).segment_high) * SEGMENT_PAGES;
        let pages = (*heap).segment_high * SEGMENT_PAGES - low;
        let mut first = Array::zeros(pages + 1).ok_or(Refused::NoMemory)?;
        // Numbers of blocks for now.
        each_page(heap, examined, |page| first[(*page).index() as usize - low] = blocks_of(&*page));
        let mut count = 0u64;
        for place in first.iter_mut() {
            let blocks = core::mem::replace(place, count as u32);
            count += blocks as u64;
        }
        if count > PLACES_MAX {
            return Err(Refused::Limit);
        }
        Ok(Places { heap, low, first, examined, count: count as usize })
    }

    /// The place of an address; None when no block of the heap begins there.
    ///
    /// # Safety
    /// - No object was made or has died since the places were counted.
    #[inline(always)]
    pub unsafe fn find(&self, address: usize) -> Option<u32> {
        let offset = range::offset_of(address);
        let number = (offset / PAGE_BYTES).wrapping_sub(self.low);
        let &[first, end] = self.first.get(number..)?.first_chunk()?;
        let page = &*RANGE.pages.add(offset / PAGE_BYTES);
        let inside = (offset % PAGE_BYTES) as u32;
        if !core::ptr::eq(page.heap, self.heap) || inside < FIRST_OFFSET {
            return None;
        }
        match page.kind {
            Kind::Small => {
                let block = (((inside - FIRST_OFFSET) as u64 * page.reciprocal as u64) >> 32) as u32;
                let exact = block * page.stride + FIRST_OFFSET == inside && first + block < end;
                exact.then_some(first + block)
            }
            Kind::Large => (inside == FIRST_OFFSET && first < end).then_some(first),
            _ => None,
        }
    }

    /// The address of a place.
    ///
    /// # Safety
    /// - As [`Places::find`]; an object was at the place when they were counted.
    pub unsafe fn address(&self, place: u32) -> *mut c_void {
        let number = self.first.partition_point(|&first| first <= place) - 1;
        let page = &*RANGE.pages.add(self.low + number);
        let block = (place - self.first[number]) as usize;
        (page.start + FIRST_OFFSET as usize + block * page.stride as usize) as *mut c_void
    }

    /// Calls `each` with every block of the heap and its place.
    ///
    /// # Safety
    /// - As [`Places::find`].
    #[inline(always)]
    pub unsafe fn each_block(&self, mut each: impl FnMut(u32, *mut c_void)) {
        each_page(self.heap, self.examined, |page| {
            let mut place = self.first[(*page).index() as usize - self.low];
            (*page).each_block(|obj| {
                each(place, obj);
                place += 1;
            });
        });
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.first.bytes()
    }
}

#[inline(always)]
unsafe fn each_page(heap: *const Heap, examined: bool, each: impl FnMut(*mut Page)) {
    match examined {
        true => (*heap).each_examined_page(each),
        false => (*heap).each_page(each),
    }
}

fn blocks_of(page: &Page) -> u32 {
    match page.kind {
        Kind::Small => page.count_handed_out(),
        Kind::Large => 1,
        _ => 0,
    }
}
