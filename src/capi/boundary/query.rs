//! The boundary of `rcgc/query.h`.

use super::*;
use crate::capi::query::*;
use crate::inspect::array::Array;
use crate::inspect::paths::{self, Direction, Path, Question, Step, View, Why};
use crate::inspect::query::{Failure, Query};
use crate::inspect::registry::{self, Purpose, Ticket};
use crate::inspect::retained;
use crate::inspect::text::{self, Text};
use crate::object::epitaph;
use crate::object::NotAnObject;

pub(super) fn status_and_reason(failure: Failure) -> (rc_status, &'static str) {
    match failure {
        Failure::NoMemory => (RC_ERR_NO_MEMORY, "no memory"),
        Failure::Limit => (RC_ERR_LIMIT, "the heap has 2^31 blocks, or 2^32 edges, or more"),
        Failure::Changed => (RC_ERR_STALE, "objects were made or have died since the session began"),
        Failure::HeapEnded => (RC_ERR_STALE, "the session's heap was freed"),
        Failure::InTraverse => (RC_ERR_REFUSED, "a traverse is running, which may only visit"),
        Failure::Busy => {
            (RC_ERR_IN_USE, "the session is in use by the call whose predicate or traverse is running")
        }
        Failure::NotListed => (RC_ERR_INVALID, "the object is not one that the session lists"),
    }
}

/// Keeps the sentence of a failure and gives its status.
pub(super) unsafe fn failed(call: &str, query: *const Query, failure: Failure) -> rc_status {
    let (status, why) = status_and_reason(failure);
    told(query, status, format_args!("{call}: {why}"))
}

/// Keeps the sentence where `gc_error_message` of the session's heap finds it.
unsafe fn told(query: *const Query, status: rc_status, text: core::fmt::Arguments<'_>) -> rc_status {
    match query.as_ref().and_then(|query| query.live_heap()) {
        Some(heap) => (*heap).set_error(text),
        None => report::set_process_error(&Line::of(text)),
    }
    status
}

unsafe fn query_checked(call: &str, query: *mut Query) -> *mut Query {
    if !registry::has(query as *const Ticket, Purpose::Query) {
        report::fatal(format_args!("{call}: {query:p} is not an open session: ended before, or never one"));
    }
    query
}

/// What keeps a call from its answer: a status that was told already.
pub(super) type Answer<T> = Result<T, rc_status>;

/// The session and its heap, if it can answer.
pub(super) unsafe fn open(call: &str, query: NonNull<Query>) -> Answer<(*mut Query, *mut Heap)> {
    let query = query_checked(call, query.0);
    match (*query).heap() {
        Ok(heap) => Ok((query, heap)),
        Err(failure) => Err(failed(call, query, failure)),
    }
}

unsafe fn invalid<T>(query: *const Query, text: core::fmt::Arguments<'_>) -> Answer<T> {
    Err(told(query, RC_ERR_INVALID, text))
}

/// An object of any heap.
unsafe fn any_object(call: &str, query: *const Query, obj: *const c_void) -> Answer<*mut c_void> {
    let obj = obj as *mut c_void;
    let why = match object::check(obj) {
        Ok(_) => return Ok(obj),
        Err(NotAnObject::Null) => "the object is null",
        Err(NotAnObject::Foreign) => "no heap of this process has that address",
        Err(NotAnObject::Interior) => "it points into an object, or is not aligned",
        Err(NotAnObject::Dead) => {
            return invalid(query, format_args!("{call}: {obj:p} is a dead {}", epitaph::of(obj)));
        }
    };
    invalid(query, format_args!("{call}: {obj:p}: {why}"))
}

/// The place of an object that the session lists.
unsafe fn listed(call: &str, query: *const Query, obj: *const c_void) -> Answer<u32> {
    let obj = any_object(call, query, obj)?;
    match (*query).place(obj) {
        Ok(place) => Ok(place),
        Err(_) => invalid(
            query,
            format_args!("{call}: {obj:p} is not listed: another heap's, or its end has begun"),
        ),
    }
}

pub(super) fn status_of(answer: Answer<()>) -> rc_status {
    match answer {
        Ok(()) => RC_OK,
        Err(status) => status,
    }
}

