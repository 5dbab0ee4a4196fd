//! Size classes: which stride a size gets, and where a class's next block comes from when its page has
//! none.
//!
//! Strides are multiples of 16 up to 256, then eight to each doubling: at most an eighth is lost to
//! rounding. The largest puts two blocks on a page; what is larger is a large object with a span of its
//! own.

use super::page::{free_block, Kind, Page, PageFlags, COUNTDOWN_NEVER, NO_PAGE, PAGE_BYTES};
use super::range::RANGE;
use super::Heap;
use crate::header::{self, Header};
use crate::sys;
use core::ffi::c_void;

/// Classes of a heap.
pub const CLASS_COUNT: usize = 16 + 7 * 8;
/// The largest stride.
pub const STRIDE_MAX: usize = 32 << 10;

/// The stride of a class.
pub const fn stride_of(class: usize) -> u32 {
    if class < 16 {
        return (class as u32 + 1) * 16;
    }
    let octave = (class - 16) / 8;
    let step = (class - 16) % 8 + 1;
    let stride = (256 << octave) + (32 << octave) * step as u32;
    if stride as usize == STRIDE_MAX {
        // Two such blocks do not fit behind the first 8 bytes of a page; this much smaller, they do.
        (STRIDE_MAX - 16) as u32
    } else {
        stride
    }
}

/// The class for so many bytes of payload and header; None when that is a large object.
pub const fn class_of(bytes: usize) -> Option<usize> {
    if bytes <= 256 {
        return Some(if bytes == 0 { 0 } else { (bytes - 1) / 16 });
    }
    if bytes > STRIDE_MAX - 16 {
        return None;
    }
    let octave = (bytes - 1).ilog2() - 8;
    let step = (bytes - 1 - (256 << octave)) / (32 << octave);
    Some(16 + octave as usize * 8 + step)
}

/// A heap's allocator for one stride.
#[repr(C)]
pub struct Class {
    /// The object of the current page that was freed last, dead but not returned to the page, which still
    /// counts it as in use; null: none. What is made and dropped at once, as temporaries are, goes back and
    /// forth here. (Of the current page, because that is sure to be young: so is what is made from this.)
    pub last: *mut c_void,
    /// Allocation takes from this page; never null ([`EMPTY_PAGE`] in the beginning).
    pub page: *mut Page,
    /// The owner.
    pub heap: *mut Heap,
    /// First of the partial pages.
    pub partial: u32,
    /// From one payload to the next.
    pub stride: u32,
}

/// A page without blocks, so that a class that never allocated needs no test of its own. Never written.
pub static EMPTY_PAGE: EmptyPage = EmptyPage(core::cell::UnsafeCell::new(Page {
    free: 0,
    end: 0,
    countdown: COUNTDOWN_NEVER,
    stride: 0,
    heap: core::ptr::null_mut(),
    start: 0,
    end_max: 0,
    reciprocal: 0,
    next: NO_PAGE,
    prev: NO_PAGE,
    span: 0,
    old_end: 0,
    dead: 0,
    kind: Kind::Free,
    flags: PageFlags::empty(),
    class: 0,
}));

/// A class without memory: every allocation from it takes the long way. Never written.
pub static NO_CLASS: NoClass = NoClass(core::cell::UnsafeCell::new(Class {
    last: core::ptr::null_mut(),
    page: EMPTY_PAGE.0.get(),
    heap: core::ptr::null_mut(),
    partial: NO_PAGE,
    stride: 0,
}));

/// See [`NO_CLASS`].
pub struct NoClass(core::cell::UnsafeCell<Class>);

// SAFETY: nobody writes to it: types that have it are not quick, and it has nothing to give.
unsafe impl Sync for NoClass {}

impl NoClass {
    /// The class, for a type's `class`.
    pub fn get(&self) -> *mut Class {
        self.0.get()
    }
}

/// See [`EMPTY_PAGE`].
pub struct EmptyPage(core::cell::UnsafeCell<Page>);

