//! The second half of `rcgc/profile.h`: what a profile came to, by sites and by scopes.

use super::boundary::{keep_status, number, status, Answer, Call, NonNull};
use super::profile::profile_of;
use super::rows::put_all;
use super::scope::rc_scope_mark;
use super::status::*;
use crate::base::list::List;
use crate::base::sort;
use crate::heap::Heap as gc_heap;
use crate::host::Pin;
use crate::profile::book::AGE_BUCKETS;
use crate::profile::measure::{self, Measured, NotMeasured};
use crate::profile::query::{self, Group, Query, Row, Sort};
use core::ffi::{c_char, c_void};
use static_assertions::const_assert_eq;

/// One row for each site.
pub const GC_GROUP_SITE: u32 = 0;
/// One row for each function. Objects without a place are grouped by type.
pub const GC_GROUP_FUNCTION: u32 = 1;
/// One row for each file. Objects without a place are grouped by type.
pub const GC_GROUP_FILE: u32 = 2;

/// Rows with the most live bytes come first.
pub const GC_SORT_LIVE_BYTES: u32 = 0;
/// Rows with the most live objects come first.
pub const GC_SORT_LIVE_OBJECTS: u32 = 1;
/// Rows for which the most bytes were allocated come first.
pub const GC_SORT_ALLOCATED_BYTES: u32 = 2;
/// Rows for which the most objects were made come first.
pub const GC_SORT_ALLOCATED_OBJECTS: u32 = 3;
/// Rows with the highest peak of live bytes come first.
pub const GC_SORT_PEAK_BYTES: u32 = 4;
/// Rows of which collections found the most objects dead come first.
pub const GC_SORT_RECLAIMED_OBJECTS: u32 = 5;

/// Which rows are wanted. Start from `GC_SITE_QUERY_INIT`. In a pattern `*` stands for any text and `?` for any
/// one byte; a null pattern lets everything pass.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_site_query {
    /// `sizeof(gc_site_query)` as the host was compiled.
    pub struct_size: usize,
    /// One of `GC_GROUP_*`.
    pub group: u32,
    /// One of `GC_SORT_*`.
    pub sort: u32,
    /// Pattern of files.
    pub file: *const c_char,
    /// Pattern of files that are left out.
    pub exclude_file: *const c_char,
    /// Pattern of functions.
    pub function: *const c_char,
    /// Pattern of types.
    pub type_name: *const c_char,
}

/// Buckets of a histogram of ages. Bucket 0 counts objects that ended before another one was made, bucket i those
/// that ended when at least 2^(i-1) and less than 2^i others had been made since.
pub const GC_AGE_BUCKETS: usize = 41;

/// What one site did since the profile began. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_site_stats {
    /// `sizeof(gc_site_stats)` as the host was compiled.
    pub struct_size: usize,
    /// The number of the site; of a group the smallest number of its sites, so that it names the row as long as
    /// the program runs.
    pub site: u32,
    /// Sites in this row.
    pub sites: u32,
    /// The line; 0 for a group, and where the site is no place.
    pub line: u32,
    /// 0.
    pub reserved: u32,
    /// The file; null where the site is no place.
    pub file: *const c_char,
    /// The function; of plain `rc_new` the name of the type; of a file null.
    pub function: *const c_char,
    /// The name of the type of what is made there; null when there are several.
    pub type_name: *const c_char,
    /// Objects made.
    pub allocated_objects: u64,
    /// Bytes of objects made, with headers and rounding.
    pub allocated_bytes: u64,
    /// Objects ended.
    pub freed_objects: u64,
    /// Bytes of objects ended.
    pub freed_bytes: u64,
    /// Of those ended, the ones that a collection found dead.
    pub reclaimed_objects: u64,
    /// Objects that live.
    pub live_objects: u64,
    /// Bytes of objects that live.
    pub live_bytes: u64,
    /// The most objects that lived at once. Of a group the sum of its sites' peaks.
    pub peak_objects: u64,
    /// The most bytes that lived at once. Of a group the sum of its sites' peaks.
    pub peak_bytes: u64,
    /// Bytes that its live objects keep elsewhere, as counted by `rc_add_external_bytes` since the profile began.
    pub external_bytes: i64,
    /// How old objects were when they ended.
    pub ages: [u64; GC_AGE_BUCKETS],
}

/// Writes the rows that a query asks for (null: all sites, by live bytes) and returns how many there are.
///
/// At most `room` are written, each of `out_rows->struct_size` bytes, which must be set. A row that is kept is a
/// snapshot: it does not change.
///
/// Ownership: nothing; texts live until the program ends, a type's name as long as the type.
/// Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size, group or order, RC_ERR_REFUSED when
/// the profile is off, RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_sites(
    heap: *mut gc_heap,
    query: *const gc_site_query,
    out_rows: *mut gc_site_stats,
    room: usize,
) -> usize {
    number("gc_profile_sites", heap, |call| {
        profile_of(call)?;
        let query = wanted(call, &call.read_or_zero(query, 16, "query: ")?)?;
        let Some(mut rows) = query::rows(call.heap, &query) else { return call.no_memory() };
        let count = call.put_rows(out_rows, room, rows.as_slice().iter().map(site_stats));
        rows.end();
        count
    })
}

