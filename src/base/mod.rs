//! What everything stands on and that knows nothing of heaps.
//!
//! | file | subject |
//! |---|---|
//! | `index` | numbers of entries by their hashes |
//! | `list` | a growing array |
//! | `string` | texts that are kept |
//! | `report` | log lines, fatal lines, errors in words |

pub mod index;
pub mod list;
pub mod report;
pub mod string;
