//! Scopes: references held for a stretch of the host's program, released last in first out.
//!
//! | file | subject |
//! |---|---|
//! | this | scopes entered and left, what they keep |
//! | `stacks` | a stack of scopes for each flow of control; the borders of callbacks |
//!
//! A [`ScopeStack`] has the references that its scopes keep and the scopes that are open, both in order. Scopes are
//! entered, left and given references on the heap's current stack. A mark names a scope by its heap and a serial number,
//! which no other scope of the heap has, whichever its stack; so a mark that was left before, or that belongs to another
//! heap or stack, is told from the innermost one.
//!
//! Leaving runs host code, which may enter scopes, keep references in the scope that is being left, ask for that one to
//! be left once more (refused: it is busy), and make stacks current; what it does not undo is undone at the
//! border of the callback.
//!
//! **Inline.** Hosts enter unnamed scopes, keep references in them and leave them without a call (`include/rcgc/steps.h`), as far as
//! that is the common case: there is room, the mark is the innermost scope's, its state is 0, and nobody watches. What they work on
//! is [`Steps`] of the heap and the first half of the current [`ScopeStack`]. Where nobody shall do anything inline, since
//! somebody watches, or there is no memory yet, [`publish`] shows them a stack that nothing fits on and no mark is on.

use crate::base::promised;
use crate::base::report::{self, CText, Level};
use crate::base::stack::{Below, Stack};
use crate::heap::Heap;
use crate::life::count;
use crate::observe::{self, Left, Notice, Wants};
use core::ffi::{c_char, c_void};
use core::fmt;
use core::ptr;

mod stacks;

pub use stacks::*;

/// Bits of a heap's number in a mark.
const HEAP_BITS: u32 = 16;

/// So many lines about scopes that are left out of order are logged one by one; then each further power of two.
const SAID_MAX: u64 = 16;

/// One open scope. Inline code knows the layout.
#[derive(Clone, Copy)]
#[repr(C)]
struct Open {
    mark: u64,
    /// References kept before it.
    start: usize,
    name: *const c_char,
    /// See [`State`]; 0: it may be left inline.
    state: State,
}

bitflags::bitflags! {
    /// What is true of an open scope.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct State: u64 {
        /// Its references are being released, maybe inline.
        const BUSY = 1;
        /// Its block has ended before those inside it: it is left together with them.
        const OVER = 2;
        /// The one around it is over: who leaves it has to look at that.
        const INSIDE_OVER = 4;
    }
}

impl Open {
    fn is(&self, state: State) -> bool {
        self.state.contains(state)
    }
}

/// What lies below the first. No mark is 0, and a scope that is busy is not left inline.
const NO_SCOPE: Open = Open { mark: 0, start: 0, name: ptr::null(), state: State::BUSY };

impl Below for Open {
    const BELOW: Option<Open> = Some(NO_SCOPE);
}

impl Below for *mut c_void {
    const BELOW: Option<*mut c_void> = None;
}

/// Why a scope was not left.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    /// The mark is of no open scope of the heap.
    NotOpen,
    /// Scopes that were entered after it are open: the names of both.
    NotInnermost(*const c_char, *const c_char),
    /// It is on another stack than the current one: its name.
    OtherStack(*const c_char),
    /// It, or one inside it, is being left or reset: its name.
    Busy(*const c_char),
    /// No memory.
    NoMemory,
}

impl Refused {
    /// Whether scopes of several flows of control seem to be on one stack.
    pub fn is_about_order(&self) -> bool {
        matches!(self, Refused::NotInnermost(..) | Refused::OtherStack(_))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refused::NotOpen => {
                out.write_str("the mark is of no open scope: left before, or of another heap")
            }
            Refused::NotInnermost(name, inner) => write!(
                out,
                "scope {} is not the innermost: {}, which was entered after it, is open",
                Name(name),
                Name(inner)
            ),
            Refused::OtherStack(name) => {
                write!(out, "scope {} is on a stack of scopes that is not the current one", Name(name))
            }
            Refused::Busy(name) => write!(out, "scope {} is being left or reset", Name(name)),
            Refused::NoMemory => out.write_str("no memory"),
        }
    }
}

/// A scope's name for messages; a null one too.
struct Name(*const c_char);

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_null() {
            true => out.write_str("(unnamed)"),
            false => CText(self.0).fmt(out),
        }
    }
}

/// Opens a scope; 0 for out of memory.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn enter(heap: *mut Heap, name: *const c_char) -> u64 {
    let stack = current(heap);
    let mark = next_mark(heap);
    let open = Open { mark, start: (*stack).kept.len(), name, state: State::empty() };
    if !(*stack).open.push(open) {
        return 0;
    }
    publish(heap);
    observe::tell(heap, Notice::ScopeEntered(mark, name));
    mark
}

