//! What the host has open: growth marks and query sessions. Their pointers come back from the host, so each is looked
//! up in one list of the process before anything of it is read; that list is short.

use crate::heap::Heap;
use crate::sys::lock;
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

/// The head of everything that is in the list.
#[repr(C)]
pub struct Ticket {
    purpose: Purpose,
    heap: *mut Heap,
    heap_serial: u64,
    next: *mut Ticket,
    prev: *mut Ticket,
}

struct List(UnsafeCell<*mut Ticket>);

// SAFETY: read and written under the lock.
unsafe impl Sync for List {}

static LIST: List = List(UnsafeCell::new(ptr::null_mut()));

impl Ticket {
    /// A ticket of a heap, in no list yet.
    ///
    /// # Safety
    /// - `heap` is live.
    pub unsafe fn new(purpose: Purpose, heap: *mut Heap) -> Self {
        let heap_serial = (*heap).serial;
        Ticket { purpose, heap, heap_serial, next: ptr::null_mut(), prev: ptr::null_mut() }
    }

    /// Its heap; None when that has ended.
    ///
    /// # Safety
    /// - Only the heap's thread is in the heap.
    pub unsafe fn heap(&self) -> Option<*mut Heap> {
        ((*self.heap).is_live() && (*self.heap).serial == self.heap_serial).then_some(self.heap)
    }
}

/// Puts a ticket in.
///
/// # Safety
/// - It is in no list, and stays where it is until [`remove`].
pub unsafe fn add(ticket: *mut Ticket) {
    let _guard = lock::TICKETS.lock();
    let first = LIST.0.get();
    (*ticket).next = *first;
    (*ticket).prev = ptr::null_mut();
    if !(*first).is_null() {
        (**first).prev = ticket;
    }
    *first = ticket;
}

/// Takes a ticket out.
///
/// # Safety
/// - It is in.
pub unsafe fn remove(ticket: *mut Ticket) {
    let _guard = lock::TICKETS.lock();
    if (*ticket).prev.is_null() {
        *LIST.0.get() = (*ticket).next;
    } else {
        (*(*ticket).prev).next = (*ticket).next;
    }
    if !(*ticket).next.is_null() {
        (*(*ticket).next).prev = (*ticket).prev;
    }
}

/// Whether an address is that of a ticket for this purpose. Reads nothing there.
pub fn has(address: *const Ticket, purpose: Purpose) -> bool {
    let _guard = lock::TICKETS.lock();
    // SAFETY: under the lock; tickets in the list are there.
    unsafe {
        let mut ticket = *LIST.0.get();
        while !ticket.is_null() {
            if core::ptr::eq(ticket, address) {
                return (*ticket).purpose == purpose;
            }
            ticket = (*ticket).next;
        }
    }
    false
}
