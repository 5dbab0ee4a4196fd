//! Objects, and what a host may do with them. A count is not stored: it is what refers to an object, which is what the
//! engine's count word says at each moment between two operations.

use crate::rules::{Fault, Rules};

/// No object.
pub const NONE: u8 = 0xff;
/// Slots of an object.
pub const SLOTS: usize = 2;

/// A set of blocks, by number.
pub type Set = u32;

/// The members of a set.
pub fn each(mut set: Set) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let first = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (first < 32).then_some(first)
    })
}

/// Whether a set has a block.
pub fn has(set: Set, i: usize) -> bool {
    set >> i & 1 != 0
}

/// All that a host can see: `N` blocks, `L` variables.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct World<const N: usize, const L: usize> {
    /// What each block's slots refer to.
    pub slot: [[u8; SLOTS]; N],
    /// What the host's variables refer to.
    pub local: [u8; L],
    /// Blocks in use.
    pub used: Set,
    /// Objects that are not dying. A used block that is not live waits in the queue of deaths by count.
    pub live: Set,
    /// Objects that are walkable, and under the collector's eyes.
    pub tracked: Set,
    /// Objects with a weak handle that has not been cleared.
    pub handle: Set,
    /// Objects of a type with a finalizer.
    pub finalizer: Set,
    /// Objects whose finalizer has run.
    pub finalized: Set,
    /// Objects whose weak handle has a callback.
    pub callback: Set,
    /// References that the engine has to what it has judged dead.
    pub own: Set,
    /// Garbage when the run began, that nobody has brought back since.
    pub doomed: Set,

    // What of a run operations of the host's have to do with.
    /// A run is under way.
    pub running: bool,
    /// Objects made in this run.
    pub born: Set,
    /// Suspected, each with a working count.
    pub member: Set,
    /// Judged dead: the dead bit.
    pub dead: Set,
    /// Judged dead, and waiting for callbacks.
    pub held: Set,
    /// The host was given one of those.
    pub touched: bool,
}

/// What a host does. Variables are numbers in `local`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// A new object, in a block, into a variable; and whether it is tracked at once.
    New(usize, usize, bool),
    /// Tracks what a variable holds.
    Track(usize),
    /// Untracks it.
    Untrack(usize),
    /// variable = variable.slot
    Load(usize, usize, usize),
    /// variable.slot = variable
    Store(usize, usize, usize),
    /// variable.slot = null
    Empty(usize, usize),
    /// variable = variable.slot, which is null afterwards: nothing is counted
    Take(usize, usize, usize),
    /// variable.slot = variable, which is null afterwards: nothing is counted
    Give(usize, usize, usize),
    /// variable = null
    Drop(usize),
    /// variable = what a weak handle, an iteration or an address gives
    Weak(usize, usize),
    /// One piece of the debt of deaths by count.
    Pay,
}

impl<const N: usize, const L: usize> World<N, L> {
    /// No objects.
    pub fn empty() -> Self {
        World {
            slot: [[NONE; SLOTS]; N],
            local: [NONE; L],
            used: 0,
            live: 0,
            tracked: 0,
            handle: 0,
            finalizer: 0,
            finalized: 0,
            callback: 0,
            own: 0,
            doomed: 0,
            running: false,
            born: 0,
            member: 0,
            dead: 0,
            held: 0,
            touched: false,
        }
    }

    /// Edges from the objects of a set to one object.
    pub fn edges(&self, from: Set, to: usize) -> u32 {
        each(from).map(|i| self.slot[i].iter().filter(|&&t| t as usize == to).count() as u32).sum()
    }

    /// What an object's count word says.
    pub fn count(&self, i: usize) -> u32 {
        let variables = self.local.iter().filter(|&&t| t as usize == i).count() as u32;
        variables + self.edges(self.used, i) + has(self.own, i) as u32
    }

    /// What objects of a set refer to directly.
    pub fn targets(&self, from: Set) -> Set {
        let mut to = 0;
        for i in each(from) {
            for &t in self.slot[i].iter().filter(|&&t| t != NONE) {
                to |= 1 << t;
            }
        }
        to
    }

    /// What can be reached from a set.
    pub fn reach(&self, from: Set) -> Set {
        let (mut reached, mut next) = (0, from);
        while next != 0 {
            reached |= next;
            next = self.targets(next) & !reached;
        }
        reached
    }

    /// What the host's variables refer to.
    pub fn roots(&self) -> Set {
        self.local.iter().filter(|&&t| t != NONE).fold(0, |set, &t| set | 1 << t)
    }

    /// What the host can reach.
    pub fn reachable(&self) -> Set {
        self.reach(self.roots())
    }

    /// What a run that begins now must free.
    pub fn garbage(&self) -> Set {
        self.live & !self.reach(self.roots() | self.live & !self.tracked)
    }

    /// A block is free again.
    pub fn free(&mut self, i: usize, rules: &Rules) -> Result<(), Fault> {
        if !has(self.used, i) {
            return Err(Fault::FreedTwice);
        }
        if has(self.reachable(), i) {
            return Err(Fault::FreedReachable);
        }
        let gone = !(1 << i);
        self.slot[i] = [NONE; SLOTS];
        for set in [
            &mut self.used,
            &mut self.live,
            &mut self.tracked,
            &mut self.handle,
            &mut self.finalizer,
            &mut self.finalized,
            &mut self.callback,
            &mut self.own,
            &mut self.doomed,
            &mut self.born,
            &mut self.dead,
            &mut self.held,
        ] {
            *set &= gone;
        }
        if rules.freed_block {
            self.member &= gone;
        }
        Ok(())
    }

