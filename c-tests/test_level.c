/* The checking level of a heap, in every build: what it finds before a collection acts on it, and that a heap whose host
 * keeps its promises runs as it always does. */
#include "check.h"
#include "graph.h"

static gc_heap *heap_at(uint32_t level) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  gc_heap *heap = NULL;
  options.check = level;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  return heap;
}

static size_t asked;

/* Forgets `b` each second time. */
static int fickle_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  int stop = visit(node->a, visit_ctx);
  if (stop || asked++ % 2) return stop;
  return visit(node->b, visit_ctx);
}

static rc_type *fickle_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Fickle";
  spec.size = sizeof(Node);
  spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = fickle_traverse;
  spec.clear = graph_clear;
  return graph_type(heap, &spec);
}

static void ask_twice(void *arg) {
  gc_heap *heap = heap_at(*(uint32_t *)arg);
  rc_type *type = fickle_type(heap);
  Node *node = rc_new(type);
  node->a = rc_new(type);
  node->b = rc_new(type);
  (void)gc_collect(heap);
}

static void a_traverse_that_changes_its_mind(void) {
  uint32_t level = GC_CHECK_CHECKED;
  CHECK_FATAL(ask_twice, &level, "check failed: traverse of Fickle 0x", "other references when it is asked again");
}

/* What a slot holds that it must not: 0 a dead object, 1 an address inside of one, 2 one of no heap. */
static void hold_wrongly(void *arg) {
  static Node outside[2];
  gc_heap *heap = heap_at(GC_CHECK_CHECKED);
  rc_type *type = graph_declared(heap);
  Node *holder = rc_new(type), *other = rc_new(type);
  switch (*(int *)arg) {
    case 0:
      rc_decref(other);
      holder->b = other;
      break;
    case 1:
      holder->b = (Node *)(void *)&other->b;
      break;
    default:
      holder->b = &outside[1];
  }
  (void)gc_collect(heap);
}

static void a_slot_that_leads_nowhere(void) {
  static const char *const why[] = {"a dead object of type ", "points into one", "no heap of this process"};
  for (int kind = 0; kind < 3; kind++)
    CHECK_FATAL(hold_wrongly, &kind, "check failed: Declared 0x", " in b, which is no object", why[kind]);
}

static void hold_by_traverse(void *arg) {
  (void)arg;
  gc_heap *heap = heap_at(GC_CHECK_CHECKED);
  rc_type *type = graph_callback(heap);
  Node *holder = rc_new(type), *other = rc_new(type);
  rc_decref(other);
  holder->a = other;
  (void)gc_collect_young(heap);
}

static void a_traverse_that_reports_the_dead(void) {
  CHECK_FATAL(hold_by_traverse, NULL, "check failed: Callback 0x", "in a reference that its traverse reports", "a dead object of type ");
}

