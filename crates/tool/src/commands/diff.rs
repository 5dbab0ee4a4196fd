//! `rcgc diff`: what grew between dumps.

use crate::context::{Context, Failure};
use crate::dump::Dump;
use crate::findings::diff::{self, change, compare, compare_places, OfPlace, Place, Sums};
use crate::findings::ways::{shortest, Shapes};
use crate::heap::Heap;
use crate::output::{names, Cell, Report, Table};
use crate::wording::{self, ways};
use clap::ValueEnum;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Compare two dumps, or three of one heap.
///
/// Types are compared by name. In dumps of one heap objects are compared by address and type: new ones,
/// gone ones, and those in both. With a third dump: what was not in the first, is in the second and still in
/// the third, by type, with what keeps it. Exit status 1: there is such a thing. Of a profiled heap also the
/// places are compared that made what lives; bytes are with those that objects keep elsewhere. `held` is by how many
/// more objects are held from outside: where that grows, a release was forgotten. A dump that is not whole is refused
/// (exit status 3).
///
/// Examples: rcgc diff before.dump after.dump; rcgc diff start.dump load.dump after.dump
#[derive(clap::Args)]
pub struct Arguments {
    first: String,
    second: String,
    third: Option<String>,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Order::Bytes)]
    sort: Order,
    /// Types that are listed; 0: all.
    #[arg(long, default_value_t = 30)]
    limit: usize,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Order {
    /// The largest change of bytes.
    Bytes,
    /// The largest change of objects.
    Objects,
    /// The largest change of retained bytes.
    Retained,
    /// Names.
    Name,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let first = context.open_for_verdict(&arguments.first)?;
    let second = context.open_for_verdict(&arguments.second)?;
    let same_heap = first.is_same_heap(&second);
    let mut report = Report::default();
    for (name, values) in [
        ("objects", [first.len() as u64, second.len() as u64]),
        ("references", [&first, &second].map(|dump| dump.edges.targets.len() as u64)),
    ] {
        report.fact(name, Cell::Compared(values));
    }
    let heaps = [Heap::new(&first, context.progress), Heap::new(&second, context.progress)];
    let totals = [heaps[0].total(), heaps[1].total()];
    report.fact("bytes", Cell::ComparedBytes(totals));
    if same_heap {
        let passed = second.preamble.monotonic_ns.saturating_sub(first.preamble.monotonic_ns);
        report.fact("time_between", Cell::Nanoseconds(passed));
    } else {
        report.sentence("the dumps are of different heaps: objects are compared by type only");
    }
    let sums = compare([&heaps[0], &heaps[1]], same_heap);
    report.tables.push(types(sums, arguments, same_heap));
    if let Some(places) = compare_places([&first, &second]) {
        report.tables.push(sites(places, arguments));
    }
    if let Some(path) = &arguments.third {
        let third = context.open_for_verdict(path)?;
        if !same_heap || !second.is_same_heap(&third) {
            return Err(Failure::Usage("three dumps must be of one heap in one process".to_owned()));
        }
        let table = still_there(&first, &second, &Heap::new(&third, context.progress));
        report.has_findings = !table.rows.is_empty() || third.cut.is_some();
        report.tables.push(table);
    }
    for dump in [&first, &second].into_iter().filter(|dump| dump.cut.is_some()) {
        report.has_findings = true;
        report.sentence(format!(
            "{} is not whole: its numbers are those of what lies before the cut",
            dump.path
        ));
    }
    Ok(report)
}

fn sites(places: BTreeMap<Place, OfPlace>, arguments: &Arguments) -> Table {
    let columns = ["site", "type", "objects_before", "objects_after", "objects", "bytes"];
    let mut table = Table::new("sites", "Changes by the place that made the objects", &columns);
    let mut sorted: Vec<_> = places.into_iter().filter(|(_, of)| of.is_changed()).collect();
    // Equal ones stay in the order of their places.
    sorted.sort_by_key(|(_, of)| {
        let by = match arguments.sort {
            Order::Bytes | Order::Retained => change(of.bytes),
            Order::Objects => change(of.objects),
            Order::Name => 0,
        };
        Reverse(by.unsigned_abs())
    });
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    table.left_out = sorted.len().saturating_sub(limit) as u64;
    for (place, of) in sorted.into_iter().take(limit) {
        table.row(vec![
            wording::diff::place(&place).into(),
            wording::diff::kind(&place).into(),
            Cell::Count(of.objects[0]),
            Cell::Count(of.objects[1]),
            Cell::Change(change(of.objects)),
            Cell::ByteChange(change(of.bytes)),
        ]);
    }
    table
}

fn types(sums: HashMap<String, Sums>, arguments: &Arguments, same_heap: bool) -> Table {
    let mut columns = vec!["type", "objects_before", "objects_after", "objects", "bytes", "retained", "held"];
    if same_heap {
        columns.extend(["new", "gone", "kept"]);
    }
    let mut table = Table::new("types", "Changes by type", &columns);
    let mut sorted: Vec<(String, Sums)> = sums.into_iter().filter(|(_, of)| of.is_changed()).collect();
    sorted.sort_by_cached_key(|(name, of)| {
        let by = match arguments.sort {
            Order::Bytes => change(of.bytes),
            Order::Objects => change(of.objects),
            Order::Retained => change(of.retained),
            Order::Name => 0,
        };
        (Reverse(by.unsigned_abs()), name.clone())
    });
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    table.left_out = sorted.len().saturating_sub(limit) as u64;
    for (name, of) in sorted.into_iter().take(limit) {
        let mut row = vec![
            names::line(&name).into(),
            Cell::Count(of.objects[0]),
            Cell::Count(of.objects[1]),
            Cell::Change(change(of.objects)),
            Cell::ByteChange(change(of.bytes)),
            Cell::ByteChange(change(of.retained)),
            Cell::Change(change(of.held)),
        ];
        if same_heap {
            row.extend([of.new, of.gone, of.kept].map(Cell::Count));
        }
        table.row(row);
    }
    table
}

/// What came between the first and the second dump, and is in the third, with what keeps it.
fn still_there(first: &Dump, second: &Dump, third: &Heap) -> Table {
    let mut shapes = Shapes::new(third);
    let mut table = Table::new(
        "still_there",
        "New in the second dump and still in the third",
        &["type", "objects", "bytes", "kept_by", "path"],
    );
    for of in diff::still_there(first, second, third, &mut shapes) {
        let way = shortest(third, of.example);
        let root = way.as_ref().map(|way| way.first().map_or(of.example, |step| step.from));
        let kept_by = match root {
            None => "nothing: garbage".to_owned(),
            Some(root) if root == of.example => ways::held_by(third, root),
            Some(root) => names::kind(third.dump, root),
        };
        table.row(vec![
            names::line(&third.dump.type_name(of.kind)).into(),
            Cell::Count(of.objects),
            Cell::Bytes(of.bytes),
            kept_by.into(),
            ways::shape(third, &shapes, of.shape).into(),
        ]);
    }
    table
}
