//! `rcgc/inspect.h`: what a heap holds: walks over its objects, the facts of any address, numbers by type, growth.
//! None of these calls changes a count, a flag or what a collection decides.

use super::boundary::{status, type_checked, Answer, Call, NonNull};
use super::rows::put_all;
use super::status::*;
use crate::base::report::{self, CText};
use crate::heap::Heap as gc_heap;
use crate::inspect::census::{self, Census, Order};
use crate::inspect::facts::{self, Facts, Traits};
/// A mark: what there was of each type at one moment. `gc_growth_mark` makes one, and whoever made it ends it with
/// `gc_growth_free`, also after the heap. It is used where its heap may be.
use crate::inspect::growth::Mark as gc_mark;
use crate::inspect::growth::{self, Growth, Since};
use crate::inspect::registry::{self, Purpose, Ticket};
use crate::inspect::walk::{Broken, Filter, Walk};
use crate::profile;
use crate::types::Type as rc_type;
use core::ffi::{c_char, c_void};
use static_assertions::const_assert_eq;

/// The address is in no heap.
pub const GC_ADDRESS_FOREIGN: u32 = 0;
/// The address is a heap's, and in no object: one that has died, or none was there.
pub const GC_ADDRESS_FREE: u32 = 1;
/// The address is in a live object.
pub const GC_ADDRESS_LIVE: u32 = 2;
/// The address is in an object whose end has begun.
pub const GC_ADDRESS_DYING: u32 = 3;
/// The address is a static constant's (rcgc/static.h): in no heap, and of no type.
pub const GC_ADDRESS_STATIC: u32 = 4;

/// The collector looks at the object.
pub const GC_OBJECT_TRACKED: u32 = 1;
/// Young: allocated since the last collection began; without it, old.
pub const GC_OBJECT_YOUNG: u32 = 2;
/// Taken out of collections by `gc_freeze`.
pub const GC_OBJECT_FROZEN: u32 = 4;
/// Not counted; never dies.
pub const GC_OBJECT_IMMORTAL: u32 = 8;
/// Has weak handles, or is the key of an entry of a weak map.
pub const GC_OBJECT_WEAK: u32 = 16;
/// Has external bytes.
pub const GC_OBJECT_EXTERNAL: u32 = 32;
/// Is a weak map.
pub const GC_OBJECT_WEAKMAP: u32 = 64;
/// Its type is acyclic.
pub const GC_OBJECT_ACYCLIC: u32 = 128;
/// Its type has a finalizer, which has not been called yet.
pub const GC_OBJECT_FINALIZABLE: u32 = 256;
/// Its finalizer was called; a live object with this was resurrected.
pub const GC_OBJECT_FINALIZED: u32 = 512;
/// Its finalizer is due and waits for `gc_run_finalizers`.
pub const GC_OBJECT_DUE: u32 = 1024;
/// Made since the heap's growth mark with `GC_MARK_OBJECTS`.
pub const GC_OBJECT_NEW: u32 = 2048;

/// Its type has no finalizer.
pub const GC_FINALIZER_NONE: u32 = 0;
/// The finalizer was not called yet.
pub const GC_FINALIZER_AHEAD: u32 = 1;
/// The finalizer waits for `gc_run_finalizers`.
pub const GC_FINALIZER_DUE: u32 = 2;
/// The finalizer was called.
pub const GC_FINALIZER_DONE: u32 = 3;

/// What `gc_object_info` says of an address. Start from `GC_OBJECT_FACTS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_object_facts {
    /// `sizeof(gc_object_facts)` as the host was compiled.
    pub struct_size: usize,
    /// One of `GC_ADDRESS_*`. With `GC_ADDRESS_FOREIGN` all that follows is zero, with `GC_ADDRESS_FREE` all but
    /// `heap`.
    pub place: u32,
    /// `GC_OBJECT_*` together.
    pub flags: u32,
    /// The object that the address lies in; its first byte, what `rc_new` returned.
    pub object: *mut c_void,
    /// The object's heap.
    pub heap: *mut gc_heap,
    /// The object's type.
    pub type_: *mut rc_type,
    /// Bytes that the host asked for, as `rc_size_of`.
    pub size: usize,
    /// Trailing elements, as `rc_length`.
    pub length: usize,
    /// Bytes that the object takes in the heap.
    pub block_bytes: usize,
    /// Bytes that it keeps elsewhere, as counted by `rc_add_external_bytes`.
    pub external_bytes: u64,
    /// References, as `rc_count`; of a dying object without the engine's own.
    pub count: u32,
    /// 0: young; 1: old.
    pub generation: u32,
    /// One of `GC_FINALIZER_*`.
    pub finalizer: u32,
    /// Weak handles, as `rc_weak_count`.
    pub weak_handles: u32,
}

