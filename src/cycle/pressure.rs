//! The system is short of memory, and the host was told: what of a heap can be given up, by how short it is.

use super::stats::Status;
use super::{collect, trim_tables, Kind};
use crate::heap::Heap;
use crate::life::debt;

/// How short memory is; the numbers of `GC_PRESSURE_*`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Pressure {
    /// Others wait for memory now and then.
    Some = 1,
    /// Others wait for memory all the time.
    High = 2,
    /// Something is about to be killed.
    Critical = 3,
}

/// Gives up what the heap can do without, after a full collection where it is critical. How that went, or that nothing may
/// be done here.
///
/// # Safety
/// - Every tracked object is walkable.
pub unsafe fn relieve(heap: *mut Heap, pressure: Pressure) -> Status {
    if !(*heap).is_idle() {
        return Status::Refused;
    }
    let status = match pressure {
        Pressure::Critical => collect(heap, Kind::Full).1,
        _ => Status::Ok,
    };
    debt::pay_all(heap);
    while !Heap::give_back(heap, pressure >= Pressure::High) {}
    trim_tables(heap);
    status
}
