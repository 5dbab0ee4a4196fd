//! Where a ring may just have lost its owner: objects that a dying one let go of and that live on.
//!
//! Hosts release inline, so most releases are not seen. But the engine itself releases what a dying object referred to,
//! and when the owner of a ring dies by its count (a document, a session, a table), its targets are exactly the objects
//! to look at. Each is listed once, under the flag [`HINT`](Flags::HINT), until the next collection near a death
//! (`cycle/near.rs`) judges what they reach. What dies with its owner is never listed, so trees and chains pay nothing.
//!
//! **Who let go of it** says much of what is found: what a table lets go of when it dies may be a ring, what a replaced
//! member of a living graph lets go of is that graph. So an entry keeps the type of the dying object, and types whose
//! hints are found alive wait, up to [`PATIENCE_MAX`] looks, while those of others are worth the looks ([`Credit`]).
//!
//! The list holds no references: an entry may be dead by the time it is read, or its block be another object's, so
//! whoever reads it asks again. Beyond [`HINTS_MAX`] entries, and without memory for the list, objects get the flag
//! alone, for good: it spares further questions, and what they come to is left to full collections. (Suspects are an idea of Bacon and Rajan, ECOOP 2001; theirs are all
//! decremented objects.)

use crate::base::list::List;
use crate::base::promised;
use crate::header::{self, Flags, LINK_GRANULES, TYPE_BITS};
use crate::heap::Heap;
use crate::memory::range;
use crate::object;
use crate::types::Type;
use core::ffi::c_void;

/// Most entries of a list.
pub const HINTS_MAX: usize = if cfg!(feature = "check") { 64 } else { 64 << 10 };

/// The hints of one heap. Zeroed memory has none.
#[repr(C)]
pub struct Hints {
    /// What was listed.
    pub list: List<Hint>,
    /// Between the verdict and the end of the dead: these.
    pub dead: List<*mut c_void>,
    /// How many looks there were.
    pub looks: u64,
}

impl Hints {
    /// Gives the memory back.
    pub fn end(&mut self) {
        self.list.end();
        self.dead.end();
    }
}

/// One entry: where the object was when it was listed, and the type of what let go of it, which tells how much is to be
/// expected. The granule in the low bits, above it the type's index, 0 for none that the heap has.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Hint(u64);

const GRANULE_BITS: u32 = LINK_GRANULES.trailing_zeros();
static_assertions::const_assert!(GRANULE_BITS + TYPE_BITS <= 64);

impl Hint {
    /// An entry that leads nowhere.
    pub const NONE: Self = Hint(0);

    /// Where the object was.
    pub fn object(self) -> *mut c_void {
        range::address_of(self.0 & (LINK_GRANULES - 1))
    }

    /// The index of the type.
    pub fn by(self) -> usize {
        (self.0 >> GRANULE_BITS) as usize
    }
}

/// What became of the objects that a type's objects let go of. Zeroed memory knows nothing.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Credit {
    /// Judged since the last reckoning.
    judged: u32,
    /// Of these, dead.
    dead: u32,
    /// Looks to leave out after the next one that is for nothing.
    patience: u32,
    /// Hints of the type are left out before this look.
    next: u64,
}

/// So many must have been judged before anything is made of it.
const JUDGED_MIN: u32 = if cfg!(feature = "check") { 8 } else { 64 };
/// A type is worth a look if one in so many was dead.
const WORTH: u64 = 10;
/// Most looks that are left out at once.
const PATIENCE_MAX: u32 = 16;

impl Credit {
    /// Whether its hints are to be judged in this look.
    pub fn is_due(&self, look: u64) -> bool {
        look >= self.next
    }

    /// One of its hints was judged.
    pub fn add(&mut self, dead: bool) {
        self.judged = self.judged.saturating_add(1);
        self.dead = self.dead.saturating_add(dead as u32);
    }

    /// Reckons up after a look.
    pub fn settle(&mut self, look: u64) {
        if self.judged < JUDGED_MIN {
            return;
        }
        let worth = self.dead as u64 * WORTH >= self.judged as u64;
        self.patience = if worth { 0 } else { (2 * self.patience).clamp(1, PATIENCE_MAX) };
        self.next = look + 1 + self.patience as u64;
        (self.judged, self.dead) = (0, 0);
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

/// A dying object of a type, or nobody in particular, let go of `obj`, which lives on.
///
/// # Safety
/// - `obj` is an object; only the threads of both heaps are in them.
#[inline(always)]
pub unsafe fn let_go(obj: *mut c_void, by: impl FnOnce() -> *const Type) {
    if is_news(obj) {
        note(obj, by());
    }
}

#[cold]
#[inline(never)]
unsafe fn note(obj: *mut c_void, by: *const Type) {
    let heap: *mut Heap = (*object::type_of(obj)).heap;
    header::set_flags(obj, Flags::HINT);
    promised!(range::granule_of(obj) < LINK_GRANULES);
    // Of another heap's types nothing is kept, which its thread would have to read.
    let index = if !by.is_null() && (*by).heap == heap { (*by).index as u64 } else { 0 };
    let hint = Hint(range::granule_of(obj) | index << GRANULE_BITS);
    let list = &mut (*heap).hints.list;
    if list.len() < HINTS_MAX && list.push(hint) && !(*heap).pace.hinted {
        (*heap).budget = (*heap).pace.bring_near((*heap).budget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_whose_hints_are_for_nothing_waits_longer_and_longer_and_comes_back() {
        let mut credit = Credit::default();
        let (mut look, mut waits) = (0, 0);
        for expected in [1, 2, 4, 8, 16, 16] {
            assert!(credit.is_due(look));
            (0..JUDGED_MIN).for_each(|_| credit.add(false));
            credit.settle(look);
            waits = 0;
            look += 1;
            while !credit.is_due(look) {
                (look, waits) = (look + 1, waits + 1);
            }
            assert_eq!(waits, expected);
        }
        (0..JUDGED_MIN).for_each(|number| credit.add(number % 8 == 0));
        credit.settle(look);
        assert!(credit.is_due(look + 1), "one in eight is worth a look, after {waits} left out");
    }

    #[test]
    fn a_few_hints_say_nothing() {
        let mut credit = Credit::default();
        (1..JUDGED_MIN).for_each(|_| credit.add(false));
        credit.settle(7);
        assert!(credit.is_due(8));
        credit.add(false);
        credit.settle(8);
        assert!(!credit.is_due(9), "what was judged before counts");
    }
}
