/* test_limits.c: every limit of docs/limits.md, and what is told when it is reached: its status, and a sentence that
 * names it. Nothing changes by a refusal, and what is given back can be had again.
 */
#include "graph.h"

#include <stddef.h>
#include <stdint.h>

/* The smallest range, so that few heaps and types are all there are; else the whole numbers. */
static bool small_range(void) {
  return check_scale(1, 0, 0) != 0;
}

static rc_status heap_in_range(gc_heap **out_heap) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.range_bytes = small_range() ? (uint64_t)16 << 20 : 0;
  return gc_heap_new(&options, out_heap);
}

static void heaps(void) {
  size_t most = small_range() ? 127 : 16383, count = 0;
  gc_heap **all = calloc(most + 1, sizeof *all);
  while (count <= most && heap_in_range(&all[count]) == RC_OK) count++;
  CHECK_EQ(count, most);
  for (int again = 0; again < 2; again++) {
    CHECK_EQ(heap_in_range(&all[most]), RC_ERR_LIMIT);
    char number[16];
    snprintf(number, sizeof number, "%zu", most);
    CHECK_STR(gc_error_message(NULL), number);
    CHECK_STR(gc_error_message(NULL), "heaps");
    CHECK(gc_heap_default() == NULL);
    CHECK_STR(gc_error_message(NULL), "gc_heap_default");
    CHECK_EQ(rc_scope_enter(NULL), 0);
    CHECK_EQ(gc_heap_free(all[most / 3 + (size_t)again]), 0);
    CHECK_EQ(heap_in_range(&all[most / 3 + (size_t)again]), RC_OK);
  }
  for (size_t i = 0; i < most; i++) CHECK_EQ(gc_heap_free(all[i]), 0);
  CHECK(gc_heap_default() != NULL);
  free(all);
}

