//! Charts of values over time, as text for a terminal and as SVG.

use std::fmt::Write as _;

/// One line of a chart.
#[derive(Clone, Debug)]
pub struct Line {
    pub name: String,
    /// Seconds since the beginning, and the value; in order.
    pub points: Vec<(f64, f64)>,
}

/// A stretch of time that is marked.
#[derive(Clone, Debug)]
pub struct Mark {
    pub name: String,
    pub from: f64,
    pub to: f64,
    pub depth: usize,
}

/// What is drawn.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    pub title: String,
    pub lines: Vec<Line>,
    pub marks: Vec<Mark>,
    /// Seconds of collections.
    pub ticks: Vec<f64>,
}

/// Colours that differ for most people, on white and on black (Okabe and Ito, 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f"];
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 40.0;
/// Points of a line in an SVG, and the longest marks; more cannot be told apart.
const POINTS_MAX: usize = 2000;
const MARKS_MAX: usize = 200;

impl Chart {
    /// The end of the time axis.
    fn end(&self) -> f64 {
        let points = self.lines.iter().filter_map(|line| line.points.last().map(|point| point.0));
        points.fold(0.0, f64::max).max(1e-9)
    }

    fn top(&self) -> f64 {
        let values = self.lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
        values.fold(0.0, f64::max).max(1.0)
    }

