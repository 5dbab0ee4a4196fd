//! Objects and their edges, as `OBJS` has them. One pass over the heap in the order of addresses; nothing is
//! written to it.
//!
//! A record that does not fit what is left of the buffer goes on in the next chunk: an object with a million
//! edges needs no more memory than one with none. Between two numbers of a record the buffer has room for one
//! more; that is looked at once for a simple object, and before every code of another.

use super::names::Names;
use crate::header::{self, Flags, Header, IMMORTAL, LOCAL, QUEUED};
use crate::heap::Heap;
use crate::life::weak::{self, Weak};
use crate::life::weakmap;
use crate::memory::page::{is_frozen, is_old, Page, PageFlags};
use crate::memory::places::{self, Places};
use crate::memory::range;
use crate::object;
use crate::object::edges::{self, Edge};
use crate::object::slots;
use crate::out::{Buffer, Out};
use crate::profile::record::{self, Record};
use crate::types::{SlotKind, SlotPlace, Type, TypeFlags, SIMPLE_MAX};
use core::ffi::c_void;
use rcgc_format::{self as format, extra, head, object_flag, slot};

/// Bytes of a chunk's payload.
pub const CHUNK_BYTES: usize = 128 << 10;
/// Numbers of a record before its slots: head, gap, type, flags, extras with four, trailing length.
const HEAD_NUMBERS: usize = 10;
/// A type that no record had yet.
const NO_TYPE: u32 = 0;

/// The writer of `OBJS`.
pub struct Objects<'a> {
    heap: *mut Heap,
    out: &'a mut Out,
    names: &'a mut Names,
    places: &'a Places,
    buffer: Buffer,
    /// Place that the next record has if its gap is 0.
    next: u64,
    /// The record that is being written.
    place: u64,
    /// Type and flags of the last record of this chunk.
    type_index: u32,
    flags: u64,
    /// Slots that refer to nothing and are not written yet.
    nothings: u64,
    /// Objects written.
    pub objects: u64,
    /// Counted references written.
    pub edges: u64,
}

