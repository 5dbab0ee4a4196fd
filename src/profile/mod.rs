//! Who allocates, how much, since when, and how long it lives. Start here.
//!
//! | file | subject |
//! |---|---|
//! | this | one heap's profile: started, stopped, its running totals |
//! | `site` | the places in the host's source, and the process's list of them |
//! | `record` | the table beside the objects: site and serial number of each |
//! | `book` | the counters of each site |
//! | `birth` | what is written when an object is made and when it ends |
//! | `quick` | the same for the common case |
//! | `measure` | what happened between the borders of a scope |
//! | `turns` | which flow of control made an object, by its serial number |
//! | `lines` | what happened at each line of a function |
//! | `text` | all of that for people to read |
//! | `sample` | stacks under byte sampling: which objects, and what they stand for |
//! | `stack` | the call stack of the host |
//! | `entry` | the way from an allocation into the sampler |
//! | `math` | exponentials, logarithms, random numbers |
//! | `query` | sites sorted, filtered, put together, compared |
//!
//! **Off** is a null [`Heap::profile`], and costs nothing: no hot path asks for it. **On**, every type of the
//! heap is [`TypeFlags::PROFILED`] and has no ration, so each allocation goes the long way, where its site and
//! its serial number are written beside the object; and every object has [`Flags::SIDE`], so its end goes the
//! long way too, past [`birth::ended`].
//!
//! Invariants while it is on:
//! - every object that lives has the flag SIDE; its record is zero only if it was made before;
//! - the sums over all sites are the heap's own books: [`Profile::live_bytes`] is `Heap::live_bytes`;
//! - nothing here is held across a call of host code, which may stop the profile.

use crate::base::report::{self, s, Level};
use crate::header::{self, Flags};
use crate::heap::{Heap, Phase};
use crate::life::scope;
use crate::observe::{Notice, Seat, Wants};
use crate::sys;
use crate::types::{Profiled, Type, TypeFlags};
use book::Book;
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use lines::Lines;
use measure::Measures;
use sample::Samples;

pub mod birth;
pub mod book;
pub mod code;
pub mod entry;
pub mod lines;
pub mod math;
pub mod measure;
pub mod query;
pub mod quick;
pub mod record;
pub mod sample;
pub mod site;
pub mod stack;
pub mod text;
pub mod turns;

/// Exact counters of sites.
pub const SITES: u32 = 1;
/// Stacks under byte sampling.
pub const STACKS: u32 = 2;
/// All flags that are known.
pub const ALL_FLAGS: u32 = SITES | STACKS;

/// What a profile is to count, and how.
#[derive(Clone, Copy)]
pub struct Options {
    /// [`SITES`], [`STACKS`].
    pub flags: u32,
    /// How stacks are sampled.
    pub stacks: sample::Options,
}

impl Options {
    /// Exact counters, and nothing else.
    pub const EXACT: Options = Options {
        flags: SITES,
        stacks: sample::Options {
            mean: sample::MEAN_BYTES,
            mode: stack::Mode::Auto,
            depth: sample::DEPTH,
            seed: 0,
            frames: None,
            ctx: ptr::null_mut(),
        },
    };
}

/// The profile of one heap. What every allocation and every end touches comes first; that numbers which change
/// together do not stand side by side has the reason of [`book::Counters`].
#[repr(C)]
pub struct Profile {
    /// The number of the object made last, and so of the objects made since it began.
    pub serial: u64,
    /// The serial number at which the time is to be noted next.
    pub clock_serial: u64,
    /// Bytes of the objects made since it began.
    pub allocated_bytes: u64,
    /// Objects ended since it began, whenever they were made.
    pub freed_objects: u64,
    /// The most live bytes since the innermost open measure began, or since the last one ended.
    pub inner_peak_bytes: u64,
    /// Bytes of the objects that live.
    pub live_bytes: u64,
    /// When so many bytes have been allocated, an object is sampled; with exact counters only.
    pub due_bytes: u64,
    /// Bytes of the objects that lived when it began.
    pub before_bytes: u64,
    /// Objects that lived when it began.
    pub before_objects: u64,
    /// Counters of sites.
    pub book: Book,
    /// Open scopes, and what is known of those that were left.
    pub measures: Measures,
    /// Line tables.
    pub lines: Lines,
    /// The most bytes that lived at once since the last reset.
    pub peak_bytes: u64,
    /// Objects that found no room in the table beside the objects.
    pub lost_objects: u64,
    /// When it began, in nanoseconds of the monotonic clock.
    pub started_ns: u64,
    /// What it counts.
    pub options: Options,
    /// Stacks; null: they are not sampled.
    pub samples: *mut Samples,
    /// When which object was made.
    pub clock: Clock,
}

