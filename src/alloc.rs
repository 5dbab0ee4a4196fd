//! Making objects.
//!
//! [`new`] is the hottest path but the counts: ration, pop, header, zeros. All that can go wrong or is due
//! goes the long way, which the ration reaches when it is used up and the run when it has no free block. In the order of
//! this file:
//!
//! | step | what | where |
//! |---|---|---|
//! | ration | a type whose objects have one size is granted a few KiB of the heap's budget at once | [`new_within`], `grant` |
//! | array | an object whose size is its own is charged by itself | [`new_array`], [`new_sized`] |
//! | large | one that has pages of its own | `new_large` |
//! | leaf | one whose trailing array is the host's alone: its length is not stored, or it is not zeroed | `new_leaf` |
//! | run | free blocks of a page, taken one after the other; refilled from the class's pages, and these from the range | [`fill`] |
//! | charge | bytes go off the budget; what is due is done: whoever wants attention gets it, a collection | [`charge`] |
//! | collect | there is no memory: what is kept for later goes back, then a collection, once | `make_memory` |
//! | give up | null: out of memory | `instead` |
//!
//! Whoever observes births sets [`Type::make`]; such a type has no ration, so its objects go there from the first
//! test that fails. His ways come back here for the block alone, `booked`, which says that he will see to the rest.
//!
//! Host code may run in [`charge`] and [`fill`], nowhere else ([`while_pinned`]): what was read of the type or the heap before
//! is read anew behind them, above all whether somebody has begun to observe the type.

pub mod resize;

use crate::base::promised;
use crate::base::report;
use crate::cycle;
use crate::header::{self, HEADER_BYTES};
use crate::heap::{Heap, Phase};
use crate::host::Pin;
use crate::life::finalizers;
use crate::memory::class::{class_of, stride_of, Class, Run};
use crate::memory::page::{FIRST_OFFSET, PAGE_BYTES};
use crate::memory::range::{self, RANGE};
use crate::memory::space::large_pages;
use crate::object::slots;
use crate::observe::{self, Notice};
use crate::sys;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::Ordering;

/// The bytes that a type is granted at once: few enough that a trigger is not passed by much, enough that
/// the long way is seldom.
pub const RATION_BYTES: i64 = if cfg!(feature = "check") { 128 } else { 4 << 10 };

/// Makes an object of a type without a trailing array, or one with an empty array. Null for out of memory.
///
/// # Safety
/// - As [everywhere](crate).
#[inline(always)]
pub unsafe fn new(ty: *mut Type) -> *mut c_void {
    let ration = (*ty).ration;
    if ration == 0 {
        return new_slow(ty);
    }
    let stride = (*ty).stride;
    let obj = (*ty).run.pop(stride);
    if obj.is_null() {
        return new_slow(ty);
    }
    (*ty).ration = ration - 1;
    header::store(obj, (*ty).header);
    if stride == 32 {
        // Two words and a number: most objects there are.
        *(obj as *mut u128) = 0;
        *(obj as *mut u64).add(2) = 0;
        return obj;
    }
    zero(obj, stride as usize)
}

/// The ration is used up, or the run is.
#[cold]
#[inline(never)]
unsafe fn new_slow(ty: *mut Type) -> *mut c_void {
    promised!((*ty).is_live());
    if let Some(make) = (*ty).make {
        return make(ty, 0);
    }
    if (*ty).flags.contains(TypeFlags::COUNT_BYTES) {
        return new_array(ty, 0);
    }
    new_within(ty, u32::MAX)
}

/// Makes an object, the long way; the type is given a ration for `most` objects at most.
///
/// # Safety
/// - As [`new`]; the type's objects have one size.
#[inline(always)]
pub unsafe fn new_within(ty: *mut Type, most: u32) -> *mut c_void {
    loop {
        // Either may run host code, which may make objects of this type, and begin a profile: then there is no ration.
        if (*ty).ration == 0 {
            if let Err(instead) = grant(ty, most) {
                return instead;
            }
        }
        if !(*ty).run.is_empty() {
            return new(ty);
        }
        if !fill(ty, (*ty).class, &raw mut (*ty).run, false) {
            return instead(ty, 0, false);
        }
    }
}

