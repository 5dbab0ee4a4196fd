//! `rcgc/foreign.h`: objects with a header and a count of their own, in rings with each other and with objects of a heap: a
//! GObject, a COM object, a value of another interpreter.
//!
//! The host says what such an object refers to and how many references there are to it; full collections find the rings
//! that it is in, and break them. The memory stays its owner's, whose destructor runs as ever.
//!
//! Edges: an object of the heap reports a reference to a foreign object in its `traverse`, by its address, and releases it in
//! `clear` as its owner says. A declared field must not hold one. A foreign object reports what it refers to, objects of the
//! heap and tracked foreign ones, in `traverse`; what is neither it leaves out.
//!
//! When: foreign objects are judged by full collections that run in one piece. Young ones, those in slices (rcgc/slices.h) and
//! looks near a death take what they refer to as held. With `GC_DEBUG_SAVEALL` they are not judged.
//!
//! The end of a ring is that of objects (src/life/lifetime.md): `hold` for each foreign member; finalizers, with all
//! intact; weak handles; then `unlink` for each, beside the `clear` of objects; then `release`, after which its owner ends it.
//! What somebody still holds then lives on, unlinked and tracked.
//!
//! Weak pointers of the owner's work as ever: one that is turned into a reference in the middle keeps its object.
//! A toggle reference is a reference; a host whose wrapper lives as long as the object leaves the edge out while the
//! wrapper is the only one to know the object.

use super::boundary::{status, Call, NonNull};
use super::status::*;
use super::types::rc_visit_fn;
use crate::alloc;
use crate::heap::Heap as gc_heap;
use crate::life::count;
use crate::life::foreign::{self, Kind};
use crate::memory::range;
use core::ffi::{c_int, c_void};
use core::mem::{offset_of, size_of};
use static_assertions::const_assert_eq;

/// How many references there are to the object. It only looks.
pub type gc_foreign_count_fn = Option<unsafe extern "C" fn(obj: *mut c_void, ctx: *mut c_void) -> usize>;

/// Calls `visit` once for each reference that the object owns, to an object of the heap or to a foreign object that may be
/// tracked, and returns 0, or at once what `visit` returned when that was not 0. It only visits.
pub type gc_foreign_traverse_fn = Option<
    unsafe extern "C" fn(
        obj: *mut c_void,
        visit: rc_visit_fn,
        visit_ctx: *mut c_void,
        ctx: *mut c_void,
    ) -> c_int,
>;

/// Does something to the object. It returns, as the callbacks of types do.
pub type gc_foreign_fn = Option<unsafe extern "C" fn(obj: *mut c_void, ctx: *mut c_void)>;

/// A kind of foreign objects. Start from `GC_FOREIGN_SPEC_INIT`. It is not copied: it stays as it is while an object is
/// tracked with it, and is best constant.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_foreign_spec {
    /// `sizeof(gc_foreign_spec)` as the host was compiled.
    pub struct_size: usize,
    /// How many references there are to an object, all of them, those that `traverse` of others reports included.
    pub count: gc_foreign_count_fn,
    /// Reports what an object refers to.
    pub traverse: gc_foreign_traverse_fn,
    /// Releases and nulls the same references. The object goes on living.
    pub unlink: gc_foreign_fn,
    /// Adds a reference to an object, so that it does not end before `release`.
    pub hold: gc_foreign_fn,
    /// Releases the reference that `hold` added; if it was the last, the owner ends the object.
    pub release: gc_foreign_fn,
    /// The host's; given to all of them.
    pub ctx: *mut c_void,
}

const_assert_eq!(size_of::<gc_foreign_spec>(), size_of::<Kind>());
const_assert_eq!(offset_of!(gc_foreign_spec, release), offset_of!(Kind, release));
const_assert_eq!(offset_of!(gc_foreign_spec, ctx), offset_of!(Kind, ctx));

/// From now on full collections of the heap (null: the default heap) look for rings that the foreign object is in. Twice
/// does nothing more. Each costs a small object of the heap, of the type "foreign object", which stands for it.
///
/// Nobody else may touch a tracked object during a collection. An object is tracked in one heap.
///
/// Ownership: nothing; the object stays its owner's, who calls `gc_untrack_foreign` before it ends.
/// May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
/// Runs host code: what a collection runs.
/// Fails: RC_ERR_INVALID for a null object, one that lies in a heap, and a spec of which a callback is missing;
/// RC_ERR_UNSUPPORTED in a heap with GC_FINALIZERS_QUEUED; RC_ERR_REFUSED where host code may only look (rcgc/heap.h);
/// RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_track_foreign(
    heap: *mut gc_heap,
    obj: NonNull<c_void>,
    spec: *const gc_foreign_spec,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_track_foreign", heap)?;
        call.needs(!obj.0.is_null(), "the object is null")?;
        call.needs(!spec.is_null(), "spec is null")?;
        call.needs(!range::contains(obj.0 as usize), "the object lies in a heap")?;
        let known = call.read(spec, size_of::<gc_foreign_spec>(), "spec: ")?;
        let complete = known.count.is_some()
            && known.traverse.is_some()
            && known.unlink.is_some()
            && known.hold.is_some()
            && known.release.is_some();
        call.needs(complete, "spec: a callback is missing")?;
        call.may_change()?;
        if (*call.heap).finalizers.queued {
            return call.refuse(RC_ERR_UNSUPPORTED, "the heap queues finalizers");
        }
        let Some(ty) = foreign::type_of_proxies(call.heap) else { return call.no_memory() };
        let proxy = alloc::new(ty);
        if proxy.is_null() {
            return call.no_memory();
        }
        // A collection may have run, and host code in it.
        if foreign::is_tracked(call.heap, obj.0) {
            foreign::disown(proxy);
            count::decref(proxy);
            return Ok(());
        }
        if !foreign::track(call.heap, obj.0, spec as *const Kind, proxy) {
            foreign::disown(proxy);
            count::decref(proxy);
            return call.no_memory();
        }
        Ok(())
    })
}

/// The heap (null: the default heap) forgets a foreign object. What its owner's destructor calls first, before anything of the
/// object goes.
///
/// Fails: RC_ERR_INVALID for one that is not tracked; RC_ERR_REFUSED where host code may only look (rcgc/heap.h).
#[no_mangle]
pub unsafe extern "C" fn gc_untrack_foreign(heap: *mut gc_heap, obj: NonNull<c_void>) -> rc_status {
    status(|| {
        let call = Call::on("gc_untrack_foreign", heap)?;
        call.may_change()?;
        if !foreign::untrack(call.heap, obj.0) {
            return call.invalid("the object is not tracked");
        }
        Ok(())
    })
}

/// Whether a foreign object is tracked in a heap (null: the default heap).
///
/// Fails: false where the default heap was meant and cannot be made.
#[no_mangle]
pub unsafe extern "C" fn gc_is_tracked_foreign(heap: *mut gc_heap, obj: *const c_void) -> bool {
    Call::on("gc_is_tracked_foreign", heap).is_ok_and(|call| foreign::is_tracked(call.heap, obj))
}

/// How many foreign objects a heap (null: the default heap) tracks.
///
/// Fails: 0 where the default heap was meant and cannot be made.
#[no_mangle]
pub unsafe extern "C" fn gc_foreign_count(heap: *mut gc_heap) -> usize {
    Call::on("gc_foreign_count", heap).map_or(0, |call| (*call.heap).foreign.len)
}
