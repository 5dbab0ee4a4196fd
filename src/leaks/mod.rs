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
use crate::sys;
use core::ptr;
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

/// What a heap has, made if there is none. Null for out of memory.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn of(heap: *mut Heap) -> *mut Leaks {
    if (*heap).leaks.is_null() {
        (*heap).leaks = sys::allocate(size_of::<Leaks>()) as *mut Leaks;
    }
    (*heap).leaks
}

/// The heap is about to end: says what was not released, and what is not dead that should be.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn report_end(heap: *mut Heap) {
    if !(*heap).leaks.is_null() {
        holds::report(heap);
        expected::check(heap, false);
    }
}

/// The heap ends.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn end(heap: *mut Heap) {
    let leaks = core::mem::replace(&mut (*heap).leaks, ptr::null_mut());
    if !leaks.is_null() {
        (*leaks).holds.end();
        (*leaks).expected.end();
        sys::free(leaks as *mut u8);
    }
}
