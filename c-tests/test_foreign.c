/* Foreign objects: a counted struct of the host's own, in rings with itself and with objects of a heap; what holds it, who
 * brings it back, what it does in the middle; random graphs against a model. */
#include "check.h"

#include <rcgc/foreign.h>

/* The owner's kind of object: a count, two references to its like, one to an object of the heap, and a weak pointer. */
typedef struct Thing {
  size_t count;
  struct Thing *left, *right;
  void *object;
  struct Thing **weak; /* nulled when the thing ends */
} Thing;

/* An object of the heap that refers to things. */
typedef struct Holder {
  Thing *thing;
  struct Holder *other;
} Holder;

static gc_heap *heap;
static size_t live, ended, held, released, unlinked;
static void (*on_unlink)(Thing *), (*on_end)(Thing *);

static Thing *thing_ref(Thing *thing) {
  thing->count++;
  return thing;
}

static void thing_unref(Thing *thing);

static void thing_unlink(Thing *thing) {
  Thing *left = thing->left, *right = thing->right;
  void *object = thing->object;
  thing->left = thing->right = NULL;
  thing->object = NULL;
  if (left) thing_unref(left);
  if (right) thing_unref(right);
  if (object) rc_decref(object);
}

static void thing_unref(Thing *thing) {
  REQUIRE(thing->count != 0);
  if (--thing->count) return;
  if (gc_is_tracked_foreign(heap, thing)) CHECK(gc_untrack_foreign(heap, thing) == RC_OK);
  if (thing->weak) *thing->weak = NULL;
  if (on_end) on_end(thing);
  thing_unlink(thing);
  live--, ended++;
  memset(thing, 0xA5, sizeof *thing);
  free(thing);
}

static size_t count_of(void *obj, void *ctx) {
  Thing *thing = (Thing *)obj;
  CHECK(ctx == &live);
  return thing->count;
}

static int traverse(void *obj, rc_visit_fn visit, void *visit_ctx, void *ctx) {
  Thing *thing = (Thing *)obj;
  int stop = 0;
  (void)ctx;
  if (thing->left) stop = visit(thing->left, visit_ctx);
  if (!stop && thing->right) stop = rc_visit_named(visit, visit_ctx, thing->right, "right", RC_NO_INDEX);
  if (!stop && thing->object) stop = visit(thing->object, visit_ctx);
  return stop;
}

static void unlink_one(void *obj, void *ctx) {
  Thing *thing = (Thing *)obj;
  (void)ctx;
  unlinked++;
  if (on_unlink) on_unlink(thing);
  thing_unlink(thing);
}

static void hold(void *obj, void *ctx) {
  (void)ctx;
  held++;
  thing_ref((Thing *)obj);
}

static void release(void *obj, void *ctx) {
  (void)ctx;
  released++;
  thing_unref((Thing *)obj);
}

static const gc_foreign_spec spec = {sizeof(gc_foreign_spec), count_of, traverse, unlink_one, hold, release, &live};

static Thing *thing_new(void) {
  Thing *thing = (Thing *)calloc(1, sizeof *thing);
  REQUIRE(thing != NULL);
  thing->count = 1;
  live++;
  REQUIRE(gc_track_foreign(heap, thing, &spec) == RC_OK);
  return thing;
}

/* ---- holders ---- */

static size_t holders_ended, finalized;
static void (*on_finalize)(Holder *);

static int holder_traverse(void *obj, rc_visit_fn visit, void *ctx) {
  Holder *holder = (Holder *)obj;
  return holder->thing ? visit(holder->thing, ctx) : 0;
}

static void holder_clear(void *obj) {
  Holder *holder = (Holder *)obj;
  Thing *thing = holder->thing;
  holder->thing = NULL;
  if (thing) thing_unref(thing);
}

static void holder_finalize(void *obj) {
  finalized++;
  if (on_finalize) on_finalize((Holder *)obj);
}

static void holder_destroy(void *obj) {
  CHECK(((Holder *)obj)->thing == NULL);
  holders_ended++;
}

static const rc_field holder_fields[] = {RC_FIELD(Holder, other)};

static rc_type *holder_type(void) {
  rc_type *type;
  rc_type_spec of = RC_TYPE_SPEC_INIT;
  of.name = "Holder", of.size = sizeof(Holder), of.flags = RC_TYPE_TRACK_ON_NEW;
  of.fields = holder_fields, of.field_count = RC_COUNT_OF(holder_fields);
  of.traverse = holder_traverse, of.clear = holder_clear, of.destroy = holder_destroy, of.finalize = holder_finalize;
  REQUIRE(rc_type_new(heap, &of, &type) == RC_OK);
  return type;
}

