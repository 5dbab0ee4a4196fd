//! From the records of `OBJS` to arrays, in two passes over them: the first finds out which places are
//! objects, the second turns places into objects. So nothing is kept that is not in the result.

use super::chunks::Frame;
use super::error::ReadError;
use super::model::*;
use super::records::{Head, Records, Sink, Target, Told};
use crate::progress::Progress;
use std::collections::HashMap;

/// Reads all objects and their edges.
pub fn read(bytes: &[u8], frame: &Frame, dump: &mut Dump, progress: &Progress) -> Result<(), ReadError> {
    let stage = progress.stage("reading objects", 2 * bytes.len() as u64);
    let mut first = Census { dump, objects: Objects::default(), page: 0, edges: 0, pending: None };
    let mut records = Records::new(bytes, frame, dump);
    while records.read(&mut first)? {
        if first.objects.place.len() % (1 << 16) == 0 {
            stage.set(records.offset());
        }
    }
    let (objects, edges) = (first.objects, first.edges);
    let mut second = Linker {
        ranks: Ranks::of(&objects.place),
        is_whole: dump.is_whole,
        edges: Edges::default(),
        fields: Vec::new(),
        declared: dump.fields.len() as u32,
        reported: HashMap::new(),
        last_reported: None,
        source: 0,
        kept: Kept::default(),
    };
    second.edges.targets.reserve_exact(edges);
    second.edges.labels.reserve_exact(edges);
    second.edges.starts.reserve_exact(objects.place.len() + 1);
    second.edges.starts.push(0);
    let mut records = Records::new(bytes, frame, dump);
    while records.read(&mut second)? {
        if second.source % (1 << 16) == 0 {
            stage.set(bytes.len() as u64 + records.offset());
        }
    }
    second.forget_the_rest();
    let Linker { edges, fields, .. } = second;
    dump.objects = objects;
    dump.edges = edges;
    dump.fields.extend(fields);
    Ok(())
}

/// The first pass.
struct Census<'a> {
    dump: &'a Dump,
    objects: Objects,
    /// The page that the last object was in, or one before it.
    page: usize,
    edges: usize,
    /// The record that is being read, with its count and the granules of its block.
    pending: Option<(Head, u32, u32)>,
}

impl Census<'_> {
    /// Bytes of the block at a place; places come rising.
    fn granules(&mut self, place: u64) -> Result<u32, String> {
        loop {
            match self.dump.pages.get(self.page) {
                None => return Err(format!("place {place} is in no page")),
                Some(page) if place - page.first < page.blocks => {
                    return u32::try_from(page.block_bytes / 16)
                        .map_err(|_| format!("a block of {} bytes", page.block_bytes))
                }
                Some(_) => self.page += 1,
            }
        }
    }
}

impl Sink for Census<'_> {
    fn object(&mut self, head: &Head) -> Result<(), String> {
        if self.objects.place.len() == OBJECTS_MAX {
            return Err(format!("more than {OBJECTS_MAX} objects"));
        }
        let count = u32::try_from(head.count).map_err(|_| format!("a count of {}", head.count))?;
        self.pending = Some((*head, count, self.granules(head.place)?));
        Ok(())
    }

    fn edge(&mut self, _: Told, _: Target) -> Result<(), String> {
        self.edges += 1;
        match self.edges > EDGES_MAX {
            true => Err(format!("more than {EDGES_MAX} references")),
            false => Ok(()),
        }
    }

    fn weak_edge(&mut self, _: Told, _: Target) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self) {
        let Some((head, count, granules)) = self.pending.take() else { return };
        let object = self.objects.place.len() as Object;
        self.objects.place.push(head.place);
        self.objects.kind.push(head.kind);
        self.objects.count.push(count);
        self.objects.flags.push(head.flags as u16);
        self.objects.granules.push(granules);
        for (value, entries) in [
            (head.external, &mut self.objects.external),
            (head.handles, &mut self.objects.handles),
            (head.length, &mut self.objects.lengths),
        ] {
            if let Some(value) = value {
                entries.push((object, value));
            }
        }
        if let Some(site) = head.site {
            // A number that is none is that of no site.
            let site = u32::try_from(site).unwrap_or(NO_SITE);
            put_behind(&mut self.objects.site, object, site, NO_SITE);
        }
        if let Some(serial) = head.serial {
            put_behind(&mut self.objects.serial, object, serial, 0);
        }
    }
}

