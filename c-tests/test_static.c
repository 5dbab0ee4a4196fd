/* RC_STATIC: static constants in slots of every kind, through both deaths, collections, freezing, sessions, dumps, scopes
 * and weak maps; what each call says of one; and the order that the compiler must keep. Skipped where the macro is not. */
#include "check.h"
#include "graph.h"

#ifdef RC_STATIC

typedef struct Value {
  uint64_t tag;
  const char *text;
} Value;

typedef struct Big {
  uint64_t words[70];
} Big;

typedef struct Tiny {
  char letters[3];
} Tiny;

RC_STATIC(Value, nil) = {1, "nil"};
static uint64_t between = UINT64_MAX; /* not among them */
RC_STATIC(Value, truth) = {.tag = 2, .text = "true"};
RC_STATIC(Tiny, tiny) = {{'a', 'b', 'c'}};
RC_STATIC(Big, big) = {{7}};
RC_STATIC(Tiny, other_tiny) = {{'d'}};
RC_STATIC(Value, changed) = {0};

static void *const all[] = {&nil, &truth, &tiny, &big, &other_tiny, &changed};

static void headers_lie_before_them(void) {
  for (size_t i = 0; i < RC_COUNT_OF(all); i++) {
    CHECK_EQ((uintptr_t)all[i] % 16, 0);
    CHECK_EQ(rc_count(all[i]), UINT32_MAX);
    CHECK(rc_is_immortal(all[i]) && !rc_is_unique(all[i]));
    for (size_t j = 0; j < 1000; j++) rc_incref(all[i]);
    for (size_t j = 0; j < 2000; j++) rc_decref(all[i]);
    CHECK(rc_newref(all[i]) == all[i]);
    rc_xdecref(all[i]);
    CHECK_EQ(rc_count(all[i]), UINT32_MAX);
  }
  CHECK(nil.tag == 1 && truth.tag == 2 && tiny.letters[2] == 'c' && big.words[0] == 7 && between == UINT64_MAX);
  changed.tag = 9;
  CHECK_EQ(rc_count(&changed), UINT32_MAX);
}

/* ---- slots ---- */

static void in_slots_of(rc_type *type, gc_heap *heap) {
  Node *node = rc_new(type);
  REQUIRE(node);
  rc_setref(&node->a, &nil);
  rc_setref(&node->a, rc_newref(&truth));
  node->b = (Node *)(void *)&big;
  CHECK_EQ(gc_collect(heap), 0);
  rc_clear(&node->b);
  node->b = (Node *)(void *)&big;
  rc_decref(node); /* by its count */
  Node *ring = graph_ring(type, 3);
  rc_setref(&ring->b, &nil);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_collect_young(heap), 0);
  CHECK_EQ(gc_freeze(heap), RC_OK);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_unfreeze(heap), RC_OK);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 3);
}

