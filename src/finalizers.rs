//! Queued finalizers: on heaps that ask for it, an object due for `finalize` goes on living in a queue
//! until the host calls `gc_run_finalizers`, and weak callbacks wait there too. So host code never runs
//! where the host did not expect it.
//!
//! The queue owns one reference to each object in it. It never fails to take one, although objects become
//! due in the middle of deaths: [`reserve`] is called before an object with a finalizer is made, and keeps
//! room for all of them.

use crate::count;
use crate::cycle;
use crate::header::{self, Flags, LOCAL_ONE};
use crate::heap::Heap;
use crate::host;
use crate::object;
use crate::scope::Stack;
use crate::types::Type;
use crate::weak::Pending;
use core::ffi::c_void;

/// What is due on one heap. Zeroed memory is an empty queue.
#[repr(C)]
pub struct Finalizers {
    /// Whether the heap queues at all.
    pub queued: bool,
    /// They are running now.
    running: bool,
    due: Stack<*mut c_void>,
    /// Weak callbacks that are due. The heap does not move, so neither does the list.
    pub pending: Pending,
}

impl Finalizers {
    /// Gives the queue's memory back.
    pub fn end(&mut self) {
        self.due.end();
    }
}

/// Makes room for `count` more objects of a type with a finalizer. False for out of memory.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn reserve(heap: *mut Heap, count: usize) -> bool {
    let mut all = count;
    (*heap).each_type(|kind| {
        if (*kind).finalize.is_some() {
            all += (*kind).live() as usize + (*kind).ration as usize;
        }
    });
    let more = all.saturating_sub((*heap).finalizers.due.len());
    (*heap).finalizers.due.reserve(more)
}

/// Calls `each` with every object that the queue owns a reference to.
///
/// # Safety
/// - Only the heap's thread is in the heap; `each` changes no queue.
pub unsafe fn each_due(heap: *mut Heap, mut each: impl FnMut(*mut c_void)) {
    let due = &(*heap).finalizers.due;
    for index in 0..due.len() {
        if let Some(obj) = due.get(index).filter(|obj| !obj.is_null()) {
            each(obj);
        }
    }
}

/// Whether the next object of a type needs room in the queue.
pub fn is_queued(heap: &Heap, kind: &Type) -> bool {
    heap.finalizers.queued && kind.finalize.is_some()
}

/// Hands an object over, whose `finalize` is due; the queue takes a reference that the caller owns.
///
/// # Safety
/// - There is room: [`reserve`] was called for it.
pub unsafe fn push(heap: *mut Heap, obj: *mut c_void) {
    header::set_flags(obj, Flags::DUE);
    // Cannot fail: the room was reserved when the object was made.
    let _ = (*heap).finalizers.due.push(obj);
}

/// Runs what is due, releases it, and judges it again. Returns how many callbacks ran.
///
/// What becomes due meanwhile waits for the next call: else two objects that make each other would never end.
///
/// # Safety
/// - Only the heap's thread is in the heap; no collection of it is running.
pub unsafe fn run(heap: *mut Heap) -> u64 {
    if (*heap).finalizers.running {
        return 0;
    }
    (*heap).finalizers.running = true;
    let mut ran = 0;
    while let Some((weak, callback, ctx)) = (*heap).finalizers.pending.pop() {
        host::weak(heap, callback, weak, ctx);
        ran += 1;
    }
    let count = (*heap).finalizers.due.len();
    for index in 0..count {
        if let Some(obj) = (*heap).finalizers.due.get(index) {
            header::change_flags(obj, Flags::DUE, Flags::FINALIZED);
            if let Some(finalize) = (*object::type_of(obj)).finalize {
                host::call(heap, finalize, obj);
                ran += 1;
            }
        }
    }
    let mut left = false;
    for index in 0..count {
        // The queue forgets each before it releases it; what is appended meanwhile lies behind.
        if let Some(obj) = (*heap).finalizers.due.get(index) {
            (*heap).finalizers.due.set(index, core::ptr::null_mut());
            left |= header::count_word(obj) != LOCAL_ONE;
            count::decref(obj);
        }
    }
    (*heap).finalizers.due.remove_first(count);
    (*heap).finalizers.running = false;
    if left {
        cycle::collect_finalized(heap);
    }
    ran
}
