//! A full collection in slices, with the host running in between and no write barrier: judged optimistically, confirmed
//! exactly.
//!
//! | file | subject |
//! |---|---|
//! | this | one run from its beginning to the books; what else may happen in the middle of it |
//! | `budget` | how long a slice goes on |
//! | `words` | the table of a run, which judging writes to instead of to objects |
//! | `judge` | count, subtract, mark, in sweeps that stop anywhere |
//! | `components` | what is suspected, by strongly connected components |
//! | `pieces` | each of them from its verdict to its last block |
//! | `confirm` | the exact verdict over one |
//! | `auto` | slices without a call |
//! | `idle` | what is done while the host has nothing to do |
//!
//! **Why it is right.** What is dead nobody can touch: its counts and edges are the same whenever they are read. So whatever
//! was dead when the run began is found by counts and edges that were read at different times. What lives may look dead,
//! because a reference moved from what had been read to what had not. So what the sweeps leave is only *suspected*, and
//! nothing comes of it but that it is looked at again: twice at most by the same sweeps, over the suspects alone; then by
//! the verdict over one strongly connected component at a time, in one go, while the host stands still: count less edges from
//! inside. A component that nothing refers to is dead then, whatever was read before; one that is alive has a reference left.
//! Components come in an order in which those that refer to others are first, and each is ended before the next is
//! judged, so that what it held has lost its references by then.
//!
//! - What is born in the run lives in it. What dies by count in it loses its word where its block becomes free.
//! - Components that are no components, because what lives was suspected and changed, cost time, and decide nothing.
//! - Suspected by mistake may be all of the heap. So the size of a component, not of the garbage, is what bounds the one
//!   pause that cannot be sliced; the policy says what becomes of components that are too large for the budget.
//!
//! **What is not found** in a run that was begun before it died; what the host made immortal, froze or untracked; what was
//! suspected and revived by a weak handle; what a callback stored in garbage whose component is still to come; what garbage held
//! that another collection ended between count and subtract. The next run finds it. A ring across a component that was held
//! back waits with it. `tests/model` shows that there is nothing else, and what each rule here is for.
//!
//! **One object's edges** are followed in one go, and so is what `traverse` reports.
//!
//! **In the middle of a run** the heap's phase is `Idle` between slices, and everything may happen:
//!
//! | what | the run |
//! |---|---|
//! | young collections, looks, `gc_run_finalizers` | goes on; a piece that was confirmed dead is ended first |
//! | a full collection, `gc_freeze`, the end of the heap | is given up; a piece that was confirmed dead is ended first |
//! | `gc_untrack`, `rc_immortalize`, a new length | goes on; the object is asked again when its component is confirmed |
//! | inspection, dumps | goes on; what was confirmed dead is passed over |
//! | a fork | goes on in both: its memory is private |
//! | out of memory in a slice | is given up, with a status; what was confirmed dead is ended |
//! | out of memory in an allocation | is given up: the emergency collection is a full one, and the run's tables go back first |
//!
//! No object becomes old by a run: young collections go on where they were.

pub mod auto;
pub mod budget;
mod components;
mod confirm;
pub mod idle;
mod judge;
mod pieces;
pub mod words;

use super::events::{self, Event, Reason};
use super::pace::Starved;
use super::pauses;
use super::slices;
use super::stats::{Outcome, Status};
use super::Kind;
use crate::base::promised;
use crate::base::report::{self, CText, Level};
use crate::check;
use crate::heap::phase::{self, InPhase};
use crate::heap::{Heap, Phase};
use crate::host;
use crate::life::death::{self, Queue};
use crate::life::debt;
use crate::life::weak::Pending;
use crate::life::weakmap::Detached;
use crate::memory::page;
use crate::memory::range;
use crate::memory::segment::SEGMENT_BYTES;
use crate::observe::{self, Around, Collected, Notice};
use crate::sys::{self, errno};
use budget::Budget;
use components::Search;
use core::ptr;
use judge::{Cursor, Waiting};
use pieces::{Piece, Step};
use words::Words;

