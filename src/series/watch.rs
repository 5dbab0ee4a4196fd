//! Watches: a number of the heap's, a limit, and what is done when the number reaches it. They are looked at when a
//! tick is taken, when a collection has ended, and when an allocation budget is spent (a few MiB at most); a watch
//! that was set off is set again when the number has fallen below its limit.

use super::{meters, What};
use crate::dump::out::Sink;
use crate::dump::{self, Options};
use crate::heap::Heap;
use crate::host::{self, WatchFn};
use crate::leaks;
use crate::profile::plan;
use crate::report::{self, CText, Level};
use crate::scope::Stack;
use crate::sys;
use crate::sys::file;
use crate::types::Type;
use core::ffi::{c_char, c_int, c_void, CStr};

/// A number of the heap's; the numbers of `GC_WATCH_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Metric {
    /// Bytes of live objects.
    LiveBytes = 1,
    /// Live objects.
    LiveObjects = 2,
    /// Bytes that they keep elsewhere.
    ExternalBytes = 3,
    /// Memory taken for objects.
    HeapBytes = 4,
    /// Resident bytes of the process.
    ResidentBytes = 5,
    /// Nanoseconds of the longest pause since the watch was made, or was set off.
    PauseNs = 6,
    /// Live objects of one type.
    TypeObjects = 7,
}

/// What is done; the numbers of `GC_WATCH_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Action {
    /// A line in the log.
    Log = 0,
    /// A function of the host's.
    Callback = 1,
    /// SIGTRAP, for a debugger.
    Trap = 2,
    /// A dump.
    Dump = 3,
}

/// One watch.
#[derive(Clone, Copy)]
pub struct Watch {
    /// Its number in the heap; the first has 1.
    pub number: u32,
    /// What is looked at.
    pub metric: Metric,
    /// When it is set off.
    pub limit: u64,
    /// What is done then.
    pub action: Action,
    /// The function, of [`Action::Callback`].
    pub callback: Option<WatchFn>,
    /// Given to it.
    pub ctx: *mut c_void,
    /// The type, of [`Metric::TypeObjects`].
    pub kind: *mut Type,
    /// The file, of [`Action::Dump`]; ours.
    pub path: *const c_char,
    /// The number has not fallen below the limit since it was set off.
    passed: bool,
    /// The longest pause so far.
    pause_ns: u64,
    /// How often it was set off.
    pub count: u32,
    /// It belongs to the heap's plan, which numbers what it writes and says who may.
    pub planned: bool,
}

/// The watches of one heap. Zeroed memory has none.
pub struct Watches {
    all: Stack<Watch>,
    last_number: u32,
    /// They are being looked at.
    looking: bool,
}

impl Watch {
    /// A watch that was never set off.
    pub const fn new(metric: Metric, limit: u64, action: Action) -> Self {
        Watch {
            number: 0,
            metric,
            limit,
            action,
            callback: None,
            ctx: core::ptr::null_mut(),
            kind: core::ptr::null_mut(),
            path: core::ptr::null(),
            passed: false,
            pause_ns: 0,
            count: 0,
            planned: false,
        }
    }
}

/// Watches are looked at after so many bytes were allocated, if nothing else makes them be looked at before.
const LOOK_BYTES: u64 = 1 << 20;

impl Watches {
    /// Gives the memory back.
    pub fn end(&mut self) {
        for watch in self.all.as_slice() {
            // SAFETY: ours.
            unsafe { sys::free(watch.path as *mut u8) };
        }
        self.all.end();
    }
}

/// Adds a watch; its number. None for out of memory.
///
/// # Safety
/// - Only the heap's thread is in the heap; `watch.path` is null or a C string, which is copied.
pub unsafe fn add(heap: *mut Heap, watch: &Watch) -> Option<u32> {
    let path = leaks::copy_text(watch.path)?;
    let watches = &mut (*heap).watches;
    let number = watches.last_number + 1;
    if !watches.all.push(Watch { number, path, ..*watch }) {
        sys::free(path as *mut u8);
        return None;
    }
    watches.last_number = number;
    (*heap).pace.look_bytes = LOOK_BYTES;
    // The budget that was given already may be much larger.
    (*heap).recall_rations();
    (*heap).renew_budget(false);
    Some(number)
}

