//! Queued finalizers: on heaps that ask for it, an object due for `finalize` goes on living in a queue
//! until the host calls `gc_run_finalizers`, and weak callbacks wait there too. So host code never runs
//! where the host did not expect it.
//!
//! The queue owns one reference to each object in it. It never fails to take one, although objects become
//! due in the middle of deaths: [`reserve`] is called before an object with a finalizer is made, and keeps
//! room for all of them.
//!
//! [`run`] runs what was due when it began, each once, and no more: what callbacks make due meanwhile lies behind in the
//! queue, for the next call. So two objects that make each other keep nobody busy for ever. What the queue kept alive is
//! judged again before it returns, and nothing else is: see `cycle/queued.rs`.

use crate::base::list::List;
use crate::base::promised;
use crate::cycle::queued;
use crate::cycle::sliced;
use crate::cycle::stats::Status;
use crate::header::{self, Flags, LOCAL_ONE};
use crate::heap::{Heap, Phase};
use crate::host;
use crate::life::count;
use crate::life::death;
use crate::life::weak::Pending;
use crate::object;
use crate::observe::Around;
use crate::sys::errno;
use crate::types::Type;
use core::ffi::c_void;

/// What is due on one heap. Zeroed memory is an empty queue.
#[repr(C)]
pub struct Finalizers {
    /// Whether the heap queues at all.
    pub queued: bool,
    /// They are running now.
    running: bool,
    /// The queue. What has been released while the finalizers run is null.
    pub due: List<*mut c_void>,
    /// While they run, what lives only because something of the queue does; one reference each. See `cycle/queued.rs`.
    pub kept: List<*mut c_void>,
    /// Objects that may be made without asking whether there is room in `due` for all that live.
    spare: usize,
    /// Weak callbacks that are due. The heap does not move, so neither does the list.
    pub pending: Pending,
}

impl Finalizers {
    /// Whether there is anything to run.
    pub fn are_due(&self) -> bool {
        !self.due.is_empty() || !self.pending.is_empty()
    }

    /// Gives the queue's memory back.
    pub fn end(&mut self) {
        self.due.end();
        self.kept.end();
        self.spare = 0;
    }
}

/// Makes room for `count` more objects of a type with a finalizer. False for out of memory.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn reserve(heap: *mut Heap, count: usize) -> bool {
    if let Some(left) = (*heap).finalizers.spare.checked_sub(count) {
        (*heap).finalizers.spare = left;
        return true;
    }
    // Room for more than these, so that types are not looked at for each object.
    let (all, types) = count_all(heap);
    let due = &mut (*heap).finalizers.due;
    let more = (all + count).saturating_sub(due.len());
    let reserved = due.reserve(more + all / 2 + types) || due.reserve(more);
    if reserved {
        (*heap).finalizers.spare = (*heap).finalizers.due.room() - all - count;
    }
    reserved
}

/// Objects that live, or may be made without asking, of types with a finalizer; and how many types there are.
unsafe fn count_all(heap: *mut Heap) -> (usize, usize) {
    let (mut all, mut types) = (0, 0);
    (*heap).each_type(|ty| {
        types += 1;
        if (*ty).finalize.is_some() {
            all += (*ty).live() as usize + (*ty).ration as usize;
        }
    });
    (all, types)
}

/// Gives memory back that is much more than what is needed.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn trim(heap: *mut Heap) {
    let all = count_all(heap).0;
    let finalizers = &mut (*heap).finalizers;
    let mut less = List::new();
    if finalizers.due.is_empty() && finalizers.due.room() > 4 * all + 64 && less.reserve(2 * all) {
        finalizers.spare = less.room() - all;
        core::mem::replace(&mut finalizers.due, less).end();
    }
}

/// Calls `each` with every object that the queue owns a reference to.
///
/// # Safety
/// - `each` changes no queue.
pub unsafe fn each_due(heap: *mut Heap, mut each: impl FnMut(*mut c_void)) {
    let finalizers = &(*heap).finalizers;
    for &obj in finalizers.due.as_slice().iter().chain(finalizers.kept.as_slice()) {
        if !obj.is_null() {
            each(obj);
        }
    }
}

