//! What a `Drop` may do, and what happens when it does something else.

use rcgc_gc::{Gc, Heap, Trace, Untraced, Weak};
use std::cell::{Cell, RefCell};
use std::panic::{catch_unwind, AssertUnwindSafe};

type Act = fn(&Node);

#[derive(Trace)]
struct Node {
    name: u32,
    next: RefCell<Option<Gc<Node>>>,
    weak: RefCell<Weak<Node>>,
    act: Untraced<Act>,
    other: Option<Gc<Node>>,
}

thread_local!(static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

fn say(text: impl Into<String>) {
    SAID.with_borrow_mut(|said| said.push(text.into()));
}

fn said() -> Vec<String> {
    let mut said = SAID.take();
    said.sort();
    said
}

impl Drop for Node {
    fn drop(&mut self) {
        (self.act.0)(self);
    }
}

fn node(heap: &Heap, name: u32, act: Act) -> Gc<Node> {
    Gc::new_in(
        heap,
        Node { name, next: RefCell::default(), weak: RefCell::default(), act: Untraced(act), other: None },
    )
}

fn ring(heap: &Heap, size: u32, act: Act) -> Vec<Gc<Node>> {
    let all: Vec<_> = (0..size).map(|name| node(heap, name, act)).collect();
    for (i, one) in all.iter().enumerate() {
        let next = &all[(i + 1) % all.len()];
        *one.next.borrow_mut() = Some(next.clone());
        *one.weak.borrow_mut() = Gc::downgrade(next);
    }
    all
}

#[test]
fn neighbours_by_count_are_there() {
    let heap = Heap::new();
    let last = node(&heap, 2, |me| say(format!("{}", me.name)));
    let first = node(&heap, 1, |me| {
        let next = me.next.borrow();
        say(format!("{} to {}", me.name, next.as_ref().unwrap().name));
    });
    *first.next.borrow_mut() = Some(last);
    drop(first);
    assert_eq!(said(), ["1 to 2", "2"]);
    assert_eq!(heap.stats().live_objects, 0);
}

#[test]
fn neighbours_in_a_ring_are_not() {
    let heap = Heap::new();
    ring(&heap, 3, |me| {
        let next = me.next.borrow();
        let next = next.as_ref().unwrap();
        assert!(Gc::try_deref(next).is_none());
        assert!(me.weak.borrow().upgrade().is_none());
        assert!(Gc::get_mut(&mut next.clone()).is_none());
        assert!(Gc::try_unwrap(next.clone()).is_err());
        assert!(Gc::downgrade(next).upgrade().is_none());
        let panic = catch_unwind(AssertUnwindSafe(|| next.name)).unwrap_err();
        say(panic.downcast_ref::<String>().unwrap().as_str());
    });
    assert_eq!(heap.collect(), 3);
    let said = said();
    assert_eq!(said.len(), 3);
    assert!(said[0].contains("drops::Node was used while it is being dropped"), "{said:?}");
    assert_eq!((heap.stats().live_objects, heap.stats().panics), (0, 0));
}

#[test]
fn a_panic_stops_nothing() {
    let heap = Heap::new();
    for round in 1..4 {
        ring(&heap, 10, |me| {
            say("one");
            let next = me.next.borrow();
            say(next.as_ref().unwrap().name.to_string());
        });
        assert_eq!(heap.collect(), 10);
        assert_eq!((heap.stats().live_objects, heap.stats().panics), (0, 10 * round));
        assert_eq!(said(), ["one"; 10]);
    }
    drop(node(&heap, 1, |_| panic!("by count")));
    assert_eq!((heap.stats().live_objects, heap.stats().panics), (0, 31));
}

#[derive(Trace)]
struct Parts(Noisy, RefCell<Option<Gc<Parts>>>, Noisy, Noisy);

#[derive(Trace)]
struct Noisy(u32);

impl Drop for Noisy {
    fn drop(&mut self) {
        say(self.0.to_string());
        assert!(self.0 != 1, "the first");
    }
}

#[test]
fn parts_are_dropped_in_their_order_also_after_a_panic() {
    let heap = Heap::new();
    let kept = Gc::new_in(&heap, Parts(Noisy(7), RefCell::default(), Noisy(8), Noisy(9)));
    let gc = Gc::new_in(&heap, Parts(Noisy(1), RefCell::new(Some(kept.clone())), Noisy(2), Noisy(3)));
    drop(gc);
    assert_eq!(SAID.take(), ["1", "2", "3"]);
    assert_eq!((Gc::strong_count(&kept), heap.stats().panics), (1, 1));
    *kept.1.borrow_mut() = Some(kept.clone());
    drop(kept);
    heap.collect();
    assert_eq!(SAID.take(), ["7", "8", "9"]);
}

#[test]
fn what_a_drop_may_do() {
    thread_local!(static HEAP: RefCell<Option<Heap>> = const { RefCell::new(None) });
    let heap = Heap::new();
    HEAP.set(Some(heap.clone()));
    ring(&heap, 5, |_| {
        HEAP.with_borrow(|heap| {
            let heap = heap.as_ref().unwrap();
            assert_eq!(heap.collect(), 0, "refused in the middle of one");
            // Rings of others, values of other heaps, heaps: all as anywhere.
            ring(heap, 2, |_| say("inner"));
            let other = Heap::new();
            let value = Gc::new_in(&other, 5);
            drop(other);
            assert_eq!(*value, 5);
        });
    });
    assert_eq!(heap.collect(), 5);
    assert_eq!(heap.collect(), 10);
    assert_eq!(said().len(), 10);
    HEAP.set(None);
}

#[test]
fn a_ring_hands_on_what_outlives_it() {
    thread_local!(static KEPT: RefCell<Vec<Gc<Cell<u32>>>> = const { RefCell::new(Vec::new()) });
    #[derive(Trace)]
    struct Holder(RefCell<Option<Gc<Holder>>>, Gc<Cell<u32>>);
    impl Drop for Holder {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            KEPT.with_borrow_mut(|kept| kept.push(self.1.clone()));
        }
    }
    let heap = Heap::new();
    let holder = Gc::new_in(&heap, Holder(RefCell::default(), Gc::new_in(&heap, Cell::new(1))));
    *holder.0.borrow_mut() = Some(holder.clone());
    drop(holder);
    assert_eq!(heap.collect(), 1);
    let kept = KEPT.take();
    assert_eq!((kept[0].get(), Gc::strong_count(&kept[0])), (2, 1));
}

#[test]
fn unwrapping_deep_in_drops() {
    // Deeper than the engine nests callbacks: what ends there ends later, and has no value then.
    #[derive(Trace)]
    struct Deep(RefCell<Option<Gc<Deep>>>, Noisy);
    impl Drop for Deep {
        fn drop(&mut self) {
            if let Some(next) = self.0.take() {
                let heap = Gc::heap(&next);
                let made = Gc::new_in(&heap, Deep(RefCell::default(), Noisy(5)));
                let mut value = Gc::try_unwrap(made).ok().unwrap();
                value.0 = RefCell::default();
                drop(value);
            }
        }
    }
    let heap = Heap::new();
    let mut chain = None;
    for _ in 0..40 {
        chain = Some(Gc::new_in(&heap, Deep(RefCell::new(chain), Noisy(4))));
    }
    drop(chain);
    assert_eq!(said().len(), 40 + 39);
    assert_eq!((heap.stats().live_objects, heap.stats().panics), (0, 0));
}
