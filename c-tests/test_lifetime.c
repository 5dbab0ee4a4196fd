/* The end of an object, in both deaths: the order of events, resurrection, storms of finalizers, and all
 * that a host may do in each callback. */
#include "check.h"
#include "graph.h"

#include <setjmp.h>

/* ---- an object whose callbacks write down what happens ---- */

typedef struct Actor Actor;
typedef void (*script)(Actor *self);

struct Actor {
  Actor *a, *b;
  rc_weak *weak;
  char name;
  script on_finalize, on_clear, on_destroy, on_weak;
  rc_weak *watch; /* the test's own handle, not a field */
};

enum { BOOK = 1 << 16 };

static char book[BOOK]; /* "F:a W:a C:a D:a ..." without the blanks: two characters for each event */
static size_t book_used;

static void note(char what, char name) {
  if (book_used + 3 > BOOK) return;
  book[book_used++] = what, book[book_used++] = name, book[book_used] = 0;
}

static void book_reset(void) {
  book_used = 0, book[0] = 0;
}

static size_t times(char what, char name) {
  size_t n = 0;
  for (size_t i = 0; i < book_used; i += 2) n += book[i] == what && (name == 0 || book[i + 1] == name);
  return n;
}

static size_t first_of(char what) {
  size_t i = 0;
  while (i < book_used && book[i] != what) i += 2;
  return i;
}

static size_t last_of(char what) {
  size_t last = 0;
  for (size_t i = 0; i < book_used; i += 2)
    if (book[i] == what) last = i;
  return last;
}

static void act(script what, Actor *self) {
  if (what) what(self);
}

static Actor *watched[8]; /* those whose handles are looked at in every callback */
static size_t watched_count;

/* Whether the handles of all watched ones read an object (or null, all of them). */
static bool handles_read(bool object) {
  for (size_t i = 0; i < watched_count; i++) {
    Actor *target = rc_weak_get(watched[i]->watch);
    if ((target != NULL) != object || (target && target != watched[i])) return false;
    if (target) rc_decref(target);
  }
  return true;
}

static void actor_finalize(void *obj) {
  Actor *self = obj;
  note('F', self->name);
  CHECK(!self->watch || handles_read(true)); /* step 1 comes before step 3, for the whole set */
  act(self->on_finalize, self);
}

static void actor_weak(rc_weak *weak, void *ctx) {
  Actor *self = ctx; /* intact still: step 4 comes before step 5 */
  note('W', self->name);
  CHECK(rc_weak_get(weak) == NULL);
  CHECK(handles_read(false));
  act(self->on_weak, self);
}

static int actor_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  return visit(((Actor *)obj)->b, visit_ctx);
}

static void actor_clear(void *obj) {
  Actor *self = obj;
  note('C', self->name);
  CHECK(self->a == NULL); /* declared fields are emptied before */
  CHECK(!self->watch || handles_read(false));
  act(self->on_clear, self);
  rc_clear(&self->b);
}

static void actor_destroy(void *obj) {
  Actor *self = obj;
  note('D', self->name);
  CHECK(self->a == NULL && self->b == NULL && self->weak == NULL); /* it sees no references */
  act(self->on_destroy, self);
}

static const rc_field actor_fields[] = {RC_FIELD(Actor, a), RC_FIELD_WEAK(Actor, weak)};

static rc_type *actor_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Actor", spec.size = sizeof(Actor), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.fields = actor_fields, spec.field_count = RC_COUNT_OF(actor_fields);
  spec.traverse = actor_traverse, spec.clear = actor_clear;
  spec.finalize = actor_finalize, spec.destroy = actor_destroy;
  return graph_type(heap, &spec);
}

static rc_type *type; /* of the running test */

static Actor *actor(char name) {
  Actor *self = rc_new(type);
  REQUIRE(self != NULL);
  self->name = name;
  return self;
}

static void watch(Actor *self) {
  self->watch = rc_weak_new(self, actor_weak, self);
  REQUIRE(self->watch != NULL && watched_count < 8);
  watched[watched_count++] = self;
}

/* Handles of actors outlive them; the test keeps them here. */
static void unwatch(rc_weak **handles, size_t n) {
  for (size_t i = 0; i < n; i++) rc_weak_free(handles[i]);
  watched_count = 0;
}

