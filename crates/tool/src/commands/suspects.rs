//! `rcgc suspects`: what probably should not be there.

use crate::context::{Context, Failure};
use crate::heap::Heap;
use crate::output::{Cell, Format, Report, Table};
use crate::wording::suspects::told;

/// Name what keeps a large share of the heap.
///
/// A suspect is an object, or a type, without which a tenth of the heap (see --share) would go; garbage of
/// that size is one, too. Exit status 1: there are suspects, or the dump is not whole.
///
/// Example: rcgc suspects app.dump --share 25
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// Percent of the heap's bytes, external ones too.
    #[arg(long, default_value_t = 10.0, value_parser = percent)]
    share: f64,
}

/// For the command line.
pub fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 100.0 => Ok(share),
        _ => Err("a number above 0, at most 100".to_owned()),
    }
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let total = heap.total();
    let suspects = told(&heap, arguments.share);
    let mut report = Report { has_findings: !suspects.is_empty() || dump.cut.is_some(), ..Report::default() };
    report.fact("bytes", Cell::Bytes(total));
    report.fact("suspects", Cell::Count(suspects.len() as u64));
    let mut table =
        Table::new("suspects", "", &["suspect", "kind", "objects", "retained", "share", "reason"]);
    for told in suspects {
        let share = told.of.retained as f64 / total.max(1) as f64;
        report.sentence(format!("{}: {}", told.name, told.reason));
        table.row(vec![
            told.name.into(),
            told.kind.into(),
            Cell::Count(told.of.objects),
            Cell::Bytes(told.of.retained),
            Cell::Share(share),
            told.reason.into(),
        ]);
    }
    // For people the sentences say it all.
    if context.format != Format::Text {
        report.tables.push(table);
    }
    Ok(report)
}
