//! Findings in words and as tables: what commands and the report say alike.

pub mod cycles;
pub mod diff;
pub mod sites;
pub mod summary;
pub mod suspects;
pub mod types;
pub mod ways;
pub mod words;
