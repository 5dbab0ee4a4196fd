//! The counters of one heap's sites, by their numbers in the process's list.

use crate::memory::range;
use crate::sys;
use crate::types::Type;
use core::ptr;

/// Buckets of a histogram of ages: bucket i counts objects that ended when at least 2^(i-1), and less than
/// 2^i, others had been made since. Serial numbers have 40 bits.
pub const AGE_BUCKETS: usize = 41;

/// What one site did. Zeroed memory is an unused site.
///
/// Numbers that change together do not stand side by side: the compiler would add to both with one wide load,
/// which waits for the two narrow stores before it (measured: 3 ns).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Counters {
    /// Objects made.
    pub allocated_objects: u64,
    /// The most bytes that lived at once.
    pub peak_bytes: u64,
    /// Bytes of objects made, with headers and rounding.
    pub allocated_bytes: u64,
    /// Objects ended.
    pub freed_objects: u64,
    /// The most objects that lived at once.
    pub peak_objects: u64,
    /// Bytes of objects ended.
    pub freed_bytes: u64,
    /// The type of the object made last.
    pub type_index: u32,
    /// Objects of another type were made here, too.
    mixed: bool,
    /// Of the objects ended, the ones that a collection found dead.
    pub reclaimed_objects: u64,
    /// Bytes that its live objects keep elsewhere, as their host told since the profile began.
    pub external_bytes: i64,
    /// See [`AGE_BUCKETS`].
    pub ages: [u64; AGE_BUCKETS],
    /// The serial number of the first type that had the index: when that one has ended, another one may have it.
    type_serial: u64,
    /// To a power of two: the counters of a number are found by a shift.
    spare: [u64; 13],
}

static_assertions::const_assert!(size_of::<Counters>().is_power_of_two());

impl Counters {
    /// Objects that live.
    pub fn live_objects(&self) -> u64 {
        self.allocated_objects - self.freed_objects
    }

    /// Their bytes.
    pub fn live_bytes(&self) -> u64 {
        self.allocated_bytes - self.freed_bytes
    }

    /// An object was made.
    #[inline(always)]
    pub fn made(&mut self, bytes: u64, type_index: u32) {
        self.allocated_objects += 1;
        self.allocated_bytes += bytes;
        let (objects, bytes) = (self.live_objects(), self.live_bytes());
        // Branches, not the greater of two: as a rule nothing is stored.
        if bytes > self.peak_bytes {
            self.peak_bytes = bytes;
        }
        if objects > self.peak_objects {
            self.peak_objects = objects;
        }
        if type_index != self.type_index {
            self.mixed |= self.allocated_objects != 1;
            self.type_index = type_index;
            // SAFETY: an object of the type has just been made.
            self.type_serial = unsafe { (*(*range::type_at(type_index as usize)).rare()).serial };
        }
    }

    /// The type of all objects that were made here; null when there are several, and when it has ended.
    ///
    /// # Safety
    /// - Objects were made here.
    pub unsafe fn ty(&self) -> *const Type {
        // The slot outlasts its type.
        let ty = range::type_at(self.type_index as usize);
        match !self.mixed && (*ty).is_live() && (*(*ty).rare()).serial == self.type_serial {
            true => ty,
            false => ptr::null(),
        }
    }

    /// An object ended, when `age` others had been made since.
    #[inline(always)]
    pub fn ended(&mut self, bytes: u64, age: u64) {
        self.freed_objects += 1;
        self.freed_bytes += bytes;
        // The bits that the age takes; an odd number has a highest bit.
        let bucket = (age * 2 + 1).ilog2() as usize;
        if let Some(count) = self.ages.get_mut(bucket) {
            *count += 1;
        }
    }
}

/// All counters. Zeroed memory is an empty book.
pub struct Book {
    counters: *mut Counters,
    len: usize,
}

impl Book {
    /// How many sites have counters, used or not.
    pub fn sites(&self) -> usize {
        self.len
    }

