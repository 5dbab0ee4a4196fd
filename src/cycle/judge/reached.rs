//! The verdict over what a list of objects reaches, for `cycle/near.rs`. One walk lists, counts and subtracts, which needs
//! each object and each edge once; then marking as in `judge.rs`, at the cost of the list.
//!
//! An object gets its working count when it is listed, and an edge is taken off its target's when the walk meets it: so
//! what leads to it from the list must be met later, or be the edge that lists it. That is so for all edges but
//!
//! - those of objects that were listed and not followed, since the walk was cut off;
//! - what a `traverse` reports, since only its end tells whether the object is to be left out.
//!
//! Both are subtracted behind the walk. Objects with a large count (`working.rs`) are outside: so many references in one
//! look are a full collection's matter.

use super::super::near;
use super::super::near::EDGES_AN_OBJECT;
use super::super::table::Table;
use super::super::working::{self, work, BELOW_ZERO, CLEAR, SMALL_MAX, ZERO};
use super::{is_member, is_plainly_positive, Judge, NoMemory, AHEAD};
use crate::base::list::List;
use crate::check;
use crate::header::{self, LOCAL};
use crate::heap::Heap;
use crate::life::hints::Hint;
use crate::memory::page::{is_frozen, PageFlags, PAGE_BYTES};
use crate::memory::range;
use crate::object::{self, edges, slots};
use crate::sys;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;

/// Hints are listed by this part of what a look may list, before what they reach.
const CHUNKS: usize = 8;

/// The buffers of vectors are fetched so many objects ahead of their turn.
const BUFFERS_AHEAD: usize = 4;

/// A list that becomes longer as it is read.
struct Walk<'a> {
    list: &'a mut List<*mut c_void>,
    /// Most objects it may have.
    bound: usize,
    /// Objects of it whose edges were followed.
    read: usize,
    /// How many those were.
    edges: usize,
    /// What edges lead to passes through this ring, so that its header is on its way into the cache when it is asked.
    ring: [usize; AHEAD],
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

    /// Puts a word into the ring, in exchange for one that is due.
    #[inline(always)]
    fn exchange(&mut self, word: usize) -> usize {
        sys::prefetch_for_read::<0>(word.wrapping_sub(header::HEADER_BYTES));
        let due = core::mem::replace(&mut self.ring[self.edges % AHEAD], word);
        self.edges += 1;
        due
    }
}

/// Whether a type's edges are subtracted behind the walk.
unsafe fn is_late(ty: *const Type) -> bool {
    (*ty).traverse.is_some() || (*ty).flags.contains(TypeFlags::MAP)
}

