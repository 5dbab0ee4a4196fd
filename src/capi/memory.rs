//! `rcgc/memory.h`: what a host that hears that the system is short of memory tells a heap.

use super::boundary::{status, Call};
use super::status::*;
use crate::cycle::pressure::{self, Pressure};
use crate::cycle::stats::Status;
use crate::heap::Heap as gc_heap;
use crate::host::Pin;
use static_assertions::const_assert_eq;

/// Somebody waits for memory now and then: what is worth giving back is, and the heap goes on as it was.
pub const GC_PRESSURE_SOME: u32 = 1;
/// Somebody waits for memory all the time: all that holds no object goes back.
pub const GC_PRESSURE_HIGH: u32 = 2;
/// The next one who wants memory may be killed: as `GC_PRESSURE_HIGH`, after a full collection.
pub const GC_PRESSURE_CRITICAL: u32 = 3;

const_assert_eq!(GC_PRESSURE_SOME, Pressure::Some as u32);
const_assert_eq!(GC_PRESSURE_HIGH, Pressure::High as u32);
const_assert_eq!(GC_PRESSURE_CRITICAL, Pressure::Critical as u32);

/// Tells the heap that the system is short of memory, as `GC_PRESSURE_*` says how much: what it can do without goes back to
/// the system before the call returns. For hosts that hear of it (`/proc/pressure/memory`, a cgroup's `memory.events`, a
/// message of their platform); examples/pressure.c does.
///
/// Free pages, tables that are larger than what is in them, and what lies in the free blocks between objects: of that, whole
/// pages of the system, in pages of 64 KiB where they are a quarter at least, or, from `GC_PRESSURE_HIGH` on, all. What an
/// allocation wants of it later, the system gives again, zeroed. A call costs about what a look at each page of the heap
/// costs, and what is owed (`gc_policy.release_budget`) is paid before; where nothing was made and nothing ended since the last one, next to nothing.
///
/// Ownership: ends what is owed, and with `GC_PRESSURE_CRITICAL` what is dead.
/// May collect: yes, with `GC_PRESSURE_CRITICAL`.
/// Runs host code: callbacks of what is owed; with `GC_PRESSURE_CRITICAL` what `gc_collect` runs.
/// Fails: RC_ERR_INVALID for an unknown level; RC_ERR_REFUSED inside a callback of a collection, `traverse` and `clear`: then
/// nothing was done. RC_ERR_NO_MEMORY and RC_ERR_TRAVERSE as `gc_collect`, with the rest done.
#[no_mangle]
pub unsafe extern "C" fn gc_memory_pressure(heap: *mut gc_heap, level: u32) -> rc_status {
    status(|| {
        let call = Call::on("gc_memory_pressure", heap)?;
        let pressure = match level {
            GC_PRESSURE_SOME => Pressure::Some,
            GC_PRESSURE_HIGH => Pressure::High,
            GC_PRESSURE_CRITICAL => Pressure::Critical,
            other => return call.invalid(format_args!("level {other} is unknown")),
        };
        let _pin = Pin::on(call.heap);
        match pressure::relieve(call.heap, pressure) {
            Status::Ok => Ok(()),
            Status::Refused => call.refuse(RC_ERR_REFUSED, "a collection or a `clear` is running"),
            Status::NoMemory => call.refuse(RC_ERR_NO_MEMORY, "no memory for judging"),
            Status::Traverse => {
                call.refuse(RC_ERR_TRAVERSE, "counts and edges of an object do not fit, as the log says")
            }
        }
    })
}
