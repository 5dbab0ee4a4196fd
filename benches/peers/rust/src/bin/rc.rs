//! std::rc::Rc, its fields in RefCells as a program that changes its graph has them.

use rcgc_peers::{run, Counted, Peer};
use std::cell::RefCell;
use std::rc::Rc;

struct Node {
    left: RefCell<Option<Rc<Node>>>,
    right: RefCell<Option<Rc<Node>>>,
    _value: u64,
    _counted: Counted,
}

struct StdRc;

impl Peer for StdRc {
    type Ref = Rc<Node>;
    const NO_CYCLES: Option<&'static str> = Some("a count alone does not find rings");

    fn node(value: u64) -> Rc<Node> {
        Rc::new(Node {
            left: RefCell::default(),
            right: RefCell::default(),
            _value: value,
            _counted: Counted::new(),
        })
    }
    fn set_left(node: &Rc<Node>, owned: Rc<Node>) {
        *node.left.borrow_mut() = Some(owned);
    }
    fn set_right(node: &Rc<Node>, owned: Rc<Node>) {
        *node.right.borrow_mut() = Some(owned);
    }
    fn left<T>(node: &Rc<Node>, look: impl FnOnce(Option<&Rc<Node>>) -> T) -> T {
        look(node.left.borrow().as_ref())
    }
    fn right<T>(node: &Rc<Node>, look: impl FnOnce(Option<&Rc<Node>>) -> T) -> T {
        look(node.right.borrow().as_ref())
    }
}

fn main() {
    run::<StdRc>(Err("Rc may be used by one thread only"), Err("not yet"));
}
