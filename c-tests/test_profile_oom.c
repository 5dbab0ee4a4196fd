/* ldflags: -Wl,--wrap=mmap,--wrap=mremap,--wrap=mprotect,--wrap=madvise,--wrap=malloc,--wrap=calloc,--wrap=realloc */
/* Out of memory, enumerated, for profiles: what they need and do not get makes them say so or know less, never wrong
 * by the books, and never stops an object from being made that could be made without them. */
#include "failing.h"

enum { SITES = 40, OBJECTS = 200 };

static rc_site sites[SITES];

/* The sums over all sites, with memory again, are the heap's books. */
static void sums_hold(gc_heap *heap) {
  static gc_site_stats rows[SITES * 2];
  rows[0].struct_size = sizeof rows[0];
  size_t count = gc_profile_sites(heap, NULL, rows, SITES * 2);
  gc_profile_stats totals = GC_PROFILE_STATS_INIT;
  REQUIRE(gc_profile_get(heap, &totals) == RC_OK && count <= SITES * 2);
  uint64_t live = 0, bytes = 0;
  for (size_t i = 0; i < count; i++) live += rows[i].live_objects, bytes += rows[i].live_bytes;
  gc_stats books = graph_stats(heap);
  CHECK_EQ(live, books.live_objects);
  CHECK_EQ(bytes, books.live_bytes);
  CHECK_EQ(totals.live_objects, books.live_objects);
  CHECK_EQ(totals.live_bytes, books.live_bytes);
}

