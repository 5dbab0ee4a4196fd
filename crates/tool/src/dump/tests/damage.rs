//! Damaged dumps: an error with an offset, never a crash.

use super::builder::{self, Builder};
use super::{random_heap, read_bytes, use_everything, Random};
use rcgc_format::{self as format, Tag};

/// The files to be damaged: random ones, and those of RCGC_TEST_DUMPS that are small.
fn seeds(random: &mut Random) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = (0..8).map(|size| random_heap(random, 1 + size * 5).bytes()).collect();
    seeds.push(Builder::default().bytes());
    if let Some(folder) = std::env::var_os("RCGC_TEST_DUMPS") {
        for entry in std::fs::read_dir(folder).expect("the folder of dumps").flatten() {
            if entry.metadata().is_ok_and(|facts| facts.len() < 4096) {
                seeds.push(std::fs::read(entry.path()).expect("a dump"));
            }
        }
        assert!(seeds.len() > 12);
    }
    seeds
}

fn rounds() -> usize {
    match std::env::var("RCGC_TEST_FULL").is_ok_and(|value| value != "0") {
        true => 2_000_000,
        false => 100_000,
    }
}

/// One byte that differs is found, wherever it is.
#[test]
fn every_changed_byte_is_an_error_with_an_offset() {
    let mut random = Random::seeded("every_changed_byte_is_an_error_with_an_offset");
    let seeds = seeds(&mut random);
    for _ in 0..rounds() {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 + random.below(255) as u8;
        let len = bytes.len() as u64;
        match read_bytes(bytes) {
            Ok(_) => panic!("byte {at} was changed, and nothing was found"),
            Err(error) => assert!(error.offset <= len, "{error}"),
        }
    }
}

/// Takes a file apart and puts it together with other payloads, and right checksums: what only the reader of
/// payloads can find.
fn change_payloads(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = bytes[..format::PREAMBLE_BYTES].to_vec();
    let mut chunks: Vec<(Tag, Vec<u8>)> = Vec::new();
    let mut at = format::PREAMBLE_BYTES;
    while at < bytes.len() {
        let tag: Tag = bytes[at..at + 4].try_into().expect("four bytes");
        let len = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().expect("eight bytes")) as usize;
        chunks.push((tag, bytes[at + 24..at + 24 + len].to_vec()));
        at += 24 + len;
    }
    let changes = 1 + random.below(3);
    for _ in 0..changes {
        if chunks.is_empty() {
            break;
        }
        let which = random.below(chunks.len());
        let other = chunks[random.below(chunks.len())].clone();
        let payload = &mut chunks[which].1;
        let place = random.below(payload.len().max(1)).min(payload.len());
        match random.below(9) {
            0 | 1 if !payload.is_empty() => payload[place] ^= 1 << random.below(8),
            2 | 3 if !payload.is_empty() => payload[place] = [0, 1, 2, 3, 0x17, 0xff][random.below(6)],
            4 => payload.truncate(place),
            5 => {
                let mut number = Vec::new();
                let value = [u64::MAX, 1 << 62, 1 << 32, u64::from(u32::MAX), 0][random.below(5)];
                builder::put(&mut number, value);
                payload.splice(place..place, number);
            }
            6 => payload.splice(place..place, other.1.iter().copied().take(20)).for_each(drop),
            7 => chunks[which].0 = other.0,
            8 => {
                chunks.swap_remove(which);
            }
            _ => {}
        }
    }
    for (tag, payload) in chunks {
        out.extend(builder::chunk(tag, &payload));
    }
    out
}

/// With right checksums, too, whatever is in the payloads is read or is an error with an offset; what was
/// read can be used.
#[test]
fn wrong_payloads_never_crash() {
    let mut random = Random::seeded("wrong_payloads_never_crash");
    let seeds = seeds(&mut random);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..rounds() {
        let seed = random.below(seeds.len());
        let before = random.0;
        let bytes = change_payloads(&seeds[seed], &mut random);
        let len = bytes.len() as u64;
        match read_bytes(bytes) {
            Ok(dump) => {
                use_everything(&dump);
                good += 1;
            }
            Err(error) => {
                assert!(error.offset <= len && !error.what.is_empty(), "{error}, random state {before}");
                bad += 1;
            }
        }
    }
    println!("{good} were read, {bad} were errors");
    assert!(good > 0 && bad > 0);
}

/// Numbers that promise more than a file can have cost neither time nor memory.
#[test]
fn promises_cost_nothing() {
    let mut builder = Builder::default();
    let kind = builder.kind("Node", &["a"]);
    builder.kinds[kind].fields[0].slots = u64::MAX;
    builder.object(kind);
    builder.objects[0].slots = vec![vec![]];
    let error = read_bytes(builder.bytes()).err().expect("slots that are not there");
    assert!(error.what.contains("OBJS"), "{error}");
    // A run over all of them, which is fine, and shorter than it says.
    let mut bytes = builder.bytes();
    let long = {
        let at = bytes.windows(4).position(|four| four == b"OBJS").expect("objects");
        let len = bytes[at + 8] as usize;
        let mut payload = bytes[at + 24..at + 24 + len].to_vec();
        for number in [1, u64::MAX - 2] {
            builder::put(&mut payload, number);
        }
        bytes.truncate(at);
        bytes.extend(builder::chunk(format::OBJECTS, &payload));
        bytes
    };
    let dump = read_bytes(long).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(dump.len(), 1);
}
