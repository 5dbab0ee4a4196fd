/* rcgc/weak.h: weak handles, which refer to an object without keeping it alive.
 *
 * Generated from src/capi/weak.rs: do not edit, run `make headers`. */
#ifndef RCGC_WEAK_H
#define RCGC_WEAK_H

#include <rcgc/config.h>

RCGC_BEGIN_DECLS

/* A weak handle: leads to an object as long as that lives, and to null afterwards. `rc_weak_new`
 * makes one, and whoever made it ends it with `rc_weak_free`, also after the heap; one in a slot
 * of `RC_FIELD_WEAK` the engine ends with its holder. It is used where the heap of its object
 * may be. */
typedef struct rc_weak rc_weak;

/* Called once when the handle's target has died, after every handle of everything that dies with
 * it reads null and before anything of that is released. `handle` is the one, which it may free. */
typedef void (*rc_weak_fn)(rc_weak *handle, void *ctx);

/* Makes a handle to an object. `callback` may be null.
 *
 * All handles of one object share a cell, so making, clearing and freeing one costs the same
 * however many there are. On an object whose handles read null at that moment (see
 * `rc_weak_get`) the new one reads null too, for good, and its callback does not run.
 *
 * Ownership: the caller owns the handle, not the object; `rc_weak_free` ends it, or the death of
 *   the object whose `RC_FIELD_WEAK` holds it.
 * Fails: null for out of memory, and for a static constant, which no handle can outlive; fatal
 *   for what is not an object.
 */
RCGC_API RCGC_MUST_USE rc_weak *rc_weak_new(void *RCGC_NONNULL obj, rc_weak_fn callback, void *ctx);

/* The handle's target, or null when that has died. Works on when the heap is gone, and gives
 * null.
 *
 * | the target                                                   | the handle gives |
 * |--------------------------------------------------------------|------------------|
 * | lives, in a ring that nobody refers to as well; is immortal  | it               |
 * | has lost its last reference and waits for its turn to end    | null             |
 * | waits in the queue of a heap with GC_FINALIZERS_QUEUED       | it               |
 * | is in its finalizer, or one that was found dead with it is   | it               |
 * | was brought back by a finalizer                              | it               |
 * | is past that: weak callbacks, `clear`, `destroy`             | null             |
 * | was brought back by a weak callback, saved by SAVEALL        | null [1]         |
 * | has ended, or its heap has                                   | null             |
 *
 * It turns null for all handles of all that ends together at one moment. What was given before
 * that is an owned reference: kept, it brings the target back. [1]: for good; a handle that is
 * made then works.
 *
 * Ownership: the caller owns the returned reference.
 * Fails: fatal for a handle that is null.
 */
RCGC_API RCGC_MUST_USE void *rc_weak_get(rc_weak *RCGC_NONNULL handle);

/* Ends a handle; a callback that has not run by then does not run. Null does nothing.
 *
 * Ownership: takes the handle.
 * Fails: fatal for a handle that was freed before, as long as its memory was not handed out
 *   again.
 */
RCGC_API void rc_weak_free(rc_weak *handle);

/* How many handles of the object were made and not freed, other than those that read null for
 * good.
 *
 * Fails: fatal for what is not an object.
 */
RCGC_API uint32_t rc_weak_count(void *RCGC_NONNULL obj);

RCGC_END_DECLS

#endif /* RCGC_WEAK_H */