/// Ends a watch. False when there is none of that number.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn remove(heap: *mut Heap, number: u32) -> bool {
    let watches = &mut (*heap).watches;
    let Some(index) = watches.all.as_slice().iter().position(|watch| watch.number == number) else {
        return false;
    };
    if let Some(watch) = watches.all.get(index) {
        sys::free(watch.path as *mut u8);
    }
    watches.all.remove(index);
    if watches.all.as_slice().is_empty() {
        (*heap).pace.look_bytes = 0;
    }
    true
}

/// A type ends: nobody watches it any more.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn type_ended(kind: *mut Type) {
    let heap = (*kind).heap;
    while let Some(watch) = (*heap).watches.all.as_slice().iter().find(|watch| watch.kind == kind) {
        remove(heap, watch.number);
    }
}

/// A collection took so long.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn paused(heap: *mut Heap, pause_ns: u64) {
    for watch in (*heap).watches.all.as_mut_slice() {
        watch.pause_ns = watch.pause_ns.max(pause_ns);
    }
}

unsafe fn value_of(heap: *mut Heap, watch: &Watch) -> u64 {
    match watch.metric {
        Metric::LiveBytes => (*heap).live_bytes(),
        Metric::LiveObjects => (*heap).live_objects(),
        Metric::ExternalBytes => (*heap).external.total,
        Metric::HeapBytes => (*heap).page_bytes,
        Metric::ResidentBytes => meters::resident_now(),
        Metric::PauseNs => watch.pause_ns,
        Metric::TypeObjects => (*watch.kind).live(),
    }
}

/// Looks at all watches.
///
/// # Safety
/// - Only the heap's thread is in the heap; it is where host code may run.
#[inline(always)]
pub unsafe fn look(heap: *mut Heap) {
    if !(*heap).watches.all.is_empty() {
        look_at_all(heap);
    }
}

#[cold]
#[inline(never)]
unsafe fn look_at_all(heap: *mut Heap) {
    if (*heap).watches.looking || !super::is_idle(heap) {
        return;
    }
    (*heap).watches.looking = true;
    let mut number = 0;
    // Host code may add and remove watches: they are told by their numbers, which rise.
    while let Some(index) = next_index(heap, number) {
        let Some(mut watch) = (*heap).watches.all.get(index) else { break };
        number = watch.number;
        let value = value_of(heap, &watch);
        let set_off = value >= watch.limit && !watch.passed;
        watch.passed = value >= watch.limit;
        if set_off {
            watch.count += 1;
            if watch.metric == Metric::PauseNs {
                (watch.passed, watch.pause_ns) = (false, 0);
            }
        }
        (*heap).watches.all.set(index, watch);
        if set_off {
            act(heap, &watch, value);
        }
    }
    (*heap).watches.looking = false;
}

unsafe fn next_index(heap: *mut Heap, number: u32) -> Option<usize> {
    (*heap).watches.all.as_slice().iter().position(|watch| watch.number > number)
}

unsafe fn act(heap: *mut Heap, watch: &Watch, value: u64) {
    super::note(heap, What::Watch, 0, watch.number as u64, 0);
    match (watch.action, watch.callback) {
        (Action::Callback, Some(callback)) => host::watch(heap, callback, watch, value),
        (Action::Trap, _) => sys::trap(),
        (Action::Dump, _) if watch.planned => plan::limit_reached(heap, watch.path),
        (Action::Dump, _) => {
            dump_to(heap, watch.path, watch.count);
        }
        _ => report::log(
            Level::Warning,
            format_args!(
                "heap {}: watch {}: {value} has reached {}",
                CText((*heap).name()),
                watch.number,
                watch.limit
            ),
        ),
    }
}

