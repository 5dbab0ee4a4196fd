//! `rcgc/profile.h`: who allocates, how much, since when, and how long it lives. A null heap means the default
//! heap.
//!
//! A profile counts every object of a heap, exactly, by the place in the source that made it. `RC_NEW` and
//! `RC_NEW_ARRAY` (rcgc/site.h) carry that place; objects of plain `rc_new` are counted by their type. Off,
//! which it is in the beginning, it costs nothing.

use super::boundary::{self, NonNull};
use super::scope::rc_scope_mark;
use super::status::rc_status;
use crate::heap::Heap as gc_heap;
use crate::types::Type as rc_type;
use core::ffi::{c_char, c_void};

/// A place in the source of the host. `RC_NEW` makes one by itself; a host that has places of its own, an
/// interpreter with the lines of its scripts, fills one and gives it to `rc_new_at`.
#[repr(C)]
pub struct rc_site {
    /// The file: `__FILE__`.
    pub file: *const c_char,
    /// The function: `__func__`.
    pub function: *const c_char,
    /// The line: `__LINE__`.
    pub line: u32,
    /// 0; the library numbers it. Anything else that it did not put there is fatal.
    pub id: u32,
}

/// Count every object by its site, exactly. The default.
pub const GC_PROFILE_SITES: u32 = 1;
/// Take the call stacks of some objects (rcgc/stacks.h). Without `GC_PROFILE_SITES` allocation goes on at full speed, and
/// only what is sampled is known.
pub const GC_PROFILE_STACKS: u32 = 2;

/// How stacks are taken: by frame pointers where unwind tables were found to say the same, else by these. Where libc
/// cannot unwind (musl; a static program in which nothing else refers to `backtrace`), by frame pointers, which the log
/// and the dump say;
pub const GC_STACKS_AUTO: u32 = 0;
/// by frame pointers alone: functions that have none hide their callers;
pub const GC_STACKS_POINTERS: u32 = 1;
/// by unwind tables, some microseconds each;
pub const GC_STACKS_UNWIND: u32 = 2;
/// not at all: only the frames that the host tells.
pub const GC_STACKS_NONE: u32 = 3;

/// Tells the frames of an interpreter at a sample, the innermost first: puts the addresses of their descriptors into
/// `out_frames`, at most `room`, and returns how many. The descriptors are not written to, and their texts are copied.
/// Called in the middle of an allocation, whose type and heap it cannot end; it may do anything else, also stop the
/// profile. What it allocates itself is not sampled.
pub type gc_frames_fn =
    Option<unsafe extern "C" fn(out_frames: *mut *const rc_site, room: usize, ctx: *mut c_void) -> usize>;

/// How a profile is started. Start from `GC_PROFILE_OPTIONS_INIT`; a field left zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_profile_options {
    /// `sizeof(gc_profile_options)` as the host was compiled.
    pub struct_size: usize,
    /// `GC_PROFILE_*` together; 0: `GC_PROFILE_SITES`.
    pub flags: u32,
    /// Must be zero.
    pub reserved: u32,
    /// With stacks: bytes allocated between two samples, on average. 0: 512 KiB.
    pub sample_bytes: u64,
    /// Frames of a stack at most, up to 128. 0: 64.
    pub depth: u32,
    /// One of `GC_STACKS_*`.
    pub stacks: u32,
    /// Where the random numbers begin that choose the samples. 0: somewhere.
    pub seed: u64,
    /// Tells the frames of an interpreter; null: there are none.
    pub frames: gc_frames_fn,
    /// Given to `frames`.
    pub frames_ctx: *mut c_void,
}

