//! Suspects in words: what they are, and why.

use super::ways::{self, why};
use super::words;
use crate::dump::Object;
use crate::findings::suspects::{self, Owns, Suspect, What};
use crate::findings::ways::shortest;
use crate::heap::Heap;
use crate::output::names;
use crate::output::text::{bytes, count};

/// A suspect with its words.
pub struct Told {
    pub name: String,
    /// For programs: "object", "type" or "garbage".
    pub kind: &'static str,
    pub reason: String,
    pub of: Suspect,
}

/// All suspects, those that keep most first.
pub fn told(heap: &Heap, percent: f64) -> Vec<Told> {
    let all = suspects::find(heap, percent).into_iter();
    let mut told: Vec<Told> = all.map(|of| tell(heap, of)).collect();
    told.sort_by(|a, b| b.of.retained.cmp(&a.of.retained).then_with(|| a.name.cmp(&b.name)));
    told
}

fn tell(heap: &Heap, of: Suspect) -> Told {
    let (name, kind, reason) = match &of.what {
        What::Object { accumulates, owns, external } => {
            let top = of.tops.first().copied().unwrap_or(*accumulates);
            let reason = of_object(heap, top, *accumulates, owns.as_ref(), *external);
            (names::object(heap.dump, top), "object", reason)
        }
        What::Type { kind, largest, held } => {
            let name = names::line(&heap.dump.type_name(*kind));
            (name, "type", of_type(heap, &of, *largest, *held))
        }
        What::Garbage => ("garbage".to_owned(), "garbage", of_garbage(heap, &of)),
    };
    let mut reason = reason;
    if let Some(&top) = of.tops.first() {
        let way = shortest(heap, top);
        let root = way.and_then(|way| way.first().map(|step| step.from)).unwrap_or(top);
        reason += &words::sentence(heap.dump, heap.dump.objects.kind[root as usize]);
    }
    Told { name, kind, reason, of }
}

/// "34.0 %" of the heap's bytes.
fn percents(heap: &Heap, bytes: u64) -> String {
    format!("{:.1} %", bytes as f64 * 100.0 / heap.total().max(1) as f64)
}

fn of_object(heap: &Heap, top: Object, at: Object, owns: Option<&Owns>, external: Option<u64>) -> String {
    let retained = |object: Object| heap.owners().retained[object as usize];
    let share = percents(heap, retained(top));
    let mut reason = format!("it alone keeps {} ({share}). ", bytes(retained(top)));
    reason += &sentence(&why(heap, top, shortest(heap, top).as_deref()));
    if at != top {
        let below = names::object(heap.dump, at);
        reason += &format!(" {} of that is kept by {below}.", bytes(retained(at)));
    }
    if let Some(owns) = owns {
        let what = if at == top { "It owns" } else { "This one owns" };
        let kind = names::line(&heap.dump.type_name(owns.kind));
        let (objects, sum) = (count(owns.objects), bytes(owns.bytes));
        reason += &format!(" {what} {objects} {kind} directly, with {sum}.");
    }
    if let Some(external) = external {
        reason += &format!(" {} of it are its external bytes.", bytes(external));
    }
    reason
}

fn of_type(heap: &Heap, of: &Suspect, largest: Object, held: u64) -> String {
    let (sum, share) = (bytes(of.retained), percents(heap, of.retained));
    let mut reason = format!("{} objects keep {sum} ({share}) together. ", count(of.objects));
    if held != 0 {
        reason += &format!("{} of them are held from outside. ", count(held));
    }
    if held != of.objects {
        reason += &format!("{} are kept by several others each. ", count(of.objects - held));
    }
    let way = shortest(heap, largest);
    let name = names::object(heap.dump, largest);
    reason += &format!("The largest is {name}, {}.", why(heap, largest, way.as_deref()));
    reason
}

fn of_garbage(heap: &Heap, of: &Suspect) -> String {
    let garbage = heap.dump.all().filter(|&object| !heap.is_alive(object));
    format!(
        "{} objects that nothing keeps take {} ({}): {}. `rcgc cycles --garbage` shows their rings.",
        count(of.objects),
        bytes(of.retained),
        percents(heap, of.retained),
        ways::fates(heap, garbage).join("; ")
    )
}

/// A clause as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("It is {first}{}.", letters.as_str()),
        None => String::new(),
    }
}
