/* rcgc_big.c: a hundred million live nodes of W6, 3.2 GB of objects, all in a root table.
 *
 *     rcgc_big [COUNT]      another number of nodes (MILLIONS of them take 40 bytes each, table included)
 *
 *     make        ns a node to make it and its two random edges
 *     collect     ns a node of the first full collection; goal: at most 100
 *     again       ns a node of the second
 *     adds        how much more is resident at the worst moment of the first, in percent of the nodes; goal:
 *                 at most 20
 *     keeps       and after it
 *     node        resident bytes a node, without the table
 *
 * Huge pages where the library asks for them and the system grants them.
 */
#include "../micro/live.h"

static double collect_each_ns(size_t count) {
  uint64_t start_ns = bench_now_ns();
  collect_exactly(bench_heap, 0);
  return (double)(bench_now_ns() - start_ns) / (double)count;
}

int main(int argc, char **argv) {
  size_t count = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 100u * 1000 * 1000;
  if (count == 0) bench_fail("usage: rcgc_big [COUNT]");
  bench_pin();
  bench_open();
  gc_disable(bench_heap);
  Node **table = bench_table(count, sizeof *table);
  double empty = bench_resident_bytes();
  uint64_t start_ns = bench_now_ns();
  make_nodes(node_type, table, count);
  make_random_edges(table, count);
  bench_report_each("make", start_ns, (double)count);
  double full = bench_resident_bytes();
  bench_report("node", (full - empty) / (double)count, "bytes");
  bench_reset_peak();
  bench_report("collect", collect_each_ns(count), "ns");
  double peak = bench_peak_bytes(), after = bench_resident_bytes();
  bench_report("adds", 100 * (peak - full) / (full - empty), "%");
  bench_report("keeps", 100 * (after - full) / (full - empty), "%");
  bench_report("again", collect_each_ns(count), "ns");
  uint64_t live = heap_stats(bench_heap).live_objects;
  if (live != count) bench_fail("%" PRIu64 " nodes live, not %zu", live, count);
  return 0;
}
