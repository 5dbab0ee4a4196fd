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
   * factor over what the last one left, and by 32 MiB: 1.0, the default, lets the heap double.
   * At most 100. */
  double growth;
  /* A young collection runs after this many bytes were allocated, freed since or not. 0: about 4
   * MiB, stretched while young collections find little. */
  uint64_t young_bytes;
  /* Longest pause wanted of an automatic collection. Only 0, "in one piece", in this version;
   * anything else is refused. */
  uint64_t pause_budget_ns;
  /* Most bytes of memory the heap may take for objects; 0: no limit. At the limit `rc_new` first
   * tries a collection (mode `GC_POLICY_ALLOCATION`, outside callbacks), then returns null. */
  uint64_t limit_bytes;
} gc_policy;

/* An initialiser: all defaults. */
#define GC_POLICY_INIT { sizeof(gc_policy), 0, 0, 0, 0, 0, 0 }

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
  /* Of the dead, those that a finalizer brought back. */
  uint64_t resurrected;
  /* Collections that were asked for where none may run. */
  uint64_t refused;
  /* How the last run ended: `RC_OK`; `RC_ERR_NO_MEMORY` when it was given up, with everything as
   * before; `RC_ERR_TRAVERSE` when a count did not fit the edges. */
  rc_status last_status;
  /* Zero. */
  uint32_t reserved;
  /* Nanoseconds of all pauses together, */
  uint64_t pause_ns_total;
  /* of the longest, */
  uint64_t pause_ns_max;
  /* and of the last. */
  uint64_t pause_ns_last;
  /* How many pauses were how long. */
  uint64_t pauses[GC_PAUSE_BUCKETS];
} gc_generation_stats;

/* The books of a heap. Start from `GC_STATS_INIT`. */
typedef struct gc_stats {
  /* `sizeof(gc_stats)` as the host was compiled. */
  size_t struct_size;
  /* Objects that live now. */
  uint64_t live_objects;
  /* Their bytes, with headers and rounding. */
  uint64_t live_bytes;
  /* Bytes told by `rc_add_external_bytes`. */
  uint64_t external_bytes;
  /* Memory taken for objects and not given back, in bytes. */
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
} gc_stats;

/* An initialiser: all defaults. */
#define GC_STATS_INIT { sizeof(gc_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0, 0, 0, 0, 0, 0, 0, 0, \
  0, 0, { 0 } }, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } } }

/* Puts an object under the collector's eyes: it must be walkable from now on. Twice is `RC_OK`.
 *
 * Objects whose references are all declared are tracked when made; this is for types with a
 * `traverse`, once all that it reads is set.
 *
 * Ownership: nothing.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: RC_ERR_UNSUPPORTED for a type that is acyclic or has no references; fatal for what is
 *   not a live object.
 */
RCGC_API rc_status gc_track(void *RCGC_NONNULL obj);

/* Takes an object out of the collector's sight: it is not found in rings any more, and what it
 * refers to counts as held.
 *
 * Ownership: nothing.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: RC_ERR_REFUSED for a dying object; fatal for what is not a live object. Twice is
 *   `RC_OK`.
 */
RCGC_API rc_status gc_untrack(void *RCGC_NONNULL obj);

/* Whether the object is tracked.
 *
 * Ownership: nothing.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: fatal for what is not a live object.
 */
RCGC_API bool gc_is_tracked(void *RCGC_NONNULL obj);

/* Finds and ends all rings of the heap that nothing outside them refers to, and returns how many
 * tracked objects that were.
 *
 * Works when automatic collection is disabled, and always examines the whole heap. What dies by
 * count in consequence is not in the number.
 *
 * Ownership: ends what is dead.
 * Threads: the heap's.
 * May collect: yes.
 * Runs host code: `traverse` of callback types, `clear` and `destroy` of what ends.
 * Fails: 0, and counted in the statistics, where none may run (inside a callback of a
 *   collection, `traverse`, `clear`) and when memory for judging is not to be had.
 */
RCGC_API size_t gc_collect(gc_heap *heap);

/* As `gc_collect`, looking only at what was allocated since the last collection; its cost is
 * that of those objects.
 *
 * Ownership: ends what is dead.
 * Threads: the heap's.
 * May collect: yes.
 * Runs host code: `traverse` of callback types, `clear` and `destroy` of what ends.
 * Fails: as `gc_collect`.
 */
RCGC_API size_t gc_collect_young(gc_heap *heap);

/* Lets an automatic collection run that is due, under any mode but `GC_POLICY_NEVER`. Cheap when
 * none is.
 *
 * Ownership: ends what is dead.
 * Threads: the heap's.
 * May collect: yes.
 * Runs host code: what a collection runs.
 * Fails: never.
 */
RCGC_API void gc_safepoint(gc_heap *heap);

/* Turns automatic collection on, as it is in the beginning.
 *
 * Ownership: nothing.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: never.
 */
RCGC_API void gc_enable(gc_heap *heap);

/* Turns automatic collection off. `gc_collect` goes on working.
 *
 * Ownership: nothing.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: never.
 */
RCGC_API void gc_disable(gc_heap *heap);

/* Whether automatic collection is on.
 *
 * Ownership: nothing.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: never.
 */
RCGC_API bool gc_is_enabled(gc_heap *heap);

/* Sets when automatic collection runs.
 *
 * Ownership: nothing; the policy is copied.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: RC_ERR_INVALID for a bad size, mode or factor, RC_ERR_UNSUPPORTED for a pause budget;
 *   then nothing changed.
 */
RCGC_API rc_status gc_set_policy(gc_heap *heap, const gc_policy *RCGC_NONNULL policy);

/* Writes the policy in force, defaults filled in; `struct_size` must be set.
 *
 * Ownership: nothing.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: RC_ERR_INVALID for a bad size.
 */
RCGC_API rc_status gc_get_policy(gc_heap *heap, gc_policy *RCGC_NONNULL out_policy);

/* Writes the books of the heap; `struct_size` must be set.
 *
 * Ownership: nothing.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: RC_ERR_INVALID for a bad size.
 */
RCGC_API rc_status gc_get_stats(gc_heap *heap, gc_stats *RCGC_NONNULL out_stats);

RCGC_END_DECLS

#endif /* RCGC_COLLECTOR_H */
