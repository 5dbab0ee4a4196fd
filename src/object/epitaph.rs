//! What is known of a dead object, for messages: the name of its type, as long as nobody took its memory.
//!
//! The count word of a dead object is the number of its type, and stays where it is until the block is handed out
//! again: in the lists of its page, in a page that went back to its heap's segment, but not in memory that went back
//! to the system. No two types of the process have the same number, so a type that ended is told from one that has
//! its slot now.

use crate::base::report::CText;
use crate::header::{self, DEAD_UNTOLD};
use crate::heap;
use crate::heap::Heap;
use crate::memory::page::{Kind, Page};
use crate::memory::range;
use core::ffi::c_void;
use core::fmt;
use core::ptr;

/// What is known of a dead object; shown as "object of type Node".
pub enum Epitaph {
    /// Its type.
    OfType(CText),
    /// Its type has ended.
    OfEndedType,
    /// Its memory was given back, or there never was an object.
    GivenBack,
    /// Nothing.
    Untold,
}

impl fmt::Display for Epitaph {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Epitaph::OfType(name) => write!(out, "object of type {name}"),
            Epitaph::OfEndedType => out.write_str("object of a type that was freed since"),
            Epitaph::GivenBack => out.write_str("object of a page that was given back, if it ever was one"),
            Epitaph::Untold => out.write_str("object"),
        }
    }
}

/// What is known of the dead object at an address, of which `object::check` said that it is none.
///
/// # Safety
/// - Only the thread of the heap that the address lies in, if any, is in that heap.
pub unsafe fn of(obj: *mut c_void) -> Epitaph {
    let page: *const Page = range::page_of(obj as usize);
    if !has_header(page, obj as usize) {
        return Epitaph::GivenBack;
    }
    match header::count_word(obj) {
        0 => Epitaph::GivenBack,
        DEAD_UNTOLD => Epitaph::Untold,
        word => of_word(heap_of(page), word),
    }
}

/// Whether a header lies before an address, of an object or of what once was one.
unsafe fn has_header(page: *const Page, address: usize) -> bool {
    match (*page).kind {
        Kind::Free => (*page).had_block(address),
        Kind::LargeRest => false,
        _ => Page::payload_at(page, address).is_some_and(|payload| payload as usize == address),
    }
}

/// The heap that has a page, or whose segment it went back to; null: nobody's.
///
/// # Safety
/// - `page` is the page of an address in a committed segment.
pub unsafe fn heap_of(page: *const Page) -> *mut Heap {
    if !(*page).space.is_null() {
        return heap::of_page(page);
    }
    match (*range::segment_of((*page).address())).owner() {
        0 => ptr::null_mut(),
        owner => range::heap_at(owner as usize),
    }
}

unsafe fn of_word(heap: *mut Heap, word: u32) -> Epitaph {
    let mut found = Epitaph::OfEndedType;
    if !heap.is_null() && (*heap).is_live() {
        (*heap).each_type(|ty| {
            if (*ty).dead_word == word {
                found = Epitaph::OfType((*ty).name());
            }
        });
    }
    found
}
