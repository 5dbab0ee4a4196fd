//! The 8 bytes before every object. This file owns the layout, which is ABI: `include/rcgc/inline.h`
//! compiles it into hosts.
//!
//! ```text
//!   obj - 8            obj - 4                                   obj, a multiple of 16
//!   | count word, 32 | type index, 18 | flags, 6 | link, 8 |      | the host's struct ...
//! ```
//!
//! The count word by state. The host's inline code knows the first and last two lines; everything else it
//! sends out of line:
//!
//! | word | state | the high word holds |
//! |---|---|---|
//! | 0 | never an object; or dead, and its memory was given back | link of the page's free list |
//! | 1 ... 2^28 - 1 | dead: which type it was of, as [`Type::dead_word`](crate::types::Type) | link of the page's free list |
//! | 2^28 + low 28 bits of a granule | queued: count 0 was reached, the end is still to come | type, flags, 8 high bits of the granule |
//! | 2^29 + n | shared between threads (not in this version) | type, flags |
//! | 2^30 + n, n >= 1 | local, count n; while held or dying, the engine's own hold is one of them | type, flags |
//! | 2^31 | immortal | type, flags |
//!
//! A queued object cannot use its own memory as a link, since its callbacks must find it intact; so the
//! link fills the count bits that a dead count does not need and 8 spare bits: 36 bits of granules reach 1
//! TiB, the most a range may have.
//!
//! **Threads.** A header is written by the thread of its object's heap, which reads what it wrote as plain words. A heap's
//! objects may refer to another heap's, and immortal objects are everybody's: so threads of other heaps may look at the
//! header of an object that cannot die meanwhile ([`look`], [`far_type_index`]). Therefore every store is an atomic one.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use static_assertions::const_assert_eq;

/// What a host compiled inline code against; the same number as `RCGC_ABI_TAG`.
pub const ABI_TAG: u32 = 0x5243_0001;

/// The number line (see the file's head).
pub const LOCAL: u32 = 1 << 30;
/// Local, count 1.
pub const LOCAL_ONE: u32 = LOCAL + 1;
/// Never dies.
pub const IMMORTAL: u32 = 1 << 31;
/// Shared between threads.
pub const SHARED: u32 = 1 << 29;
/// Waiting for its end in a [`crate::life::death::Queue`]. Words below are those of the dead.
pub const QUEUED: u32 = 1 << 28;
/// Dead, of a type that is not told.
pub const DEAD_UNTOLD: u32 = QUEUED - 1;

/// Bits of the type index in the high word.
pub const TYPE_BITS: u32 = 18;
/// Types of one process.
pub const TYPE_COUNT_MAX: usize = 1 << TYPE_BITS;
const TYPE_MASK: u32 = (1 << TYPE_BITS) - 1;

/// Bits that the two parts of a queue's link have.
const LINK_LOW_BITS: u32 = 28;
const LINK_HIGH_SHIFT: u32 = 24;
/// Granules that a link can name, and with that a range can have.
pub const LINK_GRANULES: u64 = 1 << (LINK_LOW_BITS + 8);

bitflags::bitflags! {
    /// Flags of one object, in the high word.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Flags: u32 {
        /// Takes part in collections.
        const TRACKED = 1 << 18;
        /// May have entries in tables beside the heap: external bytes, a profile's record.
        const SIDE = 1 << 19;
        /// Past step 2 of its end (`lifetime.md`): the count word has the engine's own reference, weak handles read
        /// null.
        const DYING = 1 << 20;
        /// Has weak handles.
        const WEAK = 1 << 21;
        /// Was finalized.
        const FINALIZED = 1 << 22;
        /// The engine holds one reference while it decides whether the object dies: steps 1 and 2 of its end.
        const HELD = 1 << 23;
        /// In the dead set of the collection under way. In the first bit of the link, which only queued
        /// objects need.
        const CONDEMNED = 1 << 24;
        /// In the queue of finalizers that are due, which owns a reference to it. In the link's second bit.
        const DUE = 1 << 25;
        /// Was found dead together with one whose finalizer is due, and lives on only because that does. In the link's third
        /// bit.
        const KEPT = 1 << 26;
        /// Is listed among the hints (`life/hints.rs`), or left out of the list for good. In the link's fourth bit.
        const HINT = 1 << 27;
    }
}

/// Flags whose object cannot take the leaf path of release.
pub const CARE_FLAGS: u32 = SIDE_FLAGS | HOLD_FLAGS;

