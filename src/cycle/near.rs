//! Collections near a death: what the hints (`life/hints.rs`) reach is judged by itself, while it is warm and long before
//! the heap has grown enough for a full collection.
//!
//! The set is a list: some hints that are still there and all that they reach, breadth first, then the next hints, until it
//! has as many objects as a look may list. The last share may be cut off there; the hints behind it wait for the next look.
//! The set need not be whole. What is not listed is outside, as for any collection: its references hold. So a walk that is cut off finds
//! less and nothing wrong, and what it leaves is a full collection's.
//!
//! **Work** is bounded by what was allocated and by what died: one look in `Pace::near_interval` bytes, one object at most
//! for each [`BYTES_AN_OBJECT`] of them, [`EDGES_AN_OBJECT`] edges for each object, and the hints read. An object that has
//! more edges than the look may list objects, a table of the whole heap, is outside: what it refers to is held. Looks that find
//! little become rare (`pace.rs`), so a live hub that is let go of all the time costs a few bounded tries.
//!
//! Hints of types whose hints were found alive are left out of up to sixteen looks, as long as others are worth theirs
//! (`life/hints.rs`); what is missed by that is a full collection's, too.
//!
//! The judgement is that of `judge.rs`, and the end of the dead that of `release.rs`, over the list: the dead of one look
//! may lie on many pages, and a look that went through these would cost more than a full collection's share of them.
//! Where finalizers, weak handles or the garbage list are concerned it is done over the pages all the same, since there
//! the dead are judged again. No object becomes old by a look. Hosts are told of it as of a young collection, whose books
//! it enters.

use super::events::DEBUG_SAVEALL;
use super::judge::{Judge, NoMemory};
use super::pace;
use super::release::{self, Outgoing, Released};
use super::table::Table;
use super::working::{work, CLEAR};
use crate::base::list::List;
use crate::header::{self, Flags, IMMORTAL, LOCAL};
use crate::heap::Heap;
use crate::life::block;
use crate::life::death::{self, Queue};
use crate::life::hints::{Credit, Hint};
use crate::memory::range;
use crate::object;
use crate::types::TypeFlags;
use core::ffi::c_void;

/// Bytes allocated for each object that may be looked at.
const BYTES_AN_OBJECT: u64 = 16;
/// The least and the most objects of a look.
const OBJECTS: (u64, u64) = if cfg!(feature = "check") { (16, 4096) } else { (256, 64 << 10) };
/// Nanoseconds that an object of a look takes, about, with its end: where the policy has a pause budget.
const OBJECT_NS: u64 = 100;
/// Edges for each object that may be looked at, on average.
pub const EDGES_AN_OBJECT: usize = 16;

/// Judges what the hints reach: the dead have a working count afterwards, and pages under examination.
///
/// # Safety
/// - As [`Judge::run`]; rations and runs were recalled.
pub unsafe fn judge(heap: *mut Heap) -> Result<Judge, NoMemory> {
    let bound = ((*heap).pace.near_interval / BYTES_AN_OBJECT).clamp(OBJECTS.0, OBJECTS.1);
    let bound = match (*heap).sliced.auto.budget_ns {
        0 => bound,
        ns => bound.min((ns / OBJECT_NS).max(OBJECTS.0)),
    } as usize;
    let mut list = core::mem::take(&mut (*heap).hints.dead);
    let mut hints = core::mem::take(&mut (*heap).hints.list);
    (*heap).space.examine_nothing();
    let verdict = Judge::of_reach(heap, bound).map(|mut judge| {
        let read = judge.run_reach(&mut list, bound, hints.as_mut_slice());
        settle(heap, &judge, &hints.as_slice()[..read]);
        hints.remove_first(read);
        judge
    });
    (*heap).hints.looks += 1;
    // Of the dead from here on; nothing when judging had no memory.
    list.retain(|&obj| *work(obj) != CLEAR);
    (*heap).hints.dead = list;
    // Nothing was noted meanwhile, since nothing died.
    (*heap).pace.hinted = !hints.is_empty();
    (*heap).hints.list = hints;
    verdict
}

/// Takes a hint's flag off. Null if what was noted is not there any more, or if what let go of it is of a type whose hints
/// are left out of this look.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn take_hint(heap: *mut Heap, hint: Hint) -> *mut c_void {
    let obj = hint.object();
    if hint == Hint::NONE || !is_hinted(heap, obj) {
        return core::ptr::null_mut();
    }
    header::clear_flags(obj, Flags::HINT);
    let due = credit_of(heap, hint).is_none_or(|credit| (*credit).is_due((*heap).hints.looks));
    if due {
        obj
    } else {
        core::ptr::null_mut()
    }
}

/// What is known of the type of what let go of a hint; None where the type is not there any more.
unsafe fn credit_of(heap: *mut Heap, hint: Hint) -> Option<*mut Credit> {
    let ty = range::type_at(hint.by());
    let known = hint.by() != 0 && (*ty).is_live() && (*ty).heap == heap;
    known.then(|| &raw mut (*(*ty).rare()).hints)
}

