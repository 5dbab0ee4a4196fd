//! What an address is, in constant time and for any address: inside an object, in nobody's memory, unaligned.

use crate::header::{self, Flags, IMMORTAL, LOCAL};
use crate::heap;
use crate::heap::Heap;
use crate::life::weak;
use crate::memory::page::{is_frozen, is_new, is_old, Page, PageFlags};
use crate::memory::range;
use crate::object;
use crate::object::slots;
use crate::types::{Type, TypeFlags};
use core::ffi::c_void;
use core::ptr;

/// What an address is; the numbers of `GC_ADDRESS_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Address {
    /// In no heap.
    Foreign = 0,
    /// A heap's, and in no object: dead, or never handed out.
    Free = 1,
    /// In an object that lives.
    Live = 2,
    /// In an object whose end has begun.
    Dying = 3,
    /// A static constant of the host's, in no heap.
    Static = 4,
}

/// How far an object is with its finalizer; the numbers of `GC_FINALIZER_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Finalizer {
    /// Its type has none.
    None = 0,
    /// Still to come.
    Ahead = 1,
    /// Due, and waiting for `gc_run_finalizers`.
    Due = 2,
    /// It was called. An object that lives all the same was resurrected.
    Done = 3,
}

bitflags::bitflags! {
    /// What is true of an object; the numbers of `GC_OBJECT_*`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Traits: u32 {
        /// The collector looks at it.
        const TRACKED = 1;
        /// Allocated since the last collection began that could have seen it.
        const YOUNG = 2;
        /// Taken out of collections by `gc_freeze`.
        const FROZEN = 4;
        /// Not counted, never dies.
        const IMMORTAL = 8;
        /// Has weak handles, or is the key of an entry of a weak map.
        const WEAK = 16;
        /// Has external bytes.
        const EXTERNAL = 32;
        /// Is a weak map.
        const WEAKMAP = 64;
        /// Its type is acyclic.
        const ACYCLIC = 128;
        /// Its type has a finalizer that has not been called.
        const FINALIZABLE = 256;
        /// Its finalizer was called.
        const FINALIZED = 512;
        /// Its finalizer is due.
        const DUE = 1024;
        /// Made since the heap's growth mark with `GC_MARK_OBJECTS`; never without one.
        const NEW = 2048;
    }
}

/// The facts. For an address in no object, only `address`, and for one in a heap `heap`, mean something.
#[derive(Clone, Copy)]
pub struct Facts {
    /// What the address is.
    pub address: Address,
    /// Whose it is; null: nobody's.
    pub heap: *mut Heap,
    /// The object that the address lies in.
    pub object: *mut c_void,
    /// Its type.
    pub ty: *mut Type,
    /// Bytes that the host asked for.
    pub size: usize,
    /// Trailing elements.
    pub length: usize,
    /// Bytes that it takes in the heap.
    pub block_bytes: usize,
    /// Bytes that it keeps elsewhere.
    pub external_bytes: u64,
    /// References; `u32::MAX`: immortal.
    pub count: u32,
    /// What else is true of it.
    pub traits: Traits,
    /// How far it is with its finalizer.
    pub finalizer: Finalizer,
    /// Weak handles.
    pub weak_handles: u32,
}

impl Facts {
    fn none(address: Address, heap: *mut Heap) -> Self {
        Facts {
            address,
            heap,
            object: ptr::null_mut(),
            ty: ptr::null_mut(),
            size: 0,
            length: 0,
            block_bytes: 0,
            external_bytes: 0,
            count: 0,
            traits: Traits::empty(),
            finalizer: Finalizer::None,
            weak_handles: 0,
        }
    }
}

/// The facts of an address.
///
/// # Safety
/// - Only the thread of the heap that the address lies in, if any, is in that heap.
pub unsafe fn of(address: usize) -> Facts {
    let (page, obj) = object::around(address);
    if let Some(obj) = obj {
        return of_object(page, obj);
    }
    if let Some(entry) = object::statics::find(address as *const c_void) {
        return Facts {
            object: entry.object,
            size: entry.size,
            count: u32::MAX,
            traits: Traits::IMMORTAL,
            ..Facts::none(Address::Static, ptr::null_mut())
        };
    }
    let heap = if page.is_null() { ptr::null_mut() } else { heap::of_page(page) };
    Facts::none(if heap.is_null() { Address::Foreign } else { Address::Free }, heap)
}

