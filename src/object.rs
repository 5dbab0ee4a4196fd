//! What an address is: an object, alive or dead, or none; and what its header says of an object.
//!
//! Objects are made in `alloc.rs` and ended in `life/`.

pub mod edges;
pub mod epitaph;
pub mod particulars;
pub mod slots;
pub mod statics;

use crate::base::promised;
use crate::base::report;
use crate::header::{self, Flags, Header, IMMORTAL, LOCAL};
use crate::memory::page::{Kind, Page, FIRST_OFFSET, PAGE_BYTES};
use crate::memory::range::{self, GRANULE_BYTES};
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;

/// What an address turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAnObject {
    /// Null.
    Null,
    /// Not from any heap.
    Foreign,
    /// A static constant of the host's: see `statics.rs`.
    Static,
    /// Inside an object, or unaligned.
    Interior,
    /// Of an object that died.
    Dead,
}

/// Checks that an address is an object's, alive or dying, and gives its header. In constant time, for any
/// address.
///
/// # Safety
/// - Only the thread of the heap that the address lies in is in that heap; or the address is what an edge of a walkable
///   object leads to, so that it is an object's, and lives on, unless the host has made a mistake.
#[inline(always)]
pub unsafe fn check(obj: *mut c_void) -> Result<Header, NotAnObject> {
    if obj.is_null() {
        return Err(NotAnObject::Null);
    }
    let Some(offset) = range::committed_offset(obj as usize) else { return Err(elsewhere(obj)) };
    let page = range::page_at(offset);
    match (*page).kind {
        Kind::Free => Err(NotAnObject::Dead),
        Kind::LargeRest => Err(NotAnObject::Interior),
        _ => match Page::payload_at(page, obj as usize) {
            Some(payload) if payload == obj => {
                let header = header::look(obj);
                if header.is_dead() {
                    Err(NotAnObject::Dead)
                } else {
                    Ok(header)
                }
            }
            Some(_) => Err(NotAnObject::Interior),
            None if offset % PAGE_BYTES < FIRST_OFFSET as usize => Err(NotAnObject::Interior),
            None if obj as usize % GRANULE_BYTES == 0 => Err(NotAnObject::Dead),
            None => Err(NotAnObject::Interior),
        },
    }
}

/// What an address outside all heaps is.
#[cold]
#[inline(never)]
fn elsewhere(obj: *mut c_void) -> NotAnObject {
    match statics::find(obj) {
        Some(_) => NotAnObject::Static,
        None => NotAnObject::Foreign,
    }
}

/// As [`check`], also for static constants: whether an address is what slots may hold.
///
/// # Safety
/// - As [`check`].
pub unsafe fn check_held(obj: *mut c_void) -> Result<Header, NotAnObject> {
    match check(obj) {
        Err(NotAnObject::Static) => Ok(statics::HEADER),
        checked => checked,
    }
}

/// As [`checked`], also for static constants: they are immortal, and of no type.
///
/// # Safety
/// - As [`check`].
#[inline(always)]
pub unsafe fn checked_held(call: &str, obj: *mut c_void) -> Header {
    match check(obj) {
        Ok(header) => header,
        Err(why) => held_elsewhere(call, obj, why),
    }
}

#[cold]
#[inline(never)]
unsafe fn held_elsewhere(call: &str, obj: *mut c_void, why: NotAnObject) -> Header {
    match why {
        NotAnObject::Static => statics::HEADER,
        _ => misuse(call, obj, why),
    }
}

/// Whether an address is a static constant's.
pub fn is_static(obj: *mut c_void) -> bool {
    !range::contains(obj as usize) && statics::find(obj).is_some()
}

/// What a static constant is, for messages.
pub struct StaticText(pub *mut c_void);

impl core::fmt::Display for StaticText {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match statics::find(self.0) {
            Some(entry) => write!(
                out,
                "{:p} is the static constant {} (RC_STATIC of {}), which is of no heap",
                self.0,
                report::CText(entry.name),
                report::CText(entry.type_name)
            ),
            None => write!(out, "{:p} is of no heap", self.0),
        }
    }
}

/// Whether a block begins at an address, so that what lies before it is a header, of a live object or a dead one. Less
/// than [`check`], for calls that are made often and find the dead by their count words.
///
/// # Safety
/// - As [`check`]; or the address is that of an immortal object, of whatever heap.
#[inline(always)]
pub unsafe fn is_block(obj: *mut c_void) -> bool {
    let offset = range::offset_of(obj as usize);
    offset < range::committed() && Page::begins_block(range::page_at(offset), (offset % PAGE_BYTES) as u32)
}

