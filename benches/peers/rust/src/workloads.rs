//! The shared definition of W1 to W11 for every peer that is written in Rust: as workloads.h and
//! collecting.h are for C and C++, over handles that release themselves.

use crate::{
    barrier, cannot, end, fail, live, live_must_be, peak_bytes, report, report_each, resident_bytes,
    Histogram, Random, MILLION,
};
use std::hint::black_box;
use std::time::Instant;

/// A library of counted or collected pointers, and a node made with it.
pub trait Peer {
    /// An owned handle of a node.
    type Ref: Clone;

    /// Why it cannot do W2.
    const NO_COUNTS: Option<&'static str> = None;
    /// Why it cannot do W4 to W7.
    const NO_CYCLES: Option<&'static str> = None;
    /// Dropping a handle ends nothing, a collection does: what W3 and W8 have dropped is then collected.
    const TRACES: bool = false;
    /// It never collects by itself: W7 asks for a collection after so many steps.
    const STEPS_A_COLLECTION: Option<usize> = None;
    /// Whether W7 is followed by collections of what is left.
    const AGES: bool = true;

    fn node(value: u64) -> Self::Ref;
    fn set_left(node: &Self::Ref, owned: Self::Ref);
    fn set_right(node: &Self::Ref, owned: Self::Ref);
    fn left<T>(node: &Self::Ref, look: impl FnOnce(Option<&Self::Ref>) -> T) -> T;
    fn right<T>(node: &Self::Ref, look: impl FnOnce(Option<&Self::Ref>) -> T) -> T;

    /// Switches automatic collection; it is on at first.
    fn automatic(_on: bool) {}
    fn collect() {}
}

/// Two threads that count (W11): whether on one object, or each on its own.
pub type Threads = fn(shared: bool);

type Table<P> = Vec<Option<<P as Peer>::Ref>>;

fn table<P: Peer>(count: usize) -> Table<P> {
    (0..count).map(|_| None).collect()
}

fn held<P: Peer>(table: &Table<P>, index: usize) -> &P::Ref {
    match &table[index] {
        Some(node) => node,
        None => fail("an entry of the table is empty"),
    }
}

/// Ends what was dropped, where dropping alone does not.
fn end_dropped<P: Peer>() {
    if P::TRACES {
        P::collect();
    }
}

// ---- W1, W10: trees ----

fn tree_size(depth: usize) -> usize {
    (1 << (depth + 1)) - 1
}

/// Children first.
fn tree_bottom_up<P: Peer>(depth: usize) -> P::Ref {
    if depth == 0 {
        return P::node(0);
    }
    let (left, right) = (tree_bottom_up::<P>(depth - 1), tree_bottom_up::<P>(depth - 1));
    let node = P::node(depth as u64);
    P::set_left(&node, left);
    P::set_right(&node, right);
    node
}

fn tree_populate<P: Peer>(depth: usize, node: &P::Ref) {
    if depth == 0 {
        return;
    }
    P::set_left(node, P::node(depth as u64));
    P::set_right(node, P::node(depth as u64));
    P::left(node, |child| child.map(|child| tree_populate::<P>(depth - 1, child)));
    P::right(node, |child| child.map(|child| tree_populate::<P>(depth - 1, child)));
}

fn tree_check<P: Peer>(node: &P::Ref) -> usize {
    let left = P::left(node, |child| child.map_or(0, tree_check::<P>));
    let right = P::right(node, |child| child.map_or(0, tree_check::<P>));
    1 + left + right
}

fn check_and_drop<P: Peer>(tree: P::Ref, depth: usize) {
    if tree_check::<P>(&tree) != tree_size(depth) {
        fail(&format!("a tree of depth {depth} is not whole"));
    }
}

fn report_program(start: Instant) {
    report_each("time", start, 1);
    report("peak", peak_bytes(), "bytes");
}

