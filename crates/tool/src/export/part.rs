//! The part of a heap that is exported.

use crate::context::Failure;
use crate::dump::Object;
use crate::heap::Heap;
use crate::selection;
use rcgc_format::graph::search::{self, Step};
use rcgc_format::graph::NONE;

/// What the command line asks for.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Wanted {
    /// Only objects of this type (several times: of these types).
    #[arg(long, value_name = "TYPE")]
    pub only: Vec<String>,
    /// Only what is reached from these objects (several times): an address, a number, or a type.
    #[arg(long, value_name = "WHAT")]
    pub root: Vec<String>,
    /// With --root: only what leads to these objects, instead of what is reached from them.
    #[arg(long, requires = "root")]
    pub back: bool,
    /// Only objects that retain so many bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub min_retained: u64,
}

impl Wanted {
    /// Whether no option leaves anything out.
    pub fn is_everything(&self) -> bool {
        self.only.is_empty() && self.root.is_empty() && self.min_retained == 0
    }
}

/// A part of a heap.
pub struct Part {
    /// By object.
    chosen: Vec<bool>,
    /// The objects of --root.
    pub roots: Vec<Object>,
    pub objects: u64,
    /// Objects and bytes that are left out.
    pub left_out: u64,
    pub left_out_bytes: u64,
}

impl Part {
    pub fn has(&self, object: Object) -> bool {
        self.chosen[object as usize]
    }

    pub fn is_everything(&self) -> bool {
        self.left_out == 0
    }
}

/// Finds the objects that are wanted: those that fit all of the options.
pub fn choose(heap: &Heap, wanted: &Wanted) -> Result<Part, Failure> {
    let dump = heap.dump;
    let mut chosen = vec![true; dump.len()];
    let mut roots = Vec::new();
    for word in &wanted.root {
        roots.extend(selection::objects(dump, word)?);
    }
    if !roots.is_empty() {
        roots.sort_unstable();
        roots.dedup();
        let [mut came_from, mut queue] = std::array::from_fn(|_| vec![0; dump.len()]);
        let graph = if wanted.back { heap.sources() } else { dump.graph() };
        search::breadth_first(graph, &roots, |_, _| true, |_| Step::On, &mut came_from, &mut queue);
        chosen = came_from.iter().map(|&from| from != NONE).collect();
    }
    if !wanted.only.is_empty() {
        let mut is_kind = vec![false; dump.types.len()];
        for name in &wanted.only {
            for kind in selection::kinds(dump, name)? {
                is_kind[kind as usize] = true;
            }
        }
        for (chosen, &kind) in chosen.iter_mut().zip(&dump.objects.kind) {
            *chosen &= is_kind[kind as usize];
        }
    }
    if wanted.min_retained != 0 {
        for (chosen, &retained) in chosen.iter_mut().zip(&heap.owners().retained) {
            *chosen &= retained >= wanted.min_retained;
        }
    }
    let objects = chosen.iter().filter(|&&chosen| chosen).count() as u64;
    let left = dump.all().filter(|&object| !chosen[object as usize]);
    let left_out_bytes = left.fold(0u64, |sum, object| sum.saturating_add(heap.size(object)));
    roots.retain(|&root| chosen[root as usize]);
    Ok(Part { chosen, roots, objects, left_out: dump.len() as u64 - objects, left_out_bytes })
}