/// Rows that the host has room for, each as large as the first says.
pub(super) struct Rows<T> {
    start: *mut T,
    room: usize,
    size: usize,
}

impl<T> Rows<T> {
    /// Looks at the first row's size. Err is a sentence for the message.
    unsafe fn new(start: *mut T, room: usize) -> Result<Self, &'static str> {
        if room == 0 {
            return Ok(Rows { start, room, size: 0 });
        }
        if start.is_null() {
            return Err("there is room for rows, and they are null");
        }
        let size = *(start as *const usize);
        if !(size_of::<usize>() * 2..=4096).contains(&size) {
            return Err(
                "struct_size of the first row is not the size of the struct; begin with its _INIT macro",
            );
        }
        Ok(Rows { start, room, size })
    }

    pub(super) unsafe fn put(&self, number: usize, row: &T) {
        if number < self.room {
            let to = (self.start as *mut u8).add(number * self.size) as *mut T;
            // The size was looked at.
            let _ = write_struct(to, self.size, row);
            *(to as *mut usize) = self.size;
        }
    }
}

pub(super) unsafe fn rows<T>(call: &str, query: *const Query, start: *mut T, room: usize) -> Answer<Rows<T>> {
    match Rows::new(start, room) {
        Ok(rows) => Ok(rows),
        Err(why) => invalid(query, format_args!("{call}: {why}")),
    }
}

unsafe fn put_struct<T>(call: &str, query: *const Query, to: *mut T, value: &T) -> Answer<()> {
    if to.is_null() {
        return invalid(query, format_args!("{call}: the output is null"));
    }
    match write_struct(to, *(to as *const usize), value) {
        Ok(()) => Ok(()),
        Err(why) => invalid(query, format_args!("{call}: {why}")),
    }
}

pub(super) unsafe fn not_null<T>(call: &str, query: *const Query, to: NonNull<T>) -> Answer<*mut T> {
    match to.0.is_null() {
        true => invalid(query, format_args!("{call}: an output is null")),
        false => Ok(to.0),
    }
}

fn step_row(step: &Step) -> gc_step {
    gc_step {
        struct_size: size_of::<gc_step>(),
        object: step.object,
        type_: step.kind,
        name: step.name,
        index: step.index,
    }
}

// ---- sessions ----

pub(in crate::capi) unsafe fn query_begin(heap: *mut Heap, out_query: NonNull<*mut Query>) -> rc_status {
    const CALL: &str = "gc_query_begin";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if out_query.0.is_null() {
        (*heap).set_error(format_args!("{CALL}: out_query is null"));
        return RC_ERR_INVALID;
    }
    match Query::open(heap) {
        Ok(query) => {
            *out_query.0 = query;
            RC_OK
        }
        Err(failure) => {
            let (status, why) = status_and_reason(failure);
            (*heap).set_error(format_args!("{CALL}: {why}"));
            status
        }
    }
}

pub(in crate::capi) unsafe fn query_end(query: *mut Query) -> rc_status {
    if query.is_null() {
        return RC_OK;
    }
    let query = query_checked("gc_query_end", query);
    if (*query).busy {
        return failed("gc_query_end", query, Failure::Busy);
    }
    Query::close(query);
    RC_OK
}

pub(in crate::capi) unsafe fn query_info(
    query: NonNull<Query>,
    out_facts: NonNull<gc_query_facts>,
) -> rc_status {
    const CALL: &str = "gc_query_info";
    let answer = || {
        let (query, _) = open(CALL, query)?;
        let facts = gc_query_facts {
            struct_size: size_of::<gc_query_facts>(),
            objects: (*query).objects,
            edges: (*query).graph().edges() as u64,
            bytes: (*query).bytes() as u64,
        };
        put_struct(CALL, query, out_facts.0, &facts)
    };
    status_of(answer())
}

pub(in crate::capi) unsafe fn external_references(
    query: NonNull<Query>,
    obj: *const c_void,
    out_count: NonNull<i64>,
) -> rc_status {
    const CALL: &str = "gc_external_references";
    let answer = || {
        let (query, _) = open(CALL, query)?;
        let out_count = not_null(CALL, query, out_count)?;
        let place = listed(CALL, query, obj)?;
        *out_count = (*query).external(place);
        Ok(())
    };
    status_of(answer())
}

