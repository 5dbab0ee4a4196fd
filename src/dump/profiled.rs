//! What the profile, the series and the followed references of a heap have, as chunks.
//!
//! Each is there only if the heap has it. Nothing is allocated: the tables are read as they stand. Two locks
//! are taken, that of the list of sites and that of the series.

use super::names::Names;
use super::{make_room, put_pairs, stacks};
use crate::heap::Heap;
use crate::leaks;
use crate::leaks::holds::Hold;
use crate::memory::places::Places;
use crate::out::{Buffer, Out};
use crate::profile;
use crate::profile::book::Counters;
use crate::profile::measure::Total;
use crate::profile::site::{self, Location};
use crate::profile::{Profile, SITES};
use crate::series;
use crate::series::{Happening, Sample, Series, What};
use crate::sys::lock;
use core::ffi::c_char;
use rcgc_format::{self as format, happening, measure_key, profile_key, site_key};

static_assertions::const_assert!(What::Young as u64 == happening::YOUNG);
static_assertions::const_assert!(What::Full as u64 == happening::FULL);
static_assertions::const_assert!(What::Enter as u64 == happening::ENTER);
static_assertions::const_assert!(What::Leave as u64 == happening::LEAVE);
static_assertions::const_assert!(What::Watch as u64 == happening::WATCH);

/// Where chunks go, and how names become numbers.
pub struct Writer<'a> {
    /// The strings of the dump.
    pub names: &'a mut Names,
    /// Empty.
    pub buffer: &'a mut Buffer,
    /// The dump.
    pub out: &'a mut Out,
}

/// Writes all that the heap has.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn write(heap: *mut Heap, places: &Places, mut writer: Writer) {
    if !profile::of(heap).is_null() {
        let profile = &*profile::of(heap);
        writer.put_totals(profile);
        writer.put_sites(profile);
        if profile.options.flags & SITES != 0 {
            writer.put_clock(profile);
        }
        writer.put_measures(profile);
        if let Some(samples) = profile.samples.as_ref() {
            stacks::write(samples, &mut writer);
        }
    }
    if !series::of(heap).is_null() {
        writer.put_samples(series::of(heap));
        writer.put_happenings(series::of(heap));
    }
    if !leaks::of(heap).is_null() {
        for hold in (*leaks::of(heap)).holds.held() {
            writer.put_hold(hold, places);
        }
        writer.end(format::FOLLOWED);
    }
}

