//! The call stack of the host at an allocation.
//!
//! Three sources, cheapest first:
//! - **frame pointers**: a chain through the stack, some ten nanoseconds. Every link is checked before it is believed:
//!   it lies in the thread's stack, above the one before, and its return address lies in code, behind a call.
//! - **unwind tables**, by libc's `backtrace`: microseconds, for hosts that are built without frame pointers.
//! - what the **host's function** says of an interpreter's frames (`sample.rs`).
//!
//! In [`Mode::Auto`] the first samples, and every 64th later, take both of the first two ways; frame pointers are used
//! as long as they come as far.
//!
//! The engine itself has no frame pointers. So the way in from an allocation is a jump through a few instructions of
//! assembly ([`super::entry`]), which hands over the host's frame pointer and return address as they are there.

use crate::base::string;
use crate::sys::{self, errno};
use core::ffi::{c_char, c_int, c_void};
use core::ptr;

/// Frames of one stack at most.
pub const DEPTH_MAX: usize = 128;
/// Frames that unwinding may reach further at the bottom of a stack, where libc is, before frame pointers are taken
/// for broken.
const SLACK: usize = 4;
/// Mappings of code that are known.
const MAPPINGS: usize = 256;
/// Bytes of a build id at most.
const BUILD_ID_BYTES: usize = 20;

/// How stacks are taken; the numbers of `GC_STACKS_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Mode {
    /// Frame pointers, if they do.
    Auto = 0,
    /// Frame pointers.
    Pointers = 1,
    /// Unwind tables.
    Unwind = 2,
    /// None: only the host's own frames.
    None = 3,
}

/// A stack that is being taken.
pub struct Frames {
    /// Return addresses, the innermost first.
    pub addresses: [u64; DEPTH_MAX],
    /// How many.
    pub len: usize,
}

impl Frames {
    /// No frames.
    pub const fn new() -> Self {
        Frames { addresses: [0; DEPTH_MAX], len: 0 }
    }

    /// Puts a frame at the end; whether there was room.
    pub fn push(&mut self, address: u64, depth: usize) -> bool {
        if self.len >= depth.min(DEPTH_MAX) {
            return false;
        }
        if let Some(place) = self.addresses.get_mut(self.len) {
            *place = address;
            self.len += 1;
        }
        true
    }

    /// The frames.
    pub fn as_slice(&self) -> &[u64] {
        self.addresses.get(..self.len).unwrap_or(&[])
    }
}

impl Default for Frames {
    fn default() -> Self {
        Frames::new()
    }
}

/// A piece of a program or library that holds code.
#[derive(Clone, Copy)]
pub struct Mapping {
    /// Its first address,
    pub start: usize,
    /// and the one behind its last.
    pub end: usize,
    /// Where it lies in its file.
    pub offset: u64,
    /// The file; ours, null for out of memory.
    pub path: *const c_char,
    /// The file's build id in hexadecimal digits; empty when it has none.
    pub build_id: [u8; 2 * BUILD_ID_BYTES + 1],
}

/// What taking stacks needs to know. Zeroed memory, then [`Walker::begin`].
pub struct Walker {
    mode: u32,
    /// Frames of one stack.
    depth: usize,
    /// Where code lies.
    mappings: [Mapping; MAPPINGS],
    mapping_count: usize,
    /// The thread whose stack is known, and that stack.
    thread: usize,
    low: usize,
    high: usize,
    /// Stacks taken.
    count: u64,
    /// Frame pointers come far enough.
    pointers_do: bool,
    /// Whoever looks at every read of memory would complain of those that are checked afterwards.
    watched: bool,
    /// An address that was no code: ranges are looked for again, but not at every sample.
    missed: bool,
}

impl Walker {
    /// Looks where code lies, and makes libc load what unwinding needs.
    pub fn begin(&mut self, mode: Mode, depth: usize) {
        self.mode = mode as u32;
        self.depth = depth;
        self.watched = sys::is_on_valgrind();
        self.find_code();
        let _errno = errno::keep();
        if matches!(mode, Mode::Auto | Mode::Unwind) {
            let mut one = [ptr::null_mut(); 1];
            // SAFETY: the buffer has room for one.
            unsafe { libc::backtrace(one.as_mut_ptr(), 1) };
        }
    }

