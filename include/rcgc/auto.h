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
 *
 * Where an RC_SCOPE ends and others that were entered after it are open, threads or coroutines took
 * turns on one stack of scopes. That is said in the log, and the scope is left together with them.
 * Such flows of control need a stack each, made current whenever one has its turn:
 *
 *     rc_scope_stack *mine;                                 // of this thread, this coroutine
 *     if (rc_scope_stack_new(heap, &mine) != RC_OK) ...
 *
 *     take(&the_lock);                                      // or: is resumed
 *     rc_scope_stack_switch(heap, mine);
 *     {
 *       RC_SCOPE(heap);
 *       ...                                                 // others may have their turns in here
 *     }
 *     rc_scope_stack_switch(heap, NULL);                    // the heap's own
 *     (void)rc_scope_stack_free(mine);
 *
 * By hand, with a result that the scope around takes over:
 *
 *     rc_scope_mark mark = rc_scope_enter(heap);
 *     Node *sum = rc_scope_keep(heap, add(left, right));    // others that are kept die below
 *     if (rc_scope_leave_with(heap, mark, sum) != RC_OK) ...
 *     return sum;                                           // borrowed from the scope around
 */
#ifndef RCGC_AUTO_H
#define RCGC_AUTO_H

#include <rcgc/config.h>
#include <rcgc/count.h>
#include <rcgc/inline.h>
#include <rcgc/scope.h>
#include <rcgc/steps.h>

#if defined(__GNUC__) && !defined(__TINYC__)

typedef struct rcgc_scope_guard {
  gc_heap *heap;
  rc_scope_mark mark;
} rcgc_scope_guard;

RCGC_INLINE void rcgc_scope_guard_end(rcgc_scope_guard *guard_) {
#ifndef RCGC_NO_INLINE
  if (rcgc_scope_left(guard_->heap, guard_->mark)) return;
#endif
  rc_scope_end_block(guard_->heap, guard_->mark);
}

RCGC_INLINE void rcgc_auto_end(void *variable_) {
  void *obj_;
  __builtin_memcpy(&obj_, variable_, sizeof obj_);
  rc_xdecref(obj_);
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
