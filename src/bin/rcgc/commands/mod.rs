//! The commands, one file each: arguments, and a function from these and the dumps to a report.

mod check;
mod selection;
mod summary;

use crate::cli::{self, Context, Failure};
use crate::output::Report;
use clap::Subcommand;

/// One command with its arguments.
#[derive(Subcommand)]
pub enum Command {
    Summary(summary::Arguments),
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
        Command::Check(arguments) => check::run(arguments, context),
        Command::Completions { shell } => {
            cli::completions(*shell);
            Ok(Report::default())
        }
    }
}
