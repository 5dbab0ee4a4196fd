//! The second half of `rcgc/query.h`: why an object is alive, and what would go with it.

use super::boundary::{status, Answer, Call, NonNull};
use super::query::{any_object, ask, failed, gc_path_step, given, listed, put, step_row};
use super::rows::Rows;
use super::status::rc_status;
use crate::inspect::paths::{self, Path, Question, Step, View, Why};
use crate::inspect::query::Query as gc_query;
use crate::inspect::retained;
use crate::inspect::text::{self, Text};
use core::ffi::{c_char, c_void};

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
    /// Paths that were found.
    pub paths: usize,
    /// Steps of all paths together.
    pub steps: usize,
}

/// One path to an object. Start from `GC_PATH_INIT`; of several rows only the first needs it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_path {
    /// `sizeof(gc_path)` as the host was compiled.
    pub struct_size: usize,
    /// The number of its first step among the steps of all paths.
    pub first: usize,
    /// How many steps it has.
    pub length: usize,
    /// The object that it begins with.
    pub holder: *mut c_void,
    /// How many references from outside lead to the holder.
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
    out_steps: *mut gc_path_step,
    step_room: usize,
) -> rc_status {
    status(|| {
        let (call, query) = ask("gc_why_alive", query)?;
        let room = WhyRoom { out_why, out_paths, path_room, most: path_room, out_steps, step_room };
        why(call, query, obj, View::Host, room)
    })
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
    out_steps: *mut gc_path_step,
    step_room: usize,
) -> rc_status {
    status(|| {
        let (call, query) = ask("gc_why_not_collected", query)?;
        let out_paths = core::ptr::null_mut();
        let room = WhyRoom { out_why, out_paths, path_room: 0, most: 1, out_steps, step_room };
        why(call, query, obj, View::Collector, room)
    })
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
    status(|| {
        let (call, query) = ask("gc_why_text", query)?;
        let out_length = given(call, out_length)?;
        call.needs(room == 0 || !out_text.is_null(), "out_text is null")?;
        let obj = any_object(call, obj)?;
        let mut text = Text::new(out_text, room);
        text::explain(&mut *query, call.heap, obj, &mut text).or_else(|failure| failed(call, failure))?;
        *out_length = text.len;
        Ok(())
    })
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
    status(|| {
        let (call, query) = ask("gc_retained_size", query)?;
        let out_size = given(call, out_size)?;
        call.needs(!objects.is_null() && count != 0, "objects is null, or count is 0")?;
        let objects = core::slice::from_raw_parts(objects, count);
        for &obj in objects {
            listed(call, query, obj)?;
        }
        let found = match objects {
            [one] => (*query).place(*one).and_then(|place| retained::size_of_one(&mut *query, place)),
            _ => retained::size_of_set(&mut *query, objects),
        };
        let found = found.or_else(|failure| failed(call, failure))?;
        let size = gc_size { struct_size: size_of::<gc_size>(), objects: found.objects, bytes: found.bytes };
        put(call, out_size, &size)
    })
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
    status(|| {
        let (call, query) = ask("gc_dominator", query)?;
        let out_dominator = given(call, out_dominator)?;
        let place = listed(call, query, obj)?;
        let found = retained::dominator(&mut *query, place).or_else(|failure| failed(call, failure))?;
        *out_dominator = found.map_or(core::ptr::null_mut(), |place| (*query).places.address(place));
        Ok(())
    })
}

fn why_row(why: &Why) -> gc_why {
    gc_why {
        struct_size: size_of::<gc_why>(),
        verdict: why.verdict as u32,
        flags: why.traits.bits(),
        external: why.external,
        holder: why.holder,
        holder_verdict: why.holder_verdict as u32,
        reserved: 0,
        holder_external: why.holder_external,
        paths: why.paths,
        steps: why.steps,
    }
}

/// Room for the answer to a "why".
struct WhyRoom {
    out_why: NonNull<gc_why>,
    out_paths: *mut gc_path,
    path_room: usize,
    most: usize,
    out_steps: *mut gc_path_step,
    step_room: usize,
}

unsafe fn why(call: Call, query: *mut gc_query, obj: *const c_void, view: View, out: WhyRoom) -> Answer<()> {
    let out_why = given(call, out.out_why)?;
    let path_rows = Rows::of(call, out.out_paths, out.path_room)?;
    let step_rows = Rows::of(call, out.out_steps, out.step_room)?;
    let obj = any_object(call, obj)?;
    let mut path = |number, path: Path| {
        let Path { first, length, holder, external } = path;
        let row = gc_path { struct_size: size_of::<gc_path>(), first, length, holder, external };
        path_rows.put(number, &row);
    };
    let mut step = |number, step: Step| step_rows.put(number, &step_row(&step));
    let mut question = Question { view, most: out.most, paths: &mut path, steps: &mut step };
    let found = paths::why(&mut *query, call.heap, obj, &mut question);
    put(call, out_why, &why_row(&found.or_else(|failure| failed(call, failure))?))
}
