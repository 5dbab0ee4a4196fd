//! `rcgc/object.h`: making objects and asking about them. The counts are in `rcgc/inline.h`.

use super::boundary::{looks_live, status, type_checked, type_for_new, Call, NonNull};
use super::status::*;
use crate::alloc::{self, resize};
use crate::base::report::{self, CText};
use crate::header::{self, Flags, IMMORTAL, LOCAL_ONE};
use crate::heap::Heap as gc_heap;
use crate::host::Pin;
use crate::life::external::Refused;
use crate::memory::range;
use crate::object::statics::{Static, Wrong};
use crate::object::{self, checked, checked_held, slots, statics};
use crate::profile::{self, birth};
use crate::types::{Type as rc_type, TypeFlags};
use core::ffi::{c_char, c_void};

/// Makes an object: zeroed, 16-byte aligned, count 1.
///
/// Every tracked object must be walkable at this call (see "what a host owes" in rcgc.h), and a borrowed
/// pointer survives it only if something held from outside holds its object.
///
/// Ownership: the caller owns the one reference.
/// May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
/// Runs host code: what a collection runs.
/// Fails: null for out of memory; fatal for a pointer that is not a live type, and inside `traverse`.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_new(type_: NonNull<rc_type>) -> *mut c_void {
    if !looks_live(type_.0) {
        return new_checked(type_.0);
    }
    alloc::new(type_.0)
}

/// As `rc_new`, with `n` trailing elements of the type's `tail_size` bytes each, zeroed too (but for `RC_TYPE_UNINIT`).
///
/// Ownership: the caller owns the one reference.
/// May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
/// Runs host code: what a collection runs.
/// Fails: null for out of memory, and for a length whose bytes no heap can hold; fatal for a type without a
/// trailing array (unless `n` is 0), for a pointer that is not a live type, and inside `traverse`.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_new_array(type_: NonNull<rc_type>, n: usize) -> *mut c_void {
    let ty = type_for_new("rc_new_array", type_.0);
    tail_checked("rc_new_array", ty, n);
    alloc::new_array(ty, n)
}

/// The number of trailing elements that `rc_new_array` was given; 0 for other objects.
///
/// Fails: fatal for what is not a live object, and for one of a type with `RC_TYPE_HOST_LENGTH`.
#[no_mangle]
pub unsafe extern "C" fn rc_length(obj: NonNull<c_void>) -> usize {
    let header = checked_held("rc_length", obj.0);
    if header.type_index() == 0 {
        return 0;
    }
    let ty = range::type_at(header.type_index());
    if (*ty).flags.contains(TypeFlags::TAIL) {
        slots::tail_length(obj.0)
    } else if (*ty).flags.contains(TypeFlags::HOST_LENGTH) {
        length_is_the_hosts(obj.0, ty)
    } else {
        0
    }
}

/// Gives the object in a slot another number of trailing elements. `slot` is the address of a pointer to any object type, as
/// for `rc_setref`, and holds the one reference there is to the object.
///
/// As long as its block has room (`rc_room`) the object stays where it is, also where it shrinks. Else it moves to a larger
/// block, and the slot has its new address: weak handles, weak maps whose key it is, external bytes, tracking and what a
/// profile knows of it follow, and no callback runs for the old place; it is young again, not frozen any more, and counts as one
/// object made and one ended. No other pointer to it, borrowed, interior or unreported, may be used any more.
///
/// Elements that are new are zero (but for `RC_TYPE_UNINIT`); they are counted from where a declared field of the trailing array
/// begins, else from the end of the struct, the spec's `size`. References in declared slots of elements that go are released.
/// With `RC_TYPE_HOST_LENGTH` the engine knows no elements: within the block nothing changes, and a move takes all of it along.
///
/// Ownership: the slot goes on holding the one reference; releases what is shrunk off.
/// May collect: yes, where the object moves, under the policy `GC_POLICY_ALLOCATION`.
/// Runs host code: what a collection runs, and the death of what is shrunk off.
/// Fails: RC_ERR_NO_MEMORY, also for a length that no heap can hold; RC_ERR_IN_USE when there are other references to the object,
/// it is immortal, or a callback that ran took a reference or changed the slot; RC_ERR_INVALID when its type has no trailing array, RC_ERR_UNSUPPORTED for a static constant;
/// RC_ERR_REFUSED when it is dying, and where host code may only look (rcgc/heap.h): then the object is as it was. Fatal for a null
/// slot and for one that does not hold a live object.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_resize(slot: NonNull<c_void>, n: usize) -> rc_status {
    if slot.0.is_null() {
        report::fatal(format_args!("rc_resize: the slot is null"));
    }
    let slot = slot.0 as *mut *mut c_void;
    let obj = slot.read_unaligned();
    status(|| {
        let (call, header) = Call::of_heap_object("rc_resize", NonNull(obj))?;
        let ty = object::type_of(obj);
        let name = (*ty).name();
        call.may_change()?;
        if (*ty).tail_size == 0 {
            return call.invalid(format_args!("type {name} has no trailing array (tail_size is 0)"));
        }
        if !object::is_settled(header) {
            return call.refuse(RC_ERR_REFUSED, format_args!("{name} {obj:p} is dying"));
        }
        if header.count_word() == IMMORTAL {
            return call.refuse(RC_ERR_IN_USE, format_args!("{name} {obj:p} is immortal"));
        }
        if header.count_word() != LOCAL_ONE {
            let others = header.count_word().wrapping_sub(LOCAL_ONE);
            return call.refuse(
                RC_ERR_IN_USE,
                format_args!("{name} {obj:p} has {others} references besides the slot's"),
            );
        }
        let _pin = Pin::on(call.heap);
        match resize::resize(slot, n) {
            Ok(()) => Ok(()),
            Err(resize::Refused::NoMemory) => {
                call.refuse(RC_ERR_NO_MEMORY, format_args!("no memory for {name} with {n} elements"))
            }
            Err(resize::Refused::Taken) => call.refuse(
                RC_ERR_IN_USE,
                format_args!("a callback took a reference to {name} {obj:p}, or changed the slot"),
            ),
        }
    })
}

