//! Rings of objects, by their shape.

use crate::dump::{Dump, Object};
use crate::heap::{Fate, Heap};
use rcgc_format::graph::components::strong_components;
use rcgc_format::graph::Graph;
use std::cmp::Reverse;
use std::collections::HashMap;

/// What rings have in common.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Shape {
    /// In the order of their numbers.
    relations: Vec<Relation>,
    /// Every object refers to one other of its ring, once.
    is_simple: bool,
}

/// References of one kind in a ring: from a type, by a field (elements of arrays together), to a type.
pub type Relation = (u32, u32, u32);

/// Shapes with more relations than this are not tried for their weakest one.
const RELATIONS_TRIED: usize = 16;
#[derive(Default)]
struct Group {
    rings: u64,
    bytes: u64,
    garbage: u64,
    uncollectable: u64,
    objects: Vec<Object>,
}

/// All rings of one shape.
pub struct OfShape {
    /// In the order of their numbers.
    pub relations: Vec<Relation>,
    /// The relations as they follow each other, when each object refers to one other of its ring.
    pub order: Option<Vec<Relation>>,
    pub rings: u64,
    pub objects: u64,
    pub bytes: u64,
    /// Rings that nothing keeps.
    pub garbage: u64,
    /// Of these, rings that no collection ends.
    pub uncollectable: u64,
    /// The relation to weaken, and how many objects would be left in rings.
    pub weakest: Option<(Relation, u64)>,
    pub example: Option<Object>,
}

/// The rings of a heap.
pub struct Found {
    pub rings: u64,
    pub objects: u64,
    pub garbage: u64,
    /// Those with most bytes first.
    pub shapes: Vec<OfShape>,
    pub left_out: u64,
}

/// Finds rings; of the shapes at most `limit`.
pub fn find(heap: &Heap, only_garbage: bool, limit: usize) -> Found {
    let dump = heap.dump;
    let rings = Rings::of(heap);
    let mut groups: HashMap<Shape, Group> = HashMap::new();
    for ring in rings.all() {
        let is_garbage = !ring.iter().any(|&object| heap.is_alive(object));
        if only_garbage && !is_garbage {
            continue;
        }
        let group = groups.entry(rings.shape(dump, ring)).or_default();
        group.rings += 1;
        group.garbage += u64::from(is_garbage);
        let lasts = is_garbage && ring.first().is_some_and(|&object| heap.fate(object) != Fate::Ends);
        group.uncollectable += u64::from(lasts);
        group.bytes = ring.iter().fold(group.bytes, |sum, &object| sum.saturating_add(heap.size(object)));
        group.objects.extend(ring);
    }
    let mut sorted: Vec<(Shape, Group)> = groups.into_iter().collect();
    sorted.sort_by(|a, b| (Reverse(a.1.bytes), &a.0).cmp(&(Reverse(b.1.bytes), &b.0)));
    let mut found = Found {
        rings: sorted.iter().map(|(_, group)| group.rings).sum(),
        objects: sorted.iter().map(|(_, group)| group.objects.len() as u64).sum(),
        garbage: sorted.iter().map(|(_, group)| group.garbage).sum(),
        shapes: Vec::new(),
        left_out: sorted.len().saturating_sub(limit) as u64,
    };
    let mut locals = vec![0; dump.len()];
    for (shape, group) in sorted.into_iter().take(limit) {
        let order = rings.order(dump, &shape, &group.objects);
        found.shapes.push(OfShape {
            weakest: weakest(heap, &shape.relations, &group.objects, &rings, &mut locals),
            order,
            relations: shape.relations,
            rings: group.rings,
            objects: group.objects.len() as u64,
            bytes: group.bytes,
            garbage: group.garbage,
            uncollectable: group.uncollectable,
            example: group.objects.first().copied(),
        });
    }
    found
}

/// The components of a heap, and which of them are rings.
struct Rings {
    component: Vec<u32>,
    /// Objects by component.
    objects: Vec<Object>,
    starts: Vec<u32>,
    /// By component.
    is_ring: Vec<bool>,
}

impl Rings {
    fn of(heap: &Heap) -> Rings {
        let _stage = heap.progress.stage("finding rings", 0);
        let dump = heap.dump;
        let len = dump.len();
        let [mut component, mut stack, mut position] = std::array::from_fn(|_| vec![0; len]);
        let components = strong_components(dump.graph(), &mut component, &mut stack, &mut position) as usize;
        let mut starts = vec![0u32; components + 1];
        for &number in &component {
            starts[number as usize + 1] += 1;
        }
        for at in 0..components {
            starts[at + 1] += starts[at];
        }
        let mut is_ring: Vec<bool> = starts.windows(2).map(|pair| pair[1] - pair[0] > 1).collect();
        let mut next = starts.clone();
        let mut objects = vec![0; len];
        for object in dump.all() {
            let number = component[object as usize] as usize;
            objects[next[number] as usize] = object;
            next[number] += 1;
            is_ring[number] |= dump.graph().of(object).contains(&object);
        }
        Rings { component, objects, starts, is_ring }
    }

