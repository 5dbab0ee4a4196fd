/* memory.c: what objects and heaps take, as the kernel counts it.
 *
 *     memory nodes                   resident bytes a node with 4 million live nodes of W6, without their
 *                                    table (W9)
 *     memory collect all|hundredth   how much more is resident, in percent of those nodes, at the worst
 *                                    moment of the first full collection (adds), and after it (keeps)
 *     memory idle                    private dirty bytes of one heap with one type, and with a first node
 *     memory hundred                 the same of a hundred heaps with three types and 300 nodes each
 *     memory sparse                  resident bytes of 1 GiB of nodes of which one in each 64 KiB stays, after idle time
 *     memory burst                   what is resident beyond what lives, in percent of it, when 500 MB have come and gone and
 *                                    gc_idle had slices of 4 ms, two seconds of them at most; and how long that took
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

enum { GIB_NODES = 1 << 25, NODES_A_PAGE = 2048 };

static void sparse(void) {
  Node **table = bench_table(GIB_NODES, sizeof *table);
  gc_disable(bench_heap);
  double empty = bench_resident_bytes();
  for (size_t i = 0; i < GIB_NODES; i++) table[i] = node_new();
  for (size_t i = 0; i < GIB_NODES; i++)
    if (i % NODES_A_PAGE != 0) rc_decref(table[i]);
  while (!gc_idle(bench_heap, UINT64_MAX, NULL, NULL)) continue;
  bench_report("sparse", bench_resident_bytes() - empty, "bytes");
}

static void burst(void) {
  enum { LIVE = 2 * 1000 * 1000, BURST = 500 * 1000 * 1000 / 32 };
  Node **table = bench_table(LIVE, sizeof *table), **more = bench_table(BURST, sizeof *more);
  for (size_t i = 0; i < LIVE; i++) table[i] = node_new();
  (void)gc_collect(bench_heap);
  double live = bench_resident_bytes(), bytes = (double)LIVE * 32;
  for (size_t i = 0; i < BURST; i++) more[i] = node_new();
  for (size_t i = 0; i < BURST; i++) rc_decref(more[i]);
  uint64_t spent = 0, longest = 0;
  bool done = false;
  while (!done && spent < 2000000000u) {
    uint64_t start = bench_now_ns();
    done = gc_idle(bench_heap, start + 4000000, NULL, NULL);
    uint64_t slice = bench_now_ns() - start;
    spent += slice;
    if (slice > longest) longest = slice;
  }
  bench_report("burst", 100 * (bench_resident_bytes() - live) / bytes, "%");
  bench_report("spent", (double)spent, "ns");
  bench_report("slice", (double)longest, "ns");
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
  } else if (strcmp(workload, "sparse") == 0) {
    bench_open();
    sparse();
  } else if (strcmp(workload, "burst") == 0) {
    bench_open();
    burst();
#endif
  } else {
    bench_fail("usage: memory nodes|collect all|collect hundredth|idle|hundred|sparse|burst");
  }
  return 0;
}
