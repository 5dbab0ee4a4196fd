//! `rcgc/weakmap.h`: maps from an object to a value that keep the value alive only while the key is alive
//! by other ways (ephemerons).

use super::boundary::{status, Call, NonNull};
use super::status::*;
use crate::alloc;
use crate::base::report;
use crate::header::Header;
use crate::heap::Heap as gc_heap;
use crate::life::weakmap;
/// A weak map: an object of its heap like any other, which is counted, tracked, and released with `rc_decref`. It is used
/// where its heap may be.
use crate::life::weakmap::WeakMap as rc_weakmap;
use crate::object::{self, checked_held, StaticText};
use core::ffi::c_void;

/// Makes an empty weak map (null heap: the default heap).
///
/// A weak map is an object like any other: counted with `rc_incref` and `rc_decref`, tracked, weakly
/// referable, a reference that a slot may own. An entry keeps its value alive as long as map and key are
/// alive; it does not keep its key alive, not even when the value refers to the key or to the map (Hayes,
/// "Ephemerons", OOPSLA 1997). Entries whose key dies leave the map at the moment when weak handles read
/// null; their values are released afterwards.
///
/// So it is with keys that are not tracked, too, as far as the library can see what they refer to: those of a type without
/// references (a string, a symbol), and those of an acyclic type whose references are all declared. Any other key that is
/// not tracked, because of `gc_untrack`, `RC_TYPE_TRACK_MANUAL` or an undeclared reference, counts as alive until its count
/// ends, and so does what is referred to by any object that is not tracked and no key.
///
/// Ownership: the caller owns the one reference.
/// May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
/// Runs host code: what a collection runs.
/// Fails: null for out of memory.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_weakmap_new(heap: *mut gc_heap) -> *mut rc_weakmap {
    match Call::on("rc_weakmap_new", heap).map(|call| weakmap::type_of_maps(call.heap)) {
        Ok(Some(ty)) => alloc::new(ty) as *mut rc_weakmap,
        _ => core::ptr::null_mut(),
    }
}

/// Maps a key to a value; a value that was there is released, last.
///
/// Ownership: the map adds its own reference to the value.
/// Runs host code: what the death of an old value runs.
/// Fails: RC_ERR_INVALID for a null value, a dying map and a key of another heap, RC_ERR_NO_MEMORY,
/// RC_ERR_UNSUPPORTED for a key that is a static constant, RC_ERR_REFUSED for a key that is dying and where host code may only look (rcgc/heap.h); then nothing changed. Fatal for
/// what is not an object or not a weak map.
#[no_mangle]
pub unsafe extern "C" fn rc_weakmap_set(
    map: NonNull<rc_weakmap>,
    key: NonNull<c_void>,
    value: *mut c_void,
) -> rc_status {
    status(|| {
        let (call, map_header) = of_map("rc_weakmap_set", map);
        let key_header = checked_held(call.name, key.0);
        if object::is_static(key.0) {
            return call.refuse(RC_ERR_UNSUPPORTED, StaticText(key.0));
        }
        call.needs(!value.is_null(), "the value is null")?;
        call.needs((*object::type_of(key.0)).heap == call.heap, "the key is of another heap")?;
        call.needs(object::is_settled(map_header), "the map is dying")?;
        checked_held(call.name, value);
        call.may_change()?;
        if !object::is_settled(key_header) {
            return call.refuse(RC_ERR_REFUSED, "the key is dying");
        }
        if !weakmap::set(map.0, key.0, value) {
            return call.no_memory();
        }
        Ok(())
    })
}

/// The value of a key, or null.
///
/// Ownership: the caller owns the returned reference.
/// Fails: null when there is none; fatal for what is not an object or not a weak map.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_weakmap_get(map: NonNull<rc_weakmap>, key: NonNull<c_void>) -> *mut c_void {
    let (call, _) = of_map("rc_weakmap_get", map);
    checked_held(call.name, key.0);
    if object::is_static(key.0) {
        return core::ptr::null_mut();
    }
    weakmap::get(map.0, key.0)
}

/// Takes a key's entry out and releases its value, last. `rc_weakmap_take` also says whether there was one.
///
/// Ownership: releases the map's reference to the value.
/// Runs host code: what the death of the value runs.
/// Fails: `RC_OK` also when there was none; RC_ERR_REFUSED where host code may only look (rcgc/heap.h); fatal for what is
/// not an object or not a weak map.
#[no_mangle]
pub unsafe extern "C" fn rc_weakmap_remove(map: NonNull<rc_weakmap>, key: NonNull<c_void>) -> rc_status {
    status(|| {
        let (call, _) = of_map("rc_weakmap_remove", map);
        checked_held(call.name, key.0);
        call.may_change()?;
        if object::is_static(key.0) {
            return Ok(());
        }
        let value = weakmap::take(map.0, key.0);
        if !value.is_null() {
            weakmap::release(value);
        }
        Ok(())
    })
}

/// Takes a key's entry out and gives its value, or null when there was none.
///
/// Ownership: the caller owns the returned reference, which was the map's.
/// Fails: null when there is none, and where host code may only look (rcgc/heap.h); fatal for what is not an object or not a
/// weak map.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_weakmap_take(map: NonNull<rc_weakmap>, key: NonNull<c_void>) -> *mut c_void {
    let (call, _) = of_map("rc_weakmap_take", map);
    checked_held(call.name, key.0);
    match call.may_change() {
        Ok(()) if object::is_static(key.0) => core::ptr::null_mut(),
        Ok(()) => weakmap::take(map.0, key.0),
        Err(_) => core::ptr::null_mut(),
    }
}

/// How many entries the map has.
///
/// Fails: fatal for what is not a weak map.
#[no_mangle]
pub unsafe extern "C" fn rc_weakmap_length(map: NonNull<rc_weakmap>) -> usize {
    of_map("rc_weakmap_length", map);
    weakmap::length(map.0)
}

/// A call on a weak map: any other object is fatal.
unsafe fn of_map(name: &'static str, map: NonNull<rc_weakmap>) -> (Call, Header) {
    let map = NonNull(map.0 as *mut c_void);
    let (call, header) = Call::of_object(name, map);
    if !weakmap::is_map(map.0) {
        report::fatal(format_args!(
            "{name}: {:p} is a {}, not a weak map",
            map.0,
            (*object::type_of(map.0)).name()
        ));
    }
    (call, header)
}
