/* ldflags: -Wl,--wrap=mmap,--wrap=mremap,--wrap=mprotect,--wrap=madvise,--wrap=malloc,--wrap=calloc,--wrap=realloc */
/* Out of memory, enumerated, for what has to do with life and death: weak handles, weak maps, scopes, collection
 * callbacks, finalizers where they die and queued, the garbage list, and collections in which all of them take
 * part. The rules are those of test_oom.c: what met a failure says so, what lived lives on, the end leaves nothing. */
#include "failing.h"

/* ---- an object with everything ---- */

typedef struct Being {
  struct Being *a, *b;
  rc_weak *weak;
  uint64_t finalized;
  bool returns; /* its finalizer brings it back */
} Being;

static size_t finalized, destroyed, told;
static Being *returned[64];
static size_t returned_count;

static void finalize_being(void *obj) {
  Being *being = obj;
  CHECK_EQ(being->finalized, 0);
  being->finalized++;
  finalized++;
  if (being->returns && returned_count < RC_COUNT_OF(returned)) returned[returned_count++] = rc_newref(being);
}

static void destroy_being(void *obj) {
  Being *being = obj;
  CHECK(!being->a && !being->b && !being->weak);
  CHECK_EQ(being->finalized, 1);
  destroyed++;
}

static void tell(rc_weak *weak, void *ctx) {
  (void)ctx;
  CHECK(rc_weak_get(weak) == NULL);
  told++;
}

