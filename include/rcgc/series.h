/* rcgc/series.h: numbers over time, and limits. Samples of the engine's bytes beside what the
 * kernel says of the process, what happened when (collections, named scopes, watches), and
 * watches, which do something when a number reaches a limit. A null heap means the default heap.
 *
 * Generated from src/capi/series.rs: do not edit, run `make headers`. */
#ifndef RCGC_SERIES_H
#define RCGC_SERIES_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>
#include <rcgc/type.h>

RCGC_BEGIN_DECLS

/* Read the private bytes of the process, too. The kernel takes a millisecond and more for each
 * GiB. */
#define GC_SERIES_PRIVATE 1
/* Start a thread that says every `interval_ns` that a sample is due. It touches no object and no
 * heap: the heap's thread takes the sample at its next allocations, and while there are none the
 * thread writes down what the kernel says. */
#define GC_SERIES_THREAD 2

/* How a series is made. Start from `GC_SERIES_OPTIONS_INIT`; a field left zero means the
 * default. */
typedef struct gc_series_options {
  /* `sizeof(gc_series_options)` as the host was compiled. */
  size_t struct_size;
  /* `GC_SERIES_*` together. */
  uint32_t flags;
  /* Samples that are kept, and events, 96 and 48 bytes each; older ones are written over. 0:
   * 4096. */
  uint32_t capacity;
  /* Nanoseconds between two samples at least. 0: each tick is one; with a thread 10 ms. */
  uint64_t interval_ns;
} gc_series_options;

/* An initialiser: all defaults. */
#define GC_SERIES_OPTIONS_INIT { sizeof(gc_series_options), 0, 0, 0 }

/* The engine's numbers in this sample are those of the one before: the heap's thread was busy
 * elsewhere. */
#define GC_SAMPLE_STALE 1

/* One moment. The library fills it. */
typedef struct gc_sample {
  /* `sizeof(gc_sample)` as the host was compiled. */
  size_t struct_size;
  /* Nanoseconds of the monotonic clock. */
  uint64_t time_ns;
  /* Objects that live. */
  uint64_t live_objects;
  /* Bytes of objects that live, with headers and rounding. */
  uint64_t live_bytes;
  /* Bytes that objects keep elsewhere. */
  uint64_t external_bytes;
  /* Bytes of memory taken for objects. */
  uint64_t heap_bytes;
  /* Resident bytes of the process. */
  uint64_t resident_bytes;
  /* Private bytes of the process; 0 without `GC_SERIES_PRIVATE`. */
  uint64_t private_bytes;
  /* The process's share of its memory, some of which other processes have too; 0 without
   * `GC_SERIES_PRIVATE`. */
  uint64_t share_bytes;
  /* Young collections so far. */
  uint64_t young_runs;
  /* Full collections so far. */
  uint64_t full_runs;
  /* Nanoseconds of all pauses so far. */
  uint64_t pause_ns_total;
  /* `GC_SAMPLE_STALE`. */
  uint32_t flags;
  /* 0. */
  uint32_t reserved;
} gc_sample;

/* An initialiser: all defaults. */
#define GC_SAMPLE_INIT { sizeof(gc_sample), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* A young collection ended. */
#define GC_SERIES_YOUNG 1
/* A full collection ended. */
#define GC_SERIES_FULL 2
/* A named scope was entered. */
#define GC_SERIES_ENTER 3
/* A named scope was left. */
#define GC_SERIES_LEAVE 4
/* A watch was set off. */
#define GC_SERIES_WATCH 5

/* One event. The library fills it. */
typedef struct gc_series_event {
  /* `sizeof(gc_series_event)` as the host was compiled. */
  size_t struct_size;
  /* When it ended, in nanoseconds of the monotonic clock. */
  uint64_t time_ns;
  /* How long it took: of a collection. */
  uint64_t duration_ns;
  /* Live bytes then. */
  uint64_t live_bytes;
  /* Objects that a collection ended; the number of a watch. */
  uint64_t value;
  /* One of `GC_SERIES_YOUNG` and those behind it. */
  uint32_t what;
  /* 0. */
  uint32_t reserved;
  /* The scope's name, else null. */
  const char *name;
} gc_series_event;

/* An initialiser: all defaults. */
#define GC_SERIES_EVENT_INIT { sizeof(gc_series_event), 0, 0, 0, 0, 0, 0, RCGC_NULL }

/* Starts the series of a heap, with a first sample. It ends with `gc_series_stop`, and with the
 * heap. A forked child has the series with what was sampled, without the thread.
 *
 * Ownership: nothing; the options are copied. Null means the defaults.
 * Threads: the heap's. With GC_SERIES_THREAD one is started, which blocks all signals.
 * Fails: RC_ERR_IN_USE when there is one; RC_ERR_INVALID for a bad size, flag or capacity;
 *   RC_ERR_REFUSED where host code may only look (rcgc/heap.h); RC_ERR_NO_MEMORY, also when the
 *   system gives no thread.
 */
RCGC_API rc_status gc_series_start(gc_heap *heap, const gc_series_options *options);

/* Ends the series of a heap, and its thread, and forgets what it has. Without one, nothing
 * happens.
 *
 * Threads: the heap's; in a forked child the thread is gone already.
 * Fails: fatal where host code may only look (rcgc/heap.h).
 */
