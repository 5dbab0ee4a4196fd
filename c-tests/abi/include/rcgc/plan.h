/* rcgc/plan.h: what is profiled and written without a call in the right place: when a heap ends,
 * when the process exits, when memory runs out, when a signal comes. A null heap means the
 * default heap.
 *
 * A plan is a text of items between commas:
 *
 * `sites` counts every object by its site.
 *
 * `stacks`, `stacks=BYTES` samples call stacks, one in so many bytes (512K).
 *
 * `series`, `series=MS` samples numbers over time, by a thread, every so many milliseconds (10).
 *
 * `dump=PATH` writes a dump when the heap ends, and when the process exits while it lives.
 *
 * `report`, `report=PATH` writes a text then, to standard error or a file; counts sites.
 *
 * `oom` writes both also when memory runs out, for which 4 MiB are put aside.
 *
 * `limit=BYTES` writes a dump also when so many bytes live.
 *
 * `heap=PATTERN`: only heaps with such names are meant; `*` is any text, `?` any byte.
 *
 * BYTES may end in K, M or G. In a PATH `%p` is the process, `%h` the heap's number in it, `%n`
 * how often the heap has written, `%%` a percent sign. A forked child writes only to paths with
 * `%p`.
 *
 * The variable `RCGC_PROFILE` of the environment holds a plan that every heap carries out when
 * it is made. So a program is profiled without a change of its source:
 * `RCGC_PROFILE=report,series,dump=/tmp/%p-%h.rcgc ./program`.
 *
 * Generated from src/capi/plan.rs: do not edit, run `make headers`. */
#ifndef RCGC_PLAN_H
#define RCGC_PLAN_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* Carries out a plan for a heap; one that it has already is replaced, as far as it is about
 * writing.
 *
 * At exit a heap must be at rest: no other thread may be in it.
 *
 * Ownership: nothing; the plan is copied.
 * Threads: the heap's. `series` starts one, as `gc_series_start`.
 * May collect: no.
 * Runs host code: no; later, when a dump is written, `traverse` of callback types.
 * Fails: RC_ERR_INVALID for an item that is unknown or has a bad value, and for `oom` or `limit`
 *   without a dump: nothing was started; RC_ERR_REFUSED when something of it could not be
 *   started: no memory, on already, or a collection is running.
 */
RCGC_API rc_status gc_profile_plan(gc_heap *heap, const char *plan);

/* Writes a dump of the heap when a signal comes, to a path with the patterns of a plan. Signal
 * 0: no more.
 *
 * The handler only sets a flag. The dump is written by the heap's thread, at its next allocation
 * that goes the long way (every few KiB), tick or collection; not while it does none of these.
 * One signal serves all heaps of a process; what it did before is put back when no heap listens
 * any more.
 *
 * Ownership: nothing; the path is copied.
 * Threads: the heap's.
 * May collect: no.
 * Runs host code: no; later, when the dump is written, `traverse` of callback types.
 * Fails: RC_ERR_IN_USE when the signal has a handler, and when another signal is listened to;
 *   RC_ERR_INVALID for a null path and for a signal that cannot be handled; RC_ERR_NO_MEMORY.
 */
RCGC_API rc_status gc_dump_on_signal(gc_heap *heap, int signal, const char *path);

RCGC_END_DECLS

#endif /* RCGC_PLAN_H */
