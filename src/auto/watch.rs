//! Watches: a number of the heap's, a limit, and what is done when the number reaches it. They are looked at when a
//! tick is taken, when a collection has ended, and when an allocation budget is spent (a few MiB at most); a watch
//! that was set off is set again when the number has fallen below its limit.

use crate::auto::files::{self, Asked};
use crate::auto::plan;
use crate::base::list::List;
use crate::base::report::{self, CText, Level};
use crate::base::string;
use crate::heap::Heap;
use crate::host::{self, WatchFn};
use crate::observe::{Notice, Seat, Wants};
use crate::series;
use crate::series::{meters, What};
use crate::sys;
use crate::sys::file;
use crate::types::Type;
use core::ffi::{c_char, c_void};

/// A number of the heap's; the numbers of `GC_WATCH_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Metric {
    /// Bytes of live objects.
    LiveBytes = 1,
    /// Live objects.
    LiveObjects = 2,
    /// Bytes that they keep elsewhere.
    ExternalBytes = 3,
    /// Memory taken for objects.
    HeapBytes = 4,
    /// Resident bytes of the process.
    ResidentBytes = 5,
    /// Nanoseconds of the longest pause since the watch was made, or was set off.
    PauseNs = 6,
    /// Live objects of one type.
    TypeObjects = 7,
}

/// What is done; the numbers of `GC_WATCH_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Action {
    /// A line in the log.
    Log = 0,
    /// A function of the host's.
    Callback = 1,
    /// SIGTRAP, for a debugger.
    Trap = 2,
    /// A dump.
    Dump = 3,
}

/// One watch.
#[derive(Clone, Copy)]
pub struct Watch {
    /// Its number in the heap; the first has 1.
    pub number: u32,
    /// What is looked at.
    pub metric: Metric,
    /// When it is set off.
    pub limit: u64,
    /// What is done then.
    pub action: Action,
    /// The function, of [`Action::Callback`].
    pub callback: Option<WatchFn>,
    /// Given to it.
    pub ctx: *mut c_void,
    /// The type, of [`Metric::TypeObjects`].
    pub kind: *mut Type,
    /// The file, of [`Action::Dump`]; ours.
    pub path: *const c_char,
    /// The number has not fallen below the limit since it was set off.
    passed: bool,
    /// The longest pause so far.
    pause_ns: u64,
    /// How often it was set off.
    pub count: u32,
    /// It belongs to the heap's plan, which numbers what it writes.
    pub planned: bool,
    /// The process that asked.
    process: u64,
}

/// The watches of one heap. Zeroed memory has none.
pub struct Watches {
    all: List<Watch>,
    last_number: u32,
    /// They are being looked at.
    looking: bool,
}

impl Watch {
    /// A watch that was never set off.
    pub const fn new(metric: Metric, limit: u64, action: Action) -> Self {
        Watch {
            number: 0,
            metric,
            limit,
            action,
            callback: None,
            ctx: core::ptr::null_mut(),
            kind: core::ptr::null_mut(),
            path: core::ptr::null(),
            passed: false,
            pause_ns: 0,
            count: 0,
            planned: false,
            process: 0,
        }
    }
}

/// Watches are looked at after so many bytes were allocated, if nothing else makes them be looked at before.
const LOOK_BYTES: u64 = 1 << 20;

/// The watches of a heap; null: it never had any.
unsafe fn of(heap: *mut Heap) -> *mut Watches {
    (*heap).observers.state(Seat::Watches) as *mut Watches
}

/// As [`of`], made if there are none. Null for out of memory.
unsafe fn made_for(heap: *mut Heap) -> *mut Watches {
    if of(heap).is_null() {
        let watches = sys::allocate(size_of::<Watches>()) as *mut Watches;
        if !watches.is_null() {
            let wants = Wants::TYPE_ENDED | Wants::COLLECTED | Wants::ATTEND | Wants::GONE;
            (*heap).observers.sit(Seat::Watches, watches as *mut c_void, hear, wants);
        }
    }
    of(heap)
}

unsafe fn hear(heap: *mut Heap, notice: Notice) {
    match notice {
        Notice::TypeEnded(kind) => type_ended(kind),
        Notice::Collected(done) => paused(heap, done.pause_ns),
        Notice::Attend(_) => look_at_all(heap),
        Notice::Gone => {
            let watches = (*heap).observers.leave(Seat::Watches) as *mut Watches;
            (*watches).end();
            sys::free(watches as *mut u8);
        }
        _ => {}
    }
}

