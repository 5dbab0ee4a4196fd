//! Writing HTML such that no name of the host's can be markup.
//!
//! Markup is `&'static str`: what is not known when the tool is compiled can only be text or the value
//! of an attribute, and both are escaped here.

use std::fmt::{self, Display, Write};

/// A page that grows.
#[derive(Default)]
pub struct Html {
    text: String,
}

/// What stands between the quotes of an attribute, or between tags.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => *self.0 += "&amp;",
                '<' => *self.0 += "&lt;",
                '>' => *self.0 += "&gt;",
                '"' => *self.0 += "&quot;",
                '\'' => *self.0 += "&#39;",
                // What no page may have.
                '\0' => self.0.push('\u{fffd}'),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

impl Html {
    pub fn new() -> Html {
        Html::default()
    }

    pub fn finish(self) -> String {
        self.text
    }

    pub fn markup(&mut self, markup: &'static str) -> &mut Html {
        self.text += markup;
        self
    }

    pub fn text(&mut self, text: impl Display) -> &mut Html {
        // Writing to a string does not fail.
        let _ = write!(Escaped(&mut self.text), "{text}");
        self
    }

    /// `<tag name="value"...>`
    pub fn open(&mut self, tag: &'static str, attributes: &[(&'static str, &dyn Display)]) -> &mut Html {
        self.markup("<").markup(tag);
        for (name, value) in attributes {
            self.markup(" ").markup(name).markup("=\"").text(value).markup("\"");
        }
        self.markup(">")
    }

    pub fn close(&mut self, tag: &'static str) -> &mut Html {
        self.markup("</").markup(tag).markup(">")
    }

    /// `<tag name="value"...>text</tag>`
    pub fn element(
        &mut self,
        tag: &'static str,
        attributes: &[(&'static str, &dyn Display)],
        text: impl Display,
    ) -> &mut Html {
        self.open(tag, attributes).text(text).close(tag)
    }
}

/// A name that can be read, and read out, whatever the host called the thing.
pub fn named(name: &str) -> &str {
    if name.trim().is_empty() {
        "(no name)"
    } else {
        name
    }
}

/// A number as CSS and SVG take it: at most two decimals.
#[derive(Clone, Copy)]
pub struct Short(pub f64);

impl Display for Short {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = (self.0 * 100.0).round() / 100.0;
        // No "-0".
        write!(out, "{}", if rounded == 0.0 { 0.0 } else { rounded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_never_markup() {
        let mut html = Html::new();
        html.element("a", &[("title", &"\"><script>")], "</a><img src=x onerror='x'>&amp;\0");
        let expected =
            "<a title=\"&quot;&gt;&lt;script&gt;\">&lt;/a&gt;&lt;img src=x onerror=&#39;x&#39;&gt;\
                        &amp;amp;\u{fffd}</a>";
        assert_eq!(html.finish(), expected);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(Short(1.0).to_string(), "1");
        assert_eq!(Short(0.126).to_string(), "0.13");
        assert_eq!(Short(-0.001).to_string(), "0");
    }
}
