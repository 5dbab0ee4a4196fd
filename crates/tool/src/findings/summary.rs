//! What a heap has, in numbers.

use crate::heap::{Fate, Heap};
use rcgc_format::object_flag;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Objects and bytes of something.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Sum {
    pub objects: u64,
    /// With external ones.
    pub bytes: u64,
}

impl Sum {
    pub fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The numbers of a heap that a dump does not say itself.
pub struct Summary {
    /// Of objects, without external ones.
    pub bytes: u64,
    pub external_bytes: u64,
    /// Objects that are held from outside, and how many references from outside there are.
    pub held_objects: u64,
    pub references_from_outside: u64,
    pub immortal: u64,
    pub young: u64,
    pub frozen: u64,
    pub untracked: u64,
    pub weak_handles: u64,
    pub garbage: Sum,
    /// Of the garbage, what no collection ends.
    pub uncollectable: Sum,
    pub pause_ns_max: u64,
}

/// Counts them.
pub fn of(heap: &Heap) -> Summary {
    let dump = heap.dump;
    let external = dump.objects.external.iter().fold(0u64, |sum, &(_, bytes)| sum.saturating_add(bytes));
    let with = |flag: u64| dump.all().filter(|&object| dump.has_flag(object, flag)).count() as u64;
    let held = dump.all().filter(|&object| heap.outside(object) > 0);
    let (held_objects, references_from_outside) =
        held.fold((0, 0), |(objects, sum), object| (objects + 1, sum + heap.outside(object) as u64));
    Summary {
        bytes: heap.total().saturating_sub(external),
        external_bytes: external,
        held_objects,
        references_from_outside,
        immortal: with(object_flag::IMMORTAL),
        young: with(object_flag::YOUNG),
        frozen: with(object_flag::FROZEN),
        untracked: dump.len() as u64 - with(object_flag::TRACKED),
        weak_handles: dump.objects.handles.iter().map(|&(_, handles)| handles).sum(),
        garbage: garbage(heap),
        uncollectable: uncollectable(heap),
        pause_ns_max: dump.books.full.pause_ns_max.max(dump.books.young.pause_ns_max),
    }
}

/// What nothing keeps.
pub fn garbage(heap: &Heap) -> Sum {
    let mut sum = Sum::default();
    heap.dump.all().filter(|&object| !heap.is_alive(object)).for_each(|object| sum.add(heap.size(object)));
    sum
}

/// Garbage that no collection ends.
pub fn uncollectable(heap: &Heap) -> Sum {
    let mut sum = Sum::default();
    let lasts = |&object: &u32| !heap.is_alive(object) && heap.fate(object) != Fate::Ends;
    heap.dump.all().filter(lasts).for_each(|object| sum.add(heap.size(object)));
    sum
}

/// The types of which objects live, those with most bytes first.
pub fn largest_types(heap: &Heap) -> Vec<(u32, Sum)> {
    let mut of = vec![Sum::default(); heap.dump.types.len()];
    for object in heap.dump.all() {
        of[heap.dump.objects.kind[object as usize] as usize].add(heap.size(object));
    }
    let mut types: Vec<(u32, Sum)> = (0..).zip(of).filter(|(_, sum)| sum.objects != 0).collect();
    types.sort_by_key(|&(kind, sum)| (Reverse(sum.bytes), kind));
    types
}

/// How many references the engine holds, by the kind and the name of what holds them.
pub fn holders(heap: &Heap) -> BTreeMap<(u64, u64), u64> {
    let mut counts = BTreeMap::new();
    for of in &heap.dump.holders {
        *counts.entry((of.kind, of.name)).or_insert(0u64) += 1;
    }
    counts
}
