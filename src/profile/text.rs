//! A profile as text, for people: totals, sites, scopes, line tables. Written in one go, through a buffer on the
//! stack, while the heap stands still: the function that takes the text may look, not change anything.

use super::lines;
use super::query::{self, Group, Query, Sort};
use crate::base::report::CText;
use crate::heap::{phase, Heap, Phase};
use crate::out::{self, Sink};
use crate::sys::file::{self, Errno};
use core::fmt::{self, Write};
use core::ptr;

/// The running totals.
pub const TOTALS: u32 = 1;
/// Sites, those first that have most live bytes.
pub const SITES: u32 = 2;
/// Scopes by name.
pub const SCOPES: u32 = 4;
/// Line tables.
pub const LINES: u32 = 8;
/// All of it.
pub const ALL: u32 = TOTALS | SITES | SCOPES | LINES;
/// Lines whose live bytes did not grow are left out.
pub const GROWN: u32 = 1 << 16;

const BUFFER_BYTES: usize = 512;

/// Why a text was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// A collection is running, or a dump.
    Collecting,
    /// No memory for the rows.
    NoMemory,
    /// The sink would not take it.
    Write(Errno),
}

/// What is written, and how.
#[derive(Clone, Copy)]
pub struct Options {
    /// [`TOTALS`] and the others.
    pub parts: u32,
    /// Rows of a table at most.
    pub limit: usize,
    /// Decimals of MiB; 0: bytes are given as such.
    pub decimals: usize,
    /// Where it goes.
    pub sink: Sink,
}

/// The way to the sink.
struct Text {
    heap: *mut Heap,
    sink: Sink,
    buffer: [u8; BUFFER_BYTES],
    len: usize,
    failed: Errno,
}

impl Text {
    fn flush(&mut self) {
        let bytes = self.buffer.get(..core::mem::take(&mut self.len)).unwrap_or(&[]);
        if self.failed != 0 || bytes.is_empty() {
            return;
        }
        self.failed = match self.sink {
            Sink::Descriptor(fd) => file::write_all(fd, bytes).err().unwrap_or(0),
            // SAFETY: the heap's phase is Judging as long as this lives.
            Sink::Host(write, ctx) => unsafe { out::give(self.heap, write, bytes, ctx) },
        };
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.len == BUFFER_BYTES {
                self.flush();
            }
            if let Some(place) = self.buffer.get_mut(self.len) {
                *place = byte;
                self.len += 1;
            }
        }
        match self.failed {
            0 => Ok(()),
            _ => Err(fmt::Error),
        }
    }
}

/// A number of bytes, as such or in MiB.
#[derive(Clone, Copy)]
pub struct Bytes {
    /// How many.
    pub bytes: i64,
    /// See [`Options::decimals`].
    pub decimals: usize,
}

impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.decimals == 0 {
            return fmt::Display::fmt(&self.bytes, out);
        }
        let mut line = crate::base::report::Line::new();
        // Rounded to the last decimal, half up.
        let scale = 10u128.pow(self.decimals as u32);
        let rounded = ((self.bytes.unsigned_abs() as u128 * scale * 2 + (1 << 20)) >> 21) as u64;
        let sign = if self.bytes < 0 { "-" } else { "" };
        let (whole, rest) = (rounded / scale as u64, rounded % scale as u64);
        write!(line, "{sign}{whole}.{rest:0width$} MiB", width = self.decimals)?;
        out.pad(core::str::from_utf8(line.as_bytes()).unwrap_or(""))
    }
}

/// Writes the profile of a heap.
///
/// # Safety
/// - The heap is profiled.
pub unsafe fn write(heap: *mut Heap, options: &Options) -> Result<(), Failed> {
    if (*heap).phase() != Phase::Idle {
        return Err(Failed::Collecting);
    }
    let query = Query {
        group: Group::Site,
        sort: Sort::LiveBytes,
        file: ptr::null(),
        exclude_file: ptr::null(),
        function: ptr::null(),
        type_name: ptr::null(),
    };
    let mut rows = query::rows(heap, &query).ok_or(Failed::NoMemory)?;
    let Some(mut marked) = lines::sorted(heap) else {
        rows.end();
        return Err(Failed::NoMemory);
    };
    let mut text = Text { heap, sink: options.sink, buffer: [0; BUFFER_BYTES], len: 0, failed: 0 };
    phase::quietly(heap, || {
        // A failure is kept in the text.
        let _ = write_parts(heap, options, rows.as_slice(), marked.as_slice(), &mut text);
        text.flush();
    });
    rows.end();
    marked.end();
    match text.failed {
        0 => Ok(()),
        errno => Err(Failed::Write(errno)),
    }
}

