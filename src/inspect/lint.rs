//! Whether types report what they own: a `traverse` that forgets a reference makes objects that no collection finds.
//!
//! Counts alone cannot show that, since a reference that nobody reported looks like one from outside. But it is released
//! some day, by `clear` or `destroy` of its owner, and when it was the last one something dies of which the owner's
//! `traverse` had said nothing. So around each such callback there is a **window**:
//!
//! ```text
//!   before   the objects that the dying one's edges lead to, over however many, are counted by type
//!   after    what died meanwhile is counted by type, from the types' books
//!   wrong    more objects of a type died than its edges led to, and than were made meanwhile
//! ```
//!
//! What dies inside something else that runs in the window is no matter of the window: other callbacks, collections, what
//! a weak map, the garbage list or the queue of finalizers lets go of. Those have windows of their own, which accuse
//! nobody. Where it cannot be known who ended what (an end was put off, an edge leads into another heap, there was no
//! memory) no open window is judged.
//!
//! **Nothing here outlives what it is about.** Host code runs while windows are open, and may end types: a type that ends
//! is judged at that moment and taken out of every window. What was found is kept by serial numbers and by names in the
//! list of sites, which last as long as the process. It is told to the log, which is the host's too, when nothing is held.

use super::kinds::Rows;
use super::unseen;
use crate::base::array::Array;
use crate::base::promised;
use crate::base::report::{self, CText, Level, Line, Sentence};
use crate::header::{self, Flags};
use crate::heap::{phase, Heap, Phase};
use crate::life::weakmap;
use crate::object;
use crate::object::edges;
use crate::observe::{Around, Notice, Seat, Wants};
use crate::profile::site;
use crate::sys;
use crate::types::Type;
use core::ffi::{c_char, c_void};
use core::ptr;

/// Objects that edges are followed to; whoever leads to more is not judged.
const LOOKED_AT_MAX: usize = 256;

/// Types of one heap that are counted; with more nobody is judged.
const TYPES_MAX: usize = 4096;

/// A type that ended what its `traverse` never reported.
#[derive(Clone, Copy)]
#[repr(C)]
struct Guilty {
    serial: u64,
    victim_serial: u64,
    /// Sites that have the names.
    name: u32,
    victim_name: u32,
    /// In `destroy`; else in `clear`.
    in_destroy: u64,
    /// How many.
    ended: u64,
}

/// A callback under watch, or something else that is no matter of the ones around.
#[derive(Clone, Copy)]
#[repr(C)]
struct Window {
    /// Where its numbers begin in `Lint::numbers`.
    first: usize,
    /// How many numbers it has.
    count: usize,
    /// The type of the dying object; null: none. It lives at least as long as that.
    ty: *mut Type,
    /// 0: nobody is accused.
    judged: u64,
    in_destroy: u64,
}

/// The watch on one heap.
pub struct Lint {
    windows: Rows<Window>,
    /// Windows that found no memory: so many of the next that close were never open.
    missing: usize,
    /// For each window its types, in the order of the heap's list, which is that of falling serial numbers.
    numbers: Rows<Number>,
    guilty: Rows<Guilty>,
    /// Of these, those that the log has.
    told: u32,
    /// Objects that edges led to.
    looked_at: Array<u64>,
}

/// What is known of one type in one window.
#[derive(Clone, Copy)]
#[repr(C)]
struct Number {
    /// Null: it has ended.
    ty: *mut Type,
    serial: u64,
    /// Objects that had ended before.
    freed: u64,
    /// Objects that had been made before.
    made: u64,
    /// Objects that edges led to.
    led_to: u64,
    /// Objects that ended in inner windows.
    inner: u64,
}

/// Begins or ends the watch. False for out of memory.
///
/// # Safety
/// - No callback of the heap is running.
pub unsafe fn watch(heap: *mut Heap, on: bool) -> bool {
    promised!((*heap).running_callbacks() == 0);
    if on != of(heap).is_null() {
        return true;
    }
    if !on {
        end(heap);
        // What never ended was in no window.
        unseen::tell_all(heap);
        return true;
    }
    // Sites 0 and 1 are no types' names.
    let lint = match site::begin() {
        true => sys::allocate_raw(size_of::<Lint>()) as *mut Lint,
        false => ptr::null_mut(),
    };
    if lint.is_null() {
        return false;
    }
    lint.write(Lint {
        windows: Rows::default(),
        missing: 0,
        numbers: Rows::default(),
        guilty: Rows::default(),
        told: 0,
        looked_at: Array::empty(),
    });
    let wants = Wants::CALLBACKS | Wants::TYPE_ENDED | Wants::GONE;
    (*heap).observers.sit(Seat::Lint, lint as *mut c_void, hear, wants);
    true
}

