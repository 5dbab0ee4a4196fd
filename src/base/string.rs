//! Texts of the host's that the engine keeps.

use crate::sys;
use core::ffi::{c_char, CStr};
use core::ptr;

/// A copy of a text of the host's, null of null. None for out of memory.
///
/// # Safety
/// - `text` is null or a C string.
pub unsafe fn copy(text: *const c_char) -> Option<*const c_char> {
    if text.is_null() {
        return Some(text);
    }
    let bytes = CStr::from_ptr(text).to_bytes_with_nul();
    let copy = sys::allocate_raw(bytes.len());
    if copy.is_null() {
        return None;
    }
    ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
    Some(copy as *const c_char)
}
