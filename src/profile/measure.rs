//! What happened between the borders of a scope: made, ended, the peak inside, and what was made inside and
//! outlived it.
//!
//! Every scope that is entered while its heap is profiled is measured. An object belongs to a measure if its
//! serial number was given inside, so one comparison decides; an end is booked to the innermost measure that the
//! object belongs to, and handed to the measure around when that one is left.
//!
//! **Flows.** A scope measures what happens while its stack of scopes is the current one (`scope/stacks.rs`): each
//! stack has a [`Flow`] with its own totals, which stand still while another one has its turn. So threads and
//! coroutines that take turns are measured one by one. Whose an object was is known by its serial number, from the list
//! of turns; that is empty as long as every measure that is open is of the current flow.
//!
//! A peak inside needs no list: the running peak is put down to the present on entering, and the greater of the two
//! goes on counting on leaving. Peaks are of a flow's net bytes, what it made less what ended in its turns; with one
//! flow these rise and fall with the live bytes.

use super::record;
use super::site;
use super::turns::Turns;
use super::Profile;
use crate::base::index::{self, Index};
use crate::base::list::List;
use crate::base::report::{self, CText, Level, Line};
use crate::base::sort;
use crate::header;
use crate::heap::Heap;
use crate::host;
use crate::life::scope;
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

/// Running totals, of a heap or of a flow.
#[derive(Clone, Copy, Default)]
struct Counts {
    allocated_objects: u64,
    allocated_bytes: u64,
    freed_objects: u64,
    freed_bytes: u64,
}

impl Counts {
    const NONE: Counts =
        Counts { allocated_objects: 0, allocated_bytes: 0, freed_objects: 0, freed_bytes: 0 };

    /// What happened since `begin`.
    fn since(&self, begin: &Counts) -> Counts {
        Counts {
            allocated_objects: self.allocated_objects - begin.allocated_objects,
            allocated_bytes: self.allocated_bytes - begin.allocated_bytes,
            freed_objects: self.freed_objects - begin.freed_objects,
            freed_bytes: self.freed_bytes - begin.freed_bytes,
        }
    }

    fn plus(&self, more: &Counts) -> Counts {
        Counts {
            allocated_objects: self.allocated_objects + more.allocated_objects,
            allocated_bytes: self.allocated_bytes + more.allocated_bytes,
            freed_objects: self.freed_objects + more.freed_objects,
            freed_bytes: self.freed_bytes + more.freed_bytes,
        }
    }

    fn net(&self) -> i64 {
        self.allocated_bytes.wrapping_sub(self.freed_bytes) as i64
    }
}

/// A measure that is open.
#[derive(Clone, Copy)]
struct Open {
    mark: u64,
    name: *const c_char,
    /// Objects made inside have this serial number or a greater one.
    first_serial: u64,
    /// The flow's totals on entering.
    entered: Counts,
    /// The flow's running peak around it.
    outer_peak: i64,
    /// Of the objects made inside, those that ended.
    ended_objects: u64,
    ended_bytes: u64,
    entered_ns: u64,
    /// Survivors are to be reported.
    clean: bool,
}

/// The measures of one stack of scopes. Zeroed memory has none.
#[repr(C)]
pub struct Flow {
    open: List<Open>,
    /// What happened in its turns, but for the one that it has now.
    past: Counts,
    /// The most that its net bytes were since the innermost measure was entered or left, but for the turn it has now.
    past_peak: i64,
    /// Its place in [`Measures::flows`] + 1; 0: it never had a measure under this profile.
    number: u32,
}

impl Flow {
    /// One without measures.
    pub const NONE: Flow = Flow { open: List::new(), past: Counts::NONE, past_peak: 0, number: 0 };

    /// The first serial number that a measure of it asks for; None: none is open.
    pub fn first_serial(&self) -> Option<u64> {
        self.open.get(0).map(|open| open.first_serial)
    }

    /// Forgets everything and gives the memory back.
    pub fn end(&mut self) {
        self.open.end();
        (self.past, self.past_peak, self.number) = (Counts::default(), 0, 0);
    }
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
    /// The flow whose turn it is.
    now: *mut Flow,
    /// The heap's totals, and its live bytes, when its turn began.
    began: Counts,
    began_live_bytes: u64,
    /// Measures that are open, of all flows.
    open_count: usize,
    /// Whose turn it was when.
    turns: Turns,
    totals: List<Total>,
    /// Numbers of totals, by name.
    by_name: Index,
    /// Scopes that were to leave nothing behind, and did.
    pub violations: u64,
}