/// Where a run is; the numbers of `GC_SLICE_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Stage {
    /// No run is under way.
    None = 0,
    /// Working count := count.
    Count = 1,
    /// One less for each edge.
    Subtract = 2,
    /// What is held, and all that it reaches, lives.
    Mark = 3,
    /// Suspects by components.
    Components = 4,
    /// Each component is confirmed and ended.
    Pieces = 5,
    /// All that is left is what may be confirmed only while the host is idle.
    Waiting = 6,
    /// Tables go back.
    Closing = 7,
}

/// What may be done about a piece that is too large for the budget; the numbers of `GC_PIECES_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Pieces {
    /// It is confirmed in one go, by the slice after the one that told of it.
    Allowed = 0,
    /// Only by `gc_idle`, with time for it.
    Idle = 1,
    /// Never.
    Never = 2,
}

/// Pieces that were held back.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Held {
    /// How many.
    pub pieces: u64,
    /// Their objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Held {
    fn add(&mut self, objects: u64, bytes: u64) {
        self.pieces += 1;
        self.objects += objects;
        self.bytes += bytes;
    }
}

/// The sliced runs of one heap. Zeroed memory: there was none.
#[repr(C)]
pub struct Sliced {
    /// The run under way; null: none.
    run: *mut Run,
    /// The policy: most units of work of a slice; 0: any.
    pub limit: u64,
    /// The policy: [`Pieces`].
    pub pieces: u32,
    /// Slices without a call.
    pub auto: auto::Auto,
    /// Objects made when the last full collection began.
    pub made: u64,
    /// Slices that there were.
    pub slices: u64,
    /// Of the last run that ended: what it held back.
    pub held: Held,
}

/// One run. It does not move: weak callbacks that are due hang in it.
pub struct Run {
    heap: *mut Heap,
    words: Words,
    /// Behind the last address that takes part.
    end: usize,
    stage: Stage,
    reason: Reason,
    cursor: Cursor,
    /// How often the sweeps were begun anew.
    round: u32,
    /// The host was there since the counts of this round were taken.
    interrupted: bool,
    /// Objects counted in this round.
    set: u64,
    /// Of these, found alive.
    marked: u64,
    /// The worklist was too short.
    again: bool,
    /// There are weak maps.
    ephemerons: bool,
    waiting: Waiting,
    search: Search,
    /// Pieces end here in `Search::order`, those that are still to come.
    next: usize,
    piece: Piece,
    /// Pieces from here down are to be looked at again in idle time; 0: none.
    put_off: usize,
    /// The host was told of the piece that ends here.
    announced: usize,
    /// Pages below this number have left the run.
    closed: usize,
    /// Marking in a verdict had memory.
    confirm_room: bool,
    pieces: Pieces,
    held: Held,
    /// What died by count in consequence.
    queue: Queue,
    /// Entries of weak maps whose keys are past step 3.
    detached: Detached,
    /// Weak callbacks of the piece that are due.
    pending: Pending,
    examined: u64,
    reclaimed: u64,
    resurrected: u64,
    anomalies: u64,
    /// Bytes in use when it began.
    began_bytes: u64,
    /// Bytes of what it has ended.
    freed_bytes: u64,
    /// Units of work done.
    work: u64,
    /// Nanoseconds of all slices.
    spent_ns: u64,
    /// Of the longest.
    longest_ns: u64,
}

/// What a slice came to.
#[derive(Clone, Copy)]
pub struct Progress {
    /// How it went.
    pub status: Status,
    /// Where the run is; [`Stage::None`] when it has ended.
    pub stage: Stage,
    /// Units of work done.
    pub work: u64,
    /// Objects looked at by the run so far.
    pub examined: u64,
    /// Objects ended by the run so far.
    pub reclaimed: u64,
    /// Objects brought back in the run so far.
    pub resurrected: u64,
    /// The piece that the next slice will confirm in one go, though it is too large; its objects and bytes.
    pub next_objects: u64,
    /// As `next_objects`.
    pub next_bytes: u64,
    /// What the run has held back so far.
    pub held: Held,
    /// Nanoseconds of this slice.
    pub duration_ns: u64,
}

impl Progress {
    fn none(status: Status) -> Progress {
        Progress {
            status,
            stage: Stage::None,
            work: 0,
            examined: 0,
            reclaimed: 0,
            resurrected: 0,
            next_objects: 0,
            next_bytes: 0,
            held: Held::default(),
            duration_ns: 0,
        }
    }
}

