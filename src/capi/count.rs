//! `rcgc/count.h`: the count operations as exported functions, with the semantics of `rcgc/inline.h`, for
//! hosts that cannot include C and for programs built with `RCGC_NO_INLINE`. They check what the inline
//! ones cannot: null and foreign pointers.

use super::boundary::{self, NonNull};
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
    boundary::incref(obj)
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
    boundary::decref(obj)
}

/// As `rc_incref`; null does nothing.
///
/// Ownership: the caller owns one reference more.
/// Fails: as `rc_incref`.
#[no_mangle]
pub unsafe extern "C" fn rc_xincref(obj: *mut c_void) {
    boundary::xincref(obj)
}

/// As `rc_decref`; null does nothing.
///
/// Ownership: takes one reference.
/// Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
/// Fails: as `rc_decref`.
#[no_mangle]
pub unsafe extern "C" fn rc_xdecref(obj: *mut c_void) {
    boundary::xdecref(obj)
}

/// Adds a reference and returns the object.
///
/// Ownership: the caller owns the returned reference.
/// Fails: as `rc_incref`.
#[no_mangle]
pub unsafe extern "C" fn rc_newref(obj: NonNull<c_void>) -> *mut c_void {
    boundary::newref(obj)
}

/// Stores a reference (or null) in the slot and releases what was there, last. `slot` is the address of a
/// pointer to any object type.
///
/// Ownership: the slot takes `obj`; what was there is released.
/// Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
/// Fails: as `rc_decref`.
#[no_mangle]
pub unsafe extern "C" fn rc_setref(slot: NonNull<c_void>, obj: *mut c_void) {
    boundary::setref(slot, obj)
}

/// Nulls the slot and releases what was there, last.
///
/// Ownership: what was there is released.
/// Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
/// Fails: as `rc_decref`.
#[no_mangle]
pub unsafe extern "C" fn rc_clear(slot: NonNull<c_void>) {
    boundary::setref(slot, core::ptr::null_mut())
}

/// The number of references; `UINT32_MAX` for an immortal object.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_count(obj: NonNull<c_void>) -> u32 {
    boundary::count(obj)
}

/// Whether the caller's reference is the only one.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_is_unique(obj: NonNull<c_void>) -> bool {
    boundary::count(obj) == 1
}

/// Whether the object never dies by count.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn rc_is_immortal(obj: NonNull<c_void>) -> bool {
    boundary::count(obj) == u32::MAX
}
