//! Places that two dumps have, in words.

use crate::findings::diff::Place;
use crate::output::names::line;

/// "server.c:12 in accept".
pub fn place(of: &Place) -> String {
    let place = line(&of.place);
    match &of.function {
        Some(function) => format!("{place} in {}", line(function)),
        None => place,
    }
}

/// The type of its objects.
pub fn kind(of: &Place) -> String {
    of.kind.as_deref().map_or("several".to_owned(), line)
}
