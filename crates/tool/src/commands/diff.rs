//! `rcgc diff`: what grew between dumps.

use crate::cli::{Context, Failure};
use crate::dump::{Dump, Object};
use crate::heap::Heap;
use crate::output::text::{bytes, count};
use crate::output::{names, Cell, Report, Table};
use crate::ways::{self, Shapes};
use clap::ValueEnum;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Compare two dumps, or three of one heap.
///
/// Types are compared by name. In dumps of one heap objects are compared by address and type: new ones,
/// gone ones, and those in both. With a third dump: what was not in the first, is in the second and still in
/// the third, by type, with what keeps it. Exit status 1: there is such a thing. Of a profiled heap also the
/// places are compared that made what lives.
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

/// What a type had in the first dump and in the second.
#[derive(Clone, Copy, Default)]
pub struct Sums {
    pub objects: [u64; 2],
    pub bytes: [u64; 2],
    pub retained: [u64; 2],
    /// Of objects, in dumps of one process.
    pub new: u64,
    pub gone: u64,
    pub kept: u64,
}

impl Sums {
    pub fn change(values: [u64; 2]) -> i64 {
        i64::try_from(i128::from(values[1]) - i128::from(values[0])).unwrap_or(i64::MAX)
    }
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let (first, second) = (context.open(&arguments.first)?, context.open(&arguments.second)?);
    let same_heap = first.is_same_heap(&second);
    let mut report = Report::default();
    for (name, values) in [
        ("objects", [first.len() as u64, second.len() as u64]),
        ("references", [&first, &second].map(|dump| dump.edges.targets.len() as u64)),
    ] {
        report.fact(name, change_text(count(values[0]), count(values[1]), Sums::change(values), count));
    }
    let heaps = [Heap::new(&first, context.progress), Heap::new(&second, context.progress)];
    let totals = [heaps[0].total(), heaps[1].total()];
    let change = Sums::change(totals);
    report.fact("bytes", change_text(bytes(totals[0]), bytes(totals[1]), change, bytes));
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
        let third = context.open(path)?;
        if !same_heap || !second.is_same_heap(&third) {
            return Err(Failure::Usage("three dumps must be of one heap in one process".to_owned()));
        }
        let table = still_there(&first, &second, &Heap::new(&third, context.progress));
        report.has_findings = !table.rows.is_empty();
        report.tables.push(table);
    }
    Ok(report)
}

fn change_text(before: String, after: String, change: i64, shown: fn(u64) -> String) -> Cell {
    let sign = if change < 0 { "-" } else { "+" };
    Cell::Text(format!("{before} → {after} ({sign}{})", shown(change.unsigned_abs())))
}

/// What types have, by name.
pub fn compare(heaps: [&Heap; 2], same_heap: bool) -> HashMap<String, Sums> {
    let mut all: HashMap<String, Sums> = HashMap::new();
    for (side, heap) in heaps.iter().enumerate() {
        let retained = heap.retained_by_type();
        let mut objects = vec![(0u64, 0u64); heap.dump.types.len()];
        for object in heap.dump.all() {
            let of = &mut objects[heap.dump.objects.kind[object as usize] as usize];
            *of = (of.0 + 1, of.1.saturating_add(heap.size(object)));
        }
        for (kind, (number, bytes)) in (0..).zip(objects) {
            let of = all.entry(heap.dump.type_name(kind).into_owned()).or_default();
            of.objects[side] += number;
            of.bytes[side] = of.bytes[side].saturating_add(bytes);
            of.retained[side] = of.retained[side].saturating_add(retained[kind as usize]);
        }
    }
    if same_heap {
        let [first, second] = [heaps[0].dump, heaps[1].dump];
        merge(first, second, |before, after| {
            let (dump, object) = match (before, after) {
                (Some(object), _) => (first, object),
                (None, Some(object)) => (second, object),
                (None, None) => return,
            };
            if let Some(of) = all.get_mut(&*dump.name_of_type_of(object)) {
                match (before, after) {
                    (Some(_), Some(_)) => of.kept += 1,
                    (Some(_), None) => of.gone += 1,
                    _ => of.new += 1,
                }
            }
        });
    }
    all
}

/// Calls `each` with the objects that are in both dumps, then with those in one: the same address and type.
fn merge(first: &Dump, second: &Dump, mut each: impl FnMut(Option<Object>, Option<Object>)) {
    let (mut left, mut right) = (first.all().peekable(), second.all().peekable());
    loop {
        match (left.peek().copied(), right.peek().copied()) {
            (None, None) => return,
            (Some(object), None) => {
                each(Some(object), None);
                left.next();
            }
            (None, Some(object)) => {
                each(None, Some(object));
                right.next();
            }
            (Some(before), Some(after)) => match first.address_of(before).cmp(&second.address_of(after)) {
                std::cmp::Ordering::Less => {
                    each(Some(before), None);
                    left.next();
                }
                std::cmp::Ordering::Greater => {
                    each(None, Some(after));
                    right.next();
                }
                std::cmp::Ordering::Equal => {
                    if first.type_of(before).number == second.type_of(after).number {
                        each(Some(before), Some(after));
                    } else {
                        each(Some(before), None);
                        each(None, Some(after));
                    }
                    left.next();
                    right.next();
                }
            },
        }
    }
}

/// What lives in two dumps, of which site and type: bytes and objects.
pub type Places = BTreeMap<(String, String), ([u64; 2], [u64; 2])>;

