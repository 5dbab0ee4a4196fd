//! The end of an object by count, at any depth, without recursion and without allocating.
//!
//! An object whose last reference went passes through these states; `header.rs` has the words:
//!
//! ```text
//!   local 1 --last release--> [queued] --> held (finalize) --> dying (weak callbacks, clear, destroy) --> dead
//!                                           \------- stored somewhere: lives on ------/
//! ```
//!
//! **One object** that dies alone, as most do, is ended where it stands: quick types in `count.rs`, other plain ones
//! by [`release_alone`], each kind of walk in a function of its own.
//!
//! **Plain objects** (no callbacks) that die together take the inner loop [`Ending::go_on`]: release each child, free
//! the block, go on with the first child that died. The others wait in an array on the stack, and where that is full
//! in the queue, linked through their headers: nothing is allocated, and a chain, a tree or a hub costs one visit an
//! object.
//!
//! **Objects with callbacks** or weak handles go through [`end_with_callbacks`], the steps of
//! `lifetime.md`. What the engine released for them is queued and ends afterwards; what their callbacks
//! release ends before that `rc_decref` returns, by a nested call of [`release_last`], down to
//! [`DEATH_DEPTH_MAX`]; deeper ones are put into the `deferred` queue of the heap whose callback is innermost
//! (`host.rs`), and end when that callback has returned.
//!
//! **Bounded heaps** end so many objects in one call and owe the rest: `debt.rs`.
//!
//! Queues are local to a call, so a nested death never sees what an outer one has still to do.

use crate::base::promised;
use crate::base::report;
use crate::cycle::ending;
use crate::header::{self, Flags, LOCAL, LOCAL_ONE};
use crate::heap::{Heap, Phase};
use crate::host::{self, DEATH_DEPTH_MAX};
use crate::life::block;
use crate::life::count;
use crate::life::debt;
use crate::life::finalizers;
use crate::life::hints;
use crate::life::weak::Pending;
use crate::life::weakmap::{self, Detached};
use crate::memory::class::{Class, EMPTY_PAGE};
use crate::memory::page::{self, Page, PAGE_BYTES};
use crate::memory::range;
use crate::object::slots;
use crate::object::{self, particulars};
use crate::observe::Around;
use crate::sys;
use crate::types::{Type, TypeFlags, NO_HIGH, SIMPLE_MAX};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;

/// How far ahead of a dying object memory is fetched: what was made after it often dies after it, and the
/// header of the next child is what a long chain waits for (measured: half the time a node of a chain of 10
/// million).
const AHEAD_BYTES: usize = 1024;

/// Objects that have lost their last reference and whose end is still to come: last in, first out, linked
/// through headers. Zeroed memory is an empty queue.
#[repr(C)]
#[derive(Default)]
pub struct Queue {
    /// Granule of the first; 0: none.
    head: u64,
}

impl Queue {
    /// An empty queue.
    pub const fn new() -> Self {
        Queue { head: 0 }
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.head == 0
    }

    /// Puts an object in.
    ///
    /// # Safety
    /// - Its count word is that of the last reference, which is gone.
    #[inline(always)]
    pub unsafe fn push(&mut self, obj: *mut c_void) {
        promised!(range::committed_offset(obj as usize).is_some());
        header::store(obj, header::load(obj).queued(self.head));
        self.head = range::granule_of(obj);
    }

    /// Takes an object out. Its count word still says "queued", which nobody on the way to its end reads.
    ///
    /// # Safety
    /// - What was pushed was not touched since.
    #[inline(always)]
    pub unsafe fn pop(&mut self) -> Option<*mut c_void> {
        if self.head == 0 {
            return None;
        }
        let obj = range::address_of(self.head);
        self.head = header::load(obj).link();
        Some(obj)
    }
}