/// The facts of an object.
///
/// # Safety
/// - `obj` is an object of `page`, alive or dying.
pub unsafe fn of_object(page: *const Page, obj: *mut c_void) -> Facts {
    let header = header::load(obj);
    let ty = range::type_at(header.type_index());
    let heap = (*ty).heap;
    let address = if object::is_settled(header) { Address::Live } else { Address::Dying };
    Facts {
        address,
        heap,
        object: obj,
        ty,
        size: object::size_of_object(obj),
        length: if (*ty).flags.contains(TypeFlags::TAIL) { slots::tail_length(obj) } else { 0 },
        block_bytes: (*page).block_bytes(),
        external_bytes: external_bytes(heap, obj),
        count: counted(obj),
        traits: traits(page, obj),
        finalizer: finalizer(obj, ty),
        weak_handles: if header.has(Flags::WEAK) { weak::count_of(obj) } else { 0 },
    }
}

/// The bytes that an object keeps elsewhere.
///
/// # Safety
/// - `obj` is an object of the heap.
#[inline(always)]
pub unsafe fn external_bytes(heap: *const Heap, obj: *mut c_void) -> u64 {
    if header::has_flags(obj, Flags::SIDE) {
        (*heap).external.get(range::granule_of(obj))
    } else {
        0
    }
}

/// How many references there are besides the engine's own reference on an object whose end has begun.
///
/// # Safety
/// - `obj` is an object.
#[inline(always)]
pub unsafe fn counted(obj: *mut c_void) -> u32 {
    let word = header::count_word(obj);
    if word & LOCAL != 0 {
        (word - LOCAL) - (header::high_word(obj) & header::HOLD_FLAGS != 0) as u32
    } else if word == IMMORTAL {
        u32::MAX
    } else {
        0
    }
}

/// What is true of an object.
///
/// # Safety
/// - As [`of_object`].
pub unsafe fn traits(page: *const Page, obj: *mut c_void) -> Traits {
    let header = header::load(obj);
    let ty = range::type_at(header.type_index());
    let frozen = (*page).flags.contains(PageFlags::FROZEN) && is_frozen(obj);
    let finalizer = finalizer(obj, ty);
    let mut traits = Traits::empty();
    traits.set(Traits::TRACKED, header.has(Flags::TRACKED));
    traits.set(Traits::YOUNG, !is_old(page, obj));
    traits.set(Traits::FROZEN, frozen);
    traits.set(Traits::IMMORTAL, header.count_word() == IMMORTAL);
    traits.set(Traits::WEAK, header.has(Flags::WEAK));
    traits.set(Traits::EXTERNAL, external_bytes((*ty).heap, obj) != 0);
    traits.set(Traits::WEAKMAP, (*ty).flags.contains(TypeFlags::MAP));
    traits.set(Traits::ACYCLIC, (*ty).flags.contains(TypeFlags::ACYCLIC));
    traits.set(Traits::FINALIZABLE, matches!(finalizer, Finalizer::Ahead | Finalizer::Due));
    traits.set(Traits::DUE, finalizer == Finalizer::Due);
    traits.set(Traits::FINALIZED, finalizer == Finalizer::Done);
    traits.set(Traits::NEW, (*(*ty).heap).mark_serial != 0 && is_new(page, obj));
    traits
}

unsafe fn finalizer(obj: *mut c_void, ty: *const Type) -> Finalizer {
    if (*ty).finalize.is_none() {
        Finalizer::None
    } else if header::has_flags(obj, Flags::FINALIZED) {
        Finalizer::Done
    } else if header::count_word(obj) & LOCAL != 0 && header::has_flags(obj, Flags::DUE) {
        Finalizer::Due
    } else {
        Finalizer::Ahead
    }
}
