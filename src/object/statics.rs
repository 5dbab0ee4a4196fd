//! Static constants of hosts (`include/rcgc/static.h`): variables with an immortal header before them, which slots may hold.
//!
//! Nothing on a hot path knows of them: counting stops at the sign of their count word, collections at the range's borders.
//! Only who was given an address that lies in no heap looks whether it is one, in a table by addresses. The entries are the
//! host's, static like the constants, and chained through themselves; a shared object takes its own out when it is unloaded.
//!
//! Entering one cannot fail for want of memory: the first buckets are static, and where there is no memory for more of them the
//! chains become longer.

use crate::header::{self, Header, IMMORTAL};
use crate::sys::{self, lock};
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void};
use core::ptr;

/// One constant; the layout of `rc_static`.
#[repr(C)]
pub struct Static {
    /// `sizeof(rc_static)` as the host was compiled.
    pub struct_size: usize,
    /// The variable.
    pub object: *mut c_void,
    /// Its bytes.
    pub size: usize,
    /// The name of its type.
    pub type_name: *const c_char,
    /// Its name.
    pub name: *const c_char,
    /// The next one in the chain.
    pub next: *mut Static,
}

/// The header of all of them.
pub const HEADER: Header = Header(IMMORTAL as u64);

/// Buckets without memory of the system's; a power of two, as all numbers of buckets.
const FIRST_BUCKETS: usize = if cfg!(feature = "check") { 2 } else { 64 };

/// All constants, by their addresses.
struct Table {
    /// The buckets where there are more than the first ones; else null.
    more: *mut *mut Static,
    /// How many buckets there are.
    buckets: usize,
    /// Constants.
    len: usize,
    first: [*mut Static; FIRST_BUCKETS],
}

impl Table {
    /// Where the chain of an address begins.
    unsafe fn chain_of(&mut self, object: *const c_void) -> *mut *mut Static {
        let first = if self.more.is_null() { self.first.as_mut_ptr() } else { self.more };
        // Neighbours lie 16 bytes apart or more; the product's high bits depend on all of the address.
        let mixed = (object as usize as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        first.add((mixed >> 32) as usize & (self.buckets - 1))
    }

    unsafe fn find(&mut self, object: *const c_void) -> *mut Static {
        let mut at = *self.chain_of(object);
        while !at.is_null() && !ptr::eq((*at).object, object) {
            at = (*at).next;
        }
        at
    }

    unsafe fn put(&mut self, entry: *mut Static) {
        let chain = self.chain_of((*entry).object);
        (*entry).next = *chain;
        *chain = entry;
    }

    /// Makes four times the buckets, if there is memory for them.
    unsafe fn grow(&mut self) {
        let buckets = 4 * self.buckets;
        let more = sys::allocate(buckets * size_of::<*mut Static>()) as *mut *mut Static;
        if more.is_null() {
            return;
        }
        let (old, count) = (self.more, self.buckets);
        let first = if old.is_null() { self.first.as_mut_ptr() } else { old };
        (self.more, self.buckets) = (more, buckets);
        for bucket in 0..count {
            let mut at = first.add(bucket).replace(ptr::null_mut());
            while !at.is_null() {
                let next = (*at).next;
                self.put(at);
                at = next;
            }
        }
        sys::free(old as *mut u8);
    }
}

struct Shared(UnsafeCell<Table>);

// SAFETY: the table is read and written under the lock.
unsafe impl Sync for Shared {}

static ALL: Shared = Shared(UnsafeCell::new(Table {
    more: ptr::null_mut(),
    buckets: FIRST_BUCKETS,
    len: 0,
    first: [ptr::null_mut(); FIRST_BUCKETS],
}));

/// What is wrong with one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// It is not aligned to 16 bytes.
    Unaligned,
    /// What lies before it is not the header.
    NoHeader,
}

/// From here on the constant is known. One that is known already is not entered twice.
///
/// # Safety
/// - The entry stays where it is until it is removed; 8 bytes before the object can be read.
pub unsafe fn add(entry: *mut Static) -> Result<(), Wrong> {
    let object = (*entry).object;
    if object.is_null() || object as usize % 16 != 0 {
        return Err(Wrong::Unaligned);
    }
    if header::load(object).0 != HEADER.0 {
        return Err(Wrong::NoHeader);
    }
    let _guard = lock::STATICS.lock();
    let all = &mut *ALL.0.get();
    if all.find(object).is_null() {
        if all.len >= 2 * all.buckets {
            all.grow();
        }
        all.put(entry);
        all.len += 1;
    }
    Ok(())
}

/// The constant is not known any more.
///
/// # Safety
/// - Nobody is looking for an address that may be in the entry.
pub unsafe fn remove(entry: *mut Static) {
    let _guard = lock::STATICS.lock();
    let all = &mut *ALL.0.get();
    let mut link = all.chain_of((*entry).object);
    while !(*link).is_null() && *link != entry {
        link = &raw mut (**link).next;
    }
    if (*link).is_null() {
        return;
    }
    *link = (*entry).next;
    all.len -= 1;
    if all.len == 0 {
        // Who unloads all that had constants may unload the library next.
        sys::free(core::mem::replace(&mut all.more, ptr::null_mut()) as *mut u8);
        all.buckets = FIRST_BUCKETS;
    }
}

/// The constant at an address. Under the lock, since others may go with their shared objects meanwhile; the one that is found
/// stays for as long as anything may lead to it.
pub fn find(object: *const c_void) -> Option<&'static Static> {
    let _guard = lock::STATICS.lock();
    // SAFETY: under the lock; entries in the table are there.
    unsafe { (*ALL.0.get()).find(object).as_ref() }
}
