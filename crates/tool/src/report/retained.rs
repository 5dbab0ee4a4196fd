//! Two panels of what keeps the bytes: by type and field, and by object.

use super::html::Html;
use super::{flame, retention, treemap, Panel, Subject};

pub const FLAME: Panel = Panel {
    id: "retention",
    short: "Retention",
    title: "Retained bytes by type and field",
    about:
        "Below each box is what only its objects keep, by the reference that leads there; its width is the \
            bytes that would go with it. ×n: the same step again and again, as along a list.",
    write: write_flame,
};

pub const MAP: Panel = Panel {
    id: "owners",
    short: "Owners",
    title: "Retained bytes by object",
    about:
        "Inside each box is what only its object keeps; areas are bytes. What is small is summed up by type.",
    write: write_map,
};

/// Objects that have a box of their own.
const OBJECTS: usize = 600;

fn write_flame(subject: &Subject, html: &mut Html) {
    let tree = retention::by_way(subject.heap, &subject.colours, &subject.edges);
    let words =
        flame::Words { id: "flame", label: "Retained bytes by type and field", column: "kept, and by what" };
    match tree.total() {
        0 => html.markup("<p class=\"none\">The heap has no objects.</p>\n"),
        _ => {
            flame::write(html, &tree, &words);
            html
        }
    };
}

fn write_map(subject: &Subject, html: &mut Html) {
    let tree = retention::by_object(subject.heap, &subject.colours, &subject.edges, OBJECTS);
    match tree.total() {
        0 => html.markup("<p class=\"none\">The heap has no objects.</p>\n"),
        _ => {
            treemap::write(html, &tree, "Retained bytes by object");
            html
        }
    };
}
