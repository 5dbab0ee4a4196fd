//! Whether counts, edges and the structures of a heap fit together.
//!
//! Structures first: when one of them is damaged, nothing that is read from the heap can be relied on, and the edges
//! are left out. Then each edge: does it lead to an object? Then each object: has it as many references as edges? And has it
//! words that lead to others and that no edge reports?

use super::lint;
use super::query::{Failure, Query};
use super::text::EdgeText;
use super::unseen;
use crate::base::report::Line;
use crate::check;
use crate::heap::{phase, Heap, Phase};
use crate::host;
use crate::object::edges::Edge;
use crate::object::{self, epitaph, NotAnObject};
use crate::types::Type;
use core::ffi::c_void;
use core::fmt::Write;
use core::ptr;

/// What is wrong; the numbers of `GC_FINDING_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Wrong {
    /// More edges than references lead to an object.
    TooManyEdges = 1,
    /// An edge leads to a dead object.
    DeadTarget = 2,
    /// An edge leads to no object.
    NoObject = 3,
    /// Something was ended that was never reported.
    Unreported = 4,
    /// A structure of the heap is damaged.
    Structure = 5,
}

/// One thing that is wrong.
pub struct Finding<'a> {
    /// What.
    pub wrong: Wrong,
    /// The object that it is about; null: none.
    pub object: *mut c_void,
    /// The type that it is about; null: none.
    pub ty: *mut Type,
    /// References to the object.
    pub count: u64,
    /// Edges to the object.
    pub edges: u64,
    /// All of it in one line.
    pub text: &'a Line,
}

/// Referrers that a line names.
const NAMED_MAX: usize = 4;

/// Checks a heap and gives every finding to `tell`, while the heap may only be looked at. Returns how many there were.
///
/// # Safety
/// - `heap` is live, and every object is walkable.
pub unsafe fn verify(heap: *mut Heap, tell: &mut dyn FnMut(&Finding<'_>)) -> Result<usize, Failure> {
    if (*heap).phase() == Phase::Judging {
        return Err(Failure::InTraverse);
    }
    let none = ptr::null_mut();
    let tell = &mut |finding: &Finding<'_>| host::call_alone(heap, || tell(finding));
    let mut damaged = 0;
    // Validators look at the heap as it is, not paused.
    check::validate_all(heap, &mut |text| {
        damaged += 1;
        let text = &Line::of(format_args!("the heap is damaged: {text}"));
        let ty = ptr::null_mut();
        let finding = Finding { wrong: Wrong::Structure, object: none, ty, count: 0, edges: 0, text };
        phase::quietly(heap, || tell(&finding));
    });
    if damaged != 0 {
        return Ok(damaged);
    }
    let query = Query::new(heap)?;
    Ok(phase::quietly(heap, || {
        let edges = verify_targets(&query, tell) + verify_counts(&query, tell);
        let unreported = lint::each_finding(heap, |ty, text| {
            tell(&Finding { wrong: Wrong::Unreported, object: none, ty, count: 0, edges: 0, text });
        });
        // Where there is no memory to look, the rest is said.
        let unseen = unseen::each_group(&query, heap, |group| {
            let text = &group.sentence();
            let (object, ty) = (group.example, group.from);
            tell(&Finding { wrong: Wrong::Unreported, object, ty, count: 0, edges: 0, text });
        });
        edges + unreported + unseen.unwrap_or(0)
    }))
}

/// Looks where each edge leads.
unsafe fn verify_targets(query: &Query, tell: &mut dyn FnMut(&Finding<'_>)) -> usize {
    let mut findings = 0;
    query.each_object(|_, obj| {
        let ty = object::type_of(obj);
        query.each_edge(obj, |edge, to| {
            if to.is_some() {
                return;
            }
            let (wrong, what) = match object::check(edge.target) {
                // Another heap's, one whose end has begun, or a static constant.
                Ok(_) | Err(NotAnObject::Static) => return,
                Err(NotAnObject::Dead) => {
                    let dead = epitaph::of(edge.target);
                    (
                        Wrong::DeadTarget,
                        Line::of(format_args!("which is a dead {dead}: it was released once too often")),
                    )
                }
                Err(_) => (Wrong::NoObject, Line::of(format_args!("which is no object"))),
            };
            findings += 1;
            let text = &Line::of(format_args!(
                "{} {obj:p} refers by {} to {:p}, {what}",
                (*ty).name(),
                edge_text(ty, &edge),
                edge.target
            ));
            tell(&Finding { wrong, object: obj, ty, count: 0, edges: 0, text });
        });
    });
    findings
}

/// Compares counts with edges.
unsafe fn verify_counts(query: &Query, tell: &mut dyn FnMut(&Finding<'_>)) -> usize {
    let mut findings = 0;
    query.each_object(|place, obj| {
        if query.external(place) >= 0 {
            return;
        }
        findings += 1;
        let ty = object::type_of(obj);
        let (count, edges) = (query.count(place) as u64, query.inner(place) as u64);
        let mut text = Line::of(format_args!(
            "{} {obj:p} has {count} references, and {edges} edges lead to it: a traverse reports an edge twice, or an incref is missing; edges:",
            (*ty).name()
        ));
        name_referrers(query, place, obj, &mut text);
        let text = &text;
        tell(&Finding { wrong: Wrong::TooManyEdges, object: obj, ty, count, edges, text });
    });
    findings
}

/// Appends the first edges that lead to an object.
unsafe fn name_referrers(query: &Query, place: u32, obj: *mut c_void, text: &mut Line) {
    let mut named = 0;
    let mut before = None;
    for &source in query.turned().of(place) {
        if before.replace(source) == Some(source) {
            continue;
        }
        let holder = query.places.address(source);
        query.each_edge(holder, |edge, _| {
            if edge.target == obj {
                named += 1;
                if named <= NAMED_MAX {
                    let comma = if named == 1 { "" } else { "," };
                    // A cut line is still a line.
                    let _ = write!(text, "{comma} {holder:p} {}", edge_text(object::type_of(holder), &edge));
                }
            }
        });
    }
    if named > NAMED_MAX {
        let _ = write!(text, ", and {} more", named - NAMED_MAX);
    }
}

unsafe fn edge_text(ty: *const Type, edge: &Edge) -> EdgeText {
    EdgeText { type_name: (*ty).name, name: edge.name, index: edge.index }
}
