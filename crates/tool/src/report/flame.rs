//! A tree of bytes as a flame graph: a row for each depth, the root on top, widths by bytes.
//!
//! The boxes are placed in percent, so that they fit any window without the script; it adds zooming and the
//! keyboard. Beside the picture the same is a table.

use super::html::{Html, Short};
use super::tree::Tree;
use crate::output::text::{bytes, count};

/// Boxes of a picture, and the least share of one.
const BOXES: usize = 700;
const SHARE_MIN: f64 = 0.0008;
const DEPTH_MAX: usize = 30;
/// Rows of the table.
const ROWS: usize = 40;

/// What is said of a picture.
pub struct Words {
    pub id: &'static str,
    pub label: &'static str,
    /// What a box stands for.
    pub column: &'static str,
}

/// "1.2 MiB, 34.0 %, 120 objects"
fn measure(tree: &Tree, at: usize) -> String {
    let node = &tree.nodes[at];
    let share = node.bytes as f64 * 100.0 / tree.total().max(1) as f64;
    let objects = if node.objects == 1 { "object" } else { "objects" };
    format!("{}, {share:.1} %, {} {objects}", bytes(node.bytes), count(node.objects))
}

/// The picture and the table.
pub fn write(html: &mut Html, tree: &Tree, words: &Words) {
    let cut = tree.cut(BOXES, SHARE_MIN, DEPTH_MAX);
    let depths = cut.depths();
    let rows = depths.iter().max().map_or(1, |depth| depth + 1);
    let total = cut.total().max(1) as f64;
    let children = cut.children();
    let mut left = vec![0.0f64; cut.nodes.len()];
    for (at, list) in children.iter().enumerate() {
        let mut next = left[at];
        for &child in list {
            left[child] = next;
            next += cut.nodes[child].bytes as f64 / total;
        }
    }
    html.open(
        "div",
        &[
            ("class", &"flame boxes"),
            ("id", &words.id),
            ("role", &"tree"),
            ("aria-label", &words.label),
            ("style", &format_args!("height:{}px", rows * 22)),
        ],
    );
    // In the order of reading: each box before those below it.
    let mut stack = vec![0];
    while let Some(at) = stack.pop() {
        let node = &cut.nodes[at];
        let label = format!("{}: {}", node.name, measure(&cut, at));
        let style = format!(
            "left:{}%;width:{}%;top:{}px",
            Precise(left[at] * 100.0),
            Precise(node.bytes as f64 * 100.0 / total),
            depths[at] * 22
        );
        html.element(
            "div",
            &[
                ("class", &format_args!("box {}", node.colour.class())),
                ("role", &"treeitem"),
                ("aria-level", &(depths[at] + 1)),
                ("title", &label),
                ("style", &style),
            ],
            &node.name,
        );
        stack.extend(children[at].iter().rev());
    }
    html.close("div").markup("\n");
    table(html, tree, words);
}

/// A percentage with the digits that narrow boxes need.
struct Precise(f64);

impl std::fmt::Display for Precise {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", (self.0 * 1000.0).round() / 1000.0)
    }
}

fn table(html: &mut Html, tree: &Tree, words: &Words) {
    let cut = tree.cut(ROWS + 1, SHARE_MIN, DEPTH_MAX);
    let depths = cut.depths();
    let children = cut.children();
    html.markup("<details><summary>As a table</summary><div class=\"wide\" tabindex=\"0\">");
    html.open("table", &[("id", &format_args!("{}-table", words.id))]).markup("<thead><tr>");
    html.element("th", &[("scope", &"col")], words.column);
    html.markup("<th scope=\"col\" class=\"n\">bytes</th><th scope=\"col\" class=\"n\">share</th>");
    html.markup("<th scope=\"col\" class=\"n\">objects</th></tr></thead><tbody>\n");
    let mut stack = vec![0];
    while let Some(at) = stack.pop() {
        let node = &cut.nodes[at];
        html.markup("<tr>");
        let indent = format!("padding-left:{}em", Short(0.5 + depths[at].min(DEPTH_MAX) as f64));
        html.element("th", &[("scope", &"row"), ("style", &indent)], &node.name);
        html.element("td", &[("class", &"n"), ("data-v", &node.bytes)], bytes(node.bytes));
        let share = node.bytes as f64 * 100.0 / cut.total().max(1) as f64;
        html.element("td", &[("class", &"n")], format_args!("{share:.1} %"));
        html.element("td", &[("class", &"n"), ("data-v", &node.objects)], count(node.objects));
        html.markup("</tr>\n");
        stack.extend(children[at].iter().rev());
    }
    html.markup("</tbody></table></div></details>\n");
}
