//! A heap at one moment, as a file: what it has is said in `docs/dump-format.md`, the constants and codes stand in
//! [`rcgc_format`].
//!
//! | file | subject |
//! |---|---|
//! | `out` | buffers, chunks, the sink |
//! | `names` | strings, each written once |
//! | `objects` | objects and their edges |
//! | `words` | where references from outside lie |
//! | `profiled` | sites, scopes, series, followed references |
//! | this | one dump from its options to its end |
//!
//! Guarantees: the heap is as it was, whatever fails; all memory is taken before the first byte is written,
//! and only the table of `heap/places.rs` grows with the heap (40 bytes a MiB), but for a look at words, which is left out
//! without memory; no file offset, length or number is
//! limited to 32 bits; what reached the sink can be read up to its last whole chunk.
//!
//! While a dump is written the heap's phase is `Judging`, as in a collection: host code that runs (a
//! `traverse`, the sink's function) may look, not change anything.

pub mod names;
pub mod objects;
pub mod profiled;
pub mod stacks;
pub mod words;

use crate::cycle::Kind;
use crate::header::ABI_TAG;
use crate::heap::{phase, Heap, Phase};
use crate::life::finalizers;
use crate::life::scope;
use crate::memory::page::{Kind as PageKind, Page};
use crate::memory::places::{blocks_of, Places};
use crate::memory::range;
use crate::out;
use crate::out::{Buffer, Out, Sink};
use crate::sys;
use crate::sys::file::{self, Errno};
use crate::types::{Type, TypeFlags};
use core::ffi::{c_char, c_void};
use names::Names;
use objects::Objects;
use rcgc_format::{self as format, callback, end_key, group, heap_key, holder, type_flag, type_key};

/// Bytes of a chunk that has neither objects nor strings.
const CHUNK_BYTES: usize = 32 << 10;

/// What a dump is to be.
pub struct Options {
    /// Where it goes; closed by whoever opened it.
    pub sink: Sink,
    /// Names are hashed with this key.
    pub key: Option<u64>,
    /// The host's words for this dump; may be null.
    pub label: *const c_char,
    /// A forked child writes it.
    pub forked: bool,
    /// Where references from outside lie is looked for: that takes memory as a query session does.
    pub looks: bool,
}

/// What a dump came to.
pub struct Written {
    /// Objects in it.
    pub objects: u64,
    /// Counted references.
    pub edges: u64,
    /// Bytes that went to the sink.
    pub bytes: u64,
    /// Nanoseconds that the heap stood still.
    pub duration_ns: u64,
    /// The child that goes on writing; 0: none, all is written.
    pub child: i32,
}

/// Why there is no dump, or half of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// No memory for the buffers: nothing was written.
    NoMemory,
    /// A collection is running: nothing was written.
    Collecting,
    /// The system would not split the process: nothing was written.
    Fork(Errno),
    /// The sink would not take it.
    Write(Errno),
}

/// All the memory of a dump.
struct Memory {
    names: Names,
    places: Places,
    buffer: Buffer,
    objects: Buffer,
}

impl Memory {
    unsafe fn of(heap: *const Heap, key: Option<u64>) -> Option<Memory> {
        Some(Memory {
            names: Names::new(key)?,
            places: Places::of(&raw const (*heap).space, false)?,
            buffer: Buffer::new(CHUNK_BYTES)?,
            objects: Buffer::new(objects::CHUNK_BYTES)?,
        })
    }
}

/// Writes a heap.
///
/// # Safety
/// - Every object with declared fields or a `traverse` is walkable.
/// - `options.label` is null or a C string.
pub unsafe fn write(heap: *mut Heap, options: &Options) -> Result<Written, Failed> {
    if (*heap).phase() != Phase::Idle {
        return Err(Failed::Collecting);
    }
    let start = sys::now_ns();
    let memory = Memory::of(heap, options.key).ok_or(Failed::NoMemory)?;
    let preamble = preamble(options);
    if options.forked {
        let child = file::fork().map_err(Failed::Fork)?;
        if child != 0 {
            let duration_ns = sys::now_ns() - start;
            return Ok(Written { objects: 0, edges: 0, bytes: 0, duration_ns, child });
        }
        let result = phase::quietly(heap, || write_all(heap, options, &preamble, memory));
        file::exit_child(result.is_err() as i32);
    }
    let (objects, edges, bytes) =
        phase::quietly(heap, || write_all(heap, options, &preamble, memory)).map_err(Failed::Write)?;
    Ok(Written { objects, edges, bytes, duration_ns: sys::now_ns() - start, child: 0 })
}

