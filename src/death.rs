//! The end of an object by count, at any depth, without recursion and without allocating.
//!
//! An object whose last reference went passes through these states; `header.rs` has the words:
//!
//! ```text
//!   local 1 --last release--> [queued] --> held (finalize) --> dying (weak callbacks, clear, destroy) --> dead
//!                                           \------- stored somewhere: lives on ------/
//! ```
//!
//! **Plain objects** (no callbacks) take the inner loop of [`end_all`]: release each child, free the block,
//! go on with the first child that died. Others that died are linked into the queue through their headers,
//! so nothing is allocated, and a chain, a tree or a hub costs one visit an object.
//!
//! **Objects with callbacks** or weak handles go through [`end_with_callbacks`], the steps of
//! `lifetime.md`. What the engine released for them is queued and ends afterwards; what their callbacks
//! release ends before that `rc_decref` returns, by a nested call of [`release_last`], down to
//! [`DEATH_DEPTH_MAX`]; deeper ones are put into the heap's `deferred` queue, and the innermost callback
//! that is still running ends them when it returns.
//!
//! Queues are local to a call, so a nested death never sees what an outer one has still to do.

use crate::count;
use crate::finalizers;
use crate::header::{self, Flags, LOCAL_ONE};
use crate::heap::{page, range};
use crate::heap::{Heap, Phase};
use crate::host::{self, DEATH_DEPTH_MAX};
use crate::object;
use crate::report;
use crate::slots;
use crate::sys;
use crate::types::{Type, TypeFlags};
use crate::weak::Pending;
use crate::weakmap::{self, Detached};
use core::ffi::c_void;

/// How far ahead of a dying object memory is fetched: what was made after it often dies after it, and the
/// header of the next child is what a long chain waits for (measured: half the time a node of a chain of 10
/// million).
const AHEAD_BYTES: usize = 1024;

/// Objects that have lost their last reference and whose end is still to come: last in, first out, linked
/// through headers. Zeroed memory is an empty queue.
#[repr(C)]
#[derive(Default)]
pub struct Queue {
    /// Granule of the first; 0: none.
    head: u64,
}

impl Queue {
    /// An empty queue.
    pub const fn new() -> Self {
        Queue { head: 0 }
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.head == 0
    }

    /// Puts an object in.
    ///
    /// # Safety
    /// - Its count word is that of the last reference, which is gone.
    #[inline(always)]
    pub unsafe fn push(&mut self, obj: *mut c_void) {
        header::store(obj, header::load(obj).queued(self.head));
        self.head = range::granule_of(obj);
    }

    /// Takes an object out. Its count word still says "queued", which nobody on the way to its end reads.
    ///
    /// # Safety
    /// - What was pushed was not touched since.
    #[inline(always)]
    pub unsafe fn pop(&mut self) -> Option<*mut c_void> {
        if self.head == 0 {
            return None;
        }
        let obj = range::address_of(self.head);
        self.head = header::load(obj).link();
        Some(obj)
    }
}

/// An object's last reference is gone: ends it and all that only it kept alive, before returning.
///
/// # Safety
/// - The count word is [`LOCAL_ONE`], the one reference is given up; only the heap's thread is in the heap.
#[inline(always)]
pub unsafe fn release_last(obj: *mut c_void) {
    let kind = object::type_of(obj);
    if (*(*kind).heap).phase == Phase::Judging {
        released_in_traverse(obj, kind);
    }
    let mut queue = Queue::new();
    end_one(obj, kind, &mut queue);
    if !queue.is_empty() {
        end_all(&mut queue);
    }
}

/// As [`release_last`], for an object of a quick type whose slots before `first` were released already.
///
/// # Safety
/// - As [`release_last`]; the heap is not judging.
#[inline(never)]
pub unsafe fn release_from(obj: *mut c_void, first: usize) {
    let kind = object::type_of(obj);
    let mut queue = Queue::new();
    let mut next: *mut c_void = core::ptr::null_mut();
    slots::each_simple_edge(obj, kind, first, &mut |word| {
        release_child(obj, word as *mut c_void, &mut next, &mut queue)
    });
    object::free(obj, kind);
    if !next.is_null() {
        end_one(next, object::type_of(next), &mut queue);
    }
    if !queue.is_empty() {
        end_all(&mut queue);
    }
}