impl Measures {
    /// Whether one is open.
    #[inline(always)]
    pub fn is_any_open(&self) -> bool {
        self.open_count != 0
    }

    /// An object ended that has this serial number: it belongs to the innermost measure, of the flow that made it,
    /// that began before it.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn ended(&mut self, serial: u64, bytes: u64) {
        let flow = self.flow_of(serial);
        if flow.is_null() {
            return;
        }
        let open = (*flow).open.as_mut_slice();
        let inner = open.partition_point(|open| open.first_serial <= serial);
        if let Some(open) = inner.checked_sub(1).and_then(|at| open.get_mut(at)) {
            open.ended_objects += 1;
            open.ended_bytes += bytes;
        }
    }

    /// Whose turn it was when an object was made; null when nobody asks.
    fn flow_of(&self, serial: u64) -> *mut Flow {
        match self.turns.is_empty() {
            true => self.now,
            false => self.turns.flow_of(serial),
        }
    }

    /// What is known of measures that were left, by name.
    pub fn totals(&self) -> &[Total] {
        self.totals.as_slice()
    }

    /// One of these, for who runs host code in between: it may leave scopes, and the table moves.
    pub fn total(&self, index: usize) -> Option<Total> {
        self.totals.get(index)
    }

    /// Bytes of all this.
    pub fn own_bytes(&self) -> u64 {
        self.turns.own_bytes() + self.totals.own_bytes() + self.by_name.own_bytes()
    }

    /// Adds what happened to the total of its name. Without memory for a new name it is left out.
    fn add(&mut self, name: *const c_char, measured: &Measured) {
        let Measures { totals, by_name, .. } = self;
        // SAFETY: names are C strings: the host's, alive until the scope is left, and our copies.
        let hash = index::hash_of_text(unsafe { CStr::from_ptr(name) }.to_bytes());
        let is = |number: u32| {
            // SAFETY: both names are C strings: the total's is our copy, the other the host's.
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
        // SAFETY: the name is a C string of the host's, alive until the scope is left.
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
            // SAFETY: a copy that `add` made with `sys`; the list goes with it.
            unsafe { sys::free(total.name as *mut u8) };
        }
        self.totals.end();
        self.by_name.end();
        self.turns.end();
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
    /// The heap's running totals.
    fn totals(&self) -> Counts {
        Counts {
            allocated_objects: self.serial,
            allocated_bytes: self.allocated_bytes,
            freed_objects: self.freed_objects,
            freed_bytes: self.freed_bytes(),
        }
    }

    /// A flow's running totals.
    unsafe fn totals_of(&self, flow: *const Flow) -> Counts {
        match ptr::eq(flow, self.measures.now) {
            true => (*flow).past.plus(&self.totals().since(&self.measures.began)),
            false => (*flow).past,
        }
    }

    /// The most that a flow's net bytes were since its innermost measure was entered or left.
    unsafe fn peak_of(&self, flow: *const Flow) -> i64 {
        match ptr::eq(flow, self.measures.now) {
            true => {
                let risen = self.inner_peak_bytes.wrapping_sub(self.measures.began_live_bytes) as i64;
                (*flow).past_peak.max((*flow).past.net() + risen)
            }
            false => (*flow).past_peak,
        }
    }

    /// From now on the peak of the flow whose turn it is is that of the time to come.
    unsafe fn restart_peak(&mut self) {
        let flow = self.measures.now;
        (*flow).past_peak = self.totals_of(flow).net();
        self.inner_peak_bytes = self.live_bytes;
    }

    /// From now on peaks are those of the time to come.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn reset_measured_peak(&mut self) {
        if !self.measures.now.is_null() {
            self.restart_peak();
        }
    }

    /// What happened so far in an open measure of a flow, by its place from the outermost.
    unsafe fn measure(&self, flow: *const Flow, index: usize) -> Option<Measured> {
        let open = (*flow).open.get(index)?;
        // What measures inside it have not handed out yet: the peak before they began, and what ended.
        let inner = (*flow).open.as_slice().get(index + 1..)?;
        let counts = self.totals_of(flow).since(&open.entered);
        let peak = inner.iter().fold(self.peak_of(flow), |peak, inner| peak.max(inner.outer_peak));
        let ended = |number: fn(&Open) -> u64| number(&open) + inner.iter().map(number).sum::<u64>();
        Some(Measured {
            allocated_objects: counts.allocated_objects,
            allocated_bytes: counts.allocated_bytes,
            freed_objects: counts.freed_objects,
            freed_bytes: counts.freed_bytes,
            survivor_objects: counts.allocated_objects.saturating_sub(ended(|open| open.ended_objects)),
            survivor_bytes: counts.allocated_bytes.saturating_sub(ended(|open| open.ended_bytes)),
            peak_bytes: peak.saturating_sub(open.entered.net()).max(0) as u64,
            duration_ns: sys::now_ns() - open.entered_ns,
        })
    }
}

