//! What keeps a large share of a heap.

use crate::dump::Object;
use crate::findings::summary;
use crate::heap::{Heap, Owned};
use std::cmp::Reverse;
use std::collections::HashMap;

/// What keeps so much of what the suspect keeps is where it accumulates.
const ACCUMULATES: f64 = 0.8;
/// Objects of a type that are named.
const TOPS: usize = 6;

/// What keeps much.
pub struct Suspect {
    pub what: What,
    pub objects: u64,
    pub retained: u64,
    /// The object, or the objects of the type that keep most; none for garbage.
    pub tops: Vec<Object>,
}

pub enum What {
    /// One object, by itself.
    Object {
        /// Where what it keeps comes together: itself, or something below.
        accumulates: Object,
        /// The type of which that owns most directly.
        owns: Option<Owns>,
        /// External bytes, when these are most of what accumulates.
        external: Option<u64>,
    },
    /// The objects of a type, which keep little each.
    Type {
        kind: u32,
        /// The one that keeps most.
        largest: Object,
        /// Objects of it that are held from outside.
        held: u64,
    },
    /// What nothing keeps.
    Garbage,
}

/// Objects of one type that an object owns directly.
pub struct Owns {
    pub kind: u32,
    pub objects: u64,
    /// With all that they keep.
    pub bytes: u64,
}

/// The suspects, those that keep most first: `percent` of the heap's bytes, or more.
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
            suspects.push(of_type(heap, kind, objects, retained, largest, least));
        }
    }
    let garbage = summary::garbage(heap);
    if garbage.bytes as f64 >= least {
        let (objects, retained) = (garbage.objects, garbage.bytes);
        suspects.push(Suspect { what: What::Garbage, objects, retained, tops: Vec::new() });
    }
    suspects
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
    let external = heap.dump.external_of(at);
    let is_most = external as f64 >= ACCUMULATES * owners.retained[at as usize] as f64;
    let what = What::Object {
        accumulates: at,
        owns: most_owned(heap, owned, at),
        external: is_most.then_some(external),
    };
    Suspect { what, objects: 1, retained, tops: vec![top] }
}

/// The type of which an object owns most directly.
fn most_owned(heap: &Heap, owned: &Owned, at: Object) -> Option<Owns> {
    let mut sums: HashMap<u32, (u64, u64)> = HashMap::new();
    for &object in owned.by(at) {
        let of = sums.entry(heap.dump.objects.kind[object as usize]).or_default();
        *of = (of.0 + 1, of.1.saturating_add(heap.owners().retained[object as usize]));
    }
    let (kind, (objects, bytes)) = sums.into_iter().max_by_key(|&(kind, (_, sum))| (sum, kind))?;
    Some(Owns { kind, objects, bytes })
}

/// Many objects of a type keep much together, each less than a suspect of its own.
fn of_type(heap: &Heap, kind: u32, objects: u64, retained: u64, largest: Object, least: f64) -> Suspect {
    let of_kind = || {
        let owners = heap.owners();
        let is_small = move |top: Object| (owners.retained[top as usize] as f64) < least;
        let is_kind = move |top: Object| heap.dump.objects.kind[top as usize] == kind;
        owners.tops().filter(move |&top| is_kind(top) && heap.is_alive(top) && is_small(top))
    };
    let held = of_kind().filter(|&object| heap.is_held(object)).count() as u64;
    let mut tops: Vec<Object> = of_kind().collect();
    tops.sort_by_key(|&top| (Reverse(heap.owners().retained[top as usize]), top));
    tops.truncate(TOPS);
    Suspect { what: What::Type { kind, largest, held }, objects, retained, tops }
}
