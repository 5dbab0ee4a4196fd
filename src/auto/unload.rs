//! The library goes: when the process exits, and when the plugin that it belongs to is unloaded (`librcgc.so` with the
//! last plugin that needs it, `librcgc.a` with the plugin that it was linked into).
//!
//! | | the process exits | the code is unloaded |
//! |---|---|---|
//! | plans are carried out (`auto/plan.rs`) | yes | yes |
//! | threads of series end | yes: what has the code may be unloaded in the middle of an exit | yes |
//! | the signal's disposition is put back, if it is still ours | no: one more may come | yes |
//! | the range, and what else was taken of the process | stays: other threads, and destructors of the host that run later, may use their heaps to the very end | given back |
//! | handlers of forks (`sys/lock.rs`) and of the exit | | the system takes them away |
//!
//! **Which of the two it is** is told by the order in which the system calls what is called at the end of an object:
//!
//! ```text
//!   exit:      leaving (atexit)     first_of_all     (atexit handlers: none left)     last_of_all
//!   dlclose:                        first_of_all     leaving (atexit)                 last_of_all
//! ```
//!
//! At an exit `atexit` handlers run first, those of all objects, and then each object's `.fini_array`, from its end to its
//! beginning. When an object is unloaded its `.fini_array` alone runs, and the handlers that the object registered are
//! called from the entry that the compiler's start files put there, which is the first of the array's ordinary part; the
//! entries that have a priority lie before it, so they come after it. Destructors of the host's code in the same object,
//! C or C++, are called before [`last_of_all`] in either case. Where a linker orders otherwise, or the handler could not
//! be registered, an unloading looks like an exit: nothing is given back.
//!
//! What a host left undone is not made up for when it unloads: objects that live are not ended, since their callbacks
//! may be gone already. musl never unloads. An object without the compiler's start files (tcc makes such) must not be
//! unloaded: nobody calls the handlers that it registered, neither the host's nor these.

use crate::auto::block;
use crate::auto::files;
use crate::auto::plan;
use crate::heap::{self, Heap, Phase};
use crate::memory::range;
use crate::profile::{record, site};
use crate::series;
use crate::sys::thread::NEST;
use core::sync::atomic::{AtomicBool, Ordering};

// ORDER: of `IS_WATCHED`, `IS_ENDING` and `IS_EXITING`: relaxed. The first goes from the thread that finds it unset to itself; the others are written and
// read by the one thread that unloads or exits.

/// [`leaving`] is registered.
static IS_WATCHED: AtomicBool = AtomicBool::new(false);
/// The object's `.fini_array` is being worked through.
static IS_ENDING: AtomicBool = AtomicBool::new(false);
/// The process exits.
static IS_EXITING: AtomicBool = AtomicBool::new(false);

#[used]
#[link_section = ".fini_array"]
static FIRST: extern "C" fn() = first_of_all;
#[used]
#[link_section = ".fini_array.00000"]
static LAST: extern "C" fn() = last_of_all;

/// There is something to be given back from now on.
pub fn watch() {
    // SAFETY: a function of this object, which takes it along when it goes.
    if !IS_WATCHED.swap(true, Ordering::Relaxed) && unsafe { libc::atexit(leaving) } != 0 {
        IS_WATCHED.store(false, Ordering::Relaxed);
    }
}

extern "C" fn first_of_all() {
    IS_ENDING.store(true, Ordering::Relaxed);
}

extern "C" fn leaving() {
    if !IS_ENDING.load(Ordering::Relaxed) {
        IS_EXITING.store(true, Ordering::Relaxed);
    }
}

extern "C" fn last_of_all() {
    let is_unloaded = IS_WATCHED.load(Ordering::Relaxed) && !IS_EXITING.load(Ordering::Relaxed);
    // SAFETY: whoever unloads code is in none of it.
    unsafe {
        range::each_heap(|heap| {
            if (*heap).is_live() {
                series::stop_thread(heap);
                if is_unloaded {
                    give_back(heap);
                }
            }
        });
        if is_unloaded {
            plan::end_signals();
            NEST.end();
            files::end();
            block::end();
            site::end();
            record::unmake();
            range::unmake();
        }
    }
}

/// Gives back what a heap took elsewhere, without running host code.
unsafe fn give_back(heap: *mut Heap) {
    // A heap that was left in the middle of something is not touched.
    if (*heap).phase() == Phase::Idle && (*heap).running_callbacks() == 0 {
        heap::end(heap);
    }
}
