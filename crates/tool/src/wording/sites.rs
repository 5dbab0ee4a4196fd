//! Places that make objects, as tables.

use crate::findings::sites::{self, median_age, By, Sum};
use crate::output::{names, Cell, Table};

/// A row for each sum, at most `limit`.
pub fn table(rows: &[Sum], by: By, limit: usize) -> Table {
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

/// How many ended at which age, of all these rows.
pub fn ages(rows: &[Sum]) -> Table {
    let (rows, ended_in_all) = sites::ages(rows);
    let mut table =
        Table::new("ages", "How many objects were made while one lived", &["from", "to", "ended", "share"]);
    for [from, to, ended] in rows {
        let share = Cell::Share(ended as f64 / ended_in_all.max(1) as f64);
        table.row(vec![Cell::Count(from), Cell::Count(to), Cell::Count(ended), share]);
    }
    table
}
