//! What is written without a call: a dump, a text, or both, of a heap when it ends, when the process exits, when memory runs
//! out, when a signal comes. As the host asks, or the variable `RCGC_PROFILE` of the environment, which every heap looks
//! at when it is made, so that a program is profiled without a change of its source.
//!
//! A plan is items between commas; [`parse`] has them. Memory for a dump when there is none is put aside beforehand and
//! given back just then.
//!
//! **Signals.** The handler sets two flags of the heaps concerned, and nothing else; the heap's thread writes the dump
//! at its next allocation that goes the long way, at a tick, or after a collection.

use crate::auto::files::{self, Asked, What};
use crate::auto::watch::{self, Action, Metric, Watch};
use crate::base::environment;
use crate::base::report::{self, CText, Level};
use crate::base::string;
use crate::heap::Heap;
use crate::host::Pin;
use crate::memory::range;
use crate::observe::{Notice, Seat, Wants};
use crate::out::Sink;
use crate::profile;
use crate::profile::query::glob;
use crate::profile::text;
use crate::profile::{Options, SITES, STACKS};
use crate::series::{self, THREAD};
use crate::sys::errno::Errno;
pub use crate::sys::signal::NoSignal;
use crate::sys::signal::{self, Before};
use crate::sys::{self, file, lock};
use core::ffi::{c_char, c_int, c_void, CStr};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

/// Bytes put aside for a dump when memory has run out.
const ASIDE_BYTES: usize = 4 << 20;
/// Rows of a table in a text.
const TEXT_ROWS: usize = 50;
/// The most bytes between two samples of stacks.
const STACKS_MEAN_MAX: u64 = 1 << 40;
/// The most milliseconds between two samples of the series.
const SERIES_MS_MAX: u64 = 1 << 30;
/// The variable.
const VARIABLE: &CStr = c"RCGC_PROFILE";

/// What a heap writes by itself.
pub struct Plan {
    /// The dump's path with its patterns; ours, null: none.
    dump: *const c_char,
    /// The text's; ours, null: none.
    report: *const c_char,
    /// A text to standard error.
    to_stderr: bool,
    /// Also when memory runs out: what was put aside.
    aside: *mut u8,
    at_oom: bool,
    /// How often something was written.
    number: u32,
    /// The process that asked: a forked child writes only what has its own name.
    process: u64,
    /// The dump's path when a signal comes; ours, null: none.
    signalled: *const c_char,
    /// The process that asked for that.
    signalled_by: u64,
}

/// A plan as it is asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// What the profile counts; `flags` 0: there is none.
    pub options: Options,
    /// Milliseconds between two samples of the series; 0: none.
    pub series_ms: u64,
    /// Paths.
    pub dump: Option<&'a [u8]>,
    /// Empty: standard error.
    pub report: Option<&'a [u8]>,
    /// Only heaps whose names fit.
    pub heap: Option<&'a [u8]>,
    /// Write when memory runs out.
    pub oom: bool,
    /// Write a dump when so many bytes live; 0: not.
    pub limit: u64,
}

/// Why a plan was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused<'a> {
    /// An item is unknown, or has a value that it cannot have.
    Item(&'a [u8]),
    /// `oom` or `limit` without a dump or text to write.
    NothingToWrite,
    /// No memory, or what was asked for is on already.
    NotNow,
}

