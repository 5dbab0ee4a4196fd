//! The checking level: validators of whole structures, run after every phase of a collection and when a
//! heap ends, and the questions of `promises.rs` before each collection judges. In every build, for heaps that ask for it
//! (`gc_heap_options.check`, or `RCGC_CHECK=checked` in the environment); in builds with the feature `check` for all
//! heaps. Such builds also shrink the constants that decide when a rare path is taken, so that tests take it often; each
//! constant is next to its code, as `if cfg!(feature = "check")`. And they hold every caller to the conditions of `# Safety`
//! sections, each at the begin of its function, with `promised!` (`base/mod.rs`).
//!
//! A validator that fails is fatal and names the equation that does not hold. What is checked, for every
//! heap:
//!
//! | structure | equation |
//! |---|---|
//! | page | its free list stays on block borders, visits no block twice, ends at the frontier, and holds only dead blocks |
//! | page | blocks handed out = free + alive + those in runs |
//! | page | old objects that live = those it counts |
//! | page | countdown = alive + in runs (partial); = threshold - free (full); = never - free (current) |
//! | type | objects made - ended = blocks alive with its index |
//! | segment | free pages are free, pages in use are the heap's; the heap's segments stand in order; their free pages that were used before are what it keeps, the holes of the others are those it counts |
//! | working counts | all clear, when no collection is judging or releasing |
//! | external bytes | the objects with the flag are the entries of the table |

use crate::base::report;
use crate::header::{self, Flags};
use crate::heap;
use crate::heap::{Heap, Phase};
use crate::memory::class::Run;
use crate::memory::page::{self, Kind, Page, PageFlags, COUNTDOWN_NEVER, FIRST_OFFSET, PAGE_BYTES};
use crate::memory::range::{self, RANGE};
use crate::memory::segment::SEGMENT_PAGES;
use crate::sys;
use crate::types::Found;

pub mod promises;

/// Whether a heap is at the checking level.
///
/// # Safety
/// - As [everywhere](crate).
#[inline(always)]
pub unsafe fn is_on(heap: *mut Heap) -> bool {
    cfg!(feature = "check") || (*heap).is_checked
}

/// Checks a heap completely, at the checking level.
///
/// # Safety
/// - As [everywhere](crate).
#[inline(always)]
pub unsafe fn validate(heap: *mut Heap) {
    if is_on(heap) {
        validate_or_die(heap);
    }
}

#[cold]
#[inline(never)]
unsafe fn validate_or_die(heap: *mut Heap) {
    validate_all(heap, &mut |text| report::fatal(format_args!("check failed: {text}")));
}

/// Tells what does not hold, and goes on.
macro_rules! holds {
    ($wrong:expr, $condition:expr, $($text:tt)+) => {
        if !$condition {
            $wrong(format_args!($($text)+));
        }
    };
}

