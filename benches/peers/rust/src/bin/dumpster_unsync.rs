//! dumpster::unsync: counts, and a collection over what was dropped, for one thread.

use dumpster::unsync::{collect, default_collect_condition, set_collect_condition, Gc};
use dumpster::{Trace, TraceWith, Visitor};
use rcgc_peers::{graph, owned_at_both_ends, run, Counted, Peer};
use std::cell::RefCell;

struct Uncollected(#[allow(dead_code)] Counted);

// SAFETY: it has no references.
unsafe impl<V: Visitor> TraceWith<V> for Uncollected {
    fn accept(&self, _visitor: &mut V) -> Result<(), ()> {
        Ok(())
    }
}

#[derive(Trace)]
struct Node {
    left: RefCell<Option<Gc<Node>>>,
    right: RefCell<Option<Gc<Node>>>,
    _value: u64,
    _counted: Uncollected,
}

struct Dumpster;

impl Peer for Dumpster {
    type Ref = Gc<Node>;
    const AGES: bool = false;

    fn node(value: u64) -> Gc<Node> {
        let (left, right) = (RefCell::new(None), RefCell::new(None));
        Gc::new(Node { left, right, _value: value, _counted: Uncollected(Counted::new()) })
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
    fn automatic(on: bool) {
        set_collect_condition(if on { default_collect_condition } else { |_| false });
    }
    fn collect() {
        collect();
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

owned_at_both_ends!(Dumpster, Gc, Gc::ptr_eq, RefCell, RefCell::borrow_mut);

fn main() {
    run::<Dumpster>(Err("unsync is for one thread"), Ok(graph::with_churn::<Dumpster>));
}
