//! Which shapes of rings the collector finds dead: learned at the end of each verdict, while the dead are whole, and
//! added up until the host asks. So a host sees which edges make work for the collector, and can weaken them.
//!
//! Only with a watch, since each collection that finds something then looks at its dead once more, by name.

use super::kinds::{Index, Rows};
use super::query::{Failure, Query};
use super::registry::{self, Purpose, Ticket};
use super::rings;
use super::text::{Bytes, Number};
use crate::base::array::Array;
use crate::base::index::mix;
use crate::base::report::{self, CText, Level, Sentence};
use crate::base::sort;
use crate::heap::Heap;
use crate::observe::{Notice, Seat, Wants};
use crate::sys;
use core::ffi::{c_char, c_void, CStr};

/// What one shape came to over all collections since the watch began.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Learned {
    text: usize,
    weakest: usize,
    /// Rings that were judged dead.
    pub rings: u64,
    /// Objects in these rings.
    pub objects: u64,
    /// Bytes of these objects.
    pub bytes: u64,
    /// Objects of the largest ring.
    pub largest: u64,
    /// Rings that would have died by count without the weakest edge.
    pub breaks: u64,
}

/// A watch on one heap.
#[repr(C)]
pub struct Watch {
    ticket: Ticket,
    /// Each collection's shapes are told to the log.
    log: bool,
    by_text: Index,
    rows: Rows<Learned>,
    texts: Array<u8>,
}

/// Begins to watch. Null for out of memory.
///
/// # Safety
/// - `heap` is live, and nobody watches it.
pub unsafe fn begin(heap: *mut Heap, log: bool) -> *mut Watch {
    let watch = sys::allocate_raw(size_of::<Watch>()) as *mut Watch;
    if !watch.is_null() {
        watch.write(Watch {
            ticket: Ticket::new(Purpose::Watch, heap),
            log,
            by_text: Index::new(),
            rows: Rows::default(),
            texts: Array::empty(),
        });
        registry::add(&raw mut (*watch).ticket);
        (*heap).observers.sit(Seat::Rings, watch as *mut c_void, hear, Wants::VERDICT);
    }
    watch
}

/// Ends a watch.
///
/// # Safety
/// - `watch` is one, and nobody uses it any more; no collection of its heap is running.
pub unsafe fn end(watch: *mut Watch) {
    if let Some(heap) = (*watch).ticket.heap() {
        (*heap).observers.leave(Seat::Rings);
    }
    registry::remove(&raw mut (*watch).ticket);
    watch.drop_in_place();
    sys::free(watch as *mut u8);
}

/// Whether somebody watches a heap.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn is_on(heap: *mut Heap) -> bool {
    !(*heap).observers.state(Seat::Rings).is_null()
}

unsafe fn hear(heap: *mut Heap, _: Notice) {
    learn(heap, (*heap).observers.state(Seat::Rings));
}

impl Watch {
    /// The heap; None when it has ended.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn heap(&self) -> Option<*mut Heap> {
        self.ticket.heap()
    }

    /// The shapes, those with most bytes first.
    pub fn rows(&self) -> Option<Rows<Learned>> {
        // A copy: the numbers of the rows are those of the table by text.
        let mut rows = Rows::default();
        for number in 0..self.rows.len() as u32 {
            if !rows.push(*self.rows.get(number)?) {
                return None;
            }
        }
        sort::sort_by(rows.all(), |a, b| b.bytes.cmp(&a.bytes).then(a.text.cmp(&b.text)));
        Some(rows)
    }

    /// "Parent.child -> Child.parent".
    pub fn text(&self, row: &Learned) -> *const c_char {
        self.texts.as_ptr().wrapping_add(row.text) as *const c_char
    }

    /// "Child.parent".
    pub fn weakest(&self, row: &Learned) -> *const c_char {
        self.texts.as_ptr().wrapping_add(row.weakest) as *const c_char
    }

    fn keep_text(&mut self, text: &CStr) -> Option<usize> {
        let start = self.texts.len();
        text.to_bytes_with_nul().iter().all(|&byte| self.texts.push(byte)).then_some(start)
    }

    unsafe fn add(&mut self, text: &CStr, weakest: &CStr, shape: &rings::Shape) -> Result<(), Failure> {
        let hash = text.to_bytes().iter().fold(0, |hash, &byte| mix(hash, byte as u64));
        let Watch { by_text, rows, texts, .. } = self;
        let known = by_text.len();
        let number = by_text.find_or_add(hash, |number| {
            rows.get(number).is_some_and(|row| {
                texts.get(row.text..).is_some_and(|rest| rest.starts_with(text.to_bytes_with_nul()))
            })
        })?;
        if number as usize == known && !self.add_row(text, weakest) {
            self.by_text.forget_last();
            return Err(Failure::NoMemory);
        }
        let Some(row) = self.rows.get_mut(number) else { return Err(Failure::NoMemory) };
        row.rings += shape.rings;
        row.objects += shape.objects;
        row.bytes += shape.bytes;
        row.breaks += shape.breaks;
        row.largest = row.largest.max(shape.largest);
        Ok(())
    }

    fn add_row(&mut self, text: &CStr, weakest: &CStr) -> bool {
        let (Some(text), Some(weakest)) = (self.keep_text(text), self.keep_text(weakest)) else {
            return false;
        };
        self.rows.push(Learned { text, weakest, rings: 0, objects: 0, bytes: 0, largest: 0, breaks: 0 })
    }
}

/// No reference to the watch is held while host code runs (`traverse`, the log), which may read it; it cannot end there.
unsafe fn learn_shapes(watch: *mut Watch, heap: *mut Heap) -> Result<(), Failure> {
    let mut dead = Query::of_dead(heap)?;
    rings::find(&mut dead)?;
    let mut shapes = core::mem::take(&mut dead.rings);
    for number in 0..shapes.rows().len() {
        let shape = shapes.rows()[number];
        let (text, weakest) = (CStr::from_ptr(shapes.text(&shape)), CStr::from_ptr(shapes.weakest(&shape)));
        (*watch).add(text, weakest, &shape)?;
        if (*watch).log {
            report::log(
                Level::Info,
                format_args!(
                    "heap {}: found dead: {}, {} times, {} objects, {}; weakening {} breaks {}",
                    CText((*heap).name()),
                    Sentence(text.as_ptr()),
                    Number(shape.rings),
                    Number(shape.objects),
                    Bytes(shape.bytes),
                    Sentence(weakest.as_ptr()),
                    Number(shape.breaks)
                ),
            );
        }
    }
    Ok(())
}

/// A collection has found dead objects, which are whole still.
unsafe fn learn(heap: *mut Heap, watch: *mut c_void) {
    if learn_shapes(watch as *mut Watch, heap).is_err() {
        report::log(
            Level::Warning,
            format_args!("heap {}: no memory to learn the shapes of what is dead", CText((*heap).name())),
        );
    }
}
