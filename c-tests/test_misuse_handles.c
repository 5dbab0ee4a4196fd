/* Misuse of handles (misuse.h): weak handles and maps, stacks and marks of scopes, growth marks, watches, sessions. */
#include "misuse.h"

/* An object, where a call wants one. */
static Node *good_key;

/* ---- weak handles and weak maps ---- */

#define WEAK_CALLS(X)                                                                                        \
  X(weak_get, "rc_weak_get(weak)", IS_FATAL, give_pointer(rc_weak_get(arg)))                                 \
  X(weak_free, "rc_weak_free(weak)", IS_LEGAL, rc_weak_free(arg))

WEAK_CALLS(DEFINE_CALL)
static const victim weak_calls[] = {WEAK_CALLS(VICTIM)};

static void table_of_weak_handles(void) {
  static char in_data[64];
  Node *node = graph_node(graph_declared(NULL), 1);
  rc_weak *alive = rc_weak_new(node, NULL, NULL), *freed = rc_weak_new(node, NULL, NULL);
  REQUIRE(alive && freed);
  rc_weak_free(freed);
  const wrong all[] = {
      {"freed", "not a live weak handle", freed},
      {"an object", "not a live weak handle", node},
      {"static", "not a live weak handle", in_data},
      {"absurd", "not a live weak handle", (void *)(uintptr_t)0x7fff00000000f0},
      {"a heap", "not a live weak handle", gc_heap_default()},
      {"interior", "not a live weak handle", (char *)alive + 8},
  };
  EXPECT_ALL("Weak handles", weak_calls, all, "0x0 is not a live weak handle");
  rc_weak_free(alive);
  rc_decref(node);
}

#define MAP_CALLS(X)                                                                                         \
  X(map_set, "rc_weakmap_set(map)", IS_FATAL, (void)rc_weakmap_set(arg, good_key, good_key))                 \
  X(map_get, "rc_weakmap_get(map)", IS_FATAL, give_pointer(rc_weakmap_get(arg, good_key)))                   \
  X(map_take, "rc_weakmap_take(map)", IS_FATAL, give_pointer(rc_weakmap_take(arg, good_key)))                \
  X(map_remove, "rc_weakmap_remove(map)", IS_FATAL, (void)rc_weakmap_remove(arg, good_key))                  \
  X(map_length, "rc_weakmap_length(map)", IS_FATAL, (void)rc_weakmap_length(arg))

MAP_CALLS(DEFINE_CALL)
static const victim map_calls[] = {MAP_CALLS(VICTIM)};

static void table_of_weak_maps(void) {
  static char in_data[64];
  rc_weakmap *alive = rc_weakmap_new(NULL), *dead = rc_weakmap_new(NULL);
  good_key = graph_node(graph_declared(NULL), 1);
  REQUIRE(alive && dead);
  rc_decref(dead);
  const wrong all[] = {
      {"dead", "dead object", dead},
      {"another object", "not a weak map", good_key},
      {"reserved", "not an object", (char *)alive + ((size_t)1 << 30)},
      {"static", "not an object", in_data},
      {"absurd", "not an object", (void *)(uintptr_t)0x7fff00000000f0},
      {"interior", "not an object", (char *)alive + 4},
      {"a type", "not an object", rc_type_of(good_key)},
  };
  EXPECT_ALL("Weak maps", map_calls, all, "null");
  rc_decref(good_key);
  rc_decref(alive);
}

/* ---- stacks of scopes ---- */

#define STACK_CALLS(X)                                                                                       \
  X(stack_switch, "rc_scope_stack_switch(stack)", IS_LEGAL, (void)rc_scope_stack_switch(NULL, arg))          \
  X(stack_free, "rc_scope_stack_free(stack)", "RC_OK", give_status(rc_scope_stack_free(arg)))

STACK_CALLS(DEFINE_CALL)
static const victim stack_calls[] = {STACK_CALLS(VICTIM)};

