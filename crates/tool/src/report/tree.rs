//! Trees of bytes: what a flame graph or a treemap shows, cut down so that the page stays small.

use super::html::named;
use super::palette::Colour;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A node; the root is the first of its tree, parents stand before their children.
#[derive(Clone, Debug)]
pub struct Node {
    pub parent: usize,
    pub name: String,
    pub colour: Colour,
    /// With those of the nodes below.
    pub bytes: u64,
    /// As `bytes`.
    pub objects: u64,
}

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub nodes: Vec<Node>,
}

impl Tree {
    pub fn new(root: &str) -> Tree {
        let node = Node { parent: 0, name: root.to_owned(), colour: Colour::NONE, bytes: 0, objects: 0 };
        Tree { nodes: vec![node] }
    }

    pub fn add(&mut self, parent: usize, name: String, colour: Colour) -> usize {
        let name = named(&name).to_owned();
        self.nodes.push(Node { parent, name, colour, bytes: 0, objects: 0 });
        self.nodes.len() - 1
    }

    /// Adds the bytes of every node to those above it.
    pub fn sum_up(&mut self) {
        for at in (1..self.nodes.len()).rev() {
            let Node { parent, bytes, objects, .. } = self.nodes[at];
            let above = &mut self.nodes[parent];
            above.bytes = above.bytes.saturating_add(bytes);
            above.objects += objects;
        }
    }

    pub fn total(&self) -> u64 {
        self.nodes.first().map_or(0, |root| root.bytes)
    }

    /// By node: its children, those with most bytes first.
    pub fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().skip(1) {
            children[node.parent].push(at);
        }
        for list in &mut children {
            list.sort_by_key(|&at| (Reverse(self.nodes[at].bytes), at));
        }
        children
    }

    /// The largest nodes, at most `most`, none with fewer bytes than the share of the whole, none deeper than
    /// `depth`. A node comes with all above it. What was left out of a node is its `bytes` less those of its
    /// children.
    pub fn cut(&self, most: usize, share: f64, depth: usize) -> Tree {
        let Some(root) = self.nodes.first() else { return Tree::default() };
        let least = ((root.bytes as f64 * share) as u64).max(1);
        let children = self.children();
        let depths = self.depths();
        let mut result = Tree { nodes: vec![root.clone()] };
        let mut queue = BinaryHeap::new();
        let push = |queue: &mut BinaryHeap<_>, of: usize, into: usize| {
            let is_shown = |&&child: &&usize| self.nodes[child].bytes >= least && depths[child] <= depth;
            for &child in children[of].iter().take_while(is_shown) {
                queue.push((self.nodes[child].bytes, Reverse(child), into));
            }
        };
        push(&mut queue, 0, 0);
        while result.nodes.len() < most {
            let Some((_, Reverse(node), parent)) = queue.pop() else { break };
            result.nodes.push(Node { parent, ..self.nodes[node].clone() });
            push(&mut queue, node, result.nodes.len() - 1);
        }
        result
    }

    /// By node: how many nodes are above it.
    pub fn depths(&self) -> Vec<usize> {
        let mut depths = vec![0; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().skip(1) {
            depths[at] = depths[node.parent] + 1;
        }
        depths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::new("all");
        let a = tree.add(0, "a".to_owned(), Colour::NONE);
        let b = tree.add(0, "b".to_owned(), Colour::NONE);
        let c = tree.add(b, "c".to_owned(), Colour::NONE);
        tree.nodes[a].bytes = 10;
        tree.nodes[b].bytes = 1;
        tree.nodes[c].bytes = 89;
        tree.sum_up();
        tree
    }

    #[test]
    fn bytes_are_summed_up() {
        let tree = tree();
        assert_eq!(tree.nodes.iter().map(|node| node.bytes).collect::<Vec<_>>(), [100, 10, 90, 89]);
        assert_eq!(tree.children(), [vec![2, 1], vec![], vec![3], vec![]]);
        assert_eq!(tree.depths(), [0, 1, 1, 2]);
    }

    #[test]
    fn the_largest_nodes_stay_with_what_is_above_them() {
        let names =
            |tree: Tree| tree.nodes.iter().map(|node| node.name.clone()).collect::<Vec<_>>().join(" ");
        assert_eq!(names(tree().cut(10, 0.0, 9)), "all b c a");
        assert_eq!(names(tree().cut(3, 0.0, 9)), "all b c");
        assert_eq!(names(tree().cut(10, 0.5, 9)), "all b c");
        assert_eq!(names(tree().cut(1, 0.0, 9)), "all");
        assert_eq!(names(tree().cut(10, 0.0, 1)), "all b a");
        assert_eq!(names(Tree::default().cut(5, 0.1, 9)), "");
    }
}
