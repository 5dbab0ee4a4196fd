//! The panel of what changed since the earlier dump.

use super::html::{named, Html, Short};
use super::{tables, Panel, Subject};
use crate::findings::diff::{change, compare, compare_places, Sums};
use crate::heap::Heap;
use crate::output::names;
use crate::output::text::{bytes, shown};
use crate::output::Cell;
use crate::wording;
use std::cmp::Reverse;

pub const PANEL: Panel = Panel {
    id: "changes",
    short: "Changes",
    title: "Changes",
    about: "What grew and what shrank between two dumps, by type and by the place that made it.",
    write,
};

/// Types, or places, that have a step of their own.
const STEPS: usize = 25;

/// One step from the earlier total to the later one.
struct Step {
    name: String,
    change: i128,
    /// What the further columns say; empty for a sum of several.
    cells: Vec<Cell>,
}

/// A drawing of steps.
struct Waterfall {
    id: &'static str,
    /// What a row is, and the further columns.
    columns: Vec<&'static str>,
    totals: [u64; 2],
    steps: Vec<Step>,
}

fn write(subject: &Subject, html: &mut Html) {
    let Some(before) = subject.before else {
        html.markup("<p class=\"none\">There is no earlier dump to compare with: ");
        html.markup("<code>rcgc report earlier.dump later.dump</code>.</p>\n");
        return;
    };
    let same_heap = before.dump.is_same_heap(subject.heap.dump);
    if !same_heap {
        html.markup(
            "<p class=\"warning\">The dumps are of different heaps: objects are compared by type only.</p>\n",
        );
    }
    by_type(subject, html, before, same_heap);
    by_site(subject, html, before);
}

fn by_type(subject: &Subject, html: &mut Html, before: &Heap, same_heap: bool) {
    let mut columns = vec!["type", "objects", "retained"];
    if same_heap {
        columns.extend(["new", "gone", "kept"]);
    }
    let cells = |of: &Sums| {
        let mut cells = vec![Cell::Change(change(of.objects)), Cell::ByteChange(change(of.retained))];
        if same_heap {
            cells.extend([of.new, of.gone, of.kept].map(Cell::Count));
        }
        cells
    };
    let steps = compare([before, subject.heap], same_heap)
        .into_iter()
        .filter(|(_, of)| of.is_changed())
        .map(|(name, of)| Step {
            name: names::line(&name),
            change: i128::from(of.bytes[1]) - i128::from(of.bytes[0]),
            cells: cells(&of),
        })
        .collect();
    let totals = [before.total(), subject.heap.total()];
    waterfall(html, Waterfall { id: "waterfall", columns, totals, steps });
}

/// Live bytes by the place that made them.
fn by_site(subject: &Subject, html: &mut Html, before: &Heap) {
    html.markup("<h3>By the place that made the objects</h3>\n");
    let Some(all) = compare_places([before.dump, subject.heap.dump]) else {
        html.markup("<p class=\"none\">The dumps do not say it both, of one heap: a profile does.</p>\n");
        return;
    };
    let mut totals = [0u64; 2];
    for of in all.values() {
        totals = [0, 1].map(|side| totals[side].saturating_add(of.bytes[side]));
    }
    let steps = all
        .into_iter()
        .filter(|(_, of)| of.is_changed())
        .map(|(place, of)| Step {
            name: wording::diff::place(&place),
            change: i128::from(of.bytes[1]) - i128::from(of.bytes[0]),
            cells: vec![wording::diff::kind(&place).into(), Cell::Change(change(of.objects))],
        })
        .collect();
    let columns = vec!["site", "type", "objects"];
    waterfall(html, Waterfall { id: "waterfall-sites", columns, totals, steps });
}

