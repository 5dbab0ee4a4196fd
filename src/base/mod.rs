//! What everything stands on and that knows nothing of heaps.
//!
//! | file | subject |
//! |---|---|
//! | `environment` | variables of the environment |
//! | `index` | numbers of entries by their hashes |
//! | `list` | a growing array |
//! | `string` | texts that are kept |
//! | `report` | log lines, fatal lines, errors in words |

pub mod environment;
pub mod index;
pub mod list;
pub mod report;
pub mod string;
