//! Slots of one size for what outlives heaps, and is therefore the process's: cells and weak handles, entries of weak maps,
//! stacks of scopes. Handed out once each, in order, then again from a free list. Written under the range's lock.
//!
//! A slot that was handed out stays readable: so [`is_slot`] can be asked about any address, without the lock, and the
//! signature in the slot then says whether it is in use.

use crate::base::promised;
use crate::memory::range::{LOCK, RANGE};
use crate::sys;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// How much is committed at a time.
const STEP_BYTES: usize = 64 << 10;

/// See the file's head.
pub struct Pool {
    /// First slot; slot 0 is never handed out.
    pub base: *mut u8,
    /// Bytes that are reserved.
    pub size: usize,
    /// Bytes that are committed.
    committed: usize,
    /// Bytes that are, or were, handed out; [`is_slot`] reads it without the lock.
    used: AtomicUsize,
    /// First of the slots given back, which their owner links.
    pub free: *mut u8,
    /// Slots in use.
    taken: usize,
}

impl Pool {
    /// Without a slot.
    pub const fn none() -> Self {
        Pool::new(ptr::null_mut(), 0)
    }

    /// Slots in so many bytes, which are reserved.
    pub const fn new(base: *mut u8, size: usize) -> Self {
        Pool { base, size, committed: 0, used: AtomicUsize::new(0), free: ptr::null_mut(), taken: 0 }
    }

    /// A slot that was never handed out, zeroed; null for out of memory.
    ///
    /// # Safety
    /// - The lock is held; `bytes` is the same at every call.
    unsafe fn bump(pool: *mut Pool, bytes: usize) -> *mut u8 {
        promised!(LOCK.is_closed());
        let start = (*pool).used().max(bytes);
        let end = start + bytes;
        if end > (*pool).committed {
            let committed = (end + STEP_BYTES).min((*pool).size);
            if end > committed || !sys::commit((*pool).base, committed) {
                return ptr::null_mut();
            }
            (*pool).committed = committed;
        }
        // ORDER: relaxed, read by `is_slot`: who has a slot has got it from the thread that took it.
        (*pool).used.store(end, Ordering::Relaxed);
        (*pool).base.add(start)
    }

    fn used(&self) -> usize {
        // ORDER: relaxed, since it is written under the lock that the caller holds, or is compared with an address that is
        // below it at all times while the slot there is in use; see `bump`.
        self.used.load(Ordering::Relaxed)
    }
}

/// Whether an address is that of a slot that is, or was, in use.
///
/// # Safety
/// - The pool has slots of this type. Any address may be asked.
pub unsafe fn is_slot<T>(pool: *const Pool, slot: *const T) -> bool {
    let offset = (slot as usize).wrapping_sub((*pool).base as usize);
    offset < (*pool).used() && offset % size_of::<T>() == 0
}

/// Whether a pool, of slots of this type, has no slot left, whatever memory there is.
///
/// # Safety
/// - The pool has slots of this type.
pub unsafe fn is_used_up<T>(pool: *const Pool) -> bool {
    let _guard = LOCK.lock();
    (*pool).free.is_null() && (*pool).used().max(size_of::<T>()) + size_of::<T>() > (*pool).size
}

/// A slot of a pool: a free one, which `next_free` leads on from, or a new one. Null for out of memory.
///
/// # Safety
/// - The pool has slots of this type.
pub unsafe fn take_slot<T>(pool: *mut Pool, next_free: impl Fn(*mut T) -> *mut T) -> *mut T {
    let _guard = LOCK.lock();
    let free = (*pool).free as *mut T;
    let slot = match free.is_null() {
        true => Pool::bump(pool, size_of::<T>()) as *mut T,
        false => {
            (*pool).free = next_free(free) as *mut u8;
            free
        }
    };
    (*pool).taken += !slot.is_null() as usize;
    slot
}

/// Puts a slot back, whose link leads to what was the first free one.
///
/// # Safety
/// - The lock is held; the slot was taken from this pool, and nobody uses it any more.
pub unsafe fn give_slot<T>(pool: *mut Pool, slot: *mut T) {
    promised!(LOCK.is_closed());
    (*pool).free = slot as *mut u8;
    (*pool).taken -= 1;
}

/// Gives the memory of pools back in which no slot is in use: of all heaps together.
pub fn trim() {
    let _guard = LOCK.lock();
    // SAFETY: under the lock; nobody needs what is in the slots.
    unsafe {
        let pools = [
            &raw mut RANGE.cells,
            &raw mut RANGE.handles,
            &raw mut RANGE.entries,
            &raw mut RANGE.scope_stacks,
        ];
        for pool in pools {
            let idle = (*pool).taken == 0 && (*pool).used() > STEP_BYTES;
            if idle && sys::decommit((*pool).base, (*pool).committed) {
                // ORDER: as in `bump`; nobody has a slot.
                (*pool).used.store(0, Ordering::Relaxed);
                (*pool).free = ptr::null_mut();
            }
        }
    }
}
