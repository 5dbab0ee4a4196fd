/* rcgc/profile.h: who allocates, how much, since when, and how long it lives. A null heap means
 * the default heap.
 *
 * A profile counts every object of a heap, exactly, by the place in the source that made it.
 * `RC_NEW` and `RC_NEW_ARRAY` (rcgc/site.h) carry that place; objects of plain `rc_new` are
 * counted by their type. Off, which it is in the beginning, it costs nothing.
 *
 * Generated from src/capi/profile.rs: do not edit, run `make headers`. */
#ifndef RCGC_PROFILE_H
#define RCGC_PROFILE_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/scope.h>
#include <rcgc/status.h>
#include <rcgc/type.h>

RCGC_BEGIN_DECLS

/* A place in the source of the host. `RC_NEW` makes one by itself; a host that has places of its
 * own, an interpreter with the lines of its scripts, fills one and gives it to `rc_new_at`. */
typedef struct rc_site {
  /* The file: `__FILE__`. */
  const char *file;
  /* The function: `__func__`. */
  const char *function;
  /* The line: `__LINE__`. */
  uint32_t line;
  /* 0; the library numbers it. Anything else that it did not put there is fatal. */
  uint32_t id;
} rc_site;

/* Count every object by its site, exactly. The default. */
#define GC_PROFILE_SITES 1
/* Take the call stacks of some objects (rcgc/stacks.h). Without `GC_PROFILE_SITES` allocation
 * goes on at full speed, and only what is sampled is known. */
#define GC_PROFILE_STACKS 2

/* Stacks are taken by frame pointers where unwind tables were found to say the same, else by
 * unwind tables. Where libc cannot unwind (musl; a static program in which nothing else refers
 * to `backtrace`), by frame pointers, which the log and the dump say. */
#define GC_STACKS_AUTO 0
/* Stacks are taken by frame pointers alone: functions that have none hide their callers. */
#define GC_STACKS_POINTERS 1
/* Stacks are taken by unwind tables, some microseconds each. */
#define GC_STACKS_UNWIND 2
/* Stacks are not taken: there are only the frames that the host gives. */
#define GC_STACKS_NONE 3

/* Tells the frames of an interpreter at a sample, the innermost first: puts the addresses of
 * their descriptors into `out_frames`, at most `room`, and returns how many. The descriptors are
 * not written to, and their texts are copied. Called in the middle of an allocation, whose type
 * and heap it cannot end; it may do anything else, also stop the profile. What it allocates
 * itself is not sampled. */
typedef size_t (*gc_frames_fn)(const rc_site **out_frames, size_t room, void *ctx);

/* How a profile is started. Start from `GC_PROFILE_OPTIONS_INIT`; a field left zero means the
 * default. */
typedef struct gc_profile_options {
  /* `sizeof(gc_profile_options)` as the host was compiled. */
  size_t struct_size;
  /* `GC_PROFILE_*` together; 0: `GC_PROFILE_SITES`. */
  uint32_t flags;
  /* Must be zero. */
  uint32_t reserved;
  /* With stacks: bytes allocated between two samples, on average. 0: 512 KiB. */
  uint64_t sample_bytes;
  /* Frames of a stack at most, up to 128. 0: 64. */
  uint32_t depth;
  /* One of `GC_STACKS_*`. */
  uint32_t stacks;
  /* Where the random numbers begin that choose the samples. 0: somewhere. */
  uint64_t seed;
  /* Tells the frames of an interpreter; null: there are none. */
  gc_frames_fn frames;
  /* Given to `frames`. */
  void *frames_ctx;
} gc_profile_options;

/* An initialiser: all defaults. */
#define GC_PROFILE_OPTIONS_INIT { sizeof(gc_profile_options), 0, 0, 0, 0, 0, 0, RCGC_NULL, \
  RCGC_NULL }

/* The running totals of a profile. Without `GC_PROFILE_SITES` only what lives is known. Start
 * from `GC_PROFILE_STATS_INIT`. */
