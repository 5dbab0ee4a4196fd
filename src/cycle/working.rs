//! Working counts: one 16-bit number a granule, beside the objects.
//!
//! | value | the object that begins in the granule |
//! |---|---|
//! | 0 | is not suspected: not in the set, or known to be alive. All of the table, outside a collection |
//! | 1 + n, n <= 0x7fff | has the working count n |
//! | 0x8001 + n, n <= 0x7ffd | has the working count 0x7ffe * h + n, where h >= 1 is in [`Large`] |
//! | 0xffff | fell below zero: alive whatever comes, and to be reported |
//!
//! So one 16-bit word answers "is it in the set", "what is left of its count" and, once marking has set it
//! to 0, "is it marked"; a subtraction touches one word at a random place and nothing else, and `Large` is
//! looked up once in 32,766 subtractions.

use crate::base::promised;
use crate::base::table::{Entry, Table};
use crate::memory::range::{self, RANGE};
use core::ffi::c_void;

/// Not suspected.
pub const CLEAR: u16 = 0;
/// In the set, and nothing outside the set is known to refer to it.
pub const ZERO: u16 = 1;
/// Marked for another sweep: the mark worklist was full. Reads as "something outside refers to it".
pub const AGAIN: u16 = 2;
/// Below zero.
pub const BELOW_ZERO: u16 = 0xffff;
/// Stands for a large count until [`Large`] has been made.
pub const TO_BE_LARGE: u16 = 0xfffe;

/// Where an object's working count is.
///
/// # Safety
/// - `obj` is a block of the range.
#[inline(always)]
pub unsafe fn work(obj: *mut c_void) -> *mut u16 {
    RANGE.work.add(range::granule_of(obj) as usize)
}

/// The largest count without an entry in [`Large`].
pub const SMALL_MAX: u32 = 0x7fff;
const LARGE_ZERO: u16 = 0x8001;
const LARGE_STEP: u32 = 0x7ffe;

/// The high parts of counts above [`SMALL_MAX`]: a table that is sized before
/// judging begins.
pub struct Large {
    entries: Table<High>,
}

/// The high part of one count.
#[derive(Clone, Copy)]
struct High {
    granule: u64,
    steps: u32,
}

impl Entry for High {
    fn key(&self) -> u64 {
        self.granule
    }
}

impl Large {
    /// No table, for a collection without large counts.
    pub const fn none() -> Self {
        Large { entries: Table::new() }
    }

    /// Room for `count` objects. None for out of memory.
    pub fn with_room(count: usize) -> Option<Self> {
        let mut entries = Table::new();
        entries.reserve(count).then_some(Large { entries })
    }

    /// Enters a count above [`SMALL_MAX`] and gives its working count.
    ///
    /// # Safety
    /// - There is room, and the granule has no entry.
    pub unsafe fn enter(&mut self, granule: u64, count: u32) -> u16 {
        let fits = self.entries.put(High { granule, steps: count / LARGE_STEP });
        promised!(fits);
        LARGE_ZERO + (count % LARGE_STEP) as u16
    }

    /// Takes one from a working count whose low part is used up.
    unsafe fn borrow(&mut self, granule: u64) -> u16 {
        match self.entries.get_mut(granule) {
            Some(entry) if entry.steps > 1 => {
                entry.steps -= 1;
                LARGE_ZERO + (LARGE_STEP - 1) as u16
            }
            // LARGE_STEP - 1 is left, which is small.
            _ => LARGE_STEP as u16,
        }
    }

    /// The whole of a working count: what the tests hold the counts against.
    ///
    /// # Safety
    /// - `value` is that of a suspected object that has not fallen below zero.
    #[cfg(test)]
    unsafe fn count(&self, granule: u64, value: u16) -> u32 {
        if value < LARGE_ZERO {
            value as u32 - 1
        } else {
            self.entries.get(granule).map_or(0, |entry| entry.steps) * LARGE_STEP
                + (value - LARGE_ZERO) as u32
        }
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.entries.end();
    }
}

/// What a count not above [`SMALL_MAX`] is written as.
#[inline(always)]
pub const fn small(count: u32) -> u16 {
    count as u16 + 1
}

/// What is left of a working count after one edge; the common case is in the caller.
///
/// # Safety
/// - `value` is what the table holds for the granule, and not 0.
#[cold]
#[inline(never)]
pub unsafe fn subtract_slow(large: &mut Large, granule: u64, value: u16) -> u16 {
    promised!(value != CLEAR);
    match value {
        ZERO | BELOW_ZERO => BELOW_ZERO,
        LARGE_ZERO => large.borrow(granule),
        more => more - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_exact_down_to_below_zero() {
        for count in
            [0, 1, SMALL_MAX, SMALL_MAX + 1, 0x7ffe * 2, 0x7ffe * 2 + 1, 65_535, 65_536, 70_000, 1 << 20]
        {
            // SAFETY: one entry in a table with room for one.
            unsafe {
                let mut large = Large::with_room(1).unwrap_or(Large::none());
                let mut value = if count <= SMALL_MAX { small(count) } else { large.enter(5, count) };
                for left in (0..count).rev() {
                    assert_eq!(large.count(5, value), left + 1);
                    value = subtract_slow(&mut large, 5, value);
                    assert!(value != CLEAR && value != BELOW_ZERO);
                }
                assert_eq!(value, ZERO);
                value = subtract_slow(&mut large, 5, value);
                assert_eq!(value, BELOW_ZERO);
                assert_eq!(subtract_slow(&mut large, 5, value), BELOW_ZERO);
            }
        }
    }
}
