//! `rcgc/collector.h`: tracking, collections, when they run, and what they did. A null heap means the
//! default heap.

use super::boundary::{keep_status, status, Answer, Call, NonNull};
use super::slices::{GC_BEHIND_MEMORY, GC_PIECES_NEVER};
use super::status::*;
use crate::cycle::pauses::{self, Pause, PausePhase};
use crate::cycle::stats::{GenerationStats, Status, PAUSE_BUCKETS};
use crate::cycle::{self, pace, Kind};
use crate::header::{self, Flags};
use crate::heap::Heap as gc_heap;
use crate::host::Pin;
use crate::object::{self, checked_held};
use crate::types::TypeFlags;
use core::ffi::c_void;
use static_assertions::const_assert_eq;

/// Automatic collections run at allocations. The default.
pub const GC_POLICY_ALLOCATION: u32 = 0;
/// Automatic collections run only at `gc_safepoint`.
pub const GC_POLICY_SAFEPOINT: u32 = 1;
/// There are no automatic collections.
pub const GC_POLICY_NEVER: u32 = 2;

/// `gc_policy.limits`: near a limit of the system's a full collection comes earlier. The default.
pub const GC_LIMITS_RESPECTED: u32 = 0;
/// `gc_policy.limits`: they are ignored.
pub const GC_LIMITS_IGNORED: u32 = 1;

/// When automatic collection runs. Start from `GC_POLICY_INIT`; a field left zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_policy {
    /// `sizeof(gc_policy)` as the host was compiled.
    pub struct_size: usize,
    /// One of `GC_POLICY_*`.
    pub mode: u32,
    /// Must be zero.
    pub reserved: u32,
    /// A full collection runs when the bytes in use (objects and external) have grown by this factor over
    /// what the last one left, and by `full_min_bytes`: 1.0, the default, lets the heap double. At most 100. Near a limit of
    /// the system's it comes earlier: see `limits`.
    pub growth: f64,
    /// A young collection runs after this many bytes were allocated, freed since or not. 0: about 4 MiB,
    /// stretched while young collections find little.
    pub young_bytes: u64,
    /// Nanoseconds that an automatic collection may stop the host for, at an allocation or a safepoint. Not 0: full
    /// collections run in slices of about that length (`rcgc/slices.h`), begun early enough to have ended when the heap has
    /// grown by its factor, and there are no young ones. Where the host allocates faster than that allows, `behind` says what
    /// gives way. 0, the default: each collection in one piece.
    pub pause_budget_ns: u64,
    /// Most bytes of memory the heap may take for objects; 0: no limit. At the limit `rc_new` first tries a
    /// collection (mode `GC_POLICY_ALLOCATION`, outside callbacks), then returns null. When eight such collections in a row
    /// have gained nothing, the next refusals come without one: twice as many each time, up to one for each 16 objects.
    /// What the host drops meanwhile is found then, at the latest; at once by `gc_collect`.
    pub limit_bytes: u64,
    /// What a heap may grow by before its first full collection, and beyond its factor before each. 0: 16 MiB, so that small
    /// heaps are left alone. Small runtimes set it low: with 256 KiB rings are found, and their memory used again, before a
    /// program has taken much more than that.
    pub full_min_bytes: u64,
    /// What dying objects let go of, and what that reaches, is looked at after this many bytes were allocated: a ring whose
    /// owner has died is found there, long before the heap has grown. Such a collection looks at an object for each 16 of
    /// these bytes at most (at 256 at least, at 65,536 at most); it is told, counted and logged as a young one. 0: about
    /// 128 KiB, stretched while little is found. `UINT64_MAX`: never.
    pub near_bytes: u64,
    /// One of `GC_LIMITS_*`: what limits of the system's are to the heap. Those are the least `memory.max` or `memory.high` of
    /// the process's cgroup and of those above it (version 1: `memory.limit_in_bytes`), and `RLIMIT_DATA`, as they were when
    /// the first heap was made. A full collection runs when objects have grown by half of what is left then, or by a
    /// 32nd. What is left is looked at as each full collection ends; other heaps and `malloc` take of the same.
    pub limits: u32,
    /// Must be zero.
    pub limits_reserved: u32,
    /// Most objects that one call may end by their counts: a cascade (a large tree, a chain) stops when it has ended so many,
    /// and the rest is owed. What is owed has lost its last reference: weak handles of it read null, and a borrowed pointer to it
    /// is as wrong as one to a dead object; its callbacks, and the end of what it refers to, are still to come. They come
    /// with allocations, an object for each 16 bytes that are allocated (mode `GC_POLICY_ALLOCATION`); in `gc_safepoint`, so many each time; and all at
    /// once where memory is short (`gc_memory_pressure`, a heap at its limit), in `gc_collect`, and when the heap ends. What a
    /// callback releases may be owed, too. One object's own references go in one piece. 0: no bound, nothing is owed.
    pub release_budget: u64,
    /// Most work of one slice (`rcgc/slices.h`), in objects looked at and references followed, whatever its budget: so that slices
    /// end at the same place on every machine. 0: only the budget counts.
    pub pause_work: u64,
    /// What may be done about a piece that cannot be sliced and is too large for the budget: one of `GC_PIECES_*`.
    pub pieces: u32,
    /// What gives way where the host allocates faster than `pause_budget_ns` allows: one of `GC_BEHIND_*`.
    pub behind: u32,
}