    /// A picture that needs nothing else, light or dark as the reader wishes.
    pub fn svg(&self, value: impl Fn(f64) -> String) -> String {
        let (end, top) = (self.end(), nice_above(self.top()));
        let x = |seconds: f64| LEFT + seconds.clamp(0.0, end) / end * (WIDTH - LEFT - RIGHT);
        let y = |of: f64| HEIGHT - BOTTOM - of / top * (HEIGHT - TOP - BOTTOM);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<title>{}</title>\n<style>text{{fill:#222}}\
             .grid{{stroke:#ddd}}.back{{fill:#fff}}@media(prefers-color-scheme:dark){{text{{fill:#ddd}}\
             .grid{{stroke:#444}}.back{{fill:#181818}}}}</style>\n\
             <rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n",
            escaped(&self.title)
        );
        let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"18\" font-size=\"15\">{}</text>", escaped(&self.title));
        for step in 0..=4 {
            let of = top * f64::from(step) / 4.0;
            let (y, right) = (y(of), WIDTH - RIGHT);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>"
            );
            let text = escaped(&value(of));
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                LEFT - 6.0,
                y + 4.0
            );
            let seconds = end * f64::from(step) / 4.0;
            let text = seconds_text(seconds, end);
            let at = HEIGHT - BOTTOM + 18.0;
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{at}\" text-anchor=\"middle\">{text}</text>",
                x(seconds)
            );
        }
        let mut marks: Vec<&Mark> = self.marks.iter().collect();
        marks.sort_by(|left, right| (right.to - right.from).total_cmp(&(left.to - left.from)));
        for mark in marks.into_iter().take(MARKS_MAX) {
            let (from, to) = (x(mark.from), x(mark.to));
            let (width, at) = ((to - from).max(0.5), TOP - 14.0 + 5.0 * mark.depth.min(4) as f64);
            let _ = writeln!(
                out,
                "<rect x=\"{from:.1}\" y=\"{at:.1}\" width=\"{width:.1}\" height=\"4\" fill=\"#999\">\
                 <title>{}</title></rect>",
                escaped(&mark.name)
            );
        }
        for &tick in thinned(&self.ticks).iter() {
            let (x, from, to) = (x(tick), HEIGHT - BOTTOM, HEIGHT - BOTTOM + 5.0);
            let _ = writeln!(
                out,
                "<line stroke=\"#d55e00\" x1=\"{x:.1}\" y1=\"{from}\" x2=\"{x:.1}\" y2=\"{to}\"/>"
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let points: Vec<String> =
                thinned(&line.points).iter().map(|&(at, of)| format!("{:.1},{:.1}", x(at), y(of))).collect();
            let _ = writeln!(
                out,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>",
                points.join(" ")
            );
            let at = LEFT + 10.0 + 150.0 * (number % 5) as f64;
            let down = 32.0 + 14.0 * (number / 5) as f64;
            let _ = writeln!(
                out,
                "<text x=\"{at}\" y=\"{down}\" style=\"fill:{colour}\">{}</text>",
                escaped(&line.name)
            );
        }
        out += "</svg>\n";
        out
    }

    /// The first lines as rows of blocks, each scaled to its own largest value, which `value` writes, given the line's
    /// name.
    pub fn text(&self, width: usize, value: impl Fn(&str, f64) -> String) -> Vec<String> {
        let end = self.end();
        let names = self.lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
        let mut rows = Vec::new();
        for line in &self.lines {
            // The largest value that falls into a column; without one the value before.
            let mut columns: Vec<Option<f64>> = vec![None; width];
            for &(at, of) in &line.points {
                let column = ((at / end * width as f64) as usize).min(width.saturating_sub(1));
                if let Some(slot) = columns.get_mut(column) {
                    *slot = Some(slot.map_or(of, |slot: f64| slot.max(of)));
                }
            }
            let top = line.points.iter().map(|point| point.1).fold(0.0, f64::max).max(1e-9);
            let mut before = 0.0;
            let blocks: String = columns
                .into_iter()
                .map(|of| {
                    before = of.unwrap_or(before);
                    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
                    BLOCKS[((before / top * 8.0).ceil() as usize).min(8)]
                })
                .collect();
            let pad = " ".repeat(names - line.name.chars().count());
            rows.push(format!("{}{pad} │{blocks}│ {}", line.name, value(&line.name, top)));
        }
        let pad = " ".repeat(names);
        let right = seconds_text(end, end);
        let space = " ".repeat(width.saturating_sub(1 + right.chars().count()));
        rows.push(format!("{pad}  0{space}{right}"));
        rows
    }
}

/// At most [`POINTS_MAX`] of some points, evenly, with the last one.
fn thinned<T: Copy>(points: &[T]) -> Vec<T> {
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    let mut kept: Vec<T> = points.iter().copied().step_by(step).collect();
    if let (Some(&last), false) = (points.last(), points.len().saturating_sub(1) % step == 0) {
        kept.push(last);
    }
    kept
}

/// The least 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of two or ten that is not below: grid lines have
/// short numbers.
fn nice_above(value: f64) -> f64 {
    let base = 1024f64.powf(value.log(1024.0).floor());
    let mut scale = base;
    while scale * 10.0 <= value {
        scale *= 10.0;
    }
    let steps = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * scale).find(|&of| of >= value).unwrap_or(value)
}

/// A time on an axis that ends there, exact to a hundredth of the axis.
fn seconds_text(seconds: f64, end: f64) -> String {
    let (factor, unit) = match end {
        0.0..1e-3 => (1e6, "µs"),
        1e-3..1.0 => (1e3, "ms"),
        1.0..120.0 => (1.0, "s"),
        120.0..7200.0 => (1.0 / 60.0, "min"),
        _ => (1.0 / 3600.0, "h"),
    };
    let digits = match end * factor {
        0.0..4.0 => 2,
        4.0..40.0 => 1,
        _ => 0,
    };
    format!("{:.digits$} {unit}", seconds * factor)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Slope by least squares: how much the value grows in a second. None: fewer than two moments.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in points {
        above += (x - mean_x) * (y - mean_y);
        below += (x - mean_x) * (x - mean_x);
    }
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_lines() {
        let line: Vec<(f64, f64)> = (0..10).map(|x| (f64::from(x), 3.0 * f64::from(x) + 7.0)).collect();
        assert!((slope(&line).unwrap() - 3.0).abs() < 1e-9);
        assert_eq!(slope(&line[..1]), None);
        assert_eq!(slope(&[]), None);
    }

    #[test]
    fn times_on_an_axis_differ() {
        for end in [2e-6, 5e-4, 2e-3, 0.014, 0.9, 1.5, 30.0, 500.0, 1e5] {
            let texts: Vec<String> =
                (0..=4).map(|step| seconds_text(end * f64::from(step) / 4.0, end)).collect();
            let mut different = texts.clone();
            different.dedup();
            assert_eq!(texts, different);
        }
    }

    #[test]
    fn axes_reach_above_the_values() {
        for value in [1.0, 7.0, 1000.0, 1024.0, 1500.0, 123_456_789.0, 1e15] {
            let top = nice_above(value);
            assert!(top >= value && top <= value * 2.0, "{value}: {top}");
        }
    }

    #[test]
    fn names_cannot_end_an_svg() {
        let line = Line { name: "</text><script>".to_owned(), points: vec![(0.0, 1.0), (1.0, 2.0)] };
        let mark = Mark { name: "\"<&".to_owned(), from: 0.0, to: 1.0, depth: 0 };
        let chart = Chart { title: "<b>".to_owned(), lines: vec![line], marks: vec![mark], ticks: vec![0.5] };
        let svg = chart.svg(|value| format!("{value}"));
        assert!(!svg.contains("<script>") && !svg.contains("<b>") && svg.contains("&quot;&lt;&amp;"));
        let rows = chart.text(10, |_, value| format!("{value}"));
        assert_eq!(rows[0], "</text><script> │▄▄▄▄▄▄▄▄▄█│ 2");
    }
}
