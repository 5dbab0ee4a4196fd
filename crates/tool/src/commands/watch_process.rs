//! `rcgc watch` of a process that shows its numbers (`RCGC_WATCH=on`): no dump is written, and nothing stops.

use crate::context::{Context, Failure};
use crate::output::{names, Cell, Format, Report, Table};
use crate::process::{self, Block, Shown};
use rcgc_format::block::slot;
use serde_json::{json, Map, Value};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

/// Pauses that are shown of each heap, on a page.
const PAUSES_SHOWN: usize = 10;

/// What is shown of a heap.
const COLUMNS: [&str; 10] =
    ["heap", "objects", "bytes", "external", "memory", "peak", "owed", "young", "full", "longest_pause"];

/// Shows what the block says, again and again, until the process ends, or so many times.
pub fn run(
    file: &File,
    process: u64,
    interval: f64,
    count: Option<u64>,
    context: &Context,
) -> Result<Report, Failure> {
    let mut shown = 0;
    loop {
        let Some(block) =
            process::read(file, process).filter(|_| Path::new(&format!("/proc/{process}")).exists())
        else {
            context.warn("the process has ended");
            return Ok(Report::nothing());
        };
        match show(&block, context.format, shown == 0) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Report::nothing()),
            result => result.map_err(|error| Failure::Output(format!("standard output: {error}")))?,
        }
        shown += 1;
        if count.is_some_and(|count| shown >= count) {
            return Ok(Report::nothing());
        }
        std::thread::sleep(Duration::from_secs_f64(interval));
    }
}

fn show(block: &Block, format: Format, is_first: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{}", json_of(block))?,
        Format::Csv => {
            if is_first {
                writeln!(out, "{}", crate::output::csv_line(COLUMNS.iter().map(|&of| of.to_owned())))?;
            }
            for heap in &block.heaps {
                let line = crate::output::csv_line(cells(heap).iter().map(crate::output::csv_of));
                writeln!(out, "{line}")?;
            }
        }
        Format::Text => {
            if out.is_terminal() {
                write!(out, "\x1b[H\x1b[2J")?;
            } else if !is_first {
                writeln!(out)?;
            }
            report(block).write_with(&[], format, &mut out)?;
        }
    }
    out.flush()
}

fn cells(heap: &Shown) -> Vec<Cell> {
    vec![
        names::line(&heap.name).into(),
        Cell::Count(heap.number(slot::LIVE_OBJECTS)),
        Cell::Bytes(heap.number(slot::LIVE_BYTES)),
        Cell::Bytes(heap.number(slot::EXTERNAL_BYTES)),
        Cell::Bytes(heap.number(slot::HEAP_BYTES)),
        Cell::Bytes(heap.number(slot::HEAP_BYTES_PEAK)),
        Cell::Count(heap.number(slot::OWED_OBJECTS)),
        Cell::Count(heap.number(slot::YOUNG_RUNS)),
        Cell::Count(heap.number(slot::FULL_RUNS)),
        Cell::Nanoseconds(heap.number(slot::PAUSE_NS_MAX)),
    ]
}

fn report(block: &Block) -> Report {
    let mut report = Report::default();
    let mut heaps = Table::new("heaps", "", &COLUMNS);
    block.heaps.iter().for_each(|heap| heaps.row(cells(heap)));
    heaps.left_out = block.left_out;
    report.tables.push(heaps);
    for heap in block.heaps.iter().filter(|heap| !heap.pauses.is_empty()) {
        let title = format!("last pauses of {}", names::line(&heap.name));
        let mut table = Table::new("pauses", title, &["ago", "pause", "collection", "reason", "objects"]);
        for pause in heap.pauses.iter().take(PAUSES_SHOWN) {
            table.row(vec![
                Cell::Nanoseconds(heap.number(slot::NOW_NS).saturating_sub(pause.end_ns)),
                Cell::Nanoseconds(pause.duration_ns),
                process::phase(pause).into(),
                process::reason(pause).into(),
                Cell::Count(pause.objects),
            ]);
        }
        report.tables.push(table);
    }
    report
}

fn json_of(block: &Block) -> Value {
    let heaps = block.heaps.iter().map(|heap| {
        let mut row: Map<String, Value> = COLUMNS
            .iter()
            .zip(cells(heap))
            .map(|(&name, cell)| (name.to_owned(), crate::output::json_of(&cell)))
            .collect();
        let pauses = heap.pauses.iter().map(|pause| {
            json!({"ns": pause.duration_ns, "end_ns": pause.end_ns, "collection": process::phase(pause),
                   "reason": process::reason(pause), "objects": pause.objects})
        });
        row.insert("now_ns".to_owned(), json!(heap.number(slot::NOW_NS)));
        row.insert("pauses".to_owned(), pauses.collect());
        Value::Object(row)
    });
    json!({"heaps": heaps.collect::<Vec<_>>(), "left_out": block.left_out})
}
