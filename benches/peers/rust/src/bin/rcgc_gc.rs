//! rcgc's own `Gc`, its fields in RefCells like those of the other peers: so they are walked, and a node's end runs Rust code,
//! where fields in Cells would be known to the engine.

use rcgc_gc::{Gc, Heap, Trace, Untraced};
use rcgc_peers::{graph, owned_at_both_ends, run, Counted, Peer};
use std::cell::RefCell;

#[derive(Trace)]
struct Node {
    left: RefCell<Option<Gc<Node>>>,
    right: RefCell<Option<Gc<Node>>>,
    _value: u64,
    _counted: Untraced<Counted>,
}

struct Rcgc;

impl Peer for Rcgc {
    type Ref = Gc<Node>;

    fn node(value: u64) -> Gc<Node> {
        let (left, right) = (RefCell::default(), RefCell::default());
        Gc::new(Node { left, right, _value: value, _counted: Untraced(Counted::new()) })
    }
    fn set_left(node: &Gc<Node>, owned: Gc<Node>) {
        *node.left.borrow_mut() = Some(owned);
    }
    fn set_right(node: &Gc<Node>, owned: Gc<Node>) {
        *node.right.borrow_mut() = Some(owned);
    }
    fn left<T>(node: &Gc<Node>, look: impl FnOnce(Option<&Gc<Node>>) -> T) -> T {
        look(node.left.borrow().as_ref())
    }
    fn right<T>(node: &Gc<Node>, look: impl FnOnce(Option<&Gc<Node>>) -> T) -> T {
        look(node.right.borrow().as_ref())
    }
    fn collect() {
        let _ended = Heap::thread_default().collect();
    }
}

#[derive(Trace)]
struct Crate {
    name: String,
    version: String,
    needs: RefCell<Vec<Gc<Crate>>>,
    needed_by: RefCell<Vec<Gc<Crate>>>,
    index: usize,
}

owned_at_both_ends!(Rcgc, Gc, Gc::ptr_eq, RefCell, RefCell::borrow_mut);

fn main() {
    run::<Rcgc>(Err("its counts are not atomic"), Ok(graph::with_churn::<Rcgc>));
}
