/* kinds.c: every kind of type, made and released: the shapes of real runtimes beside the plain struct.
 *
 *     kinds KIND           hot: one object made and released at once; then a million made and released in order
 *     kinds scope          a scope entered, one object kept, the scope left; and the object alone
 *
 * `scope` also reports `beyond`: what the scope costs beside its object.
 *
 * KIND is plain (two RC_FIELDs), leaf (no references), tagged, variant (two of each), vector, tail (an array of 4
 * references), string (an array of 20 bytes), clear, destroy, both (clear and destroy), finalize, weak (a weak
 * field), mixed (a tagged word and `clear`), text (a string of 20 bytes whose length the host knows and whose bytes are
 * not zeroed).
 *
 * The allocators make a block of the same bytes and zero it, but for text.
 */
#include "node.h"

enum { COUNT = 1000 * 1000, HOT = 10 * 1000 * 1000, WARM_ROUNDS = 5, STRING_BYTES = 20, ITEMS = 4 };

typedef struct Pair {
  uint32_t tag, spare;
  void *payload;
} Pair;

typedef struct Pairs {
  Pair first, second;
} Pairs;

typedef struct Vector {
  void **items;
  uint64_t length, value;
} Vector;

typedef struct Tail {
  uint64_t value;
  void *items[];
} Tail;

/* What a kind's object takes, and the length it is made with. */
typedef struct Kind {
  const char *name;
  size_t size, tail_size, length;
  bool raw;
} Kind;

static const Kind kinds[] = {
  {"plain", sizeof(Node), 0, 0, false},
  {"leaf", sizeof(Node), 0, 0, false},
  {"tagged", sizeof(Node), 0, 0, false},
  {"variant", sizeof(Pairs), 0, 0, false},
  {"vector", sizeof(Vector), 0, 0, false},
  {"tail", sizeof(Tail), sizeof(void *), ITEMS, false},
  {"string", 0, 1, STRING_BYTES, false},
  {"text", 0, 1, STRING_BYTES, true},
  {"clear", sizeof(Node), 0, 0, false},
  {"destroy", sizeof(Node), 0, 0, false},
  {"both", sizeof(Node), 0, 0, false},
  {"finalize", sizeof(Node), 0, 0, false},
  {"weak", sizeof(Node), 0, 0, false},
  {"mixed", sizeof(Node), 0, 0, false},
};

static const Kind *kind;

#ifdef BENCH_RCGC

static rc_type *kind_type;
static size_t calls;

typedef struct WeakNode {
  void *left;
  rc_weak *weak;
  uint64_t value;
} WeakNode;

static const rc_field tagged_fields[] = {RC_FIELD_TAGGED(Node, left, 7, 0, ~(uint64_t)7),
                                         RC_FIELD_TAGGED(Node, right, 7, 0, ~(uint64_t)7)};
static const rc_field variant_fields[] = {RC_FIELD_VARIANT(Pairs, first.payload, first.tag, 0xff, 1),
                                          RC_FIELD_VARIANT(Pairs, second.payload, second.tag, 0xff, 1)};
static const rc_field vector_fields[] = {RC_FIELD_VECTOR(Vector, items, length)};
static const rc_field tail_fields[] = {RC_FIELD_TAIL(Tail, items)};
static const rc_field weak_fields[] = {RC_FIELD(WeakNode, left), RC_FIELD_WEAK(WeakNode, weak)};
static const rc_field mixed_fields[] = {RC_FIELD_TAGGED(Node, left, 7, 0, ~(uint64_t)7)};

static void count_call(void *obj) {
  (void)obj;
  calls++;
}

static void set_fields(rc_type_spec *spec, const rc_field *fields, size_t count) {
  spec->fields = fields;
  spec->field_count = count;
}

static void kind_open(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  const char *name = kind->name;
  spec.name = name;
  spec.size = kind->size;
  spec.tail_size = kind->tail_size;
  if (strcmp(name, "plain") == 0) set_fields(&spec, node_fields, RC_COUNT_OF(node_fields));
  if (strcmp(name, "tagged") == 0) set_fields(&spec, tagged_fields, RC_COUNT_OF(tagged_fields));
  if (strcmp(name, "variant") == 0) set_fields(&spec, variant_fields, RC_COUNT_OF(variant_fields));
  if (strcmp(name, "vector") == 0) set_fields(&spec, vector_fields, RC_COUNT_OF(vector_fields));
  if (strcmp(name, "tail") == 0) set_fields(&spec, tail_fields, RC_COUNT_OF(tail_fields));
  if (strcmp(name, "weak") == 0) set_fields(&spec, weak_fields, RC_COUNT_OF(weak_fields));
  if (strcmp(name, "mixed") == 0) set_fields(&spec, mixed_fields, RC_COUNT_OF(mixed_fields));
  if (strcmp(name, "clear") == 0 || strcmp(name, "both") == 0 || strcmp(name, "mixed") == 0)
    spec.clear = count_call, spec.flags = RC_TYPE_ACYCLIC;
  if (strcmp(name, "destroy") == 0 || strcmp(name, "both") == 0) spec.destroy = count_call;
  if (kind->raw) spec.flags = RC_TYPE_HOST_LENGTH | RC_TYPE_UNINIT;
  if (strcmp(name, "finalize") == 0) spec.finalize = count_call;
  if (rc_type_new(bench_heap, &spec, &kind_type) != RC_OK)
    bench_fail("rc_type_new: %s", gc_error_message(bench_heap));
  gc_disable(bench_heap);
}

