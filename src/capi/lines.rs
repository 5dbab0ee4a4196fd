//! `rcgc/lines.h`: line tables, as memory_profiler has them, and a profile as text. The numbers are exact engine bytes;
//! what the process takes from the system is never among them.
//!
//! A function that is to be looked at begins with `GC_LINES(heap);` and has `GC_LINE();` at the end of each line, or of
//! each statement, that is of interest (rcgc/site.h). What changed since the mark before, calls included, is booked
//! there.

use super::boundary::{status, Call, NonNull};
use super::dump::gc_write_fn;
use super::profile::{profile_of, rc_site};
use super::status::*;
use crate::base::report::{self, CText};
use crate::heap::Heap as gc_heap;
use crate::memory::range;
use crate::out::Sink;
use crate::profile::lines::{self, Cursor};
use crate::profile::site::Site;
use crate::profile::text;
use crate::sys::errno;
use core::ffi::{c_int, c_void};
use static_assertions::const_assert_eq;

/// Where a call of a function is. A local variable of the function, made by `GC_LINES`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_lines {
    /// The heap; null when it is not profiled.
    pub heap: *mut gc_heap,
    /// Bytes that had been allocated at the mark before.
    pub allocated_bytes: u64,
    /// Bytes that had been freed at the mark before.
    pub freed_bytes: u64,
    /// Which profile that was.
    pub started_ns: u64,
}

/// A function begins. `GC_LINES(heap)` calls it.
///
/// Ownership: nothing; the site as in `rc_new_at`.
/// Fails: never; without a profile, and without memory, nothing is booked.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn gc_lines_begin(heap: *mut gc_heap, site: NonNull<rc_site>) -> gc_lines {
    match Call::on("gc_lines_begin", heap) {
        Ok(call) if !site.0.is_null() => {
            core::mem::transmute::<Cursor, gc_lines>(lines::begin(call.heap, site.0 as *const Site))
        }
        _ => gc_lines { heap: core::ptr::null_mut(), allocated_bytes: 0, freed_bytes: 0, started_ns: 0 },
    }
}

/// A line ends: what changed since the mark before is booked to it. `GC_LINE()` calls it.
///
/// Ownership: nothing; the site as in `rc_new_at`.
/// Fails: never; a null `cursor` is nothing.
#[no_mangle]
pub unsafe extern "C" fn gc_line(cursor: *mut gc_lines, site: NonNull<rc_site>) {
    if cursor.is_null() || site.0.is_null() || (*cursor).heap.is_null() {
        return;
    }
    let heap = (*cursor).heap;
    if !range::is_heap_slot(heap) {
        report::fatal(format_args!(
            "gc_line: {heap:p} is no heap: the lines were not begun (gc_lines_begin)"
        ));
    }
    // Of a heap that has ended: nothing is booked.
    if (*heap).is_live() {
        lines::mark(&mut *(cursor as *mut Cursor), site.0 as *const Site);
    }
}

/// Write the running totals.
pub const GC_TEXT_TOTALS: u32 = 1;
/// Write the sites.
pub const GC_TEXT_SITES: u32 = 2;
/// Write the scopes.
pub const GC_TEXT_SCOPES: u32 = 4;
/// Write the line tables.
pub const GC_TEXT_LINES: u32 = 8;
/// Leave out lines whose live bytes did not grow.
pub const GC_TEXT_GROWN: u32 = 65536;

/// How a profile is written. Start from `GC_TEXT_OPTIONS_INIT`; a field left zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_text_options {
    /// `sizeof(gc_text_options)` as the host was compiled.
    pub struct_size: usize,
    /// `GC_TEXT_*` together; 0: all parts.
    pub parts: u32,
    /// Rows of sites and scopes at most; 0: 20.
    pub limit: u32,
    /// Decimals of MiB, at most 6; 0: bytes.
    pub decimals: u32,
    /// A descriptor that is open for writing, when `write` is null; 0: standard error.
    pub fd: c_int,
    /// Takes the text, in pieces; null: it goes to `fd`.
    pub write: gc_write_fn,
    /// Given to `write`.
    pub write_ctx: *mut c_void,
}

/// Writes the profile of a heap as text, with the source of lines where it can be read. `options` may be null.
///
/// Runs host code: `write`, which may only look, as that of a dump.
/// Fails: RC_ERR_REFUSED when the profile is off and inside a callback of a collection; RC_ERR_INVALID for a bad size,
/// part or number of decimals; RC_ERR_NO_MEMORY; RC_ERR_IO when the text cannot be written: `errno` has the reason.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_write(heap: *mut gc_heap, options: *const gc_text_options) -> rc_status {
    status(|| {
        let call = Call::on("gc_profile_write", heap)?;
        profile_of(call)?;
        let given = call.read_or_zero(options, 16, "options: ")?;
        call.needs(
            given.parts & !(text::ALL | text::GROWN) == 0 && given.decimals <= 6 && given.fd >= 0,
            "options: an unknown part, more than 6 decimals, or a negative descriptor",
        )?;
        let parts = given.parts & text::ALL;
        let options = text::Options {
            parts: given.parts & text::GROWN | if parts == 0 { text::ALL } else { parts },
            limit: if given.limit == 0 { 20 } else { given.limit as usize },
            decimals: given.decimals as usize,
            sink: match given.write {
                Some(write) => Sink::Host(write, given.write_ctx),
                None => Sink::Descriptor(if given.fd == 0 { 2 } else { given.fd }),
            },
        };
        match text::write(call.heap, &options) {
            Ok(()) => Ok(()),
            Err(text::Failed::Collecting) => {
                let name = CText((*call.heap).name());
                call.refuse(RC_ERR_REFUSED, format_args!("heap {name} is collecting"))
            }
            Err(text::Failed::NoMemory) => call.no_memory(),
            Err(text::Failed::Write(reason)) => {
                call.say(format_args!("the text was not written: errno {reason}"));
                errno::set(reason);
                Err(RC_ERR_IO)
            }
        }
    })
}

const_assert_eq!(size_of::<Cursor>(), size_of::<gc_lines>());
