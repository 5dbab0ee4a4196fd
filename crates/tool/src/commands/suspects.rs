//! `rcgc suspects`: what probably should not be there.

use crate::cli::{Context, Failure};
use crate::dump::Object;
use crate::heap::{Heap, Owned};
use crate::output::text::{bytes, count};
use crate::output::{names, Cell, Report, Table};
use crate::ways;
use std::cmp::Reverse;
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

/// For the command line.
pub fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 100.0 => Ok(share),
        _ => Err("a number above 0, at most 100".to_owned()),
    }
}

/// What keeps so much of what the suspect keeps is where it accumulates.
const ACCUMULATES: f64 = 0.8;

/// What keeps much.
pub struct Suspect {
    pub what: String,
    pub kind: &'static str,
    pub objects: u64,
    pub retained: u64,
    pub reason: String,
    /// The object, or the objects of the type that keep most; none for garbage.
    pub tops: Vec<Object>,
    /// Of an object: where what it keeps comes together.
    pub accumulates: Option<Object>,
}

/// Objects of a type that are named.
const TOPS: usize = 6;

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let total = heap.total();
    let suspects = find(&heap, arguments.share);
    let mut report = Report { has_findings: !suspects.is_empty(), ..Report::default() };
    report.fact("bytes", Cell::Bytes(total));
    report.fact("suspects", Cell::Count(suspects.len() as u64));
    let mut table =
        Table::new("suspects", "", &["suspect", "kind", "objects", "retained", "share", "reason"]);
    for of in suspects {
        let share = of.retained as f64 / total.max(1) as f64;
        report.sentence(format!("{}: {}", of.what, of.reason));
        table.row(vec![
            of.what.into(),
            of.kind.into(),
            Cell::Count(of.objects),
            Cell::Bytes(of.retained),
            Cell::Share(share),
            of.reason.into(),
        ]);
    }
    // For people the sentences say it all.
    if context.format != crate::output::Format::Text {
        report.tables.push(table);
    }
    Ok(report)
}

/// The suspects, those that keep most first.
pub fn find(heap: &Heap, percent: f64) -> Vec<Suspect> {
    let dump = heap.dump;
    let least = (heap.total() as f64 * percent / 100.0).max(1.0);
    let owners = heap.owners();
    let owned = owners.owned();
    let mut suspects = Vec::new();
    let mut by_type: HashMap<u32, (u64, u64, Object)> = HashMap::new();
    for top in owners.tops().filter(|&top| heap.is_alive(top)) {
        let retained = owners.retained[top as usize];
        if retained as f64 >= least {
            suspects.push(single(heap, &owned, top));
            continue;
        }
        let of = by_type.entry(dump.objects.kind[top as usize]).or_insert((0, 0, top));
        let largest = if owners.retained[of.2 as usize] < retained { top } else { of.2 };
        *of = (of.0 + 1, of.1.saturating_add(retained), largest);
    }
    for (kind, (objects, retained, largest)) in by_type {
        if retained as f64 >= least {
            suspects.push(of_type(heap, kind, objects, retained, largest));
        }
    }
    suspects.extend(garbage(heap, least));
    suspects.sort_by(|a, b| b.retained.cmp(&a.retained).then_with(|| a.what.cmp(&b.what)));
    suspects
}

/// "34.0 %" of the heap's bytes.
fn percents(heap: &Heap, bytes: u64) -> String {
    format!("{:.1} %", bytes as f64 * 100.0 / heap.total().max(1) as f64)
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
    let mut reason = format!("it alone keeps {} ({}). ", bytes(retained), percents(heap, retained));
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
    let what = names::object(heap.dump, top);
    Suspect { what, kind: "object", objects: 1, retained, reason, tops: vec![top], accumulates: Some(at) }
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
    let (sum, share) = (bytes(retained), percents(heap, retained));
    let mut reason = format!("{} objects keep {sum} ({share}) together. ", count(objects));
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
    let mut tops: Vec<Object> = of_kind().collect();
    tops.sort_by_key(|&top| (Reverse(heap.owners().retained[top as usize]), top));
    tops.truncate(TOPS);
    Suspect { what: name, kind: "type", objects, retained, reason, tops, accumulates: None }
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
        tops: Vec::new(),
        accumulates: None,
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
