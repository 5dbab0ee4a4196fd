//! A growing stack of plain values whose top is an address, so that inline code of hosts can push and pop: the layout is
//! theirs, too (`include/rcgc/steps.h`). Below the lowest value there may lie one that is none, [`Below::BELOW`], so that what is
//! under the top can be read without asking whether there is anything.

use crate::sys;
use core::ptr;

/// A plain value of a stack.
pub trait Below: Copy {
    /// What lies below the lowest, if anything does.
    const BELOW: Option<Self>;
    /// How many places that takes.
    const PLACES_BELOW: usize = if Self::BELOW.is_some() { 1 } else { 0 };
}

/// A growing stack of plain values. Zeroed memory is an empty one, without memory.
#[repr(C)]
pub struct Stack<T> {
    /// Behind the value on top.
    top: *mut T,
    /// Behind the last place.
    end: *mut T,
    /// The memory: the lowest place, or what lies below it. As it was given, so that leak checkers of hosts see who has it.
    block: *mut T,
}

impl<T: Below> Stack<T> {
    /// One that never has a place, above what is given.
    pub const fn of_nobody(below: *const T) -> Self {
        let place = below.wrapping_add(T::PLACES_BELOW) as *mut T;
        Stack { top: place, end: place, block: below as *mut T }
    }

    /// Whether it has memory, and with that something below its lowest place.
    pub fn has_memory(&self) -> bool {
        !self.block.is_null()
    }

    /// The lowest place; none, and no value either, as long as there is no memory.
    fn base(&self) -> *mut T {
        match self.has_memory() {
            true => self.block.wrapping_add(T::PLACES_BELOW),
            false => self.top,
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        (self.top as usize - self.base() as usize) / size_of::<T>()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.top == self.base()
    }

    fn capacity(&self) -> usize {
        (self.end as usize - self.base() as usize) / size_of::<T>()
    }

    /// Makes sure that one more fits. False for out of memory.
    pub fn reserve(&mut self) -> bool {
        self.top != self.end || self.resize((self.len() * 2).max(16))
    }

    /// Another number of places, no fewer than there are values. False for out of memory.
    fn resize(&mut self, capacity: usize) -> bool {
        let block = sys::allocate_raw((capacity + T::PLACES_BELOW) * size_of::<T>()) as *mut T;
        if block.is_null() {
            return false;
        }
        let len = self.len();
        // SAFETY: the new places are as many as the old values, and what is below them; the old memory is ours.
        unsafe {
            if let Some(below) = T::BELOW {
                block.write(below);
            }
            let base = block.add(T::PLACES_BELOW);
            if len != 0 {
                ptr::copy_nonoverlapping(self.base(), base, len);
            }
            self.end();
            *self = Stack { top: base.add(len), end: base.add(capacity), block };
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
        (index < self.len()).then(|| unsafe { &mut *self.base().add(index) })
    }

    /// All values, from the bottom.
    pub fn as_slice(&self) -> &[T] {
        match self.len() {
            0 => &[],
            // SAFETY: so many were written.
            len => unsafe { core::slice::from_raw_parts(self.base(), len) },
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
        // SAFETY: ours, or null.
        unsafe { sys::free(self.block as *mut u8) };
        *self = Stack { top: ptr::null_mut(), end: ptr::null_mut(), block: ptr::null_mut() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Below for u64 {
        const BELOW: Option<u64> = Some(u64::MAX);
    }

    #[test]
    fn what_was_pushed_last_is_popped_first() {
        // SAFETY: zeroed memory is an empty stack.
        let mut stack: Stack<u64> = unsafe { core::mem::zeroed() };
        assert!(stack.is_empty() && stack.pop().is_none() && stack.last().is_none());
        for value in 0..1000 {
            assert!(stack.push(value));
            // SAFETY: it has memory.
            assert_eq!(unsafe { *stack.block }, u64::MAX);
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
