//! The panel of memory over time: lines of the engine and of the process, scopes as brackets, collections as
//! marks.

use super::chart::{self, Line, Span};
use super::html::{Html, Short};
use super::{tables, Panel, Subject};
use crate::dump::{Accounts, Dump, Event, Moment, What};
use crate::export::timeline::Timeline;
use crate::output::text::{bytes, count, shown};
use crate::output::{Cell, Table};
use crate::wording::summary;
use std::cmp::Reverse;

pub const PANEL: Panel = Panel {
    id: "time",
    short: "Time",
    title: "Memory over time",
    about: "What the heap had, and what the process had, at each sample; what happened meanwhile.",
    write,
};

/// Brackets and marks that are drawn; the longest are.
const BRACKETS: usize = 250;
const MARKS: usize = 400;
/// Scopes in scopes that are drawn.
const LANES: usize = 5;
const LANE: f64 = 16.0;
/// Rows of the tables.
const ROWS: usize = 40;

fn write(subject: &Subject, html: &mut Html) {
    let dump = subject.heap.dump;
    if dump.accounts.moments.is_empty() {
        html.markup(
            "<p class=\"none\">The dump has no series: <code>gc_series_start</code> begins one.</p>\n",
        );
    } else if dump.accounts.moments.len() == 1 {
        // One moment is no line, and has no axis.
        html.markup("<p class=\"none\">The series has one sample, too few for a line.</p>\n");
        moments(html, &dump.accounts, span_of(&dump.accounts));
    } else {
        draw(html, dump);
    }
    scopes(subject, html);
}

fn span_of(accounts: &Accounts) -> Span {
    let moments = accounts.moments.iter().map(|moment| moment.time_ns);
    let begin_ns = moments.clone().min().unwrap_or(0);
    Span { begin_ns, end_ns: moments.max().unwrap_or(0).max(begin_ns.saturating_add(1)) }
}

fn draw(html: &mut Html, dump: &Dump) {
    let accounts = &dump.accounts;
    let span = span_of(accounts);
    let line = |name, class, of: fn(&Moment) -> u64| Line {
        name,
        class,
        points: accounts.moments.iter().map(|moment| (moment.time_ns, of(moment))).collect(),
    };
    let mut engine = vec![
        line("live bytes", "s0", |moment| moment.live_bytes),
        line("pages of the heap", "s1", |moment| moment.heap_bytes),
    ];
    if accounts.moments.iter().any(|moment| moment.external_bytes != 0) {
        engine.push(line("external bytes", "s2", |moment| moment.external_bytes));
    }
    chart::lines(html, span, &engine, 230.0, "the engine's bytes over time");
    // One dump is always a line.
    if let Ok(line) = Timeline::of(std::slice::from_ref(dump)) {
        brackets(html, span, &line);
    }
    marks(html, span, &accounts.events);
    let mut process = vec![line("resident bytes of the process", "s0", |moment| moment.resident_bytes)];
    if accounts.moments.iter().any(|moment| moment.private_bytes != 0) {
        process.push(line("its private bytes", "s1", |moment| moment.private_bytes));
    }
    chart::lines(html, span, &process, 150.0, "the process's bytes over time");
    chart::times(html, span);
    moments(html, accounts, span);
}

fn brackets(html: &mut Html, span: Span, line: &Timeline) {
    let mut found = line.scopes();
    found.retain(|scope| scope.depth < LANES && scope.to_ns >= span.begin_ns);
    if found.is_empty() {
        return;
    }
    found.sort_by_key(|scope| (Reverse(scope.to_ns.saturating_sub(scope.from_ns)), scope.from_ns));
    let left_out = found.len().saturating_sub(BRACKETS);
    found.truncate(BRACKETS);
    let lanes = found.iter().map(|scope| scope.depth).max().unwrap_or(0) + 1;
    chart::begin(html, lanes as f64 * LANE + 4.0, "scopes over time");
    html.element("text", &[("x", &Short(chart::LEFT - 8.0)), ("y", &13), ("text-anchor", &"end")], "scopes");
    for scope in &found {
        let (left, right) = (span.x(scope.from_ns), span.x(scope.to_ns));
        let lasted = Cell::Nanoseconds(scope.to_ns.saturating_sub(scope.from_ns));
        let (x, y) = (Short(left), Short(scope.depth as f64 * LANE + 1.0));
        let (width, height) = (Short((right - left).max(1.0)), Short(LANE - 2.0));
        html.open("svg", &[("x", &x), ("y", &y), ("width", &width), ("height", &height)]);
        html.element("title", &[], format_args!("{}, {}", scope.name, shown(&lasted)));
        html.markup("<rect class=\"scope\" width=\"100%\" height=\"100%\"></rect>");
        if right - left > 30.0 {
            html.element("text", &[("class", &"in"), ("x", &"4"), ("y", &"11")], &scope.name);
        }
        html.close("svg");
    }
    chart::end(html);
    if left_out != 0 {
        let text = format!("The {} shortest of the scopes are left out.", count(left_out as u64));
        html.element("p", &[("class", &"none")], text);
    }
}

