//! All chunks but those of objects, profile and series.

use super::chunks::Frame;
use super::error::ReadError;
use super::model::{Collections, Dump, Field, Group, Holder, Lies, Page, Type, Word};
use super::numbers::{each_record, NoNumber, Numbers};
use rcgc_format::{self as format, end_key, group, heap_key, lies, type_key, Tag};
use std::collections::HashMap;

/// The types of chunks that this reader knows.
pub const KNOWN: [Tag; 18] = [
    format::STRINGS,
    format::HEAP,
    format::TYPES,
    format::PAGES,
    format::OBJECTS,
    format::HOLDERS,
    format::PROFILE,
    format::SITES,
    format::CLOCK,
    format::MEASURES,
    format::SAMPLES,
    format::EVENTS,
    format::FOLLOWED,
    format::STACKS,
    format::SAMPLED,
    format::MAPPINGS,
    format::WORDS,
    format::END,
];

/// `STRS`.
pub fn read_strings(bytes: &[u8], frame: &Frame, dump: &mut Dump) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, frame, format::STRINGS);
    while numbers.next_chunk() {
        let at = numbers.offset();
        let first = numbers.here()?;
        if first != dump.strings.len() as u64 + 1 {
            let expected = dump.strings.len() + 1;
            return Err(ReadError::new(at, format!("string {first} where string {expected} must be")));
        }
        while !numbers.is_at_end() {
            let len = numbers.here()?;
            dump.strings.push(numbers.bytes(len)?);
        }
    }
    Ok(())
}

/// A string's number, which must be one that was defined.
pub fn string(numbers: &mut Numbers<'_>, dump: &Dump) -> Result<u64, NoNumber> {
    let number = numbers.more()?;
    check_string(number, numbers, dump)
}

/// As [`string`], for a number that was read.
pub fn check_string(number: u64, numbers: &Numbers<'_>, dump: &Dump) -> Result<u64, NoNumber> {
    match usize::try_from(number) {
        Ok(index) if index <= dump.strings.len() => Ok(number),
        _ => Err(numbers.wrong(format!("string {number} is not defined"))),
    }
}

/// `HEAP`.
pub fn read_books(bytes: &[u8], frame: &Frame, dump: &mut Dump) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, frame, format::HEAP);
    let mut found = 0;
    each_record(&mut numbers, |numbers, name| {
        found += 1;
        if found > 1 {
            return Err(numbers.wrong("a second heap: a dump has one"));
        }
        let mut books = std::mem::take(&mut dump.books);
        books.name = check_string(name, numbers, dump)?;
        books.label = string(numbers, dump)?;
        numbers.pairs(|key, value| match key {
            heap_key::PLACES => books.places = value,
            heap_key::LIVE_OBJECTS => books.live_objects = value,
            heap_key::LIVE_BYTES => books.live_bytes = value,
            heap_key::EXTERNAL_BYTES => books.external_bytes = value,
            heap_key::HEAP_BYTES => books.heap_bytes = value,
            heap_key::HEAP_BYTES_PEAK => books.heap_bytes_peak = value,
            heap_key::ALLOCATED => books.allocated = value,
            heap_key::FREED => books.freed = value,
            heap_key::RECLAIMED => books.reclaimed = value,
            heap_key::BASE => books.base = value,
            heap_key::NUMBER => books.number = value,
            heap_key::FULL..heap_key::YOUNG => collections(&mut books.full, key - heap_key::FULL, value),
            heap_key::YOUNG..heap_key::BASE => collections(&mut books.young, key - heap_key::YOUNG, value),
            _ => {}
        })?;
        dump.books = books;
        Ok(())
    })
}

fn collections(of: &mut Collections, key: u64, value: u64) {
    let places = [
        &mut of.runs,
        &mut of.examined,
        &mut of.reclaimed,
        &mut of.resurrected,
        &mut of.refused,
        &mut of.pause_ns_total,
        &mut of.pause_ns_max,
        &mut of.pause_ns_last,
    ];
    if let Some(place) = places.into_iter().nth(key as usize) {
        *place = value;
    }
}

/// `TYPE`.
pub fn read_types(bytes: &[u8], frame: &Frame, dump: &mut Dump) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, frame, format::TYPES);
    let mut seen = std::collections::HashSet::new();
    each_record(&mut numbers, |numbers, number| {
        let mut kind = Type { number, ..Type::default() };
        kind.name = string(numbers, dump)?;
        numbers.pairs(|key, value| match key {
            type_key::SIZE => kind.size = value,
            type_key::TAIL_SIZE => kind.tail_size = value,
            type_key::STRIDE => kind.stride = value,
            type_key::FLAGS => kind.flags = value,
            type_key::CALLBACKS => kind.callbacks = value,
            type_key::ALLOCATED => kind.allocated = value,
            type_key::FREED => kind.freed = value,
            type_key::RECLAIMED => kind.reclaimed = value,
            _ => {}
        })?;
        for _ in 0..numbers.more()? {
            let name = string(numbers, dump)?;
            let shape = numbers.more()?;
            let slots = numbers.more()?;
            let (of, place) = (shape & 7, shape >> 3);
            let known = (group::POINTER..=group::WEAK).contains(&of)
                && [group::STRUCT, group::TAIL, group::VECTOR].contains(&place);
            if !known {
                return Err(numbers.wrong(format!("a field of shape {shape} is not known")));
            }
            let field = dump.fields.len() as u32;
            kind.groups.push(Group { field, kind: of, place, slots });
            dump.fields.push(Field { name });
        }
        if !seen.insert(number) {
            return Err(numbers.wrong(format!("type {number} is there twice")));
        }
        dump.types.push(kind);
        Ok(())
    })
}

