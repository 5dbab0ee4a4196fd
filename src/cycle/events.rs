//! Who is told of collections: the host's callbacks, and the log under the debug flags.

use super::Kind;
use crate::base::index::{self, Index};
use crate::base::list::List;
use crate::base::promised;
use crate::base::report::{self, CText, Level};
use crate::cycle::stats::Status;
use crate::header;
use crate::heap::{Heap, Phase};
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
    /// The host has nothing to do.
    Idle = 5,
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
struct Listener {
    function: Option<EventFn>,
    ctx: *mut c_void,
}

impl Listener {
    fn hash(&self) -> u32 {
        let function = self.function.map_or(0, |function| function as usize);
        index::mix(function as u64, self.ctx as u64) as u32
    }
}

/// All who are told, in the order in which they asked. Zeroed memory is nobody.
#[repr(C)]
pub struct Listeners {
    all: List<Listener>,
    /// Their places, by function and context.
    places: Index,
    /// Removed ones that are not swept yet.
    gone: usize,
    /// They are being told.
    notifying: bool,
}

impl Listeners {
    /// The place of a callback.
    pub fn find(&self, function: EventFn, ctx: *mut c_void) -> Option<usize> {
        let wanted = Listener { function: Some(function), ctx };
        let is = |place: u32| {
            self.all.get(place as usize).is_some_and(|listener| {
                listener.function.is_some_and(|known| known as usize == function as usize)
                    && listener.ctx == ctx
            })
        };
        self.places.find(wanted.hash(), is).map(|place| place as usize)
    }

    /// Adds a callback that is not there. False for out of memory.
    pub fn add(&mut self, function: EventFn, ctx: *mut c_void) -> bool {
        let listener = Listener { function: Some(function), ctx };
        if !self.all.reserve(1) {
            return false;
        }
        let Listeners { all, places, .. } = self;
        let hash_of = |place: u32| all.get(place as usize).map_or(0, |listener| listener.hash());
        places.enter(listener.hash(), all.len() as u32, hash_of) && self.all.push(listener)
    }

    /// Removes the callback at a place, which stays until it is swept: so nobody is left out where they are being told,
    /// and nobody moves up for each one that goes.
    pub fn remove(&mut self, place: usize) {
        let Listeners { all, places, .. } = self;
        let Some(listener) = all.get(place) else { return };
        let hash_of = |place: u32| all.get(place as usize).map_or(0, |listener| listener.hash());
        places.remove(listener.hash(), place as u32, hash_of);
        self.all.set(place, Listener { function: None, ctx: core::ptr::null_mut() });
        self.gone += 1;
        self.sweep();
    }

    fn sweep(&mut self) {
        if self.notifying || 2 * self.gone <= self.all.len() {
            return;
        }
        self.gone = 0;
        self.all.retain(|listener| listener.function.is_some());
        let Listeners { all, places, .. } = self;
        places
            .refill(all.len() as u32, |place| all.get(place as usize).map_or(0, |listener| listener.hash()));
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        self.all.end();
        self.places.end();
    }
}

/// Tells everybody, and the log.
///
/// # Safety
/// - The heap's phase forbids collections.
pub unsafe fn notify(heap: *mut Heap, event: &Event) {
    promised!((*heap).phase() == Phase::Releasing);
    if (*heap).debug & DEBUG_STATS != 0 {
        log_event(heap, event);
    }
    let count = (*heap).callbacks.all.len();
    if count == 0 {
        return;
    }
    (*heap).callbacks.notifying = true;
    for place in 0..count {
        if let Some(Listener { function: Some(function), ctx }) = (*heap).callbacks.all.get(place) {
            host::call(heap, || function(heap, event, ctx));
        }
    }
    (*heap).callbacks.notifying = false;
    (*heap).callbacks.sweep();
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

/// Writes a line for each of the longest pauses.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn log_pauses(heap: *mut Heap) {
    const PHASES: [&str; 4] = ["", "a young collection", "a look", "a full collection"];
    const REASONS: [&str; 6] =
        ["", "asked for", "at a trigger", "for want of memory", "as the heap ends", "while the host is idle"];
    for pause in (*heap).pauses.longest {
        if pause.phase != 0 {
            report::log(
                Level::Info,
                format_args!(
                    "heap {}: among the longest pauses: {} us, {} {}, {} objects",
                    CText((*heap).name()),
                    pause.duration_ns / 1000,
                    PHASES.get(pause.phase as usize).unwrap_or(&"a slice"),
                    REASONS.get(pause.reason as usize).unwrap_or(&""),
                    pause.objects
                ),
            );
        }
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