/// Whether the next object of a type needs room in the queue.
pub fn is_queued(heap: &Heap, ty: &Type) -> bool {
    heap.finalizers.queued && ty.finalize.is_some()
}

/// Hands an object over, whose `finalize` is due; the queue takes a reference that the caller owns.
///
/// # Safety
/// - There is room: [`reserve`] was called for it.
pub unsafe fn push(heap: *mut Heap, obj: *mut c_void) {
    promised!((*heap).finalizers.due.room() > (*heap).finalizers.due.len());
    header::set_flags(obj, Flags::DUE);
    // Cannot fail: the room was reserved when the object was made.
    let _ = (*heap).finalizers.due.push(obj);
}

/// What a run came to.
pub struct Ran {
    /// Callbacks that ran.
    pub callbacks: u64,
    /// How the judgement went; or that none may run here.
    pub status: Status,
}

/// Runs what is due now, releases it, and judges it again. None may run in a collection, in `clear`, while
/// they run, and where too many callbacks are nested.
///
/// # Safety
/// - Every tracked object is walkable.
pub unsafe fn run(heap: *mut Heap) -> Ran {
    let may_run = !(*heap).finalizers.running && (*heap).phase() == Phase::Idle && (*heap).clearing == 0;
    if !may_run || host::is_deep(heap) {
        return Ran { callbacks: 0, status: Status::Refused };
    }
    if !(*heap).finalizers.are_due() {
        return Ran { callbacks: 0, status: Status::Ok };
    }
    sliced::settle(heap);
    // A `traverse` may change it, as in a collection.
    let _errno = errno::keep();
    (*heap).finalizers.running = true;
    let outer = host::enter_nest(heap);
    let count = (*heap).finalizers.due.len();
    // Before any host code runs, which might cut what is to be judged together into pieces.
    let complete = queued::hold(heap, count);
    let callbacks = run_weak_callbacks(heap) + run_finalizers(heap, count);
    let verdict = if release(heap, count) { queued::judge(heap, count) } else { Status::Ok };
    (*heap).finalizers.due.remove_first(count);
    (*heap).finalizers.kept.end();
    (*heap).finalizers.running = false;
    host::leave_nest(outer);
    death::end_deferred(heap);
    Ran { callbacks, status: if complete { verdict } else { Status::NoMemory } }
}

/// The heap ends: runs what is due, and no more is due afterwards. What becomes due meanwhile runs where it dies.
///
/// # Safety
/// - As [`run`].
pub unsafe fn drain(heap: *mut Heap) {
    // Callbacks of what a run has judged are due for the next one.
    while core::mem::replace(&mut (*heap).finalizers.queued, false) || (*heap).finalizers.are_due() {
        if run(heap).status == Status::Refused {
            break;
        }
    }
}

unsafe fn run_weak_callbacks(heap: *mut Heap) -> u64 {
    let now = Pending::new();
    (*heap).finalizers.pending.move_to(&now);
    let mut ran = 0;
    while let Some((weak, callback, ctx)) = now.pop() {
        host::call(heap, || callback(weak, ctx));
        ran += 1;
    }
    ran
}

unsafe fn run_finalizers(heap: *mut Heap, count: usize) -> u64 {
    let mut ran = 0;
    for index in 0..count {
        let Some(obj) = (*heap).finalizers.due.get(index) else { break };
        header::change_flags(obj, Flags::DUE, Flags::FINALIZED);
        let ty = object::type_of(obj);
        if let Some(finalize) = (*ty).finalize {
            host::call_of(heap, ty, finalize, obj, Around::Aside);
            ran += 1;
        }
    }
    ran
}

/// Releases what has no reference but the queue's, and was found dead by its count: it ends by that, which needs no
/// memory. Whether anything is left for a judgement.
unsafe fn release(heap: *mut Heap, count: usize) -> bool {
    let mut left = false;
    for index in 0..count {
        let Some(obj) = (*heap).finalizers.due.get(index) else { break };
        if header::count_word(obj) != LOCAL_ONE || header::has_flags(obj, Flags::KEPT) {
            left = true;
            continue;
        }
        (*heap).finalizers.due.set(index, core::ptr::null_mut());
        count::decref(obj);
    }
    left
}