/// Collections, higher the longer they took, by powers of ten; watches that were set off.
fn marks(html: &mut Html, span: Span, events: &[Event]) {
    let mut found: Vec<&Event> = events
        .iter()
        .filter(|event| matches!(event.what, What::Young | What::Full | What::Watch))
        .filter(|event| event.time_ns >= span.begin_ns)
        .collect();
    if found.is_empty() {
        return;
    }
    found.sort_by_key(|event| (Reverse(event.duration_ns), event.time_ns));
    let left_out = found.len().saturating_sub(MARKS);
    found.truncate(MARKS);
    html.markup("<p class=\"legend\"><span><i class=\"mark s1\"></i>a full collection</span>");
    html.markup("<span><i class=\"mark s2\"></i>a young one</span>");
    html.markup("<span><i class=\"mark more\"></i>a watch</span></p>");
    let height = 44.0;
    chart::begin(html, height, "collections over time");
    html.element("text", &[("x", &Short(chart::LEFT - 8.0)), ("y", &38), ("text-anchor", &"end")], "pauses");
    for event in found {
        let (class, what) = match event.what {
            What::Full => ("full", "a full collection"),
            What::Young => ("young", "a young collection"),
            _ => ("watch", "a watch was set off"),
        };
        // From 1 µs to 1 s.
        let tall = match event.what {
            What::Watch => 40.0,
            _ => 6.0 + 34.0 * ((event.duration_ns.max(1) as f64).log10() - 3.0).clamp(0.0, 6.0) / 6.0,
        };
        let (x, y) = (Short(span.x(event.time_ns) - 1.0), Short(height - 2.0 - tall));
        let class = format!("mark-{class}");
        html.open(
            "rect",
            &[("class", &class), ("x", &x), ("y", &y), ("width", &"2"), ("height", &Short(tall))],
        );
        let pause = shown(&Cell::Nanoseconds(event.duration_ns));
        let title = match event.what {
            What::Watch => format!("{what}, {} live", bytes(event.live_bytes)),
            _ => format!("{what}, {pause}, ended {} objects", count(event.value)),
        };
        html.element("title", &[], title).close("rect");
    }
    chart::end(html);
    if left_out != 0 {
        let text = format!("The {} shortest pauses are left out.", count(left_out as u64));
        html.element("p", &[("class", &"none")], text);
    }
}

/// Some of the samples as a table.
fn moments(html: &mut Html, accounts: &Accounts, span: Span) {
    let columns = ["time", "live_objects", "live_bytes", "external", "pages", "resident", "collections"];
    let mut table = Table::new("samples", "", &columns);
    let step = accounts.moments.len().div_ceil(ROWS).max(1);
    let last = accounts.moments.len() - 1;
    for (at, moment) in accounts.moments.iter().enumerate() {
        if at % step != 0 && at != last {
            continue;
        }
        table.row(vec![
            shown(&Cell::Nanoseconds(moment.time_ns.saturating_sub(span.begin_ns))).into(),
            Cell::Count(moment.live_objects),
            Cell::Bytes(moment.live_bytes),
            Cell::Bytes(moment.external_bytes),
            Cell::Bytes(moment.heap_bytes),
            Cell::Bytes(moment.resident_bytes),
            Cell::Count(moment.young_runs + moment.full_runs),
        ]);
    }
    let all = count(accounts.moments.len() as u64);
    html.markup("<details><summary>As a table</summary>");
    html.element("p", &[("class", &"none")], format_args!("Of {all} samples these."));
    tables::write(html, &table, "samples", &tables::Looks::default());
    html.markup("</details>\n");
}

/// What happened in measured scopes.
fn scopes(subject: &Subject, html: &mut Html) {
    html.markup("<h3>Measured scopes</h3>\n");
    if subject.heap.dump.accounts.scopes.is_empty() {
        html.markup(
            "<p class=\"none\">The dump has none: under a profile, scopes with a name are measured, ",
        );
        html.markup("and told when they were left.</p>\n");
        return;
    }
    let mut table = summary::scopes(subject.heap);
    table.left_out = table.rows.len().saturating_sub(ROWS) as u64;
    table.rows.truncate(ROWS);
    tables::write(html, &table, "scopes", &tables::Looks::default());
}
