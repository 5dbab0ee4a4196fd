//! Weak maps: ephemeron tables.
//!
//! ```text
//!   map --buckets--> entry (key by its cell, value owned) <--list-- cell of the key <--table-- key, flag WEAK
//! ```
//!
//! An entry hangs in two structures: a bucket of its map, and a list on its key's cell (`weak.rs`), so that
//! a key leads to its entries and a chain of entries costs one visit each, where scanning tables until
//! nothing changes would be quadratic. The value is counted once, for the entry; to which object the
//! collector attributes that reference is in `cycle/judge.rs`:
//!
//! - subtract: the entry's edge is taken off its value when key or map is in the set;
//! - mark: the value is reached when key and map are both alive, from whichever of them is marked last.
//!
//! A cell is kept by its entries as it is by handles. When the key dies, [`detach`] takes its entries out
//! of their maps (step 3 of `lifetime.md`) and puts them in a list; their values are released in step 5.
//! When the map dies, its entries go in step 5.
//!
//! A map's storage is the engine's (a bucket array and entries from a pool of the range), so it has a type
//! of the engine's own, one a heap.

use crate::base::promised;
use crate::header::{self, Flags, Header, LOCAL};
use crate::heap::Heap;
use crate::host;
use crate::life::count;
use crate::life::death::Queue;
use crate::life::weak::{self, Cell};
use crate::memory::pool;
use crate::memory::range::{self, LOCK, RANGE};
use crate::object;
use crate::sys;
use crate::types::{self, Spec, Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// The payload of a weak map. Zeroed memory is an empty one.
#[repr(C)]
pub struct WeakMap {
    buckets: *mut *mut Entry,
    /// A power of two, or 0.
    capacity: usize,
    len: usize,
}

/// One entry.
#[repr(C)]
pub struct Entry {
    /// The key's cell.
    cell: *mut Cell,
    /// The map; null once the entry has left it.
    map: *mut WeakMap,
    /// Owned.
    pub value: *mut c_void,
    /// The next in the bucket; in a free entry the next free one.
    chained: *mut Entry,
    /// Neighbours in the cell's list, or in a list of detached entries.
    next: *mut Entry,
    prev: *mut Entry,
}

impl Entry {
    /// The map as an object.
    pub fn map(&self) -> *mut c_void {
        self.map as *mut c_void
    }

    /// The key.
    ///
    /// # Safety
    /// - The key has not died.
    pub unsafe fn key(&self) -> *mut c_void {
        (*self.cell).target()
    }
}

/// The type of the heap's maps, made with the first of them; a map is made as any object of a type. None for out of memory.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn type_of_maps(heap: *mut Heap) -> Option<*mut Type> {
    if (*heap).map_type.is_null() {
        let spec = Spec {
            name: c"rc_weakmap".as_ptr(),
            size: size_of::<WeakMap>(),
            tail_size: 0,
            flags: 0,
            fields: ptr::null(),
            field_count: 0,
            traverse: None,
            clear: None,
            finalize: None,
            destroy: None,
            ctx: ptr::null_mut(),
        };
        match types::new(heap, &spec) {
            Ok(ty) => {
                (*ty).become_map();
                (*heap).map_type = ty;
            }
            Err(_) => return None,
        }
    }
    Some((*heap).map_type)
}

/// Whether an object is a weak map.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn is_map(obj: *mut c_void) -> bool {
    (*object::type_of(obj)).flags.contains(TypeFlags::MAP)
}

/// Whether a type's objects are never tracked, though nothing about them is hidden: without references, or acyclic with
/// all references declared.
pub fn is_open(ty: &Type) -> bool {
    let never_tracked = !ty.flags.contains(TypeFlags::REFERS) || ty.flags.contains(TypeFlags::ACYCLIC);
    never_tracked && ty.traverse.is_none()
}

/// Whether an object is the key of an entry, takes part in collections for that alone, and is not on its way out.
///
/// # Safety
/// - `obj` is an object, or a free block, with this header.
#[inline(always)]
pub unsafe fn is_untracked_key(header: Header, obj: *mut c_void) -> bool {
    const MASK: Flags = Flags::TRACKED.union(Flags::DYING).union(Flags::WEAK);
    header.count_word() & LOCAL != 0
        && header.high() & MASK.bits() == Flags::WEAK.bits()
        && has_untracked_entries(obj)
}

#[inline(never)]
unsafe fn has_untracked_entries(obj: *mut c_void) -> bool {
    let ty = object::type_of(obj);
    is_open(&*ty) && !(*(*(*ty).heap).weak.get(obj)).entries().is_null()
}

