//! The end of what was judged dead: the cycle half of `lifetime.md`.
//!
//! The dead are told by the table of working counts alone (see `judge.rs`), which nothing but the collector
//! changes from the verdict to the end: so host code may allocate, release and store meanwhile.
//!
//! - **All plain, without weak handles**: one sweep. Each object's edges that leave the dead set are
//!   released (edges inside it need no counting, both ends go), and its block is freed. Working counts stay
//!   until the sweep is over: they still say who was dead.
//! - **Else**: every member is condemned, which is held (count + 1) and marked as such, so that no callback
//!   can make one die in the middle; then each step of the table is done for the whole set before the next
//!   begins. After finalizers, and after weak callbacks, the set is judged again, without the holds: what
//!   somebody stored lives on.
//!
//! What dies by count in consequence is queued and ended last.

use super::events::DEBUG_SAVEALL;
use super::judge::Judge;
use super::table::Table;
use super::working::CLEAR;
use crate::base::promised;
use crate::base::report::{self, CText, Level};
use crate::header::{self, Flags, Header, IMMORTAL, LOCAL};
use crate::heap::{self, phase, Heap, Phase};
use crate::host;
use crate::life::block;
use crate::life::count;
use crate::life::death::{self, Queue};
use crate::life::finalizers;
use crate::life::foreign;
use crate::life::weak::Pending;
use crate::life::weakmap::Detached;
use crate::memory::class::Class;
use crate::memory::page::{self, Kind, Page};
use crate::memory::range::{self, RANGE};
use crate::object;
use crate::object::slots;
use crate::observe::Around;
use crate::sys;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// What became of the dead set.
#[derive(Default)]
pub struct Released {
    /// Objects ended, or saved.
    pub reclaimed: u64,
    /// Objects that live on.
    pub resurrected: u64,
}

/// Ends every object of the examined pages that has a working count, but for those that callbacks bring
/// back.
///
/// # Safety
/// - The working counts of exactly the dead are set; the heap's phase forbids collections.
pub unsafe fn release_dead(judge: &mut Judge) -> Released {
    promised!((*judge.heap()).phase() == Phase::Releasing);
    let heap = judge.heap();
    let mut queue = Queue::new();
    let save = (*heap).debug & DEBUG_SAVEALL != 0;
    let mut released = Released::default();
    let mut careful = save || may_need_steps(heap);
    if careful {
        careful = condemn(heap) || save;
    }
    if careful {
        foreign::hold(heap);
        if finalize_dead(heap, &mut queue) {
            released.resurrected += bring_back_stored(judge, &Detached::new(), &mut queue);
        }
        let mut detached = Detached::new();
        if run_weak_callbacks(heap, &mut detached, &mut queue) {
            released.resurrected += bring_back_stored(judge, &detached, &mut queue);
        }
        detached.release(&mut queue);
        if save && save_dead(heap, &mut released, &mut queue) {
            death::end_all(&mut queue);
            return released;
        }
        empty_dead(heap, &mut queue);
        destroy_dead(heap, &mut queue);
        released.resurrected += foreign::keep_survivors(heap, |obj| {
            *RANGE.work.add(range::granule_of(obj) as usize) = CLEAR;
        });
        each_dead(heap, |obj, ty| {
            if header::count_word(obj) != IMMORTAL {
                death::check_own(obj, ty);
            }
        });
    }
    let outer = !careful && (judge.outer || judge.marked != 0);
    let keys = if judge.has_keys() { count_dead_keys(heap) } else { 0 };
    released.reclaimed = free_dead(heap, outer, &mut queue) - keys;
    death::end_all(&mut queue);
    released
}

/// How many of the dead are no tracked objects. They will be booked as reclaimed with the others, which is taken off
/// beforehand, below zero if need be.
unsafe fn count_dead_keys(heap: *mut Heap) -> u64 {
    let mut keys = 0;
    each_dead(heap, |obj, ty| {
        if !header::has_flags(obj, Flags::TRACKED) && header::count_word(obj) != IMMORTAL {
            keys += 1;
            (*ty).reclaimed = (*ty).reclaimed.wrapping_sub(1);
        }
    });
    keys
}

/// Whether any object that lives has callbacks or weak handles.
unsafe fn may_need_steps(heap: *mut Heap) -> bool {
    let mut found = (*heap).weak.len != 0;
    (*heap).each_type(|ty| found |= !(*ty).flags.contains(TypeFlags::PLAIN) && (*ty).live() != 0);
    found
}

