//! What a heap is doing, and the one place where that changes.
//!
//! A phase lasts as long as its guard ([`InPhase`]), which puts back the one before: nobody writes a phase by hand. They
//! nest like this, and in no other way ([`Phase::may_begin`]):
//!
//! ```text
//!   Idle
//!    |- Judging              a walk over a heap at rest: a dump, a query, `gc_verify`, the objects of a list
//!    |- Releasing            a collection, or the end of what queued finalizers left
//!    |   `- Judging          its verdict, and the one after finalizers; a walk of an observer
//!    `- Ending               `gc_heap_free`, until the heap is no more
//!        |- Judging          what is held
//!        `- Releasing        its last collection
//!            `- Judging
//! ```

use super::Heap;
use crate::base::promised;
use crate::sys::errno;

/// What a heap is doing. Host code may run in all but `Idle`, so each entry point asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Phase {
    /// Nothing. What zeroed memory says, so a new heap.
    Idle = 0,
    /// The heap may only be looked at: a collection counts, subtracts or marks, or somebody walks. Only `traverse` runs, and
    /// what gives the host what was found.
    Judging,
    /// A collection is ending what it found dead: any callback may run, but no second collection.
    Releasing,
    /// `gc_heap_free` is ending what was left.
    Ending,
}

impl Phase {
    /// Whether a phase may begin in this one.
    const fn may_begin(self, next: Phase) -> bool {
        match next {
            // It is what is there when no guard is.
            Phase::Idle => false,
            Phase::Judging => !matches!(self, Phase::Judging),
            Phase::Releasing => matches!(self, Phase::Idle | Phase::Ending),
            Phase::Ending => matches!(self, Phase::Idle),
        }
    }
}

/// A heap is in a phase, until this goes; the heap is there until then.
pub struct InPhase {
    heap: *mut Heap,
    before: Phase,
}

impl InPhase {
    /// Begins a phase.
    ///
    /// # Safety
    /// - The heap does not end before the guard goes.
    #[must_use]
    #[inline(always)]
    pub unsafe fn begin(heap: *mut Heap, phase: Phase) -> InPhase {
        promised!((*heap).phase.may_begin(phase));
        InPhase { heap, before: core::mem::replace(&mut (*heap).phase, phase) }
    }

    /// The heap will be no more when the phase is over: nothing is put back.
    pub fn for_good(self) {
        core::mem::forget(self);
    }
}

impl Drop for InPhase {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the heap is there, see `begin`.
        unsafe { (*self.heap).phase = self.before }
    }
}

/// Runs `walk`, in which the heap may only be looked at: allocation and the last release take the long way and find the
/// phase. `errno` is put back behind it, since a `traverse` may change it.
///
/// # Safety
/// - The heap is not judging. `walk` runs no host code but `traverse` and what may only look, too.
pub unsafe fn quietly<R>(heap: *mut Heap, walk: impl FnOnce() -> R) -> R {
    let _errno = errno::keep();
    let _judging = InPhase::begin(heap, Phase::Judging);
    (*heap).set_paused(true);
    let result = walk();
    (*heap).set_paused(false);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_that_is_looked_at_does_nothing_else() {
        use Phase::{Ending, Idle, Judging, Releasing};
        let all = [Idle, Judging, Releasing, Ending];
        let within = |outer: Phase| all.into_iter().filter(move |&next| outer.may_begin(next));
        assert!(within(Idle).eq([Judging, Releasing, Ending]));
        assert!(within(Judging).eq([]));
        assert!(within(Releasing).eq([Judging]));
        assert!(within(Ending).eq([Judging, Releasing]));
    }
}