/// An object's last reference is gone: ends it and all that only it kept alive, before returning.
///
/// Most objects end alone, so what is not quick is ended here, and [`Ending`] is set up only for what dies with it.
///
/// # Safety
/// - The count word is [`LOCAL_ONE`], the one reference is given up.
#[inline(always)]
pub unsafe fn release_last(obj: *mut c_void) {
    promised!(header::count_word(obj) == LOCAL_ONE);
    let ty = object::type_of(obj);
    if (*(*ty).heap).phase() == Phase::Judging {
        released_in_traverse(obj, ty);
    }
    let mut queue = Queue::new();
    if !(*ty).flags.contains(TypeFlags::QUICK) {
        end_slowly(obj, ty, &mut queue);
        return end_all(&mut queue);
    }
    header::set_count_word(obj, header::QUEUED);
    end_from(obj, &mut queue);
}

/// As [`release_last`], for an object of a quick type of which the first `released` slots were released
/// already.
///
/// # Safety
/// - As [`release_last`]; the heap is not judging.
#[inline(never)]
pub unsafe fn release_rest(obj: *mut c_void, released: usize) {
    promised!(header::count_word(obj) == LOCAL_ONE);
    promised!((*(*object::type_of(obj)).heap).phase() != Phase::Judging);
    let ty = object::type_of(obj);
    for slot in 0..released {
        *((obj as usize + *(*ty).offsets.get_unchecked(slot) as usize) as *mut usize) = 0;
    }
    header::set_count_word(obj, header::QUEUED);
    end_from(obj, &mut Queue::new());
}

#[cold]
#[inline(never)]
unsafe fn released_in_traverse(obj: *mut c_void, ty: *mut Type) -> ! {
    report::fatal(format_args!(
        "rc_decref: the last reference of {} {obj:p} was released inside a traverse or the write of a dump, which may only look{}",
        (*ty).name(),
        particulars::of(obj)
    ))
}

/// Ends everything in a queue, and what that releases.
///
/// # Safety
/// - Only the threads of the heaps concerned are in them.
#[inline(always)]
pub unsafe fn end_all(queue: &mut Queue) {
    if let Some(obj) = queue.pop() {
        end_from(obj, queue);
    }
}

/// Ends the next object of a queue, whose edges alone are released; what dies of that is put in front. One of the heap ends now,
/// also if that is bounded: whoever asks counts. Returns the bytes of its block; 0 when there is none.
///
/// # Safety
/// - As [`end_all`].
pub unsafe fn end_next(heap: *mut Heap, queue: &mut Queue) -> u64 {
    let Some(obj) = queue.pop() else { return 0 };
    let bytes = (*range::page_of(obj as usize)).block_bytes() as u64;
    let ty = object::type_of(obj);
    if (*(*ty).heap).phase() == Phase::Judging {
        released_in_traverse(obj, ty);
    }
    if header::high_word(obj) & header::HOLD_FLAGS != 0 {
        count::over_release(obj);
    }
    if (*ty).heap != heap || host::is_deep(heap) {
        end_slowly(obj, ty, queue);
    } else if (*ty).flags.contains(TypeFlags::PLAIN) && !header::has_flags(obj, Flags::WEAK) {
        end_plain(obj, ty, queue);
    } else {
        end_in_steps(obj, ty, heap, queue);
    }
    bytes
}

/// Objects that wait on the stack; further ones wait in the queue.
const WAITING_MAX: usize = if cfg!(feature = "check") { SIMPLE_MAX + 2 } else { SIMPLE_MAX + 64 };

/// Why [`Ending::go_on`] stopped.
enum Stop {
    /// Nothing waits on the stack.
    Empty,
    /// `obj` is of another type, or has flags of its own.
    OtherType,
    /// The stack may have no room for the children of `obj`.
    Full,
    /// `freed` blocks are more than the page's countdown.
    Countdown,
}

/// The end of an object, and of all that dies with it.
///
/// `obj` is next; the others that died wait on a stack, and where that is full in the queue. All of them look
/// queued meanwhile, so that a second edge to one of them is found to be one too many. What is known of the
/// last object's type and page is kept, since most that die together are of one type and near each other;
/// type and page are told of what ended only when another one's turn comes.
struct Ending {
    /// The object whose turn it is; null: none.
    obj: *mut c_void,
    /// Where the next object that has to wait is put.
    top: *mut *mut c_void,
    /// The high word of objects that may be ended like the last one.
    high: u32,
    /// Their type.
    ty: *mut Type,
    /// The last object's page.
    page: *mut Page,
    /// Head of its free list.
    free: u32,
    /// Objects of `ty` on `page` that ended, and were not told.
    freed: u32,
    /// The first is null, and never taken. As a whole, since an array of uninitialised elements is zeroed in fact.
    waiting: MaybeUninit<[*mut c_void; WAITING_MAX]>,
}

