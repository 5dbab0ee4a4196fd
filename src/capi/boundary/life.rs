//! The boundary of `rcgc/weak.h`, `rcgc/scope.h` and `rcgc/weakmap.h`.

use super::*;
use crate::alloc;
use crate::life::scope::{Refused, ScopeStack};

// ---- weak handles ----

pub(in crate::capi) unsafe fn weak_new(
    obj: NonNull<c_void>,
    callback: rc_weak_fn,
    ctx: *mut c_void,
) -> *mut Weak {
    checked("rc_weak_new", obj.0);
    let handle = weak::new(obj.0, callback, ctx);
    if handle.is_null() {
        (*(*object::type_of(obj.0)).heap).set_error(format_args!(
            "rc_weak_new: no memory, or the process has as many weak handles as it can: {}",
            weak::handles_max()
        ));
    }
    handle
}

#[inline(always)]
pub(in crate::capi) unsafe fn weak_get(handle: NonNull<Weak>) -> *mut c_void {
    weak::get(handle_checked("rc_weak_get", handle.0))
}

pub(in crate::capi) unsafe fn weak_free(handle: *mut Weak) {
    if !handle.is_null() {
        weak::free(handle_checked("rc_weak_free", handle));
    }
}

pub(in crate::capi) unsafe fn weak_count(obj: NonNull<c_void>) -> u32 {
    checked("rc_weak_count", obj.0);
    weak::count_of(obj.0)
}

#[inline(always)]
unsafe fn handle_checked(call: &'static str, handle: *mut Weak) -> *mut Weak {
    if !weak::is_handle(handle) {
        not_a_handle(call, handle);
    }
    handle
}

#[cold]
#[inline(never)]
fn not_a_handle(call: &'static str, handle: *mut Weak) -> ! {
    report::fatal(format_args!("{call}: {handle:p} is not a live weak handle: freed before, or never one"))
}

// ---- scopes ----

pub(in crate::capi) unsafe fn scope_enter(heap: *mut Heap, name: *const c_char) -> u64 {
    heap_of("rc_scope_enter", heap).map_or(0, |heap| scope::enter(heap, name))
}

/// Keeps the sentence behind a scope that was not left; one that is left out of order is said in the log, too.
#[cold]
unsafe fn scope_refused(heap: *mut Heap, call: &str, why: Refused) -> rc_status {
    (*heap).set_error(format_args!("{call}: heap {}: {why}", CText((*heap).name())));
    if why.is_about_order() {
        scope::say(heap, call, &why, "nothing was released");
    }
    match why {
        Refused::NoMemory => RC_ERR_NO_MEMORY,
        _ => RC_ERR_INVALID,
    }
}

/// Does something to the scope of a mark, if there is one.
unsafe fn scope_do(
    call: &str,
    heap: *mut Heap,
    mark: u64,
    what: unsafe fn(*mut Heap, u64) -> Result<(), Refused>,
) -> rc_status {
    if mark == 0 {
        return RC_OK;
    }
    let Some(heap) = heap_of(call, heap) else { return RC_ERR_NO_MEMORY };
    // What it kept may be another heap's, whose callbacks are not this one's.
    let _pin = Pin::on(heap);
    match what(heap, mark) {
        Ok(()) => RC_OK,
        Err(why) => scope_refused(heap, call, why),
    }
}

pub(in crate::capi) unsafe fn scope_leave(heap: *mut Heap, mark: u64) -> rc_status {
    scope_do("rc_scope_leave", heap, mark, scope::leave)
}

pub(in crate::capi) unsafe fn scope_unwind(heap: *mut Heap, mark: u64) -> rc_status {
    scope_do("rc_scope_unwind", heap, mark, scope::unwind)
}

pub(in crate::capi) unsafe fn scope_reset(heap: *mut Heap, mark: u64) -> rc_status {
    scope_do("rc_scope_reset", heap, mark, scope::reset)
}

pub(in crate::capi) unsafe fn scope_leave_with(heap: *mut Heap, mark: u64, obj: *mut c_void) -> rc_status {
    const CALL: &str = "rc_scope_leave_with";
    if obj.is_null() {
        return scope_do(CALL, heap, mark, scope::leave);
    }
    checked(CALL, obj);
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    let _pin = Pin::on(heap);
    match scope::leave_with(heap, mark, obj) {
        Ok(()) => RC_OK,
        Err(why) => scope_refused(heap, CALL, why),
    }
}

pub(in crate::capi) unsafe fn scope_end_block(heap: *mut Heap, mark: u64) {
    if mark != 0 {
        if let Some(heap) = heap_of("rc_scope_end_block", heap) {
            let _pin = Pin::on(heap);
            scope::end_block(heap, mark);
        }
    }
}

unsafe fn scope_stack_checked(call: &str, stack: *mut ScopeStack) -> *mut ScopeStack {
    if !scope::is_stack(stack) {
        report::fatal(format_args!(
            "{call}: {stack:p} is not a live stack of scopes: freed before, also with its heap, or never one"
        ));
    }
    stack
}

pub(in crate::capi) unsafe fn scope_stack_new(
    heap: *mut Heap,
    out_stack: NonNull<*mut ScopeStack>,
) -> rc_status {
    const CALL: &str = "rc_scope_stack_new";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if out_stack.0.is_null() {
        (*heap).set_error(format_args!("{CALL}: out_stack is null"));
        return RC_ERR_INVALID;
    }
    let stack = scope::new_stack(heap);
    if stack.is_null() {
        if let Some(most) = scope::most_stacks() {
            (*heap).set_error(format_args!(
                "{CALL}: the process has as many stacks of scopes as it can: {most}, of all heaps together"
            ));
            return RC_ERR_LIMIT;
        }
        (*heap).set_error(format_args!("{CALL}: no memory"));
        return RC_ERR_NO_MEMORY;
    }
    *out_stack.0 = stack;
    RC_OK
}