/// How a row changed between two snapshots. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_site_diff {
    /// `sizeof(gc_site_diff)` as the host was compiled.
    pub struct_size: usize,
    /// As in `gc_site_stats`.
    pub site: u32,
    /// As in `gc_site_stats`.
    pub line: u32,
    /// As in `gc_site_stats`.
    pub file: *const c_char,
    /// As in `gc_site_stats`.
    pub function: *const c_char,
    /// As in `gc_site_stats`.
    pub type_name: *const c_char,
    /// Live bytes in the later snapshot.
    pub live_bytes: u64,
    /// How many live bytes more there are than in the earlier one.
    pub live_bytes_change: i64,
    /// Live objects in the later snapshot.
    pub live_objects: u64,
    /// How many live objects more there are than in the earlier one.
    pub live_objects_change: i64,
    /// Objects made between the two.
    pub allocated_objects: u64,
}

/// Compares two snapshots of the same query, each an array that `gc_profile_sites` filled, and returns how many rows
/// differ. At most `room` are written, those whose live bytes changed most first, each of `out_rows->struct_size`
/// bytes, which must be set.
///
/// Threads: any; no heap is used.
/// Fails: 0, `gc_error_message(NULL)` and `gc_last_status(NULL)`: RC_ERR_INVALID for a bad size, RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_compare(
    before: *const gc_site_stats,
    before_count: usize,
    after: *const gc_site_stats,
    after_count: usize,
    out_rows: *mut gc_site_diff,
    room: usize,
) -> usize {
    let call = Call::nowhere("gc_profile_compare");
    let compared = compare(call, (before, before_count), (after, after_count), out_rows, room);
    keep_status(core::ptr::null_mut(), compared.err().unwrap_or(RC_OK));
    compared.unwrap_or(0)
}

/// What `gc_measure` and `gc_leak_check` run. It may do anything but free the heap.
pub type gc_run_fn = Option<unsafe extern "C" fn(heap: *mut gc_heap, ctx: *mut c_void)>;

/// What happened in a scope. Start from `GC_SCOPE_STATS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_scope_stats {
    /// `sizeof(gc_scope_stats)` as the host was compiled.
    pub struct_size: usize,
    /// Its name; null: it has none.
    pub name: *const c_char,
    /// How often it was entered; the numbers below are sums over all of these.
    pub entered: u64,
    /// Objects made inside.
    pub allocated_objects: u64,
    /// Bytes of objects made inside, with headers and rounding.
    pub allocated_bytes: u64,
    /// Objects ended inside, wherever they were made.
    pub freed_objects: u64,
    /// Bytes of objects ended inside.
    pub freed_bytes: u64,
    /// Bytes made less bytes ended.
    pub net_bytes: i64,
    /// How far live bytes rose inside over what they were at its beginning; the highest, not a sum.
    pub peak_bytes: u64,
    /// Objects made inside that were alive when it was left, what it kept released.
    pub survivor_objects: u64,
    /// Bytes of these objects.
    pub survivor_bytes: u64,
    /// Nanoseconds inside.
    pub duration_ns: u64,
}

/// What happened so far in a scope that is open and was entered under the profile; `struct_size` must be set.
///
/// Fails: RC_ERR_INVALID for a bad size and for a mark that is of no such scope; RC_ERR_REFUSED when the profile is
/// off.
#[no_mangle]
pub unsafe extern "C" fn gc_scope_get(
    heap: *mut gc_heap,
    mark: rc_scope_mark,
    out_stats: NonNull<gc_scope_stats>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_scope_get", heap)?;
        profile_of(call)?;
        let (false, Some((name, measured))) = (out_stats.0.is_null(), measure::so_far(call.heap, mark))
        else {
            return call.invalid(
                "out_stats is null, or the mark is of no open scope that was entered under the profile",
            );
        };
        call.put(out_stats.0, &scope_stats(name, 1, &measured), "")
    })
}

