/* Heaps, collections, policy, statistics, events, finalizers, as the first headers say them. */
#include "host.h"

static void versions_and_the_default_heap(void) {
  CHECK_STR(gc_version(), ".");
  CHECK_EQ(gc_abi_tag(), RCGC_ABI_TAG);
  CHECK(gc_heap_default() != NULL && gc_heap_default() == gc_heap_default());
  rc_type *type = node_type(NULL);
  Node *node = node_new(type, 1);
  CHECK(rc_heap_of(node) == gc_heap_default());
  rc_decref(node);
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "own", options.threads = GC_THREADS_SERIAL, options.finalizers = GC_FINALIZERS_INLINE;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  CHECK_STR(gc_heap_name(heap), "own");
  CHECK_EQ(gc_heap_free(heap), 0);
  options.abi_tag++;
  CHECK_EQ(gc_heap_new(&options, &heap), RC_ERR_ABI);
  options.abi_tag--, options.struct_size = 3;
  CHECK_EQ(gc_heap_new(&options, &heap), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "struct_size");
}

static void what_is_left_is_reported(void) {
  check_log_start();
  gc_heap *heap = heap_named("left");
  (void)node_ring(node_type(heap), 3);
  CHECK_EQ(gc_heap_free(heap), 3);
  CHECK_STR(check_log.text, "Node");
  gc_set_log(NULL, NULL);
  gc_set_fatal(NULL, NULL);
}

