//! Stacks with values: what pprof, folded text and speedscope show.
//!
//! Three kinds. *Sites*: one frame each, the place that made objects, exact. *Stacks*: what was sampled at
//! each call stack, as estimates of the whole. *Retention*: of each object the ways by which it is owned,
//! so that the sum over a frame is what it retains.

use super::retention;
use super::symbols::Symbols;
use super::{Part, Wanted};
use crate::context::Failure;
use crate::dump::{Dump, Frame as Sampled, Mapping, Place};
use crate::heap::Heap;
use crate::output::names;
use clap::ValueEnum;
use std::collections::HashMap;

/// What stacks are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Of {
    /// The places that made objects, exact: needs a profile.
    Sites,
    /// Sampled call stacks, as estimates: needs a profile that samples.
    Stacks,
    /// By what objects are owned: types and fields.
    Retention,
}

/// What is counted, in the order of [`Row::values`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Value {
    MadeObjects,
    MadeBytes,
    LiveObjects,
    LiveBytes,
}

impl Value {
    pub const ALL: [Value; 4] = [Value::MadeObjects, Value::MadeBytes, Value::LiveObjects, Value::LiveBytes];

    /// Go's name, and the unit.
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Value::MadeObjects => ("alloc_objects", "count"),
            Value::MadeBytes => ("alloc_space", "bytes"),
            Value::LiveObjects => ("inuse_objects", "count"),
            Value::LiveBytes => ("inuse_space", "bytes"),
        }
    }
}

/// A frame; names are as the host gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    pub function: String,
    pub file: Option<String>,
    pub line: u64,
    /// Of code that has no name here; 0: the frame has one.
    pub address: u64,
}

impl Frame {
    /// "accept (server.c:12)".
    pub fn text(&self) -> String {
        match &self.file {
            Some(file) => format!("{} ({file}:{})", self.function, self.line),
            None => self.function.clone(),
        }
    }
}

/// One stack.
#[derive(Clone, Debug)]
pub struct Row {
    /// Numbers of frames, leaf first.
    pub frames: Vec<u32>,
    pub kind: Option<String>,
    /// By [`Value`].
    pub values: [u64; 4],
}

/// All stacks of one kind.
pub struct Stacks<'a> {
    pub of: Of,
    pub dump: &'a Dump,
    pub frames: Vec<Frame>,
    pub rows: Vec<Row>,
    /// Of code, when there are addresses without names.
    pub mappings: &'a [Mapping],
    /// What the user must know of them.
    pub warnings: Vec<String>,
    numbers: HashMap<Frame, u32>,
}

impl Stacks<'_> {
    pub fn total(&self, value: Value) -> u64 {
        self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.values[value as usize]))
    }

    /// The values that this kind has.
    pub fn values(&self) -> &'static [Value] {
        match self.of {
            Of::Retention => &[Value::LiveObjects, Value::LiveBytes],
            _ => &Value::ALL,
        }
    }

    pub fn frame(&mut self, frame: Frame) -> u32 {
        let next = self.frames.len() as u32;
        let number = *self.numbers.entry(frame.clone()).or_insert(next);
        if number == next {
            self.frames.push(frame);
        }
        number
    }
}

