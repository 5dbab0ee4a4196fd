//! Graphviz DOT: a drawing that people can look at, so of few objects. Begins with --root, else with what is
//! held and retains most, and goes along references, or with --back against them, the most retaining first, until the
//! number of nodes or of steps is reached. Of many neighbours of one type by one field the largest is drawn, the others
//! are folded into one node.
//!
//! What `dot` makes trouble of: node names are quoted and begin with a letter; a quoted string has less than
//! 16,384 bytes; in labels `\` and `"` are escaped, control characters and what is not UTF-8 are replaced
//! (`names::line`); beyond a hundred nodes the attributes that keep its time bounded are set.

use super::{Part, Written};
use crate::dump::{Dump, Label, Object};
use crate::findings::ways::label_between;
use crate::heap::Heap;
use crate::output::names;
use crate::output::text::{bytes, count, shown};
use crate::output::Cell;
use clap::ValueEnum;
use rcgc_format::callback;
use rcgc_format::graph::components::strong_components;
use rcgc_format::graph::Graph;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

/// Children of one type by one field that are drawn one by one.
const FOLD_ABOVE: usize = 3;
/// Nodes from which on `dot` needs help.
const MANY_NODES: usize = 100;

/// How it is drawn.
pub struct Looks {
    /// Nodes at most.
    pub most: usize,
    /// Against the references: who refers to the roots.
    pub back: bool,
    /// Steps from where the drawing begins.
    pub depth: u32,
    /// Objects that are set off, in order.
    pub highlight: Vec<Object>,
    /// What nodes tell beside their type, address and bytes.
    pub facts: Vec<Fact>,
}

/// What a node can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Fact {
    /// References to it.
    Count,
    /// Elements of its trailing array.
    Length,
    /// The place that made it, of a profiled heap.
    Site,
    /// Time since it was made, of a profiled heap.
    Age,
    /// Weak handles to it.
    Handles,
    /// Its number, as `#12` on the command line.
    Number,
}

impl Fact {
    /// In words; none: not known of this object.
    fn of(self, heap: &Heap, object: Object) -> Option<String> {
        let dump = heap.dump;
        match self {
            Fact::Count => Some(format!("count {}", count(u64::from(dump.objects.count[object as usize])))),
            Fact::Length => dump.length_of(object).map(|length| format!("length {}", count(length))),
            Fact::Site => dump.site_of(object).map(|at| names::place(dump, &dump.accounts.sites[at])),
            Fact::Age => dump.age_ns_of(object).map(|age| format!("age {}", shown(&Cell::Nanoseconds(age)))),
            Fact::Handles => match dump.handles_of(object) {
                0 => None,
                handles => Some(format!("{} weak handles", count(handles))),
            },
            Fact::Number => Some(format!("#{object}")),
        }
    }
}

/// Referrers of one object whose fields are looked up; those behind them are folded by their types alone.
const LABELS: usize = 1000;

/// What is drawn.
struct Drawing {
    /// In the order in which they were found.
    objects: Vec<Object>,
    /// Steps to each of them.
    depths: Vec<u32>,
    is_drawn: HashSet<Object>,
    folded: Vec<Folded>,
}

/// Children of an object that are drawn as one node.
struct Folded {
    parent: Object,
    label: Label,
    kind: u32,
    objects: u64,
    bytes: u64,
}

/// Writes a drawing of at most `most` nodes.
pub fn write(heap: &Heap, part: &Part, looks: &Looks, out: &mut dyn Write) -> io::Result<Written> {
    let drawing = draw(heap, part, looks);
    let dump = heap.dump;
    let mut written =
        Written { nodes: (drawing.objects.len() + drawing.folded.len()) as u64, ..Written::default() };
    writeln!(out, "digraph rcgc {{")?;
    let title = dump.text(dump.books.name).map_or_else(String::new, |name| names::line(&name));
    writeln!(out, "  label=\"{}\"; labelloc=t; rankdir=LR;", escaped(&title))?;
    writeln!(out, "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontsize=10];")?;
    writeln!(out, "  edge [fontsize=9];")?;
    if drawing.objects.len() + drawing.folded.len() > MANY_NODES {
        writeln!(out, "  nslimit=1; nslimit1=1; mclimit=0.1; splines=line;")?;
    }
    let rings = rings(dump, &drawing);
    for &object in drawing.objects.iter().filter(|object| !rings.contains_key(object)) {
        node(heap, looks, object, "  ", out)?;
    }
    clusters(heap, looks, &drawing, &rings, out)?;
    for (number, folded) in drawing.folded.iter().enumerate() {
        let kind = escaped(&names::line(&dump.type_name(folded.kind)));
        writeln!(
            out,
            "  f{number} [label=\"{} {kind}\\n{}\", style=\"rounded,dashed\", class=\"{}\"];",
            count(folded.objects),
            bytes(folded.bytes),
            class(&dump.type_name(folded.kind))
        )?;
        let name = escaped(&names::edge_shape(dump, folded.label));
        let (from, to) = (format!("o{}", folded.parent), format!("f{number}"));
        let (from, to) = if looks.back { (to, from) } else { (from, to) };
        writeln!(out, "  {from} -> {to} [label=\"{name}\"];")?;
        written.edges += 1;
    }
    written.edges += edges(dump, &drawing, out)?;
    writeln!(out, "}}")?;
    let told = drawing.objects.len() as u64 + drawing.folded.iter().map(|folded| folded.objects).sum::<u64>();
    if told < part.objects {
        written.warnings.push(format!(
            "{} of {} objects are drawn; --max-nodes draws more, --root, --only and --min-retained others",
            count(drawing.objects.len() as u64),
            count(part.objects)
        ));
    }
    Ok(written)
}

