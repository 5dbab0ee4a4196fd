//! A run, cut into slices of one object or one edge.

use crate::rules::{Fault, Rules};
use crate::world::{each, has, Set, World, NONE, SLOTS};

/// What the next slice does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// There is no run.
    Idle,
    /// Pays for deaths by count.
    Debts,
    /// Working count := count.
    Count,
    /// One less for an edge between members.
    Subtract,
    /// What has a working count left is suspected no more, with all it reaches.
    Mark,
    /// Edges between suspects are read, for components.
    Read,
    /// A component is confirmed, or let go.
    Confirm,
    /// A finalizer.
    Finalize,
    /// A weak handle reads null.
    Clear,
    /// A weak callback.
    Call,
    /// A reference from the dead is released.
    Empty,
    /// A block of the dead is freed.
    Free,
}

/// The world and the run in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Run<const N: usize, const L: usize> {
    /// See there.
    pub world: World<N, L>,
    /// See there.
    pub phase: Phase,
    at: u8,
    edge: u8,
    round: u8,
    work: [u8; N],
    listed: Set,
    read: [[u8; SLOTS]; N],
    piece: [u8; N],
    /// The component to go on with when one has ended.
    next: u8,
    called: bool,
    called_ever: bool,
    /// What was too large to be confirmed.
    pub reported: Set,
}

/// What a callback about an object does.
const ACTIONS: usize = 6;

impl<const N: usize, const L: usize> Run<N, L> {
    /// No run yet.
    pub fn new(world: World<N, L>) -> Self {
        Run {
            world,
            phase: Phase::Idle,
            at: 0,
            edge: 0,
            round: 0,
            work: [0; N],
            listed: 0,
            read: [[NONE; SLOTS]; N],
            piece: [NONE; N],
            next: 0,
            called: false,
            called_ever: false,
            reported: 0,
        }
    }

    /// How many ways the next slice can go.
    pub fn choices(&self) -> usize {
        let w = &self.world;
        let calls = match self.phase {
            Phase::Finalize => w.held & w.finalizer & !w.finalized != 0 && !w.touched,
            Phase::Call => w.dead & w.callback != 0,
            _ => false,
        };
        if calls {
            ACTIONS
        } else {
            1
        }
    }

    /// The next slice.
    pub fn slice(&mut self, rules: &Rules, choice: usize) -> Result<(), Fault> {
        match self.phase {
            Phase::Idle => self.begin(rules),
            Phase::Debts => match self.world.debt() {
                0 => self.enter(Phase::Count),
                debt => self.world.pay_for(debt.trailing_zeros() as usize, rules)?,
            },
            Phase::Count => self.count_one(),
            Phase::Subtract => self.subtract_one(rules)?,
            Phase::Mark => self.mark_one(rules)?,
            Phase::Read => self.read_one(rules)?,
            Phase::Confirm => self.confirm_one(rules)?,
            Phase::Finalize => self.finalize_one(rules, choice)?,
            Phase::Clear => {
                self.world.handle &= !(1 << self.at);
                self.at += 1;
            }
            Phase::Call => self.call_one(rules, choice)?,
            Phase::Empty => self.empty_one(rules)?,
            Phase::Free => {
                self.world.free(self.at as usize, rules)?;
                self.at += 1;
            }
        }
        self.settle(rules)
    }

    fn enter(&mut self, phase: Phase) {
        (self.phase, self.at, self.edge) = (phase, 0, 0);
    }

    fn begin(&mut self, rules: &Rules) {
        let w = &mut self.world;
        w.doomed = w.garbage();
        (w.running, w.born, w.member, w.dead, w.held, w.touched) = (true, 0, 0, 0, 0, false);
        self.reported = 0;
        self.enter(if rules.debts_first && rules.cap { Phase::Debts } else { Phase::Count });
    }

    /// Goes on to the next object that the phase has to do with, or to the next phase.
    pub fn settle(&mut self, rules: &Rules) -> Result<(), Fault> {
        loop {
            let w = &self.world;
            let concerned = match self.phase {
                Phase::Idle | Phase::Debts | Phase::Confirm | Phase::Finalize => return Ok(()),
                Phase::Count if self.round == 0 => !rules.born as Set * !0 | w.live & !w.born,
                Phase::Count | Phase::Subtract | Phase::Read => w.member,
                Phase::Mark if self.listed != 0 => return Ok(()),
                Phase::Mark => w.member,
                Phase::Clear => w.dead & w.handle,
                Phase::Call => w.dead & w.callback,
                Phase::Empty | Phase::Free => w.dead,
            };
            if (self.at as usize) < N {
                if has(concerned, self.at as usize) {
                    return Ok(());
                }
                (self.at, self.edge) = (self.at + 1, 0);
                continue;
            }
            self.next_phase(rules)?;
        }
    }

