/* alloc.c: making and releasing objects, automatic collection off (W3).
 *
 *     alloc hot            one node made and released at once, 20 million times
 *     alloc order          a million nodes made into an array, then released in order
 *     alloc random         the same, released in shuffled order
 *     alloc array-hot      as hot, an array of 8 references
 *     alloc array-random   as random, arrays of 0 to 31 references
 *
 * `order` and `random` run one round in the fresh process, where the memory comes from the system
 * (make, release), and five more in memory the process has used before (make_warm, release_warm: their
 * median).
 */
#include "node.h"

typedef struct Array {
  uint64_t value;
  void *items[];
} Array;

#ifdef BENCH_RCGC

static rc_type *array_type;
static const rc_field array_fields[] = {RC_FIELD_TAIL(Array, items)};

static void array_open(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Array";
  spec.size = sizeof(Array);
  spec.tail_size = sizeof(void *);
  spec.fields = array_fields;
  spec.field_count = RC_COUNT_OF(array_fields);
  if (rc_type_new(bench_heap, &spec, &array_type) != RC_OK)
    bench_fail("rc_type_new: %s", gc_error_message(bench_heap));
  gc_disable(bench_heap);
}

static inline Array *array_new(size_t length) {
  Array *array = rc_new_array(array_type, length);
  if (array == NULL) bench_fail("no memory for an array");
  return array;
}

static inline void array_release(Array *array) {
  rc_decref(array);
}

#else

static void array_open(void) {}

static inline Array *array_new(size_t length) {
  size_t bytes = sizeof(Array) + length * sizeof(void *);
  Array *array = block_new(bytes);
  if (array == NULL) bench_fail("no memory for an array");
  memset(array, 0, bytes);
  return array;
}

static inline void array_release(Array *array) {
  block_free(array);
}

#endif

enum { COUNT = 1000 * 1000, WARM_ROUNDS = 5 };

BENCH_NOINLINE static void hot_nodes(size_t count) {
  for (size_t i = 0; i < count; i++) {
    Node *node = node_new();
    node->value = i;
    BENCH_OPAQUE(node);
    node_release(node);
  }
}

BENCH_NOINLINE static void hot_arrays(size_t count) {
  for (size_t i = 0; i < count; i++) {
    Array *array = array_new(8);
    array->value = i;
    BENCH_OPAQUE(array);
    array_release(array);
  }
}

BENCH_NOINLINE static void make_nodes(void **nodes) {
  for (size_t i = 0; i < COUNT; i++) {
    Node *node = node_new();
    node->value = i;
    nodes[i] = node;
  }
}

BENCH_NOINLINE static void release_nodes(void **nodes) {
  for (size_t i = 0; i < COUNT; i++) node_release(nodes[i]);
}

BENCH_NOINLINE static void make_arrays(void **arrays, const uint8_t *lengths) {
  for (size_t i = 0; i < COUNT; i++) {
    Array *array = array_new(lengths[i]);
    array->value = i;
    arrays[i] = array;
  }
}

BENCH_NOINLINE static void release_arrays(void **arrays) {
  for (size_t i = 0; i < COUNT; i++) array_release(arrays[i]);
}

static void rounds(bool shuffled, bool arrays) {
  uint64_t make_ns[WARM_ROUNDS + 1], release_ns[WARM_ROUNDS + 1];
  void **objects = bench_table(COUNT, sizeof *objects);
  uint8_t *lengths = bench_table(COUNT, sizeof *lengths);
  for (size_t i = 0; i < COUNT; i++) lengths[i] = (uint8_t)bench_random_below(32);
  hot_nodes(1);
  hot_arrays(1);
  for (size_t round = 0; round <= WARM_ROUNDS; round++) {
    uint64_t start_ns = bench_now_ns();
    if (arrays)
      make_arrays(objects, lengths);
    else
      make_nodes(objects);
    uint64_t made_ns = bench_now_ns();
    if (shuffled) bench_shuffle(objects, COUNT);
    uint64_t shuffled_ns = bench_now_ns();
    if (arrays)
      release_arrays(objects);
    else
      release_nodes(objects);
    make_ns[round] = made_ns - start_ns;
    release_ns[round] = bench_now_ns() - shuffled_ns;
  }
  bench_report("make", (double)make_ns[0] / COUNT, "ns");
  bench_report("release", (double)release_ns[0] / COUNT, "ns");
  bench_report("make_warm", bench_median(make_ns + 1, WARM_ROUNDS) / COUNT, "ns");
  bench_report("release_warm", bench_median(release_ns + 1, WARM_ROUNDS) / COUNT, "ns");
}

int main(int argc, char **argv) {
  const char *workload = argc > 1 ? argv[1] : "";
  const size_t pairs = 20 * 1000 * 1000;
  bench_pin();
  bench_open();
  array_open();
  if (strcmp(workload, "hot") == 0) {
    hot_nodes(pairs / 20);
    uint64_t start_ns = bench_now_ns();
    hot_nodes(pairs);
    bench_report_each("pair", start_ns, (double)pairs);
  } else if (strcmp(workload, "array-hot") == 0) {
    hot_arrays(pairs / 20);
    uint64_t start_ns = bench_now_ns();
    hot_arrays(pairs);
    bench_report_each("pair", start_ns, (double)pairs);
  } else if (strcmp(workload, "order") == 0) {
    rounds(false, false);
  } else if (strcmp(workload, "random") == 0) {
    rounds(true, false);
  } else if (strcmp(workload, "array-random") == 0) {
    rounds(true, true);
  } else {
    bench_fail("usage: alloc hot|order|random|array-hot|array-random");
  }
#ifdef BENCH_RCGC
  if (heap_stats(bench_heap).live_objects != 0) bench_fail("objects are left");
#endif
  return 0;
}
