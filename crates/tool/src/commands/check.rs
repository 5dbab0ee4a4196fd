//! `rcgc check`: whether a dump is whole, and whether counts, references and books of the heap fit each
//! other.

use crate::context::{Context, Failure};
use crate::dump::{Dump, Elsewhere, Object};
use crate::heap::Heap;
use crate::output::{names, Cell, Report, Table};
use rcgc_format::object_flag;

/// Check a dump and the heap in it.
///
/// Findings, each with exit status 1: the file is cut; an object has more references than its count says (a
/// traverse reports one twice, or an incref is missing); a slot refers to what is no object; the books of the
/// heap or of a type do not fit the objects that are there.
///
/// Example: rcgc check app.dump && echo fine
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// Findings of one kind that are listed.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let mut report = Report::default();
    report.fact("objects", Cell::Count(dump.len() as u64));
    report.fact("references", Cell::Count(dump.edges.targets.len() as u64));
    let mut findings = Findings {
        table: Table::new("findings", "Findings", &["finding", "object", "detail"]),
        limit: arguments.limit,
        all: 0,
        of_kind: 0,
    };
    if let Some(cut) = &dump.cut {
        findings.begin();
        findings.add("the file is cut", String::new(), cut.to_string());
    }
    below_zero(&heap, &mut findings);
    no_objects(&dump, &mut findings);
    holders(&heap, &mut findings);
    if dump.is_whole {
        books(&heap, &mut findings);
    }
    report.fact("findings", Cell::Count(findings.all));
    report.has_findings = findings.all != 0;
    report.tables.push(findings.table);
    Ok(report)
}

struct Findings {
    table: Table,
    limit: usize,
    all: u64,
    of_kind: usize,
}

impl Findings {
    /// Another kind of findings begins.
    fn begin(&mut self) {
        self.of_kind = 0;
    }

    fn add(&mut self, finding: &str, object: String, detail: String) {
        self.all += 1;
        self.of_kind += 1;
        if self.of_kind > self.limit {
            self.table.left_out += 1;
            return;
        }
        self.table.row(vec![finding.into(), object.into(), detail.into()]);
    }
}

fn below_zero(heap: &Heap, findings: &mut Findings) {
    findings.begin();
    for object in heap.dump.all().filter(|&object| heap.outside(object) < 0) {
        // A queued object has no count any more; who still refers to it is told all the same.
        let count = heap.dump.objects.count[object as usize];
        let found = heap.sources().range(object).len();
        let detail = format!("count {count}, but {found} references: {}", referrers(heap, object));
        findings.add("more references than counted", names::object(heap.dump, object), detail);
    }
}

/// Up to three of those that refer to an object.
fn referrers(heap: &Heap, object: Object) -> String {
    let mut sources = heap.sources().of(object).to_vec();
    sources.dedup();
    let mut shown: Vec<String> = Vec::new();
    for &source in sources.iter().take(3) {
        let labels = heap.dump.edges_of(source).filter(|&(to, _)| to == object).take(2);
        for (at, (_, label)) in labels.enumerate() {
            // Named once, with both of its references.
            let of = if at == 0 { names::object(heap.dump, source) } else { String::new() };
            shown.push(format!("{of}.{}", names::edge(heap.dump, label)));
        }
    }
    if sources.len() > 3 {
        shown.push("...".to_owned());
    }
    shown.join(", ")
}

fn no_objects(dump: &Dump, findings: &mut Findings) {
    findings.begin();
    for edge in &dump.edges.outer {
        let detail = match edge.leads {
            Elsewhere::NoObject => "its slot refers to what is no object",
            Elsewhere::Free => "its slot refers to an object that has died",
            Elsewhere::OtherHeap | Elsewhere::Unread => continue,
        };
        let slot = format!("{}.{}", names::object(dump, edge.source), names::edge(dump, edge.label));
        findings.add("a reference to no object", slot, detail.to_owned());
    }
}

/// The engine holds no more references to an object than come from outside.
fn holders(heap: &Heap, findings: &mut Findings) {
    findings.begin();
    let mut held: Vec<Object> = heap.dump.holders.iter().map(|of| of.object).collect();
    held.sort_unstable();
    for run in held.chunk_by(|a, b| a == b) {
        let Some(&object) = run.first() else { continue };
        let outside = i64::from(heap.outside(object));
        if !heap.dump.is_immortal(object) && outside < run.len() as i64 && heap.dump.is_whole {
            let detail = format!("scopes and lists hold {}, {outside} come from outside", run.len());
            findings.add("held more often than counted", names::object(heap.dump, object), detail);
        }
    }
}

fn books(heap: &Heap, findings: &mut Findings) {
    findings.begin();
    let dump = heap.dump;
    let external = dump.objects.external.iter().fold(0u64, |sum, &(_, bytes)| sum.saturating_add(bytes));
    let pairs = [
        ("objects", dump.books.live_objects, dump.len() as u64),
        ("bytes", dump.books.live_bytes, heap.total().saturating_sub(external)),
        ("external bytes", dump.books.external_bytes, external),
    ];
    for (what, said, found) in pairs {
        if said != found {
            let detail = format!("the books say {said} {what}, {found} are there");
            findings.add("the heap's books do not fit", String::new(), detail);
        }
    }
    let mut live = vec![0u64; dump.types.len()];
    for &kind in &dump.objects.kind {
        live[kind as usize] += 1;
    }
    for ((kind, of), found) in (0..).zip(&dump.types).zip(live) {
        let said = of.allocated.wrapping_sub(of.freed);
        if said != found {
            let detail = format!("{} made, {} ended, {found} are there", of.allocated, of.freed);
            findings.add("a type's books do not fit", names::line(&dump.type_name(kind)), detail);
        }
    }
    let ending = object_flag::DYING | object_flag::QUEUED;
    for object in dump.all().filter(|&object| dump.objects.count[object as usize] == 0) {
        if !dump.has_flag(object, ending | object_flag::IMMORTAL) {
            findings.add("a count of 0", names::object(dump, object), "and its end has not begun".to_owned());
        }
    }
}
