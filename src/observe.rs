//! Who is told what the engine does.
//!
//! The core calls none of those who watch it by name: profiles, series, watches, leak hunts, plans. Whoever wants to
//! know takes a seat in the heap's table ([`Observers::sit`]), with his state, one function, and the notices that he
//! wants; the core tells the table ([`tell`]). A notice that nobody wants costs one test, on paths that are slow
//! already.
//!
//! Two things are too frequent for a walk over the table and have members of their own: the end of an object with
//! side entries ([`Observers::ended`], [`Observers::moved`]), and its last release where nothing else is to be done ([`Observers::last`]).
//! Making objects is turned around by the type itself: [`crate::types::Type::make`].
//!
//! Seats are told in their order. An observer may leave, and others may sit down, in the middle of a notice: each seat
//! is copied before its function is called, and nothing of the table is held across the call.

use crate::heap::Heap;
use crate::types::Type;
use core::ffi::{c_char, c_void};
use core::ptr;
use core::sync::atomic::Ordering;

/// A place in the table. Listed here so that no two observers take one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Seat {
    /// The watch on what a `traverse` forgets.
    Lint,
    /// The profile.
    Profile,
    /// Numbers over time.
    Series,
    /// What is written without a call.
    Plan,
    /// Limits.
    Watches,
    /// What is followed of references and expected deaths.
    Leaks,
    /// Rings as collections find them dead.
    Rings,
    /// What others see of the process.
    Block,
}

/// Seats there are.
const SEATS: usize = Seat::Block as usize + 1;

bitflags::bitflags! {
    /// The kinds of notices.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Wants: u16 {
        /// [`Notice::TypeMade`].
        const TYPE_MADE = 1;
        /// [`Notice::TypeEnded`].
        const TYPE_ENDED = 2;
        /// [`Notice::ScopeEntered`], [`Notice::ScopeLeft`], and the turns of flows. Scopes are entered and left inline as long as
        /// nobody wants these: who begins to, or ceases to, calls `life::scope::publish`.
        const SCOPES = 4;
        /// [`Notice::Verdict`].
        const VERDICT = 8;
        /// [`Notice::Collected`].
        const COLLECTED = 16;
        /// [`Notice::Attend`].
        const ATTEND = 32;
        /// [`Notice::Starved`].
        const STARVED = 64;
        /// [`Notice::Ending`].
        const ENDING = 128;
        /// [`Notice::Swept`].
        const SWEPT = 256;
        /// [`Notice::Gone`].
        const GONE = 512;
        /// [`Notice::Callback`].
        const CALLBACKS = 1024;
        /// [`Notice::Trimmed`].
        const TRIMMED = 2048;
        /// [`Notice::Paused`].
        const PAUSED = 4096;
    }
}

/// What has just happened, or is about to.
#[derive(Clone, Copy)]
pub enum Notice {
    /// A type was made.
    TypeMade(*mut Type),
    /// A type ends: its slot may become another one's.
    TypeEnded(*mut Type),
    /// A scope was entered: its mark, and its name or null.
    ScopeEntered(u64, *const c_char),
    /// A scope was left.
    ScopeLeft(Left),
    /// Another flow of control has its turn: what its stack of scopes keeps for observers.
    FlowTurned(*mut c_void),
    /// A flow's stack of scopes ends, all of which were left; it is not the current one.
    FlowEnds(*mut c_void),
    /// A collection has found something dead; nothing is released yet, working counts are those of the verdict.
    Verdict,
    /// A collection has ended.
    Collected(Collected),
    /// The heap's thread may run host code and write files, and somebody may have waited for that: at an allocation
    /// that goes the long way, after a collection, at a tick. Whether somebody asked: see [`attend`].
    Attend(bool),
    /// No memory is to be had for an object.
    Starved,
    /// The heap is about to end; everything is still there.
    Ending,
    /// The last collection of an ending heap is over. What lives now is there until the heap's callbacks are over, and is
    /// held, or not: `cycle::ending::is_held`.
    Swept,
    /// The heap ends: all that is kept for it goes, and every seat is empty afterwards.
    Gone,
    /// Something is about to run, or has run, in which objects may end: of which object, or null, and what.
    Callback(*mut c_void, Around),
    /// Pages that hold nothing go back to the system: the first one's number, and how many.
    Trimmed(usize, usize),
    /// A pause of the host's was entered in the books: `Heap::pauses`, `latest`.
    Paused,
}

/// A scope that was left.
#[derive(Clone, Copy)]
pub struct Left {
    /// Its mark.
    pub mark: u64,
    /// Its name, or null.
    pub name: *const c_char,
    /// What its stack keeps for observers.
    pub flow: *mut c_void,
    /// What it kept is released; else its block has ended, and what it keeps is still there.
    pub released: bool,
}

/// What a collection came to.
#[derive(Clone, Copy)]
pub struct Collected {
    /// Whether it was a full one.
    pub full: bool,
    /// Objects ended.
    pub reclaimed: u64,
    /// Nanoseconds of its pause.
    pub pause_ns: u64,
}

/// The moment of a [`Notice::Callback`]. Each of the first three has its [`Around::After`], in the order of a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Around {
    /// Before the `clear` of the object.
    Clear,
    /// Before its `destroy`.
    Destroy,
    /// Before something else: another callback, a collection, what the host lets the engine release.
    Aside,
    /// After one of these.
    After,
    /// An end was put off.
    PutOff,
}

