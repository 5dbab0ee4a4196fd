/* Callbacks of a type: in which order and how often clear and destroy run in both deaths, what they see,
 * and what they may do: allocate, release, build and drop rings, touch each other. */
#include "check.h"
#include "graph.h"

/* An object with two references and a script: what its clear and destroy do beside their duty. */
typedef struct Actor Actor;
typedef void (*script)(Actor *self);

struct Actor {
  Actor *a, *b;
  uint64_t id;
  script on_clear, on_destroy;
  Actor *friend; /* borrowed, not a reference */
};

/* ---- what happened, in order ---- */

enum { EVENTS = 200000 };

typedef struct event {
  char what; /* 'C' or 'D' */
  uint64_t id;
} event;

static event events[EVENTS];
static size_t event_count;

static void note(char what, uint64_t id) {
  if (event_count < EVENTS) events[event_count++] = (event){what, id};
}

static size_t times(char what, uint64_t id) {
  size_t n = 0;
  for (size_t i = 0; i < event_count; i++) n += events[i].what == what && events[i].id == id;
  return n;
}

static size_t total(char what) {
  size_t n = 0;
  for (size_t i = 0; i < event_count; i++) n += events[i].what == what;
  return n;
}

/* Where it happened first; EVENTS if never. */
static size_t place(char what, uint64_t id) {
  for (size_t i = 0; i < event_count; i++)
    if (events[i].what == what && events[i].id == id) return i;
  return EVENTS;
}

/* ---- the type ---- */

static int actor_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Actor *self = obj;
  int stop = visit(self->a, visit_ctx);
  return stop ? stop : visit(self->b, visit_ctx);
}

static void actor_clear(void *obj) {
  Actor *self = obj;
  note('C', self->id);
  if (self->on_clear) self->on_clear(self);
  rc_clear(&self->a);
  rc_clear(&self->b);
}

static void actor_destroy(void *obj) {
  Actor *self = obj;
  note('D', self->id);
  CHECK(self->a == NULL && self->b == NULL);
  if (self->on_destroy) self->on_destroy(self);
}

static rc_type *actor_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Actor", spec.size = sizeof(Actor), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = actor_traverse, spec.clear = actor_clear, spec.destroy = actor_destroy;
  return graph_type(heap, &spec);
}

static Actor *actor(rc_type *type, uint64_t id) {
  Actor *self = rc_new(type);
  REQUIRE(self != NULL);
  self->id = id;
  return self;
}

/* Actors 1 to n in a ring; each one's friend is the next. The reference returned is the only one from
 * outside. */
static Actor *actor_ring(rc_type *type, size_t n) {
  Actor *first = actor(type, 1), *last = first;
  for (size_t i = 2; i <= n; i++) {
    Actor *next = actor(type, i);
    last->a = next, last->friend = next;
    last = next;
  }
  last->a = rc_newref(first), last->friend = first;
  return first;
}

/* The two deaths of a pair of friends: by count (one refers to the other), or in a ring. */
static void each_death(void (*run)(Actor *first, Actor *second, bool ring)) {
  for (int ring = 0; ring < 2; ring++) {
    rc_type *type = actor_type(NULL);
    Actor *first = actor(type, 1), *second = actor(type, 2);
    event_count = 0;
    first->a = second;
    first->friend = second, second->friend = first;
    if (ring) second->a = rc_newref(first);
    run(first, second, ring);
    rc_decref(first);
    (void)gc_collect(NULL);
    for (uint64_t id = 1; id <= 2; id++) {
      CHECK_EQ(times('C', id), 1);
      CHECK_EQ(times('D', id), 1);
      CHECK(place('C', id) < place('D', id));
    }
    (void)gc_collect(NULL);
    CHECK_EQ(graph_live(NULL), 0);
    if (check_failures) printf("  in a death %s\n", ring ? "in a ring" : "by count");
  }
}

/* ---- order and number ---- */

static void chain_dies_each_once_clear_first(void) {
  rc_type *type = actor_type(NULL);
  Actor *head = NULL;
  for (uint64_t i = 1000; i > 0; i--) {
    Actor *next = actor(type, i);
    next->b = head;
    head = next;
  }
  rc_decref(head);
  CHECK_EQ(event_count, 2000);
  for (uint64_t i = 1; i <= 1000; i += 37) {
    CHECK_EQ(times('C', i), 1);
    CHECK_EQ(times('D', i), 1);
    CHECK(place('C', i) < place('D', i));
  }
  CHECK_EQ(events[0].id, 1); /* it starts with what was released */
  CHECK_EQ(graph_live(NULL), 0);
}

