/* rcgc_bound.h: the bound on floating garbage, looked at from outside:
 *
 *     live bytes <= (1 + growth) * reachable + 32 MiB
 *
 * where `reachable` is what was alive when the last full collection had ended all that was dead. The heap's
 * callbacks tell of collections: at the start of each live bytes are compared, at the stop of a full one
 * `reachable` is taken. A program looks in between as often as it can afford.
 */
#ifndef RCGC_PEERS_RCGC_BOUND_H
#define RCGC_PEERS_RCGC_BOUND_H

#include "../micro/node.h"

typedef struct Bound {
  gc_heap *heap;
  double growth;
  double reachable; /* live and external bytes after the last full collection */
  double worst;     /* the most that live bytes came to, as a part of the bound */
  double peak;      /* the most that they came to, in bytes */
  double reachable_at_worst, peak_at_worst;
  uint64_t looks, full_runs, young_runs;
} Bound;

static const double BOUND_SLACK = 32.0 * 1024 * 1024;

BENCH_UNUSED static void bound_look(Bound *bound) {
  gc_stats stats = heap_stats(bound->heap);
  double live = (double)(stats.live_bytes + stats.external_bytes);
  double part = live / ((1 + bound->growth) * bound->reachable + BOUND_SLACK);
  bound->looks++;
  if (live > bound->peak) bound->peak = live;
  if (part > bound->worst) {
    bound->worst = part;
    bound->reachable_at_worst = bound->reachable;
    bound->peak_at_worst = live;
  }
}

BENCH_UNUSED static void bound_event(gc_heap *heap, const gc_event *event, void *ctx) {
  Bound *bound = ctx;
  if (event->kind == GC_EVENT_START) {
    bound_look(bound);
  } else if (event->generation == GC_GENERATION_YOUNG) {
    bound->young_runs++;
  } else {
    gc_stats stats = heap_stats(heap);
    bound->full_runs++;
    bound->reachable = (double)(stats.live_bytes + stats.external_bytes);
  }
}

BENCH_UNUSED static void bound_watch(Bound *bound, gc_heap *heap) {
  gc_policy policy = GC_POLICY_INIT;
  if (gc_get_policy(heap, &policy) != RC_OK) bench_fail("gc_get_policy: %s", gc_error_message(heap));
  memset(bound, 0, sizeof *bound);
  bound->heap = heap;
  bound->growth = policy.growth;
  if (gc_add_callback(heap, bound_event, bound) != RC_OK)
    bench_fail("gc_add_callback: %s", gc_error_message(heap));
}

#endif /* RCGC_PEERS_RCGC_BOUND_H */
