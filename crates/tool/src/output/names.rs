//! Names of the host's, set so that one takes one line and does nothing to a terminal.
//!
//! Programs get whole names: two that differ stay two, however long they are. For people a long name is cut, in
//! its middle, since those of templates begin alike and paths end alike.

use crate::dump::{Dump, Label, Object, Site, NO_INDEX};
use std::sync::atomic::{AtomicBool, Ordering};

/// Characters of a name that people are shown.
const SHOWN_CHARS: usize = 60;

/// Whether this run of the tool writes for people.
static FOR_PEOPLE: AtomicBool = AtomicBool::new(false);

/// From now on long names are cut: what is written is looked at, and not read by a program.
pub fn cut_for_people() {
    FOR_PEOPLE.store(true, Ordering::Relaxed);
}

/// A name on one line: control characters are written as escapes; for people long names are cut.
pub fn line(name: &str) -> String {
    match FOR_PEOPLE.load(Ordering::Relaxed) {
        true => cut(&whole(name), SHOWN_CHARS),
        false => whole(name),
    }
}

/// A text of at most so many characters and the sign for what is left out of its middle.
pub fn cut(text: &str, most: usize) -> String {
    let chars = text.chars().count();
    if chars <= most {
        return text.to_owned();
    }
    let place = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(place, _)| place);
    let (head, tail) = (place(most / 2), place(chars - most.div_ceil(2)));
    format!("{}…{}", &text[..head], &text[tail..])
}

/// As [`line`], whole in any case.
pub fn whole(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
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
    use super::{cut, line};

    #[test]
    fn hostile_names_stay_on_their_line() {
        assert_eq!(line("a\nb\t\"c\"\u{1b}[31m"), "a\\nb\\t\"c\"\\u{1b}[31m");
        assert_eq!(line("\u{202e}txt"), "\\u{202e}txt");
        // To programs whole: two names that differ at their end stay two.
        assert_eq!(line(&"x".repeat(20_000)).chars().count(), 20_000);
        assert_eq!(line("é"), "é");
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdefgh", 5), "ab…fgh");
        assert_eq!(cut("ééééé", 2), "é…é");
        assert_eq!(cut("ab", 0), "…");
    }
}
