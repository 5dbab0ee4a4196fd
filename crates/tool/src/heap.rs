//! What is worked out from a dump: who refers to an object, references from outside, who must go for what to
//! go.
//!
//! The *references from outside* of an object are its count less the counted references to it that the dump
//! has. They may be below zero: a `traverse` reports an edge twice, or an incref is missing; such an object
//! is kept alive by the collector, so it counts as held here, too. *Held* are these objects, immortal ones,
//! and those whose end has begun.

use crate::dump::{Dump, Label, Object, NO_INDEX};
use crate::progress::Progress;
use rcgc_format::graph::components::strong_components;
use rcgc_format::graph::dominators::{self, Arrays};
use rcgc_format::graph::search::{self, Step};
use rcgc_format::graph::{Graph, NONE};
use rcgc_format::{object_flag, type_flag};
use std::cell::OnceCell;

/// A dump with what was worked out so far.
pub struct Heap<'a> {
    pub dump: &'a Dump,
    pub progress: Progress,
    sources: OnceCell<Sources>,
    outside: OnceCell<Vec<i32>>,
    came_from: OnceCell<Vec<Object>>,
    garbage: OnceCell<Garbage>,
    owners: OnceCell<Owners>,
    total: OnceCell<u64>,
}

/// The references turned around.
struct Sources {
    starts: Vec<u32>,
    sources: Vec<Object>,
}

/// What nothing keeps, as a graph of its own: garbage is referred to by garbage alone.
struct Garbage {
    objects: Vec<Object>,
    /// The references among them, by their numbers in `objects`.
    starts: Vec<u32>,
    targets: Vec<u32>,
    is_head: Vec<bool>,
    /// By number: whence it was found that no collection ends it, [`NONE`] for what the next one ends.
    lasting: Vec<u32>,
}

/// What becomes of an object that nothing outside the heap keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The next full collection ends it.
    Ends,
    /// In a ring, and no collection looks at it: it is frozen.
    Frozen,
    /// In a ring, and no collection looks at it: its type says that it is in none.
    Acyclic,
    /// In a ring, and no collection looks at it: it is not tracked.
    Untracked,
    /// Such an object keeps it.
    KeptBy(Object),
}

/// The components of a graph, and how many there are.
fn components(graph: Graph) -> (Vec<u32>, u32) {
    let [mut component, mut stack, mut position] = std::array::from_fn(|_| vec![0; graph.len()]);
    let count = strong_components(graph, &mut component, &mut stack, &mut position);
    (component, count)
}

/// Nodes that are in rings.
fn in_rings(graph: Graph, component: &[u32], count: u32) -> Vec<bool> {
    let mut sizes = vec![0u32; count as usize];
    component.iter().for_each(|&number| sizes[number as usize] += 1);
    let is_in_ring =
        |node: u32| sizes[component[node as usize] as usize] > 1 || graph.of(node).contains(&node);
    (0..graph.len() as u32).map(is_in_ring).collect()
}

/// One node of each component to which no other component leads.
fn heads(graph: Graph, component: &[u32], count: u32) -> Vec<bool> {
    let mut is_first = vec![true; count as usize];
    for node in 0..graph.len() as u32 {
        for &to in graph.of(node) {
            if component[to as usize] != component[node as usize] {
                is_first[component[to as usize] as usize] = false;
            }
        }
    }
    component.iter().map(|&number| std::mem::take(&mut is_first[number as usize])).collect()
}

/// Immediate dominators, and the reached nodes in order.
fn solve(graph: Graph, sources: Graph, is_root: impl Fn(u32) -> bool) -> (Vec<u32>, Vec<u32>) {
    let len = graph.len();
    let mut dominator = vec![0; len];
    let [mut number, mut order, mut parent, mut semi, mut label, mut ancestor, mut stack] =
        std::array::from_fn(|_| vec![0u32; len + 1]);
    let mut arrays = Arrays {
        number: &mut number,
        order: &mut order,
        idom: &mut dominator,
        parent: &mut parent,
        semi: &mut semi,
        label: &mut label,
        ancestor: &mut ancestor,
        stack: &mut stack,
    };
    let count = dominators::dominators(graph, sources, is_root, &mut arrays);
    order.truncate(count + 1);
    order.remove(0);
    (dominator, order)
}

/// Dominators and retained sizes.
pub struct Owners {
    /// By object: what dominates it, [`NONE`] for what is held itself or reached from several.
    pub dominator: Vec<Object>,
    /// All objects, each behind its dominator: first what is held, then the heads of garbage.
    pub reached: Vec<Object>,
    /// By object: its bytes, external ones too, with those of all that it dominates.
    pub retained: Vec<u64>,
}

