/* rcgc/count.h: the count operations as exported functions, with the semantics of
 * `rcgc/inline.h`, for hosts that cannot include C and for programs built with `RCGC_NO_INLINE`.
 * They check what the inline ones cannot: null and foreign pointers.
 *
 * Generated from src/capi/count.rs: do not edit, run `make headers`. */
#ifndef RCGC_COUNT_H
#define RCGC_COUNT_H

#include <stdbool.h>

#include <rcgc/config.h>

#ifndef RCGC_NO_INLINE
#include <rcgc/inline.h>
#else

RCGC_BEGIN_DECLS

/* Adds a reference.
 *
 * A count that would overflow makes the object immortal; it never wraps. Counting an immortal
 * object stores nothing.
 *
 * Ownership: the caller owns one reference more.
 * Threads: the heap's; any thread for immortal objects.
 * Fails: fatal for a dead object, as long as its memory was not handed out again; here also for
 *   null and foreign pointers, and those into an object.
 */
RCGC_API void rc_incref(void *RCGC_NONNULL obj);

/* Releases a reference. With the last one the object, and all that only it kept alive, dies
 * before this returns, without recursion, whatever the depth. Sixteen callbacks deep it dies
 * when the innermost of them has returned (`rc_object_fn` in rcgc/type.h).
 *
 * Ownership: takes one reference.
 * Threads: the heap's; any thread for immortal objects.
 * Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
 * Fails: fatal for a dead object, as long as its memory was not handed out again, and for one
 *   reference too many on a dying one; here also for null and foreign pointers, and those into
 *   an object.
 */
RCGC_API void rc_decref(void *RCGC_NONNULL obj);

/* As `rc_incref`; null does nothing.
 *
 * Ownership: the caller owns one reference more.
 * Fails: as `rc_incref`.
 */
RCGC_API void rc_xincref(void *obj);

/* As `rc_decref`; null does nothing.
 *
 * Ownership: takes one reference.
 * Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
 * Fails: as `rc_decref`.
 */
RCGC_API void rc_xdecref(void *obj);

/* Adds a reference and returns the object.
 *
 * Ownership: the caller owns the returned reference.
 * Fails: as `rc_incref`.
 */
RCGC_API void *rc_newref(void *RCGC_NONNULL obj);

/* Stores a reference (or null) in the slot and releases what was there, last. `slot` is the
 * address of a pointer to any object type.
 *
 * Ownership: the slot takes `obj`; what was there is released.
 * Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
 * Fails: as `rc_decref`.
 */
RCGC_API void rc_setref(void *RCGC_NONNULL slot, void *obj);

/* Nulls the slot and releases what was there, last.
 *
 * Ownership: what was there is released.
 * Runs host code: finalizer, weak callbacks, `clear` and `destroy` of what dies.
 * Fails: as `rc_decref`.
 */
RCGC_API void rc_clear(void *RCGC_NONNULL slot);

/* The number of references; `UINT32_MAX` for an immortal object.
 *
 * Fails: fatal for what is not a live object.
 */
RCGC_API uint32_t rc_count(void *RCGC_NONNULL obj);

/* Whether the caller's reference is the only one.
 *
 * Fails: fatal for what is not a live object.
 */
RCGC_API bool rc_is_unique(void *RCGC_NONNULL obj);

/* Whether the object never dies by count.
 *
 * Fails: fatal for what is not a live object.
 */
RCGC_API bool rc_is_immortal(void *RCGC_NONNULL obj);

RCGC_END_DECLS

#endif /* RCGC_NO_INLINE */

#endif /* RCGC_COUNT_H */
