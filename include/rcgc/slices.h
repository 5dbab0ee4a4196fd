/* rcgc/slices.h: full collections in slices of a given length, with the host running in between.
 *
 * A run begins with `gc_start`, `gc_step`, `gc_idle`, or by itself under
 * `gc_policy.pause_budget_ns`, and has ended when everything that was garbage when it began is
 * gone, but for what was held back because it cannot be sliced. Between slices the host may do
 * whatever it may do at other times. `gc_collect`, `gc_freeze` and `gc_heap_free` give a run up;
 * all else leaves it as it is.
 *
 * Generated from src/capi/slices.rs: do not edit, run `make headers`. */
#ifndef RCGC_SLICES_H
#define RCGC_SLICES_H

#include <stdbool.h>

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* No run is under way. */
#define GC_SLICE_NONE 0
/* Counts are taken. */
#define GC_SLICE_COUNT 1
/* References inside the heap are taken off them. */
#define GC_SLICE_SUBTRACT 2
/* What is held from outside is marked, with all that it reaches. */
#define GC_SLICE_MARK 3
/* What may be dead is put in order. */
#define GC_SLICE_COMPONENTS 4
/* Piece by piece is confirmed and ended. */
#define GC_SLICE_PIECES 5
/* What is left may be confirmed only by `gc_idle`. */
#define GC_SLICE_WAITING 6
/* Tables go back to the system. */
#define GC_SLICE_CLOSING 7

/* A piece that is too large for the budget is confirmed in one go, by the slice after the one
 * that told of it. The default. */
#define GC_PIECES_ALLOWED 0
/* Only by `gc_idle`, when it has time for it. */
#define GC_PIECES_IDLE 1
/* Never: it stays until `gc_collect`, or a slice without a budget. */
#define GC_PIECES_NEVER 2

/* First the budget: slices come more often, then become up to four times as long, and when the
 * heap has grown by its factor, what is left of the run is done in one piece. The default. */
#define GC_BEHIND_BUDGET 0
/* Memory: slices come more often, and the heap grows until the run has ended. */
#define GC_BEHIND_MEMORY 1

/* What a slice came to. Start from `GC_STEP_RESULT_INIT`.
 *
 * A piece is a group of objects each of which leads to each other. Whether it is dead can only
 * be said in one go, at about 15 ns an object; all else is sliced. */
typedef struct gc_step_result {
  /* `sizeof(gc_step_result)` as the host was compiled. */
  size_t struct_size;
  /* Where the run is: one of `GC_SLICE_*`; `GC_SLICE_NONE` when it has ended. */
  uint32_t phase;
  /* 1: this run needs no more slices, or can use none but of `gc_idle`. 0: go on. */
  uint32_t done;
  /* Tracked objects that the run has looked at so far. */
  uint64_t examined;
  /* Tracked objects that it has ended so far. */
  uint64_t reclaimed;
  /* Tracked objects that callbacks have brought back so far. */
  uint64_t resurrected;
  /* Work of this slice: objects looked at and references followed, as `gc_policy.pause_work`
   * counts them. */
  uint64_t work;
  /* Nanoseconds that this slice took. */
  uint64_t duration_ns;
  /* Not 0: the next slice begins with a pause that cannot be sliced, over a piece of so many
   * objects. */
  uint64_t next_piece_objects;
  /* Bytes of these. */
  uint64_t next_piece_bytes;
  /* Pieces that the run has held back so far, because the policy forbids such a pause. They may
   * be dead or alive. */
  uint64_t held_pieces;
  /* Objects of these. */
  uint64_t held_objects;
  /* Bytes of these. */
  uint64_t held_bytes;
} gc_step_result;

/* An initialiser: all defaults. */
#define GC_STEP_RESULT_INIT { sizeof(gc_step_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Begins a sliced full collection if none is under way; `gc_step` and `gc_idle` go on with it.
 * What is garbage at this moment is gone when it has ended.
 *
 * Runs host code: the callbacks of `gc_add_callback`, which are told of its begin.
 * Fails: RC_ERR_REFUSED inside a callback of a collection, inside `traverse` and `clear`, and in
 *   slices; RC_ERR_NO_MEMORY.
 */
RCGC_API rc_status gc_start(gc_heap *heap);

/* Goes on with a sliced full collection, or begins one, for about `budget_ns`; then the host has
 * its turn again. Whether more is to be done is in `out_result`, which may be null.
 *
 * Each call does something, whatever its budget; from 50000 on a budget is kept within some
 * microseconds, but for what is one piece (see `gc_step_result`), one callback of the host's,
 * and the references of one object. `UINT64_MAX` is a collection to its end. Works when
 * automatic collection is disabled.
 *
 * Ownership: ends what is dead.
 * May collect: yes.
 * Runs host code: what `gc_collect` runs, a part of it in each slice.
 * Fails: RC_ERR_INVALID for a bad size, when nothing was done. RC_ERR_REFUSED inside a callback
 *   of a collection, inside `traverse` and `clear`, and in slices; RC_ERR_NO_MEMORY: the run was
 *   given up; RC_ERR_TRAVERSE: a count did not fit the edges, as for `gc_collect`.
 */
RCGC_API rc_status gc_step(gc_heap *heap, uint64_t budget_ns, gc_step_result *out_result);

/* Whether the host is wanted. It may call the library. */
typedef bool (*gc_stop_fn)(void *arg);

/* Uses time in which the host has nothing to do: goes on with the run under way, or begins one
 * where something was made since the last; then memory that holds no object goes back to the
 * system, as `gc_memory_pressure` does it, in pieces.
 *
 * It returns when `deadline_ns` has come, a moment of `CLOCK_MONOTONIC` in nanoseconds
 * (`UINT64_MAX`: none), when `stop(arg)` says true, or when nothing is left to do: then it
 * returns true, and need not be called before something was made. `stop` may be null; it is
 * asked first, and then about every 50 microseconds of work. Pieces that cannot be sliced are
 * confirmed if there is time for them until the deadline. Works when automatic collection is
 * disabled.
 *
 * Ownership: ends what is dead.
 * May collect: yes.
 * Runs host code: `stop`, and what `gc_collect` runs.
 * Fails: false, and nothing was done, where `gc_step` gives RC_ERR_REFUSED; `gc_last_status`
 *   says that, or RC_ERR_NO_MEMORY and RC_ERR_TRAVERSE as for `gc_step`.
 */
RCGC_API bool gc_idle(gc_heap *heap, uint64_t deadline_ns, gc_stop_fn stop, void *arg);

RCGC_END_DECLS

#endif /* RCGC_SLICES_H */
