//! References that are followed: each has a token, by which it is released, a tag and the site that took it. So who
//! forgot to release is told by name, and so is who releases twice.
//!
//! A token is the heap's number, the entry in the heap's table, and a serial number of the process that makes it
//! differ from all others. Places that were released wait in a queue before they are used again, with what they had,
//! so that a second release still finds whose it was.

use crate::base::list::List;
use crate::base::promised;
use crate::base::report::{self, CText, Level};
use crate::base::string;
use crate::heap::{self, Heap, Phase};
use crate::life::count;
use crate::memory::range;
use crate::object;
use crate::profile::site::{self, Site};
use crate::sys;
use core::ffi::{c_char, c_void};
use core::ptr;

const INDEX_BITS: u32 = 20;
const HEAP_BITS: u32 = 16;
const SERIAL_MASK: u64 = (1 << (64 - INDEX_BITS - HEAP_BITS)) - 1;
/// References of one heap that can be followed at once.
pub const HOLDS_MAX: usize = 1 << INDEX_BITS;
/// Released places that are kept before they are used again.
const QUARANTINE: usize = 64;
const NONE: u32 = u32::MAX;

/// One reference.
#[derive(Clone, Copy)]
pub struct Hold {
    /// See the file's head.
    pub token: u64,
    /// The object; null when the reference was released.
    pub obj: *mut c_void,
    /// What the host says it is for; ours.
    pub tag: *const c_char,
    /// Who took it.
    pub site: u32,
    /// Who released it.
    released_at: u32,
    /// When it was taken, in nanoseconds of the monotonic clock.
    pub taken_ns: u64,
    /// The next free place.
    next: u32,
}

/// The references of one heap. Zeroed memory has none.
pub struct Holds {
    entries: List<Hold>,
    /// First and last of the free places, oldest first; number + 1, 0 is none.
    free_first: u32,
    free_last: u32,
    free_count: usize,
}

/// Why a reference was not released.
#[derive(Clone, Copy)]
pub enum Wrong {
    /// No reference of a live heap has, or had, this token.
    Unknown,
    /// It was released before.
    Again(Hold),
    /// Host code is running that may only look at the heap.
    OnlyLooking,
}

impl Holds {
    /// The references that were taken and not released.
    pub fn held(&self) -> impl Iterator<Item = &Hold> {
        self.entries.as_slice().iter().filter(|hold| !hold.obj.is_null())
    }

    /// A free place; None for out of memory and when there are too many.
    unsafe fn take_entry(&mut self) -> Option<usize> {
        let enough = self.free_count > QUARANTINE;
        if let (true, Some(index)) = (enough, self.free_first.checked_sub(1)) {
            let hold = self.entries.get(index as usize)?;
            self.free_first = if hold.next == NONE { 0 } else { hold.next + 1 };
            self.free_count -= 1;
            sys::free(hold.tag as *mut u8);
            return Some(index as usize);
        }
        let index = self.entries.len();
        let empty = Hold {
            token: 0,
            obj: ptr::null_mut(),
            tag: ptr::null(),
            site: 0,
            released_at: 0,
            taken_ns: 0,
            next: NONE,
        };
        (index < HOLDS_MAX && self.entries.push(empty)).then_some(index)
    }

    /// Puts a place at the end of the queue of free ones.
    fn give_entry(&mut self, index: usize) {
        let last = self.free_last.checked_sub(1).filter(|_| self.free_count != 0);
        match last.and_then(|last| self.entries.get_mut(last as usize)) {
            Some(last) => last.next = index as u32,
            None => self.free_first = index as u32 + 1,
        }
        self.free_last = index as u32 + 1;
        self.free_count += 1;
    }

    /// Gives the memory back; references that are left are the host's, as they were.
    pub fn end(&mut self) {
        for hold in self.entries.as_slice() {
            // SAFETY: null, or a copy that `take` made with `sys`; the list goes with it.
            unsafe { sys::free(hold.tag as *mut u8) };
        }
        self.entries.end();
    }
}

