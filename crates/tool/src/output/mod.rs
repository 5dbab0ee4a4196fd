//! What commands find, as text for people, JSON or CSV for programs.
//!
//! A [`Report`] has facts (single values), tables, and sentences. Text shows all of it; JSON has `{"facts":
//! {...}, "tables": {name: [{...}]}, "sentences": [...]}`; CSV has the first table, or the facts when there
//! is none. Numbers are exact in JSON and CSV and rounded for people in text.

mod csv;
mod json;
pub use csv::{csv_of, line_of as csv_line};
pub use json::json_of;
pub mod names;
pub mod text;

use clap::ValueEnum;
use std::io::{self, Write};

/// How results are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One object.
    Json,
    /// The first table, with a line of names.
    Csv,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(String),
    Count(u64),
    Bytes(u64),
    /// Differences.
    Change(i64),
    ByteChange(i64),
    /// Of a whole: 0.5 is 50 %.
    Share(f64),
    Nanoseconds(u64),
    Address(u64),
    Flag(bool),
    None,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

/// A table. Columns that hold text are set to the left.
#[derive(Clone, Debug)]
pub struct Table {
    /// For programs: lower case, no blanks.
    pub name: &'static str,
    /// For people; empty: none.
    pub title: String,
    /// Names for programs and, with blanks for underscores, for people.
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// Rows that were left out, for the last line.
    pub left_out: u64,
    /// Text leaves it out.
    pub is_for_programs: bool,
}

impl Table {
    pub fn new(name: &'static str, title: impl Into<String>, columns: &[&'static str]) -> Table {
        Table {
            name,
            title: title.into(),
            columns: columns.to_vec(),
            rows: Vec::new(),
            left_out: 0,
            is_for_programs: false,
        }
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }
}

/// What a command found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub facts: Vec<(&'static str, Cell)>,
    pub sentences: Vec<String>,
    /// Lines that only text has.
    pub drawing: Vec<String>,
    pub tables: Vec<Table>,
    /// There are findings, in the sense of the command: exit status 1.
    pub has_findings: bool,
    /// All was written by the command itself.
    pub is_nothing: bool,
}

impl Report {
    /// The report of a command that writes its result by itself.
    pub fn nothing() -> Report {
        Report { is_nothing: true, ..Report::default() }
    }

    pub fn fact(&mut self, name: &'static str, value: impl Into<Cell>) {
        self.facts.push((name, value.into()));
    }

    pub fn sentence(&mut self, text: impl Into<String>) {
        self.sentences.push(text.into());
    }

    /// Writes the report.
    pub fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        if self.is_nothing {
            return Ok(());
        }
        match format {
            Format::Text => text::write(self, out),
            Format::Json => json::write(self, out),
            Format::Csv => csv::write(self, out),
        }
    }
}