static void rings_are_collected_full_and_young(void) {
  gc_heap *heap = heap_named("rings");
  rc_type *type = node_type(heap);
  CHECK(!gc_is_enabled(heap));
  rc_decref(node_ring(type, 10));
  CHECK_EQ(gc_collect_young(heap), 10);
  Node *held = node_ring(type, 5);
  rc_decref(node_ring(type, 7));
  CHECK_EQ(gc_collect(heap), 7);
  CHECK_EQ(gc_collect(heap), 0);
  GUARDED(gc_stats, stats, GC_STATS_INIT);
  CHECK_EQ(gc_get_stats(heap, &stats.is), RC_OK);
  CHECK_EQ(stats.is.live_objects, 5);
  CHECK_EQ(stats.is.allocated_objects, 22);
  CHECK_EQ(stats.is.reclaimed_objects, 17);
  CHECK_EQ(stats.is.full.runs, 2);
  CHECK_EQ(stats.is.young.runs, 1);
  CHECK_EQ(stats.is.full.reclaimed, 7);
  uint64_t runs = 0;
  for (size_t i = 0; i < GC_PAUSE_BUCKETS; i++) runs += stats.is.full.pauses[i];
  CHECK_EQ(runs, 2);
  CHECK_GUARD(stats);
  rc_decref(held);
  CHECK_EQ(gc_collect(heap), 5);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void policy_is_kept(void) {
  gc_heap *heap = heap_named("policy");
  GUARDED(gc_policy, policy, GC_POLICY_INIT);
  CHECK_EQ(gc_get_policy(heap, &policy.is), RC_OK);
  CHECK_EQ(policy.is.mode, GC_POLICY_ALLOCATION);
  CHECK_GUARD(policy);
  policy.is.mode = GC_POLICY_SAFEPOINT, policy.is.growth = 3.0, policy.is.young_bytes = 64 << 10;
  policy.is.limit_bytes = 8 << 20;
  CHECK_EQ(gc_set_policy(heap, &policy.is), RC_OK);
  gc_policy got = GC_POLICY_INIT;
  CHECK_EQ(gc_get_policy(heap, &got), RC_OK);
  CHECK(got.mode == GC_POLICY_SAFEPOINT && got.growth == 3.0 && got.limit_bytes == 8 << 20);
  CHECK_EQ(got.young_bytes, 64 << 10);
  gc_enable(heap);
  rc_type *type = node_type(heap);
  for (size_t i = 0; i < 20000; i++) rc_decref(node_ring(type, 2));
  CHECK_EQ(rc_type_live(type), 40000);
  gc_safepoint(heap);
  CHECK(rc_type_live(type) < 40000);
  Node *list = NULL; /* up to the limit of the heap, where rc_new gives null */
  for (Node *node; (node = rc_new(type));) node->left = list, list = node;
  GUARDED(gc_stats, stats, GC_STATS_INIT);
  CHECK_EQ(gc_get_stats(heap, &stats.is), RC_OK);
  CHECK(stats.is.heap_bytes <= 8 << 20);
  rc_decref(list);
  (void)gc_collect(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void collections_run_by_themselves(void) {
  gc_heap *heap = heap_named("automatic");
  gc_enable(heap);
  rc_type *type = node_type(heap);
  uint64_t most = 0;
  for (size_t i = 0; i < 300000; i++) {
    rc_decref(node_ring(type, 3));
    if (rc_type_live(type) > most) most = rc_type_live(type);
  }
  CHECK(most < 900000);
  gc_disable(heap);
  (void)gc_collect(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static unsigned started, stopped;

static void on_event(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap;
  CHECK(event->struct_size >= sizeof *event);
  CHECK_EQ(event->generation, GC_GENERATION_FULL);
  CHECK_EQ(event->reason, GC_REASON_REQUEST);
  if (event->kind == GC_EVENT_START) started++;
  if (event->kind == GC_EVENT_STOP) stopped++, *(uint64_t *)ctx = event->reclaimed;
}

static void callbacks_see_each_collection(void) {
  gc_heap *heap = heap_named("events");
  uint64_t reclaimed = 0;
  CHECK_EQ(gc_add_callback(heap, on_event, &reclaimed), RC_OK);
  rc_decref(node_ring(node_type(heap), 6));
  CHECK_EQ(gc_collect(heap), 6);
  CHECK(started == 1 && stopped == 1 && reclaimed == 6);
  CHECK_EQ(gc_remove_callback(heap, on_event, &reclaimed), RC_OK);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(started, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void frozen_objects_are_left_alone(void) {
  gc_heap *heap = heap_named("frozen");
  rc_decref(node_ring(node_type(heap), 4));
  CHECK_EQ(gc_freeze(heap), RC_OK);
  CHECK_EQ(gc_freeze_count(heap), 4);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_unfreeze(heap), RC_OK);
  CHECK_EQ(gc_freeze_count(heap), 0);
  CHECK_EQ(gc_collect(heap), 4);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void the_garbage_list_keeps_what_died(void) {
  gc_heap *heap = heap_named("garbage");
  rc_type *type = node_type(heap);
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_SAVEALL), RC_OK);
  CHECK_EQ(gc_get_debug(heap), GC_DEBUG_SAVEALL);
  rc_decref(node_ring(type, 4));
  CHECK_EQ(gc_collect(heap), 4);
  CHECK_EQ(gc_garbage_count(heap), 4);
  Node *node = gc_garbage_get(heap, 0);
  CHECK(node && rc_type_of(node) == type);
  CHECK(gc_garbage_get(heap, 4) == NULL);
  CHECK_EQ(gc_set_debug(heap, 0), RC_OK);
  gc_garbage_clear(heap);
  CHECK_EQ(gc_garbage_count(heap), 0);
  (void)gc_collect(heap);
  CHECK_EQ(rc_type_live(type), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static Node *saved;
static unsigned finalized;

static void save(void *obj) {
  finalized++;
  saved = rc_newref(obj);
}

static rc_type *saving_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Saving", spec.size = sizeof(Node);
  spec.fields = node_fields, spec.field_count = RC_COUNT_OF(node_fields), spec.finalize = save;
  rc_type *type = NULL;
  REQUIRE(rc_type_new(heap, &spec, &type) == RC_OK);
  return type;
}

static void a_finalizer_may_bring_back_once(void) {
  gc_heap *heap = heap_named("finalizers");
  rc_type *type = saving_type(heap);
  Node *node = node_new(type, 3);
  rc_setref(&node->left, rc_newref(node));
  rc_decref(node);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK(finalized == 1 && saved == node && node->id == 3);
  CHECK(gc_is_finalized(node));
  rc_clear(&saved);
  CHECK_EQ(gc_collect(heap), 1);
  CHECK_EQ(finalized, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void queued_finalizers_wait_for_the_host(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  gc_disable(heap);
  rc_type *type = saving_type(heap);
  rc_decref(node_new(type, 1));
  CHECK_EQ(finalized, 0);
  CHECK_EQ(rc_type_live(type), 1);
  CHECK_EQ(gc_run_finalizers(heap), 1);
  CHECK(finalized == 1 && saved);
  rc_clear(&saved);
  CHECK_EQ(rc_type_live(type), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(versions_and_the_default_heap),
    CHECK_TEST(what_is_left_is_reported),
    CHECK_TEST(rings_are_collected_full_and_young),
    CHECK_TEST(policy_is_kept),
    CHECK_TEST(collections_run_by_themselves),
    CHECK_TEST(callbacks_see_each_collection),
    CHECK_TEST(frozen_objects_are_left_alone),
    CHECK_TEST(the_garbage_list_keeps_what_died),
    CHECK_TEST(a_finalizer_may_bring_back_once),
    CHECK_TEST(queued_finalizers_wait_for_the_host),
};
CHECK_MAIN(tests)
