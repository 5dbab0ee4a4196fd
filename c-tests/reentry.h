/* reentry.h: a world of all that can be ended, every call that ends something in it, and callbacks that make one of these
 * calls when they are armed. See test_reentry.c. */
#ifndef RCGC_REENTRY_H
#define RCGC_REENTRY_H

#include "check.h"
#include "graph.h"

/* ---- the world ---- */

typedef struct Subject {
  struct Subject *a, *b;
  uint64_t id;
} Subject;

typedef struct Row {
  void *cells[2]; /* as far as the trailing array goes */
} Row;

static struct world {
  gc_heap *heap, *other;
  /* With all callbacks; without any; of which no object lives; of which one is just being made. */
  rc_type *subject, *plain, *spare, *made, *foreign;
  gc_query *query;
  gc_mark *mark;
  gc_ring_watch *rings;
  uint32_t watch;
  rc_scope_mark scope;
  rc_scope_stack *stack;
  rc_weak *weak;
  rc_weakmap *map;
  gc_hold hold;
  gc_iter iter;
  Node *key, *value, *held;
  Row *row; /* of another length each time */
  Subject *living;
  void (*end)(void);
  bool armed;      /* the next callback of the wanted kind ends something */
  uint32_t wanted; /* the kind */
} world;

/* What the call gave, and which call it was: memory that parent and child see. */
enum { GAVE_BYTES = 64 };
static char *gave, *where;

static void give(const char *text) {
  snprintf(gave, GAVE_BYTES, "%s", text);
}

static void give_status(rc_status status) {
  give(rc_status_name(status));
}

/* ---- the calls that end something ---- */

static void end_heap(void) {
  (void)gc_heap_free(world.heap);
}

static void end_other_heap(void) {
  CHECK_EQ(gc_heap_free(world.other), 0);
  world.other = NULL;
}

static void end_spare_type(void) {
  rc_status status = rc_type_free(world.spare);
  give_status(status);
  if (status == RC_OK) world.spare = NULL;
}

static void end_made_type(void) {
  rc_status status = rc_type_free(world.made);
  give_status(status);
  if (status == RC_OK) world.made = NULL;
}

static void end_subject_type(void) {
  give_status(rc_type_free(world.subject)); /* objects of it live */
}

static void end_query(void) {
  rc_status status = gc_query_end(world.query);
  give_status(status);
  if (status == RC_OK) world.query = NULL;
}

static void end_mark(void) {
  gc_growth_free(world.mark);
  world.mark = NULL;
}

static void end_rings(void) {
  rc_status status = gc_watch_rings_end(world.rings);
  give_status(status);
  if (status == RC_OK) world.rings = NULL;
}

static void end_lint(void) {
  give_status(gc_watch_traverse(world.heap, false));
}

static void end_watch(void) {
  rc_status status = gc_unwatch(world.heap, world.watch);
  give_status(status);
  if (status == RC_OK) world.watch = 0;
}

static void end_series(void) {
  gc_series_stop(world.heap);
}

static void end_profile(void) {
  gc_profile_stop(world.heap);
}

static void end_profile_and_begin(void) {
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  gc_profile_stop(world.heap);
  options.flags = GC_PROFILE_SITES | GC_PROFILE_STACKS, options.sample_bytes = 1 << 20;
  give_status(gc_profile_start(world.heap, &options));
}

static void end_counters(void) {
  give_status(gc_profile_clear(world.heap));
}

static void end_scope(void) {
  rc_scope_mark inner = rc_scope_enter_named(world.heap, "inner");
  give_status(rc_scope_leave(world.heap, inner));
}

static void end_scopes(void) {
  rc_status status = rc_scope_stack_free(world.stack);
  give_status(status);
  if (status == RC_OK) world.stack = NULL;
}

static void end_weak(void) {
  rc_weak_free(world.weak);
  world.weak = NULL;
}

static void end_map(void) {
  rc_weakmap *map = world.map;
  world.map = NULL;
  rc_decref(map);
}

static void end_entry(void) {
  give_status(rc_weakmap_remove(world.map, world.key));
}

/* Ends the place where an object was. */
static void end_place(void) {
  give_status(rc_resize(&world.row, 2 * rc_length(world.row) + 100));
}

static void end_hold(void) {
  rc_status status = gc_release_hold(world.hold, NULL);
  give_status(status);
  if (status == RC_OK) world.hold = GC_HOLD_NONE;
}

