//! Inspection: what a heap holds and why, without changing it.
//!
//! | file | subject |
//! |---|---|
//! | `walk` | objects one after the other, lazily or all at once |
//! | `facts` | what an address is |
//! | `census` | objects and bytes by type |
//! | `growth` | what became more |
//! | `registry` | what the host has open |
//!
//! Invariant of all of it: counts, flags and what collections decide are after every call what they were before. What
//! must be written lies in memory of its own, taken from the system and given back.

pub mod array;
pub mod census;
pub mod facts;
pub mod growth;
pub mod paths;
pub mod places;
pub mod query;
pub mod registry;
pub mod retained;
pub mod rings;
pub mod text;
pub mod walk;