RCGC_API void gc_series_stop(gc_heap *heap);

/* A tick of the host's: takes a sample, when the last one is at least `interval_ns` old, and
 * looks at the watches. About 2 microseconds; without series and watches nothing.
 *
 * Runs host code: the callbacks of watches; `traverse` of callback types where a watch writes a
 *   dump.
 * Fails: never.
 */
RCGC_API void gc_series_tick(gc_heap *heap);

/* Writes samples, the oldest first, from the one with the number `from` on, and returns the
 * number behind the newest. Samples are numbered from 0; those written over are passed. At most
 * `room` are written, each of `out_rows->struct_size` bytes, which must be set; `out_written`,
 * which may be null, says how many.
 *
 * Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size,
 *   RC_ERR_REFUSED without a series.
 */
RCGC_API uint64_t gc_series_samples(gc_heap *heap, uint64_t from, gc_sample *out_rows, size_t room,
                                    size_t *out_written);

/* As `gc_series_samples`, for events.
 *
 * Ownership: nothing; names live until the program ends.
 * Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size,
 *   RC_ERR_REFUSED without a series.
 */
RCGC_API uint64_t gc_series_events(gc_heap *heap, uint64_t from, gc_series_event *out_rows,
                                   size_t room, size_t *out_written);

/* A watch looks at the bytes of live objects. */
#define GC_WATCH_LIVE_BYTES 1
/* A watch looks at how many objects live. */
#define GC_WATCH_LIVE_OBJECTS 2
/* A watch looks at the bytes that objects keep elsewhere. */
#define GC_WATCH_EXTERNAL_BYTES 3
/* A watch looks at the memory taken for objects, in bytes. */
#define GC_WATCH_HEAP_BYTES 4
/* A watch looks at the resident bytes of the process. */
#define GC_WATCH_RESIDENT_BYTES 5
/* A watch looks at the nanoseconds of a pause. */
#define GC_WATCH_PAUSE_NS 6
/* A watch looks at how many objects of a type live. */
#define GC_WATCH_TYPE_OBJECTS 7
/* A watch writes a line to the log. */
#define GC_WATCH_LOG 0
/* A watch calls a function. */
#define GC_WATCH_CALLBACK 1
/* A watch raises SIGTRAP, for a debugger. */
#define GC_WATCH_TRAP 2
/* A watch writes a dump. */
#define GC_WATCH_DUMP 3

/* Told that a watch was set off, with its number and what it looks at. It may do anything, also
 * end the watch, but another watch is not set off meanwhile. It may run inside an `rc_new`,
 * whose type and heap it cannot end. */
typedef void (*gc_watch_fn)(gc_heap *heap, uint32_t watch, uint64_t value, void *ctx);

/* A watch. Start from `GC_WATCH_SPEC_INIT`. */
typedef struct gc_watch_spec {
  /* `sizeof(gc_watch_spec)` as the host was compiled. */
  size_t struct_size;
  /* What is looked at: `GC_WATCH_LIVE_BYTES` and those behind it. */
  uint32_t metric;
  /* What is done: `GC_WATCH_LOG` and those behind it. */
  uint32_t action;
  /* It is set off when the number is at least this. */
  uint64_t limit;
  /* The type, of `GC_WATCH_TYPE_OBJECTS`; a watch ends with its type. */
  rc_type *type;
  /* The function, of `GC_WATCH_CALLBACK`. */
  gc_watch_fn callback;
  /* Given to `callback`. */
  void *ctx;
  /* The file of `GC_WATCH_DUMP`: `%p` in it is the process, `%n` how often the watch was set
   * off, `%%` a percent sign. Two heaps do not write one file, and a forked child not its
   * parent's: see `rcgc/plan.h`. */
  const char *path;
} gc_watch_spec;

/* An initialiser: all defaults. */
#define GC_WATCH_SPEC_INIT { sizeof(gc_watch_spec), 0, 0, 0, RCGC_NULL, RCGC_NULL, RCGC_NULL, \
  RCGC_NULL }

/* Adds a watch, and writes its number.
 *
 * Watches are looked at when a tick is taken, when a collection has ended, and when an
 * allocation budget is spent, which is every few MiB at most. One that was set off is set again
 * when the number has fallen below the limit; one on pauses with each pause.
 *
 * Ownership: `ctx` stays the host's and must outlive the watch; the path is copied.
 * Fails: RC_ERR_INVALID for a bad size, an unknown number, a missing callback, path or type, and
 *   a type of another heap; RC_ERR_REFUSED where host code may only look (rcgc/heap.h);
 *   RC_ERR_NO_MEMORY; fatal for a type that is not live.
 */
RCGC_API rc_status gc_watch(gc_heap *heap, const gc_watch_spec *spec,
                            uint32_t *RCGC_NONNULL out_watch);

/* Ends a watch.
 *
 * Fails: RC_ERR_INVALID for a number that is of no watch; RC_ERR_REFUSED where host code may
 *   only look (rcgc/heap.h).
 */
RCGC_API rc_status gc_unwatch(gc_heap *heap, uint32_t watch);

RCGC_END_DECLS

#endif /* RCGC_SERIES_H */
