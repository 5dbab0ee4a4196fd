//! What a host owes a collection, asked at the checking level before each one judges: every reference of every
//! examined object leads to an object, and a `traverse` that is asked twice gives the same answer.
//!
//! What does not hold would free what is alive, sooner or later and somewhere else; here it is fatal, and named at the
//! object that has it.

use crate::base::promised;
use crate::base::report::{self, CText};
use crate::header;
use crate::heap::{Heap, Phase};
use crate::object::{self, edges, edges::Edge, epitaph};
use crate::types::Type;
use core::ffi::{c_char, c_void};

/// Asks every tracked object that takes part in the collection.
///
/// # Safety
/// - The heap's phase is `Judging`, its types are paused, pages are under examination.
pub unsafe fn ask(heap: *mut Heap) {
    promised!((*heap).phase() == Phase::Judging);
    (*heap).space.each_page(|page| {
        (*page).each_block(|obj| {
            let header = header::load(obj);
            if object::is_settled(header) && header.has(header::Flags::TRACKED) {
                ask_one(obj, object::type_of(obj));
            }
        });
    });
}

/// Asks one object.
///
/// # Safety
/// - `obj` is an object of `ty` and walkable; the heap's phase is `Judging`.
pub unsafe fn ask_one(obj: *mut c_void, ty: *mut Type) {
    let first = edges_hash(obj, ty);
    if (*ty).traverse.is_some() && edges_hash(obj, ty) != first {
        report::fatal(format_args!(
            "check failed: traverse of {} {obj:p} reports other references when it is asked again{}",
            (*ty).name(),
            object::particulars::of(obj)
        ));
    }
}

/// Looks at each edge; a number that tells one answer from another.
unsafe fn edges_hash(obj: *mut c_void, ty: *mut Type) -> u64 {
    let mut hash = 0u64;
    edges::each_edge(obj, ty, &mut |edge| {
        // A sum of mixed words, since the order of a table's entries may change.
        let mixed = (edge.target as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = hash.wrapping_add(mixed ^ mixed >> 29);
        if leads_nowhere(edge.target) {
            report::fatal(format_args!(
                "check failed: {} {obj:p} holds {:p} in {}, which is no object: {}{}",
                (*ty).name(),
                edge.target,
                Name(&edge),
                Why(edge.target),
                object::particulars::of(obj)
            ));
        }
    });
    hash
}

unsafe fn leads_nowhere(target: *mut c_void) -> bool {
    object::check_held(target).is_err()
}

/// Why an address is no object, for a sentence.
struct Why(*mut c_void);

impl core::fmt::Display for Why {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // SAFETY: any address may be asked by the heap's thread, and that alone shows this.
        match unsafe { object::check(self.0) } {
            Err(object::NotAnObject::Foreign) => out.write_str("no heap of this process has that address"),
            Err(object::NotAnObject::Interior) => out.write_str("it points into one, or is not aligned"),
            // SAFETY: `check` said that a dead object lies there.
            _ => write!(out, "a dead {}: released once too often, or never counted", unsafe {
                epitaph::of(self.0)
            }),
        }
    }
}

/// The name of an edge, for a sentence.
struct Name<'a>(&'a Edge);

impl core::fmt::Display for Name<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let name: *const c_char = self.0.name;
        if name.is_null() {
            return out.write_str("a reference that its traverse reports");
        }
        CText(name).fmt(out)?;
        if self.0.index != edges::NO_INDEX {
            write!(out, "[{}]", self.0.index)?;
        }
        Ok(())
    }
}
