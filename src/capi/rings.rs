//! `rcgc/rings.h`: rings of references by their shapes, in a session and as collections find them dead; checking that
//! counts and edges fit.

use super::boundary::{status, Call, NonNull};
use super::query::{ask, failed, given};
use super::rows::Rows;
use super::status::*;
use crate::base::report::{self, CText, Sentence};
use crate::heap::{Heap as gc_heap, Phase};
use crate::inspect::lint;
use crate::inspect::query::Query as gc_query;
use crate::inspect::registry::{self, Purpose, Ticket};
use crate::inspect::rings;
use crate::inspect::verify::{self, Finding};
use crate::inspect::watch;
/// A watch on the rings that collections end. `gc_watch_rings` makes one, and whoever made it ends it with
/// `gc_watch_rings_end`, also after the heap. It is used where its heap may be.
use crate::inspect::watch::Watch as gc_ring_watch;
use crate::types::Type as rc_type;
use core::ffi::{c_char, c_void};

/// What all rings of one shape come to. Start from `GC_RING_SHAPE_INIT`; of several rows only the first needs it.
///
/// A ring is a group of objects each of which leads to each other, or one object that refers to itself. Its shape is
/// which edges it has, by type and name; lists of any length have one shape.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_ring_shape {
    /// `sizeof(gc_ring_shape)` as the host was compiled.
    pub struct_size: usize,
    /// "Parent.child -> Child.parent". It lives as long as the session or the watch.
    pub shape: *const c_char,
    /// "Child.parent": the edge without which most of the rings would be none. It lives as long.
    pub weakest: *const c_char,
    /// Rings of this shape.
    pub rings: u64,
    /// Objects in these rings.
    pub objects: u64,
    /// Bytes of these objects, in the heap and elsewhere.
    pub bytes: u64,
    /// Objects of the largest ring.
    pub largest: u64,
    /// Rings that would be none without the weakest edge.
    pub breaks: u64,
    /// An object of one of them; null from a watch.
    pub example: *mut c_void,
}

/// Groups the rings of a session's heap by shape, dead or alive, those with most bytes first: the first `room` shapes in
/// `out_rows`, and how many there are.
///
/// They are found once a session.
///
/// Ownership: nothing; texts live as long as the session.
/// Runs host code: `traverse` of the objects of rings.
/// Fails: RC_ERR_INVALID for null `out_count`, null `out_rows` with room, or a bad size; RC_ERR_STALE, RC_ERR_IN_USE,
/// RC_ERR_REFUSED inside a `traverse`, RC_ERR_NO_MEMORY; fatal for what is not a session.
#[no_mangle]
pub unsafe extern "C" fn gc_cycles(
    query: NonNull<gc_query>,
    out_rows: *mut gc_ring_shape,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    status(|| {
        let (call, query) = ask("gc_cycles", query)?;
        let out_count = given(call, out_count)?;
        let rows = Rows::of(call, out_rows, room)?;
        rings::find(&mut *query).or_else(|failure| failed(call, failure))?;
        let shapes = &mut (*query).rings;
        let count = shapes.rows().len();
        for number in 0..count {
            let shape = shapes.rows()[number];
            let row = gc_ring_shape {
                struct_size: size_of::<gc_ring_shape>(),
                shape: shapes.text(&shape),
                weakest: shapes.weakest(&shape),
                rings: shape.rings,
                objects: shape.objects,
                bytes: shape.bytes,
                largest: shape.largest,
                breaks: shape.breaks,
                example: shape.example,
            };
            rows.put(number, &row);
        }
        *out_count = count;
        Ok(())
    })
}

/// Each collection's shapes are written to the log, too.
pub const GC_RINGS_LOG: u32 = 1;

/// From here on, learns from each collection of a heap (null: the default heap) the shapes of the rings that it finds
/// dead, before finalizers run. One watch a heap.
///
/// A collection that finds nothing dead costs nothing more; another one looks at its dead once more.
///
/// Ownership: the caller owns the watch; `gc_watch_rings_end` ends it, also after its heap.
/// Runs host code: no; later, in collections, `traverse` of the dead.
/// Fails: RC_ERR_INVALID for unknown flags or null `out_watch`; RC_ERR_IN_USE when the heap has a watch;
/// RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_watch_rings(
    heap: *mut gc_heap,
    flags: u32,
    out_watch: NonNull<*mut gc_ring_watch>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_watch_rings", heap)?;
        call.needs(!out_watch.0.is_null(), "out_watch is null")?;
        if flags & !GC_RINGS_LOG != 0 {
            return call.invalid(format_args!("flags {flags:#x} are not known"));
        }
        if watch::is_on(call.heap) {
            return call.refuse(RC_ERR_IN_USE, "the heap has a watch");
        }
        let watch = watch::begin(call.heap, flags & GC_RINGS_LOG != 0);
        if watch.is_null() {
            return call.no_memory();
        }
        *out_watch.0 = watch;
        Ok(())
    })
}

