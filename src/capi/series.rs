//! `rcgc/series.h`: numbers over time, and limits. Samples of the engine's bytes beside what the kernel says of the
//! process, what happened when (collections, named scopes, watches), and watches, which do something when a number
//! reaches a limit. A null heap means the default heap.

use super::boundary::{number, status, type_checked, Answer, Call, NonNull};
use super::rows::put_all;
use super::status::*;
use crate::auto::watch::{self, Action, Metric, Watch};
use crate::base::report::CText;
use crate::heap::Heap as gc_heap;
use crate::host::Pin;
use crate::series::{self, Happening, Ring, Sample};
use crate::sys::lock;
use crate::types::Type as rc_type;
use core::ffi::{c_char, c_void};
use static_assertions::const_assert_eq;

/// Read the private bytes of the process, too. The kernel takes a millisecond and more for each GiB.
pub const GC_SERIES_PRIVATE: u32 = 1;
/// Start a thread that says every `interval_ns` that a sample is due. It touches no object and no heap: the heap's
/// thread takes the sample at its next allocations, and while there are none the thread writes down what the kernel
/// says.
pub const GC_SERIES_THREAD: u32 = 2;

/// How a series is made. Start from `GC_SERIES_OPTIONS_INIT`; a field left zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_series_options {
    /// `sizeof(gc_series_options)` as the host was compiled.
    pub struct_size: usize,
    /// `GC_SERIES_*` together.
    pub flags: u32,
    /// Samples that are kept, and events, 96 and 48 bytes each; older ones are written over. 0: 4096.
    pub capacity: u32,
    /// Nanoseconds between two samples at least. 0: each tick is one; with a thread 10 ms.
    pub interval_ns: u64,
}

/// The engine's numbers in this sample are those of the one before: the heap's thread was busy elsewhere.
pub const GC_SAMPLE_STALE: u32 = 1;

/// One moment. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_sample {
    /// `sizeof(gc_sample)` as the host was compiled.
    pub struct_size: usize,
    /// Nanoseconds of the monotonic clock.
    pub time_ns: u64,
    /// Objects that live.
    pub live_objects: u64,
    /// Bytes of objects that live, with headers and rounding.
    pub live_bytes: u64,
    /// Bytes that objects keep elsewhere.
    pub external_bytes: u64,
    /// Bytes of memory taken for objects.
    pub heap_bytes: u64,
    /// Resident bytes of the process.
    pub resident_bytes: u64,
    /// Private bytes of the process; 0 without `GC_SERIES_PRIVATE`.
    pub private_bytes: u64,
    /// The process's share of its memory, some of which other processes have too; 0 without `GC_SERIES_PRIVATE`.
    pub share_bytes: u64,
    /// Young collections so far.
    pub young_runs: u64,
    /// Full collections so far.
    pub full_runs: u64,
    /// Nanoseconds of all pauses so far.
    pub pause_ns_total: u64,
    /// `GC_SAMPLE_STALE`.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

/// A young collection ended.
pub const GC_SERIES_YOUNG: u32 = 1;
/// A full collection ended.
pub const GC_SERIES_FULL: u32 = 2;
/// A named scope was entered.
pub const GC_SERIES_ENTER: u32 = 3;
/// A named scope was left.
pub const GC_SERIES_LEAVE: u32 = 4;
/// A watch was set off.
pub const GC_SERIES_WATCH: u32 = 5;

/// One event. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_series_event {
    /// `sizeof(gc_series_event)` as the host was compiled.
    pub struct_size: usize,
    /// When it ended, in nanoseconds of the monotonic clock.
    pub time_ns: u64,
    /// How long it took: of a collection.
    pub duration_ns: u64,
    /// Live bytes then.
    pub live_bytes: u64,
    /// Objects that a collection ended; the number of a watch.
    pub value: u64,
    /// One of `GC_SERIES_YOUNG` and those behind it.
    pub what: u32,
    /// 0.
    pub reserved: u32,
    /// The scope's name, else null.
    pub name: *const c_char,
}