unsafe fn bucket(map: *const WeakMap, cell: *const Cell) -> *mut *mut Entry {
    let hash = (cell as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (*map).buckets.add(hash as usize & ((*map).capacity - 1))
}

unsafe fn find(map: *const WeakMap, key: *mut c_void) -> *mut Entry {
    if (*map).len == 0 || !header::has_flags(key, Flags::WEAK) {
        return ptr::null_mut();
    }
    let cell = (*(*object::type_of(key)).heap).weak.get(key);
    let mut entry = *bucket(map, cell);
    while !entry.is_null() && (*entry).cell != cell {
        entry = (*entry).chained;
    }
    entry
}

/// Maps a key to a value. False for out of memory: then nothing changed.
///
/// # Safety
/// - `map` and `key` are objects of one heap, and neither is dying; `value` is an object.
pub unsafe fn set(map: *mut WeakMap, key: *mut c_void, value: *mut c_void) -> bool {
    promised!(is_map(map as *mut c_void));
    promised!((*object::type_of(map as *mut c_void)).heap == (*object::type_of(key)).heap);
    promised!(!header::has_flags(key, Flags::DYING));
    let entry = find(map, key);
    if !entry.is_null() {
        count::incref(value);
        let old = core::mem::replace(&mut (*entry).value, value);
        release(old);
        return true;
    }
    if !make_room(map) {
        return false;
    }
    let cell = weak::cell_of(key);
    if cell.is_null() {
        return false;
    }
    let entry = take_entry();
    if entry.is_null() {
        weak::drop_unused_cell(cell);
        return false;
    }
    count::incref(value);
    let place = bucket(map, cell);
    *entry = Entry { cell, map, value, chained: *place, next: (*cell).entries(), prev: ptr::null_mut() };
    *place = entry;
    if !(*cell).entries().is_null() {
        (*(*cell).entries()).prev = entry;
    }
    (*cell).set_entries(entry);
    (*map).len += 1;
    count_untracked(key, 1);
    true
}

/// Keeps the heap's number of entries whose keys no sweep would find by itself.
unsafe fn count_untracked(key: *mut c_void, more: isize) {
    let ty = object::type_of(key);
    if is_open(&*ty) {
        let entries = &mut (*(*ty).heap).weak.untracked_entries;
        *entries = entries.wrapping_add_signed(more);
    }
}

/// The value of a key, with a reference for the caller; null when there is none.
///
/// # Safety
/// - `map` is a weak map, `key` an object.
pub unsafe fn get(map: *mut WeakMap, key: *mut c_void) -> *mut c_void {
    promised!(is_map(map as *mut c_void));
    let entry = find(map, key);
    if entry.is_null() {
        return ptr::null_mut();
    }
    count::incref((*entry).value);
    (*entry).value
}

/// Takes a key's entry out and gives its value with the reference that the map owned; null when there is none.
///
/// # Safety
/// - As [`get`].
pub unsafe fn take(map: *mut WeakMap, key: *mut c_void) -> *mut c_void {
    promised!(is_map(map as *mut c_void));
    let entry = find(map, key);
    if entry.is_null() {
        return ptr::null_mut();
    }
    leave_map(entry);
    leave_cell(entry);
    weak::drop_unused_cell((*entry).cell);
    let value = (*entry).value;
    give_entry(entry);
    value
}

/// Releases what was a map's, whoever asked for it.
///
/// # Safety
/// - `value` was owned.
pub unsafe fn release(value: *mut c_void) {
    if !range::contains(value as usize) {
        return; // A static constant: nobody counts those.
    }
    host::aside((*object::type_of(value)).heap, || count::decref(value));
}

/// How many entries a map has.
///
/// # Safety
/// - `map` is a weak map.
pub unsafe fn length(map: *const WeakMap) -> usize {
    promised!(is_map(map as *mut c_void));
    (*map).len
}

/// Calls `each` with every entry of a map.
///
/// # Safety
/// - `map` is a weak map; `each` changes no map.
pub unsafe fn each_of_map(map: *mut c_void, mut each: impl FnMut(&Entry)) {
    promised!(is_map(map));
    let map = map as *mut WeakMap;
    for index in 0..(*map).capacity {
        let mut entry = *(*map).buckets.add(index);
        while !entry.is_null() {
            each(&*entry);
            entry = (*entry).chained;
        }
    }
}

/// Calls `each` with every entry of a key.
///
/// # Safety
/// - `key` is an object with the flag WEAK; `each` changes no map.
pub unsafe fn each_of_key(key: *mut c_void, mut each: impl FnMut(&Entry)) {
    promised!(header::has_flags(key, Flags::WEAK));
    let mut entry = (*(*(*object::type_of(key)).heap).weak.get(key)).entries();
    while !entry.is_null() {
        each(&*entry);
        entry = (*entry).next;
    }
}

/// Step 5 of a map: its entries go, and their values are released.
///
/// # Safety
/// - `map` is dying and held.
pub unsafe fn empty(map: *mut c_void, queue: &mut Queue) {
    promised!(is_map(map));
    promised!(header::has_flags(map, Flags::DYING));
    let map = map as *mut WeakMap;
    for index in 0..(*map).capacity {
        loop {
            let entry = *(*map).buckets.add(index);
            if entry.is_null() {
                break;
            }
            leave_map(entry);
            leave_cell(entry);
            weak::drop_unused_cell((*entry).cell);
            let value = (*entry).value;
            give_entry(entry);
            count::release_edge(value, queue);
        }
    }
    sys::free((*map).buckets as *mut u8);
    *map = WeakMap { buckets: ptr::null_mut(), capacity: 0, len: 0 };
}

/// Entries whose key has died, until their values are released. Linked by `next` alone.
#[derive(Default)]
pub struct Detached {
    first: Option<ptr::NonNull<Entry>>,
}

impl Detached {
    /// No entries.
    pub const fn new() -> Self {
        Detached { first: None }
    }

    /// Step 3 of a key: its entries leave their maps.
    ///
    /// # Safety
    /// - `cell` is the key's, which is dying.
    pub unsafe fn take(&mut self, cell: *mut Cell) {
        loop {
            let entry = (*cell).entries();
            if entry.is_null() {
                return;
            }
            leave_map(entry);
            leave_cell(entry);
            (*entry).next = self.first.map_or(ptr::null_mut(), ptr::NonNull::as_ptr);
            self.first = ptr::NonNull::new(entry);
        }
    }

    /// Calls `each` with every value, whose reference the entry still owns.
    ///
    /// # Safety
    /// - `each` changes no map.
    pub unsafe fn each_value(&self, mut each: impl FnMut(*mut c_void)) {
        let mut next = self.first;
        while let Some(entry) = next {
            each((*entry.as_ptr()).value);
            next = ptr::NonNull::new((*entry.as_ptr()).next);
        }
    }

    /// Step 5: the values are released.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn release(&mut self, queue: &mut Queue) {
        while let Some(entry) = self.first {
            let entry = entry.as_ptr();
            self.first = ptr::NonNull::new((*entry).next);
            let value = (*entry).value;
            give_entry(entry);
            count::release_edge(value, queue);
        }
    }
}

