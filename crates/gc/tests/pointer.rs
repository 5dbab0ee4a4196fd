//! What `Gc` does that `Rc` does, and what it has beside that.

use rcgc_gc::{gc_dyn, Gc, Heap, Trace, Weak, WeakMap};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

#[derive(Trace, Clone, Debug, PartialEq)]
struct Pair {
    left: u64,
    right: String,
}

fn pair(left: u64) -> Pair {
    Pair { left, right: left.to_string() }
}

#[test]
fn widths() {
    assert_eq!(size_of::<Gc<Pair>>(), 8);
    assert_eq!(size_of::<Option<Gc<Pair>>>(), 8);
    assert_eq!(size_of::<Gc<str>>(), 16);
    assert_eq!(size_of::<Option<Gc<[u8]>>>(), 16);
}

#[test]
fn counting() {
    let heap = Heap::new();
    let one = Gc::new_in(&heap, pair(1));
    let two = one.clone();
    assert_eq!((Gc::strong_count(&one), one.left, &*two.right), (2, 1, "1"));
    assert!(Gc::ptr_eq(&one, &two) && !Gc::ptr_eq(&one, &Gc::new(pair(1))));
    assert_eq!(one, Gc::new(pair(1)));
    assert_eq!(heap.stats().live_objects, 1);
    drop(one);
    assert_eq!(Gc::strong_count(&two), 1);
    drop(two);
    assert_eq!(heap.stats().live_objects, 0);
}

#[test]
fn alone() {
    let heap = Heap::new();
    let mut gc = Gc::new_in(&heap, pair(1));
    Gc::get_mut(&mut gc).unwrap().left = 2;
    let other = gc.clone();
    assert!(Gc::get_mut(&mut gc).is_none());
    Gc::make_mut(&mut gc).left = 3;
    assert_eq!((gc.left, other.left), (3, 2));
    assert_eq!(Gc::heap(&gc), heap);
    let gc = Gc::try_unwrap(gc).unwrap();
    assert_eq!(gc.right, "1");
    let weak = Gc::downgrade(&other);
    let mut other = Gc::try_unwrap(other).unwrap_err();
    assert!(Gc::get_mut(&mut other).is_none());
    drop(weak);
    assert_eq!(Gc::unwrap_or_clone(other).left, 2);
    assert_eq!(heap.stats().live_objects, 0);
}

#[derive(Trace)]
struct Link(RefCell<Option<Gc<Link>>>, Option<Gc<Link>>);

#[test]
fn unwrapping_moves_references() {
    let heap = Heap::new();
    let end = Gc::new_in(&heap, Link(RefCell::default(), None));
    let gc = Gc::new_in(&heap, Link(RefCell::new(Some(end.clone())), Some(end.clone())));
    let value = Gc::try_unwrap(gc).ok().unwrap();
    assert_eq!(Gc::strong_count(&end), 3);
    drop(value);
    assert_eq!(Gc::strong_count(&end), 1);
    drop(end);
    assert_eq!(heap.stats().live_objects, 0);
}

#[test]
fn what_is_changed_in_place_is_not_walked() {
    let heap = Heap::new();
    let targets: Vec<Gc<Cell<u32>>> = (0..50).map(|n| Gc::new_in(&heap, Cell::new(49 - n))).collect();
    let mut list = Gc::new_in(&heap, (targets.clone(), RefCell::new(targets.clone())));
    let mut changed = Gc::get_mut(&mut list).unwrap();
    changed.0.sort_by(|a, b| {
        heap.collect();
        a.get().cmp(&b.get())
    });
    drop(changed);
    list.1.borrow_mut().sort_by_key(|target| {
        heap.collect();
        target.get()
    });
    heap.collect();
    for (n, target) in list.0.iter().enumerate() {
        assert_eq!((target.get() as usize, Gc::strong_count(target)), (n, 3));
    }
    drop((list, targets));
    assert_eq!(heap.stats().live_objects, 0);
}

