//! `rcgc/profile.h`: who allocates, how much, since when, and how long it lives. A null heap means the default
//! heap.
//!
//! A profile counts every object of a heap, exactly, by the place in the source that made it. `RC_NEW` and
//! `RC_NEW_ARRAY` (rcgc/site.h) carry that place; objects of plain `rc_new` are counted by their type. Off,
//! which it is in the beginning, it costs nothing.

use super::boundary::{looks_live, status, type_checked, type_for_new, Answer, Call, NonNull};
use super::object::tail_checked;
use super::status::*;
use crate::alloc;
use crate::base::report::CText;
use crate::heap::Heap as gc_heap;
use crate::host::Pin;
use crate::memory::range;
use crate::profile::sample::FramesFn;
use crate::profile::site::Site;
use crate::profile::stack::{Mode, DEPTH_MAX};
use crate::profile::{self, birth, quick, record, site, Profile};
use crate::types::{Type as rc_type, TypeFlags};
use core::ffi::{c_char, c_void};
use static_assertions::const_assert_eq;

/// A place in the source of the host. `RC_NEW` makes one by itself; a host that has places of its own, an
/// interpreter with the lines of its scripts, fills one and gives it to `rc_new_at`.
#[repr(C)]
pub struct rc_site {
    /// The file: `__FILE__`.
    pub file: *const c_char,
    /// The function: `__func__`.
    pub function: *const c_char,
    /// The line: `__LINE__`.
    pub line: u32,
    /// 0; the library numbers it. Anything else that it did not put there is fatal.
    pub id: u32,
}

/// Count every object by its site, exactly. The default.
pub const GC_PROFILE_SITES: u32 = 1;
/// Take the call stacks of some objects (rcgc/stacks.h). Without `GC_PROFILE_SITES` allocation goes on at full speed, and
/// only what is sampled is known.
pub const GC_PROFILE_STACKS: u32 = 2;

/// Stacks are taken by frame pointers where unwind tables were found to say the same, else by unwind tables. Where libc
/// cannot unwind (musl; a static program in which nothing else refers to `backtrace`), by frame pointers, which the log
/// and the dump say.
pub const GC_STACKS_AUTO: u32 = 0;
/// Stacks are taken by frame pointers alone: functions that have none hide their callers.
pub const GC_STACKS_POINTERS: u32 = 1;
/// Stacks are taken by unwind tables, some microseconds each.
pub const GC_STACKS_UNWIND: u32 = 2;
/// Stacks are not taken: there are only the frames that the host gives.
pub const GC_STACKS_NONE: u32 = 3;

/// Tells the frames of an interpreter at a sample, the innermost first: puts the addresses of their descriptors into
/// `out_frames`, at most `room`, and returns how many. The descriptors are not written to, and their texts are copied.
/// Called in the middle of an allocation, whose type and heap it cannot end; it may do anything else, also stop the
/// profile. What it allocates itself is not sampled.
pub type gc_frames_fn =
    Option<unsafe extern "C" fn(out_frames: *mut *const rc_site, room: usize, ctx: *mut c_void) -> usize>;

/// How a profile is started. Start from `GC_PROFILE_OPTIONS_INIT`; a field left zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_profile_options {
    /// `sizeof(gc_profile_options)` as the host was compiled.
    pub struct_size: usize,
    /// `GC_PROFILE_*` together; 0: `GC_PROFILE_SITES`.
    pub flags: u32,
    /// Must be zero.
    pub reserved: u32,
    /// With stacks: bytes allocated between two samples, on average. 0: 512 KiB.
    pub sample_bytes: u64,
    /// Frames of a stack at most, up to 128. 0: 64.
    pub depth: u32,
    /// One of `GC_STACKS_*`.
    pub stacks: u32,
    /// Where the random numbers begin that choose the samples. 0: somewhere.
    pub seed: u64,
    /// Tells the frames of an interpreter; null: there are none.
    pub frames: gc_frames_fn,
    /// Given to `frames`.
    pub frames_ctx: *mut c_void,
}

