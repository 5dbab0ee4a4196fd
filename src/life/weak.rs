//! Weak handles: references that do not keep their target alive, and know when it has died.
//!
//! ```text
//!   target --flag WEAK--> heap's table: granule -> cell          handle -> cell -> target
//!                                                                handle -> cell
//! ```
//!
//! All handles of one target share its **cell**: clearing the cell clears them all at once, from one moment
//! on, whatever their number. A target pays the cell, 24 bytes, and at most 8 in the table of
//! 32-bit numbers; an object without handles pays nothing. Handles with a callback hang in a list on the cell, which moves as
//! a whole to a list of pending callbacks when the target dies.
//!
//! Cells and handles live in pools of the range, process-wide, because handles outlive their heap; a freed
//! handle stays readable, so that freeing it twice is told.
//!
//! Invariants:
//! - an object has the flag WEAK if and only if the table has a cell for it;
//! - a cell is in a table if and only if its target is not null; it lives while it has handles or entries
//!   of weak maps;
//! - a handle is in its cell's list, or a pending list, if and only if it has a callback that may still
//!   run.

use crate::base::promised;
use crate::header::{self, Flags, IMMORTAL, LOCAL};
use crate::heap::Heap;
use crate::life::count;
use crate::life::weakmap::{Detached, Entry};
use crate::memory::pool;
use crate::memory::range::{self, LOCK, RANGE};
use crate::object;
use crate::sys;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr;

/// A handle's callback.
pub type WeakFn = unsafe extern "C" fn(*mut Weak, *mut c_void);

/// What all handles of one target share. Zeroed memory is a free cell.
#[repr(C)]
pub struct Cell {
    /// Null: the target has died. In a free cell: the next free one.
    target: *mut c_void,
    /// Handles with a callback.
    first: *mut Weak,
    /// Number of the first entry of a weak map whose key the target is; 0: none.
    entries: u32,
    /// Handles, with and without.
    handles: u32,
}

/// One handle.
#[repr(C)]
pub struct Weak {
    cell: *mut Cell,
    callback: Option<WeakFn>,
    ctx: *mut c_void,
    /// Neighbours in the cell's list or a pending list; in a free handle `next` is the next free one.
    next: *mut Weak,
    prev: *mut Weak,
    /// The handle's own address while it lives.
    signature: usize,
}

/// The cells of one heap's objects, found by their targets' granules. Zeroed memory is an empty table.
#[repr(C)]
pub struct WeakTable {
    numbers: *mut u32,
    /// Grows by half, so that at least half of it is used and a target's share is 8 bytes at most.
    capacity: usize,
    /// Objects that have handles.
    pub len: usize,
    /// Entries of weak maps whose key is never tracked: see `weakmap::is_open`.
    pub untracked_entries: usize,
}

static_assertions::const_assert_eq!(size_of::<Cell>(), 24);

/// The least capacity of a table that has something.
const CAPACITY_MIN: usize = 16;

impl Cell {
    /// The object; null once it has died.
    pub fn target(&self) -> *mut c_void {
        self.target
    }

    /// The first entry of a weak map whose key the object is; null: none.
    pub fn entries(&self) -> *mut Entry {
        match self.entries {
            0 => ptr::null_mut(),
            // SAFETY: a number that set_entries stored.
            number => unsafe { (RANGE.entries.base as *mut Entry).add(number as usize) },
        }
    }

    /// Sets what [`Cell::entries`] gives.
    ///
    /// # Safety
    /// - `first` is null or an entry of the pool.
    pub unsafe fn set_entries(&mut self, first: *mut Entry) {
        self.entries = match first.is_null() {
            true => 0,
            false => first.offset_from(RANGE.entries.base as *mut Entry) as u32,
        };
    }
}

impl WeakTable {
    /// Where the search for a granule begins.
    fn home(&self, granule: u64) -> usize {
        let hash = granule.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        ((hash * self.capacity as u64) >> 32) as usize
    }

    fn after(&self, place: usize) -> usize {
        if place + 1 == self.capacity {
            0
        } else {
            place + 1
        }
    }

