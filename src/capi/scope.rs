//! `rcgc/scope.h`: scopes, which hold references for a stretch of the program and release them at its end,
//! last in first out. What a context manager is in Python. `RC_SCOPE` and `RC_AUTO` of rcgc/auto.h do it by
//! themselves.
//!
//! Scopes are on a stack: the last one entered is the first one left. Flows of control that take turns in one heap,
//! threads under a common lock or coroutines, need a stack each (`rc_scope_stack_new`), or they put what they keep into
//! each other's scopes and leave those out of order, which is said in the log. rcgc/auto.h has an example.

use super::boundary::{status, Answer, Call, NonNull};
use super::status::*;
use crate::base::report::{self, CText};
use crate::heap::Heap as gc_heap;
use crate::host::Pin;
use crate::life::count;
/// A stack of scopes, for one flow of control. `rc_scope_stack_new` makes one, and whoever made it ends it with
/// `rc_scope_stack_free`, or the end of its heap does. It is used where its heap may be.
use crate::life::scope::ScopeStack as rc_scope_stack;
use crate::life::scope::{self, Refused};
use crate::object::checked_held;
use core::ffi::{c_char, c_void};

/// Where a scope began: what `rc_scope_leave` goes back to. A value to be kept and handed back, no more.
pub type rc_scope_mark = u64;

/// What `rc_scope_enter` gives when there is no memory for a scope.
pub const RC_SCOPE_NONE: rc_scope_mark = 0;

/// Opens a scope in a heap (null: the default heap). Scopes nest.
///
/// Fails: RC_SCOPE_NONE for out of memory; what is kept then belongs to the scope around.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_scope_enter(heap: *mut gc_heap) -> rc_scope_mark {
    rc_scope_enter_named(heap, core::ptr::null())
}

/// As `rc_scope_enter`, with a name that messages and the profiler show.
///
/// Ownership: nothing; the name must be static or live as long as the scope.
/// Fails: RC_SCOPE_NONE for out of memory.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_scope_enter_named(heap: *mut gc_heap, name: *const c_char) -> rc_scope_mark {
    Call::on("rc_scope_enter", heap).map_or(RC_SCOPE_NONE, |call| scope::enter(call.heap, name))
}

/// Closes a scope: releases what it keeps, last in first out. RC_SCOPE_NONE is `RC_OK`.
///
/// Ownership: releases what the scope keeps.
/// Runs host code: what the death of an object runs.
/// Fails: RC_ERR_INVALID for a mark that is not that of the innermost open scope on the heap's current stack: left
/// twice, out of order (said in the log, too), of another heap, or being left already; then nothing was released.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_leave(heap: *mut gc_heap, mark: rc_scope_mark) -> rc_status {
    of_mark("rc_scope_leave", heap, mark, scope::leave)
}

/// Closes a scope and all that were entered after it and are still open, the innermost first: what an interpreter calls
/// that jumped out of them. RC_SCOPE_NONE is `RC_OK`.
///
/// Ownership: releases what the scopes keep.
/// Runs host code: what the death of an object runs.
/// Fails: RC_ERR_INVALID for a mark of no open scope on the heap's current stack, or if one of the scopes is being left;
/// then nothing was released.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_unwind(heap: *mut gc_heap, mark: rc_scope_mark) -> rc_status {
    of_mark("rc_scope_unwind", heap, mark, scope::unwind)
}

/// Releases what a scope keeps, last in first out, and leaves it open: for loops. RC_SCOPE_NONE is `RC_OK`.
///
/// Ownership: releases what the scope keeps.
/// Runs host code: what the death of an object runs.
/// Fails: as `rc_scope_leave`.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_reset(heap: *mut gc_heap, mark: rc_scope_mark) -> rc_status {
    of_mark("rc_scope_reset", heap, mark, scope::reset)
}

/// Closes a scope and hands a result to the scope around, which gets a reference to it of its own; if no scope is around,
/// the caller owns that reference. Null: as `rc_scope_leave`.
///
/// With RC_SCOPE_NONE nothing is closed, and the result is handed on all the same.
///
/// Ownership: obj is borrowed; its new reference is the scope's around, or without one the caller's.
/// Runs host code: what the death of an object runs.
/// Fails: as `rc_scope_leave`; RC_ERR_NO_MEMORY: then nothing was released.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_leave_with(
    heap: *mut gc_heap,
    mark: rc_scope_mark,
    obj: *mut c_void,
) -> rc_status {
    const CALL: &str = "rc_scope_leave_with";
    if obj.is_null() {
        return of_mark(CALL, heap, mark, scope::leave);
    }
    checked_held(CALL, obj);
    status(|| {
        let call = Call::on(CALL, heap)?;
        let _pin = Pin::on(call.heap);
        scope::leave_with(call.heap, mark, obj).or_else(|why| refused(call, why))
    })
}

/// What `RC_SCOPE` does where its block ends: leaves the scope. One that is not the innermost stays open until those
/// inside it are left, so that nothing is held for ever. That, and every other failure, is said in the log.
///
/// Ownership: releases what the scope keeps.
/// Runs host code: what the death of an object runs.
/// Fails: only in the log.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_end_block(heap: *mut gc_heap, mark: rc_scope_mark) {
    if mark == RC_SCOPE_NONE {
        return;
    }
    if let Ok(call) = Call::on("rc_scope_end_block", heap) {
        let _pin = Pin::on(call.heap);
        scope::end_block(call.heap, mark);
    }
}

