//! The pace of a run in slices: when one begins, how long its next slice may be, and how many bytes may be allocated
//! before it. Numbers in, numbers out: nothing here looks at a heap or a clock.
//!
//! As in `pace.rs`, `in_use` are bytes, external ones included; a full collection in one piece is due at
//!
//! ```text
//!   trigger = (1 + growth) * base + slack          room = trigger - base
//! ```
//!
//! **Beginning.** A run in slices begins before that, by what is thought to be allocated while it goes on:
//!
//! ```text
//!   begins at   in_use >= trigger - lead            room / 4 <= lead <= 3 / 4 * room
//!   lead        = COMFORT bytes for each slice that the run is thought to take, between these
//! ```
//!
//! **Slices.** The run has the way, of `trigger - in_use` bytes of allocation (a [`LATE_PART`]th of the room at least, where it
//! begins late), to its end. What is left of the way is shared by the slices that are left and one more, so that the line of
//! work done is ahead of that of bytes allocated.
//!
//! **Where the host is too fast** for the budget, [`Behind`] says what gives way. `Behind::Budget`, in this order:
//!
//! 1. slices come more often, down to one in [`NEXT_LEAST`] bytes;
//! 2. they become longer, up to [`LONGER_MAX`] budgets;
//! 3. when the way is used up, what is left is done in one piece.
//!
//! `Behind::Memory`: only the first; the heap grows until the run has ended. Both are counted.
//!
//! **Promises**, with `one` for one allocation, and `late` for what `in_use` was beyond the trigger when the run began:
//!
//! ```text
//!   Behind::Budget   in_use <= trigger + late + room / LATE_PART + one      until the run has ended
//!                    a slice <= LONGER_MAX * budget, but for the last one of a run whose way is used up
//!   Behind::Memory   a slice <= budget
//!                    a slice comes in every NEXT_LEAST bytes, so the run ends after work / (units of a slice) of them
//!   both             work of runs <= work of one for each room / 4 bytes that came into use
//!                    a host that leaves COMFORT bytes for each slice, within 3 / 4 of the room, meets none of 2 and 3
//! ```
//!
//! **Base.** What was made in a run lives in it, and is not known to live. So it is not in the base of the next one:
//! [`base_after`]; else garbage that floats through each run would make each trigger farther than the last.
//!
//! **Estimates** are learned: units of work for an object, from run to run; nanoseconds for a unit, from slice to slice. An
//! observation moves the latter by a factor of four at most, within [`UNIT_MIN`] and [`UNIT_MAX`], so that a clock that stands
//! still, goes back or leaps makes no slice of centuries, and none without work. A run that is longer than was thought has an
//! eighth of what it has done to go, always.

/// What gives way where the host allocates faster than the budget allows; the numbers of `GC_BEHIND_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Behind {
    /// The budget.
    Budget = 0,
    /// Memory.
    Memory = 1,
}

/// Bytes wanted between two slices.
const COMFORT: u64 = 64 << 10;
/// Bytes between two slices, at least.
pub const NEXT_LEAST: u64 = if cfg!(feature = "check") { 256 } else { 4 << 10 };
/// Budgets that a slice may take, at most.
pub const LONGER_MAX: u64 = 4;
/// A run that begins late has this part of the room for its way.
pub const LATE_PART: u64 = 8;
/// Units of work that any slice does.
const UNITS_LEAST: u64 = 256;
/// Nanoseconds of a unit of work, in sixteenths: in the beginning, at least, at most.
const UNIT_FIRST: u64 = 8 * 16;
const UNIT_MIN: u64 = 8;
const UNIT_MAX: u64 = 16 * 4096;
/// Units of work for an object, in sixteenths, in the beginning.
const OBJECT_FIRST: u64 = 8 * 16;

/// What was learned, and what gave way. Zeroed memory: nothing yet.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Slices {
    /// Nanoseconds of a unit, in sixteenths; 0: [`UNIT_FIRST`].
    unit_ns: u64,
    /// Units of an object, in sixteenths; 0: [`OBJECT_FIRST`].
    object_units: u64,
    /// Slices that were longer than their budget was.
    pub longer: u64,
    /// Runs whose rest was done in one piece.
    pub wholes: u64,
    /// Slices that came when the way was used up: memory gave way.
    pub grown: u64,
}

/// The way of one run: from its beginning to where it should have ended.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Way {
    /// Bytes that may be allocated in it.
    pub bytes: u64,
    /// Units of work that it is thought to be.
    pub units: u64,
}

/// What the next slice may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Next {
    /// Its budget; `u64::MAX`: to the end of the run.
    pub budget_ns: u64,
    /// Bytes that may be allocated after it, before the next one.
    pub bytes: u64,
}