/// `PAGE`.
pub fn read_pages(bytes: &[u8], frame: &Frame, dump: &mut Dump) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, frame, format::PAGES);
    let (mut index, mut first) = (0u64, 0u64);
    let base = dump.books.base;
    let places = dump.books.places;
    each_record(&mut numbers, |numbers, gap| {
        let stride = numbers.more()?;
        let count = numbers.more()?;
        let (blocks, units, unit) =
            if stride == 0 { (1, count, format::PAGE_BYTES) } else { (count, stride, 16) };
        let page = index.checked_add(gap).and_then(|index| {
            let address = base.checked_add(index.checked_mul(format::PAGE_BYTES)?)?;
            // The end of the page's blocks must be an address, too.
            let block_bytes = units.checked_mul(unit)?;
            address.checked_add(block_bytes.checked_mul(blocks)?)?.checked_add(16)?;
            Some((index, Page { first, address, blocks, block_bytes }))
        });
        let Some((at, page)) = page.filter(|(_, page)| page.block_bytes != 0) else {
            return Err(numbers.wrong("a page lies where no memory can be"));
        };
        let next = first.checked_add(blocks).filter(|&next| next <= places);
        let Some(next) = next else {
            return Err(numbers.wrong(format!("the pages have more places than the heap's {places}")));
        };
        first = next;
        index = at + 1;
        dump.pages.push(page);
        Ok(())
    })?;
    if frame.is_whole && first != places {
        let what = format!("the pages have {first} places, the heap {places}");
        return Err(ReadError::new(numbers.offset(), what));
    }
    Ok(())
}

/// `HOLD`.
pub fn read_holders(bytes: &[u8], frame: &Frame, dump: &mut Dump) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, frame, format::HOLDERS);
    each_record(&mut numbers, |numbers, kind| {
        let name = string(numbers, dump)?;
        let place = numbers.more()?;
        match dump.objects.place.binary_search(&place) {
            Ok(object) => dump.holders.push(Holder { kind, name, object: object as u32 }),
            Err(_) => return Err(numbers.wrong(format!("place {place}, which is held, has no object"))),
        }
        Ok(())
    })
}

/// `WORD`.
pub fn read_words(bytes: &[u8], frame: &Frame, dump: &mut Dump) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, frame, format::WORDS);
    let kinds: HashMap<u64, u32> = dump.types.iter().map(|of| of.number).zip(0..).collect();
    each_record(&mut numbers, |numbers, lies| {
        let undefined = |numbers: &Numbers, number| numbers.wrong(format!("type {number} is not defined"));
        let to = numbers.more()?;
        let &to = kinds.get(&to).ok_or_else(|| undefined(numbers, to))?;
        let number = numbers.more()?;
        let (where_, offset) = (numbers.more()?, numbers.more()?);
        let lies = match lies {
            lies::OBJECT => {
                let &kind = kinds.get(&where_).ok_or_else(|| undefined(numbers, where_))?;
                Lies::Object { kind, offset }
            }
            lies::DATA => Lies::Data { path: check_string(where_, numbers, dump)?, offset },
            lies::STACK => Lies::Stack,
            lies::MEMORY => Lies::Memory,
            lies::HEAP => Lies::Heap,
            lies::NOWHERE => Lies::Nowhere,
            _ => Lies::Elsewhere,
        };
        dump.words.push(Word { lies, to, number });
        Ok(())
    })
}

/// `END `.
pub fn check_totals(bytes: &[u8], frame: &Frame, dump: &Dump) -> Result<(), ReadError> {
    let mut numbers = Numbers::new(bytes, frame, format::END);
    if !numbers.next_chunk() {
        return Ok(());
    }
    let at = numbers.offset();
    let mut pairs = Vec::new();
    match numbers.pairs(|key, value| pairs.push((key, value))) {
        Ok(()) => {}
        Err(NoNumber::Wrong(error)) => return Err(error),
        Err(NoNumber::End) => return Err(ReadError::new(at, "the chunk END ends too early")),
    }
    let counted = dump.edges.targets.len() + dump.edges.outer.len();
    let found = [
        (end_key::OBJECTS, dump.len() as u64, "objects"),
        (end_key::EDGES, counted as u64, "counted references"),
        (end_key::CHUNKS, frame.chunks.len() as u64 - 1, "chunks"),
        (end_key::BYTES, at - format::CHUNK_HEAD_BYTES as u64, "bytes"),
    ];
    for (key, found, what) in found {
        match pairs.iter().find(|(of, _)| *of == key) {
            Some((_, said)) if *said != found => {
                return Err(ReadError::new(at, format!("{said} {what} were written, {found} are there")))
            }
            _ => {}
        }
    }
    Ok(())
}
