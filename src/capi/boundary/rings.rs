//! The boundary of `rcgc/rings.h`.

use super::query::{failed, not_null, open, rows, status_and_reason, status_of, Answer, Rows};
use super::*;
use crate::capi::rings::*;
use crate::inspect::lint;
use crate::inspect::query::Query;
use crate::inspect::registry::{self, Purpose, Ticket};
use crate::inspect::rings;
use crate::inspect::verify::{self, Finding};
use crate::inspect::watch::{self, Watch};

pub(in crate::capi) unsafe fn cycles(
    query: NonNull<Query>,
    out_rows: *mut gc_ring_shape,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    const CALL: &str = "gc_cycles";
    let answer = || {
        let (query, _) = open(CALL, query)?;
        let out_count = not_null(CALL, query, out_count)?;
        let rows = rows(CALL, query, out_rows, room)?;
        rings::find(&mut *query).map_err(|failure| failed(CALL, query, failure))?;
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
    };
    status_of(answer())
}

// ---- watches ----

pub(in crate::capi) unsafe fn watch_rings(
    heap: *mut Heap,
    flags: u32,
    out_watch: NonNull<*mut Watch>,
) -> rc_status {
    const CALL: &str = "gc_watch_rings";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    let refuse = |status: rc_status, text: core::fmt::Arguments<'_>| {
        (*heap).set_error(text);
        status
    };
    if out_watch.0.is_null() {
        return refuse(RC_ERR_INVALID, format_args!("{CALL}: out_watch is null"));
    }
    if flags & !GC_RINGS_LOG != 0 {
        return refuse(RC_ERR_INVALID, format_args!("{CALL}: flags {flags:#x} are not known"));
    }
    if watch::is_on(heap) {
        return refuse(RC_ERR_IN_USE, format_args!("{CALL}: the heap has a watch"));
    }
    let watch = watch::begin(heap, flags & GC_RINGS_LOG != 0);
    if watch.is_null() {
        return refuse(RC_ERR_NO_MEMORY, format_args!("{CALL}: no memory"));
    }
    *out_watch.0 = watch;
    RC_OK
}

unsafe fn watch_checked(call: &str, watch: *mut Watch) -> *mut Watch {
    if !registry::has(watch as *const Ticket, Purpose::Watch) {
        report::fatal(format_args!("{call}: {watch:p} is not a watch: ended before, or never one"));
    }
    watch
}

/// Keeps the sentence where `gc_error_message` of the watch's heap finds it.
unsafe fn tell_watch(watch: *const Watch, status: rc_status, text: core::fmt::Arguments<'_>) -> rc_status {
    match (*watch).heap() {
        Some(heap) => (*heap).set_error(text),
        None => report::set_process_error(&Line::of(text)),
    }
    status
}

pub(in crate::capi) unsafe fn watched_rings(
    watch: NonNull<Watch>,
    out_rows: *mut gc_ring_shape,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    const CALL: &str = "gc_watched_rings";
    let watch = watch_checked(CALL, watch.0);
    let none = core::ptr::null();
    let answer = || -> Answer<()> {
        let out_count = not_null(CALL, none, out_count)?;
        let rows: Rows<gc_ring_shape> = rows(CALL, none, out_rows, room)?;
        let Some(mut learned) = (*watch).rows() else {
            return Err(tell_watch(watch, RC_ERR_NO_MEMORY, format_args!("{CALL}: no memory")));
        };
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
    };
    status_of(answer())
}

pub(in crate::capi) unsafe fn watch_rings_end(watch: *mut Watch) -> rc_status {
    if watch.is_null() {
        return RC_OK;
    }
    let watch = watch_checked("gc_watch_rings_end", watch);
    if let Some(heap) =
        (*watch).heap().filter(|&heap| matches!((*heap).phase, Phase::Judging | Phase::Releasing))
    {
        (*heap).set_error(format_args!("gc_watch_rings_end: a collection is running"));
        return RC_ERR_REFUSED;
    }
    watch::end(watch);
    RC_OK
}

// ---- checking ----

pub(in crate::capi) unsafe fn verify(
    heap: *mut Heap,
    report: gc_finding_fn,
    ctx: *mut c_void,
    out_count: NonNull<usize>,
) -> rc_status {
    const CALL: &str = "gc_verify";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if out_count.0.is_null() {
        (*heap).set_error(format_args!("{CALL}: out_count is null"));
        return RC_ERR_INVALID;
    }
    let mut tell = |finding: &Finding<'_>| match report {
        Some(report) => report(&finding_row(finding), ctx),
        None => report::log(
            report::Level::Error,
            format_args!("heap {}: {}", CText((*heap).name()), CText(finding.text.as_ptr())),
        ),
    };
    match verify::verify(heap, &mut tell) {
        Ok(count) => {
            *out_count.0 = count;
            RC_OK
        }
        Err(failure) => {
            let (status, why) = status_and_reason(failure);
            (*heap).set_error(format_args!("{CALL}: {why}"));
            status
        }
    }
}

fn finding_row(finding: &Finding<'_>) -> gc_finding {
    gc_finding {
        struct_size: size_of::<gc_finding>(),
        kind: finding.wrong as u32,
        reserved: 0,
        object: finding.object,
        type_: finding.kind,
        count: finding.count,
        edges: finding.edges,
        message: finding.text.as_ptr(),
    }
}

pub(in crate::capi) unsafe fn watch_traverse(heap: *mut Heap, on: bool) -> rc_status {
    const CALL: &str = "gc_watch_traverse";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if (*heap).phase != Phase::Idle || (*heap).running_callbacks() != 0 {
        (*heap).set_error(format_args!("{CALL}: a callback of the heap is running"));
        return RC_ERR_REFUSED;
    }
    if !lint::watch(heap, on) {
        (*heap).set_error(format_args!("{CALL}: no memory"));
        return RC_ERR_NO_MEMORY;
    }
    RC_OK
}
