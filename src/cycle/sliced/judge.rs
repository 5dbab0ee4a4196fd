//! The first half of a run: count, subtract, mark, each a sweep that stops anywhere and goes on in the next slice. What it
//! comes to is only suspected, since the host has moved references in between; see the head of `mod.rs`.
//!
//! **Cursor.** A sweep stands at an offset in a page. What it finds there when it goes on may be another page's memory, with
//! blocks of another size: a page that was given back has lost its `IN_RUN`, and such pages are passed over. They hold
//! nothing that was there when the run came by.
//!
//! **Rounds.** The first round counts all objects, further ones only what is still suspected, with the counts of that time.

use super::budget::Budget;
use super::words::{Words, AGAIN, BELOW_ZERO, CLEAR, FLOOR, ZERO};
use super::{Run, Stage};
use crate::base::array::Array;
use crate::check;
use crate::cycle::judge::is_member;
use crate::header::{self, Flags, Header, LOCAL};
use crate::life::weakmap;
use crate::memory::page::{self, is_frozen, Page, PageFlags, FIRST_OFFSET};
use crate::memory::range;
use crate::object::{self, edges, slots};
use crate::sys;
use crate::types::Type;
use core::ffi::c_void;

/// Objects whose memory is fetched ahead of their turn.
const AHEAD: usize = 16;
/// How far ahead of a sweep memory is fetched.
const AHEAD_BYTES: usize = 1024;
/// Blocks between two looks at what the budget says.
const BLOCKS: u64 = if cfg!(feature = "check") { 1 } else { 64 };
/// Objects that may wait to be expanded, at most.
const WAITING_MAX: usize = if cfg!(feature = "check") { 4 } else { 64 << 10 };
/// Rounds after the first.
const ROUNDS: u32 = 2;

/// Where a sweep is.
#[derive(Clone, Copy, Default)]
pub struct Cursor {
    /// The page's number.
    page: usize,
    /// Offset of the next block in it; 0: the page is still to be entered.
    offset: u32,
}

/// How a part of a sweep ended.
#[derive(PartialEq, Eq)]
pub enum Swept {
    /// All pages were seen.
    End,
    /// The budget is over.
    Over,
    /// It was stopped behind the block that did.
    Stopped,
}

/// Objects that wait to be expanded, found alive.
pub struct Waiting {
    list: Array<u64>,
    /// So many of them have waited since another slice, and may be gone.
    stale: usize,
}

impl Waiting {
    /// None for out of memory.
    pub fn new() -> Option<Waiting> {
        let mut list = Array::zeros(WAITING_MAX + AHEAD)?;
        list.clear();
        Some(Waiting { list, stale: 0 })
    }

    /// The host was there: whoever waits may be gone.
    pub fn doubt(&mut self) {
        self.stale = self.list.len();
    }
}

impl Run {
    /// Whether an object takes part now.
    #[inline(always)]
    pub(super) unsafe fn takes_part(header: Header, obj: *mut c_void) -> bool {
        if !is_member(header) && !weakmap::is_untracked_key(header, obj) {
            return false;
        }
        let page = range::page_of(obj as usize);
        !((*page).flags.contains(PageFlags::FROZEN) && is_frozen(obj))
    }

    /// Calls `each` with the blocks from the cursor on, until it answers `Err`, which stops the sweep; it gives how much work it
    /// was. `enter` says of each page whether it is to be looked at.
    pub(super) unsafe fn sweep(
        &mut self,
        budget: &mut Budget,
        enter: impl Fn(&mut Run, *mut Page) -> bool,
        mut each: impl FnMut(&mut Run, *mut c_void, *mut u32) -> Result<u64, u64>,
    ) -> Swept {
        loop {
            let page = (*self.heap).space.page_at_or_after(self.cursor.page);
            if page.is_null() || !self.words.reaches((*page).start) && (*page).start > self.end {
                return Swept::End;
            }
            let index = (*page).index() as usize;
            if index != self.cursor.page {
                self.cursor = Cursor { page: index, offset: 0 };
            }
            let enters = match self.cursor.offset {
                0 => self.words.reaches((*page).start) && enter(self, page),
                _ => (*page).flags.contains(PageFlags::IN_RUN),
            };
            if enters {
                let swept = self.sweep_page(page, budget, &mut each);
                if swept != Swept::End {
                    return swept;
                }
            }
            self.cursor = Cursor { page: index + 1, offset: 0 };
            if !budget.spend(1) {
                return Swept::Over;
            }
        }
    }

