/* test_limits.c: every limit of docs/limits.md, and what is told when it is reached: its status, and a sentence that
 * names it. Nothing changes by a refusal, and what is given back can be had again.
 */
#include "graph.h"

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

static const check_test tests[] = {
    CHECK_TEST(heaps),
    CHECK_TEST(types),
    CHECK_TEST(fields),
    CHECK_TEST(masks_of_a_word),
};
CHECK_MAIN(tests)
