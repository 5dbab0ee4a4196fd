//! Walking the objects of a heap in address order.
//!
//! A [`Cursor`] is an address: everything below it has been passed. Objects do not move and a page's blocks begin
//! where its stride says, so the address is all that must be kept while the host allocates, releases, collects, and
//! while pages change hands. What lives throughout is given exactly once; what is born or dies in between may be given
//! or not.
//!
//! Objects past step 2 of their end (`lifetime.md`) are not listed.

use super::facts::{self, Traits};
use crate::header;
use crate::heap::Heap;
use crate::memory::page::{is_new, Kind, Page, FIRST_OFFSET, PAGE_BYTES};
use crate::memory::range;
use crate::memory::segment::SEGMENT_BYTES;
use crate::object;
use crate::object::edges::is_listed;
use crate::profile::record;
use crate::types::Type;
use core::ffi::c_void;

/// A place in a walk. Zeroed memory is its beginning.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Cursor {
    /// Addresses below this one have been passed.
    passed: usize,
}

impl Cursor {
    /// The beginning.
    pub const fn new() -> Self {
        Cursor { passed: 0 }
    }

    /// The next object that is listed; None at the end, where the cursor stays until the heap grows beyond it.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn next(&mut self, heap: *const Heap) -> Option<*mut c_void> {
        if (*heap).space.segment_low >= (*heap).space.segment_high {
            return None;
        }
        let end = range::objects() + (*heap).space.segment_high * SEGMENT_BYTES;
        let mut address = self.passed.max(range::objects() + (*heap).space.segment_low * SEGMENT_BYTES);
        while address < end {
            if (*range::segment_of(address)).owner() != (*heap).index {
                let segment = range::offset_of(address) / SEGMENT_BYTES;
                // The end itself when none is left.
                let next = (*heap).space.segment_at_or_after(segment).unwrap_or((*heap).space.segment_high);
                address = range::objects() + next * SEGMENT_BYTES;
                continue;
            }
            let page = range::page_of(address);
            if let Some(obj) = next_in_page(page, address) {
                self.passed = obj as usize + 1;
                return Some(obj);
            }
            let pages = if (*page).kind == Kind::Large { (*page).span as usize } else { 1 };
            address = (*page).address() + pages * PAGE_BYTES;
        }
        self.passed = address;
        None
    }
}

/// The first listed object of a page at `from` or behind it.
unsafe fn next_in_page(page: *const Page, from: usize) -> Option<*mut c_void> {
    if !matches!((*page).kind, Kind::Small | Kind::Large) {
        return None;
    }
    let (start, stride) = ((*page).start, (*page).stride as usize);
    let behind = (from - start).saturating_sub(FIRST_OFFSET as usize);
    let mut offset = FIRST_OFFSET as usize + behind.div_ceil(stride) * stride;
    while offset < (*page).end as usize {
        let obj = (start + offset) as *mut c_void;
        if is_listed(header::load(obj)) {
            return Some(obj);
        }
        offset += stride;
    }
    None
}

/// Which objects a [`Walk`] gives.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Filter {
    /// Of this type only; null: of any.
    pub ty: *mut Type,
    /// Its serial number, by which it is told from one that took its place.
    pub ty_serial: u64,
    /// Only objects with all of these traits.
    pub with: Traits,
    /// Only objects with none of these traits.
    pub without: Traits,
    /// Serial of the growth mark that they are newer than; 0: of any age.
    pub mark_serial: u64,
    /// The least serial number that a profile has given them.
    pub serial_min: u64,
    /// The greatest serial number that a profile has given them; 0: any number, or none.
    pub serial_max: u64,
}

/// Why a walk cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// It was never begun, or has ended.
    NotBegun,
    /// Its heap is gone.
    HeapEnded,
    /// Its growth mark is not the heap's any more.
    MarkEnded,
}

/// A lazy walk with a filter: plain memory that the host keeps, without a share in the engine.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Walk {
    signature: u64,
    heap: *mut Heap,
    heap_serial: u64,
    cursor: Cursor,
    filter: Filter,
}

const SIGNATURE: u64 = u64::from_le_bytes(*b"rcgcWalk");

impl Walk {
    /// A walk at its beginning.
    ///
    /// # Safety
    /// - `heap` is live.
    pub unsafe fn new(heap: *mut Heap, filter: Filter) -> Self {
        Walk { signature: SIGNATURE, heap, heap_serial: (*heap).serial, cursor: Cursor::new(), filter }
    }

    /// The heap, if it is the one that the walk began in.
    ///
    /// # Safety
    /// - Only the heap's thread is in the heap, if that is live.
    unsafe fn heap(&self) -> Result<*mut Heap, Broken> {
        if self.signature != SIGNATURE {
            return Err(Broken::NotBegun);
        }
        if !Heap::is_still(self.heap, self.heap_serial) {
            return Err(Broken::HeapEnded);
        }
        Ok(self.heap)
    }

    /// The next object; null at the end.
    ///
    /// # Safety
    /// - The memory is what [`Walk::new`] gave, or any other.
    pub unsafe fn next(&mut self) -> Result<*mut c_void, Broken> {
        let heap = self.heap()?;
        let filter = self.filter;
        if filter.mark_serial != 0 && filter.mark_serial != (*heap).mark_serial {
            return Err(Broken::MarkEnded);
        }
        if filter.has_ended() {
            return Ok(core::ptr::null_mut());
        }
        while let Some(obj) = self.cursor.next(heap) {
            if filter.takes(heap, obj) {
                return Ok(obj);
            }
        }
        Ok(core::ptr::null_mut())
    }

    /// Ends the walk.
    ///
    /// # Safety
    /// - As [`Walk::next`].
    pub unsafe fn end(&mut self) -> Result<(), Broken> {
        let whole = self.heap();
        if self.signature == SIGNATURE {
            self.signature = 0;
        }
        whole.map(|_| ())
    }
}

impl Filter {
    /// Whether the type has ended, so that nothing more can be given.
    unsafe fn has_ended(&self) -> bool {
        // The slot outlasts its type.
        !self.ty.is_null() && (!(*self.ty).is_live() || (*(*self.ty).rare()).serial != self.ty_serial)
    }

    unsafe fn takes(&self, heap: *mut Heap, obj: *mut c_void) -> bool {
        if !self.ty.is_null() && object::type_of(obj) != self.ty {
            return false;
        }
        let page = range::page_of(obj as usize);
        if self.mark_serial != 0 && !is_new(page, obj) {
            return false;
        }
        if self.serial_max != 0 {
            let serial = record::of(heap, page, obj).serial();
            if serial < self.serial_min || serial > self.serial_max {
                return false;
            }
        }
        let asked = self.with | self.without;
        if asked.is_empty() {
            return true;
        }
        let traits = facts::traits(page, obj);
        traits.contains(self.with) && !traits.intersects(self.without)
    }
}