    fn next_phase(&mut self, rules: &Rules) -> Result<(), Fault> {
        let next = match self.phase {
            Phase::Count => Phase::Subtract,
            Phase::Subtract => Phase::Mark,
            Phase::Mark => {
                self.work = [0; N];
                self.round += 1;
                match self.world.member {
                    0 => return self.end(),
                    _ if self.round <= rules.rounds => Phase::Count,
                    _ if rules.confirm => Phase::Read,
                    suspects => {
                        (self.world.dead, self.world.member) = (suspects, 0);
                        Phase::Clear
                    }
                }
            }
            Phase::Read => {
                self.find_pieces(rules);
                Phase::Confirm
            }
            Phase::Clear => Phase::Call,
            Phase::Call if self.called && rules.judge_again && rules.one_by_one => {
                self.called = false;
                self.world.dead = self.judge_at_once(self.world.dead, rules)?;
                Phase::Empty
            }
            Phase::Call if self.called && rules.judge_again => {
                self.called = false;
                (self.world.member, self.world.dead) = (self.world.dead, 0);
                Phase::Read
            }
            Phase::Call => Phase::Empty,
            Phase::Empty if rules.empty_first => Phase::Free,
            Phase::Empty | Phase::Free if rules.one_by_one => {
                self.enter(Phase::Confirm);
                self.at = core::mem::take(&mut self.next);
                return Ok(());
            }
            _ => return self.end(),
        };
        self.enter(next);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.world.doomed != 0 {
            return Err(Fault::Missed);
        }
        let reported = self.reported;
        let mut world = self.world;
        (world.running, world.born, world.member, world.dead, world.held) = (false, 0, 0, 0, 0);
        *self = Run { reported, ..Run::new(world) };
        Ok(())
    }

    /// The run is given up: nothing more is judged, and what was judged dead ends.
    pub fn abandon(&mut self, rules: &Rules) -> Result<(), Fault> {
        let phase = self.phase;
        if phase == Phase::Idle {
            return Ok(());
        }
        (self.world.doomed, self.listed, self.work) = (0, 0, [0; N]);
        self.world.member |= core::mem::take(&mut self.world.held);
        self.let_go(self.world.member, rules)?;
        (self.read, self.piece) = ([[NONE; SLOTS]; N], [NONE; N]);
        if self.world.dead == 0 {
            return self.end();
        }
        if matches!(phase, Phase::Confirm | Phase::Finalize | Phase::Read) {
            self.enter(Phase::Clear);
        }
        self.settle(rules)
    }

    fn count_one(&mut self) {
        let i = self.at as usize;
        let w = &mut self.world;
        if self.round == 0 && has(w.live & w.tracked & !w.born, i) {
            w.member |= 1 << i;
        }
        if has(w.member, i) {
            self.work[i] = w.count(i) as u8;
        }
        self.at += 1;
    }

    /// Objects are walked only while they can be.
    fn walk(&self, i: usize) -> Result<(), Fault> {
        if has(self.world.live & self.world.tracked, i) {
            Ok(())
        } else {
            Err(Fault::Walked)
        }
    }

    fn next_edge(&mut self, rules: &Rules) {
        self.edge += 1;
        if self.edge as usize >= rules.slots {
            (self.at, self.edge) = (self.at + 1, 0);
        }
    }

    fn subtract_one(&mut self, rules: &Rules) -> Result<(), Fault> {
        let i = self.at as usize;
        self.walk(i)?;
        let t = self.world.slot[i][self.edge as usize];
        if t != NONE && has(self.world.member, t as usize) {
            // Of a live object, counted and subtracted at different times, more may be found than was counted.
            self.work[t as usize] = self.work[t as usize].saturating_sub(1);
        }
        self.next_edge(rules);
        Ok(())
    }

