//! `rcgc/collector.h`: tracking, collections, when they run, and what they did. A null heap means the
//! default heap.

use super::boundary::{self, NonNull};
use super::status::rc_status;
use crate::heap::Heap as gc_heap;
use core::ffi::c_void;

/// Automatic collections run at allocations. The default.
pub const GC_POLICY_ALLOCATION: u32 = 0;
/// Automatic collections run only at `gc_safepoint`.
pub const GC_POLICY_SAFEPOINT: u32 = 1;
/// There are no automatic collections.
pub const GC_POLICY_NEVER: u32 = 2;

/// When automatic collection runs. Start from `GC_POLICY_INIT`; a field left zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_policy {
    /// `sizeof(gc_policy)` as the host was compiled.
    pub struct_size: usize,
    /// One of `GC_POLICY_*`.
    pub mode: u32,
    /// Must be zero.
    pub reserved: u32,
    /// A full collection runs when the bytes in use (objects and external) have grown by this factor over
    /// what the last one left, and by `full_min_bytes`: 1.0, the default, lets the heap double. At most 100.
    pub growth: f64,
    /// A young collection runs after this many bytes were allocated, freed since or not. 0: about 4 MiB,
    /// stretched while young collections find little.
    pub young_bytes: u64,
    /// Longest pause wanted of an automatic collection. Only 0, "in one piece", in this version; anything
    /// else is refused.
    pub pause_budget_ns: u64,
    /// Most bytes of memory the heap may take for objects; 0: no limit. At the limit `rc_new` first tries a
    /// collection (mode `GC_POLICY_ALLOCATION`, outside callbacks), then returns null. When eight such collections in a row
    /// have gained nothing, the next refusals come without one: twice as many each time, up to one for each 16 objects.
    /// What the host drops meanwhile is found then, at the latest; at once by `gc_collect`.
    pub limit_bytes: u64,
    /// What a heap may grow by before its first full collection, and beyond its factor before each. 0: 16 MiB, so that small
    /// heaps are left alone. Small runtimes set it low: with 256 KiB rings are found, and their memory used again, before a
    /// program has taken much more than that.
    pub full_min_bytes: u64,
}

/// Buckets of a pause histogram: bucket i counts pauses of less than 2^i microseconds that are in no bucket
/// before; the last one also all longer ones.
pub const GC_PAUSE_BUCKETS: usize = 24;

/// What the collections of one generation did since the heap was made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_generation_stats {
    /// Collections that ran.
    pub runs: u64,
    /// Tracked objects they looked at.
    pub examined: u64,
    /// Tracked objects they found dead and ended.
    pub reclaimed: u64,
    /// Of the dead, those that a finalizer brought back, or that wait in the queue for `gc_run_finalizers`, which counts
    /// them among `examined` and `reclaimed` of `full` when they end there.
    pub resurrected: u64,
    /// Collections that were asked for where none may run.
    pub refused: u64,
    /// How the last run ended: `RC_OK`; `RC_ERR_NO_MEMORY` when it was given up, with everything as before;
    /// `RC_ERR_TRAVERSE` when a count did not fit the edges.
    pub last_status: rc_status,
    /// Zero.
    pub reserved: u32,
    /// Nanoseconds of all pauses together,
    pub pause_ns_total: u64,
    /// of the longest,
    pub pause_ns_max: u64,
    /// and of the last.
    pub pause_ns_last: u64,
    /// How many pauses were how long.
    pub pauses: [u64; GC_PAUSE_BUCKETS],
}

/// The books of a heap. Start from `GC_STATS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_stats {
    /// `sizeof(gc_stats)` as the host was compiled.
    pub struct_size: usize,
    /// Objects that live now.
    pub live_objects: u64,
    /// Their bytes, with headers and rounding.
    pub live_bytes: u64,
    /// Bytes told by `rc_add_external_bytes` and `gc_add_external_bytes`.
    pub external_bytes: u64,
    /// Memory taken for objects and not given back, in bytes: pages of 64 KiB that hold some, and free ones that are kept
    /// for what is made next.
    pub heap_bytes: u64,
    /// The most that `heap_bytes` has been.
    pub heap_bytes_peak: u64,
    /// Objects made since the heap was made.
    pub allocated_objects: u64,
    /// Objects ended since the heap was made.
    pub freed_objects: u64,
    /// Of these, by the collector.
    pub reclaimed_objects: u64,
    /// A full collection runs when live and external bytes together pass this; `UINT64_MAX`: none is going
    /// to.
    pub full_trigger_bytes: u64,
    /// A young collection runs after about this many more bytes are allocated; `UINT64_MAX`: none is going
    /// to.
    pub young_trigger_bytes: u64,
    /// What `gc_collect_young` and its automatic like did.
    pub young: gc_generation_stats,
    /// What `gc_collect` and its automatic like did.
    pub full: gc_generation_stats,
}