/// The running totals of a profile. Without `GC_PROFILE_SITES` only what lives is known. Start from `GC_PROFILE_STATS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_profile_stats {
    /// `sizeof(gc_profile_stats)` as the host was compiled.
    pub struct_size: usize,
    /// Objects that live.
    pub live_objects: u64,
    /// Bytes of objects that live, with headers and rounding.
    pub live_bytes: u64,
    /// The most bytes that lived at once since the profile began, or since `gc_profile_reset_peak`.
    pub peak_bytes: u64,
    /// Objects made since it began.
    pub allocated_objects: u64,
    /// Bytes of objects made since it began, with headers and rounding.
    pub allocated_bytes: u64,
    /// Objects ended since it began, whenever they were made.
    pub freed_objects: u64,
    /// Bytes of objects ended since it began.
    pub freed_bytes: u64,
    /// The serial number of the object made last; the first one has 1.
    pub serial: u64,
    /// Sites with objects.
    pub sites: u64,
    /// Objects whose site could not be kept for want of address space; they are counted as made before.
    pub lost_objects: u64,
    /// Scopes that were to leave nothing behind, and did.
    pub scope_violations: u64,
    /// Memory that the profile itself takes.
    pub own_bytes: u64,
    /// Nanoseconds since it began.
    pub duration_ns: u64,
    /// Stacks that were taken.
    pub samples: u64,
    /// Stacks for which there was no memory.
    pub lost_samples: u64,
}

/// Starts the profile of a heap. Objects that live now are counted as one site, "made before the profile
/// began"; their headers are written once.
///
/// Memory: 8 bytes for each block of the heap's pages, and 512 bytes for each site. It ends with
/// `gc_profile_stop`, and with the heap.
///
/// Ownership: nothing; the options are copied. Null means the defaults.
/// Fails: RC_ERR_IN_USE when it is on already; RC_ERR_REFUSED inside a callback of a collection and where host code may
/// only look (rcgc/heap.h); RC_ERR_INVALID for a bad size or flag; RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_start(
    heap: *mut gc_heap,
    options: *const gc_profile_options,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_profile_start", heap)?;
        let wanted = if options.is_null() {
            profile::Options::EXACT
        } else {
            wanted(call, &call.read(options, 16, "options: ")?)?
        };
        let _pin = Pin::on(call.heap);
        profile::start(call.heap, &wanted).or_else(|why| refused(call, why))
    })
}

/// Ends the profile of a heap, and forgets all that it counted. Without one, nothing happens.
///
/// Fails: fatal where host code may only look (rcgc/heap.h).
#[no_mangle]
pub unsafe extern "C" fn gc_profile_stop(heap: *mut gc_heap) {
    if let Ok(call) = Call::on("gc_profile_stop", heap) {
        call.must_not_look();
        let _pin = Pin::on(call.heap);
        profile::stop(call.heap);
    }
}

/// The flags of the profile; 0: it is off.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_flags(heap: *mut gc_heap) -> u32 {
    match Call::on("gc_profile_flags", heap).map(|call| profile::of(call.heap)) {
        Ok(profile) if !profile.is_null() => (*profile).options.flags,
        _ => 0,
    }
}

/// Forgets what was counted and goes on: what lives now is counted as made before.
///
/// Fails: RC_ERR_REFUSED where `gc_profile_start` is refused, and when the profile is off; RC_ERR_NO_MEMORY: then
/// it is off.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_clear(heap: *mut gc_heap) -> rc_status {
    status(|| {
        let call = Call::on("gc_profile_clear", heap)?;
        profile_of(call)?;
        let _pin = Pin::on(call.heap);
        profile::reset(call.heap).or_else(|why| refused(call, why))
    })
}

/// Puts the peaks, that of the heap and those of the sites, down to what lives now.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_reset_peak(heap: *mut gc_heap) {
    if let Ok(profile) = Call::on("gc_profile_reset_peak", heap).and_then(|call| profile_of(call)) {
        (*profile).reset_peak();
    }
}