unsafe fn write_parts(
    heap: *mut Heap,
    options: &Options,
    rows: &[query::Row],
    marked: &[lines::LineTotal],
    out: &mut dyn Write,
) -> fmt::Result {
    if options.parts & TOTALS != 0 {
        write_totals(heap, options, out)?;
    }
    if options.parts & SITES != 0 {
        write_sites(options, rows, out)?;
    }
    if options.parts & SCOPES != 0 {
        write_scopes(heap, options, out)?;
    }
    if options.parts & LINES != 0 {
        lines::write(marked, options, out)?;
    }
    Ok(())
}

unsafe fn write_totals(heap: *mut Heap, options: &Options, out: &mut dyn Write) -> fmt::Result {
    let profile = &*super::of(heap);
    let bytes = |bytes: u64| Bytes { bytes: bytes as i64, decimals: options.decimals };
    writeln!(out, "Heap: {}", CText((*heap).name()))?;
    writeln!(
        out,
        "{} objects live ({}), peak {}; {} made ({}), {} ended ({})\n",
        profile.live_objects(),
        bytes(profile.live_bytes),
        bytes(profile.peak_bytes),
        profile.serial,
        bytes(profile.allocated_bytes),
        profile.freed_objects,
        bytes(profile.freed_bytes())
    )
}

fn write_sites(options: &Options, rows: &[query::Row], out: &mut dyn Write) -> fmt::Result {
    let bytes = |bytes: u64| Bytes { bytes: bytes as i64, decimals: options.decimals };
    writeln!(
        out,
        "{:>14} {:>10} {:>14} {:>10} {:>10}   Site",
        "Live bytes", "objects", "Peak bytes", "made", "collected"
    )?;
    for row in rows.iter().take(options.limit) {
        let counters = &row.counters;
        writeln!(
            out,
            "{:>14} {:>10} {:>14} {:>10} {:>10}   {}",
            bytes(counters.live_bytes()),
            counters.live_objects(),
            bytes(counters.peak_bytes),
            counters.allocated_objects,
            counters.reclaimed_objects,
            row.location
        )?;
    }
    match rows.len().saturating_sub(options.limit) {
        0 => out.write_str("\n"),
        more => writeln!(out, "and {more} more sites\n"),
    }
}

unsafe fn write_scopes(heap: *mut Heap, options: &Options, out: &mut dyn Write) -> fmt::Result {
    // One by one: the function that takes the text may enter and leave scopes.
    let count = (*super::of(heap)).measures.totals().len();
    if count == 0 {
        return Ok(());
    }
    let bytes = |bytes: i64| Bytes { bytes, decimals: options.decimals };
    writeln!(
        out,
        "{:>10} {:>14} {:>14} {:>14} {:>14} {:>10} {:>12}   Scope",
        "Entered", "Allocated", "Freed", "Net", "Peak inside", "survivors", "us inside"
    )?;
    for index in 0..count.min(options.limit) {
        let Some(total) = (*super::of(heap)).measures.total(index) else { break };
        let measured = &total.measured;
        writeln!(
            out,
            "{:>10} {:>14} {:>14} {:>14} {:>14} {:>10} {:>12}   {}",
            total.entered,
            bytes(measured.allocated_bytes as i64),
            bytes(measured.freed_bytes as i64),
            bytes(measured.allocated_bytes.wrapping_sub(measured.freed_bytes) as i64),
            bytes(measured.peak_bytes as i64),
            measured.survivor_objects,
            measured.duration_ns / 1000,
            CText(total.name)
        )?;
    }
    out.write_str("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_to_the_last_decimal() {
        let show = |bytes, decimals| format!("{}", Bytes { bytes, decimals });
        assert_eq!(show(-5, 0), "-5");
        assert_eq!(show(1 << 20, 1), "1.0 MiB");
        assert_eq!(show((1 << 20) + (1 << 19), 2), "1.50 MiB");
        assert_eq!(show(-(3 << 18), 3), "-0.750 MiB");
        assert_eq!(show(i64::MAX, 1), "8796093022208.0 MiB");
        assert_eq!(format!("{:>12}|", Bytes { bytes: 7, decimals: 0 }), "           7|");
        assert_eq!(format!("{:>12}|", Bytes { bytes: 1 << 20, decimals: 1 }), "     1.0 MiB|");
    }
}
