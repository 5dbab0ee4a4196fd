//! A function run again and again: what it leaves behind each time it leaks. The manner is that of CPython's `-R`:
//! some runs to warm up caches, then runs whose differences count, each after a full collection.
//!
//! Three numbers are watched, all exact: objects, their bytes with the external ones, and references (the sum of all
//! counts, which finds a forgotten decref of an object that lives anyway). A number leaks if it rose in every run; what
//! rose in some is only said, since a cache that grows now and then is none.

use crate::base::list::List;
use crate::base::report::{self, CText, Level, Line};
use crate::cycle::stats::Status;
use crate::cycle::{self, Kind};
use crate::header;
use crate::heap::Heap;
use crate::host;
use crate::life::finalizers;
use crate::profile;
use crate::profile::measure::RunFn;
use crate::profile::query::{self, Group, Query, Sort};
use crate::profile::site::{self, Location};
use core::ffi::{c_char, c_void};
use core::fmt::Write;
use core::ptr;

/// What is watched.
#[derive(Clone, Copy, Default)]
struct Numbers {
    objects: i64,
    bytes: i64,
    references: i64,
}

/// What came out.
#[derive(Clone, Copy)]
pub struct Found {
    /// The least that a run left behind, each of its own: above 0 it leaks.
    pub objects: i64,
    /// As `objects`.
    pub bytes: i64,
    /// As `objects`.
    pub references: i64,
    /// All runs together.
    pub objects_total: i64,
    /// As `objects_total`.
    pub bytes_total: i64,
    /// As `objects_total`.
    pub references_total: i64,
    /// The type that most objects of a run are of; null when none are left. In the list of sites: the function may have
    /// ended the type.
    pub type_name: *const c_char,
    /// The site that made most of them, where it is known.
    pub location: Option<Location>,
    /// A collection found no memory: what it would have ended is among the objects left.
    pub given_up: bool,
}

impl Found {
    /// Whether the function leaks.
    pub fn is_leaking(&self) -> bool {
        self.objects > 0 || self.bytes > 0 || self.references > 0
    }
}

unsafe fn numbers(heap: *mut Heap) -> Numbers {
    let mut references = 0i64;
    (*heap).space.each_page(|page| {
        (*page).each_block(|obj| {
            let word = header::count_word(obj);
            if word & header::LOCAL != 0 {
                references += (word - header::LOCAL) as i64;
            }
        });
    });
    Numbers {
        objects: (*heap).live_objects() as i64,
        bytes: (*heap).bytes_in_use().min(i64::MAX as u64) as i64,
        references,
    }
}

/// Serial numbers of the types, and their live objects; in the order of the heap's list, which is that of falling numbers.
/// No pointers: between runs types may end.
unsafe fn types(heap: *mut Heap) -> List<(u64, u64)> {
    let mut all = List::new();
    // What finds no room is not named.
    (*heap).each_type(|ty| {
        let _ = all.push(((*(*ty).rare()).serial, (*ty).live()));
    });
    all
}

/// The name of the type with the greatest increase.
unsafe fn grown(heap: *mut Heap, before: &List<(u64, u64)>) -> *const c_char {
    let mut most = (0, ptr::null());
    (*heap).each_type(|ty| {
        let serial = (*(*ty).rare()).serial;
        let at = before.as_slice().binary_search_by(|entry| serial.cmp(&entry.0));
        let old = at.ok().and_then(|at| before.get(at)).map_or(0, |entry| entry.1);
        if (*ty).live().saturating_sub(old) > most.0 {
            most = ((*ty).live() - old, (*ty).name().0);
        }
    });
    if most.1.is_null() || !site::begin() {
        return ptr::null();
    }
    match site::number_of_type(most.1) {
        site::OTHER => ptr::null(),
        id => site::location(id).map_or(ptr::null(), |location| location.function),
    }
}

unsafe fn run_once(heap: *mut Heap, function: RunFn, ctx: *mut c_void) -> Status {
    host::run(|| function(heap, ctx));
    settle(heap)
}

