//! Size classes: which stride a size gets, and where a class's next block comes from when its page has
//! none.
//!
//! Strides are multiples of 16 up to 256, then eight to each doubling: at most an eighth is lost to
//! rounding. The largest puts two blocks on a page; what is larger is a large object with a span of its
//! own.

use crate::base::promised;
use crate::header::{self, Header};
use crate::memory::page::{self, Kind, Page, PageFlags, COUNTDOWN_NEVER, FIRST_OFFSET, NO_PAGE, PAGE_BYTES};
use crate::memory::range::RANGE;
use crate::memory::space::Space;
use crate::sys;
use core::ffi::c_void;

/// Classes of a heap.
pub const CLASS_COUNT: usize = 16 + 7 * 8;
/// Blocks of up to so many bytes have the classes 0, 1, 2 ... by 16 bytes.
pub const SHIFT_BYTES_MAX: usize = 256;
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
    if bytes <= SHIFT_BYTES_MAX {
        return Some(if bytes == 0 { 0 } else { (bytes - 1) / 16 });
    }
    if bytes > STRIDE_MAX - 16 {
        return None;
    }
    let octave = (bytes - 1).ilog2() - 8;
    let step = (bytes - 1 - (256 << octave)) / (32 << octave);
    Some(16 + octave as usize * 8 + step)
}

/// Free blocks of one page that were taken off it for one allocator, which hands them out in the order of
/// their links and gets back what dies on that page meanwhile. The page counts them as in use.
///
/// Their list ends where the page's ended when they were taken, at its frontier: no link leads there but
/// the last one.
#[repr(C)]
pub struct Run {
    /// The block that died last, if it was of the page and has not been handed out again: the next before
    /// all others. What is made and dropped at once, as temporaries are, goes back and forth here.
    pub last: *mut c_void,
    /// The first of the other blocks; `end`: there is none.
    pub next: *mut c_void,
    /// Where the list ends.
    pub end: *mut c_void,
    /// Their page; never null ([`EMPTY_PAGE`] in the beginning).
    pub page: *mut Page,
    /// Whether links lead from one block to the next; else they are neighbours, up to `end`.
    pub linked: bool,
}

impl Run {
    /// No blocks.
    pub const EMPTY: Run = Run {
        last: core::ptr::null_mut(),
        next: core::ptr::null_mut(),
        end: core::ptr::null_mut(),
        page: EMPTY_PAGE.get(),
        linked: false,
    };

    /// Whether it has no block.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.last.is_null() && self.next == self.end
    }

    /// Hands out a block, null if there is none. Its header and payload are not set.
    ///
    /// # Safety
    /// - `stride` is that of its page.
    #[inline(always)]
    pub unsafe fn pop(&mut self, stride: u32) -> *mut c_void {
        promised!(self.is_empty() || (*crate::memory::range::page_of(self.peek() as usize)).stride == stride);
        let obj = self.last;
        if !obj.is_null() {
            self.last = core::ptr::null_mut();
            return obj;
        }
        let obj = self.next;
        if obj == self.end {
            return core::ptr::null_mut();
        }
        let next = self.after(obj, stride);
        self.next = next;
        // The next pop waits for this block's link. Blocks died one after another in one direction or the
        // other.
        let step = (next as usize).wrapping_sub(obj as usize);
        sys::prefetch_for_write::<0>((obj as usize).wrapping_add(step.wrapping_mul(8)));
        obj
    }

    /// The block that [`Run::pop`] would hand out.
    ///
    /// # Safety
    /// - There is one.
    #[inline(always)]
    pub unsafe fn peek(&self) -> *mut c_void {
        promised!(!self.is_empty());
        match self.last.is_null() {
            true => self.next,
            false => self.last,
        }
    }

    /// Takes back a block that died. False when it is of another page.
    ///
    /// # Safety
    /// - As [`free_block`](page::free_block).
    #[inline(always)]
    pub unsafe fn push(&mut self, obj: *mut c_void) -> bool {
        let page = self.page;
        // Pages lie on borders of their size.
        if (*page).start ^ obj as usize >= PAGE_BYTES {
            sys::seldom();
            return false;
        }
        if (*page).old_end != 0 {
            sys::seldom();
            page::renew(page, obj);
        }
        if !self.last.is_null() {
            sys::seldom();
            return false;
        }
        self.last = obj;
        header::set_link(obj, 0);
        true
    }

    /// Returns all blocks to their page.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn give_back(&mut self) {
        let run = core::mem::replace(self, Run::EMPTY);
        if !run.last.is_null() {
            page::free_block(run.last);
        }
        if run.next == run.end {
            return;
        }
        let (page, stride) = (run.page, (*run.page).stride);
        let mut count = 1;
        let mut last = run.next;
        loop {
            let next = run.after(last, stride);
            if next == run.end {
                break;
            }
            header::set_link(last, (next as u32).wrapping_sub(last as u32).wrapping_sub(stride));
            last = next;
            count += 1;
        }
        let offset = (last as usize - (*page).start) as u32;
        header::set_link(last, (*page).free.wrapping_sub(offset).wrapping_sub(stride));
        (*page).free = (run.next as usize - (*page).start) as u32;
        Class::freed(page, count);
    }

    /// How many blocks it has. At the cost of looking at each.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn count(&self) -> u32 {
        let mut count = !self.last.is_null() as u32;
        let mut obj = self.next;
        while obj != self.end {
            count += 1;
            obj = self.after(obj, (*self.page).stride);
        }
        count
    }

    /// The block behind one that is still to be handed out.
    #[inline(always)]
    unsafe fn after(&self, obj: *mut c_void, stride: u32) -> *mut c_void {
        let neighbour = obj.wrapping_byte_add(stride as usize);
        match self.linked {
            false => neighbour,
            true => neighbour.wrapping_byte_offset(header::high_word(obj) as i32 as isize),
        }
    }
}

