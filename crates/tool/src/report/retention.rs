//! What keeps the bytes, summed up from the tree of owners: for the flame graph by type and field, for the
//! treemap by object.

use super::palette::Colour;
use super::tree::Tree;
use crate::dump::{Label, Object, NO_INDEX};
use crate::heap::{Heap, Owned};
use crate::output::names;
use crate::output::text::count;
use rcgc_format::graph::NONE;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Steps after which ways are not told apart any more.
const DEPTH_MAX: u16 = 24;

/// Why the objects that nothing else owns are there.
fn group(heap: &Heap, top: Object) -> usize {
    if !heap.is_alive(top) {
        3
    } else if heap.is_held(top) {
        1
    } else {
        2
    }
}

/// The groups under the root, in the order of their numbers from 1 on.
pub const GROUPS: [&str; 3] = ["held from outside", "kept by several", "garbage"];

/// What a node of the flame graph has in common: the node above, field, whether it has elements, type.
type Key = (usize, u32, bool, u32);

/// Root, group, type, field and type and so on, by retained bytes. The same step again and again is one, so
/// that a list is one node however long it is.
pub fn by_way(heap: &Heap, colours: &[Colour], edges: &[Label]) -> Tree {
    let dump = heap.dump;
    let owners = heap.owners();
    let mut tree = Tree::new("all");
    for name in GROUPS {
        tree.add(0, name.to_owned(), Colour::NONE);
    }
    let mut keys: Vec<(Key, u16, bool)> = vec![((0, NONE, false, NONE), 0, false); tree.nodes.len()];
    let mut nodes: HashMap<Key, usize> = HashMap::new();
    let mut node_of = vec![0usize; dump.len()];
    // An owner comes before what it owns.
    for &object in &owners.reached {
        let owner = owners.dominator[object as usize];
        let kind = dump.objects.kind[object as usize];
        let label = edges[object as usize];
        let has_index = label.index != NO_INDEX;
        let parent = if owner == NONE { group(heap, object) } else { node_of[owner as usize] };
        let ((_, field, indexed, of), depth, _) = keys[parent];
        let is_again = owner != NONE && (field, indexed, of) == (label.field, has_index, kind);
        let node = if is_again {
            keys[parent].2 = true;
            parent
        } else if depth >= DEPTH_MAX {
            parent
        } else {
            let field = if owner == NONE { NONE } else { label.field };
            let key = (parent, field, has_index, kind);
            *nodes.entry(key).or_insert_with(|| {
                keys.push((key, depth + 1, false));
                tree.add(parent, String::new(), colours[kind as usize])
            })
        };
        node_of[object as usize] = node;
        let of = &mut tree.nodes[node];
        of.bytes = of.bytes.saturating_add(heap.size(object));
        of.objects += 1;
    }
    for ((key, _, repeats), node) in keys.iter().zip(&mut tree.nodes).skip(1 + GROUPS.len()) {
        let (parent, field, has_index, kind) = *key;
        let name = names::line(&dump.type_name(kind));
        let again = if *repeats { " ×n" } else { "" };
        let index = if has_index { 0 } else { NO_INDEX };
        node.name = match field {
            _ if parent <= GROUPS.len() => format!("{name}{again}"),
            NONE => format!("… → {name}{again}"),
            _ => format!("{} → {name}{again}", names::edge_shape(dump, Label { field, index })),
        };
    }
    tree.sum_up();
    tree
}

/// A child of the same type that keeps so much of what its owner keeps is the next link of a list.
const LINK: f64 = 0.9;
/// Objects that keep less than this of the whole are summed up.
const SHOWN: f64 = 1.0 / 2000.0;

/// Number and bytes of what is too small to be shown one by one, by owner's node and type.
type Rest = HashMap<(usize, u32), (u64, u64)>;

/// The making of [`by_object`].
struct Map<'a> {
    heap: &'a Heap<'a>,
    colours: &'a [Colour],
    edges: &'a [Label],
    owned: Owned,
    least: u64,
    tree: Tree,
    rest: Rest,
    queue: BinaryHeap<(u64, Reverse<Object>, usize)>,
}