/// Flags of an object whose last reference is the engine's own reference.
pub const HOLD_FLAGS: u32 = Flags::DYING.bits() | Flags::HELD.bits();

/// Flags whose object cannot be freed by returning its block alone.
pub const SIDE_FLAGS: u32 = Flags::SIDE.bits() | Flags::WEAK.bits();

const_assert_eq!(TYPE_MASK & Flags::all().bits(), 0);
const_assert_eq!(Flags::all().bits() >> LINK_HIGH_SHIFT, 15);

/// Bytes of the header.
pub const HEADER_BYTES: usize = 8;

/// A header as one word: the count word low, the high word high (little-endian only, as inline.h checks).
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Header(pub u64);

impl Header {
    /// The header of a new object: local, count 1.
    pub const fn new(type_index: u32, flags: Flags) -> Self {
        Header((((type_index | flags.bits()) as u64) << 32) | LOCAL_ONE as u64)
    }

    /// The header of a block that no object was in; the next one is its neighbour.
    pub const NONE: Self = Header(0);

    /// Whether no object is there any more, or none ever was.
    #[inline(always)]
    pub const fn is_dead(self) -> bool {
        self.count_word() < QUEUED
    }

    /// The count word.
    #[inline(always)]
    pub const fn count_word(self) -> u32 {
        self.0 as u32
    }

    /// Type index, flags and link.
    #[inline(always)]
    pub const fn high(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The type's index.
    #[inline(always)]
    pub const fn type_index(self) -> usize {
        (self.high() & TYPE_MASK) as usize
    }

    /// Whether all of the flags are set.
    #[inline(always)]
    pub const fn has(self, flags: Flags) -> bool {
        self.high() & flags.bits() == flags.bits()
    }

    /// This header with flags set, or without them.
    pub const fn with(self, flags: Flags, on: bool) -> Self {
        let bits = (flags.bits() as u64) << 32;
        Header(if on { self.0 | bits } else { self.0 & !bits })
    }

    /// Queued headers only: the granule of the next object in the queue.
    pub const fn link(self) -> u64 {
        let low = (self.count_word() & (QUEUED - 1)) as u64;
        low | (((self.high() >> LINK_HIGH_SHIFT) as u64) << LINK_LOW_BITS)
    }

    /// This header, queued, with a link.
    pub const fn queued(self, granule: u64) -> Self {
        let low = QUEUED as u64 | (granule & (QUEUED as u64 - 1));
        let high =
            (self.high() & !(0xff << LINK_HIGH_SHIFT)) as u64 | (granule >> LINK_LOW_BITS) << LINK_HIGH_SHIFT;
        Header(high << 32 | low)
    }

    /// This header, no longer queued, with the engine's one hold.
    pub const fn held(self) -> Self {
        let high = (self.high() & !(0xff << LINK_HIGH_SHIFT)) | Flags::HELD.bits();
        Header(((high as u64) << 32) | LOCAL_ONE as u64)
    }
}

// ORDER: of `whole`, `low` and `high`: relaxed. The stores pair with the loads of `look` and
// `far_type_index`, in threads that were given the object by its heap's thread, after its type was written; of what changes
// later they need only a whole word, of any age.

/// The header as one word.
#[inline(always)]
unsafe fn whole<'a>(obj: *mut c_void) -> &'a AtomicU64 {
    AtomicU64::from_ptr((obj as *mut u64).sub(1))
}

/// The low half, the count word.
#[inline(always)]
unsafe fn low<'a>(obj: *mut c_void) -> &'a AtomicU32 {
    AtomicU32::from_ptr((obj as *mut u32).sub(2))
}

/// The high half.
#[inline(always)]
unsafe fn high<'a>(obj: *mut c_void) -> &'a AtomicU32 {
    AtomicU32::from_ptr((obj as *mut u32).sub(1))
}

/// Reads the whole header.
///
/// # Safety
/// - `obj - 8` is readable.
#[inline(always)]
pub unsafe fn load(obj: *mut c_void) -> Header {
    Header(*(obj as *mut u64).sub(1))
}

/// Reads the whole header of an object that may be of another heap, whose thread may be writing to it.
///
/// # Safety
/// - `obj - 8` is readable.
#[inline(always)]
pub unsafe fn look(obj: *mut c_void) -> Header {
    Header(whole(obj).load(Ordering::Relaxed))
}

/// Writes the whole header.
///
/// # Safety
/// - `obj` is the payload of a block.
#[inline(always)]
pub unsafe fn store(obj: *mut c_void, header: Header) {
    whole(obj).store(header.0, Ordering::Relaxed);
}

/// Reads the count word.
///
/// # Safety
/// - `obj - 8` is readable.
#[inline(always)]
pub unsafe fn count_word(obj: *mut c_void) -> u32 {
    *(obj as *mut u32).sub(2)
}

/// Writes the count word.
///
/// # Safety
/// - `obj` is an object.
#[inline(always)]
pub unsafe fn set_count_word(obj: *mut c_void, word: u32) {
    low(obj).store(word, Ordering::Relaxed);
}

/// Whether no object is there any more, or none ever was.
///
/// # Safety
/// - `obj - 8` is readable.
#[inline(always)]
pub unsafe fn is_dead(obj: *mut c_void) -> bool {
    count_word(obj) < QUEUED
}

/// Sets the link of a block that is, or becomes, free. By itself, since the count word was set when the object died,
/// where its type was at hand.
///
/// # Safety
/// - `obj` is a block whose count word is that of the dead.
#[inline(always)]
pub unsafe fn set_link(obj: *mut c_void, link: u32) {
    high(obj).store(link, Ordering::Relaxed);
}

/// Reads the high word.
///
/// # Safety
/// - `obj - 4` is readable.
#[inline(always)]
pub unsafe fn high_word(obj: *mut c_void) -> u32 {
    *(obj as *mut u32).sub(1)
}

/// The index of an object's type. Reads the high word only: the count word may just have been written, and
/// a wide load behind a narrow store waits for it.
///
/// # Safety
/// - `obj` is an object.
#[inline(always)]
pub unsafe fn type_index(obj: *mut c_void) -> usize {
    (high_word(obj) & TYPE_MASK) as usize
}

/// As [`type_index`], of an object that may be of another heap.
///
/// # Safety
/// - As [`type_index`].
#[inline(always)]
pub unsafe fn far_type_index(obj: *mut c_void) -> usize {
    (high(obj).load(Ordering::Relaxed) & TYPE_MASK) as usize
}

/// Whether all of the flags are set. Reads the high word only, as [`type_index`].
///
/// # Safety
/// - `obj` is an object.
#[inline(always)]
pub unsafe fn has_flags(obj: *mut c_void, flags: Flags) -> bool {
    high_word(obj) & flags.bits() == flags.bits()
}

/// Sets flags of an object.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn set_flags(obj: *mut c_void, flags: Flags) {
    high(obj).store(high_word(obj) | flags.bits(), Ordering::Relaxed);
}