/// Writes the running totals; `struct_size` must be set.
///
/// Fails: RC_ERR_INVALID for a bad size; RC_ERR_REFUSED when the profile is off.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_get(
    heap: *mut gc_heap,
    out_stats: NonNull<gc_profile_stats>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_profile_get", heap)?;
        let profile = profile_of(call)?;
        call.needs(!out_stats.0.is_null(), "out_stats is null")?;
        call.put(out_stats.0, &stats_of(call.heap, &*profile), "")
    })
}

/// As `rc_new`, with the place that asks, which is counted while the heap is profiled. `RC_NEW(type)` calls it.
///
/// Ownership: the caller owns the one reference. The site must live as long as somebody allocates with it; its texts are
/// copied when it is numbered.
/// May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
/// Runs host code: what a collection runs.
/// Fails: as `rc_new`. A null site is that of plain `rc_new`.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_new_at(type_: NonNull<rc_type>, site: *mut rc_site) -> *mut c_void {
    if !looks_live(type_.0) {
        return new_at_checked(type_.0, site);
    }
    // Profiled types never have a ration, and those that have one need no site.
    if (*type_.0).ration == 0 {
        return quick::new_at(type_.0, site as *const Site);
    }
    alloc::new(type_.0)
}

/// As `rc_new_array`, with the place that asks. `RC_NEW_ARRAY(type, n)` calls it.
///
/// Ownership: the caller owns the one reference; the site as in `rc_new_at`.
/// May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
/// Runs host code: what a collection runs.
/// Fails: as `rc_new_array`. A null site is that of plain `rc_new_array`.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_new_array_at(
    type_: NonNull<rc_type>,
    n: usize,
    site: *mut rc_site,
) -> *mut c_void {
    let ty = type_for_new("rc_new_array_at", type_.0);
    tail_checked("rc_new_array_at", ty, n);
    if (*ty).flags.contains(TypeFlags::PROFILED) {
        birth::new_array(ty, n, site as *const Site)
    } else {
        alloc::new_array(ty, n)
    }
}

/// Where an object comes from. Start from `GC_ORIGIN_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_origin {
    /// `sizeof(gc_origin)` as the host was compiled.
    pub struct_size: usize,
    /// The number of its site.
    pub site: u32,
    /// The line; 0 where the site is no place.
    pub line: u32,
    /// The file; null where the site is no place.
    pub file: *const c_char,
    /// The function; of plain `rc_new` the name of the type, else of no place what it is instead.
    pub function: *const c_char,
    /// Its serial number; 0: made before the profile began.
    pub serial: u64,
    /// Objects made since it was.
    pub age_objects: u64,
    /// About when it was made, in nanoseconds of the monotonic clock: not before, and at most a 256th of the
    /// objects made so far later. 0: made before the profile began.
    pub birth_ns: u64,
}

/// Where an object comes from, and since when it lives; `struct_size` must be set.
///
/// Ownership: nothing; the texts live until the program ends.
/// Fails: RC_ERR_INVALID for a bad size; RC_ERR_REFUSED when its heap is not profiled; fatal for what is not a
/// live object.
#[no_mangle]
pub unsafe extern "C" fn gc_object_site(obj: NonNull<c_void>, out_origin: NonNull<gc_origin>) -> rc_status {
    status(|| {
        let (call, _) = Call::of_heap_object("gc_object_site", obj)?;
        let profile = profile::exact(call.heap);
        if profile.is_null() {
            let name = CText((*call.heap).name());
            return call.refuse(RC_ERR_REFUSED, format_args!("heap {name} is not profiled by sites"));
        }
        call.needs(!out_origin.0.is_null(), "out_origin is null")?;
        let record = record::get(range::page_of(obj.0 as usize), obj.0);
        let location = site::location(record.site());
        let origin = gc_origin {
            struct_size: size_of::<gc_origin>(),
            site: record.site(),
            line: location.map_or(0, |location| location.line),
            file: location.map_or(core::ptr::null(), |location| location.file),
            function: location.map_or(core::ptr::null(), |location| location.function),
            serial: record.serial(),
            age_objects: (*profile).serial - record.serial(),
            birth_ns: if record.serial() == 0 { 0 } else { (*profile).clock.time_of(record.serial()) },
        };
        call.put(out_origin.0, &origin, "")
    })
}

