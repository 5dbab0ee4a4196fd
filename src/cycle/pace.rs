//! When automatic collections run, and what that promises.
//!
//! Everything is in bytes, external bytes included, because a count of objects says nothing about memory (a
//! small object may keep an image alive), and pacing by it left garbage unbounded elsewhere (CPython 3.14.0
//! to 3.14.4). With
//!
//! - `in_use`: live bytes and external bytes now,
//! - `base`: what `in_use` was after the last full collection, or the least it was seen to be since; 0
//!   in the beginning,
//! - `allocated`: bytes allocated, and external bytes added, since the last collection of either kind,
//!
//! a collection is due when
//!
//! ```text
//!   full:   in_use    >= (1 + growth) * base + slack           looked at first
//!   young:  allocated >= young_interval
//! ```
//!
//! where `slack` is the policy's `full_min_bytes`, left to the library [`FULL_SLACK`].
//!
//! **Limits.** Where the system has set one (a container's, `RLIMIT_DATA`), a full collection is also due at a cap, which
//! each full one sets anew by the `room` that the process has left then ([`Space::room`](crate::memory::space::Space::room)):
//!
//! ```text
//!   cap = in_use + max((room - in_use / 8) / 2, in_use / 32, CAP_LEAST)
//! ```
//!
//! An eighth is what judging takes for its working counts; half is left to whatever else the process does, other heaps
//! among it. Near the limit that is a collection whenever the heap has grown by a 32nd: so for each byte allocated at
//! most 33 are examined there.
//!
//! **Budgets.** Allocation counts `Heap::budget` down by bytes; [`Pace::renew`] gives it the distance to
//! the nearer of the two triggers, for a full collection at least `budget_min`, which is a 1024th of the slack, but no less than
//! 1 KiB and no more than `BUDGET_MIN`. Nothing is looked at before
//! that is spent, so no collection starts unless allocation or external bytes crossed a trigger. External
//! bytes spend it too; what they made due runs at the next allocation or safepoint.
//!
//! **Memory.** Under the mode `Allocation`, while no callback keeps collections away,
//!
//! ```text
//!   in_use <= (1 + growth) * base + slack + budget_min + one
//!   base   <= what was reachable when the last full collection had ended
//! ```
//!
//! where `one` is one allocation and the external bytes added since it: nothing looks before the next one. A
//! look comes before the allocation that needs it, at most `budget_min` beyond the trigger; what is in use
//! after a full collection is what it found reachable. So the garbage that floats is bounded by what lives,
//! however it came about: rings that died old, external bytes, garbage that young collections have stopped
//! looking for. `c-tests/test_pace.c` holds random programs against this.
//!
//! **Work.** An automatic full collection examines what is in use at its trigger, `(1 + growth) * base +
//! slack`, and since `base` was measured at least `growth * base + slack` were allocated or added.
//! So for each byte allocated at most `(1 + growth) / growth` are examined by full collections, 2 by default,
//! and heaps below the slack never pay. A young collection examines what was allocated since the last
//! collection: each byte at most once.
//!
//! **Emergencies.** Where memory runs out an allocation collects before it is refused. A host that goes on asking at its
//! limit would pay a full collection each time, though nothing was dropped; and what it drops the engine cannot see, since
//! counts go down inline. So [`EMERGENCIES_FREE`] such collections in a row may gain nothing; after that, each one that
//! gains nothing is followed by twice as many refusals without one, up to one for each [`EXAMINED_A_REFUSAL`] objects that
//! it examined: a refusal costs a fixed number of objects looked at, and garbage is found after as many refusals at most
//! as there were before, and never more than a fraction of the objects. It is found at once when a part of the heap was
//! allocated since, when a collection that the host asks for finds something, and when the policy is set.
//!
//! **How young collections adapt.** `young_interval` is the policy's `young_bytes`; left to the library it
//! moves between [`YOUNG_BYTES`] and [`YOUNG_BYTES_MAX`]:
//!
//! ```text
//!   fourfold  after a young collection that found nothing dead
//!   doubled   after a young collection that found less than a tenth of what it examined dead
//!   halved    after a young or a full one that found at least a tenth dead
//! ```
//!
//! Collections near a death (`near.rs`) run where there are hints, `near_interval` bytes after the last one. That adapts
//! likewise between [`NEAR_BYTES`] and [`NEAR_BYTES_MAX`], but for looks that cost next to nothing. They move none of the
//! other triggers, and `in_use` only down.
//!
//! Where there is no cyclic garbage, most of what a young collection would have looked at has died by its
//! count until it comes. Full collections count for the way back, because with an interval beyond the
//! distance between full collections no young one would ever run to see that it is worth its while again.

