//! `rcgc suspects`: what probably should not be there.

use crate::cli::{Context, Failure};
use crate::dump::Object;
use crate::heap::{Heap, Owned};
use crate::output::text::{bytes, count};
use crate::output::{names, Cell, Report, Table};
use crate::ways;
use std::collections::HashMap;

/// Name what keeps a large share of the heap.
///
/// A suspect is an object, or a type, without which a tenth of the heap (see --share) would go; garbage of
/// that size is one, too. Exit status 1: there are suspects.
///
/// Example: rcgc suspects app.dump --share 25
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// Percent of the heap's bytes, external ones too.
    #[arg(long, default_value_t = 10.0, value_parser = percent)]
    share: f64,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 100.0 => Ok(share),
        _ => Err("a number above 0, at most 100".to_owned()),
    }
}

/// What keeps so much of what the suspect keeps is where it accumulates.
const ACCUMULATES: f64 = 0.8;

struct Suspect {
    what: String,
    kind: &'static str,
    objects: u64,
    retained: u64,
    reason: String,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let total = heap.total();
    let least = (total as f64 * arguments.share / 100.0).max(1.0);
    let owners = heap.owners();
    let owned = owners.owned();
    let mut suspects = Vec::new();
    let mut by_type: HashMap<u32, (u64, u64, Object)> = HashMap::new();
    for top in owners.tops().filter(|&top| heap.is_alive(top)) {
        let retained = owners.retained[top as usize];
        if retained as f64 >= least {
            suspects.push(single(&heap, &owned, top));
            continue;
        }
        let of = by_type.entry(dump.objects.kind[top as usize]).or_insert((0, 0, top));
        let largest = if owners.retained[of.2 as usize] < retained { top } else { of.2 };
        *of = (of.0 + 1, of.1.saturating_add(retained), largest);
    }
    for (kind, (objects, retained, largest)) in by_type {
        if retained as f64 >= least {
            suspects.push(of_type(&heap, kind, objects, retained, largest));
        }
    }
    suspects.extend(garbage(&heap, least));
    suspects.sort_by(|a, b| b.retained.cmp(&a.retained).then_with(|| a.what.cmp(&b.what)));

    let mut report = Report { has_findings: !suspects.is_empty(), ..Report::default() };
    report.fact("bytes", Cell::Bytes(total));
    report.fact("suspects", Cell::Count(suspects.len() as u64));
    let mut table =
        Table::new("suspects", "", &["suspect", "kind", "objects", "retained", "share", "reason"]);
    for of in suspects {
        let share = of.retained as f64 / total.max(1) as f64;
        report.sentence(format!("{}: {}", of.what, of.reason.replace("{share}", &percents(share))));
        table.row(vec![
            of.what.into(),
            of.kind.into(),
            Cell::Count(of.objects),
            Cell::Bytes(of.retained),
            Cell::Share(share),
            of.reason.replace("{share}", &percents(share)).into(),
        ]);
    }
    // For people the sentences say it all.
    if context.format != crate::output::Format::Text {
        report.tables.push(table);
    }
    Ok(report)
}

fn percents(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// One object keeps much.
fn single(heap: &Heap, owned: &Owned, top: Object) -> Suspect {
    let owners = heap.owners();
    let retained = owners.retained[top as usize];
    // Down to where it comes together; not along a list, where every node keeps a little less than the one
    // before.
    let kind = |object: Object| heap.dump.objects.kind[object as usize];
    let mut at = top;
    loop {
        let largest = owned.by(at).iter().copied().max_by_key(|&object| owners.retained[object as usize]);
        let Some(below) = largest.filter(|&below| kind(below) != kind(at)) else { break };
        if (owners.retained[below as usize] as f64) < ACCUMULATES * retained as f64 {
            break;
        }
        at = below;
    }
    let mut reason = format!("it alone keeps {} ({{share}}). ", bytes(retained));
    reason += &sentence(&ways::why(heap, top, ways::shortest(heap, top).as_deref()));
    if at != top {
        reason += &format!(
            " {} of that is kept by {}.",
            bytes(owners.retained[at as usize]),
            names::object(heap.dump, at)
        );
    }
    if let Some((kind, objects, sum)) = most_owned(heap, owned, at) {
        let what = if at == top { "It owns".to_owned() } else { "This one owns".to_owned() };
        reason += &format!(" {what} {} {kind} directly, with {}.", count(objects), bytes(sum));
    }
    let external = heap.dump.external_of(at);
    if external as f64 >= ACCUMULATES * owners.retained[at as usize] as f64 {
        reason += &format!(" {} of it are its external bytes.", bytes(external));
    }
    Suspect { what: names::object(heap.dump, top), kind: "object", objects: 1, retained, reason }
}

/// The type of which an object owns most directly.
fn most_owned(heap: &Heap, owned: &Owned, at: Object) -> Option<(String, u64, u64)> {
    let mut sums: HashMap<u32, (u64, u64)> = HashMap::new();
    for &object in owned.by(at) {
        let of = sums.entry(heap.dump.objects.kind[object as usize]).or_default();
        *of = (of.0 + 1, of.1.saturating_add(heap.owners().retained[object as usize]));
    }
    let (kind, (objects, sum)) = sums.into_iter().max_by_key(|&(kind, (_, sum))| (sum, kind))?;
    Some((names::line(&heap.dump.type_name(kind)), objects, sum))
}

/// Many objects of a type keep much together.
fn of_type(heap: &Heap, kind: u32, objects: u64, retained: u64, largest: Object) -> Suspect {
    let name = names::line(&heap.dump.type_name(kind));
    let of_kind = || {
        let tops = heap.owners().tops();
        tops.filter(move |&top| heap.dump.objects.kind[top as usize] == kind && heap.is_alive(top))
    };
    let held = of_kind().filter(|&object| heap.is_held(object)).count() as u64;
    let mut reason = format!("{} objects keep {} ({{share}}) together. ", count(objects), bytes(retained));
    if held != 0 {
        reason += &format!("{} of them are held from outside. ", count(held));
    }
    if held != objects {
        reason += &format!("{} are kept by several others each. ", count(objects - held));
    }
    let way = ways::shortest(heap, largest);
    reason += &format!(
        "The largest is {}, {}.",
        names::object(heap.dump, largest),
        ways::why(heap, largest, way.as_deref())
    );
    Suspect { what: name, kind: "type", objects, retained, reason }
}

fn garbage(heap: &Heap, least: f64) -> Option<Suspect> {
    let dead = heap.dump.all().filter(|&object| !heap.is_alive(object));
    let (objects, retained) =
        dead.fold((0, 0u64), |(objects, sum), object| (objects + 1, sum.saturating_add(heap.size(object))));
    (retained as f64 >= least).then(|| Suspect {
        what: "garbage".to_owned(),
        kind: "garbage",
        objects,
        retained,
        reason: format!(
            "{} objects that nothing keeps take {} ({{share}}): rings that the next full collection ends; \
             `rcgc cycles --garbage` shows them.",
            count(objects),
            bytes(retained)
        ),
    })
}

/// A clause as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("It is {first}{}.", letters.as_str()),
        None => String::new(),
    }
}
