//! `rcgc/dump.h`: a heap at one moment, as a file: objects, types, counts, edges with their names, and the
//! statistics. The `rcgc` tool reads it and answers what is alive, why, and what grew. docs/dump-format.md says
//! what is in it; what objects hold is not.
//!
//! **A path** that the library writes to names a file of the process's user that nobody else may read. One that is not
//! there is made so; one that is there is made so and emptied, if it is the user's, else it is refused. A symbolic link is
//! not followed at a path's end; fifos, sockets and disks are refused, not waited for; so is a file that this library is
//! writing. A character device, like `/dev/null` or a terminal, is written to as it is, and `/dev/stdout`, `/dev/stderr`
//! and `/dev/fd/N` are those descriptors, from where they stand. A pipe that nobody reads, and a file that may not become
//! larger, are RC_ERR_IO with EPIPE and EFBIG: no signal comes, and what the process does with signals is not changed.

use super::boundary::{is_struct_size, status, Answer, Call};
use super::status::*;
use crate::base::report::CText;
use crate::dump::{self, Failed, Options, Written};
use crate::heap::{Heap as gc_heap, Phase};
use crate::out::Sink;
use crate::sys::errno::set as set_errno;
use crate::sys::file;
use core::ffi::{c_char, c_int, c_void};

/// Takes the next bytes of a dump. Returns 0, or an `errno` (not 0) when it cannot; then it is not called
/// again.
///
/// It runs while the heap is being walked, and may only look (rcgc/heap.h): it must not allocate in the heap, release the
/// last reference to an object of it, or collect.
pub type gc_write_fn =
    Option<unsafe extern "C" fn(bytes: *const c_void, len: usize, ctx: *mut c_void) -> c_int>;

/// Write hashes instead of the names of types, fields, scopes, the heap and the label.
pub const GC_DUMP_HASH_NAMES: u32 = 1;
/// Write in a forked child: the heap stands still only for as long as `fork` takes.
pub const GC_DUMP_FORK: u32 = 2;

/// Look where the references from outside lie, word by word, and write it, too: in objects that do not report them, in variables
/// of the program, on the stack, in other memory, in other heaps, or nowhere. It takes memory as a query session does, and time
/// by all memory of the process. Not with GC_DUMP_FORK, whose child may not take memory.
pub const GC_DUMP_LOOK: u32 = 8;

/// How a dump is written. Exactly one of `path`, `write` and `fd` is given.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_dump_options {
    /// `sizeof(gc_dump_options)`.
    pub struct_size: usize,
    /// A file that is made, or emptied; only its owner may read it. See the head of this file.
    pub path: *const c_char,
    /// Takes the bytes.
    pub write: gc_write_fn,
    /// Given to `write`.
    pub write_ctx: *mut c_void,
    /// A descriptor, open for writing and above 0; it stays open.
    pub fd: c_int,
    /// `GC_DUMP_*` together.
    pub flags: u32,
    /// The key of `GC_DUMP_HASH_NAMES`: with the same key the same name has the same hash in every dump, and
    /// who does not know the key cannot try names.
    pub name_key: u64,
    /// What the dump is of, in words, for reports; may be null.
    pub label: *const c_char,
}

/// What a dump came to. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_dump_result {
    /// `sizeof(gc_dump_result)`.
    pub struct_size: usize,
    /// Objects in the dump; 0 with `GC_DUMP_FORK`.
    pub objects: u64,
    /// Counted references between them or to other heaps; 0 with `GC_DUMP_FORK`.
    pub edges: u64,
    /// Bytes of the dump; 0 with `GC_DUMP_FORK`.
    pub bytes: u64,
    /// Nanoseconds that the heap stood still.
    pub duration_ns: u64,
    /// With `GC_DUMP_FORK` the child, for `waitpid`: it exits with 0 when all was written, else with 1.
    pub child: c_int,
    /// 0.
    pub reserved: u32,
}

