//! Sites sorted, filtered, put together, compared. Everything here is asked for by the host and works on copies;
//! the counters stay as they are.

use super::book::Counters;
use super::site::{self, Location};
use super::Profile;
use crate::base::list::List;
use crate::base::sort;
use crate::heap::Heap;
use core::cmp::Ordering;
use core::ffi::{c_char, CStr};
use core::ptr;

/// What is one row; the numbers of `GC_GROUP_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Group {
    /// A site.
    Site = 0,
    /// All sites of a function.
    Function = 1,
    /// All sites of a file.
    File = 2,
}

/// By what rows are sorted, the greatest first; the numbers of `GC_SORT_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Sort {
    /// Bytes that live.
    LiveBytes = 0,
    /// Objects that live.
    LiveObjects = 1,
    /// Bytes of objects made.
    AllocatedBytes = 2,
    /// Objects made.
    AllocatedObjects = 3,
    /// The most bytes that lived at once.
    PeakBytes = 4,
    /// Objects that the collector ended.
    Reclaimed = 5,
}

/// Which rows, and how.
pub struct Query {
    /// One row for what.
    pub group: Group,
    /// In which order.
    pub sort: Sort,
    /// Patterns of names, or null: `*` is any text, `?` any character.
    pub file: *const c_char,
    /// Files that are left out.
    pub exclude_file: *const c_char,
    /// As `file`.
    pub function: *const c_char,
    /// As `file`.
    pub type_name: *const c_char,
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row {
    /// The number of the site, of a group the smallest of its sites'.
    pub site: u32,
    /// Sites in the row.
    pub sites: u32,
    /// Where it is; what the group does not say is null, or 0.
    pub location: Location,
    /// The name of the type of what was made there; null when there are several, or the type has ended.
    pub type_name: *const c_char,
    /// The sums. Peaks of a group are at most this.
    pub counters: Counters,
}

impl Row {
    fn weight(&self, sort: Sort) -> u64 {
        let counters = &self.counters;
        match sort {
            Sort::LiveBytes => counters.live_bytes(),
            Sort::LiveObjects => counters.live_objects(),
            Sort::AllocatedBytes => counters.allocated_bytes,
            Sort::AllocatedObjects => counters.allocated_objects,
            Sort::PeakBytes => counters.peak_bytes,
            Sort::Reclaimed => counters.reclaimed_objects,
        }
    }