/* In a ring each step is done for all before the next begins: no destroy comes before the last clear. */
static void ring_dies_step_by_step(void) {
  rc_type *type = actor_type(NULL);
  rc_decref(actor_ring(type, 100));
  CHECK_EQ(event_count, 0);
  CHECK_EQ(gc_collect(NULL), 100);
  CHECK_EQ(event_count, 200);
  for (size_t i = 0; i < 100; i++) CHECK_EQ(events[i].what, 'C');
  for (size_t i = 100; i < 200; i++) CHECK_EQ(events[i].what, 'D');
  for (uint64_t i = 1; i <= 100; i++) CHECK(times('C', i) == 1 && times('D', i) == 1);
}

/* Plain objects, declared ones with a destroy, and callback ones in one dead set. */
static void mixed_ring(void) {
  rc_type *kinds[GRAPH_KINDS];
  for (size_t i = 0; i < GRAPH_KINDS; i++) kinds[i] = graph_kinds[i](NULL);
  Node *first = graph_node(kinds[0], 0), *last = first;
  for (size_t i = 1; i < 40; i++) {
    Node *next = graph_node(kinds[i % GRAPH_KINDS], i);
    if (i % 3 == 0) last->b = rc_newref(next); /* parallel edges as well */
    last->a = next, last = next;
  }
  last->b = first;
  CHECK_EQ(gc_collect(NULL), 40);
  CHECK_EQ(graph.cleared, 20);
  CHECK_EQ(graph.destroyed, 30);
  CHECK_EQ(graph_live(NULL), 0);
}

/* ---- dying objects that touch each other ---- */

static void touch_friend(Actor *self) {
  CHECK(self->friend->id == 1 || self->friend->id == 2);
  rc_incref(self->friend); /* counting on a dying object is legal */
  CHECK(rc_count(self->friend) >= 2);
  rc_decref(self->friend);
  CHECK(rc_type_of(self->friend) == rc_type_of(self));
  CHECK_EQ(rc_size_of(self->friend), sizeof(Actor));
}

/* The destructor of the first frees the second, whose count is read after that (bacon-rajan-cc 9 and 40):
 * members of a dead set are held until all callbacks ran. */
static void two_of_a_ring_touch_each_other(void) {
  rc_type *type = actor_type(NULL);
  Actor *ring = actor_ring(type, 2);
  ring->on_clear = ring->on_destroy = touch_friend;
  ring->a->on_clear = ring->a->on_destroy = touch_friend;
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 2);
  CHECK_EQ(event_count, 4);
}

static void count_self(Actor *self) {
  CHECK(rc_count(self) >= 1);
  rc_incref(self), rc_incref(self);
  rc_decref(self), rc_decref(self);
  CHECK(rc_heap_of(self) == gc_heap_default());
  CHECK_EQ(gc_untrack(self), RC_ERR_REFUSED);
}

static void self_run(Actor *first, Actor *second, bool ring) {
  (void)ring;
  first->on_clear = second->on_clear = count_self;
  first->on_destroy = second->on_destroy = count_self;
}

static void counting_on_oneself_is_legal(void) {
  each_death(self_run);
}

static void empty_friend(Actor *self) {
  rc_clear(&self->friend->a); /* the neighbour's slot, maybe not cleared yet: cuts the ring in the middle */
  rc_clear(&self->friend->b);
}

static void empty_self_twice(Actor *self) {
  rc_clear(&self->a);
  rc_clear(&self->a);
}

static void empty_run(Actor *first, Actor *second, bool ring) {
  first->on_clear = ring ? empty_friend : empty_self_twice;
  second->on_clear = empty_self_twice;
}

/* A callback that empties the very object being cleared, or cuts its own ring. */
static void callback_that_cuts_its_own_ring(void) {
  each_death(empty_run);
}

/* ---- allocation in callbacks ---- */

static rc_type *script_type;
static Actor *script_kept;
static size_t script_budget;

static void allocate_and_drop(Actor *self) {
  (void)self;
  for (int i = 0; i < 100; i++) {
    Actor *extra = actor(script_type, 100);
    extra->a = actor(script_type, 101);
    rc_decref(extra);
  }
}