use super::Kind;
use crate::heap::Heap;

/// Bytes between young collections, in the beginning.
pub const YOUNG_BYTES: u64 = if cfg!(feature = "check") { 16 << 10 } else { 4 << 20 };
/// And at most.
pub const YOUNG_BYTES_MAX: u64 = 64 * YOUNG_BYTES;
/// Bytes between collections near a death, in the beginning, and at least.
pub const NEAR_BYTES: u64 = YOUNG_BYTES / 32;
/// And at most.
const NEAR_BYTES_MAX: u64 = 256 * NEAR_BYTES;
/// One that looked at less than an object in so many bytes cost next to nothing, whatever it found.
const NEAR_CHEAP_BYTES: u64 = 256;
/// A collection was worth its while if it found at least one in so many dead.
const WORTH_A_LOOK: u64 = 10;
/// How far beyond its factor a heap may grow before a full collection by default, so that small heaps are left alone.
pub const FULL_SLACK: u64 = 4 * YOUNG_BYTES;
/// The least distance to a cap.
const CAP_LEAST: u64 = FULL_SLACK / 64;
/// Growth by default.
pub const GROWTH: f64 = 1.0;
/// Largest growth accepted.
pub const GROWTH_MAX: f64 = 100.0;
/// The least distance to a full collection is this part of the slack, so that a heap on the edge of it does not look at
/// every allocation.
const BUDGET_PART: u64 = 1024;
/// The least distance to a full collection is at least this.
const BUDGET_LEAST: u64 = if cfg!(feature = "check") { 16 } else { 1 << 10 };
/// The least distance to a full collection is at most this.
const BUDGET_MIN: u64 = YOUNG_BYTES / 256;
/// The budget when no collection may run now: when to ask again.
const BUDGET_WAIT: u64 = YOUNG_BYTES / 4;

/// Collections for want of memory that may gain nothing, one after another.
const EMERGENCIES_FREE: u32 = 8;
/// Objects looked at for one refusal.
const EXAMINED_A_REFUSAL: u64 = 16;
/// An emergency is looked at anew when this part of the heap was allocated since the last collection.
const STARVED_PART: u64 = 16;

/// Whether a collection that found so many dead was worth its while.
pub fn is_worth(examined: u64, dead: u64) -> bool {
    dead != 0 && dead.saturating_mul(WORTH_A_LOOK) >= examined
}

/// Collections for want of memory. Zeroed memory is none.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Starved {
    /// How many gained nothing, one after another.
    fruitless: u32,
    /// Allocations to be refused without another one.
    wait: u64,
}

impl Starved {
    /// Whether a collection is worth its while; `allocated` bytes were since the last one, in a heap of `bytes`.
    pub fn may_collect(&mut self, allocated: u64, bytes: u64) -> bool {
        if self.wait == 0 || allocated >= bytes / STARVED_PART {
            return true;
        }
        self.wait -= 1;
        false
    }

    /// A collection gained nothing.
    pub fn note_fruitless(&mut self, examined: u64) {
        self.fruitless = self.fruitless.saturating_add(1);
        let doublings = self.fruitless.saturating_sub(EMERGENCIES_FREE);
        if doublings != 0 {
            self.wait = (1 << doublings.min(40)).min((examined / EXAMINED_A_REFUSAL).max(1));
        }
    }
}

/// When automatic collections run; the numbers of `GC_POLICY_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Mode {
    /// At allocations.
    Allocation = 0,
    /// At safepoints.
    Safepoint = 1,
    /// Never.
    Never = 2,
}

