/* rings.c: a million nodes in rings that nothing else refers to, made and then collected by one explicit
 * collection; automatic collection off.
 *
 *     rings 2, rings 10   as separate rings of that many nodes (W4)
 *     rings random        one ring, the second reference of each node to a random member (W5)
 *
 * The first round is in the fresh process (make, collect); three more follow in memory that was used before.
 */
#include "node.h"

enum { COUNT = 1000 * 1000, WARM_ROUNDS = 3 };

BENCH_NOINLINE static void make_rings(size_t length) {
  for (size_t made = 0; made < COUNT; made += length) {
    Node *first = node_new();
    Node *last = first;
    for (size_t i = 1; i < length; i++) {
      Node *node = node_new();
      last->left = node;
      last = node;
    }
    last->left = first; /* the ring takes the one reference of each node */
  }
}

BENCH_NOINLINE static void make_random_ring(Node **nodes) {
  for (size_t i = 0; i < COUNT; i++) nodes[i] = node_new();
  for (size_t i = 0; i < COUNT; i++) {
    nodes[i]->left = rc_newref(nodes[(i + 1) % COUNT]);
    nodes[i]->right = rc_newref(nodes[bench_random_below(COUNT)]);
  }
  for (size_t i = 0; i < COUNT; i++) rc_decref(nodes[i]);
}

int main(int argc, char **argv) {
  const char *workload = argc > 1 ? argv[1] : "";
  bool random = strcmp(workload, "random") == 0;
  size_t length = (size_t)strtoul(workload, NULL, 10);
  uint64_t make_ns[WARM_ROUNDS + 1], collect_ns[WARM_ROUNDS + 1];
  if (!random && (length == 0 || COUNT % length != 0)) bench_fail("usage: rings 2|10|random");
  bench_pin();
  bench_open();
  gc_disable(bench_heap);
  Node **nodes = random ? bench_table(COUNT, sizeof *nodes) : NULL;
  for (size_t round = 0; round <= WARM_ROUNDS; round++) {
    uint64_t start_ns = bench_now_ns();
    if (random)
      make_random_ring(nodes);
    else
      make_rings(length);
    uint64_t made_ns = bench_now_ns();
    collect_exactly(bench_heap, COUNT);
    collect_ns[round] = bench_now_ns() - made_ns;
    make_ns[round] = made_ns - start_ns;
  }
  if (heap_stats(bench_heap).live_objects != 0) bench_fail("nodes are left");
  bench_report("make", (double)make_ns[0] / COUNT, "ns");
  bench_report("collect", (double)collect_ns[0] / COUNT, "ns");
  bench_report("make_warm", bench_median(make_ns + 1, WARM_ROUNDS) / COUNT, "ns");
  bench_report("collect_warm", bench_median(collect_ns + 1, WARM_ROUNDS) / COUNT, "ns");
  return 0;
}
