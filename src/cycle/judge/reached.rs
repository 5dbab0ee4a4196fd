//! The verdict over what a list of objects reaches, for `cycle/near.rs`. One walk lists and counts, which needs each
//! object's header once; then the steps of `judge.rs`, at the cost of the list.

use super::super::near::{self, EDGES_AN_OBJECT};
use super::super::table::Table;
use super::super::working::{self, work, BELOW_ZERO, CLEAR, SMALL_MAX, TO_BE_LARGE, ZERO};
use super::{is_member, Judge, NoMemory, AHEAD};
use crate::base::list::List;
use crate::check;
use crate::header::{self, LOCAL};
use crate::heap::Heap;
use crate::memory::page::{is_frozen, PageFlags};
use crate::memory::range;
use crate::object::{self, edges, slots};
use crate::sys;
use core::ffi::c_void;

/// Hints are listed by this part of what a look may list, before what they reach.
const CHUNKS: usize = 8;

/// A list that becomes longer as it is read.
struct Walk<'a> {
    list: &'a mut List<*mut c_void>,
    /// Most objects it may have.
    bound: usize,
    /// Objects of it whose edges were followed.
    read: usize,
    /// How many those were.
    edges: usize,
    /// Counts that are large.
    large: usize,
    /// Objects with more edges than the list may have objects: they are outside, and what they refer to is held.
    wide: [*mut c_void; WIDE_MAX],
    wide_count: usize,
}

/// Wide objects that a walk meets before it ends.
const WIDE_MAX: usize = 8;

impl Walk<'_> {
    /// Nothing more may be listed.
    fn is_full(&self) -> bool {
        self.list.len() >= self.bound
            || self.edges > self.bound * EDGES_AN_OBJECT
            || self.wide_count == WIDE_MAX
    }

    /// An object is wide. It stays listed until the walk is over, so that it is met once.
    fn leave_out(&mut self, obj: *mut c_void) {
        if let Some(place) = self.wide.get_mut(self.wide_count) {
            *place = obj;
            self.wide_count += 1;
        }
    }
}