typedef struct gc_profile_stats {
  /* `sizeof(gc_profile_stats)` as the host was compiled. */
  size_t struct_size;
  /* Objects that live. */
  uint64_t live_objects;
  /* Bytes of objects that live, with headers and rounding. */
  uint64_t live_bytes;
  /* The most bytes that lived at once since the profile began, or since `gc_profile_reset_peak`. */
  uint64_t peak_bytes;
  /* Objects made since it began. */
  uint64_t allocated_objects;
  /* Bytes of objects made since it began, with headers and rounding. */
  uint64_t allocated_bytes;
  /* Objects ended since it began, whenever they were made. */
  uint64_t freed_objects;
  /* Bytes of objects ended since it began. */
  uint64_t freed_bytes;
  /* The serial number of the object made last; the first one has 1. */
  uint64_t serial;
  /* Sites with objects. */
  uint64_t sites;
  /* Objects whose site could not be kept for want of address space; they are counted as made
   * before. */
  uint64_t lost_objects;
  /* Scopes that were to leave nothing behind, and did. */
  uint64_t scope_violations;
  /* Memory that the profile itself takes. */
  uint64_t own_bytes;
  /* Nanoseconds since it began. */
  uint64_t duration_ns;
  /* Stacks that were taken. */
  uint64_t samples;
  /* Stacks for which there was no memory. */
  uint64_t lost_samples;
} gc_profile_stats;

/* An initialiser: all defaults. */
#define GC_PROFILE_STATS_INIT { sizeof(gc_profile_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
  0, 0 }

/* Starts the profile of a heap. Objects that live now are counted as one site, "made before the
 * profile began"; their headers are written once.
 *
 * Memory: 8 bytes for each block of the heap's pages, and 512 bytes for each site. It ends with
 * `gc_profile_stop`, and with the heap.
 *
 * Ownership: nothing; the options are copied. Null means the defaults.
 * Fails: RC_ERR_IN_USE when it is on already; RC_ERR_REFUSED inside a callback of a collection
 *   and where host code may only look (rcgc/heap.h); RC_ERR_INVALID for a bad size or flag;
 *   RC_ERR_NO_MEMORY.
 */
RCGC_API rc_status gc_profile_start(gc_heap *heap, const gc_profile_options *options);

/* Ends the profile of a heap, and forgets all that it counted. Without one, nothing happens.
 *
 * Fails: fatal where host code may only look (rcgc/heap.h).
 */
RCGC_API void gc_profile_stop(gc_heap *heap);

/* The flags of the profile; 0: it is off.
 *
 * Fails: never.
 */
RCGC_API uint32_t gc_profile_flags(gc_heap *heap);

/* Forgets what was counted and goes on: what lives now is counted as made before.
 *
 * Fails: RC_ERR_REFUSED where `gc_profile_start` is refused, and when the profile is off;
 *   RC_ERR_NO_MEMORY: then it is off.
 */
RCGC_API rc_status gc_profile_clear(gc_heap *heap);

/* Puts the peaks, that of the heap and those of the sites, down to what lives now.
 *
 * Fails: never.
 */
RCGC_API void gc_profile_reset_peak(gc_heap *heap);

/* Writes the running totals; `struct_size` must be set.
 *
 * Fails: RC_ERR_INVALID for a bad size; RC_ERR_REFUSED when the profile is off.
 */
RCGC_API rc_status gc_profile_get(gc_heap *heap, gc_profile_stats *RCGC_NONNULL out_stats);

/* As `rc_new`, with the place that asks, which is counted while the heap is profiled.
 * `RC_NEW(type)` calls it.
 *
 * Ownership: the caller owns the one reference. The site must live as long as somebody allocates
 *   with it; its texts are copied when it is numbered.
 * May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
 * Runs host code: what a collection runs.
 * Fails: as `rc_new`. A null site is that of plain `rc_new`.
 */
RCGC_API RCGC_MUST_USE void *rc_new_at(rc_type *RCGC_NONNULL type, rc_site *site);

