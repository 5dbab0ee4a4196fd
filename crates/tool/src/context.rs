//! What commands are given, and how they fail.

use crate::dump::{self, Dump};
use crate::output::Format;
use crate::progress::Progress;

/// Why a command did not come to its end.
#[derive(Debug)]
pub enum Failure {
    /// The command line is wrong, or names what is not there.
    Usage(String),
    /// A dump cannot be read.
    Input(String),
    /// The result cannot be written.
    Output(String),
}

/// What commands share.
pub struct Context {
    pub progress: Progress,
    pub format: Format,
    pub salvage: bool,
    pub quiet: bool,
}

impl Context {
    /// Reads a dump, and says when it is not whole.
    pub fn open(&self, path: &str) -> Result<Dump, Failure> {
        let dump = dump::open(path, self.salvage, &self.progress).map_err(Failure::Input)?;
        if let Some(cut) = dump.cut.as_ref().filter(|_| !self.quiet) {
            eprintln!("rcgc: warning: {path}: {cut}; what lies before is read");
        }
        Ok(dump)
    }

    /// Writes a warning to standard error.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            eprintln!("rcgc: warning: {text}");
        }
    }
}
