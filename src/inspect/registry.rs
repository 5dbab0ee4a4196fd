//! What the host has open: growth marks and query sessions. Their pointers come back from the host, so each is looked
//! up in one table of the process before anything of it is read.
//!
//! The table has a chain for each hash of an address. It grows with what is in it as far as there is memory, so putting
//! a ticket in never fails; without memory chains are longer.

use crate::base::index;
use crate::heap::Heap;
use crate::sys::{self, lock};
use core::cell::UnsafeCell;
use core::ptr;

/// What a ticket is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A growth mark.
    Mark,
    /// A query session.
    Query,
    /// A watch on the rings that are found dead.
    Watch,
}

/// The head of everything that is in the table.
#[repr(C)]
pub struct Ticket {
    purpose: Purpose,
    heap: *mut Heap,
    heap_serial: u64,
    /// The next one of its chain.
    next: *mut Ticket,
}

/// Chains that need no memory of their own.
const FEW: usize = 16;

struct Table {
    few: [*mut Ticket; FEW],
    /// Chains, if there are more.
    many: *mut *mut Ticket,
    /// How many of those there are: a power of two, or 0.
    capacity: usize,
    len: usize,
}

struct Shared(UnsafeCell<Table>);

// SAFETY: read and written under the lock.
unsafe impl Sync for Shared {}

static TABLE: Shared = Shared(UnsafeCell::new(Table {
    few: [ptr::null_mut(); FEW],
    many: ptr::null_mut(),
    capacity: 0,
    len: 0,
}));

impl Ticket {
    /// A ticket of a heap, not in the table yet.
    ///
    /// # Safety
    /// - `heap` is live.
    pub unsafe fn new(purpose: Purpose, heap: *mut Heap) -> Self {
        let heap_serial = (*heap).serial;
        Ticket { purpose, heap, heap_serial, next: ptr::null_mut() }
    }

    /// Its heap; None when that has ended.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn heap(&self) -> Option<*mut Heap> {
        Heap::is_still(self.heap, self.heap_serial).then_some(self.heap)
    }
}

impl Table {
    /// Where the chain of an address begins.
    fn chain(&mut self, address: *const Ticket) -> *mut *mut Ticket {
        let hash = index::hash_of_address(address as usize) as usize;
        match self.capacity {
            0 => &raw mut self.few[hash % FEW],
            capacity => self.many.wrapping_add(hash & (capacity - 1)),
        }
    }

    unsafe fn put(&mut self, ticket: *mut Ticket) {
        let chain = self.chain(ticket);
        (*ticket).next = *chain;
        *chain = ticket;
    }

    /// The link that leads to a ticket; to null when the address is of none.
    unsafe fn find(&mut self, address: *const Ticket) -> *mut *mut Ticket {
        let mut link = self.chain(address);
        while !(*link).is_null() && !ptr::eq(*link, address) {
            link = &raw mut (**link).next;
        }
        link
    }

    /// Takes so many chains, and puts all tickets into them; 0: those that need no memory.
    unsafe fn resize(&mut self, capacity: usize) {
        let many = match capacity {
            0 => ptr::null_mut(),
            _ => sys::allocate(capacity * size_of::<*mut Ticket>()) as *mut *mut Ticket,
        };
        if capacity != 0 && many.is_null() {
            return;
        }
        let old = core::mem::replace(&mut self.many, many);
        let chains = core::mem::replace(&mut self.capacity, capacity).max(FEW);
        let few = core::mem::replace(&mut self.few, [ptr::null_mut(); FEW]);
        for chain in 0..chains {
            let mut ticket = if old.is_null() { few[chain % FEW] } else { *old.add(chain) };
            while !ticket.is_null() {
                let next = (*ticket).next;
                self.put(ticket);
                ticket = next;
            }
        }
        sys::free(old as *mut u8);
    }
}

/// Puts a ticket in.
///
/// # Safety
/// - The ticket is not in the table, and stays where it is until [`remove`].
pub unsafe fn add(ticket: *mut Ticket) {
    let _guard = lock::TICKETS.lock();
    let table = &mut *TABLE.0.get();
    if table.len >= table.capacity.max(FEW) {
        table.resize((2 * table.len).next_power_of_two());
    }
    table.put(ticket);
    table.len += 1;
}

/// Takes a ticket out.
///
/// # Safety
/// - The ticket is in the table.
pub unsafe fn remove(ticket: *mut Ticket) {
    let _guard = lock::TICKETS.lock();
    let table = &mut *TABLE.0.get();
    *table.find(ticket) = (*ticket).next;
    table.len -= 1;
    if table.len == 0 {
        table.resize(0);
    }
}

/// Whether an address is that of a ticket for this purpose. Reads nothing there.
pub fn has(address: *const Ticket, purpose: Purpose) -> bool {
    let _guard = lock::TICKETS.lock();
    // SAFETY: under the lock; tickets in the table are there.
    unsafe {
        let found = *(*TABLE.0.get()).find(address);
        !found.is_null() && (*found).purpose == purpose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_told_however_many_there_are() {
        let make = |number: usize| Ticket {
            purpose: if number % 2 == 0 { Purpose::Mark } else { Purpose::Query },
            heap: ptr::null_mut(),
            heap_serial: 0,
            next: ptr::null_mut(),
        };
        let mut tickets: Vec<Ticket> = (0..5000).map(make).collect();
        let address = tickets.as_mut_ptr();
        for round in 0..2 {
            for number in 0..5000 {
                // SAFETY: the vector does not move.
                unsafe { add(address.wrapping_add(number)) };
            }
            for number in (0..5000).filter(|number| number % 3 != round) {
                // SAFETY: it was added, and in no round before removed.
                unsafe { remove(address.wrapping_add(number)) };
            }
            for number in 0..5001 {
                let (ticket, stays) = (address.wrapping_add(number), number % 3 == round && number < 5000);
                assert_eq!(has(ticket, Purpose::Mark), stays && number % 2 == 0);
                assert_eq!(has(ticket, Purpose::Query), stays && number % 2 == 1);
                if stays {
                    // SAFETY: as was just asked, it is in the table.
                    unsafe { remove(ticket) };
                }
            }
            // SAFETY: no other test uses the table.
            assert_eq!(unsafe { ((*TABLE.0.get()).len, (*TABLE.0.get()).capacity) }, (0, 0));
        }
    }
}
