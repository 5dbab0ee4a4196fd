//! Folded stacks: "frame;frame;frame value", root first; what flame graphs are made of.

use super::stacks::{on_one_line, Stacks, Value};
use super::Written;
use crate::output::Cell;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes stacks with one of their values; equal stacks are one line.
pub fn write(stacks: &Stacks, value: Value, out: &mut dyn Write) -> io::Result<Written> {
    // A semicolon ends a frame.
    let name = |text: &str| on_one_line(text).replace(';', ":");
    let frames: Vec<String> = stacks.frames.iter().map(|frame| name(&frame.text())).collect();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in &stacks.rows {
        let mut line: Vec<String> =
            row.frames.iter().rev().map(|&frame| frames[frame as usize].clone()).collect();
        // Frames of ways name the types.
        line.extend(row.kind.iter().filter(|_| stacks.values().len() == Value::ALL.len()).map(|of| name(of)));
        let sum = lines.entry(line.join(";")).or_default();
        *sum = sum.saturating_add(row.values[value as usize]);
    }
    lines.retain(|_, value| *value != 0);
    for (line, value) in &lines {
        writeln!(out, "{line} {value}")?;
    }
    let total = lines.values().fold(0u64, |sum, value| sum.saturating_add(*value));
    let mut written = Written { warnings: stacks.warnings.clone(), ..Written::default() };
    written.more.push(("stacks", Cell::Count(lines.len() as u64)));
    written.more.push(("total", Cell::Count(total)));
    Ok(written)
}
