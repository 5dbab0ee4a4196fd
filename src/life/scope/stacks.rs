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
//! it ends; and that stack is made current again. Every callback passes its border, so that looks at one number, which
//! changes whenever a scope is entered or another stack becomes current.

use crate::base::promised;
use crate::life::scope::*;
use crate::memory::pool;
use crate::memory::range::{LOCK, RANGE};
use crate::profile::measure::Flow;

/// The scopes of one flow of control. Zeroed memory is the heap's own, without a scope. Inline code knows the layout of the
/// first two members.
#[repr(C)]
pub struct ScopeStack {
    pub(super) kept: Stack<*mut c_void>,
    pub(super) open: Stack<Open>,
    /// The slot's own address and 2 more while the stack is live; 0 in a free slot, and in the heap's own.
    signature: usize,
    heap: *mut Heap,
    /// Neighbours in the heap's list; in a free slot `next` is the next free one.
    next: *mut ScopeStack,
    prev: *mut ScopeStack,
    /// What [`Now::last`] was when it was made.
    made: u64,
    /// What its scopes measure under a profile.
    pub flow: Flow,
}

static_assertions::const_assert_eq!(size_of::<ScopeStack>(), 160);

// What `include/rcgc/steps.h` compiles into hosts; c-tests/layout.c has the other side.
static_assertions::const_assert_eq!(core::mem::offset_of!(ScopeStack, kept), 0);
static_assertions::const_assert_eq!(core::mem::offset_of!(ScopeStack, open), 24);
static_assertions::const_assert_eq!(core::mem::offset_of!(Open, start), 8);
static_assertions::const_assert_eq!(core::mem::offset_of!(Open, state), 24);
static_assertions::const_assert_eq!(size_of::<Open>(), 32);
static_assertions::const_assert_eq!(core::mem::offset_of!(Heap, steps), 8);
static_assertions::const_assert_eq!(core::mem::offset_of!(Steps, last), 8);
static_assertions::const_assert_eq!(core::mem::offset_of!(Heap, pins), 24);

/// The stacks of one heap. Zeroed memory has its own, and that is the current one.
#[repr(C)]
pub struct Scopes {
    /// The current stack; null: the heap's own.
    current: *mut ScopeStack,
    own: ScopeStack,
    /// First of the others.
    first: *mut ScopeStack,
    /// What was said, or would have been, of scopes that were not left in order.
    pub(super) said: u64,
}

/// What inline code knows of a heap's scopes. `Heap::steps`, at a place that is ABI.
#[repr(C)]
pub struct Steps {
    /// The stack that it works on: the current one, or [`nobody`]'s.
    stack: *mut ScopeStack,
    /// The mark that was given out last: a serial number, one more with each scope that is entered, each stack that is made, and each
    /// that becomes current; and in the low bits the heap's number.
    last: u64,
}

/// How things stand at one moment.
#[derive(Clone, Copy)]
struct Now {
    last: u64,
    current: *mut ScopeStack,
}

/// A stack on which nothing can be done inline.
struct Nobodys(ScopeStack);

// SAFETY: nobody writes to it.
unsafe impl Sync for Nobodys {}

static NOBODYS: Nobodys = Nobodys(ScopeStack {
    kept: Stack::of_nobody(ptr::null()),
    open: Stack::of_nobody(&raw const BELOW.0),
    signature: 0,
    heap: ptr::null_mut(),
    next: ptr::null_mut(),
    prev: ptr::null_mut(),
    made: 0,
    flow: Flow::NONE,
});

/// What lies below its lowest place.
struct NoScope(Open);

// SAFETY: nobody writes to it.
unsafe impl Sync for NoScope {}

static BELOW: NoScope = NoScope(NO_SCOPE);

/// The stack that inline code is shown where it shall do nothing.
pub fn nobodys() -> *mut ScopeStack {
    &raw const NOBODYS.0 as *mut ScopeStack
}

/// Shows inline code the current stack, or nobody's: where somebody wants to be told of scopes, and before there is memory for one.
/// Called whenever one of these changes.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn publish(heap: *mut Heap) {
    let stack = current(heap);
    let inline = (*stack).open.has_memory() && !(*heap).observers.want(Wants::SCOPES);
    (*heap).steps.stack = if inline { stack } else { nobodys() };
}

/// A mark that no other scope of the heap has.
pub(super) unsafe fn next_mark(heap: *mut Heap) -> u64 {
    (*heap).steps.last += 1 << HEAP_BITS;
    (*heap).steps.last
}

/// A heap begins.
///
/// # Safety
/// - As [`publish`].
pub unsafe fn begin(heap: *mut Heap) {
    (*heap).steps = Steps { stack: nobodys(), last: (*heap).index as u64 };
}

/// Where a callback begins.
pub struct Border(Now);

impl ScopeStack {
    /// The innermost scope.
    pub(super) fn top(&self) -> Option<Open> {
        self.open.last()
    }