static void drop_run(Actor *first, Actor *second, bool ring) {
  (void)ring;
  script_type = rc_type_of(first);
  first->on_clear = second->on_clear = allocate_and_drop;
  first->on_destroy = second->on_destroy = allocate_and_drop;
}

static void callbacks_allocate_and_release(void) {
  each_death(drop_run);
}

/* What is born in a callback is not part of the collection under way, wherever it is stored. */
static void allocate_and_keep(Actor *self) {
  Actor *extra = actor(script_type, 50 + self->id);
  extra->a = script_kept;
  script_kept = extra;
}

static void callbacks_allocate_and_keep(void) {
  for (int ring = 0; ring < 2; ring++) {
    rc_type *type = actor_type(NULL);
    Actor *first = ring ? actor_ring(type, 2) : actor(type, 1);
    if (!ring) first->a = actor(type, 2);
    script_type = type, script_kept = NULL;
    first->on_clear = first->a->on_clear = allocate_and_keep;
    first->on_destroy = first->a->on_destroy = allocate_and_keep;
    rc_decref(first);
    CHECK_EQ(gc_collect(NULL), ring ? 2 : 0);
    CHECK_EQ(graph_live(NULL), 4);
    event_count = 0;
    CHECK_EQ(gc_collect(NULL), 0);
    size_t n = 0;
    for (Actor *at = script_kept; at; at = at->a) n++;
    CHECK_EQ(n, 4);
    rc_decref(script_kept);
    CHECK_EQ(event_count, 8);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

static void build_ring_and_drop(Actor *self) {
  (void)self;
  rc_decref(actor_ring(script_type, 5));
}

/* A destructor builds a new ring in the middle of a collection (dumpster 40, 48, 50): it goes with the
 * next one. */
static void callbacks_build_rings_and_drop_them(void) {
  rc_type *type = script_type = actor_type(NULL);
  Actor *ring = actor_ring(type, 3);
  for (Actor *at = ring->a; at != ring; at = at->a) at->on_destroy = build_ring_and_drop;
  ring->on_clear = build_ring_and_drop;
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 3);
  CHECK_EQ(graph_live(NULL), 15);
  CHECK_EQ(gc_collect(NULL), 15);
  CHECK_EQ(graph_live(NULL), 0);
}

static void make_another(Actor *self) {
  (void)self;
  if (script_budget == 0) return;
  script_budget--;
  Actor *next = actor(script_type, 7);
  next->on_destroy = make_another;
  rc_decref(next);
}

/* A finalizer creates and drops an object whose finalizer does the same (rust-cc 5d622b5): it ends when
 * the host stops, however often that was. */
static void destroy_that_makes_another_of_its_kind(void) {
  script_type = actor_type(NULL);
  script_budget = 50000;
  make_another(NULL);
  CHECK_EQ(script_budget, 0);
  CHECK_EQ(total('D'), 50000);
  CHECK_EQ(graph_live(NULL), 0);
}

/* ---- releasing others in callbacks ---- */

static Actor *victim;

static void release_victim(Actor *self) {
  if (!victim) return;
  Actor *it = victim;
  victim = NULL;
  uint64_t id = it->id;
  CHECK_EQ(times('D', id), 0);
  rc_decref(it);
  CHECK_EQ(times('C', id), 1); /* dead before rc_decref returned, with its own callbacks */
  CHECK_EQ(times('D', id), 1);
  CHECK(self->id == 1 || self->id == 2);
}

static void victim_in_clear(Actor *first, Actor *second, bool ring) {
  (void)second, (void)ring;
  victim = actor(rc_type_of(first), 9);
  victim->a = actor(rc_type_of(first), 10);
  first->on_clear = release_victim;
}

static void victim_in_destroy(Actor *first, Actor *second, bool ring) {
  (void)first, (void)ring;
  victim = actor(rc_type_of(second), 9);
  victim->b = actor(rc_type_of(second), 10);
  second->on_destroy = release_victim;
}

static void released_in_a_callback_dies_before_decref_returns(void) {
  each_death(victim_in_clear);
  each_death(victim_in_destroy);
}

static Actor *other_ring;

static void release_other_ring(Actor *self) {
  (void)self;
  if (other_ring) rc_clear(&other_ring);
}

/* The ring was held when the verdict was spoken; its last holder goes in the middle of the collection. */
static void ring_released_in_the_middle_of_a_collection(void) {
  rc_type *type = actor_type(NULL);
  other_ring = actor_ring(type, 7);
  Actor *ring = actor_ring(type, 2);
  ring->on_destroy = release_other_ring;
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 2);
  CHECK(other_ring == NULL);
  CHECK_EQ(graph_live(NULL), 7);
  CHECK_EQ(gc_collect(NULL), 7);
}

