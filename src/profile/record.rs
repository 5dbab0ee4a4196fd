//! The table beside the objects: 8 bytes for each block, its site and its serial number.
//!
//! ```text
//!   63        62          40 39                    0
//!   | sampled | site's number | serial number        |      0: not made under a profile
//!
//!   records + page * 32 KiB + number of the block in its page * 8
//! ```
//!
//! One table for the process, as long as any heap is profiled, in a reservation of half the range's size: a
//! page of the smallest blocks has 4096. It lies dense at the beginning of each page's part, so it touches 8
//! bytes an object. It is committed from its beginning, as far as profiled objects lie.
//!
//! A record is zeroed when its object ends, so a block that is used again, by another size class too, begins
//! with none; what a heap leaves behind when its profile ends is zeroed then.

use crate::base::promised;
use crate::heap::Heap;
use crate::memory::page::{Kind, Page, FIRST_OFFSET, PAGE_BYTES};
use crate::memory::range::{self, GRANULE_BYTES, RANGE};
use crate::sys::{self, lock};
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

const SERIAL_BITS: u32 = 40;
const SAMPLED: u64 = 1 << 63;
const SERIAL_MASK: u64 = (1 << SERIAL_BITS) - 1;
/// Records of a page.
const PAGE_RECORDS: usize = PAGE_BYTES / GRANULE_BYTES;
const RECORD_BYTES: usize = size_of::<Record>();
/// Bytes of a page's records.
const PAGE_RECORD_BYTES: usize = PAGE_RECORDS * RECORD_BYTES;
/// Pages whose records are committed at a time.
const STEP_PAGES: usize = 64;

/// What is known of one object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record(u64);

impl Record {
    /// Nothing.
    pub const NONE: Record = Record(0);

    /// A site and a serial number.
    pub const fn new(site: u32, serial: u64) -> Self {
        Record((site as u64) << SERIAL_BITS | serial & SERIAL_MASK)
    }

    /// The site's number; [`super::site::BEFORE`] of nothing.
    pub const fn site(self) -> u32 {
        ((self.0 & !SAMPLED) >> SERIAL_BITS) as u32
    }

    /// This record, of an object whose stack was taken.
    pub const fn sampled(self) -> Self {
        Record(self.0 | SAMPLED)
    }

    /// Whether the object's stack was taken.
    pub const fn is_sampled(self) -> bool {
        self.0 & SAMPLED != 0
    }

    /// The serial number; 0 of nothing.
    pub const fn serial(self) -> u64 {
        self.0 & SERIAL_MASK
    }
}

// ORDER: of the table, but for `committed_pages`: relaxed: written under `lock::RECORDS`. Read without it, `base` behind
// `committed_pages` by heaps that are profiled, whose profile keeps it as it is, and `users` by `forget`, which looks again.
struct Table {
    /// Null when nobody is profiled.
    base: AtomicPtr<Record>,
    /// Pages whose records can be written.
    committed_pages: AtomicUsize,
    /// Pages whose records were reserved.
    reserved_pages: AtomicUsize,
    /// Heaps that are profiled.
    users: AtomicUsize,
}

static TABLE: Table = Table {
    base: AtomicPtr::new(ptr::null_mut()),
    committed_pages: AtomicUsize::new(0),
    reserved_pages: AtomicUsize::new(0),
    users: AtomicUsize::new(0),
};

/// A heap is going to be profiled. False for want of address space.
///
/// # Safety
/// - The range exists.
pub unsafe fn begin() -> bool {
    let _guard = lock::RECORDS.lock();
    // ORDER: relaxed, under the lock; as at `Table`.
    if TABLE.users.load(Ordering::Relaxed) == 0 {
        let mut pages = RANGE.size / PAGE_BYTES;
        let least = (range::committed() / PAGE_BYTES * 2).max(STEP_PAGES).min(pages);
        let base = loop {
            match sys::reserve(pages * PAGE_RECORD_BYTES) {
                Some(base) => break base,
                None if pages / 2 < least => return false,
                None => pages /= 2,
            }
        };
        TABLE.base.store(base as *mut Record, Ordering::Relaxed);
        TABLE.reserved_pages.store(pages, Ordering::Relaxed);
    }
    TABLE.users.fetch_add(1, Ordering::Relaxed);
    true
}

/// A heap is not profiled any more.
///
/// # Safety
/// - `begin` was called for it, and nobody uses a record of its objects.
pub unsafe fn end(heap: *mut Heap) {
    let _guard = lock::RECORDS.lock();
    // ORDER: relaxed, under the lock; as at `Table`.
    let base = TABLE.base.load(Ordering::Relaxed);
    if TABLE.users.fetch_sub(1, Ordering::Relaxed) == 1 {
        sys::unreserve(base as *mut u8, TABLE.reserved_pages.load(Ordering::Relaxed) * PAGE_RECORD_BYTES);
        TABLE.base.store(ptr::null_mut(), Ordering::Relaxed);
        TABLE.committed_pages.store(0, Ordering::Relaxed);
        return;
    }
    let committed = TABLE.committed_pages.load(Ordering::Relaxed);
    (*heap).space.each_page(|page| {
        let index = (*page).index() as usize;
        if index < committed {
            let records = base.add(index * PAGE_RECORDS) as *mut u8;
            if !sys::decommit(records, PAGE_RECORD_BYTES) {
                ptr::write_bytes(records, 0, PAGE_RECORD_BYTES);
            }
        }
    });
}

