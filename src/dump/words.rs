//! The chunk `WORD`: where references from outside lie.

use super::make_room;
use super::names::Names;
use crate::heap::Heap;
use crate::inspect::query::Query;
use crate::inspect::unseen::{self, Lies, Place};
use crate::out::{Buffer, Out};
use crate::sys::mappings;
use rcgc_format as format;

/// Writes the places that a look finds; none without the memory for one.
///
/// # Safety
/// - The heap is paused, and every object is walkable.
pub unsafe fn write(heap: *mut Heap, names: &mut Names, buffer: &mut Buffer, out: &mut Out) {
    let Ok(query) = Query::new_paused(heap) else { return };
    // What a place lacks is not written; the rest of the dump is.
    let _ = unseen::each_place(&query, heap, |place| put(place, names, buffer, out));
    names.flush(out);
    out.write_chunk(format::WORDS, buffer);
}

unsafe fn put(place: &Place, names: &mut Names, buffer: &mut Buffer, out: &mut Out) {
    let mut numbers = [place.lies, (*place.to).index as u64, place.number, 0, 0];
    if place.lies == Lies::Object as u64 {
        (numbers[3], numbers[4]) = ((*place.from).index as u64, place.at as u64);
    } else if place.lies == Lies::Data as u64 {
        if let Some((path, offset)) = mappings::module_of(place.at) {
            (numbers[3], numbers[4]) = (names.number_of(out, path), offset as u64);
        }
    }
    make_room(numbers.len(), format::WORDS, names, buffer, out);
    for number in numbers {
        buffer.put(number);
    }
}
