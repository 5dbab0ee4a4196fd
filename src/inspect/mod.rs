//! Inspection: what a heap holds and why, without changing it.
//!
//! | file | subject |
//! |---|---|
//! | `walk` | objects one after the other, lazily or all at once |
//! | `facts` | what an address is |
//! | `census` | objects and bytes by type |
//! | `growth` | what became more |
//! | `registry` | what the host has open |
//! | `query` | a session: the objects and edges of one moment |
//! | `paths` | how one object leads to another, and what keeps it |
//! | `retained` | what would go with it |
//! | `rings`, `kinds` | rings by their shapes; kinds of edges |
//! | `watch` | the shapes that collections find dead |
//! | `verify`, `lint` | whether counts, edges and types fit together |
//! | `unseen` | words that nobody reports |
//! | `text` | answers as text |
//!
//! Invariant of all of it: counts, flags and what collections decide are after every call what they were before. What
//! must be written lies in memory of its own, taken from the system and given back.

pub mod census;
pub mod facts;
pub mod growth;
pub mod kinds;
pub mod lint;
pub mod paths;
pub mod query;
pub mod registry;
pub mod retained;
pub mod rings;
pub mod text;
pub mod unseen;
pub mod verify;
pub mod walk;
pub mod watch;