fn binary_trees<P: Peer>() {
    let (depth_min, depth_max) = (4, 18);
    let start = Instant::now();
    check_and_drop::<P>(tree_bottom_up::<P>(depth_max + 1), depth_max + 1);
    let long_lived = tree_bottom_up::<P>(depth_max);
    for depth in (depth_min..=depth_max).step_by(2) {
        for _ in 0..1usize << (depth_max - depth + depth_min) {
            check_and_drop::<P>(tree_bottom_up::<P>(depth), depth);
        }
    }
    check_and_drop::<P>(long_lived, depth_max);
    report_program(start);
}

fn gcbench<P: Peer>() {
    let (stretch_depth, long_lived_depth) = (18, 16);
    let start = Instant::now();
    drop(tree_bottom_up::<P>(stretch_depth));
    let long_lived = P::node(0);
    tree_populate::<P>(long_lived_depth, &long_lived);
    let mut doubles = vec![0.0; 500_000];
    for (i, double) in doubles.iter_mut().take(250_000).enumerate() {
        *double = 1.0 / (i + 1) as f64;
    }
    for depth in (4..=long_lived_depth).step_by(2) {
        let trees = 2 * tree_size(stretch_depth) / tree_size(depth);
        for _ in 0..trees {
            let tree = P::node(0);
            tree_populate::<P>(depth, &tree);
        }
        for _ in 0..trees {
            drop(tree_bottom_up::<P>(depth));
        }
    }
    if black_box(&doubles)[1000] != 1.0 / 1001.0 {
        fail("the array has lost a value");
    }
    check_and_drop::<P>(long_lived, long_lived_depth);
    report_program(start);
}

// ---- W2: counts ----

/// One incref and decref through a copied handle that the compiler cannot remove.
#[inline(always)]
fn pair<R: Clone>(handle: &R) {
    let copy = handle.clone();
    barrier();
    drop(copy);
    barrier();
}

#[inline(never)]
pub fn pairs_on_one<R: Clone>(handle: &R, count: usize) {
    for _ in 0..count {
        pair(handle);
    }
}

#[inline(never)]
fn pairs_on_all<P: Peer>(table: &Table<P>) {
    for handle in table.iter().flatten() {
        pair(handle);
    }
}

fn count_hot<P: Peer>() {
    let pairs = 100 * MILLION;
    P::automatic(false);
    let node = black_box(P::node(0));
    pairs_on_one(&node, pairs / 20);
    let start = Instant::now();
    pairs_on_one(&node, pairs);
    report_each("pair", start, pairs);
}

fn count_random<P: Peer>() {
    let rounds = 10;
    P::automatic(false);
    let mut table: Table<P> = (0..MILLION).map(|i| Some(P::node(i as u64))).collect();
    Random::new().shuffle(&mut table);
    pairs_on_all::<P>(&table);
    let start = Instant::now();
    for _ in 0..rounds {
        pairs_on_all::<P>(&table);
    }
    report_each("pair", start, MILLION * rounds);
}

// ---- W3: allocation and release ----

#[inline(never)]
fn make_and_drop<P: Peer>(count: usize) {
    for i in 0..count {
        black_box(&P::node(i as u64));
    }
}

/// Where only a collection ends objects it has to run by itself.
fn alloc_hot<P: Peer>() {
    let pairs = 20 * MILLION;
    P::automatic(P::TRACES);
    make_and_drop::<P>(pairs / 20);
    let start = Instant::now();
    make_and_drop::<P>(pairs);
    report_each("pair", start, pairs);
}

fn alloc_bulk<P: Peer>(shuffled: bool) {
    P::automatic(false);
    let mut table = table::<P>(MILLION);
    make_and_drop::<P>(1);
    let start = Instant::now();
    for (i, entry) in table.iter_mut().enumerate() {
        *entry = Some(P::node(i as u64));
    }
    report_each("make", start, MILLION);
    if shuffled {
        Random::new().shuffle(&mut table);
    }
    let start = Instant::now();
    for entry in &mut table {
        *entry = None;
    }
    end_dropped::<P>();
    report_each("release", start, MILLION);
}

// ---- W4, W5: dead rings ----

