/* Leak tests: references that are followed, objects that should be dead, functions that leave something behind. */
#include "check.h"
#include "graph.h"

/* ---- holds ---- */

static size_t held(gc_heap *heap, gc_hold_info *rows, size_t room) {
  if (room) rows[0].struct_size = sizeof rows[0];
  return gc_holds(heap, rows, room);
}

static void holds_are_references(void) {
  gc_heap *heap = graph_heap("holds");
  Node *node = graph_node(graph_declared(heap), 1);
  gc_hold_info rows[4];
  CHECK_EQ(held(heap, rows, 4), 0);
  char tag[] = "cache";
  gc_hold cache = GC_HOLD(node, tag), bare = gc_hold_at(node, NULL, NULL);
  unsigned line = __LINE__ - 1;
  memset(tag, 'x', sizeof tag - 1); /* the tag was copied */
  CHECK(cache != GC_HOLD_NONE && bare != GC_HOLD_NONE && cache != bare);
  CHECK_EQ(rc_count(node), 3);
  CHECK_EQ(held(heap, rows, 4), 2);
  CHECK_EQ(rows[0].hold, cache);
  CHECK(rows[0].obj == node && strcmp(rows[0].tag, "cache") == 0);
  CHECK_EQ(rows[1].line, 0);
  CHECK(rows[1].tag == NULL && rows[1].file == NULL);
#if defined(__GNUC__) || defined(__TINYC__)
  CHECK_EQ(rows[0].line, line);
  CHECK(strcmp(rows[0].function, "holds_are_references") == 0);
#endif
  (void)line;
  rc_decref(node);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(GC_RELEASE(cache), RC_OK);
  CHECK_EQ(rc_count(node), 1);
  CHECK_EQ(gc_release_hold(bare, NULL), RC_OK);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(held(heap, rows, 4), 0);
  CHECK_EQ(gc_release_hold(GC_HOLD_NONE, NULL), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void released_twice_is_told(void) {
  gc_heap *heap = graph_heap("twice");
  Node *node = graph_node(graph_declared(heap), 1);
  gc_hold hold = GC_HOLD(node, "session");
  CHECK_EQ(GC_RELEASE(hold), RC_OK);
  CHECK_EQ(GC_RELEASE(hold), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "gc_release_hold: hold session");
  CHECK_STR(gc_error_message(NULL), "was released before");
#if defined(__GNUC__) || defined(__TINYC__)
  char place[64];
  snprintf(place, sizeof place, "released before, at %s:%d (", __FILE__, __LINE__ - 6);
  CHECK_STR(gc_error_message(NULL), place);
#endif
  CHECK_EQ(rc_count(node), 1); /* nothing was released twice */
  /* Other holds come and go: still told, as long as the place was not used again, and never mistaken. */
  for (size_t i = 0; i < 1000; i++) {
    gc_hold other = GC_HOLD(node, "other");
    CHECK(other != hold);
    CHECK_EQ(gc_release_hold(hold, NULL), RC_ERR_INVALID);
    if (i == 20) CHECK_STR(gc_error_message(NULL), "session");
    CHECK_EQ(gc_release_hold(other, NULL), RC_OK);
  }
  CHECK_EQ(rc_count(node), 1);
  CHECK_EQ(gc_release_hold(12345, NULL), RC_ERR_INVALID);
  CHECK_EQ(gc_release_hold(UINT64_MAX, NULL), RC_ERR_INVALID);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(gc_release_hold(hold, NULL), RC_ERR_INVALID);
}

static void what_is_held_at_the_end_is_listed(void) {
  gc_heap *heap = graph_heap("ending");
  Node *node = graph_node(graph_declared(heap), 1);
  gc_hold kept = GC_HOLD(node, "left over"), gone = GC_HOLD(node, "released");
  CHECK_EQ(GC_RELEASE(gone), RC_OK);
  rc_decref(node);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 1);
  CHECK_STR(check_log.text, "heap ending: hold left over on Declared");
  CHECK_STR(check_log.text, "was not released");
#if defined(__GNUC__) || defined(__TINYC__)
  CHECK_STR(check_log.text, "(what_is_held_at_the_end_is_listed)");
#endif
  CHECK(!strstr(check_log.text, "hold released"));
  CHECK_EQ(gc_release_hold(kept, NULL), RC_ERR_INVALID); /* its heap is gone */
  /* A heap in the same slot does not know it. */
  gc_heap *next = graph_heap("next");
  Node *other = graph_node(graph_declared(next), 1);
  gc_hold hold = GC_HOLD(other, "next");
  CHECK(hold != kept);
  CHECK_EQ(gc_release_hold(kept, NULL), RC_ERR_INVALID);
  CHECK_EQ(gc_release_hold(hold, NULL), RC_OK);
  rc_decref(other);
  CHECK_EQ(gc_heap_free(next), 0);
}

static void many_holds_in_any_order(void) {
  uint64_t state = check_seed("many_holds_in_any_order");
  gc_heap *heap = graph_heap("many");
  Node *node = graph_node(graph_declared(heap), 1);
  enum { MOST = 500 };
  static gc_hold holds[MOST];
  size_t count = 0, steps = check_scale(2000, 50000, 500000);
  for (size_t step = 0; step < steps; step++) {
    if (count < MOST && (count == 0 || check_below(&state, 2))) {
      holds[count++] = GC_HOLD(node, "many");
    } else {
      size_t at = check_below(&state, count);
      CHECK_EQ(gc_release_hold(holds[at], NULL), RC_OK);
      CHECK_EQ(gc_release_hold(holds[at], NULL), RC_ERR_INVALID);
      holds[at] = holds[--count];
    }
    if (step % 100 == 0) CHECK_EQ(rc_count(node), count + 1);
  }
  CHECK_EQ(gc_holds(heap, NULL, 0), count);
  while (count) CHECK_EQ(gc_release_hold(holds[--count], NULL), RC_OK);
  CHECK_EQ(rc_count(node), 1);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The last reference of a ring's only outside holder. */
static void holds_keep_rings_alive(void) {
  gc_heap *heap = graph_heap("rings");
  Node *ring = graph_ring(graph_declared(heap), 10);
  gc_hold hold = GC_HOLD(ring, "ring");
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_release_hold(hold, NULL), RC_OK);
  CHECK_EQ(gc_collect(heap), 10);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- expected deaths ---- */

static void expected_deaths(void) {
  gc_heap *heap = graph_heap("expected");
  rc_type *type = graph_declared(heap);
  Node *session = RC_NEW(type), *ring = graph_ring(type, 3), *other = RC_NEW(type);
  CHECK_EQ(gc_check_expected(heap), 0);
  CHECK_EQ(gc_expect_dead(session, "the user logged out"), RC_OK);
  CHECK_EQ(gc_expect_dead(ring, NULL), RC_OK);
  CHECK_EQ(gc_expect_dead(other, "other"), RC_OK);
  rc_decref(ring);
  rc_decref(other);
  rc_incref(session);
  check_log_start();
  CHECK_EQ(gc_check_expected(heap), 1);
  CHECK_EQ(check_log.lines[2], 1);
  CHECK_STR(check_log.text, "Declared");
  CHECK_STR(check_log.text, "(the user logged out); 2 references");
  rc_decref(session), rc_decref(session);
  check_log_start();
  /* The block is used again: another object is not mistaken for it. */
  Node *reused[8];
  for (size_t i = 0; i < 8; i++) reused[i] = RC_NEW(type);
  CHECK_EQ(gc_check_expected(heap), 0);
  CHECK_EQ(check_log.used, 0);
  for (size_t i = 0; i < 8; i++) rc_decref(reused[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void expected_deaths_at_the_end(void) {
  gc_heap *heap = graph_heap("end");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  Node *kept = RC_NEW(type), *immortal = RC_NEW(type);
  rc_immortalize(immortal);
  CHECK_EQ(gc_check_expected(heap), 0);
  CHECK_EQ(gc_expect_dead(kept, "closed"), RC_OK);
  CHECK_EQ(gc_expect_dead(immortal, "never"), RC_OK);
  check_log_start();
  CHECK_EQ(gc_check_expected(heap), 2);
  CHECK_STR(check_log.text, "(never); immortal");
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 1);
  CHECK_STR(check_log.text, "(closed); 1 reference; made at ");
  CHECK(!strstr(check_log.text, "(never)")); /* nothing holds an immortal object when its heap ends */
}

/* ---- leak checks ---- */

typedef struct Run {
  rc_type *type;
  Node *list, *shared;
  size_t runs, every; /* leaves one object behind in each run that is a multiple of this; 0: never */
  bool forgets_decref, external;
} Run;

static void leave_behind(gc_heap *heap, void *ctx) {
  Run *run = ctx;
  (void)heap;
  run->runs++;
  rc_decref(graph_ring(run->type, 5)); /* garbage that only a collection ends */
  rc_decref(RC_NEW(run->type));
  if (run->every && run->runs % run->every == 0) {
    Node *node = RC_NEW(run->type);
    node->a = run->list;
    run->list = node;
  }
  if (run->forgets_decref) rc_incref(run->shared);
  if (run->external) CHECK_EQ(rc_add_external_bytes(run->shared, 100), RC_OK);
}

static gc_leak_result check_run_of(gc_heap *heap, Run *run, rc_status expected) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  CHECK_EQ(gc_leak_check(heap, leave_behind, run, 3, 4, &result), expected);
  return result;
}

static void what_leaks_and_what_does_not(void) {
  gc_heap *heap = graph_heap("hunt");
  Run clean = {graph_declared(heap), NULL, NULL, 0, 0, false, false};
  check_log_start();
  gc_leak_result result = check_run_of(heap, &clean, RC_OK);
  CHECK_EQ(result.leaks, 0);
  CHECK_EQ(result.runs, 4);
  CHECK_EQ(clean.runs, 7);
  CHECK(result.objects == 0 && result.bytes == 0 && result.references == 0 && result.type_name == NULL);
  CHECK_EQ(check_log.used, 0);

  Run leaky = {clean.type, NULL, NULL, 0, 1, false, false};
  result = check_run_of(heap, &leaky, RC_OK);
  CHECK_EQ(result.leaks, 1);
  CHECK_EQ(result.objects, 1);
  CHECK_EQ(result.bytes, 32);
  CHECK_EQ(result.objects_total, 4);
  CHECK(result.type_name && strcmp(result.type_name, "Declared") == 0);
  CHECK_STR(check_log.text, "each of 4 runs left at least 1 object, 32 bytes and 1 reference behind");
  CHECK_STR(check_log.text, "most are Declared");
  CHECK_EQ(gc_profile_flags(heap), 0); /* its own profile is over */
#if defined(__GNUC__) || defined(__TINYC__)
  CHECK(result.function && strcmp(result.function, "leave_behind") == 0);
  CHECK_STR(check_log.text, "(leave_behind)");
  CHECK_EQ(leaky.runs, 8);
#endif
  rc_xdecref(leaky.list);

  /* A cache that grows now and then is no leak, but the sums tell. */
  Run now_and_then = {clean.type, NULL, NULL, 0, 2, false, false};
  result = check_run_of(heap, &now_and_then, RC_OK);
  CHECK_EQ(result.leaks, 0);
  CHECK_EQ(result.objects, 0);
  CHECK_EQ(result.objects_total, 2);
  rc_xdecref(now_and_then.list);

  /* A forgotten decref of what lives anyway is seen by the counts alone. */
  Run forgetful = {clean.type, NULL, RC_NEW(clean.type), 0, 0, true, false};
  result = check_run_of(heap, &forgetful, RC_OK);
  CHECK_EQ(result.leaks, 1);
  CHECK_EQ(result.objects, 0);
  CHECK_EQ(result.references, 1);
  while (rc_count(forgetful.shared) > 1) rc_decref(forgetful.shared);
  rc_decref(forgetful.shared);

  Run outside = {clean.type, NULL, RC_NEW(clean.type), 0, 0, false, true};
  result = check_run_of(heap, &outside, RC_OK);
  CHECK_EQ(result.leaks, 1);
  CHECK_EQ(result.bytes, 100);
  rc_decref(outside.shared);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Under a profile of the host's the check leaves that alone. */
static void leak_check_under_a_profile(void) {
  gc_heap *heap = graph_heap("profiled");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  Run leaky = {graph_declared(heap), NULL, NULL, 0, 1, false, false};
  check_log_start();
  gc_leak_result result = check_run_of(heap, &leaky, RC_OK);
  CHECK_EQ(result.leaks, 1);
  CHECK(result.file == NULL);
  CHECK_EQ(leaky.runs, 7);
  CHECK(gc_profile_flags(heap) != 0);
  rc_decref(leaky.list);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static gc_heap *heap_of_callback;
static rc_status status_in_callback;

static void check_in_callback(gc_heap *heap, const gc_event *event, void *ctx) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  (void)event;
  status_in_callback = gc_leak_check(heap, leave_behind, ctx, 0, 1, &result);
}

static void bad_input(void) {
  gc_heap *heap = heap_of_callback = graph_heap("bad");
  Run run = {graph_declared(heap), NULL, NULL, 0, 0, false, false};
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  CHECK_EQ(gc_leak_check(heap, NULL, NULL, 1, 1, &result), RC_ERR_INVALID);
  CHECK_EQ(gc_leak_check(heap, leave_behind, &run, 1, 0, &result), RC_ERR_INVALID);
  CHECK_EQ(gc_leak_check(heap, leave_behind, &run, 1, 1, check_null()), RC_ERR_INVALID);
  result.struct_size = 1;
  CHECK_EQ(gc_leak_check(heap, leave_behind, &run, 1, 1, &result), RC_ERR_INVALID);
  CHECK_EQ(run.runs, 0);
  CHECK_EQ(gc_add_callback(heap, check_in_callback, &run), RC_OK);
  (void)gc_collect(heap);
  CHECK_EQ(status_in_callback, RC_ERR_REFUSED);
  CHECK_EQ(gc_remove_callback(heap, check_in_callback, &run), RC_OK);
  Node *node = RC_NEW(run.type);
  gc_hold hold = GC_HOLD(node, "size");
  gc_hold_info info;
  info.struct_size = 3;
  CHECK_EQ(gc_holds(heap, &info, 1), 0);
  CHECK_STR(gc_error_message(heap), "struct_size");
  CHECK_EQ(gc_release_hold(hold, NULL), RC_OK);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(holds_are_references),
    CHECK_TEST(released_twice_is_told),
    CHECK_TEST(what_is_held_at_the_end_is_listed),
    CHECK_TEST(many_holds_in_any_order),
    CHECK_TEST(holds_keep_rings_alive),
    CHECK_TEST(expected_deaths),
    CHECK_TEST(expected_deaths_at_the_end),
    CHECK_TEST(what_leaks_and_what_does_not),
    CHECK_TEST(leak_check_under_a_profile),
    CHECK_TEST(bad_input),
};

CHECK_MAIN(tests)
