//! The end of what was judged dead: the cycle half of `lifetime.md`.
//!
//! The dead are told by the table of working counts alone (see `judge.rs`), which nothing but this module changes from the
//! verdict to the end: so host code may allocate, release and store meanwhile.
//!
//! - **All plain**: one sweep. Each object's edges that leave the dead set are released (edges inside it need no counting, both ends
//!   go), and its block is freed. Working counts stay until the sweep is over: they still tell who was dead.
//! - **Some with callbacks**: every member is held (count + 1, dying), so that no callback can make one die in the middle; then
//!   each step of the table is done for the whole set before the next begins: references go, `clear`, `destroy`, the holds are checked,
//!   the blocks are freed.
//!
//! What dies by count in consequence is queued and ended last.

use super::judge::each_suspect;
use super::working::CLEAR;
use crate::count;
use crate::death::{self, Queue};
use crate::header::{self, Flags, Header, IMMORTAL, LOCAL};
use crate::heap::class::Class;
use crate::heap::page::{self, Kind, Page, PAGE_BYTES};
use crate::heap::range::{self, GRANULE_SHIFT, RANGE};
use crate::heap::segment::SEGMENT_BYTES;
use crate::heap::Heap;
use crate::host;
use crate::object;
use crate::slots;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// Ends every object of the examined pages that has a working count. Returns how many tracked ones that were.
///
/// `held` says that references from outside may be left, as when a heap is freed under the feet of its holders.
///
/// # Safety
/// - The working counts of exactly the dead are set; the heap's phase forbids collections; only the heap's thread is in the heap.
pub unsafe fn release_dead(heap: *mut Heap, held: bool) -> u64 {
    let mut queue = Queue::new();
    let callbacks = held || has_callback_types(heap);
    // What is held from outside may be released by what dies in consequence, so it must be held until that is over.
    let plain = !(callbacks && hold_dead(heap)) && !held;
    if !plain {
        clear_dead(heap, &mut queue);
        destroy_dead(heap, &mut queue);
        if held {
            death::end_all(&mut queue);
        } else {
            each_dead(heap, |obj, kind| {
                if header::count_word(obj) != IMMORTAL {
                    death::check_hold(obj, kind);
                }
            });
        }
    }
    let count = free_dead(heap, plain, &mut queue);
    death::end_all(&mut queue);
    count
}

/// Whether any object that lives has callbacks.
unsafe fn has_callback_types(heap: *mut Heap) -> bool {
    let mut found = false;
    (*heap).each_type(|kind| found |= !(*kind).flags.contains(TypeFlags::PLAIN) && (*kind).live() != 0);
    found
}

unsafe fn each_dead(heap: *mut Heap, mut each: impl FnMut(*mut c_void, *mut Type)) {
    (*heap).each_examined_page(|page| {
        each_suspect(RANGE.work, page, |obj, _| each(obj, object::type_of(obj)));
    });
}

/// Holds every dead object. Returns whether one of them has callbacks.
unsafe fn hold_dead(heap: *mut Heap) -> bool {
    let mut callbacks = false;
    each_dead(heap, |obj, kind| {
        callbacks |= !(*kind).flags.contains(TypeFlags::PLAIN);
        header::set_flags(obj, Flags::DYING);
        let word = header::count_word(obj);
        if word & LOCAL != 0 {
            header::set_count_word(obj, word + 1);
        }
    });
    callbacks
}

/// Step 5 for the whole set.
unsafe fn clear_dead(heap: *mut Heap, queue: &mut Queue) {
    each_dead(heap, |obj, kind| {
        slots::take_edges(obj, kind, |word| {
            if word != 0 {
                count::release_edge(word as *mut c_void, queue);
            }
        });
        if let Some(clear) = (*kind).clear {
            host::clear(heap, clear, obj);
            death::take_deferred(heap, queue);
        }
    });
}

/// Step 6 for the whole set.
unsafe fn destroy_dead(heap: *mut Heap, queue: &mut Queue) {
    each_dead(heap, |obj, kind| {
        if let Some(destroy) = (*kind).destroy {
            host::destroy(heap, destroy, obj);
            death::take_deferred(heap, queue);
        }
    });
}