impl Ending {
    /// Ends quick objects of one type until something else turns up. Calls nothing that comes back, so that
    /// all it needs is in registers.
    ///
    /// # Safety
    /// - As [`end_all`].
    #[inline(never)]
    unsafe fn go_on(&mut self) -> Stop {
        let limit = self.bottom().add(WAITING_MAX - SIMPLE_MAX);
        let (high, ty) = (self.high, self.ty);
        let (mut page, mut free, mut freed) = (self.page, self.free, self.freed);
        let (mut next, mut top) = (self.obj, self.top);
        let stop = loop {
            if next.is_null() {
                break Stop::Empty;
            }
            if header::high_word(next) != high {
                break Stop::OtherType;
            }
            if top > limit {
                break Stop::Full;
            }
            let obj = next;
            if (*page).start ^ obj as usize >= PAGE_BYTES {
                sys::seldom();
                if freed != 0 {
                    if (*page).countdown <= freed {
                        break Stop::Countdown;
                    }
                    (*page).countdown -= freed;
                    (*page).free = free;
                    (*ty).freed += freed as u64;
                    freed = 0;
                }
                if !range::contains(obj as usize) {
                    count::not_an_object(obj);
                }
                page = range::page_of(obj as usize);
                free = (*page).free;
            }
            top = top.sub(1);
            next = *top;
            sys::prefetch_for_write::<AHEAD_BYTES>(obj as usize);
            // From the last to the first, which is next then; two at a time, which spares jumps.
            let mut slot = (*ty).simple_count as usize;
            if slot % 2 != 0 {
                slot -= 1;
                release_slot(obj, ty, slot, &mut next, &mut top);
            }
            while slot != 0 {
                slot -= 2;
                release_slot(obj, ty, slot + 1, &mut next, &mut top);
                release_slot(obj, ty, slot, &mut next, &mut top);
            }
            let offset = obj as usize as u32 & (PAGE_BYTES as u32 - 1);
            let link = free.wrapping_sub(offset).wrapping_sub((*ty).stride);
            header::set_count_word(obj, (*ty).dead_word);
            header::set_link(obj, link);
            free = offset;
            freed += 1;
            if (*page).old_end != 0 {
                sys::seldom();
                page::renew(page, obj);
            }
        };
        (self.page, self.free, self.freed) = (page, free, freed);
        (self.obj, self.top) = (next, top);
        stop
    }

    fn bottom(&mut self) -> *mut *mut c_void {
        self.waiting.as_mut_ptr() as *mut *mut c_void
    }

    /// Tells type and page what ended. What they say of themselves is right only from here on.
    unsafe fn tell(&mut self) {
        let freed = core::mem::replace(&mut self.freed, 0);
        if freed != 0 {
            (*self.ty).freed += freed as u64;
            (*self.page).free = self.free;
            Class::freed(self.page, freed);
        }
        self.page = EMPTY_PAGE.get();
    }

    /// Moves what waits on the stack into the queue, the first of it deepest.
    unsafe fn put_into_queue(&mut self, queue: &mut Queue) {
        let bottom = self.bottom().add(1);
        let mut at = bottom;
        while at != self.top {
            queue.push(*at);
            at = at.add(1);
        }
        self.top = bottom;
    }