/// How many bytes the object's struct and its trailing elements can have before `rc_resize` moves it: at least `rc_size_of`.
/// With `RC_TYPE_HOST_LENGTH` the host may use all of them, and need not ask.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_room(obj: NonNull<c_void>) -> usize {
    checked("rc_room", obj.0);
    resize::room(obj.0)
}

/// The object's type; null for a static constant (rcgc/static.h).
///
/// Ownership: borrowed.
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_type_of(obj: NonNull<c_void>) -> *mut rc_type {
    match checked_held("rc_type_of", obj.0).type_index() {
        0 => core::ptr::null_mut(),
        index => range::type_at(index),
    }
}

/// The object's heap; null for a static constant.
///
/// Ownership: borrowed.
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_heap_of(obj: NonNull<c_void>) -> *mut gc_heap {
    match checked_held("rc_heap_of", obj.0).type_index() {
        0 => core::ptr::null_mut(),
        index => (*range::type_at(index)).heap,
    }
}

/// The live object that an address lies in, its header's bytes included; null where there is none. For any address, in
/// constant time: a runtime that was given a pointer into an object, or that looks through words which may be pointers.
/// `gc_object_info` has more of it.
///
/// Ownership: borrowed.
/// Fails: null for an address outside all heaps, one in free memory, and one in an object that is dying (`rc_is_dying`).
#[no_mangle]
pub unsafe extern "C" fn rc_object_of(address: *const c_void) -> *mut c_void {
    match object::around(address as usize) {
        (_, Some(obj)) if object::is_settled(header::load(obj)) => obj,
        _ => core::ptr::null_mut(),
    }
}

/// Whether the object's end has come so far that its weak handles read null: from then on, in weak callbacks, `clear` and
/// `destroy`, its own and those of all that ends with it. Before that, in finalizers, it is not dying; and not after a weak
/// callback has brought it back. What a runtime asks before it keeps, queues or hands out an object that it was not given
/// as its own: in `clear` and `destroy` nothing may keep a dying object, which is fatal.
///
/// Fails: fatal for what is not an object, live or dying.
#[no_mangle]
pub unsafe extern "C" fn rc_is_dying(obj: NonNull<c_void>) -> bool {
    !object::is_settled(checked_held("rc_is_dying", obj.0))
}

/// A static constant: made, and told to the library, by `RC_STATIC` (rcgc/static.h). For hosts in other languages: the 8 bytes
/// before the object are its header, the count word 2^31 and zeros above it.
#[repr(C)]
pub struct rc_static {
    /// `sizeof(rc_static)` as the host was compiled.
    pub struct_size: usize,
    /// The constant, aligned to 16 bytes.
    pub object: *mut c_void,
    /// Its bytes.
    pub size: usize,
    /// The name of its type, for messages.
    pub type_name: *const c_char,
    /// Its own name.
    pub name: *const c_char,
    /// The library's.
    pub next: *mut c_void,
}

/// Tells the library of a static constant; `RC_STATIC` does, before main begins. Twice does nothing more.
///
/// Ownership: the constant and what describes it must be static, and stay until `rc_static_remove`.
/// Threads: any.
/// Fails: fatal for one that is not aligned to 16 bytes, and for one without its header before it.
#[no_mangle]
pub unsafe extern "C" fn rc_static_add(constant: NonNull<rc_static>) {
    const CALL: &str = "rc_static_add";
    if constant.0.is_null() {
        report::fatal(format_args!("{CALL}: the constant is null"));
    }
    if let Err(wrong) = statics::add(constant.0 as *mut Static) {
        let (name, object) = (CText((*constant.0).name), (*constant.0).object);
        match wrong {
            Wrong::Unaligned => {
                report::fatal(format_args!("{CALL}: {name} at {object:p} is not aligned to 16 bytes"))
            }
            Wrong::NoHeader => report::fatal(format_args!(
                "{CALL}: what lies before {name} at {object:p} is not its header: the compiler or the linker moved one of them"
            )),
        }
    }
}

