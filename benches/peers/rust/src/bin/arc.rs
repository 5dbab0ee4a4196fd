//! std::sync::Arc, its fields in Mutexes, so that other threads may have the nodes.

use rcgc_peers::{fail, run, workloads::two_threads, Counted, Peer};
use std::sync::{Arc, Mutex, MutexGuard};

type Field = Mutex<Option<Arc<Node>>>;

struct Node {
    left: Field,
    right: Field,
    _value: u64,
    _counted: Counted,
}

fn locked(field: &Field) -> MutexGuard<'_, Option<Arc<Node>>> {
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

fn main() {
    run::<StdArc>(Ok(threads), Err("not yet"));
}
