//! Line tables: how live bytes changed from one mark of a function to the next.
//!
//! The host opens a function with `GC_LINES` and marks the ends of lines with `GC_LINE`; each mark books what
//! changed since the mark before of the same call of the function, calls of other functions included. So the
//! increments of a function's lines add up to what the function did, in loops too, whatever the functions
//! that it calls do with marks of their own.

use super::query;
use super::site::{self, Location};
use super::text::{self, Bytes, Options};
use super::Profile;
use crate::base::list::List;
use crate::base::report::CText;
use crate::base::sort;
use crate::heap::Heap;
use crate::sys::reader::Reader;
use core::fmt::{self, Write};

/// Longest source line that is shown.
const SHOWN_BYTES: usize = 100;

/// Where a call of a function is; the layout of `gc_lines`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Cursor {
    /// The heap; null when nothing is booked.
    pub heap: *mut Heap,
    /// The running totals at the mark before.
    pub allocated_bytes: u64,
    /// As `allocated_bytes`.
    pub freed_bytes: u64,
    /// When the profile began, so that a cursor of another one is told.
    pub started_ns: u64,
}

/// What one line did.
#[derive(Clone, Copy)]
pub struct LineTotal {
    /// The site's number.
    pub site: u32,
    /// How often the line was passed.
    pub occurrences: u64,
    /// Bytes of objects made there, and ended.
    pub allocated_bytes: u64,
    /// As `allocated_bytes`.
    pub freed_bytes: u64,
    /// The most bytes that lived at its end.
    pub most_bytes: u64,
}

/// The line tables of one heap. Zeroed memory has none.
pub struct Lines {
    totals: List<LineTotal>,
    /// By a site's number: the place in `totals` + 1.
    numbers: List<u32>,
}

impl Lines {
    /// The total of a site; None for out of memory.
    fn of(&mut self, site: u32) -> Option<&mut LineTotal> {
        while self.numbers.len() <= site as usize {
            if !self.numbers.push(0) {
                return None;
            }
        }
        let mut number = self.numbers.get(site as usize)?;
        if number == 0 {
            let total = LineTotal { site, occurrences: 0, allocated_bytes: 0, freed_bytes: 0, most_bytes: 0 };
            if !self.totals.push(total) {
                return None;
            }
            number = self.totals.len() as u32;
            self.numbers.set(site as usize, number);
        }
        self.totals.get_mut(number as usize - 1)
    }

    /// Bytes of the tables.
    pub fn own_bytes(&self) -> u64 {
        self.totals.own_bytes() + self.numbers.own_bytes()
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        self.totals.end();
        self.numbers.end();
    }
}

/// A function begins at a site.
///
/// # Safety
/// - `site` is a descriptor.
pub unsafe fn begin(heap: *mut Heap, site: *const site::Site) -> Cursor {
    let none = Cursor { heap: core::ptr::null_mut(), allocated_bytes: 0, freed_bytes: 0, started_ns: 0 };
    if super::exact(heap).is_null() {
        return none;
    }
    let mut cursor = Cursor { heap, ..none };
    cursor.started_ns = (*super::of(heap)).started_ns;
    cursor.allocated_bytes = (*super::of(heap)).allocated_bytes;
    cursor.freed_bytes = (*super::of(heap)).freed_bytes();
    mark(&mut cursor, site);
    cursor
}

/// A line ends at a site.
///
/// # Safety
/// - As [`begin`]; the cursor is from there.
pub unsafe fn mark(cursor: &mut Cursor, site: *const site::Site) {
    let heap = cursor.heap;
    if heap.is_null() || super::exact(heap).is_null() || (*super::of(heap)).started_ns != cursor.started_ns {
        return;
    }
    let profile: &mut Profile = &mut *super::of(heap);
    let freed = profile.freed_bytes();
    if let Some(total) = profile.lines.of(site::number("gc_line", site)) {
        total.occurrences += 1;
        total.allocated_bytes += profile.allocated_bytes - cursor.allocated_bytes;
        total.freed_bytes += freed - cursor.freed_bytes;
        total.most_bytes = total.most_bytes.max(profile.live_bytes);
    }
    cursor.allocated_bytes = profile.allocated_bytes;
    cursor.freed_bytes = freed;
}

