//! Words that nobody reports: where a reference lies that no edge tells.
//!
//! "Held from outside" is exact, and says nothing of who holds. A reference that a `traverse` forgets looks like one of the
//! host's, and when every object of the type leaks no death ever shows it. But it lies somewhere: in the object that owns it.
//!
//! ```text
//!   1  of each object the words that are the address of another one to which no edge of it leads: by type, place and
//!      type of the other, a group
//!   2  groups with a word that no counted reference can be are dropped: a pointer back that is not counted, which is no
//!      mistake, mostly leads to something that has no, or not as many, references from outside
//!   3  all other memory of the process is looked through for the addresses that are left. Who has its references from
//!      outside there, in a variable, a table, a stack, another heap, is the host's, and proves nothing
//!   4  told are groups most of whose objects are referred to by nothing else at all
//! ```
//!
//! It is conservative: a word may be a number that looks like an address. That only makes step 3 find too much, so that less
//! is told. What is told is that the count of an object says "somebody holds it", and that in the whole process only this
//! word can be who does.

use super::facts;
use super::kinds::Rows;
use super::query::{Failure, Query};
use crate::base::array::Array;
use crate::base::report::{self, CText, Level, Line, Sentence};
use crate::base::{promised, sort};
use crate::header::{self, Flags};
use crate::heap::{Heap, Phase};
use crate::memory::range;
use crate::memory::segment::SEGMENT_BYTES;
use crate::object;
use crate::sys::mappings::{self, Mapping};
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use rcgc_format::lies;

/// Groups that are told apart; what comes after is not looked at.
const GROUPS_MAX: usize = 512;
/// Memory of the process that is looked through: of more nothing is said.
const BYTES_MAX: usize = 16 << 30;
/// One piece that is larger than all memory is the table of a sanitizer.
const PIECE_MAX: usize = 1 << 40;
/// Words that are read at a time.
const WORDS: usize = 8 << 10;
/// Bits of a word that can be an address; hosts put tags into the others.
const ADDRESS_MASK: usize = (1 << 48) - 1;

/// Words at one place of the objects of one type, that lead to objects of one type and that no edge reports.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Group {
    /// Whose words.
    pub from: *mut Type,
    /// What they lead to.
    pub to: *mut Type,
    /// Where in the object.
    pub offset: u64,
    /// Objects of `to` that nothing else in the process refers to.
    pub alone: u64,
    /// An object of `from`.
    pub example: *mut c_void,
    /// Objects of `to` to which the words lead.
    targets: u64,
    /// 1: a word of it is no counted reference.
    is_borrowed: u64,
}

impl Group {
    /// Whether it is proved as far as it can be. Of a few objects the last reference of the host's may just have gone, or
    /// a stack may still have their addresses.
    fn is_told(&self) -> bool {
        self.is_borrowed == 0 && self.alone * 2 > self.targets
    }

    /// In one line.
    ///
    /// # Safety
    /// - The types are live.
    pub unsafe fn sentence(&self) -> Line {
        Line::of(format_args!(
            "{}+{} points at {}, which no edge of it reports: {} objects, and to {} nothing else in the process refers. Its traverse or its fields forget a reference that it owns, or it borrows one whose release was forgotten",
            (*self.from).name(),
            self.offset,
            (*self.to).name(),
            self.targets,
            self.alone
        ))
    }
}

/// A word of a group, by what it leads to: sorted, the words of a group follow each other, and among them those that
/// lead to one object.
fn record(group: usize, target: u32) -> u64 {
    (group as u64) << 32 | target as u64
}

fn group_of(record: u64) -> u32 {
    (record >> 32) as u32
}

/// Where a reference from outside lies; the numbers of `rcgc_format::lies`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Lies {
    /// In an object that does not report it.
    Object = lies::OBJECT,
    /// In a variable of the program or of a library.
    Data = lies::DATA,
    /// On the stack of this thread.
    Stack = lies::STACK,
    /// In other memory: of malloc, of other stacks, of the engine for weak handles.
    Memory = lies::MEMORY,
    /// In an object of another heap.
    Heap = lies::HEAP,
    /// Nowhere in the process: its release was forgotten, or it is kept in a form that is no address.
    Nowhere = lies::NOWHERE,
}

/// References from outside to objects of a type, by where they lie.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Place {
    /// A [`Lies`].
    pub lies: u64,
    /// What they lead to.
    pub to: *mut Type,
    /// Words that were found, or objects for which none was.
    pub number: u64,
    /// In an object: its type.
    pub from: *mut Type,
    /// In an object: where in it. In a variable: the address of the first word.
    pub at: usize,
    /// In a variable: the address of the last word.
    last: usize,
}

