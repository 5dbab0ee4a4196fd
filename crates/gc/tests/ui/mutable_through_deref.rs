use rcgc_gc::{Gc, Trace};

#[derive(Trace)]
struct Node(u32);

fn main() {
    let gc = Gc::new(Node(1));
    gc.0 = 2;
}