/// Checks the structures of a heap completely and tells `wrong` which equations do not hold.
///
/// # Safety
/// - As [`validate`].
pub unsafe fn validate_all(heap: *mut Heap, wrong: &mut dyn FnMut(core::fmt::Arguments<'_>)) {
    (*heap).each_type(|ty| (*(*ty).rare()).found = Found::default());
    validate_segments(heap, wrong);
    note_runs(heap, true);
    let mut external = 0u64;
    let mut small_pages = 0;
    (*heap).space.each_page(|page| {
        holds!(wrong, heap::of_page(page) == heap, "page {} belongs to another heap", (*page).index());
        let mut here = 0;
        (*page).each_block(|obj| {
            let header = header::load(obj);
            if !header.is_dead() {
                here += 1;
                let index = header.type_index();
                let ty = range::type_at(index);
                let known = index < range::types_used() && (*ty).is_live() && (*ty).heap == heap;
                holds!(wrong, known, "{obj:p} has no type of its heap: its header was overwritten");
                if known {
                    (*(*ty).rare()).found.add(0);
                }
                if header.has(Flags::SIDE) {
                    external += (*heap).external.get(range::granule_of(obj));
                }
            }
            if (*heap).phase() == Phase::Idle {
                let work = *RANGE.work.add(range::granule_of(obj) as usize);
                holds!(wrong, work == 0, "{obj:p} has a working count ({work}) outside a collection");
            }
        });
        if (*page).kind == Kind::Small {
            small_pages += 1;
            validate_small(heap, &*page, here, wrong);
        }
    });
    note_runs(heap, false);
    (*heap).each_type(|ty| {
        let (live, found) = ((*ty).live(), (*(*ty).rare()).found.objects);
        holds!(
            wrong,
            live == found,
            "{}: the books say {live} objects, the pages have {found}",
            (*ty).name()
        );
    });
    holds!(
        wrong,
        external + (*heap).external.of_heap == (*heap).external.total,
        "external bytes: objects have {external}, the heap {}, together {}",
        (*heap).external.of_heap,
        (*heap).external.total
    );
    holds!(
        wrong,
        small_pages == (*heap).space.small_pages,
        "{small_pages} small pages, the heap counts {}",
        (*heap).space.small_pages
    );
}

unsafe fn validate_small(
    heap: *mut Heap,
    page: &Page,
    alive: u32,
    wrong: &mut dyn FnMut(core::fmt::Arguments<'_>),
) {
    let class = &(&(*heap).space.classes)[page.class as usize];
    let blocks = page.count_handed_out();
    let mut free = 0;
    // One more than there can be, so that a ring ends.
    page.each_free(blocks + 1, |obj| {
        free += 1;
        let offset = obj as usize - page.start;
        holds!(
            wrong,
            (offset - FIRST_OFFSET as usize) % page.stride as usize == 0,
            "page {}: free list leaves the blocks at {obj:p}",
            page.index()
        );
        holds!(wrong, header::is_dead(obj), "page {}: {obj:p} is alive and in the free list", page.index());
        holds!(wrong, free <= blocks, "page {}: the free list is a ring", page.index());
    });
    let mut old = 0;
    page.each_block(|obj| old += (!header::is_dead(obj) && page::is_old(page, obj)) as u32);
    holds!(
        wrong,
        page.old_end <= 1 || old == page.span,
        "page {}: {old} old objects, {} counted",
        page.index(),
        page.span
    );
    // See note_runs.
    let in_runs = page.dead;
    holds!(
        wrong,
        blocks == free + alive + in_runs,
        "page {}: {blocks} blocks, {free} free, {alive} alive, {in_runs} in runs",
        page.index()
    );
    if page.flags.contains(PageFlags::CURRENT) {
        holds!(
            wrong,
            class.page as *const Page == page,
            "page {} says it is current, its class does not",
            page.index()
        );
        holds!(
            wrong,
            COUNTDOWN_NEVER - page.countdown == free,
            "current page {}: {free} free, {} counted",
            page.index(),
            COUNTDOWN_NEVER - page.countdown
        );
    } else if page.flags.contains(PageFlags::PARTIAL) {
        let empty = alive + in_runs == 0 && page.countdown == COUNTDOWN_NEVER;
        holds!(
            wrong,
            page.countdown == alive + in_runs || empty,
            "partial page {}: countdown {}, {alive} alive",
            page.index(),
            page.countdown
        );
    } else {
        let threshold = page.frees_until_partial();
        holds!(
            wrong,
            page.countdown == threshold.wrapping_sub(free),
            "full page {}: countdown {}, {free} free of {threshold}",
            page.index(),
            page.countdown
        );
    }
}

/// Lets each page know how many of its blocks allocators have taken off it, where a collection counts the dead, or
/// forget it again: so that all runs are looked at once, not for each page.
unsafe fn note_runs(heap: *mut Heap, known: bool) {
    let note = |run: &Run| {
        if !run.is_empty() {
            let blocks = run.count();
            (*run.page).dead = if known { (*run.page).dead + blocks } else { 0 };
        }
    };
    let classes = &(*heap).space.classes;
    classes.iter().for_each(|class| note(&class.run));
    (*heap).each_type(|ty| note(&(*ty).run));
}

unsafe fn validate_segments(heap: *mut Heap, wrong: &mut dyn FnMut(core::fmt::Arguments<'_>)) {
    let (mut kept, mut empty, mut used, mut next, mut holes) = (0, 0, 0, 0, 0);
    for &index in (*heap).space.own.as_slice() {
        let segment = &*RANGE.segments.add(index as usize);
        let (free, dirty) = (segment.free_pages, segment.dirty_pages);
        let mut right = index >= next && segment.owner() == (*heap).index && dirty & !free == 0;
        next = index + 1;
        for number in 0..SEGMENT_PAGES {
            let page = &*RANGE.pages.add(index as usize * SEGMENT_PAGES + number);
            let (is_free, is_dirty) = (free >> number & 1 != 0, dirty >> number & 1 != 0);
            holes += page.holes as u64 * sys::os_page_bytes() as u64;
            right &= is_free == (page.kind == Kind::Free);
            right &= !is_free || is_dirty == page.flags.contains(PageFlags::DIRTY);
        }
        holds!(wrong, right, "segment {index}: owner {}, free {free:#x}, kept {dirty:#x}", segment.owner());
        kept += dirty.count_ones() as u64 * PAGE_BYTES as u64;
        used += used_pages(free) as u64 * PAGE_BYTES as u64;
        empty += (used_pages(free) == 0) as usize;
    }
    let heap = &*heap;
    holds!(
        wrong,
        holes == heap.space.hole_bytes,
        "{holes} bytes are holes; the heap counts {}",
        heap.space.hole_bytes
    );
    holds!(
        wrong,
        (used, kept, empty) == (heap.space.page_bytes, heap.space.kept_bytes, heap.space.empty_segments),
        "{used} bytes are in use, {kept} kept, {empty} segments empty; the heap counts {}, {}, {}",
        heap.space.page_bytes,
        heap.space.kept_bytes,
        heap.space.empty_segments
    );
}

fn used_pages(free: u32) -> u32 {
    SEGMENT_PAGES as u32 - free.count_ones()
}
