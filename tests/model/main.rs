//! A model of sliced collection: the algorithm of a run that is cut into slices, without the engine's memory and words, held
//! against every interleaving of what a host may do with slices of one object or one edge.
//!
//! **The verdict is exact.** Nothing that the host can reach is freed or finalized; nothing is freed twice, walked where it may
//! not be, or referred to when it is free; and all that was garbage when a run began has ended when it has, but for
//!
//! - what a weak handle brought back in between, or a callback stored, and what that reached then. Where components end one
//!   by one, that is so of what a callback stores in garbage whose component is still to come, too: the next run finds it;
//! - components above the policy's size, which are reported, and what they reach;
//! - what untracked objects keep.
//!
//! **The algorithm** (`run.rs`), with the host between any two slices:
//!
//! Components are ended one by one before the next is confirmed, as the engine does, or all are confirmed first: the rules are
//! the same.
//!
//! | phase | what it does |
//! |---|---|
//! | debts | deaths by count that were put off are paid for: what they hold is not garbage to a count |
//! | count | objects that are tracked, and were not made in the run, are suspected: working count := count |
//! | subtract | one less for an edge between suspects, down to zero: edges and counts of the living are of different times |
//! | mark | what has a working count left, and all it reaches, is suspected no more. These three again, for what is left, as often as is wanted |
//! | read | edges between suspects; their components, sources first |
//! | confirm | a component that has lost no member is dead if all counts of it are explained by edges from inside, from what is judged dead, and by the engine's own references. In one slice, with that, it gets the dead bit and the engine's references. Where a finalizer has not run in it, or in what leads to it, it is held, without the bit |
//! | finalize | finalizers of what is held; then that is read and confirmed again |
//! | clear, call | weak handles, and their callbacks; if any ran, the dead are read and confirmed again |
//! | empty, free | references of the dead are released; when all are, the blocks are freed |
//!
//! `rules.rs` lists what can be taken out; for each rule there is a test that the model fails without it.
//!
//! `world.rs` is the host's side. RCGC_TEST_FULL makes the searches longer; RCGC_TEST_SEED is the first seed of the random
//! schedules, each of which prints its own when it fails.

mod explore;
mod random;
mod rules;
mod run;
mod world;

use explore::{graphs, Failure, Search};
use random::{case, Seen};
use rules::{Fault, Rules};
use world::{each, Op, Set, World};

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// Which objects of a graph have callbacks.
#[derive(Clone, Copy, PartialEq)]
enum With {
    Nothing,
    Finalizers,
    Callbacks,
    Debts,
}

/// All graphs under these rules, and all that a host can do in up to `ops` operations.
fn search<const N: usize>(rules: Rules, ops: u8, with: With) -> Result<usize, Failure<N, 2>> {
    let mut search = Search::<N, 2>::new(rules);
    graphs(&rules, |world: World<N, 2>| match with {
        With::Nothing => search.begin(world, ops),
        // Deaths by count that wait when the run begins.
        With::Debts => {
            let mut world = world;
            for l in each(0b11).filter(|&l| world.local[l] != world::NONE).collect::<Vec<_>>() {
                world.act(Op::Drop(l), &rules).map_err(|fault| Failure {
                    fault,
                    world,
                    steps: Vec::new(),
                })?;
            }
            search.begin(world, ops)
        }
        With::Finalizers | With::Callbacks => {
            (1..1 << N).filter(|set| set & !world.used == 0).try_for_each(|set: Set| {
                let mut world = world;
                *(if with == With::Finalizers { &mut world.finalizer } else { &mut world.callback }) = set;
                search.begin(world, ops)
            })
        }
    })?;
    Ok(search.states())
}

/// The search finds nothing; it must have been a search.
fn holds<const N: usize>(slots: usize, ops: u8, with: With, rules: Rules) {
    let both = [false, true];
    both.iter().for_each(|&one_by_one| holds_so::<N>(slots, ops, with, Rules { one_by_one, ..rules }));
}

fn holds_so<const N: usize>(slots: usize, ops: u8, with: With, rules: Rules) {
    let states = match search::<N>(Rules { slots, ..rules }, ops, with) {
        Ok(states) => states,
        Err(failure) => panic!("{failure:?}"),
    };
    println!("{N} objects, {slots} slots, {ops} operations: {states} states");
    assert!(states > 10_000, "{states} states are no search");
}

/// Without the rule the search finds one of these.
fn fails<const N: usize>(slots: usize, ops: u8, with: With, rules: Rules, faults: &[Fault]) {
    let both = [false, true];
    both.iter()
        .for_each(|&one_by_one| fails_so::<N>(slots, ops, with, Rules { one_by_one, ..rules }, faults));
}

fn fails_so<const N: usize>(slots: usize, ops: u8, with: With, rules: Rules, faults: &[Fault]) {
    let found = search::<N>(Rules { slots, ..rules }, ops, with);
    let failure = found.err().unwrap_or_else(|| panic!("nothing is found without the rule: {rules:?}"));
    println!("{failure:?}");
    assert!(faults.contains(&failure.fault), "{failure:?}");
}

/// As many operations as the machine has time for.
fn ops(usual: u8) -> u8 {
    if is_set("RCGC_TEST_FULL") {
        usual + 1
    } else {
        usual
    }
}

