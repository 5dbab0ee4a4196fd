//! The first panel: which heap, when, how much.

use super::html::Html;
use super::{tables, Panel, Subject};
use crate::findings;
use crate::heap::Heap;
use crate::output::text::{bytes, count, moment, shown};
use crate::output::{names, Cell};
use crate::wording::summary;

pub const PANEL: Panel = Panel {
    id: "overview",
    short: "Overview",
    title: "Overview",
    about: "What the heap had when the dump was written.",
    write,
};

/// One line about a dump: "under load, 2026-01-31 12:00:00 UTC, process 4242".
pub fn line(heap: &Heap) -> String {
    let dump = heap.dump;
    let label =
        dump.text(dump.books.label).map_or(String::new(), |label| format!("“{}”, ", names::line(&label)));
    let (time, process) = (moment(dump.preamble.wall_clock_ns), dump.preamble.process);
    format!("{label}{time}, process {process}")
}

/// What stands under the name of the heap.
pub fn which(subject: &Subject, html: &mut Html) {
    html.element("p", &[], line(subject.heap));
    if let Some(before) = subject.before {
        html.element("p", &[], format_args!("compared with {}", line(before)));
    }
    if let Some(cut) = &subject.heap.dump.cut {
        let text = format!("The dump is not whole: {cut}. The report is about what lies before.");
        html.element("p", &[("class", &"warning")], text);
    }
}

fn write(subject: &Subject, html: &mut Html) {
    let facts_of = |heap: &Heap| summary::facts(heap, &findings::summary::of(heap));
    let facts = facts_of(subject.heap);
    let before = subject.before.map(facts_of);
    html.markup("<dl class=\"tiles\">");
    for (name, title) in [
        ("bytes", "bytes of objects"),
        ("external_bytes", "external bytes"),
        ("objects", "objects"),
        ("held_objects", "held from outside"),
        ("garbage_bytes", "bytes of garbage"),
        ("pages", "pages of the heap"),
        ("longest_pause", "longest pause"),
    ] {
        let find =
            |facts: &[(&str, Cell)]| facts.iter().find(|fact| fact.0 == name).map(|fact| fact.1.clone());
        let Some(cell) = find(&facts) else { continue };
        html.markup("<div>").element("dt", &[], title).element("dd", &[], shown(&cell));
        if let Some(was) = before.as_ref().and_then(|before| find(before)) {
            html.element("dd", &[("class", &"was")], changed(&was, &cell));
        }
        if let ("pages", Some(most)) = (name, facts.iter().find(|fact| fact.0 == "pages_peak")) {
            html.element("dd", &[("class", &"was")], format_args!("at most {}", shown(&most.1)));
        }
        html.markup("</div>");
    }
    html.markup("</dl>\n");
    for sentence in &summary::unknown_chunks(subject.heap) {
        html.element("p", &[("class", &"warning")], sentence);
    }
    html.markup("<details><summary>All facts</summary><dl class=\"facts\">");
    for (name, cell) in &facts {
        html.markup("<div>").element("dt", &[], name.replace('_', " "));
        html.element("dd", &[], shown(cell)).markup("</div>");
    }
    html.markup("</dl></details>\n");
    for table in [summary::holders(subject.heap), summary::followed(subject.heap)] {
        if !table.rows.is_empty() {
            html.element("h3", &[], &table.title).markup("\n");
            tables::write(html, &table, table.name, &tables::Looks::default());
        }
    }
}

/// "+1.2 MiB"
fn changed(before: &Cell, after: &Cell) -> String {
    let text = match (before, after) {
        (Cell::Bytes(before), Cell::Bytes(after)) => (after.cmp(before), bytes(before.abs_diff(*after))),
        (Cell::Count(before), Cell::Count(after)) => (after.cmp(before), count(before.abs_diff(*after))),
        _ => return format!("was {}", shown(before)),
    };
    match text {
        (std::cmp::Ordering::Less, by) => format!("−{by}"),
        (std::cmp::Ordering::Equal, _) => "no change".to_owned(),
        (std::cmp::Ordering::Greater, by) => format!("+{by}"),
    }
}
