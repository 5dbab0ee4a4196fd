use rcgc_gc::{Gc, Trace};

#[derive(Trace)]
struct Borrows<'a>(&'a str);

fn main() {
    let text = String::from("text");
    let _ = Gc::new(Borrows(&text));
}
