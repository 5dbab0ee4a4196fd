//! The panel of rings: one drawing for each shape.

use super::drawing::{self, Arrow, Drawn};
use super::html::Html;
use super::{Panel, Subject};
use crate::dump::{Label, NO_INDEX};
use crate::findings::cycles::{find, OfShape, Relation};
use crate::output::names;
use crate::output::text::{bytes, count};
use crate::wording;

pub const PANEL: Panel = Panel {
    id: "rings",
    short: "Rings",
    title: "Rings",
    about:
        "Objects that all reach each other, by the shape of their references. Only the collector ends rings; \
            the arrow in colour is where making the reference weak would break most.",
    write,
};

/// Shapes that are shown, and types of one that are drawn.
const SHAPES: usize = 12;
const TYPES: usize = 8;
const ARROWS: usize = 24;

fn write(subject: &Subject, html: &mut Html) {
    let found = find(subject.heap, false, SHAPES);
    if found.rings == 0 {
        html.markup("<p class=\"none\">None: no object of this heap reaches itself.</p>\n");
        return;
    }
    let (rings, objects, garbage) = (count(found.rings), count(found.objects), count(found.garbage));
    let sentence = format!("{rings} rings with {objects} objects; {garbage} of the rings are garbage.");
    html.element("p", &[], sentence).markup("\n");
    for shape in &found.shapes {
        write_shape(subject, html, shape);
    }
    if found.left_out != 0 {
        let text = format!("{} more shapes are left out.", count(found.left_out));
        html.element("p", &[("class", &"none")], text);
    }
}

fn write_shape(subject: &Subject, html: &mut Html, shape: &OfShape) {
    let dump = subject.heap.dump;
    let title = wording::cycles::shape(dump, shape);
    html.markup("<article class=\"ring\">").element("h3", &[], &title);
    let rings = if shape.rings == 1 { "ring" } else { "rings" };
    let mut text = format!(
        "{} {rings}, {} objects, {}; {} garbage.",
        count(shape.rings),
        count(shape.objects),
        bytes(shape.bytes),
        count(shape.garbage)
    );
    if let Some((relation, left)) = shape.weakest {
        let weak = wording::cycles::relation(dump, relation);
        text += &match left {
            0 => format!(" With {weak} weak, none of them would be in a ring."),
            _ => format!(" With {weak} weak, {} of the objects would be in rings.", count(left)),
        };
    }
    html.element("p", &[], text).markup("\n");
    draw(subject, html, shape, &title);
    if let Some(example) = shape.example {
        let text = format!("One of them: {}.", names::object(dump, example));
        html.element("p", &[("class", &"none")], text);
    }
    html.markup("</article>\n");
}

/// A ring in which each object refers to one other is drawn as it goes round; of others each type has one
/// box.
fn draw(subject: &Subject, html: &mut Html, shape: &OfShape, title: &str) {
    let mut kinds: Vec<u32> = Vec::new();
    let mut ends: Vec<(Relation, usize, usize)> = Vec::new();
    if let Some(order) = &shape.order {
        kinds = order.iter().map(|relation| relation.0).collect();
        ends = order.iter().enumerate().map(|(at, &of)| (of, at, (at + 1) % order.len())).collect();
    } else {
        for &relation in &shape.relations {
            let [from, to] = [relation.0, relation.2].map(|kind| {
                kinds.iter().position(|&of| of == kind).unwrap_or_else(|| {
                    kinds.push(kind);
                    kinds.len() - 1
                })
            });
            ends.push((relation, from, to));
        }
    }
    if kinds.len() > TYPES || ends.len() > ARROWS {
        return;
    }
    let dump = subject.heap.dump;
    let boxes: Vec<Drawn> = kinds
        .iter()
        .map(|&kind| Drawn {
            parent: None,
            edge: String::new(),
            title: names::line(&dump.type_name(kind)),
            note: String::new(),
            class: subject.colours[kind as usize].class().to_owned(),
        })
        .collect();
    let arrows: Vec<Arrow> = ends
        .into_iter()
        .map(|(relation, from, to)| Arrow {
            from,
            to,
            label: names::edge(dump, Label { field: relation.1, index: NO_INDEX }),
            is_weakest: shape.weakest.is_some_and(|(weakest, _)| weakest == relation),
        })
        .collect();
    drawing::ring(html, &boxes, &arrows, title);
}
