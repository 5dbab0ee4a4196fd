//! Types as a table.

use crate::findings::types::OfType;
use crate::heap::Heap;
use crate::output::{names, Cell, Table};

/// A row for each; at most `limit` of them.
pub fn table(heap: &Heap, types: &[OfType], limit: usize) -> Table {
    let dump = heap.dump;
    let mut table = Table::new(
        "types",
        "",
        &[
            "type",
            "objects",
            "bytes",
            "external",
            "retained",
            "share",
            "held",
            "allocated",
            "freed",
            "reclaimed",
        ],
    );
    table.left_out = types.len().saturating_sub(limit) as u64;
    let total = heap.total().max(1) as f64;
    for of in types.iter().take(limit) {
        let ever = &dump.types[of.kind as usize];
        table.row(vec![
            names::line(&dump.type_name(of.kind)).into(),
            Cell::Count(of.objects),
            Cell::Bytes(of.bytes),
            Cell::Bytes(of.external),
            Cell::Bytes(of.retained),
            Cell::Share(of.retained as f64 / total),
            Cell::Count(of.held),
            Cell::Count(ever.allocated),
            Cell::Count(ever.freed),
            Cell::Count(ever.reclaimed),
        ]);
    }
    table
}
