//! How the command line names objects: by address, by number, or by type.

use crate::context::Failure;
use crate::dump::{Dump, Object};
use crate::output::names;

/// What the help says of it.
pub const HELP: &str = "an address (0x7f10a0, also inside the object), a number (#12, in address order), \
                        or the name of a type: all its objects";

/// The objects that a word names, in address order; at least one.
pub fn objects(dump: &Dump, word: &str) -> Result<Vec<Object>, Failure> {
    let nothing = |what: String| Err(Failure::Usage(format!("{}: {what}", dump.path)));
    if let Some(digits) = word.strip_prefix("0x") {
        let Ok(address) = u64::from_str_radix(digits, 16) else {
            return nothing(format!("{word} is no address"));
        };
        return match dump.object_at(address) {
            Some(object) => Ok(vec![object]),
            None => nothing(format!("no object is at {word}")),
        };
    }
    if let Some(Ok(number)) = word.strip_prefix('#').map(str::parse::<u64>) {
        return match number < dump.len() as u64 {
            true => Ok(vec![number as Object]),
            false => nothing(format!("there are {} objects, no {word}", dump.len())),
        };
    }
    let kinds = kinds(dump, word)?;
    let found: Vec<Object> =
        dump.all().filter(|&object| kinds.contains(&dump.objects.kind[object as usize])).collect();
    match found.is_empty() {
        true => nothing(format!("no object of type {} lives", names::line(word))),
        false => Ok(found),
    }
}

/// The types of a name: hosts may give one name to several.
pub fn kinds(dump: &Dump, name: &str) -> Result<Vec<u32>, Failure> {
    let found: Vec<u32> = (0..dump.types.len() as u32).filter(|&kind| dump.type_name(kind) == name).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let near = nearest(dump, name).map_or(String::new(), |near| format!("; there is {}", names::line(&near)));
    Err(Failure::Usage(format!("{}: no type is called {}{near}", dump.path, names::line(name))))
}

/// The name of a type that was probably meant.
fn nearest(dump: &Dump, name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let distance = |other: &str| -> usize {
        let other = other.to_lowercase();
        match other.contains(&lower) || lower.contains(&other) {
            true => 1,
            false => edits(&lower, &other),
        }
    };
    (0..dump.types.len() as u32)
        .map(|kind| dump.type_name(kind).into_owned())
        .filter(|other| other.len() < 200)
        .map(|other| (distance(&other), other))
        .min()
        .filter(|&(distance, _)| distance <= 2.max(name.len() / 3))
        .map(|(_, other)| other)
}

/// Letters to change, add or remove (Wagner and Fischer, 1974).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().take(200).enumerate() {
        let mut before = line;
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let change = before + usize::from(letter != *other);
            before = row[column + 1];
            row[column + 1] = change.min(before + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn edits_are_counted() {
        assert_eq!(super::edits("node", "node"), 0);
        assert_eq!(super::edits("node", "nodes"), 1);
        assert_eq!(super::edits("", "abc"), 3);
        assert_eq!(super::edits("kitten", "sitting"), 3);
    }
}
