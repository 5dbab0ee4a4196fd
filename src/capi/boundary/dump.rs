//! The boundary of `rcgc/dump.h`.

use super::*;
use crate::capi::dump::{gc_dump_options, gc_dump_result, GC_DUMP_FORK, GC_DUMP_HASH_NAMES};
use crate::dump::{self, Failed, Options};
use crate::out::Sink;
use crate::sys::errno::{set as set_errno, Errno};
use crate::sys::file;

pub(in crate::capi) unsafe fn dump(
    heap: *mut Heap,
    options: *const gc_dump_options,
    out_result: *mut gc_dump_result,
) -> rc_status {
    let Some(heap) = heap_of("gc_dump", heap) else { return RC_ERR_NO_MEMORY };
    let invalid = |why: &str| {
        (*heap).set_error(format_args!("gc_dump: {why}"));
        RC_ERR_INVALID
    };
    if options.is_null() {
        return invalid("options is null");
    }
    let least = core::mem::offset_of!(gc_dump_options, flags);
    let options = match read_struct(options, (*options).struct_size, least) {
        Ok(options) => options,
        Err(why) => return invalid(why),
    };
    let unknown = options.flags & !(GC_DUMP_FORK | GC_DUMP_HASH_NAMES);
    let sinks = !options.path.is_null() as u32 + options.write.is_some() as u32 + (options.fd != 0) as u32;
    let forked = options.flags & GC_DUMP_FORK != 0;
    let wrong = if unknown != 0 {
        "options.flags has a flag that is not known"
    } else if sinks != 1 {
        "exactly one of options.path, options.write and options.fd must be given"
    } else if options.fd < 0 {
        "options.fd is negative"
    } else if forked && out_result.is_null() {
        "GC_DUMP_FORK needs out_result: nobody could wait for the child"
    } else if !out_result.is_null() && !is_size_of_result((*out_result).struct_size) {
        "out_result: struct_size is not the size of the struct; begin with its _INIT macro"
    } else {
        ""
    };
    if !wrong.is_empty() {
        return invalid(wrong);
    }
    match to_sink(heap, &options, forked) {
        Ok(written) if out_result.is_null() => {
            let _ = written;
            RC_OK
        }
        Ok(written) => give_result(out_result, &written),
        Err(failed) => told(heap, &options, failed),
    }
}

fn is_size_of_result(size: usize) -> bool {
    (size_of::<usize>() * 2..=4096).contains(&size)
}

/// Opens the file where one is named, and closes it on every path.
unsafe fn to_sink(heap: *mut Heap, options: &gc_dump_options, forked: bool) -> Result<dump::Written, Failed> {
    let mut file = None;
    let sink = match options.write {
        Some(write) => Sink::Host(write, options.write_ctx),
        None if options.path.is_null() => Sink::Descriptor(options.fd),
        None => {
            // Before the file is emptied.
            if (*heap).phase != Phase::Idle {
                return Err(Failed::Collecting);
            }
            let output = file::create(options.path).map_err(Failed::Write)?;
            let fd = output.fd;
            file = Some(output);
            Sink::Descriptor(fd)
        }
    };
    let key = (options.flags & GC_DUMP_HASH_NAMES != 0).then_some(options.name_key);
    let result = dump::write(heap, &Options { sink, key, label: options.label, forked });
    let Some(output) = file else { return result };
    let is_going_on = result.as_ref().is_ok_and(|written| written.child != 0);
    let closed = if is_going_on { output.leave() } else { output.close() };
    result.and_then(|written| closed.map(|()| written).map_err(Failed::Write))
}

unsafe fn give_result(out_result: *mut gc_dump_result, written: &dump::Written) -> rc_status {
    let result = gc_dump_result {
        struct_size: size_of::<gc_dump_result>(),
        objects: written.objects,
        edges: written.edges,
        bytes: written.bytes,
        duration_ns: written.duration_ns,
        child: written.child,
        reserved: 0,
    };
    match write_struct(out_result, (*out_result).struct_size, &result) {
        Ok(()) => RC_OK,
        // The size was looked at before anything was written.
        Err(_) => RC_ERR_INVALID,
    }
}

unsafe fn told(heap: *mut Heap, options: &gc_dump_options, failed: Failed) -> rc_status {
    let reason = |errno: Errno| CText(libc::strerror(errno));
    match failed {
        Failed::NoMemory => {
            (*heap).set_error(format_args!("gc_dump: no memory"));
            RC_ERR_NO_MEMORY
        }
        Failed::Collecting => {
            (*heap).set_error(format_args!("gc_dump: a collection or another dump is running"));
            RC_ERR_REFUSED
        }
        Failed::Fork(errno) => {
            (*heap).set_error(format_args!("gc_dump: the process cannot be forked: {}", reason(errno)));
            set_errno(errno);
            RC_ERR_IO
        }
        Failed::Write(errno) => {
            match options.path.is_null() {
                true => (*heap).set_error(format_args!("gc_dump: writing failed: {}", reason(errno))),
                false => {
                    (*heap).set_error(format_args!("gc_dump: {}: {}", CText(options.path), reason(errno)))
                }
            }
            set_errno(errno);
            RC_ERR_IO
        }
    }
}
