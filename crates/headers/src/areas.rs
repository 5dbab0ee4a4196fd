//! The areas: one header each, in the order in which `rcgc.h` has them. This is their only list: what `make headers`
//! writes follows from it, the list of exported symbols included, and `--check` finds a source or a header that is in
//! neither.

use std::path::{Path, PathBuf};

/// One header and what it cannot learn from its source.
pub struct Area {
    /// `src/capi/<source>.rs`
    pub(crate) source: &'static str,
    /// The source with the second half of what is declared, where one would be too long.
    pub(crate) second: Option<&'static str>,
    /// `include/rcgc/<header>.h`
    pub(crate) header: &'static str,
    /// What its declarations stand on.
    pub(crate) includes: &'static [&'static str],
    /// Set before the item of this name: text that has no Rust form.
    pub(crate) before: &'static [(&'static str, &'static str)],
    /// The declarations are for programs that define this macro; all others get the named header instead.
    pub(crate) only_if: Option<(&'static str, &'static str)>,
}

const fn area(source: &'static str, header: &'static str, includes: &'static [&'static str]) -> Area {
    Area { source, second: None, header, includes, before: &[], only_if: None }
}

pub const AREAS: &[Area] = &[
    area("status", "status", &["<rcgc/config.h>"]),
    area("heap", "heap", &["<rcgc/config.h>", "<rcgc/status.h>"]),
    Area {
        before: &[(
            "rc_visit_named",
            "/* The index of an edge that has none. */\n#define RC_NO_INDEX SIZE_MAX\n",
        )],
        ..area("types", "type", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>"])
    },
    area(
        "object",
        "object",
        &["<stdbool.h>", "<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>", "<rcgc/type.h>"],
    ),
    Area {
        only_if: Some(("RCGC_NO_INLINE", "<rcgc/inline.h>")),
        ..area("count", "count", &["<stdbool.h>", "<rcgc/config.h>"])
    },
    Area {
        second: Some("collector_events"),
        ..area(
            "collector",
            "collector",
            &["<stdbool.h>", "<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>"],
        )
    },
    area("slices", "slices", &["<stdbool.h>", "<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>"]),
    area("memory", "memory", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>"]),
    area(
        "foreign",
        "foreign",
        &["<stdbool.h>", "<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>", "<rcgc/type.h>"],
    ),
    area("weak", "weak", &["<rcgc/config.h>"]),
    area("weakmap", "weakmap", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>"]),
    area("scope", "scope", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>"]),
    area("inspect", "inspect", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>", "<rcgc/type.h>"]),
    Area {
        second: Some("query_why"),
        ..area("query", "query", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>", "<rcgc/type.h>"])
    },
    area(
        "rings",
        "rings",
        &[
            "<stdbool.h>",
            "<rcgc/config.h>",
            "<rcgc/heap.h>",
            "<rcgc/query.h>",
            "<rcgc/status.h>",
            "<rcgc/type.h>",
        ],
    ),
    area("dump", "dump", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>"]),
    Area {
        second: Some("profile_sites"),
        ..area(
            "profile",
            "profile",
            &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/scope.h>", "<rcgc/status.h>", "<rcgc/type.h>"],
        )
    },
    area("stacks", "stacks", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>"]),
    area(
        "lines",
        "lines",
        &["<rcgc/config.h>", "<rcgc/dump.h>", "<rcgc/heap.h>", "<rcgc/profile.h>", "<rcgc/status.h>"],
    ),
    area("leak", "leak", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/profile.h>", "<rcgc/status.h>"]),
    area("plan", "plan", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>"]),
    area("series", "series", &["<rcgc/config.h>", "<rcgc/heap.h>", "<rcgc/status.h>", "<rcgc/type.h>"]),
];

/// Sources of exported functions that a hand-written header declares.
pub(crate) const WITHOUT_HEADER: &[&str] = &["count_slow"];

impl Area {
    /// The sources, in the order in which the header has what they declare.
    pub fn source_paths(&self, root: &Path) -> Vec<PathBuf> {
        self.sources().map(|source| root.join(format!("src/capi/{source}.rs"))).collect()
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &'static str> {
        core::iter::once(self.source).chain(self.second)
    }

    pub fn header_path(&self, root: &Path) -> PathBuf {
        root.join(format!("include/rcgc/{}.h", self.header))
    }
}
