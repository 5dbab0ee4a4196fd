//! The commands, one file each: arguments, and a function from these and the dumps to a report.

mod check;
pub mod cycles;
pub mod diff;
mod export;
mod path;
mod report;
pub mod selection;
pub mod summary;
pub mod suspects;
pub mod types;
mod why;

use crate::cli::{self, Context, Failure};
use crate::output::Report;
use clap::Subcommand;

/// One command with its arguments.
#[derive(Subcommand)]
pub enum Command {
    Summary(summary::Arguments),
    Types(types::Arguments),
    Why(why::Arguments),
    Path(path::Arguments),
    Suspects(suspects::Arguments),
    Cycles(cycles::Arguments),
    Diff(diff::Arguments),
    Export(export::Arguments),
    Report(report::Arguments),
    Check(check::Arguments),
    /// Write completions for a shell to standard output.
    Completions {
        shell: clap_complete::Shell,
    },
}

/// Runs a command.
pub fn run(command: &Command, context: &Context) -> Result<Report, Failure> {
    match command {
        Command::Summary(arguments) => summary::run(arguments, context),
        Command::Types(arguments) => types::run(arguments, context),
        Command::Why(arguments) => why::run(arguments, context),
        Command::Path(arguments) => path::run(arguments, context),
        Command::Suspects(arguments) => suspects::run(arguments, context),
        Command::Cycles(arguments) => cycles::run(arguments, context),
        Command::Diff(arguments) => diff::run(arguments, context),
        Command::Export(arguments) => export::run(arguments, context),
        Command::Report(arguments) => report::run(arguments, context),
        Command::Check(arguments) => check::run(arguments, context),
        Command::Completions { shell } => {
            cli::completions(*shell);
            Ok(Report::nothing())
        }
    }
}