/// Starts the series of a heap, with a first sample. It ends with `gc_series_stop`, and with the heap. A forked child
/// has the series with what was sampled, without the thread.
///
/// Ownership: nothing; the options are copied. Null means the defaults.
/// Threads: the heap's. With GC_SERIES_THREAD one is started, which blocks all signals.
/// Fails: RC_ERR_IN_USE when there is one; RC_ERR_INVALID for a bad size, flag or capacity; RC_ERR_REFUSED where host code
/// may only look (rcgc/heap.h); RC_ERR_NO_MEMORY, also when the system gives no thread.
#[no_mangle]
pub unsafe extern "C" fn gc_series_start(heap: *mut gc_heap, options: *const gc_series_options) -> rc_status {
    status(|| {
        let call = Call::on("gc_series_start", heap)?;
        call.may_change()?;
        let given = call.read_or_zero(options, 16, "options: ")?;
        if given.flags & !series::ALL_FLAGS != 0 || given.capacity > CAPACITY_MAX {
            return call
                .invalid(format_args!("options: an unknown flag, or more than {CAPACITY_MAX} samples"));
        }
        let threaded = given.flags & GC_SERIES_THREAD != 0;
        let options = series::Options {
            flags: given.flags,
            capacity: if given.capacity == 0 { series::SAMPLES } else { given.capacity } as usize,
            interval_ns: match given.interval_ns {
                0 if threaded => THREAD_INTERVAL_NS,
                interval => interval,
            },
        };
        series::start(call.heap, &options).or_else(|why| match why {
            series::Refused::IsOn => {
                let name = CText((*call.heap).name());
                call.refuse(RC_ERR_IN_USE, format_args!("heap {name} has a series already"))
            }
            series::Refused::NoMemory => call.refuse(RC_ERR_NO_MEMORY, "no memory, or no thread"),
        })
    })
}

/// Ends the series of a heap, and its thread, and forgets what it has. Without one, nothing happens.
///
/// Threads: the heap's; in a forked child the thread is gone already.
/// Fails: fatal where host code may only look (rcgc/heap.h).
#[no_mangle]
pub unsafe extern "C" fn gc_series_stop(heap: *mut gc_heap) {
    if let Ok(call) = Call::on("gc_series_stop", heap) {
        call.must_not_look();
        series::stop(call.heap);
    }
}

/// A tick of the host's: takes a sample, when the last one is at least `interval_ns` old, and looks at the watches.
/// About 2 microseconds; without series and watches nothing.
///
/// Runs host code: the callbacks of watches; `traverse` of callback types where a watch writes a dump.
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_series_tick(heap: *mut gc_heap) {
    if let Ok(call) = Call::on("gc_series_tick", heap) {
        let _pin = Pin::on(call.heap);
        series::tick(call.heap);
    }
}

/// Writes samples, the oldest first, from the one with the number `from` on, and returns the number behind the newest.
/// Samples are numbered from 0; those written over are passed. At most `room` are written, each of
/// `out_rows->struct_size` bytes, which must be set; `out_written`, which may be null, says how many.
///
/// Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size, RC_ERR_REFUSED without a series.
#[no_mangle]
pub unsafe extern "C" fn gc_series_samples(
    heap: *mut gc_heap,
    from: u64,
    out_rows: *mut gc_sample,
    room: usize,
    out_written: *mut usize,
) -> u64 {
    number("gc_series_samples", heap, |call| {
        rows_of(call, |series| put_ring(&series.samples, from, out_rows, room, out_written, sample_row))
    })
}

/// As `gc_series_samples`, for events.
///
/// Ownership: nothing; names live until the program ends.
/// Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size, RC_ERR_REFUSED without a series.
#[no_mangle]
pub unsafe extern "C" fn gc_series_events(
    heap: *mut gc_heap,
    from: u64,
    out_rows: *mut gc_series_event,
    room: usize,
    out_written: *mut usize,
) -> u64 {
    number("gc_series_events", heap, |call| {
        rows_of(call, |series| put_ring(&series.happenings, from, out_rows, room, out_written, event_row))
    })
}