/// Reads a plan: `sites`, `stacks`, `stacks=BYTES`, `series`, `series=MS`, `dump=PATH`, `report`, `report=PATH`, `oom`,
/// `limit=BYTES`, `heap=PATTERN`, between commas. BYTES may end in K, M, G.
pub fn parse(text: &[u8]) -> Result<Wanted<'_>, Refused<'_>> {
    let mut wanted = Wanted {
        options: Options { flags: 0, ..Options::EXACT },
        series_ms: 0,
        dump: None,
        report: None,
        heap: None,
        oom: false,
        limit: 0,
    };
    for item in text.split(|&byte| byte == b',').map(|item| item.trim_ascii()) {
        let (name, value) = match item.iter().position(|&byte| byte == b'=') {
            Some(at) => (item.get(..at).unwrap_or(&[]), item.get(at + 1..)),
            None => (item, None),
        };
        let up_to = |most: u64| {
            let number = value.and_then(environment::whole_number);
            number.filter(|number| (1..=most).contains(number)).ok_or(Refused::Item(item))
        };
        match (name, value) {
            (b"", None) => {}
            (b"sites", None) => wanted.options.flags |= SITES,
            (b"stacks", None) => wanted.options.flags |= STACKS,
            (b"stacks", Some(_)) => {
                wanted.options.flags |= STACKS;
                wanted.options.stacks.mean = up_to(STACKS_MEAN_MAX)?;
            }
            (b"series", None) => wanted.series_ms = 10,
            (b"series", Some(_)) => wanted.series_ms = up_to(SERIES_MS_MAX)?,
            (b"report", None) => wanted.report = Some(b""),
            (b"report", Some(path)) if !path.is_empty() => wanted.report = Some(path),
            (b"dump", Some(path)) if !path.is_empty() => wanted.dump = Some(path),
            (b"heap", Some(pattern)) => wanted.heap = Some(pattern),
            (b"oom", None) => wanted.oom = true,
            (b"limit", Some(_)) => wanted.limit = up_to(u64::MAX)?,
            _ => return Err(Refused::Item(item)),
        }
    }
    if (wanted.oom && wanted.dump.is_none() && wanted.report.is_none())
        || (wanted.limit != 0 && wanted.dump.is_none())
    {
        return Err(Refused::NothingToWrite);
    }
    if wanted.report.is_some() {
        wanted.options.flags |= SITES;
    }
    Ok(wanted)
}

/// A heap was made: does what the environment says.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn at_birth(heap: *mut Heap) {
    let Some(text) = environment::text(VARIABLE) else { return };
    let refused = match parse(text.to_bytes()) {
        Ok(wanted) => carry_out(heap, &wanted).err(),
        Err(refused) => Some(refused),
    };
    match refused {
        None => {}
        // Of each heap, since others may have had it.
        Some(Refused::NotNow) => report::log(
            Level::Warning,
            format_args!("RCGC_PROFILE: heap {} was not profiled: no memory", CText((*heap).name())),
        ),
        Some(refused @ Refused::Item(_)) => {
            environment::refuse(VARIABLE, text, format_args!("{refused}; nothing was started"))
        }
        Some(refused @ Refused::NothingToWrite) => {
            let value = Show(text.to_bytes());
            environment::refuse(VARIABLE, text, format_args!("\"{value}\": {refused}; nothing was started"))
        }
    }
}

impl core::fmt::Display for Refused<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Refused::Item(item) => write!(
                out,
                "\"{}\" is unknown, or its value is: there are sites, stacks, stacks=BYTES (to 1024G), series, \
                 series=MS (to 2^30), dump=PATH, report, report=PATH, oom, limit=BYTES, heap=PATTERN; BYTES and MS \
                 are whole numbers above 0, with K, M or G behind them if need be",
                Show(item)
            ),
            Refused::NothingToWrite => out.write_str("oom needs a dump or a report, limit a dump"),
            Refused::NotNow => out.write_str("not all of it could be started"),
        }
    }
}

/// Bytes for a message.
pub struct Show<'a>(pub &'a [u8]);

impl core::fmt::Display for Show<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let cut = self.0.get(..self.0.len().min(100)).unwrap_or(&[]);
        cut.utf8_chunks().try_for_each(|chunk| out.write_str(chunk.valid()))
    }
}

/// Does what a plan says, if the heap's name fits.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn carry_out<'a>(heap: *mut Heap, wanted: &Wanted<'a>) -> Result<(), Refused<'a>> {
    let name = CStr::from_ptr((*heap).name()).to_bytes();
    if wanted.heap.is_some_and(|pattern| !glob(pattern, name)) {
        return Ok(());
    }
    let mut done = true;
    if wanted.options.flags != 0 {
        done &= profile::start(heap, &wanted.options).is_ok();
    }
    if wanted.series_ms != 0 {
        let options = series::Options {
            flags: THREAD,
            capacity: series::SAMPLES as usize,
            interval_ns: wanted.series_ms * 1_000_000,
        };
        done &= series::start(heap, &options).is_ok();
    }
    if wanted.dump.is_some() || wanted.report.is_some() {
        done &= write_at_end(heap, wanted);
    }
    match done {
        true => Ok(()),
        false => Err(Refused::NotNow),
    }
}

