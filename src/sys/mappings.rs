//! The memory of this process as the system sees it: which pieces there are, and what they hold, read such that nothing
//! faults that has gone meanwhile.

use super::errno;
use super::reader::Reader;
use core::ffi::{c_char, c_void};

/// Bytes of a line of the list that are looked at: the addresses and the rights come first.
const LINE_BYTES: usize = 128;

/// A piece of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last one.
    pub end: usize,
    /// May be written.
    pub is_writable: bool,
    /// May be run.
    pub is_code: bool,
    /// Of a file.
    pub is_file: bool,
}

/// Calls `each` with every piece that can be read, in the order of their addresses, until it says that it has enough. False
/// where the system has no list of them.
pub fn each(mut each: impl FnMut(Mapping) -> bool) -> bool {
    let _errno = errno::keep();
    // SAFETY: a C string.
    let mut reader = unsafe { Reader::open(c"/proc/self/maps".as_ptr()) };
    let mut line = [0u8; LINE_BYTES];
    let mut any = false;
    while let Some(len) = reader.line(&mut line) {
        let Some((mapping, is_readable)) = line.get(..len).and_then(parse) else { continue };
        any = true;
        if is_readable && !each(mapping) {
            break;
        }
    }
    any
}

/// A line: "start-end rwxp offset device inode path".
fn parse(line: &[u8]) -> Option<(Mapping, bool)> {
    let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let range = words.next()?;
    let dash = range.iter().position(|&byte| byte == b'-')?;
    let (start, end) = (hexadecimal(range.get(..dash)?)?, hexadecimal(range.get(dash + 1..)?)?);
    let rights = words.next()?;
    let has = |at: usize, right: u8| rights.get(at) == Some(&right);
    // Behind the offset and the device: 0 is the number of no file.
    let inode = words.nth(2)?;
    // What the kernel maps for itself ([vvar]) cannot be read by a call.
    let is_file = inode != b"0";
    Some((Mapping { start, end, is_writable: has(1, b'w'), is_code: has(2, b'x'), is_file }, has(0, b'r')))
}

fn hexadecimal(digits: &[u8]) -> Option<usize> {
    let mut number = 0usize;
    for &digit in digits {
        let value = (digit as char).to_digit(16)?;
        number = number.checked_mul(16)?.checked_add(value as usize)?;
    }
    Some(number)
}

/// Reads memory of this process into `words`, as far as there is any; how many whole words were read.
pub fn read(address: usize, words: &mut [usize]) -> usize {
    let _errno = errno::keep();
    let bytes = core::mem::size_of_val(words);
    let into = libc::iovec { iov_base: words.as_mut_ptr() as *mut c_void, iov_len: bytes };
    let from = libc::iovec { iov_base: address as *mut c_void, iov_len: bytes };
    // SAFETY: the words are there to be written, and what cannot be read is an error.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &into, 1, &from, 1, 0) };
    usize::try_from(read).unwrap_or(0) / size_of::<usize>()
}

/// The file that the program or library at an address was loaded from, and where in it that is, from where it was loaded;
/// None where the system does not say. The text lives as long as the library stays loaded.
///
/// # Safety
/// - Libraries are not unloaded meanwhile.
pub unsafe fn module_of(address: usize) -> Option<(*const c_char, usize)> {
    let _errno = errno::keep();
    let mut info = core::mem::zeroed::<libc::Dl_info>();
    let found = libc::dladdr(address as *const c_void, &mut info) != 0 && !info.dli_fname.is_null();
    found.then(|| (info.dli_fname, address.wrapping_sub(info.dli_fbase as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let found = parse(b"7f10-7fa0 rw-p 00000000 00:00 0 ");
        let expected =
            Mapping { start: 0x7f10, end: 0x7fa0, is_writable: true, is_code: false, is_file: false };
        assert_eq!(found, Some((expected, true)));
        let found = parse(b"55e0-55f0 ---p 00001000 08:01 1234   /usr/bin/a b");
        assert!(found.is_some_and(|(of, is_readable)| of.is_file && !is_readable && !of.is_writable));
        assert_eq!(parse(b"nothing of that kind"), None);
    }

    #[test]
    fn what_is_there_is_read_and_what_is_not_does_not_fault() {
        let here = [1usize, 2, 3];
        let mut words = [0usize; 3];
        assert_eq!(read(here.as_ptr() as usize, &mut words), 3);
        assert_eq!(words, here);
        assert_eq!(read(8, &mut words), 0);
        let mut is_found = false;
        let address = here.as_ptr() as usize;
        assert!(each(|of| {
            is_found |= (of.start..of.end).contains(&address) && of.is_writable;
            true
        }));
        assert!(is_found);
    }
}