    /// Takes a stack: `frame` is the host's frame pointer, `back` the return address into the host, where the call came
    /// from.
    ///
    /// # Safety
    /// - None: all that is read through `frame` is checked to lie in this thread's stack.
    #[inline(never)]
    pub unsafe fn take(&mut self, frame: usize, back: usize, frames: &mut Frames) {
        if self.mode == Mode::None as u32 {
            return;
        }
        let _errno = errno::keep();
        if self.missed && self.count % 16 == 0 {
            self.missed = false;
            self.find_code();
        }
        let judged = self.count < 4 || self.count % 64 == 0;
        self.count += 1;
        let auto = self.mode == Mode::Auto as u32;
        if self.mode == Mode::Unwind as u32
            || (auto && self.watched)
            || (auto && !judged && !self.pointers_do)
        {
            return unwind(back, self.depth, frames);
        }
        self.follow(frame, back, frames);
        if auto && judged {
            let mut unwound = Frames::new();
            unwind(back, self.depth, &mut unwound);
            self.pointers_do = frames.len + SLACK >= unwound.len;
            if !self.pointers_do {
                *frames = unwound;
            }
        }
    }

    /// Follows frame pointers.
    unsafe fn follow(&mut self, frame: usize, back: usize, frames: &mut Frames) {
        frames.push(back as u64, self.depth);
        if self.watched {
            return;
        }
        let here = &raw const *frames as usize;
        self.find_stack(here);
        let mut frame = frame;
        let mut above = here;
        while frame > above && frame < self.high.saturating_sub(16) && frame % 8 == 0 {
            let next = *(frame as *const usize);
            let back = *((frame + 8) as *const usize);
            if !self.is_behind_call(back) || !frames.push(back as u64, self.depth) {
                return;
            }
            above = frame;
            frame = next;
        }
    }

    /// Finds the bounds of the stack that an address is on; on a stack that is not the thread's there are none.
    unsafe fn find_stack(&mut self, here: usize) {
        let thread = libc::pthread_self() as usize;
        if self.thread == thread && here >= self.low && here < self.high {
            return;
        }
        (self.thread, self.low, self.high) = (thread, 0, 0);
        let mut attributes = core::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        if libc::pthread_getattr_np(thread as libc::pthread_t, attributes.as_mut_ptr()) != 0 {
            return;
        }
        let mut low: *mut c_void = ptr::null_mut();
        let mut bytes = 0;
        libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut bytes);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if here >= low as usize && here < low as usize + bytes {
            (self.low, self.high) = (low as usize, low as usize + bytes);
        }
    }

    /// Whether an address lies in code, behind an instruction that calls.
    unsafe fn is_behind_call(&mut self, back: usize) -> bool {
        let in_code = self.mappings().iter().any(|map| back >= map.start + 8 && back <= map.end);
        if !in_code {
            self.missed |= back > 4096;
            return false;
        }
        follows_call(back)
    }

    /// Where code lies, as far as it was looked for.
    pub fn mappings(&self) -> &[Mapping] {
        self.mappings.get(..self.mapping_count).unwrap_or(&[])
    }

    fn find_code(&mut self) {
        let _errno = errno::keep();
        self.end();
        // SAFETY: the function below gets this walker, and nothing is held.
        unsafe { libc::dl_iterate_phdr(Some(note_code), self as *mut Walker as *mut c_void) };
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        for mapping in self.mappings() {
            // SAFETY: our copy.
            unsafe { sys::free(mapping.path as *mut u8) };
        }
        self.mapping_count = 0;
    }
}

unsafe extern "C" fn note_code(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    let walker = &mut *(data as *mut Walker);
    let parts = core::slice::from_raw_parts((*info).dlpi_phdr, (*info).dlpi_phnum as usize);
    let mut build_id = [0; 2 * BUILD_ID_BYTES + 1];
    for part in parts.iter().filter(|part| part.p_type == libc::PT_NOTE) {
        let notes = ((*info).dlpi_addr + part.p_vaddr) as *const u8;
        find_build_id(core::slice::from_raw_parts(notes, part.p_memsz as usize), &mut build_id);
    }
    for part in parts.iter().filter(|part| part.p_type == libc::PT_LOAD && part.p_flags & libc::PF_X != 0) {
        let start = ((*info).dlpi_addr + part.p_vaddr) as usize;
        if let Some(place) = walker.mappings.get_mut(walker.mapping_count) {
            let (end, offset) = (start + part.p_memsz as usize, part.p_offset);
            *place = Mapping { start, end, offset, path: path_of((*info).dlpi_name), build_id };
            walker.mapping_count += 1;
        }
    }
    0
}

