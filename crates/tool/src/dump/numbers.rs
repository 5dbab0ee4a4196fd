//! Numbers from the payloads of chunks.

use super::chunks::{self, Chunk, Frame};
use super::error::ReadError;
use rcgc_format::{self as format, Tag};

/// Why there is no next number.
#[derive(Debug)]
pub enum NoNumber {
    /// The last chunk is used up.
    End,
    /// What is there cannot be.
    Wrong(ReadError),
}

impl From<ReadError> for NoNumber {
    fn from(error: ReadError) -> Self {
        NoNumber::Wrong(error)
    }
}

/// The numbers of all chunks of one type, as one sequence.
pub struct Numbers<'a> {
    bytes: &'a [u8],
    /// The chunks not begun.
    chunks: std::slice::Iter<'a, Chunk>,
    tag: Tag,
    /// The payload that is being read, from `at` on.
    at: usize,
    end: usize,
    is_whole: bool,
}

impl<'a> Numbers<'a> {
    pub fn new(bytes: &'a [u8], frame: &'a Frame, tag: Tag) -> Numbers<'a> {
        Numbers { bytes, chunks: frame.chunks.iter(), tag, at: 0, end: 0, is_whole: frame.is_whole }
    }

    /// Where the next number is.
    pub fn offset(&self) -> u64 {
        self.at as u64
    }

    /// Whether this chunk is used up.
    #[inline(always)]
    pub fn is_at_end(&self) -> bool {
        self.at == self.end
    }

    /// Goes on to the next chunk. False: there is none.
    pub fn next_chunk(&mut self) -> bool {
        let tag = self.tag;
        match self.chunks.by_ref().find(|chunk| chunk.tag == tag) {
            Some(chunk) => {
                (self.at, self.end) = (chunk.payload.start, chunk.payload.end);
                true
            }
            None => false,
        }
    }

    /// The next number of this chunk.
    #[inline(always)]
    pub fn here(&mut self) -> Result<u64, ReadError> {
        let rest = self.bytes.get(self.at..self.end).unwrap_or(&[]);
        match format::decode(rest) {
            Some((value, len)) => {
                self.at += len;
                Ok(value)
            }
            None => Err(self.no_number()),
        }
    }

    #[cold]
    fn no_number(&self) -> ReadError {
        let name = chunks::shown(self.tag);
        let what = match self.is_at_end() {
            true => format!("the chunk {name} ends where a number must be"),
            false => format!("no number in the chunk {name}"),
        };
        ReadError::new(self.at as u64, what)
    }

    /// The next number, in this chunk or the next one.
    #[inline(always)]
    pub fn next(&mut self) -> Result<u64, NoNumber> {
        while self.is_at_end() {
            if !self.next_chunk() {
                return Err(NoNumber::End);
            }
        }
        Ok(self.here()?)
    }

    /// The next number of a record that has begun: a whole file must have it.
    #[inline(always)]
    pub fn more(&mut self) -> Result<u64, NoNumber> {
        match self.next() {
            Err(NoNumber::End) if self.is_whole => Err(NoNumber::Wrong(ReadError::new(
                self.at as u64,
                format!("the last chunk {} ends inside a record", chunks::shown(self.tag)),
            ))),
            other => other,
        }
    }

    /// Bytes of this chunk.
    pub fn bytes(&mut self, len: u64) -> Result<std::ops::Range<usize>, ReadError> {
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        match end.filter(|&end| end <= self.end) {
            Some(end) => {
                let range = self.at..end;
                self.at = end;
                Ok(range)
            }
            None => Err(ReadError::new(
                self.at as u64,
                format!("{len} bytes do not fit in the chunk {}", chunks::shown(self.tag)),
            )),
        }
    }

    /// Pairs of keys and values.
    pub fn pairs(&mut self, mut each: impl FnMut(u64, u64)) -> Result<(), NoNumber> {
        for _ in 0..self.more()? {
            let key = self.more()?;
            each(key, self.more()?);
        }
        Ok(())
    }

    /// A failure at the number before.
    pub fn wrong(&self, what: impl Into<String>) -> NoNumber {
        NoNumber::Wrong(ReadError::new(self.at as u64, what))
    }
}

/// Reads records until the sequence ends. What a cut file has of the last one is left out.
pub fn each_record(
    numbers: &mut Numbers<'_>,
    mut record: impl FnMut(&mut Numbers<'_>, u64) -> Result<(), NoNumber>,
) -> Result<(), ReadError> {
    loop {
        let result = numbers.next().and_then(|first| record(numbers, first));
        match result {
            Ok(()) => {}
            Err(NoNumber::End) => return Ok(()),
            Err(NoNumber::Wrong(error)) => return Err(error),
        }
    }
}
