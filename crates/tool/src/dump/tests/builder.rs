//! Dumps made by hand, for tests: what a writer could write, and what none would.

use rcgc_format::{
    self as format, end_key, group, head, heap_key, object_flag, slot, type_flag, type_key, Tag,
};

/// One field of a type.
#[derive(Clone)]
pub struct Field {
    pub name: String,
    pub kind: u64,
    pub place: u64,
    pub slots: u64,
}

/// One type.
#[derive(Clone, Default)]
pub struct Kind {
    pub name: String,
    pub tail_size: u64,
    pub fields: Vec<Field>,
    pub has_traverse: bool,
    pub is_map: bool,
}

/// Where a slot leads: the number of an object, or a code.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Slot {
    Nothing,
    Object(usize),
    Code(u64),
}

/// One object.
#[derive(Clone, Default)]
pub struct Object {
    pub kind: usize,
    pub count: u64,
    pub flags: u64,
    /// Free places before it.
    pub gap: u64,
    pub external: u64,
    pub handles: u64,
    pub tail: u64,
    /// The slots of each field.
    pub slots: Vec<Vec<Slot>>,
    /// What `traverse` reports: target, name, index.
    pub reports: Vec<(Slot, String, Option<u64>)>,
    /// Keys and values.
    pub entries: Vec<(Slot, Slot)>,
}

/// A dump to be made.
#[derive(Clone, Default)]
pub struct Builder {
    pub kinds: Vec<Kind>,
    pub objects: Vec<Object>,
    pub holders: Vec<(u64, String, usize)>,
    /// Strings and chunks before the end: of a profile, or of a later version.
    pub strings: Vec<String>,
    pub chunks: Vec<(Tag, Vec<u8>)>,
    /// Bytes of a chunk of objects, at most about.
    pub chunk_bytes: usize,
}

/// Bytes of a block, the same for all.
pub const STRIDE: u64 = 48;

struct Out {
    file: Vec<u8>,
    payload: Vec<u8>,
    chunks: u64,
    strings: Vec<String>,
    written: usize,
}

impl Out {
    fn put(&mut self, value: u64) {
        put(&mut self.payload, value);
    }

    fn chunk(&mut self, tag: Tag) {
        let strings: Vec<String> = self.strings[self.written..].to_vec();
        if !strings.is_empty() {
            let mut payload = Vec::new();
            put(&mut payload, self.written as u64 + 1);
            for text in &strings {
                put(&mut payload, text.len() as u64);
                payload.extend(text.as_bytes());
            }
            self.written = self.strings.len();
            self.file.extend(chunk(format::STRINGS, &payload));
            self.chunks += 1;
        }
        if !self.payload.is_empty() {
            let payload = std::mem::take(&mut self.payload);
            self.file.extend(chunk(tag, &payload));
            self.chunks += 1;
        }
    }

    fn string(&mut self, text: &str) -> u64 {
        if text.is_empty() {
            return 0;
        }
        let at = self.strings.iter().position(|known| known == text);
        at.unwrap_or_else(|| {
            self.strings.push(text.to_owned());
            self.strings.len() - 1
        }) as u64
            + 1
    }
}

pub fn put(bytes: &mut Vec<u8>, value: u64) {
    let (encoded, len) = format::encode(value);
    bytes.extend(&encoded[..len]);
}

/// A chunk with right checksums.
pub fn chunk(tag: Tag, payload: &[u8]) -> Vec<u8> {
    let mut bytes = tag.to_vec();
    bytes.extend([0; 4]);
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(format::crc32c(0, payload).to_le_bytes());
    bytes.extend(format::crc32c(0, &bytes).to_le_bytes());
    bytes.extend(payload);
    bytes
}

