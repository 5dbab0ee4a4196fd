/* rcgc/object.h: making objects and asking about them. The counts are in `rcgc/inline.h`.
 *
 * Generated from src/capi/object.rs: do not edit, run `make headers`. */
#ifndef RCGC_OBJECT_H
#define RCGC_OBJECT_H

#include <stdbool.h>

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>
#include <rcgc/type.h>

RCGC_BEGIN_DECLS

/* Makes an object: zeroed, 16-byte aligned, count 1.
 *
 * Every tracked object must be walkable at this call (see "what a host owes" in rcgc.h), and a
 * borrowed pointer survives it only if something held from outside holds its object.
 *
 * Ownership: the caller owns the one reference.
 * May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
 * Runs host code: what a collection runs.
 * Fails: null for out of memory; fatal for a pointer that is not a live type, and inside
 *   `traverse`.
 */
RCGC_API RCGC_MUST_USE void *rc_new(rc_type *RCGC_NONNULL type);

/* As `rc_new`, with `n` trailing elements of the type's `tail_size` bytes each, zeroed too (but
 * for `RC_TYPE_UNINIT`).
 *
 * Ownership: the caller owns the one reference.
 * May collect: yes, under the policy `GC_POLICY_ALLOCATION`.
 * Runs host code: what a collection runs.
 * Fails: null for out of memory, and for a length whose bytes no heap can hold; fatal for a type
 *   without a trailing array (unless `n` is 0), for a pointer that is not a live type, and
 *   inside `traverse`.
 */
RCGC_API RCGC_MUST_USE void *rc_new_array(rc_type *RCGC_NONNULL type, size_t n);

/* The number of trailing elements that `rc_new_array` was given; 0 for other objects.
 *
 * Fails: fatal for what is not a live object, and for one of a type with `RC_TYPE_HOST_LENGTH`.
 */
RCGC_API size_t rc_length(void *RCGC_NONNULL obj);

/* Gives the object in a slot another number of trailing elements. `slot` is the address of a
 * pointer to any object type, as for `rc_setref`, and holds the one reference there is to the
 * object.
 *
 * As long as its block has room (`rc_room`) the object stays where it is, also where it shrinks.
 * Else it moves to a larger block, and the slot has its new address: weak handles, weak maps
 * whose key it is, external bytes, tracking and what a profile knows of it follow, and no
 * callback runs for the old place; it is young again, not frozen any more, and counts as one
 * object made and one ended. No other pointer to it, borrowed, interior or unreported, may be
 * used any more.
 *
 * Elements that are new are zero (but for `RC_TYPE_UNINIT`); they are counted from where a
 * declared field of the trailing array begins, else from the end of the struct, the spec's
 * `size`. References in declared slots of elements that go are released. With
 * `RC_TYPE_HOST_LENGTH` the engine knows no elements: within the block nothing changes, and a
 * move takes all of it along.
 *
 * Ownership: the slot goes on holding the one reference; releases what is shrunk off.
 * May collect: yes, where the object moves, under the policy `GC_POLICY_ALLOCATION`.
 * Runs host code: what a collection runs, and the death of what is shrunk off.
 * Fails: RC_ERR_NO_MEMORY, also for a length that no heap can hold; RC_ERR_IN_USE when there are
 *   other references to the object, it is immortal, or a callback that ran took a reference or
 *   changed the slot; RC_ERR_INVALID when its type has no trailing array, RC_ERR_UNSUPPORTED for
 *   a static constant; RC_ERR_REFUSED when it is dying, and where host code may only look
 *   (rcgc/heap.h): then the object is as it was. Fatal for a null slot and for one that does not
 *   hold a live object.
 */
RCGC_API RCGC_MUST_USE rc_status rc_resize(void *RCGC_NONNULL slot, size_t n);

/* How many bytes the object's struct and its trailing elements can have before `rc_resize` moves
 * it: at least `rc_size_of`. With `RC_TYPE_HOST_LENGTH` the host may use all of them, and need
 * not ask.
 *
 * Fails: fatal for what is not a live object.
 */
RCGC_API size_t rc_room(void *RCGC_NONNULL obj);

/* The object's type; null for a static constant (rcgc/static.h).
 *
 * Ownership: borrowed.
 * Fails: fatal for what is not a live object.
 */