/// Whether a run is under way.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn is_under_way(heap: *const Heap) -> bool {
    !(*heap).sliced.run.is_null()
}

/// Where the run is.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn stage(heap: *const Heap) -> Stage {
    match (*heap).sliced.run.is_null() {
        true => Stage::None,
        false => (*(*heap).sliced.run).stage,
    }
}

/// Begins a run if none is under way, and does nothing else. How that went.
///
/// # Safety
/// - As [`slice`].
pub unsafe fn start(heap: *mut Heap) -> Status {
    start_for(heap, Reason::Request)
}

/// As [`start`].
///
/// # Safety
/// - As [`slice`].
unsafe fn start_for(heap: *mut Heap, reason: Reason) -> Status {
    if !(*heap).is_idle() {
        return refused(heap);
    }
    give_up_waiting(heap);
    if is_under_way(heap) {
        return Status::Ok;
    }
    in_phase(heap, |heap| begin(heap, reason))
}

/// What waits for idle time alone is looked for anew by a run that begins.
unsafe fn give_up_waiting(heap: *mut Heap) {
    if stage(heap) == Stage::Waiting {
        give_up(heap);
    }
}

/// Units of work that the run under way has done.
///
/// # Safety
/// - As [everywhere](crate).
unsafe fn work(heap: *const Heap) -> u64 {
    match (*heap).sliced.run.is_null() {
        true => 0,
        false => (*(*heap).sliced.run).work,
    }
}

/// Goes on with the run under way, or begins one, until the budget is over or the run has ended.
///
/// # Safety
/// - Every tracked object is walkable.
pub unsafe fn slice(heap: *mut Heap, reason: Reason, budget: &mut Budget) -> Progress {
    if !(*heap).is_idle() {
        return Progress::none(refused(heap));
    }
    if !budget.is_idle_for(0) {
        give_up_waiting(heap);
    }
    in_phase(heap, |heap| {
        let start = sys::now_ns();
        if !is_under_way(heap) {
            let status = begin(heap, reason);
            if status != Status::Ok {
                return Progress::none(status);
            }
        }
        let run = (*heap).sliced.run;
        (*run).resume();
        let status = go_on(run, budget);
        let ns = sys::now_ns().saturating_sub(start);
        (*heap).sliced.slices += 1;
        (*run).work += budget.work;
        (*run).spent_ns += ns;
        (*run).longest_ns = (*run).longest_ns.max(ns);
        let mut progress = Progress { status, work: budget.work, duration_ns: ns, ..(*run).progress() };
        (*heap).full.note_pause(ns);
        pauses::record(heap, (*run).stage.into(), (*run).reason as u32, budget.work, ns);
        let ended = (*run).stage == Stage::None;
        if ended || status != Status::Ok {
            let status = finish(run, status);
            progress.status = status;
            progress.stage = Stage::None;
        }
        progress
    })
}

/// Where none may run: entered in the books.
#[cold]
unsafe fn refused(heap: *mut Heap) -> Status {
    (*heap).full.refused += 1;
    Status::Refused
}

/// Runs a part of a run as a collection.
unsafe fn in_phase<R>(heap: *mut Heap, part: impl FnOnce(*mut Heap) -> R) -> R {
    // A `traverse` may change it, once an object.
    let _errno = errno::keep();
    let outer = host::enter_nest(heap);
    host::around(heap, ptr::null_mut(), Around::Aside);
    let releasing = InPhase::begin(heap, Phase::Releasing);
    let result = part(heap);
    host::around(heap, ptr::null_mut(), Around::After);
    drop(releasing);
    check::validate(heap);
    if (*heap).is_idle() {
        observe::attend(heap);
    }
    host::leave_nest(outer);
    death::end_deferred(heap);
    result
}

/// Makes a run, and tells listeners.
unsafe fn begin(heap: *mut Heap, reason: Reason) -> Status {
    promised!((*heap).sliced.run.is_null());
    let Some(run) = make(heap, reason) else {
        report::log(
            Level::Warning,
            format_args!("heap {}: a sliced collection was not begun: no memory", CText((*heap).name())),
        );
        (*heap).full.last_status = Status::NoMemory;
        return Status::NoMemory;
    };
    (*heap).sliced.run = run;
    (*heap).sliced.made = (*heap).made();
    // Only a full collection makes up for one that was refused.
    (*heap).pace.overdue = false;
    (*heap).pace.asked = false;
    events::notify(heap, &Event::start(Kind::Full, reason));
    Status::Ok
}

