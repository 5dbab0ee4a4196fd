//! Files that are written by themselves: at the end of a heap, at exit, out of memory, at a limit, at a signal. Their
//! paths are patterns: `%p` is the process, `%h` the heap, `%n` a number, `%%` a percent sign.
//!
//! - **A forked child** writes only to paths with `%p`: the others are its parent's.
//! - **Two heaps never write one file.** Of heaps that have the same path the first to write has it; the others write
//!   beside it, `PATH.2` and so on, and say so. So does a text that has a dump's path. A heap that writes again to its
//!   own path writes over what it wrote.

use crate::base::list::List;
use crate::base::report::{self, CText, Level};
use crate::dump::{self, Options};
use crate::heap::Heap;
use crate::out::Sink;
use crate::sys::errno::Errno;
use crate::sys::{file, lock};
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, CStr};

/// Longest path.
const PATH_BYTES: usize = 4096;
/// Files beside one path, and it.
const BESIDE_MAX: u32 = 99;
/// Files whose writers are known; older ones are forgotten.
const KNOWN_MAX: usize = 4096;

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A dump.
    Dump,
    /// A profile as text.
    Text,
}

/// Who asked for it, and for what number.
#[derive(Clone, Copy)]
pub struct Asked {
    /// The process, as [`file::process`] has it.
    pub process: u64,
    /// What `%n` is.
    pub number: u32,
    /// It is said when a child does not write; not where children are many that only end.
    pub is_told: bool,
}

/// Writes a dump, whose label is its path. What fails is said in the log. Whether it was written.
///
/// # Safety
/// - In no collection; `pattern` is a C string; every tracked object is walkable.
pub unsafe fn write_dump(heap: *mut Heap, pattern: *const c_char, asked: Asked) -> bool {
    write(heap, pattern, asked, What::Dump, |fd, label| {
        let options = Options { sink: Sink::Descriptor(fd), key: None, label, forked: false, looks: false };
        match dump::write(heap, &options) {
            Ok(_) => Ok(()),
            Err(dump::Failed::NoMemory) => Err(libc::ENOMEM),
            Err(dump::Failed::Collecting) => Err(libc::EBUSY),
            Err(dump::Failed::Fork(why) | dump::Failed::Write(why)) => Err(why),
        }
    })
}

/// As [`write_dump`], what `write` writes to a descriptor of the file of that path. The pattern is not used any more when `write` runs.
///
/// # Safety
/// - `pattern` is a C string.
pub unsafe fn write(
    heap: *mut Heap,
    pattern: *const c_char,
    asked: Asked,
    what: What,
    write: impl FnOnce(c_int, *const c_char) -> Result<(), Errno>,
) -> bool {
    let (name, thing) = (CText((*heap).name()), if what == What::Dump { "dump" } else { "text" });
    let refused = |path: *const c_char, why: core::fmt::Arguments<'_>| {
        let path = CText(path);
        report::log(Level::Warning, format_args!("heap {name}: the {thing} {path} was not written: {why}"));
        false
    };
    if asked.process != file::process() && !names_process(CStr::from_ptr(pattern).to_bytes()) {
        if asked.is_told {
            refused(pattern, format_args!("a forked child writes only to paths with %p"));
        }
        return false;
    }
    let mut path = [0u8; PATH_BYTES];
    let Some(len) = fill_path(CStr::from_ptr(pattern).to_bytes(), (*heap).index, asked.number, &mut path)
    else {
        return refused(pattern, format_args!("its path is too long"));
    };
    let place = path.as_mut_ptr() as *mut c_char;
    if file::may_be_made(place) {
        match own_path(heap, what, &mut path, len) {
            Some(1) => {}
            Some(_) => report::log(
                Level::Warning,
                format_args!(
                    "heap {name}: the {thing} goes to {}: something else was written to that path before; %h in \
                     it tells heaps apart",
                    CText(place)
                ),
            ),
            None => {
                return refused(place, format_args!("{BESIDE_MAX} others were written there"));
            }
        }
    }
    let result = file::create(place).and_then(|output| {
        let written = write(output.fd, place);
        let closed = output.close();
        written.and(closed)
    });
    match result {
        Ok(()) => true,
        Err(why) => refused(place, format_args!("errno {why}")),
    }
}

/// Whether a pattern has the process's number in it.
pub fn names_process(pattern: &[u8]) -> bool {
    let mut rest = pattern.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'%' && rest.next() == Some(&b'p') {
            return true;
        }
    }
    false
}

