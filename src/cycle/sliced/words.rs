//! The table of a sliced run: one 32-bit word a granule, beside the objects, in memory of the run's own. So whatever else
//! judges in between uses the working counts of the range (`cycle/working.rs`), and neither disturbs the other.
//!
//! | word | the object that begins in the granule |
//! |---|---|
//! | [`CLEAR`] | is not suspected: not in the set, known to be alive, or no object |
//! | [`ZERO`] + n | has the working count n, n <= 2^30 |
//! | [`BELOW_ZERO`] | had more edges than count, since the host moved references in between: alive, as far as this round goes |
//! | [`ON_STACK`] + n | is suspected, and the n-th on the stack of open components |
//! | [`DONE`] | is suspected, and its component is known |
//! | about [`BASE`] | is in the piece that is confirmed: count less edges from inside, `BASE` for none left |
//! | [`DEAD`] | was confirmed dead |
//!
//! A block that becomes free loses its word in that moment (`memory/page.rs`, `IN_RUN`), whoever frees it. So a word that is
//! not clear says that the object which had it is still there: no list of a run owns anything, and what is read in a list
//! is good if its word is.

use crate::memory::range::{self, GRANULE_BYTES, GRANULE_SHIFT};
use crate::memory::segment::SEGMENT_BYTES;
use crate::memory::space::Space;
use crate::sys;

/// Not suspected.
pub const CLEAR: u32 = 0;
/// Nothing outside the set is known to refer to it.
pub const ZERO: u32 = 1;
/// Left for another sweep, because the worklist was full; reads as "something outside refers to it".
pub const AGAIN: u32 = 2;
/// See the file's head.
pub const BELOW_ZERO: u32 = 0x5000_0000;
/// See the file's head.
pub const DONE: u32 = 0x5fff_ffff;
/// See the file's head.
pub const ON_STACK: u32 = 0x6000_0000;
/// Objects that may be on the stack at once.
pub const ON_STACK_MAX: usize = 0x1fff_fffe;
/// See the file's head.
pub const DEAD: u32 = 0x7fff_ffff;
/// Words above this one are about [`BASE`].
pub const FLOOR: u32 = 0x8000_0000;
/// See the file's head.
pub const BASE: u32 = 0xa000_0000;

/// Bytes that are given back at once.
const GIVEN_BYTES: usize = 1 << 20;

/// The table; as small as a few words, so that sweeps keep a copy in registers.
#[derive(Clone, Copy)]
pub struct Words {
    /// First byte of the heap's first segment when the run began.
    base: usize,
    /// Granules from there to the end of what was its last one.
    granules: usize,
    words: *mut u32,
}

impl Words {
    /// A table for the segments that a heap has. None for out of memory.
    ///
    /// # Safety
    /// - As [everywhere](crate); no other run of the heap is under way.
    pub unsafe fn of(space: &mut Space) -> Option<Words> {
        let low = space.segment_low.min(space.segment_high);
        let granules = (space.segment_high - low) * (SEGMENT_BYTES / GRANULE_BYTES);
        let words = match granules {
            0 => core::ptr::null_mut(),
            _ => sys::map_sparse(granules * size_of::<u32>()) as *mut u32,
        };
        if words.is_null() && granules != 0 {
            return None;
        }
        space.run_words = words.wrapping_sub(low * (SEGMENT_BYTES / GRANULE_BYTES));
        Some(Words { base: range::objects() + low * SEGMENT_BYTES, granules, words })
    }

    /// The word behind a pointer, if the table reaches there. For any number.
    #[inline(always)]
    pub fn get(&self, word: usize) -> Option<*mut u32> {
        // As in `Table::work_of`: what is unaligned is beyond all granules, too.
        let granule = word.wrapping_sub(self.base).rotate_right(GRANULE_SHIFT);
        if granule >= self.granules {
            return None;
        }
        Some(self.words.wrapping_add(granule))
    }

    /// The word behind a pointer; [`CLEAR`] where the table does not reach.
    ///
    /// # Safety
    /// - The table is there.
    #[inline(always)]
    pub unsafe fn value(&self, word: usize) -> u32 {
        self.get(word).map_or(CLEAR, |place| *place)
    }

    /// Whether the table reaches an address.
    pub fn reaches(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) >> GRANULE_SHIFT < self.granules
    }

    /// Gives a part of the table back, from its end. True when nothing is left of it.
    ///
    /// # Safety
    /// - No page is in the run any more.
    pub unsafe fn give_back(&mut self) -> bool {
        let left = self.granules * size_of::<u32>();
        let bytes = left.min(GIVEN_BYTES);
        if bytes != 0 {
            sys::unmap((self.words as *mut u8).add(left - bytes), bytes);
            self.granules -= bytes / size_of::<u32>();
        }
        self.granules == 0
    }
}
