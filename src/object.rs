//! Making objects, and finding out what an address is.
//!
//! [`new`] is the hottest path but the counts: budget, pop, header, zeros, one counter. All that can go wrong or is due goes
//! to [`allocate_slow`], which the budget reaches when it is spent and the page when it has no free block.

use crate::cycle;
use crate::header::{self, Flags, Header, HEADER_BYTES, IMMORTAL, LOCAL};
use crate::heap::class::{class_of, Class};
use crate::heap::page::{Kind, Page};
use crate::heap::range::{self, GRANULE_BYTES, RANGE};
use crate::heap::{Heap, Phase};
use crate::report;
use crate::slots;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// Makes an object of a type without a trailing array, or one with an empty array. Null for out of memory.
///
/// # Safety
/// - `kind` is live and only its heap's thread is in the heap.
#[inline(always)]
pub unsafe fn new(kind: *mut Type) -> *mut c_void {
    let class = (*kind).class;
    if class.is_null() {
        return new_array(kind, 0);
    }
    let heap = (*kind).heap;
    let stride = (*kind).stride;
    let budget = (*heap).budget - stride as i64;
    let mut obj = (*class).last;
    if obj.is_null() {
        let page = (*class).page;
        let offset = (*page).free;
        if offset >= (*page).end || budget < 0 {
            return new_slow(kind);
        }
        obj = pop(page, offset);
    } else {
        if budget < 0 {
            return new_slow(kind);
        }
        (*class).last = ptr::null_mut();
    }
    (*heap).budget = budget;
    header::store(obj, (*kind).header);
    (*kind).allocated += 1;
    zero(obj, stride as usize - HEADER_BYTES)
}

#[cold]
#[inline(never)]
unsafe fn new_slow(kind: *mut Type) -> *mut c_void {
    let class = (*kind).class;
    let obj = allocate_slow(kind, class, (*kind).stride as usize);
    if !obj.is_null() {
        header::store(obj, (*kind).header);
        zero(obj, (*kind).stride as usize - HEADER_BYTES);
        (*kind).allocated += 1;
    }
    obj
}

/// Makes an object with a trailing array. Null for out of memory and for a length that no heap can hold.
///
/// # Safety
/// - `kind` is live and only its heap's thread is in the heap; without a tail, `length` is 0.
pub unsafe fn new_array(kind: *mut Type, length: usize) -> *mut c_void {
    let tail = (*kind).flags.contains(TypeFlags::TAIL);
    let Some(bytes) = block_bytes(&*kind, length) else {
        return ptr::null_mut();
    };
    let obj = match class_of(bytes) {
        Some(number) => {
            let class: *mut Class = &mut (&mut (*(*kind).heap).classes)[number];
            let obj = allocate_slow(kind, class, (*class).stride as usize);
            if !obj.is_null() {
                zero(obj, (*class).stride as usize - HEADER_BYTES);
            }
            obj
        }
        None => allocate_large(kind, bytes),
    };
    if obj.is_null() {
        return obj;
    }
    header::store(obj, (*kind).header);
    if tail {
        *slots::tail_length_place(obj) = length;
    }
    (*kind).allocated += 1;
    if (*kind).flags.contains(TypeFlags::COUNT_BYTES) {
        (*kind).bytes_allocated += (*range::page_of(obj as usize)).block_bytes() as u64;
    }
    obj
}

/// Header, struct, trailing elements and, for types that have them, their number.
fn block_bytes(kind: &Type, length: usize) -> Option<usize> {
    let tail = kind.tail_size.checked_mul(length)?;
    let count = if kind.flags.contains(TypeFlags::TAIL) { 8 } else { 0 };
    let bytes = kind.size.checked_add(tail)?;
    // The number lies in the last 8 bytes of the block, so the elements end before it, on a border of 8.
    let bytes = bytes.checked_next_multiple_of(8)?.checked_add(HEADER_BYTES + count)?;
    // SAFETY: reads a word that is written before the first type exists.
    (bytes < unsafe { RANGE.size }).then_some(bytes)
}

