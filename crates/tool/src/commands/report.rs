//! `rcgc report`: all that is to be said of a heap, as one HTML page.

use crate::context::{Context, Failure};
use crate::heap::Heap;
use crate::output::{Cell, Report};
use crate::report;
use std::io::{self, Write};
use std::path::PathBuf;

/// Write a page for a browser: one file, which loads nothing from anywhere.
///
/// Types, what keeps the memory, suspects with their ways, rings, and what else the dump has. With two dumps
/// the page is about the second, with what changed since the first. The page is small whatever the size of
/// the heap: sums, and the largest of each kind.
///
/// Example: rcgc report before.dump after.dump -o report.html
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// A later dump: the page is about it.
    later: Option<String>,
    /// The file; without it the page goes to standard output.
    #[arg(long, short)]
    output: Option<String>,
    /// Types that are listed.
    #[arg(long, default_value_t = 300)]
    types: usize,
    /// Percent of the heap's bytes that make a suspect.
    #[arg(long, default_value_t = 10.0, value_parser = super::suspects::percent)]
    share: f64,
    /// Show lines of the host's sources, which are below this folder.
    #[arg(long, value_name = "FOLDER")]
    source: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    if let Some(folder) = arguments.source.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(Failure::Usage(format!("--source {}: no such folder", folder.display())));
    }
    let first = context.open(&arguments.dump)?;
    let later = arguments.later.as_deref().map(|path| context.open(path)).transpose()?;
    let first = Heap::new(&first, context.progress);
    let later = later.as_ref().map(|dump| Heap::new(dump, context.progress));
    let (heap, before) = match &later {
        Some(later) => (later, Some(&first)),
        None => (&first, None),
    };
    let options =
        report::Options { types: arguments.types, share: arguments.share, source: arguments.source.clone() };
    let page = report::page(heap, before, &options);
    let Some(path) = &arguments.output else {
        return match io::stdout().lock().write_all(page.as_bytes()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::Output(format!("standard output: {error}")))
            }
            _ => Ok(Report::nothing()),
        };
    };
    context.save(path, page.as_bytes())?;
    let mut report = Report::default();
    report.fact("file", path.as_str());
    report.fact("bytes", Cell::Bytes(page.len() as u64));
    Ok(report)
}
