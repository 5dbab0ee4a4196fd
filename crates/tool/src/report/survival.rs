//! The panel of how objects end: how many, and by count or by the collector.

use super::html::{named, Html, Short};
use super::{Panel, Subject};
use crate::dump::Site;
use crate::findings::sites::{self, By};
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
    by_type(subject, html);
    ages(subject, html);
}

fn by_type(subject: &Subject, html: &mut Html) {
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
        let name = names::line(&dump.type_name(kind));
        html.markup("<tr>").element("th", &[("scope", &"row")], named(&name));
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

/// At which age objects ended, of all sites together.
fn ages(subject: &Subject, html: &mut Html) {
    html.markup("<h3>Age at the end</h3>\n");
    let all: Vec<&Site> = subject.heap.dump.accounts.sites.iter().collect();
    let (rows, _) = sites::ages(&sites::summed(subject.heap.dump, &all, By::Site));
    if rows.is_empty() {
        html.markup(
            "<p class=\"none\">The dump does not say: a profile counts it, of objects that end.</p>\n",
        );
        return;
    }
    let total = rows.iter().map(|row| row[2] as f64).sum::<f64>().max(1.0);
    let most = rows.iter().map(|row| row[2]).max().unwrap_or(1).max(1) as f64;
    html.markup("<p class=\"none\">The age of an object is how many others were made in its life.</p>\n");
    html.markup("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"table\"><table id=\"ages\">");
    html.markup(
        "<thead><tr><th scope=\"col\">objects made meanwhile</th><th scope=\"col\" class=\"n\">ended</th>",
    );
    html.markup(
        "<th scope=\"col\" class=\"n\">share so far</th><th scope=\"col\" class=\"stack\">ended</th></tr>",
    );
    html.markup("</thead><tbody>\n");
    let mut so_far = 0.0;
    for [from, to, number] in rows {
        so_far += number as f64;
        let name = if from == to { count(from) } else { format!("{} to {}", count(from), count(to)) };
        html.markup("<tr>").element("th", &[("scope", &"row")], name);
        html.element("td", &[("class", &"n"), ("data-v", &number)], count(number));
        html.element("td", &[("class", &"n")], format_args!("{:.1} %", so_far * 100.0 / total));
        let style = format!("width:{}%", Short(number as f64 * 100.0 / most));
        html.markup("<td class=\"stack\"><div>").element(
            "i",
            &[("class", &"by-count"), ("style", &style)],
            "",
        );
        html.markup("</div></td></tr>\n");
    }
    html.markup("</tbody></table></div>\n");
}
