//! The books: what collections did. What lives is in the types' counters.

use crate::cycle::Kind;
use crate::heap::Heap;

/// Buckets of a pause histogram: bucket i counts pauses below 2^i microseconds.
pub const PAUSE_BUCKETS: usize = 24;

/// How a collection ended; the numbers of `RC_OK`, `RC_ERR_NO_MEMORY`, `RC_ERR_REFUSED`, `RC_ERR_TRAVERSE`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Status {
    /// All is well.
    Ok = 0,
    /// Given up before judging; nothing changed.
    NoMemory = 2,
    /// None may run here. Not in the books, which have a number for it.
    Refused = 6,
    /// Counts and edges did not fit; what that concerned was kept alive.
    Traverse = 8,
}

/// What one collection came to.
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// Tracked objects looked at.
    pub examined: u64,
    /// Tracked objects ended.
    pub reclaimed: u64,
    /// Tracked objects brought back.
    pub resurrected: u64,
}

/// What the collections of one kind did. Zeroed memory is empty books.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct GenerationStats {
    /// Collections that ran.
    pub runs: u64,
    /// Tracked objects they looked at.
    pub examined: u64,
    /// Tracked objects they ended.
    pub reclaimed: u64,
    /// Tracked objects that callbacks brought back.
    pub resurrected: u64,
    /// Collections asked for where none may run.
    pub refused: u64,
    /// How the last one ended.
    pub last_status: Status,
    /// Nanoseconds of all pauses together.
    pub pause_ns_total: u64,
    /// Nanoseconds of the longest pause.
    pub pause_ns_max: u64,
    /// Nanoseconds of the last pause.
    pub pause_ns_last: u64,
    /// How many were how long.
    pub pauses: [u64; PAUSE_BUCKETS],
}

impl GenerationStats {
    /// Enters a collection.
    pub fn record(&mut self, outcome: &Outcome, pause_ns: u64) {
        self.note_run(outcome);
        self.note_pause(pause_ns);
    }

    /// Enters a collection without a pause of its own: it had many.
    pub fn note_run(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.examined += outcome.examined;
        self.reclaimed += outcome.reclaimed;
        self.resurrected += outcome.resurrected;
        self.last_status = outcome.status;
    }

    /// Enters a pause.
    pub fn note_pause(&mut self, pause_ns: u64) {
        self.pause_ns_total += pause_ns;
        self.pause_ns_max = self.pause_ns_max.max(pause_ns);
        self.pause_ns_last = pause_ns;
        let bucket = bucket_of(pause_ns).min(PAUSE_BUCKETS - 1);
        if let Some(count) = self.pauses.get_mut(bucket) {
            *count += 1;
        }
    }
}

/// The first i with `pause_ns` below 2^i microseconds.
fn bucket_of(pause_ns: u64) -> usize {
    let us = pause_ns / 1000;
    (u64::BITS - us.leading_zeros()) as usize
}

impl Heap {
    /// The books of one kind of collection.
    pub fn generation(&mut self, kind: Kind) -> &mut GenerationStats {
        match kind {
            Kind::Young | Kind::Near => &mut self.young,
            Kind::Full => &mut self.full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_falls_into_the_first_bucket_above_it() {
        assert_eq!(bucket_of(0), 0);
        assert_eq!(bucket_of(999), 0);
        assert_eq!(bucket_of(1000), 1);
        assert_eq!(bucket_of(1_999), 1);
        assert_eq!(bucket_of(2_000), 2);
        assert_eq!(bucket_of(1_000_000), 10);
    }
}
