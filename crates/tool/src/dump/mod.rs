//! Reading a dump: `docs/dump-format.md`.
//!
//! | file | subject |
//! |---|---|
//! | `error` | what went wrong, and at which byte |
//! | `chunks` | preamble and chunks, with their checksums |
//! | `numbers` | numbers of a sequence of chunks |
//! | `model` | what a dump has, in arrays |
//! | `tables` | strings, books, types, pages, holders, totals |
//! | `accounts`, `read_accounts` | what profile and series have counted |
//! | `records` | the records of objects, as calls |
//! | `objects` | from records to arrays |
//! | this | one file from its name to a [`Dump`] |

mod accounts;
mod chunks;
mod error;
mod model;
mod numbers;
mod objects;
mod read_accounts;
mod records;
mod tables;
#[cfg(test)]
pub mod tests;

pub use accounts::*;
pub use chunks::Preamble;
pub use error::ReadError;
pub use model::*;

use crate::progress::Progress;
use rcgc_format as format;
use std::io::Read;

/// Reads a file; gzip is looked through. The message of a failure names the file.
pub fn open(path: &str, salvage: bool, progress: &Progress) -> Result<Dump, String> {
    let name = |error: &dyn std::fmt::Display| format!("{path}: {error}");
    let mut bytes = Vec::new();
    let result = match path {
        "-" => std::io::stdin().lock().read_to_end(&mut bytes),
        _ => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    result.map_err(|error| name(&error))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        let mut reader = flate2::read::MultiGzDecoder::new(&bytes[..]);
        if let Err(error) = reader.read_to_end(&mut plain) {
            // What could be unpacked is a dump that was cut; without anything it is no dump.
            if plain.is_empty() {
                return Err(name(&format!("byte 0: gzip: {error}")));
            }
        }
        bytes = plain;
    }
    read(bytes, path, salvage, progress).map_err(|error| name(&error))
}

/// Reads the bytes of a dump.
pub fn read(bytes: Vec<u8>, path: &str, salvage: bool, progress: &Progress) -> Result<Dump, ReadError> {
    let stage = progress.stage("checking", bytes.len() as u64);
    let frame = chunks::read(&bytes, salvage, |at| stage.set(at as u64))?;
    drop(stage);
    let mut skipped: Vec<(format::Tag, usize)> = Vec::new();
    for chunk in &frame.chunks {
        if !tables::KNOWN.contains(&chunk.tag) {
            match skipped.iter_mut().find(|(tag, _)| *tag == chunk.tag) {
                Some((_, count)) => *count += 1,
                None => skipped.push((chunk.tag, 1)),
            }
        }
    }
    let mut dump = Dump {
        path: path.to_owned(),
        file_bytes: bytes.len() as u64,
        preamble: frame.preamble.clone(),
        is_whole: frame.is_whole,
        cut: frame.cut.clone(),
        skipped,
        books: Books::default(),
        types: Vec::new(),
        fields: Vec::new(),
        pages: Vec::new(),
        objects: Objects::default(),
        edges: Edges::default(),
        holders: Vec::new(),
        words: Vec::new(),
        accounts: Accounts::default(),
        bytes: Vec::new(),
        strings: Vec::new(),
    };
    tables::read_strings(&bytes, &frame, &mut dump)?;
    tables::read_books(&bytes, &frame, &mut dump)?;
    tables::read_types(&bytes, &frame, &mut dump)?;
    tables::read_pages(&bytes, &frame, &mut dump)?;
    objects::read(&bytes, &frame, &mut dump, progress)?;
    tables::read_holders(&bytes, &frame, &mut dump)?;
    tables::read_words(&bytes, &frame, &mut dump)?;
    read_accounts::read(&bytes, &frame, &mut dump)?;
    tables::check_totals(&bytes, &frame, &dump)?;
    dump.bytes = bytes;
    Ok(dump)
}
