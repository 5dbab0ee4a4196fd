//! `rcgc sites`: what the profile counted, by place.

use crate::context::{Context, Failure};
use crate::dump::{Dump, Site};
use crate::findings::sites::{self, By};
use crate::glob::fits;
use crate::output::text::count;
use crate::output::{Cell, Report};
use crate::wording;
use clap::ValueEnum;
use std::cmp::Reverse;

/// List the places that make objects: what they made, what lives, how long it lived.
///
/// All numbers are exact, since the profile began; bytes are with headers and rounding. `reclaimed` are those
/// that a collection found dead. `age` is about the median of how many objects were made while one lived, of
/// those that ended.
///
/// Examples: rcgc sites app.dump; rcgc sites app.dump --by function --sort made-bytes; rcgc sites app.dump
/// --file '*/server.c' --ages
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// What makes a row.
    #[arg(long, value_enum, default_value_t = By::Site)]
    by: By,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Order::LiveBytes)]
    sort: Order,
    /// Only files of this pattern; * is any text, ? any character.
    #[arg(long, value_name = "PATTERN")]
    file: Option<String>,
    /// Only functions of this pattern.
    #[arg(long, value_name = "PATTERN")]
    function: Option<String>,
    /// Only sites whose objects are of a type of this pattern.
    #[arg(long = "type", value_name = "PATTERN")]
    kind: Option<String>,
    /// Show how old objects were when they ended.
    #[arg(long)]
    ages: bool,
    /// Rows that are listed; 0: all.
    #[arg(long, default_value_t = 30)]
    limit: usize,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Order {
    LiveBytes,
    LiveObjects,
    MadeBytes,
    MadeObjects,
    PeakBytes,
    Reclaimed,
    External,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let Some(totals) = dump.accounts.totals else {
        return Err(Failure::Usage(format!("{}: the heap was not profiled: no sites", dump.path)));
    };
    let wanted: Vec<&Site> =
        dump.accounts.sites.iter().filter(|site| is_wanted(&dump, site, arguments)).collect();
    let mut report = Report::default();
    let since = dump.preamble.monotonic_ns.saturating_sub(totals.started_ns);
    report.fact("profiled_for", Cell::Nanoseconds(since));
    if dump.accounts.counts_sites() {
        report.fact("live_objects", Cell::Count(totals.live_objects));
        report.fact("live_bytes", Cell::Bytes(totals.live_bytes));
        report.fact("peak_bytes", Cell::Bytes(totals.peak_bytes));
        report.fact("made_objects", Cell::Count(totals.allocated_objects));
        report.fact("made_bytes", Cell::Bytes(totals.allocated_bytes));
        report.fact("ended_objects", Cell::Count(totals.freed_objects));
        report.fact("ended_bytes", Cell::Bytes(totals.freed_bytes));
    } else {
        report.sentence(
            "the profile samples stacks alone and counted no sites: `rcgc export --of stacks` has what it sampled",
        );
    }
    if totals.lost_objects != 0 {
        let lost = count(totals.lost_objects);
        report.sentence(format!("{lost} objects have no site: there was no address space for the table"));
    }
    let by = arguments.by;
    let mut rows = sites::summed(&dump, &wanted, by);
    rows.sort_by_key(|row| (Reverse(key(&row.of, arguments.sort)), row.place.clone(), row.function.clone()));
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    report.tables.push(wording::sites::table(&rows, by, limit));
    if arguments.ages {
        rows.truncate(limit);
        report.tables.push(wording::sites::ages(&rows));
    }
    Ok(report)
}

fn is_wanted(dump: &Dump, site: &Site, arguments: &Arguments) -> bool {
    let fits_all = |pattern: &Option<String>, text: Option<&str>| match pattern {
        None => true,
        Some(pattern) => text.is_some_and(|text| fits(pattern, text)),
    };
    let kind = site.kind.map(|kind| dump.type_name(kind));
    fits_all(&arguments.file, dump.text(site.place.file).as_deref())
        && fits_all(&arguments.function, Some(&dump.function_text(site.place)))
        && fits_all(&arguments.kind, kind.as_deref())
}

fn key(of: &Site, order: Order) -> i128 {
    let value = match order {
        Order::LiveBytes => of.live_bytes(),
        Order::LiveObjects => of.live_objects(),
        Order::MadeBytes => of.allocated_bytes,
        Order::MadeObjects => of.allocated_objects,
        Order::PeakBytes => of.peak_bytes,
        Order::Reclaimed => of.reclaimed_objects,
        Order::External => return i128::from(of.external_bytes),
    };
    i128::from(value)
}
