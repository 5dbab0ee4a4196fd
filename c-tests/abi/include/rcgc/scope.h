/* rcgc/scope.h: scopes, which hold references for a stretch of the program and release them at
 * its end, last in first out. What a context manager is in Python. `RC_SCOPE` and `RC_AUTO` of
 * rcgc/auto.h do it by themselves.
 *
 * Generated from src/capi/scope.rs: do not edit, run `make headers`. */
#ifndef RCGC_SCOPE_H
#define RCGC_SCOPE_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* Where a scope began: what `rc_scope_leave` goes back to. A value to be kept and handed back,
 * no more. */
typedef uint64_t rc_scope_mark;

/* What `rc_scope_enter` gives when there is no memory for a scope. */
#define RC_SCOPE_NONE 0

/* Opens a scope in a heap (null: the default heap). Scopes nest.
 *
 * Ownership: nothing.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: RC_SCOPE_NONE for out of memory; what is kept then belongs to the scope around.
 */
RCGC_API RCGC_MUST_USE rc_scope_mark rc_scope_enter(gc_heap *heap);

/* As `rc_scope_enter`, with a name that messages and the profiler show.
 *
 * Ownership: nothing; the name must be static or live as long as the scope.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no.
 * Fails: RC_SCOPE_NONE for out of memory.
 */
RCGC_API RCGC_MUST_USE rc_scope_mark rc_scope_enter_named(gc_heap *heap, const char *name);

/* Closes a scope: releases what it keeps, last in first out. RC_SCOPE_NONE is `RC_OK`.
 *
 * Ownership: releases what the scope keeps.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: what the death of an object runs.
 * Fails: RC_ERR_INVALID for a mark that is not the innermost open scope's of this heap (left
 *   twice, out of order, of another heap); then nothing was released.
 */
RCGC_API rc_status rc_scope_leave(gc_heap *heap, rc_scope_mark mark);

/* Gives a reference to the innermost open scope, and returns the object. Null stays null.
 *
 * Ownership: the scope takes the reference; the returned pointer is borrowed until the scope is
 *   left.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no, but for out of memory: then what the death of the object runs.
 * Fails: null for out of memory; and when no scope is open in the heap; then the reference was
 *   released.
 */
RCGC_API void *rc_scope_keep(gc_heap *heap, void *obj);

RCGC_END_DECLS

#endif /* RCGC_SCOPE_H */
