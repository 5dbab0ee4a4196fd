//! What the collector must know of a value: [`Trace`], [`Tracer`], [`Acyclic`], and the declared places of references.
//!
//! **Two ways to say where a `Gc` is.** A value of a plain struct has its `Gc`s at fixed places: they are *declared*, the
//! engine reads and releases them by itself, and no Rust code runs for such an object after it was made. All the rest
//! (what is in a `RefCell`, a map, a trait object) is *walked*: [`Trace::trace`] visits it and the value's drop releases it.
//! One struct may have both. The hidden items of `Trace` say which part is which; `#[derive(Trace)]` writes them.
//!
//! **Why a walk may leave things out.** The collector counts the references that walks report, and takes an object for
//! dead when all references to it were reported by objects that are dead themselves. A reference that is not reported
//! counts as held from outside, so what it leads to lives. Hence a `trace` that meets a `RefCell` which is mutably
//! borrowed just now reports nothing of it: sound, and mended by the next collection.

use crate::sys;
use std::ffi::{c_char, c_void, CStr, CString};

/// What the collector asks of a type whose values are put into a [`Gc`](crate::Gc).
///
/// Write `#[derive(Trace)]`; every field's type must be `Trace`, too. For a field that holds no `Gc`, of a type that is
/// not yours, there is [`Untraced`](crate::Untraced).
///
/// # Safety
///
/// An implementation written by hand promises that
///
/// - `trace` visits only references that this value owns, each at most once: no `Gc` behind an `Rc`, behind a `&'static`,
///   or of another object. To leave some out is sound, and leaks the rings they are in.
/// - `trace` calls nothing that clones, drops or makes a `Gc`, and runs nobody's code but other `trace`s.
/// - `HOLDS` is constant, and the hidden items are left as they are.
pub unsafe trait Trace: Sized + 'static {
    /// Whether a value may own a `Gc` that can be part of a ring. Objects of types without are never looked at.
    const HOLDS: bool = true;

    /// Visits what this value owns.
    fn trace(&self, tracer: &mut Tracer<'_>);

    /// `HOLDS`, for a type that finds it out as the program runs.
    #[doc(hidden)]
    #[inline(always)]
    fn holds() -> bool {
        Self::HOLDS
    }
    /// Whether a value is one word that holds a reference or null, and nothing else.
    #[doc(hidden)]
    const IS_POINTER: bool = false;
    /// Whether `trace_rest` has anything to do.
    #[doc(hidden)]
    const WALKS_REST: bool = Self::HOLDS;
    /// Whether `drop_rest` has anything to do.
    #[doc(hidden)]
    const DROPS_REST: bool = std::mem::needs_drop::<Self>();

    /// Declares the places of references in a value that lies at `at` in its object.
    #[doc(hidden)]
    fn declare(_fields: &mut Fields, _at: usize) {}

    /// Visits what is not declared.
    #[doc(hidden)]
    fn trace_rest(&self, tracer: &mut Tracer<'_>) {
        self.trace(tracer);
    }

    /// Drops what is not declared. The engine has taken the declared references away.
    ///
    /// # Safety
    /// - `this` is a value that nobody uses or drops afterwards.
    #[doc(hidden)]
    unsafe fn drop_rest(this: *mut Self) {
        // SAFETY: as the caller's; nothing of a type with this default is declared.
        unsafe { std::ptr::drop_in_place(this) }
    }
}

/// A type whose values are never part of a ring: they own no `Gc`, or only such that lead to other acyclic values.
///
/// `#[derive(Acyclic)]` asks that all fields are. To claim it wrongly is sound, and leaks.
pub trait Acyclic: 'static {}

/// What a [`Trace::trace`] hands its references to.
pub struct Tracer<'a> {
    visitor: Visitor<'a>,
    name: *const c_char,
    index: usize,
}

enum Visitor<'a> {
    Engine { visit: sys::rc_visit_fn, ctx: *mut c_void, stopped: i32 },
    Other(&'a mut dyn FnMut(*mut c_void)),
}

const NO_INDEX: usize = usize::MAX;

impl<'a> Tracer<'a> {
    pub(crate) fn of_engine(visit: sys::rc_visit_fn, ctx: *mut c_void) -> Self {
        Tracer {
            visitor: Visitor::Engine { visit, ctx, stopped: 0 },
            name: std::ptr::null(),
            index: NO_INDEX,
        }
    }

    /// A tracer that gives the address of each object to a function: for tests of a `Trace` written by hand.
    pub fn with(visit: &'a mut dyn FnMut(*mut c_void)) -> Self {
        Tracer { visitor: Visitor::Other(visit), name: std::ptr::null(), index: NO_INDEX }
    }

    /// What the engine wants to be told at the end.
    pub(crate) fn answer(&self) -> i32 {
        match self.visitor {
            Visitor::Engine { stopped, .. } => stopped,
            Visitor::Other(_) => 0,
        }
    }

    /// The name that reports show for the references visited next.
    #[inline]
    pub fn name(&mut self, name: &'static CStr) {
        self.name = name.as_ptr();
        self.index = NO_INDEX;
    }

    #[inline]
    pub(crate) fn index(&mut self, index: usize) {
        self.index = index;
    }

