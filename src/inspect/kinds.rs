//! Kinds of edges: all edges of one name from objects of one type to objects of another. `List.items[3] -> Node` and
//! `List.items[4] -> Node` are of one kind.
//!
//! Names are compared as text, since a `traverse` may give equal names at different addresses; a table by address
//! answers for those that were seen before.

use crate::base::array::Array;
use crate::base::index::{self, mix};
use crate::types::Type;
use core::ffi::{c_char, CStr};
use core::ptr;

/// One kind.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The type of the objects that the edges come from.
    pub from: *mut Type,
    /// The edges' name; null: none.
    pub name: *const c_char,
    /// The type of the objects that the edges lead to.
    pub to: *mut Type,
}

impl Kind {
    fn name_bytes(&self) -> &[u8] {
        if self.name.is_null() {
            return &[];
        }
        // SAFETY: names are C strings that live as long as their types.
        unsafe { CStr::from_ptr(self.name) }.to_bytes()
    }

    /// By text, where two names at different addresses are one.
    fn is(&self, other: &Kind) -> bool {
        ptr::eq(self.from, other.from)
            && ptr::eq(self.to, other.to)
            && self.name.is_null() == other.name.is_null()
            && (ptr::eq(self.name, other.name) || self.name_bytes() == other.name_bytes())
    }

    /// An order that is the same in every session.
    pub fn order(&self, other: &Kind) -> core::cmp::Ordering {
        // SAFETY: types of kinds are live.
        let serial = |ty: *mut Type| unsafe { (*(*ty).rare()).serial };
        let by_source = serial(self.from).cmp(&serial(other.from));
        let by_name = by_source.then_with(|| self.name_bytes().cmp(other.name_bytes()));
        by_name.then_with(|| serial(self.to).cmp(&serial(other.to)))
    }

    fn hash(&self) -> u64 {
        let seed = mix(self.from as u64, self.to as u64);
        self.name_bytes().iter().fold(seed, |hash, &byte| mix(hash, byte as u64))
    }

    fn hash_of_addresses(&self) -> u64 {
        mix(mix(self.from as u64, self.to as u64), self.name as u64)
    }
}

/// Numbers from 0 for things that are found by a hash.
pub struct Index {
    numbers: index::Index,
    /// By number.
    hashes: Array<u64>,
}

/// There is no memory.
pub struct NoMemory;

