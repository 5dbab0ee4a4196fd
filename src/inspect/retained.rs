//! Retained sizes: what would go if an object, or a set of objects, went.
//!
//! Of one object: the sizes of all that it dominates, itself included; the dominators of all objects are found once a
//! session. Of a set: the sizes of all that is not reached from outside any more when the set is taken out. Both give
//! the same for a set of one. What nothing from outside reaches is garbage and retained by nobody.
//!
//! An entry of a weak map counts as its map's reference to the value, whatever becomes of the key.

use super::facts;
use super::query::{Failure, Query};
use crate::base::array::Array;
use crate::heap;
use crate::memory::range;
use core::ffi::c_void;
use rcgc_format::graph::dominators::{dominators, retained_sizes, Arrays};
use rcgc_format::graph::NONE;

/// What a session knows of dominators. Empty until asked.
#[derive(Default)]
pub struct Retained {
    /// By place: the place of the immediate dominator.
    idom: Array<u32>,
    /// By place: bytes retained; 0 for what is not reached.
    bytes: Array<u64>,
    /// By place: objects retained; 0 for what is not reached.
    objects: Array<u32>,
}

/// Sizes together.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Size {
    /// Objects.
    pub objects: u64,
    /// Their bytes, in the heap and elsewhere.
    pub bytes: u64,
}

/// Bytes of an object, in the heap and elsewhere.
///
/// # Safety
/// - `obj` is an object.
pub unsafe fn bytes_of(obj: *mut c_void) -> u64 {
    let page = range::page_of(obj as usize);
    (*page).block_bytes() as u64 + facts::external_bytes(heap::of_page(page), obj)
}

/// Finds the dominators, if that was not done yet.
unsafe fn prepare(query: &mut Query) -> Result<(), Failure> {
    let nodes = query.places.count;
    if query.retained.idom.len() == nodes {
        return Ok(());
    }
    let numbers = || Array::<u32>::zeros(nodes + 1).ok_or(Failure::NoMemory);
    let mut idom = Array::<u32>::zeros(nodes).ok_or(Failure::NoMemory)?;
    let mut bytes = Array::<u64>::zeros(nodes).ok_or(Failure::NoMemory)?;
    let mut objects = Array::<u32>::zeros(nodes).ok_or(Failure::NoMemory)?;
    let (mut number, mut order, mut parent) = (numbers()?, numbers()?, numbers()?);
    let (mut semi, mut label, mut ancestor, mut stack) = (numbers()?, numbers()?, numbers()?, numbers()?);
    let mut arrays = Arrays {
        number: &mut number,
        order: &mut order,
        idom: &mut idom,
        parent: &mut parent,
        semi: &mut semi,
        label: &mut label,
        ancestor: &mut ancestor,
        stack: &mut stack,
    };
    let count = dominators(query.graph(), query.turned(), |place| query.is_root(place), &mut arrays);
    query.each_object(|place, obj| {
        if number[place as usize] != 0 {
            bytes[place as usize] = bytes_of(obj);
            objects[place as usize] = 1;
        }
    });
    retained_sizes(count, &order, &idom, &mut bytes);
    for &place in order[1..=count].iter().rev() {
        let dominator = idom[place as usize];
        if dominator != NONE {
            objects[dominator as usize] += objects[place as usize];
        }
    }
    query.retained = Retained { idom, bytes, objects };
    Ok(())
}

/// The object that must go for this one to go, and that every other such object needs, too; None: there is none, the
/// outside holds it in several ways or itself.
///
/// # Safety
/// - The session is fresh.
pub unsafe fn dominator(query: &mut Query, place: u32) -> Result<Option<u32>, Failure> {
    prepare(query)?;
    let dominator = query.retained.idom[place as usize];
    Ok((dominator != NONE).then_some(dominator))
}

/// What goes with one object.
///
/// # Safety
/// - The session is fresh.
pub unsafe fn size_of_one(query: &mut Query, place: u32) -> Result<Size, Failure> {
    prepare(query)?;
    let Retained { bytes, objects, .. } = &query.retained;
    Ok(Size { objects: objects[place as usize] as u64, bytes: bytes[place as usize] })
}

/// What goes with a set of objects: what is reached now and is not when they are taken out.
///
/// # Safety
/// - The session is fresh; every object is one of its.
pub unsafe fn size_of_set(query: &mut Query, objects: &[*mut c_void]) -> Result<Size, Failure> {
    query.reached()?;
    let mut marks = Array::<u8>::zeros(query.places.count).ok_or(Failure::NoMemory)?;
    for &obj in objects {
        marks[query.place(obj)? as usize] = 1;
    }
    query.mark_around(&mut marks)?;
    // What is reached now, and has no 2.
    for (mark, &reached) in marks.iter_mut().zip(query.reached()?) {
        *mark = (reached != 0 && *mark != 2) as u8;
    }
    let mut size = Size::default();
    query.each_object(|place, obj| {
        if marks[place as usize] != 0 {
            size.objects += 1;
            size.bytes += bytes_of(obj);
        }
    });
    Ok(size)
}
