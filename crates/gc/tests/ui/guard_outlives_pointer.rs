use rcgc_gc::Gc;

fn main() {
    let mut gc = Gc::new(5);
    let guard = Gc::get_mut(&mut gc).unwrap();
    let other = gc.clone();
    drop((guard, other));
}
