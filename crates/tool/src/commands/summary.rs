//! `rcgc summary`: one page about a heap.

use crate::cli::{Context, Failure};
use crate::heap::Heap;
use crate::output::{names, Cell, Report, Table};
use rcgc_format::{holder, object_flag};

/// Show what a heap has, on one page.
///
/// Example: rcgc summary app.dump
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// Types that are listed.
    #[arg(long, default_value_t = 10)]
    limit: usize,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    Ok(of(&Heap::new(&dump, context.progress), arguments.limit))
}

/// The page about a heap.
pub fn of(heap: &Heap, limit: usize) -> Report {
    let dump = heap.dump;
    let books = &dump.books;
    let mut report = Report::default();
    report.fact("heap", dump.text(books.name).map_or(Cell::None, |name| names::line(&name).into()));
    if let Some(label) = dump.text(books.label) {
        report.fact("label", names::line(&label));
    }
    report.fact("process", Cell::Text(dump.preamble.process.to_string()));
    report.fact("written", time(dump.preamble.wall_clock_ns));
    let (major, minor, patch) = dump.preamble.engine;
    report.fact("engine", format!("rcgc {major}.{minor}.{patch}"));
    report.fact("names_are_hashed", Cell::Flag(dump.preamble.names_are_hashed));
    report.fact("written_by_a_child", Cell::Flag(dump.preamble.was_forked));
    report.fact("dump_bytes", Cell::Bytes(dump.file_bytes));
    report.fact("whole", Cell::Flag(dump.is_whole));
    report.fact("objects", Cell::Count(dump.len() as u64));
    report.fact("references", Cell::Count(dump.edges.targets.len() as u64));
    report.fact("bytes", Cell::Bytes(heap.total().saturating_sub(external(heap))));
    report.fact("external_bytes", Cell::Bytes(external(heap)));
    report.fact("pages", Cell::Bytes(books.heap_bytes));
    report.fact("pages_peak", Cell::Bytes(books.heap_bytes_peak));
    let held = dump.all().filter(|&object| heap.outside(object) > 0);
    let (objects, references) =
        held.fold((0, 0), |(objects, sum), object| (objects + 1, sum + heap.outside(object) as u64));
    report.fact("held_objects", Cell::Count(objects));
    report.fact("references_from_outside", Cell::Count(references));
    report.fact("immortal", Cell::Count(count(heap, object_flag::IMMORTAL)));
    report.fact("young", Cell::Count(count(heap, object_flag::YOUNG)));
    report.fact("frozen", Cell::Count(count(heap, object_flag::FROZEN)));
    report.fact("untracked", Cell::Count(dump.len() as u64 - count(heap, object_flag::TRACKED)));
    report.fact("weak_handles", Cell::Count(dump.objects.handles.iter().map(|&(_, handles)| handles).sum()));
    let garbage = dump.all().filter(|&object| !heap.is_alive(object));
    let (garbage, garbage_bytes) = garbage
        .fold((0, 0u64), |(objects, bytes), object| (objects + 1, bytes.saturating_add(heap.size(object))));
    report.fact("garbage", Cell::Count(garbage));
    report.fact("garbage_bytes", Cell::Bytes(garbage_bytes));
    for (name, of) in [("full_collections", books.full), ("young_collections", books.young)] {
        report.fact(name, Cell::Count(of.runs));
    }
    report.fact("longest_pause", Cell::Nanoseconds(books.full.pause_ns_max.max(books.young.pause_ns_max)));
    for (tag, chunks) in &dump.skipped {
        report.sentence(format!("{chunks} chunks {} are not known to this tool", tag.escape_ascii()));
    }
    report.tables.push(types(heap, limit));
    if !dump.holders.is_empty() {
        report.tables.push(holders(heap));
    }
    if !dump.accounts.followed.is_empty() {
        report.tables.push(followed(heap));
    }
    if !dump.accounts.scopes.is_empty() {
        report.tables.push(scopes(heap));
    }
    report
}

fn external(heap: &Heap) -> u64 {
    heap.dump.objects.external.iter().fold(0, |sum, &(_, bytes)| sum.saturating_add(bytes))
}

fn count(heap: &Heap, flag: u64) -> u64 {
    heap.dump.all().filter(|&object| heap.dump.has_flag(object, flag)).count() as u64
}

