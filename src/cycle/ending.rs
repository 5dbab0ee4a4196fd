//! The end of a heap: a last collection, the report of what is still held, and the last sweep, which ends all that is left as
//! one dead set, whoever refers to it.
//!
//! **What is held.** Immortal objects, and what only they keep alive, are not. They are not ended before the others,
//! though, but after them: callbacks of the last sweep may use them as ever. So what is held is judged without ending
//! anything (`judge/held.rs`), and everything that lives dies in the sweep.
//!
//! **The last sweep** runs callbacks, and these may do what they may do in any collection: make objects, store the dying in
//! them, make rings, handles, types, and keep any of it. What they make (what is *born*) has to end as well, and refers to
//! what is in the middle of its end. Hence:
//!
//! - What is born joins the dead set, as often as something is ([`Sweep::take`]). What dies by count meanwhile is freed as
//!   ever: nothing refers to it.
//! - Steps 1 to 4 of `life/lifetime.md` are done for all that is born in them before step 5 begins for anything: so the
//!   finalizer of a new object finds the dying one, which its maker stored there, intact, as it would if that lived on.
//! - What is born in steps 5 and 6 goes through all steps by itself, before anything is freed.
//! - What is not held goes through steps 5 and 6 when everything else has: what a class, or `nil`, refers to is there in every
//!   `clear` and `destroy` of others.
//! - Nothing of the set is freed before nothing is born any more: an empty object may still have references, of the host and
//!   of what is born, and these are counted down when their holders are emptied. Its own reference, the engine's, stays to
//!   the end; then all memory goes in one sweep.
//!
//! **It ends.** Callbacks that go on making objects are cut off, with a word in the log:
//!
//! - what is taken into the set after a thousand times, or after many more objects than there were, ends without its
//!   finalizer and weak callbacks;
//! - what dies by count is not taken, but where it is deeper than callbacks nest (`host.rs`) it is put off; after a great many
//!   times no finalizer and no weak callback of the heap runs any more.
//!
//! If `clear` and `destroy` go on in the same way, that is fatal: they free what the host has, so they cannot be left out.
//!
//! **Cost**: the objects there were, and for each taking the pages in which something was born. Pages that wait for steps 5
//! and 6 are set aside, so that step 4 is not done over all of them again.

use super::events;
use super::judge::Judge;
use super::release;
use super::sliced;
use super::table::Table;
use super::working::{self, work, CLEAR, ZERO};
use super::{garbage_clear, run, Kind, Reason};
use crate::base::promised;
use crate::base::report::{self, CText, Level};
use crate::header::{self, Flags, IMMORTAL, LOCAL};
use crate::heap::phase::{self, InPhase};
use crate::heap::{self, CutOff, Heap, Phase};
use crate::host;
use crate::life::block;
use crate::life::death::{self, Queue};
use crate::life::debt;
use crate::life::finalizers;
use crate::life::foreign;
use crate::life::scope;
use crate::life::weak::{self, Pending};
use crate::life::weakmap::Detached;
use crate::memory::page::{Page, PageFlags};
use crate::memory::range;
use crate::object;
use crate::observe::{self, Notice};
use crate::sys::errno;
use crate::types::{Found, Type, TypeFlags};
use core::ffi::c_void;

/// How often what was born is taken into the dead set before it is cut off.
const TAKES_MAX: u32 = 1000;
/// How many objects may be born, beside four for each that there was: one for each of its callbacks.
const BORN_MIN: u64 = if cfg!(feature = "check") { 1 << 12 } else { 1 << 18 };
/// How many deaths may be put off, beside two for each object that there was; four times as many when finalizers have been
/// cut off, since what is next is fatal.
const PUT_OFFS_MIN: u64 = if cfg!(feature = "check") { 1 << 14 } else { 1 << 20 };

