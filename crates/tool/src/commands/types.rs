//! `rcgc types`: what each type has.

use super::selection;
use crate::cli::{Context, Failure};
use crate::heap::Heap;
use crate::output::{names, Cell, Report, Table};
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
pub enum Order {
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

/// What the objects of a type have.
#[derive(Clone, Copy, Default)]
pub struct Sums {
    pub objects: u64,
    pub bytes: u64,
    pub external: u64,
    /// How many of them are held from outside.
    pub held: u64,
}

pub fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let dump = context.open(&arguments.dump)?;
    let heap = Heap::new(&dump, context.progress);
    let mut kinds: Vec<u32> = Vec::new();
    for name in &arguments.types {
        kinds.extend(selection::kinds(&dump, name)?);
    }
    if arguments.types.is_empty() {
        kinds = (0..dump.types.len() as u32).collect();
    }
    let table = table(&heap, kinds, arguments.sort, arguments.limit);
    Ok(Report { tables: vec![table], ..Report::default() })
}

/// What these types have; at most `limit` of them, 0: all.
pub fn table(heap: &Heap, mut kinds: Vec<u32>, order: Order, limit: usize) -> Table {
    let dump = heap.dump;
    let sums = sums(heap);
    let retained = heap.retained_by_type();
    sort(heap, &mut kinds, &sums, &retained, order);
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
    let limit = if limit == 0 { usize::MAX } else { limit };
    table.left_out = kinds.len().saturating_sub(limit) as u64;
    let total = heap.total().max(1) as f64;
    for kind in kinds.into_iter().take(limit) {
        let (of, found) = (&dump.types[kind as usize], sums[kind as usize]);
        let retained = retained[kind as usize];
        table.row(vec![
            names::line(&dump.type_name(kind)).into(),
            Cell::Count(found.objects),
            Cell::Bytes(found.bytes),
            Cell::Bytes(found.external),
            Cell::Bytes(retained),
            Cell::Share(retained as f64 / total),
            Cell::Count(found.held),
            Cell::Count(of.allocated),
            Cell::Count(of.freed),
            Cell::Count(of.reclaimed),
        ]);
    }
    table
}

/// By type.
pub fn sums(heap: &Heap) -> Vec<Sums> {
    let dump = heap.dump;
    let mut sums = vec![Sums::default(); dump.types.len()];
    for object in dump.all() {
        let of = &mut sums[dump.objects.kind[object as usize] as usize];
        of.objects += 1;
        of.bytes += dump.bytes_of(object);
        of.external = of.external.saturating_add(dump.external_of(object));
        of.held += u64::from(heap.is_held(object));
    }
    sums
}

fn sort(heap: &Heap, kinds: &mut [u32], sums: &[Sums], retained: &[u64], order: Order) {
    let dump = heap.dump;
    kinds.sort_by_cached_key(|&kind| {
        let of = &sums[kind as usize];
        let number = match order {
            Order::Bytes => of.bytes.saturating_add(of.external),
            Order::Objects => of.objects,
            Order::Retained => retained[kind as usize],
            Order::External => of.external,
            Order::Allocated => dump.types[kind as usize].allocated,
            Order::Name => 0,
        };
        (Reverse(number), dump.type_name(kind).into_owned(), kind)
    });
}