unsafe fn write_all(
    heap: *mut Heap,
    options: &Options,
    preamble: &[u8],
    memory: Memory,
) -> Result<(u64, u64, u64), Errno> {
    let Memory { mut names, places, mut buffer, objects } = memory;
    let mut out = Out::new(heap, options.sink);
    out.write(preamble);
    write_heap(heap, options, &places, &mut names, &mut buffer, &mut out);
    write_types(heap, &mut names, &mut buffer, &mut out);
    write_pages(heap, &mut buffer, &mut out);
    let mut walk = Objects::new(heap, &mut out, &mut names, &places, objects);
    walk.write_all();
    let (objects, edges) = (walk.objects, walk.edges);
    write_holders(heap, &places, &mut names, &mut buffer, &mut out);
    if options.looks {
        words::write(heap, &mut names, &mut buffer, &mut out);
    }
    let writer = profiled::Writer { names: &mut names, buffer: &mut buffer, out: &mut out };
    profiled::write(heap, &places, writer);
    put_pairs(
        &mut buffer,
        &[
            (end_key::OBJECTS, objects),
            (end_key::EDGES, edges),
            (end_key::CHUNKS, out.chunks),
            (end_key::BYTES, out.bytes),
        ],
    );
    out.write_chunk(format::END, &mut buffer);
    out.result()?;
    Ok((objects, edges, out.bytes))
}

