//! Large arrays of numbers, mapped from the system and given back as a whole, so that looking at a heap does not take
//! from the host's allocator.

use crate::sys;
use core::ops::{Deref, DerefMut};
use core::ptr;

/// Bytes that [`Array::give_back`] gives at once.
const GIVEN_BYTES: usize = 1 << 20;
/// What [`Array::give_back`] leaves is a multiple of this, which pages of the system divide.
const LEFT_BYTES: usize = 64 << 10;

/// A number of which zeroed memory is the value 0.
///
/// # Safety
/// - All bits zero are a value of the type.
pub unsafe trait Number: Copy {}
// SAFETY: all bits zero are 0.
unsafe impl Number for u8 {}
// SAFETY: all bits zero are 0.
unsafe impl Number for u32 {}
// SAFETY: all bits zero are 0.
unsafe impl Number for u64 {}

/// Numbers in memory of their own; no memory when there are none.
pub struct Array<T: Number> {
    start: *mut T,
    len: usize,
    room: usize,
    /// In small pages: see [`sys::map_sparse`].
    sparse: bool,
}

impl<T: Number> Array<T> {
    /// No numbers.
    pub const fn empty() -> Self {
        Array { start: ptr::NonNull::dangling().as_ptr(), len: 0, room: 0, sparse: false }
    }

    /// No numbers, in an array that grows by small pages, where no time may be lost at once.
    pub const fn sparse() -> Self {
        Array { start: ptr::NonNull::dangling().as_ptr(), len: 0, room: 0, sparse: true }
    }

    /// So many zeros. None for out of memory.
    pub fn zeros(len: usize) -> Option<Self> {
        let mut array = Self::empty();
        if len != 0 {
            let start = sys::map(len.checked_mul(size_of::<T>())?) as *mut T;
            if start.is_null() {
                return None;
            }
            array = Array { start, len, room: len, sparse: false };
        }
        Some(array)
    }

    /// Appends a number. False for out of memory.
    #[inline(always)]
    pub fn push(&mut self, number: T) -> bool {
        if self.len == self.room && !self.enlarge() {
            return false;
        }
        // SAFETY: below the room.
        unsafe { self.start.add(self.len).write(number) };
        self.len += 1;
        true
    }

    #[cold]
    #[inline(never)]
    fn enlarge(&mut self) -> bool {
        let room = (self.room * 2).max((64 << 10) / size_of::<T>());
        let Some(bytes) = room.checked_mul(size_of::<T>()) else { return false };
        let start = if self.room == 0 && self.sparse {
            sys::map_sparse(bytes)
        } else if self.room == 0 {
            sys::map(bytes)
        } else {
            // SAFETY: the mapping is ours and has that size.
            unsafe { sys::map_larger(self.start as *mut u8, self.room * size_of::<T>(), bytes, !self.sparse) }
        };
        if start.is_null() {
            return false;
        }
        self.start = start as *mut T;
        self.room = room;
        true
    }

    /// Takes the last number off.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.last().copied();
        self.len = self.len.saturating_sub(1);
        last
    }

    /// Forgets all numbers and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Forgets all numbers and gives a part of the memory back, a MiB at most, which takes a bounded time. True when nothing
    /// is left.
    pub fn give_back(&mut self) -> bool {
        self.len = 0;
        // What is left ends on a border of the system's pages, whatever was mapped.
        let left = self.bytes().saturating_sub(GIVEN_BYTES) / LEFT_BYTES * LEFT_BYTES;
        if left == 0 {
            *self = Self::empty();
            return true;
        }
        // SAFETY: the mapping is ours, and nothing of it is used.
        unsafe { sys::unmap((self.start as *mut u8).add(left), self.bytes() - left) }
        self.room = left / size_of::<T>();
        false
    }

    /// Bytes of memory taken from the system.
    pub fn bytes(&self) -> usize {
        self.room * size_of::<T>()
    }
}

impl<T: Number> Default for Array<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: Number> Deref for Array<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `len` numbers are there, written or zeroed.
        unsafe { core::slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T: Number> DerefMut for Array<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: `len` numbers are there, written or zeroed, and `&mut self` is the only way to them.
        unsafe { core::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl<T: Number> Drop for Array<T> {
    fn drop(&mut self) {
        if self.room != 0 {
            // SAFETY: the mapping is ours and has that size.
            unsafe { sys::unmap(self.start as *mut u8, self.bytes()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_growth() {
        let mut array = Array::<u32>::empty();
        for number in 0..1_000_000 {
            assert!(array.push(number));
        }
        assert!(array.iter().enumerate().all(|(place, &number)| place == number as usize));
        assert!(array.bytes() >= 4_000_000);
        array.clear();
        assert!(array.is_empty());
        assert_eq!(Array::<u64>::zeros(100).map(|zeros| zeros.iter().sum()), Some(0u64));
        assert_eq!(Array::<u8>::zeros(0).map(|none| none.len()), Some(0));
    }
}
