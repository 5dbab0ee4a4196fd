//! What is written and looked at without a call: at the end of a heap, at exit, at a limit, when memory runs out, at a
//! signal.
//!
//! | file | subject |
//! |---|---|
//! | `plan` | what a heap writes by itself, as the host or the environment asks |
//! | `watch` | limits, and what is done when one is passed |

pub mod plan;
pub mod watch;
