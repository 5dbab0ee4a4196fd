//! Counting where it is not inline: the exported twins, the slow halves, and the engine's own release of an
//! edge.
//!
//! The number line is in `header.rs`. Everything that inline code does not recognise arrives in
//! [`incref_slow`] or [`decref_slow`]: the last release, and every misuse that can be seen.

use crate::base::report;
use crate::header::{self, Flags, IMMORTAL, LOCAL, LOCAL_ONE, QUEUED, SHARED};
use crate::life::death::{self, Queue};
use crate::life::hints;
use crate::memory::{page, range};
use crate::object::{self, particulars};
use crate::sys;
use crate::types::{self, Type};
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{compiler_fence, Ordering};

/// Adds a reference.
///
/// # Safety
/// - `obj` is in the range.
#[inline(always)]
pub unsafe fn incref(obj: *mut c_void) {
    let word = header::count_word(obj);
    if word & LOCAL != 0 {
        header::set_count_word(obj, word + 1);
    } else if word as i32 >= 0 {
        incref_slow(obj);
    }
}

/// Releases a reference.
///
/// # Safety
/// - `obj` is in the range.
#[inline(always)]
pub unsafe fn decref(obj: *mut c_void) {
    let word = header::count_word(obj);
    if word.wrapping_sub(LOCAL_ONE + 1) < LOCAL - 2 {
        header::set_count_word(obj, word - 1);
    } else if word as i32 >= 0 {
        decref_out_of_line(obj);
    }
}

/// For the engine's own callers: one copy of [`decref_slow`] is enough for them.
#[inline(never)]
unsafe fn decref_out_of_line(obj: *mut c_void) {
    decref_slow(obj)
}

/// `incref` of what is neither local nor immortal: nothing of that is legal in this version.
///
/// # Safety
/// - `obj - 8` is readable.
#[cold]
#[inline(never)]
pub unsafe fn incref_slow(obj: *mut c_void) {
    misuse("rc_incref", obj)
}

/// `decref` of what is neither local with a count above 1 nor immortal.
///
/// # Safety
/// - `obj - 8` is readable.
///
/// The common case, the last reference of an object of a quick type, is a leaf: nothing is called and no
/// register saved. As soon as something else turns up, the rest is done by [`decref_rest`] or
/// [`death::release_rest`].
#[inline(always)]
pub unsafe fn decref_slow(obj: *mut c_void) {
    // Three branches, none of which is taken as a rule. Merged into one condition they cost more: the fences, which are no
    // instructions, keep the compiler from that.
    if header::count_word(obj) != LOCAL_ONE {
        return decref_rest(obj);
    }
    // ORDER: pairs with nothing: it keeps the compiler from making one condition of these.
    compiler_fence(Ordering::SeqCst);
    if !range::contains(obj as usize) {
        return decref_rest(obj);
    }
    // ORDER: as the one above.
    compiler_fence(Ordering::SeqCst);
    // What was made after it often dies after it; as in `death.rs`.
    sys::prefetch_for_write::<1024>(obj as usize);
    let ty = object::type_of(obj);
    if header::high_word(obj) != (*ty).quick_high {
        return decref_careful(obj);
    }
    let count = (*ty).simple_count as usize;
    if count != 0 {
        let mut index = 0;
        loop {
            let offset = *(*ty).offsets.get_unchecked(index) as usize;
            let child = *((obj as usize + offset) as *const *mut c_void);
            if !child.is_null() {
                sys::seldom();
                let word = header::count_word(child);
                if word as i32 > LOCAL_ONE as i32 && !hints::is_news(child) {
                    header::set_count_word(child, word - 1);
                } else if word as i32 >= 0 {
                    return death::release_rest(obj, index);
                }
            }
            index += 1;
            if index == count {
                break;
            }
        }
    }
    (*ty).freed += 1;
    header::set_count_word(obj, (*ty).dead_word);
    if !(*ty).run.push(obj) {
        page::free_block(obj);
    }
}

/// The last reference of an object that is not quick, or has side entries.
#[inline(never)]
unsafe fn decref_careful(obj: *mut c_void) {
    if header::high_word(obj) & header::CARE_FLAGS != 0 {
        return release_careful(obj);
    }
    death::release_alone(obj)
}