    /// Visits an object by its address.
    ///
    /// # Safety
    /// - It is that of a [`Gc`](crate::Gc) ([`Gc::as_ptr`](crate::Gc::as_ptr)) which the value that is traced owns.
    #[inline]
    pub unsafe fn visit_address(&mut self, object: *const ()) {
        self.visit(object.cast_mut().cast());
    }

    #[inline]
    pub(crate) fn visit(&mut self, obj: *mut c_void) {
        match &mut self.visitor {
            Visitor::Engine { stopped, .. } if *stopped != 0 => {}
            Visitor::Engine { visit, ctx, stopped } => {
                // SAFETY: both are what the engine gave to the `traverse` that made this tracer.
                *stopped = unsafe {
                    match (self.name.is_null(), *visit) {
                        (true, Some(visit)) => visit(obj, *ctx),
                        (true, None) => 0,
                        (false, visit) => sys::rc_visit_named(visit, *ctx, obj, self.name, self.index),
                    }
                };
            }
            Visitor::Other(visit) => visit(obj),
        }
    }
}

/// The declared places of a type, as they are found: `#[derive(Trace)]` fills it.
#[doc(hidden)]
#[derive(Default)]
pub struct Fields {
    list: Vec<sys::rc_field>,
    names: Vec<CString>,
    path: Vec<&'static str>,
}

impl Fields {
    /// The fields of a member of the struct, `at` in the object.
    pub fn member<T: Trace>(&mut self, name: &'static str, at: usize) {
        self.path.push(name);
        T::declare(self, at);
        self.path.pop();
    }

    /// A word that holds a reference or null.
    pub fn pointer(&mut self, at: usize) {
        self.push(1, 1, at, 1, 8);
    }

    /// A handle that is null or ends with the object.
    pub fn weak(&mut self, at: usize) {
        self.push(4, 1, at, 1, 8);
    }

    /// `count` such words side by side.
    pub fn array(&mut self, at: usize, count: usize) {
        if count != 0 {
            self.push(1, 2, at, count, 8);
        }
    }

    /// The object's trailing array of such words.
    pub(crate) fn tail(&mut self) {
        self.push(1, 3, 0, 0, 8);
    }

    /// A buffer of such words, whose length is a `usize` at `length_at`.
    pub fn vector(&mut self, at: usize, length_at: usize) {
        let field = self.push(1, 4, at, 0, 8);
        field.length_offset = length_at;
        field.length_bytes = size_of::<usize>();
    }

    /// A member of an enum's variant: a reference if its type is one word, when the tag at `at` says so.
    pub fn variant<T: Trace>(
        &mut self,
        name: &'static str,
        at: usize,
        payload: usize,
        size: usize,
        tag: (usize, u64),
    ) {
        if T::IS_POINTER {
            self.path.push(name);
            let field = self.push(3, 1, at, 1, size);
            field.payload_offset = payload;
            field.tag_bytes = tag.0;
            field.mask = u64::MAX >> (64 - 8 * tag.0);
            field.value = tag.1 & field.mask;
            self.path.pop();
        }
    }

    fn push(
        &mut self,
        slot: u32,
        place: u32,
        offset: usize,
        count: usize,
        stride: usize,
    ) -> &mut sys::rc_field {
        let name = CString::new(if self.path.is_empty() { "0".into() } else { self.path.join(".") });
        let name = name.unwrap_or_default();
        // SAFETY: a struct of numbers and a pointer that is set at once.
        let mut field: sys::rc_field = unsafe { std::mem::zeroed() };
        field.name = name.as_ptr();
        (field.slot, field.place) = (slot, place);
        (field.offset, field.count, field.stride) = (offset, count, stride);
        self.names.push(name);
        let last = self.list.len();
        self.list.push(field);
        &mut self.list[last]
    }

    pub(crate) fn list(&self) -> &[sys::rc_field] {
        &self.list
    }
}

/// Where a `Vec` has its buffer and its length, which Rust does not promise: found by looking at one. `None` where two
/// of its words are alike, or it has others than three: then vectors are walked like everything else.
pub(crate) fn vec_places() -> Option<(usize, usize)> {
    use std::sync::atomic::{AtomicU8, Ordering};
    static FOUND: AtomicU8 = AtomicU8::new(u8::MAX);
    const NOWHERE: u8 = 9;
    const { assert!(size_of::<Vec<usize>>() == 24) };
    let found = match FOUND.load(Ordering::Relaxed) {
        u8::MAX => {
            let mut probe: Vec<usize> = Vec::with_capacity(13);
            probe.extend([1, 2, 3]);
            let place = probe.as_ptr() as usize;
            // SAFETY: a `Vec` of this size has three words without padding, all of them written.
            let words: [usize; 3] = unsafe { std::ptr::read((&raw const probe).cast()) };
            let at = |value: usize| {
                let mut places = (0..3).filter(|&i| words[i] == value);
                places.next().filter(|_| places.next().is_none()).map(|i| i as u8)
            };
            match (at(place), at(probe.len()), probe.capacity() != probe.len()) {
                (Some(buffer), Some(length), true) => buffer * 3 + length,
                _ => NOWHERE,
            }
        }
        known => known,
    };
    FOUND.store(found, Ordering::Relaxed);
    (found < NOWHERE).then(|| ((found / 3) as usize * 8, (found % 3) as usize * 8))
}
