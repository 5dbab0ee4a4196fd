//! How long a slice goes on.
//!
//! Work is counted in units: an object looked at, an edge followed. The clock is asked once in [`LOOK_UNITS`] of them, some
//! microseconds of work; so no slice is without progress, whatever its budget, and any budget that is longer than that is
//! kept. A clock that goes backwards ends the slice.

use crate::sys;

/// Units of work between two looks at the clock.
pub const LOOK_UNITS: u64 = 256;

/// The budget of one slice.
pub struct Budget {
    /// When it is over; `u64::MAX`: never.
    deadline: u64,
    /// What the clock said last.
    last: u64,
    /// Nanoseconds that what cannot be sliced may take.
    pub piece_ns: u64,
    /// Nobody has asked for the slice: what the policy allows is done without telling of it first.
    pub automatic: bool,
    /// Most units of work.
    pub limit: u64,
    /// Units done.
    pub work: u64,
    /// Units at which the clock is asked next.
    next_look: u64,
    /// It is over.
    over: bool,
    /// The host is idle until then: what takes long may be done if there is time for it. 0: it is not.
    pub idle_until: u64,
}

impl Budget {
    /// So many nanoseconds from now on; `u64::MAX`: any. At most `limit` units of work, and at least one; 0: any.
    pub fn new(ns: u64, limit: u64) -> Self {
        let now = sys::now_ns();
        let limit = if limit == 0 { u64::MAX } else { limit };
        Budget {
            deadline: now.saturating_add(ns),
            last: now,
            piece_ns: ns,
            automatic: false,
            limit,
            work: 0,
            next_look: LOOK_UNITS.min(limit),
            over: false,
            idle_until: 0,
        }
    }

    /// No end.
    pub fn endless() -> Self {
        Budget::new(u64::MAX, 0)
    }

    /// Whether anything may be done in one go.
    pub fn is_endless(&self) -> bool {
        self.piece_ns == u64::MAX && self.limit == u64::MAX
    }

    /// So many units of work were done. Whether there may be more.
    #[inline(always)]
    pub fn spend(&mut self, units: u64) -> bool {
        self.work += units;
        if self.work >= self.next_look {
            self.look();
        }
        !self.over
    }

    /// As [`Budget::spend`] for host code, whose length nobody knows.
    pub fn spend_call(&mut self) -> bool {
        self.work += 1;
        self.look();
        !self.over
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self) {
        self.next_look = self.work.saturating_add(LOOK_UNITS).min(self.limit);
        let now = sys::now_ns();
        let back = now < self.last;
        self.last = now;
        self.over |= self.work >= self.limit || self.deadline != u64::MAX && (now >= self.deadline || back);
    }

    /// Nothing more is to be done in this slice.
    pub fn end(&mut self) {
        self.over = true;
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether what takes about so long, and is so many units of work, may be done in one go by a slice of its length.
    pub fn fits(&self, ns: u64, units: u64) -> bool {
        ns <= self.piece_ns && units <= self.limit.max(LOOK_UNITS)
    }

    /// Whether the host is idle for so long.
    pub fn is_idle_for(&self, ns: u64) -> bool {
        self.idle_until == u64::MAX || self.idle_until.saturating_sub(self.last) > ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_of_nothing_is_one_look() {
        let mut budget = Budget::new(0, 0);
        assert!(budget.spend(LOOK_UNITS - 1));
        assert!(!budget.spend(1) && budget.is_over());
    }

    #[test]
    fn a_limit_ends_it_and_any_number_of_nanoseconds_is_one() {
        let mut budget = Budget::new(u64::MAX, 3);
        assert!(budget.spend(2) && !budget.spend(1));
        let mut endless = Budget::endless();
        assert!(endless.spend(1 << 40) && endless.is_endless());
    }
}