    /// How far a place is behind another, around the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.capacity - from
        }
    }

    unsafe fn entry(&self, granule: u64) -> *mut u32 {
        let mut at = self.home(granule);
        loop {
            let place = self.numbers.add(at);
            if *place == 0 || range::granule_of((*cell_at(*place)).target) == granule {
                return place;
            }
            at = self.after(at);
        }
    }

    /// An object's cell; null when it has none.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn get(&self, obj: *mut c_void) -> *mut Cell {
        if self.capacity == 0 {
            return ptr::null_mut();
        }
        match *self.entry(range::granule_of(obj)) {
            0 => ptr::null_mut(),
            number => cell_at(number),
        }
    }

    unsafe fn insert(&mut self, cell: *mut Cell) -> bool {
        let more = (self.capacity + self.capacity / 2).max(CAPACITY_MIN);
        if (self.len + 1) * 4 > self.capacity * 3 && !self.resize(more) {
            return false;
        }
        *self.entry(range::granule_of((*cell).target)) = number_of(cell);
        self.len += 1;
        true
    }

    /// Another capacity, more than there are objects. False for out of memory.
    unsafe fn resize(&mut self, capacity: usize) -> bool {
        let numbers = sys::allocate(capacity * size_of::<u32>()) as *mut u32;
        if numbers.is_null() {
            return false;
        }
        let old = ptr::replace(&mut self.numbers, numbers);
        let old_capacity = core::mem::replace(&mut self.capacity, capacity);
        for index in 0..old_capacity {
            let number = *old.add(index);
            if number != 0 {
                *self.entry(range::granule_of((*cell_at(number)).target)) = number;
            }
        }
        sys::free(old as *mut u8);
        true
    }

    /// Gives memory back that is much more than what is needed.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn trim(&mut self) {
        if self.len == 0 {
            self.end();
        } else if self.capacity > 4 * self.len.max(CAPACITY_MIN) {
            // Without memory it stays as it is.
            let _ = self.resize(2 * self.len.max(CAPACITY_MIN / 2));
        }
    }

    /// Takes a target's cell out; backward shift, as in `base/table.rs`.
    unsafe fn remove(&mut self, cell: *mut Cell) {
        let home = |number: u32| self.home(range::granule_of((*cell_at(number)).target));
        let mut hole = self.entry(range::granule_of((*cell).target)).offset_from(self.numbers) as usize;
        let mut at = hole;
        loop {
            at = self.after(at);
            let number = *self.numbers.add(at);
            if number == 0 {
                break;
            }
            if self.distance(home(number), at) >= self.distance(hole, at) {
                *self.numbers.add(hole) = number;
                hole = at;
            }
        }
        *self.numbers.add(hole) = 0;
        self.len -= 1;
    }

    /// Gives the table's memory back; every target has died.
    ///
    /// # Safety
    /// - Nobody uses the table any more.
    pub unsafe fn end(&mut self) {
        sys::free(self.numbers as *mut u8);
        *self = WeakTable { numbers: ptr::null_mut(), capacity: 0, len: 0, untracked_entries: 0 };
    }
}

unsafe fn cell_at(number: u32) -> *mut Cell {
    (RANGE.cells.base as *mut Cell).add(number as usize)
}

unsafe fn number_of(cell: *mut Cell) -> u32 {
    cell.offset_from(RANGE.cells.base as *mut Cell) as u32
}

/// Makes a handle. Null for out of memory.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn new(obj: *mut c_void, callback: Option<WeakFn>, ctx: *mut c_void) -> *mut Weak {
    promised!(object::check(obj).is_ok());
    let weak = pool::take_slot(&raw mut RANGE.handles, |weak: *mut Weak| (*weak).next);
    if weak.is_null() {
        return weak;
    }
    // Past step 2 of its end an object has no handles any more: the new one has no cell either.
    let dying = header::has_flags(obj, Flags::DYING) || header::count_word(obj) & (LOCAL | IMMORTAL) == 0;
    let cell = if dying { ptr::null_mut() } else { cell_of(obj) };
    if cell.is_null() && !dying {
        give_handle(weak);
        return ptr::null_mut();
    }
    *weak =
        Weak { cell, callback, ctx, next: ptr::null_mut(), prev: ptr::null_mut(), signature: weak as usize };
    if !cell.is_null() {
        (*cell).handles += 1;
        if callback.is_some() {
            (*weak).next = (*cell).first;
            if !(*cell).first.is_null() {
                (*(*cell).first).prev = weak;
            }
            (*cell).first = weak;
        }
    }
    weak
}

