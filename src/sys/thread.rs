//! Threads: one that wakes up now and then, for who asks for one, the only one that the library ever starts; and a word
//! of each thread's own.

use super::{errno, lock};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A word that every thread has for itself, 0 in the beginning. Without it, which is so until [`OwnWord::ensure`] and
/// where the system has no more of them, all threads read 0.
pub struct OwnWord {
    /// The system's key and 1 more; 0: there is none.
    // ORDER: of all its operations: relaxed: the number is all there is, and what it names is the system's, which every
    // thread may ask from the moment that `ensure` has it.
    key: AtomicU64,
}

/// What nests on each thread: see `host.rs`.
pub static NEST: OwnWord = OwnWord::new();

impl Default for OwnWord {
    fn default() -> Self {
        Self::new()
    }
}

impl OwnWord {
    /// One that nobody has asked for.
    pub const fn new() -> Self {
        OwnWord { key: AtomicU64::new(0) }
    }

    /// Gives every thread its word, if that has not been done. A refusal of the system leaves them without.
    ///
    /// # Safety
    /// - One thread at a time.
    pub unsafe fn ensure(&self) {
        let mut key: libc::pthread_key_t = 0;
        // Without a destructor nothing happens at a thread's end.
        if !self.is_there() && libc::pthread_key_create(&mut key, None) == 0 {
            self.key.store(key as u64 + 1, Ordering::Relaxed);
        }
    }

    /// Gives the words back.
    ///
    /// # Safety
    /// - No thread uses its word any more.
    pub unsafe fn end(&self) {
        if let Some(key) = self.key.swap(0, Ordering::Relaxed).checked_sub(1) {
            libc::pthread_key_delete(key as libc::pthread_key_t);
        }
    }

    /// Whether threads have their words.
    #[inline(always)]
    pub fn is_there(&self) -> bool {
        self.key.load(Ordering::Relaxed) != 0
    }

    /// The calling thread's word.
    pub fn get(&self) -> usize {
        match self.key.load(Ordering::Relaxed) {
            0 => 0,
            // SAFETY: the key was made in `ensure`.
            key => unsafe { libc::pthread_getspecific((key - 1) as libc::pthread_key_t) as usize },
        }
    }

    /// Sets it. False where the thread has none: then nothing was done.
    pub fn set(&self, word: usize) -> bool {
        match self.key.load(Ordering::Relaxed) {
            0 => false,
            // SAFETY: as in `get`; the word is no pointer to anybody.
            key => unsafe {
                libc::pthread_setspecific((key - 1) as libc::pthread_key_t, word as *const c_void) == 0
            },
        }
    }
}

/// A number of the calling thread's, which no other thread that lives has. Not 0.
pub fn this() -> usize {
    // SAFETY: takes nothing.
    unsafe { libc::pthread_self() as usize }
}

/// The number that the system and debuggers give the calling thread.
pub fn number() -> u64 {
    // SAFETY: takes nothing.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// A thread that calls a function at every interval until it is stopped. Must not move while it runs.
pub struct Ticker {
    thread: libc::pthread_t,
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    wake: UnsafeCell<libc::pthread_cond_t>,
    // ORDER: of `stopping` and `running`: relaxed: the first is read and written under the mutex, the second by who starts and
    // stops the thread.
    stopping: AtomicBool,
    running: AtomicBool,
    interval_ns: u64,
    tick: Option<unsafe fn(*mut c_void)>,
    arg: *mut c_void,
    /// The process that has the thread: a forked child has not.
    process: u64,
}

impl Ticker {
    /// Starts the thread. False when the system refuses.
    ///
    /// # Safety
    /// - `ticker` is zeroed memory that stays where it is until [`Ticker::stop`]; `tick(arg)` may be called from any
    ///   thread until then.
    pub unsafe fn start(
        ticker: *mut Ticker,
        interval_ns: u64,
        tick: unsafe fn(*mut c_void),
        arg: *mut c_void,
    ) -> bool {
        let _errno = errno::keep();
        let mut kind = core::mem::MaybeUninit::<libc::pthread_condattr_t>::uninit();
        libc::pthread_condattr_init(kind.as_mut_ptr());
        libc::pthread_condattr_setclock(kind.as_mut_ptr(), libc::CLOCK_MONOTONIC);
        libc::pthread_cond_init((*ticker).wake.get(), kind.as_ptr());
        libc::pthread_condattr_destroy(kind.as_mut_ptr());
        libc::pthread_mutex_init((*ticker).mutex.get(), ptr::null());
        (*ticker).interval_ns = interval_ns;
        (*ticker).tick = Some(tick);
        (*ticker).arg = arg;
        (*ticker).process = lock::process();
        // The host's signals go to the host's threads.
        let mut all = core::mem::MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = core::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let made = libc::pthread_create(&mut (*ticker).thread, ptr::null(), run, ticker as *mut c_void) == 0;
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        (*ticker).running.store(made, Ordering::Relaxed);
        made
    }

    /// Changes under the mutex.
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Ends the thread, if there is one in this process: it ticks no more when this returns.
    ///
    /// # Safety
    /// - As [`Ticker::start`].
    pub unsafe fn stop(ticker: *mut Ticker) {
        if (*ticker).process != lock::process() || !(*ticker).running.swap(false, Ordering::Relaxed) {
            return;
        }
        let _errno = errno::keep();
        libc::pthread_mutex_lock((*ticker).mutex.get());
        (*ticker).stopping.store(true, Ordering::Relaxed);
        libc::pthread_cond_signal((*ticker).wake.get());
        libc::pthread_mutex_unlock((*ticker).mutex.get());
        libc::pthread_join((*ticker).thread, ptr::null_mut());
        libc::pthread_cond_destroy((*ticker).wake.get());
        libc::pthread_mutex_destroy((*ticker).mutex.get());
    }
}

extern "C" fn run(arg: *mut c_void) -> *mut c_void {
    let ticker = arg as *mut Ticker;
    // SAFETY: `start` gave the address of a ticker that outlives this thread.
    unsafe {
        let mut due = super::now_ns();
        libc::pthread_mutex_lock((*ticker).mutex.get());
        while !(*ticker).is_stopping() {
            // An interval that leads beyond all time means never.
            due = due.saturating_add((*ticker).interval_ns).min(i64::MAX as u64);
            let time = libc::timespec {
                tv_sec: (due / 1_000_000_000) as _,
                tv_nsec: (due % 1_000_000_000) as libc::c_long,
            };
            let mut result = 0;
            while !(*ticker).is_stopping() && result != libc::ETIMEDOUT {
                result = libc::pthread_cond_timedwait((*ticker).wake.get(), (*ticker).mutex.get(), &time);
            }
            if (*ticker).is_stopping() {
                break;
            }
            libc::pthread_mutex_unlock((*ticker).mutex.get());
            if let Some(tick) = (*ticker).tick {
                tick((*ticker).arg);
            }
            // Ticks that were missed are not made up for.
            due = due.max(super::now_ns().saturating_sub((*ticker).interval_ns));
            libc::pthread_mutex_lock((*ticker).mutex.get());
        }
        libc::pthread_mutex_unlock((*ticker).mutex.get());
    }
    ptr::null_mut()
}