fn make_rings<P: Peer>(length: usize) {
    for made in (0..MILLION).step_by(length) {
        let first = P::node(made as u64);
        let mut last = first.clone();
        for i in 1..length {
            let node = P::node((made + i) as u64);
            P::set_left(&last, node.clone());
            last = node;
        }
        P::set_left(&last, first);
    }
}

fn collect_and_report<P: Peer>(name: &str, count: usize, expected: usize) {
    let start = Instant::now();
    P::collect();
    report_each(name, start, count);
    live_must_be(expected);
}

fn rings<P: Peer>(length: usize) {
    P::automatic(false);
    let start = Instant::now();
    make_rings::<P>(length);
    report_each("make", start, MILLION);
    collect_and_report::<P>("collect", MILLION, 0);
}

fn giant_ring<P: Peer>() {
    P::automatic(false);
    let (mut table, mut random) = (table::<P>(MILLION), Random::new());
    let start = Instant::now();
    for (i, entry) in table.iter_mut().enumerate() {
        *entry = Some(P::node(i as u64));
    }
    for i in 0..MILLION {
        P::set_left(held::<P>(&table, i), held::<P>(&table, (i + 1) % MILLION).clone());
        P::set_right(held::<P>(&table, i), held::<P>(&table, random.below(MILLION)).clone());
    }
    for entry in &mut table {
        *entry = None;
    }
    report_each("make", start, MILLION);
    collect_and_report::<P>("collect", MILLION, 0);
}

// ---- W6, W9: a live graph ----

/// Nodes made in order into a table, both references of each to random ones.
fn random_graph<P: Peer>(count: usize, random: &mut Random) -> Table<P> {
    let mut table = table::<P>(count);
    for (i, entry) in table.iter_mut().enumerate() {
        *entry = Some(P::node(i as u64));
    }
    for i in 0..count {
        P::set_left(held::<P>(&table, i), held::<P>(&table, random.below(count)).clone());
        P::set_right(held::<P>(&table, i), held::<P>(&table, random.below(count)).clone());
    }
    table
}

fn live_graph<P: Peer>(count: usize) {
    P::automatic(false);
    let table = random_graph::<P>(count, &mut Random::new());
    collect_and_report::<P>("first", count, count);
    collect_and_report::<P>("again", count, count);
    pair(held::<P>(&table, count / 2));
    collect_and_report::<P>("one_touched", count, count);
    pairs_on_all::<P>(&table);
    collect_and_report::<P>("all_touched", count, count);
    std::mem::forget(table);
}

fn node_bytes<P: Peer>() {
    let count = 4 * MILLION;
    P::automatic(false);
    make_and_drop::<P>(1);
    let before = resident_bytes() + (count * size_of::<Option<P::Ref>>()) as f64;
    let table = random_graph::<P>(count, &mut Random::new());
    report("node", (resident_bytes() - before) / count as f64, "bytes");
    std::mem::forget(table);
}

// ---- W7: churn over a million live nodes ----

const HELD: usize = 500 * 1000;
const SLOTS: usize = 250 * 1000;
const STEPS: usize = 5 * MILLION;

/// Both second references lead into the graph that stays.
fn churn_ring<P: Peer>(graph: &Table<P>, random: &mut Random) -> P::Ref {
    let (first, second) = (P::node(1), P::node(2));
    P::set_left(&second, first.clone());
    P::set_right(&first, held::<P>(graph, random.below(HELD)).clone());
    P::set_right(&second, held::<P>(graph, random.below(HELD)).clone());
    P::set_left(&first, second);
    first
}

