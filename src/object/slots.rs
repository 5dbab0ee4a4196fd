//! Walking the declared fields of an object.
//!
//! Two walks, since they differ in what they may assume:
//! - [`each_edge`] reads. The collector's passes and the release of plain objects use it; it writes
//!   nothing.
//! - [`take_edges`] empties: every slot becomes null (a tagged word keeps its tag, a variant its tag, a
//!   vector's length becomes 0), and each reference that was there is handed over. Objects with callbacks
//!   use it, because those callbacks must find no references any more.
//!
//! Several entries may describe one word (tags that exclude each other) or one vector, so lengths become 0
//! only after all entries have been walked.

use crate::base::promised;
use crate::base::report::{self, CText};
use crate::life::weak::{self, Weak};
use crate::memory::range;
use crate::object;
use crate::sys;
use crate::types::words::Word;
use crate::types::{SlotKind, SlotPlace, Slots, Type, TypeFlags};
use core::ffi::{c_char, c_void};

/// Calls `each` with the word of every declared slot that holds a reference now; 0 for a null pointer.
///
/// # Safety
/// - `obj` is an object of `ty` and walkable: slots null or owned, up to the stated length.
/// - `each` changes no slot of `obj`.
#[inline(always)]
pub unsafe fn each_edge(obj: *mut c_void, ty: *const Type, mut each: impl FnMut(usize)) {
    promised!(core::ptr::eq(object::type_of(obj), ty));
    each_simple_edge(obj, ty, 0, &mut each);
    if (*ty).extra_count != 0 {
        each_extra_edge(obj, ty, &mut each);
    }
}

/// The plain offsets from `first` on: all there is of a simple type.
///
/// # Safety
/// - As [`each_edge`].
#[inline(always)]
pub unsafe fn each_simple_edge(
    obj: *mut c_void,
    ty: *const Type,
    first: usize,
    each: &mut impl FnMut(usize),
) {
    for index in first..(*ty).simple_count as usize {
        let offset = *(*ty).offsets.get_unchecked(index) as usize;
        each(*((obj as usize + offset) as *const usize));
    }
}

/// The words of a type with `TypeFlags::WORDS`: 0 for those that are no references now.
///
/// # Safety
/// - As [`each_edge`]; the type has `TypeFlags::WORDS`.
#[inline(always)]
pub unsafe fn each_word_edge(obj: *mut c_void, ty: *const Type, each: &mut impl FnMut(usize)) {
    let words = (*ty).extra.add((*ty).extra_count as usize) as *const Word;
    for index in 0..(*ty).word_count as usize {
        each((*words.add(index)).reference(obj as usize));
    }
}

/// As [`each_edge`], for a type with `TypeFlags::POINTER_TAIL`.
///
/// # Safety
/// - As [`each_edge`].
#[inline(always)]
pub unsafe fn each_tail_pointer(obj: *mut c_void, ty: *const Type, mut each: impl FnMut(usize)) {
    let slots = &*(*ty).extra;
    let first = (obj as usize + slots.offset) as *const usize;
    for number in 0..tail_length(obj) {
        each(*first.add(number));
    }
}

/// The entries that are no plain offsets. Out of line, so that the walk of simple types stays small.
#[inline(never)]
unsafe fn each_extra_edge(obj: *mut c_void, ty: *const Type, each: &mut impl FnMut(usize)) {
    if (*ty).word_count != 0 {
        return each_word_edge(obj, ty, each);
    }
    for index in 0..(*ty).extra_count as usize {
        let slots = &*(*ty).extra.add(index);
        each_word(obj, slots, |_, word| each(word));
    }
}

/// As [`each_edge`], with the name of each slot's field and the slot's index in it; `usize::MAX` for a field
/// of one.
///
/// # Safety
/// - As [`each_edge`].
pub unsafe fn each_named_edge(
    obj: *mut c_void,
    ty: *const Type,
    mut each: impl FnMut(*const c_char, usize, usize),
) {
    let mut place = 0;
    (*ty).each_simple_field(|field| {
        for number in 0..field.count {
            let offset = *(*ty).offsets.get_unchecked(place) as usize;
            let index = if field.count == 1 { usize::MAX } else { number };
            each(field.name, index, *((obj as usize + offset) as *const usize));
            place += 1;
        }
    });
    for index in 0..(*ty).extra_count as usize {
        let slots = &*(*ty).extra.add(index);
        let (base, _) = elements(obj, slots);
        let one = slots.place == SlotPlace::Struct && slots.count == 1;
        each_word(obj, slots, |slot, word| {
            let number = (slot as usize - base - slots.payload) / slots.stride.max(1);
            each(slots.name, if one { usize::MAX } else { number }, word);
        });
    }
}