/// Gives a type a ration of the heap's budget, for one object at least, and `most` at most. Else what the host is given
/// instead of an object with a ration: null for out of memory.
unsafe fn grant(ty: *mut Type, most: u32) -> Result<(), *mut c_void> {
    let heap = (*ty).heap;
    let stride = (*ty).stride as i64;
    (*ty).note_peak();
    if !charge(ty, stride as usize, false) {
        return Err(instead(ty, 0, false));
    }
    // What is granted beyond the one object is taken off the budget at once, so no trigger is passed unseen.
    let more = (((*heap).budget.clamp(0, RATION_BYTES) / stride) as u32).min(most.max(1) - 1);
    if finalizers::is_queued(&*heap, &*ty) && !finalizers::reserve(heap, more as usize + 1) {
        return Err(ptr::null_mut());
    }
    (*heap).budget -= more as i64 * stride;
    (*ty).granted += more as u64 + 1;
    // A collection in `charge` may have made objects of this type, and left it a ration.
    (*ty).ration += more + 1;
    Ok(())
}

/// Makes an object with a trailing array. Null for out of memory and for a length that no heap can hold.
///
/// # Safety
/// - without a tail, `length` is 0.
pub unsafe fn new_array(ty: *mut Type, length: usize) -> *mut c_void {
    promised!(length == 0 || (*ty).tail_size != 0);
    promised!((*ty).is_live());
    const APART: TypeFlags = TypeFlags::OBSERVED.union(TypeFlags::COUNT_BYTES).union(TypeFlags::LEAF_TAIL);
    if (*ty).flags & APART != TypeFlags::COUNT_BYTES {
        return new_apart(ty, length);
    }
    if length >= (*ty).quick_lengths as usize {
        return new_sized(ty, length, false);
    }
    // As `block_bytes` and `class_of`, which these lengths were chosen for.
    let elements_end = ((*ty).size + (*ty).tail_size * length).next_multiple_of(8);
    let number = (elements_end + 2 * HEADER_BYTES - 1) / 16;
    let stride = 16 * (number + 1);
    let heap = (*ty).heap;
    let class: *mut Class = (&raw mut (*heap).space.classes).cast::<Class>().add(number);
    let left = (*heap).budget - stride as i64;
    // ORDER: relaxed: who finds it set acquires in `observe::attend`.
    if left < 0 || (*class).run.is_empty() || (*heap).attention.load(Ordering::Relaxed) {
        return new_sized_slow(ty, class, length, false);
    }
    (*heap).budget = left;
    let obj = (*class).run.pop(stride as u32);
    become_sized(obj, ty, stride, length)
}

/// What [`new_array`] does for types whose objects have one size, for leaf tails, and where somebody observes them.
#[inline(never)]
unsafe fn new_apart(ty: *mut Type, length: usize) -> *mut c_void {
    match (*ty).make {
        Some(make) => make(ty, length),
        None if (*ty).flags.contains(TypeFlags::COUNT_BYTES) => new_leaf(ty, length),
        None => new(ty),
    }
}

/// As the rest of [`new_array`], for types with one of [`TypeFlags::LEAF_TAIL`].
#[inline(always)]
unsafe fn new_leaf(ty: *mut Type, length: usize) -> *mut c_void {
    if length >= (*ty).quick_lengths as usize {
        return new_sized(ty, length, false);
    }
    let elements_end = ((*ty).size + (*ty).tail_size * length).next_multiple_of(8);
    let number = (elements_end + HEADER_BYTES + (*ty).stored_bytes() - 1) / 16;
    let stride = 16 * (number + 1);
    let heap = (*ty).heap;
    let class: *mut Class = (&raw mut (*heap).space.classes).cast::<Class>().add(number);
    let left = (*heap).budget - stride as i64;
    // ORDER: relaxed: who finds it set acquires in `observe::attend`.
    if left < 0 || (*class).run.is_empty() || (*heap).attention.load(Ordering::Relaxed) {
        return new_sized_slow(ty, class, length, false);
    }
    (*heap).budget = left;
    let obj = (*class).run.pop(stride as u32);
    become_leaf(obj, ty, stride, length)
}

