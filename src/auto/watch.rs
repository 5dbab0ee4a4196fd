//! Watches: a number of the heap's, a limit, and what is done when the number reaches it. They are looked at when a
//! tick is taken, when a collection has ended, and when an allocation budget is spent (a few MiB at most); a watch
//! that was set off is set again when the number has fallen below its limit.

use crate::auto::files::{self, Asked};
use crate::auto::plan;
use crate::base::list::List;
use crate::base::report::{self, CText, Level};
use crate::base::string;
use crate::heap::Heap;
use crate::host;
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
    /// The watch has ended.
    Gone = 0,
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

/// Told that a watch was set off: the watch's number, and what was measured.
pub type WatchFn = unsafe extern "C" fn(*mut Heap, u32, u64, *mut c_void);

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
    pub ty: *mut Type,
    /// The numbers of the type's watches before this one and behind it; 0: none.
    before: u32,
    /// As `before`.
    behind: u32,
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
    /// Their numbers rise. One that has ended has no metric any more until it is swept.
    all: List<Watch>,
    /// Of these, the ones that have ended.
    gone: usize,
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
            ty: core::ptr::null_mut(),
            before: 0,
            behind: 0,
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
        Notice::TypeEnded(ty) => type_ended(ty),
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
            // SAFETY: null, or a copy that `add` made with `sys`; the list goes with it.
            unsafe { sys::free(watch.path as *mut u8) };
        }
        self.all.end();
    }
}

impl Watches {
    /// The place of a watch.
    fn find(&self, number: u32) -> Option<usize> {
        self.all.as_slice().binary_search_by_key(&number, |watch| watch.number).ok()
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Watch> {
        self.find(number).and_then(|place| self.all.get_mut(place))
    }

    /// Puts a watch into the list of its type's, or takes it out.
    unsafe fn link(&mut self, watch: &Watch, inside: bool) {
        if watch.ty.is_null() {
            return;
        }
        let (behind_before, before_behind) =
            if inside { (watch.number, watch.number) } else { (watch.behind, watch.before) };
        if let Some(before) = self.get_mut(watch.before) {
            before.behind = behind_before;
        }
        match self.get_mut(watch.behind) {
            Some(behind) => behind.before = before_behind,
            None => (*(*watch.ty).rare()).watched = before_behind,
        }
    }
}

/// Adds a watch; its number. None for out of memory.
///
/// # Safety
/// - `watch.path` is null or a C string, which is copied.
pub unsafe fn add(heap: *mut Heap, watch: &Watch) -> Option<u32> {
    let path = string::copy(watch.path)?;
    let watches = made_for(heap);
    if watches.is_null() {
        sys::free(path as *mut u8);
        return None;
    }
    let watches = &mut *watches;
    let number = watches.last_number + 1;
    let before = if watch.ty.is_null() { 0 } else { (*(*watch.ty).rare()).watched };
    let watch = Watch { number, path, before, behind: 0, process: file::process(), ..*watch };
    if !watches.all.push(watch) {
        sys::free(path as *mut u8);
        return None;
    }
    watches.link(&watch, true);
    watches.last_number = number;
    if (*heap).pace.look_bytes == 0 {
        (*heap).pace.look_bytes = LOOK_BYTES;
        // The budget that was given already may be much larger.
        (*heap).recall_rations();
        (*heap).renew_budget(false);
    }
    Some(number)
}

/// Ends a watch. False when there is none of that number.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn remove(heap: *mut Heap, number: u32) -> bool {
    let Some(watches) = of(heap).as_mut() else { return false };
    let Some(watch) = watches.get_mut(number).filter(|watch| watch.metric != Metric::Gone) else {
        return false;
    };
    let ended = *watch;
    sys::free(ended.path as *mut u8);
    (watch.metric, watch.path, watch.ty) = (Metric::Gone, core::ptr::null(), core::ptr::null_mut());
    watches.link(&ended, false);
    watches.gone += 1;
    if watches.gone == watches.all.len() {
        (*heap).pace.look_bytes = 0;
    }
    // Those behind do not move up for each one that goes.
    if 2 * watches.gone > watches.all.len() {
        watches.gone = 0;
        watches.all.retain(|watch| watch.metric != Metric::Gone);
    }
    true
}

/// A type ends: nobody watches it any more.
unsafe fn type_ended(ty: *mut Type) {
    loop {
        let number = (*(*ty).rare()).watched;
        if number == 0 || !remove((*ty).heap, number) {
            return;
        }
    }
}

/// A collection took so long.
unsafe fn paused(heap: *mut Heap, pause_ns: u64) {
    for watch in (*of(heap)).all.as_mut_slice() {
        watch.pause_ns = watch.pause_ns.max(pause_ns);
    }
}

/// Numbers that take long to find out, as long as no host code runs.
#[derive(Default)]
struct Numbers {
    live_bytes: Option<u64>,
    live_objects: Option<u64>,
    resident_bytes: Option<u64>,
}

unsafe fn value_of(heap: *mut Heap, watch: &Watch, numbers: &mut Numbers) -> u64 {
    match watch.metric {
        Metric::LiveBytes => *numbers.live_bytes.get_or_insert_with(|| (*heap).live_bytes()),
        Metric::LiveObjects => *numbers.live_objects.get_or_insert_with(|| (*heap).live_objects()),
        Metric::ExternalBytes => (*heap).external.total,
        Metric::HeapBytes => (*heap).space.heap_bytes(),
        Metric::ResidentBytes => *numbers.resident_bytes.get_or_insert_with(meters::resident_bytes),
        Metric::PauseNs => watch.pause_ns,
        Metric::TypeObjects => (*watch.ty).live(),
        Metric::Gone => 0,
    }
}

/// Looks at all watches.
unsafe fn look_at_all(heap: *mut Heap) {
    if (*of(heap)).looking || !(*heap).is_idle() {
        return;
    }
    (*of(heap)).looking = true;
    let mut numbers = Numbers::default();
    let (mut place, mut number) = (0, 0);
    // Host code may add and remove watches: they are told by their numbers, which rise.
    while let Some(mut watch) = next(heap, number, &mut place) {
        number = watch.number;
        if watch.metric == Metric::Gone {
            continue;
        }
        let value = value_of(heap, &watch, &mut numbers);
        let set_off = value >= watch.limit && !watch.passed;
        watch.passed = value >= watch.limit;
        if set_off {
            watch.count = watch.count.saturating_add(1);
            if watch.metric == Metric::PauseNs {
                (watch.passed, watch.pause_ns) = (false, 0);
            }
        }
        (*of(heap)).all.set(place, watch);
        if set_off {
            act(heap, &watch, value);
            numbers = Numbers::default();
        }
    }
    (*of(heap)).looking = false;
}

/// The first watch behind a number, and its place, which is that of the number's own as a rule, or the next.
unsafe fn next(heap: *mut Heap, number: u32, place: &mut usize) -> Option<Watch> {
    let all = (*of(heap)).all.as_slice();
    let is_at = |place: usize| all.get(place).is_some_and(|watch| watch.number == number);
    *place = match is_at(*place) {
        true => *place + 1,
        false => all.partition_point(|watch| watch.number <= number),
    };
    all.get(*place).copied()
}

unsafe fn act(heap: *mut Heap, watch: &Watch, value: u64) {
    series::note(heap, What::Watch, 0, watch.number as u64, 0);
    match (watch.action, watch.callback) {
        (Action::Callback, Some(callback)) => {
            let Watch { number, ctx, .. } = *watch;
            host::call_alone(heap, || callback(heap, number, value, ctx));
        }
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
