//! Places: the blocks of a heap counted through in the order of their addresses, so that an object is a number that
//! follows from its address, and leads back to it, without a table of objects. Blocks without an object have places, too.
//!
//! A table has, for each MiB between the heap's first and last segment, the place of its first block, and for each of
//! its pages how many blocks lie before it: 40 bytes a MiB. As long as no object is made and none dies, places stay
//! what they are.

use crate::memory::page::{Kind, Page, FIRST_OFFSET, PAGE_BYTES};
use crate::memory::range::{self, RANGE};
use crate::memory::segment::{SEGMENT_BYTES, SEGMENT_PAGES};
use crate::memory::space::Space;
use crate::sys;
use core::ffi::c_void;

/// One segment.
#[derive(Clone, Copy)]
#[repr(C)]
struct Segment {
    /// Place of its first block; of a segment without blocks that of the next one's.
    first: u64,
    /// Blocks of the segment before each page.
    before: [u16; SEGMENT_PAGES],
}

// A segment's blocks are counted in 16 bits: blocks of 16 bytes, of which a page has less than 4096.
const _: () = assert!(SEGMENT_PAGES * (PAGE_BYTES / 16) <= 1 << 16);

/// The places of one heap, as long as it is at rest.
pub struct Places {
    space: *const Space,
    /// One element more than there are segments, the end.
    table: *mut Segment,
    /// The heap's first segment, and how many from there on the table has.
    low: usize,
    segments: usize,
    /// Only pages under examination are counted.
    examined: bool,
    /// How many places there are.
    pub count: u64,
}

impl Places {
    /// Counts the blocks of a heap, or only those of its pages under examination. None for out of memory.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn of(space: *const Space, examined: bool) -> Option<Places> {
        let low = (*space).segment_low.min((*space).segment_high);
        let segments = (*space).segment_high - low;
        let table = sys::allocate((segments + 1) * size_of::<Segment>()) as *mut Segment;
        if table.is_null() {
            return None;
        }
        let mut places = Places { space, table, low, segments, examined, count: 0 };
        // Numbers of blocks, in the place of what lies before each.
        places.each_page(|page| {
            let index = (*page).index() as usize;
            (*table.add(index / SEGMENT_PAGES - low)).before[index % SEGMENT_PAGES] =
                blocks_of(&*page) as u16;
        });
        for number in 0..=segments {
            let segment = &mut *table.add(number);
            segment.first = places.count;
            let mut before = 0;
            for place in &mut segment.before {
                before += core::mem::replace(place, before as u16) as u32;
            }
            places.count += before as u64;
        }
        Some(places)
    }

    #[inline(always)]
    unsafe fn each_page(&self, each: impl FnMut(*mut Page)) {
        match self.examined {
            true => (*self.space).each_examined_page(each),
            false => (*self.space).each_page(each),
        }
    }

    /// The place of a page's first block.
    ///
    /// # Safety
    /// - The page is the heap's and was counted.
    pub unsafe fn first_of(&self, page: &Page) -> u64 {
        let index = page.index() as usize;
        let segment = &*self.table.add(index / SEGMENT_PAGES - self.low);
        segment.first + segment.before[index % SEGMENT_PAGES] as u64
    }

    /// The place of an address; None when no block begins there that was counted. Whether an object is in the block is
    /// not looked at: that would be one more load from far away for each edge.
    ///
    /// # Safety
    /// - The heap is as it was when the places were counted.
    #[inline(always)]
    pub unsafe fn find(&self, address: usize) -> Option<u64> {
        let offset = range::offset_of(address);
        let number = (offset / SEGMENT_BYTES).wrapping_sub(self.low);
        if number >= self.segments {
            return None;
        }
        let page = &*RANGE.pages.add(offset / PAGE_BYTES);
        let inside = (offset % PAGE_BYTES) as u32;
        if !core::ptr::eq(page.space, self.space) || inside < FIRST_OFFSET {
            return None;
        }
        let block = match page.kind {
            Kind::Small => {
                let block = (((inside - FIRST_OFFSET) as u64 * page.reciprocal as u64) >> 32) as u32;
                if block * page.stride + FIRST_OFFSET != inside {
                    return None;
                }
                block
            }
            Kind::Large if inside == FIRST_OFFSET => 0,
            _ => return None,
        };
        let segment = &*self.table.add(number);
        let within = offset / PAGE_BYTES % SEGMENT_PAGES;
        let place = segment.first + segment.before[within] as u64 + block as u64;
        let end = match segment.before.get(within + 1) {
            Some(&before) => segment.first + before as u64,
            None => (*self.table.add(number + 1)).first,
        };
        (place < end).then_some(place)
    }

    /// The address of a place.
    ///
    /// # Safety
    /// - As [`Places::find`]; an object was at the place when they were counted.
    pub unsafe fn address(&self, place: u64) -> *mut c_void {
        let table = core::slice::from_raw_parts(self.table, self.segments);
        // The last that begins at the place or before it: those without blocks begin where the next one does.
        let number = table.partition_point(|segment| segment.first <= place) - 1;
        let segment = &table[number];
        let within = (place - segment.first) as u16;
        let page = segment.before.partition_point(|&before| before <= within) - 1;
        let block = (within - segment.before[page]) as usize;
        let page = &*RANGE.pages.add((self.low + number) * SEGMENT_PAGES + page);
        (page.start + FIRST_OFFSET as usize + block * page.stride as usize) as *mut c_void
    }

    /// Calls `each` with every block that was counted, and its place.
    ///
    /// # Safety
    /// - As [`Places::find`].
    #[inline(always)]
    pub unsafe fn each_block(&self, mut each: impl FnMut(u64, *mut c_void)) {
        self.each_page(|page| {
            let mut place = self.first_of(&*page);
            (*page).each_block(|obj| {
                each(place, obj);
                place += 1;
            });
        });
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        (self.segments + 1) * size_of::<Segment>()
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody has a pointer to it.
        unsafe { sys::free(self.table as *mut u8) }
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
