//! What a dump has, in arrays. An object is its number in address order, an [`Object`].
//!
//! Invariants that `read` has checked, so that everything behind may index by them: every type, target,
//! source and holder is a number below the length of its array; `starts` rises from 0 to the number of edges;
//! places rise.

use super::accounts::Accounts;
use super::chunks::Preamble;
use super::error::ReadError;
use rcgc_format::graph::Graph;
use rcgc_format::{self as format, callback, object_flag, type_flag};
use std::borrow::Cow;
use std::ops::Range;

/// An object: its number in address order.
pub type Object = u32;

/// Most objects and edges of a dump that is read.
pub const OBJECTS_MAX: usize = (1 << 31) - 2;
pub const EDGES_MAX: usize = u32::MAX as usize - 1;

/// No index of an edge.
pub const NO_INDEX: u32 = u32::MAX;

/// One kind of collection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Collections {
    pub runs: u64,
    pub examined: u64,
    pub reclaimed: u64,
    pub resurrected: u64,
    pub refused: u64,
    pub pause_ns_total: u64,
    pub pause_ns_max: u64,
    pub pause_ns_last: u64,
}

/// The heap's books.
#[derive(Clone, Debug, Default)]
pub struct Books {
    pub name: u64,
    pub label: u64,
    pub places: u64,
    pub live_objects: u64,
    pub live_bytes: u64,
    pub external_bytes: u64,
    pub heap_bytes: u64,
    pub heap_bytes_peak: u64,
    pub allocated: u64,
    pub freed: u64,
    pub reclaimed: u64,
    pub base: u64,
    pub number: u64,
    pub full: Collections,
    pub young: Collections,
}

/// One declared field of a type.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its entry in [`Dump::fields`].
    pub field: u32,
    pub kind: u64,
    pub place: u64,
    pub slots: u64,
}

/// One type.
#[derive(Clone, Debug, Default)]
pub struct Type {
    /// Its number in the process.
    pub number: u64,
    pub name: u64,
    pub size: u64,
    pub tail_size: u64,
    pub stride: u64,
    pub flags: u64,
    pub callbacks: u64,
    pub allocated: u64,
    pub freed: u64,
    pub reclaimed: u64,
    pub groups: Vec<Group>,
}

impl Type {
    pub fn is_weak_map(&self) -> bool {
        self.flags & type_flag::WEAK_MAP != 0
    }

    pub fn has(&self, bit: u64) -> bool {
        self.callbacks & bit != 0
    }

    pub fn has_traverse(&self) -> bool {
        self.has(callback::TRAVERSE)
    }
}

/// What names an edge: a declared field, or a name that `traverse` gave.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: u64,
}

/// The name of the edges from a weak map to its values; no string has this number.
pub const ENTRY: u64 = u64::MAX;

/// The name of one edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    pub field: u32,
    /// [`NO_INDEX`]: none.
    pub index: u32,
}

/// Where an edge leads that is not one between objects of the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// To an object of another heap.
    OtherHeap,
    /// To what is no object: a host's mistake.
    NoObject,
    /// To a block without an object: a host's mistake, too.
    Free,
    /// To what a cut file does not have.
    Unread,
}

/// An edge out of the dump.
#[derive(Clone, Copy, Debug)]
pub struct OuterEdge {
    pub source: Object,
    pub label: Label,
    pub leads: Elsewhere,
}

/// A reference that was not counted: of a weak handle in a slot, or of a weak map to a key.
#[derive(Clone, Copy, Debug)]
pub struct WeakEdge {
    pub source: Object,
    pub target: Object,
    pub label: Label,
}

/// A reference that the engine holds.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    pub kind: u64,
    pub name: u64,
    pub object: Object,
}

/// Where references from outside to the objects of a type lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lies {
    /// In objects of this type, so many bytes from their beginning, which do not report it.
    Object {
        kind: u32,
        offset: u64,
    },
    /// In a variable, so far from where this file was loaded; its name is a string, 0 for none.
    Data {
        path: u64,
        offset: u64,
    },
    Stack,
    Memory,
    Heap,
    /// No word of the process is the object's address.
    Nowhere,
    /// What a newer library knows.
    Elsewhere,
}

/// One place of that kind.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    pub lies: Lies,
    /// The type of the objects, in [`Dump::types`].
    pub to: u32,
    /// Words, and of [`Lies::Nowhere`] objects.
    pub number: u64,
}

/// Objects, one array for each fact.
#[derive(Default)]
pub struct Objects {
    pub place: Vec<u64>,
    /// Numbers in [`Dump::types`].
    pub kind: Vec<u32>,
    pub count: Vec<u32>,
    pub flags: Vec<u16>,
    /// Bytes of the block, by 16.
    pub granules: Vec<u32>,
    /// Of the objects that have any, in order.
    pub external: Vec<(Object, u64)>,
    /// As `external`.
    pub handles: Vec<(Object, u64)>,
    /// Lengths of trailing arrays, as `external`.
    pub lengths: Vec<(Object, u64)>,
    /// Numbers of sites, [`NO_SITE`] for none; empty when no object has one.
    pub site: Vec<u32>,
    /// Serial numbers, 0 for none; empty when no object has one.
    pub serial: Vec<u64>,
}

/// No site of an object.
pub const NO_SITE: u32 = u32::MAX;

