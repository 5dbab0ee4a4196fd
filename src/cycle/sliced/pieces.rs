//! The second half of a run: what was suspected, piece by piece, from the verdict to the last block.
//!
//! A **piece** is a component of suspects, or several small ones that follow each other, and a range of `Search::order`. Each
//! goes through these steps; what is in one go is done without the host coming in between, at the cost of the piece:
//!
//! | step | in one go | what |
//! |---|---|---|
//! | [`Step::Weigh`] | | a large one: its bytes, for those who decide whether it may be confirmed |
//! | [`Step::Prepare`] | | each of its objects that is still there gets a word of `BASE` |
//! | [`Step::Confirm`] | yes | the exact verdict (`confirm.rs`); from here on nobody is given a dead one (see below) |
//! | [`Step::Finalize`] | | step 1 of `life/lifetime.md`; then the verdict once more, in one go |
//! | [`Step::Callbacks`] | | step 4; then, if any ran, the verdict once more, in one go |
//! | [`Step::Save`] | yes | under `GC_DEBUG_SAVEALL` |
//! | [`Step::Empty`], [`Step::Destroy`], [`Step::Free`] | | steps 5, 6 and 7 |
//! | [`Step::Release`], [`Step::Free`] | | instead, where all are plain and have no handles: edges that leave the piece, then blocks |
//!
//! **Between verdict and end.** The flag DYING is what keeps the host away: `rc_weak_get` finds no cell, or it finds none in
//! the first place; iteration, `rc_object_of` and inspection pass over what is dying. It is set in the same go as the verdict,
//! for all. While finalizers run the piece is only HELD: its handles work, it may be brought back, and it is judged again.
//!
//! **Callbacks in several slices.** The host may take one that is HELD by its handle: then the piece is judged again before the
//! next finalizer, and nothing is finalized that the host has. And it may hold what a weak callback has brought back: so the
//! piece is judged again before the host has its turn, which finds nothing DYING in its hands. Both not where the
//! piece is so large that it would be a good part of each slice.
//!
//! **What dies by count** in consequence waits in the run's queue, which is emptied, object by object, before the next piece
//! is looked at: so its count is what is left.

use super::budget::Budget;
use super::components;
use super::words::{BASE, CLEAR, DEAD, DONE};
use super::{Pieces, Run, Stage};
use crate::cycle::events::{self, DEBUG_COLLECTABLE, DEBUG_SAVEALL};
use crate::cycle::release;
use crate::cycle::working;
use crate::header::{self, Flags, IMMORTAL};
use crate::heap::phase;
use crate::host;
use crate::life::block;
use crate::life::count;
use crate::life::death;
use crate::memory::range;
use crate::object::{self, slots};
use crate::observe::{self, Notice, Wants};
use crate::sys;
use crate::types::TypeFlags;
use core::ffi::c_void;

/// Objects of small components that are confirmed together.
const TOGETHER: usize = if cfg!(feature = "check") { 8 } else { 256 };
/// Entries whose memory is fetched ahead of their turn.
const AHEAD: usize = 16;
/// What the verdict over an object costs, about, in nanoseconds.
const OBJECT_NS: u64 = 15;

/// See the file's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// There is no piece.
    None,
    /// See there.
    Weigh,
    /// See there.
    Prepare,
    /// See there.
    Confirm,
    /// See there.
    Finalize,
    /// See there.
    Callbacks,
    /// See there.
    Save,
    /// See there.
    Empty,
    /// See there.
    Destroy,
    /// See there.
    Release,
    /// See there.
    Free,
}

/// The piece that is being dealt with.
pub struct Piece {
    /// What is next.
    pub step: Step,
    /// Where it begins in `Search::order`.
    pub first: usize,
    /// And ends.
    pub end: usize,
    /// Where the step is.
    next: usize,
    /// Its objects, as far as they were counted.
    pub objects: u64,
    /// Their bytes, as far as they were.
    pub bytes: u64,
    /// A callback of the step has run.
    ran: bool,
    /// The host was there since the verdict.
    pub(super) resumed: bool,
    /// What [`counts`] was when the host had its turn, in [`Step::Finalize`].
    counts: u64,
}

