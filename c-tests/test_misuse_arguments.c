/* Arguments that are no pointers to something of the engine's (misuse.h): structs, numbers, callbacks, outputs of the calls
 * that count and collect. */
#include "misuse.h"

static void heap_from(const gc_heap_options *options) {
  gc_heap *heap = NULL;
  give_status(gc_heap_new(options, &heap));
}

static void options_of_no_size(void *arg) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  (void)arg;
  options.struct_size = 0;
  heap_from(&options);
}

static void heap_nowhere(void *arg) {
  give_status(gc_heap_new(NULL, arg));
}

static void type_from(const rc_type_spec *spec) {
  rc_type *type = NULL;
  give_status(rc_type_new(NULL, spec, &type));
}

static void type_from_it(void *arg) {
  type_from(arg);
}

static void type_nowhere(void *arg) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Nowhere", spec.size = 8;
  give_status(rc_type_new(NULL, &spec, arg));
}

static void policy_set(void *arg) {
  give_status(gc_set_policy(NULL, arg));
}

static void policy_get(void *arg) {
  give_status(gc_get_policy(NULL, arg));
}

static void stats_get(void *arg) {
  give_status(gc_get_stats(NULL, arg));
}

static void debug_set(void *arg) {
  (void)arg;
  give_status(gc_set_debug(NULL, (uint32_t)1 << 30));
}

static void pressure_level(void *arg) {
  (void)arg;
  give_status(gc_memory_pressure(NULL, 99));
}

static void step_result(void *arg) {
  give_status(gc_step(NULL, 1000, arg));
}

static gc_foreign_spec foreign_of_nothing = GC_FOREIGN_SPEC_INIT;

static void foreign_from(void *arg) {
  static int thing;
  give_status(gc_track_foreign(NULL, &thing, arg));
}

static void foreign_object(void *arg) {
  give_status(gc_track_foreign(NULL, arg, &foreign_of_nothing));
}

static void foreign_not_tracked(void *arg) {
  give_status(gc_untrack_foreign(NULL, arg));
}

static void garbage_past_the_end(void *arg) {
  (void)arg;
  give_pointer(gc_garbage_get(NULL, 0));
}

static void callback_null(void *arg) {
  (void)arg;
  give_status(gc_add_callback(NULL, NULL, NULL));
}

static void callback_twice(void *arg) {
  CHECK_EQ(gc_add_callback(NULL, no_callback, arg), RC_OK);
  give_status(gc_add_callback(NULL, no_callback, arg));
}

static void callback_not_there(void *arg) {
  give_status(gc_remove_callback(NULL, no_callback, arg));
}

static void visit_null(void *arg) {
  (void)rc_visit_named(NULL, NULL, arg, "edge", RC_NO_INDEX);
}

static void external_below_zero(void *arg) {
  give_status(rc_add_external_bytes(arg, -1));
}

static void setref_nowhere(void *arg) {
  rc_setref(arg, NULL);
}

static void static_of(void *arg) {
  rc_static_add(arg);
}

static void resize_nowhere(void *arg) {
  give_status(rc_resize(arg, 1));
}

/* One reference leads to the object, or two. */
static void resize_of(void *arg) {
  void *obj = rc_new(rc_type_of(arg));
  give_status(rc_resize(&obj, 1));
}

static void resize_shared(void *arg) {
  void *obj = rc_newref(rc_new_array(arg, 1));
  give_status(rc_resize(&obj, 2));
}

static void resize_beyond(void *arg) {
  void *obj = rc_new_array(arg, 1);
  give_status(rc_resize(&obj, SIZE_MAX / 4));
}

static void length_of_hosts(void *arg) {
  (void)arg;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Text", spec.tail_size = 1, spec.flags = RC_TYPE_HOST_LENGTH;
  (void)rc_length(rc_new_array(graph_type(NULL, &spec), 5));
}

static void clear_nowhere(void *arg) {
  rc_clear(arg);
}

static void array_without_tail(void *arg) {
  give_pointer(rc_new_array(rc_type_of(arg), 3));
}

static void array_of_any_length(void *arg) {
  give_pointer(rc_new_array(arg, SIZE_MAX / 2));
}

static void keep_without_scope(void *arg) {
  give_pointer(rc_scope_keep(NULL, rc_newref(arg)));
}

static void key_of_another_heap(void *arg) {
  rc_weakmap *map = rc_weakmap_new(gc_heap_default());
  Node *key = graph_node(graph_declared(graph_heap("other")), 1);
  REQUIRE(map != NULL);
  give_status(rc_weakmap_set(map, key, arg));
}

static void type_in_use(void *arg) {
  give_status(rc_type_free(rc_type_of(arg)));
}

static void name_of_status(void *arg) {
  (void)arg;
  give(rc_status_name(999));
}

