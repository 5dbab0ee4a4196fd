//! The boundary of `rcgc/collector.h`.

use super::*;

pub(in crate::capi) unsafe fn track(obj: NonNull<c_void>) -> rc_status {
    let header = checked("gc_track", obj.0);
    let kind = &*object::type_of(obj.0);
    if !kind.flags.contains(TypeFlags::REFERS) || kind.flags.contains(TypeFlags::ACYCLIC) {
        (*kind.heap).set_error(format_args!(
            "gc_track: type {} {}",
            kind.name(),
            if kind.flags.contains(TypeFlags::ACYCLIC) { "is acyclic" } else { "has no references" }
        ));
        return RC_ERR_UNSUPPORTED;
    }
    if !object::is_settled(header) {
        (*kind.heap).set_error(format_args!("gc_track: {} {:p} is dying", kind.name(), obj.0));
        return RC_ERR_REFUSED;
    }
    header::set_flags(obj.0, Flags::TRACKED);
    RC_OK
}

pub(in crate::capi) unsafe fn untrack(obj: NonNull<c_void>) -> rc_status {
    let header = checked("gc_untrack", obj.0);
    if !object::is_settled(header) {
        let kind = &*object::type_of(obj.0);
        (*kind.heap).set_error(format_args!("gc_untrack: {} {:p} is dying", kind.name(), obj.0));
        return RC_ERR_REFUSED;
    }
    header::clear_flags(obj.0, Flags::TRACKED);
    RC_OK
}

pub(in crate::capi) unsafe fn is_tracked(obj: NonNull<c_void>) -> bool {
    checked("gc_is_tracked", obj.0).has(Flags::TRACKED)
}

pub(in crate::capi) unsafe fn collect(heap: *mut Heap) -> usize {
    collect_kind("gc_collect", heap, Kind::Full)
}

pub(in crate::capi) unsafe fn collect_young(heap: *mut Heap) -> usize {
    collect_kind("gc_collect_young", heap, Kind::Young)
}

unsafe fn collect_kind(call: &str, heap: *mut Heap, kind: Kind) -> usize {
    let Some(heap) = heap_of(call, heap) else {
        keep_status(core::ptr::null_mut(), RC_ERR_NO_MEMORY);
        return 0;
    };
    let _pin = Pin::on(heap);
    let (reclaimed, status) = match kind {
        Kind::Full => cycle::collect_and_trim(heap),
        Kind::Young => cycle::collect(heap, kind),
    };
    keep_outcome(call, heap, status);
    reclaimed as usize
}

/// Keeps how a collection or a run of finalizers went, with a sentence where not all is well.
pub(super) unsafe fn keep_outcome(call: &str, heap: *mut Heap, status: Status) {
    let why = match status {
        Status::Ok => "",
        Status::Refused => "none may run here, in a callback of a collection, in traverse or in clear",
        Status::NoMemory => "no memory for judging",
        Status::Traverse => "counts and edges of an object do not fit, as the log says",
    };
    if !why.is_empty() {
        (*heap).set_error(format_args!("{call}: {why}"));
    }
    keep_status(heap, status as u32);
}

pub(in crate::capi) unsafe fn safepoint(heap: *mut Heap) {
    if let Some(heap) = heap_of("gc_safepoint", heap) {
        let _pin = Pin::on(heap);
        cycle::safepoint(heap);
    }
}

pub(in crate::capi) unsafe fn set_enabled(heap: *mut Heap, enabled: bool) {
    let call = if enabled { "gc_enable" } else { "gc_disable" };
    if let Some(heap) = heap_of(call, heap) {
        (*heap).enabled = enabled;
    }
}

pub(in crate::capi) unsafe fn is_enabled(heap: *mut Heap) -> bool {
    heap_of("gc_is_enabled", heap).is_some_and(|heap| (*heap).enabled)
}

