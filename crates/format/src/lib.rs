//! What the engine and the tools that read its dumps have in common.
//!
//! | module | what it owns |
//! |---|---|
//! | this | the dump format as constants and codes: `docs/dump-format.md` says what everything means |
//! | [`block`] | what a running process shows to others |
//! | [`graph`] | algorithms over compact graphs |
//!
//! Nothing here allocates or knows of heaps. One line is unsafe: the prefetch of [`graph::search`], with which a search
//! that finds nothing in the caches takes half as long.
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![warn(missing_docs)]

pub mod block;
pub mod graph;

/// The first bytes of a dump.
pub const MAGIC: [u8; 8] = *b"\x89rcgc\r\n\x1a";
/// A reader refuses another major version.
pub const MAJOR: u16 = 1;
/// Larger ones only add.
pub const MINOR: u16 = 1;
/// Bytes before the first chunk.
pub const PREAMBLE_BYTES: usize = 64;
/// Bytes before a chunk's payload.
pub const CHUNK_HEAD_BYTES: usize = 24;
/// Names are cut at so many bytes.
pub const STRING_BYTES_MAX: usize = 32 << 10;
/// Bytes of a page in `PAGE`.
pub const PAGE_BYTES: u64 = 64 << 10;

/// Preamble: names are hashed.
pub const FLAG_HASHED: u64 = 1;
/// Preamble: a forked child wrote the file.
pub const FLAG_FORKED: u64 = 2;

/// A chunk's type.
pub type Tag = [u8; 4];
/// Strings.
pub const STRINGS: Tag = *b"STRS";
/// The heap and its books.
pub const HEAP: Tag = *b"HEAP";
/// Types.
pub const TYPES: Tag = *b"TYPE";
/// Where places lie.
pub const PAGES: Tag = *b"PAGE";
/// Objects with their edges.
pub const OBJECTS: Tag = *b"OBJS";
/// What the engine holds.
pub const HOLDERS: Tag = *b"HOLD";
/// The running totals of the profile.
pub const PROFILE: Tag = *b"PROF";
/// Sites with their counters.
pub const SITES: Tag = *b"SITE";
/// When which serial numbers were given.
pub const CLOCK: Tag = *b"BRTH";
/// Measured scopes.
pub const MEASURES: Tag = *b"SCOP";
/// Numbers over time.
pub const SAMPLES: Tag = *b"TIME";
/// What happened when.
pub const EVENTS: Tag = *b"EVNT";
/// References that are followed.
pub const FOLLOWED: Tag = *b"TOKN";
/// Sampled stacks.
pub const STACKS: Tag = *b"STAK";
/// What was allocated at them.
pub const SAMPLED: Tag = *b"SMPL";
/// Where code lies.
pub const MAPPINGS: Tag = *b"MAPS";
/// Where references from outside lie.
pub const WORDS: Tag = *b"WORD";
/// Totals.
pub const END: Tag = *b"END ";

/// Keys of `HEAP`.
pub mod heap_key {
    #![allow(missing_docs)]
    pub const PLACES: u64 = 1;
    pub const LIVE_OBJECTS: u64 = 2;
    pub const LIVE_BYTES: u64 = 3;
    pub const EXTERNAL_BYTES: u64 = 4;
    pub const HEAP_BYTES: u64 = 5;
    pub const HEAP_BYTES_PEAK: u64 = 6;
    pub const ALLOCATED: u64 = 7;
    pub const FREED: u64 = 8;
    pub const RECLAIMED: u64 = 9;
    /// The first of eight keys about full collections.
    pub const FULL: u64 = 10;
    /// The first of eight keys about young collections.
    pub const YOUNG: u64 = 20;
    pub const BASE: u64 = 30;
    pub const NUMBER: u64 = 31;
}