/* Actors 'a' to ... in a ring through `b` (or, by turns, through the declared `a`). */
static Actor *ring_of(size_t n) {
  Actor *first = actor('a'), *last = first;
  for (size_t i = 1; i < n; i++) {
    Actor *next = actor((char)('a' + i));
    if (i % 2) last->b = next;
    else last->a = next;
    last = next;
  }
  last->b = rc_newref(first);
  return first;
}

/* ---- section 5's table ---- */

static void by_count_each_step_in_order(void) {
  type = actor_type(NULL);
  Actor *self = actor('x');
  self->a = actor('y');
  watch(self);
  rc_weak *handle = self->watch;
  rc_decref(self);
  CHECK(strncmp(book, "FxWxCxDx", 8) == 0);
  CHECK_STR(book, "FyCyDy");
  CHECK_EQ(book_used, 14);
  CHECK(rc_weak_get(handle) == NULL);
  unwatch(&handle, 1);
  CHECK_EQ(graph_live(NULL), 0);
}

/* Every finalizer before any handle reads null, all handles null before the first callback, all callbacks
 * before the first clear, all clears before the first destroy. */
static void in_a_ring_each_step_for_all(void) {
  type = actor_type(NULL);
  Actor *ring = ring_of(4), *at = ring;
  rc_weak *handles[4];
  Actor *members[4] = {ring, ring->b, ring->b->a, ring->b->a->b};
  for (int i = 0; i < 4; i++) {
    at = members[i];
    watch(at);
    handles[i] = at->watch;
  }
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 4);
  CHECK_EQ(book_used, 32);
  CHECK(last_of('F') < first_of('W') && last_of('W') < first_of('C') && last_of('C') < first_of('D'));
  for (char c = 'a'; c < 'e'; c++)
    CHECK(times('F', c) == 1 && times('W', c) == 1 && times('C', c) == 1 && times('D', c) == 1);
  unwatch(handles, 4);
  CHECK_EQ(graph_live(NULL), 0);
}

/* ---- resurrection ---- */

static Actor *saved[8];
static size_t saved_count;

static void save_self(Actor *self) {
  saved[saved_count++] = rc_newref(self);
}

static void save_a(Actor *self) {
  if (self->a) saved[saved_count++] = rc_newref(self->a);
}

static void finalizer_resurrects_by_count(void) {
  type = actor_type(NULL);
  Actor *self = actor('x');
  self->a = actor('y');
  self->on_finalize = save_self;
  watch(self);
  CHECK(!gc_is_finalized(self));
  rc_decref(self);
  CHECK_STR(book, "Fx");
  CHECK_EQ(book_used, 2);
  CHECK(saved_count == 1 && saved[0] == self && rc_count(self) == 1 && gc_is_finalized(self));
  CHECK(self->a && self->a->name == 'y'); /* with all it reaches */
  CHECK(handles_read(true));              /* and its handles */
  book_reset();
  rc_decref(self); /* once in a life: not again */
  CHECK_EQ(times('F', 'x'), 0);
  CHECK_EQ(times('D', 0), 2);
  CHECK_EQ(times('W', 'x'), 1);
}

static void finalizer_resurrects_a_ring_whole(void) {
  type = actor_type(NULL);
  Actor *ring = ring_of(3);
  ring->b->on_finalize = save_self;
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(graph_stats(NULL).full.resurrected, 3);
  CHECK_EQ(times('F', 0), 3);
  CHECK_EQ(times('D', 0), 0);
  CHECK(rc_count(saved[0]) == 2 && rc_count(ring) == 1);
  rc_decref(saved[0]);
  CHECK_EQ(gc_collect(NULL), 3);
  CHECK_EQ(times('F', 0), 3); /* none a second time */
  CHECK_EQ(times('D', 0), 3);
}

/* Two rings die; a member of the one refers to the other. What is stored goes on living with what it
 * reaches; the rest ends. */
static void finalizer_resurrects_a_part(void) {
  type = actor_type(NULL);
  Actor *first = ring_of(2), *second = ring_of(2);
  second->name = 'y', second->b->name = 'z';
  first->a = second; /* a -> y <-> z */
  watch(second);
  rc_weak *handle = second->watch;
  second->on_finalize = save_self;
  rc_decref(first);
  CHECK_EQ(gc_collect(NULL), 2);
  CHECK_EQ(times('F', 0), 4);
  CHECK(times('D', 'a') == 1 && times('D', 'b') == 1 && times('D', 0) == 2);
  CHECK(handles_read(true));
  CHECK_EQ(rc_count(second), 2); /* its ring's, and the saved one */
  CHECK_EQ(graph_stats(NULL).full.resurrected, 2);
  rc_decref(saved[0]);
  CHECK_EQ(gc_collect(NULL), 2);
  unwatch(&handle, 1);
  CHECK_EQ(graph_live(NULL), 0);
}

