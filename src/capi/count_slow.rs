//! The out-of-line halves of `rcgc/inline.h` and `rcgc/steps.h`, which declare them. Not an area of its own: no header comes
//! from this file.

use super::boundary::Call;
use crate::header::Flags;
use crate::heap::Heap as gc_heap;
use crate::life::count;
use crate::life::scope;
use core::ffi::c_void;

/// What `rc_is_dying` asks of a live or dying object, as a bit of the 4 bytes before it: for Rust hosts that ask inline.
pub const DYING_BIT: u32 = Flags::DYING.bits();
/// What `gc_is_tracked` asks, likewise.
pub const TRACKED_BIT: u32 = Flags::TRACKED.bits();

/// `rc_incref` of what is neither local nor immortal.
#[no_mangle]
pub unsafe extern "C" fn rc_incref_slow(obj: *mut c_void) {
    count::incref_slow(obj)
}

/// `rc_decref` of what is neither local with a count above 1 nor immortal.
#[no_mangle]
pub unsafe extern "C" fn rc_decref_slow(obj: *mut c_void) {
    count::decref_slow(obj)
}

/// `rc_count` of what is not local.
#[no_mangle]
pub unsafe extern "C" fn rc_count_slow(obj: *mut c_void) -> u32 {
    count::count_slow(obj)
}

/// The rest of an `rc_scope_leave` that has released what the scope kept, and found what it does not know.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_leave_rest(heap: *mut gc_heap, mark: u64) {
    if let Ok(call) = Call::on("rc_scope_leave", heap) {
        scope::leave_rest(call.heap, mark);
    }
}
