/* Depth through side doors: chains whose links are released by callbacks, each link in another heap than the one before, by every
 * call that releases. On a stack of 64 KiB, with the callbacks that run at once counted: sixteen, however many heaps there are.
 * What callbacks release up to there is dead at once. */
#include "check.h"
#include "graph.h"
#include "small_stack.h"

#include <rcgc/leak.h>
#include <rcgc/weakmap.h>

typedef struct Link Link;

struct Link {
  Link *next; /* owned, and no declared field */
  uint64_t token;
  rc_weakmap *map;
  size_t heap;
};

enum { HEAPS_MAX = 3000 };

static gc_heap *heaps[HEAPS_MAX];
static size_t heap_count;
static rc_type *types[HEAPS_MAX];
static Link *keys[HEAPS_MAX]; /* of weak maps: held */
static size_t died, running, deepest;

/* Callbacks that may be nested; the checking level has fewer. */
static size_t depth_max(void) {
  return check_env("RCGC_TEST_CHECKED") ? 4 : 16;
}

static void enter(void) {
  if (++running > deepest) deepest = running;
}

static void leave(void) {
  running--;
}

/* ---- the ways in which a link releases the next ---- */

typedef void (*release_fn)(Link *self);
static release_fn release_next;

static void by_decref(Link *self) {
  rc_xdecref(self->next);
}

static void by_setref(Link *self) {
  rc_setref(&self->next, NULL);
}

static void by_clear(Link *self) {
  rc_clear(&self->next);
}

static void by_scope(Link *self) {
  if (!self->next) return;
  gc_heap *heap = heaps[self->next->heap];
  rc_scope_mark mark = rc_scope_enter(heap);
  CHECK(rc_scope_keep(heap, self->next) == self->next);
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
}

/* Closed at the border of the callback, in the link's own heap. */
static void by_open_scope(Link *self) {
  if (!self->next) return;
  CHECK(rc_scope_enter(heaps[self->heap]) != RC_SCOPE_NONE);
  CHECK(rc_scope_keep(heaps[self->heap], self->next) == self->next);
}

static void by_token(Link *self) {
  if (self->token) CHECK_EQ(gc_release_hold(self->token, NULL), RC_OK);
}

static void by_map_remove(Link *self) {
  if (self->map) CHECK_EQ(rc_weakmap_remove(self->map, keys[self->heap]), RC_OK);
  rc_xdecref(self->map);
}

/* The map's end releases the value. */
static void by_map(Link *self) {
  rc_xdecref(self->map);
}

static void by_garbage(Link *self) {
  gc_garbage_clear(heaps[(self->heap + 1) % heap_count]);
}

static void by_run(Link *self) {
  if (!self->next) return;
  gc_heap *heap = heaps[self->next->heap];
  rc_clear(&self->next);
  (void)gc_run_finalizers(heap);
}

/* ---- callbacks ---- */

static void on_end(void *obj) {
  enter();
  died++;
  release_next(obj);
  leave();
}

static void on_weak(rc_weak *weak, void *ctx) {
  Link next = {.next = ctx};
  enter();
  died++;
  rc_weak_free(weak);
  release_next(&next);
  leave();
}

static int on_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  return visit(((Link *)obj)->next, visit_ctx);
}

enum callback { IN_DESTROY, IN_FINALIZE, IN_CLEAR, IN_WEAK, CALLBACKS };

static void open_heaps(size_t count, enum callback callback, uint32_t finalizers) {
  heap_count = count;
  died = running = deepest = 0;
  for (size_t i = 0; i < count; i++) {
    gc_heap_options options = GC_HEAP_OPTIONS_INIT;
    options.finalizers = finalizers;
    REQUIRE(gc_heap_new(&options, &heaps[i]) == RC_OK);
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Link", spec.size = sizeof(Link);
    if (callback == IN_DESTROY) spec.destroy = on_end;
    if (callback == IN_FINALIZE) spec.finalize = on_end;
    if (callback == IN_CLEAR) spec.traverse = on_traverse, spec.clear = on_end;
    types[i] = graph_type(heaps[i], &spec);
  }
}

static void close_heaps(void) {
  for (size_t i = 0; i < heap_count; i++) CHECK_EQ(gc_heap_free(heaps[i]), 0);
}

static Link *new_link(size_t number, Link *next, enum callback callback) {
  Link *link = rc_new(types[number % heap_count]);
  REQUIRE(link != NULL);
  link->heap = number % heap_count;
  link->next = next;
  if (callback == IN_WEAK) {
    REQUIRE(rc_weak_new(link, on_weak, next) != NULL);
    link->next = NULL;
  }
  return link;
}

