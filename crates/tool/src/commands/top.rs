//! `rcgc top`: the objects with the most of something.

use crate::context::{Context, Failure};
use crate::dump::Object;
use crate::heap::{Heap, Owned};
use crate::output::{names, Cell, Report, Rows};
use crate::wording::ways;
use clap::ValueEnum;
use rcgc_format::graph::NONE;
use std::cmp::Reverse;

/// List the objects that retain most, are largest, or have most references.
///
/// Of a list only the first object is shown: what comes behind it retains nearly as much. With --drops only
/// points of accumulation are: objects that retain much, none of whose own objects retains half of that.
///
/// Examples: rcgc top app.dump --retained; rcgc top app.dump --by references; rcgc top app.dump --drops
#[derive(clap::Args)]
pub struct Arguments {
    dump: String,
    /// By what they retain; that is the default.
    #[arg(long, conflicts_with = "by")]
    retained: bool,
    /// By what.
    #[arg(long, value_enum, default_value_t = By::Retained)]
    by: By,
    /// Only points of accumulation.
    #[arg(long, conflicts_with = "by")]
    drops: bool,
    /// Show every object of a list.
    #[arg(long)]
    all: bool,
    /// Objects that are listed; 0: all.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum By {
    /// What would go with it.
    Retained,
    /// Its own bytes, external ones too.
    Bytes,
    /// References to it.
    Count,
    /// References that it has to others.
    References,
    /// References to it from outside the heap.
    Outside,
    /// Time since it was made; needs a profile.
    Age,
}

/// What has so much of all that its owner owns, and is of the owner's type, is the next of a list.
const LINK: f64 = 0.9;

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    if arguments.by == By::Age && dump.accounts.clock.times.is_empty() {
        return Err(Failure::Usage(format!("{}: the heap was not profiled: no ages", dump.path)));
    }
    let owners = heap.owners();
    let owned = owners.owned();
    let mut found: Vec<Object> =
        dump.all().filter(|&object| value(&heap, object, arguments.by) > 0).collect();
    if arguments.drops {
        found.retain(|&object| is_drop(&heap, &owned, object));
    } else if arguments.by == By::Retained && !arguments.all {
        found.retain(|&object| !is_link(&heap, object));
    }
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    let order = |&object: &Object| (Reverse(value(&heap, object, arguments.by)), object);
    if found.len() > limit {
        found.select_nth_unstable_by_key(limit, order);
    }
    let left_out = found.len().saturating_sub(limit) as u64;
    found.truncate(limit);
    found.sort_unstable_by_key(order);
    let row = |at: usize| row(&heap, found[at]);
    context
        .print_rows(Report::default(), Rows { left_out, ..Rows::new("objects", &COLUMNS, found.len(), &row) })
}

const COLUMNS: [&str; 10] =
    ["object", "retained", "share", "bytes", "external", "count", "outside", "references", "age", "owner"];

fn row(heap: &Heap, object: Object) -> Vec<Cell> {
    let (dump, owners) = (heap.dump, heap.owners());
    let retained = owners.retained[object as usize];
    let owner = match owners.dominator[object as usize] {
        NONE if !heap.is_alive(object) => "nothing: garbage".to_owned(),
        NONE if heap.is_held(object) => ways::held_by(heap, object),
        NONE => "several".to_owned(),
        owner => names::object(dump, owner),
    };
    vec![
        names::object(dump, object).into(),
        Cell::Bytes(retained),
        Cell::Share(retained as f64 / heap.total().max(1) as f64),
        Cell::Bytes(dump.bytes_of(object)),
        Cell::Bytes(dump.external_of(object)),
        Cell::Count(u64::from(dump.objects.count[object as usize])),
        Cell::Change(i64::from(heap.outside(object))),
        Cell::Count(dump.graph().range(object).len() as u64),
        dump.age_ns_of(object).map_or(Cell::None, Cell::Nanoseconds),
        owner.into(),
    ]
}

fn value(heap: &Heap, object: Object, by: By) -> u64 {
    let dump = heap.dump;
    match by {
        By::Retained => heap.owners().retained[object as usize],
        By::Bytes => heap.size(object),
        By::Count => u64::from(dump.objects.count[object as usize]),
        By::References => dump.graph().range(object).len() as u64,
        By::Outside => u64::try_from(heap.outside(object)).unwrap_or(0),
        By::Age => dump.age_ns_of(object).unwrap_or(0),
    }
}

/// Whether an object is not the first of a list.
fn is_link(heap: &Heap, object: Object) -> bool {
    let owners = heap.owners();
    let owner = owners.dominator[object as usize];
    if owner == NONE {
        return false;
    }
    let kind = |object: Object| heap.dump.objects.kind[object as usize];
    let owned = owners.retained[owner as usize].saturating_sub(heap.size(owner));
    kind(owner) == kind(object) && owners.retained[object as usize] as f64 >= LINK * owned as f64
}

/// Whether what an object retains is spread: no single one that it owns has half of it.
fn is_drop(heap: &Heap, owned: &Owned, object: Object) -> bool {
    let retained = &heap.owners().retained;
    let below = owned.by(object).iter().map(|&of| retained[of as usize]).max();
    below.is_some_and(|most| most <= retained[object as usize] / 2)
}
