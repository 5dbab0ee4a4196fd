//! Sampled stacks as chunks: the stacks, what was allocated there, and where the code lies that their addresses
//! lead into. As `profiled.rs`: nothing is allocated, and the loader is not asked, since a forked child must not.

use super::profiled::Writer;
use super::put_pairs;
use crate::memory::range;
use crate::profile::code::Mapping;
use crate::profile::sample::{self, Bucket, Samples, HOST_FRAME, NO_TYPE};
use crate::profile::site;
use core::ffi::c_char;
use core::ptr;
use rcgc_format::{self as format, frame, sample_key};

/// Writes all of it.
///
/// # Safety
/// - Only the heap's thread is in the heap of the samples.
pub unsafe fn write(samples: &Samples, writer: &mut Writer) {
    for (number, stack) in samples.stacks.as_slice().iter().enumerate() {
        let frames = samples.frames.as_slice().get(stack.start..stack.start + stack.len as usize);
        put_stack(writer, number as u64, frames.unwrap_or(&[]));
    }
    writer.end(format::STACKS);
    for bucket in samples.buckets.as_slice() {
        put_bucket(writer, bucket);
    }
    writer.end(format::SAMPLED);
    for mapping in samples.walker().code().mappings() {
        put_mapping(writer, mapping);
    }
    writer.end(format::MAPPINGS);
}

unsafe fn put_stack(writer: &mut Writer, number: u64, frames: &[u64]) {
    writer.room(2, format::STACKS);
    writer.buffer.put(number);
    writer.buffer.put(frames.len() as u64);
    for &address in frames {
        writer.room(4, format::STACKS);
        if address & HOST_FRAME == 0 {
            writer.buffer.put(frame::ADDRESS);
            writer.buffer.put(address);
            continue;
        }
        let location = site::location(address as u32);
        let text = |text: Option<*const c_char>| text.unwrap_or(ptr::null());
        writer.buffer.put(frame::HOST);
        writer.put_name(text(location.map(|location| location.function)));
        writer.put_name(text(location.map(|location| location.file)));
        writer.buffer.put(location.map_or(0, |location| location.line as u64));
    }
}

unsafe fn put_bucket(writer: &mut Writer, bucket: &Bucket) {
    let pairs = [
        (sample_key::ALLOCATED_OBJECTS, sample::objects_of(bucket.objects)),
        (sample_key::ALLOCATED_BYTES, bucket.bytes),
        (sample_key::LIVE_OBJECTS, sample::objects_of(bucket.live_objects)),
        (sample_key::LIVE_BYTES, bucket.live_bytes),
        (sample_key::SAMPLES, bucket.samples),
    ];
    let known = bucket.type_index != NO_TYPE && (*range::type_at(bucket.type_index as usize)).is_live();
    writer.room(3 + 2 * pairs.len(), format::SAMPLED);
    writer.buffer.put(bucket.stack as u64);
    writer.buffer.put(if known { bucket.type_index as u64 + 1 } else { 0 });
    put_pairs(writer.buffer, &pairs);
}

unsafe fn put_mapping(writer: &mut Writer, mapping: &Mapping) {
    writer.room(5, format::MAPPINGS);
    writer.buffer.put(mapping.start as u64);
    writer.buffer.put((mapping.end - mapping.start) as u64);
    writer.buffer.put(mapping.offset);
    writer.put_name(mapping.path);
    let has_id = mapping.build_id.first().is_some_and(|&digit| digit != 0);
    writer.put_name(if has_id { mapping.build_id.as_ptr() as *const c_char } else { ptr::null() });
}
