//! `rcgc export`: dumps for other programs.

use crate::context::{Context, Failure};
use crate::dump::Dump;
use crate::export::mprof::Meter;
use crate::export::stacks::{self, Of, Value};
use crate::export::timeline::{self, Timeline};
use crate::export::{
    choose, dot, folded, heapsnapshot, massif, mprof, parquet, pprof, speedscope, trace, Wanted, Written,
};
use crate::heap::Heap;
use crate::output::{Cell, Report};
use crate::save::Saved;
use crate::selection;
use clap::ValueEnum;
use std::io::{self, BufWriter, Write};
use std::process::{Command, Stdio};

/// Write a dump in a format of other programs.
///
/// dot: a drawing for Graphviz, of at most --max-nodes nodes and --depth steps; with --root from these objects on, with
/// --back to them, from who refers to them. svg: the same, drawn by Graphviz. heapsnapshot: for Chrome's DevTools (Memory,
/// Load), VS Code and memlab; all objects, or the part that --root, --only and --min-retained choose.
///
/// pprof (go tool pprof, Pyroscope, Grafana), folded (flame graphs), speedscope: what --of says, by default
/// the best that the dump has: sampled call stacks, the sites of a profile, or else what owns the objects.
///
/// massif (ms_print, massif-visualizer), mprof (mprof plot), trace (Perfetto, Chrome's Performance): the
/// series of the heap, and of several dumps of it, in any order.
///
/// parquet (DuckDB, Spark, pandas): tables of nodes, edges, types and sites, into the folder that -o names.
///
/// Examples: rcgc export app.dump --to heapsnapshot -o app.heapsnapshot; rcgc export app.dump --to dot
/// --root Cache | dot -Tsvg -o cache.svg; rcgc export app.dump --to pprof -o app.pb.gz && go tool pprof
/// -http : app.pb.gz
#[derive(clap::Args)]
pub struct Arguments {
    /// One dump; for massif, mprof and trace as many as there are of one heap.
    #[arg(required = true, value_name = "DUMP")]
    dumps: Vec<String>,
    #[arg(long, value_enum)]
    to: To,
    /// The file, of parquet the folder; without it the export goes to standard output.
    #[arg(long, short)]
    output: Option<String>,
    #[command(flatten)]
    wanted: Wanted,
    /// dot, svg: nodes of the drawing.
    #[arg(long, default_value_t = 150)]
    max_nodes: usize,
    /// dot, svg: steps from where the drawing begins.
    #[arg(long, default_value_t = u32::MAX, hide_default_value = true)]
    depth: u32,
    /// dot, svg: set off these objects (several times): an address, a number, or a type.
    #[arg(long, value_name = "WHAT")]
    highlight: Vec<String>,
    /// dot, svg: what nodes tell beside type, address and bytes.
    #[arg(long, value_enum, value_delimiter = ',')]
    facts: Vec<dot::Fact>,
    /// pprof, folded, speedscope: what the stacks are of.
    #[arg(long, value_enum)]
    of: Option<Of>,
    /// folded: what is counted; the others have all.
    #[arg(long, value_enum, default_value_t = Value::LiveBytes)]
    value: Value,
    /// mprof: which memory is plotted.
    #[arg(long, value_enum, default_value_t = Meter::Live)]
    meter: Meter,
    /// Compress the result; that of pprof always is.
    #[arg(long)]
    gzip: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum To {
    Dot,
    /// The drawing of dot, drawn by Graphviz, which must be there.
    Svg,
    Heapsnapshot,
    Pprof,
    Folded,
    Speedscope,
    Massif,
    Mprof,
    Trace,
    Parquet,
}

impl To {
    fn is_over_time(self) -> bool {
        matches!(self, To::Massif | To::Mprof | To::Trace)
    }
}

/// What is found before the first byte is written: wrong options leave no file behind.
enum Source<'a> {
    Part(crate::export::Part),
    Stacks(stacks::Stacks<'a>),
    Time(Timeline<'a>),
}

fn source<'a>(arguments: &Arguments, heap: &Heap<'a>, dumps: &'a [Dump]) -> Result<Source<'a>, Failure> {
    if arguments.to.is_over_time() {
        return Timeline::of(dumps).map(Source::Time);
    }
    let part = choose(heap, &arguments.wanted)?;
    match arguments.to {
        To::Dot | To::Svg | To::Heapsnapshot => Ok(Source::Part(part)),
        _ => stacks::of(heap, arguments.of, &part, &arguments.wanted).map(Source::Stacks),
    }
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let mut dumps = Vec::new();
    for path in &arguments.dumps {
        dumps.push(context.open(path)?);
    }
    if arguments.to.is_over_time() {
        timeline::sort(&mut dumps);
    }
    let (Some(dump), one) = (dumps.first(), dumps.len() == 1) else { return Ok(Report::nothing()) };
    if !one && !arguments.to.is_over_time() {
        return Err(Failure::Usage("only massif, mprof and trace take several dumps".to_owned()));
    }
    let heap = Heap::new(dump, context.progress);
    if arguments.to == To::Parquet {
        return tables(arguments, &heap, context);
    }
    let source = source(arguments, &heap, &dumps)?;
    let looks = looks(arguments, &heap)?;
    let name = arguments.output.as_deref().unwrap_or("standard output");
    let failed = |error: io::Error| Failure::Output(format!("{name}: {error}"));
    let sink = match &arguments.output {
        Some(path) => Target::File(context.create(path)?),
        None => Target::Standard(io::stdout().lock()),
    };
    let mut out = Counted { sink: BufWriter::with_capacity(1 << 16, sink), bytes: 0 };
    let write = |out: &mut dyn Write| write(arguments, &heap, looks, source, out);
    let written = match arguments.gzip && arguments.to != To::Pprof {
        true => {
            let mut packed = flate2::write::GzEncoder::new(&mut out, flate2::Compression::default());
            write(&mut packed).and_then(|written| packed.finish().map(|_| written))
        }
        false => write(&mut out),
    };
    let bytes = out.bytes;
    let ended = match written {
        Ok(written) => {
            out.sink.into_inner().map_err(|error| error.into_error()).and_then(Target::end).map(|()| written)
        }
        Err(error) => Err(error),
    };
    match ended {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Report::nothing()),
        Err(error) => Err(failed(error)),
        Ok(written) => Ok(report(arguments, context, &written, bytes)),
    }
}

/// Parquet is several files.
fn tables(arguments: &Arguments, heap: &Heap, context: &Context) -> Result<Report, Failure> {
    let Some(folder) = &arguments.output else {
        return Err(Failure::Usage("parquet is written into a folder: -o names it".to_owned()));
    };
    let part = choose(heap, &arguments.wanted)?;
    let written = parquet::write(heap, &part, folder, &context.inputs)?;
    let mut report = report(arguments, context, &written, 0);
    report.facts.retain(|(name, _)| *name != "bytes");
    Ok(report)
}

/// What dot and svg are to look like; wrong options are told before anything is written.
fn looks(arguments: &Arguments, heap: &Heap) -> Result<dot::Looks, Failure> {
    let mut highlight = Vec::new();
    for word in &arguments.highlight {
        highlight.extend(selection::objects(heap.dump, word)?);
    }
    highlight.sort_unstable();
    Ok(dot::Looks {
        most: arguments.max_nodes,
        back: arguments.wanted.back,
        depth: arguments.depth,
        highlight,
        facts: arguments.facts.clone(),
    })
}

/// Lets Graphviz draw.
fn drawn(
    heap: &Heap,
    part: &crate::export::Part,
    looks: &dot::Looks,
    out: &mut dyn Write,
) -> io::Result<Written> {
    let mut text = Vec::new();
    let written = dot::write(heap, part, looks, &mut text)?;
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            io::Error::other("Graphviz is not here: install its program `dot`, or export --to dot")
        }
        _ => error,
    };
    let mut process = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    // It reads all before it writes.
    if let Some(mut input) = process.stdin.take() {
        input.write_all(&text)?;
    }
    let output = process.wait_with_output()?;
    if !output.status.success() {
        return Err(io::Error::other("Graphviz did not draw it"));
    }
    out.write_all(&output.stdout)?;
    Ok(written)
}

