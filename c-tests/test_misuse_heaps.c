/* Misuse of heaps and types (misuse.h): each call that takes one, with each kind of wrong one; freed twice. */
#include "misuse.h"

/* An object, where a call wants one. */
static Node *good_key;

/* ---- heaps and types ---- */

static void heap_stats(void *heap) {
  gc_stats stats = GC_STATS_INIT;
  (void)gc_get_stats(heap, &stats);
}

static void heap_policy_set(void *heap) {
  gc_policy policy = GC_POLICY_INIT;
  (void)gc_set_policy(heap, &policy);
}

static void heap_policy_get(void *heap) {
  gc_policy policy = GC_POLICY_INIT;
  (void)gc_get_policy(heap, &policy);
}

static void heap_dump(void *heap) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = heap_dump_write;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
}

static void heap_type(void *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type = NULL;
  spec.name = "Late", spec.size = 8;
  CHECK_EQ(rc_type_new(heap, &spec, &type), RC_OK);
}

static void heap_walk(void *heap) {
  gc_iter iter;
  (void)gc_iter_begin(heap, NULL, &iter);
}

static void heap_types(void *heap) {
  size_t count;
  (void)gc_most_common_types(heap, GC_ORDER_LIVE, NULL, 0, &count);
}

static void heap_query(void *heap) {
  gc_query *query;
  if (gc_query_begin(heap, &query) == RC_OK) (void)gc_query_end(query);
}

static void heap_rings(void *heap) {
  gc_ring_watch *watch;
  if (gc_watch_rings(heap, 0, &watch) == RC_OK) (void)gc_watch_rings_end(watch);
}

static void heap_verify(void *heap) {
  size_t count;
  (void)gc_verify(heap, NULL, NULL, &count);
}

static void heap_mark(void *heap) {
  gc_mark *mark;
  if (gc_growth_mark(heap, GC_MARK_TYPES, &mark) == RC_OK) gc_growth_free(mark);
}

static rc_status heap_totals(void *heap) {
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  return gc_profile_get(heap, &stats);
}

static rc_status heap_scope(void *heap) {
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  return gc_scope_get(heap, 1, &stats);
}

static void heap_measure(void *heap) {
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  CHECK_EQ(gc_measure(heap, no_run, NULL, &stats), RC_OK);
}

static void heap_leak_check(void *heap) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  CHECK_EQ(gc_leak_check(heap, no_run, NULL, 0, 1, &result), RC_OK);
}

static void heap_lines(void *heap) {
  static rc_site site = {"f.c", "f", 1, 0};
  gc_lines lines = gc_lines_begin(heap, &site);
  (void)lines;
}

static void heap_stack(void *heap) {
  rc_scope_stack *stack;
  if (rc_scope_stack_new(heap, &stack) == RC_OK) (void)rc_scope_stack_free(stack);
}

static void heap_watch(void *heap) {
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t watch;
  spec.metric = GC_WATCH_LIVE_BYTES, spec.limit = UINT64_MAX;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_OK);
}

static gc_foreign_spec foreign_of_nothing = GC_FOREIGN_SPEC_INIT;