static void begin(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "foreign";
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  gc_disable(heap);
}

static void end(void) {
  CHECK_EQ(live, 0);
  CHECK_EQ(gc_foreign_count(heap), 0);
  CHECK_EQ(held, released);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static size_t findings(void) {
  size_t count = SIZE_MAX;
  CHECK(gc_verify(heap, NULL, NULL, &count) == RC_OK);
  return count;
}

/* ---- tests ---- */

static void a_ring_of_two(void) {
  begin();
  Thing *one = thing_new(), *two = thing_new();
  one->left = thing_ref(two), two->right = thing_ref(one);
  thing_unref(two);
  CHECK_EQ(gc_collect(heap), 0); /* one is held from outside */
  CHECK_EQ(live, 2);
  CHECK_EQ(held, 0);
  CHECK_EQ(gc_collect_young(heap), 0);
  thing_unref(one);
  CHECK_EQ(gc_collect_young(heap), 0); /* not judged there */
  CHECK_EQ(live, 2);
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(held, 2);
  CHECK_EQ(unlinked, 2);
  CHECK_EQ(ended, 2);
  end();
}

static void many_rings_of_one(void) {
  begin();
  size_t count = check_env("RCGC_TEST_SMALL") ? 300 : 20000;
  Thing *kept = thing_new();
  for (size_t i = 0; i < count; i++) {
    Thing *thing = thing_new();
    thing->left = thing;
    thing->right = thing_ref(kept);
    if (i % 3 == 0) thing_unlink(thing_ref(thing)), thing_unref(thing); /* ends by its own count */
  }
  CHECK_EQ(gc_foreign_count(heap), live);
  size_t rings = live - 1;
  CHECK_EQ(gc_collect(heap), rings);
  CHECK_EQ(live, 1);
  CHECK_EQ(kept->count, 1);
  thing_unref(kept);
  end();
}

static void a_ring_through_the_heap(void) {
  begin();
  rc_type *type = holder_type();
  Holder *holder = (Holder *)rc_new(type), *after = (Holder *)rc_new(type);
  Thing *one = thing_new(), *two = thing_new();
  holder->thing = one, one->left = two, two->object = holder; /* each owns the next */
  holder->other = after, after->thing = thing_ref(two);
  rc_incref(holder);
  CHECK_EQ(gc_collect(heap), 0);
  rc_decref(holder);
  CHECK_EQ(gc_collect(heap), 4);
  CHECK_EQ(holders_ended, 2);
  CHECK_EQ(finalized, 2);
  CHECK_EQ(live, 0);
  CHECK_EQ(findings(), 0);
  end();
}

/* What a foreign object holds is held, tracked or not, by every kind of collection. */
static void it_holds(void) {
  begin();
  rc_type *type = holder_type();
  Thing *thing = thing_new();
  Holder *holder = (Holder *)rc_new(type);
  holder->other = (Holder *)rc_newref(holder);
  thing->object = holder; /* takes it over */
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_collect_young(heap), 0);
  CHECK_EQ(holders_ended, 0);
  CHECK(gc_untrack_foreign(heap, thing) == RC_OK);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK(gc_track_foreign(heap, thing, &spec) == RC_OK);
  CHECK(gc_track_foreign(heap, thing, &spec) == RC_OK); /* twice does nothing more */
  CHECK_EQ(gc_foreign_count(heap), 1);
  thing_unref(thing);
  CHECK_EQ(gc_collect(heap), 1);
  end();
}

static Thing *saved;

static void save_it(Holder *holder) {
  CHECK(holder->thing != NULL && holder->thing->object == holder); /* intact */
  saved = thing_ref(holder->thing);
}

static void brought_back_by_a_finalizer(void) {
  begin();
  rc_type *type = holder_type();
  Holder *holder = (Holder *)rc_new(type);
  holder->thing = thing_new();
  holder->thing->object = holder;
  holder->thing->left = thing_ref(holder->thing);
  on_finalize = save_it;
  CHECK_EQ(gc_collect(heap), 0);
  CHECK(saved != NULL && saved->object == holder && saved->count == 3);
  CHECK_EQ(unlinked, 0);
  CHECK_EQ(held, released);
  thing_unref(saved);
  CHECK_EQ(gc_collect(heap), 2);
  end();
}

static void keep_it(Thing *thing) {
  if (!saved) saved = thing_ref(thing);
}

