//! Objects that are expected to be dead: the host names one and says why, and asks later. Followed by weak handles,
//! so nothing is kept alive, and an address that was used again is not mistaken.

use crate::base::list::List;
use crate::base::promised;
use crate::base::report::{self, CText, Level, Line};
use crate::base::string;
use crate::cycle::stats::Status;
use crate::cycle::{self, ending, Kind};
use crate::header;
use crate::heap::Heap;
use crate::life::weak::{self, Weak};
use crate::memory::range;
use crate::object;
use crate::profile::{self, record, site};
use crate::sys;
use core::ffi::{c_char, c_void};
use core::fmt::Write;
use core::ptr;

/// One object.
#[derive(Clone, Copy)]
struct Entry {
    weak: *mut Weak,
    /// Why it should be dead; ours.
    why: *const c_char,
    since_ns: u64,
}

/// The objects of one heap. Zeroed memory has none.
pub struct Expected {
    entries: List<Entry>,
}

impl Expected {
    /// Gives the memory back.
    pub fn end(&mut self) {
        for entry in self.entries.as_slice() {
            // SAFETY: `expect` made the handle and the copy, and the list goes with them.
            unsafe {
                weak::free(entry.weak);
                sys::free(entry.why as *mut u8);
            }
        }
        self.entries.end();
    }
}

/// From now on an object is expected to be dead when somebody asks. False for out of memory.
///
/// # Safety
/// - `obj` is a live object; `why` is null or a C string.
pub unsafe fn expect(obj: *mut c_void, why: *const c_char) -> bool {
    promised!(object::check(obj).is_ok());
    let leaks = super::made_for((*object::type_of(obj)).heap);
    if leaks.is_null() || !(*leaks).expected.entries.reserve(1) {
        return false;
    }
    let Some(why) = string::copy(why) else { return false };
    let weak = weak::new(obj, None, ptr::null_mut());
    if weak.is_null() {
        sys::free(why as *mut u8);
        return false;
    }
    // There is room.
    (*leaks).expected.entries.push(Entry { weak, why, since_ns: sys::now_ns() })
}

/// Looks which of the objects live, after a full collection if `collect`, and says so of each. Those that are dead are
/// forgotten. Returns how many live, and how the collection went.
///
/// # Safety
/// - With `collect`, every tracked object is walkable.
pub unsafe fn check(heap: *mut Heap, collect: bool) -> (usize, Status) {
    if super::of(heap).is_null() {
        return (0, Status::Ok);
    }
    let status = if collect { cycle::collect(heap, Kind::Full).1 } else { Status::Ok };
    // Callbacks of the collection may have made others.
    let entries = &mut (*super::of(heap)).expected.entries;
    entries.retain(|entry| {
        let obj = weak::target_of(entry.weak);
        match obj.is_null() {
            true => {
                weak::free(entry.weak);
                sys::free(entry.why as *mut u8);
            }
            // What immortal objects keep is not held at the end.
            false if collect || ending::is_held(obj) => say(heap, obj, entry),
            false => {}
        }
        !obj.is_null()
    });
    (entries.len(), status)
}

unsafe fn say(heap: *mut Heap, obj: *mut c_void, entry: &Entry) {
    let why = if entry.why.is_null() { c"no reason was given".as_ptr() } else { entry.why };
    let mut line = Line::new();
    // A cut line has the object at least.
    let _ = write!(
        line,
        "{} {obj:p} is alive, {} ms after it was expected to be dead ({})",
        (*object::type_of(obj)).name(),
        (sys::now_ns() - entry.since_ns) / 1_000_000,
        CText(why)
    );
    match header::count_word(obj) {
        word if word & header::LOCAL != 0 => {
            let count = (word - header::LOCAL) as u64;
            let _ = write!(line, "; {count} reference{}", report::s(count));
        }
        _ => {
            let _ = write!(line, "; immortal");
        }
    }
    if !profile::exact(heap).is_null() {
        let record = record::get(range::page_of(obj as usize), obj);
        if let Some(location) = site::location(record.site()) {
            let _ = write!(line, "; made at {location}");
        }
    }
    report::log(Level::Warning, format_args!("{line}"));
}
