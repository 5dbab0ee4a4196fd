//! What everything stands on and that knows nothing of heaps.
//!
//! | file | subject |
//! |---|---|
//! | `array` | large arrays of numbers |
//! | `environment` | variables of the environment |
//! | `index` | numbers of entries by their hashes |
//! | `list` | a growing array |
//! | `sort` | rows in order |
//! | `table` | entries by their numbers, mostly granules |
//! | `stack` | a growing stack, for inline code |
//! | `string` | texts that are kept |
//! | `report` | log lines, fatal lines, errors in words |
//!
//! [`promised`] holds callers to what a `# Safety` section asks of them.

pub mod array;
pub mod environment;
pub mod index;
pub mod list;
pub mod report;
pub mod sort;
pub mod stack;
pub mod string;
pub mod table;

/// Holds a condition of a `# Safety` section, where it can be checked: in unit tests and in builds with the feature `check`,
/// not in what ships. A broken promise is an engine bug, told with its line.
macro_rules! promised {
    ($condition:expr) => {
        if cfg!(any(test, feature = "check")) && !$condition {
            $crate::base::broken(stringify!($condition), file!(), line!());
        }
    };
}
pub(crate) use promised;

#[cold]
#[inline(never)]
pub(crate) fn broken(condition: &str, file: &str, line: u32) -> ! {
    report::fatal(format_args!(
        "engine bug at {file}:{line}; please report it: it was promised that {condition}"
    ))
}
