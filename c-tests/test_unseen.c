/* Words that nobody reports: gc_verify, gc_watch_traverse and gc_heap_free name the type whose traverse forgets a reference,
 * also when every object of it leaks; and say nothing of programs that are right, whatever uncounted pointers their
 * objects have and wherever the host keeps its references. */
#include "check.h"
#include "graph.h"

typedef struct Child {
  void *back; /* as the test has it: owned and forgotten, or not counted */
  char payload[8];
} Child;

typedef struct Parent {
  Child *child;
} Parent;

static const rc_field parent_fields[] = {RC_FIELD(Parent, child)};
static gc_heap *heap;
static rc_type *parents, *children;
static size_t findings;
static char last[2048];

static int reports_nothing(void *obj, rc_visit_fn visit, void *ctx) {
  (void)obj, (void)visit, (void)ctx;
  return 0;
}

static void clears_back(void *obj) {
  rc_clear(&((Child *)obj)->back);
}

static void clears_nothing(void *obj) {
  (void)obj;
}

/* `owns`: the back pointer of a child is a counted reference, which its traverse does not report. */
static void begin(bool owns) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "looked at";
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Parent", spec.size = sizeof(Parent), spec.fields = parent_fields, spec.field_count = 1;
  parents = graph_type(heap, &spec);
  rc_type_spec of_child = RC_TYPE_SPEC_INIT;
  of_child.name = "Child", of_child.size = sizeof(Child), of_child.flags = RC_TYPE_TRACK_ON_NEW;
  of_child.traverse = reports_nothing, of_child.clear = owns ? clears_back : clears_nothing;
  children = graph_type(heap, &of_child);
}

/* A parent with a child that points back. The caller has the reference to the parent. */
static Parent *pair(bool owns) {
  Parent *parent = (Parent *)rc_new(parents);
  REQUIRE(parent && (parent->child = (Child *)rc_new(children)) != NULL);
  parent->child->back = owns ? rc_newref(parent) : parent;
  return parent;
}

/* Not in the caller's frame, where its variables would stay. */
static void leak_pairs(int count) {
  for (int i = 0; i < count; i++) rc_decref(pair(true));
}

static void found(const gc_finding *finding, void *ctx) {
  (void)ctx;
  if (finding->kind == GC_FINDING_UNREPORTED) {
    findings++;
    snprintf(last, sizeof last, "%s", finding->message);
  }
}

static size_t look(void) {
  size_t all;
  findings = 0;
  CHECK_EQ(gc_verify(heap, found, NULL, &all), RC_OK);
  CHECK_EQ(all, findings);
  return findings;
}

static void every_object_leaks(void) {
  begin(true);
  leak_pairs(100);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(look(), 1);
  CHECK_STR(last, "Child+0 points at Parent, which no edge of it reports: 100 objects");
  check_log_start();
  CHECK_EQ(gc_watch_traverse(heap, true), RC_OK);
  CHECK_EQ(gc_watch_traverse(heap, false), RC_OK);
  CHECK_STR(check_log.text, "Child+0 points at Parent");
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 200);
  CHECK_STR(check_log.text, "Child+0 points at Parent");
}

/* Whether a finding is told of pairs that the host holds in `table`, of uncounted back pointers. */
static void hold(void **table, int count) {
  for (int i = 0; i < count; i++) table[i] = pair(false);
}

static void let_go(void **table, int count) {
  for (int i = 0; i < count; i++) rc_decref((Parent *)table[i]);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(!strstr(check_log.text, "points at"));
}

static void *of_the_program[100];

static void held_in_variables(void) {
  begin(false);
  hold(of_the_program, 100);
  CHECK_EQ(look(), 0);
  let_go(of_the_program, 100);
}

static void held_in_malloc(void) {
  begin(false);
  void **table = (void **)malloc(100 * sizeof *table);
  REQUIRE(table);
  hold(table, 100);
  CHECK_EQ(look(), 0);
  let_go(table, 100);
  free(table);
}

static void held_on_the_stack(void) {
  begin(false);
  void *volatile table[100];
  hold((void **)table, 100);
  CHECK_EQ(look(), 0);
  let_go((void **)table, 100);
}

