//! [`WeakMap`]: what is known of values only as long as they live.

use crate::heap::{self, Heap};
use crate::sys;
use crate::trace::{Fields, Trace, Tracer};
use crate::Gc;
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A map from values to values that keeps what it maps to alive only as long as map and key are alive by other ways: also
/// where the value refers to its key, or to the map (an ephemeron). Keys are compared by identity.
///
/// Clones are the same map.
pub struct WeakMap<K: 'static, V: 'static> {
    // Invariant: a weak map of the engine, to which one reference is this one's; its keys are of `K`'s type and its values
    // of `V`'s.
    map: NonNull<c_void>,
    owns: PhantomData<(Gc<K>, Gc<V>)>,
}

/// Why [`WeakMap::insert`] did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertError {
    /// Map and key are of different heaps.
    OtherHeap,
    /// Map or key are being dropped.
    Dying,
    /// There is no memory.
    NoMemory,
}

impl fmt::Display for InsertError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            InsertError::OtherHeap => "map and key are of different heaps",
            InsertError::Dying => "map or key are being dropped",
            InsertError::NoMemory => "no memory for an entry of a weak map",
        })
    }
}

impl std::error::Error for InsertError {}

impl<K: Trace, V: Trace> WeakMap<K, V> {
    /// An empty map in the thread's default heap.
    pub fn new() -> Self {
        heap::with_default(Self::new_in)
    }

    /// An empty map in a heap: that of its keys.
    pub fn new_in(heap: &Heap) -> Self {
        // SAFETY: a live heap of this thread.
        let map = NonNull::new(unsafe { sys::rc_weakmap_new(heap.state().raw()) });
        WeakMap { map: map.expect("no memory for a weak map"), owns: PhantomData }
    }

    /// Maps a key to a value; one that was there is dropped.
    pub fn insert(&self, key: &Gc<K>, value: Gc<V>) -> Result<(), InsertError> {
        let (map, object) = (self.map.as_ptr(), key.as_raw());
        // SAFETY: `self`, `key` and `value` own references; the map takes its own to the value.
        unsafe {
            if sys::is_dying(map) || sys::is_dying(object) || sys::is_dying(value.as_raw()) {
                return Err(InsertError::Dying);
            }
            if sys::rc_heap_of(map) != sys::rc_heap_of(object) {
                return Err(InsertError::OtherHeap);
            }
            match sys::rc_weakmap_set(map, object, value.as_raw()) {
                sys::RC_OK => Ok(()),
                _ => Err(InsertError::NoMemory),
            }
        }
    }

    /// What a key is mapped to.
    pub fn get(&self, key: &Gc<K>) -> Option<Gc<V>> {
        // SAFETY: `self` and `key` own references; the one that the engine gives is the caller's, of a `V`.
        unsafe { Some(Gc::from_object(NonNull::new(sys::rc_weakmap_get(self.map.as_ptr(), key.as_raw()))?)) }
    }

    /// Takes a key's entry out.
    pub fn remove(&self, key: &Gc<K>) -> Option<Gc<V>> {
        // SAFETY: as in `get`.
        unsafe { Some(Gc::from_object(NonNull::new(sys::rc_weakmap_take(self.map.as_ptr(), key.as_raw()))?)) }
    }

    /// Entries, of which some may have a key that is garbage.
    pub fn len(&self) -> usize {
        // SAFETY: `self` owns a reference.
        unsafe { sys::rc_weakmap_length(self.map.as_ptr()) }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Trace, V: Trace> Default for WeakMap<K, V> {
    fn default() -> Self {
        WeakMap::new()
    }
}

impl<K, V> Clone for WeakMap<K, V> {
    fn clone(&self) -> Self {
        // SAFETY: `self` owns a reference; the new one is the clone's.
        unsafe { sys::incref(self.map.as_ptr()) };
        WeakMap { map: self.map, owns: PhantomData }
    }
}

impl<K, V> Drop for WeakMap<K, V> {
    fn drop(&mut self) {
        // SAFETY: `self` owns a reference, which goes here.
        unsafe { sys::decref(self.map.as_ptr()) }
    }
}

impl<K, V> fmt::Debug for WeakMap<K, V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "WeakMap({:p})", self.map)
    }
}

// SAFETY: one word that owns a reference to an object, declared as such.
unsafe impl<K: 'static, V: 'static> Trace for WeakMap<K, V> {
    const IS_POINTER: bool = true;
    const WALKS_REST: bool = false;
    const DROPS_REST: bool = false;

    fn declare(fields: &mut Fields, at: usize) {
        fields.pointer(at);
    }

    fn trace(&self, tracer: &mut Tracer<'_>) {
        tracer.visit(self.map.as_ptr());
    }

    fn trace_rest(&self, _: &mut Tracer<'_>) {}

    unsafe fn drop_rest(_: *mut Self) {}
}