/// The shapes that a watch has learned until now, also of a heap that was freed, those with most bytes first: the first
/// `room` in `out_rows`, and how many there are.
///
/// Ownership: nothing; texts live until the next collection of the heap, or the end of the watch.
/// Fails: RC_ERR_INVALID for null `out_count`, null `out_rows` with room, or a bad size; RC_ERR_NO_MEMORY; fatal for what
/// is not a watch.
#[no_mangle]
pub unsafe extern "C" fn gc_watched_rings(
    watch: NonNull<gc_ring_watch>,
    out_rows: *mut gc_ring_shape,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    status(|| {
        let call = of_watch("gc_watched_rings", watch.0);
        let watch = watch.0;
        // What is wrong with the outputs is said where no heap is meant.
        let nowhere = Call::nowhere(call.name);
        let out_count = given(nowhere, out_count)?;
        let rows = Rows::of(nowhere, out_rows, room)?;
        let Some(mut learned) = (*watch).rows() else { return call.no_memory() };
        for (number, shape) in learned.all().iter().enumerate() {
            let row = gc_ring_shape {
                struct_size: size_of::<gc_ring_shape>(),
                shape: (*watch).text(shape),
                weakest: (*watch).weakest(shape),
                rings: shape.rings,
                objects: shape.objects,
                bytes: shape.bytes,
                largest: shape.largest,
                breaks: shape.breaks,
                example: core::ptr::null_mut(),
            };
            rows.put(number, &row);
        }
        *out_count = learned.len();
        Ok(())
    })
}

/// Ends a watch. Null is RC_OK.
///
/// Ownership: takes the watch.
/// Fails: RC_ERR_REFUSED inside a collection of the heap; fatal for what is not a watch.
#[no_mangle]
pub unsafe extern "C" fn gc_watch_rings_end(watch: *mut gc_ring_watch) -> rc_status {
    if watch.is_null() {
        return RC_OK;
    }
    status(|| {
        let call = of_watch("gc_watch_rings_end", watch);
        if !call.heap.is_null() && matches!((*call.heap).phase(), Phase::Judging | Phase::Releasing) {
            return call.refuse(RC_ERR_REFUSED, "a collection is running");
        }
        watch::end(watch);
        Ok(())
    })
}

/// More edges lead to an object than it has references: a `traverse` reports an edge twice, or an incref is missing.
pub const GC_FINDING_TOO_MANY_EDGES: u32 = 1;
/// A slot or a `traverse` leads to an object that has died.
pub const GC_FINDING_DEAD_TARGET: u32 = 2;
/// A slot or a `traverse` leads to what is no object.
pub const GC_FINDING_NO_OBJECT: u32 = 3;
/// `clear` or `destroy` of a type ended objects to which its `traverse` had not reported a way (see
/// `gc_watch_traverse`); or objects of a type have words that lead to others and that no edge of theirs reports, and most of
/// those nothing else in the process refers to.
pub const GC_FINDING_UNREPORTED: u32 = 4;
/// A structure of the heap itself is damaged, as by a write out of bounds.
pub const GC_FINDING_STRUCTURE: u32 = 5;

/// One thing that is wrong. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_finding {
    /// `sizeof(gc_finding)` as the library was compiled.
    pub struct_size: usize,
    /// One of `GC_FINDING_*`.
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
    /// The object that it is about: with `GC_FINDING_TOO_MANY_EDGES` the one that the edges lead to, with
    /// `GC_FINDING_DEAD_TARGET` and `GC_FINDING_NO_OBJECT` the one whose edge it is, with
    /// `GC_FINDING_UNREPORTED` one of those whose words they are; else null.
    pub object: *mut c_void,
    /// The type of that object, or the type that it is about; null: none, or it has ended.
    pub type_: *mut rc_type,
    /// References to the object.
    pub count: u64,
    /// Edges to the object.
    pub edges: u64,
    /// One line: what is wrong, type, address, who refers to it by which fields, and the likely cause.
    pub message: *const c_char,
}

