/* ldflags: -Wl,--wrap=mmap,--wrap=mremap,--wrap=mprotect,--wrap=madvise,--wrap=malloc,--wrap=calloc,--wrap=realloc */
/* Collections in slices of one unit of work, with something rare in the middle, at each slice in turn: out of memory, a fork,
 * a dump, finalizers that wait in a queue, a limit, the end of the heap. What lives lives on, and what is garbage has ended
 * in the end, once. What hosts do every day is in test_slices.c, and at random in test_model.c. */
#include "failing.h"

#include <rcgc/dump.h>
#include <rcgc/weakmap.h>

/* ---- what is collected ---- */

enum { KEPT = 7, DROPPED = 12 }; /* objects with a destroy */

typedef struct scene {
  gc_heap *heap;
  rc_type *plain, *final, *callback;
  Node *held;       /* of KEPT objects, in rings */
  rc_weakmap *map;  /* of the host's: a key that is dropped, one that is kept */
  rc_weak *weak;    /* to a dropped one */
} scene;

static unsigned finalized, weak_calls;

static void count_finalize(void *obj) {
  Node *node = obj;
  CHECK(node->a != NULL); /* as it was */
  finalized++;
}

static void count_weak(rc_weak *weak, void *ctx) {
  (void)ctx;
  CHECK(rc_weak_get(weak) == NULL);
  weak_calls++;
}

static rc_type *final_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Final", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.finalize = count_finalize, spec.destroy = graph_destroy;
  return graph_type(heap, &spec);
}

static void keep(Node *in, Node *obj) {
  rc_setref(&in->b, rc_newref(obj));
}

/* Rings of three types that lead to each other and to what is held; the plain one is silent. */
static scene make_scene(bool queued) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "middle", options.finalizers = queued ? GC_FINALIZERS_QUEUED : 0;
  scene s = {0};
  REQUIRE(gc_heap_new(&options, &s.heap) == RC_OK);
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = GC_POLICY_NEVER, policy.pause_work = 1;
  REQUIRE(gc_set_policy(s.heap, &policy) == RC_OK);
  graph_reset(), finalized = weak_calls = 0;
  s.plain = graph_declared(s.heap), s.callback = graph_callback(s.heap), s.final = final_type(s.heap);
  s.held = graph_ring(s.callback, 4);
  Node *kept = graph_ring(s.final, 3);
  keep(s.held, kept), rc_decref(kept);
  Node *silent = graph_ring(s.plain, 5), *first = graph_ring(s.final, 4), *second = graph_ring(s.callback, 8);
  keep(first, second), keep(second, silent), keep(silent->a, s.held), keep(second->a, first->a);
  s.map = rc_weakmap_new(s.heap);
  s.weak = rc_weak_new(first->a, count_weak, NULL);
  REQUIRE(s.map && s.weak);
  CHECK_EQ(rc_weakmap_set(s.map, first, silent->a), RC_OK);
  CHECK_EQ(rc_weakmap_set(s.map, s.held, s.held), RC_OK);
  rc_decref(silent), rc_decref(first), rc_decref(second);
  return s;
}

/* One slice; whether there may be more. */
static bool one_slice(const scene *s) {
  gc_step_result result = GC_STEP_RESULT_INIT;
  CHECK_EQ(gc_step(s->heap, UINT64_MAX, &result), RC_OK);
  return !result.done;
}

/* So many slices. False when the run had ended before. */
static bool go_to(const scene *s, size_t slice) {
  bool more = true;
  for (size_t i = 0; i < slice && more; i++) more = one_slice(s);
  return more;
}

static void finish(const scene *s) {
  while (one_slice(s)) continue;
  /* What floats is found now; and what the queue had. */
  while (gc_run_finalizers(s->heap)) continue;
  gc_collect(s->heap);
  while (gc_run_finalizers(s->heap)) continue;
}

static void check_kept(const scene *s) {
  CHECK(s->held->a->a->a->a == s->held && s->held->b->a->a->a == s->held->b);
  CHECK(rc_count(s->held) == 3 || rc_count(s->held) == 4); /* ours, the map's, its ring's; the plain ring's */
}

static void check_end(scene *s) {
  check_kept(s);
  CHECK_EQ(rc_count(s->held), 3);
  CHECK_EQ(graph.destroyed, DROPPED);
  CHECK_EQ(finalized, 4);
  CHECK_EQ(weak_calls, 1);
  CHECK_EQ(graph_live(s->heap), KEPT + 1);
  CHECK_EQ(rc_weakmap_length(s->map), 1);
  CHECK(rc_weak_get(s->weak) == NULL);
  rc_weak_free(s->weak);
  rc_decref((void *)s->map);
  rc_decref(s->held);
  gc_collect(s->heap);
  while (gc_run_finalizers(s->heap)) continue;
  CHECK_EQ(gc_heap_free(s->heap), 0);
  CHECK_EQ(graph.destroyed, DROPPED + KEPT);
}