/// What the base is after a run: what was in use when it began and was not reclaimed, or what is in use now, if less.
pub fn base_after(began: u64, reclaimed_bytes: u64, in_use: u64) -> u64 {
    in_use.min(began.saturating_sub(reclaimed_bytes))
}

/// `a * b / c` without an end to its numbers, about where they are large; the largest for a division by 0. Not by `u128`, whose
/// division would come from a library of the compiler's.
fn scale(a: u64, b: u64, c: u64) -> u64 {
    match a.checked_mul(b) {
        Some(product) => product.checked_div(c).unwrap_or(u64::MAX),
        // Saturates, also for a division by 0.
        None => (a as f64 * b as f64 / c as f64) as u64,
    }
}

impl Slices {
    fn unit_ns(&self) -> u64 {
        if self.unit_ns == 0 {
            UNIT_FIRST
        } else {
            self.unit_ns
        }
    }

    fn units_of(&self, objects: u64) -> u64 {
        let each = if self.object_units == 0 { OBJECT_FIRST } else { self.object_units };
        scale(objects, each, 16).max(1)
    }

    /// Units of work that a slice of this budget does, about.
    fn units_in(&self, budget_ns: u64) -> u64 {
        scale(budget_ns, 16, self.unit_ns()).max(UNITS_LEAST)
    }

    /// Nanoseconds that so many units take, about.
    pub fn ns_of(&self, units: u64) -> u64 {
        scale(units, self.unit_ns(), 16)
    }

    /// How long before the trigger a run of so many objects begins.
    pub fn lead(&self, room: u64, objects: u64, budget_ns: u64) -> u64 {
        let slices = self.units_of(objects) / self.units_in(budget_ns) + 1;
        slices.saturating_mul(COMFORT).clamp(room / 4, room - room / 4)
    }

    /// The way of a run that begins with so many bytes in use, and looks at so many objects.
    pub fn way(&self, trigger: u64, room: u64, in_use: u64, objects: u64) -> Way {
        let bytes = trigger.saturating_sub(in_use).max(room / LATE_PART).max(1);
        Way { bytes, units: self.units_of(objects) }
    }

    /// The next slice of a run: `allocated` bytes were since it began, `done` units of work.
    pub fn next(&mut self, way: &Way, allocated: u64, done: u64, budget_ns: u64, behind: Behind) -> Next {
        if allocated >= way.bytes {
            if behind == Behind::Memory {
                self.grown += 1;
                return Next { budget_ns, bytes: NEXT_LEAST };
            }
            self.wholes += 1;
            return Next { budget_ns: u64::MAX, bytes: 0 };
        }
        let left = way.units.saturating_sub(done).max(done / 8).max(1);
        let bytes_left = way.bytes - allocated;
        let slices = (left - 1) / self.units_in(budget_ns) + 1;
        let bytes = bytes_left / slices.saturating_add(1);
        if bytes >= NEXT_LEAST {
            return Next { budget_ns, bytes };
        }
        let slices = bytes_left / NEXT_LEAST;
        let wanted = scale(left, self.unit_ns(), slices.saturating_mul(16));
        if behind == Behind::Memory || wanted <= budget_ns {
            return Next { budget_ns, bytes: NEXT_LEAST };
        }
        self.longer += 1;
        let budget_ns = wanted.min(budget_ns.saturating_mul(LONGER_MAX));
        // Not beyond the way: there the rest is one piece.
        Next { budget_ns, bytes: NEXT_LEAST.min(bytes_left) }
    }

    /// A slice has done so many units of work in so many nanoseconds.
    pub fn sliced(&mut self, units: u64, ns: u64) {
        // Too little to say anything about the rest.
        if units < UNITS_LEAST / 2 {
            return;
        }
        let old = self.unit_ns();
        let seen = scale(ns, 16, units).clamp(old / 4, old * 4);
        self.unit_ns = ((3 * old + seen) / 4).clamp(UNIT_MIN, UNIT_MAX);
    }

