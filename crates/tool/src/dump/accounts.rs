//! What the profile and the series of a heap have counted. A dump may have any part of it, or none.
//!
//! Invariants that `read_accounts` has checked: every name is 0 or a string of the dump; every type and stack
//! is a number below the length of its array.

use super::model::{Dump, Object};
use std::borrow::Cow;

/// All of it.
#[derive(Debug, Default)]
pub struct Accounts {
    /// None: the heap was not profiled.
    pub totals: Option<Totals>,
    /// In the order of their numbers.
    pub sites: Vec<Site>,
    pub clock: Clock,
    pub scopes: Vec<Scope>,
    /// Samples of the series, in order.
    pub moments: Vec<Moment>,
    /// What happened, in order.
    pub events: Vec<Event>,
    pub followed: Vec<Followed>,
    pub stacks: Vec<Stack>,
    pub sampled: Vec<Sampled>,
    pub mappings: Vec<Mapping>,
}

impl Accounts {
    /// Whether the profile counts places: one that samples stacks alone has no numbers of them, which are not zero.
    pub fn counts_sites(&self) -> bool {
        self.totals.is_some_and(|totals| totals.allocated_objects != 0 || totals.sampling_bytes == 0)
            || !self.sites.is_empty()
    }
}

/// The running totals of the profile. Bytes are with headers and rounding.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub started_ns: u64,
    pub live_objects: u64,
    pub live_bytes: u64,
    pub peak_bytes: u64,
    pub allocated_objects: u64,
    pub allocated_bytes: u64,
    pub freed_objects: u64,
    pub freed_bytes: u64,
    pub lost_objects: u64,
    pub own_bytes: u64,
    pub scope_violations: u64,
    /// The mean distance between two sampled stacks; 0: stacks are not sampled.
    pub sampling_bytes: u64,
    /// They were taken by frame pointers alone, since the program's libc cannot unwind.
    pub without_tables: bool,
    /// Pieces of code that found no memory: frames there are in no mapping.
    pub lost_code: u64,
}

/// A place in a source: names of strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// 0: it is no place; then `function` says what it is instead.
    pub file: u64,
    pub function: u64,
    pub line: u64,
}

/// One site, with what it did since the profile began.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Its number in the process.
    pub number: u64,
    pub place: Place,
    /// In [`Dump::types`]; none: several.
    pub kind: Option<u32>,
    pub allocated_objects: u64,
    pub allocated_bytes: u64,
    pub freed_objects: u64,
    pub freed_bytes: u64,
    pub reclaimed_objects: u64,
    pub peak_objects: u64,
    pub peak_bytes: u64,
    pub external_bytes: i64,
    /// Count 0: ended before another object was made; i: when 2^(i-1) and less than 2^i had been.
    pub ages: Vec<u64>,
}

impl Site {
    pub fn live_objects(&self) -> u64 {
        self.allocated_objects.saturating_sub(self.freed_objects)
    }

    /// Live bytes with those that the objects keep elsewhere.
    pub fn live_with_external(&self) -> u64 {
        self.live_bytes().saturating_add_signed(self.external_bytes)
    }

    pub fn live_bytes(&self) -> u64 {
        self.allocated_bytes.saturating_sub(self.freed_bytes)
    }
}

/// When serial numbers were given.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Serial numbers between two times.
    pub step: u64,
    pub times: Vec<u64>,
}

impl Clock {
    /// About when a serial number was given; None for 0, which none has, and when it is not known.
    pub fn time_of(&self, serial: u64) -> Option<u64> {
        let at = usize::try_from(serial.checked_div(self.step)?).unwrap_or(usize::MAX);
        let last = self.times.len().checked_sub(1)?;
        (serial != 0).then(|| self.times.get(at.min(last)).copied()).flatten()
    }
}

/// All scopes of one name that were left; numbers are sums, but for the peak.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    pub name: u64,
    pub entered: u64,
    pub allocated_objects: u64,
    pub allocated_bytes: u64,
    pub freed_objects: u64,
    pub freed_bytes: u64,
    pub survivor_objects: u64,
    pub survivor_bytes: u64,
    pub peak_bytes: u64,
    pub duration_ns: u64,
}

/// One sample of the series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Of the monotonic clock.
    pub time_ns: u64,
    pub live_objects: u64,
    pub live_bytes: u64,
    pub external_bytes: u64,
    pub heap_bytes: u64,
    pub resident_bytes: u64,
    /// 0: not asked for.
    pub private_bytes: u64,
    pub share_bytes: u64,
    pub young_runs: u64,
    pub full_runs: u64,
    pub pause_ns_total: u64,
    /// The engine's numbers are those of the sample before.
    pub is_stale: bool,
}

/// What an event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Young,
    Full,
    Enter,
    Leave,
    Watch,
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub what: What,
    /// When it ended.
    pub time_ns: u64,
    pub duration_ns: u64,
    pub live_bytes: u64,
    /// Objects that a collection ended; the number of a watch.
    pub value: u64,
    /// Of a scope.
    pub name: u64,
}

/// A reference with a token that was not released.
#[derive(Clone, Copy, Debug)]
pub struct Followed {
    pub object: Object,
    pub tag: u64,
    pub place: Place,
    pub taken_ns: u64,
}

/// One frame of a sampled stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// A return address.
    Address(u64),
    /// Told by the host.
    Told(Place),
}

/// A stack, leaf first.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    pub number: u64,
    pub frames: Vec<Frame>,
}

/// What was sampled at one stack; all numbers but `samples` are estimates of the whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sampled {
    /// In [`Accounts::stacks`].
    pub stack: u32,
    pub kind: Option<u32>,
    pub made_objects: u64,
    pub made_bytes: u64,
    pub live_objects: u64,
    pub live_bytes: u64,
    pub samples: u64,
}

/// Code that was loaded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mapping {
    pub start: u64,
    pub bytes: u64,
    pub offset: u64,
    pub path: u64,
    pub build_id: u64,
}

impl Dump {
    /// A place in words: "server.c:12", or what it is instead: "Node (plain rc_new)", "(other sites)".
    pub fn place_text(&self, place: Place) -> String {
        let function = self.text(place.function).unwrap_or(Cow::Borrowed("?"));
        match self.text(place.file) {
            Some(file) => format!("{file}:{}", place.line),
            None if function.starts_with('(') => function.into_owned(),
            None => format!("{function} (plain rc_new)"),
        }
    }

    /// The function of a place; of what is no place, that instead.
    pub fn function_text(&self, place: Place) -> String {
        match place.file {
            0 => self.place_text(place),
            _ => self.text(place.function).map_or("?".to_owned(), Cow::into_owned),
        }
    }

    /// The site of an object, in `accounts.sites`.
    pub fn site_of(&self, object: Object) -> Option<usize> {
        let number = u64::from(*self.objects.site.get(object as usize)?);
        self.accounts.sites.binary_search_by_key(&number, |site| site.number).ok()
    }

    /// The serial number of an object; 0: not known.
    pub fn serial_of(&self, object: Object) -> u64 {
        self.objects.serial.get(object as usize).copied().unwrap_or(0)
    }

    /// Nanoseconds since an object was made, about.
    pub fn age_ns_of(&self, object: Object) -> Option<u64> {
        let made = self.accounts.clock.time_of(self.serial_of(object))?;
        Some(self.preamble.monotonic_ns.saturating_sub(made))
    }
}
