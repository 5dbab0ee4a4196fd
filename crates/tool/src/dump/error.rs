//! Why a dump could not be read, and where.

use std::fmt;

/// A failure to read, with the byte at which it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Offset in the dump (in the uncompressed one).
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

impl ReadError {
    pub fn new(offset: u64, what: impl Into<String>) -> ReadError {
        ReadError { offset, what: what.into() }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "byte {}: {}", self.offset, self.what)
    }
}

impl std::error::Error for ReadError {}
