//! The panel of suspects: in words, each with the way that keeps it.

use super::drawing::{self, Drawn};
use super::html::Html;
use super::sources::Sources;
use super::{Panel, Subject};
use crate::dump::{Label, Object, NO_INDEX};
use crate::findings::suspects::{Suspect, What};
use crate::findings::ways;
use crate::heap::Heap;
use crate::output::names;
use crate::output::text::{bytes, count};
use crate::wording;
use rcgc_format::graph::NONE;
use std::cmp::Reverse;
use std::collections::HashMap;

pub const PANEL: Panel = Panel {
    id: "suspects",
    short: "Suspects",
    title: "Suspects",
    about: "What probably should not be there: without it a large share of the heap would go.",
    write,
};

/// Suspects that are told, steps of a way that are drawn, and types behind its end.
const SUSPECTS: usize = 12;
const STEPS: usize = 7;
const FAN: usize = 7;
/// Places that are told.
const PLACES: usize = 3;

fn write(subject: &Subject, html: &mut Html) {
    let heap = subject.heap;
    let found = wording::suspects::told(heap, subject.options.share);
    if found.is_empty() {
        let share = subject.options.share;
        let text = format!("None: no object and no type keeps {share} % of the heap's bytes.");
        html.element("p", &[("class", &"none")], text);
        return;
    }
    let mut sources = subject.options.source.as_deref().map(Sources::below);
    for told in found.iter().take(SUSPECTS) {
        let suspect = &told.of;
        html.markup("<article class=\"suspect\">");
        html.open("h3", &[]).text(&told.name).markup(" <span>");
        let share = suspect.retained as f64 * 100.0 / heap.total().max(1) as f64;
        html.text(format_args!("{}, {share:.1} %", bytes(suspect.retained))).markup("</span></h3>\n");
        html.element("p", &[], capitalised(&told.reason)).markup("\n");
        write_places(subject, html, suspect, &mut sources);
        let boxes = boxes(subject, suspect);
        if !boxes.is_empty() {
            drawing::ways(html, &boxes, &format!("What keeps {}, and what it keeps", told.name));
        }
        html.markup("</article>\n");
    }
    if found.len() > SUSPECTS {
        let more = found.len() - SUSPECTS;
        html.element("p", &[("class", &"none")], format_args!("{more} more are left out."));
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// By site: the bytes and objects of what a suspect keeps, those with most first.
fn places(subject: &Subject, suspect: &Suspect) -> Vec<(usize, u64, u64)> {
    let heap = subject.heap;
    let dump = heap.dump;
    let owners = heap.owners();
    let Some(&top) = suspect.tops.first().filter(|_| !dump.accounts.sites.is_empty()) else {
        return Vec::new();
    };
    let is_single = matches!(suspect.what, What::Object { .. });
    let least = heap.total() as f64 * subject.options.share / 100.0;
    let is_top = |object: Object| match is_single {
        true => object == top,
        false => {
            let is_small = (owners.retained[object as usize] as f64) < least;
            let same_kind = dump.objects.kind[object as usize] == dump.objects.kind[top as usize];
            owners.dominator[object as usize] == NONE && same_kind && is_small && heap.is_alive(object)
        }
    };
    let mut is_inside = vec![false; dump.len()];
    let mut sums: HashMap<usize, (u64, u64)> = HashMap::new();
    // An owner comes before what it owns.
    for &object in &owners.reached {
        let owner = owners.dominator[object as usize];
        if !is_top(object) && (owner == NONE || !is_inside[owner as usize]) {
            continue;
        }
        is_inside[object as usize] = true;
        if let Some(site) = dump.site_of(object) {
            let of = sums.entry(site).or_default();
            *of = (of.0.saturating_add(heap.size(object)), of.1 + 1);
        }
    }
    let mut sorted: Vec<_> =
        sums.into_iter().map(|(site, (bytes, objects))| (site, bytes, objects)).collect();
    sorted.sort_by_key(|&(site, bytes, _)| (Reverse(bytes), site));
    sorted.truncate(PLACES);
    sorted
}

/// Where what a suspect keeps was made, with the lines of the source.
fn write_places(subject: &Subject, html: &mut Html, suspect: &Suspect, sources: &mut Option<Sources>) {
    let dump = subject.heap.dump;
    for (site, sum, objects) in places(subject, suspect) {
        let site = &dump.accounts.sites[site];
        let place = names::place(dump, site);
        let text = format!("{} objects with {} of it were made at {place}.", count(objects), bytes(sum));
        html.element("p", &[("class", &"made")], text);
        let lines = sources
            .as_mut()
            .and_then(|sources| sources.around(&dump.text(site.place.file)?, site.place.line));
        let Some(lines) = lines else { continue };
        html.markup("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"source\"><pre>");
        for line in lines {
            let number = format!("{:>5}  ", line.number);
            html.text(number);
            match line.is_place {
                true => html.element("mark", &[], line.text),
                false => html.text(line.text),
            };
            html.markup("\n");
        }
        html.markup("</pre></div>\n");
    }
}

/// The making of a drawing: ways that begin alike are one as long as they are.
struct Ways<'a> {
    heap: &'a Heap<'a>,
    boxes: Vec<Drawn>,
    of_object: HashMap<Object, usize>,
}

/// The steps of a way that are drawn: the same one again and again is one, and the middle of a long way is
/// left out.
enum Part {
    Step { to: Object, label: Label, times: usize },
    Gap(usize),
}

impl Ways<'_> {
    fn object(&mut self, parent: Option<(usize, String)>, object: Object, class: &str) -> usize {
        if let Some(&at) = self.of_object.get(&object) {
            return at;
        }
        let (edge, parent) = match parent {
            Some((parent, edge)) => (edge, Some(parent)),
            None => (String::new(), None),
        };
        let note = format!("keeps {}", bytes(self.heap.owners().retained[object as usize]));
        let title = names::object(self.heap.dump, object);
        self.boxes.push(Drawn { parent, edge, title, note, class: class.to_owned() });
        self.of_object.insert(object, self.boxes.len() - 1);
        self.boxes.len() - 1
    }

    /// What keeps a way's first object, and that object.
    fn root(&mut self, object: Object) -> usize {
        if let Some(&at) = self.of_object.get(&object) {
            return at;
        }
        let (title, note) = (wording::ways::held_by(self.heap, object), String::new());
        let class = "outside".to_owned();
        self.boxes.push(Drawn { parent: None, edge: String::new(), title, note, class });
        let outside = self.boxes.len() - 1;
        self.object(Some((outside, String::new())), object, "")
    }

    /// From the box of an object over a chain of further ones.
    fn chain(&mut self, mut at: usize, steps: &[(Object, Label)]) -> usize {
        for part in folded(self.heap, steps) {
            at = match part {
                Part::Step { to, label, times } => {
                    let mut edge = match label.field {
                        NONE => "…".to_owned(),
                        _ => names::edge(self.heap.dump, label),
                    };
                    if times > 1 {
                        edge += &format!(" ×{}", count(times as u64));
                    }
                    self.object(Some((at, edge)), to, "")
                }
                Part::Gap(steps) => {
                    let title = format!("… {} steps …", count(steps as u64));
                    let (edge, note) = (String::new(), String::new());
                    self.boxes.push(Drawn { parent: Some(at), edge, title, note, class: "gap".to_owned() });
                    self.boxes.len() - 1
                }
            };
        }
        at
    }
}

