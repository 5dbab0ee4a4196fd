//! V8's `.heapsnapshot`, which Chrome's DevTools, VS Code and memlab open.
//!
//! The format has no specification; DevTools goes by `meta`, and reads digits only. So: the full meta, all
//! sections in V8's order with `strings` last, no blanks, whole numbers below 2^32.
//!
//! - Node 0 is the root, its children are synthetic groups, theirs the objects that are held: with a direct
//!   child of another kind everything else would be shown as far from any root.
//! - The heads of garbage are under "(Cyclic garbage)"; what garbage refers to and is alive by other ways it
//!   refers to weakly. So garbage has retained sizes, and takes none from what is alive.
//! - Ids are odd and follow from addresses: DevTools compares snapshots by them.
//! - Ids and sizes have 32 bits in DevTools; a larger size is written as 2^32 - 1, and in full as the name of
//!   an internal reference.
//! - External bytes are a native node that the object owns: they count in its retained size, and in the
//!   statistics.
//! - A type called Object, and one that begins with "<", has a prefix: DevTools would name it by its fields, or
//!   cut its name.

use super::{Part, Written};
use crate::dump::{Dump, Label, Object, NO_INDEX};
use crate::heap::Heap;
use crate::output::names;
use crate::output::text::{bytes, count};
use rcgc_format::{holder, object_flag};
use std::collections::HashMap;
use std::io::{self, Write};

/// Fields of a node: type, name, id, self_size, edge_count, trace_node_id, detachedness.
const NODE_FIELDS: u64 = 7;

/// What `meta` says, in V8's words.
const META: &str = concat!(
    r#"{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],"#,
    r#""node_types":[["hidden","array","string","object","code","closure","regexp","number","native","#,
    r#""synthetic","#,
    r#""concatenated string","sliced string","symbol","bigint","object shape"],"#,
    r#""string","number","number","number","number","number"],"#,
    r#""edge_fields":["type","name_or_index","to_node"],"#,
    r#""edge_types":[["context","element","property","internal","hidden","shortcut","weak"],"#,
    r#""string_or_number","node"],"#,
    r#""trace_function_info_fields":["function_id","name","script_name","script_id","line","column"],"#,
    r#""trace_node_fields":["id","function_info_index","count","size","children"],"#,
    r#""sample_fields":["timestamp_us","last_assigned_id"],"#,
    r#""location_fields":["object_index","script_id","line","column"]}"#
);

/// Places in the list of node types.
const STRING: u64 = 2;
const OBJECT: u64 = 3;
const NATIVE: u64 = 8;
const SYNTHETIC: u64 = 9;
/// Places in the list of edge types.
const ELEMENT: u64 = 1;
const PROPERTY: u64 = 2;
const INTERNAL: u64 = 3;
const WEAK: u64 = 6;

const SIZE_MAX: u64 = u32::MAX as u64;
/// Objects with more references that have an index than this show the index alone: names would need a string
/// each.
const NAMED_INDEXES: usize = 1000;
/// Names are cut.
const NAME_CHARS: usize = 1000;

/// The groups under the root.
const GROUPS: [&str; 5] =
    ["(Host references)", "(Scopes)", "(Immortal)", "(Held by the engine)", "(Cyclic garbage)"];
const GARBAGE: usize = 4;
const LEFT_OUT: &str = "(Referred to by what is left out)";

/// Strings, each once. The first one is a dummy, as V8 writes it.
struct Strings {
    all: Vec<String>,
    numbers: HashMap<String, u64>,
}

impl Strings {
    fn number(&mut self, text: String) -> u64 {
        if let Some(&number) = self.numbers.get(&text) {
            return number;
        }
        let number = self.all.len() as u64;
        self.all.push(text.clone());
        self.numbers.insert(text, number);
        number
    }
}

/// Takes a node (type, name, id, size) and its edges (type, name, node).
type EachNode<'f> = dyn FnMut([u64; 4], &[[u64; 3]]) -> io::Result<()> + 'f;

