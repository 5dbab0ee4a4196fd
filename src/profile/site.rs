//! Sites: the places in the host's source that allocate.
//!
//! A site is a static descriptor of the host's, which macros make (`RC_NEW`), or one that the host fills, for
//! an interpreter's own source lines. On its first allocation under a profile it gets a number from the
//! process's list; from then on the number is in the descriptor, and the descriptor is not read again for
//! anything else, so that a library of the host may be unloaded.
//!
//! The list keeps its own copies of the texts, and equal places are one site however many descriptors they
//! have (a function in a header has one in each object file).

use super::record;
use crate::base::index::Index;
use crate::base::list::List;
use crate::base::report::{self, CText};
use crate::header;
use crate::heap;
use crate::memory::range;
use crate::sys::{self, lock};
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void, CStr};
use core::fmt;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

/// A descriptor; the layout of `rc_site`.
#[repr(C)]
pub struct Site {
    /// The file, as the compiler names it.
    pub file: *const c_char,
    /// The function.
    pub function: *const c_char,
    /// The line.
    pub line: u32,
    /// 0 until the site is numbered; then [`NUMBERED_FROM`] more than its number.
    id: AtomicU32,
}

/// So that a number is told from what happens to be in memory that nobody initialised: as an index that would be
/// believed, and tables would grow as far as it goes.
const NUMBERED_FROM: u32 = 0x9d80_0000;

impl Site {
    /// The number, or one that no site has.
    #[inline(always)]
    pub fn known_number(&self) -> u32 {
        // ORDER: relaxed, written by `number_new`: threads that come at once write the same; the site's texts are read
        // under the lock.
        self.id.load(Ordering::Relaxed).wrapping_sub(NUMBERED_FROM)
    }
}

/// The site of what was made before the profile began.
pub const BEFORE: u32 = 0;
/// The site of what could not be numbered for want of memory.
pub const OTHER: u32 = 1;
/// Sites of a process: their numbers have 23 bits in a record.
pub const SITE_COUNT_MAX: usize = 1 << 23;

/// One site of the list.
#[derive(Clone, Copy)]
pub struct Location {
    /// Null for a site that is no place: then `function` says what it is.
    pub file: *const c_char,
    /// The function; of objects made by plain `rc_new`, the name of their type.
    pub function: *const c_char,
    /// The line; 0 where there is none.
    pub line: u32,
    hash: u32,
}

struct Sites {
    locations: List<Location>,
    /// By hash: a location's number.
    index: Index,
}

struct Shared(UnsafeCell<Sites>);

// SAFETY: the list is read and written under the lock.
unsafe impl Sync for Shared {}

static LIST: Shared = Shared(UnsafeCell::new(Sites { locations: List::new(), index: Index::new() }));

/// Makes the two sites that are no places. False for out of memory.
pub fn begin() -> bool {
    let _guard = lock::SITES.lock();
    // SAFETY: under the lock; both texts are C strings.
    unsafe {
        let list = &mut *LIST.0.get();
        for (number, what) in [(BEFORE, c"(made before the profile began)"), (OTHER, c"(other sites)")] {
            if list.locations.len() == number as usize && list.add(ptr::null(), what.as_ptr(), 0).is_none() {
                return false;
            }
        }
    }
    true
}

/// The number of a descriptor; [`OTHER`] when it cannot have one. Fatal for one that was not initialised, by the name
/// of the call that was given it.
///
/// # Safety
/// - `site` points to a descriptor, and if its id is 0 or a number its texts are null or C strings.
#[inline(always)]
pub unsafe fn number(call: &'static str, site: *const Site) -> u32 {
    match (*site).known_number() {
        // ORDER: relaxed, as at `COUNT`.
        id if id < COUNT.load(Ordering::Relaxed) => id,
        _ => number_new(call, site),
    }
}

/// As [`number`], of a descriptor that is not written to: hosts give frames as constants.
///
/// # Safety
/// - As [`number`].
pub unsafe fn number_of_constant(call: &'static str, site: *const Site) -> u32 {
    match (*site).known_number() {
        // ORDER: relaxed, as at `COUNT`.
        id if id < COUNT.load(Ordering::Relaxed) => id,
        _ => look_up(call, site),
    }
}

