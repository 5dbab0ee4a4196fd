//! How an object is kept, in words: "Cache.entries[3] → Node.next".

use crate::dump::{Dump, Label, Object, NO_INDEX};
use crate::findings::summary::Sum;
use crate::findings::ways::{Shapes, StepOf};
use crate::heap::{Fate, Heap};
use crate::output::names;
use crate::output::text::{bytes, count};
use rcgc_format::object_flag;

/// Steps of a way that are written out.
const STEPS_SHOWN: usize = 12;

/// "Cache.entries[3] → Node.next ×12": the same step several times is one with a number.
pub fn shown(dump: &Dump, steps: &[StepOf]) -> String {
    let mut runs: Vec<(String, usize)> = Vec::new();
    let mut last: Option<(u32, Label)> = None;
    for step in steps {
        let this = (dump.objects.kind[step.from as usize], step.label);
        match runs.last_mut() {
            Some((_, times)) if last == Some(this) && step.label.index == NO_INDEX => *times += 1,
            _ => {
                runs.push((format!("{}.{}", names::kind(dump, step.from), names::edge(dump, step.label)), 1))
            }
        }
        last = Some(this);
    }
    let text = |(step, times): &(String, usize)| match times {
        1 => step.clone(),
        _ => format!("{step} ×{}", count(*times as u64)),
    };
    if runs.len() <= STEPS_SHOWN {
        return runs.iter().map(text).collect::<Vec<_>>().join(" → ");
    }
    let half = STEPS_SHOWN / 2;
    let left_out: usize = runs[half..runs.len() - half].iter().map(|(_, times)| times).sum();
    let mut parts: Vec<String> = runs[..half].iter().map(text).collect();
    parts.push(format!("… {} steps …", count(left_out as u64)));
    parts.extend(runs[runs.len() - half..].iter().map(text));
    parts.join(" → ")
}

/// What keeps an object that is held: "2 references from outside".
pub fn held_by(heap: &Heap, object: Object) -> String {
    let dump = heap.dump;
    if dump.is_immortal(object) {
        return "being immortal".to_owned();
    }
    if dump.has_flag(object, object_flag::QUEUED | object_flag::DYING) {
        return "its own end, which has begun".to_owned();
    }
    match heap.outside(object) {
        1 => "1 reference from outside".to_owned(),
        outside @ 2.. => format!("{} references from outside", count(outside as u64)),
        outside => format!(
            "a count that does not fit: {} references more than counted",
            count(u64::from(outside.unsigned_abs()))
        ),
    }
}

/// Why no collection looks at garbage; of one object, or of several.
pub fn passed_over(fate: Fate, several: bool) -> String {
    let (are, their) =
        if several { ("are", "their type says they are") } else { ("is", "its type says it is") };
    match fate {
        Fate::Frozen => format!("{are} frozen, and in a ring (gc_unfreeze)"),
        Fate::Acyclic => format!("{are} not tracked: {their} in no ring (RC_TYPE_ACYCLIC)"),
        Fate::Untracked => format!("{are} not tracked, and in a ring (gc_track)"),
        Fate::KeptBy(_) => format!("{are} kept by objects that are frozen or not tracked"),
        Fate::Ends => format!("{are} garbage"),
    }
}

/// What becomes of garbage, of many objects: a clause for each fate.
pub fn fates(heap: &Heap, objects: impl Iterator<Item = Object>) -> Vec<String> {
    // In the order of the numbers below.
    let mut sums = [(Fate::Ends, Sum::default()); 5];
    for object in objects {
        let fate = heap.fate(object);
        let at = match fate {
            Fate::Ends => 0,
            Fate::Frozen => 1,
            Fate::Acyclic => 2,
            Fate::Untracked => 3,
            Fate::KeptBy(_) => 4,
        };
        sums[at].0 = fate;
        sums[at].1.add(heap.size(object));
    }
    let found = sums.into_iter().filter(|(_, sum)| sum.objects != 0);
    let told = found.map(|(fate, sum)| {
        let (number, size) = (count(sum.objects), bytes(sum.bytes));
        match fate {
            Fate::Ends => format!("{number} ({size}): the next full collection ends them"),
            _ => format!("{number} ({size}) that no collection ends: they {}", passed_over(fate, true)),
        }
    });
    told.collect()
}

/// Why an object is alive, as a sentence without its beginning: "kept alive by 1 reference from outside, path
/// Cache.entries[3] → Node.next", or the plain verdict.
pub fn why(heap: &Heap, object: Object, way: Option<&[StepOf]>) -> String {
    match way {
        None => match heap.fate(object) {
            Fate::Ends => {
                "garbage: only objects that nothing keeps refer to it; the next full collection ends it"
                    .to_owned()
            }
            Fate::KeptBy(keeper) => format!(
                "garbage that no collection ends: {} keeps it, which {}",
                names::object(heap.dump, keeper),
                passed_over(heap.fate(keeper), false)
            ),
            fate => format!("garbage that no collection ends: it {}", passed_over(fate, false)),
        },
        Some([]) => format!("held by {}", held_by(heap, object)),
        Some(steps) => {
            let root = steps.first().map_or(object, |step| step.from);
            format!("kept alive by {}, path {}", held_by(heap, root), shown(heap.dump, steps))
        }
    }
}

/// A shape in words; empty for what is held itself.
pub fn shape(heap: &Heap, shapes: &Shapes, shape: u32) -> String {
    let mut parts = Vec::new();
    for step in shapes.steps(shape) {
        let kind = names::line(&heap.dump.type_name(step.kind));
        let again = if step.repeats { " ×n" } else { "" };
        parts.push(format!("{kind}.{}{again}", names::edge_shape(heap.dump, step.label)));
        if step.goes_on {
            parts.push("…".to_owned());
        }
    }
    parts.join(" → ")
}
