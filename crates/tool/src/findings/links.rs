//! Who refers to objects, and to whom they refer, over one step or several.

use crate::dump::{Label, Object, NO_INDEX};
use crate::heap::Heap;
use std::cmp::Reverse;
use std::collections::HashMap;

/// In which direction references are followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// To those that refer to an object.
    Back,
    /// To those that it refers to.
    On,
}

/// One reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Steps from where the search began, from 1.
    pub depth: u32,
    /// Who refers.
    pub from: Object,
    pub label: Label,
    /// Who is referred to.
    pub to: Object,
}

/// Where an object is in a search.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Unseen,
    /// It was found with the step before.
    Border,
    /// It was found with this step.
    Next,
    Done,
}

/// Calls `each` with every reference that is met within so many steps, those of one step in the order of who refers.
/// One pass over the references for each step, so that a hub costs no more than what it has.
pub fn each(heap: &Heap, starts: &[Object], way: Way, depth: u32, mut each: impl FnMut(Link)) {
    let dump = heap.dump;
    let mut marks = vec![Mark::Unseen; dump.len()];
    starts.iter().for_each(|&start| marks[start as usize] = Mark::Border);
    for depth in 1..=depth {
        let _stage = heap.progress.stage("following references", 0);
        let mut goes_on = false;
        for from in dump.all() {
            if way == Way::On && marks[from as usize] != Mark::Border {
                continue;
            }
            for (to, label) in dump.edges_of(from) {
                let (here, there) = match way {
                    Way::Back => (to, from),
                    Way::On => (from, to),
                };
                if marks[here as usize] != Mark::Border {
                    continue;
                }
                each(Link { depth, from, label, to });
                if marks[there as usize] == Mark::Unseen {
                    marks[there as usize] = Mark::Next;
                    goes_on = true;
                }
            }
        }
        if !goes_on {
            return;
        }
        for mark in &mut marks {
            *mark = match *mark {
                Mark::Border => Mark::Done,
                Mark::Next => Mark::Border,
                other => other,
            };
        }
    }
}

/// References by one field from objects of one type to those of another.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub depth: u32,
    /// The type that refers, its field with or without elements, the type that is referred to.
    pub from: u32,
    pub label: Label,
    pub to: u32,
    pub references: u64,
    /// Objects that refer.
    pub objects: u64,
    /// One of these.
    pub example: Object,
}

/// The references that [`each`] meets, by field; of one step those first that are most.
pub fn by_field(heap: &Heap, starts: &[Object], way: Way, depth: u32) -> Vec<Field> {
    let kinds = &heap.dump.objects.kind;
    let mut found: Vec<Field> = Vec::new();
    let mut last: Vec<Object> = Vec::new();
    let mut numbers: HashMap<(u32, u32, u32, bool, u32), usize> = HashMap::new();
    each(heap, starts, way, depth, |link| {
        let (from, to) = (kinds[link.from as usize], kinds[link.to as usize]);
        let key = (link.depth, from, link.label.field, link.label.index != NO_INDEX, to);
        let at = *numbers.entry(key).or_insert_with(|| {
            let Link { depth, from: example, label, .. } = link;
            found.push(Field { depth, from, label, to, references: 0, objects: 0, example });
            last.push(Object::MAX);
            found.len() - 1
        });
        found[at].references += 1;
        // References of one object follow each other.
        found[at].objects += u64::from(last[at] != link.from);
        last[at] = link.from;
    });
    found.sort_by_key(|of| (of.depth, Reverse(of.references), of.from, of.label, of.to));
    found
}