impl Judge {
    /// For a list of at most so many objects.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn of_reach(heap: *mut Heap, bound: usize) -> Result<Self, NoMemory> {
        Judge::with_room(heap, bound.clamp(16, 64 << 10), Table::of_examined(heap))
    }

    /// Lists what the objects that `next` gives reach, some after some, until the list has `bound`, and
    /// judges them: the dead have a working count afterwards. `next` gives null for one that is not there.
    ///
    /// # Safety
    /// - As [`Judge::run`], and no page is under examination; the list is empty.
    pub unsafe fn run_reach(
        &mut self,
        list: &mut List<*mut c_void>,
        bound: usize,
        next: &mut dyn FnMut() -> Option<*mut c_void>,
    ) -> Result<(), NoMemory> {
        let none = core::ptr::null_mut();
        let mut walk =
            Walk { list, bound, read: 0, edges: 0, large: 0, wide: [none; WIDE_MAX], wide_count: 0 };
        while !walk.is_full() {
            // What was let go of together mostly lies in order, which what is reached does not.
            let chunk = core::iter::from_fn(&mut *next).take(bound / CHUNKS);
            let mut any = false;
            for obj in chunk {
                any = true;
                self.list_new(&mut walk, obj as usize);
            }
            if !any {
                break;
            }
            self.list_reached(&mut walk);
        }
        let large = walk.large;
        for &obj in walk.wide.iter().take(walk.wide_count) {
            *work(obj) = CLEAR;
        }
        if walk.wide_count != 0 {
            list.retain(|&obj| *work(obj) != CLEAR);
        }
        if check::is_on(self.heap) {
            list.as_slice().iter().for_each(|&obj| check::promises::ask_one(obj, object::type_of(obj)));
        }
        self.examined = list.len() as u64;
        if self.make_large(large).is_err() {
            list.as_slice().iter().for_each(|&obj| *work(obj) = CLEAR);
            return Err(NoMemory);
        }
        if large != 0 {
            for &obj in list.as_slice() {
                if *work(obj) == TO_BE_LARGE {
                    *work(obj) = self.large.enter(range::granule_of(obj), header::count_word(obj) - LOCAL);
                }
            }
        }
        for &obj in list.as_slice() {
            self.subtract_all(obj, object::type_of(obj));
        }
        self.note_ephemerons();
        if self.ephemerons {
            self.outer = true;
            for &obj in list.as_slice() {
                self.subtract_entries_of(obj);
            }
        }
        loop {
            self.again = false;
            for &obj in list.as_slice() {
                if *work(obj) > ZERO {
                    self.mark_reached(obj);
                }
            }
            if !self.again {
                return Ok(());
            }
        }
    }

    /// Lists what is reached from the objects that were not read yet. What edges lead to passes through a ring, so that its
    /// header is on its way into the cache when it is asked.
    unsafe fn list_reached(&mut self, walk: &mut Walk) {
        let mut ring = [0usize; AHEAD];
        loop {
            match walk.list.get(walk.read).filter(|_| !walk.is_full()) {
                Some(obj) => {
                    walk.read += 1;
                    let (ty, before) = (object::type_of(obj), walk.edges);
                    if slots::has_more(obj, ty, walk.bound) {
                        walk.leave_out(obj);
                        continue;
                    }
                    edges::each_target(obj, ty, |word| {
                        sys::prefetch_for_read::<0>(word.wrapping_sub(header::HEADER_BYTES));
                        let due = core::mem::replace(&mut ring[walk.edges % AHEAD], word);
                        walk.edges += 1;
                        self.list_new(walk, due);
                    });
                    // A `traverse` shows only when it runs how much it has.
                    if walk.edges - before > walk.bound {
                        walk.leave_out(obj);
                    }
                }
                None => {
                    let listed = walk.list.len();
                    for due in &mut ring {
                        self.list_new(walk, core::mem::take(due));
                    }
                    if walk.list.len() == listed {
                        return;
                    }
                }
            }
        }
    }

    /// Lists what a word leads to if it is an object that is to be judged and not listed. Without memory for the list it is
    /// left out.
    #[inline(always)]
    unsafe fn list_new(&mut self, walk: &mut Walk, word: usize) {
        if word == 0 || walk.is_full() || !self.is_new(word) {
            return;
        }
        let obj = word as *mut c_void;
        match self.enter_reached(obj) {
            Some(large) if walk.list.push(obj) => walk.large += large as usize,
            Some(_) => *work(obj) = CLEAR,
            None => {}
        }
    }

    /// Whether a word leads to an object of the heap that is not listed.
    #[inline(always)]
    unsafe fn is_new(&self, word: usize) -> bool {
        match self.table.work_of(word) {
            Some(place) if *place != CLEAR => false,
            _ => near::is_of(self.heap, word) && object::check(word as *mut c_void).is_ok(),
        }
    }

    /// An object gets its working count, and its page is put under examination, if it is one to be judged. Whether the
    /// count is large.
    unsafe fn enter_reached(&mut self, obj: *mut c_void) -> Option<bool> {
        let page = range::page_of(obj as usize);
        let header = header::load(obj);
        let frozen = (*page).flags.contains(PageFlags::FROZEN) && is_frozen(obj);
        if frozen || !is_member(header) {
            return None;
        }
        range::examine(page);
        let count = header.count_word() - LOCAL;
        *work(obj) = if count <= SMALL_MAX { working::small(count) } else { TO_BE_LARGE };
        Some(count > SMALL_MAX)
    }

    unsafe fn mark_reached(&mut self, obj: *mut c_void) {
        if *work(obj) == BELOW_ZERO {
            self.report_below_zero(obj);
        }
        *work(obj) = CLEAR;
        self.marked += 1;
        let table = self.table;
        self.expand(&table, obj);
        self.drain();
    }
}
