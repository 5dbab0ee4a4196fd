//! [`Gc`]s to slices, strings and trait objects.

use crate::heap::{self, Heap};
use crate::sys;
use crate::trace::Trace;
use crate::types;
use crate::Gc;
use std::ptr::{slice_from_raw_parts_mut, NonNull};

impl<T: Trace> Gc<[T]> {
    /// Puts the elements of a vector into the thread's default heap, in one object.
    pub fn from_vec(elements: Vec<T>) -> Self {
        heap::with_default(|heap| Self::from_vec_in(heap, elements))
    }

    /// As [`Gc::from_vec`], in a heap.
    pub fn from_vec_in(heap: &Heap, mut elements: Vec<T>) -> Self {
        let len = elements.len();
        let ty = types::of_slice::<T>(heap);
        // SAFETY: a live type of the heap, which is this thread's. Its trailing array begins where the object does and has
        // elements of `T`'s size. The elements are moved there, and only then looked at.
        unsafe {
            let Some(obj) = NonNull::new(sys::rc_new_array(ty, len)) else {
                std::alloc::handle_alloc_error(std::alloc::Layout::for_value(&elements[..]))
            };
            elements.as_ptr().copy_to_nonoverlapping(obj.cast::<T>().as_ptr(), len);
            elements.set_len(0);
            if T::HOLDS && !T::IS_POINTER {
                sys::gc_track(obj.as_ptr());
            }
            Gc::from_fat(NonNull::new_unchecked(slice_from_raw_parts_mut(obj.cast::<T>().as_ptr(), len)))
        }
    }
}

impl Gc<str> {
    /// Puts a string into a heap.
    pub fn from_str_in(heap: &Heap, text: &str) -> Self {
        let ty = types::of_str(heap);
        // SAFETY: as in `from_vec_in`, with bytes that are UTF-8.
        unsafe {
            let Some(obj) = NonNull::new(sys::rc_new_array(ty, text.len())) else {
                std::alloc::handle_alloc_error(std::alloc::Layout::for_value(text))
            };
            let bytes = obj.cast::<u8>().as_ptr();
            text.as_ptr().copy_to_nonoverlapping(bytes, text.len());
            Gc::from_fat(NonNull::new_unchecked(slice_from_raw_parts_mut(bytes, text.len()) as *mut str))
        }
    }
}

impl From<&str> for Gc<str> {
    fn from(text: &str) -> Self {
        heap::with_default(|heap| Self::from_str_in(heap, text))
    }
}

impl From<String> for Gc<str> {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl<T: Trace> From<Vec<T>> for Gc<[T]> {
    fn from(elements: Vec<T>) -> Self {
        Gc::from_vec(elements)
    }
}

impl<T: Trace> FromIterator<T> for Gc<[T]> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Gc::from_vec(elements.into_iter().collect())
    }
}

/// Makes a `Gc` of a trait object, or a slice, from one of a value: `gc_dyn!(circle => dyn Shape)`.
///
/// (Rust does this by itself only for its own pointers, as long as `CoerceUnsized` is not stable.)
///
/// ```
/// use rcgc_gc::{gc_dyn, Gc, Trace};
///
/// trait Shape {
///     fn corners(&self) -> u32;
/// }
///
/// #[derive(Trace)]
/// struct Square;
///
/// impl Shape for Square {
///     fn corners(&self) -> u32 {
///         4
///     }
/// }
///
/// let shape: Gc<dyn Shape> = gc_dyn!(Gc::new(Square) => dyn Shape);
/// assert_eq!(shape.corners(), 4);
/// ```
#[macro_export]
macro_rules! gc_dyn {
    ($gc:expr => $ty:ty) => {{
        let thin = $crate::Gc::into_raw($gc);
        let unsized_ptr: *const $ty = thin;
        // SAFETY: from `into_raw` just now, and unsized by the language.
        #[allow(unsafe_code)]
        unsafe {
            $crate::Gc::<$ty>::from_raw(unsized_ptr)
        }
    }};
}
