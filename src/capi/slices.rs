//! `rcgc/slices.h`: full collections in slices of a given length, with the host running in between.
//!
//! A run begins with `gc_start`, `gc_step`, `gc_idle`, or by itself under `gc_policy.pause_budget_ns`, and has ended when everything
//! that was garbage when it began is gone, but for what was held back because it cannot be sliced. Between slices the host may do
//! whatever it may do at other times. `gc_collect`, `gc_freeze` and `gc_heap_free` give a run up; all else leaves it as it is.

use super::boundary::{is_struct_size, status, Answer, Call};
use super::collector::with_outcome;
use super::status::*;
use crate::cycle::events::Reason;
use crate::cycle::sliced::budget::Budget;
use crate::cycle::sliced::{self, idle, Pieces, Progress, Stage};
use crate::cycle::slices::Behind;
use crate::cycle::stats::Status;
use crate::heap::Heap as gc_heap;
use crate::host::Pin;
use core::ffi::c_void;
use static_assertions::const_assert_eq;

/// No run is under way.
pub const GC_SLICE_NONE: u32 = 0;
/// Counts are taken.
pub const GC_SLICE_COUNT: u32 = 1;
/// References inside the heap are taken off them.
pub const GC_SLICE_SUBTRACT: u32 = 2;
/// What is held from outside is marked, with all that it reaches.
pub const GC_SLICE_MARK: u32 = 3;
/// What may be dead is put in order.
pub const GC_SLICE_COMPONENTS: u32 = 4;
/// Piece by piece is confirmed and ended.
pub const GC_SLICE_PIECES: u32 = 5;
/// What is left may be confirmed only by `gc_idle`.
pub const GC_SLICE_WAITING: u32 = 6;
/// Tables go back to the system.
pub const GC_SLICE_CLOSING: u32 = 7;

const_assert_eq!(GC_SLICE_COUNT, Stage::Count as u32);
const_assert_eq!(GC_SLICE_CLOSING, Stage::Closing as u32);

/// A piece that is too large for the budget is confirmed in one go, by the slice after the one that told of it. The default.
pub const GC_PIECES_ALLOWED: u32 = 0;
/// Only by `gc_idle`, when it has time for it.
pub const GC_PIECES_IDLE: u32 = 1;
/// Never: it stays until `gc_collect`, or a slice without a budget.
pub const GC_PIECES_NEVER: u32 = 2;

const_assert_eq!(GC_PIECES_IDLE, Pieces::Idle as u32);
const_assert_eq!(GC_PIECES_NEVER, Pieces::Never as u32);

/// First the budget: slices come more often, then become up to four times as long, and when the heap has grown by its factor, what
/// is left of the run is done in one piece. The default.
pub const GC_BEHIND_BUDGET: u32 = 0;
/// Memory: slices come more often, and the heap grows until the run has ended.
pub const GC_BEHIND_MEMORY: u32 = 1;

const_assert_eq!(GC_BEHIND_BUDGET, Behind::Budget as u32);
const_assert_eq!(GC_BEHIND_MEMORY, Behind::Memory as u32);

/// What a slice came to. Start from `GC_STEP_RESULT_INIT`.
///
/// A piece is a group of objects each of which leads to each other. Whether it is dead can only be said in one go, at about 15
/// ns an object; all else is sliced.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_step_result {
    /// `sizeof(gc_step_result)` as the host was compiled.
    pub struct_size: usize,
    /// Where the run is: one of `GC_SLICE_*`; `GC_SLICE_NONE` when it has ended.
    pub phase: u32,
    /// 1: this run needs no more slices, or can use none but of `gc_idle`. 0: go on.
    pub done: u32,
    /// Tracked objects that the run has looked at so far.
    pub examined: u64,
    /// Tracked objects that it has ended so far.
    pub reclaimed: u64,
    /// Tracked objects that callbacks have brought back so far.
    pub resurrected: u64,
    /// Work of this slice: objects looked at and references followed, as `gc_policy.pause_work` counts them.
    pub work: u64,
    /// Nanoseconds that this slice took.
    pub duration_ns: u64,
    /// Not 0: the next slice begins with a pause that cannot be sliced, over a piece of so many objects.
    pub next_piece_objects: u64,
    /// Bytes of these.
    pub next_piece_bytes: u64,
    /// Pieces that the run has held back so far, because the policy forbids such a pause. They may be dead or alive.
    pub held_pieces: u64,
    /// Objects of these.
    pub held_objects: u64,
    /// Bytes of these.
    pub held_bytes: u64,
}

/// Begins a sliced full collection if none is under way; `gc_step` and `gc_idle` go on with it. What is garbage at this moment
/// is gone when it has ended.
///
/// Runs host code: the callbacks of `gc_add_callback`, which are told of its begin.
/// Fails: RC_ERR_REFUSED inside a callback of a collection, inside `traverse` and `clear`, and in slices; RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_start(heap: *mut gc_heap) -> rc_status {
    status(|| {
        let call = Call::on("gc_start", heap)?;
        let _pin = Pin::on(call.heap);
        outcome(call, sliced::start(call.heap))
    })
}

