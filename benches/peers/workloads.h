/* workloads.h: the shared definition of W1 to W11 for every peer that is written in C or C++.
 *
 * Included last by a peer, which has included bench.h and defined:
 *
 *     Ref                     an owned handle: a pointer in C, a smart pointer in C++; all zeros is null
 *     Borrowed                how a handle is passed that stays the caller's: Ref, or const Ref &
 *     MOVE(ref)               the handle, given away
 *     Ref ref_new(value)      a node with two null references and a value
 *     Ref ref_copy(Borrowed)  one reference more
 *     void ref_drop(Ref *)    releases the reference; the handle is null or not looked at again
 *     bool ref_is_null(Borrowed)
 *     Borrowed left(Borrowed), void set_left(Borrowed, Ref)
 *                             the same for right; set_* is only used on a null reference
 *     PEER_OPAQUE(ref)        the compiler must assume that the node was looked at
 *     Ref thread_ref_new(void)  for W11: a node of the calling thread's own
 *     void peer_open(void)    once, before all else
 *     void peer_close(void)   fails if something that ought to have died has not
 *
 * What a peer cannot do it says in a sentence: PEER_NO_COUNTS (W2), PEER_NO_CYCLES (W4 to W7), PEER_NO_SHARED
 * and PEER_NO_THREADS (W11), PEER_NO_GRAPH (W12). The program then prints that sentence and ends with status
 * 77. A peer without PEER_NO_CYCLES is in C and includes collecting.h, one without PEER_NO_GRAPH defines
 * `int graph_with_churn(void)`.
 *
 * Optional: PEER_TREE_DROP, PEER_CHAIN_DROP (functions of `Ref *`, where one release is not enough),
 * PEER_STEP() (called after each tree and step), PEER_AUTOMATIC(on), PEER_TABLE_NEW(count, size),
 * PEER_DOUBLES_NEW(count) and PEER_DOUBLES_FREE(doubles).
 */
#ifndef RCGC_PEERS_WORKLOADS_H
#define RCGC_PEERS_WORKLOADS_H

#include <pthread.h>

#ifndef PEER_TREE_DROP
#define PEER_TREE_DROP ref_drop
#endif
#ifndef PEER_CHAIN_DROP
#define PEER_CHAIN_DROP ref_drop
#endif
#ifndef PEER_STEP
#define PEER_STEP() ((void)0)
#endif
#ifndef PEER_AUTOMATIC
#define PEER_AUTOMATIC(on) ((void)(on))
#endif
#ifndef PEER_TABLE_NEW
#define PEER_TABLE_NEW bench_table
#endif
#ifndef PEER_DOUBLES_NEW
#define PEER_DOUBLES_NEW(count) calloc(count, sizeof(double))
#define PEER_DOUBLES_FREE(doubles) free(doubles)
#endif

enum { MILLION = 1000 * 1000, CANNOT = 77 };

static int cannot(const char *reason) {
  fprintf(stderr, "%s\n", reason);
  return CANNOT;
}

/* A table of null handles whose memory was touched; it keeps what it refers to alive. */
BENCH_UNUSED static Ref *table_new(size_t count) {
  void *table = PEER_TABLE_NEW(count, sizeof(Ref));
  memset(table, 0, count * sizeof(Ref));
  return (Ref *)table;
}

BENCH_UNUSED static void table_shuffle(Ref *table, size_t count) {
  for (size_t i = count; i > 1; i--) {
    size_t j = bench_random_below(i);
    Ref ref = MOVE(table[i - 1]);
    table[i - 1] = MOVE(table[j]);
    table[j] = MOVE(ref);
  }
}

/* ---- W1, W10: trees ---- */

static size_t tree_size(int depth) {
  return ((size_t)1 << (depth + 1)) - 1;
}

/* Children first. */
static Ref tree_bottom_up(int depth) {
  if (depth == 0) return ref_new(0);
  Ref first = tree_bottom_up(depth - 1);
  Ref second = tree_bottom_up(depth - 1);
  Ref node = ref_new((uint64_t)depth);
  set_left(node, MOVE(first));
  set_right(node, MOVE(second));
  return node;
}

static void tree_populate(int depth, Borrowed node) {
  if (depth <= 0) return;
  set_left(node, ref_new((uint64_t)depth));
  set_right(node, ref_new((uint64_t)depth));
  tree_populate(depth - 1, left(node));
  tree_populate(depth - 1, right(node));
}

