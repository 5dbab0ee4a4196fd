//! Edges with their names, for those who explain: inspection and dumps. The collector's sweeps have walks of their
//! own, without names.
//!
//! An object's edges are, in this order: its declared fields, what its `traverse` reports, and the values of a weak
//! map's entries. Each is given once. A null slot is no edge, and
//! neither is what leads to a foreign object: those are known to full collections alone.
//!
//! One visit function serves every walk but the collector's own, so that [`visit_named`] knows by it whether a
//! `visit_ctx` is a [`Walk`] of this file's or something of the host's.

use crate::base::promised;
use crate::header;
use crate::heap::Heap;
use crate::host;
use crate::life::{foreign, weakmap};
use crate::object::{self, slots};
use crate::types::{TraverseFn, Type, TypeFlags, VisitFn};
use core::ffi::{c_char, c_int, c_void, CStr};

/// The index of an edge that has none.
pub const NO_INDEX: usize = usize::MAX;

/// The name of the edges from a weak map to its values.
pub const ENTRY: &CStr = c"entry";

/// One reference from an object to another.
#[derive(Clone, Copy)]
pub struct Edge {
    /// Where it leads to: what the host said, unchecked; not null.
    pub target: *mut c_void,
    /// Its name; null: none.
    pub name: *const c_char,
    /// Its index; [`NO_INDEX`]: none.
    pub index: usize,
}

/// What the visit function finds at its `visit_ctx`.
struct Walk<'a> {
    heap: *const Heap,
    name: *const c_char,
    index: usize,
    each: &'a mut dyn FnMut(Edge),
}

/// Calls `each` with every edge of an object. The host's `traverse` may run: see [`quietly`](crate::heap::phase::quietly).
///
/// # Safety
/// - `obj` is an object of `ty`, not dying, and walkable; `each` changes no slot.
pub unsafe fn each_edge(obj: *mut c_void, ty: *const Type, each: &mut dyn FnMut(Edge)) {
    promised!(core::ptr::eq(object::type_of(obj), ty));
    slots::each_named_edge(obj, ty, |name, index, word| {
        if word != 0 {
            each(Edge { target: word as *mut c_void, name, index });
        }
    });
    if let Some(traverse) = (*ty).traverse {
        each_traversed(ty, traverse, obj, each);
    }
    if (*ty).flags.contains(TypeFlags::MAP) {
        let mut index = 0;
        weakmap::each_of_map(obj, |entry| {
            each(Edge { target: entry.value, name: ENTRY.as_ptr(), index });
            index += 1;
        });
    }
}

/// As [`each_edge`] without names, for sweeps over a whole heap.
///
/// # Safety
/// - As [`each_edge`].
#[inline(always)]
pub unsafe fn each_target(obj: *mut c_void, ty: *const Type, mut each: impl FnMut(usize)) {
    slots::each_edge(obj, ty, |word| {
        if word != 0 {
            each(word);
        }
    });
    if (*ty).traverse.is_some() || (*ty).flags.contains(TypeFlags::MAP) {
        each_undeclared(obj, ty, &mut each);
    }
}

#[inline(never)]
unsafe fn each_undeclared(obj: *mut c_void, ty: *const Type, each: &mut dyn FnMut(usize)) {
    if let Some(traverse) = (*ty).traverse {
        each_traversed(ty, traverse, obj, &mut |edge| each(edge.target as usize));
    }
    if (*ty).flags.contains(TypeFlags::MAP) {
        weakmap::each_of_map(obj, |entry| each(entry.value as usize));
    }
}

/// Whether an object is one for walks to list: alive, and not past step 2 of its end (`lifetime.md`).
pub fn is_listed(header: header::Header) -> bool {
    crate::object::is_settled(header)
}

/// Calls `each` with every edge that the object's `traverse` reports. Null pointers are left out.
///
/// # Safety
/// - As [`host::traverse`].
pub unsafe fn each_traversed(
    ty: *const Type,
    traverse: TraverseFn,
    obj: *mut c_void,
    each: &mut dyn FnMut(Edge),
) {
    let mut walk = Walk { heap: (*ty).heap, name: core::ptr::null(), index: NO_INDEX, each };
    host::traverse(ty, traverse, obj, visit, (&raw mut walk) as *mut c_void);
}

unsafe extern "C" fn visit(target: *mut c_void, ctx: *mut c_void) -> c_int {
    let walk = &mut *(ctx as *mut Walk<'_>);
    if !target.is_null() && !foreign::is_foreign(walk.heap, target) {
        (walk.each)(Edge { target, name: walk.name, index: walk.index });
    }
    0
}

/// Whether a visit function is the one of [`each_traversed`].
pub fn is_own(visit_fn: VisitFn) -> bool {
    visit_fn as usize == visit as *const () as usize
}

/// `rc_visit_named` in a walk of [`each_traversed`].
///
/// # Safety
/// - `ctx` came with a visit function that [`is_own`].
pub unsafe fn visit_named(target: *mut c_void, ctx: *mut c_void, name: *const c_char, index: usize) -> c_int {
    promised!(!ctx.is_null());
    let walk = ctx as *mut Walk<'_>;
    ((*walk).name, (*walk).index) = (name, index);
    let result = visit(target, ctx);
    ((*walk).name, (*walk).index) = (core::ptr::null(), NO_INDEX);
    result
}
