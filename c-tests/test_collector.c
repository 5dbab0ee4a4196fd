/* The collector: rings of every sort found and nothing else, young and full, tracking, when automatic
 * collection runs, how much memory it bounds, and its books. Most tests run over all ways of telling
 * references (graph.h). */
#include "check.h"
#include "graph.h"

#include <math.h>

/* Runs a test in a heap of its own for each way; afterwards the heap must be empty. */
static void each_kind(void (*run)(gc_heap *, rc_type *)) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    unsigned before = check_failures;
    gc_heap *heap = graph_heap("each");
    graph_reset();
    run(heap, graph_kinds[kind](heap));
    check_log_start();
    CHECK_EQ(gc_heap_free(heap), 0);
    if (check_failures != before) printf("  with kind %zu\n", kind);
  }
}

/* ---- rings ---- */

static void sizes_one(gc_heap *heap, rc_type *type) {
  static const size_t sizes[] = {1, 2, 3, 10, 100, 1000};
  for (size_t i = 0; i < RC_COUNT_OF(sizes); i++) {
    Node *ring = graph_ring(type, sizes[i]);
    CHECK_EQ(gc_collect(heap), 0);
    CHECK_EQ(rc_count(ring), 2); /* judging leaves counts alone */
    rc_decref(ring);
    CHECK_EQ(graph_live(heap), sizes[i]);
    CHECK_EQ(gc_collect(heap), sizes[i]);
    CHECK_EQ(graph_live(heap), 0);
    CHECK_EQ(gc_collect(heap), 0);
  }
}

static void rings_of_one_to_a_thousand(void) {
  each_kind(sizes_one);
}

/* A collection must not believe what it found the time before: collect, release one handle of a ring, collect
 * again, and the ring goes. */
static void again_one(gc_heap *heap, rc_type *type) {
  Node *ring = graph_ring(type, 5);
  Node *handle = rc_newref(ring->a);
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_collect_young(heap), 0);
  rc_decref(handle); /* an old object, and only an inline decrement: nobody was told */
  CHECK_EQ(gc_collect(heap), 5);
}

static void collect_release_collect(void) {
  each_kind(again_one);
}

/* A ring inside refers to what is outside and held: that stays, with its exact count. */
static void tail_one(gc_heap *heap, rc_type *type) {
  Node *ring = graph_ring(type, 4), *outside = graph_chain(type, 3, false);
  for (Node *at = ring->a; at != ring; at = at->a) at->b = rc_newref(outside);
  CHECK_EQ(rc_count(outside), 4);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 4);
  CHECK_EQ(rc_count(outside), 1);
  CHECK_EQ(graph_live(heap), 3);
  CHECK(outside->a && outside->a->a && outside->a->id == 1 && outside->a->a->id == 2);
  rc_decref(outside);
  CHECK_EQ(graph_live(heap), 0);
}

static void ring_with_a_tail_that_is_held(void) {
  each_kind(tail_one);
}

/* A chain that only hangs from a ring is in no ring; tracked, so it is part of the dead set. */
static void hanging_one(gc_heap *heap, rc_type *type) {
  Node *ring = graph_ring(type, 3);
  ring->b = graph_chain(type, 100, true);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 103);
  CHECK_EQ(graph_live(heap), 0);
}

static void chain_hanging_from_a_ring(void) {
  each_kind(hanging_one);
}

/* Held from outside at the far end of a chain into the ring: everything lives. */
static void entrance_one(gc_heap *heap, rc_type *type) {
  Node *chain = graph_chain(type, 50, false), *ring = graph_ring(type, 50), *last = chain;
  while (last->a) last = last->a;
  last->a = ring; /* the chain takes the ring's reference */
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(graph_live(heap), 100);
  rc_decref(chain); /* the chain dies by count, the ring is left */
  CHECK_EQ(graph_live(heap), 50);
  CHECK_EQ(gc_collect(heap), 50);
}

static void ring_behind_a_chain(void) {
  each_kind(entrance_one);
}

static void joined_one(gc_heap *heap, rc_type *type) {
  Node *left = graph_ring(type, 7), *right = graph_ring(type, 8);
  left->b = rc_newref(right);
  rc_decref(right);
  CHECK_EQ(gc_collect(heap), 0); /* right is held by left */
  right->b = rc_newref(left);
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(left);
  CHECK_EQ(gc_collect(heap), 15);
}

static void two_rings_joined(void) {
  each_kind(joined_one);
}

