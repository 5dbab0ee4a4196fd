/* Queued finalizers: nothing of the host's runs until it says so; what is due is alive until then. */
#include "check.h"
#include "graph.h"

typedef struct Task Task;
typedef void (*script)(Task *self);

struct Task {
  Task *a, *b;
  uint64_t id;
  script on_finalize;
};

static size_t finalized, destroyed, called;
static gc_heap *heap;
static rc_type *type;

static void task_finalize(void *obj) {
  Task *self = obj;
  finalized++;
  CHECK_EQ(rc_type_live(type) > 0, true);
  if (self->on_finalize) self->on_finalize(self);
}

static void task_destroy(void *obj) {
  Task *self = obj;
  destroyed++;
  CHECK(self->a == NULL && self->b == NULL);
}

static const rc_field task_fields[] = {RC_FIELD(Task, a), RC_FIELD(Task, b)};

static void begin(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "queued", options.finalizers = GC_FINALIZERS_QUEUED;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Task", spec.size = sizeof(Task);
  spec.fields = task_fields, spec.field_count = RC_COUNT_OF(task_fields);
  spec.finalize = task_finalize, spec.destroy = task_destroy;
  type = graph_type(heap, &spec);
  finalized = destroyed = called = 0;
}

static Task *task(uint64_t id) {
  Task *self = rc_new(type);
  REQUIRE(self != NULL);
  self->id = id;
  return self;
}

static Task *task_ring(size_t n) {
  Task *first = task(0), *last = first;
  for (size_t i = 1; i < n; i++) last->a = task(i), last = last->a;
  last->a = rc_newref(first);
  return first;
}

static void count_calls(rc_weak *weak, void *ctx) {
  (void)ctx;
  CHECK(rc_weak_get(weak) == NULL);
  called++;
}

/* ---- what is due is alive ---- */

