//! A page: 64 KiB of blocks of one size, or part of a span that holds one large object.
//!
//! A block is header and payload, `stride` bytes from one payload to the next; the first payload lies 16
//! bytes into the page, so its header fills the second 8 bytes and every payload is 16-aligned:
//!
//! ```text
//!   0        8        16                    16 + stride - 8   16 + stride
//!   | unused | header | payload ............ | header          | payload ...
//! ```
//!
//! **The free list** runs through the headers of free blocks, never through payloads: the high word of a
//! free header is the distance from the block behind it to the next free one. So memory that reads zero is
//! a chain of blocks in address order, a fresh page needs no list and no bump pointer, and a host that
//! writes into a dead object does not break the list. The list always ends at `end`, the frontier of what
//! has been handed out; moving `end` up hands out more.
//!
//! ```text
//!   free ->  next = offset + stride + high word   (wrapping)         list exhausted  <=>  free >= end
//! ```
//!
//! **`countdown`** is how many frees may happen before somebody must look, so that neither allocation nor
//! release keeps a count of the page's objects:
//!
//! | the page is | countdown | what its end means |
//! |---|---|---|
//! | current: its class allocates from it | never ends | |
//! | full: no free block when it stopped being current | a sixteenth of its blocks; one where memory is short | worth allocating from: becomes partial |
//! | partial: in its class's list | its objects | it is empty: back to the segment |
//! | a large object's | 1 | its object died: span back to the segment |

use crate::base::promised;
use crate::header;
use crate::memory::bits::{Bits, PAGE_GRANULES};
use crate::memory::class::Class;
use crate::memory::range::{self, GRANULE_BYTES, RANGE};
use crate::memory::space::Space;
use crate::sys;
use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, Ordering};
use static_assertions::const_assert_eq;

/// Bytes of a page.
pub const PAGE_BYTES: usize = 64 << 10;
/// How far ahead of a sweep memory is fetched.
const AHEAD_BYTES: usize = 1024;
/// Offset of the first payload.
pub const FIRST_OFFSET: u32 = 16;
/// A link to no page.
pub const NO_PAGE: u32 = u32::MAX;
/// The countdown of a current page.
pub const COUNTDOWN_NEVER: u32 = u32::MAX;

/// What a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Nobody's; its memory reads zero or is not needed.
    Free = 0,
    /// Blocks of one size.
    Small = 1,
    /// The first of a span with one large object.
    Large = 2,
    /// A later one of a span; `span` pages after the first.
    LargeRest = 3,
}

bitflags::bitflags! {
    /// What else is true of a page.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PageFlags: u8 {
        /// In its class's list of partial pages.
        const PARTIAL = 1;
        /// Its class allocates from it.
        const CURRENT = 2;
        /// Its memory was used before: headers beyond the frontier must be zeroed when it moves.
        const DIRTY = 4;
        /// Has frozen objects: those whose block was not thawed.
        const FROZEN = 8;
        /// Was there when the heap's growth mark was made: objects whose block has not changed since were, too.
        const MARKED = 16;
        /// The headers beyond the frontier are those of dead blocks, though their links lead nowhere.
        const DEAD = 32;
        /// Memory was short when it was looked at last: one free block is worth allocating from.
        const TIGHT = 64;
        /// Has objects that a sliced run judges: see `cycle/sliced/words.rs`. What becomes free loses its word there.
        const IN_RUN = 128;
    }
}

impl PageFlags {
    /// Somebody wants to know which blocks become free, whether old objects were there or not.
    pub const NOTED: PageFlags = PageFlags::MARKED.union(PageFlags::IN_RUN);
}