impl Index {
    /// An empty table.
    pub const fn new() -> Self {
        Index { numbers: index::Index::new(), hashes: Array::empty() }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The number with this hash that `is` accepts, or else a new one, which is then `len() - 1`.
    pub fn find_or_add(&mut self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Result<u32, NoMemory> {
        let Index { numbers, hashes } = self;
        if let Some(found) = numbers.find(short(hash), |number| hashes[number as usize] == hash && is(number))
        {
            return Ok(found);
        }
        let number = hashes.len() as u32;
        if !numbers.reserve(|number| short(hashes[number as usize])) || !hashes.push(hash) {
            return Err(NoMemory);
        }
        numbers.enter_reserved(short(hash), number);
        Ok(number)
    }

    /// Takes the number that was added last out again.
    pub fn forget_last(&mut self) {
        let Index { numbers, hashes } = self;
        if let Some(&hash) = hashes.last() {
            let number = hashes.len() as u32 - 1;
            numbers.remove(short(hash), number, |number| short(hashes[number as usize]));
            hashes.pop();
        }
    }
}

/// The part of a hash that decides where the search begins.
fn short(hash: u64) -> u32 {
    (hash >> 20) as u32
}

impl Drop for Index {
    fn drop(&mut self) {
        self.numbers.end();
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

/// The kinds that were seen.
#[derive(Default)]
pub struct Kinds {
    by_text: Index,
    kinds: Rows<Kind>,
    by_address: Index,
    seen: Rows<(Kind, u32)>,
}

impl Kinds {
    /// The number of a kind.
    pub fn number(&mut self, kind: Kind) -> Result<u32, NoMemory> {
        let Kinds { by_text, kinds, by_address, seen } = self;
        let known = by_address.len();
        let place = by_address.find_or_add(kind.hash_of_addresses(), |number| {
            seen.get(number).is_some_and(|(other, _)| {
                ptr::eq(other.from, kind.from) && ptr::eq(other.to, kind.to) && ptr::eq(other.name, kind.name)
            })
        })?;
        if (place as usize) < known {
            return seen.get(place).map(|&(_, number)| number).ok_or(NoMemory);
        }
        let before = by_text.len();
        let number = by_text
            .find_or_add(kind.hash(), |number| kinds.get(number).is_some_and(|other| other.is(&kind)))?;
        if number as usize == before && !kinds.push(kind) || !seen.push((kind, number)) {
            return Err(NoMemory);
        }
        Ok(number)
    }

    /// A kind by its number.
    pub fn get(&self, number: u32) -> Option<&Kind> {
        self.kinds.get(number)
    }
}

/// A growing table of plain rows.
pub struct Rows<T> {
    bytes: Array<u64>,
    len: usize,
    rows: core::marker::PhantomData<T>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Rows { bytes: Array::empty(), len: 0, rows: core::marker::PhantomData }
    }
}

impl<T: Copy> Rows<T> {
    const WORDS: usize = size_of::<T>().div_ceil(8);
    const FITS: () = assert!(align_of::<T>() <= 8 && size_of::<T>() % 8 == 0);

    /// Appends a row. False for out of memory.
    pub fn push(&mut self, row: T) -> bool {
        const { Self::FITS };
        for _ in 0..Self::WORDS {
            if !self.bytes.push(0) {
                return false;
            }
        }
        self.len += 1;
        match self.get_mut(self.len as u32 - 1) {
            Some(place) => *place = row,
            None => return false,
        }
        true
    }

    /// A row by its number.
    pub fn get(&self, number: u32) -> Option<&T> {
        // SAFETY: a row below the length was written, aligned, and stays until the table ends or grows by `&mut`.
        ((number as usize) < self.len).then(|| unsafe { &*self.row(number) })
    }

    /// A row by its number.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        // SAFETY: the words are there, aligned, and hold a row: it is written before anybody reads it.
        ((number as usize) < self.len).then(|| unsafe { &mut *self.row(number) })
    }

    fn row(&self, number: u32) -> *mut T {
        self.bytes.as_ptr().wrapping_add(number as usize * Self::WORDS) as *mut T
    }

    /// Takes the last row off.
    pub fn pop(&mut self) -> Option<T> {
        let last = *self.get((self.len as u32).checked_sub(1)?)?;
        self.truncate(self.len - 1);
        Some(last)
    }

    /// Forgets the rows from this number on.
    pub fn truncate(&mut self, len: usize) {
        while self.len > len {
            for _ in 0..Self::WORDS {
                self.bytes.pop();
            }
            self.len -= 1;
        }
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.len = 0;
    }

    /// All rows.
    pub fn all(&mut self) -> &mut [T] {
        // SAFETY: so many rows were written, one behind the other: a row is whole words.
        unsafe { core::slice::from_raw_parts_mut(self.bytes.as_ptr() as *mut T, self.len) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.bytes.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_at_different_addresses_are_one_kind() {
        let mut kinds = Kinds::default();
        let type_at = |number: usize| (number * 256) as *mut Type;
        let (one, two) = (c"name".to_owned(), c"name".to_owned());
        let kind = |name: *const c_char, to| Kind { from: type_at(1), name, to: type_at(to) };
        let number = |kinds: &mut Kinds, kind| kinds.number(kind).unwrap_or(99);
        assert_eq!(number(&mut kinds, kind(one.as_ptr(), 2)), 0);
        assert_eq!(number(&mut kinds, kind(two.as_ptr(), 2)), 0);
        assert_eq!(number(&mut kinds, kind(one.as_ptr(), 3)), 1);
        assert_eq!(number(&mut kinds, kind(ptr::null(), 2)), 2);
        assert_eq!(number(&mut kinds, kind(c"".as_ptr(), 2)), 3);
        assert_eq!(number(&mut kinds, kind(two.as_ptr(), 2)), 0);
        assert_eq!(kinds.by_text.len(), 4);
    }

    #[test]
    fn a_table_finds_everything_again() {
        let mut index = Index::new();
        let mut values = Vec::new();
        for round in 0..2 {
            for value in 0..5000u64 {
                // Few hashes, so that many things share one.
                let found = index.find_or_add(mix(1, value % 700), |number| values[number as usize] == value);
                let number = found.unwrap_or(u32::MAX) as usize;
                if round == 0 {
                    assert_eq!(number, values.len());
                    values.push(value);
                } else {
                    assert_eq!(values[number], value);
                }
            }
        }
        let found = index.find_or_add(mix(1, 3), |_| false).unwrap_or(0);
        assert_eq!((found, index.len()), (5000, 5001));
        index.forget_last();
        assert_eq!(index.len(), 5000);
        assert_eq!(index.find_or_add(mix(1, 3), |number| values[number as usize] == 3).ok(), Some(3));
        let mut rows = Rows::<(u32, u64)>::default();
        assert!((0..1000).all(|number| rows.push((number, number as u64 * 7))));
        assert!((0..1000).all(|number| rows.get(number) == Some(&(number, number as u64 * 7))));
        assert_eq!((rows.len(), rows.get(1000)), (1000, None));
    }
}
