//! Rings by their shapes.
//!
//! A ring is a strongly connected component: objects each of which leads to each other, or one that refers to itself.
//! Its shape is the set of the kinds of its edges, so that a thousand lists of any length have one shape. Of each kind
//! it is found out how many rings would be none any more without its edges: the weakest edge of a shape is the one
//! whose weakening would break most.
//!
//! Steps:
//! 1. components, by `graph::components`; members of one stand together afterwards;
//! 2. of each ring its inner edges, with their kinds, and from those its shape;
//! 3. for each kind of the ring: without its edges, objects that nothing of the ring refers to are taken away until
//!    none is left (it is broken) or all others are on a ring still. A ring in which every object has one edge is
//!    broken by any.
//!
//! Step 3 costs as much as the edges, times the kinds: no more than [`TRIALS_MAX`] kinds are tried in one ring.

use super::kinds::{Index, Kind, Kinds, NoMemory, Rows};
use super::query::{Failure, Query};
use super::retained::bytes_of;
use super::text::{EdgeText, Number, Text};
use crate::base::array::Array;
use crate::base::index::mix;
use crate::base::sort;
use crate::object::edges::NO_INDEX;
use core::ffi::{c_char, c_void};
use core::fmt::Write;
use core::ptr;
use rcgc_format::graph::components::strong_components;

/// Kinds of one ring whose weakening is tried.
const TRIALS_MAX: usize = 16;
/// Kinds that the text of a shape shows.
const SHOWN_MAX: usize = 12;
/// Bytes of a text.
const TEXT_BYTES: usize = 2048;

/// What all rings of one shape come to.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Shape {
    /// "Parent.child -> Child.parent"; where the text begins among all texts.
    text: usize,
    /// "Child.parent", the edge whose weakening breaks most; as `text`.
    weakest: usize,
    /// Rings of this shape.
    pub rings: u64,
    /// Objects in these rings.
    pub objects: u64,
    /// Bytes of these objects, in the heap and elsewhere.
    pub bytes: u64,
    /// Objects of the largest ring.
    pub largest: u64,
    /// Rings that would be none any more without the weakest edge.
    pub breaks: u64,
    /// An object of one of them.
    pub example: *mut c_void,
    /// Number of its first kind in the list of all shapes' kinds.
    kinds: usize,
    /// How many kinds it has.
    kind_count: usize,
}

/// What the weakening of a kind does in one shape.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Trial {
    /// Rings that it breaks.
    broken: u64,
    /// Objects that are on no ring then.
    freed: u64,
}

/// The shapes of a session's rings. Empty until asked.
#[derive(Default)]
pub struct Shapes {
    rows: Rows<Shape>,
    /// C strings, one behind the other.
    texts: Array<u8>,
    /// They were found.
    pub found: bool,
}

impl From<NoMemory> for Failure {
    fn from(_: NoMemory) -> Self {
        Failure::NoMemory
    }
}

impl Shapes {
    /// The shapes, those with most bytes first.
    pub fn rows(&mut self) -> &mut [Shape] {
        self.rows.all()
    }

    /// The text of a shape.
    pub fn text(&self, shape: &Shape) -> *const c_char {
        self.texts.as_ptr().wrapping_add(shape.text) as *const c_char
    }

    /// The weakest edge of a shape.
    pub fn weakest(&self, shape: &Shape) -> *const c_char {
        self.texts.as_ptr().wrapping_add(shape.weakest) as *const c_char
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.rows.bytes() + self.texts.bytes()
    }

    fn add_text(&mut self, write: impl FnOnce(&mut Text)) -> Result<usize, Failure> {
        let mut room = [0 as c_char; TEXT_BYTES];
        // SAFETY: the room is there as long as the text.
        let mut text = unsafe { Text::new(room.as_mut_ptr(), TEXT_BYTES) };
        write(&mut text);
        let start = self.texts.len();
        for &byte in room.iter().take(text.len.min(TEXT_BYTES - 1) + 1) {
            if !self.texts.push(byte as u8) {
                return Err(Failure::NoMemory);
            }
        }
        Ok(start)
    }
}