/// One entry of the table of pages. Zeroed memory is a free page.
#[repr(C, align(64))]
pub struct Page {
    /// Offset of the first free block; `end` or more when there is none. Of a free page: the frontier that it had.
    pub free: u32,
    /// The frontier: blocks from here on were never handed out and read zero.
    pub end: u32,
    /// See the file's head.
    pub countdown: u32,
    /// From one payload to the next.
    pub stride: u32,
    /// The heap that owns it.
    pub space: *mut Space,
    /// First byte of the page's memory.
    pub start: usize,
    /// `end` when all blocks have been handed out.
    pub end_max: u32,
    /// ceil(2^32 / stride): turns the division by stride into a multiplication. 0 of a large object's page, whose one
    /// block is number 0.
    pub reciprocal: u32,
    /// Neighbours in the class's list of partial pages.
    pub next: u32,
    /// As `next`.
    pub prev: u32,
    /// Large: pages of the span. LargeRest: pages since the first. Small: old objects that live.
    pub span: u32,
    /// Objects below this offset are old, unless their block was renewed. 0: none is, and nobody needs to know which
    /// blocks become free; 1: none is.
    pub old_end: u32,
    /// Objects that a collection has just ended here, until the page has been told. In the last sweep of a heap, before it
    /// frees anything: whether the page is set aside (`cycle/ending.rs`).
    pub dead: u32,
    /// What the page is.
    pub kind: Kind,
    /// What else is true of it.
    pub flags: PageFlags,
    /// Index of its size class (small).
    pub class: u8,
    /// How many holes it has, in pages of the system: see `holes.rs`.
    pub holes: u8,
}

const_assert_eq!(size_of::<Page>(), 64);

impl Page {
    /// The page's number in the range.
    pub fn index(&self) -> u32 {
        // SAFETY: pages live in the table only.
        (unsafe { (self as *const Page).offset_from(RANGE.pages) }) as u32
    }

    /// First byte of the memory of a page that holds nothing yet, whose `start` is not set.
    pub fn address(&self) -> usize {
        range::objects() + self.index() as usize * PAGE_BYTES
    }

    /// Number of the first granule of a page that holds blocks.
    fn first_granule(&self) -> usize {
        (self.start - range::objects()) / GRANULE_BYTES
    }

    /// How many blocks a page of this stride has.
    pub const fn blocks_of(stride: u32) -> u32 {
        (PAGE_BYTES as u32 - FIRST_OFFSET + 8) / stride
    }

    /// Makes a free page one of blocks of this size. Nothing is handed out yet.
    pub fn become_small(&mut self, space: *mut Space, class: u8, stride: u32) {
        self.free = FIRST_OFFSET;
        self.end = FIRST_OFFSET;
        self.end_max = FIRST_OFFSET + Page::blocks_of(stride) * stride;
        self.countdown = COUNTDOWN_NEVER;
        self.stride = stride;
        self.reciprocal = (u32::MAX / stride) + 1;
        self.space = space;
        self.start = self.address();
        self.next = NO_PAGE;
        self.prev = NO_PAGE;
        self.span = 0;
        self.old_end = 0;
        self.flags &= PageFlags::DIRTY | PageFlags::DEAD;
        if self.class != class {
            self.flags.remove(PageFlags::DEAD);
        }
        self.class = class;
        self.holes = 0;
        self.kind = Kind::Small;
    }

    /// Bytes from a payload in this page to the end of its block's own memory.
    pub fn payload_bytes(&self) -> usize {
        match self.kind {
            Kind::Large => self.span as usize * PAGE_BYTES - FIRST_OFFSET as usize,
            _ => self.stride as usize - header::HEADER_BYTES,
        }
    }

    /// Bytes that a block of this page takes from the heap, as the books count them.
    pub fn block_bytes(&self) -> usize {
        match self.kind {
            Kind::Large => self.span as usize * PAGE_BYTES,
            _ => self.stride as usize,
        }
    }

    /// The payload of the block that an address of this page lies in; None before the first and behind the
    /// last one handed out.
    ///
    /// # Safety
    /// - `page` is an entry of the table. It may be another heap's, if the address lies in an object that cannot die.
    pub unsafe fn payload_at(page: *const Page, address: usize) -> Option<*mut c_void> {
        let start = (*page).start;
        match (*page).kind {
            Kind::Large => Some((start + FIRST_OFFSET as usize) as *mut c_void),
            Kind::Small => {
                // A header belongs to the payload behind it.
                let offset =
                    (address - start + header::HEADER_BYTES).checked_sub(FIRST_OFFSET as usize)? as u64;
                let number = (offset * (*page).reciprocal as u64) >> 32;
                let payload = FIRST_OFFSET as u64 + number * (*page).stride as u64;
                (payload < Page::far_end(page) as u64).then_some((start + payload as usize) as *mut c_void)
            }
            _ => None,
        }
    }

