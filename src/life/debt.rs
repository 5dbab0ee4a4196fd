//! Deaths by count that are put off: what a heap owes to those who wait for the end of its objects.
//!
//! A host may say how many objects one call may end (`gc_policy.release_budget`). A cascade stops when it has ended so
//! many; what has lost its last reference by then, and was not ended, is the **debt**: a list through headers, whose objects
//! are "queued" (`header.rs`), so that nobody counts on them and weak handles of theirs read null already. Nothing of what
//! they refer to has been let go of yet.
//!
//! The debt is paid
//!
//! - at allocations: one object for each [`OBJECT_BYTES`] that are allocated, which no object is smaller than, so that a
//!   program that allocates as much as it drops does not grow;
//! - in `gc_safepoint`, as many as one call may end, and there alone under the policy that collections run nowhere else: who
//!   chose it wants no callbacks in the middle of an allocation;
//! - as a whole where memory is short, before a full collection that the host asks for, and when the heap ends.
//!
//! **How a heap is bounded.** Its types without callbacks have a flag, with which they are neither quick nor plain to
//! `death.rs`; and the number of running callbacks, which is asked before all other deaths, has a bit that sends them to
//! [`end_bounded`]. So a heap without a budget pays nothing. Leaves, which refer to nothing and have no callbacks, end where
//! they are released: nothing dies with them.
//!
//! **Order.** Last in, first out: a cascade is what is above the object that was released, so that a small death is over
//! before its call returns however large the debt below it is. What a callback releases dies before that `rc_decref` returns
//! as long as the call has some of its budget left and callbacks are not nested too deep; else it is debt.
//!
//! **Heaps.** The list has objects of its own heap only. Those of others that die with them are ended by the rules of their
//! heaps, when the cascade has stopped.

use super::block;
use super::count;
use super::death::{self, Queue};
use crate::base::promised;
use crate::header::{self, Flags};
use crate::heap::{Heap, Phase};
use crate::host::{self, Pin};
use crate::object::{self, slots};
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;

/// Bytes that are allocated for each object of the debt that is paid.
const OBJECT_BYTES: u64 = 16;
/// Most bytes between two payments.
const INTERVAL_MAX: u64 = if cfg!(feature = "check") { 256 } else { 16 << 10 };
/// Objects that one call may end where there is a debt and no budget any more.
const UNBOUNDED: u64 = 1024;

/// What one heap owes. Zeroed memory is nothing, without a budget.
#[repr(C)]
pub struct Debt {
    /// Objects that one call may end; 0: any number.
    budget: u64,
    /// Those that wait for their end.
    list: Queue,
    /// How many they are.
    pub objects: u64,
    /// How many the call under way may still end.
    left: u64,
    /// Such a call is under way.
    is_running: bool,
    /// The most that `objects` has been when a call returned.
    pub objects_max: u64,
}

impl Debt {
    /// The budget.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Bytes that may be allocated before some of the debt is to be paid; None: there is none.
    pub fn interval(&self) -> Option<u64> {
        (self.objects != 0).then(|| self.a_call().saturating_mul(OBJECT_BYTES).min(INTERVAL_MAX))
    }

    /// How many one call may end.
    fn a_call(&self) -> u64 {
        if self.budget == 0 {
            UNBOUNDED
        } else {
            self.budget
        }
    }

    unsafe fn push(&mut self, obj: *mut c_void) {
        self.list.push(obj);
        self.objects += 1;
    }
}

impl Heap {
    /// Sets how many objects one call may end; 0: any number. What is owed stays owed.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn set_release_budget(&mut self, budget: u64) {
        self.debt.budget = budget;
        let bounded = budget != 0;
        if bounded != self.is_bounded() {
            self.set_bounded(bounded);
            let judging = self.phase() == Phase::Judging;
            self.each_type(|ty| {
                (*ty).set_bounded(bounded);
                (*ty).set_paused(judging);
            });
        }
    }
}

