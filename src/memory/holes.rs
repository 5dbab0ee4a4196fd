//! Holes: whole pages of the system inside a page of blocks, in which only free blocks lie, and whose memory went back.
//!
//! A program that dropped most of what it had, and keeps an object here and there, has no free pages; its memory is in the
//! free blocks between. What lies there is needed by nobody but for the links of the page's free list, and memory that
//! reads zero *is* such a list (`page.rs`): each block's link leads to its neighbour. So
//!
//! ```text
//!   | live | free   free   free   free   free   free   free | live | free ... free | frontier
//!            `--------- read zero ----------------'  keeps        `-- read zero -'
//!                                                    its link
//! ```
//!
//! the page's list is put into the order of addresses; then a block whose neighbour is free, or the frontier, has the link 0,
//! and may lie in a hole. Only the last block before a live one needs the memory of its header.
//!
//! A page with holes says how many ([`Page::holes`]), and its space how many bytes they are. When its list is handed out
//! they are filled by whoever writes there, and count as memory again at once. Between that and the next
//! [`Space::give_holes`] a page's holes only become more, because its blocks only become free.
//!
//! Huge pages are taken apart by holes, and the system would put them together again, with memory where the holes were. So
//! a large heap that is mostly holes asks for small pages, until it is not any more.

use super::bits::PAGE_GRANULES;
use super::page::{Kind, Page, PageFlags, COUNTDOWN_NEVER, FIRST_OFFSET, PAGE_BYTES};
use super::segment::{page_at, segment_at, ALL_FREE, SEGMENT_BYTES, SEGMENT_PAGES};
use super::space::Space;
use super::trim::GAPS_PART;
use crate::header;
use crate::memory::range;
use crate::sys;
use core::ffi::c_void;

/// A heap of which less than one part in so many is holes uses huge pages again.
const SPARSE_PART: u64 = 8;
/// Pages whose free blocks are looked at in one piece of work.
const PIECE_PAGES: usize = 3;

/// One bit for each block of a page.
struct Blocks([u64; PAGE_GRANULES / 64]);

impl Blocks {
    fn set(&mut self, number: u32) {
        if let Some(word) = self.0.get_mut(number as usize / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn has(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 != 0)
    }
}

/// A page whose free blocks are looked at.
struct Look {
    page: *mut Page,
    /// Blocks handed out.
    count: u32,
    free: Blocks,
    /// Bytes of a page of the system.
    unit: u32,
    /// One bit for each of these: it may be a hole.
    holes: u32,
}

impl Look {
    unsafe fn at(page: *mut Page, unit: u32) -> Look {
        let mut free = Blocks([0; PAGE_GRANULES / 64]);
        let (start, reciprocal) = ((*page).start, (*page).reciprocal as u64);
        (*page).each_free(u32::MAX, |obj| {
            let behind = (obj as usize - start) as u64 - FIRST_OFFSET as u64;
            free.set(((behind * reciprocal) >> 32) as u32);
        });
        let mut look = Look { page, count: (*page).count_handed_out(), free, unit, holes: 0 };
        look.find_holes();
        look
    }

    /// Offset of a block's header.
    unsafe fn header_at(&self, number: u32) -> u32 {
        FIRST_OFFSET - header::HEADER_BYTES as u32 + number * (*self.page).stride
    }

    /// The pages of the system from one offset to another.
    fn units(&self, from: u32, to: u32) -> u32 {
        let (first, end) = (from / self.unit, to.div_ceil(self.unit));
        ((1u64 << end) - (1u64 << first)) as u32
    }

    /// Whether a free block's link is 0: its neighbour is free, too, or nothing was handed out behind it.
    fn leads_to_neighbour(&self, number: u32) -> bool {
        number + 1 == self.count || self.free.has(number + 1)
    }

    unsafe fn find_holes(&mut self) {
        let mut needed = 0;
        for number in 0..self.count {
            let header = self.header_at(number);
            if !self.free.has(number) {
                needed |= self.units(header, header + (*self.page).stride);
            } else if !self.leads_to_neighbour(number) {
                needed |= self.units(header, header + header::HEADER_BYTES as u32);
            }
        }
        // Behind the frontier nobody has written yet.
        self.holes = self.units(0, self.header_at(self.count)) & !needed;
    }

    /// Whether a block's header lies in a hole.
    unsafe fn is_in_hole(&self, number: u32) -> bool {
        self.holes >> (self.header_at(number) / self.unit) & 1 != 0
    }

    unsafe fn block(&self, number: u32) -> *mut c_void {
        let offset = FIRST_OFFSET + number * (*self.page).stride;
        ((*self.page).start + offset as usize) as *mut c_void
    }

