//! W12 for peers in Rust: the graph of `make demo`, held 32 times, with churn. graph.h says what a round
//! does, plan.h how the plans are made; both are the same here, and so is the sum.

use crate::{fail, peak_bytes, report, report_each};
use std::time::Instant;

const CRATES: usize = 1000;
const NEEDS_MAX: u32 = 7;
const UPDATES: usize = CRATES / 10;
const PLANS: usize = 8;
const GRAPHS: u32 = 32;
const ROUNDS: usize = 1500;

/// A crate with a name, a version and vectors of its edges at both ends. Peers that only count hold what
/// needs a crate by a weak handle.
pub trait Crates {
    type Ref: Clone;
    /// How a crate holds what needs it.
    type Back;
    type Text: Clone + AsRef<str> + for<'a> From<&'a str>;

    fn new(name: Self::Text, version: Self::Text, index: usize) -> Self::Ref;
    fn name(of: &Self::Ref) -> Self::Text;
    fn version(of: &Self::Ref) -> Self::Text;
    fn index(of: &Self::Ref) -> usize;
    fn needs<T>(of: &Self::Ref, use_it: impl FnOnce(&mut Vec<Self::Ref>) -> T) -> T;
    fn needed_by<T>(of: &Self::Ref, use_it: impl FnOnce(&mut Vec<Self::Back>) -> T) -> T;
    fn back(of: &Self::Ref) -> Self::Back;
    fn forth(back: &Self::Back) -> Self::Ref;
    fn is_same(one: &Self::Ref, other: &Self::Ref) -> bool;
    fn leads_to(back: &Self::Back, other: &Self::Ref) -> bool;
}

/// Fills in [`Crates`] for a peer whose pointers find rings: both ends of an edge own. `$lock` opens a field.
#[macro_export]
macro_rules! owned_at_both_ends {
    ($peer:ty, $pointer:ident, $same:path, $cell:ident, $lock:path) => {
        impl $crate::graph::Crates for $peer {
            type Ref = $pointer<Crate>;
            type Back = $pointer<Crate>;
            type Text = String;

            fn new(name: String, version: String, index: usize) -> Self::Ref {
                let (needs, needed_by) = ($cell::new(Vec::new()), $cell::new(Vec::new()));
                $pointer::new(Crate { name, version, needs, needed_by, index })
            }
            fn name(of: &Self::Ref) -> String {
                of.name.clone()
            }
            fn version(of: &Self::Ref) -> String {
                of.version.clone()
            }
            fn index(of: &Self::Ref) -> usize {
                of.index
            }
            fn needs<T>(of: &Self::Ref, use_it: impl FnOnce(&mut Vec<Self::Ref>) -> T) -> T {
                use_it(&mut $lock(&of.needs))
            }
            fn needed_by<T>(of: &Self::Ref, use_it: impl FnOnce(&mut Vec<Self::Ref>) -> T) -> T {
                use_it(&mut $lock(&of.needed_by))
            }
            fn back(of: &Self::Ref) -> Self::Ref {
                of.clone()
            }
            fn forth(back: &Self::Ref) -> Self::Ref {
                back.clone()
            }
            fn is_same(one: &Self::Ref, other: &Self::Ref) -> bool {
                $same(one, other)
            }
            fn leads_to(back: &Self::Ref, other: &Self::Ref) -> bool {
                $same(back, other)
            }
        }
    };
}

// ---- the plans ----

struct PlannedCrate {
    name: String,
    version: String,
    needs: Vec<usize>,
}

struct Plan {
    crates: Vec<PlannedCrate>,
    updates: Vec<(usize, String)>,
}

/// MINSTD, which needs no more than 64 bits.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0 * 48271 % 2_147_483_647;
        (self.0 % u64::from(limit)) as u32
    }

    fn name(&mut self) -> String {
        let length = 4 + self.below(13);
        (0..length).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }

    fn version(&mut self) -> String {
        let (major, minor, patch) = (self.below(10), self.below(40), self.below(20));
        format!("{major}.{minor}.{patch}")
    }

    /// Crates with low numbers are needed most, as in life.
    fn needs(&mut self, index: u32) -> Vec<usize> {
        let count = self.below(NEEDS_MAX + 1);
        let count = if index == 0 { 0 } else { count };
        (0..count)
            .map(|_| {
                let limit = 1 + self.below(index);
                self.below(limit) as usize
            })
            .collect()
    }

    fn plan(&mut self) -> Plan {
        let crates = (0..CRATES as u32)
            .map(|i| PlannedCrate { name: self.name(), version: self.version(), needs: self.needs(i) })
            .collect();
        let updates = (0..UPDATES).map(|_| (self.below(CRATES as u32) as usize, self.version())).collect();
        Plan { crates, updates }
    }
}