/// Why a profile was not started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It is on already.
    IsOn,
    /// A collection is running.
    Collecting,
    /// No memory.
    NoMemory,
}

impl Profile {
    /// Objects that live.
    pub fn live_objects(&self) -> u64 {
        self.before_objects + self.serial - self.freed_objects
    }

    /// Bytes of the objects that ended.
    pub fn freed_bytes(&self) -> u64 {
        self.before_bytes + self.allocated_bytes - self.live_bytes
    }

    /// From now on peaks are those of the time to come.
    pub fn reset_peak(&mut self) {
        self.peak_bytes = self.live_bytes;
        // SAFETY: whoever has the profile is in the heap.
        unsafe { self.reset_measured_peak() };
        self.book.reset_peaks();
    }

    /// Bytes that the profile itself takes, without the table beside the objects.
    pub fn own_bytes(&self) -> u64 {
        size_of::<Profile>() as u64
            + self.book.own_bytes()
            + self.measures.own_bytes()
            + self.lines.own_bytes()
            // SAFETY: null, or what `start` made and the profile frees when it ends.
            + unsafe { self.samples.as_ref() }.map_or(0, |samples| size_of::<Samples>() as u64 + samples.own_bytes())
    }
}

/// The profile of a heap; null while the host wants none.
///
/// # Safety
/// - As [everywhere](crate).
#[inline(always)]
pub unsafe fn of(heap: *mut Heap) -> *mut Profile {
    (*heap).observers.state(Seat::Profile) as *mut Profile
}

/// The profile of a heap if it counts exactly; else null.
///
/// # Safety
/// - As [everywhere](crate).
#[inline(always)]
pub unsafe fn exact(heap: *mut Heap) -> *mut Profile {
    let profile = of(heap);
    if profile.is_null() || (*profile).options.flags & SITES == 0 {
        return ptr::null_mut();
    }
    profile
}

/// Which profile a heap has, by the moment when it began; 0: none.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn started(heap: *mut Heap) -> u64 {
    of(heap).as_ref().map_or(0, |profile| profile.started_ns)
}

/// Starts the profile of a heap: every object that lives is counted as made before.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn start(heap: *mut Heap, options: &Options) -> Result<(), Refused> {
    if !of(heap).is_null() {
        return Err(Refused::IsOn);
    }
    if (*heap).phase() != Phase::Idle {
        return Err(Refused::Collecting);
    }
    let profile = sys::allocate(size_of::<Profile>()) as *mut Profile;
    if profile.is_null() {
        return Err(Refused::NoMemory);
    }
    // Zeroed memory is an empty profile.
    (*profile).options = *options;
    (*profile).due_bytes = u64::MAX;
    if !begin(heap, profile) {
        free(profile);
        return Err(Refused::NoMemory);
    }
    (*profile).started_ns = sys::now_ns();
    (*profile).clock.start((*profile).started_ns);
    (*profile).clock_serial = 1;
    (*heap).recall_runs();
    if options.flags & SITES != 0 {
        watch_all(heap, profile);
    }
    measure::begin(heap, profile);
    sit(heap, profile);
    (*heap).each_type(|ty| set_watched(ty, options.flags));
    // Once in a process, however many heaps there are.
    // ORDER: relaxed: only the one thread that finds it unset says it.
    static SAID: AtomicBool = AtomicBool::new(false);
    let samples = (*profile).samples.as_ref();
    if samples.is_some_and(|samples| samples.walker().mode() == stack::WITHOUT_TABLES)
        && !SAID.swap(true, Ordering::Relaxed)
    {
        report::log(
            Level::Info,
            format_args!(
                "profiles: this libc has no backtrace: stacks are taken by frame pointers, and functions without them \
                 hide their callers"
            ),
        );
    }
    Ok(())
}

