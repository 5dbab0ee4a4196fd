//! What every export has in common: the checks of what a host passed, and how a call says what is wrong with it.
//!
//! What is checked, and what a failure is:
//! - a pointer to an object, a type or a heap that is null, foreign, interior, dead or of another kind is
//!   misuse that can corrupt memory: fatal, naming the function and the address;
//! - a struct of the host's is read through [`Call::read`], which knows older and newer ones;
//! - everything else is a status, with the sentence kept for `gc_error_message`.
//!
//! An export that returns a status is `status(|| ...)` around a [`Call`], and `?` carries a refusal out. Pointers of one
//! area alone (weak handles, marks, sessions) are checked in its file.

use super::heap::gc_heap_default;
use super::status::*;
use crate::base::report::{self, CText, Line};
use crate::header::Header;
use crate::heap::{self, Heap, Phase};
use crate::memory::range;
use crate::object::{self, checked, NotAnObject, StaticText};
use crate::types::Type;
use core::ffi::c_void;
use core::fmt::Display;
use core::sync::atomic::{AtomicU32, Ordering};

/// A pointer that must not be null, as the headers say by `RCGC_NONNULL`. Hosts are in C, so it may be null
/// all the same, which is why this is not `core::ptr::NonNull`.
#[repr(transparent)]
pub struct NonNull<T>(pub *mut T);

impl<T> Clone for NonNull<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for NonNull<T> {}

// ---- calls ----

/// What runs while a heap may only be looked at.
pub(super) const LOOKING: &str =
    "a traverse, or the function that takes a dump, a text or a finding, is running, which may only look";

/// What a call comes to: err is a status, whose sentence has been kept already.
pub(super) type Answer<T> = Result<T, rc_status>;

/// A call of the host's under way: its name, and the heap whose `gc_error_message` says what was wrong with it. Null:
/// what a null heap says there.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) heap: *mut Heap,
}

impl Call {
    /// A call on the heap that the host named; null is the default heap. Refused only when that cannot be made.
    pub(super) unsafe fn on(name: &'static str, heap: *mut Heap) -> Answer<Call> {
        let heap = heap_of(name, heap);
        if heap.is_null() {
            Err(RC_ERR_NO_MEMORY)
        } else {
            Ok(Call { name, heap })
        }
    }

    /// A call that has no heap.
    pub(super) const fn nowhere(name: &'static str) -> Call {
        Call { name, heap: core::ptr::null_mut() }
    }

    /// A call on an object: what is no live object is fatal.
    #[inline(always)]
    pub(super) unsafe fn of_object(name: &'static str, obj: NonNull<c_void>) -> (Call, Header) {
        let header = checked(name, obj.0);
        (Call { name, heap: (*range::type_at(header.type_index())).heap }, header)
    }

    /// As [`Call::of_object`], where a static constant is refused with a status: it can have nothing that a heap keeps.
    #[inline(always)]
    pub(super) unsafe fn of_heap_object(name: &'static str, obj: NonNull<c_void>) -> Answer<(Call, Header)> {
        match object::check(obj.0) {
            Ok(header) => Ok((Call { name, heap: (*range::type_at(header.type_index())).heap }, header)),
            Err(NotAnObject::Static) => Call::nowhere(name).refuse(RC_ERR_UNSUPPORTED, StaticText(obj.0)),
            Err(why) => object::misuse(name, obj.0, why),
        }
    }

