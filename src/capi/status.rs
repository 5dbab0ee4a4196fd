//! `rcgc/status.h`: results. A number, once given to a meaning, is never given to another.

use core::ffi::c_char;

/// What a call came to: `RC_OK`, or why nothing was done. Outputs are written only with `RC_OK`.
/// `gc_error_message` has the sentence that names what and where.
pub type rc_status = u32;

/// Done.
pub const RC_OK: rc_status = 0;
/// An argument is null, dead, foreign, mistyped or out of its range.
pub const RC_ERR_INVALID: rc_status = 1;
/// Memory, address space or a configured limit is used up; everything is as it was.
pub const RC_ERR_NO_MEMORY: rc_status = 2;
/// The program was compiled for another layout of the object header than this library has.
pub const RC_ERR_ABI: rc_status = 3;
/// What was asked for is not available in this build, for this type or for this kind of heap.
pub const RC_ERR_UNSUPPORTED: rc_status = 4;
/// Refused while something still uses it: objects of a type live, a heap is collecting.
pub const RC_ERR_IN_USE: rc_status = 5;
/// A collection was asked for where none may run: inside a callback of a collection, `traverse` or `clear`.
pub const RC_ERR_REFUSED: rc_status = 6;
/// A fixed number is used up: heaps or types in a process, fields of a type, blocks or edges in a session. All of them are
/// in docs/limits.md.
pub const RC_ERR_LIMIT: rc_status = 7;
/// A `traverse` reported an edge that the counts do not have; the object was kept alive.
pub const RC_ERR_TRAVERSE: rc_status = 8;
/// What was asked has gone by: the heap of a walk, a mark or a session has ended, or objects were made or have died
/// since the session began.
pub const RC_ERR_STALE: rc_status = 9;

/// What was to be written could not be: `errno` and the sentence have the system's reason.
pub const RC_ERR_IO: rc_status = 10;

/// The name of a status as it is written in C, "RC_ERR_INVALID"; for an unknown number "RC_ERR_UNKNOWN".
///
/// Ownership: the string is static.
/// Threads: any.
/// Fails: never.
#[no_mangle]
pub extern "C" fn rc_status_name(status: rc_status) -> *const c_char {
    let name: &core::ffi::CStr = match status {
        RC_OK => c"RC_OK",
        RC_ERR_INVALID => c"RC_ERR_INVALID",
        RC_ERR_NO_MEMORY => c"RC_ERR_NO_MEMORY",
        RC_ERR_ABI => c"RC_ERR_ABI",
        RC_ERR_UNSUPPORTED => c"RC_ERR_UNSUPPORTED",
        RC_ERR_IN_USE => c"RC_ERR_IN_USE",
        RC_ERR_REFUSED => c"RC_ERR_REFUSED",
        RC_ERR_LIMIT => c"RC_ERR_LIMIT",
        RC_ERR_TRAVERSE => c"RC_ERR_TRAVERSE",
        RC_ERR_STALE => c"RC_ERR_STALE",
        RC_ERR_IO => c"RC_ERR_IO",
        _ => c"RC_ERR_UNKNOWN",
    };
    name.as_ptr()
}
