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
//! `rc_decref` returns, so deaths nest. [`DEATH_DEPTH_MAX`] bounds that; deeper ones wait in the heap whose callback is
//! innermost, until that has returned. A chain of any length whose links are released by callbacks therefore needs a fixed
//! amount of stack, in however many heaps its links lie:
//!
//! - a heap counts its own running callbacks, which is enough for one that is alone;
//! - as soon as there is a second heap, those of all are counted together ([`Heap::is_nested`]), by thread: each thread has
//!   a word ([`NEST`](crate::sys::thread::NEST)) that says how many of their deaths and collections are on its stack, and whose is innermost.
//!   Callbacks that were running when the second heap was made are in no word: as many may nest again, once.
//!
//! **errno.** A callback changes what the caller of the library has in `errno`, at a moment of the library's choice; what
//! was there is put back behind each. `traverse`, which runs in sweeps, leaves that to whoever sweeps.
//!
//! Host code must not jump out of a callback; that is documented as fatal in its effect and cannot be seen
//! from here.

use crate::auto::watch::Watch;
use crate::cycle::events::{Event, EventFn};
use crate::heap::Heap;
use crate::life::death;
use crate::life::scope::{self, Border};
use crate::life::weak::{Weak, WeakFn};
use crate::memory::range;
use crate::observe::{self, Around, Notice, Wants};
use crate::profile::site::Site;
use crate::sys::errno::{self, Kept};
use crate::sys::thread::NEST;
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

/// How deep callbacks may nest before deaths in them are put off. Sixteen levels of ours and the host's
/// frames fit a 64 KiB stack with room for host code in each.
pub const DEATH_DEPTH_MAX: u32 = if cfg!(feature = "check") { 4 } else { 16 };

/// In [`NEST`]: the number of the nested heap whose death or collection is innermost, above so many bits of how many there
/// are. 0: there is none.
const DEPTH_BITS: u32 = 16;
const DEPTH_MASK: usize = (1 << DEPTH_BITS) - 1;

/// What a thread's word was before [`enter_nest`]; None: nothing was written.
pub struct Outer(Option<usize>);

/// Whether so many callbacks are running that a death in them, or a collection, has to wait.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn is_deep(heap: *mut Heap) -> bool {
    (*heap).running_callbacks() >= DEATH_DEPTH_MAX || NEST.get() & DEPTH_MASK >= DEATH_DEPTH_MAX as usize
}

/// The heap that a death has to wait in, because [`is_deep`] says so.
///
/// # Safety
/// - As [`is_deep`].
pub unsafe fn innermost(heap: *mut Heap) -> *mut Heap {
    match NEST.get() >> DEPTH_BITS {
        0 => heap,
        index => range::heap_at(index),
    }
}

/// A death or a collection of the heap begins, in which callbacks may run. [`leave_nest`] is its end; what was put off in
/// it is still to be ended then, which is [`death::end_deferred`] or, while another death goes on, [`death::take_deferred`].
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn enter_nest(heap: *mut Heap) -> Outer {
    if !(*heap).is_nested() {
        return Outer(None);
    }
    let before = NEST.get();
    let depth = ((before & DEPTH_MASK) + 1).min(DEPTH_MASK);
    Outer(NEST.set(((*heap).index as usize) << DEPTH_BITS | depth).then_some(before))
}

/// A heap ends, in whatever callbacks of other heaps: its own deaths do not wait for these, which go on when it is no more.
/// They may nest as if none was running; [`leave_nest`] is the end of that.
pub fn enter_end() -> Outer {
    let before = NEST.get();
    Outer((before != 0 && NEST.set(0)).then_some(before))
}

/// See [`enter_nest`] and [`enter_end`].
pub fn leave_nest(outer: Outer) {
    if let Some(word) = outer.0 {
        NEST.set(word);
    }
}

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
    alone(heap, || function(bytes.as_ptr() as *const c_void, bytes.len(), ctx))
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
    alone(heap, || function(obj, ctx)) != 0
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
    let count = alone(heap, || function(sites.as_mut_ptr(), sites.len(), ctx));
    count.min(sites.len())
}

/// Tells that a watch was set off.
///
/// # Safety
/// - As [`call`]; the heap is in no collection.
pub unsafe fn watch(heap: *mut Heap, function: WatchFn, watch: &Watch, value: u64) {
    alone(heap, || function(heap, watch.number, value, watch.ctx))
}

/// What is as it was when a callback returns.
struct Before {
    /// Scopes that it leaves open are closed at this border.
    scopes: Border,
    errno: Kept,
}

/// A callback begins.
unsafe fn enter(heap: *mut Heap) -> Before {
    (*heap).callback_begins();
    Before { scopes: scope::begin_callback(heap), errno: errno::keep() }
}

unsafe fn leave(heap: *mut Heap, before: Before) {
    scope::end_callback(heap, before.scopes);
    (*heap).callback_ends();
    drop(before.errno);
}

/// Calls host code that is part of no death and of no collection.
unsafe fn alone<T>(heap: *mut Heap, call: impl FnOnce() -> T) -> T {
    let outer = enter_nest(heap);
    let before = enter(heap);
    let result = call();
    leave(heap, before);
    leave_nest(outer);
    death::end_deferred(heap);
    result
}

/// Calls `traverse`.
///
/// # Safety
/// - `obj` is tracked or has all its fields set; the heap's phase is `Judging`.
#[inline(always)]
pub unsafe fn traverse(function: TraverseFn, obj: *mut c_void, visit: VisitFn, ctx: *mut c_void) {
    function(obj, Some(visit), ctx);
}
