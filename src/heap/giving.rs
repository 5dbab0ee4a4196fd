//! A heap's memory goes back in pieces: whose turn it is, and whether there is anything to do.

use super::Heap;
use crate::cycle::sliced;
use crate::memory::space::Space;

/// A pass of [`Heap::give_back`] over a heap. Zeroed memory is one over a heap in which nothing ever was.
pub struct Giving {
    /// It is not at its end.
    under_way: bool,
    /// It gives back all that there is.
    short: bool,
    /// [`Heap::count_changes`] when it began.
    changes: u64,
}

impl Heap {
    /// Gives back a piece of the memory that holds no object, also from between objects: see [`Space::give_back`]. True when
    /// all is done, or was, and nothing was made or ended since.
    ///
    /// # Safety
    /// - As [everywhere](crate), and no collection of the heap is running; a sliced one may wait for its next slice.
    pub unsafe fn give_back(heap: *mut Heap, short: bool) -> bool {
        (*heap).recall_rations();
        let changes = (*heap).count_changes();
        let giving = &mut (*heap).giving;
        if !giving.under_way {
            if giving.changes == changes && giving.short >= short {
                return true;
            }
            *giving = Giving { under_way: true, short, changes };
        }
        giving.short &= short;
        (*heap).recall_runs();
        // A run that waits for its next slice has its working counts.
        let counts = !sliced::is_under_way(heap);
        let done = Space::give_back(&raw mut (*heap).space, short, counts);
        (*heap).giving.under_way = !done;
        done
    }

    /// A number that is another one whenever objects were made or ended meanwhile.
    unsafe fn count_changes(&self) -> u64 {
        let mut changes = self.ended_allocated.wrapping_mul(2);
        self.each_type(|ty| changes = changes.wrapping_add((*ty).allocated()).wrapping_add((*ty).freed));
        changes
    }
}