pub fn preamble() -> Vec<u8> {
    let mut bytes = format::MAGIC.to_vec();
    bytes.extend([1, 0, 0, 0, 1, 8, 0, 0]);
    bytes.extend(0x5243_0001u32.to_le_bytes());
    bytes.extend(0x0000_0100u32.to_le_bytes());
    bytes.extend(4242u64.to_le_bytes());
    bytes.extend(1_800_000_000_000_000_000u64.to_le_bytes());
    bytes.extend(5_000_000_000u64.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(format::crc32c(0, &bytes).to_le_bytes());
    bytes.extend([0; 4]);
    bytes
}

impl Builder {
    /// A type whose fields are single pointers.
    pub fn kind(&mut self, name: &str, fields: &[&str]) -> usize {
        let field = |name: &&str| Field {
            name: (*name).to_owned(),
            kind: group::POINTER,
            place: group::STRUCT,
            slots: 1,
        };
        self.kinds.push(Kind {
            name: name.to_owned(),
            fields: fields.iter().map(field).collect(),
            ..Kind::default()
        });
        self.kinds.len() - 1
    }

    /// An object of such a type; its count is set by [`Builder::count`].
    pub fn object(&mut self, kind: usize) -> usize {
        let slots = self.kinds[kind].fields.iter().map(|_| vec![Slot::Nothing]).collect();
        self.objects.push(Object { kind, flags: object_flag::TRACKED, slots, ..Object::default() });
        self.objects.len() - 1
    }

    /// Makes a single pointer refer to an object.
    pub fn link(&mut self, from: usize, field: usize, to: usize) {
        self.objects[from].slots[field] = vec![Slot::Object(to)];
    }

    /// Sets every count to the references that there are, and those of `held` to one more.
    pub fn count(&mut self, held: &[usize]) {
        let mut counts = vec![0; self.objects.len()];
        for object in &self.objects {
            for (slots, field) in object.slots.iter().zip(&self.kinds[object.kind].fields) {
                for slot in slots.iter().filter(|_| field.kind != group::WEAK) {
                    if let Slot::Object(to) = slot {
                        counts[*to] += 1;
                    }
                }
            }
            let reported = object.reports.iter().map(|report| report.0);
            for slot in reported.chain(object.entries.iter().map(|entry| entry.1)) {
                if let Slot::Object(to) = slot {
                    counts[to] += 1;
                }
            }
        }
        for &object in held {
            counts[object] += 1;
        }
        for (object, count) in self.objects.iter_mut().zip(counts) {
            object.count = count;
        }
    }

    /// The bytes of the dump.
    pub fn bytes(&self) -> Vec<u8> {
        let mut places = Vec::new();
        let mut next = 0;
        for object in &self.objects {
            places.push(next + object.gap);
            next += object.gap + 1;
        }
        let all = next + 3;
        let mut out =
            Out { file: preamble(), payload: Vec::new(), chunks: 0, strings: Vec::new(), written: 0 };
        self.heap(&mut out, all);
        self.types(&mut out);
        self.pages(&mut out, all);
        let edges = self.records(&mut out, &places, all);
        for (kind, name, object) in &self.holders {
            let name = out.string(name);
            out.put(*kind);
            out.put(name);
            out.put(places[*object]);
        }
        out.chunk(format::HOLDERS);
        out.strings.extend(self.strings.iter().cloned());
        for (tag, payload) in &self.chunks {
            out.payload.extend(payload);
            out.chunk(*tag);
        }
        let (chunks, bytes) = (out.chunks, out.file.len() as u64);
        let totals = [
            (end_key::OBJECTS, self.objects.len() as u64),
            (end_key::EDGES, edges),
            (end_key::CHUNKS, chunks),
            (end_key::BYTES, bytes),
        ];
        pairs(&mut out, &totals);
        out.chunk(format::END);
        out.file
    }

    fn heap(&self, out: &mut Out, all: u64) {
        let (name, label) = (out.string("built"), out.string("by hand"));
        out.put(name);
        out.put(label);
        let external = self.objects.iter().map(|object| object.external).sum();
        let live = self.objects.len() as u64;
        let books = [
            (heap_key::PLACES, all),
            (heap_key::LIVE_OBJECTS, live),
            (heap_key::LIVE_BYTES, live * STRIDE),
            (heap_key::EXTERNAL_BYTES, external),
            (heap_key::BASE, 0x7f00_0000_0000),
            // A key of a later version.
            (999, 12),
        ];
        pairs(out, &books);
        out.chunk(format::HEAP);
    }

    fn types(&self, out: &mut Out) {
        for (number, kind) in self.kinds.iter().enumerate() {
            let name = out.string(&kind.name);
            out.put(number as u64 * 3 + 1);
            out.put(name);
            let live = self.objects.iter().filter(|object| object.kind == number).count() as u64;
            let flags = if kind.is_map { type_flag::WEAK_MAP } else { 0 };
            let facts = [
                (type_key::SIZE, 40),
                (type_key::TAIL_SIZE, kind.tail_size),
                (type_key::STRIDE, STRIDE),
                (type_key::FLAGS, flags),
                (type_key::CALLBACKS, u64::from(kind.has_traverse)),
                (type_key::ALLOCATED, live + 5),
                (type_key::FREED, 5),
            ];
            pairs(out, &facts);
            out.put(kind.fields.len() as u64);
            for field in &kind.fields {
                let name = out.string(&field.name);
                out.put(name);
                out.put(field.kind | field.place << 3);
                out.put(field.slots);
            }
        }
        out.chunk(format::TYPES);
    }

    fn pages(&self, out: &mut Out, all: u64) {
        let mut left = all;
        let mut gap = 2;
        while left > 0 {
            let blocks = left.min(65_000 / STRIDE);
            out.put(gap);
            out.put(STRIDE / 16);
            out.put(blocks);
            left -= blocks;
            gap = 0;
        }
        out.chunk(format::PAGES);
    }

    fn records(&self, out: &mut Out, places: &[u64], all: u64) -> u64 {
        let mut edges = 0;
        let mut last = None;
        let mut next = 0;
        for (object, &place) in self.objects.iter().zip(places) {
            if out.payload.is_empty() {
                out.put(0);
                out.put(place);
                next = place;
                last = None;
            }
            let is_other = last != Some((object.kind, object.flags));
            last = Some((object.kind, object.flags));
            let gap = place - next;
            next = place + 1;
            let extras = u64::from(object.external != 0) | u64::from(object.handles != 0) << 1 | 1 << 40;
            let has_extras = extras != 1 << 40;
            out.put(
                object.count << head::COUNT_SHIFT
                    | if has_extras { head::EXTRAS } else { 0 }
                    | if is_other { head::KIND } else { 0 }
                    | u64::from(gap != 0),
            );
            if gap != 0 {
                out.put(gap - 1);
            }
            if is_other {
                out.put(object.kind as u64 * 3 + 1);
                out.put(object.flags);
            }
            if has_extras {
                out.put(extras);
                for value in [object.external, object.handles].into_iter().filter(|&value| value != 0) {
                    out.put(value);
                }
                // Of a bit that no reader knows.
                out.put(7);
            }
            let chunks = out.chunks;
            if object.flags & object_flag::DYING == 0 {
                let mut body = Body { out, places, all, place, nothings: 0, edges: 0, limit: self.limit() };
                body.write(object, &self.kinds[object.kind]);
                edges += body.edges;
                // A record that went on in another chunk: the next one has its type again.
                last = last.filter(|_| body.out.chunks == chunks);
                if body.out.payload.len() > self.limit() {
                    out.chunk(format::OBJECTS);
                }
            }
        }
        out.chunk(format::OBJECTS);
        edges
    }

    fn limit(&self) -> usize {
        if self.chunk_bytes == 0 {
            100_000
        } else {
            self.chunk_bytes
        }
    }
}

fn pairs(out: &mut Out, pairs: &[(u64, u64)]) {
    out.put(pairs.len() as u64);
    for &(key, value) in pairs {
        out.put(key);
        out.put(value);
    }
}

/// What follows the head of a record.
struct Body<'a> {
    out: &'a mut Out,
    places: &'a [u64],
    all: u64,
    place: u64,
    nothings: u64,
    edges: u64,
    limit: usize,
}

