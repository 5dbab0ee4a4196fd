//! The engine, as this crate sees it: the functions of the C headers that it calls, and the count operations of
//! `rcgc/inline.h`, which the engine exports as calls and promises as a layout.
//!
//! ```text
//!   obj - 8            obj - 4               obj (16-byte aligned)
//!   | count, 32 bits   | type and flags, 32  | the value ...
//! ```

use core::ffi::{c_char, c_int, c_void};
use core::marker::{PhantomData, PhantomPinned};
pub use rcgc::capi::collector::{gc_policy, gc_stats};
pub use rcgc::capi::heap::gc_heap_options;
pub use rcgc::capi::status::RC_OK;
pub use rcgc::capi::types::{
    rc_field, rc_type_spec, rc_visit_fn, RC_TYPE_ACYCLIC, RC_TYPE_CTX, RC_TYPE_HOST_LENGTH, RC_TYPE_UNINIT,
};

macro_rules! opaque {
    ($($name:ident)*) => {$(
        #[repr(C)]
        pub struct $name {
            _bytes: [u8; 0],
            _marker: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )*};
}

opaque!(Heap Type WeakHandle);

extern "C" {
    pub fn gc_heap_new(options: *const gc_heap_options, out_heap: *mut *mut Heap) -> u32;
    pub fn gc_heap_free(heap: *mut Heap) -> usize;
    pub fn gc_error_message(heap: *const Heap) -> *const c_char;
    pub fn rc_type_new(heap: *mut Heap, spec: *const rc_type_spec, out_type: *mut *mut Type) -> u32;
    pub fn rc_new(ty: *mut Type) -> *mut c_void;
    pub fn rc_new_array(ty: *mut Type, n: usize) -> *mut c_void;
    pub fn rc_length(obj: *mut c_void) -> usize;
    pub fn rc_type_of(obj: *mut c_void) -> *mut Type;
    pub fn rc_type_ctx(ty: *mut Type) -> *mut c_void;
    pub fn rc_type_live(ty: *mut Type) -> u64;
    pub fn rc_type_name(ty: *mut Type) -> *const c_char;
    pub fn rc_heap_of(obj: *mut c_void) -> *mut Heap;
    pub fn rc_add_external_bytes(obj: *mut c_void, bytes: isize) -> u32;
    pub fn rc_visit_named(
        visit: rc_visit_fn,
        visit_ctx: *mut c_void,
        reference: *mut c_void,
        name: *const c_char,
        index: usize,
    ) -> c_int;
    pub fn gc_track(obj: *mut c_void) -> u32;
    pub fn gc_untrack(obj: *mut c_void) -> u32;
    pub fn gc_collect(heap: *mut Heap) -> usize;
    pub fn gc_collect_young(heap: *mut Heap) -> usize;
    pub fn gc_set_policy(heap: *mut Heap, policy: *const gc_policy) -> u32;
    pub fn gc_get_stats(heap: *mut Heap, out_stats: *mut gc_stats) -> u32;
    pub fn rc_weak_new(obj: *mut c_void, callback: *const c_void, ctx: *mut c_void) -> *mut WeakHandle;
    pub fn rc_weak_get(handle: *mut WeakHandle) -> *mut c_void;
    pub fn rc_weak_free(handle: *mut WeakHandle);
    pub fn rc_weak_count(obj: *mut c_void) -> u32;
    pub fn rc_weakmap_new(heap: *mut Heap) -> *mut c_void;
    pub fn rc_weakmap_set(map: *mut c_void, key: *mut c_void, value: *mut c_void) -> u32;
    pub fn rc_weakmap_get(map: *mut c_void, key: *mut c_void) -> *mut c_void;
    pub fn rc_weakmap_take(map: *mut c_void, key: *mut c_void) -> *mut c_void;
    pub fn rc_weakmap_length(map: *mut c_void) -> usize;
    fn rc_incref_slow(obj: *mut c_void);
    fn rc_decref_slow(obj: *mut c_void);
    fn rc_count_slow(obj: *mut c_void) -> u32;
}

const ONE_LOCAL: u32 = 0x4000_0001;
const LOCAL_BIT: u32 = 0x4000_0000;
const DYING_BIT: u32 = rcgc::capi::count_slow::DYING_BIT;
const TRACKED_BIT: u32 = rcgc::capi::count_slow::TRACKED_BIT;

/// Where the count word of an object is.
#[inline(always)]
fn count_word(obj: *mut c_void) -> *mut u32 {
    obj.wrapping_byte_sub(8).cast()
}

/// Adds a reference.
///
/// # Safety
/// - `obj` is an object to which somebody holds a reference, of a heap of this thread.
#[inline(always)]
pub unsafe fn incref(obj: *mut c_void) {
    // SAFETY: the 8 bytes before an object are its header, and only this thread is in its heap.
    unsafe {
        let word = *count_word(obj);
        if word & LOCAL_BIT != 0 {
            *count_word(obj) = word + 1;
        } else if word as i32 >= 0 {
            rc_incref_slow(obj);
        }
    }
}

/// Releases a reference; the last one ends the object before this returns.
///
/// # Safety
/// - As [`incref`]; the caller owns the reference.
#[inline(always)]
pub unsafe fn decref(obj: *mut c_void) {
    // SAFETY: as in `incref`.
    unsafe {
        let word = *count_word(obj);
        if word.wrapping_sub(ONE_LOCAL + 1) < LOCAL_BIT - 2 {
            *count_word(obj) = word - 1;
        } else if word as i32 >= 0 {
            rc_decref_slow(obj);
        }
    }
}

/// The number of references; `u32::MAX` for an immortal object, which one becomes whose count overflows.
///
/// # Safety
/// - As [`incref`].
#[inline(always)]
pub unsafe fn count(obj: *mut c_void) -> u32 {
    // SAFETY: as in `incref`.
    unsafe {
        let word = *count_word(obj);
        if word & LOCAL_BIT != 0 {
            word - LOCAL_BIT
        } else {
            rc_count_slow(obj)
        }
    }
}

/// Whether the object's end has begun: its value is being dropped, was dropped, or is going to be.
///
/// # Safety
/// - As [`incref`].
#[inline(always)]
pub unsafe fn is_dying(obj: *mut c_void) -> bool {
    // SAFETY: as in `incref`.
    unsafe { *count_word(obj).add(1) & DYING_BIT != 0 }
}

/// Whether collections look at the object.
///
/// # Safety
/// - As [`incref`], or the engine has called with it.
#[inline(always)]
pub unsafe fn is_tracked(obj: *mut c_void) -> bool {
    // SAFETY: as in `incref`.
    unsafe { *count_word(obj).add(1) & TRACKED_BIT != 0 }
}