fn preamble(options: &Options) -> [u8; format::PREAMBLE_BYTES] {
    let mut bytes = [0u8; format::PREAMBLE_BYTES];
    let flags = if options.key.is_some() { format::FLAG_HASHED } else { 0 }
        | if options.forked { format::FLAG_FORKED } else { 0 };
    let [major, minor, patch] =
        [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")]
            .map(|text| text.bytes().fold(0u32, |number, digit| number * 10 + u32::from(digit - b'0')));
    let parts: [(usize, &[u8]); 10] = [
        (0, &format::MAGIC),
        (8, &format::MAJOR.to_le_bytes()),
        (10, &format::MINOR.to_le_bytes()),
        (12, &[1, size_of::<usize>() as u8]),
        (16, &ABI_TAG.to_le_bytes()),
        (20, &(major << 16 | minor << 8 | patch).to_le_bytes()),
        (24, &file::process_id().to_le_bytes()),
        (32, &file::wall_clock_ns().to_le_bytes()),
        (40, &sys::now_ns().to_le_bytes()),
        (48, &flags.to_le_bytes()),
    ];
    for (at, part) in parts {
        out::put_at(&mut bytes, at, part);
    }
    let sum = format::crc32c(0, bytes.get(..56).unwrap_or(&[]));
    out::put_at(&mut bytes, 56, &sum.to_le_bytes());
    bytes
}

/// There is room for all of them: two numbers each and one more.
unsafe fn put_pairs(buffer: &mut Buffer, pairs: &[(u64, u64)]) {
    buffer.put(pairs.len() as u64);
    for &(key, value) in pairs {
        buffer.put(key);
        buffer.put(value);
    }
}

unsafe fn write_heap(
    heap: *mut Heap,
    options: &Options,
    places: &Places,
    names: &mut Names,
    buffer: &mut Buffer,
    out: &mut Out,
) {
    buffer.put(names.number_of(out, (*heap).name()));
    buffer.put(names.number_of(out, options.label));
    let (mut allocated, mut reclaimed) = ((*heap).ended_allocated, (*heap).ended_reclaimed);
    (*heap).each_type(|ty| {
        allocated += (*ty).allocated();
        reclaimed += (*ty).reclaimed;
    });
    let live = (*heap).live_objects();
    let mut pairs = [(0u64, 0u64); 27];
    let mut next = 0;
    let mut pair = |key, value| {
        if let Some(place) = pairs.get_mut(next) {
            *place = (key, value);
            next += 1;
        }
    };
    pair(heap_key::PLACES, places.count);
    pair(heap_key::LIVE_OBJECTS, live);
    pair(heap_key::LIVE_BYTES, (*heap).live_bytes());
    pair(heap_key::EXTERNAL_BYTES, (*heap).external.total);
    pair(heap_key::HEAP_BYTES, (*heap).space.heap_bytes());
    pair(heap_key::HEAP_BYTES_PEAK, (*heap).space.heap_bytes_peak);
    pair(heap_key::ALLOCATED, allocated);
    pair(heap_key::FREED, allocated - live);
    pair(heap_key::RECLAIMED, reclaimed);
    pair(heap_key::BASE, range::objects() as u64);
    pair(heap_key::NUMBER, (*heap).index as u64);
    for (first, generation) in [(heap_key::FULL, Kind::Full), (heap_key::YOUNG, Kind::Young)] {
        let stats = *(*heap).generation(generation);
        let values = [
            stats.runs,
            stats.examined,
            stats.reclaimed,
            stats.resurrected,
            stats.refused,
            stats.pause_ns_total,
            stats.pause_ns_max,
            stats.pause_ns_last,
        ];
        for (key, value) in (first..).zip(values) {
            pair(key, value);
        }
    }
    put_pairs(buffer, &pairs);
    names.flush(out);
    out.write_chunk(format::HEAP, buffer);
}

/// Makes sure that a buffer has room for so many numbers.
unsafe fn make_room(numbers: usize, tag: format::Tag, names: &mut Names, buffer: &mut Buffer, out: &mut Out) {
    if !buffer.has_room(numbers) {
        names.flush(out);
        out.write_chunk(tag, buffer);
    }
}

unsafe fn write_types(heap: *mut Heap, names: &mut Names, buffer: &mut Buffer, out: &mut Out) {
    (*heap).each_type(|ty| write_type(&*ty, names, buffer, out));
    names.flush(out);
    out.write_chunk(format::TYPES, buffer);
}

unsafe fn write_type(ty: &Type, names: &mut Names, buffer: &mut Buffer, out: &mut Out) {
    let flag = |of_type: bool, bit: u64| if of_type { bit } else { 0 };
    let flags = flag(ty.flags.contains(TypeFlags::ACYCLIC), type_flag::ACYCLIC)
        | flag(ty.flags.contains(TypeFlags::MAP), type_flag::WEAK_MAP)
        | flag(ty.header.has(crate::header::Flags::TRACKED), type_flag::TRACK);
    let callbacks = flag(ty.traverse.is_some(), callback::TRAVERSE)
        | flag(ty.clear.is_some(), callback::CLEAR)
        | flag(ty.finalize.is_some(), callback::FINALIZE)
        | flag(ty.destroy.is_some(), callback::DESTROY);
    let varied = ty.flags.contains(TypeFlags::COUNT_BYTES);
    let pairs = [
        (type_key::SIZE, ty.size as u64),
        (type_key::TAIL_SIZE, ty.tail_size as u64),
        (type_key::STRIDE, if varied { 0 } else { ty.stride as u64 }),
        (type_key::FLAGS, flags),
        (type_key::CALLBACKS, callbacks),
        (type_key::ALLOCATED, ty.allocated()),
        (type_key::FREED, ty.freed),
        (type_key::RECLAIMED, ty.reclaimed),
    ];
    let mut simple_fields = 0;
    ty.each_simple_field(|_| simple_fields += 1);
    make_room(4 + 2 * pairs.len(), format::TYPES, names, buffer, out);
    buffer.put(ty.index as u64);
    buffer.put(names.number_of(out, ty.name));
    put_pairs(buffer, &pairs);
    buffer.put(simple_fields + ty.extra_count as u64);
    let mut put_group = |name: *const c_char, shape: u64, slots: u64| {
        // A type with very many fields goes on in the next chunk, as an object does.
        make_room(3, format::TYPES, names, buffer, out);
        buffer.put(names.number_of(out, name));
        buffer.put(shape);
        buffer.put(slots);
    };
    ty.each_simple_field(|field| {
        put_group(field.name, group::POINTER | group::STRUCT << 3, field.count as u64)
    });
    for index in 0..ty.extra_count as usize {
        let entry = &*ty.extra.add(index);
        let in_struct = entry.place == crate::types::SlotPlace::Struct;
        let slots = if in_struct { entry.count as u64 } else { 0 };
        put_group(entry.name, entry.kind as u64 | (entry.place as u64) << 3, slots);
    }
}

unsafe fn write_pages(heap: *mut Heap, buffer: &mut Buffer, out: &mut Out) {
    let mut next = 0;
    (*heap).space.each_page(|page| {
        let page: &Page = &*page;
        let blocks = blocks_of(page);
        if blocks == 0 {
            return;
        }
        let index = page.index() as u64;
        if !buffer.has_room(3) {
            out.write_chunk(format::PAGES, buffer);
        }
        buffer.put(index - next);
        let large = page.kind == PageKind::Large;
        buffer.put(if large { 0 } else { page.stride as u64 / 16 });
        buffer.put(if large { page.span as u64 } else { blocks });
        next = index + 1;
    });
    out.write_chunk(format::PAGES, buffer);
}

unsafe fn write_holders(
    heap: *mut Heap,
    places: &Places,
    names: &mut Names,
    buffer: &mut Buffer,
    out: &mut Out,
) {
    let mut put = |kind: u64, name: *const c_char, obj: *mut c_void| {
        // Of another heap: it is held there from outside, like by any program.
        let Some(place) = places.find(obj as usize) else { return };
        let name = names.number_of(out, name);
        make_room(3, format::HOLDERS, names, buffer, out);
        buffer.put(kind);
        buffer.put(name);
        buffer.put(place);
    };
    scope::each_kept(heap, |name, obj| put(holder::SCOPE, name, obj));
    for index in 0..(*heap).garbage.len() {
        if let Some(obj) = (*heap).garbage.get(index) {
            put(holder::GARBAGE, core::ptr::null(), obj);
        }
    }
    finalizers::each_due(heap, |obj| put(holder::FINALIZERS, core::ptr::null(), obj));
    names.flush(out);
    out.write_chunk(format::HOLDERS, buffer);
}
