//! Long random schedules over more objects: many runs one after another, some of them abandoned, operations in bursts.

use crate::rules::{Fault, Rules};
use crate::run::{Phase, Run};
use crate::world::{Op, Set, World, NONE};

/// Objects, and variables of the host.
const OBJECTS: usize = 24;
const VARIABLES: usize = 4;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    /// A number below a limit.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % limit as u64) as usize
    }
}

/// What a case came to, so that a test can see that something happened.
#[derive(Default, Debug)]
pub struct Seen {
    /// Runs that ended by themselves.
    pub runs: u64,
    /// Objects that were garbage when such a run began.
    pub garbage: u64,
    /// Components that were too large.
    pub reported: u64,
}

/// One schedule.
pub fn case(seed: u64, steps: usize, seen: &mut Seen) -> Result<(), Fault> {
    let mut random = Random(seed);
    let rules = Rules {
        one_by_one: random.below(2) == 0,
        cap: random.below(2) == 0,
        untrack: random.below(4) == 0,
        rounds: random.below(3) as u8,
        piece_max: if random.below(4) == 0 { 2 } else { u32::MAX },
        ..Rules::ALL
    };
    let mut run = Run::new(World::<OBJECTS, VARIABLES>::empty());
    let callbacks = random.below(2) == 0;
    // Of so many steps one is the host's, for a while.
    let mut pace = 1;
    for _ in 0..steps {
        if random.below(20) == 0 {
            pace = [1, 2, 4, 16, 64][random.below(5)];
        }
        if random.below(pace) == 0 {
            host(&mut run, &rules, &mut random, callbacks)?;
            run.settle(&rules)?;
        } else if random.below(1000) == 0 {
            run.abandon(&rules)?;
        } else {
            slice(&mut run, &rules, &mut random, seen)?;
        }
    }
    end(&mut run, &rules, &mut random, seen)
}

type Case = Run<OBJECTS, VARIABLES>;

fn slice(run: &mut Case, rules: &Rules, random: &mut Random, seen: &mut Seen) -> Result<(), Fault> {
    let begins = run.phase == Phase::Idle;
    run.slice(rules, random.below(run.choices()))?;
    if begins {
        seen.garbage += u64::from(run.world.doomed.count_ones());
    } else if run.phase == Phase::Idle {
        seen.runs += 1;
        seen.reported += u64::from(run.reported != 0);
    }
    Ok(())
}

/// An operation of a kind that is chosen first: else most would make objects.
fn host(run: &mut Case, rules: &Rules, random: &mut Random, callbacks: bool) -> Result<(), Fault> {
    if random.below(60) == 0 {
        return build(run, rules, random, callbacks);
    }
    let mut kinds: Vec<Vec<Op>> = Vec::new();
    run.world.ops(rules, |op| {
        let same = |kind: &&mut Vec<Op>| core::mem::discriminant(&kind[0]) == core::mem::discriminant(&op);
        match kinds.iter_mut().find(same) {
            Some(kind) => kind.push(op),
            None => kinds.push(vec![op]),
        }
    });
    let kind = &kinds[random.below(kinds.len())];
    let op = kind[random.below(kind.len())];
    // What is brought back says nothing more about the run.
    if matches!(op, Op::Weak(..)) && random.below(4) != 0 {
        return Ok(());
    }
    run.world.act(op, rules)
}

/// Half of the free blocks become objects, which refer to each other and to what the host has; most will be dropped together.
fn build(run: &mut Case, rules: &Rules, random: &mut Random, callbacks: bool) -> Result<(), Fault> {
    let world = &mut run.world;
    let blocks =
        (0..OBJECTS).filter(|&i| world.used >> i & 1 == 0 && random.below(2) == 0).collect::<Vec<_>>();
    for &i in &blocks {
        let l = random.below(VARIABLES);
        world.act(Op::New(l, i, random.below(8) != 0), rules)?;
        world.finalizer |= Set::from(callbacks && random.below(6) == 0) << i;
        world.callback |= Set::from(callbacks && random.below(6) == 0) << i;
        for s in 0..rules.slots {
            let mut to = blocks[random.below(blocks.len())] as u8;
            if random.below(4) == 0 {
                to = world.local[random.below(VARIABLES)];
            }
            let there = to != NONE && world.reachable() >> to & 1 != 0;
            if there && random.below(5) != 0 && world.local[l] == i as u8 {
                world.set_slot(i, s, to, rules)?;
            }
        }
    }
    Ok(())
}

/// The host lets go of everything: then everything ends, but for what was too large, or is kept by what is untracked.
fn end(run: &mut Case, rules: &Rules, random: &mut Random, seen: &mut Seen) -> Result<(), Fault> {
    let mut reported: Set = 0;
    // Callbacks may bring back, each once.
    for _ in 0..2 * OBJECTS + 3 {
        for l in 0..VARIABLES {
            if run.world.local[l] != NONE {
                run.world.act(Op::Drop(l), rules)?;
            }
        }
        run.settle(rules)?;
        while run.phase != Phase::Idle {
            slice(run, rules, random, seen)?;
        }
        reported = run.reported;
        slice(run, rules, random, seen)?;
        while run.phase != Phase::Idle {
            slice(run, rules, random, seen)?;
        }
        while run.world.debt() != 0 {
            run.world.act(Op::Pay, rules)?;
        }
        reported |= run.reported;
    }
    let kept = run.world.reach(run.world.roots() | reported | run.world.live & !run.world.tracked);
    if run.world.used & !kept != 0 {
        Err(Fault::Missed)
    } else {
        Ok(())
    }
}