/// Closes the innermost scope, which has to be the mark's. With Err nothing was done.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn leave(heap: *mut Heap, mark: u64) -> Result<(), Refused> {
    let stack = current(heap);
    innermost(heap, mark)?;
    close_innermost(heap, stack);
    close_over(heap, stack);
    Ok(())
}

/// Closes the scope of the mark and all inside it. With Err nothing was done.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn unwind(heap: *mut Heap, mark: u64) -> Result<(), Refused> {
    let stack = current(heap);
    let Some(depth) = (*stack).depth_of(mark) else { return Err(why_not(heap, mark)) };
    let inner = (*stack).open.as_slice().get(depth..).unwrap_or(&[]);
    if let Some(busy) = inner.iter().find(|open| open.is(State::BUSY)) {
        return Err(Refused::Busy(busy.name));
    }
    close_to(heap, stack, depth);
    close_over(heap, stack);
    Ok(())
}

/// Releases what the innermost scope, which has to be the mark's, keeps; it stays open. With Err nothing was done.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn reset(heap: *mut Heap, mark: u64) -> Result<(), Refused> {
    let stack = current(heap);
    let open = innermost(heap, mark)?;
    let depth = (*stack).open.len();
    (*stack).set_busy(true);
    empty_to(stack, open.start);
    close_left_open(heap, stack, depth);
    (*stack).set_busy(false);
    Ok(())
}

/// As [`leave`]; a reference to `obj` becomes the scope's around, or the caller's if there is none. Mark 0: of a scope
/// that could not be entered.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn leave_with(heap: *mut Heap, mark: u64, obj: *mut c_void) -> Result<(), Refused> {
    let stack = current(heap);
    if mark != 0 {
        innermost(heap, mark)?;
    }
    if !(*stack).kept.reserve() {
        return Err(Refused::NoMemory);
    }
    count::incref(obj);
    if mark != 0 {
        leave(heap, mark)?;
    }
    if !(*stack).open.is_empty() {
        // There is room: leaving takes nothing away from it.
        let _ = (*stack).kept.push(obj);
    }
    Ok(())
}

/// The block of a scope ends, whatever else is open: it is left, or, when others were entered after it, ends with
/// those. The latter and every failure is said in the log.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn end_block(heap: *mut Heap, mark: u64) {
    let Err(why) = leave(heap, mark) else { return };
    let found = find(heap, mark).filter(|_| why.is_about_order());
    if found.is_none() {
        return say(heap, "the end of an RC_SCOPE", &why, "nothing was released");
    }
    say(heap, "the end of an RC_SCOPE", &why, "it is left with those inside it");
    // Whoever reads the log may have left it, or freed its stack.
    let Some((stack, depth)) = find(heap, mark) else { return };
    let Some(open) = (*stack).open.get(depth) else { return };
    // Its name may be gone when it is closed, so what is known by name ends now.
    tell_left(heap, stack, &open, false);
    if let Some(open) = (*stack).open.get_mut(depth) {
        (open.state, open.name) = (open.state | State::OVER, ptr::null());
    }
    if let Some(inside) = (*stack).open.get_mut(depth + 1) {
        inside.state |= State::INSIDE_OVER;
    }
    close_over(heap, stack);
}

/// Says in the log that scopes were not left as they were entered: the first times, then at each power of two.
///
/// # Safety
/// - As [everywhere](crate).
#[cold]
pub unsafe fn say(heap: *mut Heap, call: &str, why: &Refused, then: &str) {
    (*heap).scopes.said += 1;
    let said = (*heap).scopes.said;
    if said > SAID_MAX && !said.is_power_of_two() {
        return;
    }
    let advice = match why.is_about_order() {
        true => "; threads and coroutines that take turns need a stack of scopes each (rc_scope_stack_new)",
        false => "",
    };
    let name = CText((*heap).name());
    match said > SAID_MAX {
        true => report::log(
            Level::Error,
            format_args!("heap {name}: {call}: {why}; {then} (for the {said}th time in this heap){advice}"),
        ),
        false => report::log(Level::Error, format_args!("heap {name}: {call}: {why}; {then}{advice}")),
    }
}

/// The innermost scope of the current stack, if it is the mark's and not being left.
unsafe fn innermost(heap: *mut Heap, mark: u64) -> Result<Open, Refused> {
    match (*current(heap)).top().filter(|open| open.mark == mark) {
        Some(open) if open.is(State::BUSY) => Err(Refused::Busy(open.name)),
        Some(open) => Ok(open),
        None => Err(why_not(heap, mark)),
    }
}

