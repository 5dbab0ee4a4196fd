//! Types of a heap, one for each Rust type that is put into it, and the callbacks through which the engine meets values.
//!
//! | the type has | the engine is given |
//! |---|---|
//! | nothing that is dropped | a size |
//! | only declared references | its fields; no Rust code runs for its objects |
//! | more that may hold references (`WALKS_REST`) | `traverse`: [`walk`] |
//! | more that is dropped (`DROPS_REST`) | `clear`: [`release`], in step 5 of an object's end |
//!
//! **A value is dropped in `clear`**, not in `destroy`: the engine refuses collections there, so no walk meets a value that is
//! half dropped; it marks all that ends together as dying before it clears any of it, which is what
//! [`Gc::try_deref`](crate::Gc::try_deref) asks; and it calls `clear` once in an object's life. No panic leaves a callback.

use crate::heap::{Heap, State};
use crate::sys;
use crate::trace::{Fields, Trace, Tracer};
use std::any::{type_name, TypeId};
use std::ffi::{c_int, c_void, CStr, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{slice_from_raw_parts_mut, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

/// Bytes to which the engine aligns objects.
const ALIGNMENT: usize = 16;

/// Whether objects of the type have a `traverse`, and so are tracked when their value is there.
#[inline(always)]
pub fn is_walked<T: Trace>() -> bool {
    T::WALKS_REST && T::holds()
}

/// The type of values `T` in a heap.
#[inline]
pub fn of<T: Trace>(heap: &Heap) -> *mut sys::Type {
    const { assert!(align_of::<T>() <= ALIGNMENT, "a Gc's value may be aligned to 16 bytes at most") };
    heap.state().type_of(TypeId::of::<T>(), register::<T>)
}

/// The type of slices of `T` in a heap.
pub fn of_slice<T: Trace>(heap: &Heap) -> *mut sys::Type {
    const { assert!(align_of::<T>() <= ALIGNMENT, "a Gc's value may be aligned to 16 bytes at most") };
    heap.state().type_of(TypeId::of::<[T]>(), register_slice::<T>)
}

/// The type of strings in a heap.
pub fn of_str(heap: &Heap) -> *mut sys::Type {
    heap.state().type_of(TypeId::of::<str>(), |state| {
        let mut spec = empty_spec();
        spec.tail_size = 1;
        spec.flags = sys::RC_TYPE_HOST_LENGTH | sys::RC_TYPE_UNINIT;
        make(state, "str", spec, &Fields::default())
    })
}

fn empty_spec() -> sys::rc_type_spec {
    // SAFETY: a struct of numbers, pointers and optional functions, for all of which zero is the default.
    let mut spec: sys::rc_type_spec = unsafe { std::mem::zeroed() };
    spec.struct_size = size_of::<sys::rc_type_spec>();
    spec
}

fn register<T: Trace>(state: &State) -> *mut sys::Type {
    let mut fields = Fields::default();
    T::declare(&mut fields, 0);
    let mut spec = empty_spec();
    spec.size = size_of::<T>().max(1);
    spec.flags = if T::holds() { sys::RC_TYPE_CTX } else { sys::RC_TYPE_CTX | sys::RC_TYPE_ACYCLIC };
    if is_walked::<T>() {
        spec.traverse_ctx = Some(walk::<T>);
    }
    if is_walked::<T>() || T::DROPS_REST {
        spec.clear_ctx = Some(release::<T>);
    }
    let ty = make(state, type_name::<T>(), spec, &fields);
    if T::holds() {
        state.note_tracked(ty);
    }
    ty
}

fn register_slice<T: Trace>(state: &State) -> *mut sys::Type {
    let mut fields = Fields::default();
    let mut spec = empty_spec();
    spec.tail_size = size_of::<T>().max(1);
    if T::IS_POINTER {
        fields.tail();
        spec.flags = if T::HOLDS { 0 } else { sys::RC_TYPE_ACYCLIC };
    } else if T::HOLDS || std::mem::needs_drop::<T>() {
        spec.flags = sys::RC_TYPE_CTX;
        spec.clear_ctx = Some(release_slice::<T>);
        if T::HOLDS {
            spec.traverse_ctx = Some(walk_slice::<T>);
        }
    } else {
        spec.flags = sys::RC_TYPE_HOST_LENGTH | sys::RC_TYPE_UNINIT;
    }
    make(state, type_name::<[T]>(), spec, &fields)
}

fn make(state: &State, name: &str, mut spec: sys::rc_type_spec, fields: &Fields) -> *mut sys::Type {
    let name = CString::new(name).unwrap_or_default();
    spec.name = name.as_ptr();
    spec.fields = fields.list().as_ptr();
    spec.field_count = fields.list().len();
    spec.ctx = (state as *const State).cast_mut().cast();
    let mut ty = std::ptr::null_mut();
    // SAFETY: a live heap of this thread; the engine copies what the spec leads to. The callbacks are those of values that
    // are put into objects of this type, and the state lives as long as its heap.
    let status = unsafe { sys::rc_type_new(state.raw(), &spec, &mut ty) };
    if status != sys::RC_OK {
        // SAFETY: a live heap; the text is copied at once.
        let why = unsafe { CStr::from_ptr(sys::gc_error_message(state.raw())) };
        panic!("{}: {}", name.to_string_lossy(), why.to_string_lossy());
    }
    ty
}

// ---- callbacks ----

/// `traverse`: reports the references of a value that are not declared.
///
/// # Safety
/// - The engine calls it with an object of `T`'s type.
unsafe extern "C" fn walk<T: Trace>(
    obj: *mut c_void,
    visit: sys::rc_visit_fn,
    visit_ctx: *mut c_void,
    _ctx: *mut c_void,
) -> c_int {
    // SAFETY: tracked, so it has a value (`Gc::fill` tracks), of which nobody has a `&mut` (`GcMut` untracks; a value is
    // dropped in `clear`, where nothing is walked).
    unsafe { walked(obj, visit, visit_ctx, |tracer| (*obj.cast::<T>()).trace_rest(tracer)) }
}

/// As [`walk`], for slices.
unsafe extern "C" fn walk_slice<T: Trace>(
    obj: *mut c_void,
    visit: sys::rc_visit_fn,
    visit_ctx: *mut c_void,
    _ctx: *mut c_void,
) -> c_int {
    // SAFETY: as in `walk`; the object has as many elements as it was made with.
    unsafe {
        walked(obj, visit, visit_ctx, |tracer| {
            let elements = std::slice::from_raw_parts(obj.cast::<T>(), sys::rc_length(obj));
            for (index, element) in elements.iter().enumerate() {
                tracer.index(index);
                element.trace(tracer);
            }
        })
    }
}

/// An object that is not tracked may have no value, or one that is being changed: then nothing is reported, so what it
/// refers to counts as held. So it is with what a `trace` that panics has not reported.
unsafe fn walked(
    obj: *mut c_void,
    visit: sys::rc_visit_fn,
    visit_ctx: *mut c_void,
    walk: impl FnOnce(&mut Tracer<'_>),
) -> c_int {
    // SAFETY: the engine has called with it.
    if unsafe { !sys::is_tracked(obj) } {
        return 0;
    }
    let mut tracer = Tracer::of_engine(visit, visit_ctx);
    let _ = catch_unwind(AssertUnwindSafe(|| walk(&mut tracer)));
    tracer.answer()
}

/// `clear`: drops what the engine has not released.
///
/// # Safety
/// - The engine calls it with an object of `T`'s type, once in the object's life, and the state of its heap.
unsafe extern "C" fn release<T: Trace>(obj: *mut c_void, ctx: *mut c_void) {
    // SAFETY: a value that no `Gc` gives out any more: it is dying.
    unsafe { released(obj, ctx, || T::drop_rest(obj.cast())) }
}

/// As [`release`], for slices.
unsafe extern "C" fn release_slice<T: Trace>(obj: *mut c_void, ctx: *mut c_void) {
    // SAFETY: as in `release`; the object has as many elements as it was made with.
    unsafe {
        released(obj, ctx, || {
            std::ptr::drop_in_place(slice_from_raw_parts_mut(obj.cast::<T>(), sys::rc_length(obj)));
        })
    }
}

unsafe fn released(obj: *mut c_void, ctx: *mut c_void, drop: impl FnOnce()) {
    if is_hollow(obj) {
        unlist(obj);
        return;
    }
    // SAFETY: the state lives as long as its heap, whose object this is.
    let state = unsafe { &*ctx.cast::<State>() };
    let _inside = crate::heap::Inside::new();
    if catch_unwind(AssertUnwindSafe(drop)).is_err() {
        state.note_panic();
    }
}

// ---- objects without a value ----

/// How many objects are hollow, in all threads; and which.
static HOLLOW_COUNT: AtomicUsize = AtomicUsize::new(0);
static HOLLOW: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// Whether an object has no value: it is being made by `Gc::new_cyclic`, or its value was moved out.
#[inline(always)]
pub fn is_hollow(obj: *mut c_void) -> bool {
    // ORDER: relaxed: an object becomes hollow, and is asked about, in its heap's thread only.
    HOLLOW_COUNT.load(Ordering::Relaxed) != 0 && is_listed(obj)
}

#[cold]
fn is_listed(obj: *mut c_void) -> bool {
    HOLLOW.lock().unwrap_or_else(|lost| lost.into_inner()).contains(&(obj as usize))
}

/// Keeps an object in the list of the hollow ones. An object of a type that is walked must be untracked before.
pub struct Hollow(NonNull<c_void>);

impl Hollow {
    pub fn new(obj: NonNull<c_void>) -> Self {
        HOLLOW.lock().unwrap_or_else(|lost| lost.into_inner()).push(obj.as_ptr() as usize);
        HOLLOW_COUNT.fetch_add(1, Ordering::Relaxed);
        Hollow(obj)
    }

    /// Releases the last reference to the object, of `T`'s type, whose end drops nothing.
    ///
    /// # Safety
    /// - The caller owns the reference, and there is no other.
    pub unsafe fn end<T: Trace>(self) {
        let obj = self.0.as_ptr();
        if is_walked::<T>() || T::DROPS_REST {
            // `release` takes it out of the list, now, or when the engine, deep in callbacks, comes to it.
            std::mem::forget(self);
        }
        // SAFETY: the caller's.
        unsafe { sys::decref(obj) }
    }
}

impl Drop for Hollow {
    fn drop(&mut self) {
        unlist(self.0.as_ptr());
    }
}

fn unlist(obj: *mut c_void) {
    let mut list = HOLLOW.lock().unwrap_or_else(|lost| lost.into_inner());
    if let Some(at) = list.iter().position(|&one| one == obj as usize) {
        list.swap_remove(at);
        HOLLOW_COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}