/* Null is the default heap everywhere. */
#define HEAP_CALLS(X)                                                                                        \
  X(heap_free, "gc_heap_free(heap)", IS_LEGAL, gc_heap_free(arg))                                            \
  X(heap_name, "gc_heap_name(heap)", IS_LEGAL, (void)gc_heap_name(arg))                                      \
  X(error_message, "gc_error_message(heap)", IS_LEGAL, (void)gc_error_message(arg))                          \
  X(last_status, "gc_last_status(heap)", IS_LEGAL, (void)gc_last_status(arg))                                \
  X(type_new, "rc_type_new(heap)", IS_LEGAL, heap_type(arg))                                                 \
  X(collect, "gc_collect(heap)", IS_LEGAL, (void)gc_collect(arg))                                            \
  X(collect_young, "gc_collect_young(heap)", IS_LEGAL, (void)gc_collect_young(arg))                          \
  X(safepoint, "gc_safepoint(heap)", IS_LEGAL, gc_safepoint(arg))                                            \
  X(pressure, "gc_memory_pressure(heap)", IS_LEGAL, (void)gc_memory_pressure(arg, GC_PRESSURE_HIGH))           \
  X(step, "gc_step(heap)", IS_LEGAL, (void)gc_step(arg, 1000, NULL))                                           \
  X(start, "gc_start(heap)", IS_LEGAL, (void)gc_start(arg))                                                    \
  X(idle, "gc_idle(heap)", IS_LEGAL, (void)gc_idle(arg, 1, NULL, NULL))                                        \
  X(track_foreign, "gc_track_foreign(heap)", "RC_ERR_INVALID", give_status(gc_track_foreign(arg, good_key, &foreign_of_nothing)))                                       \
  X(untrack_foreign, "gc_untrack_foreign(heap)", "RC_ERR_INVALID", give_status(gc_untrack_foreign(arg, good_key)))     \
  X(is_foreign, "gc_is_tracked_foreign(heap)", IS_LEGAL, (void)gc_is_tracked_foreign(arg, NULL))             \
  X(foreign_count, "gc_foreign_count(heap)", IS_LEGAL, (void)gc_foreign_count(arg))                          \
  X(enable, "gc_enable(heap)", IS_LEGAL, gc_enable(arg))                                                     \
  X(disable, "gc_disable(heap)", IS_LEGAL, gc_disable(arg))                                                  \
  X(is_enabled, "gc_is_enabled(heap)", IS_LEGAL, (void)gc_is_enabled(arg))                                   \
  X(set_policy, "gc_set_policy(heap)", IS_LEGAL, heap_policy_set(arg))                                       \
  X(heap_external, "gc_add_external_bytes(heap)", IS_LEGAL, (void)gc_add_external_bytes(arg, 0))             \
  X(get_policy, "gc_get_policy(heap)", IS_LEGAL, heap_policy_get(arg))                                       \
  X(get_stats, "gc_get_stats(heap)", IS_LEGAL, heap_stats(arg))                                              \
  X(freeze, "gc_freeze(heap)", IS_LEGAL, (void)gc_freeze(arg))                                               \
  X(unfreeze, "gc_unfreeze(heap)", IS_LEGAL, (void)gc_unfreeze(arg))                                         \
  X(freeze_count, "gc_freeze_count(heap)", IS_LEGAL, (void)gc_freeze_count(arg))                             \
  X(set_debug, "gc_set_debug(heap)", IS_LEGAL, (void)gc_set_debug(arg, 0))                                   \
  X(get_debug, "gc_get_debug(heap)", IS_LEGAL, (void)gc_get_debug(arg))                                      \
  X(garbage_count, "gc_garbage_count(heap)", IS_LEGAL, (void)gc_garbage_count(arg))                          \
  X(garbage_get, "gc_garbage_get(heap)", IS_LEGAL, (void)gc_garbage_get(arg, 0))                             \
  X(garbage_clear, "gc_garbage_clear(heap)", IS_LEGAL, gc_garbage_clear(arg))                                \
  X(add_callback, "gc_add_callback(heap)", IS_LEGAL, (void)gc_add_callback(arg, no_callback, NULL))          \
  X(remove_callback, "gc_remove_callback(heap)", IS_LEGAL, (void)gc_remove_callback(arg, no_callback, NULL)) \
  X(run_finalizers, "gc_run_finalizers(heap)", IS_LEGAL, (void)gc_run_finalizers(arg))                       \
  X(dump, "gc_dump(heap)", IS_LEGAL, heap_dump(arg))                                                         \
  X(scope_enter, "rc_scope_enter(heap)", IS_LEGAL, CHECK(rc_scope_enter(arg) != RC_SCOPE_NONE))              \
  X(scope_named, "rc_scope_enter_named(heap)", IS_LEGAL, CHECK(rc_scope_enter_named(arg, "named") != 0))     \
  X(scope_leave, "rc_scope_leave(heap)", "RC_ERR_INVALID", give_status(rc_scope_leave(arg, 1)))              \
  X(scope_unwind, "rc_scope_unwind(heap)", "RC_ERR_INVALID", give_status(rc_scope_unwind(arg, 1)))           \
  X(scope_reset, "rc_scope_reset(heap)", "RC_ERR_INVALID", give_status(rc_scope_reset(arg, 1)))              \
  X(heap_with, "rc_scope_leave_with(heap)", "RC_ERR_INVALID",                                                \
    give_status(rc_scope_leave_with(arg, 1, good_key)))                                                      \
  X(end_block, "rc_scope_end_block(heap)", IS_LEGAL, rc_scope_end_block(arg, 1))                             \
  X(stack_new, "rc_scope_stack_new(heap)", IS_LEGAL, heap_stack(arg))                                        \
  X(switch_heap, "rc_scope_stack_switch(heap)", IS_LEGAL, (void)rc_scope_stack_switch(arg, NULL))            \
  X(keep_heap, "rc_scope_keep(heap)", "null", give_pointer(rc_scope_keep(arg, good_key)))                    \
  X(weakmap_new, "rc_weakmap_new(heap)", IS_LEGAL, CHECK(rc_weakmap_new(arg) != NULL))                       \
  X(profile_start, "gc_profile_start(heap)", IS_LEGAL, (void)gc_profile_start(arg, NULL))                    \
  X(profile_stop, "gc_profile_stop(heap)", IS_LEGAL, gc_profile_stop(arg))                                   \
  X(profile_flags, "gc_profile_flags(heap)", IS_LEGAL, (void)gc_profile_flags(arg))                          \
  X(profile_clear, "gc_profile_clear(heap)", "RC_ERR_REFUSED", give_status(gc_profile_clear(arg)))           \
  X(reset_peak, "gc_profile_reset_peak(heap)", IS_LEGAL, gc_profile_reset_peak(arg))                         \
  X(profile_get, "gc_profile_get(heap)", "RC_ERR_REFUSED", give_status(heap_totals(arg)))                    \
  X(profile_sites, "gc_profile_sites(heap)", IS_LEGAL, (void)gc_profile_sites(arg, NULL, NULL, 0))           \
  X(profile_scopes, "gc_profile_scopes(heap)", IS_LEGAL, (void)gc_profile_scopes(arg, NULL, 0))              \
  X(scope_get, "gc_scope_get(heap)", "RC_ERR_REFUSED", give_status(heap_scope(arg)))                         \
  X(expect_clean, "gc_scope_expect_clean(heap)", "RC_ERR_REFUSED", give_status(gc_scope_expect_clean(arg, 1)))\
  X(holds, "gc_holds(heap)", IS_LEGAL, (void)gc_holds(arg, NULL, 0))                                         \
  X(check_expected, "gc_check_expected(heap)", IS_LEGAL, (void)gc_check_expected(arg))                       \
  X(leak_check, "gc_leak_check(heap)", IS_LEGAL, heap_leak_check(arg))                                       \
  X(lines_begin, "gc_lines_begin(heap)", IS_LEGAL, heap_lines(arg))                                          \
  X(profile_write, "gc_profile_write(heap)", "RC_ERR_REFUSED", give_status(gc_profile_write(arg, NULL)))     \
  X(series_start, "gc_series_start(heap)", IS_LEGAL, (void)gc_series_start(arg, NULL))                       \
  X(series_stop, "gc_series_stop(heap)", IS_LEGAL, gc_series_stop(arg))                                      \
  X(series_tick, "gc_series_tick(heap)", IS_LEGAL, gc_series_tick(arg))                                      \
  X(series_samples, "gc_series_samples(heap)", IS_LEGAL, (void)gc_series_samples(arg, 0, NULL, 0, NULL))     \
  X(series_events, "gc_series_events(heap)", IS_LEGAL, (void)gc_series_events(arg, 0, NULL, 0, NULL))        \
  X(watch, "gc_watch(heap)", IS_LEGAL, heap_watch(arg))                                                      \
  X(unwatch, "gc_unwatch(heap)", "RC_ERR_INVALID", give_status(gc_unwatch(arg, 1)))                          \
  X(profile_stacks, "gc_profile_stacks(heap)", IS_LEGAL, (void)gc_profile_stacks(arg, NULL, 0))              \
  X(stack_frames, "gc_stack_frames(heap)", IS_LEGAL, (void)gc_stack_frames(arg, 0, NULL, 0))                 \
  X(profile_plan, "gc_profile_plan(heap)", IS_LEGAL, (void)gc_profile_plan(arg, "sites"))                    \
  X(on_signal, "gc_dump_on_signal(heap)", IS_LEGAL, (void)gc_dump_on_signal(arg, 0, NULL))                   \
  X(measure, "gc_measure(heap)", IS_LEGAL, heap_measure(arg))                                                \
  X(iter_begin, "gc_iter_begin(heap)", IS_LEGAL, heap_walk(arg))                                             \
  X(common, "gc_most_common_types(heap)", IS_LEGAL, heap_types(arg))                                         \
  X(growth_mark, "gc_growth_mark(heap)", IS_LEGAL, heap_mark(arg))                                       \
  X(query_begin, "gc_query_begin(heap)", IS_LEGAL, heap_query(arg))                                          \
  X(watch_rings, "gc_watch_rings(heap)", IS_LEGAL, heap_rings(arg))                                          \
  X(verify, "gc_verify(heap)", IS_LEGAL, heap_verify(arg))                                                   \
  X(watch_traverse, "gc_watch_traverse(heap)", IS_LEGAL, (void)gc_watch_traverse(arg, false))

