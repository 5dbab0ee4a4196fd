//! [`Gc`]: the pointer.

use crate::heap::{self, Heap};
use crate::sys;
use crate::trace::{Fields, Trace, Tracer};
use crate::types;
use crate::Weak;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ffi::{c_void, CStr};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// A pointer to a value that lives as long as anything refers to it, and ends with the last reference at once, or, where
/// values refer to each other in a ring, when the collector finds that nothing outside the ring refers to it.
///
/// Use it as an [`Rc`](std::rc::Rc): clone it, dereference it, put `Cell`s and `RefCell`s inside. It is one word wide (two
/// for slices, strings and trait objects) and `Option<Gc<T>>` is no wider.
///
/// **When a value is dropped in a ring** its neighbours are being dropped as well, in no order that could be relied on.
/// A `Drop` that dereferences one panics, with the type's name; [`Gc::try_deref`] gives `None`. Such a panic is shown as
/// usual, and caught: the rest of the ring ends all the same. (What a `Drop` may not do is keep a neighbour: it stores it
/// somewhere, or forgets it, and the process is ended with a line that names the type.)
#[repr(transparent)]
pub struct Gc<T: ?Sized + 'static> {
    // Invariant: an object of the engine that holds a `T` (or what became a `T` by unsizing), and one reference to it is
    // this pointer's. The object's heap is of this thread, as neither is `Send`.
    ptr: NonNull<T>,
    owns: PhantomData<T>,
}

impl<T: Trace> Gc<T> {
    /// Puts a value into the thread's default heap.
    ///
    /// Ends the process if there is no memory, as `Box::new` does.
    #[inline]
    pub fn new(value: T) -> Self {
        heap::with_default(|heap| Self::make(heap, value))
    }

    /// Puts a value into a heap.
    #[inline]
    pub fn new_in(heap: &Heap, value: T) -> Self {
        Self::make(heap, value)
    }

    /// Puts a value into a heap, or gives it back when the heap is full ([`Policy::limit_bytes`](crate::Policy)) or
    /// memory is short.
    pub fn try_new_in(heap: &Heap, value: T) -> Result<Self, T> {
        let ty = types::of::<T>(heap);
        // SAFETY: a live type of the heap, which is this thread's.
        match NonNull::new(unsafe { sys::rc_new(ty) }) {
            None => Err(value),
            // SAFETY: as in `make`.
            Some(obj) => Ok(unsafe { Self::fill(obj, value) }),
        }
    }

    #[inline]
    fn make(heap: &Heap, value: T) -> Self {
        let ty = types::of::<T>(heap);
        // SAFETY: a live type of the heap, which is this thread's.
        match NonNull::new(unsafe { sys::rc_new(ty) }) {
            // SAFETY: new, and of `T`'s type.
            Some(obj) => unsafe { Self::fill(obj, value) },
            None => std::alloc::handle_alloc_error(std::alloc::Layout::new::<T>()),
        }
    }

    /// # Safety
    /// - `obj` is new and of `T`'s type.
    #[inline]
    unsafe fn fill(obj: NonNull<c_void>, value: T) -> Self {
        let ptr = obj.cast::<T>();
        // SAFETY: the block is of `T`'s size, aligned to 16 bytes, which `types` holds to be enough, and nobody else's.
        // A type that is walked is tracked only now, when there is a value to walk.
        unsafe {
            ptr.write(value);
            if types::is_walked::<T>() {
                sys::gc_track(obj.as_ptr());
            }
        }
        Gc { ptr, owns: PhantomData }
    }

    /// Puts a value that refers weakly to itself into the thread's default heap. Until `make` has returned, the weak
    /// reference gives `None`.
    pub fn new_cyclic(make: impl FnOnce(&Weak<T>) -> T) -> Self {
        heap::with_default(|heap| Self::new_cyclic_in(heap, make))
    }