/// Buckets of a pause histogram: bucket i counts pauses of less than 2^i microseconds that are in no bucket
/// before; the last one also all longer ones.
pub const GC_PAUSE_BUCKETS: usize = 24;

/// What the collections of one generation did since the heap was made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_generation_stats {
    /// Collections that ran.
    pub runs: u64,
    /// Tracked objects they looked at.
    pub examined: u64,
    /// Tracked objects they found dead and ended.
    pub reclaimed: u64,
    /// Of the dead, those that a finalizer brought back, or that wait in the queue for `gc_run_finalizers`, which counts
    /// them among `examined` and `reclaimed` of `full` when they end there.
    pub resurrected: u64,
    /// Collections that were asked for where none may run.
    pub refused: u64,
    /// How the last run ended: `RC_OK`; `RC_ERR_NO_MEMORY` when it was given up, with everything as before;
    /// `RC_ERR_TRAVERSE` when a count did not fit the edges.
    pub last_status: rc_status,
    /// Zero.
    pub reserved: u32,
    /// Nanoseconds of all pauses together.
    pub pause_ns_total: u64,
    /// Nanoseconds of the longest pause.
    pub pause_ns_max: u64,
    /// Nanoseconds of the last pause.
    pub pause_ns_last: u64,
    /// How many pauses were how long.
    pub pauses: [u64; GC_PAUSE_BUCKETS],
}

/// `gc_pause.phase`: a young collection in one piece.
pub const GC_PHASE_YOUNG: u32 = 1;
/// `gc_pause.phase`: a collection near a death.
pub const GC_PHASE_NEAR: u32 = 2;
/// `gc_pause.phase`: a full collection in one piece.
pub const GC_PHASE_FULL: u32 = 3;
/// `gc_pause.phase`: a slice of a full collection that ended while counts were taken.
pub const GC_PHASE_COUNT: u32 = 5;
/// `gc_pause.phase`: while references were taken off.
pub const GC_PHASE_SUBTRACT: u32 = 6;
/// `gc_pause.phase`: while what lives was marked.
pub const GC_PHASE_MARK: u32 = 7;
/// `gc_pause.phase`: while suspects were put into pieces.
pub const GC_PHASE_COMPONENTS: u32 = 8;
/// `gc_pause.phase`: while pieces were confirmed and ended.
pub const GC_PHASE_PIECES: u32 = 9;
/// `gc_pause.phase`: where all that was left were pieces for `gc_idle`.
pub const GC_PHASE_WAITING: u32 = 10;
/// `gc_pause.phase`: the last slice of a run.
pub const GC_PHASE_CLOSING: u32 = 11;

