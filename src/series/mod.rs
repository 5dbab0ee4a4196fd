//! Numbers over time: samples of the engine's bytes and the process's memory, and what happened when, in rings of fixed
//! size. Start here.
//!
//! | file | subject |
//! |---|---|
//! | this | the rings; who takes a sample |
//! | `meters` | what the kernel says of the process |
//!
//! A sample is taken by the heap's own thread, at `gc_series_tick`. If the host asked for a **thread**, that one only
//! says that a tick is due ([`Heap::attention`]), and the heap's thread serves it at its next allocation that goes the
//! long way; the engine's numbers are never read from outside. A tick that nobody served by the next one, because the
//! host does not allocate, becomes a sample with the process's memory now and the engine's numbers as they were, and
//! says so. So the rings have two writers, and a lock; it is one for all series, since it is held for a moment only, and
//! since a forked child must not find it closed (`sys/lock.rs`).
//!
//! A forked child has the rings, and no thread: samples are taken at its own ticks, of its own memory.

use crate::heap::Heap;
use crate::life::scope;
use crate::observe::{self, Notice, Seat, Wants};
use crate::profile::site;
use crate::sys::thread::Ticker;
use crate::sys::{self, lock};
use core::ffi::{c_char, c_void};
use core::ptr;
use core::sync::atomic::Ordering;

pub mod meters;

/// Samples read the private bytes of the process, too.
pub const PRIVATE: u32 = 1;
/// A thread of the library's says when ticks are due.
pub const THREAD: u32 = 2;
/// All flags.
pub const ALL_FLAGS: u32 = PRIVATE | THREAD;

/// The engine's numbers of this sample are those of the one before.
pub const STALE: u32 = 1;

/// Samples that a ring has when the host does not say.
pub const SAMPLES: u32 = 4096;

/// One moment; the layout of `gc_sample` behind its size.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    /// Nanoseconds of the monotonic clock.
    pub time_ns: u64,
    /// Objects that live.
    pub live_objects: u64,
    /// Bytes of objects that live.
    pub live_bytes: u64,
    /// Bytes that these keep elsewhere.
    pub external_bytes: u64,
    /// Memory that the heap has taken for objects.
    pub heap_bytes: u64,
    /// Resident bytes of the process.
    pub resident_bytes: u64,
    /// Bytes that only the process has; 0: not asked for.
    pub private_bytes: u64,
    /// Its proportional share; 0: not asked for.
    pub share_bytes: u64,
    /// Young collections so far.
    pub young_runs: u64,
    /// Full collections so far.
    pub full_runs: u64,
    /// Nanoseconds of all pauses so far.
    pub pause_ns_total: u64,
    /// [`STALE`].
    pub flags: u32,
}

/// What happened; the numbers of `GC_SERIES_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum What {
    /// A young collection ended.
    Young = 1,
    /// A full one ended.
    Full = 2,
    /// A named scope was entered.
    Enter = 3,
    /// A named scope was left.
    Leave = 4,
    /// A watch was set off.
    Watch = 5,
}

/// One thing that happened.
#[derive(Clone, Copy)]
pub struct Happening {
    /// When it ended.
    pub time_ns: u64,
    /// How long it took.
    pub duration_ns: u64,
    /// Live bytes then.
    pub live_bytes: u64,
    /// Objects that a collection ended; the number of a watch.
    pub value: u64,
    /// What it was.
    pub what: What,
    /// The name, as a site's number; 0: none.
    pub name: u32,
}

/// A ring: what is older than its capacity is written over.
pub struct Ring<T> {
    items: *mut T,
    capacity: usize,
    /// Items that were ever put in.
    count: u64,
}

impl<T: Copy> Ring<T> {
    fn begin(&mut self, capacity: usize) -> bool {
        self.items = sys::allocate(capacity * size_of::<T>()) as *mut T;
        self.capacity = capacity;
        self.count = 0;
        !self.items.is_null()
    }

    fn put(&mut self, item: T) {
        // SAFETY: below the capacity.
        unsafe { self.items.add((self.count % self.capacity as u64) as usize).write(item) };
        self.count += 1;
    }

    /// Numbers of the items that are there: from the oldest to behind the newest.
    pub fn numbers(&self) -> core::ops::Range<u64> {
        self.count.saturating_sub(self.capacity as u64)..self.count
    }

    /// An item by its number, counted from the first that was put in.
    pub fn get(&self, number: u64) -> Option<T> {
        // SAFETY: below the capacity, and written.
        self.numbers()
            .contains(&number)
            .then(|| unsafe { self.items.add((number % self.capacity as u64) as usize).read() })
    }

    fn end(&mut self) {
        // SAFETY: ours, and empty from here on.
        unsafe { sys::free(self.items as *mut u8) };
        self.items = ptr::null_mut();
        self.capacity = 0;
    }
}

/// The series of one heap. Zeroed memory, then [`start`].
pub struct Series {
    /// Moments; this and the next under [`lock::SERIES`].
    pub samples: Ring<Sample>,
    /// What happened.
    pub happenings: Ring<Happening>,
    flags: u32,
    /// Samples are at least so far apart.
    interval_ns: u64,
    last: Sample,
    /// When the heap's thread took its last one.
    sampled_ns: u64,
    ticker: Ticker,
}

/// The series of a heap; null while the host wants none.
///
/// # Safety
/// - As [everywhere](crate).
#[inline(always)]
pub unsafe fn of(heap: *mut Heap) -> *mut Series {
    (*heap).observers.state(Seat::Series) as *mut Series
}