    #[inline(always)]
    unsafe fn sweep_page(
        &mut self,
        page: *mut Page,
        budget: &mut Budget,
        each: &mut impl FnMut(&mut Run, *mut c_void, *mut u32) -> Result<u64, u64>,
    ) -> Swept {
        let words = self.words;
        let (start, stride) = ((*page).start, (*page).stride);
        let mut offset = self.cursor.offset.max(FIRST_OFFSET);
        let (mut blocks, mut units) = (0, 0);
        while offset < (*page).end {
            let obj = start + offset as usize;
            sys::prefetch_for_read::<AHEAD_BYTES>(obj);
            offset += stride;
            blocks += 1;
            // The table reaches the page, and so all of it.
            let Some(place) = words.get(obj) else { continue };
            let result = each(self, obj as *mut c_void, place);
            let (Ok(more) | Err(more)) = result;
            units += 1 + more;
            if result.is_err() || blocks >= BLOCKS {
                self.cursor.offset = offset;
                let goes_on = budget.spend(units);
                if result.is_err() {
                    return Swept::Stopped;
                }
                if !goes_on {
                    return Swept::Over;
                }
                (blocks, units) = (0, 0);
            }
        }
        self.cursor.offset = offset;
        match budget.spend(units) {
            true => Swept::End,
            // Behind the last block: the page's end is seen when the sweep goes on.
            false => Swept::Over,
        }
    }

    /// Goes on with the sweeps until the budget is over, or all rounds are.
    ///
    /// # Safety
    /// - The heap's phase is `Judging`, every tracked object is walkable.
    pub(super) unsafe fn judge(&mut self, budget: &mut Budget) {
        self.ephemerons = !(*self.heap).map_type.is_null() && (*(*self.heap).map_type).live() != 0;
        while !budget.is_over() {
            let ended = match self.stage {
                Stage::Count if self.round == 0 => self.count_all(budget),
                Stage::Count => self.count_suspects(budget),
                Stage::Subtract => self.subtract(budget),
                Stage::Mark => self.mark(budget),
                _ => return,
            };
            if ended {
                self.next_stage();
            }
        }
    }

    fn next_stage(&mut self) {
        self.cursor = Cursor::default();
        self.stage = match self.stage {
            Stage::Count => Stage::Subtract,
            Stage::Subtract => Stage::Mark,
            _ if self.set == self.marked => Stage::Closing,
            // Nothing has moved since the counts were taken, or looking again has ceased to help.
            _ if !self.interrupted || self.round >= ROUNDS || self.round > 0 && self.marked == 0 => {
                Stage::Components
            }
            _ => {
                self.round += 1;
                self.interrupted = false;
                (self.set, self.marked) = (0, 0);
                Stage::Count
            }
        };
    }

    unsafe fn count_all(&mut self, budget: &mut Budget) -> bool {
        let checked = check::is_on(self.heap);
        let enter = |_: &mut Run, page: *mut Page| {
            page::enter_run(&mut *page);
            true
        };
        let swept = self.sweep(budget, enter, |run, obj, place| {
            let header = header::load(obj);
            let key = (*run.heap).weak.untracked_entries != 0 && weakmap::is_untracked_key(header, obj);
            if !key && !is_member(header) || !Run::takes_part(header, obj) {
                return Ok(0);
            }
            if checked {
                check::promises::ask_one(obj, object::type_of(obj));
            }
            *place = ZERO + (header.count_word() - LOCAL);
            run.set += 1;
            run.examined += !key as u64;
            Ok(0)
        });
        swept == Swept::End
    }