impl<'a> Objects<'a> {
    /// No objects yet. The buffer has room for [`CHUNK_BYTES`].
    pub fn new(
        heap: *mut Heap,
        out: &'a mut Out,
        names: &'a mut Names,
        places: &'a Places,
        buffer: Buffer,
    ) -> Objects<'a> {
        let (type_index, flags, nothings) = (NO_TYPE, 0, 0);
        let (next, place, objects, edges) = (0, 0, 0, 0);
        Objects { heap, out, names, places, buffer, next, place, type_index, flags, nothings, objects, edges }
    }

    /// Writes all objects of the heap.
    ///
    /// # Safety
    /// - The heap is at rest; every object with declared fields or a `traverse` is walkable.
    pub unsafe fn write_all(&mut self) {
        let heap = self.heap;
        (*heap).space.each_page(|page| {
            if places::blocks_of(&*page) == 0 || self.out.has_failed() {
                return;
            }
            let mut place = self.places.first_of(&*page);
            (*page).each_block(|obj| {
                let header = header::load(obj);
                if !header.is_dead() {
                    self.write(&*page, obj, header, place);
                }
                place += 1;
            });
        });
        self.flush();
    }

    unsafe fn write(&mut self, page: &Page, obj: *mut c_void, header: Header, place: u64) {
        if !self.buffer.has_room(HEAD_NUMBERS + SIMPLE_MAX + 1) {
            self.flush();
        }
        if self.buffer.is_empty() {
            self.begin_chunk(false, place);
        }
        let ty = &*range::type_at(header.type_index());
        self.write_head(page, obj, header, ty, place);
        self.objects += 1;
        if header.has(Flags::DYING) {
            return;
        }
        // A trailing array without references leaves a type simple.
        if ty.flags.contains(TypeFlags::SIMPLE) && ty.tail_size == 0 {
            for index in 0..ty.simple_count as usize {
                let offset = ty.offsets.get(index).map_or(0, |&offset| offset as usize);
                let word = *((obj as usize + offset) as *const usize);
                self.write_slot(word);
            }
            self.write_nothings();
        } else {
            self.write_body(obj, ty);
        }
    }

    unsafe fn begin_chunk(&mut self, goes_on: bool, place: u64) {
        self.buffer.put(goes_on as u64);
        self.buffer.put(place);
        self.next = if goes_on { place + 1 } else { place };
        self.type_index = NO_TYPE;
    }

    unsafe fn flush(&mut self) {
        self.names.flush(self.out);
        self.out.write_chunk(format::OBJECTS, &mut self.buffer);
    }

    /// Makes sure that the record may go on with so many numbers.
    #[inline(always)]
    unsafe fn make_room(&mut self, numbers: usize) {
        if !self.buffer.has_room(numbers) {
            self.flush();
            self.begin_chunk(true, self.place);
        }
    }

    unsafe fn write_head(&mut self, page: &Page, obj: *mut c_void, header: Header, ty: &Type, place: u64) {
        self.place = place;
        let gap = place - self.next;
        self.next = place + 1;
        let flags = flags_of(page, obj, header);
        let other_type = ty.index != self.type_index || flags != self.flags;
        let has_extras = header.high() & header::SIDE_FLAGS != 0;
        let word = header.count_word();
        let count = if word & LOCAL != 0 { (word - LOCAL) as u64 } else { 0 };
        self.buffer.put(
            count << head::COUNT_SHIFT
                | if has_extras { head::EXTRAS } else { 0 }
                | if other_type { head::KIND } else { 0 }
                | if gap != 0 { head::GAP } else { 0 },
        );
        if gap != 0 {
            self.buffer.put(gap - 1);
        }
        if other_type {
            (self.type_index, self.flags) = (ty.index, flags);
            self.buffer.put(ty.index as u64);
            self.buffer.put(flags);
        }
        if has_extras {
            self.write_extras(obj, header);
        }
    }

    #[cold]
    unsafe fn write_extras(&mut self, obj: *mut c_void, header: Header) {
        let bytes = (*self.heap).external.get(range::granule_of(obj));
        let external = bytes != 0;
        let weak = header.has(Flags::WEAK);
        let record = record::of(self.heap, range::page_of(obj as usize), obj);
        let bit = |holds: bool, bits: u64| if holds { bits } else { 0 };
        self.buffer.put(
            bit(external, extra::EXTERNAL_BYTES)
                | bit(weak, extra::WEAK_HANDLES)
                | bit(record != Record::NONE, extra::SITE | extra::SERIAL),
        );
        if external {
            self.buffer.put(bytes);
        }
        if weak {
            self.buffer.put(weak::count_of(obj) as u64);
        }
        if record != Record::NONE {
            self.buffer.put(record.site() as u64);
            self.buffer.put(record.serial());
        }
    }

    /// What follows the head of an object whose type is not simple.
    unsafe fn write_body(&mut self, obj: *mut c_void, ty: &Type) {
        if ty.tail_size != 0 {
            self.buffer.put(object::elements_of(obj, ty) as u64);
        }
        for index in 0..ty.extra_count as usize {
            let entry = &*ty.extra.add(index);
            if entry.place == SlotPlace::Vector {
                self.make_room(1);
                self.buffer.put(slots::length_of(obj, entry) as u64);
            }
        }
        for &offset in ty.offsets.iter().take(ty.simple_count as usize) {
            self.make_room(3);
            self.write_slot(*((obj as usize + offset as usize) as *const usize));
        }
        for index in 0..ty.extra_count as usize {
            let entry = &*ty.extra.add(index);
            let is_weak = entry.kind == SlotKind::Weak;
            slots::each_slot(obj, entry, |_, word| {
                self.make_room(3);
                if is_weak {
                    self.write_weak_slot(word as *mut Weak);
                } else {
                    self.write_slot(word);
                }
            });
        }
        self.make_room(3);
        self.write_nothings();
        if let Some(traverse) = ty.traverse {
            edges::each_traversed(ty, traverse, obj, &mut |edge| self.write_report(&edge));
            self.make_room(1);
            self.buffer.put(slot::NOTHING);
        }
        if ty.flags.contains(TypeFlags::MAP) {
            self.write_entries(obj);
        }
    }

    /// A slot's word; 0: it refers to nothing. There is room for three numbers.
    #[inline(always)]
    unsafe fn write_slot(&mut self, word: usize) {
        if word == 0 {
            self.nothings += 1;
            return;
        }
        self.write_nothings();
        let code = self.code_of(word);
        self.edges += 1;
        self.buffer.put(code);
    }

    unsafe fn write_weak_slot(&mut self, handle: *mut Weak) {
        if handle.is_null() {
            self.nothings += 1;
            return;
        }
        let target = if weak::is_handle(handle) { weak::target_of(handle) } else { core::ptr::null_mut() };
        if target.is_null() {
            self.nothings += 1;
            return;
        }
        self.write_nothings();
        let code = self.code_of(target as usize);
        self.buffer.put(code);
    }

    #[inline(always)]
    unsafe fn write_nothings(&mut self) {
        match core::mem::take(&mut self.nothings) {
            0 => {}
            1 => self.buffer.put(slot::NOTHING),
            more => {
                self.buffer.put(slot::NOTHINGS);
                self.buffer.put(more - 2);
            }
        }
    }

    #[inline(always)]
    unsafe fn code_of(&self, word: usize) -> u64 {
        match self.places.find(word) {
            Some(target) => slot::FIRST_OBJECT + format::distance(self.place, target, self.places.count),
            None => elsewhere(word),
        }
    }

    unsafe fn write_report(&mut self, edge: &Edge) {
        let name = self.names.number_of(self.out, edge.name);
        let has_index = edge.index != usize::MAX;
        self.make_room(3);
        let code = self.code_of(edge.target as usize);
        self.edges += 1;
        self.buffer.put(code);
        self.buffer.put(name << 1 | has_index as u64);
        if has_index {
            self.buffer.put(edge.index as u64);
        }
    }

    unsafe fn write_entries(&mut self, map: *mut c_void) {
        weakmap::each_of_map(map, |entry| {
            self.make_room(2);
            let (key, value) = (self.code_of(entry.key() as usize), self.code_of(entry.value as usize));
            self.edges += 1;
            self.buffer.put(key);
            self.buffer.put(value);
        });
        self.make_room(1);
        self.buffer.put(slot::NOTHING);
    }
}