/// Puts a value at an object; those before it that have none get `none`.
fn put_behind<T: Copy>(values: &mut Vec<T>, object: Object, value: T, none: T) {
    values.resize(object as usize, none);
    values.push(value);
}

/// From places to objects.
enum Ranks {
    /// By place: the object, or none.
    Table(Vec<Object>),
    /// Places are too far apart for a table.
    Sorted(Vec<u64>),
}

impl Ranks {
    fn of(places: &[u64]) -> Ranks {
        let end = places.last().map_or(0, |&last| last + 1);
        let most = (places.len() as u64).saturating_mul(16).saturating_add(1 << 20);
        if end > most {
            return Ranks::Sorted(places.to_vec());
        }
        let mut table = vec![Object::MAX; end as usize];
        for (&place, object) in places.iter().zip(0..) {
            table[place as usize] = object;
        }
        Ranks::Table(table)
    }

    fn get(&self, place: u64) -> Option<Object> {
        match self {
            Ranks::Table(table) => table.get(place as usize).copied().filter(|&object| object != Object::MAX),
            Ranks::Sorted(places) => places.binary_search(&place).ok().map(|object| object as Object),
        }
    }
}

/// How much there was before the record that is being read, which may turn out to be cut.
#[derive(Clone, Copy, Default)]
struct Kept {
    edges: usize,
    outer: usize,
    weak: usize,
}

/// The second pass.
struct Linker {
    ranks: Ranks,
    is_whole: bool,
    edges: Edges,
    /// Fields behind the declared ones: names that `traverse` gave, and that of entries.
    fields: Vec<Field>,
    declared: u32,
    reported: HashMap<u64, u32>,
    last_reported: Option<(u64, u32)>,
    source: Object,
    kept: Kept,
}

impl Linker {
    fn label(&mut self, told: Told) -> Result<Label, String> {
        let (field, index) = match told {
            Told::Declared { field, index } => (field, index),
            Told::Reported { name, index } => (self.reported_field(name), index),
            Told::Value { index } => (self.reported_field(ENTRY), Some(index)),
        };
        let index = match index {
            None => NO_INDEX,
            // An index that has more than 32 bits is shown as the last that has not.
            Some(index) => u32::try_from(index).unwrap_or(NO_INDEX - 1).min(NO_INDEX - 1),
        };
        Ok(Label { field, index })
    }

    fn reported_field(&mut self, name: u64) -> u32 {
        if let Some((last, field)) = self.last_reported {
            if last == name {
                return field;
            }
        }
        let next = self.declared + self.fields.len() as u32;
        let field = *self.reported.entry(name).or_insert(next);
        if field == next {
            self.fields.push(Field { name });
        }
        self.last_reported = Some((name, field));
        field
    }

    fn elsewhere(&self, target: Target) -> Result<Object, Elsewhere> {
        match target {
            Target::OtherHeap => Err(Elsewhere::OtherHeap),
            Target::NoObject => Err(Elsewhere::NoObject),
            Target::Place(place) => self.ranks.get(place).ok_or(match self.is_whole {
                true => Elsewhere::Free,
                false => Elsewhere::Unread,
            }),
        }
    }

    /// What a cut file has of an object that is not whole.
    fn forget_the_rest(&mut self) {
        self.edges.targets.truncate(self.kept.edges);
        self.edges.labels.truncate(self.kept.edges);
        self.edges.outer.truncate(self.kept.outer);
        self.edges.weak.truncate(self.kept.weak);
    }
}

impl Sink for Linker {
    fn object(&mut self, _: &Head) -> Result<(), String> {
        Ok(())
    }

    fn edge(&mut self, told: Told, target: Target) -> Result<(), String> {
        let label = self.label(told)?;
        match self.elsewhere(target) {
            Ok(target) => {
                self.edges.targets.push(target);
                self.edges.labels.push(label);
            }
            Err(leads) => self.edges.outer.push(OuterEdge { source: self.source, label, leads }),
        }
        Ok(())
    }

    fn weak_edge(&mut self, told: Told, target: Target) -> Result<(), String> {
        let label = self.label(told)?;
        if let Ok(target) = self.elsewhere(target) {
            self.edges.weak.push(WeakEdge { source: self.source, target, label });
        }
        Ok(())
    }

    fn end(&mut self) {
        self.source += 1;
        self.edges.starts.push(self.edges.targets.len() as u32);
        self.kept = Kept {
            edges: self.edges.targets.len(),
            outer: self.edges.outer.len(),
            weak: self.edges.weak.len(),
        };
    }
}