/// How many of the longest pauses the statistics have.
pub const GC_PAUSES_LONGEST: usize = 10;

/// One pause.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_pause {
    /// Nanoseconds that it took.
    pub duration_ns: u64,
    /// When it ended, in nanoseconds of `CLOCK_MONOTONIC`.
    pub end_ns: u64,
    /// Tracked objects that were looked at; in a slice the references followed, too.
    pub objects: u64,
    /// One of `GC_PHASE_*`; 0: there was no such pause.
    pub phase: u32,
    /// One of `GC_REASON_*`.
    pub reason: u32,
}

const_assert_eq!(size_of::<gc_pause>(), size_of::<Pause>());
const_assert_eq!(GC_PAUSES_LONGEST, pauses::LONGEST);
const_assert_eq!(GC_PHASE_YOUNG, PausePhase::Young as u32);
const_assert_eq!(GC_PHASE_NEAR, PausePhase::Near as u32);
const_assert_eq!(GC_PHASE_FULL, PausePhase::Full as u32);
const_assert_eq!(GC_PHASE_COUNT, PausePhase::Count as u32);
const_assert_eq!(GC_PHASE_CLOSING, PausePhase::Closing as u32);

/// The statistics of a heap. Start from `GC_STATS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gc_stats {
    /// `sizeof(gc_stats)` as the host was compiled.
    pub struct_size: usize,
    /// Objects that live now.
    pub live_objects: u64,
    /// Bytes of live objects, with headers and rounding.
    pub live_bytes: u64,
    /// Bytes counted by `rc_add_external_bytes` and `gc_add_external_bytes`.
    pub external_bytes: u64,
    /// Memory taken for objects and not given back, in bytes: pages of 64 KiB that hold some, and free ones that are kept
    /// for what is made next.
    pub heap_bytes: u64,
    /// The most that `heap_bytes` has been.
    pub heap_bytes_peak: u64,
    /// Objects made since the heap was made.
    pub allocated_objects: u64,
    /// Objects ended since the heap was made.
    pub freed_objects: u64,
    /// Of these, by the collector.
    pub reclaimed_objects: u64,
    /// A full collection runs when live and external bytes together pass this; `UINT64_MAX`: none is going
    /// to.
    pub full_trigger_bytes: u64,
    /// A young collection runs after about this many more bytes are allocated; `UINT64_MAX`: none is going
    /// to.
    pub young_trigger_bytes: u64,
    /// What `gc_collect_young` and its automatic like did.
    pub young: gc_generation_stats,
    /// What `gc_collect` and its automatic like did.
    pub full: gc_generation_stats,
    /// Objects that have lost their last reference and wait for their end: see `gc_policy.release_budget`. They are counted
    /// among `live_objects`.
    pub owed_objects: u64,
    /// The most that `owed_objects` has been.
    pub owed_objects_max: u64,
    /// Pauses that there were.
    pub pauses: u64,
    /// The longest of them, the longest first.
    pub longest: [gc_pause; GC_PAUSES_LONGEST],
    /// Slices of collections (`rcgc/slices.h`) that there were.
    pub slices: u64,
    /// Automatic slices that were longer than `pause_budget_ns`, because the host allocated faster than that allows.
    pub slices_longer: u64,
    /// Runs whose rest was done in one piece for that reason.
    pub slices_whole: u64,
    /// Slices that came when the heap had grown by its factor, under `GC_BEHIND_MEMORY`.
    pub slices_grown: u64,
    /// Pieces that the last run has held back, as `gc_step_result` has them.
    pub held_pieces: u64,
    /// Objects of these.
    pub held_objects: u64,
    /// Bytes of these.
    pub held_bytes: u64,
}

