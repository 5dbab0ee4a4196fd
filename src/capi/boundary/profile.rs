//! The boundary of `rcgc/profile.h`.

use super::*;
use crate::alloc;
use crate::base::list::List;
use crate::capi::profile::*;
use crate::profile::measure::{self, Measured};
use crate::profile::query::{self, Group, Query, Row, Sort};
use crate::profile::sample::FramesFn;
use crate::profile::site::Site;
use crate::profile::stack::{Mode, DEPTH_MAX};
use crate::profile::{self, quick, record, site, Profile};

const_assert_eq!(size_of::<Site>(), size_of::<rc_site>());
const_assert_eq!(GC_AGE_BUCKETS, crate::profile::book::AGE_BUCKETS);
const_assert_eq!(GC_PROFILE_SITES | GC_PROFILE_STACKS, profile::ALL_FLAGS);

/// The heap and its profile; err is a status, said.
pub(super) unsafe fn profiled(call: &str, heap: *mut Heap) -> Result<(*mut Heap, *mut Profile), rc_status> {
    let Some(heap) = heap_of(call, heap) else { return Err(RC_ERR_NO_MEMORY) };
    if profile::of(heap).is_null() {
        (*heap).set_error(format_args!("{call}: heap {} is not profiled", CText((*heap).name())));
        return Err(RC_ERR_REFUSED);
    }
    Ok((heap, profile::of(heap)))
}

unsafe fn refuse(heap: *mut Heap, call: &str, why: profile::Refused) -> rc_status {
    let name = CText((*heap).name());
    let (status, text) = match why {
        profile::Refused::IsOn => (RC_ERR_IN_USE, "is profiled already"),
        profile::Refused::Collecting => (RC_ERR_REFUSED, "is collecting"),
        profile::Refused::NoMemory => (RC_ERR_NO_MEMORY, "gets no memory for a profile"),
    };
    let line = Line::of(format_args!("{call}: heap {name} {text}"));
    (*heap).set_error(format_args!("{line}"));
    status
}

pub(in crate::capi) unsafe fn profile_start(
    heap: *mut Heap,
    options: *const gc_profile_options,
) -> rc_status {
    const CALL: &str = "gc_profile_start";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    let mut wanted = profile::Options::EXACT;
    if !options.is_null() {
        let options = match read_struct(options, (*options).struct_size, 16) {
            Ok(options) => options,
            Err(why) => {
                (*heap).set_error(format_args!("{CALL}: options: {why}"));
                return RC_ERR_INVALID;
            }
        };
        if options.flags & !profile::ALL_FLAGS != 0 || options.reserved != 0 {
            (*heap).set_error(format_args!(
                "{CALL}: flags {:#x} are not known, or reserved is not zero",
                options.flags & !profile::ALL_FLAGS
            ));
            return RC_ERR_INVALID;
        }
        match read_profile_options(&options) {
            Ok(read) => wanted = read,
            Err(why) => {
                (*heap).set_error(format_args!("{CALL}: options: {why}"));
                return RC_ERR_INVALID;
            }
        }
    }
    let _pin = Pin::on(heap);
    match profile::start(heap, &wanted) {
        Ok(()) => RC_OK,
        Err(why) => refuse(heap, CALL, why),
    }
}

fn read_profile_options(options: &gc_profile_options) -> Result<profile::Options, &'static str> {
    let mut wanted = profile::Options::EXACT;
    if options.flags != 0 {
        wanted.flags = options.flags;
    }
    let stacks = &mut wanted.stacks;
    if options.sample_bytes != 0 {
        stacks.mean = options.sample_bytes;
    }
    if options.depth != 0 {
        stacks.depth = options.depth;
    }
    stacks.mode = [Mode::Auto, Mode::Pointers, Mode::Unwind, Mode::None]
        .into_iter()
        .find(|&mode| mode as u32 == options.stacks)
        .ok_or("stacks is none of GC_STACKS_*")?;
    if stacks.depth as usize > DEPTH_MAX || stacks.mean > 1 << 40 {
        return Err("depth is more than 128, or sample_bytes more than a TiB");
    }
    stacks.seed = options.seed;
    // SAFETY: the two differ in the type of a pointer to a struct of one layout, `rc_site` and `Site`.
    stacks.frames = unsafe { core::mem::transmute::<gc_frames_fn, Option<FramesFn>>(options.frames) };
    stacks.ctx = options.frames_ctx;
    Ok(wanted)
}

