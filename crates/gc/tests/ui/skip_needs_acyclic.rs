use rcgc_gc::{Gc, Trace};
use std::cell::RefCell;

#[derive(Trace)]
struct Node {
    #[trace(skip)]
    next: RefCell<Option<Gc<Node>>>,
}

fn main() {
    let _ = Gc::new(Node { next: RefCell::default() });
}
