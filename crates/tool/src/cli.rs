//! The command line. Exit statuses, for scripts and CI:
//!
//! | status | |
//! |---|---|
//! | 0 | done |
//! | 1 | done, and there are findings: see each command |
//! | 2 | the command line is wrong, or names what the dump does not have |
//! | 3 | a dump cannot be read |
//! | 4 | the result cannot be written |

use crate::commands::{self, Command};
use crate::context::{Context, Failure};
use crate::output::{Format, Report};
use crate::progress::Progress;
use anstream::ColorChoice;
use clap::{Parser, Subcommand, ValueEnum};
use std::io::{self, Write};
use std::process::ExitCode;

/// Reads dumps of rcgc heaps: what is alive, why, and what grew.
///
/// A dump is what gc_dump of the library writes; files that gzip compressed are read, too, and `-` is
/// standard input.
#[derive(Parser)]
#[command(name = "rcgc", version, max_term_width = 100, after_help = EXIT_STATUSES)]
struct Cli {
    /// How results are written.
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    format: Format,
    /// Colours; auto: only on a terminal.
    #[arg(long, value_enum, default_value_t = Colour::Auto, global = true)]
    color: Colour,
    /// No progress and no warnings.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Of a damaged dump read what lies before the damage.
    #[arg(long, global = true)]
    salvage: bool,
    #[command(subcommand)]
    wanted: Wanted,
}

#[derive(Subcommand)]
enum Wanted {
    #[command(flatten)]
    Command(Command),
    /// Write completions for a shell to standard output.
    Completions { shell: clap_complete::Shell },
}

const EXIT_STATUSES: &str = "\
Exit status: 0 done; 1 done, and there are findings; 2 the command line is wrong, or names what the dump \
does not have; 3 a dump cannot be read; 4 the result cannot be written.";

#[derive(Clone, Copy, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let colour = match cli.color {
        Colour::Auto => ColorChoice::Auto,
        Colour::Always => ColorChoice::Always,
        Colour::Never => ColorChoice::Never,
    };
    colour.write_global();
    let context = Context {
        progress: Progress::new(!cli.quiet),
        format: cli.format,
        salvage: cli.salvage,
        quiet: cli.quiet,
    };
    let result = match &cli.wanted {
        Wanted::Command(command) => commands::run(command, &context),
        Wanted::Completions { shell } => {
            completions(*shell);
            Ok(Report::nothing())
        }
    };
    match result.and_then(|report| print(&report, cli.format)) {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(1),
        Err(failure) => {
            let (status, text) = match failure {
                Failure::Usage(text) => (2, text),
                Failure::Input(text) => (3, text),
                Failure::Output(text) => (4, text),
            };
            eprintln!("rcgc: {text}");
            ExitCode::from(status)
        }
    }
}

/// Writes the report; whether it has findings.
fn print(report: &Report, format: Format) -> Result<bool, Failure> {
    let result = match format {
        Format::Text => {
            let mut out = io::BufWriter::new(anstream::stdout().lock());
            report.write(format, &mut out).and_then(|()| out.flush())
        }
        _ => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            report.write(format, &mut out).and_then(|()| out.flush())
        }
    };
    match result {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(report.has_findings),
        Err(error) => Err(Failure::Output(format!("standard output: {error}"))),
        Ok(()) => Ok(report.has_findings),
    }
}

/// Writes shell completions.
fn completions(shell: clap_complete::Shell) {
    let mut command = <Cli as clap::CommandFactory>::command();
    clap_complete::generate(shell, &mut command, "rcgc", &mut io::stdout());
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        <super::Cli as clap::CommandFactory>::command().debug_assert();
    }
}
