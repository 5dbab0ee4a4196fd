//! Scopes: references held for a stretch of the host's program, released last in first out.
//!
//! A heap has one stack of kept references and one of open scopes. A mark names an open scope by its heap
//! and a serial number, so a mark that was left before, or that belongs to another heap, is told from the
//! innermost one.

use crate::count;
use crate::heap::Heap;
use crate::profile::measure;
use crate::report::{self, CText, Level};
use crate::series::{self, What};
use crate::sys;
use core::ffi::{c_char, c_void};
use core::ptr;

/// Bits of a heap's number in a mark.
const HEAP_BITS: u32 = 16;

/// One open scope.
#[derive(Clone, Copy)]
#[repr(C)]
struct Open {
    mark: u64,
    /// References kept before it.
    start: usize,
    name: *const c_char,
}

/// A growing array of plain values. Zeroed memory is an empty one.
#[repr(C)]
pub struct Stack<T> {
    items: *mut T,
    len: usize,
    capacity: usize,
}

impl<T: Copy> Default for Stack<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy> Stack<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Stack { items: ptr::null_mut(), len: 0, capacity: 0 }
    }

    /// Bytes of its memory.
    pub fn own_bytes(&self) -> u64 {
        (self.capacity * size_of::<T>()) as u64
    }

    /// Makes sure that `count` more fit. False for out of memory.
    pub fn reserve(&mut self, count: usize) -> bool {
        if self.len + count <= self.capacity {
            return true;
        }
        let capacity = (self.len + count).max(self.capacity * 2).max(16);
        let items = sys::allocate_raw(capacity * size_of::<T>()) as *mut T;
        if items.is_null() {
            return false;
        }
        // SAFETY: the new array has room for what the old one has; the old one is ours.
        unsafe {
            if self.len != 0 {
                ptr::copy_nonoverlapping(self.items, items, self.len);
            }
            sys::free(self.items as *mut u8);
        }
        self.items = items;
        self.capacity = capacity;
        true
    }

    /// Puts a value on top. False for out of memory.
    pub fn push(&mut self, value: T) -> bool {
        if !self.reserve(1) {
            return false;
        }
        // SAFETY: there is room.
        unsafe { self.items.add(self.len).write(value) };
        self.len += 1;
        true
    }

    /// Takes the top off.
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: below the old length.
        Some(unsafe { self.items.add(self.len).read() })
    }

    /// A value by its place from the bottom.
    pub fn get(&self, index: usize) -> Option<T> {
        // SAFETY: below the length.
        (index < self.len).then(|| unsafe { self.items.add(index).read() })
    }

    /// A value by its place from the bottom, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        // SAFETY: below the length.
        (index < self.len).then(|| unsafe { &mut *self.items.add(index) })
    }

    /// All values, from the bottom.
    pub fn as_slice(&self) -> &[T] {
        match self.len {
            0 => &[],
            // SAFETY: so many were written.
            len => unsafe { core::slice::from_raw_parts(self.items, len) },
        }
    }

    /// All values, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match self.len {
            0 => &mut [],
            // SAFETY: so many were written, and nobody else has them.
            len => unsafe { core::slice::from_raw_parts_mut(self.items, len) },
        }
    }

    /// Replaces a value; nothing where there is none.
    pub fn set(&mut self, index: usize, value: T) {
        if index < self.len {
            // SAFETY: below the length.
            unsafe { self.items.add(index).write(value) }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes a value out; those above move down.
    pub fn remove(&mut self, index: usize) {
        if index < self.len {
            // SAFETY: what moves lies below the length.
            unsafe { ptr::copy(self.items.add(index + 1), self.items.add(index), self.len - index - 1) };
            self.len -= 1;
        }
    }

    /// Takes the lowest values out; those above move down.
    pub fn remove_first(&mut self, count: usize) {
        let count = count.min(self.len);
        // SAFETY: what moves lies below the length.
        unsafe { ptr::copy(self.items.add(count), self.items, self.len - count) };
        self.len -= count;
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        // SAFETY: ours, and empty from here on.
        unsafe { sys::free(self.items as *mut u8) };
        *self = Stack::new();
    }
}

/// The scopes of one heap. Zeroed memory has none.
#[repr(C)]
pub struct Scopes {
    kept: Stack<*mut c_void>,
    open: Stack<Open>,
    serial: u64,
}

/// Opens a scope; 0 for out of memory.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn enter(heap: *mut Heap, name: *const c_char) -> u64 {
    let index = (*heap).index as u64;
    let scopes = &mut (*heap).scopes;
    scopes.serial += 1;
    let mark = scopes.serial << HEAP_BITS | index;
    let open = Open { mark, start: scopes.kept.len(), name };
    if !scopes.open.push(open) {
        return 0;
    }
    measure::enter(heap, mark, name);
    series::scope(heap, What::Enter, name);
    mark
}

