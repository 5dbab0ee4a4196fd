//! Numbers that are found by a hash: open addressing with linear probing, at most half full. What a number stands for
//! is the caller's, who looks it up in a table of its own; so a name, a pair, an address is found in one look however
//! many there are.

use crate::sys;
use core::ptr;

/// The numbers. Zeroed memory has none.
#[repr(C)]
pub struct Index {
    /// Number + 1; 0: free.
    places: *mut u32,
    /// A power of two, or 0.
    capacity: usize,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

impl Index {
    /// No numbers.
    pub const fn new() -> Self {
        Index { places: ptr::null_mut(), capacity: 0, len: 0 }
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.capacity - 1)
    }

    /// The first number of this hash that `is` accepts, which is asked of others, too.
    pub fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.capacity == 0 {
            return None;
        }
        let mut at = hash as usize & (self.capacity - 1);
        loop {
            // SAFETY: below the capacity.
            let number = unsafe { *self.places.add(at) }.checked_sub(1)?;
            if is(number) {
                return Some(number);
            }
            at = self.after(at);
        }
    }

    /// Makes sure that one more number fits; `hash_of` gives the hash of one that is in. False for out of memory.
    pub fn reserve(&mut self, hash_of: impl Fn(u32) -> u32) -> bool {
        if (self.len + 1) * 2 <= self.capacity {
            return true;
        }
        let capacity = (self.capacity * 2).max(64);
        let places = sys::allocate(capacity * size_of::<u32>()) as *mut u32;
        if places.is_null() {
            return false;
        }
        let old = core::mem::replace(&mut self.places, places);
        let old_capacity = core::mem::replace(&mut self.capacity, capacity);
        for at in 0..old_capacity {
            // SAFETY: below the old capacity.
            if let Some(number) = unsafe { *old.add(at) }.checked_sub(1) {
                self.put(hash_of(number), number);
            }
        }
        // SAFETY: ours, and nobody has a pointer to it.
        unsafe { sys::free(old as *mut u8) };
        true
    }

    /// Enters a number. False for out of memory: then nothing changed.
    pub fn enter(&mut self, hash: u32, number: u32, hash_of: impl Fn(u32) -> u32) -> bool {
        if !self.reserve(hash_of) {
            return false;
        }
        self.enter_reserved(hash, number);
        true
    }

    /// As [`Index::enter`], behind [`Index::reserve`].
    pub fn enter_reserved(&mut self, hash: u32, number: u32) {
        self.put(hash, number);
        self.len += 1;
    }

    #[inline(never)]
    fn put(&mut self, hash: u32, number: u32) {
        let mut at = hash as usize & (self.capacity - 1);
        // SAFETY: below the capacity, and there is a free place.
        unsafe {
            while *self.places.add(at) != 0 {
                at = self.after(at);
            }
            *self.places.add(at) = number + 1;
        }
    }

    /// Takes a number out, if it is in; `hash_of` gives the hash of any that is.
    pub fn remove(&mut self, hash: u32, number: u32, hash_of: impl Fn(u32) -> u32) {
        if self.capacity == 0 {
            return;
        }
        let mask = self.capacity - 1;
        let mut hole = hash as usize & mask;
        // SAFETY: all places are below the capacity, and one at least is free.
        unsafe {
            while *self.places.add(hole) != number + 1 {
                if *self.places.add(hole) == 0 {
                    return;
                }
                hole = self.after(hole);
            }
            // Whoever probed past the hole moves into it, as in `table.rs`.
            let mut at = hole;
            loop {
                at = self.after(at);
                let Some(next) = (*self.places.add(at)).checked_sub(1) else { break };
                let home = hash_of(next) as usize;
                if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                    *self.places.add(hole) = next + 1;
                    hole = at;
                }
            }
            *self.places.add(hole) = 0;
        }
        self.len -= 1;
    }

    /// From now on the numbers below `count`, no more than there were, and no other ones.
    pub fn refill(&mut self, count: u32, hash_of: impl Fn(u32) -> u32) {
        // SAFETY: there are so many places, and nobody else points to them.
        unsafe { ptr::write_bytes(self.places, 0, self.capacity) };
        (0..count).for_each(|number| self.put(hash_of(number), number));
        self.len = count as usize;
    }

    /// Bytes of its memory.
    pub fn own_bytes(&self) -> u64 {
        (self.capacity * size_of::<u32>()) as u64
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        // SAFETY: ours, and empty from here on.
        unsafe { sys::free(self.places as *mut u8) };
        *self = Index::new();
    }
}

/// Mixes a number into a hash.
pub fn mix(hash: u64, number: u64) -> u64 {
    let mixed = (hash ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

/// The hash of an address.
pub fn hash_of_address(address: usize) -> u32 {
    mix(0, address as u64) as u32
}

/// The hash of a text.
pub fn hash_of_text(text: &[u8]) -> u32 {
    text.iter().fold(0, |hash, &byte| mix(hash, byte as u64)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_until_they_are_taken_out() {
        let mut index = Index::new();
        // Few hashes, so that many numbers share one.
        let hash_of = |number: u32| mix(7, number as u64 % 300) as u32;
        for number in 0..2000 {
            assert!(index.enter(hash_of(number), number, hash_of));
        }
        for number in (0..2000).filter(|number| number % 3 != 1) {
            index.remove(hash_of(number), number, hash_of);
            index.remove(hash_of(number), number, hash_of);
        }
        let has = |index: &Index, number| index.find(hash_of(number), |other| other == number).is_some();
        assert!((0..2000).all(|number| has(&index, number) == (number % 3 == 1)));
        assert_eq!(index.len, 2000 / 3 + 1);
        index.refill(100, hash_of);
        assert!((0..2000).all(|number| has(&index, number) == (number < 100)));
        index.end();
        assert_eq!(index.find(0, |_| true), None);
    }
}
