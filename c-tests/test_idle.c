/* test_idle.c: memory comes back. What a heap once had goes back to the system when its objects are gone, at the latest
 * in gc_collect, and heap_bytes says what has not; a heap that breathes keeps what the next breath wants.
 *
 * What the process has is looked at where the sizes are whole ones: a checker's own memory is none of ours.
 */
#include "graph.h"

#define MIB ((uint64_t)1 << 20)
enum { PAGE = 64 << 10 };

static bool whole(void) {
  return check_scale(0, 1, 1) != 0;
}

static uint64_t resident(void) {
  unsigned long size = 0, pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  REQUIRE(file && fscanf(file, "%lu %lu", &size, &pages) == 2);
  fclose(file);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Most of what a heap had while it was full is the system's again. */
#define CHECK_BACK(before, full)                                      \
  do {                                                                \
    if (whole()) {                                                    \
      uint64_t now = resident();                                      \
      CHECK((full) > (before) + 16 * MIB);                            \
      CHECK(now < (before) + ((full) - (before)) / 8);                \
    }                                                                 \
  } while (0)

static uint64_t heap_bytes(gc_heap *heap) {
  return graph_stats(heap).heap_bytes;
}

/* ---- objects ---- */

static void ended_by_count(void) {
  gc_heap *heap = graph_heap("by count");
  rc_type *type = graph_declared(heap);
  uint64_t before = resident();
  for (int round = 0; round < 2; round++) {
    Node *chain = graph_chain(type, check_scale(20000, 4000000, 8000000), false);
    uint64_t full = resident(), bytes = heap_bytes(heap);
    CHECK(bytes >= graph_stats(heap).live_bytes);
    rc_decref(chain);
    CHECK(heap_bytes(heap) <= bytes / 4 + 8 * MIB); /* some is kept, and counted */
    CHECK_EQ(gc_collect(heap), 0);
    CHECK_EQ(heap_bytes(heap), 0);
    CHECK_BACK(before, full);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void ended_by_the_collector(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = graph_heap("by the collector");
    rc_type *type = graph_kinds[kind](heap);
    uint64_t before = resident();
    size_t nodes = check_scale(2000, 1000000, 4000000);
    gc_disable(heap);
    rc_decref(graph_ring(type, nodes));
    uint64_t full = resident();
    CHECK_EQ(gc_collect(heap), nodes);
    CHECK_EQ(heap_bytes(heap), 0);
    CHECK_BACK(before, full);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* Objects of whole pages, of which each sixteenth lives: one in each segment. */
static void one_object_in_each_segment(void) {
  gc_heap *heap = graph_heap("sparse");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Page", spec.size = PAGE - 16;
  rc_type *type = graph_type(heap, &spec);
  size_t count = check_scale(16 * 20, 16 * 100, 16 * 400), lives = count / 16;
  char **pages = calloc(count, sizeof *pages);
  uint64_t before = resident();
  for (size_t i = 0; i < count; i++) {
    pages[i] = rc_new(type);
    memset(pages[i], 1, PAGE - 16);
  }
  uint64_t full = resident();
  CHECK_EQ(heap_bytes(heap), count * PAGE);
  for (size_t i = 0; i < count; i++) {
    if (i % 16) rc_decref(pages[i]);
  }
  CHECK_EQ(heap_bytes(heap), count * PAGE);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(heap_bytes(heap), lives * PAGE);
  CHECK_BACK(before, full);
  /* What came back reads zero when it is taken again, and what lives is whole. */
  for (size_t i = 0; i < count; i++) {
    if (i % 16) pages[i] = rc_new(type);
    size_t wrong = 0;
    for (size_t at = 0; at < PAGE - 16; at += 61) wrong += pages[i][at] != (i % 16 ? 0 : 1);
    CHECK_EQ(wrong, 0);
    rc_decref(pages[i]);
  }
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(heap_bytes(heap), 0);
  free(pages);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A heap that is mostly full keeps the few free pages between its objects, and counts them. */
static void few_gaps_stay(void) {
  gc_heap *heap = graph_heap("mostly full");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Page", spec.size = PAGE - 16;
  rc_type *type = graph_type(heap, &spec);
  enum { COUNT = 160 };
  void *pages[COUNT];
  for (size_t i = 0; i < COUNT; i++) pages[i] = rc_new(type);
  for (size_t i = 0; i < COUNT; i += 10) rc_decref(pages[i]);
  (void)gc_collect(heap);
  CHECK_EQ(heap_bytes(heap), COUNT * PAGE);
  for (size_t i = 0; i < COUNT; i += 10) pages[i] = rc_new(type);
  CHECK_EQ(heap_bytes(heap), COUNT * PAGE);
  for (size_t i = 0; i < COUNT; i++) rc_decref(pages[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Each type and each class keeps blocks for its next objects: also those go back. */
static void types_of_every_size(void) {
  gc_heap *heap = graph_heap("sizes");
  for (size_t size = 16; size <= 40000; size += size / 8 + 8) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Sized", spec.size = size;
    rc_decref(rc_new(graph_type(heap, &spec)));
    spec.name = "Array", spec.size = 8, spec.tail_size = 1;
    rc_decref(rc_new_array(graph_type(heap, &spec), size));
  }
  CHECK(heap_bytes(heap) > 0);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(heap_bytes(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what lies beside the objects ---- */

static void nobody(rc_weak *weak, void *ctx) {
  (void)weak, (void)ctx;
}

static void weak_handles_and_entries(void) {
  gc_heap *heap = graph_heap("weak");
  rc_type *type = graph_declared(heap);
  size_t count = check_scale(1000, 500000, 1000000);
  Node **nodes = malloc(count * sizeof *nodes);
  rc_weak **handles = malloc(count * sizeof *handles);
  memset(nodes, 1, count * sizeof *nodes), memset(handles, 1, count * sizeof *handles);
  uint64_t before = resident();
  rc_weakmap *map = rc_weakmap_new(heap);
  for (size_t i = 0; i < count; i++) {
    nodes[i] = graph_node(type, i);
    handles[i] = rc_weak_new(nodes[i], i % 2 ? nobody : NULL, NULL);
    CHECK_EQ(rc_weakmap_set(map, nodes[i], nodes[i]), RC_OK);
    CHECK_EQ(rc_add_external_bytes(nodes[i], 100), RC_OK);
  }
  uint64_t full = resident();
  for (size_t i = 0; i < count; i++) rc_decref(nodes[i]);
  CHECK_EQ(gc_collect(heap), count);
  for (size_t i = 0; i < count; i++) {
    CHECK(rc_weak_get(handles[i]) == NULL);
    rc_weak_free(handles[i]);
  }
  rc_decref(map);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(heap_bytes(heap), 0);
  CHECK_BACK(before, full);
  free(handles), free(nodes);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void finalize(void *obj) {
  (void)obj;
}

static void scopes_and_finalizers(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Finalized", spec.size = 16, spec.finalize = finalize;
  rc_type *type = graph_type(heap, &spec);
  uint64_t before = resident();
  size_t count = check_scale(1000, 2000000, 4000000);
  rc_scope_mark mark = rc_scope_enter(heap);
  for (size_t i = 0; i < count; i++) CHECK(rc_scope_keep(heap, rc_new(type)) != NULL);
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  uint64_t full = resident();
  CHECK_EQ(gc_run_finalizers(heap), count);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(heap_bytes(heap), 0);
  CHECK_BACK(before, full);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The table beside the objects has 8 bytes for each. */
static void records_of_a_profile(void) {
  gc_heap *heap = graph_heap("profiled");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  uint64_t before = resident();
  Node *chain = graph_chain(type, check_scale(20000, 4000000, 8000000), false);
  uint64_t full = resident();
  rc_decref(chain);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_BACK(before, full);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- breathing ---- */

static long faults(void) {
  struct rusage usage;
  REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
  return usage.ru_minflt;
}

/* Made and dropped again and again without a word: not all of the memory is taken anew each time. */
static void a_breathing_heap_keeps_its_memory(void) {
  gc_heap *heap = graph_heap("breathing");
  rc_type *type = graph_declared(heap);
  size_t nodes = check_scale(2000, 100000, 100000);
  Node *stays = graph_chain(type, nodes * 2, false);
  long first = 0;
  for (int round = 0; round < 8; round++) {
    long begin = faults();
    rc_decref(graph_chain(type, nodes, false));
    if (round == 0) first = faults() - begin;
    else if (whole() && !check_env("RCGC_TEST_CHECKED")) CHECK(faults() - begin <= first / 2);
  }
  rc_decref(stays);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A limit holds for what is kept, too; a large object that is made again and again finds room for ever. */
static void the_limit_counts_what_is_kept(void) {
  gc_heap *heap = graph_heap("limited");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Array", spec.size = 8, spec.tail_size = 1;
  rc_type *type = graph_type(heap, &spec);
  gc_policy policy = GC_POLICY_INIT;
  policy.limit_bytes = 16 * MIB;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  uint64_t seed = check_seed("the_limit_counts_what_is_kept");
  for (size_t round = 0; round < check_scale(20, 200, 2000); round++) {
    void *large = rc_new_array(type, 1 + check_below(&seed, 12 * MIB)), *small = rc_new_array(type, 100000);
    CHECK(large && small);
    CHECK(heap_bytes(heap) <= policy.limit_bytes);
    rc_decref(large), rc_decref(small);
    CHECK(heap_bytes(heap) <= policy.limit_bytes);
  }
  CHECK(graph_stats(heap).heap_bytes_peak <= policy.limit_bytes);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(ended_by_count),
    CHECK_TEST(ended_by_the_collector),
    CHECK_TEST(one_object_in_each_segment),
    CHECK_TEST(few_gaps_stay),
    CHECK_TEST(types_of_every_size),
    CHECK_TEST(weak_handles_and_entries),
    CHECK_TEST(scopes_and_finalizers),
    CHECK_TEST(records_of_a_profile),
    CHECK_TEST(a_breathing_heap_keeps_its_memory),
    CHECK_TEST(the_limit_counts_what_is_kept),
};
CHECK_MAIN(tests)