/// Puts an object under the collector's eyes: it must be walkable from now on. Twice is `RC_OK`.
///
/// Objects whose references are all declared are tracked when made; this is for types with a `traverse`,
/// once all that it reads is set.
///
/// Fails: RC_ERR_UNSUPPORTED for a type that is acyclic or has no references; fatal for what is not a live
/// object.
#[no_mangle]
pub unsafe extern "C" fn gc_track(obj: NonNull<c_void>) -> rc_status {
    status(|| {
        let (call, header) = Call::of_heap_object("gc_track", obj)?;
        let ty = object::type_of(obj.0);
        let flags = (*ty).flags;
        if !flags.contains(TypeFlags::REFERS) || flags.contains(TypeFlags::ACYCLIC) {
            let why = if flags.contains(TypeFlags::ACYCLIC) { "is acyclic" } else { "has no references" };
            return call.refuse(RC_ERR_UNSUPPORTED, format_args!("type {} {why}", (*ty).name()));
        }
        if !object::is_settled(header) {
            return is_dying(call, obj);
        }
        header::set_flags(obj.0, Flags::TRACKED);
        Ok(())
    })
}

/// Takes an object out of the collector's sight: it is not found in rings any more, and what it refers to
/// counts as held.
///
/// Fails: RC_ERR_REFUSED for a dying object; fatal for what is not a live object. Twice is `RC_OK`.
#[no_mangle]
pub unsafe extern "C" fn gc_untrack(obj: NonNull<c_void>) -> rc_status {
    status(|| {
        let (call, header) = Call::of_heap_object("gc_untrack", obj)?;
        if !object::is_settled(header) {
            return is_dying(call, obj);
        }
        header::clear_flags(obj.0, Flags::TRACKED);
        Ok(())
    })
}

/// Whether the object is tracked.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn gc_is_tracked(obj: NonNull<c_void>) -> bool {
    checked_held("gc_is_tracked", obj.0).has(Flags::TRACKED)
}

/// Finds and ends all rings of the heap that nothing outside them refers to, and returns how many tracked
/// objects that were.
///
/// Works when automatic collection is disabled, and always examines the whole heap. What dies by count in
/// consequence is not in the number. Afterwards memory that holds no object goes back to the system, and tables shrink to
/// what is in them; only free memory between objects that is no more than a quarter of what they take stays. Automatic
/// collections keep what the next allocations will want.
///
/// Ownership: ends what is dead.
/// May collect: yes.
/// Runs host code: `traverse` of callback types, finalizers, weak callbacks, `clear` and `destroy` of what ends, and the callbacks of `gc_add_callback`.
/// Fails: 0, and counted in the statistics, where none may run (inside a callback of a collection,
/// `traverse`, `clear`) and when memory for judging is not to be had. `gc_last_status` distinguishes these from a heap without
/// garbage: RC_ERR_REFUSED, RC_ERR_NO_MEMORY; RC_ERR_TRAVERSE where the collection ran, and a count did not fit the edges.
#[no_mangle]
pub unsafe extern "C" fn gc_collect(heap: *mut gc_heap) -> usize {
    with_outcome("gc_collect", heap, |heap| cycle::collect_and_trim(heap))
}

/// As `gc_collect`, looking only at what was allocated since the last collection; its cost is that of those
/// objects.
///
/// Ownership: ends what is dead.
/// May collect: yes.
/// Runs host code: `traverse` of callback types, finalizers, weak callbacks, `clear` and `destroy` of what ends, and the callbacks of `gc_add_callback`.
/// Fails: as `gc_collect`; `gc_last_status` says how.
#[no_mangle]
pub unsafe extern "C" fn gc_collect_young(heap: *mut gc_heap) -> usize {
    with_outcome("gc_collect_young", heap, |heap| cycle::collect(heap, Kind::Young))
}

/// Lets an automatic collection run that is due, under any mode but `GC_POLICY_NEVER`. Cheap when none is.
///
/// Ownership: ends what is dead.
/// May collect: yes.
/// Runs host code: what a collection runs.
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_safepoint(heap: *mut gc_heap) {
    if let Ok(call) = Call::on("gc_safepoint", heap) {
        let _pin = Pin::on(call.heap);
        cycle::safepoint(call.heap);
    }
}