/// Says why an address is no object, and aborts.
///
/// # Safety
/// - As [`check`], which said so.
#[cold]
#[inline(never)]
pub unsafe fn misuse(call: &str, obj: *mut c_void, why: NotAnObject) -> ! {
    match why {
        NotAnObject::Null => report::fatal(format_args!("{call}: the object is null")),
        NotAnObject::Foreign => report::fatal(format_args!(
            "{call}: {obj:p} is not an object: no heap of this process has that address"
        )),
        NotAnObject::Static => report::fatal(format_args!("{call}: {}", StaticText(obj))),
        NotAnObject::Interior => report::fatal(format_args!(
            "{call}: {obj:p} is not an object: it points into one, or is not aligned to {GRANULE_BYTES}{}",
            particulars::of(obj)
        )),
        NotAnObject::Dead => report::fatal(format_args!(
            "{call}: {obj:p} is a dead {}: released once too often, or used after its last reference went{}",
            epitaph::of(obj),
            particulars::of(obj)
        )),
    }
}

/// Checks an address of the host's; fatal when it is no object.
///
/// # Safety
/// - As [`check`].
#[inline(always)]
pub unsafe fn checked(call: &str, obj: *mut c_void) -> Header {
    match check(obj) {
        Ok(header) => header,
        Err(why) => misuse(call, obj, why),
    }
}

/// The object that an address lies in, alive or dying, or the bytes of its header; and the page of the address, that of the
/// object where it has several. For any address: None for the object where there is none, null for the page where no heap
/// ever had one.
///
/// # Safety
/// - As [`check`].
pub unsafe fn around(address: usize) -> (*const Page, Option<*mut c_void>) {
    let Some(offset) = range::committed_offset(address) else { return (core::ptr::null(), None) };
    let mut page: *const Page = range::page_at(offset);
    if (*page).kind == Kind::LargeRest {
        page = page.sub((*page).span as usize);
    }
    let obj = match (*page).kind {
        Kind::Small | Kind::Large => Page::payload_at(page, address),
        _ => None,
    };
    (page, obj.filter(|&obj| !header::is_dead(obj)))
}

/// An object's type.
///
/// # Safety
/// - `obj` is an object, alive or dying.
#[inline(always)]
pub unsafe fn type_of(obj: *mut c_void) -> *mut Type {
    range::type_at(header::type_index(obj))
}

/// As [`type_of`], of what an edge leads to, which may be an object of another heap.
///
/// # Safety
/// - As [`type_of`].
pub unsafe fn far_type_of(obj: *mut c_void) -> *mut Type {
    range::type_at(header::far_type_index(obj))
}

/// The bytes that the host asked for; where it knows the length of a trailing array, those that there are.
///
/// # Safety
/// - As [`type_of`].
pub unsafe fn size_of_object(obj: *mut c_void) -> usize {
    let ty = &*type_of(obj);
    if ty.flags.contains(TypeFlags::TAIL) {
        ty.size + ty.tail_size * slots::tail_length(obj)
    } else if ty.flags.contains(TypeFlags::HOST_LENGTH) {
        (*range::page_of(obj as usize)).payload_bytes()
    } else {
        ty.size
    }
}

/// How many trailing elements an object has; where its host knows the length, how many there is room for.
///
/// # Safety
/// - `obj` is an object of `ty`, which has a trailing array.
pub unsafe fn elements_of(obj: *mut c_void, ty: &Type) -> usize {
    match ty.flags.contains(TypeFlags::HOST_LENGTH) {
        true => ((*range::page_of(obj as usize)).payload_bytes() - ty.size) / ty.tail_size,
        false => slots::tail_length(obj),
    }
}

/// Makes an object immortal.
///
/// # Safety
/// - `obj` is an object and not dying.
pub unsafe fn immortalize(obj: *mut c_void) {
    promised!(check(obj).is_ok_and(is_settled));
    header::set_count_word(obj, IMMORTAL);
}

/// Whether the object can be counted and tracked like any other: not queued, not dying.
pub fn is_settled(header: Header) -> bool {
    header.count_word() & (LOCAL | IMMORTAL) != 0 && !header.has(Flags::DYING)
}