pub(in crate::capi) unsafe fn query_objects(
    query: NonNull<Query>,
    which: u32,
    out_objects: *mut *mut c_void,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    const CALL: &str = "gc_query_objects";
    let answer = || {
        let (query, _) = open(CALL, query)?;
        let out_count = not_null(CALL, query, out_count)?;
        if room != 0 && out_objects.is_null() {
            return invalid(query, format_args!("{CALL}: out_objects is null"));
        }
        if which > GC_OBJECTS_GARBAGE {
            return invalid(query, format_args!("{CALL}: which {which} is unknown"));
        }
        if which == GC_OBJECTS_GARBAGE {
            (*query).reached().map_err(|failure| failed(CALL, query, failure))?;
        }
        let reached: &Array<u8> = &(*query).reached;
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
    };
    status_of(answer())
}

// ---- edges and paths ----

type EachNeighbour = unsafe fn(&mut Query, u32, &mut dyn FnMut(Step)) -> Result<(), Failure>;

unsafe fn neighbours(
    call: &str,
    query: NonNull<Query>,
    obj: *const c_void,
    out: (*mut gc_step, usize, NonNull<usize>),
    each: EachNeighbour,
) -> Answer<()> {
    let (query, _) = open(call, query)?;
    let (out_rows, room, out_count) = out;
    let out_count = not_null(call, query, out_count)?;
    let rows = rows(call, query, out_rows, room)?;
    let place = listed(call, query, obj)?;
    let mut count = 0;
    let given = each(&mut *query, place, &mut |step| {
        rows.put(count, &step_row(&step));
        count += 1;
    });
    given.map_err(|failure| failed(call, query, failure))?;
    *out_count = count;
    Ok(())
}

pub(in crate::capi) unsafe fn referents(
    query: NonNull<Query>,
    obj: *const c_void,
    out_rows: *mut gc_step,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    status_of(neighbours("gc_referents", query, obj, (out_rows, room, out_count), paths::each_referent))
}

pub(in crate::capi) unsafe fn referrers(
    query: NonNull<Query>,
    obj: *const c_void,
    out_rows: *mut gc_step,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    status_of(neighbours("gc_referrers", query, obj, (out_rows, room, out_count), paths::each_referrer))
}

#[allow(clippy::too_many_arguments)] // those of the exported function
pub(in crate::capi) unsafe fn find_path(
    query: NonNull<Query>,
    from: *const c_void,
    direction: u32,
    predicate: gc_predicate_fn,
    ctx: *mut c_void,
    out_steps: *mut gc_step,
    room: usize,
    out_length: NonNull<usize>,
) -> rc_status {
    const CALL: &str = "gc_find_path";
    let answer = || {
        let (query, heap) = open(CALL, query)?;
        let out_length = not_null(CALL, query, out_length)?;
        let rows = rows(CALL, query, out_steps, room)?;
        let direction = match direction {
            GC_FORWARD => Direction::Forward,
            GC_BACKWARD => Direction::Backward,
            other => return invalid(query, format_args!("{CALL}: direction {other} is unknown")),
        };
        let Some(predicate) = predicate else {
            return invalid(query, format_args!("{CALL}: the predicate is null"));
        };
        let from = listed(CALL, query, from)?;
        let mut put = |number, step| rows.put(number, &step_row(&step));
        let found = paths::find(query, heap, from, direction, predicate, ctx, &mut put);
        *out_length = found.map_err(|failure| failed(CALL, query, failure))?;
        Ok(())
    };
    status_of(answer())
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
    out_steps: *mut gc_step,
    step_room: usize,
}

