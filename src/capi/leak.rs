//! `rcgc/leak.h`: finding what is held too long. References with a token, objects that should be dead, functions that
//! leave something behind each time they run. None of it needs a profile; under one, messages name the sites. A null
//! heap means the default heap.

use super::boundary::{is_struct_size, number, status, Call, NonNull, LOOKING};
use super::collector::with_outcome;
use super::profile::rc_site;
use super::profile_sites::gc_run_fn;
use super::status::*;
use crate::base::report::Line;
use crate::heap::Heap as gc_heap;
use crate::host::Pin;
use crate::leaks;
use crate::leaks::expected;
use crate::leaks::holds::{self, Hold, Wrong};
use crate::leaks::hunt::{self, Found};
use crate::profile::measure::RunFn;
use crate::profile::site::{self, Site};
use core::ffi::{c_char, c_void};

/// A reference that is followed: what `gc_hold_at` gives and `gc_release_hold` takes.
pub type gc_hold = u64;

/// No reference.
pub const GC_HOLD_NONE: gc_hold = 0;

/// Takes one more reference to an object, with a token, a tag that says what it is for (null: none), and the place that
/// takes it (null: none). `GC_HOLD(obj, tag)` gives the place.
///
/// What was not released when the heap ends is listed in the log, each with its tag and place. A heap follows about a
/// million references at once.
///
/// Ownership: the token owns the reference; the tag is copied.
/// Fails: GC_HOLD_NONE for out of memory, when the heap follows as many as it can, and where host code may only look
/// (rcgc/heap.h): then no reference was taken; fatal for what is not a live object.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn gc_hold_at(obj: NonNull<c_void>, tag: *const c_char, site: *mut rc_site) -> gc_hold {
    let Ok((call, _)) = Call::of_heap_object("gc_hold_at", obj) else { return GC_HOLD_NONE };
    if call.may_change().is_err() {
        return GC_HOLD_NONE;
    }
    let token = holds::take(obj.0, tag, site as *const Site);
    if token == GC_HOLD_NONE {
        call.say(format_args!(
            "no memory, or {} references of the heap are followed, the most there can be",
            holds::HOLDS_MAX
        ));
    }
    token
}

/// Releases the reference of a token, from a place (null: none). `GC_RELEASE(hold)` gives the place. GC_HOLD_NONE is
/// `RC_OK`.
///
/// Ownership: releases the reference.
/// Threads: those of the object's heap.
/// Runs host code: what the death of an object runs.
/// Fails: RC_ERR_INVALID for a token that was released before, in this or an ended heap: nothing is released, and
/// `gc_error_message(NULL)` names the tag and both places, as long as its place in the table was not used again;
/// RC_ERR_REFUSED where host code may only look (rcgc/heap.h).
#[no_mangle]
pub unsafe extern "C" fn gc_release_hold(hold: gc_hold, site: *mut rc_site) -> rc_status {
    if hold == GC_HOLD_NONE {
        return RC_OK;
    }
    status(|| {
        let call = Call::nowhere("gc_release_hold");
        match holds::release(hold, site as *const Site) {
            Ok(()) => Ok(()),
            Err(Wrong::Unknown) => call.invalid(format_args!(
                "no reference of a live heap has the token {hold:#x}: released before, or never taken"
            )),
            Err(Wrong::Again(hold)) => call.invalid(again(&hold)),
            Err(Wrong::OnlyLooking) => call.refuse(RC_ERR_REFUSED, LOOKING),
        }
    })
}

/// A reference that is followed. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_hold_info {
    /// `sizeof(gc_hold_info)` as the host was compiled.
    pub struct_size: usize,
    /// The token.
    pub hold: gc_hold,
    /// The object.
    pub obj: *mut c_void,
    /// The tag; null: none.
    pub tag: *const c_char,
    /// The file of the place that took the reference; null: not given.
    pub file: *const c_char,
    /// The function that took the reference; null: not given.
    pub function: *const c_char,
    /// The line that took the reference; 0: not given.
    pub line: u32,
    /// 0.
    pub reserved: u32,
    /// Nanoseconds since it was taken.
    pub age_ns: u64,
}

/// Writes the references that were taken and not released, and returns how many there are. At most `room` are written,
/// each of `out_rows->struct_size` bytes, which must be set.
///
/// Ownership: nothing; objects are borrowed, tags live as long as the reference is followed.
/// Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size.
#[no_mangle]
pub unsafe extern "C" fn gc_holds(heap: *mut gc_heap, out_rows: *mut gc_hold_info, room: usize) -> usize {
    number("gc_holds", heap, |call| {
        let leaks = leaks::of(call.heap);
        if leaks.is_null() {
            return Ok(0);
        }
        call.put_rows(out_rows, room, (*leaks).holds.held().map(hold_info))
    })
}

/// Says that an object is about to die, and why (null: no reason). It is not kept alive; `gc_check_expected` says
/// whether it died, and `gc_heap_free` does at the end.
///
/// The object has one weak handle more from here on.
///
/// Ownership: nothing; the reason is copied.
/// Fails: RC_ERR_NO_MEMORY; fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn gc_expect_dead(obj: NonNull<c_void>, why: *const c_char) -> rc_status {
    status(|| {
        let (call, _) = Call::of_heap_object("gc_expect_dead", obj)?;
        if !expected::expect(obj.0, why) {
            return call.no_memory();
        }
        Ok(())
    })
}

