//! Files that are written: beside their place, and put there when they are whole. So what fails, or is stopped,
//! leaves what was there before; and no file that was read is written over, whatever name it goes by.

use std::cell::RefCell;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files that were read, by what they are and not by their names.
#[derive(Default)]
pub struct Inputs(RefCell<Vec<(u64, u64, String)>>);

impl Inputs {
    /// Takes note of a file that is read; `-` is standard input.
    pub fn add(&self, path: &str) {
        let place = if path == "-" { "/dev/stdin" } else { path };
        if let Ok(facts) = fs::metadata(place) {
            self.0.borrow_mut().push((facts.dev(), facts.ino(), path.to_owned()));
        }
    }

    /// The name by which a file was read.
    fn name_of(&self, facts: &Metadata) -> Option<String> {
        let inputs = self.0.borrow();
        let same = inputs.iter().find(|(device, number, _)| (*device, *number) == (facts.dev(), facts.ino()));
        same.map(|(.., path)| path.clone())
    }
}

/// Why nothing is written.
#[derive(Debug)]
pub enum Refused {
    /// It would take the place of a file that was read.
    IsInput(String),
    Failed(String),
}

/// A file that is being written.
pub struct Saved {
    path: String,
    file: Option<File>,
    /// Where it is written, and where it goes; none: what is there is no file that could be replaced.
    places: Option<(PathBuf, PathBuf)>,
}

impl Saved {
    /// Begins a file.
    pub fn begin(path: &str, inputs: &Inputs) -> Result<Saved, Refused> {
        let failed = |error: io::Error| Refused::Failed(format!("{path}: {error}"));
        // What a link leads to is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
        let before = fs::metadata(&target).ok();
        if let Some(input) = before.as_ref().and_then(|facts| inputs.name_of(facts)) {
            return Err(Refused::IsInput(format!(
                "{path}: that is {input}, which is read: it is left as it is"
            )));
        }
        let is_device = ["/dev", "/proc"].iter().any(|folder| Path::new(path).starts_with(folder));
        if is_device || before.as_ref().is_some_and(|facts| !facts.is_file()) {
            let file =
                fs::OpenOptions::new().write(true).create(true).truncate(true).open(path).map_err(failed)?;
            return Ok(Saved { path: path.to_owned(), file: Some(file), places: None });
        }
        let (beside, file) = beside(&target).map_err(failed)?;
        if let Some(facts) = before {
            // Whoever could read it before can read it now.
            fs::set_permissions(&beside, facts.permissions()).map_err(failed)?;
        }
        Ok(Saved { path: path.to_owned(), file: Some(file), places: Some((beside, target)) })
    }

    /// Puts the file to its place; its bytes were written.
    pub fn end(mut self) -> io::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.flush()?;
        }
        match &self.places {
            Some((beside, target)) => fs::rename(beside, target)?,
            None => return Ok(()),
        }
        self.places = None;
        Ok(())
    }

    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A new file in the folder of another one.
fn beside(target: &Path) -> io::Result<(PathBuf, File)> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    // With a name of full length, its own would be too long.
    let short: String = name.chars().take(40).collect();
    let mut number = 0;
    loop {
        let place = target.with_file_name(format!(".{short}.{}-{number}.part", std::process::id()));
        match fs::OpenOptions::new().write(true).create_new(true).open(&place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
            result => return result.map(|file| (place, file)),
        }
    }
}

impl Write for Saved {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Err(io::ErrorKind::NotConnected.into()), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        if let Some((beside, _)) = &self.places {
            // What was not finished goes; there is nobody to tell if it does not.
            let _ = fs::remove_file(beside);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("rcgc-save-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_not_finished_leaves_what_was_there() {
        let folder = folder("half");
        let path = folder.join("out").display().to_string();
        fs::write(&path, "before").unwrap();
        let mut saved = Saved::begin(&path, &Inputs::default()).unwrap();
        saved.write_all(b"half").unwrap();
        drop(saved);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        let mut saved = Saved::begin(&path, &Inputs::default()).unwrap();
        saved.write_all(b"whole").unwrap();
        saved.end().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_was_read_is_not_written() {
        let folder = folder("input");
        let input = folder.join("input").display().to_string();
        fs::write(&input, "input").unwrap();
        std::os::unix::fs::symlink(&input, folder.join("link")).unwrap();
        fs::hard_link(&input, folder.join("hard")).unwrap();
        fs::write(folder.join("other"), "other").unwrap();
        std::os::unix::fs::symlink(folder.join("other"), folder.join("link-to-other")).unwrap();
        let inputs = Inputs::default();
        inputs.add(&input);
        for name in ["input", "link", "hard"] {
            let path = folder.join(name).display().to_string();
            assert!(matches!(Saved::begin(&path, &inputs), Err(Refused::IsInput(_))), "{name}");
        }
        let mut saved = Saved::begin(&folder.join("link-to-other").display().to_string(), &inputs).unwrap();
        saved.write_all(b"new").unwrap();
        saved.end().unwrap();
        assert_eq!(fs::read_to_string(folder.join("other")).unwrap(), "new");
        assert!(fs::symlink_metadata(folder.join("link-to-other")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&input).unwrap(), "input");
        fs::remove_dir_all(folder).unwrap();
    }
}
