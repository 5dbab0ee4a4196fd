/* rcgc/lines.h: line tables, as memory_profiler has them, and a profile as text. The numbers are
 * exact engine bytes; what the process takes from the system is never among them.
 *
 * A function that is to be looked at begins with `GC_LINES(heap);` and has `GC_LINE();` at the
 * end of each line, or of each statement, that is of interest (rcgc/site.h). What changed since
 * the mark before, calls included, is booked there.
 *
 * Generated from src/capi/lines.rs: do not edit, run `make headers`. */
#ifndef RCGC_LINES_H
#define RCGC_LINES_H

#include <rcgc/config.h>
#include <rcgc/dump.h>
#include <rcgc/heap.h>
#include <rcgc/profile.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* Where a call of a function is. A local variable of the function, made by `GC_LINES`. */
typedef struct gc_lines {
  /* The heap; null when it is not profiled. */
  gc_heap *heap;
  /* Bytes that had been allocated at the mark before. */
  uint64_t allocated_bytes;
  /* Bytes that had been freed at the mark before. */
  uint64_t freed_bytes;
  /* Which profile that was. */
  uint64_t started_ns;
} gc_lines;

/* A function begins. `GC_LINES(heap)` calls it.
 *
 * Ownership: nothing; the site as in `rc_new_at`.
 * Fails: never; without a profile, and without memory, nothing is booked.
 */
RCGC_API RCGC_MUST_USE gc_lines gc_lines_begin(gc_heap *heap, rc_site *RCGC_NONNULL site);

/* A line ends: what changed since the mark before is booked to it. `GC_LINE()` calls it.
 *
 * Ownership: nothing; the site as in `rc_new_at`.
 * Fails: never; a null `cursor` is nothing.
 */
RCGC_API void gc_line(gc_lines *cursor, rc_site *RCGC_NONNULL site);

/* Write the running totals. */
#define GC_TEXT_TOTALS 1
/* Write the sites. */
#define GC_TEXT_SITES 2
/* Write the scopes. */
#define GC_TEXT_SCOPES 4
/* Write the line tables. */
#define GC_TEXT_LINES 8
/* Leave out lines whose live bytes did not grow. */
#define GC_TEXT_GROWN 65536

/* How a profile is written. Start from `GC_TEXT_OPTIONS_INIT`; a field left zero means the
 * default. */
typedef struct gc_text_options {
  /* `sizeof(gc_text_options)` as the host was compiled. */
  size_t struct_size;
  /* `GC_TEXT_*` together; 0: all parts. */
  uint32_t parts;
  /* Rows of sites and scopes at most; 0: 20. */
  uint32_t limit;
  /* Decimals of MiB, at most 6; 0: bytes. */
  uint32_t decimals;
  /* A descriptor that is open for writing, when `write` is null; 0: standard error. */
  int fd;
  /* Takes the text, in pieces; null: it goes to `fd`. */
  gc_write_fn write;
  /* Given to `write`. */
  void *write_ctx;
} gc_text_options;

/* An initialiser: all defaults. */
#define GC_TEXT_OPTIONS_INIT { sizeof(gc_text_options), 0, 0, 0, 0, RCGC_NULL, RCGC_NULL }

/* Writes the profile of a heap as text, with the source of lines where it can be read. `options`
 * may be null.
 *
 * Runs host code: `write`, which may only look, as that of a dump.
 * Fails: RC_ERR_REFUSED when the profile is off and inside a callback of a collection;
 *   RC_ERR_INVALID for a bad size, part or number of decimals; RC_ERR_NO_MEMORY; RC_ERR_IO when
 *   the text cannot be written: `errno` has the reason.
 */
RCGC_API rc_status gc_profile_write(gc_heap *heap, const gc_text_options *options);

RCGC_END_DECLS

#endif /* RCGC_LINES_H */
