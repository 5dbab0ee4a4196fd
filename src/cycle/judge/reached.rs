//! The verdict over what a list of objects reaches, for `cycle/near.rs`. One walk lists and counts, which needs each
//! object's header once; then the steps of `judge.rs`, at the cost of the list.

use super::super::near::{self, EDGES_AN_OBJECT};
use super::super::table::Table;
use super::super::working::{self, BELOW_ZERO, CLEAR, SMALL_MAX, TO_BE_LARGE, ZERO};
use super::{is_member, Judge, NoMemory, AHEAD};
use crate::base::list::List;
use crate::header::{self, LOCAL};
use crate::heap::Heap;
use crate::memory::page::{is_frozen, PageFlags};
use crate::memory::range::{self, RANGE};
use crate::object::{self, edges};
use crate::sys;
use core::ffi::c_void;

impl Judge {
    /// For a list of at most so many objects.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn of_reach(heap: *mut Heap, bound: usize) -> Result<Self, NoMemory> {
        Judge::with_room(heap, bound.clamp(16, 64 << 10), Table::of_examined(heap))
    }

    /// Lists what the objects of a list reach until it has `bound`, and judges them: the dead have a working count
    /// afterwards.
    ///
    /// # Safety
    /// - As [`Judge::run`], and no page is under examination; no object is listed twice.
    pub unsafe fn run_reach(&mut self, list: &mut List<*mut c_void>, bound: usize) -> Result<(), NoMemory> {
        let mut large = 0;
        list.retain(|&obj| match self.enter_reached(obj) {
            Some(is_large) => {
                large += is_large as usize;
                true
            }
            None => false,
        });
        large += self.list_reached(list, bound);
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

    /// The walk. Returns how many large counts it met. Without memory for the list it ends where it is. What edges lead to
    /// passes through a ring, so that its header is on its way into the cache when it is asked.
    unsafe fn list_reached(&mut self, list: &mut List<*mut c_void>, bound: usize) -> usize {
        let mut ring = [0usize; AHEAD];
        let (mut next, mut edges, mut large) = (0, 0, 0);
        loop {
            match list.get(next).filter(|_| edges <= bound * EDGES_AN_OBJECT && list.len() < bound) {
                Some(obj) => {
                    next += 1;
                    edges::each_target(obj, object::type_of(obj), |word| {
                        sys::prefetch_for_read::<0>(word.wrapping_sub(header::HEADER_BYTES));
                        let due = core::mem::replace(&mut ring[edges % AHEAD], word);
                        edges += 1;
                        large += self.list_new(due, list, bound) as usize;
                    });
                }
                None => {
                    let listed = list.len();
                    for due in &mut ring {
                        large += self.list_new(core::mem::take(due), list, bound) as usize;
                    }
                    if list.len() == listed {
                        return large;
                    }
                }
            }
        }
    }

    /// Lists what a word leads to if it is an object that is to be judged and not listed. Whether its count is large.
    #[inline(always)]
    unsafe fn list_new(&mut self, word: usize, list: &mut List<*mut c_void>, bound: usize) -> bool {
        if word == 0 || !self.is_new(word) || list.len() >= bound {
            return false;
        }
        let obj = word as *mut c_void;
        match self.enter_reached(obj) {
            Some(large) if list.push(obj) => large,
            Some(_) => {
                *work(obj) = CLEAR;
                false
            }
            None => false,
        }
    }

    /// Whether a word leads to an object of the heap that is not listed.
    #[inline(always)]
    unsafe fn is_new(&self, word: usize) -> bool {
        match self.table.place(word) {
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

unsafe fn work(obj: *mut c_void) -> *mut u16 {
    RANGE.work.add(range::granule_of(obj) as usize)
}
