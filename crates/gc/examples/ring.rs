use rcgc_gc::{Gc, Heap, Trace};
use std::cell::RefCell;

#[derive(Trace, Default)]
struct Person(RefCell<Option<Gc<Person>>>); // who is a friend of whom

fn main() {
    let (ada, bob) = (Gc::new(Person::default()), Gc::new(Person::default()));
    ada.0.replace(Some(bob.clone()));
    bob.0.replace(Some(ada.clone()));
    drop((ada, bob));
    println!("the collector ended {} people", Heap::thread_default().collect());
}
