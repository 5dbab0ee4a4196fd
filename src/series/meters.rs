//! What the process takes from the system, as the kernel counts it. These numbers are never mixed with the engine's:
//! they hold the host's own memory, libraries and stacks too.
//!
//! The kernel's files are opened for each reading. A descriptor that was kept would give a forked child its parent's
//! numbers, and after a host that closes what it does not know it would be somebody else's file.

use crate::sys::reader::{number_after, Reader};
use crate::sys::{file, os_page_bytes};

/// Resident bytes; 0 in a sandbox without /proc.
pub fn resident_bytes() -> u64 {
    let mut text = [0u8; 128];
    // SAFETY: a C string.
    let Ok(fd) = (unsafe { file::open(c"/proc/self/statm".as_ptr()) }) else { return 0 };
    let len = file::read(fd, &mut text);
    file::close(fd);
    let text = text.get(..len).unwrap_or(&[]);
    let pages = text.split(|&byte| byte == b' ').nth(1).and_then(|word| number_after(word, b""));
    pages.unwrap_or(0) * os_page_bytes() as u64
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
