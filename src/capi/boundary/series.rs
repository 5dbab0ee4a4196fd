//! The boundary of `rcgc/series.h`.

use super::profile::put_all;
use super::*;
use crate::auto::watch::{self, Action, Metric, Watch};
use crate::capi::series::*;
use crate::series::{self, Happening, Ring, Sample};
use crate::sys::lock;

const_assert_eq!(GC_SERIES_PRIVATE | GC_SERIES_THREAD, series::ALL_FLAGS);
const_assert_eq!(GC_SAMPLE_STALE, series::STALE);

/// Nanoseconds between the ticks of a thread when the host does not say.
const THREAD_INTERVAL_NS: u64 = 10_000_000;
/// The most samples that are kept.
const CAPACITY_MAX: u32 = 1 << 24;

pub(in crate::capi) unsafe fn series_start(heap: *mut Heap, options: *const gc_series_options) -> rc_status {
    const CALL: &str = "gc_series_start";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if only_looking(CALL, heap) {
        return RC_ERR_REFUSED;
    }
    let mut given = core::mem::MaybeUninit::<gc_series_options>::zeroed().assume_init();
    if !options.is_null() {
        match read_struct(options, (*options).struct_size, 16) {
            Ok(options) => given = options,
            Err(why) => {
                (*heap).set_error(format_args!("{CALL}: options: {why}"));
                return RC_ERR_INVALID;
            }
        }
    }
    if given.flags & !series::ALL_FLAGS != 0 || given.capacity > CAPACITY_MAX {
        (*heap)
            .set_error(format_args!("{CALL}: options: an unknown flag, or more than {CAPACITY_MAX} samples"));
        return RC_ERR_INVALID;
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
    match series::start(heap, &options) {
        Ok(()) => RC_OK,
        Err(series::Refused::IsOn) => {
            (*heap).set_error(format_args!("{CALL}: heap {} has a series already", CText((*heap).name())));
            RC_ERR_IN_USE
        }
        Err(series::Refused::NoMemory) => {
            (*heap).set_error(format_args!("{CALL}: no memory, or no thread"));
            RC_ERR_NO_MEMORY
        }
    }
}

pub(in crate::capi) unsafe fn series_stop(heap: *mut Heap) {
    if let Some(heap) = heap_of("gc_series_stop", heap) {
        not_looking("gc_series_stop", heap);
        series::stop(heap);
    }
}

pub(in crate::capi) unsafe fn series_tick(heap: *mut Heap) {
    if let Some(heap) = heap_of("gc_series_tick", heap) {
        let _pin = Pin::on(heap);
        series::tick(heap);
    }
}

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

unsafe fn series_rows(
    call: &str,
    heap: *mut Heap,
    rows: impl FnOnce(&series::Series) -> Result<u64, &'static str>,
) -> u64 {
    numbered(call, heap, |heap| {
        if series::of(heap).is_null() {
            (*heap).set_error(format_args!("{call}: heap {} has no series", CText((*heap).name())));
            return Err(RC_ERR_REFUSED);
        }
        let series = &*series::of(heap);
        let result = {
            let _guard = lock::SERIES.lock();
            rows(series)
        };
        result.map_err(|why| bad_rows(heap, call, why))
    })
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
        id => crate::profile::site::place(id).map_or(core::ptr::null(), |place| place.function),
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

pub(in crate::capi) unsafe fn series_samples(
    heap: *mut Heap,
    from: u64,
    out_rows: *mut gc_sample,
    room: usize,
    out_written: *mut usize,
) -> u64 {
    series_rows("gc_series_samples", heap, |series| {
        put_ring(&series.samples, from, out_rows, room, out_written, sample_row)
    })
}

pub(in crate::capi) unsafe fn series_events(
    heap: *mut Heap,
    from: u64,
    out_rows: *mut gc_series_event,
    room: usize,
    out_written: *mut usize,
) -> u64 {
    series_rows("gc_series_events", heap, |series| {
        put_ring(&series.happenings, from, out_rows, room, out_written, event_row)
    })
}

// ---- watches ----

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

pub(in crate::capi) unsafe fn watch(
    heap: *mut Heap,
    spec: *const gc_watch_spec,
    out_watch: NonNull<u32>,
) -> rc_status {
    const CALL: &str = "gc_watch";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if only_looking(CALL, heap) {
        return RC_ERR_REFUSED;
    }
    let invalid = |why: &str| {
        (*heap).set_error(format_args!("{CALL}: {why}"));
        RC_ERR_INVALID
    };
    if spec.is_null() || out_watch.0.is_null() {
        return invalid("spec or out_watch is null");
    }
    let spec = match read_struct(spec, (*spec).struct_size, core::mem::offset_of!(gc_watch_spec, callback)) {
        Ok(spec) => spec,
        Err(why) => return invalid(why),
    };
    let (Some(metric), Some(action)) = (metric_of(spec.metric), action_of(spec.action)) else {
        return invalid("the metric or the action is unknown");
    };
    if metric == Metric::TypeObjects {
        if spec.type_.is_null() {
            return invalid("the type is null");
        }
        if (*type_checked(CALL, spec.type_)).heap != heap {
            return invalid("the type is of another heap");
        }
    }
    if action == Action::Callback && spec.callback.is_none() {
        return invalid("the callback is null");
    }
    if action == Action::Dump && spec.path.is_null() {
        return invalid("the path is null");
    }
    let mut watch = Watch::new(metric, spec.limit, action);
    watch.callback = spec.callback;
    watch.ctx = spec.ctx;
    watch.kind = if metric == Metric::TypeObjects { spec.type_ } else { core::ptr::null_mut() };
    watch.path = spec.path;
    match watch::add(heap, &watch) {
        Some(number) => {
            *out_watch.0 = number;
            RC_OK
        }
        None => {
            (*heap).set_error(format_args!("{CALL}: no memory"));
            RC_ERR_NO_MEMORY
        }
    }
}

pub(in crate::capi) unsafe fn unwatch(heap: *mut Heap, number: u32) -> rc_status {
    const CALL: &str = "gc_unwatch";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if only_looking(CALL, heap) {
        return RC_ERR_REFUSED;
    }
    if watch::remove(heap, number) {
        return RC_OK;
    }
    (*heap).set_error(format_args!("{CALL}: there is no watch {number}"));
    RC_ERR_INVALID
}
