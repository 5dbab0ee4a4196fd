//! What queued finalizers were for, judged again: the verdict of `judge.rs` over a list instead of over pages.
//!
//! A collection that finds a member of its dead set due for a finalizer hands that to the queue (`finalizers.rs`), and
//! everything that it leads to lives on with it. Those that do carry the flag KEPT from then on. When the finalizers have
//! run, exactly these objects are judged again, in the order of `lifetime.md`: what was not brought back has ended when
//! `gc_run_finalizers` returns. It is no collection: no other garbage is looked for, nobody is told, and nothing becomes
//! old.
//!
//! **The list** is the first `count` of the queue, which run, and `kept`: what is KEPT and can be reached from them by way
//! of objects that are KEPT. It is made by [`hold`], before any callback runs, and each object in it is owned by one
//! reference, that of the queue or one that is added here: so a finalizer that cuts a ring neither makes a member die in the
//! middle nor hides one from the judgement.
//!
//! **Cost**: the objects of the list, and their edges. An object of the queue may refer to all the rest of the heap; that is
//! not KEPT, so one look at the header behind each such edge is all it takes. The flag may outlive its meaning, where the
//! host takes what waits apart before its finalizers run; then the list has an object more than it need have, which changes
//! no verdict.
//!
//! **Memory**: where the list cannot grow it stays as it is, which makes the verdict weaker and not wrong; where judging
//! has none, what nothing refers to ends by its count. Either way a full collection makes up for the rest.

use super::events::DEBUG_SAVEALL;
use super::judge::{self, Judge, NoMemory};
use super::working::{work, CLEAR};
use crate::base::list::List;
use crate::base::promised;
use crate::base::report::{self, CText, Level};
use crate::check;
use crate::cycle::stats::Status;
use crate::header::{self, Flags, IMMORTAL};
use crate::heap::phase::{self, InPhase};
use crate::heap::{Heap, Phase};
use crate::host;
use crate::life::block;
use crate::life::count;
use crate::life::death::{self, Queue};
use crate::life::weakmap::{self, Detached};
use crate::memory::range;
use crate::object;
use crate::object::edges;
use crate::observe::Around;
use crate::types::Type;
use core::ffi::c_void;
use core::ptr;

/// Lists what is KEPT with the first `count` objects of the queue, and holds it. False when the list has no room for all.
///
/// # Safety
/// - The heap is idle; every tracked object is walkable; `kept` is empty.
pub unsafe fn hold(heap: *mut Heap, count: usize) -> bool {
    promised!((*heap).phase() == Phase::Idle);
    promised!((*heap).finalizers.kept.is_empty());
    let due = |index| (*heap).finalizers.due.get(index).filter(|&obj| header::has_flags(obj, Flags::KEPT));
    // What died by its count alone leads to nothing that waits for it.
    if !(0..count).any(|index| due(index).is_some()) {
        return true;
    }
    let complete = phase::quietly(heap, || {
        let mut complete = true;
        for obj in (0..count).filter_map(due) {
            complete &= hold_targets(heap, obj);
        }
        let mut next = 0;
        while let Some(obj) = (*heap).finalizers.kept.get(next) {
            complete &= hold_targets(heap, obj);
            next += 1;
        }
        complete
    });
    if !complete {
        put_off(heap);
    }
    complete
}

/// Lists what an object of the list leads to. False for out of memory.
unsafe fn hold_targets(heap: *mut Heap, obj: *mut c_void) -> bool {
    let mut complete = true;
    let mut each = |word| {
        if let Some(target) = unlisted(heap, word) {
            // Cleared, which says that it is listed.
            if (*heap).finalizers.kept.push(target) {
                header::clear_flags(target, Flags::KEPT);
                count::incref(target);
            } else {
                complete = false;
            }
        }
    };
    edges::each_target(obj, object::type_of(obj), &mut each);
    if header::has_flags(obj, Flags::WEAK) {
        weakmap::each_of_key(obj, |entry| each(entry.value as usize));
    }
    complete
}

/// The object behind a word, if it is KEPT and not yet listed. What is due itself is in the queue, now or for the next
/// time.
unsafe fn unlisted(heap: *mut Heap, word: usize) -> Option<*mut c_void> {
    let obj = word as *mut c_void;
    let offset = range::committed_offset(word)?;
    if !ptr::eq((*range::page_at(offset)).space, &raw const (*heap).space) {
        return None;
    }
    let header = object::check(obj).ok()?;
    let member = judge::is_member(header) || weakmap::is_untracked_key(header, obj);
    (member && header.has(Flags::KEPT) && !header.has(Flags::DUE)).then_some(obj)
}