impl Writer<'_> {
    /// See its use in `profiled.rs`.
    pub(super) unsafe fn room(&mut self, numbers: usize, tag: format::Tag) {
        make_room(numbers, tag, self.names, self.buffer, self.out);
    }

    /// See its use in `profiled.rs`.
    pub(super) unsafe fn put_name(&mut self, name: *const c_char) {
        let number = self.names.number_of(self.out, name);
        self.buffer.put(number);
    }

    /// See its use in `profiled.rs`.
    pub(super) unsafe fn end(&mut self, tag: format::Tag) {
        self.names.flush(self.out);
        self.out.write_chunk(tag, self.buffer);
    }

    unsafe fn put_totals(&mut self, profile: &Profile) {
        let all = [
            (profile_key::STARTED_NS, profile.started_ns),
            (profile_key::LIVE_OBJECTS, profile.live_objects()),
            (profile_key::LIVE_BYTES, profile.live_bytes),
            (profile_key::PEAK_BYTES, profile.peak_bytes),
            (profile_key::ALLOCATED_OBJECTS, profile.serial),
            (profile_key::ALLOCATED_BYTES, profile.allocated_bytes),
            (profile_key::FREED_OBJECTS, profile.freed_objects),
            (profile_key::FREED_BYTES, profile.freed_bytes()),
            (profile_key::LOST_OBJECTS, profile.lost_objects),
            (profile_key::OWN_BYTES, profile.own_bytes()),
            (profile_key::SCOPE_VIOLATIONS, profile.measures.violations),
        ];
        let exact = profile.options.flags & SITES != 0;
        let sampled = profile.samples.as_ref();
        // What is not counted is not told.
        let counted = if exact { all.len() } else { 1 };
        let of_stacks = sampled.map(|samples| {
            [
                (profile_key::SAMPLING_BYTES, samples.options().mean),
                (profile_key::STACK_MODE, samples.walker().mode() as u64),
                (profile_key::LOST_CODE, samples.walker().code().lost()),
            ]
        });
        let of_stacks = of_stacks.as_ref().map_or(&[][..], |pairs| &pairs[..]);
        self.buffer.put((counted + of_stacks.len()) as u64);
        for &(key, value) in all.iter().take(counted).chain(of_stacks) {
            self.buffer.put(key);
            self.buffer.put(value);
        }
        self.end(format::PROFILE);
    }

    unsafe fn put_sites(&mut self, profile: &Profile) {
        profile.book.each(|number, counters| {
            if let Some(location) = site::location(number) {
                self.put_site(number, &location, counters);
            }
        });
        self.end(format::SITES);
    }

    unsafe fn put_location(&mut self, location: &Location) {
        self.put_name(location.file);
        self.put_name(location.function);
        self.buffer.put(location.line as u64);
    }

    unsafe fn put_site(&mut self, number: u32, location: &Location, of: &Counters) {
        let pairs = [
            (site_key::ALLOCATED_OBJECTS, of.allocated_objects),
            (site_key::ALLOCATED_BYTES, of.allocated_bytes),
            (site_key::FREED_OBJECTS, of.freed_objects),
            (site_key::FREED_BYTES, of.freed_bytes),
            (site_key::RECLAIMED_OBJECTS, of.reclaimed_objects),
            (site_key::PEAK_OBJECTS, of.peak_objects),
            (site_key::PEAK_BYTES, of.peak_bytes),
            (site_key::EXTERNAL_BYTES, format::zigzag(of.external_bytes)),
        ];
        let known = !of.ty().is_null();
        let ages = of.ages.iter().rposition(|&count| count != 0).map_or(0, |last| last + 1);
        self.room(6 + 2 * pairs.len() + of.ages.len(), format::SITES);
        self.buffer.put(number as u64);
        self.put_location(location);
        self.buffer.put(if known { of.type_index as u64 + 1 } else { 0 });
        put_pairs(self.buffer, &pairs);
        self.buffer.put(ages as u64);
        for &count in of.ages.iter().take(ages) {
            self.buffer.put(count);
        }
    }

    unsafe fn put_clock(&mut self, profile: &Profile) {
        let (step, times) = profile.clock.entries();
        self.room(2, format::CLOCK);
        self.buffer.put(step);
        self.buffer.put(times.len() as u64);
        let mut before = 0;
        for &time in times {
            self.room(1, format::CLOCK);
            self.buffer.put(time.wrapping_sub(before));
            before = time;
        }
        self.end(format::CLOCK);
    }

    unsafe fn put_measures(&mut self, profile: *const Profile) {
        // One by one: the sink's function may enter and leave scopes.
        for index in 0..(*profile).measures.totals().len() {
            let Some(Total { name, entered, measured, .. }) = (*profile).measures.total(index) else { break };
            let pairs = [
                (measure_key::ENTERED, entered),
                (measure_key::ALLOCATED_OBJECTS, measured.allocated_objects),
                (measure_key::ALLOCATED_BYTES, measured.allocated_bytes),
                (measure_key::FREED_OBJECTS, measured.freed_objects),
                (measure_key::FREED_BYTES, measured.freed_bytes),
                (measure_key::SURVIVOR_OBJECTS, measured.survivor_objects),
                (measure_key::SURVIVOR_BYTES, measured.survivor_bytes),
                (measure_key::PEAK_BYTES, measured.peak_bytes),
                (measure_key::DURATION_NS, measured.duration_ns),
            ];
            self.room(2 + 2 * pairs.len(), format::MEASURES);
            self.put_name(name);
            put_pairs(self.buffer, &pairs);
        }
        self.end(format::MEASURES);
    }

    /// The lock is taken for each sample: the sink may be a function of the host's that looks at the series.
    unsafe fn put_samples(&mut self, series: *mut Series) {
        let numbers = {
            let _guard = lock::SERIES.lock();
            (*series).samples.numbers()
        };
        let mut before = [0u64; format::SAMPLE_COLUMNS];
        self.room(1, format::SAMPLES);
        self.buffer.put(format::SAMPLE_COLUMNS as u64);
        for number in numbers {
            let sample = {
                let _guard = lock::SERIES.lock();
                (*series).samples.get(number)
            };
            // What the thread has written over meanwhile is gone.
            let Some(sample) = sample else { continue };
            self.room(format::SAMPLE_COLUMNS, format::SAMPLES);
            let row = row_of(&sample);
            for (value, before) in row.iter().zip(before) {
                self.buffer.put(format::zigzag(value.wrapping_sub(before) as i64));
            }
            before = row;
        }
        self.end(format::SAMPLES);
    }

    unsafe fn put_happenings(&mut self, series: *mut Series) {
        let numbers = {
            let _guard = lock::SERIES.lock();
            (*series).happenings.numbers()
        };
        let mut before = 0u64;
        for number in numbers {
            let happening = {
                let _guard = lock::SERIES.lock();
                (*series).happenings.get(number)
            };
            let Some(happening) = happening else { continue };
            self.put_happening(&happening, before);
            before = happening.time_ns;
        }
        self.end(format::EVENTS);
    }

    unsafe fn put_happening(&mut self, of: &Happening, before: u64) {
        self.room(6, format::EVENTS);
        self.buffer.put(of.what as u64);
        self.buffer.put(format::zigzag(of.time_ns.wrapping_sub(before) as i64));
        self.buffer.put(of.duration_ns);
        self.buffer.put(of.live_bytes);
        self.buffer.put(of.value);
        let name = if of.name == 0 { None } else { site::location(of.name) };
        self.put_name(name.map_or(core::ptr::null(), |location| location.function));
    }

    unsafe fn put_hold(&mut self, hold: &Hold, places: &Places) {
        let (Some(place), Some(taken_at)) = (places.find(hold.obj as usize), site::location(hold.site))
        else {
            return;
        };
        self.room(6, format::FOLLOWED);
        self.buffer.put(place);
        self.put_name(hold.tag);
        self.put_location(&taken_at);
        self.buffer.put(hold.taken_ns);
    }
}

/// The columns of `TIME`.
fn row_of(sample: &Sample) -> [u64; format::SAMPLE_COLUMNS] {
    [
        sample.time_ns,
        sample.live_objects,
        sample.live_bytes,
        sample.external_bytes,
        sample.heap_bytes,
        sample.resident_bytes,
        sample.private_bytes,
        sample.share_bytes,
        sample.young_runs,
        sample.full_runs,
        sample.pause_ns_total,
        sample.flags as u64,
    ]
}