/// Goes on with a sliced full collection, or begins one, for about `budget_ns`; then the host has its turn again. Whether more is
/// to be done is in `out_result`, which may be null.
///
/// Each call does something, whatever its budget; from 50000 on a budget is kept within some microseconds, but for what is
/// one piece (see `gc_step_result`), one callback of the host's, and the references of one object. `UINT64_MAX` is a collection to
/// its end. Works when automatic collection is disabled.
///
/// Ownership: ends what is dead.
/// May collect: yes.
/// Runs host code: what `gc_collect` runs, a part of it in each slice.
/// Fails: RC_ERR_INVALID for a bad size, when nothing was done. RC_ERR_REFUSED inside a callback of a collection, inside `traverse` and
/// `clear`, and in slices; RC_ERR_NO_MEMORY: the run was given up; RC_ERR_TRAVERSE: a count did not fit the edges, as for `gc_collect`.
#[no_mangle]
pub unsafe extern "C" fn gc_step(
    heap: *mut gc_heap,
    budget_ns: u64,
    out_result: *mut gc_step_result,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_step", heap)?;
        needs_result(call, out_result)?;
        let _pin = Pin::on(call.heap);
        let mut budget = Budget::new(budget_ns, (*call.heap).sliced.limit);
        let progress = sliced::slice(call.heap, Reason::Request, &mut budget);
        put(call, out_result, &progress)?;
        outcome(call, progress.status)
    })
}

/// Whether the host is wanted. It may call the library.
pub type gc_stop_fn = Option<unsafe extern "C" fn(arg: *mut c_void) -> bool>;

/// Uses time in which the host has nothing to do: goes on with the run under way, or begins one where something was made
/// since the last; then memory that holds no object goes back to the system, as `gc_memory_pressure` does it, in pieces.
///
/// It returns when `deadline_ns` has come, a moment of `CLOCK_MONOTONIC` in nanoseconds (`UINT64_MAX`: none), when `stop(arg)` says
/// true, or when nothing is left to do: then it returns true, and need not be called before something was made. `stop` may be
/// null; it is asked first, and then about every 50 microseconds of work. Pieces that cannot be sliced are confirmed if there is
/// time for them until the deadline. Works when automatic collection is disabled.
///
/// Ownership: ends what is dead.
/// May collect: yes.
/// Runs host code: `stop`, and what `gc_collect` runs.
/// Fails: false, and nothing was done, where `gc_step` gives RC_ERR_REFUSED; `gc_last_status` says that, or RC_ERR_NO_MEMORY and
/// RC_ERR_TRAVERSE as for `gc_step`.
#[no_mangle]
pub unsafe extern "C" fn gc_idle(
    heap: *mut gc_heap,
    deadline_ns: u64,
    stop: gc_stop_fn,
    arg: *mut c_void,
) -> bool {
    with_outcome("gc_idle", heap, |heap| {
        let mut wanted = || stop.is_some_and(|stop| stop(arg));
        let (done, how) = idle::use_time(heap, deadline_ns, &mut wanted);
        (done as u64, how)
    }) != 0
}

unsafe fn needs_result(call: Call, out: *mut gc_step_result) -> Answer<()> {
    let right = out.is_null() || is_struct_size(*(out as *const usize));
    call.needs(right, "struct_size is not the size of the struct; begin with its _INIT macro")
}

unsafe fn put(call: Call, out: *mut gc_step_result, progress: &Progress) -> Answer<()> {
    if out.is_null() {
        return Ok(());
    }
    let result = gc_step_result {
        struct_size: size_of::<gc_step_result>(),
        phase: progress.stage as u32,
        done: matches!(progress.stage, Stage::None | Stage::Waiting) as u32,
        examined: progress.examined,
        reclaimed: progress.reclaimed,
        resurrected: progress.resurrected,
        work: progress.work,
        duration_ns: progress.duration_ns,
        next_piece_objects: progress.next_objects,
        next_piece_bytes: progress.next_bytes,
        held_pieces: progress.held.pieces,
        held_objects: progress.held.objects,
        held_bytes: progress.held.bytes,
    };
    call.put(out, &result, "")
}

/// The answer of a call that went so.
unsafe fn outcome(call: Call, how: Status) -> Answer<()> {
    match how {
        Status::Ok => Ok(()),
        Status::Refused => call.refuse(
            RC_ERR_REFUSED,
            "none may run here, in a callback of a collection, in traverse or in clear",
        ),
        Status::NoMemory => call.refuse(RC_ERR_NO_MEMORY, "no memory for judging"),
        Status::Traverse => {
            call.refuse(RC_ERR_TRAVERSE, "counts and edges of an object do not fit, as the log says")
        }
    }
}
