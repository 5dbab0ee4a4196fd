//! `rcgc ci`: a dump against a budget.

use crate::budget::{self, Rule};
use crate::context::{Context, Failure};
use crate::dump::Dump;
use crate::heap::Heap;
use crate::output::text::{bytes, count};
use crate::output::{names, Cell, Report, Table};

/// Hold a dump against a budget: exit status 1 when it is exceeded.
///
/// A budget is a text file with a rule on each line; # begins a comment:
///
///   bytes <= 64M
///   garbage_bytes <= 1M
///   longest_pause <= 10ms
///   type Session objects <= 200
///   type Cache retained <= 10M
///   site "*server.c:*" live_bytes <= 1M
///   query "type=Session and outside>0" objects <= 0
///   growth bytes <= 10%
///   growth type Buffer objects <= 5
///
/// Rules with `growth` compare with the dump of --base. Exit status 2: the budget is wrong, 3: a dump cannot
/// be read, or is not whole.
///
/// Examples: rcgc ci app.dump --budget heap.budget; rcgc ci new.dump --base old.dump --budget heap.budget
#[derive(clap::Args)]
#[command(after_help = budget::HELP, verbatim_doc_comment)]
pub struct Arguments {
    dump: String,
    /// The file with the rules.
    #[arg(long, value_name = "FILE")]
    budget: String,
    /// The dump with which growth is compared.
    #[arg(long, value_name = "DUMP")]
    base: Option<String>,
    /// Only show rules that are broken.
    #[arg(long)]
    broken: bool,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let path = &arguments.budget;
    let text = std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
    let rules =
        budget::parse(&text).map_err(|(line, what)| Failure::Usage(format!("{path}:{line}: {what}")))?;
    if rules.is_empty() {
        return Err(Failure::Usage(format!("{path}: there are no rules in it")));
    }
    let dump = whole(context, &arguments.dump)?;
    let base: Option<Dump> = arguments.base.as_ref().map(|path| whole(context, path)).transpose()?;
    if let Some(rule) = rules.iter().find(|rule| rule.is_growth && base.is_none()) {
        return Err(Failure::Usage(format!("{path}:{}: growth needs --base", rule.line)));
    }
    let heap = Heap::new(&dump, context.progress);
    let base = base.as_ref().map(|dump| Heap::new(dump, context.progress));
    let mut report = Report::default();
    let mut table = Table::new("rules", "", &["line", "rule", "value", "base", "limit", "kept"]);
    let mut broken = 0u64;
    for rule in &rules {
        let wrong = |what: String| Failure::Usage(format!("{path}:{}: {what}", rule.line));
        let value = rule.value(&heap).map_err(wrong)?;
        let before = match &base {
            Some(base) if rule.is_growth => Some(rule.value(base).map_err(wrong)?),
            _ => None,
        };
        let kept = rule.is_kept(value, before.unwrap_or(0));
        broken += u64::from(!kept);
        if arguments.broken && kept {
            continue;
        }
        table.row(vec![
            Cell::Count(rule.line as u64),
            names::line(&rule.text).into(),
            cell(rule, value),
            before.map_or(Cell::None, |value| cell(rule, value)),
            Cell::Text(limit(rule)),
            Cell::Flag(kept),
        ]);
    }
    report.sentence(match broken {
        0 => format!("all {} rules are kept", rules.len()),
        _ => format!("{broken} of {} rules are broken", rules.len()),
    });
    report.has_findings = broken != 0;
    report.tables.push(table);
    Ok(report)
}

/// Of a dump that was cut any rule may be kept: a budget opens no gate on what is missing, not even with --salvage.
fn whole(context: &Context, path: &str) -> Result<Dump, Failure> {
    let dump = context.open(path)?;
    match &dump.cut {
        Some(cut) => {
            Err(Failure::Input(format!("{path}: the dump is not whole ({cut}): no rule can be judged")))
        }
        None => Ok(dump),
    }
}

fn cell(rule: &Rule, value: u64) -> Cell {
    match rule.unit() {
        budget::Unit::Count => Cell::Count(value),
        budget::Unit::Bytes => Cell::Bytes(value),
        budget::Unit::Time => Cell::Nanoseconds(value),
    }
}

fn limit(rule: &Rule) -> String {
    let sign = rule.compare_text();
    if rule.is_share {
        return format!("{sign} {} %", rule.limit as f64 / 1000.0);
    }
    let value = u64::try_from(rule.limit).unwrap_or(0);
    let minus = if rule.limit < 0 { "-" } else { "" };
    let value = if rule.limit < 0 { rule.limit.unsigned_abs() as u64 } else { value };
    match rule.unit() {
        budget::Unit::Count => format!("{sign} {minus}{}", count(value)),
        budget::Unit::Bytes => format!("{sign} {minus}{}", bytes(value)),
        budget::Unit::Time => {
            format!("{sign} {minus}{}", crate::output::text::shown(&Cell::Nanoseconds(value)))
        }
    }
}
