//! The exported functions, one file per header: each is its manual, its checks, its call. A header whose file would be
//! too long has a second one (`crates/headers/src/areas.rs`); helpers that are no exports stand at a file's end.
//!
//! [`boundary`] has what all of them share: how a call says what is wrong, structs that begin with their size, the checked
//! pointers to heaps and types; `rows` the arrays that the library fills. Casts between the host's types and the engine's
//! are here and nowhere else.
//!
//! | file | header, in the order of `rcgc.h` |
//! |---|---|
//! | `status` | `rcgc/status.h` |
//! | `heap` | `rcgc/heap.h` |
//! | `types` | `rcgc/type.h` |
//! | `object` | `rcgc/object.h` |
//! | `count` | `rcgc/count.h` |
//! | `count_slow` | declared by `rcgc/inline.h` |
//! | `collector`, `collector_events` | `rcgc/collector.h` |
//! | `slices` | `rcgc/slices.h` |
//! | `memory` | `rcgc/memory.h` |
//! | `weak` | `rcgc/weak.h` |
//! | `weakmap` | `rcgc/weakmap.h` |
//! | `scope` | `rcgc/scope.h` |
//! | `inspect` | `rcgc/inspect.h` |
//! | `query`, `query_why` | `rcgc/query.h` |
//! | `rings` | `rcgc/rings.h` |
//! | `dump` | `rcgc/dump.h` |
//! | `profile`, `profile_sites` | `rcgc/profile.h` |
//! | `stacks` | `rcgc/stacks.h` |
//! | `lines` | `rcgc/lines.h` |
//! | `leak` | `rcgc/leak.h` |
//! | `plan` | `rcgc/plan.h` |
//! | `series` | `rcgc/series.h` |
#![allow(non_camel_case_types)]
// The conditions of every function are in its comment, in labels whose defaults rcgc.h says; a Rust host reads the same
// ones.
#![allow(clippy::missing_safety_doc)]

pub mod boundary;
pub mod collector;
pub mod collector_events;
pub mod count;
pub mod count_slow;
pub mod dump;
pub mod foreign;
pub mod heap;
pub mod inspect;
pub mod leak;
pub mod lines;
pub mod memory;
pub mod object;
pub mod plan;
pub mod profile;
pub mod profile_sites;
pub mod query;
pub mod query_why;
pub mod rings;
mod rows;
pub mod scope;
pub mod series;
pub mod slices;
pub mod stacks;
pub mod status;
pub mod types;
pub mod weak;
pub mod weakmap;
