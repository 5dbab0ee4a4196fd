/* Results: the names and numbers of statuses, the version, the ABI tag, when gc_error_message speaks, and how a number
 * that is 0 because there was nothing is told from one that is 0 because the call failed. */
#include "check.h"
#include "graph.h"

/* Numbers are never given to another meaning: this table only grows. */
static void numbers_and_names(void) {
  static const struct {
    rc_status number, constant;
    const char *name;
  } table[] = {
      {0, RC_OK, "RC_OK"},
      {1, RC_ERR_INVALID, "RC_ERR_INVALID"},
      {2, RC_ERR_NO_MEMORY, "RC_ERR_NO_MEMORY"},
      {3, RC_ERR_ABI, "RC_ERR_ABI"},
      {4, RC_ERR_UNSUPPORTED, "RC_ERR_UNSUPPORTED"},
      {5, RC_ERR_IN_USE, "RC_ERR_IN_USE"},
      {6, RC_ERR_REFUSED, "RC_ERR_REFUSED"},
      {7, RC_ERR_LIMIT, "RC_ERR_LIMIT"},
      {8, RC_ERR_TRAVERSE, "RC_ERR_TRAVERSE"},
      {9, RC_ERR_STALE, "RC_ERR_STALE"},
      {10, RC_ERR_IO, "RC_ERR_IO"},
  };
  for (size_t i = 0; i < RC_COUNT_OF(table); i++) {
    CHECK_EQ(table[i].constant, table[i].number);
    CHECK(strcmp(rc_status_name(table[i].number), table[i].name) == 0);
  }
}

static void unknown_numbers_have_a_name_too(void) {
  static const rc_status unknown[] = {11, 100, 0x7fffffff, 0xffffffff};
  for (size_t i = 0; i < RC_COUNT_OF(unknown); i++)
    CHECK(strcmp(rc_status_name(unknown[i]), "RC_ERR_UNKNOWN") == 0);
}

static void version_and_tag_fit_the_headers(void) {
  CHECK(strcmp(gc_version(), RCGC_VERSION) == 0);
  CHECK_EQ(gc_abi_tag(), RCGC_ABI_TAG);
  char built[32];
  snprintf(built, sizeof built, "%d.%d.%d", RCGC_VERSION_MAJOR, RCGC_VERSION_MINOR, RCGC_VERSION_PATCH);
  CHECK(strcmp(RCGC_VERSION, built) == 0);
}

