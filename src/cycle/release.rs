//! The end of what was judged dead: the cycle half of `lifetime.md`.
//!
//! The dead are told by the table of working counts alone (see `judge.rs`), which nothing but this module changes from the
//! verdict to the end: so host code may allocate, release and store meanwhile.
//!
//! - **All plain**: two sweeps. The first releases the edges that leave the dead set; edges inside it need no counting, both ends go. The
//!   second frees the blocks, page by page, and links them in address order.
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
use crate::heap::page::{self, Kind, Page, PageFlags, PAGE_BYTES};
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
    if has_callback_types(heap) && hold_dead(heap) {
        clear_dead(heap, &mut queue);
        destroy_dead(heap, &mut queue);
        if !held {
            each_dead(heap, |obj, kind| {
                if header::count_word(obj) != IMMORTAL {
                    death::check_hold(obj, kind);
                }
            });
        }
    } else {
        release_outer_edges(heap, &mut queue);
    }
    let count = free_dead(heap);
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

/// Plain objects only: what the dead set refers to outside itself loses those references.
unsafe fn release_outer_edges(heap: *mut Heap, queue: &mut Queue) {
    let objects = RANGE.objects;
    let granules = RANGE.committed * (SEGMENT_BYTES >> GRANULE_SHIFT);
    let work = RANGE.work;
    let owner = (*heap).index;
    each_dead(heap, |obj, kind| {
        slots::each_edge(obj, kind, |word| {
            if word == 0 {
                return;
            }
            let granule = word.wrapping_sub(objects).rotate_right(GRANULE_SHIFT);
            let inside =
                granule < granules && *work.add(granule) != CLEAR && (*range::segment_of(word)).owner == owner;
            if !inside {
                count::release_edge(word as *mut c_void, queue);
            }
        });
    });
}

/// Step 7 for the whole set. Returns how many tracked objects it had.
unsafe fn free_dead(heap: *mut Heap) -> u64 {
    let mut tracked = 0;
    (*heap).each_examined_page(|page| {
        tracked += match (*page).kind {
            Kind::Large => free_large(page),
            _ => free_page(page),
        }
    });
    tracked
}

unsafe fn free_large(page: *mut Page) -> u64 {
    let mut tracked = 0;
    let mut dead = ptr::null_mut();
    each_suspect(RANGE.work, page, |obj, work| {
        *work = CLEAR;
        dead = obj;
    });
    if !dead.is_null() {
        tracked = header::load(dead).has(Flags::TRACKED) as u64;
        let kind = object::type_of(dead);
        (*kind).reclaimed += 1;
        object::free(dead, kind);
    }
    tracked
}

/// Frees the dead of one page, linked in address order, in front of what was free before.
unsafe fn free_page(page: *mut Page) -> u64 {
    let mut tracked = 0;
    let mut count = 0u32;
    let mut last: *mut c_void = ptr::null_mut();
    let mut first_offset = 0;
    let mut last_offset = 0u32;
    // The books are kept by runs of one type, since most pages have few types.
    let mut run_type: *mut Type = ptr::null_mut();
    let mut run = 0;
    let stride = (*page).stride;
    let has_old = (*page).flags.contains(PageFlags::HAS_OLD);
    each_suspect(RANGE.work, page, |obj, work| {
        *work = CLEAR;
        let header = header::load(obj);
        let kind = range::type_at(header.type_index());
        if kind != run_type {
            book(run_type, run);
            run_type = kind;
            run = 0;
        }
        run += 1;
        tracked += header.has(Flags::TRACKED) as u64;
        if header.high() & header::SIDE_FLAGS != 0 {
            object::drop_side_entries((*kind).heap, obj);
        }
        if (*kind).flags.contains(TypeFlags::COUNT_BYTES) {
            (*kind).bytes_freed += stride as u64;
        }
        if has_old {
            page::clear_old(obj);
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
        Class::freed_many(page, count);
    }
    tracked
}

unsafe fn book(kind: *mut Type, count: u64) {
    if !kind.is_null() {
        (*kind).freed += count;
        (*kind).reclaimed += count;
    }
}
