/* rcgc/collector.h: tracking, collections, when they run, and what they did. A null heap means
 * the default heap.
 *
 * Generated from src/capi/collector.rs: do not edit, run `make headers`. */
#ifndef RCGC_COLLECTOR_H
#define RCGC_COLLECTOR_H

#include <stdbool.h>

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* Automatic collections run at allocations. The default. */
#define GC_POLICY_ALLOCATION 0
/* Automatic collections run only at `gc_safepoint`. */
#define GC_POLICY_SAFEPOINT 1
/* There are no automatic collections. */
#define GC_POLICY_NEVER 2

/* `gc_policy.limits`: near a limit of the system's a full collection comes earlier. The default. */
#define GC_LIMITS_RESPECTED 0
/* `gc_policy.limits`: they are ignored. */
#define GC_LIMITS_IGNORED 1

/* When automatic collection runs. Start from `GC_POLICY_INIT`; a field left zero means the
 * default. */
typedef struct gc_policy {
  /* `sizeof(gc_policy)` as the host was compiled. */
  size_t struct_size;
  /* One of `GC_POLICY_*`. */
  uint32_t mode;
  /* Must be zero. */
  uint32_t reserved;
  /* A full collection runs when the bytes in use (objects and external) have grown by this
   * factor over what the last one left, and by `full_min_bytes`: 1.0, the default, lets the heap
   * double. At most 100. Near a limit of the system's it comes earlier: see `limits`. */
  double growth;
  /* A young collection runs after this many bytes were allocated, freed since or not. 0: about 4
   * MiB, stretched while young collections find little. */
  uint64_t young_bytes;
  /* Nanoseconds that an automatic collection may stop the host for, at an allocation or a
   * safepoint. Not 0: full collections run in slices of about that length (`rcgc/slices.h`),
   * begun early enough to have ended when the heap has grown by its factor, and there are no
   * young ones. Where the host allocates faster than that allows, `behind` says what gives way.
   * 0, the default: each collection in one piece. */
  uint64_t pause_budget_ns;
  /* Most bytes of memory the heap may take for objects; 0: no limit. At the limit `rc_new` first
   * tries a collection (mode `GC_POLICY_ALLOCATION`, outside callbacks), then returns null. When
   * eight such collections in a row have gained nothing, the next refusals come without one:
   * twice as many each time, up to one for each 16 objects. What the host drops meanwhile is
   * found then, at the latest; at once by `gc_collect`. */
  uint64_t limit_bytes;
  /* What a heap may grow by before its first full collection, and beyond its factor before each.
   * 0: 16 MiB, so that small heaps are left alone. Small runtimes set it low: with 256 KiB rings
   * are found, and their memory used again, before a program has taken much more than that. */
  uint64_t full_min_bytes;
  /* What dying objects let go of, and what that reaches, is looked at after this many bytes were
   * allocated: a ring whose owner has died is found there, long before the heap has grown. Such
   * a collection looks at an object for each 16 of these bytes at most (at 256 at least, at
   * 65,536 at most); it is told, counted and logged as a young one. 0: about 128 KiB, stretched
   * while little is found. `UINT64_MAX`: never. */
  uint64_t near_bytes;
  /* One of `GC_LIMITS_*`: what limits of the system's are to the heap. Those are the least
   * `memory.max` or `memory.high` of the process's cgroup and of those above it (version 1:
   * `memory.limit_in_bytes`), and `RLIMIT_DATA`, as they were when the first heap was made. A
   * full collection runs when objects have grown by half of what is left then, or by a 32nd.
   * What is left is looked at as each full collection ends; other heaps and `malloc` take of the
   * same. */
  uint32_t limits;
  /* Must be zero. */
  uint32_t limits_reserved;
  /* Most objects that one call may end by their counts: a cascade (a large tree, a chain) stops
   * when it has ended so many, and the rest is owed. What is owed has lost its last reference:
   * weak handles of it read null, and a borrowed pointer to it is as wrong as one to a dead
   * object; its callbacks, and the end of what it refers to, are still to come. They come with
   * allocations, an object for each 16 bytes that are allocated (mode `GC_POLICY_ALLOCATION`);
   * in `gc_safepoint`, so many each time; and all at once where memory is short
   * (`gc_memory_pressure`, a heap at its limit), in `gc_collect`, and when the heap ends. What a
   * callback releases may be owed, too. One object's own references go in one piece. 0: no
   * bound, nothing is owed. */
  uint64_t release_budget;
  /* Most work of one slice (`rcgc/slices.h`), in objects looked at and references followed,
   * whatever its budget: so that slices end at the same place on every machine. 0: only the
   * budget counts. */
  uint64_t pause_work;
  /* What may be done about a piece that cannot be sliced and is too large for the budget: one of
   * `GC_PIECES_*`. */
  uint32_t pieces;
  /* What gives way where the host allocates faster than `pause_budget_ns` allows: one of
   * `GC_BEHIND_*`. */
  uint32_t behind;
} gc_policy;

