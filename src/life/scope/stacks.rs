//! Stacks of scopes, one for each flow of control that asks for its own, and what is put right where a callback ends.
//!
//! A heap has a stack of its own, which is the current one until the host makes another one current. What is entered,
//! left and kept is on the current stack, so threads and coroutines that take turns, each with a stack that it makes
//! current when its turn comes, do not get in between each other's scopes.
//!
//! The slots of stacks are a pool of the range, so that one freed before is told. A stack ends with its heap at the
//! latest.
//!
//! **Borders.** What a callback entered on the stack that was current when it began, and did not leave, is left where
//! it ends; and that stack is made current again. Until then the stack is in use: it is not freed.

use crate::base::list::List;
use crate::life::scope::*;
use crate::memory::range::{self, LOCK, RANGE};
use crate::profile::measure::Flow;

/// The scopes of one flow of control. Zeroed memory is the heap's own, without a scope.
#[repr(C)]
pub struct ScopeStack {
    /// The slot's own address and 2 more while the stack is live; 0 in a free slot, and in the heap's own.
    signature: usize,
    heap: *mut Heap,
    /// Neighbours in the heap's list; in a free slot `next` is the next free one.
    next: *mut ScopeStack,
    prev: *mut ScopeStack,
    /// Callbacks that are running and began when it was the current one.
    callbacks: u32,
    pub(super) kept: List<*mut c_void>,
    pub(super) open: List<Open>,
    /// What its scopes measure under a profile.
    pub flow: Flow,
}

/// The stacks of one heap. Zeroed memory has its own, and that is the current one.
#[repr(C)]
pub struct Scopes {
    own: ScopeStack,
    /// The current one; null: the heap's own.
    current: *mut ScopeStack,
    /// First of the others.
    first: *mut ScopeStack,
    /// Scopes that were ever entered.
    pub(super) serial: u64,
    /// What was said, or would have been, of scopes that were not left in order.
    pub(super) said: u64,
}

/// Where a callback begins.
pub struct Border {
    stack: *mut ScopeStack,
    serial: u64,
}

impl ScopeStack {
    /// The innermost scope.
    pub(super) fn top(&self) -> Option<Open> {
        self.open.last()
    }

    /// The references of the innermost scope are being released, or were.
    pub(super) fn set_busy(&mut self, busy: bool) {
        let top = self.open.len().wrapping_sub(1);
        if let Some(open) = self.open.get_mut(top) {
            open.busy = busy;
        }
    }

    /// How many scopes are around the one of a mark. Marks rise from the bottom to the top.
    pub(super) fn depth_of(&self, mark: u64) -> Option<usize> {
        self.open.as_slice().binary_search_by_key(&mark, |open| open.mark).ok()
    }

    /// The heap that it belongs to.
    pub fn heap(&self) -> *mut Heap {
        self.heap
    }

    fn end_memory(&mut self) {
        self.kept.end();
        self.open.end();
        self.flow.end();
    }
}

/// The current stack of a heap.
///
/// # Safety
/// - `heap` is live.
#[inline(always)]
pub unsafe fn current(heap: *mut Heap) -> *mut ScopeStack {
    let current = (*heap).scopes.current;
    match current.is_null() {
        true => &raw mut (*heap).scopes.own,
        false => current,
    }
}

/// Calls `each` with every stack of a heap.
///
/// # Safety
/// - `heap` is live; `each` makes and frees no stack.
pub unsafe fn each_stack(heap: *mut Heap, mut each: impl FnMut(*mut ScopeStack)) {
    each(&raw mut (*heap).scopes.own);
    let mut stack = (*heap).scopes.first;
    while !stack.is_null() {
        each(stack);
        stack = (*stack).next;
    }
}

/// The stack and the depth of a scope that is open anywhere in the heap.
pub(super) unsafe fn find(heap: *mut Heap, mark: u64) -> Option<(*mut ScopeStack, usize)> {
    let mut found = None;
    each_stack(heap, |stack| found = found.or((*stack).depth_of(mark).map(|depth| (stack, depth))));
    found
}

/// Makes a stack without a scope. Null for out of memory, or when the process has as many as it can.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn new_stack(heap: *mut Heap) -> *mut ScopeStack {
    let stack = range::take_slot(&raw mut RANGE.scope_stacks, |stack: *mut ScopeStack| (*stack).next);
    if stack.is_null() {
        return stack;
    }
    ptr::write_bytes(stack, 0, 1);
    (*stack).heap = heap;
    (*stack).next = (*heap).scopes.first;
    if !(*stack).next.is_null() {
        (*(*stack).next).prev = stack;
    }
    (*heap).scopes.first = stack;
    (*stack).signature = stack as usize + 2;
    stack
}

