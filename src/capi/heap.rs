//! `rcgc/heap.h`: heaps, and the two hooks through which the library speaks.
//!
//! What host code may do inside a callback: it may call the library, but what a call that is under way goes on with does
//! not end there. A heap is not freed inside its callbacks, nor while another call in it runs host code (fatal); a type of
//! which an object is being made, a session that is being asked, a stack of scopes that is being left give
//! `RC_ERR_IN_USE`. In some callbacks **host code may only look**: in a `traverse`, and in the functions that take a dump,
//! a text or a finding. Calls that would change what is looked at give `RC_ERR_REFUSED` there; those that have no status,
//! and a last release, are fatal.

use super::boundary::{heap_checked, is_heap, last_status, status, Answer, Call, NonNull};
use super::status::*;
use crate::auto;
use crate::base::environment;
use crate::base::report::{self, CText};
use crate::cycle;
use crate::header;
/// A heap: objects, their types, and the collector that looks after them. `gc_heap_new` makes one and `gc_heap_free` ends
/// it with all that is in it; null means the default heap, which its first use makes. Any thread may use it, one at a
/// time: its host serialises the calls, as under a global lock. Heaps are independent of each other.
use crate::heap::Heap as gc_heap;
use crate::heap::{self, Options, Phase, DEFAULT};
use crate::host::Pin;
use crate::inspect::unseen;
use crate::memory::range::{self, NoSlot};
use core::ffi::{c_char, c_void};
use core::sync::atomic::Ordering;

/// Objects are serialised by the host, as under a global lock: any thread, one at a time. The default.
pub const GC_THREADS_SERIAL: u32 = 0;
/// The heap is bound to the thread that made it. Not in this version: refused.
pub const GC_THREADS_ONE: u32 = 1;
/// Threads attach, objects can be shared. Not in this version: refused.
pub const GC_THREADS_SHARED: u32 = 2;

/// Callbacks of a dying object run where it dies. The default.
pub const GC_FINALIZERS_INLINE: u32 = 0;
/// Finalizers and weak callbacks wait for `gc_run_finalizers`.
pub const GC_FINALIZERS_QUEUED: u32 = 1;

/// How closely a heap is checked: as the environment variable `RCGC_CHECK` says (`fast` or `checked`); `fast` without it.
pub const GC_CHECK_DEFAULT: u32 = 0;
/// Only what costs nothing: dead, null and foreign pointers in calls that are not inline, counts that overflow.
pub const GC_CHECK_FAST: u32 = 1;
/// Before each collection every reference of every tracked object must lead to a live object, and a `traverse` asked
/// twice must answer the same; after each phase all structures of the heap are recounted. What does not hold is fatal and
/// named: which object, which field, why. Fatal lines about objects of the heap also say which thread called and, under a
/// profile of sites, where the object was made. Collections take several times as long, all else as long as ever.
pub const GC_CHECK_CHECKED: u32 = 2;

/// A line of the log about something that the host must mend.
pub const GC_LOG_ERROR: u32 = 1;
/// A line about something that costs memory or time: objects left in a freed heap, a collection given up.
pub const GC_LOG_WARNING: u32 = 2;
/// A line that asks for nothing: what was asked to be reported, and what has changed.
pub const GC_LOG_INFO: u32 = 3;

/// Takes one line of the log, without a newline. It must not call the library: what it asks for may be refused, or be what
/// the line is about.
pub type gc_log_fn = Option<unsafe extern "C" fn(level: u32, message: *const c_char, ctx: *mut c_void)>;

/// Takes the one line that names a misuse which can corrupt memory: what, the type's name, the address, the
/// likely cause. It must not call the library: a misuse in it is a line on standard error, and aborts. When it returns
/// the library calls `abort`.
pub type gc_fatal_fn = Option<unsafe extern "C" fn(message: *const c_char, ctx: *mut c_void)>;