/// What places made that lives; None of dumps that do not say it both, of one heap.
pub fn compare_places(dumps: [&Dump; 2]) -> Option<Places> {
    if !dumps[0].is_same_heap(dumps[1]) || dumps.iter().any(|dump| dump.accounts.sites.is_empty()) {
        return None;
    }
    let mut all = Places::new();
    for (side, dump) in dumps.into_iter().enumerate() {
        for site in &dump.accounts.sites {
            let kind = site.kind.map_or("several".to_owned(), |kind| names::line(&dump.type_name(kind)));
            let place = names::place(dump, site);
            let (bytes, objects) = all.entry((place, kind)).or_default();
            bytes[side] = bytes[side].saturating_add(site.live_bytes());
            objects[side] += site.live_objects();
        }
    }
    Some(all)
}

fn sites(places: Places, arguments: &Arguments) -> Table {
    let columns = ["site", "type", "objects_before", "objects_after", "objects", "bytes"];
    let mut table = Table::new("sites", "Changes by the place that made the objects", &columns);
    let mut sorted: Vec<_> = places
        .into_iter()
        .filter(|(_, (bytes, objects))| bytes[0] != bytes[1] || objects[0] != objects[1])
        .collect();
    sorted.sort_by_cached_key(|(place, (bytes, objects))| {
        let change = match arguments.sort {
            Order::Bytes | Order::Retained => Sums::change(*bytes),
            Order::Objects => Sums::change(*objects),
            Order::Name => 0,
        };
        (Reverse(change.unsigned_abs()), place.clone())
    });
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    table.left_out = sorted.len().saturating_sub(limit) as u64;
    for ((place, kind), (bytes, objects)) in sorted.into_iter().take(limit) {
        table.row(vec![
            place.into(),
            kind.into(),
            Cell::Count(objects[0]),
            Cell::Count(objects[1]),
            Cell::Change(Sums::change(objects)),
            Cell::ByteChange(Sums::change(bytes)),
        ]);
    }
    table
}

fn types(sums: HashMap<String, Sums>, arguments: &Arguments, same_heap: bool) -> Table {
    let mut columns = vec!["type", "objects_before", "objects_after", "objects", "bytes", "retained"];
    if same_heap {
        columns.extend(["new", "gone", "kept"]);
    }
    let mut table = Table::new("types", "Changes by type", &columns);
    let mut sorted: Vec<(String, Sums)> = sums
        .into_iter()
        .filter(|(_, of)| {
            of.new + of.gone != 0 || of.bytes[0] != of.bytes[1] || of.retained[0] != of.retained[1]
        })
        .collect();
    sorted.sort_by_cached_key(|(name, of)| {
        let change = match arguments.sort {
            Order::Bytes => Sums::change(of.bytes),
            Order::Objects => Sums::change(of.objects),
            Order::Retained => Sums::change(of.retained),
            Order::Name => 0,
        };
        (Reverse(change.unsigned_abs()), name.clone())
    });
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    table.left_out = sorted.len().saturating_sub(limit) as u64;
    for (name, of) in sorted.into_iter().take(limit) {
        let mut row = vec![
            names::line(&name).into(),
            Cell::Count(of.objects[0]),
            Cell::Count(of.objects[1]),
            Cell::Change(Sums::change(of.objects)),
            Cell::ByteChange(Sums::change(of.bytes)),
            Cell::ByteChange(Sums::change(of.retained)),
        ];
        if same_heap {
            row.extend([of.new, of.gone, of.kept].map(Cell::Count));
        }
        table.row(row);
    }
    table
}

/// What came between the first and the second dump, and is in the third.
fn still_there(first: &Dump, second: &Dump, third: &Heap) -> Table {
    let mut is_new = vec![false; second.len()];
    merge(first, second, |before, after| {
        if let (None, Some(object)) = (before, after) {
            is_new[object as usize] = true;
        }
    });
    let mut shapes = Shapes::new(third);
    let mut groups: HashMap<(u32, u32), (u64, u64, Object)> = HashMap::new();
    merge(second, third.dump, |before, after| {
        if let (Some(before), Some(after)) = (before, after) {
            if is_new[before as usize] {
                let key = (third.dump.objects.kind[after as usize], shapes.of(after));
                let of = groups.entry(key).or_insert((0, 0, after));
                *of = (of.0 + 1, of.1.saturating_add(third.size(after)), of.2);
            }
        }
    });
    let mut table = Table::new(
        "still_there",
        "New in the second dump and still in the third",
        &["type", "objects", "bytes", "kept_by", "path"],
    );
    let mut sorted: Vec<_> = groups.into_iter().collect();
    sorted.sort_by_key(|&(key, (_, bytes, _))| (Reverse(bytes), key));
    for ((kind, shape), (objects, bytes, example)) in sorted {
        let way = ways::shortest(third, example);
        let root = way.as_ref().map(|way| way.first().map_or(example, |step| step.from));
        let kept_by = root.map_or("nothing: garbage".to_owned(), |root| match root == example {
            true => ways::held_by(third, root),
            false => names::kind(third.dump, root),
        });
        table.row(vec![
            names::line(&third.dump.type_name(kind)).into(),
            Cell::Count(objects),
            Cell::Bytes(bytes),
            kept_by.into(),
            shapes.shown(shape).into(),
        ]);
    }
    table
}
