//! The reader: what was written is read, edge by edge; every cut opens to its last whole chunk; nothing that
//! is damaged makes it crash.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
pub mod builder;
mod damage;

use super::*;
use crate::heap::Heap;
use builder::{Builder, Field, Kind, Slot};
use rcgc_format::{group, object_flag};

/// splitmix64.
pub struct Random(pub u64);

impl Random {
    /// The seed of a test: printed, and taken back from RCGC_TEST_SEED.
    pub fn seeded(test: &str) -> Random {
        let given = std::env::var("RCGC_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = given.unwrap_or_else(|| clock.map_or(1, |clock| clock.as_nanos() as u64));
        println!("{test}: RCGC_TEST_SEED={seed}");
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

pub fn read_bytes(bytes: Vec<u8>) -> Result<Dump, ReadError> {
    read(bytes, "test", false, &Progress::hidden())
}

/// A random heap with every kind of field.
pub fn random_heap(random: &mut Random, objects: usize) -> Builder {
    let mut builder = Builder { chunk_bytes: 40 + random.below(400), ..Builder::default() };
    let field = |name: &str, kind, place, slots| Field { name: name.to_owned(), kind, place, slots };
    builder.kind("Node", &["left", "right"]);
    builder.kinds.push(Kind {
        name: "Every".to_owned(),
        tail_size: 8,
        fields: vec![
            field("array", group::POINTER, group::STRUCT, 5),
            field("word", group::TAGGED, group::STRUCT, 1),
            field("weak", group::WEAK, group::STRUCT, 1),
            field("items", group::VARIANT, group::VECTOR, 0),
            field("tail", group::POINTER, group::TAIL, 0),
        ],
        has_traverse: true,
        is_map: false,
    });
    builder.kinds.push(Kind { name: "Map".to_owned(), is_map: true, ..Kind::default() });
    builder.kinds.push(Kind { name: "Leaf".to_owned(), tail_size: 1, ..Kind::default() });
    for _ in 0..objects {
        let kind = random.below(4);
        let object = builder.object(kind);
        fill(random, &mut builder, object, objects);
    }
    let held: Vec<usize> = (0..objects).filter(|_| random.below(4) == 0).collect();
    builder.count(&held);
    if let Some(&first) = held.first() {
        builder.holders.push((1, "scope".to_owned(), first));
    }
    builder
}

fn fill(random: &mut Random, builder: &mut Builder, number: usize, objects: usize) {
    let kind = builder.objects[number].kind;
    let object = &mut builder.objects[number];
    let mut slot = || match random.below(8) {
        0..3 => Slot::Nothing,
        3 => Slot::Code(2),
        _ => Slot::Object(random.below(objects)),
    };
    match kind {
        0 => object.slots = vec![vec![slot()], vec![slot()]],
        1 => {
            let lengths = [5, 1, 1, number % 7, number % 11];
            object.slots = lengths.map(|length| (0..length).map(|_| slot()).collect()).into();
            object.tail = (number % 11) as u64;
            let target = Slot::Object(number);
            object.reports =
                vec![(target, "self".to_owned(), None), (target, format!("n{}", number % 3), Some(7))];
        }
        2 => object.entries = vec![(Slot::Object(number), Slot::Object((number + 1) % objects))],
        _ => object.tail = 100,
    }
    object.gap = [0, 0, 0, 1, 300][random.below(5)];
    object.external = [0, 0, 0, 1 << 40][random.below(4)];
    object.handles = [0, 0, 3][random.below(3)];
    object.flags = [object_flag::TRACKED, object_flag::TRACKED | object_flag::YOUNG][random.below(2)];
}

#[test]
fn what_was_written_is_read() {
    let mut random = Random::seeded("what_was_written_is_read");
    for _ in 0..200 {
        let objects = 1 + random.below(60);
        let builder = random_heap(&mut random, objects);
        let dump = read_bytes(builder.bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert!(dump.is_whole && dump.cut.is_none());
        assert_eq!(dump.len(), objects);
        assert_eq!(dump.text(dump.books.name).as_deref(), Some("built"));
        assert_eq!(dump.holders.len(), builder.holders.len());
        for (number, object) in builder.objects.iter().enumerate() {
            compare(&dump, &builder, number as u32, object);
        }
    }
}

fn compare(dump: &Dump, builder: &Builder, number: Object, object: &builder::Object) {
    let kind = &builder.kinds[object.kind];
    assert_eq!(dump.name_of_type_of(number), kind.name);
    assert_eq!(u64::from(dump.objects.count[number as usize]), object.count);
    assert_eq!(u64::from(dump.objects.flags[number as usize]), object.flags);
    assert_eq!(dump.external_of(number), object.external);
    assert_eq!(dump.handles_of(number), object.handles);
    assert_eq!(dump.length_of(number), (kind.tail_size != 0).then_some(object.tail));
    assert_eq!(dump.bytes_of(number), builder::STRIDE);
    let address = dump.address_of(number);
    assert_eq!(address % 16, 0);
    for inside in [0, 1, builder::STRIDE - 9] {
        assert_eq!(dump.object_at(address + inside), Some(number));
    }
    let mut expected = Vec::new();
    let mut weak = Vec::new();
    for (field, slots) in kind.fields.iter().zip(&object.slots) {
        for (at, slot) in slots.iter().enumerate() {
            let index = if field.place == group::STRUCT && field.slots == 1 { NO_INDEX } else { at as u32 };
            if let Slot::Object(to) = slot {
                let edge = (*to as Object, field.name.clone(), index);
                if field.kind == group::WEAK {
                    weak.push(edge)
                } else {
                    expected.push(edge)
                }
            }
        }
    }
    for (slot, name, index) in &object.reports {
        if let Slot::Object(to) = slot {
            expected.push((*to as Object, name.clone(), index.map_or(NO_INDEX, |index| index as u32)));
        }
    }
    for (at, (key, value)) in object.entries.iter().enumerate() {
        for (slot, edges) in [(key, &mut weak), (value, &mut expected)] {
            if let Slot::Object(to) = slot {
                edges.push((*to as Object, "entry".to_owned(), at as u32));
            }
        }
    }
    let named = |label: Label| (dump.field_name(label.field).into_owned(), label.index);
    let found: Vec<_> = dump.edges_of(number).map(|(to, label)| (to, named(label).0, label.index)).collect();
    assert_eq!(found, expected);
    let of = dump.edges.weak.iter().filter(|edge| edge.source == number);
    let found: Vec<_> = of.map(|edge| (edge.target, named(edge.label).0, edge.label.index)).collect();
    assert_eq!(found, weak);
}

#[test]
fn addresses_that_are_no_objects_are_none() {
    let mut builder = Builder::default();
    let node = builder.kind("Node", &["next"]);
    for gap in [0, 2, 0] {
        let object = builder.object(node);
        builder.objects[object].gap = gap;
    }
    let dump = read_bytes(builder.bytes()).expect("a dump");
    let [first, second] = [dump.address_of(0), dump.address_of(1)];
    assert_eq!(second - first, 3 * builder::STRIDE);
    assert_eq!(dump.object_at(first + builder::STRIDE), None, "a free block");
    assert_eq!(dump.object_at(first - 17), None, "before the first block");
    for address in [0, 1, u64::MAX, first + (1 << 30)] {
        assert_eq!(dump.object_at(address), None);
    }
}

/// Every prefix opens to its last whole chunk, and what it has is a part of the whole.
#[test]
fn every_cut_opens_to_its_last_whole_chunk() {
    let mut random = Random::seeded("every_cut_opens_to_its_last_whole_chunk");
    for _ in 0..4 {
        let objects = 40;
        let bytes = random_heap(&mut random, objects).bytes();
        let whole = read_bytes(bytes.clone()).expect("a dump");
        let frame = chunks::read(&bytes, false, |_| {}).expect("a frame");
        let mut least = 0;
        for len in 0..bytes.len() {
            let cut = read_bytes(bytes[..len].to_vec());
            if len < rcgc_format::PREAMBLE_BYTES {
                let error = cut.err().expect("no preamble");
                assert!(error.offset <= len as u64);
                continue;
            }
            let cut = cut.unwrap_or_else(|error| panic!("{len} of {}: {error}", bytes.len()));
            let last = frame.chunks.iter().map(|chunk| chunk.payload.end).rfind(|&end| end <= len);
            let expected = last.unwrap_or(rcgc_format::PREAMBLE_BYTES) as u64;
            assert!(!cut.is_whole);
            assert_eq!(cut.cut.as_ref().map(|error| error.offset), Some(expected));
            assert!(cut.len() >= least && cut.len() <= objects);
            least = cut.len();
            for object in cut.all() {
                assert_eq!(cut.address_of(object), whole.address_of(object));
                assert_eq!(cut.objects.count[object as usize], whole.objects.count[object as usize]);
                let missing = cut
                    .edges
                    .outer
                    .iter()
                    .filter(|edge| edge.source == object && edge.leads == Elsewhere::Unread);
                let all = whole.edges_of(object).count();
                assert_eq!(cut.edges_of(object).count() + missing.count(), all);
            }
            use_everything(&cut);
        }
        assert!(least == objects);
    }
}

/// Everything that is worked out from a dump can be worked out.
pub fn use_everything(dump: &Dump) {
    let heap = Heap::new(dump, Progress::hidden());
    let owners = heap.owners();
    let mut sum = 0u64;
    for object in dump.all() {
        sum = sum.wrapping_add(owners.retained[object as usize]);
        sum = sum.wrapping_add(dump.address_of(object)).wrapping_add(heap.outside(object) as u64);
        dump.name_of_type_of(object);
        for (_, label) in dump.edges_of(object) {
            crate::output::names::edge(dump, label);
        }
    }
    for object in dump.all() {
        sum = sum.wrapping_add(dump.age_ns_of(object).unwrap_or(0)).wrapping_add(dump.serial_of(object));
        sum = sum.wrapping_add(dump.site_of(object).map_or(0, |site| dump.accounts.sites[site].live_bytes()));
    }
    accounts::use_all(dump);
    std::hint::black_box(sum);
}

#[test]
fn retained_sizes_are_what_goes_with_an_object() {
    let mut builder = Builder::default();
    let node = builder.kind("Node", &["a", "b"]);
    for _ in 0..6 {
        builder.object(node);
    }
    // 0 -> 1 -> 2, 0 -> 3 -> 2, 2 -> 4, 5 -> 5
    for (from, field, to) in [(0, 0, 1), (0, 1, 3), (1, 0, 2), (3, 0, 2), (2, 0, 4), (5, 0, 5)] {
        builder.link(from, field, to);
    }
    builder.objects[4].external = 1000;
    builder.count(&[0]);
    let dump = read_bytes(builder.bytes()).expect("a dump");
    let heap = Heap::new(&dump, Progress::hidden());
    let owners = heap.owners();
    let one = builder::STRIDE;
    assert_eq!(owners.retained, [5 * one + 1000, one, 2 * one + 1000, one, one + 1000, one]);
    assert_eq!(owners.dominator[2], 0);
    assert!(heap.is_alive(4) && !heap.is_alive(5));
    assert_eq!(heap.outside(0), 1);
    assert_eq!(heap.outside(5), 0);
    assert_eq!(heap.total(), 6 * one + 1000);
}
