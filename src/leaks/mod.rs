//! Finding what is held too long: references that are followed one by one, objects that should be dead, functions
//! that leave something behind each time. None of it needs a profile; with one, messages name the sites.
//!
//! | file | subject |
//! |---|---|
//! | this | what one heap has of it |
//! | `holds` | references with a tag and a site, each released by its token |
//! | `expected` | objects that are expected to be dead |
//! | `hunt` | a function run again and again, and what it leaves behind |

use crate::heap::Heap;
use crate::observe::{Notice, Seat, Wants};
use crate::sys;
use core::ffi::c_void;
use expected::Expected;
use holds::Holds;

pub mod expected;
pub mod holds;
pub mod hunt;

/// What one heap has of it. Zeroed memory is nothing.
pub struct Leaks {
    /// References that are followed.
    pub holds: Holds,
    /// Objects that are expected to be dead.
    pub expected: Expected,
}

/// What a heap has; null: nothing.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn of(heap: *mut Heap) -> *mut Leaks {
    (*heap).observers.state(Seat::Leaks) as *mut Leaks
}

/// What a heap has, made if there is none. Null for out of memory.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn made_for(heap: *mut Heap) -> *mut Leaks {
    if of(heap).is_null() {
        let leaks = sys::allocate(size_of::<Leaks>()) as *mut Leaks;
        if !leaks.is_null() {
            (*heap).observers.sit(Seat::Leaks, leaks as *mut c_void, hear, Wants::SWEPT | Wants::GONE);
        }
    }
    of(heap)
}

unsafe fn hear(heap: *mut Heap, notice: Notice) {
    match notice {
        Notice::Swept => report_end(heap),
        Notice::Gone => end(heap),
        _ => {}
    }
}

/// The heap is about to end: says what was not released, and what is not dead that should be.
unsafe fn report_end(heap: *mut Heap) {
    holds::report(heap);
    expected::check(heap, false);
}

/// The heap ends.
unsafe fn end(heap: *mut Heap) {
    let leaks = (*heap).observers.leave(Seat::Leaks) as *mut Leaks;
    (*leaks).holds.end();
    (*leaks).expected.end();
    sys::free(leaks as *mut u8);
}