/// Calls `each` with every member of the dead set.
///
/// # Safety
/// - Working counts are those of a verdict.
pub unsafe fn each_dead(heap: *mut Heap, mut each: impl FnMut(*mut c_void, *mut Type)) {
    // Callbacks may give the heap segments, and the table must know them; the dead stay where they are.
    (*heap).space.each_examined_page(|page| {
        Table::of_examined(heap).each_suspect(page, |obj, _| each(obj, object::type_of(obj)));
    });
}

/// Holds and marks every dead object. Returns whether one of them has callbacks or weak handles.
unsafe fn condemn(heap: *mut Heap) -> bool {
    let mut steps = false;
    each_dead(heap, |obj, ty| {
        steps |= !(*ty).flags.contains(TypeFlags::PLAIN) || header::has_flags(obj, Flags::WEAK);
        condemn_one(obj);
    });
    steps
}

/// Holds and marks a dead object.
///
/// # Safety
/// - `obj` is an object that is neither dying nor queued.
pub unsafe fn condemn_one(obj: *mut c_void) {
    promised!(object::is_settled(header::load(obj)));
    header::set_flags(obj, Flags::HELD | Flags::CONDEMNED);
    let word = header::count_word(obj);
    if word & LOCAL != 0 {
        header::set_count_word(obj, word + 1);
    }
}

/// As [`condemn_one`], for a dead object that has neither finalizer nor weak handle: it is past step 4 at once.
///
/// # Safety
/// - As [`condemn_one`].
pub unsafe fn condemn_for_good(obj: *mut c_void) {
    promised!(object::is_settled(header::load(obj)));
    const FLAGS: u64 = ((Flags::DYING.bits() | Flags::CONDEMNED.bits()) as u64) << 32;
    let header = header::load(obj);
    let hold = (header.count_word() & LOCAL != 0) as u64;
    header::store(obj, Header((header.0 | FLAGS) + hold));
}

/// Step 1 for the whole set. Whether any finalizer ran.
unsafe fn finalize_dead(heap: *mut Heap, queue: &mut Queue) -> bool {
    let mut ran = false;
    each_dead(heap, |obj, ty| ran |= finalize_one(heap, obj, ty, queue));
    ran
}

/// Step 1 for a member of the set. Whether it was due.
///
/// # Safety
/// - `obj` is condemned.
pub unsafe fn finalize_one(heap: *mut Heap, obj: *mut c_void, ty: *mut Type, queue: &mut Queue) -> bool {
    promised!(header::has_flags(obj, Flags::CONDEMNED));
    let Some(finalize) = (*ty).finalize else { return false };
    if header::has_flags(obj, Flags::FINALIZED) {
        return false;
    }
    if (*heap).finalizers.queued {
        count::incref(obj);
        finalizers::push(heap, obj);
        return true;
    }
    header::set_flags(obj, Flags::FINALIZED);
    host::call_of(heap, ty, finalize, obj, Around::Aside);
    death::take_deferred(heap, queue);
    true
}

/// Step 2 for the whole set: judges it again and lets go of what lives on. Returns how many that were.
unsafe fn bring_back_stored(judge: &mut Judge, detached: &Detached, queue: &mut Queue) -> u64 {
    let heap = judge.heap();
    foreign::count_again(heap);
    if phase::quietly(heap, || judge.run_again(detached)).is_err() {
        report::log(
            Level::Warning,
            format_args!(
                "heap {}: no memory to judge after finalizers; what was dead lives on",
                CText((*heap).name())
            ),
        );
    }
    let queued = (*heap).finalizers.queued;
    let mut count = 0;
    (*heap).space.each_examined_page(|page| {
        (*page).each_block(|obj| {
            let condemned = !header::is_dead(obj) && header::has_flags(obj, Flags::CONDEMNED);
            if condemned && *RANGE.work.add(range::granule_of(obj) as usize) == CLEAR {
                if queued {
                    header::set_flags(obj, Flags::KEPT);
                }
                count += header::has_flags(obj, Flags::TRACKED) as u64;
                death::let_go(obj, queue);
            }
        });
    });
    count
}

/// Steps 3 and 4 for the whole set. Whether any callback ran.
unsafe fn run_weak_callbacks(heap: *mut Heap, detached: &mut Detached, queue: &mut Queue) -> bool {
    let here = Pending::new();
    let queued = (*heap).finalizers.queued;
    let pending = if queued { &(*heap).finalizers.pending } else { &here };
    each_dead(heap, |obj, _| {
        header::change_flags(obj, Flags::HELD, Flags::DYING);
        if header::has_flags(obj, Flags::WEAK) {
            pending.detach(heap, obj, detached);
        }
    });
    !queued && death::run_weak_callbacks(heap, &here, queue)
}

