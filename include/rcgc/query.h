/* rcgc/query.h: questions about edges: who refers to whom, by which name, and what keeps an
 * object alive. A session looks at the whole heap once; the answers are about that moment.
 *
 * What a host owes at `gc_query_begin`: every object, tracked or not, is walkable (see "what a
 * host owes" in rcgc.h), since the `traverse` of each is called.
 *
 * Generated from src/capi/query.rs: do not edit, run `make headers`. */
#ifndef RCGC_QUERY_H
#define RCGC_QUERY_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>
#include <rcgc/type.h>

RCGC_BEGIN_DECLS

/* A session: the objects and edges of a heap at one moment. `gc_query_begin` makes one, and
 * whoever made it ends it with `gc_query_end`, also after the heap. It is used where its heap
 * may be. */
typedef struct gc_query gc_query;

/* Begins a session in a heap (null: the default heap): lists its objects and edges, forwards and
 * backwards.
 *
 * It takes about 8 bytes of memory an edge and 12 a block, from the system, not from `malloc`;
 * searches and dominators take more when they are first asked for. Nothing is written to an
 * object.
 *
 * **The session answers about the moment when it began.** As soon as an object is made or dies,
 * every call of it is refused with RC_ERR_STALE, but for `gc_query_end`. Counting, and storing
 * references without that, is not noticed and not in the answers; an edge that is gone has no
 * name in them, nor has one of an object whose end has begun since, whose `traverse` is not
 * asked any more. Several sessions may be open at once.
 *
 * Ownership: the caller owns the session; `gc_query_end` ends it, also after its heap.
 * Threads: the heap's; also for every other call of the session.
 * Runs host code: `traverse`.
 * Fails: RC_ERR_INVALID for null `out_query`; RC_ERR_REFUSED inside a `traverse`; RC_ERR_LIMIT
 *   for 2^31 blocks or 2^32 edges; RC_ERR_NO_MEMORY. Then there is no session, and nothing was
 *   changed.
 */
RCGC_API rc_status gc_query_begin(gc_heap *heap, gc_query **RCGC_NONNULL out_query);

/* Ends a session and gives its memory back. Null is RC_OK.
 *
 * Ownership: takes the session.
 * Fails: RC_ERR_IN_USE inside a predicate or a `traverse` that a call of the same session runs;
 *   fatal for what is not a session.
 */
RCGC_API rc_status gc_query_end(gc_query *query);

/* What a session has listed. Start from `GC_QUERY_FACTS_INIT`. */
typedef struct gc_query_facts {
  /* `sizeof(gc_query_facts)` as the host was compiled. */
  size_t struct_size;
  /* Objects. */
  uint64_t objects;
  /* References from one of them to another. */
  uint64_t edges;
  /* Bytes of memory that the session has taken until now. */
  uint64_t bytes;
} gc_query_facts;

/* An initialiser: all defaults. */
#define GC_QUERY_FACTS_INIT { sizeof(gc_query_facts), 0, 0, 0 }

/* Tells what a session has listed, and its memory.
 *
 * Fails: RC_ERR_INVALID for null `out_facts` or a bad size; RC_ERR_STALE; fatal for what is not
 *   a session.
 */
RCGC_API rc_status gc_query_info(gc_query *RCGC_NONNULL query,
                                 gc_query_facts *RCGC_NONNULL out_facts);

/* How many references lead to an object from outside the heap: its count without the edges that
 * were found. The host's own variables, scopes, the garbage list, the queue of finalizers and
 * objects of other heaps are outside.
 *
 * Negative when more edges than references lead to it, which is a mistake of the host's (see
 * `gc_verify`); `INT64_MAX` when it is immortal.
 *
 * Fails: RC_ERR_INVALID for a null output or what is not an object of the heap; RC_ERR_STALE,
 *   RC_ERR_IN_USE; fatal for what is not a session.
 */
RCGC_API rc_status gc_external_references(gc_query *RCGC_NONNULL query, const void *obj,
                                          int64_t *RCGC_NONNULL out_count);