    fn mark_one(&mut self, rules: &Rules) -> Result<(), Fault> {
        if self.listed == 0 {
            let i = self.at as usize;
            if self.work[i] != 0 {
                self.world.member &= !(1 << i);
                self.listed |= 1 << i;
                self.edge = 0;
            }
            self.at += 1;
            return Ok(());
        }
        let i = self.listed.trailing_zeros() as usize;
        let w = &mut self.world;
        let good = w.live & if rules.born { w.tracked & !w.born } else { !0 };
        if !has(good, i) {
            (self.listed, self.edge) = (self.listed & !(1 << i), 0);
            return Ok(());
        }
        self.walk(i)?;
        let w = &mut self.world;
        let t = w.slot[i][self.edge as usize];
        if t != NONE && has(w.member, t as usize) {
            w.member &= !(1 << t);
            // The list is taken from its low end, which a target may become.
            self.listed |= 1 << t;
        }
        self.edge += 1;
        if self.edge as usize >= rules.slots {
            (self.listed, self.edge) = (self.listed & !(1 << i), 0);
        } else if self.listed.trailing_zeros() as usize != i {
            self.edge = 0;
        }
        Ok(())
    }

    fn read_one(&mut self, rules: &Rules) -> Result<(), Fault> {
        let (i, s) = (self.at as usize, self.edge as usize);
        self.walk(i)?;
        let t = self.world.slot[i][s];
        self.read[i][s] = if t != NONE && has(self.world.member, t as usize) { t } else { NONE };
        self.next_edge(rules);
        Ok(())
    }

    /// Components of what was read, numbered so that edges lead to higher numbers.
    fn find_pieces(&mut self, rules: &Rules) {
        let members = self.world.member;
        let mut graph = World::<N, L>::empty();
        graph.slot = self.read;
        let reach: [Set; N] =
            core::array::from_fn(|i| if has(members, i) { graph.reach(1 << i) & members } else { 0 });
        self.piece = [NONE; N];
        let (mut left, mut number) = (members, 0);
        while left != 0 {
            // A component that nothing else that is left reaches.
            let source = each(left).find(|&i| each(left).all(|j| !has(reach[j], i) || has(reach[i], j)));
            let Some(i) = source else { return };
            let piece =
                each(left).filter(|&j| has(reach[i], j) && has(reach[j], i)).fold(0, |set, j| set | 1 << j);
            each(piece).for_each(|j| self.piece[j] = number);
            left &= !piece;
            number += 1;
        }
        if !rules.sources_first {
            self.piece
                .iter_mut()
                .filter(|piece| **piece != NONE)
                .for_each(|piece| *piece = number - 1 - *piece);
        }
        self.read = [[NONE; SLOTS]; N];
    }

    /// What of a set nothing outside of it reaches; the rest is let go.
    fn judge_at_once(&mut self, set: Set, rules: &Rules) -> Result<Set, Fault> {
        each(set).try_for_each(|i| self.walk(i))?;
        let w = &self.world;
        let kept = |i: &usize| w.count(*i) != has(w.own, *i) as u32 + w.edges(set, *i);
        let mut lives = each(set).filter(kept).fold(0, |lives, i| lives | 1 << i);
        while w.targets(lives) & set & !lives != 0 {
            lives |= w.targets(lives) & set;
        }
        self.world.held &= !lives;
        self.world.dead &= !lives;
        self.world.member |= lives;
        self.let_go(lives, rules)?;
        Ok(set & !lives)
    }

    /// Confirms a component, and goes on with the end of what is dead of it.
    fn confirm_and_end(&mut self, piece: Set, rules: &Rules) -> Result<(), Fault> {
        let piece = piece & self.world.member;
        if piece.count_ones() > rules.piece_max {
            self.reported |= piece;
            self.world.doomed &= !self.world.reach(piece);
            return self.let_go(piece, rules);
        }
        let dead = self.judge_at_once(piece, rules)?;
        if dead == 0 {
            return Ok(());
        }
        self.next = self.at;
        let w = &mut self.world;
        w.member &= !dead;
        w.own |= if rules.hold { dead } else { 0 };
        if dead & w.finalizer & !w.finalized != 0 {
            w.held = dead;
            self.enter(Phase::Finalize);
        } else {
            w.dead = dead;
            self.enter(Phase::Clear);
        }
        Ok(())
    }

