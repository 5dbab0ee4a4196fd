//! The pauses of a heap that are worth remembering. Whoever wants more of them than the longest hears of each
//! ([`Notice::Paused`]).

use super::sliced::Stage;
use super::Kind;
use crate::heap::Heap;
use crate::observe::{self, Notice};
use crate::sys;

/// How many of the longest are kept.
pub const LONGEST: usize = 10;

/// What a pause was spent on; the numbers of `GC_PHASE_*`. A collection in one piece is one phase, a slice
/// the one that it ended in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum PausePhase {
    /// A whole young collection.
    Young = 1,
    /// A whole collection near a death.
    Near = 2,
    /// A whole full collection.
    Full = 3,
    /// A slice of a full collection, while it counts.
    Count = 5,
    /// While it subtracts.
    Subtract = 6,
    /// While it marks.
    Mark = 7,
    /// While it finds components.
    Components = 8,
    /// While it confirms and ends them.
    Pieces = 9,
    /// What could be confirmed only while the host is idle.
    Waiting = 10,
    /// The last one.
    Closing = 11,
}

impl From<Stage> for PausePhase {
    /// Of a slice, by where it has got to.
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Count => PausePhase::Count,
            Stage::Subtract => PausePhase::Subtract,
            Stage::Mark => PausePhase::Mark,
            Stage::Components => PausePhase::Components,
            Stage::Pieces => PausePhase::Pieces,
            Stage::Waiting => PausePhase::Waiting,
            Stage::Closing | Stage::None => PausePhase::Closing,
        }
    }
}

impl From<Kind> for PausePhase {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Young => PausePhase::Young,
            Kind::Near => PausePhase::Near,
            Kind::Full => PausePhase::Full,
        }
    }
}

/// One pause; the layout of `gc_pause`. Zeroed: none.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Pause {
    /// Nanoseconds.
    pub duration_ns: u64,
    /// When it ended, by `CLOCK_MONOTONIC`.
    pub end_ns: u64,
    /// Objects looked at.
    pub objects: u64,
    /// See [`PausePhase`].
    pub phase: u32,
    /// See [`super::events::Reason`].
    pub reason: u32,
}

/// Zeroed memory is none.
#[repr(C)]
pub struct Pauses {
    /// How many there were.
    pub count: u64,
    /// The last one.
    pub latest: Pause,
    /// The longest one first.
    pub longest: [Pause; LONGEST],
}

impl Pauses {
    fn enter(&mut self, pause: Pause) {
        self.latest = pause;
        self.count += 1;
        let mut moved = pause;
        for place in &mut self.longest {
            if moved.duration_ns > place.duration_ns {
                core::mem::swap(place, &mut moved);
            }
        }
    }
}

/// Enters a pause of a heap, which ends now, and tells whoever wants to know.
///
/// # Safety
/// - As [`observe::tell`]; no host code runs.
pub unsafe fn record(heap: *mut Heap, phase: PausePhase, reason: u32, objects: u64, duration_ns: u64) {
    let pause = Pause { duration_ns, end_ns: sys::now_ns(), objects, phase: phase as u32, reason };
    (*heap).pauses.enter(pause);
    observe::tell(heap, Notice::Paused);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_are_kept() {
        // SAFETY: zeroed memory is none.
        let mut pauses: Pauses = unsafe { core::mem::zeroed() };
        for number in 0..100u64 {
            pauses.enter(Pause { duration_ns: (number * 37) % 100 + 1, ..Pause::default() });
        }
        assert_eq!(pauses.count, 100);
        let longest: Vec<u64> = pauses.longest.iter().map(|pause| pause.duration_ns).collect();
        assert_eq!(longest, [100, 99, 98, 97, 96, 95, 94, 93, 92, 91]);
    }
}
