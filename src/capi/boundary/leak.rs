//! The boundary of `rcgc/leak.h` and `rcgc/lines.h`.

use super::collector::keep_outcome;
use super::profile::{bad_rows, profiled, put, put_all};
use super::*;
use crate::capi::leak::*;
use crate::capi::lines::*;
use crate::capi::profile::{gc_run_fn, rc_site};
use crate::leaks;
use crate::leaks::holds::{self, Hold, Wrong};
use crate::leaks::{expected, hunt};
use crate::out::Sink;
use crate::profile::lines::{self, Cursor};
use crate::profile::measure::RunFn;
use crate::profile::site::{self, Site};
use crate::profile::text;
use crate::sys::errno;

const_assert_eq!(size_of::<Cursor>(), size_of::<gc_lines>());

pub(in crate::capi) unsafe fn hold_at(
    obj: NonNull<c_void>,
    tag: *const c_char,
    site: *mut rc_site,
) -> gc_hold {
    checked("gc_hold_at", obj.0);
    if only_looking("gc_hold_at", (*object::type_of(obj.0)).heap) {
        return GC_HOLD_NONE;
    }
    let token = holds::take(obj.0, tag, site as *const Site);
    if token == GC_HOLD_NONE {
        (*(*object::type_of(obj.0)).heap).set_error(format_args!(
            "gc_hold_at: no memory, or {} references of the heap are followed, the most there can be",
            holds::PLACES_MAX
        ));
    }
    token
}

pub(in crate::capi) unsafe fn release_hold(hold: gc_hold, site: *mut rc_site) -> rc_status {
    if hold == GC_HOLD_NONE {
        return RC_OK;
    }
    let line = match holds::release(hold, site as *const Site) {
        Ok(()) => return RC_OK,
        Err(Wrong::Unknown) => Line::of(format_args!(
            "gc_release_hold: no reference of a live heap has the token {hold:#x}: released before, or never taken"
        )),
        Err(Wrong::Again(hold)) => again(&hold),
        Err(Wrong::OnlyLooking) => {
            report::set_process_error(&Line::of(format_args!("gc_release_hold: {LOOKING}")));
            return RC_ERR_REFUSED;
        }
    };
    report::set_process_error(&line);
    RC_ERR_INVALID
}

fn again(hold: &Hold) -> Line {
    match (site::place(hold.site), site::place(hold.released_at())) {
        (Some(taken), Some(released)) => Line::of(format_args!(
            "gc_release_hold: hold {}, taken at {taken}, was released before, at {released}",
            holds::tag(hold)
        )),
        _ => Line::of(format_args!("gc_release_hold: hold {} was released before", holds::tag(hold))),
    }
}

fn hold_info(hold: &Hold) -> gc_hold_info {
    let place = site::place(hold.site).filter(|place| !place.file.is_null());
    gc_hold_info {
        struct_size: size_of::<gc_hold_info>(),
        hold: hold.token,
        obj: hold.obj,
        tag: hold.tag,
        file: place.map_or(core::ptr::null(), |place| place.file),
        function: place.map_or(core::ptr::null(), |place| place.function),
        line: place.map_or(0, |place| place.line),
        reserved: 0,
        age_ns: crate::sys::now_ns() - hold.taken_ns,
    }
}

pub(in crate::capi) unsafe fn holds(heap: *mut Heap, out_rows: *mut gc_hold_info, room: usize) -> usize {
    const CALL: &str = "gc_holds";
    numbered(CALL, heap, |heap| {
        if leaks::of(heap).is_null() {
            return Ok(0);
        }
        let rows = (*leaks::of(heap)).holds.held().map(hold_info);
        put_all(out_rows, room, rows).map_err(|why| bad_rows(heap, CALL, why))
    })
}

pub(in crate::capi) unsafe fn expect_dead(obj: NonNull<c_void>, why: *const c_char) -> rc_status {
    checked("gc_expect_dead", obj.0);
    if expected::expect(obj.0, why) {
        return RC_OK;
    }
    (*(*object::type_of(obj.0)).heap).set_error(format_args!("gc_expect_dead: no memory"));
    RC_ERR_NO_MEMORY
}

pub(in crate::capi) unsafe fn check_expected(heap: *mut Heap) -> usize {
    const CALL: &str = "gc_check_expected";
    let Some(heap) = heap_of(CALL, heap) else {
        keep_status(core::ptr::null_mut(), RC_ERR_NO_MEMORY);
        return 0;
    };
    let _pin = Pin::on(heap);
    let (alive, status) = expected::check(heap, true);
    keep_outcome(CALL, heap, status);
    alive
}

