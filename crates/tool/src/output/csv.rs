//! Reports as CSV: a line of names, then a line for each row, quoted as RFC 4180 says; lines end in a
//! newline.

use super::{text, Cell, Report, Rows};
use std::io::{self, Write};

/// See the head of `output`.
pub fn write(report: &Report, tables: &[Rows], out: &mut dyn Write) -> io::Result<()> {
    if let Some(table) = tables.first() {
        line(out, table.columns.iter().map(|name| (*name).to_owned()))?;
        for at in 0..table.len {
            line(out, (table.row)(at).iter().map(csv_of))?;
        }
        return Ok(());
    }
    line(out, ["fact", "value"].map(str::to_owned).into_iter())?;
    for (name, value) in &report.facts {
        line(out, [(*name).to_owned(), csv_of(value)].into_iter())?;
    }
    for sentence in &report.sentences {
        line(out, ["sentence".to_owned(), sentence.clone()].into_iter())?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    writeln!(out, "{}", line_of(cells))
}

/// A line without its end.
pub fn line_of(cells: impl Iterator<Item = String>) -> String {
    let quoted: Vec<String> = cells
        .map(|cell| match cell.contains(['"', ',', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell,
        })
        .collect();
    quoted.join(",")
}

/// A value for programs.
pub fn csv_of(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Count(number) | Cell::Bytes(number) | Cell::Nanoseconds(number) => number.to_string(),
        Cell::Change(number) | Cell::ByteChange(number) => number.to_string(),
        Cell::Share(share) => format!("{:.6}", share),
        Cell::Address(0) | Cell::None => String::new(),
        Cell::Address(address) => format!("{address:#x}"),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Number(number) => number.to_string(),
        Cell::Moment(number) => text::exact_moment(*number),
        Cell::Compared([before, after]) | Cell::ComparedBytes([before, after]) => {
            format!("{before}..{after}")
        }
    }
}
