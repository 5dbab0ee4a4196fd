//! The block that a running process shows to others (`RCGC_WATCH=on`): where which number lies. All are words of 64 bits,
//! little-endian.
//!
//! The block is the memory of a file without a name in a directory, [`NAME`], which stands among the descriptors of the
//! process. Who reads it stops nobody: each slot has a sequence number, which is odd while the slot is being written, and
//! another one afterwards. So a slot that was read is right if its sequence was even, and still is the same.

/// The name of the file: `/memfd:rcgc-watch`.
pub const NAME: &str = "rcgc-watch";
/// The first word.
pub const MAGIC: u64 = u64::from_le_bytes(*b"rcgcWtch");
/// A reader refuses another one.
pub const VERSION: u64 = 1;

/// Words of the head.
pub mod head {
    #![allow(missing_docs)]
    pub const MAGIC: usize = 0;
    pub const VERSION: usize = 1;
    /// The process that writes. A forked child has the block of its parent among its descriptors, which is not its own.
    pub const PROCESS: usize = 2;
    pub const SLOTS: usize = 3;
    pub const SLOT_WORDS: usize = 4;
    /// Heaps for which there was no slot.
    pub const LEFT_OUT: usize = 5;
    pub const WORDS: usize = 8;
}

/// Words of a slot, which is a heap's.
pub mod slot {
    #![allow(missing_docs)]
    /// 0: the slot is free.
    pub const SERIAL: usize = 0;
    pub const SEQUENCE: usize = 1;
    /// The name, ended by a zero byte.
    pub const NAME: usize = 2;
    pub const NAME_WORDS: usize = 8;
    pub const LIVE_OBJECTS: usize = 10;
    pub const LIVE_BYTES: usize = 11;
    pub const EXTERNAL_BYTES: usize = 12;
    pub const HEAP_BYTES: usize = 13;
    pub const HEAP_BYTES_PEAK: usize = 14;
    pub const OWED_OBJECTS: usize = 15;
    pub const YOUNG_RUNS: usize = 16;
    pub const FULL_RUNS: usize = 17;
    pub const PAUSES: usize = 18;
    pub const PAUSE_NS_TOTAL: usize = 19;
    pub const PAUSE_NS_MAX: usize = 20;
    /// When it was written: nanoseconds since 1970, and by the clock of the pauses.
    pub const WALL_CLOCK_NS: usize = 21;
    pub const NOW_NS: usize = 22;
    /// Pause n, of all that there were, is at n % LAST.
    pub const LAST: usize = 24;
    pub const LAST_COUNT: usize = 32;
    /// Duration, end, objects, phase and reason.
    pub const PAUSE_WORDS: usize = 5;
    pub const WORDS: usize = LAST + LAST_COUNT * PAUSE_WORDS;
}

/// Heaps that have room.
pub const SLOTS: usize = 16;
/// Bytes of the block.
pub const BYTES: usize = (head::WORDS + SLOTS * slot::WORDS) * 8;