static void finalizer_saves_what_it_reaches_not_itself(void) {
  for (int ring = 0; ring < 2; ring++) {
    type = actor_type(NULL);
    saved_count = 0, book_reset();
    Actor *self = actor('x');
    self->a = actor('y');
    self->on_finalize = save_a;
    if (ring) self->b = rc_newref(self);
    rc_decref(self);
    CHECK_EQ(gc_collect(NULL), ring ? 1 : 0);
    CHECK(times('D', 'x') == 1 && times('F', 'y') <= 1 && times('D', 'y') == 0);
    CHECK(saved_count == 1 && saved[0]->name == 'y' && rc_count(saved[0]) == 1);
    rc_decref(saved[0]);
    CHECK_EQ(times('F', 'y'), 1);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

/* It goes on living without its old handles, and new ones work. */
static void weak_callback_resurrects(void) {
  for (int ring = 0; ring < 2; ring++) {
    type = actor_type(NULL);
    saved_count = 0, book_reset();
    Actor *self = actor('x');
    self->a = actor('y');
    if (ring) self->b = rc_newref(self);
    self->on_weak = save_self;
    watch(self);
    rc_weak *handle = self->watch;
    rc_decref(self);
    CHECK_EQ(gc_collect(NULL), 0);
    CHECK(times('C', 0) == 0 && times('D', 0) == 0);
    CHECK(saved_count == 1 && saved[0] == self && self->a->name == 'y');
    CHECK(rc_weak_get(handle) == NULL);
    CHECK_EQ(rc_weak_count(self), 0);
    rc_weak *fresh = rc_weak_new(self, NULL, NULL);
    CHECK(rc_weak_get(fresh) == self);
    rc_decref(self);
    rc_decref(self);
    CHECK_EQ(gc_collect(NULL), ring ? 2 : 0);
    CHECK_EQ(times('F', 'x'), 1);
    CHECK_EQ(times('W', 'x'), 1);
    CHECK_EQ(times('D', 0), 2);
    CHECK(rc_weak_get(fresh) == NULL);
    rc_weak_free(fresh);
    unwatch(&handle, 1);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

/* A finalizer that cuts its own ring: its members are held, and die once, where they would have. */
static void cut_ring(Actor *self) {
  rc_clear(&self->b);
  rc_clear(&self->a);
}

static void finalizer_that_cuts_its_own_ring(void) {
  type = actor_type(NULL);
  Actor *ring = ring_of(5);
  ring->on_finalize = ring->b->on_finalize = cut_ring;
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 5);
  CHECK(times('F', 0) == 5 && times('C', 0) == 5 && times('D', 0) == 5);
  CHECK(last_of('F') < first_of('C') && last_of('C') < first_of('D'));
  CHECK_EQ(graph_live(NULL), 0);
}

/* Each new life is a life: the stored object is no garbage until it is released, however often. */
static void resurrected_a_hundred_times_by_weak_callbacks(void) {
  type = actor_type(NULL);
  Actor *self = actor('x');
  self->on_weak = save_self;
  for (int i = 0; i < 100; i++) {
    saved_count = 0;
    rc_weak *handle = rc_weak_new(self, actor_weak, self);
    rc_decref(self);
    CHECK(saved_count == 1 && rc_count(self) == 1);
    rc_weak_free(handle);
  }
  CHECK_EQ(times('F', 0), 1);
  rc_decref(self);
  CHECK_EQ(times('D', 0), 1);
}

/* ---- storms ---- */

static size_t storm_left, storm_finalized;

/* A finalizer that makes a ring of its own kind, and drops it. */
static void storm(Actor *self) {
  (void)self;
  storm_finalized++;
  for (int i = 0; i < 2 && storm_left; i++) {
    storm_left--;
    Actor *next = actor('s');
    next->on_finalize = storm;
    next->b = rc_newref(next);
    rc_decref(next);
  }
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double run_storm(size_t n) {
  double begin = seconds();
  storm_left = n - 1, storm_finalized = 0;
  Actor *first = actor('s');
  first->on_finalize = storm;
  rc_decref(first);
  size_t rounds = 0;
  while (graph_live(NULL) != 0 && rounds++ < 1000) (void)gc_collect(NULL);
  CHECK_EQ(storm_finalized, n);
  CHECK_EQ(graph_live(NULL), 0);
  return seconds() - begin;
}

/* 100,000 finalizers that allocate and drop rings whose finalizers do the same: it ends, each runs once, and
 * twice as many take about twice the time (the bound is generous: the machine may be busy). */
static void storm_of_finalizers_is_linear(void) {
  type = actor_type(NULL);
  size_t n = check_scale(2000, 100000, 1000000);
  (void)run_storm(n / 10);
  double small = run_storm(n / 4), large = run_storm(n);
  if (!check_env("RCGC_TEST_SMALL")) CHECK(large < 12 * small + 0.5);
  gc_stats stats = graph_stats(NULL);
  if (!check_env("RCGC_TEST_CHECKED")) CHECK(stats.young.runs + stats.full.runs < 1200);
}

/* The same number at once, each finalizer dropping three rings. */
static void drop_rings(Actor *self) {
  (void)self;
  for (int i = 0; i < 3; i++) rc_decref(ring_of(2));
}

static void storm_of_many_at_once(void) {
  type = actor_type(NULL);
  size_t n = check_scale(1000, 100000, 300000);
  for (size_t i = 0; i < n; i++) {
    Actor *self = actor('x');
    self->on_finalize = drop_rings;
    if (i % 2) self->b = rc_newref(self);
    rc_decref(self);
  }
  for (int i = 0; i < 4; i++) (void)gc_collect(NULL);
  CHECK_EQ(graph_live(NULL), 0);
  CHECK_EQ(graph_stats(NULL).freed_objects, n * 7);
}

/* ---- everything, in every callback, in both deaths ---- */

enum place { IN_FINALIZE, IN_WEAK, IN_CLEAR, IN_DESTROY, PLACES };
static const char *const place_names[] = {"finalize", "a weak callback", "clear", "destroy"};

static enum place place;
static bool in_ring; /* a collection is running */
static bool stored;  /* the script brought its object back */
static size_t ran;
static rc_type *made;  /* by the script */

/* Runs the script in every callback of an object that dies by count, and in a ring. */
static void everywhere(script what, script after) {
  for (int p = 0; p < PLACES; p++) {
    for (int ring = 0; ring < 2; ring++) {
      type = actor_type(NULL);
      place = (enum place)p, in_ring = ring, stored = false, ran = 0, book_reset();
      Actor *self = actor('x');
      self->a = actor('y');
      if (ring) self->b = rc_newref(self);
      if (p == IN_FINALIZE) self->on_finalize = what;
      if (p == IN_WEAK) self->on_weak = what;
      if (p == IN_CLEAR) self->on_clear = what;
      if (p == IN_DESTROY) self->on_destroy = what;
      rc_weak *handle = rc_weak_new(self, actor_weak, self);
      rc_decref(self);
      (void)gc_collect(NULL);
      CHECK(ran >= 1);
      if (!stored) CHECK_EQ(times('D', 'x'), 1);
      if (after) after(self);
      for (int i = 0; i < 3; i++) (void)gc_collect(NULL);
      rc_weak_free(handle);
      if (made) CHECK_EQ(rc_type_free(made), RC_OK);
      made = NULL;
      CHECK_EQ(times('F', 'x'), 1);
      CHECK_EQ(times('W', 'x'), 1);
      CHECK_EQ(times('C', 'x'), 1);
      CHECK_EQ(times('D', 'x'), 1);
      CHECK_EQ(times('D', 'y'), 1);
      CHECK_EQ(graph_live(NULL), 0);
      CHECK_EQ(rc_type_free(type), RC_OK);
      if (check_failures) {
        printf("  in %s, %s\n", place_names[p], ring ? "in a ring" : "by count");
        return;
      }
    }
  }
}

static Actor *plain_actor(void) {
  Actor *extra = actor('e');
  extra->on_finalize = extra->on_clear = extra->on_destroy = NULL;
  return extra;
}

static void do_allocate(Actor *self) {
  (void)self;
  ran++;
  for (int i = 0; i < 200; i++) {
    Actor *extra = plain_actor();
    if (i % 2) extra->b = rc_newref(extra);
    rc_decref(extra);
  }
}

static void allocate_anywhere(void) {
  everywhere(do_allocate, NULL);
}

static Actor *kept;

static void do_release(Actor *self) {
  (void)self;
  ran++;
  if (!kept) return;
  size_t before = times('D', 'k');
  Actor *it = kept;
  kept = NULL;
  rc_decref(it);
  CHECK_EQ(times('D', 'k'), before + 1); /* dead before rc_decref returned */
}

static void release_with_kept(Actor *self) {
  if (!kept) { /* made in the callback itself, so that every place has one */
    kept = actor('k');
    kept->a = actor('l');
  }
  do_release(self);
}

static void release_anywhere(void) {
  everywhere(release_with_kept, NULL);
}

/* Storing: the object itself where that is allowed (steps 1 and 4), something new elsewhere. */
static void do_store(Actor *self) {
  ran++;
  if (place == IN_FINALIZE || place == IN_WEAK) {
    stored = true;
    kept = rc_newref(self);
  } else {
    kept = plain_actor();
    kept->a = plain_actor();
  }
}

static void after_store(Actor *self) {
  REQUIRE(kept != NULL);
  CHECK(!stored || (kept == self && times('D', 'x') == 0));
  rc_clear(&kept);
}

static void store_anywhere(void) {
  everywhere(do_store, after_store);
}

/* Refused and counted inside a collection and inside clear; elsewhere it runs, and leaves the dying alone. */
static void do_collect(Actor *self) {
  (void)self;
  ran++;
  Actor *garbage = plain_actor();
  garbage->b = rc_newref(garbage);
  rc_decref(garbage);
  uint64_t refused = graph_stats(NULL).full.refused, young = graph_stats(NULL).young.refused;
  size_t ended = gc_collect(NULL);
  (void)gc_collect_young(NULL);
  bool refuses = in_ring || place == IN_CLEAR;
  CHECK_EQ(graph_stats(NULL).full.refused - refused, refuses ? 1 : 0);
  CHECK_EQ(graph_stats(NULL).young.refused - young, refuses ? 1 : 0);
  CHECK_EQ(ended, refuses ? 0 : 1);
}

static void collect_anywhere(void) {
  everywhere(do_collect, NULL);
}

static void do_disable(Actor *self) {
  (void)self;
  ran++;
  gc_disable(NULL);
  CHECK(!gc_is_enabled(NULL));
  for (int i = 0; i < 100; i++) rc_decref(plain_actor());
  gc_enable(NULL);
  gc_safepoint(NULL);
}

static void disable_anywhere(void) {
  everywhere(do_disable, NULL);
}

static void do_freeze(Actor *self) {
  (void)self;
  ran++;
  CHECK_EQ(gc_freeze(NULL), in_ring ? RC_ERR_REFUSED : RC_OK);
  CHECK_EQ(gc_unfreeze(NULL), in_ring ? RC_ERR_REFUSED : RC_OK);
}

static void freeze_anywhere(void) {
  everywhere(do_freeze, NULL);
}

static rc_weak *late;

/* Handles come and go: to the dying one (null from step 3 on), to others. */
static void do_handles(Actor *self) {
  ran++;
  rc_weak *own = rc_weak_new(self, NULL, NULL);
  REQUIRE(own != NULL);
  Actor *target = rc_weak_get(own);
  CHECK((target == self) == (place == IN_FINALIZE));
  if (target) rc_decref(target);
  Actor *extra = plain_actor();
  rc_weak *other = rc_weak_new(extra, NULL, NULL), *second = rc_weak_new(extra, NULL, NULL);
  CHECK_EQ(rc_weak_count(extra), 2);
  rc_decref(extra);
  CHECK(rc_weak_get(other) == NULL && rc_weak_get(second) == NULL);
  rc_weak_free(other), rc_weak_free(second);
  late = own;
}

static void after_handles(Actor *self) {
  (void)self;
  CHECK(rc_weak_get(late) == NULL);
  rc_weak_free(late);
}

static void handles_anywhere(void) {
  everywhere(do_handles, after_handles);
}

/* A type is not ended while a collection is running, which may have its objects in hand. */
static void do_types(Actor *self) {
  (void)self;
  ran++;
  made = graph_watched(NULL);
  Node *node = graph_node(made, 1);
  CHECK_EQ(rc_type_free(made), RC_ERR_IN_USE);
  rc_decref(node);
  rc_type *empty = graph_declared(NULL);
  CHECK_EQ(rc_type_free(empty), in_ring ? RC_ERR_IN_USE : RC_OK);
  CHECK_EQ(rc_type_free(type), RC_ERR_IN_USE);
}

static void types_anywhere(void) {
  everywhere(do_types, NULL);
}

/* A scope left open in a callback is closed at its border, and reported. */
static void do_scope(Actor *self) {
  (void)self;
  ran++;
  CHECK(rc_scope_enter_named(NULL, "forgotten") != RC_SCOPE_NONE);
  CHECK(rc_scope_keep(NULL, actor('k')) != NULL);
  CHECK(rc_scope_enter(NULL) != RC_SCOPE_NONE);
  CHECK_EQ(times('D', 'k'), 0);
}

static void after_scope(Actor *self) {
  (void)self;
  CHECK_EQ(times('D', 'k'), 1);
  CHECK_STR(check_log.text, "forgotten");
  CHECK(check_log.lines[GC_LOG_WARNING] >= 2);
  CHECK_EQ(rc_scope_leave(NULL, 1), RC_ERR_INVALID); /* none is open */
  check_log_start();
}

static void scopes_left_open_anywhere(void) {
  check_log_start();
  everywhere(do_scope, after_scope);
}

/* Policies, debug flags, statistics, callbacks and other heaps. */
static void do_controls(Actor *self) {
  (void)self;
  ran++;
  gc_policy policy = GC_POLICY_INIT;
  CHECK_EQ(gc_get_policy(NULL, &policy), RC_OK);
  CHECK_EQ(gc_set_policy(NULL, &policy), RC_OK);
  CHECK_EQ(gc_set_debug(NULL, gc_get_debug(NULL)), RC_OK);
  gc_heap *other = graph_heap("other");
  rc_decref(graph_ring(graph_watched(other), 3));
  CHECK_EQ(gc_collect(other), 3);
  CHECK_EQ(gc_heap_free(other), 0);
  CHECK(gc_garbage_get(NULL, 0) == NULL);
}

static void controls_anywhere(void) {
  everywhere(do_controls, NULL);
}

/* Helpers may count on what they are given. */
static void do_count(Actor *self) {
  ran++;
  uint32_t count = rc_count(self);
  for (int i = 0; i < 5; i++) rc_incref(self);
  CHECK_EQ(rc_count(self), count + 5);
  for (int i = 0; i < 5; i++) rc_decref(self);
  CHECK_EQ(rc_count(self), count);
  CHECK(rc_type_of(self) == type);
}

static void count_anywhere(void) {
  everywhere(do_count, NULL);
}

/* ---- misuse ---- */

static void store_in_destroy_by_count(void *arg) {
  (void)arg;
  type = actor_type(NULL);
  Actor *self = actor('x');
  self->on_destroy = save_self;
  rc_decref(self);
}

static void store_in_destroy_of_a_ring(void *arg) {
  (void)arg;
  type = actor_type(NULL);
  Actor *ring = ring_of(3);
  ring->b->on_destroy = save_self;
  rc_decref(ring);
  (void)gc_collect(NULL);
}

static void store_in_clear(void *arg) {
  (void)arg;
  type = actor_type(NULL);
  Actor *self = actor('x');
  self->on_clear = save_self;
  rc_decref(self);
}

static void stored_in_destroy_is_fatal(void) {
  CHECK_FATAL(store_in_destroy_by_count, NULL, "Actor", "stored in", "destroy");
  CHECK_FATAL(store_in_destroy_of_a_ring, NULL, "Actor", "stored in", "destroy");
  CHECK_FATAL(store_in_clear, NULL, "Actor", "stored in", "clear");
}

/* ---- SAVEALL ---- */

/* Steps 1 to 4 run, 5 to 7 do not: the dead are in the list, intact. */
static void saveall_keeps_the_dead_intact(void) {
  type = actor_type(NULL);
  CHECK_EQ(gc_set_debug(NULL, GC_DEBUG_SAVEALL), RC_OK);
  Actor *ring = ring_of(3);
  watch(ring);
  rc_weak *handle = ring->watch;
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 3);
  CHECK_EQ(gc_garbage_count(NULL), 3);
  CHECK(times('F', 0) == 3 && times('W', 0) == 1 && times('C', 0) == 0 && times('D', 0) == 0);
  CHECK(rc_weak_get(handle) == NULL);
  CHECK(ring->b && ring->b->a && ring->b->a->b == ring);
  CHECK_EQ(rc_count(ring), 2); /* of the ring, and the list's */
  for (size_t i = 0; i < 3; i++) CHECK(rc_type_of(gc_garbage_get(NULL, i)) == type);
  CHECK(gc_garbage_get(NULL, 3) == NULL);
  CHECK_EQ(gc_collect(NULL), 0); /* held by the list */
  CHECK_EQ(gc_set_debug(NULL, 0), RC_OK);
  gc_garbage_clear(NULL);
  CHECK_EQ(gc_garbage_count(NULL), 0);
  CHECK_EQ(gc_collect(NULL), 3);
  CHECK(times('F', 0) == 3 && times('C', 0) == 3 && times('D', 0) == 3);
  unwatch(&handle, 1);
}

/* The end of a heap follows the same table; what is stored then is not brought back. */
static void end_of_a_heap_runs_every_step(void) {
  gc_heap *heap = graph_heap("ending");
  type = actor_type(heap);
  Actor *held = ring_of(3);
  held->on_finalize = save_self;
  watch(held);
  rc_weak *handle = held->watch;
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 3);
  CHECK(times('F', 0) == 3 && times('C', 0) == 3 && times('D', 0) == 3 && times('W', 0) == 1);
  CHECK_STR(check_log.text, "3 Actor still held");
  unwatch(&handle, 1);
}

/* ---- a callback that is left by a jump ---- */

static jmp_buf way_out;

static void jump_out(void *obj) {
  (void)obj;
  longjmp(way_out, 1);
}

CHECK_FN void free_after_a_jump(void *in_a_collection) {
  gc_heap *heap = graph_heap("jumped");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Jumper", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.finalize = jump_out;
  Node *node = graph_node(graph_type(heap, &spec), 1);
  if (in_a_collection) node->a = rc_newref(node);
  if (setjmp(way_out) == 0) {
    rc_decref(node);
    (void)gc_collect(heap);
  }
  (void)gc_collect(heap); /* must not come upon a half-done state */
  (void)gc_heap_free(heap);
}

/* Documented as fatal: the heap is in the middle of a death for ever, and its end says so. */
static void left_by_a_jump_is_fatal_at_the_end(void) {
  int yes = 1;
  CHECK_FATAL(free_after_a_jump, NULL, "gc_heap_free", "jumped", "jump");
  CHECK_FATAL(free_after_a_jump, &yes, "gc_heap_free", "jumped", "jump");
}

static const check_test tests[] = {
    CHECK_TEST(left_by_a_jump_is_fatal_at_the_end),
    CHECK_TEST(by_count_each_step_in_order),
    CHECK_TEST(in_a_ring_each_step_for_all),
    CHECK_TEST(finalizer_resurrects_by_count),
    CHECK_TEST(finalizer_resurrects_a_ring_whole),
    CHECK_TEST(finalizer_resurrects_a_part),
    CHECK_TEST(finalizer_saves_what_it_reaches_not_itself),
    CHECK_TEST(weak_callback_resurrects),
    CHECK_TEST(finalizer_that_cuts_its_own_ring),
    CHECK_TEST(resurrected_a_hundred_times_by_weak_callbacks),
    CHECK_TEST(storm_of_finalizers_is_linear),
    CHECK_TEST(storm_of_many_at_once),
    CHECK_TEST(allocate_anywhere),
    CHECK_TEST(release_anywhere),
    CHECK_TEST(store_anywhere),
    CHECK_TEST(collect_anywhere),
    CHECK_TEST(disable_anywhere),
    CHECK_TEST(freeze_anywhere),
    CHECK_TEST(handles_anywhere),
    CHECK_TEST(types_anywhere),
    CHECK_TEST(scopes_left_open_anywhere),
    CHECK_TEST(controls_anywhere),
    CHECK_TEST(count_anywhere),
    CHECK_TEST(stored_in_destroy_is_fatal),
    CHECK_TEST(saveall_keeps_the_dead_intact),
    CHECK_TEST(end_of_a_heap_runs_every_step),
};

CHECK_MAIN(tests)