/// How a heap is made. Start from `GC_HEAP_OPTIONS_INIT`; a field left zero means the default.
#[repr(C)]
pub struct gc_heap_options {
    /// `sizeof(gc_heap_options)` as the host was compiled.
    pub struct_size: usize,
    /// `RCGC_ABI_TAG` as the host was compiled; another library's tag is refused with `RC_ERR_ABI`.
    pub abi_tag: u32,
    /// One of `GC_THREADS_*`.
    pub threads: u32,
    /// Shown in reports; copied. Null: "#N", N its number in the process.
    pub name: *const c_char,
    /// One of `GC_FINALIZERS_*`.
    pub finalizers: u32,
    /// Must be zero.
    pub reserved: u32,
    /// Bytes of address space to reserve for all heaps of the process together, side tables included. Only
    /// the first heap of a process decides; 0: the environment variable `RCGC_RANGE_BYTES` (a number, with K,
    /// M or G behind it if need be) or, without it, the larger of 256 GiB and twice the machine's memory.
    /// Halved until the system grants it, down to 16 MiB.
    pub range_bytes: u64,
    /// One of `GC_CHECK_*`.
    pub check: u32,
    /// Must be zero.
    pub reserved_2: u32,
}

/// Makes a heap.
///
/// `options` may be null for all defaults. Heaps are independent of each other: each has its types, its
/// objects and its collections. `gc_heap_free` ends it. A process has at most 16,383 heaps at a time, fewer in a
/// range of less than 2 GiB (docs/limits.md).
///
/// Ownership: the caller owns the heap.
/// Threads: any.
/// Fails: RC_ERR_INVALID (null `out_heap`, a bad size or option), RC_ERR_ABI, RC_ERR_UNSUPPORTED,
/// RC_ERR_NO_MEMORY, RC_ERR_LIMIT when the process has as many heaps as it can.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn gc_heap_new(
    options: *const gc_heap_options,
    out_heap: NonNull<*mut gc_heap>,
) -> rc_status {
    status(|| {
        let call = Call::nowhere("gc_heap_new");
        call.needs(!out_heap.0.is_null(), "out_heap is null")?;
        let wanted = if options.is_null() {
            defaults(core::ptr::null())
        } else {
            // What must be there in every version: size, tag, threads.
            wanted(call, &call.read(options, 16, "options: ")?)?
        };
        let heap = heap::new(&wanted).or_else(|why| no_heap(call, why))?;
        *out_heap.0 = heap;
        born(heap);
        Ok(())
    })
}

/// Collects, ends every object that is left in the order of one death, frees the heap and its types, and
/// returns how many objects were still held.
///
/// What was still held is reported by type to the log, as a warning: each is a reference that some host
/// code did not release. When a type's objects have words that lead to others and that no edge of theirs reports, and nothing else
/// in the process refers to those, that is said, too: such a reference nobody can release. Immortal objects, and what only they keep alive, do not count. Every pointer into
/// the heap is dead afterwards. Null is the default heap; its next use makes a new one. Freeing twice is
/// fatal.
///
/// Callbacks may do what they may do in a collection, also store a dying object in a new one that the host keeps: what they make
/// ends with the heap by the same steps, and no memory of the heap goes before all of them are over. But what the host holds is one
/// of the dead: in `clear` and `destroy` it may be past its own. Immortal objects, and what only they keep alive, go last. Callbacks
/// that go on making objects for ever are cut off, after a thousand times or a great many objects: finalizers and weak callbacks of
/// what is left do not run, which the log says. If `clear` and `destroy` go on, that is fatal.
///
/// Ownership: takes the heap, its types and its objects.
/// May collect: yes.
/// Runs host code: finalizers, weak callbacks, `clear` and `destroy` of what ends, and the callbacks of `gc_add_callback`.
/// Fails: fatal inside a callback of the same heap and while another call in it runs host code, also one that was left by a jump;
/// inside a callback of another heap one of whose dying objects has just released an object of this one; when `clear` and
/// `destroy` make objects for ever; and for a pointer that is not a live heap.
#[no_mangle]
pub unsafe extern "C" fn gc_heap_free(heap: *mut gc_heap) -> usize {
    // Null is the default heap, as everywhere, but is not made only to be freed.
    // ORDER: relaxed, as at `heap::DEFAULT`.
    let heap = if heap.is_null() { DEFAULT.load(Ordering::Relaxed) } else { heap };
    if heap.is_null() {
        return 0;
    }
    if !is_heap(heap) {
        report::fatal(format_args!("gc_heap_free: {heap:p} is not a live heap: freed twice, or never one"));
    }
    if (*heap).phase() != Phase::Idle || (*heap).running_callbacks() != 0 || (*heap).pins != 0 {
        report::fatal(format_args!(
            "gc_heap_free: heap {} was freed inside one of its own callbacks, or while another call in it runs host code, or one of them was left by a jump",
            CText((*heap).name())
        ));
    }
    // For good: what runs from here on must not free it again.
    (*heap).pins += 1;
    let held = cycle::ending::end_heap(heap, unseen::tell_all);
    // ORDER: relaxed, as at `heap::DEFAULT`.
    if DEFAULT.load(Ordering::Relaxed) == heap {
        DEFAULT.store(core::ptr::null_mut(), Ordering::Relaxed);
    }
    held as usize
}

