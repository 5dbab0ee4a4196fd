/* gc_watch_traverse: whom it accuses, and whom not, when other things end inside the callbacks that it watches: what
 * finalizers, weak callbacks and collections let go of, temporaries, values of weak maps, types. The plain cases are in
 * test_rings.c. */
#include "check.h"
#include "graph.h"

typedef struct Owner {
  void *owned, *hidden; /* `traverse` reports the first one only */
} Owner;

static gc_heap *heap, *other;
static rc_type *owner_type, *owned_type, *garbage_type;
static void *global; /* the host's: it dies in the middle of callbacks, and belongs to none of them */
static void (*in_finalize)(void), (*in_destroy)(void);

static void let_go(void) {
  void *old = global;
  global = NULL;
  rc_xdecref(old);
}

static int owner_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  return visit(((Owner *)obj)->owned, visit_ctx);
}

static void owner_clear(void *obj) {
  rc_clear(&((Owner *)obj)->owned);
}

static void owner_destroy(void *obj) {
  rc_clear(&((Owner *)obj)->hidden);
  if (in_destroy) in_destroy();
}

static void owned_finalize(void *obj) {
  (void)obj;
  if (in_finalize) in_finalize();
}

static rc_type *plain_type(gc_heap *in, const char *name) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = sizeof(Node);
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  return graph_type(in, &spec);
}

static void begin(uint32_t finalizers) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "watched", options.finalizers = finalizers;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  graph_policy(heap, GC_POLICY_NEVER);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Owner", spec.size = sizeof(Owner), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = owner_traverse, spec.clear = owner_clear, spec.destroy = owner_destroy;
  owner_type = graph_type(heap, &spec);
  rc_type_spec owned = RC_TYPE_SPEC_INIT;
  owned.name = "Owned", owned.size = sizeof(Node), owned.finalize = owned_finalize;
  owned.fields = graph_fields, owned.field_count = RC_COUNT_OF(graph_fields);
  owned_type = graph_type(heap, &owned);
  garbage_type = plain_type(heap, "Garbage");
  global = rc_new(plain_type(heap, "Global"));
  in_finalize = in_destroy = NULL;
  CHECK_EQ(gc_watch_traverse(heap, true), RC_OK);
  check_log_start();
}

static Owner *new_owner(void *owned) {
  Owner *owner = rc_new(owner_type);
  REQUIRE(owner && owned);
  owner->owned = owned;
  return owner;
}

static void count_unreported(const gc_finding *finding, void *ctx) {
  CHECK_EQ(finding->kind, GC_FINDING_UNREPORTED);
  if (ctx) snprintf(ctx, 512, "%s", finding->message);
}

static size_t unreported(char *message) {
  size_t count = 0;
  CHECK_EQ(gc_verify(heap, count_unreported, message, &count), RC_OK);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], count); /* each is told once */
  return count;
}

static void end(size_t held) {
  CHECK_EQ(unreported(NULL), 0);
  CHECK(global == NULL);
  CHECK_EQ(gc_heap_free(heap), held);
}

/* ---- what is let go of by something else ---- */

static void on_death(rc_weak *weak, void *ctx) {
  (void)ctx;
  rc_weak_free(weak);
  let_go();
}

static void on_event(gc_heap *in, const gc_event *event, void *ctx) {
  (void)in, (void)event, (void)ctx;
  let_go();
}

static void on_watch(gc_heap *in, uint32_t watch, uint64_t value, void *ctx) {
  (void)in, (void)watch, (void)value, (void)ctx;
  let_go();
}

static void finalizers_of_what_is_owned(void) {
  begin(GC_FINALIZERS_INLINE);
  in_finalize = let_go;
  rc_decref(new_owner(rc_new(owned_type)));
  end(0);
}

static void weak_callbacks_of_what_is_owned(void) {
  begin(GC_FINALIZERS_INLINE);
  Node *owned = graph_node(garbage_type, 1);
  CHECK(rc_weak_new(owned, on_death, NULL) != NULL);
  rc_decref(new_owner(owned));
  end(0);
}

static void collect(void) {
  CHECK_EQ(gc_collect(heap), 5);
  let_go(); /* not in any callback but the destroy: that is told */
}

