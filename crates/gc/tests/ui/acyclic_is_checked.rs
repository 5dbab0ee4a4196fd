use rcgc_gc::{Acyclic, Gc, Trace};
use std::cell::Cell;

#[derive(Trace)]
struct Node(Cell<Option<Gc<Node>>>);

#[derive(Trace, Acyclic)]
struct Name(Gc<Node>);

fn main() {}