/* An initialiser: all defaults. */
#define GC_POLICY_INIT { sizeof(gc_policy), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Buckets of a pause histogram: bucket i counts pauses of less than 2^i microseconds that are in
 * no bucket before; the last one also all longer ones. */
#define GC_PAUSE_BUCKETS 24

/* What the collections of one generation did since the heap was made. */
typedef struct gc_generation_stats {
  /* Collections that ran. */
  uint64_t runs;
  /* Tracked objects they looked at. */
  uint64_t examined;
  /* Tracked objects they found dead and ended. */
  uint64_t reclaimed;
  /* Of the dead, those that a finalizer brought back, or that wait in the queue for
   * `gc_run_finalizers`, which counts them among `examined` and `reclaimed` of `full` when they
   * end there. */
  uint64_t resurrected;
  /* Collections that were asked for where none may run. */
  uint64_t refused;
  /* How the last run ended: `RC_OK`; `RC_ERR_NO_MEMORY` when it was given up, with everything as
   * before; `RC_ERR_TRAVERSE` when a count did not fit the edges. */
  rc_status last_status;
  /* Zero. */
  uint32_t reserved;
  /* Nanoseconds of all pauses together. */
  uint64_t pause_ns_total;
  /* Nanoseconds of the longest pause. */
  uint64_t pause_ns_max;
  /* Nanoseconds of the last pause. */
  uint64_t pause_ns_last;
  /* How many pauses were how long. */
  uint64_t pauses[GC_PAUSE_BUCKETS];
} gc_generation_stats;

/* `gc_pause.phase`: a young collection in one piece. */
#define GC_PHASE_YOUNG 1
/* `gc_pause.phase`: a collection near a death. */
#define GC_PHASE_NEAR 2
/* `gc_pause.phase`: a full collection in one piece. */
#define GC_PHASE_FULL 3
/* `gc_pause.phase`: a slice of a full collection that ended while counts were taken. */
#define GC_PHASE_COUNT 5
/* `gc_pause.phase`: while references were taken off. */
#define GC_PHASE_SUBTRACT 6
/* `gc_pause.phase`: while what lives was marked. */
#define GC_PHASE_MARK 7
/* `gc_pause.phase`: while suspects were put into pieces. */
#define GC_PHASE_COMPONENTS 8
/* `gc_pause.phase`: while pieces were confirmed and ended. */
#define GC_PHASE_PIECES 9
/* `gc_pause.phase`: where all that was left were pieces for `gc_idle`. */
#define GC_PHASE_WAITING 10
/* `gc_pause.phase`: the last slice of a run. */
#define GC_PHASE_CLOSING 11

/* How many of the longest pauses the statistics have. */
#define GC_PAUSES_LONGEST 10

