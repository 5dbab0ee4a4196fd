//! [`Trace`] and [`Acyclic`] for the types of the standard library.

use crate::trace::{vec_places, Acyclic, Fields, Trace, Tracer};
use crate::{Gc, Weak};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

macro_rules! leaf {
    ($($t:ty),* $(,)?) => {$(
        // SAFETY: owns no `Gc`.
        unsafe impl Trace for $t {
            const HOLDS: bool = false;
            #[inline(always)]
            fn trace(&self, _: &mut Tracer<'_>) {}
        }
        impl Acyclic for $t {}
    )*};
}

leaf!((), bool, char, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, String);
leaf!(std::num::NonZeroU32, std::num::NonZeroU64, std::num::NonZeroUsize, std::num::NonZeroI64);
leaf!(std::ffi::CString, std::ffi::OsString, std::path::PathBuf, std::any::TypeId);
leaf!(std::time::Duration, std::time::Instant, std::time::SystemTime);
leaf!(std::sync::atomic::AtomicBool, std::sync::atomic::AtomicUsize, std::sync::atomic::AtomicU64);
leaf!(Box<str>, Rc<str>, Arc<str>, Box<std::path::Path>);

impl Acyclic for str {}
impl Acyclic for std::path::Path {}
impl<T: Acyclic> Acyclic for [T] {}

/// A value that no collection looks into: of a type of another crate that holds no `Gc`.
///
/// If it holds some all the same, what they lead to counts as held from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Untraced<T>(pub T);

impl<T> std::ops::Deref for Untraced<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Untraced<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

macro_rules! unseen {
    ($([$($g:tt)*] $t:ty),* $(,)?) => {$(
        // SAFETY: reports nothing.
        unsafe impl<$($g)*> Trace for $t {
            const HOLDS: bool = false;
            #[inline(always)]
            fn trace(&self, _: &mut Tracer<'_>) {}
        }
        impl<$($g)*> Acyclic for $t {}
    )*};
}

// What several may own is reported by none of them, so it must not hold anything.
unseen!([T: 'static] Untraced<T>, [T: ?Sized + 'static] PhantomData<T>);
unseen!([T: Acyclic] Rc<T>, [T: Acyclic] Arc<T>, [T: Acyclic] std::rc::Weak<T>, [T: ?Sized + Acyclic] &'static T);
unseen!([R: 'static] fn() -> R, [A: 'static, R: 'static] fn(A) -> R, [A: 'static, B: 'static, R: 'static] fn(A, B) -> R);

impl<T: ?Sized + Acyclic> Acyclic for Gc<T> {}
impl<T: ?Sized + 'static> Acyclic for Weak<T> {}

/// What is walked by walking its parts, whenever it is looked at.
macro_rules! parts {
    ($([$($g:ident $(: $($bound:path)|+)?),*] $t:ty, $this:ident, $tracer:ident => $walk:expr;)*) => {$(
        // SAFETY: visits the parts that it owns, each once.
        unsafe impl<$($g: Trace $($(+ $bound)+)?),*> Trace for $t {
            const HOLDS: bool = false $(|| $g::HOLDS)*;
            #[inline]
            fn trace(&self, $tracer: &mut Tracer<'_>) {
                if Self::HOLDS {
                    let $this = self;
                    $walk
                }
            }
        }
        impl<$($g: Acyclic $($(+ $bound)+)?),*> Acyclic for $t {}
    )*};
}

fn each<'a, T: Trace>(items: impl IntoIterator<Item = &'a T>, tracer: &mut Tracer<'_>) {
    for (index, item) in items.into_iter().enumerate() {
        tracer.index(index);
        item.trace(tracer);
    }
}

fn pairs<'a, K: Trace, V: Trace>(items: impl IntoIterator<Item = (&'a K, &'a V)>, tracer: &mut Tracer<'_>) {
    for (index, (key, value)) in items.into_iter().enumerate() {
        tracer.index(index);
        key.trace(tracer);
        value.trace(tracer);
    }
}

parts! {
    [T] Box<T>, this, tracer => (**this).trace(tracer);
    [T] Box<[T]>, this, tracer => each(this.iter(), tracer);
    [T] VecDeque<T>, this, tracer => each(this, tracer);
    [T] LinkedList<T>, this, tracer => each(this, tracer);
    [T] BinaryHeap<T>, this, tracer => each(this, tracer);
    [T] BTreeSet<T>, this, tracer => each(this, tracer);
    [K, V] BTreeMap<K, V>, this, tracer => pairs(this, tracer);
    [T] OnceCell<T>, this, tracer => each(this.get(), tracer);
    [T, E] Result<T, E>, this, tracer => match this {
        Ok(value) => value.trace(tracer),
        Err(error) => error.trace(tracer),
    };
    // Who has it borrowed to change it may be in the middle of that: then nothing of it is reported, so it counts as held.
    [T] RefCell<T>, this, tracer => if let Ok(value) = this.try_borrow() {
        value.trace(tracer);
    };
}

// SAFETY: as in `parts`; a hasher is not looked into.
unsafe impl<K: Trace, V: Trace, S: 'static> Trace for HashMap<K, V, S> {
    const HOLDS: bool = K::HOLDS || V::HOLDS;
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if Self::HOLDS {
            pairs(self, tracer);
        }
    }
}
impl<K: Acyclic, V: Acyclic, S: 'static> Acyclic for HashMap<K, V, S> {}

