//! The last panel: what each number means.

use super::html::Html;
use super::{Panel, Subject};
use crate::output::text::bytes;

pub const PANEL: Panel = Panel {
    id: "definitions",
    short: "Definitions",
    title: "What the numbers mean",
    about: "Every number is exact, unless its definition says otherwise.",
    write,
};

/// Paragraphs: the first line of each is what is defined.
const DEFINITIONS: &str = include_str!("assets/definitions.txt");

fn write(subject: &Subject, html: &mut Html) {
    html.markup("<dl class=\"words\">");
    for paragraph in DEFINITIONS.trim_end().split("\n\n") {
        let (word, meaning) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        html.markup("<div>").element("dt", &[], word).element("dd", &[], meaning).markup("</div>\n");
    }
    html.markup("<div>").element("dt", &[], "this report").open("dd", &[]);
    let dump = subject.heap.dump;
    let (major, minor, patch) = dump.preamble.engine;
    html.text(format_args!(
        "Made by rcgc {} from {}, {}, written by the engine {major}.{minor}.{patch}. ",
        env!("CARGO_PKG_VERSION"),
        crate::output::names::line(&dump.path),
        bytes(dump.file_bytes)
    ));
    html.markup("What objects hold is not in a dump. Nothing of the tool's own is in any number.");
    html.markup("</dd></div></dl>\n");
}