/// Tells what an address is: whether it lies in an object, and what is known of that. Takes the same short time for
/// any address: interior, unaligned, of a dead object, of no heap.
///
/// Ownership: nothing; `object` is borrowed.
/// Threads: that of the heap that the address lies in, if any.
/// Fails: RC_ERR_INVALID for null `out_facts` or a bad size; never for the address.
#[no_mangle]
pub unsafe extern "C" fn gc_object_info(
    address: *const c_void,
    out_facts: NonNull<gc_object_facts>,
) -> rc_status {
    status(|| {
        let call = Call::nowhere("gc_object_info");
        call.needs(!out_facts.0.is_null(), "out_facts is null")?;
        call.put(out_facts.0, &object_facts(&facts::of(address as usize)), "out_facts: ")
    })
}

/// Which objects a walk gives. Start from `GC_ITER_FILTER_INIT`, which is: all.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_iter_filter {
    /// `sizeof(gc_iter_filter)` as the host was compiled.
    pub struct_size: usize,
    /// Of this type only; null: of any. When it ends, the walk is at its end.
    pub type_: *mut rc_type,
    /// `GC_OBJECT_*` that an object must all have: `GC_OBJECT_YOUNG` for the young generation.
    pub with: u32,
    /// `GC_OBJECT_*` of which it may have none: `GC_OBJECT_YOUNG` for the old generation.
    pub without: u32,
    /// Made since this mark, which must be the heap's latest one with `GC_MARK_OBJECTS`; null: of any age.
    pub newer_than: *mut gc_mark,
    /// The least serial number that a profile of the heap has given them (see `gc_object_site`); 0: any.
    pub serial_min: u64,
    /// The greatest; 0: any.
    pub serial_max: u64,
}

/// A walk over the objects of a heap. The host owns the memory and may copy and move it; what is in it is the
/// library's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_iter {
    /// The library's.
    pub state: [u64; 12],
}

/// Begins a walk over all objects of a heap (null: the default heap) that pass the filter (null: all).
///
/// The walk is lazy and takes no memory. Between two steps the host may do anything: allocate, release, collect. Each
/// object that lives all the while is given exactly once; one that is made or dies meanwhile may be given or not, but a
/// dead one never. Objects past step 2 of their end are not given. A second walk may go on beside it.
///
/// Ownership: nothing; a walk that is given up needs no end.
/// Fails: RC_ERR_INVALID for null `out_iter`, a bad filter, or a type or mark that is not the heap's; RC_ERR_REFUSED for
/// serial numbers of a heap that is not profiled; RC_ERR_STALE when the mark is not the latest one with `GC_MARK_OBJECTS`; RC_ERR_NO_MEMORY only where the default heap cannot be made.
#[no_mangle]
pub unsafe extern "C" fn gc_iter_begin(
    heap: *mut gc_heap,
    filter: *const gc_iter_filter,
    out_iter: NonNull<gc_iter>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_iter_begin", heap)?;
        call.needs(!out_iter.0.is_null(), "out_iter is null")?;
        let wanted = wanted(call, &call.read_or_zero(filter, 16, "filter: ")?)?;
        let state = out_iter.0 as *mut Walk;
        core::ptr::write_bytes(out_iter.0, 0, 1);
        state.write(Walk::new(call.heap, wanted));
        Ok(())
    })
}

/// Gives the next object of a walk: `while (gc_iter_next(&iter, &obj) == RC_OK && obj) ...`. At the end null; after it,
/// what the heap has grown by beyond its end.
///
/// Ownership: the object is borrowed: take a reference before anything that could end it.
/// Fails: RC_ERR_INVALID for a null argument and for a walk that was not begun or has been ended; RC_ERR_STALE when the
/// heap was freed meanwhile or its growth mark was replaced.
#[no_mangle]
pub unsafe extern "C" fn gc_iter_next(iter: NonNull<gc_iter>, out_obj: NonNull<*mut c_void>) -> rc_status {
    status(|| {
        let call = Call::nowhere("gc_iter_next");
        call.needs(!iter.0.is_null() && !out_obj.0.is_null(), "iter or out_obj is null")?;
        *out_obj.0 = (*(iter.0 as *mut Walk)).next().or_else(|why| broken(call, why))?;
        Ok(())
    })
}