/// An object's cell, made if it has none. Null for out of memory.
///
/// # Safety
/// - `obj` is an object and not dying; whoever makes a cell puts a handle or an entry on it.
pub unsafe fn cell_of(obj: *mut c_void) -> *mut Cell {
    promised!(!header::has_flags(obj, Flags::DYING));
    let heap = (*object::type_of(obj)).heap;
    if header::has_flags(obj, Flags::WEAK) {
        return (*heap).weak.get(obj);
    }
    let cell = pool::take_slot(&raw mut RANGE.cells, |cell: *mut Cell| (*cell).target as *mut Cell);
    if cell.is_null() {
        return cell;
    }
    *cell = Cell { target: obj, first: ptr::null_mut(), entries: 0, handles: 0 };
    if !(*heap).weak.insert(cell) {
        give_cell(cell);
        return ptr::null_mut();
    }
    header::set_flags(obj, Flags::WEAK);
    cell
}

/// An object has moved: what leads to it weakly leads to its new place. There is room for that.
///
/// # Safety
/// - `from` has the flag WEAK, and nothing leads to `to` weakly.
pub unsafe fn move_to(heap: *mut Heap, from: *mut c_void, to: *mut c_void) {
    promised!(header::has_flags(from, Flags::WEAK));
    let weak = &mut (*heap).weak;
    let cell = weak.get(from);
    weak.remove(cell);
    (*cell).target = to;
    *weak.entry(range::granule_of(to)) = number_of(cell);
    weak.len += 1;
}

unsafe fn give_cell(cell: *mut Cell) {
    let _guard = LOCK.lock();
    (*cell).target = RANGE.cells.free as *mut c_void;
    pool::give_slot(&raw mut RANGE.cells, cell);
}

unsafe fn give_handle(weak: *mut Weak) {
    let _guard = LOCK.lock();
    (*weak).signature = 0;
    (*weak).next = RANGE.handles.free as *mut Weak;
    pool::give_slot(&raw mut RANGE.handles, weak);
}

/// Whether the pointer is a live handle. Any address may be asked.
pub fn is_handle(weak: *const Weak) -> bool {
    // SAFETY: the pool has slots of handles, and a slot that was handed out can be read from then on.
    unsafe { pool::is_slot(&raw const RANGE.handles, weak) && (*weak).signature == weak as usize }
}

/// The target, with a reference for the caller; null when it has died.
///
/// # Safety
/// - `weak` is a live handle.
#[inline(always)]
pub unsafe fn get(weak: *mut Weak) -> *mut c_void {
    promised!(is_handle(weak));
    let cell = (*weak).cell;
    if cell.is_null() {
        return ptr::null_mut();
    }
    let target = (*cell).target;
    if target.is_null() {
        return target;
    }
    // What waits for its end has lost its last reference, and is not brought back by looking.
    if header::count_word(target) & (LOCAL | IMMORTAL) == 0 {
        return ptr::null_mut();
    }
    count::incref(target);
    target
}

/// The target, borrowed; null when it has died. Unlike [`get`] this gives what waits for its end, too.
///
/// # Safety
/// - As [`get`].
pub unsafe fn target_of(weak: *mut Weak) -> *mut c_void {
    let cell = (*weak).cell;
    if cell.is_null() {
        ptr::null_mut()
    } else {
        (*cell).target
    }
}

/// Ends a handle.
///
/// # Safety
/// - As [`get`].
pub unsafe fn free(weak: *mut Weak) {
    let cell = (*weak).cell;
    unlink(weak);
    if !cell.is_null() {
        (*cell).handles -= 1;
        drop_unused_cell(cell);
    }
    give_handle(weak);
}

/// Ends a cell that has neither handles nor entries.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn drop_unused_cell(cell: *mut Cell) {
    if (*cell).handles != 0 || (*cell).entries != 0 {
        return;
    }
    if !(*cell).target.is_null() {
        let target = (*cell).target;
        let heap = (*object::type_of(target)).heap;
        header::clear_flags(target, Flags::WEAK);
        (*heap).weak.remove(cell);
    }
    give_cell(cell);
}

/// How many weak handles the process can have.
pub fn handles_max() -> usize {
    // SAFETY: reads a word that is written before the first heap exists.
    unsafe { (RANGE.handles.size / size_of::<Weak>()).saturating_sub(1) }
}

