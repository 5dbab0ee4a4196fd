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
use crate::context::{self, say, Context, Failure};
use crate::output::{names, Format, Report};
use crate::progress::Progress;
use crate::save::Inputs;
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

impl Wanted {
    /// Whether people read the result; exports are for programs.
    fn is_for_people(&self) -> bool {
        !matches!(self, Wanted::Command(Command::Export(_)))
    }
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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return answered(&answer),
    };
    let colour = match cli.color {
        Colour::Auto => ColorChoice::Auto,
        Colour::Always => ColorChoice::Always,
        Colour::Never => ColorChoice::Never,
    };
    colour.write_global();
    if cli.format == Format::Text && cli.wanted.is_for_people() {
        names::cut_for_people();
    }
    let context = Context {
        progress: Progress::new(!cli.quiet),
        format: cli.format,
        salvage: cli.salvage,
        quiet: cli.quiet,
        inputs: Inputs::default(),
    };
    let result = match &cli.wanted {
        Wanted::Command(command) => commands::run(command, &context),
        Wanted::Completions { shell } => completions(*shell).map(|()| Report::nothing()),
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
            say(&text);
            ExitCode::from(status)
        }
    }
}

/// Help and version are asked for; everything else that the command line gives instead of a command is wrong.
fn answered(answer: &clap::Error) -> ExitCode {
    // What cannot be written there is for nobody.
    match answer.print() {
        Err(error) if !answer.use_stderr() && error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(4),
        _ if answer.use_stderr() => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    }
}

/// Writes the report; whether it has findings.
fn print(report: &Report, format: Format) -> Result<bool, Failure> {
    context::print(report, &[], format).map(|()| report.has_findings)
}

/// Writes shell completions.
fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut command = <Cli as clap::CommandFactory>::command();
    // The generator takes it for granted that writing succeeds.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "rcgc", &mut text);
    let mut out = io::stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        <super::Cli as clap::CommandFactory>::command().debug_assert();
    }
}