// SAFETY: as above.
unsafe impl<T: Trace, S: 'static> Trace for HashSet<T, S> {
    const HOLDS: bool = T::HOLDS;
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if Self::HOLDS {
            each(self, tracer);
        }
    }
}
impl<T: Acyclic, S: 'static> Acyclic for HashSet<T, S> {}

// SAFETY: `Some` of a word that is never zero is that word, and `None` is zero: Rust promises it for pointers like ours.
// Where that is not so, it is walked.
unsafe impl<T: Trace> Trace for Option<T> {
    const HOLDS: bool = T::HOLDS;
    const IS_POINTER: bool = T::IS_POINTER && size_of::<Self>() == size_of::<usize>();
    const WALKS_REST: bool = T::HOLDS && !Self::IS_POINTER;
    const DROPS_REST: bool = std::mem::needs_drop::<T>() && !Self::IS_POINTER;

    fn declare(fields: &mut Fields, at: usize) {
        if Self::IS_POINTER {
            fields.pointer(at);
        }
    }

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if let Some(value) = self {
            value.trace(tracer);
        }
    }

    fn trace_rest(&self, tracer: &mut Tracer<'_>) {
        if Self::WALKS_REST {
            self.trace(tracer);
        }
    }

    unsafe fn drop_rest(this: *mut Self) {
        if Self::DROPS_REST {
            // SAFETY: the caller's.
            unsafe { std::ptr::drop_in_place(this) }
        }
    }
}
impl<T: Acyclic> Acyclic for Option<T> {}

// SAFETY: nobody has a reference into a `Cell` while a walk runs, since no code runs between taking a value out and
// putting another in. A `Cell` is laid out as its value.
unsafe impl<T: Trace> Trace for Cell<T> {
    const HOLDS: bool = T::HOLDS;
    const IS_POINTER: bool = T::IS_POINTER;
    const WALKS_REST: bool = T::WALKS_REST;
    const DROPS_REST: bool = T::DROPS_REST;

