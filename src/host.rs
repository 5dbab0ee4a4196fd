//! The one place from which host code is called, so that re-entrancy is argued here.
//!
//! What each callback may do, and how that is enforced:
//!
//! | callback | may | enforced by |
//! |---|---|---|
//! | `traverse` | only visit | the heap is paused: rations are recalled and no type is quick, so allocation and the last release take the long way and find the phase |
//! | `write` of a dump | not change the heap | as for `traverse` |
//! | `clear` | anything but collect | `clearing` is counted; a collection asked for is refused and counted |
//! | `finalize`, `destroy`, weak callbacks, in a death by count | anything | |
//! | all of them, in a collection | anything but collect | the heap's phase is `Releasing` |
//!
//! **Stack.** A callback that releases the last reference of another object must see it dead when
//! `rc_decref` returns, so deaths nest. [`DEATH_DEPTH_MAX`] bounds that: deeper ones wait until the
//! innermost running callback has returned. A chain of any length whose links are released by callbacks
//! therefore needs a fixed amount of stack.
//!
//! **errno.** A callback changes what the caller of the library has in `errno`, at a moment of the library's choice; what
//! was there is put back behind each. `traverse`, which runs in sweeps, leaves that to whoever sweeps.
//!
//! Host code must not jump out of a callback; that is documented as fatal in its effect and cannot be seen
//! from here.

use crate::auto::watch::Watch;
use crate::cycle::events::{Event, EventFn};
use crate::heap::Heap;
use crate::life::scope::{self, Border};
use crate::life::weak::{Weak, WeakFn};
use crate::observe::{self, Around, Notice, Wants};
use crate::profile::site::Site;
use crate::sys::errno::{self, Kept};
use crate::types::{ObjectFn, TraverseFn, VisitFn};
use core::ffi::{c_int, c_void};

/// Gives the bytes of a dump to the host.
pub type WriteFn = unsafe extern "C" fn(*const c_void, usize, *mut c_void) -> c_int;

/// What a leak check runs.
pub type RunFn = unsafe extern "C" fn(*mut Heap, *mut c_void);

/// Told that a watch was set off.
pub type WatchFn = unsafe extern "C" fn(*mut Heap, u32, u64, *mut c_void);

/// Tells the frames of an interpreter.
pub type FramesFn = unsafe extern "C" fn(*mut *const Site, usize, *mut c_void) -> usize;

/// How deep deaths with callbacks may nest before they are put off. Sixteen levels of ours and the host's
/// frames fit a 64 KiB stack with room for host code in each.
pub const DEATH_DEPTH_MAX: u32 = if cfg!(feature = "check") { 4 } else { 16 };

/// Calls `finalize`.
///
/// # Safety
/// - `obj` is held by the engine; only the heap's thread is in the heap, and no reference to it is held
///   across this call.
pub unsafe fn call(heap: *mut Heap, function: ObjectFn, obj: *mut c_void) {
    let before = enter(heap);
    function(obj);
    leave(heap, before);
}

/// Calls `clear`.
///
/// # Safety
/// - As [`call`].
pub unsafe fn clear(heap: *mut Heap, function: ObjectFn, obj: *mut c_void) {
    (*heap).clearing += 1;
    call_watched(heap, function, obj, Around::AfterClear);
    (*heap).clearing -= 1;
}

/// Calls `destroy`.
///
/// # Safety
/// - As [`call`].
pub unsafe fn destroy(heap: *mut Heap, function: ObjectFn, obj: *mut c_void) {
    call_watched(heap, function, obj, Around::AfterDestroy);
}

#[inline(always)]
unsafe fn call_watched(heap: *mut Heap, function: ObjectFn, obj: *mut c_void, after: Around) {
    if !(*heap).observers.want(Wants::CALLBACKS) {
        return call(heap, function, obj);
    }
    observe::tell(heap, Notice::Callback(obj, Around::Before));
    call(heap, function, obj);
    // The callback may have ended the watch; then this is told to nobody.
    observe::tell(heap, Notice::Callback(obj, after));
}

/// Calls a weak handle's callback.
///
/// # Safety
/// - As [`call`].
pub unsafe fn weak(heap: *mut Heap, function: WeakFn, handle: *mut Weak, ctx: *mut c_void) {
    let before = enter(heap);
    function(handle, ctx);
    leave(heap, before);
}

/// Tells a callback of a collection.
///
/// # Safety
/// - As [`call`].
pub unsafe fn event(heap: *mut Heap, function: EventFn, event: &Event, ctx: *mut c_void) {
    let before = enter(heap);
    function(heap, event, ctx);
    leave(heap, before);
}

/// Gives bytes of a dump to the host; 0, or an `errno`.
///
/// # Safety
/// - As [`call`]; the heap's phase is `Judging`.
pub unsafe fn write(heap: *mut Heap, function: WriteFn, bytes: &[u8], ctx: *mut c_void) -> c_int {
    let before = enter(heap);
    let result = function(bytes.as_ptr() as *const c_void, bytes.len(), ctx);
    leave(heap, before);
    result
}

/// Runs a function of the host's as if the host had called it itself.
///
/// # Safety
/// - No callback of the heap is running, and no reference to the heap is held across this call.
pub unsafe fn run(heap: *mut Heap, function: RunFn, ctx: *mut c_void) {
    let _errno = errno::keep();
    function(heap, ctx);
}

/// A host's test of one object.
pub type PredicateFn = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;

/// Asks the host about an object.
///
/// # Safety
/// - As [`call`], but that `obj` need not be held.
pub unsafe fn ask(heap: *mut Heap, function: PredicateFn, obj: *mut c_void, ctx: *mut c_void) -> bool {
    let before = enter(heap);
    let answer = function(obj, ctx);
    leave(heap, before);
    answer != 0
}

/// Asks for the frames of an interpreter; how many were given.
///
/// # Safety
/// - As [`call`]; the heap is at an allocation.
pub unsafe fn frames(
    heap: *mut Heap,
    function: FramesFn,
    sites: &mut [*const Site],
    ctx: *mut c_void,
) -> usize {
    let before = enter(heap);
    let count = function(sites.as_mut_ptr(), sites.len(), ctx);
    leave(heap, before);
    count.min(sites.len())
}

/// Tells that a watch was set off.
///
/// # Safety
/// - As [`call`]; the heap is in no collection.
pub unsafe fn watch(heap: *mut Heap, function: WatchFn, watch: &Watch, value: u64) {
    let before = enter(heap);
    function(heap, watch.number, value, watch.ctx);
    leave(heap, before);
}

/// What is as it was when a callback returns.
struct Before {
    /// Scopes that it leaves open are closed at this border.
    scopes: Border,
    errno: Kept,
}

/// A callback begins.
unsafe fn enter(heap: *mut Heap) -> Before {
    (*heap).death_depth += 1;
    Before { scopes: scope::begin_callback(heap), errno: errno::keep() }
}

unsafe fn leave(heap: *mut Heap, before: Before) {
    scope::end_callback(heap, before.scopes);
    (*heap).death_depth -= 1;
    drop(before.errno);
}

/// Calls `traverse`.
///
/// # Safety
/// - `obj` is tracked or has all its fields set; the heap's phase is `Judging`.
#[inline(always)]
pub unsafe fn traverse(function: TraverseFn, obj: *mut c_void, visit: VisitFn, ctx: *mut c_void) {
    function(obj, Some(visit), ctx);
}
