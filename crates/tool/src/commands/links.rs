//! `rcgc referrers` and `rcgc referents`: the references to objects, and from them.

use crate::context::{Context, Failure};
use crate::findings::links::{self, Link, Way};
use crate::heap::Heap;
use crate::output::{names, Cell, Report, Rows, Table};
use crate::selection;

/// Show who refers to objects.
///
/// Of one object each reference, with its field; of all objects of a type the references by field. With --depth also who
/// refers to those, and so on, each object once. References from outside the heap are counted, and `rcgc why` says over
/// which of the ways the object is kept. Exit status 1: nobody refers to them.
///
/// Examples: rcgc referrers app.dump Session; rcgc referrers app.dump 0x7f3c10a0 --depth 3; rcgc referrers app.dump
/// Session --each --limit 0
#[derive(clap::Args)]
pub struct Referrers {
    #[command(flatten)]
    arguments: Arguments,
}

/// Show what objects refer to.
///
/// As `rcgc referrers`, the other way: of one object each of its references, of a type its references by field.
///
/// Examples: rcgc referents app.dump Cache; rcgc referents app.dump '#12' --depth 2
#[derive(clap::Args)]
pub struct Referents {
    #[command(flatten)]
    arguments: Arguments,
}

#[derive(clap::Args)]
struct Arguments {
    dump: String,
    #[arg(help = selection::HELP)]
    what: String,
    /// Steps that are gone.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    depth: u32,
    /// Sum up by field, of one object, too.
    #[arg(long)]
    fields: bool,
    /// Each reference, of all objects of a type, too.
    #[arg(long, conflicts_with = "fields")]
    each: bool,
    /// Rows that are listed; 0: all.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub fn referrers(of: &Referrers, context: &Context) -> Result<Report, Failure> {
    run(&of.arguments, Way::Back, context)
}

pub fn referents(of: &Referents, context: &Context) -> Result<Report, Failure> {
    run(&of.arguments, Way::On, context)
}

fn run(arguments: &Arguments, way: Way, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let objects = selection::objects(&dump, &arguments.what)?;
    let mut report = Report::default();
    report.fact("objects", Cell::Count(objects.len() as u64));
    if way == Way::Back {
        let outside = objects.iter().map(|&object| i64::from(heap.outside(object).max(0))).sum();
        report.fact("references_from_outside", Cell::Count(i64::unsigned_abs(outside)));
    }
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    if arguments.fields || (objects.len() > 1 && !arguments.each) {
        let fields = links::by_field(&heap, &objects, way, arguments.depth);
        report.fact("references", Cell::Count(fields.iter().map(|of| of.references).sum()));
        report.has_findings = fields.is_empty();
        report.tables.push(by_field(&heap, &fields, limit));
        return Ok(report);
    }
    let (mut found, mut all) = (Vec::new(), 0u64);
    links::each(&heap, &objects, way, arguments.depth, |link| {
        all += 1;
        if found.len() < limit {
            found.push(link);
        }
    });
    report.fact("references", Cell::Count(all));
    report.has_findings = found.is_empty();
    let row = |at: usize| row(&heap, &found[at], way);
    let rows = Rows::new("references", &COLUMNS, found.len(), &row);
    context.print_rows(report, Rows { left_out: all - found.len() as u64, ..rows })
}

const COLUMNS: [&str; 6] = ["depth", "from", "edge", "to", "bytes", "outside"];

fn row(heap: &Heap, link: &Link, way: Way) -> Vec<Cell> {
    let dump = heap.dump;
    // Numbers are of the one that was asked for.
    let found = if way == Way::Back { link.from } else { link.to };
    vec![
        Cell::Count(u64::from(link.depth)),
        names::object(dump, link.from).into(),
        names::edge(dump, link.label).into(),
        names::object(dump, link.to).into(),
        Cell::Bytes(heap.size(found)),
        Cell::Change(i64::from(heap.outside(found))),
    ]
}

fn by_field(heap: &Heap, fields: &[links::Field], limit: usize) -> Table {
    let dump = heap.dump;
    let columns = ["depth", "field", "to", "references", "objects", "example"];
    let mut table = Table::new("fields", "", &columns);
    table.left_out = fields.len().saturating_sub(limit) as u64;
    for of in fields.iter().take(limit) {
        let kind = |kind: u32| names::line(&dump.type_name(kind));
        table.row(vec![
            Cell::Count(u64::from(of.depth)),
            format!("{}.{}", kind(of.from), names::edge_shape(dump, of.label)).into(),
            kind(of.to).into(),
            Cell::Count(of.references),
            Cell::Count(of.objects),
            names::object(dump, of.example).into(),
        ]);
    }
    table
}
