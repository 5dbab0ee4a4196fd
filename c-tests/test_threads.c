/* Heaps in several threads at once. Each thread has heaps of its own and is alone in them; what it shares with the others, without
 * knowing it, are the tables of the process: of heaps, types and segments, the pools of weak handles, of entries and of stacks of
 * scopes, the records and sites of profiles. Everything is asked at the same time by all, so that a checker of threads sees each of
 * those tables read by one while another writes it. */
#include "check.h"
#include "graph.h"

#include <pthread.h>
#include <signal.h>

enum { THREADS = 4 };

typedef struct Worker {
  size_t number, rounds;
  uint64_t seed;
  size_t called; /* callbacks of what is this thread's */
  void (*work)(struct Worker *self);
} Worker;

typedef struct Holder {
  struct Holder *next;
  rc_weak *weak;
} Holder;

#ifdef RC_STATIC
RC_STATIC(Node, constant) = {NULL, NULL, 7};
#endif

static pthread_barrier_t all_here;

static void *worker_main(void *arg) {
  Worker *self = arg;
  pthread_barrier_wait(&all_here);
  self->work(self);
  return NULL;
}

/* Runs the same work in all threads; each has a size and a seed of its own. */
static void in_threads(void (*work)(Worker *self), size_t rounds) {
  Worker workers[THREADS];
  pthread_t threads[THREADS];
  uint64_t seed = check_seed("threads");
  REQUIRE(pthread_barrier_init(&all_here, NULL, THREADS) == 0);
  for (size_t i = 0; i < THREADS; i++) {
    workers[i] = (Worker){i, rounds, check_random(&seed), 0, work};
    REQUIRE(pthread_create(&threads[i], NULL, worker_main, &workers[i]) == 0);
  }
  for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&all_here);
}

/* ---- types of this file: their callbacks write only to what is the thread's ---- */

static void note(void *obj) {
  Worker *self = rc_type_ctx(rc_type_of(obj));
  self->called++;
}

static int report_both(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  int stop = rc_visit_named(visit, visit_ctx, node->a, "a", RC_NO_INDEX);
  return stop ? stop : visit(node->b, visit_ctx);
}

static void clear_both(void *obj) {
  Node *node = obj;
  rc_clear(&node->a);
  rc_clear(&node->b);
}

/* A type whose references `traverse` reports, and which counts the ends of its objects. */
static rc_type *noting_type(gc_heap *heap, Worker *self) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Noting";
  spec.size = sizeof(Node);
  spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = report_both;
  spec.clear = clear_both;
  spec.finalize = note;
  spec.destroy = note;
  spec.ctx = self;
  return graph_type(heap, &spec);
}

static rc_type *bytes_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Bytes";
  spec.tail_size = 1;
  return graph_type(heap, &spec);
}

static const rc_field holder_fields[] = {RC_FIELD(Holder, next), RC_FIELD_WEAK(Holder, weak)};

static rc_type *holder_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Holder";
  spec.size = sizeof(Holder);
  spec.fields = holder_fields;
  spec.field_count = RC_COUNT_OF(holder_fields);
  return graph_type(heap, &spec);
}

/* ---- the tables of heaps, types and segments ---- */

static void make_heaps_and_types(Worker *self) {
  for (size_t round = 0; round < self->rounds; round++) {
    gc_heap *heap = graph_heap("short");
    for (size_t i = 0; i < 1 + check_below(&self->seed, 5); i++) {
      rc_type *kept = graph_declared(heap), *ended = noting_type(heap, self);
      Node *ring = graph_ring(kept, 1 + check_below(&self->seed, 20));
      rc_decref(graph_chain(ended, 3, true));
      CHECK(rc_type_of(ring) == kept && rc_heap_of(ring) == heap);
      CHECK_EQ(rc_type_free(ended), RC_OK);
      rc_decref(ring);
    }
    gc_iter walk;
    gc_mark *mark = NULL;
    void *obj = graph_node(graph_declared(heap), 1);
    gc_hold hold = GC_HOLD(obj, "released before the heap ends");
    CHECK_EQ(GC_RELEASE(hold), RC_OK);
    rc_decref(obj);
    CHECK_EQ(gc_iter_begin(heap, NULL, &walk), RC_OK);
    CHECK_EQ(gc_growth_mark(heap, GC_MARK_TYPES, &mark), RC_OK);
    CHECK_EQ(gc_heap_free(heap), 0);
    /* Its slot may be another thread's heap by now. */
    size_t count = 0;
    CHECK_EQ(GC_RELEASE(hold), RC_ERR_INVALID);
    CHECK(gc_iter_next(&walk, &obj) != RC_OK);
    CHECK(gc_growth_since(mark, GC_SINCE_MARK, NULL, 0, &count) != RC_OK);
    gc_growth_free(mark);
  }
}