static void start_under_failure(void) {
  gc_heap *heap = graph_heap("failing");
  rc_type *type = graph_declared(heap);
  Node *before = rc_new(type);
  arm();
  rc_status status = gc_profile_start(heap, NULL);
  disarm();
  CHECK(status == RC_OK || (status == RC_ERR_NO_MEMORY && gc_profile_flags(heap) == 0));
  if (status != RC_OK) CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  Node *after = RC_NEW(type);
  sums_hold(heap);
  rc_decref(before), rc_decref(after);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void objects_under_failure(void) {
  gc_heap *heap = graph_heap("failing");
  rc_type *types[] = {graph_declared(heap), graph_watched(heap)};
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  for (unsigned i = 0; i < SITES; i++)
    sites[i].file = "failing.c", sites[i].function = "make", sites[i].line = i + 1, sites[i].id = 0;
  Node *made[OBJECTS];
  arm();
  for (size_t i = 0; i < OBJECTS; i++) made[i] = rc_new_at(types[i % 2], i % 3 ? &sites[i % SITES] : NULL);
  for (size_t i = 0; i < OBJECTS; i += 3) rc_xdecref(made[i]);
  disarm();
  sums_hold(heap);
  for (size_t i = 0; i < OBJECTS; i++)
    if (i % 3) rc_xdecref(made[i]);
  sums_hold(heap);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void questions_under_failure(void) {
  gc_heap *heap = graph_heap("failing");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  Node *node = RC_NEW(type);
  Node *other = RC_NEW(type);
  static gc_site_stats rows[8], later[8];
  static gc_site_diff diff[8];
  rows[0].struct_size = later[0].struct_size = sizeof rows[0], diff[0].struct_size = sizeof diff[0];
  size_t count = gc_profile_sites(heap, NULL, rows, 8);
  CHECK_EQ(count, 2);
  rc_decref(other);
  arm();
  rc_scope_mark mark = rc_scope_enter_named(heap, "failing");
  if (mark != RC_SCOPE_NONE) (void)gc_scope_expect_clean(heap, mark);
  Node *left = RC_NEW(type);
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  gc_site_query query = GC_SITE_QUERY_INIT;
  query.group = GC_GROUP_FUNCTION;
  size_t groups = gc_profile_sites(heap, &query, later, 8);
  CHECK(groups == 0 || groups == 2 || groups == 1);
  size_t second = gc_profile_sites(heap, NULL, later, 8);
  size_t changed = second ? gc_profile_compare(rows, count, later, second, diff, 8) : 0;
  CHECK(changed == 0 || changed >= 1);
  rc_status status = gc_profile_clear(heap);
  disarm();
  CHECK(status == RC_OK || (status == RC_ERR_NO_MEMORY && gc_profile_flags(heap) == 0));
  if (status != RC_OK) CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  sums_hold(heap);
  rc_xdecref(left), rc_decref(node);
  sums_hold(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void forget(gc_heap *heap, void *ctx) {
  (void)heap;
  rc_xdecref(RC_NEW((rc_type *)ctx));
}

static void leak_tests_under_failure(void) {
  gc_heap *heap = graph_heap("failing");
  rc_type *type = graph_declared(heap);
  Node *node = rc_new(type);
  gc_hold holds[20];
  arm();
  for (size_t i = 0; i < 20; i++) holds[i] = GC_HOLD(node, "held");
  rc_status expected = gc_expect_dead(node, "failing");
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  rc_status status = gc_leak_check(heap, forget, type, 1, 2, &result);
  disarm();
  CHECK(expected == RC_OK || expected == RC_ERR_NO_MEMORY);
  /* A collection that was given up says nothing of leaks. */
  CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
  size_t taken = 0;
  for (size_t i = 0; i < 20; i++) taken += holds[i] != GC_HOLD_NONE;
  CHECK_EQ(rc_count(node), taken + 1);
  CHECK_EQ(gc_holds(heap, NULL, 0), taken);
  for (size_t i = 0; i < 20; i++) CHECK_EQ(gc_release_hold(holds[i], NULL), RC_OK);
  CHECK_EQ(gc_check_expected(heap), expected == RC_OK);
  rc_decref(node);
  CHECK_EQ(gc_check_expected(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static int drop_text(const void *bytes, size_t len, void *ctx) {
  (void)bytes;
  *(size_t *)ctx += len;
  return 0;
}

static void text_under_failure(void) {
  gc_heap *heap = graph_heap("failing");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  size_t written = 0;
  gc_text_options options = GC_TEXT_OPTIONS_INIT;
  options.write = drop_text, options.write_ctx = &written;
  arm();
  GC_LINES(heap);
  Node *node = RC_NEW(type);
  GC_LINE();
  rc_status status = gc_profile_write(heap, &options);
  disarm();
  CHECK(status == RC_OK ? written != 0 : status == RC_ERR_NO_MEMORY && written == 0);
  sums_hold(heap);
  rc_xdecref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void stacks_under_failure(void) {
  for (uint32_t exact = 0; exact < 2; exact++) {
    gc_heap *heap = graph_heap("failing");
    rc_type *types[] = {graph_declared(heap), graph_watched(heap)};
    gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
    options.flags = exact ? GC_PROFILE_STACKS | GC_PROFILE_SITES : GC_PROFILE_STACKS;
    options.sample_bytes = 1, options.stacks = GC_STACKS_POINTERS, options.seed = 1;
    Node *nodes[40];
    static gc_stack_stats rows[8];
    rows[0].struct_size = sizeof rows[0];
    arm();
    rc_status status = gc_profile_start(heap, &options);
    for (size_t i = 0; i < 40; i++) nodes[i] = rc_new(types[i % 2]);
    size_t count = gc_profile_stacks(heap, rows, 8);
    for (size_t i = 0; i < 40; i += 2) rc_xdecref(nodes[i]);
    disarm();
    CHECK(status == RC_OK || (status == RC_ERR_NO_MEMORY && gc_profile_flags(heap) == 0 && count == 0));
    for (size_t i = 1; i < 40; i += 2) rc_xdecref(nodes[i]);
    count = gc_profile_stacks(heap, rows, 8);
    for (size_t i = 0; i < count && i < 8; i++) CHECK(rows[i].live_bytes == 0 && rows[i].live_samples == 0);
    if (status == RC_OK && exact) sums_hold(heap);
    CHECK_EQ(graph_live(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void series_under_failure(void) {
  gc_heap *heap = graph_heap("failing");
  rc_type *type = graph_declared(heap);
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.flags = GC_SERIES_THREAD, options.capacity = 16;
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  spec.metric = GC_WATCH_LIVE_OBJECTS, spec.limit = 3, spec.action = GC_WATCH_DUMP, spec.path = "/dev/null";
  uint32_t watch = 0;
  arm();
  rc_status status = gc_series_start(heap, &options), watched = gc_watch(heap, &spec, &watch);
  Node *nodes[4];
  for (size_t i = 0; i < 4; i++) nodes[i] = rc_new(type);
  gc_series_tick(heap);
  disarm();
  CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
  CHECK(watched == RC_OK || (watched == RC_ERR_NO_MEMORY && watch == 0));
  CHECK_EQ(gc_series_samples(heap, 0, NULL, 0, NULL) != 0, status == RC_OK);
  for (size_t i = 0; i < 4; i++) rc_xdecref(nodes[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

SWEPT(series_under_failure)
SWEPT(stacks_under_failure)
SWEPT(leak_tests_under_failure)
SWEPT(text_under_failure)
SWEPT(start_under_failure)
SWEPT(objects_under_failure)
SWEPT(questions_under_failure)

static const check_test tests[] = {
    CHECK_TEST(start_under_failure_swept),
    CHECK_TEST(objects_under_failure_swept),
    CHECK_TEST(questions_under_failure_swept),
    CHECK_TEST(leak_tests_under_failure_swept),
    CHECK_TEST(series_under_failure_swept),
    CHECK_TEST(stacks_under_failure_swept),
    CHECK_TEST(text_under_failure_swept),
};

CHECK_MAIN(tests)
