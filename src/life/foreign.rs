//! Foreign objects: with a header and a count of their own, which nobody here owns, and which may be in rings all the same.
//!
//! Each has a **proxy**, a small object of the heap that stands for it where a full collection judges. What must be true:
//!
//! | when | the proxy's count | tracked | the foreign object |
//! |---|---|---|---|
//! | between collections, in young ones and looks near a death | 1, the table's | no | is outside: whatever it refers to is held |
//! | while a full collection judges ([`begin`]) | what its owner counts | yes | its edges are the proxy's ([`proxy_traverse`]) |
//! | found dead ([`hold`]) | that, and the collector's own | yes | is held by its own count, so that nothing makes it die in the middle |
//! | steps 5 and 6 (`lifetime.md`) | the collector's own | yes | is unlinked with the whole set, then let go of |
//! | afterwards ([`end`]) | 1 | no | has told us of its end, or lives on |
//!
//! An edge to a foreign object is one to its address. That lies outside the range, so the tables of working counts know
//! nothing of it, and whoever meets it there asks [`stand_in`]. Dead foreign objects are members of the dead set as any other
//! is: they are ended in the order of `lifetime.md`, and with them what hangs from them. Finalizers find all as it was.
//!
//! With `GC_DEBUG_SAVEALL` foreign objects are not judged: they could not be kept as they were. Heaps with queued
//! finalizers refuse them.

use crate::base::list::List;
use crate::base::promised;
use crate::header::{self, Flags, LOCAL};
use crate::heap::Heap;
use crate::host;
use crate::life::count;
use crate::memory::range;
use crate::sys;
use crate::types::{self, Spec, Type, VisitFn};
use core::ffi::{c_int, c_void};
use core::ptr;

/// No entry.
const NONE: usize = usize::MAX;
/// Counts above are as good as this one.
const COUNT_MAX: usize = 1 << 28;

/// What a host tells of a kind of foreign objects, as `gc_foreign_spec` has it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Kind {
    /// `sizeof` as the host was compiled.
    pub struct_size: usize,
    /// How many references there are to the object.
    pub count: Option<unsafe extern "C" fn(*mut c_void, *mut c_void) -> usize>,
    /// Visits what it refers to.
    pub traverse:
        Option<unsafe extern "C" fn(*mut c_void, Option<VisitFn>, *mut c_void, *mut c_void) -> c_int>,
    /// Releases what it refers to.
    pub unlink: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    /// Counts one more.
    pub hold: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    /// Counts one less.
    pub release: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    /// The host's.
    pub ctx: *mut c_void,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Null: a free entry, and `proxy` is the next one, plus one.
    obj: *mut c_void,
    kind: *const Kind,
    proxy: *mut c_void,
    /// The collector holds it by its own count.
    held: bool,
}

/// What a proxy has: its entry, or [`NONE`] when the foreign object is gone.
#[repr(C)]
struct Proxy {
    entry: usize,
}

/// The tracked foreign objects of a heap. Zeroed memory is an empty one.
#[repr(C)]
pub struct Foreign {
    entries: List<Entry>,
    /// The first free entry, plus one.
    free: usize,
    /// How many are tracked.
    pub len: usize,
    /// By address: entries, plus one; 0 ends a search. A power of two, at most half full.
    slots: *mut u32,
    slot_count: usize,
    /// The type of proxies.
    proxy_type: *mut Type,
    /// A full collection judges them.
    judged: bool,
}

impl Foreign {
    fn slot_of(&self, address: usize) -> usize {
        // Fibonacci hashing (Knuth, volume 3, 6.4): the high bits of a product depend on all of the address.
        let hash = (address >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash >> 32) & (self.slot_count - 1)
    }