    /// Whether a block that was handed out begins so many bytes into the page, dead or alive. None does in a free page,
    /// nor in the rest of a span, whose frontier is 0.
    ///
    /// # Safety
    /// - As [`Page::payload_at`].
    #[inline(always)]
    pub unsafe fn begins_block(page: *const Page, offset: u32) -> bool {
        let behind = offset.wrapping_sub(FIRST_OFFSET);
        let number = ((behind as u64 * (*page).reciprocal as u64) >> 32) as u32;
        offset >= FIRST_OFFSET
            && offset < Page::far_end(page)
            && number.wrapping_mul((*page).stride) == behind
    }

    /// Moves the frontier of a page that has objects.
    ///
    /// # Safety
    /// - Only the thread of the page's heap is in that heap.
    pub unsafe fn set_end(page: *mut Page, end: u32) {
        // ORDER: relaxed, read by `far_end`.
        AtomicU32::from_ptr(&raw mut (*page).end).store(end, Ordering::Relaxed);
    }

    /// The frontier, for who may be in the thread of another heap than the page's.
    #[inline(always)]
    unsafe fn far_end(page: *const Page) -> u32 {
        // ORDER: relaxed, written by `set_end`: an object lies below what its heap's thread had written when it made it, and
        // gave it away; from then on the frontier only rises, until the object has died. What else is read of the page stays
        // as it was for as long.
        AtomicU32::from_ptr((&raw const (*page).end).cast_mut()).load(Ordering::Relaxed)
    }

    /// Whether a block of this page, which is free now, began at an address.
    pub fn had_block(&self, address: usize) -> bool {
        let offset = (address % PAGE_BYTES) as u32;
        // What was the frontier is in `free`; a large object was the one block before it.
        offset >= FIRST_OFFSET && offset < self.free && (offset - FIRST_OFFSET) % self.stride == 0
    }

    /// Whether objects can lie in it.
    pub fn holds_blocks(&self) -> bool {
        matches!(self.kind, Kind::Small | Kind::Large)
    }

    /// Calls `each` with every payload that has been handed out, in address order, dead or alive.
    ///
    /// # Safety
    /// - `each` does not give the page back.
    #[inline(always)]
    pub unsafe fn each_block(&self, mut each: impl FnMut(*mut c_void)) {
        // Copies: what `each` writes through raw pointers might be the page, for all the compiler knows.
        let (mut address, stride) = (self.start + FIRST_OFFSET as usize, self.stride as usize);
        let end = self.start + self.end as usize;
        while address < end {
            // Small pages of the system keep the processor from looking far ahead by itself (measured: a
            // third of a collection).
            sys::prefetch_for_read::<AHEAD_BYTES>(address);
            each(address as *mut c_void);
            address += stride;
        }
    }

    /// Calls `each` with the first `most` free blocks among those handed out, in the order of the list.
    ///
    /// # Safety
    /// - The page is small; `each` leaves headers alone.
    pub unsafe fn each_free(&self, most: u32, mut each: impl FnMut(*mut c_void)) {
        let mut offset = self.free;
        let mut left = most;
        while offset < self.end && left != 0 {
            left -= 1;
            let obj = (self.start + offset as usize) as *mut c_void;
            each(obj);
            offset = offset.wrapping_add(self.stride).wrapping_add(header::high_word(obj));
        }
    }

    /// How many blocks of a full page must be free before allocation comes back to it: taking pages that
    /// have one free block each would put every allocation on the slow path.
    pub fn frees_until_partial(&self) -> u32 {
        if self.flags.contains(PageFlags::TIGHT) {
            return 1;
        }
        (self.count_handed_out() / 16).max(1)
    }

    /// Blocks handed out.
    pub fn count_handed_out(&self) -> u32 {
        (self.end - FIRST_OFFSET) / self.stride
    }
}

