//! `rcgc/query.h`: questions about edges: who refers to whom, by which name, and what keeps an object alive. A session
//! looks at the whole heap once; the answers are about that moment.
//!
//! What a host owes at `gc_query_begin`: every object, tracked or not, is walkable (see "what a host owes" in rcgc.h),
//! since the `traverse` of each is called.

use super::boundary::{self, NonNull};
use super::status::rc_status;
use crate::heap::Heap as gc_heap;
/// A session: the objects and edges of a heap at one moment. `gc_query_begin` makes one, and whoever made it ends it with
/// `gc_query_end`, also after the heap. It is used where its heap may be.
use crate::inspect::query::Query as gc_query;
use crate::types::Type as rc_type;
use core::ffi::{c_char, c_int, c_void};

/// Begins a session in a heap (null: the default heap): lists its objects and edges, forwards and backwards.
///
/// It takes about 8 bytes of memory an edge and 12 a block, from the system, not from `malloc`; searches and dominators
/// take more when they are first asked for. Nothing is written to an object.
///
/// **The session answers about the moment when it began.** As soon as an object is made or dies, every call of it is
/// refused with RC_ERR_STALE, but for `gc_query_end`. Counting, and storing references without that, is not noticed and
/// not in the answers; an edge that is gone has no name in them, nor has one of an object whose end has begun since, whose
/// `traverse` is not asked any more. Several sessions may be open at once.
///
/// Ownership: the caller owns the session; `gc_query_end` ends it, also after its heap.
/// Threads: the heap's; also for every other call of the session.
/// Runs host code: `traverse`.
/// Fails: RC_ERR_INVALID for null `out_query`; RC_ERR_REFUSED inside a `traverse`; RC_ERR_LIMIT for 2^31 blocks or 2^32
/// edges; RC_ERR_NO_MEMORY. Then there is no session, and nothing was changed.
#[no_mangle]
pub unsafe extern "C" fn gc_query_begin(heap: *mut gc_heap, out_query: NonNull<*mut gc_query>) -> rc_status {
    boundary::query_begin(heap, out_query)
}

/// Ends a session and gives its memory back. Null is RC_OK.
///
/// Ownership: takes the session.
/// Fails: RC_ERR_IN_USE inside a predicate or a `traverse` that a call of the same session runs; fatal for what is not a
/// session.
#[no_mangle]
pub unsafe extern "C" fn gc_query_end(query: *mut gc_query) -> rc_status {
    boundary::query_end(query)
}

/// What a session has listed. Start from `GC_QUERY_FACTS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_query_facts {
    /// `sizeof(gc_query_facts)` as the host was compiled.
    pub struct_size: usize,
    /// Objects.
    pub objects: u64,
    /// References from one of them to another.
    pub edges: u64,
    /// Bytes of memory that the session has taken until now.
    pub bytes: u64,
}

/// Tells what a session has listed, and its memory.
///
/// Fails: RC_ERR_INVALID for null `out_facts` or a bad size; RC_ERR_STALE; fatal for what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_query_info(
    query: NonNull<gc_query>,
    out_facts: NonNull<gc_query_facts>,
) -> rc_status {
    boundary::query_info(query, out_facts)
}

/// How many references lead to an object from outside the heap: its count without the edges that were found. The host's
/// own variables, scopes, the garbage list, the queue of finalizers and objects of other heaps are outside.
///
/// Negative when more edges than references lead to it, which is a mistake of the host's (see `gc_verify`); `INT64_MAX`
/// when it is immortal.
///
/// Fails: RC_ERR_INVALID for a null output or what is not an object of the heap; RC_ERR_STALE, RC_ERR_IN_USE; fatal for
/// what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_external_references(
    query: NonNull<gc_query>,
    obj: *const c_void,
    out_count: NonNull<i64>,
) -> rc_status {
    boundary::external_references(query, obj, out_count)
}

/// Objects that references from outside lead to, and immortal ones.
pub const GC_OBJECTS_HELD: u32 = 0;
/// Objects that no object of the heap refers to.
pub const GC_OBJECTS_UNREFERENCED: u32 = 1;
/// Objects that nothing from outside leads to, over however many edges: what the next full collection would end, if it
/// is tracked and not frozen.
pub const GC_OBJECTS_GARBAGE: u32 = 2;

/// Lists objects in address order: the first `room` of them in `out_objects`, and how many there are.
///
/// Ownership: nothing; the objects are borrowed.
/// Fails: RC_ERR_INVALID for an unknown `which`, null `out_count`, or null `out_objects` with room; RC_ERR_STALE,
/// RC_ERR_IN_USE, RC_ERR_NO_MEMORY; fatal for what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_query_objects(
    query: NonNull<gc_query>,
    which: u32,
    out_objects: *mut *mut c_void,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    boundary::query_objects(query, which, out_objects, room, out_count)
}

