//! What is written and looked at without a call: at the end of a heap, at exit, at a limit, when memory runs out, at a
//! signal.
//!
//! | file | subject |
//! |---|---|
//! | `files` | files that are written by themselves: their paths, whose they are |
//! | `plan` | what a heap writes by itself, as the host or the environment asks |
//! | `watch` | limits, and what is done when one is passed |
//! | `block` | what the process shows to others while it runs |
//! | `unload` | what is given back when the library's code goes |

use crate::heap::Heap;

pub mod block;
pub mod files;
pub mod plan;
pub mod unload;
pub mod watch;

/// A heap was made: does what the environment says, and sees to it that the end of the process or of the library's code
/// is noticed.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn at_birth(heap: *mut Heap) {
    unload::watch();
    plan::at_birth(heap);
    block::at_birth(heap);
}