impl Owners {
    /// The dominator tree turned around: what each object owns. Objects without an owner are those that
    /// [`Owners::tops`] gives.
    pub fn owned(&self) -> Owned {
        let len = self.dominator.len();
        let mut starts = vec![0u32; len + 1];
        for &owner in self.dominator.iter().filter(|&&owner| owner != NONE) {
            starts[owner as usize + 1] += 1;
        }
        for at in 0..len {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut objects = vec![0; starts[len] as usize];
        for (object, &owner) in self.dominator.iter().enumerate() {
            if owner != NONE {
                objects[next[owner as usize] as usize] = object as Object;
                next[owner as usize] += 1;
            }
        }
        Owned { starts, objects }
    }

    /// What no other object owns: held itself, or reached from several.
    pub fn tops(&self) -> impl Iterator<Item = Object> + '_ {
        self.reached.iter().copied().filter(|&object| self.dominator[object as usize] == NONE)
    }
}

/// See [`Owners::owned`].
pub struct Owned {
    starts: Vec<u32>,
    objects: Vec<Object>,
}

impl Owned {
    /// What an object owns directly.
    pub fn by(&self, object: Object) -> &[Object] {
        &self.objects[self.starts[object as usize] as usize..self.starts[object as usize + 1] as usize]
    }
}

impl<'a> Heap<'a> {
    pub fn new(dump: &'a Dump, progress: Progress) -> Heap<'a> {
        Heap {
            dump,
            progress,
            sources: OnceCell::new(),
            outside: OnceCell::new(),
            came_from: OnceCell::new(),
            garbage: OnceCell::new(),
            owners: OnceCell::new(),
            total: OnceCell::new(),
        }
    }

    /// The references turned around: the "targets" of an object are those that refer to it.
    pub fn sources(&self) -> Graph<'_> {
        let sources = self.sources.get_or_init(|| {
            let _stage = self.progress.stage("turning references around", 0);
            let mut starts = vec![0; self.dump.len() + 1];
            let mut sources = vec![0; self.dump.edges.targets.len()];
            self.dump.graph().turn(&mut starts, &mut sources);
            Sources { starts, sources }
        });
        Graph::new(&sources.starts, &sources.sources)
    }

    fn all_outside(&self) -> &[i32] {
        self.outside.get_or_init(|| {
            let sources = self.sources();
            let of = |object: Object| {
                let count = i64::from(self.dump.objects.count[object as usize]);
                let found = sources.range(object).len() as i64;
                (count - found).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
            };
            self.dump.all().map(of).collect()
        })
    }

    /// References from outside; 0 for immortal objects, which are not counted.
    pub fn outside(&self, object: Object) -> i32 {
        if self.dump.is_immortal(object) {
            return 0;
        }
        self.all_outside()[object as usize]
    }

    /// Whether something outside the heap keeps the object.
    pub fn is_held(&self, object: Object) -> bool {
        let ending = object_flag::IMMORTAL | object_flag::QUEUED | object_flag::DYING;
        self.outside(object) != 0 || self.dump.has_flag(object, ending)
    }

    /// Bytes of an object, external ones too.
    pub fn size(&self, object: Object) -> u64 {
        self.dump.bytes_of(object).saturating_add(self.dump.external_of(object))
    }

    /// Bytes of all objects, external ones too.
    pub fn total(&self) -> u64 {
        *self.total.get_or_init(|| {
            let external = self.dump.objects.external.iter().map(|&(_, bytes)| bytes);
            let own = self.dump.objects.granules.iter().map(|&granules| u64::from(granules) * 16);
            own.chain(external).fold(0, u64::saturating_add)
        })
    }

    /// By object: the one before it on a shortest way from what is held, itself if it is held,
    /// [`NONE`] for garbage.
    pub fn came_from(&self) -> &[Object] {
        self.came_from.get_or_init(|| {
            self.all_outside();
            let held: Vec<Object> = self.dump.all().filter(|&object| self.is_held(object)).collect();
            let _stage = self.progress.stage("finding ways", 0);
            let mut came_from = vec![0; self.dump.len()];
            let mut queue = vec![0; self.dump.len()];
            let graph = self.dump.graph();
            search::breadth_first(graph, &held, |_, _| true, |_| Step::On, &mut came_from, &mut queue);
            came_from
        })
    }

    /// Whether something outside the heap keeps the object, by any way.
    pub fn is_alive(&self, object: Object) -> bool {
        self.came_from()[object as usize] != NONE
    }

    fn garbage(&self) -> &Garbage {
        self.garbage.get_or_init(|| {
            let objects: Vec<Object> = self.dump.all().filter(|&object| !self.is_alive(object)).collect();
            let mut locals = vec![NONE; if objects.is_empty() { 0 } else { self.dump.len() }];
            for (&object, local) in objects.iter().zip(0..) {
                locals[object as usize] = local;
            }
            let mut starts = vec![0u32];
            let mut targets: Vec<u32> = Vec::new();
            for &object in &objects {
                let inside = self.dump.graph().of(object).iter().map(|&to| locals[to as usize]);
                targets.extend(inside.filter(|&local| local != NONE));
                starts.push(targets.len() as u32);
            }
            let graph = Graph::new(&starts, &targets);
            let (component, count) = components(graph);
            let is_head = heads(graph, &component, count);
            // A collection neither looks at these nor takes away what they refer to.
            let is_passed = |object: Object| {
                !self.dump.has_flag(object, object_flag::TRACKED)
                    || self.dump.has_flag(object, object_flag::FROZEN)
            };
            let rings = in_rings(graph, &component, count);
            let passed: Vec<u32> = (0..graph.len() as u32)
                .filter(|&at| rings[at as usize] && is_passed(objects[at as usize]))
                .collect();
            let [mut lasting, mut queue] = std::array::from_fn(|_| vec![0; graph.len()]);
            search::breadth_first(graph, &passed, |_, _| true, |_| Step::On, &mut lasting, &mut queue);
            Garbage { objects, starts, targets, is_head, lasting }
        })
    }

