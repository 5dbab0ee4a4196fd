/* rcgc/auto.h: scopes and references that end with their block. Hand-written; for compilers
 * with the cleanup attribute (GCC, Clang), in C and C++. Elsewhere neither macro is
 * defined: call rc_scope_enter and rc_scope_leave.
 *
 *     int work(gc_heap *heap, rc_type *type) {
 *       RC_SCOPE(heap);                                     // left on every way out of this block
 *       Node *a = rc_scope_keep(heap, rc_new(type));
 *       if (a == NULL) return -1;
 *       RC_AUTO Node *b = rc_new(type);                     // released when b goes out of its block
 *       ...
 *       return 0;
 *     }
 *
 * RC_SCOPE(heap) is a declaration: a guard for the rest of the enclosing block, left by return,
 * break, continue and goto. RC_AUTO stands before the declaration of one pointer variable, which
 * must be initialised; what it points to then is released.
 */
#ifndef RCGC_AUTO_H
#define RCGC_AUTO_H

#include <rcgc/count.h>
#include <rcgc/inline.h>
#include <rcgc/scope.h>

#if defined(__GNUC__) && !defined(__TINYC__)

typedef struct rcgc_scope_guard {
  gc_heap *heap;
  rc_scope_mark mark;
} rcgc_scope_guard;

static inline void rcgc_scope_guard_end(rcgc_scope_guard *guard) {
  (void)rc_scope_leave(guard->heap, guard->mark);
}

static inline void rcgc_auto_end(void *variable) {
  void *obj;
  memcpy(&obj, variable, sizeof obj);
  rc_xdecref(obj);
}

#define RCGC_JOIN_(left, right) left##right
#define RCGC_JOIN(left, right) RCGC_JOIN_(left, right)

#define RC_SCOPE(heap)                                                                             \
  rcgc_scope_guard RCGC_JOIN(rcgc_scope_guard_, __LINE__)                                          \
      __attribute__((__cleanup__(rcgc_scope_guard_end), __unused__)) = {(heap), rc_scope_enter(heap)}

#define RC_SCOPE_NAMED(heap, name)                                                                 \
  rcgc_scope_guard RCGC_JOIN(rcgc_scope_guard_, __LINE__) __attribute__((                          \
      __cleanup__(rcgc_scope_guard_end), __unused__)) = {(heap), rc_scope_enter_named(heap, name)}

#define RC_AUTO __attribute__((__cleanup__(rcgc_auto_end)))

#endif

#endif /* RCGC_AUTO_H */