/// The heap that a null heap parameter means; made by the first call that needs it.
///
/// For programs. A library should make its own heap, so that two libraries in one process do not meet in
/// this one.
///
/// Ownership: the library's; `gc_heap_free` of it ends it, and a later use makes a new one.
/// Threads: any; the host serialises its use.
/// Fails: null when there is no memory for it, and when the process has as many heaps as it can.
#[no_mangle]
pub unsafe extern "C" fn gc_heap_default() -> *mut gc_heap {
    // ORDER: relaxed, as at `heap::DEFAULT`.
    let heap = DEFAULT.load(Ordering::Relaxed);
    if !heap.is_null() {
        return heap;
    }
    let options = defaults(c"default heap".as_ptr());
    let made = heap::new(&options).or_else(|why| no_heap(Call::nowhere("gc_heap_default"), why));
    let Ok(heap) = made else { return core::ptr::null_mut() };
    // ORDER: relaxed, as at `heap::DEFAULT`.
    DEFAULT.store(heap, Ordering::Relaxed);
    born(heap);
    heap
}

/// The heap's name, for reports.
///
/// Ownership: the string lives as long as the heap.
/// Fails: null only where the default heap was meant and cannot be made.
#[no_mangle]
pub unsafe extern "C" fn gc_heap_name(heap: *mut gc_heap) -> *const c_char {
    Call::on("gc_heap_name", heap).map_or(core::ptr::null(), |call| (*call.heap).name())
}

/// The sentence behind the last status of this heap that was not `RC_OK`: what was wrong, and where. For a
/// null heap: the last one of the default heap, or of a call that had no heap yet (`gc_heap_new`).
///
/// Ownership: the string is the heap's, until its next failing call.
/// Fails: an empty string when nothing has failed.
#[no_mangle]
pub unsafe extern "C" fn gc_error_message(heap: *const gc_heap) -> *const c_char {
    if heap.is_null() {
        report::process_error()
    } else {
        (*heap_checked("gc_error_message", heap)).error()
    }
}

/// What the last call on the heap came to that returns a number instead of a status: `RC_OK` also where the number is 0
/// because there was nothing, else why it is 0 or less than it might be.
///
/// The calls are `gc_collect` and `gc_collect_young`, `gc_run_finalizers`, `gc_check_expected`, `gc_holds`,
/// `gc_profile_sites`, `gc_profile_scopes`, `gc_profile_compare`, `gc_profile_stacks`, `gc_stack_frames`,
/// `gc_series_samples` and `gc_series_events`; each says there what the status may be. For a null heap: that of the default
/// heap, or of `gc_profile_compare`, which has none.
///
/// Fails: `RC_OK` when there was no such call.
#[no_mangle]
pub unsafe extern "C" fn gc_last_status(heap: *const gc_heap) -> rc_status {
    last_status("gc_last_status", heap)
}