/* As `rc_new_array`, with the place that asks. `RC_NEW_ARRAY(type, n)` calls it.
 *
 * Ownership: the caller owns the one reference; the site as in `rc_new_at`.
 * May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
 * Runs host code: what a collection runs.
 * Fails: as `rc_new_array`. A null site is that of plain `rc_new_array`.
 */
RCGC_API RCGC_MUST_USE void *rc_new_array_at(rc_type *RCGC_NONNULL type, size_t n, rc_site *site);

/* Where an object comes from. Start from `GC_ORIGIN_INIT`. */
typedef struct gc_origin {
  /* `sizeof(gc_origin)` as the host was compiled. */
  size_t struct_size;
  /* The number of its site. */
  uint32_t site;
  /* The line; 0 where the site is no place. */
  uint32_t line;
  /* The file; null where the site is no place. */
  const char *file;
  /* The function; of plain `rc_new` the name of the type, else of no place what it is instead. */
  const char *function;
  /* Its serial number; 0: made before the profile began. */
  uint64_t serial;
  /* Objects made since it was. */
  uint64_t age_objects;
  /* About when it was made, in nanoseconds of the monotonic clock: not before, and at most a
   * 256th of the objects made so far later. 0: made before the profile began. */
  uint64_t birth_ns;
} gc_origin;

/* An initialiser: all defaults. */
#define GC_ORIGIN_INIT { sizeof(gc_origin), 0, 0, RCGC_NULL, RCGC_NULL, 0, 0, 0 }

/* Where an object comes from, and since when it lives; `struct_size` must be set.
 *
 * Ownership: nothing; the texts live until the program ends.
 * Fails: RC_ERR_INVALID for a bad size; RC_ERR_REFUSED when its heap is not profiled; fatal for
 *   what is not a live object.
 */
RCGC_API rc_status gc_object_site(void *RCGC_NONNULL obj, gc_origin *RCGC_NONNULL out_origin);

/* One row for each site. */
#define GC_GROUP_SITE 0
/* One row for each function. Objects without a place are grouped by type. */
#define GC_GROUP_FUNCTION 1
/* One row for each file. Objects without a place are grouped by type. */
#define GC_GROUP_FILE 2

/* Rows with the most live bytes come first. */
#define GC_SORT_LIVE_BYTES 0
/* Rows with the most live objects come first. */
#define GC_SORT_LIVE_OBJECTS 1
/* Rows for which the most bytes were allocated come first. */
#define GC_SORT_ALLOCATED_BYTES 2
/* Rows for which the most objects were made come first. */
#define GC_SORT_ALLOCATED_OBJECTS 3
/* Rows with the highest peak of live bytes come first. */
#define GC_SORT_PEAK_BYTES 4
/* Rows of which collections found the most objects dead come first. */
#define GC_SORT_RECLAIMED_OBJECTS 5

/* Which rows are wanted. Start from `GC_SITE_QUERY_INIT`. In a pattern `*` stands for any text
 * and `?` for any one byte; a null pattern lets everything pass. */
typedef struct gc_site_query {
  /* `sizeof(gc_site_query)` as the host was compiled. */
  size_t struct_size;
  /* One of `GC_GROUP_*`. */
  uint32_t group;
  /* One of `GC_SORT_*`. */
  uint32_t sort;
  /* Pattern of files. */
  const char *file;
  /* Pattern of files that are left out. */
  const char *exclude_file;
  /* Pattern of functions. */
  const char *function;
  /* Pattern of types. */
  const char *type_name;
} gc_site_query;

/* An initialiser: all defaults. */
#define GC_SITE_QUERY_INIT { sizeof(gc_site_query), 0, 0, RCGC_NULL, RCGC_NULL, RCGC_NULL, \
  RCGC_NULL }

/* Buckets of a histogram of ages. Bucket 0 counts objects that ended before another one was
 * made, bucket i those that ended when at least 2^(i-1) and less than 2^i others had been made
 * since. */
#define GC_AGE_BUCKETS 41

