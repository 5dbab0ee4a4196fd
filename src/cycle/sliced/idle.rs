//! Time in which the host has nothing to do: the collection that is worth it, then memory for the system, in turns so short
//! that the host is asked often enough whether it is wanted.

use super::budget::Budget;
use super::{slice, Stage};
use crate::cycle::events::Reason;
use crate::cycle::stats::Status;
use crate::heap::Heap;
use crate::host;
use crate::life::debt;
use crate::sys;

/// Nanoseconds of a turn.
const TURN_NS: u64 = 50_000;

/// A run is worth it when one object in so many was made since the last full collection.
const WORTH_A_RUN: u64 = 32;

/// Works until the deadline or until the host is wanted. Whether nothing is left to do, and how it went.
///
/// # Safety
/// - As [`slice`]; `wanted` may run host code.
pub unsafe fn use_time(heap: *mut Heap, deadline: u64, wanted: &mut dyn FnMut() -> bool) -> (bool, Status) {
    if !(*heap).is_idle() {
        return (false, super::refused(heap));
    }
    let mut given_up = Status::Ok;
    loop {
        let now = sys::now_ns();
        if now >= deadline && deadline != u64::MAX {
            return (false, given_up);
        }
        if host::run(&mut *wanted) {
            return (false, given_up);
        }
        // The host may have done anything.
        if !(*heap).is_idle() {
            return (false, super::refused(heap));
        }
        if debt::may_pay(heap) {
            // What is owed keeps what it refers to.
            debt::pay(heap);
            continue;
        }
        let collects = given_up == Status::Ok && is_worth_it(heap);
        if collects {
            let mut budget = Budget::new(TURN_NS.min(deadline - now), 0);
            budget.idle_until = deadline;
            let before = super::stage(heap);
            let progress = slice(heap, Reason::Idle, &mut budget);
            if progress.status != Status::Ok {
                given_up = progress.status;
            }
            if progress.stage != Stage::Waiting || before != Stage::Waiting {
                continue;
            }
            // No time for what waits.
        }
        if Heap::give_back(heap, false) {
            return (!collects, given_up);
        }
    }
}

/// Whether there is a run to go on with, or something was made since the last full collection that a run could find.
unsafe fn is_worth_it(heap: *mut Heap) -> bool {
    let made = (*heap).made() - (*heap).sliced.made;
    super::is_under_way(heap) || made != 0 && made.saturating_mul(WORTH_A_RUN) >= (*heap).live_objects()
}
