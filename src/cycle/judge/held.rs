//! What is held when a heap ends: the verdict of `judge.rs` with everything that has a count in the set, tracked or not, and
//! with nothing held by being immortal. Nothing is ended by it.
//!
//! What is left with a working count is kept by nobody, or by immortal objects alone. Those are neither in the set, so that
//! nobody marks them, nor outside of it: their edges are taken off like those of the set, so that nothing lives because of
//! them. Edges that only a `traverse` could report, of objects that wait for `gc_track`, are not known; what they lead to
//! counts as held.

use super::{Judge, NoMemory, TO_BE_LARGE};
use crate::cycle::working::{self, CLEAR, SMALL_MAX};
use crate::header::{self, Flags, IMMORTAL, LOCAL};
use crate::heap::Heap;
use crate::life::weakmap;
use crate::object;

impl Judge {
    /// As [`Judge::new`], for a heap that ends.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn of_ending(heap: *mut Heap) -> Result<Self, NoMemory> {
        let mut judge = Judge::new(heap, false)?;
        judge.ending = true;
        Ok(judge)
    }

    /// Takes in what is not tracked, while the heap ends. Returns how many of the counts are large.
    #[cold]
    pub(super) unsafe fn count_rest(&mut self) -> usize {
        let table = self.table;
        let (mut large, mut examined) = (0, 0);
        (*self.heap).space.each_examined_page(|page| {
            let (mut place, step) = table.first(page);
            (*page).each_block(|obj| {
                let header = header::load(obj);
                if *place == CLEAR && header.count_word() & LOCAL != 0 && !header.has(Flags::DYING) {
                    let count = header.count_word() - LOCAL;
                    examined += 1;
                    if count <= SMALL_MAX {
                        *place = working::small(count);
                    } else {
                        *place = TO_BE_LARGE;
                        large += 1;
                    }
                }
                place = place.add(step);
            });
        });
        self.examined += examined;
        large
    }

    /// Takes the edges of immortal objects off, while the heap ends. Of an entry whose map and key are both immortal
    /// nobody else takes the edge off.
    #[cold]
    pub(super) unsafe fn subtract_immortals(&mut self) {
        let table = self.table;
        (*self.heap).space.each_examined_page(|page| {
            (*page).each_block(|obj| {
                if header::count_word(obj) != IMMORTAL {
                    return;
                }
                self.subtract_all(obj, object::type_of(obj));
                if weakmap::is_map(obj) {
                    weakmap::each_of_map(obj, |entry| {
                        if header::count_word(entry.key()) == IMMORTAL {
                            self.subtract_one(&table, entry.value);
                        }
                    });
                }
            });
        });
    }
}
