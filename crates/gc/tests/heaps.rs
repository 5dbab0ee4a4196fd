//! How long heaps live, and what a thread's end does.

use rcgc_gc::{Gc, Heap, Trace};
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};

static DROPS: AtomicUsize = AtomicUsize::new(0);

#[derive(Trace)]
struct Node(Cell<Option<Gc<Node>>>, Counted);

#[derive(Trace)]
struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        DROPS.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_heap_lives_until_its_last_value() {
    let heap = Heap::new();
    let value = Gc::new_in(&heap, Node(Cell::new(None), Counted));
    let garbage = Gc::new_in(&heap, Node(Cell::new(None), Counted));
    garbage.0.set(Some(garbage.clone()));
    drop(garbage);
    let raw = heap.as_raw();
    drop(heap.clone());
    let before = DROPS.load(Ordering::Relaxed);
    drop(heap);
    assert!(DROPS.load(Ordering::Relaxed) > before, "a last collection");
    drop(Heap::new());
    let again = Gc::heap(&value);
    assert_eq!((again.as_raw(), again.stats().live_objects), (raw, 1));
    value.0.set(Some(Gc::new_in(&again, Node(Cell::new(None), Counted))));
    drop(again);
    let more = value.clone();
    drop(value);
    assert!(more.0.take().is_some());
}

#[test]
fn threads_have_their_own() {
    let here = Heap::thread_default();
    assert_eq!(here, Heap::thread_default());
    let main = here.as_raw() as usize;
    let other = std::thread::spawn(move || {
        let heap = Heap::thread_default();
        assert_ne!(heap.as_raw() as usize, main);
        let gc = Gc::new(Node(Cell::new(None), Counted));
        gc.0.set(Some(gc.clone()));
        heap.stats().live_objects
    });
    assert_eq!(other.join().unwrap(), 1);
}

thread_local! {
    static EARLY: RefCell<Vec<Gc<Node>>> = const { RefCell::new(Vec::new()) };
    static LATE: RefCell<Vec<Gc<Node>>> = const { RefCell::new(Vec::new()) };
}

/// Makes and drops values when a thread ends, after or before the thread's default heap is let go of.
struct AtEnd(Vec<Gc<Node>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.push(Gc::new(Node(Cell::new(None), Counted)));
        self.0.clear();
    }
}

thread_local!(static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(Vec::new())) });

#[test]
fn values_in_the_variables_of_a_thread() {
    for use_first in [true, false] {
        let before = DROPS.load(Ordering::Relaxed);
        std::thread::spawn(move || {
            if use_first {
                EARLY.with(|_| ());
                AT_END.with(|_| ());
            }
            let ring = Gc::new(Node(Cell::new(None), Counted));
            ring.0.set(Some(ring.clone()));
            EARLY.with_borrow_mut(|list| list.push(ring));
            LATE.with_borrow_mut(|list| list.push(Gc::new(Node(Cell::new(None), Counted))));
            AT_END.with_borrow_mut(|end| end.0.push(Gc::new(Node(Cell::new(None), Counted))));
        })
        .join()
        .unwrap();
        // The ring, which EARLY held, ends too: it is looked for after the last variable.
        assert!(DROPS.load(Ordering::Relaxed) - before >= 4);
    }
}

#[test]
fn heaps_that_refer_to_each_other() {
    let (one, two) = (Heap::new(), Heap::new());
    let b = Gc::new_in(&two, Node(Cell::new(None), Counted));
    let a = Gc::new_in(&one, Node(Cell::new(Some(b)), Counted));
    drop(two);
    assert_eq!(one.collect(), 0);
    drop(one);
    let b = a.0.take().unwrap();
    drop(a);
    assert!(b.0.take().is_none());
}
