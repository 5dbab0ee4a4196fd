//! Objects and bytes by type: read from the books that allocation and death keep anyhow, never counted by a walk.
//!
//! **Peaks** are looked at when a ration is granted or taken back, and here: so the largest number found is short of the
//! true one by less than a ration, 4 KiB of objects of the type.

use crate::base::sort;
use crate::heap::Heap;
use crate::sys;
use crate::types::{Type, TypeFlags};
use core::ffi::c_char;

/// The numbers of one type.
#[derive(Clone, Copy)]
pub struct Census {
    /// The type.
    pub ty: *mut Type,
    /// The type's name.
    pub name: *const c_char,
    /// Bytes of the type's struct.
    pub size: usize,
    /// Objects that live.
    pub live: u64,
    /// Bytes of objects that live.
    pub bytes: u64,
    /// The most objects that ever lived.
    pub peak: u64,
    /// The most bytes that ever lived.
    pub peak_bytes: u64,
    /// Objects made.
    pub allocated: u64,
    /// Bytes of objects made.
    pub allocated_bytes: u64,
    /// Objects ended by their count.
    pub freed_by_count: u64,
    /// Objects ended by the collector.
    pub freed_by_collector: u64,
}

/// By what types are ordered, largest first; the numbers of `GC_ORDER_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Order {
    /// Live objects.
    Live = 0,
    /// Their bytes.
    Bytes = 1,
    /// The most bytes there were.
    PeakBytes = 2,
    /// Objects made.
    Allocated = 3,
    /// Objects ended by the collector.
    Collected = 4,
}

impl Order {
    /// The order of a number.
    pub fn from_number(number: u32) -> Option<Order> {
        [Order::Live, Order::Bytes, Order::PeakBytes, Order::Allocated, Order::Collected]
            .into_iter()
            .find(|&order| order as u32 == number)
    }

    fn key(self, census: &Census) -> u64 {
        match self {
            Order::Live => census.live,
            Order::Bytes => census.bytes,
            Order::PeakBytes => census.peak_bytes,
            Order::Allocated => census.allocated,
            Order::Collected => census.freed_by_collector,
        }
    }
}

/// The numbers of a type.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn of(ty: *mut Type) -> Census {
    (*ty).note_peak();
    let rare = &*(*ty).rare();
    let ty = &*ty;
    let allocated_bytes = if ty.flags.contains(TypeFlags::COUNT_BYTES) {
        ty.bytes_allocated
    } else {
        ty.allocated() * ty.stride as u64
    };
    Census {
        ty: ty as *const Type as *mut Type,
        name: ty.name,
        size: ty.size,
        live: ty.live(),
        bytes: ty.live_bytes(),
        peak: rare.peak,
        peak_bytes: rare.peak_bytes,
        allocated: ty.allocated(),
        allocated_bytes,
        freed_by_count: ty.freed - ty.reclaimed,
        freed_by_collector: ty.reclaimed,
    }
}

/// A table in memory of its own.
pub struct Table<T> {
    rows: *mut T,
    room: usize,
    len: usize,
}

impl<T> Table<T> {
    /// An empty table with room for so many. None for out of memory.
    pub fn with_room(room: usize) -> Option<Self> {
        let rows = sys::allocate_raw(room.max(1).checked_mul(size_of::<T>())?) as *mut T;
        (!rows.is_null()).then_some(Table { rows, room, len: 0 })
    }

    /// Appends a row, where there is room.
    pub fn push(&mut self, row: T) {
        if self.len < self.room {
            // SAFETY: below the room.
            unsafe { self.rows.add(self.len).write(row) };
            self.len += 1;
        }
    }

    /// The rows.
    pub fn rows(&mut self) -> &mut [T] {
        // SAFETY: all below the length were written.
        unsafe { core::slice::from_raw_parts_mut(self.rows, self.len) }
    }
}

impl<T> Drop for Table<T> {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody has a pointer to it.
        unsafe { sys::free(self.rows as *mut u8) }
    }
}

/// All types of a heap for which the order's number is not 0, in that order. None for out of memory.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn most_common(heap: *mut Heap, order: Order) -> Option<Table<Census>> {
    let mut count = 0;
    (*heap).each_type(|_| count += 1);
    let mut table = Table::with_room(count)?;
    (*heap).each_type(|ty| {
        let census = of(ty);
        if order.key(&census) != 0 {
            table.push(census);
        }
    });
    // Equal ones in the order in which the types were made.
    table.rows().reverse();
    sort::sort_by(table.rows(), |a, b| {
        order.key(b).cmp(&order.key(a)).then_with(|| {
            // SAFETY: both types are live.
            unsafe { (*(*a.ty).rare()).serial.cmp(&(*(*b.ty).rare()).serial) }
        })
    });
    Some(table)
}
