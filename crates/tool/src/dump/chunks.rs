//! The frame of a dump: preamble and chunks, with their checksums.

use super::error::ReadError;
use rcgc_format::{self as format, Tag};
use std::ops::Range;

/// What the preamble says.
#[derive(Clone, Debug, Default)]
pub struct Preamble {
    /// major, minor, patch
    pub engine: (u32, u32, u32),
    pub process: u64,
    pub wall_clock_ns: u64,
    pub monotonic_ns: u64,
    pub names_are_hashed: bool,
    pub was_forked: bool,
}

/// One whole chunk.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub tag: Tag,
    /// The payload's place in the file.
    pub payload: Range<usize>,
}

/// The frame of one file.
#[derive(Debug)]
pub struct Frame {
    pub preamble: Preamble,
    pub chunks: Vec<Chunk>,
    /// `END ` is there.
    pub is_whole: bool,
    /// What is left out behind the last whole chunk: where, and why.
    pub cut: Option<ReadError>,
}

fn fixed<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut value = [0; N];
    if let Some(found) = bytes.get(at..at + N) {
        value.copy_from_slice(found);
    }
    value
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(fixed(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(fixed(bytes, at))
}

/// Reads the preamble.
fn preamble(bytes: &[u8]) -> Result<Preamble, ReadError> {
    let fail = |offset: u64, what: String| Err(ReadError::new(offset, what));
    let known = bytes.len().min(format::MAGIC.len());
    if known == 0 || bytes.get(..known) != format::MAGIC.get(..known) {
        return fail(0, "this is not a dump of rcgc: it does not begin like one".to_owned());
    }
    if bytes.len() < format::PREAMBLE_BYTES {
        let what = format!("the file ends inside the preamble of {} bytes", format::PREAMBLE_BYTES);
        return fail(bytes.len() as u64, what);
    }
    let sum = format::crc32c(0, bytes.get(..56).unwrap_or(&[]));
    let major = u16::from_le_bytes(fixed(bytes, 8));
    if sum != u32_at(bytes, 56) || u32_at(bytes, 60) != 0 {
        return fail(56, "the preamble is damaged: its checksum does not fit".to_owned());
    }
    if major != format::MAJOR {
        return fail(8, format!("the dump has format {major}, this tool reads format {}", format::MAJOR));
    }
    let [order, pointer_bytes] = fixed(bytes, 12);
    if order != 1 {
        return fail(12, format!("byte order {order} is not known"));
    }
    if pointer_bytes != 8 {
        return fail(13, format!("pointers of {pointer_bytes} bytes are not known"));
    }
    let engine = u32_at(bytes, 20);
    let flags = u64_at(bytes, 48);
    Ok(Preamble {
        engine: (engine >> 16, engine >> 8 & 255, engine & 255),
        process: u64_at(bytes, 24),
        wall_clock_ns: u64_at(bytes, 32),
        monotonic_ns: u64_at(bytes, 40),
        names_are_hashed: flags & format::FLAG_HASHED != 0,
        was_forked: flags & format::FLAG_FORKED != 0,
    })
}

/// The chunk that begins at `at`. Ok(None): the file ends inside it.
fn chunk_at(bytes: &[u8], at: usize) -> Result<Option<Chunk>, ReadError> {
    let rest = bytes.get(at..).unwrap_or(&[]);
    if rest.len() < format::CHUNK_HEAD_BYTES {
        return Ok(None);
    }
    let tag: Tag = fixed(rest, 0);
    if format::crc32c(0, rest.get(..20).unwrap_or(&[])) != u32_at(rest, 20) {
        return Err(ReadError::new(at as u64, "the head of a chunk is damaged: its checksum does not fit"));
    }
    let start = at + format::CHUNK_HEAD_BYTES;
    let end = usize::try_from(u64_at(rest, 8)).ok().and_then(|length| start.checked_add(length));
    let Some(payload) = end.filter(|&end| end <= bytes.len()).map(|end| start..end) else { return Ok(None) };
    let sum = format::crc32c(0, bytes.get(payload.clone()).unwrap_or(&[]));
    if sum != u32_at(rest, 16) {
        let what = format!("the chunk {} is damaged: its checksum does not fit", shown(tag));
        return Err(ReadError::new(start as u64, what));
    }
    Ok(Some(Chunk { tag, payload }))
}

/// A chunk's type for messages.
pub fn shown(tag: Tag) -> String {
    tag.escape_ascii().to_string().trim_end().to_owned()
}

/// Reads the frame. With `salvage` a damaged chunk ends the dump, as if the file had been cut there.
pub fn read(bytes: &[u8], salvage: bool, mut progress: impl FnMut(usize)) -> Result<Frame, ReadError> {
    let preamble = preamble(bytes)?;
    let mut frame = Frame { preamble, chunks: Vec::new(), is_whole: false, cut: None };
    let mut at = format::PREAMBLE_BYTES;
    while at < bytes.len() {
        if frame.is_whole {
            return Err(ReadError::new(at as u64, "there is something behind the end of the dump"));
        }
        match chunk_at(bytes, at) {
            Ok(Some(chunk)) => {
                at = chunk.payload.end;
                frame.is_whole = chunk.tag == format::END;
                frame.chunks.push(chunk);
            }
            Ok(None) => {
                frame.cut = Some(ReadError::new(at as u64, "the file ends inside a chunk"));
                break;
            }
            Err(error) if salvage => {
                frame.cut = Some(error);
                break;
            }
            Err(error) => return Err(error),
        }
        progress(at);
    }
    if !frame.is_whole && frame.cut.is_none() {
        frame.cut = Some(ReadError::new(at as u64, "the file ends without the chunk END"));
    }
    Ok(frame)
}
