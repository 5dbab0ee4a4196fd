/* ldflags: -Wl,--wrap=mmap,--wrap=mremap,--wrap=mprotect,--wrap=madvise,--wrap=malloc,--wrap=calloc,--wrap=realloc */
/* Out of memory, enumerated, while somebody looks at a heap: every allocation of growth marks, tables of types and query
 * sessions fails once. A call that meets a failure says so, nothing has changed, and the next one works. */
#include "failing.h"

static gc_heap *heap;
static rc_type *declared, *callback;
static Node *held[8];

static void make_heap(void) {
  heap = graph_heap("watched");
  graph_policy(heap, GC_POLICY_NEVER);
  declared = graph_declared(heap), callback = graph_callback(heap);
  for (size_t i = 0; i < 8; i++) held[i] = i % 2 ? graph_ring(declared, 300) : graph_chain(callback, 300, false);
  rc_weakmap *map = rc_weakmap_new(heap);
  CHECK_EQ(rc_weakmap_set(map, held[0], held[2]), RC_OK);
  rc_setref(&held[1]->b, map);
  rc_decref(graph_ring(declared, 40)); /* garbage */
}

static void end_heap(void) {
  disarm();
  CHECK_EQ(graph_live(heap), 8 * 300 + 1 + 40);
  for (size_t i = 0; i < 8; i++) CHECK_EQ(rc_count(held[i]), i == 2 ? 2 : 1 + i % 2);
  for (size_t i = 0; i < 8; i++) rc_decref(held[i]);
  (void)gc_collect(heap);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What a call came to: done, or no memory and said so. */
static bool done(rc_status status) {
  CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
  if (status == RC_ERR_NO_MEMORY) CHECK_STR(gc_error_message(heap), "no memory");
  return status == RC_OK;
}

static void marks_and_tables(void) {
  make_heap();
  arm();
  gc_mark *mark = NULL;
  size_t count = 0;
  if (done(gc_most_common_types(heap, GC_ORDER_LIVE, NULL, 0, &count))) CHECK_EQ(count, 3);
  if (done(gc_growth_mark(heap, GC_MARK_OBJECTS, &mark))) {
    if (done(gc_growth_since(mark, GC_SINCE_MARK, NULL, 0, &count))) CHECK_EQ(count, 0);
    gc_growth_free(mark);
  }
  end_heap();
}

static int at_last(void *obj, void *ctx) {
  return obj == ctx;
}

static void sessions(void) {
  make_heap();
  arm();
  gc_query *query = NULL;
  size_t count = 0;
  Node *last = held[0];
  while (last->a) last = last->a;
  if (done(gc_query_begin(heap, &query))) {
    gc_why why = GC_WHY_INIT;
    gc_path path = GC_PATH_INIT;
    gc_size size = GC_SIZE_INIT;
    void *dominator = NULL;
    int64_t outside = -5;
    CHECK_EQ(gc_external_references(query, held[2], &outside), RC_OK);
    CHECK_EQ(outside, 1);
    if (done(gc_find_path(query, held[0], GC_FORWARD, at_last, last, NULL, 0, &count))) CHECK_EQ(count, 300);
    if (done(gc_why_alive(query, last, &why, &path, 1, NULL, 0))) CHECK_EQ(why.verdict, GC_WHY_REACHABLE);
    if (done(gc_why_not_collected(query, last, &why, NULL, 0))) CHECK_EQ(why.verdict, GC_WHY_REACHABLE);
    if (done(gc_query_objects(query, GC_OBJECTS_GARBAGE, NULL, 0, &count))) CHECK_EQ(count, 40);
    if (done(gc_retained_size(query, (void *[]){held[0]}, 1, &size))) CHECK_EQ(size.objects, 300);
    if (done(gc_retained_size(query, (void *[]){held[0], held[4]}, 2, &size))) CHECK_EQ(size.objects, 600);
    if (done(gc_dominator(query, last, &dominator))) CHECK(dominator != NULL);
    gc_ring_shape row = GC_RING_SHAPE_INIT;
    if (done(gc_cycles(query, &row, 1, &count))) {
      CHECK_EQ(count, 1);
      CHECK_EQ(row.rings, 5);
    }
    CHECK_EQ(gc_query_end(query), RC_OK);
  }
  end_heap();
}

/* A collection ends what is dead although nobody could learn of what shape it was, and deaths go on unwatched. */
static void checks_and_watches(void) {
  make_heap();
  arm();
  gc_ring_watch *watch = NULL;
  gc_ring_shape row = GC_RING_SHAPE_INIT;
  size_t count = 0;
  if (done(gc_verify(heap, NULL, NULL, &count))) CHECK_EQ(count, 0);
  bool watching = done(gc_watch_traverse(heap, true));
  if (done(gc_watch_rings(heap, 0, &watch))) {
    Node *before = graph_ring(declared, 0 + 3);
    rc_decref(before);
    size_t ended = gc_collect(heap);
    CHECK(ended == 43 || graph_stats(heap).full.last_status == RC_ERR_NO_MEMORY);
    if (done(gc_watched_rings(watch, &row, 1, &count)) && count) CHECK_EQ(row.rings, 2);
    CHECK_EQ(gc_watch_rings_end(watch), RC_OK);
  }
  disarm();
  (void)gc_collect(heap);
  rc_decref(graph_ring(declared, 40)); /* as it was */
  if (watching) CHECK_EQ(gc_watch_traverse(heap, false), RC_OK);
  end_heap();
}

SWEPT(marks_and_tables)
SWEPT(checks_and_watches)
SWEPT(sessions)

static const check_test tests[] = {
    CHECK_TEST(marks_and_tables_swept),
    CHECK_TEST(sessions_swept),
    CHECK_TEST(checks_and_watches_swept),
};
CHECK_MAIN(tests)
