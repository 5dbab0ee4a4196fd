//! What is written when an object of a profiled heap is made, and when it ends.
//!
//! Both are on the way of every object of such a heap: at most 5 ns together is the goal, so they are
//! straight code over the object's record, its site's counters and the running totals.

use super::record::{self, Record};
use super::site::{self, Site};
use super::{entry, sample, Profile};
use crate::alloc;
use crate::base::promised;
use crate::header;
use crate::heap::{Heap, Phase};
use crate::life::finalizers;
use crate::memory::page::Page;
use crate::memory::range::{self, RANGE};
use crate::object;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// As `alloc::new` of a type without a ration, with the site that asks.
///
/// # Safety
/// - As `alloc::new`; `site` is null or a descriptor.
#[inline(never)]
pub unsafe fn new_at(ty: *mut Type, site: *const Site) -> *mut c_void {
    if !(*ty).flags.contains(TypeFlags::PROFILED) {
        return alloc::new(ty);
    }
    if (*ty).flags.contains(TypeFlags::COUNT_BYTES) {
        return new_array(ty, 0, site);
    }
    match is_due(ty, (*ty).stride as u64) {
        true => entry::new_sampled(ty, site),
        false => new(ty, site),
    }
}

/// Whether a point of the sampler's process falls into the next object.
#[inline(always)]
unsafe fn is_due(ty: *mut Type, bytes: u64) -> bool {
    let profile = super::of((*ty).heap);
    (*profile).allocated_bytes.saturating_add(bytes) >= (*profile).due_bytes
}

/// Makes an object of a profiled type whose objects have one size. Null for out of memory.
///
/// # Safety
/// - As `alloc::new`; `site` is null or a descriptor.
pub unsafe fn new(ty: *mut Type, site: *const Site) -> *mut c_void {
    let heap = (*ty).heap;
    let stride = (*ty).stride as usize;
    let _ = alloc::charge(ty, stride, true);
    if !(*ty).flags.contains(TypeFlags::PROFILED) {
        // Host code that `charge` ran stopped the profile.
        return alloc::new(ty);
    }
    if finalizers::is_queued(&*heap, &*ty) && !finalizers::reserve(heap, 1) {
        return ptr::null_mut();
    }
    (*ty).note_peak();
    if !alloc::fill(ty, (*ty).class, &raw mut (*ty).run, true) {
        return ptr::null_mut();
    }
    // Profiled types have no ration: each object is granted by itself.
    (*ty).granted += 1;
    let obj = (*ty).run.pop(stride as u32);
    header::store(obj, (*ty).header);
    alloc::zero(obj, stride);
    // An emergency collection may have stopped it, too.
    let profile = super::exact(heap);
    if !profile.is_null() {
        made(&mut *profile, obj, ty, stride as u64, site);
    }
    obj
}

/// As [`new`], for types whose objects differ in size.
///
/// # Safety
/// - As `alloc::new_array`; `site` is null or a descriptor.
#[inline(never)]
pub unsafe fn new_array(ty: *mut Type, length: usize, site: *const Site) -> *mut c_void {
    if !(*ty).flags.contains(TypeFlags::COUNT_BYTES) {
        return new_at(ty, site);
    }
    let sampled = (*ty).flags.contains(TypeFlags::SAMPLED)
        && alloc::bytes_of(&*ty, length).is_some_and(|bytes| is_due(ty, bytes as u64));
    match sampled {
        true => entry::new_array_sampled(ty, length, site),
        false => new_array_here(ty, length, site),
    }
}

/// As [`new_array`], not sampled.
///
/// # Safety
/// - As [`new_array`]; the type is COUNT_BYTES.
pub unsafe fn new_array_here(ty: *mut Type, length: usize, site: *const Site) -> *mut c_void {
    let obj = alloc::new_sized(ty, length, true);
    let profile = super::exact((*ty).heap);
    if !obj.is_null() && !profile.is_null() {
        let bytes = (*range::page_of(obj as usize)).block_bytes() as u64;
        made(&mut *profile, obj, ty, bytes, site);
    }
    obj
}

/// Enters a new object.
#[inline(always)]
unsafe fn made(profile: &mut Profile, obj: *mut c_void, ty: *mut Type, bytes: u64, site: *const Site) {
    let mut id = if site.is_null() { site_of_type(ty) } else { site::number("rc_new_at", site) };
    if !profile.book.reserve(id) {
        id = site::OTHER;
    }
    let entry = record::entry_new(range::page_of(obj as usize), obj);
    if entry.is_null() {
        // Its end will be booked where its missing record says.
        id = site::BEFORE;
        profile.lost_objects += 1;
    }
    let record = profile.enter(bytes, id);
    if !entry.is_null() {
        *entry = record;
    }
    profile.book.made(id, bytes, (*ty).index);
    if profile.serial >= profile.clock_serial {
        profile.clock_serial = profile.clock.note(profile.serial);
    }
}

impl Profile {
    /// The running totals of a new object; its record.
    #[inline(always)]
    pub fn enter(&mut self, bytes: u64, site: u32) -> Record {
        self.serial += 1;
        self.allocated_bytes += bytes;
        let live = self.live_bytes + bytes;
        self.live_bytes = live;
        if live > self.inner_peak_bytes {
            self.inner_peak_bytes = live;
            self.peak_bytes = self.peak_bytes.max(live);
        }
        Record::new(site, self.serial)
    }