    unsafe fn count_suspects(&mut self, budget: &mut Budget) -> bool {
        let swept = self.sweep(budget, enter_suspects, |run, obj, place| {
            if *place == CLEAR {
                return Ok(0);
            }
            let header = header::load(obj);
            *place = CLEAR;
            if Run::takes_part(header, obj) {
                *place = ZERO + (header.count_word() - LOCAL);
                run.set += 1;
            }
            Ok(0)
        });
        swept == Swept::End
    }

    unsafe fn subtract(&mut self, budget: &mut Budget) -> bool {
        let words = self.words;
        let swept = self.sweep(budget, enter_members, |run, obj, place| {
            if *place == CLEAR || !Run::takes_part(header::load(obj), obj) {
                return Ok(0);
            }
            let mut units = 0;
            each_edge(obj, object::type_of(obj), |word| {
                units += 1;
                subtract_one(&words, word);
            });
            if run.ephemerons {
                units += subtract_entries(&words, obj);
            }
            Ok(units)
        });
        swept == Swept::End
    }

    /// Marks what is held and all that it reaches. The sweep is repeated while the worklist was too short.
    unsafe fn mark(&mut self, budget: &mut Budget) -> bool {
        loop {
            if !self.drain(budget) {
                return false;
            }
            let swept = self.sweep(budget, enter_members, |run, obj, place| {
                if *place <= ZERO {
                    return Ok(0);
                }
                *place = CLEAR;
                run.marked += 1;
                if !Run::takes_part(header::load(obj), obj) {
                    return Ok(0);
                }
                let units = run.expand(obj);
                match run.waiting.list.len() > WAITING_MAX / 2 {
                    true => Err(units),
                    false => Ok(units),
                }
            });
            match swept {
                Swept::Over => return false,
                Swept::Stopped => continue,
                Swept::End => {}
            }
            if !self.drain(budget) {
                return false;
            }
            if !core::mem::replace(&mut self.again, false) {
                return true;
            }
            self.cursor = Cursor::default();
        }
    }

    /// An object lives: so does what it refers to. How many edges that were.
    #[inline(always)]
    unsafe fn expand(&mut self, obj: *mut c_void) -> u64 {
        let words = self.words;
        let mut units = 0;
        let run = self as *mut Run;
        each_edge(obj, object::type_of(obj), |word| {
            units += 1;
            (*run).mark_one(&words, word);
        });
        if self.ephemerons {
            units += self.expand_entries(obj);
        }
        units
    }

    #[inline(never)]
    unsafe fn expand_entries(&mut self, obj: *mut c_void) -> u64 {
        let words = self.words;
        let mut units = 0;
        let mut reach = |other: *mut c_void, value: *mut c_void| {
            units += 1;
            if words.value(other as usize) == CLEAR {
                self.mark_one(&words, value as usize);
            }
        };
        if header::has_flags(obj, Flags::WEAK) {
            weakmap::each_of_key(obj, |entry| reach(entry.map(), entry.value));
        }
        if weakmap::is_map(obj) {
            weakmap::each_of_map(obj, |entry| reach(entry.key(), entry.value));
        }
        units
    }

    #[inline(always)]
    unsafe fn mark_one(&mut self, words: &Words, word: usize) {
        let Some(place) = words.get(word) else { return };
        if *place != ZERO {
            return;
        }
        if self.waiting.list.len() < WAITING_MAX && self.waiting.list.push(word as u64) {
            *place = CLEAR;
            self.marked += 1;
        } else {
            *place = AGAIN;
            self.again = true;
        }
    }