static void parallel_one(gc_heap *heap, rc_type *type) {
  Node *a = graph_node(type, 1), *b = graph_node(type, 2);
  a->a = rc_newref(b), a->b = rc_newref(b); /* each refers to the other twice */
  b->a = rc_newref(a), b->b = rc_newref(a);
  CHECK_EQ(rc_count(a), 3);
  rc_decref(a);
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(b);
  CHECK_EQ(gc_collect(heap), 2);
  Node *self = graph_node(type, 3);
  self->a = rc_newref(self), self->b = rc_newref(self);
  rc_decref(self);
  CHECK_EQ(gc_collect(heap), 1);
}

static void parallel_and_double_self_edges(void) {
  each_kind(parallel_one);
}

/* ---- random graphs against a search by hand ---- */

static size_t reachable(Node **nodes, const bool *held, size_t n) {
  Node **stack = malloc(n * sizeof *stack);
  bool *seen = calloc(n, 1);
  REQUIRE(stack && seen);
  size_t used = 0, count = 0;
  for (size_t i = 0; i < n; i++)
    if (held[i]) seen[i] = true, stack[used++] = nodes[i];
  while (used > 0) {
    Node *node = stack[--used], *next[2] = {node->a, node->b};
    count++;
    for (int j = 0; j < 2; j++)
      if (next[j] && !seen[next[j]->id]) seen[next[j]->id] = true, stack[used++] = next[j];
  }
  free(stack);
  free(seen);
  return count;
}

static uint64_t random_seed;

static void random_graphs(gc_heap *heap, rc_type *type) {
  enum { MOST = 300 };
  static Node *nodes[MOST];
  static bool held[MOST];
  size_t rounds = check_scale(5, 100, 1000);
  for (size_t round = 0; round < rounds; round++) {
    size_t n = 1 + check_below(&random_seed, MOST), one_in = 1 + check_below(&random_seed, 100);
    graph_random(type, nodes, n, &random_seed);
    for (size_t i = 0; i < n; i++) held[i] = check_below(&random_seed, one_in) == 0;
    size_t alive = reachable(nodes, held, n);
    for (size_t i = 0; i < n; i++)
      if (!held[i]) rc_decref(nodes[i]);
    (void)gc_collect(heap);
    if (!CHECK_EQ(graph_live(heap), alive)) return;
    for (size_t i = 0; i < n; i++)
      if (held[i]) rc_decref(nodes[i]);
    (void)gc_collect(heap);
    if (!CHECK_EQ(graph_live(heap), 0)) return;
  }
}

static void random_graphs_small(void) {
  random_seed = check_seed("random_graphs_small");
  each_kind(random_graphs);
}

/* One graph of a million, 1 % held, the rest judged exactly. */
static void random_graph_big(void) {
  uint64_t seed = check_seed("random_graph_big");
  size_t n = check_scale(20000, 1000000, 5000000);
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = graph_heap("big");
    rc_type *type = graph_kinds[kind](heap);
    Node **nodes = calloc(n, sizeof *nodes);
    bool *held = calloc(n, 1);
    REQUIRE(nodes && held);
    gc_disable(heap);
    graph_reset();
    graph_random(type, nodes, n, &seed);
    for (size_t i = 0; i < n; i++) held[i] = check_below(&seed, 1000000) < 3;
    size_t alive = reachable(nodes, held, n);
    for (size_t i = 0; i < n; i++)
      if (!held[i]) rc_decref(nodes[i]);
    (void)gc_collect(heap);
    CHECK_EQ(graph_live(heap), alive);
    for (size_t i = 0; i < n; i++)
      if (held[i]) rc_decref(nodes[i]);
    (void)gc_collect(heap);
    CHECK_EQ(graph_live(heap), 0);
    if (kind > 0) CHECK_EQ(graph.destroyed, n);
    free(nodes);
    free(held);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- hubs and big counts ---- */

typedef struct Hub {
  Node **items;
  size_t used;
} Hub;

static const rc_field hub_fields[] = {RC_FIELD_VECTOR(Hub, items, used)};

static void hub_destroy(void *obj) {
  free(((Hub *)obj)->items);
}

static Hub *hub_new(gc_heap *heap, size_t n) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Hub", spec.size = sizeof(Hub), spec.destroy = hub_destroy;
  spec.fields = hub_fields, spec.field_count = 1;
  Hub *hub = rc_new(graph_type(heap, &spec));
  REQUIRE(hub != NULL);
  hub->items = calloc(n, sizeof(Node *));
  REQUIRE(hub->items != NULL);
  hub->used = n;
  return hub;
}

/* One object with a million edges, each to an object of its own that refers back: counts above 2^16 that
 * are all inside the graph, and must come out at exactly zero. */