impl Piece {
    /// None.
    pub const NONE: Piece = Piece {
        step: Step::None,
        first: 0,
        end: 0,
        next: 0,
        objects: 0,
        bytes: 0,
        ran: false,
        resumed: false,
        counts: 0,
    };

    fn go_to(&mut self, step: Step) {
        self.step = step;
        self.next = self.first;
        self.ran = false;
    }
}

/// Goes on with the pieces until the budget is over, or there are no more.
///
/// # Safety
/// - The heap's phase is `Releasing`, every tracked object is walkable.
pub(super) unsafe fn go_on(run: *mut Run, budget: &mut Budget) {
    while !budget.is_over() && (*run).stage == Stage::Pieces {
        if !drain(run, budget) {
            return;
        }
        match (*run).piece.step {
            Step::None => choose(&mut *run, budget),
            _ => step(run, budget),
        }
    }
}

/// Ends the piece that is being dealt with, whatever that takes.
///
/// # Safety
/// - As [`go_on`].
pub(super) unsafe fn settle(run: *mut Run) {
    let mut budget = Budget::endless();
    drain(run, &mut budget);
    loop {
        if matches!((*run).piece.step, Step::None | Step::Weigh | Step::Prepare | Step::Confirm) {
            return;
        }
        step(run, &mut budget);
        drain(run, &mut budget);
    }
}

/// Ends what has died by its count. False when the budget was over before.
pub(super) unsafe fn drain(run: *mut Run, budget: &mut Budget) -> bool {
    while !(*run).queue.is_empty() {
        (*run).freed_bytes += death::end_next((*run).heap, &mut (*run).queue);
        if !budget.spend(2) {
            return false;
        }
    }
    true
}

/// Chooses the next piece.
fn choose(run: &mut Run, budget: &Budget) {
    let end = run.next;
    let search = &run.search;
    let size_of =
        |end: usize| end.checked_sub(1).and_then(|last| components::objects_before(search.entry(last)));
    let Some(size) = size_of(end) else { return run.out_of_pieces() };
    let mut first = end - 1 - size;
    let mut objects = size;
    let most = TOGETHER.min(budget.limit as usize);
    while let Some(more) = size_of(first).filter(|more| objects + more <= most) {
        first -= 1 + more;
        objects += more;
    }
    run.next = first;
    run.piece = Piece { first, end, objects: objects as u64, ..Piece::NONE };
    let large = objects > TOGETHER && !budget.is_endless();
    run.piece.go_to(if large { Step::Weigh } else { Step::Prepare });
}

impl Run {
    /// All were dealt with, but for what was put off.
    fn out_of_pieces(&mut self) {
        self.stage = if self.put_off == 0 { Stage::Closing } else { Stage::Waiting };
    }

    /// Begins anew with what was put off.
    pub(super) fn take_put_off(&mut self) {
        self.next = core::mem::replace(&mut self.put_off, 0);
        self.held = Default::default();
        self.stage = Stage::Pieces;
    }

    /// The piece has been weighed: whether it may be confirmed now; if not, what becomes of it.
    fn decide(&mut self, budget: &mut Budget) {
        let Piece { objects, bytes, end, .. } = self.piece;
        let ns = objects.saturating_mul(OBJECT_NS);
        if budget.fits(ns, objects) || budget.is_idle_for(ns) {
            return self.piece.go_to(Step::Prepare);
        }
        match self.pieces {
            Pieces::Allowed if self.announced == end || budget.automatic => self.piece.go_to(Step::Prepare),
            Pieces::Allowed => {
                // The host hears of it before it happens.
                self.announced = end;
                self.piece.go_to(Step::Weigh);
                self.piece.next = end;
                budget.end();
            }
            policy => {
                self.held.add(objects, bytes);
                if policy == Pieces::Idle {
                    self.put_off = self.put_off.max(end);
                }
                self.piece.step = Step::None;
            }
        }
    }
}