/// Returns an object's block to its page: the object is dead from here on. The common half; see
/// [`Class::free_slow`].
///
/// # Safety
/// - `obj` is a block in use, everything it referred to was taken, and nobody uses it any more; its count word is that
///   of the dead of its type.
#[inline(always)]
pub unsafe fn free_block(obj: *mut c_void) {
    promised!(header::is_dead(obj));
    let page = range::page_of(obj as usize);
    let offset = (range::offset_of(obj as usize) & (PAGE_BYTES - 1)) as u32;
    let link = (*page).free.wrapping_sub(offset).wrapping_sub((*page).stride);
    header::set_link(obj, link);
    (*page).free = offset;
    if (*page).old_end != 0 {
        renew(page, obj);
    }
    (*page).countdown = (*page).countdown.wrapping_sub(1);
    if (*page).countdown == 0 {
        Class::free_slow(page);
    }
}

/// Whether an object of the page was there when the last collection that examined the page began.
///
/// # Safety
/// - `obj` is an object of `page`.
#[inline(always)]
pub unsafe fn is_old(page: *const Page, obj: *mut c_void) -> bool {
    promised!(core::ptr::eq(range::page_of(obj as usize), page));
    let offset = obj as usize - (*page).start;
    let granule = range::granule_of(obj) as usize;
    offset < (*page).old_end as usize && !RANGE.renewed.has(granule)
}

/// A block of a page with old or marked objects became free: what is allocated there next is neither, and
/// not frozen, as only old ones are. With the last old object all that goes for the page, and its blocks die cheaper.
///
/// # Safety
/// - `obj` is a block of `page` whose object has just died.
#[inline(always)]
pub unsafe fn renew(page: *mut Page, obj: *mut c_void) {
    promised!(core::ptr::eq(range::page_of(obj as usize), page));
    promised!(header::is_dead(obj));
    let was_old = is_old(page, obj);
    if was_old || (*page).flags.intersects(PageFlags::NOTED) {
        mark_young(page, obj);
    }
    if was_old && (*page).kind == Kind::Small {
        (*page).span -= 1;
        if (*page).span == 0 {
            forget_old(&mut *page);
        }
    }
}

/// A page has no old objects.
unsafe fn forget_old(page: &mut Page) {
    page.old_end = page.flags.intersects(PageFlags::NOTED) as u32;
    page.flags.remove(PageFlags::FROZEN);
}

#[inline(always)]
unsafe fn mark_young(page: *const Page, obj: *mut c_void) {
    let granule = range::granule_of(obj) as usize;
    RANGE.renewed.set(granule);
    if (*page).flags.intersects(PageFlags::FROZEN.union(PageFlags::NOTED)) {
        // The bits of a page without the flag mean nothing.
        RANGE.thawed.set(granule);
        RANGE.changed.set(granule);
        if (*page).flags.contains(PageFlags::IN_RUN) {
            *(*(*page).space).run_words.wrapping_add(granule) = 0;
        }
    }
}

/// What becomes free in a page is to be told to the sliced run that judges its objects.
///
/// # Safety
/// - The page holds blocks, and the run's table reaches it.
pub unsafe fn enter_run(page: &mut Page) {
    promised!(page.holds_blocks());
    page.flags.insert(PageFlags::IN_RUN);
    page.old_end = page.old_end.max(1);
}

/// Nobody has to be told any more.
///
/// # Safety
/// - The page holds blocks.
pub unsafe fn leave_run(page: &mut Page) {
    page.flags.remove(PageFlags::IN_RUN);
    forget_nobody(page);
}

/// Whoever wanted to know which blocks become free has gone: without others nobody does.
///
/// # Safety
/// - The page holds blocks.
pub unsafe fn forget_nobody(page: &mut Page) {
    promised!(page.holds_blocks());
    if page.old_end == 1 && !page.flags.intersects(PageFlags::NOTED) {
        page.old_end = 0;
    }
}