/// Gives a reference to the innermost open scope, and returns the object. Null stays null.
///
/// Ownership: the scope takes the reference; the returned pointer is borrowed until the scope is left.
/// Runs host code: no, but for out of memory: then what the death of the object runs.
/// Fails: null for out of memory; and when no scope is open in the heap; then the reference was released.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_keep(heap: *mut gc_heap, obj: *mut c_void) -> *mut c_void {
    if obj.is_null() {
        return obj;
    }
    checked_held("rc_scope_keep", obj);
    if let Ok(call) = Call::on("rc_scope_keep", heap) {
        let is_open = scope::is_open(call.heap);
        if is_open && scope::keep(call.heap, obj) {
            return obj;
        }
        call.say(if is_open { "no memory" } else { "no scope is open" });
    }
    count::decref(obj);
    core::ptr::null_mut()
}

/// Makes a stack of scopes beside the heap's own, for a flow of control that takes turns with others in the heap. It is
/// not made current.
///
/// Ownership: the caller's, to be freed with `rc_scope_stack_free`; it ends with its heap at the latest.
/// Fails: RC_ERR_INVALID for a null out_stack; RC_ERR_LIMIT when the process has as many as it can, one for each 20 KiB
/// of the range (`gc_heap_options.range_bytes`), 13 million by default; RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_stack_new(
    heap: *mut gc_heap,
    out_stack: NonNull<*mut rc_scope_stack>,
) -> rc_status {
    status(|| {
        let call = Call::on("rc_scope_stack_new", heap)?;
        call.needs(!out_stack.0.is_null(), "out_stack is null")?;
        let stack = scope::new_stack(call.heap);
        if stack.is_null() {
            let Some(most) = scope::most_stacks() else { return call.no_memory() };
            return call.refuse(
                RC_ERR_LIMIT,
                format_args!(
                    "the process has as many stacks of scopes as it can: {most}, of all heaps together"
                ),
            );
        }
        *out_stack.0 = stack;
        Ok(())
    })
}

/// Makes a stack the heap's current one: scopes are entered, left and given references there, and scopes on the others
/// stay as they are. Returns the one that was current. Null is the heap's own stack, here and as a result.
///
/// A callback ends with the stack that it began with: what it left current otherwise is put back, with a line in the
/// log. Under a profile a scope measures what happens while its stack is the current one.
///
/// Ownership: nothing; the result is borrowed.
/// Fails: fatal for a stack that is freed, another heap's, or none.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_stack_switch(
    heap: *mut gc_heap,
    stack: *mut rc_scope_stack,
) -> *mut rc_scope_stack {
    let Ok(call) = Call::on("rc_scope_stack_switch", heap) else { return core::ptr::null_mut() };
    if !stack.is_null() && (*stack_checked(call.name, stack)).heap() != call.heap {
        report::fatal(format_args!(
            "{}: {stack:p} is a stack of scopes of heap {}, not of heap {}",
            call.name,
            CText((*(*stack).heap()).name()),
            CText((*call.heap).name())
        ));
    }
    scope::switch(call.heap, stack)
}

/// Ends a stack of scopes, first leaving those that are open on it, the innermost first. Null is `RC_OK`.
///
/// Ownership: the stack is gone; what its scopes kept is released.
/// Runs host code: what the death of an object runs.
/// Fails: RC_ERR_IN_USE for the current stack, and for one a scope of which is being left; RC_ERR_REFUSED where host code
/// may only look (rcgc/heap.h); fatal for a stack that is freed, also with its heap, or none.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_stack_free(stack: *mut rc_scope_stack) -> rc_status {
    if stack.is_null() {
        return RC_OK;
    }
    status(|| {
        const CALL: &str = "rc_scope_stack_free";
        let call = Call { name: CALL, heap: (*stack_checked(CALL, stack)).heap() };
        call.may_change()?;
        let _pin = Pin::on(call.heap);
        if !scope::free_stack(stack) {
            return call.refuse(RC_ERR_IN_USE, "it is the current one, or a scope of it is being left");
        }
        Ok(())
    })
}

/// Does something to the scope of a mark, if there is one.
unsafe fn of_mark(
    name: &'static str,
    heap: *mut gc_heap,
    mark: rc_scope_mark,
    what: unsafe fn(*mut gc_heap, u64) -> Result<(), Refused>,
) -> rc_status {
    if mark == RC_SCOPE_NONE {
        return RC_OK;
    }
    status(|| {
        let call = Call::on(name, heap)?;
        // What it kept may be another heap's, whose callbacks are not this one's.
        let _pin = Pin::on(call.heap);
        what(call.heap, mark).or_else(|why| refused(call, why))
    })
}

/// A scope that was not left; one that is left out of order is said in the log, too.
#[cold]
unsafe fn refused(call: Call, why: Refused) -> Answer<()> {
    let heap = call.heap;
    call.say(format_args!("heap {}: {why}", CText((*heap).name())));
    if why.is_about_order() {
        scope::say(heap, call.name, &why, "nothing was released");
    }
    match why {
        Refused::NoMemory => Err(RC_ERR_NO_MEMORY),
        _ => Err(RC_ERR_INVALID),
    }
}

unsafe fn stack_checked(call: &str, stack: *mut rc_scope_stack) -> *mut rc_scope_stack {
    if !scope::is_stack(stack) {
        report::fatal(format_args!(
            "{call}: {stack:p} is not a live stack of scopes: freed before, also with its heap, or never one"
        ));
    }
    stack
}
