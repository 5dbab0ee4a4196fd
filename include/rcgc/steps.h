/* rcgc/steps.h: entering a scope, keeping a reference in it and leaving it, as inline code. Hand-written; the same names
 * are exported by the library (rcgc/scope.h), and `RCGC_NO_INLINE` makes a program use only those. All that is not the
 * common case goes out of line: a null heap, a named scope, no room, a mark that is not the innermost scope's, and
 * everything while somebody watches scopes (a profile, a series).
 *
 * A heap begins with
 *
 *     | signature | stack | the last mark | pins ...
 *
 * `stack` is what the engine shows of the heap's current stack of scopes. It may be one on which nothing fits and no mark is
 * found, which is how the engine sends everything out of line. Two growing arrays are at its beginning, with what is
 * behind their top, behind their last place, and their memory: the references that scopes keep, and the open
 * scopes. Below the first scope lies one that is never left inline.
 *
 * A heap must be live: the exported functions find out, these do not.
 */
#ifndef RCGC_STEPS_H
#define RCGC_STEPS_H

#include <rcgc/config.h>
#include <rcgc/inline.h>
#include <rcgc/scope.h>

#ifndef RCGC_NO_INLINE

RCGC_BEGIN_DECLS

/* The slow half of leaving a scope inline; not for hosts. */
RCGC_API void rc_scope_leave_rest(gc_heap *heap, rc_scope_mark mark);

/* One open scope. `state` is 0 unless it is being left or otherwise special. */
typedef struct rcgc_open {
  uint64_t mark;
  size_t start; /* references kept before it */
  const char *name;
  uint64_t state;
} rcgc_open;

typedef struct rcgc_stack {
  void **kept, **kept_end, **kept_base;
  rcgc_open *open, *open_end, *open_block;
} rcgc_stack;

typedef struct rcgc_heap_head {
  uint64_t signature;
  rcgc_stack *stack;
  uint64_t last_mark;
  uint32_t pins; /* calls that go on in the heap after host code: it cannot end */
} rcgc_heap_head;

#define RCGC_MARK_STEP 0x10000u /* the low bits of a mark are its heap's number */
#define RCGC_SCOPE_BUSY 1u

RCGC_INLINE rcgc_heap_head *rcgc_head_of(gc_heap *heap_) {
  void *head_ = heap_;
  return RCGC_CAST(rcgc_heap_head *, head_);
}

/* See rc_scope_enter in rcgc/scope.h. */
RCGC_INLINE RCGC_MUST_USE rc_scope_mark rcgc_scope_enter(gc_heap *heap_) {
  if (RCGC_UNLIKELY(!heap_)) return rc_scope_enter(heap_);
  rcgc_heap_head *head_ = rcgc_head_of(heap_);
  rcgc_stack *stack_ = head_->stack;
  rcgc_open *open_ = stack_->open;
  if (RCGC_UNLIKELY(open_ == stack_->open_end)) return rc_scope_enter(heap_);
  uint64_t mark_ = head_->last_mark + RCGC_MARK_STEP;
  head_->last_mark = mark_;
  open_->mark = mark_;
  open_->start = RCGC_CAST(size_t, stack_->kept - stack_->kept_base);
  open_->name = RCGC_NULL;
  open_->state = 0;
  stack_->open = open_ + 1;
  return mark_;
}

/* See rc_scope_keep in rcgc/scope.h. */
RCGC_INLINE void *rcgc_scope_keep(gc_heap *heap_, void *obj_) {
  if (RCGC_UNLIKELY(!heap_ || !obj_)) return rc_scope_keep(heap_, obj_);
  rcgc_stack *stack_ = rcgc_head_of(heap_)->stack;
  void **kept_ = stack_->kept;
  if (RCGC_UNLIKELY(kept_ == stack_->kept_end || stack_->open[-1].state != 0)) return rc_scope_keep(heap_, obj_);
  *kept_ = obj_;
  stack_->kept = kept_ + 1;
  return obj_;
}

/* Whether the scope was left. */
RCGC_INLINE bool rcgc_scope_left(gc_heap *heap_, rc_scope_mark mark_) {
  if (RCGC_UNLIKELY(!heap_)) return false;
  rcgc_heap_head *head_ = rcgc_head_of(heap_);
  rcgc_stack *stack_ = head_->stack;
  rcgc_open *open_ = stack_->open - 1;
  if (RCGC_UNLIKELY(open_->mark != mark_ || open_->state != 0)) return false;
  if (stack_->kept != stack_->kept_base + open_->start) {
    /* Deaths run host code: the scope is left by nobody else meanwhile, the heap is there when they are over, and both
     * arrays may have moved. */
    open_->state = RCGC_SCOPE_BUSY;
    head_->pins++;
    do {
      stack_->kept--;
      rc_decref(*stack_->kept);
      open_ = stack_->open - 1;
    } while (stack_->kept > stack_->kept_base + open_->start);
    if (RCGC_UNLIKELY(open_->mark != mark_ || open_->state != RCGC_SCOPE_BUSY)) {
      rc_scope_leave_rest(heap_, mark_);
      head_->pins--;
      return true;
    }
    head_->pins--;
  }
  stack_->open = open_;
  return true;
}

/* See rc_scope_leave in rcgc/scope.h. */
RCGC_INLINE rc_status rcgc_scope_leave(gc_heap *heap_, rc_scope_mark mark_) {
  return rcgc_scope_left(heap_, mark_) ? RCGC_CAST(rc_status, RC_OK) : rc_scope_leave(heap_, mark_);
}

RCGC_END_DECLS

/* Calls by name are inline from here on; the functions are there for whoever wants their addresses. */
#define rc_scope_enter(heap) rcgc_scope_enter(heap)
#define rc_scope_keep(heap, ...) rcgc_scope_keep(heap, __VA_ARGS__)
#define rc_scope_leave(heap, mark) rcgc_scope_leave(heap, mark)

#endif /* RCGC_NO_INLINE */

#endif /* RCGC_STEPS_H */
