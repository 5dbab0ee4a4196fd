//! Whether the fields of a type share bytes, at the cost of sorting them.
//!
//! Two fields may share a word only if both are tagged words, or variants, of one shape whose tags exclude each other.
//! So fields are sorted by shape first:
//!
//! 1. those of one shape and one word stand together: they must have one tag, and exclude each other;
//! 2. what is left, one field for each word or buffer, is sorted by where it begins: each must begin behind the end of
//!    the one before;
//! 3. the length of a vector must lie in none of them.
//!
//! **Tags** exclude each other when they differ in a bit that both look at. With one mask that means different values,
//! which sorting shows; with several masks each pair of masks is looked at, of which a word has few: [`MASKS_MAX`].

use super::spec::{tag_bits, RawField, Reason, Refused};
use crate::base::list::List;
use crate::base::report::CText;
use crate::base::sort;
use core::cmp::Ordering;

/// Different masks of the tags of one word.
pub const MASKS_MAX: usize = 64;

/// Fields that are sorted without taking memory.
const FEW: usize = 32;

/// Numbers of fields, in an order.
struct Order {
    few: [u32; FEW],
    many: List<u32>,
    len: usize,
}

impl Order {
    /// Room for so many. None for out of memory.
    fn with_room(room: usize) -> Option<Order> {
        let mut order = Order { few: [0; FEW], many: List::new(), len: 0 };
        (room <= FEW || order.many.reserve(room)).then_some(order)
    }

    /// Takes a number in, for which there is room.
    fn push(&mut self, number: u32) {
        if let (true, Some(place)) = (self.many.is_empty(), self.few.get_mut(self.len)) {
            *place = number;
            self.len += 1;
            return;
        }
        if self.many.is_empty() {
            self.few.iter().for_each(|&number| drop_bool(self.many.push(number)));
        }
        drop_bool(self.many.push(number));
        self.len += 1;
    }

    fn numbers(&mut self) -> &mut [u32] {
        match self.len <= FEW {
            true => self.few.get_mut(..self.len).unwrap_or(&mut []),
            false => self.many.as_mut_slice(),
        }
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        self.many.end();
    }
}

/// Ignores an outcome that is known.
fn drop_bool(_: bool) {}

/// Checks that no two fields share a byte that they may not share. Each field was checked by itself.
///
/// # Safety
/// - Names are C strings.
pub unsafe fn check(fields: &[RawField], reason: &mut Reason) -> Result<(), Refused> {
    let mut order = Order::with_room(fields.len()).ok_or(Refused::NoMemory)?;
    (0..fields.len() as u32).for_each(|number| order.push(number));
    let field = |number: u32| &fields[number as usize];
    let sorted = order.numbers();
    sort::sort_by(sorted, |&a, &b| {
        by_word(field(a), field(b)).then_with(|| by_tag(field(a), field(b))).then(a.cmp(&b))
    });
    let mut apart = Order::with_room(fields.len()).ok_or(Refused::NoMemory)?;
    let mut rest: &[u32] = sorted;
    let mut before: Option<u32> = None;
    while let Some(&first) = rest.first() {
        let same = rest.partition_point(|&number| by_word(field(number), field(first)) != Ordering::Greater);
        let (word, others) = rest.split_at(same);
        check_word(fields, word, reason)?;
        // Words of one array, trailing array or vector lie beside each other in its elements.
        let interleaved = field(first).place != 1
            && before.is_some_and(|before| by_shape(field(before), field(first)) == Ordering::Equal);
        if !interleaved {
            apart.push(first);
        }
        before = Some(first);
        rest = others;
    }
    check_extents(fields, apart.numbers(), reason)
}

/// By what must be the same for two fields to lie in one array.
fn by_shape(a: &RawField, b: &RawField) -> Ordering {
    let key = |field: &RawField| {
        (field.place, field.offset, field.stride, field.count, field.length_offset, field.length_bytes)
    };
    key(a).cmp(&key(b))
}

/// By what must be the same for two fields to describe one word.
fn by_word(a: &RawField, b: &RawField) -> Ordering {
    by_shape(a, b).then(a.payload_offset.cmp(&b.payload_offset))
}

fn by_tag(a: &RawField, b: &RawField) -> Ordering {
    let key = |field: &RawField| (field.slot, field.tag_offset, field.tag_bytes, mask(field), value(field));
    key(a).cmp(&key(b))
}

fn mask(field: &RawField) -> u64 {
    field.mask & tag_bits(field)
}

fn value(field: &RawField) -> u64 {
    field.value & tag_bits(field)
}