fn draw(heap: &Heap, part: &Part, looks: &Looks) -> Drawing {
    let most = looks.most.max(1);
    let retained = &heap.owners().retained;
    let by_size = |object: &Object| (Reverse(retained[*object as usize]), *object);
    let mut starts: Vec<Object> = if part.roots.is_empty() {
        let held = heap.dump.all().filter(|&object| heap.is_held(object));
        held.chain(heap.garbage_heads()).filter(|&object| part.has(object)).collect()
    } else {
        part.roots.clone()
    };
    if starts.is_empty() {
        // Of a part without anything that is held: whatever is largest.
        starts = heap.dump.all().filter(|&object| part.has(object)).collect();
    }
    starts.sort_by_key(by_size);
    let mut drawing =
        Drawing { objects: Vec::new(), depths: Vec::new(), is_drawn: HashSet::new(), folded: Vec::new() };
    let mut starts = starts.into_iter();
    let mut next = 0;
    while drawing.objects.len() + drawing.folded.len() < most {
        if next == drawing.objects.len() {
            // What was begun is drawn: another start.
            match starts.find(|start| !drawing.is_drawn.contains(start)) {
                Some(start) => drawing.add(start, 0),
                None => break,
            }
        }
        let (object, depth) = (drawing.objects[next], drawing.depths[next]);
        next += 1;
        if depth < looks.depth {
            drawing.expand(heap, part, object, depth + 1, looks);
        }
    }
    drawing
}

impl Drawing {
    fn add(&mut self, object: Object, depth: u32) {
        if self.is_drawn.insert(object) {
            self.objects.push(object);
            self.depths.push(depth);
        }
    }

    /// Draws what an object refers to, or who refers to it, as far as there is room.
    fn expand(&mut self, heap: &Heap, part: &Part, object: Object, depth: u32, looks: &Looks) {
        let most = looks.most.max(1);
        let retained = &heap.owners().retained;
        let mut groups: HashMap<(u32, u32), (Label, Vec<Object>)> = HashMap::new();
        let mut take = |neighbour: Object, label: Label| {
            if part.has(neighbour) && !self.is_drawn.contains(&neighbour) {
                let key = (label.field, heap.dump.objects.kind[neighbour as usize]);
                groups.entry(key).or_insert((label, Vec::new())).1.push(neighbour);
            }
        };
        if looks.back {
            let mut sources = heap.sources().of(object).to_vec();
            sources.dedup();
            // By the type of the referrer, for those whose own field is not looked up.
            let mut labels: HashMap<u32, Label> = HashMap::new();
            for (at, source) in sources.into_iter().enumerate() {
                let kind = heap.dump.objects.kind[source as usize];
                let known = labels.get(&kind).copied().filter(|_| at >= LABELS);
                let label = known.or_else(|| label_between(heap.dump, source, object));
                if let Some(label) = label {
                    labels.insert(kind, label);
                    take(source, label);
                }
            }
        } else {
            heap.dump.edges_of(object).for_each(|(to, label)| take(to, label));
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(key, (_, objects))| {
            (Reverse(objects.iter().map(|&o| retained[o as usize]).max()), *key)
        });
        for ((_, kind), (label, mut objects)) in groups {
            objects.sort_unstable();
            objects.dedup();
            objects.sort_by_key(|&child| (Reverse(retained[child as usize]), child));
            let single = if objects.len() > FOLD_ABOVE { 1 } else { objects.len() };
            for &child in &objects[..single] {
                if self.objects.len() + self.folded.len() >= most {
                    return;
                }
                self.add(child, depth);
            }
            let rest = &objects[single..];
            if !rest.is_empty() && self.objects.len() + self.folded.len() < most {
                let bytes = rest.iter().fold(0u64, |sum, &child| sum.saturating_add(heap.size(child)));
                self.folded.push(Folded { parent: object, label, kind, objects: rest.len() as u64, bytes });
            }
        }
    }
}

