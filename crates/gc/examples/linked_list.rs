//! A doubly linked list: every neighbour is a ring of two. With `Rc` the way back has to be weak, or the list leaks.

use rcgc_gc::{Gc, Heap, Trace};
use std::cell::Cell;

#[derive(Trace)]
struct Node<T: Trace> {
    value: T,
    next: Cell<Option<Gc<Node<T>>>>,
    back: Cell<Option<Gc<Node<T>>>>,
}

#[derive(Trace)]
struct List<T: Trace> {
    first: Cell<Option<Gc<Node<T>>>>,
    last: Cell<Option<Gc<Node<T>>>>,
}

/// A copy of what a cell holds.
fn get<T: Trace>(cell: &Cell<Option<Gc<T>>>) -> Option<Gc<T>> {
    let value = cell.take();
    cell.set(value.clone());
    value
}

impl<T: Trace> List<T> {
    fn new() -> Self {
        List { first: Cell::new(None), last: Cell::new(None) }
    }

    fn push(&self, value: T) -> Gc<Node<T>> {
        let node = Gc::new(Node { value, next: Cell::new(None), back: Cell::new(self.last.take()) });
        match get(&node.back) {
            Some(last) => last.next.set(Some(node.clone())),
            None => self.first.set(Some(node.clone())),
        }
        self.last.set(Some(node.clone()));
        node
    }

    fn remove(&self, node: &Gc<Node<T>>) {
        let (back, next) = (node.back.take(), node.next.take());
        match &back {
            Some(back) => back.next.set(next.clone()),
            None => self.first.set(next.clone()),
        }
        match &next {
            Some(next) => next.back.set(back),
            None => self.last.set(back),
        }
    }

    fn backwards(&self) -> impl Iterator<Item = Gc<Node<T>>> {
        std::iter::successors(get(&self.last), |node| get(&node.back))
    }
}

fn main() {
    let list = List::new();
    let nodes: Vec<_> = ["one", "two", "three", "four"].into_iter().map(|word| list.push(word)).collect();
    list.remove(&nodes[1]);
    list.remove(&nodes[3]);
    let words: Vec<_> = list.backwards().map(|node| node.value).collect();
    println!("from behind: {words:?}");
    drop((nodes, list));
    let heap = Heap::thread_default();
    println!("{} nodes were still tied to each other", heap.collect());
    assert_eq!(heap.stats().live_objects, 0);
}