/// Step 7 for the whole set, and for plain objects step 5. Returns how many tracked objects it had.
unsafe fn free_dead(heap: *mut Heap, plain: bool, queue: &mut Queue) -> u64 {
    let outer = Outer { objects: RANGE.objects, granules: RANGE.committed * (SEGMENT_BYTES >> GRANULE_SHIFT), work: RANGE.work, owner: (*heap).index };
    let mut tracked = 0;
    (*heap).each_examined_page(|page| {
        tracked += match (*page).kind {
            Kind::Small if plain => free_page(page, |obj, kind| outer.release(obj, kind, queue)),
            Kind::Small => free_page(page, |_, _| {}),
            _ => free_large(page, |obj, kind| if plain { outer.release(obj, kind, queue) }),
        }
    });
    (*heap).each_examined_page(|page| end_page(page));
    tracked
}

/// What tells the dead from the others while plain objects are released.
#[derive(Clone, Copy)]
struct Outer {
    objects: usize,
    granules: usize,
    work: *mut u16,
    owner: u32,
}

impl Outer {
    /// What a dead plain object refers to outside the dead set loses that reference.
    #[inline(always)]
    unsafe fn release(&self, obj: *mut c_void, kind: *mut Type, queue: &mut Queue) {
        slots::each_edge(obj, kind, |word| {
            if word == 0 {
                return;
            }
            let granule = word.wrapping_sub(self.objects).rotate_right(GRANULE_SHIFT);
            let inside =
                granule < self.granules && *self.work.add(granule) != CLEAR && (*range::segment_of(word)).owner == self.owner;
            if !inside {
                count::release_edge(word as *mut c_void, queue);
            }
        });
    }
}

unsafe fn free_large(page: *mut Page, mut release: impl FnMut(*mut c_void, *mut Type)) -> u64 {
    let mut tracked = 0;
    each_suspect(RANGE.work, page, |obj, _| {
        let kind = object::type_of(obj);
        tracked = header::load(obj).has(Flags::TRACKED) as u64;
        release(obj, kind);
        (*page).dead = 1;
    });
    tracked
}

/// Frees the dead of one page, linked in address order, in front of what was free before. The page learns of it in [`end_page`].
#[inline(always)]
unsafe fn free_page(page: *mut Page, mut release: impl FnMut(*mut c_void, *mut Type)) -> u64 {
    let mut tracked = 0;
    let mut count = 0u32;
    let mut last: *mut c_void = ptr::null_mut();
    let mut first_offset = 0;
    let mut last_offset = 0u32;
    // The books are kept by runs of one type, since most pages have few types.
    let mut run_type: *mut Type = ptr::null_mut();
    let mut run = 0;
    let stride = (*page).stride;
    each_suspect(RANGE.work, page, |obj, _| {
        let high = header::high_word(obj);
        let kind = object::type_of(obj);
        if kind != run_type {
            book(run_type, run);
            run_type = kind;
            run = 0;
        }
        run += 1;
        release(obj, kind);
        tracked += (high & Flags::TRACKED.bits() != 0) as u64;
        if high & header::SIDE_FLAGS != 0 {
            object::drop_side_entries((*kind).heap, obj);
        }
        if (*kind).flags.contains(TypeFlags::COUNT_BYTES) {
            (*kind).bytes_freed += stride as u64;
        }
        let offset = (range::offset_of(obj as usize) & (PAGE_BYTES - 1)) as u32;
        if last.is_null() {
            first_offset = offset;
        } else {
            header::store(last, Header::free(offset - last_offset - stride));
        }
        last = obj;
        last_offset = offset;
        count += 1;
    });
    book(run_type, run);
    if count != 0 {
        let link = (*page).free.wrapping_sub(last_offset).wrapping_sub(stride);
        header::store(last, Header::free(link));
        (*page).free = first_offset;
        (*page).dead = count;
    }
    tracked
}

/// Working counts of the dead go, their blocks are renewed, and the page, if nothing is left in it.
unsafe fn end_page(page: *mut Page) {
    let count = core::mem::replace(&mut (*page).dead, 0);
    if count == 0 {
        return;
    }
    let mut dead: *mut c_void = ptr::null_mut();
    each_suspect(RANGE.work, page, |obj, work| {
        *work = CLEAR;
        page::renew(obj);
        dead = obj;
    });
    if (*page).kind == Kind::Large {
        let kind = object::type_of(dead);
        (*kind).reclaimed += 1;
        object::free(dead, kind);
    } else {
        Class::freed_many(page, count);
    }
}

unsafe fn book(kind: *mut Type, count: u64) {
    if !kind.is_null() {
        (*kind).freed += count;
        (*kind).reclaimed += count;
    }
}