/// Turns automatic collection on, as it is in the beginning.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_enable(heap: *mut gc_heap) {
    if let Ok(call) = Call::on("gc_enable", heap) {
        (*call.heap).enabled = true;
    }
}

/// Turns automatic collection off. `gc_collect` goes on working.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_disable(heap: *mut gc_heap) {
    if let Ok(call) = Call::on("gc_disable", heap) {
        (*call.heap).enabled = false;
    }
}

/// Whether automatic collection is on.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_is_enabled(heap: *mut gc_heap) -> bool {
    Call::on("gc_is_enabled", heap).is_ok_and(|call| (*call.heap).enabled)
}

/// Sets when automatic collection runs.
///
/// Ownership: nothing; the policy is copied.
/// Fails: RC_ERR_INVALID for a bad size, mode, factor, or an unknown number; then nothing changed.
#[no_mangle]
pub unsafe extern "C" fn gc_set_policy(heap: *mut gc_heap, policy: *const gc_policy) -> rc_status {
    status(|| {
        let call = Call::on("gc_set_policy", heap)?;
        call.needs(!policy.is_null(), "policy is null")?;
        let policy = call.read(policy, core::mem::offset_of!(gc_policy, growth), "policy: ")?;
        let mode = match policy.mode {
            GC_POLICY_ALLOCATION => pace::Mode::Allocation,
            GC_POLICY_SAFEPOINT => pace::Mode::Safepoint,
            GC_POLICY_NEVER => pace::Mode::Never,
            other => return call.invalid(format_args!("mode {other} is unknown")),
        };
        call.needs(
            policy.reserved == 0 && (0.0..=pace::GROWTH_MAX).contains(&policy.growth),
            "growth is not between 0 and 100, or reserved is not zero",
        )?;
        call.needs(
            policy.limits <= GC_LIMITS_IGNORED && policy.limits_reserved == 0,
            "limits is unknown, or limits_reserved is not zero",
        )?;
        if policy.pieces > GC_PIECES_NEVER {
            return call.invalid(format_args!("pieces {} is unknown", policy.pieces));
        }
        if policy.behind > GC_BEHIND_MEMORY {
            return call.invalid(format_args!("behind {} is unknown", policy.behind));
        }
        let heap = &mut *call.heap;
        heap.recall_rations();
        heap.sliced.limit = policy.pause_work;
        heap.sliced.pieces = policy.pieces;
        heap.sliced.auto.behind = policy.behind;
        heap.set_pause_budget(policy.pause_budget_ns);
        heap.pace.mode = mode;
        heap.pace.growth = if policy.growth == 0.0 { pace::GROWTH } else { policy.growth };
        heap.pace.set_young_bytes(policy.young_bytes.min(i64::MAX as u64));
        heap.pace.set_slack(policy.full_min_bytes);
        heap.pace.set_near_bytes(policy.near_bytes);
        heap.space.limit_bytes = policy.limit_bytes;
        heap.pace.ignores_limits = policy.limits == GC_LIMITS_IGNORED;
        heap.renew_cap();
        heap.set_release_budget(policy.release_budget);
        heap.starved = Default::default();
        heap.space.tight_classes = 0;
        heap.renew_budget(false);
        Ok(())
    })
}

/// Counts `bytes` more (or fewer) that belong to the heap as a whole: what a runtime allocates by itself, tables
/// and buffers of whichever objects. They count for the triggers of automatic collection and in the statistics, as those that
/// `rc_add_external_bytes` counts for one object do, but no object's death takes them off: the host does, as it
/// frees.
///
/// May collect: no; a trigger that this crosses takes effect at the next `rc_new` or `gc_safepoint`.
/// Fails: RC_ERR_INVALID when what was counted for the heap would fall below 0, or all external bytes together leave 63 bits:
/// then nothing changed.
#[no_mangle]
pub unsafe extern "C" fn gc_add_external_bytes(heap: *mut gc_heap, bytes: isize) -> rc_status {
    status(|| {
        let call = Call::on("gc_add_external_bytes", heap)?;
        if (*call.heap).external.add_to_heap(bytes as i64).is_err() {
            return call.invalid(format_args!(
                "{bytes}: what was told for the heap would fall below 0, or its external bytes leave 63 bits"
            ));
        }
        if bytes > 0 {
            (*call.heap).spend(bytes as u64);
        }
        Ok(())
    })
}

