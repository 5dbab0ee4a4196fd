//! A graph whose nodes refer to each other in whatever way: what is not reachable any more goes.

use rcgc_gc::{Gc, Heap, Trace};
use std::cell::{Cell, RefCell};

#[derive(Trace)]
struct Node {
    number: u32,
    seen: Cell<bool>,
    edges: RefCell<Vec<Gc<Node>>>,
}

fn reachable(from: &Gc<Node>) -> Vec<u32> {
    let (mut found, mut waiting) = (Vec::new(), vec![from.clone()]);
    while let Some(node) = waiting.pop() {
        if !node.seen.replace(true) {
            found.push(node.number);
            waiting.extend(node.edges.borrow().iter().cloned());
        }
    }
    found.sort();
    found
}

fn main() {
    let heap = Heap::new();
    let nodes: Vec<Gc<Node>> = (0..1000)
        .map(|number| Gc::new_in(&heap, Node { number, seen: Cell::new(false), edges: RefCell::default() }))
        .collect();
    for (i, node) in nodes.iter().enumerate() {
        // Two edges each, which stay among the numbers that leave the same rest when divided by ten.
        for step in [10, 370] {
            node.edges.borrow_mut().push(nodes[(i + step) % 1000].clone());
        }
    }
    let start = nodes[3].clone();
    drop(nodes);
    println!("{} nodes are no longer reachable and were dropped", heap.collect());
    let found = reachable(&start);
    println!("{} are left, all of them reachable from {}: {:?}...", found.len(), start.number, &found[..4]);
    assert_eq!(found.len() as u64, heap.stats().live_objects);
}
