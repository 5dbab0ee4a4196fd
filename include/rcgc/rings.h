/* rcgc/rings.h: rings of references by their shapes, in a session and as collections find them
 * dead; checking that counts and edges fit.
 *
 * Generated from src/capi/rings.rs: do not edit, run `make headers`. */
#ifndef RCGC_RINGS_H
#define RCGC_RINGS_H

#include <stdbool.h>

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/query.h>
#include <rcgc/status.h>
#include <rcgc/type.h>

RCGC_BEGIN_DECLS

/* A watch on the rings that collections end. `gc_watch_rings` makes one, and whoever made it
 * ends it with `gc_watch_rings_end`, also after the heap. It is used where its heap may be. */
typedef struct gc_ring_watch gc_ring_watch;

/* What all rings of one shape come to. Start from `GC_RING_SHAPE_INIT`; of several rows only the
 * first needs it.
 *
 * A ring is a group of objects each of which leads to each other, or one object that refers to
 * itself. Its shape is which edges it has, by type and name; lists of any length have one shape. */
typedef struct gc_ring_shape {
  /* `sizeof(gc_ring_shape)` as the host was compiled. */
  size_t struct_size;
  /* "Parent.child -> Child.parent". It lives as long as the session or the watch. */
  const char *shape;
  /* "Child.parent": the edge without which most of the rings would be none. It lives as long. */
  const char *weakest;
  /* Rings of this shape. */
  uint64_t rings;
  /* Objects in these rings. */
  uint64_t objects;
  /* Bytes of these objects, in the heap and elsewhere. */
  uint64_t bytes;
  /* Objects of the largest ring. */
  uint64_t largest;
  /* Rings that would be none without the weakest edge. */
  uint64_t breaks;
  /* An object of one of them; null from a watch. */
  void *example;
} gc_ring_shape;

/* An initialiser: all defaults. */
#define GC_RING_SHAPE_INIT { sizeof(gc_ring_shape), RCGC_NULL, RCGC_NULL, 0, 0, 0, 0, 0, \
  RCGC_NULL }

/* Groups the rings of a session's heap by shape, dead or alive, those with most bytes first: the
 * first `room` shapes in `out_rows`, and how many there are.
 *
 * They are found once a session.
 *
 * Ownership: nothing; texts live as long as the session.
 * Runs host code: `traverse` of the objects of rings.
 * Fails: RC_ERR_INVALID for null `out_count`, null `out_rows` with room, or a bad size;
 *   RC_ERR_STALE, RC_ERR_IN_USE, RC_ERR_REFUSED inside a `traverse`, RC_ERR_NO_MEMORY; fatal for
 *   what is not a session.
 */
RCGC_API rc_status gc_cycles(gc_query *RCGC_NONNULL query, gc_ring_shape *out_rows, size_t room,
                             size_t *RCGC_NONNULL out_count);

/* Each collection's shapes are written to the log, too. */
#define GC_RINGS_LOG 1

/* From here on, learns from each collection of a heap (null: the default heap) the shapes of the
 * rings that it finds dead, before finalizers run. One watch a heap.
 *
 * A collection that finds nothing dead costs nothing more; another one looks at its dead once
 * more.
 *
 * Ownership: the caller owns the watch; `gc_watch_rings_end` ends it, also after its heap.
 * Runs host code: no; later, in collections, `traverse` of the dead.
 * Fails: RC_ERR_INVALID for unknown flags or null `out_watch`; RC_ERR_IN_USE when the heap has a
 *   watch; RC_ERR_NO_MEMORY.
 */
RCGC_API rc_status gc_watch_rings(gc_heap *heap, uint32_t flags,
                                  gc_ring_watch **RCGC_NONNULL out_watch);

/* The shapes that a watch has learned until now, also of a heap that was freed, those with most
 * bytes first: the first `room` in `out_rows`, and how many there are.
 *
 * Ownership: nothing; texts live until the next collection of the heap, or the end of the watch.
 * Fails: RC_ERR_INVALID for null `out_count`, null `out_rows` with room, or a bad size;
 *   RC_ERR_NO_MEMORY; fatal for what is not a watch.
 */
RCGC_API rc_status gc_watched_rings(gc_ring_watch *RCGC_NONNULL watch, gc_ring_shape *out_rows,
                                    size_t room, size_t *RCGC_NONNULL out_count);

/* Ends a watch. Null is RC_OK.
 *
 * Ownership: takes the watch.
 * Fails: RC_ERR_REFUSED inside a collection of the heap; fatal for what is not a watch.
 */
RCGC_API rc_status gc_watch_rings_end(gc_ring_watch *watch);