/* What one site did since the profile began. The library fills it. */
typedef struct gc_site_stats {
  /* `sizeof(gc_site_stats)` as the host was compiled. */
  size_t struct_size;
  /* The number of the site; of a group the smallest number of its sites, so that it names the
   * row as long as the program runs. */
  uint32_t site;
  /* Sites in this row. */
  uint32_t sites;
  /* The line; 0 for a group, and where the site is no place. */
  uint32_t line;
  /* 0. */
  uint32_t reserved;
  /* The file; null where the site is no place. */
  const char *file;
  /* The function; of plain `rc_new` the name of the type; of a file null. */
  const char *function;
  /* The name of the type of what is made there; null when there are several. */
  const char *type_name;
  /* Objects made. */
  uint64_t allocated_objects;
  /* Bytes of objects made, with headers and rounding. */
  uint64_t allocated_bytes;
  /* Objects ended. */
  uint64_t freed_objects;
  /* Bytes of objects ended. */
  uint64_t freed_bytes;
  /* Of those ended, the ones that a collection found dead. */
  uint64_t reclaimed_objects;
  /* Objects that live. */
  uint64_t live_objects;
  /* Bytes of objects that live. */
  uint64_t live_bytes;
  /* The most objects that lived at once. Of a group the sum of its sites' peaks. */
  uint64_t peak_objects;
  /* The most bytes that lived at once. Of a group the sum of its sites' peaks. */
  uint64_t peak_bytes;
  /* Bytes that its live objects keep elsewhere, as counted by `rc_add_external_bytes` since the
   * profile began. */
  int64_t external_bytes;
  /* How old objects were when they ended. */
  uint64_t ages[GC_AGE_BUCKETS];
} gc_site_stats;

/* An initialiser: all defaults. */
#define GC_SITE_STATS_INIT { sizeof(gc_site_stats), 0, 0, 0, 0, RCGC_NULL, RCGC_NULL, RCGC_NULL, \
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } }

/* Writes the rows that a query asks for (null: all sites, by live bytes) and returns how many
 * there are.
 *
 * At most `room` are written, each of `out_rows->struct_size` bytes, which must be set. A row
 * that is kept is a snapshot: it does not change.
 *
 * Ownership: nothing; texts live until the program ends, a type's name as long as the type.
 * Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size, group or
 *   order, RC_ERR_REFUSED when the profile is off, RC_ERR_NO_MEMORY.
 */
RCGC_API size_t gc_profile_sites(gc_heap *heap, const gc_site_query *query, gc_site_stats *out_rows,
                                 size_t room);

/* How a row changed between two snapshots. The library fills it. */
typedef struct gc_site_diff {
  /* `sizeof(gc_site_diff)` as the host was compiled. */
  size_t struct_size;
  /* As in `gc_site_stats`. */
  uint32_t site;
  /* As in `gc_site_stats`. */
  uint32_t line;
  /* As in `gc_site_stats`. */
  const char *file;
  /* As in `gc_site_stats`. */
  const char *function;
  /* As in `gc_site_stats`. */
  const char *type_name;
  /* Live bytes in the later snapshot. */
  uint64_t live_bytes;
  /* How many live bytes more there are than in the earlier one. */
  int64_t live_bytes_change;
  /* Live objects in the later snapshot. */
  uint64_t live_objects;
  /* How many live objects more there are than in the earlier one. */
  int64_t live_objects_change;
  /* Objects made between the two. */
  uint64_t allocated_objects;
} gc_site_diff;

/* An initialiser: all defaults. */
#define GC_SITE_DIFF_INIT { sizeof(gc_site_diff), 0, 0, RCGC_NULL, RCGC_NULL, RCGC_NULL, 0, 0, 0, \
  0, 0 }

/* Compares two snapshots of the same query, each an array that `gc_profile_sites` filled, and
 * returns how many rows differ. At most `room` are written, those whose live bytes changed most
 * first, each of `out_rows->struct_size` bytes, which must be set.
 *
 * Threads: any; no heap is used.
 * Fails: 0, `gc_error_message(NULL)` and `gc_last_status(NULL)`: RC_ERR_INVALID for a bad size,
 *   RC_ERR_NO_MEMORY.
 */