/// The pace of one heap. Zeroed memory, then [`Pace::start`].
#[repr(C)]
pub struct Pace {
    /// See [`Mode`].
    pub mode: Mode,
    /// A collection was asked for where none could run: made up for at the next trigger.
    pub overdue: bool,
    /// The budget was spent under the mode `Safepoint`: the next safepoint is to look.
    pub asked: bool,
    /// Growth factor of full collections.
    pub growth: f64,
    /// The policy's `full_min_bytes`, or [`FULL_SLACK`].
    pub slack: u64,
    /// A full collection is due at this many bytes in use, whatever the growth: see the file's head. `u64::MAX`: none.
    pub cap: u64,
    /// The policy says that limits of the system's are to be ignored.
    pub ignores_limits: bool,
    /// The policy's `young_bytes`; 0: left to the library.
    pub young_bytes: u64,
    /// Bytes between young collections now.
    pub young_interval: u64,
    /// See the file's head.
    pub base: u64,
    /// There are hints (`life/hints.rs`).
    pub hinted: bool,
    /// The policy's `near_bytes`; 0: left to the library.
    near_bytes: u64,
    /// Bytes between collections near a death now.
    pub near_interval: u64,
    /// The last collection near a death cost something and found little.
    near_fruitless: bool,
    /// What was allocated since the last other collection when the last one near a death ran.
    near_mark: u64,
    /// Somebody has watches, and wants to look at them every so many bytes; 0: nobody.
    pub look_bytes: u64,
    /// Full collections run in slices, and no young ones: `slices.rs`.
    pub sliced: bool,
    /// Of a run in slices: what was [`Pace::total`] when its next slice is due; `u64::MAX`: none is under way.
    pub slice_at: u64,
    /// How long before its trigger a run in slices begins.
    pub lead: u64,
    /// Bytes allocated before the last collection.
    before: u64,
    /// Bytes allocated since the last collection, without what is gone of the present budget.
    allocated: u64,
    /// The present budget when it was given.
    given: i64,
}

impl Pace {
    /// The defaults.
    pub fn start(&mut self) {
        self.mode = Mode::Allocation;
        self.growth = GROWTH;
        self.slack = FULL_SLACK;
        self.cap = u64::MAX;
        self.young_interval = YOUNG_BYTES;
        self.near_interval = NEAR_BYTES;
        self.slice_at = u64::MAX;
    }

    /// The budget of a heap that has allocated nothing yet, under the defaults.
    pub fn first_budget(&mut self) -> i64 {
        self.given = self.young_interval as i64;
        self.given
    }

    /// When `in_use` reaches this, a full collection is due.
    pub fn full_trigger(&self) -> u64 {
        let grown = self.base as f64 * (1.0 + self.growth);
        // A float beyond the range of u64 saturates, which is what "never" should be.
        (grown as u64).saturating_add(self.slack).min(self.cap)
    }

    /// Sets the cap by the room that is left; None: there is no limit.
    pub fn set_cap(&mut self, in_use: u64, room: Option<u64>) {
        self.cap = room.map_or(u64::MAX, |room| {
            let half = room.saturating_sub(in_use / 8) / 2;
            in_use.saturating_add(half.max(in_use / 32).max(CAP_LEAST))
        });
    }

    fn budget_min(&self) -> u64 {
        (self.slack / BUDGET_PART).clamp(BUDGET_LEAST, BUDGET_MIN)
    }

    /// Bytes allocated since the last collection.
    pub fn allocated(&self, budget: i64) -> u64 {
        self.allocated.saturating_add_signed(self.given.saturating_sub(budget))
    }

    /// Bytes allocated since the heap was made.
    pub fn total(&self, budget: i64) -> u64 {
        self.before.saturating_add(self.allocated(budget))
    }

    /// Bytes to the next full collection, or to the next slice of one.
    fn full_left(&self, in_use: u64, budget: i64) -> u64 {
        match (self.sliced, self.slice_at) {
            (false, _) => self.full_trigger().saturating_sub(in_use),
            (true, u64::MAX) => self.full_trigger().saturating_sub(self.lead).saturating_sub(in_use),
            (true, slice_at) => slice_at.saturating_sub(self.total(budget)),
        }
    }

    /// Which collection is due.
    pub fn due(&self, in_use: u64, budget: i64) -> Option<Kind> {
        if self.full_left(in_use, budget) == 0 {
            Some(Kind::Full)
        } else if self.hinted && self.near_left(budget) == 0 {
            Some(Kind::Near)
        } else if !self.sliced && self.allocated(budget) >= self.young_interval {
            Some(Kind::Young)
        } else {
            None
        }
    }

