//! Slices without a call: what an allocation or a safepoint does of a full collection where the policy has a pause budget.
//! When, and how much, says `cycle/slices.rs`.

use super::budget::Budget;
use super::{give_up, is_under_way, slice, stage, start_for, Stage};
use crate::cycle::events::Reason;
use crate::cycle::slices::{Behind, Slices, Way};
use crate::cycle::stats::Status;
use crate::cycle::Kind;
use crate::heap::Heap;
use crate::sys;

/// The pace of a heap's runs.
#[derive(Default)]
#[repr(C)]
pub struct Auto {
    /// The policy: nanoseconds of a slice; 0: collections are in one piece.
    pub budget_ns: u64,
    /// The policy: the numbers of [`Behind`].
    pub behind: u32,
    /// What was learned.
    pub slices: Slices,
    /// The way of the run under way.
    way: Way,
    /// Bytes that had been allocated when it began.
    began: u64,
}

impl Heap {
    /// Sets the pause budget of automatic collections; 0: they are in one piece. A run under way goes on.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn set_pause_budget(&mut self, budget_ns: u64) {
        self.sliced.auto.budget_ns = budget_ns;
        self.pace.sliced = budget_ns != 0;
        if !self.pace.sliced {
            self.pace.slice_at = u64::MAX;
        }
    }

    /// How long before its trigger a run is to begin.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn renew_lead(&mut self) {
        let (room, objects) = (self.room(), self.live_objects());
        let auto = &self.sliced.auto;
        self.pace.lead = auto.slices.lead(room, objects, auto.budget_ns);
    }

    /// What a heap may grow by, from the base to the trigger.
    fn room(&self) -> u64 {
        self.pace.full_trigger().saturating_sub(self.pace.base)
    }
}

/// Begins the run that is due, or goes on with it. False when there is no memory for one.
///
/// # Safety
/// - As [`slice`], at an allocation or a safepoint; the heap is idle.
pub unsafe fn go_on(heap: *mut Heap) -> bool {
    if stage(heap) == Stage::Waiting {
        // What waits for idle time is looked for anew.
        give_up(heap);
    }
    if (*heap).pace.slice_at == u64::MAX || !is_under_way(heap) {
        begin(heap);
        if start_for(heap, Reason::Trigger) != Status::Ok {
            return false;
        }
    }
    let total = (*heap).pace.total((*heap).budget);
    let done = super::work(heap);
    let auto = &mut (*heap).sliced.auto;
    let behind = if auto.behind == Behind::Memory as u32 { Behind::Memory } else { Behind::Budget };
    let allocated = total.saturating_sub(auto.began);
    let limit = (*heap).sliced.limit;
    let budget_ns = match limit {
        0 => auto.budget_ns,
        _ => auto.budget_ns.min(auto.slices.ns_of(limit)).max(1),
    };
    let next = auto.slices.next(&auto.way, allocated, done, budget_ns, behind);
    // What gives way gives way in work, too.
    let limit = match next.budget_ns {
        u64::MAX => 0,
        ns => limit.saturating_mul(ns.div_ceil(budget_ns)),
    };
    let ns = if limit == 0 { next.budget_ns } else { auto.budget_ns.max(next.budget_ns) };
    let mut budget = Budget::new(ns, limit);
    // A slice that is longer than the budget has no longer pieces all the same.
    budget.piece_ns = auto.budget_ns;
    budget.automatic = true;
    // A processor that is shared with others makes slices end early, and not the work of a unit longer.
    let start = sys::thread_ns();
    let progress = slice(heap, Reason::Trigger, &mut budget);
    let auto = &mut (*heap).sliced.auto;
    auto.slices.sliced(progress.work, sys::thread_ns().saturating_sub(start));
    if matches!(progress.stage, Stage::None | Stage::Waiting) {
        auto.slices.ran(done + progress.work, progress.examined);
        (*heap).pace.slice_at = u64::MAX;
        if progress.stage == Stage::Waiting {
            // As far as allocations are concerned it has ended.
            let (in_use, budget) = ((*heap).bytes_in_use(), (*heap).budget);
            (*heap).pace.ran(Kind::Full, in_use, budget, progress.examined, progress.reclaimed);
        }
    } else {
        (*heap).pace.slice_at = total.saturating_add(next.bytes);
    }
    (*heap).renew_budget(false);
    progress.status != Status::NoMemory
}

/// The way of a run that begins now, or has been begun by a call.
unsafe fn begin(heap: *mut Heap) {
    let (trigger, room, in_use) = ((*heap).pace.full_trigger(), (*heap).room(), (*heap).bytes_in_use());
    let objects = (*heap).live_objects();
    let began = (*heap).pace.total((*heap).budget);
    let auto = &mut (*heap).sliced.auto;
    auto.way = auto.slices.way(trigger, room, in_use, objects);
    auto.began = began;
}
