//! Chrome's trace events, as JSON: collections and scopes as slices, bytes and objects as counters, watches
//! as instants. Times are microseconds since the first moment that is known.

use super::timeline::Timeline;
use super::Written;
use crate::dump::What;
use crate::output::{names, Cell};
use serde_json::{json, Value as Json};
use std::io::{self, Write};

/// The heap is used by one thread at a time: one row of slices.
const THREAD: u64 = 1;

struct Events<'a> {
    out: &'a mut dyn Write,
    process: u64,
    start_ns: u64,
    count: u64,
}

impl Events<'_> {
    /// Writes one event; a time of none is that of what has none.
    fn put(&mut self, phase: &str, name: &str, time_ns: Option<u64>, more: Json) -> io::Result<()> {
        let mut event =
            json!({ "name": name, "cat": "rcgc", "ph": phase, "pid": self.process, "tid": THREAD });
        event["ts"] = json!(time_ns.map_or(0.0, |time| self.microseconds(time - self.start_ns)));
        if let Json::Object(more) = more {
            for (key, value) in more {
                event[key] = value;
            }
        }
        write!(self.out, "{}", if self.count == 0 { "" } else { ",\n" })?;
        serde_json::to_writer(&mut *self.out, &event)?;
        self.count += 1;
        Ok(())
    }

    fn microseconds(&self, nanoseconds: u64) -> f64 {
        nanoseconds as f64 / 1000.0
    }
}

/// Writes a timeline.
pub fn write(line: &Timeline, out: &mut dyn Write) -> io::Result<Written> {
    let Some(dump) = line.dumps.last() else { return Ok(Written::default()) };
    let heap = dump.text(dump.books.name).map_or("heap".to_owned(), |name| names::line(&name));
    writeln!(out, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
    let mut events = Events { out, process: dump.preamble.process, start_ns: line.start_ns(), count: 0 };
    let named = |name: &str| json!({ "args": { "name": name } });
    events.put("M", "process_name", None, named(&format!("rcgc heap {heap}")))?;
    events.put("M", "thread_name", None, named("heap"))?;
    let (scopes, collections) = put_slices(line, &mut events)?;
    for of in &line.moments {
        let counter = |args: Json| json!({ "args": args });
        let bytes = json!({ "live": of.live_bytes, "external": of.external_bytes });
        events.put("C", "bytes", Some(of.time_ns), counter(bytes))?;
        events.put("C", "objects", Some(of.time_ns), counter(json!({ "live": of.live_objects })))?;
        events.put("C", "pages", Some(of.time_ns), counter(json!({ "bytes": of.heap_bytes })))?;
        if of.resident_bytes != 0 {
            let resident = json!({ "resident": of.resident_bytes });
            events.put("C", "process", Some(of.time_ns), counter(resident))?;
        }
    }
    let count = events.count;
    writeln!(out, "\n]}}")?;
    let mut written = Written::default();
    written.more.push(("events", Cell::Count(count)));
    written.more.push(("collections", Cell::Count(collections)));
    written.more.push(("scopes", Cell::Count(scopes)));
    written.more.push(("samples", Cell::Count(line.moments.len() as u64)));
    Ok(written)
}

/// Slices in the order of their beginnings, what is around before what is inside; and instants.
fn put_slices(line: &Timeline, events: &mut Events) -> io::Result<(u64, u64)> {
    let mut slices: Vec<(u64, u64, String, Json)> = Vec::new();
    let scopes = line.scopes();
    for of in &scopes {
        let args = json!({ "live_bytes": of.from_bytes, "live_bytes_after": of.to_bytes });
        slices.push((of.from_ns, of.to_ns, of.name.clone(), args));
    }
    let mut collections = 0;
    for of in &line.happenings {
        let event = &of.event;
        let name = match event.what {
            What::Young => "young collection",
            What::Full => "full collection",
            What::Watch => {
                let args = json!({ "watch": event.value, "live_bytes": event.live_bytes });
                events.put("i", "watch", Some(event.time_ns), json!({ "s": "t", "args": args }))?;
                continue;
            }
            What::Enter | What::Leave => continue,
        };
        collections += 1;
        let args = json!({ "reclaimed": event.value, "live_bytes": event.live_bytes });
        let begun = event.time_ns.saturating_sub(event.duration_ns);
        slices.push((begun, event.time_ns, name.to_owned(), args));
    }
    slices.sort_by_key(|&(from, to, ..)| (from, std::cmp::Reverse(to)));
    for (from, to, name, args) in slices {
        let duration = events.microseconds(to.saturating_sub(from));
        events.put("X", &name, Some(from), json!({ "dur": duration, "args": args }))?;
    }
    Ok((scopes.len() as u64, collections))
}