static void table_of_scope_stacks(void) {
  static char in_data[256];
  gc_heap *heap = graph_heap("gone");
  Node *node = graph_node(graph_declared(NULL), 1);
  rc_scope_stack *alive = NULL, *freed = NULL, *of_dead_heap = NULL;
  REQUIRE(rc_scope_stack_new(NULL, &alive) == RC_OK && rc_scope_stack_new(NULL, &freed) == RC_OK);
  REQUIRE(rc_scope_stack_new(heap, &of_dead_heap) == RC_OK);
  CHECK_EQ(rc_scope_stack_free(freed), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
  const wrong all[] = {
      {"freed", "not a live stack of scopes", freed},
      {"of a freed heap", "not a live stack of scopes", of_dead_heap},
      {"an object", "not a live stack of scopes", node},
      {"static", "not a live stack of scopes", in_data},
      {"absurd", "not a live stack of scopes", (void *)(uintptr_t)0x7fff00000000f0},
      {"a heap", "not a live stack of scopes", gc_heap_default()},
      {"interior", "not a live stack of scopes", (char *)alive + 8},
  };
  EXPECT_ALL("Stacks of scopes", stack_calls, all, "null");
  rc_decref(node);
}

/* ---- growth marks ---- */

static void mark_compare(void *mark) {
  size_t count;
  (void)gc_growth_since(mark, GC_SINCE_MARK, NULL, 0, &count);
}

#define MARK_CALLS(X)                                                                                        \
  X(growth_since, "gc_growth_since(mark)", IS_FATAL, mark_compare(arg))                                      \
  X(growth_free, "gc_growth_free(mark)", IS_LEGAL, gc_growth_free(arg))

MARK_CALLS(DEFINE_CALL)
static const victim mark_calls[] = {MARK_CALLS(VICTIM)};

static void table_of_growth_marks(void) {
  static char in_data[64];
  Node *node = graph_node(graph_declared(NULL), 1);
  gc_mark *freed = NULL, *alive = NULL;
  REQUIRE(gc_growth_mark(NULL, GC_MARK_TYPES, &freed) == RC_OK);
  REQUIRE(gc_growth_mark(NULL, GC_MARK_TYPES, &alive) == RC_OK);
  gc_growth_free(freed);
  const wrong all[] = {
      {"freed", "not a growth mark", freed},
      {"an object", "not a growth mark", node},
      {"static", "not a growth mark", in_data},
      {"absurd", "not a growth mark", (void *)(uintptr_t)0x7fff00000000f0},
      {"a heap", "not a growth mark", gc_heap_default()},
      {"interior", "not a growth mark", (char *)alive + 8},
  };
  EXPECT_ALL("Growth marks", mark_calls, all, "0x0 is not a growth mark");
  gc_growth_free(alive);
  rc_decref(node);
}

/* ---- watches on rings ---- */

static void watch_read(void *watch) {
  size_t count;
  (void)gc_watched_rings(watch, NULL, 0, &count);
}

#define WATCH_CALLS(X)                                                                                       \
  X(watched, "gc_watched_rings(watch)", IS_FATAL, watch_read(arg))                                           \
  X(watch_end, "gc_watch_rings_end(watch)", "RC_OK", give_status(gc_watch_rings_end(arg)))

WATCH_CALLS(DEFINE_CALL)
static const victim watch_calls[] = {WATCH_CALLS(VICTIM)};

static void table_of_ring_watches(void) {
  static char in_data[64];
  gc_heap *one = graph_heap("one"), *two = graph_heap("two");
  Node *node = graph_node(graph_declared(NULL), 1);
  gc_ring_watch *ended = NULL, *alive = NULL;
  REQUIRE(gc_watch_rings(one, 0, &ended) == RC_OK && gc_watch_rings(two, 0, &alive) == RC_OK);
  REQUIRE(gc_watch_rings_end(ended) == RC_OK);
  const wrong all[] = {
      {"ended", "not a watch", ended},
      {"an object", "not a watch", node},
      {"static", "not a watch", in_data},
      {"absurd", "not a watch", (void *)(uintptr_t)0x7fff00000000f0},
      {"a heap", "not a watch", one},
      {"interior", "not a watch", (char *)alive + 8},
  };
  EXPECT_ALL("Watches on rings", watch_calls, all, "0x0 is not a watch");
  REQUIRE(gc_watch_rings_end(alive) == RC_OK);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(one), 0);
  CHECK_EQ(gc_heap_free(two), 0);
}

/* ---- query sessions ---- */

static int accept_any(void *obj, void *ctx) {
  (void)obj, (void)ctx;
  return 1;
}

static void query_facts(void *query) {
  gc_query_facts facts = GC_QUERY_FACTS_INIT;
  (void)gc_query_info(query, &facts);
}

static void query_outside(void *query) {
  int64_t count;
  (void)gc_external_references(query, good_key, &count);
}

static void query_edges(void *query, bool back) {
  size_t count;
  (void)(back ? gc_referrers : gc_referents)(query, good_key, NULL, 0, &count);
}

static void query_path(void *query) {
  size_t length;
  (void)gc_find_path(query, good_key, GC_FORWARD, accept_any, NULL, NULL, 0, &length);
}