static void on_event(gc_heap *heap, const gc_event *event, void *ctx);

static void end_callback(void) {
  give_status(gc_remove_callback(world.heap, on_event, NULL));
}

static void end_walk(void) {
  give_status(gc_iter_end(&world.iter));
}

static void end_plan(void) {
  give_status(gc_profile_plan(world.heap, "limit=64M,dump=/dev/null"));
}

static void end_signal(void) {
  give_status(gc_dump_on_signal(world.heap, 0, NULL));
}

static void end_garbage(void) {
  gc_garbage_clear(world.heap);
}

static void end_expected(void) {
  (void)gc_check_expected(world.heap);
}

static void end_by_collection(void) {
  (void)gc_collect(world.heap);
}

static void end_by_finalizers(void) {
  (void)gc_run_finalizers(world.heap);
}

/* Where host code runs. LOOK: it may only look. INSIDE: in a collection, or at the end of the heap. DEATH: in a death by
 * count. CALL: in any other call. */
enum { LOOK, INSIDE, DEATH, CALL, PLACES };

#define NOTHING ""
#define FATAL NULL
#define OK "RC_OK"
#define IN_USE "RC_ERR_IN_USE"
#define REFUSED "RC_ERR_REFUSED"

typedef struct ending {
  const char *label; /* begins with the function */
  void (*call)(void);
  const char *gives[PLACES];
} ending;

static const ending endings[] = {
    {"gc_heap_free(its heap)", end_heap, {FATAL, FATAL, FATAL, FATAL}},
    {"gc_heap_free(another)", end_other_heap, {NOTHING, NOTHING, NOTHING, NOTHING}},
    {"rc_type_free(without objects)", end_spare_type, {IN_USE, IN_USE, OK, OK}},
    {"rc_type_free(of what is made)", end_made_type, {IN_USE, IN_USE, OK, OK}},
    {"rc_type_free(with objects)", end_subject_type, {IN_USE, IN_USE, IN_USE, IN_USE}},
    {"gc_query_end", end_query, {OK, OK, OK, OK}},
    {"gc_growth_free", end_mark, {NOTHING, NOTHING, NOTHING, NOTHING}},
    {"gc_watch_rings_end", end_rings, {REFUSED, REFUSED, OK, OK}},
    {"gc_watch_traverse", end_lint, {REFUSED, REFUSED, REFUSED, REFUSED}},
    {"gc_unwatch", end_watch, {REFUSED, OK, OK, OK}},
    {"gc_series_stop", end_series, {FATAL, NOTHING, NOTHING, NOTHING}},
    {"gc_profile_stop", end_profile, {FATAL, NOTHING, NOTHING, NOTHING}},
    {"gc_profile_stop(and start)", end_profile_and_begin, {FATAL, REFUSED, OK, OK}},
    {"gc_profile_clear", end_counters, {REFUSED, REFUSED, OK, OK}},
    {"rc_scope_leave", end_scope, {OK, OK, OK, OK}},
    {"rc_scope_stack_free", end_scopes, {REFUSED, OK, OK, OK}},
    {"rc_weak_free", end_weak, {NOTHING, NOTHING, NOTHING, NOTHING}},
    {"rc_decref(a map)", end_map, {FATAL, NOTHING, NOTHING, NOTHING}},
    {"rc_weakmap_remove", end_entry, {REFUSED, OK, OK, OK}},
    {"rc_resize", end_place, {REFUSED, OK, OK, OK}},
    {"gc_release_hold", end_hold, {REFUSED, OK, OK, OK}},
    {"gc_remove_callback", end_callback, {OK, OK, OK, OK}},
    {"gc_iter_end", end_walk, {OK, OK, OK, OK}},
    {"gc_profile_plan", end_plan, {REFUSED, OK, OK, OK}},
    {"gc_dump_on_signal", end_signal, {REFUSED, OK, OK, OK}},
    {"gc_garbage_clear", end_garbage, {NOTHING, NOTHING, NOTHING, NOTHING}},
    {"gc_check_expected", end_expected, {NOTHING, NOTHING, NOTHING, NOTHING}},
    {"gc_collect", end_by_collection, {NOTHING, NOTHING, NOTHING, NOTHING}},
    {"gc_run_finalizers", end_by_finalizers, {NOTHING, NOTHING, NOTHING, NOTHING}},
};

/* ---- the callbacks ---- */

