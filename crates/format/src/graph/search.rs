//! Breadth-first search: what is reached, and by which shortest way.

use super::{Graph, NONE};

/// How many nodes ahead of its turn memory is fetched.
const AHEAD: usize = 8;

/// What a search goes on with, decided at each node it comes to, nearest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Along its edges.
    On,
    /// Not along its edges.
    Back,
    /// Not at all.
    Stop,
}

/// Searches from `starts` in the order of distance, until `visit` says [`Step::Stop`] or nothing is left. `may_enter`
/// says of a node, each time an edge leads to it, whether it counts at all.
///
/// `came_from[v]` becomes the node before `v` on a shortest way, `v` itself for a start, [`NONE`] for what was not
/// reached: so the ways can be read backwards. Both arrays have an element for each node. Returns the node at which
/// the search stopped.
pub fn breadth_first(
    graph: Graph<'_>,
    starts: &[u32],
    mut may_enter: impl FnMut(u32, u32) -> bool,
    mut visit: impl FnMut(u32) -> Step,
    came_from: &mut [u32],
    queue: &mut [u32],
) -> Option<u32> {
    came_from.fill(NONE);
    let mut len = 0;
    for &start in starts {
        if came_from[start as usize] == NONE {
            came_from[start as usize] = start;
            queue[len] = start;
            len += 1;
        }
    }
    let mut first = 0;
    while first < len {
        let node = queue[first];
        first += 1;
        if first + 2 * AHEAD < len {
            graph.prefetch(queue[first + 2 * AHEAD]);
            graph.prefetch_targets(queue[first + AHEAD]);
        }
        match visit(node) {
            Step::Stop => return Some(node),
            Step::Back => continue,
            Step::On => {}
        }
        for &target in graph.of(node) {
            if came_from[target as usize] == NONE && may_enter(node, target) {
                came_from[target as usize] = node;
                queue[len] = target;
                len += 1;
            }
        }
    }
    None
}
