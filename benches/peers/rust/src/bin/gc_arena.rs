//! gc-arena: incremental tracing of an arena whose pointers do not leave a `mutate` call, so that it can
//! collect only between such calls. A program of its own: its handles cannot be kept, as those of `Peer` are.
//!
//! After each tree, step or ten thousand nodes of a chain it pays its debt, which is what its automatic
//! collection is.

use gc_arena::lock::Lock;
use gc_arena::{Arena, Collect, Gc, Mutation, Rootable};
use rcgc_peers::{
    cannot, fail, live, live_must_be, peak_bytes, report, report_each, resident_bytes, Counted, Histogram,
    Random, MILLION,
};
use std::time::Instant;

type Pointer<'gc> = Gc<'gc, Node<'gc>>;
type Field<'gc> = Lock<Option<Pointer<'gc>>>;

#[derive(Collect)]
#[collect(no_drop)]
struct Node<'gc> {
    left: Field<'gc>,
    right: Field<'gc>,
    _value: u64,
    #[collect(require_static)]
    _counted: Counted,
}

#[derive(Collect, Default)]
#[collect(no_drop)]
struct Root<'gc> {
    one: Option<Pointer<'gc>>,
    last: Option<Pointer<'gc>>,
    table: Vec<Pointer<'gc>>,
    /// Objects of their own: a slot in a vector would have the whole vector looked at after each step.
    slots: Vec<Gc<'gc, Field<'gc>>>,
}

type Heap = Arena<Rootable![Root<'_>]>;

fn heap() -> Heap {
    Arena::new(|_| Root::default())
}

fn node<'gc>(mutation: &Mutation<'gc>, value: u64) -> Pointer<'gc> {
    let (left, right) = (Lock::new(None), Lock::new(None));
    Gc::new(mutation, Node { left, right, _value: value, _counted: Counted::new() })
}

fn set_left<'gc>(mutation: &Mutation<'gc>, node: Pointer<'gc>, to: Pointer<'gc>) {
    gc_arena::barrier::field!(Gc::write(mutation, node), Node, left).unlock().set(Some(to));
}

fn set_right<'gc>(mutation: &Mutation<'gc>, node: Pointer<'gc>, to: Pointer<'gc>) {
    gc_arena::barrier::field!(Gc::write(mutation, node), Node, right).unlock().set(Some(to));
}

fn collect_and_report(heap: &mut Heap, name: &str, count: usize, expected: usize) {
    let start = Instant::now();
    heap.finish_cycle();
    report_each(name, start, count);
    live_must_be(expected);
}

// ---- W1, W10: trees ----

fn tree_size(depth: usize) -> usize {
    (1 << (depth + 1)) - 1
}

fn tree_bottom_up<'gc>(mutation: &Mutation<'gc>, depth: usize) -> Pointer<'gc> {
    if depth == 0 {
        return node(mutation, 0);
    }
    let (left, right) = (tree_bottom_up(mutation, depth - 1), tree_bottom_up(mutation, depth - 1));
    let tree = node(mutation, depth as u64);
    set_left(mutation, tree, left);
    set_right(mutation, tree, right);
    tree
}

fn tree_populate<'gc>(mutation: &Mutation<'gc>, depth: usize, tree: Pointer<'gc>) {
    if depth == 0 {
        return;
    }
    let (left, right) = (node(mutation, depth as u64), node(mutation, depth as u64));
    set_left(mutation, tree, left);
    set_right(mutation, tree, right);
    tree_populate(mutation, depth - 1, left);
    tree_populate(mutation, depth - 1, right);
}

fn tree_top_down<'gc>(mutation: &Mutation<'gc>, depth: usize) -> Pointer<'gc> {
    let tree = node(mutation, 0);
    tree_populate(mutation, depth, tree);
    tree
}

fn tree_check(tree: Pointer<'_>) -> usize {
    1 + tree.left.get().map_or(0, tree_check) + tree.right.get().map_or(0, tree_check)
}

fn must_be_whole(tree: Pointer<'_>, depth: usize) {
    if tree_check(tree) != tree_size(depth) {
        fail(&format!("a tree of depth {depth} is not whole"));
    }
}

fn check_one(heap: &mut Heap, depth: usize) {
    heap.mutate(|mutation, _| must_be_whole(tree_bottom_up(mutation, depth), depth));
    heap.collect_debt();
}