/// Takes what a profile needs. False for out of memory: then it has less, and [`free`] knows.
unsafe fn begin(heap: *mut Heap, profile: *mut Profile) -> bool {
    let options = (*profile).options;
    if options.flags & STACKS != 0 {
        let samples = sys::allocate(size_of::<Samples>()) as *mut Samples;
        if samples.is_null() {
            return false;
        }
        (*profile).samples = samples;
        let due = (*samples).begin(&options.stacks);
        if options.flags & SITES != 0 {
            (*profile).due_bytes = due;
        }
    }
    if !site::begin() {
        return false;
    }
    if options.flags & SITES != 0 {
        if !record::begin() {
            return false;
        }
        if !(*profile).book.reserve(site::OTHER) {
            record::end(heap);
            return false;
        }
    }
    true
}

/// Every live object ends the long way from here on, and is counted as made before.
unsafe fn watch_all(heap: *mut Heap, profile: *mut Profile) {
    (*heap).space.each_page(|page| {
        (*page).each_block(|obj| {
            if !header::is_dead(obj) {
                header::set_flags(obj, Flags::SIDE);
                let bytes = (*page).block_bytes() as u64;
                (*profile).before_objects += 1;
                (*profile).before_bytes += bytes;
                (*profile).book.made(0, bytes, (*crate::object::type_of(obj)).index);
            }
        });
    });
    (*profile).live_bytes = (*profile).before_bytes;
    (*profile).peak_bytes = (*profile).before_bytes;
    (*profile).inner_peak_bytes = (*profile).before_bytes;
}

/// A type's objects are counted exactly, sampled, or neither, from here on.
unsafe fn set_watched(ty: *mut Type, flags: u32) {
    (*ty).flags.set(TypeFlags::PROFILED, flags & SITES != 0);
    (*ty).flags.set(TypeFlags::SAMPLED, flags & STACKS != 0);
    (*ty).make = match (flags & SITES != 0, flags & STACKS != 0) {
        (true, _) => Some(quick::make),
        (false, true) => Some(sample::make),
        (false, false) => None,
    };
    (*ty).header = (*ty).header.with(Flags::SIDE, flags & SITES != 0);
    (*(*ty).rare()).profiled = Profiled::default();
}

/// Whoever is told what happens in the heap: the profile of it.
unsafe fn sit(heap: *mut Heap, profile: *mut Profile) {
    let wants = Wants::TYPE_MADE | Wants::TYPE_ENDED | Wants::SCOPES | Wants::TRIMMED | Wants::GONE;
    (*heap).observers.sit(Seat::Profile, profile as *mut c_void, hear, wants);
    scope::publish(heap);
    (*heap).observers.ended = Some(birth::ended);
    (*heap).observers.moved = Some(birth::moved);
    (*heap).observers.origin = Some(site::write_origin);
    (*heap).observers.last = Some(quick::release_last);
}

unsafe fn hear(heap: *mut Heap, notice: Notice) {
    match notice {
        Notice::TypeMade(ty) => type_made(ty),
        Notice::TypeEnded(ty) => type_ended(ty),
        Notice::ScopeEntered(mark, name) => measure::enter(heap, mark, name),
        Notice::ScopeLeft(left) => measure::leave(heap, left.flow.cast(), left.mark, left.released),
        Notice::FlowTurned(flow) => measure::turn(heap, flow.cast()),
        Notice::FlowEnds(flow) => measure::flow_ends(heap, flow.cast()),
        Notice::Trimmed(first, count) => record::forget(first, count),
        Notice::Gone => stop(heap),
        _ => {}
    }
}

/// A type was made while the heap is profiled.
unsafe fn type_made(ty: *mut Type) {
    let profile = of((*ty).heap);
    if !profile.is_null() {
        set_watched(ty, (*profile).options.flags);
    }
}

/// A type ends: its slot may become another one's.
unsafe fn type_ended(ty: *mut Type) {
    let profile = of((*ty).heap);
    if !profile.is_null() && !(*profile).samples.is_null() {
        (*(*profile).samples).forget_type(&*ty);
    }
}