/// Places that are told apart.
const PLACES_MAX: usize = 512;
/// Words of variables that are so near to each other are of one table.
const TABLE_GAP: usize = 256;

/// Calls `each` with the places where references from outside lie. As [`each_group`], which is part of it.
///
/// # Safety
/// - As [`each_group`].
pub unsafe fn each_place(
    query: &Query,
    heap: *mut Heap,
    mut each: impl FnMut(&Place),
) -> Result<(), Failure> {
    let mut look = Look::new(query, heap);
    look.outside = Array::zeros(query.places.count).ok_or(Failure::NoMemory)?;
    // What a word of another object explains needs no other.
    let mut explained = Array::<u8>::zeros(query.places.count).ok_or(Failure::NoMemory)?;
    let mut first = Look::new(query, heap);
    first.run()?;
    for (number, group) in first.groups.all().iter().enumerate() {
        if !group.is_told() {
            continue;
        }
        let Group { from, to, offset, targets, .. } = *group;
        each(&Place { lies: Lies::Object as u64, to, number: targets, from, at: offset as usize, last: 0 });
        for &record in first.records.iter().filter(|&&record| group_of(record) as usize == number) {
            explained[record as u32 as usize] = 1;
        }
    }
    drop(first);
    query.each_object(|place, _| {
        let external = query.external(place);
        if external > 0 && external != i64::MAX {
            look.outside[place as usize] = 1;
        }
    });
    look.places_wanted = true;
    look.look_outside();
    if !look.whole {
        return Ok(());
    }
    query.each_object(|place, obj| {
        let is_asked = look.outside[place as usize] != 0 && explained[place as usize] == 0;
        if is_asked && look.is_alone(place) {
            look.add(Lies::Nowhere, object::type_of(obj), 0);
        }
    });
    for place in look.found.all() {
        each(place);
    }
    Ok(())
}

/// The look at one heap.
struct Look<'a> {
    query: &'a Query,
    heap: *mut Heap,
    groups: Rows<Group>,
    /// See [`record`].
    records: Array<u64>,
    /// By place: 0, or one more than the words outside of the heap's objects that lead there.
    outside: Array<u32>,
    whole: bool,
    /// Whether places are noted, and those that were.
    places_wanted: bool,
    found: Rows<Place>,
    /// What is being looked through, where, and the end of the piece of a file that came last.
    here: Lies,
    address: usize,
    file_end: usize,
}

/// Calls `each` with every group that is told, in no particular order. Returns how many.
///
/// # Safety
/// - The session is fresh, its heap paused or ending, and every object walkable.
pub unsafe fn each_group(
    query: &Query,
    heap: *mut Heap,
    mut each: impl FnMut(&Group),
) -> Result<usize, Failure> {
    promised!(query.is_fresh());
    let mut look = Look::new(query, heap);
    look.run()?;
    let mut told = 0;
    for group in look.groups.all().iter().filter(|group| group.is_told()) {
        told += 1;
        each(group);
    }
    Ok(told)
}

/// Says in the log what of a heap is held by what no edge reports.
///
/// # Safety
/// - The heap is not looked at by something else, and every object is walkable.
#[cold]
pub unsafe fn tell_all(heap: *mut Heap) {
    promised!((*heap).phase() != Phase::Judging);
    let Ok(mut query) = Query::new(heap) else { return };
    let mut found = Rows::<Group>::default();
    let look = query.quietly(|query| {
        each_group(query, heap, |group| {
            // Without memory it is not told.
            let _ = found.push(*group);
        })
    });
    drop(query);
    if !matches!(look, Ok(Ok(_))) {
        return;
    }
    for group in found.all() {
        let text = group.sentence();
        report::log(
            Level::Warning,
            format_args!("heap {}: {}", CText((*heap).name()), Sentence(text.as_ptr())),
        );
    }
}