    /// The object is not like the last one. False when it is not quick, and was ended.
    unsafe fn turn_to_type(&mut self, queue: &mut Queue) -> bool {
        let obj = self.obj;
        self.tell();
        if !range::contains(obj as usize) {
            count::not_an_object(obj);
        }
        self.ty = object::type_of(obj);
        self.high = header::high_word(obj);
        // What dies may lie in another heap than what let go of it.
        if (*(*self.ty).heap).phase() == Phase::Judging {
            released_in_traverse(obj, self.ty);
        }
        if (*self.ty).flags.contains(TypeFlags::QUICK) && self.high & header::CARE_FLAGS == 0 {
            return true;
        }
        self.high = NO_HIGH;
        if is_leaf(obj, self.ty) {
            // What waits on the stack can stay there: nothing comes back here meanwhile.
            block::free(obj, self.ty);
            self.top = self.top.sub(1);
            self.obj = *self.top;
            return true;
        }
        self.put_into_queue(queue);
        if header::high_word(obj) & header::HOLD_FLAGS != 0 {
            count::over_release(obj);
        }
        end_slowly(obj, self.ty, queue);
        false
    }
}

/// Ends an object, everything in a queue, and what that releases.
///
/// # Safety
/// - As [`end_all`]; the count word of `first` says "queued".
unsafe fn end_from(first: *mut c_void, queue: &mut Queue) {
    let mut ending = Ending {
        obj: first,
        top: ptr::null_mut(),
        high: NO_HIGH,
        ty: ptr::null_mut(),
        page: EMPTY_PAGE.get(),
        free: 0,
        freed: 0,
        waiting: MaybeUninit::uninit(),
    };
    let bottom = ending.bottom();
    *bottom = ptr::null_mut();
    ending.top = bottom.add(1);
    loop {
        match ending.go_on() {
            Stop::OtherType if ending.turn_to_type(queue) => {}
            Stop::Full => ending.put_into_queue(queue),
            Stop::Countdown => ending.tell(),
            Stop::OtherType | Stop::Empty => match queue.pop() {
                Some(obj) => (ending.obj, ending.top) = (obj, bottom.add(1)),
                None => return ending.tell(),
            },
        }
    }
}

/// A dying quick object lets go of what a slot holds. If that dies, it is `next`, and what was is put on top
/// of those that wait.
#[inline(always)]
unsafe fn release_slot(
    obj: *mut c_void,
    ty: *mut Type,
    slot: usize,
    next: &mut *mut c_void,
    top: &mut *mut *mut c_void,
) {
    let offset = *(*ty).offsets.get_unchecked(slot) as usize;
    let child = *((obj as usize + offset) as *const *mut c_void);
    if child.is_null() {
        return;
    }
    let word = header::count_word(child);
    if word == LOCAL_ONE {
        header::set_count_word(child, header::QUEUED);
        **top = *next;
        *top = top.add(1);
        *next = child;
        return;
    }
    sys::seldom();
    if word as i32 > LOCAL_ONE as i32 {
        header::set_count_word(child, word - 1);
        hints::let_go(child, || ty);
    } else if word as i32 >= 0 {
        release_misused(obj, child);
    }
}

/// A slot of a quick object holds something that is not alive.
#[cold]
#[inline(never)]
unsafe fn release_misused(holder: *mut c_void, child: *mut c_void) -> ! {
    if child != holder {
        count::release_edge_slow(child, &mut Queue::new());
    }
    count::over_release(holder)
}

/// Ends one object that is not quick; what it releases goes into the queue. Nobody holds it.
#[inline(always)]
unsafe fn end_slowly(obj: *mut c_void, ty: *mut Type, queue: &mut Queue) {
    let plain = (*ty).flags & (TypeFlags::PLAIN | TypeFlags::BOUNDED) == TypeFlags::PLAIN;
    if plain && !header::has_flags(obj, Flags::WEAK) {
        end_plain(obj, ty, queue);
    } else {
        end_with_callbacks(obj, ty, queue);
    }
}

/// Whether an object's end is that of its block alone: it refers to nothing, nobody is told, nobody holds it.
#[inline(always)]
unsafe fn is_leaf(obj: *mut c_void, ty: *const Type) -> bool {
    (*ty).flags & (TypeFlags::PLAIN | TypeFlags::REFERS) == TypeFlags::PLAIN
        && header::high_word(obj) & header::CARE_FLAGS == 0
}

/// Ends one object without callbacks and weak handles.
#[inline(never)]
unsafe fn end_plain(obj: *mut c_void, ty: *mut Type, queue: &mut Queue) {
    queue.head = release_edges(obj, ty, queue.head);
    block::free(obj, ty);
}

