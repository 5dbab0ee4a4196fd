//! The collector. Start here.
//!
//! **The idea.** A count says how many references there are to an object, not where they are. So take the
//! counts of a set of objects, take off one for every edge from inside the set, and what is left are the
//! references from outside: the host's variables, objects that are not in the set. What has one left lives,
//! and so does all that it reaches. The rest is only kept by itself: it is dead. No root has to be known, no
//! stack read, and an object of which the collector knows too little is merely outside.
//!
//! | file | subject |
//! |---|---|
//! | this | one collection from request to books; who may ask for one, and when it is refused |
//! | `working` | the table of working counts, which judging writes to instead of to objects |
//! | `table` | from pointers to working counts |
//! | `judge` | the verdict: count, subtract, mark, in address order; an example in its head |
//! | `release` | the end of the dead, in the order of `lifetime.md` |
//! | `near` | collections near a death: what hints reach, and how much of it |
//! | `queued` | both for a list: what queued finalizers were for, when they have run |
//! | `sliced` | a full collection in slices, with the host running in between |
//! | `slices` | the pace of that: when a run begins, how long slices are, and what is allocated between them |
//! | `pace` | when automatic collections run, as inequalities |
//! | `pauses` | pauses that are worth remembering |
//! | `pressure` | what is given up where the system is short of memory |
//! | `ending` | the end of a heap, and of all that is left in it |
//! | `events` | who is told: callbacks, and the log under the debug flags |
//!
//! They are best read in this order; `memory/page.rs` says what a page is, and how old objects are told from
//! young ones in it.
//!
//! **One collection, step by step.**
//!
//! 1. The host asks ([`collect`]), or an allocation has spent its budget and something is due
//!    ([`budget_spent`], [`safepoint`]), or memory has run out ([`collect_in_emergency`]), or the heap ends
//!    ([`ending::end_heap`]). All come to `run`; where none may run it is refused, entered in the books, and made up
//!    for by a full one later.
//! 2. Listeners are told.
//! 3. `judge` reserves memory, so that it can still give up with everything as it was; puts pages under
//!    examination, all of them or those with young objects; lets [`Judge`] give each object of the set that
//!    is dead a working count in the table; then what was examined is old.
//! 4. `release::release_dead` ends what has a working count, but for what a callback brings back.
//! 5. `finish` enters the outcome in the books, sets the pace, gives the next budget and takes back the
//!    memory of the table.
//! 6. Listeners are told what it came to.
//!
//! **Phases** (`heap/phase.rs`). What runs in each, and where it goes from there:
//!
//! ```text
//!   Idle      the host's program; a collection may begin
//!    -> Releasing   step 2: listeners
//!    -> Judging     step 3: only `traverse`
//!    -> Releasing   steps 4 to 6: any callback, and no collection
//!    -> Idle        or Ending, when the heap ends
//! ```
//!
//! **Invariants** that hold in `Idle`, and which a change here must not break:
//! - all working counts of the heap are clear;
//! - an object is old if and only if it was alive when the last collection that examined its page began, those near a
//!   death left out;
//! - counts of living objects are exactly what hosts and slots hold: judging never writes them, and
//!   releasing writes only to the dead and to what they referred to.
//!
//! At the checking level `check.rs` validates the heap after steps 3 and 6.

pub mod ending;
pub mod events;
pub mod judge;
pub mod near;
pub mod pace;
pub mod pauses;
pub mod pressure;
pub mod queued;
pub mod release;
pub mod sliced;
pub mod slices;
pub mod stats;
pub mod table;
pub mod working;

use crate::base::promised;
use crate::base::report::{self, CText, Level};
use crate::check;
use crate::cycle::stats::{Outcome, Status};
use crate::header;
use crate::heap::phase::{self, InPhase};
use crate::heap::{Heap, Phase};
use crate::host;
use crate::life::count;
use crate::life::death;
use crate::life::debt;
use crate::life::finalizers;
use crate::life::foreign;
use crate::life::scope;
use crate::memory::page;
use crate::memory::page::PageFlags;
use crate::memory::pool;
use crate::observe::{self, Around, Collected, Notice};
use crate::sys::{self, errno};
use core::ptr;
use events::{Event, Reason};
use judge::Judge;
use pace::{Mode, Starved};
use release::Released;

