//! massif.out, for ms_print and massif-visualizer: a snapshot for each moment; those of dumps have a tree
//! of the places that made what lives, or of its types where the heap was not profiled.
//!
//! The heap's bytes are those of live objects and what they keep elsewhere; extra bytes are those of pages
//! that no object uses.

use super::stacks::on_one_line;
use super::timeline::{moment_of, Timeline};
use super::Written;
use crate::dump::{Dump, Moment};
use crate::heap::Heap;
use crate::output::Cell;
use crate::progress::Progress;
use std::cmp::Reverse;
use std::io::{self, Write};

/// Rows of a tree that are written out.
const ROWS: usize = 30;

/// Runs of less time than this are told in microseconds.
const SHORT_NS: u64 = 10_000_000_000;

/// Writes a timeline.
pub fn write(line: &Timeline, progress: Progress, out: &mut dyn Write) -> io::Result<Written> {
    let Some(last) = line.dumps.last() else { return Ok(Written::default()) };
    let heap = last.text(last.books.name).map_or("heap".to_owned(), |name| clean(&name));
    // The format knows milliseconds; in a short run these are too coarse to tell snapshots apart.
    let start = line.start_ns();
    let is_short = line.end_ns() - start < SHORT_NS;
    let (unit, unit_ns) = if is_short { ("i", 1_000) } else { ("ms", 1_000_000) };
    let clock = if is_short { "; time in microseconds" } else { "" };
    writeln!(out, "desc: rcgc {}{clock}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "cmd: heap {heap} of process {}", last.preamble.process)?;
    writeln!(out, "time_unit: {unit}")?;
    let detailed: Vec<(Moment, &Dump)> = line.dumps.iter().map(|dump| (moment_of(dump), dump)).collect();
    // The largest of those that have a tree.
    let peak =
        detailed.iter().max_by_key(|(of, _)| (total(of), Reverse(of.time_ns))).map(|(of, _)| of.time_ns);
    for (number, of) in line.moments.iter().enumerate() {
        let dump = detailed.iter().find(|(moment, _)| moment == of).map(|&(_, dump)| dump);
        writeln!(out, "#-----------\nsnapshot={number}\n#-----------")?;
        writeln!(out, "time={}", (of.time_ns - start) / unit_ns)?;
        writeln!(out, "mem_heap_B={}", total(of))?;
        writeln!(out, "mem_heap_extra_B={}", of.heap_bytes.saturating_sub(of.live_bytes))?;
        writeln!(out, "mem_stacks_B=0")?;
        let kind = match dump {
            None => "empty",
            Some(_) if peak == Some(of.time_ns) => "peak",
            Some(_) => "detailed",
        };
        writeln!(out, "heap_tree={kind}")?;
        if let Some(dump) = dump {
            write_tree(dump, total(of), progress, out)?;
        }
    }
    let most = line.moments.iter().map(total).max().unwrap_or(0);
    let mut written = Written::default();
    written.more.push(("snapshots", Cell::Count(line.moments.len() as u64)));
    written.more.push(("detailed", Cell::Count(detailed.len() as u64)));
    written.more.push(("peak", Cell::Bytes(most)));
    written.more.push(("last", Cell::Bytes(line.moments.last().map_or(0, total))));
    Ok(written)
}

fn total(of: &Moment) -> u64 {
    of.live_bytes.saturating_add(of.external_bytes)
}

/// The reader drops everything behind a number sign.
fn clean(name: &str) -> String {
    on_one_line(name).replace('#', "№")
}

/// A root, a row for each site or type, and one for the rest.
fn write_tree(dump: &Dump, total: u64, progress: Progress, out: &mut dyn Write) -> io::Result<()> {
    let heap = Heap::new(dump, progress);
    let profiled = dump.accounts.counts_sites();
    let sites = dump.accounts.sites.len();
    // By site; what has none, by type.
    let mut sums = vec![0u64; sites + dump.types.len()];
    for object in dump.all() {
        let kind = sites + dump.objects.kind[object as usize] as usize;
        let at = if profiled { dump.site_of(object).unwrap_or(kind) } else { kind };
        sums[at] = sums[at].saturating_add(heap.size(object));
    }
    let mut order: Vec<usize> = (0..sums.len()).filter(|&at| sums[at] != 0).collect();
    order.sort_by_key(|&at| (Reverse(sums[at]), at));
    let shown = order.len().min(ROWS);
    let rest = order.split_off(shown);
    let of_rest: u64 = rest.iter().fold(0, |sum, &at| sum.saturating_add(sums[at]));
    writeln!(out, "n{}: {total} (live objects and external bytes)", shown + usize::from(!rest.is_empty()))?;
    for at in order {
        let name = match at.checked_sub(sites) {
            None => site_name(dump, at),
            Some(kind) if profiled => {
                format!("{} (made before the profile began)", dump.type_name(kind as u32))
            }
            Some(kind) => dump.type_name(kind as u32).into_owned(),
        };
        writeln!(out, " n0: {} {}", sums[at], clean(&name))?;
    }
    if !rest.is_empty() {
        let places = rest.len();
        writeln!(out, " n0: {of_rest} in {places} places, all below massif's threshold (1.00%)")?;
    }
    Ok(())
}

fn site_name(dump: &Dump, at: usize) -> String {
    let place = dump.accounts.sites[at].place;
    match place.file {
        0 => dump.function_text(place),
        _ => format!("{} ({})", dump.function_text(place), dump.place_text(place)),
    }
}