    /// As [`Gc::new_cyclic`], in a heap.
    pub fn new_cyclic_in(heap: &Heap, make: impl FnOnce(&Weak<T>) -> T) -> Self {
        let ty = types::of::<T>(heap);
        // SAFETY: a live type of the heap, which is this thread's.
        let Some(obj) = NonNull::new(unsafe { sys::rc_new(ty) }) else {
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<T>())
        };
        // From here on the object has a reference and no value: it is hollow, so that neither a walk nor its end looks
        // for one, and no weak reference leads to it. Its declared places are zero, which is no reference.
        let hollow = types::Hollow::new(obj);
        // SAFETY: one reference is owned here, of an object of `T`'s type, whose value is not looked at: `hollow`.
        let shell = ManuallyDrop::new(unsafe { Gc::<T>::from_object(obj) });
        let weak = Weak::of_hollow(&shell);
        let value = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(&weak))) {
            Ok(value) => value,
            Err(panic) => {
                drop(weak);
                // SAFETY: the one reference, whose object is hollow until it has ended.
                unsafe { hollow.end::<T>() };
                std::panic::resume_unwind(panic);
            }
        };
        drop(weak);
        drop(hollow);
        // SAFETY: of `T`'s type, and still without a value.
        unsafe { Self::fill(obj, value) }
    }

    /// The value, when this is the only reference, strong or weak; else the pointer is given back.
    pub fn try_unwrap(this: Self) -> Result<T, Self> {
        if !Gc::is_alone(&this) {
            return Err(this);
        }
        let this = ManuallyDrop::new(this);
        let obj = this.object();
        // SAFETY: nobody else refers to the object. Its value is moved out, after which it is hollow: its end does not
        // drop it, and its declared places are zero.
        unsafe {
            let value = this.ptr.read();
            if T::holds() {
                sys::gc_untrack(obj.as_ptr());
            }
            this.ptr.cast::<MaybeUninit<u8>>().as_ptr().write_bytes(0, size_of::<T>());
            types::Hollow::new(obj).end::<T>();
            Ok(value)
        }
    }

    /// The value to change, when this is the only reference, strong or weak. The collector does not look at it as long as
    /// the guard lives.
    pub fn get_mut(this: &mut Self) -> Option<GcMut<'_, T>> {
        Gc::is_alone(this).then(|| GcMut::new(this))
    }
}

impl<T: Trace + Clone> Gc<T> {
    /// The value to change: this one when it is not referred to from elsewhere, else a clone of it, to which this then
    /// leads. The clone is in the same heap.
    pub fn make_mut(this: &mut Self) -> GcMut<'_, T> {
        if !Gc::is_alone(this) {
            let value = T::clone(this);
            *this = Gc::make(&Gc::heap(this), value);
        }
        GcMut::new(this)
    }

    /// The value: moved out if this is the only reference, else cloned.
    pub fn unwrap_or_clone(this: Self) -> T {
        Gc::try_unwrap(this).unwrap_or_else(|this| T::clone(&this))
    }
}

impl<T: ?Sized> Gc<T> {
    /// The object that this leads to.
    #[inline(always)]
    pub(crate) fn object(&self) -> NonNull<c_void> {
        self.ptr.cast()
    }

    #[inline(always)]
    pub(crate) fn as_raw(&self) -> *mut c_void {
        self.ptr.as_ptr().cast()
    }

    pub(crate) fn fat(&self) -> NonNull<T> {
        self.ptr
    }

    /// The value; `None` when it is being dropped, or has been, in a ring that ends: for use in `Drop`.
    #[inline]
    pub fn try_deref(this: &Self) -> Option<&T> {
        // SAFETY: `this` owns a reference, so the object's block is there; its value is as long as it is not dying: who
        // has a `&T` from here has a `Gc` that is held from outside of all that could end, since objects end only in
        // calls of the engine, and what a running `Drop` can reach of what ends with it is marked as dying before any
        // `Drop` runs.
        unsafe {
            match sys::is_dying(this.as_raw()) {
                true => None,
                false => Some(this.ptr.as_ref()),
            }
        }
    }

