//! Stacks under byte sampling: how many bytes each call stack allocated, and keeps, estimated from few objects.
//!
//! **Which objects.** Bytes are passed by a Poisson process with `mean` bytes between two points; an object in which a
//! point falls is sampled. So an object of s bytes is sampled with probability p(s) = 1 - e^(-s / mean), whatever was
//! allocated before. With exact counters on, every allocation passes here, and there is one process for the heap. Else
//! allocation must not be slowed, and each type has a process of its own: its ration ends before the object in which
//! the next point falls. Independent processes of one rate are together a process of the sum.
//!
//! **What it stands for.** Each sample is weighted by 1 / p(s) of its own size before anything is added up: the sum
//! over a stack is then unbiased whatever sizes are mixed there, which dividing a sum by some p of a mean size is not.
//! Weights are whole numbers of 2^-20 objects, so that what is added at a birth is taken off at the death exactly.
//!
//! **Live samples** are in a table by the object's granule; a sampled object has the flag SIDE, by which its end
//! comes past [`ended`].

use super::math::{one_minus_exp, Random};
use super::site::{self, Site};
use super::stack::{Frames, Mode, Walker, DEPTH_MAX};
use super::{birth, entry, Profile};
use crate::alloc;
use crate::base::index::{mix, Index};
use crate::base::list::List;
use crate::base::promised;
use crate::base::table::{Entry, Table};
use crate::header::{self, Flags};
use crate::host;
use crate::memory::range;
use crate::object;
use crate::sys;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// Bytes between two samples on average when the host does not say.
pub const MEAN_BYTES: u64 = 512 << 10;
/// Frames of a stack when the host does not say.
pub const DEPTH: u32 = 64;
/// Parts of an object that weights are counted in.
const UNIT: f64 = (1u64 << 20) as f64;
/// No type.
pub const NO_TYPE: u32 = u32::MAX;
/// A frame that is a site of the host's, not an address.
pub const HOST_FRAME: u64 = 1 << 63;

/// Tells the frames of an interpreter; how many it gave.
pub type FramesFn = unsafe extern "C" fn(*mut *const Site, usize, *mut c_void) -> usize;

/// How stacks are sampled.
#[derive(Clone, Copy)]
pub struct Options {
    /// Bytes between two samples on average.
    pub mean: u64,
    /// See [`Mode`].
    pub mode: Mode,
    /// Frames of a stack at most.
    pub depth: u32,
    /// Where random numbers begin; 0: somewhere.
    pub seed: u64,
    /// What the host says of its own frames.
    pub frames: Option<FramesFn>,
    /// Given to it.
    pub ctx: *mut c_void,
}

/// One stack: its frames lie in [`Samples::frames`].
#[derive(Clone, Copy)]
pub struct StackEntry {
    /// Number of its first frame.
    pub start: usize,
    /// How many frames it has.
    pub len: u32,
    hash: u32,
}

/// What one type allocated at one stack.
#[derive(Clone, Copy)]
pub struct Bucket {
    /// The stack's number.
    pub stack: u32,
    /// The name of the type, as a site's number.
    pub name: u32,
    /// The type's index; [`NO_TYPE`] when it has ended.
    pub type_index: u32,
    /// The number of the type's bucket before + 1; 0: none.
    before: u32,
    hash: u32,
    /// Samples taken.
    pub samples: u64,
    /// Samples whose object lives.
    pub live_samples: u64,
    /// An estimate of the objects made, in units of 2^-20 objects.
    pub objects: u64,
    /// An estimate of the bytes made.
    pub bytes: u64,
    /// The same of what lives.
    pub live_objects: u64,
    /// As `live_objects`.
    pub live_bytes: u64,
    /// An unbiased estimate of the variance of `bytes`.
    pub variance: f64,
}

/// An object that was sampled and lives.
#[derive(Clone, Copy)]
pub struct Live {
    /// The object.
    pub granule: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its bucket.
    pub bucket: u32,
}

impl Entry for Live {
    fn key(&self) -> u64 {
        self.granule
    }
}

/// The samples of one heap. Zeroed memory, then [`Samples::begin`].
pub struct Samples {
    options: Options,
    random: Random,
    walker: Walker,
    /// All frames of all stacks.
    pub frames: List<u64>,
    /// Stacks that differ.
    pub stacks: List<StackEntry>,
    /// By hash: a stack's number + 1.
    stack_index: Index,
    /// Stack and type.
    pub buckets: List<Bucket>,
    bucket_index: Index,
    /// The sampled objects that live.
    live: Table<Live>,
    /// Samples that found no memory.
    pub lost: u64,
    /// The host is telling its frames.
    asking: bool,
}

