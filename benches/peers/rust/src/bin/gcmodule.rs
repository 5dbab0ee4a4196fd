//! jrsonnet-gcmodule: counts, and CPython's algorithm over a list of all objects.

use jrsonnet_gcmodule::{collect_thread_cycles, Cc, Trace, Tracer};
use rcgc_peers::{graph, owned_at_both_ends, run, Counted, Peer};
use std::cell::RefCell;

struct Node {
    left: RefCell<Option<Cc<Node>>>,
    right: RefCell<Option<Cc<Node>>>,
    _value: u64,
    _counted: Counted,
}

impl Trace for Node {
    fn trace(&self, tracer: &mut Tracer) {
        self.left.trace(tracer);
        self.right.trace(tracer);
    }
    fn is_type_tracked() -> bool {
        true
    }
}

struct Gcmodule;

impl Peer for Gcmodule {
    type Ref = Cc<Node>;
    const STEPS_A_COLLECTION: Option<usize> = Some(100_000);

    fn node(value: u64) -> Cc<Node> {
        let (left, right) = (RefCell::new(None), RefCell::new(None));
        Cc::new(Node { left, right, _value: value, _counted: Counted::new() })
    }
    fn set_left(node: &Cc<Node>, owned: Cc<Node>) {
        *node.left.borrow_mut() = Some(owned);
    }
    fn set_right(node: &Cc<Node>, owned: Cc<Node>) {
        *node.right.borrow_mut() = Some(owned);
    }
    fn left<T>(node: &Cc<Node>, look: impl FnOnce(Option<&Cc<Node>>) -> T) -> T {
        look(node.left.borrow().as_ref())
    }
    fn right<T>(node: &Cc<Node>, look: impl FnOnce(Option<&Cc<Node>>) -> T) -> T {
        look(node.right.borrow().as_ref())
    }
    fn collect() {
        let _ended = collect_thread_cycles();
    }
}

struct Crate {
    name: String,
    version: String,
    needs: RefCell<Vec<Cc<Crate>>>,
    needed_by: RefCell<Vec<Cc<Crate>>>,
    index: usize,
}

impl Trace for Crate {
    fn trace(&self, tracer: &mut Tracer) {
        self.needs.trace(tracer);
        self.needed_by.trace(tracer);
    }
    fn is_type_tracked() -> bool {
        true
    }
}

owned_at_both_ends!(Gcmodule, Cc, Cc::ptr_eq, RefCell, RefCell::borrow_mut);

/// A round makes some 3,300 objects, texts included: after sixty of them it is time for a collection.
fn graph_with_churn() {
    let rounds = std::cell::Cell::new(0);
    graph::with_churn_and::<Gcmodule>(|| {
        rounds.set(rounds.get() + 1);
        if rounds.get() % 60 == 0 {
            Gcmodule::collect();
        }
    });
}

fn main() {
    run::<Gcmodule>(Err("its counts are not atomic"), Ok(graph_with_churn));
}