    /// A run has ended that was so many units of work, and looked at so many objects.
    pub fn ran(&mut self, units: u64, objects: u64) {
        if objects != 0 {
            // One that finds much has more to do than one that finds nothing: rather too much than too little.
            let seen = scale(units, 16, objects).clamp(16, 1 << 20);
            let old = if self.object_units == 0 { seen } else { self.object_units };
            self.object_units = seen.max((7 * old + seen) / 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: u64 = 1_000_000;
    const SLACK: u64 = 16 << 20;

    /// A host, in bytes; half of what it allocates is dropped, and found by the next run.
    struct Host {
        /// What it allocates in a step.
        bytes: fn(u64) -> u64,
        /// How much of that is garbage, in percent, in each step.
        garbage: fn(u64) -> u64,
        /// Bytes that live from the beginning.
        live: u64,
        /// Bytes of an object.
        object: u64,
        /// Units of work of a run for an object.
        units: u64,
        /// Nanoseconds of a unit.
        unit_ns: fn(u64) -> u64,
        budget: u64,
        behind: Behind,
        growth: u64,
    }

    /// What a simulation came to.
    #[derive(Default, Debug)]
    struct Came {
        runs: u64,
        slices: u64,
        longest_ns: u64,
        peak: u64,
        work: u64,
        allocated: u64,
    }

    /// A simulated run.
    struct Run {
        way: Way,
        room: u64,
        trigger: u64,
        late: u64,
        began: u64,
        found: u64,
        allocated: u64,
        next: u64,
        done: u64,
        total: u64,
        objects: u64,
    }

    fn one_slice(host: &Host, step: u64, slices: &mut Slices, run: &mut Run, came: &mut Came) -> bool {
        let whole = run.allocated >= run.way.bytes && host.behind == Behind::Budget;
        let next = slices.next(&run.way, run.allocated, run.done, host.budget, host.behind);
        assert_eq!(next.budget_ns == u64::MAX, whole || host.budget == u64::MAX);
        let cost = (host.unit_ns)(step);
        let units = (next.budget_ns / cost.max(1)).max(UNITS_LEAST).min(run.total - run.done);
        let ns = units * cost;
        if !whole {
            assert!(next.budget_ns <= host.budget.saturating_mul(LONGER_MAX));
            assert!(host.behind == Behind::Budget || next.budget_ns == host.budget);
            assert!(next.bytes <= run.way.bytes.max(NEXT_LEAST));
            came.longest_ns = came.longest_ns.max(ns);
        }
        slices.sliced(units, ns);
        run.done += units;
        run.next = run.allocated + next.bytes;
        came.slices += 1;
        came.work += units;
        run.done == run.total
    }

    fn simulate(host: &Host, steps: u64) -> (Came, Slices) {
        let (mut came, mut slices, mut base) = (Came::default(), Slices::default(), 0);
        let (mut live, mut garbage) = (host.live, 0);
        let mut running: Option<Run> = None;
        for step in 0..steps {
            let in_use = live + garbage;
            let room = base * host.growth / 100 + SLACK;
            let (trigger, objects) = (base + room, in_use / host.object);
            if running.is_none() && in_use + slices.lead(room, objects, host.budget) >= trigger {
                let way = slices.way(trigger, room, in_use, objects);
                let (total, late) = ((objects * host.units).max(1), in_use.saturating_sub(trigger));
                let (found, began) = (garbage, in_use);
                running = Some(Run {
                    way,
                    room,
                    trigger,
                    late,
                    began,
                    found,
                    allocated: 0,
                    next: 0,
                    done: 0,
                    total,
                    objects,
                });
            }
            let bytes = (host.bytes)(step);
            if let Some(run) = &mut running {
                if run.allocated >= run.next && one_slice(host, step, &mut slices, run, &mut came) {
                    garbage -= run.found;
                    slices.ran(run.total, run.objects);
                    base = base_after(run.began, run.found, live + garbage);
                    came.runs += 1;
                    running = None;
                } else {
                    run.allocated += bytes;
                    let most = run.trigger + run.late + run.room / LATE_PART + bytes;
                    assert!(
                        host.behind == Behind::Memory || in_use <= most,
                        "{in_use} of {most} in step {step}"
                    );
                }
            }
            let dead = bytes * (host.garbage)(step) / 100;
            (live, garbage) = (live + bytes - dead, garbage + dead);
            came.allocated += bytes;
            came.peak = came.peak.max(live + garbage);
        }
        (came, slices)
    }

    const STEADY: Host = Host {
        bytes: |_| 256,
        garbage: |_| 100,
        live: 64 << 20,
        object: 64,
        units: 8,
        unit_ns: |_| 6,
        budget: BUDGET,
        behind: Behind::Budget,
        growth: 100,
    };

    #[test]
    fn a_steady_host_meets_its_budget_and_its_memory() {
        let (came, slices) = simulate(&STEADY, 4_000_000);
        assert!(came.runs >= 8, "{came:?}");
        assert!(came.longest_ns <= BUDGET + BUDGET / 100 && slices.longer + slices.wholes == 0, "{came:?}");
        // What floats through a run does not add up.
        assert!(came.peak <= 2 * STEADY.live + SLACK + SLACK / 4, "{came:?}");
        // A run for each quarter of the room, at most.
        let room = STEADY.live + SLACK;
        assert!(came.runs <= 1 + 4 * came.allocated / room, "{came:?}");
    }

    #[test]
    fn bursts_garbage_and_growth_keep_to_the_trigger() {
        let bursts: Host = Host { bytes: |step| if step % 10_000 < 50 { 64 << 10 } else { 32 }, ..STEADY };
        let growing: Host = Host { garbage: |step| if step % 3 == 0 { 100 } else { 0 }, ..STEADY };
        let nothing: Host = Host { garbage: |_| 0, live: 0, ..STEADY };
        let tight: Host = Host { growth: 30, ..STEADY };
        for host in [bursts, growing, nothing, tight] {
            let (came, slices) = simulate(&host, 2_000_000);
            // The first begins late, and a burst is longer than its way.
            assert!(came.runs >= 3 && slices.wholes <= 1, "{came:?}");
            assert!(came.longest_ns <= LONGER_MAX * BUDGET + BUDGET / 100, "{came:?}");
        }
    }

    #[test]
    fn any_budget_ends_its_runs() {
        for budget in [0, 1, 50_000, u64::MAX] {
            for behind in [Behind::Budget, Behind::Memory] {
                let (came, _) = simulate(&Host { budget, behind, live: 8 << 20, ..STEADY }, 1_000_000);
                assert!(came.runs >= 2, "{came:?}");
            }
        }
    }

    #[test]
    fn where_edges_are_slow_what_the_policy_says_gives_way() {
        // A microsecond for a unit: a run takes eight seconds, of which the host's allocation leaves no part.
        let slow = Host { unit_ns: |_| 1000, bytes: |_| 4096, live: 64 << 20, ..STEADY };
        let (came, slices) = simulate(&slow, 200_000);
        assert!(came.runs >= 2 && slices.longer > 0 && slices.wholes > 0 && slices.grown == 0, "{came:?}");
        let memory = Host { behind: Behind::Memory, ..slow };
        let (came, slices) = simulate(&memory, 200_000);
        assert!(came.runs >= 2 && slices.longer + slices.wholes == 0 && slices.grown > 0, "{came:?}");
        assert!(came.longest_ns <= BUDGET + BUDGET / 100, "{came:?}");
    }

    #[test]
    fn edges_that_become_slow_are_noticed_within_a_run() {
        let turning = Host { unit_ns: |step| if step / 100_000 % 2 == 0 { 5 } else { 60 }, ..STEADY };
        let (came, slices) = simulate(&turning, 4_000_000);
        assert!(came.runs >= 4 && slices.wholes == 0, "{came:?} {}", slices.longer);
        assert!(came.longest_ns <= LONGER_MAX * BUDGET + BUDGET / 100, "{came:?}");
    }

    #[test]
    fn a_clock_that_stands_still_goes_back_or_leaps_makes_no_long_slice() {
        let mut slices = Slices::default();
        let way = slices.way(64 << 20, 32 << 20, 56 << 20, 1 << 20);
        for ns in [0, u64::MAX, 0u64.saturating_sub(5), 1, u64::MAX, u64::MAX] {
            slices.sliced(1000, ns);
            let next = slices.next(&way, 0, 0, BUDGET, Behind::Budget);
            assert!(next.budget_ns <= LONGER_MAX * BUDGET && next.bytes <= way.bytes, "{next:?}");
            assert!(slices.units_in(BUDGET) >= UNITS_LEAST);
        }
        for _ in 0..100 {
            slices.sliced(1000, 0);
        }
        assert!(slices.units_in(BUDGET) <= 2 * BUDGET, "a unit takes some time");
    }

    #[test]
    fn the_largest_numbers_are_numbers() {
        let mut slices = Slices::default();
        slices.ran(u64::MAX, 1);
        assert!(slices.lead(u64::MAX, u64::MAX, 0) >= u64::MAX / 4);
        let way = slices.way(u64::MAX, u64::MAX, 0, u64::MAX);
        for (allocated, done) in [(0, u64::MAX), (u64::MAX - 1, 0), (u64::MAX, u64::MAX)] {
            for behind in [Behind::Budget, Behind::Memory] {
                let next = slices.next(&way, allocated, done, u64::MAX, behind);
                assert_eq!(next.budget_ns, u64::MAX);
            }
        }
        assert_eq!(base_after(10, 20, 5), 0);
        assert_eq!(base_after(20, 5, 10), 10);
        assert_eq!(base_after(20, 5, 100), 15);
    }
}
