//! rust-cc: counts, and trial deletion of what was buffered when a count fell.

use rcgc_peers::{fail, graph, owned_at_both_ends, run, Counted, Peer};
use rust_cc::{collect_cycles, config::config, Cc, Finalize, Trace};
use std::cell::RefCell;

#[derive(Trace, Finalize)]
struct Node {
    left: RefCell<Option<Cc<Node>>>,
    right: RefCell<Option<Cc<Node>>>,
    _value: u64,
    #[rust_cc(ignore)]
    _counted: Counted,
}

struct RustCc;

impl Peer for RustCc {
    type Ref = Cc<Node>;

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
    fn automatic(on: bool) {
        if config(|config| config.set_auto_collect(on)).is_err() {
            fail("automatic collection cannot be switched");
        }
    }
    fn collect() {
        collect_cycles();
    }
}

#[derive(Trace, Finalize)]
struct Crate {
    name: String,
    version: String,
    needs: RefCell<Vec<Cc<Crate>>>,
    needed_by: RefCell<Vec<Cc<Crate>>>,
    index: usize,
}

owned_at_both_ends!(RustCc, Cc, Cc::ptr_eq, RefCell, RefCell::borrow_mut);

fn main() {
    run::<RustCc>(Err("its counts are not atomic"), Ok(graph::with_churn::<RustCc>));
}
