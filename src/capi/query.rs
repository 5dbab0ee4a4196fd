//! `rcgc/query.h`: questions about edges: who refers to whom, by which name, and what keeps an object alive. A session
//! looks at the whole heap once; the answers are about that moment.
//!
//! What a host owes at `gc_query_begin`: every object, tracked or not, is walkable (see "what a host owes" in rcgc.h),
//! since the `traverse` of each is called.

use super::boundary::{status, Answer, Call, NonNull};
use super::rows::Rows;
use super::status::*;
use crate::base::report;
use crate::heap::Heap as gc_heap;
use crate::inspect::paths::{self, Direction, Step};
use crate::inspect::query::Failure;
/// A session: the objects and edges of a heap at one moment. `gc_query_begin` makes one, and whoever made it ends it with
/// `gc_query_end`, also after the heap. It is used where its heap may be.
use crate::inspect::query::Query as gc_query;
use crate::inspect::registry::{self, Purpose, Ticket};
use crate::object::{self, epitaph, NotAnObject, StaticText};
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
    status(|| {
        let call = Call::on("gc_query_begin", heap)?;
        call.needs(!out_query.0.is_null(), "out_query is null")?;
        *out_query.0 = gc_query::open(call.heap).or_else(|failure| failed(call, failure))?;
        Ok(())
    })
}

/// Ends a session and gives its memory back. Null is RC_OK.
///
/// Ownership: takes the session.
/// Fails: RC_ERR_IN_USE inside a predicate or a `traverse` that a call of the same session runs; fatal for what is not a
/// session.
#[no_mangle]
pub unsafe extern "C" fn gc_query_end(query: *mut gc_query) -> rc_status {
    if query.is_null() {
        return RC_OK;
    }
    status(|| {
        let call = of_session("gc_query_end", query);
        if (*query).busy {
            return failed(call, Failure::Busy);
        }
        gc_query::close(query);
        Ok(())
    })
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
    status(|| {
        let (call, query) = ask("gc_query_info", query)?;
        let facts = gc_query_facts {
            struct_size: size_of::<gc_query_facts>(),
            objects: (*query).objects,
            edges: (*query).graph().edges() as u64,
            bytes: (*query).bytes() as u64,
        };
        put(call, out_facts.0, &facts)
    })
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
    status(|| {
        let (call, query) = ask("gc_external_references", query)?;
        let out_count = given(call, out_count)?;
        *out_count = (*query).external(listed(call, query, obj)?);
        Ok(())
    })
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
    status(|| {
        let (call, query) = ask("gc_query_objects", query)?;
        let out_count = given(call, out_count)?;
        call.needs(room == 0 || !out_objects.is_null(), "out_objects is null")?;
        if which > GC_OBJECTS_GARBAGE {
            return call.invalid(format_args!("which {which} is unknown"));
        }
        if which == GC_OBJECTS_GARBAGE {
            (*query).reached().or_else(|failure| failed(call, failure))?;
        }
        let reached = &(*query).reached;
        let mut count = 0;
        (*query).each_object(|place, obj| {
            let counts = match which {
                GC_OBJECTS_HELD => (*query).external(place) > 0,
                GC_OBJECTS_UNREFERENCED => (*query).inner(place) == 0,
                _ => reached[place as usize] == 0,
            };
            if counts {
                if count < room {
                    *out_objects.add(count) = obj;
                }
                count += 1;
            }
        });
        *out_count = count;
        Ok(())
    })
}

/// An object and one of its edges. Start from `GC_PATH_STEP_INIT`; of several rows only the first needs it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_path_step {
    /// `sizeof(gc_path_step)` as the host was compiled.
    pub struct_size: usize,
    /// The object.
    pub object: *mut c_void,
    /// The object's type; null of a static constant.
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
    out_rows: *mut gc_path_step,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    status(|| {
        let (call, query) = ask("gc_referents", query)?;
        neighbours(call, query, obj, (out_rows, room, out_count), paths::each_referent)
    })
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
    out_rows: *mut gc_path_step,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    status(|| {
        let (call, query) = ask("gc_referrers", query)?;
        neighbours(call, query, obj, (out_rows, room, out_count), paths::each_referrer)
    })
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
    out_steps: *mut gc_path_step,
    room: usize,
    out_length: NonNull<usize>,
) -> rc_status {
    status(|| {
        let (call, query) = ask("gc_find_path", query)?;
        let out_length = given(call, out_length)?;
        let rows = Rows::of(call, out_steps, room)?;
        let direction = match direction {
            GC_FORWARD => Direction::Forward,
            GC_BACKWARD => Direction::Backward,
            other => return call.invalid(format_args!("direction {other} is unknown")),
        };
        let Some(predicate) = predicate else { return call.invalid("the predicate is null") };
        let from = listed(call, query, from)?;
        let mut put = |number, step| rows.put(number, &step_row(&step));
        let found = paths::find(query, call.heap, from, direction, predicate, ctx, &mut put);
        *out_length = found.or_else(|failure| failed(call, failure))?;
        Ok(())
    })
}

