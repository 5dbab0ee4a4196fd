//! Files and processes, for what the library writes: dumps and texts. Every function but [`fork`] may be called in a
//! forked child of a program with threads: none allocates or locks. None changes `errno`.
//!
//! **A path** names a file of the process's user that nobody else may read:
//!
//! - What is not there is made, readable for its owner only. What is there must belong to the process's user; its mode
//!   becomes the same before anything is written, and it is emptied. Else it is refused: who made it could read a dump.
//! - A symbolic link is not followed at the end of a path, since in a directory for everybody it may lead anywhere.
//! - A fifo, a socket, a disk are refused, and not waited for. Who wants to write there opens it, and gives the descriptor.
//! - A character device (`/dev/null`, a terminal) is written to as it is; a terminal does not become the process's.
//! - `/dev/stdout`, `/dev/stderr`, `/dev/fd/N` and `/proc/self/fd/N` are those descriptors, whatever they lead to: nothing
//!   is emptied, and it is written from where they stand.
//! - A file that is being written by this library, in this process or another, is refused (`EAGAIN`).

use super::errno;
pub use super::errno::Errno;
use super::{lock, signal};
use core::ffi::{c_char, c_int, c_void, CStr};
use core::mem::MaybeUninit;

/// A file that is being written.
pub struct Output {
    /// Its descriptor.
    pub fd: c_int,
    /// It was marked as being written.
    is_marked: bool,
}

/// How often a file may come and go while it is opened.
const TRIES: usize = 16;

/// Opens what a path names for writing, empty.
///
/// # Safety
/// - `path` is a C string.
pub unsafe fn create(path: *const c_char) -> Result<Output, Errno> {
    let _errno = errno::keep();
    if let Some(fd) = named_descriptor(CStr::from_ptr(path).to_bytes()) {
        let fd = again(|| libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0))?;
        return Ok(Output { fd, is_marked: false });
    }
    let flags = libc::O_WRONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    for _ in 0..TRIES {
        match again(|| libc::open(path, flags)) {
            Ok(fd) => return prepared(fd, take_over(fd)),
            Err(libc::ENOENT) => {}
            Err(why) => return Err(why),
        }
        match again(|| libc::open(path, flags | libc::O_CREAT | libc::O_EXCL, 0o600 as libc::c_uint)) {
            Ok(fd) => return prepared(fd, mark(fd)),
            Err(libc::EEXIST) => {}
            Err(why) => return Err(why),
        }
    }
    Err(libc::EEXIST)
}

/// Whether a path names a file, or one that may be made: no device, no descriptor.
///
/// # Safety
/// - `path` is a C string.
pub unsafe fn may_be_made(path: *const c_char) -> bool {
    let _errno = errno::keep();
    let mut facts = MaybeUninit::<libc::stat>::zeroed();
    let exists = libc::lstat(path, facts.as_mut_ptr()) == 0;
    let is_device = exists && facts.assume_init().st_mode & libc::S_IFMT != libc::S_IFREG;
    !is_device && named_descriptor(CStr::from_ptr(path).to_bytes()).is_none()
}

/// The descriptor that a path names as such.
fn named_descriptor(path: &[u8]) -> Option<c_int> {
    match path {
        b"/dev/stdout" => return Some(1),
        b"/dev/stderr" => return Some(2),
        _ => {}
    }
    let digits = path.strip_prefix(b"/dev/fd/").or_else(|| path.strip_prefix(b"/proc/self/fd/"))?;
    let all = digits.iter().try_fold(0, |number: c_int, digit| {
        let value = digit.checked_sub(b'0').filter(|&value| value < 10)?;
        number.checked_mul(10)?.checked_add(value as c_int)
    });
    all.filter(|_| !digits.is_empty())
}

/// What a system call gives that is done again when a signal came in between.
fn again(mut call: impl FnMut() -> c_int) -> Result<c_int, Errno> {
    loop {
        match (call(), errno::last()) {
            (-1, libc::EINTR) => {}
            (-1, why) => return Err(why),
            (value, _) => return Ok(value),
        }
    }
}

/// Makes an existing file the process's own, marked and empty; or says why it cannot be. Whether it was marked.
unsafe fn take_over(fd: c_int) -> Result<bool, Errno> {
    let mut facts = MaybeUninit::<libc::stat>::zeroed();
    again(|| libc::fstat(fd, facts.as_mut_ptr()))?;
    let facts = facts.assume_init();
    match facts.st_mode & libc::S_IFMT {
        libc::S_IFCHR => return Ok(false),
        libc::S_IFREG => {}
        _ => return Err(libc::ENXIO),
    }
    if facts.st_uid != libc::geteuid() {
        return Err(libc::EACCES);
    }
    let is_marked = mark(fd)?;
    if facts.st_mode & 0o7177 != 0 {
        again(|| libc::fchmod(fd, 0o600))?;
    }
    again(|| libc::ftruncate(fd, 0)).map(|_| is_marked)
}

/// Marks a file as being written. On a file system without locks it is not, and two may write.
unsafe fn mark(fd: c_int) -> Result<bool, Errno> {
    match again(|| libc::flock(fd, libc::LOCK_EX | libc::LOCK_NB)) {
        Ok(_) => Ok(true),
        Err(libc::EAGAIN) => Err(libc::EAGAIN),
        Err(_) => Ok(false),
    }
}