/// As [`release_last`], for an object that is not quick and has none of [`header::CARE_FLAGS`]. A leaf as long as
/// nothing dies with it.
///
/// # Safety
/// - As [`release_last`].
#[inline(always)]
pub unsafe fn release_alone(obj: *mut c_void) {
    let ty = object::type_of(obj);
    if (*(*ty).heap).phase() == Phase::Judging {
        released_in_traverse(obj, ty);
    }
    const ALL: TypeFlags = TypeFlags::PLAIN.union(TypeFlags::REFERS).union(TypeFlags::BOUNDED);
    let flags = (*ty).flags & ALL;
    if flags == TypeFlags::PLAIN {
        block::free_to_run(obj, ty)
    } else if flags == TypeFlags::PLAIN | TypeFlags::REFERS {
        end_plain_alone(obj, ty)
    } else if has_few_steps(ty) && (*(*ty).heap).is_shallow(DEATH_DEPTH_MAX) {
        end_in_few_steps(obj, ty)
    } else {
        end_with_steps(obj, ty)
    }
}

/// Whether objects of a type that have no weak handles need steps 5 to 7 alone, for references in declared fields.
#[inline(always)]
unsafe fn has_few_steps(ty: *const Type) -> bool {
    !(*ty).flags.intersects(TypeFlags::HOLDS_WEAK.union(TypeFlags::MAP)) && (*ty).finalize.is_none()
}

/// One function for each kind of walk: together they would need more registers than there are.
unsafe fn end_plain_alone(obj: *mut c_void, ty: *mut Type) {
    if (*ty).flags.contains(TypeFlags::WORDS) {
        end_words_alone(obj, ty)
    } else if (*ty).flags.contains(TypeFlags::POINTER_TAIL) {
        end_tail_alone(obj, ty)
    } else {
        end_fields_alone(obj, ty)
    }
}

#[inline(never)]
unsafe fn end_words_alone(obj: *mut c_void, ty: *mut Type) {
    let mut head = 0;
    header::set_count_word(obj, header::QUEUED);
    slots::each_simple_edge(obj, ty, 0, &mut |word| release_edge_of(obj, word, &mut head));
    slots::each_word_edge(obj, ty, &mut |word| release_edge_of(obj, word, &mut head));
    free_alone(obj, ty, head);
}

#[inline(never)]
unsafe fn end_tail_alone(obj: *mut c_void, ty: *mut Type) {
    let mut head = 0;
    header::set_count_word(obj, header::QUEUED);
    slots::each_tail_pointer(obj, ty, |word| release_edge_of(obj, word, &mut head));
    free_alone(obj, ty, head);
}

#[inline(never)]
unsafe fn end_fields_alone(obj: *mut c_void, ty: *mut Type) {
    let head = release_edges(obj, ty, 0);
    free_alone(obj, ty, head);
}

/// Frees a plain object, and ends what died with it.
#[inline(always)]
unsafe fn free_alone(obj: *mut c_void, ty: *mut Type, head: u64) {
    if head == 0 {
        return block::free_to_run(obj, ty);
    }
    block::free_to_run(obj, ty);
    end_queued(head);
}

#[inline(never)]
unsafe fn end_with_steps(obj: *mut c_void, ty: *mut Type) {
    let heap = (*ty).heap;
    if !(*heap).is_shallow(DEATH_DEPTH_MAX) {
        return end_deep_alone(obj, ty, heap);
    }
    let mut queue = Queue::new();
    end_in_steps(obj, ty, heap, &mut queue);
    end_all(&mut queue);
}

