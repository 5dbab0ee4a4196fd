//! `rcgc export`: dumps for other programs.

use crate::cli::{Context, Failure};
use crate::export::{choose, dot, heapsnapshot, Wanted, Written};
use crate::heap::Heap;
use crate::output::{Cell, Report};
use clap::ValueEnum;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// Write a dump in a format of other programs.
///
/// dot: a drawing for Graphviz, of at most --max-nodes nodes. heapsnapshot: for Chrome's DevTools (Memory,
/// Load), VS Code and memlab; all objects, or the part that --root, --only and --min-retained choose.
///
/// Examples: rcgc export app.dump --to heapsnapshot -o app.heapsnapshot; rcgc export app.dump --to dot --root
/// Cache | dot -Tsvg -o cache.svg
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    #[arg(long, value_enum)]
    to: To,
    /// The file; without it the export goes to standard output.
    #[arg(long, short)]
    output: Option<String>,
    #[command(flatten)]
    wanted: Wanted,
    /// dot: nodes of the drawing.
    #[arg(long, default_value_t = 150)]
    max_nodes: usize,
    /// Compress the result.
    #[arg(long)]
    gzip: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum To {
    Dot,
    Heapsnapshot,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let part = choose(&heap, &arguments.wanted)?;
    let name = arguments.output.as_deref().unwrap_or("standard output");
    let failed = |error: io::Error| Failure::Output(format!("{name}: {error}"));
    let sink: Box<dyn Write> = match &arguments.output {
        Some(path) => Box::new(File::create(path).map_err(failed)?),
        None => Box::new(io::stdout().lock()),
    };
    let mut out = Counted { sink: BufWriter::with_capacity(1 << 16, sink), bytes: 0 };
    let write = |out: &mut dyn Write| match arguments.to {
        To::Dot => dot::write(&heap, &part, arguments.max_nodes, out),
        To::Heapsnapshot => heapsnapshot::write(&heap, &part, out),
    };
    let written = match arguments.gzip {
        true => {
            let mut packed = flate2::write::GzEncoder::new(&mut out, flate2::Compression::default());
            write(&mut packed).and_then(|written| packed.finish().map(|_| written))
        }
        false => write(&mut out),
    };
    let written = written.and_then(|written| out.flush().map(|()| written));
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Report::nothing()),
        Err(error) => Err(failed(error)),
        Ok(written) => Ok(report(arguments, context, &written, out.bytes)),
    }
}

fn report(arguments: &Arguments, context: &Context, written: &Written, bytes: u64) -> Report {
    for warning in &written.warnings {
        context.warn(warning);
    }
    let Some(path) = &arguments.output else { return Report::nothing() };
    let mut report = Report::default();
    report.fact("file", path.as_str());
    report.fact("nodes", Cell::Count(written.nodes));
    report.fact("edges", Cell::Count(written.edges));
    report.fact("bytes", Cell::Bytes(bytes));
    report
}

/// Counts what goes through.
struct Counted<W> {
    sink: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(buffer)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
