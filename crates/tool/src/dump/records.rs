//! The records of `OBJS`, one after the other, as calls of a [`Sink`]. Checks everything that can be checked
//! without knowing the other records.
//!
//! Time and memory are bounded by the bytes that are read: a run of slots that refer to nothing is passed
//! over as one, whatever length it says.

use super::chunks::Frame;
use super::error::ReadError;
use super::model::{Dump, Type};
use super::numbers::{NoNumber, Numbers};
use super::tables::check_string;
use rcgc_format::{self as format, extra, group, head, object_flag, slot};
use std::collections::HashMap;

/// Where a slot leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Place(u64),
    OtherHeap,
    NoObject,
}

/// What names the edge that is told.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// A declared field, and the element if it has several.
    Declared { field: u32, index: Option<u64> },
    /// What a `traverse` said: name, index.
    Reported { name: u64, index: Option<u64> },
    /// The value of a weak map's entry.
    Value { index: u64 },
}

/// The first part of a record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head {
    pub place: u64,
    pub kind: u32,
    pub flags: u64,
    pub count: u64,
    pub external: Option<u64>,
    pub handles: Option<u64>,
    pub site: Option<u64>,
    pub serial: Option<u64>,
    pub length: Option<u64>,
}

/// Takes records apart. The calls for one object: `object`, its edges, `end`; after a cut there is no `end`.
pub trait Sink {
    fn object(&mut self, head: &Head) -> Result<(), String>;
    fn edge(&mut self, told: Told, target: Target) -> Result<(), String>;
    fn weak_edge(&mut self, told: Told, target: Target) -> Result<(), String>;
    fn end(&mut self) {}
}

/// Reads all records of a dump.
pub struct Records<'a> {
    numbers: Numbers<'a>,
    dump: &'a Dump,
    /// From numbers of types to places in `dump.types`.
    kinds: HashMap<u64, u32>,
    /// The place that the next record has if its gap is 0.
    next: u64,
    /// Type and flags of the record before; None at the start of a chunk.
    last: Option<(u32, u64)>,
    /// A record has begun.
    inside: bool,
    lengths: Vec<u64>,
}

