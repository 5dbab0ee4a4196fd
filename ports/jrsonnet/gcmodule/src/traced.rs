//! `Trace` and `Acyclic`, and who has them.

use std::borrow::{Borrow, BorrowMut, Cow};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// What is called with each reference.
pub type Tracer<'a> = dyn FnMut(*const ()) + 'a;

/// How a value's references are found.
pub trait Trace: 'static {
    /// Visits each `Cc` that this value owns, once.
    fn trace(&self, tracer: &mut Tracer<'_>) {
        let _ = tracer;
    }

    /// Whether the collector looks at values of the type.
    fn is_type_tracked() -> bool
    where
        Self: Sized,
    {
        true
    }
}

/// A type whose values are in no ring.
///
/// # Safety
/// - It is so.
pub unsafe trait Acyclic: Trace {
    #[doc(hidden)]
    fn assert_fields_are_acyclic(&self) {}
}

/// Declares types as being in no ring.
#[macro_export]
macro_rules! trace_acyclic {
    (<$($parameter:ident),*> $($ty:tt)*) => {
        impl<$($parameter: 'static + $crate::Acyclic),*> $crate::Trace for $($ty)* {
            #[inline]
            fn is_type_tracked() -> bool where Self: Sized { false }
        }
        unsafe impl<$($parameter: 'static + $crate::Acyclic),*> $crate::Acyclic for $($ty)* {}
    };
    ($($ty:ty),*) => {
        $($crate::trace_acyclic!(<> $ty);)*
    };
}

/// Traces a struct field by field.
#[macro_export]
macro_rules! trace_fields {
    ($($ty:ty { $($field:tt $(: $parameter:ident)?),* })*) => {$(
        impl<$($($parameter: $crate::Trace)?),*> $crate::Trace for $ty {
            #[allow(unused_variables)]
            fn trace(&self, tracer: &mut $crate::Tracer<'_>) {
                $($crate::Trace::trace(&self.$field, tracer);)*
            }
            #[inline]
            fn is_type_tracked() -> bool {
                false $($(|| <$parameter as $crate::Trace>::is_type_tracked())?)*
            }
        }
        unsafe impl<$($($parameter: $crate::Acyclic)?),*> $crate::Acyclic for $ty {}
    )*};
}

trace_acyclic!((), bool, char, f32, f64, String, &'static str);
trace_acyclic!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);
trace_acyclic!(std::num::NonZeroU32, std::num::NonZeroUsize);
trace_acyclic!(std::ffi::CString, std::ffi::NulError, std::ffi::OsString, std::path::PathBuf);
trace_acyclic!(std::net::AddrParseError, std::net::IpAddr, std::net::Ipv4Addr, std::net::Ipv6Addr);
trace_acyclic!(std::net::SocketAddr, std::net::SocketAddrV4, std::net::SocketAddrV6);
trace_acyclic!(std::time::Duration, std::time::Instant, std::thread::Thread);
trace_acyclic!(<T> std::rc::Rc<T> where T: ?Sized);
trace_acyclic!(<T> std::rc::Weak<T>);
trace_acyclic!(<T> std::sync::Arc<T>);

trace_fields! {
    (A,) { 0: A }
    (A, B,) { 0: A, 1: B }
    (A, B, C,) { 0: A, 1: B, 2: C }
    (A, B, C, D,) { 0: A, 1: B, 2: C, 3: D }
    (A, B, C, D, E,) { 0: A, 1: B, 2: C, 3: D, 4: E }
    (A, B, C, D, E, F,) { 0: A, 1: B, 2: C, 3: D, 4: E, 5: F }
    (A, B, C, D, E, F, G,) { 0: A, 1: B, 2: C, 3: D, 4: E, 5: F, 6: G }
}

/// Functions take nothing along. A type whose arguments are borrowed is another one than a type whose are not, which the
/// compiler says may change.
#[allow(coherence_leak_check)]
mod functions {
    trace_acyclic!(<X> fn() -> X);
    trace_acyclic!(<A, X> fn(A) -> X);
    trace_acyclic!(<A, X> fn(&A) -> X);
    trace_acyclic!(<A, B, X> fn(A, B) -> X);
    trace_acyclic!(<A, B, X> fn(&A, B) -> X);
    trace_acyclic!(<A, B, X> fn(A, &B) -> X);
    trace_acyclic!(<A, B, X> fn(&A, &B) -> X);
    trace_acyclic!(<A, B, C, X> fn(A, B, C) -> X);
    trace_acyclic!(<A, B, C, X> fn(&A, B, C) -> X);
    trace_acyclic!(<A, B, C, X> fn(&A, &B, C) -> X);
    trace_acyclic!(<A, B, C, X> fn(&A, &B, &C) -> X);
    trace_acyclic!(<A, B, C, D, X> fn(A, B, C, D) -> X);
    trace_acyclic!(<A, B, C, D, X> fn(&A, &B, &C, &D) -> X);
}

/// Types with parts of other types.
macro_rules! parts {
    ($([$($g:ident $(: $bound:path)?),*] $ty:ty, $this:ident, $tracer:ident => $walk:expr;)*) => {$(
        impl<$($g: Trace $(+ $bound)?),*> Trace for $ty {
            fn trace(&self, $tracer: &mut Tracer<'_>) {
                let $this = self;
                $walk
            }
            #[inline]
            fn is_type_tracked() -> bool {
                false $(|| $g::is_type_tracked())*
            }
        }
        unsafe impl<$($g: Acyclic $(+ $bound)?),*> Acyclic for $ty {}
    )*};
}

fn each<'a, T: Trace>(items: impl IntoIterator<Item = &'a T>, tracer: &mut Tracer<'_>) {
    items.into_iter().for_each(|item| item.trace(tracer));
}