/// Takes one more reference to an object. 0 for out of memory: then none was taken.
///
/// # Safety
/// - `obj` is a live object; `tag` is null or a C string, `site` null or a descriptor.
pub unsafe fn take(obj: *mut c_void, tag: *const c_char, site: *const Site) -> u64 {
    promised!(object::check(obj).is_ok());
    let heap = (*object::type_of(obj)).heap;
    let leaks = super::made_for(heap);
    if leaks.is_null() {
        return 0;
    }
    let Some(tag) = string::copy(tag) else { return 0 };
    let holds = &mut (*leaks).holds;
    let Some(index) = holds.take_entry() else {
        sys::free(tag as *mut u8);
        return 0;
    };
    let serial = heap::next_number();
    let token = (serial & SERIAL_MASK) << (INDEX_BITS + HEAP_BITS)
        | (index as u64) << HEAP_BITS
        | (*heap).index as u64;
    count::incref(obj);
    holds.entries.set(
        index,
        Hold {
            token,
            obj,
            tag,
            site: number("gc_hold_at", site),
            released_at: 0,
            taken_ns: sys::now_ns(),
            next: NONE,
        },
    );
    token
}

unsafe fn number(call: &'static str, site: *const Site) -> u32 {
    // Also for who has no site: OTHER is one of the list.
    match site::begin() && !site.is_null() {
        true => site::number(call, site),
        false => site::OTHER,
    }
}

/// Releases the reference of a token.
///
/// # Safety
/// - Only the heap's thread is in the heap of the token, if that lives; `site` is null or a descriptor.
pub unsafe fn release(token: u64, site: *const Site) -> Result<(), Wrong> {
    let index = (token & ((1 << HEAP_BITS) - 1)) as usize;
    if index == 0 || index >= range::heaps_used() {
        return Err(Wrong::Unknown);
    }
    let heap = range::heap_at(index);
    // A heap that was made after the token is not its own: another thread may be in it.
    let now = heap::last_number();
    let age = now.wrapping_sub(token >> (INDEX_BITS + HEAP_BITS)) & SERIAL_MASK;
    if Heap::serial_of(heap).is_none_or(|born| now - born <= age) {
        return Err(Wrong::Unknown);
    }
    if (*heap).phase() == Phase::Judging {
        return Err(Wrong::OnlyLooking);
    }
    let leaks = super::of(heap);
    if leaks.is_null() {
        return Err(Wrong::Unknown);
    }
    let index = (token >> HEAP_BITS) as usize & (HOLDS_MAX - 1);
    let holds = &mut (*leaks).holds;
    let Some(hold) = holds.entries.get_mut(index).filter(|hold| hold.token == token) else {
        return Err(Wrong::Unknown);
    };
    let obj = core::mem::replace(&mut hold.obj, ptr::null_mut());
    if obj.is_null() {
        return Err(Wrong::Again(*hold));
    }
    hold.released_at = number("gc_release_hold", site);
    holds.give_entry(index);
    count::decref(obj);
    Ok(())
}

impl Hold {
    /// Where it was released; for [`Wrong::Again`].
    pub fn released_at(&self) -> u32 {
        self.released_at
    }
}

/// A tag for messages.
pub fn tag(hold: &Hold) -> CText {
    CText(if hold.tag.is_null() { c"(no tag)".as_ptr() } else { hold.tag })
}

/// Says what was not released.
///
/// # Safety
/// - The heap has leaks.
pub unsafe fn report(heap: *mut Heap) {
    let mut index = 0;
    // By number: the log is the host's, who may take and release references there.
    while let Some(hold) = (*super::of(heap)).holds.entries.get(index) {
        index += 1;
        if hold.obj.is_null() {
            continue;
        }
        if let Some(location) = site::location(hold.site) {
            report::log(
                Level::Warning,
                format_args!(
                    "heap {}: hold {} on {} {:p}, taken at {location}, was not released",
                    CText((*heap).name()),
                    tag(&hold),
                    (*object::type_of(hold.obj)).name(),
                    hold.obj
                ),
            );
        }
    }
}
