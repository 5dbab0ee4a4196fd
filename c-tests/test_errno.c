/* ldflags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap,--wrap=mremap,--wrap=mprotect,--wrap=madvise */
/* errno is the host's: a call that succeeds leaves it as it was, whatever callbacks and hooks of the host ran in it, and
 * whatever the system refused to the library on the way. */
#include "failing.h"

#include <fcntl.h>

/* ---- callbacks ---- */

static unsigned callbacks; /* that ran, and changed errno */

static void change(void) {
  CHECK(close(-1) < 0 && errno == EBADF);
  callbacks++;
}

/* The call succeeds, so many callbacks run in it, and errno is as it was. */
static void kept(bool succeeded, int left, unsigned least, int line) {
  if (succeeded && left == ENOENT && callbacks >= least) return;
  check_failures++;
  printf("line %d: %s, errno %d, %u callbacks\n", line, succeeded ? "it succeeded" : "it failed", left, callbacks);
}

#define KEEPS(call, least)                       \
  do {                                           \
    callbacks = 0;                               \
    errno = ENOENT;                              \
    bool succeeded = (call);                     \
    kept(succeeded, errno, (least), __LINE__);   \
  } while (0)

static void changes(void *obj) {
  (void)obj;
  change();
}

static int changes_in_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  change();
  int stop = visit(node->a, visit_ctx);
  return stop ? stop : visit(node->b, visit_ctx);
}

static void changes_in_clear(void *obj) {
  graph_clear(obj);
  change();
}

static void changes_in_weak(rc_weak *weak, void *ctx) {
  (void)weak, (void)ctx;
  change();
}

static void changes_in_event(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap, (void)event, (void)ctx;
  change();
}

static void changes_in_run(gc_heap *heap, void *ctx) {
  (void)heap, (void)ctx;
  change();
}

static void changes_in_watch(gc_heap *heap, uint32_t watch, uint64_t value, void *ctx) {
  (void)heap, (void)watch, (void)value, (void)ctx;
  change();
}

static int changes_in_write(const void *bytes, size_t len, void *ctx) {
  (void)bytes, (void)len, (void)ctx;
  change();
  return 0;
}

static int changes_in_predicate(void *obj, void *ctx) {
  (void)obj, (void)ctx;
  change();
  return 0;
}

static void changes_in_log(uint32_t level, const char *message, void *ctx) {
  (void)level, (void)message, (void)ctx;
  change();
}

static rc_type *changing_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Changing", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = changes_in_traverse, spec.clear = changes_in_clear;
  spec.finalize = changes, spec.destroy = changes;
  return graph_type(heap, &spec);
}

static bool make_ring(rc_type *type) {
  Node *node = rc_new(type);
  if (node) node->a = node;
  return node != NULL;
}

static void deaths_and_collections(void) {
  gc_heap *heap = graph_heap("errno");
  rc_type *type = changing_type(heap);
  Node *node = graph_node(type, 1);
  rc_weak *weak = rc_weak_new(node, changes_in_weak, NULL);
  KEEPS((rc_decref(node), true), 4);
  rc_weak_free(weak);
  Node *holder = graph_node(type, 2);
  holder->a = graph_node(type, 3);
  KEEPS((rc_clear(&holder->a), true), 3);
  KEEPS((rc_setref(&holder->a, graph_node(type, 4)), true), 0);
  KEEPS((rc_decref(holder), true), 6);
  REQUIRE(make_ring(type));
  CHECK_EQ(gc_add_callback(heap, changes_in_event, NULL), RC_OK);
  KEEPS(gc_collect(heap) == 1, 6);
  REQUIRE(make_ring(type));
  KEEPS(gc_collect_young(heap) == 1, 6);
  CHECK_EQ(gc_remove_callback(heap, changes_in_event, NULL), RC_OK);
  /* An allocation that collects. */
  for (int i = 0; i < 200000; i++) KEEPS(make_ring(type), 0);
  CHECK(graph_stats(heap).full.runs + graph_stats(heap).young.runs > 2);
  REQUIRE(make_ring(type));
  KEEPS(gc_heap_free(heap) == 0, 3);
}

static void queued_finalizers(void) {
  gc_heap *heap = NULL;
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type *type = changing_type(heap);
  rc_decref(graph_node(type, 1));
  KEEPS(gc_run_finalizers(heap) == 1, 3);
  rc_decref(graph_node(type, 1));
  KEEPS(gc_heap_free(heap) == 0, 3);
}