#[test]
fn raw_and_back() {
    let gc = Gc::new(pair(7));
    let raw = Gc::into_raw(gc.clone());
    assert_eq!(Gc::strong_count(&gc), 2);
    // SAFETY: from `into_raw`.
    let back = unsafe { Gc::from_raw(raw) };
    assert!(Gc::ptr_eq(&gc, &back));
}

#[test]
fn weak() {
    let heap = Heap::new();
    let gc = Gc::new_in(&heap, pair(1));
    let weak = Gc::downgrade(&gc);
    let again = weak.clone();
    assert_eq!((Gc::weak_count(&gc), weak.strong_count()), (2, 1));
    assert!(weak.ptr_eq(&again) && Gc::ptr_eq(&weak.upgrade().unwrap(), &gc));
    drop(gc);
    assert!(weak.upgrade().is_none() && again.clone().upgrade().is_none());
    assert!(Weak::<Pair>::new().upgrade().is_none());
    drop(heap);
    assert!(weak.upgrade().is_none());
}

#[derive(Trace)]
struct Own {
    me: Weak<Own>,
    list: RefCell<Vec<Gc<Own>>>,
}

#[test]
fn cyclic() {
    let heap = Heap::new();
    let own = Gc::new_cyclic_in(&heap, |me| {
        assert!(me.upgrade().is_none());
        heap.collect();
        Own { me: me.clone(), list: RefCell::default() }
    });
    own.list.borrow_mut().push(own.me.upgrade().unwrap());
    assert_eq!(Gc::strong_count(&own), 2);
    let weak = own.me.clone();
    drop(own);
    assert_eq!(heap.collect(), 1);
    assert!(weak.upgrade().is_none());

    let mut kept = None;
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Gc::new_cyclic_in(&heap, |me: &Weak<Own>| {
            kept = Some(me.clone());
            panic!("while it is made");
        })
    }));
    assert!(panic.is_err() && kept.unwrap().upgrade().is_none());
    assert_eq!(heap.stats().live_objects, 0);
}

#[test]
fn slices_and_strings() {
    let heap = Heap::new();
    let text = Gc::from_str_in(&heap, "Grüße");
    let empty = Gc::from_str_in(&heap, "");
    assert_eq!((&*text, &*empty), ("Grüße", ""));
    let numbers: Gc<[u16]> = Gc::from_vec_in(&heap, vec![1, 2, 3]);
    assert_eq!(numbers.iter().sum::<u16>(), 6);
    let texts = Gc::from_vec_in(&heap, vec![text.clone(), text.clone(), empty]);
    let names = Gc::from_vec_in(&heap, vec![String::from("a"), String::from("b")]);
    assert_eq!((texts.len(), names.concat().as_str(), Gc::strong_count(&text)), (3, "ab", 3));
    let nodes: Vec<_> = (0..4).map(|_| Gc::new_in(&heap, Link(RefCell::default(), None))).collect();
    let thin = Gc::from_vec_in(&heap, nodes.clone());
    let cells = Gc::from_vec_in(&heap, nodes.iter().cloned().map(|node| RefCell::new(Some(node))).collect());
    heap.collect();
    assert_eq!((thin.len(), cells.len(), Gc::strong_count(&nodes[0])), (4, 4, 3));
    let none: Gc<[()]> = Gc::from_vec_in(&heap, vec![(); 3]);
    assert_eq!(none.len(), 3);
    let weak = Gc::downgrade(&thin);
    assert_eq!(weak.upgrade().unwrap().len(), 4);
    drop((text, numbers, texts, names, thin, cells, none, nodes));
    assert!(weak.upgrade().is_none());
    assert_eq!(heap.stats().live_objects, 0);
}

trait Speak {
    fn speak(&self) -> String;
}

impl Speak for Pair {
    fn speak(&self) -> String {
        self.right.clone()
    }
}