/// Which objects a collection looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What was allocated since the last collection began.
    Young,
    /// What the hints reach: see `near.rs`.
    Near,
    /// All.
    Full,
}

/// Runs a collection, or refuses to. Returns how many tracked objects it ended, and how it went.
///
/// # Safety
/// - Every tracked object is walkable.
pub unsafe fn collect(heap: *mut Heap, kind: Kind) -> (u64, Status) {
    if !(*heap).is_idle() {
        (*heap).generation(kind).refused += 1;
        (*heap).recall_rations();
        (*heap).budget = (*heap).pace.make_up((*heap).budget);
        return (0, Status::Refused);
    }
    if kind == Kind::Full {
        // What is owed keeps what it refers to.
        debt::pay_all(heap);
    }
    let outcome = run(heap, kind, Reason::Request);
    (outcome.reclaimed, outcome.status)
}

/// As [`collect`] of everything; afterwards memory that holds no object goes back to the system, and tables shrink.
///
/// # Safety
/// - As [`collect`].
pub unsafe fn collect_and_trim(heap: *mut Heap) -> (u64, Status) {
    let result = collect(heap, Kind::Full);
    if (*heap).is_idle() {
        Heap::trim_idle(heap);
        trim_tables(heap);
    }
    result
}

/// Tables beside the objects shrink to what is in them.
///
/// # Safety
/// - The heap is [idle](Heap::is_idle).
pub unsafe fn trim_tables(heap: *mut Heap) {
    promised!((*heap).is_idle());
    (*heap).weak.trim();
    (*heap).external.trim();
    (*heap).garbage.trim();
    (*heap).hints.list.trim();
    scope::trim(heap);
    finalizers::trim(heap);
    pool::trim();
}

unsafe fn run(heap: *mut Heap, kind: Kind, reason: Reason) -> Outcome {
    match kind {
        Kind::Full => sliced::give_up(heap),
        _ => sliced::settle(heap),
    }
    // A `traverse` may change it, once an object.
    let _errno = errno::keep();
    let outer = host::enter_nest(heap);
    let outcome = run_in_nest(heap, kind, reason);
    host::leave_nest(outer);
    death::end_deferred(heap);
    outcome
}

unsafe fn run_in_nest(heap: *mut Heap, kind: Kind, reason: Reason) -> Outcome {
    host::around(heap, ptr::null_mut(), Around::Aside);
    let start = sys::now_ns();
    let ending = reason == Reason::HeapEnd;
    // Only a full collection makes up for one that was refused.
    (*heap).pace.overdue &= kind != Kind::Full;
    (*heap).pace.asked = false;
    let releasing = InPhase::begin(heap, Phase::Releasing);
    events::notify(heap, &Event::start(kind, reason));
    if ending {
        // Saved, they would be held.
        (*heap).debug &= !events::DEBUG_SAVEALL;
    }
    // A look costs as much as it lists, at the checking level too: there it asks what it lists.
    let wholly_checked = kind != Kind::Near || cfg!(feature = "check");
    let verdict = phase::quietly(heap, || {
        if wholly_checked && check::is_on(heap) && !ending {
            check::promises::ask(heap);
        }
        if kind == Kind::Full && (*heap).debug & events::DEBUG_SAVEALL == 0 {
            foreign::begin(heap);
        }
        judge(heap, kind)
    });
    if wholly_checked {
        check::validate(heap);
    }
    let outcome = match verdict {
        Err(judge::NoMemory) => {
            report::log(
                Level::Warning,
                format_args!(
                    "heap {}: a collection was given up: no memory for judging",
                    CText((*heap).name())
                ),
            );
            Outcome { status: Status::NoMemory, examined: 0, reclaimed: 0, resurrected: 0 }
        }
        Ok(mut judge) => {
            if (*heap).debug & events::DEBUG_COLLECTABLE != 0 {
                release::each_dead(heap, |obj, _| events::log_object("collectable", obj));
            }
            if judge.dead() != 0 {
                observe::tell(heap, Notice::Verdict);
            }
            let released = match kind {
                Kind::Near => near::release(&mut judge),
                _ if judge.dead() == 0 => Released::default(),
                _ => release::release_dead(&mut judge),
            };
            Outcome {
                status: if judge.anomalies == 0 { Status::Ok } else { Status::Traverse },
                examined: judge.tracked(),
                reclaimed: released.reclaimed,
                resurrected: released.resurrected,
            }
        }
    };
    foreign::end(heap);
    let pause = finish(heap, kind, start, &outcome);
    pauses::record(heap, kind.into(), reason as u32, outcome.examined, pause);
    let stop = Event {
        kind: 2,
        status: outcome.status as u32,
        examined: outcome.examined,
        reclaimed: outcome.reclaimed,
        resurrected: outcome.resurrected,
        duration_ns: pause,
        ..Event::start(kind, reason)
    };
    events::notify(heap, &stop);
    let collected = Collected { full: kind == Kind::Full, reclaimed: outcome.reclaimed, pause_ns: pause };
    observe::tell(heap, Notice::Collected(collected));
    host::around(heap, ptr::null_mut(), Around::After);
    drop(releasing);
    if wholly_checked {
        check::validate(heap);
    }
    observe::attend(heap);
    outcome
}