    /// Whether both lead to the same object.
    #[inline]
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        std::ptr::addr_eq(this.ptr.as_ptr(), other.ptr.as_ptr())
    }

    /// How many `Gc`s lead to the object. While it ends in a ring the collector has one, too.
    #[inline]
    pub fn strong_count(this: &Self) -> usize {
        // SAFETY: `this` owns a reference.
        unsafe { sys::count(this.as_raw()) as usize }
    }

    /// How many [`Weak`]s lead to the object.
    pub fn weak_count(this: &Self) -> usize {
        // SAFETY: `this` owns a reference.
        unsafe { sys::rc_weak_count(this.as_raw()) as usize }
    }

    /// Whether this is the only reference, strong or weak, to a value that is not being dropped.
    fn is_alone(this: &Self) -> bool {
        // SAFETY: `this` owns a reference.
        unsafe {
            let obj = this.as_raw();
            sys::count(obj) == 1 && !sys::is_dying(obj) && sys::rc_weak_count(obj) == 0
        }
    }

    /// A reference that does not keep the value alive.
    pub fn downgrade(this: &Self) -> Weak<T> {
        Weak::new_to(this)
    }

    /// The heap of the object.
    pub fn heap(this: &Self) -> Heap {
        // SAFETY: `this` owns a reference, and the object is of one of this crate's types.
        unsafe { Heap::of_object(this.as_raw()) }
    }

    /// The address of the value, with which one reference goes: [`Gc::from_raw`] takes it back.
    pub fn into_raw(this: Self) -> *const T {
        ManuallyDrop::new(this).ptr.as_ptr()
    }

    /// The address of the value.
    pub fn as_ptr(this: &Self) -> *const T {
        this.ptr.as_ptr()
    }

    /// Takes a reference back from [`Gc::into_raw`].
    ///
    /// # Safety
    /// - `ptr` came from `into_raw` in this thread, maybe unsized since, and was not taken back before.
    pub unsafe fn from_raw(ptr: *const T) -> Self {
        // SAFETY: `into_raw` gave it, which gives no null.
        unsafe { Self::from_fat(NonNull::new_unchecked(ptr.cast_mut())) }
    }

    /// # Safety
    /// - As the field `ptr` says; takes a reference.
    #[inline(always)]
    pub(crate) unsafe fn from_fat(ptr: NonNull<T>) -> Self {
        Gc { ptr, owns: PhantomData }
    }

    /// Counts `bytes` more (or fewer) of memory that the value keeps elsewhere, so that the collector knows: an image, a
    /// buffer in another library. What is in `Vec`s and `String`s may be counted so, too.
    pub fn add_external_bytes(this: &Self, bytes: isize) {
        // SAFETY: `this` owns a reference. What cannot be counted is not.
        let _ = unsafe { sys::rc_add_external_bytes(this.as_raw(), bytes) };
    }
}

impl<T> Gc<T> {
    /// # Safety
    /// - As [`Gc::from_fat`].
    pub(crate) unsafe fn from_object(obj: NonNull<c_void>) -> Self {
        Gc { ptr: obj.cast(), owns: PhantomData }
    }
}

/// A [`Gc`]'s value while it is changed in place: [`Gc::get_mut`], [`Gc::make_mut`].
///
/// Changing may leave the value in a state that no walk should see (a sort has some of its elements twice for a while),
/// and may make objects, which may collect. So the object is untracked meanwhile: what it refers to counts as held. A
/// guard that is forgotten leaves it so.
pub struct GcMut<'a, T: 'static> {
    gc: &'a mut Gc<T>,
    tracked: bool,
}

impl<'a, T: Trace> GcMut<'a, T> {
    fn new(gc: &'a mut Gc<T>) -> Self {
        // SAFETY: the `Gc` owns a reference to an object that is not dying.
        let tracked = T::holds() && unsafe { sys::is_tracked(gc.as_raw()) };
        if tracked {
            // SAFETY: as above.
            unsafe { sys::gc_untrack(gc.as_raw()) };
        }
        GcMut { gc, tracked }
    }
}