impl Samples {
    /// Fills zeroed memory.
    ///
    /// Returns how many bytes may be allocated before a point falls, if they are all counted.
    pub fn begin(&mut self, options: &Options) -> u64 {
        self.options = *options;
        self.random = Random(match options.seed {
            0 => sys::now_ns() ^ (self as *const Samples as u64) << 20,
            seed => seed,
        });
        self.walker.begin(options.mode, options.depth as usize);
        self.random.gap(options.mean) as u64 + 1
    }

    /// How it was asked to sample.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Bytes of all this.
    pub fn own_bytes(&self) -> u64 {
        self.frames.own_bytes()
            + self.stacks.own_bytes()
            + self.buckets.own_bytes()
            + self.stack_index.own_bytes()
            + self.bucket_index.own_bytes()
            + self.live.own_bytes()
    }

    /// A type ends; another one may get its index.
    ///
    /// # Safety
    /// - The type is one of the heap's.
    pub unsafe fn forget_type(&mut self, ty: &Type) {
        let mut number = (*ty.rare()).profiled.bucket;
        while let Some(bucket) = self.buckets.get_mut((number as usize).wrapping_sub(1)) {
            bucket.type_index = NO_TYPE;
            number = bucket.before;
        }
    }

    /// Where code lies.
    pub fn walker(&self) -> &Walker {
        &self.walker
    }

    /// How many objects of a type may be made before the one that is sampled, which may be none.
    fn objects_left(&mut self, ty: &Type) -> u64 {
        let mean = self.options.mean;
        let objects = (self.random.gap(mean) / ty.stride as f64) as u64;
        // SAFETY: a live type has its rare part.
        let next = unsafe { &mut (*ty.rare()).profiled.next };
        if *next == 0 {
            *next = ty.allocated() + objects.min(1 << 62) + 1;
        }
        (*next - 1).saturating_sub(ty.allocated())
    }

    /// Whether a point falls into an object of a type whose objects differ in size.
    fn falls_into(&mut self, ty: &Type, bytes: u64) -> bool {
        let gap = self.random.gap(self.options.mean) as u64 + 1;
        // SAFETY: a live type has its rare part.
        let left = unsafe { &mut (*ty.rare()).profiled.next };
        if *left == 0 {
            *left = gap;
        }
        let falls = bytes >= *left;
        *left -= bytes.min(*left - 1);
        falls
    }

    /// The number of a stack; None for out of memory.
    fn stack_number(&mut self, frames: &[u64]) -> Option<u32> {
        let hash = frames.iter().fold(0, |hash, &frame| mix(hash, frame)) as u32;
        let (stacks, all) = (&self.stacks, &self.frames);
        let same = |number: u32| {
            stacks.get(number as usize).is_some_and(|stack| {
                let end = stack.start + stack.len as usize;
                stack.hash == hash && all.as_slice().get(stack.start..end) == Some(frames)
            })
        };
        if let Some(number) = self.stack_index.find(hash, same) {
            return Some(number);
        }
        let number = self.stacks.len() as u32;
        let enough = self.frames.reserve(frames.len()) && self.stacks.reserve(1);
        if !enough || !self.stack_index.enter(hash, number, |old| stacks_hash(&self.stacks, old)) {
            return None;
        }
        let start = self.frames.len();
        // There is room for all of them.
        frames.iter().for_each(|&frame| drop_bool(self.frames.push(frame)));
        drop_bool(self.stacks.push(StackEntry { start, len: frames.len() as u32, hash }));
        Some(number)
    }

    fn bucket_number(&mut self, stack: u32, name: u32, ty: &Type) -> Option<u32> {
        // Types may have one name, and one stack may make objects of all of them.
        let hash = mix(mix(stack as u64, name as u64), ty.index as u64) as u32;
        let Samples { buckets, bucket_index, .. } = self;
        let same = |number: u32| {
            buckets.get(number as usize).is_some_and(|bucket| {
                bucket.stack == stack && bucket.name == name && bucket.type_index == ty.index
            })
        };
        if let Some(number) = bucket_index.find(hash, same) {
            return Some(number);
        }
        let number = buckets.len() as u32;
        if !buckets.reserve(1) {
            return None;
        }
        let hash_of = |old: u32| buckets.get(old as usize).map_or(0, |bucket| bucket.hash);
        if !bucket_index.enter(hash, number, hash_of) {
            return None;
        }
        // SAFETY: a live type has its rare part.
        let before = unsafe { core::mem::replace(&mut (*ty.rare()).profiled.bucket, number + 1) };
        drop_bool(self.buckets.push(Bucket {
            stack,
            name,
            type_index: ty.index,
            before,
            hash,
            samples: 0,
            live_samples: 0,
            objects: 0,
            bytes: 0,
            live_objects: 0,
            live_bytes: 0,
            variance: 0.0,
        }));
        Some(number)
    }