RCGC_API rc_type *rc_type_of(void *RCGC_NONNULL obj);

/* The object's heap; null for a static constant.
 *
 * Ownership: borrowed.
 * Fails: fatal for what is not a live object.
 */
RCGC_API gc_heap *rc_heap_of(void *RCGC_NONNULL obj);

/* The live object that an address lies in, its header's bytes included; null where there is
 * none. For any address, in constant time: a runtime that was given a pointer into an object, or
 * that looks through words which may be pointers. `gc_object_info` has more of it.
 *
 * Ownership: borrowed.
 * Fails: null for an address outside all heaps, one in free memory, and one in an object that is
 *   dying (`rc_is_dying`).
 */
RCGC_API void *rc_object_of(const void *address);

/* Whether the object's end has come so far that its weak handles read null: from then on, in
 * weak callbacks, `clear` and `destroy`, its own and those of all that ends with it. Before
 * that, in finalizers, it is not dying; and not after a weak callback has brought it back. What
 * a runtime asks before it keeps, queues or hands out an object that it was not given as its
 * own: in `clear` and `destroy` nothing may keep a dying object, which is fatal.
 *
 * Fails: fatal for what is not an object, live or dying.
 */
RCGC_API bool rc_is_dying(void *RCGC_NONNULL obj);

/* A static constant: made, and told to the library, by `RC_STATIC` (rcgc/static.h). For hosts in
 * other languages: the 8 bytes before the object are its header, the count word 2^31 and zeros
 * above it. */
typedef struct rc_static {
  /* `sizeof(rc_static)` as the host was compiled. */
  size_t struct_size;
  /* The constant, aligned to 16 bytes. */
  void *object;
  /* Its bytes. */
  size_t size;
  /* The name of its type, for messages. */
  const char *type_name;
  /* Its own name. */
  const char *name;
  /* The library's. */
  void *next;
} rc_static;

/* An initialiser: all defaults. */
#define RC_STATIC_INIT { sizeof(rc_static), RCGC_NULL, 0, RCGC_NULL, RCGC_NULL, RCGC_NULL }

/* Tells the library of a static constant; `RC_STATIC` does, before main begins. Twice does
 * nothing more.
 *
 * Ownership: the constant and what describes it must be static, and stay until
 *   `rc_static_remove`.
 * Threads: any.
 * Fails: fatal for one that is not aligned to 16 bytes, and for one without its header before
 *   it.
 */
RCGC_API void rc_static_add(rc_static *RCGC_NONNULL constant);

/* The library forgets a static constant, whose shared object is unloaded. One that it does not
 * know is nothing.
 *
 * Ownership: nothing may hold the constant any more.
 * Threads: any, and no other is in a heap whose objects held it.
 * Fails: never.
 */
RCGC_API void rc_static_remove(rc_static *RCGC_NONNULL constant);

/* The bytes the host asked for: the struct and its trailing elements, without header and
 * rounding. With `RC_TYPE_HOST_LENGTH` those that there are, `rc_room`.
 *
 * Fails: fatal for what is not a live object.
 */
RCGC_API size_t rc_size_of(void *RCGC_NONNULL obj);

/* Makes the object immortal: it never dies by count nor by collection, is a root of its heap,
 * and counting it costs neither a call nor a store. For `nil`, `true`, interned strings. There
 * is no way back but `gc_heap_free`.
 *
 * Ownership: the caller's reference stays valid for ever and need not be released.
 * Fails: fatal for what is not a live object, for one that is dying, and where host code may
 *   only look (rcgc/heap.h).
 */
RCGC_API void rc_immortalize(void *RCGC_NONNULL obj);

/* Counts `bytes` more (or fewer) that the object keeps elsewhere: an image, a buffer, a file
 * mapping. They count for the triggers of automatic collection and in reports, and count no more
 * when the object dies.
 *
 * May collect: no; a trigger that this crosses takes effect at the next `rc_new`.
 * Fails: RC_ERR_INVALID when an object's total would fall below 0 or leave 63 bits,
 *   RC_ERR_NO_MEMORY, RC_ERR_UNSUPPORTED for a static constant; fatal for what is not a live
 *   object.
 */
RCGC_API rc_status rc_add_external_bytes(void *RCGC_NONNULL obj, ptrdiff_t bytes);

RCGC_END_DECLS

#endif /* RCGC_OBJECT_H */
