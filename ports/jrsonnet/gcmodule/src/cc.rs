//! `Cc` and `Weak`: a [`Gc`] to a value in a wrapper that says how it is traced.

use crate::space::{AbstractObjectSpace, ObjectSpace};
use crate::traced::{Trace, Tracer};
use rcgc_gc::Gc;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::UnwindSafe;

/// A value of a type that is traced by this crate's [`Trace`].
#[doc(hidden)]
#[repr(transparent)]
pub struct Traced<T: ?Sized>(T);

// SAFETY: visits what the value's own `trace` visits. That one is safe to write: see the head of the crate.
unsafe impl<T: Trace> rcgc_gc::Trace for Traced<T> {
    fn trace(&self, tracer: &mut rcgc_gc::Tracer<'_>) {
        // SAFETY: as above.
        self.0.trace(&mut |object| unsafe { tracer.visit_address(object) });
    }

    fn holds() -> bool {
        T::is_type_tracked()
    }
}

/// A counted pointer, whose value is found by the collector where it is in a ring.
#[repr(transparent)]
pub struct RawCc<T: ?Sized + 'static, O: AbstractObjectSpace = ObjectSpace>(Gc<Traced<T>>, PhantomData<O>);

/// As everybody calls it.
pub type Cc<T> = RawCc<T, ObjectSpace>;

/// A reference that keeps nothing alive.
pub struct RawWeak<T: ?Sized + 'static, O: AbstractObjectSpace = ObjectSpace>(
    rcgc_gc::Weak<Traced<T>>,
    PhantomData<O>,
);

/// As everybody calls it.
pub type Weak<T> = RawWeak<T, ObjectSpace>;

impl<T: ?Sized + UnwindSafe> UnwindSafe for Cc<T> {}
impl<T: ?Sized + UnwindSafe> UnwindSafe for Weak<T> {}

impl<T: Trace> Cc<T> {
    /// A new value in the thread's space.
    #[inline]
    pub fn new(value: T) -> Cc<T> {
        RawCc(Gc::new(Traced(value)), PhantomData)
    }

    pub(crate) fn new_in(heap: &rcgc_gc::Heap, value: T) -> Cc<T> {
        RawCc(Gc::new_in(heap, Traced(value)), PhantomData)
    }

    /// As a trait object.
    pub fn into_dyn(self) -> Cc<dyn Trace> {
        // SAFETY: a coercion.
        unsafe { self.unsize(|value| value) }
    }

    /// Unsizes, as the language does it for the pointer that it is given.
    ///
    /// # Safety
    /// - `coerce` gives what it is given, coerced.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn unsize<U: ?Sized>(self, coerce: fn(*const Traced<T>) -> *const Traced<U>) -> Cc<U> {
        let wide = coerce(Gc::into_raw(self.0));
        // SAFETY: from `into_raw` just now, and unsized.
        RawCc(unsafe { Gc::from_raw(wide) }, PhantomData)
    }
}

impl<T: Trace + Clone> Cc<T> {
    /// Changes the value, or a clone of it where others refer to it too.
    pub fn update_with(&mut self, mut update: impl FnMut(&mut T)) {
        if let Some(mut value) = Gc::get_mut(&mut self.0) {
            return update(&mut value.0);
        }
        let mut value = T::clone(self);
        update(&mut value);
        *self = Cc::new(value);
    }
}

impl<T: ?Sized> Cc<T> {
    /// Whether nobody else refers to the value, weakly or not.
    pub fn is_unique(&self) -> bool {
        self.strong_count() == 1 && self.weak_count() == 0
    }
}

impl<T: ?Sized, O: AbstractObjectSpace> RawCc<T, O> {
    /// A weak reference.
    pub fn downgrade(&self) -> RawWeak<T, O> {
        RawWeak(Gc::downgrade(&self.0), PhantomData)
    }

    /// How many refer to the value.
    pub fn strong_count(&self) -> usize {
        Gc::strong_count(&self.0)
    }

