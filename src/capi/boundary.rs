//! The one way over the boundary: every cast between the host's types and the engine's, every check of what
//! a host passed.
//!
//! What is checked, and what a failure is:
//! - a pointer to an object, a type or a heap that is null, foreign, interior, dead or of another kind is
//!   misuse that can corrupt memory: fatal, naming the function and the address;
//! - a struct of the host's is read through [`read_struct`], which knows older and newer ones;
//! - everything else is a status, with the sentence kept for `gc_error_message`.

use super::heap::{self as heap_api, gc_fatal_fn, gc_heap_options, gc_log_fn};
use super::status::*;
use super::types::{
    rc_field, rc_object_ctx_fn, rc_object_fn, rc_traverse_ctx_fn, rc_traverse_fn, rc_type_spec, rc_visit_fn,
};
use crate::alloc;
use crate::auto;
use crate::base::environment;
use crate::base::report::{self, CText, Line};
use crate::cycle::{self, judge};
use crate::header::{self, Flags, Header, IMMORTAL, LOCAL};
use crate::heap::{self, Heap, Phase};
use crate::host::Pin;
use crate::life::count;
use crate::life::external::Refused as ExternalRefused;
use crate::memory::range;
use crate::memory::range::NoSlot;
use crate::object::edges;
use crate::object::slots;
use crate::object::{self, checked};
use crate::profile::birth;
use crate::types::{self, RawField, Type, TypeFlags};
use core::ffi::{c_char, c_int, c_void};
use core::fmt::Display;
use core::sync::atomic::{AtomicU32, Ordering};
use static_assertions::const_assert_eq;

/// A pointer that must not be null, as the headers say by `RCGC_NONNULL`. Hosts are in C, so it may be null
/// all the same, which is why this is not `core::ptr::NonNull`.
#[repr(transparent)]
pub struct NonNull<T>(pub(super) *mut T);

impl<T> Clone for NonNull<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for NonNull<T> {}

macro_rules! same_place {
    ($($field:ident)*) => {
        $(const_assert_eq!(core::mem::offset_of!(RawField, $field), core::mem::offset_of!(rc_field, $field));)*
    };
}

// Two structs of one layout: the header's, with the manual, and the engine's.
same_place!(name slot place offset count stride payload_offset tag_offset tag_bytes length_offset length_bytes);
same_place!(mask value pointer_mask);
const_assert_eq!(size_of::<RawField>(), size_of::<rc_field>());
const_assert_eq!(
    core::mem::offset_of!(RawField, pointer_mask),
    core::mem::offset_of!(rc_field, pointer_mask)
);

/// Reads a struct that begins with its size. Older hosts have fewer bytes: the rest is zero, the default.
/// Newer ones have more: those must be zero, else the host asks for what this library has not.
///
/// Err is a sentence for the message.
unsafe fn read_struct<T>(from: *const T, size: usize, least: usize) -> Result<T, &'static str> {
    if size < least {
        return Err("struct_size is smaller than any version of the struct; begin with its _INIT macro");
    }
    if size > 4096 {
        return Err("struct_size is larger than any version of the struct; begin with its _INIT macro");
    }
    let mut value = core::mem::MaybeUninit::<T>::zeroed();
    let known = size.min(size_of::<T>());
    core::ptr::copy_nonoverlapping(from as *const u8, value.as_mut_ptr() as *mut u8, known);
    for index in known..size {
        if *(from as *const u8).add(index) != 0 {
            return Err("the struct is of a newer version and uses a field that this library does not have");
        }
    }
    // All fields of these structs are numbers, pointers and optional functions: zero is a value of each.
    Ok(value.assume_init())
}

/// Whether a struct of the host's, which the library fills, can have this size.
pub(super) fn is_struct_size(size: usize) -> bool {
    (size_of::<usize>() * 2..=4096).contains(&size)
}

