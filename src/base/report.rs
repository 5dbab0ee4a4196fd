//! How the library speaks: one line at a time, to the log hook or, when memory would be corrupted, to the
//! fatal hook.
//!
//! Lines are formatted into a buffer on the stack, so speaking never allocates. The hooks are process-wide,
//! since a foreign pointer belongs to no heap.

use crate::sys::{self, errno, lock};
use core::ffi::{c_char, c_void};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Longest line; what is longer is cut.
pub const LINE_BYTES: usize = 512;

/// A line under construction: a C string of at most [`LINE_BYTES`].
#[derive(Clone)]
pub struct Line {
    bytes: [u8; LINE_BYTES],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Line { bytes: [0; LINE_BYTES], len: 0 }
    }

    /// A line with this text.
    pub fn of(text: fmt::Arguments<'_>) -> Self {
        let mut line = Line::new();
        // Cutting a long line is not a failure.
        let _ = line.write_fmt(text);
        line
    }

    /// The text as a C string.
    pub fn as_ptr(&self) -> *const c_char {
        self.bytes.as_ptr() as *const c_char
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A character that was cut at the end is left out.
        self.as_bytes().utf8_chunks().try_for_each(|chunk| out.write_str(chunk.valid()))
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            // The last byte stays 0: the line is a C string.
            if self.len + 1 >= LINE_BYTES {
                return Err(fmt::Error);
            }
            // A NUL would end the C string early and a newline is the hook's.
            let printable = if byte < b' ' { b' ' } else { byte };
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = printable;
            }
            self.len += 1;
        }
        Ok(())
    }
}

/// A C string for display; bytes that are not UTF-8 show as `?`, null as `(null)`.
pub struct CText(pub *const c_char);

impl fmt::Display for CText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of the host are cut so that the rest of the sentence still fits.
        // SAFETY: whoever makes a CText has a C string.
        unsafe { show(self.0, 120, out) }
    }
}

/// As [`CText`], for a sentence of our own, which is shown whole.
pub struct Sentence(pub *const c_char);

impl fmt::Display for Sentence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: whoever makes a Sentence has a C string.
        unsafe { show(self.0, usize::MAX, out) }
    }
}

unsafe fn show(text: *const c_char, most: usize, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if text.is_null() {
        return out.write_str("(null)");
    }
    let bytes = core::ffi::CStr::from_ptr(text).to_bytes();
    for chunk in bytes.get(..bytes.len().min(most)).unwrap_or(&[]).utf8_chunks() {
        out.write_str(chunk.valid())?;
        if !chunk.invalid().is_empty() {
            out.write_str("?")?;
        }
    }
    match bytes.len() > most {
        true => out.write_str("..."),
        false => Ok(()),
    }
}

/// The "s" of a plural: empty for one.
pub fn s(count: u64) -> &'static str {
    if count == 1 {
        ""
    } else {
        "s"
    }
}

/// How a line ranks; the numbers of `GC_LOG_*`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// The host must mend something.
    Error = 1,
    /// Something costs memory or time.
    Warning = 2,
    /// Good to know.
    Info = 3,
}

/// The sentence behind the last failing status that belongs to no heap, or to the default heap.
static ERROR: ErrorText = ErrorText(core::cell::UnsafeCell::new(Line::new()));

struct ErrorText(core::cell::UnsafeCell<Line>);

// SAFETY: written under the lock; a reader is told that the next failing call overwrites what it reads.
unsafe impl Sync for ErrorText {}

/// Keeps the sentence for [`process_error`].
pub fn set_process_error(line: &Line) {
    let _guard = lock::ERROR.lock();
    // SAFETY: nobody else writes it, under the lock; who reads it meanwhile was told, see ErrorText.
    unsafe { *ERROR.0.get() = line.clone() };
}

/// The sentence kept last.
pub fn process_error() -> *const c_char {
    // SAFETY: the text is a C string at all times; see ErrorText.
    unsafe { (*ERROR.0.get()).as_ptr() }
}

type LogFn = unsafe extern "C" fn(u32, *const c_char, *mut c_void);
type FatalFn = unsafe extern "C" fn(*const c_char, *mut c_void);

// ORDER: of `LOG_FN`, `LOG_CTX`, `FATAL_FN` and `FATAL_CTX`: relaxed: the host sets them while no other thread is in the library (contract of gc_set_log,
// gc_set_fatal), and hands that on by itself; atomics only keep the accesses whole.
static LOG_FN: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static LOG_CTX: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static FATAL_FN: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static FATAL_CTX: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Sets the log hook; None is standard error.
pub fn set_log(hook: Option<LogFn>, ctx: *mut c_void) {
    LOG_CTX.store(ctx, Ordering::Relaxed);
    LOG_FN.store(hook.map_or(core::ptr::null_mut(), |hook| hook as *mut c_void), Ordering::Relaxed);
}

/// Sets the fatal hook; None is standard error.
pub fn set_fatal(hook: Option<FatalFn>, ctx: *mut c_void) {
    FATAL_CTX.store(ctx, Ordering::Relaxed);
    FATAL_FN.store(hook.map_or(core::ptr::null_mut(), |hook| hook as *mut c_void), Ordering::Relaxed);
}

/// Sends a line to the log.
#[cold]
#[inline(never)]
pub fn log(level: Level, text: fmt::Arguments<'_>) {
    // The caller is in the middle of something, and the hook is the host's.
    let _errno = errno::keep();
    let line = Line::of(text);
    let hook = LOG_FN.load(Ordering::Relaxed);
    if hook.is_null() {
        let prefix: &[u8] = match level {
            Level::Error => b"rcgc: error: ",
            Level::Warning => b"rcgc: warning: ",
            Level::Info => b"rcgc: info: ",
        };
        write_line(prefix, &line);
        return;
    }
    // SAFETY: only set_log stores here, and it stores a LogFn.
    let hook: LogFn = unsafe { core::mem::transmute(hook) };
    // SAFETY: the host's hook, called as its type says.
    unsafe { hook(level as u32, line.as_ptr(), LOG_CTX.load(Ordering::Relaxed)) }
}

/// The thread whose fatal hook is running; 0: none.
// ORDER: relaxed: a thread must only tell whether it is that one itself, and its own writes it sees in order.
static FATAL_THREAD: AtomicUsize = AtomicUsize::new(0);

/// Says what was done to memory, then aborts. What the hook itself does wrong goes to standard error: it is not called once
/// more.
#[cold]
#[inline(never)]
pub fn fatal(text: fmt::Arguments<'_>) -> ! {
    let line = Line::of(text);
    let hook = FATAL_FN.load(Ordering::Relaxed);
    let thread = sys::thread::this();
    if hook.is_null() || FATAL_THREAD.load(Ordering::Relaxed) == thread {
        write_line(b"rcgc: fatal: ", &line);
    } else {
        FATAL_THREAD.store(thread, Ordering::Relaxed);
        // SAFETY: only set_fatal stores here, and it stores a FatalFn.
        let hook: FatalFn = unsafe { core::mem::transmute(hook) };
        // SAFETY: the host's hook, called as its type says.
        unsafe { hook(line.as_ptr(), FATAL_CTX.load(Ordering::Relaxed)) }
    }
    sys::abort()
}

/// Writes a prefix and a line to standard error.
fn write_line(prefix: &[u8], line: &Line) {
    sys::write_error(prefix);
    sys::write_error(line.as_bytes());
    sys::write_error(b"\n");
}