/// A profile begins, or ends: no flow of the heap has measures.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn forget(heap: *mut Heap) {
    scope::each_stack(heap, |stack| (*stack).flow.end());
}

/// A profile has begun, with all its running totals set.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn begin(heap: *mut Heap, profile: *mut Profile) {
    forget(heap);
    (*profile).measures.now = &raw mut (*scope::current(heap)).flow;
    (*profile).measures.began = (*profile).totals();
    (*profile).measures.began_live_bytes = (*profile).live_bytes;
}

/// Another flow has its turn.
///
/// # Safety
/// - `to` is the flow of its current stack.
pub unsafe fn turn(heap: *mut Heap, to: *mut Flow) {
    if super::exact(heap).is_null() {
        return;
    }
    let profile = &mut *super::of(heap);
    let from = profile.measures.now;
    ((*from).past_peak, (*from).past) = (profile.peak_of(from), profile.totals_of(from));
    match profile.measures.open_count {
        0 => profile.measures.turns.forget(),
        _ => profile.measures.turns.note((*from).number, (*to).number, profile.serial + 1),
    }
    profile.measures.now = to;
    profile.measures.began = profile.totals();
    profile.measures.began_live_bytes = profile.live_bytes;
    profile.inner_peak_bytes = profile.live_bytes;
}

/// A stack of scopes ends, all of which were left.
///
/// # Safety
/// - The flow is not the current one.
pub unsafe fn flow_ends(heap: *mut Heap, flow: *mut Flow) {
    if !super::exact(heap).is_null() {
        (*super::of(heap)).measures.turns.remove((*flow).number);
    }
}

/// A scope was entered on the current stack. Without memory it is not measured.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn enter(heap: *mut Heap, mark: u64, name: *const c_char) {
    if super::exact(heap).is_null() {
        return;
    }
    let profile = &mut *super::of(heap);
    let flow = profile.measures.now;
    if (*flow).number == 0 {
        (*flow).number = profile.measures.turns.add(flow, profile.serial + 1);
    }
    let open = Open {
        mark,
        name,
        first_serial: profile.serial + 1,
        entered: profile.totals_of(flow),
        outer_peak: profile.peak_of(flow),
        ended_objects: 0,
        ended_bytes: 0,
        entered_ns: sys::now_ns(),
        clean: false,
    };
    if (*flow).number != 0 && (*flow).open.push(open) {
        profile.measures.open_count += 1;
        profile.restart_peak();
    }
}

/// A scope of a flow was left, and what it kept is released; or its block has ended, and what it keeps is still there.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn leave(heap: *mut Heap, flow: *mut Flow, mark: u64, released: bool) {
    if super::exact(heap).is_null() {
        return;
    }
    let profile = &mut *super::of(heap);
    let Some(index) = index_of((*flow).open.as_slice(), mark) else { return };
    let (Some(open), Some(measured)) = ((*flow).open.get(index), profile.measure(flow, index)) else {
        return;
    };
    // What ended inside was inside of the one around, too; and so was the peak.
    if let Some(outer) = (*flow).open.get_mut(index.wrapping_sub(1)) {
        outer.ended_objects += open.ended_objects;
        outer.ended_bytes += open.ended_bytes;
    }
    match (*flow).open.get_mut(index + 1) {
        Some(inner) => inner.outer_peak = inner.outer_peak.max(open.outer_peak),
        None => (*flow).past_peak = (*flow).past_peak.max(open.outer_peak),
    }
    (*flow).open.remove(index);
    profile.measures.open_count -= 1;
    if !open.name.is_null() {
        profile.measures.add(open.name, &measured);
    }
    if open.clean && released && measured.survivor_objects != 0 {
        profile.measures.violations += 1;
        report_survivors(heap, flow, &open, &measured);
    }
}

