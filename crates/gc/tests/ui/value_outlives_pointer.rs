use rcgc_gc::Gc;

fn main() {
    let gc = Gc::new(5);
    let value: &i32 = &gc;
    drop(gc);
    println!("{value}");
}
