/* trees.c: whole programs that make and drop trees, automatic collection as delivered.
 *
 *     trees binary    binary trees, depth 18 (W1): a stretch tree of 19, a long-lived one of 18, then for
 *                     d = 4, 6, ... 18: 2^(18-d+4) trees of depth d made, checked, dropped
 *     trees gcbench   GCBench by Ellis, Kovac and Boehm (W10): stretch 18, long-lived 16, an array of 500,000
 *                     doubles, depths 4 to 16, made from the top down and from the bottom up
 */
#include "node.h"

enum { DEPTH = 18, DEPTH_MIN = 4 };
enum { STRETCH_DEPTH = 18, LONG_LIVED_DEPTH = 16, BENCH_DEPTH_MAX = 16, ARRAY_LENGTH = 500 * 1000 };

static size_t tree_size(int depth) {
  return ((size_t)1 << (depth + 1)) - 1;
}

/* Children first. */
static Node *tree_bottom_up(int depth) {
  Node *left = NULL, *right = NULL;
  if (depth > 0) {
    left = tree_bottom_up(depth - 1);
    right = tree_bottom_up(depth - 1);
  }
  Node *node = node_new();
  node->left = left;
  node->right = right;
  return node;
}

static void tree_populate(int depth, Node *node) {
  if (depth <= 0) return;
  node->left = node_new();
  node->right = node_new();
  tree_populate(depth - 1, node->left);
  tree_populate(depth - 1, node->right);
}

static size_t tree_check(const Node *node) {
  return node->left == NULL ? 1 : 1 + tree_check(node->left) + tree_check(node->right);
}

static void check_and_release(Node *tree, int depth) {
  if (tree_check(tree) != tree_size(depth)) bench_fail("a tree of depth %d is not whole", depth);
  tree_release(tree);
}

static void binary_trees(void) {
  check_and_release(tree_bottom_up(DEPTH + 1), DEPTH + 1);
  Node *long_lived = tree_bottom_up(DEPTH);
  for (int depth = DEPTH_MIN; depth <= DEPTH; depth += 2) {
    size_t trees = (size_t)1 << (DEPTH - depth + DEPTH_MIN);
    for (size_t i = 0; i < trees; i++) check_and_release(tree_bottom_up(depth), depth);
  }
  check_and_release(long_lived, DEPTH);
}

#ifdef BENCH_RCGC

static double *doubles_new(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type;
  spec.name = "Doubles";
  spec.size = sizeof(double);
  spec.tail_size = sizeof(double);
  if (rc_type_new(bench_heap, &spec, &type) != RC_OK)
    bench_fail("rc_type_new: %s", gc_error_message(bench_heap));
  double *doubles = rc_new_array(type, ARRAY_LENGTH - 1);
  if (doubles == NULL) bench_fail("no memory for the array");
  return doubles;
}

static void doubles_release(double *doubles) {
  rc_decref(doubles);
}

#else

static double *doubles_new(void) {
  double *doubles = block_new(ARRAY_LENGTH * sizeof *doubles);
  if (doubles == NULL) bench_fail("no memory for the array");
  memset(doubles, 0, ARRAY_LENGTH * sizeof *doubles);
  return doubles;
}

static void doubles_release(double *doubles) {
  block_free(doubles);
}

#endif

static void gcbench(void) {
  tree_release(tree_bottom_up(STRETCH_DEPTH));
  Node *long_lived = node_new();
  tree_populate(LONG_LIVED_DEPTH, long_lived);
  double *doubles = doubles_new();
  for (size_t i = 0; i < ARRAY_LENGTH / 2; i++) doubles[i] = 1.0 / (double)(i + 1);
  for (int depth = DEPTH_MIN; depth <= BENCH_DEPTH_MAX; depth += 2) {
    size_t trees = 2 * tree_size(STRETCH_DEPTH) / tree_size(depth);
    for (size_t i = 0; i < trees; i++) {
      Node *tree = node_new();
      tree_populate(depth, tree);
      BENCH_OPAQUE(tree);
      tree_release(tree);
    }
    for (size_t i = 0; i < trees; i++) {
      Node *tree = tree_bottom_up(depth);
      BENCH_OPAQUE(tree);
      tree_release(tree);
    }
  }
  if (doubles[1000] != 1.0 / 1001) bench_fail("the array has lost a value");
  check_and_release(long_lived, LONG_LIVED_DEPTH);
  doubles_release(doubles);
}

int main(int argc, char **argv) {
  const char *workload = argc > 1 ? argv[1] : "";
  bench_pin();
  bench_open();
  uint64_t start_ns = bench_now_ns();
  if (strcmp(workload, "binary") == 0)
    binary_trees();
  else if (strcmp(workload, "gcbench") == 0)
    gcbench();
  else
    bench_fail("usage: trees binary|gcbench");
  bench_report_each("time", start_ns, 1);
  bench_report("peak", bench_peak_bytes(), "bytes");
#ifdef BENCH_RCGC
  gc_stats stats = heap_stats(bench_heap);
  if (stats.live_objects != 0) bench_fail("%" PRIu64 " objects are left", stats.live_objects);
  bench_report("young_runs", (double)stats.young.runs, "runs");
  bench_report("full_runs", (double)stats.full.runs, "runs");
  bench_report("collecting", (double)(stats.young.pause_ns_total + stats.full.pause_ns_total), "ns");
#endif
  return 0;
}