/// Hands every reference in a declared slot over to `each` and leaves the slot empty.
///
/// # Safety
/// - As [`each_edge`]; and `each` runs no host code, which could see the object half emptied.
pub unsafe fn take_edges(obj: *mut c_void, ty: *const Type, mut each: impl FnMut(usize)) {
    for index in 0..(*ty).simple_count as usize {
        let slot = (obj as usize + *(*ty).offsets.get_unchecked(index) as usize) as *mut usize;
        each(slot.replace(0));
    }
    if (*ty).word_count != 0 {
        return take_word_edges(obj, ty, &mut each);
    }
    for index in 0..(*ty).extra_count as usize {
        let slots = &*(*ty).extra.add(index);
        let keep = !keep_out(slots);
        each_word(obj, slots, |slot, word| {
            *slot &= keep;
            each(word);
        });
    }
    for index in 0..(*ty).extra_count as usize {
        let slots = &*(*ty).extra.add(index);
        if slots.place == SlotPlace::Vector {
            write_number(obj as usize + slots.length, slots.length_bytes, 0);
        }
    }
}

/// As [`take_edges`], the words of a type with `TypeFlags::WORDS`. Several of them may be tags of one word: each is
/// asked before any is emptied, so that what is left of a word is not taken for another tag's.
#[inline(always)]
unsafe fn take_word_edges(obj: *mut c_void, ty: *const Type, each: &mut impl FnMut(usize)) {
    let words = (*ty).extra.add((*ty).extra_count as usize) as *const Word;
    for index in 0..(*ty).word_count as usize {
        let word = &*words.add(index);
        let target = word.reference(obj as usize);
        if target != 0 {
            // The tag stays, so no other tag of the word applies afterwards.
            *((obj as usize + word.word as usize) as *mut usize) &= !word.pointer_mask as usize;
            each(target);
        }
    }
}

/// Ends the weak handles in an object's declared slots.
///
/// # Safety
/// - As [`take_edges`].
pub unsafe fn end_weak_handles(obj: *mut c_void, ty: *const Type) {
    for index in 0..(*ty).extra_count as usize {
        let slots = &*(*ty).extra.add(index);
        if slots.kind == SlotKind::Weak {
            let slot = (obj as usize + slots.offset) as *mut *mut Weak;
            let handle = slot.replace(core::ptr::null_mut());
            if !handle.is_null() {
                if !weak::is_handle(handle) {
                    report::fatal(format_args!(
                        "{} {obj:p}: {} holds {handle:p}, which is not a live weak handle",
                        (*ty).name(),
                        CText(slots.name)
                    ));
                }
                weak::free(handle);
            }
        }
    }
}

/// As [`take_edges`], of the trailing elements from `first` on alone.
///
/// # Safety
/// - As [`take_edges`]; there are at least `first` elements, and their number is stored.
pub unsafe fn take_tail_edges(obj: *mut c_void, ty: *const Type, first: usize, mut each: impl FnMut(usize)) {
    for index in 0..(*ty).extra_count as usize {
        let slots = &*(*ty).extra.add(index);
        if slots.place != SlotPlace::Tail {
            continue;
        }
        let keep = !keep_out(slots);
        let (base, count) = elements(obj, slots);
        each_word_of(slots, base + first * slots.stride, count - first, |slot, word| {
            *slot &= keep;
            each(word);
        });
    }
}

/// The bits of a slot's word that are its pointer.
fn keep_out(slots: &Slots) -> usize {
    match slots.kind {
        SlotKind::Tagged => slots.pointer_mask as usize,
        _ => usize::MAX,
    }
}

/// Calls `each` with the address and the pointer of every slot of an entry that holds a reference now.
#[inline(always)]
unsafe fn each_word(obj: *mut c_void, slots: &Slots, each: impl FnMut(*mut usize, usize)) {
    let (base, count) = elements(obj, slots);
    each_word_of(slots, base, count, each)
}

/// As [`each_word`], of so many elements from an address on.
#[inline(always)]
unsafe fn each_word_of(slots: &Slots, base: usize, count: usize, mut each: impl FnMut(*mut usize, usize)) {
    let (stride, payload) = (slots.stride, slots.payload);
    match slots.kind {
        SlotKind::Pointer if slots.is_run() => {
            let first = (base + payload) as *mut usize;
            for number in 0..count {
                let slot = first.add(number);
                each(slot, *slot);
            }
        }
        SlotKind::Pointer => {
            for number in 0..count {
                let slot = (base + number * stride + payload) as *mut usize;
                each(slot, *slot);
            }
        }
        SlotKind::Weak => {}
        SlotKind::Tagged | SlotKind::Variant => {
            let (mask, value) = (slots.mask, slots.value);
            for number in 0..count {
                let element = base + number * stride;
                let slot = (element + payload) as *mut usize;
                if slots.kind == SlotKind::Tagged {
                    let word = *slot;
                    if word as u64 & mask == value {
                        each(slot, word & slots.pointer_mask as usize);
                    }
                } else if read_number(element + slots.tag, slots.tag_bytes) & mask == value {
                    each(slot, *slot);
                }
            }
        }
    }
}

