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

use super::judge::Table;
use super::working::CLEAR;
use crate::count;
use crate::death::{self, Queue};
use crate::header::{self, Flags, Header, IMMORTAL, LOCAL};
use crate::heap::class::Class;
use crate::heap::page::{self, Kind, Page};
use crate::heap::Heap;
use crate::host;
use crate::object;
use crate::slots;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// Ends every object of the examined pages that has a working count. Returns how many tracked ones that were.
///
/// `outer` says whether any of them may refer to what is not dead. `held` says that references from outside may be left, as when a
/// heap is freed under the feet of its holders.
///
/// # Safety
/// - The working counts of exactly the dead are set; the heap's phase forbids collections; only the heap's thread is in the heap.
pub unsafe fn release_dead(heap: *mut Heap, outer: bool, held: bool) -> u64 {
    let table = &Table::of(heap);
    let mut queue = Queue::new();
    let callbacks = held || has_callback_types(heap);
    // What is held from outside may be released by what dies in consequence, so it must be held until that is over.
    let plain = !(callbacks && hold_dead(heap, table)) && !held;
    if !plain {
        clear_dead(heap, table, &mut queue);
        destroy_dead(heap, table, &mut queue);
        if held {
            death::end_all(&mut queue);
        } else {
            each_dead(heap, table, |obj, kind| {
                if header::count_word(obj) != IMMORTAL {
                    death::check_hold(obj, kind);
                }
            });
        }
    }
    let count = free_dead(heap, &Table::of(heap), plain && outer, &mut queue);
    death::end_all(&mut queue);
    count
}

/// Whether any object that lives has callbacks.
unsafe fn has_callback_types(heap: *mut Heap) -> bool {
    let mut found = false;
    (*heap).each_type(|kind| found |= !(*kind).flags.contains(TypeFlags::PLAIN) && (*kind).live() != 0);
    found
}

unsafe fn each_dead(heap: *mut Heap, table: &Table, mut each: impl FnMut(*mut c_void, *mut Type)) {
    (*heap).each_examined_page(|page| {
        table.each_suspect(page, |obj, _| each(obj, object::type_of(obj)));
    });
}

/// Holds every dead object. Returns whether one of them has callbacks.
unsafe fn hold_dead(heap: *mut Heap, table: &Table) -> bool {
    let mut callbacks = false;
    each_dead(heap, table, |obj, kind| {
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
unsafe fn clear_dead(heap: *mut Heap, table: &Table, queue: &mut Queue) {
    each_dead(heap, table, |obj, kind| {
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
unsafe fn destroy_dead(heap: *mut Heap, table: &Table, queue: &mut Queue) {
    each_dead(heap, table, |obj, kind| {
        if let Some(destroy) = (*kind).destroy {
            host::destroy(heap, destroy, obj);
            death::take_deferred(heap, queue);
        }
    });
}

/// Step 7 for the whole set, and for plain objects step 5. Returns how many objects it had.
unsafe fn free_dead(heap: *mut Heap, table: &Table, outer: bool, queue: &mut Queue) -> u64 {
    let mut count = 0;
    (*heap).each_examined_page(|page| {
        let dead = match ((*page).kind, outer) {
            (Kind::Large, _) => free_large(page, table, outer, queue),
            (_, true) => free_page(page, table, |obj, kind| release_outer_edges(obj, kind, table, queue)),
            (_, false) => free_page(page, table, |_, _| {}),
        };
        (*page).dead = dead;
        count += dead as u64;
    });
    (*heap).each_examined_page(|page| end_page(page, table));
    count
}

/// What a dead plain object refers to outside the dead set loses that reference.
#[inline(always)]
unsafe fn release_outer_edges(obj: *mut c_void, kind: *mut Type, table: &Table, queue: &mut Queue) {
    slots::each_edge(obj, kind, |word| {
        let inside = table.place(word).is_some_and(|place| *place != CLEAR);
        if word != 0 && !inside {
            count::release_edge(word as *mut c_void, queue);
        }
    });
}

unsafe fn free_large(page: *mut Page, table: &Table, outer: bool, queue: &mut Queue) -> u32 {
    let mut dead = 0;
    table.each_suspect(page, |obj, _| {
        if outer {
            release_outer_edges(obj, object::type_of(obj), table, queue);
        }
        dead = 1;
    });
    dead
}

/// Frees the dead of one page, linked in address order, in front of what was free before. The page learns of it in [`end_page`].
#[inline(always)]
unsafe fn free_page(page: *mut Page, table: &Table, mut release: impl FnMut(*mut c_void, *mut Type)) -> u32 {
    let (start, stride) = ((*page).start, (*page).stride);
    let mut dead = 0u32;
    let mut first: u32 = 0;
    let mut last: *mut c_void = ptr::null_mut();
    // The books are kept by runs of one type, since most pages have few types.
    let mut run_type: *mut Type = ptr::null_mut();
    let mut run_start = 0;
    table.each_suspect(page, |obj, _| {
        let high = header::high_word(obj);
        let kind = object::type_of(obj);
        if kind != run_type {
            book(run_type, dead - run_start, stride);
            run_type = kind;
            run_start = dead;
        }
        release(obj, kind);
        if high & header::SIDE_FLAGS != 0 {
            object::drop_side_entries((*kind).heap, obj);
        }
        if dead == 0 {
            first = (obj as usize - start) as u32;
        } else {
            header::store(last, Header::free((obj as usize - last as usize) as u32 - stride));
        }
        last = obj;
        dead += 1;
    });
    book(run_type, dead - run_start, stride);
    if dead != 0 {
        let link = (*page).free.wrapping_sub((last as usize - start) as u32).wrapping_sub(stride);
        header::store(last, Header::free(link));
        (*page).free = first;
    }
    dead
}

/// Working counts of the dead go, their blocks are renewed, and the page goes if nothing is left in it.
unsafe fn end_page(page: *mut Page, table: &Table) {
    let count = core::mem::replace(&mut (*page).dead, 0);
    if count == 0 {
        return;
    }
    if (*page).kind == Kind::Large {
        let mut obj = ptr::null_mut();
        table.each_suspect(page, |dead, work| {
            *work = CLEAR;
            obj = dead;
        });
        let kind = object::type_of(obj);
        (*kind).reclaimed += 1;
        object::free(obj, kind);
        return;
    }
    if count == (*page).count_handed_out() {
        table.clear_page(page);
        (*page).old_end = 0;
    } else {
        // The dead are the first of the free list.
        let mut left = count;
        (*page).each_free(|obj| {
            if left != 0 {
                left -= 1;
                table.clear(obj);
                page::renew(obj);
            }
        });
    }
    Class::freed_many(page, count);
}

unsafe fn book(kind: *mut Type, count: u32, stride: u32) {
    if !kind.is_null() {
        (*kind).freed += count as u64;
        (*kind).reclaimed += count as u64;
        if (*kind).flags.contains(TypeFlags::COUNT_BYTES) {
            (*kind).bytes_freed += count as u64 * stride as u64;
        }
    }
}
