//! `rcgc/count.h`: the count operations as exported functions, with the semantics of `rcgc/inline.h`, for
//! hosts that cannot include C and for programs built with `RCGC_NO_INLINE`. They check what the inline
//! ones cannot: null and foreign pointers.

use super::boundary::NonNull;
use crate::base::report;
use crate::header::{IMMORTAL, LOCAL};
use crate::life::count;
use crate::object::{self, checked_held};
use core::ffi::c_void;

/// Adds a reference.
///
/// A count that would overflow makes the object immortal; it never wraps. Counting an immortal object
/// stores nothing.
///
/// Ownership: the caller owns one reference more.
/// Threads: the heap's; any thread for immortal objects.
/// Fails: fatal for a dead object, as long as its memory was not handed out again; here also for null and
/// foreign pointers, and those into an object.
#[no_mangle]
pub unsafe extern "C" fn rc_incref(obj: NonNull<c_void>) {
    incref("rc_incref", obj.0)
}

/// Releases a reference. With the last one the object, and all that only it kept alive, dies before this
/// returns, without recursion, whatever the depth. Sixteen callbacks deep it dies when the innermost of them
/// has returned (`rc_object_fn` in rcgc/type.h).
///
/// Ownership: takes one reference.
/// Threads: the heap's; any thread for immortal objects.
/// Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
/// Fails: fatal for a dead object, as long as its memory was not handed out again, and for one reference
/// too many on a dying one; here also for null and foreign pointers, and those into an object.
#[no_mangle]
pub unsafe extern "C" fn rc_decref(obj: NonNull<c_void>) {
    decref("rc_decref", obj.0)
}

/// As `rc_incref`; null does nothing.
///
/// Ownership: the caller owns one reference more.
/// Fails: as `rc_incref`.
#[no_mangle]
pub unsafe extern "C" fn rc_xincref(obj: *mut c_void) {
    if !obj.is_null() {
        incref("rc_xincref", obj)
    }
}

/// As `rc_decref`; null does nothing.
///
/// Ownership: takes one reference.
/// Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
/// Fails: as `rc_decref`.
#[no_mangle]
pub unsafe extern "C" fn rc_xdecref(obj: *mut c_void) {
    if !obj.is_null() {
        decref("rc_xdecref", obj)
    }
}

/// Adds a reference and returns the object.
///
/// Ownership: the caller owns the returned reference.
/// Fails: as `rc_incref`.
#[no_mangle]
pub unsafe extern "C" fn rc_newref(obj: NonNull<c_void>) -> *mut c_void {
    incref("rc_newref", obj.0);
    obj.0
}

/// Stores a reference (or null) in the slot and releases what was there, last. `slot` is the address of a
/// pointer to any object type.
///
/// Ownership: the slot takes `obj`; what was there is released.
/// Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
/// Fails: as `rc_decref`.
#[no_mangle]
pub unsafe extern "C" fn rc_setref(slot: NonNull<c_void>, obj: *mut c_void) {
    if slot.0.is_null() {
        report::fatal(format_args!("rc_setref: the slot is null"));
    }
    if !obj.is_null() {
        checked_held("rc_setref", obj);
    }
    let old = (slot.0 as *mut *mut c_void).read_unaligned();
    (slot.0 as *mut *mut c_void).write_unaligned(obj);
    rc_xdecref(old);
}

/// Nulls the slot and releases what was there, last.
///
/// Ownership: what was there is released.
/// Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
/// Fails: as `rc_decref`.
#[no_mangle]
pub unsafe extern "C" fn rc_clear(slot: NonNull<c_void>) {
    rc_setref(slot, core::ptr::null_mut())
}

/// The number of references; `UINT32_MAX` for an immortal object.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_count(obj: NonNull<c_void>) -> u32 {
    match checked_held("rc_count", obj.0).count_word() {
        IMMORTAL => u32::MAX,
        word if word & LOCAL != 0 => word - LOCAL,
        _ => count::count_slow(obj.0),
    }
}

/// Whether the caller's reference is the only one.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_is_unique(obj: NonNull<c_void>) -> bool {
    rc_count(obj) == 1
}

/// Whether the object never dies by count.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_is_immortal(obj: NonNull<c_void>) -> bool {
    rc_count(obj) == u32::MAX
}

/// The exported twins look whether a block begins at the address, so that null, foreign and interior pointers are
/// reported instead of followed; the dead are found by their count words.
#[inline(always)]
unsafe fn incref(call: &'static str, obj: *mut c_void) {
    if !object::is_block(obj) {
        return not_a_block(call, obj);
    }
    count::incref(obj)
}

/// As [`incref`].
#[inline(always)]
unsafe fn decref(call: &'static str, obj: *mut c_void) {
    if !object::is_block(obj) {
        return not_a_block(call, obj);
    }
    count::decref(obj)
}

/// It is a static constant, which nobody counts, or fatal.
#[cold]
#[inline(never)]
unsafe fn not_a_block(call: &'static str, obj: *mut c_void) {
    checked_held(call, obj);
}