/// As [`new_array`], for types whose objects differ in size. Nobody who observes the type is told: the caller does that if
/// the object is `booked`; else nobody observes it, but somebody may begin to meanwhile, and then he is.
///
/// # Safety
/// - As [`new_array`].
#[inline(never)]
pub unsafe fn new_sized(ty: *mut Type, length: usize, booked: bool) -> *mut c_void {
    let Some(bytes) = block_bytes(&*ty, length) else {
        return ptr::null_mut();
    };
    match class_of(bytes) {
        Some(number) => new_sized_slow(ty, &mut (&mut (*(*ty).heap).space.classes)[number], length, booked),
        None => new_large(ty, bytes, length, booked),
    }
}

/// A block of this stride becomes an object. All that it calls it calls last, so that the common path saves no
/// registers.
#[inline(always)]
unsafe fn become_sized(obj: *mut c_void, ty: *mut Type, stride: usize, length: usize) -> *mut c_void {
    header::store(obj, (*ty).header);
    (*ty).granted += 1;
    let before = (*ty).bytes_allocated;
    (*ty).bytes_allocated = before + stride as u64;
    if (before ^ (*ty).bytes_allocated) >= RATION_BYTES as u64 {
        return with_peak(obj, ty, stride, length);
    }
    zero_array(obj, stride, length, (*ty).flags.contains(TypeFlags::TAIL))
}

/// As [`become_sized`], for types with one of [`TypeFlags::LEAF_TAIL`].
#[inline(always)]
unsafe fn become_leaf(obj: *mut c_void, ty: *mut Type, stride: usize, length: usize) -> *mut c_void {
    header::store(obj, (*ty).header);
    (*ty).granted += 1;
    let before = (*ty).bytes_allocated;
    (*ty).bytes_allocated = before + stride as u64;
    if (before ^ (*ty).bytes_allocated) >= RATION_BYTES as u64 {
        sys::seldom();
        (*ty).note_peak();
    }
    if !(*ty).flags.contains(TypeFlags::UNINIT) {
        return zero(obj, stride);
    }
    if (*ty).flags.contains(TypeFlags::TAIL) {
        *((obj as usize + stride - HEADER_BYTES - 8) as *mut usize) = length;
    }
    zero_struct(obj, (*ty).size)
}

/// Zeroes a struct and leaves what is behind it, to the next border of 8, which is in its block.
#[inline(always)]
unsafe fn zero_struct(obj: *mut c_void, size: usize) -> *mut c_void {
    let words = obj as *mut u64;
    if size > 32 {
        sys::seldom();
        ptr::write_bytes(words, 0, size.div_ceil(8));
        return obj;
    }
    // Without a loop, which would be made a call.
    if size > 0 {
        *words = 0;
    }
    if size > 8 {
        *words.add(1) = 0;
    }
    if size > 16 {
        *words.add(2) = 0;
    }
    if size > 24 {
        *words.add(3) = 0;
    }
    obj
}

/// Now and then it is looked how many bytes there are.
#[cold]
#[inline(never)]
unsafe fn with_peak(obj: *mut c_void, ty: *mut Type, stride: usize, length: usize) -> *mut c_void {
    (*ty).note_peak();
    zero_array(obj, stride, length, (*ty).flags.contains(TypeFlags::TAIL))
}

/// As [`zero`]; the length of the trailing array is put where `slots::tail_length_at` looks for it.
#[inline(never)]
unsafe fn zero_array(obj: *mut c_void, stride: usize, length: usize, has_tail: bool) -> *mut c_void {
    zero_inline(obj, stride);
    if has_tail {
        *((obj as usize + stride - HEADER_BYTES - 8) as *mut usize) = length;
    }
    obj
}