/// An object and one of its edges. Start from `GC_STEP_INIT`; of several rows only the first needs it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_step {
    /// `sizeof(gc_step)` as the host was compiled.
    pub struct_size: usize,
    /// The object,
    pub object: *mut c_void,
    /// and its type.
    pub type_: *mut rc_type,
    /// The name of the edge: of the declared field, what `rc_visit_named` was given, or "entry" of a weak map. Null
    /// when it has none. It lives as long as the type.
    pub name: *const c_char,
    /// The index of the edge in its field, or `RC_NO_INDEX`.
    pub index: usize,
}

/// What an object refers to: the first `room` edges in `out_rows`, each once, and how many there are. `object` and `type`
/// of a row are those of the object that the edge leads to, also one of another heap; name and index are the edge's.
///
/// Ownership: nothing; the objects are borrowed.
/// Runs host code: the object's `traverse`.
/// Fails: RC_ERR_INVALID for what is not an object of the heap, null `out_count`, null `out_rows` with room, or a bad
/// size; RC_ERR_STALE, RC_ERR_IN_USE, RC_ERR_REFUSED inside a `traverse`; fatal for what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_referents(
    query: NonNull<gc_query>,
    obj: *const c_void,
    out_rows: *mut gc_step,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    boundary::referents(query, obj, out_rows, room, out_count)
}

/// What refers to an object: the first `room` edges in `out_rows`, each once, and how many there are. `object` and `type`
/// of a row are those of the object that the edge comes from; name and index are the edge's.
///
/// Ownership: nothing; the objects are borrowed.
/// Runs host code: the `traverse` of the objects that refer to it.
/// Fails: as `gc_referents`.
#[no_mangle]
pub unsafe extern "C" fn gc_referrers(
    query: NonNull<gc_query>,
    obj: *const c_void,
    out_rows: *mut gc_step,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    boundary::referrers(query, obj, out_rows, room, out_count)
}

/// A search follows references.
pub const GC_FORWARD: u32 = 0;
/// A search follows references backwards.
pub const GC_BACKWARD: u32 = 1;

/// Looks at one object; whatever is not 0 means "this one". It may allocate, release and collect: then the session is
/// stale, and the search ends. It may not use the session.
pub type gc_predicate_fn = Option<unsafe extern "C" fn(obj: *mut c_void, ctx: *mut c_void) -> c_int>;

/// Finds a shortest path from an object to one that the predicate accepts, or with `GC_BACKWARD` from such a one to the
/// object, and gives its first `room` steps in `out_steps`. The object itself is asked about first.
///
/// Each step has an object and the edge that leads from it to the next step's; the last one has no name. `out_length`
/// is the number of steps; 0: no object was accepted.
///
/// Ownership: nothing; the objects are borrowed.
/// May collect: what the predicate does.
/// Runs host code: the predicate; `traverse` of the objects of the path.
/// Fails: RC_ERR_INVALID for what is not an object of the heap, an unknown direction, a null predicate, null
/// `out_length`, null `out_steps` with room, or a bad size; RC_ERR_STALE, also when the predicate made it so;
/// RC_ERR_IN_USE, RC_ERR_REFUSED inside a `traverse`, RC_ERR_NO_MEMORY; fatal for what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_find_path(
    query: NonNull<gc_query>,
    from: *const c_void,
    direction: u32,
    predicate: gc_predicate_fn,
    ctx: *mut c_void,
    out_steps: *mut gc_step,
    room: usize,
    out_length: NonNull<usize>,
) -> rc_status {
    boundary::find_path(query, from, direction, predicate, ctx, out_steps, room, out_length)
}

/// Nothing keeps the object: the next full collection ends it.
pub const GC_WHY_GARBAGE: u32 = 0;
/// References from outside keep it.
pub const GC_WHY_HELD: u32 = 1;
/// An object that lives by itself leads to it.
pub const GC_WHY_REACHABLE: u32 = 2;
/// It is immortal.
pub const GC_WHY_IMMORTAL: u32 = 3;
/// It is frozen.
pub const GC_WHY_FROZEN: u32 = 4;
/// It is not tracked: no collection looks at it.
pub const GC_WHY_UNTRACKED: u32 = 5;
/// Its finalizer is due: the queue keeps it until `gc_run_finalizers`.
pub const GC_WHY_FINALIZER_DUE: u32 = 6;
/// Its finalizer brought it back; it is held or reachable since.
pub const GC_WHY_RESURRECTED: u32 = 7;
/// It is an object of another heap.
pub const GC_WHY_OTHER_HEAP: u32 = 8;
/// More edges lead to it than it has references, so no collection dares to end it; see `gc_verify`.
pub const GC_WHY_TOO_MANY_EDGES: u32 = 9;
/// Its end has begun.
pub const GC_WHY_DYING: u32 = 10;

/// What keeps an object. Start from `GC_WHY_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_why {
    /// `sizeof(gc_why)` as the host was compiled.
    pub struct_size: usize,
    /// One of `GC_WHY_*`.
    pub verdict: u32,
    /// `GC_OBJECT_*` of the object.
    pub flags: u32,
    /// References from outside to the object, as `gc_external_references`.
    pub external: i64,
    /// The nearest object that lives by itself and leads to the object; the object when that is itself; null when there
    /// is none.
    pub holder: *mut c_void,
    /// What keeps the holder, one of `GC_WHY_*`.
    pub holder_verdict: u32,
    /// Zero.
    pub reserved: u32,
    /// References from outside to the holder.
    pub holder_external: i64,
    /// Paths that were found,
    pub paths: usize,
    /// and the steps of all of them.
    pub steps: usize,
}