/* One pause. */
typedef struct gc_pause {
  /* Nanoseconds that it took. */
  uint64_t duration_ns;
  /* When it ended, in nanoseconds of `CLOCK_MONOTONIC`. */
  uint64_t end_ns;
  /* Tracked objects that were looked at; in a slice the references followed, too. */
  uint64_t objects;
  /* One of `GC_PHASE_*`; 0: there was no such pause. */
  uint32_t phase;
  /* One of `GC_REASON_*`. */
  uint32_t reason;
} gc_pause;

/* The statistics of a heap. Start from `GC_STATS_INIT`. */
typedef struct gc_stats {
  /* `sizeof(gc_stats)` as the host was compiled. */
  size_t struct_size;
  /* Objects that live now. */
  uint64_t live_objects;
  /* Bytes of live objects, with headers and rounding. */
  uint64_t live_bytes;
  /* Bytes counted by `rc_add_external_bytes` and `gc_add_external_bytes`. */
  uint64_t external_bytes;
  /* Memory taken for objects and not given back, in bytes: pages of 64 KiB that hold some, and
   * free ones that are kept for what is made next. */
  uint64_t heap_bytes;
  /* The most that `heap_bytes` has been. */
  uint64_t heap_bytes_peak;
  /* Objects made since the heap was made. */
  uint64_t allocated_objects;
  /* Objects ended since the heap was made. */
  uint64_t freed_objects;
  /* Of these, by the collector. */
  uint64_t reclaimed_objects;
  /* A full collection runs when live and external bytes together pass this; `UINT64_MAX`: none
   * is going to. */
  uint64_t full_trigger_bytes;
  /* A young collection runs after about this many more bytes are allocated; `UINT64_MAX`: none
   * is going to. */
  uint64_t young_trigger_bytes;
  /* What `gc_collect_young` and its automatic like did. */
  gc_generation_stats young;
  /* What `gc_collect` and its automatic like did. */
  gc_generation_stats full;
  /* Objects that have lost their last reference and wait for their end: see
   * `gc_policy.release_budget`. They are counted among `live_objects`. */
  uint64_t owed_objects;
  /* The most that `owed_objects` has been. */
  uint64_t owed_objects_max;
  /* Pauses that there were. */
  uint64_t pauses;
  /* The longest of them, the longest first. */
  gc_pause longest[GC_PAUSES_LONGEST];
  /* Slices of collections (`rcgc/slices.h`) that there were. */
  uint64_t slices;
  /* Automatic slices that were longer than `pause_budget_ns`, because the host allocated faster
   * than that allows. */
  uint64_t slices_longer;
  /* Runs whose rest was done in one piece for that reason. */
  uint64_t slices_whole;
  /* Slices that came when the heap had grown by its factor, under `GC_BEHIND_MEMORY`. */
  uint64_t slices_grown;
  /* Pieces that the last run has held back, as `gc_step_result` has them. */
  uint64_t held_pieces;
  /* Objects of these. */
  uint64_t held_objects;
  /* Bytes of these. */
  uint64_t held_bytes;
} gc_stats;

/* An initialiser: all defaults. */
#define GC_STATS_INIT { sizeof(gc_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0, 0, 0, 0, 0, 0, 0, 0, \
  0, 0, { 0 } }, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } }, 0, 0, 0, { { 0, 0, 0, 0, 0 } }, 0, 0, 0, \
  0, 0, 0, 0 }

/* Puts an object under the collector's eyes: it must be walkable from now on. Twice is `RC_OK`.
 *
 * Objects whose references are all declared are tracked when made; this is for types with a
 * `traverse`, once all that it reads is set.
 *
 * Fails: RC_ERR_UNSUPPORTED for a type that is acyclic or has no references; fatal for what is
 *   not a live object.
 */
RCGC_API rc_status gc_track(void *RCGC_NONNULL obj);