/// Ends a heap: collects, reports what is still held, ends that too. Returns how many objects that were. When there are any,
/// `told` may say more of them while they are whole.
///
/// # Safety
/// - `heap` is live and idle, nobody else is in it, and nobody uses it or anything in it afterwards.
/// - `told` leaves the heap as it is.
pub unsafe fn end_heap(heap: *mut Heap, told: unsafe fn(*mut Heap)) -> u64 {
    promised!((*heap).is_live());
    promised!((*heap).is_idle());
    // A `traverse` may change it, as in a collection.
    let _errno = errno::keep();
    (*heap).put_offs_left = PUT_OFFS_MIN + (*heap).live_objects().saturating_mul(2);
    let mut waiting = Queue::new();
    death::take_own(heap, &mut waiting);
    let outer = host::enter_end();
    (*heap).set_release_budget(0);
    death::end_all(&mut waiting);
    debt::pay_all(heap);
    observe::tell(heap, Notice::Ending);
    (*heap).debug &= !events::DEBUG_SAVEALL;
    garbage_clear(heap);
    scope::leave_all(heap);
    finalizers::drain(heap);
    // What callbacks have frozen and saved meanwhile.
    (*heap).space.each_page(|page| (*page).flags.remove(PageFlags::FROZEN));
    garbage_clear(heap);
    InPhase::begin(heap, Phase::Ending).for_good();
    sliced::give_up(heap);
    let made = (*heap).made();
    run(heap, Kind::Full, Reason::HeapEnd);
    foreign::forget_all(heap);
    let held = report_held(heap, made);
    if held != 0 {
        told(heap);
    }
    if (*heap).live_objects() != 0 {
        sweep(heap);
    }
    if (*heap).debug & events::DEBUG_STATS != 0 {
        events::log_pauses(heap);
    }
    heap::end(heap);
    host::leave_nest(outer);
    held
}

/// Deaths of a heap's objects were put off as often as they may while it ends: its callbacks go on making objects.
///
/// # Safety
/// - As [everywhere](crate).
#[cold]
pub unsafe fn goes_on(heap: *mut Heap) {
    (*heap).put_offs_left = 4 * (PUT_OFFS_MIN + (*heap).live_objects());
    (*heap).cut_off = (*heap).cut_off.max(CutOff::OfTaken);
    cut_off(heap);
}

/// Callbacks go on making objects: cuts off more of them.
#[cold]
unsafe fn cut_off(heap: *mut Heap) {
    let name = CText((*heap).name());
    match (*heap).cut_off {
        CutOff::Nothing => (*heap).cut_off = CutOff::OfTaken,
        CutOff::OfTaken => {
            (*heap).cut_off = CutOff::OfAll;
            (*heap).each_type(|ty| (*ty).finalize = None);
            weak::forget_callbacks(heap);
        }
        CutOff::OfAll => report::fatal(format_args!(
            "gc_heap_free: heap {name} does not become empty: clear or destroy of its objects go on making objects"
        )),
    }
    report::log(
        Level::Warning,
        format_args!(
            "heap {name}: while it ends, its callbacks go on making objects; no finalizer and no weak callback of these runs any more"
        ),
    );
}

/// Whether an object is held when its heap ends: neither immortal nor kept by such alone.
///
/// # Safety
/// - `obj` is an object of a heap that tells [`Notice::Swept`].
pub unsafe fn is_held(obj: *mut c_void) -> bool {
    header::count_word(obj) & LOCAL != 0 && *work(obj) == CLEAR
}

/// Says what is held. Returns how many objects that are. So many were made before the collection: those that were made in it
/// may be garbage, as what immortal objects keep may not be held.
unsafe fn report_held(heap: *mut Heap, before: u64) -> u64 {
    if (*heap).made() != before || has_immortals(heap) {
        judge_held(heap);
    }
    observe::tell(heap, Notice::Swept);
    // The working counts stay: the sweep asks for what is held, too.
    if (*heap).live_objects() == 0 {
        return 0;
    }
    report_types(heap)
}

unsafe fn has_immortals(heap: *mut Heap) -> bool {
    let mut found = false;
    (*heap).space.each_page(|page| {
        if !found {
            (*page).each_block(|obj| found |= header::count_word(obj) == IMMORTAL);
        }
    });
    found
}

/// Gives what is not held a working count. Where there is no memory for that, all that is not immortal counts as held.
unsafe fn judge_held(heap: *mut Heap) {
    phase::quietly(heap, || {
        if let Ok(mut judge) = Judge::of_ending(heap) {
            (*heap).recall_runs();
            (*heap).space.examine_pages(true);
            // Without memory for large counts it has cleared what it wrote.
            let _ = judge.run();
        }
    });
}

