//! Which flow of control made an object: whose turn it was when its serial number was given.
//!
//! The list has an entry for each turn in which something was made since the outermost measure that is open was entered;
//! entries that no measure asks for any more are dropped when it becomes long. It has a bound all the same: a flow may
//! take turns with others for days while a measure is open. Beyond it, turns are taken together two by two, and what was
//! made in the shorter one counts as the other flow's.
//!
//! Flows are named by a number and a generation, so that one that has ended is told without looking for its turns.

use super::measure::Flow;
use crate::base::list::List;
use core::ptr;

/// Turns at which the list is looked through for the first time.
const TURNS_FIRST: usize = if cfg!(feature = "check") { 8 } else { 256 };
/// The most turns that are kept.
const TURNS_MAX: usize = if cfg!(feature = "check") { 64 } else { 64 << 10 };

/// A turn: from a serial number to that of the next.
#[derive(Clone, Copy)]
struct Turn {
    first_serial: u64,
    /// The flow's number; 0: one without measures.
    number: u32,
    generation: u32,
}

/// A flow that has, or had, measures.
#[derive(Clone, Copy)]
struct Known {
    /// Null: it has ended.
    flow: *mut Flow,
    generation: u32,
    /// Of one that has ended: the number of the next such; 0: none.
    next_free: u32,
}

/// See the file's head. Zeroed memory is an empty list.
pub struct Turns {
    turns: List<Turn>,
    flows: List<Known>,
    /// The number of a flow that has ended; 0: none.
    free: u32,
    /// The length at which the list is looked through.
    limit: usize,
}

impl Turns {
    /// Whether no turn was noted.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Bytes of the lists.
    pub fn own_bytes(&self) -> u64 {
        self.turns.own_bytes() + self.flows.own_bytes()
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        self.turns.end();
        self.flows.end();
    }

    /// No measure is open.
    pub fn forget(&mut self) {
        self.turns.truncate(0);
    }

    /// A number for a flow whose turn it is, and which enters its first measure; 0 for out of memory.
    pub fn add(&mut self, flow: *mut Flow, next_serial: u64) -> u32 {
        let number = match self.flows.get(self.free.wrapping_sub(1) as usize) {
            Some(known) => {
                let number = core::mem::replace(&mut self.free, known.next_free);
                self.flows.set(number as usize - 1, Known { flow, next_free: 0, ..known });
                number
            }
            None if self.flows.push(Known { flow, generation: 0, next_free: 0 }) => self.flows.len() as u32,
            None => return 0,
        };
        if !self.is_empty() {
            // What it made before, in a turn that is noted as nobody's, stays so.
            self.begin(number, next_serial);
        }
        number
    }

    /// A flow has ended.
    pub fn remove(&mut self, number: u32) {
        if let Some(known) = self.flows.get_mut(number.wrapping_sub(1) as usize) {
            known.flow = ptr::null_mut();
            known.generation = known.generation.wrapping_add(1);
            known.next_free = core::mem::replace(&mut self.free, number);
        }
    }

    /// The turn of one flow ends and that of another begins.
    pub fn note(&mut self, from: u32, to: u32, next_serial: u64) {
        if self.is_empty() {
            self.begin(from, 0);
        }
        self.begin(to, next_serial);
        if self.turns.len() > self.limit.max(TURNS_FIRST) {
            self.thin_out();
        }
    }

    /// The flow that made the object of a serial number; null: one that has ended, or without measures.
    ///
    /// The list is not empty.
    pub fn flow_of(&self, serial: u64) -> *mut Flow {
        let place = self.turns.as_slice().partition_point(|turn| turn.first_serial <= serial);
        self.turns.get(place.wrapping_sub(1)).map_or(ptr::null_mut(), |turn| self.flow(turn))
    }

    fn flow(&self, turn: Turn) -> *mut Flow {
        match self.flows.get(turn.number.wrapping_sub(1) as usize) {
            Some(known) if known.generation == turn.generation => known.flow,
            _ => ptr::null_mut(),
        }
    }

    /// A turn begins. Without memory for it the list begins anew: what was made before is nobody's, and what is made
    /// the present flow's.
    fn begin(&mut self, number: u32, first_serial: u64) {
        let generation = self.flows.get(number.wrapping_sub(1) as usize).map_or(0, |known| known.generation);
        let turn = Turn { first_serial, number, generation };
        while self.turns.last().is_some_and(|last| last.first_serial == first_serial) {
            // Nothing was made in it.
            let _ = self.turns.pop();
        }
        if !self.turns.push(turn) {
            self.forget();
        }
    }

    /// Takes out what no measure asks for.
    #[cold]
    fn thin_out(&mut self) {
        let asked = |turns: &Turns, turn: Turn, end: u64| {
            // SAFETY: a flow in the list has not ended.
            let flow = unsafe { turns.flow(turn).as_ref() };
            flow.and_then(Flow::first_serial).is_some_and(|first| first < end)
        };
        // The last one goes on, and a measure may still be entered in it.
        self.rewrite(|turns, turn, end| match end == u64::MAX || asked(turns, turn, end) {
            true => turn,
            false => Turn { number: 0, generation: 0, ..turn },
        });
        let limit = self.limit.max(TURNS_FIRST);
        if self.turns.len() <= limit / 2 {
            return;
        }
        if limit < TURNS_MAX {
            self.limit = limit * 2;
            return;
        }
        self.halve();
    }

    /// Writes the list anew; `change` is given each turn and its end. Neighbours that are of one flow become one turn.
    fn rewrite(&mut self, change: impl Fn(&Turns, Turn, u64) -> Turn) {
        let mut kept: usize = 0;
        for place in 0..self.turns.len() {
            let Some(turn) = self.turns.get(place) else { return };
            let end = self.turns.get(place + 1).map_or(u64::MAX, |next| next.first_serial);
            let turn = change(self, turn, end);
            let same = |before: Turn| (before.number, before.generation) == (turn.number, turn.generation);
            if !self.turns.get(kept.wrapping_sub(1)).filter(|_| kept != 0).is_some_and(same) {
                self.turns.set(kept, turn);
                kept += 1;
            }
        }
        self.turns.truncate(kept);
    }

    /// Takes turns together two by two, but for the last, which goes on.
    fn halve(&mut self) {
        let last = self.turns.len() - 1;
        let first_of =
            |turns: &Turns, place| turns.turns.get(place).map_or(u64::MAX, |turn| turn.first_serial);
        for pair in 0..last / 2 {
            let (first, second) = (pair * 2, pair * 2 + 1);
            let [begin, middle, end] = [first, second, second + 1].map(|place| first_of(self, place));
            let longer = if middle - begin >= end - middle { first } else { second };
            if let Some(turn) = self.turns.get(longer) {
                self.turns.set(pair, Turn { first_serial: begin, ..turn });
            }
        }
        let mut kept = last / 2;
        for place in last / 2 * 2..=last {
            if let Some(turn) = self.turns.get(place) {
                self.turns.set(kept, turn);
                kept += 1;
            }
        }
        self.turns.truncate(kept);
        self.rewrite(|_, turn, _| turn);
    }
}
