//! Charts over time: lines, marks and brackets on one axis, as SVG.

use super::html::{Html, Short};
use crate::output::text::{bytes, shown};
use crate::output::Cell;

/// The room of a chart, and the margins for numbers.
pub const WIDTH: f64 = 1120.0;
pub const LEFT: f64 = 84.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 8.0;
/// Points of a line: what lies between is told by its least and its most.
const POINTS: usize = 500;

/// The stretch of time that charts show.
#[derive(Clone, Copy)]
pub struct Span {
    pub begin_ns: u64,
    pub end_ns: u64,
}

impl Span {
    /// Where a time lies from left to right.
    pub fn x(&self, time_ns: u64) -> f64 {
        let length = self.end_ns.saturating_sub(self.begin_ns).max(1) as f64;
        let part = time_ns.clamp(self.begin_ns, self.end_ns) - self.begin_ns;
        LEFT + (WIDTH - LEFT - RIGHT) * part as f64 / length
    }
}

/// A line of a chart.
pub struct Line {
    pub name: &'static str,
    /// The class of its colour: `s0` to `s2`.
    pub class: &'static str,
    /// Times and values.
    pub points: Vec<(u64, u64)>,
}

/// A step between two numbers of an axis: a power of two, at most six steps.
fn step_of(most: u64) -> u64 {
    let mut step = 1u64;
    while most / step > 6 {
        step = step.saturating_mul(2);
    }
    step
}

/// At most [`POINTS`] of a line: of the points that share a place the least and the most.
fn thinned(points: &[(u64, u64)]) -> Vec<(u64, u64)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let size = points.len().div_ceil(POINTS / 2);
    let mut kept = Vec::new();
    for chunk in points.chunks(size) {
        let least = chunk.iter().min_by_key(|point| point.1);
        let most = chunk.iter().max_by_key(|point| point.1);
        let mut both: Vec<(u64, u64)> = least.into_iter().chain(most).copied().collect();
        both.sort_unstable();
        both.dedup();
        kept.extend(both);
    }
    kept
}

pub fn begin(html: &mut Html, height: f64, label: &str) {
    html.markup("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"chart\">");
    let view = format!("0 0 {} {}", Short(WIDTH), Short(height));
    html.open("svg", &[("class", &"chart"), ("role", &"img"), ("aria-label", &label), ("viewBox", &view)]);
}

pub fn end(html: &mut Html) {
    html.markup("</svg></div>\n");
}

/// Lines over an axis of bytes; the axis of time belongs to the chart below.
pub fn lines(html: &mut Html, span: Span, lines: &[Line], height: f64, label: &str) {
    let most = lines.iter().flat_map(|line| &line.points).map(|point| point.1).max().unwrap_or(0).max(1);
    let step = step_of(most);
    let room = height - TOP - 6.0;
    let y = |value: u64| TOP + room - room * value as f64 / most as f64;
    html.markup("<p class=\"legend\">");
    for line in lines {
        html.markup("<span>").element("i", &[("class", &format_args!("mark {}", line.class))], "");
        html.text(line.name).markup("</span>");
    }
    html.markup("</p>");
    begin(html, height, label);
    let mut value = 0;
    while value <= most {
        let at = Short(y(value));
        let (left, right) = (Short(LEFT), Short(WIDTH - RIGHT));
        html.open("line", &[("class", &"grid"), ("x1", &left), ("x2", &right), ("y1", &at), ("y2", &at)]);
        html.close("line");
        let text = Short(y(value) + 4.0);
        let end = Short(LEFT - 8.0);
        html.element("text", &[("x", &end), ("y", &text), ("text-anchor", &"end")], bytes(value));
        match value.checked_add(step) {
            Some(next) => value = next,
            None => break,
        }
    }
    for line in lines {
        let mut path = String::new();
        for (time, value) in thinned(&line.points) {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            path += &format!("{letter}{} {}", Short(span.x(time)), Short(y(value)));
        }
        html.open("path", &[("class", &format_args!("line {}", line.class)), ("d", &path)]).close("path");
    }
    end(html);
}

/// The axis of time, with its own chart: some moments, in units that suit the whole.
pub fn times(html: &mut Html, span: Span) {
    let length = span.end_ns.saturating_sub(span.begin_ns);
    begin(html, 22.0, "time since the first sample");
    for part in 0..=5u64 {
        let time = span.begin_ns + (u128::from(length) * u128::from(part) / 5) as u64;
        let (x, anchor) = match part {
            0 => (span.x(time), "start"),
            5 => (span.x(time), "end"),
            _ => (span.x(time), "middle"),
        };
        let text = shown(&Cell::Nanoseconds(time - span.begin_ns));
        html.element("text", &[("x", &Short(x)), ("y", &14), ("text-anchor", &anchor)], text);
    }
    end(html);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_few() {
        for most in [1, 6, 7, 100, 1 << 20, u64::MAX] {
            assert!((1..=6).contains(&(most / step_of(most))), "{most}");
        }
    }

    #[test]
    fn thinning_keeps_the_least_and_the_most() {
        let points: Vec<(u64, u64)> =
            (0..10_000).map(|at| (at, if at == 5_001 { 900 } else { at % 7 })).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= POINTS && kept.contains(&(5_001, 900)));
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(thinned(&points[..10]), points[..10]);
    }

    #[test]
    fn times_lie_inside() {
        let span = Span { begin_ns: 100, end_ns: 100 };
        assert_eq!(span.x(5), LEFT);
        let span = Span { begin_ns: 0, end_ns: u64::MAX };
        assert_eq!(span.x(u64::MAX), WIDTH - RIGHT);
    }
}