RCGC_API size_t gc_profile_compare(const gc_site_stats *before, size_t before_count,
                                   const gc_site_stats *after, size_t after_count,
                                   gc_site_diff *out_rows, size_t room);

/* What `gc_measure` and `gc_leak_check` run. It may do anything but free the heap. */
typedef void (*gc_run_fn)(gc_heap *heap, void *ctx);

/* What happened in a scope. Start from `GC_SCOPE_STATS_INIT`. */
typedef struct gc_scope_stats {
  /* `sizeof(gc_scope_stats)` as the host was compiled. */
  size_t struct_size;
  /* Its name; null: it has none. */
  const char *name;
  /* How often it was entered; the numbers below are sums over all of these. */
  uint64_t entered;
  /* Objects made inside. */
  uint64_t allocated_objects;
  /* Bytes of objects made inside, with headers and rounding. */
  uint64_t allocated_bytes;
  /* Objects ended inside, wherever they were made. */
  uint64_t freed_objects;
  /* Bytes of objects ended inside. */
  uint64_t freed_bytes;
  /* Bytes made less bytes ended. */
  int64_t net_bytes;
  /* How far live bytes rose inside over what they were at its beginning; the highest, not a sum. */
  uint64_t peak_bytes;
  /* Objects made inside that were alive when it was left, what it kept released. */
  uint64_t survivor_objects;
  /* Bytes of these objects. */
  uint64_t survivor_bytes;
  /* Nanoseconds inside. */
  uint64_t duration_ns;
} gc_scope_stats;

/* An initialiser: all defaults. */
#define GC_SCOPE_STATS_INIT { sizeof(gc_scope_stats), RCGC_NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* What happened so far in a scope that is open and was entered under the profile; `struct_size`
 * must be set.
 *
 * Fails: RC_ERR_INVALID for a bad size and for a mark that is of no such scope; RC_ERR_REFUSED
 *   when the profile is off.
 */
RCGC_API rc_status gc_scope_get(gc_heap *heap, rc_scope_mark mark,
                                gc_scope_stats *RCGC_NONNULL out_stats);

/* Runs a function as a scope of its own and writes what happened in it: the peak is exact, and
 * it runs once. The heap is profiled meanwhile, if it is not already.
 *
 * Ownership: what the function does.
 * May collect: what the function does.
 * Runs host code: the function, and what it runs.
 * Fails: RC_ERR_INVALID for a null function and a bad size; RC_ERR_REFUSED inside a callback,
 *   when the heap is profiled without `GC_PROFILE_SITES`, and when the function stops the
 *   profile or leaves the scope; RC_ERR_NO_MEMORY: then it was not run.
 */
RCGC_API rc_status gc_measure(gc_heap *heap, gc_run_fn function, void *ctx,
                              gc_scope_stats *RCGC_NONNULL out_stats);

/* Writes what is known of named scopes that were left since the profile began, a row for each
 * name, and returns how many there are. At most `room` are written, each of
 * `out_rows->struct_size` bytes, which must be set.
 *
 * Ownership: nothing; the names live as long as the profile.
 * Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size,
 *   RC_ERR_REFUSED when the profile is off.
 */
RCGC_API size_t gc_profile_scopes(gc_heap *heap, gc_scope_stats *out_rows, size_t room);

/* Says that an open scope leaves nothing behind: if objects made inside are alive when it was
 * left and what it keeps is released, an error goes to the log that names the sites that made
 * most of them, and the profile counts a violation.
 *
 * Fails: RC_ERR_INVALID for a mark that is of no open scope entered under the profile;
 *   RC_ERR_REFUSED when the profile is off.
 */
RCGC_API rc_status gc_scope_expect_clean(gc_heap *heap, rc_scope_mark mark);

RCGC_END_DECLS

#endif /* RCGC_PROFILE_H */