/// Keys of a type.
pub mod type_key {
    #![allow(missing_docs)]
    pub const SIZE: u64 = 1;
    pub const TAIL_SIZE: u64 = 2;
    pub const STRIDE: u64 = 3;
    pub const FLAGS: u64 = 4;
    pub const CALLBACKS: u64 = 5;
    pub const ALLOCATED: u64 = 6;
    pub const FREED: u64 = 7;
    pub const RECLAIMED: u64 = 8;
}

/// Bits of [`type_key::FLAGS`].
pub mod type_flag {
    #![allow(missing_docs)]
    pub const ACYCLIC: u64 = 1;
    pub const WEAK_MAP: u64 = 2;
    pub const TRACK: u64 = 4;
}

/// Bits of [`type_key::CALLBACKS`].
pub mod callback {
    #![allow(missing_docs)]
    pub const TRAVERSE: u64 = 1;
    pub const CLEAR: u64 = 2;
    pub const FINALIZE: u64 = 4;
    pub const DESTROY: u64 = 8;
}

/// Kinds and places of a group of slots; the numbers of `types::SlotKind` and `types::Place`.
pub mod group {
    #![allow(missing_docs)]
    pub const POINTER: u64 = 1;
    pub const TAGGED: u64 = 2;
    pub const VARIANT: u64 = 3;
    pub const WEAK: u64 = 4;
    pub const STRUCT: u64 = 1;
    pub const TAIL: u64 = 3;
    pub const VECTOR: u64 = 4;
}

/// Flags of an object.
pub mod object_flag {
    #![allow(missing_docs)]
    pub const TRACKED: u64 = 1;
    pub const YOUNG: u64 = 2;
    pub const FROZEN: u64 = 4;
    pub const FINALIZED: u64 = 8;
    pub const WEAK: u64 = 16;
    pub const DYING: u64 = 32;
    pub const HELD: u64 = 64;
    pub const QUEUED: u64 = 128;
    pub const IMMORTAL: u64 = 256;
}

/// Bits of a record's head, below the count.
pub mod head {
    #![allow(missing_docs)]
    pub const GAP: u64 = 1;
    pub const KIND: u64 = 2;
    pub const EXTRAS: u64 = 4;
    pub const COUNT_SHIFT: u32 = 3;
}

/// Bits of a record's extras.
pub mod extra {
    #![allow(missing_docs)]
    pub const EXTERNAL_BYTES: u64 = 1;
    pub const WEAK_HANDLES: u64 = 2;
    pub const SITE: u64 = 4;
    pub const SERIAL: u64 = 8;
}

/// Kinds of a frame of a stack.
pub mod frame {
    #![allow(missing_docs)]
    pub const ADDRESS: u64 = 0;
    pub const HOST: u64 = 1;
}

/// Keys of `SMPL`.
pub mod sample_key {
    #![allow(missing_docs)]
    pub const ALLOCATED_OBJECTS: u64 = 1;
    pub const ALLOCATED_BYTES: u64 = 2;
    pub const LIVE_OBJECTS: u64 = 3;
    pub const LIVE_BYTES: u64 = 4;
    pub const SAMPLES: u64 = 5;
}

/// Keys of `PROF`.
pub mod profile_key {
    #![allow(missing_docs)]
    pub const STARTED_NS: u64 = 1;
    pub const LIVE_OBJECTS: u64 = 2;
    pub const LIVE_BYTES: u64 = 3;
    pub const PEAK_BYTES: u64 = 4;
    pub const ALLOCATED_OBJECTS: u64 = 5;
    pub const ALLOCATED_BYTES: u64 = 6;
    pub const FREED_OBJECTS: u64 = 7;
    pub const FREED_BYTES: u64 = 8;
    pub const LOST_OBJECTS: u64 = 9;
    pub const OWN_BYTES: u64 = 10;
    pub const SCOPE_VIOLATIONS: u64 = 11;
    pub const SAMPLING_BYTES: u64 = 13;
    pub const STACK_MODE: u64 = 14;
    pub const LOST_CODE: u64 = 15;
}

