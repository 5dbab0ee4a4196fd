//! Stacks of owners: types and the fields by which they own.
//!
//! The same step again and again is one frame, and steps beyond a depth are put to the frame above, so that a
//! list of millions is one stack.

use super::stacks::{Frame, Row, Stacks, Value};
use super::Part;
use crate::dump::{Label, Object, NO_INDEX};
use crate::heap::Heap;
use crate::output::names;
use rcgc_format::graph::NONE;
use std::collections::HashMap;

/// Frames of a stack at most, without the group.
const DEPTH_MAX: u16 = 64;
/// The groups at the root.
const GROUPS: [&str; 3] = ["held from outside", "kept by several", "garbage"];

/// A frame in its stack: the node above, the field, whether it has elements, the type.
type Key = (usize, u32, bool, u32);

#[derive(Clone, Copy)]
struct Node {
    key: Key,
    depth: u16,
    repeats: bool,
    objects: u64,
    bytes: u64,
}

/// Adds a stack for each way by which objects are owned.
pub fn add(heap: &Heap, part: &Part, stacks: &mut Stacks) {
    let nodes = nodes_of(heap, part);
    let mut frames = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let function = if at < GROUPS.len() { GROUPS[at].to_owned() } else { name_of(heap, node) };
        frames.push(stacks.frame(Frame { function, ..Frame::default() }));
    }
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.objects != 0) {
        let mut stack = vec![frames[at]];
        let mut above = node.key.0;
        let mut below = at;
        while below >= GROUPS.len() {
            stack.push(frames[above]);
            (below, above) = (above, nodes[above].key.0);
        }
        let mut values = [0; 4];
        values[Value::LiveObjects as usize] = node.objects;
        values[Value::LiveBytes as usize] = node.bytes;
        let kind = Some(heap.dump.type_name(node.key.3).into_owned());
        stacks.rows.push(Row { frames: stack, kind, values });
    }
}

fn group(heap: &Heap, top: Object) -> usize {
    match () {
        () if !heap.is_alive(top) => 2,
        () if heap.is_held(top) => 0,
        () => 1,
    }
}

fn nodes_of(heap: &Heap, part: &Part) -> Vec<Node> {
    let dump = heap.dump;
    let owners = heap.owners();
    let edges = heap.owning_edges();
    let none = Node { key: (0, NONE, false, NONE), depth: 0, repeats: false, objects: 0, bytes: 0 };
    let mut nodes = vec![none; GROUPS.len()];
    let mut numbers: HashMap<Key, usize> = HashMap::new();
    let mut node_of = vec![0u32; dump.len()];
    // An owner comes before what it owns.
    for &object in &owners.reached {
        let owner = owners.dominator[object as usize];
        let kind = dump.objects.kind[object as usize];
        let Label { field, index } = edges[object as usize];
        let parent = if owner == NONE { group(heap, object) } else { node_of[owner as usize] as usize };
        let field = if owner == NONE { NONE } else { field };
        let key = (parent, field, index != NO_INDEX, kind);
        let above = nodes[parent];
        let is_again = owner != NONE && above.key.1 == field && (above.key.2, above.key.3) == (key.2, kind);
        let at = if is_again {
            nodes[parent].repeats = true;
            parent
        } else if above.depth >= DEPTH_MAX {
            parent
        } else {
            *numbers.entry(key).or_insert_with(|| {
                nodes.push(Node { key, depth: above.depth + 1, ..none });
                nodes.len() - 1
            })
        };
        node_of[object as usize] = at as u32;
        if part.has(object) {
            nodes[at].objects += 1;
            nodes[at].bytes = nodes[at].bytes.saturating_add(heap.size(object));
        }
    }
    nodes
}

fn name_of(heap: &Heap, node: &Node) -> String {
    let (parent, field, has_index, kind) = node.key;
    let name = names::line(&heap.dump.type_name(kind));
    let again = if node.repeats { " ×n" } else { "" };
    let index = if has_index { 0 } else { NO_INDEX };
    match field {
        _ if parent < GROUPS.len() => format!("{name}{again}"),
        NONE => format!("… → {name}{again}"),
        _ => format!("{} → {name}{again}", names::edge_shape(heap.dump, Label { field, index })),
    }
}
