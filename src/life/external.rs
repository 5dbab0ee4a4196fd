//! External bytes: what objects keep elsewhere, in a table beside the heap, since few objects have any.
//!
//! Open addressing with linear probing, at most three quarters full, keys are granules (0 is no object's).
//! An object that has an entry has [`crate::header::Flags::SIDE`]; its death removes both. Beside them the heap has bytes
//! of its own, which its host counts for all that belongs to no object.

use crate::sys;
use core::ptr;

/// One object's bytes.
#[derive(Clone, Copy)]
#[repr(C)]
struct Entry {
    /// 0: free.
    granule: u64,
    bytes: u64,
}

/// The table of one heap. Zeroed memory is an empty table.
#[repr(C)]
pub struct ExternalBytes {
    entries: *mut Entry,
    /// A power of two, or 0.
    capacity: usize,
    len: usize,
    /// What the host counts for the heap as a whole.
    pub of_heap: u64,
    /// Sum over all entries, and `of_heap`.
    pub total: u64,
}

/// The least capacity of a table that has something.
const CAPACITY_MIN: usize = 16;

/// Why an amount could not be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The object's bytes, or the heap's own, would fall below zero, or the total leave 63 bits.
    OutOfRange,
    /// No memory for the table.
    NoMemory,
}

impl ExternalBytes {
    fn home(&self, granule: u64) -> usize {
        // Fibonacci hashing: the high bits of the product are well mixed.
        (granule.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (self.capacity - 1)
    }

    /// The place of a granule's entry, or the free place where it would be.
    unsafe fn index_of(&self, granule: u64) -> usize {
        let mut at = self.home(granule);
        loop {
            let found = (*self.entries.add(at)).granule;
            if found == granule || found == 0 {
                return at;
            }
            at = (at + 1) & (self.capacity - 1);
        }
    }

    /// An object's bytes.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn get(&self, granule: u64) -> u64 {
        if self.capacity == 0 {
            return 0;
        }
        let entry = *self.entries.add(self.index_of(granule));
        if entry.granule == granule {
            entry.bytes
        } else {
            0
        }
    }

    /// Whether any object has bytes.
    pub fn has_entries(&self) -> bool {
        self.len != 0
    }

    /// Adds to the heap's own bytes.
    pub fn add_to_heap(&mut self, bytes: i64) -> Result<(), Refused> {
        let changed = |sum: u64| sum.checked_add_signed(bytes).filter(|&sum| sum <= i64::MAX as u64);
        match (changed(self.of_heap), changed(self.total)) {
            (Some(of_heap), Some(total)) => {
                (self.of_heap, self.total) = (of_heap, total);
                Ok(())
            }
            _ => Err(Refused::OutOfRange),
        }
    }

    /// Adds to an object's bytes; an entry of 0 bytes goes. Returns the new amount.
    ///
    /// # Safety
    /// - As [`ExternalBytes::get`].
    pub unsafe fn add(&mut self, granule: u64, bytes: i64) -> Result<u64, Refused> {
        let old = self.get(granule);
        let new =
            old.checked_add_signed(bytes).filter(|&new| new <= i64::MAX as u64).ok_or(Refused::OutOfRange)?;
        let total = (self.total - old)
            .checked_add(new)
            .filter(|&sum| sum <= i64::MAX as u64)
            .ok_or(Refused::OutOfRange)?;
        if new == 0 {
            self.remove(granule);
            return Ok(0);
        }
        if old == 0 && !self.make_room() {
            return Err(Refused::NoMemory);
        }
        let entry = self.entries.add(self.index_of(granule));
        if old == 0 {
            self.len += 1;
        }
        *entry = Entry { granule, bytes: new };
        self.total = total;
        Ok(new)
    }

    /// An object has moved: its entry, if it has one, goes with it. There is room for that.
    ///
    /// # Safety
    /// - As [`ExternalBytes::get`]; nothing is known of the new granule.
    pub unsafe fn move_to(&mut self, from: u64, to: u64) {
        let bytes = self.remove(from);
        if bytes != 0 {
            *self.entries.add(self.index_of(to)) = Entry { granule: to, bytes };
            self.len += 1;
            self.total += bytes;
        }
    }