impl<T> Deref for GcMut<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard has the only reference, and the object was not dying.
        unsafe { self.gc.ptr.as_ref() }
    }
}

impl<T> DerefMut for GcMut<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; the `Gc` is borrowed mutably as long as the guard lives.
        unsafe { self.gc.ptr.as_mut() }
    }
}

impl<T> Drop for GcMut<'_, T> {
    fn drop(&mut self) {
        if self.tracked {
            // SAFETY: the `Gc` owns a reference.
            unsafe { sys::gc_track(self.gc.as_raw()) };
        }
    }
}

#[cold]
#[inline(never)]
fn dead(obj: *mut c_void) -> ! {
    // SAFETY: the caller holds a reference; types of this crate have names in UTF-8.
    let name = unsafe { CStr::from_ptr(sys::rc_type_name(sys::rc_type_of(obj))) };
    panic!(
        "a {} was used while it is being dropped: it and what used it end in one ring",
        name.to_string_lossy()
    );
}

impl<T: ?Sized> Deref for Gc<T> {
    type Target = T;

    /// Panics when the value is being dropped in a ring: see [`Gc`].
    #[inline(always)]
    fn deref(&self) -> &T {
        match Gc::try_deref(self) {
            Some(value) => value,
            None => dead(self.as_raw()),
        }
    }
}

impl<T: ?Sized> Clone for Gc<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        // SAFETY: `self` owns a reference; the new one is the clone's.
        unsafe { sys::incref(self.as_raw()) };
        Gc { ptr: self.ptr, owns: PhantomData }
    }
}

impl<T: ?Sized> Drop for Gc<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: `self` owns a reference, which goes here.
        unsafe { sys::decref(self.as_raw()) }
    }
}

const IS_THIN: usize = size_of::<usize>();

// SAFETY: visits the one reference that it owns. Where it is one word, that word is declared instead, and neither walked
// nor dropped.
unsafe impl<T: ?Sized + 'static> Trace for Gc<T> {
    const HOLDS: bool = true;
    const IS_POINTER: bool = size_of::<Self>() == IS_THIN;
    const WALKS_REST: bool = !Self::IS_POINTER;
    const DROPS_REST: bool = !Self::IS_POINTER;

    fn declare(fields: &mut Fields, at: usize) {
        if Self::IS_POINTER {
            fields.pointer(at);
        }
    }

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.visit(self.as_raw());
    }

    fn trace_rest(&self, tracer: &mut Tracer<'_>) {
        if !Self::IS_POINTER {
            self.trace(tracer);
        }
    }

    unsafe fn drop_rest(this: *mut Self) {
        if !Self::IS_POINTER {
            // SAFETY: the caller's.
            unsafe { std::ptr::drop_in_place(this) }
        }
    }
}

// ---- as the value ----

impl<T: ?Sized + RefUnwindSafe> UnwindSafe for Gc<T> {}
impl<T: ?Sized + RefUnwindSafe> RefUnwindSafe for Gc<T> {}

impl<T: ?Sized> AsRef<T> for Gc<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: ?Sized> Borrow<T> for Gc<T> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T: Trace + Default> Default for Gc<T> {
    fn default() -> Self {
        Gc::new(T::default())
    }
}

impl<T: Trace> From<T> for Gc<T> {
    fn from(value: T) -> Self {
        Gc::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Gc<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, out)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Gc<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, out)
    }
}

impl<T: ?Sized> fmt::Pointer for Gc<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.ptr, out)
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Gc<T> {
    fn eq(&self, other: &Self) -> bool {
        T::eq(self, other)
    }
}

impl<T: ?Sized + Eq> Eq for Gc<T> {}

impl<T: ?Sized + PartialOrd> PartialOrd for Gc<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        T::partial_cmp(self, other)
    }
}

impl<T: ?Sized + Ord> Ord for Gc<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        T::cmp(self, other)
    }
}

impl<T: ?Sized + Hash> Hash for Gc<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        T::hash(self, state);
    }
}