impl Map<'_> {
    fn retained(&self, object: Object) -> u64 {
        self.heap.owners().retained[object as usize]
    }

    fn kind(&self, object: Object) -> u32 {
        self.heap.dump.objects.kind[object as usize]
    }

    /// What a node owns: to be shown, or summed up.
    fn offer(&mut self, node: usize, object: Object) {
        let retained = self.retained(object);
        match retained >= self.least {
            true => self.queue.push((retained, Reverse(object), node)),
            false => self.sum_up(node, object),
        }
    }

    fn sum_up(&mut self, node: usize, object: Object) {
        let retained = self.retained(object);
        let of = self.rest.entry((node, self.kind(object))).or_default();
        *of = (of.0 + 1, of.1.saturating_add(retained));
    }

    /// The next link of the list that an object is in.
    fn next_link(&self, object: Object) -> Option<Object> {
        let largest = self.owned.by(object).iter().copied().max_by_key(|&of| self.retained(of))?;
        let is_link = self.kind(largest) == self.kind(object)
            && self.edges[largest as usize].field != NONE
            && self.retained(largest) as f64 >= LINK * self.retained(object) as f64;
        is_link.then_some(largest)
    }

    /// A node for an object, or for the list that begins there.
    fn show(&mut self, parent: usize, object: Object) {
        let dump = self.heap.dump;
        let node = self.tree.add(parent, String::new(), self.colours[self.kind(object) as usize]);
        let (mut at, mut links, mut bytes) = (object, 1, self.heap.size(object));
        let field = self.next_link(object).map(|next| self.edges[next as usize].field);
        loop {
            let next = self.next_link(at).filter(|&next| Some(self.edges[next as usize].field) == field);
            for owned in 0..self.owned.by(at).len() {
                let object = self.owned.by(at)[owned];
                if Some(object) != next {
                    self.offer(node, object);
                }
            }
            let Some(next) = next else { break };
            bytes = self.heap.size(next).saturating_add(bytes);
            links += 1;
            at = next;
        }
        let label = self.edges[object as usize];
        let mut name = match label.field {
            NONE => names::object(dump, object),
            _ => format!("{} at {}", names::object(dump, object), names::edge(dump, label)),
        };
        if let (2.., Some(field)) = (links, field) {
            let edge = names::edge(dump, Label { field, index: NO_INDEX });
            name += &format!(" and {} more by {edge}", count(links - 1));
        }
        self.tree.nodes[node].name = name;
        self.tree.nodes[node].bytes = bytes;
        self.tree.nodes[node].objects = links;
    }
}

/// Objects with what they own, the largest ones each as a node, at most `most`; what is smaller is summed up
/// by type under its owner. A list is one node.
pub fn by_object(heap: &Heap, colours: &[Colour], edges: &[Label], most: usize) -> Tree {
    let owners = heap.owners();
    let least = ((heap.total() as f64 * SHOWN) as u64).max(1);
    let mut map = Map {
        heap,
        colours,
        edges,
        owned: owners.owned(),
        least,
        tree: Tree::new("all"),
        rest: HashMap::new(),
        queue: BinaryHeap::new(),
    };
    for top in owners.tops() {
        map.offer(0, top);
    }
    while let Some((_, Reverse(object), parent)) = map.queue.pop() {
        match map.tree.nodes.len() < most {
            true => map.show(parent, object),
            false => map.sum_up(parent, object),
        }
    }
    let mut rest: Vec<_> = map.rest.into_iter().collect();
    rest.sort_by_key(|&((node, kind), (_, bytes))| (Reverse(bytes), node, kind));
    let mut others: Vec<(u64, u64)> = vec![(0, 0); map.tree.nodes.len()];
    for ((node, _), (objects, bytes)) in rest.split_off(most.min(rest.len())) {
        let of = &mut others[node];
        *of = (of.0 + objects, of.1.saturating_add(bytes));
    }
    let mut tree = map.tree;
    let mut add = |node: usize, name: String, colour: Colour, (objects, bytes): (u64, u64)| {
        let node = tree.add(node, name, colour);
        tree.nodes[node].bytes = bytes;
        tree.nodes[node].objects = objects;
    };
    for ((node, kind), sums) in rest {
        let name = format!("{} × {}", count(sums.0), names::line(&heap.dump.type_name(kind)));
        add(node, name, colours[kind as usize], sums);
    }
    for (node, sums) in others.into_iter().enumerate().filter(|(_, (objects, _))| *objects != 0) {
        add(node, format!("{} others", count(sums.0)), Colour::OTHER, sums);
    }
    tree.sum_up();
    tree
}
