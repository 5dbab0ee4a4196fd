//! gc: tracing from handles that know whether they lie in the heap; no counts of references.

// Its derive puts implementations into a constant.
#![allow(non_local_definitions)]

use gc::{configure, force_collect, unsafe_empty_trace, Finalize, Gc, GcCell, Trace};
use rcgc_peers::{graph, owned_at_both_ends, run, Counted, Peer};

struct Uncollected(#[allow(dead_code)] Counted);

impl Finalize for Uncollected {}

// SAFETY: it has no references.
unsafe impl Trace for Uncollected {
    unsafe_empty_trace!();
}

#[derive(Trace, Finalize)]
struct Node {
    left: GcCell<Option<Gc<Node>>>,
    right: GcCell<Option<Gc<Node>>>,
    _value: u64,
    _counted: Uncollected,
}

struct RustGc;

impl Peer for RustGc {
    type Ref = Gc<Node>;
    const NO_COUNTS: Option<&'static str> = Some("a tracing collector keeps no counts");
    const TRACES: bool = true;

    fn node(value: u64) -> Gc<Node> {
        let (left, right) = (GcCell::new(None), GcCell::new(None));
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
    /// It has no switch, only a threshold; what was allocated so far is below it at each call.
    fn automatic(on: bool) {
        configure(|config| config.threshold = if on { 100 } else { usize::MAX });
    }
    fn collect() {
        force_collect();
    }
}

#[derive(Trace, Finalize)]
struct Crate {
    name: String,
    version: String,
    needs: GcCell<Vec<Gc<Crate>>>,
    needed_by: GcCell<Vec<Gc<Crate>>>,
    index: usize,
}

owned_at_both_ends!(RustGc, Gc, Gc::ptr_eq, GcCell, GcCell::borrow_mut);

fn main() {
    run::<RustGc>(Err("its handles are for one thread"), Ok(graph::with_churn::<RustGc>));
}
