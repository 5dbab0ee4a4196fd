/* Objects of every kind of type, counts, weak handles, weak maps, scopes, as the first headers say them. */
#include "host.h"

/* ---- counts ---- */

static void counts_are_what_was_counted(void) {
  gc_heap *heap = heap_named("counts");
  rc_type *type = node_type(heap);
  Node *node = node_new(type, 7);
  CHECK_EQ(rc_count(node), 1);
  CHECK(rc_is_unique(node) && !rc_is_immortal(node));
  for (int i = 0; i < 1000; i++) rc_incref(node);
  CHECK_EQ(rc_count(node), 1001);
  for (int i = 0; i < 1000; i++) rc_decref(node);
  CHECK(rc_is_unique(node));
  rc_xincref(node), rc_xincref(check_null());
  rc_xdecref(node), rc_xdecref(check_null());
  CHECK(rc_newref(node) == node);
  CHECK_EQ(rc_count(node), 2);
  Node *slot = NULL;
  rc_setref(&slot, node);
  CHECK(slot == node);
  rc_clear(&slot);
  CHECK(!slot && rc_is_unique(node));
  CHECK_EQ(rc_type_live(type), 1);
  rc_decref(node);
  CHECK_EQ(rc_type_live(type), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void immortal_objects_stay(void) {
  gc_heap *heap = heap_named("immortal");
  Node *node = node_new(node_type(heap), 1);
  rc_immortalize(node);
  CHECK(rc_is_immortal(node) && !rc_is_unique(node));
  CHECK_EQ(rc_count(node), UINT32_MAX);
  for (int i = 0; i < 10; i++) rc_decref(node);
  for (int i = 0; i < 3; i++) rc_incref(node);
  CHECK(rc_is_immortal(node));
  CHECK_EQ(node->id, 1);
  CHECK_EQ(gc_collect(heap), 0);
  (void)gc_heap_free(heap);
}

/* Random stores into random nodes, with a count kept beside each node. */
static void a_random_graph_keeps_its_counts(void) {
  enum { NODES = 64 };
  uint64_t seed = check_seed("a_random_graph_keeps_its_counts");
  gc_heap *heap = heap_named("random");
  rc_type *type = node_type(heap);
  Node *nodes[NODES];
  uint32_t counts[NODES];
  for (size_t i = 0; i < NODES; i++) nodes[i] = node_new(type, i), counts[i] = 1;
  for (size_t step = 0; step < check_scale(2000, 50000, 500000); step++) {
    Node *from = nodes[check_below(&seed, NODES)];
    Node **slot = check_below(&seed, 2) ? &from->left : &from->right;
    size_t to = check_below(&seed, NODES + 1);
    if (*slot) counts[(*slot)->id]--;
    if (to < NODES) {
      counts[to]++;
      rc_setref(slot, rc_newref(nodes[to]));
    } else {
      rc_clear(slot);
    }
  }
  for (size_t i = 0; i < NODES; i++) CHECK_EQ(rc_count(nodes[i]), counts[i]);
  CHECK_EQ(gc_collect(heap), 0);
  for (size_t i = 0; i < NODES; i++) rc_decref(nodes[i]);
  (void)gc_collect(heap);
  CHECK_EQ(rc_type_live(type), 0);
  CHECK_EQ(rc_type_free(type), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void release_dead(void *obj) {
  rc_decref(obj);
}

static void a_dead_object_is_found(void) {
  gc_heap *heap = heap_named("dead");
  rc_type *type = node_type(heap);
  Node *keep = node_new(type, 1), *node = node_new(type, 2);
  rc_decref(node);
  CHECK_FATAL(release_dead, node, "rc_decref");
  rc_decref(keep);
  (void)gc_heap_free(heap);
}

/* ---- types ---- */

typedef struct Value {
  uint32_t tag;
  uint32_t more;
  void *payload;
} Value;

typedef struct Everything {
  Node *one;
  Node *fixed[3];
  Node **vector;
  uint32_t vector_length;
  uintptr_t word;
  uintptr_t words[2];
  uintptr_t *word_vector;
  uint16_t word_count;
  uint32_t tag;
  void *payload;
  Value values[2];
  Value *value_vector;
  uint64_t value_count;
  rc_weak *weak;
} Everything;

static const rc_field everything_fields[] = {
    RC_FIELD(Everything, one),
    RC_FIELD_ARRAY(Everything, fixed),
    RC_FIELD_VECTOR(Everything, vector, vector_length),
    RC_FIELD_TAGGED(Everything, word, 1, 1, ~UINT64_C(1)),
    RC_FIELD_TAGGED_ARRAY(Everything, words, 1, 1, ~UINT64_C(1)),
    RC_FIELD_TAGGED_VECTOR(Everything, word_vector, word_count, 1, 1, ~UINT64_C(1)),
    RC_FIELD_VARIANT(Everything, payload, tag, 0xff, 4),
    RC_FIELD_VARIANT_ARRAY(Everything, values, payload, tag, 0xff, 4),
    RC_FIELD_VARIANT_VECTOR(Everything, value_vector, value_count, payload, tag, 0xff, 4),
    RC_FIELD_WEAK(Everything, weak),
};

static unsigned destroyed, finalized;

static void destroy_everything(void *obj) {
  Everything *all = obj;
  CHECK(!all->one && !all->fixed[0] && !all->weak);
  free(all->vector), free(all->word_vector), free(all->value_vector);
  destroyed++;
}

static void finalize_everything(void *obj) {
  Everything *all = obj;
  CHECK(all->one != NULL);
  finalized++;
}

/* Every way of being a reference, each to a node of its own that dies with the holder. */
static void every_declared_field_owns(void) {
  gc_heap *heap = heap_named("fields");
  rc_type *nodes = node_type(heap);
  int context = 0;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Everything", spec.size = sizeof(Everything), spec.ctx = &context;
  spec.fields = everything_fields, spec.field_count = RC_COUNT_OF(everything_fields);
  spec.destroy = destroy_everything, spec.finalize = finalize_everything;
  rc_type *type = NULL;
  REQUIRE(rc_type_new(heap, &spec, &type) == RC_OK);
  CHECK(rc_type_ctx(type) == &context);
  CHECK_STR(rc_type_name(type), "Everything");

  Everything *all = rc_new(type);
  REQUIRE(all);
  CHECK(rc_type_of(all) == type && rc_heap_of(all) == heap);
  CHECK_EQ(rc_size_of(all), sizeof(Everything));
  Node *target = node_new(nodes, 99);
  all->one = node_new(nodes, 1);
  for (size_t i = 0; i < 3; i++) all->fixed[i] = node_new(nodes, i);
  all->vector = calloc(4, sizeof *all->vector);
  for (; all->vector_length < 4; all->vector_length++) all->vector[all->vector_length] = node_new(nodes, 5);
  all->word = (uintptr_t)node_new(nodes, 6) | 1;
  all->words[0] = (uintptr_t)node_new(nodes, 7) | 1, all->words[1] = 40 << 1;
  all->word_vector = calloc(1, sizeof *all->word_vector);
  all->word_vector[0] = (uintptr_t)node_new(nodes, 8) | 1, all->word_count = 1;
  all->payload = node_new(nodes, 9), all->tag = 0x104;
  all->values[1].payload = node_new(nodes, 10), all->values[1].tag = 4;
  all->values[0].payload = &context; /* tag 0: no reference */
  all->value_vector = calloc(1, sizeof *all->value_vector);
  all->value_vector[0].payload = node_new(nodes, 11), all->value_vector[0].tag = 4, all->value_count = 1;
  all->weak = rc_weak_new(target, NULL, NULL);

  CHECK_EQ(rc_type_live(nodes), 15);
  CHECK_EQ(rc_weak_count(target), 1);
  CHECK(!gc_is_finalized(all));
  rc_decref(all);
  CHECK_EQ(finalized, 1);
  CHECK_EQ(destroyed, 1);
  CHECK_EQ(rc_type_live(nodes), 1);
  CHECK_EQ(rc_weak_count(target), 0);
  rc_decref(target);
  CHECK_EQ(gc_heap_free(heap), 0);
}

typedef struct List {
  uint64_t used;
  Node *items[];
} List;
typedef struct Words {
  uint64_t used;
  uintptr_t items[];
} Words;
typedef struct Values {
  uint64_t used;
  Value items[];
} Values;
static const rc_field list_fields[] = {RC_FIELD_TAIL(List, items)};
static const rc_field word_fields[] = {RC_FIELD_TAGGED_TAIL(Words, items, 7, 2, ~UINT64_C(7))};
static const rc_field value_fields[] = {RC_FIELD_VARIANT_TAIL(Values, items, payload, tag, 1, 1)};

static rc_type *tail_type(gc_heap *heap, const char *name, size_t size, size_t tail, const rc_field *field) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = size, spec.tail_size = tail, spec.fields = field, spec.field_count = field != NULL;
  rc_type *type = NULL;
  REQUIRE(rc_type_new(heap, &spec, &type) == RC_OK);
  return type;
}

static void every_declared_tail_owns(void) {
  gc_heap *heap = heap_named("tails");
  rc_type *nodes = node_type(heap);
  rc_type *lists = tail_type(heap, "List", sizeof(List), sizeof(Node *), list_fields);
  rc_type *words = tail_type(heap, "Words", sizeof(Words), sizeof(uintptr_t), word_fields);
  rc_type *values = tail_type(heap, "Values", sizeof(Values), sizeof(Value), value_fields);
  rc_type *bytes = tail_type(heap, "Bytes", sizeof(uint64_t), 1, NULL);
  List *list = rc_new_array(lists, 100);
  Words *word = rc_new_array(words, 3);
  Values *value = rc_new_array(values, 2);
  void *text = rc_new_array(bytes, 100000);
  REQUIRE(list && word && value && text);
  CHECK_EQ(rc_length(list), 100);
  CHECK_EQ(rc_length(text), 100000);
  CHECK_EQ(rc_size_of(list), sizeof(List) + 100 * sizeof(Node *));
  for (size_t i = 0; i < 100; i++) {
    CHECK(list->items[i] == NULL);
    list->items[i] = node_new(nodes, i);
  }
  word->items[2] = (uintptr_t)node_new(nodes, 1) | 2, word->items[0] = 5;
  value->items[1].payload = node_new(nodes, 2), value->items[1].tag = 3;
  CHECK_EQ(rc_type_live(nodes), 102);
  rc_decref(list);
  CHECK_EQ(rc_type_live(nodes), 2);
  rc_decref(word), rc_decref(value), rc_decref(text);
  CHECK_EQ(rc_type_live(nodes), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A type that reports its references itself. */
static int traverse_node(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  int stop = rc_visit_named(visit, visit_ctx, node->left, "left", RC_NO_INDEX);
  return stop ? stop : visit(node->right, visit_ctx);
}

static void clear_node(void *obj) {
  Node *node = obj;
  rc_clear(&node->left);
  rc_clear(&node->right);
}

static void types_with_callbacks(void) {
  gc_heap *heap = heap_named("callbacks");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Reported", spec.size = sizeof(Node);
  rc_type *type = NULL;
  spec.traverse = traverse_node;
  CHECK_EQ(rc_type_new(heap, &spec, &type), RC_ERR_INVALID); /* a traverse needs a clear */
  CHECK_STR(gc_error_message(heap), "clear");
  CHECK_STR(rc_status_name(RC_ERR_INVALID), "RC_ERR_INVALID");
  spec.clear = clear_node;
  REQUIRE(rc_type_new(heap, &spec, &type) == RC_OK);
  Node *ring = node_ring(type, 3);
  CHECK(!gc_is_tracked(ring));
  for (Node *node = ring; !gc_is_tracked(node); node = node->left) CHECK_EQ(gc_track(node), RC_OK);
  CHECK_EQ(gc_track(ring), RC_OK);
  CHECK_EQ(rc_type_free(type), RC_ERR_IN_USE);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 3);

  spec.flags = RC_TYPE_TRACK_ON_NEW, spec.name = "Eager";
  rc_type *eager = NULL;
  REQUIRE(rc_type_new(heap, &spec, &eager) == RC_OK);
  Node *node = node_new(eager, 1);
  CHECK(gc_is_tracked(node));
  CHECK_EQ(gc_untrack(node), RC_OK);
  CHECK(!gc_is_tracked(node));
  rc_decref(node);

  spec.flags = RC_TYPE_ACYCLIC, spec.name = "Leaf", spec.traverse = NULL, spec.clear = NULL;
  rc_type *leaf = NULL;
  REQUIRE(rc_type_new(heap, &spec, &leaf) == RC_OK);
  node = node_new(leaf, 1);
  CHECK_EQ(gc_track(node), RC_ERR_UNSUPPORTED);
  CHECK_EQ(rc_add_external_bytes(node, 1000), RC_OK);
  GUARDED(gc_stats, stats, GC_STATS_INIT);
  CHECK_EQ(gc_get_stats(heap, &stats.is), RC_OK);
  CHECK_EQ(stats.is.external_bytes, 1000);
  CHECK_GUARD(stats);
  CHECK_EQ(rc_add_external_bytes(node, -1000), RC_OK);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- weak handles and maps ---- */

static void count_call(rc_weak *weak, void *ctx) {
  CHECK(rc_weak_get(weak) == NULL);
  ++*(unsigned *)ctx;
}

static void weak_handles_read_null_afterwards(void) {
  gc_heap *heap = heap_named("weak");
  Node *ring = node_ring(node_type(heap), 4);
  unsigned called = 0;
  rc_weak *first = rc_weak_new(ring, count_call, &called), *second = rc_weak_new(ring, NULL, NULL);
  REQUIRE(first && second);
  CHECK_EQ(rc_weak_count(ring), 2);
  Node *got = rc_weak_get(first);
  CHECK(got == ring);
  rc_xdecref(got);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 4);
  CHECK_EQ(called, 1);
  CHECK(rc_weak_get(second) == NULL);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(rc_weak_get(second) == NULL); /* handles outlive their heap */
  rc_weak_free(first), rc_weak_free(second), rc_weak_free(check_null());
}

static void weak_maps_are_ephemerons(void) {
  gc_heap *heap = heap_named("maps");
  rc_type *type = node_type(heap);
  rc_weakmap *map = rc_weakmap_new(heap);
  REQUIRE(map);
  Node *key = node_new(type, 1), *value = node_new(type, 2);
  value->left = rc_newref(key); /* the value leads back to its key */
  CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
  rc_decref(value);
  CHECK_EQ(rc_weakmap_length(map), 1);
  Node *got = rc_weakmap_get(map, key);
  CHECK(got == value);
  rc_xdecref(got);
  rc_decref(key);
  (void)gc_collect(heap);
  CHECK_EQ(rc_weakmap_length(map), 0);
  CHECK_EQ(rc_type_live(type), 0);
  key = node_new(type, 3);
  CHECK_EQ(rc_weakmap_set(map, key, key), RC_OK);
  CHECK_EQ(rc_weakmap_remove(map, key), RC_OK);
  CHECK(rc_weakmap_get(map, key) == NULL);
  rc_decref(key), rc_decref(map);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- scopes ---- */

static size_t live_after(gc_heap *heap, rc_type *type) {
  RC_SCOPE(heap);
  for (size_t i = 0; i < 5; i++) rc_scope_keep(heap, node_new(type, i));
  RC_SCOPE_NAMED(heap, "inner");
  rc_scope_keep(heap, node_new(type, 9));
  RC_AUTO Node *own = node_new(type, 10);
  CHECK_EQ(own->id, 10);
  return rc_type_live(type);
}

static void scopes_release_what_they_keep(void) {
  gc_heap *heap = heap_named("scopes");
  rc_type *type = node_type(heap);
  CHECK_EQ(live_after(heap, type), 7);
  CHECK_EQ(rc_type_live(type), 0);
  rc_scope_mark outer = rc_scope_enter(heap), inner = rc_scope_enter_named(heap, "named");
  CHECK(outer != RC_SCOPE_NONE && inner != RC_SCOPE_NONE);
  Node *node = rc_scope_keep(heap, node_new(type, 1));
  CHECK_EQ(rc_count(node), 1);
  CHECK(rc_scope_leave(heap, outer) != RC_OK); /* out of order */
  CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
  CHECK_EQ(rc_type_live(type), 0);
  CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(counts_are_what_was_counted),
    CHECK_TEST(immortal_objects_stay),
    CHECK_TEST(a_random_graph_keeps_its_counts),
    CHECK_TEST(a_dead_object_is_found),
    CHECK_TEST(every_declared_field_owns),
    CHECK_TEST(every_declared_tail_owns),
    CHECK_TEST(types_with_callbacks),
    CHECK_TEST(weak_handles_read_null_afterwards),
    CHECK_TEST(weak_maps_are_ephemerons),
    CHECK_TEST(scopes_release_what_they_keep),
};
CHECK_MAIN(tests)
