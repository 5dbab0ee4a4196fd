/* memory.c: what objects and heaps take, as the kernel counts it.
 *
 *     memory nodes                   resident bytes a node with 4 million live nodes of W6, without their
 *                                    table (W9)
 *     memory collect all|hundredth   how much more is resident, in percent of those nodes, at the worst
 *                                    moment of the first full collection (adds), and after it (keeps)
 *     memory idle                    private dirty bytes of one heap with one type, and with a first node
 *     memory hundred                 the same of a hundred heaps with three types and 300 nodes each
 */
#include "node.h"

enum { COUNT = 4 * 1000 * 1000, HEAPS = 100, TYPES = 3, NODES_A_TYPE = 100 };

#ifdef BENCH_RCGC

#include "live.h"

static void collect(bool all) {
  Node **table = bench_table(COUNT, sizeof *table);
  gc_disable(bench_heap);
  double empty = bench_resident_bytes();
  make_nodes(node_type, table, COUNT);
  make_random_edges(table, COUNT);
  if (!all) hold_one_in_a_hundred(table, COUNT);
  double full = bench_resident_bytes();
  bench_reset_peak();
  (void)gc_collect(bench_heap);
  double peak = bench_peak_bytes(), after = bench_resident_bytes();
  bench_report("adds", 100 * (peak - full) / (full - empty), "%");
  bench_report("keeps", 100 * (after - full) / (full - empty), "%");
}

static void idle(void) {
  double before = bench_private_dirty_bytes();
  gc_heap *heap = heap_new();
  rc_type *type = node_type_new(heap, false);
  double idle = bench_private_dirty_bytes();
  (void)node_new_of(type);
  double used = bench_private_dirty_bytes();
  bench_report("idle", idle - before, "bytes");
  bench_report("first_node", used - before, "bytes");
}

static void hundred(void) {
  double before = bench_private_dirty_bytes();
  for (size_t i = 0; i < HEAPS; i++) {
    gc_heap *heap = heap_new();
    for (size_t j = 0; j < TYPES; j++) {
      rc_type *type = node_type_new(heap, false);
      for (size_t k = 0; k < NODES_A_TYPE; k++) (void)node_new_of(type);
    }
  }
  bench_report("hundred", bench_private_dirty_bytes() - before, "bytes");
}

#endif

static void nodes(void) {
  Node **table = bench_table(COUNT, sizeof *table);
#ifdef BENCH_RCGC
  gc_disable(bench_heap);
#endif
  node_release(node_new());
  double empty = bench_resident_bytes();
  for (size_t i = 0; i < COUNT; i++) table[i] = node_new();
  for (size_t i = 0; i < COUNT; i++) {
    Node *left = table[bench_random_below(COUNT)], *right = table[bench_random_below(COUNT)];
#ifdef BENCH_RCGC
    rc_incref(left), rc_incref(right);
#endif
    table[i]->left = left;
    table[i]->right = right;
  }
  bench_report("node", (bench_resident_bytes() - empty) / COUNT, "bytes");
}

int main(int argc, char **argv) {
  const char *workload = argc > 1 ? argv[1] : "";
  bench_pin();
  if (strcmp(workload, "nodes") == 0) {
    bench_open();
    nodes();
#ifdef BENCH_RCGC
  } else if (strcmp(workload, "collect") == 0) {
    bench_open();
    collect(argc < 3 || strcmp(argv[2], "hundredth") != 0);
  } else if (strcmp(workload, "idle") == 0) {
    idle();
  } else if (strcmp(workload, "hundred") == 0) {
    hundred();
#endif
  } else {
    bench_fail("usage: memory nodes|collect all|collect hundredth|idle|hundred");
  }
  return 0;
}