/* Somebody takes a reference when it is too late for the ring, as a weak pointer of the owner's may give one. */
static void kept_while_unlinked(void) {
  begin();
  Thing *one = thing_new(), *two = thing_new();
  one->left = two, two->left = one;
  on_unlink = keep_it;
  CHECK_EQ(gc_collect(heap), 1); /* the other */
  on_unlink = NULL;
  CHECK_EQ(live, 1);
  CHECK(saved->count == 1 && gc_is_tracked_foreign(heap, saved));
  saved->left = saved; /* again a ring */
  CHECK_EQ(gc_collect(heap), 1);
  end();
}

static Thing *aside;

static void end_the_other(Thing *thing) {
  (void)thing;
  if (aside) thing_unref(aside), aside = NULL;
}

static void make_more(Thing *thing) {
  if (thing->weak) return;
  static Thing *nowhere;
  for (int i = 0; i < 50; i++) {
    Thing *made = thing_new();
    made->weak = &nowhere; /* is not to do the same */
    made->left = made;
  }
}

/* Callbacks end foreign objects that live, and make others. */
static void changed_in_the_middle(void) {
  begin();
  Thing *one = thing_new();
  one->left = one;
  aside = thing_new();
  on_unlink = end_the_other;
  CHECK_EQ(gc_collect(heap), 1);
  CHECK_EQ(live, 0);
  one = thing_new();
  one->left = one;
  on_unlink = NULL, on_end = make_more;
  CHECK_EQ(gc_collect(heap), 1);
  CHECK_EQ(live, 50);
  on_end = NULL;
  CHECK_EQ(gc_collect(heap), 50);
  end();
}

static void weak_pointers(void) {
  begin();
  Thing *thing = thing_new(), *weak = thing;
  thing->weak = &weak, thing->left = thing;
  rc_type *type = holder_type();
  Holder *holder = (Holder *)rc_new(type);
  rc_weak *handle = rc_weak_new(holder, NULL, NULL);
  thing->object = holder;
  CHECK_EQ(gc_collect(heap), 2);
  CHECK(weak == NULL && rc_weak_get(handle) == NULL);
  rc_weak_free(handle);
  end();
}

static void saveall_leaves_them_alone(void) {
  begin();
  Thing *thing = thing_new();
  thing->left = thing;
  CHECK(gc_set_debug(heap, GC_DEBUG_SAVEALL) == RC_OK);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(gc_garbage_count(heap), 0);
  CHECK(gc_set_debug(heap, 0) == RC_OK);
  CHECK_EQ(gc_collect(heap), 1);
  end();
}

static void a_heap_that_ends(void) {
  begin();
  Thing *ring = thing_new(), *kept = thing_new();
  ring->left = ring;
  gc_heap *gone = heap;
  CHECK_EQ(gc_heap_free(gone), 0);
  CHECK_EQ(live, 1);
  REQUIRE(gc_heap_new(NULL, &heap) == RC_OK); /* the thing outlives its heap, and may be tracked in another */
  CHECK(!gc_is_tracked_foreign(heap, kept));
  CHECK(gc_track_foreign(heap, kept, &spec) == RC_OK);
  thing_unref(kept);
  end();
}

static void refused(void) {
  begin();
  gc_foreign_spec bad = spec;
  Thing thing = {1, NULL, NULL, NULL, NULL};
  bad.unlink = NULL;
  CHECK(gc_track_foreign(heap, &thing, &bad) == RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "a callback is missing");
  bad = spec, bad.struct_size = 8;
  CHECK(gc_track_foreign(heap, &thing, &bad) == RC_ERR_INVALID);
  rc_type *type = holder_type();
  void *obj = rc_new(type);
  CHECK(gc_track_foreign(heap, obj, &spec) == RC_ERR_INVALID);
  rc_decref(obj);
  CHECK(gc_untrack_foreign(heap, &thing) == RC_ERR_INVALID);
  CHECK(!gc_is_tracked_foreign(heap, &thing) && !gc_is_tracked_foreign(heap, NULL));
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *queued;
  REQUIRE(gc_heap_new(&options, &queued) == RC_OK);
  CHECK(gc_track_foreign(queued, &thing, &spec) == RC_ERR_UNSUPPORTED);
  CHECK_EQ(gc_heap_free(queued), 0);
  end();
}

