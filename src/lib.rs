//! rcgc: reference counting and cycle detection with a C ABI.
//!
//! Read first, beside this file: `glossary.md`, the words; `lifetime.md`, how an object ends.
//!
//! The module map, in reading order; imports go from the bottom of this list to its top, never back:
//!
//! | module | what it owns |
//! |---|---|
//! | [`sys`] | what the operating system must give: address ranges, memory, a lock, a clock, a way to speak |
//! | [`index`] | numbers that are found by a hash |
//! | [`header`] | the 8 bytes before every object: the count's number line, type index, flags |
//! | [`report`] | log lines, fatal lines |
//! | [`environment`] | variables of the environment |
//! | [`heap`] | the one address range, its side tables, segments, pages, size classes; the [`heap::Heap`] itself |
//! | [`types`] | types, and where their references are |
//! | [`slots`] | walking and emptying declared fields |
//! | [`host`] | the one place from which host code is called |
//! | [`edges`] | walking the edges of an object with their names |
//! | [`check`] | validators of whole structures, in checking builds |
//! | [`object`] | making objects, finding out what an address is |
//! | [`count`] | incref and decref where they are not inline |
//! | [`weak`], [`weakmap`] | weak handles, ephemeron tables |
//! | [`finalizers`] | finalizers that wait until the host runs them |
//! | [`scope`] | references held for a stretch of the host's program |
//! | [`death`] | the end of an object by count, without recursion |
//! | [`cycle`] | the collector: count, subtract, mark, release; when it runs |
//! | [`stats`] | the books |
//! | [`inspect`] | what a heap holds and why |
//! | [`dump`] | a heap at one moment, as a file |
//! | [`profile`] | who allocates what, when asked |
//! | [`leaks`] | what is held too long |
//! | [`series`] | numbers over time, limits |
//! | [`unload`] | what is given back when the library's code goes |
//! | [`capi`] | the exported functions, one file per header, and the boundary with every cast |
//!
//! Beside it stand, as crates of their own, [`rcgc_format`] (what a dump is, algorithms over compact graphs), the
//! `rcgc` tool, which reads dumps and knows nothing of the engine, and the generator of the C headers: `crates/`.
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

pub mod auto;
pub mod base;
pub mod capi;
pub mod check;
pub mod cycle;
pub mod dump;
pub mod environment;
pub mod header;
pub mod heap;
pub mod host;
pub mod inspect;
pub mod leaks;
pub mod life;
pub mod memory;
pub mod object;
pub mod out;
pub mod profile;
pub mod series;
pub mod sys;
pub mod types;
pub mod unload;

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
