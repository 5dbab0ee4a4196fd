//! What follows from the areas besides the headers: the list of exported symbols; and what no area knows.

use crate::areas::{Area, AREAS, WITHOUT_HEADER};
use crate::{declarations, parse, Kind};
use std::path::{Path, PathBuf};

/// Where the list of exported symbols is.
pub fn symbols_path(root: &Path) -> PathBuf {
    root.join("cmake/rcgc.symbols")
}

/// The text of that list: every exported function, one on each line, sorted.
pub fn symbols(root: &Path) -> Result<String, String> {
    let mut names = Vec::new();
    let sources = AREAS.iter().flat_map(Area::sources).chain(WITHOUT_HEADER.iter().copied());
    for source in sources {
        let items = parse(&declarations(&root.join(format!("src/capi/{source}.rs")))?)?;
        names.extend(
            items.into_iter().filter(|item| matches!(item.kind, Kind::Function)).map(|item| item.name),
        );
    }
    names.sort();
    names.dedup();
    names.push(String::new());
    Ok(names.join("\n"))
}

/// Sources of exported functions, and generated headers, that the list of areas does not have.
pub fn strays(root: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for path in files(&root.join("src/capi"))? {
        let exports = std::fs::read_to_string(&path).is_ok_and(|text| text.contains("#[no_mangle]"));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let known = AREAS.iter().flat_map(Area::sources).chain(WITHOUT_HEADER.iter().copied());
        if exports && !known.into_iter().any(|source| source == name) {
            found.push(format!("src/capi/{name}.rs exports functions and is no area"));
        }
    }
    for path in files(&root.join("include/rcgc"))? {
        let generated =
            std::fs::read_to_string(&path).is_ok_and(|text| text.contains("Generated from src/capi/"));
        if generated && !AREAS.iter().any(|area| area.header_path(root) == path) {
            found.push(format!("{} is generated from no area", path.display()));
        }
    }
    Ok(found)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}