/// The entries of a piece from the place where its step is on, until the budget is over. Whether all were seen.
unsafe fn each(
    run: *mut Run,
    budget: &mut Budget,
    mut each: impl FnMut(*mut Run, &mut Budget, usize, *mut c_void, *mut u32),
) -> bool {
    while (*run).piece.next < (*run).piece.end {
        let place = (*run).piece.next;
        (*run).piece.next = place + 1;
        let entry = (*run).search.entry(place);
        if let Some(word) = word_of(run, entry) {
            each(run, budget, place, entry as *mut c_void, word);
        }
        if !budget.spend(1) {
            return false;
        }
    }
    true
}

/// The word of an entry that is, or was, an object.
#[inline(always)]
pub(super) unsafe fn word_of(run: *const Run, entry: u64) -> Option<*mut u32> {
    if entry == 0 || components::objects_before(entry).is_some() {
        return None;
    }
    (*run).words.get(entry as usize)
}

/// Goes on with the step of the piece.
unsafe fn step(run: *mut Run, budget: &mut Budget) {
    match (*run).piece.step {
        Step::None => {}
        Step::Weigh => weigh(run, budget),
        Step::Prepare => prepare(run, budget),
        Step::Confirm => confirm(run, budget),
        Step::Finalize => finalize(run, budget),
        Step::Callbacks => run_callbacks(run, budget),
        Step::Save => save(run, budget),
        Step::Empty => {
            let empty = |run: *mut Run, budget: &mut Budget, _, obj, word: *mut u32| {
                if *word == DEAD {
                    let ty = object::type_of(obj);
                    death::empty(obj, ty, &mut (*run).queue);
                    if (*ty).clear.is_some() {
                        budget.spend_call();
                    }
                }
            };
            if each(run, budget, empty) {
                (*run).piece.go_to(Step::Destroy);
            }
        }
        Step::Destroy => {
            let destroy = |run: *mut Run, budget: &mut Budget, _, obj, word: *mut u32| {
                if *word == DEAD {
                    let ty = object::type_of(obj);
                    release::destroy_one((*run).heap, obj, ty, &mut (*run).queue);
                    if (*ty).destroy.is_some() {
                        budget.spend_call();
                    }
                }
            };
            if each(run, budget, destroy) {
                (*run).piece.go_to(Step::Free);
            }
        }
        Step::Release => {
            if each(run, budget, |run, _, _, obj, word| {
                if *word == DEAD {
                    release_outer_edges(run, obj);
                }
            }) {
                (*run).piece.go_to(Step::Free);
            }
        }
        Step::Free => {
            if each(run, budget, |run, _, _, obj, word| {
                if *word == DEAD {
                    free(run, obj);
                }
            }) {
                (*run).piece.step = Step::None;
            }
        }
    }
}

unsafe fn weigh(run: *mut Run, budget: &mut Budget) {
    let weighed = each(run, budget, |run, _, _, obj, word| {
        if *word == DONE {
            (*run).piece.bytes += (*range::page_of(obj as usize)).block_bytes() as u64;
        }
    });
    if weighed {
        (*run).decide(budget);
    }
}

unsafe fn prepare(run: *mut Run, budget: &mut Budget) {
    let prepared = each(run, budget, |run, _, place, _, word| {
        let ahead = (*run).search.entry(place + AHEAD);
        if let Some(word) = word_of(run, ahead) {
            sys::prefetch_for_write::<0>(word as usize);
            sys::prefetch_for_write::<0>((ahead as usize).wrapping_sub(header::HEADER_BYTES));
        }
        match *word {
            CLEAR => (*run).search.forget(place),
            _ => *word = BASE,
        }
    });
    if prepared {
        (*run).piece.go_to(Step::Confirm);
    }
}