/// Finds the shapes of a session's rings, if that was not done yet.
///
/// # Safety
/// - The session is fresh and at rest.
pub unsafe fn find(query: &mut Query) -> Result<(), Failure> {
    if query.rings.found {
        return Ok(());
    }
    let found = query.quietly(|query| Finder::new(query).and_then(|mut finder| finder.run()))??;
    query.rings = found;
    Ok(())
}

/// An edge inside a ring: where it leads to among the members, and its kind.
#[derive(Clone, Copy)]
#[repr(C)]
struct Inner {
    to: u32,
    kind: u32,
}

/// The work of [`find`].
struct Finder<'a> {
    query: &'a Query,
    component: Array<u32>,
    /// Places in the order of their components.
    members: Array<u32>,
    /// Where the members of each component begin, and the end of the last.
    starts: Array<u32>,
    /// By place: its number among those of its component.
    number: Array<u32>,
    kinds: Kinds,
    /// Where the edges of each member of the ring under examination begin.
    edge_starts: Array<u32>,
    edges: Rows<Inner>,
    /// How many edges each member of that ring has left to it in a trial.
    degree: Array<u32>,
    /// Members of that ring that are to be taken away.
    queue: Array<u32>,
    /// By kind: the last ring that had it, + 1.
    seen: Array<u32>,
    /// The kinds of the ring under examination.
    ring_kinds: Array<u32>,
    shapes: Shapes,
    by_kinds: Index,
    shape_kinds: Array<u32>,
    trials: Rows<Trial>,
}

impl<'a> Finder<'a> {
    fn new(query: &'a Query) -> Result<Self, Failure> {
        let nodes = query.places.count;
        let zeros = |len| Array::<u32>::zeros(len).ok_or(Failure::NoMemory);
        Ok(Finder {
            query,
            component: zeros(nodes)?,
            members: zeros(nodes)?,
            starts: Array::empty(),
            number: zeros(nodes)?,
            kinds: Kinds::default(),
            edge_starts: Array::empty(),
            edges: Rows::default(),
            degree: Array::empty(),
            queue: Array::empty(),
            seen: Array::empty(),
            ring_kinds: Array::empty(),
            shapes: Shapes::default(),
            by_kinds: Index::new(),
            shape_kinds: Array::empty(),
            trials: Rows::default(),
        })
    }

    unsafe fn run(&mut self) -> Result<Shapes, Failure> {
        let count = self.group()?;
        let mut largest = 0;
        for ring in 0..count {
            largest = largest.max(self.starts[ring + 1] - self.starts[ring]);
        }
        self.degree = Array::zeros(largest as usize).ok_or(Failure::NoMemory)?;
        self.queue = Array::zeros(largest as usize).ok_or(Failure::NoMemory)?;
        for ring in 0..count {
            let range = self.starts[ring] as usize..self.starts[ring + 1] as usize;
            let first = self.members[range.start];
            let refers_to_itself = || self.query.graph().of(first).contains(&first);
            if self.query.is_listed(first) && (range.len() > 1 || refers_to_itself()) {
                self.examine(ring as u32, range)?;
            }
        }
        self.write_texts()?;
        let rows = self.shapes.rows();
        sort::sort_by(rows, |a, b| {
            b.bytes.cmp(&a.bytes).then(b.rings.cmp(&a.rings)).then(a.text.cmp(&b.text))
        });
        self.shapes.found = true;
        Ok(core::mem::take(&mut self.shapes))
    }

    /// Step 1. Returns the number of components.
    fn group(&mut self) -> Result<usize, Failure> {
        let Finder { query, component, members, number, starts, .. } = self;
        let count = strong_components(query.graph(), component, members, number) as usize;
        *starts = Array::zeros(count + 1).ok_or(Failure::NoMemory)?;
        for &ring in component.iter() {
            starts[ring as usize] += 1;
        }
        let mut end = 0;
        for start in starts.iter_mut() {
            end += *start;
            *start = end;
        }
        for place in (0..component.len() as u32).rev() {
            let start = &mut starts[component[place as usize] as usize];
            *start -= 1;
            members[*start as usize] = place;
        }
        for (index, &place) in members.iter().enumerate() {
            number[place as usize] = index as u32 - starts[component[place as usize] as usize];
        }
        Ok(count)
    }

