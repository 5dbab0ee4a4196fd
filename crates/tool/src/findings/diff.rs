//! What changed from one dump to another.

use super::ways::Shapes;
use crate::dump::{Dump, Object};
use crate::heap::Heap;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// What a type had in the first dump and in the second.
#[derive(Clone, Copy, Default)]
pub struct Sums {
    pub objects: [u64; 2],
    pub bytes: [u64; 2],
    pub retained: [u64; 2],
    /// How many of them are held from outside.
    pub held: [u64; 2],
    /// Of objects, in dumps of one process.
    pub new: u64,
    pub gone: u64,
    pub kept: u64,
}

impl Sums {
    /// Whether anything is another number in the second dump.
    pub fn is_changed(&self) -> bool {
        self.new + self.gone != 0 || [self.bytes, self.retained, self.held].iter().any(|of| of[0] != of[1])
    }
}

/// By how much a number grew.
pub fn change(values: [u64; 2]) -> i64 {
    i64::try_from(i128::from(values[1]) - i128::from(values[0])).unwrap_or(i64::MAX)
}

/// What types have, by name.
pub fn compare(heaps: [&Heap; 2], same_heap: bool) -> HashMap<String, Sums> {
    let mut all: HashMap<String, Sums> = HashMap::new();
    for (side, heap) in heaps.iter().enumerate() {
        let retained = heap.retained_by_type();
        let mut objects = vec![(0u64, 0u64, 0u64); heap.dump.types.len()];
        for object in heap.dump.all() {
            let of = &mut objects[heap.dump.objects.kind[object as usize] as usize];
            let held = u64::from(heap.is_held(object));
            *of = (of.0 + 1, of.1.saturating_add(heap.size(object)), of.2 + held);
        }
        for (kind, (number, bytes, held)) in (0..).zip(objects) {
            let of = all.entry(heap.dump.type_name(kind).into_owned()).or_default();
            of.objects[side] += number;
            of.held[side] += held;
            of.bytes[side] = of.bytes[side].saturating_add(bytes);
            of.retained[side] = of.retained[side].saturating_add(retained[kind as usize]);
        }
    }
    if same_heap {
        let [first, second] = [heaps[0].dump, heaps[1].dump];
        merge(first, second, |before, after| {
            let (dump, object) = match (before, after) {
                (Some(object), _) => (first, object),
                (None, Some(object)) => (second, object),
                (None, None) => return,
            };
            if let Some(of) = all.get_mut(&*dump.name_of_type_of(object)) {
                match (before, after) {
                    (Some(_), Some(_)) => of.kept += 1,
                    (Some(_), None) => of.gone += 1,
                    _ => of.new += 1,
                }
            }
        });
    }
    all
}

/// Calls `each` with the objects that are in both dumps, then with those in one: the same address and type.
fn merge(first: &Dump, second: &Dump, mut each: impl FnMut(Option<Object>, Option<Object>)) {
    let (mut left, mut right) = (first.all().peekable(), second.all().peekable());
    loop {
        match (left.peek().copied(), right.peek().copied()) {
            (None, None) => return,
            (Some(object), None) => {
                each(Some(object), None);
                left.next();
            }
            (None, Some(object)) => {
                each(None, Some(object));
                right.next();
            }
            (Some(before), Some(after)) => match first.address_of(before).cmp(&second.address_of(after)) {
                std::cmp::Ordering::Less => {
                    each(Some(before), None);
                    left.next();
                }
                std::cmp::Ordering::Greater => {
                    each(None, Some(after));
                    right.next();
                }
                std::cmp::Ordering::Equal => {
                    if first.type_of(before).number == second.type_of(after).number {
                        each(Some(before), Some(after));
                    } else {
                        each(Some(before), None);
                        each(None, Some(after));
                    }
                    left.next();
                    right.next();
                }
            },
        }
    }
}

/// A place that makes objects, and their type: none when it makes several.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// File and line, or what the site is instead.
    pub place: String,
    /// None where the place is no file.
    pub function: Option<String>,
    pub kind: Option<String>,
}

/// What lives of a place, in the first dump and in the second.
#[derive(Clone, Copy, Default)]
pub struct OfPlace {
    pub objects: [u64; 2],
    pub bytes: [u64; 2],
}

impl OfPlace {
    pub fn is_changed(&self) -> bool {
        self.bytes[0] != self.bytes[1] || self.objects[0] != self.objects[1]
    }
}

/// What places made that lives; none of dumps that do not say it both, of one heap.
pub fn compare_places(dumps: [&Dump; 2]) -> Option<BTreeMap<Place, OfPlace>> {
    if !dumps[0].is_same_heap(dumps[1]) || dumps.iter().any(|dump| dump.accounts.sites.is_empty()) {
        return None;
    }
    let mut all: BTreeMap<Place, OfPlace> = BTreeMap::new();
    for (side, dump) in dumps.into_iter().enumerate() {
        for site in &dump.accounts.sites {
            let place = Place {
                place: dump.place_text(site.place),
                function: (site.place.file != 0).then(|| dump.function_text(site.place)),
                kind: site.kind.map(|kind| dump.type_name(kind).into_owned()),
            };
            let of = all.entry(place).or_default();
            of.bytes[side] = of.bytes[side].saturating_add(site.live_with_external());
            of.objects[side] += site.live_objects();
        }
    }
    Some(all)
}

/// Objects of one type, kept over ways of one shape.
pub struct StillThere {
    pub kind: u32,
    /// See [`Shapes`].
    pub shape: u32,
    pub objects: u64,
    pub bytes: u64,
    pub example: Object,
}

/// What came between the first and the second dump, and is in the third: most bytes first.
pub fn still_there(first: &Dump, second: &Dump, third: &Heap, shapes: &mut Shapes) -> Vec<StillThere> {
    let mut is_new = vec![false; second.len()];
    merge(first, second, |before, after| {
        if let (None, Some(object)) = (before, after) {
            is_new[object as usize] = true;
        }
    });
    let mut groups: HashMap<(u32, u32), StillThere> = HashMap::new();
    merge(second, third.dump, |before, after| {
        if let (Some(before), Some(after)) = (before, after) {
            if is_new[before as usize] {
                let (kind, shape) = (third.dump.objects.kind[after as usize], shapes.of(after));
                let none = StillThere { kind, shape, objects: 0, bytes: 0, example: after };
                let of = groups.entry((kind, shape)).or_insert(none);
                of.objects += 1;
                of.bytes = of.bytes.saturating_add(third.size(after));
            }
        }
    });
    let mut found: Vec<StillThere> = groups.into_values().collect();
    found.sort_by_key(|of| (Reverse(of.bytes), of.kind, of.shape));
    found
}
