/* layouts.c: full collections of the live random graph of live.h, its references kept as language runtimes
 * keep theirs. Every node is held by a table; automatic collection off; nothing is garbage. ns per node.
 *
 *     layouts COUNT low-bits|nan-boxes|pairs|negative-tags|vector|tail
 *
 *     low-bits        one word: bit 0 set is an integer, clear a pointer (OCaml)
 *     nan-boxes       one word: 17 bits of type above 47 of pointer, three types are collectable (LuaJIT)
 *     pairs           a pointer and a byte of tag beside it, three tags are collectable (Lua)
 *     negative-tags   a pointer and 64 bits of tag beside it, all negative ones are collectable (QuickJS)
 *     vector          two plain pointers in a buffer of the host's
 *     tail            two plain pointers in the trailing array
 *
 * Where several tags are collectable, the tag says what kind of node the target is; kinds are scattered, so
 * that no branch on them can be foretold. The edges are those of `live COUNT all declared`.
 */
#include "node.h"

typedef struct Words {
  uint64_t left, right, value;
} Words;

#define LOW_BITS(member) RC_FIELD_TAGGED(Words, member, 1, 0, ~(uint64_t)0)

static const rc_field low_bits_fields[] = {LOW_BITS(left), LOW_BITS(right)};

#define BOX_MASK ((uint64_t)0x1ffff << 47)
#define BOX_TAG(type) ((uint64_t)(uint32_t)(int32_t)(type) << 47)
#define BOX_POINTER (((uint64_t)1 << 47) - 1)
#define NAN_BOX(member, type) RC_FIELD_TAGGED(Words, member, BOX_MASK, BOX_TAG(type), BOX_POINTER)

static const int box_types[] = {-5, -9, -12}; /* string, function, table */
static const rc_field nan_boxes_fields[] = {
    NAN_BOX(left, -5), NAN_BOX(left, -9), NAN_BOX(left, -12),
    NAN_BOX(right, -5), NAN_BOX(right, -9), NAN_BOX(right, -12),
};

typedef struct Pair {
  void *payload;
  uint8_t tag;
} Pair;

typedef struct Pairs {
  Pair left, right;
} Pairs;

#define PAIR(member, value) RC_FIELD_VARIANT(Pairs, member.payload, member.tag, 0xff, value)

static const uint8_t pair_tags[] = {4 | 64, 5 | 64, 6 | 64}; /* string, table, closure */
static const rc_field pairs_fields[] = {
    PAIR(left, 4 | 64), PAIR(left, 5 | 64), PAIR(left, 6 | 64),
    PAIR(right, 4 | 64), PAIR(right, 5 | 64), PAIR(right, 6 | 64),
};

typedef struct WidePair {
  void *payload;
  int64_t tag;
} WidePair;

typedef struct WidePairs {
  WidePair left, right;
} WidePairs;

#define SIGN ((uint64_t)1 << 63)
#define NEGATIVE(member) RC_FIELD_VARIANT(WidePairs, member.payload, member.tag, SIGN, SIGN)

static const rc_field negative_tags_fields[] = {NEGATIVE(left), NEGATIVE(right)};

typedef struct Vector {
  void **slots;
  uint32_t used;
  uint64_t value;
} Vector;

static const rc_field vector_fields[] = {RC_FIELD_VECTOR(Vector, slots, used)};

typedef struct Tail {
  uint64_t value;
  void *slots[];
} Tail;

static const rc_field tail_fields[] = {RC_FIELD_TAIL(Tail, slots)};

/* How each layout stores its two references; `kind` is below 11. */
static void store_low_bits(void *obj, void *left, void *right, const size_t *kind) {
  Words *words = obj;
  (void)kind;
  words->left = (uint64_t)(uintptr_t)left, words->right = (uint64_t)(uintptr_t)right;
}

static void store_nan_boxes(void *obj, void *left, void *right, const size_t *kind) {
  Words *words = obj;
  words->left = (uint64_t)(uintptr_t)left | BOX_TAG(box_types[kind[0] % 3]);
  words->right = (uint64_t)(uintptr_t)right | BOX_TAG(box_types[kind[1] % 3]);
}

static void store_pairs(void *obj, void *left, void *right, const size_t *kind) {
  Pairs *pairs = obj;
  pairs->left.payload = left, pairs->left.tag = pair_tags[kind[0] % 3];
  pairs->right.payload = right, pairs->right.tag = pair_tags[kind[1] % 3];
}