/// The running totals of a profile. Without `GC_PROFILE_SITES` only what lives is known. Start from `GC_PROFILE_STATS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_profile_stats {
    /// `sizeof(gc_profile_stats)` as the host was compiled.
    pub struct_size: usize,
    /// Objects that live, and their bytes, with headers and rounding.
    pub live_objects: u64,
    /// As `live_objects`.
    pub live_bytes: u64,
    /// The most bytes that lived at once since the profile began, or since `gc_profile_reset_peak`.
    pub peak_bytes: u64,
    /// Objects made since it began, and their bytes.
    pub allocated_objects: u64,
    /// As `allocated_objects`.
    pub allocated_bytes: u64,
    /// Objects ended since it began, whenever they were made, and their bytes.
    pub freed_objects: u64,
    /// As `freed_objects`.
    pub freed_bytes: u64,
    /// The serial number of the object made last; the first one has 1.
    pub serial: u64,
    /// Sites with objects.
    pub sites: u64,
    /// Objects whose site could not be kept for want of address space; they are counted as made before.
    pub lost_objects: u64,
    /// Scopes that were to leave nothing behind, and did.
    pub scope_violations: u64,
    /// Memory that the profile itself takes.
    pub own_bytes: u64,
    /// Nanoseconds since it began.
    pub duration_ns: u64,
    /// Stacks that were taken,
    pub samples: u64,
    /// and those for which there was no memory.
    pub lost_samples: u64,
}

/// Starts the profile of a heap. Objects that live now are counted as one site, "made before the profile
/// began"; their headers are written once.
///
/// Memory: 8 bytes for each block of the heap's pages, and 512 bytes for each site. It ends with
/// `gc_profile_stop`, and with the heap.
///
/// Ownership: nothing; the options are copied. Null means the defaults.
/// Fails: RC_ERR_IN_USE when it is on already; RC_ERR_REFUSED inside a callback of a collection and where host code may
/// only look (rcgc/heap.h); RC_ERR_INVALID for a bad size or flag; RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_start(
    heap: *mut gc_heap,
    options: *const gc_profile_options,
) -> rc_status {
    boundary::profile_start(heap, options)
}

/// Ends the profile of a heap, and forgets all that it counted. Without one, nothing happens.
///
/// Fails: fatal where host code may only look (rcgc/heap.h).
#[no_mangle]
pub unsafe extern "C" fn gc_profile_stop(heap: *mut gc_heap) {
    boundary::profile_stop(heap)
}

/// The flags of the profile; 0: it is off.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_flags(heap: *mut gc_heap) -> u32 {
    boundary::profile_flags(heap)
}

/// Forgets what was counted and goes on: what lives now is counted as made before.
///
/// Fails: RC_ERR_REFUSED where `gc_profile_start` is refused, and when the profile is off; RC_ERR_NO_MEMORY: then
/// it is off.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_clear(heap: *mut gc_heap) -> rc_status {
    boundary::profile_clear(heap)
}

/// Puts the peaks, that of the heap and those of the sites, down to what lives now.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_reset_peak(heap: *mut gc_heap) {
    boundary::profile_reset_peak(heap)
}

/// Writes the running totals; `struct_size` must be set.
///
/// Fails: RC_ERR_INVALID for a bad size; RC_ERR_REFUSED when the profile is off.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_get(
    heap: *mut gc_heap,
    out_stats: NonNull<gc_profile_stats>,
) -> rc_status {
    boundary::profile_get(heap, out_stats)
}

/// As `rc_new`, with the place that asks, which is counted while the heap is profiled. `RC_NEW(type)` calls it.
///
/// Ownership: the caller owns the one reference. The site must live until the program ends, or until its library
/// is unloaded; its texts are copied when it is numbered.
/// May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
/// Runs host code: what a collection runs.
/// Fails: as `rc_new`. A null site is that of plain `rc_new`.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_new_at(type_: NonNull<rc_type>, site: *mut rc_site) -> *mut c_void {
    boundary::object_new_at(type_, site)
}

/// As `rc_new_array`, with the place that asks. `RC_NEW_ARRAY(type, n)` calls it.
///
/// Ownership: the caller owns the one reference; the site as in `rc_new_at`.
/// May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
/// Runs host code: what a collection runs.
/// Fails: as `rc_new_array`. A null site is that of plain `rc_new_array`.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_new_array_at(
    type_: NonNull<rc_type>,
    n: usize,
    site: *mut rc_site,
) -> *mut c_void {
    boundary::object_new_array_at(type_, n, site)
}

/// Where an object comes from. Start from `GC_ORIGIN_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_origin {
    /// `sizeof(gc_origin)` as the host was compiled.
    pub struct_size: usize,
    /// The number of its site.
    pub site: u32,
    /// The line; 0 where the site is no place.
    pub line: u32,
    /// The file; null where the site is no place.
    pub file: *const c_char,
    /// The function; of plain `rc_new` the name of the type, else of no place what it is instead.
    pub function: *const c_char,
    /// Its serial number; 0: made before the profile began.
    pub serial: u64,
    /// Objects made since it was.
    pub age_objects: u64,
    /// About when it was made, in nanoseconds of the monotonic clock: not before, and at most a 256th of the
    /// objects made so far later. 0: made before the profile began.
    pub birth_ns: u64,
}