/* For each slice of a run a scene in which `middle` happens before it, queued and not. Returns how many slices there were. */
static size_t at_each_slice(void (*middle)(scene *s)) {
  size_t slices = 0, step = check_scale(7, 1, 1);
  for (int queued = 0; queued < 2; queued++) {
    bool more = true;
    for (size_t at = 0; more; at += step) {
      scene s = make_scene(queued);
      more = go_to(&s, at);
      middle(&s);
      if (!s.heap) continue; /* it has ended */
      finish(&s);
      check_end(&s);
      slices++;
      REQUIRE(slices < 10000);
    }
  }
  return slices;
}

/* ---- what happens ---- */

static void nothing(scene *s) {
  check_kept(s);
}

static void every_object_ends_once(void) {
  CHECK(at_each_slice(nothing) >= 10);
}

static void run_queue(scene *s) {
  gc_run_finalizers(s->heap);
  check_kept(s);
}

static void the_queue_is_run_in_the_middle(void) {
  at_each_slice(run_queue);
}

static int count_bytes(const void *bytes, size_t len, void *ctx) {
  (void)bytes;
  *(size_t *)ctx += len;
  return 0;
}

static void dump(scene *s) {
  size_t bytes = 0;
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  options.write = count_bytes, options.write_ctx = &bytes;
  CHECK_EQ(gc_dump(s->heap, &options, &result), RC_OK);
  CHECK_EQ(result.bytes, bytes);
  CHECK(result.objects >= KEPT + 1 && result.objects <= graph_live(s->heap));
}

static void dumps_are_written_in_the_middle(void) {
  at_each_slice(dump);
}

