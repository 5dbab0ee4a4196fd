//! Snapshots as others see them: v8-heap-parser, which VS Code's heap tools are made of, and petgraph's
//! dominators over the nodes and edges of the file.
//!
//! v8-heap-parser 1.1 has DevTools' former algorithm, which looks again only at what the nodes point to whose
//! dominator changed, and so is wrong on some graphs with cycles. Its retained sizes are compared on graphs
//! without; on all others it reads, and petgraph works out the sizes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::dump::tests::builder::{Builder, Slot};
use crate::dump::tests::{random_heap, read_bytes, Random};
use crate::export::{choose, Wanted};
use crate::progress::Progress;
use std::collections::HashSet;

fn snapshot(heap: &Heap, wanted: &Wanted) -> (Vec<u8>, Written) {
    let part = choose(heap, wanted).expect("a part");
    let mut bytes = Vec::new();
    let written = write(heap, &part, &mut bytes).expect("memory takes everything");
    (bytes, written)
}

/// What no reader says: that all numbers are digits, in range, and as many as was promised.
fn check_strictly(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    assert!(text.starts_with("{\"snapshot\":{\"meta\":{"));
    let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = [
        "snapshot",
        "nodes",
        "edges",
        "trace_function_infos",
        "trace_tree",
        "samples",
        "locations",
        "strings",
    ];
    assert_eq!(keys, expected);
    let numbers = |key: &str| -> Vec<u64> {
        let all = value[key].as_array().expect("an array");
        all.iter().map(|number| number.as_u64().expect("a whole number")).collect()
    };
    let (nodes, edges) = (numbers("nodes"), numbers("edges"));
    let strings = value["strings"].as_array().expect("an array").len() as u64;
    assert_eq!(nodes.len() as u64, value["snapshot"]["node_count"].as_u64().unwrap() * 7);
    assert_eq!(edges.len() as u64, value["snapshot"]["edge_count"].as_u64().unwrap() * 3);
    assert!(nodes.iter().chain(&edges).all(|&number| number <= u64::from(u32::MAX)));
    let mut ids = HashSet::new();
    let mut sum = 0;
    for node in nodes.chunks(7) {
        assert!(node[0] < 15 && node[1] < strings && ids.insert(node[2]) && node[5] == 0 && node[6] == 0);
        sum += node[4];
    }
    assert_eq!(sum, edges.len() as u64 / 3);
    for edge in edges.chunks(3) {
        let named = edge[0] != 1;
        assert!(edge[0] < 7 && (!named || edge[1] < strings));
        assert!(edge[2] % 7 == 0 && edge[2] < nodes.len() as u64);
    }
}

/// What everything under each node's dominator is, by petgraph.
fn retained_by_petgraph(bytes: &[u8]) -> Vec<u64> {
    let value: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
    let numbers = |key: &str| -> Vec<u64> {
        value[key].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
    };
    let (nodes, edges) = (numbers("nodes"), numbers("edges"));
    let mut graph = petgraph::graph::DiGraph::<u64, ()>::new();
    let indexes: Vec<_> = nodes.chunks(7).map(|node| graph.add_node(node[3])).collect();
    let mut next = edges.chunks(3);
    for (node, &from) in nodes.chunks(7).zip(&indexes) {
        for edge in next.by_ref().take(node[4] as usize).filter(|edge| edge[0] != WEAK) {
            graph.add_edge(from, indexes[(edge[2] / 7) as usize], ());
        }
    }
    let dominators = petgraph::algo::dominators::simple_fast(&graph, indexes[0]);
    let mut retained = vec![0; indexes.len()];
    for &node in &indexes {
        let mut at = Some(node);
        while let Some(owner) = at {
            retained[owner.index()] += graph[node];
            at = dominators.immediate_dominator(owner);
        }
    }
    retained
}

/// Every object's size and retained size are those that the others work out.
fn compare(heap: &Heap, bytes: &[u8], has_cycles: bool) {
    check_strictly(bytes);
    let graph = v8_heap_parser::decode_slice(bytes).expect("the other reader reads it");
    let retained = retained_by_petgraph(bytes);
    let dump = heap.dump;
    let mut total = 0;
    for (index, node) in graph.iter().enumerate() {
        total += node.self_size;
        if !has_cycles {
            assert_eq!(graph.retained_size(index), retained[index]);
        }
        if node.typ != v8_heap_parser::NodeType::Object {
            continue;
        }
        let object = dump.all().find(|&object| own_id(dump, object) == Some(u64::from(node.id)));
        let object = object.expect("an object with this id");
        assert_eq!(node.name(), type_name(dump, object));
        assert_eq!(node.self_size, dump.bytes_of(object).min(SIZE_MAX));
        let expected = heap.owners().retained[object as usize];
        assert_eq!(retained[index], expected, "{}", names::object(dump, object));
    }
    assert_eq!(total, heap.total());
    assert_eq!(retained[0], total, "everything is under the root");
}