static size_t tree_check(Borrowed node) {
  return ref_is_null(left(node)) ? 1 : 1 + tree_check(left(node)) + tree_check(right(node));
}

static void check_and_drop(Ref *tree, int depth) {
  if (tree_check(*tree) != tree_size(depth)) bench_fail("a tree of depth %d is not whole", depth);
  PEER_TREE_DROP(tree);
  PEER_STEP();
}

/* A program whose whole run is measured. */
static void report_program(uint64_t start_ns) {
  bench_report_each("time", start_ns, 1);
  bench_report("peak", bench_peak_bytes(), "bytes");
}

static int binary_trees(void) {
  const int depth_min = 4, depth_max = 18;
  uint64_t start_ns = bench_now_ns();
  Ref stretch = tree_bottom_up(depth_max + 1);
  check_and_drop(&stretch, depth_max + 1);
  Ref long_lived = tree_bottom_up(depth_max);
  for (int depth = depth_min; depth <= depth_max; depth += 2) {
    size_t trees = (size_t)1 << (depth_max - depth + depth_min);
    for (size_t i = 0; i < trees; i++) {
      Ref tree = tree_bottom_up(depth);
      check_and_drop(&tree, depth);
    }
  }
  check_and_drop(&long_lived, depth_max);
  report_program(start_ns);
  return 0;
}

static void both_kinds_of_trees(int depth, size_t trees) {
  for (size_t i = 0; i < trees; i++) {
    Ref tree = ref_new(0);
    tree_populate(depth, tree);
    PEER_TREE_DROP(&tree);
    PEER_STEP();
  }
  for (size_t i = 0; i < trees; i++) {
    Ref tree = tree_bottom_up(depth);
    PEER_TREE_DROP(&tree);
    PEER_STEP();
  }
}

static int gcbench(void) {
  const int stretch_depth = 18, long_lived_depth = 16;
  const size_t length = 500 * 1000;
  uint64_t start_ns = bench_now_ns();
  Ref stretch = tree_bottom_up(stretch_depth);
  PEER_TREE_DROP(&stretch);
  Ref long_lived = ref_new(0);
  tree_populate(long_lived_depth, long_lived);
  double *doubles = (double *)PEER_DOUBLES_NEW(length);
  if (doubles == NULL) bench_fail("no memory for the array");
  for (size_t i = 0; i < length / 2; i++) doubles[i] = 1.0 / (double)(i + 1);
  for (int depth = 4; depth <= long_lived_depth; depth += 2)
    both_kinds_of_trees(depth, 2 * tree_size(stretch_depth) / tree_size(depth));
  if (doubles[1000] != 1.0 / 1001) bench_fail("the array has lost a value");
  check_and_drop(&long_lived, long_lived_depth);
  PEER_DOUBLES_FREE(doubles);
  report_program(start_ns);
  return 0;
}

/* ---- W2: counts ---- */

#ifdef PEER_NO_COUNTS

static int count_hot(void) {
  return cannot(PEER_NO_COUNTS);
}

#define count_random count_hot

#else

/* One incref and decref through a copied handle that the compiler cannot remove. */
static inline void pair(Borrowed ref) {
  Ref copy = ref_copy(ref);
  BENCH_BARRIER();
  ref_drop(&copy);
  BENCH_BARRIER();
}

BENCH_NOINLINE static void pairs_on_one(Borrowed ref, size_t count) {
  for (size_t i = 0; i < count; i++) pair(ref);
}

BENCH_NOINLINE static void pairs_on_all(Ref *table, size_t count) {
  for (size_t i = 0; i < count; i++) pair(table[i]);
}

static int count_hot(void) {
  const size_t pairs = 100 * MILLION;
  PEER_AUTOMATIC(false);
  Ref *table = table_new(1);
  table[0] = ref_new(0);
  pairs_on_one(table[0], pairs / 20);
  uint64_t start_ns = bench_now_ns();
  pairs_on_one(table[0], pairs);
  bench_report_each("pair", start_ns, (double)pairs);
  ref_drop(&table[0]);
  return 0;
}

