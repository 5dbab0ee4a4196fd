//! What commands find, as text for people, JSON or CSV for programs.
//!
//! A [`Report`] has facts (single values), tables, and sentences. Text shows all of it; JSON has `{"version": 1,
//! "facts": {...}, "tables": {name: [{...}]}, "left_out": {name: rows}, "sentences": [...]}`; CSV has the first table,
//! or the facts when there is none. Numbers are exact in JSON and CSV and rounded for people in text.
//!
//! A table may have as many rows as a heap has objects. Such a one is a [`Rows`]: its rows are made when they are
//! written, and no two are there at once.

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
    /// A number that is a name: of a process.
    Number(u64),
    /// Nanoseconds since 1970.
    Moment(u64),
    /// A number before and after.
    Compared([u64; 2]),
    ComparedBytes([u64; 2]),
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

/// A table whose rows are made when they are written.
pub struct Rows<'a> {
    pub name: &'static str,
    pub title: &'a str,
    pub columns: &'a [&'static str],
    pub len: usize,
    /// The row of a number below `len`, the same whenever it is asked.
    pub row: &'a dyn Fn(usize) -> Vec<Cell>,
    pub left_out: u64,
    pub is_for_programs: bool,
}

impl<'a> Rows<'a> {
    pub fn new(
        name: &'static str,
        columns: &'a [&'static str],
        len: usize,
        row: &'a dyn Fn(usize) -> Vec<Cell>,
    ) -> Rows<'a> {
        Rows { name, title: "", columns, len, row, left_out: 0, is_for_programs: false }
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

    /// Writes the report, with these tables behind its own.
    pub fn write_with(&self, more: &[Rows], format: Format, out: &mut dyn Write) -> io::Result<()> {
        if self.is_nothing {
            return Ok(());
        }
        let row_of: Vec<_> = self.tables.iter().map(|table| |at: usize| table.rows[at].clone()).collect();
        let own = self.tables.iter().zip(&row_of).map(|(table, row)| Rows {
            name: table.name,
            title: &table.title,
            columns: &table.columns,
            len: table.rows.len(),
            row,
            left_out: table.left_out,
            is_for_programs: table.is_for_programs,
        });
        let more = more.iter().map(|rows| Rows { ..*rows });
        let tables: Vec<Rows> = own.chain(more).collect();
        match format {
            Format::Text => text::write(self, &tables, out),
            Format::Json => json::write(self, &tables, out),
            Format::Csv => csv::write(self, &tables, out),
        }
    }
}