impl Watches {
    /// Gives the memory back.
    fn end(&mut self) {
        for watch in self.all.as_slice() {
            // SAFETY: ours.
            unsafe { sys::free(watch.path as *mut u8) };
        }
        self.all.end();
    }
}

/// Adds a watch; its number. None for out of memory.
///
/// # Safety
/// - Only the heap's thread is in the heap; `watch.path` is null or a C string, which is copied.
pub unsafe fn add(heap: *mut Heap, watch: &Watch) -> Option<u32> {
    let path = string::copy(watch.path)?;
    let watches = made_for(heap);
    if watches.is_null() {
        sys::free(path as *mut u8);
        return None;
    }
    let watches = &mut *watches;
    let number = watches.last_number + 1;
    if !watches.all.push(Watch { number, path, process: file::process(), ..*watch }) {
        sys::free(path as *mut u8);
        return None;
    }
    watches.last_number = number;
    (*heap).pace.look_bytes = LOOK_BYTES;
    // The budget that was given already may be much larger.
    (*heap).recall_rations();
    (*heap).renew_budget(false);
    Some(number)
}

/// Ends a watch. False when there is none of that number.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn remove(heap: *mut Heap, number: u32) -> bool {
    let Some(watches) = of(heap).as_mut() else { return false };
    let Some(index) = watches.all.as_slice().iter().position(|watch| watch.number == number) else {
        return false;
    };
    if let Some(watch) = watches.all.get(index) {
        sys::free(watch.path as *mut u8);
    }
    watches.all.remove(index);
    if watches.all.as_slice().is_empty() {
        (*heap).pace.look_bytes = 0;
    }
    true
}

/// A type ends: nobody watches it any more.
unsafe fn type_ended(kind: *mut Type) {
    let heap = (*kind).heap;
    while let Some(watch) = (*of(heap)).all.as_slice().iter().find(|watch| watch.kind == kind) {
        remove(heap, watch.number);
    }
}

/// A collection took so long.
unsafe fn paused(heap: *mut Heap, pause_ns: u64) {
    for watch in (*of(heap)).all.as_mut_slice() {
        watch.pause_ns = watch.pause_ns.max(pause_ns);
    }
}

unsafe fn value_of(heap: *mut Heap, watch: &Watch) -> u64 {
    match watch.metric {
        Metric::LiveBytes => (*heap).live_bytes(),
        Metric::LiveObjects => (*heap).live_objects(),
        Metric::ExternalBytes => (*heap).external.total,
        Metric::HeapBytes => (*heap).heap_bytes(),
        Metric::ResidentBytes => meters::resident_bytes(),
        Metric::PauseNs => watch.pause_ns,
        Metric::TypeObjects => (*watch.kind).live(),
    }
}

/// Looks at all watches.
unsafe fn look_at_all(heap: *mut Heap) {
    if (*of(heap)).looking || !(*heap).is_idle() {
        return;
    }
    (*of(heap)).looking = true;
    let mut number = 0;
    // Host code may add and remove watches: they are told by their numbers, which rise.
    while let Some(index) = next_index(heap, number) {
        let Some(mut watch) = (*of(heap)).all.get(index) else { break };
        number = watch.number;
        let value = value_of(heap, &watch);
        let set_off = value >= watch.limit && !watch.passed;
        watch.passed = value >= watch.limit;
        if set_off {
            watch.count += 1;
            if watch.metric == Metric::PauseNs {
                (watch.passed, watch.pause_ns) = (false, 0);
            }
        }
        (*of(heap)).all.set(index, watch);
        if set_off {
            act(heap, &watch, value);
        }
    }
    (*of(heap)).looking = false;
}

unsafe fn next_index(heap: *mut Heap, number: u32) -> Option<usize> {
    (*of(heap)).all.as_slice().iter().position(|watch| watch.number > number)
}

unsafe fn act(heap: *mut Heap, watch: &Watch, value: u64) {
    series::note(heap, What::Watch, 0, watch.number as u64, 0);
    match (watch.action, watch.callback) {
        (Action::Callback, Some(callback)) => host::watch(heap, callback, watch, value),
        (Action::Trap, _) => sys::trap(),
        (Action::Dump, _) if watch.planned => plan::limit_reached(heap, watch.path),
        (Action::Dump, _) => {
            let asked = Asked { process: watch.process, number: watch.count, is_told: true };
            files::write_dump(heap, watch.path, asked);
        }
        _ => report::log(
            Level::Warning,
            format_args!(
                "heap {}: watch {}: {value} has reached {}",
                CText((*heap).name()),
                watch.number,
                watch.limit
            ),
        ),
    }
}