unsafe fn report_types(heap: *mut Heap) -> u64 {
    (*heap).each_type(|ty| (*(*ty).rare()).found = Found::default());
    (*heap).space.each_page(|page| {
        (*page).each_block(|obj| {
            if !header::is_dead(obj) && !is_held(obj) {
                let ty = object::type_of(obj);
                (*(*ty).rare()).found.add((*page).block_bytes() as u64);
            }
        });
    });
    let mut held = 0;
    (*heap).each_type(|ty| {
        let ty: &Type = &*ty;
        let found = (*ty.rare()).found;
        let live = ty.live() - found.objects;
        if live != 0 {
            held += live;
            report::log(
                Level::Warning,
                format_args!(
                    "heap {} freed with {live} {} still held ({} bytes)",
                    CText((*heap).name()),
                    ty.name(),
                    ty.live_bytes() - found.bytes
                ),
            );
        }
    });
    held
}

/// The working count of what is not held: it waits for all others.
const LAST: u16 = working::small(1);

/// The last sweep (see the file's head). Members of the dead set have a working count until they are through step 6: of
/// [`ZERO`], or [`LAST`].
struct Sweep {
    heap: *mut Heap,
    /// What died by count in consequence.
    queue: Queue,
    /// Entries of weak maps whose keys are past step 3.
    detached: Detached,
    /// How often something was taken since the beginning, or since finalizers were cut off.
    takes: u32,
    /// Objects born, as `takes`.
    born: u64,
    /// The most that may be.
    born_max: u64,
    /// There are members that wait for all others.
    waiting: bool,
}

/// Ends all objects of a heap.
unsafe fn sweep(heap: *mut Heap) {
    let outer = host::enter_nest(heap);
    let mut sweep = Sweep {
        heap,
        queue: Queue::new(),
        detached: Detached::new(),
        takes: 0,
        born: 0,
        born_max: u64::MAX,
        waiting: false,
    };
    let there = sweep.take(true);
    sweep.born_max = BORN_MIN + there.saturating_mul(4);
    let mut more = there != 0;
    while more || sweep.waiting {
        if more {
            sweep.finalize_and_detach();
            sweep.detached.release(&mut sweep.queue);
            examine_set_aside(heap);
            sweep.empty_and_destroy(ZERO);
        } else {
            sweep.waiting = false;
            (*heap).space.examine_pages(true);
            sweep.empty_and_destroy(LAST);
        }
        // What dies in consequence may refer to what is held, which is there until all is over.
        death::end_all(&mut sweep.queue);
        more = sweep.take(false) != 0;
    }
    // What a scope kept that was opened in a callback.
    scope::leave_all(heap);
    free_all(heap);
    host::leave_nest(outer);
    death::end_deferred(heap);
    if (*heap).live_objects() != 0 {
        report::fatal(format_args!(
            "gc_heap_free: heap {} does not become empty: it was freed in a callback of another heap while one of its objects waited there for its end",
            CText((*heap).name())
        ));
    }
}

impl Sweep {
    /// Takes what is not yet in the dead set into it: all, or what was born since the last time. Returns how many objects
    /// that were; their pages are the aging ones.
    unsafe fn take(&mut self, all: bool) -> u64 {
        let heap = self.heap;
        // What is allocated afterwards is from pages that are young again.
        (*heap).recall_runs();
        (*heap).space.examine_young_pages(all);
        let over = self.takes >= TAKES_MAX || self.born > self.born_max;
        let unheard = Pending::new();
        let quiet = (*heap).cut_off != CutOff::Nothing || over;
        let (detached, waiting) = (&mut self.detached, &mut self.waiting);
        let mut count = 0;
        (*heap).space.each_aging_page(|page| {
            (*page).each_block(|obj| {
                let header = header::load(obj);
                if !object::is_settled(header) || header.has(Flags::CONDEMNED) {
                    return;
                }
                let waits = all && !is_held(obj);
                *waiting |= waits;
                *work(obj) = if waits { LAST } else { ZERO };
                release::condemn_one(obj);
                count += 1;
                if quiet {
                    header::set_flags(obj, Flags::FINALIZED);
                    detach(heap, obj, &unheard, detached);
                }
            });
        });
        while unheard.pop().is_some() {}
        if count != 0 && over {
            cut_off(heap);
            (self.takes, self.born) = (0, 0);
        }
        if count != 0 && !all {
            self.takes += 1;
            self.born += count;
        }
        count
    }