/// Fills a pattern in; the path's length, behind which it has a NUL. None when it is too long.
fn fill_path(pattern: &[u8], heap: u32, number: u32, path: &mut [u8]) -> Option<usize> {
    let mut len = 0;
    let mut rest = pattern;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind.get(1..).unwrap_or(&[]);
        match (byte, behind.first()) {
            (b'%', Some(b'p')) => put_number(file::process_id(), path, &mut len)?,
            (b'%', Some(b'h')) => put_number(heap as u64, path, &mut len)?,
            (b'%', Some(b'n')) => put_number(number as u64, path, &mut len)?,
            (b'%', Some(b'%')) => put(b"%", path, &mut len)?,
            _ => {
                put(&[byte], path, &mut len)?;
                rest = behind;
            }
        }
    }
    Some(len)
}

/// Appends to a path, and a NUL behind it. None when there is no room.
fn put(bytes: &[u8], path: &mut [u8], len: &mut usize) -> Option<()> {
    let end = *len + bytes.len();
    let place = path.get_mut(*len..end + 1)?;
    let (text, nul) = place.split_at_mut(bytes.len());
    text.copy_from_slice(bytes);
    nul.fill(0);
    *len = end;
    Some(())
}

fn put_number(number: u64, path: &mut [u8], len: &mut usize) -> Option<()> {
    put(report::Line::of(format_args!("{number}")).as_bytes(), path, len)
}

// ---- whose path it is ----

/// A file that was written, by hashes of its path and of its writer.
#[derive(Clone, Copy)]
struct Known {
    path: u64,
    writer: u64,
}

struct Files {
    all: List<Known>,
    /// The one that is forgotten next, when there are too many.
    oldest: usize,
}

struct Shared(UnsafeCell<Files>);

// SAFETY: read and written under the lock.
unsafe impl Sync for Shared {}

static KNOWN: Shared = Shared(UnsafeCell::new(Files { all: List::new(), oldest: 0 }));

/// Makes a path one that nobody but this heap has written this to: as it is (1), or with a number behind it. None when
/// there are too many beside it.
unsafe fn own_path(heap: *mut Heap, what: What, path: &mut [u8], len: usize) -> Option<u32> {
    let writer = hash(&(*heap).serial.to_le_bytes()) ^ what as u64;
    let _guard = lock::FILES.lock();
    let files = &mut *KNOWN.0.get();
    for number in 1..=BESIDE_MAX {
        let mut end = len;
        if number > 1 {
            put(b".", path, &mut end)?;
            put_number(number as u64, path, &mut end)?;
        }
        let known = Known { path: hash(path.get(..end)?), writer };
        match files.all.as_slice().iter().find(|other| other.path == known.path) {
            None => {
                files.remember(known);
                return Some(number);
            }
            Some(same) if same.writer == writer => return Some(number),
            Some(_) => {}
        }
    }
    if let Some(end) = path.get_mut(len) {
        *end = 0;
    }
    None
}

impl Files {
    /// Without memory for it, it is not known: it may be written over, as on another run.
    fn remember(&mut self, known: Known) {
        if self.all.len() < KNOWN_MAX {
            self.all.push(known);
        } else {
            self.all.set(self.oldest, known);
            self.oldest = (self.oldest + 1) % KNOWN_MAX;
        }
    }
}

/// The library goes: nothing is known any more.
///
/// # Safety
/// - No thread is in the library.
pub unsafe fn end() {
    let _guard = lock::FILES.lock();
    (*KNOWN.0.get()).all.end();
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ byte as u64).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_filled_in() {
        let fill = |pattern: &str, room: usize| {
            let mut path = vec![b'x'; room];
            let len = fill_path(pattern.as_bytes(), 3, 7, &mut path)?;
            assert_eq!(path[len], 0);
            Some(String::from_utf8(path[..len].to_vec()).unwrap())
        };
        let process = std::process::id();
        assert_eq!(fill("a.%p.%h.%n", 64), Some(format!("a.{process}.3.7")));
        assert_eq!(fill("100%% %x %", 64), Some("100% %x %".to_owned()));
        assert_eq!(fill("abcdef", 7), Some("abcdef".to_owned()));
        assert_eq!(fill("abcdef", 6), None);
    }

    #[test]
    fn patterns_name_the_process_or_do_not() {
        for (pattern, names) in
            [("%p", true), ("a.%p.%h", true), ("%%%p", true), ("%%p", false), ("a%", false), ("%h%n", false)]
        {
            assert_eq!(names_process(pattern.as_bytes()), names, "{pattern}");
        }
    }
}