/* Takes what the way needs out of the link's `next`. */
static void prepare(Link *link, Link *next) {
  if (release_next == by_token && next) {
    link->token = gc_hold_at(next, NULL, NULL);
    REQUIRE(link->token != 0);
    rc_clear(&link->next);
  }
  if ((release_next == by_map || release_next == by_map_remove) && next) {
    link->map = rc_weakmap_new(heaps[link->heap]);
    REQUIRE(link->map && rc_weakmap_set(link->map, keys[link->heap], next) == RC_OK);
    rc_clear(&link->next);
  }
}

static void chain(size_t count, enum callback callback, release_fn way, size_t links) {
  open_heaps(count, callback, GC_FINALIZERS_INLINE);
  release_next = way;
  for (size_t i = 0; i < count; i++) {
    if (way != by_map && way != by_map_remove) continue;
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Key", spec.size = sizeof(Link);
    keys[i] = rc_new(graph_type(heaps[i], &spec));
    REQUIRE(keys[i] != NULL);
  }
  Link *head = NULL;
  for (size_t i = 0; i < links; i++) {
    Link *link = new_link(i, head, callback);
    prepare(link, head);
    head = link;
  }
  rc_decref(head);
  CHECK_EQ(died, links);
  CHECK(running == 0 && deepest <= depth_max());
  for (size_t i = 0; i < count; i++) rc_clear(&keys[i]);
  close_heaps();
  if (check_failures) check_give_up();
}

static const size_t heap_counts[] = {1, 2, 5, 17};
enum { COUNTS = sizeof heap_counts / sizeof *heap_counts };

static void every_callback(void) {
  size_t links = check_scale(2000, 200000, 1000000);
  for (size_t i = 0; i < COUNTS; i++)
    for (int callback = 0; callback < CALLBACKS; callback++)
      chain(heap_counts[i], (enum callback)callback, by_decref, links);
}

static void every_way(void) {
  static const release_fn ways[] = {by_setref, by_clear, by_scope, by_open_scope, by_token, by_map, by_map_remove};
  size_t links = check_scale(2000, 50000, 500000);
  check_log_start(); /* of scopes that were left open */
  for (size_t i = 0; i < COUNTS; i++)
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) chain(heap_counts[i], IN_DESTROY, ways[way], links);
}

static void many_heaps(void) {
  size_t count = check_scale(60, 400, HEAPS_MAX), links = check_scale(2000, 200000, 1000000);
  chain(count, IN_DESTROY, by_decref, links);
  chain(count, IN_FINALIZE, by_decref, links);
  chain(count, IN_DESTROY, by_scope, links);
}

/* Each heap's garbage list holds the last reference of a link. */
static void garbage_lists(void) {
  open_heaps(check_scale(40, 300, HEAPS_MAX), IN_DESTROY, GC_FINALIZERS_INLINE);
  release_next = by_garbage;
  static const rc_field fields[] = {RC_FIELD(Link, next)};
  rc_type *type = NULL;
  for (size_t i = 0; i < heap_count; i++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Ring", spec.size = sizeof(Link), spec.destroy = on_end;
    spec.fields = fields, spec.field_count = 1;
    type = graph_type(heaps[i], &spec);
    Link *link = rc_new(type);
    REQUIRE(link != NULL);
    link->heap = i, link->next = link;
    CHECK_EQ(gc_set_debug(heaps[i], GC_DEBUG_SAVEALL), RC_OK);
    CHECK_EQ(gc_collect(heaps[i]), 1);
    CHECK_EQ(gc_set_debug(heaps[i], 0), RC_OK);
    rc_clear(&link->next); /* the list's reference is the last */
  }
  gc_garbage_clear(heaps[0]);
  CHECK(died == heap_count && deepest <= depth_max());
  close_heaps();
}

/* Queued finalizers, each of which releases a link of the next heap and runs what is due there. */
static void queued_finalizers(void) {
  open_heaps(check_scale(40, 300, HEAPS_MAX), IN_FINALIZE, GC_FINALIZERS_QUEUED);
  release_next = by_run;
  Link *head = NULL;
  for (size_t i = heap_count; i > 0; i--) head = new_link(i - 1, head, IN_FINALIZE);
  rc_decref(head);
  (void)gc_run_finalizers(heaps[0]);
  CHECK(deepest <= depth_max());
  for (size_t i = 0; i < heap_count && died < heap_count; i++) (void)gc_run_finalizers(heaps[i]);
  CHECK_EQ(died, heap_count);
  close_heaps();
}

