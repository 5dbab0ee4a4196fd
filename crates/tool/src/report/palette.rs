//! Colours: the types with most bytes have one each, the same in every panel; all others share one.

use crate::heap::Heap;
use std::cmp::Reverse;

/// The number of a colour of the style sheet: its class is `c0` to `c8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(u8);

/// Types that have a colour of their own.
const COLOURS: usize = 8;

impl Colour {
    /// Of what is no type.
    pub const NONE: Colour = Colour(9);
    /// Of types without one of their own.
    pub const OTHER: Colour = Colour(8);

    pub fn class(self) -> &'static str {
        ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"][usize::from(self.0.min(9))]
    }

    pub fn number(self) -> u8 {
        self.0
    }

    /// One of the eight, by any number.
    pub fn of_number(number: usize) -> Colour {
        Colour((number % COLOURS) as u8)
    }
}

/// By type: its colour.
pub fn of_types(heap: &Heap) -> Vec<Colour> {
    let dump = heap.dump;
    let mut bytes = vec![0u64; dump.types.len()];
    for object in dump.all() {
        let of = &mut bytes[dump.objects.kind[object as usize] as usize];
        *of = of.saturating_add(heap.size(object));
    }
    let mut order: Vec<usize> = (0..bytes.len()).filter(|&kind| bytes[kind] != 0).collect();
    order.sort_by_key(|&kind| (Reverse(bytes[kind]), kind));
    let mut colours = vec![Colour::OTHER; bytes.len()];
    for (at, &kind) in order.iter().take(COLOURS).enumerate() {
        colours[kind] = Colour::of_number(at);
    }
    colours
}
