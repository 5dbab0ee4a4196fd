//! Formats of other programs, one file each: a function from what is exported to a stream.
//!
//! | of | formats |
//! |---|---|
//! | a heap, or a `part` of it | `dot`, `heapsnapshot`, `parquet` |
//! | `stacks` with values, by `retention`, and by code that has `symbols` | `pprof`, `folded`, `speedscope` |
//! | a `timeline` | `massif`, `mprof`, `trace` |

pub mod dot;
pub mod folded;
pub mod heapsnapshot;
pub mod massif;
pub mod mprof;
pub mod parquet;
mod part;
pub mod pprof;
mod retention;
pub mod speedscope;
pub mod stacks;
mod symbols;
pub mod timeline;
pub mod trace;

use crate::output::Cell;
pub use part::{choose, Part, Wanted};

/// What an export came to.
#[derive(Debug, Default)]
pub struct Written {
    /// Nodes and edges of the result, in its own sense.
    pub nodes: u64,
    pub edges: u64,
    /// What other formats came to, instead of these.
    pub more: Vec<(&'static str, Cell)>,
    /// What the user must know of it.
    pub warnings: Vec<String>,
}
