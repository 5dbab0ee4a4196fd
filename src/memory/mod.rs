//! Memory for objects: one address range of the process, cut into segments, pages and blocks. Knows no type and no
//! collector. Start with `range`.
//!
//! | file | subject |
//! |---|---|
//! | `range` | the one reserved range, its side tables, the slots of heaps and types |
//! | `pool` | slots of what outlives heaps: weak handles, entries, stacks of scopes |
//! | `space` | the memory of one heap |
//! | `segment` | what a heap owns of it; which pages are free |
//! | `trim` | what goes back to the system, and when |
//! | `holes` | what goes back from between objects |
//! | `room` | how much it may still grow under a limit of the system's |
//! | `bits` | tables of one bit a granule |
//! | `page` | one page of blocks, or of a large object |
//! | `class` | size classes, and the runs of blocks that allocators take from them |
//! | `places` | working counts of objects by number |

pub mod bits;
pub mod class;
pub mod holes;
pub mod page;
pub mod places;
pub mod pool;
pub mod range;
pub mod room;
pub mod segment;
pub mod space;
pub mod trim;
