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

use crate::sys;
use core::ffi::{c_int, c_void};
use core::ptr;

/// Frames of one stack at most.
pub const DEPTH_MAX: usize = 128;
/// Frames that unwinding may reach further at the bottom of a stack, where libc is, before frame pointers are taken
/// for broken.
const SLACK: usize = 4;
/// Ranges of code that are known.
const RANGES: usize = 256;

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

/// What taking stacks needs to know. Zeroed memory, then [`Walker::begin`].
pub struct Walker {
    mode: u32,
    /// Frames of one stack.
    depth: usize,
    /// Where code lies.
    ranges: [(usize, usize); RANGES],
    range_count: usize,
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
        if self.missed && self.count.is_multiple_of(16) {
            self.missed = false;
            self.find_code();
        }
        let judged = self.count < 4 || self.count.is_multiple_of(64);
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
        while frame > above && frame < self.high.saturating_sub(16) && frame.is_multiple_of(8) {
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
        let known = self.ranges.get(..self.range_count).unwrap_or(&[]);
        let in_code = known.iter().any(|&(start, end)| back >= start + 8 && back <= end);
        if !in_code {
            self.missed |= back > 4096;
            return false;
        }
        follows_call(back)
    }

    fn find_code(&mut self) {
        self.range_count = 0;
        // SAFETY: the function below gets this walker, and nothing is held.
        unsafe { libc::dl_iterate_phdr(Some(note_code), self as *mut Walker as *mut c_void) };
    }
}

unsafe extern "C" fn note_code(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    let walker = &mut *(data as *mut Walker);
    for index in 0..(*info).dlpi_phnum as usize {
        let part = &*(*info).dlpi_phdr.add(index);
        if part.p_type == libc::PT_LOAD && part.p_flags & libc::PF_X != 0 {
            let start = ((*info).dlpi_addr + part.p_vaddr) as usize;
            if let Some(place) = walker.ranges.get_mut(walker.range_count) {
                *place = (start, start + part.p_memsz as usize);
                walker.range_count += 1;
            }
        }
    }
    0
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
    if !back.is_multiple_of(4) {
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
