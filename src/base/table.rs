//! Entries that are found by a number, which they carry: open addressing with linear probing, at most three quarters full.
//! For what is kept beside few of many objects, by their granules; 0 is no object's.
//!
//! [`Index`](super::index::Index) finds rows of another table by any hash. The cells of weak handles have a table of their
//! own, `life/weak.rs`, of 32-bit numbers of cells, which grows by half: every target pays for it.

use crate::sys;
use core::ptr;

/// What a table can hold. Zeroed memory is a free place.
pub trait Entry: Copy {
    /// The number; 0: the place is free.
    fn key(&self) -> u64;
}

/// See the file's head. Zeroed memory is an empty table.
#[repr(C)]
pub struct Table<E: Entry> {
    entries: *mut E,
    /// A power of two, or 0.
    capacity: usize,
    len: usize,
}

/// The least capacity of a table that has something.
const CAPACITY_MIN: usize = 16;

impl<E: Entry> Table<E> {
    /// Without an entry.
    pub const fn new() -> Self {
        Table { entries: ptr::null_mut(), capacity: 0, len: 0 }
    }

    /// Entries.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of its memory.
    pub const fn own_bytes(&self) -> u64 {
        (self.capacity * size_of::<E>()) as u64
    }

    fn home(&self, key: u64) -> usize {
        // Fibonacci hashing: the high bits of the product are well mixed.
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (self.capacity - 1)
    }

    /// The place of a key's entry, or the free place where it would be. There is a free place.
    fn at(&self, key: u64) -> usize {
        let mut at = self.home(key);
        loop {
            // SAFETY: below the capacity.
            let found = unsafe { (*self.entries.add(at)).key() };
            if found == key || found == 0 {
                return at;
            }
            at = (at + 1) & (self.capacity - 1);
        }
    }

    /// A key's entry.
    pub fn get_mut(&mut self, key: u64) -> Option<&mut E> {
        if self.capacity == 0 {
            return None;
        }
        // SAFETY: below the capacity, and nobody else has a pointer to it.
        let entry = unsafe { &mut *self.entries.add(self.at(key)) };
        (entry.key() == key).then_some(entry)
    }

    /// A copy of a key's entry.
    #[inline(never)]
    pub fn get(&self, key: u64) -> Option<E> {
        if self.capacity == 0 {
            return None;
        }
        // SAFETY: below the capacity.
        let entry = unsafe { *self.entries.add(self.at(key)) };
        (entry.key() == key).then_some(entry)
    }

    /// Sees to it that so many entries more fit. False for out of memory: then nothing changed.
    pub fn reserve(&mut self, more: usize) -> bool {
        let wanted = self.len + more;
        if wanted * 4 <= self.capacity * 3 {
            return true;
        }
        self.resize((wanted * 4).div_ceil(3).next_power_of_two().max(CAPACITY_MIN))
    }

    /// Enters what has no entry yet. False for out of memory: then nothing changed.
    #[inline(never)]
    pub fn put(&mut self, entry: E) -> bool {
        if !self.reserve(1) {
            return false;
        }
        let at = self.at(entry.key());
        // SAFETY: below the capacity.
        unsafe { *self.entries.add(at) = entry };
        self.len += 1;
        true
    }

    /// Takes a key's entry out.
    #[inline(never)]
    pub fn take(&mut self, key: u64) -> Option<E> {
        let taken = self.get(key)?;
        self.len -= 1;
        let mask = self.capacity - 1;
        let mut hole = self.at(key);
        // Backward shift: whoever probed past the hole moves into it, so that no tombstones are needed.
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            // SAFETY: places are below the capacity, and one at least is free.
            unsafe {
                let next = *self.entries.add(at);
                if next.key() == 0 {
                    ptr::write_bytes(self.entries.add(hole), 0, 1);
                    return Some(taken);
                }
                if at.wrapping_sub(self.home(next.key())) & mask >= at.wrapping_sub(hole) & mask {
                    *self.entries.add(hole) = next;
                    hole = at;
                }
            }
        }
    }

    /// Another capacity, a power of two, more than there are entries. False for out of memory.
    #[inline(never)]
    fn resize(&mut self, capacity: usize) -> bool {
        let entries = sys::allocate(capacity * size_of::<E>()) as *mut E;
        if entries.is_null() {
            return false;
        }
        let old = core::mem::replace(&mut self.entries, entries);
        let old_capacity = core::mem::replace(&mut self.capacity, capacity);
        // SAFETY: places are below the capacities; the old memory is ours, and forgotten here.
        unsafe {
            for at in 0..old_capacity {
                let entry = *old.add(at);
                if entry.key() != 0 {
                    *self.entries.add(self.at(entry.key())) = entry;
                }
            }
            sys::free(old as *mut u8);
        }
        true
    }

    /// Gives memory back that is much more than what is needed.
    pub fn trim(&mut self) {
        if self.len == 0 {
            self.end();
        } else if self.capacity > 8 * self.len.max(CAPACITY_MIN / 4) {
            // Without memory it stays as it is.
            let _ = self.resize((2 * self.len).next_power_of_two().max(CAPACITY_MIN));
        }
    }

    /// Forgets all entries.
    pub fn end(&mut self) {
        // SAFETY: ours, and empty from here on.
        unsafe { sys::free(self.entries as *mut u8) };
        *self = Table::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Pair(u64, u64);

    impl Entry for Pair {
        fn key(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn entries_survive_growth_and_removal_in_any_order() {
        let mut table = Table::<Pair>::new();
        assert_eq!((table.get(7), table.take(7)), (None, None));
        for key in 1..2000 {
            assert!(table.put(Pair(key * 7, key)));
        }
        for key in (1..2000).filter(|key| key % 3 != 0) {
            assert_eq!(table.take(key * 7), Some(Pair(key * 7, key)));
        }
        for key in 1..2000 {
            assert_eq!(table.get(key * 7).is_some(), key % 3 == 0);
        }
        let before = table.own_bytes();
        assert_eq!(table.len(), 666);
        for key in (30..2000).filter(|key| key % 3 == 0) {
            assert!(table.take(key * 7).is_some());
        }
        table.trim();
        assert!(table.own_bytes() < before);
        assert!((3..30).step_by(3).all(|key| table.get(key * 7) == Some(Pair(key * 7, key))));
        assert!(table.reserve(1000));
        let room = table.own_bytes();
        assert!((10_000..11_000).all(|key| table.put(Pair(key, 0))));
        assert_eq!(table.own_bytes(), room);
        table.end();
        assert_eq!((table.len(), table.own_bytes()), (0, 0));
    }
}