/// Ends the objects of the list that nothing outside it keeps alive, and lets go of the others. Returns how that went.
///
/// # Safety
/// - As [`hold`], which has made the list; each of the first `count` objects of the queue is null or owned by it.
pub unsafe fn judge(heap: *mut Heap, count: usize) -> Status {
    let verdict = phase::quietly(heap, || {
        let due = (*heap).finalizers.due.as_slice().get(..count).unwrap_or(&[]);
        let kept = (*heap).finalizers.kept.as_slice();
        let mut judge = Judge::of_list(heap, due.len() + kept.len())?;
        judge.run_list([due, kept])?;
        Ok::<Judge, NoMemory>(judge)
    });
    let mut queue = Queue::new();
    let status = match verdict {
        Err(NoMemory) => {
            put_off(heap);
            let_go_of_living(heap, count, &mut queue);
            death::end_all(&mut queue);
            Status::NoMemory
        }
        Ok(judge) => {
            let releasing = InPhase::begin(heap, Phase::Releasing);
            let_go_of_living(heap, count, &mut queue);
            let reclaimed = release_dead(heap, count, &mut queue);
            death::end_all(&mut queue);
            drop(releasing);
            let books = &mut (*heap).full;
            books.examined += judge.tracked();
            books.reclaimed += reclaimed;
            if judge.anomalies == 0 {
                Status::Ok
            } else {
                Status::Traverse
            }
        }
    };
    check::validate(heap);
    status
}

/// No memory: the next full collection finds what was not judged.
#[cold]
unsafe fn put_off(heap: *mut Heap) {
    (*heap).recall_rations();
    (*heap).budget = (*heap).pace.make_up((*heap).budget);
    report::log(
        Level::Warning,
        format_args!(
            "heap {}: no memory to judge after queued finalizers; what they left in rings waits for a collection",
            CText((*heap).name())
        ),
    );
}

/// What is not dead loses the reference of the list, and leaves it: it may die in the callbacks to come.
unsafe fn let_go_of_living(heap: *mut Heap, count: usize, queue: &mut Queue) {
    each(heap, count, &mut |list, index, obj| {
        if *work(obj) == CLEAR {
            (*list).set(index, ptr::null_mut());
            header::clear_flags(obj, Flags::KEPT);
            count::release_edge(obj, queue);
        }
    });
}

/// Steps 3 to 7 for all that is left in the list. Returns how many tracked objects ended, or were saved.
unsafe fn release_dead(heap: *mut Heap, count: usize, queue: &mut Queue) -> u64 {
    let mut detached = Detached::new();
    each(heap, count, &mut |_, _, obj| {
        header::change_flags(obj, Flags::KEPT, Flags::DYING);
        if header::has_flags(obj, Flags::WEAK) {
            (*heap).finalizers.pending.detach(heap, obj, &mut detached);
        }
    });
    detached.release(queue);
    if (*heap).debug & DEBUG_SAVEALL != 0 {
        if let Some(saved) = save_dead(heap, count, queue) {
            return saved;
        }
    }
    each(heap, count, &mut |_, _, obj| death::empty(obj, object::type_of(obj), queue));
    each(heap, count, &mut |_, _, obj| {
        let ty = object::type_of(obj);
        if let Some(destroy) = (*ty).destroy {
            host::call_of(heap, ty, destroy, obj, Around::Destroy);
            death::take_deferred(heap, queue);
        }
    });
    each(heap, count, &mut |_, _, obj| {
        if header::count_word(obj) != IMMORTAL {
            death::check_own(obj, object::type_of(obj));
        }
    });
    let mut ended = 0;
    each(heap, count, &mut |list, index, obj| {
        (*list).set(index, ptr::null_mut());
        ended += free_dead(obj, object::type_of(obj));
    });
    ended
}

/// Step 7. Returns 1 for a tracked object.
unsafe fn free_dead(obj: *mut c_void, ty: *mut Type) -> u64 {
    let tracked = header::has_flags(obj, Flags::TRACKED) as u64;
    if header::high_word(obj) & header::SIDE_FLAGS != 0 {
        // While its working count still says that it was found dead.
        block::drop_side_entries((*ty).heap, obj);
        header::clear_flags(obj, Flags::SIDE | Flags::WEAK);
    }
    *work(obj) = CLEAR;
    (*ty).reclaimed += tracked;
    block::free(obj, ty);
    tracked
}

/// Instead of steps 5 to 7, the garbage list gets the references. None when it cannot grow: then nothing was done.
unsafe fn save_dead(heap: *mut Heap, count: usize, queue: &mut Queue) -> Option<u64> {
    let mut dead = 0;
    each(heap, count, &mut |_, _, _| dead += 1);
    if !(*heap).garbage.reserve(dead) {
        super::release::no_memory_to_save(heap);
        return None;
    }
    let mut saved = 0;
    each(heap, count, &mut |list, index, obj| {
        (*list).set(index, ptr::null_mut());
        *work(obj) = CLEAR;
        saved += super::release::save(heap, obj, queue);
    });
    Some(saved)
}

/// Calls `each` with the objects of the list, and where they stand.
#[inline(never)]
unsafe fn each(
    heap: *mut Heap,
    count: usize,
    each: &mut dyn FnMut(*mut List<*mut c_void>, usize, *mut c_void),
) {
    for index in 0..count {
        // Callbacks may make the queue grow, so it is asked each time.
        match (*heap).finalizers.due.get(index) {
            Some(obj) if !obj.is_null() => each(&raw mut (*heap).finalizers.due, index, obj),
            _ => {}
        }
    }
    for index in 0..(*heap).finalizers.kept.len() {
        match (*heap).finalizers.kept.get(index) {
            Some(obj) if !obj.is_null() => each(&raw mut (*heap).finalizers.kept, index, obj),
            _ => {}
        }
    }
}