static void query_why(void *query, bool alive) {
  gc_why why = GC_WHY_INIT;
  if (alive) (void)gc_why_alive(query, good_key, &why, NULL, 0, NULL, 0);
  else (void)gc_why_not_collected(query, good_key, &why, NULL, 0);
}

static void query_text(void *query) {
  size_t length;
  (void)gc_why_text(query, good_key, NULL, 0, &length);
}

static void query_list(void *query) {
  size_t count;
  (void)gc_query_objects(query, GC_OBJECTS_HELD, NULL, 0, &count);
}

static void query_size(void *query) {
  gc_size size = GC_SIZE_INIT;
  void *obj = good_key;
  (void)gc_retained_size(query, &obj, 1, &size);
}

static void query_dominator(void *query) {
  void *dominator;
  (void)gc_dominator(query, good_key, &dominator);
}

static void query_cycles(void *query) {
  size_t count;
  (void)gc_cycles(query, NULL, 0, &count);
}

#define QUERY_CALLS(X)                                                                                       \
  X(query_end, "gc_query_end(query)", "RC_OK", give_status(gc_query_end(arg)))                               \
  X(query_info, "gc_query_info(query)", IS_FATAL, query_facts(arg))                                          \
  X(outside, "gc_external_references(query)", IS_FATAL, query_outside(arg))                                  \
  X(query_objects, "gc_query_objects(query)", IS_FATAL, query_list(arg))                                     \
  X(referents, "gc_referents(query)", IS_FATAL, query_edges(arg, false))                                     \
  X(referrers, "gc_referrers(query)", IS_FATAL, query_edges(arg, true))                                      \
  X(find_path, "gc_find_path(query)", IS_FATAL, query_path(arg))                                             \
  X(why_alive, "gc_why_alive(query)", IS_FATAL, query_why(arg, true))                                        \
  X(why_not, "gc_why_not_collected(query)", IS_FATAL, query_why(arg, false))                                 \
  X(why_text, "gc_why_text(query)", IS_FATAL, query_text(arg))                                               \
  X(retained, "gc_retained_size(query)", IS_FATAL, query_size(arg))                                          \
  X(dominator, "gc_dominator(query)", IS_FATAL, query_dominator(arg))                                        \
  X(cycles, "gc_cycles(query)", IS_FATAL, query_cycles(arg))

QUERY_CALLS(DEFINE_CALL)
static const victim query_calls[] = {QUERY_CALLS(VICTIM)};

static void table_of_query_sessions(void) {
  static char in_data[64];
  good_key = graph_node(graph_declared(NULL), 1);
  gc_query *ended = NULL, *alive = NULL;
  gc_mark *mark = NULL;
  REQUIRE(gc_query_begin(NULL, &ended) == RC_OK && gc_query_begin(NULL, &alive) == RC_OK);
  REQUIRE(gc_growth_mark(NULL, GC_MARK_TYPES, &mark) == RC_OK);
  REQUIRE(gc_query_end(ended) == RC_OK);
  const wrong all[] = {
      {"ended", "not an open session", ended},
      {"an object", "not an open session", good_key},
      {"static", "not an open session", in_data},
      {"absurd", "not an open session", (void *)(uintptr_t)0x7fff00000000f0},
      {"a mark", "not an open session", mark},
      {"interior", "not an open session", (char *)alive + 8},
  };
  EXPECT_ALL("Query sessions", query_calls, all, "0x0 is not an open session");
  REQUIRE(gc_query_end(alive) == RC_OK);
  gc_growth_free(mark);
  rc_decref(good_key);
}

/* ---- what is no pointer to something of the engine's ---- */

typedef struct leaving {
  gc_heap *heap;
  rc_scope_mark mark;
} leaving;

static void leave_scope(void *arg) {
  leaving *it = arg;
  give_status(rc_scope_leave(it->heap, it->mark));
}

static void unwind_scope(void *arg) {
  leaving *it = arg;
  give_status(rc_scope_unwind(it->heap, it->mark));
}

static void reset_scope(void *arg) {
  leaving *it = arg;
  give_status(rc_scope_reset(it->heap, it->mark));
}

static void leave_scope_with(void *arg) {
  leaving *it = arg;
  give_status(rc_scope_leave_with(it->heap, it->mark, NULL));
}

static void end_block(void *arg) {
  leaving *it = arg;
  check_log_start();
  rc_scope_end_block(it->heap, it->mark);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], it->mark != RC_SCOPE_NONE);
}

