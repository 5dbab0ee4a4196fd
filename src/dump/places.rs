//! Places: the blocks of a heap counted through in the order of their addresses, so that an object is a small
//! number that follows from its address.
//!
//! A table has, for each MiB between the heap's first and last segment, the place of its first block, and for
//! each of its pages how many blocks lie before it: 40 bytes a MiB, the only memory of a dump that grows with
//! the heap.

use super::format::slot;
use crate::heap::page::{Kind, Page, FIRST_OFFSET, PAGE_BYTES};
use crate::heap::range;
use crate::heap::segment::{SEGMENT_BYTES, SEGMENT_PAGES};
use crate::heap::Heap;
use crate::object;
use crate::sys;
use core::ffi::c_void;

/// One segment.
#[derive(Clone, Copy)]
#[repr(C)]
struct Segment {
    /// Place of its first block; [`OTHERS`]: not the heap's.
    first: u64,
    /// Blocks of the segment before each page.
    before: [u16; SEGMENT_PAGES],
}

const OTHERS: u64 = u64::MAX;

// A segment's blocks are counted in 16 bits: blocks of 16 bytes, of which a page has less than 4096.
const _: () = assert!(SEGMENT_PAGES * (PAGE_BYTES / 16) <= 1 << 16);

/// The places of one heap, as long as it is at rest.
pub struct Places {
    table: *mut Segment,
    /// The heap's first segment, and how many from there on the table has.
    low: usize,
    segments: usize,
    /// How many places there are.
    pub count: u64,
}

impl Places {
    /// Counts the heap's blocks; None for out of memory.
    ///
    /// # Safety
    /// - Only the heap's thread is in the heap.
    pub unsafe fn of(heap: *const Heap) -> Option<Places> {
        let low = (*heap).segment_low.min((*heap).segment_high);
        let segments = (*heap).segment_high - low;
        let table = sys::allocate_raw(segments.max(1) * size_of::<Segment>()) as *mut Segment;
        if table.is_null() {
            return None;
        }
        for index in 0..segments {
            table.add(index).write(Segment { first: OTHERS, before: [0; SEGMENT_PAGES] });
        }
        let mut places = Places { table, low, segments, count: 0 };
        (*heap).each_page(|page| places.enter(&*page));
        Some(places)
    }

    unsafe fn enter(&mut self, page: &Page) {
        let blocks = blocks_of(page);
        if blocks == 0 {
            return;
        }
        let index = page.index() as usize;
        let entry = &mut *self.table.add(index / SEGMENT_PAGES - self.low);
        if entry.first == OTHERS {
            entry.first = self.count;
        }
        if let Some(before) = entry.before.get_mut(index % SEGMENT_PAGES) {
            *before = (self.count - entry.first) as u16;
        }
        self.count += blocks;
    }

    /// The place of a page's first block.
    ///
    /// # Safety
    /// - The page is the heap's and has blocks.
    pub unsafe fn first_of(&self, page: &Page) -> u64 {
        let index = page.index() as usize;
        let entry = &*self.table.add(index / SEGMENT_PAGES - self.low);
        entry.first + entry.before.get(index % SEGMENT_PAGES).map_or(0, |&before| before as u64)
    }

    /// The place of an address, or [`slot::OTHER_HEAP`] or [`slot::NO_OBJECT`] when the heap has no block
    /// there. Whether an object is in the block is not looked at: that would be one more load from far away
    /// for each edge.
    ///
    /// # Safety
    /// - The heap is as it was when the table was made.
    #[inline(always)]
    pub unsafe fn find(&self, address: usize) -> Result<u64, u64> {
        let offset = range::offset_of(address);
        let segment = (offset / SEGMENT_BYTES).wrapping_sub(self.low);
        if segment >= self.segments {
            return Err(elsewhere(address));
        }
        let entry = &*self.table.add(segment);
        if entry.first == OTHERS {
            return Err(elsewhere(address));
        }
        let page = &*range::page_of(address);
        let inside = (offset % PAGE_BYTES) as u32;
        let number = match page.kind {
            Kind::Small if (FIRST_OFFSET..page.end).contains(&inside) => {
                let number = ((inside - FIRST_OFFSET) as u64 * page.reciprocal as u64) >> 32;
                if number * page.stride as u64 + FIRST_OFFSET as u64 != inside as u64 {
                    return Err(slot::NO_OBJECT);
                }
                number
            }
            Kind::Large if inside == FIRST_OFFSET => 0,
            _ => return Err(slot::NO_OBJECT),
        };
        let before = entry.before.get(offset / PAGE_BYTES % SEGMENT_PAGES).map_or(0, |&before| before as u64);
        Ok(entry.first + before + number)
    }
}

/// How many places a page has.
pub fn blocks_of(page: &Page) -> u64 {
    match page.kind {
        Kind::Small => page.count_handed_out() as u64,
        Kind::Large => 1,
        _ => 0,
    }
}

#[cold]
#[inline(never)]
unsafe fn elsewhere(address: usize) -> u64 {
    // Looks at memory of another heap, as counting through such an edge does: the host serialises.
    if object::check(address as *mut c_void).is_ok() {
        slot::OTHER_HEAP
    } else {
        slot::NO_OBJECT
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody has a pointer to it.
        unsafe { sys::free(self.table as *mut u8) }
    }
}