/* An object dies by count while it stands before the collector: a clear releases the last reference to a
 * live, tracked object outside the dead set, and its memory is handed out again at once. */
static Actor *reused;

static void release_and_allocate(Actor *self) {
  (void)self;
  for (int i = 0; i < 50; i++) {
    rc_clear(&reused);
    reused = actor(script_type, 20);
    reused->a = actor(script_type, 21);
  }
}

static void memory_reused_in_the_middle_of_a_collection(void) {
  rc_type *type = script_type = actor_type(NULL);
  Actor *ring = actor_ring(type, 50);
  for (Actor *at = ring->a; at != ring; at = at->a) at->on_clear = at->on_destroy = release_and_allocate;
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 50);
  CHECK_EQ(reused->id, 20);
  CHECK_EQ(reused->a->id, 21);
  CHECK_EQ(graph_live(NULL), 2);
  rc_clear(&reused);
  CHECK_EQ(graph_live(NULL), 0);
}

/* What a dead ring refers to outside itself loses exactly these references. */
static void held_children_survive_with_exact_counts(void) {
  rc_type *type = actor_type(NULL);
  Actor *shared = actor(type, 500), *ring = actor_ring(type, 10);
  Actor *at = ring;
  for (int i = 0; i < 10; i++, at = at->a) at->b = rc_newref(shared);
  CHECK_EQ(rc_count(shared), 11);
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 10);
  CHECK_EQ(rc_count(shared), 1);
  CHECK_EQ(times('C', 500), 0);
  rc_decref(shared);
  CHECK_EQ(times('D', 500), 1);
}

/* ---- collections and callbacks ---- */

static void allocate_much(Actor *self) {
  for (int i = 0; i < 20; i++) {
    Actor *garbage = actor(rc_type_of(self), 1000);
    garbage->a = rc_newref(garbage); /* a ring of its own, never released by count */
    rc_decref(garbage);
  }
}

/* 30,000 objects with destructors that allocate: the number of runs must not multiply (php-src 13670:
 * 398). */
static void destructor_storm_does_not_multiply_runs(void) {
  rc_type *type = actor_type(NULL);
  size_t n = check_scale(3000, 30000, 300000);
  for (size_t i = 0; i < n; i++) {
    Actor *self = actor(type, i);
    self->a = rc_newref(self);
    self->on_destroy = allocate_much;
    rc_decref(self);
  }
  for (int i = 0; i < 5; i++) (void)gc_collect(NULL);
  gc_stats stats = graph_stats(NULL);
  CHECK_EQ(graph_live(NULL), 0);
  if (!check_env("RCGC_TEST_CHECKED")) CHECK(stats.young.runs + stats.full.runs < 5 + n * 21 / 3000);
  CHECK_EQ(stats.freed_objects, n * 21);
}

/* Allocation in the destroy of a death by count may collect: what dies there is not hurt. */
static void automatic_collection_inside_a_death_by_count(void) {
  rc_type *type = actor_type(NULL), *nodes = graph_declared(NULL);
  gc_policy policy = GC_POLICY_INIT;
  policy.young_bytes = 64 << 10;
  CHECK_EQ(gc_set_policy(NULL, &policy), RC_OK);
  Node *chain = NULL; /* plain nodes, each with an actor: those are released by the engine, not in a clear */
  for (size_t i = 0; i < 2000; i++) {
    Actor *self = actor(type, i + 1);
    self->on_destroy = allocate_much;
    Node *node = graph_node(nodes, i);
    node->a = chain;
    node->b = (Node *)self;
    chain = node;
  }
  uint64_t runs = graph_stats(NULL).young.runs;
  rc_decref(chain);
  CHECK(graph_stats(NULL).young.runs > runs);
  for (uint64_t i = 1; i <= 2000; i += 97) CHECK_EQ(times('D', i), 1);
  for (int i = 0; i < 3; i++) (void)gc_collect(NULL);
  CHECK_EQ(graph_live(NULL), 0);
}

static gc_heap *neighbour;
static size_t neighbour_result;

static void collect_neighbour(Actor *self) {
  (void)self;
  neighbour_result = gc_collect(neighbour);
}

