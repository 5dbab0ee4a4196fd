//! Tables of bits beside the objects, one bit a granule: what is true of the block that begins there.

use super::page::PAGE_BYTES;
use super::range::GRANULE_BYTES;
use core::ops::Range;
use core::ptr;

/// Granules of a page.
pub const PAGE_GRANULES: usize = PAGE_BYTES / GRANULE_BYTES;

/// Bits that a word has.
const WORD_BITS: usize = u64::BITS as usize;

/// One table. The memory behind it is the range's; that of committed segments can be written.
#[derive(Clone, Copy)]
pub struct Bits(pub *mut u64);

impl Bits {
    /// No table.
    pub const NONE: Bits = Bits(ptr::null_mut());

    /// Whether the bit is set.
    ///
    /// # Safety
    /// - The granule lies in a committed segment.
    #[inline(always)]
    pub unsafe fn has(self, granule: usize) -> bool {
        *self.0.add(granule / WORD_BITS) & (1 << (granule % WORD_BITS)) != 0
    }

    /// Sets the bit.
    ///
    /// # Safety
    /// - As [`Bits::has`].
    #[inline(always)]
    pub unsafe fn set(self, granule: usize) {
        *self.0.add(granule / WORD_BITS) |= 1 << (granule % WORD_BITS);
    }

    /// Sets the bits of granules.
    ///
    /// # Safety
    /// - As [`Bits::has`].
    pub unsafe fn set_all(self, granules: Range<usize>) {
        granules.for_each(|granule| self.set(granule));
    }

    /// Clears the bits of a page that begins with this granule.
    ///
    /// # Safety
    /// - As [`Bits::has`].
    pub unsafe fn clear_page(self, first: usize) {
        ptr::write_bytes(self.0.add(first / WORD_BITS), 0, PAGE_GRANULES / WORD_BITS);
    }
}
