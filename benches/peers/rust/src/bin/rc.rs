//! std::rc::Rc, its fields in RefCells as a program that changes its graph has them.

use rcgc_peers::graph::{with_churn, Crates};
use rcgc_peers::{fail, run, Counted, Peer};
use std::cell::RefCell;
use std::rc::{Rc, Weak};

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

/// What needs a crate is held weakly, or nothing would ever die.
struct Crate {
    name: Rc<str>,
    version: Rc<str>,
    needs: RefCell<Vec<Rc<Crate>>>,
    needed_by: RefCell<Vec<Weak<Crate>>>,
    index: usize,
}

impl Crates for StdRc {
    type Ref = Rc<Crate>;
    type Back = Weak<Crate>;
    type Text = Rc<str>;

    fn new(name: Rc<str>, version: Rc<str>, index: usize) -> Rc<Crate> {
        let (needs, needed_by) = (RefCell::default(), RefCell::default());
        Rc::new(Crate { name, version, needs, needed_by, index })
    }
    fn name(of: &Rc<Crate>) -> Rc<str> {
        of.name.clone()
    }
    fn version(of: &Rc<Crate>) -> Rc<str> {
        of.version.clone()
    }
    fn index(of: &Rc<Crate>) -> usize {
        of.index
    }
    fn needs<T>(of: &Rc<Crate>, use_it: impl FnOnce(&mut Vec<Rc<Crate>>) -> T) -> T {
        use_it(&mut of.needs.borrow_mut())
    }
    fn needed_by<T>(of: &Rc<Crate>, use_it: impl FnOnce(&mut Vec<Weak<Crate>>) -> T) -> T {
        use_it(&mut of.needed_by.borrow_mut())
    }
    fn back(of: &Rc<Crate>) -> Weak<Crate> {
        Rc::downgrade(of)
    }
    fn forth(back: &Weak<Crate>) -> Rc<Crate> {
        back.upgrade().unwrap_or_else(|| fail("a crate in use is dead"))
    }
    fn is_same(one: &Rc<Crate>, other: &Rc<Crate>) -> bool {
        Rc::ptr_eq(one, other)
    }
    fn leads_to(back: &Weak<Crate>, other: &Rc<Crate>) -> bool {
        std::ptr::eq(back.as_ptr(), Rc::as_ptr(other))
    }
}

fn main() {
    run::<StdRc>(Err("Rc may be used by one thread only"), Ok(with_churn::<StdRc>));
}
