//! What a host says of a type, and whether that can be: every field is checked, alone and against every other, before
//! anything is made. A refusal says which field, and why.

use super::{apart, ObjectFn, TraverseFn};
use crate::base::report::{CText, Line};
use core::ffi::{c_char, c_void};
use core::ptr;

/// Most bytes of a struct.
const SIZE_MAX: usize = 1 << 46;
/// Most declared fields of one type.
const FIELDS_MAX: usize = 1 << 16;
/// The raw field of a spec; the layout of `rc_field`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct RawField {
    /// The member's name.
    pub name: *const c_char,
    /// `RC_SLOT_*`.
    pub slot: u32,
    /// `RC_PLACE_*`.
    pub place: u32,
    /// See `rc_field` for this and all that follow.
    pub offset: usize,
    /// Slots.
    pub count: usize,
    /// From slot to slot.
    pub stride: usize,
    /// To the word.
    pub payload_offset: usize,
    /// To the tag.
    pub tag_offset: usize,
    /// Of the tag.
    pub tag_bytes: usize,
    /// To the length.
    pub length_offset: usize,
    /// Of the length.
    pub length_bytes: usize,
    /// Deciding bits.
    pub mask: u64,
    /// Their value.
    pub value: u64,
    /// Pointer bits.
    pub pointer_mask: u64,
}

/// A spec, read from the host's struct.
pub struct Spec {
    /// A C string.
    pub name: *const c_char,
    /// Bytes of the struct.
    pub size: usize,
    /// Bytes of a trailing element.
    pub tail_size: usize,
    /// `RC_TYPE_*`.
    pub flags: u32,
    /// The fields.
    pub fields: *const RawField,
    /// How many fields there are.
    pub field_count: usize,
    /// See `rc_type_spec`. With [`CTX`] this and all that follow are the members whose names end in `_ctx`.
    pub traverse: Option<TraverseFn>,
    /// See `rc_type_spec`.
    pub clear: Option<ObjectFn>,
    /// See `rc_type_spec`.
    pub finalize: Option<ObjectFn>,
    /// See `rc_type_spec`.
    pub destroy: Option<ObjectFn>,
    /// See `rc_type_spec`.
    pub ctx: *mut c_void,
}

/// `RC_TYPE_ACYCLIC`.
pub const ACYCLIC: u32 = 1;
/// `RC_TYPE_TRACK_MANUAL`.
pub const TRACK_MANUAL: u32 = 2;
/// `RC_TYPE_TRACK_ON_NEW`.
pub const TRACK_ON_NEW: u32 = 4;
/// `RC_TYPE_SHARED`.
const SHARED: u32 = 8;
/// `RC_TYPE_CTX`.
pub const CTX: u32 = 16;
/// `RC_TYPE_HOST_LENGTH`.
pub const HOST_LENGTH: u32 = 32;
/// `RC_TYPE_UNINIT`.
pub const UNINIT: u32 = 64;

/// Why a spec was refused; the sentence is in the heap's error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The spec is wrong.
    Invalid,
    /// No memory.
    NoMemory,
    /// Too many types in the process, or fields in the type.
    Limit,
    /// Not in this version.
    Unsupported,
}

/// A reason under construction: written by the checks, kept by [`new`].
pub struct Reason(pub Line);

impl Reason {
    /// Keeps the sentence, and is the refusal that goes with most of them.
    pub fn say(&mut self, text: core::fmt::Arguments<'_>) -> Refused {
        self.0 = Line::of(text);
        Refused::Invalid
    }
}

/// The bits that a field's tag can have.
pub fn tag_bits(field: &RawField) -> u64 {
    if field.slot == 3 && field.tag_bytes < 8 {
        (1u64 << (field.tag_bytes * 8)) - 1
    } else {
        u64::MAX
    }
}