/// As a value of `STACK_MODE`: by frame pointers, since libc cannot unwind.
pub const STACKS_WITHOUT_TABLES: u64 = 4;

/// Keys of a site.
pub mod site_key {
    #![allow(missing_docs)]
    pub const ALLOCATED_OBJECTS: u64 = 1;
    pub const ALLOCATED_BYTES: u64 = 2;
    pub const FREED_OBJECTS: u64 = 3;
    pub const FREED_BYTES: u64 = 4;
    pub const RECLAIMED_OBJECTS: u64 = 5;
    pub const PEAK_OBJECTS: u64 = 6;
    pub const PEAK_BYTES: u64 = 7;
    pub const EXTERNAL_BYTES: u64 = 8;
}

/// Keys of a measured scope.
pub mod measure_key {
    #![allow(missing_docs)]
    pub const ENTERED: u64 = 1;
    pub const ALLOCATED_OBJECTS: u64 = 2;
    pub const ALLOCATED_BYTES: u64 = 3;
    pub const FREED_OBJECTS: u64 = 4;
    pub const FREED_BYTES: u64 = 5;
    pub const SURVIVOR_OBJECTS: u64 = 6;
    pub const SURVIVOR_BYTES: u64 = 7;
    pub const PEAK_BYTES: u64 = 8;
    pub const DURATION_NS: u64 = 9;
}

/// Columns of a row of `TIME`.
pub const SAMPLE_COLUMNS: usize = 12;

/// What an event of `EVNT` is; the numbers of `series::What`.
pub mod happening {
    #![allow(missing_docs)]
    pub const YOUNG: u64 = 1;
    pub const FULL: u64 = 2;
    pub const ENTER: u64 = 3;
    pub const LEAVE: u64 = 4;
    pub const WATCH: u64 = 5;
}

/// Codes of a slot.
pub mod slot {
    #![allow(missing_docs)]
    pub const NOTHING: u64 = 0;
    pub const NOTHINGS: u64 = 1;
    pub const OTHER_HEAP: u64 = 2;
    pub const NO_OBJECT: u64 = 3;
    pub const FIRST_OBJECT: u64 = 4;
}

/// Holders of `HOLD`.
pub mod holder {
    #![allow(missing_docs)]
    pub const SCOPE: u64 = 1;
    pub const GARBAGE: u64 = 2;
    pub const FINALIZERS: u64 = 3;
}

/// Where a reference of `WORD` lies.
pub mod lies {
    #![allow(missing_docs)]
    pub const OBJECT: u64 = 1;
    pub const DATA: u64 = 2;
    pub const STACK: u64 = 3;
    pub const MEMORY: u64 = 4;
    pub const HEAP: u64 = 5;
    pub const NOWHERE: u64 = 6;
}

/// Keys of `END `.
pub mod end_key {
    #![allow(missing_docs)]
    pub const OBJECTS: u64 = 1;
    pub const EDGES: u64 = 2;
    pub const CHUNKS: u64 = 3;
    pub const BYTES: u64 = 4;
}

/// Most bytes of a number.
pub const NUMBER_BYTES_MAX: usize = 9;

/// A number as bytes, and how many of them.
#[inline(always)]
pub fn encode(value: u64) -> ([u8; 16], usize) {
    let (word, len) = if value < 1 << 6 {
        (u128::from(value << 2), 1)
    } else if value < 1 << 14 {
        (u128::from(value << 2 | 1), 2)
    } else if value < 1 << 22 {
        (u128::from(value << 2 | 2), 3)
    } else {
        encode_long(value)
    };
    (word.to_le_bytes(), len)
}

#[inline(never)]
fn encode_long(value: u64) -> (u128, usize) {
    let bits = u64::BITS - value.leading_zeros();
    let more = (bits + 5).div_ceil(8).saturating_sub(4);
    (u128::from(value) << 5 | u128::from(more << 2 | 3), 4 + more as usize)
}