unsafe fn plan_of(heap: *mut Heap) -> *mut Plan {
    if of(heap).is_null() {
        let plan = sys::allocate(size_of::<Plan>()) as *mut Plan;
        if !plan.is_null() {
            (*plan).process = file::process();
            let wants = Wants::ATTEND | Wants::STARVED | Wants::ENDING | Wants::GONE;
            (*heap).observers.sit(Seat::Plan, plan as *mut c_void, hear, wants);
        }
    }
    of(heap)
}

/// The plan of a heap; null: nothing is planned.
unsafe fn of(heap: *mut Heap) -> *mut Plan {
    (*heap).observers.state(Seat::Plan) as *mut Plan
}

unsafe fn hear(heap: *mut Heap, notice: Notice) {
    match notice {
        // ORDER: relaxed: `Heap::signalled` set it before `attention`, which `observe::attend` has just acquired; what is seen
        // earlier by chance is served earlier.
        Notice::Attend(_) if (*heap).dump_due.load(Ordering::Relaxed) => serve_signal(heap),
        Notice::Starved => out_of_memory(heap),
        Notice::Ending => write_out(heap),
        Notice::Gone => end(heap),
        _ => {}
    }
}

unsafe fn write_at_end(heap: *mut Heap, wanted: &Wanted) -> bool {
    let plan = plan_of(heap);
    if plan.is_null() {
        return false;
    }
    let (dump, report) = (copy(wanted.dump), copy(wanted.report.filter(|path| !path.is_empty())));
    let (Some(dump), Some(report)) = (dump, report) else { return false };
    sys::free(core::mem::replace(&mut (*plan).dump, dump) as *mut u8);
    sys::free(core::mem::replace(&mut (*plan).report, report) as *mut u8);
    (*plan).to_stderr = wanted.report.is_some_and(|path| path.is_empty());
    (*plan).at_oom = wanted.oom;
    if wanted.oom && (*plan).aside.is_null() {
        (*plan).aside = sys::allocate_raw(ASIDE_BYTES);
    }
    // ORDER: relaxed: only the one thread that finds it unset goes on; nothing else is handed over.
    static AT_EXIT: AtomicBool = AtomicBool::new(false);
    if !AT_EXIT.swap(true, Ordering::Relaxed) && libc::atexit(at_exit) != 0 {
        AT_EXIT.store(false, Ordering::Relaxed);
        return false;
    }
    if wanted.limit != 0 {
        let mut limit = Watch::new(Metric::LiveBytes, wanted.limit, Action::Dump);
        (limit.path, limit.planned) = (dump, true);
        return watch::add(heap, &limit).is_some();
    }
    true
}

/// A copy with a NUL; null of nothing. None for out of memory.
unsafe fn copy(text: Option<&[u8]>) -> Option<*const c_char> {
    let Some(text) = text else { return Some(ptr::null()) };
    let copy = sys::allocate(text.len() + 1);
    if copy.is_null() {
        return None;
    }
    ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
    Some(copy as *const c_char)
}

/// Writes what the plan of a heap says: it ends, or the process does.
///
/// # Safety
/// - Every tracked object is walkable.
pub unsafe fn write_out(heap: *mut Heap) {
    let plan = of(heap);
    if plan.is_null() || ((*plan).dump.is_null() && (*plan).report.is_null() && !(*plan).to_stderr) {
        return;
    }
    if !(*heap).is_idle() {
        report::log(
            Level::Warning,
            format_args!("heap {}: nothing was written: it is in a collection", CText((*heap).name())),
        );
        return;
    }
    // The log is the host's, who may make another plan there: each path is looked up when its turn comes.
    let _pin = Pin::on(heap);
    // Children that only end are many: they do not say that they write nothing.
    let asked = Asked { process: (*plan).process, number: next_number(heap), is_told: false };
    if !(*plan).dump.is_null() {
        files::write_dump(heap, (*plan).dump, asked);
    }
    if !(*plan).report.is_null() {
        files::write(heap, (*plan).report, asked, What::Text, |fd, _| write_text(heap, fd));
    }
    if (*plan).to_stderr && (*plan).process == file::process() {
        // Who closed it cannot be told.
        let _ = write_text(heap, 2);
    }
}

