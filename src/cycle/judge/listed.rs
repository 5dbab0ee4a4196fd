//! The verdict over a list of objects instead of over pages, for `cycle/queued.rs`: the same four steps, at the cost of the
//! list. Each object of it is owned by one reference of the engine's, which does not count.
//!
//! The pages of the list are put under examination, so that a pointer finds its working count. Others may be so still from
//! the collection before; on those every working count is clear, which reads "not in the set".

use super::super::table::Table;
use super::super::working::{self, work, BELOW_ZERO, CLEAR, SMALL_MAX, TO_BE_LARGE, ZERO};
use super::{is_member, Judge, NoMemory};
use crate::header::{self, LOCAL};
use crate::heap::Heap;
use crate::life::weakmap;
use crate::memory::page::{is_frozen, PageFlags};
use crate::memory::range;
use crate::object;
use core::ffi::c_void;

/// The two parts of a list; null where there is nothing any more.
pub type Parts<'a> = [&'a [*mut c_void]; 2];

impl Judge {
    /// For a list of so many objects.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn of_list(heap: *mut Heap, len: usize) -> Result<Self, NoMemory> {
        // Each is pushed once at most, so marking takes one sweep unless the list is very long.
        Judge::with_room(heap, len.clamp(16, 64 << 10), Table::of_examined(heap))
    }

    /// Judges the objects of a list: the dead have a working count afterwards.
    ///
    /// # Safety
    /// - As [`Judge::run`]; no object is listed twice, and the engine owns one reference to each.
    pub unsafe fn run_list(&mut self, list: Parts) -> Result<(), NoMemory> {
        let mut large = 0;
        each(list, &mut |obj| large += self.enter_listed(obj) as usize);
        self.make_large(large).inspect_err(|_| each(list, &mut |obj| *work(obj) = CLEAR))?;
        each(list, &mut |obj| {
            if *work(obj) == TO_BE_LARGE {
                *work(obj) = self.large.enter(range::granule_of(obj), held_count(obj));
            }
        });
        each_suspect(list, &mut |obj| self.subtract_all(obj, object::type_of(obj)));
        self.note_ephemerons();
        if self.ephemerons {
            each_suspect(list, &mut |obj| self.subtract_entries_of(obj));
        }
        loop {
            self.again = false;
            each_suspect(list, &mut |obj| self.mark_listed(obj));
            if !self.again {
                return Ok(());
            }
        }
    }

    /// An object of the list gets its working count, if it is one to be judged. Whether that is large.
    unsafe fn enter_listed(&mut self, obj: *mut c_void) -> bool {
        let page = range::page_of(obj as usize);
        let header = header::load(obj);
        let frozen = (*page).flags.contains(PageFlags::FROZEN) && is_frozen(obj);
        let key = weakmap::is_untracked_key(header, obj);
        if frozen || !(key || is_member(header)) {
            return false;
        }
        range::examine(page);
        self.examined += 1;
        self.keys += key as u64;
        let count = held_count(obj);
        *work(obj) = if count <= SMALL_MAX { working::small(count) } else { TO_BE_LARGE };
        count > SMALL_MAX
    }

    unsafe fn mark_listed(&mut self, obj: *mut c_void) {
        match *work(obj) {
            ZERO => return,
            BELOW_ZERO => self.report_below_zero(obj),
            _ => {}
        }
        *work(obj) = CLEAR;
        self.marked += 1;
        let table = self.table;
        self.expand(&table, obj);
        self.drain();
    }
}

#[inline(never)]
unsafe fn each(list: Parts, each: &mut dyn FnMut(*mut c_void)) {
    list.iter().flat_map(|part| part.iter()).filter(|obj| !obj.is_null()).for_each(|&obj| each(obj));
}

unsafe fn each_suspect(list: Parts, suspect: &mut dyn FnMut(*mut c_void)) {
    each(list, &mut |obj| {
        if *work(obj) != CLEAR {
            suspect(obj);
        }
    });
}

/// The count of an object without the reference of the list.
unsafe fn held_count(obj: *mut c_void) -> u32 {
    header::count_word(obj) - LOCAL - 1
}
