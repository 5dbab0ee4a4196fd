//! `rcgc summary`: one page about a heap.

use crate::context::{Context, Failure};
use crate::findings;
use crate::heap::Heap;
use crate::output::Report;
use crate::wording::summary;

/// Show what a heap has, on one page.
///
/// Example: rcgc summary app.dump
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// Types that are listed.
    #[arg(long, default_value_t = 10)]
    limit: usize,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let mut report = Report {
        facts: summary::facts(&heap, &findings::summary::of(&heap)),
        sentences: summary::unknown_chunks(&heap),
        ..Report::default()
    };
    report.tables.push(summary::types(&heap, arguments.limit));
    if !dump.holders.is_empty() {
        report.tables.push(summary::holders(&heap));
    }
    if !dump.accounts.followed.is_empty() {
        report.tables.push(summary::followed(&heap));
    }
    if !dump.accounts.scopes.is_empty() {
        report.tables.push(summary::scopes(&heap));
    }
    Ok(report)
}
