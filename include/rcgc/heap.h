/* rcgc/heap.h: heaps, and the two hooks through which the library speaks.
 *
 * What host code may do inside a callback: it may call the library, but what a call that is
 * under way goes on with does not end there. A heap is not freed inside its callbacks, nor while
 * another call in it runs host code (fatal); a type of which an object is being made, a session
 * that is being asked, a stack of scopes that is being left give `RC_ERR_IN_USE`. In some
 * callbacks **host code may only look**: in a `traverse`, and in the functions that take a dump,
 * a text or a finding. Calls that would change what is looked at give `RC_ERR_REFUSED` there;
 * those that have no status, and a last release, are fatal.
 *
 * Generated from src/capi/heap.rs: do not edit, run `make headers`. */
#ifndef RCGC_HEAP_H
#define RCGC_HEAP_H

#include <rcgc/config.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* A heap: objects, their types, and the collector that looks after them. `gc_heap_new` makes one
 * and `gc_heap_free` ends it with all that is in it; null means the default heap, which its
 * first use makes. Any thread may use it, one at a time: its host serialises the calls, as under
 * a global lock. Heaps are independent of each other. */
typedef struct gc_heap gc_heap;

/* Objects are serialised by the host, as under a global lock: any thread, one at a time. The
 * default. */
#define GC_THREADS_SERIAL 0
/* The heap is bound to the thread that made it. Not in this version: refused. */
#define GC_THREADS_ONE 1
/* Threads attach, objects can be shared. Not in this version: refused. */
#define GC_THREADS_SHARED 2

/* Callbacks of a dying object run where it dies. The default. */
#define GC_FINALIZERS_INLINE 0
/* Finalizers and weak callbacks wait for `gc_run_finalizers`. */
#define GC_FINALIZERS_QUEUED 1

/* How closely a heap is checked: as the environment variable `RCGC_CHECK` says (`fast` or
 * `checked`); `fast` without it. */
#define GC_CHECK_DEFAULT 0
/* Only what costs nothing: dead, null and foreign pointers in calls that are not inline, counts
 * that overflow. */
#define GC_CHECK_FAST 1
/* Before each collection every reference of every tracked object must lead to a live object, and
 * a `traverse` asked twice must answer the same; after each phase all structures of the heap are
 * recounted. What does not hold is fatal and named: which object, which field, why. Fatal lines
 * about objects of the heap also say which thread called and, under a profile of sites, where
 * the object was made. Collections take several times as long, all else as long as ever. */
#define GC_CHECK_CHECKED 2

/* A line of the log about something that the host must mend. */
#define GC_LOG_ERROR 1
/* A line about something that costs memory or time: objects left in a freed heap, a collection
 * given up. */
#define GC_LOG_WARNING 2
/* A line that asks for nothing: what was asked to be reported, and what has changed. */
#define GC_LOG_INFO 3

/* Takes one line of the log, without a newline. It must not call the library: what it asks for
 * may be refused, or be what the line is about. */
typedef void (*gc_log_fn)(uint32_t level, const char *message, void *ctx);

/* Takes the one line that names a misuse which can corrupt memory: what, the type's name, the
 * address, the likely cause. It must not call the library: a misuse in it is a line on standard
 * error, and aborts. When it returns the library calls `abort`. */
typedef void (*gc_fatal_fn)(const char *message, void *ctx);

/* How a heap is made. Start from `GC_HEAP_OPTIONS_INIT`; a field left zero means the default. */
typedef struct gc_heap_options {
  /* `sizeof(gc_heap_options)` as the host was compiled. */
  size_t struct_size;
  /* `RCGC_ABI_TAG` as the host was compiled; another library's tag is refused with `RC_ERR_ABI`. */
  uint32_t abi_tag;
  /* One of `GC_THREADS_*`. */
  uint32_t threads;
  /* Shown in reports; copied. Null: "#N", N its number in the process. */
  const char *name;
  /* One of `GC_FINALIZERS_*`. */
  uint32_t finalizers;
  /* Must be zero. */
  uint32_t reserved;
  /* Bytes of address space to reserve for all heaps of the process together, side tables
   * included. Only the first heap of a process decides; 0: the environment variable
   * `RCGC_RANGE_BYTES` (a number, with K, M or G behind it if need be) or, without it, the
   * larger of 256 GiB and twice the machine's memory. Halved until the system grants it, down to
   * 16 MiB. */
  uint64_t range_bytes;
  /* One of `GC_CHECK_*`. */
  uint32_t check;
  /* Must be zero. */
  uint32_t reserved_2;
} gc_heap_options;

/* An initialiser: all defaults. */
#define GC_HEAP_OPTIONS_INIT { sizeof(gc_heap_options), RCGC_ABI_TAG, 0, RCGC_NULL, 0, 0, 0, 0, \
  0 }

/* Makes a heap.
 *
 * `options` may be null for all defaults. Heaps are independent of each other: each has its
 * types, its objects and its collections. `gc_heap_free` ends it. A process has at most 16,383
 * heaps at a time, fewer in a range of less than 2 GiB (docs/limits.md).
 *
 * Ownership: the caller owns the heap.
 * Threads: any.
 * Fails: RC_ERR_INVALID (null `out_heap`, a bad size or option), RC_ERR_ABI, RC_ERR_UNSUPPORTED,
 *   RC_ERR_NO_MEMORY, RC_ERR_LIMIT when the process has as many heaps as it can.
 */
