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

/* ---- what is judged again: exactly what ran, and what it kept alive ---- */

static size_t events;

static void count_events(gc_heap *of, const gc_event *event, void *ctx) {
  (void)of, (void)event, (void)ctx;
  events++;
}

static bool is_alive(rc_weak *weak) {
  void *target = rc_weak_get(weak);
  rc_xdecref(target);
  return target != NULL;
}

/* Nobody is told, nothing else ends, and what lives is not looked at, though what is due refers to it. */
static void nothing_else_is_looked_at(void) {
  begin();
  rc_type *live_type = graph_callback(heap);
  size_t n = check_scale(500, 20000, 200000);
  Node *live = graph_chain(live_type, n, false);
  gc_disable(heap);
  CHECK_EQ(gc_collect(heap), 0);
  Task *ring = task_ring(3);
  ring->b = (Task *)(void *)rc_newref(live);
  rc_decref(ring);
  CHECK_EQ(gc_collect_young(heap), 0); /* it is due */
  Node *other = graph_ring(graph_declared(heap), 2);
  rc_weak *weak = rc_weak_new(other, NULL, NULL);
  rc_decref(other);
  CHECK_EQ(gc_add_callback(heap, count_events, NULL), RC_OK);
  events = 0;
  graph_reset();
  gc_stats before = graph_stats(heap);
  CHECK_EQ(gc_run_finalizers(heap), 3);
  gc_stats after = graph_stats(heap);
  CHECK(finalized == 3 && destroyed == 3);
  CHECK_EQ(graph.traversed, 0);
  CHECK_EQ(events, 0);
  CHECK(is_alive(weak));
  CHECK(after.full.runs == before.full.runs && after.young.runs == before.young.runs);
  CHECK_EQ(after.full.examined - before.full.examined, 3);
  CHECK_EQ(after.full.reclaimed - before.full.reclaimed, 3); /* the set counts as reclaimed there */
  CHECK_EQ(after.reclaimed_objects - before.reclaimed_objects, 3);
  CHECK_EQ(rc_count(live), 1);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK(!is_alive(weak));
  rc_weak_free(weak);
  rc_decref(live);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* D -> P <-> Q -> D of which only D has a finalizer: all of it ends in the call. */
static void what_it_kept_ends_with_it(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    begin();
    rc_type *plain = graph_kinds[kind](heap);
    Task *due = task(1);
    Node *p = graph_node(plain, 2), *q = graph_node(plain, 3);
    due->a = (Task *)(void *)p; /* takes the reference */
    p->a = q, q->a = rc_newref(p), q->b = (Node *)(void *)rc_newref(due);
    rc_weak *weak = rc_weak_new(q, count_calls, NULL);
    rc_decref(due);
    CHECK_EQ(gc_collect(heap), 0);
    CHECK_EQ(graph_live(heap), 3);
    CHECK(is_alive(weak));
    CHECK_EQ(gc_run_finalizers(heap), 1);
    CHECK(finalized == 1 && destroyed == 1 && called == 0);
    CHECK_EQ(graph_live(heap), 0);
    CHECK(!is_alive(weak));
    CHECK_EQ(gc_run_finalizers(heap), 1); /* the weak callback was queued then */
    CHECK_EQ(called, 1);
    rc_weak_free(weak);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void drop_a(Task *self) {
  CHECK(rc_type_live(rc_type_of(self->a)) > 0);
  graph_reset();
  rc_clear(&self->a);
  CHECK_EQ(graph.destroyed, 0); /* members are held until their time */
}

/* A finalizer that cuts off a part of the set hides it from nobody. */
static void a_set_that_is_cut_ends_as_a_whole(void) {
  for (int ring = 0; ring < 2; ring++) {
    begin();
    rc_type *plain = graph_watched(heap);
    Task *due = task(1);
    Node *rest = ring ? graph_ring(plain, 3) : graph_chain(plain, 3, false);
    due->a = (Task *)(void *)rest, due->b = rc_newref(due);
    due->on_finalize = drop_a;
    rc_decref(due);
    CHECK_EQ(gc_collect(heap), 0);
    CHECK_EQ(gc_run_finalizers(heap), 1);
    CHECK_EQ(graph.destroyed, 3);
    CHECK_EQ(graph_live(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void save_b(Task *self) {
  saved = rc_newref(self->b);
}

/* What a finalizer stored, and all it reaches, lives on with its handles; the rest ends. */
static void a_part_is_brought_back(void) {
  begin();
  Task *ring = task_ring(4), *tail = task(9);
  ring->on_finalize = save_b;
  ring->b = tail, tail->a = task(10);
  rc_weak *weak = rc_weak_new(tail->a, NULL, NULL), *gone = rc_weak_new(ring, NULL, NULL);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_run_finalizers(heap), 6);
  CHECK(finalized == 6 && destroyed == 4);
  CHECK(saved == tail && rc_count(tail) == 1 && is_alive(weak) && !is_alive(gone));
  CHECK_EQ(gc_collect(heap), 0);
  rc_clear(&saved);
  CHECK(finalized == 6 && destroyed == 6 && !is_alive(weak)); /* by count, and not finalized again */
  CHECK_EQ(graph_live(heap), 0);
  rc_weak_free(weak), rc_weak_free(gone);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void tie_to_itself(Task *self) {
  self->b = rc_newref(self);
}

/* What became due by its count, and is in a ring since. */
static void tied_by_its_finalizer(void) {
  begin();
  Task *self = task(1);
  self->on_finalize = tie_to_itself;
  rc_decref(self);
  CHECK_EQ(gc_run_finalizers(heap), 1);
  CHECK_EQ(destroyed, 1);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* More references to one member than fit a working count. */
static void large_counts(void) {
  begin();
  size_t n = 70000;
  rc_type *plain = graph_declared(heap);
  Task *hub = task(0);
  Node *chain = NULL;
  for (size_t i = 0; i < n; i++) {
    Node *node = graph_node(plain, i);
    node->a = chain, node->b = (Node *)(void *)rc_newref(hub);
    chain = node;
  }
  hub->a = (Task *)(void *)chain;
  rc_decref(hub);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(graph_live(heap), n + 1);
  CHECK_EQ(gc_run_finalizers(heap), 1);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Immortal, untracked and frozen in the time between: the host's word counts. */
static void what_the_host_says_meanwhile(void) {
  for (int what = 0; what < 4; what++) {
    begin();
    Task *ring = task_ring(2);
    rc_weak *weak = rc_weak_new(ring, NULL, NULL);
    rc_decref(ring);
    CHECK_EQ(gc_collect(heap), 0);
    if (what == 0) rc_immortalize(ring);
    if (what == 1) CHECK_EQ(gc_untrack(ring), RC_OK);
    if (what == 2) CHECK_EQ(gc_freeze(heap), RC_OK);
    if (what == 3) CHECK_EQ(gc_untrack(ring->a), RC_OK);
    CHECK_EQ(gc_run_finalizers(heap), 2);
    CHECK(finalized == 2 && destroyed == 0 && is_alive(weak));
    CHECK_EQ(gc_unfreeze(heap), RC_OK);
    if (what != 0) {
      CHECK(rc_count(ring) == 1 && rc_count(ring->a) == 1);
      CHECK_EQ(gc_track(ring), RC_OK);
      CHECK_EQ(gc_track(ring->a), RC_OK);
      CHECK_EQ(gc_collect(heap), 2);
      CHECK_EQ(destroyed, 2);
    }
    rc_weak_free(weak);
    check_log_start();
    CHECK_EQ(gc_heap_free(heap), 0);
    CHECK_EQ(destroyed, 2);
  }
}

/* The edges of weak maps' entries are judged, too, from either side. */
static void entries_of_weak_maps(void) {
  for (int untracked = 0; untracked < 2; untracked++) {
    begin();
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Symbol", spec.size = 16;
    rc_type *plain = untracked ? graph_type(heap, &spec) : graph_declared(heap);
    rc_weakmap *map = rc_weakmap_new(heap), *held = rc_weakmap_new(heap);
    void *key = rc_new(plain);
    REQUIRE(map && held && key);
    Task *value = task(1);
    value->a = rc_newref(key), value->b = (Task *)(void *)rc_newref(map);
    CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
    CHECK_EQ(rc_weakmap_set(held, key, value), RC_OK);
    rc_weak *weak = rc_weak_new(key, NULL, NULL);
    rc_decref(key), rc_decref(value), rc_decref(map);
    CHECK_EQ(gc_collect(heap), 0);
    CHECK(rc_weakmap_length(held) == 1 && is_alive(weak));
    CHECK_EQ(gc_run_finalizers(heap), 1);
    CHECK(rc_weakmap_length(held) == 0 && !is_alive(weak) && destroyed == 1);
    CHECK_EQ(graph_live(heap), 1);
    rc_weak_free(weak), rc_decref(held);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void saved_as_garbage(void) {
  begin();
  rc_decref(task_ring(3));
  (void)gc_collect(heap);
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_SAVEALL), RC_OK);
  CHECK_EQ(gc_run_finalizers(heap), 3);
  CHECK(finalized == 3 && destroyed == 0);
  REQUIRE(gc_garbage_count(heap) == 3);
  Task *first = gc_garbage_get(heap, 0);
  CHECK(first->a != NULL && rc_count(first) == 2 && gc_is_tracked(first));
  CHECK_EQ(gc_set_debug(heap, 0), RC_OK);
  gc_garbage_clear(heap);
  CHECK_EQ(gc_collect(heap), 3);
  CHECK_EQ(destroyed, 3);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The end of a heap saves nothing: it would be held then. */
static void saved_by_nobody_at_the_end(void) {
  begin();
  rc_decref(task_ring(3));
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_SAVEALL), RC_OK);
  rc_decref(graph_ring(graph_declared(heap), 3));
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(finalized == 3 && destroyed == 3 && !strstr(check_log.text, "still held"));
}

/* Under a profile the ends are booked, as those of a collection where a collection found them. */
static void booked_in_a_profile(void) {
  begin();
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_decref(task(1));
  rc_decref(task_ring(3));
  (void)gc_collect(heap);
  CHECK_EQ(gc_run_finalizers(heap), 4);
  gc_profile_stats profile = GC_PROFILE_STATS_INIT;
  CHECK_EQ(gc_profile_get(heap, &profile), RC_OK);
  CHECK(profile.live_objects == 0 && profile.live_bytes == 0);
  gc_site_stats row = GC_SITE_STATS_INIT;
  CHECK_EQ(gc_profile_sites(heap, NULL, &row, 1), 1);
  CHECK(row.freed_objects == 4 && row.reclaimed_objects == 3);
  gc_profile_stop(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- where none may run ---- */

static size_t ran_inside;

static void clear_runs(void *obj) {
  graph_clear(obj);
  ran_inside += gc_run_finalizers(heap);
}

static void callback_runs(gc_heap *of, const gc_event *event, void *ctx) {
  (void)event, (void)ctx;
  ran_inside += gc_run_finalizers(of);
}

static void refused_inside_clear_and_collections(void) {
  begin();
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Clearing", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = graph_traverse, spec.clear = clear_runs;
  rc_type *clearing = graph_type(heap, &spec);
  ran_inside = 0;
  rc_decref(task(1));
  rc_decref(graph_node(clearing, 1));
  rc_decref(graph_ring(clearing, 2));
  CHECK_EQ(gc_add_callback(heap, callback_runs, NULL), RC_OK);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(gc_remove_callback(heap, callback_runs, NULL), RC_OK);
  CHECK(ran_inside == 0 && finalized == 0);
  CHECK_EQ(gc_run_finalizers(heap), 1);
  CHECK_EQ(destroyed, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void run_in_destroy(void *obj) {
  graph_destroy(obj);
  ran_inside += gc_run_finalizers(heap);
}

/* `destroy` of a death by count may do anything. */
static void runs_inside_destroy(void) {
  begin();
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Running", spec.size = sizeof(Node), spec.destroy = run_in_destroy;
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  Node *node = graph_node(graph_type(heap, &spec), 1);
  ran_inside = 0;
  rc_decref(task(1));
  rc_decref(task_ring(3));
  (void)gc_collect(heap);
  rc_decref(node);
  CHECK(ran_inside == 4 && finalized == 4 && destroyed == 4);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- callbacks that go on for ever ---- */

static void make_another(Task *self) {
  Task *next = task(self->id + 1);
  next->on_finalize = self->on_finalize;
  rc_decref(next);
}

static void make_two(Task *self) {
  for (int i = 0; i < 2; i++) {
    Task *next = task(self->id + 1);
    next->on_finalize = self->on_finalize;
    rc_decref(next);
  }
}

static void make_another_ring(Task *self) {
  Task *next = task(self->id + 1);
  next->on_finalize = self->on_finalize;
  next->a = rc_newref(next);
  rc_decref(next);
  (void)gc_collect(heap);
}

static size_t calls_left;

static void drop_another_watched(rc_weak *weak, void *ctx) {
  rc_type *plain = ctx;
  called++;
  rc_weak_free(weak);
  if (calls_left == 0) return;
  calls_left--;
  Node *node = graph_node(plain, called);
  CHECK(rc_weak_new(node, drop_another_watched, plain) != NULL);
  rc_decref(node);
}

/* Each call runs what was due when it began. */
static void nobody_is_kept_busy(void) {
  begin();
  Task *self = task(0);
  self->on_finalize = make_another;
  rc_decref(self);
  for (size_t i = 1; i <= 50; i++) {
    CHECK_EQ(gc_run_finalizers(heap), 1);
    CHECK(finalized == i && destroyed == i);
    CHECK_EQ(graph_live(heap), 1);
  }
  self = task(0);
  self->on_finalize = make_another_ring;
  rc_decref(self);
  for (size_t i = 1; i <= 50; i++) CHECK_EQ(gc_run_finalizers(heap), 2);
  rc_type *plain = graph_declared(heap);
  Node *node = graph_node(plain, 0);
  calls_left = 1000000;
  CHECK(rc_weak_new(node, drop_another_watched, plain) != NULL);
  rc_decref(node);
  for (size_t i = 1; i <= 50; i++) {
    CHECK_EQ(gc_run_finalizers(heap), 3);
    CHECK_EQ(called, i);
  }
  calls_left = 0;
  CHECK_EQ(gc_run_finalizers(heap), 3);
  CHECK_EQ(gc_run_finalizers(heap), 2);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void end_of(script on_finalize, size_t watched) {
  begin();
  Task *self = task(0);
  self->on_finalize = on_finalize;
  rc_decref(self);
  if (watched == 0) return;
  rc_type *plain = graph_declared(heap);
  Node *node = graph_node(plain, 0);
  calls_left = watched - 1;
  CHECK(rc_weak_new(node, drop_another_watched, plain) != NULL);
  rc_decref(node);
}

static void make_some_others(Task *self) {
  if (self->id < 800) make_another(self);
}

static void make_some_rings(Task *self) {
  if (self->id < 800) make_another_ring(self);
}

/* What comes to an end by itself is waited for. */
static void the_end_of_the_heap_waits(void) {
  script makers[] = {make_some_others, make_some_rings, NULL};
  for (size_t i = 0; i < RC_COUNT_OF(makers); i++) {
    end_of(makers[i], 500);
    check_log_start();
    CHECK_EQ(gc_heap_free(heap), 0);
    CHECK_EQ(check_log.used, 0);
    CHECK(finalized == (i < 2 ? 801u : 1u) && destroyed == finalized && called == 500);
  }
}

/* A chain of all the objects there are: each is due when the one before it has ended. */
static void the_end_of_the_heap_walks_a_chain(void) {
  begin();
  size_t n = check_scale(3000, 50000, 500000);
  Task *head = NULL;
  for (size_t i = 0; i < n; i++) {
    Task *self = task(i);
    self->a = head;
    head = self;
  }
  rc_decref(head);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(finalized == n && destroyed == n && check_log.used == 0);
}

/* What does not is cut off, with a word in the log, and ends without its finalizer. */
static void the_end_of_the_heap_is_not_put_off_for_ever(void) {
  script makers[] = {make_another, make_two, make_another_ring, NULL};
  for (size_t i = 0; i < RC_COUNT_OF(makers); i++) {
    end_of(makers[i], makers[i] ? 0 : SIZE_MAX);
    check_log_start();
    CHECK_EQ(gc_heap_free(heap), 0);
    CHECK_STR(check_log.text, "go on making");
    CHECK(destroyed >= finalized && finalized + called >= 1000);
  }
}

/* ---- a heap that ends deep in another one's callbacks ---- */

enum { NESTED = 40 };
static Node *nested[NESTED];
static size_t nested_next, nested_held;
static uint32_t nested_kind;
static bool nested_drop;

/* A heap that comes and goes inside a callback: something is held, something dropped, something in a ring. */
static void heap_of_a_moment(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = nested_kind;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Task", spec.size = sizeof(Task), spec.fields = task_fields, spec.field_count = 2;
  spec.finalize = task_finalize, spec.destroy = task_destroy;
  type = graph_type(heap, &spec);
  Task *chain = task(1), *ring = task_ring(2);
  chain->a = task(2), chain->a->a = task(3);
  ring->b = task(4);
  if (nested_drop) rc_decref(chain);
  rc_decref(ring);
  nested_held = gc_heap_free(heap);
}

static void release_the_next(void *obj) {
  (void)obj;
  size_t next = ++nested_next;
  if (next < NESTED) rc_decref(nested[next]);
  else heap_of_a_moment();
}

/* Deaths that are nested too deep wait for the callbacks around them; those of a heap that ends cannot. */
static void ends_deep_in_callbacks(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Nested", spec.size = sizeof(Node), spec.destroy = release_the_next;
  gc_heap *outer = graph_heap("outer");
  rc_type *links = graph_type(outer, &spec);
  for (nested_kind = GC_FINALIZERS_INLINE; nested_kind <= GC_FINALIZERS_QUEUED; nested_kind++)
    for (int drop = 0; drop < 2; drop++)
      for (size_t first = 0; first < NESTED; first++) { /* each depth */
        nested_drop = drop != 0, nested_next = first, nested_held = 99;
        finalized = destroyed = 0;
        for (size_t i = first; i < NESTED; i++) nested[i] = graph_node(links, i);
        check_log_start();
        rc_decref(nested[first]);
        CHECK_EQ(nested_next, NESTED);
        CHECK(nested_held == (drop ? 0u : 3u) && finalized == 6 && destroyed == 6);
        CHECK(!strstr(check_log.text, "go on making"));
      }
  CHECK_EQ(graph_live(outer), 0);
  CHECK_EQ(gc_heap_free(outer), 0);
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
    CHECK_TEST(nothing_else_is_looked_at),
    CHECK_TEST(what_it_kept_ends_with_it),
    CHECK_TEST(a_set_that_is_cut_ends_as_a_whole),
    CHECK_TEST(a_part_is_brought_back),
    CHECK_TEST(tied_by_its_finalizer),
    CHECK_TEST(large_counts),
    CHECK_TEST(what_the_host_says_meanwhile),
    CHECK_TEST(entries_of_weak_maps),
    CHECK_TEST(saved_as_garbage),
    CHECK_TEST(saved_by_nobody_at_the_end),
    CHECK_TEST(booked_in_a_profile),
    CHECK_TEST(refused_inside_clear_and_collections),
    CHECK_TEST(runs_inside_destroy),
    CHECK_TEST(nobody_is_kept_busy),
    CHECK_TEST(the_end_of_the_heap_waits),
    CHECK_TEST(the_end_of_the_heap_walks_a_chain),
    CHECK_TEST(the_end_of_the_heap_is_not_put_off_for_ever),
    CHECK_TEST(ends_deep_in_callbacks),
};

CHECK_MAIN(tests)