/// The long-lived tree is checked and dropped, and the program's time reported.
fn end_program(mut heap: Heap, depth: usize, start: Instant) {
    heap.mutate_root(|_, root| match root.one.take() {
        Some(tree) => must_be_whole(tree, depth),
        None => fail("the long-lived tree is gone"),
    });
    report_each("time", start, 1);
    report("peak", peak_bytes(), "bytes");
    // The cycle under way may have marked what died since, so it takes two.
    heap.finish_cycle();
    heap.finish_cycle();
    live_must_be(0);
}

fn binary_trees() {
    let (depth_min, depth_max) = (4, 18);
    let (start, mut heap) = (Instant::now(), heap());
    check_one(&mut heap, depth_max + 1);
    heap.mutate_root(|mutation, root| root.one = Some(tree_bottom_up(mutation, depth_max)));
    for depth in (depth_min..=depth_max).step_by(2) {
        for _ in 0..1usize << (depth_max - depth + depth_min) {
            check_one(&mut heap, depth);
        }
    }
    end_program(heap, depth_max, start);
}

fn gcbench() {
    let (stretch_depth, long_lived_depth) = (18, 16);
    let (start, mut heap) = (Instant::now(), heap());
    heap.mutate(|mutation, _| {
        tree_bottom_up(mutation, stretch_depth);
    });
    heap.collect_debt();
    heap.mutate_root(|mutation, root| root.one = Some(tree_top_down(mutation, long_lived_depth)));
    let mut doubles = vec![0.0; 500_000];
    for (i, double) in doubles.iter_mut().take(250_000).enumerate() {
        *double = 1.0 / (i + 1) as f64;
    }
    for depth in (4..=long_lived_depth).step_by(2) {
        for i in 0..2 * (2 * tree_size(stretch_depth) / tree_size(depth)) {
            heap.mutate(|mutation, _| {
                let make = if i % 2 == 0 { tree_top_down } else { tree_bottom_up };
                make(mutation, depth);
            });
            heap.collect_debt();
        }
    }
    if std::hint::black_box(&doubles)[1000] != 1.0 / 1001.0 {
        fail("the array has lost a value");
    }
    end_program(heap, long_lived_depth, start);
}

// ---- W3, W4, W5 ----

/// Released together: the table is forgotten and what it held collected.
fn alloc_order() {
    let mut heap = heap();
    let start = Instant::now();
    heap.mutate_root(|mutation, root| {
        root.table.extend((0..MILLION).map(|i| node(mutation, i as u64)));
    });
    report_each("make", start, MILLION);
    let start = Instant::now();
    heap.mutate_root(|_, root| root.table.clear());
    heap.finish_cycle();
    report_each("release", start, MILLION);
    live_must_be(0);
}

fn rings(length: usize) {
    let mut heap = heap();
    let start = Instant::now();
    heap.mutate(|mutation, _| {
        for made in (0..MILLION).step_by(length) {
            let first = node(mutation, made as u64);
            let mut last = first;
            for i in 1..length {
                let next = node(mutation, (made + i) as u64);
                set_left(mutation, last, next);
                last = next;
            }
            set_left(mutation, last, first);
        }
    });
    report_each("make", start, MILLION);
    collect_and_report(&mut heap, "collect", MILLION, 0);
}

fn giant_ring() {
    let (mut heap, mut random) = (heap(), Random::new());
    let start = Instant::now();
    heap.mutate(|mutation, _| {
        let table: Vec<_> = (0..MILLION).map(|i| node(mutation, i as u64)).collect();
        for (i, &from) in table.iter().enumerate() {
            set_left(mutation, from, table[(i + 1) % MILLION]);
            set_right(mutation, from, table[random.below(MILLION)]);
        }
    });
    report_each("make", start, MILLION);
    collect_and_report(&mut heap, "collect", MILLION, 0);
}

// ---- W6, W9 ----

fn random_graph(heap: &mut Heap, count: usize, random: &mut Random) {
    heap.mutate_root(|mutation, root| {
        root.table.extend((0..count).map(|i| node(mutation, i as u64)));
        for &from in &root.table {
            set_left(mutation, from, root.table[random.below(count)]);
            set_right(mutation, from, root.table[random.below(count)]);
        }
    });
}