/// All blocks of a page were freed without being renewed one by one.
///
/// # Safety
/// - The page is one of small blocks, none of which is in use.
pub unsafe fn renew_all(page: *mut Page) {
    if (*page).flags.contains(PageFlags::IN_RUN) {
        let words = (*(*page).space).run_words.wrapping_add((*page).first_granule());
        core::ptr::write_bytes(words, 0, PAGE_GRANULES);
    }
    (*page).old_end = 0;
    (*page).flags.remove(PageFlags::NOTED);
}

/// Marks a page: objects made in it from here on can be told from those that live in it now, at the cost of the
/// page's free blocks.
///
/// # Safety
/// - The page holds blocks.
pub unsafe fn mark(page: &mut Page) {
    promised!(page.holds_blocks());
    note_living(page, RANGE.changed, PageFlags::MARKED);
    // So that what becomes free is renewed.
    page.old_end = page.old_end.max(1);
}

/// Sets a page's flag, and of its bits those of what does not live in it now: of free blocks, and behind the frontier.
unsafe fn note_living(page: &mut Page, bits: Bits, flag: PageFlags) {
    let first = page.first_granule();
    bits.clear_page(first);
    page.flags.insert(flag);
    if page.kind == Kind::Small {
        page.each_free(u32::MAX, |obj| mark_young(page, obj));
        bits.set_all(first + page.end as usize / GRANULE_BYTES..first + PAGE_GRANULES);
    }
}

/// Whether an object was made since its heap's growth mark.
///
/// # Safety
/// - `obj` is an object of `page`, whose heap has a growth mark.
pub unsafe fn is_new(page: *const Page, obj: *mut c_void) -> bool {
    promised!(core::ptr::eq(range::page_of(obj as usize), page));
    let granule = range::granule_of(obj) as usize;
    !(*page).flags.contains(PageFlags::MARKED) || RANGE.changed.has(granule)
}

/// Whether an object of a page with frozen objects is one of them.
///
/// # Safety
/// - `obj` is an object of a page that is FROZEN.
#[inline(always)]
pub unsafe fn is_frozen(obj: *mut c_void) -> bool {
    promised!((*range::page_of(obj as usize)).flags.contains(PageFlags::FROZEN));
    let granule = range::granule_of(obj) as usize;
    !RANGE.thawed.has(granule)
}

/// Freezes every object that lives in a page, without touching it, and makes it old.
///
/// # Safety
/// - The page holds blocks.
pub unsafe fn freeze(page: &mut Page) {
    promised!(page.holds_blocks());
    page.flags.remove(PageFlags::FROZEN);
    age(page);
    note_living(page, RANGE.thawed, PageFlags::FROZEN);
}

/// Every object that lives in a page becomes old. At the cost of the page's free blocks, not of its objects.
///
/// # Safety
/// - The page holds blocks.
pub unsafe fn age(page: &mut Page) {
    promised!(page.holds_blocks());
    RANGE.renewed.clear_page(page.first_granule());
    page.old_end = page.end;
    if page.kind == Kind::Small {
        let mut free = 0;
        page.each_free(u32::MAX, |obj| {
            mark_young(page, obj);
            free += 1;
        });
        page.span = page.count_handed_out() - free;
        if page.span == 0 {
            forget_old(page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reciprocal_divides_exactly() {
        for class in 0..super::super::class::CLASS_COUNT {
            let stride = super::super::class::stride_of(class);
            let reciprocal = (u32::MAX / stride) + 1;
            // SAFETY: zeroed memory is a free page.
            let mut page: Page = unsafe { core::mem::zeroed() };
            (page.stride, page.reciprocal, page.end) = (stride, reciprocal, FIRST_OFFSET + 3 * stride);
            for offset in 0..PAGE_BYTES as u64 {
                assert_eq!((offset * reciprocal as u64) >> 32, offset / stride as u64, "stride {stride}");
                let begins = (0..3).any(|number| offset == (FIRST_OFFSET + number * stride) as u64);
                // SAFETY: a page of our own.
                let found = unsafe { Page::begins_block(&page, offset as u32) };
                assert_eq!(found, begins, "offset {offset}, stride {stride}");
            }
            let last = FIRST_OFFSET + Page::blocks_of(stride) * stride;
            assert!(last as usize - 8 <= PAGE_BYTES);
        }
    }
}