/// Ends a walk: from here on it gives nothing.
///
/// Fails: RC_ERR_INVALID for null and for a walk that was not begun or has been ended; RC_ERR_STALE when the heap was
/// freed meanwhile: the walk has ended all the same.
#[no_mangle]
pub unsafe extern "C" fn gc_iter_end(iter: NonNull<gc_iter>) -> rc_status {
    status(|| {
        let call = Call::nowhere("gc_iter_end");
        call.needs(!iter.0.is_null(), "iter is null")?;
        (*(iter.0 as *mut Walk)).end().or_else(|why| broken(call, why))
    })
}

/// The numbers of one type. Start from `GC_TYPE_FACTS_INIT`. Bytes are those that objects take in the heap, with
/// headers and rounding.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_type_facts {
    /// `sizeof(gc_type_facts)` as the host was compiled.
    pub struct_size: usize,
    /// The type.
    pub type_: *mut rc_type,
    /// The type's name, which lives as long as the type.
    pub name: *const c_char,
    /// Bytes of the type's struct.
    pub size: usize,
    /// Objects that live now.
    pub live: u64,
    /// Bytes of objects that live now.
    pub bytes: u64,
    /// The most objects that lived at once; at most 4 KiB of objects more did.
    pub peak: u64,
    /// The most bytes, as exactly.
    pub peak_bytes: u64,
    /// Objects made since the type was.
    pub allocated: u64,
    /// Bytes of objects made since the type was.
    pub allocated_bytes: u64,
    /// Objects that ended because their count said so.
    pub freed_by_count: u64,
    /// Objects that the collector ended.
    pub freed_by_collector: u64,
}

/// The numbers of a type: how many objects live, have lived, and how they ended. They are always kept, so this is
/// quick.
///
/// Fails: RC_ERR_INVALID for null `out_facts` or a bad size; fatal for a pointer that is not a live type.
#[no_mangle]
pub unsafe extern "C" fn gc_type_stats(
    type_: NonNull<rc_type>,
    out_facts: NonNull<gc_type_facts>,
) -> rc_status {
    status(|| {
        const CALL: &str = "gc_type_stats";
        let ty = type_checked(CALL, type_.0);
        let call = Call { name: CALL, heap: (*ty).heap };
        call.needs(!out_facts.0.is_null(), "out_facts is null")?;
        call.put(out_facts.0, &type_facts(&census::of(ty)), "out_facts: ")
    })
}

/// By live objects. The default.
pub const GC_ORDER_LIVE: u32 = 0;
/// By bytes of live objects.
pub const GC_ORDER_BYTES: u32 = 1;
/// By the most bytes there were.
pub const GC_ORDER_PEAK_BYTES: u32 = 2;
/// By objects made.
pub const GC_ORDER_ALLOCATED: u32 = 3;
/// By objects that the collector ended.
pub const GC_ORDER_COLLECTED: u32 = 4;

/// The types of a heap (null: the default heap) for which the number that `order` names is not 0, largest first, in the
/// first `room` rows of `out_rows`. `struct_size` of the first row says how large each row is.
///
/// `out_count` is how many there are, also beyond `room`.
///
/// Ownership: nothing; names live as long as their types.
/// Fails: RC_ERR_INVALID for an unknown order, null `out_count`, null `out_rows` with room, or a bad size;
/// RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_most_common_types(
    heap: *mut gc_heap,
    order: u32,
    out_rows: *mut gc_type_facts,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_most_common_types", heap)?;
        let Some(order) = Order::from_number(order) else {
            return call.invalid(format_args!("order {order} is unknown"));
        };
        let Some(mut table) = census::most_common(call.heap, order) else { return call.no_memory() };
        write_rows(call, table.rows().iter().map(type_facts), out_rows, room, out_count)
    })
}

/// The mark knows how many objects of each type there were.
pub const GC_MARK_TYPES: u32 = 0;
/// Objects are marked too, so that a walk can give those made since. Only the latest such mark of a heap knows them.
pub const GC_MARK_OBJECTS: u32 = 1;