    fn declare(fields: &mut Fields, at: usize) {
        T::declare(fields, at);
    }

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if T::HOLDS {
            // SAFETY: as above.
            unsafe { (*self.as_ptr()).trace(tracer) }
        }
    }

    fn trace_rest(&self, tracer: &mut Tracer<'_>) {
        if T::WALKS_REST {
            // SAFETY: as above.
            unsafe { (*self.as_ptr()).trace_rest(tracer) }
        }
    }

    unsafe fn drop_rest(this: *mut Self) {
        // SAFETY: the caller's.
        unsafe { T::drop_rest(this.cast()) }
    }
}
impl<T: Acyclic> Acyclic for Cell<T> {}

// SAFETY: elements lie side by side; those that are one word are declared.
unsafe impl<T: Trace, const N: usize> Trace for [T; N] {
    const HOLDS: bool = T::HOLDS;
    const WALKS_REST: bool = T::HOLDS && !T::IS_POINTER;
    const DROPS_REST: bool = std::mem::needs_drop::<T>() && !T::IS_POINTER;

    fn declare(fields: &mut Fields, at: usize) {
        if T::IS_POINTER {
            fields.array(at, N);
        }
    }

    fn trace(&self, tracer: &mut Tracer<'_>) {
        if T::HOLDS {
            each(self, tracer);
        }
    }

    fn trace_rest(&self, tracer: &mut Tracer<'_>) {
        if Self::WALKS_REST {
            self.trace(tracer);
        }
    }

    unsafe fn drop_rest(this: *mut Self) {
        if Self::DROPS_REST {
            // SAFETY: the caller's.
            unsafe { std::ptr::drop_in_place(this) }
        }
    }
}
impl<T: Acyclic, const N: usize> Acyclic for [T; N] {}

// SAFETY: visits its elements. Where they are one word, and it is known where a vector has its buffer and its length, the
// buffer is declared: the engine releases the elements, sets the length to zero, and what is dropped is an empty vector.
// `WALKS_REST` cannot know that, so a `trace_rest` with nothing to do may be called.
unsafe impl<T: Trace> Trace for Vec<T> {
    const HOLDS: bool = T::HOLDS;
    const WALKS_REST: bool = T::HOLDS && !(T::IS_POINTER && VECTORS_ARE_KNOWN);

    fn declare(fields: &mut Fields, at: usize) {
        if let (true, Some((buffer, length))) = (T::IS_POINTER && VECTORS_ARE_KNOWN, vec_places()) {
            fields.vector(at + buffer, at + length);
        }
    }

    fn trace(&self, tracer: &mut Tracer<'_>) {
        if T::HOLDS {
            each(self, tracer);
        }
    }

    fn trace_rest(&self, tracer: &mut Tracer<'_>) {
        if Self::WALKS_REST {
            self.trace(tracer);
        }
    }
}
impl<T: Acyclic> Acyclic for Vec<T> {}

/// Whether `vec_places` finds them; where it does not, what a vector holds counts as held from outside.
const VECTORS_ARE_KNOWN: bool = true;

macro_rules! tuples {
    ($(($($name:ident $index:tt),*))*) => {$(
        // SAFETY: visits its parts.
        unsafe impl<$($name: Trace),*> Trace for ($($name,)*) {
            const HOLDS: bool = false $(|| $name::HOLDS)*;
            const WALKS_REST: bool = false $(|| $name::WALKS_REST)*;
            const DROPS_REST: bool = false $(|| $name::DROPS_REST)*;
            fn declare(fields: &mut Fields, at: usize) {
                $(fields.member::<$name>(stringify!($index), at + std::mem::offset_of!(Self, $index));)*
            }
            fn trace(&self, tracer: &mut Tracer<'_>) {
                $(self.$index.trace(tracer);)*
            }
            fn trace_rest(&self, tracer: &mut Tracer<'_>) {
                $(self.$index.trace_rest(tracer);)*
            }
            unsafe fn drop_rest(this: *mut Self) {
                // SAFETY: the caller's, for each part.
                unsafe { $($name::drop_rest(&raw mut (*this).$index);)* }
            }
        }
        impl<$($name: Acyclic),*> Acyclic for ($($name,)*) {}
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
