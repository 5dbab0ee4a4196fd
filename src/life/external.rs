//! External bytes: what objects keep elsewhere, in a table beside the heap, since few objects have any.
//!
//! An object that has an entry has [`crate::header::Flags::SIDE`]; its death removes both. Beside them the heap has bytes
//! of its own, which its host counts for all that belongs to no object.

use crate::base::promised;
use crate::base::table::{Entry, Table};

/// One object's bytes.
#[derive(Clone, Copy)]
#[repr(C)]
struct Amount {
    granule: u64,
    bytes: u64,
}

impl Entry for Amount {
    fn key(&self) -> u64 {
        self.granule
    }
}

/// The table of one heap. Zeroed memory is an empty table.
#[repr(C)]
pub struct ExternalBytes {
    entries: Table<Amount>,
    /// What the host counts for the heap as a whole.
    pub of_heap: u64,
    /// Sum over all entries, and `of_heap`.
    pub total: u64,
}

/// Why an amount could not be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The object's bytes, or the heap's own, would fall below zero, or the total leave 63 bits.
    OutOfRange,
    /// No memory for the table.
    NoMemory,
}

impl ExternalBytes {
    /// An object's bytes.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn get(&self, granule: u64) -> u64 {
        self.entries.get(granule).map_or(0, |entry| entry.bytes)
    }

    /// Whether any object has bytes.
    pub fn has_entries(&self) -> bool {
        self.entries.len() != 0
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
        if let Some(entry) = self.entries.get_mut(granule) {
            entry.bytes = new;
        } else if !self.entries.put(Amount { granule, bytes: new }) {
            return Err(Refused::NoMemory);
        }
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
            let fits = self.entries.put(Amount { granule: to, bytes });
            promised!(fits);
            self.total += bytes;
        }
    }

    /// Takes an object off the table; returns its bytes.
    ///
    /// # Safety
    /// - As [`ExternalBytes::get`].
    pub unsafe fn remove(&mut self, granule: u64) -> u64 {
        let bytes = self.entries.take(granule).map_or(0, |entry| entry.bytes);
        self.total -= bytes;
        bytes
    }

    /// Gives memory back that is much more than what is needed.
    ///
    /// # Safety
    /// - As [`ExternalBytes::get`].
    pub unsafe fn trim(&mut self) {
        self.entries.trim();
    }

    /// Forgets all objects.
    ///
    /// # Safety
    /// - As [`ExternalBytes::get`].
    pub unsafe fn end(&mut self) {
        self.entries.end();
        self.total = self.of_heap;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_growth_and_removal_in_any_order() {
        let mut table = ExternalBytes { entries: Table::new(), of_heap: 0, total: 0 };
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
