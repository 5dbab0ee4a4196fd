//! Files and processes, for what the library writes: dumps. Every function may be called in a forked child of
//! a program with threads: none allocates or locks.

use core::ffi::{c_char, c_int, c_void};

/// What the system says when it refuses: an `errno`.
pub type Errno = c_int;

/// The reason of the last refusal.
pub fn errno() -> Errno {
    // SAFETY: the location is this thread's own.
    unsafe { *libc::__errno_location() }
}

/// Sets what [`errno`] gives.
pub fn set_errno(value: Errno) {
    // SAFETY: as in errno.
    unsafe { *libc::__errno_location() = value }
}

/// Creates or empties a file that only its owner may read; the descriptor.
///
/// # Safety
/// - `path` is a C string.
pub unsafe fn create(path: *const c_char) -> Result<c_int, Errno> {
    loop {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
        let fd = libc::open(path, flags, 0o600 as libc::c_uint);
        if fd >= 0 {
            return Ok(fd);
        }
        if errno() != libc::EINTR {
            return Err(errno());
        }
    }
}

/// Writes all of it.
pub fn write_all(fd: c_int, bytes: &[u8]) -> Result<(), Errno> {
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: the slice is valid for its length.
        let written = unsafe { libc::write(fd, rest.as_ptr() as *const c_void, rest.len()) };
        match written {
            1.. => rest = rest.get(written as usize..).unwrap_or(&[]),
            // A device that takes nothing and says nothing would be written to for ever.
            0 => return Err(libc::EIO),
            _ if errno() == libc::EINTR => {}
            _ => return Err(errno()),
        }
    }
    Ok(())
}

/// Closes a descriptor; delayed failures of writing show here.
pub fn close(fd: c_int) -> Result<(), Errno> {
    // SAFETY: closing a number has no memory preconditions.
    match unsafe { libc::close(fd) } {
        0 => Ok(()),
        _ if errno() == libc::EINTR => Ok(()),
        _ => Err(errno()),
    }
}

/// Splits the process: 0 in the child, the child's number in the parent.
///
/// # Safety
/// - The child does only what may be done after a fork.
pub unsafe fn fork() -> Result<i32, Errno> {
    match libc::fork() {
        -1 => Err(errno()),
        child => Ok(child),
    }
}

/// Ends a forked child: nothing of the parent's is flushed or run.
pub fn exit_child(status: c_int) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
}

/// The process's number.
pub fn process_id() -> u64 {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() as u64 }
}

/// Nanoseconds since 1970.
pub fn wall_clock_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}
