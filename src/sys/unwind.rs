//! libc's `backtrace`, where libc has one: glibc has, musl has not, and in a static program it is there if something
//! else of the program asks for it. Its address is read from where the linker puts it; null is none.

use core::ffi::{c_int, c_void};
use core::mem::transmute;

type Backtrace = unsafe extern "C" fn(*mut *mut c_void, c_int) -> c_int;

/// What takes stacks by unwind tables, if there is anything.
#[derive(Clone, Copy)]
pub struct Unwinder(Backtrace);

/// Asks the linker. Weak, so that a program without it can be linked.
#[inline(never)]
pub fn unwinder() -> Option<Unwinder> {
    let address: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads one word that the linker or loader has filled.
    unsafe {
        core::arch::asm!(
            ".weak backtrace", "mov {0}, qword ptr [rip + backtrace@GOTPCREL]",
            out(reg) address, options(pure, readonly, nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads one word that the linker or loader has filled.
    unsafe {
        core::arch::asm!(
            ".weak backtrace", "adrp {0}, :got:backtrace", "ldr {0}, [{0}, :got_lo12:backtrace]",
            out(reg) address, options(pure, readonly, nostack, preserves_flags),
        );
    }
    // SAFETY: the address is that of `backtrace`, or 0, which is None.
    unsafe { transmute::<usize, Option<Backtrace>>(address) }.map(Unwinder)
}

impl Unwinder {
    /// Writes return addresses, the innermost first, the caller's own included; how many. The first call loads what
    /// unwinding needs.
    #[inline(always)]
    pub fn take(self, addresses: &mut [*mut c_void]) -> usize {
        // SAFETY: the buffer has so much room.
        let count = unsafe { (self.0)(addresses.as_mut_ptr(), addresses.len() as c_int) };
        (count.max(0) as usize).min(addresses.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_taken_here() {
        let mut addresses = [core::ptr::null_mut(); 8];
        let taken = unwinder().map(|unwinder| unwinder.take(&mut addresses));
        assert!(taken.is_some_and(|count| count > 1));
    }
}