/// The place of an open measure; marks rise from the outermost to the innermost.
fn index_of(open: &[Open], mark: u64) -> Option<usize> {
    open.binary_search_by_key(&mark, |open| open.mark).ok()
}

/// A scope that is open: its flow, and its place from the outermost. None without a measure.
unsafe fn find(heap: *mut Heap, mark: u64) -> Option<(*mut Flow, usize)> {
    if super::exact(heap).is_null() {
        return None;
    }
    let index_in = |flow: *mut Flow| index_of((*flow).open.as_slice(), mark).map(|index| (flow, index));
    let mut found = index_in((*super::of(heap)).measures.now);
    if found.is_none() {
        scope::each_stack(heap, |stack| found = found.or(index_in(&raw mut (*stack).flow)));
    }
    found
}

/// What happened so far in a scope that is open; its name. None without a measure. Takes time by the scopes that are
/// open inside it; of another stack than the current one, by the stacks of scopes too.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn so_far(heap: *mut Heap, mark: u64) -> Option<(*const c_char, Measured)> {
    let (flow, index) = find(heap, mark)?;
    let measured = (*super::of(heap)).measure(flow, index)?;
    (*flow).open.get(index).map(|open| (open.name, measured))
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

/// A function of the host's that is run to be looked at.
pub type RunFn = unsafe extern "C" fn(*mut Heap, *mut c_void);

/// Runs a function in a scope of its own, under a profile of its own if the heap has none.
///
/// # Safety
/// - In no callback.
pub unsafe fn run(heap: *mut Heap, function: RunFn, ctx: *mut c_void) -> Result<Measured, NotMeasured> {
    let own = super::of(heap).is_null();
    if own {
        super::start(heap, &super::Options::EXACT).map_err(|_| NotMeasured::NoMemory)?;
    }
    if super::exact(heap).is_null() {
        return Err(NotMeasured::NotExact);
    }
    let started = super::started(heap);
    let mark = scope::enter(heap, ptr::null());
    let measured = match mark != 0 && so_far(heap, mark).is_some() {
        false => Err(NotMeasured::NoMemory),
        true => {
            let border = scope::begin_callback(heap);
            host::run(|| function(heap, ctx));
            // What the scope keeps is released before it is looked at.
            let left = so_far_empty(heap, mark).filter(|_| super::started(heap) == started);
            scope::end_callback(heap, border);
            left.ok_or(NotMeasured::Lost)
        }
    };
    if mark != 0 {
        // The function may have left it, which was noticed.
        let _ = scope::leave(heap, mark);
    }
    // Unless the function stopped it: what it started is its own.
    if own && super::started(heap) == started {
        super::stop(heap);
    }
    measured
}

unsafe fn so_far_empty(heap: *mut Heap, mark: u64) -> Option<Measured> {
    scope::reset(heap, mark).ok()?;
    so_far(heap, mark).map(|(_, measured)| measured)
}

/// An open scope is to leave nothing behind. False without a measure.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn expect_clean(heap: *mut Heap, mark: u64) -> bool {
    let Some((flow, index)) = find(heap, mark) else { return false };
    let open = (*flow).open.get_mut(index);
    open.map(|open| open.clean = true).is_some()
}

/// Says what a scope left behind, by the sites that made most of it.
unsafe fn report_survivors(heap: *mut Heap, flow: *mut Flow, open: &Open, measured: &Measured) {
    // Objects by site, as far as there is memory; more cannot be named.
    let mut found: List<(u32, u64)> = List::new();
    let sites = (*super::of(heap)).book.sites() as u32;
    let _ = found.reserve(sites as usize) && (0..sites).all(|site| found.push((site, 0)));
    (*heap).space.each_page(|page| {
        (*page).each_block(|obj| {
            let record = record::get(page, obj);
            let inside = record.serial() >= open.first_serial
                && (*super::of(heap)).measures.flow_of(record.serial()) == flow;
            if !header::is_dead(obj) && inside {
                if let Some(entry) = found.get_mut(record.site() as usize) {
                    entry.1 += 1;
                }
            }
        });
    });
    sort::sort_by_key(found.as_mut_slice(), |entry| (core::cmp::Reverse(entry.1), entry.0));
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
        if let Some(location) = site::location(*id) {
            let _ = write!(line, "{} {count} from {location}", if index == 0 { ":" } else { "," });
        }
    }
    found.end();
    report::log(Level::Error, format_args!("{line}"));
}