/// Compares with the numbers at the mark.
pub const GC_SINCE_MARK: u32 = 0;
/// Compares with the largest numbers at the mark and in each comparison since.
pub const GC_SINCE_PEAK: u32 = 1;

/// How one type has grown. Start from `GC_GROWTH_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_growth {
    /// `sizeof(gc_growth)` as the host was compiled.
    pub struct_size: usize,
    /// The type.
    pub type_: *mut rc_type,
    /// The type's name.
    pub name: *const c_char,
    /// Objects that live now.
    pub live: u64,
    /// Bytes of objects that live now.
    pub bytes: u64,
    /// How many objects more live than at the mark, or at the peak.
    pub more: i64,
    /// How many bytes more live than then.
    pub more_bytes: i64,
    /// Objects made since the mark, dead or alive.
    pub made: u64,
}

/// Marks the present moment in a heap (null: the default heap), for `gc_growth_since`.
///
/// Takes time by the number of types; with `GC_MARK_OBJECTS` also of pages and free blocks, and while that mark lives a
/// release writes one bit more.
///
/// Ownership: the caller owns the mark; `gc_growth_free` ends it, also after its heap.
/// Fails: RC_ERR_INVALID for unknown flags or null `out_mark`; RC_ERR_REFUSED where host code may only look (rcgc/heap.h);
/// RC_ERR_NO_MEMORY.
#[no_mangle]
pub unsafe extern "C" fn gc_growth_mark(
    heap: *mut gc_heap,
    flags: u32,
    out_mark: NonNull<*mut gc_mark>,
) -> rc_status {
    status(|| {
        let call = Call::on("gc_growth_mark", heap)?;
        call.needs(!out_mark.0.is_null(), "out_mark is null")?;
        if flags & !GC_MARK_OBJECTS != 0 {
            return call.invalid(format_args!("flags {flags:#x} are not known"));
        }
        call.may_change()?;
        let mark = growth::mark(call.heap, flags & GC_MARK_OBJECTS != 0);
        if mark.is_null() {
            return call.no_memory();
        }
        *out_mark.0 = mark;
        Ok(())
    })
}

/// The types that have grown since a mark, in objects or bytes, those that have grown most first, in the first `room`
/// rows of `out_rows`. `struct_size` of the first row says how large each row is; `out_count` is how many there are.
///
/// `since` says what is compared with. Each comparison, of either kind, raises the peaks of the mark. No collection runs:
/// garbage counts, call `gc_collect` before to leave it out.
///
/// Fails: RC_ERR_INVALID for an unknown `since`, null `out_count`, null `out_rows` with room, or a bad size; RC_ERR_STALE
/// when the heap was freed; RC_ERR_NO_MEMORY; fatal for what is not a mark.
#[no_mangle]
pub unsafe extern "C" fn gc_growth_since(
    mark: NonNull<gc_mark>,
    since: u32,
    out_rows: *mut gc_growth,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    status(|| {
        const CALL: &str = "gc_growth_since";
        let mark = mark_checked(CALL, mark.0);
        let Some(heap) = (*mark).heap() else {
            return Call::nowhere(CALL).refuse(RC_ERR_STALE, "the mark's heap was freed");
        };
        let call = Call { name: CALL, heap };
        let since = match since {
            GC_SINCE_MARK => Since::Mark,
            GC_SINCE_PEAK => Since::Peak,
            other => return call.invalid(format_args!("since {other} is unknown")),
        };
        let Some(mut table) = (*mark).growth(heap, since) else { return call.no_memory() };
        write_rows(call, table.rows().iter().map(growth_row), out_rows, room, out_count)
    })
}

/// Ends a mark. Null is nothing.
///
/// Ownership: takes the mark.
/// Fails: fatal for what is not a mark.
#[no_mangle]
pub unsafe extern "C" fn gc_growth_free(mark: *mut gc_mark) {
    if !mark.is_null() {
        growth::end(mark_checked("gc_growth_free", mark));
    }
}

const_assert_eq!(Traits::all().bits(), 2 * GC_OBJECT_NEW - 1);
const _: () = assert!(size_of::<Walk>() <= size_of::<gc_iter>());