unsafe fn leave_map(entry: *mut Entry) {
    let map = (*entry).map;
    let mut place = bucket(map, (*entry).cell);
    while *place != entry {
        place = &mut (**place).chained;
    }
    *place = (*entry).chained;
    (*map).len -= 1;
    (*entry).map = ptr::null_mut();
}

unsafe fn leave_cell(entry: *mut Entry) {
    count_untracked((*entry).key(), -1);
    if (*entry).prev.is_null() {
        (*(*entry).cell).set_entries((*entry).next);
    } else {
        (*(*entry).prev).next = (*entry).next;
    }
    if !(*entry).next.is_null() {
        (*(*entry).next).prev = (*entry).prev;
    }
    (*entry).prev = ptr::null_mut();
}

/// Makes sure that one more entry fits at no more than one a bucket.
unsafe fn make_room(map: *mut WeakMap) -> bool {
    if (*map).len < (*map).capacity {
        return true;
    }
    let capacity = ((*map).capacity * 2).max(8);
    let buckets = sys::allocate(capacity * size_of::<*mut Entry>()) as *mut *mut Entry;
    if buckets.is_null() {
        return false;
    }
    let old = ptr::replace(&mut (*map).buckets, buckets);
    let old_capacity = core::mem::replace(&mut (*map).capacity, capacity);
    for index in 0..old_capacity {
        let mut entry = *old.add(index);
        while !entry.is_null() {
            let next = (*entry).chained;
            let place = bucket(map, (*entry).cell);
            (*entry).chained = *place;
            *place = entry;
            entry = next;
        }
    }
    sys::free(old as *mut u8);
    true
}

unsafe fn take_entry() -> *mut Entry {
    pool::take_slot(&raw mut RANGE.entries, |entry: *mut Entry| (*entry).chained)
}

unsafe fn give_entry(entry: *mut Entry) {
    let _guard = LOCK.lock();
    (*entry).chained = RANGE.entries.free as *mut Entry;
    pool::give_slot(&raw mut RANGE.entries, entry);
}

impl Type {
    /// Makes a new type the heap's type of weak maps: tracked, with the engine's own callbacks.
    fn become_map(&mut self) {
        self.flags.insert(TypeFlags::MAP | TypeFlags::REFERS);
        self.flags.remove(TypeFlags::PLAIN | TypeFlags::SIMPLE | TypeFlags::QUICK);
        // With what a profile has put there already.
        self.header = self.header.with(Flags::TRACKED, true);
    }
}
