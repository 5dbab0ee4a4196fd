/* churn.c: a long-running program with a million live nodes (W7), automatic collection as delivered.
 *
 * 500,000 immortal nodes form a random graph. 250,000 slots each hold a ring of 2 whose second references
 * point into that graph. 5 million steps: a random slot drops its ring, which is then garbage, and gets a
 * new one. One step's time is from one reading of the clock to the next. At the end a full collection clears
 * up and a second one examines what is left: live nodes in an order that 5 million steps have scrambled
 * (aged, ns a live node).
 */
#include "histogram.h"
#include "node.h"

enum { IMMORTAL = 500 * 1000, SLOTS = 250 * 1000, STEPS = 5 * 1000 * 1000 };

static Node **immortal, **slots;
static Histogram histogram;

static void *random_immortal(void) {
  return rc_newref(immortal[bench_random_below(IMMORTAL)]);
}

/* The slot owns one reference to the first node of the ring. */
static Node *ring_new(void) {
  Node *first = node_new();
  Node *second = node_new();
  first->left = second;
  second->left = rc_newref(first);
  first->right = random_immortal();
  second->right = random_immortal();
  return first;
}

int main(void) {
  bench_pin();
  bench_open();
  immortal = bench_table(IMMORTAL, sizeof *immortal);
  slots = bench_table(SLOTS, sizeof *slots);
  for (size_t i = 0; i < IMMORTAL; i++) immortal[i] = node_new();
  for (size_t i = 0; i < IMMORTAL; i++) {
    rc_immortalize(immortal[i]);
    immortal[i]->left = random_immortal();
    immortal[i]->right = random_immortal();
  }
  for (size_t i = 0; i < SLOTS; i++) slots[i] = ring_new();
  gc_stats before = heap_stats(bench_heap);
  uint64_t start_ns = bench_now_ns(), last_ns = start_ns;
  for (size_t step = 0; step < STEPS; step++) {
    Node **slot = &slots[bench_random_below(SLOTS)];
    rc_setref(slot, ring_new());
    uint64_t now_ns = bench_now_ns();
    histogram_add(&histogram, now_ns - last_ns);
    last_ns = now_ns;
  }
  gc_stats stats = heap_stats(bench_heap);
  bench_report("step", (double)(last_ns - start_ns) / STEPS, "ns");
  histogram_report(&histogram);
  bench_report("peak", bench_peak_bytes(), "bytes");
  bench_report("young_runs", (double)(stats.young.runs - before.young.runs), "runs");
  bench_report("full_runs", (double)(stats.full.runs - before.full.runs), "runs");
  (void)gc_collect(bench_heap);
  size_t live = (size_t)heap_stats(bench_heap).live_objects;
  if (live != IMMORTAL + 2 * SLOTS) bench_fail("%zu nodes live, not %d", live, IMMORTAL + 2 * SLOTS);
  start_ns = bench_now_ns();
  collect_exactly(bench_heap, 0);
  bench_report_each("aged", start_ns, (double)live);
  return 0;
}