static int count_random(void) {
  const size_t count = MILLION, rounds = 10;
  PEER_AUTOMATIC(false);
  Ref *table = table_new(count);
  for (size_t i = 0; i < count; i++) table[i] = ref_new(i);
  table_shuffle(table, count);
  pairs_on_all(table, count);
  uint64_t start_ns = bench_now_ns();
  for (size_t round = 0; round < rounds; round++) pairs_on_all(table, count);
  bench_report_each("pair", start_ns, (double)(count * rounds));
  for (size_t i = 0; i < count; i++) ref_drop(&table[i]);
  return 0;
}

#endif

/* ---- W3: allocation and release ---- */

BENCH_NOINLINE static void make_and_drop(size_t count) {
  for (size_t i = 0; i < count; i++) {
    Ref node = ref_new(i);
    PEER_OPAQUE(node);
    ref_drop(&node);
  }
}

static int alloc_hot(void) {
  const size_t pairs = 20 * MILLION;
  PEER_AUTOMATIC(false);
  make_and_drop(pairs / 20);
  uint64_t start_ns = bench_now_ns();
  make_and_drop(pairs);
  bench_report_each("pair", start_ns, (double)pairs);
  return 0;
}

BENCH_NOINLINE static void make_all(Ref *table, size_t count) {
  for (size_t i = 0; i < count; i++) table[i] = ref_new(i);
}

BENCH_NOINLINE static void drop_all(Ref *table, size_t count) {
  for (size_t i = 0; i < count; i++) ref_drop(&table[i]);
}

static int alloc_bulk(bool shuffled) {
  const size_t count = MILLION;
  PEER_AUTOMATIC(false);
  Ref *table = table_new(count);
  make_and_drop(1);
  uint64_t start_ns = bench_now_ns();
  make_all(table, count);
  bench_report_each("make", start_ns, (double)count);
  if (shuffled) table_shuffle(table, count);
  start_ns = bench_now_ns();
  drop_all(table, count);
  bench_report_each("release", start_ns, (double)count);
  return 0;
}

/* ---- W8, W9: depth, memory ---- */

static int chain(void) {
  const size_t count = 10 * MILLION;
  Ref *head = table_new(1);
  uint64_t start_ns = bench_now_ns();
  head[0] = ref_new(0);
  Ref last = ref_copy(head[0]);
  for (size_t i = 1; i < count; i++) {
    Ref node = ref_new(i);
    Ref next = ref_copy(node);
    set_left(last, MOVE(node));
#ifndef PEER_NO_COUNTS
    ref_drop(&last);
#endif
    last = MOVE(next);
  }
#ifndef PEER_NO_COUNTS
  ref_drop(&last);
#endif
  bench_report_each("make", start_ns, (double)count);
  start_ns = bench_now_ns();
  PEER_CHAIN_DROP(&head[0]);
  bench_report_each("drop", start_ns, (double)count);
  return 0;
}

/* Nodes made in order into a table, both references of each to random ones. */
static Ref *random_graph(size_t count) {
  Ref *table = table_new(count);
  for (size_t i = 0; i < count; i++) table[i] = ref_new(i);
  for (size_t i = 0; i < count; i++) {
    set_left(table[i], ref_copy(table[bench_random_below(count)]));
    set_right(table[i], ref_copy(table[bench_random_below(count)]));
  }
  return table;
}

static int node_bytes(void) {
  const size_t count = 4 * MILLION;
  PEER_AUTOMATIC(false);
  make_and_drop(1);
  double before = bench_resident_bytes() + (double)(count * sizeof(Ref));
  Ref *table = random_graph(count);
  bench_report("node", (bench_resident_bytes() - before) / (double)count, "bytes");
  PEER_OPAQUE(table[count - 1]);
  return 0;
}

/* ---- W11: threads ---- */

#ifdef PEER_NO_THREADS

static int threads_own(void) {
  return cannot(PEER_NO_THREADS);
}

#else

enum { THREADS = 2, THREAD_PAIRS = 20 * MILLION };

static pthread_barrier_t together;

typedef struct Turn {
  Ref ref;
  uint64_t start_ns, end_ns;
} Turn;

/* A thread whose turn has no object makes one of its own. */
static void *take_turn(void *argument) {
  Turn *turn = (Turn *)argument;
  if (ref_is_null(turn->ref)) turn->ref = thread_ref_new();
  pairs_on_one(turn->ref, THREAD_PAIRS / 20);
  pthread_barrier_wait(&together);
  turn->start_ns = bench_now_ns();
  pairs_on_one(turn->ref, THREAD_PAIRS);
  turn->end_ns = bench_now_ns();
  return NULL;
}