    /// What an object of so many bytes stands for: units of objects, bytes, and its part of the variance.
    fn weight(&self, bytes: u64) -> (u64, u64, f64) {
        let size = bytes as f64;
        let p = one_minus_exp(size / self.options.mean as f64);
        let weight = 1.0 / p;
        let variance = (1.0 - p) * size * size * weight * weight;
        ((weight * UNIT + 0.5) as u64, (weight * size + 0.5) as u64, variance)
    }

    /// Enters an object that was sampled. False for out of memory.
    unsafe fn enter(&mut self, obj: *mut c_void, bytes: u64, frames: &[u64]) -> bool {
        let ty = &*object::type_of(obj);
        let name = site::number_of_type(ty.name().0);
        let Some(stack) = self.stack_number(frames) else { return false };
        let Some(number) = self.bucket_number(stack, name, ty) else { return false };
        let live = Live { granule: range::granule_of(obj), bytes, bucket: number };
        if !self.live.put(live) {
            return false;
        }
        let (units, weighted, variance) = self.weight(bytes);
        if let Some(bucket) = self.buckets.get_mut(number as usize) {
            bucket.samples += 1;
            bucket.live_samples += 1;
            bucket.objects += units;
            bucket.bytes += weighted;
            bucket.live_objects += units;
            bucket.live_bytes += weighted;
            bucket.variance += variance;
        }
        true
    }

    /// The sample of an object, if it was sampled and lives.
    ///
    /// # Safety
    /// - `obj` lies in the range.
    pub unsafe fn of_object(&self, obj: *mut c_void) -> Option<Live> {
        self.live.get(range::granule_of(obj))
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        self.walker.end();
        self.frames.end();
        self.stacks.end();
        self.stack_index.end();
        self.buckets.end();
        self.bucket_index.end();
        self.live.end();
    }
}

fn stacks_hash(stacks: &List<StackEntry>, number: u32) -> u32 {
    stacks.get(number as usize).map_or(0, |stack| stack.hash)
}

/// Ignores an outcome that is known.
fn drop_bool(_: bool) {}

/// Makes an object of a type that is sampled and not counted exactly: its ration ends before the object that is
/// sampled.
///
/// # Safety
/// - As `alloc::new_array`; the type is SAMPLED and not PROFILED.
#[inline(never)]
pub unsafe fn make(ty: *mut Type, length: usize) -> *mut c_void {
    promised!((*ty).flags.contains(TypeFlags::SAMPLED));
    if (*ty).flags.contains(TypeFlags::COUNT_BYTES) {
        return new_array_slow(ty, length);
    }
    if (*ty).ration != 0 && !(*ty).run.is_empty() {
        return alloc::new(ty);
    }
    match objects_left(ty) {
        0 if (*ty).ration == 0 => entry::new_sampled(ty, ptr::null()),
        left => alloc::new_within(ty, left.min(u32::MAX as u64) as u32),
    }
}

unsafe fn objects_left(ty: *mut Type) -> u64 {
    let samples = (*super::of((*ty).heap)).samples;
    match (*samples).asking {
        // What the host allocates while it gives its frames is not sampled.
        true => u64::MAX,
        false => (*samples).objects_left(&*ty),
    }
}

/// As [`make`], for types whose objects differ in size.
#[inline(never)]
unsafe fn new_array_slow(ty: *mut Type, length: usize) -> *mut c_void {
    let samples = (*super::of((*ty).heap)).samples;
    let falls = !(*samples).asking
        && alloc::bytes_of(&*ty, length).is_some_and(|bytes| (*samples).falls_into(&*ty, bytes as u64));
    match falls {
        true => entry::new_array_sampled(ty, length, ptr::null()),
        false => alloc::new_sized(ty, length, false),
    }
}

/// Makes an object and enters its stack. From [`entry`].
///
/// # Safety
/// - As `birth::new_at`.
pub unsafe fn new(ty: *mut Type, site: *const Site, frame: usize, back: usize) -> *mut c_void {
    let mut frames = Frames::new();
    take_stack(ty, frame, back, &mut frames);
    let obj = match (*ty).flags.contains(TypeFlags::PROFILED) {
        true => birth::new(ty, site),
        false => alloc::new_within(ty, 1),
    };
    enter(ty, obj, &frames);
    obj
}