fn object_facts(found: &Facts) -> gc_object_facts {
    gc_object_facts {
        struct_size: size_of::<gc_object_facts>(),
        place: found.address as u32,
        flags: found.traits.bits(),
        object: found.object,
        heap: found.heap,
        type_: found.ty,
        size: found.size,
        length: found.length,
        block_bytes: found.block_bytes,
        external_bytes: found.external_bytes,
        count: found.count,
        generation: (!found.object.is_null() && !found.traits.contains(Traits::YOUNG)) as u32,
        finalizer: found.finalizer as u32,
        weak_handles: found.weak_handles,
    }
}

/// What a walk is to show.
unsafe fn wanted(call: Call, filter: &gc_iter_filter) -> Answer<Filter> {
    let (Some(with), Some(without)) = (Traits::from_bits(filter.with), Traits::from_bits(filter.without))
    else {
        return call.invalid("filter: with or without has a flag that is not known");
    };
    let ty = filter.type_;
    call.needs(
        ty.is_null() || (*type_checked(call.name, ty)).heap == call.heap,
        "the type is another heap's",
    )?;
    let mut wanted = Filter {
        ty,
        ty_serial: if ty.is_null() { 0 } else { (*(*ty).rare()).serial },
        with,
        without,
        mark_serial: 0,
        serial_min: 0,
        serial_max: 0,
    };
    if filter.serial_min != 0 || filter.serial_max != 0 {
        if profile::exact(call.heap).is_null() {
            return call.refuse(
                RC_ERR_REFUSED,
                format_args!(
                    "serial numbers, and heap {} is not profiled by sites",
                    CText((*call.heap).name())
                ),
            );
        }
        wanted.serial_min = filter.serial_min;
        wanted.serial_max = if filter.serial_max == 0 { u64::MAX } else { filter.serial_max };
    }
    if !filter.newer_than.is_null() {
        let mark = mark_checked(call.name, filter.newer_than);
        call.needs((*mark).heap() == Some(call.heap), "the mark is another heap's")?;
        wanted.mark_serial = (*mark).serial();
        if wanted.mark_serial == 0 || wanted.mark_serial != (*call.heap).mark_serial {
            return call.refuse(RC_ERR_STALE, "the mark is not the heap's latest one with GC_MARK_OBJECTS");
        }
    }
    Ok(wanted)
}

#[cold]
unsafe fn broken<T>(call: Call, why: Broken) -> Answer<T> {
    match why {
        Broken::NotBegun => call.invalid("the walk was not begun, or was ended"),
        Broken::HeapEnded => call.refuse(RC_ERR_STALE, "the walk's heap was freed"),
        Broken::MarkEnded => call.refuse(RC_ERR_STALE, "the walk's growth mark was replaced or freed"),
    }
}

/// Writes rows and how many there are.
unsafe fn write_rows<T>(
    call: Call,
    rows: impl Iterator<Item = T>,
    out_rows: *mut T,
    room: usize,
    out_count: NonNull<usize>,
) -> Answer<()> {
    call.needs(!out_count.0.is_null(), "out_count is null")?;
    call.needs(room == 0 || !out_rows.is_null(), "out_rows is null")?;
    *out_count.0 = put_all(out_rows, room, rows).or_else(|why| call.invalid(why))?;
    Ok(())
}

fn type_facts(found: &Census) -> gc_type_facts {
    gc_type_facts {
        struct_size: size_of::<gc_type_facts>(),
        type_: found.ty,
        name: found.name,
        size: found.size,
        live: found.live,
        bytes: found.bytes,
        peak: found.peak,
        peak_bytes: found.peak_bytes,
        allocated: found.allocated,
        allocated_bytes: found.allocated_bytes,
        freed_by_count: found.freed_by_count,
        freed_by_collector: found.freed_by_collector,
    }
}

unsafe fn mark_checked(call: &str, mark: *mut gc_mark) -> *mut gc_mark {
    if !registry::has(mark as *const Ticket, Purpose::Mark) {
        report::fatal(format_args!("{call}: {mark:p} is not a growth mark: freed before, or never one"));
    }
    mark
}

fn growth_row(found: &Growth) -> gc_growth {
    gc_growth {
        struct_size: size_of::<gc_growth>(),
        type_: found.ty,
        // SAFETY: the type was found in its heap just now.
        name: unsafe { (*found.ty).name },
        live: found.live,
        bytes: found.bytes,
        more: found.more,
        more_bytes: found.more_bytes,
        made: found.made,
    }
}
