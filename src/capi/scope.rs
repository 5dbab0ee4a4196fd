//! `rcgc/scope.h`: scopes, which hold references for a stretch of the program and release them at its end,
//! last in first out. What a context manager is in Python. `RC_SCOPE` and `RC_AUTO` of rcgc/auto.h do it by
//! themselves.

use super::boundary;
use super::status::rc_status;
use crate::heap::Heap as gc_heap;
use core::ffi::{c_char, c_void};

/// Where a scope began: what `rc_scope_leave` goes back to. A value to be kept and handed back, no more.
pub type rc_scope_mark = u64;

/// What `rc_scope_enter` gives when there is no memory for a scope.
pub const RC_SCOPE_NONE: rc_scope_mark = 0;

/// Opens a scope in a heap (null: the default heap). Scopes nest.
///
/// Ownership: nothing.
/// Threads: the heap's.
/// May collect: no.
/// Runs host code: no.
/// Fails: RC_SCOPE_NONE for out of memory; what is kept then belongs to the scope around.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_scope_enter(heap: *mut gc_heap) -> rc_scope_mark {
    boundary::scope_enter(heap, core::ptr::null())
}

/// As `rc_scope_enter`, with a name that messages and the profiler show.
///
/// Ownership: nothing; the name must be static or live as long as the scope.
/// Threads: the heap's.
/// May collect: no.
/// Runs host code: no.
/// Fails: RC_SCOPE_NONE for out of memory.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_scope_enter_named(heap: *mut gc_heap, name: *const c_char) -> rc_scope_mark {
    boundary::scope_enter(heap, name)
}

/// Closes a scope: releases what it keeps, last in first out. RC_SCOPE_NONE is `RC_OK`.
///
/// Ownership: releases what the scope keeps.
/// Threads: the heap's.
/// May collect: no.
/// Runs host code: what the death of an object runs.
/// Fails: RC_ERR_INVALID for a mark that is not the innermost open scope's of this heap (left twice, out of
/// order, of another heap); then nothing was released.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_leave(heap: *mut gc_heap, mark: rc_scope_mark) -> rc_status {
    boundary::scope_leave(heap, mark)
}

/// Gives a reference to the innermost open scope, and returns the object. Null stays null.
///
/// Ownership: the scope takes the reference; the returned pointer is borrowed until the scope is left.
/// Threads: the heap's.
/// May collect: no.
/// Runs host code: no, but for out of memory: then what the death of the object runs.
/// Fails: null for out of memory; and when no scope is open in the heap; then the reference was released.
#[no_mangle]
pub unsafe extern "C" fn rc_scope_keep(heap: *mut gc_heap, obj: *mut c_void) -> *mut c_void {
    boundary::scope_keep(heap, obj)
}
