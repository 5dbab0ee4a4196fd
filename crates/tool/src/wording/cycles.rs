//! The shapes of rings, in words.

use crate::dump::{Dump, Label, NO_INDEX};
use crate::findings::cycles::{OfShape, Relation};
use crate::output::names;
use crate::output::text::count;

/// Relations that are written out.
const RELATIONS_SHOWN: usize = 6;

/// "Parent.child → Child.parent": of a simple ring; else all kinds of references with their targets.
pub fn shape(dump: &Dump, of: &OfShape) -> String {
    if let Some(order) = &of.order {
        return order.iter().map(|&of| relation(dump, of)).collect::<Vec<_>>().join(" → ");
    }
    let text = |&of: &Relation| format!("{} → {}", relation(dump, of), names::line(&dump.type_name(of.2)));
    let relations = &of.relations;
    let mut parts: Vec<String> = relations.iter().take(RELATIONS_SHOWN).map(text).collect();
    if relations.len() > RELATIONS_SHOWN {
        parts.push(format!("and {} more", count((relations.len() - RELATIONS_SHOWN) as u64)));
    }
    parts.join(", ")
}

/// "Parent.child".
pub fn relation(dump: &Dump, (kind, field, _): Relation) -> String {
    let label = Label { field, index: NO_INDEX };
    format!("{}.{}", names::line(&dump.type_name(kind)), names::edge(dump, label))
}