#[cold]
#[inline(never)]
unsafe fn released_in_traverse(obj: *mut c_void, kind: *mut Type) -> ! {
    report::fatal(format_args!(
        "rc_decref: the last reference of {} {obj:p} was released inside a traverse or the write of a dump, which may only look",
        (*kind).name()
    ))
}

/// Ends everything in a queue, and what that releases.
///
/// # Safety
/// - Only the threads of the heaps concerned are in them.
#[inline(never)]
pub unsafe fn end_all(queue: &mut Queue) {
    while let Some(obj) = queue.pop() {
        end_one(obj, object::type_of(obj), queue);
    }
}

/// Ends one object and, without a detour through the queue, the first of its children that dies, and so on
/// down.
#[inline(always)]
unsafe fn end_one(obj: *mut c_void, kind: *mut Type, queue: &mut Queue) {
    let mut obj = obj;
    let mut kind = kind;
    loop {
        let mut next: *mut c_void = core::ptr::null_mut();
        let flags = (*kind).flags;
        if flags.contains(TypeFlags::QUICK) && header::high_word(obj) & header::SIDE_FLAGS == 0 {
            sys::prefetch_for_write((obj as usize).wrapping_add(AHEAD_BYTES));
            slots::each_simple_edge(obj, kind, 0, &mut |word| {
                release_child(obj, word as *mut c_void, &mut next, queue)
            });
            (*kind).freed += 1;
            page::free_block(obj);
        } else if flags.contains(TypeFlags::PLAIN) && !header::has_flags(obj, Flags::WEAK) {
            end_plain(obj, kind, &mut next, queue);
        } else {
            return end_with_callbacks(obj, kind, queue);
        }
        if next.is_null() {
            return;
        }
        obj = next;
        kind = object::type_of(obj);
    }
}

/// Ends a plain object whose slots are not all simple, or which has side entries.
#[inline(never)]
unsafe fn end_plain(obj: *mut c_void, kind: *mut Type, next: &mut *mut c_void, queue: &mut Queue) {
    slots::each_edge(obj, kind, |word| release_child(obj, word as *mut c_void, next, queue));
    object::free(obj, kind);
}

/// A dying plain object lets go of a child. The first that dies is `next`; the others go into the queue.
#[inline(always)]
unsafe fn release_child(holder: *mut c_void, child: *mut c_void, next: &mut *mut c_void, queue: &mut Queue) {
    if child.is_null() {
        return;
    }
    let count = header::count_word(child);
    if count.wrapping_sub(LOCAL_ONE + 1) < header::LOCAL - 2 {
        header::set_count_word(child, count - 1);
    } else if count == LOCAL_ONE
        && range::contains(child as usize)
        && header::high_word(child) & header::HOLD_FLAGS == 0
    {
        if child == holder {
            count::over_release(child);
        }
        if next.is_null() {
            // It is not in the queue, but must not look alive either: a second edge to it would be one too
            // many.
            header::set_count_word(child, header::QUEUED);
            *next = child;
        } else {
            queue.push(child);
        }
    } else if count as i32 >= 0 {
        count::release_edge_slow(child, queue);
    }
}