    fn confirm_one(&mut self, rules: &Rules) -> Result<(), Fault> {
        if rules.one_by_one && rules.debts_first && self.world.debt() != 0 {
            let first = self.world.debt().trailing_zeros() as usize;
            return self.world.pay_for(first, rules);
        }
        let piece = (0..N).filter(|&i| self.piece[i] == self.at).fold(0, |set, i| set | 1 << i);
        if piece == 0 {
            return self.all_confirmed(rules);
        }
        self.at += 1;
        if rules.one_by_one {
            return self.confirm_and_end(piece, rules);
        }
        let w = &self.world;
        let whole = piece & w.member == piece;
        if whole && piece.count_ones() > rules.piece_max {
            self.reported |= piece;
            self.world.doomed &= !w.reach(piece);
        } else if whole {
            // A block that is free reads as one that nothing refers to.
            each(piece & w.live).try_for_each(|i| self.walk(i))?;
            let w = &self.world;
            let judged = piece | w.dead | w.held;
            if each(piece).all(|i| w.count(i) == has(w.own, i) as u32 + w.edges(judged, i)) {
                let waits = piece & w.finalizer & !w.finalized != 0 || w.targets(w.held) & piece != 0;
                let w = &mut self.world;
                w.member &= !piece;
                w.own |= if rules.hold { piece } else { 0 };
                *(if waits { &mut w.held } else { &mut w.dead }) |= piece;
                return Ok(());
            }
        }
        self.let_go(piece, rules)
    }

    /// A piece is suspected no more.
    fn let_go(&mut self, piece: Set, rules: &Rules) -> Result<(), Fault> {
        let members = piece & self.world.member;
        self.world.member &= !piece;
        for i in each(members & self.world.own) {
            self.world.own &= !(1 << i);
            self.world.released(i as u8, rules)?;
        }
        Ok(())
    }

    fn all_confirmed(&mut self, rules: &Rules) -> Result<(), Fault> {
        self.piece = [NONE; N];
        if rules.freed_block && self.world.member != 0 {
            return Err(Fault::Endless);
        }
        if rules.one_by_one {
            return self.end();
        }
        self.enter(if self.world.held != 0 { Phase::Finalize } else { Phase::Clear });
        Ok(())
    }

    fn finalize_one(&mut self, rules: &Rules, choice: usize) -> Result<(), Fault> {
        let w = &mut self.world;
        let due = w.held & w.finalizer & !w.finalized;
        if due == 0 || w.touched && rules.handed_out {
            w.touched = false;
            if rules.judge_again && rules.one_by_one {
                let held = self.judge_at_once(self.world.held, rules)?;
                if held & self.world.finalizer & !self.world.finalized == 0 {
                    (self.world.dead, self.world.held) = (held, 0);
                    self.enter(Phase::Clear);
                }
            } else if rules.judge_again {
                (w.member, w.held) = (w.held, 0);
                self.enter(Phase::Read);
            } else {
                (w.dead, w.held) = (w.dead | w.held, 0);
                self.enter(Phase::Clear);
            }
            return Ok(());
        }
        let i = due.trailing_zeros() as usize;
        w.finalized |= 1 << i;
        self.call(i, choice, rules)
    }

    fn call_one(&mut self, rules: &Rules, choice: usize) -> Result<(), Fault> {
        let i = self.at as usize;
        self.world.callback &= !(1 << i);
        self.called = true;
        self.call(i, choice, rules)
    }

    /// Host code that knows one object.
    fn call(&mut self, i: usize, choice: usize, rules: &Rules) -> Result<(), Fault> {
        let w = &mut self.world;
        if !self.called_ever && has(w.reachable(), i) {
            return Err(Fault::CalledReachable);
        }
        self.called_ever = true;
        let next = w.slot[i][0];
        match choice {
            1 => w.set_local(0, i as u8, rules)?,
            2 => w.set_local(0, next, rules)?,
            3 => w.set_slot(i, 0, NONE, rules)?,
            4 => w.set_slot(i, rules.slots - 1, i as u8, rules)?,
            5 if next != NONE => {
                w.set_slot(next as usize, 0, i as u8, rules)?;
                // What is stored in what has no part in the run, or one by one in the component, is as alive as that.
                let judged = if rules.one_by_one { 0 } else { w.member };
                if !has(judged | w.held | w.dead, next as usize) {
                    w.doomed &= !w.reach(1 << next);
                }
            }
            _ => {}
        }
        // The caller has the object in its hands still.
        if !has(w.live, i) {
            return Err(Fault::Dangling);
        }
        w.doomed &= !w.reachable();
        Ok(())
    }

    fn empty_one(&mut self, rules: &Rules) -> Result<(), Fault> {
        let (i, s) = (self.at as usize, self.edge as usize);
        let w = &mut self.world;
        let t = core::mem::replace(&mut w.slot[i][s], NONE);
        if t != NONE && !has(w.dead, t as usize) {
            w.released(t, rules)?;
        }
        self.next_edge(rules);
        if !rules.empty_first && self.edge == 0 {
            self.world.free(i, rules)?;
        }
        Ok(())
    }
}