/// Writes as much of a struct as the host knows, leaving its `struct_size`.
pub(super) unsafe fn write_struct<T>(to: *mut T, size: usize, value: &T) -> Result<(), &'static str> {
    if !is_struct_size(size) {
        return Err("struct_size is not the size of the struct; begin with its _INIT macro");
    }
    let skip = size_of::<usize>();
    let known = size.min(size_of::<T>());
    core::ptr::copy_nonoverlapping(
        (value as *const T as *const u8).add(skip),
        (to as *mut u8).add(skip),
        known - skip,
    );
    if size > known {
        core::ptr::write_bytes((to as *mut u8).add(known), 0, size - known);
    }
    Ok(())
}

// ---- heaps ----

unsafe fn is_heap(heap: *const Heap) -> bool {
    is_heap_slot(heap) && (*heap).is_live()
}

/// Whether an address is that of a heap, or was.
pub(super) unsafe fn is_heap_slot(heap: *const Heap) -> bool {
    let offset = (heap as usize).wrapping_sub(range::RANGE.heaps as usize);
    offset < range::RANGE.heaps_used * heap::HEAP_SLOT_BYTES && offset % heap::HEAP_SLOT_BYTES == 0
}

/// The heap that a call names; null is the default heap. None only when that cannot be made.
unsafe fn heap_of(call: &str, heap: *mut Heap) -> Option<*mut Heap> {
    if heap.is_null() {
        let heap = heap_default();
        return (!heap.is_null()).then_some(heap);
    }
    if !is_heap(heap) {
        report::fatal(format_args!("{call}: {heap:p} is not a live heap: freed before, or never one"));
    }
    Some(heap)
}

/// What the last call came to that returns no status, on the default heap or on none.
static PROCESS_STATUS: AtomicU32 = AtomicU32::new(RC_OK);

/// Keeps what a call came to that returns no status. Null: it had no heap.
pub(super) unsafe fn keep_status(heap: *mut Heap, status: rc_status) {
    if heap.is_null() || heap == heap::DEFAULT.load(Ordering::Relaxed) {
        PROCESS_STATUS.store(status, Ordering::Relaxed);
    }
    if !heap.is_null() {
        (*heap).last_status = status;
    }
}

pub(super) unsafe fn last_status(heap: *const Heap) -> rc_status {
    if heap.is_null() {
        return PROCESS_STATUS.load(Ordering::Relaxed);
    }
    if !is_heap(heap) {
        report::fatal(format_args!(
            "gc_last_status: {heap:p} is not a live heap: freed before, or never one"
        ));
    }
    (*heap).last_status
}