static void message_is_empty_until_something_fails(void) {
  CHECK(strcmp(gc_error_message(NULL), "") == 0);
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(NULL, &heap) == RC_OK);
  CHECK(strcmp(gc_error_message(heap), "") == 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void message_stays_until_the_next_failure_and_is_the_heap_s_own(void) {
  gc_heap *one = NULL, *two = NULL;
  REQUIRE(gc_heap_new(NULL, &one) == RC_OK);
  REQUIRE(gc_heap_new(NULL, &two) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type = NULL;
  spec.name = "Odd";
  spec.reserved = 1;
  CHECK_EQ(rc_type_new(one, &spec, &type), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(one), "Odd");
  CHECK(strcmp(gc_error_message(two), "") == 0);
  spec.reserved = 0;
  spec.size = 8;
  CHECK_EQ(rc_type_new(one, &spec, &type), RC_OK);
  CHECK_STR(gc_error_message(one), "Odd"); /* success does not wipe it */
  spec.name = "Odder";
  spec.flags = 1u << 31;
  CHECK(rc_type_new(one, &spec, &type) != RC_OK);
  CHECK_STR(gc_error_message(one), "Odder");
  CHECK_EQ(gc_heap_free(one), 0);
  CHECK_EQ(gc_heap_free(two), 0);
}

/* ---- nothing, or failed: gc_last_status ---- */

static rc_status inner_full, inner_young, inner_run;
static bool clearing_runs;

static void ask_inside(gc_heap *heap) {
  CHECK_EQ(gc_collect(heap), 0);
  inner_full = gc_last_status(heap);
  CHECK_EQ(gc_collect_young(heap), 0);
  inner_young = gc_last_status(heap);
  CHECK_EQ(gc_run_finalizers(heap), 0);
  inner_run = gc_last_status(heap);
}

static void callback_asks(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)event, (void)ctx;
  ask_inside(heap);
}

static void clear_asks(void *obj) {
  graph_clear(obj);
  clearing_runs = true;
  ask_inside(rc_heap_of(obj));
}

static void refused_is_not_nothing(void) {
  gc_heap *heap = graph_heap("refused");
  CHECK_EQ(gc_last_status(heap), RC_OK); /* no such call yet */
  CHECK(gc_collect(heap) == 0 && gc_last_status(heap) == RC_OK);
  CHECK(gc_collect_young(heap) == 0 && gc_last_status(heap) == RC_OK);
  CHECK(gc_run_finalizers(heap) == 0 && gc_last_status(heap) == RC_OK);
  CHECK_EQ(gc_add_callback(heap, callback_asks, NULL), RC_OK);
  rc_decref(graph_ring(graph_declared(heap), 3));
  CHECK_EQ(gc_collect(heap), 3);
  CHECK(inner_full == RC_ERR_REFUSED && inner_young == RC_ERR_REFUSED && inner_run == RC_ERR_REFUSED);
  CHECK_STR(gc_error_message(heap), "gc_run_finalizers");
  CHECK_EQ(gc_last_status(heap), RC_OK); /* of the outer call */
  CHECK_EQ(gc_remove_callback(heap, callback_asks, NULL), RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Asking", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = graph_traverse, spec.clear = clear_asks;
  inner_full = inner_young = inner_run = RC_OK;
  rc_decref(graph_node(graph_type(heap, &spec), 1));
  CHECK(clearing_runs && inner_full == RC_ERR_REFUSED);
  CHECK(inner_young == RC_ERR_REFUSED && inner_run == RC_ERR_REFUSED);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static int visit_twice(void *obj, rc_visit_fn visit, void *visit_ctx) {
  int stop = visit(((Node *)obj)->a, visit_ctx);
  return stop ? stop : visit(((Node *)obj)->a, visit_ctx);
}

/* A traverse that reports an edge twice: the collection ran, and says what it thinks of it. */
static void counts_that_do_not_fit(void) {
  gc_heap *heap = graph_heap("wrong");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Twice", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = visit_twice, spec.clear = graph_clear;
  Node *node = graph_node(graph_type(heap, &spec), 1);
  node->a = graph_node(graph_declared(heap), 2);
  rc_decref(graph_ring(graph_declared(heap), 2));
  check_log_start();
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(gc_last_status(heap), RC_ERR_TRAVERSE);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_last_status(heap), RC_ERR_TRAVERSE);
  rc_clear(&node->a);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_last_status(heap), RC_OK);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static bool came_to(gc_heap *heap, uint64_t number, uint64_t expected, rc_status status) {
  return CHECK_EQ(number, expected) && CHECK_EQ(gc_last_status(heap), status);
}

/* Lists: none, or no list. */
static void lists_that_are_empty(void) {
  gc_heap *heap = graph_heap("lists");
  gc_hold_info hold = {0};
  gc_site_stats site = GC_SITE_STATS_INIT;
  gc_scope_stats scope = GC_SCOPE_STATS_INIT;
  gc_stack_stats stack = GC_STACK_STATS_INIT;
  gc_frame frame = GC_FRAME_INIT;
  gc_sample sample = GC_SAMPLE_INIT;
  gc_series_event event = GC_SERIES_EVENT_INIT;
  size_t written;
  hold.struct_size = sizeof hold;
  CHECK(came_to(heap, gc_holds(heap, &hold, 1), 0, RC_OK));
  CHECK(came_to(heap, gc_check_expected(heap), 0, RC_OK));
  CHECK(came_to(heap, gc_profile_sites(heap, NULL, &site, 1), 0, RC_ERR_REFUSED));
  CHECK(came_to(heap, gc_profile_scopes(heap, &scope, 1), 0, RC_ERR_REFUSED));
  CHECK(came_to(heap, gc_profile_stacks(heap, &stack, 1), 0, RC_ERR_REFUSED));
  CHECK(came_to(heap, gc_stack_frames(heap, 0, &frame, 1), 0, RC_ERR_REFUSED));
  CHECK(came_to(heap, gc_series_samples(heap, 0, &sample, 1, &written), 0, RC_ERR_REFUSED));
  CHECK(came_to(heap, gc_series_events(heap, 0, &event, 1, &written), 0, RC_ERR_REFUSED));
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_SITES | GC_PROFILE_STACKS;
  CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
  gc_series_options series = GC_SERIES_OPTIONS_INIT;
  CHECK_EQ(gc_series_start(heap, &series), RC_OK);
  CHECK(came_to(heap, gc_profile_sites(heap, NULL, &site, 1), 0, RC_OK));
  CHECK(came_to(heap, gc_profile_scopes(heap, &scope, 1), 0, RC_OK));
  CHECK(came_to(heap, gc_profile_stacks(heap, &stack, 1), 0, RC_OK));
  CHECK(came_to(heap, gc_stack_frames(heap, 0, &frame, 1), 0, RC_ERR_INVALID)); /* there is no stack 0 */
  (void)gc_series_events(heap, 0, &event, 1, &written);
  CHECK_EQ(gc_last_status(heap), RC_OK);
  /* Something, into rows of no known size. */
  Node *node = graph_node(graph_declared(heap), 1);
  gc_hold token = gc_hold_at(node, "tag", NULL);
  CHECK(token != GC_HOLD_NONE);
  hold.struct_size = site.struct_size = event.struct_size = 1;
  CHECK(came_to(heap, gc_holds(heap, &hold, 1), 0, RC_ERR_INVALID));
  CHECK(came_to(heap, gc_profile_sites(heap, NULL, &site, 1), 0, RC_ERR_INVALID));
  CHECK_EQ(gc_release_hold(token, NULL), RC_OK);
  CHECK_EQ(gc_expect_dead(node, NULL), RC_OK);
  check_log_start();
  CHECK(came_to(heap, gc_check_expected(heap), 1, RC_OK));
  rc_decref(node);
  CHECK(came_to(heap, gc_check_expected(heap), 0, RC_OK));
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Of a null heap: the default heap's, or that of a call without a heap. */
static void status_of_no_heap(void) {
  gc_site_stats rows[2] = {GC_SITE_STATS_INIT, GC_SITE_STATS_INIT};
  gc_site_diff diff = GC_SITE_DIFF_INIT;
  CHECK_EQ(gc_last_status(NULL), RC_OK);
  CHECK(came_to(NULL, gc_profile_sites(NULL, NULL, rows, 1), 0, RC_ERR_REFUSED));
  CHECK_EQ(gc_last_status(gc_heap_default()), RC_ERR_REFUSED);
  CHECK(came_to(NULL, gc_profile_compare(rows, 1, rows, 1, &diff, 1), 0, RC_OK)); /* no change */
  CHECK(came_to(NULL, gc_profile_compare(NULL, 1, rows, 1, &diff, 1), 0, RC_ERR_INVALID));
  gc_heap *heap = graph_heap("own");
  CHECK_EQ(gc_collect(heap), 0);
  CHECK(gc_last_status(NULL) == RC_ERR_INVALID && gc_last_status(heap) == RC_OK);
  CHECK(came_to(NULL, gc_collect(NULL), 0, RC_OK));
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A weak map without the key, and one whose value is taken out. */
static void nothing_to_take(void) {
  rc_type *type = graph_declared(NULL);
  rc_weakmap *map = rc_weakmap_new(NULL);
  Node *key = graph_node(type, 1), *value = graph_node(type, 2);
  REQUIRE(map != NULL);
  CHECK(rc_weakmap_take(map, key) == NULL);
  CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
  CHECK_EQ(rc_count(value), 2);
  CHECK(rc_weakmap_take(map, key) == (void *)value);
  CHECK(rc_count(value) == 2 && rc_weakmap_length(map) == 0); /* the map's reference is ours */
  rc_decref(value);
  CHECK(rc_weakmap_take(map, key) == NULL && rc_weakmap_get(map, key) == NULL);
  CHECK_EQ(rc_weakmap_remove(map, key), RC_OK);
  CHECK_EQ(rc_count(value), 1);
  rc_decref(value), rc_decref(key), rc_decref(map);
  CHECK_EQ(graph_live(NULL), 0);
}

static const check_test tests[] = {
    CHECK_TEST(numbers_and_names),
    CHECK_TEST(unknown_numbers_have_a_name_too),
    CHECK_TEST(version_and_tag_fit_the_headers),
    CHECK_TEST(message_is_empty_until_something_fails),
    CHECK_TEST(message_stays_until_the_next_failure_and_is_the_heap_s_own),
    CHECK_TEST(refused_is_not_nothing),
    CHECK_TEST(counts_that_do_not_fit),
    CHECK_TEST(lists_that_are_empty),
    CHECK_TEST(status_of_no_heap),
    CHECK_TEST(nothing_to_take),
};

CHECK_MAIN(tests)