    /// Puts the free list into the order of addresses. What is in holes is not touched: it is to read zero.
    unsafe fn put_in_order(&self) {
        let page = self.page;
        let mut next = self.count;
        for number in (0..self.count).rev().filter(|&number| self.free.has(number)) {
            if !self.is_in_hole(number) {
                self.set_link(number, (next - number - 1) * (*page).stride);
            }
            next = number;
        }
        (*page).free = FIRST_OFFSET + next * (*page).stride;
    }

    /// Writes only what changes: after a fork each page that is written to is copied.
    unsafe fn set_link(&self, number: u32, link: u32) {
        let obj = self.block(number);
        if header::high_word(obj) != link {
            header::set_link(obj, link);
        }
    }

    /// Gives the memory of the holes back. How many there are then: what the system does not take is none.
    unsafe fn give(&self) -> u32 {
        let mut given = 0;
        let mut rest = self.holes;
        while rest != 0 {
            let first = rest.trailing_zeros();
            let count = (!((rest >> first) as u64)).trailing_zeros();
            let start = (*self.page).start + (first * self.unit) as usize;
            let bytes = count * self.unit;
            rest &= !self.units(first * self.unit, first * self.unit + bytes);
            if sys::decommit(start as *mut u8, bytes as usize) {
                given += count;
                continue;
            }
            // The list goes through all the same.
            let within = |at: u32| (first * self.unit..first * self.unit + bytes).contains(&at);
            for number in 0..self.count {
                if self.free.has(number) && within(self.header_at(number)) {
                    self.set_link(number, 0);
                }
            }
        }
        given
    }
}

/// Whether a page has a list of free blocks that is worth looking at.
fn may_have_holes(page: &Page) -> bool {
    let listed = page.flags.contains(PageFlags::PARTIAL) && page.countdown != COUNTDOWN_NEVER;
    let has_list = listed || page.flags.contains(PageFlags::CURRENT);
    page.kind == Kind::Small && has_list && page.free < page.end
}

/// Makes holes in a page, if at least `least` of its pages of the system can be some. How many more there are then.
unsafe fn punch(page: *mut Page, unit: u32, least: u32) -> u32 {
    let look = Look::at(page, unit);
    let (old, holes) = ((*page).holes as u32, look.holes.count_ones());
    if holes < least || holes <= old {
        return 0;
    }
    look.put_in_order();
    let given = look.give();
    (*page).holes = given as u8;
    given.saturating_sub(old)
}

impl Space {
    /// Gives back what lies in free blocks of the next pages; where that is a good part of the page, or, where memory is
    /// `short`, all that there is. True at the end.
    ///
    /// # Safety
    /// - No run has blocks.
    pub(super) unsafe fn give_holes(&mut self, short: bool) -> bool {
        let unit = sys::os_page_bytes();
        // The number of a page's holes is a byte.
        if unit >= PAGE_BYTES || PAGE_BYTES / unit > u8::MAX as usize {
            return true;
        }
        let least = if short { 1 } else { (PAGE_BYTES / unit) as u32 / GAPS_PART as u32 };
        let mut looks = 0;
        while looks < PIECE_PAGES {
            let Some(page) = self.next_page() else {
                if !self.is_sparse && self.hole_bytes > self.page_bytes / 2 {
                    self.set_sparse(true);
                }
                return true;
            };
            if may_have_holes(&*page) {
                looks += 1;
                self.hole_bytes += punch(page, unit as u32, least.max(1)) as u64 * unit as u64;
            }
        }
        false
    }

    /// The next page in use, at the cursor or behind it, and moves that.
    unsafe fn next_page(&mut self) -> Option<*mut Page> {
        loop {
            let number = self.segment_at_or_after(self.giving_at / SEGMENT_PAGES)?;
            let first = self.giving_at.max(number * SEGMENT_PAGES);
            let used = (ALL_FREE & !(*segment_at(number as u32)).free_pages) >> (first % SEGMENT_PAGES);
            if used != 0 {
                let page = first + used.trailing_zeros() as usize;
                self.giving_at = page + 1;
                return Some(page_at(number as u32, page % SEGMENT_PAGES));
            }
            self.giving_at = (number + 1) * SEGMENT_PAGES;
        }
    }

    /// The free blocks of a page are handed out, or the page goes: its holes are none any more.
    ///
    /// # Safety
    /// - The page is the heap's.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn fill_holes(&mut self, page: *mut Page) {
        self.hole_bytes -= core::mem::take(&mut (*page).holes) as u64 * sys::os_page_bytes() as u64;
        self.heap_bytes_peak = self.heap_bytes_peak.max(self.heap_bytes());
        if self.is_sparse && self.hole_bytes < self.page_bytes / SPARSE_PART {
            self.set_sparse(false);
        }
    }

