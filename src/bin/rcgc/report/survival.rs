//! The panel of how objects end: how many, and by count or by the collector.

use super::html::{Html, Short};
use super::{Panel, Subject};
use crate::output::names;
use crate::output::text::count;
use std::cmp::Reverse;

pub const PANEL: Panel = Panel {
    id: "survival",
    short: "Ends",
    title: "How objects end",
    about: "Of all objects that a type ever had: those that ended with their last reference, those that the \
            collector ended, and those that live.",
    write,
};

/// Types that are shown.
const TYPES: usize = 40;

fn write(subject: &Subject, html: &mut Html) {
    let dump = subject.heap.dump;
    let mut order: Vec<u32> =
        (0..dump.types.len() as u32).filter(|&kind| dump.types[kind as usize].allocated != 0).collect();
    order.sort_by_key(|&kind| (Reverse(dump.types[kind as usize].allocated), kind));
    if order.is_empty() {
        html.markup("<p class=\"none\">No object was made.</p>\n");
        return;
    }
    let left_out = order.len().saturating_sub(TYPES);
    html.markup("<p class=\"legend\"><span><i class=\"mark by-count\"></i>ended by count</span>");
    html.markup("<span><i class=\"mark by-collector\"></i>ended by the collector</span>");
    html.markup("<span><i class=\"mark alive\"></i>live</span></p>\n");
    html.markup("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"table\"><table>");
    html.markup("<thead><tr><th scope=\"col\">type</th><th scope=\"col\" class=\"n\">made</th>");
    html.markup("<th scope=\"col\" class=\"n\">ended by count</th>");
    html.markup("<th scope=\"col\" class=\"n\">ended by the collector</th>");
    html.markup(
        "<th scope=\"col\" class=\"n\">live</th><th scope=\"col\" class=\"stack\">parts</th></tr></thead>",
    );
    html.markup("<tbody>\n");
    for kind in order.into_iter().take(TYPES) {
        let of = &dump.types[kind as usize];
        let by_count = of.freed.saturating_sub(of.reclaimed);
        let live = of.allocated.saturating_sub(of.freed);
        html.markup("<tr>").element("th", &[("scope", &"row")], names::line(&dump.type_name(kind)));
        for number in [of.allocated, by_count, of.reclaimed, live] {
            html.element("td", &[("class", &"n"), ("data-v", &number)], count(number));
        }
        html.markup("<td class=\"stack\"><div>");
        for (class, number) in [("by-count", by_count), ("by-collector", of.reclaimed), ("alive", live)] {
            let part = number as f64 * 100.0 / of.allocated.max(1) as f64;
            if part > 0.0 {
                let style = format!("width:{}%", Short(part));
                html.element("i", &[("class", &class), ("style", &style)], "");
            }
        }
        html.markup("</div></td></tr>\n");
    }
    html.markup("</tbody></table></div>\n");
    if left_out != 0 {
        html.element(
            "p",
            &[("class", &"none")],
            format_args!("{} more are left out.", count(left_out as u64)),
        );
    }
}
