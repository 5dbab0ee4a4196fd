/* Arrays of jansson as foreign objects: rings that jansson itself forbids only where it sees them, which its users leak.
 * jansson tells nobody when a value ends, so whoever lets go of a tracked array asks before. */
#include "../check.h"

#include <jansson.h>

static gc_heap *heap;

static size_t count(void *obj, void *ctx) {
  (void)ctx;
  return ((json_t *)obj)->refcount;
}

static int traverse(void *obj, rc_visit_fn visit, void *visit_ctx, void *ctx) {
  size_t index;
  json_t *value;
  (void)ctx;
  json_array_foreach((json_t *)obj, index, value) {
    if (!gc_is_tracked_foreign(heap, value)) continue; /* numbers and texts */
    int stop = rc_visit_named(visit, visit_ctx, value, "item", index);
    if (stop) return stop;
  }
  return 0;
}

static void drop(json_t *array) {
  if (array->refcount == 1) CHECK(gc_untrack_foreign(heap, array) == RC_OK);
  json_decref(array);
}

static void unlink_one(void *obj, void *ctx) {
  (void)ctx;
  json_array_clear((json_t *)obj); /* members of the ring are held: none of them ends here */
}

static void hold(void *obj, void *ctx) {
  (void)ctx;
  json_incref((json_t *)obj);
}

static void release(void *obj, void *ctx) {
  (void)ctx;
  drop((json_t *)obj);
}

static const gc_foreign_spec spec = {sizeof(gc_foreign_spec), count, traverse, unlink_one, hold, release, NULL};

static json_t *array_new(void) {
  json_t *array = json_array();
  REQUIRE(gc_track_foreign(heap, array, &spec) == RC_OK);
  CHECK_EQ(json_array_append_new(array, json_string("a text")), 0);
  return array;
}

static void a_ring_of_arrays(void) {
  REQUIRE(gc_heap_new(NULL, &heap) == RC_OK);
  enum { LENGTH = 100 };
  json_t *arrays[LENGTH];
  for (size_t i = 0; i < LENGTH; i++) arrays[i] = array_new();
  for (size_t i = 0; i < LENGTH; i++) CHECK_EQ(json_array_append(arrays[i], arrays[(i + 1) % LENGTH]), 0);
  for (size_t i = 1; i < LENGTH; i++) drop(arrays[i]);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(json_array_size(arrays[0]), 2);
  drop(arrays[0]);
  CHECK_EQ(gc_collect(heap), LENGTH);
  CHECK_EQ(gc_foreign_count(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {CHECK_TEST(a_ring_of_arrays)};

CHECK_MAIN(tests)