    /// An object has become larger.
    fn grow(&mut self, site: u32, bytes: u64) {
        self.allocated_bytes += bytes;
        self.live_bytes += bytes;
        if self.live_bytes > self.inner_peak_bytes {
            self.inner_peak_bytes = self.live_bytes;
            self.peak_bytes = self.peak_bytes.max(self.live_bytes);
        }
        self.book.grew(site, bytes);
    }

    /// The running totals and the books of an object that ended.
    #[inline(always)]
    pub fn leave(&mut self, bytes: u64, record: Record) {
        self.freed_objects += 1;
        self.live_bytes -= bytes;
        self.book.ended(record.site(), bytes, self.serial - record.serial());
        if self.measures.is_any_open() {
            // SAFETY: whoever has the profile is in the heap.
            unsafe { self.measures.ended(record.serial(), bytes) };
        }
    }
}

#[inline(always)]
unsafe fn site_of_type(ty: *mut Type) -> u32 {
    match (*(*ty).rare()).profiled.site {
        0 => name_site_of_type(ty),
        id => id,
    }
}

#[cold]
#[inline(never)]
unsafe fn name_site_of_type(ty: *mut Type) -> u32 {
    let id = site::number_of_type((*ty).name().0);
    (*(*ty).rare()).profiled.site = id;
    id
}

/// An object ends that has the flag SIDE; `external` is what it kept elsewhere.
///
/// # Safety
/// - The heap is profiled; the object's header is as it was.
#[inline(always)]
pub unsafe fn ended(heap: *mut Heap, obj: *mut c_void, external: u64) {
    promised!(!super::of(heap).is_null());
    let profile = &mut *super::of(heap);
    if profile.options.flags & super::SITES == 0 {
        return sample::ended(profile, obj);
    }
    let page: *const Page = range::page_of(obj as usize);
    let bytes = (*page).block_bytes() as u64;
    let entry = record::entry(page, obj);
    let record = if entry.is_null() { Record::NONE } else { ptr::replace(entry, Record::NONE) };
    profile.leave(bytes, record);
    if record.is_sampled() {
        sample::ended(profile, obj);
    }
    // The table of working counts separates the dead of a collection from what dies in consequence.
    if (*heap).phase() != Phase::Idle && *RANGE.work.add(range::granule_of(obj) as usize) != 0 {
        profile.book.reclaimed(record.site());
    }
    if external != 0 {
        profile.book.external(record.site(), -(external as i64));
    }
}

/// An object with the flag SIDE has moved to a larger block: its record goes with it.
///
/// # Safety
/// - As [`ended`]; the header of the object is that of its new place, too.
pub unsafe fn moved(heap: *mut Heap, from: *mut c_void, to: *mut c_void) {
    let profile = &mut *super::of(heap);
    if profile.options.flags & super::SITES == 0 {
        return sample::moved(profile, from, to);
    }
    let (old, new): (*const Page, *const Page) = (range::page_of(from as usize), range::page_of(to as usize));
    let entry = record::entry(old, from);
    let record = if entry.is_null() { Record::NONE } else { ptr::replace(entry, Record::NONE) };
    let (before, bytes) = ((*old).block_bytes() as u64, (*new).block_bytes() as u64);
    if record == Record::NONE {
        // Made before the profile began, or its record was lost: booked as such, and it goes on to be.
        return profile.grow(record.site(), bytes - before);
    }
    let entry = record::entry_new(new, to);
    if entry.is_null() {
        // As in `made`: from here on it is one of those whose record is lost.
        if record.is_sampled() {
            sample::ended(profile, from);
        }
        profile.leave(before, record);
        profile.enter(bytes, site::BEFORE);
        profile.book.made(site::BEFORE, bytes, (*object::type_of(to)).index);
        profile.lost_objects += 1;
        return;
    }
    *entry = record;
    profile.grow(record.site(), bytes - before);
    if record.is_sampled() {
        sample::moved(profile, from, to);
    }
}

/// Whether an object has a record.
///
/// # Safety
/// - The heap counts exactly; `obj` is an object of it.
pub unsafe fn can_be_marked(obj: *mut c_void) -> bool {
    !record::entry(range::page_of(obj as usize), obj).is_null()
}

/// An object's stack was taken.
///
/// # Safety
/// - The heap counts exactly; `obj` is an object of it.
pub unsafe fn mark_sampled(obj: *mut c_void) {
    promised!(!super::exact((*object::type_of(obj)).heap).is_null());
    let entry = record::entry(range::page_of(obj as usize), obj);
    if !entry.is_null() {
        *entry = (*entry).sampled();
    }
}

/// The external bytes of an object changed.
///
/// # Safety
/// - As [`ended`].
pub unsafe fn external_changed(heap: *mut Heap, obj: *mut c_void, bytes: i64) {
    let profile = super::exact(heap);
    if !profile.is_null() {
        let record = record::get(range::page_of(obj as usize), obj);
        (*profile).book.external(record.site(), bytes);
    }
}