fn write(
    arguments: &Arguments,
    heap: &Heap,
    looks: dot::Looks,
    source: Source,
    out: &mut dyn Write,
) -> io::Result<Written> {
    match (source, arguments.to) {
        (Source::Part(part), To::Dot) => dot::write(heap, &part, &looks, out),
        (Source::Part(part), To::Svg) => drawn(heap, &part, &looks, out),
        (Source::Part(part), _) => heapsnapshot::write(heap, &part, out),
        (Source::Stacks(stacks), To::Pprof) => pprof::write(&stacks, out),
        (Source::Stacks(stacks), To::Folded) => folded::write(&stacks, arguments.value, out),
        (Source::Stacks(mut stacks), _) => speedscope::write(&mut stacks, out),
        (Source::Time(line), To::Massif) => massif::write(&line, heap.progress, out),
        (Source::Time(line), To::Mprof) => mprof::write(&line, arguments.meter, out),
        (Source::Time(line), _) => trace::write(&line, out),
    }
}

fn report(arguments: &Arguments, context: &Context, written: &Written, bytes: u64) -> Report {
    for warning in &written.warnings {
        context.warn(warning);
    }
    let Some(path) = &arguments.output else { return Report::nothing() };
    let mut report = Report::default();
    report.fact("file", path.as_str());
    if written.more.is_empty() {
        report.fact("nodes", Cell::Count(written.nodes));
        report.fact("edges", Cell::Count(written.edges));
    }
    for (name, value) in &written.more {
        report.fact(name, value.clone());
    }
    report.fact("bytes", Cell::Bytes(bytes));
    report
}

/// Where an export goes.
enum Target {
    File(Saved),
    Standard(io::StdoutLock<'static>),
}

impl Target {
    fn end(self) -> io::Result<()> {
        match self {
            Target::File(file) => file.end(),
            Target::Standard(mut out) => out.flush(),
        }
    }
}

impl Write for Target {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Target::File(file) => file.write(buffer),
            Target::Standard(out) => out.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::File(file) => file.flush(),
            Target::Standard(out) => out.flush(),
        }
    }
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
