/* rcgc/foreign.h: objects with a header and a count of their own, in rings with each other and
 * with objects of a heap: a GObject, a COM object, a value of another interpreter.
 *
 * The host says what such an object refers to and how many references there are to it; full
 * collections find the rings that it is in, and break them. The memory stays its owner's, whose
 * destructor runs as ever.
 *
 * Edges: an object of the heap reports a reference to a foreign object in its `traverse`, by its
 * address, and releases it in `clear` as its owner says. A declared field must not hold one. A
 * foreign object reports what it refers to, objects of the heap and tracked foreign ones, in
 * `traverse`; what is neither it leaves out.
 *
 * When: foreign objects are judged by full collections that run in one piece. Young ones, those
 * in slices (rcgc/slices.h) and looks near a death take what they refer to as held. With
 * `GC_DEBUG_SAVEALL` they are not judged.
 *
 * The end of a ring is that of objects (src/life/lifetime.md): `hold` for each foreign member;
 * finalizers, with all intact; weak handles; then `unlink` for each, beside the `clear` of
 * objects; then `release`, after which its owner ends it. What somebody still holds then lives
 * on, unlinked and tracked.
 *
 * Weak pointers of the owner's work as ever: one that is turned into a reference in the middle
 * keeps its object. A toggle reference is a reference; a host whose wrapper lives as long as the
 * object leaves the edge out while the wrapper is the only one to know the object.
 *
 * Generated from src/capi/foreign.rs: do not edit, run `make headers`. */
#ifndef RCGC_FOREIGN_H
#define RCGC_FOREIGN_H

#include <stdbool.h>

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>
#include <rcgc/type.h>

RCGC_BEGIN_DECLS

/* How many references there are to the object. It only looks. */
typedef size_t (*gc_foreign_count_fn)(void *obj, void *ctx);

/* Calls `visit` once for each reference that the object owns, to an object of the heap or to a
 * foreign object that may be tracked, and returns 0, or at once what `visit` returned when that
 * was not 0. It only visits. */
typedef int (*gc_foreign_traverse_fn)(void *obj, rc_visit_fn visit, void *visit_ctx, void *ctx);

/* Does something to the object. It returns, as the callbacks of types do. */
typedef void (*gc_foreign_fn)(void *obj, void *ctx);

/* A kind of foreign objects. Start from `GC_FOREIGN_SPEC_INIT`. It is not copied: it stays as it
 * is while an object is tracked with it, and is best constant. */
typedef struct gc_foreign_spec {
  /* `sizeof(gc_foreign_spec)` as the host was compiled. */
  size_t struct_size;
  /* How many references there are to an object, all of them, those that `traverse` of others
   * reports included. */
  gc_foreign_count_fn count;
  /* Reports what an object refers to. */
  gc_foreign_traverse_fn traverse;
  /* Releases and nulls the same references. The object goes on living. */
  gc_foreign_fn unlink;
  /* Adds a reference to an object, so that it does not end before `release`. */
  gc_foreign_fn hold;
  /* Releases the reference that `hold` added; if it was the last, the owner ends the object. */
  gc_foreign_fn release;
  /* The host's; given to all of them. */
  void *ctx;
} gc_foreign_spec;

/* An initialiser: all defaults. */
#define GC_FOREIGN_SPEC_INIT { sizeof(gc_foreign_spec), RCGC_NULL, RCGC_NULL, RCGC_NULL, \
  RCGC_NULL, RCGC_NULL, RCGC_NULL }

/* From now on full collections of the heap (null: the default heap) look for rings that the
 * foreign object is in. Twice does nothing more. Each costs a small object of the heap, of the
 * type "foreign object", which stands for it.
 *
 * Nobody else may touch a tracked object during a collection. An object is tracked in one heap.
 *
 * Ownership: nothing; the object stays its owner's, who calls `gc_untrack_foreign` before it
 *   ends.
 * May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
 * Runs host code: what a collection runs.
 * Fails: RC_ERR_INVALID for a null object, one that lies in a heap, and a spec of which a
 *   callback is missing; RC_ERR_UNSUPPORTED in a heap with GC_FINALIZERS_QUEUED; RC_ERR_REFUSED
 *   where host code may only look (rcgc/heap.h); RC_ERR_NO_MEMORY.
 */
RCGC_API rc_status gc_track_foreign(gc_heap *heap, void *RCGC_NONNULL obj,
                                    const gc_foreign_spec *RCGC_NONNULL spec);

/* The heap (null: the default heap) forgets a foreign object. What its owner's destructor calls
 * first, before anything of the object goes.
 *
 * Fails: RC_ERR_INVALID for one that is not tracked; RC_ERR_REFUSED where host code may only
 *   look (rcgc/heap.h).
 */
RCGC_API rc_status gc_untrack_foreign(gc_heap *heap, void *RCGC_NONNULL obj);

/* Whether a foreign object is tracked in a heap (null: the default heap).
 *
 * Fails: false where the default heap was meant and cannot be made.
 */
RCGC_API bool gc_is_tracked_foreign(gc_heap *heap, const void *obj);

/* How many foreign objects a heap (null: the default heap) tracks.
 *
 * Fails: 0 where the default heap was meant and cannot be made.
 */
RCGC_API size_t gc_foreign_count(gc_heap *heap);

RCGC_END_DECLS

#endif /* RCGC_FOREIGN_H */