pub(in crate::capi) unsafe fn profile_stop(heap: *mut Heap) {
    if let Some(heap) = heap_of("gc_profile_stop", heap) {
        not_looking("gc_profile_stop", heap);
        let _pin = Pin::on(heap);
        profile::stop(heap);
    }
}

pub(in crate::capi) unsafe fn profile_flags(heap: *mut Heap) -> u32 {
    heap_of("gc_profile_flags", heap)
        .filter(|&heap| !profile::of(heap).is_null())
        .map_or(0, |heap| (*profile::of(heap)).options.flags)
}

pub(in crate::capi) unsafe fn profile_clear(heap: *mut Heap) -> rc_status {
    const CALL: &str = "gc_profile_clear";
    match profiled(CALL, heap) {
        Ok((heap, _)) => {
            let _pin = Pin::on(heap);
            match profile::reset(heap) {
                Ok(()) => RC_OK,
                Err(why) => refuse(heap, CALL, why),
            }
        }
        Err(status) => status,
    }
}

pub(in crate::capi) unsafe fn profile_reset_peak(heap: *mut Heap) {
    if let Ok((_, profile)) = profiled("gc_profile_reset_peak", heap) {
        (*profile).reset_peak();
    }
}

pub(in crate::capi) unsafe fn profile_get(
    heap: *mut Heap,
    out_stats: NonNull<gc_profile_stats>,
) -> rc_status {
    const CALL: &str = "gc_profile_get";
    let (heap, profile) = match profiled(CALL, heap) {
        Ok((heap, profile)) => (heap, &*profile),
        Err(status) => return status,
    };
    if out_stats.0.is_null() {
        (*heap).set_error(format_args!("{CALL}: out_stats is null"));
        return RC_ERR_INVALID;
    }
    let mut sites = 0;
    profile.book.each(|_, _| sites += 1);
    let exact = profile.options.flags & profile::SITES != 0;
    let (mut samples, mut lost_samples) = (0, 0);
    if !profile.samples.is_null() {
        samples = (*profile.samples).buckets.as_slice().iter().map(|bucket| bucket.samples).sum();
        lost_samples = (*profile.samples).lost;
    }
    let stats = gc_profile_stats {
        struct_size: size_of::<gc_profile_stats>(),
        live_objects: if exact { profile.live_objects() } else { (*heap).live_objects() },
        live_bytes: if exact { profile.live_bytes } else { (*heap).live_bytes() },
        peak_bytes: profile.peak_bytes,
        allocated_objects: profile.serial,
        allocated_bytes: profile.allocated_bytes,
        freed_objects: profile.freed_objects,
        freed_bytes: profile.freed_bytes(),
        serial: profile.serial,
        sites,
        lost_objects: profile.lost_objects,
        scope_violations: profile.measures.violations,
        own_bytes: profile.own_bytes() + if exact { record::bytes_of(heap) } else { 0 },
        duration_ns: crate::sys::now_ns() - profile.started_ns,
        samples,
        lost_samples,
    };
    put(heap, CALL, out_stats.0, (*out_stats.0).struct_size, &stats)
}

/// Writes a struct of the library's; a bad size is said.
pub(super) unsafe fn put<T>(heap: *mut Heap, call: &str, to: *mut T, size: usize, value: &T) -> rc_status {
    match write_struct(to, size, value) {
        Ok(()) => RC_OK,
        Err(why) => {
            (*heap).set_error(format_args!("{call}: {why}"));
            RC_ERR_INVALID
        }
    }
}

// ---- objects ----

#[inline(always)]
pub(in crate::capi) unsafe fn object_new_at(kind: NonNull<Type>, site: *mut rc_site) -> *mut c_void {
    if !looks_live(kind.0) {
        return new_at_checked(kind.0, site);
    }
    // Profiled types never have a ration, and those that have one need no site.
    if (*kind.0).ration == 0 {
        return quick::new_at(kind.0, site as *const Site);
    }
    alloc::new(kind.0)
}

#[cold]
#[inline(never)]
unsafe fn new_at_checked(kind: *mut Type, site: *mut rc_site) -> *mut c_void {
    birth::new_at(type_checked("rc_new_at", kind), site as *const Site)
}

