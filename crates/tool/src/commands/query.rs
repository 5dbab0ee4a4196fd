//! `rcgc query`: the objects that an expression chooses.

use crate::context::{Context, Failure};
use crate::dump::Object;
use crate::heap::Heap;
use crate::output::{names, Cell, Report, Rows, Table};
use crate::query;
use std::cmp::Reverse;
use std::collections::HashMap;

/// List the objects that fit an expression.
///
/// Examples: rcgc query app.dump 'type=Session and outside>0'; rcgc query app.dump 'retained>1M and not
/// held'; rcgc query app.dump 'site~*server.c:* and age>10s' --types; rcgc query app.dump 'type=Text and held'
/// --sites
#[derive(clap::Args)]
#[command(after_help = query::HELP)]
pub struct Arguments {
    dump: String,
    /// For example: type~Node* and (refs=0 or garbage)
    expression: String,
    /// Sum up by type.
    #[arg(long)]
    types: bool,
    /// Sum up by the place that made them, of a profiled heap.
    #[arg(long, conflicts_with = "types")]
    sites: bool,
    /// Objects that are listed, those that retain most first; 0: all.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let expression = query::parse(&arguments.expression)
        .map_err(|wrong| Failure::Usage(format!("expression: {wrong}")))?;
    let dump = context.open(&arguments.dump)?;
    if (expression.needs_profile() || arguments.sites) && !dump.accounts.counts_sites() {
        let what = match dump.accounts.totals {
            None => "the heap was not profiled",
            Some(_) => "the profile samples stacks alone",
        };
        context.warn(&format!("{}: {what}: no object has a site or an age", dump.path));
    }
    let heap = Heap::new(&dump, context.progress);
    let mut found: Vec<Object> = dump.all().filter(|&object| expression.holds(&heap, object)).collect();
    let bytes = found.iter().fold(0u64, |sum, &object| sum.saturating_add(heap.size(object)));
    let mut report = Report::default();
    report.fact("objects", Cell::Count(found.len() as u64));
    report.fact("bytes", Cell::Bytes(bytes));
    if arguments.types {
        report.tables.push(types(&heap, &found));
        return Ok(report);
    }
    if arguments.sites {
        report.tables.push(sites(&heap, found, ""));
        return Ok(report);
    }
    let retained = &heap.owners().retained;
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    let order = |&object: &Object| (Reverse(retained[object as usize]), object);
    let left_out = found.len().saturating_sub(limit) as u64;
    if left_out != 0 {
        found.select_nth_unstable_by_key(limit, order);
        found.truncate(limit);
    }
    found.sort_unstable_by_key(order);
    let columns = columns(&heap);
    let row = |at: usize| row(&heap, found[at]);
    let rows = Rows { left_out, ..Rows::new("objects", &columns, found.len(), &row) };
    context.print_rows(report, rows)
}

fn types(heap: &Heap, found: &[Object]) -> Table {
    let mut sums = vec![(0u64, 0u64); heap.dump.types.len()];
    for &object in found {
        let of = &mut sums[heap.dump.objects.kind[object as usize] as usize];
        *of = (of.0 + 1, of.1.saturating_add(heap.size(object)));
    }
    let mut order: Vec<usize> = (0..sums.len()).filter(|&kind| sums[kind].0 != 0).collect();
    order.sort_by_key(|&kind| (Reverse(sums[kind].1), kind));
    let mut table = Table::new("types", "", &["type", "objects", "bytes"]);
    for kind in order {
        let (objects, bytes) = sums[kind];
        let name = names::line(&heap.dump.type_name(kind as u32));
        table.row(vec![name.into(), Cell::Count(objects), Cell::Bytes(bytes)]);
    }
    table
}

/// Objects summed up by the place that made them.
pub fn sites(heap: &Heap, found: impl IntoIterator<Item = Object>, title: &'static str) -> Table {
    let mut sums: HashMap<Option<usize>, (u64, u64)> = HashMap::new();
    for object in found {
        let of = sums.entry(heap.dump.site_of(object)).or_default();
        *of = (of.0 + 1, of.1.saturating_add(heap.size(object)));
    }
    let mut sorted: Vec<_> = sums.into_iter().collect();
    sorted.sort_by_key(|&(site, (_, bytes))| (Reverse(bytes), site));
    let mut table = Table::new("sites", title, &["site", "function", "objects", "bytes"]);
    for (site, (objects, bytes)) in sorted {
        let place = site.map(|site| heap.dump.accounts.sites[site].place);
        let text = |shown: Option<String>| shown.map_or(Cell::None, |text| names::line(&text).into());
        table.row(vec![
            text(place.map(|place| heap.dump.place_text(place))),
            text(place.map(|place| heap.dump.function_text(place))),
            Cell::Count(objects),
            Cell::Bytes(bytes),
        ]);
    }
    table
}

/// The facts of an object that have columns.
fn columns(heap: &Heap) -> Vec<&'static str> {
    let mut columns = vec!["object", "number", "bytes", "retained", "count", "outside"];
    if heap.dump.accounts.counts_sites() {
        columns.extend(["age", "site"]);
    }
    columns
}

fn row(heap: &Heap, object: Object) -> Vec<Cell> {
    let dump = heap.dump;
    let mut row = vec![
        names::object(dump, object).into(),
        Cell::Count(u64::from(object)),
        Cell::Bytes(heap.size(object)),
        Cell::Bytes(heap.owners().retained[object as usize]),
        Cell::Count(u64::from(dump.objects.count[object as usize])),
        Cell::Change(i64::from(heap.outside(object))),
    ];
    if dump.accounts.counts_sites() {
        let site = dump.site_of(object).map(|site| dump.accounts.sites[site].place);
        row.push(dump.age_ns_of(object).map_or(Cell::None, Cell::Nanoseconds));
        row.push(site.map_or(Cell::None, |place| names::line(&dump.place_text(place)).into()));
    }
    row
}
