//! The HTML report: one page, one file, nothing loaded from anywhere.
//!
//! | file | subject |
//! |---|---|
//! | `sources` | lines of the host's sources |
//! | `html` | writing HTML such that no name of the host's can be markup |
//! | `tables` | tables of commands as tables of the page |
//! | `palette` | which type has which colour |
//! | `tree`, `flame`, `treemap` | trees of bytes, and two pictures of them |
//! | `drawing` | small drawings: ways, rings |
//! | `chart` | lines, marks and brackets over time |
//! | `retention` | the trees of what keeps the bytes |
//! | the others | one panel each: from a [`Subject`] to HTML |
//! | `assets` | the style sheet and the script, which become part of the page |
//!
//! Everything to be read is in the HTML; the script adds searching, sorting, zooming and keys. The page
//! forbids itself, by its policy, to load or send anything, and to run any other script than ours, whatever
//! the names in a dump say. Its size is bounded by the limits of its panels, not by the heap.

mod chart;
mod cycles;
mod definitions;
mod diff;
mod drawing;
mod flame;
mod html;
mod overview;
mod palette;
mod pauses;
mod policy;
mod retained;
mod retention;
mod sites;
mod sources;
mod survival;
mod suspects;
mod tables;
mod timeline;

mod tree;
mod treemap;
mod types;

use crate::dump::Label;
use crate::heap::Heap;
use crate::output::names;
use html::Html;
use palette::Colour;
use std::path::PathBuf;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");

/// What the user asked for.
pub struct Options {
    /// Types that are listed.
    pub types: usize,
    /// Percent of the heap's bytes that make a suspect.
    pub share: f64,
    /// The folder of the host's sources.
    pub source: Option<PathBuf>,
}

/// What the page is about, and what several panels need.
struct Subject<'a> {
    heap: &'a Heap<'a>,
    /// The earlier dump.
    before: Option<&'a Heap<'a>>,
    options: &'a Options,
    /// By type.
    colours: Vec<Colour>,
    /// By object: how its owner refers to it.
    edges: Vec<Label>,
}

/// A section of the page.
struct Panel {
    id: &'static str,
    /// In the list of panels.
    short: &'static str,
    title: &'static str,
    /// A sentence under the title.
    about: &'static str,
    write: fn(&Subject, &mut Html),
}

const PANELS: [Panel; 12] = [
    overview::PANEL,
    timeline::PANEL,
    pauses::PANEL,
    suspects::PANEL,
    types::PANEL,
    retained::FLAME,
    retained::MAP,
    sites::PANEL,
    cycles::PANEL,
    survival::PANEL,
    diff::PANEL,
    definitions::PANEL,
];

/// The whole page.
pub fn page(heap: &Heap, before: Option<&Heap>, options: &Options) -> String {
    let _stage = heap.progress.stage("writing the report", 0);
    let colours = palette::of_types(heap);
    let edges = heap.owning_edges();
    let subject = Subject { heap, before, options, colours, edges };
    let mut html = Html::new();
    head(&subject, &mut html);
    html.markup("<main id=\"main\">\n");
    for panel in PANELS {
        let heading = format!("h-{}", panel.id);
        html.open("section", &[("id", &panel.id), ("aria-labelledby", &heading)]);
        html.element("h2", &[("id", &heading)], panel.title);
        html.element("p", &[("class", &"about")], panel.about).markup("\n");
        (panel.write)(&subject, &mut html);
        html.close("section").markup("\n");
    }
    html.markup("</main>\n<script>").markup(SCRIPT).markup("</script>\n</body></html>\n");
    html.finish()
}

fn name_of(heap: &Heap) -> String {
    match heap.dump.text(heap.dump.books.name) {
        Some(name) => names::line(&name),
        None => "without a name".to_owned(),
    }
}

fn head(subject: &Subject, html: &mut Html) {
    let name = name_of(subject.heap);
    html.markup("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    let policy = policy::of(SCRIPT);
    html.open("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &policy)]);
    html.markup("\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    html.markup("<meta name=\"color-scheme\" content=\"light dark\">\n");
    // Without it a browser asks the folder of the page for one.
    html.markup("<link rel=\"icon\" href=\"data:,\">\n");
    html.element("title", &[], format_args!("heap {name}: rcgc report"));
    html.markup("\n<style>").markup(STYLE).markup("</style></head>\n<body>\n");
    html.markup("<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header><h1>Heap ");
    html.element("b", &[], &name).markup("</h1>");
    overview::which(subject, html);
    html.markup("</header>\n<nav aria-label=\"Panels\"><ul>");
    for panel in PANELS {
        html.markup("<li>").element("a", &[("href", &format_args!("#{}", panel.id))], panel.short);
        html.markup("</li>");
    }
    html.markup("</ul></nav>\n");
}