/// Puts pages under examination and judges them; afterwards what was examined is old, and the dead have a
/// working count.
unsafe fn judge(heap: *mut Heap, kind: Kind) -> Result<Judge, judge::NoMemory> {
    if kind == Kind::Near {
        (*heap).recall_runs();
        return near::judge(heap);
    }
    if kind == Kind::Full {
        near::forget(heap);
        (*heap).sliced.made = (*heap).made();
    }
    let mut judge = Judge::new(heap, kind == Kind::Young)?;
    // What is allocated afterwards is young again, and from pages that are listed as such.
    (*heap).recall_runs();
    (*heap).space.examine_pages(kind == Kind::Full);
    if let Err(no_memory) = judge.run() {
        // As if it had not begun: what was young is young.
        (*heap).space.each_aging_page(|page| (*heap).space.list_young(page));
        return Err(no_memory);
    }
    (*heap).space.each_aging_page(|page| page::age(&mut *page));
    Ok(judge)
}

/// The books, the pace and the budget. Returns the pause in nanoseconds.
unsafe fn finish(heap: *mut Heap, kind: Kind, start: u64, outcome: &Outcome) -> u64 {
    let heap = &mut *heap;
    if outcome.status != Status::NoMemory {
        let in_use = heap.bytes_in_use();
        heap.pace.ran(kind, in_use, heap.budget, outcome.examined, outcome.reclaimed);
    }
    if outcome.reclaimed != 0 {
        heap.starved = Starved::default();
    }
    if kind == Kind::Full {
        heap.space.give_back_working_counts();
        heap.renew_cap();
    }
    heap.renew_budget(outcome.status == Status::NoMemory);
    let pause = sys::now_ns() - start;
    heap.generation(kind).record(outcome, pause);
    pause
}

/// The budget is spent: does what is due, and gives a new one.
///
/// # Safety
/// - At an allocation.
#[cold]
#[inline(never)]
pub unsafe fn budget_spent(heap: *mut Heap) {
    // What types were granted and did not use has crossed nothing.
    (*heap).recall_rations();
    if (*heap).budget >= 0 {
        return;
    }
    if (*heap).debt.objects != 0 && (*heap).pace.mode == Mode::Allocation {
        debt::pay_for_allocation(heap);
    }
    match (*heap).pace.mode {
        Mode::Allocation if (*heap).enabled => run_due(heap),
        Mode::Safepoint => {
            (*heap).pace.asked = true;
            (*heap).renew_budget(true);
        }
        _ => (*heap).renew_budget(true),
    }
    observe::attend(heap);
}