RCGC_API RCGC_MUST_USE rc_status gc_heap_new(const gc_heap_options *options,
                                             gc_heap **RCGC_NONNULL out_heap);

/* Collects, ends every object that is left in the order of one death, frees the heap and its
 * types, and returns how many objects were still held.
 *
 * What was still held is reported by type to the log, as a warning: each is a reference that
 * some host code did not release. When a type's objects have words that lead to others and that
 * no edge of theirs reports, and nothing else in the process refers to those, that is said, too:
 * such a reference nobody can release. Immortal objects, and what only they keep alive, do not
 * count. Every pointer into the heap is dead afterwards. Null is the default heap; its next use
 * makes a new one. Freeing twice is fatal.
 *
 * Callbacks may do what they may do in a collection, also store a dying object in a new one that
 * the host keeps: what they make ends with the heap by the same steps, and no memory of the heap
 * goes before all of them are over. But what the host holds is one of the dead: in `clear` and
 * `destroy` it may be past its own. Immortal objects, and what only they keep alive, go last.
 * Callbacks that go on making objects for ever are cut off, after a thousand times or a great
 * many objects: finalizers and weak callbacks of what is left do not run, which the log says. If
 * `clear` and `destroy` go on, that is fatal.
 *
 * Ownership: takes the heap, its types and its objects.
 * May collect: yes.
 * Runs host code: finalizers, weak callbacks, `clear` and `destroy` of what ends, and the
 *   callbacks of `gc_add_callback`.
 * Fails: fatal inside a callback of the same heap and while another call in it runs host code,
 *   also one that was left by a jump; inside a callback of another heap one of whose dying
 *   objects has just released an object of this one; when `clear` and `destroy` make objects for
 *   ever; and for a pointer that is not a live heap.
 */
RCGC_API size_t gc_heap_free(gc_heap *heap);

/* The heap that a null heap parameter means; made by the first call that needs it.
 *
 * For programs. A library should make its own heap, so that two libraries in one process do not
 * meet in this one.
 *
 * Ownership: the library's; `gc_heap_free` of it ends it, and a later use makes a new one.
 * Threads: any; the host serialises its use.
 * Fails: null when there is no memory for it, and when the process has as many heaps as it can.
 */
RCGC_API gc_heap *gc_heap_default(void);

/* The heap's name, for reports.
 *
 * Ownership: the string lives as long as the heap.
 * Fails: null only where the default heap was meant and cannot be made.
 */
RCGC_API const char *gc_heap_name(gc_heap *heap);

/* The sentence behind the last status of this heap that was not `RC_OK`: what was wrong, and
 * where. For a null heap: the last one of the default heap, or of a call that had no heap yet
 * (`gc_heap_new`).
 *
 * Ownership: the string is the heap's, until its next failing call.
 * Fails: an empty string when nothing has failed.
 */
RCGC_API const char *gc_error_message(const gc_heap *heap);

/* What the last call on the heap came to that returns a number instead of a status: `RC_OK` also
 * where the number is 0 because there was nothing, else why it is 0 or less than it might be.
 *
 * The calls are `gc_collect` and `gc_collect_young`, `gc_run_finalizers`, `gc_check_expected`,
 * `gc_holds`, `gc_profile_sites`, `gc_profile_scopes`, `gc_profile_compare`,
 * `gc_profile_stacks`, `gc_stack_frames`, `gc_series_samples` and `gc_series_events`; each says
 * there what the status may be. For a null heap: that of the default heap, or of
 * `gc_profile_compare`, which has none.
 *
 * Fails: `RC_OK` when there was no such call.
 */
RCGC_API rc_status gc_last_status(const gc_heap *heap);

/* Sets where the log of all heaps goes; null sends it to standard error, as in the beginning.
 *
 * Ownership: `ctx` stays the host's and must outlive its use.
 * Threads: any, but not while another thread is in the library.
 * Fails: never.
 */
RCGC_API void gc_set_log(gc_log_fn log, void *ctx);

/* Sets who is told of a misuse that can corrupt memory, before the library aborts; null: a line
 * on standard error.
 *
 * The hook may end the process in its own way. It must not return into the program by a jump.
 *
 * Ownership: `ctx` stays the host's and must outlive its use.
 * Threads: any, but not while another thread is in the library.
 * Fails: never.
 */
RCGC_API void gc_set_fatal(gc_fatal_fn fatal, void *ctx);

/* The library's version, "0.1.0".
 *
 * Ownership: the string is static.
 * Threads: any.
 * Fails: never.
 */
RCGC_API const char *gc_version(void);

/* The layout that the library was built with; equal to `RCGC_ABI_TAG` of a header that fits it.
 *
 * Threads: any.
 * Fails: never.
 */
RCGC_API uint32_t gc_abi_tag(void);

RCGC_END_DECLS

#endif /* RCGC_HEAP_H */