/// Closes the innermost scope, if `mark` is its mark. False if not: then nothing was done.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn leave(heap: *mut Heap, mark: u64) -> bool {
    let scopes = &mut (*heap).scopes;
    let Some(top) = scopes.open.len().checked_sub(1).and_then(|index| scopes.open.get(index)) else {
        return false;
    };
    if top.mark != mark {
        return false;
    }
    close_innermost(heap, top.start);
    true
}

/// Releases what the innermost scope keeps, if `mark` is its mark; it stays open. False if not.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn release_kept(heap: *mut Heap, mark: u64) -> bool {
    let scopes = &mut (*heap).scopes;
    let top = scopes.open.len().checked_sub(1).and_then(|index| scopes.open.get(index));
    let Some(open) = top.filter(|open| open.mark == mark) else { return false };
    empty_to(heap, open.start);
    true
}

unsafe fn empty_to(heap: *mut Heap, start: usize) {
    while (*heap).scopes.kept.len() > start {
        if let Some(obj) = (*heap).scopes.kept.pop() {
            count::decref(obj);
        }
    }
}

unsafe fn close_innermost(heap: *mut Heap, start: usize) {
    // The scope stays open while it is emptied: what a death keeps meanwhile is released too.
    empty_to(heap, start);
    if let Some(open) = (*heap).scopes.open.pop() {
        measure::leave(heap, open.mark);
        series::scope(heap, What::Leave, open.name);
    }
}

/// Whether a scope is open.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn is_open(heap: *mut Heap) -> bool {
    !(*heap).scopes.open.is_empty()
}

/// Gives a reference to the innermost scope. False for out of memory: the reference is still the caller's.
///
/// # Safety
/// - A scope is open; only the heap's thread is in the heap.
pub unsafe fn keep(heap: *mut Heap, obj: *mut c_void) -> bool {
    (*heap).scopes.kept.push(obj)
}

/// How many scopes are open: where a callback begins.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn depth(heap: *mut Heap) -> usize {
    (*heap).scopes.open.len()
}

/// Calls `each` with the name of the scope and the object, for every reference that a scope of the heap keeps, in the
/// order in which they were given. The name is null when the scope has none, and for what no open scope keeps.
///
/// # Safety
/// - Only the heap's thread is in the heap; `each` changes no scope.
pub unsafe fn each_kept(heap: *mut Heap, mut each: impl FnMut(*const c_char, *mut c_void)) {
    let scopes = &(*heap).scopes;
    let mut depth = 0;
    let mut name = ptr::null();
    for index in 0..scopes.kept.len() {
        while let Some(open) = scopes.open.get(depth).filter(|open| open.start <= index) {
            name = open.name;
            depth += 1;
        }
        if let Some(obj) = scopes.kept.get(index) {
            each(name, obj);
        }
    }
}

/// Closes the scopes that were opened beyond a depth and left open, and says so.
///
/// # Safety
/// - Only the heap's thread is in the heap.
#[cold]
pub unsafe fn close_to(heap: *mut Heap, depth: usize) {
    while let Some(top) = (*heap).scopes.open.len().checked_sub(1).filter(|&top| top >= depth) {
        let Some(open) = (*heap).scopes.open.get(top) else { return };
        let name = if open.name.is_null() { c"(unnamed)".as_ptr() } else { open.name };
        report::log(
            Level::Warning,
            format_args!("scope {} was left open in a callback; it was closed there", CText(name)),
        );
        close_innermost(heap, open.start);
    }
}

/// Releases everything and gives the memory back: the heap ends.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn end(heap: *mut Heap) {
    while let Some(obj) = (*heap).scopes.kept.pop() {
        count::decref(obj);
    }
    (*heap).scopes.kept.end();
    (*heap).scopes.open.end();
}