/// Why the mark is not that of the innermost scope.
#[cold]
unsafe fn why_not(heap: *mut Heap, mark: u64) -> Refused {
    let Some((stack, depth)) = find(heap, mark) else { return Refused::NotOpen };
    let name_at = |depth| (*stack).open.get(depth).map_or(ptr::null(), |open| open.name);
    if stack != current(heap) {
        return Refused::OtherStack(name_at(depth));
    }
    Refused::NotInnermost(name_at(depth), name_at(depth + 1))
}

/// Releases what was kept last, down to `start`.
unsafe fn empty_to(stack: *mut ScopeStack, start: usize) {
    while (*stack).kept.len() > start {
        if let Some(obj) = (*stack).kept.pop() {
            count::decref(obj);
        }
    }
}

unsafe fn close_innermost(heap: *mut Heap, stack: *mut ScopeStack) {
    let Some(open) = (*stack).top() else { return };
    let depth = (*stack).open.len();
    (*stack).set_busy(true);
    // The scope stays open while it is emptied: what a death keeps meanwhile is released too.
    empty_to(stack, open.start);
    close_left_open(heap, stack, depth);
    let _ = (*stack).open.pop();
    if !open.is(State::OVER) {
        tell_left(heap, stack, &open, true);
    }
}

/// Closes what was entered above a depth while a scope was emptied, and not left: in callbacks of another heap's objects, whose
/// borders are not this heap's. What it kept is released already.
unsafe fn close_left_open(heap: *mut Heap, stack: *mut ScopeStack, depth: usize) {
    while (*stack).open.len() > depth {
        let Some(open) = (*stack).open.pop() else { return };
        if !open.is(State::OVER) {
            tell_left(heap, stack, &open, true);
            say_left_open(&open);
        }
    }
}

/// Says in the log that a scope was left open where that cannot be.
unsafe fn say_left_open(open: &Open) {
    report::log(
        Level::Warning,
        format_args!("scope {} was left open in a callback; it was closed there", Name(open.name)),
    );
}

/// Tells that a scope of a stack was left: see [`Left::released`].
unsafe fn tell_left(heap: *mut Heap, stack: *mut ScopeStack, open: &Open, released: bool) {
    let flow = (&raw mut (*stack).flow).cast();
    let left = Left { mark: open.mark, name: open.name, flow, released };
    observe::tell(heap, Notice::ScopeLeft(left));
}

/// Closes the innermost scopes down to a depth.
unsafe fn close_to(heap: *mut Heap, stack: *mut ScopeStack, depth: usize) {
    while (*stack).open.len() > depth {
        close_innermost(heap, stack);
    }
}

/// Closes those innermost scopes whose blocks have ended.
unsafe fn close_over(heap: *mut Heap, stack: *mut ScopeStack) {
    while (*stack).top().is_some_and(|open| open.is(State::OVER)) {
        close_innermost(heap, stack);
    }
}

/// Goes on with a scope that inline code has begun to leave, has released all that it kept, and found what it does not know: it is
/// not the innermost any more, or the one around it is over.
///
/// # Safety
/// - As [`leave`].
pub unsafe fn leave_rest(heap: *mut Heap, mark: u64) {
    if let Some((stack, depth)) = find(heap, mark) {
        close_left_open(heap, stack, depth + 1);
        close_innermost(heap, stack);
        close_over(heap, stack);
    }
}

/// Whether a scope is open on the current stack.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn is_open(heap: *mut Heap) -> bool {
    !(*current(heap)).open.is_empty()
}

/// Gives a reference to the innermost scope. False for out of memory: the reference is still the caller's.
///
/// # Safety
/// - A scope is open.
pub unsafe fn keep(heap: *mut Heap, obj: *mut c_void) -> bool {
    promised!(!(*current(heap)).open.is_empty());
    (*current(heap)).kept.push(obj)
}

/// Calls `each` with the name of the scope and the object, for every reference that a scope of the heap keeps, in the
/// order in which each stack was given them. The name is null when the scope has none, and for what no open scope keeps.
///
/// # Safety
/// - `each` leaves open what is open.
pub unsafe fn each_kept(heap: *mut Heap, mut each: impl FnMut(*const c_char, *mut c_void)) {
    each_stack(heap, |stack| {
        let (mut index, mut depth) = (0, 0);
        let mut name = ptr::null();
        // Looked up anew each time, since `each` may run host code, which may have scopes of its own.
        while let Some(obj) = (*stack).kept.get(index) {
            while let Some(open) = (*stack).open.get(depth).filter(|open| open.start <= index) {
                name = open.name;
                depth += 1;
            }
            each(name, obj);
            index += 1;
        }
    });
}