unsafe fn why(call: &str, query: NonNull<Query>, obj: *const c_void, view: View, out: WhyRoom) -> Answer<()> {
    let (query, heap) = open(call, query)?;
    let out_why = not_null(call, query, out.out_why)?;
    let path_rows = rows(call, query, out.out_paths, out.path_room)?;
    let step_rows = rows(call, query, out.out_steps, out.step_room)?;
    let obj = any_object(call, query, obj)?;
    let mut path = |number, path: Path| {
        let Path { first, length, holder, external } = path;
        let row = gc_path { struct_size: size_of::<gc_path>(), first, length, holder, external };
        path_rows.put(number, &row);
    };
    let mut step = |number, step: Step| step_rows.put(number, &step_row(&step));
    let mut question = Question { view, most: out.most, paths: &mut path, steps: &mut step };
    let found = paths::why(&mut *query, heap, obj, &mut question);
    let found = found.map_err(|failure| failed(call, query, failure))?;
    put_struct(call, query, out_why, &why_row(&found))
}

pub(in crate::capi) unsafe fn why_alive(
    query: NonNull<Query>,
    obj: *const c_void,
    out_why: NonNull<gc_why>,
    out_paths: *mut gc_path,
    path_room: usize,
    out_steps: *mut gc_step,
    step_room: usize,
) -> rc_status {
    let room = WhyRoom { out_why, out_paths, path_room, most: path_room, out_steps, step_room };
    status_of(why("gc_why_alive", query, obj, View::Host, room))
}

pub(in crate::capi) unsafe fn why_not_collected(
    query: NonNull<Query>,
    obj: *const c_void,
    out_why: NonNull<gc_why>,
    out_steps: *mut gc_step,
    step_room: usize,
) -> rc_status {
    let none = core::ptr::null_mut();
    let room = WhyRoom { out_why, out_paths: none, path_room: 0, most: 1, out_steps, step_room };
    status_of(why("gc_why_not_collected", query, obj, View::Collector, room))
}

pub(in crate::capi) unsafe fn why_text(
    query: NonNull<Query>,
    obj: *const c_void,
    out_text: *mut c_char,
    room: usize,
    out_length: NonNull<usize>,
) -> rc_status {
    const CALL: &str = "gc_why_text";
    let answer = || {
        let (query, heap) = open(CALL, query)?;
        let out_length = not_null(CALL, query, out_length)?;
        if room != 0 && out_text.is_null() {
            return invalid(query, format_args!("{CALL}: out_text is null"));
        }
        let obj = any_object(CALL, query, obj)?;
        let mut text = Text::new(out_text, room);
        let explained = text::explain(&mut *query, heap, obj, &mut text);
        explained.map_err(|failure| failed(CALL, query, failure))?;
        *out_length = text.len;
        Ok(())
    };
    status_of(answer())
}

// ---- sizes ----

pub(in crate::capi) unsafe fn retained_size(
    query: NonNull<Query>,
    objects: *const *mut c_void,
    count: usize,
    out_size: NonNull<gc_size>,
) -> rc_status {
    const CALL: &str = "gc_retained_size";
    let answer = || {
        let (query, _) = open(CALL, query)?;
        let out_size = not_null(CALL, query, out_size)?;
        if objects.is_null() || count == 0 {
            return invalid(query, format_args!("{CALL}: objects is null, or count is 0"));
        }
        let objects = core::slice::from_raw_parts(objects, count);
        for &obj in objects {
            listed(CALL, query, obj)?;
        }
        let found = match objects {
            [one] => match (*query).place(*one) {
                Ok(place) => retained::size_of_one(&mut *query, place),
                Err(failure) => Err(failure),
            },
            _ => retained::size_of_set(&mut *query, objects),
        };
        let found = found.map_err(|failure| failed(CALL, query, failure))?;
        let size = gc_size { struct_size: size_of::<gc_size>(), objects: found.objects, bytes: found.bytes };
        put_struct(CALL, query, out_size, &size)
    };
    status_of(answer())
}

pub(in crate::capi) unsafe fn dominator(
    query: NonNull<Query>,
    obj: *const c_void,
    out_dominator: NonNull<*mut c_void>,
) -> rc_status {
    const CALL: &str = "gc_dominator";
    let answer = || {
        let (query, _) = open(CALL, query)?;
        let out_dominator = not_null(CALL, query, out_dominator)?;
        let place = listed(CALL, query, obj)?;
        let found =
            retained::dominator(&mut *query, place).map_err(|failure| failed(CALL, query, failure))?;
        *out_dominator = found.map_or(core::ptr::null_mut(), |place| (*query).places.address(place));
        Ok(())
    };
    status_of(answer())
}