/// As [`end_in_steps`], for an object of a type that [`has_few_steps`]; and what is released ends.
#[inline(never)]
unsafe fn end_in_few_steps(obj: *mut c_void, ty: *mut Type) {
    let heap = (*ty).heap;
    // The count word is that of the engine's own reference already.
    header::set_dying(obj);
    let mut queue = Queue::new();
    if (*ty).extra_count != 0 {
        take_fields_apart(obj, ty, &mut queue);
    } else {
        for index in 0..(*ty).simple_count as usize {
            let slot = (obj as usize + *(*ty).offsets.get_unchecked(index) as usize) as *mut usize;
            let word = slot.replace(0);
            if word != 0 {
                release_edge_at_once(ty, word as *mut c_void, &mut queue);
            }
        }
    }
    if let Some(clear) = (*ty).clear {
        host::call_of(heap, ty, clear, obj, Around::Clear);
        take_deferred(heap, &mut queue);
    }
    if let Some(destroy) = (*ty).destroy {
        host::call_of(heap, ty, destroy, obj, Around::Destroy);
        take_deferred(heap, &mut queue);
    }
    check_own(obj, ty);
    block::free_to_run(obj, ty);
    if !queue.is_empty() {
        end_queued(queue.head);
    }
}

#[inline(never)]
unsafe fn end_deep_alone(obj: *mut c_void, ty: *mut Type, heap: *mut Heap) {
    let mut queue = Queue::new();
    end_deep(obj, ty, heap, &mut queue);
    end_all(&mut queue);
}

#[inline(never)]
unsafe fn end_queued(head: u64) {
    end_all(&mut Queue { head });
}

/// A plain object lets go of all it refers to. What dies is put in front of a queue, whose first is `head`; returns
/// the first of it then. By value, so that it is in a register.
#[inline(always)]
unsafe fn release_edges(obj: *mut c_void, ty: *mut Type, mut head: u64) -> u64 {
    // So that an edge to itself is found to be one too many.
    header::set_count_word(obj, header::QUEUED);
    slots::each_edge(obj, ty, |word| release_edge_of(obj, word, &mut head));
    head
}

/// A plain object lets go of what a slot holds; `head` as in [`release_edges`].
#[inline(always)]
unsafe fn release_edge_of(holder: *mut c_void, word: usize, head: &mut u64) {
    if word == 0 {
        return;
    }
    let target = word as *mut c_void;
    let count = header::count_word(target);
    if count.wrapping_sub(LOCAL_ONE + 1) < LOCAL - 2 {
        header::set_count_word(target, count - 1);
        hints::let_go(target, || object::type_of(holder));
    } else if count as i32 >= 0 {
        sys::seldom();
        *head = release_last_edge(holder, target, count, *head);
    }
}

/// The rest of [`release_edge_of`]: the last reference, and misuse. Returns the first of the queue. Apart, so that the
/// walks keep their registers.
#[inline(never)]
unsafe fn release_last_edge(holder: *mut c_void, target: *mut c_void, count: u32, head: u64) -> u64 {
    let alive = count == LOCAL_ONE && range::contains(target as usize);
    if !alive || header::high_word(target) & header::HOLD_FLAGS != 0 {
        release_misused(holder, target);
    }
    if end_leaf(target) {
        return head;
    }
    let mut queue = Queue { head };
    queue.push(target);
    queue.head
}

/// Ends one object with callbacks or weak handles.
#[inline(always)]
unsafe fn end_with_callbacks(obj: *mut c_void, ty: *mut Type, queue: &mut Queue) {
    let heap = (*ty).heap;
    if (*heap).is_shallow(DEATH_DEPTH_MAX) {
        end_in_steps(obj, ty, heap, queue);
    } else {
        end_deep(obj, ty, heap, queue);
    }
}

/// As [`end_in_steps`], where many callbacks may be running: of this heap, or of others that share the thread; or of a heap
/// that is bounded.
#[inline(never)]
unsafe fn end_deep(obj: *mut c_void, ty: *mut Type, heap: *mut Heap, queue: &mut Queue) {
    if (*heap).is_bounded() {
        return debt::end_bounded(heap, obj);
    }
    let nest = host::nest();
    if host::is_deep_in(heap, nest) {
        host::around(heap, ptr::null_mut(), Around::PutOff);
        return put_off(obj, heap);
    }
    let outer = host::enter_nest_in(heap, nest);
    end_in_steps(obj, ty, heap, queue);
    host::leave_nest(outer);
}

