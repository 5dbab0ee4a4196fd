//! `rcgc`: reads dumps of heaps and answers what is alive, why, and what grew.
//!
//! | module | what it owns |
//! |---|---|
//! | `cli` | the command line: options, commands, exit statuses |
//! | `dump` | reading a dump: every byte is checked, every failure names the byte |
//! | `heap` | what is worked out from a dump: references from outside, ways, retained sizes |
//! | `ways` | how an object is kept, in words |
//! | `query`, `budget` | expressions that choose objects, rules about numbers |
//! | `glob`, `chart` | patterns, drawings |
//! | `output` | results as text, JSON or CSV |
//! | `commands` | one file a command |
//! | `export` | one file a format of other programs |
//! | `report` | all of it as one HTML page, one file a panel |
//!
//! A command takes dumps and options and gives a [`output::Report`]; it does not print. An export writes to a
//! stream. The tool has no unsafe code, and no input makes it crash: what is read is checked where it is
//! read, so that everything behind `dump` may rely on it.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod budget;
mod chart;
mod cli;
mod commands;
mod dump;
mod export;
mod glob;
mod heap;
mod output;
mod progress;
mod query;
mod report;
mod ways;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
