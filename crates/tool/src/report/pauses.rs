//! The panel of pauses: how long collections took.

use super::html::{Html, Short};
use super::{tables, Panel, Subject};
use crate::dump::What;
use crate::output::text::{count, shown};
use crate::output::{Cell, Table};

pub const PANEL: Panel = Panel {
    id: "pauses",
    short: "Pauses",
    title: "Pauses",
    about:
        "How long collections took, since the heap began; and how the pauses that the series still has are \
            distributed.",
    write,
};

fn write(subject: &Subject, html: &mut Html) {
    let dump = subject.heap.dump;
    let of = |wanted: What| -> Vec<u64> {
        let events = dump.accounts.events.iter().filter(|event| event.what == wanted);
        let mut pauses: Vec<u64> = events.map(|event| event.duration_ns).collect();
        pauses.sort_unstable();
        pauses
    };
    let kinds = [("young", dump.books.young, of(What::Young)), ("full", dump.books.full, of(What::Full))];
    let columns = [
        "collections",
        "runs",
        "examined",
        "ended",
        "all_pauses",
        "longest",
        "last",
        "in_series",
        "half_below",
        "90_%_below",
        "99_%_below",
    ];
    let mut table = Table::new("pauses", "", &columns);
    for (name, books, pauses) in &kinds {
        let mut row = vec![
            (*name).into(),
            Cell::Count(books.runs),
            Cell::Count(books.examined),
            Cell::Count(books.reclaimed),
            Cell::Nanoseconds(books.pause_ns_total),
            Cell::Nanoseconds(books.pause_ns_max),
            Cell::Nanoseconds(books.pause_ns_last),
            Cell::Count(pauses.len() as u64),
        ];
        row.extend(
            [50, 90, 99].map(|percent| percentile(pauses, percent).map_or(Cell::None, Cell::Nanoseconds)),
        );
        table.row(row);
    }
    tables::write(html, &table, "pauses-table", &tables::Looks::default());
    let [young, full] = kinds.map(|(_, _, pauses)| pauses);
    if young.is_empty() && full.is_empty() {
        html.markup(
            "<p class=\"none\">The dump does not say how the pauses are distributed: \
                     <code>gc_series_start</code> begins a series, which keeps each.</p>\n",
        );
        return;
    }
    histogram(html, &young, &full);
}

/// The least pause that is not below so many percent of all (nearest rank); of sorted ones.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// Pauses by powers of two.
fn histogram(html: &mut Html, young: &[u64], full: &[u64]) {
    let bucket = |pause: u64| (u64::BITS - pause.leading_zeros()) as usize;
    let mut counts = vec![(0u64, 0u64); u64::BITS as usize + 1];
    young.iter().for_each(|&pause| counts[bucket(pause)].0 += 1);
    full.iter().for_each(|&pause| counts[bucket(pause)].1 += 1);
    let is_used = |of: &(u64, u64)| of.0 + of.1 != 0;
    let first = counts.iter().position(is_used).unwrap_or(0);
    let last = counts.iter().rposition(is_used).unwrap_or(0);
    let most = counts.iter().map(|of| of.0 + of.1).max().unwrap_or(1).max(1);
    html.markup("<p class=\"legend\"><span><i class=\"mark by-count\"></i>young</span>");
    html.markup("<span><i class=\"mark by-collector\"></i>full</span></p>\n");
    html.markup("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"table\">");
    html.markup("<table id=\"pauses-histogram\"><thead><tr><th scope=\"col\">at least</th>");
    html.markup("<th scope=\"col\" class=\"n\">young</th><th scope=\"col\" class=\"n\">full</th>");
    html.markup("<th scope=\"col\" class=\"stack\">collections</th></tr></thead><tbody>\n");
    for (at, &(young, full)) in counts.iter().enumerate().take(last + 1).skip(first) {
        let least = if at == 0 { 0 } else { 1u64 << (at - 1) };
        html.markup("<tr>").element("th", &[("scope", &"row")], shown(&Cell::Nanoseconds(least)));
        for number in [young, full] {
            html.element("td", &[("class", &"n"), ("data-v", &number)], count(number));
        }
        html.markup("<td class=\"stack\"><div>");
        for (class, number) in [("by-count", young), ("by-collector", full)] {
            let style = format!("width:{}%", Short(number as f64 * 100.0 / most as f64));
            html.element("i", &[("class", &class), ("style", &style)], "");
        }
        html.markup("</div></td></tr>\n");
    }
    html.markup("</tbody></table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let pauses: Vec<u64> = (1..=100).collect();
        assert_eq!([50, 90, 99].map(|percent| percentile(&pauses, percent)), [Some(50), Some(90), Some(99)]);
        assert_eq!(percentile(&[7], 50), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }
}