impl Body<'_> {
    fn put(&mut self, value: u64) {
        if self.out.payload.len() > self.limit {
            self.out.chunk(format::OBJECTS);
            self.out.put(1);
            self.out.put(self.place);
        }
        self.out.put(value);
    }

    fn code(&self, slot: Slot) -> u64 {
        match slot {
            Slot::Nothing => slot::NOTHING,
            Slot::Code(code) => code,
            Slot::Object(to) => slot::FIRST_OBJECT + format::distance(self.place, self.places[to], self.all),
        }
    }

    fn nothings(&mut self) {
        match std::mem::take(&mut self.nothings) {
            0 => {}
            1 => self.put(slot::NOTHING),
            more => {
                self.put(slot::NOTHINGS);
                self.put(more - 2);
            }
        }
    }

    fn write(&mut self, object: &Object, kind: &Kind) {
        if kind.tail_size != 0 {
            self.put(object.tail);
        }
        for (field, slots) in kind.fields.iter().zip(&object.slots) {
            if field.place == group::VECTOR {
                self.put(slots.len() as u64);
            }
        }
        for (field, slots) in kind.fields.iter().zip(&object.slots) {
            for &slot in slots {
                if slot == Slot::Nothing {
                    self.nothings += 1;
                    continue;
                }
                self.nothings();
                let code = self.code(slot);
                self.edges += u64::from(field.kind != group::WEAK);
                self.put(code);
            }
        }
        self.nothings();
        if kind.has_traverse {
            for (slot, name, index) in &object.reports {
                let code = self.code(*slot);
                self.edges += 1;
                self.put(code);
                let name = self.out.string(name);
                self.put(name << 1 | u64::from(index.is_some()));
                if let Some(index) = index {
                    self.put(*index);
                }
            }
            self.put(slot::NOTHING);
        }
        if kind.is_map {
            for (key, value) in &object.entries {
                let (key, value) = (self.code(*key), self.code(*value));
                self.edges += 1;
                self.put(key);
                self.put(value);
            }
            self.put(slot::NOTHING);
        }
    }
}
