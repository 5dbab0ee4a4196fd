//! Where references from outside lie, in words.

use crate::dump::{Dump, Lies, Word};
use crate::findings::words;
use crate::output::text::count;
use crate::output::{names, Cell, Table};

/// Places that a sentence has.
const TOLD: usize = 3;

/// "in `sessions` of server".
fn place(dump: &Dump, lies: Lies) -> String {
    match lies {
        Lies::Object { kind, offset } => {
            format!("in {}+{offset}, which no edge reports", names::line(&dump.type_name(kind)))
        }
        Lies::Data { path, offset } => {
            let path = dump.text(path).unwrap_or_default();
            let file = names::line(path.rsplit('/').next().unwrap_or(&path));
            match words::variable(dump, &path, offset) {
                Some(name) => format!("in the variable {} of {file}", names::line(&name)),
                None if path.is_empty() => "in variables".to_owned(),
                None => format!("in variables of {file}, from +{offset:#x} on"),
            }
        }
        Lies::Stack => "on the stack".to_owned(),
        Lies::Memory => "in other memory: of malloc, of other stacks, of the engine".to_owned(),
        Lies::Heap => "in objects of other heaps".to_owned(),
        Lies::Nowhere => {
            "nowhere: a release was forgotten, or it is kept in a form that is no address".to_owned()
        }
        Lies::Elsewhere => "where this tool does not know".to_owned(),
    }
}

/// A row for each place; none where nobody looked.
pub fn table(dump: &Dump, kinds: &[u32]) -> Option<Table> {
    let found = words::of(dump, kinds);
    if found.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "lies",
        "Where their references from outside lie, by a look at words",
        &["type", "references", "lies"],
    );
    for Word { lies, to, number } in found {
        table.row(vec![
            names::line(&dump.type_name(to)).into(),
            Cell::Count(number),
            place(dump, lies).into(),
        ]);
    }
    Some(table)
}

/// The same as a sentence; empty where nobody looked.
pub fn sentence(dump: &Dump, kind: u32) -> String {
    let found = words::of(dump, &[kind]);
    let parts: Vec<String> =
        found.iter().take(TOLD).map(|of| format!("{} {}", count(of.number), place(dump, of.lies))).collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(
            " References from outside to {} lie {}.",
            names::line(&dump.type_name(kind)),
            parts.join("; ")
        ),
    }
}
