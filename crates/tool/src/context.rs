//! What commands are given, and how they fail.

use crate::dump::{self, Dump};
use crate::output::{Format, Report, Rows};
use crate::progress::Progress;
use crate::save::{Inputs, Refused, Saved};
use std::io::{self, Write};

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

/// Writes a report to standard output, with these tables behind its own.
pub fn print(report: &Report, more: &[Rows], format: Format) -> Result<(), Failure> {
    let result = match format {
        Format::Text => {
            let mut out = io::BufWriter::new(anstream::stdout().lock());
            report.write_with(more, format, &mut out).and_then(|()| out.flush())
        }
        _ => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            report.write_with(more, format, &mut out).and_then(|()| out.flush())
        }
    };
    match result {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        match refused {
            Refused::IsInput(text) => Failure::Usage(text),
            Refused::Failed(text) => Failure::Output(text),
        }
    }
}

/// What commands share.
pub struct Context {
    pub progress: Progress,
    pub format: Format,
    pub salvage: bool,
    pub quiet: bool,
    /// What was read, which is never written.
    pub inputs: Inputs,
}

/// Writes a line to standard error. What cannot be written there is for nobody: the exit status says the rest.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "rcgc: {text}");
}

impl Context {
    /// Reads a dump, and says when it is not whole.
    pub fn open(&self, path: &str) -> Result<Dump, Failure> {
        self.inputs.add(path);
        let dump = dump::open(path, self.salvage, &self.progress).map_err(Failure::Input)?;
        if let Some(cut) = &dump.cut {
            self.warn(&format!("{path}: {cut}; what lies before is read"));
        }
        Ok(dump)
    }

    /// Reads a dump for a verdict. What lies before a cut may keep any rule and have any growth: it is refused, but
    /// with --salvage, after which the caller says what the verdict is worth.
    pub fn open_for_verdict(&self, path: &str) -> Result<Dump, Failure> {
        let dump = self.open(path)?;
        match &dump.cut {
            Some(cut) if !self.salvage => Err(Failure::Input(format!(
                "{path}: the dump is not whole ({cut}): no verdict; --salvage gives what lies before"
            ))),
            _ => Ok(dump),
        }
    }

    /// Prints a report whose last table has rows that are made when they are written. What is left to be done is nothing.
    pub fn print_rows(&self, report: Report, rows: Rows) -> Result<Report, Failure> {
        print(&report, &[rows], self.format)?;
        Ok(Report { has_findings: report.has_findings, ..Report::nothing() })
    }

    /// Begins a file for a result; see [`Saved`].
    pub fn create(&self, path: &str) -> Result<Saved, Failure> {
        Ok(Saved::begin(path, &self.inputs)?)
    }

    /// Writes a file as a whole.
    pub fn save(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let mut saved = self.create(path)?;
        let written = saved.write_all(bytes).and_then(|()| saved.end());
        written.map_err(|error| Failure::Output(format!("{path}: {error}")))
    }

    /// Writes a warning to standard error.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            say(&format!("warning: {text}"));
        }
    }
}
