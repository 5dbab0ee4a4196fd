//! A growing array of plain values, for an engine that must not abort when memory runs out: each call that may need
//! memory says whether it got it.

use crate::sys;
use core::ptr;

/// A growing array of plain values. Zeroed memory is an empty one.
#[repr(C)]
pub struct List<T> {
    items: *mut T,
    len: usize,
    capacity: usize,
}

impl<T: Copy> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy> List<T> {
    /// An empty one.
    pub const fn new() -> Self {
        List { items: ptr::null_mut(), len: 0, capacity: 0 }
    }

    /// Bytes of its memory.
    pub fn own_bytes(&self) -> u64 {
        (self.capacity * size_of::<T>()) as u64
    }

    /// How many fit without more memory.
    pub fn room(&self) -> usize {
        self.capacity
    }

    /// Makes sure that `count` more fit. False for out of memory.
    #[inline(never)]
    pub fn reserve(&mut self, count: usize) -> bool {
        if self.len + count <= self.capacity {
            return true;
        }
        let capacity = (self.len + count).max(self.capacity * 2).max(16);
        let items = sys::allocate_raw(capacity * size_of::<T>()) as *mut T;
        if items.is_null() {
            return false;
        }
        // SAFETY: the new array has room for what the old one has; the old one is ours.
        unsafe {
            if self.len != 0 {
                ptr::copy_nonoverlapping(self.items, items, self.len);
            }
            sys::free(self.items as *mut u8);
        }
        self.items = items;
        self.capacity = capacity;
        true
    }

    /// Puts a value on top. False for out of memory.
    #[inline(always)]
    pub fn push(&mut self, value: T) -> bool {
        if self.len == self.capacity && !self.reserve(1) {
            return false;
        }
        // SAFETY: there is room.
        unsafe { self.items.add(self.len).write(value) };
        self.len += 1;
        true
    }

    /// Takes the top off.
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: below the old length.
        Some(unsafe { self.items.add(self.len).read() })
    }

    /// A value by its place from the bottom.
    pub fn get(&self, index: usize) -> Option<T> {
        // SAFETY: below the length.
        (index < self.len).then(|| unsafe { self.items.add(index).read() })
    }

    /// The top.
    pub fn last(&self) -> Option<T> {
        self.get(self.len.wrapping_sub(1))
    }

    /// A value by its place from the bottom, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        // SAFETY: below the length.
        (index < self.len).then(|| unsafe { &mut *self.items.add(index) })
    }

    /// All values, from the bottom.
    pub fn as_slice(&self) -> &[T] {
        match self.len {
            0 => &[],
            // SAFETY: so many were written.
            len => unsafe { core::slice::from_raw_parts(self.items, len) },
        }
    }

    /// All values, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match self.len {
            0 => &mut [],
            // SAFETY: so many were written, and nobody else has them.
            len => unsafe { core::slice::from_raw_parts_mut(self.items, len) },
        }
    }

    /// Replaces a value; nothing where there is none.
    pub fn set(&mut self, index: usize, value: T) {
        if index < self.len {
            // SAFETY: below the length.
            unsafe { self.items.add(index).write(value) }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes values off the top until so many are left.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Puts values in from a place on, for which there is room; those above move up.
    pub fn insert(&mut self, index: usize, values: impl ExactSizeIterator<Item = T>) {
        let count = values.len();
        if index > self.len || self.len + count > self.capacity {
            return;
        }
        // SAFETY: what moves lies below the new length, for which there is room.
        unsafe {
            let place = self.items.add(index);
            ptr::copy(place, place.add(count), self.len - index);
            values.enumerate().for_each(|(number, value)| place.add(number).write(value));
        }
        self.len += count;
    }

    /// Takes out the values that `keep` does not want.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let mut kept = 0;
        for index in 0..self.len {
            // SAFETY: both are below the length.
            unsafe {
                let value = self.items.add(index).read();
                if keep(&value) {
                    self.items.add(kept).write(value);
                    kept += 1;
                }
            }
        }
        self.len = kept;
    }

    /// Gives memory back that is more than twice what is needed, if there is room for what is.
    pub fn trim(&mut self) {
        if self.len == 0 {
            return self.end();
        }
        if self.capacity <= 2 * self.len.max(32) {
            return;
        }
        let mut less = List::new();
        if less.reserve(self.len) {
            // SAFETY: the new one has room for all of them.
            unsafe { ptr::copy_nonoverlapping(self.items, less.items, self.len) };
            less.len = self.len;
            core::mem::replace(self, less).end();
        }
    }

    /// Takes a value out; those above move down.
    pub fn remove(&mut self, index: usize) {
        if index < self.len {
            // SAFETY: what moves lies below the length.
            unsafe { ptr::copy(self.items.add(index + 1), self.items.add(index), self.len - index - 1) };
            self.len -= 1;
        }
    }

    /// Takes the lowest values out; those above move down.
    pub fn remove_first(&mut self, count: usize) {
        let count = count.min(self.len);
        // SAFETY: what moves lies below the length.
        unsafe { ptr::copy(self.items.add(count), self.items, self.len - count) };
        self.len -= count;
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        // SAFETY: ours, and empty from here on.
        unsafe { sys::free(self.items as *mut u8) };
        *self = List::new();
    }
}