/// Whether the pointer is that of a live stack, other than a heap's own.
///
/// # Safety
/// - None: any address may be asked.
pub unsafe fn is_stack(stack: *const ScopeStack) -> bool {
    let offset = (stack as usize).wrapping_sub(RANGE.scope_stacks.base as usize);
    offset < RANGE.scope_stacks.used
        && offset % size_of::<ScopeStack>() == 0
        && (*stack).signature == stack as usize + 2
}

/// Makes a stack current; null: the heap's own. Returns the one that was, null for the heap's own.
///
/// # Safety
/// - `stack` is null or a live one of the heap's; only the heap's thread is in the heap.
pub unsafe fn switch(heap: *mut Heap, stack: *mut ScopeStack) -> *mut ScopeStack {
    let before = core::mem::replace(&mut (*heap).scopes.current, stack);
    if before != stack {
        observe::tell(heap, Notice::FlowTurned((&raw mut (*current(heap)).flow).cast()));
    }
    before
}

/// Leaves all scopes of a stack and ends it. False when it is in use: then nothing was done.
///
/// # Safety
/// - `stack` is live; only its heap's thread is in the heap.
pub unsafe fn free_stack(stack: *mut ScopeStack) -> bool {
    let heap = (*stack).heap;
    if (*heap).scopes.current == stack || (*stack).callbacks != 0 {
        return false;
    }
    // Whoever makes it current from here on is told.
    (*stack).signature = 0;
    close_to(heap, stack, 0);
    end(heap, stack);
    true
}

/// Ends a stack without a scope.
unsafe fn end(heap: *mut Heap, stack: *mut ScopeStack) {
    observe::tell(heap, Notice::FlowEnds((&raw mut (*stack).flow).cast()));
    (*stack).end_memory();
    match (*stack).prev.is_null() {
        true => (*heap).scopes.first = (*stack).next,
        false => (*(*stack).prev).next = (*stack).next,
    }
    if !(*stack).next.is_null() {
        (*(*stack).next).prev = (*stack).prev;
    }
    (*stack).signature = 0;
    let _guard = LOCK.lock();
    (*stack).next = RANGE.scope_stacks.free as *mut ScopeStack;
    RANGE.scope_stacks.free = stack as *mut u8;
}

/// A callback begins.
///
/// # Safety
/// - Only the heap's thread is in the heap.
#[inline(always)]
pub unsafe fn begin_callback(heap: *mut Heap) -> Border {
    let stack = current(heap);
    (*stack).callbacks += 1;
    Border { stack, serial: (*heap).scopes.serial }
}

/// A callback ends.
///
/// # Safety
/// - Only the heap's thread is in the heap; the border is that of the callback.
#[inline(always)]
pub unsafe fn end_callback(heap: *mut Heap, border: Border) {
    (*border.stack).callbacks -= 1;
    if (*heap).scopes.serial != border.serial || current(heap) != border.stack {
        put_right(heap, border);
    }
}

/// Undoes what a callback left behind, and says so.
#[cold]
#[inline(never)]
unsafe fn put_right(heap: *mut Heap, border: Border) {
    let own = &raw mut (*heap).scopes.own;
    if current(heap) != border.stack {
        report::log(
            Level::Warning,
            format_args!(
                "heap {}: a callback ended with another stack of scopes than it began with; the former is current again",
                CText((*heap).name())
            ),
        );
        switch(heap, if border.stack == own { ptr::null_mut() } else { border.stack });
    }
    while let Some(open) = (*border.stack).top() {
        if open.mark >> HEAP_BITS <= border.serial || open.busy {
            return;
        }
        if !open.over {
            report::log(
                Level::Warning,
                format_args!("scope {} was left open in a callback; it was closed there", Name(open.name)),
            );
        }
        close_innermost(heap, border.stack);
    }
}

/// Releases what all scopes keep: the heap is about to end. Host code that this runs may still enter scopes.
///
/// # Safety
/// - Only the heap's thread is in the heap, in no callback.
pub unsafe fn leave_all(heap: *mut Heap) {
    let own = &raw mut (*heap).scopes.own;
    let mut again = true;
    while core::mem::replace(&mut again, false) {
        let mut stack = own;
        while !stack.is_null() {
            if !(*stack).open.is_empty() {
                again = true;
                // In use, so that it is still there afterwards.
                (*stack).callbacks += 1;
                close_to(heap, stack, 0);
                (*stack).callbacks -= 1;
            }
            stack = if stack == own { (*heap).scopes.first } else { (*stack).next };
        }
    }
}

/// Ends all stacks: the heap ends, and its objects are gone.
///
/// # Safety
/// - Nobody uses the heap any more.
pub unsafe fn end_all(heap: *mut Heap) {
    while !(*heap).scopes.first.is_null() {
        end(heap, (*heap).scopes.first);
    }
    (*heap).scopes.current = ptr::null_mut();
    (*heap).scopes.own.end_memory();
}
