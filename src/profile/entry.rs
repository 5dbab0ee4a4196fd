//! The way from an allocation that is to be sampled into the sampler: a jump, so that the host's frame pointer and the
//! return address into the host are still where the call left them.
//!
//! The Rust functions before it end in a call of [`new_sampled`] or [`new_array_sampled`], which the compiler makes a
//! jump after it has put back the registers that it had saved. Where it does not, what is handed over is no chain of
//! frames, which `stack.rs` finds out.

use super::sample;
use super::site::Site;
use crate::types::Type;
use core::ffi::c_void;

// Both sides are this library: what the pointers lead to need not have a layout of C.
#[allow(improper_ctypes)]
extern "C" {
    /// Makes an object whose stack is to be taken; as `birth::new_at`.
    #[link_name = "rcgc_new_sampled"]
    pub fn new_sampled(ty: *mut Type, site: *const Site) -> *mut c_void;
    /// As [`new_sampled`], with a trailing array.
    #[link_name = "rcgc_new_array_sampled"]
    pub fn new_array_sampled(ty: *mut Type, length: usize, site: *const Site) -> *mut c_void;
}

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".text",
    ".balign 16",
    ".globl rcgc_new_sampled",
    ".hidden rcgc_new_sampled",
    ".type rcgc_new_sampled, @function",
    "rcgc_new_sampled:",
    "mov rdx, rbp",
    "mov rcx, [rsp]",
    "jmp {new}",
    ".size rcgc_new_sampled, . - rcgc_new_sampled",
    ".balign 16",
    ".globl rcgc_new_array_sampled",
    ".hidden rcgc_new_array_sampled",
    ".type rcgc_new_array_sampled, @function",
    "rcgc_new_array_sampled:",
    "mov rcx, rbp",
    "mov r8, [rsp]",
    "jmp {new_array}",
    ".size rcgc_new_array_sampled, . - rcgc_new_array_sampled",
    new = sym new_here,
    new_array = sym new_array_here,
);

#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(
    ".text",
    ".balign 16",
    ".globl rcgc_new_sampled",
    ".hidden rcgc_new_sampled",
    ".type rcgc_new_sampled, %function",
    "rcgc_new_sampled:",
    "mov x2, x29",
    "mov x3, x30",
    "b {new}",
    ".size rcgc_new_sampled, . - rcgc_new_sampled",
    ".balign 16",
    ".globl rcgc_new_array_sampled",
    ".hidden rcgc_new_array_sampled",
    ".type rcgc_new_array_sampled, %function",
    "rcgc_new_array_sampled:",
    "mov x3, x29",
    "mov x4, x30",
    "b {new_array}",
    ".size rcgc_new_array_sampled, . - rcgc_new_array_sampled",
    new = sym new_here,
    new_array = sym new_array_here,
);

unsafe extern "C" fn new_here(ty: *mut Type, site: *const Site, frame: usize, back: usize) -> *mut c_void {
    sample::new(ty, site, frame, back)
}

unsafe extern "C" fn new_array_here(
    ty: *mut Type,
    length: usize,
    site: *const Site,
    frame: usize,
    back: usize,
) -> *mut c_void {
    sample::new_array(ty, length, site, frame, back)
}
