/* rcgc_growth.c: how cost grows with the number of live objects. One size a run, for a plot of several:
 *
 *     rcgc_growth COUNT    10000 to 100000000
 *
 *     full, full_each    ns of a full collection of COUNT live nodes of W6, and a node of it; medians
 *     young, young_dead  ns of a young collection of 2,000 young nodes in that heap: live ones, each with
 *                        one reference to another and one to a random old node; and dead ones in rings of 2.
 *                        Medians
 *     step               ns a step of W7 in a heap of COUNT live nodes, half of them immortal, the other
 *                        half in slots; as many steps as make about the garbage of two full collections.
 *                        Automatic collection as delivered, and all of it included
 *     collecting         the part of that spent in collections, in percent
 *     longest            ns of the longest collection among the steps
 *     young_runs, full_runs   how many collections there were
 */
#include "../micro/live.h"
#include "rcgc_churn.h"

enum { YOUNG = 2000, ROUNDS = 101, COUNT_MIN = 10 * 1000, COUNT_MAX = 100 * 1000 * 1000 };

static uint64_t samples[ROUNDS];

static double full_ns(size_t count) {
  size_t rounds = count <= 1000 * 1000 ? ROUNDS : count <= 10 * 1000 * 1000 ? 9 : 3;
  for (size_t round = 0; round < rounds; round++) {
    uint64_t start_ns = bench_now_ns();
    collect_exactly(bench_heap, 0);
    samples[round] = bench_now_ns() - start_ns;
  }
  return bench_median(samples, rounds);
}

static void young_must_end(size_t expected, size_t round) {
  uint64_t start_ns = bench_now_ns();
  size_t ended = gc_collect_young(bench_heap);
  samples[round] = bench_now_ns() - start_ns;
  if (ended != expected) bench_fail("a young collection ended %zu nodes, not %zu", ended, expected);
}

static double young_ns(Node **old, size_t count) {
  static Node *young[YOUNG];
  for (size_t round = 0; round < ROUNDS; round++) {
    make_nodes(node_type, young, YOUNG);
    for (size_t i = 0; i < YOUNG; i++) {
      young[i]->left = rc_newref(young[bench_random_below(YOUNG)]);
      young[i]->right = rc_newref(old[bench_random_below(count)]);
    }
    young_must_end(0, round);
    for (size_t i = 0; i < YOUNG; i++) rc_clear(&young[i]->left);
    for (size_t i = 0; i < YOUNG; i++) rc_decref(young[i]);
  }
  return bench_median(samples, ROUNDS);
}

static double young_dead_ns(void) {
  for (size_t round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < YOUNG; i += 2) rc_decref(ring_of_two(NULL, NULL));
    young_must_end(YOUNG, round);
  }
  return bench_median(samples, ROUNDS);
}

static void collections(size_t count) {
  bench_open();
  gc_disable(bench_heap);
  Node **table = bench_table(count, sizeof *table);
  make_nodes(node_type, table, count);
  make_random_edges(table, count);
  double ns = full_ns(count);
  bench_report("full", ns, "ns");
  bench_report("full_each", ns / (double)count, "ns");
  bench_report("young", young_ns(table, count), "ns");
  bench_report("young_dead", young_dead_ns(), "ns");
  for (size_t i = 0; i < count; i++) rc_clear(&table[i]->left), rc_clear(&table[i]->right);
  for (size_t i = 0; i < count; i++) rc_decref(table[i]);
  free(table);
  if (gc_heap_free(bench_heap) != 0) bench_fail("something was still held in the end");
}

/* What the collections among the steps took: all together, and the longest. */
static double collecting_ns, longest_ns;

static void collection_stopped(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap, (void)ctx;
  collecting_ns += (double)event->duration_ns;
  if ((double)event->duration_ns > longest_ns) longest_ns = (double)event->duration_ns;
}

static void steps(size_t count) {
  bench_open();
  Churn churn = churn_new(count / 2, count / 4);
  (void)gc_collect(bench_heap);
  gc_stats before = heap_stats(bench_heap);
  size_t ring_bytes = 2 * 32;
  size_t until_full = (size_t)(before.full_trigger_bytes - before.live_bytes) / ring_bytes;
  size_t step_count = 2 * until_full + until_full / 8;
  if (gc_add_callback(bench_heap, collection_stopped, NULL) != RC_OK)
    bench_fail("gc_add_callback: %s", gc_error_message(bench_heap));
  uint64_t start_ns = bench_now_ns();
  for (size_t i = 0; i < step_count; i++) churn_step(&churn);
  double ns = (double)(bench_now_ns() - start_ns);
  gc_stats after = heap_stats(bench_heap);
  if (gc_remove_callback(bench_heap, collection_stopped, NULL) != RC_OK)
    bench_fail("gc_remove_callback: %s", gc_error_message(bench_heap));
  (void)gc_collect(bench_heap);
  uint64_t live = heap_stats(bench_heap).live_objects;
  if (live != churn_live(&churn)) bench_fail("%" PRIu64 " nodes live, not %zu", live, churn_live(&churn));
  bench_report("step", ns / (double)step_count, "ns");
  bench_report("collecting", 100 * collecting_ns / ns, "%");
  bench_report("longest", longest_ns, "ns");
  bench_report("young_runs", (double)(after.young.runs - before.young.runs), "runs");
  bench_report("full_runs", (double)(after.full.runs - before.full.runs), "runs");
}

int main(int argc, char **argv) {
  size_t count = argc == 2 ? (size_t)strtoul(argv[1], NULL, 10) : 0;
  if (count < COUNT_MIN || count > COUNT_MAX) bench_fail("usage: rcgc_growth COUNT (10000 to 100000000)");
  bench_pin();
  collections(count);
  steps(count);
  return 0;
}