    /// The entry of an address.
    unsafe fn find(&self, obj: *const c_void) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let mut slot = self.slot_of(obj as usize);
        loop {
            match *self.slots.add(slot) {
                0 => return None,
                found
                    if self
                        .entries
                        .as_slice()
                        .get(found as usize - 1)
                        .is_some_and(|one| one.obj.cast_const() == obj) =>
                {
                    return Some(found as usize - 1)
                }
                _ => slot = (slot + 1) & (self.slot_count - 1),
            }
        }
    }

    /// Room for one more. False for out of memory.
    unsafe fn reserve(&mut self) -> bool {
        if self.free == 0 && !self.entries.reserve(1) {
            return false;
        }
        if (self.len + 1) * 2 <= self.slot_count {
            return true;
        }
        let count = (self.slot_count * 2).max(64);
        let slots = sys::allocate_raw(count * size_of::<u32>()) as *mut u32;
        if slots.is_null() {
            return false;
        }
        ptr::write_bytes(slots, 0, count);
        sys::free(self.slots as *mut u8);
        (self.slots, self.slot_count) = (slots, count);
        for index in 0..self.entries.len() {
            if self.entries.get(index).is_some_and(|entry| !entry.obj.is_null()) {
                self.enter(index);
            }
        }
        true
    }

    unsafe fn enter(&mut self, index: usize) {
        let Some(entry) = self.entries.get(index) else { return };
        let mut slot = self.slot_of(entry.obj as usize);
        while *self.slots.add(slot) != 0 {
            slot = (slot + 1) & (self.slot_count - 1);
        }
        *self.slots.add(slot) = index as u32 + 1;
    }

    /// Takes an entry out; those that had to go on behind it move up (Knuth, algorithm 6.4R).
    unsafe fn remove(&mut self, index: usize) {
        let Some(entry) = self.entries.get(index) else { return };
        let mask = self.slot_count - 1;
        let mut hole = self.slot_of(entry.obj as usize);
        while *self.slots.add(hole) as usize != index + 1 {
            hole = (hole + 1) & mask;
        }
        let mut next = hole;
        loop {
            next = (next + 1) & mask;
            let found = *self.slots.add(next) as usize;
            let Some(other) = found.checked_sub(1).and_then(|other| self.entries.get(other)) else { break };
            let home = self.slot_of(other.obj as usize);
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                *self.slots.add(hole) = found as u32;
                hole = next;
            }
        }
        *self.slots.add(hole) = 0;
        let gone =
            Entry { obj: ptr::null_mut(), kind: ptr::null(), proxy: self.free as *mut c_void, held: false };
        self.entries.set(index, gone);
        self.free = index + 1;
        self.len -= 1;
    }

    /// Frees the tables; the proxies end with their heap.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn end(&mut self) {
        self.entries.end();
        sys::free(self.slots as *mut u8);
        self.slots = ptr::null_mut();
        (self.slot_count, self.len) = (0, 0);
    }
}

/// The type of the heap's proxies, made with the first of them. None for out of memory.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn type_of_proxies(heap: *mut Heap) -> Option<*mut Type> {
    if (*heap).foreign.proxy_type.is_null() {
        let spec = Spec {
            name: c"foreign object".as_ptr(),
            size: size_of::<Proxy>(),
            tail_size: 0,
            flags: 0,
            fields: ptr::null(),
            field_count: 0,
            traverse: Some(proxy_traverse),
            clear: Some(proxy_clear),
            finalize: None,
            destroy: Some(proxy_destroy),
            ctx: ptr::null_mut(),
        };
        (*heap).foreign.proxy_type = types::new(heap, &spec).ok()?;
    }
    Some((*heap).foreign.proxy_type)
}

/// Whether a foreign object is tracked.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn is_tracked(heap: *const Heap, obj: *const c_void) -> bool {
    (*heap).foreign.find(obj).is_some()
}

/// Tracks a foreign object. False for out of memory; then the proxy is still the caller's.
///
/// # Safety
/// - `obj` is not tracked; `kind` lives as long as it is; `proxy` is a new object of [`type_of_proxies`].
pub unsafe fn track(heap: *mut Heap, obj: *mut c_void, kind: *const Kind, proxy: *mut c_void) -> bool {
    promised!(!is_tracked(heap, obj));
    let foreign = &mut (*heap).foreign;
    if !foreign.reserve() {
        return false;
    }
    let entry = Entry { obj, kind, proxy, held: false };
    let index = match foreign.free {
        0 => foreign.entries.len(),
        free => free - 1,
    };
    if index == foreign.entries.len() {
        foreign.entries.push(entry);
    } else {
        foreign.free = foreign.entries.get(index).map_or(0, |one| one.proxy as usize);
        foreign.entries.set(index, entry);
    }
    (*(proxy as *mut Proxy)).entry = index;
    foreign.len += 1;
    foreign.enter(index);
    true
}