fn churn<P: Peer>() {
    P::automatic(true);
    let mut random = Random::new();
    let mut histogram = Histogram::new();
    let graph = random_graph::<P>(HELD, &mut random);
    let mut slots: Table<P> = (0..SLOTS).map(|_| Some(churn_ring::<P>(&graph, &mut random))).collect();
    let start = Instant::now();
    let mut last = start;
    for step in 1..=STEPS {
        let slot = random.below(SLOTS);
        slots[slot] = Some(churn_ring::<P>(&graph, &mut random));
        if P::STEPS_A_COLLECTION.is_some_and(|steps| step % steps == 0) {
            P::collect();
        }
        let now = Instant::now();
        histogram.add((now - last).as_nanos() as u64);
        last = now;
    }
    report("step", (last - start).as_nanos() as f64 / STEPS as f64, "ns");
    histogram.report();
    report("peak", peak_bytes(), "bytes");
    report("left", live() as f64, "nodes");
    if P::AGES {
        P::collect();
        live_must_be(HELD + 2 * SLOTS);
        collect_and_report::<P>("aged", HELD + 2 * SLOTS, HELD + 2 * SLOTS);
    }
    std::mem::forget((graph, slots));
}

// ---- W8: depth ----

fn chain<P: Peer>() {
    let count = 10 * MILLION;
    let start = Instant::now();
    let head = P::node(0);
    let mut last = head.clone();
    for i in 1..count {
        let node = P::node(i as u64);
        P::set_left(&last, node.clone());
        last = node;
    }
    drop(last);
    report_each("make", start, count);
    let start = Instant::now();
    drop(head);
    end_dropped::<P>();
    report_each("drop", start, count);
}

// ---- W11: threads ----

/// Two threads count on the handles that `make` gives; each asks for its own.
pub fn two_threads<R: Clone + Send>(make: impl Fn() -> R + Sync) {
    let pairs = 20 * MILLION;
    let barrier = std::sync::Barrier::new(2);
    let turn = || {
        let handle = make();
        pairs_on_one(&handle, pairs / 20);
        barrier.wait();
        let start = Instant::now();
        pairs_on_one(&handle, pairs);
        (start, Instant::now())
    };
    let times = std::thread::scope(|scope| {
        [scope.spawn(turn), scope.spawn(turn)].map(|thread| match thread.join() {
            Ok(times) => times,
            Err(_) => fail("a thread has failed"),
        })
    });
    let start = times[0].0.min(times[1].0);
    let end = times[0].1.max(times[1].1);
    report("pair", (end - start).as_nanos() as f64 / pairs as f64, "ns");
}

// ---- the choice ----

/// What a program's `main` calls. `threads` and `graph` do W11 and W12, or say why the peer cannot.
pub fn run<P: Peer>(threads: Result<Threads, &str>, graph: Result<fn(), &str>) -> ! {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name.starts_with("W2") {
        P::NO_COUNTS.map(|reason| cannot(reason));
    }
    if ["W4", "W5", "W6", "W7"].iter().any(|group| name.starts_with(group)) {
        P::NO_CYCLES.map(|reason| cannot(reason));
    }
    let leaves_nothing = !["W6", "W7", "W9", "W11", "W12"].iter().any(|group| name.starts_with(group));
    match name.as_str() {
        "W1" => binary_trees::<P>(),
        "W2-hot" => count_hot::<P>(),
        "W2-random" => count_random::<P>(),
        "W3-hot" => alloc_hot::<P>(),
        "W3-order" => alloc_bulk::<P>(false),
        "W3-random" => alloc_bulk::<P>(true),
        "W4-2" => rings::<P>(2),
        "W4-10" => rings::<P>(10),
        "W5" => giant_ring::<P>(),
        "W6-1M" => live_graph::<P>(MILLION),
        "W6-4M" => live_graph::<P>(4 * MILLION),
        "W7" => churn::<P>(),
        "W8" => chain::<P>(),
        "W9" => node_bytes::<P>(),
        "W10" => gcbench::<P>(),
        "W11-shared" => threads.unwrap_or_else(|reason| cannot(reason))(true),
        "W11-own" => threads.unwrap_or_else(|reason| cannot(reason))(false),
        "W12" => graph.unwrap_or_else(|reason| cannot(reason))(),
        _ => fail(&format!("no workload is called \"{name}\"")),
    }
    if leaves_nothing {
        // What a peer has put off is done now.
        P::collect();
        live_must_be(0);
    }
    end()
}
