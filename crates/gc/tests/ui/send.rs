use rcgc_gc::Gc;

fn main() {
    let gc = Gc::new(5);
    std::thread::spawn(move || println!("{}", *gc));
}
