//! What is suspected, by strongly connected components, so that each can be confirmed by itself: those that nothing else
//! suspected refers to first. The host runs in between, and changes edges of what lives; those of the dead nobody changes,
//! so what is dead falls into its true components whatever else is taken for one.
//!
//! Path-based search (Gabow 2000) without recursion. An object that is met gets a number, its place on `open`, and its edges
//! are read once, into `edges`; `low` has the numbers at which the components now open begin. Components are finished
//! targets first, so `order` is read from its end.

use super::budget::Budget;
use super::judge::{each_edge, each_entry_value, enter_members, Swept};
use super::words::{CLEAR, DONE, ON_STACK, ON_STACK_MAX, ZERO};
use super::{Run, Stage};
use crate::base::array::Array;
use crate::header;
use crate::object;
use core::ffi::c_void;

/// The state of the search.
pub struct Search {
    /// Objects whose component is not finished, in the order in which they were met.
    open: Array<u64>,
    /// See the file's head.
    low: Array<u32>,
    /// Of each object that the search is in: its number, and where its edges begin in `edges`.
    path: Array<u64>,
    /// Targets that were not followed yet.
    pub(super) edges: Array<u64>,
    /// A component is finished, and its objects from this number on are still on `open`: the number, and how many were
    /// taken.
    finishing: Option<(usize, u64)>,
    /// Components, each its objects and behind them twice their number and 1.
    pub order: Array<u64>,
}

/// An entry of [`Search::order`] that ends a component of so many objects.
pub const fn end_of(objects: u64) -> u64 {
    objects << 1 | 1
}

/// Of how many objects an entry is the end; None for an object.
pub const fn objects_before(entry: u64) -> Option<usize> {
    if entry & 1 != 0 {
        Some((entry >> 1) as usize)
    } else {
        None
    }
}

/// There is no memory for the search.
struct NoMemory;

impl Search {
    /// Nothing was met yet. Its arrays grow page by page.
    pub const fn new() -> Self {
        Search {
            open: Array::sparse(),
            low: Array::sparse(),
            path: Array::sparse(),
            edges: Array::sparse(),
            finishing: None,
            order: Array::sparse(),
        }
    }

    fn push(array: &mut Array<u64>, value: u64) -> Result<(), NoMemory> {
        array.push(value).then_some(()).ok_or(NoMemory)
    }

    /// An open object with this number was met again: all from there on are one component.
    fn unite(&mut self, number: u32) {
        while self.low.last().is_some_and(|&last| last > number) {
            self.low.pop();
        }
    }

    /// An entry of `order`; 0 for one that was forgotten.
    #[inline(always)]
    pub fn entry(&self, place: usize) -> u64 {
        self.order.get(place).copied().unwrap_or(0)
    }

    /// An entry of `order` is of no interest any more.
    pub fn forget(&mut self, place: usize) {
        if let Some(entry) = self.order.get_mut(place) {
            *entry = 0;
        }
    }

    /// Gives a part of the memory back. True when nothing is left.
    pub fn give_back(&mut self) -> bool {
        self.open.give_back()
            && self.low.give_back()
            && self.path.give_back()
            && self.edges.give_back()
            && self.order.give_back()
    }
}

impl Run {
    /// Goes on with the search until the budget is over, or all is ordered. False for out of memory.
    ///
    /// # Safety
    /// - As [`Run::judge`].
    pub(super) unsafe fn search(&mut self, budget: &mut Budget) -> bool {
        loop {
            match self.follow(budget) {
                Err(NoMemory) => return false,
                Ok(true) => return true,
                Ok(false) => {}
            }
            let mut root = core::ptr::null_mut();
            let swept = self.sweep(budget, enter_members, |_, obj, place| {
                if *place != ZERO {
                    return Ok(0);
                }
                root = obj;
                Err(0)
            });
            match swept {
                Swept::Over if root.is_null() => return true,
                Swept::End => break,
                _ => {}
            }
            if self.meet(root, budget).is_err() {
                return false;
            }
        }
        self.stage = Stage::Pieces;
        self.next = self.search.order.len();
        true
    }

    /// Follows edges until nothing is open: false; or the budget is over: true.
    unsafe fn follow(&mut self, budget: &mut Budget) -> Result<bool, NoMemory> {
        loop {
            if self.search.finishing.is_some() && !self.finish(budget)? {
                return Ok(true);
            }
            let &[.., number, first] = &self.search.path[..] else { return Ok(false) };
            if self.search.edges.len() as u64 > first {
                let Some(word) = self.search.edges.pop() else { return Ok(false) };
                match self.words.value(word as usize) {
                    ZERO => self.meet(word as *mut c_void, budget)?,
                    value if is_open(value) => self.search.unite(value - ON_STACK),
                    _ => {}
                }
            } else {
                self.search.path.pop();
                self.search.path.pop();
                if self.search.low.last() == Some(&(number as u32)) {
                    self.search.low.pop();
                    self.search.finishing = Some((number as usize, 0));
                }
            }
            if !budget.spend(1) {
                return Ok(true);
            }
        }
    }

    /// A component is finished: its objects go from `open` to `order`. False when the budget is over before.
    unsafe fn finish(&mut self, budget: &mut Budget) -> Result<bool, NoMemory> {
        let Some((first, mut count)) = self.search.finishing.take() else { return Ok(true) };
        while self.search.open.len() > first {
            let Some(obj) = self.search.open.pop() else { break };
            // One that has died meanwhile has no word.
            if let Some(place) = self.words.get(obj as usize).filter(|&place| *place != CLEAR) {
                *place = DONE;
                Search::push(&mut self.search.order, obj)?;
                count += 1;
            }
            if !budget.spend(1) {
                self.search.finishing = Some((first, count));
                return Ok(false);
            }
        }
        if count != 0 {
            Search::push(&mut self.search.order, end_of(count))?;
        }
        Ok(true)
    }

    /// The search comes to an object for the first time.
    unsafe fn meet(&mut self, obj: *mut c_void, budget: &mut Budget) -> Result<(), NoMemory> {
        let words = self.words;
        let Some(place) = words.get(obj as usize) else { return Ok(()) };
        if !Run::takes_part(header::load(obj), obj) {
            // It lives, or waits for its end.
            *place = CLEAR;
            return Ok(());
        }
        let number = self.search.open.len();
        if number >= ON_STACK_MAX || !self.search.low.push(number as u32) {
            return Err(NoMemory);
        }
        *place = ON_STACK + number as u32;
        let search = &mut self.search;
        Search::push(&mut search.open, obj as u64)?;
        Search::push(&mut search.path, number as u64)?;
        Search::push(&mut search.path, search.edges.len() as u64)?;
        let mut units = 1;
        let mut room = true;
        let mut each = |word: usize| {
            units += 1;
            match words.value(word) {
                ZERO => room &= search.edges.push(word as u64),
                value if is_open(value) => search.unite(value - ON_STACK),
                _ => {}
            }
        };
        each_edge(obj, object::type_of(obj), &mut each);
        if self.ephemerons {
            // From both sides, whoever of them lives: which component an entry belongs to is for the confirmation to say.
            each_entry_value(obj, &mut |_| false, &mut each);
        }
        budget.spend(units);
        room.then_some(()).ok_or(NoMemory)
    }
}

fn is_open(value: u32) -> bool {
    (ON_STACK..ON_STACK + ON_STACK_MAX as u32).contains(&value)
}