static void table_of_other_arguments(void) {
  rc_type_spec no_size = RC_TYPE_SPEC_INIT, tailed = RC_TYPE_SPEC_INIT;
  gc_policy policy = GC_POLICY_INIT;
  gc_stats stats = GC_STATS_INIT;
  gc_step_result result = GC_STEP_RESULT_INIT;
  no_size.struct_size = policy.struct_size = stats.struct_size = result.struct_size = 0;
  tailed.name = "Tailed", tailed.size = 8, tailed.tail_size = 8;
  rc_type *array = graph_type(NULL, &tailed);
  Node *node = graph_node(graph_declared(NULL), 1);
  const other_wrong all[] = {
      {{"gc_heap_new(options)", options_of_no_size, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_heap_new(out_heap)", heap_nowhere, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"rc_type_new(spec)", type_from_it, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"rc_type_new(spec)", type_from_it, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &no_size},
      {{"rc_type_new(out_type)", type_nowhere, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"rc_type_free(type)", type_in_use, NULL}, "an object of it lives", NULL, "RC_ERR_IN_USE", node},
      {{"gc_set_policy(policy)", policy_set, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_set_policy(policy)", policy_set, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &policy},
      {{"gc_get_policy(out_policy)", policy_get, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_get_policy(out_policy)", policy_get, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &policy},
      {{"gc_get_stats(out_stats)", stats_get, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_get_stats(out_stats)", stats_get, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &stats},
      {{"gc_memory_pressure(level)", pressure_level, NULL}, "no level", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_step(out_result)", step_result, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &result},
      {{"gc_track_foreign(obj)", foreign_object, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_track_foreign(obj)", foreign_object, NULL}, "an object", NULL, "RC_ERR_INVALID", node},
      {{"gc_track_foreign(spec)", foreign_from, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_track_foreign(spec)", foreign_from, NULL}, "no callbacks", NULL, "RC_ERR_INVALID", &foreign_of_nothing},
      {{"gc_untrack_foreign(obj)", foreign_not_tracked, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_untrack_foreign(obj)", foreign_not_tracked, NULL}, "not tracked", NULL, "RC_ERR_INVALID", &stats},
      {{"gc_set_debug(flags)", debug_set, NULL}, "not a flag", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_garbage_get(index)", garbage_past_the_end, NULL}, "past the end", NULL, "null", NULL},
      {{"gc_add_callback(callback)", callback_null, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_add_callback(callback)", callback_twice, NULL}, "there already", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_remove_callback(callback)", callback_not_there, NULL}, "not there", NULL, "RC_ERR_INVALID", NULL},
      {{"rc_visit_named(visit)", visit_null, NULL}, "null", "null", NULL, node},
      {{"rc_setref(slot)", setref_nowhere, NULL}, "null", "slot", NULL, NULL},
      {{"rc_clear(slot)", clear_nowhere, NULL}, "null", "slot", NULL, NULL},
      {{"rc_static_add(constant)", static_of, NULL}, "null", "constant is null", NULL, NULL},
      {{"rc_resize(slot)", resize_nowhere, NULL}, "null", "slot", NULL, NULL},
      {{"rc_resize(*slot)", resize_of, NULL}, "no trailing array", NULL, "RC_ERR_INVALID", node},
      {{"rc_resize(*slot)", resize_shared, NULL}, "another reference", NULL, "RC_ERR_IN_USE", array},
      {{"rc_resize(n)", resize_beyond, NULL}, "too large", NULL, "RC_ERR_NO_MEMORY", array},
      {{"rc_length(obj)", length_of_hosts, NULL}, "RC_TYPE_HOST_LENGTH", "RC_TYPE_HOST_LENGTH", NULL, NULL},
      {{"rc_add_external_bytes(bytes)", external_below_zero, NULL}, "below 0", NULL, "RC_ERR_INVALID", node},
      {{"rc_new_array(type)", array_without_tail, NULL}, "no trailing array", "tail_size", NULL, node},
      {{"rc_new_array(n)", array_of_any_length, NULL}, "too large", NULL, "null", array},
      {{"rc_scope_keep(obj)", keep_without_scope, NULL}, "no scope is open", NULL, "null", node},
      {{"rc_weakmap_set(key)", key_of_another_heap, NULL}, "of another heap", NULL, "RC_ERR_INVALID", node},
      {{"rc_status_name(status)", name_of_status, NULL}, "no status", NULL, "RC_ERR_UNKNOWN", NULL},
  };
  expect_others("Other arguments", all, RC_COUNT_OF(all));
  rc_decref(node);
}

static const check_test tests[] = {
    CHECK_TEST(table_of_other_arguments),
};

CHECK_MAIN(tests)