/// A watch looks at the bytes of live objects.
pub const GC_WATCH_LIVE_BYTES: u32 = 1;
/// A watch looks at how many objects live.
pub const GC_WATCH_LIVE_OBJECTS: u32 = 2;
/// A watch looks at the bytes that objects keep elsewhere.
pub const GC_WATCH_EXTERNAL_BYTES: u32 = 3;
/// A watch looks at the memory taken for objects, in bytes.
pub const GC_WATCH_HEAP_BYTES: u32 = 4;
/// A watch looks at the resident bytes of the process.
pub const GC_WATCH_RESIDENT_BYTES: u32 = 5;
/// A watch looks at the nanoseconds of a pause.
pub const GC_WATCH_PAUSE_NS: u32 = 6;
/// A watch looks at how many objects of a type live.
pub const GC_WATCH_TYPE_OBJECTS: u32 = 7;

/// A watch writes a line to the log.
pub const GC_WATCH_LOG: u32 = 0;
/// A watch calls a function.
pub const GC_WATCH_CALLBACK: u32 = 1;
/// A watch raises SIGTRAP, for a debugger.
pub const GC_WATCH_TRAP: u32 = 2;
/// A watch writes a dump.
pub const GC_WATCH_DUMP: u32 = 3;

/// Told that a watch was set off, with its number and what it looks at. It may do anything, also end the watch, but another
/// watch is not set off meanwhile. It may run inside an `rc_new`, whose type and heap it cannot end.
pub type gc_watch_fn =
    Option<unsafe extern "C" fn(heap: *mut gc_heap, watch: u32, value: u64, ctx: *mut c_void)>;

/// A watch. Start from `GC_WATCH_SPEC_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_watch_spec {
    /// `sizeof(gc_watch_spec)` as the host was compiled.
    pub struct_size: usize,
    /// What is looked at: `GC_WATCH_LIVE_BYTES` and those behind it.
    pub metric: u32,
    /// What is done: `GC_WATCH_LOG` and those behind it.
    pub action: u32,
    /// It is set off when the number is at least this.
    pub limit: u64,
    /// The type, of `GC_WATCH_TYPE_OBJECTS`; a watch ends with its type.
    pub type_: *mut rc_type,
    /// The function, of `GC_WATCH_CALLBACK`.
    pub callback: gc_watch_fn,
    /// Given to `callback`.
    pub ctx: *mut c_void,
    /// The file of `GC_WATCH_DUMP`: `%p` in it is the process, `%n` how often the watch was set off, `%%` a percent
    /// sign. Two heaps do not write one file, and a forked child not its parent's: see `rcgc/plan.h`.
    pub path: *const c_char,
}

/// Adds a watch, and writes its number.
///
/// Watches are looked at when a tick is taken, when a collection has ended, and when an allocation budget is spent,
/// which is every few MiB at most. One that was set off is set again when the number has fallen below the limit; one
/// on pauses with each pause.
///
/// Ownership: `ctx` stays the host's and must outlive the watch; the path is copied.
/// Fails: RC_ERR_INVALID for a bad size, an unknown number, a missing callback, path or type, and a type of another
/// heap; RC_ERR_REFUSED where host code may only look (rcgc/heap.h); RC_ERR_NO_MEMORY; fatal for a type that is not live.
#[no_mangle]
pub unsafe extern "C" fn gc_watch(
    heap: *mut gc_heap,
    spec: *const gc_watch_spec,
    out_watch: NonNull<u32>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_watch", heap)?;
        call.may_change()?;
        call.needs(!spec.is_null() && !out_watch.0.is_null(), "spec or out_watch is null")?;
        let spec = call.read(spec, core::mem::offset_of!(gc_watch_spec, callback), "")?;
        let (Some(metric), Some(action)) = (metric_of(spec.metric), action_of(spec.action)) else {
            return call.invalid("the metric or the action is unknown");
        };
        let of_type = metric == Metric::TypeObjects;
        if of_type {
            call.needs(!spec.type_.is_null(), "the type is null")?;
            let ty = type_checked(call.name, spec.type_);
            call.needs((*ty).heap == call.heap, "the type is of another heap")?;
        }
        call.needs(action != Action::Callback || spec.callback.is_some(), "the callback is null")?;
        call.needs(action != Action::Dump || !spec.path.is_null(), "the path is null")?;
        let mut watch = Watch::new(metric, spec.limit, action);
        watch.callback = spec.callback;
        watch.ctx = spec.ctx;
        watch.ty = if of_type { spec.type_ } else { core::ptr::null_mut() };
        watch.path = spec.path;
        let Some(number) = watch::add(call.heap, &watch) else { return call.no_memory() };
        *out_watch.0 = number;
        Ok(())
    })
}

