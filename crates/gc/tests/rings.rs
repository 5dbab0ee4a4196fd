//! Rings of every kind of field, each found and ended with all that hangs from it.

use rcgc_gc::{gc_dyn, Acyclic, Gc, Heap, Policy, Trace, Tracer, Untraced, Weak};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

thread_local!(static DROPS: Cell<usize> = const { Cell::new(0) });

#[derive(Trace, Default)]
struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
    }
}

/// Makes two values that hold each other, lets go of them, and sees that a collection ends both, with what they own.
fn ring<T: Trace>(new: impl Fn() -> T, tie: impl Fn(&Gc<T>, Gc<T>)) {
    let heap = Heap::new();
    let (a, b) = (Gc::new_in(&heap, new()), Gc::new_in(&heap, new()));
    tie(&a, b.clone());
    tie(&b, a.clone());
    assert_eq!(heap.collect(), 0, "held");
    assert_eq!((Gc::strong_count(&a), Gc::strong_count(&b)), (2, 2));
    drop(a);
    assert_eq!(heap.collect(), 0, "held by the other");
    drop(b);
    let before = DROPS.get();
    assert_eq!(heap.collect(), 2, "{}", std::any::type_name::<T>());
    assert_eq!(DROPS.get() - before, 2);
    assert_eq!(heap.stats().live_objects, 0);
}

macro_rules! holder {
    ($name:ident: $t:ty, $a:ident, $b:ident => $tie:expr) => {
        #[test]
        #[allow(non_snake_case)]
        fn $name() {
            #[derive(Trace, Default)]
            struct Holder {
                counted: Counted,
                field: $t,
                name: String,
            }
            ring(
                || Holder { name: "x".repeat(40), ..Holder::default() },
                |$a: &Gc<Holder>, $b: Gc<Holder>| {
                    assert_eq!($a.name.len(), 40);
                    let _ = &$a.counted;
                    $tie
                },
            );
        }
    };
}

holder!(cell: Cell<Option<Gc<Holder>>>, a, b => a.field.set(Some(b)));
holder!(ref_cell: RefCell<Option<Gc<Holder>>>, a, b => *a.field.borrow_mut() = Some(b));
holder!(once: OnceCell<Gc<Holder>>, a, b => assert!(a.field.set(b).is_ok()));
holder!(array: [Cell<Option<Gc<Holder>>>; 3], a, b => a.field[2].set(Some(b)));
holder!(vector: RefCell<Vec<Gc<Holder>>>, a, b => a.field.borrow_mut().push(b));
holder!(vector_in_cell: Cell<Vec<Gc<Holder>>>, a, b => a.field.set(vec![b]));
holder!(vector_of_options: Cell<Vec<Option<Gc<Holder>>>>, a, b => a.field.set(vec![None, Some(b), None]));
holder!(tuple: (u8, Cell<Option<Gc<Holder>>>), a, b => a.field.1.set(Some(b)));
holder!(boxed: RefCell<Option<Box<Gc<Holder>>>>, a, b => *a.field.borrow_mut() = Some(Box::new(b)));
holder!(map: RefCell<HashMap<u32, Gc<Holder>>>, a, b => { a.field.borrow_mut().insert(1, b); });
holder!(tree: RefCell<BTreeMap<u32, Gc<Holder>>>, a, b => { a.field.borrow_mut().insert(1, b); });
holder!(deque: RefCell<VecDeque<Option<Gc<Holder>>>>, a, b => a.field.borrow_mut().push_front(Some(b)));

/// A value whose `Gc`s are all declared, without anything that is dropped: no code of ours runs for it.
#[derive(Trace, Default)]
struct Plain {
    left: Cell<Option<Gc<Plain>>>,
    pair: [Cell<Option<Gc<Plain>>>; 2],
    weight: u64,
}

#[test]
fn plain_rings() {
    const { assert!(Plain::HOLDS && !Plain::WALKS_REST && !Plain::DROPS_REST) };
    let heap = Heap::new();
    let all: Vec<_> =
        (0..100).map(|weight| Gc::new_in(&heap, Plain { weight, ..Plain::default() })).collect();
    for (i, one) in all.iter().enumerate() {
        one.left.set(Some(all[(i + 1) % 100].clone()));
        one.pair[1].set(Some(all[i].clone()));
    }
    assert_eq!(heap.collect(), 0);
    drop(all);
    assert_eq!(heap.collect(), 100);
}