/* Heaps are independent: a callback of one may collect the other. */
static void callback_collects_another_heap(void) {
  neighbour = graph_heap("neighbour");
  rc_decref(graph_ring(graph_watched(neighbour), 6));
  Actor *ring = actor_ring(actor_type(NULL), 2);
  ring->on_destroy = collect_neighbour;
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 2);
  CHECK_EQ(neighbour_result, 6);
  CHECK_EQ(gc_heap_free(neighbour), 0);
}

/* Callbacks run when a heap is freed, and what they make there is ended too. */
static void callbacks_of_a_heap_that_ends(void) {
  gc_heap *heap = graph_heap("ending");
  rc_type *type = script_type = actor_type(heap);
  Actor *held = actor_ring(type, 3);
  script_kept = NULL;
  for (int i = 0; i < 3; i++, held = held->a) held->on_destroy = allocate_and_keep;
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 3);
  CHECK_EQ(total('D'), 6);
  CHECK_EQ(total('C'), 6);
}

/* ---- traverse ---- */

static size_t visits;

static int counting_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  visits++;
  CHECK(rc_count(obj) >= 1); /* asking is not forbidden */
  CHECK(rc_type_ctx(rc_type_of(obj)) == &visits);
  return rc_visit_named(visit, visit_ctx, ((Node *)obj)->a, "a", RC_NO_INDEX);
}

static void counting_clear(void *obj) {
  rc_clear(&((Node *)obj)->a);
}

static void traverse_is_called_for_tracked_objects_only(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Counting", spec.size = sizeof(Node), spec.ctx = &visits;
  spec.traverse = counting_traverse, spec.clear = counting_clear;
  rc_type *type = graph_type(NULL, &spec);
  Node *one = graph_node(type, 1), *two = graph_node(type, 2);
  one->a = rc_newref(one), two->a = rc_newref(two);
  CHECK_EQ(gc_track(one), RC_OK);
  CHECK_EQ(gc_collect(NULL), 0);
  /* Counted and maybe marked; the untracked one is not asked. The checking level asks twice before. */
  CHECK(visits >= 1 && visits <= (check_env("RCGC_TEST_CHECKED") ? 4 : 2));
  rc_decref(one), rc_decref(two);
  CHECK_EQ(gc_collect(NULL), 1);
  CHECK_EQ(graph_live(NULL), 1);
  CHECK_EQ(gc_track(two), RC_OK);
  CHECK_EQ(gc_collect(NULL), 1);
}

static int null_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  (void)obj;
  for (int i = 0; i < 3; i++) {
    int stop = visit(NULL, visit_ctx);
    if (stop) return stop;
  }
  return 0;
}

static void traverse_may_pass_null(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Nulls", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = null_traverse, spec.clear = counting_clear;
  Node *node = graph_node(graph_type(NULL, &spec), 1);
  CHECK_EQ(gc_collect(NULL), 0);
  rc_decref(node);
  CHECK_EQ(graph_live(NULL), 0);
}

static const check_test tests[] = {
    CHECK_TEST(chain_dies_each_once_clear_first),
    CHECK_TEST(ring_dies_step_by_step),
    CHECK_TEST(mixed_ring),
    CHECK_TEST(two_of_a_ring_touch_each_other),
    CHECK_TEST(counting_on_oneself_is_legal),
    CHECK_TEST(callback_that_cuts_its_own_ring),
    CHECK_TEST(callbacks_allocate_and_release),
    CHECK_TEST(callbacks_allocate_and_keep),
    CHECK_TEST(callbacks_build_rings_and_drop_them),
    CHECK_TEST(destroy_that_makes_another_of_its_kind),
    CHECK_TEST(released_in_a_callback_dies_before_decref_returns),
    CHECK_TEST(ring_released_in_the_middle_of_a_collection),
    CHECK_TEST(memory_reused_in_the_middle_of_a_collection),
    CHECK_TEST(held_children_survive_with_exact_counts),
    CHECK_TEST(destructor_storm_does_not_multiply_runs),
    CHECK_TEST(automatic_collection_inside_a_death_by_count),
    CHECK_TEST(callback_collects_another_heap),
    CHECK_TEST(callbacks_of_a_heap_that_ends),
    CHECK_TEST(traverse_is_called_for_tracked_objects_only),
    CHECK_TEST(traverse_may_pass_null),
};

CHECK_MAIN(tests)
