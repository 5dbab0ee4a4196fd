//! What a heap has, as facts and tables.

use crate::findings::summary::{self, Summary};
use crate::heap::Heap;
use crate::output::{names, Cell, Table};
use rcgc_format::holder;

/// The facts of a page about a heap, in their order.
pub fn facts(heap: &Heap, of: &Summary) -> Vec<(&'static str, Cell)> {
    let (dump, books) = (heap.dump, &heap.dump.books);
    let (major, minor, patch) = dump.preamble.engine;
    let name = |number: u64| dump.text(number).map(|name| Cell::Text(names::line(&name)));
    let label = name(books.label).map(|label| ("label", label));
    let mut facts = vec![("heap", name(books.name).unwrap_or(Cell::None))];
    facts.extend(label);
    facts.extend([
        ("process", Cell::Number(dump.preamble.process)),
        ("written", Cell::Moment(dump.preamble.wall_clock_ns)),
        ("engine", Cell::Text(format!("rcgc {major}.{minor}.{patch}"))),
        ("names_are_hashed", Cell::Flag(dump.preamble.names_are_hashed)),
        ("written_by_a_child", Cell::Flag(dump.preamble.was_forked)),
        ("dump_bytes", Cell::Bytes(dump.file_bytes)),
        ("whole", Cell::Flag(dump.is_whole)),
        ("objects", Cell::Count(dump.len() as u64)),
        ("references", Cell::Count(dump.edges.targets.len() as u64)),
        ("bytes", Cell::Bytes(of.bytes)),
        ("external_bytes", Cell::Bytes(of.external_bytes)),
        ("pages", Cell::Bytes(books.heap_bytes)),
        ("pages_peak", Cell::Bytes(books.heap_bytes_peak)),
        ("held_objects", Cell::Count(of.held_objects)),
        ("references_from_outside", Cell::Count(of.references_from_outside)),
        ("immortal", Cell::Count(of.immortal)),
        ("young", Cell::Count(of.young)),
        ("frozen", Cell::Count(of.frozen)),
        ("untracked", Cell::Count(of.untracked)),
        ("weak_handles", Cell::Count(of.weak_handles)),
        ("garbage", Cell::Count(of.garbage.objects)),
        ("garbage_bytes", Cell::Bytes(of.garbage.bytes)),
        ("uncollectable", Cell::Count(of.uncollectable.objects)),
        ("full_collections", Cell::Count(books.full.runs)),
        ("young_collections", Cell::Count(books.young.runs)),
        ("longest_pause", Cell::Nanoseconds(of.pause_ns_max)),
    ]);
    facts
}

/// Chunks that a newer library wrote.
pub fn unknown_chunks(heap: &Heap) -> Vec<String> {
    let skipped = heap.dump.skipped.iter();
    skipped
        .map(|(tag, chunks)| format!("{chunks} chunks {} are not known to this tool", tag.escape_ascii()))
        .collect()
}

/// The largest types, at most `limit`.
pub fn types(heap: &Heap, limit: usize) -> Table {
    let types = summary::largest_types(heap);
    let total = heap.total().max(1);
    let mut table = Table::new("types", "Largest types", &["type", "objects", "bytes", "share"]);
    table.left_out = types.len().saturating_sub(limit) as u64;
    for (kind, sum) in types.into_iter().take(limit) {
        table.row(vec![
            names::line(&heap.dump.type_name(kind)).into(),
            Cell::Count(sum.objects),
            Cell::Bytes(sum.bytes),
            Cell::Share(sum.bytes as f64 / total as f64),
        ]);
    }
    table
}

/// References that the engine holds, by what holds them.
pub fn holders(heap: &Heap) -> Table {
    let mut table = Table::new("holders", "Held by the engine", &["by", "name", "references"]);
    for ((kind, name), references) in summary::holders(heap) {
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
pub fn followed(heap: &Heap) -> Table {
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
