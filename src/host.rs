//! The one way to host code, so that re-entrancy is argued here. Whoever calls a function of the host's hands the call over
//! as a closure, and says by which way:
//!
//! | way | for |
//! |---|---|
//! | [`call`] | a part of a death or of a collection: weak callbacks, callbacks of collections |
//! | [`call_of`] | the same, and a callback of the object's type: `finalize`, `clear`, `destroy` |
//! | [`call_alone`] | what is part of neither: `write`, `report`, predicates, watches, the frames of a stack |
//! | [`run`] | a function that runs as if the host had called it: `gc_measure`, `gc_leak_check` |
//! | [`traverse`] | `traverse`, in sweeps over a heap that may only be looked at |
//!
//! What the functions are, and what they are given, their callers know; here is nothing of that.
//!
//! What each callback may do, and how that is enforced:
//!
//! | callback | may | enforced by |
//! |---|---|---|
//! | `traverse` | only visit | the heap is paused: rations are recalled and no type is quick, so allocation and the last release take the long way and find the phase; what else would change the heap asks for the phase (`Call::may_change` in `capi`) |
//! | `write` of a dump or a text, `report` of `gc_verify` | only look | as for `traverse` |
//! | `clear` | anything but collect | `clearing` is counted; a collection asked for is refused and counted |
//! | `finalize`, `destroy`, weak callbacks, in a death by count | anything | |
//! | all of them, in a collection | anything but collect | the heap's phase is `Releasing` |
//!
//! **What the engine goes on with** when a callback returns is there until then, whatever the callback ends. Who adds a
//! call of host code adds a line here, and a way to the tests in `c-tests/test_reentry.c`, which try every call that
//! ends something in every one of these:
//!
//! | host code | the engine goes on with | kept by |
//! |---|---|---|
//! | `finalize`, `clear`, `destroy`, weak callbacks of a death by count | the object, its type, the heap | the object is counted as alive until its block is freed; [`Heap::running_callbacks`] |
//! | the same, of another heap: a scope (also inline, `steps.h`), an array that is shrunk, the garbage list or the queue of finalizers lets go of its objects | the heap, its current stack of scopes | [`Pin`]; a stack whose scope is being left is busy |
//! | the same in a collection, callbacks of collections | everything | the phase is not `Idle` |
//! | `traverse` | everything; the session | the phase is `Judging`; `Query::busy` |
//! | `write`, `report` | everything; tables of profiles that host code may lengthen there are read one row at a time, or are copies | the phase is `Judging` |
//! | the predicate of a search | the session and its arrays, the heap | `Query::busy`, `running_callbacks` |
//! | watches, dumps and collections in the middle of an allocation; the frames of a stack | the type, the heap; the profile is looked up anew | `Rare::pins` and [`Pin`] in `alloc::while_pinned` |
//! | the callback of a watch | nothing of the watch: a copy was taken | `running_callbacks` |
//! | the functions of `gc_measure`, `gc_leak_check` | the heap; types by serial numbers, the profile by when it began | [`Pin`] |
//! | the log | the heap, and what the line's place says that it holds: nothing, or copies | [`Pin`] of the call, `running_callbacks`, or the phase |
//! | the fatal hook | nothing; a second fatal line in it is not given to it | `report::fatal` |
//!
//! **Stack.** A callback that releases the last reference of another object must see it dead when
//! `rc_decref` returns, so deaths nest. [`DEATH_DEPTH_MAX`] bounds that; deeper ones wait in the heap whose callback is
//! innermost, until that has returned. A chain of any length whose links are released by callbacks therefore needs a fixed
//! amount of stack, in however many heaps its links lie:
//!
//! - a heap counts its own running callbacks, which is enough for one that is alone;
//! - while there are several heaps, those of all are counted together ([`Heap::is_nested`]), by thread: each thread has
//!   a word ([`NEST`](crate::sys::thread::NEST)) that says how many of their deaths and collections are on its stack, and whose is innermost.
//!   Callbacks that were running when the second heap was made are in no word: as many may nest again, once.
//!
//! **errno.** A callback changes what the caller of the library has in `errno`, at a moment of the library's choice; what
//! was there is put back behind each. `traverse`, which runs in sweeps, leaves that to whoever sweeps.
//!
//! Host code must not jump out of a callback; that is documented as fatal in its effect and cannot be seen
//! from here.

use crate::base::promised;
use crate::heap::{Heap, Phase};
use crate::life::death;
use crate::life::scope::{self, Border};
use crate::memory::range;
use crate::observe::{self, Around, Notice, Wants};
use crate::sys::errno::{self, Kept};
use crate::sys::thread::NEST;
use crate::types::{ObjectCtxFn, ObjectFn, TraverseCtxFn, TraverseFn, Type, TypeFlags, VisitFn};
use core::ffi::c_void;
use core::mem;
use core::ptr;

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
/// - As [everywhere](crate).
pub unsafe fn is_deep(heap: *mut Heap) -> bool {
    is_deep_in(heap, nest())
}

/// As [`is_deep`], for who has asked for the thread's word.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn is_deep_in(heap: *mut Heap, nest: usize) -> bool {
    (*heap).running_callbacks() >= DEATH_DEPTH_MAX || nest & DEPTH_MASK >= DEATH_DEPTH_MAX as usize
}

