//! The memory of one heap: its segments, its size classes, what it counts of both. It knows no heap: who owns it is a
//! number, and who wants to know what goes back to the system is a function.

use super::class::{stride_of, Class, Run, CLASS_COUNT, EMPTY_PAGE};
use super::page::{Kind, Page, PageFlags, FIRST_OFFSET, NO_PAGE, PAGE_BYTES};
use super::segment::{NO_SEGMENT, OPEN_LISTS};
use crate::base::list::List;
use crate::base::promised;
use core::ptr;

/// Told that memory of pages goes back to the system: the space, the first page's number, and how many.
pub type TrimmedFn = unsafe fn(*mut Space, usize, usize);

/// See the file's head. Zeroed memory, then [`Space::begin`].
#[repr(C)]
pub struct Space {
    /// Its own address, for walks during which it changes.
    pub(super) this: *mut Space,
    /// The number that its segments carry as owner.
    pub owner: u32,
    /// See [`TrimmedFn`].
    pub trimmed: Option<TrimmedFn>,
    /// One per stride.
    pub classes: [Class; CLASS_COUNT],
    /// For each length of a run of pages, the first of the segments whose longest run of free pages has it.
    pub open_segments: [u32; OPEN_LISTS],
    /// One bit a list of [`Space::open_segments`]: it has some.
    pub open_lists: u32,
    /// The numbers of the segments owned, in order.
    pub own: List<u32>,
    /// How many segments have no page in use.
    pub empty_segments: usize,
    /// All segments lie in `segment_low..segment_high`, the ends included.
    pub segment_low: usize,
    /// As `segment_low`.
    pub segment_high: usize,
    /// Pages that hold small blocks.
    pub small_pages: usize,
    /// Bytes of pages in use.
    pub page_bytes: u64,
    /// Bytes of free pages whose memory was used before and not given back.
    pub kept_bytes: u64,
    /// Bytes of holes in pages in use: see `holes.rs`.
    pub hole_bytes: u64,
    /// Most of the heap is holes, and it asked for small pages.
    pub(super) is_sparse: bool,
    /// What [`Space::give_back`] has got to.
    pub(super) giving: super::trim::Part,
    /// The segment at which it goes on.
    pub(super) giving_at: usize,
    /// The most that [`Space::heap_bytes`] has been.
    pub heap_bytes_peak: u64,
    /// The most that pages in use, with their holes, and [`Space::kept_bytes`] may come to together; 0: anything.
    pub limit_bytes: u64,
    /// The words of the sliced run under way, as if they began with the range's first granule: see
    /// `cycle/sliced/words.rs`. Read for pages of the run alone.
    pub run_words: *mut u32,
    /// One bit a class: no page was to be had for it, and those it has list themselves at their first free block.
    pub tight_classes: u128,
}

/// Pages that one large object of `bytes` (header included) takes.
pub fn large_pages(bytes: usize) -> usize {
    (bytes - 8 + FIRST_OFFSET as usize).div_ceil(PAGE_BYTES)
}

impl Space {
    /// A space without memory becomes usable.
    ///
    /// # Safety
    /// - `space` is zeroed memory that does not move.
    pub unsafe fn begin(space: *mut Space, owner: u32, trimmed: TrimmedFn) {
        (*space).this = space;
        (*space).owner = owner;
        (*space).trimmed = Some(trimmed);
        (*space).open_segments = [NO_SEGMENT; OPEN_LISTS];
        (*space).segment_low = usize::MAX;
        for number in 0..CLASS_COUNT {
            (&mut (*space).classes)[number] = Class {
                page: EMPTY_PAGE.get(),
                space,
                partial: NO_PAGE,
                stride: stride_of(number),
                run: Run::EMPTY,
            };
        }
    }

    /// Takes the pages for one large object of `bytes` (header included); null for out of memory.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn take_large(&mut self, bytes: usize) -> *mut Page {
        let count = large_pages(bytes);
        if count > u32::MAX as usize {
            return ptr::null_mut();
        }
        let page = self.take_pages(count);
        if page.is_null() {
            return page;
        }
        let mut dirty = false;
        for distance in 0..count {
            let rest = page.add(distance);
            dirty |= (*rest).flags.contains(PageFlags::DIRTY);
            (*rest).kind = Kind::LargeRest;
            (*rest).span = distance as u32;
            (*rest).space = self;
            (*rest).flags = PageFlags::empty();
        }
        let start = (*page).address();
        (*page).start = start;
        if dirty {
            // Fresh memory through the system where that is cheaper than writing zeros.
            let all = count * PAGE_BYTES;
            if all < 1 << 20 || !crate::sys::decommit(start as *mut u8, all) {
                ptr::write_bytes(start as *mut u8, 0, all);
            }
        }
        // A run that handed out the last block of the page, when it was one of small blocks, knows it still, and would take
        // the large object for one of these when that dies.
        let run = &raw mut self.classes[(*page).class as usize % CLASS_COUNT].run;
        if ptr::eq((*run).page, page) {
            promised!((*run).is_empty());
            *run = Run::EMPTY;
        }
        (*page).kind = Kind::Large;
        (*page).span = count as u32;
        (*page).countdown = 1;
        (*page).stride = FIRST_OFFSET;
        (*page).reciprocal = 0;
        (*page).free = 0;
        (*page).end = FIRST_OFFSET + 1;
        (*page).next = NO_PAGE;
        (*page).prev = NO_PAGE;
        (*page).old_end = 0;
        self.list_young(page);
        page
    }

    /// A large object died.
    ///
    /// # Safety
    /// - `page` is the first of its span.
    pub unsafe fn give_large(&mut self, page: *mut Page) {
        promised!((*page).kind == Kind::Large);
        self.give_pages(page, (*page).span as usize);
    }

    /// A page of small blocks is empty.
    ///
    /// # Safety
    /// - No block of it is in use, and its class does not know it any more.
    pub unsafe fn give_small(&mut self, page: *mut Page) {
        promised!((*page).kind == Kind::Small);
        self.small_pages -= 1;
        if (*page).holes != 0 {
            self.fill_holes(page);
        }
        self.give_pages(page, 1);
    }
}