    /// Keeps the sentence for `gc_error_message`.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn say(self, why: impl Display) {
        let name = self.name;
        if self.heap.is_null() {
            report::set_process_error(&Line::of(format_args!("{name}: {why}")))
        } else {
            (*self.heap).set_error(format_args!("{name}: {why}"))
        }
    }

    /// The answer of a call that fails.
    #[inline(always)]
    pub(super) unsafe fn refuse<T>(self, status: rc_status, why: impl Display) -> Answer<T> {
        self.say(why);
        Err(status)
    }

    /// The answer to an argument that is none.
    #[inline(always)]
    pub(super) unsafe fn invalid<T>(self, why: impl Display) -> Answer<T> {
        self.refuse(RC_ERR_INVALID, why)
    }

    /// The answer of a call for which there is no memory.
    pub(super) unsafe fn no_memory<T>(self) -> Answer<T> {
        self.refuse(RC_ERR_NO_MEMORY, "no memory")
    }

    /// Goes on if an argument is as it must be.
    #[inline(always)]
    pub(super) unsafe fn needs(self, holds: bool, otherwise: &str) -> Answer<()> {
        if holds {
            Ok(())
        } else {
            self.invalid(otherwise)
        }
    }

    /// Goes on unless host code is running that may only look at the heap.
    pub(super) unsafe fn may_change(self) -> Answer<()> {
        if (*self.heap).phase() == Phase::Judging {
            self.refuse(RC_ERR_REFUSED, LOOKING)
        } else {
            Ok(())
        }
    }

    /// As [`Call::may_change`], for calls that have no status: fatal.
    pub(super) unsafe fn must_not_look(self) {
        if (*self.heap).phase() == Phase::Judging {
            report::fatal(format_args!("{}: {LOOKING} (heap {})", self.name, CText((*self.heap).name())));
        }
    }

    /// Goes on unless a collection or a callback of the heap is running.
    pub(super) unsafe fn is_at_rest(self) -> Answer<()> {
        if (*self.heap).phase() == Phase::Idle && (*self.heap).running_callbacks() == 0 {
            Ok(())
        } else {
            self.refuse(RC_ERR_REFUSED, "a callback of the heap is running")
        }
    }

    /// Reads a struct that begins with its size ([`read_struct`]). `what` goes before the sentence: "options: ".
    pub(super) unsafe fn read<T>(self, from: *const T, least: usize, what: &str) -> Answer<T> {
        match read_struct(from, *(from as *const usize), least) {
            Ok(value) => Ok(value),
            Err(why) => self.invalid(format_args!("{what}{why}")),
        }
    }

    /// As [`Call::read`] for a struct that may be null: all defaults.
    pub(super) unsafe fn read_or_zero<T>(self, from: *const T, least: usize, what: &str) -> Answer<T> {
        if from.is_null() {
            // Fields of such structs are numbers, pointers and optional functions: zero is a value of each.
            Ok(core::mem::MaybeUninit::zeroed().assume_init())
        } else {
            self.read(from, least, what)
        }
    }

    /// Fills a struct of the host's that begins with its size ([`write_struct`]).
    pub(super) unsafe fn put<T>(self, to: *mut T, value: &T, what: &str) -> Answer<()> {
        match write_struct(to, *(to as *const usize), value) {
            Ok(()) => Ok(()),
            Err(why) => self.invalid(format_args!("{what}{why}")),
        }
    }
}

/// Runs a call that returns a status.
#[inline(always)]
pub(super) fn status(run: impl FnOnce() -> Answer<()>) -> rc_status {
    match run() {
        Ok(()) => RC_OK,
        Err(status) => status,
    }
}

/// Runs a call that returns a number, which is 0 where it fails, and keeps what it came to.
pub(super) unsafe fn number<T: Default>(
    name: &'static str,
    heap: *mut Heap,
    run: impl FnOnce(Call) -> Answer<T>,
) -> T {
    let Ok(call) = Call::on(name, heap) else {
        keep_status(core::ptr::null_mut(), RC_ERR_NO_MEMORY);
        return T::default();
    };
    let result = run(call);
    keep_status(call.heap, result.as_ref().err().copied().unwrap_or(RC_OK));
    result.unwrap_or_default()
}

// ---- structs ----

/// Reads a struct that begins with its size. Older hosts have fewer bytes: the rest is zero, the default.
/// Newer ones have more: those must be zero, else the host asks for what this library has not.
///
/// Err is a sentence for the message.
unsafe fn read_struct<T>(from: *const T, size: usize, least: usize) -> Result<T, &'static str> {
    let mut value = core::mem::MaybeUninit::<T>::zeroed();
    read_bytes(from as *const u8, size, least, value.as_mut_ptr() as *mut u8, size_of::<T>())?;
    // All fields of these structs are numbers, pointers and optional functions: zero is a value of each.
    Ok(value.assume_init())
}

/// As [`read_struct`], into zeroed memory with room for the struct that this library knows.
unsafe fn read_bytes(
    from: *const u8,
    size: usize,
    least: usize,
    to: *mut u8,
    room: usize,
) -> Result<(), &'static str> {
    if size < least {
        return Err("struct_size is smaller than any version of the struct; begin with its _INIT macro");
    }
    if size > STRUCT_BYTES_MAX {
        return Err("struct_size is larger than any version of the struct; begin with its _INIT macro");
    }
    let known = size.min(room);
    core::ptr::copy_nonoverlapping(from, to, known);
    if (known..size).all(|index| *from.add(index) == 0) {
        Ok(())
    } else {
        Err("the struct is of a newer version and uses a field that this library does not have")
    }
}