#[test]
fn slices_in_rings() {
    type Cells = [RefCell<Option<Gc<Tied>>>];
    #[derive(Trace)]
    struct Tied(RefCell<Option<Gc<Cells>>>, Counted);
    let heap = Heap::new();
    let tied = Gc::new_in(&heap, Tied(RefCell::default(), Counted));
    let cells = Gc::from_vec_in(&heap, vec![RefCell::new(None), RefCell::new(Some(tied.clone()))]);
    *tied.0.borrow_mut() = Some(cells);
    let before = DROPS.get();
    drop(tied);
    assert_eq!((heap.collect(), DROPS.get() - before), (2, 1));
}

/// Enums: one whose layout is fixed is declared, the other one walked.
#[derive(Trace, Default)]
#[repr(u8)]
#[allow(dead_code)]
enum Fixed {
    #[default]
    Nil,
    Number(f64) = 7,
    Object(Gc<Env<Fixed>>),
    Text(Gc<str>),
    Two {
        name: u8,
        first: Option<Gc<Env<Fixed>>>,
        second: Gc<Env<Fixed>>,
    },
}

#[derive(Trace, Default)]
#[repr(i16)]
#[allow(dead_code)]
enum Plainer {
    #[default]
    Nil = -3,
    Number(u32),
    Object(Gc<Env<Plainer>>),
    Both(Gc<Env<Plainer>>, Option<Gc<Env<Plainer>>>),
}

#[derive(Trace, Default)]
#[allow(dead_code)]
enum Free {
    #[default]
    Nil,
    List(Vec<Free>),
    Object(Gc<Env<Free>>),
    Named {
        name: String,
        value: Gc<Env<Free>>,
    },
}

#[derive(Trace, Default)]
struct Env<V: 'static> {
    value: Cell<V>,
    list: RefCell<Vec<V>>,
}

#[derive(Trace, Default)]
struct Slot {
    value: Cell<Plainer>,
    env: Cell<Option<Gc<Env<Plainer>>>>,
}

#[test]
fn enums() {
    const { assert!(!Plainer::WALKS_REST && !Plainer::DROPS_REST && !Slot::DROPS_REST) };
    // A string is in no ring: it is dropped, and not walked.
    const { assert!(!Fixed::WALKS_REST && Fixed::DROPS_REST && Free::WALKS_REST) };
    fn tied<V: Trace + Default>(values: impl Fn(&Gc<Env<V>>) -> Vec<V>) {
        let heap = Heap::new();
        let env = Gc::new_in(&heap, Env::<V>::default());
        let count = values(&env).len();
        for i in 0..count {
            let other = Gc::new_in(&heap, Env::default());
            other.value.set(values(&env).swap_remove(i));
            env.list.borrow_mut().extend(values(&other));
        }
        assert_eq!(heap.collect(), 0);
        drop(env);
        assert!(heap.collect() > count);
        assert_eq!(heap.stats().live_objects, 0);
    }
    tied::<Fixed>(|env| {
        let two = Fixed::Two { name: 1, first: Some(env.clone()), second: env.clone() };
        let one = Fixed::Two { name: 1, first: None, second: env.clone() };
        vec![Fixed::Nil, Fixed::Number(1.5), Fixed::Object(env.clone()), Fixed::Text("text".into()), two, one]
    });
    tied::<Plainer>(|env| {
        let both = Plainer::Both(env.clone(), Some(env.clone()));
        vec![Plainer::Number(u32::MAX), Plainer::Object(env.clone()), both, Plainer::Both(env.clone(), None)]
    });
    tied::<Free>(|env| {
        let named = Free::Named { name: "name".into(), value: env.clone() };
        vec![Free::List(vec![Free::Object(env.clone()), Free::Nil]), named]
    });
}