/// A heap's allocator for one stride: hands out runs of blocks.
#[repr(C)]
pub struct Class {
    /// The page whose frontier moves, unless it is at its end; never null ([`EMPTY_PAGE`] in the beginning).
    pub page: *mut Page,
    /// The owner.
    pub space: *mut Space,
    /// First of the partial pages.
    pub partial: u32,
    /// From one payload to the next.
    pub stride: u32,
    /// For objects of types whose objects differ in size.
    pub run: Run,
}

/// A page without blocks, so that a class that never allocated needs no test of its own. Never written.
pub static EMPTY_PAGE: EmptyPage = EmptyPage(core::cell::UnsafeCell::new(Page {
    free: 0,
    end: 0,
    countdown: COUNTDOWN_NEVER,
    stride: 0,
    space: core::ptr::null_mut(),
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
    holes: 0,
}));

/// A class without memory: every allocation from it takes the long way. Never written.
pub static NO_CLASS: NoClass = NoClass(core::cell::UnsafeCell::new(Class {
    page: EMPTY_PAGE.0.get(),
    space: core::ptr::null_mut(),
    partial: NO_PAGE,
    stride: 0,
    run: Run::EMPTY,
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
    pub const fn get(&self) -> *mut Page {
        self.0.get()
    }
}

impl Class {
    /// Gives a run without blocks new ones. False for out of memory.
    ///
    /// # Safety
    /// - The run is a type's of this class, or this class's.
    #[cold]
    #[inline(never)]
    pub unsafe fn refill(&mut self, run: *mut Run) -> bool {
        let page = self.page;
        if (*page).free < (*page).end {
            (*page).countdown = COUNTDOWN_NEVER;
            self.take_list(page, run);
        } else if (*page).end < (*page).end_max {
            self.take_frontier(run);
        } else if self.partial != NO_PAGE {
            let page = RANGE.pages.add(self.partial as usize);
            self.unlist(page);
            if (*self.space).tight_classes == 0 {
                (*page).flags.remove(PageFlags::TIGHT);
            }
            (*page).countdown = (*page).frees_until_partial();
            self.take_list(page, run);
        } else if self.take_page() {
            self.take_frontier(run);
        } else {
            return self.scrape(run);
        }
        true
    }

    /// All free blocks of a page.
    unsafe fn take_list(&mut self, page: *mut Page, run: *mut Run) {
        let next = ((*page).start + (*page).free as usize) as *mut c_void;
        let end = ((*page).start + (*page).end as usize) as *mut c_void;
        run.write(Run { next, end, page, linked: true, ..Run::EMPTY });
        (*page).free = (*page).end;
        if (*page).holes != 0 {
            (*self.space).fill_holes(page);
        }
        (*self.space).list_young(page);
    }

    /// Blocks that were never handed out. The page has no free ones.
    unsafe fn take_frontier(&mut self, run: *mut Run) {
        let page = self.page;
        let next = ((*page).start + (*page).end as usize) as *mut c_void;
        self.extend();
        let end = ((*page).start + (*page).end as usize) as *mut c_void;
        run.write(Run { next, end, page, linked: false, ..Run::EMPTY });
        (*self.space).list_young(self.page);
    }

    /// A page of the heap's becomes the one whose frontier moves.
    unsafe fn take_page(&mut self) -> bool {
        let next = (*self.space).take_pages(1);
        if next.is_null() {
            return false;
        }
        let number = self.number() as u8;
        (*next).become_small(self.space, number, self.stride);
        (*self.space).small_pages += 1;
        let page = self.page;
        if (*page).kind == Kind::Small {
            (*page).flags.remove(PageFlags::CURRENT);
            (*page).countdown = (*page).frees_until_partial();
        }
        (*next).flags.insert(PageFlags::CURRENT);
        self.page = next;
        true
    }

    /// Moves the current page's frontier: by little in a small heap, whose memory stays small.
    unsafe fn extend(&mut self) {
        let page = &mut *self.page;
        let bytes = if (*self.space).small_pages < 8 { 4 << 10 } else { 16 << 10 };
        let blocks = (bytes / page.stride).max(1).min((page.end_max - page.end) / page.stride);
        let end = page.end + blocks * page.stride;
        if page.flags.contains(PageFlags::DIRTY) && !page.flags.contains(PageFlags::DEAD) {
            let start = page.start;
            let mut offset = page.end;
            while offset < end {
                header::store((start + offset as usize) as *mut c_void, Header::NONE);
                offset += page.stride;
            }
        } else if page.end == FIRST_OFFSET && (*self.space).small_pages >= 64 {
            sys::wish_populated(page.start as *mut u8, PAGE_BYTES);
        }
        Page::set_end(page, end);
        page.free = end;
    }

    /// No page is to be had: full pages with few free blocks, not listed yet, will do. From here on a page is listed at
    /// its first free block, so all pages are looked at only once until the heap gets a page again.
    unsafe fn scrape(&mut self, run: *mut Run) -> bool {
        let space = self.space;
        let bit = 1u128 << self.number();
        if (*space).tight_classes & bit != 0 {
            return false;
        }
        (*space).tight_classes |= bit;
        let stride = self.stride;
        (*space).each_page(|page| {
            let listed = PageFlags::PARTIAL.union(PageFlags::CURRENT);
            if (*page).kind != Kind::Small || (*page).stride != stride || (*page).flags.intersects(listed) {
                return;
            }
            let freed = (*page).frees_until_partial() - (*page).countdown;
            (*page).flags.insert(PageFlags::TIGHT);
            match freed {
                0 => (*page).countdown = 1,
                _ => self.enlist(page, freed),
            }
        });
        self.partial != NO_PAGE && self.refill(run)
    }

    /// Which of the heap's it is.
    unsafe fn number(&self) -> usize {
        (self as *const Class as usize - (*self.space).classes.as_ptr() as usize) / size_of::<Class>()
    }

    /// The countdown of a page has ended: see the table in `page.rs`.
    ///
    /// # Safety
    /// - `page` holds blocks.
    #[cold]
    #[inline(never)]
    pub unsafe fn free_slow(page: *mut Page) {
        let space = (*page).space;
        if (*page).kind == Kind::Large {
            (*space).give_large(page);
            return;
        }
        let class = &mut (&mut (*space).classes)[(*page).class as usize];
        if (*page).flags.contains(PageFlags::PARTIAL) {
            class.empty(page);
        } else {
            let freed = (*page).frees_until_partial();
            class.enlist(page, freed);
        }
    }

    /// `count` blocks of a page, at least one, were put into its free list at once, without its countdown.
    ///
    /// # Safety
    /// - As [`Class::free_slow`].
    #[inline(always)]
    pub unsafe fn freed(page: *mut Page, count: u32) {
        if (*page).countdown > count {
            (*page).countdown -= count;
        } else {
            Class::freed_many(page, count);
        }
    }

    /// The rest of [`Class::freed`]: the countdown has ended.
    #[cold]
    #[inline(never)]
    unsafe fn freed_many(page: *mut Page, count: u32) {
        let class = &mut (&mut (*(*page).space).classes)[(*page).class as usize];
        if (*page).flags.contains(PageFlags::PARTIAL) {
            return class.empty(page);
        }
        let freed = (*page).frees_until_partial() - (*page).countdown + count;
        class.enlist(page, freed);
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
        (*self.space).give_small(page);
    }

    /// Gives back the pages without an object that are kept for the next allocation: the one that [`Class::empty`] kept,
    /// and the current one.
    ///
    /// # Safety
    /// - No run has blocks.
    pub unsafe fn trim(&mut self) {
        let mut index = self.partial;
        while index != NO_PAGE {
            let page = RANGE.pages.add(index as usize);
            index = (*page).next;
            if (*page).countdown == COUNTDOWN_NEVER {
                self.unlist(page);
                (*self.space).give_small(page);
            }
        }
        let page = self.page;
        let free = COUNTDOWN_NEVER - (*page).countdown;
        if (*page).kind == Kind::Small && free == (*page).count_handed_out() {
            self.page = EMPTY_PAGE.get();
            (*self.space).give_small(page);
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