/* Takes an object out of the collector's sight: it is not found in rings any more, and what it
 * refers to counts as held.
 *
 * Fails: RC_ERR_REFUSED for a dying object; fatal for what is not a live object. Twice is
 *   `RC_OK`.
 */
RCGC_API rc_status gc_untrack(void *RCGC_NONNULL obj);

/* Whether the object is tracked.
 *
 * Fails: fatal for what is not a live object.
 */
RCGC_API bool gc_is_tracked(void *RCGC_NONNULL obj);

/* Finds and ends all rings of the heap that nothing outside them refers to, and returns how many
 * tracked objects that were.
 *
 * Works when automatic collection is disabled, and always examines the whole heap. What dies by
 * count in consequence is not in the number. Afterwards memory that holds no object goes back to
 * the system, and tables shrink to what is in them; only free memory between objects that is no
 * more than a quarter of what they take stays. Automatic collections keep what the next
 * allocations will want.
 *
 * Ownership: ends what is dead.
 * May collect: yes.
 * Runs host code: `traverse` of callback types, finalizers, weak callbacks, `clear` and
 *   `destroy` of what ends, and the callbacks of `gc_add_callback`.
 * Fails: 0, and counted in the statistics, where none may run (inside a callback of a
 *   collection, `traverse`, `clear`) and when memory for judging is not to be had.
 *   `gc_last_status` distinguishes these from a heap without garbage: RC_ERR_REFUSED,
 *   RC_ERR_NO_MEMORY; RC_ERR_TRAVERSE where the collection ran, and a count did not fit the
 *   edges.
 */
RCGC_API size_t gc_collect(gc_heap *heap);

/* As `gc_collect`, looking only at what was allocated since the last collection; its cost is
 * that of those objects.
 *
 * Ownership: ends what is dead.
 * May collect: yes.
 * Runs host code: `traverse` of callback types, finalizers, weak callbacks, `clear` and
 *   `destroy` of what ends, and the callbacks of `gc_add_callback`.
 * Fails: as `gc_collect`; `gc_last_status` says how.
 */
RCGC_API size_t gc_collect_young(gc_heap *heap);

/* Lets an automatic collection run that is due, under any mode but `GC_POLICY_NEVER`. Cheap when
 * none is.
 *
 * Ownership: ends what is dead.
 * May collect: yes.
 * Runs host code: what a collection runs.
 * Fails: never.
 */
RCGC_API void gc_safepoint(gc_heap *heap);

/* Turns automatic collection on, as it is in the beginning.
 *
 * Fails: never.
 */
RCGC_API void gc_enable(gc_heap *heap);

/* Turns automatic collection off. `gc_collect` goes on working.
 *
 * Fails: never.
 */
RCGC_API void gc_disable(gc_heap *heap);

/* Whether automatic collection is on.
 *
 * Fails: never.
 */
RCGC_API bool gc_is_enabled(gc_heap *heap);

/* Sets when automatic collection runs.
 *
 * Ownership: nothing; the policy is copied.
 * Fails: RC_ERR_INVALID for a bad size, mode, factor, or an unknown number; then nothing
 *   changed.
 */
RCGC_API rc_status gc_set_policy(gc_heap *heap, const gc_policy *RCGC_NONNULL policy);

/* Counts `bytes` more (or fewer) that belong to the heap as a whole: what a runtime allocates by
 * itself, tables and buffers of whichever objects. They count for the triggers of automatic
 * collection and in the statistics, as those that `rc_add_external_bytes` counts for one object
 * do, but no object's death takes them off: the host does, as it frees.
 *
 * May collect: no; a trigger that this crosses takes effect at the next `rc_new` or
 *   `gc_safepoint`.
 * Fails: RC_ERR_INVALID when what was counted for the heap would fall below 0, or all external
 *   bytes together leave 63 bits: then nothing changed.
 */
RCGC_API rc_status gc_add_external_bytes(gc_heap *heap, ptrdiff_t bytes);