/// Puts an object under the collector's eyes: it must be walkable from now on. Twice is `RC_OK`.
///
/// Objects whose references are all declared are tracked when made; this is for types with a `traverse`,
/// once all that it reads is set.
///
/// Fails: RC_ERR_UNSUPPORTED for a type that is acyclic or has no references; fatal for what is not a live
/// object.
#[no_mangle]
pub unsafe extern "C" fn gc_track(obj: NonNull<c_void>) -> rc_status {
    boundary::track(obj)
}

/// Takes an object out of the collector's sight: it is not found in rings any more, and what it refers to
/// counts as held.
///
/// Fails: RC_ERR_REFUSED for a dying object; fatal for what is not a live object. Twice is `RC_OK`.
#[no_mangle]
pub unsafe extern "C" fn gc_untrack(obj: NonNull<c_void>) -> rc_status {
    boundary::untrack(obj)
}

/// Whether the object is tracked.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn gc_is_tracked(obj: NonNull<c_void>) -> bool {
    boundary::is_tracked(obj)
}

/// Finds and ends all rings of the heap that nothing outside them refers to, and returns how many tracked
/// objects that were.
///
/// Works when automatic collection is disabled, and always examines the whole heap. What dies by count in
/// consequence is not in the number. Afterwards memory that holds no object goes back to the system, and tables shrink to
/// what is in them; only free memory between objects that is no more than a quarter of what they take stays. Automatic
/// collections keep what the next allocations will want.
///
/// Ownership: ends what is dead.
/// May collect: yes.
/// Runs host code: `traverse` of callback types, finalizers, weak callbacks, `clear` and `destroy` of what ends, and the callbacks of `gc_add_callback`.
/// Fails: 0, and counted in the statistics, where none may run (inside a callback of a collection,
/// `traverse`, `clear`) and when memory for judging is not to be had. `gc_last_status` tells these from a heap without
/// garbage: RC_ERR_REFUSED, RC_ERR_NO_MEMORY; RC_ERR_TRAVERSE where the collection ran, and a count did not fit the edges.
#[no_mangle]
pub unsafe extern "C" fn gc_collect(heap: *mut gc_heap) -> usize {
    boundary::collect(heap)
}

/// As `gc_collect`, looking only at what was allocated since the last collection; its cost is that of those
/// objects.
///
/// Ownership: ends what is dead.
/// May collect: yes.
/// Runs host code: `traverse` of callback types, finalizers, weak callbacks, `clear` and `destroy` of what ends, and the callbacks of `gc_add_callback`.
/// Fails: as `gc_collect`; `gc_last_status` tells.
#[no_mangle]
pub unsafe extern "C" fn gc_collect_young(heap: *mut gc_heap) -> usize {
    boundary::collect_young(heap)
}

/// Lets an automatic collection run that is due, under any mode but `GC_POLICY_NEVER`. Cheap when none is.
///
/// Ownership: ends what is dead.
/// May collect: yes.
/// Runs host code: what a collection runs.
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_safepoint(heap: *mut gc_heap) {
    boundary::safepoint(heap)
}

/// Turns automatic collection on, as it is in the beginning.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_enable(heap: *mut gc_heap) {
    boundary::set_enabled(heap, true)
}

/// Turns automatic collection off. `gc_collect` goes on working.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_disable(heap: *mut gc_heap) {
    boundary::set_enabled(heap, false)
}

/// Whether automatic collection is on.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_is_enabled(heap: *mut gc_heap) -> bool {
    boundary::is_enabled(heap)
}

/// Sets when automatic collection runs.
///
/// Ownership: nothing; the policy is copied.
/// Fails: RC_ERR_INVALID for a bad size, mode or factor, RC_ERR_UNSUPPORTED for a pause budget; then
/// nothing changed.
#[no_mangle]
pub unsafe extern "C" fn gc_set_policy(heap: *mut gc_heap, policy: *const gc_policy) -> rc_status {
    boundary::set_policy(heap, policy)
}