pub(in crate::capi) unsafe fn set_policy(heap: *mut Heap, policy: *const gc_policy) -> rc_status {
    let Some(heap) = heap_of("gc_set_policy", heap) else { return RC_ERR_NO_MEMORY };
    let heap = &mut *heap;
    if policy.is_null() {
        heap.set_error(format_args!("gc_set_policy: policy is null"));
        return RC_ERR_INVALID;
    }
    let policy = match read_struct(policy, (*policy).struct_size, core::mem::offset_of!(gc_policy, growth)) {
        Ok(policy) => policy,
        Err(why) => {
            heap.set_error(format_args!("gc_set_policy: policy: {why}"));
            return RC_ERR_INVALID;
        }
    };
    let mode = match policy.mode {
        crate::capi::collector::GC_POLICY_ALLOCATION => pace::Mode::Allocation,
        crate::capi::collector::GC_POLICY_SAFEPOINT => pace::Mode::Safepoint,
        crate::capi::collector::GC_POLICY_NEVER => pace::Mode::Never,
        other => {
            heap.set_error(format_args!("gc_set_policy: mode {other} is unknown"));
            return RC_ERR_INVALID;
        }
    };
    if policy.reserved != 0 || !(0.0..=pace::GROWTH_MAX).contains(&policy.growth) {
        heap.set_error(format_args!(
            "gc_set_policy: growth is not between 0 and 100, or reserved is not zero"
        ));
        return RC_ERR_INVALID;
    }
    if policy.pause_budget_ns != 0 {
        heap.set_error(format_args!("gc_set_policy: a pause budget is not available in this version"));
        return RC_ERR_UNSUPPORTED;
    }
    heap.recall_rations();
    heap.pace.mode = mode;
    heap.pace.growth = if policy.growth == 0.0 { pace::GROWTH } else { policy.growth };
    heap.pace.set_young_bytes(policy.young_bytes.min(i64::MAX as u64));
    heap.pace.set_slack(policy.full_min_bytes);
    heap.space.limit_bytes = policy.limit_bytes;
    heap.starved = Default::default();
    heap.space.tight_classes = 0;
    heap.renew_budget(false);
    RC_OK
}

pub(in crate::capi) unsafe fn add_external(heap: *mut Heap, bytes: isize) -> rc_status {
    const CALL: &str = "gc_add_external_bytes";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if (*heap).external.add_to_heap(bytes as i64).is_err() {
        (*heap).set_error(format_args!(
            "{CALL}: {bytes}: what was told for the heap would fall below 0, or its external bytes leave 63 bits"
        ));
        return RC_ERR_INVALID;
    }
    if bytes > 0 {
        (*heap).spend(bytes as u64);
    }
    RC_OK
}

pub(in crate::capi) unsafe fn get_policy(heap: *mut Heap, out_policy: NonNull<gc_policy>) -> rc_status {
    let Some(heap) = heap_of("gc_get_policy", heap) else { return RC_ERR_NO_MEMORY };
    let heap = &mut *heap;
    if out_policy.0.is_null() {
        heap.set_error(format_args!("gc_get_policy: out_policy is null"));
        return RC_ERR_INVALID;
    }
    let policy = gc_policy {
        struct_size: size_of::<gc_policy>(),
        mode: heap.pace.mode as u32,
        reserved: 0,
        growth: heap.pace.growth,
        young_bytes: heap.pace.young_interval,
        pause_budget_ns: 0,
        limit_bytes: heap.space.limit_bytes,
        full_min_bytes: heap.pace.slack,
    };
    match write_struct(out_policy.0, (*out_policy.0).struct_size, &policy) {
        Ok(()) => RC_OK,
        Err(why) => {
            heap.set_error(format_args!("gc_get_policy: {why}"));
            RC_ERR_INVALID
        }
    }
}

fn generation(stats: &GenerationStats) -> gc_generation_stats {
    gc_generation_stats {
        runs: stats.runs,
        examined: stats.examined,
        reclaimed: stats.reclaimed,
        resurrected: stats.resurrected,
        refused: stats.refused,
        last_status: stats.last_status as u32,
        reserved: 0,
        pause_ns_total: stats.pause_ns_total,
        pause_ns_max: stats.pause_ns_max,
        pause_ns_last: stats.pause_ns_last,
        pauses: stats.pauses,
    }
}