/// Takes one finding, which is good until it returns. It may only look (rcgc/heap.h).
pub type gc_finding_fn = Option<unsafe extern "C" fn(finding: *const gc_finding, ctx: *mut c_void)>;

/// Checks a heap (null: the default heap): recounts every edge, looks where each one leads, and checks the structures of
/// the heap itself. Each thing that is wrong is given to `report`; null: to the log, as an error.
///
/// An object with fewer references than edges is named with its type, its referrers and their fields: the proof of a
/// `traverse` that reports too much, or of a missing incref. More references than edges are not wrong: they are from
/// outside.
///
/// Runs host code: `traverse`, which must be ready for any object (see rcgc/query.h); `report`.
/// Fails: RC_ERR_INVALID for null `out_count`; RC_ERR_REFUSED inside a `traverse`; RC_ERR_LIMIT; RC_ERR_NO_MEMORY. With
/// RC_OK `out_count` is the number of findings: 0 says that all is well.
#[no_mangle]
pub unsafe extern "C" fn gc_verify(
    heap: *mut gc_heap,
    report: gc_finding_fn,
    ctx: *mut c_void,
    out_count: NonNull<usize>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_verify", heap)?;
        call.needs(!out_count.0.is_null(), "out_count is null")?;
        let mut tell = |finding: &Finding<'_>| match report {
            Some(report) => report(&finding_row(finding), ctx),
            None => report::log(
                report::Level::Error,
                format_args!("heap {}: {}", CText((*call.heap).name()), Sentence(finding.text.as_ptr())),
            ),
        };
        *out_count.0 = verify::verify(call.heap, &mut tell).or_else(|failure| failed(call, failure))?;
        Ok(())
    })
}

/// From here on, or no longer, watches what `clear` and `destroy` of types with a `traverse` end in a heap (null: the
/// default heap): objects that the `traverse` of the dying one had reported no way to are a reference that it forgot.
/// `gc_verify` names such types; so does the log, once each, as an error.
///
/// What dies in something else that runs inside them is not counted: in other callbacks, in collections, what a weak map, the
/// garbage list or the queue of finalizers lets go of, temporaries. But a reference that `clear` or `destroy` releases
/// for somebody else, a variable of the host's or another object's slot, cannot be distinguished from one that was forgotten.
///
/// What never ends is in no callback. When the watch ends, and in `gc_verify` and `gc_heap_free`, objects are looked at word by
/// word: one that leads to another object, is reported by no edge, and is the only one in the whole process that does, while
/// the count of that object says that something refers to it, is a reference that its owner forgets, or one that it borrows and
/// whose release somebody else forgot.
///
/// Deaths of objects of such types take longer by what their edges lead to, up to 256 objects; those that lead to
/// more, or into another heap, are not judged.
///
/// Runs host code: `traverse` when it ends the watch; later, in deaths, `traverse`.
/// Fails: RC_ERR_REFUSED inside a callback of the heap, also in the log where it names such a type; RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_watch_traverse(heap: *mut gc_heap, on: bool) -> rc_status {
    status(|| {
        let call = Call::on("gc_watch_traverse", heap)?;
        call.is_at_rest()?;
        if !lint::watch(call.heap, on) {
            return call.no_memory();
        }
        Ok(())
    })
}

/// A call on a watch: what is none is fatal. Its heap is null when that was freed.
unsafe fn of_watch(name: &'static str, watch: *mut gc_ring_watch) -> Call {
    if !registry::has(watch as *const Ticket, Purpose::Watch) {
        report::fatal(format_args!("{name}: {watch:p} is not a watch: ended before, or never one"));
    }
    Call { name, heap: (*watch).heap().unwrap_or(core::ptr::null_mut()) }
}

fn finding_row(finding: &Finding<'_>) -> gc_finding {
    gc_finding {
        struct_size: size_of::<gc_finding>(),
        kind: finding.wrong as u32,
        reserved: 0,
        object: finding.object,
        type_: finding.ty,
        count: finding.count,
        edges: finding.edges,
        message: finding.text.as_ptr(),
    }
}