/// Checks a spec completely; gives its fields.
///
/// # Safety
/// - The spec points to what it says it points to.
pub unsafe fn check<'a>(spec: &Spec, reason: &mut Reason) -> Result<&'a [RawField], Refused> {
    check_spec(spec, reason)?;
    let fields: &[RawField] = core::slice::from_raw_parts(
        if spec.field_count == 0 { ptr::NonNull::dangling().as_ptr() } else { spec.fields },
        spec.field_count,
    );
    for (index, field) in fields.iter().enumerate() {
        check_field(spec, index, field, reason)?;
        if let Some(flag) = leaf_flag(spec).filter(|_| field.place == 3) {
            return Err(reason.say(format_args!(
                "field {index} ({}): it has references in the trailing array, which {flag} leaves to the host",
                CText(field.name)
            )));
        }
    }
    apart::check(fields, reason)?;
    Ok(fields)
}

/// The flag that leaves the trailing array to the host.
fn leaf_flag(spec: &Spec) -> Option<&'static str> {
    match spec.flags & (HOST_LENGTH | UNINIT) {
        0 => None,
        UNINIT => Some("RC_TYPE_UNINIT"),
        _ => Some("RC_TYPE_HOST_LENGTH"),
    }
}

unsafe fn check_spec(spec: &Spec, reason: &mut Reason) -> Result<(), Refused> {
    if spec.name.is_null() || *spec.name == 0 {
        return Err(reason.say(format_args!("the name is missing")));
    }
    let known = ACYCLIC | TRACK_MANUAL | TRACK_ON_NEW | SHARED | CTX | HOST_LENGTH | UNINIT;
    if spec.flags & !known != 0 {
        return Err(reason.say(format_args!("flags {:#x} are not known", spec.flags & !known)));
    }
    if spec.flags & SHARED != 0 {
        reason.say(format_args!("RC_TYPE_SHARED is not available in this version"));
        return Err(Refused::Unsupported);
    }
    let tracking = spec.flags & (ACYCLIC | TRACK_MANUAL | TRACK_ON_NEW);
    if tracking & (tracking.wrapping_sub(1)) != 0 {
        return Err(reason.say(format_args!(
            "RC_TYPE_ACYCLIC, RC_TYPE_TRACK_MANUAL and RC_TYPE_TRACK_ON_NEW exclude each other"
        )));
    }
    if spec.size == 0 && spec.tail_size == 0 {
        return Err(reason.say(format_args!("size is 0")));
    }
    if let Some(flag) = leaf_flag(spec).filter(|_| spec.tail_size == 0) {
        return Err(reason.say(format_args!("{flag} without a trailing array: tail_size is 0")));
    }
    if spec.size > SIZE_MAX || spec.tail_size > SIZE_MAX {
        return Err(reason.say(format_args!(
            "size {} or tail_size {} is more than an object can have ({SIZE_MAX})",
            spec.size, spec.tail_size
        )));
    }
    if spec.traverse.is_some() && spec.clear.is_none() && spec.flags & ACYCLIC == 0 {
        return Err(
            reason.say(format_args!("traverse without clear: its rings could be found but not broken"))
        );
    }
    if spec.field_count != 0 && spec.fields.is_null() {
        return Err(reason.say(format_args!("fields is null, but field_count is {}", spec.field_count)));
    }
    if spec.field_count > FIELDS_MAX {
        reason.say(format_args!("{} fields, more than {FIELDS_MAX}", spec.field_count));
        return Err(Refused::Limit);
    }
    Ok(())
}

