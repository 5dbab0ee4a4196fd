//! Drawings of a few boxes: ways that join, from left to right, and rings of types. Laid out here.

use super::html::{Html, Short};
use std::f64::consts::PI;

/// Boxes of a drawing.
pub const BOXES_MAX: usize = 150;

const WIDTH: f64 = 204.0;
const HEIGHT: f64 = 38.0;
const GAP_X: f64 = 124.0;
const GAP_Y: f64 = 12.0;
const MARGIN: f64 = 6.0;
/// How many letters fit into a box, and into the gap between two.
const BOX_CHARS: usize = 28;
const EDGE_CHARS: usize = 16;

/// A box, and the arrow that leads to it.
pub struct Drawn {
    /// None: the first box, or the first of several.
    pub parent: Option<usize>,
    pub edge: String,
    pub title: String,
    pub note: String,
    /// Classes of the style sheet.
    pub class: String,
}

/// A name cut so that it takes no more than this many letters; wide ones count twice.
pub fn clip(text: &str, most: usize) -> String {
    let width = |character: char| if u32::from(character) >= 0x1100 { 2 } else { 1 };
    if text.chars().map(width).sum::<usize>() <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let mut clipped = String::new();
    for character in text.chars() {
        match left.checked_sub(width(character)) {
            Some(rest) => left = rest,
            None => break,
        }
        clipped.push(character);
    }
    clipped + "…"
}

/// Where each box lies: column and middle. A box stands beside the middle of those it leads to.
fn places(boxes: &[Drawn]) -> (Vec<(usize, f64)>, f64) {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); boxes.len()];
    let mut columns = vec![0; boxes.len()];
    for (at, drawn) in boxes.iter().enumerate() {
        if let Some(parent) = drawn.parent {
            children[parent].push(at);
            columns[at] = columns[parent] + 1;
        }
    }
    let mut middles = vec![0.0f64; boxes.len()];
    let mut next = 0.0;
    // Leaves from the top down in the order of a walk, then each box between its first and last child.
    let mut stack: Vec<usize> = (0..boxes.len()).rev().filter(|&at| boxes[at].parent.is_none()).collect();
    while let Some(at) = stack.pop() {
        if children[at].is_empty() {
            middles[at] = next + HEIGHT / 2.0;
            next += HEIGHT + GAP_Y;
        }
        stack.extend(children[at].iter().rev());
    }
    for at in (0..boxes.len()).rev() {
        if let (Some(&first), Some(&last)) = (children[at].first(), children[at].last()) {
            middles[at] = (middles[first] + middles[last]) / 2.0;
        }
    }
    (columns.into_iter().zip(middles).collect(), next - GAP_Y)
}

/// Ways from left to right. Parents stand before their children; at most [`BOXES_MAX`] are drawn.
pub fn ways(html: &mut Html, boxes: &[Drawn], label: &str) {
    let boxes = &boxes[..boxes.len().min(BOXES_MAX)];
    if boxes.is_empty() {
        return;
    }
    let (places, height) = places(boxes);
    let columns = places.iter().map(|&(column, _)| column).max().unwrap_or(0) as f64;
    let width = columns * (WIDTH + GAP_X) + WIDTH + 2.0 * MARGIN;
    begin(html, width, height + 2.0 * MARGIN, label);
    let left = |at: usize| MARGIN + places[at].0 as f64 * (WIDTH + GAP_X);
    let middle = |at: usize| MARGIN + places[at].1;
    for (at, drawn) in boxes.iter().enumerate() {
        let Some(parent) = drawn.parent else { continue };
        let (from_x, from_y, to_x, to_y) = (left(parent) + WIDTH, middle(parent), left(at), middle(at));
        let bend = from_x + 14.0;
        let path = format!(
            "M{} {}H{}L{} {}H{}",
            Short(from_x),
            Short(from_y),
            Short(bend),
            Short(bend + 8.0),
            Short(to_y),
            Short(to_x - 7.0)
        );
        html.open("path", &[("class", &"edge"), ("d", &path)]).close("path");
        arrow_head(html, to_x, to_y, 0.0);
        let (x, y, room) = (Short(bend + 10.0), Short(to_y - 19.0), Short(GAP_X - 32.0));
        html.open("svg", &[("x", &x), ("y", &y), ("width", &room), ("height", &"18")]);
        html.open("text", &[("class", &"edge"), ("y", &14)]);
        html.element("title", &[], &drawn.edge).text(clip(&drawn.edge, EDGE_CHARS));
        html.close("text").close("svg");
    }
    for (at, drawn) in boxes.iter().enumerate() {
        write_box(html, left(at), middle(at) - HEIGHT / 2.0, drawn);
    }
    html.markup("</svg></div>\n");
}