/// Ends an object of a bounded heap, and what dies with it, as far as the budget goes. The rest is owed.
///
/// # Safety
/// - The last reference to `obj` is gone, and nothing holds it; as `death::release_last`.
#[cold]
#[inline(never)]
pub unsafe fn end_bounded(heap: *mut Heap, obj: *mut c_void) {
    promised!((*heap).is_bounded());
    promised!(header::high_word(obj) & header::HOLD_FLAGS == 0);
    let below = (*heap).debt.objects;
    (*heap).debt.push(obj);
    if (*heap).debt.is_running {
        // In a callback of what a call ends.
        if !host::is_deep(heap) {
            let mut others = Queue::new();
            pay_down(heap, below, &mut others);
            death::end_all(&mut others);
        }
        return;
    }
    let budget = (*heap).debt.budget;
    run(heap, budget, below);
}

/// Ends what is owed, as many objects as one call may end at most. Whether nothing is left.
///
/// # Safety
/// - Where host code may run: as `gc_safepoint`.
pub unsafe fn pay(heap: *mut Heap) -> bool {
    let most = (*heap).debt.a_call();
    pay_some(heap, most)
}

/// Ends all that is owed, and what that releases.
///
/// # Safety
/// - As [`pay`].
pub unsafe fn pay_all(heap: *mut Heap) {
    pay_some(heap, u64::MAX);
}

/// As [`pay`], for the bytes that were allocated since the last time.
///
/// # Safety
/// - As [`pay`].
#[cold]
#[inline(never)]
pub unsafe fn pay_for_allocation(heap: *mut Heap) {
    let debt = &(*heap).debt;
    let bytes = debt.interval().unwrap_or(0);
    let most = (bytes / OBJECT_BYTES).max(1);
    pay_some(heap, most);
}

/// Whether there is something to pay, and it may be done here.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn may_pay(heap: *mut Heap) -> bool {
    let debt = &(*heap).debt;
    // Within a callback the call that runs it goes on paying.
    debt.objects != 0 && !debt.is_running && (*heap).phase() != Phase::Judging && !host::is_deep(heap)
}

unsafe fn pay_some(heap: *mut Heap, most: u64) -> bool {
    if may_pay(heap) {
        run(heap, most, 0);
    }
    (*heap).debt.objects == 0
}

/// Ends objects from the top of the list until so many have ended, or it is as long as `below`.
unsafe fn run(heap: *mut Heap, most: u64, below: u64) {
    let mut others = Queue::new();
    {
        let _pin = Pin::on(heap);
        (*heap).debt.is_running = true;
        (*heap).debt.left = most;
        pay_down(heap, below, &mut others);
        (*heap).debt.is_running = false;
        let debt = &mut (*heap).debt;
        debt.objects_max = debt.objects_max.max(debt.objects);
        (*heap).note_debt();
    }
    // The heap may end in their callbacks.
    death::end_all(&mut others);
}

unsafe fn pay_down(heap: *mut Heap, below: u64, others: &mut Queue) {
    while (*heap).debt.objects > below && (*heap).debt.left != 0 {
        let debt = &mut (*heap).debt;
        let Some(obj) = debt.list.pop() else { break };
        debt.objects -= 1;
        debt.left -= 1;
        end_one(heap, obj, others);
    }
}

/// Ends one object. What it lets go of, and dies with that, is owed, if it is of this heap.
unsafe fn end_one(heap: *mut Heap, obj: *mut c_void, others: &mut Queue) {
    let ty = object::type_of(obj);
    if (*ty).flags.contains(TypeFlags::PLAIN) && !header::has_flags(obj, Flags::WEAK) {
        return end_plain(heap, obj, ty, others);
    }
    let mut dying = Queue::new();
    let outer = host::enter_nest(heap);
    death::end_in_steps(obj, ty, heap, &mut dying);
    host::leave_nest(outer);
    while let Some(obj) = dying.pop() {
        owe(heap, obj, others);
    }
}

unsafe fn end_plain(heap: *mut Heap, obj: *mut c_void, ty: *mut Type, others: &mut Queue) {
    slots::each_edge(obj, ty, |word| {
        if word == 0 {
            return;
        }
        let mut dying = Queue::new();
        if word == obj as usize {
            // It has no reference left that could be its own.
            count::over_release(obj);
        }
        count::release_edge(word as *mut c_void, &mut dying);
        if let Some(child) = dying.pop() {
            owe(heap, child, others);
        }
    });
    block::free(obj, ty);
}

unsafe fn owe(heap: *mut Heap, obj: *mut c_void, others: &mut Queue) {
    match (*object::type_of(obj)).heap == heap {
        true => (*heap).debt.push(obj),
        false => others.push(obj),
    }
}
