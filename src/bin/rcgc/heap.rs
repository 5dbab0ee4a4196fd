//! What is worked out from a dump: who refers to an object, references from outside, who must go for what to
//! go.
//!
//! The *references from outside* of an object are its count less the counted references to it that the dump
//! has. They may be below zero: a `traverse` reports an edge twice, or an incref is missing; such an object
//! is kept alive by the collector, so it counts as held here, too. *Held* are these objects, immortal ones,
//! and those whose end has begun.

use crate::dump::{Dump, Label, Object};
use crate::progress::Progress;
use rcgc::dump::format::object_flag;
use rcgc::graph::dominators::{self, Arrays};
use rcgc::graph::Graph;
use std::cell::OnceCell;

/// A dump with what was worked out so far.
pub struct Heap<'a> {
    pub dump: &'a Dump,
    pub progress: Progress,
    sources: OnceCell<Sources>,
    outside: OnceCell<Vec<i32>>,
    owners: OnceCell<Owners>,
}

/// The references turned around.
struct Sources {
    starts: Vec<u32>,
    sources: Vec<Object>,
}

/// Dominators and retained sizes.
pub struct Owners {
    /// By object: what dominates it, [`rcgc::graph::NONE`] for what is held itself or reached from several,
    /// and for garbage.
    pub dominator: Vec<Object>,
    /// Objects that are reached from what is held, each behind its dominator.
    pub reached: Vec<Object>,
    /// By object: its bytes, external ones too, with those of all that it dominates. Its own, for garbage.
    pub retained: Vec<u64>,
    /// By object: whether it is reached.
    is_reached: Vec<bool>,
}

impl Owners {
    pub fn is_reached(&self, object: Object) -> bool {
        self.is_reached[object as usize]
    }
}

impl<'a> Heap<'a> {
    pub fn new(dump: &'a Dump, progress: Progress) -> Heap<'a> {
        Heap { dump, progress, sources: OnceCell::new(), outside: OnceCell::new(), owners: OnceCell::new() }
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
        let external = self.dump.objects.external.iter().map(|&(_, bytes)| bytes);
        let own = self.dump.objects.granules.iter().map(|&granules| u64::from(granules) * 16);
        own.chain(external).fold(0, u64::saturating_add)
    }

    /// Dominators and retained sizes.
    pub fn owners(&self) -> &Owners {
        self.owners.get_or_init(|| {
            let (graph, sources) = (self.dump.graph(), self.sources());
            self.all_outside();
            let _stage = self.progress.stage("finding owners", 0);
            let len = self.dump.len();
            let mut dominator = vec![0; len];
            let [mut number, mut order, mut parent, mut semi, mut label, mut ancestor, mut stack] =
                std::array::from_fn(|_| vec![0u32; len + 1]);
            let count = dominators::dominators(
                graph,
                sources,
                |object| self.is_held(object),
                &mut Arrays {
                    number: &mut number,
                    order: &mut order,
                    idom: &mut dominator,
                    parent: &mut parent,
                    semi: &mut semi,
                    label: &mut label,
                    ancestor: &mut ancestor,
                    stack: &mut stack,
                },
            );
            let mut retained: Vec<u64> = self.dump.all().map(|object| self.size(object)).collect();
            dominators::retained_sizes(count, &order, &dominator, &mut retained);
            let is_reached = number.iter().take(len).map(|&number| number != 0).collect();
            let reached = order.get(1..=count).unwrap_or(&[]).to_vec();
            Owners { dominator, reached, retained, is_reached }
        })
    }

    /// The name of one of the references from an object to another.
    pub fn label_between(&self, source: Object, target: Object) -> Option<Label> {
        self.dump.edges_of(source).find(|&(to, _)| to == target).map(|(_, label)| label)
    }
}