impl Judge {
    /// For a list of at most so many objects.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn of_reach(heap: *mut Heap, bound: usize) -> Result<Self, NoMemory> {
        Judge::with_room(heap, bound.clamp(16, 64 << 10), Table::of_examined(heap))
    }

    /// Lists what the hints reach, some after some, until the list has `bound`, and judges them: the dead have a working
    /// count afterwards. Returns how many hints it has read; those of them that were not judged are [`Hint::NONE`] then.
    ///
    /// # Safety
    /// - As [`Judge::run`], and no page is under examination; the list is empty.
    pub unsafe fn run_reach(
        &mut self,
        list: &mut List<*mut c_void>,
        bound: usize,
        hints: &mut [Hint],
    ) -> usize {
        let none = core::ptr::null_mut();
        let (wide, ring) = ([none; WIDE_MAX], [0; AHEAD]);
        let mut walk = Walk { list, bound, read: 0, edges: 0, ring, wide, wide_count: 0 };
        let mut read = 0;
        while !walk.is_full() && read < hints.len() {
            // What was let go of together mostly lies in order, which what is reached does not.
            for hint in hints.iter_mut().skip(read).take(bound / CHUNKS) {
                read += 1;
                if !self.list_hint(&mut walk, near::take_hint(self.heap, *hint)) {
                    *hint = Hint::NONE;
                }
            }
            self.list_reached(&mut walk);
        }
        self.subtract_late(&walk);
        for &obj in walk.wide.iter().take(walk.wide_count) {
            *work(obj) = CLEAR;
            self.outer = true;
        }
        if walk.wide_count != 0 {
            list.retain(|&obj| *work(obj) != CLEAR);
        }
        if check::is_on(self.heap) {
            list.as_slice().iter().for_each(|&obj| check::promises::ask_one(obj, object::type_of(obj)));
        }
        self.examined = list.len() as u64;
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
                return read;
            }
        }
    }

    /// Lists what a hint leads to. Whether it is listed, now or before.
    unsafe fn list_hint(&mut self, walk: &mut Walk, obj: *mut c_void) -> bool {
        if obj.is_null() {
            return false;
        }
        *work(obj) != CLEAR || !walk.is_full() && self.list_new(walk, obj)
    }

    /// Follows the edges of the objects that were not read yet, and takes them off what they lead to.
    unsafe fn list_reached(&mut self, walk: &mut Walk) {
        loop {
            match walk.list.get(walk.read).filter(|_| !walk.is_full()) {
                Some(obj) => {
                    if let Some(next) = walk.list.get(walk.read + BUFFERS_AHEAD) {
                        slots::fetch_vectors(next, object::type_of(next));
                    }
                    walk.read += 1;
                    self.follow(walk, obj, object::type_of(obj));
                }
                None => {
                    let listed = walk.list.len();
                    for place in 0..AHEAD {
                        let due = core::mem::take(&mut walk.ring[place]);
                        self.meet(walk, due);
                    }
                    if walk.list.len() == listed {
                        return;
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn follow(&mut self, walk: &mut Walk, obj: *mut c_void, ty: *mut Type) {
        if (*ty).extra_count != 0 && slots::count_extra(obj, ty) > walk.bound {
            return walk.leave_out(obj);
        }
        if is_late(ty) {
            return self.follow_late(walk, obj, ty);
        }
        slots::each_edge(obj, ty, |word| {
            let due = walk.exchange(word);
            self.meet(walk, due);
        });
    }

    /// As [`Judge::follow`], but takes nothing off.
    #[inline(never)]
    unsafe fn follow_late(&mut self, walk: &mut Walk, obj: *mut c_void, ty: *mut Type) {
        let before = walk.edges;
        edges::each_target(obj, ty, |word| {
            walk.edges += 1;
            if self.table.place_of(word).is_some_and(|place| *place == CLEAR) {
                self.list_word(walk, word);
            }
        });
        // A `traverse` shows only when it runs how much it has.
        if walk.edges - before > walk.bound {
            walk.leave_out(obj);
        }
    }

    /// Behind the walk: subtracts the edges that it did not.
    unsafe fn subtract_late(&mut self, walk: &Walk) {
        for (place, &obj) in walk.list.as_slice().iter().enumerate() {
            let ty = object::type_of(obj);
            let is_wide = || walk.wide.iter().take(walk.wide_count).any(|&wide| wide == obj);
            if (place >= walk.read || is_late(ty)) && !is_wide() {
                self.subtract_all(obj, ty);
            }
        }
    }

    /// Takes an edge off what it leads to, which is listed if it was not. Without memory for the list that is left out.
    #[inline(always)]
    unsafe fn meet(&mut self, walk: &mut Walk, word: usize) {
        match self.table.place_of(word) {
            Some(place) if is_plainly_positive(*place) => *place -= 1,
            Some(place) if *place != CLEAR => self.subtract_slow(word as *mut c_void, place),
            Some(place) => self.meet_new(walk, word, place),
            None => self.outer |= word != 0,
        }
    }

    #[inline(never)]
    unsafe fn meet_new(&mut self, walk: &mut Walk, word: usize, place: *mut u16) {
        if self.list_word(walk, word) {
            match is_plainly_positive(*place) {
                true => *place -= 1,
                false => self.subtract_slow(word as *mut c_void, place),
            }
        }
    }

    /// Lists what a word of the heap leads to, which is not listed, if it is an object that is to be judged and there is
    /// room. Whether it is listed then.
    #[inline(always)]
    unsafe fn list_word(&mut self, walk: &mut Walk, word: usize) -> bool {
        let obj = word as *mut c_void;
        // Most of what is not listed is a leaf. Only what looks like a member is asked whether it is an object at all, for
        // a slot may hold what its host has forgotten to count. Before a page's first byte there may be nothing to read.
        let listed = word % PAGE_BYTES != 0
            && is_member(header::load(obj))
            && !walk.is_full()
            && object::check(obj).is_ok()
            && self.list_new(walk, obj);
        self.outer |= !listed;
        listed
    }

    /// Lists an object, with its working count and its page under examination, if it is one to be judged.
    #[inline(always)]
    unsafe fn list_new(&mut self, walk: &mut Walk, obj: *mut c_void) -> bool {
        let page = range::page_of(obj as usize);
        let header = header::load(obj);
        let frozen = (*page).flags.contains(PageFlags::FROZEN) && is_frozen(obj);
        let count = header.count_word().wrapping_sub(LOCAL);
        if frozen || !is_member(header) || count > SMALL_MAX || !walk.list.push(obj) {
            return false;
        }
        range::examine(page);
        *work(obj) = working::small(count);
        // The rest of it: its header is there.
        sys::prefetch_for_read::<56>(obj as usize);
        true
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
