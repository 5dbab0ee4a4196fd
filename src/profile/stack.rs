//! The call stack of the host at an allocation.
//!
//! Three sources, cheapest first:
//! - **frame pointers**: a chain through the stack, some ten nanoseconds. Every link is checked before it is believed:
//!   it lies in the thread's stack, above the one before, and its return address lies in code, behind a call.
//! - **unwind tables**, by libc's `backtrace`: microseconds, for hosts that are built without frame pointers.
//! - what the **host's function** says of an interpreter's frames (`sample.rs`).
//!
//! A function without frame pointers between others that have them hides its caller, not itself: its own chain looks
//! whole, and tells of a caller that there was none. So in [`Mode::Auto`] each chain is judged when it is seen for the
//! first time, and now and then later: unwinding must find the same frames, and none below them but libc's. Which
//! functions have frame pointers is fixed by their addresses, so what was found of a chain holds for its like. A chain
//! that is not the whole stack is never used; its like are unwound every time.
//!
//! The engine itself has no frame pointers. So the way in from an allocation is a jump through a few instructions of
//! assembly ([`super::entry`]), which hands over the host's frame pointer and return address as they are there.

use super::code::Code;
use crate::base::index::mix;
use crate::sys::unwind::{self, Unwinder};
use crate::sys::{self, errno};
use core::ffi::c_void;
use core::ptr;

/// Frames of one stack at most.
pub const DEPTH_MAX: usize = 128;
/// As a mode: unwinding was asked for, and libc has none; frame pointers are followed.
pub const WITHOUT_TABLES: u32 = 4;
/// Chains that are known to be whole.
const WHOLE: usize = 1024;
/// One of so many samples is judged anew.
const ANEW: u64 = 64;

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

    /// Equal for equal frames; never 0.
    fn hash(&self) -> u64 {
        self.as_slice().iter().fold(1, |hash, &address| mix(hash, address)) | 1
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
    code: Code,
    /// The thread whose stack is known, and that stack.
    thread: usize,
    low: usize,
    high: usize,
    /// Stacks taken.
    count: u64,
    /// Whoever looks at every read of memory would complain of those that are checked afterwards.
    watched: bool,
    /// Hashes of chains of frame pointers that were found to be whole stacks; 0: free.
    whole: [u64; WHOLE],
}

impl Walker {
    /// Looks where code lies, and makes libc load what unwinding needs.
    pub fn begin(&mut self, mode: Mode, depth: usize) {
        self.mode = mode as u32;
        self.depth = depth;
        self.watched = sys::is_on_valgrind();
        self.code.look();
        if !matches!(mode, Mode::Auto | Mode::Unwind) {
            return;
        }
        let _errno = errno::keep();
        match unwind::unwinder() {
            Some(unwinder) => drop(unwinder.take(&mut [ptr::null_mut(); 1])),
            None => self.mode = WITHOUT_TABLES,
        }
    }

    /// How stacks are taken: a [`Mode`] or [`WITHOUT_TABLES`].
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// Takes a stack: `frame` is the host's frame pointer, `back` the return address into the host, where the call came
    /// from.
    ///
    /// # Safety
    /// - This thread runs on its own stack or on one of the host's: of `frame`, which may be any number, nothing is read but
    ///   what lies within the bounds that the system says this thread's stack has.
    #[inline(never)]
    pub unsafe fn take(&mut self, frame: usize, back: usize, frames: &mut Frames) {
        if self.mode == Mode::None as u32 {
            return;
        }
        let _errno = errno::keep();
        self.count += 1;
        self.take_in(frame, back, frames);
        let missed = frames.as_slice().iter().any(|&address| self.code.find(address as usize).is_none());
        if missed {
            self.code.look();
        }
    }

