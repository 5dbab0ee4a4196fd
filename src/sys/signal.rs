//! Signals. What a signal does belongs to the host: it is changed only while somebody listens to one that did nothing,
//! and put back only if nobody has changed it since. What writing may raise is held back in the writing thread and taken
//! away there, so that a closed pipe is a status, and the process's dispositions are not touched.

use super::errno::{self, Errno};
use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr;

/// What runs when a signal comes.
pub type Handler = extern "C" fn(c_int);

/// Why a signal is not listened to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoSignal {
    /// It has a handler.
    InUse,
    /// The system refuses.
    Refused,
}

/// What a signal did before it was listened to.
#[derive(Clone, Copy)]
pub struct Before(libc::sigaction);

impl Before {
    /// Nothing that was asked for.
    pub const NONE: Before = Before(
        // SAFETY: a struct of numbers, of which zeros are the default disposition, without a mask and flags.
        unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() },
    );
}

unsafe fn disposition(signal: c_int) -> Option<libc::sigaction> {
    let _errno = errno::keep();
    let mut now = MaybeUninit::<libc::sigaction>::zeroed();
    (libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) == 0).then(|| now.assume_init())
}

fn is_handler(action: &libc::sigaction, handler: Handler) -> bool {
    action.sa_sigaction == handler as usize
}

/// Whether the handler is installed: the host may have put another one in its place.
pub fn is_listening(signal: c_int, handler: Handler) -> bool {
    // SAFETY: the system looks at the number.
    unsafe { disposition(signal) }.is_some_and(|now| is_handler(&now, handler))
}

/// Installs a handler, if the signal has none.
///
/// # Safety
/// - The handler does only what may be done in one, as long as it is installed.
pub unsafe fn listen(signal: c_int, handler: Handler) -> Result<Before, NoSignal> {
    let _errno = errno::keep();
    let before = disposition(signal).ok_or(NoSignal::Refused)?;
    if before.sa_sigaction != libc::SIG_DFL && before.sa_sigaction != libc::SIG_IGN {
        return Err(NoSignal::InUse);
    }
    let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_RESTART;
    libc::sigemptyset(&mut action.sa_mask);
    match libc::sigaction(signal, &action, ptr::null_mut()) {
        0 => Ok(Before(before)),
        _ => Err(NoSignal::Refused),
    }
}

/// Puts back what the signal did before, unless the handler has gone from there: then that is somebody else's.
///
/// # Safety
/// - `before` is what [`listen`] gave for this signal and handler.
pub unsafe fn unlisten(signal: c_int, handler: Handler, before: &Before) {
    let _errno = errno::keep();
    if is_listening(signal, handler) {
        libc::sigaction(signal, &before.0, ptr::null_mut());
    }
}

/// Runs what writes, with the signals held back that writing may raise in its thread: SIGPIPE where nobody reads any
/// more, SIGXFSZ where a file may not become larger. One that came is taken away; one that the thread had waiting before
/// stays. Both are raised for the thread that writes, so no other thread sees one.
pub fn held_back<R>(write: impl FnOnce() -> Result<R, Errno>) -> Result<R, Errno> {
    const RAISED: [c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    let mut waiting = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the sets are ours, and zeroed is a set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in RAISED {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), before.as_mut_ptr());
        libc::sigpending(waiting.as_mut_ptr());
        let result = write();
        for signal in RAISED {
            if result.is_err() && libc::sigismember(waiting.as_ptr(), signal) == 0 {
                take_away(signal);
            }
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        result
    }
}

/// Takes away a signal that waits for this thread, if one does.
unsafe fn take_away(signal: c_int) {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    libc::sigemptyset(set.as_mut_ptr());
    libc::sigaddset(set.as_mut_ptr(), signal);
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    while libc::sigtimedwait(set.as_ptr(), ptr::null_mut(), &at_once) < 0 && errno::last() == libc::EINTR {}
}
