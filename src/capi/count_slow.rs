//! The out-of-line halves of `rcgc/inline.h`, which declares them. Not an area of its own: no header comes
//! from this file.

use crate::life::count;
use core::ffi::c_void;

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