/// Writes the policy in force, defaults filled in; `struct_size` must be set.
///
/// Fails: RC_ERR_INVALID for a bad size.
#[no_mangle]
pub unsafe extern "C" fn gc_get_policy(heap: *mut gc_heap, out_policy: NonNull<gc_policy>) -> rc_status {
    status(|| {
        let call = Call::on("gc_get_policy", heap)?;
        call.needs(!out_policy.0.is_null(), "out_policy is null")?;
        let heap = &*call.heap;
        let policy = gc_policy {
            struct_size: size_of::<gc_policy>(),
            mode: heap.pace.mode as u32,
            reserved: 0,
            growth: heap.pace.growth,
            young_bytes: heap.pace.young_interval,
            pause_budget_ns: heap.sliced.auto.budget_ns,
            limit_bytes: heap.space.limit_bytes,
            full_min_bytes: heap.pace.slack,
            near_bytes: heap.pace.near_interval,
            limits: heap.pace.ignores_limits as u32,
            limits_reserved: 0,
            release_budget: heap.debt.budget(),
            pause_work: heap.sliced.limit,
            pieces: heap.sliced.pieces,
            behind: heap.sliced.auto.behind,
        };
        call.put(out_policy.0, &policy, "")
    })
}

/// Writes the statistics of the heap; `struct_size` must be set.
///
/// Fails: RC_ERR_INVALID for a bad size.
#[no_mangle]
pub unsafe extern "C" fn gc_get_stats(heap: *mut gc_heap, out_stats: NonNull<gc_stats>) -> rc_status {
    status(|| {
        let call = Call::on("gc_get_stats", heap)?;
        call.needs(!out_stats.0.is_null(), "out_stats is null")?;
        (*call.heap).recall_rations();
        call.put(out_stats.0, &stats_of(&*call.heap), "")
    })
}

/// Whether the object's `finalize` has run. It runs once in an object's life.
///
/// Fails: fatal for what is not a live object.
#[no_mangle]
pub unsafe extern "C" fn gc_is_finalized(obj: NonNull<c_void>) -> bool {
    checked_held("gc_is_finalized", obj.0).has(Flags::FINALIZED)
}

/// Takes all objects that live now out of collections, without writing to them: what they refer to counts
/// as held. For a program that forks: what was made before is never copied by the children's collections.
/// Objects made later are not frozen.
///
/// Fails: RC_ERR_REFUSED inside a callback of a collection and inside `traverse`.
#[no_mangle]
pub unsafe extern "C" fn gc_freeze(heap: *mut gc_heap) -> rc_status {
    status(|| unless_collecting(Call::on("gc_freeze", heap)?, cycle::freeze))
}

/// Puts all frozen objects back under the collector's eyes, as old ones.
///
/// Fails: RC_ERR_REFUSED inside a callback of a collection and inside `traverse`.
#[no_mangle]
pub unsafe extern "C" fn gc_unfreeze(heap: *mut gc_heap) -> rc_status {
    status(|| unless_collecting(Call::on("gc_unfreeze", heap)?, cycle::unfreeze))
}

/// How many live objects are frozen now. Walks the pages that have some.
///
/// Fails: never.
#[no_mangle]
pub unsafe extern "C" fn gc_freeze_count(heap: *mut gc_heap) -> usize {
    Call::on("gc_freeze_count", heap).map_or(0, |call| cycle::count_frozen(call.heap) as usize)
}

const_assert_eq!(PAUSE_BUCKETS, GC_PAUSE_BUCKETS);