/// Too many callbacks are running: the object ends when the innermost of them has returned.
#[cold]
unsafe fn put_off(obj: *mut c_void, heap: *mut Heap) {
    (*heap).put_offs_left -= 1;
    if (*heap).put_offs_left == 0 {
        ending::goes_on(heap);
    }
    (*host::innermost(heap)).deferred.push(obj);
}

/// Steps 1 to 7.
///
/// # Safety
/// - Nothing refers to `obj`, and nobody holds it.
#[inline(never)]
pub unsafe fn end_in_steps(obj: *mut c_void, ty: *mut Type, heap: *mut Heap, queue: &mut Queue) {
    header::store(obj, header::load(obj).held());
    if let Some(finalize) = (*ty).finalize {
        if !header::has_flags(obj, Flags::FINALIZED) && (*heap).finalizers.queued {
            // The engine's own reference becomes the queue's: the object is alive until its finalizer has run.
            header::change_flags(obj, Flags::HELD, Flags::empty());
            finalizers::push(heap, obj);
            return;
        }
        if !header::has_flags(obj, Flags::FINALIZED) {
            header::set_flags(obj, Flags::FINALIZED);
            host::call_of(heap, ty, finalize, obj, Around::Aside);
            take_deferred(heap, queue);
            if let_go_if_stored(obj, queue) {
                return;
            }
        }
    }
    header::change_flags(obj, Flags::HELD, Flags::DYING);
    let mut detached = Detached::new();
    if header::has_flags(obj, Flags::WEAK) {
        let ran = if (*heap).finalizers.queued {
            (*heap).finalizers.pending.detach(heap, obj, &mut detached);
            false
        } else {
            let pending = Pending::new();
            pending.detach(heap, obj, &mut detached);
            run_weak_callbacks(heap, &pending, queue)
        };
        detached.release(queue);
        if ran && let_go_if_stored(obj, queue) {
            return;
        }
    }
    empty(obj, ty, queue);
    if let Some(destroy) = (*ty).destroy {
        host::call_of(heap, ty, destroy, obj, Around::Destroy);
        take_deferred(heap, queue);
    }
    check_own(obj, ty);
    block::free(obj, ty);
}

/// Step 4: runs the weak callbacks that are due. Whether any ran.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn run_weak_callbacks(heap: *mut Heap, pending: &Pending, queue: &mut Queue) -> bool {
    let mut ran = false;
    while let Some((weak, callback, ctx)) = pending.pop() {
        host::call(heap, || callback(weak, ctx));
        take_deferred(heap, queue);
        ran = true;
    }
    ran
}

/// Step 5 of one object: its references go.
///
/// # Safety
/// - `obj` is dying and held.
pub unsafe fn empty(obj: *mut c_void, ty: *mut Type, queue: &mut Queue) {
    promised!(header::has_flags(obj, Flags::DYING));
    let heap = (*ty).heap;
    take_fields(obj, ty, queue);
    if (*ty).flags.contains(TypeFlags::HOLDS_WEAK) {
        slots::end_weak_handles(obj, ty);
    }
    if (*ty).flags.contains(TypeFlags::MAP) {
        weakmap::empty(obj, queue);
    }
    if let Some(clear) = (*ty).clear {
        host::call_of(heap, ty, clear, obj, Around::Clear);
        take_deferred(heap, queue);
    }
}

/// As [`take_fields`], apart from walks of plain offsets.
#[inline(never)]
unsafe fn take_fields_apart(obj: *mut c_void, ty: *mut Type, queue: &mut Queue) {
    take_fields(obj, ty, queue)
}

/// A dying object's declared fields let go of what they hold.
#[inline(always)]
unsafe fn take_fields(obj: *mut c_void, ty: *mut Type, queue: &mut Queue) {
    slots::take_edges(obj, ty, |word| {
        if word != 0 {
            release_edge_at_once(ty, word as *mut c_void, queue);
        }
    });
}

/// As [`count::release_edge_by`], but a leaf that dies needs no queue.
#[inline(always)]
unsafe fn release_edge_at_once(ty: *const Type, target: *mut c_void, queue: &mut Queue) {
    let word = header::count_word(target);
    if word.wrapping_sub(LOCAL_ONE + 1) < LOCAL - 2 {
        header::set_count_word(target, word - 1);
        hints::let_go(target, || ty);
    } else if word as i32 >= 0 {
        end_at_once(target, queue);
    }
}

