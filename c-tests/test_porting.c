/* What ports of runtimes stand on: each test is a line of the contracts in docs/porting.md, by its name there. */
#include "check.h"
#include "graph.h"

/* ---- a small runtime ---- */

/* A cell as interpreters have them: a word that is a number or, with low bits 0, an owned pointer; a second one that is
 * owned when a bit of the first word's low byte says so. */
typedef struct Cell {
  uint64_t word;
  struct Cell *rest;
} Cell;

enum { PAIR_TAG = 4, NUMBER_TAG = 1 };

/* The low byte of `word`, as a member of its own. */
typedef union CellView {
  Cell cell;
  struct {
    uint8_t tag;
    uint8_t others[7];
    struct Cell *rest;
  } parts;
} CellView;

static const rc_field cell_fields[] = {
    RC_FIELD_TAGGED(Cell, word, 3, 0, ~(uint64_t)7),
    RC_FIELD_VARIANT(CellView, parts.rest, parts.tag, PAIR_TAG, PAIR_TAG),
};

static rc_type *type_of(gc_heap *heap, const char *name, size_t size, const rc_field *fields, size_t count) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = size, spec.fields = fields, spec.field_count = count;
  return graph_type(heap, &spec);
}

static void tag_lies_in_a_tagged_word(void) {
  gc_heap *heap = graph_heap("cells");
  rc_type *cells = type_of(heap, "Cell", sizeof(Cell), cell_fields, 2);
  /* first: number, not a pair; second: points to first with its word, and to itself with its rest */
  Cell *first = rc_new(cells), *second = rc_new(cells);
  REQUIRE(first != NULL && second != NULL);
  first->word = 40 << 3 | NUMBER_TAG;
  first->rest = (Cell *)(uintptr_t)0x1234; /* no reference: the tag says so */
  second->word = (uint64_t)(uintptr_t)first | PAIR_TAG;
  second->rest = rc_newref(second);
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(second);
  CHECK_EQ(gc_collect(heap), 2); /* the second is a ring of its own, the first hangs on it */
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- objects with callbacks ---- */

typedef struct Thing {
  struct Thing *field; /* declared where the type says so */
  struct Thing *other; /* reported by traverse */
  void *leaf;          /* released by hand */
  struct Thing *peer;  /* not owned */
  uint64_t canary;
} Thing;

enum { CANARY = 0x5ea1ed };

static size_t cleared, destroyed;
static void (*on_clear)(Thing *self);
static void (*on_destroy)(Thing *self);

static int thing_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Thing *self = obj;
  int stop = visit(self->other, visit_ctx);
  return stop ? stop : visit(self->leaf, visit_ctx);
}

static void thing_clear(void *obj) {
  Thing *self = obj;
  cleared++;
  if (on_clear) on_clear(self);
  rc_clear(&self->other);
  rc_clear(&self->leaf);
}

static void thing_destroy(void *obj) {
  destroyed++;
  if (on_destroy) on_destroy(obj);
}

static const rc_field thing_fields[] = {RC_FIELD(Thing, field)};

static rc_type_spec thing_spec(uint32_t flags) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Thing", spec.size = sizeof(Thing), spec.flags = flags;
  spec.fields = thing_fields, spec.field_count = 1;
  spec.traverse = thing_traverse, spec.clear = thing_clear, spec.destroy = thing_destroy;
  return spec;
}

static Thing *thing_new(rc_type *type) {
  Thing *self = rc_new(type);
  REQUIRE(self != NULL);
  self->canary = CANARY;
  return self;
}

/* A leaf: no references, so never tracked. */
static rc_type *leaf_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Leaf", spec.size = 16, spec.tail_size = 1;
  return graph_type(heap, &spec);
}

static void start(void) {
  cleared = destroyed = 0;
  on_clear = NULL, on_destroy = NULL;
}