/// The number that bytes begin with, and how many bytes it has. None when they end inside it, or begin with
/// what is no number.
#[inline(always)]
pub fn decode(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    match first & 3 {
        0 => Some((u64::from(first >> 2), 1)),
        1 => Some((u64::from(u16::from_le_bytes([first, *bytes.get(1)?])) >> 2, 2)),
        2 => Some((u64::from(u32::from_le_bytes([first, *bytes.get(1)?, *bytes.get(2)?, 0])) >> 2, 3)),
        _ => decode_long(first, bytes),
    }
}

#[inline(never)]
fn decode_long(first: u8, bytes: &[u8]) -> Option<(u64, usize)> {
    let len = 4 + usize::from(first >> 2 & 7);
    if len > NUMBER_BYTES_MAX {
        return None;
    }
    let mut word = [0u8; 16];
    word.get_mut(..len)?.copy_from_slice(bytes.get(..len)?);
    u64::try_from(u128::from_le_bytes(word) >> 5).ok().map(|value| (value, len))
}

/// A number that may be below zero: 2n, and 2 · -n - 1 below zero.
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The number that [`zigzag`] made this of.
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// How far it is from one place to another, as the number behind [`slot::FIRST_OBJECT`]: the shorter way
/// round a ring of `places`.
#[inline(always)]
pub fn distance(from: u64, to: u64, places: u64) -> u64 {
    let mut way = to.wrapping_sub(from) as i64;
    let half = (places / 2) as i64;
    if way > half {
        way -= places as i64;
    } else if way < -half {
        way += places as i64;
    }
    ((way << 1) ^ (way >> 63)) as u64
}

/// The place that lies a [`distance`] away. None when there is no such place.
#[inline(always)]
pub fn place_at(from: u64, distance: u64, places: u64) -> Option<u64> {
    let way = (distance >> 1) as i64 ^ -((distance & 1) as i64);
    let to = from.checked_add_signed(way).or_else(|| from.checked_add(places)?.checked_add_signed(way))?;
    let to = if to >= places { to - places } else { to };
    (to < places).then_some(to)
}

const CRC_POLYNOMIAL: u32 = 0x82f6_3b78;