static void fork_here(scene *s) {
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    unsigned before = check_failures;
    finish(s);
    check_end(s);
    fflush(NULL);
    _exit(check_failures != before);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void both_sides_of_a_fork_go_on(void) {
  at_each_slice(fork_here);
}

static void end_heap(scene *s) {
  size_t held = gc_heap_free(s->heap);
  /* Ours and what they keep; and, before the run has ended them, or the last collection of the heap, nothing else. */
  CHECK_EQ(held, KEPT + 1);
  CHECK_EQ(graph.destroyed, DROPPED + KEPT);
  CHECK_EQ(finalized, 4 + 3);
  CHECK_EQ(weak_calls, 1);
  CHECK(rc_weak_get(s->weak) == NULL);
  rc_weak_free(s->weak);
  s->heap = NULL;
}

static void a_heap_ends_in_the_middle(void) {
  check_log_start();
  at_each_slice(end_heap);
}

/* At the limit an allocation is refused, or a collection makes room; nothing else changes. */
static void reach_the_limit(scene *s) {
  gc_policy policy = GC_POLICY_INIT;
  REQUIRE(gc_get_policy(s->heap, &policy) == RC_OK);
  policy.mode = GC_POLICY_ALLOCATION, policy.limit_bytes = graph_stats(s->heap).heap_bytes + (64 << 10);
  REQUIRE(gc_set_policy(s->heap, &policy) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Large", spec.size = 300000;
  rc_type *large = graph_type(s->heap, &spec);
  CHECK(rc_new(large) == NULL);
  check_kept(s);
  policy.mode = GC_POLICY_NEVER, policy.limit_bytes = 0;
  REQUIRE(gc_set_policy(s->heap, &policy) == RC_OK);
  rc_decref(rc_new(large));
}

static void a_limit_is_reached_in_the_middle(void) {
  at_each_slice(reach_the_limit);
}

static void freeze_and_untrack(scene *s) {
  CHECK_EQ(gc_untrack(s->held->a), RC_OK);
  CHECK_EQ(gc_freeze(s->heap), RC_OK);
  one_slice(s);
  CHECK_EQ(gc_unfreeze(s->heap), RC_OK);
  one_slice(s);
  CHECK_EQ(gc_track(s->held->a), RC_OK);
}

static void objects_are_frozen_and_untracked_in_the_middle(void) {
  at_each_slice(freeze_and_untrack);
}

/* ---- callbacks of one component in several slices ---- */

static Node *taken;
static rc_weak *late;
static unsigned wrongly_finalized, late_calls;

static void count_wrongly(void *obj) {
  (void)obj;
  wrongly_finalized += taken != NULL;
}

static void take_target(rc_weak *weak, void *ctx) {
  (void)weak;
  if (!taken) taken = rc_newref(ctx);
}

static void count_late(rc_weak *weak, void *ctx) {
  (void)weak, (void)ctx;
  late_calls++;
}

/* A heap whose slices are one unit, and a ring of four of a type with these callbacks that nobody holds. */
static Node *dropped_ring(gc_heap **out_heap, void (*finalize)(void *), bool reported) {
  gc_heap *heap = graph_heap("ring");
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = GC_POLICY_NEVER, policy.pause_work = 1;
  REQUIRE(gc_set_policy(heap, &policy) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Ring", spec.size = sizeof(Node), spec.finalize = finalize, spec.destroy = graph_destroy;
  if (reported) spec.traverse = graph_traverse, spec.clear = graph_clear, spec.flags = RC_TYPE_TRACK_ON_NEW;
  else spec.fields = graph_fields, spec.field_count = 2;
  taken = NULL, late = NULL, wrongly_finalized = late_calls = 0;
  *out_heap = heap;
  return graph_ring(graph_type(heap, &spec), 4);
}

static bool another_slice(gc_heap *heap) {
  gc_step_result result = GC_STEP_RESULT_INIT;
  CHECK_EQ(gc_step(heap, UINT64_MAX, &result), RC_OK);
  return !result.done;
}

/* What the host takes by its handle before a slice is not finalized by that slice, nor is what it leads to. */
static void what_a_handle_gave_is_not_finalized(void) {
  unsigned times = 0;
  bool more = true;
  for (size_t at = 0; more; at++) {
    gc_heap *heap;
    Node *ring = dropped_ring(&heap, count_wrongly, false);
    rc_weak *weak = rc_weak_new(ring->a, NULL, NULL);
    rc_decref(ring);
    for (size_t i = 0; i < at && more; i++) more = another_slice(heap);
    taken = rc_weak_get(weak);
    times += taken != NULL;
    while (another_slice(heap)) continue;
    CHECK_EQ(wrongly_finalized, 0);
    if (taken) CHECK(taken->a->a->a->a == taken && !rc_is_dying(taken));
    rc_xdecref(taken);
    taken = NULL;
    rc_weak_free(weak);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
  CHECK(times > 3);
}

/* What a weak callback has brought back is as good as new for the host, in whatever slice that was. */
static void what_a_weak_callback_brought_back_is_not_dying(void) {
  unsigned times = 0;
  for (int reported = 0; reported < 2; reported++) {
    gc_heap *heap;
    Node *ring = dropped_ring(&heap, NULL, reported);
    rc_weak *weak[4];
    for (int i = 0; i < 4; i++, ring = ring->a) weak[i] = rc_weak_new(ring, take_target, ring);
    rc_decref(ring);
    while (another_slice(heap)) {
      if (!taken || late) continue;
      times++;
      CHECK(!rc_is_dying(taken) && taken->a->a->a->a == taken);
      late = rc_weak_new(taken, count_late, NULL);
      Node *again = rc_weak_get(late);
      CHECK(again == taken);
      rc_xdecref(again);
      if (reported) CHECK_EQ(gc_untrack(taken->a), RC_OK); /* and is not walked any more */
      if (reported) graph.traversed = 0;
    }
    REQUIRE(taken && late);
    CHECK(!rc_is_dying(taken) && taken->a->a->a->a == taken);
    if (reported) CHECK_EQ(gc_track(taken->a), RC_OK);
    rc_decref(taken);
    while (another_slice(heap)) continue;
    gc_collect(heap);
    CHECK_EQ(late_calls, 1);
    CHECK_EQ(graph_live(heap), 0);
    for (int i = 0; i < 4; i++) rc_weak_free(weak[i]);
    rc_weak_free(late);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
  CHECK_EQ(times, 2);
}

/* ---- out of memory ---- */

/* Every allocation of every slice fails once: the run goes on, or is given up with a status, and begins anew. */
static void run_with_failures(bool queued) {
  scene s = make_scene(queued);
  bool more = true;
  while (more) {
    gc_step_result result = GC_STEP_RESULT_INIT;
    arm();
    rc_status status = gc_step(s.heap, UINT64_MAX, &result);
    disarm();
    planned_at = fail_at > calls ? fail_at : 0; /* once, but for all later ones */
    CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
    check_kept(&s);
    more = status == RC_OK && !result.done;
  }
  finish(&s);
  graph_counts counts = graph;
  heap_works(s.heap);
  graph = counts;
  check_end(&s);
}

static void run_at_once(void) {
  run_with_failures(false);
}

static void run_queued(void) {
  run_with_failures(true);
}

static void every_allocation_of_a_run_fails(void) {
  SWEEP(run_at_once);
  SWEEP(run_queued);
}

static const check_test tests[] = {
    CHECK_TEST(every_object_ends_once),
    CHECK_TEST(the_queue_is_run_in_the_middle),
    CHECK_TEST(dumps_are_written_in_the_middle),
    CHECK_TEST(both_sides_of_a_fork_go_on),
    CHECK_TEST(a_heap_ends_in_the_middle),
    CHECK_TEST(a_limit_is_reached_in_the_middle),
    CHECK_TEST(objects_are_frozen_and_untracked_in_the_middle),
    CHECK_TEST(what_a_handle_gave_is_not_finalized),
    CHECK_TEST(what_a_weak_callback_brought_back_is_not_dying),
    CHECK_TEST(every_allocation_of_a_run_fails),
};

CHECK_MAIN(tests)