/* A random graph, changed and collected: the same numbers at both levels. */
static uint64_t run(uint32_t level, uint64_t seed) {
  enum { NODES = 60, STEPS = 400 };
  gc_heap *heap = heap_at(level);
  rc_type *types[] = {graph_declared(heap), graph_callback(heap), graph_mixed(heap)};
  Node *nodes[NODES];
  uint64_t sum = 0;
  for (size_t i = 0; i < NODES; i++) nodes[i] = rc_new(types[i % 3]);
  for (size_t step = 0; step < STEPS; step++) {
    size_t at = check_below(&seed, NODES);
    Node *to = nodes[check_below(&seed, NODES)];
    rc_setref(check_below(&seed, 2) ? &nodes[at]->a : &nodes[at]->b, rc_newref(to));
    if (check_below(&seed, 4) == 0) {
      rc_decref(nodes[at]);
      nodes[at] = rc_new(types[check_below(&seed, 3)]);
    }
    if (check_below(&seed, 16) == 0) sum = sum * 31 + gc_collect(heap);
    else if (check_below(&seed, 16) == 0) sum = sum * 31 + gc_collect_young(heap);
  }
  for (size_t i = 0; i < NODES; i++) rc_decref(nodes[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
  return sum;
}

static void a_host_that_keeps_its_promises(void) {
  uint64_t seed = check_seed("a_host_that_keeps_its_promises");
  for (size_t round = 0; round < check_scale(5, 50, 1000); round++) {
    uint64_t one = check_random(&seed);
    CHECK_EQ(run(GC_CHECK_CHECKED, one), run(GC_CHECK_FAST, one));
  }
}

static void by_environment(void *arg) {
  uint32_t level = GC_CHECK_DEFAULT;
  setenv("RCGC_CHECK", (const char *)arg, 1);
  ask_twice(&level);
  abort(); /* not found: not a fatal line */
}

static void the_environment_says_the_default(void) {
  CHECK_FATAL(by_environment, (void *)"checked", "check failed: traverse of Fickle");
  /* The option goes before it. */
  setenv("RCGC_CHECK", "checked", 1);
  gc_heap *heap = heap_at(GC_CHECK_FAST);
  rc_type *type = fickle_type(heap);
  Node *node = rc_new(type);
  if (!check_env("RCGC_TEST_CHECKED")) (void)gc_collect(heap);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void a_word_that_is_unknown_is_said(void) {
  setenv("RCGC_CHECK", "paranoid", 1);
  check_log_start();
  gc_heap *heap = heap_at(GC_CHECK_DEFAULT);
  CHECK_STR(check_log.text, "RCGC_CHECK");
  CHECK_STR(check_log.text, "\"paranoid\" is unknown: fast or checked is right");
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void options_that_are_wrong(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  gc_heap *heap = NULL;
  options.check = GC_CHECK_CHECKED + 1;
  CHECK_EQ(gc_heap_new(&options, &heap), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "options.check 3 is unknown");
  options.check = 0;
  options.reserved_2 = 1;
  CHECK_EQ(gc_heap_new(&options, &heap), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "reserved_2");
  /* A host of the first version has neither. */
  options.struct_size = offsetof(gc_heap_options, check);
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- who, and where made ---- */

static void release_twice(void *level) {
  gc_heap *heap = heap_at(*(uint32_t *)level);
  rc_type *type = graph_declared(heap);
  Node *node = rc_new(type), *other = rc_new(type);
  (void)other; /* its page stays in use */
  rc_decref(node);
  rc_decref(node);
}

static void release_itself(void *obj) {
  rc_decref(obj);
}

static void release_while_dying(void *level) {
  gc_heap *heap = heap_at(*(uint32_t *)level);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Sick", spec.size = sizeof(Node), spec.destroy = release_itself;
  rc_type *type = graph_type(heap, &spec);
  static rc_site site = {"sick_rooms.c", "admit", 4711, 0};
  rc_decref(rc_new_at(type, &site));
}

/* At the checking level a line says which thread called, and of a profiled heap where the object was made. */
static void lines_say_who_and_where(void) {
  uint32_t level = GC_CHECK_CHECKED;
  CHECK_FATAL(release_twice, &level, "dead object of type Declared", "(thread ");
  CHECK_FATAL(release_while_dying, &level, "Sick", "is dying", "(made at sick_rooms.c:4711 in admit, thread ");
  if (check_env("RCGC_TEST_CHECKED")) return; /* where every heap is at the level */
  level = GC_CHECK_FAST;
  char line[1024];
  (void)check_in_child(release_twice, &level, line, sizeof line);
  CHECK_STR(line, "dead object of type Declared");
  CHECK(strstr(line, "thread") == NULL);
}

static const check_test tests[] = {
    CHECK_TEST(a_traverse_that_changes_its_mind),
    CHECK_TEST(a_slot_that_leads_nowhere),
    CHECK_TEST(a_traverse_that_reports_the_dead),
    CHECK_TEST(a_host_that_keeps_its_promises),
    CHECK_TEST(the_environment_says_the_default),
    CHECK_TEST(a_word_that_is_unknown_is_said),
    CHECK_TEST(options_that_are_wrong),
    CHECK_TEST(lines_say_who_and_where),
};

CHECK_MAIN(tests)