// SAFETY: nobody writes to it: its free list is exhausted and cannot be extended.
unsafe impl Sync for EmptyPage {}

impl EmptyPage {
    /// The page, for a class's `page`.
    pub fn get(&self) -> *mut Page {
        self.0.get()
    }
}

impl Class {
    /// Makes the class's page one with a free block. False for out of memory.
    ///
    /// # Safety
    /// - The current page has no free block; only the heap's thread is in the heap.
    #[cold]
    #[inline(never)]
    pub unsafe fn refill(&mut self) -> bool {
        let page = self.page;
        if (*page).end < (*page).end_max {
            self.extend();
            return true;
        }
        let next = if self.partial != NO_PAGE {
            let page = RANGE.pages.add(self.partial as usize);
            self.unlist(page);
            page
        } else {
            let page = (*self.heap).take_pages(1);
            if page.is_null() {
                return self.scrape();
            }
            let class = ((self as *const Class as usize - (*self.heap).classes.as_ptr() as usize)
                / size_of::<Class>()) as u8;
            (*page).become_small(self.heap, class, self.stride);
            (*self.heap).small_pages += 1;
            page
        };
        self.make_current(next);
        if (*next).free >= (*next).end {
            self.extend();
        }
        true
    }

    unsafe fn make_current(&mut self, next: *mut Page) {
        let page = self.page;
        if (*page).kind == Kind::Small {
            (*page).flags.remove(PageFlags::CURRENT);
            (*page).countdown = (*page).frees_until_partial();
        }
        (*next).flags.insert(PageFlags::CURRENT);
        (*next).countdown = COUNTDOWN_NEVER;
        self.page = next;
        (*self.heap).list_young(next);
    }

    /// Moves the current page's frontier: by little in a small heap, whose memory stays small, by the whole
    /// page in a large one.
    unsafe fn extend(&mut self) {
        let page = &mut *self.page;
        let bytes = match (*self.heap).small_pages {
            0..=7 => 4 << 10,
            8..=63 => 16 << 10,
            _ => PAGE_BYTES as u32,
        };
        let blocks = (bytes / page.stride).max(1);
        let end = (page.end + blocks * page.stride).min(page.end_max);
        if page.flags.contains(PageFlags::DIRTY) {
            let start = page.start;
            let mut offset = page.end;
            while offset < end {
                header::store((start + offset as usize) as *mut c_void, Header::free(0));
                offset += page.stride;
            }
        } else if bytes as usize == PAGE_BYTES {
            sys::wish_populated(page.start as *mut u8, PAGE_BYTES);
        }
        page.end = end;
    }

    /// No page is to be had: a full page with few free blocks, not listed yet, will do.
    unsafe fn scrape(&mut self) -> bool {
        let mut found: *mut Page = core::ptr::null_mut();
        let stride = self.stride;
        let heap = self.heap;
        (*heap).each_page(|page| {
            let full = PageFlags::PARTIAL.union(PageFlags::CURRENT);
            if (*page).kind == Kind::Small
                && (*page).stride == stride
                && !(*page).flags.intersects(full)
                && (*page).free < (*page).end
            {
                found = page;
            }
        });
        if found.is_null() {
            return false;
        }
        self.make_current(found);
        true
    }

    /// The countdown of a page has ended: see the table in `page.rs`.
    ///
    /// # Safety
    /// - `page` holds blocks; only its heap's thread is in the heap.
    #[cold]
    #[inline(never)]
    pub unsafe fn free_slow(page: *mut Page) {
        let heap = (*page).heap;
        if (*page).kind == Kind::Large {
            (*heap).give_large(page);
            return;
        }
        let class = &mut (&mut (*heap).classes)[(*page).class as usize];
        if (*page).flags.contains(PageFlags::CURRENT) {
            (*page).countdown = COUNTDOWN_NEVER;
        } else if (*page).flags.contains(PageFlags::PARTIAL) {
            class.empty(page);
        } else {
            let freed = (*page).frees_until_partial();
            class.enlist(page, freed);
        }
    }

