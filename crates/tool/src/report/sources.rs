//! Lines of the host's sources, around the places that allocate.
//!
//! Only files below the folder that the user names are read: of the path in the dump the longest end that is
//! a file there. Neither an absolute path nor `..` nor a symbolic link leads out of it.

use crate::output::names;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// Lines before the place and behind it; characters of one; bytes of a file that is read.
const AROUND: usize = 3;
const CHARS: usize = 120;
const FILE_BYTES_MAX: u64 = 8 << 20;

/// The sources below a folder.
pub struct Sources {
    root: PathBuf,
    /// By path in the dump; none: it is not there.
    files: HashMap<String, Option<Vec<String>>>,
}

/// A line of a source with its number.
#[derive(Debug, PartialEq)]
pub struct Line {
    pub number: u64,
    pub text: String,
    /// It is the place itself.
    pub is_place: bool,
}

impl Sources {
    pub fn below(root: &Path) -> Sources {
        Sources { root: root.to_owned(), files: HashMap::new() }
    }

    /// The lines around a place; none when the source is not there, or is shorter.
    pub fn around(&mut self, file: &str, line: u64) -> Option<Vec<Line>> {
        let root = &self.root;
        let lines = self.files.entry(file.to_owned()).or_insert_with(|| read(root, file)).as_ref()?;
        let at = usize::try_from(line).ok()?.checked_sub(1).filter(|&at| at < lines.len())?;
        let first = at.saturating_sub(AROUND);
        let shown = lines.iter().enumerate().take(at + AROUND + 1).skip(first);
        Some(
            shown
                .map(|(number, text)| Line {
                    number: number as u64 + 1,
                    text: text.clone(),
                    is_place: number == at,
                })
                .collect(),
        )
    }
}

fn read(root: &Path, file: &str) -> Option<Vec<String>> {
    let parts: Vec<&std::ffi::OsStr> = Path::new(file)
        .components()
        .filter(|part| !matches!(part, Component::RootDir | Component::CurDir | Component::Prefix(_)))
        .map(|part| if let Component::Normal(name) = part { Some(name) } else { None })
        .collect::<Option<_>>()?;
    let root = root.canonicalize().ok()?;
    let found = (0..parts.len())
        .filter_map(|from| {
            parts[from..].iter().fold(root.clone(), |path, part| path.join(part)).canonicalize().ok()
        })
        .find(|path| path.is_file() && path.starts_with(&root))?;
    if found.metadata().ok()?.len() > FILE_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8_lossy(&std::fs::read(found).ok()?).into_owned();
    Some(text.lines().map(|line| names::cut(&names::whole(&line.replace('\t', "    ")), CHARS)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_read() {
        let outer = std::env::temp_dir().join(format!("rcgc-sources-{}", std::process::id()));
        let root = outer.join("project");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::write(outer.join("secret.c"), "no\n").unwrap();
        std::os::unix::fs::symlink(outer.join("secret.c"), root.join("link.c")).unwrap();
        std::fs::write(root.join("src/a.c"), "one\n\ttwo\nthree\nfour\nfive\nsix\n").unwrap();
        let mut sources = Sources::below(&root);
        let mut numbers = |file: &str, line| -> Option<Vec<u64>> {
            Some(sources.around(file, line)?.iter().map(|line| line.number).collect())
        };
        for file in ["src/a.c", "/build/machine/src/a.c", "./src/a.c", "a/b/src/a.c"] {
            assert_eq!(numbers(file, 2), Some(vec![1, 2, 3, 4, 5]), "{file}");
        }
        assert_eq!(numbers("src/a.c", 6), Some(vec![3, 4, 5, 6]));
        for (file, line) in [
            ("src/a.c", 0),
            ("src/a.c", 7),
            ("../secret.c", 1),
            ("src/../../secret.c", 1),
            ("link.c", 1),
            ("", 1),
        ] {
            assert_eq!(numbers(file, line), None, "{file}");
        }
        let absolute = outer.join("secret.c").to_string_lossy().into_owned();
        assert_eq!(numbers(&absolute, 1), None);
        let lines = sources.around("src/a.c", 2).unwrap();
        assert_eq!(lines[1], Line { number: 2, text: "    two".to_owned(), is_place: true });
        std::fs::remove_dir_all(outer).unwrap();
    }
}