/// Runs the collection that is due, if one is and may run.
unsafe fn run_due(heap: *mut Heap) {
    let due = match (*heap).pace.overdue {
        true => Some(Kind::Full),
        false => (*heap).pace.due((*heap).bytes_in_use(), (*heap).budget),
    };
    match due {
        // Collections that are due nest through the heaps in whose callbacks there are allocations.
        Some(Kind::Full) if (*heap).pace.sliced && (*heap).is_idle() && !host::is_deep(heap) => {
            if !sliced::auto::go_on(heap) {
                run(heap, Kind::Full, Reason::Trigger);
            }
        }
        Some(kind) if (*heap).is_idle() && !host::is_deep(heap) => {
            run(heap, kind, Reason::Trigger);
            // A look was in place of none of the others.
            let next = (*heap).pace.due((*heap).bytes_in_use(), (*heap).budget);
            if let Some(next) = next.filter(|&next| kind == Kind::Near && next != Kind::Near) {
                run(heap, next, Reason::Trigger);
            }
        }
        Some(_) => (*heap).renew_budget(true),
        None => (*heap).renew_budget(false),
    }
}

/// `gc_safepoint`: runs what is due.
///
/// # Safety
/// - Every tracked object is walkable.
pub unsafe fn safepoint(heap: *mut Heap) {
    if (*heap).debt.objects != 0 {
        debt::pay(heap);
    }
    let pace = &(*heap).pace;
    if (*heap).enabled && pace.mode != Mode::Never && (pace.asked || pace.overdue || (*heap).budget < 0) {
        (*heap).pace.asked = false;
        run_due(heap);
    }
}

/// No memory is to be had: a full collection, where the policy has collections at allocations and no
/// callback is running, and where it is worth its while (`pace.rs`). Whether it gained anything.
///
/// # Safety
/// - At an allocation.
pub unsafe fn collect_in_emergency(heap: *mut Heap) -> bool {
    let allowed =
        (*heap).enabled && (*heap).pace.mode == Mode::Allocation && (*heap).running_callbacks() == 0;
    if !allowed || !(*heap).is_idle() || host::is_deep(heap) {
        return false;
    }
    let allocated = (*heap).pace.allocated((*heap).budget);
    if !(*heap).starved.may_collect(allocated, (*heap).space.page_bytes) {
        return false;
    }
    let before = (*heap).bytes_in_use();
    debt::pay_all(heap);
    let outcome = run(heap, Kind::Full, Reason::Emergency);
    Heap::trim_all(heap);
    let gained = (*heap).bytes_in_use() < before;
    if !gained {
        (*heap).starved.note_fruitless(outcome.examined);
    }
    gained
}

/// Empties the garbage list and releases its references. What collections in the callbacks of these deaths save is in a new
/// list, and stays there.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn garbage_clear(heap: *mut Heap) {
    let mut garbage = core::mem::take(&mut (*heap).garbage);
    while let Some(obj) = garbage.pop() {
        count::decref(obj);
    }
    garbage.end();
}

/// Takes all present objects out of collections. False where that may not be done now.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn freeze(heap: *mut Heap) -> bool {
    if (*heap).phase() != Phase::Idle {
        return false;
    }
    sliced::give_up(heap);
    (*heap).recall_runs();
    // Nothing is young afterwards but what is made then.
    (*heap).space.examine_pages(true);
    (*heap).space.each_page(|page| page::freeze(&mut *page));
    true
}

/// Puts all frozen objects back. False where that may not be done now.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn unfreeze(heap: *mut Heap) -> bool {
    if (*heap).phase() != Phase::Idle {
        return false;
    }
    (*heap).space.each_page(|page| (*page).flags.remove(PageFlags::FROZEN));
    true
}

/// Live objects that are frozen.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn count_frozen(heap: *mut Heap) -> u64 {
    let mut count = 0;
    (*heap).space.each_page(|page| {
        if (*page).flags.contains(PageFlags::FROZEN) {
            (*page).each_block(|obj| count += (!header::is_dead(obj) && page::is_frozen(obj)) as u64);
        }
    });
    count
}