    /// The budget to the nearer trigger, none where a collection is to be made up for, or, when `waiting`,
    /// until somebody should ask again.
    pub fn renew(&mut self, in_use: u64, budget: i64, waiting: bool) -> i64 {
        self.allocated = self.allocated(budget);
        // A heap that shrank by counts is to be judged by what it has become.
        self.base = self.base.min(in_use);
        let young = match self.sliced {
            true => i64::MAX as u64,
            false => self.young_interval.saturating_sub(self.allocated),
        };
        let full = self.full_left(in_use, self.given);
        let least = if self.slice_at == u64::MAX { self.budget_min() } else { BUDGET_LEAST };
        let next = match (waiting, self.overdue) {
            (true, _) => BUDGET_WAIT,
            (false, true) => 0,
            (false, false) => young.min(full.max(least)),
        };
        let next = match self.hinted && !waiting {
            true => next.min(self.near_left(self.given).max(BUDGET_LEAST)),
            false => next,
        };
        let next = if self.look_bytes == 0 { next } else { next.min(self.look_bytes) };
        self.given = next as i64;
        self.given
    }

    /// Bytes to the next collection near a death, if there are hints.
    fn near_left(&self, budget: i64) -> u64 {
        self.near_interval.saturating_sub(self.allocated(budget).saturating_sub(self.near_mark))
    }

    /// There are hints: the budget becomes what is left to the collection near a death, if that is less.
    pub fn bring_near(&mut self, budget: i64) -> i64 {
        self.hinted = true;
        let left = self.near_left(budget).clamp(BUDGET_LEAST, i64::MAX as u64) as i64;
        if left < budget {
            self.given -= budget - left;
            return left;
        }
        budget
    }

    /// Somebody wants to look when so many bytes more are allocated: the budget becomes that, if it is less.
    pub fn bring(&mut self, budget: i64, bytes: u64) -> i64 {
        let left = bytes.clamp(1, i64::MAX as u64) as i64;
        if left < budget {
            self.given -= budget - left;
            return left;
        }
        budget
    }

    /// A collection near a death has run.
    fn ran_near(&mut self, budget: i64, examined: u64, dead: u64) {
        self.allocated = self.allocated(budget);
        (self.given, self.near_mark) = (budget, self.allocated);
        if self.near_bytes != 0 {
            return;
        }
        if is_worth(examined, dead) {
            self.near_interval = (self.near_interval / 2).max(NEAR_BYTES);
            self.near_fruitless = false;
        } else if examined.saturating_mul(NEAR_CHEAP_BYTES) >= self.near_interval {
            // One that finds little between two that find much is no news.
            let factor = if !core::mem::replace(&mut self.near_fruitless, true) {
                1
            } else if dead == 0 {
                4
            } else {
                2
            };
            self.near_interval = (self.near_interval * factor).min(NEAR_BYTES_MAX);
        }
    }

    /// A collection was asked for where none could run: it is due at the next allocation, which the budget
    /// given back lets look.
    pub fn make_up(&mut self, budget: i64) -> i64 {
        self.overdue = true;
        self.given -= budget.max(0);
        budget.min(0)
    }

    /// A collection has run.
    pub fn ran(&mut self, kind: Kind, in_use: u64, budget: i64, examined: u64, dead: u64) {
        if kind == Kind::Near {
            return self.ran_near(budget, examined, dead);
        }
        self.before = self.total(budget);
        (self.allocated, self.near_mark) = (0, 0);
        self.given = budget;
        if kind == Kind::Full {
            self.base = in_use;
        }
        if self.young_bytes != 0 {
            return;
        }
        let much = is_worth(examined, dead);
        if much {
            self.young_interval = (self.young_interval / 2).max(YOUNG_BYTES);
        } else if kind == Kind::Young {
            let factor = if dead == 0 { 4 } else { 2 };
            self.young_interval = (self.young_interval * factor).min(YOUNG_BYTES_MAX);
        }
    }

    /// The policy's least growth before a full collection was set; 0 leaves it to the library.
    pub fn set_slack(&mut self, bytes: u64) {
        self.slack = if bytes == 0 { FULL_SLACK } else { bytes };
    }

    /// The policy's distance between collections near a death was set; 0 leaves it to the library.
    pub fn set_near_bytes(&mut self, bytes: u64) {
        self.near_bytes = bytes;
        self.near_interval = if bytes == 0 { NEAR_BYTES } else { bytes };
    }

    /// The policy's young size was set; 0 leaves it to the library.
    pub fn set_young_bytes(&mut self, bytes: u64) {
        self.young_bytes = bytes;
        self.young_interval = if bytes == 0 { YOUNG_BYTES } else { bytes };
    }
}