    unsafe fn take_in(&mut self, frame: usize, back: usize, frames: &mut Frames) {
        let by_pointers = self.mode == Mode::Pointers as u32 || self.mode == WITHOUT_TABLES;
        let Some(unwinder) = unwind::unwinder().filter(|_| !by_pointers) else {
            return self.follow(frame, back, frames);
        };
        if self.mode == Mode::Unwind as u32 || self.watched {
            return by_tables(unwinder, back, self.depth, frames);
        }
        self.follow(frame, back, frames);
        let hash = frames.hash();
        let place = (hash >> 1) as usize & (WHOLE - 1);
        let known = self.whole.get(place) == Some(&hash);
        if known && self.count % ANEW != 0 {
            return;
        }
        let mut unwound = Frames::new();
        by_tables(unwinder, back, self.depth, &mut unwound);
        let whole = self.judge(frames, &mut unwound);
        if let Some(place) = self.whole.get_mut(place).filter(|_| whole || known) {
            *place = if whole { hash } else { 0 };
        }
        if !whole {
            *frames = unwound;
        }
    }

    /// Whether a chain of frame pointers is the whole stack, as far as unwinding saw it. If it is not, `unwound` is made
    /// to be: what lies below code without tables is only in the chain.
    fn judge(&self, chain: &Frames, unwound: &mut Frames) -> bool {
        let is_libc = |&address: &u64| self.code.is_libc(address as usize);
        let seen = unwound.as_slice();
        if let Some(rest) = seen.strip_prefix(chain.as_slice()) {
            // Below the last frame that is the program's there are libc's alone; below these may be where it began.
            return match rest {
                [] => true,
                [start] => is_libc(start) || chain.as_slice().last().is_some_and(is_libc),
                [libc @ .., start] => {
                    libc.iter().all(is_libc) && (is_libc(start) || libc.last().is_some_and(is_libc))
                }
            };
        }
        let Some(at) = seen.last().and_then(|last| chain.as_slice().iter().position(|frame| frame == last))
        else {
            return false;
        };
        for &address in chain.as_slice().get(at + 1..).unwrap_or(&[]) {
            unwound.push(address, self.depth);
        }
        unwound.as_slice() == chain.as_slice()
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
            let back = unsigned(*((frame + 8) as *const usize));
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

    /// Whether an address lies in code, behind an instruction that calls. What was loaded since is looked for.
    unsafe fn is_behind_call(&mut self, back: usize) -> bool {
        if back > 4096 && self.code.find(back).is_none() {
            self.code.look();
        }
        self.code.ends_in_code(back) && follows_call(back)
    }

    /// Where code lies, as far as it was looked for.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        self.code.end();
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

/// Whether the instruction before an address calls.
///
/// # Safety
/// - The 4 bytes before the address lie in code.
#[cfg(target_arch = "aarch64")]
unsafe fn follows_call(back: usize) -> bool {
    if back % 4 != 0 {
        return false;
    }
    let word = *((back - 4) as *const u32);
    // BL, BLR, and BLR with a signed address.
    word >> 26 == 0b100101 || word & 0xffff_fc1f == 0xd63f_0000 || word & 0xfeff_f800 == 0xd63f_0800
}

/// A return address as it lies in a frame.
#[cfg(target_arch = "x86_64")]
fn unsigned(back: usize) -> usize {
    back
}

/// As above, without the signature that code compiled for pointer authentication puts into its upper bits.
#[cfg(target_arch = "aarch64")]
fn unsigned(back: usize) -> usize {
    let stripped: usize;
    // SAFETY: XPACLRI changes the one register; it is a hint, which does nothing where there are no signatures.
    unsafe {
        core::arch::asm!("hint #7", inlateout("x30") back => stripped, options(pure, nomem, nostack, preserves_flags));
    }
    stripped
}

/// Takes a stack by unwind tables, from the frame on that `back` returns to.
fn by_tables(unwinder: Unwinder, back: usize, depth: usize, frames: &mut Frames) {
    // The engine's own frames come first.
    const OWN: usize = 16;
    let mut all = [ptr::null_mut::<c_void>(); DEPTH_MAX + OWN];
    let count = unwinder.take(&mut all);
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