impl<'a> Look<'a> {
    fn new(query: &'a Query, heap: *mut Heap) -> Look<'a> {
        Look {
            query,
            heap,
            groups: Rows::default(),
            records: Array::empty(),
            outside: Array::empty(),
            whole: true,
            places_wanted: false,
            found: Rows::default(),
            here: Lies::Memory,
            address: 0,
            file_end: 0,
        }
    }

    /// All steps; without whole answers no group is told.
    unsafe fn run(&mut self) -> Result<(), Failure> {
        self.find_words();
        self.drop_borrowed();
        if self.whole && !self.records.is_empty() {
            self.outside = Array::zeros(self.query.places.count).ok_or(Failure::NoMemory)?;
            self.mark_records();
            self.look_outside();
            self.count_alone();
        }
        if !self.whole {
            self.groups.truncate(0);
        }
        Ok(())
    }

    /// Step 1.
    unsafe fn find_words(&mut self) {
        let query = self.query;
        let mut last = 0;
        query.each_object(|place, obj| {
            let ty = object::type_of(obj);
            if (*ty).flags.contains(TypeFlags::MAP) {
                return;
            }
            let words = object::size_of_object(obj) / size_of::<usize>();
            for at in 0..words {
                let word = (obj as *const usize).add(at).read();
                if !range::contains(word) || word == obj as usize {
                    continue;
                }
                let Some(target) = query.places.find(word).filter(|&to| query.is_listed(to)) else {
                    continue;
                };
                if query.external(target) == i64::MAX || query.graph().of(place).contains(&target) {
                    continue;
                }
                self.enter(&mut last, obj, at * size_of::<usize>(), target);
            }
        });
    }

    unsafe fn enter(&mut self, last: &mut usize, obj: *mut c_void, offset: usize, target: u32) {
        let (from, to) = (object::type_of(obj), self.query.ty(target));
        let offset = offset as u64;
        let is_it = |group: &Group| (group.from, group.to, group.offset) == (from, to, offset);
        if !self.groups.get(*last as u32).is_some_and(is_it) {
            *last = match self.groups.all().iter().position(is_it) {
                Some(at) => at,
                None if self.groups.len() == GROUPS_MAX => return,
                None => {
                    let example = obj;
                    self.whole &= self.groups.push(Group {
                        from,
                        to,
                        offset,
                        alone: 0,
                        example,
                        targets: 0,
                        is_borrowed: 0,
                    });
                    self.groups.len() - 1
                }
            };
        }
        let is_counted = self.query.external(target) > 0;
        let Some(group) = self.groups.get_mut(*last as u32) else { return };
        group.is_borrowed |= !is_counted as u64;
        if group.is_borrowed == 0 {
            self.whole &= self.records.push(record(*last, target));
        }
    }

    /// Step 2. What is left of the records is sorted, each target of a group once.
    fn drop_borrowed(&mut self) {
        let Look { query, groups, records, .. } = self;
        sort::sort_by(records, |left, right| left.cmp(right));
        let mut kept = 0;
        let mut at = 0;
        while at < records.len() {
            let record = records[at];
            let same = records[at..].iter().take_while(|&&other| other == record).count();
            at += same;
            let Some(group) = groups.get_mut(group_of(record)) else { continue };
            if query.external(record as u32) < same as i64 {
                group.is_borrowed = 1;
            }
            if group.is_borrowed == 0 {
                group.targets += 1;
                records[kept] = record;
                kept += 1;
            }
        }
        while records.len() > kept {
            records.pop();
        }
    }

    fn mark_records(&mut self) {
        for at in 0..self.records.len() {
            let record = self.records[at];
            let borrowed = self.groups.get(group_of(record)).is_none_or(|group| group.is_borrowed != 0);
            if !borrowed {
                self.outside[record as u32 as usize] = 1;
            }
        }
    }

    /// Step 3.
    unsafe fn look_outside(&mut self) {
        let Some(mut buffer) = Array::<u64>::zeros(WORDS) else {
            self.whole = false;
            return;
        };
        let own = buffer.as_ptr() as usize;
        let mut bytes = 0usize;
        let listed = mappings::each(|of| {
            if !is_looked_at(&of) || (of.start..of.end).contains(&own) {
                return true;
            }
            bytes = bytes.saturating_add(of.end - of.start);
            if bytes > BYTES_MAX {
                return false;
            }
            // Behind the variables of a file with values lie those without.
            let is_data = of.is_file || of.start == self.file_end;
            if of.is_file {
                self.file_end = of.end;
            }
            let is_stack = (of.start..of.end).contains(&(&raw const bytes as usize));
            self.here = match () {
                () if is_stack => Lies::Stack,
                () if is_data && of.is_writable => Lies::Data,
                () => Lies::Memory,
            };
            self.look_at(&of, &mut buffer);
            true
        });
        self.whole &= listed && bytes <= BYTES_MAX;
    }

    /// Looks through a piece, but for what of it is the engine's: of that only the objects of other heaps.
    unsafe fn look_at(&mut self, of: &Mapping, buffer: &mut Array<u64>) {
        let mut address = of.start;
        while address < of.end {
            let mut end = of.end.min(address + WORDS * size_of::<usize>());
            if range::contains(address) {
                let behind = address + SEGMENT_BYTES - range::offset_of(address) % SEGMENT_BYTES;
                end = end.min(behind);
                if range::committed_offset(address).is_none()
                    || (*range::segment_of(address)).owner() == (*self.heap).index
                {
                    address = of.end.min(behind);
                    continue;
                }
            } else if range::contains(end) {
                end = end.min(range::objects());
            }
            let (around, is_heap) = (self.here, range::contains(address));
            if is_heap {
                self.here = Lies::Heap;
            }
            let count = (end - address) / size_of::<usize>();
            // SAFETY: as many words, of the same size.
            let words = core::slice::from_raw_parts_mut(buffer.as_mut_ptr() as *mut usize, count);
            let read = mappings::read(address, words);
            for at in 0..read {
                self.address = address + at * size_of::<usize>();
                self.take(words[at]);
                // Code has addresses in the middle of words.
                if of.is_code && at + 1 < read {
                    for shift in 1..8 {
                        self.take(words[at] >> (8 * shift) | words[at + 1] << (64 - 8 * shift));
                    }
                }
            }
            self.here = around;
            address = end;
        }
    }

    /// A word from somewhere.
    #[inline(always)]
    unsafe fn take(&mut self, word: usize) {
        let address = word & ADDRESS_MASK;
        if range::contains(address) {
            self.take_address(address);
        }
    }

    #[inline(never)]
    unsafe fn take_address(&mut self, address: usize) {
        let query = self.query;
        let place = query.places.find(address).or_else(|| {
            // Of its middle, or with a tag in its low bits.
            let found = facts::of(address);
            if found.object.is_null() {
                return None;
            }
            query.places.find(found.object as usize)
        });
        let Some(place) = place else { return };
        let words = self.outside[place as usize];
        if words == 0 {
            return;
        }
        self.outside[place as usize] = words.saturating_add(1);
        if self.places_wanted {
            self.add(self.here, query.ty(place), self.address);
        }
    }

    /// Notes a place; words of variables that follow each other are one.
    fn add(&mut self, lies: Lies, to: *mut Type, address: usize) {
        let is_it = |of: &&mut Place| {
            let is_near = lies != Lies::Data || address.wrapping_sub(of.last) <= TABLE_GAP;
            (of.lies, of.to) == (lies as u64, to) && is_near
        };
        if let Some(of) = self.found.all().iter_mut().rev().find(is_it) {
            of.number += 1;
            of.last = address;
        } else if self.found.len() < PLACES_MAX {
            let at = if lies == Lies::Data { address } else { 0 };
            let place =
                Place { lies: lies as u64, to, number: 1, from: core::ptr::null_mut(), at, last: address };
            // Without memory it is not told.
            let _ = self.found.push(place);
        }
    }

    /// Step 4.
    unsafe fn count_alone(&mut self) {
        for at in 0..self.records.len() {
            let record = self.records[at];
            let alone = self.is_alone(record as u32);
            if let Some(group) = self.groups.get_mut(group_of(record)) {
                group.alone += alone as u64;
            }
        }
    }

    /// Whether nothing outside of the heap's objects leads to one, but for what its edges are.
    unsafe fn is_alone(&self, target: u32) -> bool {
        let words = self.outside[target as usize].saturating_sub(1) as usize;
        // The cell of its weak handles has its address, and holds nothing.
        let has_cell = header::has_flags(self.query.places.address(target), Flags::WEAK) as usize;
        words <= has_cell || words - has_cell <= self.edges_outside(target)
    }

    /// Edges to an object whose slots lie in no object of the heap: in vectors, and where a `traverse` finds them.
    unsafe fn edges_outside(&self, target: u32) -> usize {
        let query = self.query;
        let address = query.places.address(target) as usize;
        let sources = query.turned().of(target);
        let mut outside = 0;
        let mut at = 0;
        while at < sources.len() {
            let source = sources[at];
            let edges = sources[at..].iter().take_while(|&&other| other == source).count();
            at += edges;
            let obj = query.places.address(source);
            let words = object::size_of_object(obj) / size_of::<usize>();
            let inside = (0..words).filter(|&word| (obj as *const usize).add(word).read() == address).count();
            outside += edges.saturating_sub(inside);
        }
        outside
    }
}

/// Whether a host can have a reference in such a piece.
fn is_looked_at(of: &Mapping) -> bool {
    let can_be_written = of.is_writable || (of.is_code && !of.is_file);
    can_be_written && of.end - of.start <= PIECE_MAX
}
