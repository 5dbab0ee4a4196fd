use rcgc_gc::{Trace, Tracer};

struct Node;

impl Trace for Node {
    fn trace(&self, _: &mut Tracer<'_>) {}
}

fn main() {}
