//! bacon_rajan_cc: counts, and the synchronous algorithm of Bacon and Rajan over what was buffered.

use bacon_rajan_cc::{collect_cycles, Cc, Trace, Tracer};
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
}

struct BaconRajan;

impl Peer for BaconRajan {
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
        collect_cycles();
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
}

owned_at_both_ends!(BaconRajan, Cc, Cc::ptr_eq, RefCell, RefCell::borrow_mut);

/// A round makes some 3,300 objects, texts included: after sixty of them it is time for a collection.
fn graph_with_churn() {
    let rounds = std::cell::Cell::new(0);
    graph::with_churn_and::<BaconRajan>(|| {
        rounds.set(rounds.get() + 1);
        if rounds.get() % 60 == 0 {
            BaconRajan::collect();
        }
    });
}

fn main() {
    run::<BaconRajan>(Err("its counts are not atomic"), Ok(graph_with_churn));
}
