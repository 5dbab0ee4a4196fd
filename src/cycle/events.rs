//! Who is told of collections: the host's callbacks, and the log under the debug flags.

use super::Kind;
use crate::base::report::{self, CText, Level};
use crate::cycle::stats::Status;
use crate::header;
use crate::heap::Heap;
use crate::host;
use crate::object;
use core::ffi::c_void;

/// `GC_DEBUG_STATS`.
pub const DEBUG_STATS: u32 = 1;
/// `GC_DEBUG_COLLECTABLE`.
pub const DEBUG_COLLECTABLE: u32 = 2;
/// `GC_DEBUG_UNCOLLECTABLE`.
pub const DEBUG_UNCOLLECTABLE: u32 = 4;
/// `GC_DEBUG_SAVEALL`.
pub const DEBUG_SAVEALL: u32 = 32;
/// All of them.
pub const DEBUG_ALL: u32 = DEBUG_STATS | DEBUG_COLLECTABLE | DEBUG_UNCOLLECTABLE | DEBUG_SAVEALL;

/// Why a collection runs; the numbers of `GC_REASON_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Reason {
    /// The host asked.
    Request = 1,
    /// A trigger was crossed.
    Trigger = 2,
    /// Memory ran out.
    Emergency = 3,
    /// The heap ends.
    HeapEnd = 4,
}

/// What a callback is told; the layout of `gc_event`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Event {
    /// Bytes of this.
    pub struct_size: usize,
    /// 1: begins; 2: has ended.
    pub kind: u32,
    /// See [`Reason`].
    pub reason: u32,
    /// 0: young; 1: full.
    pub generation: u32,
    /// See [`Status`].
    pub status: u32,
    /// Objects looked at.
    pub examined: u64,
    /// Objects ended.
    pub reclaimed: u64,
    /// Objects brought back.
    pub resurrected: u64,
    /// Nanoseconds.
    pub duration_ns: u64,
}

impl Event {
    /// A collection begins.
    pub fn start(kind: Kind, reason: Reason) -> Self {
        Event {
            struct_size: size_of::<Event>(),
            kind: 1,
            reason: reason as u32,
            generation: (kind == Kind::Full) as u32,
            status: Status::Ok as u32,
            examined: 0,
            reclaimed: 0,
            resurrected: 0,
            duration_ns: 0,
        }
    }
}

/// A callback of the host's.
pub type EventFn = unsafe extern "C" fn(*mut Heap, *const Event, *mut c_void);

/// Who is told. A removed one has no function until it is swept.
#[derive(Clone, Copy)]
pub struct Listener {
    /// The callback.
    pub function: Option<EventFn>,
    /// Its context.
    pub ctx: *mut c_void,
}

/// Adds a callback. False for out of memory.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn add(heap: *mut Heap, function: EventFn, ctx: *mut c_void) -> bool {
    (*heap).callbacks.push(Listener { function: Some(function), ctx })
}

/// The place of a callback.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn find(heap: *mut Heap, function: EventFn, ctx: *mut c_void) -> Option<usize> {
    (0..(*heap).callbacks.len()).find(|&index| {
        (*heap).callbacks.get(index).is_some_and(|listener| {
            listener.function.is_some_and(|known| known as usize == function as usize) && listener.ctx == ctx
        })
    })
}

/// Removes the callback at a place. Its slot stays until no callbacks are running, so that nobody is left
/// out.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn remove(heap: *mut Heap, index: usize) {
    if (*heap).notifying {
        (*heap).callbacks.set(index, Listener { function: None, ctx: core::ptr::null_mut() });
    } else {
        (*heap).callbacks.remove(index);
    }
}

/// Tells everybody, and the log.
///
/// # Safety
/// - The heap's phase forbids collections; only the heap's thread is in the heap.
pub unsafe fn notify(heap: *mut Heap, event: &Event) {
    if (*heap).debug & DEBUG_STATS != 0 {
        log_event(heap, event);
    }
    let count = (*heap).callbacks.len();
    if count == 0 {
        return;
    }
    (*heap).notifying = true;
    for index in 0..count {
        if let Some(Listener { function: Some(function), ctx }) = (*heap).callbacks.get(index) {
            host::event(heap, function, event, ctx);
        }
    }
    (*heap).notifying = false;
    let mut index = 0;
    while let Some(listener) = (*heap).callbacks.get(index) {
        if listener.function.is_none() {
            (*heap).callbacks.remove(index);
        } else {
            index += 1;
        }
    }
}

unsafe fn log_event(heap: *mut Heap, event: &Event) {
    let name = CText((*heap).name());
    let generation = if event.generation == 0 { "young" } else { "full" };
    if event.kind == 1 {
        report::log(
            Level::Info,
            format_args!(
                "heap {name}: {generation} collection begins; {} objects live",
                (*heap).live_objects()
            ),
        );
    } else {
        report::log(
            Level::Info,
            format_args!(
                "heap {name}: {generation} collection done: {} examined, {} reclaimed, {} resurrected, {} us",
                event.examined,
                event.reclaimed,
                event.resurrected,
                event.duration_ns / 1000
            ),
        );
    }
}

/// Writes a line for an object under a debug flag, whose word for it is `what`.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn log_object(what: &str, obj: *mut c_void) {
    report::log(
        Level::Info,
        format_args!(
            "{what}: {} {obj:p}, count {}",
            (*object::type_of(obj)).name(),
            header::count_word(obj) & !header::LOCAL
        ),
    );
}