/// A copy of a library's path; the program itself has none in the list.
unsafe fn path_of(name: *const c_char) -> *const c_char {
    let mut path = [0u8; 4096];
    if !name.is_null() && *name != 0 {
        return string::copy(name).unwrap_or(ptr::null());
    }
    let room = path.len() - 1;
    let len = libc::readlink(c"/proc/self/exe".as_ptr(), path.as_mut_ptr() as *mut c_char, room);
    match len > 0 {
        true => string::copy(path.as_ptr() as *const c_char).unwrap_or(ptr::null()),
        false => ptr::null(),
    }
}

/// Looks for a build id among notes: name's length, contents' length, type, name, contents, each padded to 4 bytes.
fn find_build_id(notes: &[u8], digits: &mut [u8; 2 * BUILD_ID_BYTES + 1]) {
    let mut rest = notes;
    let number = |bytes: &[u8], at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
        four.map(|four| u32::from_le_bytes(four) as usize)
    };
    while let (Some(name), Some(len), Some(kind)) = (number(rest, 0), number(rest, 4), number(rest, 8)) {
        let contents = 12 + name.next_multiple_of(4);
        if let (3, Some(b"GNU\0"), Some(id)) = (kind, rest.get(12..16), rest.get(contents..contents + len)) {
            for (index, byte) in id.iter().take(BUILD_ID_BYTES).enumerate() {
                for (place, digit) in [(2 * index, byte >> 4), (2 * index + 1, byte & 15)] {
                    digits[place] = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
                }
            }
            return;
        }
        rest = rest.get(contents + len.next_multiple_of(4)..).unwrap_or(&[]);
    }
}

/// Whether the instruction before an address calls.
///
/// # Safety
/// - The 8 bytes before the address lie in code.
#[cfg(target_arch = "x86_64")]
unsafe fn follows_call(back: usize) -> bool {
    let byte = |distance: usize| *((back - distance) as *const u8);
    // E8 rel32, or FF /2 with one of the lengths that its operand may have.
    byte(5) == 0xe8
        || [2usize, 3, 4, 6, 7].iter().any(|&length| byte(length) == 0xff && byte(length - 1) >> 3 & 7 == 2)
}

/// As above.
///
/// # Safety
/// - As above.
#[cfg(target_arch = "aarch64")]
unsafe fn follows_call(back: usize) -> bool {
    if back % 4 != 0 {
        return false;
    }
    let word = *((back - 4) as *const u32);
    // BL, BLR.
    word >> 26 == 0b100101 || word & 0xffff_fc1f == 0xd63f_0000
}

/// Takes a stack by unwind tables, from the frame on that `back` returns to.
fn unwind(back: usize, depth: usize, frames: &mut Frames) {
    // The engine's own frames come first.
    const OWN: usize = 16;
    let mut all = [ptr::null_mut::<c_void>(); DEPTH_MAX + OWN];
    // SAFETY: the buffer has so much room.
    let count = unsafe { libc::backtrace(all.as_mut_ptr(), all.len() as c_int) }.max(0) as usize;
    let all = all.get(..count).unwrap_or(&[]);
    let first = all.iter().take(OWN).position(|&address| address as usize == back);
    match first.and_then(|first| all.get(first..)) {
        Some(host) => {
            let _ = host.iter().take_while(|&&address| frames.push(address as u64, depth)).count();
        }
        // Not even the caller is known to the tables.
        None => drop(frames.push(back as u64, depth)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_id_is_found_among_notes() {
        let mut notes = Vec::new();
        for (kind, id) in [(1u32, vec![9u8; 5]), (3, vec![0xab, 0x01, 0xf0])] {
            notes.extend(4u32.to_le_bytes());
            notes.extend((id.len() as u32).to_le_bytes());
            notes.extend(kind.to_le_bytes());
            notes.extend(b"GNU\0");
            notes.extend(&id);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        let mut digits = [0; 2 * BUILD_ID_BYTES + 1];
        find_build_id(&notes, &mut digits);
        assert_eq!(&digits[..7], b"ab01f0\0");
        for cut in 0..notes.len() {
            find_build_id(&notes[..cut], &mut digits);
        }
        find_build_id(&[0xff; 64], &mut digits);
    }
}
