//! What `jrsonnet-gcmodule` offers, over rcgc: `Cc`, `Weak`, `Trace`, `Acyclic`, `cc_dyn!`, `ObjectSpace`.
//!
//! Two things are other than there. Collections come by themselves, as the heap grows; and a `Cc` whose value was dropped in
//! a ring panics with the type's name in every build when it is dereferenced, where the original is undefined in release
//! builds. What stays: a `Trace` is safe to write there, so a wrong one (which visits what it does not own) is found by
//! nobody but the engine's count.

extern crate self as jrsonnet_gcmodule;

mod cc;
mod space;
mod traced;

pub use cc::{Cc, RawCc, RawWeak, Weak};
#[cfg(feature = "derive")]
pub use jrsonnet_gcmodule_derive::{Acyclic, Trace};
pub use space::{
    collect_thread_cycles, count_thread_tracked, interop, with_thread_object_space, ObjectSpace,
};
pub use traced::{Acyclic, Trace, TraceBox, Tracer};

/// Whether the feature `debug` is on, which changes nothing here.
pub const DEBUG_ENABLED: bool = cfg!(feature = "debug");
