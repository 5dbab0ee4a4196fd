//! The algorithms of `rcgc_format::graph` against petgraph's, on random graphs, and on shapes that are deep or wide.
//!
//! RCGC_TEST_SEED repeats a run; it is printed.

use petgraph::algo::{dominators::simple_fast, kosaraju_scc};
use petgraph::graph::{DiGraph, NodeIndex};
use rcgc_format::graph::components::strong_components;
use rcgc_format::graph::dominators::{dominators, retained_sizes, Arrays};
use rcgc_format::graph::search::{breadth_first, Step};
use rcgc_format::graph::{Graph, NONE};
use std::collections::VecDeque;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

fn seed(test: &str) -> u64 {
    let given = std::env::var("RCGC_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| std::process::id() as u64 * 0x1_0001 + 1);
    println!("{test}: RCGC_TEST_SEED={seed}");
    seed
}

/// A graph with its own arrays.
struct Owned {
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Owned {
    fn of(nodes: usize, edges: &[(u32, u32)]) -> Self {
        let mut sorted = edges.to_vec();
        sorted.sort_by_key(|edge| edge.0);
        let mut starts = vec![0u32; nodes + 1];
        for (source, _) in &sorted {
            starts[*source as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        Owned { starts, targets: sorted.iter().map(|edge| edge.1).collect() }
    }

    fn graph(&self) -> Graph<'_> {
        Graph::new(&self.starts, &self.targets)
    }

    fn turned(&self) -> Owned {
        let mut turned = Owned { starts: vec![7; self.starts.len()], targets: vec![7; self.targets.len()] };
        self.graph().turn(&mut turned.starts, &mut turned.targets);
        turned
    }

    fn components(&self) -> (u32, Vec<u32>) {
        let nodes = self.graph().len();
        let (mut component, mut stack, mut position) = (vec![9; nodes], vec![9; nodes], vec![9; nodes]);
        let count = strong_components(self.graph(), &mut component, &mut stack, &mut position);
        (count, component)
    }

    /// Immediate dominators, and the retained sizes of nodes of one byte each.
    fn dominators(&self, is_root: impl Fn(u32) -> bool) -> (Vec<u32>, Vec<u64>) {
        let nodes = self.graph().len();
        let turned = self.turned();
        let mut arrays: Vec<Vec<u32>> = (0..8).map(|_| vec![3; nodes + 1]).collect();
        let [number, order, idom, parent, semi, label, ancestor, stack] = &mut arrays[..] else {
            unreachable!()
        };
        let mut arrays =
            Arrays { number, order, idom: &mut idom[..nodes], parent, semi, label, ancestor, stack };
        let count = dominators(self.graph(), turned.graph(), is_root, &mut arrays);
        let mut sizes: Vec<u64> = (0..nodes).map(|node| (arrays.number[node] != 0) as u64).collect();
        retained_sizes(count, arrays.order, arrays.idom, &mut sizes);
        (arrays.idom.to_vec(), sizes)
    }
}

fn random_graph(random: &mut Random) -> (usize, Vec<(u32, u32)>) {
    let nodes = 1 + random.below(40);
    let edges = random.below(nodes * 3);
    let near = random.below(3) == 0;
    let edge = |random: &mut Random| {
        let source = random.below(nodes);
        // Lists and near-lists are other graphs than random ones.
        let target = if near { (source + 1 + random.below(3)) % nodes } else { random.below(nodes) };
        (source as u32, target as u32)
    };
    (nodes, (0..edges).map(|_| edge(random)).collect())
}

#[test]
fn turning_twice_gives_the_same_graph() {
    let mut random = Random(seed("turning_twice_gives_the_same_graph"));
    for _ in 0..1000 {
        let (nodes, edges) = random_graph(&mut random);
        let mut graph = Owned::of(nodes, &edges);
        for node in 0..nodes {
            let range = graph.graph().range(node as u32);
            graph.targets[range].sort();
        }
        let again = graph.turned().turned();
        assert_eq!((&again.starts, &again.targets), (&graph.starts, &graph.targets));
    }
}

#[test]
fn components_are_those_of_petgraph_on_10000_graphs() {
    let mut random = Random(seed("components_are_those_of_petgraph_on_10000_graphs"));
    for _ in 0..10_000 {
        let (nodes, edges) = random_graph(&mut random);
        let ours = Owned::of(nodes, &edges);
        let (count, component) = ours.components();
        let mut theirs = DiGraph::<(), ()>::from_edges(&edges);
        while theirs.node_count() < nodes {
            theirs.add_node(());
        }
        let oracle = kosaraju_scc(&theirs);
        assert_eq!(count as usize, oracle.len(), "{nodes} nodes, {edges:?}");
        for members in &oracle {
            let first = component[members[0].index()];
            assert!(members.iter().all(|node| component[node.index()] == first), "{nodes} nodes, {edges:?}");
        }
        for (source, target) in &edges {
            assert!(component[*source as usize] >= component[*target as usize], "{nodes} nodes, {edges:?}");
        }
    }
}

#[test]
fn dominators_are_those_of_petgraph_on_10000_graphs() {
    let mut random = Random(seed("dominators_are_those_of_petgraph_on_10000_graphs"));
    for _ in 0..10_000 {
        let (nodes, edges) = random_graph(&mut random);
        let roots: Vec<bool> = (0..nodes).map(|_| random.below(5) == 0).collect();
        let (idom, retained) = Owned::of(nodes, &edges).dominators(|node| roots[node as usize]);
        // The outside is one node more.
        let mut theirs = DiGraph::<(), ()>::new();
        let all: Vec<NodeIndex> = (0..nodes + 1).map(|_| theirs.add_node(())).collect();
        for (source, target) in &edges {
            theirs.add_edge(all[*source as usize], all[*target as usize], ());
        }
        for (node, _) in roots.iter().enumerate().filter(|(_, root)| **root) {
            theirs.add_edge(all[nodes], all[node], ());
        }
        let oracle = simple_fast(&theirs, all[nodes]);
        let mut expected = vec![0u64; nodes];
        for (node, &ours) in idom.iter().enumerate() {
            let dominator = oracle.immediate_dominator(all[node]).filter(|found| found.index() < nodes);
            let dominator = dominator.map_or(NONE, |found| found.index() as u32);
            assert_eq!(ours, dominator, "node {node} of {nodes}, roots {roots:?}, {edges:?}");
            for above in oracle.dominators(all[node]).into_iter().flatten().filter(|up| up.index() < nodes) {
                expected[above.index()] += 1;
            }
        }
        assert_eq!(retained, expected, "{nodes} nodes, roots {roots:?}, {edges:?}");
    }
}

#[test]
fn a_breadth_first_way_is_a_shortest_one() {
    let mut random = Random(seed("a_breadth_first_way_is_a_shortest_one"));
    for _ in 0..2000 {
        let (nodes, edges) = random_graph(&mut random);
        let owned = Owned::of(nodes, &edges);
        let graph = owned.graph();
        let start = random.below(nodes) as u32;
        let closed = random.below(nodes) as u32;
        let (mut came_from, mut queue) = (vec![1; nodes], vec![1; nodes]);
        let may_enter = |_: u32, to: u32| to != closed;
        let end = breadth_first(graph, &[start], may_enter, |_| Step::On, &mut came_from, &mut queue);
        assert_eq!(end, None);
        // Distances by a queue of pairs.
        let mut distance = vec![usize::MAX; nodes];
        distance[start as usize] = 0;
        let mut pairs = VecDeque::from([start]);
        while let Some(node) = pairs.pop_front() {
            for &target in graph.of(node) {
                if target != closed && distance[target as usize] == usize::MAX {
                    distance[target as usize] = distance[node as usize] + 1;
                    pairs.push_back(target);
                }
            }
        }
        for node in 0..nodes {
            assert_eq!(came_from[node] == NONE, distance[node] == usize::MAX);
            if came_from[node] != NONE {
                let (mut steps, mut at) = (0, node as u32);
                while came_from[at as usize] != at {
                    at = came_from[at as usize];
                    steps += 1;
                }
                assert_eq!((at, steps), (start, distance[node]), "{nodes} nodes, {edges:?}");
            }
        }
        let goal = random.below(nodes) as u32;
        let found = breadth_first(
            graph,
            &[start],
            may_enter,
            |node| if node == goal { Step::Stop } else { Step::On },
            &mut came_from,
            &mut queue,
        );
        assert_eq!(found.is_some(), distance[goal as usize] != usize::MAX);
    }
}

/// Runs with a stack of 64 KiB, in which recursion over a graph would end at once.
fn on_a_small_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(test);
    thread.expect("a thread can be made").join().expect("the test passes");
}

#[test]
fn a_million_nodes_deep_and_wide() {
    on_a_small_stack(|| {
        let nodes = 1_000_000u32;
        let list: Vec<_> = (1..nodes).map(|node| (node - 1, node)).collect();
        let graph = Owned::of(nodes as usize, &list);
        assert_eq!(graph.components().0, nodes);
        let (idom, retained) = graph.dominators(|node| node == 0);
        assert!((1..nodes).all(|node| idom[node as usize] == node - 1));
        assert!((0..nodes).all(|node| retained[node as usize] == (nodes - node) as u64));

        let ring: Vec<_> = list.iter().copied().chain([(nodes - 1, 0)]).collect();
        let graph = Owned::of(nodes as usize, &ring);
        assert_eq!(graph.components().0, 1);
        assert_eq!(graph.dominators(|node| node == 5).1[5], nodes as u64);

        let hub: Vec<_> = (1..nodes).map(|node| (0, node)).chain((1..nodes).map(|node| (node, 0))).collect();
        let graph = Owned::of(nodes as usize, &hub);
        assert_eq!(graph.components().0, 1);
        assert_eq!(graph.dominators(|node| node == 0).1[0], nodes as u64);
        // Entered anywhere else, the hub holds all but the entry.
        assert_eq!(graph.dominators(|node| node == 9).1[0], nodes as u64 - 1);
    });
}
