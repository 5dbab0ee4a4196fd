//! Names of the host's, set so that one takes one line and does nothing to a terminal.

use crate::dump::{Dump, Label, Object, Site, NO_INDEX};

/// Characters of a name that are shown; what is longer is cut.
const SHOWN_CHARS: usize = 60;

/// A name on one line: control characters are written as escapes, long names are cut.
pub fn line(name: &str) -> String {
    line_within(name, SHOWN_CHARS)
}

/// As [`line`], with so many characters at most.
pub fn line_within(name: &str, most: usize) -> String {
    let mut text = String::new();
    for (at, character) in name.chars().enumerate() {
        if at == most {
            text.push('…');
            break;
        }
        match character {
            '\n' => text += "\\n",
            '\t' => text += "\\t",
            '\r' => text += "\\r",
            // What turns text around on a terminal is as bad as what moves the cursor.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                text += &character.escape_unicode().to_string()
            }
            _ if character.is_control() => text += &character.escape_unicode().to_string(),
            _ => text.push(character),
        }
    }
    text
}

/// The name of an object's type.
pub fn kind(dump: &Dump, object: Object) -> String {
    line(&dump.name_of_type_of(object))
}

/// "Node 0x7f10a0".
pub fn object(dump: &Dump, object: Object) -> String {
    match dump.address_of(object) {
        0 => format!("{} #{object}", kind(dump, object)),
        address => format!("{} {address:#x}", kind(dump, object)),
    }
}

/// "entries[3]".
pub fn edge(dump: &Dump, label: Label) -> String {
    let name = line(&dump.field_name(label.field));
    match label.index {
        NO_INDEX => name,
        index => format!("{name}[{index}]"),
    }
}

/// "entries[*]": the same for all elements.
pub fn edge_shape(dump: &Dump, label: Label) -> String {
    let name = line(&dump.field_name(label.field));
    match label.index {
        NO_INDEX => name,
        _ => format!("{name}[*]"),
    }
}

/// "server.c:12 in accept", or what the site is instead.
pub fn place(dump: &Dump, site: &Site) -> String {
    let place = line(&dump.place_text(site.place));
    match site.place.file {
        0 => place,
        _ => format!("{place} in {}", line(&dump.function_text(site.place))),
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn hostile_names_stay_on_their_line() {
        assert_eq!(line("a\nb\t\"c\"\u{1b}[31m"), "a\\nb\\t\"c\"\\u{1b}[31m");
        assert_eq!(line("\u{202e}txt"), "\\u{202e}txt");
        assert_eq!(line(&"x".repeat(20_000)).chars().count(), 61);
        assert_eq!(line("é"), "é");
    }
}