    /// Empties the worklist. False when the budget was over before.
    unsafe fn drain(&mut self, budget: &mut Budget) -> bool {
        let mut ring = [core::ptr::null_mut::<c_void>(); AHEAD];
        let (mut first, mut count) = (0, 0);
        loop {
            while count < AHEAD {
                let Some(obj) = self.next_waiting() else { break };
                if !obj.is_null() {
                    sys::prefetch_for_read::<0>((obj as usize).wrapping_sub(header::HEADER_BYTES));
                    ring[(first + count) % AHEAD] = obj;
                    count += 1;
                }
            }
            if count == 0 {
                return true;
            }
            let obj = ring[first];
            first = (first + 1) % AHEAD;
            count -= 1;
            let units = if Run::takes_part(header::load(obj), obj) { self.expand(obj) } else { 0 };
            if !budget.spend(1 + units) {
                for number in 0..count {
                    // There is room: for so many more than are pushed.
                    let _ = self.waiting.list.push(ring[(first + number) % AHEAD] as u64);
                }
                return count == 0 && self.waiting.list.is_empty();
            }
        }
    }

    /// The next object to be expanded; null for one that is gone.
    #[inline(always)]
    unsafe fn next_waiting(&mut self) -> Option<*mut c_void> {
        let obj = self.waiting.list.pop()? as *mut c_void;
        let left = self.waiting.list.len();
        if left < self.waiting.stale {
            self.waiting.stale = left;
            let is_there = (*range::segment_of(obj as usize)).owner() == (*self.heap).index
                && object::check(obj).is_ok_and(|header| Run::takes_part(header, obj));
            if !is_there {
                return Some(core::ptr::null_mut());
            }
        }
        Some(obj)
    }
}

/// A page whose objects were counted.
pub(super) fn enter_members(_: &mut Run, page: *mut Page) -> bool {
    // SAFETY: the sweep's page.
    unsafe { (*page).flags.contains(PageFlags::IN_RUN) }
}

/// As [`enter_members`]; a page on which nothing is suspected leaves the run.
fn enter_suspects(run: &mut Run, page: *mut Page) -> bool {
    // SAFETY: the sweep's page, which the table reaches.
    unsafe {
        if !(*page).flags.contains(PageFlags::IN_RUN) {
            return false;
        }
        let mut any = false;
        (*page).each_block(|obj| any |= run.words.value(obj as usize) != CLEAR);
        if !any {
            page::leave_run(&mut *page);
        }
        any
    }
}

/// Calls `each` with the words of all slots that hold references now, and of what `traverse` reports.
#[inline(always)]
pub(super) unsafe fn each_edge(obj: *mut c_void, ty: *mut Type, mut each: impl FnMut(usize)) {
    slots::each_edge(obj, ty, &mut each);
    if (*ty).traverse.is_some() {
        each_reported(obj, ty, &mut each);
    }
}

#[inline(never)]
unsafe fn each_reported(obj: *mut c_void, ty: *mut Type, each: &mut dyn FnMut(usize)) {
    if let Some(traverse) = (*ty).traverse {
        edges::each_traversed(ty, traverse, obj, &mut |edge| each(edge.target as usize));
    }
}

/// Calls `each` with the values of entries whose reference is to be taken off from this side: from that of the key if that is
/// in the set, else of the map. How many entries were looked at.
#[inline(never)]
pub(super) unsafe fn each_entry_value(
    obj: *mut c_void,
    is_in_set: &mut dyn FnMut(*mut c_void) -> bool,
    each: &mut dyn FnMut(usize),
) -> u64 {
    let mut units = 0;
    if header::has_flags(obj, Flags::WEAK) {
        weakmap::each_of_key(obj, |entry| {
            units += 1;
            each(entry.value as usize);
        });
    }
    if weakmap::is_map(obj) {
        weakmap::each_of_map(obj, |entry| {
            units += 1;
            if !is_in_set(entry.key()) {
                each(entry.value as usize);
            }
        });
    }
    units
}

unsafe fn subtract_entries(words: &Words, obj: *mut c_void) -> u64 {
    let mut is_in_set = |key: *mut c_void| words.value(key as usize) != CLEAR;
    each_entry_value(obj, &mut is_in_set, &mut |value| subtract_one(words, value))
}

#[inline(always)]
unsafe fn subtract_one(words: &Words, word: usize) {
    if let Some(place) = words.get(word) {
        match *place {
            CLEAR | BELOW_ZERO => {}
            ZERO => *place = BELOW_ZERO,
            more if more < FLOOR => *place = more - 1,
            _ => {}
        }
    }
}
