//! `rcgc/plan.h`: what is profiled and written without a call in the right place: when a heap ends, when the process
//! exits, when memory runs out, when a signal comes. A null heap means the default heap.
//!
//! A plan is a text of items between commas:
//!
//! `sites` counts every object by its site.
//!
//! `stacks`, `stacks=BYTES` samples call stacks, one in so many bytes (512K).
//!
//! `series`, `series=MS` samples numbers over time, by a thread, every so many milliseconds (10).
//!
//! `dump=PATH` writes a dump when the heap ends, and when the process exits while it lives.
//!
//! `report`, `report=PATH` writes a text then, to standard error or a file; counts sites.
//!
//! `oom` writes both also when memory runs out, for which 4 MiB are put aside.
//!
//! `limit=BYTES` writes a dump also when so many bytes live.
//!
//! `heap=PATTERN`: only heaps with such names are meant; `*` is any text, `?` any byte.
//!
//! BYTES and MS may end in K, M or G. In a PATH `%p` is the process, `%h` the heap's number in it, `%n` how often the heap
//! has written, `%%` a percent sign. `rcgc/dump.h` says which files may be written.
//!
//! Two heaps never write one file: where a path is the same for both, the one that writes first has it, and the others
//! write to `PATH.2`, `PATH.3` and so on (99 at most), which is said in the log; so does a text that has a dump's path. A
//! heap that writes again to its own path writes over what it wrote. A forked child writes only to paths with `%p`.
//!
//! The variable `RCGC_PROFILE` of the environment holds a plan that every heap carries out when it is made. So a program
//! is profiled without a change of its source: `RCGC_PROFILE=report,series,dump=/tmp/%p-%h.rcgc ./program`. A plan there
//! that cannot be carried out is said in the log, with what would be right. A program that has more rights than who
//! started it (set-user-id, capabilities of its file) obeys no variable of the library's.
//!
//! The process exits by `exit` or by returning from `main`; not by `_exit`, nor by a signal. A plan is also carried out
//! when the library is unloaded, with the plugin that it belongs to: the threads and the signal's handler go then, and
//! memory and address space are given back. Objects are not ended: a plugin frees its heaps before it is unloaded.

use super::boundary::{status, Call};
use super::status::*;
use crate::auto::plan::{self, NoSignal, Refused};
use crate::base::report::CText;
use crate::heap::Heap as gc_heap;
use core::ffi::{c_char, c_int, CStr};

/// Carries out a plan for a heap; one that it has already is replaced, as far as it is about writing.
///
/// At exit a heap must be at rest: no other thread may be in it; in a forked child that writes, none may have been in it
/// when the process forked.
///
/// Ownership: nothing; the plan is copied.
/// Threads: the heap's. `series` starts one, as `gc_series_start`.
/// Runs host code: no; later, when a dump is written, `traverse` of callback types.
/// Fails: RC_ERR_INVALID for an item that is unknown or has a bad value, and for `oom` or `limit` without a dump:
/// nothing was started; RC_ERR_REFUSED when something of it could not be started: no memory, on already, or a
/// collection is running; and where host code may only look (rcgc/heap.h).
#[no_mangle]
pub unsafe extern "C" fn gc_profile_plan(heap: *mut gc_heap, plan: *const c_char) -> rc_status {
    status(|| {
        let call = Call::on("gc_profile_plan", heap)?;
        call.may_change()?;
        call.needs(!plan.is_null(), "the plan is null")?;
        let wanted = plan::parse(CStr::from_ptr(plan).to_bytes());
        match wanted.and_then(|wanted| plan::carry_out(call.heap, &wanted)) {
            Ok(()) => Ok(()),
            Err(refused @ (Refused::Item(_) | Refused::NothingToWrite)) => call.invalid(refused),
            Err(Refused::NotNow) => call.refuse(
                RC_ERR_REFUSED,
                format_args!(
                    "not all of it could be started: no memory, on already, or heap {} is collecting",
                    CText((*call.heap).name())
                ),
            ),
        }
    })
}

/// Writes a dump of the heap when a signal comes, to a path with the patterns of a plan. Signal 0: no more.
///
/// The handler only sets a flag. The dump is written by the heap's thread, at its next allocation that goes the long way
/// (every few KiB), tick or collection; not while it does none of these. One signal serves all heaps of a process; what
/// it did before is put back when no heap listens any more, unless the host has changed it since. A forked child writes
/// only to a path with `%p`, unless it asked itself.
///
/// Ownership: nothing; the path is copied.
/// Runs host code: no; later, when the dump is written, `traverse` of callback types.
/// Fails: RC_ERR_IN_USE when the signal has a handler, and when another signal is listened to; RC_ERR_INVALID for a null
/// path and for a signal that cannot be handled; RC_ERR_REFUSED where host code may only look (rcgc/heap.h);
/// RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_dump_on_signal(
    heap: *mut gc_heap,
    signal: c_int,
    path: *const c_char,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_dump_on_signal", heap)?;
        call.may_change()?;
        call.needs(signal == 0 || !path.is_null(), "the path is null")?;
        match plan::on_signal(call.heap, signal, path) {
            Ok(()) => Ok(()),
            Err(NoSignal::InUse) => call.refuse(
                RC_ERR_IN_USE,
                format_args!("signal {signal} has a handler, or another signal is listened to"),
            ),
            Err(NoSignal::Refused) => {
                call.invalid(format_args!("signal {signal} cannot be handled, or no memory"))
            }
        }
    })
}