/// Sites in the list.
// ORDER: relaxed: written under `lock::SITES`. It only rises while the library is loaded: a thread that has a number, and
// does not see the count above it yet, looks it up.
static COUNT: AtomicU32 = AtomicU32::new(0);

#[cold]
#[inline(never)]
unsafe fn look_up(call: &'static str, site: *const Site) -> u32 {
    // ORDER: relaxed, as in `known_number`.
    let found = (*site).id.load(Ordering::Relaxed);
    // A number that the list does not have is from before the library was unloaded, and loaded again.
    if found != 0 && (*site).known_number() as usize >= SITE_COUNT_MAX {
        report::fatal(format_args!(
            "{call}: the id of the rc_site {site:p} (line {}) is {found:#x}, which the library never gave it: it was not initialised, and begins with 0",
            (*site).line
        ));
    }
    let file = if (*site).file.is_null() { c"(no file)".as_ptr() } else { (*site).file };
    number_of(file, (*site).function, (*site).line)
}

#[cold]
#[inline(never)]
unsafe fn number_new(call: &'static str, site: *const Site) -> u32 {
    let id = look_up(call, site);
    if id != OTHER {
        // ORDER: relaxed, read by `known_number`.
        (*site).id.store(NUMBERED_FROM + id, Ordering::Relaxed);
    }
    id
}

/// The number of the site that stands for objects of a type whose site is not known.
///
/// # Safety
/// - `name` is a C string.
#[cold]
#[inline(never)]
pub unsafe fn number_of_type(name: *const c_char) -> u32 {
    number_of(ptr::null(), name, 0)
}

/// The number of a scope's name.
///
/// # Safety
/// - `name` is a C string.
pub unsafe fn number_of_scope(name: *const c_char) -> u32 {
    number_of(SCOPE.as_ptr(), name, 0)
}

/// The file of what is the name of a scope.
pub const SCOPE: &CStr = c"(scope)";

unsafe fn number_of(file: *const c_char, function: *const c_char, line: u32) -> u32 {
    let _guard = lock::SITES.lock();
    let list = &mut *LIST.0.get();
    list.find_or_add(file, function, line).unwrap_or(OTHER)
}

/// The place of a number.
pub fn location(id: u32) -> Option<Location> {
    let _guard = lock::SITES.lock();
    // SAFETY: the list is used under the lock alone, which is held.
    unsafe { (*LIST.0.get()).locations.get(id as usize) }
}

/// Writes where an object was made, as [`observe::OriginFn`](crate::observe::OriginFn).
///
/// # Safety
/// - `obj` is an address in a page of a profiled heap, before which a header lies.
pub unsafe fn write_origin(obj: *mut c_void, out: &mut fmt::Formatter<'_>) -> Result<bool, fmt::Error> {
    let page = range::page_of(obj as usize);
    let heap = heap::of_page(page);
    if heap.is_null() || super::exact(heap).is_null() || header::is_dead(obj) {
        return Ok(false);
    }
    let found = location(record::get(page, obj).site()).filter(|location| !location.file.is_null());
    let Some(Location { file, function, line, .. }) = found else { return Ok(false) };
    write!(out, "made at {}:{line} in {}", CText(file), CText(function))?;
    Ok(true)
}

/// The library goes: gives the list's memory back.
///
/// # Safety
/// - No thread is in the library.
pub unsafe fn end() {
    let _guard = lock::SITES.lock();
    let list = &mut *LIST.0.get();
    for location in list.locations.as_slice() {
        sys::free(location.function as *mut u8);
    }
    list.locations.end();
    // ORDER: relaxed, as at `COUNT`.
    COUNT.store(0, Ordering::Relaxed);
    list.index.end();
}

/// Whether two texts are the same; null is only null.
///
/// # Safety
/// - Both are null or C strings.
pub unsafe fn same_text(left: *const c_char, right: *const c_char) -> bool {
    if left.is_null() || right.is_null() {
        return left == right;
    }
    left == right || CStr::from_ptr(left) == CStr::from_ptr(right)
}

