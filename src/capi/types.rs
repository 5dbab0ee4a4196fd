//! `rcgc/type.h`: what the engine must know of a host's struct: how big it is and where its references are.

use super::boundary::{status, type_checked, Call, NonNull};
use super::status::*;
use crate::base::report::{self, CText};
use crate::cycle::judge;
use crate::heap::{Heap as gc_heap, Phase};
use crate::object::edges;
/// A type of objects: how large they are and where their references are. `rc_type_new` makes one; `rc_type_free` ends it
/// when no object of it lives, else the end of its heap does. It is used where its heap may be.
use crate::types::Type as rc_type;
use crate::types::{self, RawField, Refused, Spec};
use core::ffi::{c_char, c_int, c_void};
use static_assertions::const_assert_eq;

/// Objects of the type are never tracked, whatever they refer to: the host knows that they are in no ring.
pub const RC_TYPE_ACYCLIC: u32 = 1;
/// Objects wait for `gc_track`, although all references are declared.
pub const RC_TYPE_TRACK_MANUAL: u32 = 2;
/// Objects are tracked when made, although the type has a `traverse`: it must cope with a zeroed object.
pub const RC_TYPE_TRACK_ON_NEW: u32 = 4;
/// Objects are born shared between threads. Not in this version: refused.
pub const RC_TYPE_SHARED: u32 = 8;
/// The callbacks know their runtime: they take the type's `ctx` as a last parameter. They are the members of the spec whose
/// names end in `_ctx` (`clear_ctx`, ...); the members without it must be null.
pub const RC_TYPE_CTX: u32 = 16;
/// The host knows the length of each object's trailing array: nothing is stored for it, which saves 8 bytes an object, and
/// `rc_length` is refused. Nothing in the array is a reference that a field declares. Where sizes are reported, it is what the
/// object's block has (`rc_room`).
pub const RC_TYPE_HOST_LENGTH: u32 = 32;
/// The trailing array is not zeroed: whatever was in the memory is in a new object. The struct before it is zeroed. Nothing in
/// the array is a reference that a field declares; a `traverse` must not look at what was not written yet.
pub const RC_TYPE_UNINIT: u32 = 64;

/// What a `traverse` calls for each owned reference; null references may be passed. The result is for the
/// library: a `traverse` returns it at once when it is not 0.
pub type rc_visit_fn = Option<unsafe extern "C" fn(reference: *mut c_void, visit_ctx: *mut c_void) -> c_int>;

/// Calls `visit` once for each owned reference of the object that is not in a declared field, and returns
/// 0, or at once what `visit` returned when that was not 0. It may only visit: no allocation, no release,
/// no collection.
pub type rc_traverse_fn =
    Option<unsafe extern "C" fn(obj: *mut c_void, visit: rc_visit_fn, visit_ctx: *mut c_void) -> c_int>;

/// The other callbacks of a type. They return: one that is left by a long jump or an exception leaves its heap in the middle
/// of a death for ever, without collections; `gc_heap_free` then calls the fatal hook.
///
/// **Depth.** An object whose last reference a callback releases is dead when its `rc_decref` returns, while fewer than sixteen
/// callbacks are running on the thread, those of all heaps together. Deeper it dies as soon as the innermost of them has returned; the
/// thread must still be alone in its heap then. So a chain whose links are released by callbacks needs the stack of sixteen callbacks,
/// however long it is and in however many heaps its links lie. Collections that are due wait likewise.
pub type rc_object_fn = Option<unsafe extern "C" fn(obj: *mut c_void)>;

/// As `rc_traverse_fn`, for types with `RC_TYPE_CTX`: `ctx` is the type's.
pub type rc_traverse_ctx_fn = Option<
    unsafe extern "C" fn(
        obj: *mut c_void,
        visit: rc_visit_fn,
        visit_ctx: *mut c_void,
        ctx: *mut c_void,
    ) -> c_int,
>;

/// As `rc_object_fn`, for types with `RC_TYPE_CTX`: `ctx` is the type's.
pub type rc_object_ctx_fn = Option<unsafe extern "C" fn(obj: *mut c_void, ctx: *mut c_void)>;

/// The kinds of slots; written by the `RC_FIELD` macros.
pub const RC_SLOT_POINTER: u32 = 1;
/// A word that holds an owned pointer when `(word & mask) == value`.
pub const RC_SLOT_TAGGED: u32 = 2;
/// A pointer that counts when the tag beside it says so: `(tag & mask) == value`.
pub const RC_SLOT_VARIANT: u32 = 3;
/// A member of type `rc_weak *` (may be null), which ends with its holder.
pub const RC_SLOT_WEAK: u32 = 4;