    /// Asks for small pages, or for huge ones again, where the heap asks for any.
    pub(super) unsafe fn set_sparse(&mut self, sparse: bool) {
        self.is_sparse = sparse;
        if !self.wants_huge() {
            return;
        }
        let own = self.own.as_slice();
        let mut place = 0;
        while let Some(&first) = own.get(place) {
            let begin = place;
            while own.get(place) == Some(&(first + (place - begin) as u32)) {
                place += 1;
            }
            let start = (range::objects() + first as usize * SEGMENT_BYTES) as *mut u8;
            let bytes = (place - begin) * SEGMENT_BYTES;
            match sparse {
                true => sys::wish_small_pages(start, bytes),
                false => sys::wish_huge_pages(start, bytes),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::class::{stride_of, CLASS_COUNT};

    /// A page of blocks of one stride in memory of the test's own, all of them in use.
    unsafe fn page_of(memory: *mut u8, class: usize) -> Page {
        // SAFETY: zeroed memory is a free page.
        let mut page: Page = unsafe { core::mem::zeroed() };
        page.stride = stride_of(class);
        page.reciprocal = (u32::MAX / page.stride) + 1;
        page.start = memory as usize;
        page.end_max = FIRST_OFFSET + Page::blocks_of(page.stride) * page.stride;
        page.end = page.end_max;
        page.free = page.end;
        page.kind = Kind::Small;
        page.flags = PageFlags::CURRENT;
        page
    }

    unsafe fn list_of(page: &Page) -> Vec<usize> {
        let mut list = Vec::new();
        // SAFETY: the caller's page.
        unsafe { page.each_free(u32::MAX, |obj| list.push(obj as usize)) };
        list
    }

    #[test]
    fn lists_lead_through_holes_whatever_is_free() {
        let layout = std::alloc::Layout::from_size_align(PAGE_BYTES, PAGE_BYTES).unwrap();
        let unit = sys::os_page_bytes() as u32;
        let mut seed = 7u64;
        let mut below = |limit: u32| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((seed >> 33) % limit as u64) as u32
        };
        let (mut all, mut pages) = (0, 0);
        // SAFETY: memory of the test's own, as large as a page.
        unsafe {
            let memory = std::alloc::alloc_zeroed(layout);
            for class in 0..CLASS_COUNT {
                for live in [0, 1, 2, 5, 40] {
                    let mut page = page_of(memory, class);
                    let count = page.count_handed_out();
                    memory.write_bytes(0xee, PAGE_BYTES);
                    let kept: Vec<u32> = (0..live.min(count)).map(|_| below(count)).collect();
                    // Freed in a scrambled order.
                    let mut order: Vec<u32> = (0..count).filter(|number| !kept.contains(number)).collect();
                    for place in (1..order.len()).rev() {
                        order.swap(place, below(place as u32 + 1) as usize);
                    }
                    for &number in &order {
                        let offset = FIRST_OFFSET + number * page.stride;
                        let obj = memory.add(offset as usize).cast();
                        let link = page.free.wrapping_sub(offset).wrapping_sub(page.stride);
                        header::store(obj, header::Header(1 | (link as u64) << 32));
                        page.free = offset;
                    }
                    let more = punch(&mut page, unit, 1);
                    assert_eq!(more, page.holes as u32);
                    assert_eq!(punch(&mut page, unit, 1), 0, "nothing is given twice");
                    order.sort_unstable();
                    let wanted: Vec<usize> = order
                        .iter()
                        .map(|number| memory as usize + (FIRST_OFFSET + number * page.stride) as usize)
                        .collect();
                    match more {
                        0 => assert_eq!(list_of(&page).len(), wanted.len()),
                        _ => assert_eq!(list_of(&page), wanted, "stride {}, {live} live", page.stride),
                    }
                    for number in kept {
                        let at = (FIRST_OFFSET + number * page.stride) as usize - 8;
                        let block = std::slice::from_raw_parts(memory.add(at), page.stride as usize - 8);
                        assert!(block.iter().all(|&byte| byte == 0xee), "live blocks are whole");
                    }
                    if live == 1 && page.stride <= 1024 {
                        // The live one, and the link before it, need two at most.
                        assert!(more >= (PAGE_BYTES as u32 / unit).saturating_sub(2), "{more} holes");
                    }
                    all += more;
                    pages += 1;
                }
            }
            std::alloc::dealloc(memory, layout);
        }
        assert!(all > pages, "{all} holes in {pages} pages");
    }
}