/* Objects that references from outside lead to, and immortal ones. */
#define GC_OBJECTS_HELD 0
/* Objects that no object of the heap refers to. */
#define GC_OBJECTS_UNREFERENCED 1
/* Objects that nothing from outside leads to, over however many edges: what the next full
 * collection would end, if it is tracked and not frozen. */
#define GC_OBJECTS_GARBAGE 2

/* Lists objects in address order: the first `room` of them in `out_objects`, and how many there
 * are.
 *
 * Ownership: nothing; the objects are borrowed.
 * Fails: RC_ERR_INVALID for an unknown `which`, null `out_count`, or null `out_objects` with
 *   room; RC_ERR_STALE, RC_ERR_IN_USE, RC_ERR_NO_MEMORY; fatal for what is not a session.
 */
RCGC_API rc_status gc_query_objects(gc_query *RCGC_NONNULL query, uint32_t which,
                                    void **out_objects, size_t room,
                                    size_t *RCGC_NONNULL out_count);

/* An object and one of its edges. Start from `GC_PATH_STEP_INIT`; of several rows only the first
 * needs it. */
typedef struct gc_path_step {
  /* `sizeof(gc_path_step)` as the host was compiled. */
  size_t struct_size;
  /* The object. */
  void *object;
  /* The object's type; null of a static constant. */
  rc_type *type;
  /* The name of the edge: of the declared field, what `rc_visit_named` was given, or "entry" of
   * a weak map. Null when it has none. It lives as long as the type. */
  const char *name;
  /* The index of the edge in its field, or `RC_NO_INDEX`. */
  size_t index;
} gc_path_step;

/* An initialiser: all defaults. */
#define GC_PATH_STEP_INIT { sizeof(gc_path_step), RCGC_NULL, RCGC_NULL, RCGC_NULL, 0 }

/* What an object refers to: the first `room` edges in `out_rows`, each once, and how many there
 * are. `object` and `type` of a row are those of the object that the edge leads to, also one of
 * another heap; name and index are the edge's.
 *
 * Ownership: nothing; the objects are borrowed.
 * Runs host code: the object's `traverse`.
 * Fails: RC_ERR_INVALID for what is not an object of the heap, null `out_count`, null `out_rows`
 *   with room, or a bad size; RC_ERR_STALE, RC_ERR_IN_USE, RC_ERR_REFUSED inside a `traverse`;
 *   fatal for what is not a session.
 */
RCGC_API rc_status gc_referents(gc_query *RCGC_NONNULL query, const void *obj,
                                gc_path_step *out_rows, size_t room,
                                size_t *RCGC_NONNULL out_count);

/* What refers to an object: the first `room` edges in `out_rows`, each once, and how many there
 * are. `object` and `type` of a row are those of the object that the edge comes from; name and
 * index are the edge's.
 *
 * Ownership: nothing; the objects are borrowed.
 * Runs host code: the `traverse` of the objects that refer to it.
 * Fails: as `gc_referents`.
 */
RCGC_API rc_status gc_referrers(gc_query *RCGC_NONNULL query, const void *obj,
                                gc_path_step *out_rows, size_t room,
                                size_t *RCGC_NONNULL out_count);

/* A search follows references. */
#define GC_FORWARD 0

/* A search follows references backwards. */
#define GC_BACKWARD 1

/* Looks at one object; whatever is not 0 means "this one". It may allocate, release and collect:
 * then the session is stale, and the search ends. It may not use the session. */
typedef int (*gc_predicate_fn)(void *obj, void *ctx);