static void in_declared_and_reported_slots(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = graph_heap("slots");
    in_slots_of(graph_kinds[kind](heap), heap);
    gc_generation_stats full = graph_stats(heap).full;
    CHECK_EQ(full.last_status, RC_OK); /* no traverse reported what is none */
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

typedef struct Every {
  void *array[2];
  uint64_t tagged;
  uint8_t tag;
  void *variant;
  void **vector;
  uint32_t used;
  void *tail[];
} Every;

static void free_vector(void *obj) {
  free(((Every *)obj)->vector);
}

static void in_every_kind_of_slot(void) {
  static const rc_field fields[] = {
      RC_FIELD_ARRAY(Every, array),
      RC_FIELD_TAGGED(Every, tagged, 1, 1, ~(uint64_t)7),
      RC_FIELD_VARIANT(Every, variant, tag, 0xff, 5),
      RC_FIELD_VECTOR(Every, vector, used),
      RC_FIELD_TAIL(Every, tail),
  };
  gc_heap *heap = graph_heap("every");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Every", spec.size = sizeof(Every), spec.tail_size = 8;
  spec.fields = fields, spec.field_count = RC_COUNT_OF(fields), spec.destroy = free_vector;
  rc_type *type = graph_type(heap, &spec);
  for (size_t ring = 0; ring < 2; ring++) {
    Every *every = rc_new_array(type, 4);
    REQUIRE(every);
    every->array[0] = &nil;
    every->tagged = (uint64_t)(uintptr_t)&truth | 1;
    every->tag = 5, every->variant = &tiny;
    every->vector = calloc(3, sizeof(void *));
    REQUIRE(every->vector);
    every->vector[0] = &big, every->vector[2] = &nil, every->used = 3;
    every->tail[1] = &truth;
    if (ring) every->array[1] = every;
    size_t findings = 1;
    CHECK_EQ(gc_verify(heap, NULL, NULL, &findings), RC_OK);
    CHECK_EQ(findings, 0);
    CHECK_EQ(rc_resize(&every, 1), ring ? RC_OK : RC_OK); /* what is shrunk off is a constant */
    if (!ring) rc_decref(every);
    CHECK_EQ(gc_collect(heap), ring);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what calls say ---- */

static void what_it_is(void) {
  CHECK(rc_type_of(&nil) == NULL);
  CHECK(rc_heap_of(&nil) == NULL);
  CHECK_EQ(rc_size_of(&big), sizeof(Big));
  CHECK_EQ(rc_size_of(&tiny), 3);
  CHECK_EQ(rc_length(&nil), 0);
  CHECK(rc_object_of(&nil) == NULL); /* of no heap */
  CHECK(!rc_is_dying(&nil) && !gc_is_tracked(&nil) && !gc_is_finalized(&nil));
  rc_immortalize(&nil);
  gc_object_facts facts = GC_OBJECT_FACTS_INIT;
  CHECK_EQ(gc_object_info(&big, &facts), RC_OK);
  CHECK_EQ(facts.place, GC_ADDRESS_STATIC);
  CHECK(facts.object == (void *)&big && facts.heap == NULL && facts.type == NULL);
  CHECK_EQ(facts.size, sizeof(Big));
  CHECK_EQ(facts.count, UINT32_MAX);
  CHECK_EQ(facts.flags, GC_OBJECT_IMMORTAL);
  CHECK_EQ(gc_object_info(&big.words[3], &facts), RC_OK);
  CHECK_EQ(facts.place, GC_ADDRESS_FOREIGN);
  CHECK_EQ(gc_object_info(&between, &facts), RC_OK);
  CHECK_EQ(facts.place, GC_ADDRESS_FOREIGN);
}

static void refused_by_name(rc_status status) {
  CHECK_EQ(status, RC_ERR_UNSUPPORTED);
  CHECK_STR(gc_error_message(NULL), "static constant nil");
  CHECK_STR(gc_error_message(NULL), "Value");
}

static void what_only_a_heap_can_keep(void) {
  refused_by_name(gc_track(&nil));
  refused_by_name(gc_untrack(&nil));
  refused_by_name(rc_add_external_bytes(&nil, 10));
  refused_by_name(gc_expect_dead(&nil, "never"));
  void *slot = &nil;
  refused_by_name(rc_resize(&slot, 1));
  CHECK(slot == (void *)&nil);
  gc_origin origin = GC_ORIGIN_INIT;
  refused_by_name(gc_object_site(&nil, &origin));
  CHECK(rc_weak_new(&nil, NULL, NULL) == NULL);
  CHECK_STR(gc_error_message(NULL), "static constant nil");
  CHECK_EQ(rc_weak_count(&nil), 0);
  CHECK_EQ(gc_hold_at(&nil, "tag", NULL), GC_HOLD_NONE);
  CHECK_STR(gc_error_message(NULL), "static constant nil");
}

static void room_of(void *obj) {
  (void)rc_room(obj);
}

static void what_has_no_status_is_fatal_by_name(void) {
  CHECK_FATAL(room_of, &nil, "rc_room", "static constant nil");
}

static void in_weak_maps(void) {
  gc_heap *heap = graph_heap("maps");
  rc_weakmap *map = rc_weakmap_new(heap);
  Node *key = graph_node(graph_declared(heap), 0);
  CHECK_EQ(rc_weakmap_set(map, key, &truth), RC_OK);
  CHECK(rc_weakmap_get(map, key) == (void *)&truth);
  CHECK_EQ(rc_weakmap_set(map, key, &nil), RC_OK);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK(rc_weakmap_take(map, key) == (void *)&nil);
  CHECK_EQ(rc_weakmap_set(map, key, &nil), RC_OK);
  CHECK_EQ(rc_weakmap_remove(map, key), RC_OK);
  CHECK_EQ(rc_weakmap_set(map, key, &nil), RC_OK);
  CHECK_EQ(rc_weakmap_set(map, &nil, key), RC_ERR_UNSUPPORTED); /* no key: it never dies */
  CHECK_STR(gc_error_message(heap), "static constant nil");
  CHECK(rc_weakmap_get(map, &nil) == NULL && rc_weakmap_take(map, &nil) == NULL);
  CHECK_EQ(rc_weakmap_remove(map, &nil), RC_OK);
  rc_decref(key);
  CHECK_EQ(rc_weakmap_length(map), 0);
  rc_decref(map);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void in_scopes(void) {
  gc_heap *heap = graph_heap("scopes");
  void *(*keep)(gc_heap *, void *) = rc_scope_keep;
  rc_scope_mark outer = rc_scope_enter(heap), mark = rc_scope_enter(heap);
  CHECK(rc_scope_keep(heap, &nil) == (void *)&nil);
  CHECK(keep(heap, &truth) == (void *)&truth);
  CHECK_EQ(rc_scope_leave_with(heap, mark, &nil), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- who looks at edges ---- */

static int count_bytes(const void *bytes, size_t size, void *ctx) {
  (void)bytes;
  *(size_t *)ctx += size;
  return 0;
}

static void sessions_and_dumps(void) {
  gc_heap *heap = graph_heap("looks");
  rc_type *type = graph_declared(heap);
  Node *node = graph_node(type, 0);
  node->a = (Node *)(void *)&nil;
  node->b = graph_node(type, 1);
  gc_query *query = NULL;
  REQUIRE(gc_query_begin(heap, &query) == RC_OK);
  gc_path_step rows[8] = {GC_PATH_STEP_INIT};
  size_t count = 0;
  CHECK_EQ(gc_referents(query, node, rows, RC_COUNT_OF(rows), &count), RC_OK);
  CHECK_EQ(count, 2);
  for (size_t i = 0; i < count; i++) {
    CHECK((rows[i].object == (void *)&nil) == (strcmp(rows[i].name, "a") == 0));
    CHECK((rows[i].type == NULL) == (rows[i].object == (void *)&nil));
  }
  int64_t outside = 0;
  CHECK_EQ(gc_external_references(query, &nil, &outside), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "static constant nil");
  CHECK_EQ(gc_query_end(query), RC_OK);
  size_t bytes = 0;
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = count_bytes, options.write_ctx = &bytes;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  CHECK(bytes != 0);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void at_the_checking_level(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.check = GC_CHECK_CHECKED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  in_slots_of(graph_declared(heap), heap);
  in_slots_of(graph_callback(heap), heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What is held when the heap ends may hold constants. */
static void at_the_end_of_a_heap(void) {
  gc_heap *heap = graph_heap("end");
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    Node *node = graph_node(graph_kinds[kind](heap), 0);
    node->a = (Node *)(void *)&nil;
  }
  CHECK_EQ(gc_heap_free(heap), GRAPH_KINDS);
}

/* ---- hosts without the macro ---- */

static struct {
  uint64_t spare;
  uint32_t count, type;
  Value value;
} by_hand __attribute__((aligned(16))) = {0, RCGC_COUNT_IMMORTAL, 0, {3, "by hand"}};

static void add_without_header(void *arg) {
  static rc_static wrong;
  wrong.struct_size = sizeof wrong, wrong.object = arg, wrong.size = 8, wrong.type_name = "Value", wrong.name = "wrong";
  rc_static_add(&wrong);
}

static void by_hand_and_wrong(void) {
  static rc_static entry = {sizeof(rc_static), &by_hand.value, sizeof(Value), "Value", "by_hand", NULL};
  rc_static_add(&entry);
  CHECK(rc_is_immortal(&by_hand.value));
  rc_static_add(&entry);
  CHECK_EQ(rc_size_of(&by_hand.value), sizeof(Value));
  rc_static_remove(&entry);
  rc_static_remove(&entry);
  gc_object_facts facts = GC_OBJECT_FACTS_INIT;
  CHECK_EQ(gc_object_info(&by_hand.value, &facts), RC_OK);
  CHECK_EQ(facts.place, GC_ADDRESS_FOREIGN);
  static _Alignas(16) uint64_t words[8];
  CHECK_FATAL(add_without_header, &words[2], "wrong", "header");
  CHECK_FATAL(add_without_header, &words[3], "wrong", "aligned");
}

/* An interpreter has a constant for each of its names: found whatever others come and go. */
static void thousands(void) {
  enum { COUNT = 5000 };
  struct constant {
    uint64_t spare;
    uint32_t count, type;
    uint64_t number, more;
  };
  struct constant *objects = aligned_alloc(16, COUNT * sizeof *objects);
  rc_static *entries = calloc(COUNT, sizeof *entries);
  REQUIRE(objects && entries && sizeof *objects % 16 == 0);
  for (size_t i = 0; i < COUNT; i++) {
    objects[i].count = RCGC_COUNT_IMMORTAL, objects[i].type = 0, objects[i].number = i;
    entries[i].struct_size = sizeof *entries, entries[i].object = &objects[i].number, entries[i].size = i;
    entries[i].type_name = "Number", entries[i].name = "many";
    rc_static_add(&entries[i]);
    rc_static_add(&entries[i]);
  }
  size_t wrong = 0;
  for (size_t i = 0; i < COUNT; i++) wrong += rc_size_of(&objects[i].number) != i;
  for (size_t i = 0; i < COUNT; i += 3) rc_static_remove(&entries[i]);
  for (size_t i = 0; i < COUNT; i++) {
    gc_object_facts facts = GC_OBJECT_FACTS_INIT;
    wrong += gc_object_info(&objects[i].number, &facts) != RC_OK;
    wrong += facts.place != (i % 3 == 0 ? GC_ADDRESS_FOREIGN : GC_ADDRESS_STATIC);
    wrong += gc_object_info(&objects[i].more, &facts) != RC_OK || facts.place != GC_ADDRESS_FOREIGN;
  }
  for (size_t i = 0; i < COUNT; i++) rc_static_remove(&entries[i]);
  CHECK_EQ(wrong, 0);
  CHECK_EQ(rc_size_of(&big), sizeof(Big));
  free(entries);
  free(objects);
}

int main(int argc, char **argv) {
  static const check_test tests[] = {
      CHECK_TEST(headers_lie_before_them),
      CHECK_TEST(in_declared_and_reported_slots),
      CHECK_TEST(in_every_kind_of_slot),
      CHECK_TEST(what_it_is),
      CHECK_TEST(what_only_a_heap_can_keep),
      CHECK_TEST(what_has_no_status_is_fatal_by_name),
      CHECK_TEST(in_weak_maps),
      CHECK_TEST(in_scopes),
      CHECK_TEST(sessions_and_dumps),
      CHECK_TEST(at_the_checking_level),
      CHECK_TEST(at_the_end_of_a_heap),
      CHECK_TEST(by_hand_and_wrong),
      CHECK_TEST(thousands),
  };
  return check_run(tests, RC_COUNT_OF(tests), argc, argv);
}

#else

static void there_is_no_macro(void) {
  CHECK_EQ(GC_ADDRESS_STATIC, 4);
}

static const check_test tests[] = {CHECK_TEST(there_is_no_macro)};

CHECK_MAIN(tests)

#endif
