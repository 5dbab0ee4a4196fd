//! Tables of commands as tables of the page.
//!
//! A cell that is a number has its exact value in `data-v`; the script sorts by it.

use super::html::{named, Html, Short};
use super::palette::Colour;
use crate::output::text::{count, shown};
use crate::output::{Cell, Table};

/// What a table of the page has beside its rows.
#[derive(Default)]
pub struct Looks<'a> {
    /// The script adds a field that searches the rows, and sorts by columns.
    pub has_search: bool,
    /// Columns whose cells have a bar, as parts of the largest value or of the whole: by name.
    pub bars: &'a [&'static str],
    /// By row: the colour of its mark.
    pub colours: &'a [Colour],
}

/// The number of a cell.
pub fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Count(number) | Cell::Bytes(number) | Cell::Nanoseconds(number) => Some(*number as f64),
        Cell::Change(number) | Cell::ByteChange(number) => Some(*number as f64),
        Cell::Share(share) => Some(*share),
        _ => None,
    }
}

/// The exact value of a cell, for programs.
fn exact(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Count(number) | Cell::Bytes(number) | Cell::Nanoseconds(number) => Some(number.to_string()),
        Cell::Change(number) | Cell::ByteChange(number) => Some(number.to_string()),
        Cell::Share(share) => Some(format!("{share:.6}")),
        _ => None,
    }
}

/// One table; nothing but a sentence when it has no rows.
pub fn write(html: &mut Html, table: &Table, id: &'static str, looks: &Looks) {
    if table.rows.is_empty() {
        html.markup("<p class=\"none\">None.</p>\n");
        return;
    }
    let is_number = |column: usize| table.rows.iter().any(|row| number(&row[column]).is_some());
    let numeric: Vec<bool> = (0..table.columns.len()).map(is_number).collect();
    let most: Vec<f64> = (0..table.columns.len())
        .map(|column| {
            table.rows.iter().filter_map(|row| number(&row[column])).fold(0.0, |a, b| b.abs().max(a))
        })
        .collect();
    html.markup("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"table\">");
    html.open("table", &[("id", &id), ("class", &if looks.has_search { "rich" } else { "" })]);
    html.markup("<thead><tr>");
    for (name, numeric) in table.columns.iter().zip(&numeric) {
        let class = if *numeric { "n" } else { "" };
        let attributes: [(&str, &dyn std::fmt::Display); 3] =
            [("scope", &"col"), ("class", &class), ("data-c", name)];
        html.element("th", &attributes, name.replace('_', " "));
    }
    html.markup("</tr></thead><tbody>\n");
    for (at, row) in table.rows.iter().enumerate() {
        html.markup("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let has_bar = looks.bars.contains(&table.columns[column]);
            let part = number(cell).unwrap_or(0.0).abs() / most[column].max(f64::MIN_POSITIVE);
            match (column, exact(cell)) {
                (0, _) => {
                    html.markup("<th scope=\"row\">");
                    if let Some(colour) = looks.colours.get(at) {
                        let class = format!("mark {}", colour.class());
                        html.element("i", &[("class", &class)], "");
                    }
                    html.text(named(&shown(cell))).close("th");
                    continue;
                }
                (_, Some(exact)) if has_bar => {
                    let style = format!("--part:{}%", Short(part * 100.0));
                    html.open("td", &[("class", &"n bar"), ("data-v", &exact), ("style", &style)]);
                }
                (_, Some(exact)) => {
                    html.open("td", &[("class", &"n"), ("data-v", &exact)]);
                }
                (_, None) if numeric[column] => {
                    html.open("td", &[("class", &"n")]);
                }
                (_, None) => {
                    html.markup("<td>");
                }
            }
            html.text(shown(cell)).close("td");
        }
        html.markup("</tr>\n");
    }
    html.markup("</tbody></table></div>\n");
    if table.left_out != 0 {
        html.element(
            "p",
            &[("class", &"none")],
            format_args!("{} more are left out.", count(table.left_out)),
        );
    }
}
