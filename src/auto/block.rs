//! What the process shows to others while it runs, with `RCGC_WATCH=on`: the main numbers of its heaps and their last
//! pauses, in memory that another process can read without stopping this one. Its layout is `rcgc_format::block`.
//!
//! A slot of the block is written by its heap's thread alone, after each pause and where the heap's thread looks
//! around ([`Notice::Attend`]). A forked child does not write: what it would write is its parent's.

use crate::base::environment;
use crate::cycle::pauses::Pause;
use crate::heap::Heap;
use crate::observe::{Notice, Seat, Wants};
use crate::sys::{self, file};
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{fence, AtomicPtr, AtomicU64, Ordering};
use rcgc_format::block::{head, slot, BYTES, MAGIC, SLOTS, VERSION};

/// The block; null: none yet.
static BLOCK: AtomicPtr<u64> = AtomicPtr::new(ptr::null_mut());
/// The process that writes it, as [`file::process`] tells processes apart.
static WRITER: AtomicU64 = AtomicU64::new(0);

/// A heap was made: shows it, if the environment says so.
///
/// # Safety
/// - As [everywhere](crate).
pub unsafe fn at_birth(heap: *mut Heap) {
    if environment::one_of(c"RCGC_WATCH", &[c"off", c"on"]) != 1 {
        return;
    }
    let Some(block) = block() else { return };
    let Some(slot) = take_slot(block, (*heap).serial) else {
        // ORDER: relaxed: a number for people.
        word(block, head::LEFT_OUT).fetch_add(1, Ordering::Relaxed);
        return;
    };
    (*heap).observers.sit(
        Seat::Block,
        slot as *mut c_void,
        hear,
        Wants::PAUSED | Wants::ATTEND | Wants::GONE,
    );
    write(heap, slot, None);
}

unsafe fn word<'a>(words: *mut u64, number: usize) -> &'a AtomicU64 {
    AtomicU64::from_ptr(words.add(number))
}

/// The block, made if need be.
unsafe fn block() -> Option<*mut u64> {
    // ORDER: acquires the head of the block.
    let made = BLOCK.load(Ordering::Acquire);
    if !made.is_null() {
        // ORDER: relaxed: written once, before the block.
        return (WRITER.load(Ordering::Relaxed) == file::process()).then_some(made);
    }
    let block = file::shared_memory(c"rcgc-watch", BYTES)? as *mut u64;
    let values = [
        (head::VERSION, VERSION),
        (head::PROCESS, file::process_id()),
        (head::SLOTS, SLOTS as u64),
        (head::SLOT_WORDS, slot::WORDS as u64),
        (head::MAGIC, MAGIC),
    ];
    for (number, value) in values {
        // ORDER: relaxed: a reader who finds half of the head looks again.
        word(block, number).store(value, Ordering::Relaxed);
    }
    // ORDER: relaxed: threads that come at once write the same, and `BLOCK` releases it.
    WRITER.store(file::process(), Ordering::Relaxed);
    // ORDER: releases the head to who acquires above.
    match BLOCK.compare_exchange(ptr::null_mut(), block, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Some(block),
        // Another thread was first: this block stays empty, and its head says that nothing is in it.
        Err(other) => {
            // ORDER: relaxed: a reader takes the other one.
            word(block, head::MAGIC).store(0, Ordering::Relaxed);
            sys::unmap(block as *mut u8, BYTES);
            Some(other)
        }
    }
}

unsafe fn take_slot(block: *mut u64, serial: u64) -> Option<*mut u64> {
    (0..SLOTS).map(|number| block.add(head::WORDS + number * slot::WORDS)).find(|&slot| {
        // ORDER: relaxed: who gets it writes it under its sequence.
        word(slot, slot::SERIAL).compare_exchange(0, serial, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    })
}

unsafe fn hear(heap: *mut Heap, notice: Notice) {
    let slot = (*heap).observers.state(Seat::Block) as *mut u64;
    // ORDER: relaxed: written before any heap sat down.
    let is_own = WRITER.load(Ordering::Relaxed) == file::process();
    match notice {
        Notice::Gone => {
            (*heap).observers.leave(Seat::Block);
            if is_own {
                // ORDER: relaxed: whoever takes the slot writes it anew.
                word(slot, slot::SERIAL).store(0, Ordering::Relaxed);
            }
        }
        Notice::Paused if is_own => write(heap, slot, Some((*heap).pauses.latest)),
        _ if is_own => write(heap, slot, None),
        _ => {}
    }
}

/// Writes a slot, and one more pause: its sequence is odd meanwhile.
unsafe fn write(heap: *mut Heap, slot: *mut u64, pause: Option<Pause>) {
    // ORDER: relaxed: only this thread writes it.
    let sequence = word(slot, slot::SEQUENCE).load(Ordering::Relaxed) | 1;
    // ORDER: relaxed, before the fence.
    word(slot, slot::SEQUENCE).store(sequence, Ordering::Relaxed);
    // ORDER: a reader in another process who sees one of the words below sees the odd number, too.
    fence(Ordering::Release);
    // ORDER: relaxed: between the two sequences.
    let set = |number: usize, value: u64| word(slot, number).store(value, Ordering::Relaxed);
    let name = (*heap).name_words();
    for (number, &value) in name.iter().enumerate() {
        set(slot::NAME + number, value);
    }
    let (young, full) = (&(*heap).young, &(*heap).full);
    set(slot::LIVE_OBJECTS, (*heap).live_objects());
    set(slot::LIVE_BYTES, (*heap).live_bytes());
    set(slot::EXTERNAL_BYTES, (*heap).external.total);
    set(slot::HEAP_BYTES, (*heap).space.heap_bytes());
    set(slot::HEAP_BYTES_PEAK, (*heap).space.heap_bytes_peak);
    set(slot::OWED_OBJECTS, (*heap).debt.objects);
    set(slot::YOUNG_RUNS, young.runs);
    set(slot::FULL_RUNS, full.runs);
    set(slot::PAUSES, (*heap).pauses.count);
    set(slot::PAUSE_NS_TOTAL, young.pause_ns_total + full.pause_ns_total);
    set(slot::PAUSE_NS_MAX, young.pause_ns_max.max(full.pause_ns_max));
    set(slot::WALL_CLOCK_NS, file::wall_clock_ns());
    set(slot::NOW_NS, sys::now_ns());
    if let Some(Pause { duration_ns, end_ns, objects, phase, reason }) = pause {
        let number = (*heap).pauses.count.wrapping_sub(1) as usize % slot::LAST_COUNT;
        let values = [duration_ns, end_ns, objects, phase as u64, reason as u64];
        for (place, value) in values.into_iter().enumerate() {
            set(slot::LAST + number * slot::PAUSE_WORDS + place, value);
        }
    }
    // ORDER: releases all of it to a reader who sees this number.
    word(slot, slot::SEQUENCE).store(sequence + 1, Ordering::Release);
}

/// The library's code goes, and with it the block.
///
/// # Safety
/// - No heap is left that writes to it.
pub unsafe fn end() {
    // ORDER: relaxed: the one thread that unloads.
    let block = BLOCK.swap(ptr::null_mut(), Ordering::Relaxed);
    if !block.is_null() {
        sys::unmap(block as *mut u8, BYTES);
    }
}