pub(in crate::capi) unsafe fn object_new_array_at(
    kind: NonNull<Type>,
    n: usize,
    site: *mut rc_site,
) -> *mut c_void {
    let kind = type_for_new("rc_new_array_at", kind.0);
    tail_checked("rc_new_array_at", kind, n);
    match (*kind).flags.contains(TypeFlags::PROFILED) {
        true => birth::new_array(kind, n, site as *const Site),
        false => alloc::new_array(kind, n),
    }
}

pub(in crate::capi) unsafe fn object_site(obj: NonNull<c_void>, out_origin: NonNull<gc_origin>) -> rc_status {
    const CALL: &str = "gc_object_site";
    let header = checked(CALL, obj.0);
    let heap = (*range::type_at(header.type_index())).heap;
    let profile = profile::exact(heap);
    if profile.is_null() {
        (*heap).set_error(format_args!("{CALL}: heap {} is not profiled by sites", CText((*heap).name())));
        return RC_ERR_REFUSED;
    }
    let profile = &*profile;
    if out_origin.0.is_null() {
        (*heap).set_error(format_args!("{CALL}: out_origin is null"));
        return RC_ERR_INVALID;
    }
    let record = record::get(range::page_of(obj.0 as usize), obj.0);
    let place = site::place(record.site());
    let origin = gc_origin {
        struct_size: size_of::<gc_origin>(),
        site: record.site(),
        line: place.map_or(0, |place| place.line),
        file: place.map_or(core::ptr::null(), |place| place.file),
        function: place.map_or(core::ptr::null(), |place| place.function),
        serial: record.serial(),
        age_objects: profile.serial - record.serial(),
        birth_ns: if record.serial() == 0 { 0 } else { profile.clock.time_of(record.serial()) },
    };
    put(heap, CALL, out_origin.0, (*out_origin.0).struct_size, &origin)
}

// ---- rows ----

fn group_of(number: u32) -> Option<Group> {
    [Group::Site, Group::Function, Group::File].into_iter().find(|&group| group as u32 == number)
}

fn sort_of(number: u32) -> Option<Sort> {
    [
        Sort::LiveBytes,
        Sort::LiveObjects,
        Sort::AllocatedBytes,
        Sort::AllocatedObjects,
        Sort::PeakBytes,
        Sort::Reclaimed,
    ]
    .into_iter()
    .find(|&sort| sort as u32 == number)
}

unsafe fn read_query(heap: *mut Heap, query: *const gc_site_query) -> Option<Query> {
    let mut all = core::mem::MaybeUninit::<gc_site_query>::zeroed().assume_init();
    if !query.is_null() {
        match read_struct(query, (*query).struct_size, 16) {
            Ok(query) => all = query,
            Err(why) => {
                (*heap).set_error(format_args!("gc_profile_sites: query: {why}"));
                return None;
            }
        }
    }
    let (Some(group), Some(sort)) = (group_of(all.group), sort_of(all.sort)) else {
        (*heap)
            .set_error(format_args!("gc_profile_sites: group {} or sort {} is unknown", all.group, all.sort));
        return None;
    };
    Some(Query {
        group,
        sort,
        file: all.file,
        exclude_file: all.exclude_file,
        function: all.function,
        type_name: all.type_name,
    })
}

fn site_stats(row: &Row) -> gc_site_stats {
    let counters = &row.counters;
    gc_site_stats {
        struct_size: size_of::<gc_site_stats>(),
        site: row.site,
        sites: row.sites,
        line: row.place.line,
        reserved: 0,
        file: row.place.file,
        function: row.place.function,
        type_name: row.type_name,
        allocated_objects: counters.allocated_objects,
        allocated_bytes: counters.allocated_bytes,
        freed_objects: counters.freed_objects,
        freed_bytes: counters.freed_bytes,
        reclaimed_objects: counters.reclaimed_objects,
        live_objects: counters.live_objects(),
        live_bytes: counters.live_bytes(),
        peak_objects: counters.peak_objects,
        peak_bytes: counters.peak_bytes,
        external_bytes: counters.external_bytes,
        ages: counters.ages,
    }
}

/// Writes values into an array of the host's, whose elements have the size that the first of them says. Returns
/// how many values there are; err is a sentence.
pub(super) unsafe fn put_all<T>(
    to: *mut T,
    room: usize,
    values: impl Iterator<Item = T>,
) -> Result<usize, &'static str> {
    // Every such struct begins with its size.
    let size = if to.is_null() || room == 0 { 0 } else { *(to as *const usize) };
    let mut count = 0;
    for value in values {
        if !to.is_null() && count < room {
            let place = (to as *mut u8).add(count * size) as *mut T;
            write_struct(place, size, &value)?;
            *(place as *mut usize) = size;
        }
        count += 1;
    }
    Ok(count)
}