/// The thread's word.
pub fn nest() -> usize {
    NEST.get()
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
/// - As [everywhere](crate).
pub unsafe fn enter_nest(heap: *mut Heap) -> Outer {
    enter_nest_in(heap, if (*heap).is_nested() { nest() } else { 0 })
}

/// As [`enter_nest`], for who has asked for the thread's word.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn enter_nest_in(heap: *mut Heap, before: usize) -> Outer {
    if !(*heap).is_nested() {
        return Outer(None);
    }
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

/// As long as it is there, its heap cannot be freed: host code runs, or may run, and the engine goes on in the heap
/// afterwards. For calls of the library that are no callback of the heap, or whose callbacks are those of another one: the
/// callbacks of the heap itself are counted by it.
pub struct Pin {
    heap: *mut Heap,
}

impl Pin {
    /// Pins a heap.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    #[must_use]
    pub unsafe fn on(heap: *mut Heap) -> Pin {
        promised!((*heap).is_live());
        (*heap).pins += 1;
        Pin { heap }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // SAFETY: a pinned heap is live.
        unsafe { (*self.heap).pins -= 1 }
    }
}

/// Tells who wants to know that objects may end now, or have ended. He may write to the log, which is the host's: neither
/// the heap nor the watch can end meanwhile.
///
/// # Safety
/// - As [`call`].
#[inline(always)]
pub unsafe fn around(heap: *mut Heap, obj: *mut c_void, moment: Around) {
    if (*heap).observers.want(Wants::CALLBACKS) {
        tell_around(heap, obj, moment);
    }
}

#[cold]
#[inline(never)]
unsafe fn tell_around(heap: *mut Heap, obj: *mut c_void, moment: Around) {
    (*heap).callback_begins();
    observe::tell(heap, Notice::Callback(obj, moment));
    (*heap).callback_ends();
}

/// Runs what ends objects that are no matter of a callback which may be running.
///
/// # Safety
/// - As [`call`].
#[inline(always)]
pub unsafe fn aside<R>(heap: *mut Heap, run: impl FnOnce() -> R) -> R {
    around(heap, ptr::null_mut(), Around::Aside);
    let result = run();
    around(heap, ptr::null_mut(), Around::After);
    result
}

/// Calls host code as a part of a death or of a collection. It runs within its border: scopes that it leaves open are
/// closed, `errno` is put back, and it is counted as running.
///
/// # Safety
/// - What `code` is given is held by the engine, and no reference to the heap is held across this call.
#[inline(always)]
pub unsafe fn call<R>(heap: *mut Heap, code: impl FnOnce() -> R) -> R {
    call_at(heap, ptr::null_mut(), Around::Aside, code)
}

/// As [`call`], for a callback of an object's type: [`Around::Aside`] is `finalize`. Observers are told of the object in
/// the other two; in `clear` nothing is collected.
///
/// # Safety
/// - As [`call`]; `function` is a callback of `ty`, which is the type of `obj` and of the heap.
#[inline(always)]
pub unsafe fn call_of(
    heap: *mut Heap,
    ty: *const Type,
    function: ObjectFn,
    obj: *mut c_void,
    moment: Around,
) {
    promised!((*ty).heap == heap);
    let clearing = (moment == Around::Clear) as u32;
    let told = if moment == Around::Aside { ptr::null_mut() } else { obj };
    (*heap).clearing += clearing;
    call_at(heap, told, moment, || {
        if (*ty).flags.contains(TypeFlags::CTX) {
            mem::transmute::<ObjectFn, ObjectCtxFn>(function)(obj, (*ty).ctx)
        } else {
            function(obj)
        }
    });
    (*heap).clearing -= clearing;
}

#[inline(always)]
unsafe fn call_at<R>(heap: *mut Heap, obj: *mut c_void, moment: Around, code: impl FnOnce() -> R) -> R {
    promised!((*heap).is_live());
    around(heap, obj, moment);
    let before = begin(heap);
    let result = code();
    end(heap, before);
    around(heap, obj, Around::After);
    result
}

/// As [`call`], for host code that is part of no death and of no collection: it may be the outermost callback there is, so
/// what it puts off is ended behind it.
///
/// # Safety
/// - As [`call`].
pub unsafe fn call_alone<R>(heap: *mut Heap, code: impl FnOnce() -> R) -> R {
    let outer = enter_nest(heap);
    let result = call(heap, code);
    leave_nest(outer);
    death::end_deferred(heap);
    result
}

/// Runs a function of the host's as if the host had called it itself: it is no callback.
///
/// # Safety
/// - No callback of the heap that it is given is running, and no reference to the heap is held across this call.
pub unsafe fn run<R>(code: impl FnOnce() -> R) -> R {
    let _errno = errno::keep();
    code()
}

/// What is as it was when a callback returns.
struct Before {
    /// Scopes that it leaves open are closed at this border.
    scopes: Border,
    errno: Kept,
}

/// A callback begins.
unsafe fn begin(heap: *mut Heap) -> Before {
    (*heap).callback_begins();
    Before { scopes: scope::begin_callback(heap), errno: errno::keep() }
}

unsafe fn end(heap: *mut Heap, before: Before) {
    scope::end_callback(heap, before.scopes);
    (*heap).callback_ends();
    drop(before.errno);
}

/// Calls `traverse`.
///
/// # Safety
/// - `function` is the callback of `ty`, which is the type of `obj`.
/// - `obj` is tracked or has all its fields set; the heap's phase is `Judging`.
#[inline(always)]
pub unsafe fn traverse(
    ty: *const Type,
    function: TraverseFn,
    obj: *mut c_void,
    visit: VisitFn,
    ctx: *mut c_void,
) {
    promised!((*(*ty).heap).phase() == Phase::Judging);
    if (*ty).flags.contains(TypeFlags::CTX) {
        mem::transmute::<TraverseFn, TraverseCtxFn>(function)(obj, Some(visit), ctx, (*ty).ctx);
    } else {
        function(obj, Some(visit), ctx);
    }
}
