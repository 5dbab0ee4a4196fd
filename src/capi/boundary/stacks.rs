//! The boundary of `rcgc/stacks.h`.

use super::profile::{profiled, put_all};
use super::*;
use crate::base::list::List;
use crate::capi::stacks::*;
use crate::profile::sample::{self, Bucket, Samples, HOST_FRAME};
use crate::profile::site;
use crate::sys::errno;

/// The heap and its samples; err is a status, said.
unsafe fn sampled(call: &str, heap: *mut Heap) -> Result<(*mut Heap, *mut Samples), rc_status> {
    let (heap, profile) = profiled(call, heap)?;
    if (*profile).samples.is_null() {
        (*heap).set_error(format_args!("{call}: heap {} does not sample stacks", CText((*heap).name())));
        return Err(RC_ERR_REFUSED);
    }
    Ok((heap, (*profile).samples))
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
        type_name: site::place(bucket.name).map_or(core::ptr::null(), |place| place.function),
        samples: bucket.samples,
        live_samples: bucket.live_samples,
        allocated_objects: sample::objects_of(bucket.objects),
        allocated_bytes: bucket.bytes,
        live_objects: sample::objects_of(bucket.live_objects),
        live_bytes: bucket.live_bytes,
        deviation_bytes: root(bucket.variance),
    }
}

pub(in crate::capi) unsafe fn profile_stacks(
    heap: *mut Heap,
    out_rows: *mut gc_stack_stats,
    room: usize,
) -> usize {
    const CALL: &str = "gc_profile_stacks";
    numbered(CALL, heap, |heap| {
        let samples = &*sampled(CALL, heap)?.1;
        stack_rows(samples, out_rows, room)
            .ok_or_else(|| {
                (*heap).set_error(format_args!("{CALL}: no memory"));
                RC_ERR_NO_MEMORY
            })?
            .map_err(|why| bad_rows(heap, CALL, why))
    })
}

/// Writes the rows of all stacks; None for out of memory.
unsafe fn stack_rows(
    samples: &Samples,
    out_rows: *mut gc_stack_stats,
    room: usize,
) -> Option<Result<usize, &'static str>> {
    let mut order: List<u32> = List::new();
    let enough = (0..samples.buckets.len() as u32).all(|number| order.push(number));
    if !enough {
        order.end();
        return None;
    }
    let bucket = |number: u32| samples.buckets.get(number as usize);
    let weight = |number: u32| bucket(number).map_or((0, 0), |bucket| (bucket.live_bytes, bucket.bytes));
    order.as_mut_slice().sort_unstable_by_key(|&number| (core::cmp::Reverse(weight(number)), number));
    let rows = order.as_slice().iter().filter_map(|&number| bucket(number));
    let count = put_all(out_rows, room, rows.map(|bucket| stack_row(samples, &bucket)));
    order.end();
    Some(count)
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
        if let Some(place) = site::place(frame as u32) {
            (row.function, row.file, row.line) = (place.function, place.file, place.line);
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

pub(in crate::capi) unsafe fn stack_frames(
    heap: *mut Heap,
    stack: u32,
    out_frames: *mut gc_frame,
    room: usize,
) -> usize {
    const CALL: &str = "gc_stack_frames";
    numbered(CALL, heap, |heap| {
        let (_, samples) = sampled(CALL, heap)?;
        let Some(entry) = (*samples).stacks.get(stack as usize) else {
            (*heap).set_error(format_args!("{CALL}: there is no stack {stack}"));
            return Err(RC_ERR_INVALID);
        };
        let all = (*samples).frames.as_slice();
        let frames = all.get(entry.start..entry.start + entry.len as usize).unwrap_or(&[]);
        put_all(out_frames, room, frames.iter().map(|&frame| frame_row(frame))).map_err(|why| {
            (*heap).set_error(format_args!("{CALL}: out_frames: {why}"));
            RC_ERR_INVALID
        })
    })
}

pub(in crate::capi) unsafe fn object_stack(obj: NonNull<c_void>, out_stack: NonNull<u32>) -> rc_status {
    const CALL: &str = "gc_object_stack";
    let header = checked(CALL, obj.0);
    let (heap, samples) = match sampled(CALL, (*range::type_at(header.type_index())).heap) {
        Ok(found) => found,
        Err(status) => return status,
    };
    if out_stack.0.is_null() {
        (*heap).set_error(format_args!("{CALL}: out_stack is null"));
        return RC_ERR_INVALID;
    }
    let live = (*samples).of_object(obj.0);
    let bucket = live.and_then(|live| (*samples).buckets.get(live.bucket as usize));
    match bucket {
        Some(bucket) => {
            *out_stack.0 = bucket.stack;
            RC_OK
        }
        None => {
            (*heap).set_error(format_args!("{CALL}: {:p} was not sampled", obj.0));
            RC_ERR_UNSUPPORTED
        }
    }
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