/// The slots of the field are one in the struct.
pub const RC_PLACE_ONE: u32 = 1;
/// The slots of the field are a fixed array in the struct.
pub const RC_PLACE_ARRAY: u32 = 2;
/// The slots of the field are the trailing array.
pub const RC_PLACE_TAIL: u32 = 3;
/// The slots of the field are a buffer that the host allocated, with its used length in the struct.
pub const RC_PLACE_VECTOR: u32 = 4;

/// One declared field: where owned references lie in the host's struct. Made by the `RC_FIELD` macros; the
/// members are documented for hosts in other languages. Offsets are from the start of the struct, sizes in
/// bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rc_field {
    /// The member's name, shown as the name of the edge; copied.
    pub name: *const c_char,
    /// One of `RC_SLOT_*`.
    pub slot: u32,
    /// One of `RC_PLACE_*`.
    pub place: u32,
    /// Where the member begins (for a vector: the member that points to the buffer).
    pub offset: usize,
    /// Slots in the member: 1, or the length of the fixed array; 0 for a tail and a vector.
    pub count: usize,
    /// From one slot to the next; `sizeof(void *)` for plain pointers.
    pub stride: usize,
    /// From the start of a slot's element to its pointer or word.
    pub payload_offset: usize,
    /// From the start of a slot's element to its tag (variant).
    pub tag_offset: usize,
    /// Bytes of the tag (variant): 1, 2, 4 or 8.
    pub tag_bytes: usize,
    /// Where the used length lies (vector), and its bytes: 1, 2, 4 or 8.
    pub length_offset: usize,
    /// Bytes of the used length (vector).
    pub length_bytes: usize,
    /// Bits of the word or tag that decide (tagged, variant).
    pub mask: u64,
    /// What those bits must be.
    pub value: u64,
    /// Bits of the word that are the pointer (tagged).
    pub pointer_mask: u64,
}

/// What a type is made from. Start from `RC_TYPE_SPEC_INIT`; everything is copied.
#[repr(C)]
pub struct rc_type_spec {
    /// `sizeof(rc_type_spec)` as the host was compiled.
    pub struct_size: usize,
    /// Shown in reports; must not be empty.
    pub name: *const c_char,
    /// `sizeof` the struct; of a struct that ends in a trailing array, without that array.
    pub size: usize,
    /// Bytes of each trailing element, references or not; 0: the type has no trailing array.
    pub tail_size: usize,
    /// `RC_TYPE_*` together.
    pub flags: u32,
    /// Must be zero.
    pub reserved: u32,
    /// The declared fields.
    pub fields: *const rc_field,
    /// How many there are.
    pub field_count: usize,
    /// Reports the references that are not declared; needs `clear`, unless the type is acyclic.
    pub traverse: rc_traverse_fn,
    /// Releases and nulls the same references; called once in each object's death.
    pub clear: rc_object_fn,
    /// Called once in an object's life, before it dies, with everything it refers to intact. It may store a
    /// reference to the object, which lives on then, with all it reaches.
    pub finalize: rc_object_fn,
    /// Frees what the host itself allocated for the object (a vector's buffer, a file); sees no references
    /// any more.
    pub destroy: rc_object_fn,
    /// The host's; `rc_type_ctx` gives it back, and callbacks are given it with `RC_TYPE_CTX`.
    pub ctx: *mut c_void,
    /// With `RC_TYPE_CTX`: what `traverse` is for other types.
    pub traverse_ctx: rc_traverse_ctx_fn,
    /// With `RC_TYPE_CTX`: what `clear` is for other types.
    pub clear_ctx: rc_object_ctx_fn,
    /// With `RC_TYPE_CTX`: what `finalize` is for other types.
    pub finalize_ctx: rc_object_ctx_fn,
    /// With `RC_TYPE_CTX`: what `destroy` is for other types.
    pub destroy_ctx: rc_object_ctx_fn,
}