/// An object with a trailing array, the long way.
#[inline(never)]
unsafe fn new_sized_slow(ty: *mut Type, class: *mut Class, length: usize, booked: bool) -> *mut c_void {
    if finalizers::is_queued(&*(*ty).heap, &*ty) && !finalizers::reserve((*ty).heap, 1) {
        return ptr::null_mut();
    }
    let stride = (*class).stride;
    if !charge(ty, stride as usize, booked) || !fill(ty, class, &raw mut (*class).run, booked) {
        return instead(ty, length, booked);
    }
    let obj = (*class).run.pop(stride);
    if (*ty).flags.intersects(TypeFlags::LEAF_TAIL) {
        return become_leaf(obj, ty, stride as usize, length);
    }
    become_sized(obj, ty, stride as usize, length)
}

/// As [`new_sized`], for an object with a span of its own.
#[inline(never)]
unsafe fn new_large(ty: *mut Type, bytes: usize, length: usize, booked: bool) -> *mut c_void {
    if finalizers::is_queued(&*(*ty).heap, &*ty) && !finalizers::reserve((*ty).heap, 1) {
        return ptr::null_mut();
    }
    let obj = allocate_large(ty, bytes, booked);
    if obj.is_null() {
        return instead(ty, length, booked);
    }
    header::store(obj, (*ty).header);
    if (*ty).flags.contains(TypeFlags::TAIL) {
        *slots::tail_length_at(obj) = length;
    }
    (*ty).granted += 1;
    (*ty).bytes_allocated += (*range::page_of(obj as usize)).block_bytes() as u64;
    (*ty).note_peak();
    obj
}

/// There is no block, or one that somebody has to be told of who has begun to observe meanwhile.
#[cold]
#[inline(never)]
unsafe fn instead(ty: *mut Type, length: usize, booked: bool) -> *mut c_void {
    match (*ty).make {
        Some(make) if !booked && (*ty).flags.contains(TypeFlags::PROFILED) => make(ty, length),
        _ => ptr::null_mut(),
    }
}

/// Bytes that an object with so many trailing elements takes from the heap; None where no heap can hold it.
pub fn bytes_of(ty: &Type, length: usize) -> Option<usize> {
    let bytes = block_bytes(ty, length)?;
    Some(class_of(bytes).map_or_else(|| large_pages(bytes) * PAGE_BYTES, |class| stride_of(class) as usize))
}

/// Header, struct, trailing elements and, where it is stored, their number.
fn block_bytes(ty: &Type, length: usize) -> Option<usize> {
    let tail = ty.tail_size.checked_mul(length)?;
    let count = ty.stored_bytes();
    let bytes = ty.size.checked_add(tail)?;
    // The number lies in the last 8 bytes of the block, so the elements end before it, on a border of 8.
    let bytes = bytes.checked_next_multiple_of(8)?.checked_add(HEADER_BYTES + count)?;
    // SAFETY: reads a word that is written before the first type exists.
    (bytes < unsafe { RANGE.size }).then_some(bytes)
}

/// Zeroes a payload, which is 8 short of its stride, and gives it back: as a tail call, so that the common
/// path saves no registers.
///
/// # Safety
/// - `obj` is a block of this stride.
#[inline(never)]
pub unsafe fn zero(obj: *mut c_void, stride: usize) -> *mut c_void {
    promised!((*range::page_of(obj as usize)).block_bytes() == stride);
    zero_inline(obj, stride)
}

#[inline(always)]
unsafe fn zero_inline(obj: *mut c_void, stride: usize) -> *mut c_void {
    if stride > 64 {
        ptr::write_bytes(obj as *mut u8, 0, stride - HEADER_BYTES);
        return obj;
    }
    let words = obj as *mut u64;
    if stride != 16 {
        *(words as *mut u128) = 0;
        if stride != 32 {
            *(words.add(2) as *mut u128) = 0;
            if stride != 48 {
                *(words.add(4) as *mut u128) = 0;
            }
        }
    }
    *words.add(stride / 8 - 2) = 0;
    obj
}