pub(in crate::capi) unsafe fn leak_check(
    heap: *mut Heap,
    function: gc_run_fn,
    ctx: *mut c_void,
    warm_ups: u32,
    runs: u32,
    out_result: NonNull<gc_leak_result>,
) -> rc_status {
    const CALL: &str = "gc_leak_check";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    // The engine's heap and the host's are one type.
    let function: Option<RunFn> = function;
    let (Some(function), false, false) = (function, runs == 0, out_result.0.is_null()) else {
        (*heap).set_error(format_args!("{CALL}: function or out_result is null, or runs is 0"));
        return RC_ERR_INVALID;
    };
    if (*heap).phase != Phase::Idle || (*heap).running_callbacks() != 0 {
        (*heap).set_error(format_args!("{CALL}: a callback of the heap is running"));
        return RC_ERR_REFUSED;
    }
    let size = (*out_result.0).struct_size;
    if !(size_of::<usize>() * 2..=4096).contains(&size) {
        (*heap).set_error(format_args!("{CALL}: struct_size is not the size of the struct"));
        return RC_ERR_INVALID;
    }
    let _pin = Pin::on(heap);
    let found = hunt::hunt(heap, function, ctx, warm_ups, runs);
    if found.given_up {
        (*heap).set_error(format_args!("{CALL}: no memory for a collection, so what is left is not known"));
        return RC_ERR_NO_MEMORY;
    }
    let place = found.place.filter(|place| !place.file.is_null());
    let result = gc_leak_result {
        struct_size: size_of::<gc_leak_result>(),
        leaks: found.is_leaking() as u32,
        runs,
        objects: found.objects,
        bytes: found.bytes,
        references: found.references,
        objects_total: found.objects_total,
        bytes_total: found.bytes_total,
        references_total: found.references_total,
        type_name: found.type_name,
        file: place.map_or(core::ptr::null(), |place| place.file),
        function: place.map_or(core::ptr::null(), |place| place.function),
        line: place.map_or(0, |place| place.line),
        reserved: 0,
    };
    put(heap, CALL, out_result.0, size, &result)
}

// ---- lines and text ----

pub(in crate::capi) unsafe fn lines_begin(heap: *mut Heap, site: NonNull<rc_site>) -> gc_lines {
    let none = gc_lines { heap: core::ptr::null_mut(), allocated_bytes: 0, freed_bytes: 0, started_ns: 0 };
    match heap_of("gc_lines_begin", heap) {
        Some(heap) if !site.0.is_null() => {
            core::mem::transmute::<Cursor, gc_lines>(lines::begin(heap, site.0 as *const Site))
        }
        _ => none,
    }
}

pub(in crate::capi) unsafe fn line(cursor: *mut gc_lines, site: NonNull<rc_site>) {
    if cursor.is_null() || site.0.is_null() || (*cursor).heap.is_null() {
        return;
    }
    let heap = (*cursor).heap;
    if !is_heap_slot(heap) {
        report::fatal(format_args!(
            "gc_line: {heap:p} is no heap: the lines were not begun (gc_lines_begin)"
        ));
    }
    // Of a heap that has ended: nothing is booked.
    if (*heap).is_live() {
        lines::mark(&mut *(cursor as *mut Cursor), site.0 as *const Site);
    }
}

pub(in crate::capi) unsafe fn profile_write(heap: *mut Heap, options: *const gc_text_options) -> rc_status {
    const CALL: &str = "gc_profile_write";
    let heap = match profiled(CALL, heap) {
        Ok((heap, _)) => heap,
        Err(status) => return status,
    };
    let mut given = core::mem::MaybeUninit::<gc_text_options>::zeroed().assume_init();
    if !options.is_null() {
        match read_struct(options, (*options).struct_size, 16) {
            Ok(options) => given = options,
            Err(why) => {
                (*heap).set_error(format_args!("{CALL}: options: {why}"));
                return RC_ERR_INVALID;
            }
        }
    }
    if given.parts & !(text::ALL | text::GROWN) != 0 || given.decimals > 6 || given.fd < 0 {
        (*heap).set_error(format_args!(
            "{CALL}: options: an unknown part, more than 6 decimals, or a negative descriptor"
        ));
        return RC_ERR_INVALID;
    }
    let parts = given.parts & text::ALL;
    let options = text::Options {
        parts: given.parts & text::GROWN | if parts == 0 { text::ALL } else { parts },
        limit: if given.limit == 0 { 20 } else { given.limit as usize },
        decimals: given.decimals as usize,
        sink: match given.write {
            Some(write) => Sink::Host(write, given.write_ctx),
            None => Sink::Descriptor(if given.fd == 0 { 2 } else { given.fd }),
        },
    };
    match text::write(heap, &options) {
        Ok(()) => RC_OK,
        Err(text::Failed::Collecting) => {
            (*heap).set_error(format_args!("{CALL}: heap {} is collecting", CText((*heap).name())));
            RC_ERR_REFUSED
        }
        Err(text::Failed::NoMemory) => {
            (*heap).set_error(format_args!("{CALL}: no memory"));
            RC_ERR_NO_MEMORY
        }
        Err(text::Failed::Write(reason)) => {
            (*heap).set_error(format_args!("{CALL}: the text was not written: errno {reason}"));
            errno::set(reason);
            RC_ERR_IO
        }
    }
}