impl Heap {
    /// Live bytes and external bytes.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn bytes_in_use(&self) -> u64 {
        self.live_bytes() + self.external.total
    }

    /// External bytes were added: they spend the budget as if they had been allocated. What they made due runs at the next
    /// allocation or safepoint, for which the types must have no ration left.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn spend(&mut self, bytes: u64) {
        let before = self.budget;
        self.budget = before.saturating_sub(bytes.min(i64::MAX as u64) as i64);
        // Below 0 nothing is granted: where it was spent before there is no ration.
        if self.budget < 0 && before >= 0 {
            self.recall_rations();
        }
    }

    /// Looks how much room the system's limits leave, and sets the pace's cap by it.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn renew_cap(&mut self) {
        let room = if self.pace.ignores_limits { None } else { self.space.room(self.live_bytes()) };
        let in_use = self.bytes_in_use();
        self.pace.set_cap(in_use, room);
    }

    /// Gives a budget according to the books.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn renew_budget(&mut self, waiting: bool) {
        let in_use = self.bytes_in_use();
        if self.pace.sliced {
            self.renew_lead();
        }
        self.budget = self.pace.renew(in_use, self.budget, waiting);
        self.note_debt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        let mut pace = Pace {
            mode: Mode::Never,
            overdue: false,
            asked: false,
            growth: 0.0,
            slack: 0,
            cap: 0,
            ignores_limits: false,
            young_bytes: 0,
            young_interval: 0,
            base: 0,
            hinted: false,
            near_bytes: 0,
            near_interval: 0,
            near_fruitless: false,
            near_mark: 0,
            look_bytes: 0,
            sliced: false,
            slice_at: 0,
            lead: 0,
            before: 0,
            allocated: 0,
            given: 0,
        };
        pace.start();
        pace
    }

    #[test]
    fn the_budget_ends_at_the_nearer_trigger() {
        let mut pace = pace();
        let budget = pace.first_budget();
        assert_eq!(budget as u64, YOUNG_BYTES);
        assert_eq!(pace.due(0, 1), None);
        assert_eq!(pace.due(0, 0), Some(Kind::Young));
        assert_eq!(pace.due(FULL_SLACK, 0), Some(Kind::Full));
        let near_full = pace.renew(FULL_SLACK - YOUNG_BYTES / 4, budget, false);
        assert_eq!(near_full as u64, YOUNG_BYTES / 4);
    }

    #[test]
    fn near_a_limit_a_collection_comes_earlier_but_not_at_every_step() {
        let mut pace = pace();
        pace.ran(Kind::Full, 64 * FULL_SLACK, 0, 1, 0);
        let far = pace.full_trigger();
        pace.set_cap(64 * FULL_SLACK, Some(1000 * FULL_SLACK));
        assert_eq!(pace.full_trigger(), far, "a limit that is far away changes nothing");
        pace.set_cap(64 * FULL_SLACK, Some(16 * FULL_SLACK));
        assert_eq!(pace.full_trigger(), 68 * FULL_SLACK, "half of what is left behind the working counts");
        for room in [0, 1, 8 * FULL_SLACK] {
            pace.set_cap(64 * FULL_SLACK, Some(room));
            assert_eq!(pace.full_trigger(), 66 * FULL_SLACK, "a 32nd at least");
        }
        pace.set_cap(0, Some(0));
        assert_eq!(pace.full_trigger(), CAP_LEAST);
        pace.set_cap(u64::MAX - 1, Some(u64::MAX));
        assert_eq!(pace.cap, u64::MAX);
        pace.set_cap(0, None);
        assert_eq!(pace.full_trigger(), far);
    }

    #[test]
    fn young_collections_that_find_nothing_become_rare_and_come_back() {
        let mut pace = pace();
        for _ in 0..10 {
            pace.ran(Kind::Young, 0, 0, 1000, 0);
        }
        assert_eq!(pace.young_interval, YOUNG_BYTES_MAX);
        for _ in 0..10 {
            pace.ran(Kind::Young, 0, 0, 1000, 500);
        }
        assert_eq!(pace.young_interval, YOUNG_BYTES);
        pace.set_young_bytes(12345);
        pace.ran(Kind::Young, 0, 0, 1000, 0);
        assert_eq!(pace.young_interval, 12345, "what the host set stays");
    }

    #[test]
    fn looks_that_find_little_twice_become_rare_and_come_back() {
        let mut pace = pace();
        pace.ran(Kind::Near, 0, 0, 1 << 16, 0);
        assert_eq!(pace.near_interval, NEAR_BYTES, "one between two that find much is no news");
        pace.ran(Kind::Near, 0, 0, 1 << 16, 0);
        assert_eq!(pace.near_interval, 4 * NEAR_BYTES);
        pace.ran(Kind::Near, 0, 0, 1, 0);
        assert_eq!(pace.near_interval, 4 * NEAR_BYTES, "what cost nothing says nothing");
        pace.ran(Kind::Near, 0, 0, 1000, 100);
        assert_eq!(pace.near_interval, 2 * NEAR_BYTES);
        pace.set_near_bytes(12345);
        pace.ran(Kind::Near, 0, 0, 1 << 16, 0);
        assert_eq!(pace.near_interval, 12345, "what the host set stays");
    }

    #[test]
    fn full_collections_that_find_much_bring_young_ones_back() {
        let mut pace = pace();
        for _ in 0..10 {
            pace.ran(Kind::Young, 0, 0, 1000, 99);
        }
        pace.ran(Kind::Full, 0, 0, 1000, 99);
        assert_eq!(pace.young_interval, YOUNG_BYTES_MAX, "little is nothing");
        pace.ran(Kind::Full, 0, 0, 1000, 100);
        assert_eq!(pace.young_interval, YOUNG_BYTES_MAX / 2);
        pace.ran(Kind::Full, 0, 0, 0, 0);
        assert_eq!(pace.young_interval, YOUNG_BYTES_MAX / 2, "an empty heap says nothing");
    }

    #[test]
    fn a_small_young_size_is_kept_to_the_byte_and_the_edge_of_a_full_one_is_not() {
        let mut pace = pace();
        pace.set_young_bytes(1000);
        assert_eq!(pace.renew(0, 0, false), 1000);
        pace.ran(Kind::Young, 0, 0, 1, 0);
        pace.set_young_bytes(0);
        assert_eq!(pace.renew(FULL_SLACK - 1, 0, false) as u64, BUDGET_MIN);
    }

    #[test]
    fn a_small_slack_comes_with_small_budgets() {
        let mut pace = pace();
        pace.set_slack(1);
        assert_eq!(pace.full_trigger(), 1);
        assert_eq!(pace.renew(0, 0, false) as u64, BUDGET_LEAST);
        pace.set_slack(u64::MAX);
        assert_eq!(pace.full_trigger(), u64::MAX);
        assert_eq!(
            pace.renew(0, 0, false) as u64,
            YOUNG_BYTES - BUDGET_LEAST,
            "a young one comes all the same"
        );
        pace.set_slack(0);
        assert_eq!(pace.full_trigger(), FULL_SLACK);
    }

    #[test]
    fn what_one_look_lets_through_is_bounded() {
        for slack in [FULL_SLACK / 256, FULL_SLACK / 16, FULL_SLACK, 3 * FULL_SLACK] {
            bounded(slack);
        }
    }

    fn bounded(slack: u64) {
        // Bytes are allocated one at a time; nothing dies but by collections, which find all but `live`.
        let mut pace = pace();
        pace.first_budget();
        pace.set_slack(slack);
        let (live, mut in_use, mut budget) = (5 * slack, 0, pace.renew(0, 0, false));
        let mut reachable = 0;
        for _ in 0..40 * slack / 1024 {
            in_use += 1024;
            budget -= 1024;
            if budget >= 0 {
                continue;
            }
            // What is due is decided before the object that asks for it is in use.
            let before = in_use - 1024;
            if pace.due(before, budget) == Some(Kind::Full) {
                reachable = before.min(live);
                in_use = reachable + 1024;
                pace.ran(Kind::Full, reachable, budget, 10, 5);
            } else if pace.due(before, budget) == Some(Kind::Young) {
                pace.ran(Kind::Young, before, budget, 10, 0);
            }
            budget = pace.renew(in_use - 1024, budget, false);
            assert!(in_use <= 2 * reachable + slack + pace.budget_min() + 1024);
        }
        assert_eq!(reachable, live);
    }

    #[test]
    fn growth_beyond_all_numbers_means_never() {
        let mut pace = pace();
        pace.base = u64::MAX / 2;
        pace.growth = GROWTH_MAX;
        assert_eq!(pace.full_trigger(), u64::MAX);
    }
}