    /// What becomes of garbage: a collection ends it, unless it is in a ring of what no collection looks at, or kept by
    /// such a ring. An untracked object in no ring ends with those that refer to it.
    pub fn fate(&self, object: Object) -> Fate {
        let Garbage { objects, lasting, .. } = self.garbage();
        let Ok(mut at) = objects.binary_search(&object) else { return Fate::Ends };
        if lasting[at] == NONE {
            return Fate::Ends;
        }
        while lasting[at] as usize != at {
            at = lasting[at] as usize;
        }
        let keeper = objects[at];
        match () {
            () if keeper != object => Fate::KeptBy(keeper),
            () if self.dump.has_flag(object, object_flag::FROZEN) => Fate::Frozen,
            () if self.dump.type_of(object).flags & type_flag::ACYCLIC != 0 => Fate::Acyclic,
            () => Fate::Untracked,
        }
    }

    /// Garbage from which all garbage is reached: one object of each ring to which no other garbage refers.
    pub fn garbage_heads(&self) -> impl Iterator<Item = Object> + '_ {
        let Garbage { objects, is_head, .. } = self.garbage();
        objects.iter().zip(is_head).filter(|(_, &is_head)| is_head).map(|(&object, _)| object)
    }

    /// Dominators and retained sizes. What garbage refers to is no less owned by what is alive; garbage is
    /// owned by its heads.
    pub fn owners(&self) -> &Owners {
        self.owners.get_or_init(|| {
            let (graph, sources) = (self.dump.graph(), self.sources());
            self.all_outside();
            let garbage = self.garbage();
            let _stage = self.progress.stage("finding owners", 0);
            let (mut dominator, mut reached) = solve(graph, sources, |object| self.is_held(object));
            let graph = Graph::new(&garbage.starts, &garbage.targets);
            let mut starts = vec![0; graph.len() + 1];
            let mut turned = vec![0; graph.edges()];
            graph.turn(&mut starts, &mut turned);
            let sources = Graph::new(&starts, &turned);
            let (of_garbage, order) = solve(graph, sources, |node| garbage.is_head[node as usize]);
            let object = |node: u32| if node == NONE { NONE } else { garbage.objects[node as usize] };
            for (&owned, &owner) in garbage.objects.iter().zip(&of_garbage) {
                dominator[owned as usize] = object(owner);
            }
            reached.extend(order.into_iter().map(object));

            let mut retained: Vec<u64> = self.dump.all().map(|object| self.size(object)).collect();
            for &object in reached.iter().rev() {
                let owner = dominator[object as usize];
                if owner != NONE {
                    let sum = retained[owner as usize].saturating_add(retained[object as usize]);
                    retained[owner as usize] = sum;
                }
            }
            Owners { dominator, reached, retained }
        })
    }

    /// By object: the reference by which its owner refers to it; the field is [`NONE`] when the owner does
    /// so by way of others only.
    pub fn owning_edges(&self) -> Vec<Label> {
        let dominator = &self.owners().dominator;
        let mut edges = vec![Label { field: NONE, index: NO_INDEX }; self.dump.len()];
        for owner in self.dump.all() {
            for (to, label) in self.dump.edges_of(owner) {
                let edge = &mut edges[to as usize];
                if dominator[to as usize] == owner && edge.field == NONE {
                    *edge = label;
                }
            }
        }
        edges
    }

    /// By type: the bytes of its objects with what they own, each counted once, though one may own another.
    pub fn retained_by_type(&self) -> Vec<u64> {
        let owners = self.owners();
        let owned = owners.owned();
        let kind = |object: Object| self.dump.objects.kind[object as usize] as usize;
        let mut sums = vec![0u64; self.dump.types.len()];
        // How many owners of each type the object at the end of `path` has.
        let mut above = vec![0u32; self.dump.types.len()];
        let mut path: Vec<(Object, usize)> = Vec::new();
        let mut enter = |object: Object, above: &mut [u32], path: &mut Vec<(Object, usize)>| {
            if above[kind(object)] == 0 {
                sums[kind(object)] = sums[kind(object)].saturating_add(owners.retained[object as usize]);
            }
            above[kind(object)] += 1;
            path.push((object, 0));
        };
        for top in owners.tops() {
            enter(top, &mut above, &mut path);
            while let Some((object, next)) = path.last_mut() {
                match owned.by(*object).get(*next) {
                    Some(&below) => {
                        *next += 1;
                        enter(below, &mut above, &mut path);
                    }
                    None => {
                        above[kind(*object)] -= 1;
                        path.pop();
                    }
                }
            }
        }
        sums
    }
}
