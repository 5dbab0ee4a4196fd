//! From addresses of code to functions and lines, where the files that were loaded are still there.
//!
//! A file is believed only if its build id is that of the mapping, or neither has one: another build would
//! give wrong names.

use super::stacks::Frame;
use crate::dump::{Dump, Mapping};
use addr2line::Loader;
use object::{Object, ObjectSegment};
use std::collections::HashMap;
use std::path::Path;

/// One file that was loaded.
struct File {
    loader: Loader,
    /// Of each segment: offset in the file, bytes, address.
    segments: Vec<(u64, u64, u64)>,
}

/// Names of the addresses of one dump.
pub struct Symbols<'a> {
    dump: &'a Dump,
    /// By path; none: it cannot be read, or is another one.
    files: HashMap<String, Option<File>>,
    known: HashMap<u64, Vec<Frame>>,
}

impl<'a> Symbols<'a> {
    pub fn new(dump: &'a Dump) -> Symbols<'a> {
        Symbols { dump, files: HashMap::new(), known: HashMap::new() }
    }

    /// The frames of a return address, innermost first: several where calls were inlined.
    pub fn frames_of(&mut self, address: u64) -> Vec<Frame> {
        if let Some(frames) = self.known.get(&address) {
            return frames.clone();
        }
        // The call is before the address to which it returns.
        let call = address.saturating_sub(1);
        let frames = self.find(call).unwrap_or_else(|| vec![self.unnamed(call)]);
        self.known.insert(address, frames.clone());
        frames
    }

    fn mapping_of(&self, address: u64) -> Option<&'a Mapping> {
        let mappings = &self.dump.accounts.mappings;
        mappings.iter().find(|of| address.checked_sub(of.start).is_some_and(|offset| offset < of.bytes))
    }

    fn unnamed(&self, address: u64) -> Frame {
        let function = match self.mapping_of(address) {
            Some(of) => {
                let path = self.dump.text(of.path).unwrap_or_default().into_owned();
                let file = path.rsplit('/').next().unwrap_or(&path);
                format!("{file}+{:#x}", address - of.start + of.offset)
            }
            None => format!("{address:#x}"),
        };
        Frame { function, file: None, line: 0, address }
    }

    fn find(&mut self, address: u64) -> Option<Vec<Frame>> {
        let of = *self.mapping_of(address)?;
        let path = self.dump.text(of.path)?.into_owned();
        let build_id = self.dump.text(of.build_id).map(|id| id.into_owned());
        let file = self.files.entry(path).or_insert_with_key(|path| open(path, build_id)).as_ref()?;
        let offset = address - of.start + of.offset;
        let segment = file.segments.iter().find(|(start, bytes, _)| offset.wrapping_sub(*start) < *bytes)?;
        let place = offset - segment.0 + segment.2;
        let mut frames = Vec::new();
        let mut found = file.loader.find_frames(place).ok()?;
        while let Ok(Some(frame)) = found.next() {
            let Some(function) = frame.function.as_ref().and_then(|of| of.demangle().ok()) else { continue };
            let at = frame.location.as_ref();
            let file = at.and_then(|at| at.file).map(str::to_owned);
            let line = at.and_then(|at| at.line).map_or(0, u64::from);
            frames.push(Frame { function: function.into_owned(), file, line, address: 0 });
        }
        if frames.is_empty() {
            let name = file.loader.find_symbol(place)?;
            let function = addr2line::demangle_auto(name.into(), None).into_owned();
            frames.push(Frame { function, ..Frame::default() });
        }
        Some(frames)
    }
}

fn open(path: &str, build_id: Option<String>) -> Option<File> {
    let bytes = std::fs::read(path).ok()?;
    let object = object::File::parse(&*bytes).ok()?;
    let own = object.build_id().ok()?.map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect());
    if own != build_id {
        return None;
    }
    let segments = object.segments().map(|of| (of.file_range().0, of.file_range().1, of.address())).collect();
    Some(File { loader: Loader::new(Path::new(path)).ok()?, segments })
}
