//! `rcgc path`: how one object refers to another.

use super::why;
use crate::context::{Context, Failure};
use crate::findings;
use crate::heap::Heap;
use crate::output::{names, Cell, Report};
use crate::selection;
use crate::wording::ways;
use rcgc_format::graph::search::{self, Step};

/// Show the shortest way from one object to another.
///
/// Of types any object will do. Exit status 1: there is no way.
///
/// Example: rcgc path app.dump Cache 0x7f3c10a0
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    #[arg(help = selection::HELP)]
    from: String,
    /// As FROM.
    to: String,
    /// Steps that are listed one by one.
    #[arg(long, default_value_t = 20)]
    steps: usize,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let from = selection::objects(&dump, &arguments.from)?;
    let to = selection::objects(&dump, &arguments.to)?;
    let mut is_target = vec![false; dump.len()];
    for &object in &to {
        is_target[object as usize] = true;
    }
    let mut came_from = vec![0; dump.len()];
    let mut queue = vec![0; dump.len()];
    let stop = |object: u32| if is_target[object as usize] { Step::Stop } else { Step::On };
    let found = search::breadth_first(dump.graph(), &from, |_, _| true, stop, &mut came_from, &mut queue);
    let mut report = Report::default();
    let way = found.and_then(|target| Some((target, findings::ways::read_back(&dump, &came_from, target)?)));
    match way {
        None => {
            report.has_findings = true;
            report.sentence(format!(
                "no references lead from {} to {}",
                names::line(&arguments.from),
                names::line(&arguments.to)
            ));
        }
        Some((target, way)) => {
            let start = way.first().map_or(target, |step| step.from);
            let shown = ways::shown(&dump, &way);
            report.sentence(match way.is_empty() {
                true => format!("{} is both", names::object(&dump, target)),
                false => format!(
                    "{} refers to {}, path {shown}",
                    names::object(&dump, start),
                    names::object(&dump, target)
                ),
            });
            report.fact("steps", Cell::Count(way.len() as u64));
            report.tables.push(why::steps(&heap, &way, target, arguments.steps));
        }
    }
    Ok(report)
}
