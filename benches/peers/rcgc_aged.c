/* rcgc_aged.c: a full collection of the heap that W7 leaves behind, against the same graph built in order.
 *
 *     aged        ns a live node: a million nodes in the order in which 5 million steps have scrambled them
 *     in_order    ns a live node of the same graph, edge for edge, built in a heap of its own: first the
 *                 graph in the order of its table, then the rings in the order of their slots
 *     ratio       of the two; goal: at most 1.6
 *
 * Medians of 9 collections each, in turns. Both heaps are there all the time, with automatic collection off
 * once the steps are done. Fails if one of the collections ends a node, or the heaps differ in live nodes.
 */
#include "rcgc_churn.h"

enum { HELD = 500 * 1000, SLOTS = 250 * 1000, STEPS = 5 * 1000 * 1000, ROUNDS = 9 };

static Node *same(const Churn *copy, const Node *node) {
  return rc_newref(copy->held[node->value]);
}

/* The graph of `churn` once more, in the order of its tables; new nodes are made in `bench_heap`. */
static Churn built_in_order(const Churn *churn) {
  Churn copy = *churn;
  copy.held = bench_table(copy.held_count, sizeof *copy.held);
  copy.slots = bench_table(copy.slot_count, sizeof *copy.slots);
  for (size_t i = 0; i < copy.held_count; i++) {
    copy.held[i] = node_new();
    copy.held[i]->value = i;
    rc_immortalize(copy.held[i]);
  }
  for (size_t i = 0; i < copy.held_count; i++) {
    copy.held[i]->left = same(&copy, churn->held[i]->left);
    copy.held[i]->right = same(&copy, churn->held[i]->right);
  }
  for (size_t i = 0; i < copy.slot_count; i++) {
    const Node *first = churn->slots[i];
    copy.slots[i] = ring_of_two(same(&copy, first->right), same(&copy, first->left->right));
  }
  return copy;
}

static void live_must_be(gc_heap *heap, size_t expected) {
  uint64_t live = heap_stats(heap).live_objects;
  if (live != expected) bench_fail("%" PRIu64 " nodes live, not %zu", live, expected);
}

static uint64_t collect_ns(gc_heap *heap) {
  uint64_t start_ns = bench_now_ns();
  collect_exactly(heap, 0);
  return bench_now_ns() - start_ns;
}

int main(void) {
  static uint64_t aged[ROUNDS], in_order[ROUNDS];
  bench_pin();
  bench_open();
  gc_heap *aged_heap = bench_heap;
  Churn churn = churn_new(HELD, SLOTS);
  for (size_t step = 0; step < STEPS; step++) churn_step(&churn);
  gc_disable(aged_heap);
  (void)gc_collect(aged_heap);
  live_must_be(aged_heap, churn_live(&churn));
  bench_open();
  gc_heap *ordered_heap = bench_heap;
  gc_disable(ordered_heap);
  Churn copy = built_in_order(&churn);
  collect_exactly(ordered_heap, 0);
  live_must_be(ordered_heap, churn_live(&copy));
  for (size_t round = 0; round < ROUNDS; round++) {
    aged[round] = collect_ns(aged_heap);
    in_order[round] = collect_ns(ordered_heap);
  }
  double nodes = (double)churn_live(&churn);
  double aged_ns = bench_median(aged, ROUNDS), in_order_ns = bench_median(in_order, ROUNDS);
  bench_report("aged", aged_ns / nodes, "ns");
  bench_report("in_order", in_order_ns / nodes, "ns");
  bench_report("ratio", aged_ns / in_order_ns, "x");
  return 0;
}