static void due_by_count_is_alive_in_every_way(void) {
  begin();
  Task *self = task(1);
  self->a = task(2);
  rc_weak *weak = rc_weak_new(self, count_calls, NULL);
  rc_decref(self);
  CHECK(finalized == 0 && destroyed == 0 && called == 0);
  CHECK_EQ(graph_live(heap), 2);
  Task *target = rc_weak_get(weak);
  CHECK(target == self && rc_count(self) == 2 && gc_is_tracked(self) && self->a->id == 2);
  rc_decref(target);
  CHECK_EQ(gc_collect(heap), 0); /* the queue owns a reference */
  CHECK_EQ(graph_live(heap), 2);
  CHECK(gc_run_finalizers(heap) >= 1);
  CHECK(finalized >= 1 && destroyed >= 1);
  while (gc_run_finalizers(heap)) continue; /* the second object became due then, and the callback */
  CHECK(finalized == 2 && destroyed == 2 && called == 1);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_run_finalizers(heap), 0);
  rc_weak_free(weak);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void due_ring_is_alive_in_every_way(void) {
  begin();
  Task *ring = task_ring(10);
  rc_weak *weak = rc_weak_new(ring, NULL, NULL);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK(finalized == 0 && destroyed == 0);
  for (int i = 0; i < 3; i++) CHECK_EQ(gc_collect(heap), 0);
  Task *target = rc_weak_get(weak);
  CHECK(target == ring && !gc_is_finalized(ring));
  rc_decref(target);
  CHECK_EQ(gc_run_finalizers(heap), 10);
  CHECK(finalized == 10 && destroyed == 10); /* judged again before it returned */
  CHECK_EQ(graph_live(heap), 0);
  CHECK(rc_weak_get(weak) == NULL);
  rc_weak_free(weak);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What is due may be taken up again: then it lives on after its finalizer, which has run. */
static void taken_up_while_due(void) {
  begin();
  Task *ring = task_ring(3);
  rc_weak *weak = rc_weak_new(ring, NULL, NULL);
  rc_decref(ring);
  (void)gc_collect(heap);
  Task *again = rc_weak_get(weak);
  CHECK_EQ(gc_run_finalizers(heap), 3);
  CHECK(finalized == 3 && destroyed == 0 && again == ring);
  CHECK(gc_is_finalized(ring));
  CHECK(rc_weak_get(weak) == again);
  rc_decref(again);
  rc_decref(again);
  CHECK_EQ(gc_collect(heap), 3); /* not a second time */
  CHECK(finalized == 3 && destroyed == 3);
  rc_weak_free(weak);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- what finalizers do ---- */

static Task *saved;

static void save_self(Task *self) {
  saved = rc_newref(self);
}

static void finalizer_resurrects(void) {
  for (int ring = 0; ring < 2; ring++) {
    begin();
    Task *self = ring ? task_ring(4) : task(1);
    self->on_finalize = save_self;
    rc_decref(self);
    (void)gc_collect(heap);
    CHECK_EQ(gc_run_finalizers(heap), ring ? 4 : 1);
    CHECK(destroyed == 0 && saved == self && rc_count(self) == (ring ? 2u : 1u));
    rc_clear(&saved);
    CHECK_EQ(gc_collect(heap), ring ? 4 : 0);
    CHECK_EQ(destroyed, ring ? 4 : 1);
    CHECK_EQ(finalized, ring ? 4 : 1);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void cut_ring(Task *self) {
  rc_clear(&self->a);
}

static void finalizers_that_cut_their_ring(void) {
  begin();
  Task *ring = task_ring(6);
  ring->on_finalize = ring->a->on_finalize = ring->a->a->on_finalize = cut_ring;
  rc_decref(ring);
  (void)gc_collect(heap);
  CHECK_EQ(gc_run_finalizers(heap), 6);
  CHECK_EQ(destroyed, 6);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void make_and_drop(Task *self) {
  (void)self;
  rc_decref(task(100));
  rc_decref(task_ring(2));
}

/* What a finalizer makes due waits for a later call, so each call ends. */
static void made_due_by_finalizers(void) {
  begin();
  for (uint64_t i = 0; i < 100; i++) {
    Task *self = task(i);
    self->on_finalize = make_and_drop;
    rc_decref(self);
  }
  CHECK_EQ(finalized, 0);
  CHECK_EQ(gc_run_finalizers(heap), 100);
  CHECK_EQ(destroyed, 100);
  (void)gc_collect(heap);
  CHECK_EQ(gc_run_finalizers(heap), 300);
  CHECK_EQ(destroyed, 400);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void run_in_finalizer(Task *self) {
  (void)self;
  CHECK_EQ(gc_run_finalizers(heap), 0); /* they are running */
  (void)gc_collect(heap);
}

static void run_inside_itself(void) {
  begin();
  Task *self = task(1), *ring = task_ring(3);
  self->on_finalize = ring->on_finalize = run_in_finalizer;
  rc_decref(self), rc_decref(ring);
  (void)gc_collect(heap);
  CHECK_EQ(gc_run_finalizers(heap), 4);
  CHECK_EQ(destroyed, 4);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- weak callbacks ---- */

/* They wait likewise, while their targets end at once; a handle freed meanwhile is not called. */
static void weak_callbacks_wait(void) {
  begin();
  rc_type *plain = graph_declared(heap), *watched = graph_watched(heap);
  rc_weak *weak[6];
  Node *node = graph_node(plain, 1), *ring = graph_ring(watched, 4);
  weak[0] = rc_weak_new(node, count_calls, NULL), weak[1] = rc_weak_new(node, count_calls, NULL);
  for (int i = 2; i < 6; i++, ring = ring->a) weak[i] = rc_weak_new(ring, count_calls, NULL);
  rc_decref(node);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 4);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(called, 0);
  for (int i = 0; i < 6; i++) CHECK(rc_weak_get(weak[i]) == NULL);
  rc_weak_free(weak[1]);
  rc_weak_free(weak[4]);
  CHECK_EQ(gc_run_finalizers(heap), 4);
  CHECK_EQ(called, 4);
  CHECK_EQ(gc_run_finalizers(heap), 0);
  rc_weak_free(weak[0]), rc_weak_free(weak[2]), rc_weak_free(weak[3]), rc_weak_free(weak[5]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- the end of the heap ---- */

static void heap_free_drains_the_queue(void) {
  begin();
  rc_decref(task(1));
  rc_decref(task_ring(3));
  (void)gc_collect(heap);
  rc_decref(task_ring(5)); /* not even found yet */
  Node *node = graph_node(graph_declared(heap), 1);
  rc_weak *weak = rc_weak_new(node, count_calls, NULL);
  rc_decref(node);
  CHECK(finalized == 0 && called == 0);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(finalized == 9 && destroyed == 9 && called == 1);
  rc_weak_free(weak);
}

/* ---- number, and where there is nothing to do ---- */

static void many(void) {
  begin();
  size_t n = check_scale(2000, 100000, 1000000);
  for (size_t i = 0; i < n; i++) {
    Task *self = task(i);
    if (i % 2) self->a = rc_newref(self);
    rc_decref(self);
  }
  (void)gc_collect(heap);
  CHECK_EQ(finalized, 0);
  CHECK_EQ(graph_live(heap), n);
  CHECK_EQ(gc_run_finalizers(heap), n);
  CHECK(finalized == n && destroyed == n);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A chain of 100,000, each with a finalizer: one becomes due after the other. */
static void chain_becomes_due_link_by_link(void) {
  begin();
  size_t n = check_scale(200, 20000, 100000);
  Task *head = NULL;
  for (size_t i = 0; i < n; i++) {
    Task *self = task(i);
    self->a = head;
    head = self;
  }
  rc_decref(head);
  size_t calls = 0;
  while (graph_live(heap) != 0 && calls <= n) {
    CHECK(gc_run_finalizers(heap) >= 1);
    calls++;
  }
  CHECK(finalized == n && destroyed == n);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void inline_heaps_have_no_queue(void) {
  CHECK_EQ(gc_run_finalizers(NULL), 0);
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = 7;
  gc_heap *none = NULL;
  CHECK_EQ(gc_heap_new(&options, &none), RC_ERR_INVALID);
}

/* Automatic collections under a queue run no host code at all. */
static void automatic_collections_only_queue(void) {
  begin();
  size_t n = check_scale(3000, 300000, 1000000);
  for (size_t i = 0; i < n; i++) rc_decref(task_ring(2));
  gc_stats stats = graph_stats(heap);
  if (!check_env("RCGC_TEST_SMALL")) CHECK(stats.young.runs + stats.full.runs > 0);
  CHECK(finalized == 0 && destroyed == 0);
  (void)gc_collect(heap);
  CHECK_EQ(gc_run_finalizers(heap), 2 * n);
  CHECK_EQ(destroyed, 2 * n);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(due_by_count_is_alive_in_every_way),
    CHECK_TEST(due_ring_is_alive_in_every_way),
    CHECK_TEST(taken_up_while_due),
    CHECK_TEST(finalizer_resurrects),
    CHECK_TEST(finalizers_that_cut_their_ring),
    CHECK_TEST(made_due_by_finalizers),
    CHECK_TEST(run_inside_itself),
    CHECK_TEST(weak_callbacks_wait),
    CHECK_TEST(heap_free_drains_the_queue),
    CHECK_TEST(many),
    CHECK_TEST(chain_becomes_due_link_by_link),
    CHECK_TEST(inline_heaps_have_no_queue),
    CHECK_TEST(automatic_collections_only_queue),
};

CHECK_MAIN(tests)