HEAP_CALLS(DEFINE_CALL)
static const victim heap_calls[] = {HEAP_CALLS(VICTIM)};

static void table_of_heaps(void) {
  static char in_data[64];
  gc_heap *freed = graph_heap("freed"), *alive = graph_heap("alive");
  Node *node = graph_node(graph_declared(alive), 1);
  good_key = node;
  CHECK_EQ(gc_heap_free(freed), 0);
  const wrong all[] = {
      {"freed", "not a live heap", freed},
      {"an object", "not a live heap", node},
      {"static", "not a live heap", in_data},
      {"a type", "not a live heap", rc_type_of(node)},
      {"interior", "not a live heap", (char *)alive + 8},
  };
  EXPECT_ALL("Heaps", heap_calls, all, "null");
  rc_decref(node);
  CHECK_EQ(gc_heap_free(alive), 0);
}

static void free_heap(void *arg) {
  gc_heap_free(arg);
}

static void heap_free_twice_says_so(void) {
  gc_heap *heap = graph_heap("twice");
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_FATAL(free_heap, heap, "gc_heap_free", "freed twice");
}

static void type_new_array(void *arg) {
  void *obj = rc_new_array(arg, 1);
  (void)obj;
}

static void type_new_array_at(void *arg) {
  void *obj = rc_new_array_at(arg, 1, NULL);
  (void)obj;
}