unsafe fn make(heap: *mut Heap, reason: Reason) -> Option<*mut Run> {
    let waiting = Waiting::new()?;
    let memory = sys::allocate(size_of::<Run>()) as *mut Run;
    if memory.is_null() {
        return None;
    }
    let Some(words) = Words::of(&mut (*heap).space) else {
        sys::free(memory as *mut u8);
        return None;
    };
    memory.write(Run {
        heap,
        words,
        end: range::objects() + (*heap).space.segment_high * SEGMENT_BYTES,
        stage: Stage::Count,
        reason,
        cursor: Cursor::default(),
        round: 0,
        interrupted: false,
        set: 0,
        marked: 0,
        again: false,
        ephemerons: false,
        waiting,
        search: Search::new(),
        next: 0,
        piece: Piece::NONE,
        put_off: 0,
        announced: 0,
        closed: 0,
        confirm_room: true,
        pieces: match (*heap).sliced.pieces {
            1 => Pieces::Idle,
            2 => Pieces::Never,
            _ => Pieces::Allowed,
        },
        held: Held::default(),
        queue: Queue::new(),
        detached: Detached::new(),
        pending: Pending::new(),
        examined: 0,
        reclaimed: 0,
        resurrected: 0,
        anomalies: 0,
        began_bytes: (*heap).bytes_in_use(),
        freed_bytes: 0,
        work: 0,
        spent_ns: 0,
        longest_ns: 0,
    });
    Some(memory)
}

impl Run {
    /// The host was there.
    fn resume(&mut self) {
        // Nothing was read before the first count.
        self.interrupted |= self.examined != 0 || self.round != 0;
        self.waiting.doubt();
        self.piece.resumed = true;
    }

    fn progress(&self) -> Progress {
        let next = self.piece.step == Step::Weigh && self.announced == self.piece.end && self.announced != 0;
        Progress {
            stage: self.stage,
            examined: self.examined,
            reclaimed: self.reclaimed,
            resurrected: self.resurrected,
            next_objects: if next { self.piece.objects } else { 0 },
            next_bytes: if next { self.piece.bytes } else { 0 },
            held: self.held,
            ..Progress::none(Status::Ok)
        }
    }
}

/// Goes on until the budget is over or the run has ended, which its stage says.
unsafe fn go_on(run: *mut Run, budget: &mut Budget) -> Status {
    let heap = (*run).heap;
    let mut may_resume = budget.is_idle_for(0);
    while pieces::drain(run, budget) && !budget.is_over() {
        match (*run).stage {
            Stage::None => break,
            // What is owed keeps what it refers to.
            Stage::Count if (*run).examined == 0 && (*heap).debt.objects != 0 => {
                debt::pay(heap);
                budget.spend(budget::LOOK_UNITS);
            }
            Stage::Count | Stage::Subtract | Stage::Mark => {
                phase::quietly(heap, || (*run).judge(budget));
            }
            Stage::Components => {
                if !phase::quietly(heap, || (*run).search(budget)) {
                    return Status::NoMemory;
                }
            }
            Stage::Pieces => pieces::go_on(run, budget),
            Stage::Waiting if core::mem::replace(&mut may_resume, false) => (*run).take_put_off(),
            Stage::Waiting => break,
            Stage::Closing => {
                if close(run, budget) {
                    (*run).stage = Stage::None;
                }
            }
        }
    }
    Status::Ok
}

/// Takes pages out of the run, then gives its tables back. Whether all is done.
unsafe fn close(run: *mut Run, budget: &mut Budget) -> bool {
    let space = &raw mut (*(*run).heap).space;
    loop {
        let page = (*space).page_at_or_after((*run).closed);
        if page.is_null() || (*page).start >= (*run).end {
            break;
        }
        (*run).closed = (*page).index() as usize + 1;
        page::leave_run(&mut *page);
        if !budget.spend(1) {
            return false;
        }
    }
    while !(*run).words.give_back() || !(*run).search.give_back() {
        if !budget.spend(budget::LOOK_UNITS) {
            return false;
        }
    }
    true
}

