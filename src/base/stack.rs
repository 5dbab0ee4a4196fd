//! A growing stack of plain values whose top is an address, so that inline code of hosts can push and pop: the layout is
//! theirs, too (`include/rcgc/steps.h`). Below the lowest value lies one that is none, [`Below::BELOW`], so that what is under the
//! top can be read without asking whether there is anything.

use crate::sys;
use core::ptr;

/// A plain value of a stack.
pub trait Below: Copy {
    /// What lies below the lowest.
    const BELOW: Self;
}

/// A growing stack of plain values. Zeroed memory is an empty one, without memory.
#[repr(C)]
pub struct Stack<T> {
    /// Behind the value on top.
    top: *mut T,
    /// Behind the last place.
    end: *mut T,
    /// The lowest place.
    base: *mut T,
}

impl<T: Below> Stack<T> {
    /// One that never has a place, above a value that is none.
    pub const fn of_nobody(below: *const T) -> Self {
        let place = below.wrapping_add(1) as *mut T;
        Stack { top: place, end: place, base: place }
    }

    /// Whether it has memory, and with that something below its lowest place.
    pub fn has_memory(&self) -> bool {
        !self.base.is_null()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        (self.top as usize - self.base as usize) / size_of::<T>()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.top == self.base
    }

    fn capacity(&self) -> usize {
        (self.end as usize - self.base as usize) / size_of::<T>()
    }

    /// Makes sure that one more fits. False for out of memory.
    pub fn reserve(&mut self) -> bool {
        self.top != self.end || self.resize((self.len() * 2).max(16))
    }

    /// Another number of places, no fewer than there are values. False for out of memory.
    fn resize(&mut self, capacity: usize) -> bool {
        let items = sys::allocate_raw((capacity + 1) * size_of::<T>()) as *mut T;
        if items.is_null() {
            return false;
        }
        let len = self.len();
        // SAFETY: the new places are as many as the old values and one below them; the old memory is ours.
        unsafe {
            items.write(T::BELOW);
            let base = items.add(1);
            if len != 0 {
                ptr::copy_nonoverlapping(self.base, base, len);
            }
            self.end();
            *self = Stack { top: base.add(len), end: base.add(capacity), base };
        }
        true
    }

    /// Puts a value on top. False for out of memory.
    pub fn push(&mut self, value: T) -> bool {
        if !self.reserve() {
            return false;
        }
        // SAFETY: there is room.
        unsafe {
            self.top.write(value);
            self.top = self.top.add(1);
        }
        true
    }

    /// Takes the top off.
    pub fn pop(&mut self) -> Option<T> {
        let value = self.last()?;
        self.top = self.top.wrapping_sub(1);
        Some(value)
    }

    /// A value by its place from the bottom.
    pub fn get(&self, index: usize) -> Option<T> {
        self.as_slice().get(index).copied()
    }

    /// The top.
    pub fn last(&self) -> Option<T> {
        self.as_slice().last().copied()
    }

    /// A value by its place from the bottom, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        // SAFETY: below the length.
        (index < self.len()).then(|| unsafe { &mut *self.base.add(index) })
    }

    /// All values, from the bottom.
    pub fn as_slice(&self) -> &[T] {
        match self.len() {
            0 => &[],
            // SAFETY: so many were written.
            len => unsafe { core::slice::from_raw_parts(self.base, len) },
        }
    }

    /// Gives memory back that is more than twice what is needed, if there is room for what is.
    pub fn trim(&mut self) {
        if self.is_empty() {
            return self.end();
        }
        if self.capacity() > 2 * self.len().max(32) {
            // Without memory it stays as it is.
            let _ = self.resize(self.len().max(16));
        }
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        if self.has_memory() {
            // SAFETY: ours, from one place below the base on.
            unsafe { sys::free(self.base.sub(1) as *mut u8) };
        }
        *self = Stack { top: ptr::null_mut(), end: ptr::null_mut(), base: ptr::null_mut() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Below for u64 {
        const BELOW: u64 = u64::MAX;
    }

    #[test]
    fn what_was_pushed_last_is_popped_first() {
        // SAFETY: zeroed memory is an empty stack.
        let mut stack: Stack<u64> = unsafe { core::mem::zeroed() };
        assert!(stack.is_empty() && stack.pop().is_none() && stack.last().is_none());
        for value in 0..1000 {
            assert!(stack.push(value));
            // SAFETY: it has memory.
            assert_eq!(unsafe { *stack.base.sub(1) }, u64::MAX);
        }
        for value in (10..1000).rev() {
            assert_eq!((stack.last(), stack.pop()), (Some(value), Some(value)));
        }
        stack.trim();
        assert_eq!((stack.len(), stack.capacity(), stack.get(9)), (10, 16, Some(9)));
        while stack.pop().is_some() {}
        stack.trim();
        assert!(!stack.has_memory());
    }
}
