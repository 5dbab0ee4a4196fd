//! What a fatal line of a heap at the checking level says beside what is wrong: where the object was made, if the heap is
//! profiled by sites, and which thread called.

use crate::memory::range;
use crate::sys;
use core::ffi::c_void;
use core::fmt;

/// Behind a sentence about an object; nothing at the level `fast`.
pub struct Particulars(*mut c_void);

/// Of the object, alive or dead, at an address.
pub fn of(obj: *mut c_void) -> Particulars {
    Particulars(obj)
}

impl fmt::Display for Particulars {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.0 as usize;
        if range::committed_offset(address).is_none() {
            return Ok(());
        }
        // SAFETY: the address lies in a committed segment; who calls is the thread of its heap, or breaks that rule and is
        // about to end.
        unsafe {
            let heap = super::epitaph::heap_of(range::page_of(address));
            if heap.is_null() || !(*heap).is_live() || !((*heap).is_checked || cfg!(feature = "check")) {
                return Ok(());
            }
            out.write_str(" (")?;
            if let Some(origin) = (*heap).observers.origin {
                if origin(self.0, out)? {
                    out.write_str(", ")?;
                }
            }
            write!(out, "thread {})", sys::thread::number())
        }
    }
}
