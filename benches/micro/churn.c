/* churn.c: a long-running program with a million live nodes (W7), automatic collection as delivered.
 *
 * 500,000 immortal nodes form a random graph. 250,000 slots each hold a ring of 2 whose second references
 * point into that graph. 5 million steps: a random slot drops its ring, which is then garbage, and gets a
 * new one. One step's time is from one reading of the clock to the next. At the end a full collection clears
 * up and a second one examines what is left: live nodes in an order that 5 million steps have scrambled
 * (aged, ns a live node).
 */
#include "node.h"

enum { IMMORTAL = 500 * 1000, SLOTS = 250 * 1000, STEPS = 5 * 1000 * 1000 };
enum { PARTS = 16, BUCKETS = 64 * PARTS };

static Node **immortal, **slots;
static uint64_t buckets[BUCKETS];

/* 16 buckets to a power of two; below 16 ns one for each. */
static size_t bucket_of(uint64_t ns) {
  if (ns < PARTS) return (size_t)ns;
  unsigned exponent = 63u - (unsigned)__builtin_clzll(ns);
  return (size_t)(exponent - 3) * PARTS + (size_t)((ns >> (exponent - 4)) & (PARTS - 1));
}

static uint64_t bucket_start_ns(size_t bucket) {
  if (bucket < PARTS) return bucket;
  unsigned exponent = (unsigned)(bucket / PARTS) + 3;
  return ((uint64_t)(PARTS + bucket % PARTS)) << (exponent - 4);
}

static double percentile_ns(double part) {
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
    seen += buckets[bucket];
    if ((double)seen >= part * STEPS) return (double)bucket_start_ns(bucket);
  }
  return 0;
}

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
  uint64_t longest_ns = 0;
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
    uint64_t step_ns = now_ns - last_ns;
    last_ns = now_ns;
    if (step_ns > longest_ns) longest_ns = step_ns;
    buckets[bucket_of(step_ns)]++;
  }
  gc_stats stats = heap_stats(bench_heap);
  bench_report("step", (double)(last_ns - start_ns) / STEPS, "ns");
  bench_report("longest", (double)longest_ns, "ns");
  bench_report("p99", percentile_ns(0.99), "ns");
  bench_report("p999", percentile_ns(0.999), "ns");
  bench_report("p9999", percentile_ns(0.9999), "ns");
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
