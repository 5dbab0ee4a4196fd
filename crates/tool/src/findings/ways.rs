//! Ways from what is held to an object.
//!
//! Ways of many objects are summed up by their shape: elements of arrays are taken together, and the same
//! step again and again is one step. So all nodes of a list have the same shape.

use crate::dump::{Dump, Label, Object, NO_INDEX};
use crate::heap::Heap;
use rcgc_format::graph::NONE;
use std::collections::HashMap;

/// Steps after which shapes are not told apart any more.
const SHAPE_STEPS: u16 = 16;

/// One step of a way: an object, and the reference that leads on from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOf {
    pub from: Object,
    pub label: Label,
}

/// The shortest way from what is held to an object; its first object is held. None: the object is garbage.
pub fn shortest(heap: &Heap, target: Object) -> Option<Vec<StepOf>> {
    read_back(heap.dump, heap.came_from(), target)
}

/// The way that a search found, from where it began.
pub fn read_back(dump: &Dump, came_from: &[Object], target: Object) -> Option<Vec<StepOf>> {
    if came_from[target as usize] == NONE {
        return None;
    }
    let mut steps = Vec::new();
    let mut at = target;
    while came_from[at as usize] != at {
        let from = came_from[at as usize];
        steps.push(StepOf { from, label: label_between(dump, from, at)? });
        at = from;
    }
    steps.reverse();
    Some(steps)
}

/// The name of the first of the references from one object to another.
pub fn label_between(dump: &Dump, from: Object, to: Object) -> Option<Label> {
    dump.edges_of(from).find(|&(target, _)| target == to).map(|(_, label)| label)
}

/// Several ways to an object, each over another last reference, shortest first.
pub fn several(heap: &Heap, target: Object, most: usize) -> Vec<Vec<StepOf>> {
    let came_from = heap.came_from();
    let mut sources = heap.sources().of(target).to_vec();
    sources.dedup();
    let mut found: Vec<Vec<StepOf>> = Vec::new();
    for source in sources {
        if source == target || came_from[source as usize] == NONE {
            continue;
        }
        // A way that comes through the target is none to it.
        let Some(mut way) = read_back(heap.dump, came_from, source) else { continue };
        if way.iter().any(|step| step.from == target) {
            continue;
        }
        let labels = heap.dump.edges_of(source).filter(|&(to, _)| to == target);
        for (_, label) in labels.take(most) {
            way.push(StepOf { from: source, label });
            found.push(way.clone());
            way.pop();
        }
        // Sorted now and then, so that an object with a million referrers needs no memory for all their ways.
        if found.len() > 1000 + 2 * most {
            found.sort_by_key(Vec::len);
            found.truncate(most);
        }
    }
    found.sort_by_key(Vec::len);
    found.truncate(most);
    found
}

/// Shapes of ways, each with a number.
pub struct Shapes<'a> {
    heap: &'a Heap<'a>,
    /// By shape: the one before, the type and field of its last step.
    shapes: Vec<Shape>,
    numbers: HashMap<(u32, u32, u32, bool), u32>,
    /// By object: its shape; NONE while it is not known.
    of: Vec<u32>,
    /// The references of objects that have many, by target: looked up for each of a million elements, the
    /// list would be gone through a million times.
    wide: HashMap<Object, HashMap<Object, Label>>,
}

/// One step of a shape.
pub struct ShapeStep {
    /// The type from which it leads.
    pub kind: u32,
    /// The reference; elements of arrays are not told apart.
    pub label: Label,
    /// The same step once or more again.
    pub repeats: bool,
    /// The last one that is told: what lies behind is as long as it may be.
    pub goes_on: bool,
}

/// Objects with more references than this have a table of their own.
const WIDE: usize = 64;

struct Shape {
    before: u32,
    kind: u32,
    label: Label,
    repeats: bool,
    steps: u16,
}

impl<'a> Shapes<'a> {
    pub fn new(heap: &'a Heap<'a>) -> Shapes<'a> {
        let of = vec![NONE; heap.dump.len()];
        Shapes { heap, shapes: Vec::new(), numbers: HashMap::new(), of, wide: HashMap::new() }
    }

    /// The shape of the shortest way to an object; NONE for garbage.
    pub fn of(&mut self, object: Object) -> u32 {
        let came_from = self.heap.came_from();
        if came_from[object as usize] == NONE {
            return NONE;
        }
        // Up to an object whose shape is known, then down again.
        let mut path = vec![object];
        let mut at = object;
        while self.of[at as usize] == NONE && came_from[at as usize] != at {
            at = came_from[at as usize];
            path.push(at);
        }
        while let Some(at) = path.pop() {
            if self.of[at as usize] == NONE {
                let from = came_from[at as usize];
                self.of[at as usize] =
                    if from == at { self.root(at) } else { self.step(self.of[from as usize], from, at) };
            }
        }
        self.of[object as usize]
    }

    fn intern(&mut self, shape: Shape) -> u32 {
        let key = (shape.before, shape.kind, shape.label.field, shape.label.index != NO_INDEX);
        let next = self.shapes.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.shapes.push(shape);
        }
        number
    }

    fn root(&mut self, object: Object) -> u32 {
        let kind = self.heap.dump.objects.kind[object as usize];
        let label = Label { field: NONE, index: NO_INDEX };
        self.intern(Shape { before: NONE, kind, label, repeats: false, steps: 0 })
    }

    fn label_between(&mut self, from: Object, to: Object) -> Option<Label> {
        let dump = self.heap.dump;
        if dump.graph().range(from).len() <= WIDE {
            return label_between(dump, from, to);
        }
        let table = self.wide.entry(from).or_insert_with(|| {
            let mut labels = HashMap::new();
            for (target, label) in dump.edges_of(from) {
                labels.entry(target).or_insert(label);
            }
            labels
        });
        table.get(&to).copied()
    }

    fn step(&mut self, before: u32, from: Object, to: Object) -> u32 {
        let Some(label) = self.label_between(from, to) else { return before };
        let kind = self.heap.dump.objects.kind[from as usize];
        let last = &mut self.shapes[before as usize];
        let same = last.before != NONE
            && last.kind == kind
            && last.label.field == label.field
            && (last.label.index == NO_INDEX) == (label.index == NO_INDEX);
        if same {
            last.repeats = true;
            return before;
        }
        if last.steps >= SHAPE_STEPS {
            return before;
        }
        let steps = last.steps + 1;
        self.intern(Shape { before, kind, label, repeats: false, steps })
    }

    /// The steps of a shape, from what is held; none of what is held itself.
    pub fn steps(&self, shape: u32) -> Vec<ShapeStep> {
        let mut steps = Vec::new();
        let mut at = shape;
        while at != NONE {
            let of = &self.shapes[at as usize];
            if of.before != NONE {
                let goes_on = of.steps == SHAPE_STEPS;
                steps.push(ShapeStep { kind: of.kind, label: of.label, repeats: of.repeats, goes_on });
            }
            at = of.before;
        }
        steps.reverse();
        steps
    }
}
