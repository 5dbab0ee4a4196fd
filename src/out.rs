//! Bytes on their way out: buffers of fixed size, which become chunks, which go to the sink.
//!
//! A failure of the sink is kept, and from then on nothing is given to it: the writer goes on filling buffers
//! to no purpose until it looks, so that no code between has to ask.

use crate::base::promised;
use crate::heap::Heap;
use crate::host;
use crate::sys::file::Errno;
use crate::sys::{self, file};
use core::ffi::{c_int, c_void};
use rcgc_format::{self as format, Tag, CHUNK_HEAD_BYTES, NUMBER_BYTES_MAX};

/// Gives bytes to the host; 0, or an `errno`.
pub type WriteFn = unsafe extern "C" fn(*const c_void, usize, *mut c_void) -> c_int;

/// Where a dump goes.
#[derive(Clone, Copy)]
pub enum Sink {
    /// A descriptor that is open for writing.
    Descriptor(c_int),
    /// A function of the host's.
    Host(WriteFn, *mut c_void),
}

/// Gives bytes to the host; 0, or an `errno`.
///
/// # Safety
/// - As [`host::call`]; the heap's phase is `Judging`.
pub unsafe fn give(heap: *mut Heap, function: WriteFn, bytes: &[u8], ctx: *mut c_void) -> c_int {
    host::call_alone(heap, || function(bytes.as_ptr() as *const c_void, bytes.len(), ctx))
}

/// A buffer of numbers and bytes, with room for a chunk's head before them.
pub struct Buffer {
    memory: *mut u8,
    capacity: usize,
    /// Bytes of the payload.
    len: usize,
}

impl Buffer {
    /// A buffer for payloads of `capacity` bytes; None for out of memory.
    pub fn new(capacity: usize) -> Option<Buffer> {
        let memory = sys::allocate_raw(CHUNK_HEAD_BYTES + capacity);
        (!memory.is_null()).then_some(Buffer { memory, capacity, len: 0 })
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether so many numbers fit.
    #[inline(always)]
    pub fn has_room(&self, numbers: usize) -> bool {
        // One more, since `put` stores sixteen bytes.
        self.len + (numbers + 1) * NUMBER_BYTES_MAX <= self.capacity
    }

    /// Whether so many bytes fit behind a few numbers.
    pub fn has_room_for_bytes(&self, bytes: usize) -> bool {
        self.len + bytes + 4 * NUMBER_BYTES_MAX <= self.capacity
    }

    /// Appends a number.
    ///
    /// # Safety
    /// - It fits: [`Buffer::has_room`].
    #[inline(always)]
    pub unsafe fn put(&mut self, value: u64) {
        let (bytes, len) = format::encode(value);
        promised!(self.has_room(1));
        (self.memory.add(CHUNK_HEAD_BYTES + self.len) as *mut [u8; 16]).write_unaligned(bytes);
        self.len += len;
    }

    /// Appends bytes.
    ///
    /// # Safety
    /// - They fit: [`Buffer::has_room_for_bytes`].
    pub unsafe fn put_bytes(&mut self, bytes: &[u8]) {
        promised!(self.has_room_for_bytes(bytes.len()));
        let to = self.memory.add(CHUNK_HEAD_BYTES + self.len);
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        self.len += bytes.len();
    }

    /// Makes a chunk of what is in it, and forgets it.
    fn take_chunk(&mut self, tag: Tag) -> &[u8] {
        // SAFETY: the head and `len` bytes lie in the memory, and were all written.
        let all = unsafe {
            core::ptr::write_bytes(self.memory, 0, CHUNK_HEAD_BYTES);
            core::slice::from_raw_parts_mut(self.memory, CHUNK_HEAD_BYTES + self.len)
        };
        let length = core::mem::take(&mut self.len) as u64;
        let (head, payload) = all.split_at_mut(CHUNK_HEAD_BYTES);
        write_head(head, tag, length, format::crc32c(0, payload));
        all
    }
}

fn write_head(head: &mut [u8], tag: Tag, length: u64, sum: u32) {
    let parts: [(usize, &[u8]); 3] = [(0, &tag), (8, &length.to_le_bytes()), (16, &sum.to_le_bytes())];
    for (at, bytes) in parts {
        put_at(head, at, bytes);
    }
    let own = format::crc32c(0, head.get(..20).unwrap_or(&[]));
    put_at(head, 20, &own.to_le_bytes());
}

/// Copies bytes to a place in a head.
pub fn put_at(head: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = head.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody has a pointer to it.
        unsafe { sys::free(self.memory) }
    }
}

/// The way to the sink, and what went there.
pub struct Out {
    heap: *mut Heap,
    sink: Sink,
    failed: Errno,
    /// Bytes that went there.
    pub bytes: u64,
    /// Chunks that went there.
    pub chunks: u64,
}

impl Out {
    /// The way to a sink. The heap is that whose callbacks the sink's function counts among.
    pub fn new(heap: *mut Heap, sink: Sink) -> Out {
        Out { heap, sink, failed: 0, bytes: 0, chunks: 0 }
    }

    /// Writes bytes, unless something failed before.
    ///
    /// # Safety
    /// - The heap is at rest.
    pub unsafe fn write(&mut self, bytes: &[u8]) {
        if self.failed != 0 {
            return;
        }
        let result = match self.sink {
            Sink::Descriptor(fd) => file::write_all(fd, bytes),
            Sink::Host(function, ctx) => match give(self.heap, function, bytes, ctx) {
                0 => Ok(()),
                errno => Err(errno),
            },
        };
        match result {
            Ok(()) => self.bytes += bytes.len() as u64,
            Err(errno) => self.failed = errno,
        }
    }

    /// Writes what a buffer has as a chunk, if it has anything.
    ///
    /// # Safety
    /// - As [`Out::write`].
    #[inline(never)]
    pub unsafe fn write_chunk(&mut self, tag: Tag, buffer: &mut Buffer) {
        if !buffer.is_empty() {
            self.write(buffer.take_chunk(tag));
            self.chunks += 1;
        }
    }

    /// The first failure.
    pub fn result(&self) -> Result<(), Errno> {
        match self.failed {
            0 => Ok(()),
            errno => Err(errno),
        }
    }

    /// Whether something failed: what follows is to no purpose.
    pub fn has_failed(&self) -> bool {
        self.failed != 0
    }
}