    /// The references of the innermost scope are being released, or were.
    pub(super) fn set_busy(&mut self, busy: bool) {
        let top = self.open.len().wrapping_sub(1);
        if let Some(open) = self.open.get_mut(top) {
            open.state.set(State::BUSY, busy);
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
    or_own(heap, (*heap).scopes.current)
}

#[inline(always)]
unsafe fn or_own(heap: *mut Heap, stack: *mut ScopeStack) -> *mut ScopeStack {
    match stack.is_null() {
        true => &raw mut (*heap).scopes.own,
        false => stack,
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

/// Gives memory of all stacks back that is much more than what is needed.
///
/// # Safety
/// - As [`each_stack`].
pub unsafe fn trim(heap: *mut Heap) {
    each_stack(heap, |stack| {
        (*stack).kept.trim();
        (*stack).open.trim();
    });
    publish(heap);
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
/// - As [everywhere](crate).
pub unsafe fn new_stack(heap: *mut Heap) -> *mut ScopeStack {
    let stack = pool::take_slot(&raw mut RANGE.scope_stacks, |stack: *mut ScopeStack| (*stack).next);
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
    (*stack).made = next_mark(heap);
    (*stack).signature = stack as usize + 2;
    stack
}

/// How many stacks the process can have, if it has as many.
pub fn most_stacks() -> Option<usize> {
    // SAFETY: it is the pool of these.
    unsafe {
        let slots = &raw const RANGE.scope_stacks;
        // The first slot is nobody's.
        pool::is_used_up::<ScopeStack>(slots).then(|| (*slots).size / size_of::<ScopeStack>() - 1)
    }
}

/// Whether the pointer is that of a live stack, other than a heap's own. Any address may be asked.
pub fn is_stack(stack: *const ScopeStack) -> bool {
    // SAFETY: the pool has slots of stacks, and a slot that was handed out can be read from then on.
    unsafe { pool::is_slot(&raw const RANGE.scope_stacks, stack) && (*stack).signature == stack as usize + 2 }
}

/// Makes a stack current; null: the heap's own. Returns the one that was, null for the heap's own.
///
/// # Safety
/// - `stack` is null or a live one of the heap's.
pub unsafe fn switch(heap: *mut Heap, stack: *mut ScopeStack) -> *mut ScopeStack {
    promised!(stack.is_null() || is_stack(stack) && (*stack).heap == heap);
    let before = core::mem::replace(&mut (*heap).scopes.current, stack);
    if before != stack {
        next_mark(heap);
        publish(heap);
        observe::tell(heap, Notice::FlowTurned((&raw mut (*current(heap)).flow).cast()));
    }
    before
}

/// Leaves all scopes of a stack and ends it. False when it is in use: then nothing was done.
///
/// # Safety
/// - `stack` is live.
pub unsafe fn free_stack(stack: *mut ScopeStack) -> bool {
    promised!(is_stack(stack));
    let heap = (*stack).heap;
    let is_busy = (*stack).open.as_slice().iter().any(|open| open.is(State::BUSY));
    if (*heap).scopes.current == stack || is_busy {
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
    pool::give_slot(&raw mut RANGE.scope_stacks, stack);
}

/// A callback begins.
///
/// # Safety
/// - As [everywhere](crate).
#[inline(always)]
pub unsafe fn begin_callback(heap: *mut Heap) -> Border {
    Border(Now { last: (*heap).steps.last, current: (*heap).scopes.current })
}

/// A callback ends.
///
/// # Safety
/// - The border is that of the callback.
#[inline(always)]
pub unsafe fn end_callback(heap: *mut Heap, border: Border) {
    if (*heap).steps.last != border.0.last {
        put_right(heap, border.0);
    }
}

/// Undoes what a callback left behind, and says so.
#[cold]
#[inline(never)]
unsafe fn put_right(heap: *mut Heap, border: Now) {
    let began_with = border.current;
    // Another one may have been made in its slot since.
    let is_there = is_stack(began_with) && (*began_with).heap == heap && (*began_with).made <= border.last;
    let freed = !began_with.is_null() && !is_there;
    if (*heap).scopes.current != began_with || freed {
        // First: whoever reads the log may free a stack that is not the current one.
        switch(heap, if freed { ptr::null_mut() } else { began_with });
        report::log(
            Level::Warning,
            format_args!(
                "heap {}: a callback ended with another stack of scopes than it began with; {} is current again",
                CText((*heap).name()),
                if freed { "that was freed, and the heap's own" } else { "the former" }
            ),
        );
    }
    if freed {
        return;
    }
    let stack = or_own(heap, began_with);
    while let Some(open) = (*stack).top() {
        if open.mark <= border.last || open.is(State::BUSY) {
            return;
        }
        if !open.is(State::OVER) {
            say_left_open(&open);
            if find(heap, open.mark).is_none() {
                // Whoever reads the log left it, or freed its stack.
                return;
            }
        }
        close_innermost(heap, stack);
    }
}

/// Releases what all scopes keep: the heap is about to end. Host code that this runs may still enter scopes.
///
/// # Safety
/// - In no callback.
pub unsafe fn leave_all(heap: *mut Heap) {
    let own = &raw mut (*heap).scopes.own;
    let mut again = true;
    while core::mem::replace(&mut again, false) {
        let mut stack = own;
        while !stack.is_null() {
            if !(*stack).open.is_empty() {
                again = true;
                close_to(heap, stack, 0);
                if stack != own && !is_stack(stack) {
                    // Freed meanwhile, with its place in the list.
                    break;
                }
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
    (*heap).steps.stack = nobodys();
}
