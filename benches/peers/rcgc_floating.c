/* rcgc_floating.c: garbage that floats until the collector finds it, against its bound (rcgc_bound.h).
 *
 *     rcgc_floating W1|W7|W10
 *
 *     floating      the most that live and external bytes came to, as a part of (1 + growth) x what was
 *                   reachable at the last full collection + 32 MiB; goal: at most 1
 *     live_peak     the most that they came to, in bytes
 *     reachable     where `floating` was met: what was reachable at the last full collection,
 *     live_there    and what lived
 *     young_runs, full_runs, looks   how many collections there were, and how often the books were read
 *
 * The workloads are those of the peers, word for word. The books are read every 256 allocations (8 KiB of
 * nodes), at the start of each collection, and after each step or tree; so what the workload prints of its
 * own time says nothing here. The god object has the same metric in rcgc_god.c.
 */
#include "../micro/bench.h"

#include <rcgc.h>

/* Every node of the workloads is made through this. */
static void *watched_new(rc_type *type);
#define rc_new(type) watched_new(type)

#define PEER_IS_MODULE
#define PEER_STEP() bound_look(&bound)
#include "rcgc_bound.h"

static Bound bound;

#include "rcgc.c"

static void *watched_new(rc_type *type) {
  static unsigned count;
  if (bound.heap == NULL) bound_watch(&bound, bench_heap);
  if (++count % 256 == 0) bound_look(&bound);
  return (rc_new)(type);
}

int main(int argc, char **argv) {
  const char *name = argc == 2 ? argv[1] : "";
  if (strcmp(name, "W1") != 0 && strcmp(name, "W7") != 0 && strcmp(name, "W10") != 0)
    bench_fail("usage: rcgc_floating W1|W7|W10");
  bench_pin();
  int status = run_workload(name);
  if (bound.looks < 1000) bench_fail("the books were read %" PRIu64 " times only", bound.looks);
  bench_report("floating", bound.worst, "x");
  bench_report("live_peak", bound.peak, "bytes");
  bench_report("reachable", bound.reachable_at_worst, "bytes");
  bench_report("live_there", bound.peak_at_worst, "bytes");
  bench_report("young_runs", (double)bound.young_runs, "runs");
  bench_report("full_runs", (double)bound.full_runs, "runs");
  bench_report("looks", (double)bound.looks, "looks");
  return status;
}