/// Each row begins where the one above it ends.
fn waterfall(html: &mut Html, mut of: Waterfall) {
    of.steps.sort_by(|a, b| (Reverse(a.change.abs()), &a.name).cmp(&(Reverse(b.change.abs()), &b.name)));
    let rest = of.steps.split_off(of.steps.len().min(STEPS));
    if !rest.is_empty() {
        let change = rest.iter().map(|step| step.change).sum();
        of.steps.push(Step { name: format!("{} others", rest.len()), change, cells: Vec::new() });
    }
    if of.steps.is_empty() {
        html.markup("<p class=\"none\">Nothing changed.</p>\n");
        return;
    }
    let mut level = i128::from(of.totals[0]);
    let mut ends = vec![(0, level)];
    for step in &of.steps {
        ends.push((level, level + step.change));
        level += step.change;
    }
    ends.push((0, i128::from(of.totals[1])));
    let inner = &ends[1..ends.len() - 1];
    let low = inner.iter().map(|&(a, b)| a.min(b)).min().unwrap_or(0);
    let high = ends.iter().map(|&(a, b)| a.max(b)).max().unwrap_or(1).max(1);
    // What all rows have in common is not drawn when it is most of them.
    let base = if low * 2 > high { low - (high - low) / 4 } else { 0 };
    let scale = |value: i128| (value - base).max(0) as f64 * 100.0 / (high - base).max(1) as f64;
    head(html, &of);
    for (at, &(from, to)) in ends.iter().enumerate() {
        let step = at.checked_sub(1).and_then(|at| of.steps.get(at));
        let is_total = step.is_none();
        html.open("tr", &[("class", &if is_total { "total" } else { "" })]);
        let name = match (step, at) {
            (Some(step), _) => step.name.clone(),
            (None, 0) => "earlier".to_owned(),
            (None, _) => "later".to_owned(),
        };
        html.element("th", &[("scope", &"row")], named(&name));
        let text = match step {
            Some(step) => shown(&Cell::ByteChange(i64::try_from(step.change).unwrap_or(i64::MAX))),
            None => bytes(u64::try_from(to).unwrap_or(0)),
        };
        let exact = step.map_or(to, |step| step.change);
        html.element("td", &[("class", &"n"), ("data-v", &exact)], text);
        let (left, right) = if is_total { (base, to) } else { (from.min(to), from.max(to)) };
        let class = match to >= from {
            _ if is_total => "alive",
            true => "more",
            false => "less",
        };
        let width = (scale(right) - scale(left)).max(0.3);
        let style = format!("margin-left:{}%;width:{}%", Short(scale(left).min(99.7)), Short(width));
        html.markup("<td class=\"stack\"><div>").element("i", &[("class", &class), ("style", &style)], "");
        html.markup("</div></td>");
        let cells = step.map_or(&[][..], |step| &step.cells);
        for cell in cells {
            let class = if tables::number(cell).is_some() { "n" } else { "" };
            html.element("td", &[("class", &class)], shown(cell));
        }
        if cells.is_empty() {
            html.element("td", &[("colspan", &(of.columns.len() - 1))], "");
        }
        html.markup("</tr>\n");
    }
    html.markup("</tbody></table></div>\n");
    if base > 0 {
        let text = format!("The bars begin at {}.", bytes(u64::try_from(base).unwrap_or(0)));
        html.element("p", &[("class", &"none")], text);
    }
}

fn head(html: &mut Html, of: &Waterfall) {
    html.markup("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"table\">");
    html.open("table", &[("id", &of.id)]).markup("<thead><tr>");
    let mut columns = of.columns.iter();
    html.element("th", &[("scope", &"col")], columns.next().unwrap_or(&""));
    html.markup("<th scope=\"col\" class=\"n\">bytes</th>");
    html.markup("<th scope=\"col\" class=\"stack\">from the earlier total to the later</th>");
    for column in columns {
        let class = if *column == "type" { "" } else { "n" };
        html.element("th", &[("scope", &"col"), ("class", &class)], column);
    }
    html.markup("</tr></thead><tbody>\n");
}
