//! A tree of bytes as a treemap: boxes in boxes, areas by bytes.
//!
//! Laid out here in percent, so that there is a picture without the script; the script lays out anew for the
//! window as it is, and zooms. The order of the boxes is that of their sizes (Bruls, Huizing, van Wijk, 2000:
//! squarified treemaps).

use super::html::{Html, Short};
use super::tree::Tree;
use crate::output::text::bytes;

/// Boxes of a picture, and the least share of one.
const BOXES: usize = 900;
const SHARE_MIN: f64 = 0.0005;
/// Boxes in boxes.
const DEPTH_MAX: usize = 12;
/// The width of the picture over its height, where the script does not know better.
const ASPECT: f64 = 1.9;

/// A rectangle, in parts of the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

/// Places sizes, the largest first, in a box of this width and height, in shares of it.
pub fn squarify(sizes: &[f64], width: f64, height: f64) -> Vec<Place> {
    let mut places = Vec::with_capacity(sizes.len());
    let sum: f64 = sizes.iter().sum();
    if sum <= 0.0 || width <= 0.0 || height <= 0.0 {
        return vec![Place { left: 0.0, top: 0.0, width: 0.0, height: 0.0 }; sizes.len()];
    }
    let scale = width * height / sum;
    let (mut x, mut y, mut w, mut h) = (0.0, 0.0, width, height);
    let mut at = 0;
    while at < sizes.len() {
        let side = w.min(h).max(f64::MIN_POSITIVE);
        // A row along the shorter side, as long as its worst box gets squarer.
        let (mut end, mut row, mut worst) = (at, 0.0, f64::INFINITY);
        while end < sizes.len() {
            let with = row + sizes[end] * scale;
            let thick = with / side;
            let ratio = |size: f64| {
                let long = (size * scale / thick).max(f64::MIN_POSITIVE);
                (long / thick).max(thick / long)
            };
            let now = ratio(sizes[at]).max(ratio(sizes[end]));
            if end > at && now > worst {
                break;
            }
            (row, worst, end) = (with, now, end + 1);
        }
        let thick = row / side;
        let mut along = 0.0;
        for &size in &sizes[at..end] {
            let long = if thick > 0.0 { size * scale / thick } else { 0.0 };
            let (left, top, wide, high) =
                if w >= h { (x, y + along, thick, long) } else { (x + along, y, long, thick) };
            places.push(Place {
                left: left / width,
                top: top / height,
                width: wide / width,
                height: high / height,
            });
            along += long;
        }
        if w >= h {
            (x, w) = (x + thick, w - thick);
        } else {
            (y, h) = (y + thick, h - thick);
        }
        at = end;
    }
    places
}

/// The picture.
pub fn write(html: &mut Html, tree: &Tree, label: &'static str) {
    let cut = tree.cut(BOXES, SHARE_MIN, DEPTH_MAX);
    let children = cut.children();
    let total = cut.total().max(1) as f64;
    html.open("div", &[("class", &"map boxes"), ("id", &"map"), ("role", &"tree"), ("aria-label", &label)]);
    enum Step {
        Open(usize, Place, f64, f64),
        Close,
    }
    let whole = Place { left: 0.0, top: 0.0, width: 1.0, height: 1.0 };
    let mut stack = vec![Step::Open(0, whole, ASPECT, 1.0)];
    let mut depth = 0;
    while let Some(step) = stack.pop() {
        let Step::Open(at, place, width, height) = step else {
            html.markup("</div></div>");
            depth -= 1;
            continue;
        };
        depth += 1;
        let node = &cut.nodes[at];
        let share = node.bytes as f64 * 100.0 / total;
        let style = format!(
            "left:{}%;top:{}%;width:{}%;height:{}%",
            Short(place.left * 100.0),
            Short(place.top * 100.0),
            Short(place.width * 100.0),
            Short(place.height * 100.0)
        );
        html.open(
            "div",
            &[
                ("class", &format_args!("box {}", node.colour.class())),
                ("role", &"treeitem"),
                ("aria-level", &depth),
                ("data-b", &node.bytes),
                ("title", &format_args!("{}: {}, {share:.1} %", node.name, bytes(node.bytes))),
                ("style", &style),
            ],
        );
        html.element("span", &[], &node.name).markup("<div role=\"group\">");
        stack.push(Step::Close);
        let (width, height) = (width * place.width, height * place.height);
        let own: u64 = children[at].iter().map(|&child| cut.nodes[child].bytes).sum();
        let mut sizes: Vec<f64> = children[at].iter().map(|&child| cut.nodes[child].bytes as f64).collect();
        // What the box has beside its children stays empty, at the end.
        sizes.push(node.bytes.saturating_sub(own) as f64);
        let places = squarify(&sizes, width, height);
        for (&child, place) in children[at].iter().zip(places).rev() {
            stack.push(Step::Open(child, place, width, height));
        }
    }
    html.close("div").markup("\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_as_the_sizes_and_nothing_overlaps() {
        let sizes = [600.0, 600.0, 400.0, 300.0, 200.0, 200.0, 100.0];
        let places = squarify(&sizes, 6.0, 4.0);
        let sum: f64 = sizes.iter().sum();
        for (at, (size, place)) in sizes.iter().zip(&places).enumerate() {
            assert!((place.width * place.height - size / sum).abs() < 1e-9, "{at}");
            assert!(place.left > -1e-9 && place.left + place.width < 1.0 + 1e-9);
            assert!(place.top > -1e-9 && place.top + place.height < 1.0 + 1e-9);
            for other in &places[at + 1..] {
                let apart = place.left + place.width <= other.left + 1e-9
                    || other.left + other.width <= place.left + 1e-9
                    || place.top + place.height <= other.top + 1e-9
                    || other.top + other.height <= place.top + 1e-9;
                assert!(apart, "{place:?} {other:?}");
            }
            // The example of the paper: no box is longer than 3 times its width.
            let ratio = (place.width * 6.0) / (place.height * 4.0);
            assert!(ratio < 3.0 && ratio > 1.0 / 3.0, "{at}: {ratio}");
        }
    }

    #[test]
    fn nothing_has_no_place() {
        assert_eq!(squarify(&[], 1.0, 1.0), []);
        assert!(squarify(&[0.0, 0.0], 1.0, 1.0).iter().all(|place| place.width == 0.0));
    }
}
