//! `rcgc plot`: a heap over time.

use crate::chart::{slope, Chart, Line, Mark};
use crate::context::{Context, Failure};
use crate::dump::{Dump, Moment, What};
use crate::export::timeline::{self, Timeline};
use crate::heap::Heap;
use crate::output::text::bytes;
use crate::output::{names, Cell, Report, Table};
use clap::ValueEnum;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Draw a heap over time: the series of a dump, or several dumps of one heap, in any order.
///
/// As text, or with -o FILE.svg as a picture. `slope` is a straight line through all samples: what grows
/// without end. JSON and CSV have the samples.
///
/// Examples: rcgc plot app.dump; rcgc plot morning.dump noon.dump evening.dump --types -o types.svg; rcgc
/// plot app.dump --what live,resident
#[derive(clap::Args)]
pub struct Arguments {
    #[arg(required = true, value_name = "DUMP")]
    dumps: Vec<String>,
    /// Numbers that are drawn.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Number::Live, Number::External])]
    what: Vec<Number>,
    /// Draw the types that changed most instead, over several dumps.
    #[arg(long)]
    types: bool,
    /// The picture, as SVG.
    #[arg(long, short)]
    output: Option<String>,
    /// Characters of the drawing.
    #[arg(long, default_value_t = 60)]
    width: usize,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Number {
    /// Bytes of live objects.
    Live,
    /// Bytes that they keep elsewhere.
    External,
    /// Live objects; drawn to a scale of its own.
    Objects,
    /// Bytes of pages taken for objects.
    Pages,
    /// Resident bytes of the process.
    Resident,
    /// Private bytes of the process.
    Private,
}

impl Number {
    fn name(self) -> &'static str {
        match self {
            Number::Live => "live",
            Number::External => "external",
            Number::Objects => "objects",
            Number::Pages => "pages",
            Number::Resident => "resident",
            Number::Private => "private",
        }
    }

    /// None: not known at that moment.
    fn of(self, moment: &Moment) -> Option<u64> {
        match self {
            Number::Live => Some(moment.live_bytes),
            Number::External => Some(moment.external_bytes),
            Number::Objects => Some(moment.live_objects),
            Number::Pages => Some(moment.heap_bytes),
            Number::Resident => Some(moment.resident_bytes).filter(|&of| of != 0),
            Number::Private => Some(moment.private_bytes).filter(|&of| of != 0),
        }
    }
}

/// Types that are drawn.
const TYPES: usize = 7;

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    if !(10..=400).contains(&arguments.width) {
        return Err(Failure::Usage("--width must be from 10 to 400".to_owned()));
    }
    let counts = arguments.what.iter().filter(|&&what| what == Number::Objects).count();
    if counts != 0 && counts != arguments.what.len() && arguments.output.is_some() {
        return Err(Failure::Usage("objects and bytes do not share an axis: draw them apart".to_owned()));
    }
    let mut dumps = Vec::new();
    for path in &arguments.dumps {
        dumps.push(context.open(path)?);
    }
    timeline::sort(&mut dumps);
    if arguments.types && dumps.len() < 2 {
        return Err(Failure::Usage("--types needs several dumps".to_owned()));
    }
    let line = Timeline::of(&dumps)?;
    let start = line.start_ns();
    let mut chart = match arguments.types {
        true => types(&dumps, start, context),
        false => numbers(&line, start, &arguments.what),
    };
    let seconds = |time: u64| time.saturating_sub(start) as f64 / 1e9;
    for of in line.scopes() {
        let (from, to) = (seconds(of.from_ns), seconds(of.to_ns));
        chart.marks.push(Mark { name: of.name, from, to, depth: of.depth });
    }
    let is_collection = |what: What| matches!(what, What::Young | What::Full);
    let collections = line.happenings.iter().filter(|of| is_collection(of.event.what));
    chart.ticks = collections.map(|of| seconds(of.event.time_ns)).collect();
    let name = dumps.last().and_then(|dump| dump.text(dump.books.name)).unwrap_or_default();
    chart.title = format!("rcgc heap {}", names::line(&name));
    report(arguments, context, &chart, &line)
}

fn numbers(line: &Timeline, start: u64, what: &[Number]) -> Chart {
    let mut chart = Chart::default();
    for &number in what {
        let point = |of: &Moment| Some(((of.time_ns - start) as f64 / 1e9, number.of(of)? as f64));
        let points = line.moments.iter().filter_map(point).collect();
        chart.lines.push(Line { name: number.name().to_owned(), points });
    }
    chart
}

