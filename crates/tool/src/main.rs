//! `rcgc`: reads dumps of heaps and answers what is alive, why, and what grew.
//!
//! | module | what it owns |
//! |---|---|
//! | `progress` | how far it is, on a terminal |
//! | `dump` | reading a dump: every byte is checked, every failure names the byte |
//! | `process` | what a running process shows of itself |
//! | `heap` | what is worked out from a dump: references from outside, ways, retained sizes |
//! | `findings` | what is found in it: suspects, rings, changes, sites, types; numbers, no words |
//! | `glob`, `query`, `budget` | patterns, expressions that choose objects, rules about numbers |
//! | `output` | results as text, JSON or CSV |
//! | `save` | files that are written, never over what was read |
//! | `wording` | findings in words and as tables |
//! | `context`, `selection` | what commands are given; how the command line names objects |
//! | `export` | one file a format of other programs |
//! | `chart` | drawings |
//! | `report` | all of it as one HTML page, one file a panel |
//! | `commands` | one file a command |
//! | `cli` | the command line: options, commands, exit statuses |
//!
//! In this order each uses only what stands above it; a test holds that. What dumps are, and the algorithms over graphs,
//! is in the crate `rcgc_format`; nothing of the engine is used.
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
mod context;
mod dump;
mod export;
mod findings;
mod glob;
mod heap;
mod output;
mod process;
mod progress;
mod query;
mod report;
mod save;
mod selection;
mod wording;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The modules in the order of the table above.
    fn order() -> Vec<&'static str> {
        let rows = include_str!("main.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
        let names = rows.filter_map(|row| row.split_once("` |")).map(|(names, _)| names);
        names.flat_map(|names| names.split("`, `")).collect()
    }

    fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the sources can be read") {
            let path = entry.expect("the sources can be read").path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }

    #[test]
    fn modules_use_only_what_stands_above_them() {
        let (order, root) = (order(), Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        let mut files = Vec::new();
        sources(&root, &mut files);
        let (mut wrong, mut uses) = (Vec::new(), 0);
        for file in files {
            let inner = file.strip_prefix(&root).expect("it lies below");
            let module = inner.iter().next().and_then(|name| name.to_str()).unwrap_or_default();
            let module = module.strip_suffix(".rs").unwrap_or(module);
            let is_test = inner.iter().any(|part| part == "tests" || part == "tests.rs");
            let Some(own) = order.iter().position(|&name| name == module).filter(|_| !is_test) else {
                assert!(is_test || module == "main", "{module} is not in the table of main.rs");
                continue;
            };
            let text = std::fs::read_to_string(&file).expect("it can be read");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for part in text.split("crate::").skip(1) {
                let list = part.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(list, _)| list);
                let used = list.unwrap_or_else(|| part.split([':', ';', '(']).next().unwrap_or_default());
                for name in used.split(',').map(|name| name.trim().split("::").next().unwrap_or_default()) {
                    uses += 1;
                    if order.iter().position(|&other| other == name).is_some_and(|other| other > own) {
                        wrong.push(format!("{}: {name}", inner.display()));
                    }
                }
            }
        }
        assert!(order.len() > 12 && uses > 100, "{order:?}, {uses} uses");
        assert_eq!(wrong, Vec::<String>::new(), "these use what stands below them");
    }
}