/// The run has ended, or is given up for want of memory: books, pace, listeners. How it went.
unsafe fn finish(run: *mut Run, status: Status) -> Status {
    let heap = (*run).heap;
    let gone = drop_tables(run);
    let status = match status {
        Status::Ok if gone.anomalies != 0 => Status::Traverse,
        status => status,
    };
    (*heap).sliced.held = gone.held;
    let outcome =
        Outcome { status, examined: gone.examined, reclaimed: gone.reclaimed, resurrected: gone.resurrected };
    if status == Status::NoMemory {
        report::log(
            Level::Warning,
            format_args!("heap {}: a sliced collection was given up: no memory", CText((*heap).name())),
        );
    } else {
        (*heap).recall_rations();
        let in_use = (*heap).bytes_in_use();
        let budget = (*heap).budget;
        // What was made in the run lives in it, and is not known to live.
        let base = slices::base_after(gone.began_bytes, gone.freed_bytes, in_use);
        (*heap).pace.ran(Kind::Full, base, budget, outcome.examined, outcome.reclaimed);
    }
    if outcome.reclaimed != 0 {
        (*heap).starved = Starved::default();
    }
    (*heap).renew_cap();
    (*heap).renew_budget(status == Status::NoMemory);
    (*heap).full.note_run(&outcome);
    tell_end(heap, &gone, status);
    status
}

/// What is left of a run whose tables are gone.
struct Gone {
    reason: Reason,
    held: Held,
    examined: u64,
    reclaimed: u64,
    resurrected: u64,
    anomalies: u64,
    began_bytes: u64,
    freed_bytes: u64,
    spent_ns: u64,
    longest_ns: u64,
}

/// Ends what was confirmed dead, and gives back what the run has, in one go.
unsafe fn drop_tables(run: *mut Run) -> Gone {
    let heap = (*run).heap;
    pieces::settle(run);
    close(run, &mut Budget::endless());
    (*heap).sliced.run = ptr::null_mut();
    (*heap).pace.slice_at = u64::MAX;
    (*heap).space.run_words = ptr::null_mut();
    let gone = Gone {
        reason: (*run).reason,
        held: (*run).held,
        examined: (*run).examined,
        reclaimed: (*run).reclaimed,
        resurrected: (*run).resurrected,
        anomalies: (*run).anomalies,
        began_bytes: (*run).began_bytes,
        freed_bytes: (*run).freed_bytes,
        spent_ns: (*run).spent_ns,
        longest_ns: (*run).longest_ns,
    };
    run.drop_in_place();
    sys::free(run as *mut u8);
    gone
}

unsafe fn tell_end(heap: *mut Heap, gone: &Gone, status: Status) {
    let stop = Event {
        kind: 2,
        status: status as u32,
        examined: gone.examined,
        reclaimed: gone.reclaimed,
        resurrected: gone.resurrected,
        duration_ns: gone.spent_ns,
        ..Event::start(Kind::Full, gone.reason)
    };
    events::notify(heap, &stop);
    let collected = Collected { full: true, reclaimed: gone.reclaimed, pause_ns: gone.longest_ns };
    observe::tell(heap, Notice::Collected(collected));
}

/// Something else judges in the heap, or ends what waits in it: what the run has confirmed dead is ended first, and the run
/// can go on afterwards.
///
/// # Safety
/// - The heap may begin a collection; every tracked object is walkable.
pub unsafe fn settle(heap: *mut Heap) {
    let run = (*heap).sliced.run;
    if !run.is_null() && ((*run).stage == Stage::Pieces || !(*run).queue.is_empty()) {
        in_phase(heap, |_| pieces::settle(run));
    }
}

/// Gives up the run under way, if one is: it moves no trigger and is not counted. What it has confirmed dead is ended.
///
/// # Safety
/// - As [`settle`]; or the heap ends.
#[inline(always)]
pub unsafe fn give_up(heap: *mut Heap) {
    if is_under_way(heap) {
        give_up_slowly(heap);
    }
}

#[cold]
#[inline(never)]
unsafe fn give_up_slowly(heap: *mut Heap) {
    in_phase(heap, |heap| {
        let gone = drop_tables((*heap).sliced.run);
        tell_end(heap, &gone, Status::Ok);
    });
}
