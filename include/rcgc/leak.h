/* rcgc/leak.h: finding what is held too long. References with a token, objects that should be
 * dead, functions that leave something behind each time they run. None of it needs a profile;
 * under one, messages name the sites. A null heap means the default heap.
 *
 * Generated from src/capi/leak.rs: do not edit, run `make headers`. */
#ifndef RCGC_LEAK_H
#define RCGC_LEAK_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/profile.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* A reference that is followed: what `gc_hold_at` gives and `gc_release_hold` takes. */
typedef uint64_t gc_hold;

/* No reference. */
#define GC_HOLD_NONE 0

/* Takes one more reference to an object, with a token, a tag that says what it is for (null:
 * none), and the place that takes it (null: none). `GC_HOLD(obj, tag)` gives the place.
 *
 * What was not released when the heap ends is listed in the log, each with its tag and place. A
 * heap follows about a million references at once.
 *
 * Ownership: the token owns the reference; the tag is copied.
 * Fails: GC_HOLD_NONE for out of memory, when the heap follows as many as it can, and where host
 *   code may only look (rcgc/heap.h): then no reference was taken; fatal for what is not a live
 *   object.
 */
RCGC_API RCGC_MUST_USE gc_hold gc_hold_at(void *RCGC_NONNULL obj, const char *tag, rc_site *site);

/* Releases the reference of a token, from a place (null: none). `GC_RELEASE(hold)` gives the
 * place. GC_HOLD_NONE is `RC_OK`.
 *
 * Ownership: releases the reference.
 * Threads: those of the object's heap.
 * Runs host code: what the death of an object runs.
 * Fails: RC_ERR_INVALID for a token that was released before, in this or an ended heap: nothing
 *   is released, and `gc_error_message(NULL)` names the tag and both places, as long as its
 *   place in the table was not used again; RC_ERR_REFUSED where host code may only look
 *   (rcgc/heap.h).
 */
RCGC_API rc_status gc_release_hold(gc_hold hold, rc_site *site);

/* A reference that is followed. The library fills it. */
typedef struct gc_hold_info {
  /* `sizeof(gc_hold_info)` as the host was compiled. */
  size_t struct_size;
  /* The token. */
  gc_hold hold;
  /* The object. */
  void *obj;
  /* The tag; null: none. */
  const char *tag;
  /* The file of the place that took the reference; null: not given. */
  const char *file;
  /* The function that took the reference; null: not given. */
  const char *function;
  /* The line that took the reference; 0: not given. */
  uint32_t line;
  /* 0. */
  uint32_t reserved;
  /* Nanoseconds since it was taken. */
  uint64_t age_ns;
} gc_hold_info;

/* An initialiser: all defaults. */
#define GC_HOLD_INFO_INIT { sizeof(gc_hold_info), 0, RCGC_NULL, RCGC_NULL, RCGC_NULL, RCGC_NULL, \
  0, 0, 0 }

/* Writes the references that were taken and not released, and returns how many there are. At
 * most `room` are written, each of `out_rows->struct_size` bytes, which must be set.
 *
 * Ownership: nothing; objects are borrowed, tags live as long as the reference is followed.
 * Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size.
 */
RCGC_API size_t gc_holds(gc_heap *heap, gc_hold_info *out_rows, size_t room);

/* Says that an object is about to die, and why (null: no reason). It is not kept alive;
 * `gc_check_expected` says whether it died, and `gc_heap_free` does at the end.
 *
 * The object has one weak handle more from here on.
 *
 * Ownership: nothing; the reason is copied.
 * Fails: RC_ERR_NO_MEMORY; fatal for what is not a live object.
 */
RCGC_API rc_status gc_expect_dead(void *RCGC_NONNULL obj, const char *why);

/* Collects, and returns how many of the objects named by `gc_expect_dead` are alive. A warning
 * in the log says of each what it is, why it should be dead, how many references it has, and
 * under a profile which site made it.
 *
 * Ownership: ends what is dead.
 * May collect: yes.
 * Runs host code: what a collection runs.
 * Fails: never; where a collection is refused or given up it only looks, and `gc_last_status`
 *   says so: RC_ERR_REFUSED, RC_ERR_NO_MEMORY.
 */
RCGC_API size_t gc_check_expected(gc_heap *heap);

/* What a leak check found. Start from `GC_LEAK_RESULT_INIT`. */
typedef struct gc_leak_result {
  /* `sizeof(gc_leak_result)` as the host was compiled. */
  size_t struct_size;
  /* 1: it leaks: every run left at least one object, byte or reference behind. */
  uint32_t leaks;
  /* Runs that were measured. */
  uint32_t runs;
  /* The fewest objects that one run left behind. */
  int64_t objects;
  /* The fewest bytes that one run left behind, with external ones. */
  int64_t bytes;
  /* The fewest references that one run left behind: by so much the sum of all counts rose. */
  int64_t references;
  /* Objects that all runs together left behind. */
  int64_t objects_total;
  /* Bytes that all runs together left behind. */
  int64_t bytes_total;
  /* References that all runs together left behind. */
  int64_t references_total;
  /* The name of the type of most of the objects left, as long as the process lives; null when
   * none are. */
  const char *type_name;
  /* The file of the place that made most of them: null when it does not leak, when no place is
   * known, and when the heap was profiled before. */
  const char *file;
  /* The function that made most of them; null: not known. */
  const char *function;
  /* The line that made most of them; 0: not known. */
  uint32_t line;
  /* 0. */
  uint32_t reserved;
} gc_leak_result;

/* An initialiser: all defaults. */
#define GC_LEAK_RESULT_INIT { sizeof(gc_leak_result), 0, 0, 0, 0, 0, 0, 0, 0, RCGC_NULL, \
  RCGC_NULL, RCGC_NULL, 0, 0 }

/* Runs a function `warm_ups` times and then `runs` times, a full collection after each, and
 * finds out whether each of the latter leaves objects, bytes or references behind. If so, an
 * error in the log says what, and the function runs once more under a profile, to name the site.
 * Where finalizers are queued, those that are due run after each, too: what waits for them is no
 * leak.
 *
 * Ownership: what the function does.
 * May collect: yes.
 * Runs host code: the function, what a collection runs, and what `gc_run_finalizers` runs.
 * Fails: RC_ERR_INVALID for a null function, no runs and a bad size; RC_ERR_REFUSED inside a
 *   callback; RC_ERR_NO_MEMORY when a collection was given up, so that garbage is among what is
 *   left. A leak is `RC_OK`: `leaks` says so.
 */
RCGC_API rc_status gc_leak_check(gc_heap *heap, gc_run_fn function, void *ctx, uint32_t warm_ups,
                                 uint32_t runs, gc_leak_result *RCGC_NONNULL out_result);

RCGC_END_DECLS

#endif /* RCGC_LEAK_H */