/// Ends a watch.
///
/// Fails: RC_ERR_INVALID for a number that is of no watch; RC_ERR_REFUSED where host code may only look (rcgc/heap.h).
#[no_mangle]
pub unsafe extern "C" fn gc_unwatch(heap: *mut gc_heap, watch: u32) -> rc_status {
    status(|| {
        let call = Call::on("gc_unwatch", heap)?;
        call.may_change()?;
        if !watch::remove(call.heap, watch) {
            return call.invalid(format_args!("there is no watch {watch}"));
        }
        Ok(())
    })
}

const_assert_eq!(GC_SERIES_PRIVATE | GC_SERIES_THREAD, series::ALL_FLAGS);
const_assert_eq!(GC_SAMPLE_STALE, series::STALE);

/// Nanoseconds between the ticks of a thread when the host does not say.
const THREAD_INTERVAL_NS: u64 = 10_000_000;
/// The most samples that are kept.
const CAPACITY_MAX: u32 = 1 << 24;

/// Writes items of a ring from a number on. Returns the number behind the newest; err is a sentence.
unsafe fn put_ring<T: Copy, R>(
    ring: &Ring<T>,
    from: u64,
    to: *mut R,
    room: usize,
    written: *mut usize,
    row_of: impl Fn(T) -> R,
) -> Result<u64, &'static str> {
    let numbers = ring.numbers();
    // Not more than there is room for, so that who reads a few at a time does not pass by all each time.
    let wanted = if to.is_null() { 0 } else { room };
    let numbers_wanted = (from.max(numbers.start)..numbers.end).take(wanted);
    let rows = numbers_wanted.filter_map(|number| ring.get(number)).map(row_of);
    let count = put_all(to, room, rows)?.min(if to.is_null() { 0 } else { room });
    if !written.is_null() {
        *written = count;
    }
    Ok(numbers.end)
}

unsafe fn rows_of(
    call: Call,
    rows: impl FnOnce(&series::Series) -> Result<u64, &'static str>,
) -> Answer<u64> {
    if series::of(call.heap).is_null() {
        let name = CText((*call.heap).name());
        return call.refuse(RC_ERR_REFUSED, format_args!("heap {name} has no series"));
    }
    let series = &*series::of(call.heap);
    let result = {
        let _guard = lock::SERIES.lock();
        rows(series)
    };
    result.or_else(|why| call.bad_rows(why))
}

fn sample_row(sample: Sample) -> gc_sample {
    gc_sample {
        struct_size: size_of::<gc_sample>(),
        time_ns: sample.time_ns,
        live_objects: sample.live_objects,
        live_bytes: sample.live_bytes,
        external_bytes: sample.external_bytes,
        heap_bytes: sample.heap_bytes,
        resident_bytes: sample.resident_bytes,
        private_bytes: sample.private_bytes,
        share_bytes: sample.share_bytes,
        young_runs: sample.young_runs,
        full_runs: sample.full_runs,
        pause_ns_total: sample.pause_ns_total,
        flags: sample.flags,
        reserved: 0,
    }
}

fn event_row(happening: Happening) -> gc_series_event {
    let name = match happening.name {
        0 => core::ptr::null(),
        id => crate::profile::site::location(id).map_or(core::ptr::null(), |location| location.function),
    };
    gc_series_event {
        struct_size: size_of::<gc_series_event>(),
        time_ns: happening.time_ns,
        duration_ns: happening.duration_ns,
        live_bytes: happening.live_bytes,
        value: happening.value,
        what: happening.what as u32,
        reserved: 0,
        name,
    }
}

fn metric_of(number: u32) -> Option<Metric> {
    [
        Metric::LiveBytes,
        Metric::LiveObjects,
        Metric::ExternalBytes,
        Metric::HeapBytes,
        Metric::ResidentBytes,
        Metric::PauseNs,
        Metric::TypeObjects,
    ]
    .into_iter()
    .find(|&metric| metric as u32 == number)
}

fn action_of(number: u32) -> Option<Action> {
    [Action::Log, Action::Callback, Action::Trap, Action::Dump]
        .into_iter()
        .find(|&action| action as u32 == number)
}