/// No callback of a heap's handles runs any more, whether it is due or not.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn forget_callbacks(heap: *mut Heap) {
    while (*heap).finalizers.pending.pop().is_some() {}
    let table = &(*heap).weak;
    for index in 0..table.capacity {
        let number = *table.numbers.add(index);
        while number != 0 && !(*cell_at(number)).first.is_null() {
            let weak = (*cell_at(number)).first;
            unlink(weak);
            (*weak).callback = None;
        }
    }
}

/// Takes a handle out of the list that it is in, if any.
unsafe fn unlink(weak: *mut Weak) {
    if (*weak).prev.is_null() {
        let cell = (*weak).cell;
        if !cell.is_null() && (*cell).first == weak {
            (*cell).first = (*weak).next;
        }
    } else {
        (*(*weak).prev).next = (*weak).next;
    }
    if !(*weak).next.is_null() {
        (*(*weak).next).prev = (*weak).prev;
    }
    (*weak).next = ptr::null_mut();
    (*weak).prev = ptr::null_mut();
}

/// Handles of an object that were made and not freed.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn count_of(obj: *mut c_void) -> u32 {
    if !header::has_flags(obj, Flags::WEAK) {
        return 0;
    }
    let heap = (*object::type_of(obj)).heap;
    (*(*heap).weak.get(obj)).handles
}

/// Callbacks that are due: a list that begins with a handle of its own, so that a handle leaves it without knowing it.
///
/// The first handle leads back here by a plain pointer, through which the list changes behind any reference to it; hence the cell,
/// and no `&mut`.
#[repr(C)]
pub struct Pending {
    head: UnsafeCell<Weak>,
}

impl Default for Pending {
    fn default() -> Self {
        Self::new()
    }
}

impl Pending {
    /// An empty list.
    pub const fn new() -> Self {
        Pending {
            head: UnsafeCell::new(Weak {
                cell: ptr::null_mut(),
                callback: None,
                ctx: ptr::null_mut(),
                next: ptr::null_mut(),
                prev: ptr::null_mut(),
                signature: 0,
            }),
        }
    }

    /// Whether no callback is due.
    pub fn is_empty(&self) -> bool {
        // SAFETY: a word of ours; who writes to it is in the heap, as we are.
        unsafe { (*self.head.get()).next.is_null() }
    }

    /// Gives all callbacks to another list, which is empty and stays where it is while it has any.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn move_to(&self, other: &Pending) {
        let head = self.head.get();
        let first = ptr::replace(&mut (*head).next, ptr::null_mut());
        if !first.is_null() {
            (*first).prev = other.head.get();
            (*other.head.get()).next = first;
        }
    }

    /// Step 3 for one object that has handles or is a key: from here on they read null, its callbacks are due, and its entries have
    /// left their maps.
    ///
    /// The list must not move while callbacks are in it.
    ///
    /// # Safety
    /// - `obj` has the flag WEAK.
    pub unsafe fn detach(&self, heap: *mut Heap, obj: *mut c_void, detached: &mut Detached) {
        promised!(header::has_flags(obj, Flags::WEAK));
        let cell = (*heap).weak.get(obj);
        detached.take(cell);
        (*heap).weak.remove(cell);
        header::clear_flags(obj, Flags::WEAK);
        (*cell).target = ptr::null_mut();
        let first = core::mem::replace(&mut (*cell).first, ptr::null_mut());
        if (*cell).handles == 0 {
            give_cell(cell);
        }
        if first.is_null() {
            return;
        }
        let mut last = first;
        while !(*last).next.is_null() {
            last = (*last).next;
        }
        let head = self.head.get();
        (*last).next = (*head).next;
        if !(*head).next.is_null() {
            (*(*head).next).prev = last;
        }
        (*first).prev = head;
        (*head).next = first;
    }

    /// Takes the next callback that is due.
    ///
    /// # Safety
    /// - The list has not moved since [`Pending::detach`].
    pub unsafe fn pop(&self) -> Option<(*mut Weak, WeakFn, *mut c_void)> {
        let weak = (*self.head.get()).next;
        if weak.is_null() {
            return None;
        }
        unlink(weak);
        let callback = (*weak).callback.take()?;
        Some((weak, callback, (*weak).ctx))
    }
}