// ---- a round ----

fn build<C: Crates>(plan: &Plan) -> Vec<C::Ref> {
    let mut graph: Vec<C::Ref> = Vec::with_capacity(CRATES);
    for (i, planned) in plan.crates.iter().enumerate() {
        let made = C::new(planned.name.as_str().into(), planned.version.as_str().into(), i);
        for &needed in &planned.needs {
            C::needs(&made, |needs| needs.push(graph[needed].clone()));
            C::needed_by(&graph[needed], |users| users.push(C::back(&made)));
        }
        graph.push(made);
    }
    graph
}

fn text_sum(text: &impl AsRef<str>) -> u64 {
    text.as_ref().bytes().map(u64::from).sum()
}

fn query<C: Crates>(graph: &[C::Ref]) -> u64 {
    let mut lengths = [1u64; CRATES];
    let (mut most, mut most_users) = (0, 0);
    for (i, made) in graph.iter().enumerate() {
        let users = C::needed_by(made, |users| users.len());
        if i == 0 || users > most_users {
            (most, most_users) = (i, users);
        }
        lengths[i] = C::needs(made, |needs| {
            needs.iter().map(|needed| 1 + lengths[C::index(needed)]).max().unwrap_or(1)
        });
    }
    let longest = lengths.iter().max().copied().unwrap_or(0);
    let most = &graph[most];
    most_users as u64 * 7 + longest + text_sum(&C::name(most)) + text_sum(&C::version(most))
}

fn replace<T>(edges: &mut [T], is_it: impl Fn(&T) -> bool, after: T) {
    match edges.iter_mut().find(|edge| is_it(edge)) {
        Some(edge) => *edge = after,
        None => fail("an edge has only one end"),
    }
}

/// A new version of a crate takes over its edges, at both ends.
fn update<C: Crates>(graph: &mut [C::Ref], index: usize, version: &str) {
    let before = graph[index].clone();
    let after = C::new(C::name(&before), version.into(), index);
    let needs = C::needs(&before, |needs| needs.clone());
    for needed in &needs {
        C::needs(&after, |needs| needs.push(needed.clone()));
        C::needed_by(needed, |users| replace(users, |user| C::leads_to(user, &before), C::back(&after)));
    }
    let users: Vec<C::Ref> = C::needed_by(&before, |users| users.iter().map(C::forth).collect());
    for user in &users {
        C::needed_by(&after, |users| users.push(C::back(user)));
        C::needs(user, |needs| replace(needs, |needed| C::is_same(needed, &before), after.clone()));
    }
    graph[index] = after;
}

pub fn with_churn<C: Crates>() {
    with_churn_and::<C>(|| ());
}

/// `after_round` is for peers that do not collect by themselves.
pub fn with_churn_and<C: Crates>(after_round: impl Fn()) {
    let mut numbers = Numbers(12345);
    let plans: Vec<Plan> = (0..PLANS).map(|_| numbers.plan()).collect();
    let mut graphs: Vec<Vec<C::Ref>> = (0..GRAPHS as usize).map(|i| build::<C>(&plans[i % PLANS])).collect();
    let (mut sum, mut longest_ns) = (0, 0);
    let start = Instant::now();
    let mut last = start;
    for round in 0..ROUNDS {
        let plan = &plans[round % PLANS];
        let graph = &mut graphs[numbers.below(GRAPHS) as usize];
        drop(std::mem::take(graph));
        *graph = build::<C>(plan);
        sum = (sum * 31 + query::<C>(graph)) % 1_000_003;
        for (index, version) in &plan.updates {
            update::<C>(graph, *index, version);
        }
        sum = (sum * 31 + query::<C>(graph)) % 1_000_003;
        after_round();
        let now = Instant::now();
        longest_ns = longest_ns.max((now - last).as_nanos());
        last = now;
    }
    report_each("crate", start, ROUNDS * CRATES);
    report("longest", longest_ns as f64, "ns");
    report("peak", peak_bytes(), "bytes");
    report("checksum", sum as f64, "sum");
    std::mem::forget(graphs);
}