    fn add(&mut self, other: &Row) {
        let (mine, theirs) = (&mut self.counters, &other.counters);
        mine.allocated_objects += theirs.allocated_objects;
        mine.allocated_bytes += theirs.allocated_bytes;
        mine.freed_objects += theirs.freed_objects;
        mine.freed_bytes += theirs.freed_bytes;
        mine.reclaimed_objects += theirs.reclaimed_objects;
        mine.peak_objects += theirs.peak_objects;
        mine.peak_bytes += theirs.peak_bytes;
        mine.external_bytes = mine.external_bytes.wrapping_add(theirs.external_bytes);
        for (mine, theirs) in mine.ages.iter_mut().zip(theirs.ages) {
            *mine += theirs;
        }
        self.sites += other.sites;
        self.site = self.site.min(other.site);
        // SAFETY: names of types are C strings.
        if !unsafe { site::same_text(self.type_name, other.type_name) } {
            self.type_name = ptr::null();
        }
    }
}

/// Whether a text fits a pattern; null is a pattern that everything fits, and a text that only that fits.
///
/// # Safety
/// - Both are null or C strings.
pub unsafe fn fits(pattern: *const c_char, text: *const c_char) -> bool {
    if pattern.is_null() {
        return true;
    }
    if text.is_null() {
        return false;
    }
    glob(CStr::from_ptr(pattern).to_bytes(), CStr::from_ptr(text).to_bytes())
}

/// `*` is any bytes, `?` is one, all else is itself. Goes back to the last star only, so it takes no more
/// than the product of the lengths.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut pat) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(pat) {
            Some(b'*') => {
                star = Some((pat, at));
                pat += 1;
            }
            Some(&byte) if byte == b'?' || Some(&byte) == text.get(at) => {
                at += 1;
                pat += 1;
            }
            _ => match star {
                Some((back, from)) => {
                    star = Some((back, from + 1));
                    pat = back + 1;
                    at = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(pat..).unwrap_or(&[]).iter().all(|&byte| byte == b'*')
}

unsafe fn row_of(id: u32, counters: &Counters) -> Option<Row> {
    let location = site::location(id)?;
    let type_name = counters.ty().as_ref().map_or(ptr::null(), |ty| ty.name().0);
    Some(Row { site: id, sites: 1, location, type_name, counters: *counters })
}

/// Collects the rows. None for out of memory; the caller ends what it got.
///
/// # Safety
/// - The heap is profiled; patterns are null or C strings.
pub unsafe fn rows(heap: *mut Heap, query: &Query) -> Option<List<Row>> {
    let profile: &Profile = &*super::of(heap);
    let mut rows: List<Row> = List::new();
    let mut enough = true;
    profile.book.each(|id, counters| {
        let Some(row) = row_of(id, counters) else { return };
        let wanted = fits(query.file, row.location.file)
            && (query.exclude_file.is_null() || !fits(query.exclude_file, row.location.file))
            && fits(query.function, row.location.function)
            && fits(query.type_name, row.type_name);
        if wanted {
            enough &= rows.push(row);
        }
    });
    if !enough {
        rows.end();
        return None;
    }
    if query.group != Group::Site {
        put_together(&mut rows, query.group);
    }
    // Equal weights in the order of the numbers, so that the same counters give the same rows.
    sort::sort_by(rows.as_mut_slice(), |left, right| {
        right.weight(query.sort).cmp(&left.weight(query.sort)).then(left.site.cmp(&right.site))
    });
    Some(rows)
}

fn put_together(rows: &mut List<Row>, group: Group) {
    for row in rows.as_mut_slice() {
        if !row.location.file.is_null() {
            row.location.line = 0;
            if group == Group::File {
                row.location.function = ptr::null();
            }
        }
    }
    sort::sort_by(rows.as_mut_slice(), |left, right| order(&left.location, &right.location));
    let mut kept = 0;
    for index in 1..rows.len() {
        let Some(row) = rows.get(index) else { break };
        match rows.get_mut(kept) {
            Some(last) if order(&last.location, &row.location) == Ordering::Equal => last.add(&row),
            _ => {
                kept += 1;
                rows.set(kept, row);
            }
        }
    }
    while rows.len() > kept + 1 {
        let _ = rows.pop();
    }
}

/// Places by file, function, line.
pub fn order(left: &Location, right: &Location) -> Ordering {
    let text = |text: *const c_char| match text.is_null() {
        true => c"",
        // SAFETY: the list's texts are C strings.
        false => unsafe { CStr::from_ptr(text) },
    };
    text(left.file)
        .cmp(text(right.file))
        .then_with(|| text(left.function).cmp(text(right.function)))
        .then(left.line.cmp(&right.line))
}

/// Places of equal numbers in two lists of numbers: calls `each` with the indices of both, either of which
/// may be missing, in the order of the numbers. False for out of memory.
pub fn match_up(
    before: impl Iterator<Item = u64>,
    after: impl Iterator<Item = u64>,
    mut each: impl FnMut(Option<usize>, Option<usize>),
) -> bool {
    let mut all: List<(u64, bool, usize)> = List::new();
    let mut enough = true;
    let before = before.enumerate().map(|(index, number)| (number, false, index));
    let after = after.enumerate().map(|(index, number)| (number, true, index));
    before.chain(after).for_each(|entry| enough &= all.push(entry));
    if enough {
        sort::sort_by_key(all.as_mut_slice(), |&entry| entry);
        let mut rest = all.as_slice();
        while let Some(&(number, late, index)) = rest.first() {
            match rest.get(1) {
                Some(&(other, true, later)) if other == number && !late => {
                    each(Some(index), Some(later));
                    rest = rest.get(2..).unwrap_or(&[]);
                }
                _ => {
                    each((!late).then_some(index), late.then_some(index));
                    rest = rest.get(1..).unwrap_or(&[]);
                }
            }
        }
    }
    all.end();
    enough
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.c", "src/node.c", true),
            ("*.c", "node.cc", false),
            ("*node*", "src/node.c", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("**", "anything", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
        let long = "a".repeat(10_000);
        assert!(!glob("*a*a*a*a*a*b".as_bytes(), long.as_bytes()));
    }

    #[test]
    fn matching_up_finds_pairs_and_singles() {
        let mut found = Vec::new();
        let (before, after) = ([5u64, 1, 9], [9u64, 2, 5]);
        assert!(match_up(before.iter().copied(), after.iter().copied(), |left, right| {
            found.push((left, right))
        }));
        assert_eq!(found, [(Some(1), None), (None, Some(1)), (Some(0), Some(2)), (Some(2), Some(0))]);
    }
}
