//! `rcgc why`: what keeps an object alive.

use super::query;
use crate::context::{Context, Failure};
use crate::dump::{Dump, Object};
use crate::findings::ways::{several, shortest, Shapes, StepOf};
use crate::heap::{Fate, Heap};
use crate::output::{names, Cell, Report, Table};
use crate::selection;
use crate::wording::{ways, words};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Say what keeps objects alive.
///
/// For one object: the shortest ways to it from what is held from outside, each over another last reference.
/// For a type: the shapes of the shortest ways to its objects, the most common first, and of a profiled heap
/// where those were made that are held from outside. Exit status 1: garbage is among them.
///
/// Examples: rcgc why app.dump 0x7f3c10a0; rcgc why app.dump Session
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    #[arg(help = selection::HELP)]
    what: String,
    /// Ways, or shapes of ways, that are listed.
    #[arg(long, default_value_t = 5)]
    paths: usize,
    /// Steps of a way that are listed one by one.
    #[arg(long, default_value_t = 20)]
    steps: usize,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let objects = selection::objects(&dump, &arguments.what)?;
    match objects[..] {
        [object] => Ok(one(&heap, object, arguments)),
        _ => Ok(many(&heap, &objects, arguments)),
    }
}

fn one(heap: &Heap, object: Object, arguments: &Arguments) -> Report {
    let dump = heap.dump;
    let mut report = Report::default();
    let way = shortest(heap, object);
    report.has_findings = way.is_none();
    report.sentence(format!("{}: {}", names::object(dump, object), ways::why(heap, object, way.as_deref())));
    report.fact("object", Cell::Address(dump.address_of(object)));
    report.fact("number", Cell::Count(u64::from(object)));
    report.fact("type", names::kind(dump, object));
    report.fact("count", Cell::Count(u64::from(dump.objects.count[object as usize])));
    report.fact("from_outside", Cell::Change(i64::from(heap.outside(object))));
    report.fact("bytes", Cell::Bytes(dump.bytes_of(object)));
    report.fact("external_bytes", Cell::Bytes(dump.external_of(object)));
    if let Some(length) = dump.length_of(object) {
        report.fact("length", Cell::Count(length));
    }
    report.fact("weak_handles", Cell::Count(dump.handles_of(object)));
    report.fact("retained", Cell::Bytes(heap.owners().retained[object as usize]));
    report.fact("flags", flags(dump, object));
    if let Some(way) = &way {
        report.tables.push(steps(heap, way, object, arguments.steps));
    }
    let root = way.as_ref().map_or(object, |way| way.first().map_or(object, |step| step.from));
    report.tables.extend(words::table(dump, &[dump.objects.kind[root as usize]]));
    let others = several(heap, object, arguments.paths);
    if !others.is_empty() {
        let mut table = Table::new("paths", "Ways to it", &["steps", "from", "held_by", "path"]);
        for way in &others {
            let root = way.first().map_or(object, |step| step.from);
            table.row(vec![
                Cell::Count(way.len() as u64),
                names::object(dump, root).into(),
                ways::held_by(heap, root).into(),
                ways::shown(dump, way).into(),
            ]);
        }
        report.tables.push(table);
    }
    report
}

/// The steps of a way; the middle of a long one is left out.
pub fn steps(heap: &Heap, way: &[StepOf], target: Object, limit: usize) -> Table {
    let dump = heap.dump;
    let mut table = Table::new("steps", "Shortest way", &["step", "object", "edge"]);
    for (at, step) in way.iter().enumerate() {
        if way.len() > limit && at >= limit / 2 && at < way.len() - limit.div_ceil(2) {
            table.left_out += 1;
            continue;
        }
        table.row(vec![
            Cell::Count(at as u64),
            names::object(dump, step.from).into(),
            names::edge(dump, step.label).into(),
        ]);
    }
    table.row(vec![Cell::Count(way.len() as u64), names::object(dump, target).into(), Cell::None]);
    table
}

