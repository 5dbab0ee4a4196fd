//! `rcgc sites`: what the profile counted, by place.

use crate::cli::{Context, Failure};
use crate::dump::{Dump, Site};
use crate::glob::fits;
use crate::output::text::count;
use crate::output::{names, Cell, Report, Table};
use clap::ValueEnum;
use std::cmp::Reverse;
use std::collections::HashMap;

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
enum By {
    /// File and line.
    Site,
    Function,
    File,
    Type,
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

/// The sum of some sites.
struct Sum {
    place: String,
    function: String,
    kind: Option<String>,
    of: Site,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let Some(totals) = dump.accounts.totals else {
        return Err(Failure::Usage(format!("{}: the heap was not profiled: no sites", dump.path)));
    };
    let sites: Vec<&Site> =
        dump.accounts.sites.iter().filter(|site| is_wanted(&dump, site, arguments)).collect();
    let mut report = Report::default();
    let since = dump.preamble.monotonic_ns.saturating_sub(totals.started_ns);
    report.fact("profiled_for", Cell::Nanoseconds(since));
    report.fact("live_objects", Cell::Count(totals.live_objects));
    report.fact("live_bytes", Cell::Bytes(totals.live_bytes));
    report.fact("peak_bytes", Cell::Bytes(totals.peak_bytes));
    report.fact("made_objects", Cell::Count(totals.allocated_objects));
    report.fact("made_bytes", Cell::Bytes(totals.allocated_bytes));
    report.fact("ended_objects", Cell::Count(totals.freed_objects));
    report.fact("ended_bytes", Cell::Bytes(totals.freed_bytes));
    if totals.lost_objects != 0 {
        let lost = count(totals.lost_objects);
        report.sentence(format!("{lost} objects have no site: there was no address space for the table"));
    }
    let mut rows = summed(&dump, &sites, arguments.by);
    sort(&mut rows, arguments.sort);
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    report.tables.push(table(&rows, arguments.by, limit));
    if arguments.ages {
        report.tables.push(ages(&rows, limit));
    }
    Ok(report)
}

/// The sites of a dump, those first with most live bytes, and at which ages their objects ended.
pub fn of(dump: &Dump, limit: usize) -> [Table; 2] {
    let sites: Vec<&Site> = dump.accounts.sites.iter().collect();
    let mut rows = summed(dump, &sites, By::Site);
    sort(&mut rows, Order::LiveBytes);
    [table(&rows, By::Site, limit), ages(&rows, usize::MAX)]
}

fn sort(rows: &mut [Sum], order: Order) {
    rows.sort_by_key(|row| (Reverse(key(&row.of, order)), row.place.clone(), row.function.clone()));
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

fn summed(dump: &Dump, sites: &[&Site], by: By) -> Vec<Sum> {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut rows: Vec<Sum> = Vec::new();
    for &site in sites {
        let place = dump.place_text(site.place);
        let function = dump.function_text(site.place);
        let kind = site.kind.map(|kind| dump.type_name(kind).into_owned());
        let file = dump.text(site.place.file).map_or_else(|| place.clone(), |file| file.into_owned());
        let name = match by {
            By::Site => format!("{}", site.number),
            By::Function => function.clone(),
            By::File => file.clone(),
            By::Type => kind.clone().unwrap_or_else(|| "(several)".to_owned()),
        };
        let next = rows.len();
        let at = *numbers.entry(name.clone()).or_insert(next);
        if at == next {
            let place = if by == By::File { file } else { place };
            let of = Site { place: site.place, ..Site::default() };
            rows.push(Sum { place, function, kind: kind.clone(), of });
        }
        let row = &mut rows[at];
        if row.kind != kind {
            row.kind = None;
        }
        add(&mut row.of, site);
    }
    rows
}

fn add(sum: &mut Site, site: &Site) {
    for (sum, value) in [
        (&mut sum.allocated_objects, site.allocated_objects),
        (&mut sum.allocated_bytes, site.allocated_bytes),
        (&mut sum.freed_objects, site.freed_objects),
        (&mut sum.freed_bytes, site.freed_bytes),
        (&mut sum.reclaimed_objects, site.reclaimed_objects),
        (&mut sum.peak_objects, site.peak_objects),
        (&mut sum.peak_bytes, site.peak_bytes),
    ] {
        *sum = sum.saturating_add(value);
    }
    sum.external_bytes = sum.external_bytes.saturating_add(site.external_bytes);
    sum.ages.resize(sum.ages.len().max(site.ages.len()), 0);
    for (sum, count) in sum.ages.iter_mut().zip(&site.ages) {
        *sum = sum.saturating_add(*count);
    }
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

/// The greatest age of the half that ended first; none: nothing ended.
fn median_age(ages: &[u64]) -> Option<u64> {
    let all: u128 = ages.iter().map(|&count| u128::from(count)).sum();
    let mut passed = 0u128;
    for (bucket, &count) in ages.iter().enumerate() {
        passed += u128::from(count);
        if all != 0 && passed * 2 >= all {
            return Some(bounds(bucket).1);
        }
    }
    None
}

/// The least and the greatest age of a bucket.
fn bounds(bucket: usize) -> (u64, u64) {
    match bucket {
        0 => (0, 0),
        _ => (1u64.checked_shl(bucket as u32 - 1).unwrap_or(u64::MAX), u64::MAX >> (64 - bucket.min(64))),
    }
}

fn table(rows: &[Sum], by: By, limit: usize) -> Table {
    let names: &[&'static str] = match by {
        By::Site => &["site", "function", "type"],
        By::Function => &["function", "type"],
        By::File => &["file", "type"],
        By::Type => &["type"],
    };
    let numbers = [
        "live_objects",
        "live_bytes",
        "external",
        "peak_bytes",
        "allocated_objects",
        "allocated_bytes",
        "freed_objects",
        "reclaimed",
        "age",
    ];
    let columns: Vec<&'static str> = names.iter().copied().chain(numbers).collect();
    let mut table = Table::new("sites", "", &columns);
    table.left_out = rows.len().saturating_sub(limit) as u64;
    for row in rows.iter().take(limit) {
        let mut cells: Vec<Cell> = Vec::new();
        for &name in names {
            cells.push(match name {
                "site" | "file" => names::line(&row.place).into(),
                "function" => names::line(&row.function).into(),
                _ => row.kind.as_deref().map_or("(several)".into(), |kind| names::line(kind).into()),
            });
        }
        let of = &row.of;
        cells.extend([
            Cell::Count(of.live_objects()),
            Cell::Bytes(of.live_bytes()),
            u64::try_from(of.external_bytes).map_or(Cell::ByteChange(of.external_bytes), Cell::Bytes),
            Cell::Bytes(of.peak_bytes),
            Cell::Count(of.allocated_objects),
            Cell::Bytes(of.allocated_bytes),
            Cell::Count(of.freed_objects),
            Cell::Count(of.reclaimed_objects),
            median_age(&of.ages).map_or(Cell::None, Cell::Count),
        ]);
        table.row(cells);
    }
    table
}

/// How many ended at which age, of the rows that are shown.
fn ages(rows: &[Sum], limit: usize) -> Table {
    let mut sum = Site::default();
    rows.iter().take(limit).for_each(|row| add(&mut sum, &row.of));
    let mut table =
        Table::new("ages", "How many objects were made while one lived", &["from", "to", "ended", "share"]);
    let all = sum.freed_objects.max(1) as f64;
    for (bucket, &ended) in sum.ages.iter().enumerate().filter(|(_, &ended)| ended != 0) {
        let (from, to) = bounds(bucket);
        let share = Cell::Share(ended as f64 / all);
        table.row(vec![Cell::Count(from), Cell::Count(to), Cell::Count(ended), share]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{bounds, median_age};

    #[test]
    fn ages_have_the_bounds_of_their_buckets() {
        assert_eq!([0, 1, 2, 3, 64].map(bounds), [(0, 0), (1, 1), (2, 3), (4, 7), (1 << 63, u64::MAX)]);
        assert_eq!(median_age(&[]), None);
        assert_eq!(median_age(&[0, 0]), None);
        assert_eq!(median_age(&[1, 1]), Some(0));
        assert_eq!(median_age(&[1, 0, 0, 3]), Some(7));
    }
}