unsafe fn check_field(
    spec: &Spec,
    index: usize,
    field: &RawField,
    reason: &mut Reason,
) -> Result<(), Refused> {
    if field.name.is_null() || *field.name == 0 {
        return Err(reason.say(format_args!("field {index}: the name is missing")));
    }
    let name = CText(field.name);
    let mut bad =
        |text: core::fmt::Arguments<'_>| Err(reason.say(format_args!("field {index} ({name}): {text}")));
    if field.slot == 4 && field.place != 1 {
        return bad(format_args!("a weak handle lies in a single slot of the struct"));
    }
    if !(1..=4).contains(&field.slot) || !(1..=4).contains(&field.place) {
        return bad(format_args!("slot {} in place {} is no known kind", field.slot, field.place));
    }
    // Bytes of an element from its start to the end of its word.
    let word_end = field.payload_offset.saturating_add(8);
    if field.slot != 3 && field.stride != 8 {
        return bad(format_args!("stride is {}, a pointer or word has 8 bytes", field.stride));
    }
    if field.slot != 3 && field.payload_offset != 0 || word_end > field.stride {
        return bad(format_args!(
            "the word at {} lies outside its {} bytes",
            field.payload_offset, field.stride
        ));
    }
    if field.slot == 2 && field.pointer_mask == 0 {
        return bad(format_args!("pointer_mask (ptr_mask of the macro) is 0"));
    }
    if field.slot == 3 {
        if !matches!(field.tag_bytes, 1 | 2 | 4 | 8) {
            return bad(format_args!("the tag has {} bytes, not 1, 2, 4 or 8", field.tag_bytes));
        }
        let tag_end = field.tag_offset.saturating_add(field.tag_bytes);
        if tag_end > field.stride {
            return bad(format_args!(
                "the tag at {} lies outside its {} bytes",
                field.tag_offset, field.stride
            ));
        }
        if field.tag_offset < word_end && field.payload_offset < tag_end {
            return bad(format_args!("tag and payload overlap"));
        }
        let wide = !tag_bits(field);
        let fits = |bits: u64| bits & wide == 0 || bits & wide == wide;
        if !fits(field.mask) || !fits(field.value) {
            return bad(format_args!(
                "mask or value has bits that a tag of {} bytes has not",
                field.tag_bytes
            ));
        }
    }
    if field.slot != 1 && field.slot != 4 && field.value & !field.mask & tag_bits(field) != 0 {
        return bad(format_args!(
            "value {:#x} has bits outside mask {:#x}: it never matches",
            field.value, field.mask
        ));
    }
    match field.place {
        1 | 2 if field.count == 0 || (field.place == 1 && field.count != 1) => {
            return bad(format_args!("it has {} slots", field.count));
        }
        1 | 2 => {
            match field.count.checked_mul(field.stride).and_then(|bytes| bytes.checked_add(field.offset)) {
                Some(end) if end <= spec.size => {}
                _ => {
                    return bad(format_args!(
                        "{} slots at offset {} lie outside the struct of {} bytes",
                        field.count, field.offset, spec.size
                    ))
                }
            }
        }
        3 => {
            if spec.tail_size == 0 || field.stride != spec.tail_size {
                return bad(format_args!(
                    "its elements have {} bytes, but tail_size is {}",
                    field.stride, spec.tail_size
                ));
            }
            if field.offset > spec.size {
                return bad(format_args!(
                    "the trailing array begins at {}, behind the struct's {}",
                    field.offset, spec.size
                ));
            }
        }
        _ => {
            let pointer_end = field.offset.saturating_add(8);
            if pointer_end > spec.size {
                return bad(format_args!(
                    "offset {} lies outside the struct of {} bytes",
                    field.offset, spec.size
                ));
            }
            if !matches!(field.length_bytes, 1 | 2 | 4 | 8) {
                return bad(format_args!("the length has {} bytes, not 1, 2, 4 or 8", field.length_bytes));
            }
            let length_end = field.length_offset.saturating_add(field.length_bytes);
            if length_end > spec.size {
                return bad(format_args!("the length at {} lies outside the struct", field.length_offset));
            }
            if field.length_offset < pointer_end && field.offset < length_end {
                return bad(format_args!("length and pointer overlap"));
            }
        }
    }
    if field.offset % 8 != 0 || field.payload_offset % 8 != 0 || field.stride % 8 != 0 {
        return bad(format_args!("offset {} is not a multiple of 8", field.offset + field.payload_offset));
    }
    Ok(())
}
