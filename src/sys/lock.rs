//! The locks of what all heaps share, and what a fork does to them. Held for short, straight code only; no host code
//! runs under one.
//!
//! **A forked child finds every lock open, and what it guards whole.** The child has one thread, a copy of the one that
//! forked. A lock that another thread held at that moment would stay closed in it for ever, and what the lock guards
//! would be half changed. So the thread that forks closes all of them first, and both processes open them again
//! (`pthread_atfork`). Locks that name their owner, to be taken over by a child that sees that the owner is not there,
//! would do without handlers, but not make whole what the owner was changing; and who owns what would have to be asked of
//! the system at each weak handle that is made.
//!
//! - Handlers are registered before a lock is closed for the first time: a program that links the library and does not
//!   use it has none. They belong to the object that has this code, `librcgc.so` or the plugin that `librcgc.a` was
//!   linked into (`pthread_atfork` lies in libc's static part, and hands over that object's own handle), so they go when
//!   it is unloaded.
//! - Handlers of the host that run while the locks are closed, in the thread that forks, may use the library: that
//!   thread goes through closed locks.
//! - There are no other locks than those of [`ALL`], which are closed in that order: a lock may be closed while one
//!   before it is held, never the other way round.
//!
//! `_Fork`, `vfork` and `clone` run no handlers. What they make may call nothing of the library.

use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// A lock, one of [`ALL`].
pub struct Lock(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: a pthread mutex is made for use from all threads.
unsafe impl Sync for Lock {}

/// The signal that is listened to, and who listens.
pub static SIGNALS: Lock = Lock::new();
/// The rings of all series: the only ones that two threads of one heap write.
pub static SERIES: Lock = Lock::new();
/// The list of sites.
pub static SITES: Lock = Lock::new();
/// The table of records.
pub static RECORDS: Lock = Lock::new();
/// The list of what the host has open.
pub static TICKETS: Lock = Lock::new();
/// The list of files that were written by themselves.
pub static FILES: Lock = Lock::new();
/// Segments, slots of types and heaps, cells, handles, entries.
pub static RANGE: Lock = Lock::new();
/// The sentence behind the last failing status that belongs to no heap.
pub static ERROR: Lock = Lock::new();
/// The list of static constants.
pub static STATICS: Lock = Lock::new();

static ALL: [&Lock; 9] = [&SIGNALS, &SERIES, &SITES, &RECORDS, &TICKETS, &FILES, &RANGE, &ERROR, &STATICS];

/// Keeps a [`Lock`] closed, unless it is the thread that forks that went through.
pub struct LockGuard<'a>(Option<&'a Lock>);

impl Lock {
    const fn new() -> Self {
        Lock(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER))
    }

    /// Closes the lock until the guard goes.
    #[inline]
    pub fn lock(&self) -> LockGuard<'_> {
        // ORDER: relaxed, as at `STATE`.
        if STATE.load(Ordering::Relaxed) != QUIET && goes_through() {
            return LockGuard(None);
        }
        // SAFETY: the mutex was statically initialised and is never moved: locks are statics.
        unsafe { libc::pthread_mutex_lock(self.0.get()) };
        LockGuard(Some(self))
    }

    /// Whether somebody keeps the lock closed: what a caller promises who has to.
    pub fn is_closed(&self) -> bool {
        // SAFETY: the mutex is a static; what this thread closed itself it opens again.
        unsafe {
            let refused = libc::pthread_mutex_trylock(self.0.get()) != 0;
            if !refused {
                libc::pthread_mutex_unlock(self.0.get());
            }
            refused
        }
    }

    /// As [`Lock::lock`], for a thread of the library's own: nothing while somebody forks. That one may wait for this
    /// thread, in a handler of the host that ends a series, with all locks closed.
    pub fn lock_between_forks(&self) -> Option<LockGuard<'_>> {
        loop {
            // ORDER: relaxed, as at `STATE`: who does not see it yet does not get the lock either, and looks again.
            if STATE.load(Ordering::Relaxed) == FORKING {
                return None;
            }
            // SAFETY: the mutex was statically initialised and is never moved: locks are statics.
            if unsafe { libc::pthread_mutex_trylock(self.0.get()) } == 0 {
                return Some(LockGuard(Some(self)));
            }
            // SAFETY: no preconditions.
            unsafe { libc::sched_yield() };
        }
    }
}

impl Drop for LockGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(lock) = self.0 {
            // SAFETY: this guard's thread closed it.
            unsafe { libc::pthread_mutex_unlock(lock.0.get()) };
        }
    }
}

// ---- fork ----

/// The handlers are not registered yet.
const UNWATCHED: u32 = 0;
/// Nobody forks.
const QUIET: u32 = 1;
/// The thread of [`FORKER`] forks, and has closed all locks.
const FORKING: u32 = 2;

// ORDER: of all that is below, but for `BUSY`: relaxed. `STATE`, `FORKER` and `FORKS` are written by the thread that forks,
// with all locks closed, and a thread must only tell whether it is that one itself: its own writes it sees in order. What is
// guarded is handed over by the mutexes. In the child there is one thread.