/// A node that is no object.
struct Extra {
    kind: u64,
    name: u64,
    size: u64,
}

/// The snapshot to be.
struct Snapshot<'a> {
    heap: &'a Heap<'a>,
    part: &'a Part,
    strings: Strings,
    /// By object: the group that has it; none for what only other objects refer to.
    group: Vec<u8>,
    /// By object: its number among the nodes, of those that are in the part.
    node: Vec<u32>,
    /// Nodes behind the objects: external bytes, and sizes in full.
    extras: Vec<Extra>,
    /// By field: the number of its name.
    fields: Vec<Option<u64>>,
    is_wide_id: bool,
}

const NO_GROUP: u8 = u8::MAX;
/// Nodes before the first object: the root, the groups, and that of what is left out.
const FIRST_NODE: u32 = 2 + GROUPS.len() as u32;

/// Writes a snapshot.
pub fn write(heap: &Heap, part: &Part, out: &mut dyn Write) -> io::Result<Written> {
    let _stage = heap.progress.stage("writing", 0);
    let mut snapshot = Snapshot::new(heap, part);
    let mut written = Written::default();
    let mut nodes = 0u64;
    let mut edges = 0u64;
    snapshot.each_node(&mut |_, own| {
        nodes += 1;
        edges += own.len() as u64;
        Ok(())
    })?;
    write!(out, r#"{{"snapshot":{{"meta":{META},"node_count":{nodes},"edge_count":{edges},"#)?;
    write!(out, "\"trace_function_count\":0}},\n\"nodes\":[")?;
    let mut is_first = true;
    snapshot.each_node(&mut |node, own| {
        let comma = if std::mem::take(&mut is_first) { "" } else { "\n," };
        let [kind, name, id, size] = node;
        write!(out, "{comma}{kind},{name},{id},{size},{},0,0", own.len())
    })?;
    write!(out, "],\n\"edges\":[")?;
    let mut is_first = true;
    snapshot.each_node(&mut |_, own| {
        for [kind, name, to] in own {
            let comma = if std::mem::take(&mut is_first) { "" } else { "\n," };
            write!(out, "{comma}{kind},{name},{}", to * NODE_FIELDS)?;
        }
        Ok(())
    })?;
    write!(
        out,
        "],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n\"locations\":[],\n"
    )?;
    write!(out, "\"strings\":[")?;
    for (at, text) in snapshot.strings.all.iter().enumerate() {
        let comma = if at == 0 { "" } else { ",\n" };
        write!(out, "{comma}{}", serde_json::Value::from(text.as_str()))?;
    }
    writeln!(out, "]}}")?;
    (written.nodes, written.edges) = (nodes, edges);
    snapshot.warn(&mut written.warnings);
    Ok(written)
}

impl<'a> Snapshot<'a> {
    fn new(heap: &'a Heap<'a>, part: &'a Part) -> Snapshot<'a> {
        let dump = heap.dump;
        let strings = Strings { all: vec!["<dummy>".to_owned()], numbers: HashMap::new() };
        let mut snapshot = Snapshot {
            heap,
            part,
            strings,
            group: vec![NO_GROUP; dump.len()],
            node: vec![u32::MAX; dump.len()],
            extras: Vec::new(),
            fields: vec![None; dump.fields.len()],
            is_wide_id: false,
        };
        let chosen = dump.all().filter(|&object| part.has(object));
        for (node, object) in (FIRST_NODE..).zip(chosen) {
            snapshot.node[object as usize] = node;
        }
        snapshot.is_wide_id = dump.all().any(|object| own_id(dump, object).is_none());
        snapshot.find_groups();
        snapshot
    }

    fn find_groups(&mut self) {
        let (heap, dump) = (self.heap, self.heap.dump);
        for object in dump.all().filter(|&object| heap.is_held(object)) {
            let ending = object_flag::DYING | object_flag::QUEUED;
            let group = if dump.is_immortal(object) {
                2
            } else if dump.has_flag(object, ending) {
                3
            } else {
                0
            };
            self.group[object as usize] = group;
        }
        // Where all references from outside are the engine's, that is told.
        let mut held: Vec<(Object, u64)> = dump.holders.iter().map(|of| (of.object, of.kind)).collect();
        held.sort_unstable();
        for of in held.chunk_by(|a, b| a.0 == b.0) {
            if let Some(&(object, kind)) = of.first() {
                if self.group[object as usize] == 0 && i64::from(heap.outside(object)) <= of.len() as i64 {
                    self.group[object as usize] = if kind == holder::SCOPE { 1 } else { 3 };
                }
            }
        }
        for head in heap.garbage_heads() {
            self.group[head as usize] = GARBAGE as u8;
        }
    }

    /// Calls `each` with every node, its numbers, and its edges; the same in every pass.
    fn each_node(&mut self, each: &mut EachNode) -> io::Result<()> {
        let dump = self.heap.dump;
        self.extras.clear();
        let mut edges: Vec<[u64; 3]> = Vec::new();
        for group in 0..=GROUPS.len() as u64 {
            edges.push([ELEMENT, group + 1, group + 1]);
        }
        let root = self.strings.number(String::new());
        each([SYNTHETIC, root, 1, 0], &edges)?;
        for (group, name) in GROUPS.iter().enumerate() {
            edges.clear();
            let members = dump.all().filter(|&object| self.part.has(object));
            for object in members.filter(|&object| usize::from(self.group[object as usize]) == group) {
                edges.push([ELEMENT, edges.len() as u64 + 1, u64::from(self.node[object as usize])]);
            }
            let name = self.strings.number((*name).to_owned());
            each([SYNTHETIC, name, 3 + 2 * group as u64, 0], &edges)?;
        }
        self.edges_from_left_out(&mut edges);
        let name = self.strings.number(LEFT_OUT.to_owned());
        each([SYNTHETIC, name, 3 + 2 * GROUPS.len() as u64, 0], &edges)?;
        let first_extra = u64::from(FIRST_NODE) + self.part.objects;
        for object in dump.all() {
            if self.part.has(object) {
                self.edges_of(object, first_extra, &mut edges);
                let name = self.strings.number(type_name(dump, object));
                let size = dump.bytes_of(object).min(SIZE_MAX);
                each([OBJECT, name, self.id(object), size], &edges)?;
            }
        }
        let extras = std::mem::take(&mut self.extras);
        for (at, extra) in extras.iter().enumerate() {
            // Even: objects have the odd ones.
            each([extra.kind, extra.name, 2 * (at as u64 + 1), extra.size], &[])?;
        }
        Ok(())
    }

    /// What the part has of what objects outside of it refer to, and what it would not reach otherwise.
    fn edges_from_left_out(&self, edges: &mut Vec<[u64; 3]>) {
        edges.clear();
        if self.part.is_everything() {
            return;
        }
        for object in self.heap.dump.all().filter(|&object| self.part.has(object)) {
            let mut sources = self.heap.sources().of(object).iter();
            if sources.any(|&source| !self.part.has(source) && self.keeps(source, object)) {
                edges.push([ELEMENT, edges.len() as u64 + 1, u64::from(self.node[object as usize])]);
            }
        }
    }

    /// Whether a reference counts for what keeps what: not one from garbage to what is alive.
    fn keeps(&self, source: Object, target: Object) -> bool {
        self.heap.is_alive(source) || !self.heap.is_alive(target)
    }

    fn edges_of(&mut self, object: Object, first_extra: u64, edges: &mut Vec<[u64; 3]>) {
        edges.clear();
        let dump = self.heap.dump;
        let indexed = dump.edges_of(object).filter(|(_, label)| label.index != NO_INDEX).count();
        for (to, label) in dump.edges_of(object) {
            if !self.part.has(to) {
                continue;
            }
            let target = u64::from(self.node[to as usize]);
            if !self.keeps(object, to) {
                edges.push([WEAK, self.name_of(label), target]);
            } else if label.index != NO_INDEX && indexed > NAMED_INDEXES {
                edges.push([ELEMENT, u64::from(label.index), target]);
            } else {
                edges.push([PROPERTY, self.name_of(label), target]);
            }
        }
        let weak = dump.edges.weak.partition_point(|edge| edge.source < object);
        for edge in dump.edges.weak[weak..].iter().take_while(|edge| edge.source == object) {
            if self.part.has(edge.target) {
                let name = self.name_of(edge.label);
                edges.push([WEAK, name, u64::from(self.node[edge.target as usize])]);
            }
        }
        let external = dump.external_of(object);
        if external != 0 {
            let name = self.strings.number("external bytes".to_owned());
            edges.push([INTERNAL, name, first_extra + self.extras.len() as u64]);
            self.extras.push(Extra { kind: NATIVE, name, size: external.min(SIZE_MAX) });
        }
        for (what, size) in [("bytes", dump.bytes_of(object)), ("external bytes", external)] {
            if size > SIZE_MAX {
                let name = self.strings.number(format!("{what}: {size}"));
                edges.push([INTERNAL, name, first_extra + self.extras.len() as u64]);
                self.extras.push(Extra { kind: STRING, name, size: 0 });
            }
        }
    }

    fn name_of(&mut self, label: Label) -> u64 {
        let dump = self.heap.dump;
        if label.index != NO_INDEX {
            return self.strings.number(names::edge(dump, label));
        }
        if let Some(number) = self.fields[label.field as usize] {
            return number;
        }
        let number = self.strings.number(names::line(&dump.field_name(label.field)));
        self.fields[label.field as usize] = Some(number);
        number
    }

    fn id(&self, object: Object) -> u64 {
        match own_id(self.heap.dump, object).filter(|_| !self.is_wide_id) {
            Some(id) => id,
            None => 2 * (u64::from(object) + 512) + 1,
        }
    }

    fn warn(&self, warnings: &mut Vec<String>) {
        let dump = self.heap.dump;
        if self.is_wide_id {
            let what =
                "the heap spans more than 32 GiB, or has no addresses: ids are numbers of this dump alone";
            warnings.push(format!("{what}, so DevTools cannot compare snapshots"));
        }
        let large = dump.all().filter(|&object| self.part.has(object));
        let large =
            large.filter(|&object| dump.bytes_of(object).max(dump.external_of(object)) > SIZE_MAX).count();
        if large != 0 {
            warnings.push(format!(
                "{large} objects have 4 GiB or more, which DevTools cannot tell: 4 GiB is written, and the \
                 size in full as the name of a reference"
            ));
        }
        if !self.part.is_everything() {
            let (objects, size) = (count(self.part.left_out), bytes(self.part.left_out_bytes));
            warnings
                .push(format!("{objects} objects with {size} are left out: retained sizes are without them"));
        }
    }
}

/// An object's id for all snapshots of its process, if that fits.
fn own_id(dump: &Dump, object: Object) -> Option<u64> {
    let granule = dump.address_of(object).checked_sub(dump.books.base)? / 16;
    // Behind the ids of root and groups.
    let id = 2 * (granule + 512) + 1;
    (id <= SIZE_MAX).then_some(id)
}

/// A type's name as DevTools shows it.
fn type_name(dump: &Dump, object: Object) -> String {
    let name = dump.name_of_type_of(object);
    let cut: String = name.chars().take(NAME_CHARS).collect();
    if cut == "Object" || cut.starts_with('<') || cut.is_empty() {
        return format!("type {cut}");
    }
    cut
}

#[cfg(test)]
mod tests;