    /// Steps 2 and 3 for one ring.
    unsafe fn examine(&mut self, ring: u32, range: core::ops::Range<usize>) -> Result<(), Failure> {
        let (mut bytes, mut single) = (0, true);
        self.edges.clear();
        self.edge_starts.clear();
        self.ring_kinds.clear();
        for at in range.clone() {
            let obj = self.query.places.address(self.members[at]);
            bytes += bytes_of(obj);
            let before = self.edges.len();
            self.list_inner(ring, obj)?;
            single &= self.edges.len() == before + 1;
            if !self.edge_starts.push(before as u32) {
                return Err(Failure::NoMemory);
            }
        }
        if !self.edge_starts.push(self.edges.len() as u32) {
            return Err(Failure::NoMemory);
        }
        self.ring_kinds.sort_unstable();
        let shape = self.shape()?;
        let objects = range.len() as u64;
        let example = self.query.places.address(self.members[range.start]);
        let Some(row) = self.shapes.rows.get_mut(shape) else { return Err(Failure::NoMemory) };
        row.rings += 1;
        row.objects += objects;
        row.bytes += bytes;
        row.largest = row.largest.max(objects);
        row.example = example;
        let (first, count) = (row.kinds, row.kind_count);
        for index in 0..count.min(TRIALS_MAX) {
            let kind = self.shape_kinds[first + index];
            let left = if single { 0 } else { self.left_without(kind) };
            if let Some(trial) = self.trials.get_mut((first + index) as u32) {
                trial.broken += (left == 0) as u64;
                trial.freed += objects - left;
            }
        }
        Ok(())
    }

    /// Appends the edges of an object to members of its ring.
    unsafe fn list_inner(&mut self, ring: u32, obj: *mut c_void) -> Result<(), Failure> {
        let Finder { query, component, number, kinds, edges, seen, ring_kinds, .. } = self;
        let from = crate::object::type_of(obj);
        let mut failed = false;
        query.each_edge(obj, |edge, to| {
            let Some(to) = to.filter(|&to| component[to as usize] == ring) else { return };
            let kind = Kind { from, name: edge.name, to: crate::object::type_of(edge.target) };
            let Ok(kind) = kinds.number(kind) else {
                failed = true;
                return;
            };
            while seen.len() <= kind as usize {
                if !seen.push(0) {
                    failed = true;
                    return;
                }
            }
            if seen[kind as usize] != ring + 1 {
                seen[kind as usize] = ring + 1;
                failed |= !ring_kinds.push(kind);
            }
            failed |= !edges.push(Inner { to: number[to as usize], kind });
        });
        if failed {
            return Err(Failure::NoMemory);
        }
        Ok(())
    }

    /// The shape of the ring, made when there is none of these kinds yet.
    fn shape(&mut self) -> Result<u32, Failure> {
        let Finder { ring_kinds, shapes, by_kinds, shape_kinds, trials, .. } = self;
        let hash = ring_kinds.iter().fold(ring_kinds.len() as u64, |hash, &kind| mix(hash, kind as u64));
        let known = by_kinds.len();
        let shape = by_kinds.find_or_add(hash, |number| {
            shapes.rows.get(number).is_some_and(|row| {
                shape_kinds.get(row.kinds..row.kinds + row.kind_count) == Some(&**ring_kinds)
            })
        })?;
        if shape as usize == known {
            let row = Shape {
                text: 0,
                weakest: 0,
                rings: 0,
                objects: 0,
                bytes: 0,
                largest: 0,
                breaks: 0,
                example: ptr::null_mut(),
                kinds: shape_kinds.len(),
                kind_count: ring_kinds.len(),
            };
            let whole =
                ring_kinds.iter().all(|&kind| shape_kinds.push(kind) && trials.push(Trial::default()));
            if !whole || !shapes.rows.push(row) {
                return Err(Failure::NoMemory);
            }
        }
        Ok(shape)
    }