static void collections_in_a_destroy(void) {
  char message[512];
  begin(GC_FINALIZERS_INLINE);
  in_destroy = collect;
  rc_decref(graph_ring(garbage_type, 5));
  rc_decref(new_owner(rc_new(owned_type)));
  CHECK_EQ(unreported(message), 1);
  CHECK_STR(message, "destroy of type Owner ended 1 objects of type Global");
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void collect_told(void) {
  CHECK_EQ(gc_add_callback(heap, on_event, NULL), RC_OK);
  CHECK_EQ(gc_collect(heap), 5);
  CHECK_EQ(gc_remove_callback(heap, on_event, NULL), RC_OK);
}

static void callbacks_of_a_collection_in_a_destroy(void) {
  begin(GC_FINALIZERS_INLINE);
  in_destroy = collect_told;
  rc_decref(graph_ring(garbage_type, 5));
  rc_decref(new_owner(rc_new(owned_type)));
  end(0);
}

static void tick(void) {
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t number;
  spec.metric = GC_WATCH_LIVE_OBJECTS, spec.limit = 1, spec.action = GC_WATCH_CALLBACK, spec.callback = on_watch;
  CHECK_EQ(gc_watch(heap, &spec, &number), RC_OK);
  gc_series_tick(heap);
}

static void watches_in_a_destroy(void) {
  begin(GC_FINALIZERS_INLINE);
  in_destroy = tick;
  rc_decref(new_owner(rc_new(owned_type)));
  end(0);
}

static void make_temporaries(void) {
  for (size_t i = 0; i < 20; i++) {
    rc_decref(graph_node(garbage_type, i));
    rc_type *type = plain_type(heap, "Temporary");
    rc_decref(graph_node(type, i));
    CHECK_EQ(rc_type_free(type), RC_OK);
  }
}

static void temporaries_of_a_destroy(void) {
  begin(GC_FINALIZERS_INLINE);
  in_destroy = make_temporaries;
  rc_decref(new_owner(rc_new(owned_type)));
  let_go();
  end(0);
}

/* ---- what the engine releases for others ---- */

static rc_weakmap *map;
static Node *key;

static void remove_entry(void) {
  CHECK_EQ(rc_weakmap_remove(map, key), RC_OK);
  CHECK_EQ(rc_weakmap_set(map, key, key), RC_OK);
}

static void entries_of_weak_maps(void) {
  begin(GC_FINALIZERS_INLINE);
  map = rc_weakmap_new(heap);
  /* What is owned is a key, with whose death its value goes. */
  Node *owned = graph_node(garbage_type, 1);
  CHECK_EQ(rc_weakmap_set(map, owned, global), RC_OK);
  let_go();
  rc_decref(new_owner(owned));
  CHECK_EQ(graph_live(heap), 1);
  /* A destroy takes an entry out: its value was the map's. */
  key = graph_node(garbage_type, 2);
  Node *value = graph_node(plain_type(heap, "Value"), 3);
  CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
  rc_decref(value);
  in_destroy = remove_entry;
  rc_decref(new_owner(rc_new(owned_type)));
  CHECK_EQ(graph_live(heap), 2);
  CHECK_EQ(rc_weakmap_remove(map, key), RC_OK);
  rc_decref(map), rc_decref(key);
  end(0);
}

static void clear_garbage(void) {
  CHECK_EQ(gc_garbage_count(heap), 5);
  gc_garbage_clear(heap);
}

static void the_garbage_list(void) {
  begin(GC_FINALIZERS_INLINE);
  in_destroy = clear_garbage;
  Node *ring = graph_ring(garbage_type, 5);
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_SAVEALL), RC_OK);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 5);
  CHECK_EQ(gc_set_debug(heap, 0), RC_OK);
  for (Node *at = ring; at;) { /* no ring any more: each is the list's alone */
    Node *next = at->a;
    at->a = NULL;
    rc_decref(next);
    at = next == ring ? NULL : next;
  }
  rc_decref(new_owner(rc_new(owned_type)));
  CHECK_EQ(graph_live(heap), 1);
  let_go();
  end(0);
}

static void run_finalizers(void) {
  CHECK_EQ(gc_run_finalizers(heap), 3);
}

static void the_queue_of_finalizers(void) {
  begin(GC_FINALIZERS_QUEUED);
  in_destroy = run_finalizers;
  rc_type *held = plain_type(heap, "Kept");
  for (size_t i = 0; i < 3; i++) {
    Node *due = graph_node(owned_type, i);
    due->a = graph_node(held, i);
    rc_decref(due);
  }
  rc_decref(new_owner(graph_node(garbage_type, 1)));
  CHECK_EQ(graph_live(heap), 1);
  let_go();
  end(0);
}

static void ways_through_another_heap(void) {
  begin(GC_FINALIZERS_INLINE);
  other = graph_heap("other");
  Node *there = graph_node(plain_type(other, "There"), 1);
  there->a = graph_chain(garbage_type, 3, false);
  rc_decref(new_owner(there));
  CHECK_EQ(graph_live(heap), 1);
  let_go();
  end(0);
  CHECK_EQ(gc_heap_free(other), 0);
}