/// Collects, and returns how many of the objects named by `gc_expect_dead` are alive. A warning in the log says of each
/// what it is, why it should be dead, how many references it has, and under a profile which site made it.
///
/// Ownership: ends what is dead.
/// May collect: yes.
/// Runs host code: what a collection runs.
/// Fails: never; where a collection is refused or given up it only looks, and `gc_last_status` says so: RC_ERR_REFUSED,
/// RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_check_expected(heap: *mut gc_heap) -> usize {
    with_outcome("gc_check_expected", heap, |heap| {
        let (alive, status) = expected::check(heap, true);
        (alive as u64, status)
    })
}

/// What a leak check found. Start from `GC_LEAK_RESULT_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_leak_result {
    /// `sizeof(gc_leak_result)` as the host was compiled.
    pub struct_size: usize,
    /// 1: it leaks: every run left at least one object, byte or reference behind.
    pub leaks: u32,
    /// Runs that were measured.
    pub runs: u32,
    /// The fewest objects that one run left behind.
    pub objects: i64,
    /// The fewest bytes that one run left behind, with external ones.
    pub bytes: i64,
    /// The fewest references that one run left behind: by so much the sum of all counts rose.
    pub references: i64,
    /// Objects that all runs together left behind.
    pub objects_total: i64,
    /// Bytes that all runs together left behind.
    pub bytes_total: i64,
    /// References that all runs together left behind.
    pub references_total: i64,
    /// The name of the type of most of the objects left, as long as the process lives; null when none are.
    pub type_name: *const c_char,
    /// The file of the place that made most of them: null when it does not leak, when no place is known, and when the
    /// heap was profiled before.
    pub file: *const c_char,
    /// The function that made most of them; null: not known.
    pub function: *const c_char,
    /// The line that made most of them; 0: not known.
    pub line: u32,
    /// 0.
    pub reserved: u32,
}

/// Runs a function `warm_ups` times and then `runs` times, a full collection after each, and finds out whether each of
/// the latter leaves objects, bytes or references behind. If so, an error in the log says what, and the function runs
/// once more under a profile, to name the site. Where finalizers are queued, those that are due run after each, too: what
/// waits for them is no leak.
///
/// Ownership: what the function does.
/// May collect: yes.
/// Runs host code: the function, what a collection runs, and what `gc_run_finalizers` runs.
/// Fails: RC_ERR_INVALID for a null function, no runs and a bad size; RC_ERR_REFUSED inside a callback;
/// RC_ERR_NO_MEMORY when a collection was given up, so that garbage is among what is left. A leak is `RC_OK`: `leaks` says so.
#[no_mangle]
pub unsafe extern "C" fn gc_leak_check(
    heap: *mut gc_heap,
    function: gc_run_fn,
    ctx: *mut c_void,
    warm_ups: u32,
    runs: u32,
    out_result: NonNull<gc_leak_result>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_leak_check", heap)?;
        // The engine's heap and the host's are one type.
        let function: Option<RunFn> = function;
        let (Some(function), false, false) = (function, runs == 0, out_result.0.is_null()) else {
            return call.invalid("function or out_result is null, or runs is 0");
        };
        call.is_at_rest()?;
        call.needs(is_struct_size((*out_result.0).struct_size), "struct_size is not the size of the struct")?;
        let _pin = Pin::on(call.heap);
        let found = hunt::hunt(call.heap, function, ctx, warm_ups, runs);
        if found.given_up {
            return call.refuse(RC_ERR_NO_MEMORY, "no memory for a collection, so what is left is not known");
        }
        call.put(out_result.0, &leak_result(&found, runs), "")
    })
}

fn again(hold: &Hold) -> Line {
    match (site::location(hold.site), site::location(hold.released_at())) {
        (Some(taken), Some(released)) => Line::of(format_args!(
            "hold {}, taken at {taken}, was released before, at {released}",
            holds::tag(hold)
        )),
        _ => Line::of(format_args!("hold {} was released before", holds::tag(hold))),
    }
}

fn hold_info(hold: &Hold) -> gc_hold_info {
    let location = site::location(hold.site).filter(|location| !location.file.is_null());
    gc_hold_info {
        struct_size: size_of::<gc_hold_info>(),
        hold: hold.token,
        obj: hold.obj,
        tag: hold.tag,
        file: location.map_or(core::ptr::null(), |location| location.file),
        function: location.map_or(core::ptr::null(), |location| location.function),
        line: location.map_or(0, |location| location.line),
        reserved: 0,
        age_ns: crate::sys::now_ns() - hold.taken_ns,
    }
}

fn leak_result(found: &Found, runs: u32) -> gc_leak_result {
    let location = found.location.filter(|location| !location.file.is_null());
    gc_leak_result {
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
        file: location.map_or(core::ptr::null(), |location| location.file),
        function: location.map_or(core::ptr::null(), |location| location.function),
        line: location.map_or(0, |location| location.line),
        reserved: 0,
    }
}