/* Finds a shortest path from an object to one that the predicate accepts, or with `GC_BACKWARD`
 * from such a one to the object, and gives its first `room` steps in `out_steps`. The object
 * itself is asked about first.
 *
 * Each step has an object and the edge that leads from it to the next step's; the last one has
 * no name. `out_length` is the number of steps; 0: no object was accepted.
 *
 * Ownership: nothing; the objects are borrowed.
 * May collect: what the predicate does.
 * Runs host code: the predicate; `traverse` of the objects of the path.
 * Fails: RC_ERR_INVALID for what is not an object of the heap, an unknown direction, a null
 *   predicate, null `out_length`, null `out_steps` with room, or a bad size; RC_ERR_STALE, also
 *   when the predicate made it so; RC_ERR_IN_USE, RC_ERR_REFUSED inside a `traverse`,
 *   RC_ERR_NO_MEMORY; fatal for what is not a session.
 */
RCGC_API rc_status gc_find_path(gc_query *RCGC_NONNULL query, const void *from, uint32_t direction,
                                gc_predicate_fn predicate, void *ctx, gc_path_step *out_steps,
                                size_t room, size_t *RCGC_NONNULL out_length);

/* Nothing keeps the object: the next full collection ends it. */
#define GC_WHY_GARBAGE 0
/* References from outside keep it. */
#define GC_WHY_HELD 1
/* An object that lives by itself leads to it. */
#define GC_WHY_REACHABLE 2
/* It is immortal. */
#define GC_WHY_IMMORTAL 3
/* It is frozen. */
#define GC_WHY_FROZEN 4
/* It is not tracked: no collection looks at it. */
#define GC_WHY_UNTRACKED 5
/* Its finalizer is due: the queue keeps it until `gc_run_finalizers`. */
#define GC_WHY_FINALIZER_DUE 6
/* Its finalizer brought it back; it is held or reachable since. */
#define GC_WHY_RESURRECTED 7
/* It is an object of another heap. */
#define GC_WHY_OTHER_HEAP 8
/* More edges lead to it than it has references, so no collection dares to end it; see
 * `gc_verify`. */
#define GC_WHY_TOO_MANY_EDGES 9
/* Its end has begun. */
#define GC_WHY_DYING 10

/* What keeps an object. Start from `GC_WHY_INIT`. */
typedef struct gc_why {
  /* `sizeof(gc_why)` as the host was compiled. */
  size_t struct_size;
  /* One of `GC_WHY_*`. */
  uint32_t verdict;
  /* `GC_OBJECT_*` of the object. */
  uint32_t flags;
  /* References from outside to the object, as `gc_external_references`. */
  int64_t external;
  /* The nearest object that lives by itself and leads to the object; the object when that is
   * itself; null when there is none. */
  void *holder;
  /* What keeps the holder, one of `GC_WHY_*`. */
  uint32_t holder_verdict;
  /* Zero. */
  uint32_t reserved;
  /* References from outside to the holder. */
  int64_t holder_external;
  /* Paths that were found. */
  size_t paths;
  /* Steps of all paths together. */
  size_t steps;
} gc_why;

/* An initialiser: all defaults. */
#define GC_WHY_INIT { sizeof(gc_why), 0, 0, 0, RCGC_NULL, 0, 0, 0, 0, 0 }

/* One path to an object. Start from `GC_PATH_INIT`; of several rows only the first needs it. */
typedef struct gc_path {
  /* `sizeof(gc_path)` as the host was compiled. */
  size_t struct_size;
  /* The number of its first step among the steps of all paths. */
  size_t first;
  /* How many steps it has. */
  size_t length;
  /* The object that it begins with. */
  void *holder;
  /* How many references from outside lead to the holder. */
  int64_t external;
} gc_path;

/* An initialiser: all defaults. */
#define GC_PATH_INIT { sizeof(gc_path), 0, 0, RCGC_NULL, 0 }

/* Says what keeps an object alive: the nearest objects that are held from outside and lead to
 * it, up to `path_room` of them, each with a shortest path. An object that is held itself is its
 * own nearest holder, with a path of one step.
 *
 * The value of an entry of a weak map is kept by the map while the key lives.
 *
 * Ownership: nothing; the objects are borrowed.
 * Runs host code: `traverse` of the objects of the paths.
 * Fails: RC_ERR_INVALID for what is not an object, null `out_why`, null rows with room, or a bad
 *   size; RC_ERR_STALE, RC_ERR_IN_USE, RC_ERR_REFUSED inside a `traverse`, RC_ERR_NO_MEMORY;
 *   fatal for what is not a session.
 */