/// Longest path of a dump.
const PATH_BYTES: usize = 4096;

/// Writes a dump to a file whose name is made of a pattern: `%p` is the process, `%h` the heap, `%n` a number. What
/// fails is said in the log. Whether it was written.
///
/// # Safety
/// - Only the heap's thread is in the heap, in no collection; `pattern` is a C string; every tracked object is
///   walkable.
pub unsafe fn dump_to(heap: *mut Heap, pattern: *const c_char, number: u32) -> bool {
    to_file(heap, pattern, number, "dump", |fd| {
        let options = Options { sink: Sink::Descriptor(fd), key: None, label: pattern, forked: false };
        match dump::write(heap, &options) {
            Ok(_) => true,
            Err(dump::Failed::NoMemory) => {
                file::set_errno(libc::ENOMEM);
                false
            }
            Err(_) => false,
        }
    })
}

/// Writes to a file whose name is made of a pattern, as [`dump_to`].
///
/// # Safety
/// - `pattern` is a C string.
pub unsafe fn to_file(
    heap: *mut Heap,
    pattern: *const c_char,
    number: u32,
    what: &str,
    write: impl FnOnce(c_int) -> bool,
) -> bool {
    let mut path = [0u8; PATH_BYTES];
    if !fill_path(CStr::from_ptr(pattern).to_bytes(), (*heap).index, number, &mut path) {
        report::log(Level::Warning, format_args!("the path of a {what} is too long: {}", CText(pattern)));
        return false;
    }
    let path = path.as_ptr() as *const c_char;
    let written = match file::create(path) {
        Ok(fd) => {
            let written = write(fd);
            file::close(fd).is_ok() && written
        }
        Err(_) => false,
    };
    if !written {
        report::log(
            Level::Warning,
            format_args!(
                "heap {}: the {what} {} was not written: errno {}",
                CText((*heap).name()),
                CText(path),
                file::errno()
            ),
        );
    }
    written
}

/// Fills a pattern in. False when the path is too long; it ends with NUL.
fn fill_path(pattern: &[u8], heap: u32, number: u32, path: &mut [u8]) -> bool {
    let mut len = 0;
    let room = path.len() - 1;
    let mut put = |bytes: &[u8], path: &mut [u8]| {
        let fits = len + bytes.len() <= room;
        if let (true, Some(place)) = (fits, path.get_mut(len..len + bytes.len())) {
            place.copy_from_slice(bytes);
            len += bytes.len();
        }
        fits
    };
    let mut rest = pattern;
    let mut fits = true;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let value = match (byte, behind.first()) {
            (b'%', Some(b'p')) => Some(file::process_id()),
            (b'%', Some(b'h')) => Some(heap as u64),
            (b'%', Some(b'n')) => Some(number as u64),
            (b'%', Some(b'%')) => None,
            _ => {
                fits &= put(&[byte], path);
                continue;
            }
        };
        rest = behind.get(1..).unwrap_or(&[]);
        fits &= match value {
            Some(value) => put(report::Line::of(format_args!("{value}")).as_bytes(), path),
            None => put(b"%", path),
        };
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_filled_in() {
        let fill = |pattern: &str, room: usize| {
            let mut path = vec![0u8; room];
            let fits = fill_path(pattern.as_bytes(), 3, 7, &mut path);
            fits.then(|| String::from_utf8(path.split(|&b| b == 0).next().unwrap().to_vec()).unwrap())
        };
        let process = std::process::id();
        assert_eq!(fill("a.%p.%h.%n", 64), Some(format!("a.{process}.3.7")));
        assert_eq!(fill("100%% %x %", 64), Some("100% %x %".to_owned()));
        assert_eq!(fill("abcdef", 7), Some("abcdef".to_owned()));
        assert_eq!(fill("abcdef", 6), None);
    }
}
