/* resize.c: an array that its owner makes longer, as a list or a string builder does.
 *
 *     resize               from 4 elements to 4,096, half as many again each time, 20,000 times over
 *
 * rcgc resizes an array of references by rc_resize; the allocators call realloc and zero what is new.
 */
#include "node.h"

enum { FIRST = 4, LAST = 4096, ROUNDS = 20 * 1000 };

#ifdef BENCH_RCGC

typedef struct Items {
  void *items[1];
} Items;

static rc_type *items_type;

static void items_open(void) {
  static const rc_field fields[] = {RC_FIELD_TAIL(Items, items)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Items";
  spec.size = 0;
  spec.tail_size = sizeof(void *);
  spec.fields = fields;
  spec.field_count = RC_COUNT_OF(fields);
  if (rc_type_new(bench_heap, &spec, &items_type) != RC_OK)
    bench_fail("rc_type_new: %s", gc_error_message(bench_heap));
  gc_disable(bench_heap);
}

static inline void *items_new(size_t length) {
  return rc_new_array(items_type, length);
}

static inline bool items_resize(void **items, size_t from, size_t to) {
  (void)from;
  return rc_resize(items, to) == RC_OK;
}

static inline void items_release(void *items) {
  rc_decref(items);
}

#else

#ifdef BENCH_MIMALLOC
#define block_resize mi_realloc
#else
#define block_resize realloc
#endif

static void items_open(void) {}

static inline void *items_new(size_t length) {
  void *items = block_new(length * sizeof(void *));
  if (items != NULL) memset(items, 0, length * sizeof(void *));
  return items;
}

static inline bool items_resize(void **items, size_t from, size_t to) {
  char *longer = block_resize(*items, to * sizeof(void *));
  if (longer == NULL) return false;
  memset(longer + from * sizeof(void *), 0, (to - from) * sizeof(void *));
  *items = longer;
  return true;
}

static inline void items_release(void *items) {
  block_free(items);
}

#endif

/* Returns how often an array was resized. */
BENCH_NOINLINE static size_t rounds(size_t count) {
  size_t resized = 0;
  for (size_t round = 0; round < count; round++) {
    void *items = items_new(FIRST);
    if (items == NULL) bench_fail("no memory for an array");
    for (size_t length = FIRST; length < LAST; resized++) {
      size_t next = length + length / 2;
      if (!items_resize(&items, length, next)) bench_fail("no memory for a longer array");
      BENCH_OPAQUE(items);
      length = next;
    }
    items_release(items);
  }
  return resized;
}

int main(void) {
  bench_pin();
  bench_open();
  items_open();
  (void)rounds(ROUNDS / 20);
  uint64_t start_ns = bench_now_ns();
  size_t resized = rounds(ROUNDS);
  bench_report("resize", (double)(bench_now_ns() - start_ns) / (double)resized, "ns");
#ifdef BENCH_RCGC
  if (gc_heap_free(bench_heap) != 0) bench_fail("objects were left");
#endif
  return 0;
}