/// Sees to it that a run has a block, from a new page or after an emergency collection if need be. False for
/// out of memory, and as [`charge`].
///
/// # Safety
/// - `class` is the heap's, the run one of its; the allocation was charged.
pub unsafe fn fill(ty: *mut Type, class: *mut Class, run: *mut Run, booked: bool) -> bool {
    promised!(ptr::eq((*class).space, &raw const (*(*ty).heap).space));
    let mut trimmed = false;
    while (*run).is_empty() {
        if !(*class).refill(run) && !make_memory(ty, &mut trimmed, booked) {
            return false;
        }
    }
    true
}

unsafe fn allocate_large(ty: *mut Type, bytes: usize, booked: bool) -> *mut c_void {
    let heap = (*ty).heap;
    // As much as will be in use: a part of a page is not left to others.
    if !charge(ty, large_pages(bytes).saturating_mul(PAGE_BYTES), booked) {
        return ptr::null_mut();
    }
    let mut trimmed = false;
    loop {
        let page = (*heap).space.take_large(bytes);
        if !page.is_null() {
            return ((*page).start + FIRST_OFFSET as usize) as *mut c_void;
        }
        if !make_memory(ty, &mut trimmed, booked) {
            return ptr::null_mut();
        }
    }
}

/// Memory is short: gives back what the heap keeps for itself, then collects. False when that is not worth trying
/// again, and as [`charge`].
#[cold]
#[inline(never)]
unsafe fn make_memory(ty: *mut Type, trimmed: &mut bool, booked: bool) -> bool {
    if !core::mem::replace(trimmed, true) {
        Heap::trim_all((*ty).heap);
        return true;
    }
    while_pinned(ty, booked, |heap| {
        let gained = cycle::collect_in_emergency(heap);
        if !gained {
            observe::tell(heap, Notice::Starved);
        }
        gained
    })
}

/// Takes bytes off the budget; when it is spent, does what is due. False when meanwhile somebody has begun to observe the
/// type who knows nothing of the object that is being made, and has to be told of it; `booked` says that he will be in any
/// case.
///
/// # Safety
/// - As [everywhere](crate).
#[inline(always)]
pub unsafe fn charge(ty: *mut Type, bytes: usize, booked: bool) -> bool {
    let heap = (*ty).heap;
    (*heap).budget = (*heap).budget.saturating_sub(bytes as i64);
    // ORDER: relaxed, as in `new_array`.
    if (*heap).phase() == Phase::Judging || (*heap).attention.load(Ordering::Relaxed) || (*heap).budget < 0 {
        return charge_slow(ty, booked);
    }
    true
}

/// The heap may only be looked at, somebody wants attention, or the budget is spent.
#[cold]
#[inline(never)]
unsafe fn charge_slow(ty: *mut Type, booked: bool) -> bool {
    promised!((*ty).is_live());
    let heap = (*ty).heap;
    if (*heap).phase() == Phase::Judging {
        report::fatal(format_args!(
            "rc_new of {} inside a traverse or the write of a dump, which may only look (heap {})",
            (*ty).name(),
            report::CText((*heap).name())
        ));
    }
    while_pinned(ty, booked, |heap| {
        // ORDER: relaxed, as in `new_array`.
        if (*heap).attention.load(Ordering::Relaxed) {
            observe::attend(heap);
        }
        if (*heap).budget < 0 {
            cycle::budget_spent(heap);
        }
        true
    })
}

/// Does what may run host code in the middle of an allocation: a collection, a watch, a dump, the frames of a stack. It may
/// do anything, but neither the type nor the heap can end. As `run` says, and false as [`charge`].
///
/// # Safety
/// - As [`charge`].
pub unsafe fn while_pinned(ty: *mut Type, booked: bool, run: impl FnOnce(*mut Heap) -> bool) -> bool {
    let heap = (*ty).heap;
    let _pin = Pin::on(heap);
    let known = booked || (*ty).flags.contains(TypeFlags::PROFILED);
    (*(*ty).rare()).pins += 1;
    let went_well = run(heap);
    (*(*ty).rare()).pins -= 1;
    went_well && (known || !(*ty).flags.contains(TypeFlags::PROFILED))
}
