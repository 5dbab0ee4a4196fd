//! std::sync::Arc, its fields in Mutexes, so that other threads may have the nodes.

use rcgc_peers::graph::{with_churn, Crates};
use rcgc_peers::{fail, run, workloads::two_threads, Counted, Peer};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

type Field = Mutex<Option<Arc<Node>>>;

struct Node {
    left: Field,
    right: Field,
    _value: u64,
    _counted: Counted,
}

fn locked<T>(field: &Mutex<T>) -> MutexGuard<'_, T> {
    field.lock().unwrap_or_else(|_| fail("a lock is poisoned"))
}

struct StdArc;

impl Peer for StdArc {
    type Ref = Arc<Node>;
    const NO_CYCLES: Option<&'static str> = Some("a count alone does not find rings");

    fn node(value: u64) -> Arc<Node> {
        Arc::new(Node {
            left: Field::default(),
            right: Field::default(),
            _value: value,
            _counted: Counted::new(),
        })
    }
    fn set_left(node: &Arc<Node>, owned: Arc<Node>) {
        *locked(&node.left) = Some(owned);
    }
    fn set_right(node: &Arc<Node>, owned: Arc<Node>) {
        *locked(&node.right) = Some(owned);
    }
    fn left<T>(node: &Arc<Node>, look: impl FnOnce(Option<&Arc<Node>>) -> T) -> T {
        look(locked(&node.left).as_ref())
    }
    fn right<T>(node: &Arc<Node>, look: impl FnOnce(Option<&Arc<Node>>) -> T) -> T {
        look(locked(&node.right).as_ref())
    }
}

fn threads(shared: bool) {
    let node = StdArc::node(0);
    two_threads(|| if shared { node.clone() } else { StdArc::node(1) });
}

/// What needs a crate is held weakly, or nothing would ever die.
struct Crate {
    name: Arc<str>,
    version: Arc<str>,
    needs: Mutex<Vec<Arc<Crate>>>,
    needed_by: Mutex<Vec<Weak<Crate>>>,
    index: usize,
}

impl Crates for StdArc {
    type Ref = Arc<Crate>;
    type Back = Weak<Crate>;
    type Text = Arc<str>;

    fn new(name: Arc<str>, version: Arc<str>, index: usize) -> Arc<Crate> {
        let (needs, needed_by) = (Mutex::default(), Mutex::default());
        Arc::new(Crate { name, version, needs, needed_by, index })
    }
    fn name(of: &Arc<Crate>) -> Arc<str> {
        of.name.clone()
    }
    fn version(of: &Arc<Crate>) -> Arc<str> {
        of.version.clone()
    }
    fn index(of: &Arc<Crate>) -> usize {
        of.index
    }
    fn needs<T>(of: &Arc<Crate>, use_it: impl FnOnce(&mut Vec<Arc<Crate>>) -> T) -> T {
        use_it(&mut locked(&of.needs))
    }
    fn needed_by<T>(of: &Arc<Crate>, use_it: impl FnOnce(&mut Vec<Weak<Crate>>) -> T) -> T {
        use_it(&mut locked(&of.needed_by))
    }
    fn back(of: &Arc<Crate>) -> Weak<Crate> {
        Arc::downgrade(of)
    }
    fn forth(back: &Weak<Crate>) -> Arc<Crate> {
        back.upgrade().unwrap_or_else(|| fail("a crate in use is dead"))
    }
    fn is_same(one: &Arc<Crate>, other: &Arc<Crate>) -> bool {
        Arc::ptr_eq(one, other)
    }
    fn leads_to(back: &Weak<Crate>, other: &Arc<Crate>) -> bool {
        std::ptr::eq(back.as_ptr(), Arc::as_ptr(other))
    }
}

fn main() {
    run::<StdArc>(Ok(threads), Ok(with_churn::<StdArc>));
}