fn pairs<'a, K: Trace, V: Trace>(items: impl IntoIterator<Item = (&'a K, &'a V)>, tracer: &mut Tracer<'_>) {
    for (key, value) in items {
        key.trace(tracer);
        value.trace(tracer);
    }
}

parts! {
    [T] Box<T>, this, tracer => (**this).trace(tracer);
    [T] Box<[T]>, this, tracer => each(this.iter(), tracer);
    [T] Vec<T>, this, tracer => each(this, tracer);
    [T] VecDeque<T>, this, tracer => each(this, tracer);
    [T] LinkedList<T>, this, tracer => each(this, tracer);
    [T] BTreeSet<T>, this, tracer => each(this, tracer);
    [K, V] BTreeMap<K, V>, this, tracer => pairs(this, tracer);
    [T] Option<T>, this, tracer => each(this, tracer);
    [T] OnceCell<T>, this, tracer => each(this.get(), tracer);
    [T: Copy] Cell<T>, this, tracer => this.get().trace(tracer);
    [T, E] Result<T, E>, this, tracer => match this {
        Ok(value) => value.trace(tracer),
        Err(error) => error.trace(tracer),
    };
    // Who has it borrowed to change it holds what it is in: what is in it counts as held.
    [T] RefCell<T>, this, tracer => if let Ok(value) = this.try_borrow() {
        value.trace(tracer);
    };
}

impl<K: Eq + Hash + Trace, V: Trace, S: 'static> Trace for HashMap<K, V, S> {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        pairs(self, tracer);
    }
    fn is_type_tracked() -> bool {
        K::is_type_tracked() || V::is_type_tracked()
    }
}
unsafe impl<K: Acyclic + Eq + Hash, V: Acyclic, S: 'static> Acyclic for HashMap<K, V, S> {}

impl<K: Eq + Hash + Trace, S: 'static> Trace for HashSet<K, S> {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        each(self, tracer);
    }
    fn is_type_tracked() -> bool {
        K::is_type_tracked()
    }
}
unsafe impl<K: Acyclic + Eq + Hash, S: 'static> Acyclic for HashSet<K, S> {}

impl<T: Trace> Trace for [T] {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        each(self, tracer);
    }
}
unsafe impl<T: Acyclic> Acyclic for [T] {}

impl<T: Trace, const N: usize> Trace for [T; N] {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        each(self, tracer);
    }
    fn is_type_tracked() -> bool {
        T::is_type_tracked()
    }
}
unsafe impl<T: Acyclic, const N: usize> Acyclic for [T; N] {}

impl<T: ToOwned + ?Sized> Trace for Cow<'static, T>
where
    T::Owned: Trace,
{
    fn trace(&self, tracer: &mut Tracer<'_>) {
        if let Cow::Owned(value) = self {
            value.trace(tracer);
        }
    }
    fn is_type_tracked() -> bool {
        T::Owned::is_type_tracked()
    }
}
unsafe impl<T: ToOwned + ?Sized> Acyclic for Cow<'static, T> where T::Owned: Acyclic {}

impl<T: 'static> Trace for PhantomData<T> {
    fn is_type_tracked() -> bool {
        false
    }
}
unsafe impl<T: 'static> Acyclic for PhantomData<T> {}

/// A box of a type that the compiler does not know the size of.
#[derive(Debug, Clone)]
pub struct TraceBox<T: ?Sized>(pub Box<T>);

impl<T: ?Sized + Trace> Trace for TraceBox<T> {
    fn trace(&self, tracer: &mut Tracer<'_>) {
        self.0.trace(tracer);
    }
}
unsafe impl<T: ?Sized + Acyclic> Acyclic for TraceBox<T> {}

impl<T: ?Sized> From<Box<T>> for TraceBox<T> {
    fn from(value: Box<T>) -> Self {
        TraceBox(value)
    }
}

impl<T: ?Sized> Deref for TraceBox<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized + Trace> DerefMut for TraceBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: ?Sized> Borrow<T> for TraceBox<T> {
    fn borrow(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> BorrowMut<T> for TraceBox<T> {
    fn borrow_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: ?Sized> AsRef<T> for TraceBox<T> {
    fn as_ref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> AsMut<T> for TraceBox<T> {
    fn as_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
