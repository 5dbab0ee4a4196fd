//! Strongly connected components, by Pearce's form of Tarjan's algorithm ("A space-efficient algorithm for finding
//! strongly connected components", 2016): one number a node is at once its index, its low link and at last its
//! component.
//!
//! | number of a node | meaning |
//! |---|---|
//! | 0 | not visited |
//! | 1 .. index | the lowest index known to be reached from it, while its component is open |
//! | n, n - 1, ... | its component, counted down, when that is closed |
//!
//! Open indices stay below closed numbers, since closing a component gives the indices of its nodes back. A node is
//! either on the path under exploration or among those that wait for their component's end, so both stacks share one
//! array, from its two ends.

use super::Graph;

/// In a stack's entry: nothing below the node is known to reach above it.
const ROOT: u32 = 1 << 31;

/// Numbers the strongly connected components of a graph and returns how many there are.
///
/// `component[v]` becomes the component of `v`: numbers from 0, such that every edge that leaves a component leads to
/// one with a smaller number. The three arrays have an element for each node; two are for work.
pub fn strong_components(
    graph: Graph<'_>,
    component: &mut [u32],
    stack: &mut [u32],
    position: &mut [u32],
) -> u32 {
    let nodes = graph.len();
    let component = &mut component[..nodes];
    component.fill(0);
    let mut search =
        Search { graph, number: component, stack, position, waiting: nodes, index: 1, closed: nodes as u32 };
    for node in 0..nodes as u32 {
        if search.number[node as usize] == 0 {
            search.explore(node);
        }
    }
    let count = nodes as u32 - search.closed;
    for number in component.iter_mut() {
        *number = nodes as u32 - *number;
    }
    count
}

struct Search<'a> {
    graph: Graph<'a>,
    number: &'a mut [u32],
    stack: &'a mut [u32],
    position: &'a mut [u32],
    /// The nodes that wait are `stack[waiting..]`.
    waiting: usize,
    index: u32,
    closed: u32,
}

impl Search<'_> {
    /// Visits everything that is reached from a node and was not visited.
    fn explore(&mut self, start: u32) {
        self.stack[0] = start | ROOT;
        self.enter(start);
        let mut depth = 1;
        while depth > 0 {
            let node = self.stack[depth - 1] & !ROOT;
            match self.advance(node, depth) {
                Some(target) => {
                    self.stack[depth] = target | ROOT;
                    self.enter(target);
                    depth += 1;
                }
                None => {
                    depth -= 1;
                    let is_root = self.stack[depth] & ROOT != 0;
                    self.leave(node, is_root);
                    if depth > 0 {
                        self.note(depth, node);
                    }
                }
            }
        }
    }

    fn enter(&mut self, node: u32) {
        self.number[node as usize] = self.index;
        self.index += 1;
        self.position[node as usize] = self.graph.range(node).start as u32;
    }

    /// Goes along the edges of the top of the path to one that was not visited.
    fn advance(&mut self, node: u32, depth: usize) -> Option<u32> {
        let end = self.graph.range(node).end;
        let mut edge = self.position[node as usize] as usize;
        while edge < end {
            let target = self.graph.target(edge);
            edge += 1;
            if self.number[target as usize] == 0 {
                self.position[node as usize] = edge as u32;
                return Some(target);
            }
            self.note(depth, target);
        }
        self.position[node as usize] = edge as u32;
        None
    }

    /// The top of a path of this depth reaches what `target` reaches.
    fn note(&mut self, depth: usize, target: u32) {
        let node = (self.stack[depth - 1] & !ROOT) as usize;
        if self.number[target as usize] < self.number[node] {
            self.number[node] = self.number[target as usize];
            self.stack[depth - 1] &= !ROOT;
        }
    }

    /// All edges of a node have been seen: it closes its component, or waits for the node that does.
    fn leave(&mut self, node: u32, is_root: bool) {
        if !is_root {
            self.waiting -= 1;
            self.stack[self.waiting] = node;
            return;
        }
        self.index -= 1;
        while self.waiting < self.number.len() {
            let member = self.stack[self.waiting] as usize;
            if self.number[member] < self.number[node as usize] {
                break;
            }
            self.waiting += 1;
            self.index -= 1;
            self.number[member] = self.closed;
        }
        self.number[node as usize] = self.closed;
        self.closed -= 1;
    }
}