const_assert_eq!(size_of::<Site>(), size_of::<rc_site>());
const_assert_eq!(GC_PROFILE_SITES | GC_PROFILE_STACKS, profile::ALL_FLAGS);

/// The heap's profile.
pub(super) unsafe fn profile_of(call: Call) -> Answer<*mut Profile> {
    let profile = profile::of(call.heap);
    if profile.is_null() {
        let name = CText((*call.heap).name());
        return call.refuse(RC_ERR_REFUSED, format_args!("heap {name} is not profiled"));
    }
    Ok(profile)
}

#[cold]
unsafe fn refused(call: Call, why: profile::Refused) -> Answer<()> {
    let (status, text) = match why {
        profile::Refused::IsOn => (RC_ERR_IN_USE, "is profiled already"),
        profile::Refused::Collecting => (RC_ERR_REFUSED, "is collecting"),
        profile::Refused::NoMemory => (RC_ERR_NO_MEMORY, "gets no memory for a profile"),
    };
    call.refuse(status, format_args!("heap {} {text}", CText((*call.heap).name())))
}

/// The profile that the host's options ask for.
unsafe fn wanted(call: Call, options: &gc_profile_options) -> Answer<profile::Options> {
    let unknown = options.flags & !profile::ALL_FLAGS;
    if unknown != 0 || options.reserved != 0 {
        return call.invalid(format_args!("flags {unknown:#x} are not known, or reserved is not zero"));
    }
    let mut wanted = profile::Options::EXACT;
    if options.flags != 0 {
        wanted.flags = options.flags;
    }
    let stacks = &mut wanted.stacks;
    if options.sample_bytes != 0 {
        stacks.mean = options.sample_bytes;
    }
    if options.depth != 0 {
        stacks.depth = options.depth;
    }
    let modes = [Mode::Auto, Mode::Pointers, Mode::Unwind, Mode::None];
    let Some(mode) = modes.into_iter().find(|&mode| mode as u32 == options.stacks) else {
        return call.invalid("options: stacks is none of GC_STACKS_*");
    };
    stacks.mode = mode;
    call.needs(
        stacks.depth as usize <= DEPTH_MAX && stacks.mean <= 1 << 40,
        "options: depth is more than 128, or sample_bytes more than a TiB",
    )?;
    stacks.seed = options.seed;
    // The two differ in the type of a pointer to a struct of one layout, `rc_site` and `Site`.
    stacks.frames = core::mem::transmute::<gc_frames_fn, Option<FramesFn>>(options.frames);
    stacks.ctx = options.frames_ctx;
    Ok(wanted)
}

unsafe fn stats_of(heap: *mut gc_heap, profile: &Profile) -> gc_profile_stats {
    let mut sites = 0;
    profile.book.each(|_, _| sites += 1);
    let exact = profile.options.flags & profile::SITES != 0;
    let (mut samples, mut lost_samples) = (0, 0);
    if !profile.samples.is_null() {
        samples = (*profile.samples).buckets.as_slice().iter().map(|bucket| bucket.samples).sum();
        lost_samples = (*profile.samples).lost;
    }
    gc_profile_stats {
        struct_size: size_of::<gc_profile_stats>(),
        live_objects: if exact { profile.live_objects() } else { (*heap).live_objects() },
        live_bytes: if exact { profile.live_bytes } else { (*heap).live_bytes() },
        peak_bytes: profile.peak_bytes,
        allocated_objects: profile.serial,
        allocated_bytes: profile.allocated_bytes,
        freed_objects: profile.freed_objects,
        freed_bytes: profile.freed_bytes(),
        serial: profile.serial,
        sites,
        lost_objects: profile.lost_objects,
        scope_violations: profile.measures.violations,
        own_bytes: profile.own_bytes() + if exact { record::bytes_of(heap) } else { 0 },
        duration_ns: crate::sys::now_ns() - profile.started_ns,
        samples,
        lost_samples,
    }
}

#[cold]
#[inline(never)]
unsafe fn new_at_checked(ty: *mut rc_type, site: *mut rc_site) -> *mut c_void {
    birth::new_at(type_checked("rc_new_at", ty), site as *const Site)
}
