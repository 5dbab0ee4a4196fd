//! Algorithms over compact graphs. Pure functions over slices: nothing here allocates, knows a heap or recurses, so the
//! library runs them on mapped memory and the `rcgc` tool on what it read from a dump.
//!
//! A node is a number below [`Graph::len`], below 2^31. Work arrays come from the caller; each function says how long
//! they must be, and panics on shorter ones.
//!
//! | file | subject |
//! |---|---|
//! | this | the graph, and turning it around |
//! | `components` | strongly connected components |
//! | `dominators` | who must go for a node to go, and what goes with it |
//! | `search` | what is reached from where, and shortest ways |

pub mod components;
pub mod dominators;
pub mod search;

/// No node.
pub const NONE: u32 = u32::MAX;

/// A directed graph: the targets of node `v` are `targets[starts[v]..starts[v + 1]]`. Parallel edges and loops are
/// allowed.
#[derive(Clone, Copy)]
pub struct Graph<'a> {
    starts: &'a [u32],
    targets: &'a [u32],
}

impl<'a> Graph<'a> {
    /// A graph of `starts.len() - 1` nodes.
    ///
    /// `starts` rises from 0 to `targets.len()`, and every target is a node: checked only where it is used.
    pub fn new(starts: &'a [u32], targets: &'a [u32]) -> Self {
        Graph { starts, targets }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.targets.len()
    }

    /// Where the edges of a node are in the list of all edges.
    #[inline(always)]
    pub fn range(&self, node: u32) -> core::ops::Range<usize> {
        self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize
    }

    /// The targets of a node's edges.
    #[inline(always)]
    pub fn of(&self, node: u32) -> &'a [u32] {
        &self.targets[self.range(node)]
    }

    /// Asks for what [`Graph::range`] reads of a node, which a search will soon come to.
    #[inline(always)]
    pub fn prefetch(&self, node: u32) {
        prefetch(self.starts.as_ptr().wrapping_add(node as usize) as usize);
    }

    /// Asks for a node's first target.
    #[inline(always)]
    pub fn prefetch_targets(&self, node: u32) {
        prefetch(self.targets.as_ptr().wrapping_add(self.range(node).start) as usize);
    }

    /// The target of an edge.
    #[inline(always)]
    pub fn target(&self, edge: usize) -> u32 {
        self.targets[edge]
    }

    /// Writes the same graph with all edges turned around: sources in ascending order for each node.
    ///
    /// `starts` has one element more than there are nodes, `sources` as many as there are edges.
    pub fn turn(&self, starts: &mut [u32], sources: &mut [u32]) {
        starts.fill(0);
        for &target in self.targets {
            starts[target as usize] += 1;
        }
        // The end of each list first; filling it backwards makes that its start.
        let mut end = 0;
        for start in starts.iter_mut() {
            end += *start;
            *start = end;
        }
        for node in (0..self.len() as u32).rev() {
            for &target in self.of(node).iter().rev() {
                starts[target as usize] -= 1;
                sources[starts[target as usize] as usize] = node;
            }
        }
    }
}

/// Asks for the cache line of an address, which need not be mapped.
#[inline(always)]
#[allow(unsafe_code)]
fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch touches no memory that the program can see.
    unsafe {
        core::arch::asm!("prefetcht0 [{0}]", in(reg) address, options(nostack, readonly, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a prefetch touches no memory that the program can see.
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, readonly, preserves_flags));
    }
}
