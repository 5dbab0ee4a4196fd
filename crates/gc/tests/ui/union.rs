use rcgc_gc::Trace;

#[derive(Trace)]
union Either {
    a: u32,
    b: f32,
}

fn main() {}