static void store_negative_tags(void *obj, void *left, void *right, const size_t *kind) {
  WidePairs *pairs = obj;
  pairs->left.payload = left, pairs->left.tag = -1 - (int64_t)kind[0];
  pairs->right.payload = right, pairs->right.tag = -1 - (int64_t)kind[1];
}

static void store_vector(void *obj, void *left, void *right, const size_t *kind) {
  Vector *vector = obj;
  (void)kind;
  vector->slots = malloc(2 * sizeof *vector->slots);
  if (vector->slots == NULL) bench_fail("no memory for a vector");
  vector->slots[0] = left, vector->slots[1] = right;
  vector->used = 2;
}

static void destroy_vector(void *obj) {
  free(((Vector *)obj)->slots);
}

static void store_tail(void *obj, void *left, void *right, const size_t *kind) {
  Tail *tail = obj;
  (void)kind;
  tail->slots[0] = left, tail->slots[1] = right;
}

typedef struct layout {
  const char *name;
  size_t size, tail_size;
  const rc_field *fields;
  size_t field_count;
  void (*store)(void *obj, void *left, void *right, const size_t *kind);
  rc_object_fn destroy;
} layout;

#define LAYOUT(name, T, part, tail_size, destroy) \
  { name, sizeof(T), tail_size, part##_fields, RC_COUNT_OF(part##_fields), store_##part, destroy }

static const layout layouts[] = {
    LAYOUT("low-bits", Words, low_bits, 0, NULL),
    LAYOUT("nan-boxes", Words, nan_boxes, 0, NULL),
    LAYOUT("pairs", Pairs, pairs, 0, NULL),
    LAYOUT("negative-tags", WidePairs, negative_tags, 0, NULL),
    LAYOUT("vector", Vector, vector, 0, destroy_vector),
    LAYOUT("tail", Tail, tail, sizeof(void *), NULL),
};

static const layout *layout_named(const char *name) {
  for (size_t i = 0; i < RC_COUNT_OF(layouts); i++)
    if (strcmp(layouts[i].name, name) == 0) return &layouts[i];
  bench_fail("no layout %s", name);
  return NULL;
}

static rc_type *type_of_layout(const layout *chosen) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type;
  spec.name = chosen->name, spec.size = chosen->size, spec.tail_size = chosen->tail_size;
  spec.fields = chosen->fields, spec.field_count = chosen->field_count;
  spec.destroy = chosen->destroy;
  if (rc_type_new(bench_heap, &spec, &type) != RC_OK)
    bench_fail("rc_type_new: %s", gc_error_message(bench_heap));
  return type;
}

/* The kind of the node that was made as number `i`. */
static size_t kind_of(size_t i) {
  return (size_t)(((uint64_t)i * 0x9e3779b97f4a7c15u) >> 33) % 11;
}

static void make_graph(const layout *chosen, void **table, size_t count) {
  rc_type *type = type_of_layout(chosen);
  for (size_t i = 0; i < count; i++) {
    table[i] = chosen->tail_size ? rc_new_array(type, 2) : rc_new(type);
    if (table[i] == NULL) bench_fail("no memory for a node");
  }
  for (size_t i = 0; i < count; i++) {
    size_t left = bench_random_below(count), right = bench_random_below(count);
    size_t kinds[2] = {kind_of(left), kind_of(right)};
    chosen->store(table[i], rc_newref(table[left]), rc_newref(table[right]), kinds);
  }
}

static void collect(const char *metric, size_t count) {
  uint64_t start_ns = bench_now_ns();
  size_t ended = gc_collect(bench_heap);
  bench_report_each(metric, start_ns, (double)count);
  if (ended != 0) bench_fail("%zu live nodes were ended", ended);
}

/* The engine saw every edge: without the table's references all nodes are garbage. */
static void check_edges(void **table, size_t count) {
  uint64_t before = heap_stats(bench_heap).live_objects;
  for (size_t i = 0; i < count; i++) rc_decref(table[i]);
  size_t ended = gc_collect(bench_heap);
  uint64_t live = heap_stats(bench_heap).live_objects;
  if (live != 0) bench_fail("%" PRIu64 " of %" PRIu64 " nodes live, %zu were ended", live, before, ended);
}

int main(int argc, char **argv) {
  if (argc != 3) bench_fail("usage: layouts COUNT LAYOUT");
  size_t count = (size_t)strtoul(argv[1], NULL, 10);
  const layout *chosen = layout_named(argv[2]);
  bench_pin();
  bench_open();
  gc_disable(bench_heap);
  void **table = bench_table(count, sizeof *table);
  make_graph(chosen, table, count);
  collect("collect", count);
  collect("again", count);
  check_edges(table, count);
  return 0;
}
