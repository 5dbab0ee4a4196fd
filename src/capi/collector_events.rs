//! The second half of `rcgc/collector.h`: debug flags and the garbage list, who is told of collections, finalizers that
//! are due.

use super::boundary::{status, Call};
use super::collector::with_outcome;
use super::status::rc_status;
use crate::cycle;
use crate::cycle::events::{self, Event, EventFn};
use crate::heap::Heap as gc_heap;
use crate::host::{self, Pin};
use crate::life::finalizers;
use core::ffi::c_void;
use static_assertions::const_assert_eq;

/// Write a line to the log when a collection begins and ends.
pub const GC_DEBUG_STATS: u32 = 1;
/// Write a line to the log for every dead object that a collection finds.
pub const GC_DEBUG_COLLECTABLE: u32 = 2;
/// Write a line to the log for every object that could not be judged dead because counts and edges do not
/// fit.
pub const GC_DEBUG_UNCOLLECTABLE: u32 = 4;
/// Append the dead to the garbage list instead of ending them.
pub const GC_DEBUG_SAVEALL: u32 = 32;
/// What finds a leak: COLLECTABLE, UNCOLLECTABLE and SAVEALL.
pub const GC_DEBUG_LEAK: u32 = 38;

/// Sets the debug flags of the heap's collector, `GC_DEBUG_*` together; 0: none.
///
/// Fails: RC_ERR_INVALID for a flag that is not known.
#[no_mangle]
pub unsafe extern "C" fn gc_set_debug(heap: *mut gc_heap, flags: u32) -> rc_status {
    status(|| {
        let call = Call::on("gc_set_debug", heap)?;
        let unknown = flags & !events::DEBUG_ALL;
        if unknown != 0 {
            return call.invalid(format_args!("flags {unknown:#x} are not known"));
        }
        (*call.heap).debug = flags;
        Ok(())
    })
}

/// The debug flags.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_get_debug(heap: *mut gc_heap) -> u32 {
    Call::on("gc_get_debug", heap).map_or(0, |call| (*call.heap).debug)
}

/// How many objects the garbage list has, which `GC_DEBUG_SAVEALL` fills.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_garbage_count(heap: *mut gc_heap) -> usize {
    Call::on("gc_garbage_count", heap).map_or(0, |call| (*call.heap).garbage.len())
}

/// One object of the garbage list; null when `index` is not below `gc_garbage_count`.
///
/// Ownership: borrowed; the list owns one reference.
/// Fails: null.
#[no_mangle]
pub unsafe extern "C" fn gc_garbage_get(heap: *mut gc_heap, index: usize) -> *mut c_void {
    match Call::on("gc_garbage_get", heap).map(|call| (*call.heap).garbage.get(index)) {
        Ok(Some(obj)) => obj,
        _ => core::ptr::null_mut(),
    }
}

/// Empties the garbage list and releases its references: rings in it are garbage again, for the next
/// collection. What is saved in the callbacks of deaths meanwhile stays in the list.
///
/// Ownership: releases one reference for each.
/// Runs host code: what the death of an object runs.
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_garbage_clear(heap: *mut gc_heap) {
    if let Ok(call) = Call::on("gc_garbage_clear", heap) {
        let _pin = Pin::on(call.heap);
        host::aside(call.heap, || cycle::garbage_clear(call.heap));
    }
}

/// A collection begins.
pub const GC_EVENT_START: u32 = 1;
/// A collection has ended.
pub const GC_EVENT_STOP: u32 = 2;

/// A collection runs because the host asked.
pub const GC_REASON_REQUEST: u32 = 1;
/// A collection runs because a trigger was crossed.
pub const GC_REASON_TRIGGER: u32 = 2;
/// A collection runs because memory ran out.
pub const GC_REASON_EMERGENCY: u32 = 3;
/// A collection runs because the heap ends.
pub const GC_REASON_HEAP_END: u32 = 4;
/// `gc_idle` was called.
pub const GC_REASON_IDLE: u32 = 5;

/// A young collection: what was allocated since the last one; or what dying objects let go of (`gc_policy.near_bytes`).
pub const GC_GENERATION_YOUNG: u32 = 0;
/// A full collection: all that is tracked, but for what is frozen.
pub const GC_GENERATION_FULL: u32 = 1;