/// What `%n` is in the path of the next file that the plan of a heap writes.
///
/// # Safety
/// - The heap has a plan.
unsafe fn next_number(heap: *mut Heap) -> u32 {
    (*of(heap)).number += 1;
    (*of(heap)).number
}

/// The limit of a heap's plan is reached: writes the dump.
///
/// # Safety
/// - As [`files::write_dump`]; the heap has a plan.
pub unsafe fn limit_reached(heap: *mut Heap, path: *const c_char) {
    let process = (*of(heap)).process;
    files::write_dump(heap, path, Asked { process, number: next_number(heap), is_told: true });
}

unsafe fn write_text(heap: *mut Heap, fd: c_int) -> Result<(), Errno> {
    if profile::exact(heap).is_null() {
        return Ok(());
    }
    let options =
        text::Options { parts: text::ALL, limit: TEXT_ROWS, decimals: 0, sink: Sink::Descriptor(fd) };
    match text::write(heap, &options) {
        Ok(()) => Ok(()),
        Err(text::Failed::NoMemory) => Err(libc::ENOMEM),
        Err(text::Failed::Collecting) => Err(libc::EBUSY),
        Err(text::Failed::Write(why)) => Err(why),
    }
}

/// The process exits: heaps that live are written.
extern "C" fn at_exit() {
    // SAFETY: a host that exits while another thread is in a heap has been told.
    unsafe {
        range::each_heap(|heap| {
            if (*heap).is_live() {
                write_out(heap);
            }
        });
    }
}

/// No memory is to be had for an object: writes once what the plan says.
unsafe fn out_of_memory(heap: *mut Heap) {
    let plan = of(heap);
    if plan.is_null() || !(*plan).at_oom || !(*heap).is_idle() {
        return;
    }
    (*plan).at_oom = false;
    sys::free(core::mem::replace(&mut (*plan).aside, ptr::null_mut()));
    report::log(Level::Error, format_args!("heap {}: memory has run out", CText((*heap).name())));
    write_out(heap);
}

/// The heap ends: the plan does, too.
unsafe fn end(heap: *mut Heap) {
    let plan = of(heap);
    // Nothing is refused.
    let _ = on_signal(heap, 0, ptr::null());
    sys::free((*plan).dump as *mut u8);
    sys::free((*plan).report as *mut u8);
    sys::free((*plan).aside);
    sys::free(plan as *mut u8);
    (*heap).observers.leave(Seat::Plan);
}

// ---- signals ----

// ORDER: of `SIGNAL`, `LISTENERS` and `on_signal`: relaxed, written under `lock::SIGNALS`, and read there but for `on_signal`,
// which the handler reads (`Heap::signalled`): nothing is handed over by it, and a signal that comes while it changes is for
// either.

/// The signal that the process listens to; 0: none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// Heaps that write a dump when it comes.
static LISTENERS: AtomicUsize = AtomicUsize::new(0);
/// What the signal did before; all three under [`lock::SIGNALS`].
static BEFORE: WasBefore = WasBefore(core::cell::UnsafeCell::new(Before::NONE));

struct WasBefore(core::cell::UnsafeCell<Before>);

// SAFETY: read and written under the lock.
unsafe impl Sync for WasBefore {}