#[test]
fn four_objects() {
    holds_so::<4>(1, ops(2), With::Nothing, Rules { one_by_one: true, ..Rules::ALL });
}

#[test]
fn three_objects_of_two_slots() {
    holds_so::<3>(2, ops(1), With::Nothing, Rules { one_by_one: true, ..Rules::ALL });
    holds::<2>(2, ops(2), With::Nothing, Rules::ALL);
}

#[test]
fn four_objects_of_two_slots() {
    if is_set("RCGC_TEST_FULL") {
        holds_so::<4>(2, 1, With::Nothing, Rules { one_by_one: true, ..Rules::ALL });
    }
}

#[test]
fn without_and_with_more_rounds_of_examination() {
    holds::<3>(1, ops(2), With::Nothing, Rules { rounds: 0, ..Rules::ALL });
    holds::<3>(1, ops(2), With::Nothing, Rules { rounds: 2, ..Rules::ALL });
}

#[test]
fn finalizers() {
    holds::<3>(1, ops(2), With::Finalizers, Rules::ALL);
    holds::<2>(2, ops(2), With::Finalizers, Rules { untrack: true, ..Rules::ALL });
}

#[test]
fn weak_callbacks() {
    holds::<3>(1, ops(2), With::Callbacks, Rules::ALL);
    holds::<2>(2, ops(2), With::Callbacks, Rules::ALL);
}

#[test]
fn hosts_that_untrack() {
    holds::<3>(1, ops(2), With::Nothing, Rules { untrack: true, ..Rules::ALL });
}

#[test]
fn deaths_by_count_that_are_put_off() {
    holds::<3>(1, ops(2), With::Nothing, Rules { cap: true, ..Rules::ALL });
    holds::<3>(2, ops(0), With::Debts, Rules { cap: true, ..Rules::ALL });
}

#[test]
fn components_that_are_too_large() {
    holds::<3>(1, ops(2), With::Nothing, Rules { piece_max: 1, ..Rules::ALL });
    holds::<2>(2, ops(2), With::Finalizers, Rules { piece_max: 1, ..Rules::ALL });
}

#[test]
fn random_schedules() {
    let first = std::env::var("RCGC_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let cases = if is_set("RCGC_TEST_FULL") { 100_000 } else { 1000 };
    let mut seen = Seen::default();
    for seed in first..first + cases {
        if let Err(fault) = case(seed, 2000, &mut seen) {
            panic!("{fault:?} with RCGC_TEST_SEED={seed}");
        }
    }
    println!("{seen:?}");
    assert!(seen.runs > 10 * cases && seen.garbage > 10 * cases && seen.reported > cases / 10, "{seen:?}");
}

// ---- What every rule is for ----

#[test]
fn without_the_confirmation_what_lives_is_freed() {
    fails::<3>(
        1,
        2,
        With::Nothing,
        Rules { confirm: false, ..Rules::ALL },
        &[Fault::FreedReachable, Fault::Dangling],
    );
}

#[test]
fn without_the_dead_bit_weak_handles_give_what_is_freed() {
    fails::<3>(1, 2, With::Nothing, Rules { dead_bit: false, ..Rules::ALL }, &[Fault::FreedReachable]);
}

#[test]
fn without_the_born_rule_what_is_not_walkable_yet_is_walked() {
    fails::<3>(1, 2, With::Nothing, Rules { born: false, ..Rules::ALL }, &[Fault::Walked]);
}

#[test]
fn without_the_rule_of_freed_blocks_one_is_walked_or_freed_again() {
    fails::<3>(
        1,
        2,
        With::Nothing,
        Rules { freed_block: false, ..Rules::ALL },
        &[Fault::Walked, Fault::FreedTwice],
    );
}

#[test]
fn in_another_order_of_components_garbage_is_missed() {
    fails::<2>(2, 0, With::Nothing, Rules { sources_first: false, ..Rules::ALL }, &[Fault::Missed]);
}

#[test]
fn freed_before_all_are_empty_a_block_is_referred_to() {
    fails::<3>(1, 2, With::Nothing, Rules { empty_first: false, ..Rules::ALL }, &[Fault::Dangling]);
}

#[test]
fn without_own_references_what_is_called_dies_meanwhile() {
    fails::<3>(1, 1, With::Finalizers, Rules { hold: false, ..Rules::ALL }, &[Fault::Dangling]);
}

#[test]
fn not_judged_again_what_a_callback_stored_is_freed() {
    for with in [With::Finalizers, With::Callbacks] {
        fails::<2>(1, 1, with, Rules { judge_again: false, ..Rules::ALL }, &[Fault::FreedReachable]);
    }
}

#[test]
fn what_is_handed_out_is_finalized_without_its_rule() {
    fails::<3>(1, 2, With::Finalizers, Rules { handed_out: false, ..Rules::ALL }, &[Fault::CalledReachable]);
}

#[test]
fn what_waits_to_die_by_count_keeps_garbage_where_it_is_not_paid_for() {
    let rules = Rules { cap: true, debts_first: false, ..Rules::ALL };
    fails::<3>(2, 0, With::Debts, rules, &[Fault::Missed]);
}
