//! pprof's profile.proto, compressed with gzip.
//!
//! Values are of the whole, not of the sample: they were divided by each sample's probability before they
//! were summed. Locations are leaf first. A mapping says that functions, files and lines are known, so that
//! the reader does not look for the program; code that has no name here has a mapping that does not.

use super::speedscope::total_of;
use super::stacks::{Of, Row, Stacks, Value};
use super::Written;
use crate::dump::Mapping;
use std::collections::HashMap;
use std::io::{self, Write};

/// Fields of `Profile`.
mod field {
    pub const SAMPLE_TYPE: u64 = 1;
    pub const SAMPLE: u64 = 2;
    pub const MAPPING: u64 = 3;
    pub const LOCATION: u64 = 4;
    pub const FUNCTION: u64 = 5;
    pub const STRING: u64 = 6;
    pub const TIME_NS: u64 = 9;
    pub const DURATION_NS: u64 = 10;
    pub const PERIOD_TYPE: u64 = 11;
    pub const PERIOD: u64 = 12;
    pub const DEFAULT_SAMPLE_TYPE: u64 = 14;
}

/// A message of protocol buffers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number; 0 is what a field has that is not there.
    fn number(&mut self, field: u64, value: u64) {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn packed(&mut self, field: u64, values: impl Iterator<Item = u64>) {
        let mut packed = Message::default();
        values.for_each(|value| packed.varint(value));
        self.bytes(field, &packed.0);
    }
}

/// The string table; the first string is the empty one.
struct Strings {
    all: Vec<String>,
    numbers: HashMap<String, u64>,
}

impl Strings {
    fn number(&mut self, text: &str) -> u64 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.all.len() as u64;
        self.all.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn value_type(&mut self, name: &str, unit: &str) -> Vec<u8> {
        let mut message = Message::default();
        message.number(1, self.number(name));
        message.number(2, self.number(unit));
        message.0
    }
}

/// Names of the values of a profile.
fn name_of(of: Of, value: Value) -> (&'static str, &'static str) {
    match (of, value) {
        (Of::Retention, Value::LiveObjects) => ("objects", "count"),
        (Of::Retention, _) => ("space", "bytes"),
        _ => value.name(),
    }
}

/// Writes stacks with all their values.
pub fn write(stacks: &Stacks, out: &mut dyn Write) -> io::Result<Written> {
    let mut strings = Strings { all: vec![String::new()], numbers: HashMap::from([(String::new(), 0)]) };
    let mut profile = Message::default();
    for &value in stacks.values() {
        let (name, unit) = name_of(stacks.of, value);
        let message = strings.value_type(name, unit);
        profile.bytes(field::SAMPLE_TYPE, &message);
    }
    let key = strings.number("type");
    for row in &stacks.rows {
        let message = sample(row, stacks.values(), key, &mut strings);
        profile.bytes(field::SAMPLE, &message.0);
    }
    mappings(stacks, &mut strings, &mut profile);
    locations(stacks, &mut strings, &mut profile);
    let preamble = &stacks.dump.preamble;
    let totals = stacks.dump.accounts.totals.unwrap_or_default();
    profile.number(field::TIME_NS, preamble.wall_clock_ns);
    if totals.started_ns != 0 {
        profile.number(field::DURATION_NS, preamble.monotonic_ns.saturating_sub(totals.started_ns));
    }
    let message = strings.value_type("space", "bytes");
    profile.bytes(field::PERIOD_TYPE, &message);
    let sampled = stacks.of == Of::Stacks;
    profile.number(field::PERIOD, if sampled { totals.sampling_bytes.max(1) } else { 1 });
    let default = strings.number(name_of(stacks.of, Value::LiveBytes).0);
    profile.number(field::DEFAULT_SAMPLE_TYPE, default);
    for text in &strings.all {
        profile.bytes(field::STRING, text.as_bytes());
    }
    let mut packed = flate2::write::GzEncoder::new(out, flate2::Compression::default());
    packed.write_all(&profile.0)?;
    packed.finish()?;
    let mut written = Written { warnings: stacks.warnings.clone(), ..Written::default() };
    for &value in stacks.values() {
        written.more.push((name_of(stacks.of, value).0, total_of(value, stacks.total(value))));
    }
    Ok(written)
}

/// A number that readers take for a signed one.
fn signed(value: u64) -> u64 {
    value.min(i64::MAX as u64)
}

fn sample(row: &Row, values: &[Value], key: u64, strings: &mut Strings) -> Message {
    let mut message = Message::default();
    message.packed(1, row.frames.iter().map(|&frame| u64::from(frame) + 1));
    message.packed(2, values.iter().map(|&value| signed(row.values[value as usize])));
    if let Some(kind) = &row.kind {
        let mut label = Message::default();
        label.number(1, key);
        label.number(2, strings.number(kind));
        message.bytes(3, &label.0);
    }
    message
}

/// The first mapping is that of frames with names; behind it those of code.
fn mappings(stacks: &Stacks, strings: &mut Strings, profile: &mut Message) {
    let dump = stacks.dump;
    let name = dump.text(dump.books.name).map_or("heap".to_owned(), |name| name.into_owned());
    let mut named = Message::default();
    named.number(1, 1);
    named.number(5, strings.number(&name));
    (7..=9).for_each(|flag| named.number(flag, 1));
    profile.bytes(field::MAPPING, &named.0);
    for (of, number) in stacks.mappings.iter().zip(2..) {
        let Mapping { start, bytes, offset, path, build_id } = *of;
        let mut message = Message::default();
        message.number(1, number);
        message.number(2, start);
        message.number(3, start.saturating_add(bytes));
        message.number(4, offset);
        message.number(5, strings.number(&dump.text(path).unwrap_or_default()));
        message.number(6, strings.number(&dump.text(build_id).unwrap_or_default()));
        profile.bytes(field::MAPPING, &message.0);
    }
}

/// A location and a function for each frame, both with its number.
fn locations(stacks: &Stacks, strings: &mut Strings, profile: &mut Message) {
    for (frame, number) in stacks.frames.iter().zip(1..) {
        let mut location = Message::default();
        location.number(1, number);
        let lies_in = |of: &Mapping| frame.address.wrapping_sub(of.start) < of.bytes;
        let mapping = stacks.mappings.iter().position(|of| frame.address != 0 && lies_in(of));
        if let Some(at) = mapping {
            location.number(2, at as u64 + 2);
            location.number(3, frame.address);
            profile.bytes(field::LOCATION, &location.0);
            continue;
        }
        location.number(2, 1);
        let mut line = Message::default();
        line.number(1, number);
        line.number(2, frame.line);
        location.bytes(4, &line.0);
        profile.bytes(field::LOCATION, &location.0);
        let mut function = Message::default();
        function.number(1, number);
        let name = strings.number(&frame.function);
        function.number(2, name);
        function.number(3, name);
        function.number(4, frame.file.as_deref().map_or(0, |file| strings.number(file)));
        profile.bytes(field::FUNCTION, &function.0);
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn numbers_are_those_of_protocol_buffers() {
        let mut message = Message::default();
        message.number(1, 150);
        message.number(2, 0);
        message.bytes(2, b"testing");
        message.packed(4, [3, 270, 86942].into_iter());
        let expected = b"\x08\x96\x01\x12\x07testing\x22\x06\x03\x8e\x02\x9e\xa7\x05";
        assert_eq!(message.0, expected);
    }
}