/// Instead of steps 5 to 7, the garbage list gets the engine's own references. False when it cannot grow: then
/// nothing was done.
unsafe fn save_dead(heap: *mut Heap, released: &mut Released, queue: &mut Queue) -> bool {
    let mut count = 0;
    each_dead(heap, |_, _| count += 1);
    if !(*heap).garbage.reserve(count) {
        no_memory_to_save(heap);
        return false;
    }
    each_dead(heap, |obj, _| {
        *RANGE.work.add(range::granule_of(obj) as usize) = CLEAR;
        released.reclaimed += save(heap, obj, queue);
    });
    true
}

/// Says that what was to be saved was ended.
///
/// # Safety
/// - As [everywhere](crate).
#[cold]
pub unsafe fn no_memory_to_save(heap: *mut Heap) {
    report::log(
        Level::Warning,
        format_args!("heap {}: no memory for the garbage list; the dead were ended", CText((*heap).name())),
    );
}

/// The garbage list gets the engine's own reference to an object; the list has room. Returns 1 for a tracked object: a key that is
/// none is only let go of, for what refers to it is saved.
///
/// # Safety
/// - `obj` is dying and held.
pub unsafe fn save(heap: *mut Heap, obj: *mut c_void, queue: &mut Queue) -> u64 {
    promised!(header::has_flags(obj, Flags::DYING));
    if header::has_flags(obj, Flags::TRACKED) {
        header::change_flags(obj, Flags::HELD | Flags::DYING | Flags::CONDEMNED, Flags::empty());
        (*heap).garbage.push(obj);
        return 1;
    }
    death::let_go(obj, queue);
    0
}

/// Step 5 for the whole set.
unsafe fn empty_dead(heap: *mut Heap, queue: &mut Queue) {
    each_dead(heap, |obj, ty| death::empty(obj, ty, queue));
}

/// Step 6 for the whole set.
unsafe fn destroy_dead(heap: *mut Heap, queue: &mut Queue) {
    each_dead(heap, |obj, ty| destroy_one(heap, obj, ty, queue));
}

/// Step 6 for a member of the set.
///
/// # Safety
/// - `obj` is condemned, dying and empty.
pub unsafe fn destroy_one(heap: *mut Heap, obj: *mut c_void, ty: *mut Type, queue: &mut Queue) {
    promised!(header::has_flags(obj, Flags::CONDEMNED));
    promised!(header::has_flags(obj, Flags::DYING));
    if let Some(destroy) = (*ty).destroy {
        host::call_of(heap, ty, destroy, obj, Around::Destroy);
        death::take_deferred(heap, queue);
    }
}

/// Step 7 for the whole set, and for plain objects step 5. Returns how many objects it had.
unsafe fn free_dead(heap: *mut Heap, outer: bool, queue: &mut Queue) -> u64 {
    let table = &Table::of(heap);
    let mut count = 0;
    let mut outgoing = Outgoing::new();
    (*heap).space.each_examined_page(|page| {
        let dead = match ((*page).kind, outer) {
            (Kind::Large, _) => free_large(page, table, outer.then_some((&mut outgoing, &mut *queue))),
            (_, true) => free_page(page, table, |obj, ty| outgoing.take_edges(obj, ty, table, queue)),
            (_, false) => free_page(page, table, |_, _| {}),
        };
        (*page).dead = dead;
        count += dead as u64;
    });
    outgoing.end(queue);
    (*heap).space.each_examined_page(|page| end_page(page, table));
    count
}

/// Objects whose memory is fetched ahead of their turn.
const AHEAD: usize = 16;

/// References that lead out of the dead set, on their way to being released: what they refer to lies anywhere, and is
/// fetched while [`AHEAD`] others have their turn. Nothing of it ends before the queue does.
pub struct Outgoing {
    targets: [*mut c_void; AHEAD],
    next: usize,
}

impl Outgoing {
    /// None yet.
    pub const fn new() -> Self {
        Outgoing { targets: [ptr::null_mut(); AHEAD], next: 0 }
    }

    /// What a dead plain object refers to outside the dead set loses that reference, soon.
    ///
    /// # Safety
    /// - The working counts of exactly the dead are set; `obj` is one of them.
    #[inline(always)]
    pub unsafe fn take_edges(&mut self, obj: *mut c_void, ty: *mut Type, table: &Table, queue: &mut Queue) {
        if !(*ty).flags.contains(TypeFlags::SIMPLE) {
            return self.take_all_edges(obj, ty, table, queue);
        }
        slots::each_simple_edge(obj, ty, 0, &mut |word| {
            let inside = table.work_of(word).is_some_and(|place| *place != CLEAR);
            if word != 0 && !inside {
                self.take(word as *mut c_void, queue);
            }
        });
    }