pub(in crate::capi) unsafe fn scope_stack_switch(heap: *mut Heap, stack: *mut ScopeStack) -> *mut ScopeStack {
    const CALL: &str = "rc_scope_stack_switch";
    let Some(heap) = heap_of(CALL, heap) else { return core::ptr::null_mut() };
    if !stack.is_null() && (*scope_stack_checked(CALL, stack)).heap() != heap {
        report::fatal(format_args!(
            "{CALL}: {stack:p} is a stack of scopes of heap {}, not of heap {}",
            CText((*(*stack).heap()).name()),
            CText((*heap).name())
        ));
    }
    scope::switch(heap, stack)
}

pub(in crate::capi) unsafe fn scope_stack_free(stack: *mut ScopeStack) -> rc_status {
    const CALL: &str = "rc_scope_stack_free";
    if stack.is_null() {
        return RC_OK;
    }
    let heap = (*scope_stack_checked(CALL, stack)).heap();
    if only_looking(CALL, heap) {
        return RC_ERR_REFUSED;
    }
    let _pin = Pin::on(heap);
    if !scope::free_stack(stack) {
        (*heap).set_error(format_args!("{CALL}: it is the current one, or a scope of it is being left"));
        return RC_ERR_IN_USE;
    }
    RC_OK
}

pub(in crate::capi) unsafe fn scope_keep(heap: *mut Heap, obj: *mut c_void) -> *mut c_void {
    if obj.is_null() {
        return obj;
    }
    checked("rc_scope_keep", obj);
    let Some(heap) = heap_of("rc_scope_keep", heap) else {
        count::decref(obj);
        return core::ptr::null_mut();
    };
    if scope::is_open(heap) && scope::keep(heap, obj) {
        return obj;
    }
    (*heap).set_error(match scope::is_open(heap) {
        true => format_args!("rc_scope_keep: no memory"),
        false => format_args!("rc_scope_keep: no scope is open"),
    });
    count::decref(obj);
    core::ptr::null_mut()
}

// ---- weak maps ----

unsafe fn map_checked(call: &str, map: *mut WeakMap) -> *mut WeakMap {
    checked(call, map as *mut c_void);
    if !weakmap::is_map(map as *mut c_void) {
        report::fatal(format_args!(
            "{call}: {map:p} is a {}, not a weak map",
            (*object::type_of(map as *mut c_void)).name()
        ));
    }
    map
}

pub(in crate::capi) unsafe fn weakmap_new(heap: *mut Heap) -> *mut WeakMap {
    match heap_of("rc_weakmap_new", heap).and_then(|heap| weakmap::type_of_maps(heap)) {
        Some(kind) => alloc::new(kind) as *mut WeakMap,
        None => core::ptr::null_mut(),
    }
}

pub(in crate::capi) unsafe fn weakmap_set(
    map: NonNull<WeakMap>,
    key: NonNull<c_void>,
    value: *mut c_void,
) -> rc_status {
    const CALL: &str = "rc_weakmap_set";
    let map = map_checked(CALL, map.0);
    let map_header = header::load(map as *mut c_void);
    let key_header = checked(CALL, key.0);
    let heap = &mut *(*object::type_of(map as *mut c_void)).heap;
    let wrong = if value.is_null() {
        "the value is null"
    } else if !core::ptr::eq((*object::type_of(key.0)).heap, heap) {
        "the key is of another heap"
    } else if !object::is_settled(map_header) {
        "the map is dying"
    } else {
        ""
    };
    if !wrong.is_empty() {
        heap.set_error(format_args!("{CALL}: {wrong}"));
        return RC_ERR_INVALID;
    }
    checked(CALL, value);
    if only_looking(CALL, heap) {
        return RC_ERR_REFUSED;
    }
    if !object::is_settled(key_header) {
        heap.set_error(format_args!("{CALL}: the key is dying"));
        return RC_ERR_REFUSED;
    }
    if !weakmap::set(map, key.0, value) {
        heap.set_error(format_args!("{CALL}: no memory"));
        return RC_ERR_NO_MEMORY;
    }
    RC_OK
}

pub(in crate::capi) unsafe fn weakmap_get(map: NonNull<WeakMap>, key: NonNull<c_void>) -> *mut c_void {
    let map = map_checked("rc_weakmap_get", map.0);
    checked("rc_weakmap_get", key.0);
    weakmap::get(map, key.0)
}

pub(in crate::capi) unsafe fn weakmap_remove(map: NonNull<WeakMap>, key: NonNull<c_void>) -> rc_status {
    const CALL: &str = "rc_weakmap_remove";
    let map = map_checked(CALL, map.0);
    checked(CALL, key.0);
    if only_looking(CALL, (*object::type_of(map as *mut c_void)).heap) {
        return RC_ERR_REFUSED;
    }
    let value = weakmap::take(map, key.0);
    if !value.is_null() {
        weakmap::release(value);
    }
    RC_OK
}

pub(in crate::capi) unsafe fn weakmap_take(map: NonNull<WeakMap>, key: NonNull<c_void>) -> *mut c_void {
    const CALL: &str = "rc_weakmap_take";
    let map = map_checked(CALL, map.0);
    checked(CALL, key.0);
    if only_looking(CALL, (*object::type_of(map as *mut c_void)).heap) {
        return core::ptr::null_mut();
    }
    weakmap::take(map, key.0)
}

pub(in crate::capi) unsafe fn weakmap_length(map: NonNull<WeakMap>) -> usize {
    weakmap::length(map_checked("rc_weakmap_length", map.0))
}