#[derive(Trace)]
struct Echo(RefCell<Option<Gc<dyn Speak>>>, Option<Gc<dyn Speak>>);

impl Speak for Echo {
    fn speak(&self) -> String {
        self.0.borrow().as_ref().map_or("nobody".into(), |other| format!("{}!", Gc::strong_count(other)))
    }
}

#[test]
fn trait_objects() {
    let heap = Heap::new();
    let speaker: Gc<dyn Speak> = gc_dyn!(Gc::new_in(&heap, pair(5)) => dyn Speak);
    let echo = Gc::new_in(&heap, Echo(RefCell::new(Some(speaker.clone())), Some(speaker.clone())));
    assert_eq!((speaker.speak().as_str(), echo.speak().as_str()), ("5", "3!"));
    *echo.0.borrow_mut() = Some(gc_dyn!(echo.clone() => dyn Speak));
    let weak: Weak<dyn Speak> = Gc::downgrade(&speaker);
    drop(speaker);
    drop(echo);
    assert!(weak.upgrade().is_some());
    assert_eq!(heap.collect(), 1);
    assert!(weak.upgrade().is_none());
    assert_eq!(heap.stats().live_objects, 0);
    let slice: Gc<[u8]> = gc_dyn!(Gc::new([1u8, 2]) => [u8]);
    assert_eq!(&*slice, &[1, 2]);
}

#[test]
fn weak_maps() {
    let heap = Heap::new();
    let map: WeakMap<Pair, Link> = WeakMap::new_in(&heap);
    let (key, other) = (Gc::new_in(&heap, pair(1)), Gc::new_in(&heap, pair(2)));
    let value = Gc::new_in(&heap, Link(RefCell::default(), None));
    map.insert(&key, value.clone()).unwrap();
    map.insert(&other, value.clone()).unwrap();
    assert_eq!((map.len(), Gc::strong_count(&value)), (2, 3));
    assert!(Gc::ptr_eq(&map.get(&key).unwrap(), &value) && map.get(&Gc::new_in(&heap, pair(1))).is_none());
    assert!(map.remove(&other).is_some() && map.remove(&other).is_none());
    assert!(map.insert(&Gc::new_in(&Heap::new(), pair(1)), value.clone()).is_err());
    drop(key);
    assert_eq!((map.len(), Gc::strong_count(&value)), (0, 1));
}

#[derive(Trace)]
struct Noted {
    notes: WeakMap<Noted, Noted>,
    about: RefCell<Option<Gc<Noted>>>,
}

#[test]
fn a_value_that_leads_to_its_key() {
    let heap = Heap::new();
    let notes = WeakMap::new_in(&heap);
    let new = || Gc::new_in(&heap, Noted { notes: notes.clone(), about: RefCell::default() });
    let (key, value) = (new(), new());
    *value.about.borrow_mut() = Some(key.clone());
    notes.insert(&key, value).unwrap();
    heap.collect();
    assert_eq!(notes.len(), 1);
    drop(key);
    assert_eq!(heap.collect(), 2);
    assert_eq!(notes.len(), 0);
}

#[test]
fn as_a_key_of_others() {
    let mut map: HashMap<Gc<str>, u32> = HashMap::new();
    map.insert("one".into(), 1);
    assert_eq!(map.get("one"), Some(&1));
    assert_eq!(format!("{:?} {}", map, Gc::<str>::from("x")), "{\"one\": 1} x");
}

#[test]
fn deep_chains() {
    // On the stack of a test's thread a recursion this deep would end the process.
    let heap = Heap::new();
    let (mut plain, mut walked) = (None, None);
    for _ in 0..300_000 {
        plain = Some(Gc::new_in(&heap, Link(RefCell::new(None), plain)));
        walked = Some(Gc::new_in(&heap, Link(RefCell::new(walked), None)));
    }
    drop((plain, walked));
    assert_eq!(heap.stats().live_objects, 0);
}
