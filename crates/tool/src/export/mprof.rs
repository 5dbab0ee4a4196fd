//! The text rows that `mprof plot` opens: CMDLINE, MEM with mebibytes and seconds since 1970, FUNC for
//! scopes.
//!
//! One column has one kind of number: the engine's bytes, or what the kernel says of the process.

use super::timeline::Timeline;
use super::Written;
use crate::dump::Moment;
use crate::output::Cell;
use clap::ValueEnum;
use std::cmp::Reverse;
use std::io::{self, Write};

/// Scopes that are written.
const BRACKETS: usize = 100;

/// Which memory is plotted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Meter {
    /// Live objects and what they keep elsewhere: the engine's numbers, exact.
    Live,
    /// Pages taken for objects.
    Pages,
    /// Resident bytes of the process.
    Resident,
    /// Private bytes of the process.
    Private,
}

impl Meter {
    /// Bytes; none: not known at that moment.
    pub fn of(self, moment: &Moment) -> Option<u64> {
        match self {
            Meter::Live => Some(moment.live_bytes.saturating_add(moment.external_bytes)),
            Meter::Pages => Some(moment.heap_bytes),
            Meter::Resident => Some(moment.resident_bytes).filter(|&bytes| bytes != 0),
            Meter::Private => Some(moment.private_bytes).filter(|&bytes| bytes != 0),
        }
    }
}

/// Writes a timeline.
pub fn write(line: &Timeline, meter: Meter, out: &mut dyn Write) -> io::Result<Written> {
    let known: Vec<(u64, u64)> =
        line.moments.iter().filter_map(|of| Some((of.time_ns, meter.of(of)?))).collect();
    let path = line.dumps.last().map_or("", |dump| &dump.path);
    writeln!(out, "CMDLINE rcgc {}", super::stacks::on_one_line(path))?;
    let scopes = line.scopes();
    let left_out = scopes.len().saturating_sub(BRACKETS);
    // The longest stand for what is in them.
    let mut kept: Vec<usize> = (0..scopes.len()).collect();
    kept.sort_by_key(|&at| Reverse(scopes[at].to_ns.saturating_sub(scopes[at].from_ns)));
    kept.truncate(BRACKETS);
    kept.sort_unstable();
    for of in kept.into_iter().map(|at| &scopes[at]) {
        // A blank ends a name, and mprof draws what stands between dollar signs as a formula.
        let ends = |of: char| of.is_whitespace() || of == '$';
        let name: String = of.name.chars().map(|of| if ends(of) { '_' } else { of }).collect();
        let (before, after) = (at(&known, of.from_ns), at(&known, of.to_ns));
        let (from, to) = (seconds(line, of.from_ns), seconds(line, of.to_ns));
        // A name without a dot is one that mprof takes for no function.
        let [before, after] = [before, after].map(mebibytes);
        writeln!(out, "FUNC rcgc.{name} {before} {from} {after} {to} {}", of.depth)?;
    }
    for &(time, bytes) in &known {
        writeln!(out, "MEM {} {}", mebibytes(bytes), seconds(line, time))?;
    }
    let mut written = Written::default();
    if left_out != 0 {
        written
            .warnings
            .push(format!("the {left_out} shortest scopes are left out: mprof draws a bracket for each"));
    }
    if known.is_empty() {
        written.warnings.push("the dumps have no samples of that memory".to_owned());
    }
    written.more.push(("samples", Cell::Count(known.len() as u64)));
    written.more.push(("peak", Cell::Bytes(known.iter().map(|&(_, bytes)| bytes).max().unwrap_or(0))));
    Ok(written)
}

/// The number at a time: that of the last sample before it, of the first one if there is none.
fn at(known: &[(u64, u64)], time: u64) -> u64 {
    let next = known.partition_point(|&(at, _)| at <= time);
    known.get(next.saturating_sub(1)).map_or(0, |&(_, bytes)| bytes)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.6}", bytes as f64 / 1048576.0)
}

fn seconds(line: &Timeline, time_ns: u64) -> String {
    let wall = line.wall_ns(time_ns);
    format!("{}.{:06}", wall / 1_000_000_000, wall % 1_000_000_000 / 1000)
}
