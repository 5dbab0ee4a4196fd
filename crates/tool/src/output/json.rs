//! Reports as JSON, written row by row.

use super::{text, Cell, Report, Rows};
use serde_json::{json, Value};
use std::io::{self, Write};

/// Changes when what a reader may rely on changes: keys that go, or that mean something else.
pub const VERSION: u64 = 1;

/// See the head of `output`.
pub fn write(report: &Report, tables: &[Rows], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{{\n  \"version\": {VERSION},\n  \"facts\": {{")?;
    for (at, (name, value)) in report.facts.iter().enumerate() {
        write!(out, "{}\n    \"{name}\": ", comma(at))?;
        serde_json::to_writer(&mut *out, &json_of(value))?;
    }
    write!(out, "{}}},\n  \"tables\": {{", end(report.facts.len(), "\n  "))?;
    for (at, table) in tables.iter().enumerate() {
        write!(out, "{}\n    \"{}\": [", comma(at), table.name)?;
        for number in 0..table.len {
            write!(out, "{}\n      {{", comma(number))?;
            let row = (table.row)(number);
            for (column, (name, cell)) in table.columns.iter().zip(&row).enumerate() {
                write!(out, "{}\"{name}\": ", if column == 0 { "" } else { ", " })?;
                serde_json::to_writer(&mut *out, &json_of(cell))?;
            }
            write!(out, "}}")?;
        }
        write!(out, "{}]", end(table.len, "\n    "))?;
    }
    write!(out, "{}}},\n  \"left_out\": {{", end(tables.len(), "\n  "))?;
    for (at, table) in tables.iter().enumerate() {
        write!(out, "{}\n    \"{}\": {}", comma(at), table.name, table.left_out)?;
    }
    write!(out, "{}}},\n  \"sentences\": [", end(tables.len(), "\n  "))?;
    for (at, sentence) in report.sentences.iter().enumerate() {
        write!(out, "{}\n    ", comma(at))?;
        serde_json::to_writer(&mut *out, sentence)?;
    }
    writeln!(out, "{}]\n}}", end(report.sentences.len(), "\n  "))
}

fn comma(before: usize) -> &'static str {
    if before == 0 {
        ""
    } else {
        ","
    }
}

/// What stands before the bracket that closes so many entries.
fn end(entries: usize, line: &'static str) -> &'static str {
    if entries == 0 {
        ""
    } else {
        line
    }
}

/// A value for programs.
pub fn json_of(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) => json!(text),
        Cell::Count(number) | Cell::Bytes(number) | Cell::Nanoseconds(number) => json!(number),
        Cell::Change(number) | Cell::ByteChange(number) => json!(number),
        Cell::Number(number) => json!(number),
        Cell::Moment(number) => json!(text::exact_moment(*number)),
        Cell::Compared([before, after]) | Cell::ComparedBytes([before, after]) => {
            let change = i128::from(*after) - i128::from(*before);
            let change = change.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
            json!({ "before": before, "after": after, "change": change })
        }
        Cell::Share(share) => json!((share * 1e6).round() / 1e6),
        // Not as a number: many readers keep 53 bits.
        Cell::Address(0) | Cell::None => Value::Null,
        Cell::Address(address) => json!(format!("{address:#x}")),
        Cell::Flag(flag) => json!(flag),
    }
}