/* Writes the policy in force, defaults filled in; `struct_size` must be set.
 *
 * Fails: RC_ERR_INVALID for a bad size.
 */
RCGC_API rc_status gc_get_policy(gc_heap *heap, gc_policy *RCGC_NONNULL out_policy);

/* Writes the statistics of the heap; `struct_size` must be set.
 *
 * Fails: RC_ERR_INVALID for a bad size.
 */
RCGC_API rc_status gc_get_stats(gc_heap *heap, gc_stats *RCGC_NONNULL out_stats);

/* Whether the object's `finalize` has run. It runs once in an object's life.
 *
 * Fails: fatal for what is not a live object.
 */
RCGC_API bool gc_is_finalized(void *RCGC_NONNULL obj);

/* Takes all objects that live now out of collections, without writing to them: what they refer
 * to counts as held. For a program that forks: what was made before is never copied by the
 * children's collections. Objects made later are not frozen.
 *
 * Fails: RC_ERR_REFUSED inside a callback of a collection and inside `traverse`.
 */
RCGC_API rc_status gc_freeze(gc_heap *heap);

/* Puts all frozen objects back under the collector's eyes, as old ones.
 *
 * Fails: RC_ERR_REFUSED inside a callback of a collection and inside `traverse`.
 */
RCGC_API rc_status gc_unfreeze(gc_heap *heap);

/* How many live objects are frozen now. Walks the pages that have some.
 *
 * Fails: never.
 */
RCGC_API size_t gc_freeze_count(gc_heap *heap);

/* Write a line to the log when a collection begins and ends. */
#define GC_DEBUG_STATS 1
/* Write a line to the log for every dead object that a collection finds. */
#define GC_DEBUG_COLLECTABLE 2
/* Write a line to the log for every object that could not be judged dead because counts and
 * edges do not fit. */
#define GC_DEBUG_UNCOLLECTABLE 4
/* Append the dead to the garbage list instead of ending them. */
#define GC_DEBUG_SAVEALL 32
/* What finds a leak: COLLECTABLE, UNCOLLECTABLE and SAVEALL. */
#define GC_DEBUG_LEAK 38

/* Sets the debug flags of the heap's collector, `GC_DEBUG_*` together; 0: none.
 *
 * Fails: RC_ERR_INVALID for a flag that is not known.
 */
RCGC_API rc_status gc_set_debug(gc_heap *heap, uint32_t flags);

/* The debug flags.
 *
 * Fails: never.
 */
RCGC_API uint32_t gc_get_debug(gc_heap *heap);

/* How many objects the garbage list has, which `GC_DEBUG_SAVEALL` fills.
 *
 * Fails: never.
 */
RCGC_API size_t gc_garbage_count(gc_heap *heap);

/* One object of the garbage list; null when `index` is not below `gc_garbage_count`.
 *
 * Ownership: borrowed; the list owns one reference.
 * Fails: null.
 */
RCGC_API void *gc_garbage_get(gc_heap *heap, size_t index);

/* Empties the garbage list and releases its references: rings in it are garbage again, for the
 * next collection. What is saved in the callbacks of deaths meanwhile stays in the list.
 *
 * Ownership: releases one reference for each.
 * Runs host code: what the death of an object runs.
 * Fails: never.
 */
RCGC_API void gc_garbage_clear(gc_heap *heap);

/* A collection begins. */
#define GC_EVENT_START 1
/* A collection has ended. */
#define GC_EVENT_STOP 2

/* A collection runs because the host asked. */
#define GC_REASON_REQUEST 1
/* A collection runs because a trigger was crossed. */
#define GC_REASON_TRIGGER 2
/* A collection runs because memory ran out. */
#define GC_REASON_EMERGENCY 3
/* A collection runs because the heap ends. */
#define GC_REASON_HEAP_END 4
/* `gc_idle` was called. */
#define GC_REASON_IDLE 5

/* A young collection: what was allocated since the last one; or what dying objects let go of
 * (`gc_policy.near_bytes`). */
