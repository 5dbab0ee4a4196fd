//! `rcgc/stacks.h`: call stacks under byte sampling. A profile with `GC_PROFILE_STACKS` takes the stack of about one
//! object in every `sample_bytes` allocated, and estimates from these what each stack allocated and keeps. A null heap
//! means the default heap.

use super::boundary::{self, NonNull};
use super::status::rc_status;
use crate::heap::Heap as gc_heap;
use core::ffi::{c_char, c_void};

/// What one type allocated at one stack. The library fills it. Each sample was divided by its own probability before it
/// was added, so the estimates are right on average, whatever sizes are mixed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_stack_stats {
    /// `sizeof(gc_stack_stats)` as the host was compiled.
    pub struct_size: usize,
    /// The stack's number, for `gc_stack_frames`.
    pub stack: u32,
    /// Frames that it has.
    pub depth: u32,
    /// The name of the type.
    pub type_name: *const c_char,
    /// Samples that were taken,
    pub samples: u64,
    /// and those whose object lives.
    pub live_samples: u64,
    /// Estimates since the profile began: objects made,
    pub allocated_objects: u64,
    /// and their bytes, with headers and rounding.
    pub allocated_bytes: u64,
    /// Of these, what lives: objects,
    pub live_objects: u64,
    /// and bytes.
    pub live_bytes: u64,
    /// The standard deviation of `allocated_bytes`.
    pub deviation_bytes: f64,
}

/// Writes what is known of each stack and type, those first that keep most bytes, and returns how many there are. At
/// most `room` are written, each of `out_rows->struct_size` bytes, which must be set.
///
/// Ownership: nothing; names live until the program ends.
/// Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size, RC_ERR_REFUSED when stacks are not
/// sampled, RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_profile_stacks(
    heap: *mut gc_heap,
    out_rows: *mut gc_stack_stats,
    room: usize,
) -> usize {
    boundary::profile_stacks(heap, out_rows, room)
}

/// One frame of a stack. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_frame {
    /// `sizeof(gc_frame)` as the host was compiled.
    pub struct_size: usize,
    /// The return address; 0: the frame is one that the host told.
    pub address: u64,
    /// The function: as the host told; of an address the nearest name that the dynamic linker knows, or null.
    pub function: *const c_char,
    /// The file that the host told; of an address the program or library it lies in, or null.
    pub file: *const c_char,
    /// The line that the host told; 0 of an address.
    pub line: u32,
    /// 0.
    pub reserved: u32,
}

/// Writes the frames of a stack, the innermost first, frames of the host before addresses, and returns how many there
/// are. At most `room` are written, each of `out_frames->struct_size` bytes, which must be set.
///
/// Ownership: nothing; texts live until their library is unloaded.
/// Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size and a number that is of no stack,
/// RC_ERR_REFUSED when stacks are not sampled.
#[no_mangle]
pub unsafe extern "C" fn gc_stack_frames(
    heap: *mut gc_heap,
    stack: u32,
    out_frames: *mut gc_frame,
    room: usize,
) -> usize {
    boundary::stack_frames(heap, stack, out_frames, room)
}

/// Writes the number of the stack that allocated an object, if it was sampled.
///
/// Fails: RC_ERR_INVALID for a null `out_stack`; RC_ERR_UNSUPPORTED when the object was not sampled; RC_ERR_REFUSED
/// when stacks are not sampled; fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn gc_object_stack(obj: NonNull<c_void>, out_stack: NonNull<u32>) -> rc_status {
    boundary::object_stack(obj, out_stack)
}
