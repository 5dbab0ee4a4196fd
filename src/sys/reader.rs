//! Text files of the system and of the host, read line by line through a small buffer.

use super::file;
use core::ffi::{c_char, c_int};

const BUFFER_BYTES: usize = 1024;

/// A file that is read from its beginning. Closed at its end, and when dropped.
pub struct Reader {
    /// Below 0: not open.
    fd: c_int,
    buffer: [u8; BUFFER_BYTES],
    start: usize,
    end: usize,
}

impl Reader {
    /// Opens a file; what cannot be opened has no lines.
    ///
    /// # Safety
    /// - `path` is null or a C string.
    pub unsafe fn open(path: *const c_char) -> Reader {
        let fd = match path.is_null() {
            true => -1,
            false => file::open(path).unwrap_or(-1),
        };
        Reader { fd, buffer: [0; BUFFER_BYTES], start: 0, end: 0 }
    }

    /// Whether there may be more.
    pub fn is_open(&self) -> bool {
        self.fd >= 0
    }

    /// The next byte.
    fn byte(&mut self) -> Option<u8> {
        if self.start == self.end {
            if self.fd < 0 {
                return None;
            }
            let read = file::read(self.fd, &mut self.buffer);
            if read == 0 {
                self.close();
                return None;
            }
            (self.start, self.end) = (0, read);
        }
        self.start += 1;
        self.buffer.get(self.start - 1).copied()
    }

    /// Puts the next line's bytes, as many as fit, without its end, into `line`; how many. None behind the last
    /// line.
    pub fn line(&mut self, line: &mut [u8]) -> Option<usize> {
        let mut len = 0;
        let mut any = false;
        while let Some(byte) = self.byte() {
            any = true;
            if byte == b'\n' {
                break;
            }
            if let Some(place) = line.get_mut(len) {
                *place = byte;
                len += 1;
            }
        }
        any.then_some(len)
    }

    fn close(&mut self) {
        if self.fd >= 0 {
            file::close(core::mem::replace(&mut self.fd, -1));
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.close();
    }
}

/// The first number in a text, behind a prefix; None when the text does not begin with that.
pub fn number_after(text: &[u8], prefix: &[u8]) -> Option<u64> {
    let rest = text.strip_prefix(prefix)?;
    let start = rest.iter().position(|byte| byte.is_ascii_digit())?;
    let digits = rest.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add((digit - b'0') as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_counted() {
        let path = std::env::temp_dir().join(format!("rcgc-reader-{}", std::process::id()));
        let text = format!("one\n\n{}\nlast", "x".repeat(5000));
        std::fs::write(&path, text).unwrap();
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a C string.
        let mut reader = unsafe { Reader::open(name.as_ptr()) };
        let mut line = [0u8; 8];
        assert_eq!(reader.line(&mut line), Some(3));
        assert_eq!(&line[..3], b"one");
        assert_eq!(reader.line(&mut line), Some(0));
        assert_eq!(reader.line(&mut line), Some(8));
        assert_eq!(reader.line(&mut line), Some(4));
        assert_eq!(reader.line(&mut line), None);
        assert!(!reader.is_open());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(number_after(b"Rss:       1234 kB", b"Rss:"), Some(1234));
        assert_eq!(number_after(b"Pss: 1", b"Rss:"), None);
    }
}