/// In one go.
unsafe fn confirm(run: *mut Run, budget: &mut Budget) {
    let heap = (*run).heap;
    let looked_at = DEBUG_COLLECTABLE | DEBUG_SAVEALL;
    let plainly = (*heap).debug & looked_at == 0 && !(*heap).observers.want(Wants::VERDICT);
    let verdict = phase::quietly(heap, || (*run).confirm(false, plainly));
    (*run).piece.resumed = false;
    budget.spend(2 * (*run).piece.objects);
    if verdict.dead == 0 {
        (*run).piece.step = Step::None;
        return;
    }
    if (*heap).debug & DEBUG_COLLECTABLE != 0 {
        each_dead(run, |_, obj| events::log_object("collectable", obj));
    }
    if (*heap).observers.want(Wants::VERDICT) {
        tell_verdict(run);
    }
    let save = (*heap).debug & DEBUG_SAVEALL != 0;
    if !verdict.careful && !save {
        if !verdict.flagged {
            each_dead(run, |_, obj| header::set_flags(obj, Flags::DYING));
        }
        return (*run).piece.go_to(Step::Release);
    }
    let mut due = false;
    each_dead(run, |_, obj| {
        release::condemn_one(obj);
        due |= (*object::type_of(obj)).finalize.is_some() && !header::has_flags(obj, Flags::FINALIZED);
    });
    match due {
        true => {
            (*run).piece.go_to(Step::Finalize);
            (*run).piece.counts = counts(run);
        }
        false => detach(run),
    }
}

/// Those who watch what is found dead look at the working counts.
unsafe fn tell_verdict(run: *mut Run) {
    let heap = (*run).heap;
    each_dead(run, |_, obj| {
        range::examine(range::page_of(obj as usize));
        *working::work(obj) = working::ZERO;
    });
    observe::tell(heap, Notice::Verdict);
    each_dead(run, |_, obj| *working::work(obj) = working::CLEAR);
    (*heap).space.examine_nothing();
}

/// Calls `each` with the dead of the piece. Without looking at any clock: only for what is plain work.
unsafe fn each_dead(run: *mut Run, mut each: impl FnMut(*mut Run, *mut c_void)) {
    for place in (*run).piece.first..(*run).piece.end {
        let entry = (*run).search.entry(place);
        if word_of(run, entry).is_some_and(|word| *word == DEAD) {
            each(run, entry as *mut c_void);
        }
    }
}

/// Whether the piece may be judged again in the middle of a step: not where that would be a good part of each slice.
fn is_small(run: &Run, budget: &Budget) -> bool {
    let objects = run.piece.objects.saturating_mul(4);
    budget.fits(objects.saturating_mul(OBJECT_NS), objects)
}