/// The rest of [`release_edge_at_once`]: the last reference, and misuse.
#[inline(never)]
unsafe fn end_at_once(target: *mut c_void, queue: &mut Queue) {
    let last = header::count_word(target) == LOCAL_ONE && range::contains(target as usize);
    if !last || !end_leaf(target) {
        count::release_edge_slow(target, queue);
    }
}

/// Frees an object whose last reference goes, if it is a leaf. Else, and where nothing may end, it is left as it is.
///
/// # Safety
/// - The count word is [`LOCAL_ONE`], and the address in the range.
#[inline(always)]
unsafe fn end_leaf(obj: *mut c_void) -> bool {
    let ty = object::type_of(obj);
    let ends = is_leaf(obj, ty) && (*(*ty).heap).phase() != Phase::Judging;
    if ends {
        block::free(obj, ty);
    }
    ends
}

/// Step 2 of one object: if somebody stored a reference to it, the engine lets go of it and it lives on.
unsafe fn let_go_if_stored(obj: *mut c_void, queue: &mut Queue) -> bool {
    if header::count_word(obj) == LOCAL_ONE {
        return false;
    }
    let_go(obj, queue);
    true
}

/// Ends the engine's own reference to an object that lives on.
///
/// # Safety
/// - `obj` is held or dying, and something else refers to it.
pub unsafe fn let_go(obj: *mut c_void, queue: &mut Queue) {
    promised!(header::has_flags(obj, Flags::HELD) || header::has_flags(obj, Flags::DYING));
    header::change_flags(obj, Flags::HELD | Flags::DYING | Flags::CONDEMNED, Flags::empty());
    count::release_edge(obj, queue);
}

/// After the callbacks nobody but the engine may refer to a dying object.
///
/// # Safety
/// - `obj` is dying and held by the engine alone, if its host kept the rules.
#[inline(always)]
pub unsafe fn check_own(obj: *mut c_void, ty: *mut Type) {
    promised!(header::has_flags(obj, Flags::DYING));
    if header::count_word(obj) != LOCAL_ONE {
        is_kept(obj, ty);
    }
}

#[cold]
#[inline(never)]
unsafe fn is_kept(obj: *mut c_void, ty: *mut Type) -> ! {
    report::fatal(format_args!(
        "{} {obj:p} was stored in clear or destroy, or is still referred to from outside: {} references are left at its end{}",
        (*ty).name(),
        (header::count_word(obj) & !header::LOCAL).wrapping_sub(1),
        particulars::of(obj)
    ))
}

/// Takes over what was put off while a callback of this heap was running, of whatever heaps. It is not ended here: that
/// would be the recursion which putting it off avoids.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn take_deferred(heap: *mut Heap, queue: &mut Queue) {
    while let Some(obj) = (*heap).deferred.pop() {
        queue.push(obj);
    }
}

/// Takes a heap's objects out of what waits for a callback of another heap to return: the heap ends before it does.
///
/// # Safety
/// - Only the threads of the heaps concerned are in them.
pub unsafe fn take_own(heap: *mut Heap, queue: &mut Queue) {
    let waiting = host::innermost(heap);
    let mut others = Queue::new();
    while let Some(obj) = (*waiting).deferred.pop() {
        match (*object::type_of(obj)).heap == heap {
            true => queue.push(obj),
            false => others.push(obj),
        }
    }
    (*waiting).deferred = others;
}

/// Ends what was put off in callbacks that are over and were not part of an object's end by count.
///
/// # Safety
/// - As [everywhere](crate).
#[inline(always)]
pub unsafe fn end_deferred(heap: *mut Heap) {
    if !(*heap).deferred.is_empty() {
        end_taken(heap);
    }
}

#[cold]
#[inline(never)]
unsafe fn end_taken(heap: *mut Heap) {
    let mut queue = Queue::new();
    take_deferred(heap, &mut queue);
    end_all(&mut queue);
}
