//! `errno` is the host's: a call that succeeds leaves it as it was.
//!
//! It changes in two ways only, and both are closed here. What the system is asked for goes through `sys`, whose
//! functions put it back, also when the system refuses and the engine has another way: a refusal is told by value. Host
//! code that runs in the middle of a call (a finalizer, a log hook) does not know what the caller had in it; `host` and
//! `report` put it back behind that. What is left is a call that fails with `RC_ERR_IO`: it sets the reason, last of all.
//!
//! It is read and written as volatile: the compiler takes `malloc` and `free` for functions that touch no memory that is
//! known to it, and would leave out a store of what was read before them.

use core::ffi::c_int;

/// What the system says when it refuses.
pub type Errno = c_int;

/// Puts `errno` back when it goes.
pub struct Kept {
    place: *mut c_int,
    value: Errno,
}

/// Keeps `errno` until what is returned goes.
#[must_use]
#[inline(always)]
pub fn keep() -> Kept {
    // SAFETY: the location is this thread's own, as long as the thread lives.
    unsafe {
        let place = libc::__errno_location();
        Kept { place, value: place.read_volatile() }
    }
}

impl Drop for Kept {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the place is this thread's own: what is kept stays in its thread, since a pointer is not Send.
        unsafe { self.place.write_volatile(self.value) }
    }
}

/// The reason of the last refusal: to be asked at once, before what is kept goes.
pub fn last() -> Errno {
    // SAFETY: the place is this thread's own, and there as long as the thread.
    unsafe { libc::__errno_location().read_volatile() }
}

/// Sets it, for the caller of the library.
pub fn set(value: Errno) {
    // SAFETY: the place is this thread's own, and there as long as the thread.
    unsafe { libc::__errno_location().write_volatile(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        set(libc::ENOENT);
        {
            let _errno = keep();
            set(libc::EBADF);
            assert_eq!(last(), libc::EBADF);
        }
        assert_eq!(last(), libc::ENOENT);
    }
}