/// Writes a dump of a heap (null: the default heap) to a file, a descriptor or a function.
///
/// Counts, flags and what collections decide are the same before and after. The heap stands still meanwhile.
/// Memory: half a MiB, and 40 bytes for each MiB of the heap. What was written can be read up to the last
/// whole chunk, whatever happens then.
///
/// `traverse` is called for every live object whose type has one, tracked or not, but not for dying ones. In
/// a forked child `write` and `traverse` may do only what may be done after a fork: they must take no lock
/// that another thread might have held.
///
/// Runs host code: `traverse`, `write`.
/// Fails: RC_ERR_INVALID for no sink, for more than one, for unknown flags, for GC_DUMP_FORK with a null
/// `out_result`, and for GC_DUMP_LOOK with GC_DUMP_FORK; RC_ERR_NO_MEMORY; RC_ERR_REFUSED inside a callback of a collection, inside `traverse` and
/// inside `write`; RC_ERR_IO when the file cannot be made (ELOOP: a symbolic link; ENXIO: no file; EACCES: another
/// user's; EAGAIN: another dump is being written to it), the sink fails, or the process cannot be forked: `errno` has
/// the reason, and the heap is as it was.
#[no_mangle]
pub unsafe extern "C" fn gc_dump(
    heap: *mut gc_heap,
    options: *const gc_dump_options,
    out_result: *mut gc_dump_result,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_dump", heap)?;
        call.needs(!options.is_null(), "options is null")?;
        let options = call.read(options, core::mem::offset_of!(gc_dump_options, flags), "")?;
        let unknown = options.flags & !(GC_DUMP_FORK | GC_DUMP_HASH_NAMES | GC_DUMP_LOOK);
        call.needs(unknown == 0, "options.flags has a flag that is not known")?;
        let both = GC_DUMP_FORK | GC_DUMP_LOOK;
        call.needs(options.flags & both != both, "GC_DUMP_LOOK cannot be had with GC_DUMP_FORK")?;
        let sinks =
            !options.path.is_null() as u32 + options.write.is_some() as u32 + (options.fd != 0) as u32;
        call.needs(sinks == 1, "exactly one of options.path, options.write and options.fd must be given")?;
        call.needs(options.fd >= 0, "options.fd is negative")?;
        call.needs(
            options.flags & GC_DUMP_FORK == 0 || !out_result.is_null(),
            "GC_DUMP_FORK needs out_result: nobody could wait for the child",
        )?;
        call.needs(
            out_result.is_null() || is_struct_size((*out_result).struct_size),
            "out_result: struct_size is not the size of the struct; begin with its _INIT macro",
        )?;
        let written = to_sink(call.heap, &options).or_else(|failed| not_written(call, &options, failed))?;
        if out_result.is_null() {
            Ok(())
        } else {
            call.put(out_result, &result(&written), "")
        }
    })
}

/// Opens the file where one is named, and closes it on every path.
unsafe fn to_sink(heap: *mut gc_heap, options: &gc_dump_options) -> Result<Written, Failed> {
    let mut file = None;
    let sink = match options.write {
        Some(write) => Sink::Host(write, options.write_ctx),
        None if options.path.is_null() => Sink::Descriptor(options.fd),
        None => {
            // Before the file is emptied.
            if (*heap).phase() != Phase::Idle {
                return Err(Failed::Collecting);
            }
            let output = file::create(options.path).map_err(Failed::Write)?;
            let fd = output.fd;
            file = Some(output);
            Sink::Descriptor(fd)
        }
    };
    let key = (options.flags & GC_DUMP_HASH_NAMES != 0).then_some(options.name_key);
    let forked = options.flags & GC_DUMP_FORK != 0;
    let looks = options.flags & GC_DUMP_LOOK != 0;
    let result = dump::write(heap, &Options { sink, key, label: options.label, forked, looks });
    let Some(output) = file else { return result };
    let is_going_on = result.as_ref().is_ok_and(|written| written.child != 0);
    let closed = if is_going_on { output.leave() } else { output.close() };
    result.and_then(|written| closed.map(|()| written).map_err(Failed::Write))
}

fn result(written: &Written) -> gc_dump_result {
    gc_dump_result {
        struct_size: size_of::<gc_dump_result>(),
        objects: written.objects,
        edges: written.edges,
        bytes: written.bytes,
        duration_ns: written.duration_ns,
        child: written.child,
        reserved: 0,
    }
}

unsafe fn not_written(call: Call, options: &gc_dump_options, failed: Failed) -> Answer<Written> {
    let errno = match failed {
        Failed::NoMemory => return call.no_memory(),
        Failed::Collecting => {
            return call.refuse(RC_ERR_REFUSED, "a collection or another dump is running");
        }
        Failed::Fork(errno) | Failed::Write(errno) => errno,
    };
    let reason = CText(libc::strerror(errno));
    match failed {
        Failed::Fork(_) => call.say(format_args!("the process cannot be forked: {reason}")),
        _ if options.path.is_null() => call.say(format_args!("writing failed: {reason}")),
        _ => call.say(format_args!("{}: {reason}", CText(options.path))),
    }
    set_errno(errno);
    Err(RC_ERR_IO)
}