/* A finalizer that allocates in the next heap, where a collection is due. */
static void allocate_in_next(Link *self) {
  size_t next = (self->heap + 1) % heap_count;
  if (next == 0) return;
  for (size_t i = 0; i < 4000; i++) rc_decref(rc_new(types[next]));
}

static void collect_in_next(void *obj) {
  Link *self = obj;
  if (!self->token) return; /* not the ring's */
  self->token = 0;
  on_end(self);
}

static void automatic_collections(void) {
  open_heaps(check_scale(30, 100, 1000), CALLBACKS, GC_FINALIZERS_INLINE);
  release_next = allocate_in_next;
  static const rc_field fields[] = {RC_FIELD(Link, next)};
  for (size_t i = 0; i < heap_count; i++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Ring", spec.size = sizeof(Link), spec.finalize = collect_in_next;
    spec.fields = fields, spec.field_count = 1;
    types[i] = graph_type(heaps[i], &spec);
    gc_policy policy = GC_POLICY_INIT;
    policy.young_bytes = 16 << 10;
    CHECK_EQ(gc_set_policy(heaps[i], &policy), RC_OK);
    Link *link = rc_new(types[i]);
    REQUIRE(link != NULL);
    link->heap = i, link->token = 1, link->next = link;
  }
  for (size_t i = 0; i < 4000; i++) rc_decref(rc_new(types[0]));
  CHECK(died > 0);
  CHECK(deepest <= depth_max() + 1); /* one more is due where nothing is nested yet */
  for (size_t i = 0; i < heap_count; i++) (void)gc_collect(heaps[i]);
  CHECK_EQ(died, heap_count);
  close_heaps();
}

/* ---- what is released up to there is dead at once ---- */

static size_t prompt, late;

static void release_and_look(Link *self) {
  if (!self->next) return;
  size_t depth = running, before = died;
  rc_clear(&self->next);
  CHECK(depth < depth_max() ? died > before : died == before);
  if (died > before) prompt++;
  else late++;
}

static void prompt_up_to_there(void) {
  for (size_t i = 0; i < COUNTS; i++) {
    for (int callback = 0; callback < IN_WEAK; callback++) {
      prompt = late = 0;
      chain(heap_counts[i], (enum callback)callback, release_and_look, 60);
      CHECK(prompt == depth_max() - 1 && late == 60 - depth_max());
    }
  }
}

/* ---- callbacks that are part of nobody's end ---- */

static Link *kept[2];

static void on_event(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap, (void)ctx;
  if (event->kind != GC_EVENT_START) return;
  enter();
  rc_clear(&kept[0]);
  leave();
}

static void collect_at_the_bottom(Link *self) {
  if (self->next) rc_clear(&self->next);
  else (void)gc_collect(heaps[heap_count - 1]);
}

/* The last heap has no other callback running than that of its collection, in which a death is put off. */
static void put_off_in_a_listener(void) {
  for (size_t links = 1; links < 20; links++) {
    open_heaps(3, IN_DESTROY, GC_FINALIZERS_INLINE);
    release_next = collect_at_the_bottom;
    CHECK_EQ(gc_add_callback(heaps[2], on_event, NULL), RC_OK);
    kept[0] = rc_new(types[1]);
    REQUIRE(kept[0] != NULL);
    kept[0]->heap = 1;
    Link *head = NULL;
    for (size_t i = 0; i < links; i++) {
      head = new_link(i % 2, head, IN_DESTROY);
      if (i == 0) rc_incref(kept[0]); /* its end collects too, and finds nothing */
    }
    rc_decref(kept[0]);
    rc_decref(head);
    CHECK(died == links + 1 && kept[0] == NULL);
    CHECK(graph_live(heaps[0]) + graph_live(heaps[1]) + graph_live(heaps[2]) == 0);
    close_heaps();
  }
}

/* The second heap is made in a callback of the first: callbacks that are running then are not counted. */
static gc_heap *second;

static void make_second(Link *self) {
  if (!second) {
    second = graph_heap("second");
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Link", spec.size = sizeof(Link), spec.destroy = on_end;
    rc_type *type = graph_type(second, &spec);
    Link *head = NULL;
    for (size_t i = 0; i < 20000; i++) {
      Link *link = rc_new(i % 2 ? type : types[0]);
      REQUIRE(link != NULL);
      link->next = head, head = link;
    }
    rc_decref(head);
  }
  rc_xdecref(self->next);
}