static rc_type *being_type(gc_heap *heap) {
  static const rc_field fields[] = {RC_FIELD(Being, a), RC_FIELD(Being, b), RC_FIELD_WEAK(Being, weak)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Being", spec.size = sizeof(Being), spec.fields = fields, spec.field_count = 3;
  spec.finalize = finalize_being, spec.destroy = destroy_being;
  finalized = destroyed = told = returned_count = 0;
  return graph_type(heap, &spec);
}

static Being *being_ring(rc_type *type, size_t length) {
  Being *first = rc_new(type), *last = first;
  REQUIRE(first != NULL);
  for (size_t i = 1; i < length; i++) {
    last->a = rc_new(type);
    REQUIRE(last->a != NULL);
    last = last->a;
  }
  last->a = rc_newref(first);
  return first;
}

static void release_returned(void) {
  while (returned_count) rc_decref(returned[--returned_count]);
}

/* ---- handles, maps, scopes, callbacks ---- */

static void weak_handles(void) {
  enum { COUNT = 400 };
  static Node *nodes[COUNT];
  static rc_weak *handles[COUNT * 2];
  gc_heap *heap = graph_heap("weak");
  rc_type *type = graph_declared(heap);
  for (size_t i = 0; i < COUNT; i++) nodes[i] = graph_node(type, i);
  arm();
  for (size_t i = 0; i < COUNT * 2; i++) handles[i] = rc_weak_new(nodes[i / 2], i % 2 ? tell : NULL, NULL);
  disarm();
  told = 0;
  size_t callbacks = 0;
  for (size_t i = 0; i < COUNT; i++) {
    uint32_t made = (handles[2 * i] != NULL) + (handles[2 * i + 1] != NULL);
    CHECK_EQ(rc_weak_count(nodes[i]), made);
    callbacks += handles[2 * i + 1] != NULL;
  }
  arm(); /* reading, dying and freeing need no memory */
  for (size_t i = 0; i < COUNT * 2; i++) {
    if (!handles[i]) continue;
    Node *node = rc_weak_get(handles[i]);
    CHECK(node == nodes[i / 2]);
    rc_xdecref(node);
  }
  for (size_t i = 0; i < COUNT; i++) rc_decref(nodes[i]);
  for (size_t i = 0; i < COUNT * 2; i++) rc_weak_free(handles[i]);
  disarm();
  CHECK_EQ(told, callbacks);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

typedef struct Row {
  uint64_t number;
  struct Row *cells[];
} Row;

/* Each object has its old length and all that was known of it, or its new one and the same; also under a profile, whose
 * records may have no room for the new place. */
static void resized_objects(void) {
  enum { COUNT = 60 };
  static const rc_field fields[] = {RC_FIELD_TAIL(Row, cells)};
  static Row *rows[COUNT];
  static rc_weak *handles[COUNT];
  gc_heap *heap = graph_heap("resize");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Row", spec.size = sizeof(Row), spec.tail_size = sizeof(Row *), spec.fields = fields, spec.field_count = 1;
  rc_type *type = graph_type(heap, &spec);
  for (size_t i = 0; i < COUNT; i++) {
    if (i == COUNT / 2) CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
    rows[i] = rc_new_array(type, 1);
    REQUIRE(rows[i]);
    rows[i]->number = i;
    rows[i]->cells[0] = rc_new_array(type, 0);
    handles[i] = rc_weak_new(rows[i], NULL, NULL);
    CHECK_EQ(rc_add_external_bytes(rows[i], 10), RC_OK);
  }
  arm();
  for (size_t i = 0; i < COUNT; i++) {
    size_t wanted = (size_t)1 << i % 20;
    Row *before = rows[i];
    rc_status status = rc_resize(&rows[i], wanted);
    CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
    CHECK_EQ(rc_length(rows[i]), status == RC_OK ? wanted : 1);
    CHECK(status == RC_OK || rows[i] == before);
    CHECK(rows[i]->number == i && rows[i]->cells[0] != NULL);
    CHECK_EQ(rc_resize(&rows[i], 0), RC_OK); /* shrinking needs no memory */
  }
  disarm();
  CHECK_EQ(graph_live(heap), COUNT);
  CHECK_EQ(graph_stats(heap).external_bytes, 10 * COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    Row *row = rc_weak_get(handles[i]);
    CHECK(row == rows[i]);
    rc_xdecref(row);
    rc_decref(rows[i]);
    CHECK(rc_weak_get(handles[i]) == NULL);
    rc_weak_free(handles[i]);
  }
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
  CHECK_EQ(stats.live_objects, 0);
  CHECK_EQ(stats.live_bytes, 0);
  gc_profile_stop(heap);
  CHECK_EQ(graph_stats(heap).external_bytes, 0);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void weak_maps(void) {
  enum { COUNT = 300 };
  static Node *keys[COUNT];
  gc_heap *heap = graph_heap("maps");
  rc_type *type = graph_declared(heap);
  for (size_t i = 0; i < COUNT; i++) keys[i] = graph_node(type, i);
  arm();
  rc_weakmap *map = rc_weakmap_new(heap);
  size_t entries = 0;
  for (size_t i = 0; map && i < COUNT; i++) {
    rc_status status = rc_weakmap_set(map, keys[i], keys[(i + 1) % COUNT]);
    CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
    Node *value = rc_weakmap_get(map, keys[i]);
    CHECK((value != NULL) == (status == RC_OK));
    entries += status == RC_OK;
    rc_xdecref(value);
  }
  disarm();
  if (map) CHECK_EQ(rc_weakmap_length(map), entries);
  for (size_t i = 0; i < COUNT; i++) rc_decref(keys[i]);
  arm();
  (void)gc_collect(heap); /* with an entry missing, all of the chain died by count */
  disarm();
  (void)gc_collect(heap);
  if (map) CHECK_EQ(rc_weakmap_length(map), 0);
  rc_xdecref(map);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void scopes(void) {
  enum { COUNT = 200 };
  gc_heap *heap = graph_heap("scopes");
  rc_type *type = graph_declared(heap);
  static Node *nodes[COUNT];
  for (size_t i = 0; i < COUNT; i++) nodes[i] = graph_node(type, i);
  size_t kept = 0;
  arm();
  rc_scope_mark outer = rc_scope_enter(heap), inner = rc_scope_enter_named(heap, "inner");
  for (size_t i = 0; i < COUNT; i++) {
    Node *node = rc_scope_keep(heap, nodes[i]);
    CHECK(node == nodes[i] || node == NULL);
    kept += node != NULL;
  }
  CHECK(outer != RC_SCOPE_NONE || inner != RC_SCOPE_NONE || kept == 0);
  disarm();
  CHECK_EQ(graph_live(heap), kept); /* what could not be kept was released */
  arm();
  CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
  disarm();
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Stacks of scopes, results handed on, and measures of flows that take turns. */
static void scope_stacks(void) {
  enum { FLOWS = 40 };
  gc_heap *heap = graph_heap("flows");
  rc_type *type = graph_declared(heap);
  (void)gc_profile_start(heap, NULL);
  rc_scope_stack *stacks[FLOWS] = {NULL};
  rc_scope_mark marks[FLOWS];
  size_t handed = 0;
  arm();
  for (size_t i = 0; i < FLOWS; i++) {
    rc_status status = rc_scope_stack_new(heap, &stacks[i]);
    CHECK(status == RC_OK ? stacks[i] != NULL : status == RC_ERR_NO_MEMORY && stacks[i] == NULL);
    rc_scope_stack_switch(heap, stacks[i]);
    marks[i] = rc_scope_enter_named(heap, "flow"); /* on the heap's own when there is no other */
    Node *node = rc_new(type);
    rc_scope_mark inner = rc_scope_enter(heap);
    if (!node) {
      CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
      continue;
    }
    status = rc_scope_leave_with(heap, inner, node);
    CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
    if (status == RC_OK) handed++;
    else CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
    bool around = marks[i] != RC_SCOPE_NONE;
    if (status == RC_OK && !around && stacks[i]) rc_decref(node); /* the result is ours */
    rc_decref(node);
  }
  disarm();
  for (size_t i = 0; i < FLOWS; i++) {
    rc_scope_stack_switch(heap, NULL);
    CHECK_EQ(rc_scope_stack_free(stacks[i]), RC_OK);
  }
  for (size_t i = FLOWS; i-- > 0;)
    if (!stacks[i]) CHECK_EQ(rc_scope_leave(heap, marks[i]), RC_OK);
  if (injected == 0) CHECK_EQ(handed, FLOWS);
  if (injected == 0) CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  gc_heap_free(heap);
}

static size_t events;

static void on_event(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap, (void)event, (void)ctx;
  events++;
}

static void collection_callbacks(void) {
  enum { COUNT = 40 };
  static int contexts[COUNT];
  gc_heap *heap = graph_heap("callbacks");
  size_t added = 0;
  bool there[COUNT];
  arm();
  for (size_t i = 0; i < COUNT; i++) {
    rc_status status = gc_add_callback(heap, on_event, &contexts[i]);
    CHECK(status == RC_OK || status == RC_ERR_NO_MEMORY);
    there[i] = status == RC_OK;
    added += there[i];
  }
  disarm();
  events = 0;
  (void)gc_collect(heap);
  CHECK_EQ(events, added * 2);
  for (size_t i = 0; i < COUNT; i++)
    CHECK_EQ(gc_remove_callback(heap, on_event, &contexts[i]), there[i] ? RC_OK : RC_ERR_INVALID);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- deaths and collections with all of it ---- */

/* Rings whose finalizers return some, weak handles with callbacks, a map from one to another. */
static void collect_with_callbacks(void) {
  enum { RINGS = 30, RING = 5 };
  gc_heap *heap = graph_heap("life");
  rc_type *type = being_type(heap);
  rc_weakmap *map = rc_weakmap_new(heap);
  rc_weak *handles[RINGS];
  gc_disable(heap);
  for (size_t i = 0; i < RINGS; i++) {
    Being *ring = being_ring(type, RING);
    ring->returns = i % 3 == 0;
    ring->weak = rc_weak_new(ring->a, NULL, NULL);
    handles[i] = rc_weak_new(ring, tell, NULL);
    CHECK_EQ(rc_weakmap_set(map, ring, ring->a), RC_OK);
    rc_decref(ring);
  }
  arm();
  size_t found = gc_collect(heap);
  disarm();
  gc_generation_stats full = graph_stats(heap).full;
  CHECK(full.last_status == RC_OK || (full.last_status == RC_ERR_NO_MEMORY && found == 0));
  CHECK_EQ(gc_last_status(heap), full.last_status);
  CHECK_EQ(found + full.resurrected, full.last_status == RC_OK ? RINGS * RING : 0);
  CHECK_EQ(destroyed, found);
  for (int round = 0; round < 3; round++) {
    (void)gc_collect(heap);
    release_returned();
  }
  (void)gc_collect(heap);
  CHECK_EQ(finalized, RINGS * RING);
  CHECK_EQ(destroyed, RINGS * RING);
  CHECK_EQ(told, RINGS);
  CHECK_EQ(rc_weakmap_length(map), 0);
  for (size_t i = 0; i < RINGS; i++) rc_weak_free(handles[i]);
  rc_decref(map);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void queued_finalizers(void) {
  enum { COUNT = 500 };
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type *type = being_type(heap);
  size_t made = 0;
  arm();
  for (size_t i = 0; i < COUNT; i++) {
    Being *being = rc_new(type);
    if (!being) continue;
    made++;
    rc_decref(being); /* becomes due: that cannot fail any more */
  }
  CHECK_EQ(finalized, 0);
  size_t ran = gc_run_finalizers(heap);
  disarm();
  CHECK_EQ(ran, made);
  CHECK_EQ(finalized, made);
  CHECK_EQ(destroyed, made);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The same for objects that differ in size, from the first one on. */
static void queued_arrays(void) {
  enum { COUNT = 60 };
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Row", spec.size = sizeof(Being), spec.tail_size = 8;
  spec.finalize = finalize_being, spec.destroy = destroy_being;
  rc_type *type = graph_type(heap, &spec);
  Being *made[COUNT];
  finalized = destroyed = 0;
  arm();
  for (size_t i = 0; i < COUNT; i++) made[i] = rc_new_array(type, i % 5);
  size_t count = 0;
  for (size_t i = 0; i < COUNT; i++) {
    if (!made[i]) continue;
    count++;
    rc_decref(made[i]);
  }
  size_t ran = gc_run_finalizers(heap);
  disarm();
  CHECK_EQ(ran, count);
  CHECK_EQ(finalized, count);
  CHECK_EQ(destroyed, count);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Rings that their finalizers kept are judged again in the call; without memory for that they wait for a collection,
 * which makes up for it by itself. The finalizers run in any case, each once. */
static void queued_rings(void) {
  enum { RINGS = 40, RING = 5 };
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type *type = being_type(heap), *plain = graph_declared(heap);
  for (size_t i = 0; i < RINGS; i++) {
    Being *ring = being_ring(type, RING);
    Node *node = graph_node(plain, i);
    node->a = (Node *)(void *)rc_newref(ring);
    ring->b = (Being *)(void *)node; /* a member without a finalizer */
    ring->returns = i % 4 == 0;
    ring->weak = rc_weak_new(ring->a, NULL, NULL);
    rc_decref(ring);
  }
  (void)gc_collect(heap);
  CHECK_EQ(finalized, 0);
  CHECK_EQ(graph_live(heap), RINGS * (RING + 1));
  uint32_t before = check_log.lines[GC_LOG_WARNING];
  arm();
  size_t ran = gc_run_finalizers(heap);
  disarm();
  bool judged = check_log.lines[GC_LOG_WARNING] == before;
  CHECK_EQ(gc_last_status(heap), judged ? RC_OK : RC_ERR_NO_MEMORY);
  CHECK(ran == RINGS * RING && finalized == RINGS * RING && returned_count == RINGS / 4);
  if (judged) CHECK_EQ(destroyed, RINGS * RING * 3 / 4);
  else CHECK_STR(check_log.text, "waits for a collection");
  for (size_t i = 0; i < returned_count; i++) CHECK(returned[i]->a && rc_count(returned[i]) == 3);
  CHECK_EQ(gc_run_finalizers(heap), 0);
  rc_decref(rc_new(plain)); /* a collection is overdue if something waits */
  if (!judged) CHECK(graph_stats(heap).full.runs >= 2);
  CHECK_EQ(destroyed, RINGS * RING * 3 / 4);
  release_returned();
  CHECK_EQ(gc_collect(heap), RINGS / 4 * (RING + 1));
  CHECK(destroyed == RINGS * RING && finalized == RINGS * RING);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* As before, with a count that needs memory of its own. */
static void queued_hub(void) {
  size_t spokes = check_scale(100, 33000, 33000);
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type *type = being_type(heap), *plain = graph_declared(heap);
  Being *hub = rc_new(type);
  REQUIRE(hub != NULL);
  Node *chain = graph_chain(plain, spokes, false);
  for (Node *node = chain; node; node = node->a) node->b = (Node *)(void *)rc_newref(hub);
  hub->a = (Being *)(void *)chain;
  rc_decref(hub);
  (void)gc_collect(heap);
  arm();
  CHECK_EQ(gc_run_finalizers(heap), 1);
  disarm();
  CHECK(finalized == 1 && (graph_live(heap) == 0 || strstr(check_log.text, "waits for a collection")));
  (void)gc_collect(heap);
  CHECK_EQ(destroyed, 1);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The end of the heap drains the queue without memory, too. */
static void queued_end_of_heap(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type *type = being_type(heap);
  for (size_t i = 0; i < 20; i++) rc_decref(being_ring(type, 4));
  (void)gc_collect(heap);
  for (size_t i = 0; i < 20; i++) rc_decref(being_ring(type, 3));
  rc_weak *weak = rc_weak_new(being_ring(type, 2), tell, NULL); /* held */
  REQUIRE(weak != NULL);
  arm();
  size_t held = gc_heap_free(heap);
  disarm();
  CHECK(held == 2 || strstr(check_log.text, "given up"));
  CHECK(finalized == 142 && destroyed == 142 && told == 1);
  rc_weak_free(weak);
}

static void make_rings(gc_heap *heap, void *ctx) {
  (void)heap;
  for (int i = 0; i < 5; i++) {
    Node *node = rc_new(ctx);
    if (!node) continue;
    node->a = rc_newref(node);
    rc_decref(node);
  }
}

/* A collection that is given up leaves garbage behind, which is no leak of the function's. */
static void leak_check(void) {
  gc_heap *heap = graph_heap("leaks");
  rc_type *type = graph_declared(heap);
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  arm();
  rc_status status = gc_leak_check(heap, make_rings, type, 0, 2, &result);
  disarm();
  CHECK(status == RC_ERR_NO_MEMORY || (status == RC_OK && result.leaks == 0));
  CHECK(!strstr(check_log.text, "behind"));
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void garbage_list(void) {
  gc_heap *heap = graph_heap("garbage");
  rc_type *type = being_type(heap);
  gc_disable(heap);
  for (size_t i = 0; i < 30; i++) rc_decref(being_ring(type, 4));
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_SAVEALL), RC_OK);
  arm();
  size_t found = gc_collect(heap);
  disarm();
  size_t saved = gc_garbage_count(heap);
  CHECK(saved == 0 || (saved == found && destroyed == 0));
  CHECK_EQ(saved + destroyed, found);
  CHECK_EQ(gc_set_debug(heap, 0), RC_OK);
  arm();
  gc_garbage_clear(heap);
  disarm();
  (void)gc_collect(heap);
  CHECK_EQ(destroyed, 120);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Deaths by count and the end of the heap need no memory. */
/* A look without memory finds less, and loses nothing: what is held lives, the rest is found by a full collection. */
static void looks_near_a_death(void) {
  enum { RINGS = 40 };
  typedef struct Holder { void *kept[RINGS]; } Holder;
  static const rc_field fields[] = {RC_FIELD_ARRAY(Holder, kept)};
  gc_heap *heap = graph_heap("looks");
  gc_policy policy = GC_POLICY_INIT;
  policy.near_bytes = 4096;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Holder", spec.size = sizeof(Holder), spec.fields = fields, spec.field_count = 1;
  rc_type *holders = graph_type(heap, &spec), *types[] = {graph_declared(heap), graph_callback(heap)};
  Node *held[RINGS];
  arm();
  Holder *holder = rc_new(holders);
  for (size_t i = 0; holder && i < RINGS; i++) {
    Node *first = rc_new(types[i % 2]), *second = first ? rc_new(types[i % 2]) : NULL;
    if (first && second) first->a = second, second->a = rc_newref(first);
    else if (first) rc_decref(first), first = NULL;
    if (first && i % 2 && types[1] != types[0]) (void)gc_track(first), (void)gc_track(second);
    holder->kept[i] = first;
    held[i] = first && i % 4 < 2 ? rc_newref(first) : NULL;
  }
  uint64_t live = 0;
  for (size_t i = 0; holder && i < RINGS; i++) live += held[i] ? 2 : 0;
  size_t kept = holder ? RINGS : 0;
  if (holder) rc_decref(holder);
  for (size_t i = 0; i < 600; i++) {
    void *other = rc_new(types[0]);
    if (other) rc_decref(other);
  }
  disarm();
  for (size_t i = 0; i < kept; i++)
    if (held[i]) CHECK(held[i]->a && held[i]->a->a == held[i]);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), live);
  for (size_t i = 0; i < kept; i++)
    if (held[i]) rc_decref(held[i]);
  (void)gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
  heap_works(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void deaths_with_callbacks(void) {
  gc_heap *heap = graph_heap("deaths");
  rc_type *type = being_type(heap);
  Being *chain = NULL;
  for (size_t i = 0; i < 1000; i++) {
    Being *being = rc_new(type);
    REQUIRE(being != NULL);
    being->a = chain;
    if (chain) being->weak = rc_weak_new(chain, tell, NULL);
    chain = being;
  }
  Being *held = being_ring(type, 50);
  CHECK(held != NULL);
  arm();
  rc_decref(chain);
  disarm();
  CHECK_EQ(destroyed, 1000);
  CHECK_EQ(graph_live(heap), 50);
  arm();
  size_t left = gc_heap_free(heap);
  disarm();
  CHECK_EQ(left, 50);
  CHECK_EQ(destroyed, 1050);
}

SWEPT(weak_handles)
SWEPT(weak_maps)
SWEPT(resized_objects)
SWEPT(scopes)
SWEPT(scope_stacks)
SWEPT(collection_callbacks)
SWEPT(collect_with_callbacks)
SWEPT(queued_finalizers)
SWEPT(queued_arrays)
SWEPT(queued_rings)
SWEPT(queued_hub)
SWEPT(queued_end_of_heap)
SWEPT(leak_check)
SWEPT(garbage_list)
SWEPT(deaths_with_callbacks)
SWEPT(looks_near_a_death)

static const check_test tests[] = {
    CHECK_TEST(weak_handles_swept),          CHECK_TEST(weak_maps_swept),
    CHECK_TEST(resized_objects_swept),
    CHECK_TEST(scope_stacks_swept),
    CHECK_TEST(scopes_swept),                CHECK_TEST(collection_callbacks_swept),
    CHECK_TEST(collect_with_callbacks_swept), CHECK_TEST(queued_finalizers_swept),
    CHECK_TEST(queued_rings_swept),          CHECK_TEST(queued_hub_swept),
    CHECK_TEST(queued_end_of_heap_swept),    CHECK_TEST(queued_arrays_swept),
    CHECK_TEST(leak_check_swept),
    CHECK_TEST(garbage_list_swept),          CHECK_TEST(deaths_with_callbacks_swept),
    CHECK_TEST(looks_near_a_death_swept),
};

CHECK_MAIN(tests)