unsafe fn hear(heap: *mut Heap, notice: Notice) {
    match notice {
        Notice::ScopeEntered(_, name) => scope(heap, What::Enter, name),
        Notice::ScopeLeft(left) => scope(heap, What::Leave, left.name),
        Notice::Collected(done) => {
            let what = if done.full { What::Full } else { What::Young };
            note(heap, what, done.pause_ns, done.reclaimed, 0);
        }
        Notice::Attend(true) => sample(heap),
        Notice::Gone => stop(heap),
        _ => {}
    }
}

/// How a series is made.
pub struct Options {
    /// [`PRIVATE`], [`THREAD`].
    pub flags: u32,
    /// Samples kept.
    pub capacity: usize,
    /// Nanoseconds between two samples at least; of a thread, exactly.
    pub interval_ns: u64,
}

/// Why there is no series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// There is one.
    IsOn,
    /// No memory, or no thread.
    NoMemory,
}

/// Starts the series of a heap, with a first sample.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn start(heap: *mut Heap, options: &Options) -> Result<(), Refused> {
    if !of(heap).is_null() {
        return Err(Refused::IsOn);
    }
    let series = sys::allocate(size_of::<Series>()) as *mut Series;
    if series.is_null() {
        return Err(Refused::NoMemory);
    }
    (*series).flags = options.flags;
    (*series).interval_ns = options.interval_ns;
    let begun = (*series).samples.begin(options.capacity) && (*series).happenings.begin(options.capacity);
    let wants = Wants::SCOPES | Wants::COLLECTED | Wants::ATTEND | Wants::GONE;
    (*heap).observers.sit(Seat::Series, series as *mut c_void, hear, wants);
    scope::publish(heap);
    if begun {
        sample(heap);
    }
    let alone = options.flags & THREAD == 0;
    let ticking = begun
        && (alone
            || Ticker::start(
                ptr::addr_of_mut!((*series).ticker),
                options.interval_ns,
                tick_from_thread,
                heap as *mut c_void,
            ));
    if !ticking {
        stop(heap);
        return Err(Refused::NoMemory);
    }
    Ok(())
}

/// Ends the series of a heap, its thread first.
///
/// # Safety
/// - Nobody holds the series.
pub unsafe fn stop(heap: *mut Heap) {
    let series = of(heap);
    if series.is_null() {
        return;
    }
    Ticker::stop(ptr::addr_of_mut!((*series).ticker));
    (*heap).observers.leave(Seat::Series);
    scope::publish(heap);
    (*series).samples.end();
    (*series).happenings.end();
    sys::free(series as *mut u8);
}

/// Ends the thread of a heap's series, if it has one.
///
/// # Safety
/// - The heap is live.
pub unsafe fn stop_thread(heap: *mut Heap) {
    if !of(heap).is_null() {
        Ticker::stop(ptr::addr_of_mut!((*of(heap)).ticker));
    }
}

/// A tick of the host's: takes a sample, if the last one is old enough, and lets everybody else look around.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn tick(heap: *mut Heap) {
    let series = of(heap);
    if !series.is_null() && sys::now_ns().saturating_sub((*series).sampled_ns) >= (*series).interval_ns {
        sample(heap);
    }
    observe::attend(heap);
}

/// The thread: if the last tick was not served, the heap is at rest, and what the kernel says is all that is new.
unsafe fn tick_from_thread(arg: *mut c_void) {
    let heap = arg as *mut Heap;
    let series = of(heap);
    // ORDER: relaxed: that a tick is due is all that is handed to `observe::attend`; what a signal released before goes on
    // being released, this being one operation.
    if !(*heap).attention.swap(true, Ordering::Relaxed) {
        return;
    }
    let mut now = Sample::default();
    read_meters(&*series, &mut now);
    let Some(_guard) = lock::SERIES.lock_between_forks() else { return };
    let last = (*series).last;
    // The heap's thread has taken one meanwhile.
    if last.time_ns > now.time_ns {
        return;
    }
    let sample = Sample {
        time_ns: now.time_ns,
        resident_bytes: now.resident_bytes,
        private_bytes: now.private_bytes,
        share_bytes: now.share_bytes,
        flags: STALE,
        ..last
    };
    (*series).samples.put(sample);
    (*series).last = sample;
}

unsafe fn read_meters(series: &Series, sample: &mut Sample) {
    sample.time_ns = sys::now_ns();
    sample.resident_bytes = meters::resident_bytes();
    if series.flags & PRIVATE != 0 {
        (sample.private_bytes, sample.share_bytes) = meters::private_bytes();
    }
}

unsafe fn sample(heap: *mut Heap) {
    let series = &mut *of(heap);
    let mut sample = Sample {
        live_objects: (*heap).live_objects(),
        live_bytes: (*heap).live_bytes(),
        external_bytes: (*heap).external.total,
        heap_bytes: (*heap).space.heap_bytes(),
        young_runs: (*heap).young.runs,
        full_runs: (*heap).full.runs,
        pause_ns_total: (*heap).young.pause_ns_total + (*heap).full.pause_ns_total,
        ..Sample::default()
    };
    read_meters(series, &mut sample);
    series.sampled_ns = sample.time_ns;
    let _guard = lock::SERIES.lock();
    series.samples.put(sample);
    series.last = sample;
}

/// Notes what happened.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn note(heap: *mut Heap, what: What, duration_ns: u64, value: u64, name: u32) {
    if of(heap).is_null() {
        return;
    }
    let live_bytes = (*heap).live_bytes();
    let _guard = lock::SERIES.lock();
    let time_ns = sys::now_ns();
    (*of(heap)).happenings.put(Happening { time_ns, duration_ns, live_bytes, value, what, name });
}

/// A scope was entered or left.
unsafe fn scope(heap: *mut Heap, what: What, name: *const c_char) {
    if !name.is_null() && site::begin() {
        note(heap, what, 0, 0, site::number_of_scope(name));
    }
}
