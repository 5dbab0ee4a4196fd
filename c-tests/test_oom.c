/* ldflags: -Wl,--wrap=mmap,--wrap=mremap,--wrap=mprotect,--wrap=madvise,--wrap=malloc,--wrap=calloc,--wrap=realloc */
/* Out of memory, enumerated: each allocation and each system call that the engine makes fails once, then
 * all from the k-th on, k rising until the task passes, for every function that allocates and in the
 * middle of collections. A task that met a failure says so by status or null; what lived before lives
 * on, the heap works when there is memory again, and its end leaves nothing. Each case has a process of
 * its own. */
#include "failing.h"

/* ---- making heaps and types ---- */

static void make_heap(void) {
  gc_heap *heap = NULL;
  arm();
  rc_status status = gc_heap_new(NULL, &heap);
  disarm();
  CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
  CHECK((heap != NULL) == (status == RC_OK));
  if (status != RC_OK) {
    CHECK(strlen(gc_error_message(NULL)) > 0);
    CHECK_EQ(gc_heap_new(NULL, &heap), RC_OK);
  }
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void make_second_heap(void) {
  gc_heap *first = graph_heap("first"), *heap = NULL;
  Node *witness = graph_node(graph_declared(first), 7);
  arm();
  rc_status status = gc_heap_new(NULL, &heap);
  disarm();
  CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
  if (status == RC_OK) CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(witness->id, 7);
  rc_decref(witness);
  heap_works(first);
  CHECK_EQ(gc_heap_free(first), 0);
}

static void make_default_heap(void) {
  arm();
  gc_heap *heap = gc_heap_default();
  const char *name = gc_heap_name(NULL);
  size_t collected = gc_collect(NULL);
  bool on = gc_is_enabled(NULL);
  disarm();
  CHECK_EQ(collected, 0);
  if (heap) CHECK(name != NULL && on);
  heap_works(NULL);
  CHECK_EQ(gc_heap_free(NULL), 0);
}

static void make_type(void) {
  enum { FIELDS = 300 };
  static rc_field fields[FIELDS];
  gc_heap *heap = graph_heap("types");
  for (size_t i = 0; i < FIELDS; i++) {
    rc_field field = RC_FIELD(Node, a);
    field.offset = i * sizeof(void *);
    fields[i] = field;
  }
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Many", spec.size = FIELDS * sizeof(void *);
  spec.fields = fields, spec.field_count = FIELDS;
  rc_type *type = NULL;
  arm();
  rc_status status = rc_type_new(heap, &spec, &type);
  disarm();
  CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
  CHECK((type != NULL) == (status == RC_OK));
  if (status != RC_OK) CHECK_STR(gc_error_message(heap), "Many");
  if (status != RC_OK) CHECK_EQ(rc_type_new(heap, &spec, &type), RC_OK);
  arm(); /* and its end needs no memory */
  CHECK_EQ(rc_type_free(type), RC_OK);
  disarm();
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- making objects ---- */

static void make_objects_of_all_sizes(void) {
  static const size_t lengths[] = {0, 10, 100, 1000, 4000, 20000, 100000, 3000000};
  enum { COUNT = 8 };
  gc_heap *heap = graph_heap("sizes");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Bytes", spec.size = 1, spec.tail_size = 1;
  rc_type *type = graph_type(heap, &spec);
  unsigned char *made[COUNT];
  arm();
  for (size_t i = 0; i < COUNT; i++) made[i] = rc_new_array(type, lengths[i]);
  disarm();
  size_t alive = 0;
  for (size_t i = 0; i < COUNT; i++) {
    if (!made[i]) continue;
    alive++;
    CHECK_EQ(rc_length(made[i]), lengths[i]);
    CHECK_EQ(made[i][0] + made[i][lengths[i]], 0);
    made[i][lengths[i]] = 0xff;
  }
  CHECK_EQ(graph_live(heap), alive);
  arm();
  for (size_t i = 0; i < COUNT; i++) rc_xdecref(made[i]); /* release needs no memory */
  disarm();
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void make_many_small_objects(void) {
  enum { COUNT = 20000 };
  static Node *made[COUNT];
  gc_heap *heap = graph_heap("small");
  rc_type *type = graph_declared(heap);
  size_t alive = 0;
  arm();
  for (size_t i = 0; i < COUNT; i++) {
    made[i] = rc_new(type);
    if (made[i]) made[i]->id = i, alive++;
  }
  disarm();
  CHECK_EQ(graph_live(heap), alive);
  for (size_t i = 0; i < COUNT; i++) CHECK(!made[i] || (made[i]->id == i && rc_count(made[i]) == 1));
  arm();
  for (size_t i = 0; i < COUNT; i++) rc_xdecref(made[i]);
  disarm();
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void tell_external_bytes(void) {
  enum { COUNT = 300 };
  static Node *nodes[COUNT];
  gc_heap *heap = graph_heap("external");
  rc_type *type = graph_declared(heap);
  for (size_t i = 0; i < COUNT; i++) nodes[i] = graph_node(type, i);
  uint64_t sum = 0;
  arm();
  for (size_t i = 0; i < COUNT; i++) {
    rc_status status = rc_add_external_bytes(nodes[i], 1000);
    CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
    if (status == RC_OK) sum += 1000;
  }
  disarm();
  CHECK_EQ(graph_stats(heap).external_bytes, sum);
  arm();
  for (size_t i = 0; i < COUNT; i++) rc_decref(nodes[i]);
  disarm();
  CHECK_EQ(graph_stats(heap).external_bytes, 0);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Tracking, asking, policies and counts allocate nothing, so nothing of it can fail. */
static void calls_that_need_no_memory(void) {
  gc_heap *heap = graph_heap("asking");
  rc_type *type = graph_declared(heap);
  Node *node = graph_node(type, 1);
  gc_stats stats = GC_STATS_INIT;
  gc_policy policy = GC_POLICY_INIT;
  arm();
  CHECK_EQ(gc_untrack(node), RC_OK);
  CHECK_EQ(gc_track(node), RC_OK);
  CHECK(gc_is_tracked(node) && rc_type_of(node) == type && rc_heap_of(node) == heap);
  CHECK_EQ(rc_size_of(node) + rc_length(node), sizeof(Node));
  CHECK_EQ(gc_get_stats(heap, &stats), RC_OK);
  CHECK_EQ(gc_get_policy(heap, &policy), RC_OK);
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  CHECK_EQ(rc_type_live(type), 1);
  gc_disable(heap), gc_enable(heap), gc_safepoint(heap);
  rc_incref(node), rc_decref(node);
  rc_immortalize(node);
  size_t used = calls;
  disarm();
  CHECK_EQ(used, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A runtime begins with a hundred types: each is one allocation, and the memory of their slots comes in steps. */
static void types_are_made_with_few_calls(void) {
  enum { TYPES = 300 };
  gc_heap *heap = graph_heap("types");
  (void)graph_declared(heap);
  arm();
  for (size_t i = 0; i < TYPES; i++) (void)graph_declared(heap);
  size_t used = calls;
  disarm();
  CHECK(used >= TYPES && used <= TYPES + TYPES / 10);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- collections ---- */

enum { RINGS = 50, RING = 20, HELD = 1000 };

/* Garbage and living things, big counts among them; collected with failures, then again with memory. */
static void collect_with(rc_type *type, gc_heap *heap, size_t (*collect)(gc_heap *)) {
  graph_reset();
  gc_disable(heap);
  Node *held = graph_chain(type, HELD, false), *popular = graph_ring(type, 2);
  for (size_t i = 0; i < 70000; i++) rc_incref(popular); /* a count that does not fit 16 bits */
  for (size_t i = 0; i < RINGS; i++) rc_decref(graph_ring(type, RING));
  size_t before = graph.destroyed;
  arm();
  size_t found = collect(heap);
  disarm();
  gc_stats stats = graph_stats(heap);
  rc_status status = stats.full.runs ? stats.full.last_status : stats.young.last_status;
  CHECK(found == 0 || found == RINGS * RING);
  CHECK(status == (found ? RC_OK : RC_ERR_NO_MEMORY));
  CHECK_EQ(graph_live(heap), HELD + 2 + RINGS * RING - found);
  if (!found) {
    CHECK_EQ(graph.destroyed, before); /* given up means that nothing was done */
    CHECK(check_log.lines[GC_LOG_WARNING] >= 1);
  }
  CHECK_EQ(found + gc_collect(heap), RINGS * RING);
  for (size_t i = 0; i < 70000; i++) rc_decref(popular);
  size_t n = 0;
  for (Node *at = held; at; at = at->a) CHECK_EQ(at->id, n++);
  rc_decref(held);
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(popular);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void collect_declared(void) {
  gc_heap *heap = graph_heap("collect");
  collect_with(graph_declared(heap), heap, gc_collect);
}

static void collect_callback(void) {
  gc_heap *heap = graph_heap("collect");
  collect_with(graph_callback(heap), heap, gc_collect);
}

static void collect_young_declared(void) {
  gc_heap *heap = graph_heap("collect");
  collect_with(graph_declared(heap), heap, gc_collect_young);
}

static void collect_young_mixed(void) {
  gc_heap *heap = graph_heap("collect");
  collect_with(graph_mixed(heap), heap, gc_collect_young);
}

/* A graph that overflows a work list of fixed size: every object is referred to by one in front of all. */
static void collect_wide(void) {
  enum { WIDE = 40000 };
  static Node *nodes[WIDE];
  uint64_t seed = 42;
  gc_heap *heap = graph_heap("wide");
  gc_disable(heap);
  graph_random(graph_declared(heap), nodes, WIDE, &seed);
  for (size_t i = 1; i < WIDE; i++) rc_decref(nodes[i]);
  (void)gc_collect(heap);
  uint64_t live = graph_live(heap);
  arm();
  size_t found = gc_collect(heap);
  disarm();
  CHECK_EQ(found, 0);
  CHECK_EQ(graph_live(heap), live);
  rc_decref(nodes[0]);
  arm();
  found = gc_collect(heap);
  disarm();
  uint64_t left = graph_live(heap);
  CHECK_EQ(gc_collect(heap), left);
  CHECK(found == 0 || left == 0);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Automatic collections and emergency ones, in the middle of a host that builds. */
static void automatic_collections(void) {
  gc_heap *heap = graph_heap("automatic");
  rc_type *type = graph_mixed(heap);
  gc_policy policy = GC_POLICY_INIT;
  policy.young_bytes = 100000;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  size_t made = 0;
  arm();
  for (size_t i = 0; i < 30000; i++) {
    Node *node = rc_new(type);
    if (!node) continue;
    made++;
    node->a = node; /* garbage at once */
  }
  disarm();
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(graph.destroyed, made);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static rc_type *callback_type_of_task;

static void allocating_destroy(void *obj) {
  (void)obj;
  graph.destroyed++;
  Node *extra = rc_new(callback_type_of_task);
  if (extra) extra->a = rc_new(callback_type_of_task);
  rc_xdecref(extra);
}

/* Host code allocates in the middle of a collection, and is refused. */
static void callbacks_that_allocate(void) {
  gc_heap *heap = graph_heap("callbacks");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Allocating", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.destroy = allocating_destroy;
  rc_type *type = graph_type(heap, &spec);
  callback_type_of_task = graph_declared(heap);
  gc_disable(heap);
  rc_decref(graph_ring(type, 3000));
  arm();
  size_t found = gc_collect(heap);
  disarm();
  CHECK(found == 0 || found == 3000);
  CHECK_EQ(found + gc_collect(heap), 3000);
  CHECK_EQ(graph.destroyed, 3000);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- death and the end need no memory ---- */

static void deaths(void) {
  gc_heap *heap = graph_heap("deaths");
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    rc_type *type = graph_kinds[kind](heap);
    Node *chain = graph_chain(type, 5000, kind % 2), *tree = graph_tree(type, 10);
    graph_reset();
    arm();
    rc_decref(chain);
    rc_decref(tree);
    disarm();
    CHECK_EQ(graph_live(heap), 0);
    if (kind > 0) CHECK_EQ(graph.destroyed, 5000 + 1023);
  }
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void end_of_a_heap(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = graph_heap("end");
    rc_type *type = graph_kinds[kind](heap);
    graph_reset();
    gc_disable(heap);
    CHECK(graph_chain(type, 3000, kind % 2) != NULL);
    CHECK(graph_ring(type, 500) != NULL);
    rc_decref(graph_ring(type, 700));
    rc_immortalize(graph_ring(type, 3));
    arm();
    size_t held = gc_heap_free(heap);
    disarm();
    CHECK(held >= 3500 && held <= 4203); /* without memory it cannot tell garbage from what is held */
    if (kind > 0) CHECK_EQ(graph.destroyed, 3000 + 500 + 700 + 3);
  }
  gc_heap *heap = graph_heap("after");
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- dumps ---- */

static int dump_bytes_of(const void *bytes, size_t len, void *ctx) {
  (void)bytes;
  *(size_t *)ctx += len;
  return 0;
}

static void dump_a_heap(void) {
  gc_heap *heap = graph_heap("dump");
  Node *chain = graph_chain(graph_mixed(heap), 50000, true);
  size_t before = 0, bytes = 0;
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = dump_bytes_of, options.write_ctx = &before;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  options.write_ctx = &bytes;
  calls = 0;
  arm();
  rc_status status = gc_dump(heap, &options, NULL);
  disarm();
  CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
  CHECK_EQ(bytes, status == RC_OK ? before : 0); /* all memory is taken before the first byte */
  CHECK(calls < 8);                              /* however large the heap */
  rc_decref(chain);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- an address space of 64 MiB ---- */

CHECK_FN void limited(void *arg) {
  struct rlimit limit = {(rlim_t)64 << 20, (rlim_t)64 << 20};
  (void)arg;
  REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(NULL, &heap) == RC_OK);
  rc_type *type = graph_declared(heap);
  for (int round = 0; round < 3; round++) {
    Node *head = NULL;
    size_t n = 0;
    for (;; n++) {
      Node *node = rc_new(type);
      if (!node) break;
      node->a = head, node->id = n, head = node;
    }
    CHECK(n > 50000);
    CHECK_EQ(graph_live(heap), n);
    (void)gc_collect(heap); /* may be given up, must not crash */
    CHECK_EQ(graph_live(heap), n);
    rc_decref(head);
    CHECK_EQ(graph_live(heap), 0);
    for (size_t i = 0; i < 20000; i++) { /* garbage in what is left */
      Node *node = rc_new(type);
      if (!node) break;
      node->a = node;
    }
    (void)gc_collect(heap);
    CHECK_EQ(graph_live(heap), 0);
  }
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void works_in_64_mib_of_address_space(void) {
#if defined(__SANITIZE_ADDRESS__)
  printf("left out: the address sanitizer needs more address space\n");
#else
  if (check_env("RCGC_TEST_SMALL")) {
    printf("left out: valgrind needs more address space\n");
    return;
  }
  char message[CHECK_MESSAGE_BYTES];
  int status = check_in_child(limited, NULL, message, sizeof message);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK_EQ(strlen(message), 0);
#endif
}

SWEPT(make_heap)
SWEPT(make_second_heap)
SWEPT(make_default_heap)
SWEPT(make_type)
SWEPT(make_objects_of_all_sizes)
SWEPT(make_many_small_objects)
SWEPT(tell_external_bytes)
SWEPT(collect_declared)
SWEPT(collect_callback)
SWEPT(collect_young_declared)
SWEPT(collect_young_mixed)
SWEPT(collect_wide)
SWEPT(automatic_collections)
SWEPT(callbacks_that_allocate)
SWEPT(deaths)
SWEPT(end_of_a_heap)
SWEPT(dump_a_heap)

static const check_test tests[] = {
    CHECK_TEST(make_heap_swept),
    CHECK_TEST(make_second_heap_swept),
    CHECK_TEST(make_default_heap_swept),
    CHECK_TEST(make_type_swept),
    CHECK_TEST(make_objects_of_all_sizes_swept),
    CHECK_TEST(make_many_small_objects_swept),
    CHECK_TEST(tell_external_bytes_swept),
    CHECK_TEST(calls_that_need_no_memory),
    CHECK_TEST(types_are_made_with_few_calls),
    CHECK_TEST(collect_declared_swept),
    CHECK_TEST(collect_callback_swept),
    CHECK_TEST(collect_young_declared_swept),
    CHECK_TEST(collect_young_mixed_swept),
    CHECK_TEST(collect_wide_swept),
    CHECK_TEST(automatic_collections_swept),
    CHECK_TEST(callbacks_that_allocate_swept),
    CHECK_TEST(deaths_swept),
    CHECK_TEST(end_of_a_heap_swept),
    CHECK_TEST(dump_a_heap_swept),
    CHECK_TEST(works_in_64_mib_of_address_space),
};

CHECK_MAIN(tests)