static void looks_at_a_heap(void) {
  gc_heap *heap = graph_heap("errno");
  rc_type *type = changing_type(heap);
  Node *node = graph_node(type, 1);
  node->a = graph_node(type, 2);
  gc_query *query = NULL;
  KEEPS(gc_query_begin(heap, &query) == RC_OK, 2);
  gc_path_step steps[4];
  steps[0].struct_size = sizeof steps[0];
  size_t count = 0;
  KEEPS(gc_referents(query, node, steps, 4, &count) == RC_OK, 0);
  KEEPS(gc_find_path(query, node, GC_FORWARD, changes_in_predicate, NULL, steps, 4, &count) == RC_OK, 1);
  CHECK_EQ(gc_query_end(query), RC_OK);
  KEEPS(gc_verify(heap, NULL, NULL, &count) == RC_OK, 2);

  gc_dump_options dump = GC_DUMP_OPTIONS_INIT;
  dump.write = changes_in_write;
  KEEPS(gc_dump(heap, &dump, NULL) == RC_OK, 5);
  dump.write = NULL, dump.path = "/dev/null";
  KEEPS(gc_dump(heap, &dump, NULL) == RC_OK, 2);
  KEEPS(gc_profile_start(heap, NULL) == RC_OK, 0);
  gc_scope_stats measured = GC_SCOPE_STATS_INIT;
  KEEPS(gc_measure(heap, changes_in_run, NULL, &measured) == RC_OK, 1);
  gc_text_options text = GC_TEXT_OPTIONS_INIT;
  text.write = changes_in_write;
  KEEPS(gc_profile_write(heap, &text) == RC_OK, 1);
  gc_profile_stop(heap);

  gc_profile_options stacks = GC_PROFILE_OPTIONS_INIT;
  stacks.flags = GC_PROFILE_STACKS;
  KEEPS(gc_profile_start(heap, &stacks) == RC_OK, 0);
  for (int i = 0; i < 20000; i++) KEEPS((rc_decref(rc_new(type)), true), 2);
  gc_profile_stop(heap);

  uint32_t number = 0;
  gc_watch_spec watch = GC_WATCH_SPEC_INIT;
  watch.metric = GC_WATCH_LIVE_OBJECTS, watch.limit = 1;
  watch.action = GC_WATCH_CALLBACK, watch.callback = changes_in_watch;
  CHECK_EQ(gc_watch(heap, &watch, &number), RC_OK);
  KEEPS(gc_series_start(heap, NULL) == RC_OK, 0);
  KEEPS((gc_series_tick(heap), true), 1);
  gc_series_stop(heap);

  /* The log hook is the host's, too: this leak is reported. */
  gc_set_log(changes_in_log, NULL);
  KEEPS(gc_heap_free(heap) == 2, 6);
}

/* What a failing call says in errno is the reason, whatever ran behind it. */
static int fails_in_write(const void *bytes, size_t len, void *ctx) {
  (void)bytes, (void)len, (void)ctx;
  return EDQUOT;
}

static void reasons(void) {
  gc_heap *heap = graph_heap("errno");
  Node *node = graph_node(changing_type(heap), 1);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = fails_in_write;
  errno = 0;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_IO);
  CHECK_EQ(errno, EDQUOT);
  options.write = NULL, options.path = "/nowhere/x";
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_IO);
  CHECK_EQ(errno, ENOENT);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what the system refuses ---- */

#define KEEPS_IF(call)                             \
  do {                                             \
    errno = ENOENT;                                \
    bool succeeded = (call);                       \
    int left = errno;                              \
    if (succeeded) CHECK_EQ(left, ENOENT);         \
  } while (0)

/* Every call that may be made in spite of a refusal: wishes that are not granted, second attempts, tables that could not
 * grow. */
static void life_of_a_heap(void) {
  gc_heap *heap = NULL;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Declared", spec.size = sizeof(Node);
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  arm();
  KEEPS_IF(gc_heap_new(NULL, &heap) == RC_OK);
  disarm();
  if (!heap) REQUIRE(gc_heap_new(NULL, &heap) == RC_OK);
  rc_type *type = graph_type(heap, &spec);
  arm();
  KEEPS_IF(gc_profile_start(heap, NULL) == RC_OK);
  KEEPS_IF(gc_series_start(heap, NULL) == RC_OK);
  KEEPS_IF((gc_series_tick(heap), true));
  KEEPS_IF(gc_profile_plan(heap, "dump=/dev/null,oom") == RC_OK);
  Node *list = NULL;
  for (int i = 0; i < 70000; i++) {
    Node *node = NULL;
    KEEPS_IF((node = rc_new(type)) != NULL);
    if (!node) break;
    node->a = list, list = node;
  }
  rc_weak *weak = NULL;
  if (list) KEEPS_IF((weak = rc_weak_new(list, NULL, NULL)) != NULL);
  KEEPS_IF((gc_collect(heap), true));
  if (list) KEEPS_IF((rc_decref(list), true));
  rc_weak_free(weak);
  KEEPS_IF(gc_heap_free(heap) == 0);
  disarm();
  heap_works(graph_heap("afterwards"));
}
SWEPT(life_of_a_heap)

static const check_test tests[] = {
    CHECK_TEST(deaths_and_collections), CHECK_TEST(queued_finalizers),    CHECK_TEST(looks_at_a_heap),
    CHECK_TEST(reasons),                CHECK_TEST(life_of_a_heap_swept),
};

CHECK_MAIN(tests)