impl<'a> Records<'a> {
    pub fn new(bytes: &'a [u8], frame: &'a Frame, dump: &'a Dump) -> Records<'a> {
        let kinds = dump.types.iter().zip(0..).map(|(kind, index)| (kind.number, index)).collect();
        let numbers = Numbers::new(bytes, frame, format::OBJECTS);
        Records { numbers, dump, kinds, next: 0, last: None, inside: false, lengths: Vec::new() }
    }

    /// Where the next number is.
    pub fn offset(&self) -> u64 {
        self.numbers.offset()
    }

    /// Reads one record. False: there is none, or only a part of one in a cut file.
    pub fn read(&mut self, sink: &mut impl Sink) -> Result<bool, ReadError> {
        match self.record(sink) {
            Ok(()) => {
                sink.end();
                Ok(true)
            }
            Err(NoNumber::End) if self.inside && self.dump.is_whole => {
                let what = "the last chunk OBJS ends inside a record";
                Err(ReadError::new(self.numbers.offset(), what))
            }
            Err(NoNumber::End) => Ok(false),
            Err(NoNumber::Wrong(error)) => Err(error),
        }
    }

    /// The next number; a new chunk begins with two of its own.
    #[inline(always)]
    fn number(&mut self) -> Result<u64, NoNumber> {
        while self.numbers.is_at_end() {
            self.begin_chunk()?;
        }
        Ok(self.numbers.here()?)
    }

    fn begin_chunk(&mut self) -> Result<(), NoNumber> {
        if !self.numbers.next_chunk() {
            return Err(NoNumber::End);
        }
        let goes_on = self.numbers.here()?;
        let place = self.numbers.here()?;
        if goes_on != u64::from(self.inside) {
            return Err(self.numbers.wrong("the chunk does not go on where the one before ended"));
        }
        if self.inside && Some(place) != self.next.checked_sub(1) {
            return Err(self
                .numbers
                .wrong(format!("the chunk goes on with place {place}, not the one before")));
        }
        if !self.inside {
            if place < self.next {
                return Err(self.numbers.wrong(format!("place {place} is behind the chunk before")));
            }
            self.next = place;
        }
        self.last = None;
        Ok(())
    }

    fn told(&self, result: Result<(), String>) -> Result<(), NoNumber> {
        result.map_err(|what| self.numbers.wrong(what))
    }

    fn record(&mut self, sink: &mut impl Sink) -> Result<(), NoNumber> {
        self.inside = false;
        let first = self.number()?;
        self.inside = true;
        let mut record = self.head(first)?;
        let dump = self.dump;
        let kind = &dump.types[record.kind as usize];
        let is_dying = record.flags & object_flag::DYING != 0;
        if !is_dying && kind.tail_size != 0 {
            record.length = Some(self.number()?);
        }
        self.told(sink.object(&record))?;
        if is_dying {
            return Ok(());
        }
        self.slots(kind, &record, sink)?;
        if kind.has_traverse() {
            self.reports(&record, sink)?;
        }
        if kind.is_weak_map() {
            self.entries(&record, sink)?;
        }
        Ok(())
    }

    fn head(&mut self, first: u64) -> Result<Head, NoNumber> {
        let gap = if first & head::GAP != 0 { self.number()?.checked_add(1) } else { Some(0) };
        let place =
            gap.and_then(|gap| self.next.checked_add(gap)).filter(|&place| place < self.dump.books.places);
        let Some(place) = place else {
            return Err(self
                .numbers
                .wrong(format!("a place behind the last one, {}", self.dump.books.places)));
        };
        self.next = place + 1;
        let (kind, flags) = if first & head::KIND != 0 {
            let number = self.number()?;
            let flags = self.number()?;
            match self.kinds.get(&number) {
                Some(&kind) => (kind, flags),
                None => return Err(self.numbers.wrong(format!("type {number} is not defined"))),
            }
        } else {
            match self.last {
                Some(last) => last,
                None => return Err(self.numbers.wrong("the first record of a chunk has no type")),
            }
        };
        self.last = Some((kind, flags));
        let mut record = Head { place, kind, flags, count: first >> head::COUNT_SHIFT, ..Head::default() };
        if first & head::EXTRAS != 0 {
            let extras = self.number()?;
            for bit in (0..64).map(|bit| 1u64 << bit).filter(|bit| extras & bit != 0) {
                let value = self.number()?;
                match bit {
                    extra::EXTERNAL_BYTES => record.external = Some(value),
                    extra::WEAK_HANDLES => record.handles = Some(value),
                    extra::SITE => record.site = Some(value),
                    extra::SERIAL => record.serial = Some(value),
                    _ => {}
                }
            }
        }
        Ok(record)
    }

    fn target(&self, code: u64, from: u64) -> Result<Target, NoNumber> {
        let places = self.dump.books.places;
        match code {
            slot::OTHER_HEAP => Ok(Target::OtherHeap),
            slot::NO_OBJECT => Ok(Target::NoObject),
            slot::FIRST_OBJECT.. => match format::place_at(from, code - slot::FIRST_OBJECT, places) {
                Some(place) => Ok(Target::Place(place)),
                None => Err(self.numbers.wrong(format!("a reference leads out of the {places} places"))),
            },
            _ => Err(self.numbers.wrong(format!("code {code} cannot be here"))),
        }
    }

    fn slots(&mut self, kind: &Type, record: &Head, sink: &mut impl Sink) -> Result<(), NoNumber> {
        let mut lengths = std::mem::take(&mut self.lengths);
        lengths.clear();
        for group in &kind.groups {
            lengths.push(match group.place {
                group::STRUCT => group.slots,
                group::TAIL => record.length.unwrap_or(0),
                _ => self.number()?,
            });
        }
        let mut nothings = 0u64;
        for (group, &length) in kind.groups.iter().zip(&lengths) {
            let single = group.place == group::STRUCT && group.slots == 1;
            let mut at = 0;
            while at < length {
                // A run may begin in one group and end in another.
                let passed = nothings.min(length - at);
                nothings -= passed;
                at += passed;
                if at == length {
                    break;
                }
                let code = self.number()?;
                match code {
                    slot::NOTHING => at += 1,
                    slot::NOTHINGS => match self.number()?.checked_add(2) {
                        Some(run) => nothings = run,
                        None => return Err(self.numbers.wrong("a run of slots is longer than can be")),
                    },
                    _ => {
                        let target = self.target(code, record.place)?;
                        let index = (!single).then_some(at);
                        let told = Told::Declared { field: group.field, index };
                        let result = match group.kind {
                            group::WEAK => sink.weak_edge(told, target),
                            _ => sink.edge(told, target),
                        };
                        self.told(result)?;
                        at += 1;
                    }
                }
            }
        }
        self.lengths = lengths;
        if nothings != 0 {
            return Err(self.numbers.wrong("a run of slots goes on behind the last slot"));
        }
        Ok(())
    }

    fn reports(&mut self, record: &Head, sink: &mut impl Sink) -> Result<(), NoNumber> {
        loop {
            let code = self.number()?;
            if code == slot::NOTHING {
                return Ok(());
            }
            let target = self.target(code, record.place)?;
            let named = self.number()?;
            let name = check_string(named >> 1, &self.numbers, self.dump)?;
            let index = if named & 1 != 0 { Some(self.number()?) } else { None };
            let result = sink.edge(Told::Reported { name, index }, target);
            self.told(result)?;
        }
    }

    fn entries(&mut self, record: &Head, sink: &mut impl Sink) -> Result<(), NoNumber> {
        for index in 0.. {
            let code = self.number()?;
            if code == slot::NOTHING {
                break;
            }
            let key = self.target(code, record.place)?;
            let code = self.number()?;
            let value = self.target(code, record.place)?;
            let told = Told::Value { index };
            let result = sink.weak_edge(told, key).and_then(|()| sink.edge(told, value));
            self.told(result)?;
        }
        Ok(())
    }
}