pub(in crate::capi) unsafe fn profile_sites(
    heap: *mut Heap,
    query: *const gc_site_query,
    out_rows: *mut gc_site_stats,
    room: usize,
) -> usize {
    const CALL: &str = "gc_profile_sites";
    numbered(CALL, heap, |heap| {
        profiled(CALL, heap)?;
        let query = read_query(heap, query).ok_or(RC_ERR_INVALID)?;
        let Some(mut rows) = query::rows(heap, &query) else {
            (*heap).set_error(format_args!("{CALL}: no memory"));
            return Err(RC_ERR_NO_MEMORY);
        };
        let count = put_all(out_rows, room, rows.as_slice().iter().map(site_stats));
        rows.end();
        count.map_err(|why| bad_rows(heap, CALL, why))
    })
}

/// The array for the rows is not one; says so.
pub(super) unsafe fn bad_rows(heap: *mut Heap, call: &str, why: &str) -> rc_status {
    (*heap).set_error(format_args!("{call}: out_rows: {why}"));
    RC_ERR_INVALID
}

pub(in crate::capi) unsafe fn profile_compare(
    before: *const gc_site_stats,
    before_count: usize,
    after: *const gc_site_stats,
    after_count: usize,
    out_rows: *mut gc_site_diff,
    room: usize,
) -> usize {
    const CALL: &str = "gc_profile_compare";
    let failed = |status: rc_status, why: &str| {
        report::set_process_error(&Line::of(format_args!("{CALL}: {why}")));
        keep_status(core::ptr::null_mut(), status);
        0
    };
    let refuse = |why: &str| failed(RC_ERR_INVALID, why);
    keep_status(core::ptr::null_mut(), RC_OK);
    let mut diffs: List<gc_site_diff> = List::new();
    let mut enough = true;
    let lists = [(before, before_count), (after, after_count)];
    if lists.iter().any(|&(list, count)| count != 0 && list.is_null()) {
        return refuse("an array is null");
    }
    for (list, count) in lists {
        let least = core::mem::offset_of!(gc_site_stats, peak_objects);
        if count != 0 && !(least..=4096).contains(&(*list).struct_size) {
            return refuse("struct_size is not that of the struct; gc_profile_sites fills the arrays");
        }
    }
    let at = |list: *const gc_site_stats, index: usize| {
        &*((list as *const u8).add(index * (*list).struct_size) as *const gc_site_stats)
    };
    let matched = query::match_up(
        (0..before_count).map(|index| at(before, index).site as u64),
        (0..after_count).map(|index| at(after, index).site as u64),
        |old, new| {
            let (old, new) = (old.map(|index| at(before, index)), new.map(|index| at(after, index)));
            if let Some(diff) = site_diff(old, new) {
                enough &= diffs.push(diff);
            }
        },
    );
    let mut result = 0;
    if matched && enough {
        diffs.as_mut_slice().sort_unstable_by_key(|diff| {
            (core::cmp::Reverse(diff.live_bytes_change.unsigned_abs()), diff.site)
        });
        result = put_all(out_rows, room, diffs.as_slice().iter().copied()).unwrap_or_else(refuse);
    } else {
        failed(RC_ERR_NO_MEMORY, "no memory");
    }
    diffs.end();
    result
}

/// How a row changed; none when it did not.
fn site_diff(old: Option<&gc_site_stats>, new: Option<&gc_site_stats>) -> Option<gc_site_diff> {
    let of = |row: Option<&gc_site_stats>| {
        row.map_or((0, 0, 0), |row| (row.live_bytes, row.live_objects, row.allocated_objects))
    };
    let ((old_bytes, old_objects, old_made), (bytes, objects, made)) = (of(old), of(new));
    let row = new.or(old)?;
    let allocated_objects = made.saturating_sub(old_made);
    let changed = bytes != old_bytes || objects != old_objects || allocated_objects != 0;
    changed.then_some(gc_site_diff {
        struct_size: size_of::<gc_site_diff>(),
        site: row.site,
        line: row.line,
        file: row.file,
        function: row.function,
        type_name: row.type_name,
        live_bytes: bytes,
        live_bytes_change: bytes.wrapping_sub(old_bytes) as i64,
        live_objects: objects,
        live_objects_change: objects.wrapping_sub(old_objects) as i64,
        allocated_objects,
    })
}