enum {
  TRAVERSE, CLEAR, FINALIZE, DESTROY, WEAK, EVENT, PREDICATE, WRITE, FINDING, FRAMES, WATCH, FUNCTION, LOG,
  FOREIGN, /* the destroy of an object of the other heap */
};

static void act(uint32_t kind) {
  if (!world.armed || world.wanted != kind) return;
  world.armed = false;
  world.end();
}

static int subject_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  act(TRAVERSE);
  int stop = rc_visit_named(visit, visit_ctx, ((Subject *)obj)->a, "a", RC_NO_INDEX);
  return stop ? stop : visit(((Subject *)obj)->b, visit_ctx);
}

static void subject_clear(void *obj) {
  act(CLEAR);
  rc_clear(&((Subject *)obj)->a);
  rc_clear(&((Subject *)obj)->b);
}

static void subject_finalize(void *obj) {
  (void)obj;
  act(FINALIZE);
}

static void subject_destroy(void *obj) {
  (void)obj;
  act(DESTROY);
}

static void foreign_destroy(void *obj) {
  (void)obj;
  act(FOREIGN);
}

static void on_death(rc_weak *weak, void *ctx) {
  (void)ctx;
  act(WEAK);
  rc_weak_free(weak);
}

static void on_event(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap, (void)ctx;
  CHECK(event->kind == 1 || event->kind == 2);
  act(EVENT);
}

static int on_object(void *obj, void *ctx) {
  (void)ctx;
  act(PREDICATE);
  return obj == world.held;
}

static int on_bytes(const void *bytes, size_t len, void *ctx) {
  (void)bytes, (void)len, (void)ctx;
  act(WRITE);
  return 0;
}

static void on_finding(const gc_finding *finding, void *ctx) {
  act(FINDING);
  CHECK_STR(finding->message, "edges lead to it");
  ++*(size_t *)ctx;
}

static size_t on_frames(const rc_site **out_frames, size_t room, void *ctx) {
  static const rc_site site = {"script", "line", 1, 0};
  (void)ctx;
  act(FRAMES);
  if (room) out_frames[0] = &site;
  return room != 0;
}

static void on_watch(gc_heap *heap, uint32_t watch, uint64_t value, void *ctx) {
  (void)heap, (void)watch, (void)value, (void)ctx;
  act(WATCH);
}

static void on_function(gc_heap *heap, void *ctx) {
  (void)heap, (void)ctx;
  act(FUNCTION);
}

static void on_line(uint32_t level, const char *message, void *ctx) {
  (void)level, (void)message, (void)ctx;
  act(LOG);
}

/* ---- making and ending the world ---- */

static uint32_t make_watch(uint32_t metric, uint64_t limit, uint32_t action) {
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t number = 0;
  spec.metric = metric, spec.limit = limit, spec.action = action;
  spec.callback = on_watch;
  CHECK_EQ(gc_watch(world.heap, &spec, &number), RC_OK);
  return number;
}

static rc_type *make_type(gc_heap *heap, const char *name, size_t tail_size) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = 40, spec.tail_size = tail_size;
  spec.destroy = heap == world.other ? foreign_destroy : NULL;
  return graph_type(heap, &spec);
}

/* How a world is made: the heap queues finalizers; it has no profile; what is made has a trailing array. */
enum { QUEUED = 1, UNPROFILED = 2, ARRAY = 4 };