static void type_numbers(void *type) {
  gc_type_facts facts = GC_TYPE_FACTS_INIT;
  (void)gc_type_stats(type, &facts);
}

#define TYPE_CALLS(X)                                                                                        \
  X(new_object, "rc_new(type)", IS_FATAL, rc_decref(rc_new(arg)))                                            \
  X(new_array, "rc_new_array(type)", IS_FATAL, type_new_array(arg))                                          \
  X(new_at, "rc_new_at(type)", IS_FATAL, rc_decref(rc_new_at(arg, NULL)))                                    \
  X(new_array_at, "rc_new_array_at(type)", IS_FATAL, type_new_array_at(arg))                                 \
  X(type_free, "rc_type_free(type)", "RC_OK", give_status(rc_type_free(arg)))                                \
  X(type_name, "rc_type_name(type)", IS_FATAL, (void)rc_type_name(arg))                                      \
  X(type_ctx, "rc_type_ctx(type)", IS_FATAL, (void)rc_type_ctx(arg))                                         \
  X(type_live, "rc_type_live(type)", IS_FATAL, (void)rc_type_live(arg))                                      \
  X(type_stats, "gc_type_stats(type)", IS_FATAL, type_numbers(arg))

TYPE_CALLS(DEFINE_CALL)
static const victim type_calls[] = {TYPE_CALLS(VICTIM)};

static void table_of_types(void) {
  static char in_data[4096];
  gc_heap *heap = graph_heap("gone");
  rc_type *of_dead_heap = graph_declared(heap), *freed = graph_declared(NULL), *alive = graph_declared(NULL);
  Node *node = graph_node(alive, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(rc_type_free(freed), RC_OK);
  const wrong all[] = {
      {"freed", "type", freed},
      {"of a freed heap", "type", of_dead_heap},
      {"an object", "type", node},
      {"static", "type", in_data},
      {"a heap", "type", gc_heap_default()},
      {"interior", "type", (char *)alive + 8},
      {"unaligned", "type", (char *)alive + 3},
  };
  EXPECT_ALL("Types", type_calls, all, "null");
  /* Calls that make objects trust that what they are given can be read; the others do not. */
  const wrong unreadable[] = {
      {"absurd", "type", (void *)(uintptr_t)0x7fff00000000f0},
      {"reserved", "type", (char *)alive + ((size_t)1 << 24)},
  };
  begin_table("Types that cannot be read");
  for (size_t i = 0; i < RC_COUNT_OF(type_calls); i++)
    for (size_t j = 0; j < RC_COUNT_OF(unreadable) && strncmp(type_calls[i].label, "rc_new", 6) != 0; j++)
      expect(&type_calls[i], unreadable[j].kind, unreadable[j].address, unreadable[j].word, NULL);
  end_table();
  rc_decref(node);
}

static void tail_of_a_type_without_one(void) {
  CHECK_FATAL(type_new_array, graph_declared(NULL), "rc_new_array", "Declared", "tail_size");
}

static const check_test tests[] = {
    CHECK_TEST(table_of_heaps),
    CHECK_TEST(table_of_types),
    CHECK_TEST(heap_free_twice_says_so),
    CHECK_TEST(tail_of_a_type_without_one),
};

CHECK_MAIN(tests)