    /// A reference to an object is gone: it dies where that was the last.
    pub fn released(&mut self, t: u8, rules: &Rules) -> Result<(), Fault> {
        if t == NONE {
            return Ok(());
        }
        let t = t as usize;
        if !has(self.used, t) {
            return Err(Fault::Dangling);
        }
        if !has(self.live, t) || self.count(t) != 0 {
            return Ok(());
        }
        // From here on it is dying: nobody is given it, and no run looks at it.
        self.live &= !(1 << t);
        self.handle &= !(1 << t);
        if rules.freed_block {
            self.member &= !(1 << t);
            self.held &= !(1 << t);
        }
        if rules.cap {
            return Ok(());
        }
        while !has(self.live, t) && has(self.used, t) {
            self.pay_for(t, rules)?;
        }
        Ok(())
    }

    /// Objects that are dying by count.
    pub fn debt(&self) -> Set {
        self.used & !self.live
    }

    /// One reference of a dying object is released, or its block freed.
    pub fn pay_for(&mut self, i: usize, rules: &Rules) -> Result<(), Fault> {
        match self.slot[i].iter().position(|&t| t != NONE) {
            Some(s) => self.set_slot(i, s, NONE, rules),
            None => self.free(i, rules),
        }
    }

    /// Stores, and releases what was there.
    pub fn set_slot(&mut self, i: usize, s: usize, to: u8, rules: &Rules) -> Result<(), Fault> {
        let old = core::mem::replace(&mut self.slot[i][s], to);
        self.released(old, rules)
    }

    /// Stores, and releases what was there.
    pub fn set_local(&mut self, l: usize, to: u8, rules: &Rules) -> Result<(), Fault> {
        let old = core::mem::replace(&mut self.local[l], to);
        self.released(old, rules)
    }

    fn at(&self, l: usize) -> Option<usize> {
        (self.local[l] != NONE).then_some(self.local[l] as usize)
    }

    /// What the host may do now.
    pub fn ops(&self, rules: &Rules, mut give: impl FnMut(Op)) {
        let free = !self.used & ((1u64 << N) - 1) as Set;
        for l in 0..L {
            for i in each(free) {
                give(Op::New(l, i, true));
                give(Op::New(l, i, false));
            }
            for i in each(self.live) {
                let obeyed = !has(self.dead, i) || !rules.dead_bit;
                if has(self.handle, i) && obeyed && self.at(l) != Some(i) {
                    give(Op::Weak(l, i));
                }
            }
            let Some(i) = self.at(l) else { continue };
            give(Op::Drop(l));
            if !has(self.tracked, i) {
                give(Op::Track(l));
            } else if rules.untrack {
                give(Op::Untrack(l));
            }
            for s in 0..rules.slots {
                for other in 0..L {
                    if self.at(other).is_some() {
                        give(Op::Store(l, s, other));
                        give(Op::Give(l, s, other));
                    }
                    if self.slot[i][s] != NONE {
                        give(Op::Load(other, l, s));
                        give(Op::Take(other, l, s));
                    }
                }
                if self.slot[i][s] != NONE {
                    give(Op::Empty(l, s));
                }
            }
        }
        if self.debt() != 0 {
            give(Op::Pay);
        }
    }

    /// Does one of [`World::ops`].
    pub fn act(&mut self, op: Op, rules: &Rules) -> Result<(), Fault> {
        match op {
            Op::New(l, i, tracked) => {
                if self.targets(self.used) >> i & 1 != 0 {
                    return Err(Fault::Dangling);
                }
                let bit = 1 << i;
                self.used |= bit;
                self.live |= bit;
                self.handle |= bit;
                self.tracked |= if tracked { bit } else { 0 };
                self.born |= if self.running && rules.born { bit } else { 0 };
                self.set_local(l, i as u8, rules)?;
            }
            Op::Track(l) => self.tracked |= 1 << self.local[l],
            // Out of the run altogether; what a callback stored may be in any of its sets.
            Op::Untrack(l) => {
                let gone = !(1 << self.local[l]);
                for set in
                    [&mut self.tracked, &mut self.member, &mut self.held, &mut self.dead, &mut self.own]
                {
                    *set &= gone;
                }
            }
            Op::Load(to, l, s) => self.set_local(to, self.slot[self.local[l] as usize][s], rules)?,
            Op::Store(l, s, from) => self.set_slot(self.local[l] as usize, s, self.local[from], rules)?,
            Op::Empty(l, s) => self.set_slot(self.local[l] as usize, s, NONE, rules)?,
            Op::Take(to, l, s) => {
                let taken = core::mem::replace(&mut self.slot[self.local[l] as usize][s], NONE);
                self.set_local(to, taken, rules)?;
            }
            Op::Give(l, s, from) => {
                let i = self.local[l] as usize;
                let given = core::mem::replace(&mut self.local[from], NONE);
                self.set_slot(i, s, given, rules)?;
            }
            Op::Drop(l) => self.set_local(l, NONE, rules)?,
            Op::Weak(l, i) => {
                // What waits for callbacks, and is handed out, is out of the run.
                if has(self.held, i) {
                    self.touched = true;
                    if rules.handed_out {
                        self.held &= !(1 << i);
                    }
                }
                self.set_local(l, i as u8, rules)?;
                if !has(self.held, i) && has(self.own, i) && !has(self.dead, i) {
                    self.own &= !(1 << i);
                }
            }
            Op::Pay => {
                let first = self.debt().trailing_zeros() as usize;
                self.pay_for(first, rules)?;
            }
        }
        self.doomed &= !self.reachable();
        Ok(())
    }
}
