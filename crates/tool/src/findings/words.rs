//! Where references from outside lie, as the look at words found them when the dump was written.

use crate::dump::{Dump, Lies, Word};
use object::{Object as _, ObjectKind, ObjectSegment as _, ObjectSymbol as _};
use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

/// The places of the references to objects of these types; those first that say whose mistake it is.
pub fn of(dump: &Dump, kinds: &[u32]) -> Vec<Word> {
    let mut found: Vec<Word> = dump.words.iter().copied().filter(|of| kinds.contains(&of.to)).collect();
    let rank = |lies: Lies| match lies {
        Lies::Object { .. } => 0,
        Lies::Nowhere => 1,
        Lies::Data { .. } => 2,
        Lies::Heap => 3,
        Lies::Stack => 4,
        Lies::Memory => 5,
        Lies::Elsewhere => 6,
    };
    found.sort_by_key(|of| (rank(of.lies), Reverse(of.number)));
    found
}

/// The variable at a place of a program or library; None where its file is not here as it was when the dump was written.
pub fn variable(dump: &Dump, path: &str, offset: u64) -> Option<String> {
    let written = SystemTime::UNIX_EPOCH + Duration::from_nanos(dump.preamble.wall_clock_ns);
    if std::fs::metadata(path).ok()?.modified().ok()? > written {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let file = object::File::parse(&*bytes).ok()?;
    // A program that lies where it says is loaded at the first address of its own.
    let base = match file.kind() {
        ObjectKind::Executable => file.segments().map(|of| of.address()).min()? & !0xfff,
        _ => 0,
    };
    let address = base + offset;
    let is_it = |of: &object::Symbol| {
        let size = of.size().max(1);
        of.kind() == object::SymbolKind::Data && (of.address()..of.address() + size).contains(&address)
    };
    let symbol = file.symbols().chain(file.dynamic_symbols()).find(is_it)?;
    symbol.name().ok().map(str::to_owned)
}
