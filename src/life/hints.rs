//! Where a ring may just have lost its owner: objects that a dying one let go of and that live on.
//!
//! Hosts release inline, so most releases are not seen. But the engine itself releases what a dying object referred to,
//! and when the owner of a ring dies by its count (a document, a session, a table), its targets are exactly the objects
//! to look at. Each is listed once, under the flag [`HINT`](Flags::HINT), until the next collection near a death
//! (`cycle/near.rs`) judges what they reach. What dies with its owner is never listed, so trees and chains pay nothing.
//!
//! The list holds no references: an entry may be dead by the time it is read, or its block be another object's, so
//! whoever reads it asks again. Beyond [`HINTS_MAX`] entries, and without memory for the list, objects get the flag
//! alone, for good: it spares further questions, and what they come to is left to full collections. (Suspects are an idea of Bacon and Rajan, ECOOP 2001; theirs are all
//! decremented objects.)

use crate::base::list::List;
use crate::header::{self, Flags};
use crate::heap::Heap;
use crate::object;
use core::ffi::c_void;

/// Most entries of a list.
pub const HINTS_MAX: usize = if cfg!(feature = "check") { 64 } else { 64 << 10 };

/// The hints of one heap. Zeroed memory has none.
#[repr(C)]
pub struct Hints {
    /// Addresses of objects when they were listed.
    pub list: List<*mut c_void>,
    /// Between the verdict and the end of the dead: these.
    pub dead: List<*mut c_void>,
}

impl Hints {
    /// Gives the memory back.
    pub fn end(&mut self) {
        self.list.end();
        self.dead.end();
    }
}

/// Whether an object that was let go of and lives on is to be noted: not what the engine itself holds because it is on its
/// way out.
///
/// # Safety
/// - `obj` is an object.
#[inline(always)]
pub unsafe fn is_news(obj: *mut c_void) -> bool {
    // Two tests, so that no constant takes a register in loops that seldom come here.
    let high = header::high_word(obj);
    high & Flags::TRACKED.bits() != 0 && high & (Flags::HINT.bits() | header::HOLD_FLAGS) == 0
}

/// A dying object let go of `obj`, which lives on.
///
/// # Safety
/// - `obj` is an object; only the threads of both heaps are in them.
#[inline(always)]
pub unsafe fn let_go(obj: *mut c_void) {
    if is_news(obj) {
        note(obj);
    }
}

#[cold]
#[inline(never)]
unsafe fn note(obj: *mut c_void) {
    let heap: *mut Heap = (*object::type_of(obj)).heap;
    header::set_flags(obj, Flags::HINT);
    let list = &mut (*heap).hints.list;
    if list.len() < HINTS_MAX && list.push(obj) && !(*heap).pace.hinted {
        (*heap).budget = (*heap).pace.bring_near((*heap).budget);
    }
}