/// A number that is another one when the host has been given one of the dead, or has released one.
unsafe fn counts(run: *mut Run) -> u64 {
    let mut sum = 0u64;
    each_dead(run, |_, obj| {
        let mixed = (obj as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        sum = sum.wrapping_add(mixed.wrapping_mul(header::count_word(obj) as u64));
    });
    sum
}

/// Step 1 of the end of an object, for all of the piece; then step 2.
unsafe fn finalize(run: *mut Run, budget: &mut Budget) {
    // What finalizers have stored waits for the last of them, the whole piece being through step 1 first. But the host may have
    // been given one by its handle, and does not expect it to be finalized. A queue takes all in, and none of them dies.
    let resumed = core::mem::replace(&mut (*run).piece.resumed, false);
    if resumed
        && !(*(*run).heap).finalizers.queued
        && is_small(&*run, budget)
        && (*run).piece.counts != counts(run)
    {
        judge_again(run, budget);
    }
    let done = each(run, budget, |run, budget, _, obj, word| {
        if *word == DEAD {
            let ran = release::finalize_one((*run).heap, obj, object::type_of(obj), &mut (*run).queue);
            (*run).piece.ran |= ran;
            if ran {
                budget.spend_call();
            }
        }
    });
    if !done {
        if is_small(&*run, budget) {
            (*run).piece.counts = counts(run);
        }
        return;
    }
    if (*run).piece.ran {
        judge_again(run, budget);
    }
    detach(run);
}

/// Step 2, in one go: what somebody has stored lives on.
unsafe fn judge_again(run: *mut Run, budget: &mut Budget) {
    let heap = (*run).heap;
    // What a callback has queued counts down first, as it would have if it had ended at once.
    phase::quietly(heap, || (*run).confirm(true, false));
    budget.spend(2 * (*run).piece.objects);
    let queued = (*heap).finalizers.queued;
    for place in (*run).piece.first..(*run).piece.end {
        let entry = (*run).search.entry(place);
        if word_of(run, entry).is_some_and(|word| *word == DONE) {
            let obj = entry as *mut c_void;
            if !header::has_flags(obj, Flags::CONDEMNED) {
                continue;
            }
            if queued {
                header::set_flags(obj, Flags::KEPT);
            }
            (*run).resurrected += header::has_flags(obj, Flags::TRACKED) as u64;
            (*run).search.forget(place);
            death::let_go(obj, &mut (*run).queue);
        }
    }
}

/// Step 3, in the same go as the verdict before it.
unsafe fn detach(run: *mut Run) {
    let heap = (*run).heap;
    let queued = (*heap).finalizers.queued;
    each_dead(run, |run, obj| {
        header::change_flags(obj, Flags::HELD, Flags::DYING);
        if header::has_flags(obj, Flags::WEAK) {
            let pending = if queued { &(*heap).finalizers.pending } else { &(*run).pending };
            pending.detach(heap, obj, &mut (*run).detached);
        }
    });
    (*run).piece.go_to(Step::Callbacks);
}

/// Step 4, and step 2 once more; then the values of entries whose keys are dying.
unsafe fn run_callbacks(run: *mut Run, budget: &mut Budget) {
    let heap = (*run).heap;
    while let Some((weak, callback, ctx)) = (*run).pending.pop() {
        host::call(heap, || callback(weak, ctx));
        death::take_deferred(heap, &mut (*run).queue);
        (*run).piece.ran = true;
        if !budget.spend_call() {
            // The host must not find that what it was given is dying.
            if is_small(&*run, budget) {
                judge_again(run, budget);
                (*run).piece.ran = false;
            }
            return;
        }
    }
    if (*run).piece.ran {
        judge_again(run, budget);
    }
    let Run { detached, queue, .. } = &mut *run;
    detached.release(queue);
    let save = (*heap).debug & DEBUG_SAVEALL != 0;
    (*run).piece.go_to(if save { Step::Save } else { Step::Empty });
}

/// Instead of steps 5 to 7, in one go.
unsafe fn save(run: *mut Run, budget: &mut Budget) {
    let heap = (*run).heap;
    let mut count = 0;
    each_dead(run, |_, _| count += 1);
    if !(*heap).garbage.reserve(count) {
        release::no_memory_to_save(heap);
        return (*run).piece.go_to(Step::Empty);
    }
    budget.spend(count as u64);
    each_dead(run, |run, obj| {
        if let Some(word) = (*run).words.get(obj as usize) {
            *word = CLEAR;
        }
        (*run).reclaimed += release::save(heap, obj, &mut (*run).queue);
    });
    (*run).piece.step = Step::None;
}

/// What a dead plain object refers to outside the piece loses that reference.
unsafe fn release_outer_edges(run: *mut Run, obj: *mut c_void) {
    let words = (*run).words;
    let queue = &mut (*run).queue;
    slots::each_edge(obj, object::type_of(obj), |word| {
        if word != 0 && words.value(word) != DEAD {
            count::release_edge(word as *mut c_void, queue);
        }
    });
}

/// Step 7.
unsafe fn free(run: *mut Run, obj: *mut c_void) {
    let ty = object::type_of(obj);
    if !(*ty).flags.contains(TypeFlags::PLAIN) || header::has_flags(obj, Flags::CONDEMNED) {
        // Where nothing was condemned, the references from inside the piece are left.
        if header::count_word(obj) != IMMORTAL {
            death::check_own(obj, ty);
        }
    }
    let tracked = header::has_flags(obj, Flags::TRACKED) as u64;
    if header::high_word(obj) & header::SIDE_FLAGS != 0 {
        block::drop_side_entries((*ty).heap, obj);
        header::clear_flags(obj, Flags::SIDE | Flags::WEAK);
    }
    (*ty).reclaimed += tracked;
    (*run).reclaimed += tracked;
    (*run).freed_bytes += (*range::page_of(obj as usize)).block_bytes() as u64;
    block::free(obj, ty);
}
