//! How much a heap may still grow before a limit of the system's is reached ([`crate::sys::limits`]).

use super::range;
use super::space::Space;
use crate::sys::limits;

impl Space {
    /// Bytes that objects may grow by, with `live` of them now, before the process is at a limit; None: nobody set one.
    ///
    /// What the heap has and does not use counts as room: free pages, and half of the free blocks, of which one never knows
    /// whether they have the size that is wanted.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn room(&self, live: u64) -> Option<u64> {
        let limits = limits::get();
        if limits.least() == u64::MAX {
            return None;
        }
        let usage = limits::usage()?;
        let blocks = (self.page_bytes - self.hole_bytes).saturating_sub(live) / 2;
        let committed = (range::committed() as u64).saturating_sub(self.page_bytes);
        let resident = limits.resident.saturating_sub(usage.resident).saturating_add(self.kept_bytes);
        let data = limits.data.saturating_sub(usage.data).saturating_add(committed);
        Some(resident.min(data).saturating_add(blocks))
    }
}

/// Address space that is wanted where the system has a limit of so many bytes; `whole` where it has none. Blocks of many
/// sizes want more than what they take, and limits are raised.
pub fn reservation(whole: u64, limit: u64) -> u64 {
    const TIMES: u64 = 8;
    const LEAST: u64 = 4 << 30;
    limit.saturating_mul(TIMES).max(LEAST).min(whole)
}