/// Where an object comes from, and since when it lives; `struct_size` must be set.
///
/// Ownership: nothing; the texts live until the program ends.
/// Fails: RC_ERR_INVALID for a bad size; RC_ERR_REFUSED when its heap is not profiled; fatal for what is not a
/// live object.
#[no_mangle]
pub unsafe extern "C" fn gc_object_site(obj: NonNull<c_void>, out_origin: NonNull<gc_origin>) -> rc_status {
    boundary::object_site(obj, out_origin)
}

/// One row for each site,
pub const GC_GROUP_SITE: u32 = 0;
/// for each function,
pub const GC_GROUP_FUNCTION: u32 = 1;
/// for each file. Objects without a place are grouped by type.
pub const GC_GROUP_FILE: u32 = 2;

/// The order of rows, the greatest first: bytes that live,
pub const GC_SORT_LIVE_BYTES: u32 = 0;
/// objects that live,
pub const GC_SORT_LIVE_OBJECTS: u32 = 1;
/// bytes of objects made,
pub const GC_SORT_ALLOCATED_BYTES: u32 = 2;
/// objects made,
pub const GC_SORT_ALLOCATED_OBJECTS: u32 = 3;
/// the most bytes that lived at once,
pub const GC_SORT_PEAK_BYTES: u32 = 4;
/// objects that a collection found dead.
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
    /// Objects made, and their bytes, with headers and rounding.
    pub allocated_objects: u64,
    /// As `allocated_objects`.
    pub allocated_bytes: u64,
    /// Objects ended, and their bytes.
    pub freed_objects: u64,
    /// As `freed_objects`.
    pub freed_bytes: u64,
    /// Of those ended, the ones that a collection found dead.
    pub reclaimed_objects: u64,
    /// Objects that live, and their bytes.
    pub live_objects: u64,
    /// As `live_objects`.
    pub live_bytes: u64,
    /// The most objects that lived at once, and the most bytes. Of a group the sum of its sites' peaks.
    pub peak_objects: u64,
    /// As `peak_objects`.
    pub peak_bytes: u64,
    /// Bytes that its live objects keep elsewhere, as told by `rc_add_external_bytes` since the profile began.
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
    boundary::profile_sites(heap, query, out_rows, room)
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
    /// Live bytes in the later snapshot,
    pub live_bytes: u64,
    /// and how much more that is than in the earlier one.
    pub live_bytes_change: i64,
    /// Live objects in the later snapshot,
    pub live_objects: u64,
    /// and how many more that is.
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
    boundary::profile_compare(before, before_count, after, after_count, out_rows, room)
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
    /// Objects made inside, and their bytes, with headers and rounding.
    pub allocated_objects: u64,
    /// As `allocated_objects`.
    pub allocated_bytes: u64,
    /// Objects ended inside, wherever they were made, and their bytes.
    pub freed_objects: u64,
    /// As `freed_objects`.
    pub freed_bytes: u64,
    /// Bytes made less bytes ended.
    pub net_bytes: i64,
    /// How far live bytes rose inside over what they were at its beginning; the highest, not a sum.
    pub peak_bytes: u64,
    /// Objects made inside that were alive when it was left, what it kept released; and their bytes.
    pub survivor_objects: u64,
    /// As `survivor_objects`.
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
    boundary::scope_get(heap, mark, out_stats)
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
    boundary::measure(heap, function, ctx, out_stats)
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
    boundary::profile_scopes(heap, out_rows, room)
}

/// Says that an open scope leaves nothing behind: if objects made inside are alive when it was left and what it keeps
/// is released, an error goes to the log that names the sites that made most of them, and the profile counts a
/// violation.
///
/// Fails: RC_ERR_INVALID for a mark that is of no open scope entered under the profile; RC_ERR_REFUSED when the
/// profile is off.
#[no_mangle]
pub unsafe extern "C" fn gc_scope_expect_clean(heap: *mut gc_heap, mark: rc_scope_mark) -> rc_status {
    boundary::scope_expect_clean(heap, mark)
}