/// References lead to later objects only.
fn without_cycles(builder: &mut Builder) {
    for (number, object) in builder.objects.iter_mut().enumerate() {
        let is_later = |slot: &Slot| !matches!(slot, Slot::Object(to) if *to <= number);
        for slot in object.slots.iter_mut().flatten().filter(|slot| !is_later(slot)) {
            *slot = Slot::Nothing;
        }
        object.reports.retain(|(slot, ..)| is_later(slot));
        object.entries.retain(|(_, value)| is_later(value));
    }
}

#[test]
fn others_find_the_same_sizes() {
    let mut random = Random::seeded("others_find_the_same_sizes");
    for _ in 0..100 {
        let objects = 1 + random.below(80);
        let mut builder = random_heap(&mut random, objects);
        let has_cycles = random.below(2) == 0;
        if !has_cycles {
            without_cycles(&mut builder);
            let held: Vec<usize> = (0..objects).filter(|_| random.below(4) == 0).collect();
            builder.count(&held);
        }
        for object in &mut builder.objects {
            // Larger ones are another test.
            object.external = object.external.min(1 << 20);
        }
        let dump = read_bytes(builder.bytes()).expect("a dump");
        let heap = Heap::new(&dump, Progress::hidden());
        let (bytes, written) = snapshot(&heap, &Wanted::default());
        assert!(written.warnings.is_empty(), "{:?}", written.warnings);
        assert!(written.nodes >= objects as u64);
        compare(&heap, &bytes, has_cycles);
    }
}

#[test]
fn hostile_names_are_strings_like_others() {
    let mut builder = Builder::default();
    let long = "n".repeat(20_000);
    let hostile = [
        "\"quoted\"",
        "back\\slash",
        "new\nline",
        "\0NUL",
        "<lambda at x.cpp:10>",
        "Object",
        "é\u{1b}[31m",
        &long,
    ];
    let mut last = None;
    for name in hostile {
        let kind = builder.kind(name, &[name]);
        let object = builder.object(kind);
        if let Some(last) = last {
            builder.link(object, 0, last);
        }
        last = Some(object);
    }
    builder.count(&[hostile.len() - 1]);
    let dump = read_bytes(builder.bytes()).expect("a dump");
    let heap = Heap::new(&dump, Progress::hidden());
    let (bytes, _) = snapshot(&heap, &Wanted::default());
    compare(&heap, &bytes, false);
    let graph = v8_heap_parser::decode_slice(&bytes).expect("the other reader reads it");
    let found: Vec<&str> = graph.iter().map(|node| node.name()).collect();
    assert!(found.contains(&"type <lambda at x.cpp:10>") && found.contains(&"type Object"));
    assert!(found.contains(&"new\nline"));
}

#[test]
fn sizes_beyond_32_bits_are_told_in_full() {
    let mut builder = Builder::default();
    let kind = builder.kind("Image", &["next"]);
    let object = builder.object(kind);
    builder.objects[object].external = 5 << 30;
    builder.count(&[object]);
    let dump = read_bytes(builder.bytes()).expect("a dump");
    let heap = Heap::new(&dump, Progress::hidden());
    let (bytes, written) = snapshot(&heap, &Wanted::default());
    check_strictly(&bytes);
    assert_eq!(written.warnings.len(), 1);
    let text = String::from_utf8(bytes).expect("UTF-8");
    assert!(text.contains("external bytes: 5368709120") && text.contains("4294967295"));
}

#[test]
fn parts_are_snapshots_too() {
    let mut random = Random::seeded("parts_are_snapshots_too");
    let builder = random_heap(&mut random, 200);
    let dump = read_bytes(builder.bytes()).expect("a dump");
    let heap = Heap::new(&dump, Progress::hidden());
    let parts = [
        Wanted { only: vec!["Node".to_owned(), "Leaf".to_owned()], ..Wanted::default() },
        Wanted { root: vec!["#3".to_owned()], ..Wanted::default() },
        Wanted { min_retained: 100, ..Wanted::default() },
        Wanted { only: vec!["Map".to_owned()], root: vec!["Every".to_owned()], back: false, min_retained: 1 },
    ];
    for wanted in parts {
        let part = choose(&heap, &wanted).expect("a part");
        assert!(part.objects > 0 && part.objects < 200, "{wanted:?}");
        let (bytes, written) = snapshot(&heap, &wanted);
        check_strictly(&bytes);
        assert!(written.warnings.iter().any(|warning| warning.contains("left out")), "{wanted:?}");
        let graph = v8_heap_parser::decode_slice(&bytes).expect("the other reader reads it");
        let objects = graph.iter().filter(|node| node.typ == v8_heap_parser::NodeType::Object).count();
        assert_eq!(objects as u64, part.objects);
        let total: u64 = graph.iter().map(|node| node.self_size).sum();
        assert_eq!(retained_by_petgraph(&bytes)[0], total, "everything is under the root: {wanted:?}");
    }
}