    /// `count` blocks of a page were freed at once, without its countdown.
    ///
    /// # Safety
    /// - As [`Class::free_slow`]; the blocks are in the page's free list.
    pub unsafe fn freed_many(page: *mut Page, count: u32) {
        let class = &mut (&mut (*(*page).heap).classes)[(*page).class as usize];
        if (*page).flags.contains(PageFlags::CURRENT) {
            return;
        }
        if (*page).flags.contains(PageFlags::PARTIAL) {
            (*page).countdown -= count;
            if (*page).countdown == 0 {
                class.empty(page);
            }
            return;
        }
        let threshold = (*page).frees_until_partial();
        let freed = threshold - (*page).countdown + count;
        if freed < threshold {
            (*page).countdown -= count;
        } else {
            class.enlist(page, freed);
        }
    }

    /// A full page has `freed` free blocks by now: it becomes partial, or empty.
    unsafe fn enlist(&mut self, page: *mut Page, freed: u32) {
        (*page).countdown = (*page).count_handed_out() - freed;
        let index = (*page).index();
        (*page).prev = NO_PAGE;
        (*page).next = self.partial;
        if self.partial != NO_PAGE {
            (*RANGE.pages.add(self.partial as usize)).prev = index;
        }
        self.partial = index;
        (*page).flags.insert(PageFlags::PARTIAL);
        if (*page).countdown == 0 {
            self.empty(page);
        }
    }

    unsafe fn unlist(&mut self, page: *mut Page) {
        if (*page).prev == NO_PAGE {
            self.partial = (*page).next;
        } else {
            (*RANGE.pages.add((*page).prev as usize)).next = (*page).next;
        }
        if (*page).next != NO_PAGE {
            (*RANGE.pages.add((*page).next as usize)).prev = (*page).prev;
        }
        (*page).flags.remove(PageFlags::PARTIAL);
    }

    /// A partial page has no object left. The class's only one is kept for the next allocation; others go
    /// back.
    unsafe fn empty(&mut self, page: *mut Page) {
        (*page).countdown = COUNTDOWN_NEVER;
        if self.partial == (*page).index() && (*page).next == NO_PAGE {
            return;
        }
        self.unlist(page);
        (*self.heap).give_small(page);
    }

    /// Returns the object freed last to its page.
    ///
    /// # Safety
    /// - Only the heap's thread is in the heap.
    pub unsafe fn flush(&mut self) {
        if !self.last.is_null() {
            free_block(core::mem::replace(&mut self.last, core::ptr::null_mut()));
        }
    }

    /// Gives back the empty page that [`Class::empty`] kept, if there is one.
    ///
    /// # Safety
    /// - Only the heap's thread is in the heap.
    pub unsafe fn trim(&mut self) {
        let mut index = self.partial;
        while index != NO_PAGE {
            let page = RANGE.pages.add(index as usize);
            index = (*page).next;
            if (*page).countdown == COUNTDOWN_NEVER {
                self.unlist(page);
                (*self.heap).give_small(page);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_gets_the_smallest_class_that_holds_it() {
        for bytes in 1..=STRIDE_MAX - 16 {
            let class = class_of(bytes).unwrap_or(usize::MAX);
            assert!(stride_of(class) as usize >= bytes, "{bytes} in class {class}");
            assert!(class == 0 || (stride_of(class - 1) as usize) < bytes, "{bytes} in class {class}");
        }
        assert_eq!(class_of(STRIDE_MAX - 15), None);
        assert_eq!(CLASS_COUNT, class_of(STRIDE_MAX - 16).unwrap_or(0) + 1);
    }

    #[test]
    fn strides_are_aligned_and_rising() {
        for class in 1..CLASS_COUNT {
            assert_eq!(stride_of(class) % 16, 0);
            assert!(stride_of(class) > stride_of(class - 1));
        }
    }
}