/// Takes the first block off a page's free list.
#[inline(always)]
unsafe fn pop(page: *mut Page, offset: u32) -> *mut c_void {
    let obj = ((*page).start + offset as usize) as *mut c_void;
    let link = header::high_word(obj);
    (*page).free = offset.wrapping_add((*page).stride).wrapping_add(link);
    obj
}

/// Zeroes a payload, which is 8 short of a multiple of 16, and gives it back. Up to 56 bytes by one to four stores, which is most
/// objects there are.
#[inline(always)]
unsafe fn zero(obj: *mut c_void, bytes: usize) -> *mut c_void {
    let words = obj as *mut u64;
    if bytes > 56 {
        return zero_more(obj, bytes);
    }
    if bytes >= 24 {
        *(words as *mut u128) = 0;
        if bytes >= 40 {
            *(words.add(2) as *mut u128) = 0;
            if bytes >= 56 {
                *(words.add(4) as *mut u128) = 0;
            }
        }
    }
    *words.add(bytes / 8 - 1) = 0;
    obj
}

/// Out of line, so that the common path saves no registers.
#[inline(never)]
unsafe fn zero_more(obj: *mut c_void, bytes: usize) -> *mut c_void {
    ptr::write_bytes(obj as *mut u8, 0, bytes);
    obj
}

/// Allocation with everything that may be due first: a collection, a new page, an emergency collection. The block's header
/// and payload are not set. Null for out of memory.
///
/// # Safety
/// - `class` is the heap's and of this stride.
unsafe fn allocate_slow(kind: *mut Type, class: *mut Class, stride: usize) -> *mut c_void {
    let heap = (*kind).heap;
    charge(kind, stride);
    loop {
        let page = (*class).page;
        let offset = (*page).free;
        if offset < (*page).end {
            return pop(page, offset);
        }
        if !(*class).refill() && !cycle::collect_in_emergency(heap) {
            return ptr::null_mut();
        }
    }
}

unsafe fn allocate_large(kind: *mut Type, bytes: usize) -> *mut c_void {
    let heap = (*kind).heap;
    charge(kind, bytes);
    loop {
        let page = (*heap).take_large(bytes);
        if !page.is_null() {
            return ((*page).start + crate::heap::page::FIRST_OFFSET as usize) as *mut c_void;
        }
        if !cycle::collect_in_emergency(heap) {
            return ptr::null_mut();
        }
    }
}

/// Takes bytes off the budget; when it is spent, does what is due.
unsafe fn charge(kind: *mut Type, bytes: usize) {
    let heap = (*kind).heap;
    if (*heap).phase == Phase::Judging {
        report::fatal(format_args!(
            "rc_new of {} inside a traverse, which may only visit (heap {})",
            (*kind).name(),
            report::CText((*heap).name())
        ));
    }
    (*heap).budget -= bytes as i64;
    if (*heap).budget < 0 {
        cycle::budget_spent(heap);
    }
}

/// What an address turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAnObject {
    /// Null.
    Null,
    /// Not from any heap.
    Foreign,
    /// Inside an object, or unaligned.
    Interior,
    /// Of an object that died.
    Dead,
}

