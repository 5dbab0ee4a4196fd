//! The panel of types: the table of `rcgc types`, with bars.

use super::html::Html;
use super::palette::Colour;
use super::{tables, Panel, Subject};
use crate::output::names;
use crate::{findings, wording};
use std::cmp::Reverse;

pub const PANEL: Panel = Panel {
    id: "types",
    short: "Types",
    title: "Types",
    about:
        "What each type has, and what only its objects keep. A bar is a part of the largest number of its \
            column.",
    write,
};

fn write(subject: &Subject, html: &mut Html) {
    let dump = subject.heap.dump;
    let mut types = findings::types::all(subject.heap);
    types.sort_by_cached_key(|of| (Reverse(of.size()), dump.type_name(of.kind).into_owned(), of.kind));
    let most = if subject.options.types == 0 { usize::MAX } else { subject.options.types };
    let table = wording::types::table(subject.heap, &types, most);
    // The rows have names, as people see them, of which several types may have the same.
    let mut colours: std::collections::HashMap<String, Colour> = std::collections::HashMap::new();
    for (kind, &colour) in (0..).zip(&subject.colours) {
        let of = colours.entry(names::line(&dump.type_name(kind))).or_insert(colour);
        if of.number() > colour.number() {
            *of = colour;
        }
    }
    let colours: Vec<Colour> = table
        .rows
        .iter()
        .map(|row| row.first().map_or(String::new(), crate::output::text::shown))
        .map(|name| colours.get(&name).copied().unwrap_or(Colour::OTHER))
        .collect();
    let looks = tables::Looks {
        has_search: true,
        bars: &["objects", "bytes", "external", "retained"],
        colours: &colours,
    };
    tables::write(html, &table, "types-table", &looks);
}