/// The flags of an object, as words.
pub fn flags(dump: &Dump, object: Object) -> String {
    use rcgc_format::object_flag::*;
    let all = [
        (TRACKED, "tracked"),
        (YOUNG, "young"),
        (FROZEN, "frozen"),
        (FINALIZED, "finalized"),
        (WEAK, "weakly referred to"),
        (DYING, "dying"),
        (HELD, "held by the engine"),
        (QUEUED, "queued"),
        (IMMORTAL, "immortal"),
    ];
    let set: Vec<&str> =
        all.iter().filter(|&&(flag, _)| dump.has_flag(object, flag)).map(|&(_, word)| word).collect();
    set.join(", ")
}

fn many(heap: &Heap, objects: &[Object], arguments: &Arguments) -> Report {
    let mut report = Report::default();
    let mut shapes = Shapes::new(heap);
    // By shape: objects, their bytes, the first of them.
    let mut groups: HashMap<u32, (u64, u64, Object)> = HashMap::new();
    let mut held = (0u64, 0u64);
    let (mut garbage, mut lasting) = ((0u64, 0u64), 0u64);
    for &object in objects {
        let size = heap.size(object);
        let add = |sum: &mut (u64, u64)| *sum = (sum.0 + 1, sum.1.saturating_add(size));
        if !heap.is_alive(object) {
            add(&mut garbage);
            lasting += u64::from(heap.fate(object) != Fate::Ends);
        } else if heap.is_held(object) {
            add(&mut held);
        } else {
            let group = groups.entry(shapes.of(object)).or_insert((0, 0, object));
            *group = (group.0 + 1, group.1.saturating_add(size), group.2);
        }
    }
    report.fact("objects", Cell::Count(objects.len() as u64));
    report.fact("held_from_outside", Cell::Count(held.0));
    report.fact("garbage", Cell::Count(garbage.0));
    report.fact("uncollectable", Cell::Count(lasting));
    report.has_findings = garbage.0 != 0;
    let mut roots: Vec<Object> = Vec::new();
    let mut table = Table::new("paths", "What keeps them", &["objects", "bytes", "from", "path", "example"]);
    if held.0 != 0 {
        let words =
            if held.0 == 1 { "references from outside to it" } else { "references from outside to each" };
        let first = objects.iter().find(|&&object| heap.is_held(object) && heap.is_alive(object));
        roots.extend(first);
        let example = first.map_or(Cell::None, |&object| names::object(heap.dump, object).into());
        table.row(vec![Cell::Count(held.0), Cell::Bytes(held.1), "outside".into(), words.into(), example]);
    }
    let mut sorted: Vec<(u32, (u64, u64, Object))> = groups.into_iter().collect();
    sorted.sort_by_key(|&(shape, (number, _, _))| (Reverse(number), shape));
    table.left_out = sorted.len().saturating_sub(arguments.paths) as u64;
    for (shape, (number, bytes, example)) in sorted.into_iter().take(arguments.paths) {
        let root = shortest(heap, example).and_then(|way| way.first().map(|step| step.from));
        roots.extend(root);
        table.row(vec![
            Cell::Count(number),
            Cell::Bytes(bytes),
            root.map_or(Cell::None, |root| names::kind(heap.dump, root).into()),
            ways::shape(heap, &shapes, shape).into(),
            names::object(heap.dump, example).into(),
        ]);
    }
    if garbage.0 != 0 {
        let dead = objects.iter().copied().filter(|&object| !heap.is_alive(object));
        for told in ways::fates(heap, dead) {
            report.sentence(format!("garbage: {told}"));
        }
    }
    report.tables.push(table);
    // Of those that are held, and of those from which the ways come.
    let mut kinds: Vec<u32> = roots.into_iter().map(|root| heap.dump.objects.kind[root as usize]).collect();
    kinds.sort_unstable();
    kinds.dedup();
    report.tables.extend(words::table(heap.dump, &kinds));
    if held.0 != 0 && heap.dump.accounts.counts_sites() {
        let found = objects.iter().copied().filter(|&object| heap.is_held(object) && heap.is_alive(object));
        report.tables.push(query::sites(heap, found, "Where those held from outside were made"));
    }
    report
}
