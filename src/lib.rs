//! rcgc: reference counting and cycle detection with a C ABI.
//!
//! Read first, beside this file: `glossary.md`, the words; `life/lifetime.md`, how an object ends.
//!
//! The module map, in reading order. Imports go from the bottom of this list to its top; those that go back are listed
//! below it, and `make test` (lint) holds both against the code.
//!
//! | module | what it owns |
//! |---|---|
//! | [`sys`] | what the operating system must give: address ranges, memory, a lock, a clock, files, a way to speak |
//! | [`base`] | log lines and fatal lines; a growing array, kept texts |
//! | [`header`] | the 8 bytes before every object: the count's number line, type index, flags |
//! | [`memory`] | the one address range, its side tables, segments, pages, size classes |
//! | [`observe`] | who is told what the engine does: the core names nobody who watches it |
//! | [`types`] | types, and where their references are |
//! | [`heap`] | the [`heap::Heap`] itself: made and ended here |
//! | [`host`] | the one place from which host code is called |
//! | [`object`] | what an address is; declared fields, edges with their names |
//! | [`life`] | counts, weak handles, scopes, and the end of an object by count |
//! | [`check`] | validators of whole structures, in checking builds |
//! | [`cycle`] | the collector: count, subtract, mark, release; when it runs; its statistics |
//! | [`alloc`] | making objects: ration, run, refill, collect, give up |
//! | [`out`] | bytes on their way to a file or to the host |
//! | [`profile`] | who allocates what, when asked |
//! | [`series`] | numbers over time |
//! | [`leaks`] | what is held too long |
//! | [`inspect`] | what a heap holds and why |
//! | [`dump`] | a heap at one moment, as a file |
//! | [`auto`] | what is written and looked at without a call: plans, limits, signals |
//! | [`capi`] | the exported functions, one file per header: each is its manual, its checks, its call |
//!
//! Everything above `out` is the core, which works without what is below. The imports that go back:
//!
//! | from | to | why |
//! |---|---|---|
//! | `memory` | `heap`, `types` | the range has slots for both, of their sizes |
//! | `observe` | `types`, `heap` | as what is handed on, not as what is looked into |
//! | `types` | `heap`, `life` | a type knows its heap, and what became of what its objects let go of |
//! | `heap` | `life`, `cycle` | a heap is made of their parts |
//! | `host` | `life` | scopes that a callback leaves open are closed behind it, and deaths that it put off take place |
//! | `object` | `life` | edges of weak maps |
//! | `life` | `profile` | what a flow measures lies in its stack of scopes |
//! | `life` | `cycle` | running queued finalizers ends by judging |
//!
//! Beside it stand, as crates of their own, [`rcgc_format`] (what a dump is, algorithms over compact graphs), the
//! `rcgc` tool, which reads dumps and knows nothing of the engine, and the generator of the C headers: `crates/`.
//!
//! **Everywhere**, each heap that a function is given, or comes to by a type, an object or a handle, is live, and only this
//! thread is in it. Nearly every function asks for that, so `# Safety` does not repeat it: it says what else is asked, or
//! "as everywhere". `capi` sees to it for each call of the host's; what it cannot see, the manual asks of the host.
//! Conditions that can be checked are checked where the feature `check` is on, by `promised!`.
//!
//! The engine is `no_std` and does not use `alloc`: no allocation failure can abort the host, the shared
//! library needs only libc, and two Rust static libraries link into one C program. The feature `std` exists
//! for unit tests and Rust hosts.
#![cfg_attr(not(any(test, feature = "std")), no_std)]
// Nearly every function here is unsafe for one reason, raw object memory; its contract is its `# Safety`
// section.
#![allow(unsafe_op_in_unsafe_fn)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![warn(missing_docs)]

mod alloc;
mod auto;
mod base;
pub mod capi;
mod check;
mod cycle;
mod dump;
mod header;
mod heap;
mod host;
mod inspect;
mod leaks;
mod life;
mod memory;
mod object;
mod observe;
mod out;
mod profile;
mod series;
mod sys;
mod types;

/// Without std there is nobody to unwind to: a panic is an engine bug, told like any other fatal misuse.
#[cfg(not(any(test, feature = "std")))]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => base::report::fatal(format_args!(
            "engine bug at {}:{}; please report it",
            place.file(),
            place.line()
        )),
        None => base::report::fatal(format_args!("engine bug; please report it")),
    }
}