static void stacks_of_scopes(void) {
  enum { MOST = 818 }; /* one for each 20 KiB of the smallest range, and one is nobody's */
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.range_bytes = (uint64_t)16 << 20;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_scope_stack *all[MOST + 1], *more = NULL;
  size_t count = 0;
  while (count <= MOST && rc_scope_stack_new(heap, &all[count]) == RC_OK) count++;
  CHECK_EQ(count, MOST);
  CHECK_EQ(rc_scope_stack_new(heap, &more), RC_ERR_LIMIT);
  CHECK_STR(gc_error_message(heap), "stacks of scopes");
  CHECK_STR(gc_error_message(heap), "818");
  CHECK(more == NULL);
  CHECK_EQ(rc_scope_stack_free(all[MOST / 2]), RC_OK);
  CHECK_EQ(rc_scope_stack_new(heap, &more), RC_OK);
  CHECK_EQ(rc_scope_stack_new(heap, &all[MOST / 2]), RC_ERR_LIMIT);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void types(void) {
  size_t most = small_range() ? 3275 : ((size_t)1 << 18) - 1, count = 0;
  gc_heap *heap, *other;
  REQUIRE(heap_in_range(&heap) == RC_OK && heap_in_range(&other) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type, *half = NULL;
  spec.name = "Type", spec.size = 16;
  while (count <= most && rc_type_new(count % 2 ? heap : other, &spec, &type) == RC_OK) {
    if (++count == most / 2) half = type;
  }
  CHECK_EQ(count, most);
  CHECK_EQ(rc_type_new(heap, &spec, &type), RC_ERR_LIMIT);
  CHECK_STR(gc_error_message(heap), "types");
  char number[16];
  snprintf(number, sizeof number, "%zu", most);
  CHECK_STR(gc_error_message(heap), number);
  CHECK_EQ(rc_type_free(half), RC_OK);
  CHECK_EQ(rc_type_new(heap, &spec, &type), RC_OK);
  CHECK_EQ(rc_type_new(other, &spec, &type), RC_ERR_LIMIT);
  CHECK_EQ(gc_heap_free(other), 0);
  CHECK_EQ(rc_type_new(heap, &spec, &type), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void fields(void) {
  enum { MOST = 65536 };
  rc_field *all = calloc(MOST + 1, sizeof *all);
  for (size_t i = 0; i <= MOST; i++) {
    rc_field field = {"f", RC_SLOT_POINTER, RC_PLACE_ONE, i * 8, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0};
    all[i] = field;
  }
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type = NULL;
  spec.name = "Wide", spec.size = (MOST + 1) * 8, spec.fields = all, spec.field_count = MOST + 1;
  CHECK_EQ(rc_type_new(NULL, &spec, &type), RC_ERR_LIMIT);
  CHECK_STR(gc_error_message(NULL), "65536");
  spec.field_count = MOST;
  CHECK_EQ(rc_type_new(NULL, &spec, &type), RC_OK);
  free(all);
  /* Each of its fields is an edge. */
  void **wide = rc_new(type);
  rc_type *plain = graph_declared(NULL);
  for (size_t i = 0; i < MOST; i += 1000) wide[i] = graph_node(plain, i);
  CHECK_EQ(graph_live(NULL), 1 + (MOST + 999) / 1000);
  rc_decref(wide);
  CHECK_EQ(graph_live(NULL), 0);
}

/* Tags of one word by 64 different masks: 0, 01, 011 ... look at one bit more each. */
static void masks_of_a_word(void) {
  rc_field all[65];
  for (size_t i = 0; i < 65; i++) {
    rc_field field = {"tag", RC_SLOT_TAGGED, RC_PLACE_ONE, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, UINT64_MAX};
    field.mask = UINT64_MAX >> (i < 64 ? 63 - i : 0);
    field.value = i < 64 ? ((uint64_t)1 << i) - 1 : UINT64_MAX;
    all[i] = field;
  }
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type = NULL;
  spec.name = "Tagged", spec.size = 8, spec.fields = all, spec.field_count = 65;
  CHECK_EQ(rc_type_new(NULL, &spec, &type), RC_OK);
  /* The first, and a part of what it was, by two masks. */
  all[0].mask = 0x21;
  CHECK_EQ(rc_type_new(NULL, &spec, &type), RC_OK);
  rc_field more[66];
  memcpy(more, all, sizeof all);
  more[65] = all[0], more[65].mask = 0xa1, more[65].value = 0x20;
  spec.fields = more, spec.field_count = 66;
  CHECK_EQ(rc_type_new(NULL, &spec, &type), RC_ERR_LIMIT);
  CHECK_STR(gc_error_message(NULL), "64 different masks");
}

/* ---- weak handles, entries, holds ---- */

static gc_heap *heap_in_the_smallest_range(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  gc_heap *heap;
  options.range_bytes = (uint64_t)16 << 20;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  return heap;
}

static void weak_handles(void) {
  gc_heap *heap = heap_in_the_smallest_range();
  Node *node = graph_node(graph_declared(heap), 1);
  enum { MOST = ((16 << 20) / 32) / 48 };
  rc_weak *handles[MOST + 1];
  size_t count = 0;
  while (count <= MOST && (handles[count] = rc_weak_new(node, NULL, NULL))) count++;
  CHECK(count == MOST || count == MOST - 1);
  CHECK_STR(gc_error_message(heap), "weak handles");
  rc_weak_free(handles[--count]);
  CHECK((handles[count++] = rc_weak_new(node, NULL, NULL)) != NULL);
  while (count) rc_weak_free(handles[--count]);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void entries_of_weak_maps(void) {
  gc_heap *heap = heap_in_the_smallest_range();
  Node *key = graph_node(graph_declared(heap), 1);
  rc_weakmap *maps[20000];
  size_t count = 0;
  rc_status status = RC_OK;
  while (status == RC_OK && count < 20000) {
    maps[count] = rc_weakmap_new(heap);
    status = maps[count] ? rc_weakmap_set(maps[count], key, key) : RC_ERR_NO_MEMORY;
    count += maps[count] != NULL;
  }
  CHECK_EQ(status, RC_ERR_NO_MEMORY);
  CHECK(count > 5000);
  while (count) rc_decref(maps[--count]);
  CHECK_EQ(rc_count(key), 1);
  rc_decref(key);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void holds(void) {
  enum { MOST = 1 << 20 };
  if (check_scale(0, 1, 1) == 0) return;
  Node *node = graph_node(graph_declared(NULL), 1);
  gc_hold *all = malloc(MOST * sizeof *all);
  for (size_t i = 0; i < MOST; i++) all[i] = gc_hold_at(node, NULL, NULL);
  CHECK(all[MOST - 1] != GC_HOLD_NONE);
  CHECK_EQ(gc_hold_at(node, NULL, NULL), GC_HOLD_NONE);
  CHECK_STR(gc_error_message(NULL), "1048576");
  CHECK_EQ(rc_count(node), MOST + 1);
  for (size_t i = 0; i < MOST; i++) CHECK_EQ(gc_release_hold(all[i], NULL), RC_OK);
  CHECK(gc_hold_at(node, NULL, NULL) != GC_HOLD_NONE);
  free(all);
}

/* ---- sizes and numbers ---- */

static void bytes_of_an_object(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type;
  spec.name = "Large", spec.size = (size_t)1 << 46;
  CHECK_EQ(rc_type_new(NULL, &spec, &type), RC_OK);
  CHECK(rc_new(type) == NULL);
  spec.size++;
  CHECK_EQ(rc_type_new(NULL, &spec, &type), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "70368744177664");
  spec.size = 8, spec.tail_size = 8;
  CHECK_EQ(rc_type_new(NULL, &spec, &type), RC_OK);
  const size_t lengths[] = {SIZE_MAX, SIZE_MAX / 8, SIZE_MAX / 8 - 1, SIZE_MAX / 16, (size_t)1 << 40};
  for (size_t i = 0; i < RC_COUNT_OF(lengths); i++) CHECK(rc_new_array(type, lengths[i]) == NULL);
}

static void external_bytes(void) {
  Node *node = graph_node(graph_declared(NULL), 1), *other = graph_node(rc_type_of(node), 2);
  CHECK_EQ(rc_add_external_bytes(node, PTRDIFF_MAX), RC_OK);
  CHECK_EQ(rc_add_external_bytes(node, 1), RC_ERR_INVALID);
  CHECK_EQ(rc_add_external_bytes(other, 1), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "63 bits");
  CHECK_EQ(rc_add_external_bytes(node, PTRDIFF_MIN), RC_ERR_INVALID);
  CHECK_EQ(rc_add_external_bytes(node, -PTRDIFF_MAX), RC_OK);
  CHECK_EQ(rc_add_external_bytes(other, PTRDIFF_MIN), RC_ERR_INVALID);
  CHECK_EQ(graph_stats(NULL).external_bytes, 0);
  rc_decref(node), rc_decref(other);
}

static void policies(void) {
  const double zero = check_scale(0, 0, 0), wrong[] = {-1.0, 100.5, 1 / zero, -1 / zero, zero / zero};
  gc_policy policy = GC_POLICY_INIT;
  for (size_t i = 0; i < RC_COUNT_OF(wrong); i++) {
    policy.growth = wrong[i];
    CHECK_EQ(gc_set_policy(NULL, &policy), RC_ERR_INVALID);
  }
  policy.growth = 100, policy.young_bytes = UINT64_MAX, policy.limit_bytes = UINT64_MAX;
  CHECK_EQ(gc_set_policy(NULL, &policy), RC_OK);
  rc_decref(graph_chain(graph_declared(NULL), check_scale(1000, 100000, 100000), false));
  if (!check_env("RCGC_TEST_CHECKED")) CHECK_EQ(graph_stats(NULL).young.runs, 0);
}

static void options_of_series_and_profiles(void) {
  gc_series_options series = GC_SERIES_OPTIONS_INIT;
  series.capacity = ((uint32_t)1 << 24) + 1;
  CHECK_EQ(gc_series_start(NULL, &series), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "16777216");
  gc_profile_options profile = GC_PROFILE_OPTIONS_INIT;
  profile.flags = GC_PROFILE_STACKS, profile.depth = 129;
  CHECK_EQ(gc_profile_start(NULL, &profile), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "128");
  profile.depth = 128, profile.sample_bytes = ((uint64_t)1 << 40) + 1;
  CHECK_EQ(gc_profile_start(NULL, &profile), RC_ERR_INVALID);
  profile.sample_bytes = (uint64_t)1 << 40;
  CHECK_EQ(gc_profile_start(NULL, &profile), RC_OK);
}

static void names(void) {
  char long_name[100001], cut[64];
  memset(long_name, 'n', sizeof long_name - 1), long_name[sizeof long_name - 1] = 0;
  memset(cut, 'n', 63), cut[63] = 0;
  gc_heap *heap = graph_heap(long_name);
  CHECK(strcmp(gc_heap_name(heap), cut) == 0);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = long_name, spec.size = 16;
  rc_type *type = graph_type(heap, &spec);
  CHECK_EQ(strlen(rc_type_name(type)), 100000);
  void *obj = rc_new(type);
  CHECK_EQ(rc_type_free(type), RC_ERR_IN_USE);
  CHECK(strlen(gc_error_message(heap)) < 512);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, rc_scope_enter_named(heap, long_name)), RC_OK);
  rc_decref(obj);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- the limit of a heap ---- */

typedef struct full_heap {
  gc_heap *heap;
  rc_type *type;
  Node *held, *ring;
  size_t nodes;
} full_heap;

/* A heap at its limit: half of it a list that is held, half a ring. */
static full_heap full_heap_new(void) {
  full_heap full = {graph_heap("full"), NULL, NULL, NULL, 0};
  gc_policy policy = GC_POLICY_INIT;
  policy.limit_bytes = check_scale((size_t)1 << 20, (size_t)4 << 20, (size_t)16 << 20);
  CHECK_EQ(gc_set_policy(full.heap, &policy), RC_OK);
  full.type = graph_declared(full.heap);
  full.ring = graph_ring(full.type, policy.limit_bytes / 64);
  full.nodes = policy.limit_bytes / 64;
  for (Node *node; (node = rc_new(full.type)); full.nodes++) node->a = full.held, full.held = node;
  return full;
}

static uint64_t full_runs(const full_heap *full) {
  return graph_stats(full->heap).full.runs;
}

static void full_heap_end(full_heap *full) {
  rc_decref(full->held);
  CHECK_EQ(gc_heap_free(full->heap), 0);
}

/* Asked again and again, it does not collect each time; what becomes garbage is found all the same. */
static void refused_again_and_again(void) {
  full_heap full = full_heap_new();
  uint64_t runs = full_runs(&full);
  size_t asked = 20 * full.nodes / 16;
  for (size_t i = 0; i < asked; i++) CHECK(rc_new(full.type) == NULL);
  CHECK(full_runs(&full) - runs <= 8 + 20 + 21);
  CHECK(full_runs(&full) > runs);
  rc_decref(full.ring);
  size_t refused = 0;
  Node *node;
  while (!(node = rc_new(full.type)) && refused <= full.nodes) refused++;
  CHECK(refused <= full.nodes / 16 + 1);
  CHECK(node != NULL);
  if (node) rc_decref(node);
  full_heap_end(&full);
}

/* The first times it looks each time; and whenever the host's own collection has found something. */
static void what_is_dropped_is_found_at_once(void) {
  for (int many = 0; many < 2; many++) {
    full_heap full = full_heap_new();
    for (size_t i = 0; i < (many ? full.nodes : 5); i++) CHECK(rc_new(full.type) == NULL);
    rc_decref(full.ring);
    if (many) CHECK(gc_collect(full.heap) > 0);
    Node *node = rc_new(full.type);
    CHECK(node != NULL);
    if (node) rc_decref(node);
    full_heap_end(&full);
  }
}

/* A cache at the limit, which drops one object for each that it makes, finds the block without a collection, wherever
 * it was. */
static void one_goes_and_one_comes(void) {
  full_heap full = full_heap_new();
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Leaf", spec.size = sizeof(Node);
  size_t count = 0;
  rc_decref(full.ring);
  CHECK(gc_collect(full.heap) > 0);
  rc_type *leaf = graph_type(full.heap, &spec);
  void **cache = calloc(full.nodes, sizeof *cache);
  while (count < full.nodes && (cache[count] = rc_new(leaf))) count++;
  CHECK(count > full.nodes / 4);
  uint64_t runs = full_runs(&full), seed = check_seed("one_goes_and_one_comes");
  size_t missed = 0;
  for (size_t i = 0; i < 10 * check_scale(100, 1000, 10000); i++) {
    size_t at = check_below(&seed, count);
    rc_decref(cache[at]);
    missed += !(cache[at] = rc_new(leaf));
    if (!cache[at]) cache[at] = rc_new(leaf);
    REQUIRE(cache[at] != NULL);
  }
  CHECK_EQ(missed, 0);
  if (!check_env("RCGC_TEST_CHECKED")) CHECK(full_runs(&full) - runs <= 4);
  while (count) rc_decref(cache[--count]);
  free(cache);
  full_heap_end(&full);
}

/* A hub refers to one object by many fields, and that back by one, the only edge that breaks the ring: the last kind of
 * the shape, which is tried among 16 kinds, and is not among 17. */
typedef struct Hub {
  void *out[17];
} Hub;

static void kinds_of_a_ring(void) {
  static const char *const names[] = {"o00", "o01", "o02", "o03", "o04", "o05", "o06", "o07",
                                      "o08", "o09", "o10", "o11", "o12", "o13", "o14", "o15"};
  for (size_t kinds = 16; kinds <= 17; kinds++) {
    gc_heap *heap = graph_heap("shapes");
    graph_policy(heap, GC_POLICY_NEVER);
    rc_field fields[17];
    for (size_t i = 0; i < kinds - 1; i++) {
      fields[i] = (rc_field)RC_FIELD(Hub, out[0]);
      fields[i].name = names[i], fields[i].offset = i * sizeof(void *);
    }
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Hub", spec.size = sizeof(Hub), spec.fields = fields, spec.field_count = kinds - 1;
    rc_type *hubs = NULL, *nodes = graph_declared(heap);
    REQUIRE(rc_type_new(heap, &spec, &hubs) == RC_OK);
    Hub *hub = rc_new(hubs);
    Node *node = rc_new(nodes);
    for (size_t i = 0; i < kinds - 1; i++) hub->out[i] = rc_newref(node);
    node->a = (Node *)hub;
    rc_decref(node);
    gc_query *query = NULL;
    REQUIRE(gc_query_begin(heap, &query) == RC_OK);
    gc_ring_shape row = {0};
    row.struct_size = sizeof row;
    size_t count = 0;
    CHECK_EQ(gc_cycles(query, &row, 1, &count), RC_OK);
    CHECK_EQ(count, 1);
    CHECK_EQ(row.breaks, kinds == 16);
    CHECK_EQ(gc_query_end(query), RC_OK);
    CHECK_EQ(gc_collect(heap), 2);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static const check_test tests[] = {
    CHECK_TEST(refused_again_and_again),
    CHECK_TEST(what_is_dropped_is_found_at_once),
    CHECK_TEST(one_goes_and_one_comes),
    CHECK_TEST(weak_handles),
    CHECK_TEST(entries_of_weak_maps),
    CHECK_TEST(holds),
    CHECK_TEST(bytes_of_an_object),
    CHECK_TEST(external_bytes),
    CHECK_TEST(policies),
    CHECK_TEST(options_of_series_and_profiles),
    CHECK_TEST(names),
    CHECK_TEST(heaps),
    CHECK_TEST(types),
    CHECK_TEST(stacks_of_scopes),
    CHECK_TEST(fields),
    CHECK_TEST(masks_of_a_word),
    CHECK_TEST(kinds_of_a_ring),
};
CHECK_MAIN(tests)