    /// How many objects of the ring are still behind a ring without the edges of a kind.
    fn left_without(&mut self, kind: u32) -> u64 {
        let Finder { edges, edge_starts, degree, queue, .. } = self;
        let members = edge_starts.len() - 1;
        let edges = edges.all();
        degree[..members].fill(0);
        for edge in edges.iter().filter(|edge| edge.kind != kind) {
            degree[edge.to as usize] += 1;
        }
        let (mut first, mut len) = (0, 0);
        for member in 0..members as u32 {
            if degree[member as usize] == 0 {
                queue[len] = member;
                len += 1;
            }
        }
        while first < len {
            let member = queue[first] as usize;
            first += 1;
            for edge in &edges[edge_starts[member] as usize..edge_starts[member + 1] as usize] {
                if edge.kind != kind {
                    degree[edge.to as usize] -= 1;
                    if degree[edge.to as usize] == 0 {
                        queue[len] = edge.to;
                        len += 1;
                    }
                }
            }
        }
        (members - len) as u64
    }

    fn write_texts(&mut self) -> Result<(), Failure> {
        for number in 0..self.shapes.rows.len() as u32 {
            let Some(&row) = self.shapes.rows.get(number) else { break };
            let range = row.kinds..row.kinds + row.kind_count;
            let mut order = Array::<u64>::empty();
            for (at, &kind) in self.shape_kinds[range.clone()].iter().enumerate() {
                if !order.push((at as u64) << 32 | kind as u64) {
                    return Err(Failure::NoMemory);
                }
            }
            let all = &self.kinds;
            sort::sort_by(&mut order, |&a, &b| match (all.get(a as u32), all.get(b as u32)) {
                (Some(a), Some(b)) => a.order(b),
                _ => a.cmp(&b),
            });
            let trials = &self.trials.all()[range];
            let kinds = &*order;
            let best = kinds.iter().enumerate().max_by_key(|(at, &kind)| {
                let trial = trials[(kind >> 32) as usize];
                (trial.broken, trial.freed, core::cmp::Reverse(*at))
            });
            let (weakest, breaks) =
                best.map_or((0, 0), |(at, &kind)| (at, trials[(kind >> 32) as usize].broken));
            let text = self.shapes.add_text(|text| write_shape(all, kinds, text))?;
            let weakest = self.shapes.add_text(|text| {
                // A text never fails.
                let _ = kinds
                    .get(weakest)
                    .and_then(|&kind| all.get(kind as u32))
                    .map(|kind| write!(text, "{}", edge_text(kind)));
            })?;
            if let Some(row) = self.shapes.rows.get_mut(number) {
                (row.text, row.weakest, row.breaks) = (text, weakest, breaks);
            }
        }
        Ok(())
    }
}

fn edge_text(kind: &Kind) -> EdgeText {
    // SAFETY: the session is fresh, so types of its objects are live.
    EdgeText { type_name: unsafe { (*kind.from).name }, name: kind.name, index: NO_INDEX }
}

/// Writes kinds of edges, whose numbers are the low halves of `kinds`, each behind one that leads to its type where there is one.
fn write_shape(all: &Kinds, kinds: &[u64], text: &mut Text) {
    let mut used = [false; SHOWN_MAX];
    let shown = kinds.len().min(SHOWN_MAX);
    let mut last: Option<&Kind> = None;
    for _ in 0..shown {
        let free = |at: &usize| !used[*at];
        let follows = |at: &usize| {
            let kind = kinds.get(*at).and_then(|&number| all.get(number as u32));
            last.zip(kind).is_some_and(|(last, kind)| ptr::eq(last.to, kind.from))
        };
        let chained = (0..shown).find(|at| free(at) && follows(at));
        let Some(at) = chained.or_else(|| (0..shown).find(free)) else { break };
        used[at] = true;
        let Some(kind) = all.get(kinds[at] as u32) else { break };
        let before = match (last, chained) {
            (None, _) => "",
            (_, Some(_)) => " -> ",
            _ => ", ",
        };
        // A text never fails.
        let _ = write!(text, "{before}{}", edge_text(kind));
        last = Some(kind);
    }
    if kinds.len() > shown {
        let _ = write!(text, ", and {} more kinds of edges", Number((kinds.len() - shown) as u64));
    }
}