/// The library goes: gives the table back.
///
/// # Safety
/// - No thread is in the library.
pub unsafe fn unmake() {
    let _guard = lock::RECORDS.lock();
    // ORDER: relaxed, under the lock; as at `Table`.
    let base = TABLE.base.swap(ptr::null_mut(), Ordering::Relaxed);
    if !base.is_null() {
        sys::unreserve(base as *mut u8, TABLE.reserved_pages.load(Ordering::Relaxed) * PAGE_RECORD_BYTES);
    }
    TABLE.committed_pages.store(0, Ordering::Relaxed);
    TABLE.users.store(0, Ordering::Relaxed);
}

/// Pages go back to the system, without objects: so does the memory of their records, which are zero.
///
/// # Safety
/// - The pages are one heap's, and hold nothing.
pub unsafe fn forget(first: usize, count: usize) {
    // ORDER: relaxed: a profile that begins at this moment has no record in pages of this heap; as at `Table`.
    if TABLE.users.load(Ordering::Relaxed) == 0 {
        return;
    }
    let _guard = lock::RECORDS.lock();
    let end = (first + count).min(TABLE.committed_pages.load(Ordering::Relaxed));
    let base = TABLE.base.load(Ordering::Relaxed) as *mut u8;
    if first < end && !base.is_null() {
        // A refusal costs memory only.
        let _ = sys::decommit(base.add(first * PAGE_RECORD_BYTES), (end - first) * PAGE_RECORD_BYTES);
    }
}

/// Whether the records of a page can be written.
///
/// # Safety
/// - `page` is a page of the range.
#[inline(always)]
pub unsafe fn is_committed(page: *const Page) -> bool {
    // ORDER: acquires what `commit` released: who sees the number sees the pages as writable, and where they lie.
    ((*page).index() as usize) < TABLE.committed_pages.load(Ordering::Acquire)
}

/// Where an object's record is; null when it was never committed.
///
/// # Safety
/// - The page's heap is profiled by sites: the table stays for as long. `obj` is an object of `page`.
#[inline(always)]
pub unsafe fn entry(page: *const Page, obj: *mut c_void) -> *mut Record {
    match is_committed(page) {
        true => entry_committed(page, obj),
        false => ptr::null_mut(),
    }
}

/// As [`entry`], of a page whose records can be written.
///
/// # Safety
/// - As [`entry`].
#[inline(always)]
pub unsafe fn entry_committed(page: *const Page, obj: *mut c_void) -> *mut Record {
    promised!(is_committed(page));
    promised!(ptr::eq(range::page_of(obj as usize), page));
    let offset = (obj as usize - (*page).start) as u64 - FIRST_OFFSET as u64;
    // The one block of a large page has offset 0.
    let number = ((offset * (*page).reciprocal as u64) >> 32) as usize;
    let index = (*page).index() as usize;
    // ORDER: relaxed, behind `is_committed`; as at `Table`.
    TABLE.base.load(Ordering::Relaxed).wrapping_add(index * PAGE_RECORDS + number)
}

/// As [`entry`], for an object that is being made: makes the record if there is room for it.
///
/// # Safety
/// - As [`entry`].
#[inline(always)]
pub unsafe fn entry_new(page: *const Page, obj: *mut c_void) -> *mut Record {
    let found = entry(page, obj);
    if !found.is_null() || !commit((*page).index() as usize + 1) {
        return found;
    }
    entry(page, obj)
}

/// The record of an object of a heap that may not be profiled: then the table may go at any time, with the profile of
/// another heap in another thread.
///
/// # Safety
/// - `obj` is an object of `page`, which is the heap's.
pub unsafe fn of(heap: *mut Heap, page: *const Page, obj: *mut c_void) -> Record {
    match super::exact(heap).is_null() {
        true => Record::NONE,
        false => get(page, obj),
    }
}

/// The record of an object.
///
/// # Safety
/// - As [`entry`].
pub unsafe fn get(page: *const Page, obj: *mut c_void) -> Record {
    let entry = entry(page, obj);
    if entry.is_null() {
        Record::NONE
    } else {
        *entry
    }
}

/// Makes the records of so many pages writable. False when the system refuses, or there was no room.
#[cold]
#[inline(never)]
unsafe fn commit(pages: usize) -> bool {
    let _guard = lock::RECORDS.lock();
    // ORDER: relaxed, under the lock; as at `Table`.
    let committed = TABLE.committed_pages.load(Ordering::Relaxed);
    let reserved = TABLE.reserved_pages.load(Ordering::Relaxed);
    if pages <= committed {
        return true;
    }
    let ahead = (pages + (pages / 8).max(STEP_PAGES)).min(reserved);
    let base = TABLE.base.load(Ordering::Relaxed) as *mut u8;
    if pages > reserved
        || !sys::commit(base.add(committed * PAGE_RECORD_BYTES), (ahead - committed) * PAGE_RECORD_BYTES)
    {
        return false;
    }
    // ORDER: releases the pages to who acquires in `is_committed`.
    TABLE.committed_pages.store(ahead, Ordering::Release);
    true
}

/// Bytes of the records of a heap's blocks.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn bytes_of(heap: *mut Heap) -> u64 {
    let mut blocks = 0;
    (*heap).space.each_page(|page| {
        blocks += if (*page).kind == Kind::Small { (*page).count_handed_out() as u64 } else { 1 };
    });
    blocks * RECORD_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_both_numbers() {
        for site in [0, 1, (1 << 23) - 1] {
            for serial in [0, 1, SERIAL_MASK] {
                let record = Record::new(site, serial);
                assert_eq!((record.site(), record.serial()), (site, serial));
                let sampled = record.sampled();
                assert_eq!((sampled.site(), sampled.serial()), (site, serial));
                assert!(sampled.is_sampled() && !record.is_sampled());
            }
        }
        assert_eq!(Record::NONE.site(), super::super::site::BEFORE);
    }
}
