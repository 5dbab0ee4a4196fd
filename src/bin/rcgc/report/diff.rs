//! The panel of what changed since the earlier dump.

use super::html::{Html, Short};
use super::{overview, Panel, Subject};
use crate::commands::diff::{self, Sums};
use crate::output::names;
use crate::output::text::{bytes, count, shown};
use crate::output::Cell;
use std::cmp::Reverse;

pub const PANEL: Panel = Panel {
    id: "changes",
    short: "Changes",
    title: "Changes",
    about: "What grew and what shrank between two dumps, by type.",
    write,
};

/// Types that have a step of their own.
const TYPES: usize = 25;

/// One step from the earlier total to the later one.
struct Step {
    name: String,
    change: i128,
    sums: Option<Sums>,
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
    let mut steps: Vec<Step> = diff::compare([before, subject.heap], same_heap)
        .into_iter()
        .filter(|(_, of)| {
            of.new + of.gone != 0 || of.bytes[0] != of.bytes[1] || of.retained[0] != of.retained[1]
        })
        .map(|(name, of)| Step {
            name: names::line(&name),
            change: i128::from(of.bytes[1]) - i128::from(of.bytes[0]),
            sums: Some(of),
        })
        .collect();
    steps.sort_by(|a, b| (Reverse(a.change.abs()), &a.name).cmp(&(Reverse(b.change.abs()), &b.name)));
    let rest = steps.split_off(steps.len().min(TYPES));
    if !rest.is_empty() {
        let change = rest.iter().map(|step| step.change).sum();
        steps.push(Step { name: format!("{} other types", rest.len()), change, sums: None });
    }
    if steps.is_empty() {
        html.markup("<p class=\"none\">Nothing changed.</p>\n");
        return;
    }
    waterfall(html, subject, before.total(), &steps, same_heap);
}

/// Each row begins where the one above it ends.
fn waterfall(html: &mut Html, subject: &Subject, before: u64, steps: &[Step], same_heap: bool) {
    let after = subject.heap.total();
    let mut level = i128::from(before);
    let mut ends = vec![(0, level)];
    for step in steps {
        ends.push((level, level + step.change));
        level += step.change;
    }
    ends.push((0, i128::from(after)));
    let inner = &ends[1..ends.len() - 1];
    let low = inner.iter().map(|&(a, b)| a.min(b)).min().unwrap_or(0);
    let high = ends.iter().map(|&(a, b)| a.max(b)).max().unwrap_or(1).max(1);
    // What all rows have in common is not drawn when it is most of them.
    let base = if low * 2 > high { low - (high - low) / 4 } else { 0 };
    let scale = |value: i128| (value - base).max(0) as f64 * 100.0 / (high - base).max(1) as f64;
    html.markup(
        "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"table\"><table id=\"waterfall\">",
    );
    html.markup("<thead><tr><th scope=\"col\">type</th><th scope=\"col\" class=\"n\">bytes</th>");
    html.markup("<th scope=\"col\" class=\"stack\">from the earlier total to the later</th>");
    html.markup("<th scope=\"col\" class=\"n\">objects</th><th scope=\"col\" class=\"n\">retained</th>");
    if same_heap {
        html.markup("<th scope=\"col\" class=\"n\">new</th><th scope=\"col\" class=\"n\">gone</th>");
        html.markup("<th scope=\"col\" class=\"n\">kept</th>");
    }
    html.markup("</tr></thead><tbody>\n");
    for (at, &(from, to)) in ends.iter().enumerate() {
        let step = at.checked_sub(1).and_then(|at| steps.get(at));
        let is_total = step.is_none();
        html.open("tr", &[("class", &if is_total { "total" } else { "" })]);
        let name = match (step, at) {
            (Some(step), _) => step.name.clone(),
            (None, 0) => format!("earlier: {}", subject.before.map_or(String::new(), overview::line)),
            (None, _) => format!("later: {}", overview::line(subject.heap)),
        };
        html.element("th", &[("scope", &"row")], name);
        let text = match step {
            Some(step) => shown(&Cell::ByteChange(step.change as i64)),
            None => bytes(to as u64),
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
        match step.and_then(|step| step.sums) {
            Some(of) => {
                let cells =
                    [Cell::Change(Sums::change(of.objects)), Cell::ByteChange(Sums::change(of.retained))];
                for cell in cells {
                    html.element("td", &[("class", &"n")], shown(&cell));
                }
                for number in [of.new, of.gone, of.kept].into_iter().filter(|_| same_heap) {
                    html.element("td", &[("class", &"n")], count(number));
                }
            }
            None => {
                html.element("td", &[("colspan", &if same_heap { 5 } else { 2 })], "");
            }
        }
        html.markup("</tr>\n");
    }
    html.markup("</tbody></table></div>\n");
    if base > 0 {
        let text = format!("The bars begin at {}.", bytes(base as u64));
        html.element("p", &[("class", &"none")], text);
    }
}
