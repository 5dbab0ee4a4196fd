/* rcgc/dump.h: a heap at one moment, as a file: objects, types, counts, edges with their names,
 * and the statistics. The `rcgc` tool reads it and answers what is alive, why, and what grew.
 * docs/dump-format.md says what is in it; what objects hold is not.
 *
 * **A path** that the library writes to names a file of the process's user that nobody else may
 * read. One that is not there is made so; one that is there is made so and emptied, if it is the
 * user's, else it is refused. A symbolic link is not followed at a path's end; fifos, sockets
 * and disks are refused, not waited for; so is a file that this library is writing. A character
 * device, like `/dev/null` or a terminal, is written to as it is, and `/dev/stdout`,
 * `/dev/stderr` and `/dev/fd/N` are those descriptors, from where they stand. A pipe that nobody
 * reads, and a file that may not become larger, are RC_ERR_IO with EPIPE and EFBIG: no signal
 * comes, and what the process does with signals is not changed.
 *
 * Generated from src/capi/dump.rs: do not edit, run `make headers`. */
#ifndef RCGC_DUMP_H
#define RCGC_DUMP_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* Takes the next bytes of a dump. Returns 0, or an `errno` (not 0) when it cannot; then it is
 * not called again.
 *
 * It runs while the heap is being walked, and may only look (rcgc/heap.h): it must not allocate
 * in the heap, release the last reference to an object of it, or collect. */
typedef int (*gc_write_fn)(const void *bytes, size_t len, void *ctx);

/* Write hashes instead of the names of types, fields, scopes, the heap and the label. */
#define GC_DUMP_HASH_NAMES 1
/* Write in a forked child: the heap stands still only for as long as `fork` takes. */
#define GC_DUMP_FORK 2
/* Look where the references from outside lie, word by word, and write it, too: in objects that
 * do not report them, in variables of the program, on the stack, in other memory, in other
 * heaps, or nowhere. It takes memory as a query session does, and time by all memory of the
 * process. Not with GC_DUMP_FORK, whose child may not take memory. */
#define GC_DUMP_LOOK 8

/* How a dump is written. Exactly one of `path`, `write` and `fd` is given. */
typedef struct gc_dump_options {
  /* `sizeof(gc_dump_options)`. */
  size_t struct_size;
  /* A file that is made, or emptied; only its owner may read it. See the head of this file. */
  const char *path;
  /* Takes the bytes. */
  gc_write_fn write;
  /* Given to `write`. */
  void *write_ctx;
  /* A descriptor, open for writing and above 0; it stays open. */
  int fd;
  /* `GC_DUMP_*` together. */
  uint32_t flags;
  /* The key of `GC_DUMP_HASH_NAMES`: with the same key the same name has the same hash in every
   * dump, and who does not know the key cannot try names. */
  uint64_t name_key;
  /* What the dump is of, in words, for reports; may be null. */
  const char *label;
} gc_dump_options;

/* An initialiser: all defaults. */
#define GC_DUMP_OPTIONS_INIT { sizeof(gc_dump_options), RCGC_NULL, RCGC_NULL, RCGC_NULL, 0, 0, 0, \
  RCGC_NULL }

/* What a dump came to. The library fills it. */
typedef struct gc_dump_result {
  /* `sizeof(gc_dump_result)`. */
  size_t struct_size;
  /* Objects in the dump; 0 with `GC_DUMP_FORK`. */
  uint64_t objects;
  /* Counted references between them or to other heaps; 0 with `GC_DUMP_FORK`. */
  uint64_t edges;
  /* Bytes of the dump; 0 with `GC_DUMP_FORK`. */
  uint64_t bytes;
  /* Nanoseconds that the heap stood still. */
  uint64_t duration_ns;
  /* With `GC_DUMP_FORK` the child, for `waitpid`: it exits with 0 when all was written, else
   * with 1. */
  int child;
  /* 0. */
  uint32_t reserved;
} gc_dump_result;

/* An initialiser: all defaults. */
#define GC_DUMP_RESULT_INIT { sizeof(gc_dump_result), 0, 0, 0, 0, 0, 0 }

/* Writes a dump of a heap (null: the default heap) to a file, a descriptor or a function.
 *
 * Counts, flags and what collections decide are the same before and after. The heap stands still
 * meanwhile. Memory: half a MiB, and 40 bytes for each MiB of the heap. What was written can be
 * read up to the last whole chunk, whatever happens then.
 *
 * `traverse` is called for every live object whose type has one, tracked or not, but not for
 * dying ones. In a forked child `write` and `traverse` may do only what may be done after a
 * fork: they must take no lock that another thread might have held.
 *
 * Runs host code: `traverse`, `write`.
 * Fails: RC_ERR_INVALID for no sink, for more than one, for unknown flags, for GC_DUMP_FORK with
 *   a null `out_result`, and for GC_DUMP_LOOK with GC_DUMP_FORK; RC_ERR_NO_MEMORY;
 *   RC_ERR_REFUSED inside a callback of a collection, inside `traverse` and inside `write`;
 *   RC_ERR_IO when the file cannot be made (ELOOP: a symbolic link; ENXIO: no file; EACCES:
 *   another user's; EAGAIN: another dump is being written to it), the sink fails, or the process
 *   cannot be forked: `errno` has the reason, and the heap is as it was.
 */
RCGC_API rc_status gc_dump(gc_heap *heap, const gc_dump_options *RCGC_NONNULL options,
                           gc_dump_result *out_result);

RCGC_END_DECLS

#endif /* RCGC_DUMP_H */