static void heaps_and_types_come_and_go(void) {
  in_threads(make_heaps_and_types, check_scale(20, 200, 2000));
}

/* Segments go from heap to heap while all grow among each other, and each asks whose those in between are. */
static void grow_and_shrink(Worker *self) {
  gc_heap *heap = graph_heap("growing");
  rc_type *node = self->number & 1 ? noting_type(heap, self) : graph_declared(heap), *bytes = bytes_type(heap);
  void *kept[16] = {NULL};
  for (size_t round = 0; round < self->rounds; round++) {
    size_t place = check_below(&self->seed, 16);
    rc_xdecref(kept[place]);
    kept[place] = check_below(&self->seed, 2) ? rc_new_array(bytes, (size_t)1 << check_below(&self->seed, 22))
                                              : (void *)graph_ring(node, 1 + check_below(&self->seed, 3000));
    REQUIRE(kept[place]);
    if (round % 4 == 0) (void)gc_collect_young(heap);
    if (round % 8 == 0) (void)gc_collect(heap);
  }
  for (size_t i = 0; i < 16; i++) rc_xdecref(kept[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void segments_change_hands(void) {
  in_threads(grow_and_shrink, check_scale(30, 300, 2000));
}

/* ---- what an address is, also before there is any heap ---- */

static void ask_about_addresses(Worker *self) {
  Node outside;
  memset(&outside, 0, sizeof outside);
  if (self->number == 0) {
    make_heaps_and_types(self);
    grow_and_shrink(self);
    return;
  }
  for (size_t round = 0; round < 50 * self->rounds; round++) {
    gc_object_facts facts = GC_OBJECT_FACTS_INIT;
    CHECK_EQ(gc_object_info(&outside, &facts), RC_OK);
    CHECK_EQ(facts.place, GC_ADDRESS_FOREIGN);
    /* Above what programs are given. */
    uintptr_t wild = (uintptr_t)(check_random(&self->seed) | 1ull << 63);
    CHECK_EQ(gc_object_info((void *)wild, &facts), RC_OK);
    CHECK_EQ(facts.place, GC_ADDRESS_FOREIGN);
#ifdef RC_STATIC
    rc_decref(rc_newref(&constant));
    CHECK(rc_is_immortal(&constant));
#endif
  }
}

static void addresses_are_asked_before_the_first_heap(void) {
  in_threads(ask_about_addresses, check_scale(20, 100, 1000));
}

/* Constants as shared objects have them, which are loaded and unloaded: what described one is gone when it has been removed. */
static void load_and_unload(Worker *self) {
  Node outside;
  memset(&outside, 0, sizeof outside);
  for (size_t round = 0; round < 50 * self->rounds; round++) {
    if (self->number & 1) {
      char *memory = aligned_alloc(16, 64);
      rc_static *entry = calloc(1, sizeof *entry);
      REQUIRE(memory && entry);
      memset(memory, 0, 64);
      uint64_t header = UINT64_C(1) << 31; /* immortal, of no type */
      memcpy(memory + 8, &header, sizeof header);
      *entry = (rc_static){sizeof *entry, memory + 16, sizeof(Node), "Node", "loaded", NULL};
      rc_static_add(entry);
      CHECK(rc_is_immortal(memory + 16));
      for (volatile int i = 0; i < 2000; i++) continue; /* it is there for a while */
      rc_static_remove(entry);
      free(entry);
      free(memory);
    } else {
      gc_object_facts facts = GC_OBJECT_FACTS_INIT;
      CHECK_EQ(gc_object_info(&outside, &facts), RC_OK);
      CHECK_EQ(facts.place, GC_ADDRESS_FOREIGN);
    }
  }
}

static void constants_come_and_go(void) {
  in_threads(load_and_unload, check_scale(300, 300, 1000));
}

/* ---- questions to one heap ---- */

static int take_bytes(const void *bytes, size_t len, void *ctx) {
  (void)bytes;
  *(size_t *)ctx += len;
  return 0;
}

static int never(void *obj, void *ctx) {
  (void)obj;
  (void)ctx;
  return 0;
}

static void on_finding(const gc_finding *finding, void *ctx) {
  (void)finding;
  (void)ctx;
}

/* All questions about a heap that has a ring, something it leads to, and something it is led to from. */
static void ask_everything(gc_heap *heap, rc_type *type, Node *ring) {
  gc_type_facts facts[8] = {GC_TYPE_FACTS_INIT};
  size_t count = 0;
  CHECK_EQ(gc_type_stats(type, &facts[0]), RC_OK);
  CHECK_EQ(gc_most_common_types(heap, GC_ORDER_BYTES, facts, 8, &count), RC_OK);
  CHECK(graph_live(heap) >= 2);
  gc_query *query = NULL;
  REQUIRE(gc_query_begin(heap, &query) == RC_OK);
  int64_t outside = 0;
  CHECK_EQ(gc_external_references(query, ring, &outside), RC_OK);
  CHECK_EQ(outside, 1);
  gc_path_step steps[8] = {GC_PATH_STEP_INIT};
  CHECK_EQ(gc_referrers(query, ring, steps, 8, &count), RC_OK);
  CHECK_EQ(gc_find_path(query, ring, GC_FORWARD, never, NULL, steps, 8, &count), RC_OK);
  char text[512];
  CHECK_EQ(gc_why_text(query, ring, text, sizeof text, &count), RC_OK);
  void *objects[] = {ring};
  gc_size size = GC_SIZE_INIT;
  CHECK_EQ(gc_retained_size(query, objects, 1, &size), RC_OK);
  gc_ring_shape shapes[2] = {GC_RING_SHAPE_INIT};
  CHECK_EQ(gc_cycles(query, shapes, 2, &count), RC_OK);
  CHECK_EQ(gc_query_end(query), RC_OK);
  CHECK_EQ(gc_verify(heap, on_finding, NULL, &count), RC_OK);
  CHECK_EQ(count, 0);
  size_t bytes = 0;
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = take_bytes;
  options.write_ctx = &bytes;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  CHECK(bytes > 0);
}

/* ---- objects of another heap: immortal ones that all count, and edges that lead there ---- */

static Node *common[64];

static void count_and_refer(Worker *self) {
  gc_heap *heap = graph_heap("referring");
  rc_type *types[] = {graph_declared(heap), noting_type(heap, self)};
  for (size_t round = 0; round < self->rounds; round++) {
    Node *ring = graph_ring(types[round & 1], 50), *node = ring;
    for (size_t i = 0; i < 50; i++, node = node->a) node->b = rc_newref(common[check_below(&self->seed, 64)]);
#ifdef RC_STATIC
    node->b = rc_newref(&constant);
#endif
    (void)gc_collect(heap);
    gc_query *query = NULL;
    REQUIRE(gc_query_begin(heap, &query) == RC_OK);
    gc_path_step row = GC_PATH_STEP_INIT;
    size_t count = 0;
    CHECK_EQ(gc_referents(query, ring, &row, 1, &count), RC_OK);
    CHECK_EQ(count, 2);
    CHECK_EQ(gc_query_end(query), RC_OK);
    rc_decref(ring);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The heap of the immortal objects is at work, too: on the pages on which they lie. */
static void count_or_own(Worker *self) {
  if (self->number) {
    count_and_refer(self);
    return;
  }
  gc_heap *heap = rc_heap_of(common[0]);
  rc_type *type = rc_type_of(common[0]);
  for (size_t round = 0; round < 8 * self->rounds; round++) {
    Node *ring = graph_ring(type, 1 + check_below(&self->seed, 100));
    rc_weak *weak = rc_weak_new(common[round % 64], NULL, NULL);
    ring->b = rc_newref(common[round % 64]);
    if (round % 16 == 0) (void)gc_collect(heap);
    rc_decref(ring);
    rc_weak_free(weak);
  }
}

static void immortal_objects_are_everybodys(void) {
  gc_heap *heap = graph_heap("common");
  rc_type *type = graph_declared(heap);
  for (size_t i = 0; i < 64; i++) {
    common[i] = graph_node(type, i);
    rc_immortalize(common[i]);
  }
  in_threads(count_or_own, check_scale(20, 100, 1000));
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Edges that were made before: to local objects of a heap that is at work with them meanwhile. */
static Node *leading[THREADS];

static void look_beyond(Worker *self) {
  Node *ring = leading[self->number];
  rc_type *type = rc_type_of(ring);
  gc_heap *heap = rc_heap_of(ring);
  for (size_t round = 0; round < self->rounds; round++) {
    if (self->number) {
      rc_decref(graph_ring(type, 10));
      (void)gc_collect_young(heap);
      (void)gc_collect(heap);
      ask_everything(heap, type, ring);
      continue;
    }
    for (size_t i = 0; i < 64; i++) {
      rc_weak *weak = rc_weak_new(common[i], NULL, NULL);
      rc_setref(&common[i]->b, common[(i + round) % 64]);
      rc_incref(common[(i + round) % 64]);
      CHECK_EQ(rc_add_external_bytes(common[i], 100), RC_OK);
      CHECK_EQ(gc_untrack(common[i]), RC_OK);
      CHECK_EQ(gc_track(common[i]), RC_OK);
      rc_weak_free(weak);
      CHECK_EQ(rc_add_external_bytes(common[i], -100), RC_OK);
    }
    rc_decref(graph_ring(rc_type_of(common[0]), 20));
    (void)gc_collect(rc_heap_of(common[0]));
  }
}

static void edges_lead_to_a_heap_at_work(void) {
  Worker idle[THREADS];
  memset(idle, 0, sizeof idle);
  gc_heap *heaps[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    heaps[i] = graph_heap("leading");
    leading[i] = graph_ring(i & 1 ? noting_type(heaps[i], &idle[i]) : graph_declared(heaps[i]), 64);
  }
  for (size_t i = 0; i < 64; i++) common[i] = graph_node(rc_type_of(leading[0]), i);
  for (size_t i = 1; i < THREADS; i++) {
    Node *node = leading[i];
    for (size_t k = 0; k < 64; k++, node = node->a) node->b = rc_newref(common[k]);
  }
  in_threads(look_beyond, check_scale(10, 50, 500));
  for (size_t i = 0; i < 64; i++) rc_decref(common[i]);
  for (size_t i = THREADS; i-- > 0;) {
    rc_decref(leading[i]);
    CHECK_EQ(gc_heap_free(heaps[i]), 0);
  }
}

/* ---- weak handles, weak maps, scopes: slots of common pools ---- */

static void on_weak(rc_weak *weak, void *ctx) {
  ((Worker *)ctx)->called++;
  rc_weak_free(weak);
}

static void make_weak_handles(Worker *self) {
  gc_heap *heap = graph_heap("weak");
  rc_type *node = graph_declared(heap), *holder = holder_type(heap);
  for (size_t round = 0; round < self->rounds; round++) {
    enum { TARGETS = 20 };
    Node *targets[TARGETS];
    rc_weak *weak[TARGETS];
    Holder *holders = NULL;
    size_t called = self->called;
    for (size_t i = 0; i < TARGETS; i++) {
      targets[i] = graph_ring(node, 2);
      weak[i] = rc_weak_new(targets[i], NULL, NULL);
      REQUIRE(weak[i] && rc_weak_new(targets[i], on_weak, self));
      Holder *next = rc_new(holder);
      REQUIRE(next);
      next->next = holders;
      next->weak = rc_weak_new(targets[i], NULL, NULL);
      holders = next;
      CHECK_EQ(rc_weak_count(targets[i]), 3);
    }
    for (size_t i = 0; i < TARGETS; i++) {
      Node *target = rc_weak_get(weak[i]);
      CHECK(target == targets[i]);
      rc_decref(target);
      rc_decref(target);
    }
    CHECK_EQ(gc_collect(heap), 2 * TARGETS);
    CHECK_EQ(self->called, called + TARGETS);
    for (size_t i = 0; i < TARGETS; i++) {
      CHECK(rc_weak_get(weak[i]) == NULL);
      rc_weak_free(weak[i]);
    }
    rc_decref(holders);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void weak_handles_of_many_heaps(void) {
  in_threads(make_weak_handles, check_scale(10, 100, 1000));
}

static void make_maps_and_scopes(Worker *self) {
  gc_heap *heap = graph_heap("maps");
  rc_type *type = graph_declared(heap);
  for (size_t round = 0; round < self->rounds; round++) {
    rc_scope_stack *stack = NULL;
    REQUIRE(rc_scope_stack_new(heap, &stack) == RC_OK);
    rc_scope_stack *before = rc_scope_stack_switch(heap, stack);
    rc_scope_mark outer = rc_scope_enter_named(heap, "round"), inner = rc_scope_enter(heap);
    rc_weakmap *map = rc_scope_keep(heap, rc_weakmap_new(heap));
    REQUIRE(map);
    for (size_t i = 0; i < 30; i++) {
      Node *key = rc_scope_keep(heap, graph_node(type, i)), *value = graph_node(type, i);
      value->a = rc_newref(key);
      CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
      Node *got = rc_weakmap_get(map, key);
      CHECK(got == value);
      rc_decref(got);
      rc_decref(value);
    }
    CHECK_EQ(gc_collect(heap), 0);
    CHECK_EQ(rc_weakmap_length(map), 30);
    CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
    CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
    (void)rc_scope_stack_switch(heap, before);
    CHECK_EQ(rc_scope_stack_free(stack), RC_OK);
    (void)gc_collect(heap);
    CHECK_EQ(graph_live(heap), 0);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void maps_and_scopes_of_many_heaps(void) {
  in_threads(make_maps_and_scopes, check_scale(10, 60, 600));
}

/* ---- what looks on: inspection, profiles, series, dumps, plans, holds ---- */

static void look_at_everything(Worker *self) {
  for (size_t round = 0; round < self->rounds; round++) {
    gc_heap *heap = graph_heap("looked at");
    rc_type *type = graph_declared(heap), *noting = noting_type(heap, self);
    gc_mark *mark = NULL;
    REQUIRE(gc_growth_mark(heap, GC_MARK_OBJECTS, &mark) == RC_OK);
    gc_ring_watch *watch = NULL;
    REQUIRE(gc_watch_rings(heap, 0, &watch) == RC_OK);
    Node *ring = graph_ring(type, 20);
    ring->b = graph_chain(noting, 20, false);
    ask_everything(heap, type, ring);
    size_t count = 0;
    gc_growth rows[4] = {GC_GROWTH_INIT};
    CHECK_EQ(gc_growth_since(mark, GC_SINCE_MARK, rows, 4, &count), RC_OK);
    gc_iter walk;
    void *obj = NULL;
    REQUIRE(gc_iter_begin(heap, NULL, &walk) == RC_OK);
    while (gc_iter_next(&walk, &obj) == RC_OK && obj) {
      gc_object_facts facts = GC_OBJECT_FACTS_INIT;
      CHECK_EQ(gc_object_info((char *)obj + 3, &facts), RC_OK);
      CHECK(facts.object == obj);
    }
    CHECK_EQ(gc_iter_end(&walk), RC_OK);
    gc_growth_free(mark);
    CHECK_EQ(gc_watch_rings_end(watch), RC_OK);
    rc_decref(ring);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void inspection_of_many_heaps(void) {
  in_threads(look_at_everything, check_scale(5, 50, 500));
}

/* One place in the source that all threads allocate at: its descriptor is numbered by whoever comes first. */
static Node *make_here(rc_type *type) {
  return RC_NEW(type);
}

static void profile_and_hold(Worker *self) {
  for (size_t round = 0; round < self->rounds; round++) {
    gc_heap *heap = graph_heap("profiled");
    rc_type *type = graph_declared(heap), *bytes = bytes_type(heap);
    gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
    options.flags = GC_PROFILE_SITES | (round & 1 ? GC_PROFILE_STACKS : 0);
    options.sample_bytes = 512;
    rc_status status = gc_profile_start(heap, &options);
    if (status == RC_ERR_UNSUPPORTED) options.flags = GC_PROFILE_SITES, status = gc_profile_start(heap, &options);
    REQUIRE(status == RC_OK);
    rc_scope_mark scope = rc_scope_enter_named(heap, self->number & 1 ? "odd" : "even");
    Node *first = make_here(type);
    REQUIRE(first);
    for (size_t i = 0; i < 200; i++) {
      Node *next = make_here(type);
      rc_setref(&next->a, first->a);
      first->a = next;
      rc_decref(rc_new_array(bytes, 100 * i));
    }
    gc_hold hold = GC_HOLD(first, "first");
    CHECK(hold != GC_HOLD_NONE);
    gc_hold_info held = GC_HOLD_INFO_INIT;
    CHECK_EQ(gc_holds(heap, &held, 1), 1);
    gc_profile_stats stats = GC_PROFILE_STATS_INIT;
    CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
    CHECK_EQ(stats.live_objects, 201);
    gc_site_stats rows[8] = {GC_SITE_STATS_INIT};
    CHECK(gc_profile_sites(heap, NULL, rows, 8) > 0);
    gc_stack_stats stacks[2] = {GC_STACK_STATS_INIT};
    (void)gc_profile_stacks(heap, stacks, 2);
    size_t written = 0;
    gc_text_options text = GC_TEXT_OPTIONS_INIT;
    text.write = take_bytes;
    text.write_ctx = &written;
    CHECK_EQ(gc_profile_write(heap, &text), RC_OK);
    gc_dump_options dump = GC_DUMP_OPTIONS_INIT;
    dump.write = take_bytes;
    dump.write_ctx = &written;
    CHECK_EQ(gc_dump(heap, &dump, NULL), RC_OK);
    CHECK_EQ(GC_RELEASE(hold), RC_OK);
    CHECK_EQ(rc_scope_leave(heap, scope), RC_OK);
    rc_decref(first);
    if (round % 3 == 0) gc_profile_stop(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void profiles_of_many_heaps(void) {
  in_threads(profile_and_hold, check_scale(5, 40, 400));
}

/* The table of records is there while any heap is profiled by sites. Heaps that are not, or only by stacks, or not any more, do
 * not look into it: it may go at any time. */
static void come_and_go_beside(Worker *self) {
  gc_heap *heap = graph_heap("beside");
  rc_type *type = graph_declared(heap);
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  if (self->number & 1) {
    for (size_t round = 0; round < 10 * self->rounds; round++) {
      REQUIRE(gc_profile_start(heap, NULL) == RC_OK);
      rc_decref(graph_ring(type, 10));
      gc_profile_stop(heap);
    }
    (void)gc_collect(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
    return;
  }
  options.flags = GC_PROFILE_STACKS;
  Node *ring = graph_ring(type, 100);
  rc_weak *weak = rc_weak_new(ring, NULL, NULL);
  for (size_t round = 0; round < self->rounds; round++) {
    gc_iter_filter filter = GC_ITER_FILTER_INIT;
    filter.serial_min = 1;
    gc_iter walk;
    REQUIRE(gc_profile_start(heap, NULL) == RC_OK);
    REQUIRE(gc_iter_begin(heap, &filter, &walk) == RC_OK);
    gc_profile_stop(heap);
    void *obj = NULL;
    CHECK_EQ(gc_iter_next(&walk, &obj), RC_OK);
    CHECK(obj == NULL);
    CHECK_EQ(gc_iter_end(&walk), RC_OK);
    bool by_stacks = gc_profile_start(heap, &options) == RC_OK;
    for (size_t i = 0; i < 10; i++) ask_everything(heap, type, ring);
    if (by_stacks) gc_profile_stop(heap);
  }
  rc_weak_free(weak);
  rc_decref(ring);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void records_go_with_the_last_profile(void) {
  in_threads(come_and_go_beside, check_scale(5, 100, 500));
}

static void on_watch(gc_heap *heap, uint32_t watch, uint64_t value, void *ctx) {
  (void)heap;
  (void)watch;
  (void)value;
  ((Worker *)ctx)->called++;
}

/* A series has a thread of its own beside the heap's; the signal comes to whatever thread raises it, and is for all. */
static void sample_and_dump(Worker *self) {
  for (size_t round = 0; round < self->rounds; round++) {
    gc_heap *heap = graph_heap("sampled");
    rc_type *type = graph_declared(heap);
    gc_series_options options = GC_SERIES_OPTIONS_INIT;
    options.flags = GC_SERIES_THREAD;
    options.capacity = 16;
    options.interval_ns = 100000;
    REQUIRE(gc_series_start(heap, &options) == RC_OK);
    gc_watch_spec spec = GC_WATCH_SPEC_INIT;
    spec.metric = GC_WATCH_LIVE_OBJECTS;
    spec.action = GC_WATCH_CALLBACK;
    spec.limit = 100;
    spec.callback = on_watch;
    spec.ctx = self;
    uint32_t watch = 0;
    CHECK_EQ(gc_watch(heap, &spec, &watch), RC_OK);
    CHECK_EQ(gc_dump_on_signal(heap, SIGUSR1, "/dev/null"), RC_OK);
    for (size_t i = 0; i < 20; i++) {
      rc_decref(graph_ring(type, 200));
      if (i % 4 == 0) CHECK(raise(SIGUSR1) == 0);
      if (i % 5 == 0) (void)gc_collect(heap);
      gc_series_tick(heap);
      gc_sample samples[16] = {GC_SAMPLE_INIT};
      gc_series_event events[16] = {GC_SERIES_EVENT_INIT};
      CHECK(gc_series_samples(heap, 0, samples, 16, NULL) > 0);
      (void)gc_series_events(heap, 0, events, 16, NULL);
    }
    CHECK_EQ(gc_unwatch(heap, watch), RC_OK);
    CHECK_EQ(gc_dump_on_signal(heap, 0, NULL), RC_OK);
    if (round & 1) gc_series_stop(heap);
    (void)gc_collect(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
  CHECK(self->called > 0);
}

static void series_and_signals_of_many_heaps(void) {
  /* Between two heaps that listen nobody does: the signal must not end the process. */
  CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
  in_threads(sample_and_dump, check_scale(3, 10, 100));
}

static void plan(Worker *self) {
  for (size_t round = 0; round < self->rounds; round++) {
    gc_heap *heap = graph_heap("planned");
    rc_type *type = graph_declared(heap);
    CHECK_EQ(gc_profile_plan(heap, "sites,series=1,dump=/dev/null,limit=1M"), RC_OK);
    for (size_t i = 0; i < 10; i++) rc_decref(graph_ring(type, 500));
    (void)gc_collect(heap);
    CHECK_EQ(gc_profile_plan(heap, "nonsense"), RC_ERR_INVALID);
    CHECK_STR(gc_error_message(heap), "nonsense");
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void plans_of_many_heaps(void) {
  in_threads(plan, check_scale(3, 20, 200));
}

/* ---- one heap that all use in turn, as under a global lock ---- */

static pthread_mutex_t the_lock = PTHREAD_MUTEX_INITIALIZER;
static gc_heap *shared;
static rc_type *shared_type;
static Node *shared_ring;

static void take_turns(Worker *self) {
  gc_heap *own = graph_heap("own");
  rc_type *own_type = graph_declared(own);
  for (size_t round = 0; round < self->rounds; round++) {
    rc_decref(graph_ring(own_type, 20));
    pthread_mutex_lock(&the_lock);
    rc_setref(&shared_ring, graph_ring(shared_type, 1 + check_below(&self->seed, 50)));
    rc_weak *weak = rc_weak_new(shared_ring, NULL, NULL);
    if (round % 8 == 0) (void)gc_collect(shared);
    CHECK_EQ(gc_collect(NULL), 0); /* the default heap, which the lock serialises, too */
    rc_weak_free(weak);
    pthread_mutex_unlock(&the_lock);
    if (round % 8 == 0) (void)gc_collect(own);
  }
  (void)gc_collect(own);
  CHECK_EQ(gc_heap_free(own), 0);
}

static void one_heap_in_turns(void) {
  shared = graph_heap("shared");
  shared_type = graph_declared(shared);
  in_threads(take_turns, check_scale(40, 400, 4000));
  rc_clear(&shared_ring);
  (void)gc_collect(shared);
  CHECK_EQ(gc_heap_free(shared), 0);
}

static const check_test tests[] = {
    CHECK_TEST(heaps_and_types_come_and_go),
    CHECK_TEST(segments_change_hands),
    CHECK_TEST(addresses_are_asked_before_the_first_heap),
    CHECK_TEST(constants_come_and_go),
    CHECK_TEST(immortal_objects_are_everybodys),
    CHECK_TEST(edges_lead_to_a_heap_at_work),
    CHECK_TEST(weak_handles_of_many_heaps),
    CHECK_TEST(maps_and_scopes_of_many_heaps),
    CHECK_TEST(inspection_of_many_heaps),
    CHECK_TEST(profiles_of_many_heaps),
    CHECK_TEST(records_go_with_the_last_profile),
    CHECK_TEST(series_and_signals_of_many_heaps),
    CHECK_TEST(plans_of_many_heaps),
    CHECK_TEST(one_heap_in_turns),
};

CHECK_MAIN(tests)