/// An object's flags, as the format has them.
unsafe fn flags_of(page: &Page, obj: *mut c_void, header: Header) -> u64 {
    let mut flags = 0;
    let of_header = [
        (Flags::TRACKED, object_flag::TRACKED),
        (Flags::FINALIZED, object_flag::FINALIZED),
        (Flags::WEAK, object_flag::WEAK),
        (Flags::DYING, object_flag::DYING),
        (Flags::HELD, object_flag::HELD),
    ];
    for (flag, bit) in of_header {
        if header.has(flag) {
            flags |= bit;
        }
    }
    if !is_old(page, obj) {
        flags |= object_flag::YOUNG;
    }
    if page.flags.contains(PageFlags::FROZEN) && is_frozen(obj) {
        flags |= object_flag::FROZEN;
    }
    match header.count_word() {
        IMMORTAL => flags | object_flag::IMMORTAL,
        word if word & (LOCAL | QUEUED) == QUEUED => flags | object_flag::QUEUED,
        _ => flags,
    }
}

/// What stands for an address that no block of the heap begins at.
#[cold]
#[inline(never)]
unsafe fn elsewhere(address: usize) -> u64 {
    // It may be an object of another heap that is at work: its header may be looked at (`header.rs`).
    if object::check_held(address as *mut c_void).is_ok() {
        slot::OTHER_HEAP
    } else {
        slot::NO_OBJECT
    }
}