/// Tells the engine of `bytes` more (or fewer) that belong to the heap as a whole: what a runtime allocates by itself, tables
/// and buffers of whichever objects. They count for the triggers of automatic collection and in the statistics, as those that
/// `rc_add_external_bytes` counts for one object do, but no object's death takes them off the books: the host does, as it
/// frees.
///
/// May collect: no; a trigger that this crosses takes effect at the next `rc_new` or `gc_safepoint`.
/// Fails: RC_ERR_INVALID when what was told for the heap would fall below 0, or all external bytes together leave 63 bits:
/// then nothing changed.
#[no_mangle]
pub unsafe extern "C" fn gc_add_external_bytes(heap: *mut gc_heap, bytes: isize) -> rc_status {
    boundary::add_external(heap, bytes)
}

/// Writes the policy in force, defaults filled in; `struct_size` must be set.
///
/// Fails: RC_ERR_INVALID for a bad size.
#[no_mangle]
pub unsafe extern "C" fn gc_get_policy(heap: *mut gc_heap, out_policy: NonNull<gc_policy>) -> rc_status {
    boundary::get_policy(heap, out_policy)
}

/// Writes the books of the heap; `struct_size` must be set.
///
/// Fails: RC_ERR_INVALID for a bad size.
#[no_mangle]
pub unsafe extern "C" fn gc_get_stats(heap: *mut gc_heap, out_stats: NonNull<gc_stats>) -> rc_status {
    boundary::get_stats(heap, out_stats)
}

/// Whether the object's `finalize` has run. It runs once in an object's life.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn gc_is_finalized(obj: NonNull<c_void>) -> bool {
    boundary::is_finalized(obj)
}

/// Takes all objects that live now out of collections, without writing to them: what they refer to counts
/// as held. For a program that forks: what was made before is never copied by the children's collections.
/// Objects made later are not frozen.
///
/// Fails: RC_ERR_REFUSED inside a callback of a collection and inside `traverse`.
#[no_mangle]
pub unsafe extern "C" fn gc_freeze(heap: *mut gc_heap) -> rc_status {
    boundary::freeze(heap)
}

/// Puts all frozen objects back under the collector's eyes, as old ones.
///
/// Fails: RC_ERR_REFUSED inside a callback of a collection and inside `traverse`.
#[no_mangle]
pub unsafe extern "C" fn gc_unfreeze(heap: *mut gc_heap) -> rc_status {
    boundary::unfreeze(heap)
}

/// How many live objects are frozen now. Walks the pages that have some.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_freeze_count(heap: *mut gc_heap) -> usize {
    boundary::freeze_count(heap)
}

/// Write a line to the log when a collection begins and ends.
pub const GC_DEBUG_STATS: u32 = 1;
/// Write a line to the log for every dead object that a collection finds.
pub const GC_DEBUG_COLLECTABLE: u32 = 2;
/// Write a line to the log for every object that could not be judged dead because counts and edges do not
/// fit.
pub const GC_DEBUG_UNCOLLECTABLE: u32 = 4;
/// Append the dead to the garbage list instead of ending them.
pub const GC_DEBUG_SAVEALL: u32 = 32;
/// What finds a leak: COLLECTABLE, UNCOLLECTABLE and SAVEALL.
pub const GC_DEBUG_LEAK: u32 = 38;

/// Sets the debug flags of the heap's collector, `GC_DEBUG_*` together; 0: none.
///
/// Fails: RC_ERR_INVALID for a flag that is not known.
#[no_mangle]
pub unsafe extern "C" fn gc_set_debug(heap: *mut gc_heap, flags: u32) -> rc_status {
    boundary::set_debug(heap, flags)
}

/// The debug flags.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_get_debug(heap: *mut gc_heap) -> u32 {
    boundary::get_debug(heap)
}

/// How many objects the garbage list has, which `GC_DEBUG_SAVEALL` fills.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_garbage_count(heap: *mut gc_heap) -> usize {
    boundary::garbage_count(heap)
}

/// One object of the garbage list; null when `index` is not below `gc_garbage_count`.
///
/// Ownership: borrowed; the list owns one reference.
/// Fails: null.
#[no_mangle]
pub unsafe extern "C" fn gc_garbage_get(heap: *mut gc_heap, index: usize) -> *mut c_void {
    boundary::garbage_get(heap, index)
}

