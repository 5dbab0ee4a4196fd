//! What happened between the borders of a scope: made, ended, the peak inside, and what was made inside and
//! outlived it.
//!
//! Every scope that is entered while its heap is profiled is measured. An object belongs to a measure if its
//! serial number was given inside, so one comparison tells; an end is booked to the innermost measure that the
//! object belongs to, and handed to the measure around when that one is left.
//!
//! A peak inside needs no list: the running peak is put down to the present on entering, and put back to the
//! greater of the two on leaving.

use super::record;
use super::site;
use super::Profile;
use crate::header;
use crate::heap::Heap;
use crate::host::{self, RunFn};
use crate::index::{self, Index};
use crate::report::{self, CText, Level, Line};
use crate::scope::{self, Stack};
use crate::sys;
use core::ffi::{c_char, c_void, CStr};
use core::fmt::Write;
use core::ptr;

/// Sites that a message about survivors names.
const NAMED_SITES: usize = 4;

/// What happened in a measure.
#[derive(Clone, Copy, Default)]
pub struct Measured {
    /// Objects made inside, and their bytes.
    pub allocated_objects: u64,
    /// As `allocated_objects`.
    pub allocated_bytes: u64,
    /// Objects ended inside, whenever they were made, and their bytes.
    pub freed_objects: u64,
    /// As `freed_objects`.
    pub freed_bytes: u64,
    /// Objects made inside that are still alive, and their bytes.
    pub survivor_objects: u64,
    /// As `survivor_objects`.
    pub survivor_bytes: u64,
    /// How far live bytes rose over what they were at the beginning.
    pub peak_bytes: u64,
    /// How long it lasted.
    pub duration_ns: u64,
}

/// A measure that is open.
#[derive(Clone, Copy)]
struct Open {
    mark: u64,
    name: *const c_char,
    /// Objects made inside have this serial number or a greater one.
    first_serial: u64,
    /// The running totals on entering.
    allocated_objects: u64,
    allocated_bytes: u64,
    freed_objects: u64,
    freed_bytes: u64,
    live_bytes: u64,
    /// The running peak around it.
    outer_peak_bytes: u64,
    /// Of the objects made inside, those that ended.
    ended_objects: u64,
    ended_bytes: u64,
    entered_ns: u64,
    /// Survivors are to be reported.
    clean: bool,
}

/// All measures of one name that were left.
#[derive(Clone, Copy)]
pub struct Total {
    /// The name; ours.
    pub name: *const c_char,
    /// How many there were.
    pub entered: u64,
    /// Sums, but for the peak, which is the highest.
    pub measured: Measured,
    hash: u32,
}

/// The measures of one heap. Zeroed memory has none.
pub struct Measures {
    open: Stack<Open>,
    totals: Stack<Total>,
    /// Numbers of totals, by name.
    by_name: Index,
    /// Scopes that were to leave nothing behind, and did.
    pub violations: u64,
}

impl Measures {
    /// Whether one is open.
    #[inline(always)]
    pub fn is_any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// An object ended that has this serial number: it belongs to the innermost measure that began before it.
    pub fn ended(&mut self, serial: u64, bytes: u64) {
        let open = self.open.as_mut_slice();
        let inner = open.partition_point(|open| open.first_serial <= serial);
        if let Some(open) = inner.checked_sub(1).and_then(|at| open.get_mut(at)) {
            open.ended_objects += 1;
            open.ended_bytes += bytes;
        }
    }

    /// What is known of measures that were left, by name.
    pub fn totals(&self) -> &[Total] {
        self.totals.as_slice()
    }

    /// Measures that are open now.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Bytes of all this.
    pub fn own_bytes(&self) -> u64 {
        self.open.own_bytes() + self.totals.own_bytes() + self.by_name.own_bytes()
    }

    /// Adds what happened to the total of its name. Without memory for a new name it is left out.
    fn add(&mut self, name: *const c_char, measured: &Measured) {
        let Measures { totals, by_name, .. } = self;
        // SAFETY: names are C strings: the host's, alive until the scope is left, and our copies.
        let hash = index::hash_of_text(unsafe { CStr::from_ptr(name) }.to_bytes());
        let is = |number: u32| {
            // SAFETY: as above.
            let same = |total: Total| total.hash == hash && unsafe { site::same_text(total.name, name) };
            totals.get(number as usize).is_some_and(same)
        };
        if let Some(number) = by_name.find(hash, is) {
            if let Some(total) = totals.get_mut(number as usize) {
                total.entered += 1;
                total.measured.add(measured);
            }
            return;
        }
        let number = totals.len() as u32;
        if !totals.reserve(1)
            || !by_name.reserve(|number| totals.get(number as usize).map_or(0, |total| total.hash))
        {
            return;
        }
        // SAFETY: as above.
        let name = unsafe { copy_text(name) };
        if !name.is_null() {
            // There is room in both.
            totals.push(Total { name, entered: 1, measured: *measured, hash });
            by_name.enter(hash, number, |_| 0);
        }
    }