/// Sets where the log of all heaps goes; null sends it to standard error, as in the beginning.
///
/// Ownership: `ctx` stays the host's and must outlive its use.
/// Threads: any, but not while another thread is in the library.
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_set_log(log: gc_log_fn, ctx: *mut c_void) {
    report::set_log(log, ctx)
}

/// Sets who is told of a misuse that can corrupt memory, before the library aborts; null: a line on
/// standard error.
///
/// The hook may end the process in its own way. It must not return into the program by a jump.
///
/// Ownership: `ctx` stays the host's and must outlive its use.
/// Threads: any, but not while another thread is in the library.
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_set_fatal(fatal: gc_fatal_fn, ctx: *mut c_void) {
    report::set_fatal(fatal, ctx)
}

/// The library's version, "0.1.0".
///
/// Ownership: the string is static.
/// Threads: any.
/// Fails: never.
#[no_mangle]
pub extern "C" fn gc_version() -> *const c_char {
    c"0.1.0".as_ptr()
}

/// The layout that the library was built with; equal to `RCGC_ABI_TAG` of a header that fits it.
///
/// Threads: any.
/// Fails: never.
#[no_mangle]
pub extern "C" fn gc_abi_tag() -> u32 {
    crate::header::ABI_TAG
}

unsafe fn defaults(name: *const c_char) -> Options {
    Options { name, range_bytes: 0, queued_finalizers: false, checked: is_checked(GC_CHECK_DEFAULT) }
}

/// What the host's options ask for.
unsafe fn wanted(call: Call, options: &gc_heap_options) -> Answer<Options> {
    if options.abi_tag != header::ABI_TAG {
        return call.refuse(
            RC_ERR_ABI,
            format_args!(
                "the program was compiled for header layout {:#x}, this library has {:#x}; compile it again with the library's headers",
                options.abi_tag,
                header::ABI_TAG
            ),
        );
    }
    match options.threads {
        GC_THREADS_SERIAL => {}
        threads @ (GC_THREADS_ONE | GC_THREADS_SHARED) => {
            return call.refuse(
                RC_ERR_UNSUPPORTED,
                format_args!("options.threads {threads} is not available in this version"),
            );
        }
        other => return call.invalid(format_args!("options.threads {other} is unknown")),
    }
    let queued_finalizers = match options.finalizers {
        GC_FINALIZERS_INLINE => false,
        GC_FINALIZERS_QUEUED => true,
        other => return call.invalid(format_args!("options.finalizers {other} is unknown")),
    };
    call.needs(options.reserved == 0, "options.reserved is not zero")?;
    call.needs(options.reserved_2 == 0, "options.reserved_2 is not zero")?;
    if options.check > GC_CHECK_CHECKED {
        return call.invalid(format_args!("options.check {} is unknown", options.check));
    }
    Ok(Options {
        name: options.name,
        range_bytes: options.range_bytes,
        queued_finalizers,
        checked: is_checked(options.check),
    })
}

/// Says why there is no heap.
#[cold]
unsafe fn no_heap<T>(call: Call, why: NoSlot) -> Answer<T> {
    match why {
        NoSlot::NoMemory => call.refuse(RC_ERR_NO_MEMORY, "no memory or address space for a heap"),
        NoSlot::Limit => {
            let most = range::heaps_max();
            call.refuse(RC_ERR_LIMIT, format_args!("the process has as many heaps as it can: {most}"))
        }
    }
}

/// Whether a heap that asks for a level is checked: the environment says what the default is.
unsafe fn is_checked(check: u32) -> bool {
    match check {
        GC_CHECK_DEFAULT => environment::one_of(c"RCGC_CHECK", &[c"fast", c"checked"]) == 1,
        other => other == GC_CHECK_CHECKED,
    }
}

/// A heap was made, and is where calls find it: the log may be told of what it cannot do by itself.
unsafe fn born(heap: *mut gc_heap) {
    let _pin = Pin::on(heap);
    auto::at_birth(heap);
}