impl Notice {
    #[inline(always)]
    const fn kind(&self) -> Wants {
        match self {
            Notice::TypeMade(_) => Wants::TYPE_MADE,
            Notice::TypeEnded(_) => Wants::TYPE_ENDED,
            Notice::ScopeEntered(..) | Notice::ScopeLeft(_) | Notice::FlowTurned(_) | Notice::FlowEnds(_) => {
                Wants::SCOPES
            }
            Notice::Verdict => Wants::VERDICT,
            Notice::Collected(_) => Wants::COLLECTED,
            Notice::Attend(_) => Wants::ATTEND,
            Notice::Starved => Wants::STARVED,
            Notice::Ending => Wants::ENDING,
            Notice::Swept => Wants::SWEPT,
            Notice::Gone => Wants::GONE,
            Notice::Callback(..) => Wants::CALLBACKS,
            Notice::Trimmed(..) => Wants::TRIMMED,
            Notice::Paused => Wants::PAUSED,
        }
    }
}

/// Hears notices.
pub type HearFn = unsafe fn(*mut Heap, Notice);
/// Told that an object with [`crate::header::Flags::SIDE`] ends, and what it kept elsewhere.
pub type EndedFn = unsafe fn(*mut Heap, *mut c_void, u64);
/// Told that an object with [`crate::header::Flags::SIDE`] has moved to a larger block: from where, and where it is.
pub type MovedFn = unsafe fn(*mut Heap, *mut c_void, *mut c_void);
/// Writes where a live object was made, and whether that is known.
pub type OriginFn = unsafe fn(*mut c_void, &mut core::fmt::Formatter<'_>) -> Result<bool, core::fmt::Error>;
/// Ends an object with [`crate::header::Flags::SIDE`] whose last reference went.
pub type LastFn = unsafe fn(*mut c_void);

#[derive(Clone, Copy)]
struct Taken {
    state: *mut c_void,
    hear: Option<HearFn>,
    wants: Wants,
}

/// The table of one heap. Zeroed memory is an empty one.
#[repr(C)]
pub struct Observers {
    /// What anybody wants.
    wants: Wants,
    /// See [`EndedFn`].
    pub ended: Option<EndedFn>,
    /// See [`MovedFn`].
    pub moved: Option<MovedFn>,
    /// See [`LastFn`].
    pub last: Option<LastFn>,
    /// See [`OriginFn`].
    pub origin: Option<OriginFn>,
    seats: [Taken; SEATS],
}

impl Observers {
    /// What an observer keeps for the heap; null: nobody sits there.
    #[inline(always)]
    pub fn state(&self, seat: Seat) -> *mut c_void {
        self.seats[seat as usize].state
    }

    /// Somebody sits down, or what he wants changes.
    pub fn sit(&mut self, seat: Seat, state: *mut c_void, hear: HearFn, wants: Wants) {
        self.seats[seat as usize] = Taken { state, hear: Some(hear), wants };
        self.unite();
    }

    /// Somebody leaves; gives what he kept.
    pub fn leave(&mut self, seat: Seat) -> *mut c_void {
        let empty = Taken { state: ptr::null_mut(), hear: None, wants: Wants::empty() };
        let left = core::mem::replace(&mut self.seats[seat as usize], empty);
        self.unite();
        left.state
    }

    /// Whether anybody wants notices of these kinds.
    #[inline(always)]
    pub fn want(&self, kinds: Wants) -> bool {
        self.wants.intersects(kinds)
    }

    fn unite(&mut self) {
        self.wants = self.seats.iter().fold(Wants::empty(), |all, seat| all | seat.wants);
    }
}

/// Tells everybody who wants to know.
///
/// # Safety
/// - No reference to the heap is held across this call, which may run host code where the notice says so.
#[inline(always)]
pub unsafe fn tell(heap: *mut Heap, notice: Notice) {
    if (*heap).observers.want(notice.kind()) {
        tell_all(heap, notice);
    }
}

/// The heap's thread may run host code and write files: serves those who asked for it by [`Heap::attention`], and lets
/// others look around.
///
/// # Safety
/// - As [`tell`].
pub unsafe fn attend(heap: *mut Heap) {
    // ORDER: acquires what `Heap::signalled` released: that a dump is due.
    let asked = (*heap).attention.swap(false, Ordering::Acquire);
    tell(heap, Notice::Attend(asked));
}

#[cold]
#[inline(never)]
unsafe fn tell_all(heap: *mut Heap, notice: Notice) {
    for seat in 0..SEATS {
        let taken = (&(*heap).observers.seats)[seat];
        if let Some(hear) = taken.hear.filter(|_| taken.wants.contains(notice.kind())) {
            hear(heap, notice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe fn nothing(_: *mut Heap, _: Notice) {}

    #[test]
    fn what_is_wanted_is_what_the_seats_want() {
        // SAFETY: zeroed memory is an empty table.
        let mut table: Observers = unsafe { core::mem::zeroed() };
        assert!(!table.want(Wants::all()));
        let mut state = 7u8;
        let state = &raw mut state as *mut c_void;
        table.sit(Seat::Plan, state, nothing, Wants::ENDING | Wants::STARVED);
        table.sit(Seat::Leaks, state, nothing, Wants::SWEPT);
        assert!(table.want(Wants::STARVED) && table.want(Wants::SWEPT) && !table.want(Wants::SCOPES));
        assert_eq!(table.state(Seat::Plan), state);
        assert_eq!(table.leave(Seat::Plan), state);
        assert!(!table.want(Wants::STARVED) && table.want(Wants::SWEPT));
        assert!(table.state(Seat::Plan).is_null());
    }
}