static inline void *kind_new(void) {
  void *obj = kind->tail_size != 0 ? rc_new_array(kind_type, kind->length) : rc_new(kind_type);
  if (obj == NULL) bench_fail("no memory for an object");
  return obj;
}

static inline void kind_release(void *obj) {
  rc_decref(obj);
}

BENCH_NOINLINE static void hot_scopes(size_t count) {
  for (size_t i = 0; i < count; i++) {
    rc_scope_mark mark = rc_scope_enter(bench_heap);
    Node *node = rc_scope_keep(bench_heap, node_new());
    BENCH_OPAQUE(node);
    if (rc_scope_leave(bench_heap, mark) != RC_OK) bench_fail("a scope was not left");
  }
}

BENCH_NOINLINE static void hot_nodes(size_t count) {
  for (size_t i = 0; i < count; i++) {
    Node *node = node_new();
    BENCH_OPAQUE(node);
    node_release(node);
  }
}

static int scopes(void) {
  gc_disable(bench_heap);
  hot_scopes(HOT / 20);
  uint64_t start_ns = bench_now_ns();
  hot_scopes(HOT);
  double scope_ns = (double)(bench_now_ns() - start_ns) / HOT;
  hot_nodes(HOT / 20);
  start_ns = bench_now_ns();
  hot_nodes(HOT);
  double object_ns = (double)(bench_now_ns() - start_ns) / HOT;
  bench_report("scope", scope_ns, "ns");
  bench_report("object", object_ns, "ns");
  bench_report("beyond", scope_ns - object_ns, "ns");
  return 0;
}

#else

static void kind_open(void) {}

static inline void *kind_new(void) {
  size_t bytes = kind->size + kind->tail_size * kind->length;
  void *obj = block_new(bytes);
  if (obj == NULL) bench_fail("no memory for a block");
  if (!kind->raw) memset(obj, 0, bytes);
  return obj;
}

static inline void kind_release(void *obj) {
  block_free(obj);
}

static int scopes(void) {
  bench_fail("an allocator has no scopes");
}

#endif

BENCH_NOINLINE static void hot(size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *obj = kind_new();
    BENCH_OPAQUE(obj);
    kind_release(obj);
  }
}

BENCH_NOINLINE static void make(void **table) {
  for (size_t i = 0; i < COUNT; i++) table[i] = kind_new();
}

BENCH_NOINLINE static void release(void **table) {
  for (size_t i = 0; i < COUNT; i++) kind_release(table[i]);
}

int main(int argc, char **argv) {
  const char *name = argc == 2 ? argv[1] : "";
  bench_pin();
  bench_open();
  if (strcmp(name, "scope") == 0) return scopes();
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(name, kinds[i].name) == 0) kind = &kinds[i];
  if (kind == NULL) bench_fail("usage: kinds KIND | scope");
  kind_open();
  hot(HOT / 20);
  uint64_t start_ns = bench_now_ns();
  hot(HOT);
  bench_report_each("hot", start_ns, HOT);
  void **table = bench_table(COUNT, sizeof *table);
  uint64_t make_ns[WARM_ROUNDS], release_ns[WARM_ROUNDS];
  for (size_t round = 0; round <= WARM_ROUNDS; round++) {
    start_ns = bench_now_ns();
    make(table);
    uint64_t made_ns = bench_now_ns();
    release(table);
    /* The first round is in memory that comes from the system. */
    if (round == 0) continue;
    make_ns[round - 1] = made_ns - start_ns;
    release_ns[round - 1] = bench_now_ns() - made_ns;
  }
  bench_report("bulk", (bench_median(make_ns, WARM_ROUNDS) + bench_median(release_ns, WARM_ROUNDS)) / COUNT, "ns");
#ifdef BENCH_RCGC
  if (gc_heap_free(bench_heap) != 0) bench_fail("objects were left");
#endif
  return 0;
}