    /// Makes sure that a site has counters. False for out of memory.
    #[inline(always)]
    pub fn reserve(&mut self, site: u32) -> bool {
        (site as usize) < self.len || self.grow(site)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, site: u32) -> bool {
        let len = (site as usize + 1).next_power_of_two().max(16);
        let counters = sys::allocate(len * size_of::<Counters>()) as *mut Counters;
        if counters.is_null() {
            return false;
        }
        // SAFETY: the new array has room for what the old one has; the old one is ours.
        unsafe {
            if self.len != 0 {
                ptr::copy_nonoverlapping(self.counters, counters, self.len);
            }
            sys::free(self.counters as *mut u8);
        }
        self.counters = counters;
        self.len = len;
        true
    }

    /// A site's counters.
    #[inline(always)]
    pub fn get(&self, site: u32) -> Option<&Counters> {
        // SAFETY: below the length.
        ((site as usize) < self.len).then(|| unsafe { &*self.counters.add(site as usize) })
    }

    /// As [`Book::get`], as an address, of a site that has counters.
    #[inline(always)]
    pub fn at(&self, site: u32) -> *mut Counters {
        self.counters.wrapping_add(site as usize)
    }

    /// Whether a site has counters.
    #[inline(always)]
    pub fn has(&self, site: u32) -> bool {
        (site as usize) < self.len
    }

    #[inline(always)]
    fn get_mut(&mut self, site: u32) -> Option<&mut Counters> {
        // SAFETY: below the length.
        ((site as usize) < self.len).then(|| unsafe { &mut *self.counters.add(site as usize) })
    }

    /// An object was made; the site has counters.
    #[inline(always)]
    pub fn made(&mut self, site: u32, bytes: u64, type_index: u32) {
        if let Some(counters) = self.get_mut(site) {
            counters.made(bytes, type_index);
        }
    }

    /// An object ended, when `age` others had been made since.
    #[inline(always)]
    pub fn ended(&mut self, site: u32, bytes: u64, age: u64) {
        if let Some(counters) = self.get_mut(site) {
            counters.ended(bytes, age);
        }
    }

    /// An object has become larger by so many bytes.
    pub fn grew(&mut self, site: u32, bytes: u64) {
        if let Some(counters) = self.get_mut(site) {
            counters.allocated_bytes += bytes;
            counters.peak_bytes = counters.peak_bytes.max(counters.live_bytes());
        }
    }

    /// An object that ended was found dead by a collection.
    pub fn reclaimed(&mut self, site: u32) {
        if let Some(counters) = self.get_mut(site) {
            counters.reclaimed_objects += 1;
        }
    }

    /// External bytes of an object changed.
    pub fn external(&mut self, site: u32, bytes: i64) {
        if let Some(counters) = self.get_mut(site) {
            counters.external_bytes = counters.external_bytes.wrapping_add(bytes);
        }
    }

    /// Calls `each` with the number and the counters of every site that was used.
    pub fn each(&self, mut each: impl FnMut(u32, &Counters)) {
        for site in 0..self.len as u32 {
            if let Some(counters) = self.get(site) {
                if counters.allocated_objects != 0 {
                    each(site, counters);
                }
            }
        }
    }

    /// From now on peaks are those of the time to come.
    pub fn reset_peaks(&mut self) {
        for site in 0..self.len as u32 {
            if let Some(counters) = self.get_mut(site) {
                counters.peak_bytes = counters.live_bytes();
                counters.peak_objects = counters.live_objects();
            }
        }
    }

    /// Bytes of the book.
    pub fn own_bytes(&self) -> u64 {
        (self.len * size_of::<Counters>()) as u64
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        // SAFETY: ours, and empty from here on.
        unsafe { sys::free(self.counters as *mut u8) };
        *self = Book { counters: ptr::null_mut(), len: 0 };
    }
}