static STATE: AtomicU32 = AtomicU32::new(UNWATCHED);
/// The thread that forks.
static FORKER: AtomicUsize = AtomicUsize::new(0);
/// How many forks it is in the middle of: a handler of the host's may fork.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// What [`process`] gives: above, how many forks lie between this process and the one that the library was loaded in,
/// below, the system's number of it.
static PROCESS: AtomicU64 = AtomicU64::new(0);
/// The system's number of the process that forks, until it has forked.
static PARENT: AtomicU32 = AtomicU32::new(0);

extern "C" {
    // Not in the libc crate for Linux.
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> c_int;
}

/// A number of this process that no process before it in the line of forks has: the system may give a child the number
/// of one that ended, and in a namespace of its own every first process has 1. It is the same all the life of the
/// process: a handler of the host that runs in a child before the library's finds it as it stays.
pub fn process() -> u64 {
    let own = own_number();
    // ORDER: relaxed: the word is all there is, and it changes at most once in a process.
    let mut seen = PROCESS.load(Ordering::Relaxed);
    while seen as u32 != own {
        match PROCESS.compare_exchange(seen, next_process(seen, own), Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return next_process(seen, own),
            Err(other) => seen = other,
        }
    }
    seen
}

fn next_process(before: u64, own: u32) -> u64 {
    ((before >> 32) + 1) << 32 | own as u64
}

fn own_number() -> u32 {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() as u32 }
}

/// In a forked child: it is another process, even where the system gave it the number of its parent, as the first of a
/// new namespace.
fn note_child() {
    let own = own_number();
    // ORDER: relaxed: this process has one thread.
    let seen = PROCESS.load(Ordering::Relaxed);
    if seen as u32 == own && PARENT.load(Ordering::Relaxed) == own {
        PROCESS.store(next_process(seen, own), Ordering::Relaxed);
    } else {
        process();
    }
    PARENT.store(0, Ordering::Relaxed);
}

fn this_thread() -> usize {
    // SAFETY: no preconditions.
    unsafe { libc::pthread_self() as usize }
}

fn is_forking() -> bool {
    // ORDER: relaxed, as at `STATE`.
    STATE.load(Ordering::Relaxed) == FORKING && FORKER.load(Ordering::Relaxed) == this_thread()
}

/// Not quiet: registers the handlers if there are none. Whether all locks are closed by this thread itself.
#[cold]
#[inline(never)]
fn goes_through() -> bool {
    // ORDER: relaxed: `register` looks again.
    if STATE.load(Ordering::Relaxed) == UNWATCHED {
        register();
    }
    is_forking()
}

/// Registers the handlers, in one thread, before any lock is closed. The mark of who does it has the process's number: a
/// child that was forked meanwhile does not wait for a thread that it does not have. It may register them twice, which
/// [`FORKS`] bears.
fn register() {
    static BUSY: AtomicU32 = AtomicU32::new(0);
    let me = own_number();
    loop {
        let seen = BUSY.load(Ordering::Relaxed);
        if seen == me {
            // SAFETY: no preconditions.
            unsafe { libc::sched_yield() };
        // ORDER: acquires what the one before it released: that it is done.
        } else if BUSY.compare_exchange(seen, me, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            break;
        }
    }
    // Without memory for it the locks do all the same, and the next one tries again.
    // SAFETY: the three are functions of this object, which takes them along when it goes.
    let registered = STATE.load(Ordering::Relaxed) != UNWATCHED
        || unsafe { pthread_atfork(Some(before_fork), Some(after_in_parent), Some(after_in_child)) } == 0;
    if registered {
        // Only from the first state to the second: a thread that came through may be forking already.
        let _ = STATE.compare_exchange(UNWATCHED, QUIET, Ordering::Relaxed, Ordering::Relaxed);
    }
    // ORDER: releases what was done to the next one, which acquires it above.
    BUSY.store(0, Ordering::Release);
}

extern "C" fn before_fork() {
    process();
    // ORDER: relaxed, here and below, as at `STATE`.
    PARENT.store(own_number(), Ordering::Relaxed);
    if is_forking() {
        FORKS.fetch_add(1, Ordering::Relaxed);
        return;
    }
    for lock in ALL {
        // SAFETY: the mutex is a static; this thread holds none of them, or it would be forking already.
        unsafe { libc::pthread_mutex_lock(lock.0.get()) };
    }
    FORKER.store(this_thread(), Ordering::Relaxed);
    FORKS.store(1, Ordering::Relaxed);
    STATE.store(FORKING, Ordering::Relaxed);
}

/// The fork is over for this process: whether the locks are to be opened.
fn is_over() -> bool {
    // Handlers that were registered in the middle of a fork were not called before it.
    // ORDER: relaxed, here and below, as at `STATE`.
    if !is_forking() || FORKS.fetch_sub(1, Ordering::Relaxed) > 1 {
        return false;
    }
    FORKER.store(0, Ordering::Relaxed);
    STATE.store(QUIET, Ordering::Relaxed);
    true
}

extern "C" fn after_in_parent() {
    // ORDER: relaxed, as at `STATE`.
    PARENT.store(0, Ordering::Relaxed);
    open_all();
}

extern "C" fn after_in_child() {
    note_child();
    open_all();
}

/// Opened in both processes, not made anew in the child: a handler of the host that ran there before may have begun a
/// thread, which waits for one.
fn open_all() {
    if is_over() {
        for lock in ALL.iter().rev() {
            // SAFETY: this thread closed it in before_fork, in this process or as the one it was forked from.
            unsafe { libc::pthread_mutex_unlock(lock.0.get()) };
        }
    }
}