const fn crc_table() -> [[u32; 256]; 8] {
    let mut table = [[0u32; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 != 0 { value >> 1 ^ CRC_POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[0][byte] = value;
        byte += 1;
    }
    let mut slice = 1;
    while slice < 8 {
        let mut byte = 0;
        while byte < 256 {
            let value = table[slice - 1][byte];
            table[slice][byte] = value >> 8 ^ table[0][(value & 255) as usize];
            byte += 1;
        }
        slice += 1;
    }
    table
}

static CRC_TABLE: [[u32; 256]; 8] = crc_table();

/// CRC-32C. `start` is 0, or the sum of the bytes before.
#[inline(never)]
pub fn crc32c(start: u32, bytes: &[u8]) -> u32 {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = &CRC_TABLE;
    let at = |table: &[u32; 256], byte: u32| table[(byte & 255) as usize];
    let mut sum = !start;
    let mut eights = bytes.chunks_exact(8);
    for eight in &mut eights {
        // Eight bytes at a time, each through the table of its distance from the end (Kounavis and Berry,
        // 2005).
        let &[a, b, c, d, e, f, g, h] = eight else { continue };
        let low = sum ^ u32::from_le_bytes([a, b, c, d]);
        let high = u32::from_le_bytes([e, f, g, h]);
        sum = at(t7, low)
            ^ at(t6, low >> 8)
            ^ at(t5, low >> 16)
            ^ at(t4, low >> 24)
            ^ at(t3, high)
            ^ at(t2, high >> 8)
            ^ at(t1, high >> 16)
            ^ at(t0, high >> 24);
    }
    for &byte in eights.remainder() {
        sum = sum >> 8 ^ at(t0, sum ^ u32::from(byte));
    }
    !sum
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) with a key of 64 bits and 64 zeros.
pub fn siphash(key: u64, bytes: &[u8]) -> u64 {
    let mut v = [
        key ^ 0x736f_6d65_7073_6575,
        0x646f_7261_6e64_6f6d,
        key ^ 0x6c79_6765_6e65_7261,
        0x7465_6462_7974_6573,
    ];
    let mut eights = bytes.chunks_exact(8);
    for eight in &mut eights {
        let word = eight.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        sip_word(&mut v, word);
    }
    let tail = eights.remainder().iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    sip_word(&mut v, tail | (bytes.len() as u64) << 56);
    v[2] ^= 0xff;
    for _ in 0..4 {
        sip_round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn sip_word(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

fn sip_round(v: &mut [u64; 4]) {
    let [mut a, mut b, mut c, mut d] = *v;
    a = a.wrapping_add(b);
    c = c.wrapping_add(d);
    b = b.rotate_left(13) ^ a;
    d = d.rotate_left(16) ^ c;
    a = a.rotate_left(32);
    c = c.wrapping_add(b);
    a = a.wrapping_add(d);
    b = b.rotate_left(17) ^ c;
    d = d.rotate_left(21) ^ a;
    c = c.rotate_left(32);
    *v = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_as_few_bytes_as_the_document_says() {
        let mut values = vec![0, 5, u64::MAX];
        for bits in 0..64 {
            values.extend([(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        }
        for value in values {
            let (bytes, len) = encode(value);
            assert_eq!(decode(&bytes[..len]), Some((value, len)), "{value}");
            for cut in 0..len {
                assert_eq!(decode(&bytes[..cut]), None, "{value} cut at {cut}");
            }
            let limits = [6, 14, 22, 27, 35, 43, 51, 59, 64];
            let expected = limits.iter().position(|&bits| bits == 64 || value < 1 << bits);
            assert_eq!(expected.map(|at| at + 1), Some(len), "{value}");
        }
        assert_eq!(&encode(5).0[..1], &[0x14]);
        assert_eq!(&encode(64).0[..2], &[1, 1]);
        assert_eq!(&encode(1 << 22).0[..4], &[3, 0, 0, 8]);
        assert_eq!(decode(&[0x1b; 16]), None, "k = 6");
        assert_eq!(decode(&[0xff; 16]), None, "k = 7");
    }

    #[test]
    fn every_place_is_found_by_its_distance_from_every_other() {
        for places in 1..40 {
            for from in 0..places {
                for to in 0..places {
                    let way = distance(from, to, places);
                    assert!(way <= places, "{from} to {to} of {places}");
                    assert_eq!(place_at(from, way, places), Some(to), "{from} to {to} of {places}");
                }
            }
        }
        assert_eq!(place_at(3, u64::MAX, 10), None);
        assert_eq!(place_at(3, u64::MAX - 1, 10), None);
        assert_eq!(place_at(u64::MAX, 4, u64::MAX), None);
    }

    #[test]
    fn sums_are_those_of_the_published_examples() {
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(0, &[0xff; 32]), 0x62a8_ab43);
        let text = b"The quick brown fox jumps over the lazy dog";
        for cut in 0..text.len() {
            let (first, rest) = text.split_at(cut);
            assert_eq!(crc32c(crc32c(0, first), rest), crc32c(0, text));
        }
    }

    #[test]
    fn names_are_hashed_as_by_another_siphash() {
        use std::hash::Hasher;
        for key in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            for len in 0..40 {
                let name: Vec<u8> = (0..len).collect();
                #[allow(deprecated)] // the one that is SipHash-2-4
                let mut other = std::hash::SipHasher::new_with_keys(key, 0);
                other.write(&name);
                assert_eq!(siphash(key, &name), other.finish(), "{len} bytes");
            }
        }
    }
}
