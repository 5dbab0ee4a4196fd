//! What the process takes from the system, as the kernel counts it. These numbers are never mixed with the engine's:
//! they hold the host's own memory, libraries and stacks too.

use crate::sys::file;
use crate::sys::reader::{number_after, Reader};
use core::ffi::{c_int, c_void};

/// The kernel's files, opened once.
pub struct Meters {
    /// /proc/self/statm; 0: not open.
    statm: c_int,
    page_bytes: u64,
}

impl Meters {
    /// Opens what is read often. In a sandbox without /proc the numbers are 0.
    pub fn begin(&mut self) {
        self.page_bytes = crate::sys::os_page_bytes() as u64;
        // SAFETY: a C string.
        let fd = unsafe { libc::open(c"/proc/self/statm".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        self.statm = fd.max(0);
    }

    /// Resident bytes.
    pub fn resident_bytes(&self) -> u64 {
        let mut text = [0u8; 128];
        if self.statm == 0 {
            return 0;
        }
        // SAFETY: the buffer is ours and of this size.
        let len = unsafe { libc::pread(self.statm, text.as_mut_ptr() as *mut c_void, text.len(), 0) };
        let text = text.get(..len.max(0) as usize).unwrap_or(&[]);
        let pages = text.split(|&byte| byte == b' ').nth(1).and_then(|word| number_after(word, b""));
        pages.unwrap_or(0) * self.page_bytes
    }

    /// Closes the files.
    pub fn end(&mut self) {
        if self.statm != 0 {
            // Read only: there is nothing to lose.
            let _ = file::close(core::mem::take(&mut self.statm));
        }
    }
}

/// Resident bytes, for who asks once.
pub fn resident_now() -> u64 {
    let mut meters = Meters { statm: 0, page_bytes: 0 };
    meters.begin();
    let bytes = meters.resident_bytes();
    meters.end();
    bytes
}

/// Bytes that only this process has, and its proportional share, from /proc/self/smaps_rollup. The kernel walks all
/// page tables for that: a millisecond and more for each GiB.
pub fn private_bytes() -> (u64, u64) {
    // SAFETY: a C string.
    let mut reader = unsafe { Reader::open(c"/proc/self/smaps_rollup".as_ptr()) };
    let mut line = [0u8; 96];
    let (mut private, mut shared) = (0, 0);
    while let Some(len) = reader.line(&mut line) {
        let text = line.get(..len).unwrap_or(&[]);
        let kib = |prefix: &[u8]| number_after(text, prefix).unwrap_or(0) * 1024;
        private += kib(b"Private_Clean:") + kib(b"Private_Dirty:");
        shared += kib(b"Pss:");
    }
    (private, shared)
}