    /// Steps 1 to 4 of what was taken, and of all that is born in them.
    unsafe fn finalize_and_detach(&mut self) {
        loop {
            self.finalize();
            if self.take(false) != 0 {
                continue;
            }
            let ran = self.detach_all();
            set_examined_aside(self.heap);
            if !ran || self.take(false) == 0 {
                return;
            }
        }
    }

    /// Step 1 of what was taken last.
    unsafe fn finalize(&mut self) {
        let (heap, queue) = (self.heap, &mut self.queue);
        each_new(heap, |obj, ty| {
            release::finalize_one(heap, obj, ty, queue);
        });
    }

    /// Steps 3 and 4 of what was examined since the last time. Whether any callback ran.
    unsafe fn detach_all(&mut self) -> bool {
        let heap = self.heap;
        let due = Pending::new();
        let detached = &mut self.detached;
        release::each_dead(heap, |obj, _| detach(heap, obj, &due, detached));
        death::run_weak_callbacks(heap, &due, &mut self.queue)
    }

    /// Steps 5 and 6 of the examined members with a working count, all of which are past step 4. Nothing is examined
    /// afterwards.
    unsafe fn empty_and_destroy(&mut self, count: u16) {
        let (heap, queue) = (self.heap, &mut self.queue);
        release::each_dead(heap, |obj, ty| {
            if *work(obj) == count {
                death::empty(obj, ty, queue);
            }
        });
        release::each_dead(heap, |obj, ty| {
            if *work(obj) == count {
                release::destroy_one(heap, obj, ty, queue);
                // What waits for step 7 is told by its flag.
                *work(obj) = CLEAR;
            }
        });
        (*heap).space.examine_nothing();
    }
}

/// Sets aside what is under examination.
unsafe fn set_examined_aside(heap: *mut Heap) {
    (*heap).space.each_examined_page(|page| (*page).dead = 1);
    (*heap).space.examine_nothing();
}

/// Puts what was set aside under examination.
unsafe fn examine_set_aside(heap: *mut Heap) {
    (*heap).space.each_page(|page| {
        if core::mem::replace(&mut (*page).dead, 0) != 0 {
            range::examine(page);
        }
    });
}

/// Calls `each` with what [`Sweep::take`] took last; it may run host code.
unsafe fn each_new(heap: *mut Heap, mut each: impl FnMut(*mut c_void, *mut Type)) {
    (*heap).space.each_aging_page(|page: *mut Page| {
        // Anew for each page: callbacks may give the heap segments.
        Table::of_examined(heap).each_suspect(page, |obj, _| each(obj, object::type_of(obj)));
    });
}

/// Step 3 of one object, if that has not been done.
unsafe fn detach(heap: *mut Heap, obj: *mut c_void, due: &Pending, detached: &mut Detached) {
    if !header::has_flags(obj, Flags::DYING) {
        header::change_flags(obj, Flags::HELD, Flags::DYING);
        if header::has_flags(obj, Flags::WEAK) {
            due.detach(heap, obj, detached);
        }
    }
}

/// Step 7 of all that was taken. The blocks are in no list: all pages go at once, when the heap does.
unsafe fn free_all(heap: *mut Heap) {
    (*heap).space.each_page(|page| {
        (*page).each_block(|obj| {
            let header = header::load(obj);
            if header.count_word() & (LOCAL | IMMORTAL) != 0 && header.has(Flags::CONDEMNED) {
                free_one(page, obj, object::type_of(obj));
            }
        });
    });
}

unsafe fn free_one(page: *mut Page, obj: *mut c_void, ty: *mut Type) {
    if header::high_word(obj) & header::SIDE_FLAGS != 0 {
        // By which it is told from what died by its count.
        *work(obj) = ZERO;
        block::drop_side_entries((*ty).heap, obj);
        *work(obj) = CLEAR;
    }
    (*ty).freed += 1;
    (*ty).reclaimed = (*ty).reclaimed.wrapping_add(1);
    if (*ty).flags.contains(TypeFlags::COUNT_BYTES) {
        (*ty).bytes_freed += (*page).block_bytes() as u64;
    }
    header::set_count_word(obj, (*ty).dead_word);
}