/// By drawn object: the ring it is in, if others of that are drawn.
fn rings(dump: &Dump, drawing: &Drawing) -> HashMap<Object, u32> {
    let locals: HashMap<Object, u32> = drawing.objects.iter().copied().zip(0..).collect();
    let mut starts = vec![0u32];
    let mut targets = Vec::new();
    for &object in &drawing.objects {
        targets.extend(dump.edges_of(object).filter_map(|(to, _)| locals.get(&to)));
        starts.push(targets.len() as u32);
    }
    let len = drawing.objects.len();
    let [mut component, mut stack, mut position] = std::array::from_fn(|_| vec![0; len]);
    strong_components(Graph::new(&starts, &targets), &mut component, &mut stack, &mut position);
    let mut sizes: HashMap<u32, usize> = HashMap::new();
    for &number in &component {
        *sizes.entry(number).or_default() += 1;
    }
    let in_rings = drawing.objects.iter().copied().zip(component).filter(|(_, number)| sizes[number] > 1);
    in_rings.collect()
}

fn clusters(
    heap: &Heap,
    looks: &Looks,
    drawing: &Drawing,
    rings: &HashMap<Object, u32>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut order: Vec<u32> = Vec::new();
    for object in &drawing.objects {
        if let Some(ring) = rings.get(object).filter(|ring| !order.contains(ring)) {
            order.push(*ring);
        }
    }
    for (number, ring) in order.into_iter().enumerate() {
        writeln!(out, "  subgraph cluster_{number} {{ label=\"ring\"; style=dotted; fontsize=9;")?;
        for &object in drawing.objects.iter().filter(|object| rings.get(object) == Some(&ring)) {
            node(heap, looks, object, "    ", out)?;
        }
        writeln!(out, "  }}")?;
    }
    Ok(())
}

fn node(heap: &Heap, looks: &Looks, object: Object, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    let dump = heap.dump;
    let retained = heap.owners().retained[object as usize];
    let kind = names::kind(dump, object);
    let address = match dump.address_of(object) {
        0 => format!("#{object}"),
        address => format!("{address:#x}"),
    };
    let mut label = format!("{}\\n{address}\\n{}", escaped(&kind), bytes(heap.size(object)));
    if retained != heap.size(object) {
        label += &format!(", retains {}", bytes(retained));
    }
    for fact in looks.facts.iter().filter_map(|fact| fact.of(heap, object)) {
        label += &format!("\\n{}", escaped(&fact));
    }
    let mut more = String::new();
    if looks.highlight.binary_search(&object).is_ok() {
        more += ", penwidth=3, fillcolor=\"#fff3b0\"";
    }
    if !heap.is_alive(object) {
        label += "\\ngarbage";
        let fill = if more.is_empty() { ", fillcolor=\"#eeeeee\"" } else { "" };
        more += &format!("{fill}, fontcolor=\"#777777\"");
    } else if dump.is_immortal(object) {
        label += "\\nimmortal";
        more += ", color=\"#c02020\"";
    } else if heap.outside(object) != 0 {
        label += &format!("\\n{:+} from outside", heap.outside(object));
        more += ", color=\"#c02020\"";
    }
    if dump.type_of(object).has(callback::FINALIZE) {
        more += ", peripheries=2";
    }
    writeln!(
        out,
        "{indent}o{object} [label=\"{label}\", class=\"{}\", tooltip=\"{} #{object}\"{more}];",
        class(&dump.name_of_type_of(object)),
        quoted(&kind, TOOLTIP_CHARS)
    )
}

fn edges(dump: &Dump, drawing: &Drawing, out: &mut dyn Write) -> io::Result<u64> {
    let mut written = 0;
    for &object in &drawing.objects {
        for (to, label) in dump.edges_of(object).filter(|(to, _)| drawing.is_drawn.contains(to)) {
            writeln!(out, "  o{object} -> o{to} [label=\"{}\"];", escaped(&names::edge(dump, label)))?;
            written += 1;
        }
    }
    for edge in &dump.edges.weak {
        if drawing.is_drawn.contains(&edge.source) && drawing.is_drawn.contains(&edge.target) {
            let name = escaped(&names::edge(dump, edge.label));
            writeln!(out, "  o{} -> o{} [label=\"{name}\", style=dashed];", edge.source, edge.target)?;
            written += 1;
        }
    }
    Ok(written)
}

/// Characters of a name that are drawn; in its tooltip it is nearly whole.
const NAME_CHARS: usize = 60;
const TOOLTIP_CHARS: usize = 4000;

/// A name inside a quoted string: `names` has replaced what ends a line.
fn escaped(text: &str) -> String {
    quoted(text, NAME_CHARS)
}

fn quoted(text: &str, most: usize) -> String {
    names::cut(text, most).replace('\\', "\\\\").replace('"', "\\\"")
}

/// A name as the class of an SVG element: letters, digits and hyphens.
fn class(name: &str) -> String {
    let letters = name.chars().take(40);
    let plain = letters.map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
    format!("type-{}", plain.collect::<String>())
}