/// Bytes by type in each dump, of the types that changed most.
fn types(dumps: &[Dump], start: u64, context: &Context) -> Chart {
    let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (number, dump) in dumps.iter().enumerate() {
        let heap = Heap::new(dump, context.progress);
        for object in dump.all() {
            let name = dump.name_of_type_of(object);
            if !all.contains_key(&*name) {
                all.insert(name.to_string(), vec![0; dumps.len()]);
            }
            if let Some(sum) = all.get_mut(&*name).and_then(|of| of.get_mut(number)) {
                *sum = sum.saturating_add(heap.size(object));
            }
        }
    }
    let change = |of: &[u64]| of.iter().max().unwrap_or(&0) - of.iter().min().unwrap_or(&0);
    let mut sorted: Vec<(String, Vec<u64>)> = all.into_iter().collect();
    sorted.sort_by_key(|(name, of)| (Reverse(change(of)), name.clone()));
    let mut chart = Chart::default();
    for (name, values) in sorted.into_iter().take(TYPES) {
        let times = dumps.iter().map(|dump| dump.preamble.monotonic_ns.saturating_sub(start) as f64 / 1e9);
        let points = times.zip(values.into_iter().map(|of| of as f64)).collect();
        chart.lines.push(Line { name: names::line(&name), points });
    }
    chart
}

fn report(
    arguments: &Arguments,
    context: &Context,
    chart: &Chart,
    line: &Timeline,
) -> Result<Report, Failure> {
    let is_count = |name: &str| !arguments.types && name == Number::Objects.name();
    let shown = |name: &str, value: f64| match is_count(name) {
        true => crate::output::text::count(value as u64),
        false => bytes(value as u64),
    };
    // A picture has one axis, and lines of one kind.
    let first = chart.lines.first().map_or("", |line| &line.name);
    let mut report = Report::default();
    if let Some(path) = &arguments.output {
        context.save(path, chart.svg(|value| shown(first, value)).as_bytes())?;
        report.fact("file", path.as_str());
    }
    report.fact("samples", Cell::Count(line.moments.len() as u64));
    report.fact("time", Cell::Nanoseconds(line.end_ns() - line.start_ns()));
    report.fact("collections", Cell::Count(chart.ticks.len() as u64));
    for of in &chart.lines {
        if of.points.is_empty() {
            report.sentence(format!("no sample has {}", of.name));
        }
    }
    if arguments.output.is_none() {
        let rows = chart.text(arguments.width, shown);
        report.drawing = rows;
    }
    report.tables.push(samples(chart, is_count));
    report.tables.push(lines(chart, is_count));
    Ok(report)
}

/// A row for each line.
fn lines(chart: &Chart, is_count: impl Fn(&str) -> bool) -> Table {
    let columns = ["what", "first", "last", "least", "most", "slope_per_second"];
    let mut table = Table::new("lines", "", &columns);
    for line in chart.lines.iter().filter(|line| !line.points.is_empty()) {
        let values = || line.points.iter().map(|point| point.1);
        let cell = |value: f64| match is_count(&line.name) {
            true => Cell::Count(value as u64),
            false => Cell::Bytes(value as u64),
        };
        let change = |value: f64| match is_count(&line.name) {
            true => Cell::Change(value as i64),
            false => Cell::ByteChange(value as i64),
        };
        table.row(vec![
            line.name.as_str().into(),
            cell(values().next().unwrap_or(0.0)),
            cell(values().next_back().unwrap_or(0.0)),
            cell(values().fold(f64::MAX, f64::min)),
            cell(values().fold(0.0, f64::max)),
            slope(&line.points).map_or(Cell::None, change),
        ]);
    }
    table
}

/// All points, for programs.
fn samples(chart: &Chart, is_count: impl Fn(&str) -> bool) -> Table {
    let mut table = Table::new("samples", "", &["what", "time", "value"]);
    table.is_for_programs = true;
    for line in &chart.lines {
        for &(at, value) in &line.points {
            let value =
                if is_count(&line.name) { Cell::Count(value as u64) } else { Cell::Bytes(value as u64) };
            table.row(vec![line.name.as_str().into(), Cell::Nanoseconds((at * 1e9).round() as u64), value]);
        }
    }
    table
}
