//! What the Rust peers share: the clock, random numbers, what the kernel says of memory, the one form in
//! which results leave a program, and the workloads over a [`Peer`].
//!
//! The random numbers are those of benches/micro/bench.h, so that all peers build the same graphs.

pub mod graph;
mod histogram;
pub mod workloads;

pub use histogram::Histogram;
pub use workloads::{run, Peer, Threads};

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

pub const MILLION: usize = 1_000_000;
/// The status of a program that was asked for what its peer cannot do.
pub const CANNOT: i32 = 77;

/// All memory was read and written, as far as the compiler knows.
#[inline(always)]
pub fn barrier() {
    // SAFETY: no instruction is in it.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) }
}

pub fn fail(text: &str) -> ! {
    eprintln!("bench: {text}");
    std::process::exit(1)
}

pub fn cannot(reason: &str) -> ! {
    eprintln!("{reason}");
    std::process::exit(CANNOT)
}

/// Ends the process as it is: what is left alive is not looked at again by anybody's destructor.
pub fn end() -> ! {
    // SAFETY: nothing is waited for; every line was flushed when it was printed.
    unsafe { libc::_exit(0) }
}

pub fn report(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.6e} {unit}");
}

/// Reports the time since `start`, divided by a number of operations.
pub fn report_each(name: &str, start: Instant, operations: usize) {
    report(name, start.elapsed().as_nanos() as f64 / operations as f64, "ns");
}

// ---- random numbers: xorshift64* ----

pub struct Random(u64);

impl Random {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Random(0x9e37_79b9_7f4a_7c15)
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `limit`, which is below 2^32.
    #[inline]
    pub fn below(&mut self, limit: usize) -> usize {
        (((self.next() >> 32) * limit as u64) >> 32) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

// ---- memory as the kernel counts it ----

/// The most that was resident so far.
pub fn peak_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    match line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()) {
        Some(kilobytes) => kilobytes * 1024.0,
        None => fail("no VmHWM in /proc/self/status"),
    }
}

pub fn resident_bytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    // SAFETY: asks for a number.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    match pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok()) {
        Some(pages) => pages * page_bytes as f64,
        None => fail("cannot read /proc/self/statm"),
    }
}

// ---- how many nodes live ----

static MADE: AtomicUsize = AtomicUsize::new(0);
static DIED: AtomicUsize = AtomicUsize::new(0);

/// A member of every node, of no size, that counts how many of them were made and how many were dropped.
/// Only W11 has more threads than one, and asks for no sums, so the additions need not be atomic.
pub struct Counted(());

impl Counted {
    #[allow(clippy::new_without_default)]
    #[inline]
    pub fn new() -> Self {
        MADE.store(MADE.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Counted(())
    }
}

impl Drop for Counted {
    #[inline]
    fn drop(&mut self) {
        DIED.store(DIED.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

pub fn live() -> usize {
    MADE.load(Ordering::Relaxed) - DIED.load(Ordering::Relaxed)
}

pub fn live_must_be(expected: usize) {
    if live() != expected {
        fail(&format!("{} nodes live, not {expected}", live()));
    }
}