/// The stacks that are asked for; without a wish the best that there are.
pub fn of<'a>(
    heap: &Heap<'a>,
    wish: Option<Of>,
    part: &Part,
    wanted: &Wanted,
) -> Result<Stacks<'a>, Failure> {
    let dump = heap.dump;
    let accounts = &dump.accounts;
    let of = wish.unwrap_or(match () {
        () if !accounts.sampled.is_empty() => Of::Stacks,
        () if accounts.counts_sites() => Of::Sites,
        () => Of::Retention,
    });
    let refuse = |what: &str| Err(Failure::Usage(format!("{}: {what}", dump.path)));
    let mut stacks = Stacks {
        of,
        dump,
        frames: Vec::new(),
        rows: Vec::new(),
        mappings: &[],
        warnings: Vec::new(),
        numbers: HashMap::new(),
    };
    match of {
        Of::Sites | Of::Stacks if !wanted.is_everything() => {
            return refuse("--only, --root and --min-retained choose objects: they need --of retention")
        }
        Of::Sites if accounts.totals.is_none() => return refuse("the heap was not profiled: no sites"),
        Of::Sites if !accounts.counts_sites() => return refuse("the profile samples stacks alone: no sites"),
        Of::Stacks if accounts.sampled.is_empty() => return refuse("no stacks were sampled"),
        Of::Sites => add_sites(&mut stacks),
        Of::Stacks => add_sampled(&mut stacks),
        Of::Retention => retention::add(heap, part, &mut stacks),
    }
    Ok(stacks)
}

fn frame_of(dump: &Dump, place: Place) -> Frame {
    let file = dump.text(place.file).map(|file| file.into_owned());
    Frame { function: dump.function_text(place), file, line: place.line, address: 0 }
}

fn kind_name(dump: &Dump, kind: Option<u32>) -> Option<String> {
    kind.map(|kind| dump.type_name(kind).into_owned())
}

fn add_sites(stacks: &mut Stacks) {
    let dump = stacks.dump;
    for site in &dump.accounts.sites {
        let frame = stacks.frame(frame_of(dump, site.place));
        // What lives is counted with what it keeps elsewhere, as everywhere.
        let live = site.live_with_external();
        let values = [site.allocated_objects, site.allocated_bytes, site.live_objects(), live];
        stacks.rows.push(Row { frames: vec![frame], kind: kind_name(dump, site.kind), values });
    }
}

fn add_sampled(stacks: &mut Stacks) {
    let dump = stacks.dump;
    let accounts = &dump.accounts;
    let mut symbols = Symbols::new(dump);
    let mut known: Vec<Vec<u32>> = Vec::new();
    for stack in &accounts.stacks {
        let mut frames = Vec::new();
        for frame in &stack.frames {
            match *frame {
                Sampled::Told(place) => frames.push(stacks.frame(frame_of(dump, place))),
                Sampled::Address(address) => {
                    for frame in symbols.frames_of(address) {
                        frames.push(stacks.frame(frame));
                    }
                }
            }
        }
        if frames.is_empty() {
            frames.push(stacks.frame(Frame { function: "(no stack)".to_owned(), ..Frame::default() }));
        }
        known.push(frames);
    }
    for of in &accounts.sampled {
        let values = [of.made_objects, of.made_bytes, of.live_objects, of.live_bytes];
        let frames = known[of.stack as usize].clone();
        stacks.rows.push(Row { frames, kind: kind_name(dump, of.kind), values });
    }
    stacks.mappings = &accounts.mappings;
    warn(stacks);
}

/// What the names of sampled stacks do not say.
fn warn(stacks: &mut Stacks) {
    let totals = stacks.dump.accounts.totals.as_ref();
    if totals.is_some_and(|totals| totals.without_tables) {
        stacks.warnings.push(
            "stacks were taken by frame pointers alone, since the program's libc cannot unwind: functions without \
             frame pointers hide their callers"
                .to_owned(),
        );
    }
    let lost = totals.map_or(0, |totals| totals.lost_code);
    if lost > 0 {
        stacks.warnings.push(format!(
            "where {lost} pieces of code lay was not kept, for want of memory: frames there are addresses"
        ));
    }
    let unnamed = stacks.frames.iter().filter(|frame| frame.address != 0).count();
    if unnamed > 0 {
        let all = stacks.frames.len();
        stacks.warnings.push(format!(
            "{unnamed} of {all} frames have no name: their files are not here as they were loaded, or they are in none"
        ));
    }
}

/// A name without what ends lines; whole, since names are compared.
pub fn on_one_line(text: &str) -> String {
    names::whole(text)
}