static void hub_one(gc_heap *heap, rc_type *type) {
  size_t n = check_scale(70000, 1000000, 4000000);
  Hub *hub = hub_new(heap, n);
  for (size_t i = 0; i < n; i++) {
    hub->items[i] = graph_node(type, i);
    hub->items[i]->b = (Node *)rc_newref(hub);
  }
  CHECK_EQ(rc_count(hub), n + 1);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(rc_count(hub), n + 1);
  Node *handle = rc_newref(hub->items[n / 2]);
  rc_decref(hub);
  CHECK_EQ(gc_collect(heap), 0); /* one of the million is held, and holds all */
  rc_decref(handle);
  CHECK_EQ(gc_collect(heap), n + 1);
  CHECK_EQ(graph_live(heap), 0);
}

static void hub_with_a_million_edges(void) {
  each_kind(hub_one);
}

/* A million references to one object, from one object: parallel edges beyond every narrow counter. */
static void million_parallel_edges(void) {
  static const size_t sizes[] = {16382, 16383, 16384, 65534, 65535, 65536, 65537, 131072, 1000000};
  gc_heap *heap = graph_heap("parallel");
  rc_type *type = graph_watched(heap);
  for (size_t i = 0; i < RC_COUNT_OF(sizes); i++) {
    size_t n = sizes[i];
    graph_reset();
    Hub *hub = hub_new(heap, n);
    Node *target = graph_node(type, 1);
    target->a = (Node *)rc_newref(hub);
    for (size_t j = 0; j < n; j++) hub->items[j] = rc_newref(target);
    rc_decref(target);
    CHECK_EQ(rc_count(target), n);
    CHECK_EQ(gc_collect(heap), 0);
    rc_incref(target), rc_decref(hub);
    CHECK_EQ(gc_collect(heap), 0); /* exactly one reference from outside among n */
    CHECK_EQ(graph.destroyed, 0);
    rc_decref(target);
    CHECK_EQ(gc_collect(heap), 2);
    CHECK_EQ(graph.destroyed, 1);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Many objects with counts that do not fit 16 bits, at once. */
static void many_big_counts(void) {
  enum { TARGETS = 40 };
  size_t n = (size_t)TARGETS * 66000;
  gc_heap *heap = graph_heap("counts");
  rc_type *type = graph_declared(heap);
  Hub *hub = hub_new(heap, n);
  for (size_t i = 0; i < TARGETS; i++) {
    Node *target = graph_node(type, i);
    target->a = (Node *)rc_newref(hub);
    for (size_t j = i; j < n; j += TARGETS) hub->items[j] = rc_newref(target);
    rc_decref(target);
  }
  CHECK_EQ(gc_collect(heap), 0);
  Node *handle = rc_newref(hub->items[17]);
  rc_decref(hub);
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(handle);
  CHECK_EQ(gc_collect(heap), TARGETS + 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- young and full ---- */

static void young_one(gc_heap *heap, rc_type *type) {
  gc_disable(heap);
  Node *old = graph_ring(type, 10);
  CHECK_EQ(gc_collect(heap), 0); /* what was examined is old from now on */
  Node *young = graph_ring(type, 4);
  rc_decref(old), rc_decref(young);
  CHECK_EQ(gc_collect_young(heap), 4); /* the old ring is garbage too, but not looked at */
  CHECK_EQ(graph_live(heap), 10);
  CHECK_EQ(gc_collect_young(heap), 0);
  CHECK_EQ(gc_collect(heap), 10);
}

static void young_sees_only_the_young(void) {
  each_kind(young_one);
}

/* Old objects are outside for a young collection: what they refer to is held. */
static void old_holds_young(gc_heap *heap, rc_type *type) {
  gc_disable(heap);
  Node *old = graph_node(type, 1);
  CHECK_EQ(gc_collect(heap), 0);
  old->a = graph_ring(type, 6);
  CHECK_EQ(gc_collect_young(heap), 0);
  CHECK_EQ(graph_live(heap), 7);
  rc_clear(&old->a);
  CHECK_EQ(gc_collect_young(heap), 0); /* they have become old by having been examined */
  CHECK_EQ(gc_collect(heap), 6);
  rc_decref(old);
}

static void old_objects_hold_young_ones(void) {
  each_kind(old_holds_young);
}

/* A ring that is half old, half young needs a full collection. */
static void half_old(gc_heap *heap, rc_type *type) {
  gc_disable(heap);
  Node *old = graph_node(type, 1);
  CHECK_EQ(gc_collect_young(heap), 0);
  Node *young = graph_node(type, 2);
  old->a = young, young->a = rc_newref(old);
  rc_decref(old);
  CHECK_EQ(gc_collect_young(heap), 0);
  CHECK_EQ(gc_collect(heap), 2);
}

static void ring_half_old_half_young(void) {
  each_kind(half_old);
}

static void generations_keep_their_books(void) {
  rc_type *type = graph_declared(NULL);
  gc_disable(NULL);
  gc_stats s0 = graph_stats(NULL);
  rc_decref(graph_ring(type, 3));
  CHECK_EQ(gc_collect_young(NULL), 3);
  gc_stats s1 = graph_stats(NULL);
  CHECK_EQ(s1.young.runs - s0.young.runs, 1);
  CHECK_EQ(s1.young.examined - s0.young.examined, 3);
  CHECK_EQ(s1.young.reclaimed - s0.young.reclaimed, 3);
  CHECK_EQ(s1.full.runs, s0.full.runs);
  CHECK_EQ(s1.reclaimed_objects - s0.reclaimed_objects, 3);
  Node *held = graph_ring(type, 5);
  rc_decref(graph_ring(type, 2));
  CHECK_EQ(gc_collect(NULL), 2);
  gc_stats s2 = graph_stats(NULL);
  CHECK_EQ(s2.full.runs - s1.full.runs, 1);
  CHECK_EQ(s2.full.examined - s1.full.examined, 7);
  CHECK_EQ(s2.full.reclaimed - s1.full.reclaimed, 2);
  CHECK_EQ(s2.young.runs, s1.young.runs);
  CHECK_EQ(s2.full.last_status, RC_OK);
  CHECK_EQ(s2.full.resurrected, 0);
  CHECK_EQ(s2.full.refused, 0);
  CHECK(s2.full.pause_ns_max >= s2.full.pause_ns_last && s2.full.pause_ns_total >= s2.full.pause_ns_max);
  uint64_t pauses = 0;
  for (size_t i = 0; i < GC_PAUSE_BUCKETS; i++) pauses += s2.full.pauses[i];
  CHECK_EQ(pauses, s2.full.runs);
  rc_decref(held);
}

/* ---- tracking ---- */

static size_t manual_destroyed;

static void manual_destroy(void *obj) {
  (void)obj;
  manual_destroyed++;
}

static rc_type *type_with_flags(uint32_t flags, bool with_traverse) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Flagged", spec.size = sizeof(Node), spec.flags = flags, spec.destroy = manual_destroy;
  if (with_traverse) spec.traverse = graph_traverse, spec.clear = graph_clear;
  else spec.fields = graph_fields, spec.field_count = 2;
  return graph_type(NULL, &spec);
}

static void who_is_tracked_when(void) {
  Node *declared = graph_node(type_with_flags(0, false), 1);
  Node *manual = graph_node(type_with_flags(RC_TYPE_TRACK_MANUAL, false), 2);
  Node *traversed = graph_node(type_with_flags(0, true), 3);
  Node *on_new = graph_node(type_with_flags(RC_TYPE_TRACK_ON_NEW, true), 4);
  Node *acyclic = graph_node(type_with_flags(RC_TYPE_ACYCLIC, false), 5);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Plain", spec.size = 8;
  void *plain = rc_new(graph_type(NULL, &spec));
  REQUIRE(plain != NULL);
  CHECK(gc_is_tracked(declared));
  CHECK(!gc_is_tracked(manual));
  CHECK(!gc_is_tracked(traversed));
  CHECK(gc_is_tracked(on_new));
  CHECK(!gc_is_tracked(acyclic));
  CHECK(!gc_is_tracked(plain));
  CHECK_EQ(gc_track(manual), RC_OK);
  CHECK_EQ(gc_track(traversed), RC_OK);
  CHECK(gc_is_tracked(manual) && gc_is_tracked(traversed));
  CHECK_EQ(gc_track(manual), RC_OK); /* twice is once */
  CHECK_EQ(gc_track(acyclic), RC_ERR_UNSUPPORTED);
  CHECK_STR(gc_error_message(gc_heap_default()), "Flagged");
  CHECK_EQ(gc_track(plain), RC_ERR_UNSUPPORTED);
  CHECK_EQ(gc_untrack(declared), RC_OK);
  CHECK_EQ(gc_untrack(declared), RC_OK);
  CHECK(!gc_is_tracked(declared));
  CHECK_EQ(gc_untrack(plain), RC_OK);
  CHECK_EQ(gc_track(declared), RC_OK);
  CHECK(gc_is_tracked(declared));
  rc_decref(declared), rc_decref(manual), rc_decref(traversed);
  rc_decref(on_new), rc_decref(acyclic), rc_decref(plain);
  CHECK_EQ(graph_live(NULL), 0);
}

/* What an untracked object refers to counts as held, and it is found in no ring. */
static void untracked_holds(void) {
  rc_type *type = type_with_flags(0, false);
  Node *ring = graph_ring(type, 3);
  Node *second = ring->a;
  CHECK_EQ(gc_untrack(second), RC_OK);
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(gc_track(second), RC_OK);
  CHECK_EQ(gc_collect(NULL), 3);
  CHECK_EQ(manual_destroyed, 3);
}

static void untracked_from_birth_is_never_found(void) {
  rc_type *acyclic = type_with_flags(RC_TYPE_ACYCLIC, false);
  Node *ring = graph_ring(acyclic, 2);
  rc_decref(ring); /* the host was wrong: it leaks, nothing else */
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(graph_live(NULL), 2);
  rc_clear(&ring->a); /* cut by hand: both go by count */
  CHECK_EQ(graph_live(NULL), 0);
}

/* An acyclic child of a ring is not examined; it dies by count in consequence, and is not in the number. */
static void acyclic_children_die_by_count(void) {
  rc_type *acyclic = type_with_flags(RC_TYPE_ACYCLIC, false), *type = graph_declared(NULL);
  Node *ring = graph_ring(type, 2);
  ring->b = graph_chain(acyclic, 5, false);
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 2);
  CHECK_EQ(manual_destroyed, 5);
  CHECK_EQ(graph_live(NULL), 0);
}

static void tracked_late_is_collected(void) {
  rc_type *type = type_with_flags(0, true);
  Node *a = graph_node(type, 1), *b = graph_node(type, 2);
  a->a = b, b->b = rc_newref(a);
  CHECK_EQ(gc_track(a), RC_OK);
  rc_decref(a);
  CHECK_EQ(gc_collect(NULL), 0); /* b is not tracked: what it refers to is held */
  CHECK_EQ(gc_track(b), RC_OK);
  CHECK_EQ(gc_collect(NULL), 2);
}

/* ---- when automatic collection runs ---- */

/* Rings made and dropped without end: memory stays within (1 + growth) times what lives and a constant. */
static void make_rings(rc_type *type, size_t objects) {
  for (size_t i = 0; i < objects; i += 10) rc_decref(graph_ring(type, 10));
}

static void automatic_one(gc_heap *heap, rc_type *type) {
  make_rings(type, check_scale(300000, 6000000, 60000000));
  gc_stats stats = graph_stats(heap);
  CHECK(stats.young.runs + stats.full.runs > 0);
  CHECK(stats.reclaimed_objects > 0);
  CHECK(stats.heap_bytes_peak < (uint64_t)80 << 20);
  CHECK(stats.live_bytes < (uint64_t)64 << 20);
  CHECK_EQ(stats.allocated_objects - stats.freed_objects, stats.live_objects);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
}

static void automatic_collection_bounds_memory(void) {
  each_kind(automatic_one);
}

/* Garbage that lived through a young collection is old; only full ones find it, and they must come by
 * themselves. */
static void old_garbage_is_bounded(void) {
  gc_heap *heap = graph_heap("old");
  rc_type *type = graph_declared(heap);
  enum { WINDOW = 20000 };
  static Node *window[WINDOW];
  size_t rounds = check_scale(100000, 3000000, 20000000);
  for (size_t i = 0; i < rounds; i++) {
    Node **slot = &window[i % WINDOW];
    if (*slot) rc_decref(*slot); /* a ring grown old in the meantime */
    *slot = graph_ring(type, 2);
  }
  gc_stats stats = graph_stats(heap);
  CHECK(stats.heap_bytes_peak < (uint64_t)120 << 20);
  if (rounds >= 3000000) CHECK(stats.full.runs > 0);
  for (size_t i = 0; i < WINDOW; i++) rc_decref(window[i]);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void disabled_means_none_until_enabled(void) {
  rc_type *type = graph_declared(NULL);
  gc_disable(NULL);
  CHECK(!gc_is_enabled(NULL));
  make_rings(type, 200000);
  CHECK_EQ(graph_live(NULL), 200000);
  CHECK_EQ(graph_stats(NULL).young.runs + graph_stats(NULL).full.runs, 0);
  gc_enable(NULL);
  CHECK(gc_is_enabled(NULL));
  make_rings(type, 400000);
  gc_stats stats = graph_stats(NULL);
  CHECK(stats.young.runs + stats.full.runs > 0);
  (void)gc_collect(NULL);
  CHECK_EQ(graph_live(NULL), 0);
}

static void under_never_nothing_runs_by_itself(void) {
  rc_type *type = graph_declared(NULL);
  graph_policy(NULL, GC_POLICY_NEVER);
  make_rings(type, 200000);
  gc_safepoint(NULL);
  CHECK_EQ(graph_live(NULL), 200000);
  gc_stats stats = graph_stats(NULL);
  CHECK_EQ(stats.young.runs + stats.full.runs, 0);
  CHECK_EQ(stats.full_trigger_bytes, UINT64_MAX);
  CHECK_EQ(stats.young_trigger_bytes, UINT64_MAX);
  CHECK_EQ(gc_collect(NULL), 200000);
}

static void under_safepoint_only_safepoints_collect(void) {
  rc_type *type = graph_declared(NULL);
  graph_policy(NULL, GC_POLICY_SAFEPOINT);
  gc_safepoint(NULL); /* none is due */
  CHECK_EQ(graph_stats(NULL).young.runs + graph_stats(NULL).full.runs, 0);
  make_rings(type, 400000);
  CHECK_EQ(graph_live(NULL), 400000);
  gc_safepoint(NULL);
  gc_stats stats = graph_stats(NULL);
  CHECK_EQ(stats.young.runs + stats.full.runs, 1);
  CHECK_EQ(graph_live(NULL), 0);
  gc_disable(NULL);
  make_rings(type, 400000);
  gc_safepoint(NULL); /* disabled: a safepoint is automatic too */
  CHECK_EQ(graph_live(NULL), 400000);
}

static void policies_read_back_and_bad_ones_are_refused(void) {
  gc_policy policy = GC_POLICY_INIT, before = GC_POLICY_INIT, after = GC_POLICY_INIT;
  CHECK_EQ(gc_get_policy(NULL, &before), RC_OK);
  CHECK_EQ(before.mode, GC_POLICY_ALLOCATION);
  CHECK(before.growth == 1.0 && before.young_bytes > 0);
  CHECK(before.pause_budget_ns == 0 && before.limit_bytes == 0);
#define BAD(member, value, status)                                                  \
  do {                                                                              \
    gc_policy bad = GC_POLICY_INIT;                                                 \
    bad.member = (value);                                                           \
    CHECK_EQ(gc_set_policy(NULL, &bad), status);                                    \
    CHECK_EQ(gc_get_policy(NULL, &after), RC_OK);                                   \
    CHECK(memcmp(&before, &after, sizeof before) == 0);                             \
  } while (0)
  BAD(struct_size, 1, RC_ERR_INVALID);
  BAD(mode, 3, RC_ERR_INVALID);
  BAD(reserved, 1, RC_ERR_INVALID);
  BAD(growth, -1.0, RC_ERR_INVALID);
  BAD(growth, 100.5, RC_ERR_INVALID);
  BAD(growth, INFINITY, RC_ERR_INVALID);
  BAD(growth, NAN, RC_ERR_INVALID);
  BAD(pieces, 3, RC_ERR_INVALID);
  BAD(behind, 2, RC_ERR_INVALID);
#undef BAD
  policy.mode = GC_POLICY_SAFEPOINT, policy.growth = 0.5, policy.young_bytes = 1 << 20;
  policy.limit_bytes = (uint64_t)1 << 30;
  CHECK_EQ(gc_set_policy(NULL, &policy), RC_OK);
  CHECK_EQ(gc_get_policy(NULL, &after), RC_OK);
  CHECK_EQ(after.mode, GC_POLICY_SAFEPOINT);
  CHECK(after.growth == 0.5);
  CHECK_EQ(after.young_bytes, 1 << 20);
  CHECK_EQ(after.limit_bytes, (uint64_t)1 << 30);
  after.struct_size = 2;
  CHECK_EQ(gc_get_policy(NULL, &after), RC_ERR_INVALID);
  gc_stats stats = GC_STATS_INIT;
  stats.struct_size = 3;
  CHECK_EQ(gc_get_stats(NULL, &stats), RC_ERR_INVALID);
}

/* A heap that grows without garbage is examined a few times, not at every step: the trigger moves with it. */
static void growth_without_garbage_is_cheap(void) {
  rc_type *type = graph_declared(NULL);
  size_t n = check_scale(400000, 4000000, 20000000);
  Node *head = NULL;
  for (size_t i = 0; i < n; i++) {
    Node *node = graph_node(type, i);
    node->a = head;
    head = node;
  }
  gc_stats stats = graph_stats(NULL);
  CHECK_EQ(stats.live_objects, n);
  CHECK(stats.full.examined < 4 * (uint64_t)n);
  CHECK(stats.young.examined <= 2 * (uint64_t)n); /* each object is young once */
  rc_decref(head);
}

/* Memory that small objects keep elsewhere triggers like their own. */
static void external_bytes_trigger(void) {
  rc_type *type = graph_declared(NULL);
  for (size_t i = 0; i < 3000; i++) {
    Node *ring = graph_ring(type, 2);
    CHECK_EQ(rc_add_external_bytes(ring, 1 << 20), RC_OK); /* 3 GB are told of, 200 KB of objects */
    rc_decref(ring);
  }
  gc_stats stats = graph_stats(NULL);
  CHECK(stats.full.runs + stats.young.runs > 10);
  CHECK(stats.external_bytes < (uint64_t)300 << 20);
  if (!check_env("RCGC_TEST_CHECKED")) CHECK(stats.full.runs + stats.young.runs < 1500);
}

static void explicit_collection_always_examines(void) {
  rc_type *type = graph_declared(NULL);
  Node *node = graph_node(type, 1);
  for (int i = 0; i < 5; i++) CHECK_EQ(gc_collect(NULL), 0);
  gc_stats stats = graph_stats(NULL);
  CHECK_EQ(stats.full.runs, 5);
  CHECK_EQ(stats.full.examined, 5);
  rc_decref(node);
}

/* Allocation, garbage, and collections in turn must not let the address order of a heap decay into growth. */
static void aged_heap_does_not_grow(void) {
  rc_type *type = graph_declared(NULL);
  enum { KEPT = 50000 };
  static Node *kept[KEPT];
  uint64_t seed = check_seed("aged_heap_does_not_grow"), bytes = 0;
  size_t rounds = check_scale(5, 60, 400);
  for (size_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < KEPT; i++) {
      size_t at = check_below(&seed, KEPT);
      rc_setref(&kept[at], graph_ring(type, 2));
    }
    (void)gc_collect(NULL);
    uint64_t now = graph_stats(NULL).heap_bytes;
    if (round == rounds / 2) bytes = now;
    if (round > rounds / 2) CHECK(now <= bytes + bytes / 4);
  }
  for (size_t i = 0; i < KEPT; i++) rc_xdecref(kept[i]);
  (void)gc_collect(NULL);
  CHECK_EQ(graph_live(NULL), 0);
}

/* The limit: null at the limit, after an emergency collection has found no garbage; with garbage no null. */
static void limit_collects_then_gives_null(void) {
  rc_type *type = graph_declared(NULL);
  gc_policy policy = GC_POLICY_INIT;
  policy.limit_bytes = (uint64_t)8 << 20;
  policy.growth = 100.0;
  policy.young_bytes = (uint64_t)1 << 40;
  CHECK_EQ(gc_set_policy(NULL, &policy), RC_OK);
  make_rings(type, 1000000); /* 32 MB of garbage in 8 */
  CHECK(graph_stats(NULL).heap_bytes_peak <= (uint64_t)8 << 20);
  (void)gc_collect(NULL);
  Node *head = NULL;
  size_t n = 0;
  for (; n < 1000000; n++) {
    Node *node = rc_new(type);
    if (!node) break;
    node->a = head, head = node;
  }
  CHECK(n > 100000 && n < 300000);
  CHECK_EQ(graph_live(NULL), n);
  rc_decref(head);
  CHECK_EQ(graph_live(NULL), 0);
  rc_decref(graph_node(type, 0));
}

static void limit_under_safepoint_gives_null_at_once(void) {
  rc_type *type = graph_declared(NULL);
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = GC_POLICY_SAFEPOINT, policy.limit_bytes = (uint64_t)4 << 20;
  CHECK_EQ(gc_set_policy(NULL, &policy), RC_OK);
  size_t made = 0;
  for (; made < 1000000; made++) {
    Node *node = rc_new(type);
    if (!node) break;
    node->a = node; /* garbage at once */
  }
  CHECK(made > 50000 && made < 150000);
  CHECK_EQ(graph_stats(NULL).young.runs + graph_stats(NULL).full.runs, 0);
  CHECK_EQ(gc_collect(NULL), made); /* the host may collect and retry */
  Node *node = rc_new(type);
  CHECK(node != NULL);
  rc_xdecref(node);
}

/* ---- refused collections ---- */

static size_t inner_result = 99;

static void collecting_clear(void *obj) {
  Node *node = obj;
  inner_result = gc_collect(NULL);
  inner_result += gc_collect_young(NULL);
  rc_clear(&node->a);
  rc_clear(&node->b);
}

static void collecting_destroy(void *obj) {
  (void)obj;
  inner_result = gc_collect(NULL);
}

static rc_type *collecting_type(rc_object_fn clear, rc_object_fn destroy) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Collecting", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = graph_traverse, spec.clear = clear, spec.destroy = destroy;
  return graph_type(NULL, &spec);
}

/* Inside the callbacks of a collection another one is refused and counted (deadlocks and recursion
 * elsewhere). */
static void collect_inside_a_collection_is_refused(void) {
  static const rc_object_fn pairs[][2] = {{collecting_clear, NULL}, {graph_clear, collecting_destroy}};
  for (size_t i = 0; i < 2; i++) {
    rc_type *type = collecting_type(pairs[i][0], pairs[i][1]), *other = graph_watched(NULL);
    graph_reset();
    rc_decref(graph_ring(other, 4)); /* garbage beside it, of the same collection */
    rc_decref(graph_ring(type, 1));
    gc_stats before = graph_stats(NULL);
    inner_result = 99;
    CHECK_EQ(gc_collect(NULL), 5);
    CHECK_EQ(inner_result, 0);
    gc_stats after = graph_stats(NULL);
    uint64_t refused = after.full.refused + after.young.refused - before.full.refused - before.young.refused;
    CHECK_EQ(refused, i == 0 ? 2 : 1);
    CHECK_EQ(after.full.runs - before.full.runs, 1);
    CHECK_EQ(graph.destroyed, 4);
  }
}

/* In a death by count: clear refuses, destroy may collect. */
static void collect_inside_a_death_by_count(void) {
  rc_type *clears = collecting_type(collecting_clear, NULL), *other = graph_watched(NULL);
  rc_type *destroys = collecting_type(graph_clear, collecting_destroy);
  rc_decref(graph_ring(other, 4));
  rc_decref(graph_node(destroys, 2));
  CHECK_EQ(inner_result, 4);
  CHECK_EQ(graph.destroyed, 4);
  rc_decref(graph_ring(other, 4));
  gc_stats before = graph_stats(NULL);
  rc_decref(graph_node(clears, 1));
  CHECK_EQ(inner_result, 0);
  gc_stats after = graph_stats(NULL);
  CHECK_EQ(after.full.refused + after.young.refused - before.full.refused - before.young.refused, 2);
  CHECK_EQ(graph.destroyed, 4);
}

/* A refused collection is made up for at the next trigger. */
static void refused_is_made_up_for(void) {
  rc_type *type = collecting_type(collecting_clear, NULL), *other = graph_watched(NULL);
  rc_decref(graph_ring(other, 4));
  rc_decref(graph_node(type, 1)); /* asks, and is refused */
  CHECK_EQ(graph.destroyed, 0);
  rc_decref(graph_node(other, 2));
  CHECK_EQ(graph.destroyed, 5);
}

static const check_test tests[] = {
    CHECK_TEST(rings_of_one_to_a_thousand),
    CHECK_TEST(collect_release_collect),
    CHECK_TEST(ring_with_a_tail_that_is_held),
    CHECK_TEST(chain_hanging_from_a_ring),
    CHECK_TEST(ring_behind_a_chain),
    CHECK_TEST(two_rings_joined),
    CHECK_TEST(parallel_and_double_self_edges),
    CHECK_TEST(random_graphs_small),
    CHECK_TEST(random_graph_big),
    CHECK_TEST(hub_with_a_million_edges),
    CHECK_TEST(million_parallel_edges),
    CHECK_TEST(many_big_counts),
    CHECK_TEST(young_sees_only_the_young),
    CHECK_TEST(old_objects_hold_young_ones),
    CHECK_TEST(ring_half_old_half_young),
    CHECK_TEST(generations_keep_their_books),
    CHECK_TEST(who_is_tracked_when),
    CHECK_TEST(untracked_holds),
    CHECK_TEST(untracked_from_birth_is_never_found),
    CHECK_TEST(acyclic_children_die_by_count),
    CHECK_TEST(tracked_late_is_collected),
    CHECK_TEST(automatic_collection_bounds_memory),
    CHECK_TEST(old_garbage_is_bounded),
    CHECK_TEST(disabled_means_none_until_enabled),
    CHECK_TEST(under_never_nothing_runs_by_itself),
    CHECK_TEST(under_safepoint_only_safepoints_collect),
    CHECK_TEST(policies_read_back_and_bad_ones_are_refused),
    CHECK_TEST(growth_without_garbage_is_cheap),
    CHECK_TEST(external_bytes_trigger),
    CHECK_TEST(explicit_collection_always_examines),
    CHECK_TEST(aged_heap_does_not_grow),
    CHECK_TEST(limit_collects_then_gives_null),
    CHECK_TEST(limit_under_safepoint_gives_null_at_once),
    CHECK_TEST(collect_inside_a_collection_is_refused),
    CHECK_TEST(collect_inside_a_death_by_count),
    CHECK_TEST(refused_is_made_up_for),
};

CHECK_MAIN(tests)