/// Makes a type in a heap (null: the default heap).
///
/// Ownership: the type lives as long as its heap, or until `rc_type_free`.
/// Fails: RC_ERR_INVALID (a bad spec; `gc_error_message` names the field), RC_ERR_UNSUPPORTED,
/// RC_ERR_LIMIT, RC_ERR_NO_MEMORY.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn rc_type_new(
    heap: *mut gc_heap,
    spec: *const rc_type_spec,
    out_type: NonNull<*mut rc_type>,
) -> rc_status {
    status(|| {
        let call = Call::on("rc_type_new", heap)?;
        call.needs(!spec.is_null() && !out_type.0.is_null(), "spec or out_type is null")?;
        let spec = call.read(spec, core::mem::offset_of!(rc_type_spec, fields), "spec: ")?;
        let unknown = (spec.reserved != 0).then_some("reserved is not zero");
        if let Some(why) = unknown.or(wrong_form(&spec)) {
            return call.invalid(format_args!("type {}: {why}", CText(spec.name)));
        }
        // Of each pair of callbacks one is null.
        let spec = Spec {
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
        // The sentence behind a failure has been kept.
        *out_type.0 = types::new(call.heap, &spec).map_err(|why| match why {
            Refused::Invalid => RC_ERR_INVALID,
            Refused::NoMemory => RC_ERR_NO_MEMORY,
            Refused::Limit => RC_ERR_LIMIT,
            Refused::Unsupported => RC_ERR_UNSUPPORTED,
        })?;
        Ok(())
    })
}

/// Ends a type of which no object lives. Null is `RC_OK`.
///
/// Ownership: takes the type.
/// Fails: RC_ERR_IN_USE while objects of it live, while one is being made (in a callback that runs inside its `rc_new`: a
/// watch, the frames of a stack), while a collection of the heap runs, and where host code may only look (rcgc/heap.h);
/// fatal for a pointer that is not a live type.
#[no_mangle]
pub unsafe extern "C" fn rc_type_free(type_: *mut rc_type) -> rc_status {
    if type_.is_null() {
        return RC_OK;
    }
    status(|| {
        const CALL: &str = "rc_type_free";
        let ty = type_checked(CALL, type_);
        let call = Call { name: CALL, heap: (*ty).heap };
        let (live, pins, name) = ((*ty).live(), (*(*ty).rare()).pins, (*ty).name());
        if live != 0 {
            return call.refuse(RC_ERR_IN_USE, format_args!("type {name}: {live} objects of it live"));
        }
        if pins != 0 {
            return call.refuse(RC_ERR_IN_USE, format_args!("type {name}: an object of it is being made"));
        }
        if (*call.heap).phase() != Phase::Idle {
            return call.refuse(
                RC_ERR_IN_USE,
                format_args!("type {name}: a collection, or another look at the heap, is running"),
            );
        }
        types::end(ty);
        Ok(())
    })
}

/// The `ctx` of the type's spec.
///
/// Ownership: the host's.
/// Threads: any.
/// Fails: fatal for a pointer that is not a live type.
#[no_mangle]
pub unsafe extern "C" fn rc_type_ctx(type_: NonNull<rc_type>) -> *mut c_void {
    (*type_checked("rc_type_ctx", type_.0)).ctx
}

/// The type's name.
///
/// Ownership: the string lives as long as the type.
/// Threads: any.
/// Fails: fatal for a pointer that is not a live type.
#[no_mangle]
pub unsafe extern "C" fn rc_type_name(type_: NonNull<rc_type>) -> *const c_char {
    (*type_checked("rc_type_name", type_.0)).name
}

/// How many objects of the type live now.
///
/// Fails: fatal for a pointer that is not a live type.
#[no_mangle]
pub unsafe extern "C" fn rc_type_live(type_: NonNull<rc_type>) -> u64 {
    (*type_checked("rc_type_live", type_.0)).live()
}

/// For use in a `traverse`: passes `reference` to `visit` under a name, which reports show as the name of
/// the edge; `index` distinguishes edges of one name (`RC_NO_INDEX`: there is only one).
///
/// Ownership: nothing; the name must be static or live as long as the type.
/// Threads: the heap's, inside `traverse`.
/// Fails: returns what `visit` returned; the `traverse` must return it at once when it is not 0.
#[no_mangle]
pub unsafe extern "C" fn rc_visit_named(
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

macro_rules! same_place {
    ($($field:ident)*) => {
        $(const_assert_eq!(core::mem::offset_of!(RawField, $field), core::mem::offset_of!(rc_field, $field));)*
    };
}

// Two structs of one layout: the header's, with the manual, and the engine's.
same_place!(name slot place offset count stride payload_offset tag_offset tag_bytes length_offset length_bytes);
same_place!(mask value pointer_mask);
const_assert_eq!(size_of::<RawField>(), size_of::<rc_field>());

/// A callback that is called with the type's ctx, as the engine keeps it: `TypeFlags::CTX` says what it is.
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