static void second_heap_made_in_a_callback(void) {
  open_heaps(1, IN_DESTROY, GC_FINALIZERS_INLINE);
  release_next = make_second;
  rc_decref(new_link(0, new_link(0, NULL, IN_DESTROY), IN_DESTROY));
  CHECK_EQ(died, 20002);
  CHECK(deepest <= 2 * depth_max());
  CHECK_EQ(gc_heap_free(second), 0);
  close_heaps();
}

/* The second heap comes and goes in a callback of the first, which is alone in between: what runs in it counts all the
 * same. */
static size_t rounds_left;

static void make_and_end_second(Link *self) {
  while (rounds_left > 0 && !second) {
    rounds_left--;
    make_second(&(Link){.next = NULL});
    CHECK_EQ(gc_heap_free(second), 0);
    second = NULL;
    Link *head = NULL; /* of the first, alone */
    for (size_t i = 0; i < 20000; i++) head = new_link(0, head, IN_DESTROY);
    rc_decref(head);
  }
  rc_xdecref(self->next);
}

static void second_heap_comes_and_goes_in_a_callback(void) {
  open_heaps(1, IN_DESTROY, GC_FINALIZERS_INLINE);
  second = NULL, rounds_left = 3;
  release_next = make_and_end_second;
  rc_decref(new_link(0, new_link(0, NULL, IN_DESTROY), IN_DESTROY));
  CHECK_EQ(died, 2 + 3 * 40000);
  CHECK_EQ(rounds_left, 0);
  CHECK(deepest <= 2 * depth_max());
  close_heaps();
}

/* Two threads, each with heaps of its own, are not in each other's depth. */
static pthread_barrier_t both;
static rc_type *own_types[2];
static size_t own_running[2], own_prompt[2];

static void own_destroy(void *obj) {
  Link *self = obj;
  size_t thread = self->heap;
  own_running[thread]++;
  if (own_running[thread] == depth_max() - 1) pthread_barrier_wait(&both), pthread_barrier_wait(&both);
  Link *next = self->next;
  if (next) {
    rc_weak *weak = rc_weak_new(next, NULL, NULL);
    rc_decref(next);
    Link *target = rc_weak_get(weak);
    own_prompt[thread] += target == NULL && rc_weak_count(self) == 0;
    if (target) rc_decref(target);
    rc_weak_free(weak);
  }
  own_running[thread]--;
}

static void *own_chain(void *arg) {
  size_t thread = (size_t)((rc_type **)arg - own_types);
  Link *head = NULL;
  for (size_t i = 0; i < depth_max(); i++) {
    Link *link = rc_new(own_types[thread]);
    REQUIRE(link != NULL);
    link->heap = thread, link->next = head, head = link;
  }
  rc_decref(head);
  REQUIRE(own_prompt[thread] == depth_max() - 1);
  return NULL;
}

static void threads_have_depths_of_their_own(void) {
  gc_heap *own[2];
  pthread_t threads[2];
  REQUIRE(pthread_barrier_init(&both, NULL, 2) == 0);
  for (int i = 0; i < 2; i++) {
    own[i] = graph_heap("own");
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Link", spec.size = sizeof(Link), spec.destroy = own_destroy;
    own_types[i] = graph_type(own[i], &spec);
  }
  for (int i = 0; i < 2; i++) REQUIRE(pthread_create(&threads[i], NULL, own_chain, &own_types[i]) == 0);
  for (int i = 0; i < 2; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
  for (int i = 0; i < 2; i++) CHECK_EQ(gc_heap_free(own[i]), 0);
  pthread_barrier_destroy(&both);
}

#define DEEP(body)                  \
  static void body##_deep(void) {   \
    on_a_small_stack(body);         \
  }

DEEP(every_callback)
DEEP(every_way)
DEEP(many_heaps)
DEEP(garbage_lists)
DEEP(queued_finalizers)
DEEP(automatic_collections)
DEEP(prompt_up_to_there)
DEEP(put_off_in_a_listener)
DEEP(second_heap_made_in_a_callback)
DEEP(second_heap_comes_and_goes_in_a_callback)

static const check_test tests[] = {
    CHECK_TEST(every_callback_deep),
    CHECK_TEST(every_way_deep),
    CHECK_TEST(many_heaps_deep),
    CHECK_TEST(garbage_lists_deep),
    CHECK_TEST(queued_finalizers_deep),
    CHECK_TEST(automatic_collections_deep),
    CHECK_TEST(prompt_up_to_there_deep),
    CHECK_TEST(put_off_in_a_listener_deep),
    CHECK_TEST(second_heap_made_in_a_callback_deep),
    CHECK_TEST(second_heap_comes_and_goes_in_a_callback_deep),
    CHECK_TEST(threads_have_depths_of_their_own),
};

CHECK_MAIN(tests)