/// What a callback learns of a collection. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_event {
    /// `sizeof(gc_event)` as the library was compiled.
    pub struct_size: usize,
    /// `GC_EVENT_START` or `GC_EVENT_STOP`.
    pub kind: u32,
    /// One of `GC_REASON_*`.
    pub reason: u32,
    /// `GC_GENERATION_YOUNG` or `GC_GENERATION_FULL`.
    pub generation: u32,
    /// How it ended (at the stop).
    pub status: rc_status,
    /// Tracked objects looked at (at the stop).
    pub examined: u64,
    /// Tracked objects ended (at the stop).
    pub reclaimed: u64,
    /// Tracked objects brought back by finalizers and weak callbacks (at the stop).
    pub resurrected: u64,
    /// Nanoseconds it took (at the stop).
    pub duration_ns: u64,
}

/// Called when a collection begins and when it ends. It may do anything but collect, and may remove itself.
pub type gc_callback_fn =
    Option<unsafe extern "C" fn(heap: *mut gc_heap, event: *const gc_event, ctx: *mut c_void)>;

/// Adds a callback to the heap's collections; several are called in the order in which they were added.
///
/// Ownership: `ctx` stays the host's and must outlive its use.
/// Fails: RC_ERR_INVALID for a null callback and for one that is there with this `ctx` already,
/// RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_add_callback(
    heap: *mut gc_heap,
    callback: gc_callback_fn,
    ctx: *mut c_void,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_add_callback", heap)?;
        let Some(callback) = event_fn(callback) else { return call.invalid("callback is null") };
        let callbacks = &mut (*call.heap).callbacks;
        if callbacks.find(callback, ctx).is_some() {
            return call.invalid("the callback is there with this ctx already");
        }
        if !callbacks.add(callback, ctx) {
            return call.no_memory();
        }
        Ok(())
    })
}

/// Removes a callback that was added with this `ctx`; also inside itself.
///
/// Fails: RC_ERR_INVALID when there is none.
#[no_mangle]
pub unsafe extern "C" fn gc_remove_callback(
    heap: *mut gc_heap,
    callback: gc_callback_fn,
    ctx: *mut c_void,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_remove_callback", heap)?;
        let callbacks = &mut (*call.heap).callbacks;
        let Some(index) = event_fn(callback).and_then(|callback| callbacks.find(callback, ctx)) else {
            return call.invalid("no such callback with this ctx");
        };
        callbacks.remove(index);
        Ok(())
    })
}

/// For a heap with `GC_FINALIZERS_QUEUED`: runs the finalizers and weak callbacks that are due when it is called, each
/// once, and judges what they were for again, before it returns: what was not brought back has ended by then. Returns how
/// many callbacks ran.
///
/// Until then an object that is due for its finalizer is alive in every way, with all it reaches: the queue
/// owns a reference to it. So no finalizer runs in the middle of host code that holds a lock. On other heaps nothing is
/// ever due.
///
/// Exactly those objects are judged whose finalizers ran, and those that a collection found dead together with them. It is
/// no collection: other garbage is left alone, the callbacks of `gc_add_callback` are not called, and the time it takes is
/// that of these objects and their references, not of what else they refer to. In the statistics they are `examined` and
/// `reclaimed` of `full`, without a run.
///
/// What callbacks make due waits for the next call, so no call is kept busy by them. `gc_heap_free` calls until nothing is
/// due; callbacks that go on making others due are cut off there, with a warning in the log.
///
/// Ownership: releases the queue's references.
/// May collect: yes.
/// Runs host code: finalizers and weak callbacks, `traverse` of callback types, and what the death of objects runs.
/// Fails: 0, and nothing ran, inside a callback of a collection, inside `clear`, inside itself, and where so many callbacks
/// are nested that deaths wait (see `rc_decref`); `gc_last_status` is RC_ERR_REFUSED then, and `RC_OK` when nothing was due. Without memory for judging the callbacks have run all the same,
/// what is left in rings waits for the next full collection, which is due then, and it is RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_run_finalizers(heap: *mut gc_heap) -> usize {
    with_outcome("gc_run_finalizers", heap, |heap| {
        let ran = host::aside(heap, || finalizers::run(heap));
        (ran.callbacks, ran.status)
    })
}

const_assert_eq!(size_of::<Event>(), size_of::<gc_event>());

/// The engine's type of the callback: `gc_event` and `Event` are one layout.
unsafe fn event_fn(callback: gc_callback_fn) -> Option<EventFn> {
    core::mem::transmute::<gc_callback_fn, Option<EventFn>>(callback)
}