/// The last reference of an object with side entries, weak handles, or a hold.
unsafe fn release_careful(obj: *mut c_void) {
    let last = (*(*object::type_of(obj)).heap).observers.last;
    match last.filter(|_| header::has_flags(obj, Flags::SIDE)) {
        Some(last) => last(obj),
        None => decref_rest(obj),
    }
}

/// What [`decref_slow`] does not do itself.
///
/// # Safety
/// - As [`decref_slow`].
#[inline(never)]
pub unsafe fn decref_rest(obj: *mut c_void) {
    // A header that looks like the last reference is believed only at an address that is ours.
    if header::count_word(obj) == LOCAL_ONE && range::contains(obj as usize) {
        if header::high_word(obj) & header::HOLD_FLAGS != 0 {
            over_release(obj);
        }
        death::release_last(obj);
    } else {
        misuse("rc_decref", obj)
    }
}

/// The count of what is not local.
///
/// # Safety
/// - `obj - 8` is readable.
pub unsafe fn count_slow(obj: *mut c_void) -> u32 {
    match header::count_word(obj) {
        IMMORTAL => u32::MAX,
        word if word & LOCAL != 0 => word - LOCAL,
        _ => misuse("rc_count", obj),
    }
}

/// The engine lets go of an edge. A target that dies is queued, not ended.
///
/// # Safety
/// - `target` was owned; only the threads of both heaps are in them.
#[inline(always)]
pub unsafe fn release_edge(target: *mut c_void, queue: &mut Queue) {
    release_edge_by(ptr::null(), target, queue)
}

/// As [`release_edge`], of a dying object of a type.
///
/// # Safety
/// - As [`release_edge`].
#[inline(always)]
pub unsafe fn release_edge_by(ty: *const Type, target: *mut c_void, queue: &mut Queue) {
    let word = header::count_word(target);
    if word.wrapping_sub(LOCAL_ONE + 1) < LOCAL - 2 {
        header::set_count_word(target, word - 1);
        hints::let_go(target, || ty);
    } else if word as i32 >= 0 {
        release_edge_slow(target, queue);
    }
}

/// The rest of [`release_edge`]: the last reference, and misuse.
///
/// # Safety
/// - As [`release_edge`].
#[inline(never)]
pub unsafe fn release_edge_slow(target: *mut c_void, queue: &mut Queue) {
    if header::count_word(target) == LOCAL_ONE && range::contains(target as usize) {
        if header::high_word(target) & header::HOLD_FLAGS != 0 {
            over_release(target);
        }
        queue.push(target);
    } else {
        misuse("release of a slot", target);
    }
}

/// The engine's own hold on a dying object was released.
///
/// # Safety
/// - `obj - 8` is readable.
#[cold]
#[inline(never)]
pub unsafe fn over_release(obj: *mut c_void) -> ! {
    report::fatal(format_args!(
        "rc_decref: {} {obj:p} is dying and was released once too often: by one of its callbacks, by something it refers to, or by a slot that refers to it without having counted{}",
        types::name_of(header::load(obj)),
        particulars::of(obj)
    ))
}

/// What a slot holds is at no address of ours, though the memory before it looks like a header.
///
/// # Safety
/// - `obj - 8` is readable.
#[cold]
#[inline(never)]
pub unsafe fn not_an_object(obj: *mut c_void) -> ! {
    misuse("release of a slot", obj)
}

/// Names what is wrong with an address whose count word is in no band that the call allows.
#[cold]
#[inline(never)]
unsafe fn misuse(call: &str, obj: *mut c_void) -> ! {
    let header = match object::check(obj) {
        Ok(header) => header,
        Err(why) => object::misuse(call, obj, why),
    };
    let word = header.count_word();
    let name = types::name_of(header);
    if word & !(2 * QUEUED - 1) == 0 && word & QUEUED != 0 {
        report::fatal(format_args!(
            "{call}: {name} {obj:p} has lost its last reference and waits for its end; a borrowed pointer to it was used{}",
            particulars::of(obj)
        ));
    }
    if word & SHARED != 0 && word < LOCAL {
        report::fatal(format_args!(
            "{call}: {name} {obj:p} is marked shared, which this version has not; its header was overwritten{}",
            particulars::of(obj)
        ));
    }
    report::fatal(format_args!(
        "{call}: the header of {obj:p} was overwritten (count word {word:#x}){}",
        particulars::of(obj)
    ))
}