fn types(heap: &Heap, limit: usize) -> Table {
    let mut of = vec![(0u64, 0u64); heap.dump.types.len()];
    for object in heap.dump.all() {
        let (objects, bytes) = &mut of[heap.dump.objects.kind[object as usize] as usize];
        *objects += 1;
        *bytes = bytes.saturating_add(heap.size(object));
    }
    let total = heap.total().max(1);
    let mut order: Vec<u32> = (0..of.len() as u32).filter(|&kind| of[kind as usize].0 != 0).collect();
    order.sort_by_key(|&kind| (std::cmp::Reverse(of[kind as usize].1), kind));
    let mut table = Table::new("types", "Largest types", &["type", "objects", "bytes", "share"]);
    table.left_out = order.len().saturating_sub(limit) as u64;
    for kind in order.into_iter().take(limit) {
        let (objects, bytes) = of[kind as usize];
        table.row(vec![
            names::line(&heap.dump.type_name(kind)).into(),
            Cell::Count(objects),
            Cell::Bytes(bytes),
            Cell::Share(bytes as f64 / total as f64),
        ]);
    }
    table
}

/// References that the engine holds, by what holds them.
fn holders(heap: &Heap) -> Table {
    let mut table = Table::new("holders", "Held by the engine", &["by", "name", "references"]);
    let mut counts = std::collections::BTreeMap::new();
    for of in &heap.dump.holders {
        *counts.entry((of.kind, of.name)).or_insert(0u64) += 1;
    }
    for ((kind, name), references) in counts {
        let by = match kind {
            holder::SCOPE => "a scope",
            holder::GARBAGE => "the garbage list",
            holder::FINALIZERS => "the queue of finalizers",
            _ => "?",
        };
        let name = heap.dump.text(name).map_or(Cell::None, |name| names::line(&name).into());
        table.row(vec![by.into(), name, Cell::Count(references)]);
    }
    table
}

/// References with a token, the oldest first.
fn followed(heap: &Heap) -> Table {
    let dump = heap.dump;
    let mut table = Table::new("followed", "Followed references", &["tag", "object", "age", "taken_at"]);
    let mut all = dump.accounts.followed.clone();
    all.sort_by_key(|of| of.taken_ns);
    for of in all {
        let tag = dump.text(of.tag).map_or(Cell::None, |tag| names::line(&tag).into());
        let age = dump.preamble.monotonic_ns.saturating_sub(of.taken_ns);
        let place = match of.place.file {
            0 => Cell::None,
            _ => names::line(&dump.place_text(of.place)).into(),
        };
        table.row(vec![tag, names::object(dump, of.object).into(), Cell::Nanoseconds(age), place]);
    }
    table
}

/// Measured scopes, those that left most behind first.
pub fn scopes(heap: &Heap) -> Table {
    let mut table = Table::new(
        "scopes",
        "Scopes",
        &[
            "scope",
            "entered",
            "allocated_bytes",
            "freed_bytes",
            "survivors",
            "survivor_bytes",
            "peak_bytes",
            "time",
        ],
    );
    let mut all = heap.dump.accounts.scopes.clone();
    all.sort_by_key(|of| (std::cmp::Reverse(of.survivor_bytes), of.name));
    for of in all {
        let name = heap.dump.text(of.name).map_or("(unnamed)".to_owned(), |name| names::line(&name));
        table.row(vec![
            name.into(),
            Cell::Count(of.entered),
            Cell::Bytes(of.allocated_bytes),
            Cell::Bytes(of.freed_bytes),
            Cell::Count(of.survivor_objects),
            Cell::Bytes(of.survivor_bytes),
            Cell::Bytes(of.peak_bytes),
            Cell::Nanoseconds(of.duration_ns),
        ]);
    }
    table
}

/// Nanoseconds since 1970 as "2026-01-31 12:34:56 UTC".
pub fn time(nanoseconds: u64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01 in years that end in February (Hinnant, "chrono-compatible low-level date
    // algorithms").
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC", year + era * 400)
}

#[cfg(test)]
mod tests {
    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(super::time(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(super::time(951_782_399_000_000_000), "2000-02-28 23:59:59 UTC");
        assert_eq!(super::time(951_868_799_999_999_999), "2000-02-29 23:59:59 UTC");
        assert_eq!(super::time(4_107_542_400_000_000_000), "2100-03-01 00:00:00 UTC");
    }
}
