//! Tagged words and variants in the struct, for the collector's sweeps.
//!
//! A declared field describes one tag; several may describe one word. The sweeps want to know once for each word
//! whether it is a reference now, and without a branch, since tags are data that no processor foretells (measured: two
//! to four times the time of a sweep). So all tags of one word are merged into a [`Word`]: with
//!
//! ```text
//!   n = ((tag & mask) >> shift) - least
//! ```
//!
//! the word is a reference when n is below 64 and bit n of `set` is set. Tags further apart than that make a second
//! `Word` for the same word. A narrow tag is read as part of the aligned 8 bytes around it, which lie in the block.
//!
//! Types with references elsewhere too (vectors, tails, a `traverse`), or with more than [`WORDS_MAX`] words, have none
//! of this: their entries are walked one by one.

use super::{SlotKind, SlotPlace, Slots, Type};

/// Most words of one type: as many as a sweep puts into its batch at once.
pub const WORDS_MAX: usize = 16;

/// A tagged word, or a variant's payload, with the tags that make it a reference.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Word {
    /// Where the word with the pointer lies.
    pub word: u32,
    /// Where the aligned word lies that has the tag.
    pub tag: u32,
    /// Bits of the tag.
    pub mask: u64,
    /// How far the tag is from the low end.
    pub shift: u64,
    /// The least tag that makes a reference.
    pub least: u64,
    /// Which of the 64 tags from the least on make one.
    pub set: u64,
    /// Bits of the word that are the pointer.
    pub pointer_mask: u64,
}

impl Word {
    /// The word of one slot of an entry; None when it cannot be had.
    fn of(slots: &Slots, number: usize) -> Option<Word> {
        let element = slots.offset + number * slots.stride;
        let word = element + slots.payload;
        let (tag, mask, value, pointer_mask) = match slots.kind {
            SlotKind::Tagged => (word, slots.mask, slots.value, slots.pointer_mask),
            SlotKind::Variant => {
                let at = element + slots.tag;
                let bits = at % 8 * 8;
                if at % 8 + slots.tag_bytes as usize > 8 {
                    return None;
                }
                (at - at % 8, slots.mask << bits, slots.value << bits, u64::MAX)
            }
            _ => (word, 0, 0, u64::MAX),
        };
        let shift = if mask == 0 { 0 } else { mask.trailing_zeros() as u64 };
        Some(Word {
            word: u32::try_from(word).ok()?,
            tag: u32::try_from(tag).ok()?,
            mask,
            shift,
            least: value >> shift,
            set: 1,
            pointer_mask,
        })
    }

    /// Takes over another's tags, if they are of the same word and near enough.
    fn merge(&mut self, other: &Word) -> bool {
        let same = (self.word, self.tag, self.mask, self.pointer_mask)
            == (other.word, other.tag, other.mask, other.pointer_mask);
        let most = |word: &Word| word.least + (63 - word.set.leading_zeros() as u64);
        let least = self.least.min(other.least);
        if !same || most(self).max(most(other)) - least >= 64 {
            return false;
        }
        self.set = self.set << (self.least - least) | other.set << (other.least - least);
        self.least = least;
        true
    }

    /// The pointer in an object's word if the tag says that it is a reference, else 0.
    ///
    /// # Safety
    /// - `obj` is an object of the word's type.
    #[inline(always)]
    pub unsafe fn reference(&self, obj: usize) -> usize {
        let tag = *((obj + self.tag as usize) as *const u64);
        let word = *((obj + self.word as usize) as *const u64);
        let number = ((tag & self.mask) >> (self.shift & 63)).wrapping_sub(self.least);
        let hit = (number < 64) as u64 & (self.set >> (number & 63));
        (word & self.pointer_mask & hit.wrapping_neg()) as usize
    }
}

/// How many words a type with these entries may need: 0 when the entries must be walked one by one.
pub fn room_for<'a>(entries: impl Iterator<Item = (SlotPlace, usize)> + 'a, has_traverse: bool) -> usize {
    let mut count = 0usize;
    for (place, slots) in entries {
        if place != SlotPlace::Struct {
            return 0;
        }
        count = count.saturating_add(slots);
    }
    if has_traverse {
        0
    } else {
        count.min(WORDS_MAX)
    }
}

/// Merges the entries of a type into words, in the memory behind them. Leaves the type without if they do not fit.
///
/// # Safety
/// - `ty.extra` is complete, with memory for `room` words behind it, zeroed.
pub unsafe fn compile(ty: &mut Type, room: usize) {
    let words = ty.extra.add(ty.extra_count as usize) as *mut Word;
    let mut used = 0;
    for index in 0..ty.extra_count as usize {
        let slots = &*ty.extra.add(index);
        if slots.kind == SlotKind::Weak {
            continue;
        }
        for number in 0..slots.count {
            let Some(word) = Word::of(slots, number) else { return };
            if (0..used).any(|other| (*words.add(other)).merge(&word)) {
                continue;
            }
            if used == room {
                return;
            }
            words.add(used).write(word);
            used += 1;
        }
    }
    ty.word_count = used as u32;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(least: u64) -> Word {
        Word { word: 0, tag: 8, mask: 0xff, shift: 0, least, set: 1, pointer_mask: u64::MAX }
    }

    #[test]
    fn exactly_the_merged_tags_make_a_reference() {
        let mut merged = word(40);
        for tag in [7, 70, 41] {
            assert!(merged.merge(&word(tag)), "{tag}");
        }
        assert!(!merged.merge(&word(71)), "64 apart from 7");
        assert!(!merged.merge(&word(200)));
        for tag in 0..256u64 {
            let object = [0x1234_5670u64, tag | 0xff00];
            // SAFETY: the word and its tag lie in the array.
            let reference = unsafe { merged.reference(object.as_ptr() as usize) };
            let expected = if [7, 40, 41, 70].contains(&tag) { 0x1234_5670 } else { 0 };
            assert_eq!(reference, expected, "tag {tag}");
        }
    }

    #[test]
    fn words_of_other_shapes_are_not_merged() {
        let mut first = word(1);
        assert!(!first.merge(&Word { mask: 0x7f, ..word(2) }));
        assert!(!first.merge(&Word { word: 16, ..word(2) }));
        assert!(!first.merge(&Word { pointer_mask: !7, ..word(2) }));
        assert_eq!(first.set, 1);
    }
}