fn key(total: &LineTotal) -> Option<Location> {
    site::location(total.site)
}

/// What all lines did, those of a function together. A copy, since the function that takes a text may have marks, too. None for
/// out of memory.
///
/// # Safety
/// - The heap is profiled.
pub unsafe fn sorted(heap: *mut Heap) -> Option<List<LineTotal>> {
    let mut all = List::new();
    if !(*super::of(heap)).lines.totals.as_slice().iter().all(|total| all.push(*total)) {
        all.end();
        return None;
    }
    sort::sort_by(all.as_mut_slice(), |left, right| match (key(left), key(right)) {
        (Some(left), Some(right)) => query::order(&left, &right),
        (left, right) => left.is_some().cmp(&right.is_some()),
    });
    Some(all)
}

/// Writes the table of each function, of what [`sorted`] gave.
///
/// # Safety
/// - The heap that the lines are of is profiled: texts of its sites are there.
pub unsafe fn write(lines: &[LineTotal], options: &Options, out: &mut dyn Write) -> fmt::Result {
    let mut rest = lines;
    while let Some(first) = rest.first().and_then(key) {
        let same = |total: &&LineTotal| key(total).is_some_and(|location| same_function(&first, &location));
        let (function, others) = rest.split_at(rest.iter().take_while(same).count().max(1));
        write_function(&first, function, options, out)?;
        rest = others;
    }
    Ok(())
}

fn same_function(left: &Location, right: &Location) -> bool {
    // SAFETY: the list's texts are C strings.
    unsafe { site::same_text(left.file, right.file) && site::same_text(left.function, right.function) }
}

/// The table of one function, from its first mark to its last; the source is shown where it can be read.
unsafe fn write_function(
    first: &Location,
    lines: &[LineTotal],
    options: &Options,
    out: &mut dyn Write,
) -> fmt::Result {
    let head =
        "Line #    Engine bytes       Increment       Allocated           Freed  Occurrences   Line contents";
    writeln!(out, "Filename: {}\nFunction: {}\n", CText(first.file), CText(first.function))?;
    writeln!(out, "{head}\n{:=<99}", "")?;
    let number = |total: &LineTotal| site::location(total.site).map_or(0, |location| location.line);
    let last = lines.last().map_or(0, number);
    let mut source = Reader::open(first.file);
    let grown_only = options.parts & text::GROWN != 0;
    let mut rest = lines;
    let mut line = 0;
    while line < last {
        // Behind the end of the source only lines that were marked are of interest, whatever numbers they have.
        line = match source.is_open() {
            true => line + 1,
            false => rest.first().map_or(last, number).max(line + 1),
        };
        let mut contents = [0u8; SHOWN_BYTES];
        let shown = source.line(&mut contents);
        let total = rest.first().filter(|total| number(total) == line);
        if total.is_some() {
            rest = rest.get(1..).unwrap_or(&[]);
        }
        let grown = total.is_some_and(|total| total.allocated_bytes > total.freed_bytes);
        if line < first.line || (grown_only && !grown) || (total.is_none() && shown.is_none()) {
            continue;
        }
        match total {
            Some(total) => write_line(line, total, options, out)?,
            None => write!(out, "{line:6} {:79}", "")?,
        }
        for chunk in contents.get(..shown.unwrap_or(0)).unwrap_or(&[]).utf8_chunks() {
            out.write_str(chunk.valid())?;
        }
        out.write_str("\n")?;
    }
    out.write_str("\n")
}

fn write_line(line: u32, total: &LineTotal, options: &Options, out: &mut dyn Write) -> fmt::Result {
    let bytes = |bytes: u64| Bytes { bytes: bytes as i64, decimals: options.decimals };
    write!(
        out,
        "{line:6} {:>15} {:>15} {:>15} {:>15} {:12}   ",
        bytes(total.most_bytes),
        bytes(total.allocated_bytes.wrapping_sub(total.freed_bytes)),
        bytes(total.allocated_bytes),
        bytes(total.freed_bytes),
        total.occurrences
    )
}
