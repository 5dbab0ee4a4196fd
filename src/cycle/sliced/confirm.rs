//! The exact verdict over one piece, at one moment: as in `cycle/judge.rs`, with the piece for the set. What is found dead
//! is, whatever happened before.
//!
//! One pass over headers and edges: each object's word, which began as `BASE`, gains its count and loses one for each edge from
//! inside. One pass over the words marks what is held, and all of the piece that it reaches.

use super::judge::{each_edge, each_entry_value};
use super::pieces::word_of;
use super::words::{Words, BASE, DEAD, DONE, FLOOR};
use super::Run;
use crate::cycle::judge;
use crate::header::{self, Flags, IMMORTAL, LOCAL};
use crate::life::weakmap;
use crate::object::{self, slots};
use crate::sys;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;

/// Entries of a piece whose surroundings are fetched together.
const FETCHED_MAX: usize = 1024;

/// What a verdict came to.
#[derive(Default)]
pub struct Verdict {
    /// Objects found dead, whose words are [`DEAD`].
    pub dead: u64,
    /// One of the piece has callbacks, or weak handles.
    pub careful: bool,
    /// The dead are DYING already.
    pub flagged: bool,
}

impl Run {
    /// Judges the piece: exactly the dead of it have the word [`DEAD`] afterwards, the others [`DONE`]. `again`: what is dead so
    /// far is judged once more, and the engine's own reference to each does not count.
    ///
    /// # Safety
    /// - The heap's phase is `Judging`; words of the piece are [`BASE`], or [`DEAD`] when it is judged again.
    ///
    /// `plainly`: nobody looks at the dead before they are DYING, so that they become it in the same pass, if none of them is
    /// to be ended in steps.
    pub(super) unsafe fn confirm(&mut self, again: bool, plainly: bool) -> Verdict {
        let (first, end) = (self.piece.first, self.piece.end);
        if !again && end - first <= FETCHED_MAX {
            self.fetch(first, end);
        }
        self.ephemerons = !(*self.heap).map_type.is_null() && (*(*self.heap).map_type).live() != 0;
        if again {
            for place in first..end {
                if let Some(word) = word_of(self, self.search.entry(place)).filter(|&word| *word == DEAD) {
                    *word = BASE;
                }
            }
        }
        let mut verdict = Verdict::default();
        let words = self.words;
        for place in first..end {
            let entry = self.search.entry(place);
            let Some(word) = word_of(self, entry).filter(|&word| *word >= FLOOR) else { continue };
            let obj = entry as *mut c_void;
            let header = header::load(obj);
            if !again && !Run::takes_part(header, obj) {
                *word = DONE;
                continue;
            }
            let ty = object::type_of(obj);
            verdict.careful |= !(*ty).flags.contains(TypeFlags::PLAIN) || header.has(Flags::WEAK);
            // What the host has made immortal in a callback lives.
            *word += match header.count_word() {
                IMMORTAL => 1,
                count => count - LOCAL - again as u32,
            };
            if !may_be_walked(obj, ty) {
                // What it refers to is held by it, as by anything that is not of the piece.
                *word += 1;
                continue;
            }
            each_edge(obj, ty, |target| take_off(&words, target));
            if self.ephemerons {
                let mut is_in_set = |key: *mut c_void| words.value(key as usize) >= FLOOR;
                each_entry_value(obj, &mut is_in_set, &mut |value| take_off(&words, value));
            }
        }
        // Entries that have left their maps own their values until those are released.
        self.detached.each_value(|value| take_off(&words, value as usize));
        self.confirm_room = true;
        self.mark_held(first, end);
        verdict.flagged = plainly && !verdict.careful;
        for place in first..end {
            let entry = self.search.entry(place);
            let Some(word) = word_of(self, entry).filter(|&word| *word >= FLOOR) else {
                continue;
            };
            if !self.confirm_room {
                // Without memory for marking everything lives.
                *word = DONE;
                continue;
            }
            *word = DEAD;
            verdict.dead += 1;
            if verdict.flagged {
                header::set_flags(entry as *mut c_void, Flags::DYING);
            }
        }
        verdict
    }

    /// Lets the memory come that the verdict, and the end of the dead, will touch at random: the words of what they refer to, and
    /// their headers.
    unsafe fn fetch(&self, first: usize, end: usize) {
        let words = self.words;
        for place in first..end {
            let entry = self.search.entry(place);
            let obj = entry as *mut c_void;
            let is_there = word_of(self, entry).is_some_and(|word| *word >= FLOOR);
            // What the host has untracked need not be walkable.
            if is_there && Run::takes_part(header::load(obj), obj) {
                slots::each_edge(obj, object::type_of(obj), |target| {
                    if let Some(word) = words.get(target) {
                        sys::prefetch_for_write::<0>(word as usize);
                        sys::prefetch_for_write::<0>(target.wrapping_sub(header::HEADER_BYTES));
                    }
                });
            }
        }
    }

    /// Marks what is held, and what of the piece that reaches.
    unsafe fn mark_held(&mut self, first: usize, end: usize) {
        let words = self.words;
        for place in first..end {
            let entry = self.search.entry(place);
            let Some(word) = word_of(self, entry).filter(|&word| *word >= FLOOR && *word != BASE) else {
                continue;
            };
            if *word < BASE {
                self.anomalies += 1;
                judge::report_below_zero(self.heap, entry as *mut c_void);
            }
            *word = DONE;
            self.reach(&words, entry as *mut c_void);
            while let Some(next) = self.search.edges.pop() {
                self.reach(&words, next as *mut c_void);
            }
        }
    }

    /// An object of the piece lives: so does what it refers to.
    unsafe fn reach(&mut self, words: &Words, obj: *mut c_void) {
        let (list, room) = (&mut self.search.edges, &mut self.confirm_room);
        let mut mark = |target: usize| {
            if let Some(place) = words.get(target).filter(|&place| *place == BASE) {
                *place = DONE;
                *room &= list.push(target as u64);
            }
        };
        let ty = object::type_of(obj);
        if may_be_walked(obj, ty) {
            each_edge(obj, ty, &mut mark);
        }
        if !self.ephemerons {
            return;
        }
        let mut entry = |other: *mut c_void, value: *mut c_void| {
            if words.value(other as usize) < FLOOR {
                mark(value as usize);
            }
        };
        if header::has_flags(obj, Flags::WEAK) {
            weakmap::each_of_key(obj, |each| entry(each.map(), each.value));
        }
        if weakmap::is_map(obj) {
            weakmap::each_of_map(obj, |each| entry(each.key(), each.value));
        }
    }
}

/// Whether it is walkable: the host may have untracked what a callback brought back, to take it apart.
#[inline(always)]
unsafe fn may_be_walked(obj: *mut c_void, ty: *mut Type) -> bool {
    (*ty).traverse.is_none() || header::has_flags(obj, Flags::TRACKED)
}

/// An edge from inside the piece leads here.
#[inline(always)]
unsafe fn take_off(words: &Words, target: usize) {
    if let Some(place) = words.get(target) {
        if *place > FLOOR {
            *place -= 1;
        }
    }
}