/* A session sees what foreign objects refer to, and leaves out what refers to them. */
static void in_sessions(void) {
  begin();
  rc_type *type = holder_type();
  Holder *holder = (Holder *)rc_new(type);
  holder->thing = thing_new();
  holder->thing->object = rc_newref(holder);
  gc_query *query;
  gc_path_step rows[2] = {GC_PATH_STEP_INIT, GC_PATH_STEP_INIT};
  size_t count = 9;
  REQUIRE(gc_query_begin(heap, &query) == RC_OK);
  CHECK(gc_referents(query, holder, rows, 2, &count) == RC_OK);
  CHECK_EQ(count, 0);
  CHECK(gc_referrers(query, holder, rows, 2, &count) == RC_OK);
  CHECK_EQ(count, 1);
  CHECK_STR(rc_type_name(rows[0].type), "foreign object");
  CHECK(gc_query_end(query) == RC_OK);
  CHECK_EQ(findings(), 0);
  rc_decref(holder);
  CHECK_EQ(gc_collect(heap), 2);
  end();
}

/* ---- random graphs, against reachability from what the test holds ---- */

#define THINGS 40

static uint64_t random_state;

static size_t below(size_t bound) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (size_t)(random_state >> 33) % bound;
}

static void random_graphs(void) {
  begin();
  rc_type *type = holder_type();
  random_state = 42;
  size_t rounds = check_env("RCGC_TEST_SMALL") ? 20 : 300;
  for (size_t round = 0; round < rounds; round++) {
    Thing *things[THINGS];
    Holder *holders[THINGS];
    bool reached[2 * THINGS] = {false}, changed = true;
    for (size_t i = 0; i < THINGS; i++) things[i] = thing_new(), holders[i] = (Holder *)rc_new(type);
    for (size_t i = 0; i < THINGS; i++) {
      if (below(3)) things[i]->left = thing_ref(things[below(THINGS)]);
      if (below(2)) things[i]->right = thing_ref(things[below(THINGS)]);
      if (below(3)) things[i]->object = rc_newref(holders[below(THINGS)]);
      if (below(3)) holders[i]->thing = thing_ref(things[below(THINGS)]);
      if (below(3)) holders[i]->other = (Holder *)rc_newref(holders[below(THINGS)]);
    }
    for (size_t i = 0; i < 2 * THINGS; i++) reached[i] = below(12) == 0;
    size_t before = live, roots[2 * THINGS], count = 0;
    for (size_t i = 0; i < 2 * THINGS; i++)
      if (reached[i]) roots[count++] = i;
    while (changed) {
      changed = false;
      for (size_t i = 0; i < THINGS; i++) {
        for (size_t j = 0; j < THINGS; j++) {
          bool from_thing = reached[i] && (things[i]->left == things[j] || things[i]->right == things[j]);
          bool from_holder = reached[THINGS + i] && holders[i]->thing == things[j];
          bool to_holder = (reached[i] && things[i]->object == holders[j]) ||
                           (reached[THINGS + i] && holders[i]->other == holders[j]);
          if ((from_thing || from_holder) && !reached[j]) reached[j] = changed = true;
          if (to_holder && !reached[THINGS + j]) reached[THINGS + j] = changed = true;
        }
      }
    }
    size_t things_left = 0, holders_left = 0, holders_before = holders_ended;
    for (size_t i = 0; i < THINGS; i++) things_left += reached[i], holders_left += reached[THINGS + i];
    for (size_t i = 0; i < 2 * THINGS; i++) { /* what the test does not keep it lets go of */
      bool root = false;
      for (size_t k = 0; k < count; k++) root |= roots[k] == i;
      if (root) continue;
      if (i < THINGS) thing_unref(things[i]);
      else rc_decref(holders[i - THINGS]);
    }
    gc_collect(heap);
    CHECK_EQ(live, things_left);
    CHECK_EQ(holders_ended - holders_before, THINGS - holders_left);
    CHECK_EQ(findings(), 0);
    for (size_t k = 0; k < count; k++) {
      if (roots[k] < THINGS) thing_unref(things[roots[k]]);
      else rc_decref(holders[roots[k] - THINGS]);
    }
    gc_collect(heap);
    CHECK_EQ(live, 0);
    CHECK_EQ(rc_type_live(type), 0);
    (void)before;
  }
  end();
}

static const check_test tests[] = {
    CHECK_TEST(a_ring_of_two),
    CHECK_TEST(many_rings_of_one),
    CHECK_TEST(a_ring_through_the_heap),
    CHECK_TEST(it_holds),
    CHECK_TEST(brought_back_by_a_finalizer),
    CHECK_TEST(kept_while_unlinked),
    CHECK_TEST(changed_in_the_middle),
    CHECK_TEST(weak_pointers),
    CHECK_TEST(saveall_leaves_them_alone),
    CHECK_TEST(a_heap_that_ends),
    CHECK_TEST(refused),
    CHECK_TEST(in_sessions),
    CHECK_TEST(random_graphs),
};

CHECK_MAIN(tests)
