/* slices.c: W7 with automatic collection in slices of a millisecond, over a million and over ten million live nodes.
 *
 * The program is that of churn.c, in two sizes. Wall clock is what a step took from one reading of the clock to the next;
 * `cpu` is the longest call in time of this thread, which other programs of the machine do not lengthen. `slices 1000` or
 * `slices 10000`: thousands of live nodes; a second argument is the budget in nanoseconds, 0 for one piece.
 */
#include "../peers/rcgc_churn.h"
#include "histogram.h"

static Histogram histogram;

static uint64_t thread_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv) {
  size_t thousands = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1000;
  uint64_t budget_ns = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000, longest_cpu_ns = 0;
  size_t steps = 5 * 1000 * thousands;
  bench_pin();
  bench_open();
  Churn churn = churn_new(500 * thousands, 250 * thousands);
  gc_policy policy = GC_POLICY_INIT;
  policy.pause_budget_ns = budget_ns;
  if (gc_set_policy(bench_heap, &policy) != RC_OK) bench_fail("%s", gc_error_message(bench_heap));
  gc_stats before = heap_stats(bench_heap);
  uint64_t start_ns = bench_now_ns(), last_ns = start_ns, start_cpu_ns = thread_ns(), last_cpu_ns = start_cpu_ns;
  for (size_t step = 0; step < steps; step++) {
    churn_step(&churn);
    uint64_t now_ns = bench_now_ns();
    histogram_add(&histogram, now_ns - last_ns);
    /* The clock of the thread is a call of the system's: asked behind what was long, and often enough before it. */
    if (now_ns - last_ns > 50000 || step % 64 == 0) {
      uint64_t cpu_ns = thread_ns();
      if (now_ns - last_ns > 50000 && cpu_ns - last_cpu_ns > longest_cpu_ns) longest_cpu_ns = cpu_ns - last_cpu_ns;
      last_cpu_ns = cpu_ns;
    }
    last_ns = now_ns;
  }
  gc_stats stats = heap_stats(bench_heap);
  bench_report("step", (double)(last_ns - start_ns) / (double)steps, "ns");
  bench_report("step_cpu", (double)(thread_ns() - start_cpu_ns) / (double)steps, "ns");
  histogram_report(&histogram);
  bench_report("cpu", (double)longest_cpu_ns, "ns");
  bench_report("peak", bench_peak_bytes(), "bytes");
  bench_report("full_runs", (double)(stats.full.runs - before.full.runs), "runs");
  bench_report("slices", (double)stats.slices, "slices");
  bench_report("longer", (double)(stats.slices_longer + stats.slices_whole), "slices");
  (void)gc_collect(bench_heap);
  size_t live = (size_t)heap_stats(bench_heap).live_objects;
  if (live != churn_live(&churn)) bench_fail("%zu nodes live, not %zu", live, churn_live(&churn));
  return 0;
}