    /// Gives the memory back.
    pub fn end(&mut self) {
        for total in self.totals.as_slice() {
            // SAFETY: our copy.
            unsafe { sys::free(total.name as *mut u8) };
        }
        self.totals.end();
        self.by_name.end();
        self.open.end();
    }
}

impl Measured {
    fn add(&mut self, other: &Measured) {
        self.allocated_objects += other.allocated_objects;
        self.allocated_bytes += other.allocated_bytes;
        self.freed_objects += other.freed_objects;
        self.freed_bytes += other.freed_bytes;
        self.survivor_objects += other.survivor_objects;
        self.survivor_bytes += other.survivor_bytes;
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
        self.duration_ns += other.duration_ns;
    }
}

unsafe fn copy_text(text: *const c_char) -> *const c_char {
    let bytes = CStr::from_ptr(text).to_bytes_with_nul();
    let copy = sys::allocate_raw(bytes.len());
    if !copy.is_null() {
        ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
    }
    copy as *const c_char
}

impl Profile {
    /// What happened in an open measure; `peak` is the running peak since it was entered.
    fn measure(&self, open: &Open, peak: u64) -> Measured {
        let allocated_objects = self.serial - open.allocated_objects;
        let allocated_bytes = self.allocated_bytes - open.allocated_bytes;
        Measured {
            allocated_objects,
            allocated_bytes,
            freed_objects: self.freed_objects - open.freed_objects,
            freed_bytes: self.freed_bytes() - open.freed_bytes,
            survivor_objects: allocated_objects - open.ended_objects,
            survivor_bytes: allocated_bytes - open.ended_bytes,
            peak_bytes: peak.saturating_sub(open.live_bytes),
            duration_ns: sys::now_ns() - open.entered_ns,
        }
    }
}

/// A scope was entered. Without memory it is not measured.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn enter(heap: *mut Heap, mark: u64, name: *const c_char) {
    if super::exact(heap).is_null() {
        return;
    }
    let profile = &mut *(*heap).profile;
    let open = Open {
        mark,
        name,
        first_serial: profile.serial + 1,
        allocated_objects: profile.serial,
        allocated_bytes: profile.allocated_bytes,
        freed_objects: profile.freed_objects,
        freed_bytes: profile.freed_bytes(),
        live_bytes: profile.live_bytes,
        outer_peak_bytes: profile.inner_peak_bytes,
        ended_objects: 0,
        ended_bytes: 0,
        entered_ns: sys::now_ns(),
        clean: false,
    };
    if profile.measures.open.push(open) {
        profile.inner_peak_bytes = profile.live_bytes;
    }
}

/// A scope was left, and what it kept is released.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn leave(heap: *mut Heap, mark: u64) {
    if super::exact(heap).is_null() {
        return;
    }
    let profile = &mut *(*heap).profile;
    let top = profile.measures.open.len().wrapping_sub(1);
    let Some(open) = profile.measures.open.get(top).filter(|open| open.mark == mark) else { return };
    let measured = profile.measure(&open, profile.inner_peak_bytes);
    let _ = profile.measures.open.pop();
    profile.inner_peak_bytes = profile.inner_peak_bytes.max(open.outer_peak_bytes);
    if let Some(outer) = profile.measures.open.get_mut(top.wrapping_sub(1)) {
        // What was made inside was made inside of that one, too.
        outer.ended_objects += open.ended_objects;
        outer.ended_bytes += open.ended_bytes;
    }
    if !open.name.is_null() {
        profile.measures.add(open.name, &measured);
    }
    if open.clean && measured.survivor_objects != 0 {
        profile.measures.violations += 1;
        report_survivors(heap, &open, &measured);
    }
}

/// The place of an open measure; marks rise from the outermost to the innermost.
fn place_of(open: &[Open], mark: u64) -> Option<usize> {
    open.binary_search_by_key(&mark, |open| open.mark).ok()
}