/// Calls `each` with the number of every slot of an entry, and with what it holds: the pointer, the handle of
/// a weak slot, 0 when it is no reference now.
///
/// # Safety
/// - As [`each_edge`].
pub unsafe fn each_slot(obj: *mut c_void, slots: &Slots, mut each: impl FnMut(usize, usize)) {
    let (base, count) = elements(obj, slots);
    for number in 0..count {
        let element = base + number * slots.stride;
        let word = *((element + slots.payload) as *const usize);
        let holds = match slots.kind {
            SlotKind::Pointer | SlotKind::Weak => true,
            SlotKind::Tagged => word as u64 & slots.mask == slots.value,
            SlotKind::Variant => {
                read_number(element + slots.tag, slots.tag_bytes) & slots.mask == slots.value
            }
        };
        each(number, if holds { word & keep_out(slots) } else { 0 });
    }
}

/// The buffers of an object's vectors are on their way into the cache.
///
/// # Safety
/// - As [`each_edge`].
#[inline(always)]
pub unsafe fn fetch_vectors(obj: *mut c_void, ty: *const Type) {
    for index in 0..(*ty).extra_count as usize {
        let slots = &*(*ty).extra.add(index);
        if slots.place == SlotPlace::Vector {
            sys::prefetch_for_read::<0>(*((obj as usize + slots.offset) as *const usize));
        }
    }
}

/// How many declared slots an object has in tails, vectors and arrays.
///
/// # Safety
/// - As [`each_edge`].
#[inline(always)]
pub unsafe fn count_extra(obj: *mut c_void, ty: *const Type) -> usize {
    let mut count = 0usize;
    for index in 0..(*ty).extra_count as usize {
        count = count.saturating_add(elements(obj, &*(*ty).extra.add(index)).1);
    }
    count
}

/// How many slots an entry has in an object now.
///
/// # Safety
/// - As [`each_edge`].
pub unsafe fn length_of(obj: *mut c_void, slots: &Slots) -> usize {
    elements(obj, slots).1
}

/// First element and number of elements of an entry.
#[inline(always)]
unsafe fn elements(obj: *mut c_void, slots: &Slots) -> (usize, usize) {
    let start = obj as usize + slots.offset;
    match slots.place {
        SlotPlace::Struct => (start, slots.count),
        SlotPlace::Tail => (start, tail_length(obj)),
        SlotPlace::Vector => {
            let buffer = *(start as *const usize);
            let count = read_number(obj as usize + slots.length, slots.length_bytes) as usize;
            (buffer, if buffer == 0 { 0 } else { count })
        }
    }
}

/// The number of trailing elements: the last 8 bytes of the object's block.
///
/// # Safety
/// - `obj` is an object of a type with a trailing array.
#[inline(always)]
pub unsafe fn tail_length(obj: *mut c_void) -> usize {
    promised!((*object::type_of(obj)).flags.contains(TypeFlags::TAIL));
    *tail_length_at(obj)
}

/// Where [`tail_length`] is kept.
///
/// # Safety
/// - As [`tail_length`].
#[inline(always)]
pub unsafe fn tail_length_at(obj: *mut c_void) -> *mut usize {
    let page = range::page_of(obj as usize);
    (obj as usize + (*page).payload_bytes() - 8) as *mut usize
}

/// A number of 1, 2, 4 or 8 bytes of the host's struct, at any alignment.
#[inline(always)]
unsafe fn read_number(address: usize, bytes: u8) -> u64 {
    match bytes {
        1 => *(address as *const u8) as u64,
        2 => (address as *const u16).read_unaligned() as u64,
        4 => (address as *const u32).read_unaligned() as u64,
        _ => (address as *const u64).read_unaligned(),
    }
}

unsafe fn write_number(address: usize, bytes: u8, number: u64) {
    match bytes {
        1 => *(address as *mut u8) = number as u8,
        2 => (address as *mut u16).write_unaligned(number as u16),
        4 => (address as *mut u32).write_unaligned(number as u32),
        _ => (address as *mut u64).write_unaligned(number),
    }
}
