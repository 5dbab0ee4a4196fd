//! Whether types report what they own: a `traverse` that forgets a reference makes objects that no collection finds.
//!
//! Counts alone cannot show that, since a reference that nobody reported looks like one from outside. But it is released
//! some day, by `clear` or `destroy` of its owner, and when it was the last one something dies of which the owner's
//! `traverse` had said nothing. So around each such callback
//!
//! ```text
//!   before   the objects that the dying one's edges lead to, over however many, are counted by type
//!   after    what died meanwhile is counted by type, from the types' books
//!   wrong    more objects of a type died than its edges led to
//! ```
//!
//! What dies in callbacks inside a callback is theirs to explain and not counted for the outer one.

use super::array::Array;
use super::kinds::Rows;
use crate::base::report::{self, CText, Level, Line, Sentence};
use crate::heap::Heap;
use crate::object;
use crate::object::edges;
use crate::observe::{Around, Notice, Seat, Wants};
use crate::sys;
use crate::types::Type;
use core::ffi::c_void;

/// Objects that edges are followed to; whoever leads to more is not judged.
const LOOKED_AT_MAX: usize = 256;

/// Types of one heap that are counted; more are not judged.
const TYPES_MAX: usize = 4096;

/// A type that ended what its `traverse` never reported.
#[derive(Clone, Copy)]
#[repr(C)]
struct Guilty {
    kind: *mut Type,
    serial: u64,
    victim: *mut Type,
    victim_serial: u64,
    /// In `destroy`; else in `clear`.
    in_destroy: u64,
    /// How many.
    ended: u64,
}

/// One callback under watch.
#[derive(Clone, Copy)]
#[repr(C)]
struct Window {
    /// Where its numbers begin in `Lint::numbers`.
    first: usize,
    kind: *mut Type,
    /// 0: too much to look at.
    judged: u64,
}

/// The watch on one heap.
pub struct Lint {
    windows: Rows<Window>,
    /// For each window, for each type of the heap in the order of its list: serial, ended before, led to, and ended in
    /// inner windows.
    numbers: Rows<Number>,
    guilty: Rows<Guilty>,
    /// Objects that edges led to.
    looked_at: Array<u64>,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Number {
    kind: *mut Type,
    before: u64,
    led_to: u64,
    inner: u64,
}

/// Begins or ends the watch. False for out of memory.
///
/// # Safety
/// - Only the heap's thread is in the heap, and no callback of it is running.
pub unsafe fn watch(heap: *mut Heap, on: bool) -> bool {
    if on != of(heap).is_null() {
        return true;
    }
    if !on {
        end(heap);
        return true;
    }
    let lint = sys::allocate_raw(size_of::<Lint>()) as *mut Lint;
    if lint.is_null() {
        return false;
    }
    lint.write(Lint {
        windows: Rows::default(),
        numbers: Rows::default(),
        guilty: Rows::default(),
        looked_at: Array::empty(),
    });
    (*heap).observers.sit(Seat::Lint, lint as *mut c_void, hear, Wants::CALLBACKS | Wants::GONE);
    true
}

unsafe fn end(heap: *mut Heap) {
    let lint = (*heap).observers.leave(Seat::Lint) as *mut Lint;
    lint.drop_in_place();
    sys::free(lint as *mut u8);
}

/// Calls `each` with every type that ended what it had not reported, and the sentence. Returns how many.
///
/// # Safety
/// - Only the heap's thread is in the heap.
pub unsafe fn each_finding(heap: *mut Heap, mut each: impl FnMut(*mut Type, &Line)) -> usize {
    if of(heap).is_null() {
        return 0;
    }
    let lint = &mut *of(heap);
    let mut count = 0;
    for guilty in lint.guilty.all() {
        if let Some(text) = guilty.sentence(heap) {
            each(guilty.kind, &text);
            count += 1;
        }
    }
    count
}

impl Guilty {
    /// None when one of the types has ended.
    unsafe fn sentence(&self, heap: *mut Heap) -> Option<Line> {
        let (mut lives, mut victim_lives) = (false, false);
        (*heap).each_type(|kind| {
            let serial = (*(*kind).books()).serial;
            lives |= kind == self.kind && serial == self.serial;
            victim_lives |= kind == self.victim && serial == self.victim_serial;
        });
        (lives && victim_lives).then(|| {
            Line::of(format_args!(
                "{} of type {} ended {} objects of type {} to which its traverse had reported no way: it forgets a reference that it owns",
                if self.in_destroy != 0 { "destroy" } else { "clear" },
                (*self.kind).name(),
                self.ended,
                (*self.victim).name()
            ))
        })
    }
}

/// The watch of a heap; null: it is off.
unsafe fn of(heap: *mut Heap) -> *mut Lint {
    (*heap).observers.state(Seat::Lint) as *mut Lint
}

unsafe fn hear(heap: *mut Heap, notice: Notice) {
    match notice {
        Notice::Callback(obj, Around::Before) => (*of(heap)).open(heap, object::type_of(obj), obj),
        Notice::Callback(_, Around::AfterClear) => (*of(heap)).close(heap, false),
        Notice::Callback(_, Around::AfterDestroy) => (*of(heap)).close(heap, true),
        Notice::Gone => end(heap),
        _ => {}
    }
}

impl Lint {
    unsafe fn open(&mut self, heap: *mut Heap, kind: *mut Type, obj: *mut c_void) {
        let first = self.numbers.len();
        let mut judged = (*kind).traverse.is_some();
        let mut count = 0;
        (*heap).each_type(|kind| {
            count += 1;
            judged &= self.numbers.push(Number { kind, before: (*kind).freed, led_to: 0, inner: 0 });
        });
        judged &= count <= TYPES_MAX;
        judged = judged && self.count_what_edges_lead_to(heap, first, obj);
        // A window that cannot be opened leaves its callback unjudged, and the outer ones as well.
        if !self.windows.push(Window { first, kind, judged: judged as u64 }) {
            self.give_up();
        }
    }