/// The status of a failure, and its sentence.
#[cold]
pub(super) unsafe fn failed<T>(call: Call, failure: Failure) -> Answer<T> {
    let (status, why) = match failure {
        Failure::NoMemory => (RC_ERR_NO_MEMORY, "no memory"),
        Failure::Limit => (RC_ERR_LIMIT, "the heap has 2^31 blocks, or 2^32 edges, or more"),
        Failure::Changed => (RC_ERR_STALE, "objects were made or have died since the session began"),
        Failure::HeapEnded => (RC_ERR_STALE, "the session's heap was freed"),
        Failure::InTraverse => (RC_ERR_REFUSED, "a traverse is running, which may only visit"),
        Failure::Busy => {
            (RC_ERR_IN_USE, "the session is in use by the call whose predicate or traverse is running")
        }
        Failure::NotListed => (RC_ERR_INVALID, "the object is not one that the session lists"),
    };
    call.refuse(status, why)
}

/// A call on a session: what is none is fatal. Its heap is null when that was freed.
unsafe fn of_session(name: &'static str, query: *mut gc_query) -> Call {
    if !registry::has(query as *const Ticket, Purpose::Query) {
        report::fatal(format_args!("{name}: {query:p} is not an open session: ended before, or never one"));
    }
    Call { name, heap: (*query).live_heap().unwrap_or(core::ptr::null_mut()) }
}

/// A call on a session that can answer.
pub(super) unsafe fn ask(name: &'static str, query: NonNull<gc_query>) -> Answer<(Call, *mut gc_query)> {
    let call = of_session(name, query.0);
    (*query.0).heap().or_else(|failure| failed(call, failure))?;
    Ok((call, query.0))
}

/// An object of any heap.
pub(super) unsafe fn any_object(call: Call, obj: *const c_void) -> Answer<*mut c_void> {
    let obj = obj as *mut c_void;
    let why = match object::check(obj) {
        Ok(_) => return Ok(obj),
        Err(NotAnObject::Null) => "the object is null",
        Err(NotAnObject::Foreign) => "no heap of this process has that address",
        Err(NotAnObject::Static) => return call.invalid(StaticText(obj)),
        Err(NotAnObject::Interior) => "it points into an object, or is not aligned",
        Err(NotAnObject::Dead) => {
            return call.invalid(format_args!("{obj:p} is a dead {}", epitaph::of(obj)));
        }
    };
    call.invalid(format_args!("{obj:p}: {why}"))
}

/// The place of an object that the session lists.
pub(super) unsafe fn listed(call: Call, query: *const gc_query, obj: *const c_void) -> Answer<u32> {
    let obj = any_object(call, obj)?;
    (*query).place(obj).or_else(|_| {
        call.invalid(format_args!("{obj:p} is not listed: another heap's, or its end has begun"))
    })
}

pub(super) unsafe fn put<T>(call: Call, to: *mut T, value: &T) -> Answer<()> {
    call.needs(!to.is_null(), "the output is null")?;
    call.put(to, value, "")
}

/// An output that must be there.
pub(super) unsafe fn given<T>(call: Call, to: NonNull<T>) -> Answer<*mut T> {
    call.needs(!to.0.is_null(), "an output is null")?;
    Ok(to.0)
}

pub(super) fn step_row(step: &Step) -> gc_path_step {
    gc_path_step {
        struct_size: size_of::<gc_path_step>(),
        object: step.object,
        type_: step.ty,
        name: step.name,
        index: step.index,
    }
}

type EachNeighbour = unsafe fn(&mut gc_query, u32, &mut dyn FnMut(Step)) -> Result<(), Failure>;

unsafe fn neighbours(
    call: Call,
    query: *mut gc_query,
    obj: *const c_void,
    out: (*mut gc_path_step, usize, NonNull<usize>),
    each: EachNeighbour,
) -> Answer<()> {
    let (out_rows, room, out_count) = out;
    let out_count = given(call, out_count)?;
    let rows = Rows::of(call, out_rows, room)?;
    let place = listed(call, query, obj)?;
    let mut count = 0;
    let shown = each(&mut *query, place, &mut |step| {
        rows.put(count, &step_row(&step));
        count += 1;
    });
    shown.or_else(|failure| failed(call, failure))?;
    *out_count = count;
    Ok(())
}