    #[inline(never)]
    unsafe fn take_all_edges(&mut self, obj: *mut c_void, ty: *mut Type, table: &Table, queue: &mut Queue) {
        slots::each_edge(obj, ty, |word| {
            let inside = table.work_of(word).is_some_and(|place| *place != CLEAR);
            if word != 0 && !inside {
                self.take(word as *mut c_void, queue);
            }
        });
    }

    // Apart, so that the loop over the dead, most of whose edges stay inside, keeps its registers.
    #[inline(never)]
    unsafe fn take(&mut self, target: *mut c_void, queue: &mut Queue) {
        sys::prefetch_for_write::<0>((target as usize).wrapping_sub(header::HEADER_BYTES));
        let earlier = core::mem::replace(self.targets.get_unchecked_mut(self.next % AHEAD), target);
        self.next += 1;
        if !earlier.is_null() {
            count::release_edge(earlier, queue);
        }
    }

    /// The last references are released.
    ///
    /// # Safety
    /// - As [`Outgoing::take_edges`].
    pub unsafe fn end(self, queue: &mut Queue) {
        for target in self.targets.into_iter().filter(|target| !target.is_null()) {
            count::release_edge(target, queue);
        }
    }
}

#[inline(never)]
unsafe fn free_large(page: *mut Page, table: &Table, outer: Option<(&mut Outgoing, &mut Queue)>) -> u32 {
    let mut dead = 0;
    let mut outer = outer;
    table.each_suspect(page, |obj, _| {
        if let Some((outgoing, queue)) = &mut outer {
            outgoing.take_edges(obj, object::type_of(obj), table, queue);
        }
        dead = 1;
    });
    dead
}

/// Frees the dead of one page, linked in address order, in front of what was free before. The page learns
/// of it in [`end_page`].
#[inline(always)]
unsafe fn free_page(page: *mut Page, table: &Table, mut release: impl FnMut(*mut c_void, *mut Type)) -> u32 {
    let (start, stride) = ((*page).start, (*page).stride);
    let mut dead = 0u32;
    let mut first: u32 = 0;
    let mut last: *mut c_void = ptr::null_mut();
    // The books are kept by runs of one type, since most pages have few types.
    let mut run_type: *mut Type = ptr::null_mut();
    let mut run_start = 0;
    table.each_suspect(page, |obj, _| {
        let high = header::high_word(obj);
        let ty = object::type_of(obj);
        if ty != run_type {
            book(run_type, dead - run_start, stride);
            run_type = ty;
            run_start = dead;
        }
        release(obj, ty);
        if high & header::SIDE_FLAGS != 0 {
            block::drop_side_entries((*ty).heap, obj);
        }
        if dead == 0 {
            first = (obj as usize - start) as u32;
        } else {
            header::set_link(last, (obj as usize - last as usize) as u32 - stride);
        }
        header::set_count_word(obj, (*ty).dead_word);
        last = obj;
        dead += 1;
    });
    book(run_type, dead - run_start, stride);
    if dead != 0 {
        let link = (*page).free.wrapping_sub((last as usize - start) as u32).wrapping_sub(stride);
        header::set_link(last, link);
        (*page).free = first;
    }
    dead
}

/// Working counts of the dead go, their blocks are renewed, and the page goes if nothing is left in it.
unsafe fn end_page(page: *mut Page, table: &Table) {
    let count = core::mem::replace(&mut (*page).dead, 0);
    if count == 0 {
        return;
    }
    if (*page).kind == Kind::Large {
        let mut obj = ptr::null_mut();
        table.each_suspect(page, |dead, work| {
            if header::high_word(dead) & header::SIDE_FLAGS != 0 {
                // While its working count still says that it was found dead.
                block::drop_side_entries(heap::of_page(page), dead);
                header::clear_flags(dead, Flags::SIDE | Flags::WEAK);
            }
            *work = CLEAR;
            obj = dead;
        });
        let ty = object::type_of(obj);
        (*ty).reclaimed = (*ty).reclaimed.wrapping_add(1);
        block::free(obj, ty);
        return;
    }
    if count == (*page).count_handed_out() {
        table.clear_page(page);
        page::renew_all(page);
    } else {
        // The dead are the first of the free list.
        (*page).each_free(count, |obj| {
            table.clear(obj);
            page::renew(page, obj);
        });
    }
    Class::freed(page, count);
}

unsafe fn book(ty: *mut Type, count: u32, stride: u32) {
    if !ty.is_null() {
        (*ty).freed += count as u64;
        (*ty).reclaimed = (*ty).reclaimed.wrapping_add(count as u64);
        if (*ty).flags.contains(TypeFlags::COUNT_BYTES) {
            (*ty).bytes_freed += count as u64 * stride as u64;
        }
    }
}