RCGC_API rc_status gc_why_alive(gc_query *RCGC_NONNULL query, const void *obj,
                                gc_why *RCGC_NONNULL out_why, gc_path *out_paths, size_t path_room,
                                gc_path_step *out_steps, size_t step_room);

/* Says why no collection has ended an object: as `gc_why_alive`, but what the collector leaves
 * alone (frozen objects, and untracked ones that may refer to others) counts as living by
 * itself. The steps are those of one path, from the object that stands in the way.
 *
 * `GC_WHY_GARBAGE` says that the next full collection ends it.
 *
 * Ownership: nothing; the objects are borrowed.
 * Runs host code: `traverse` of the objects of the path.
 * Fails: as `gc_why_alive`.
 */
RCGC_API rc_status gc_why_not_collected(gc_query *RCGC_NONNULL query, const void *obj,
                                        gc_why *RCGC_NONNULL out_why, gc_path_step *out_steps,
                                        size_t step_room);

/* Writes a sentence that says what keeps an object: "Node 0x7f0000000010 is kept alive by 1
 * reference from outside, path Cache.entries[3] -> Node.next". The middle of a long path is left
 * out.
 *
 * `out_text` gets as much of it as `room` bytes hold, with a NUL; `out_length` is the length of
 * all of it.
 *
 * Runs host code: `traverse` of the objects of the path.
 * Fails: RC_ERR_INVALID for what is not an object, null `out_length`, or null `out_text` with
 *   room; RC_ERR_STALE, RC_ERR_IN_USE, RC_ERR_REFUSED inside a `traverse`, RC_ERR_NO_MEMORY;
 *   fatal for what is not a session.
 */
RCGC_API rc_status gc_why_text(gc_query *RCGC_NONNULL query, const void *obj, char *out_text,
                               size_t room, size_t *RCGC_NONNULL out_length);

/* Sizes of several objects together. Start from `GC_SIZE_INIT`. */
typedef struct gc_size {
  /* `sizeof(gc_size)` as the host was compiled. */
  size_t struct_size;
  /* Objects. */
  uint64_t objects;
  /* Their bytes in the heap, and those that they keep elsewhere. */
  uint64_t bytes;
} gc_size;

/* An initialiser: all defaults. */
#define GC_SIZE_INIT { sizeof(gc_size), 0, 0 }

/* The retained size of an object or a set of objects: all that would go if they went, themselves
 * included.
 *
 * Objects that nothing from outside leads to are garbage and retained by nobody: they count 0.
 * Of one object it is what it dominates; the dominators of all objects are found once a session.
 * An entry of a weak map counts as the map's.
 *
 * Fails: RC_ERR_INVALID for what is not an object of the heap, a null argument, or a bad size;
 *   RC_ERR_STALE, RC_ERR_IN_USE, RC_ERR_NO_MEMORY; fatal for what is not a session.
 */
RCGC_API rc_status gc_retained_size(gc_query *RCGC_NONNULL query, void *const *objects,
                                    size_t count, gc_size *RCGC_NONNULL out_size);

/* The immediate dominator of an object: the nearest other object that must go for this one to
 * go. Null when there is none: it is held from outside, several objects share it that nothing
 * else has in common, or it is garbage.
 *
 * Ownership: nothing; the object is borrowed.
 * Fails: RC_ERR_INVALID for what is not an object of the heap or a null output; RC_ERR_STALE,
 *   RC_ERR_IN_USE, RC_ERR_NO_MEMORY; fatal for what is not a session.
 */
RCGC_API rc_status gc_dominator(gc_query *RCGC_NONNULL query, const void *obj,
                                void **RCGC_NONNULL out_dominator);

RCGC_END_DECLS

#endif /* RCGC_QUERY_H */
