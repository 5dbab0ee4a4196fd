//! The boundary of `rcgc/inspect.h`.

use super::*;
use crate::capi::inspect::*;
use crate::inspect::census::{self, Census, Order, Table};
use crate::inspect::facts::{self, Facts, Traits};
use crate::inspect::growth::{self, Growth, Mark, Since};
use crate::inspect::registry::{self, Purpose, Ticket};
use crate::inspect::walk::{Broken, Filter, Walk};
use crate::profile;

const_assert_eq!(Traits::all().bits(), 2 * GC_OBJECT_NEW - 1);
const _: () = assert!(size_of::<Walk>() <= size_of::<gc_iter>());

/// Keeps the sentence behind a failing status of a call that has no heap, or one whose heap is gone.
fn refuse(status: rc_status, text: core::fmt::Arguments<'_>) -> rc_status {
    report::set_process_error(&Line::of(text));
    status
}

/// As [`refuse`], for a call that has a heap.
unsafe fn refuse_in(heap: *mut Heap, status: rc_status, text: core::fmt::Arguments<'_>) -> rc_status {
    (*heap).set_error(text);
    status
}

fn object_facts(found: &Facts) -> gc_object_facts {
    gc_object_facts {
        struct_size: size_of::<gc_object_facts>(),
        place: found.place as u32,
        flags: found.traits.bits(),
        object: found.object,
        heap: found.heap,
        type_: found.kind,
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

pub(in crate::capi) unsafe fn object_info(
    address: *const c_void,
    out_facts: NonNull<gc_object_facts>,
) -> rc_status {
    if out_facts.0.is_null() {
        return refuse(RC_ERR_INVALID, format_args!("gc_object_info: out_facts is null"));
    }
    let found = object_facts(&facts::of(address as usize));
    match write_struct(out_facts.0, (*out_facts.0).struct_size, &found) {
        Ok(()) => RC_OK,
        Err(why) => refuse(RC_ERR_INVALID, format_args!("gc_object_info: out_facts: {why}")),
    }
}

// ---- walks ----

pub(in crate::capi) unsafe fn iter_begin(
    heap: *mut Heap,
    filter: *const gc_iter_filter,
    out_iter: NonNull<gc_iter>,
) -> rc_status {
    const CALL: &str = "gc_iter_begin";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if out_iter.0.is_null() {
        return refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: out_iter is null"));
    }
    let mut wanted = Filter {
        kind: core::ptr::null_mut(),
        kind_serial: 0,
        with: Traits::empty(),
        without: Traits::empty(),
        mark_serial: 0,
        serial_min: 0,
        serial_max: 0,
    };
    if !filter.is_null() {
        let filter = match read_struct(filter, (*filter).struct_size, 16) {
            Ok(filter) => filter,
            Err(why) => return refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: filter: {why}")),
        };
        let (Some(with), Some(without)) = (Traits::from_bits(filter.with), Traits::from_bits(filter.without))
        else {
            return refuse_in(
                heap,
                RC_ERR_INVALID,
                format_args!("{CALL}: filter: with or without has a flag that is not known"),
            );
        };
        if !filter.type_.is_null() && (*type_checked(CALL, filter.type_)).heap != heap {
            return refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: the type is another heap's"));
        }
        (wanted.kind, wanted.with, wanted.without) = (filter.type_, with, without);
        if !filter.type_.is_null() {
            wanted.kind_serial = (*(*filter.type_).books()).serial;
        }
        if filter.serial_min != 0 || filter.serial_max != 0 {
            if profile::exact(heap).is_null() {
                return refuse_in(
                    heap,
                    RC_ERR_REFUSED,
                    format_args!(
                        "{CALL}: serial numbers, and heap {} is not profiled by sites",
                        CText((*heap).name())
                    ),
                );
            }
            let most = if filter.serial_max == 0 { u64::MAX } else { filter.serial_max };
            (wanted.serial_min, wanted.serial_max) = (filter.serial_min, most);
        }
        if !filter.newer_than.is_null() {
            let mark = mark_checked(CALL, filter.newer_than);
            if (*mark).heap() != Some(heap) {
                return refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: the mark is another heap's"));
            }
            wanted.mark_serial = (*mark).serial();
            if wanted.mark_serial == 0 || wanted.mark_serial != (*heap).mark_serial {
                return refuse_in(
                    heap,
                    RC_ERR_STALE,
                    format_args!("{CALL}: the mark is not the heap's latest one with GC_MARK_OBJECTS"),
                );
            }
        }
    }
    let state = out_iter.0 as *mut Walk;
    core::ptr::write_bytes(out_iter.0, 0, 1);
    state.write(Walk::new(heap, wanted));
    RC_OK
}

fn broken(call: &str, why: Broken) -> rc_status {
    match why {
        Broken::NotBegun => {
            refuse(RC_ERR_INVALID, format_args!("{call}: the walk was not begun, or was ended"))
        }
        Broken::HeapEnded => refuse(RC_ERR_STALE, format_args!("{call}: the walk's heap was freed")),
        Broken::MarkEnded => {
            refuse(RC_ERR_STALE, format_args!("{call}: the walk's growth mark was replaced or freed"))
        }
    }
}

pub(in crate::capi) unsafe fn iter_next(iter: NonNull<gc_iter>, out_obj: NonNull<*mut c_void>) -> rc_status {
    if iter.0.is_null() || out_obj.0.is_null() {
        return refuse(RC_ERR_INVALID, format_args!("gc_iter_next: iter or out_obj is null"));
    }
    match (*(iter.0 as *mut Walk)).next() {
        Ok(obj) => {
            *out_obj.0 = obj;
            RC_OK
        }
        Err(why) => broken("gc_iter_next", why),
    }
}

pub(in crate::capi) unsafe fn iter_end(iter: NonNull<gc_iter>) -> rc_status {
    if iter.0.is_null() {
        return refuse(RC_ERR_INVALID, format_args!("gc_iter_end: iter is null"));
    }
    match (*(iter.0 as *mut Walk)).end() {
        Ok(()) => RC_OK,
        Err(why) => broken("gc_iter_end", why),
    }
}

// ---- rows ----

/// Writes as many rows as there is room for, each as large as the first says.
///
/// Err is a sentence for the message.
pub(super) unsafe fn write_rows<From, To>(
    rows: &[From],
    out_rows: *mut To,
    room: usize,
    out_count: NonNull<usize>,
    row: impl Fn(&From) -> To,
) -> Result<(), &'static str> {
    if out_count.0.is_null() {
        return Err("out_count is null");
    }
    if room != 0 {
        if out_rows.is_null() {
            return Err("out_rows is null");
        }
        // Every row struct begins with its size.
        let size = *(out_rows as *const usize);
        for (index, from) in rows.iter().take(room).enumerate() {
            let to = (out_rows as *mut u8).wrapping_add(index.wrapping_mul(size)) as *mut To;
            write_struct(to, size, &row(from))?;
            *(to as *mut usize) = size;
        }
    }
    *out_count.0 = rows.len();
    Ok(())
}

fn type_facts(found: &Census) -> gc_type_facts {
    gc_type_facts {
        struct_size: size_of::<gc_type_facts>(),
        type_: found.kind,
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

pub(in crate::capi) unsafe fn type_stats(
    kind: NonNull<Type>,
    out_facts: NonNull<gc_type_facts>,
) -> rc_status {
    const CALL: &str = "gc_type_stats";
    let kind = type_checked(CALL, kind.0);
    if out_facts.0.is_null() {
        return refuse_in((*kind).heap, RC_ERR_INVALID, format_args!("{CALL}: out_facts is null"));
    }
    match write_struct(out_facts.0, (*out_facts.0).struct_size, &type_facts(&census::of(kind))) {
        Ok(()) => RC_OK,
        Err(why) => refuse_in((*kind).heap, RC_ERR_INVALID, format_args!("{CALL}: out_facts: {why}")),
    }
}

pub(in crate::capi) unsafe fn most_common_types(
    heap: *mut Heap,
    order: u32,
    out_rows: *mut gc_type_facts,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    const CALL: &str = "gc_most_common_types";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    let Some(order) = Order::from_number(order) else {
        return refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: order {order} is unknown"));
    };
    let Some(mut table) = census::most_common(heap, order) else {
        return refuse_in(heap, RC_ERR_NO_MEMORY, format_args!("{CALL}: no memory"));
    };
    match write_rows(table.rows(), out_rows, room, out_count, type_facts) {
        Ok(()) => RC_OK,
        Err(why) => refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: {why}")),
    }
}

// ---- growth ----

unsafe fn mark_checked(call: &str, mark: *mut Mark) -> *mut Mark {
    if !registry::has(mark as *const Ticket, Purpose::Mark) {
        report::fatal(format_args!("{call}: {mark:p} is not a growth mark: freed before, or never one"));
    }
    mark
}

pub(in crate::capi) unsafe fn growth_mark(
    heap: *mut Heap,
    flags: u32,
    out_mark: NonNull<*mut Mark>,
) -> rc_status {
    const CALL: &str = "gc_growth_mark";
    let Some(heap) = heap_of(CALL, heap) else { return RC_ERR_NO_MEMORY };
    if out_mark.0.is_null() {
        return refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: out_mark is null"));
    }
    if flags & !GC_MARK_OBJECTS != 0 {
        return refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: flags {flags:#x} are not known"));
    }
    if only_looking(CALL, heap) {
        return RC_ERR_REFUSED;
    }
    let mark = growth::mark(heap, flags & GC_MARK_OBJECTS != 0);
    if mark.is_null() {
        return refuse_in(heap, RC_ERR_NO_MEMORY, format_args!("{CALL}: no memory"));
    }
    *out_mark.0 = mark;
    RC_OK
}

fn growth_row(found: &Growth) -> gc_growth {
    gc_growth {
        struct_size: size_of::<gc_growth>(),
        type_: found.kind,
        // SAFETY: the type was found in its heap just now.
        name: unsafe { (*found.kind).name },
        live: found.live,
        bytes: found.bytes,
        more: found.more,
        more_bytes: found.more_bytes,
        made: found.made,
    }
}

pub(in crate::capi) unsafe fn growth_since(
    mark: NonNull<Mark>,
    since: u32,
    out_rows: *mut gc_growth,
    room: usize,
    out_count: NonNull<usize>,
) -> rc_status {
    const CALL: &str = "gc_growth_since";
    let mark = mark_checked(CALL, mark.0);
    let Some(heap) = (*mark).heap() else {
        return refuse(RC_ERR_STALE, format_args!("{CALL}: the mark's heap was freed"));
    };
    let since = match since {
        GC_SINCE_MARK => Since::Mark,
        GC_SINCE_PEAK => Since::Peak,
        other => return refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: since {other} is unknown")),
    };
    let table: Option<Table<Growth>> = (*mark).growth(heap, since);
    let Some(mut table) = table else {
        return refuse_in(heap, RC_ERR_NO_MEMORY, format_args!("{CALL}: no memory"));
    };
    match write_rows(table.rows(), out_rows, room, out_count, growth_row) {
        Ok(()) => RC_OK,
        Err(why) => refuse_in(heap, RC_ERR_INVALID, format_args!("{CALL}: {why}")),
    }
}

pub(in crate::capi) unsafe fn growth_free(mark: *mut Mark) {
    if !mark.is_null() {
        growth::end(mark_checked("gc_growth_free", mark));
    }
}
