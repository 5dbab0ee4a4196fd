/* Numbers by type, growth since a mark and against the peak, and the objects that are new since a mark. */
#include "check.h"
#include "graph.h"

static gc_type_facts type_facts(rc_type *type) {
  gc_type_facts facts = GC_TYPE_FACTS_INIT;
  CHECK_EQ(gc_type_stats(type, &facts), RC_OK);
  return facts;
}

static rc_type *plain_type(gc_heap *heap, const char *name, size_t size, size_t tail) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = size, spec.tail_size = tail;
  return graph_type(heap, &spec);
}

/* Bytes of an object in its heap. */
static size_t facts_bytes(const void *obj) {
  gc_object_facts facts = GC_OBJECT_FACTS_INIT;
  CHECK_EQ(gc_object_info(obj, &facts), RC_OK);
  return facts.block_bytes;
}

/* What a ration may hide of a peak. */
enum { RATION = 4096 };

/* ---- numbers by type ---- */

static void what_a_type_made_and_lost(void) {
  gc_heap *heap = graph_heap("numbers");
  rc_type *type = graph_declared(heap);
  gc_type_facts facts = type_facts(type);
  CHECK(facts.type == type);
  CHECK(strcmp(facts.name, "Declared") == 0);
  CHECK_EQ(facts.size, sizeof(Node));
  CHECK_EQ(facts.live + facts.bytes + facts.peak + facts.allocated, 0);
  graph_policy(heap, GC_POLICY_NEVER);
  Node *chain = graph_chain(type, 100, false), *ring = graph_ring(type, 50);
  facts = type_facts(type);
  CHECK_EQ(facts.live, 150);
  CHECK_EQ(facts.bytes, 150 * 32);
  CHECK_EQ(facts.peak, 150);
  CHECK_EQ(facts.peak_bytes, 150 * 32);
  CHECK_EQ(facts.allocated, 150);
  CHECK_EQ(facts.allocated_bytes, 150 * 32);
  rc_decref(chain), rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 50);
  Node *last = graph_node(type, 1);
  facts = type_facts(type);
  CHECK_EQ(facts.live, 1);
  CHECK_EQ(facts.peak, 150);
  CHECK_EQ(facts.allocated, 151);
  CHECK_EQ(facts.freed_by_count, 100);
  CHECK_EQ(facts.freed_by_collector, 50);
  rc_decref(last);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void objects_of_many_sizes(void) {
  gc_heap *heap = graph_heap("sizes");
  rc_type *type = plain_type(heap, "Array", 8, 1), *large = plain_type(heap, "Large", 100000, 0);
  void *small = rc_new_array(type, 10), *big = rc_new_array(type, 100000), *two = rc_new(large);
  gc_type_facts facts = type_facts(type);
  CHECK_EQ(facts.live, 2);
  CHECK_EQ(facts.bytes, 48 + 131072);
  CHECK_EQ(facts.peak, 2);
  CHECK_EQ(facts.peak_bytes, 48 + 131072);
  CHECK_EQ(type_facts(large).bytes, 131072);
  rc_decref(big), rc_decref(small), rc_decref(two);
  facts = type_facts(type);
  CHECK_EQ(facts.bytes, 0);
  CHECK_EQ(facts.allocated_bytes, 48 + 131072);
  CHECK_EQ(facts.peak_bytes, 48 + 131072);
  CHECK_EQ(type_facts(large).freed_by_count, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A model of a type's life: the peak is never too high, and short by less than a ration. */
static void a_peak_is_exact_within_a_ration(void) {
  uint64_t seed = check_seed("a_peak_is_exact_within_a_ration");
  for (int arrays = 0; arrays < 2; arrays++) {
    gc_heap *heap = graph_heap("peaks");
    rc_type *type = arrays ? plain_type(heap, "Array", 24, 8) : plain_type(heap, "Fixed", 24, 0);
    enum { MOST = 4000 };
    void **held = calloc(MOST, sizeof *held);
    size_t live = 0, peak = 0, bytes = 0, peak_bytes = 0;
    for (size_t step = 0; step < check_scale(2000, 30000, 300000); step++) {
      size_t goal = check_below(&seed, 100) ? live : check_below(&seed, MOST);
      do {
        bool grow = goal > live || (goal == live && live == 0) || (goal == live && live < MOST && step % 2);
        if (grow) {
          held[live] = arrays ? rc_new_array(type, check_below(&seed, 20)) : rc_new(type);
          bytes += facts_bytes(held[live]);
          live++;
        } else {
          bytes -= facts_bytes(held[--live]);
          rc_decref(held[live]);
        }
        if (live > peak) peak = live;
        if (bytes > peak_bytes) peak_bytes = bytes;
      } while (goal != live && goal / 64 != live / 64);
    }
    gc_type_facts facts = type_facts(type);
    CHECK_EQ(facts.live, live);
    CHECK_EQ(facts.bytes, bytes);
    CHECK(facts.peak <= peak && facts.peak + RATION / 32 >= peak);
    CHECK(facts.peak_bytes <= peak_bytes && facts.peak_bytes + RATION >= peak_bytes);
    while (live > 0) rc_decref(held[--live]);
    free(held);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void most_common_first(void) {
  gc_heap *heap = graph_heap("common");
  gc_type_facts rows[8];
  size_t count = 99;
  CHECK_EQ(gc_most_common_types(heap, GC_ORDER_LIVE, NULL, 0, &count), RC_OK);
  CHECK_EQ(count, 0); /* nothing is not an error */
  rc_type *few = plain_type(heap, "FewButLarge", 1000, 0), *many = plain_type(heap, "Many", 24, 0);
  rc_type *same = plain_type(heap, "AsMany", 24, 0), *gone = graph_declared(heap);
  (void)plain_type(heap, "Never", 24, 0);
  void *held[25];
  size_t n = 0;
  for (size_t i = 0; i < 5; i++) held[n++] = rc_new(few);
  for (size_t i = 0; i < 10; i++) held[n++] = rc_new(many), held[n++] = rc_new(same);
  rc_decref(graph_chain(gone, 30, false));
  for (size_t i = 0; i < 8; i++) rows[i].struct_size = sizeof rows[i];
  CHECK_EQ(gc_most_common_types(heap, GC_ORDER_LIVE, rows, 8, &count), RC_OK);
  CHECK_EQ(count, 3);
  CHECK(rows[0].type == many && rows[1].type == same && rows[2].type == few);
  CHECK_EQ(rows[0].live, 10);
  CHECK_EQ(rows[2].live, 5);
  CHECK_EQ(gc_most_common_types(heap, GC_ORDER_BYTES, rows, 1, &count), RC_OK);
  CHECK_EQ(count, 3);
  CHECK(rows[0].type == few);
  CHECK(strcmp(rows[0].name, "FewButLarge") == 0);
  CHECK_EQ(gc_most_common_types(heap, GC_ORDER_ALLOCATED, rows, 8, &count), RC_OK);
  CHECK_EQ(count, 4);
  CHECK(rows[0].type == gone);
  CHECK_EQ(gc_most_common_types(heap, GC_ORDER_COLLECTED, rows, 8, &count), RC_OK);
  CHECK_EQ(count, 0);
  CHECK_EQ(gc_most_common_types(heap, GC_ORDER_PEAK_BYTES, rows, 8, &count), RC_OK);
  CHECK(rows[0].type == few);
  while (n > 0) rc_decref(held[--n]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void bad_questions_about_types(void) {
  gc_heap *heap = graph_heap("bad");
  rc_type *type = graph_declared(heap);
  gc_type_facts facts = GC_TYPE_FACTS_INIT;
  gc_growth growth = GC_GROWTH_INIT;
  size_t count;
  gc_mark *mark = NULL;
  CHECK_EQ(gc_type_stats(type, check_null()), RC_ERR_INVALID);
  facts.struct_size = 1;
  CHECK_EQ(gc_type_stats(type, &facts), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "gc_type_stats");
  Node *node = graph_node(type, 1);
  CHECK_EQ(gc_most_common_types(heap, 77, &facts, 1, &count), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "order 77");
  CHECK_EQ(gc_most_common_types(heap, 0, &facts, 1, &count), RC_ERR_INVALID); /* its size is 1 */
  CHECK_STR(gc_error_message(heap), "struct_size");
  CHECK_EQ(gc_most_common_types(heap, 0, NULL, 1, &count), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "out_rows");
  CHECK_EQ(gc_most_common_types(heap, 0, NULL, 0, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_growth_mark(heap, 8, &mark), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "flags 0x8");
  CHECK_EQ(gc_growth_mark(heap, 0, check_null()), RC_ERR_INVALID);
  REQUIRE(gc_growth_mark(heap, 0, &mark) == RC_OK);
  CHECK_EQ(gc_growth_since(mark, 5, &growth, 1, &count), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "since 5");
  CHECK_EQ(gc_growth_since(mark, 0, &growth, 1, check_null()), RC_ERR_INVALID);
  gc_growth_free(mark);
  gc_growth_free(NULL);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void free_mark(void *mark) {
  gc_growth_free(mark);
}

static void compare_mark(void *mark) {
  size_t count;
  (void)gc_growth_since(mark, 0, NULL, 0, &count);
}

static void what_is_not_a_mark(void) {
  gc_heap *heap = graph_heap("marks");
  gc_mark *mark = NULL;
  REQUIRE(gc_growth_mark(heap, 0, &mark) == RC_OK);
  gc_growth_free(mark);
  CHECK_FATAL(free_mark, mark, "gc_growth_free", "not a growth mark");
  CHECK_FATAL(compare_mark, mark, "gc_growth_since", "not a growth mark");
  CHECK_FATAL(compare_mark, heap, "gc_growth_since", "not a growth mark");
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- growth ---- */

static size_t grown(gc_mark *mark, uint32_t since, gc_growth *rows, size_t room) {
  size_t count = 0;
  for (size_t i = 0; i < room; i++) rows[i].struct_size = sizeof *rows;
  CHECK_EQ(gc_growth_since(mark, since, rows, room, &count), RC_OK);
  return count;
}

/* A type that shrinks and grows again has not grown against its peak, and has since a mark. */
static void since_the_mark_and_against_the_peak(void) {
  gc_heap *heap = graph_heap("growing");
  rc_type *type = graph_declared(heap);
  gc_growth rows[4];
  gc_mark *mark = NULL, *later = NULL;
  Node *first = graph_chain(type, 100, false);
  REQUIRE(gc_growth_mark(heap, 0, &mark) == RC_OK);
  CHECK_EQ(grown(mark, GC_SINCE_MARK, rows, 4), 0);
  Node *second = graph_chain(type, 50, false);
  CHECK_EQ(grown(mark, GC_SINCE_MARK, rows, 4), 1);
  CHECK(rows[0].type == type && strcmp(rows[0].name, "Declared") == 0);
  CHECK_EQ(rows[0].live, 150);
  CHECK_EQ(rows[0].bytes, 150 * 32);
  CHECK_EQ(rows[0].more, 50);
  CHECK_EQ(rows[0].more_bytes, 50 * 32);
  CHECK_EQ(rows[0].made, 50);
  rc_decref(second);
  REQUIRE(gc_growth_mark(heap, 0, &later) == RC_OK);
  Node *third = graph_chain(type, 40, false);
  CHECK_EQ(grown(mark, GC_SINCE_PEAK, rows, 4), 0); /* 140 is less than 150 */
  CHECK_EQ(grown(mark, GC_SINCE_MARK, rows, 4), 1);
  CHECK_EQ(rows[0].more, 40);
  CHECK_EQ(rows[0].made, 90);
  CHECK_EQ(grown(later, GC_SINCE_PEAK, rows, 4), 1);
  CHECK_EQ(rows[0].more, 40);
  CHECK_EQ(grown(later, GC_SINCE_PEAK, rows, 4), 0); /* that is its peak by now */
  rc_decref(first), rc_decref(third);
  CHECK_EQ(grown(mark, GC_SINCE_MARK, rows, 4), 0);
  gc_growth_free(mark), gc_growth_free(later);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void types_that_come_and_go(void) {
  gc_heap *heap = graph_heap("types");
  rc_type *old = plain_type(heap, "Old", 24, 0), *ends = plain_type(heap, "Ends", 24, 0);
  void *held = rc_new(old);
  gc_growth rows[4];
  gc_mark *mark = NULL;
  REQUIRE(gc_growth_mark(heap, 0, &mark) == RC_OK);
  CHECK_EQ(rc_type_free(ends), RC_OK);
  rc_type *again = plain_type(heap, "InItsPlace", 24, 0), *more = plain_type(heap, "New", 1000, 0);
  void *one = rc_new(again), *two = rc_new(more), *three = rc_new(more);
  CHECK_EQ(grown(mark, GC_SINCE_MARK, rows, 4), 2);
  CHECK(rows[0].type == more && rows[1].type == again);
  CHECK_EQ(rows[0].more, 2);
  CHECK_EQ(rows[1].more, 1);
  CHECK_EQ(grown(mark, GC_SINCE_PEAK, rows, 4), 0);
  rc_decref(held), rc_decref(one), rc_decref(two), rc_decref(three);
  gc_growth_free(mark);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void a_mark_outlives_its_heap(void) {
  gc_heap *heap = graph_heap("short-lived");
  (void)graph_declared(heap);
  gc_mark *mark = NULL;
  size_t count = 7;
  REQUIRE(gc_growth_mark(heap, GC_MARK_OBJECTS, &mark) == RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
  heap = graph_heap("next");
  CHECK_EQ(gc_growth_since(mark, GC_SINCE_MARK, NULL, 0, &count), RC_ERR_STALE);
  CHECK_EQ(count, 7);
  gc_growth_free(mark);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- objects that are new ---- */

static size_t count_new(gc_heap *heap, gc_mark *mark, uint64_t *sum) {
  gc_iter_filter filter = GC_ITER_FILTER_INIT;
  filter.newer_than = mark;
  gc_iter iter;
  REQUIRE(gc_iter_begin(heap, &filter, &iter) == RC_OK);
  size_t count = 0;
  void *obj;
  *sum = 0;
  while (gc_iter_next(&iter, &obj) == RC_OK && obj) count++, *sum += *(uint64_t *)obj;
  return count;
}

static void the_address_of_the_dead_is_new(void) {
  gc_heap *heap = graph_heap("reused");
  rc_type *type = plain_type(heap, "Reused", 24, 0);
  uint64_t *node = rc_new(type), sum;
  gc_mark *mark = NULL;
  REQUIRE(gc_growth_mark(heap, GC_MARK_OBJECTS, &mark) == RC_OK);
  CHECK_EQ(count_new(heap, mark, &sum), 0);
  uint64_t *before = node;
  rc_decref(node);
  node = rc_new(type);
  CHECK(node == before); /* the block freed last comes first */
  *node = 7;
  CHECK_EQ(count_new(heap, mark, &sum), 1);
  CHECK_EQ(sum, 7);
  gc_object_facts facts = GC_OBJECT_FACTS_INIT;
  CHECK_EQ(gc_object_info(node, &facts), RC_OK);
  CHECK(facts.flags & GC_OBJECT_NEW);
  rc_decref(node);
  gc_growth_free(mark);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void only_the_latest_mark_tells_objects(void) {
  gc_heap *heap = graph_heap("latest");
  rc_type *type = graph_declared(heap);
  Node *chain = graph_chain(type, 10, false);
  gc_mark *numbers = NULL, *one = NULL, *two = NULL;
  uint64_t sum;
  REQUIRE(gc_growth_mark(heap, GC_MARK_OBJECTS, &one) == RC_OK);
  REQUIRE(gc_growth_mark(heap, GC_MARK_TYPES, &numbers) == RC_OK);
  gc_iter_filter filter = GC_ITER_FILTER_INIT;
  gc_iter iter;
  void *obj;
  filter.newer_than = numbers;
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter), RC_ERR_STALE);
  CHECK_STR(gc_error_message(heap), "GC_MARK_OBJECTS");
  filter.newer_than = one;
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter), RC_OK);
  REQUIRE(gc_growth_mark(heap, GC_MARK_OBJECTS, &two) == RC_OK);
  CHECK_EQ(gc_iter_next(&iter, &obj), RC_ERR_STALE);
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter), RC_ERR_STALE);
  gc_growth_free(one); /* not the latest: nothing changes */
  Node *node = graph_node(type, 3);
  CHECK_EQ(count_new(heap, two, &sum), 1);
  gc_growth_free(two);
  filter.newer_than = NULL, filter.with = GC_OBJECT_NEW;
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter), RC_OK);
  CHECK_EQ(gc_iter_next(&iter, &obj), RC_OK);
  CHECK(obj == NULL); /* without a mark nothing is new */
  gc_growth_free(numbers);
  rc_decref(chain), rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

typedef struct Item {
  uint64_t born; /* 0 before the mark */
  struct Item *next;
} Item;

static const rc_field item_fields[] = {RC_FIELD(Item, next)};

/* What a walk says is new is exactly what the model made since the mark, whatever happened meanwhile. */
static void new_is_what_was_made_since(void) {
  uint64_t seed = check_seed("new_is_what_was_made_since");
  for (size_t round = 0; round < check_scale(3, 20, 200); round++) {
    gc_heap *heap = graph_heap("model");
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Item", spec.size = sizeof(Item), spec.fields = item_fields, spec.field_count = 1;
    rc_type *plain = graph_type(heap, &spec);
    spec.name = "TailItem", spec.tail_size = 1;
    rc_type *tail = graph_type(heap, &spec);
    enum { SLOTS = 3000 };
    Item **slots = calloc(SLOTS, sizeof *slots);
    gc_mark *mark = NULL;
    uint64_t clock = 0;
    size_t marks = 0;
    for (size_t step = 0; step < 20000; step++) {
      Item **slot = &slots[check_below(&seed, SLOTS)];
      switch (check_below(&seed, 8)) {
      case 0: case 1: case 2:
        rc_xdecref(*slot);
        *slot = check_below(&seed, 4) ? rc_new(plain) : rc_new_array(tail, check_below(&seed, check_below(&seed, 50) ? 500 : 99999));
        REQUIRE(*slot);
        (*slot)->born = clock;
        break;
      case 3: case 4:
        rc_xdecref(*slot);
        *slot = NULL;
        break;
      case 5: { /* a ring, which the collector ends */
        Item *a = rc_new(plain), *b = rc_new(plain);
        a->born = b->born = clock;
        a->next = b, b->next = a;
        rc_xdecref(*slot);
        *slot = check_below(&seed, 2) ? NULL : rc_newref(a);
        break;
      }
      case 6:
        if (!check_below(&seed, 500)) (void)gc_collect(heap);
        if (!check_below(&seed, 500)) (void)gc_collect_young(heap);
        if (!check_below(&seed, 2000)) CHECK_EQ(check_below(&seed, 2) ? gc_freeze(heap) : gc_unfreeze(heap), RC_OK);
        break;
      default:
        if (check_below(&seed, 800)) break;
        gc_growth_free(mark);
        REQUIRE(gc_growth_mark(heap, GC_MARK_OBJECTS, &mark) == RC_OK);
        clock++, marks++;
      }
    }
    if (mark) {
      gc_iter all;
      size_t expected = 0;
      uint64_t sum;
      void *obj;
      REQUIRE(gc_iter_begin(heap, NULL, &all) == RC_OK);
      while (gc_iter_next(&all, &obj) == RC_OK && obj) expected += ((Item *)obj)->born == clock;
      CHECK_EQ(count_new(heap, mark, &sum), expected);
      CHECK_EQ(sum, expected * clock);
      CHECK(marks > 0);
    }
    gc_growth_free(mark);
    for (size_t i = 0; i < SLOTS; i++) rc_xdecref(slots[i]);
    free(slots);
    (void)gc_unfreeze(heap);
    (void)gc_collect(heap);
    CHECK_EQ(graph_live(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- nothing is changed ---- */

static uint64_t trace;
static uint64_t collections;

static void note_event(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap, (void)ctx;
  collections++;
  trace = (trace ^ event->kind ^ event->generation << 4 ^ event->examined << 8 ^ event->reclaimed << 32) * 0x9e3779b97f4a7c15u;
}

/* The same work with and without looking: the same collections come, and find the same. */
static uint64_t work(bool looking) {
  uint64_t seed = 12345, looks = 1;
  gc_heap *heap = graph_heap("traced");
  rc_type *type = graph_declared(heap), *other = graph_callback(heap);
  gc_policy policy = GC_POLICY_INIT;
  policy.young_bytes = 100000;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  trace = collections = 0;
  CHECK_EQ(gc_add_callback(heap, note_event, NULL), RC_OK);
  Node *held[500] = {0};
  gc_iter iter;
  gc_type_facts rows[4];
  gc_mark *mark = NULL;
  size_t count;
  for (size_t i = 0; i < 4; i++) rows[i].struct_size = sizeof *rows;
  CHECK_EQ(gc_iter_begin(heap, NULL, &iter), RC_OK);
  for (size_t step = 0; step < check_scale(3000, 40000, 400000); step++) {
    Node **place = &held[check_below(&seed, 500)];
    rc_xdecref(*place);
    *place = graph_ring(step % 3 ? type : other, 1 + check_below(&seed, 9));
    if (!looking) continue;
    void *obj;
    if (gc_iter_next(&iter, &obj) == RC_OK && !obj) (void)gc_iter_begin(heap, NULL, &iter);
    gc_object_facts facts = GC_OBJECT_FACTS_INIT;
    CHECK_EQ(gc_object_info((char *)*place + check_below(&looks, 24), &facts), RC_OK);
    if (step % 16 == 0) CHECK_EQ(gc_most_common_types(heap, step % 5, rows, 4, &count), RC_OK);
    if (step % 64 == 0) {
      gc_growth_free(mark);
      REQUIRE(gc_growth_mark(heap, step % 128 ? GC_MARK_OBJECTS : 0, &mark) == RC_OK);
    }
    if (step % 7 == 0) CHECK_EQ(gc_growth_since(mark, step % 2, NULL, 0, &count), RC_OK);
  }
  uint64_t result = trace ^ collections;
  CHECK(collections > 0);
  gc_growth_free(mark);
  for (size_t i = 0; i < 500; i++) rc_xdecref(held[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
  return result;
}

static void looking_changes_nothing(void) {
  CHECK_EQ(work(true), work(false));
}

static const check_test tests[] = {
    CHECK_TEST(what_a_type_made_and_lost),
    CHECK_TEST(objects_of_many_sizes),
    CHECK_TEST(a_peak_is_exact_within_a_ration),
    CHECK_TEST(most_common_first),
    CHECK_TEST(bad_questions_about_types),
    CHECK_TEST(what_is_not_a_mark),
    CHECK_TEST(since_the_mark_and_against_the_peak),
    CHECK_TEST(types_that_come_and_go),
    CHECK_TEST(a_mark_outlives_its_heap),
    CHECK_TEST(the_address_of_the_dead_is_new),
    CHECK_TEST(only_the_latest_mark_tells_objects),
    CHECK_TEST(new_is_what_was_made_since),
    CHECK_TEST(looking_changes_nothing),
};
CHECK_MAIN(tests)
