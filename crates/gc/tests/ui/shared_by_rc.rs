use rcgc_gc::{Gc, Trace};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Trace)]
struct Node(Rc<RefCell<Option<Gc<Node>>>>);

fn main() {}