/// As [`new`], with a trailing array.
///
/// # Safety
/// - As `birth::new_array`.
pub unsafe fn new_array(
    ty: *mut Type,
    length: usize,
    site: *const Site,
    frame: usize,
    back: usize,
) -> *mut c_void {
    let mut frames = Frames::new();
    take_stack(ty, frame, back, &mut frames);
    let obj = match (*ty).flags.contains(TypeFlags::PROFILED) {
        true => birth::new_array_here(ty, length, site),
        false => alloc::new_sized(ty, length, false),
    };
    enter(ty, obj, &frames);
    obj
}

/// Host's frames first, which are inside, then native ones.
unsafe fn take_stack(ty: *mut Type, frame: usize, back: usize, frames: &mut Frames) {
    let heap = (*ty).heap;
    let samples = (*super::of(heap)).samples;
    let options = *(*samples).options();
    if let Some(function) = options.frames {
        let mut sites = [ptr::null::<Site>(); DEPTH_MAX];
        (*samples).asking = true;
        // Nothing that is allocated meanwhile is sampled.
        (*super::of(heap)).due_bytes = u64::MAX;
        let mut count = 0;
        alloc::while_pinned(ty, true, |heap| {
            count = host::call_alone(heap, || function(sites.as_mut_ptr(), sites.len(), options.ctx));
            true
        });
        for &site in sites.get(..count.min(DEPTH_MAX)).unwrap_or(&[]) {
            if !site.is_null() {
                let number = site::number_of_constant("gc_frames_fn", site);
                frames.push(HOST_FRAME | number as u64, options.depth as usize);
            }
        }
        // It may have stopped the profile, and started another one.
        if super::of(heap).is_null() || (*super::of(heap)).samples != samples {
            return;
        }
        (*samples).asking = false;
    }
    let mut native = Frames::new();
    (*samples).walker.take(frame, back, &mut native);
    for &address in native.as_slice() {
        frames.push(address, options.depth as usize);
    }
}

/// Enters an object that was sampled, and draws where the next point falls.
unsafe fn enter(ty: *mut Type, obj: *mut c_void, frames: &Frames) {
    let profile = super::of((*ty).heap);
    if profile.is_null() || (*profile).samples.is_null() {
        return;
    }
    let samples = &mut *(*profile).samples;
    let exact = (*ty).flags.contains(TypeFlags::PROFILED);
    if exact {
        let gap = samples.random.gap(samples.options.mean) as u64 + 1;
        (*profile).due_bytes = (*profile).allocated_bytes + gap;
    } else {
        (*(*ty).rare()).profiled.next = 0;
    }
    if obj.is_null() {
        return;
    }
    let bytes = (*range::page_of(obj as usize)).block_bytes() as u64;
    // With exact counters the record says at the end that there is a sample.
    if (exact && !birth::can_be_marked(obj)) || !samples.enter(obj, bytes, frames.as_slice()) {
        samples.lost += 1;
        return;
    }
    header::set_flags(obj, Flags::SIDE);
    if exact {
        birth::mark_sampled(obj);
    }
}

/// A sampled object ends.
///
/// # Safety
/// - The heap is sampled.
#[cold]
#[inline(never)]
pub unsafe fn ended(profile: &mut Profile, obj: *mut c_void) {
    let samples = &mut *profile.samples;
    let Some(live) = samples.live.take(range::granule_of(obj)) else { return };
    let (units, weighted, _) = samples.weight(live.bytes);
    if let Some(bucket) = samples.buckets.get_mut(live.bucket as usize) {
        bucket.live_samples -= 1;
        bucket.live_objects -= units;
        bucket.live_bytes -= weighted;
    }
}

/// A sampled object has moved; it stands for what it stood for when it was made.
///
/// # Safety
/// - As [`ended`].
pub unsafe fn moved(profile: &mut Profile, from: *mut c_void, to: *mut c_void) {
    let samples = &mut *profile.samples;
    if let Some(live) = samples.live.take(range::granule_of(from)) {
        // There is room: one was just taken.
        drop_bool(samples.live.put(Live { granule: range::granule_of(to), ..live }));
    }
}

/// Estimates count objects in this unit.
pub fn objects_of(units: u64) -> u64 {
    (units as f64 / UNIT + 0.5) as u64
}
