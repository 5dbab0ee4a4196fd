//! What is left of an object that ended: its side entries and its block, step 7 of `lifetime.md`.

use crate::base::promised;
use crate::header::{self, Flags};
use crate::heap::Heap;
use crate::memory::class::CLASS_COUNT;
use crate::memory::page::free_block;
use crate::memory::range;
use crate::object;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;

/// Takes an object's side entries off the heap's tables; its block can be freed then.
///
/// # Safety
/// - `obj` is dying and has one of [`header::SIDE_FLAGS`].
#[cold]
pub unsafe fn drop_side_entries(heap: *mut Heap, obj: *mut c_void) {
    promised!(header::high_word(obj) & header::SIDE_FLAGS != 0);
    promised!(!header::is_dead(obj));
    if header::has_flags(obj, Flags::SIDE) {
        let has = (*heap).external.has_entries();
        let external = if has { (*heap).external.remove(range::granule_of(obj)) } else { 0 };
        if let Some(ended) = (*heap).observers.ended {
            ended(heap, obj, external);
        }
    }
}

/// As [`free`], for an object that died alone: the block is the next one to be handed out, if it lies on the page
/// where its allocator is.
///
/// # Safety
/// - As [`free`].
#[inline(always)]
pub unsafe fn free_to_run(obj: *mut c_void, ty: *mut Type) {
    promised!(core::ptr::eq(object::type_of(obj), ty));
    promised!(!header::is_dead(obj));
    if header::high_word(obj) & header::SIDE_FLAGS != 0 {
        drop_side_entries((*ty).heap, obj);
    }
    (*ty).freed += 1;
    let mut run = &raw mut (*ty).run;
    if (*ty).flags.contains(TypeFlags::COUNT_BYTES) {
        let page = range::page_of(obj as usize);
        (*ty).bytes_freed += (*page).block_bytes() as u64;
        // Large objects: a class of which none of them is.
        run = &raw mut (&mut (*(*ty).heap).space.classes)[(*page).class as usize % CLASS_COUNT].run;
    }
    header::set_count_word(obj, (*ty).dead_word);
    if !(*run).push(obj) {
        free_block(obj);
    }
}

/// Frees a dead object's block and enters its end into the books.
///
/// # Safety
/// - `obj` is an object of `ty`; nobody uses it any more, and its references are gone.
#[inline(always)]
pub unsafe fn free(obj: *mut c_void, ty: *mut Type) {
    promised!(core::ptr::eq(object::type_of(obj), ty));
    promised!(!header::is_dead(obj));
    if header::high_word(obj) & header::SIDE_FLAGS != 0 {
        drop_side_entries((*ty).heap, obj);
    }
    (*ty).freed += 1;
    if (*ty).flags.contains(TypeFlags::COUNT_BYTES) {
        (*ty).bytes_freed += (*range::page_of(obj as usize)).block_bytes() as u64;
    }
    header::set_count_word(obj, (*ty).dead_word);
    free_block(obj);
}
