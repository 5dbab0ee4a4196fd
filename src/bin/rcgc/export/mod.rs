//! Formats of other programs, one file each: a function from a heap and the chosen part of it to a stream.

pub mod dot;
pub mod heapsnapshot;
mod part;

pub use part::{choose, Part, Wanted};

/// What an export came to.
#[derive(Debug, Default)]
pub struct Written {
    /// Nodes and edges of the result, in its own sense.
    pub nodes: u64,
    pub edges: u64,
    /// What the user must know of it.
    pub warnings: Vec<String>,
}