    /// No memory: what is open is not judged, and closing finds nothing.
    fn give_up(&mut self) {
        for window in self.windows.all() {
            window.judged = 0;
        }
    }

    /// Counts the objects that an object's edges lead to. False when there are too many.
    unsafe fn count_what_edges_lead_to(&mut self, heap: *mut Heap, first: usize, obj: *mut c_void) -> bool {
        self.looked_at.clear();
        let mut whole = self.looked_at.push(obj as u64);
        let mut next = 0;
        edges::quietly(heap, || {
            while let Some(from) = self.looked_at.get(next).copied() {
                next += 1;
                let from = from as *mut c_void;
                edges::each_target(from, object::type_of(from), |word| {
                    let target = word as *mut c_void;
                    let ours = object::check(target).is_ok_and(edges::is_listed)
                        && (*object::type_of(target)).heap == heap;
                    if whole && ours && !self.looked_at.contains(&(word as u64)) {
                        whole = self.looked_at.len() < LOOKED_AT_MAX && self.looked_at.push(word as u64);
                    }
                });
            }
        });
        for index in 1..self.looked_at.len() {
            let kind = object::type_of(self.looked_at[index] as *mut c_void);
            if let Some(number) = self.numbers.all().iter_mut().skip(first).find(|number| number.kind == kind)
            {
                number.led_to += 1;
            }
        }
        whole
    }

    unsafe fn close(&mut self, heap: *mut Heap, in_destroy: bool) {
        let Some(window) = self.windows.pop() else { return };
        let outer = self.windows.all().last().map(|outer| outer.first);
        let mut at = window.first;
        while at < self.numbers.len() {
            let Some(&number) = self.numbers.get(at as u32) else { break };
            at += 1;
            let ended = (*number.kind).freed.saturating_sub(number.before);
            let own = ended.saturating_sub(number.inner);
            if window.judged != 0 && own > number.led_to {
                self.accuse(heap, window.kind, number.kind, in_destroy, own - number.led_to);
            }
            // What died here is explained here.
            if let Some(outer) = outer {
                let numbers = self.numbers.all().iter_mut();
                if let Some(there) =
                    numbers.skip(outer).take(window.first - outer).find(|there| there.kind == number.kind)
                {
                    there.inner += ended;
                }
            }
        }
        self.numbers.truncate(window.first);
    }

    unsafe fn accuse(
        &mut self,
        heap: *mut Heap,
        kind: *mut Type,
        victim: *mut Type,
        in_destroy: bool,
        ended: u64,
    ) {
        let (serial, victim_serial) = ((*(*kind).books()).serial, (*(*victim).books()).serial);
        let known = self.guilty.all().iter_mut().find(|guilty| {
            (guilty.serial, guilty.victim_serial, guilty.in_destroy)
                == (serial, victim_serial, in_destroy as u64)
        });
        if let Some(guilty) = known {
            guilty.ended += ended;
            return;
        }
        let guilty = Guilty { kind, serial, victim, victim_serial, in_destroy: in_destroy as u64, ended };
        if let Some(text) = guilty.sentence(heap) {
            report::log(
                Level::Error,
                format_args!("heap {}: {}", CText((*heap).name()), Sentence(text.as_ptr())),
            );
        }
        // Out of memory, the log has it.
        self.guilty.push(guilty);
    }
}
