//! Every interleaving: from every graph a run begins, and before each of its slices the host may do anything, up to a number of
//! operations in all. States that were seen with as many operations left are not visited again.

use crate::rules::{Fault, Rules};
use crate::run::{Phase, Run};
use crate::world::{each, Op, Set, World, NONE, SLOTS};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// One step of a schedule.
#[derive(Clone, Copy)]
pub enum Step {
    /// A slice of this phase, and what its callback chose.
    Slice(Phase, usize),
    /// The host.
    Host(Op),
}

/// What failed, and how it came about.
pub struct Failure<const N: usize, const L: usize> {
    /// What.
    pub fault: Fault,
    /// Where it began.
    pub world: World<N, L>,
    /// What happened.
    pub steps: Vec<Step>,
}

impl<const N: usize, const L: usize> core::fmt::Debug for Failure<N, L> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{:?}; from slots {:?}, variables {:?}", self.fault, self.world.slot, self.world.local)?;
        writeln!(f, "finalizers {:b}, callbacks {:b}", self.world.finalizer, self.world.callback)?;
        self.steps.iter().try_for_each(|step| match step {
            Step::Slice(phase, 0) => writeln!(f, "  slice: {phase:?}"),
            Step::Slice(phase, choice) => writeln!(f, "  slice: {phase:?}, whose callback does {choice}"),
            Step::Host(op) => writeln!(f, "  host: {op:?}"),
        })
    }
}

/// 64 bits of a state: two of 100 million states have the same with a probability of one to some thousands, and then one
/// of the two is not visited.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, n: u64) {
        let product = u128::from(self.0 ^ n ^ 0x9e37_79b9_7f4a_7c15) * 0xf39c_c060_5ced_c835;
        let mixed = (product >> 64) as u64 ^ product as u64;
        self.0 = mixed.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
}

/// For keys that are mixed already.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

/// A search under one set of rules.
pub struct Search<const N: usize, const L: usize> {
    rules: Rules,
    /// By state: one more than the operations that were left.
    seen: HashMap<u64, u8, BuildHasherDefault<Mixed>>,
    steps: Vec<Step>,
}

/// No run takes so many slices and operations.
const STEPS_MAX: usize = 2000;

impl<const N: usize, const L: usize> Search<N, L> {
    /// A search that has seen nothing.
    pub fn new(rules: Rules) -> Self {
        Search { rules, seen: HashMap::default(), steps: Vec::new() }
    }

    /// How many states were seen.
    pub fn states(&self) -> usize {
        self.seen.len()
    }

    /// All that can happen in a run that begins here.
    pub fn begin(&mut self, world: World<N, L>, ops: u8) -> Result<(), Failure<N, L>> {
        self.steps.clear();
        let mut run = Run::new(world);
        let result = run.slice(&self.rules, 0).and_then(|()| self.visit(&run, ops));
        result.map_err(|fault| Failure { fault, world, steps: core::mem::take(&mut self.steps) })
    }

    fn visit(&mut self, run: &Run<N, L>, ops: u8) -> Result<(), Fault> {
        if run.phase == Phase::Idle {
            return Ok(());
        }
        let mut mix = Mix::default();
        run.hash(&mut mix);
        let seen = self.seen.entry(mix.finish()).or_insert(0);
        if *seen > ops {
            return Ok(());
        }
        *seen = ops + 1;
        if self.steps.len() > STEPS_MAX {
            return Err(Fault::Endless);
        }
        for choice in 0..run.choices() {
            let mut next = *run;
            self.steps.push(Step::Slice(run.phase, choice));
            next.slice(&self.rules, choice)?;
            self.visit(&next, ops)?;
            self.steps.pop();
        }
        if ops == 0 {
            return Ok(());
        }
        let mut all = Vec::new();
        run.world.ops(&self.rules, |op| all.push(op));
        for op in all {
            let mut next = *run;
            self.steps.push(Step::Host(op));
            next.world.act(op, &self.rules)?;
            next.settle(&self.rules)?;
            self.visit(&next, ops - 1)?;
            self.steps.pop();
        }
        Ok(())
    }
}

/// All ways to refer to `length` of `count` objects, or to none, but for their order.
fn choices(count: u8, length: usize) -> Vec<Vec<u8>> {
    let mut all = vec![vec![]];
    for _ in 0..length {
        let longer = |one: &Vec<u8>| {
            let one = one.clone();
            (one.last().copied().unwrap_or(0)..=count).map(move |t| [&one[..], &[t]].concat())
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Every graph of at most `N` objects, and every way for the host to hold two of them; as every order of the objects is
/// another graph, every order in which a run comes to them is in it.
pub fn graphs<const N: usize, const L: usize>(
    rules: &Rules,
    mut give: impl FnMut(World<N, L>) -> Result<(), Failure<N, L>>,
) -> Result<(), Failure<N, L>> {
    let (rows, variables) = (choices(N as u8, rules.slots), choices(N as u8, L));
    let target = |t: u8| if t as usize == N { NONE } else { t };
    for number in 0..rows.len().pow(N as u32) {
        for held in &variables {
            let mut world = World::<N, L>::empty();
            world.local = core::array::from_fn(|l| target(held[l]));
            let mut digits = number;
            for slot in &mut world.slot {
                let row = &rows[digits % rows.len()];
                *slot = core::array::from_fn(|s| if s < rules.slots { target(row[s]) } else { NONE });
                digits /= rows.len();
            }
            let mut used: Set = (1 << N) - 1;
            // What nothing refers to is not there, and with another number the graph comes without it.
            loop {
                world.used = used;
                let gone = each(used).filter(|&i| world.count(i) == 0).fold(0, |set, i| set | 1 << i);
                if gone == 0 {
                    break;
                }
                each(gone).for_each(|i| world.slot[i] = [NONE; SLOTS]);
                used &= !gone;
            }
            (world.live, world.tracked, world.handle) = (used, used, used);
            give(world)?;
        }
    }
    Ok(())
}
