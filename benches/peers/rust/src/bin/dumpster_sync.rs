//! dumpster::sync: the same with counts that threads may share. Fields are in Mutexes.

use dumpster::sync::{collect, default_collect_condition, set_collect_condition, Gc};
use dumpster::{Trace, TraceWith, Visitor};
use rcgc_peers::{fail, graph, owned_at_both_ends, run, workloads::two_threads, Counted, Peer};
use std::sync::{Mutex, MutexGuard};

struct Uncollected(#[allow(dead_code)] Counted);

// SAFETY: it has no references.
unsafe impl<V: Visitor> TraceWith<V> for Uncollected {
    fn accept(&self, _visitor: &mut V) -> Result<(), ()> {
        Ok(())
    }
}

type Field = Mutex<Option<Gc<Node>>>;

#[derive(Trace)]
struct Node {
    left: Field,
    right: Field,
    _value: u64,
    _counted: Uncollected,
}

fn locked<T>(field: &Mutex<T>) -> MutexGuard<'_, T> {
    field.lock().unwrap_or_else(|_| fail("a lock is poisoned"))
}

struct Dumpster;

impl Peer for Dumpster {
    type Ref = Gc<Node>;
    const AGES: bool = false;

    fn node(value: u64) -> Gc<Node> {
        let (left, right) = (Mutex::new(None), Mutex::new(None));
        Gc::new(Node { left, right, _value: value, _counted: Uncollected(Counted::new()) })
    }
    fn set_left(node: &Gc<Node>, owned: Gc<Node>) {
        *locked(&node.left) = Some(owned);
    }
    fn set_right(node: &Gc<Node>, owned: Gc<Node>) {
        *locked(&node.right) = Some(owned);
    }
    fn left<T>(node: &Gc<Node>, look: impl FnOnce(Option<&Gc<Node>>) -> T) -> T {
        look(locked(&node.left).as_ref())
    }
    fn right<T>(node: &Gc<Node>, look: impl FnOnce(Option<&Gc<Node>>) -> T) -> T {
        look(locked(&node.right).as_ref())
    }
    fn automatic(on: bool) {
        set_collect_condition(if on { default_collect_condition } else { |_| false });
    }
    fn collect() {
        collect();
    }
}

fn threads(shared: bool) {
    let node = Dumpster::node(0);
    two_threads(|| if shared { node.clone() } else { Dumpster::node(1) });
}

#[derive(Trace)]
struct Crate {
    name: String,
    version: String,
    needs: Mutex<Vec<Gc<Crate>>>,
    needed_by: Mutex<Vec<Gc<Crate>>>,
    index: usize,
}

owned_at_both_ends!(Dumpster, Gc, Gc::ptr_eq, Mutex, locked);

fn main() {
    run::<Dumpster>(Ok(threads), Ok(graph::with_churn::<Dumpster>));
}
