//! What profile and series have, read from chunks made by hand.

use super::super::*;
use super::builder::{self, Builder};
use super::read_bytes;
use rcgc_format::{self as format, Tag};

/// Strings of these dumps, behind "built" and "by hand".
const STRINGS: [&str; 4] = ["server.c", "accept", "lib.so", "abcd"];
const FILE: u64 = 3;
const FUNCTION: u64 = 4;

fn payload(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    numbers.iter().for_each(|&number| builder::put(&mut bytes, number));
    bytes
}

fn with_chunks(chunks: &[(Tag, &[u64])]) -> Result<Dump, ReadError> {
    let mut builder = Builder { strings: STRINGS.map(str::to_owned).to_vec(), ..Builder::default() };
    builder.chunks = chunks.iter().map(|&(tag, numbers)| (tag, payload(numbers))).collect();
    read_bytes(builder.bytes())
}

fn error(tag: Tag, numbers: &[u64]) -> String {
    with_chunks(&[(tag, numbers)]).err().map_or("none".to_owned(), |error| error.what)
}

#[test]
fn sites_and_their_totals() {
    let site = [7, FILE, FUNCTION, 12, 0, 4, 1, 10, 2, 480, 3, 4, 4, 192, 3, 1, 2, 1];
    let dump = with_chunks(&[(format::PROFILE, &[3, 1, 50, 3, 288, 99, 5]), (format::SITES, &site)]).unwrap();
    let totals = dump.accounts.totals.unwrap();
    assert_eq!((totals.started_ns, totals.live_bytes), (50, 288));
    let [site] = &dump.accounts.sites[..] else { panic!("one site") };
    assert_eq!((site.number, site.live_objects(), site.live_bytes()), (7, 6, 288));
    assert_eq!(site.ages, [1, 2, 1]);
    assert_eq!(dump.place_text(site.place), "server.c:12");
    assert_eq!(dump.function_text(site.place), "accept");
    let plain = Place { file: 0, function: FUNCTION, line: 0 };
    assert_eq!(dump.function_text(plain), "accept (plain rc_new)");
}

#[test]
fn the_clock_knows_about_when() {
    let dump = with_chunks(&[(format::CLOCK, &[64, 3, 1000, 10, 20])]).unwrap();
    let clock = &dump.accounts.clock;
    let times = [1, 63, 64, 128, 1 << 40].map(|serial| clock.time_of(serial));
    assert_eq!(times, [Some(1000), Some(1000), Some(1010), Some(1030), Some(1030)]);
    assert_eq!(clock.time_of(0), None);
    assert_eq!(Clock::default().time_of(5), None);
}

#[test]
fn samples_and_events() {
    let zig = format::zigzag;
    let mut rows = vec![13];
    rows.extend([1000, 5, 160, 0, 65536, 4096, 0, 0, 1, 0, 30, 0, 77].map(zig));
    rows.extend([10, -2, -64, 0, 0, 100, 0, 0, 0, 1, 5, 1, 77].map(zig));
    let events = [3, zig(1000), 0, 160, 0, FUNCTION, 9, zig(1), 0, 0, 0, 0, 2, zig(4), 3, 96, 2, 0];
    let dump = with_chunks(&[(format::SAMPLES, &rows), (format::EVENTS, &events)]).unwrap();
    let [first, second] = &dump.accounts.moments[..] else { panic!("two samples") };
    assert_eq!(
        (first.time_ns, first.live_bytes, first.pause_ns_total, first.is_stale),
        (1000, 160, 30, false)
    );
    assert_eq!((second.time_ns, second.live_objects, second.live_bytes), (1010, 3, 96));
    assert_eq!((second.resident_bytes, second.full_runs, second.is_stale), (4196, 1, true));
    let [enter, full] = &dump.accounts.events[..] else { panic!("an unknown event is passed over") };
    assert_eq!((enter.what, enter.time_ns, enter.name), (What::Enter, 1000, FUNCTION));
    assert_eq!((full.what, full.time_ns, full.duration_ns, full.value), (What::Full, 1005, 3, 2));
}

#[test]
fn sampled_stacks() {
    let stack = [5, 2, 0, 0x7f01, 1, FUNCTION, FILE, 8];
    let sampled = [5, 0, 2, 2, 900, 5, 3];
    let dump = with_chunks(&[
        (format::STACKS, &stack),
        (format::SAMPLED, &sampled),
        (format::MAPPINGS, &[0x7f00, 4096, 0, 5, 6]),
    ])
    .unwrap();
    let told = Place { file: FILE, function: FUNCTION, line: 8 };
    assert_eq!(dump.accounts.stacks[0].frames, [Frame::Address(0x7f01), Frame::Told(told)]);
    assert_eq!((dump.accounts.sampled[0].made_bytes, dump.accounts.sampled[0].samples), (900, 3));
    assert_eq!(dump.text(dump.accounts.mappings[0].path).unwrap(), "lib.so");
}

#[test]
fn what_cannot_be_is_told() {
    assert!(error(format::SITES, &[7, 99, 0, 0, 0, 0, 0]).contains("string 99"));
    assert!(error(format::SITES, &[7, 0, 0, 0, 5, 0, 0]).contains("type 4"));
    assert!(error(format::SITES, &[7, 0, 0, 0, 0, 1, 3, 1, 0]).contains("more than it made"));
    assert!(error(format::SITES, &[7, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0]).contains("out of order"));
    assert!(error(format::SITES, &[7, 0, 0, 0, 0, 0, 1 << 40]).contains("ages"));
    assert!(error(format::PROFILE, &[0, 0]).contains("second profile"));
    assert!(error(format::SAMPLES, &[3]).contains("3 columns"));
    assert!(error(format::FOLLOWED, &[3, 0, 0, 0, 0, 0]).contains("place 3"));
    assert!(error(format::STACKS, &[1, 1, 2]).contains("frame 2"));
    assert!(error(format::SAMPLED, &[1, 0, 0]).contains("stack 1"));
    assert!(error(format::CLOCK, &[64, 3, 1000]).contains("ends inside"));
}

/// Every name, type and stack that is named is there.
pub fn use_all(dump: &Dump) {
    let all = &dump.accounts;
    for site in &all.sites {
        dump.place_text(site.place);
        dump.function_text(site.place);
        site.kind.map(|kind| dump.type_name(kind));
    }
    let names = all.scopes.iter().map(|of| of.name).chain(all.events.iter().map(|of| of.name));
    for name in names.chain(all.followed.iter().map(|of| of.tag)) {
        assert!(name == 0 || dump.text(name).is_some());
    }
    for sampled in &all.sampled {
        assert!((sampled.stack as usize) < all.stacks.len());
        sampled.kind.map(|kind| dump.type_name(kind));
    }
    for mapping in &all.mappings {
        assert!(mapping.path == 0 || dump.text(mapping.path).is_some());
    }
}