fn folded(heap: &Heap, steps: &[(Object, Label)]) -> Vec<Part> {
    let kind = |object: Object| heap.dump.objects.kind[object as usize];
    let mut parts: Vec<Part> = Vec::new();
    for &(to, label) in steps {
        match parts.last_mut() {
            Some(Part::Step { to: last, label: before, times })
                if *before == label && label.index == NO_INDEX && kind(*last) == kind(to) =>
            {
                *last = to;
                *times += 1;
            }
            _ => parts.push(Part::Step { to, label, times: 1 }),
        }
    }
    if parts.len() > STEPS {
        let left_out: Vec<Part> = parts.drain(STEPS / 2..parts.len() - STEPS / 2).collect();
        let times = |part: &Part| if let Part::Step { times, .. } = part { *times } else { 0 };
        parts.insert(STEPS / 2, Part::Gap(left_out.iter().map(times).sum()));
    }
    parts
}

fn boxes(subject: &Subject, suspect: &Suspect) -> Vec<Drawn> {
    let heap = subject.heap;
    let mut drawn = Ways { heap, boxes: Vec::new(), of_object: HashMap::new() };
    for &top in &suspect.tops {
        let Some(way) = ways::shortest(heap, top) else { continue };
        let root = way.first().map_or(top, |step| step.from);
        let at = drawn.root(root);
        let targets = way.iter().skip(1).map(|step| step.from).chain([top]);
        let steps: Vec<(Object, Label)> = targets.zip(way.iter().map(|step| step.label)).collect();
        let at = drawn.chain(at, &steps);
        drawn.boxes[at].class = "suspected".to_owned();
        if let What::Object { accumulates: end, .. } = suspect.what {
            let at = drawn.chain(at, &owners_down(subject, top, end));
            fan(subject, &mut drawn, at, end);
        }
    }
    drawn.boxes
}

/// From an object down to one that it owns by way of others.
fn owners_down(subject: &Subject, top: Object, end: Object) -> Vec<(Object, Label)> {
    let dominator = &subject.heap.owners().dominator;
    let mut steps = Vec::new();
    let mut at = end;
    while at != top && at != NONE {
        steps.push((at, subject.edges[at as usize]));
        at = dominator[at as usize];
    }
    steps.reverse();
    steps
}

/// What an object owns directly, by type and field.
fn fan(subject: &Subject, drawn: &mut Ways, at: usize, end: Object) {
    let heap = subject.heap;
    let owned = heap.owners().owned();
    let mut groups: HashMap<(u32, u32, bool), (u64, u64, Label)> = HashMap::new();
    for &object in owned.by(end) {
        let label = subject.edges[object as usize];
        let key = (heap.dump.objects.kind[object as usize], label.field, label.index != NO_INDEX);
        let of = groups.entry(key).or_insert((0, 0, label));
        *of = (of.0 + 1, of.1.saturating_add(heap.owners().retained[object as usize]), of.2);
    }
    let mut sorted: Vec<_> = groups.into_iter().collect();
    sorted.sort_by_key(|&(key, (_, bytes, _))| (Reverse(bytes), key));
    let rest = sorted.split_off(sorted.len().min(FAN));
    for ((kind, field, _), (objects, sum, label)) in sorted {
        let edge = match field {
            NONE => "…".to_owned(),
            _ => names::edge_shape(heap.dump, label),
        };
        let title = format!("{} {}", count(objects), names::line(&heap.dump.type_name(kind)));
        let note = bytes(sum);
        drawn.boxes.push(Drawn { parent: Some(at), edge, title, note, class: "many".to_owned() });
    }
    if !rest.is_empty() {
        let title = format!("{} other kinds", rest.len());
        let note = bytes(rest.iter().fold(0, |sum, &(_, (_, bytes, _))| sum.saturating_add(bytes)));
        let edge = String::new();
        drawn.boxes.push(Drawn { parent: Some(at), edge, title, note, class: "many".to_owned() });
    }
}