/// How often it is looked again for what finalizers have made due.
const ROUNDS: u32 = 16;

/// Ends what nothing refers to: by a collection, and where finalizers are queued, by running them. How that went.
unsafe fn settle(heap: *mut Heap) -> Status {
    for _ in 0..ROUNDS {
        let status = cycle::collect(heap, Kind::Full).1;
        if status != Status::Ok || !(*heap).finalizers.are_due() {
            return status;
        }
        // A chain of all the objects needs a run for each.
        let mut left = (*heap).live_objects();
        while (*heap).finalizers.are_due() && left != 0 {
            left -= 1;
            let ran = finalizers::run(heap);
            if ran.status != Status::Ok {
                return ran.status;
            }
        }
    }
    Status::Ok
}

/// Runs the function `warm_ups` and then `runs` times.
///
/// # Safety
/// - In no callback; every tracked object is walkable between runs, and the function does not end the heap.
pub unsafe fn hunt(heap: *mut Heap, function: RunFn, ctx: *mut c_void, warm_ups: u32, runs: u32) -> Found {
    for _ in 0..warm_ups {
        run_once(heap, function, ctx);
    }
    let mut given_up = settle(heap) == Status::NoMemory;
    let first = numbers(heap);
    let mut types_before = types(heap);
    let (mut last, mut least) = (first, Numbers { objects: i64::MAX, bytes: i64::MAX, references: i64::MAX });
    for _ in 0..runs {
        given_up |= run_once(heap, function, ctx) == Status::NoMemory;
        let now = numbers(heap);
        least.objects = least.objects.min(now.objects - last.objects);
        least.bytes = least.bytes.min(now.bytes - last.bytes);
        least.references = least.references.min(now.references - last.references);
        last = now;
    }
    let mut found = Found {
        objects: least.objects,
        bytes: least.bytes,
        references: least.references,
        objects_total: last.objects - first.objects,
        bytes_total: last.bytes - first.bytes,
        references_total: last.references - first.references,
        type_name: grown(heap, &types_before),
        location: None,
        given_up,
    };
    types_before.end();
    if found.is_leaking() && !given_up {
        found.location = location_of_leak(heap, function, ctx);
        say(heap, &found, runs);
    }
    found
}

/// One run more under a profile of its own, unless the host has one: the site whose objects are left.
unsafe fn location_of_leak(heap: *mut Heap, function: RunFn, ctx: *mut c_void) -> Option<Location> {
    if !profile::of(heap).is_null() || profile::start(heap, &profile::Options::EXACT).is_err() {
        return None;
    }
    let started = profile::started(heap);
    run_once(heap, function, ctx);
    if profile::exact(heap).is_null() || profile::started(heap) != started {
        // The function stopped it, and may have one of its own.
        return None;
    }
    let query = Query {
        group: Group::Site,
        sort: Sort::LiveObjects,
        file: c"*".as_ptr(),
        exclude_file: ptr::null(),
        function: ptr::null(),
        type_name: ptr::null(),
    };
    let mut location = None;
    if let Some(mut rows) = query::rows(heap, &query) {
        location = rows.get(0).filter(|row| row.counters.live_objects() != 0).map(|row| row.location);
        rows.end();
    }
    profile::stop(heap);
    location
}

unsafe fn say(heap: *mut Heap, found: &Found, runs: u32) {
    let mut line = Line::new();
    // A cut line has the numbers at least.
    let _ = write!(
        line,
        "heap {}: each of {runs} runs left at least {} object{}, {} bytes and {} reference{} behind",
        CText((*heap).name()),
        found.objects.max(0),
        report::s(found.objects as u64),
        found.bytes.max(0),
        found.references.max(0),
        report::s(found.references as u64)
    );
    if !found.type_name.is_null() {
        let _ = write!(line, "; most are {}", CText(found.type_name));
    }
    if let Some(location) = &found.location {
        let _ = write!(line, " made at {location}");
    }
    report::log(Level::Error, format_args!("{line}"));
}