#[test]
fn what_cannot_be_in_a_ring_is_not_tracked() {
    #[derive(Trace, Acyclic)]
    struct Name(Gc<str>, Vec<Gc<str>>);
    #[derive(Trace)]
    struct Uses(Gc<Name>, [u8; 4], Rc<Gc<str>>, #[trace(skip)] Gc<Name>, Untraced<std::thread::ThreadId>);
    #[derive(Trace)]
    struct Text(String, Weak<Text>);
    const { assert!(!Uses::HOLDS && !Text::HOLDS && Plain::HOLDS) };
    let heap = Heap::new();
    let name = Gc::new_in(&heap, Name(Gc::from_str_in(&heap, "a"), vec![Gc::from_str_in(&heap, "b")]));
    let shared = Rc::new(Gc::from_str_in(&heap, "c"));
    let here = Untraced(std::thread::current().id());
    let uses = Gc::new_in(&heap, Uses(name.clone(), [0; 4], shared.clone(), name.clone(), here));
    assert_eq!((heap.stats().live_objects, Gc::strong_count(&name)), (5, 3));
    assert_eq!((&*uses.0 .0, &*uses.3 .1[0], &**uses.2, uses.1[0], *uses.4), ("a", "b", "c", 0, here.0));
    drop((name, uses));
    assert_eq!((heap.stats().live_objects, Rc::strong_count(&shared)), (1, 1));
}

#[test]
fn a_collection_while_a_cell_is_borrowed() {
    #[derive(Trace)]
    struct Node(RefCell<Vec<Gc<Node>>>, Counted);
    let heap = Heap::new();
    heap.set_policy(&Policy { full_min_bytes: 1 << 16, young_bytes: 1 << 14, ..Policy::default() });
    let new = || Gc::new_in(&heap, Node(RefCell::default(), Counted));
    let root = new();
    let inner = new();
    inner.0.borrow_mut().push(inner.clone());
    let mut borrowed = root.0.borrow_mut();
    borrowed.push(inner);
    for _ in 0..20_000 {
        borrowed.push(new());
    }
    heap.collect();
    assert_eq!(heap.stats().live_objects, 20_002);
    assert_eq!(Gc::strong_count(&borrowed[0]), 2);
    drop(borrowed);
    // A borrow that is forgotten keeps what is behind it from being found, but not the object from dying.
    std::mem::forget(root.0.borrow_mut());
    drop(root);
    assert_eq!(heap.collect(), 1);
    assert_eq!(heap.stats().live_objects, 0);
}

#[test]
fn collections_come_by_themselves() {
    let heap = Heap::new();
    heap.set_policy(&Policy { full_min_bytes: 1 << 18, ..Policy::default() });
    for _ in 0..100_000 {
        let one = Gc::new_in(&heap, Plain::default());
        one.left.set(Some(one.clone()));
    }
    assert!(heap.stats().live_objects < 50_000, "{:?}", heap.stats());
}

#[test]
fn a_full_heap_gives_the_value_back() {
    let heap = Heap::named("small");
    heap.set_policy(&Policy { limit_bytes: 1 << 20, ..Policy::default() });
    let mut kept = Vec::new();
    let back = loop {
        match Gc::try_new_in(&heap, [7u64; 100]) {
            Ok(gc) => kept.push(gc),
            Err(value) => break value,
        }
        assert!(kept.len() < 10_000);
    };
    assert_eq!(back, [7; 100]);
}

#[test]
fn trait_objects_in_rings() {
    trait Any {
        fn next(&self) -> &RefCell<Option<Gc<dyn Any>>>;
    }
    #[derive(Trace)]
    struct One(RefCell<Option<Gc<dyn Any>>>, Counted);
    impl Any for One {
        fn next(&self) -> &RefCell<Option<Gc<dyn Any>>> {
            &self.0
        }
    }
    let heap = Heap::new();
    let new = || gc_dyn!(Gc::new_in(&heap, One(RefCell::default(), Counted)) => dyn Any);
    let (a, b) = (new(), new());
    *a.next().borrow_mut() = Some(b.clone());
    *b.next().borrow_mut() = Some(a.clone());
    drop((a, b));
    assert_eq!(heap.collect(), 2);
}

/// Written by hand, with its own idea of what to report.
struct Hand(Cell<Option<Gc<Hand>>>, Cell<bool>);

// SAFETY: visits the cell that it owns.
unsafe impl Trace for Hand {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        assert!(!self.1.get(), "a trace that panics");
        tracer.name(c"next");
        self.0.trace(tracer);
    }
}

#[test]
fn by_hand() {
    let heap = Heap::new();
    let hand = Gc::new_in(&heap, Hand(Cell::new(None), Cell::new(true)));
    hand.0.set(Some(hand.clone()));
    let mut seen = 0;
    hand.1.set(false);
    hand.trace(&mut Tracer::with(&mut |_| seen += 1));
    assert_eq!(seen, 1);
    hand.1.set(true);
    let weak = Gc::downgrade(&hand);
    drop(hand);
    assert_eq!(heap.collect(), 0, "nothing is reported, so it is held");
    weak.upgrade().unwrap().1.set(false);
    assert_eq!(heap.collect(), 1);
}