    fn all(&self) -> impl Iterator<Item = &[Object]> {
        let rings = self.starts.windows(2).zip(&self.is_ring).filter(|(_, &is_ring)| is_ring);
        rings.map(|(pair, _)| &self.objects[pair[0] as usize..pair[1] as usize])
    }

    /// The references of an object inside its ring.
    fn inside<'a>(&'a self, dump: &'a Dump, object: Object) -> impl Iterator<Item = (Object, Relation)> + 'a {
        let component = self.component[object as usize];
        let kind = dump.objects.kind[object as usize];
        dump.edges_of(object)
            .filter(move |&(to, _)| self.component[to as usize] == component)
            .map(move |(to, label)| (to, (kind, label.field, dump.objects.kind[to as usize])))
    }

    fn shape(&self, dump: &Dump, ring: &[Object]) -> Shape {
        let mut relations: Vec<Relation> = Vec::new();
        let mut is_simple = true;
        for &object in ring {
            let before = relations.len();
            relations.extend(self.inside(dump, object).map(|(_, relation)| relation));
            is_simple &= relations.len() - before == 1;
            // A ring of a million objects has few kinds of references.
            if relations.len() > 4096 {
                relations.sort_unstable();
                relations.dedup();
            }
        }
        relations.sort_unstable();
        relations.dedup();
        Shape { relations, is_simple }
    }

    /// The references of a simple ring as they follow each other, each kind once.
    fn order(&self, dump: &Dump, shape: &Shape, objects: &[Object]) -> Option<Vec<Relation>> {
        let first = shape.relations.first();
        // Begins where the same relation begins in every dump.
        let begins =
            |&&object: &&Object| self.inside(dump, object).next().map(|(_, of)| of).as_ref() == first;
        let &start = objects.iter().find(begins).filter(|_| shape.is_simple)?;
        let mut order: Vec<Relation> = Vec::new();
        let mut at = start;
        while let Some((to, relation)) = self.inside(dump, at).next() {
            if !order.contains(&relation) {
                order.push(relation);
            }
            at = to;
            if at == start || order.len() == shape.relations.len() {
                break;
            }
        }
        Some(order)
    }
}

/// The relation to weaken, and how many of these objects are in rings without it.
///
/// Not one by which objects are owned: an object whose owner refers to it weakly dies at once. So those come first whose
/// references lead back, to what dominates where they begin; then those without which the fewest objects are in rings;
/// then the less common ones; and at last names decide, so that the order in which fields are declared never does.
fn weakest(
    heap: &Heap,
    shape: &[Relation],
    objects: &[Object],
    rings: &Rings,
    locals: &mut [u32],
) -> Option<(Relation, u64)> {
    if shape.len() > RELATIONS_TRIED {
        return None;
    }
    let dump = heap.dump;
    let dominator = &heap.owners().dominator;
    for (local, &object) in objects.iter().enumerate() {
        locals[object as usize] = local as u32;
    }
    let mut best = None;
    for &relation in shape {
        let mut starts = vec![0u32];
        let mut targets: Vec<u32> = Vec::new();
        let (mut removed, mut owning) = (0u64, 0u64);
        for &object in objects {
            for (to, of) in rings.inside(dump, object) {
                if of == relation {
                    removed += 1;
                    owning += u64::from(dominator[to as usize] == object);
                } else {
                    targets.push(locals[to as usize]);
                }
            }
            starts.push(targets.len() as u32);
        }
        let left = in_rings(Graph::new(&starts, &targets));
        let (kind, field, to) = relation;
        let names = (dump.type_name(kind), dump.field_name(field), dump.type_name(to));
        let candidate = (owning * 2 > removed, left, removed, names, relation);
        if best.as_ref().is_none_or(|best| candidate < *best) {
            best = Some(candidate);
        }
    }
    best.map(|(_, left, _, _, relation)| (relation, left))
}

/// How many nodes of a graph are in rings.
fn in_rings(graph: Graph) -> u64 {
    let [mut component, mut stack, mut position] = std::array::from_fn(|_| vec![0; graph.len()]);
    let components = strong_components(graph, &mut component, &mut stack, &mut position) as usize;
    let mut sizes = vec![0u32; components];
    for &number in &component {
        sizes[number as usize] += 1;
    }
    (0..graph.len() as u32)
        .filter(|&node| sizes[component[node as usize] as usize] > 1 || graph.of(node).contains(&node))
        .count() as u64
}