static void acyclic_type_has_clear_without_traverse(void) {
  start();
  gc_heap *heap = graph_heap("acyclic");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Rope", spec.size = sizeof(Thing), spec.flags = RC_TYPE_ACYCLIC, spec.clear = thing_clear;
  rc_type *ropes = graph_type(heap, &spec), *leaves = leaf_type(heap);
  Thing *rope = thing_new(ropes);
  rope->other = thing_new(ropes), rope->leaf = rc_new_array(leaves, 20);
  CHECK_EQ(gc_track(rope), RC_ERR_UNSUPPORTED);
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(rope);
  CHECK_EQ(cleared, 2);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Fields and visits lead to leaves, and to objects that are not tracked yet, as to any other. */
static void edges_lead_to_leaves_and_untracked_objects(void) {
  start();
  gc_heap *heap = graph_heap("edges");
  rc_type_spec spec = thing_spec(RC_TYPE_TRACK_MANUAL);
  rc_type *things = graph_type(heap, &spec), *leaves = leaf_type(heap);
  Thing *one = thing_new(things), *untracked = thing_new(things), *unseen = thing_new(things);
  one->field = untracked, one->other = unseen, one->leaf = rc_new_array(leaves, 5);
  CHECK_EQ(gc_track(one), RC_OK);
  CHECK(!gc_is_tracked(untracked) && !gc_is_tracked(unseen));
  CHECK_EQ(gc_collect(heap), 0);
  size_t findings = 1;
  CHECK_EQ(gc_verify(heap, NULL, NULL, &findings), RC_OK);
  CHECK_EQ(findings, 0);
  CHECK(one->field == untracked && one->other == unseen && untracked->canary == CANARY);
  one->peer = one, rc_incref(one);
  rc_setref(&unseen->field, one); /* a ring over an object that is not tracked: it counts as held */
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_track(unseen), RC_OK);
  CHECK_EQ(gc_collect(heap), 0); /* the first is held here */
  rc_decref(one);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void clear_runs_for_what_was_never_tracked(void) {
  start();
  gc_heap *heap = graph_heap("untracked");
  rc_type_spec spec = thing_spec(RC_TYPE_TRACK_MANUAL);
  rc_type *things = graph_type(heap, &spec);
  Thing *self = thing_new(things);
  self->other = thing_new(things);
  rc_decref(self);
  CHECK(cleared == 2 && destroyed == 2);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- the order of an end ---- */

static void look_at_peer(Thing *self) {
  CHECK_EQ(destroyed, 0);                                            /* every clear runs before any destroy */
  CHECK(self->field == NULL);                                        /* declared fields are empty already */
  CHECK(self->peer->canary == CANARY && rc_is_dying(self->peer));    /* what dies with it is still there */
  rc_incref(self->peer), rc_decref(self->peer);                      /* and may be counted */
  rc_weak *weak = rc_weak_new(self->peer, NULL, NULL);
  REQUIRE(weak != NULL);
  CHECK(rc_weak_get(weak) == NULL);
  rc_weak_free(weak);
  (void)gc_track(self); /* no harm: it dies all the same */
}

static void look_at_peer_again(Thing *self) {
  CHECK_EQ(cleared, 2);
  CHECK(self->peer->canary == CANARY); /* no memory is used again before all is over */
}

static void every_clear_runs_before_any_destroy(void) {
  start();
  gc_heap *heap = graph_heap("ring");
  rc_type_spec spec = thing_spec(RC_TYPE_TRACK_ON_NEW);
  rc_type *things = graph_type(heap, &spec);
  Thing *one = thing_new(things), *two = thing_new(things);
  one->peer = two, two->peer = one;
  one->other = rc_newref(two), two->field = rc_newref(one);
  on_clear = look_at_peer, on_destroy = look_at_peer_again;
  rc_decref(one), rc_decref(two);
  CHECK_EQ(cleared, 0);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK(cleared == 2 && destroyed == 2);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void release_leaf(Thing *self) {
  rc_clear(&self->leaf);
}

static void keep_leaf(Thing *self) {
  self->peer = self->leaf, self->leaf = NULL; /* clear leaves it to destroy */
}

static void release_kept(Thing *self) {
  void *leaf = self->peer;
  rc_decref(leaf);
}

/* As a shape does its names: they are needed until the last clear, so destroy releases them. */
static void destroy_releases_untracked_objects(void) {
  start();
  gc_heap *heap = graph_heap("names");
  rc_type_spec spec = thing_spec(RC_TYPE_TRACK_ON_NEW);
  rc_type *things = graph_type(heap, &spec), *leaves = leaf_type(heap);
  on_clear = keep_leaf, on_destroy = release_kept;
  Thing *self = thing_new(things);
  self->leaf = rc_new_array(leaves, 3);
  rc_decref(self);
  CHECK_EQ(graph_live(heap), 0);
  self = thing_new(things); /* and in a ring */
  self->leaf = rc_new_array(leaves, 3), self->field = rc_newref(self);
  rc_decref(self);
  CHECK_EQ(gc_collect(heap), 1);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(destroyed, 2);
  on_clear = release_leaf;
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- counts ---- */

static rc_type *leaves_of_test;
static size_t live_after;

static void release_and_look(Thing *self) {
  if (!self->leaf) return;
  rc_clear(&self->leaf);
  live_after = (size_t)rc_type_live(leaves_of_test);
}

/* What is borrowed without a root is dead when its last reference has gone: at once, not at the next collection. */
static void last_release_ends_at_once(void) {
  start();
  gc_heap *heap = graph_heap("prompt");
  rc_type_spec spec = thing_spec(RC_TYPE_TRACK_ON_NEW);
  rc_type *things = graph_type(heap, &spec);
  leaves_of_test = leaf_type(heap), live_after = 99;
  Thing *self = thing_new(things);
  self->leaf = rc_new_array(leaves_of_test, 3);
  on_clear = release_and_look;
  rc_decref(self);
  CHECK_EQ(live_after, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void immortal_constants_need_no_counting(void) {
  gc_heap *heap = graph_heap("constants");
  rc_type *leaves = leaf_type(heap);
  void *name = rc_new_array(leaves, 8);
  REQUIRE(name != NULL);
  rc_immortalize(name);
  for (int i = 0; i < 3; i++) rc_decref(name); /* what a runtime does not count it may release */
  CHECK(rc_is_immortal(name) && !rc_is_unique(name));
  CHECK_EQ(gc_heap_free(heap), 0); /* and it is not reported as held */
}

/* ---- when collections run ---- */

static void safepoints_are_the_only_places(void) {
  start();
  gc_heap *heap = graph_heap("safepoint");
  rc_type_spec spec = thing_spec(RC_TYPE_TRACK_ON_NEW);
  rc_type *things = graph_type(heap, &spec);
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = GC_POLICY_SAFEPOINT, policy.full_min_bytes = policy.young_bytes = 64 * 1024;
  REQUIRE(gc_set_policy(heap, &policy) == RC_OK);
  for (int i = 0; i < 20000; i++) {
    Thing *self = thing_new(things);
    self->field = self; /* its one reference is its own: a ring */
  }
  CHECK_EQ(cleared, 0);
  gc_safepoint(heap);
  CHECK(cleared > 10000);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Tracked when made: a `traverse` that copes with zeroes is asked about an object that was not filled yet. */
static void tracked_when_made_is_walked_as_zeroes(void) {
  start();
  gc_heap *heap = graph_heap("zeroes");
  rc_type_spec spec = thing_spec(RC_TYPE_TRACK_ON_NEW);
  rc_type *things = graph_type(heap, &spec);
  Thing *self = rc_new(things);
  REQUIRE(self != NULL);
  CHECK(gc_is_tracked(self));
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(self);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Memory of the runtime's own counts for the triggers. */
static void bytes_of_the_runtime_count(void) {
  start();
  gc_heap *heap = graph_heap("bytes");
  rc_type_spec spec = thing_spec(RC_TYPE_TRACK_ON_NEW);
  rc_type *things = graph_type(heap, &spec);
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = GC_POLICY_SAFEPOINT, policy.full_min_bytes = 1024 * 1024;
  REQUIRE(gc_set_policy(heap, &policy) == RC_OK);
  Thing *self = thing_new(things);
  self->field = self;
  gc_safepoint(heap);
  CHECK_EQ(cleared, 0);
  CHECK_EQ(gc_add_external_bytes(heap, 8 * 1024 * 1024), RC_OK);
  gc_safepoint(heap);
  CHECK_EQ(cleared, 1);
  CHECK_EQ(gc_add_external_bytes(heap, -8 * 1024 * 1024), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(tag_lies_in_a_tagged_word),
    CHECK_TEST(acyclic_type_has_clear_without_traverse),
    CHECK_TEST(edges_lead_to_leaves_and_untracked_objects),
    CHECK_TEST(clear_runs_for_what_was_never_tracked),
    CHECK_TEST(every_clear_runs_before_any_destroy),
    CHECK_TEST(destroy_releases_untracked_objects),
    CHECK_TEST(last_release_ends_at_once),
    CHECK_TEST(immortal_constants_need_no_counting),
    CHECK_TEST(safepoints_are_the_only_places),
    CHECK_TEST(tracked_when_made_is_walked_as_zeroes),
    CHECK_TEST(bytes_of_the_runtime_count),
};

CHECK_MAIN(tests)
