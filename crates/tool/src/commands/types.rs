//! `rcgc types`: what each type has.

use crate::context::{Context, Failure};
use crate::dump::Dump;
use crate::findings::{self, types::OfType};
use crate::heap::Heap;
use crate::output::Report;
use crate::{selection, wording};
use clap::ValueEnum;
use std::cmp::Reverse;

/// List types with their objects and bytes.
///
/// Examples: rcgc types app.dump --sort retained; rcgc types app.dump --format csv --limit 0
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// Only types of these names.
    types: Vec<String>,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Order::Bytes)]
    sort: Order,
    /// Types that are listed; 0: all.
    #[arg(long, default_value_t = 30)]
    limit: usize,
}

/// What comes first.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Order {
    /// Bytes of their objects, with external ones.
    Bytes,
    /// Objects.
    Objects,
    /// Bytes of their objects and of all that only these keep.
    Retained,
    /// External bytes.
    External,
    /// Objects made since the heap began.
    Allocated,
    /// Names.
    Name,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let mut kinds: Vec<u32> = Vec::new();
    for name in &arguments.types {
        kinds.extend(selection::kinds(&dump, name)?);
    }
    let mut types = findings::types::all(&heap);
    if !arguments.types.is_empty() {
        types.retain(|of| kinds.contains(&of.kind));
    }
    types.sort_by_cached_key(|of| {
        let name = dump.type_name(of.kind).into_owned();
        (Reverse(number(&dump, of, arguments.sort)), name, of.kind)
    });
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    Ok(Report { tables: vec![wording::types::table(&heap, &types, limit)], ..Report::default() })
}

fn number(dump: &Dump, of: &OfType, order: Order) -> u64 {
    match order {
        Order::Bytes => of.size(),
        Order::Objects => of.objects,
        Order::Retained => of.retained,
        Order::External => of.external,
        Order::Allocated => dump.types[of.kind as usize].allocated,
        Order::Name => 0,
    }
}