/// What happened so far in a scope that is open; its name. None without a measure. Takes time by the scopes that are
/// open inside it.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn so_far(heap: *mut Heap, mark: u64) -> Option<(*const c_char, Measured)> {
    if super::exact(heap).is_null() {
        return None;
    }
    let profile = &*(*heap).profile;
    let open = profile.measures.open.as_slice();
    let at = place_of(open, mark)?;
    let (open, inner) = (open.get(at)?, open.get(at + 1..)?);
    // What measures inside it have not handed out yet: the peak before they began, and what ended.
    let peak = inner.iter().fold(profile.inner_peak_bytes, |peak, inner| peak.max(inner.outer_peak_bytes));
    let mut measured = profile.measure(open, peak);
    for inner in inner {
        measured.survivor_objects -= inner.ended_objects;
        measured.survivor_bytes -= inner.ended_bytes;
    }
    Some((open.name, measured))
}

/// Why a function was not measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotMeasured {
    /// No memory; it was not run.
    NoMemory,
    /// The heap is profiled, but not exactly; it was not run.
    NotExact,
    /// The function stopped the profile, or left the scope.
    Lost,
}

/// Runs a function in a scope of its own, under a profile of its own if the heap has none.
///
/// # Safety
/// - Only the heap's thread is in the heap, in no callback.
pub unsafe fn run(heap: *mut Heap, function: RunFn, ctx: *mut c_void) -> Result<Measured, NotMeasured> {
    let own = (*heap).profile.is_null();
    if own {
        super::start(heap, &super::Options::EXACT).map_err(|_| NotMeasured::NoMemory)?;
    }
    if super::exact(heap).is_null() {
        return Err(NotMeasured::NotExact);
    }
    let mark = scope::enter(heap, ptr::null());
    let measured = match mark != 0 && so_far(heap, mark).is_some() {
        false => Err(NotMeasured::NoMemory),
        true => {
            host::run(heap, function, ctx);
            // What the scope keeps is released before it is looked at.
            let left = so_far_empty(heap, mark);
            left.ok_or(NotMeasured::Lost)
        }
    };
    if mark != 0 {
        scope::leave(heap, mark);
    }
    if own {
        super::stop(heap);
    }
    measured
}

unsafe fn so_far_empty(heap: *mut Heap, mark: u64) -> Option<Measured> {
    if !scope::release_kept(heap, mark) {
        return None;
    }
    so_far(heap, mark).map(|(_, measured)| measured)
}

/// An open scope is to leave nothing behind. False without a measure.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn expect_clean(heap: *mut Heap, mark: u64) -> bool {
    if super::exact(heap).is_null() {
        return false;
    }
    let open = (*(*heap).profile).measures.open.as_mut_slice();
    match place_of(open, mark).and_then(|at| open.get_mut(at)) {
        Some(open) => {
            open.clean = true;
            true
        }
        None => false,
    }
}

/// Says what a scope left behind, by the sites that made most of it.
unsafe fn report_survivors(heap: *mut Heap, open: &Open, measured: &Measured) {
    // Objects by site, as far as there is memory; more cannot be named.
    let mut found: Stack<(u32, u64)> = Stack::new();
    let sites = (*(*heap).profile).book.sites() as u32;
    let _ = found.reserve(sites as usize) && (0..sites).all(|site| found.push((site, 0)));
    (*heap).each_page(|page| {
        (*page).each_block(|obj| {
            let record = record::get(page, obj);
            if header::count_word(obj) != 0 && record.serial() >= open.first_serial {
                if let Some(entry) = found.get_mut(record.site() as usize) {
                    entry.1 += 1;
                }
            }
        });
    });
    found.as_mut_slice().sort_unstable_by_key(|entry| (core::cmp::Reverse(entry.1), entry.0));
    let mut line = Line::new();
    let name = if open.name.is_null() { c"(unnamed)".as_ptr() } else { open.name };
    // A cut line has the number at least.
    let _ = write!(
        line,
        "scope {} left {} object{} behind ({} bytes)",
        CText(name),
        measured.survivor_objects,
        report::s(measured.survivor_objects),
        measured.survivor_bytes
    );
    let named = found.as_slice().iter().take(NAMED_SITES).filter(|entry| entry.1 != 0);
    for (index, (id, count)) in named.enumerate() {
        if let Some(place) = site::place(*id) {
            let _ = write!(line, "{} {count} from {place}", if index == 0 { ":" } else { "," });
        }
    }
    found.end();
    report::log(Level::Error, format_args!("{line}"));
}
