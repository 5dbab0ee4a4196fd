/* Inspection, dumps, profiles, series, as the first headers say them. Each answer is written into memory with a
 * guard behind it: a library that knows longer structs writes no more than the program knows. */
#include "host.h"

#include <fcntl.h>

/* ---- looking at a heap ---- */

static void a_walk_gives_each_object_once(void) {
  gc_heap *heap = heap_named("walk");
  rc_type *type = node_type(heap);
  Node *held = node_ring(type, 8);
  rc_type_spec leaf = RC_TYPE_SPEC_INIT;
  leaf.name = "Leaf", leaf.size = 8;
  rc_type *leaves = NULL;
  REQUIRE(rc_type_new(heap, &leaf, &leaves) == RC_OK);
  void *other = rc_new(leaves);
  REQUIRE(other);
  gc_iter_filter filter = GC_ITER_FILTER_INIT;
  filter.type = type, filter.with = GC_OBJECT_TRACKED, filter.without = GC_OBJECT_FROZEN;
  GUARDED(gc_iter, iter, {{0}});
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter.is), RC_OK);
  uint64_t seen = 0;
  void *obj = NULL;
  while (gc_iter_next(&iter.is, &obj) == RC_OK && obj) seen |= UINT64_C(1) << ((Node *)obj)->id;
  CHECK_EQ(seen, 0xff);
  CHECK_EQ(gc_iter_end(&iter.is), RC_OK);
  CHECK_GUARD(iter);

  GUARDED(gc_object_facts, facts, GC_OBJECT_FACTS_INIT);
  CHECK_EQ(gc_object_info((char *)held + 8, &facts.is), RC_OK);
  CHECK_EQ(facts.is.place, GC_ADDRESS_LIVE);
  CHECK(facts.is.object == held && facts.is.heap == heap && facts.is.type == type);
  CHECK_EQ(facts.is.count, 2);
  CHECK(facts.is.flags & GC_OBJECT_TRACKED);
  CHECK_EQ(facts.is.finalizer, GC_FINALIZER_NONE);
  CHECK_GUARD(facts);
  CHECK_EQ(gc_object_info(&facts, &facts.is), RC_OK);
  CHECK_EQ(facts.is.place, GC_ADDRESS_FOREIGN);

  GUARDED(gc_type_facts, stats, GC_TYPE_FACTS_INIT);
  CHECK_EQ(gc_type_stats(type, &stats.is), RC_OK);
  CHECK(stats.is.live == 8 && stats.is.allocated == 8 && stats.is.size == sizeof(Node));
  CHECK_GUARD(stats);
  GUARDED(gc_type_facts, common, GC_TYPE_FACTS_INIT);
  size_t count = 0;
  CHECK_EQ(gc_most_common_types(heap, GC_ORDER_LIVE, &common.is, 1, &count), RC_OK);
  CHECK(count == 2 && common.is.type == type);
  CHECK_GUARD(common);
  rc_decref(other), rc_decref(held);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void growth_is_found(void) {
  gc_heap *heap = heap_named("growth");
  rc_type *type = node_type(heap);
  gc_mark *mark = NULL;
  CHECK_EQ(gc_growth_mark(heap, GC_MARK_OBJECTS, &mark), RC_OK);
  Node *ring = node_ring(type, 5);
  GUARDED(gc_growth, growth, GC_GROWTH_INIT);
  size_t count = 0;
  CHECK_EQ(gc_growth_since(mark, GC_SINCE_MARK, &growth.is, 1, &count), RC_OK);
  CHECK(count == 1 && growth.is.type == type && growth.is.more == 5);
  CHECK_GUARD(growth);
  gc_growth_free(mark);
  rc_decref(ring);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static int is_wanted(void *obj, void *ctx) {
  return obj == ctx;
}

static void a_session_says_who_keeps_what(void) {
  gc_heap *heap = heap_named("query");
  rc_type *type = node_type(heap);
  Node *root = node_new(type, 1), *middle = node_new(type, 2), *leaf = node_new(type, 3);
  rc_setref(&root->left, middle), rc_setref(&middle->right, leaf);
  Node *ring = node_ring(type, 2), *last = ring->left;
  rc_decref(ring);
  gc_query *query = NULL;
  REQUIRE(gc_query_begin(heap, &query) == RC_OK);
  GUARDED(gc_query_facts, facts, GC_QUERY_FACTS_INIT);
  CHECK_EQ(gc_query_info(query, &facts.is), RC_OK);
  CHECK(facts.is.objects == 5 && facts.is.edges == 4);
  CHECK_GUARD(facts);
  int64_t outside = 0;
  CHECK_EQ(gc_external_references(query, root, &outside), RC_OK);
  CHECK_EQ(outside, 1);
  void *objects[4];
  size_t count = 0;
  CHECK_EQ(gc_query_objects(query, GC_OBJECTS_GARBAGE, objects, 4, &count), RC_OK);
  CHECK_EQ(count, 2);
  GUARDED(gc_step, step, GC_STEP_INIT);
  CHECK_EQ(gc_referents(query, root, &step.is, 1, &count), RC_OK);
  CHECK(count == 1 && step.is.object == middle && step.is.index == RC_NO_INDEX);
  CHECK_STR(step.is.name, "left");
  CHECK_EQ(gc_referrers(query, leaf, &step.is, 1, &count), RC_OK);
  CHECK(count == 1 && step.is.object == middle);
  CHECK_STR(step.is.name, "right");
  CHECK_GUARD(step);
  gc_step steps[4] = {GC_STEP_INIT};
  CHECK_EQ(gc_find_path(query, root, GC_FORWARD, is_wanted, leaf, steps, 4, &count), RC_OK);
  CHECK(count == 3 && steps[1].object == middle && steps[2].object == leaf);
  GUARDED(gc_why, why, GC_WHY_INIT);
  GUARDED(gc_path, path, GC_PATH_INIT);
  CHECK_EQ(gc_why_alive(query, leaf, &why.is, &path.is, 1, steps, 4), RC_OK);
  CHECK(why.is.verdict == GC_WHY_REACHABLE && why.is.holder == root && path.is.length == 3);
  CHECK_EQ(why.is.holder_external, 1);
  CHECK_GUARD(why);
  CHECK_GUARD(path);
  CHECK_EQ(gc_why_not_collected(query, last, &why.is, steps, 4), RC_OK);
  CHECK_EQ(why.is.verdict, GC_WHY_GARBAGE);
  char text[256];
  CHECK_EQ(gc_why_text(query, leaf, text, sizeof text, &count), RC_OK);
  CHECK_STR(text, "Node.left");
  GUARDED(gc_size, size, GC_SIZE_INIT);
  void *of[] = {root};
  CHECK_EQ(gc_retained_size(query, of, 1, &size.is), RC_OK);
  CHECK_EQ(size.is.objects, 3);
  CHECK_GUARD(size);
  void *dominator = NULL;
  CHECK_EQ(gc_dominator(query, leaf, &dominator), RC_OK);
  CHECK(dominator == middle);
  GUARDED(gc_ring_shape, shape, GC_RING_SHAPE_INIT);
  CHECK_EQ(gc_cycles(query, &shape.is, 1, &count), RC_OK);
  CHECK(count == 1 && shape.is.rings == 1 && shape.is.objects == 2);
  CHECK_GUARD(shape);
  CHECK_EQ(gc_query_end(query), RC_OK);
  rc_decref(root);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void on_finding(const gc_finding *finding, void *ctx) {
  CHECK(finding->struct_size >= sizeof *finding);
  CHECK_STR(finding->message, "Node");
  *(uint32_t *)ctx = finding->kind;
}

static void rings_are_watched_and_heaps_verified(void) {
  gc_heap *heap = heap_named("watched");
  rc_type *type = node_type(heap);
  gc_ring_watch *watch = NULL;
  CHECK_EQ(gc_watch_rings(heap, 0, &watch), RC_OK);
  rc_decref(node_ring(type, 3)), rc_decref(node_ring(type, 3));
  CHECK_EQ(gc_collect(heap), 6);
  GUARDED(gc_ring_shape, shape, GC_RING_SHAPE_INIT);
  size_t count = 0;
  CHECK_EQ(gc_watched_rings(watch, &shape.is, 1, &count), RC_OK);
  CHECK(count == 1 && shape.is.rings == 2);
  CHECK_GUARD(shape);
  CHECK_EQ(gc_watch_rings_end(watch), RC_OK);
  CHECK_EQ(gc_watch_traverse(heap, true), RC_OK);
  CHECK_EQ(gc_watch_traverse(heap, false), RC_OK);
  uint32_t kind = 0;
  CHECK_EQ(gc_verify(heap, on_finding, &kind, &count), RC_OK);
  CHECK(count == 0 && kind == 0);
  Node *node = node_new(type, 1), *wrong = node_new(type, 2);
  node->left = wrong, node->right = wrong; /* two edges, one reference */
  CHECK_EQ(gc_verify(heap, on_finding, &kind, &count), RC_OK);
  CHECK(count == 1 && kind == GC_FINDING_TOO_MANY_EDGES);
  node->right = NULL;
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- dumps ---- */

static size_t written_bytes;

static int take_bytes(const void *bytes, size_t len, void *ctx) {
  if (written_bytes == 0) CHECK(len >= 8 && memcmp(bytes, "\x89rcgc\r\n\x1a", 8) == 0);
  written_bytes += len;
  return ctx ? 1 : 0;
}

static void a_dump_is_written(void) {
  gc_heap *heap = heap_named("dump");
  Node *ring = node_ring(node_type(heap), 10);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = take_bytes, options.label = "label", options.flags = GC_DUMP_HASH_NAMES, options.name_key = 3;
  GUARDED(gc_dump_result, result, GC_DUMP_RESULT_INIT);
  CHECK_EQ(gc_dump(heap, &options, &result.is), RC_OK);
  CHECK(result.is.objects == 10 && result.is.edges == 10 && result.is.bytes == written_bytes);
  CHECK_GUARD(result);
  options.write_ctx = &options;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_IO);
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR1, "/nowhere/%n"), RC_OK);
  CHECK_EQ(gc_dump_on_signal(heap, 0, "/nowhere/%n"), RC_OK); /* signal 0: no more */
  rc_decref(ring);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- profiles ---- */

static void run_once(gc_heap *heap, void *ctx) {
  (void)heap;
  rc_decref(node_ring(ctx, 4));
}

static void sites_are_counted(void) {
  gc_heap *heap = heap_named("profile");
  rc_type *type = node_type(heap);
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  CHECK_EQ(gc_profile_flags(heap), 0);
  CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
  CHECK_EQ(gc_profile_flags(heap), GC_PROFILE_SITES);
  Node *nodes[6];
  for (size_t i = 0; i < 6; i++) nodes[i] = RC_NEW(type);
  static rc_site own = {"own.c", "maker", 12, 0};
  Node *at = rc_new_at(type, &own);
  REQUIRE(at);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Bytes", spec.size = 8, spec.tail_size = 1;
  rc_type *bytes = NULL;
  REQUIRE(rc_type_new(heap, &spec, &bytes) == RC_OK);
  void *array = RC_NEW_ARRAY(bytes, 50), *array_at = rc_new_array_at(bytes, 50, &own);
  GUARDED(gc_profile_stats, stats, GC_PROFILE_STATS_INIT);
  CHECK_EQ(gc_profile_get(heap, &stats.is), RC_OK);
  CHECK(stats.is.live_objects == 9 && stats.is.allocated_objects == 9);
  CHECK_GUARD(stats);
  GUARDED(gc_origin, origin, GC_ORIGIN_INIT);
  CHECK_EQ(gc_object_site(at, &origin.is), RC_OK);
  CHECK(origin.is.line == 12 && origin.is.serial == 7);
  CHECK_STR(origin.is.file, "own.c");
  CHECK_GUARD(origin);
  gc_site_query by = GC_SITE_QUERY_INIT;
  by.sort = GC_SORT_LIVE_OBJECTS, by.group = GC_GROUP_SITE;
  GUARDED(gc_site_stats, site, GC_SITE_STATS_INIT);
  CHECK_EQ(gc_profile_sites(heap, &by, &site.is, 1), 3);
  CHECK(site.is.live_objects == 6 && site.is.allocated_objects == 6);
  CHECK_STR(site.is.function, "sites_are_counted");
  CHECK_GUARD(site);
  gc_site_stats before[3] = {GC_SITE_STATS_INIT}, after[3] = {GC_SITE_STATS_INIT};
  CHECK_EQ(gc_profile_sites(heap, NULL, before, 3), 3);
  rc_decref(nodes[5]);
  CHECK_EQ(gc_profile_sites(heap, NULL, after, 3), 3);
  GUARDED(gc_site_diff, change, GC_SITE_DIFF_INIT);
  (void)gc_profile_compare(before, 3, after, 3, &change.is, 1);
  CHECK_EQ(change.is.live_objects_change, -1);
  CHECK_GUARD(change);

  GUARDED(gc_scope_stats, scope, GC_SCOPE_STATS_INIT);
  CHECK_EQ(gc_measure(heap, run_once, type, &scope.is), RC_OK);
  CHECK(scope.is.entered == 1 && scope.is.allocated_objects == 4 && scope.is.survivor_objects == 4);
  CHECK_GUARD(scope);
  rc_scope_mark mark = rc_scope_enter_named(heap, "phase");
  CHECK_EQ(gc_scope_expect_clean(heap, mark), RC_OK);
  CHECK_EQ(gc_scope_get(heap, mark, &scope.is), RC_OK);
  CHECK_STR(scope.is.name, "phase");
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  gc_scope_stats scopes[4] = {GC_SCOPE_STATS_INIT};
  CHECK(gc_profile_scopes(heap, scopes, 4) >= 1);
  { GC_SCOPE_CLEAN(heap, "clean"); }
  GC_LINES(heap);
  GC_LINE();
  gc_text_options text = GC_TEXT_OPTIONS_INIT;
  int fd = open("/dev/null", O_WRONLY);
  text.parts = GC_TEXT_SITES, text.fd = fd;
  CHECK_EQ(gc_profile_write(heap, &text), RC_OK);
  close(fd);
  gc_profile_reset_peak(heap);
  CHECK_EQ(gc_profile_clear(heap), RC_OK);
  gc_profile_stop(heap);
  CHECK_EQ(gc_profile_flags(heap), 0);
  CHECK_EQ(gc_profile_plan(heap, "sites"), RC_OK);
  CHECK_EQ(gc_profile_flags(heap), GC_PROFILE_SITES);
  gc_profile_stop(heap);
  for (size_t i = 0; i < 5; i++) rc_decref(nodes[i]);
  rc_decref(at), rc_decref(array), rc_decref(array_at);
  (void)gc_collect(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void stacks_are_sampled(void) {
  gc_heap *heap = heap_named("stacks");
  rc_type *type = node_type(heap);
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_STACKS, options.stacks = GC_STACKS_POINTERS, options.sample_bytes = 1, options.seed = 1;
  CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
  Node *node = node_new(type, 1);
  uint32_t stack = 0;
  CHECK_EQ(gc_object_stack(node, &stack), RC_OK);
  GUARDED(gc_stack_stats, row, GC_STACK_STATS_INIT);
  CHECK(gc_profile_stacks(heap, &row.is, 1) >= 1);
  CHECK(row.is.live_objects >= 1);
  CHECK_GUARD(row);
  GUARDED(gc_frame, frame, GC_FRAME_INIT);
  (void)gc_stack_frames(heap, stack, &frame.is, 1);
  CHECK_GUARD(frame);
  gc_profile_stop(heap);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void holds_and_leaks_are_told(void) {
  gc_heap *heap = heap_named("leaks");
  rc_type *type = node_type(heap);
  Node *node = node_new(type, 1);
  gc_hold hold = GC_HOLD(node, "cache"), other = gc_hold_at(node, NULL, NULL);
  CHECK(hold != GC_HOLD_NONE && rc_count(node) == 3);
  GUARDED(gc_hold_info, info, {.struct_size = sizeof(gc_hold_info)}); /* its first _INIT had braces too many */
  CHECK_EQ(gc_holds(heap, &info.is, 1), 2);
  CHECK(info.is.obj == node);
  CHECK_GUARD(info);
  CHECK_EQ(GC_RELEASE(hold), RC_OK);
  CHECK_EQ(gc_release_hold(other, NULL), RC_OK);
  CHECK_EQ(gc_expect_dead(node, "it was closed"), RC_OK);
  check_log_start();
  CHECK_EQ(gc_check_expected(heap), 1);
  CHECK_STR(check_log.text, "it was closed");
  gc_set_log(NULL, NULL);
  GUARDED(gc_leak_result, result, GC_LEAK_RESULT_INIT);
  CHECK_EQ(gc_leak_check(heap, run_once, type, 1, 2, &result.is), RC_OK);
  CHECK(result.is.leaks == 0 && result.is.runs == 2);
  CHECK_GUARD(result);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- series ---- */

static void on_watch(gc_heap *heap, uint32_t watch, uint64_t value, void *ctx) {
  (void)heap, (void)watch;
  *(uint64_t *)ctx = value;
}

static void series_and_watches(void) {
  gc_heap *heap = heap_named("series");
  rc_type *type = node_type(heap);
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.capacity = 16;
  CHECK_EQ(gc_series_start(heap, &options), RC_OK);
  Node *ring = node_ring(type, 10);
  gc_series_tick(heap);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 10);
  GUARDED(gc_sample, sample, GC_SAMPLE_INIT);
  size_t written = 0;
  CHECK(gc_series_samples(heap, 1, &sample.is, 1, &written) >= 1);
  CHECK(written == 1 && sample.is.live_objects == 10);
  CHECK_GUARD(sample);
  GUARDED(gc_series_event, event, GC_SERIES_EVENT_INIT);
  (void)gc_series_events(heap, 0, &event.is, 1, &written);
  CHECK(written == 1 && event.is.what == GC_SERIES_FULL);
  CHECK_GUARD(event);
  uint64_t seen = 0;
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  spec.metric = GC_WATCH_TYPE_OBJECTS, spec.action = GC_WATCH_CALLBACK, spec.limit = 100, spec.type = type;
  spec.callback = on_watch, spec.ctx = &seen;
  uint32_t watch = 0;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_OK);
  ring = node_ring(type, 10000);
  gc_series_tick(heap);
  CHECK(seen > 100);
  CHECK_EQ(gc_unwatch(heap, watch), RC_OK);
  gc_series_stop(heap);
  rc_decref(ring);
  (void)gc_collect(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(a_walk_gives_each_object_once),
    CHECK_TEST(growth_is_found),
    CHECK_TEST(a_session_says_who_keeps_what),
    CHECK_TEST(rings_are_watched_and_heaps_verified),
    CHECK_TEST(a_dump_is_written),
    CHECK_TEST(sites_are_counted),
    CHECK_TEST(stacks_are_sampled),
    CHECK_TEST(holds_and_leaks_are_told),
    CHECK_TEST(series_and_watches),
};
CHECK_MAIN(tests)