unsafe fn end(heap: *mut Heap) {
    let lint = (*heap).observers.leave(Seat::Lint) as *mut Lint;
    lint.drop_in_place();
    sys::free(lint as *mut u8);
}

/// Calls `each` with every type that ended what it had not reported, null when it has ended, and the sentence. Returns how
/// many.
///
/// # Safety
/// - The heap may only be looked at.
pub unsafe fn each_finding(heap: *mut Heap, mut each: impl FnMut(*mut Type, &Line)) -> usize {
    promised!((*heap).phase() == Phase::Judging);
    let lint = of(heap);
    if lint.is_null() {
        return 0;
    }
    let mut count = 0;
    while let Some(guilty) = (*lint).guilty.get(count as u32).copied() {
        let mut found = ptr::null_mut();
        (*heap).each_type(|ty| {
            if serial_of(ty) == guilty.serial {
                found = ty;
            }
        });
        each(found, &guilty.sentence());
        count += 1;
    }
    count
}

impl Guilty {
    fn sentence(&self) -> Line {
        let name = |id| site::location(id).map_or(ptr::null::<c_char>(), |location| location.function);
        Line::of(format_args!(
            "{} of type {} ended {} objects of type {} to which its traverse had reported no way: it forgets a reference that it owns",
            if self.in_destroy != 0 { "destroy" } else { "clear" },
            CText(name(self.name)),
            self.ended,
            CText(name(self.victim_name))
        ))
    }
}

unsafe fn serial_of(ty: *mut Type) -> u64 {
    (*(*ty).rare()).serial
}

/// The watch of a heap; null: it is off.
unsafe fn of(heap: *mut Heap) -> *mut Lint {
    (*heap).observers.state(Seat::Lint) as *mut Lint
}

unsafe fn hear(heap: *mut Heap, notice: Notice) {
    match notice {
        Notice::Callback(obj, moment) => around(heap, of(heap), obj, moment),
        Notice::TypeEnded(ty) => (*of(heap)).take_type_out(ty),
        Notice::Gone => end(heap),
        _ => {}
    }
}

unsafe fn around(heap: *mut Heap, lint: *mut Lint, obj: *mut c_void, moment: Around) {
    match moment {
        Around::Clear => (*lint).open(heap, obj, false),
        Around::Destroy => (*lint).open(heap, obj, true),
        // Inside no callback nobody is accused.
        Around::Aside if (*lint).is_idle() => {}
        Around::Aside => (*lint).open(heap, ptr::null_mut(), false),
        Around::After => (*lint).close(),
        Around::PutOff => (*lint).give_up(),
    }
    tell(heap, lint);
}

/// Tells the log what was found and not told. The log is the host's, whose deaths may find more meanwhile.
unsafe fn tell(heap: *mut Heap, lint: *mut Lint) {
    while let Some(guilty) = (*lint).guilty.get((*lint).told).copied() {
        (*lint).told += 1;
        let text = guilty.sentence();
        report::log(
            Level::Error,
            format_args!("heap {}: {}", CText((*heap).name()), Sentence(text.as_ptr())),
        );
    }
}

impl Lint {
    fn is_idle(&self) -> bool {
        self.windows.is_empty() && self.missing == 0
    }

    /// Opens a window for the callback of a dying object; null: for what accuses nobody.
    unsafe fn open(&mut self, heap: *mut Heap, obj: *mut c_void, in_destroy: bool) {
        let first = self.numbers.len();
        let ty = if obj.is_null() { ptr::null_mut() } else { object::type_of(obj) };
        let judged = !ty.is_null() && (*ty).traverse.is_some() && self.follow_edges(heap, obj);
        let mut whole = self.missing == 0;
        let mut count = 0;
        (*heap).each_type(|ty| {
            count += 1;
            let (serial, freed, made) = (serial_of(ty), (*ty).freed, (*ty).allocated());
            let number = Number { ty, serial, freed, made, led_to: 0, inner: 0 };
            whole = whole && count <= TYPES_MAX && self.numbers.push(number);
        });
        if judged && whole {
            self.count_what_was_found(first);
        }
        let window = Window { first, count, ty, judged: judged as u64, in_destroy: in_destroy as u64 };
        if !whole || !self.windows.push(window) {
            self.numbers.truncate(first);
            self.missing += 1;
            self.give_up();
        }
    }

    /// Nobody whose callback is running is judged.
    fn give_up(&mut self) {
        for window in self.windows.all() {
            window.judged = 0;
        }
    }