/// A proxy that stands for nothing, and whose callbacks therefore do nothing.
///
/// # Safety
/// - `proxy` is a new object of [`type_of_proxies`].
pub unsafe fn disown(proxy: *mut c_void) {
    (*(proxy as *mut Proxy)).entry = NONE;
}

/// Forgets a foreign object. False if it is not tracked.
///
/// # Safety
/// - The heap is not judged.
pub unsafe fn untrack(heap: *mut Heap, obj: *mut c_void) -> bool {
    let Some(index) = (*heap).foreign.find(obj) else { return false };
    let proxy = (*heap).foreign.entries.get(index).map_or(ptr::null_mut(), |entry| entry.proxy);
    (*heap).foreign.remove(index);
    (*(proxy as *mut Proxy)).entry = NONE;
    // One reference is left: the table's, which goes now, or in the dead set the collector's own, which goes in step 7.
    header::set_count_word(proxy, LOCAL + 1);
    if !header::has_flags(proxy, Flags::CONDEMNED) {
        header::clear_flags(proxy, Flags::TRACKED);
        count::decref(proxy);
    }
    true
}

// ---- what a collection does with them ----

/// How many references its owner counts, but for the collector's own.
unsafe fn count_of(entry: &Entry) -> u32 {
    let count = (*entry.kind).count.map_or(1, |count| count(entry.obj, (*entry.kind).ctx));
    count.saturating_sub(entry.held as usize).min(COUNT_MAX) as u32
}

/// Calls `each` with every tracked object that there is at the beginning and still is at its turn.
unsafe fn each(heap: *mut Heap, mut each: impl FnMut(usize, Entry)) {
    for index in 0..(*heap).foreign.entries.len() {
        match (*heap).foreign.entries.get(index) {
            Some(entry) if !entry.obj.is_null() => each(index, entry),
            _ => {}
        }
    }
}

/// A full collection is about to judge: proxies have the counts of what they stand for. One whose owner counts none is on its
/// way out, and stays outside.
///
/// # Safety
/// - The heap's phase is `Judging`.
pub unsafe fn begin(heap: *mut Heap) {
    if (*heap).foreign.len == 0 {
        return;
    }
    (*heap).foreign.judged = true;
    each(heap, |_, entry| {
        let count = count_of(&entry);
        if count != 0 {
            header::set_count_word(entry.proxy, LOCAL + count);
            header::set_flags(entry.proxy, Flags::TRACKED);
        }
    });
}

/// What stands for the target of an edge: the proxy of a foreign object that is judged; null for one that is not; else the
/// target itself.
///
/// # Safety
/// - As [everywhere](crate).
#[inline]
pub unsafe fn stand_in(heap: *const Heap, target: *mut c_void) -> *mut c_void {
    if (*heap).foreign.len == 0 || range::contains(target as usize) {
        return target;
    }
    look_up(heap, target)
}

/// Whether an edge leads to a foreign object that is tracked.
///
/// # Safety
/// - As [everywhere](crate).
#[inline]
pub unsafe fn is_foreign(heap: *const Heap, target: *const c_void) -> bool {
    (*heap).foreign.len != 0 && !range::contains(target as usize) && is_tracked(heap, target)
}

#[inline(never)]
unsafe fn look_up(heap: *const Heap, target: *mut c_void) -> *mut c_void {
    let foreign = &(*heap).foreign;
    match foreign.find(target).and_then(|index| foreign.entries.get(index)) {
        Some(entry) if foreign.judged => entry.proxy,
        Some(_) => ptr::null_mut(),
        None => target,
    }
}

/// The dead set is condemned: foreign members are held by their own counts, before any callback runs.
///
/// # Safety
/// - The dead are condemned, and none of their callbacks has run.
pub unsafe fn hold(heap: *mut Heap) {
    if !(*heap).foreign.judged {
        return;
    }
    each(heap, |index, entry| {
        if header::has_flags(entry.proxy, Flags::CONDEMNED) {
            (*heap).foreign.entries.set(index, Entry { held: true, ..entry });
            if let Some(hold) = (*entry.kind).hold {
                host::call(heap, || hold(entry.obj, (*entry.kind).ctx));
            }
        }
    });
}