// ---- scopes ----

fn scope_stats(name: *const c_char, entered: u64, measured: &Measured) -> gc_scope_stats {
    gc_scope_stats {
        struct_size: size_of::<gc_scope_stats>(),
        name,
        entered,
        allocated_objects: measured.allocated_objects,
        allocated_bytes: measured.allocated_bytes,
        freed_objects: measured.freed_objects,
        freed_bytes: measured.freed_bytes,
        net_bytes: measured.allocated_bytes.wrapping_sub(measured.freed_bytes) as i64,
        peak_bytes: measured.peak_bytes,
        survivor_objects: measured.survivor_objects,
        survivor_bytes: measured.survivor_bytes,
        duration_ns: measured.duration_ns,
    }
}

pub(in crate::capi) unsafe fn scope_get(
    heap: *mut Heap,
    mark: u64,
    out_stats: NonNull<gc_scope_stats>,
) -> rc_status {
    const CALL: &str = "gc_scope_get";
    let heap = match profiled(CALL, heap) {
        Ok((heap, _)) => heap,
        Err(status) => return status,
    };
    let (false, Some((name, measured))) = (out_stats.0.is_null(), measure::so_far(heap, mark)) else {
        (*heap).set_error(format_args!(
            "{CALL}: out_stats is null, or the mark is of no open scope that was entered under the profile"
        ));
        return RC_ERR_INVALID;
    };
    put(heap, CALL, out_stats.0, (*out_stats.0).struct_size, &scope_stats(name, 1, &measured))
}

pub(in crate::capi) unsafe fn measure(
    heap: *mut Heap,
    function: gc_run_fn,
    ctx: *mut c_void,
    out_stats: NonNull<gc_scope_stats>,
) -> rc_status {
    const CALL: &str = "gc_measure";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    let refused = |status: rc_status, why: &str| {
        (*heap).set_error(format_args!("{CALL}: {why}"));
        status
    };
    let (Some(function), false) = (function, out_stats.0.is_null()) else {
        return refused(RC_ERR_INVALID, "function or out_stats is null");
    };
    if let Err(why) = write_struct(
        out_stats.0,
        (*out_stats.0).struct_size,
        &scope_stats(core::ptr::null(), 0, &Measured::default()),
    ) {
        return refused(RC_ERR_INVALID, why);
    }
    if (*heap).phase != Phase::Idle || (*heap).running_callbacks() != 0 {
        return refused(RC_ERR_REFUSED, "a callback of the heap is running");
    }
    let _pin = Pin::on(heap);
    match measure::run(heap, function, ctx) {
        Ok(measured) => put(
            heap,
            CALL,
            out_stats.0,
            (*out_stats.0).struct_size,
            &scope_stats(core::ptr::null(), 1, &measured),
        ),
        Err(measure::NotMeasured::NoMemory) => refused(RC_ERR_NO_MEMORY, "no memory"),
        Err(measure::NotMeasured::NotExact) => {
            refused(RC_ERR_REFUSED, "the heap is profiled, but not by sites")
        }
        Err(measure::NotMeasured::Lost) => {
            refused(RC_ERR_REFUSED, "the function stopped the profile, or left the scope that it ran in")
        }
    }
}

pub(in crate::capi) unsafe fn profile_scopes(
    heap: *mut Heap,
    out_rows: *mut gc_scope_stats,
    room: usize,
) -> usize {
    const CALL: &str = "gc_profile_scopes";
    numbered(CALL, heap, |heap| {
        let (_, profile) = profiled(CALL, heap)?;
        let totals = (*profile).measures.totals();
        let rows = totals.iter().map(|total| scope_stats(total.name, total.entered, &total.measured));
        put_all(out_rows, room, rows).map_err(|why| bad_rows(heap, CALL, why))
    })
}

pub(in crate::capi) unsafe fn scope_expect_clean(heap: *mut Heap, mark: u64) -> rc_status {
    const CALL: &str = "gc_scope_expect_clean";
    let heap = match profiled(CALL, heap) {
        Ok((heap, _)) => heap,
        Err(status) => return status,
    };
    if measure::expect_clean(heap, mark) {
        return RC_OK;
    }
    (*heap)
        .set_error(format_args!("{CALL}: the mark is of no open scope that was entered under the profile"));
    RC_ERR_INVALID
}