/// Runs a function as a scope of its own and writes what happened in it: the peak is exact, and it runs once. The heap
/// is profiled meanwhile, if it is not already.
///
/// Ownership: what the function does.
/// May collect: what the function does.
/// Runs host code: the function, and what it runs.
/// Fails: RC_ERR_INVALID for a null function and a bad size; RC_ERR_REFUSED inside a callback, when the heap is profiled
/// without `GC_PROFILE_SITES`, and when the function stops the profile or leaves the scope; RC_ERR_NO_MEMORY: then it
/// was not run.
#[no_mangle]
pub unsafe extern "C" fn gc_measure(
    heap: *mut gc_heap,
    function: gc_run_fn,
    ctx: *mut c_void,
    out_stats: NonNull<gc_scope_stats>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_measure", heap)?;
        let (Some(function), false) = (function, out_stats.0.is_null()) else {
            return call.invalid("function or out_stats is null");
        };
        // Before the function runs, so that a bad size is found while nothing has happened.
        call.put(out_stats.0, &scope_stats(core::ptr::null(), 0, &Measured::default()), "")?;
        call.is_at_rest()?;
        let _pin = Pin::on(call.heap);
        match measure::run(call.heap, function, ctx) {
            Ok(measured) => call.put(out_stats.0, &scope_stats(core::ptr::null(), 1, &measured), ""),
            Err(NotMeasured::NoMemory) => call.no_memory(),
            Err(NotMeasured::NotExact) => {
                call.refuse(RC_ERR_REFUSED, "the heap is profiled, but not by sites")
            }
            Err(NotMeasured::Lost) => call
                .refuse(RC_ERR_REFUSED, "the function stopped the profile, or left the scope that it ran in"),
        }
    })
}

/// Writes what is known of named scopes that were left since the profile began, a row for each name, and returns how
/// many there are. At most `room` are written, each of `out_rows->struct_size` bytes, which must be set.
///
/// Ownership: nothing; the names live as long as the profile.
/// Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size, RC_ERR_REFUSED when the profile is off.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_scopes(
    heap: *mut gc_heap,
    out_rows: *mut gc_scope_stats,
    room: usize,
) -> usize {
    number("gc_profile_scopes", heap, |call| {
        let profile = profile_of(call)?;
        let totals = (*profile).measures.totals();
        let rows = totals.iter().map(|total| scope_stats(total.name, total.entered, &total.measured));
        call.put_rows(out_rows, room, rows)
    })
}

/// Says that an open scope leaves nothing behind: if objects made inside are alive when it was left and what it keeps
/// is released, an error goes to the log that names the sites that made most of them, and the profile counts a
/// violation.
///
/// Fails: RC_ERR_INVALID for a mark that is of no open scope entered under the profile; RC_ERR_REFUSED when the
/// profile is off.
#[no_mangle]
pub unsafe extern "C" fn gc_scope_expect_clean(heap: *mut gc_heap, mark: rc_scope_mark) -> rc_status {
    status(|| {
        let call = Call::on("gc_scope_expect_clean", heap)?;
        profile_of(call)?;
        call.needs(
            measure::expect_clean(call.heap, mark),
            "the mark is of no open scope that was entered under the profile",
        )
    })
}

const_assert_eq!(GC_AGE_BUCKETS, AGE_BUCKETS);

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

/// What a query asks for.
unsafe fn wanted(call: Call, query: &gc_site_query) -> Answer<Query> {
    let (Some(group), Some(sort)) = (group_of(query.group), sort_of(query.sort)) else {
        return call.invalid(format_args!("group {} or sort {} is unknown", query.group, query.sort));
    };
    Ok(Query {
        group,
        sort,
        file: query.file,
        exclude_file: query.exclude_file,
        function: query.function,
        type_name: query.type_name,
    })
}

fn site_stats(row: &Row) -> gc_site_stats {
    let counters = &row.counters;
    gc_site_stats {
        struct_size: size_of::<gc_site_stats>(),
        site: row.site,
        sites: row.sites,
        line: row.location.line,
        reserved: 0,
        file: row.location.file,
        function: row.location.function,
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

/// Rows of `gc_profile_sites`, and how many.
type Snapshot = (*const gc_site_stats, usize);

unsafe fn compare(
    call: Call,
    before: Snapshot,
    after: Snapshot,
    out_rows: *mut gc_site_diff,
    room: usize,
) -> Answer<usize> {
    for (list, count) in [before, after] {
        call.needs(count == 0 || !list.is_null(), "an array is null")?;
    }
    for (list, count) in [before, after] {
        let least = core::mem::offset_of!(gc_site_stats, peak_objects);
        call.needs(
            count == 0 || (least..=4096).contains(&(*list).struct_size),
            "struct_size is not that of the struct; gc_profile_sites fills the arrays",
        )?;
    }
    let at = |list: *const gc_site_stats, index: usize| {
        &*((list as *const u8).add(index * (*list).struct_size) as *const gc_site_stats)
    };
    let mut diffs: List<gc_site_diff> = List::new();
    let mut enough = true;
    let matched = query::match_up(
        (0..before.1).map(|index| at(before.0, index).site as u64),
        (0..after.1).map(|index| at(after.0, index).site as u64),
        |old, new| {
            let (old, new) = (old.map(|index| at(before.0, index)), new.map(|index| at(after.0, index)));
            if let Some(diff) = site_diff(old, new) {
                enough &= diffs.push(diff);
            }
        },
    );
    let result = if matched && enough {
        sort::sort_by_key(diffs.as_mut_slice(), |diff| {
            (core::cmp::Reverse(diff.live_bytes_change.unsigned_abs()), diff.site)
        });
        put_all(out_rows, room, diffs.as_slice().iter().copied()).or_else(|why| call.invalid(why))
    } else {
        call.no_memory()
    };
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