/// The dead set is about to be judged again: what their owners count now.
///
/// # Safety
/// - The dead are condemned, and not past step 4.
pub unsafe fn count_again(heap: *mut Heap) {
    if !(*heap).foreign.judged {
        return;
    }
    each(heap, |_, entry| {
        if header::has_flags(entry.proxy, Flags::CONDEMNED) {
            header::set_count_word(entry.proxy, LOCAL + 1 + count_of(&entry));
        }
    });
}

/// Steps 5 and 6 are over: foreign objects that still are, since somebody holds them in ways of their own, leave the dead set.
/// `leave` takes a proxy out of the table of working counts. How many those were.
///
/// # Safety
/// - Steps 5 and 6 were done for the whole dead set, and step 7 for none.
pub unsafe fn keep_survivors(heap: *mut Heap, mut leave: impl FnMut(*mut c_void)) -> u64 {
    let mut kept = 0;
    if !(*heap).foreign.judged {
        return kept;
    }
    each(heap, |_, entry| {
        if header::has_flags(entry.proxy, Flags::CONDEMNED) {
            leave(entry.proxy);
            header::clear_flags(entry.proxy, Flags::CONDEMNED | Flags::DYING | Flags::HELD);
            kept += 1;
        }
    });
    kept
}

/// The collection is over: proxies are as between collections, and what a callback has brought back is let go of.
///
/// # Safety
/// - The heap's phase is `Releasing`, and the dead have ended.
pub unsafe fn end(heap: *mut Heap) {
    if !(*heap).foreign.judged {
        return;
    }
    (*heap).foreign.judged = false;
    each(heap, |index, entry| {
        header::set_count_word(entry.proxy, LOCAL + 1);
        header::clear_flags(entry.proxy, Flags::TRACKED);
        if entry.held {
            (*heap).foreign.entries.set(index, Entry { held: false, ..entry });
            release(heap, &entry);
        }
    });
}

/// The heap ends: what is tracked is nobody's here.
///
/// # Safety
/// - As [`end`].
pub unsafe fn forget_all(heap: *mut Heap) {
    each(heap, |_, entry| {
        untrack(heap, entry.obj);
    });
}

unsafe fn release(heap: *mut Heap, entry: &Entry) {
    if let Some(release) = (*entry.kind).release {
        host::call(heap, || release(entry.obj, (*entry.kind).ctx));
    }
}

// ---- the proxies' type ----

/// The entry of a proxy.
unsafe fn entry_of(proxy: *mut c_void) -> Option<(usize, Entry)> {
    let heap = (*crate::object::type_of(proxy)).heap;
    let index = (*(proxy as *const Proxy)).entry;
    (*heap).foreign.entries.get(index).filter(|entry| entry.proxy == proxy).map(|entry| (index, entry))
}

unsafe extern "C" fn proxy_traverse(
    proxy: *mut c_void,
    visit: Option<VisitFn>,
    visit_ctx: *mut c_void,
) -> c_int {
    let Some((_, entry)) = entry_of(proxy) else { return 0 };
    match (*entry.kind).traverse {
        Some(traverse) => traverse(entry.obj, visit, visit_ctx, (*entry.kind).ctx),
        None => 0,
    }
}

unsafe extern "C" fn proxy_clear(proxy: *mut c_void) {
    // Nobody else counts on a proxy: its edges are those to what it stands for.
    header::set_count_word(proxy, LOCAL + 1);
    let Some((_, entry)) = entry_of(proxy) else { return };
    if let Some(unlink) = (*entry.kind).unlink {
        unlink(entry.obj, (*entry.kind).ctx);
    }
}

unsafe extern "C" fn proxy_destroy(proxy: *mut c_void) {
    let Some((index, entry)) = entry_of(proxy) else { return };
    if !entry.held {
        return;
    }
    let heap = (*crate::object::type_of(proxy)).heap;
    (*heap).foreign.entries.set(index, Entry { held: false, ..entry });
    if let Some(release) = (*entry.kind).release {
        release(entry.obj, (*entry.kind).ctx);
    }
}