pub(in crate::capi) unsafe fn get_stats(heap: *mut Heap, out_stats: NonNull<gc_stats>) -> rc_status {
    let Some(heap) = heap_of("gc_get_stats", heap) else { return RC_ERR_NO_MEMORY };
    let heap = &mut *heap;
    if out_stats.0.is_null() {
        heap.set_error(format_args!("gc_get_stats: out_stats is null"));
        return RC_ERR_INVALID;
    }
    heap.recall_rations();
    let mut allocated = heap.ended_allocated;
    let mut reclaimed = heap.ended_reclaimed;
    heap.each_type(|kind| {
        allocated += (*kind).allocated();
        reclaimed += (*kind).reclaimed;
    });
    let live = heap.live_objects();
    let automatic = heap.enabled && heap.pace.mode != pace::Mode::Never;
    let stats = gc_stats {
        struct_size: size_of::<gc_stats>(),
        live_objects: live,
        live_bytes: heap.live_bytes(),
        external_bytes: heap.external.total,
        heap_bytes: heap.space.heap_bytes(),
        heap_bytes_peak: heap.space.heap_bytes_peak,
        allocated_objects: allocated,
        freed_objects: allocated - live,
        reclaimed_objects: reclaimed,
        full_trigger_bytes: if automatic { heap.pace.full_trigger() } else { u64::MAX },
        young_trigger_bytes: if automatic {
            heap.pace.young_interval.saturating_sub(heap.pace.allocated(heap.budget))
        } else {
            u64::MAX
        },
        young: generation(&heap.young),
        full: generation(&heap.full),
    };
    match write_struct(out_stats.0, (*out_stats.0).struct_size, &stats) {
        Ok(()) => RC_OK,
        Err(why) => {
            heap.set_error(format_args!("gc_get_stats: {why}"));
            RC_ERR_INVALID
        }
    }
}

pub(in crate::capi) unsafe fn is_finalized(obj: NonNull<c_void>) -> bool {
    checked("gc_is_finalized", obj.0).has(Flags::FINALIZED)
}

/// What runs while a heap may only be looked at.
pub(super) const LOOKING: &str =
    "a traverse, or the function that takes a dump, a text or a finding, is running, which may only look";

/// Whether host code is running that may only look at the heap: then the sentence is kept, and the call is refused.
pub(super) unsafe fn only_looking(call: &str, heap: *mut Heap) -> bool {
    let looking = (*heap).phase == Phase::Judging;
    if looking {
        (*heap).set_error(format_args!("{call}: {LOOKING}"));
    }
    looking
}

/// As [`only_looking`], for calls that have no status: fatal.
pub(super) unsafe fn not_looking(call: &str, heap: *mut Heap) {
    if (*heap).phase == Phase::Judging {
        report::fatal(format_args!("{call}: {LOOKING} (heap {})", CText((*heap).name())));
    }
}

/// A change of what collections see, refused while one is running.
unsafe fn unless_collecting(call: &str, heap: *mut Heap, change: unsafe fn(*mut Heap) -> bool) -> rc_status {
    let Some(heap) = heap_of(call, heap) else { return RC_ERR_NO_MEMORY };
    if change(heap) {
        return RC_OK;
    }
    (*heap).set_error(format_args!("{call}: a collection is running"));
    RC_ERR_REFUSED
}

pub(in crate::capi) unsafe fn freeze(heap: *mut Heap) -> rc_status {
    unless_collecting("gc_freeze", heap, cycle::freeze)
}

pub(in crate::capi) unsafe fn unfreeze(heap: *mut Heap) -> rc_status {
    unless_collecting("gc_unfreeze", heap, cycle::unfreeze)
}

