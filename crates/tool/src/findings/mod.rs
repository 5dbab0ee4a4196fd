//! What is found in a heap: numbers and objects, no words. `wording` says them.

pub mod cycles;
pub mod diff;
pub mod links;
pub mod sites;
pub mod summary;
pub mod suspects;
pub mod types;
pub mod ways;
pub mod words;
