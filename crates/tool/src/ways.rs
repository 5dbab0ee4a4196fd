//! Ways from what is held to an object, in words: "Cache.entries[3] → Node.next".
//!
//! Ways of many objects are summed up by their shape: elements of arrays are taken together, and the same
//! step again and again is one step. So all nodes of a list have the same shape.

use crate::dump::{Dump, Label, Object, NO_INDEX};
use crate::heap::Heap;
use crate::output::names;
use crate::output::text::count;
use rcgc_format::graph::NONE;
use rcgc_format::object_flag;
use std::collections::HashMap;

/// Steps of a way that are written out.
const STEPS_SHOWN: usize = 12;
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

/// "Cache.entries[3] → Node.next ×12": the same step several times is one with a number.
pub fn shown(dump: &Dump, steps: &[StepOf]) -> String {
    let mut runs: Vec<(String, usize)> = Vec::new();
    let mut last: Option<(u32, Label)> = None;
    for step in steps {
        let this = (dump.objects.kind[step.from as usize], step.label);
        match runs.last_mut() {
            Some((_, times)) if last == Some(this) && step.label.index == NO_INDEX => *times += 1,
            _ => {
                runs.push((format!("{}.{}", names::kind(dump, step.from), names::edge(dump, step.label)), 1))
            }
        }
        last = Some(this);
    }
    let text = |(step, times): &(String, usize)| match times {
        1 => step.clone(),
        _ => format!("{step} ×{}", count(*times as u64)),
    };
    if runs.len() <= STEPS_SHOWN {
        return runs.iter().map(text).collect::<Vec<_>>().join(" → ");
    }
    let half = STEPS_SHOWN / 2;
    let left_out: usize = runs[half..runs.len() - half].iter().map(|(_, times)| times).sum();
    let mut parts: Vec<String> = runs[..half].iter().map(text).collect();
    parts.push(format!("… {} steps …", count(left_out as u64)));
    parts.extend(runs[runs.len() - half..].iter().map(text));
    parts.join(" → ")
}

/// What keeps an object that is held: "2 references from outside".
pub fn held_by(heap: &Heap, object: Object) -> String {
    let dump = heap.dump;
    if dump.is_immortal(object) {
        return "being immortal".to_owned();
    }
    if dump.has_flag(object, object_flag::QUEUED | object_flag::DYING) {
        return "its own end, which has begun".to_owned();
    }
    match heap.outside(object) {
        1 => "1 reference from outside".to_owned(),
        outside @ 2.. => format!("{} references from outside", count(outside as u64)),
        outside => format!(
            "a count that does not fit: {} references more than counted",
            count(u64::from(outside.unsigned_abs()))
        ),
    }
}

/// Why an object is alive, as a sentence without its beginning: "kept alive by 1 reference from outside, path
/// Cache.entries[3] → Node.next", or the plain verdict.
pub fn why(heap: &Heap, object: Object, way: Option<&[StepOf]>) -> String {
    match way {
        None => "garbage: only objects that nothing keeps refer to it; the next full collection ends it"
            .to_owned(),
        Some([]) => format!("held by {}", held_by(heap, object)),
        Some(steps) => {
            let root = steps.first().map_or(object, |step| step.from);
            format!("kept alive by {}, path {}", held_by(heap, root), shown(heap.dump, steps))
        }
    }
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

    /// A shape in words; empty for what is held itself.
    pub fn shown(&self, shape: u32) -> String {
        let mut parts = Vec::new();
        let mut at = shape;
        while at != NONE {
            let of = &self.shapes[at as usize];
            if of.before != NONE {
                let kind = names::line(&self.heap.dump.type_name(of.kind));
                let again = if of.repeats { " ×n" } else { "" };
                parts.push(format!("{kind}.{}{again}", names::edge_shape(self.heap.dump, of.label)));
                if of.steps == SHAPE_STEPS {
                    parts.insert(0, "…".to_owned());
                }
            }
            at = of.before;
        }
        parts.reverse();
        parts.join(" → ")
    }
}