/// A file that is waited for when it is slow; or closed, for that something went wrong.
unsafe fn prepared(fd: c_int, is_marked: Result<bool, Errno>) -> Result<Output, Errno> {
    let output = is_marked.and_then(|is_marked| {
        let flags = again(|| libc::fcntl(fd, libc::F_GETFL))?;
        again(|| libc::fcntl(fd, libc::F_SETFL, flags & !libc::O_NONBLOCK))?;
        Ok(Output { fd, is_marked })
    });
    if output.is_err() {
        libc::close(fd);
    }
    output
}

impl Output {
    /// Closes it, and takes the mark away; delayed failures of writing show here.
    pub fn close(self) -> Result<(), Errno> {
        let _errno = errno::keep();
        if self.is_marked {
            // Said, since a child that the host made meanwhile has the descriptor too, and would keep the mark.
            // SAFETY: a number has no memory preconditions.
            unsafe { libc::flock(self.fd, libc::LOCK_UN) };
        }
        self.leave()
    }

    /// Closes it where a forked child goes on writing, which has the mark.
    pub fn leave(self) -> Result<(), Errno> {
        let _errno = errno::keep();
        // SAFETY: a number has no memory preconditions; the descriptor is this struct's, which ends here.
        match (unsafe { libc::close(self.fd) }, errno::last()) {
            // Whatever came in between, it is closed.
            (0, _) | (_, libc::EINTR) => Ok(()),
            (_, why) => Err(why),
        }
    }
}

/// Writes all of it. Nobody who reads any more, and a file that may not become larger, are refusals: no signal comes.
pub fn write_all(fd: c_int, bytes: &[u8]) -> Result<(), Errno> {
    let _errno = errno::keep();
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = signal::held_back(|| {
            // SAFETY: the slice is valid for its length.
            let written = unsafe { libc::write(fd, rest.as_ptr() as *const c_void, rest.len()) };
            usize::try_from(written).map_err(|_| errno::last())
        });
        match written {
            // A device that takes nothing and says nothing would be written to for ever.
            Ok(0) => return Err(libc::EIO),
            Ok(written) => rest = rest.get(written..).unwrap_or(&[]),
            Err(libc::EINTR) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// Opens a file of the system for reading; the descriptor.
///
/// # Safety
/// - `path` is a C string.
pub unsafe fn open(path: *const c_char) -> Result<c_int, Errno> {
    let _errno = errno::keep();
    again(|| libc::open(path, libc::O_RDONLY | libc::O_CLOEXEC))
}

/// Reads some bytes; how many. 0: the end, or nothing can be read.
pub fn read(fd: c_int, bytes: &mut [u8]) -> usize {
    let _errno = errno::keep();
    loop {
        // SAFETY: the slice is valid for its length.
        let read = unsafe { libc::read(fd, bytes.as_mut_ptr() as *mut c_void, bytes.len()) };
        match usize::try_from(read) {
            Ok(read) => return read,
            Err(_) if errno::last() == libc::EINTR => {}
            Err(_) => return 0,
        }
    }
}

/// Closes what was read.
pub fn close(fd: c_int) {
    let _errno = errno::keep();
    // SAFETY: a number has no memory preconditions.
    unsafe { libc::close(fd) };
}

/// Memory that other processes can read through a descriptor of this one, of a file with this name and without a place;
/// zeroed. None where there is none. The descriptor stays open.
pub fn shared_memory(name: &CStr, bytes: usize) -> Option<*mut u8> {
    let _errno = errno::keep();
    // SAFETY: a C string, and numbers.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_create, name.as_ptr(), libc::MFD_CLOEXEC) } as c_int;
    if fd < 0 {
        return None;
    }
    // SAFETY: a new shared mapping at an address of the kernel's choice touches nothing that exists.
    unsafe {
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let address = match libc::ftruncate(fd, bytes as libc::off_t) {
            0 => libc::mmap(core::ptr::null_mut(), bytes, prot, libc::MAP_SHARED, fd, 0),
            _ => libc::MAP_FAILED,
        };
        if address == libc::MAP_FAILED {
            libc::close(fd);
            return None;
        }
        Some(address as *mut u8)
    }
}

/// Splits the process: 0 in the child, the child's number in the parent.
///
/// # Safety
/// - The child does only what may be done after a fork.
pub unsafe fn fork() -> Result<i32, Errno> {
    let _errno = errno::keep();
    match libc::fork() {
        -1 => Err(errno::last()),
        child => Ok(child),
    }
}

/// Ends a forked child: nothing of the parent's is flushed or run.
pub fn exit_child(status: c_int) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
}

/// The process's number, as people see it.
pub fn process_id() -> u64 {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() as u64 }
}

/// The process, as it is told from those it was forked from.
pub fn process() -> u64 {
    lock::process()
}

/// Nanoseconds since 1970.
pub fn wall_clock_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_have_names() {
        for (path, fd) in [
            ("/dev/stdout", Some(1)),
            ("/dev/stderr", Some(2)),
            ("/dev/fd/17", Some(17)),
            ("/proc/self/fd/0", Some(0)),
            ("/dev/fd/", None),
            ("/dev/fd/1x", None),
            ("/dev/fd/99999999999", None),
            ("/dev/null", None),
            ("stdout", None),
        ] {
            assert_eq!(named_descriptor(path.as_bytes()), fd, "{path}");
        }
    }
}