fn begin(html: &mut Html, width: f64, height: f64, label: &str) {
    html.markup("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"drawing\">");
    html.open(
        "svg",
        &[
            ("class", &"drawing"),
            ("role", &"img"),
            ("aria-label", &label),
            ("width", &Short(width)),
            ("height", &Short(height)),
            ("viewBox", &format_args!("0 0 {} {}", Short(width), Short(height))),
        ],
    );
}

fn write_box(html: &mut Html, x: f64, y: f64, drawn: &Drawn) {
    html.open("g", &[("class", &format_args!("node {}", drawn.class))]);
    html.element("title", &[], format_args!("{} {}", drawn.title, drawn.note));
    let (width, height) = (Short(WIDTH), Short(HEIGHT));
    html.open(
        "rect",
        &[("x", &Short(x)), ("y", &Short(y)), ("width", &width), ("height", &height), ("rx", &"4")],
    );
    html.close("rect");
    // A picture of its own cuts what is wider than the box.
    let room = Short(WIDTH - 14.0);
    html.open("svg", &[("x", &Short(x + 9.0)), ("y", &Short(y)), ("width", &room), ("height", &height)]);
    let first = if drawn.note.is_empty() { 23 } else { 16 };
    html.element("text", &[("y", &first)], clip(&drawn.title, BOX_CHARS));
    if !drawn.note.is_empty() {
        html.element("text", &[("class", &"note"), ("y", &31)], clip(&drawn.note, BOX_CHARS + 3));
    }
    html.close("svg");
    html.close("g");
}

/// The head of an arrow whose point is here, in the direction of an angle.
fn arrow_head(html: &mut Html, x: f64, y: f64, angle: f64) {
    let wing = |turn: f64| (x - 9.0 * (angle + turn).cos(), y - 9.0 * (angle + turn).sin());
    let ((ax, ay), (bx, by)) = (wing(0.4), wing(-0.4));
    let points = format!("{},{} {},{} {},{}", Short(x), Short(y), Short(ax), Short(ay), Short(bx), Short(by));
    html.open("polygon", &[("class", &"head"), ("points", &points)]).close("polygon");
}

/// An arrow of a ring: from one box to another, by number.
pub struct Arrow {
    pub from: usize,
    pub to: usize,
    pub label: String,
    /// Whether the ring is best broken there.
    pub is_weakest: bool,
}

/// Boxes on a circle, clockwise from the top, with arrows between any of them.
pub fn ring(html: &mut Html, boxes: &[Drawn], arrows: &[Arrow], label: &str) {
    let count = boxes.len().max(1) as f64;
    let most = |wanted: &dyn Fn(&Arrow) -> bool| {
        let same = |of: &Arrow| arrows.iter().filter(|a| (a.from, a.to) == (of.from, of.to)).count();
        arrows.iter().filter(|&arrow| wanted(arrow)).map(same).max().unwrap_or(0) as f64
    };
    // Far enough apart for the boxes and the letters between them, with room for what bends out.
    let (loops, bows) = (most(&|arrow| arrow.from == arrow.to), most(&|arrow| arrow.from != arrow.to));
    let (radius_x, radius_y) = match boxes.len() {
        0 | 1 => (0.0, 0.0),
        2 => (170.0, 0.0),
        _ => ((WIDTH * count / PI).max(190.0), ((HEIGHT + 46.0) * count / PI).max(90.0)),
    };
    let beside = if boxes.len() > 2 { 40.0 + 17.0 * bows } else { 0.0 };
    let below = if boxes.len() > 1 { 10.0 + 17.0 * bows } else { 0.0 };
    let above = below.max(20.0 * loops + 8.0);
    let width = 2.0 * (radius_x + beside + MARGIN) + WIDTH;
    let height = 2.0 * (radius_y + MARGIN) + HEIGHT + above + below;
    let (middle_x, middle_y) = (width / 2.0, above + radius_y + MARGIN + HEIGHT / 2.0);
    let centre = |at: usize| {
        let start = if boxes.len() == 2 { PI } else { -PI / 2.0 };
        let angle = start + 2.0 * PI * at as f64 / count;
        (middle_x + radius_x * angle.cos(), middle_y + radius_y * angle.sin())
    };
    begin(html, width, height, label);
    for (nth, arrow) in arrows.iter().enumerate() {
        let same = |other: &&Arrow| (other.from, other.to) == (arrow.from, arrow.to);
        let before = arrows[..nth].iter().filter(same).count() as f64;
        let class = if arrow.is_weakest { "edge weakest" } else { "edge" };
        if arrow.from == arrow.to {
            loop_arrow(html, centre(arrow.from), before, class, &arrow.label);
        } else {
            curved_arrow(html, centre(arrow.from), centre(arrow.to), before, class, &arrow.label);
        }
    }
    for (at, drawn) in boxes.iter().enumerate() {
        let (x, y) = centre(at);
        write_box(html, x - WIDTH / 2.0, y - HEIGHT / 2.0, drawn);
    }
    html.markup("</svg></div>\n");
}