/// Ends the profile of a heap; nothing is left of it but the list of sites, which is the process's.
///
/// # Safety
/// - Nobody holds the profile.
pub unsafe fn stop(heap: *mut Heap) {
    let profile = of(heap);
    if profile.is_null() {
        return;
    }
    (*heap).observers.leave(Seat::Profile);
    scope::publish(heap);
    (*heap).observers.ended = None;
    (*heap).observers.moved = None;
    (*heap).observers.origin = None;
    (*heap).observers.last = None;
    (*heap).recall_runs();
    (*heap).each_type(|ty| set_watched(ty, 0));
    measure::forget(heap);
    if (*profile).options.flags & SITES != 0 {
        record::end(heap);
    }
    free(profile);
}

unsafe fn free(profile: *mut Profile) {
    (*profile).book.end();
    (*profile).measures.end();
    (*profile).lines.end();
    if !(*profile).samples.is_null() {
        let lost = (*(*profile).samples).walker().code().lost();
        if lost != 0 {
            report::log(
                Level::Warning,
                format_args!(
                    "stacks: no memory for where {lost} piece{} of code lie: frames there stay addresses",
                    s(lost)
                ),
            );
        }
        (*(*profile).samples).end();
        sys::free((*profile).samples as *mut u8);
    }
    sys::free(profile as *mut u8);
}

/// Forgets all that was counted; what lives is counted as made before.
///
/// # Safety
/// - As [`stop`].
pub unsafe fn reset(heap: *mut Heap) -> Result<(), Refused> {
    let options = (*of(heap)).options;
    if (*heap).phase() != Phase::Idle {
        return Err(Refused::Collecting);
    }
    stop(heap);
    start(heap, &options)
}

/// When objects were made, by their serial numbers: times at [`CLOCK_ENTRIES`] serials at most, evenly
/// spread, so that the time of each object is known between two of them.
pub struct Clock {
    times: [u64; CLOCK_ENTRIES],
    len: usize,
    /// Serials between two entries.
    step: u64,
}

/// See [`Clock`].
pub const CLOCK_ENTRIES: usize = 512;

impl Clock {
    fn start(&mut self, now_ns: u64) {
        self.step = 64;
        self.times = [0; CLOCK_ENTRIES];
        self.len = 0;
        self.put(now_ns);
    }

    fn put(&mut self, now_ns: u64) {
        if let Some(place) = self.times.get_mut(self.len) {
            *place = now_ns;
            self.len += 1;
        }
    }

    /// Notes the time of a serial number that is due; returns the next that is.
    #[cold]
    pub fn note(&mut self, serial: u64) -> u64 {
        if self.len == CLOCK_ENTRIES {
            for index in 0..CLOCK_ENTRIES / 2 {
                self.times[index] = self.times[index * 2];
            }
            self.len = CLOCK_ENTRIES / 2;
            self.step *= 2;
        }
        // Entry i is the time of serial i * step; the first that comes after halving may be late.
        while (self.len as u64) * self.step <= serial && self.len < CLOCK_ENTRIES {
            self.put(sys::now_ns());
        }
        self.len as u64 * self.step
    }

    /// Serial numbers between two times, and the times: the first is that of the beginning.
    pub fn entries(&self) -> (u64, &[u64]) {
        (self.step, self.times.get(..self.len).unwrap_or(&[]))
    }

    /// About when a serial number was given, never after it and never before the entry before.
    pub fn time_of(&self, serial: u64) -> u64 {
        let index = (serial / self.step.max(1)) as usize;
        let last = self.len.saturating_sub(1);
        self.times.get(index.min(last)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_thins_out_and_stays_in_order() {
        let mut clock = Clock { times: [0; CLOCK_ENTRIES], len: 0, step: 0 };
        clock.start(sys::now_ns());
        let mut due = 1;
        for serial in 1..200_000u64 {
            if serial >= due {
                due = clock.note(serial);
                assert!(due > serial, "{due} after {serial}");
            }
        }
        assert!(clock.len <= CLOCK_ENTRIES);
        let mut before = 0;
        for serial in (1..200_000).step_by(97) {
            let time = clock.time_of(serial);
            assert!(time >= before && time != 0);
            before = time;
        }
    }
}