// ---- a call ----

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
        match heap_of(name, heap) {
            Some(heap) => Ok(Call { name, heap }),
            None => Err(RC_ERR_NO_MEMORY),
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

    /// Keeps the sentence for `gc_error_message`.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn say(self, why: impl Display) {
        let name = self.name;
        match self.heap.is_null() {
            true => report::set_process_error(&Line::of(format_args!("{name}: {why}"))),
            false => (*self.heap).set_error(format_args!("{name}: {why}")),
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
        match holds {
            true => Ok(()),
            false => self.invalid(otherwise),
        }
    }

    /// Goes on unless host code is running that may only look at the heap.
    pub(super) unsafe fn may_change(self) -> Answer<()> {
        match (*self.heap).phase() == Phase::Judging {
            true => self.refuse(RC_ERR_REFUSED, LOOKING),
            false => Ok(()),
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
        match (*self.heap).phase() == Phase::Idle && (*self.heap).running_callbacks() == 0 {
            true => Ok(()),
            false => self.refuse(RC_ERR_REFUSED, "a callback of the heap is running"),
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
        match from.is_null() {
            // Fields of such structs are numbers, pointers and optional functions: zero is a value of each.
            true => Ok(core::mem::MaybeUninit::zeroed().assume_init()),
            false => self.read(from, least, what),
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

pub(super) unsafe fn heap_new(options: *const gc_heap_options, out_heap: NonNull<*mut Heap>) -> rc_status {
    let refuse = |status: rc_status, text: core::fmt::Arguments<'_>| {
        report::set_process_error(&Line::of(text));
        status
    };
    if out_heap.0.is_null() {
        return refuse(RC_ERR_INVALID, format_args!("gc_heap_new: out_heap is null"));
    }
    let mut name: *const c_char = core::ptr::null();
    let mut range_bytes = 0;
    let mut queued_finalizers = false;
    let mut check = heap_api::GC_CHECK_DEFAULT;
    if !options.is_null() {
        // What must be there in every version: size, tag, threads.
        let options = match read_struct(options, (*options).struct_size, 16) {
            Ok(options) => options,
            Err(why) => return refuse(RC_ERR_INVALID, format_args!("gc_heap_new: options: {why}")),
        };
        if options.abi_tag != header::ABI_TAG {
            return refuse(
                RC_ERR_ABI,
                format_args!(
                    "gc_heap_new: the program was compiled for header layout {:#x}, this library has {:#x}; compile it again with the library's headers",
                    options.abi_tag,
                    header::ABI_TAG
                ),
            );
        }
        match options.threads {
            heap_api::GC_THREADS_SERIAL => {}
            heap_api::GC_THREADS_ONE | heap_api::GC_THREADS_SHARED => {
                return refuse(
                    RC_ERR_UNSUPPORTED,
                    format_args!(
                        "gc_heap_new: options.threads {} is not available in this version",
                        options.threads
                    ),
                )
            }
            other => {
                return refuse(
                    RC_ERR_INVALID,
                    format_args!("gc_heap_new: options.threads {other} is unknown"),
                )
            }
        }
        match options.finalizers {
            heap_api::GC_FINALIZERS_INLINE => {}
            heap_api::GC_FINALIZERS_QUEUED => queued_finalizers = true,
            other => {
                return refuse(
                    RC_ERR_INVALID,
                    format_args!("gc_heap_new: options.finalizers {other} is unknown"),
                )
            }
        }
        if options.reserved != 0 {
            return refuse(RC_ERR_INVALID, format_args!("gc_heap_new: options.reserved is not zero"));
        }
        if options.reserved_2 != 0 {
            return refuse(RC_ERR_INVALID, format_args!("gc_heap_new: options.reserved_2 is not zero"));
        }
        check = options.check;
        if check > heap_api::GC_CHECK_CHECKED {
            return refuse(RC_ERR_INVALID, format_args!("gc_heap_new: options.check {check} is unknown"));
        }
        name = options.name;
        range_bytes = options.range_bytes;
    }
    match heap::new(&heap::Options { name, range_bytes, queued_finalizers, checked: is_checked(check) }) {
        Ok(heap) => {
            *out_heap.0 = heap;
            born(heap);
            RC_OK
        }
        Err(why) => no_heap("gc_heap_new", why),
    }
}

/// Says why there is no heap.
fn no_heap(call: &str, why: NoSlot) -> rc_status {
    let (status, line) = match why {
        NoSlot::NoMemory => {
            (RC_ERR_NO_MEMORY, Line::of(format_args!("{call}: no memory or address space for a heap")))
        }
        NoSlot::Limit => {
            let most = range::heaps_max();
            (RC_ERR_LIMIT, Line::of(format_args!("{call}: the process has as many heaps as it can: {most}")))
        }
    };
    report::set_process_error(&line);
    status
}

/// Whether a heap that asks for a level is checked: the environment says what the default is.
unsafe fn is_checked(check: u32) -> bool {
    match check {
        heap_api::GC_CHECK_DEFAULT => environment::one_of(c"RCGC_CHECK", &[c"fast", c"checked"]) == 1,
        other => other == heap_api::GC_CHECK_CHECKED,
    }
}

pub(super) unsafe fn heap_default() -> *mut Heap {
    let heap = heap::DEFAULT.load(Ordering::Relaxed);
    if !heap.is_null() {
        return heap;
    }
    let options = heap::Options {
        name: c"default heap".as_ptr(),
        range_bytes: 0,
        queued_finalizers: false,
        checked: is_checked(0),
    };
    let heap = match heap::new(&options) {
        Ok(heap) => heap,
        Err(why) => {
            no_heap("gc_heap_default", why);
            return core::ptr::null_mut();
        }
    };
    heap::DEFAULT.store(heap, Ordering::Relaxed);
    born(heap);
    heap
}

/// A heap was made, and is where calls find it: the log may be told of what it cannot do by itself.
unsafe fn born(heap: *mut Heap) {
    let _pin = Pin::on(heap);
    auto::at_birth(heap);
}

pub(super) unsafe fn heap_free(heap: *mut Heap) -> usize {
    // Null is the default heap, as everywhere, but is not made only to be freed.
    let heap = if heap.is_null() { heap::DEFAULT.load(Ordering::Relaxed) } else { heap };
    if heap.is_null() {
        return 0;
    }
    if !is_heap(heap) {
        report::fatal(format_args!("gc_heap_free: {heap:p} is not a live heap: freed twice, or never one"));
    }
    if (*heap).phase() != Phase::Idle || (*heap).running_callbacks() != 0 || (*heap).pins != 0 {
        report::fatal(format_args!(
            "gc_heap_free: heap {} was freed inside one of its own callbacks, or while another call in it runs host code, or one of them was left by a jump",
            CText((*heap).name())
        ));
    }
    // For good: what runs from here on must not free it again.
    (*heap).pins += 1;
    let held = cycle::ending::end_heap(heap);
    if heap::DEFAULT.load(Ordering::Relaxed) == heap {
        heap::DEFAULT.store(core::ptr::null_mut(), Ordering::Relaxed);
    }
    held as usize
}

pub(super) unsafe fn heap_name(heap: *mut Heap) -> *const c_char {
    heap_of("gc_heap_name", heap).map_or(core::ptr::null(), |heap| (*heap).name())
}

pub(super) unsafe fn error_message(heap: *const Heap) -> *const c_char {
    if heap.is_null() {
        return report::process_error();
    }
    if !is_heap(heap) {
        report::fatal(format_args!(
            "gc_error_message: {heap:p} is not a live heap: freed before, or never one"
        ));
    }
    (*heap).error()
}

pub(super) unsafe fn set_log(log: gc_log_fn, ctx: *mut c_void) {
    report::set_log(log, ctx)
}

pub(super) unsafe fn set_fatal(fatal: gc_fatal_fn, ctx: *mut c_void) {
    report::set_fatal(fatal, ctx)
}

// ---- types ----

#[inline(always)]
pub(super) unsafe fn type_checked(call: &'static str, kind: *mut Type) -> *mut Type {
    // No other memory is read: any address may come.
    let offset = (kind as usize).wrapping_sub(range::RANGE.types as usize);
    if offset >= range::RANGE.types_bytes || offset % types::TYPE_SLOT_BYTES != 0 || !(*kind).is_live() {
        not_a_type(call, kind);
    }
    kind
}

/// As [`type_checked`], for the calls that make objects: the type's word for itself is enough for what is readable.
#[inline(always)]
pub(super) unsafe fn type_for_new(call: &'static str, kind: *mut Type) -> *mut Type {
    if !looks_live(kind) {
        not_a_type(call, kind);
    }
    kind
}

/// Whether an address, which may be no type's, is null or not that of a live type.
#[inline(always)]
pub(super) unsafe fn looks_live(kind: *mut Type) -> bool {
    !kind.is_null() && Type::is_live_at(kind)
}

#[cold]
#[inline(never)]
fn not_a_type(call: &'static str, kind: *mut Type) -> ! {
    if kind.is_null() {
        report::fatal(format_args!("{call}: the type is null"));
    }
    report::fatal(format_args!(
        "{call}: {kind:p} is not a live type: freed before with its heap or by rc_type_free, or never one"
    ))
}

pub(super) unsafe fn type_new(
    heap: *mut Heap,
    spec: *const rc_type_spec,
    out_type: NonNull<*mut Type>,
) -> rc_status {
    let Some(heap) = heap_of("rc_type_new", heap) else { return RC_ERR_NO_MEMORY };
    if spec.is_null() || out_type.0.is_null() {
        (*heap).set_error(format_args!("rc_type_new: spec or out_type is null"));
        return RC_ERR_INVALID;
    }
    let spec = match read_struct(spec, (*spec).struct_size, core::mem::offset_of!(rc_type_spec, fields)) {
        Ok(spec) => spec,
        Err(why) => {
            (*heap).set_error(format_args!("rc_type_new: spec: {why}"));
            return RC_ERR_INVALID;
        }
    };
    if spec.reserved != 0 {
        (*heap).set_error(format_args!("rc_type_new: type {}: reserved is not zero", CText(spec.name)));
        return RC_ERR_INVALID;
    }
    if let Some(why) = wrong_form(&spec) {
        (*heap).set_error(format_args!("rc_type_new: type {}: {why}", CText(spec.name)));
        return RC_ERR_INVALID;
    }
    // Of each pair one is null.
    let spec = types::Spec {
        name: spec.name,
        size: spec.size,
        tail_size: spec.tail_size,
        flags: spec.flags,
        fields: spec.fields as *const RawField,
        field_count: spec.field_count,
        traverse: spec
            .traverse
            .or(core::mem::transmute::<rc_traverse_ctx_fn, rc_traverse_fn>(spec.traverse_ctx)),
        clear: spec.clear.or(without_ctx(spec.clear_ctx)),
        finalize: spec.finalize.or(without_ctx(spec.finalize_ctx)),
        destroy: spec.destroy.or(without_ctx(spec.destroy_ctx)),
        ctx: spec.ctx,
    };
    match types::new(heap, &spec) {
        Ok(kind) => {
            *out_type.0 = kind;
            RC_OK
        }
        Err(types::Refused::Invalid) => RC_ERR_INVALID,
        Err(types::Refused::NoMemory) => RC_ERR_NO_MEMORY,
        Err(types::Refused::Limit) => RC_ERR_LIMIT,
        Err(types::Refused::Unsupported) => RC_ERR_UNSUPPORTED,
    }
}

/// A callback that is called with the type's ctx, as the engine keeps it: [`TypeFlags::CTX`] tells what it is.
unsafe fn without_ctx(function: rc_object_ctx_fn) -> rc_object_fn {
    core::mem::transmute::<rc_object_ctx_fn, rc_object_fn>(function)
}

/// Why the callbacks of a spec are not those that its flags speak of.
fn wrong_form(spec: &rc_type_spec) -> Option<&'static str> {
    let plain =
        spec.traverse.is_some() || spec.clear.is_some() || spec.finalize.is_some() || spec.destroy.is_some();
    let with_ctx = spec.traverse_ctx.is_some()
        || spec.clear_ctx.is_some()
        || spec.finalize_ctx.is_some()
        || spec.destroy_ctx.is_some();
    match spec.flags & types::CTX != 0 {
        true if plain => Some("with RC_TYPE_CTX the callbacks are traverse_ctx, clear_ctx, finalize_ctx and destroy_ctx; those without _ctx must be null"),
        false if with_ctx => Some("a callback that takes ctx (traverse_ctx, clear_ctx, finalize_ctx, destroy_ctx) needs RC_TYPE_CTX in flags"),
        _ => None,
    }
}

pub(super) unsafe fn type_free(kind: *mut Type) -> rc_status {
    if kind.is_null() {
        return RC_OK;
    }
    let kind = type_checked("rc_type_free", kind);
    let heap = (*kind).heap;
    let (live, pins) = ((*kind).live(), (*(*kind).books()).pins);
    if live != 0 || pins != 0 || (*heap).phase() != Phase::Idle {
        let call = "rc_type_free: type";
        let name = (*kind).name();
        match (live, pins) {
            (0, 0) => (*heap).set_error(format_args!(
                "{call} {name}: a collection, or another look at the heap, is running"
            )),
            (0, _) => (*heap).set_error(format_args!("{call} {name}: an object of it is being made")),
            (live, _) => (*heap).set_error(format_args!("{call} {name}: {live} objects of it live")),
        }
        return RC_ERR_IN_USE;
    }
    types::end(kind);
    RC_OK
}

pub(super) unsafe fn type_ctx(kind: NonNull<Type>) -> *mut c_void {
    (*type_checked("rc_type_ctx", kind.0)).ctx
}

pub(super) unsafe fn type_name(kind: NonNull<Type>) -> *const c_char {
    (*type_checked("rc_type_name", kind.0)).name
}

pub(super) unsafe fn type_live(kind: NonNull<Type>) -> u64 {
    (*type_checked("rc_type_live", kind.0)).live()
}

pub(super) unsafe fn visit_named(
    visit: rc_visit_fn,
    visit_ctx: *mut c_void,
    reference: *mut c_void,
    name: *const c_char,
    index: usize,
) -> c_int {
    match visit {
        Some(visit) if edges::is_own(visit) => edges::visit_named(reference, visit_ctx, name, index),
        Some(visit) => judge::visit_named(visit, visit_ctx, reference, name, index),
        None => report::fatal(format_args!("rc_visit_named: visit is null")),
    }
}

// ---- objects ----

#[inline(always)]
pub(super) unsafe fn object_new(kind: NonNull<Type>) -> *mut c_void {
    if !looks_live(kind.0) {
        return object_new_checked(kind.0);
    }
    alloc::new(kind.0)
}

/// What `object_new` does for a type that looks wrong. It could return, for all the compiler knows, so that
/// calling it is a jump and the common path needs no stack.
#[cold]
#[inline(never)]
unsafe fn object_new_checked(kind: *mut Type) -> *mut c_void {
    alloc::new(type_checked("rc_new", kind))
}

pub(super) unsafe fn object_new_array(kind: NonNull<Type>, n: usize) -> *mut c_void {
    let kind = type_for_new("rc_new_array", kind.0);
    tail_checked("rc_new_array", kind, n);
    alloc::new_array(kind, n)
}

#[inline(always)]
pub(super) unsafe fn tail_checked(call: &str, kind: *mut Type, n: usize) {
    if n != 0 && !(*kind).flags.contains(TypeFlags::TAIL) {
        has_no_tail(call, kind, n);
    }
}

#[cold]
#[inline(never)]
unsafe fn has_no_tail(call: &str, kind: *mut Type, n: usize) -> ! {
    report::fatal(format_args!(
        "{call}: {n} trailing elements for type {}, which has none (tail_size is 0)",
        (*kind).name()
    ))
}

pub(super) unsafe fn object_length(obj: NonNull<c_void>) -> usize {
    let header = checked("rc_length", obj.0);
    match (*range::type_at(header.type_index())).flags.contains(TypeFlags::TAIL) {
        true => slots::tail_length(obj.0),
        false => 0,
    }
}

pub(super) unsafe fn object_type(obj: NonNull<c_void>) -> *mut Type {
    range::type_at(checked("rc_type_of", obj.0).type_index())
}

pub(super) unsafe fn object_heap(obj: NonNull<c_void>) -> *mut Heap {
    (*range::type_at(checked("rc_heap_of", obj.0).type_index())).heap
}

pub(super) unsafe fn object_size(obj: NonNull<c_void>) -> usize {
    checked("rc_size_of", obj.0);
    object::size_of_object(obj.0)
}

pub(super) unsafe fn object_immortalize(obj: NonNull<c_void>) {
    let header = checked("rc_immortalize", obj.0);
    if !object::is_settled(header) {
        report::fatal(format_args!(
            "rc_immortalize: {} {:p} is dying",
            (*object::type_of(obj.0)).name(),
            obj.0
        ));
    }
    Call { name: "rc_immortalize", heap: (*object::type_of(obj.0)).heap }.must_not_look();
    object::immortalize(obj.0)
}

pub(super) unsafe fn object_add_external(obj: NonNull<c_void>, bytes: isize) -> rc_status {
    checked("rc_add_external_bytes", obj.0);
    let kind = object::type_of(obj.0);
    let heap = &mut *(*kind).heap;
    match heap.external.add(range::granule_of(obj.0), bytes as i64) {
        Ok(0) if crate::profile::of((*kind).heap).is_null() => header::clear_flags(obj.0, Flags::SIDE),
        Ok(_) => {
            header::set_flags(obj.0, Flags::SIDE);
            birth::external_changed(heap, obj.0, bytes as i64);
        }
        Err(why) => {
            heap.set_error(format_args!(
                "rc_add_external_bytes: {} {:p}: {}",
                (*kind).name(),
                obj.0,
                match why {
                    ExternalRefused::OutOfRange => "its external bytes would fall below 0 or leave 63 bits",
                    ExternalRefused::NoMemory => "no memory",
                }
            ));
            return match why {
                ExternalRefused::OutOfRange => RC_ERR_INVALID,
                ExternalRefused::NoMemory => RC_ERR_NO_MEMORY,
            };
        }
    }
    if bytes > 0 {
        heap.spend(bytes as u64);
    }
    RC_OK
}

// ---- counts ----

/// The exported twins look whether a block begins at the address, so that null, foreign and interior pointers are
/// told instead of followed; the dead are found by their count words.
#[inline(always)]
unsafe fn counted(call: &'static str, obj: *mut c_void) -> *mut c_void {
    if !object::is_block(obj) {
        not_a_block(call, obj);
    }
    obj
}

#[cold]
#[inline(never)]
unsafe fn not_a_block(call: &'static str, obj: *mut c_void) -> ! {
    checked(call, obj);
    report::fatal(format_args!("{call}: {obj:p} is not an object"))
}

#[inline(always)]
pub(super) unsafe fn incref(obj: NonNull<c_void>) {
    count::incref(counted("rc_incref", obj.0))
}

#[inline(always)]
pub(super) unsafe fn decref(obj: NonNull<c_void>) {
    count::decref(counted("rc_decref", obj.0))
}

#[inline(always)]
pub(super) unsafe fn xincref(obj: *mut c_void) {
    if !obj.is_null() {
        count::incref(counted("rc_xincref", obj))
    }
}

#[inline(always)]
pub(super) unsafe fn xdecref(obj: *mut c_void) {
    if !obj.is_null() {
        count::decref(counted("rc_xdecref", obj))
    }
}

#[inline(always)]
pub(super) unsafe fn newref(obj: NonNull<c_void>) -> *mut c_void {
    count::incref(counted("rc_newref", obj.0));
    obj.0
}

pub(super) unsafe fn setref(slot: NonNull<c_void>, obj: *mut c_void) {
    if slot.0.is_null() {
        report::fatal(format_args!("rc_setref: the slot is null"));
    }
    if !obj.is_null() {
        checked("rc_setref", obj);
    }
    let old = (slot.0 as *mut *mut c_void).read_unaligned();
    (slot.0 as *mut *mut c_void).write_unaligned(obj);
    xdecref(old);
}

pub(super) unsafe fn count(obj: NonNull<c_void>) -> u32 {
    let header: Header = checked("rc_count", obj.0);
    match header.count_word() {
        IMMORTAL => u32::MAX,
        word if word & LOCAL != 0 => word - LOCAL,
        _ => count::count_slow(obj.0),
    }
}

pub(super) unsafe fn incref_slow(obj: *mut c_void) {
    count::incref_slow(obj)
}

#[inline(always)]
pub(super) unsafe fn decref_slow(obj: *mut c_void) {
    count::decref_slow(obj)
}

pub(super) unsafe fn count_slow(obj: *mut c_void) -> u32 {
    count::count_slow(obj)
}