/// Steps 1 to 7 of one object with callbacks or weak handles.
#[inline(never)]
unsafe fn end_with_callbacks(obj: *mut c_void, kind: *mut Type, queue: &mut Queue) {
    let heap = (*kind).heap;
    if (*heap).death_depth >= DEATH_DEPTH_MAX {
        (*heap).deferred.push(obj);
        return;
    }
    header::store(obj, header::load(obj).held());
    if let Some(finalize) = (*kind).finalize {
        if !header::has_flags(obj, Flags::FINALIZED) && (*heap).finalizers.queued {
            // The hold becomes the queue's reference: the object is alive until its finalizer has run.
            header::change_flags(obj, Flags::HELD, Flags::empty());
            finalizers::push(heap, obj);
            return;
        }
        if !header::has_flags(obj, Flags::FINALIZED) {
            header::set_flags(obj, Flags::FINALIZED);
            host::call(heap, finalize, obj);
            take_deferred(heap, queue);
            if let_go_if_stored(obj, queue) {
                return;
            }
        }
    }
    header::change_flags(obj, Flags::HELD, Flags::DYING);
    let mut detached = Detached::new();
    if header::has_flags(obj, Flags::WEAK) {
        let ran = if (*heap).finalizers.queued {
            (*heap).finalizers.pending.detach(heap, obj, &mut detached);
            false
        } else {
            let pending = Pending::new();
            pending.detach(heap, obj, &mut detached);
            run_weak_callbacks(heap, &pending, queue)
        };
        detached.release(queue);
        if ran && let_go_if_stored(obj, queue) {
            return;
        }
    }
    empty(obj, kind, queue);
    if let Some(destroy) = (*kind).destroy {
        host::call(heap, destroy, obj);
        take_deferred(heap, queue);
    }
    check_hold(obj, kind);
    object::free(obj, kind);
}

/// Step 4: runs the weak callbacks that are due. Whether any ran.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn run_weak_callbacks(heap: *mut Heap, pending: &Pending, queue: &mut Queue) -> bool {
    let mut ran = false;
    while let Some((weak, callback, ctx)) = pending.pop() {
        host::weak(heap, callback, weak, ctx);
        take_deferred(heap, queue);
        ran = true;
    }
    ran
}

/// Step 5 of one object: its references go.
///
/// # Safety
/// - `obj` is dying and held.
pub unsafe fn empty(obj: *mut c_void, kind: *mut Type, queue: &mut Queue) {
    let heap = (*kind).heap;
    slots::take_edges(obj, kind, |word| {
        if word != 0 {
            count::release_edge(word as *mut c_void, queue);
        }
    });
    if (*kind).flags.contains(TypeFlags::HOLDS_WEAK) {
        slots::end_weak_handles(obj, kind);
    }
    if (*kind).flags.contains(TypeFlags::MAP) {
        weakmap::empty(obj, queue);
    }
    if let Some(clear) = (*kind).clear {
        host::clear(heap, clear, obj);
        take_deferred(heap, queue);
    }
}

/// Step 2 of one object: if somebody stored a reference to it, the engine lets go of it and it lives on.
unsafe fn let_go_if_stored(obj: *mut c_void, queue: &mut Queue) -> bool {
    if header::count_word(obj) == LOCAL_ONE {
        return false;
    }
    let_go(obj, queue);
    true
}

/// Ends the engine's hold on an object that lives on.
///
/// # Safety
/// - `obj` is held or dying, and something else refers to it.
pub unsafe fn let_go(obj: *mut c_void, queue: &mut Queue) {
    header::change_flags(obj, Flags::HELD | Flags::DYING | Flags::CONDEMNED, Flags::empty());
    count::release_edge(obj, queue);
}

/// After the callbacks nobody but the engine may refer to a dying object.
///
/// # Safety
/// - `obj` is dying and held by the engine alone, if its host kept the rules.
pub unsafe fn check_hold(obj: *mut c_void, kind: *mut Type) {
    let word = header::count_word(obj);
    if word != LOCAL_ONE {
        report::fatal(format_args!(
            "{} {obj:p} was stored in clear or destroy, or is still referred to from outside: {} references are left at its end",
            (*kind).name(),
            (word & !header::LOCAL).wrapping_sub(1)
        ));
    }
}

/// Takes over what was put off while a callback of this heap was running. It is not ended here: that would
/// be the recursion which putting it off avoids.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn take_deferred(heap: *mut Heap, queue: &mut Queue) {
    while let Some(obj) = (*heap).deferred.pop() {
        queue.push(obj);
    }
}