    /// Takes an object off the table; returns its bytes.
    ///
    /// # Safety
    /// - As [`ExternalBytes::get`].
    pub unsafe fn remove(&mut self, granule: u64) -> u64 {
        if self.capacity == 0 {
            return 0;
        }
        let mut hole = self.index_of(granule);
        let entry = *self.entries.add(hole);
        if entry.granule != granule {
            return 0;
        }
        self.total -= entry.bytes;
        self.len -= 1;
        // Backward shift: whoever probed past the hole moves into it, so that no tombstones are needed.
        let mut at = hole;
        loop {
            at = (at + 1) & (self.capacity - 1);
            let next = *self.entries.add(at);
            if next.granule == 0 {
                break;
            }
            let from_home = at.wrapping_sub(self.home(next.granule)) & (self.capacity - 1);
            let from_hole = at.wrapping_sub(hole) & (self.capacity - 1);
            if from_home >= from_hole {
                *self.entries.add(hole) = next;
                hole = at;
            }
        }
        *self.entries.add(hole) = Entry { granule: 0, bytes: 0 };
        entry.bytes
    }

    /// Makes sure that one more entry fits.
    unsafe fn make_room(&mut self) -> bool {
        if self.capacity != 0 && (self.len + 1) * 4 <= self.capacity * 3 {
            return true;
        }
        self.resize((self.capacity * 2).max(CAPACITY_MIN))
    }

    /// Another capacity, a power of two, more than there are entries. False for out of memory.
    unsafe fn resize(&mut self, capacity: usize) -> bool {
        let entries = sys::allocate(capacity * size_of::<Entry>()) as *mut Entry;
        if entries.is_null() {
            return false;
        }
        let old = ptr::replace(&mut self.entries, entries);
        let old_capacity = core::mem::replace(&mut self.capacity, capacity);
        for index in 0..old_capacity {
            let entry = *old.add(index);
            if entry.granule != 0 {
                *self.entries.add(self.index_of(entry.granule)) = entry;
            }
        }
        sys::free(old as *mut u8);
        true
    }

    /// Gives memory back that is much more than what is needed.
    ///
    /// # Safety
    /// - As [`ExternalBytes::get`].
    pub unsafe fn trim(&mut self) {
        if self.len == 0 {
            self.end();
        } else if self.capacity > 8 * self.len.max(CAPACITY_MIN / 4) {
            // Without memory it stays as it is.
            let _ = self.resize((2 * self.len).next_power_of_two().max(CAPACITY_MIN));
        }
    }

    /// Forgets all objects.
    ///
    /// # Safety
    /// - As [`ExternalBytes::get`].
    pub unsafe fn end(&mut self) {
        sys::free(self.entries as *mut u8);
        (self.entries, self.capacity, self.len) = (ptr::null_mut(), 0, 0);
        self.total = self.of_heap;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_growth_and_removal_in_any_order() {
        let mut table = ExternalBytes { entries: ptr::null_mut(), capacity: 0, len: 0, of_heap: 0, total: 0 };
        // SAFETY: the table is this thread's alone.
        unsafe {
            for granule in 1..2000u64 {
                assert_eq!(table.add(granule * 7, granule as i64), Ok(granule));
            }
            for granule in (1..2000u64).filter(|granule| granule % 3 != 0) {
                assert_eq!(table.remove(granule * 7), granule);
            }
            for granule in 1..2000u64 {
                assert_eq!(table.get(granule * 7), if granule % 3 == 0 { granule } else { 0 });
            }
            assert_eq!(table.total, (1..2000u64).filter(|granule| granule % 3 == 0).sum::<u64>());
            assert_eq!(table.add(21, -4), Err(Refused::OutOfRange));
            assert_eq!(table.add(21, i64::MAX), Err(Refused::OutOfRange));
            assert_eq!(table.add(21, -3), Ok(0));
            assert_eq!(table.get(21), 0);
            assert_eq!(table.add_to_heap(10), Ok(()));
            table.end();
            assert_eq!(table.total, 10, "what is the heap's stays");
            assert_eq!(table.add_to_heap(-11), Err(Refused::OutOfRange));
            assert_eq!(table.add_to_heap(i64::MAX), Err(Refused::OutOfRange));
            assert_eq!(table.add_to_heap(-10), Ok(()));
            assert_eq!(table.total, 0);
        }
    }
}
