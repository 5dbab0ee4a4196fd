//! Reports as JSON.

use super::{Cell, Report};
use serde_json::{json, Map, Value};
use std::io::{self, Write};

/// See the head of `output`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let facts: Map<String, Value> =
        report.facts.iter().map(|(name, value)| ((*name).to_owned(), json_of(value))).collect();
    let mut tables = Map::new();
    for table in &report.tables {
        let rows: Vec<Value> = table
            .rows
            .iter()
            .map(|row| {
                let cells = table.columns.iter().zip(row);
                Value::Object(cells.map(|(name, cell)| ((*name).to_owned(), json_of(cell))).collect())
            })
            .collect();
        tables.insert(table.name.to_owned(), Value::Array(rows));
    }
    let all = json!({ "facts": facts, "tables": tables, "sentences": report.sentences });
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)
}

/// A value for programs.
pub fn json_of(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) => json!(text),
        Cell::Count(number) | Cell::Bytes(number) | Cell::Nanoseconds(number) => json!(number),
        Cell::Change(number) | Cell::ByteChange(number) => json!(number),
        Cell::Share(share) => json!((share * 1e6).round() / 1e6),
        // Not as a number: many readers keep 53 bits.
        Cell::Address(0) | Cell::None => Value::Null,
        Cell::Address(address) => json!(format!("{address:#x}")),
        Cell::Flag(flag) => json!(flag),
    }
}