/// No version of a struct will be larger.
const STRUCT_BYTES_MAX: usize = 4096;

/// Whether a struct of the host's, which the library fills, can have this size.
pub(super) fn is_struct_size(size: usize) -> bool {
    (size_of::<usize>() * 2..=STRUCT_BYTES_MAX).contains(&size)
}

/// Writes as much of a struct as the host knows, leaving its `struct_size`. Err is a sentence for the message.
pub(super) unsafe fn write_struct<T>(to: *mut T, size: usize, value: &T) -> Result<(), &'static str> {
    write_bytes(to as *mut u8, size, value as *const T as *const u8, size_of::<T>())
}

unsafe fn write_bytes(to: *mut u8, size: usize, from: *const u8, len: usize) -> Result<(), &'static str> {
    if !is_struct_size(size) {
        return Err("struct_size is not the size of the struct; begin with its _INIT macro");
    }
    let skip = size_of::<usize>();
    let known = size.min(len);
    core::ptr::copy_nonoverlapping(from.add(skip), to.add(skip), known - skip);
    core::ptr::write_bytes(to.add(known), 0, size - known);
    Ok(())
}

// ---- heaps ----

pub(super) unsafe fn is_heap(heap: *const Heap) -> bool {
    range::is_heap_slot(heap) && (*heap).is_live()
}

/// A heap that must be live: anything else is fatal.
pub(super) unsafe fn heap_checked(call: &str, heap: *const Heap) -> *const Heap {
    if !is_heap(heap) {
        report::fatal(format_args!("{call}: {heap:p} is not a live heap: freed before, or never one"));
    }
    heap
}

/// The heap that a call names; null is the default heap. Null only when that cannot be made.
unsafe fn heap_of(call: &str, heap: *mut Heap) -> *mut Heap {
    if heap.is_null() {
        gc_heap_default()
    } else {
        heap_checked(call, heap) as *mut Heap
    }
}

/// What the last call came to that returns no status, on the default heap or on none.
// ORDER: relaxed: the word is all there is; of threads at once, whichever came last.
static PROCESS_STATUS: AtomicU32 = AtomicU32::new(RC_OK);

/// Keeps what a call came to that returns no status. Null: it had no heap.
pub(super) unsafe fn keep_status(heap: *mut Heap, status: rc_status) {
    // ORDER: relaxed: compared only; as at `heap::DEFAULT`.
    if heap.is_null() || heap == heap::DEFAULT.load(Ordering::Relaxed) {
        PROCESS_STATUS.store(status, Ordering::Relaxed);
    }
    if !heap.is_null() {
        (*heap).last_status = status;
    }
}

/// What was kept last; for a null heap that of the default heap, or of a call on none.
pub(super) unsafe fn last_status(call: &str, heap: *const Heap) -> rc_status {
    if heap.is_null() {
        PROCESS_STATUS.load(Ordering::Relaxed)
    } else {
        (*heap_checked(call, heap)).last_status
    }
}

// ---- types ----

#[inline(always)]
pub(super) unsafe fn type_checked(call: &'static str, ty: *mut Type) -> *mut Type {
    // No other memory is read: any address may come.
    if !range::is_type_slot(ty) || !(*ty).is_live() {
        not_a_type(call, ty);
    }
    ty
}

/// As [`type_checked`], for the calls that make objects: the type's word for itself is enough for what is readable.
#[inline(always)]
pub(super) unsafe fn type_for_new(call: &'static str, ty: *mut Type) -> *mut Type {
    if !looks_live(ty) {
        not_a_type(call, ty);
    }
    ty
}

/// Whether an address, which may be no type's, is null or not that of a live type.
#[inline(always)]
pub(super) unsafe fn looks_live(ty: *mut Type) -> bool {
    !ty.is_null() && Type::is_live_at(ty)
}

#[cold]
#[inline(never)]
fn not_a_type(call: &'static str, ty: *mut Type) -> ! {
    if ty.is_null() {
        report::fatal(format_args!("{call}: the type is null"));
    }
    report::fatal(format_args!(
        "{call}: {ty:p} is not a live type: freed before with its heap or by rc_type_free, or never one"
    ))
}