/// Clears some flags of an object and sets others.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn change_flags(obj: *mut c_void, clear: Flags, set: Flags) {
    high(obj).store(high_word(obj) & !clear.bits() | set.bits(), Ordering::Relaxed);
}

/// An object whose last reference goes is past step 2 of its end: that reference is the engine's own. What the bits of the
/// link said of it is over.
///
/// # Safety
/// - `obj` is an object whose count word is [`LOCAL_ONE`].
#[inline(always)]
pub unsafe fn set_dying(obj: *mut c_void) {
    let clear = 0xff << LINK_HIGH_SHIFT;
    high(obj).store(high_word(obj) & !clear | Flags::DYING.bits(), Ordering::Relaxed);
}

/// Clears flags of an object.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn clear_flags(obj: *mut c_void, flags: Flags) {
    high(obj).store(high_word(obj) & !flags.bits(), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_survives_at_both_ends_of_the_range() {
        let header = Header::new(TYPE_MASK, Flags::TRACKED);
        for granule in [1, QUEUED as u64 - 1, QUEUED as u64, LINK_GRANULES - 1] {
            let queued = header.queued(granule);
            assert_eq!(queued.link(), granule);
            assert_eq!(queued.type_index(), TYPE_MASK as usize);
            assert!(queued.has(Flags::TRACKED));
            assert_ne!(queued.count_word(), 0, "a queued object must not look dead");
            assert_eq!(queued.count_word() & !(2 * QUEUED - 1), 0, "and not like a count");
        }
    }

    #[test]
    fn a_held_header_forgets_the_link() {
        let header = Header::new(7, Flags::TRACKED).queued(LINK_GRANULES - 1).held();
        assert_eq!(header.count_word(), LOCAL_ONE);
        assert_eq!(header.type_index(), 7);
        assert!(header.has(Flags::TRACKED | Flags::HELD));
        assert_eq!(header.high() >> LINK_HIGH_SHIFT, 0);
    }
}