/* From the first start to the last end, divided by the pairs of one thread. */
static int take_turns(Turn *turns) {
  pthread_t threads[THREADS];
  uint64_t start_ns = UINT64_MAX, end_ns = 0;
  if (pthread_barrier_init(&together, NULL, THREADS) != 0) bench_fail("no barrier");
  for (size_t i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, take_turn, &turns[i]) != 0) bench_fail("cannot start a thread");
  for (size_t i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    if (turns[i].start_ns < start_ns) start_ns = turns[i].start_ns;
    if (turns[i].end_ns > end_ns) end_ns = turns[i].end_ns;
  }
  bench_report("pair", (double)(end_ns - start_ns) / THREAD_PAIRS, "ns");
  return 0;
}

static int threads_own(void) {
  static Turn turns[THREADS];
  return take_turns(turns);
}

#endif

#if defined(PEER_NO_THREADS) && !defined(PEER_NO_SHARED)
#define PEER_NO_SHARED PEER_NO_THREADS
#endif
#ifdef PEER_NO_SHARED

static int threads_shared(void) {
  return cannot(PEER_NO_SHARED);
}

#else

static int threads_shared(void) {
  static Turn turns[THREADS];
  turns[0].ref = ref_new(0);
  for (size_t i = 1; i < THREADS; i++) turns[i].ref = ref_copy(turns[0].ref);
  return take_turns(turns);
}

#endif

/* ---- W4 to W7, W12, and the choice ---- */

#ifndef PEER_NO_CYCLES
#include "collecting.h"
#endif

static int collecting_workload(const char *name) {
#ifdef PEER_NO_CYCLES
  (void)name;
  return cannot(PEER_NO_CYCLES);
#else
  if (strcmp(name, "W4-2") == 0) return rings(2);
  if (strcmp(name, "W4-10") == 0) return rings(10);
  if (strcmp(name, "W5") == 0) return giant_ring();
  if (strcmp(name, "W6-1M") == 0) return live_graph(MILLION);
  if (strcmp(name, "W6-4M") == 0) return live_graph(4 * MILLION);
  return churn();
#endif
}

static int graph_workload(void) {
#ifdef PEER_NO_GRAPH
  return cannot(PEER_NO_GRAPH);
#else
  return graph_with_churn();
#endif
}

static int workload(const char *name) {
  if (strcmp(name, "W1") == 0) return binary_trees();
  if (strcmp(name, "W2-hot") == 0) return count_hot();
  if (strcmp(name, "W2-random") == 0) return count_random();
  if (strcmp(name, "W3-hot") == 0) return alloc_hot();
  if (strcmp(name, "W3-order") == 0) return alloc_bulk(false);
  if (strcmp(name, "W3-random") == 0) return alloc_bulk(true);
  if (name[0] == 'W' && name[1] >= '4' && name[1] <= '7') return collecting_workload(name);
  if (strcmp(name, "W8") == 0) return chain();
  if (strcmp(name, "W9") == 0) return node_bytes();
  if (strcmp(name, "W10") == 0) return gcbench();
  if (strcmp(name, "W11-shared") == 0) return threads_shared();
  if (strcmp(name, "W11-own") == 0) return threads_own();
  if (strcmp(name, "W12") == 0) return graph_workload();
  bench_fail("no workload is called \"%s\"", name);
  return 1;
}

/* Whether a workload leaves nothing alive behind. */
BENCH_UNUSED static bool leaves_nothing(const char *name) {
  static const char *const all[] = {"W1",       "W2-hot",    "W2-random", "W3-hot",
                                    "W3-order", "W3-random", "W8",        "W10"};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (strcmp(name, all[i]) == 0) return true;
  return false;
}

static int run_workload(const char *name) {
  peer_open();
  int status = workload(name);
  if (status == 0 && leaves_nothing(name)) peer_close();
  return status;
}

#ifndef PEER_IS_MODULE

int main(int argc, char **argv) {
  if (argc != 2) bench_fail("usage: %s WORKLOAD", argv[0]);
  return run_workload(argv[1]);
}

#endif

#endif /* RCGC_PEERS_WORKLOADS_H */