/* A word with a tag in its low or its high bits, or to the middle of an object, is a reference of the host's, too. */
static void held_by_words_with_tags(void) {
  begin(false);
  uintptr_t *table = (uintptr_t *)malloc(99 * sizeof *table);
  REQUIRE(table);
  for (int i = 0; i < 99; i++) {
    uintptr_t word = (uintptr_t)pair(false);
    table[i] = i % 3 == 0 ? word | 1 : i % 3 == 1 ? word | (uintptr_t)0xfffc << 48 : word + 4;
  }
  CHECK_EQ(look(), 0);
  for (int i = 0; i < 99; i++) table[i] = ((table[i] & (((uintptr_t)1 << 48) - 1)) & ~(uintptr_t)7);
  let_go((void **)table, 99);
  free(table);
}

static void held_by_another_heap(void) {
  begin(false);
  gc_heap *other;
  REQUIRE(gc_heap_new(NULL, &other) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Parent", spec.size = sizeof(Parent), spec.fields = parent_fields, spec.field_count = 1;
  rc_type *holders = graph_type(other, &spec);
  void **table = (void **)malloc(100 * sizeof *table);
  REQUIRE(table);
  for (int i = 0; i < 100; i++) {
    Parent *holder = (Parent *)rc_new(holders);
    REQUIRE(holder);
    holder->child = (Child *)pair(false);
    table[i] = holder;
  }
  CHECK_EQ(look(), 0);
  for (int i = 0; i < 100; i++) rc_decref((Parent *)table[i]);
  CHECK_EQ(gc_heap_free(other), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
  free(table);
}

/* Owned by another object: a pointer back has no reference from outside to be. */
static void back_to_an_owner(void) {
  begin(false);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Node", spec.size = sizeof(Node), spec.fields = graph_fields;
  spec.field_count = RC_COUNT_OF(graph_fields);
  rc_type *nodes = graph_type(heap, &spec);
  Node *list = NULL;
  for (int i = 0; i < 100; i++) {
    Node *node = (Node *)rc_new(nodes);
    REQUIRE(node);
    node->a = list, node->b = (Node *)pair(false), list = node;
  }
  CHECK_EQ(look(), 0);
  rc_decref(list);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What lies in a vector is reported, though its slots are in memory of the host's: they are no variables of the host. */
typedef struct Holder {
  void **items;
  size_t count;
} Holder;

static void holder_destroy(void *obj) {
  free(((Holder *)obj)->items);
}

static void reported_by_a_vector(void) {
  begin(true);
  static const rc_field fields[] = {RC_FIELD_VECTOR(Holder, items, count)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Holder", spec.size = sizeof(Holder), spec.fields = fields, spec.field_count = 1;
  spec.destroy = holder_destroy;
  Holder *holder = (Holder *)rc_new(graph_type(heap, &spec));
  REQUIRE(holder && (holder->items = (void **)malloc(100 * sizeof(void *))) != NULL);
  for (; holder->count < 100; holder->count++) holder->items[holder->count] = pair(true);
  CHECK_EQ(look(), 1);
  CHECK_STR(last, "Child+0 points at Parent");
  rc_decref(holder);
  CHECK_EQ(gc_heap_free(heap), 200);
}

static int take_bytes(const void *bytes, size_t len, void *ctx) {
  for (size_t i = 0; i + 4 <= len; i++)
    if (memcmp((const char *)bytes + i, "WORD", 4) == 0) *(bool *)ctx = true;
  return 0;
}

/* c-tests/tool/backwards.py reads what is in it. */
static void dumps_have_it_when_asked(void) {
  begin(true);
  leak_pairs(100);
  bool found_it = false;
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = take_bytes, options.write_ctx = &found_it;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  CHECK(!found_it);
  options.flags = GC_DUMP_LOOK;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  CHECK(found_it);
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  options.flags = GC_DUMP_LOOK | GC_DUMP_FORK;
  CHECK_EQ(gc_dump(heap, &options, &result), RC_ERR_INVALID);
  CHECK_EQ(gc_heap_free(heap), 200);
}

static const check_test tests[] = {
    CHECK_TEST(every_object_leaks),   CHECK_TEST(held_in_variables),    CHECK_TEST(held_in_malloc),
    CHECK_TEST(held_on_the_stack),    CHECK_TEST(held_by_words_with_tags), CHECK_TEST(held_by_another_heap),
    CHECK_TEST(back_to_an_owner),     CHECK_TEST(reported_by_a_vector),
    CHECK_TEST(dumps_have_it_when_asked),
};

CHECK_MAIN(tests)
