//! speedscope's own format: a profile for each value, all over the same frames.

use super::stacks::{on_one_line, Frame, Row, Stacks, Value};
use super::Written;
use crate::output::{names, Cell};
use serde_json::{json, Value as Json};
use std::io::{self, Write};

/// Writes stacks with all their values.
pub fn write(stacks: &mut Stacks, out: &mut dyn Write) -> io::Result<Written> {
    let with_types = stacks.values().len() == Value::ALL.len();
    let mut rows: Vec<Row> = std::mem::take(&mut stacks.rows);
    // What was made is the innermost frame.
    for row in rows.iter_mut().filter(|_| with_types) {
        if let Some(kind) = &row.kind {
            let frame = stacks.frame(Frame { function: kind.clone(), ..Frame::default() });
            row.frames.insert(0, frame);
        }
    }
    let frames: Vec<Json> = stacks.frames.iter().map(frame_of).collect();
    let mut written = Written { warnings: stacks.warnings.clone(), ..Written::default() };
    let mut profiles = Vec::new();
    for &value in stacks.values() {
        let (profile, total) = profile_of(&rows, value);
        profiles.push(profile);
        written.more.push((value.name().0, total_of(value, total)));
    }
    let dump = stacks.dump;
    let heap = dump.text(dump.books.name).map_or("heap".to_owned(), |name| names::line(&name));
    let all = json!({
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": concat!("rcgc ", env!("CARGO_PKG_VERSION")),
        "name": heap,
        "activeProfileIndex": profiles.len() - 1,
        "shared": { "frames": frames },
        "profiles": profiles,
    });
    stacks.rows = rows;
    serde_json::to_writer(&mut *out, &all)?;
    writeln!(out)?;
    Ok(written)
}

/// A total as a fact.
pub fn total_of(value: Value, total: u64) -> Cell {
    match value {
        Value::MadeObjects | Value::LiveObjects => Cell::Count(total),
        Value::MadeBytes | Value::LiveBytes => Cell::Bytes(total),
    }
}

fn frame_of(frame: &Frame) -> Json {
    let mut of = json!({ "name": on_one_line(&frame.function) });
    if let Some(file) = &frame.file {
        of["file"] = json!(on_one_line(file));
    }
    if frame.line != 0 {
        of["line"] = json!(frame.line);
    }
    of
}

fn profile_of(rows: &[Row], value: Value) -> (Json, u64) {
    let (mut samples, mut weights, mut total) = (Vec::new(), Vec::new(), 0u64);
    for row in rows.iter().filter(|row| row.values[value as usize] != 0) {
        // Root first.
        samples.push(row.frames.iter().rev().copied().collect::<Vec<u32>>());
        weights.push(row.values[value as usize]);
        total = total.saturating_add(row.values[value as usize]);
    }
    let (name, unit) = value.name();
    // The schema knows no unit for numbers of objects.
    let unit = if unit == "count" { "none" } else { unit };
    let profile = json!({
        "type": "sampled",
        "name": name,
        "unit": unit,
        "startValue": 0,
        "endValue": total,
        "samples": samples,
        "weights": weights,
    });
    (profile, total)
}