fn edge_label(html: &mut Html, x: f64, y: f64, class: &'static str, label: &str) {
    let (x, y) = (Short(x), Short(y));
    html.open("text", &[("class", &class), ("x", &x), ("y", &y), ("text-anchor", &"middle")]);
    html.element("title", &[], label).text(clip(label, 22)).close("text");
}

/// From the top of a box and back to it.
fn loop_arrow(html: &mut Html, (x, y): (f64, f64), before: f64, class: &'static str, label: &str) {
    let top = y - HEIGHT / 2.0;
    let (from, to, high) = (x + 40.0, x - 40.0, 26.0 + 26.0 * before);
    let path = format!(
        "M{} {}C{} {} {} {} {} {}",
        Short(from),
        Short(top),
        Short(from + 20.0),
        Short(top - high),
        Short(to - 20.0),
        Short(top - high),
        Short(to),
        Short(top - 3.0)
    );
    html.open("path", &[("class", &class), ("d", &path)]).close("path");
    arrow_head(html, to, top, PI / 2.0 - 0.4);
    edge_label(html, x, top - high * 0.75 - 5.0, class, label);
}

/// Where the line from a box's middle to a point leaves the box.
fn border((x, y): (f64, f64), (to_x, to_y): (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (to_x - x, to_y - y);
    let scale = (WIDTH / 2.0 / dx.abs().max(1e-9)).min(HEIGHT / 2.0 / dy.abs().max(1e-9));
    (x + dx * scale, y + dy * scale)
}

/// A bow from one box to another, bent to its left, the further the more arrows go the same way.
fn curved_arrow(
    html: &mut Html,
    from: (f64, f64),
    to: (f64, f64),
    before: f64,
    class: &'static str,
    label: &str,
) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    let bend = 40.0 + 34.0 * before;
    let (turn_x, turn_y) =
        ((from.0 + to.0) / 2.0 + dy / length * bend, (from.1 + to.1) / 2.0 - dx / length * bend);
    let (start, end) = (border(from, (turn_x, turn_y)), border(to, (turn_x, turn_y)));
    let path = format!(
        "M{} {}Q{} {} {} {}",
        Short(start.0),
        Short(start.1),
        Short(turn_x),
        Short(turn_y),
        Short(end.0),
        Short(end.1)
    );
    html.open("path", &[("class", &class), ("d", &path)]).close("path");
    arrow_head(html, end.0, end.1, (end.1 - turn_y).atan2(end.0 - turn_x));
    let (x, y) = ((start.0 + 2.0 * turn_x + end.0) / 4.0, (start.1 + 2.0 * turn_y + end.1) / 4.0);
    edge_label(html, x, y + if dx > 0.0 { -5.0 } else { 13.0 }, class, label);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(parent: Option<usize>, title: &str) -> Drawn {
        let (edge, note, class) = ("next".to_owned(), String::new(), String::new());
        Drawn { parent, edge, title: title.to_owned(), note, class }
    }

    #[test]
    fn boxes_stand_beside_what_they_lead_to_and_do_not_overlap() {
        let boxes = [
            drawn(None, "a"),
            drawn(Some(0), "b"),
            drawn(Some(0), "c"),
            drawn(Some(1), "d"),
            drawn(Some(1), "e"),
        ];
        let (places, height) = places(&boxes);
        assert_eq!(places.iter().map(|of| of.0).collect::<Vec<_>>(), [0, 1, 1, 2, 2]);
        assert!(places[3].1 + HEIGHT < places[4].1);
        assert_eq!(places[1].1, (places[3].1 + places[4].1) / 2.0);
        assert!(places[1].1 + HEIGHT < places[2].1);
        assert_eq!(height, 3.0 * HEIGHT + 2.0 * GAP_Y);
    }

    #[test]
    fn long_names_are_clipped() {
        assert_eq!(clip("Session", 7), "Session");
        assert_eq!(clip("Sessions", 7), "Sessio…");
        assert_eq!(clip("漢字漢字", 5), "漢字…");
        assert_eq!(clip("漢", 0), "…");
    }

    #[test]
    fn a_drawing_has_a_limit() {
        let boxes: Vec<Drawn> = (0..1000).map(|at: usize| drawn(at.checked_sub(1), "x")).collect();
        let mut html = Html::new();
        ways(&mut html, &boxes, "a long way");
        assert_eq!(html.finish().matches("<rect").count(), BOXES_MAX);
    }
}