/// The types of what let go of the judged hints learn from it, if the look found enough. Else no type is worse than the
/// others, and looks become rare as a whole (`pace.rs`).
unsafe fn settle(heap: *mut Heap, judge: &Judge, judged: &[Hint]) {
    if !pace::is_worth(judge.tracked(), judge.dead()) {
        return;
    }
    let look = (*heap).hints.looks;
    let dead = |hint: Hint| *work(hint.object()) != CLEAR;
    each_credit(heap, judged, |credit, hint| credit.add(dead(hint)));
    each_credit(heap, judged, |credit, _| credit.settle(look));
}

/// Calls `each` with the credit of every judged hint. Most come in runs of one type.
unsafe fn each_credit(heap: *mut Heap, judged: &[Hint], mut each: impl FnMut(&mut Credit, Hint)) {
    let mut last = (0, None);
    for &hint in judged.iter().filter(|&&hint| hint != Hint::NONE) {
        if hint.by() != last.0 {
            last = (hint.by(), credit_of(heap, hint));
        }
        if let Some(credit) = last.1 {
            each(&mut *credit, hint);
        }
    }
}

/// Ends the dead. Returns what became of them.
///
/// # Safety
/// - As [`release::release_dead`], for what [`judge`] found.
pub unsafe fn release(judge: &mut Judge) -> Released {
    let heap = judge.heap();
    let mut list = core::mem::take(&mut (*heap).hints.dead);
    let released = match over_pages(heap, &list) {
        true => release::release_dead(judge),
        false => {
            let mut queue = Queue::new();
            let reclaimed = release_listed(judge, &list, &mut queue);
            death::end_all(&mut queue);
            Released { reclaimed, resurrected: 0 }
        }
    };
    list.truncate(0);
    // Kept for the next look, unless a callback's collection has made one.
    if (*heap).hints.dead.room() == 0 {
        (*heap).hints.dead = list;
    } else {
        list.end();
    }
    released
}

/// Whether the dead may have to be judged again, or are kept.
unsafe fn over_pages(heap: *mut Heap, list: &List<*mut c_void>) -> bool {
    let concerned = |&obj: &*mut c_void| {
        header::high_word(obj) & Flags::WEAK.bits() != 0 || (*object::type_of(obj)).finalize.is_some()
    };
    (*heap).debug & DEBUG_SAVEALL != 0 || list.as_slice().iter().any(concerned)
}

/// Steps 3 to 7 for the list (`lifetime.md`). Returns how many objects it had.
unsafe fn release_listed(judge: &Judge, list: &List<*mut c_void>, queue: &mut Queue) -> u64 {
    let heap = judge.heap();
    let list = list.as_slice();
    if list.iter().all(|&obj| (*object::type_of(obj)).flags.contains(TypeFlags::PLAIN)) {
        let table = &Table::of_examined(heap);
        let mut outgoing = Outgoing::new();
        for &obj in list {
            outgoing.take_edges(obj, object::type_of(obj), table, queue);
        }
        outgoing.end(queue);
    } else {
        list.iter().for_each(|&obj| release::condemn_for_good(obj));
        list.iter().for_each(|&obj| death::empty(obj, object::type_of(obj), queue));
        list.iter().for_each(|&obj| release::destroy_one(heap, obj, object::type_of(obj), queue));
    }
    for &obj in list {
        let ty = object::type_of(obj);
        let high = header::high_word(obj);
        if high & Flags::CONDEMNED.bits() != 0 && header::count_word(obj) != IMMORTAL {
            death::check_own(obj, ty);
        }
        if high & header::SIDE_FLAGS != 0 {
            // While its working count still tells that it was found dead.
            block::drop_side_entries(heap, obj);
            header::clear_flags(obj, Flags::SIDE | Flags::WEAK);
        }
        *work(obj) = CLEAR;
        (*ty).reclaimed = (*ty).reclaimed.wrapping_add(1);
        block::free(obj, ty);
    }
    list.len() as u64
}

/// Forgets the hints: all is judged, or about to be.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn forget(heap: *mut Heap) {
    for place in 0..(*heap).hints.list.len() {
        if let Some(hint) = (*heap).hints.list.get(place) {
            take_hint(heap, hint);
        }
    }
    (*heap).hints.list.truncate(0);
    (*heap).pace.hinted = false;
}

/// Whether what was noted is there: the block may be free, or be of another object. One that is queued has a link where
/// its flag was.
unsafe fn is_hinted(heap: *mut Heap, obj: *mut c_void) -> bool {
    range::committed_offset(obj as usize).is_some()
        && (*range::segment_of(obj as usize)).owner() == (*heap).index
        && object::check(obj).is_ok_and(|header| header.count_word() >= LOCAL && header.has(Flags::HINT))
}