/// One path to an object. Start from `GC_PATH_INIT`; of several rows only the first needs it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_path {
    /// `sizeof(gc_path)` as the host was compiled.
    pub struct_size: usize,
    /// Its first step among the steps of all paths,
    pub first: usize,
    /// and how many it has.
    pub length: usize,
    /// The object that it begins with
    pub holder: *mut c_void,
    /// and how many references from outside lead to that.
    pub external: i64,
}

/// Says what keeps an object alive: the nearest objects that are held from outside and lead to it, up to `path_room` of
/// them, each with a shortest path. An object that is held itself is its own nearest holder, with a path of one step.
///
/// The value of an entry of a weak map is kept by the map while the key lives.
///
/// Ownership: nothing; the objects are borrowed.
/// Runs host code: `traverse` of the objects of the paths.
/// Fails: RC_ERR_INVALID for what is not an object, null `out_why`, null rows with room, or a bad size; RC_ERR_STALE,
/// RC_ERR_IN_USE, RC_ERR_REFUSED inside a `traverse`, RC_ERR_NO_MEMORY; fatal for what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_why_alive(
    query: NonNull<gc_query>,
    obj: *const c_void,
    out_why: NonNull<gc_why>,
    out_paths: *mut gc_path,
    path_room: usize,
    out_steps: *mut gc_step,
    step_room: usize,
) -> rc_status {
    boundary::why_alive(query, obj, out_why, out_paths, path_room, out_steps, step_room)
}

/// Says why no collection has ended an object: as `gc_why_alive`, but what the collector leaves alone (frozen objects,
/// and untracked ones that may refer to others) counts as living by itself. The steps are those of one path, from the
/// object that stands in the way.
///
/// `GC_WHY_GARBAGE` says that the next full collection ends it.
///
/// Ownership: nothing; the objects are borrowed.
/// Runs host code: `traverse` of the objects of the path.
/// Fails: as `gc_why_alive`.
#[no_mangle]
pub unsafe extern "C" fn gc_why_not_collected(
    query: NonNull<gc_query>,
    obj: *const c_void,
    out_why: NonNull<gc_why>,
    out_steps: *mut gc_step,
    step_room: usize,
) -> rc_status {
    boundary::why_not_collected(query, obj, out_why, out_steps, step_room)
}

/// Writes a sentence that says what keeps an object: "Node 0x7f0000000010 is kept alive by 1 reference from outside, path
/// Cache.entries[3] -> Node.next". The middle of a long path is left out.
///
/// `out_text` gets as much of it as `room` bytes hold, with a NUL; `out_length` is the length of all of it.
///
/// Runs host code: `traverse` of the objects of the path.
/// Fails: RC_ERR_INVALID for what is not an object, null `out_length`, or null `out_text` with room; RC_ERR_STALE,
/// RC_ERR_IN_USE, RC_ERR_REFUSED inside a `traverse`, RC_ERR_NO_MEMORY; fatal for what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_why_text(
    query: NonNull<gc_query>,
    obj: *const c_void,
    out_text: *mut c_char,
    room: usize,
    out_length: NonNull<usize>,
) -> rc_status {
    boundary::why_text(query, obj, out_text, room, out_length)
}

/// Sizes of several objects together. Start from `GC_SIZE_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_size {
    /// `sizeof(gc_size)` as the host was compiled.
    pub struct_size: usize,
    /// Objects.
    pub objects: u64,
    /// Their bytes in the heap, and those that they keep elsewhere.
    pub bytes: u64,
}

/// The retained size of an object or a set of objects: all that would go if they went, themselves included.
///
/// Objects that nothing from outside leads to are garbage and retained by nobody: they count 0. Of one object it is what
/// it dominates; the dominators of all objects are found once a session. An entry of a weak map counts as the map's.
///
/// Fails: RC_ERR_INVALID for what is not an object of the heap, a null argument, or a bad size; RC_ERR_STALE,
/// RC_ERR_IN_USE, RC_ERR_NO_MEMORY; fatal for what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_retained_size(
    query: NonNull<gc_query>,
    objects: *const *mut c_void,
    count: usize,
    out_size: NonNull<gc_size>,
) -> rc_status {
    boundary::retained_size(query, objects, count, out_size)
}

/// The immediate dominator of an object: the nearest other object that must go for this one to go. Null when there is
/// none: it is held from outside, several objects share it that nothing else has in common, or it is garbage.
///
/// Ownership: nothing; the object is borrowed.
/// Fails: RC_ERR_INVALID for what is not an object of the heap or a null output; RC_ERR_STALE, RC_ERR_IN_USE,
/// RC_ERR_NO_MEMORY; fatal for what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_dominator(
    query: NonNull<gc_query>,
    obj: *const c_void,
    out_dominator: NonNull<*mut c_void>,
) -> rc_status {
    boundary::dominator(query, obj, out_dominator)
}
