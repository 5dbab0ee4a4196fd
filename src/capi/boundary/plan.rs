//! The boundary of `rcgc/plan.h`.

use super::*;
use crate::auto::plan::{self, NoSignal, Refused};

pub(in crate::capi) unsafe fn profile_plan(heap: *mut Heap, text: *const c_char) -> rc_status {
    const CALL: &str = "gc_profile_plan";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if only_looking(CALL, heap) {
        return RC_ERR_REFUSED;
    }
    if text.is_null() {
        (*heap).set_error(format_args!("{CALL}: the plan is null"));
        return RC_ERR_INVALID;
    }
    let result = plan::parse(core::ffi::CStr::from_ptr(text).to_bytes());
    match result.and_then(|wanted| plan::carry_out(heap, &wanted)) {
        Ok(()) => RC_OK,
        Err(refused @ (Refused::Item(_) | Refused::NothingToWrite)) => {
            (*heap).set_error(format_args!("{CALL}: {refused}"));
            RC_ERR_INVALID
        }
        Err(Refused::NotNow) => {
            (*heap).set_error(format_args!(
                "{CALL}: not all of it could be started: no memory, on already, or heap {} is collecting",
                CText((*heap).name())
            ));
            RC_ERR_REFUSED
        }
    }
}

pub(in crate::capi) unsafe fn dump_on_signal(
    heap: *mut Heap,
    signal: c_int,
    path: *const c_char,
) -> rc_status {
    const CALL: &str = "gc_dump_on_signal";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if only_looking(CALL, heap) {
        return RC_ERR_REFUSED;
    }
    if signal != 0 && path.is_null() {
        (*heap).set_error(format_args!("{CALL}: the path is null"));
        return RC_ERR_INVALID;
    }
    match plan::on_signal(heap, signal, path) {
        Ok(()) => RC_OK,
        Err(NoSignal::InUse) => {
            (*heap).set_error(format_args!(
                "{CALL}: signal {signal} has a handler, or another signal is listened to"
            ));
            RC_ERR_IN_USE
        }
        Err(NoSignal::Refused) => {
            (*heap).set_error(format_args!("{CALL}: signal {signal} cannot be handled, or no memory"));
            RC_ERR_INVALID
        }
    }
}
