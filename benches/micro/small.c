/* small.c: collections of little, which must not pay for what they do not look at. Medians of 101.
 *
 *     small young   2,000 young nodes in a heap of 4 million live old ones: all of them live (young_live),
 *                   then all of them dead in rings of 2 (young_dead); then a full collection of a heap of
 *                   10,000 beside that heap (full_beside)
 *     small full    a full collection of a heap of 10,000 live nodes, alone in the process (full)
 */
#include "live.h"

enum { OLD = 4 * 1000 * 1000, YOUNG = 2000, SMALL = 10 * 1000, ROUNDS = 101 };

static double young_live_ns(Node **old) {
  static uint64_t samples[ROUNDS];
  static Node *young[YOUNG];
  for (size_t round = 0; round < ROUNDS; round++) {
    make_nodes(node_type, young, YOUNG);
    for (size_t i = 0; i < YOUNG; i++) {
      young[i]->left = rc_newref(young[bench_random_below(YOUNG)]);
      young[i]->right = rc_newref(old[bench_random_below(OLD)]);
    }
    uint64_t start_ns = bench_now_ns();
    size_t ended = gc_collect_young(bench_heap);
    samples[round] = bench_now_ns() - start_ns;
    if (ended != 0) bench_fail("%zu live nodes were ended", ended);
    for (size_t i = 0; i < YOUNG; i++) rc_clear(&young[i]->left);
    for (size_t i = 0; i < YOUNG; i++) rc_decref(young[i]);
  }
  return bench_median(samples, ROUNDS);
}

static double young_dead_ns(void) {
  static uint64_t samples[ROUNDS];
  for (size_t round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < YOUNG; i += 2) {
      Node *first = node_new(), *second = node_new();
      first->left = second;
      second->left = first;
    }
    uint64_t start_ns = bench_now_ns();
    size_t ended = gc_collect_young(bench_heap);
    samples[round] = bench_now_ns() - start_ns;
    if (ended != YOUNG) bench_fail("%zu nodes were ended, not %d", ended, YOUNG);
  }
  return bench_median(samples, ROUNDS);
}

static double full_ns(void) {
  static uint64_t samples[ROUNDS];
  gc_heap *heap = heap_new();
  rc_type *type = node_type_new(heap, false);
  Node **table = bench_table(SMALL, sizeof *table);
  gc_disable(heap);
  make_nodes(type, table, SMALL);
  make_random_edges(table, SMALL);
  for (size_t round = 0; round < ROUNDS; round++) {
    uint64_t start_ns = bench_now_ns();
    collect_exactly(heap, 0);
    samples[round] = bench_now_ns() - start_ns;
  }
  return bench_median(samples, ROUNDS);
}

int main(int argc, char **argv) {
  const char *workload = argc > 1 ? argv[1] : "";
  bench_pin();
  if (strcmp(workload, "full") == 0) {
    bench_report("full", full_ns(), "ns");
  } else if (strcmp(workload, "young") == 0) {
    bench_open();
    gc_disable(bench_heap);
    Node **old = bench_table(OLD, sizeof *old);
    make_nodes(node_type, old, OLD);
    make_random_edges(old, OLD);
    collect_exactly(bench_heap, 0);
    bench_report("young_live", young_live_ns(old), "ns");
    bench_report("young_dead", young_dead_ns(), "ns");
    bench_report("full_beside", full_ns(), "ns");
  } else {
    bench_fail("usage: small young|full");
  }
  return 0;
}