/* Deaths nest so deep that some are put off, out of the callback that caused them. */
enum { DEEP = 40 };
static void *deep[DEEP];
static size_t depth;

static void go_deeper(void) {
  if (depth == DEEP) {
    let_go();
    return;
  }
  void *next = deep[depth++];
  rc_decref(next);
}

static void ends_that_are_put_off(void) {
  begin(GC_FINALIZERS_INLINE);
  in_finalize = go_deeper;
  for (size_t i = 0; i < DEEP; i++) deep[i] = i % 3 ? rc_new(owned_type) : new_owner(rc_new(owned_type));
  rc_decref(new_owner(rc_new(owned_type)));
  CHECK_EQ(depth, DEEP);
  end(0);
}

/* ---- those who are accused all the same ---- */

static void free_victim_type(void) {
  CHECK_EQ(rc_type_free(owned_type), RC_OK);
}

/* The type of what was ended is ended in the same callback; and later the type that is accused. */
static void types_that_end(void) {
  char message[512];
  begin(GC_FINALIZERS_INLINE);
  in_destroy = free_victim_type;
  Owner *owner = new_owner(graph_node(garbage_type, 1));
  owner->hidden = rc_new(owned_type);
  rc_decref(owner);
  CHECK_EQ(unreported(message), 1);
  CHECK_STR(message, "destroy of type Owner ended 1 objects of type Owned");
  CHECK_STR(check_log.text, "destroy of type Owner ended 1 objects of type Owned");
  CHECK_EQ(rc_type_free(owner_type), RC_OK);
  rc_type *next = plain_type(heap, "Next"); /* in the place of one of them */
  CHECK_EQ(unreported(message), 1);
  CHECK_STR(message, "destroy of type Owner ended 1 objects of type Owned");
  CHECK_EQ(rc_type_free(next), RC_OK);
  let_go();
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* What others end beside it does not hide what was forgotten, nor add to it. */
static void the_forgotten_one_among_others(void) {
  char message[512];
  begin(GC_FINALIZERS_INLINE);
  in_finalize = let_go;
  for (size_t i = 0; i < 4; i++) {
    Owner *owner = new_owner(rc_new(owned_type));
    owner->hidden = graph_chain(garbage_type, 2, false);
    if (i == 2) in_destroy = collect_told;
    if (i == 2) rc_decref(graph_ring(garbage_type, 5));
    rc_decref(owner);
    in_destroy = NULL;
  }
  CHECK_EQ(unreported(message), 1);
  CHECK_STR(message, "destroy of type Owner ended 8 objects of type Garbage");
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The log is the host's: it may release what has callbacks of its own, end types, and ask for the end of the watch. */
static size_t told;

static void on_line(uint32_t level, const char *message, void *ctx) {
  (void)level, (void)ctx;
  CHECK_STR(message, "Owner ended");
  CHECK_EQ(gc_watch_traverse(heap, false), RC_ERR_REFUSED);
  if (told++ == 2) return; /* deeper deaths are put off */
  rc_type *type = plain_type(heap, "Of the log");
  Owner *owner = new_owner(rc_new(owned_type));
  owner->hidden = graph_node(type, 1);
  rc_decref(owner); /* one more finding */
  CHECK_EQ(rc_type_free(type), RC_OK);
}

static void findings_while_one_is_told(void) {
  begin(GC_FINALIZERS_INLINE);
  gc_set_log(on_line, NULL);
  Owner *owner = new_owner(rc_new(owned_type));
  owner->hidden = graph_node(garbage_type, 1);
  rc_decref(owner);
  CHECK_EQ(told, 3);
  size_t count = 0;
  CHECK_EQ(gc_verify(heap, count_unreported, NULL, &count), RC_OK);
  CHECK_EQ(count, 3);
  let_go();
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(finalizers_of_what_is_owned),
    CHECK_TEST(weak_callbacks_of_what_is_owned),
    CHECK_TEST(collections_in_a_destroy),
    CHECK_TEST(callbacks_of_a_collection_in_a_destroy),
    CHECK_TEST(watches_in_a_destroy),
    CHECK_TEST(temporaries_of_a_destroy),
    CHECK_TEST(entries_of_weak_maps),
    CHECK_TEST(the_garbage_list),
    CHECK_TEST(the_queue_of_finalizers),
    CHECK_TEST(ways_through_another_heap),
    CHECK_TEST(ends_that_are_put_off),
    CHECK_TEST(types_that_end),
    CHECK_TEST(the_forgotten_one_among_others),
    CHECK_TEST(findings_while_one_is_told),
};

CHECK_MAIN(tests)
