/* count.c: one incref and one decref through a copied handle that the compiler cannot remove (W2).
 *
 *     count hot        100 million pairs on one object
 *     count immortal   the same on an object that never dies
 *     count random     10 rounds over a million objects in shuffled order
 *
 * With BENCH_COUNTER: a plain uint32_t in the same place of a block of the same size, with no test for
 * zero.
 */
#include "bench.h"

#ifdef BENCH_COUNTER

typedef struct Block {
  uint64_t before;
  uint32_t count, type;
  uint64_t left, right;
} Block;

static Block *blocks;
static size_t blocks_used;

static void bench_open(void) {
  blocks = bench_table(1000001, sizeof(Block));
}

static void *object_new(void) {
  Block *block = &blocks[blocks_used++];
  block->count = 1;
  return block;
}

static void object_immortalize(void *obj) {
  (void)obj; /* a plain counter has no such thing */
}

static inline void object_incref(void *obj) {
  ((Block *)obj)->count++;
}

static inline void object_decref(void *obj) {
  ((Block *)obj)->count--;
}

#else

#include "node.h"

static void *object_new(void) {
  return node_new();
}

static void object_immortalize(void *obj) {
  rc_immortalize(obj);
}

#define object_incref rc_incref
#define object_decref rc_decref

#endif

BENCH_NOINLINE static void pairs_on_one(void *obj, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *handle = obj;
    BENCH_OPAQUE(handle);
    object_incref(handle);
    BENCH_BARRIER();
    object_decref(handle);
    BENCH_BARRIER();
  }
}

BENCH_NOINLINE static void pairs_on_all(void **objects, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *handle = objects[i];
    BENCH_OPAQUE(handle);
    object_incref(handle);
    BENCH_BARRIER();
    object_decref(handle);
    BENCH_BARRIER();
  }
}

int main(int argc, char **argv) {
  const char *workload = argc > 1 ? argv[1] : "";
  bench_pin();
  bench_open();
  if (strcmp(workload, "hot") == 0 || strcmp(workload, "immortal") == 0) {
    const size_t pairs = 100 * 1000 * 1000;
    void *obj = object_new();
    if (strcmp(workload, "immortal") == 0) object_immortalize(obj);
    pairs_on_one(obj, pairs / 20);
    uint64_t start_ns = bench_now_ns();
    pairs_on_one(obj, pairs);
    bench_report_each("pair", start_ns, (double)pairs);
  } else if (strcmp(workload, "random") == 0) {
    const size_t count = 1000 * 1000, rounds = 10;
    void **objects = bench_table(count, sizeof *objects);
    for (size_t i = 0; i < count; i++) objects[i] = object_new();
    bench_shuffle(objects, count);
    pairs_on_all(objects, count);
    uint64_t start_ns = bench_now_ns();
    for (size_t round = 0; round < rounds; round++) pairs_on_all(objects, count);
    bench_report_each("pair", start_ns, (double)(count * rounds));
  } else {
    bench_fail("usage: count hot|immortal|random");
  }
  return 0;
}
