//! Static constants of hosts (`include/rcgc/static.h`): variables with an immortal header before them, which slots may hold.
//!
//! Nothing on a hot path knows of them: counting stops at the sign of their count word, collections at the range's borders.
//! Only who was given an address that lies in no heap looks whether it is one, in a list that is as long as the program has
//! constants. The entries are the host's, static like the constants; a shared object takes its own out when it is unloaded.

use crate::header::{self, Header, IMMORTAL};
use crate::sys::lock;
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
    /// The next one.
    pub next: *mut Static,
}

/// The header of all of them.
pub const HEADER: Header = Header(IMMORTAL as u64);

struct Shared(UnsafeCell<*mut Static>);

// SAFETY: the list is read and written under the lock.
unsafe impl Sync for Shared {}

/// First of the list.
static FIRST: Shared = Shared(UnsafeCell::new(ptr::null_mut()));

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
    let first = FIRST.0.get();
    if find_from(*first, object).is_none() {
        (*entry).next = *first;
        *first = entry;
    }
    Ok(())
}

/// The constant is not known any more.
///
/// # Safety
/// - Nobody is looking for an address that may be in the entry.
pub unsafe fn remove(entry: *mut Static) {
    let _guard = lock::STATICS.lock();
    let mut link = FIRST.0.get();
    while !(*link).is_null() {
        if *link == entry {
            *link = (*entry).next;
            return;
        }
        link = &raw mut (**link).next;
    }
}

/// The constant at an address. Under the lock, since others may go with their shared objects meanwhile; the one that is found
/// stays for as long as anything may lead to it.
pub fn find(object: *const c_void) -> Option<&'static Static> {
    let _guard = lock::STATICS.lock();
    // SAFETY: under the lock; entries in the list are there.
    unsafe { find_from(*FIRST.0.get(), object) }
}

unsafe fn find_from(first: *const Static, object: *const c_void) -> Option<&'static Static> {
    let mut at = first;
    while !at.is_null() {
        if ptr::eq((*at).object, object) {
            return Some(&*at);
        }
        at = (*at).next;
    }
    None
}