    /// How many refer to it weakly.
    pub fn weak_count(&self) -> usize {
        Gc::weak_count(&self.0)
    }

    /// Whether both lead to the same value.
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        Gc::ptr_eq(&this.0, &other.0)
    }

    /// Visits this reference, whatever it leads to.
    #[inline]
    pub fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer(Gc::as_ptr(&self.0).cast());
    }
}

impl<T: ?Sized, O: AbstractObjectSpace> RawWeak<T, O> {
    /// A strong reference, as long as the value lives.
    pub fn upgrade(&self) -> Option<RawCc<T, O>> {
        self.0.upgrade().map(|gc| RawCc(gc, PhantomData))
    }

    /// How many refer to the value.
    pub fn strong_count(&self) -> usize {
        self.0.strong_count()
    }

    /// How many refer to it weakly; 0 when it has ended.
    pub fn weak_count(&self) -> usize {
        self.0.upgrade().map_or(0, |gc| Gc::weak_count(&gc))
    }

    /// Whether both lead, or led, to the same value.
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.0.ptr_eq(&other.0)
    }
}

impl<T: ?Sized, O: AbstractObjectSpace> Clone for RawCc<T, O> {
    #[inline]
    fn clone(&self) -> Self {
        RawCc(self.0.clone(), PhantomData)
    }
}

impl<T: ?Sized, O: AbstractObjectSpace> Clone for RawWeak<T, O> {
    fn clone(&self) -> Self {
        RawWeak(self.0.clone(), PhantomData)
    }
}

impl<T: ?Sized, O: AbstractObjectSpace> Deref for RawCc<T, O> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0 .0
    }
}

impl<T: Trace> Trace for Cc<T> {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        Cc::<T>::trace(self, tracer);
    }

    #[inline]
    fn is_type_tracked() -> bool {
        T::is_type_tracked()
    }
}

impl Trace for Cc<dyn Trace> {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        Cc::<dyn Trace>::trace(self, tracer);
    }
}

/// A pointer to a trait object, under a name of its own, with a `new` from values that have the trait.
#[macro_export]
macro_rules! cc_dyn {
    (
        $(#[$($meta:meta)+])*
        $name:ident $(<$($parameter:ident $(: $($bound:path),+)?),+>)?,
        $object:path $(, $vis:vis fn new() {...})?
    ) => {
        $(#[$($meta)+])*
        #[repr(transparent)]
        pub struct $name$(<$($parameter),+>)?($crate::Cc<dyn $object>) $(where $($parameter: 'static),+)?;

        impl$(<$($parameter: 'static),+>)? $crate::Trace for $name$(<$($parameter),+>)? {
            fn trace(&self, tracer: &mut $crate::Tracer<'_>) {
                $crate::Cc::<dyn $object>::trace(&self.0, tracer)
            }
        }

        impl$(<$($parameter: $($($bound +)+)? 'static),+>)? $name$(<$($parameter),+>)? {
            $($vis)? fn new<Value: $object + $crate::Trace>(value: Value) -> Self {
                // SAFETY: a coercion.
                $name(unsafe { $crate::Cc::new(value).unsize::<dyn $object>(|pointer| pointer) })
            }
        }
    };
}

// ---- as the value ----

impl<T: Default + Trace> Default for Cc<T> {
    fn default() -> Self {
        Cc::new(T::default())
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Cc<T> {
    fn eq(&self, other: &Self) -> bool {
        T::eq(self, other)
    }
}

impl<T: ?Sized + Eq> Eq for Cc<T> {}

impl<T: ?Sized + PartialOrd> PartialOrd for Cc<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        T::partial_cmp(self, other)
    }
}

impl<T: ?Sized + Ord> Ord for Cc<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        T::cmp(self, other)
    }
}

impl<T: ?Sized + Hash> Hash for Cc<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        T::hash(self, state);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Cc<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Cc").field(&&**self).finish()
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Cc<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, out)
    }
}

impl<T: ?Sized> fmt::Pointer for Cc<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&&**self, out)
    }
}
