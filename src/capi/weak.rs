//! `rcgc/weak.h`: weak handles, which refer to an object without keeping it alive.

use super::boundary::{Call, NonNull};
use crate::base::report;
use crate::life::weak;
/// A weak handle: leads to an object as long as that lives, and to null afterwards. `rc_weak_new` makes one, and whoever
/// made it ends it with `rc_weak_free`, also after the heap; one in a slot of `RC_FIELD_WEAK` the engine ends with its
/// holder. It is used where the heap of its object may be.
use crate::life::weak::Weak as rc_weak;
use crate::object::checked_held;
use core::ffi::c_void;

/// Called once when the handle's target has died, after every handle of everything that dies with it reads
/// null and before anything of that is released. `handle` is the one, which it may free.
pub type rc_weak_fn = Option<unsafe extern "C" fn(handle: *mut rc_weak, ctx: *mut c_void)>;

/// Makes a handle to an object. `callback` may be null.
///
/// All handles of one object share a cell, so making, clearing and freeing one costs the same however many
/// there are. On an object whose handles read null at that moment (see `rc_weak_get`) the new one reads null too, for good,
/// and its callback does not run.
///
/// Ownership: the caller owns the handle, not the object; `rc_weak_free` ends it, or the death of the
/// object whose `RC_FIELD_WEAK` holds it.
/// Fails: null for out of memory, and for a static constant, which no handle can outlive; fatal for what is not an object.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_weak_new(
    obj: NonNull<c_void>,
    callback: rc_weak_fn,
    ctx: *mut c_void,
) -> *mut rc_weak {
    let Ok((call, _)) = Call::of_heap_object("rc_weak_new", obj) else { return core::ptr::null_mut() };
    let handle = weak::new(obj.0, callback, ctx);
    if handle.is_null() {
        call.say(format_args!(
            "no memory, or the process has as many weak handles as it can: {}",
            weak::handles_max()
        ));
    }
    handle
}

/// The handle's target, or null when that has died. Works on when the heap is gone, and gives null.
///
/// | the target                                                   | the handle gives |
/// |--------------------------------------------------------------|------------------|
/// | lives, in a ring that nobody refers to as well; is immortal  | it               |
/// | has lost its last reference and waits for its turn to end    | null             |
/// | waits in the queue of a heap with GC_FINALIZERS_QUEUED       | it               |
/// | is in its finalizer, or one that was found dead with it is   | it               |
/// | was brought back by a finalizer                              | it               |
/// | is past that: weak callbacks, `clear`, `destroy`             | null             |
/// | was brought back by a weak callback, saved by SAVEALL        | null [1]         |
/// | has ended, or its heap has                                   | null             |
///
/// It turns null for all handles of all that ends together at one moment. What was given before that is an owned reference:
/// kept, it brings the target back. [1]: for good; a handle that is made then works.
///
/// Ownership: the caller owns the returned reference.
/// Fails: fatal for a handle that is null.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_weak_get(handle: NonNull<rc_weak>) -> *mut c_void {
    weak::get(handle_checked("rc_weak_get", handle.0))
}

/// Ends a handle; a callback that has not run by then does not run. Null does nothing.
///
/// Ownership: takes the handle.
/// Fails: fatal for a handle that was freed before, as long as its memory was not handed out again.
#[no_mangle]
pub unsafe extern "C" fn rc_weak_free(handle: *mut rc_weak) {
    if !handle.is_null() {
        weak::free(handle_checked("rc_weak_free", handle));
    }
}

/// How many handles of the object were made and not freed, other than those that read null for good.
///
/// Fails: fatal for what is not an object.
#[no_mangle]
pub unsafe extern "C" fn rc_weak_count(obj: NonNull<c_void>) -> u32 {
    match checked_held("rc_weak_count", obj.0).type_index() {
        0 => 0,
        _ => weak::count_of(obj.0),
    }
}

#[inline(always)]
unsafe fn handle_checked(call: &str, handle: *mut rc_weak) -> *mut rc_weak {
    if !weak::is_handle(handle) {
        not_a_handle(call, handle);
    }
    handle
}

#[cold]
#[inline(never)]
fn not_a_handle(call: &str, handle: *mut rc_weak) -> ! {
    report::fatal(format_args!("{call}: {handle:p} is not a live weak handle: freed before, or never one"))
}
