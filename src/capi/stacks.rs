//! `rcgc/stacks.h`: call stacks under byte sampling. A profile with `GC_PROFILE_STACKS` takes the stack of about one
//! object in every `sample_bytes` allocated, and estimates from these what each stack allocated and keeps. A null heap
//! means the default heap.

use super::boundary::{number, status, Answer, Call, NonNull};
use super::profile::profile_of;
use super::rows::put_all;
use super::status::*;
use crate::base::list::List;
use crate::base::report::CText;
use crate::base::sort;
use crate::heap::Heap as gc_heap;
use crate::profile::sample::{self, Bucket, Samples, HOST_FRAME};
use crate::profile::site;
use crate::sys::errno;
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
    /// Samples that were taken.
    pub samples: u64,
    /// Samples whose object lives.
    pub live_samples: u64,
    /// An estimate of the objects made since the profile began.
    pub allocated_objects: u64,
    /// An estimate of the bytes of these, with headers and rounding.
    pub allocated_bytes: u64,
    /// An estimate of the objects that live.
    pub live_objects: u64,
    /// An estimate of the bytes that live.
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
    number("gc_profile_stacks", heap, |call| {
        let samples = &*samples_of(call)?;
        let Some(mut order) = heaviest_first(samples) else { return call.no_memory() };
        let buckets = order.as_slice().iter().filter_map(|&number| samples.buckets.get(number as usize));
        let count = call.put_rows(out_rows, room, buckets.map(|bucket| stack_row(samples, &bucket)));
        order.end();
        count
    })
}

/// One frame of a stack. The library fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_frame {
    /// `sizeof(gc_frame)` as the host was compiled.
    pub struct_size: usize,
    /// The return address; 0: the frame is one that the host gave.
    pub address: u64,
    /// The function: as the host gave it; of an address the nearest name that the dynamic linker knows, or null.
    pub function: *const c_char,
    /// The file that the host gave; of an address the program or library it lies in, or null.
    pub file: *const c_char,
    /// The line that the host gave; 0 of an address.
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
    number("gc_stack_frames", heap, |call| {
        let samples = &*samples_of(call)?;
        let Some(entry) = samples.stacks.get(stack as usize) else {
            return call.invalid(format_args!("there is no stack {stack}"));
        };
        let all = samples.frames.as_slice();
        let frames = all.get(entry.start..entry.start + entry.len as usize).unwrap_or(&[]);
        put_all(out_frames, room, frames.iter().map(|&frame| frame_row(frame)))
            .or_else(|why| call.invalid(format_args!("out_frames: {why}")))
    })
}

/// Writes the number of the stack that allocated an object, if it was sampled.
///
/// Fails: RC_ERR_INVALID for a null `out_stack`; RC_ERR_UNSUPPORTED when the object was not sampled; RC_ERR_REFUSED
/// when stacks are not sampled; fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn gc_object_stack(obj: NonNull<c_void>, out_stack: NonNull<u32>) -> rc_status {
    status(|| {
        let (call, _) = Call::of_heap_object("gc_object_stack", obj)?;
        let samples = &*samples_of(call)?;
        call.needs(!out_stack.0.is_null(), "out_stack is null")?;
        let live = samples.of_object(obj.0);
        let Some(bucket) = live.and_then(|live| samples.buckets.get(live.bucket as usize)) else {
            return call.refuse(RC_ERR_UNSUPPORTED, format_args!("{:p} was not sampled", obj.0));
        };
        *out_stack.0 = bucket.stack;
        Ok(())
    })
}

/// The samples of the heap's profile.
unsafe fn samples_of(call: Call) -> Answer<*mut Samples> {
    let profile = profile_of(call)?;
    if (*profile).samples.is_null() {
        let name = CText((*call.heap).name());
        return call.refuse(RC_ERR_REFUSED, format_args!("heap {name} does not sample stacks"));
    }
    Ok((*profile).samples)
}

/// The numbers of all buckets in the order of their rows; None for out of memory.
fn heaviest_first(samples: &Samples) -> Option<List<u32>> {
    let mut order: List<u32> = List::new();
    let enough = (0..samples.buckets.len() as u32).all(|number| order.push(number));
    if !enough {
        order.end();
        return None;
    }
    let bucket = |number: u32| samples.buckets.get(number as usize);
    let weight = |number: u32| bucket(number).map_or((0, 0), |bucket| (bucket.live_bytes, bucket.bytes));
    sort::sort_by_key(order.as_mut_slice(), |&number| (core::cmp::Reverse(weight(number)), number));
    Some(order)
}

/// The square root of a number that is not negative.
fn root(x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    // Half the exponent is near enough for Newton's way.
    let mut y = f64::from_bits((x.to_bits() >> 1) + (1023 << 51));
    for _ in 0..5 {
        y = 0.5 * (y + x / y);
    }
    y
}

fn stack_row(samples: &Samples, bucket: &Bucket) -> gc_stack_stats {
    gc_stack_stats {
        struct_size: size_of::<gc_stack_stats>(),
        stack: bucket.stack,
        depth: samples.stacks.get(bucket.stack as usize).map_or(0, |stack| stack.len),
        type_name: site::location(bucket.name).map_or(core::ptr::null(), |location| location.function),
        samples: bucket.samples,
        live_samples: bucket.live_samples,
        allocated_objects: sample::objects_of(bucket.objects),
        allocated_bytes: bucket.bytes,
        live_objects: sample::objects_of(bucket.live_objects),
        live_bytes: bucket.live_bytes,
        deviation_bytes: root(bucket.variance),
    }
}

unsafe fn frame_row(frame: u64) -> gc_frame {
    let mut row = gc_frame {
        struct_size: size_of::<gc_frame>(),
        address: 0,
        function: core::ptr::null(),
        file: core::ptr::null(),
        line: 0,
        reserved: 0,
    };
    if frame & HOST_FRAME != 0 {
        if let Some(location) = site::location(frame as u32) {
            (row.function, row.file, row.line) = (location.function, location.file, location.line);
        }
        return row;
    }
    row.address = frame;
    let _errno = errno::keep();
    let mut info = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // The call that returns there, so that a call at a function's end is not taken for the next one.
    if libc::dladdr((frame - 1) as *const c_void, info.as_mut_ptr()) != 0 {
        let info = info.assume_init();
        (row.function, row.file) = (info.dli_sname, info.dli_fname);
    }
    row
}

#[cfg(test)]
mod tests {
    #[test]
    fn roots_are_roots() {
        for n in -300..300 {
            let x = 1.9f64.powi(n);
            assert!((super::root(x) / x.sqrt() - 1.0).abs() < 1e-12, "{x}");
        }
        assert_eq!(super::root(0.0), 0.0);
    }
}
