//! Names: the strings of a dump, each written once as long as memory for that lasts.
//!
//! Host code gives names as pointers that may be good for one call only, so a name is known again by its
//! bytes. The table of what was written has a fixed size; when it is full it is forgotten, and names are
//! written anew.

use crate::out::{Buffer, Out};
use crate::sys;
use core::ffi::{c_char, CStr};
use rcgc_format::{self as format, siphash, STRING_BYTES_MAX};

const SLOTS: usize = 16 << 10;
const ARENA_BYTES: usize = 256 << 10;
/// Bytes of an entry before its name: number, length.
const ENTRY_HEAD: usize = 12;

/// The strings of one dump.
pub struct Names {
    /// Offsets of entries + 1; 0: none.
    slots: *mut u32,
    used: usize,
    arena: *mut u8,
    arena_len: usize,
    /// Strings that are not written yet.
    pending: Buffer,
    next: u64,
    /// Names are hashed with this key.
    key: Option<u64>,
}

impl Names {
    /// No strings yet; None for out of memory.
    pub fn new(key: Option<u64>) -> Option<Names> {
        let pending = Buffer::new(2 * STRING_BYTES_MAX)?;
        let slots = sys::allocate(SLOTS * size_of::<u32>()) as *mut u32;
        let arena = sys::allocate_raw(ARENA_BYTES);
        let names = Names { slots, used: 0, arena, arena_len: 0, pending, next: 1, key };
        (!slots.is_null() && !arena.is_null()).then_some(names)
    }

    /// The number of a C string; 0 for null.
    ///
    /// # Safety
    /// - `text` is null or a C string; for `out` as [`Out::write`].
    pub unsafe fn number_of(&mut self, out: &mut Out, text: *const c_char) -> u64 {
        if text.is_null() {
            return 0;
        }
        let bytes = CStr::from_ptr(text).to_bytes();
        let bytes = bytes.get(..bytes.len().min(STRING_BYTES_MAX)).unwrap_or(bytes);
        let mut slot = siphash(0, bytes) as usize % SLOTS;
        loop {
            match *self.slots.add(slot) {
                0 => break,
                entry => {
                    let (number, name) = self.entry(entry as usize - 1);
                    if name == bytes {
                        return number;
                    }
                }
            }
            slot = (slot + 1) % SLOTS;
        }
        let number = self.write(out, bytes);
        self.remember(slot, number, bytes);
        number
    }

    unsafe fn entry(&self, offset: usize) -> (u64, &[u8]) {
        let place = self.arena.add(offset);
        let number = (place as *const u64).read_unaligned();
        let len = (place.add(8) as *const u32).read_unaligned() as usize;
        (number, core::slice::from_raw_parts(place.add(ENTRY_HEAD), len))
    }

    unsafe fn remember(&mut self, slot: usize, number: u64, bytes: &[u8]) {
        let size = ENTRY_HEAD + bytes.len();
        if self.arena_len + size > ARENA_BYTES || self.used >= SLOTS / 2 {
            core::ptr::write_bytes(self.slots, 0, SLOTS);
            (self.arena_len, self.used) = (0, 0);
            // The slot was found in the old table; the next time the name comes it is written once more.
            return;
        }
        let place = self.arena.add(self.arena_len);
        (place as *mut u64).write_unaligned(number);
        (place.add(8) as *mut u32).write_unaligned(bytes.len() as u32);
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), place.add(ENTRY_HEAD), bytes.len());
        *self.slots.add(slot) = self.arena_len as u32 + 1;
        self.arena_len += size;
        self.used += 1;
    }

    unsafe fn write(&mut self, out: &mut Out, bytes: &[u8]) -> u64 {
        let mut digits = [0u8; 16];
        let shown = match self.key {
            None => bytes,
            Some(key) => {
                let hash = siphash(key, bytes);
                for (index, place) in digits.iter_mut().enumerate() {
                    let digit = (hash >> (60 - 4 * index) & 15) as u8;
                    *place = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
                }
                &digits
            }
        };
        if !self.pending.has_room_for_bytes(shown.len()) {
            self.flush(out);
        }
        if self.pending.is_empty() {
            self.pending.put(self.next);
        }
        self.pending.put(shown.len() as u64);
        self.pending.put_bytes(shown);
        self.next += 1;
        self.next - 1
    }

    /// Writes the strings that are not written yet: before the chunk that names them.
    ///
    /// # Safety
    /// - As [`Out::write`].
    pub unsafe fn flush(&mut self, out: &mut Out) {
        out.write_chunk(format::STRINGS, &mut self.pending);
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody has a pointer to them.
        unsafe {
            sys::free(self.slots as *mut u8);
            sys::free(self.arena);
        }
    }
}
