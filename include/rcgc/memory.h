/* rcgc/memory.h: what a host that hears that the system is short of memory tells a heap.
 *
 * Generated from src/capi/memory.rs: do not edit, run `make headers`. */
#ifndef RCGC_MEMORY_H
#define RCGC_MEMORY_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* Somebody waits for memory now and then: what is worth giving back is, and the heap goes on as
 * it was. */
#define GC_PRESSURE_SOME 1
/* Somebody waits for memory all the time: all that holds no object goes back. */
#define GC_PRESSURE_HIGH 2
/* The next one who wants memory may be killed: as `GC_PRESSURE_HIGH`, after a full collection. */
#define GC_PRESSURE_CRITICAL 3

/* Tells the heap that the system is short of memory, as `GC_PRESSURE_*` says how much: what it
 * can do without goes back to the system before the call returns. For hosts that hear of it
 * (`/proc/pressure/memory`, a cgroup's `memory.events`, a message of their platform);
 * examples/pressure.c does.
 *
 * Free pages, tables that are larger than what is in them, and what lies in the free blocks
 * between objects: of that, whole pages of the system, in pages of 64 KiB where they are a
 * quarter at least, or, from `GC_PRESSURE_HIGH` on, all. What an allocation wants of it later,
 * the system gives again, zeroed. A call costs about what a look at each page of the heap costs,
 * and what is owed (`gc_policy.release_budget`) is paid before; where nothing was made and
 * nothing ended since the last one, next to nothing.
 *
 * Ownership: ends what is owed, and with `GC_PRESSURE_CRITICAL` what is dead.
 * May collect: yes, with `GC_PRESSURE_CRITICAL`.
 * Runs host code: callbacks of what is owed; with `GC_PRESSURE_CRITICAL` what `gc_collect` runs.
 * Fails: RC_ERR_INVALID for an unknown level; RC_ERR_REFUSED inside a callback of a collection,
 *   `traverse` and `clear`: then nothing was done. RC_ERR_NO_MEMORY and RC_ERR_TRAVERSE as
 *   `gc_collect`, with the rest done.
 */
RCGC_API rc_status gc_memory_pressure(gc_heap *heap, uint32_t level);

RCGC_END_DECLS

#endif /* RCGC_MEMORY_H */
