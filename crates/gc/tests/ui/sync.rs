use rcgc_gc::{Gc, Heap};

fn shared<T: Sync>(_: &T) {}

fn main() {
    shared(&Gc::new(5));
    shared(&Heap::new());
}