/* More edges lead to an object than it has references: a `traverse` reports an edge twice, or an
 * incref is missing. */
#define GC_FINDING_TOO_MANY_EDGES 1
/* A slot or a `traverse` leads to an object that has died. */
#define GC_FINDING_DEAD_TARGET 2
/* A slot or a `traverse` leads to what is no object. */
#define GC_FINDING_NO_OBJECT 3
/* `clear` or `destroy` of a type ended objects to which its `traverse` had not reported a way
 * (see `gc_watch_traverse`); or objects of a type have words that lead to others and that no
 * edge of theirs reports, and most of those nothing else in the process refers to. */
#define GC_FINDING_UNREPORTED 4
/* A structure of the heap itself is damaged, as by a write out of bounds. */
#define GC_FINDING_STRUCTURE 5

/* One thing that is wrong. The library fills it. */
typedef struct gc_finding {
  /* `sizeof(gc_finding)` as the library was compiled. */
  size_t struct_size;
  /* One of `GC_FINDING_*`. */
  uint32_t kind;
  /* Zero. */
  uint32_t reserved;
  /* The object that it is about: with `GC_FINDING_TOO_MANY_EDGES` the one that the edges lead
   * to, with `GC_FINDING_DEAD_TARGET` and `GC_FINDING_NO_OBJECT` the one whose edge it is, with
   * `GC_FINDING_UNREPORTED` one of those whose words they are; else null. */
  void *object;
  /* The type of that object, or the type that it is about; null: none, or it has ended. */
  rc_type *type;
  /* References to the object. */
  uint64_t count;
  /* Edges to the object. */
  uint64_t edges;
  /* One line: what is wrong, type, address, who refers to it by which fields, and the likely
   * cause. */
  const char *message;
} gc_finding;

/* An initialiser: all defaults. */
#define GC_FINDING_INIT { sizeof(gc_finding), 0, 0, RCGC_NULL, RCGC_NULL, 0, 0, RCGC_NULL }

/* Takes one finding, which is good until it returns. It may only look (rcgc/heap.h). */
typedef void (*gc_finding_fn)(const gc_finding *finding, void *ctx);

/* Checks a heap (null: the default heap): recounts every edge, looks where each one leads, and
 * checks the structures of the heap itself. Each thing that is wrong is given to `report`; null:
 * to the log, as an error.
 *
 * An object with fewer references than edges is named with its type, its referrers and their
 * fields: the proof of a `traverse` that reports too much, or of a missing incref. More
 * references than edges are not wrong: they are from outside.
 *
 * Runs host code: `traverse`, which must be ready for any object (see rcgc/query.h); `report`.
 * Fails: RC_ERR_INVALID for null `out_count`; RC_ERR_REFUSED inside a `traverse`; RC_ERR_LIMIT;
 *   RC_ERR_NO_MEMORY. With RC_OK `out_count` is the number of findings: 0 says that all is well.
 */
RCGC_API rc_status gc_verify(gc_heap *heap, gc_finding_fn report, void *ctx,
                             size_t *RCGC_NONNULL out_count);

/* From here on, or no longer, watches what `clear` and `destroy` of types with a `traverse` end
 * in a heap (null: the default heap): objects that the `traverse` of the dying one had reported
 * no way to are a reference that it forgot. `gc_verify` names such types; so does the log, once
 * each, as an error.
 *
 * What dies in something else that runs inside them is not counted: in other callbacks, in
 * collections, what a weak map, the garbage list or the queue of finalizers lets go of,
 * temporaries. But a reference that `clear` or `destroy` releases for somebody else, a variable
 * of the host's or another object's slot, cannot be distinguished from one that was forgotten.
 *
 * What never ends is in no callback. When the watch ends, and in `gc_verify` and `gc_heap_free`,
 * objects are looked at word by word: one that leads to another object, is reported by no edge,
 * and is the only one in the whole process that does, while the count of that object says that
 * something refers to it, is a reference that its owner forgets, or one that it borrows and
 * whose release somebody else forgot.
 *
 * Deaths of objects of such types take longer by what their edges lead to, up to 256 objects;
 * those that lead to more, or into another heap, are not judged.
 *
 * Runs host code: `traverse` when it ends the watch; later, in deaths, `traverse`.
 * Fails: RC_ERR_REFUSED inside a callback of the heap, also in the log where it names such a
 *   type; RC_ERR_NO_MEMORY.
 */
RCGC_API rc_status gc_watch_traverse(gc_heap *heap, bool on);

RCGC_END_DECLS

#endif /* RCGC_RINGS_H */
