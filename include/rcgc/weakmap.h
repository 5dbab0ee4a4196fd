/* rcgc/weakmap.h: maps from an object to a value that keep the value alive only while the key is
 * alive by other ways (ephemerons).
 *
 * Generated from src/capi/weakmap.rs: do not edit, run `make headers`. */
#ifndef RCGC_WEAKMAP_H
#define RCGC_WEAKMAP_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* A weak map: an object of its heap like any other, which is counted, tracked, and released with
 * `rc_decref`. It is used where its heap may be. */
typedef struct rc_weakmap rc_weakmap;

/* Makes an empty weak map (null heap: the default heap).
 *
 * A weak map is an object like any other: counted with `rc_incref` and `rc_decref`, tracked,
 * weakly referable, a reference that a slot may own. An entry keeps its value alive as long as
 * map and key are alive; it does not keep its key alive, not even when the value refers to the
 * key or to the map (Hayes, "Ephemerons", OOPSLA 1997). Entries whose key dies leave the map at
 * the moment when weak handles read null; their values are released afterwards.
 *
 * So it is with keys that are not tracked, too, as far as the library can see what they refer
 * to: those of a type without references (a string, a symbol), and those of an acyclic type
 * whose references are all declared. Any other key that is not tracked, because of `gc_untrack`,
 * `RC_TYPE_TRACK_MANUAL` or an undeclared reference, counts as alive until its count ends, and
 * so does what is referred to by any object that is not tracked and no key.
 *
 * Ownership: the caller owns the one reference.
 * May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
 * Runs host code: what a collection runs.
 * Fails: null for out of memory.
 */
RCGC_API RCGC_MUST_USE rc_weakmap *rc_weakmap_new(gc_heap *heap);

/* Maps a key to a value; a value that was there is released, last.
 *
 * Ownership: the map adds its own reference to the value.
 * Runs host code: what the death of an old value runs.
 * Fails: RC_ERR_INVALID for a null value, a dying map and a key of another heap,
 *   RC_ERR_NO_MEMORY, RC_ERR_UNSUPPORTED for a key that is a static constant, RC_ERR_REFUSED for
 *   a key that is dying and where host code may only look (rcgc/heap.h); then nothing changed.
 *   Fatal for what is not an object or not a weak map.
 */
RCGC_API rc_status rc_weakmap_set(rc_weakmap *RCGC_NONNULL map, void *RCGC_NONNULL key,
                                  void *value);

/* The value of a key, or null.
 *
 * Ownership: the caller owns the returned reference.
 * Fails: null when there is none; fatal for what is not an object or not a weak map.
 */
RCGC_API RCGC_MUST_USE void *rc_weakmap_get(rc_weakmap *RCGC_NONNULL map, void *RCGC_NONNULL key);

/* Takes a key's entry out and releases its value, last. `rc_weakmap_take` also says whether
 * there was one.
 *
 * Ownership: releases the map's reference to the value.
 * Runs host code: what the death of the value runs.
 * Fails: `RC_OK` also when there was none; RC_ERR_REFUSED where host code may only look
 *   (rcgc/heap.h); fatal for what is not an object or not a weak map.
 */
RCGC_API rc_status rc_weakmap_remove(rc_weakmap *RCGC_NONNULL map, void *RCGC_NONNULL key);

/* Takes a key's entry out and gives its value, or null when there was none.
 *
 * Ownership: the caller owns the returned reference, which was the map's.
 * Fails: null when there is none, and where host code may only look (rcgc/heap.h); fatal for
 *   what is not an object or not a weak map.
 */
RCGC_API RCGC_MUST_USE void *rc_weakmap_take(rc_weakmap *RCGC_NONNULL map, void *RCGC_NONNULL key);

/* How many entries the map has.
 *
 * Fails: fatal for what is not a weak map.
 */
RCGC_API size_t rc_weakmap_length(rc_weakmap *RCGC_NONNULL map);

RCGC_END_DECLS

#endif /* RCGC_WEAKMAP_H */
