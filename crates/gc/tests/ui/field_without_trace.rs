use rcgc_gc::Trace;

struct Other;

#[derive(Trace)]
struct Node(Other);

fn main() {}
