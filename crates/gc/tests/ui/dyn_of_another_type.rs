use rcgc_gc::{gc_dyn, Gc};

fn main() {
    let _: Gc<dyn std::fmt::Display> = gc_dyn!(Gc::new(vec![1]) => dyn std::fmt::Display);
}