/// Empties the garbage list and releases its references: rings in it are garbage again, for the next
/// collection. What is saved in the callbacks of deaths meanwhile stays in the list.
///
/// Ownership: releases one reference for each.
/// Runs host code: what the death of an object runs.
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_garbage_clear(heap: *mut gc_heap) {
    boundary::garbage_clear(heap)
}

/// A collection begins,
pub const GC_EVENT_START: u32 = 1;
/// or has ended.
pub const GC_EVENT_STOP: u32 = 2;

/// Why a collection runs: the host asked,
pub const GC_REASON_REQUEST: u32 = 1;
/// a trigger was crossed,
pub const GC_REASON_TRIGGER: u32 = 2;
/// memory ran out,
pub const GC_REASON_EMERGENCY: u32 = 3;
/// or the heap ends.
pub const GC_REASON_HEAP_END: u32 = 4;

/// Generations.
pub const GC_GENERATION_YOUNG: u32 = 0;
/// As `GC_GENERATION_YOUNG`.
pub const GC_GENERATION_FULL: u32 = 1;

/// What a callback is told of a collection. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_event {
    /// `sizeof(gc_event)` as the library was compiled.
    pub struct_size: usize,
    /// `GC_EVENT_START` or `GC_EVENT_STOP`.
    pub kind: u32,
    /// One of `GC_REASON_*`.
    pub reason: u32,
    /// `GC_GENERATION_YOUNG` or `GC_GENERATION_FULL`.
    pub generation: u32,
    /// How it ended (at the stop).
    pub status: rc_status,
    /// Tracked objects looked at, and ended, and brought back by finalizers and weak callbacks (at the stop).
    pub examined: u64,
    /// As `examined`.
    pub reclaimed: u64,
    /// As `examined`.
    pub resurrected: u64,
    /// Nanoseconds it took (at the stop).
    pub duration_ns: u64,
}

/// Is told when a collection begins and ends. It may do anything but collect, and may remove itself.
pub type gc_callback_fn =
    Option<unsafe extern "C" fn(heap: *mut gc_heap, event: *const gc_event, ctx: *mut c_void)>;

/// Adds a callback to the heap's collections; several are called in the order in which they were added.
///
/// Ownership: `ctx` stays the host's and must outlive its use.
/// Fails: RC_ERR_INVALID for a null callback and for one that is there with this `ctx` already,
/// RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_add_callback(
    heap: *mut gc_heap,
    callback: gc_callback_fn,
    ctx: *mut c_void,
) -> rc_status {
    boundary::add_callback(heap, callback, ctx)
}

/// Removes a callback that was added with this `ctx`; also inside itself.
///
/// Fails: RC_ERR_INVALID when there is none.
#[no_mangle]
pub unsafe extern "C" fn gc_remove_callback(
    heap: *mut gc_heap,
    callback: gc_callback_fn,
    ctx: *mut c_void,
) -> rc_status {
    boundary::remove_callback(heap, callback, ctx)
}

/// For a heap with `GC_FINALIZERS_QUEUED`: runs the finalizers and weak callbacks that are due when it is called, each
/// once, and judges what they were for again, before it returns: what was not brought back has ended by then. Returns how
/// many callbacks ran.
///
/// Until then an object that is due for its finalizer is alive in every way, with all it reaches: the queue
/// owns a reference to it. So no finalizer runs in the middle of host code that holds a lock. On other heaps nothing is
/// ever due.
///
/// Exactly those objects are judged whose finalizers ran, and those that a collection found dead together with them. It is
/// no collection: other garbage is left alone, the callbacks of `gc_add_callback` are not told, and the time it takes is
/// that of these objects and their references, not of what else they refer to. In the statistics they are `examined` and
/// `reclaimed` of `full`, without a run.
///
/// What callbacks make due waits for the next call, so no call is kept busy by them. `gc_heap_free` calls until nothing is
/// due; callbacks that go on making others due are cut off there, with a warning in the log.
///
/// Ownership: releases the queue's references.
/// May collect: yes.
/// Runs host code: finalizers and weak callbacks, `traverse` of callback types, and what the death of objects runs.
/// Fails: 0, and nothing ran, inside a callback of a collection, inside `clear`, inside itself, and where so many callbacks
/// are nested that deaths wait (see `rc_decref`); `gc_last_status` is RC_ERR_REFUSED then, and `RC_OK` when nothing was due. Without memory for judging the callbacks have run all the same,
/// what is left in rings waits for the next full collection, which is due then, and it is RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_run_finalizers(heap: *mut gc_heap) -> usize {
    boundary::run_finalizers(heap)
}