/// Counted references between objects.
#[derive(Default)]
pub struct Edges {
    pub starts: Vec<u32>,
    pub targets: Vec<Object>,
    pub labels: Vec<Label>,
    pub outer: Vec<OuterEdge>,
    pub weak: Vec<WeakEdge>,
}

/// Pages in order: where places lie.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Place of the first block.
    pub first: u64,
    pub address: u64,
    pub blocks: u64,
    pub block_bytes: u64,
}

/// One dump.
pub struct Dump {
    /// As the user named it.
    pub path: String,
    pub file_bytes: u64,
    pub preamble: Preamble,
    pub is_whole: bool,
    pub cut: Option<ReadError>,
    /// Types of chunks that were passed over.
    pub skipped: Vec<(format::Tag, usize)>,
    pub books: Books,
    pub types: Vec<Type>,
    pub fields: Vec<Field>,
    pub pages: Vec<Page>,
    pub objects: Objects,
    pub edges: Edges,
    pub holders: Vec<Holder>,
    /// Empty where nobody looked.
    pub words: Vec<Word>,
    pub accounts: Accounts,
    pub(super) bytes: Vec<u8>,
    pub(super) strings: Vec<Range<usize>>,
}

impl Dump {
    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.place.len()
    }

    pub fn all(&self) -> Range<Object> {
        0..self.len() as Object
    }

    /// Whether another dump is of the same heap: a number is given again when a heap has ended, so the name
    /// must fit, too.
    pub fn is_same_heap(&self, other: &Dump) -> bool {
        let of = |dump: &Dump| (dump.preamble.process, dump.books.base, dump.books.number);
        of(self) == of(other) && self.text(self.books.name) == other.text(other.books.name)
    }

    /// A string as it was given; None for no name.
    pub fn text(&self, number: u64) -> Option<Cow<'_, str>> {
        let range = self.strings.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
        Some(String::from_utf8_lossy(self.bytes.get(range.clone())?))
    }

    pub fn type_of(&self, object: Object) -> &Type {
        &self.types[self.objects.kind[object as usize] as usize]
    }

    pub fn type_name(&self, kind: u32) -> Cow<'_, str> {
        self.text(self.types[kind as usize].name).unwrap_or(Cow::Borrowed("(unnamed)"))
    }

    pub fn name_of_type_of(&self, object: Object) -> Cow<'_, str> {
        self.type_name(self.objects.kind[object as usize])
    }

    /// The name of a field; "?" when it has none.
    pub fn field_name(&self, field: u32) -> Cow<'_, str> {
        match self.fields[field as usize].name {
            ENTRY => Cow::Borrowed("entry"),
            name => self.text(name).unwrap_or(Cow::Borrowed("?")),
        }
    }

    /// Bytes of the object's block.
    pub fn bytes_of(&self, object: Object) -> u64 {
        u64::from(self.objects.granules[object as usize]) * 16
    }

    /// Bytes that the object keeps elsewhere.
    pub fn external_of(&self, object: Object) -> u64 {
        found(&self.objects.external, object)
    }

    pub fn handles_of(&self, object: Object) -> u64 {
        found(&self.objects.handles, object)
    }

    pub fn length_of(&self, object: Object) -> Option<u64> {
        let lengths = &self.objects.lengths;
        lengths.binary_search_by_key(&object, |&(owner, _)| owner).ok().map(|at| lengths[at].1)
    }

    pub fn has_flag(&self, object: Object, flag: u64) -> bool {
        u64::from(self.objects.flags[object as usize]) & flag != 0
    }

    pub fn is_immortal(&self, object: Object) -> bool {
        self.has_flag(object, object_flag::IMMORTAL)
    }

    /// The counted references as a graph.
    pub fn graph(&self) -> Graph<'_> {
        Graph::new(&self.edges.starts, &self.edges.targets)
    }

    /// Targets and names of an object's counted references.
    pub fn edges_of(&self, object: Object) -> impl Iterator<Item = (Object, Label)> + '_ {
        let range = self.graph().range(object);
        self.edges.targets[range.clone()].iter().copied().zip(self.edges.labels[range].iter().copied())
    }

    /// An object's address; 0 when the dump does not say.
    pub fn address_of(&self, object: Object) -> u64 {
        let place = self.objects.place[object as usize];
        let next = self.pages.partition_point(|page| page.first <= place);
        match next.checked_sub(1).map(|at| self.pages[at]) {
            Some(page) if place - page.first < page.blocks => page
                .address
                .wrapping_add(16)
                .wrapping_add((place - page.first).wrapping_mul(page.block_bytes)),
            _ => 0,
        }
    }

    /// The object that an address lies in.
    pub fn object_at(&self, address: u64) -> Option<Object> {
        let next = self.pages.partition_point(|page| page.address <= address);
        let page = self.pages.get(next.checked_sub(1)?)?;
        // A header belongs to the payload behind it.
        let number = (address - page.address).checked_sub(8)?.checked_div(page.block_bytes)?;
        if number >= page.blocks {
            return None;
        }
        let place = page.first + number;
        self.objects.place.binary_search(&place).ok().map(|object| object as Object)
    }
}

fn found(entries: &[(Object, u64)], object: Object) -> u64 {
    entries.binary_search_by_key(&object, |&(owner, _)| owner).map_or(0, |at| entries[at].1)
}