impl Sites {
    unsafe fn find_or_add(&mut self, file: *const c_char, function: *const c_char, line: u32) -> Option<u32> {
        let hash = hash_of(file, function, line);
        let Sites { locations, index } = self;
        let is = |number: u32| {
            locations.get(number as usize).is_some_and(|location| {
                location.hash == hash
                    && location.line == line
                    // SAFETY: of a location of the list, and what the caller gave.
                    && unsafe { same_text(location.file, file) && same_text(location.function, function) }
            })
        };
        if let Some(number) = index.find(hash, is) {
            return Some(number);
        }
        self.add(file, function, line)
    }

    unsafe fn add(&mut self, file: *const c_char, function: *const c_char, line: u32) -> Option<u32> {
        let number = self.locations.len();
        let Sites { locations, index } = self;
        let hash_of_number = |number: u32| locations.get(number as usize).map_or(0, |location| location.hash);
        if number >= SITE_COUNT_MAX || !index.reserve(hash_of_number) || !locations.reserve(1) {
            return None;
        }
        let copy = copy_texts(file, function)?;
        let location = Location { line, hash: hash_of(file, function, line), ..copy };
        if !self.locations.push(location) {
            sys::free(copy.function as *mut u8);
            return None;
        }
        self.index.enter_reserved(location.hash, number as u32);
        // ORDER: relaxed, as at `COUNT`.
        COUNT.store(number as u32 + 1, Ordering::Relaxed);
        Some(number as u32)
    }
}

/// Copies of the texts in one block, whose address is the function's.
unsafe fn copy_texts(file: *const c_char, function: *const c_char) -> Option<Location> {
    let function = if function.is_null() { c"(no function)".as_ptr() } else { function };
    let name = CStr::from_ptr(function).to_bytes_with_nul();
    let path = if file.is_null() { &[] } else { CStr::from_ptr(file).to_bytes_with_nul() };
    let block = sys::allocate_raw(name.len() + path.len());
    if block.is_null() {
        return None;
    }
    ptr::copy_nonoverlapping(name.as_ptr(), block, name.len());
    ptr::copy_nonoverlapping(path.as_ptr(), block.add(name.len()), path.len());
    let file = if file.is_null() { ptr::null() } else { block.add(name.len()) as *const c_char };
    Some(Location { file, function: block as *const c_char, line: 0, hash: 0 })
}

unsafe fn hash_of(file: *const c_char, function: *const c_char, line: u32) -> u32 {
    let function = if function.is_null() { c"(no function)".as_ptr() } else { function };
    let mut hash = 0xcbf2_9ce4_8422_2325u64 ^ line as u64;
    for text in [file, function] {
        if !text.is_null() {
            for &byte in CStr::from_ptr(text).to_bytes_with_nul() {
                hash = (hash ^ byte as u64).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
    (hash ^ hash >> 32) as u32
}

impl core::fmt::Display for Location {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if !self.file.is_null() {
            return write!(out, "{}:{} ({})", CText(self.file), self.line, CText(self.function));
        }
        // SAFETY: the list's texts are C strings.
        let is_type = unsafe { *self.function } as u8 != b'(';
        write!(out, "{}{}", if is_type { "unknown site of " } else { "" }, CText(self.function))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_places_are_one_site() {
        assert!(begin());
        let make = |function: &'static CStr, line| Site {
            file: c"a.c".as_ptr(),
            function: function.as_ptr(),
            line,
            id: AtomicU32::new(0),
        };
        // SAFETY: the descriptors are whole.
        unsafe {
            let sites = [make(c"f", 1), make(c"f", 2), make(c"g", 1), make(c"f", 1)];
            let numbers: Vec<u32> = sites.iter().map(|site| number("test", site)).collect();
            assert_eq!(numbers[0], numbers[3]);
            assert!(numbers[0] != numbers[1] && numbers[0] != numbers[2] && numbers[1] != numbers[2]);
            assert!(numbers.iter().all(|&id| id > OTHER));
            for line in 3..500 {
                let site = make(c"f", line);
                assert_eq!(number("test", &site), number("test", &make(c"f", line)));
                assert_eq!(location(number("test", &site)).map(|location| location.line), Some(line));
            }
            assert_eq!(format!("{}", location(numbers[0]).unwrap()), "a.c:1 (f)");
            assert_eq!(
                format!("{}", location(number_of_type(c"Node".as_ptr())).unwrap()),
                "unknown site of Node"
            );
        }
    }
}