/// The library forgets a static constant, whose shared object is unloaded. One that it does not know is nothing.
///
/// Ownership: nothing may hold the constant any more.
/// Threads: any, and no other is in a heap whose objects held it.
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn rc_static_remove(constant: NonNull<rc_static>) {
    statics::remove(constant.0 as *mut Static)
}

/// The bytes the host asked for: the struct and its trailing elements, without header and rounding. With
/// `RC_TYPE_HOST_LENGTH` those that there are, `rc_room`.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_size_of(obj: NonNull<c_void>) -> usize {
    match checked_held("rc_size_of", obj.0).type_index() {
        0 => statics::find(obj.0).map_or(0, |entry| entry.size),
        _ => object::size_of_object(obj.0),
    }
}

/// Makes the object immortal: it never dies by count nor by collection, is a root of its heap, and counting
/// it costs neither a call nor a store. For `nil`, `true`, interned strings. There is no way back but
/// `gc_heap_free`.
///
/// Ownership: the caller's reference stays valid for ever and need not be released.
/// Fails: fatal for what is not a live object, for one that is dying, and where host code may only look (rcgc/heap.h).
#[no_mangle]
pub unsafe extern "C" fn rc_immortalize(obj: NonNull<c_void>) {
    if object::is_static(obj.0) {
        return;
    }
    let (call, header) = Call::of_object("rc_immortalize", obj);
    if !object::is_settled(header) {
        report::fatal(format_args!(
            "rc_immortalize: {} {:p} is dying{}",
            (*object::type_of(obj.0)).name(),
            obj.0,
            object::particulars::of(obj.0)
        ));
    }
    call.must_not_look();
    object::immortalize(obj.0)
}

/// Counts `bytes` more (or fewer) that the object keeps elsewhere: an image, a buffer, a file
/// mapping. They count for the triggers of automatic collection and in reports, and count no more when
/// the object dies.
///
/// May collect: no; a trigger that this crosses takes effect at the next `rc_new`.
/// Fails: RC_ERR_INVALID when an object's total would fall below 0 or leave 63 bits, RC_ERR_NO_MEMORY,
/// RC_ERR_UNSUPPORTED for a static constant; fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_add_external_bytes(obj: NonNull<c_void>, bytes: isize) -> rc_status {
    status(|| {
        let (call, _) = Call::of_heap_object("rc_add_external_bytes", obj)?;
        let heap = &mut *call.heap;
        match heap.external.add(range::granule_of(obj.0), bytes as i64) {
            Ok(0) if profile::of(heap).is_null() => header::clear_flags(obj.0, Flags::SIDE),
            Ok(_) => {
                header::set_flags(obj.0, Flags::SIDE);
                birth::external_changed(heap, obj.0, bytes as i64);
            }
            Err(why) => {
                let (status, why) = match why {
                    Refused::OutOfRange => {
                        (RC_ERR_INVALID, "its external bytes would fall below 0 or leave 63 bits")
                    }
                    Refused::NoMemory => (RC_ERR_NO_MEMORY, "no memory"),
                };
                let name = (*object::type_of(obj.0)).name();
                return call.refuse(status, format_args!("{name} {:p}: {why}", obj.0));
            }
        }
        if bytes > 0 {
            heap.spend(bytes as u64);
        }
        Ok(())
    })
}

/// What `rc_new` does for a type that looks wrong. It could return, for all the compiler knows, so that calling it is a
/// jump and the common path needs no stack.
#[cold]
#[inline(never)]
unsafe fn new_checked(ty: *mut rc_type) -> *mut c_void {
    alloc::new(type_checked("rc_new", ty))
}

/// Trailing elements for a type that has none are fatal.
#[cold]
#[inline(never)]
unsafe fn length_is_the_hosts(obj: *mut c_void, ty: *mut rc_type) -> ! {
    report::fatal(format_args!(
        "rc_length: the length of {} {obj:p} is known to its host alone (RC_TYPE_HOST_LENGTH){}",
        (*ty).name(),
        object::particulars::of(obj)
    ))
}

#[inline(always)]
pub(super) unsafe fn tail_checked(call: &str, ty: *mut rc_type, n: usize) {
    if n != 0 && (*ty).tail_size == 0 {
        has_no_tail(call, ty, n);
    }
}

#[cold]
#[inline(never)]
unsafe fn has_no_tail(call: &str, ty: *mut rc_type, n: usize) -> ! {
    report::fatal(format_args!(
        "{call}: {n} trailing elements for type {}, which has none (tail_size is 0)",
        (*ty).name()
    ))
}
