//! The common case of `birth`: an object of a quick type made at a known site, and such an object ended by its
//! last reference. Leaves as far as nothing turns up, as their twins in `object.rs` and `count.rs` are; what
//! turns up goes the long way before anything was written.

use super::birth;
use super::record::{self, Record};
use super::site::Site;
use crate::alloc::{self, RATION_BYTES};
use crate::base::promised;
use crate::header::{self, Flags, LOCAL, LOCAL_ONE};
use crate::life::count;
use crate::life::death;
use crate::memory::page;
use crate::memory::range;
use crate::object;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// As `alloc::new_array`, for a type that is counted exactly.
///
/// # Safety
/// - As [`birth::new_array`].
pub unsafe fn make(ty: *mut Type, length: usize) -> *mut c_void {
    if (*ty).flags.contains(TypeFlags::COUNT_BYTES) {
        birth::new_array(ty, length, ptr::null())
    } else {
        new_at(ty, ptr::null())
    }
}

/// As [`birth::new_at`]. No type is quick while a collection judges.
///
/// # Safety
/// - As [`birth::new_at`].
#[inline(never)]
pub unsafe fn new_at(ty: *mut Type, site: *const Site) -> *mut c_void {
    let common = TypeFlags::QUICK.union(TypeFlags::PROFILED);
    if !(*ty).flags.contains(common) {
        return birth::new_at(ty, site);
    }
    let heap = (*ty).heap;
    let profile = super::of(heap);
    let stride = (*ty).stride as u64;
    let id = match site.is_null() {
        true => (*(*ty).rare()).profiled.site,
        false => (*site).known_number(),
    };
    // As often as a ration would be granted, somebody must look: at the type's peak, the clock, the ticks.
    let spent = (*ty).granted * stride;
    let look = (spent ^ (spent + stride)) >= RATION_BYTES as u64;
    // No site, one without a number or new in this book, or an allocation at which something is due.
    if id == 0
        || !(*profile).book.has(id)
        || (*heap).budget < stride as i64
        || (*profile).allocated_bytes + stride >= (*profile).due_bytes
        || look
        || (*ty).run.is_empty()
        || !record::is_committed((*ty).run.page)
    {
        return birth::new_at(ty, site);
    }
    let obj = (*ty).run.pop(stride as u32);
    (*ty).granted += 1;
    (*heap).budget -= stride as i64;
    (*(*profile).book.at(id)).made(stride, (*ty).index);
    *record::entry_committed((*ty).run.page, obj) = (*profile).enter(stride, id);
    header::store(obj, (*ty).header);
    if stride == 32 {
        *(obj as *mut u128) = 0;
        *(obj as *mut u64).add(2) = 0;
        return obj;
    }
    alloc::zero(obj, stride as usize)
}

/// As `count::decref_slow` of an object with one of [`header::CARE_FLAGS`]. It is in no dead set of a collection:
/// those that host code could release are held.
///
/// # Safety
/// - As `count::decref_slow`; the count word is [`LOCAL_ONE`], and the address is in the range.
#[inline(never)]
pub unsafe fn release_last(obj: *mut c_void) {
    promised!(header::count_word(obj) == LOCAL_ONE);
    promised!(range::committed_offset(obj as usize).is_some());
    let ty = object::type_of(obj);
    let heap = (*ty).heap;
    let care = header::high_word(obj) & header::CARE_FLAGS;
    let common = TypeFlags::QUICK.union(TypeFlags::PROFILED);
    if care != Flags::SIDE.bits() || !(*ty).flags.contains(common) || (*heap).external.has_entries() {
        return count::decref_rest(obj);
    }
    for index in 0..(*ty).simple_count as usize {
        let offset = *(*ty).offsets.get_unchecked(index) as usize;
        let child = *((obj as usize + offset) as *const *mut c_void);
        if child.is_null() {
            continue;
        }
        let word = header::count_word(child);
        if word.wrapping_sub(LOCAL_ONE + 1) < LOCAL - 2 {
            header::set_count_word(child, word - 1);
        } else if word as i32 >= 0 {
            return death::release_rest(obj, index);
        }
    }
    let page = range::page_of(obj as usize);
    let entry = record::entry(page, obj);
    if entry.is_null() || (*entry).is_sampled() {
        return death::release_rest(obj, (*ty).simple_count as usize);
    }
    let record = *entry;
    *entry = Record::NONE;
    (*super::of(heap)).leave((*ty).stride as u64, record);
    (*ty).freed += 1;
    header::set_count_word(obj, (*ty).dead_word);
    if !(*ty).run.push(obj) {
        page::free_block(obj);
    }
}