    /// Lists an object and those that its edges lead to. False when there are too many, and when one is another heap's,
    /// through which a way may lead back.
    unsafe fn follow_edges(&mut self, heap: *mut Heap, obj: *mut c_void) -> bool {
        self.looked_at.clear();
        let mut whole = self.looked_at.push(obj as u64);
        let mut next = 0;
        phase::quietly(heap, || {
            while let Some(from) = self.looked_at.get(next).copied() {
                next += 1;
                let from = from as *mut c_void;
                let mut follow = |word: usize| {
                    let target = word as *mut c_void;
                    if !whole || !object::check(target).is_ok_and(edges::is_listed) {
                        return;
                    }
                    whole = (*object::far_type_of(target)).heap == heap;
                    if whole && !self.looked_at.contains(&(word as u64)) {
                        whole = self.looked_at.len() < LOOKED_AT_MAX && self.looked_at.push(word as u64);
                    }
                };
                edges::each_target(from, object::type_of(from), &mut follow);
                // With a key go the values of its entries.
                if header::has_flags(from, Flags::WEAK) {
                    weakmap::each_of_key(from, |entry| follow(entry.value as usize));
                }
            }
        });
        whole
    }

    /// Enters what was listed into the numbers of the window that begins there, but for the object that it is about.
    unsafe fn count_what_was_found(&mut self, first: usize) {
        let Some(numbers) = self.numbers.all().get_mut(first..) else { return };
        for &found in self.looked_at.iter().skip(1) {
            let serial = serial_of(object::type_of(found as *mut c_void));
            if let Ok(at) = numbers.binary_search_by(|number| serial.cmp(&number.serial)) {
                if let Some(number) = numbers.get_mut(at) {
                    number.led_to += 1;
                }
            }
        }
    }

    /// Closes the innermost window, if there is one.
    unsafe fn close(&mut self) {
        if self.missing != 0 {
            self.missing -= 1;
            return;
        }
        let depth = self.windows.len() as u32;
        let Some(window) = depth.checked_sub(1).and_then(|last| self.windows.get(last)).copied() else {
            return;
        };
        let outer = depth.checked_sub(2).and_then(|outer| self.windows.get(outer)).copied();
        let mut there = outer.map_or(0, |outer| outer.first);
        let there_end = outer.map_or(0, |outer| outer.first + outer.count);
        for at in window.first..window.first + window.count {
            let Some(&number) = self.numbers.get(at as u32) else { break };
            if number.ty.is_null() {
                continue;
            }
            let ended = self.judge(&window, &number);
            // Both lists have falling serial numbers; types that were made meanwhile are in this one only.
            while there < there_end {
                let Some(other) = self.numbers.get_mut(there as u32) else { break };
                if other.serial <= number.serial {
                    if other.serial == number.serial {
                        other.inner += ended;
                    }
                    break;
                }
                there += 1;
            }
        }
        self.numbers.truncate(window.first);
        self.windows.truncate(depth as usize - 1);
    }

    /// Finds out whether more of a type ended in a window than can be explained. Returns how many ended.
    unsafe fn judge(&mut self, window: &Window, number: &Number) -> u64 {
        let ended = (*number.ty).freed - number.freed;
        let made = (*number.ty).allocated() - number.made;
        let explained = number.inner + number.led_to + made;
        if window.judged != 0 && ended > explained {
            self.accuse(window, number.ty, ended - explained);
        }
        ended
    }

    unsafe fn accuse(&mut self, window: &Window, victim: *mut Type, ended: u64) {
        let (serial, victim_serial) = (serial_of(window.ty), serial_of(victim));
        let known = self.guilty.all().iter_mut().find(|guilty| {
            (guilty.serial, guilty.victim_serial, guilty.in_destroy)
                == (serial, victim_serial, window.in_destroy)
        });
        if let Some(guilty) = known {
            guilty.ended += ended;
            return;
        }
        let name = site::number_of_type((*window.ty).name().0);
        let victim_name = site::number_of_type((*victim).name().0);
        let in_destroy = window.in_destroy;
        // Out of memory, it is found the next time.
        self.guilty.push(Guilty { serial, victim_serial, name, victim_name, in_destroy, ended });
    }

    /// A type ends inside the open windows, of which none will see its books again: they are judged by what they are now,
    /// from the innermost on.
    unsafe fn take_type_out(&mut self, ty: *mut Type) {
        let serial = serial_of(ty);
        let mut inner = 0;
        for depth in (0..self.windows.len() as u32).rev() {
            let Some(&window) = self.windows.get(depth) else { break };
            let all = window.first..window.first + window.count;
            let Some(at) = all
                .into_iter()
                .find(|&at| self.numbers.get(at as u32).is_some_and(|number| number.serial == serial))
            else {
                // It is younger than this window, and than those around.
                break;
            };
            let Some(number) = self.numbers.get_mut(at as u32) else { break };
            number.inner += inner;
            let whole = *number;
            number.ty = ptr::null_mut();
            inner = self.judge(&window, &whole);
        }
    }
}