/// Step 1: the fields that describe one word, sorted by their tags.
unsafe fn check_word(fields: &[RawField], word: &[u32], reason: &mut Reason) -> Result<(), Refused> {
    let field = |number: u32| &fields[number as usize];
    let (Some(&first), Some(&last)) = (word.first(), word.last()) else { return Ok(()) };
    if word.len() < 2 {
        return Ok(());
    }
    let tag = |number: u32| (field(number).slot, field(number).tag_offset, field(number).tag_bytes);
    // Sorted by tag: if the ends have the same, all have.
    if tag(first) != tag(last) || !matches!(field(first).slot, 2 | 3) {
        return Err(overlap(fields, first, last, reason));
    }
    for pair in word.windows(2) {
        if let &[a, b] = pair {
            if mask(field(a)) == mask(field(b)) && value(field(a)) == value(field(b)) {
                return Err(overlap(fields, a, b, reason));
            }
        }
    }
    let mut masks = 0;
    let mut rest = word;
    while let Some(&first) = rest.first() {
        let same = rest.partition_point(|&number| mask(field(number)) <= mask(field(first)));
        let (these, others) = rest.split_at(same);
        masks += 1;
        if masks > MASKS_MAX {
            reason.say(format_args!(
                "field {first} ({}): the tags of its word have more than {MASKS_MAX} different masks",
                CText(field(first).name)
            ));
            return Err(Refused::Limit);
        }
        check_masks(fields, these, others, reason)?;
        rest = others;
    }
    Ok(())
}

/// Fields of one mask, and others of greater masks, sorted by them.
unsafe fn check_masks(
    fields: &[RawField],
    these: &[u32],
    others: &[u32],
    reason: &mut Reason,
) -> Result<(), Refused> {
    let field = |number: u32| &fields[number as usize];
    let mut values: List<(u64, u32)> = List::new();
    if !others.is_empty() && !values.reserve(these.len()) {
        return Err(Refused::NoMemory);
    }
    let mut found = None;
    let mut looked_for = None;
    for &other in others {
        let common = these.first().map_or(0, |&first| mask(field(first)) & mask(field(other)));
        if looked_for.replace(common) != Some(common) {
            while values.pop().is_some() {}
            these.iter().for_each(|&number| drop_bool(values.push((value(field(number)) & common, number))));
            sort::sort_by_key(values.as_mut_slice(), |&value| value);
        }
        let wanted = value(field(other)) & common;
        let at = values.as_slice().partition_point(|&(value, _)| value < wanted);
        if let Some(&(_, number)) = values.as_slice().get(at).filter(|&&(value, _)| value == wanted) {
            found = Some((number, other));
            break;
        }
    }
    values.end();
    match found {
        Some((number, other)) => Err(overlap(fields, number, other, reason)),
        None => Ok(()),
    }
}

/// The bytes of the struct (or, behind it, of the trailing array) that hold a field's words or its pointer
/// to them.
fn extent(field: &RawField) -> (usize, usize) {
    match field.place {
        1 => (field.offset + field.payload_offset, field.offset + field.payload_offset + 8),
        2 => (field.offset, field.offset + field.count * field.stride),
        3 => (field.offset, usize::MAX),
        _ => (field.offset, field.offset + 8),
    }
}

/// Steps 2 and 3: one field for each word or buffer.
unsafe fn check_extents(fields: &[RawField], apart: &mut [u32], reason: &mut Reason) -> Result<(), Refused> {
    let extent_of = |number: u32| extent(&fields[number as usize]);
    sort::sort_by_key(apart, |&number| (extent_of(number), number));
    for pair in apart.windows(2) {
        if let &[a, b] = pair {
            if extent_of(b).0 < extent_of(a).1 {
                return Err(overlap(fields, a, b, reason));
            }
        }
    }
    for &vector in apart.iter().filter(|&&number| fields[number as usize].place == 4) {
        let field = &fields[vector as usize];
        let (start, end) = (field.length_offset, field.length_offset + field.length_bytes);
        let behind = apart.partition_point(|&number| extent_of(number).0 < end);
        let last = behind.checked_sub(1).and_then(|at| apart.get(at));
        if let Some(&other) = last.filter(|&&other| extent_of(other).1 > start) {
            return Err(overlap(fields, vector, other, reason));
        }
    }
    Ok(())
}

