//! The commands, one file each: arguments, and a function from these and the dumps to a report.

mod check;
mod ci;
mod cycles;
mod diff;
mod export;
mod links;
mod path;
mod plot;
mod query;
mod report;
mod sites;
mod summary;
mod suspects;
mod top;
mod types;
mod watch;
mod watch_process;
mod why;

use crate::context::{Context, Failure};
use crate::output::Report;
use clap::Subcommand;

/// One command with its arguments.
#[derive(Subcommand)]
pub enum Command {
    Summary(summary::Arguments),
    Types(types::Arguments),
    Sites(sites::Arguments),
    Top(top::Arguments),
    Query(query::Arguments),
    Why(why::Arguments),
    Path(path::Arguments),
    Referrers(links::Referrers),
    Referents(links::Referents),
    Suspects(suspects::Arguments),
    Cycles(cycles::Arguments),
    Diff(diff::Arguments),
    Plot(plot::Arguments),
    Watch(watch::Arguments),
    Export(export::Arguments),
    Report(report::Arguments),
    Ci(ci::Arguments),
    Check(check::Arguments),
}

/// Runs a command.
pub fn run(command: &Command, context: &Context) -> Result<Report, Failure> {
    match command {
        Command::Summary(arguments) => summary::run(arguments, context),
        Command::Types(arguments) => types::run(arguments, context),
        Command::Sites(arguments) => sites::run(arguments, context),
        Command::Top(arguments) => top::run(arguments, context),
        Command::Query(arguments) => query::run(arguments, context),
        Command::Why(arguments) => why::run(arguments, context),
        Command::Path(arguments) => path::run(arguments, context),
        Command::Referrers(of) => links::referrers(of, context),
        Command::Referents(of) => links::referents(of, context),
        Command::Suspects(arguments) => suspects::run(arguments, context),
        Command::Cycles(arguments) => cycles::run(arguments, context),
        Command::Diff(arguments) => diff::run(arguments, context),
        Command::Plot(arguments) => plot::run(arguments, context),
        Command::Watch(arguments) => watch::run(arguments, context),
        Command::Export(arguments) => export::run(arguments, context),
        Command::Report(arguments) => report::run(arguments, context),
        Command::Ci(arguments) => ci::run(arguments, context),
        Command::Check(arguments) => check::run(arguments, context),
    }
}
