//! persistent.rs: what persistent.c does, with `Rc` and `Rc::make_mut`.
//!
//!     persistent unique | versions

use std::rc::Rc;
use std::time::Instant;

const UNIQUE: usize = 1_000_000;
const VERSIONS: usize = 100_000;
const KEEP_EVERY: usize = 64;
/// The value of a node: its key, and above it whether it is red.
const RED: u64 = 1 << 63;

type Tree = Option<Rc<Node>>;

#[derive(Clone)]
struct Node {
    left: Tree,
    right: Tree,
    value: u64,
}

/// xorshift64*, as `bench_random` of bench.h.
struct Random(u64);

impl Random {
    fn key(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 24
    }
}

fn is_red(tree: &Tree) -> bool {
    tree.as_ref().is_some_and(|node| node.value & RED != 0)
}

/// A red node between two black ones, in the place of a black one with a red child and a red grandchild.
fn balanced(mut low: Rc<Node>, mut middle: Rc<Node>, mut high: Rc<Node>) -> Rc<Node> {
    Rc::make_mut(&mut low).value &= !RED;
    Rc::make_mut(&mut high).value &= !RED;
    let node = Rc::make_mut(&mut middle);
    node.value |= RED;
    node.left = Some(low);
    node.right = Some(high);
    middle
}

/// Takes the tree and gives the one with the key in it.
fn inserted(tree: Tree, key: u64) -> Rc<Node> {
    let Some(mut tree) = tree else { return Rc::new(Node { left: None, right: None, value: key | RED }) };
    let here = tree.value & !RED;
    if key == here {
        return tree;
    }
    let node = Rc::make_mut(&mut tree);
    let red = node.value & RED != 0;
    if key < here {
        let mut left = inserted(node.left.take(), key);
        if red || left.value & RED == 0 {
            node.left = Some(left);
        } else if is_red(&left.left) {
            let child = Rc::make_mut(&mut left);
            node.left = child.right.take();
            if let Some(low) = child.left.take() {
                return balanced(low, left, tree);
            }
        } else if is_red(&left.right) {
            let child = Rc::make_mut(&mut left);
            if let Some(mut middle) = child.right.take() {
                let top = Rc::make_mut(&mut middle);
                child.right = top.left.take();
                node.left = top.right.take();
                return balanced(left, middle, tree);
            }
        } else {
            node.left = Some(left);
        }
    } else {
        let mut right = inserted(node.right.take(), key);
        if red || right.value & RED == 0 {
            node.right = Some(right);
        } else if is_red(&right.right) {
            let child = Rc::make_mut(&mut right);
            node.right = child.left.take();
            if let Some(high) = child.right.take() {
                return balanced(tree, right, high);
            }
        } else if is_red(&right.left) {
            let child = Rc::make_mut(&mut right);
            if let Some(mut middle) = child.left.take() {
                let top = Rc::make_mut(&mut middle);
                node.right = top.left.take();
                child.left = top.right.take();
                return balanced(tree, middle, right);
            }
        } else {
            node.right = Some(right);
        }
    }
    tree
}

fn with_key(tree: Tree, key: u64) -> Tree {
    let mut tree = inserted(tree, key);
    if tree.value & RED != 0 {
        Rc::make_mut(&mut tree).value &= !RED;
    }
    Some(tree)
}

/// The nodes of a tree, and how many black ones every way down passes.
fn checked(tree: &Tree, low: u64, high: u64) -> (usize, usize) {
    let Some(node) = tree else { return (0, 0) };
    let key = node.value & !RED;
    let (left, left_black) = checked(&node.left, low, key);
    let (right, right_black) = checked(&node.right, key + 1, high);
    assert!(low <= key && key < high && left_black == right_black, "the tree is out of order or of balance");
    let red = node.value & RED != 0;
    assert!(!red || !is_red(&node.left) && !is_red(&node.right), "a red node has a red child");
    (left + right + 1, left_black + !red as usize)
}

fn ns(start: Instant, operations: usize) -> f64 {
    start.elapsed().as_nanos() as f64 / operations as f64
}

fn main() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut tree = None;
    match std::env::args().nth(1).as_deref() {
        Some("unique") => {
            let start = Instant::now();
            for _ in 0..UNIQUE {
                tree = with_key(tree, random.key());
            }
            let insert = ns(start, UNIQUE);
            let (count, _) = checked(&tree, 0, RED);
            let start = Instant::now();
            drop(tree);
            println!("insert {insert} ns\ndrop {} ns", ns(start, count));
        }
        Some("versions") => {
            let mut kept = Vec::new();
            let start = Instant::now();
            for step in 0..VERSIONS {
                tree = with_key(tree, random.key());
                if step % KEEP_EVERY == 0 {
                    kept.push(tree.clone());
                }
            }
            println!("insert {} ns", ns(start, VERSIONS));
            kept.iter().step_by(kept.len() / 4).for_each(|tree| _ = checked(tree, 0, RED));
            checked(&tree, 0, RED);
        }
        _ => panic!("usage: persistent unique | versions"),
    }
}