/// Checks that an address is an object's, alive or dying, and gives its header. In constant time, for any address.
///
/// # Safety
/// - Only the thread of the heap that the address lies in is in that heap.
#[inline(always)]
pub unsafe fn check(obj: *mut c_void) -> Result<Header, NotAnObject> {
    if obj.is_null() {
        return Err(NotAnObject::Null);
    }
    let offset = range::offset_of(obj as usize);
    if offset >= RANGE.size || offset / crate::heap::segment::SEGMENT_BYTES >= RANGE.committed {
        return Err(NotAnObject::Foreign);
    }
    let page = range::page_of(obj as usize);
    match (*page).kind {
        Kind::Free => Err(NotAnObject::Dead),
        Kind::LargeRest => Err(NotAnObject::Interior),
        _ => match (*page).payload_at(obj as usize) {
            Some(payload) if payload == obj => {
                let header = header::load(obj);
                if header.count_word() == 0 {
                    Err(NotAnObject::Dead)
                } else {
                    Ok(header)
                }
            }
            Some(_) => Err(NotAnObject::Interior),
            None if (obj as usize) % GRANULE_BYTES == 0 => Err(NotAnObject::Dead),
            None => Err(NotAnObject::Interior),
        },
    }
}

/// Says why an address is no object, and aborts.
#[cold]
#[inline(never)]
pub fn misuse(call: &str, obj: *mut c_void, why: NotAnObject) -> ! {
    match why {
        NotAnObject::Null => report::fatal(format_args!("{call}: the object is null")),
        NotAnObject::Foreign => report::fatal(format_args!(
            "{call}: {obj:p} is not an object: no heap of this process has that address"
        )),
        NotAnObject::Interior => report::fatal(format_args!(
            "{call}: {obj:p} is not an object: it points into one, or is not aligned to {GRANULE_BYTES}"
        )),
        NotAnObject::Dead => report::fatal(format_args!(
            "{call}: {obj:p} is a dead object: released once too often, or used after its last reference went"
        )),
    }
}

/// Checks an address of the host's; fatal when it is no object.
///
/// # Safety
/// - As [`check`].
#[inline(always)]
pub unsafe fn checked(call: &str, obj: *mut c_void) -> Header {
    match check(obj) {
        Ok(header) => header,
        Err(why) => misuse(call, obj, why),
    }
}

/// An object's type.
///
/// # Safety
/// - `obj` is an object, alive or dying.
#[inline(always)]
pub unsafe fn type_of(obj: *mut c_void) -> *mut Type {
    range::type_at(header::type_index(obj))
}

/// The bytes that the host asked for.
///
/// # Safety
/// - As [`type_of`].
pub unsafe fn size_of_object(obj: *mut c_void) -> usize {
    let kind = &*type_of(obj);
    if kind.flags.contains(TypeFlags::TAIL) {
        kind.size + kind.tail_size * slots::tail_length(obj)
    } else {
        kind.size
    }
}

/// Makes an object immortal.
///
/// # Safety
/// - `obj` is an object and not dying.
pub unsafe fn immortalize(obj: *mut c_void) {
    header::set_count_word(obj, IMMORTAL);
}

/// Whether the object can be counted and tracked like any other: not queued, not dying.
pub fn is_settled(header: Header) -> bool {
    header.count_word() & (LOCAL | IMMORTAL) != 0 && !header.has(Flags::DYING)
}

/// Takes an object's side entries off the heap's tables; its block can be freed then.
///
/// # Safety
/// - `obj` is dying and has one of [`header::SIDE_FLAGS`].
#[cold]
pub unsafe fn drop_side_entries(heap: *mut Heap, obj: *mut c_void) {
    if header::load(obj).has(Flags::EXTERNAL) {
        (*heap).external.remove(range::granule_of(obj));
    }
}

/// Frees a dead object's block and enters its end into the books.
///
/// # Safety
/// - `obj` is an object of `kind`; nobody uses it any more, and its references are gone.
#[inline(always)]
pub unsafe fn free(obj: *mut c_void, kind: *mut Type) {
    if header::high_word(obj) & header::SIDE_FLAGS != 0 {
        drop_side_entries((*kind).heap, obj);
    }
    (*kind).freed += 1;
    if (*kind).flags.contains(TypeFlags::COUNT_BYTES) {
        (*kind).bytes_freed += (*range::page_of(obj as usize)).block_bytes() as u64;
    }
    crate::heap::page::free_block(obj);
}