#[cold]
unsafe fn is_dying(call: Call, obj: NonNull<c_void>) -> Answer<()> {
    let name = (*object::type_of(obj.0)).name();
    call.refuse(RC_ERR_REFUSED, format_args!("{name} {:p} is dying", obj.0))
}

/// Runs a call that collects. Returns how much it came to, and keeps how it went, with a sentence where not all is well.
pub(super) unsafe fn with_outcome(
    name: &'static str,
    heap: *mut gc_heap,
    run: impl FnOnce(*mut gc_heap) -> (u64, Status),
) -> usize {
    let Ok(call) = Call::on(name, heap) else {
        keep_status(core::ptr::null_mut(), RC_ERR_NO_MEMORY);
        return 0;
    };
    let _pin = Pin::on(call.heap);
    let (count, status) = run(call.heap);
    match status {
        Status::Ok => {}
        Status::Refused => {
            call.say("none may run here, in a callback of a collection, in traverse or in clear")
        }
        Status::NoMemory => call.say("no memory for judging"),
        Status::Traverse => call.say("counts and edges of an object do not fit, as the log says"),
    }
    keep_status(call.heap, status as u32);
    count as usize
}

/// A change of what collections see, refused while one is running.
unsafe fn unless_collecting(call: Call, change: unsafe fn(*mut gc_heap) -> bool) -> Answer<()> {
    if change(call.heap) {
        return Ok(());
    }
    call.refuse(RC_ERR_REFUSED, "a collection is running")
}

/// What a heap's statistics are, rations recalled.
unsafe fn stats_of(heap: &gc_heap) -> gc_stats {
    let mut allocated = heap.ended_allocated;
    let mut reclaimed = heap.ended_reclaimed;
    heap.each_type(|ty| {
        allocated += (*ty).allocated();
        reclaimed += (*ty).reclaimed;
    });
    let live = heap.live_objects();
    let automatic = heap.enabled && heap.pace.mode != pace::Mode::Never;
    gc_stats {
        struct_size: size_of::<gc_stats>(),
        live_objects: live,
        live_bytes: heap.live_bytes(),
        external_bytes: heap.external.total,
        heap_bytes: heap.space.heap_bytes(),
        heap_bytes_peak: heap.space.heap_bytes_peak,
        allocated_objects: allocated,
        freed_objects: allocated - live,
        reclaimed_objects: reclaimed,
        full_trigger_bytes: if automatic { heap.pace.full_trigger() } else { u64::MAX },
        young_trigger_bytes: if automatic {
            heap.pace.young_interval.saturating_sub(heap.pace.allocated(heap.budget))
        } else {
            u64::MAX
        },
        young: generation(&heap.young),
        full: generation(&heap.full),
        slices: heap.sliced.slices,
        slices_longer: heap.sliced.auto.slices.longer,
        slices_whole: heap.sliced.auto.slices.wholes,
        slices_grown: heap.sliced.auto.slices.grown,
        held_pieces: heap.sliced.held.pieces,
        held_objects: heap.sliced.held.objects,
        held_bytes: heap.sliced.held.bytes,
        owed_objects: heap.debt.objects,
        owed_objects_max: heap.debt.objects_max,
        pauses: heap.pauses.count,
        longest: heap.pauses.longest.map(pause_of),
    }
}

fn pause_of(pause: Pause) -> gc_pause {
    let Pause { duration_ns, end_ns, objects, phase, reason } = pause;
    gc_pause { duration_ns, end_ns, objects, phase, reason }
}

fn generation(stats: &GenerationStats) -> gc_generation_stats {
    gc_generation_stats {
        runs: stats.runs,
        examined: stats.examined,
        reclaimed: stats.reclaimed,
        resurrected: stats.resurrected,
        refused: stats.refused,
        last_status: stats.last_status as u32,
        reserved: 0,
        pause_ns_total: stats.pause_ns_total,
        pause_ns_max: stats.pause_ns_max,
        pause_ns_last: stats.pause_ns_last,
        pauses: stats.pauses,
    }
}
