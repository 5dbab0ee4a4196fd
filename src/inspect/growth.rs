//! Growth: how many objects of each type there are more than at a mark, or than ever before.
//!
//! A mark has the numbers of each type at one moment, and the largest that were seen in a comparison with it since. It
//! can also mark the objects themselves: see `page::mark`. There is one such mark in a heap at a time, because one bit
//! a block tells "there since the mark" from "new". No address is remembered: a block that becomes free loses its mark
//! at that moment, so an object that is made where another died is new.

use super::census::Table;
use super::registry::{self, Purpose, Ticket};
use crate::base::list::List;
use crate::base::promised;
use crate::base::sort;
use crate::heap::Heap;
use crate::memory::page::{self, PageFlags};
use crate::sys;
use crate::types::Type;
use core::ptr;

/// The numbers of one type in a mark.
#[derive(Clone, Copy)]
struct Baseline {
    /// The type's, which no other has or had. In a mark they fall, as in a heap's list of types.
    serial: u64,
    live: u64,
    bytes: u64,
    peak: u64,
    peak_bytes: u64,
    allocated: u64,
}

/// A mark.
#[repr(C)]
pub struct Mark {
    ticket: Ticket,
    /// Objects are marked under this number; 0: they are not.
    serial: u64,
    types: List<Baseline>,
}

/// What a comparison is with; the numbers of `GC_SINCE_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Since {
    /// The numbers at the mark.
    Mark = 0,
    /// The largest numbers at the mark and in all comparisons since.
    Peak = 1,
}

/// How one type has grown.
#[derive(Clone, Copy)]
pub struct Growth {
    /// The type.
    pub ty: *mut Type,
    /// Objects that live now.
    pub live: u64,
    /// Bytes of objects that live now.
    pub bytes: u64,
    /// How many objects more live than what the comparison is with.
    pub more: i64,
    /// As `more`, in bytes.
    pub more_bytes: i64,
    /// Objects made since the mark.
    pub made: u64,
}

/// Makes a mark. Null for out of memory.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn mark(heap: *mut Heap, objects: bool) -> *mut Mark {
    promised!((*heap).is_live());
    let mark = sys::allocate(size_of::<Mark>()) as *mut Mark;
    if mark.is_null() {
        return mark;
    }
    (*mark).ticket = Ticket::new(Purpose::Mark, heap);
    let mut count = 0;
    (*heap).each_type(|_| count += 1);
    if !(*mark).types.reserve(count) {
        sys::free(mark as *mut u8);
        return ptr::null_mut();
    }
    (*heap).each_type(|ty| {
        (*mark).types.push(baseline(ty));
    });
    if objects {
        (*mark).serial = mark_objects(heap);
    }
    registry::add(&raw mut (*mark).ticket);
    mark
}

unsafe fn baseline(ty: *mut Type) -> Baseline {
    let (live, bytes) = ((*ty).live(), (*ty).live_bytes());
    Baseline {
        serial: (*(*ty).rare()).serial,
        live,
        bytes,
        peak: live,
        peak_bytes: bytes,
        allocated: (*ty).allocated(),
    }
}

/// Marks every object that lives, instead of those of an earlier mark. Returns the mark's number.
unsafe fn mark_objects(heap: *mut Heap) -> u64 {
    // ORDER: relaxed: whoever comes gets another number.
    static MARKS_MADE: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);
    // Blocks that wait in runs are free, which only their pages' lists can tell.
    (*heap).recall_runs();
    (*heap).space.each_page(|page| page::mark(&mut *page));
    (*heap).mark_serial = MARKS_MADE.fetch_add(1, core::sync::atomic::Ordering::Relaxed) + 1;
    (*heap).mark_serial
}

impl Mark {
    /// The heap; None when it has ended.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn heap(&self) -> Option<*mut Heap> {
        self.ticket.heap()
    }

    /// Under which number objects are marked; 0: they are not.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Every type that has more objects or bytes than before, those that have grown most first. None for out of
    /// memory: then nothing was compared.
    ///
    /// # Safety
    /// - `heap` is the mark's.
    pub unsafe fn growth(&mut self, heap: *mut Heap, since: Since) -> Option<Table<Growth>> {
        let mut count = 0;
        (*heap).each_type(|_| count += 1);
        let mut table = Table::with_room(count)?;
        let mut types = List::new();
        if !types.reserve(count) {
            return None;
        }
        // Types are listed latest first, here as in the mark: one pass over both. What the mark has of types that
        // have ended is passed, and forgotten.
        let mut place = 0;
        (*heap).each_type(|ty| {
            let now = baseline(ty);
            while self.types.get(place).is_some_and(|base| base.serial > now.serial) {
                place += 1;
            }
            let known = self.types.get(place).filter(|base| base.serial == now.serial);
            let mut base =
                known.unwrap_or(Baseline { live: 0, bytes: 0, peak: 0, peak_bytes: 0, allocated: 0, ..now });
            let (live, bytes) = match since {
                Since::Mark => (base.live, base.bytes),
                Since::Peak => (base.peak, base.peak_bytes),
            };
            let growth = Growth {
                ty,
                live: now.live,
                bytes: now.bytes,
                more: now.live.wrapping_sub(live) as i64,
                more_bytes: now.bytes.wrapping_sub(bytes) as i64,
                made: now.allocated - base.allocated,
            };
            if growth.more > 0 || growth.more_bytes > 0 {
                table.push(growth);
            }
            base.peak = base.peak.max(now.live);
            base.peak_bytes = base.peak_bytes.max(now.bytes);
            // There is room.
            types.push(base);
        });
        core::mem::replace(&mut self.types, types).end();
        sort::sort_by(table.rows(), |a, b| {
            let by_size = b.more.cmp(&a.more).then(b.more_bytes.cmp(&a.more_bytes));
            // SAFETY: both types are live.
            by_size.then_with(|| unsafe { (*(*a.ty).rare()).serial.cmp(&(*(*b.ty).rare()).serial) })
        });
        Some(table)
    }
}

/// Ends a mark.
///
/// # Safety
/// - `mark` is one, and nobody uses it any more.
pub unsafe fn end(mark: *mut Mark) {
    if let Some(heap) = (*mark).ticket.heap() {
        if (*mark).serial != 0 && (*heap).mark_serial == (*mark).serial {
            (*heap).mark_serial = 0;
            (*heap).space.each_page(|page| {
                (*page).flags.remove(PageFlags::MARKED);
                page::forget_nobody(&mut *page);
            });
        }
    }
    registry::remove(&raw mut (*mark).ticket);
    (*mark).types.end();
    sys::free(mark as *mut u8);
}