static void table_of_scope_marks(void) {
  gc_heap *heap = graph_heap("scopes"), *other = graph_heap("other");
  leaving gone = {heap, rc_scope_enter(heap)}, none = {heap, RC_SCOPE_NONE}, number = {heap, 0xdeadbeef};
  CHECK_EQ(rc_scope_leave(heap, gone.mark), RC_OK);
  leaving outer = {heap, rc_scope_enter(heap)}, inner = {heap, rc_scope_enter(heap)};
  leaving foreign = {heap, rc_scope_enter(other)}, empty = {other, rc_scope_enter(other)};
  CHECK_EQ(rc_scope_leave(other, empty.mark), RC_OK);
  rc_scope_stack *stack = NULL;
  REQUIRE(rc_scope_stack_new(heap, &stack) == RC_OK);
  rc_scope_stack_switch(heap, stack);
  leaving elsewhere = {heap, rc_scope_enter(heap)};
  rc_scope_stack_switch(heap, NULL);
  const victim leave = {"rc_scope_leave(mark)", leave_scope, NULL};
  const victim unwind = {"rc_scope_unwind(mark)", unwind_scope, NULL};
  const victim reset = {"rc_scope_reset(mark)", reset_scope, NULL};
  const victim with = {"rc_scope_leave_with(mark)", leave_scope_with, NULL};
  const victim end = {"rc_scope_end_block(mark)", end_block, NULL};
  const other_wrong all[] = {
      {leave, "RC_SCOPE_NONE", NULL, "RC_OK", &none},
      {leave, "left before", NULL, "RC_ERR_INVALID", &gone},
      {leave, "not the innermost", NULL, "RC_ERR_INVALID", &outer},
      {leave, "on another stack", NULL, "RC_ERR_INVALID", &elsewhere},
      {leave, "of another heap", NULL, "RC_ERR_INVALID", &foreign},
      {leave, "any number", NULL, "RC_ERR_INVALID", &number},
      {unwind, "RC_SCOPE_NONE", NULL, "RC_OK", &none},
      {unwind, "left before", NULL, "RC_ERR_INVALID", &gone},
      {unwind, "not the innermost", NULL, "RC_OK", &outer},
      {unwind, "on another stack", NULL, "RC_ERR_INVALID", &elsewhere},
      {unwind, "of another heap", NULL, "RC_ERR_INVALID", &foreign},
      {unwind, "any number", NULL, "RC_ERR_INVALID", &number},
      {reset, "RC_SCOPE_NONE", NULL, "RC_OK", &none},
      {reset, "left before", NULL, "RC_ERR_INVALID", &gone},
      {reset, "not the innermost", NULL, "RC_ERR_INVALID", &outer},
      {reset, "on another stack", NULL, "RC_ERR_INVALID", &elsewhere},
      {reset, "of another heap", NULL, "RC_ERR_INVALID", &foreign},
      {reset, "any number", NULL, "RC_ERR_INVALID", &number},
      {with, "RC_SCOPE_NONE", NULL, "RC_OK", &none},
      {with, "left before", NULL, "RC_ERR_INVALID", &gone},
      {with, "not the innermost", NULL, "RC_ERR_INVALID", &outer},
      {with, "on another stack", NULL, "RC_ERR_INVALID", &elsewhere},
      {with, "of another heap", NULL, "RC_ERR_INVALID", &foreign},
      {with, "any number", NULL, "RC_ERR_INVALID", &number},
      {end, "RC_SCOPE_NONE", NULL, "", &none},
      {end, "left before", NULL, "", &gone},
      {end, "not the innermost", NULL, "", &outer},
      {end, "on another stack", NULL, "", &elsewhere},
      {end, "of another heap", NULL, "", &foreign},
      {end, "any number", NULL, "", &number},
  };
  expect_others("Scope marks", all, RC_COUNT_OF(all));
  CHECK_EQ(rc_scope_leave(heap, inner.mark), RC_OK); /* none of them did anything */
  CHECK_EQ(rc_scope_leave(heap, outer.mark), RC_OK);
  CHECK_EQ(rc_scope_leave(other, foreign.mark), RC_OK);
  CHECK_EQ(gc_heap_free(heap) + gc_heap_free(other), 0);
}

static const check_test tests[] = {
    CHECK_TEST(table_of_weak_handles),
    CHECK_TEST(table_of_weak_maps),
    CHECK_TEST(table_of_scope_stacks),
    CHECK_TEST(table_of_growth_marks),
    CHECK_TEST(table_of_query_sessions),
    CHECK_TEST(table_of_ring_watches),
    CHECK_TEST(table_of_scope_marks),
};

CHECK_MAIN(tests)
