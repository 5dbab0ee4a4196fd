//! How objects are counted, referred to, and end. `lifetime.md` has the table of an object's end, which this folder
//! carries out for deaths by count, and `cycle/release.rs` for dead rings.
//!
//! | file | subject |
//! |---|---|
//! | `count` | incref and decref where they are not inline |
//! | `death` | the end of an object by count, without recursion |
//! | `block` | what is left of an object: side entries, the block |
//! | `weak`, `weakmap` | weak handles, ephemeron tables |
//! | `finalizers` | finalizers that wait until the host runs them |
//! | `scope` | references held for a stretch of the host's program |
//! | `debt` | deaths by count that are put off |
//! | `external` | bytes that objects keep elsewhere |
//! | `foreign` | objects that have counts of their own, and what stands for them where rings are judged |

pub mod block;
pub mod count;
pub mod death;
pub mod debt;
pub mod external;
pub mod finalizers;
pub mod foreign;
pub mod hints;
pub mod scope;
pub mod weak;
pub mod weakmap;