pub(in crate::capi) unsafe fn freeze_count(heap: *mut Heap) -> usize {
    heap_of("gc_freeze_count", heap).map_or(0, |heap| cycle::count_frozen(heap) as usize)
}

pub(in crate::capi) unsafe fn set_debug(heap: *mut Heap, flags: u32) -> rc_status {
    let Some(heap) = heap_of("gc_set_debug", heap) else { return RC_ERR_NO_MEMORY };
    if flags & !events::DEBUG_ALL != 0 {
        (*heap)
            .set_error(format_args!("gc_set_debug: flags {:#x} are not known", flags & !events::DEBUG_ALL));
        return RC_ERR_INVALID;
    }
    (*heap).debug = flags;
    RC_OK
}

pub(in crate::capi) unsafe fn get_debug(heap: *mut Heap) -> u32 {
    heap_of("gc_get_debug", heap).map_or(0, |heap| (*heap).debug)
}

pub(in crate::capi) unsafe fn garbage_count(heap: *mut Heap) -> usize {
    heap_of("gc_garbage_count", heap).map_or(0, |heap| (*heap).garbage.len())
}

pub(in crate::capi) unsafe fn garbage_get(heap: *mut Heap, index: usize) -> *mut c_void {
    heap_of("gc_garbage_get", heap)
        .and_then(|heap| (*heap).garbage.get(index))
        .unwrap_or(core::ptr::null_mut())
}

pub(in crate::capi) unsafe fn garbage_clear(heap: *mut Heap) {
    if let Some(heap) = heap_of("gc_garbage_clear", heap) {
        let _pin = Pin::on(heap);
        host::aside(heap, || cycle::garbage_clear(heap));
    }
}

const_assert_eq!(size_of::<Event>(), size_of::<gc_event>());

pub(in crate::capi) unsafe fn add_callback(
    heap: *mut Heap,
    callback: gc_callback_fn,
    ctx: *mut c_void,
) -> rc_status {
    let Some(heap) = heap_of("gc_add_callback", heap) else { return RC_ERR_NO_MEMORY };
    let Some(callback) = event_fn(callback) else {
        (*heap).set_error(format_args!("gc_add_callback: callback is null"));
        return RC_ERR_INVALID;
    };
    if (*heap).callbacks.find(callback, ctx).is_some() {
        (*heap).set_error(format_args!("gc_add_callback: the callback is there with this ctx already"));
        return RC_ERR_INVALID;
    }
    if !(*heap).callbacks.add(callback, ctx) {
        (*heap).set_error(format_args!("gc_add_callback: no memory"));
        return RC_ERR_NO_MEMORY;
    }
    RC_OK
}

pub(in crate::capi) unsafe fn remove_callback(
    heap: *mut Heap,
    callback: gc_callback_fn,
    ctx: *mut c_void,
) -> rc_status {
    let Some(heap) = heap_of("gc_remove_callback", heap) else { return RC_ERR_NO_MEMORY };
    match event_fn(callback).and_then(|callback| (*heap).callbacks.find(callback, ctx)) {
        Some(index) => {
            (*heap).callbacks.remove(index);
            RC_OK
        }
        None => {
            (*heap).set_error(format_args!("gc_remove_callback: no such callback with this ctx"));
            RC_ERR_INVALID
        }
    }
}

/// The engine's type of the callback: `gc_event` and `Event` are one layout.
unsafe fn event_fn(callback: gc_callback_fn) -> Option<EventFn> {
    core::mem::transmute::<gc_callback_fn, Option<EventFn>>(callback)
}

pub(in crate::capi) unsafe fn run_finalizers(heap: *mut Heap) -> usize {
    const CALL: &str = "gc_run_finalizers";
    let Some(heap) = heap_of(CALL, heap) else {
        keep_status(core::ptr::null_mut(), RC_ERR_NO_MEMORY);
        return 0;
    };
    let _pin = Pin::on(heap);
    let ran = host::aside(heap, || finalizers::run(heap));
    keep_outcome(CALL, heap, ran.status);
    ran.callbacks as usize
}