static void make_world(uint32_t how) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = "world", options.finalizers = how & QUEUED ? GC_FINALIZERS_QUEUED : GC_FINALIZERS_INLINE;
  REQUIRE(gc_heap_new(&options, &world.heap) == RC_OK);
  world.other = graph_heap("other");
  graph_policy(world.heap, GC_POLICY_NEVER);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Subject", spec.size = sizeof(Subject), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = subject_traverse, spec.clear = subject_clear;
  spec.finalize = subject_finalize, spec.destroy = subject_destroy;
  world.subject = graph_type(world.heap, &spec);
  world.plain = graph_declared(world.heap);
  world.spare = make_type(world.heap, "Spare", 0);
  world.made = make_type(world.heap, "Made", how & ARRAY ? 8 : 0);
  world.foreign = make_type(world.other, "Foreign", 0);
  gc_profile_options profile = GC_PROFILE_OPTIONS_INIT;
  profile.flags = GC_PROFILE_SITES | GC_PROFILE_STACKS, profile.frames = on_frames;
  profile.sample_bytes = 1, profile.stacks = GC_STACKS_NONE;
  if (!(how & UNPROFILED)) CHECK_EQ(gc_profile_start(world.heap, &profile), RC_OK);
  CHECK_EQ(gc_series_start(world.heap, NULL), RC_OK);
  world.key = graph_node(world.plain, 1), world.value = graph_node(world.plain, 2);
  world.held = graph_node(world.plain, 3);
  static const rc_field cells[] = {RC_FIELD_TAIL(Row, cells)};
  rc_type_spec rows = RC_TYPE_SPEC_INIT;
  rows.name = "Row", rows.tail_size = sizeof(void *), rows.fields = cells, rows.field_count = 1;
  world.row = rc_new_array(graph_type(world.heap, &rows), 1);
  REQUIRE(world.row);
  world.living = rc_new(world.subject);
  world.map = rc_weakmap_new(world.heap);
  REQUIRE(world.living && world.map);
  CHECK_EQ(rc_weakmap_set(world.map, world.key, world.value), RC_OK);
  world.weak = rc_weak_new(world.held, NULL, NULL);
  world.hold = gc_hold_at(world.held, "for a while", NULL);
  CHECK(world.weak != NULL && world.hold != GC_HOLD_NONE);
  CHECK_EQ(gc_growth_mark(world.heap, GC_MARK_OBJECTS, &world.mark), RC_OK);
  CHECK_EQ(gc_watch_rings(world.heap, 0, &world.rings), RC_OK);
  CHECK_EQ(gc_watch_traverse(world.heap, true), RC_OK);
  CHECK_EQ(gc_add_callback(world.heap, on_event, NULL), RC_OK);
  CHECK_EQ(gc_expect_dead(world.held, "it is not needed"), RC_OK);
  CHECK_EQ(gc_iter_begin(world.heap, NULL, &world.iter), RC_OK);
  world.scope = rc_scope_enter_named(world.heap, "outer");
  CHECK(rc_scope_keep(world.heap, rc_newref(world.held)) == world.held);
  CHECK_EQ(rc_scope_stack_new(world.heap, &world.stack), RC_OK);
  world.watch = make_watch(GC_WATCH_LIVE_OBJECTS, UINT64_MAX, GC_WATCH_LOG);
}

/* All that is left still works and can be ended. */
static void end_world(void) {
  size_t findings = 0, rows = 0;
  world.armed = false;
  CHECK_EQ(rc_count(world.held), world.hold ? 3 : 2);
  gc_growth_free(world.mark);
  if (world.query) CHECK_EQ(gc_query_end(world.query), RC_OK);
  if (world.rings) CHECK_EQ(gc_watched_rings(world.rings, NULL, 0, &rows), RC_OK);
  CHECK_EQ(gc_watch_rings_end(world.rings), RC_OK);
  if (world.watch) CHECK_EQ(gc_unwatch(world.heap, world.watch), RC_OK);
  if (world.hold) CHECK_EQ(gc_release_hold(world.hold, NULL), RC_OK);
  CHECK_EQ(rc_scope_leave(world.heap, world.scope), RC_OK);
  CHECK_EQ(rc_scope_stack_free(world.stack), RC_OK);
  rc_weak_free(world.weak);
  CHECK_EQ(rc_type_free(world.spare), RC_OK);
  CHECK_EQ(gc_verify(world.heap, NULL, NULL, &findings), RC_OK);
  /* A callback that lets go of what is not its object's own is told by gc_watch_traverse. */
  CHECK_EQ(findings, world.end == end_map && (world.wanted == CLEAR || world.wanted == DESTROY));
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  if (gc_profile_flags(world.heap) & GC_PROFILE_SITES) {
    CHECK_EQ(gc_profile_get(world.heap, &stats), RC_OK);
    CHECK_EQ(stats.live_objects, graph_live(world.heap));
    CHECK_EQ(stats.live_bytes, graph_stats(world.heap).live_bytes);
  }
  rc_xdecref(world.map);
  rc_decref(world.key), rc_decref(world.value), rc_decref(world.held), rc_decref(world.living);
  rc_decref(world.row);
  (void)gc_run_finalizers(world.heap);
  (void)gc_collect(world.heap);
  CHECK_EQ(graph_live(world.heap), 0);
  CHECK_EQ(gc_heap_free(world.heap), 0);
  if (world.other) CHECK_EQ(gc_heap_free(world.other), 0);
}

#endif /* RCGC_REENTRY_H */