/// A dump is written to a path when a signal comes; 0: no more.
///
/// # Safety
/// - `path` is a C string, or null with 0.
pub unsafe fn on_signal(heap: *mut Heap, signal: c_int, path: *const c_char) -> Result<(), NoSignal> {
    let _guard = lock::SIGNALS.lock();
    if signal == 0 {
        let listened = (*heap).on_signal.swap(false, Ordering::Relaxed);
        if !of(heap).is_null() {
            sys::free(core::mem::replace(&mut (*of(heap)).signalled, ptr::null()) as *mut u8);
        }
        let left = LISTENERS.load(Ordering::Relaxed) - listened as usize;
        LISTENERS.store(left, Ordering::Relaxed);
        if left == 0 {
            unlisten();
        }
        return Ok(());
    }
    let plan = plan_of(heap);
    let Some(path) = string::copy(path).filter(|_| !plan.is_null()) else {
        return Err(NoSignal::Refused);
    };
    match listen(signal) {
        Ok(()) => {
            sys::free(core::mem::replace(&mut (*plan).signalled, path) as *mut u8);
            (*plan).signalled_by = file::process();
            let listened = (*heap).on_signal.swap(true, Ordering::Relaxed);
            LISTENERS.store(LISTENERS.load(Ordering::Relaxed) + !listened as usize, Ordering::Relaxed);
            Ok(())
        }
        Err(why) => {
            sys::free(path as *mut u8);
            Err(why)
        }
    }
}

/// Installs the handler, if nobody else has one. The host may have put another one in its place since.
unsafe fn listen(signal: c_int) -> Result<(), NoSignal> {
    match SIGNAL.load(Ordering::Relaxed) {
        0 => {}
        known if known != signal => return Err(NoSignal::InUse),
        _ if signal::is_listening(signal, handle) => return Ok(()),
        _ => {}
    }
    *BEFORE.0.get() = signal::listen(signal, handle)?;
    SIGNAL.store(signal, Ordering::Relaxed);
    Ok(())
}

unsafe fn unlisten() {
    let listening = SIGNAL.swap(0, Ordering::Relaxed);
    if listening != 0 {
        signal::unlisten(listening, handle, &*BEFORE.0.get());
    }
}

/// The library goes: nobody listens any more.
///
/// # Safety
/// - No thread is in the library.
pub unsafe fn end_signals() {
    let _guard = lock::SIGNALS.lock();
    unlisten();
}

/// Only sets flags: nothing else may be done here.
extern "C" fn handle(_signal: c_int) {
    // SAFETY: flags are all that is touched, which are there in a slot that is nobody's, too.
    range::each_heap(|heap| unsafe { (*heap).signalled() });
}

/// A signal came: writes the dump, or waits until that may be done.
unsafe fn serve_signal(heap: *mut Heap) {
    if !(*heap).is_idle() {
        // ORDER: relaxed: by the heap's thread for itself, to `observe::attend`.
        (*heap).attention.store(true, Ordering::Relaxed);
        return;
    }
    // ORDER: relaxed: a signal that comes from here on sets it again; one before is served by this dump.
    (*heap).dump_due.store(false, Ordering::Relaxed);
    let plan = of(heap);
    if !plan.is_null() && !(*plan).signalled.is_null() {
        let asked = Asked { process: (*plan).signalled_by, number: next_number(heap), is_told: true };
        files::write_dump(heap, (*plan).signalled, asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read() {
        let wanted =
            parse(b"sites, stacks=256K,series=100,dump=/tmp/%p.rcgc,heap=main*,oom,limit=2G").unwrap();
        assert_eq!(wanted.options.flags, SITES | STACKS);
        assert_eq!(wanted.options.stacks.mean, 256 << 10);
        assert_eq!((wanted.series_ms, wanted.oom, wanted.limit), (100, true, 2 << 30));
        assert_eq!(wanted.dump, Some(&b"/tmp/%p.rcgc"[..]));
        assert_eq!(wanted.heap, Some(&b"main*"[..]));
        assert_eq!(parse(b"").unwrap().options.flags, 0);
        assert_eq!(parse(b"report").unwrap().options.flags, SITES);
        assert_eq!(parse(b"report=a=b").unwrap().report, Some(&b"a=b"[..]));
        for bad in
            ["site", "stacks=", "stacks=0", "stacks=12x", "sites=1", "dump", "dump=", "limit=M", "series=-1"]
        {
            assert!(matches!(parse(bad.as_bytes()), Err(Refused::Item(_))), "{bad}");
        }
        assert!(matches!(parse(b"stacks=99999999999999999999"), Err(Refused::Item(_))));
        for bad in ["oom", "sites,limit=1M", "limit=1M,report"] {
            assert!(matches!(parse(bad.as_bytes()), Err(Refused::NothingToWrite)), "{bad}");
        }
    }
}
