/* live.c: full collections of a live random graph (W6), automatic collection off.
 *
 *     live COUNT all|hundredth declared|callbacks
 *
 *     all         every node is held by the table: collect, collect again, change the count of every node
 *                 up and down, collect again. Nothing is garbage. ns per node
 *     hundredth   only every hundredth node is held. About a fifth of the rest is reached by nothing: most
 *                 of it dies by count at once (`died`, in percent), the rest, rings, in the first
 *                 collection (`ended`, in percent). That one is counted per node it examines; the second
 *                 one (again) finds nothing.
 */
#include "live.h"

static double collect_each(size_t count, size_t *out_ended) {
  uint64_t start_ns = bench_now_ns();
  *out_ended = gc_collect(bench_heap);
  return (double)(bench_now_ns() - start_ns) / (double)count;
}

int main(int argc, char **argv) {
  if (argc != 4) bench_fail("usage: live COUNT all|hundredth declared|callbacks");
  size_t count = (size_t)strtoul(argv[1], NULL, 10), ended;
  bool all = strcmp(argv[2], "all") == 0, callbacks = strcmp(argv[3], "callbacks") == 0;
  bench_pin();
  bench_open();
  gc_disable(bench_heap);
  rc_type *type = callbacks ? node_type_new(bench_heap, true) : node_type;
  Node **table = bench_table(count, sizeof *table);
  make_nodes(type, table, count);
  make_random_edges(table, count);
  if (all) {
    bench_report("collect", collect_each(count, &ended), "ns");
    if (ended != 0) bench_fail("%zu live nodes were ended", ended);
    bench_report("again", collect_each(count, &ended), "ns");
    if (ended != 0) bench_fail("%zu live nodes were ended", ended);
    for (size_t i = 0; i < count; i++) {
      rc_incref(table[i]);
      BENCH_BARRIER();
      rc_decref(table[i]);
    }
    bench_report("touched", collect_each(count, &ended), "ns");
    if (ended != 0) bench_fail("%zu live nodes were ended", ended);
  } else {
    hold_one_in_a_hundred(table, count);
    uint64_t before = heap_stats(bench_heap).live_objects;
    bench_report("collect", collect_each((size_t)before, &ended), "ns");
    uint64_t live = heap_stats(bench_heap).live_objects;
    if (before - live != ended) bench_fail("%zu nodes were ended, not %" PRIu64, ended, before - live);
    if (live < count / 2) bench_fail("only %" PRIu64 " of %zu nodes live", live, count);
    bench_report("died", 100.0 * (double)(count - before) / (double)count, "%");
    bench_report("ended", 100.0 * (double)(before - live) / (double)count, "%");
    bench_report("again", collect_each((size_t)live, &ended), "ns");
    if (ended != 0) bench_fail("%zu live nodes were ended", ended);
  }
  return 0;
}
