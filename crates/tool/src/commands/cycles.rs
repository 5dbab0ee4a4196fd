//! `rcgc cycles`: rings of objects, by their shape.

use crate::context::{Context, Failure};
use crate::findings::cycles::find;
use crate::heap::Heap;
use crate::output::{names, Cell, Report, Table};
use crate::wording::cycles::{relation, shape};

/// List rings of objects by their shape, and the reference whose weakening would break most of them.
///
/// A ring is a largest set of objects that all reach each other. Rings that something keeps are listed, too:
/// they are what the collector has to end once they are let go. Exit status 1 with --garbage: there are some, or the dump
/// is not whole.
///
/// Example: rcgc cycles app.dump
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// Only rings that nothing keeps.
    #[arg(long)]
    garbage: bool,
    /// Shapes that are listed.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let found = find(&heap, arguments.garbage, arguments.limit);
    let has_findings = arguments.garbage && (found.rings != 0 || dump.cut.is_some());
    let mut report = Report { has_findings, ..Report::default() };
    report.fact("rings", Cell::Count(found.rings));
    report.fact("objects", Cell::Count(found.objects));
    report.fact("garbage_rings", Cell::Count(found.garbage));
    let mut table = Table::new(
        "cycles",
        "",
        &[
            "shape",
            "rings",
            "objects",
            "bytes",
            "garbage",
            "weaken",
            "leaves_in_rings",
            "example",
            "uncollectable",
        ],
    );
    table.left_out = found.left_out;
    for of in found.shapes {
        let (weaken, left) = match of.weakest {
            Some((weakest, left)) => (relation(&dump, weakest).into(), Cell::Count(left)),
            None => (Cell::None, Cell::None),
        };
        table.row(vec![
            shape(&dump, &of).into(),
            Cell::Count(of.rings),
            Cell::Count(of.objects),
            Cell::Bytes(of.bytes),
            Cell::Count(of.garbage),
            weaken,
            left,
            of.example.map_or(Cell::None, |object| names::object(&dump, object).into()),
            Cell::Count(of.uncollectable),
        ]);
    }
    report.tables.push(table);
    Ok(report)
}
