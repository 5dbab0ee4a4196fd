//! The panel of the places that allocate: a table, and a flame graph of what was allocated.

use super::flame;
use super::html::Html;
use super::palette::Colour;
use super::tree::Tree;
use super::{tables, Panel, Subject};
use crate::dump::{Dump, Site};
use crate::export::stacks::{self, Of, Value};
use crate::export::{choose, Wanted};
use crate::findings::sites::{self, By};
use crate::output::text::count;
use crate::output::{names, Table};
use crate::wording;
use std::cmp::Reverse;
use std::collections::HashMap;

pub const PANEL: Panel = Panel {
    id: "sites",
    short: "Sites",
    title: "Where objects are made",
    about: "The places in the source that allocate, since the profile began; exact.",
    write,
};

/// Sites that are listed.
const SITES: usize = 150;
/// Frames of a stack.
const FRAMES: usize = 28;

fn type_of(dump: &Dump, kind: Option<u32>) -> String {
    kind.map_or("several".to_owned(), |kind| names::line(&dump.type_name(kind)))
}

fn write(subject: &Subject, html: &mut Html) {
    let dump = subject.heap.dump;
    if dump.accounts.sites.is_empty() && !dump.accounts.counts_sites() && dump.accounts.totals.is_some() {
        html.markup("<p class=\"none\">The profile samples call stacks alone: it counts no places.</p>\n");
    } else if dump.accounts.sites.is_empty() {
        html.markup(
            "<p class=\"none\">The dump has no profile: <code>gc_profile_start</code> begins one.</p>\n",
        );
    } else {
        let table = table(dump);
        let bars = &["live_bytes", "peak_bytes", "allocated_bytes"];
        tables::write(html, &table, "sites-table", &tables::Looks { has_search: true, bars, colours: &[] });
        html.markup("<h3>Allocated bytes by file, function, line and type</h3>\n");
        let words = flame::Words {
            id: "allocated",
            label: "Allocated bytes by file, function, line and type",
            column: "allocated, and where",
        };
        flame::write(html, &allocated(subject), &words);
    }
    html.markup("<h3>Allocated bytes by call stack</h3>\n");
    by_stack(subject, html);
}

/// Those first with most live bytes.
fn table(dump: &Dump) -> Table {
    let all: Vec<&Site> = dump.accounts.sites.iter().collect();
    let mut rows = sites::summed(dump, &all, By::Site);
    rows.sort_by_key(|row| (Reverse(row.of.live_bytes()), row.place.clone(), row.function.clone()));
    wording::sites::table(&rows, By::Site, SITES)
}

/// Nodes of a tree by what is above them and what they are called.
#[derive(Default)]
struct Nodes(HashMap<(usize, String), usize>);

impl Nodes {
    fn at(&mut self, tree: &mut Tree, parent: usize, name: String, colour: Colour) -> usize {
        *self.0.entry((parent, name.clone())).or_insert_with(|| tree.add(parent, name, colour))
    }
}

fn allocated(subject: &Subject) -> Tree {
    let dump = subject.heap.dump;
    let mut tree = Tree::new("all");
    let mut nodes = Nodes::default();
    for site in &dump.accounts.sites {
        let mut at = 0;
        if let Some(file) = dump.text(site.place.file) {
            at = nodes.at(&mut tree, at, names::line(&file), Colour::NONE);
            at = nodes.at(&mut tree, at, names::line(&dump.function_text(site.place)), Colour::NONE);
            at = nodes.at(&mut tree, at, format!("line {}", site.place.line), Colour::NONE);
        } else {
            at = nodes.at(&mut tree, at, names::line(&dump.place_text(site.place)), Colour::NONE);
        }
        let colour = site.kind.map_or(Colour::OTHER, |kind| subject.colours[kind as usize]);
        at = nodes.at(&mut tree, at, type_of(dump, site.kind), colour);
        tree.nodes[at].bytes = tree.nodes[at].bytes.saturating_add(site.allocated_bytes);
        tree.nodes[at].objects += site.allocated_objects;
    }
    tree.sum_up();
    tree
}

fn by_stack(subject: &Subject, html: &mut Html) {
    let everything = Wanted::default();
    let found = choose(subject.heap, &everything)
        .and_then(|part| stacks::of(subject.heap, Some(Of::Stacks), &part, &everything));
    let Ok(found) = found else {
        html.markup(
            "<p class=\"none\">The dump has no call stacks: a profile samples them when asked to.</p>\n",
        );
        return;
    };
    let mut colours: HashMap<String, Colour> = HashMap::new();
    for (kind, &colour) in (0..).zip(&subject.colours) {
        colours.insert(subject.heap.dump.type_name(kind).into_owned(), colour);
    }
    let mut tree = Tree::new("all");
    let mut nodes = Nodes::default();
    for row in &found.rows {
        let mut at = 0;
        // From the outermost frame; of a deep stack those next to the allocation.
        for &frame in row.frames.iter().take(FRAMES).rev() {
            let name = names::line(&found.frames[frame as usize].text());
            at = nodes.at(&mut tree, at, name, Colour::NONE);
        }
        let kind = row.kind.as_deref();
        let colour = kind.and_then(|kind| colours.get(kind)).copied().unwrap_or(Colour::OTHER);
        at = nodes.at(&mut tree, at, kind.map_or("several".to_owned(), names::line), colour);
        tree.nodes[at].bytes = tree.nodes[at].bytes.saturating_add(row.values[Value::MadeBytes as usize]);
        tree.nodes[at].objects += row.values[Value::MadeObjects as usize];
    }
    tree.sum_up();
    if tree.total() == 0 {
        html.markup("<p class=\"none\">Nothing was sampled.</p>\n");
        return;
    }
    let samples = subject.heap.dump.accounts.sampled.iter().map(|of| of.samples).sum();
    html.element(
        "p",
        &[("class", &"none")],
        format_args!(
            "These are estimates from {} samples, each divided by its own probability; a box with n of them \
             is wrong by about one part in √n.",
            count(samples)
        ),
    );
    let words = flame::Words {
        id: "stacks",
        label: "Allocated bytes by call stack, estimated",
        column: "allocated, and by which calls",
    };
    flame::write(html, &tree, &words);
}
