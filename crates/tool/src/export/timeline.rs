//! One heap over time, from the series of one dump, or of several dumps of the heap: each dump is a moment,
//! too.

use crate::context::Failure;
use crate::dump::{Dump, Event, Moment, What};
use crate::output::names;

/// Something that happened, with its name.
#[derive(Clone, Debug)]
pub struct Happening {
    pub event: Event,
    /// Of a scope; empty: it has none.
    pub name: String,
}

/// See the head of this file. Times are those of the monotonic clock, in order.
pub struct Timeline<'a> {
    pub dumps: &'a [Dump],
    pub moments: Vec<Moment>,
    pub happenings: Vec<Happening>,
}

/// A stretch of time with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    pub name: String,
    pub from_ns: u64,
    pub to_ns: u64,
    /// Live bytes at its beginning and its end.
    pub from_bytes: u64,
    pub to_bytes: u64,
    /// Stretches around it.
    pub depth: usize,
}

impl<'a> Timeline<'a> {
    /// Puts the dumps together, which must be of one heap, the oldest first: see [`sort`].
    pub fn of(dumps: &'a [Dump]) -> Result<Timeline<'a>, Failure> {
        for pair in dumps.windows(2) {
            let [first, second] = pair else { continue };
            if !first.is_same_heap(second) {
                let what = format!("{} and {} are of different heaps", first.path, second.path);
                return Err(Failure::Usage(what));
            }
            if first.preamble.monotonic_ns > second.preamble.monotonic_ns {
                let what = format!("{} is older than {}: oldest first", second.path, first.path);
                return Err(Failure::Usage(what));
            }
        }
        let mut line = Timeline { dumps, moments: Vec::new(), happenings: Vec::new() };
        for dump in dumps {
            line.add(dump);
        }
        Ok(line)
    }

    /// Adds what is newer than all that is there.
    fn add(&mut self, dump: &Dump) {
        let last = self.moments.last().map_or(0, |of| of.time_ns);
        self.moments.extend(dump.accounts.moments.iter().filter(|of| of.time_ns > last));
        let now = moment_of(dump);
        let place = self.moments.partition_point(|of| of.time_ns <= now.time_ns);
        self.moments.insert(place, now);
        let last = self.happenings.last().map_or(0, |of| of.event.time_ns);
        for &event in dump.accounts.events.iter().filter(|of| of.time_ns > last) {
            let name = dump.text(event.name).map_or(String::new(), |name| names::line(&name));
            self.happenings.push(Happening { event, name });
        }
    }

    /// The first moment that is known.
    pub fn start_ns(&self) -> u64 {
        let first = |at: Option<u64>| at.unwrap_or(u64::MAX);
        let moment = first(self.moments.first().map(|of| of.time_ns));
        let begun = self.happenings.iter().map(|of| of.event.time_ns.saturating_sub(of.event.duration_ns));
        moment.min(first(begun.min()))
    }

    pub fn end_ns(&self) -> u64 {
        let last = self.moments.last().map_or(0, |of| of.time_ns);
        last.max(self.happenings.last().map_or(0, |of| of.event.time_ns))
    }

    /// The wall clock at a time, in nanoseconds since 1970.
    pub fn wall_ns(&self, time_ns: u64) -> u64 {
        let Some(preamble) = self.dumps.last().map(|dump| &dump.preamble) else { return 0 };
        preamble.wall_clock_ns.saturating_add(time_ns).saturating_sub(preamble.monotonic_ns)
    }

    /// Scopes from their beginning to their end, each before those inside it. One whose beginning was
    /// written over begins with the timeline, one that is open ends with it.
    pub fn scopes(&self) -> Vec<Stretch> {
        let (start, end) = (self.start_ns(), self.end_ns());
        // Scopes that were left and never entered are around everything.
        let mut open: Vec<usize> = Vec::new();
        let mut all: Vec<Stretch> = Vec::new();
        let mut depth = 0usize;
        for of in &self.happenings {
            match of.event.what {
                What::Enter => depth += 1,
                What::Leave if depth == 0 => {
                    all.insert(0, stretch(&of.name, start, end, 0));
                }
                What::Leave => depth -= 1,
                _ => {}
            }
        }
        let around = all.len();
        open.extend(0..around);
        for of in &self.happenings {
            let event = &of.event;
            match event.what {
                What::Enter => {
                    open.push(all.len());
                    all.push(stretch(&of.name, event.time_ns, end, event.live_bytes));
                }
                What::Leave => {
                    if let Some(at) = open.pop() {
                        (all[at].to_ns, all[at].to_bytes) = (event.time_ns, event.live_bytes);
                    }
                }
                _ => {}
            }
        }
        let mut ends: Vec<u64> = Vec::new();
        for (at, of) in all.iter_mut().enumerate() {
            if at >= around {
                ends.retain(|&end| end >= of.to_ns && end > of.from_ns);
            }
            of.depth = ends.len();
            ends.push(of.to_ns);
        }
        all
    }
}

/// Puts dumps into the order in which they were written, in which names (`app.10`, `app.2`) need not be.
pub fn sort(dumps: &mut [Dump]) {
    dumps.sort_by_key(|dump| dump.preamble.monotonic_ns);
}

fn stretch(name: &str, from_ns: u64, to_ns: u64, bytes: u64) -> Stretch {
    let name = if name.is_empty() { "(unnamed)" } else { name };
    Stretch { name: name.to_owned(), from_ns, to_ns, from_bytes: bytes, to_bytes: bytes, depth: 0 }
}

/// The moment of a dump: the engine's numbers are exact, what the kernel says is not in it.
pub fn moment_of(dump: &Dump) -> Moment {
    let books = &dump.books;
    Moment {
        time_ns: dump.preamble.monotonic_ns,
        live_objects: books.live_objects,
        live_bytes: books.live_bytes,
        external_bytes: books.external_bytes,
        heap_bytes: books.heap_bytes,
        young_runs: books.young.runs,
        full_runs: books.full.runs,
        pause_ns_total: books.full.pause_ns_total.saturating_add(books.young.pause_ns_total),
        ..Moment::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(events: &[(What, u64, &str)]) -> Vec<(String, u64, u64, usize)> {
        let happening = |&(what, time_ns, name): &(What, u64, &str)| Happening {
            event: Event { what, time_ns, duration_ns: 0, live_bytes: time_ns, value: 0, name: 0 },
            name: name.to_owned(),
        };
        let happenings = events.iter().map(happening).collect();
        let moments =
            vec![Moment { time_ns: 1, ..Moment::default() }, Moment { time_ns: 99, ..Moment::default() }];
        let line = Timeline { dumps: &[], moments, happenings };
        line.scopes().into_iter().map(|of| (of.name, of.from_ns, of.to_ns, of.depth)).collect()
    }

    #[test]
    fn scopes_nest() {
        use What::{Enter, Leave};
        let found = scopes(&[(Enter, 10, "a"), (Enter, 20, "b"), (Leave, 30, "b"), (Leave, 40, "a")]);
        assert_eq!(found, [("a".to_owned(), 10, 40, 0), ("b".to_owned(), 20, 30, 1)]);
        let found = scopes(&[(Enter, 10, "a"), (Leave, 20, "a"), (Enter, 20, "b"), (Leave, 30, "b")]);
        assert_eq!(found, [("a".to_owned(), 10, 20, 0), ("b".to_owned(), 20, 30, 0)]);
    }

    #[test]
    fn scopes_that_are_cut_reach_the_borders() {
        use What::{Enter, Leave};
        let found = scopes(&[(Leave, 10, "inner"), (Enter, 20, "b"), (Leave, 30, "b"), (Leave, 40, "outer")]);
        let expected = [("outer", 1, 40, 0), ("inner", 1, 10, 1), ("b", 20, 30, 1)];
        assert_eq!(found, expected.map(|(name, from, to, depth)| (name.to_owned(), from, to, depth)));
        let found = scopes(&[(Enter, 20, "open"), (Enter, 30, "in"), (Leave, 40, "in")]);
        assert_eq!(found, [("open".to_owned(), 20, 99, 0), ("in".to_owned(), 30, 40, 1)]);
    }
}