#define GC_GENERATION_YOUNG 0
/* A full collection: all that is tracked, but for what is frozen. */
#define GC_GENERATION_FULL 1

/* What a callback learns of a collection. The library fills it. */
typedef struct gc_event {
  /* `sizeof(gc_event)` as the library was compiled. */
  size_t struct_size;
  /* `GC_EVENT_START` or `GC_EVENT_STOP`. */
  uint32_t kind;
  /* One of `GC_REASON_*`. */
  uint32_t reason;
  /* `GC_GENERATION_YOUNG` or `GC_GENERATION_FULL`. */
  uint32_t generation;
  /* How it ended (at the stop). */
  rc_status status;
  /* Tracked objects looked at (at the stop). */
  uint64_t examined;
  /* Tracked objects ended (at the stop). */
  uint64_t reclaimed;
  /* Tracked objects brought back by finalizers and weak callbacks (at the stop). */
  uint64_t resurrected;
  /* Nanoseconds it took (at the stop). */
  uint64_t duration_ns;
} gc_event;

/* An initialiser: all defaults. */
#define GC_EVENT_INIT { sizeof(gc_event), 0, 0, 0, 0, 0, 0, 0, 0 }

/* Called when a collection begins and when it ends. It may do anything but collect, and may
 * remove itself. */
typedef void (*gc_callback_fn)(gc_heap *heap, const gc_event *event, void *ctx);

/* Adds a callback to the heap's collections; several are called in the order in which they were
 * added.
 *
 * Ownership: `ctx` stays the host's and must outlive its use.
 * Fails: RC_ERR_INVALID for a null callback and for one that is there with this `ctx` already,
 *   RC_ERR_NO_MEMORY.
 */
RCGC_API rc_status gc_add_callback(gc_heap *heap, gc_callback_fn callback, void *ctx);

/* Removes a callback that was added with this `ctx`; also inside itself.
 *
 * Fails: RC_ERR_INVALID when there is none.
 */
RCGC_API rc_status gc_remove_callback(gc_heap *heap, gc_callback_fn callback, void *ctx);

/* For a heap with `GC_FINALIZERS_QUEUED`: runs the finalizers and weak callbacks that are due
 * when it is called, each once, and judges what they were for again, before it returns: what was
 * not brought back has ended by then. Returns how many callbacks ran.
 *
 * Until then an object that is due for its finalizer is alive in every way, with all it reaches:
 * the queue owns a reference to it. So no finalizer runs in the middle of host code that holds a
 * lock. On other heaps nothing is ever due.
 *
 * Exactly those objects are judged whose finalizers ran, and those that a collection found dead
 * together with them. It is no collection: other garbage is left alone, the callbacks of
 * `gc_add_callback` are not called, and the time it takes is that of these objects and their
 * references, not of what else they refer to. In the statistics they are `examined` and
 * `reclaimed` of `full`, without a run.
 *
 * What callbacks make due waits for the next call, so no call is kept busy by them.
 * `gc_heap_free` calls until nothing is due; callbacks that go on making others due are cut off
 * there, with a warning in the log.
 *
 * Ownership: releases the queue's references.
 * May collect: yes.
 * Runs host code: finalizers and weak callbacks, `traverse` of callback types, and what the
 *   death of objects runs.
 * Fails: 0, and nothing ran, inside a callback of a collection, inside `clear`, inside itself,
 *   and where so many callbacks are nested that deaths wait (see `rc_decref`); `gc_last_status`
 *   is RC_ERR_REFUSED then, and `RC_OK` when nothing was due. Without memory for judging the
 *   callbacks have run all the same, what is left in rings waits for the next full collection,
 *   which is due then, and it is RC_ERR_NO_MEMORY.
 */
RCGC_API size_t gc_run_finalizers(gc_heap *heap);

RCGC_END_DECLS

#endif /* RCGC_COLLECTOR_H */
