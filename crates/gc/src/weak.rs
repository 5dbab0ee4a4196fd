//! [`Weak`]: references that do not keep a value alive.

use crate::sys;
use crate::trace::{Fields, Trace, Tracer};
use crate::types;
use crate::Gc;
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{null_mut, NonNull};

/// A reference to a [`Gc`]'s value that does not keep it alive.
///
/// Weak references into a ring that ends give `None` all from the same moment, before any value of it is dropped.
#[repr(C)]
pub struct Weak<T: ?Sized + 'static> {
    // Invariant: null, or a handle of the engine that is this one's. First, so that it can be declared.
    handle: *mut sys::WeakHandle,
    // Where the value is as long as the handle leads to an object; the unsized half is always right.
    ptr: *mut T,
    owns: PhantomData<*mut ()>,
}

impl<T> Weak<T> {
    /// A reference that leads to nothing.
    pub const fn new() -> Self {
        Weak { handle: null_mut(), ptr: null_mut(), owns: PhantomData }
    }

    /// A reference to an object that has no value yet.
    pub(crate) fn of_hollow(shell: &Gc<T>) -> Self {
        Self::new_to(shell)
    }
}

impl<T: ?Sized> Weak<T> {
    pub(crate) fn new_to(gc: &Gc<T>) -> Self {
        // SAFETY: `gc` owns a reference.
        let handle = unsafe { sys::rc_weak_new(gc.as_raw(), std::ptr::null(), null_mut()) };
        assert!(!handle.is_null(), "no memory for a weak reference");
        Weak { handle, ptr: gc.fat().as_ptr(), owns: PhantomData }
    }

    /// The object, with a reference of the caller's, or null.
    fn get(&self) -> *mut c_void {
        match self.handle.is_null() {
            true => null_mut(),
            // SAFETY: this one's handle.
            false => unsafe { sys::rc_weak_get(self.handle) },
        }
    }

    /// A strong reference, as long as the value lives.
    pub fn upgrade(&self) -> Option<Gc<T>> {
        let obj = NonNull::new(self.get())?;
        if types::is_hollow(obj.as_ptr()) {
            // SAFETY: the reference that `get` gave. Whoever makes the object holds another.
            unsafe { sys::decref(obj.as_ptr()) };
            return None;
        }
        // SAFETY: the object lives, so it is where it was when `ptr` was kept; the reference is the caller's.
        unsafe { Some(Gc::from_fat(NonNull::new_unchecked(self.ptr))) }
    }

    /// Whether both were made of the same object, or both lead to nothing from the beginning.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(self.ptr, other.ptr) && self.handle.is_null() == other.handle.is_null()
    }

    /// How many `Gc`s lead to the object; 0 when it has ended.
    pub fn strong_count(&self) -> usize {
        self.upgrade().map_or(0, |gc| Gc::strong_count(&gc) - 1)
    }
}

impl<T: ?Sized> Clone for Weak<T> {
    fn clone(&self) -> Self {
        let Some(obj) = NonNull::new(self.get()) else {
            return Weak { handle: null_mut(), ptr: self.ptr, owns: PhantomData };
        };
        // SAFETY: the reference that `get` gave is released again.
        let handle = unsafe {
            let handle = sys::rc_weak_new(obj.as_ptr(), std::ptr::null(), null_mut());
            sys::decref(obj.as_ptr());
            handle
        };
        assert!(!handle.is_null(), "no memory for a weak reference");
        Weak { handle, ptr: self.ptr, owns: PhantomData }
    }
}

impl<T: ?Sized> Drop for Weak<T> {
    fn drop(&mut self) {
        // SAFETY: this one's handle, or null.
        unsafe { sys::rc_weak_free(self.handle) }
    }
}

impl<T> Default for Weak<T> {
    fn default() -> Self {
        Weak::new()
    }
}

impl<T: ?Sized> fmt::Debug for Weak<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(Weak)")
    }
}

// SAFETY: owns no strong reference. The handle is declared: the engine ends it with the object, and it is not dropped.
unsafe impl<T: ?Sized + 'static> Trace for Weak<T> {
    const HOLDS: bool = false;
    const DROPS_REST: bool = false;

    fn declare(fields: &mut Fields, at: usize) {
        fields.weak(at);
    }

    fn trace(&self, _: &mut Tracer<'_>) {}

    unsafe fn drop_rest(_: *mut Self) {}
}