unsafe fn overlap(fields: &[RawField], a: u32, b: u32, reason: &mut Reason) -> Refused {
    let (first, second) = (a.min(b), a.max(b));
    let name = |number: u32| CText(fields[number as usize].name);
    reason.say(format_args!("fields {first} ({}) and {second} ({}) overlap", name(first), name(second)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::report::Line;

    /// splitmix64.
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// The same of two fields, without sorting.
    fn overlaps(first: &RawField, second: &RawField) -> bool {
        let (first_start, first_end) = extent(first);
        let (second_start, second_end) = extent(second);
        let lengths_hit = |vector: &RawField, start: usize, end: usize| {
            vector.place == 4
                && vector.length_offset < end
                && start < vector.length_offset + vector.length_bytes
        };
        if first_start >= second_end || second_start >= first_end {
            return lengths_hit(first, second_start, second_end)
                || lengths_hit(second, first_start, first_end);
        }
        if by_shape(first, second) != Ordering::Equal {
            return true;
        }
        let words_hit = first.payload_offset < second.payload_offset + 8
            && second.payload_offset < first.payload_offset + 8;
        let one_word = first.slot == second.slot
            && matches!(first.slot, 2 | 3)
            && first.payload_offset == second.payload_offset
            && first.tag_offset == second.tag_offset
            && first.tag_bytes == second.tag_bytes;
        let exclusive = (value(first) ^ value(second)) & mask(first) & mask(second) != 0;
        words_hit && !(one_word && exclusive)
    }

    fn random_field(seed: &mut u64) -> RawField {
        let mut below = |limit: u64| (random(seed) % limit) as usize;
        let slot = 1 + below(4) as u32;
        let place = if slot == 4 { 1 } else { 1 + below(4) as u32 };
        let stride = if slot == 3 { 8 + 8 * below(3) } else { 8 };
        let mask = below(8) as u64;
        let tagged = slot == 2 || slot == 3;
        RawField {
            name: c"f".as_ptr(),
            slot,
            place,
            offset: 8 * below(5),
            count: if place == 2 { 1 + below(3) } else { 1 },
            stride,
            payload_offset: if slot == 3 { 8 * below(stride as u64 / 8) } else { 0 },
            tag_offset: 0,
            tag_bytes: if slot == 3 { 1 } else { 0 },
            length_offset: if place == 4 { 40 + 4 * below(4) } else { 0 },
            length_bytes: if place == 4 { 4 } else { 0 },
            mask: if tagged { mask } else { 0 },
            value: if tagged { mask & below(8) as u64 } else { 0 },
            pointer_mask: 0,
        }
    }

    #[test]
    fn sorting_finds_what_comparing_each_with_each_finds() {
        let mut seed = 11;
        let mut outcomes = [0; 2];
        for _ in 0..60_000 {
            let count = 2 + random(&mut seed) as usize % 4;
            let fields: Vec<RawField> = (0..count).map(|_| random_field(&mut seed)).collect();
            let mut expected = false;
            for (index, field) in fields.iter().enumerate() {
                expected |= fields[..index].iter().any(|other| overlaps(other, field));
            }
            // SAFETY: names are C strings.
            let found = unsafe { check(&fields, &mut Reason(Line::new())) };
            assert_eq!(found.is_err(), expected, "{:?}", fields.iter().map(describe).collect::<Vec<_>>());
            outcomes[expected as usize] += 1;
        }
        assert!(outcomes.iter().all(|&times| times > 1000), "{outcomes:?}");
    }

    fn describe(field: &RawField) -> String {
        format!(
            "slot {} place {} at {} x {} stride {} payload {} length {} tag {:x}/{:x}",
            field.slot,
            field.place,
            field.offset,
            field.count,
            field.stride,
            field.payload_offset,
            field.length_offset,
            field.value,
            field.mask
        )
    }

    #[test]
    fn many_fields_are_sorted_as_few_are() {
        let word = |at: usize| RawField { offset: at * 8, ..random_field(&mut 1) };
        let pointer = |at: usize| RawField {
            slot: 1,
            place: 1,
            count: 1,
            stride: 8,
            payload_offset: 0,
            mask: 0,
            value: 0,
            ..word(at)
        };
        for count in [FEW - 1, FEW, FEW + 1, 5000] {
            let mut fields: Vec<RawField> = (0..count).rev().map(pointer).collect();
            // SAFETY: names are C strings.
            assert!(unsafe { check(&fields, &mut Reason(Line::new())) }.is_ok());
            fields.push(pointer(count / 2));
            // SAFETY: names are C strings.
            assert!(unsafe { check(&fields, &mut Reason(Line::new())) }.is_err());
        }
    }

    #[test]
    fn a_word_has_so_many_masks_and_no_more() {
        let tag = |mask: u64, value: u64| RawField {
            slot: 2,
            place: 1,
            offset: 0,
            count: 1,
            stride: 8,
            payload_offset: 0,
            tag_bytes: 0,
            length_bytes: 0,
            mask,
            value,
            ..random_field(&mut 1)
        };
        // 0, 01, 011 ...: each looks at one bit more than the one before.
        let mut fields: Vec<RawField> =
            (0..64).map(|bit| tag(u64::MAX >> (63 - bit), (1 << bit) - 1)).collect();
        let check = |fields: &[RawField]| {
            // SAFETY: names are C strings.
            unsafe { check(fields, &mut Reason(Line::new())) }
        };
        fields.push(tag(u64::MAX, u64::MAX));
        assert_eq!(check(&fields), Ok(()));
        // The first in three parts, by two masks more.
        fields.remove(0);
        fields.extend([tag(0x21, 0), tag(0xa1, 0x20), tag(0xa1, 0xa0)]);
        assert_eq!(check(&fields), Err(Refused::Limit));
        fields.remove(10);
        assert_eq!(check(&fields), Ok(()));
        fields.push(tag(0x20, 0x20));
        assert_eq!(check(&fields), Err(Refused::Invalid));
    }
}