/// Nothing is touched: a pointer has no count.
fn live_graph(count: usize) {
    let mut heap = heap();
    random_graph(&mut heap, count, &mut Random::new());
    collect_and_report(&mut heap, "first", count, count);
    collect_and_report(&mut heap, "again", count, count);
}

fn node_bytes() {
    let (count, mut heap) = (4 * MILLION, heap());
    heap.mutate_root(|_, root| root.table.reserve_exact(count));
    let before = resident_bytes() + (count * size_of::<Pointer>()) as f64;
    random_graph(&mut heap, count, &mut Random::new());
    report("node", (resident_bytes() - before) / count as f64, "bytes");
}

// ---- W7 ----

fn churn_ring<'gc>(mutation: &Mutation<'gc>, graph: &[Pointer<'gc>], random: &mut Random) -> Pointer<'gc> {
    let (first, second) = (node(mutation, 1), node(mutation, 2));
    set_left(mutation, first, second);
    set_left(mutation, second, first);
    set_right(mutation, first, graph[random.below(graph.len())]);
    set_right(mutation, second, graph[random.below(graph.len())]);
    first
}

fn churn() {
    let (held, slots, steps) = (500 * 1000, 250 * 1000, 5 * MILLION);
    let (mut heap, mut random, mut histogram) = (heap(), Random::new(), Histogram::new());
    random_graph(&mut heap, held, &mut random);
    heap.mutate_root(|mutation, root| {
        for _ in 0..slots {
            let ring = churn_ring(mutation, &root.table, &mut random);
            root.slots.push(Gc::new(mutation, Lock::new(Some(ring))));
        }
    });
    let start = Instant::now();
    let mut last = start;
    for _ in 0..steps {
        heap.mutate(|mutation, root| {
            let slot = root.slots[random.below(slots)];
            slot.set(mutation, Some(churn_ring(mutation, &root.table, &mut random)));
        });
        heap.collect_debt();
        let now = Instant::now();
        histogram.add((now - last).as_nanos() as u64);
        last = now;
    }
    report("step", (last - start).as_nanos() as f64 / steps as f64, "ns");
    histogram.report();
    report("peak", peak_bytes(), "bytes");
    report("left", live() as f64, "nodes");
    // The cycle under way may have marked what died since, so it takes two.
    heap.finish_cycle();
    heap.finish_cycle();
    live_must_be(held + 2 * slots);
    collect_and_report(&mut heap, "aged", held + 2 * slots, held + 2 * slots);
}

// ---- W8 ----

fn chain() {
    let (count, batch, mut heap) = (10 * MILLION, 10_000, heap());
    let start = Instant::now();
    heap.mutate_root(|mutation, root| {
        root.one = Some(node(mutation, 0));
        root.last = root.one;
    });
    for made in (0..count).step_by(batch) {
        heap.mutate_root(|mutation, root| {
            for i in made.max(1)..made + batch {
                let next = node(mutation, i as u64);
                if let Some(last) = root.last.replace(next) {
                    set_left(mutation, last, next);
                }
            }
        });
        heap.collect_debt();
    }
    heap.mutate_root(|_, root| root.last = None);
    report_each("make", start, count);
    let start = Instant::now();
    heap.mutate_root(|_, root| root.one = None);
    // The cycle under way may have marked the chain already.
    heap.finish_cycle();
    if live() != 0 {
        heap.finish_cycle();
    }
    report_each("drop", start, count);
    live_must_be(0);
}

fn main() {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "W1" => binary_trees(),
        "W2-hot" | "W2-random" => cannot("a tracing collector keeps no counts"),
        "W3-hot" | "W3-random" => cannot("it ends objects between mutations only, and all together"),
        "W3-order" => alloc_order(),
        "W4-2" => rings(2),
        "W4-10" => rings(10),
        "W5" => giant_ring(),
        "W6-1M" => live_graph(MILLION),
        "W6-4M" => live_graph(4 * MILLION),
        "W7" => churn(),
        "W8" => chain(),
        "W9" => node_bytes(),
        "W10" => gcbench(),
        "W11-shared" | "W11-own" => cannot("a tracing collector keeps no counts"),
        "W12" => cannot("its pointers do not leave a mutation, so the shared definition does not fit"),
        name => fail(&format!("no workload is called \"{name}\"")),
    }
    rcgc_peers::end();
}
