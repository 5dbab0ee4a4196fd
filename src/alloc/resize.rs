//! Another length for an object with a trailing array that one reference alone leads to.
//!
//! It stays where it is as long as its block has room, which [`room`] knows. Else a block is made for it as for a new
//! object of its type, and all that is known of the old one by its address follows, in this order:
//!
//! | what | where it is kept |
//! |---|---|
//! | struct and elements | copied; the elements behind them are as in a new object |
//! | tracked, finalized, and what else the header says | header |
//! | external bytes | `life/external.rs` |
//! | weak handles, entries of weak maps whose key it is | its cell, `life/weak.rs` |
//! | site, serial number, sample | the profile, `Observers::moved` |
//!
//! None of these can fail: each table has the room that the old entry leaves. What is known of the place and not of the object does
//! not follow: the new one is young, not frozen, and newer than a growth mark. In the books it is one object made and one ended.
//!
//! **Host code** may run where the block is made, and only there: the old object is held meanwhile, and looked at anew. What
//! is shrunk off is released last, when the object has its new length.

use super::{block_bytes, new_sized};
use crate::header::{self, Flags, LOCAL_ONE};
use crate::host;
use crate::life::block;
use crate::life::count;
use crate::life::death::{self, Queue};
use crate::life::weak;
use crate::memory::range;
use crate::object::{self, slots};
use crate::types::{SlotPlace, Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// Why an object has its old length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// No memory, or no heap can hold the length.
    NoMemory,
    /// Host code that ran meanwhile took a reference to it, or put something else into the slot.
    Taken,
}

/// Bytes that the struct and its elements can have without a move.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn room(obj: *mut c_void) -> usize {
    let stored = (*object::type_of(obj)).flags.contains(TypeFlags::TAIL) as usize * 8;
    (*range::page_of(obj as usize)).payload_bytes() - stored
}

/// Gives the object in a slot another length; the slot has its new address.
///
/// # Safety
/// - The slot holds the one reference to an object with a trailing array, which is not dying, which is pinned and not
///   judging.
pub unsafe fn resize(slot: *mut *mut c_void, length: usize) -> Result<(), Refused> {
    let obj = slot.read_unaligned();
    let ty = object::type_of(obj);
    let bytes = (*ty).tail_size.checked_mul(length).and_then(|tail| tail.checked_add((*ty).size));
    if bytes.is_some_and(|bytes| bytes <= room(obj)) {
        if (*ty).flags.contains(TypeFlags::TAIL) {
            set_length(obj, ty, length);
        }
        return Ok(());
    }
    if block_bytes(&*ty, length).is_none() {
        return Err(Refused::NoMemory);
    }
    count::incref(obj);
    let new = new_sized(ty, length, true);
    if slot.read_unaligned() != obj || header::count_word(obj) != LOCAL_ONE + 1 {
        discard(new, ty);
        host::aside((*ty).heap, || count::decref(obj));
        return Err(Refused::Taken);
    }
    header::set_count_word(obj, LOCAL_ONE);
    if new.is_null() {
        return Err(Refused::NoMemory);
    }
    move_to(new, obj, ty);
    slot.write_unaligned(new);
    Ok(())
}

/// Ends an object that nobody has seen.
unsafe fn discard(new: *mut c_void, ty: *mut Type) {
    if !new.is_null() {
        header::clear_flags(new, Flags::SIDE);
        block::free(new, ty);
    }
}

/// All that the old object is, and is known for, is the new one's. Blocks of larger objects have room for all of a smaller one's.
unsafe fn move_to(new: *mut c_void, obj: *mut c_void, ty: *mut Type) {
    const FOLLOW: Flags =
        Flags::TRACKED.union(Flags::SIDE).union(Flags::WEAK).union(Flags::FINALIZED).union(Flags::KEPT);
    let heap = (*ty).heap;
    ptr::copy_nonoverlapping(obj as *const u8, new as *mut u8, object::size_of_object(obj));
    let flags = Flags::from_bits_truncate(header::high_word(obj)) & FOLLOW;
    header::change_flags(new, FOLLOW, flags);
    if flags.contains(Flags::SIDE) {
        (*heap).external.move_to(range::granule_of(obj), range::granule_of(new));
        if let Some(moved) = (*heap).observers.moved {
            moved(heap, obj, new);
        }
    }
    if flags.contains(Flags::WEAK) {
        weak::move_to(heap, obj, new);
    }
    header::clear_flags(obj, Flags::SIDE | Flags::WEAK);
    block::free(obj, ty);
}

/// Another length in the same block. What is new is zero; what is shrunk off is released.
unsafe fn set_length(obj: *mut c_void, ty: *mut Type, length: usize) {
    let place = slots::tail_length_at(obj);
    let before = *place;
    if length >= before {
        if !(*ty).flags.contains(TypeFlags::UNINIT) {
            let elements = obj as usize + tail_offset(ty);
            let size = (*ty).tail_size;
            ptr::write_bytes((elements + before * size) as *mut u8, 0, (length - before) * size);
        }
        *place = length;
        return;
    }
    let mut queue = Queue::new();
    slots::take_tail_edges(obj, ty, length, |word| {
        if word != 0 {
            count::release_edge(word as *mut c_void, &mut queue);
        }
    });
    *place = length;
    if !queue.is_empty() {
        host::aside((*ty).heap, || death::end_all(&mut queue));
    }
}

/// Where the trailing array begins: as its field says, else behind the struct.
unsafe fn tail_offset(ty: *const Type) -> usize {
    for index in 0..(*ty).extra_count as usize {
        let slots = &*(*ty).extra.add(index);
        if slots.place == SlotPlace::Tail {
            return slots.offset;
        }
    }
    (*ty).size
}
