/* Re-entry: what the engine still uses when host code that it called returns. Every way in which the engine runs host code,
 * with every call that ends something: a heap, a type, a session, a mark, a watch, a series, a profile, a scope, a handle, a
 * map, a hold, a callback. Each cell has a world of all that (reentry.h), lets the engine call, ends one thing there, and
 * goes on: what the call gives is a status that the headers name, or a fatal line that begins with the function, or it is
 * simply right, and so is all that comes afterwards. Valgrind and the sanitizers see what is not.
 *
 * RCGC_TEST_SHOW=1 prints the table. Single cases, with what they give, are in test_reentry_cases.c. */
#include "check.h"
#include "graph.h"
#include "reentry.h"

#include <sys/mman.h>

/* ---- letting the engine call ---- */

static Subject *subject(void) {
  Subject *self = rc_new(world.subject);
  REQUIRE(self != NULL);
  return self;
}

static Subject *subjects_in_a_ring(void) {
  Subject *one = subject(), *two = subject();
  one->a = two;
  two->a = rc_newref(one);
  one->b = (Subject *)rc_newref(world.held);
  return one;
}

static void arm(uint32_t kind) {
  world.wanted = kind;
  world.armed = true;
}

static void die_by_count(uint32_t kind) {
  Subject *self = subject();
  self->a = (Subject *)rc_newref(world.held);
  if (kind == WEAK) CHECK(rc_weak_new(self, on_death, NULL) != NULL);
  arm(kind);
  rc_decref(self);
}

static void die_in_a_ring(uint32_t kind) {
  Subject *ring = subjects_in_a_ring();
  if (kind == WEAK) CHECK(rc_weak_new(ring, on_death, NULL) != NULL);
  rc_decref(ring);
  arm(kind);
  (void)gc_collect(world.heap);
}

static void die_when_run(uint32_t kind) {
  die_by_count(kind);
  CHECK(world.armed); /* it waits */
  (void)gc_run_finalizers(world.heap); /* the finalizer; then the object dies, and its weak callback waits */
  (void)gc_run_finalizers(world.heap);
}

static void die_at_the_end(uint32_t kind) {
  Subject *ring = subjects_in_a_ring();
  if (kind == WEAK) CHECK(rc_weak_new(ring, on_death, NULL) != NULL);
  rc_decref(ring);
  arm(kind);
  CHECK(gc_heap_free(world.heap) > 0); /* all the rest is held */
}

static void collect_alive(uint32_t kind) {
  Subject *ring = subjects_in_a_ring();
  arm(kind);
  (void)gc_collect(world.heap);
  world.armed = false;
  rc_decref(ring);
  (void)gc_collect(world.heap);
}

static void follow(uint32_t kind) {
  Subject *self = subject();
  self->a = (Subject *)rc_newref(world.held);
  arm(kind);
  rc_decref(self); /* gc_watch_traverse looks where its edges lead before it is cleared */
}

static void ask_session(uint32_t kind) {
  Subject *self = subject();
  gc_path_step steps[4] = {GC_PATH_STEP_INIT};
  size_t count = 0;
  self->a = (Subject *)rc_newref(world.held);
  CHECK_EQ(gc_query_begin(world.heap, &world.query), RC_OK);
  arm(kind);
  if (kind == PREDICATE)
    (void)gc_find_path(world.query, self, GC_FORWARD, on_object, NULL, steps, 4, &count);
  else
    (void)gc_referrers(world.query, world.held, steps, 4, &count);
  world.armed = false;
  rc_decref(self);
}

static void dump(uint32_t kind) {
  Subject *self = subject();
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = on_bytes;
  arm(kind);
  CHECK_EQ(gc_dump(world.heap, &options, NULL), RC_OK);
  world.armed = false;
  rc_decref(self);
}

static void write_text(uint32_t kind) {
  gc_text_options options = GC_TEXT_OPTIONS_INIT;
  options.write = on_bytes;
  arm(kind);
  CHECK_EQ(gc_profile_write(world.heap, &options), RC_OK);
}

static void verify(uint32_t kind) {
  size_t told = 0, count = 0;
  Node *one = graph_node(world.plain, 1), *two = graph_node(world.plain, 2);
  one->a = one->b = two; /* one edge more than references */
  arm(kind);
  CHECK_EQ(gc_verify(world.heap, on_finding, &told, &count), RC_OK);
  CHECK(told == 1 && count == 1);
  one->b = NULL;
  rc_decref(one);
}

/* One object of the type of which there is none. */
static void make_one(void) {
  void *obj = rc_new(world.made);
  REQUIRE(obj != NULL);
  CHECK(!world.armed); /* the callback was called inside rc_new */
  CHECK(rc_type_of(obj) == world.made && rc_size_of(obj) == 40 && rc_type_live(world.made) == 1);
  rc_decref(obj);
}

static void make_under_frames(uint32_t kind) {
  arm(kind);
  make_one();
}

static void make_at_a_limit(uint32_t kind) {
  (void)make_watch(GC_WATCH_EXTERNAL_BYTES, 1, kind == LOG ? GC_WATCH_LOG : GC_WATCH_CALLBACK);
  /* Spends the budget, so that the next allocation looks at the watches. */
  CHECK_EQ(rc_add_external_bytes(world.held, (ptrdiff_t)1 << 30), RC_OK);
  arm(kind);
  make_one();
}

/* Memory runs out in rc_new_array: an emergency collection, then what the plan says. */
static void make_too_much(uint32_t kind) {
  gc_policy policy = GC_POLICY_INIT;
  policy.limit_bytes = 16 << 20;
  CHECK_EQ(gc_set_policy(world.heap, &policy), RC_OK);
  if (kind == LOG || kind == TRAVERSE) CHECK_EQ(gc_profile_plan(world.heap, "oom,dump=/dev/null"), RC_OK);
  if (kind == FINALIZE) rc_decref(subjects_in_a_ring());
  arm(kind);
  CHECK(rc_new_array(world.made, 8 << 20) == NULL);
}

static void tick_at_a_limit(uint32_t kind) {
  (void)make_watch(GC_WATCH_LIVE_OBJECTS, 1, kind == LOG ? GC_WATCH_LOG : GC_WATCH_CALLBACK);
  arm(kind);
  gc_series_tick(world.heap);
}

static void check_for_leaks(uint32_t kind) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  arm(kind);
  CHECK_EQ(gc_leak_check(world.heap, on_function, NULL, 1, 2, &result), RC_OK);
}

static void measure(uint32_t kind) {
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  arm(kind);
  (void)gc_measure(world.heap, on_function, NULL, &stats);
}

static void *foreign(void) {
  void *obj = rc_new(world.foreign);
  REQUIRE(obj != NULL);
  return obj;
}

/* Callbacks of another heap in the middle of what this one does, without a callback of its own. */
static void leave_scope(uint32_t kind) {
  rc_scope_mark mark = rc_scope_enter(world.heap);
  CHECK(rc_scope_keep(world.heap, rc_newref(world.held)) && rc_scope_keep(world.heap, foreign()));
  arm(kind);
  CHECK_EQ(rc_scope_leave(world.heap, mark), RC_OK);
}

static void shrink_array(uint32_t kind) {
  Row *row = rc_new_array(rc_type_of(world.row), 2);
  REQUIRE(row);
  row->cells[0] = foreign(), row->cells[1] = foreign();
  arm(kind);
  CHECK_EQ(rc_resize(&row, 0), RC_OK);
  rc_decref(row);
}

static void clear_garbage(uint32_t kind) {
  Node *node = graph_node(world.plain, 4);
  node->a = rc_newref(node), node->b = foreign();
  CHECK_EQ(gc_set_debug(world.heap, GC_DEBUG_SAVEALL), RC_OK);
  rc_decref(node);
  CHECK_EQ(gc_collect(world.heap), 1);
  CHECK_EQ(gc_set_debug(world.heap, 0), RC_OK);
  rc_clear(&node->a); /* the garbage list has the only reference */
  arm(kind);
  gc_garbage_clear(world.heap);
}

static void run_finalizers(uint32_t kind) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Finalized", spec.size = sizeof(Node), spec.finalize = subject_finalize;
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  rc_type *type = graph_type(world.heap, &spec);
  Node *first = graph_node(type, 5), *second = graph_node(type, 6);
  first->a = foreign();
  rc_decref(first), rc_decref(second);
  arm(kind);
  CHECK_EQ(gc_run_finalizers(world.heap), 2);
}

typedef struct way {
  const char *label;
  void (*go)(uint32_t kind);
  uint32_t kind, place, how;
} way;

static const way ways[] = {
    {"traverse in a collection", collect_alive, TRAVERSE, LOOK, 0},
    {"traverse in a session", ask_session, TRAVERSE, LOOK, 0},
    {"traverse in gc_watch_traverse", follow, TRAVERSE, LOOK, 0},
    {"traverse in a dump", dump, TRAVERSE, LOOK, 0},
    {"traverse in a dump when memory runs out", make_too_much, TRAVERSE, LOOK, ARRAY},
    {"write of a dump", dump, WRITE, LOOK, 0},
    {"write of a text", write_text, WRITE, LOOK, 0},
    {"report of gc_verify", verify, FINDING, LOOK, 0},
    {"finalize in a collection", die_in_a_ring, FINALIZE, INSIDE, 0},
    {"weak callback in a collection", die_in_a_ring, WEAK, INSIDE, 0},
    {"clear in a collection", die_in_a_ring, CLEAR, INSIDE, 0},
    {"destroy in a collection", die_in_a_ring, DESTROY, INSIDE, 0},
    {"callback of a collection", collect_alive, EVENT, INSIDE, 0},
    {"callback of an emergency collection", make_too_much, EVENT, INSIDE, ARRAY | UNPROFILED},
    {"finalize in an emergency collection", make_too_much, FINALIZE, INSIDE, ARRAY},
    {"finalize at the end of the heap", die_at_the_end, FINALIZE, INSIDE, 0},
    {"weak callback at the end of the heap", die_at_the_end, WEAK, INSIDE, 0},
    {"destroy at the end of the heap", die_at_the_end, DESTROY, INSIDE, 0},
    {"finalize in a death by count", die_by_count, FINALIZE, DEATH, 0},
    {"weak callback in a death by count", die_by_count, WEAK, DEATH, 0},
    {"clear in a death by count", die_by_count, CLEAR, DEATH, 0},
    {"destroy in a death by count", die_by_count, DESTROY, DEATH, 0},
    {"finalize in gc_run_finalizers", die_when_run, FINALIZE, DEATH, QUEUED},
    {"weak callback in gc_run_finalizers", die_when_run, WEAK, DEATH, QUEUED},
    {"predicate of gc_find_path", ask_session, PREDICATE, CALL, 0},
    {"frames in rc_new", make_under_frames, FRAMES, CALL, 0},
    {"frames in rc_new, of an array", make_under_frames, FRAMES, CALL, ARRAY},
    {"callback of a watch in rc_new", make_at_a_limit, WATCH, CALL, UNPROFILED},
    {"callback of a watch in rc_new, of an array", make_at_a_limit, WATCH, CALL, UNPROFILED | ARRAY},
    {"callback of a watch in rc_new, profiled", make_at_a_limit, WATCH, CALL, 0},
    {"callback of a watch in rc_new, of an array, profiled", make_at_a_limit, WATCH, CALL, ARRAY},
    {"callback of a watch at a tick", tick_at_a_limit, WATCH, CALL, 0},
    {"log in rc_new", make_at_a_limit, LOG, CALL, 0},
    {"log when memory runs out", make_too_much, LOG, CALL, ARRAY | UNPROFILED},
    {"log at a tick", tick_at_a_limit, LOG, CALL, 0},
    {"function of gc_leak_check", check_for_leaks, FUNCTION, CALL, 0},
    {"function of gc_measure", measure, FUNCTION, CALL, 0},
    {"destroy of another heap in rc_scope_leave", leave_scope, FOREIGN, CALL, 0},
    {"destroy of another heap in rc_resize", shrink_array, FOREIGN, CALL, 0},
    {"destroy of another heap in gc_garbage_clear", clear_garbage, FOREIGN, CALL, 0},
    {"destroy of another heap in gc_run_finalizers", run_finalizers, FOREIGN, CALL, QUEUED},
};

/* ---- the matrix ---- */

/* Where one cell differs from the others of its place. */
static const char *expected(const way *in, const ending *call) {
  bool made = in->go == make_under_frames || in->go == make_at_a_limit || in->go == make_too_much;
  bool unprofiled = in->how & UNPROFILED, foreign = in->kind == FOREIGN;
  if (call->call == end_made_type && made) return IN_USE;
  if (call->call == end_query && in->go == ask_session) return IN_USE;
  /* No callback of the heap is running. */
  if (call->call == end_lint && (in->kind == FUNCTION || in->kind == LOG || foreign)) return OK;
  if (call->call == end_other_heap && foreign) return FATAL;
  if (call->call == end_counters && unprofiled) return REFUSED;
  return call->gives[in->place];
}

typedef struct cell {
  const way *in;
  const ending *call;
} cell;

static void run_cell(const cell *at) {
  memset(&world, 0, sizeof world);
  gc_set_log(on_line, NULL);
  make_world(at->in->how);
  world.end = at->call->call;
  *gave = 0;
  at->in->go(at->in->kind);
  CHECK(!world.armed); /* it was called */
  if (at->in->go == die_at_the_end) {
    gc_growth_free(world.mark);
    CHECK_EQ(gc_query_end(world.query), RC_OK);
    CHECK_EQ(gc_watch_rings_end(world.rings), RC_OK);
    rc_weak_free(world.weak);
    if (world.other) CHECK_EQ(gc_heap_free(world.other), 0);
  } else {
    end_world();
  }
}

static void show(const cell *at, const char *gives) {
  if (check_env("RCGC_TEST_SHOW"))
    printf("| %s | %s | %s |\n", at->in->label, at->call->label, *gives ? gives : "nothing");
}

static void run_one(void *arg) {
  run_cell(arg);
}

/* The cells of a row that return, one world after the other in one process. */
static void run_row(void *arg) {
  const way *in = arg;
  for (size_t i = 0; i < RC_COUNT_OF(endings); i++) {
    const cell at = {in, &endings[i]};
    const char *wanted = expected(in, at.call);
    if (!wanted) continue;
    unsigned before = check_failures;
    snprintf(where, GAVE_BYTES, "%s", at.call->label);
    run_cell(&at);
    CHECK(strcmp(gave, wanted) == 0);
    if (check_failures != before)
      printf("  %s, %s: gave \"%s\", wanted \"%s\"\n", in->label, at.call->label, gave, wanted);
    show(&at, gave);
  }
}

static void try_row(const way *in) {
  char message[CHECK_MESSAGE_BYTES];
  int status = check_in_child(run_row, (void *)(uintptr_t)in, message, sizeof message);
  if (!CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0))
    printf("  %s, %s: message \"%s\", wait status %#x\n", in->label, where, message, (unsigned)status);
}

/* A cell that ends in the fatal hook, which is told a line that begins with the function. */
static void try_fatal(const cell *at) {
  char message[CHECK_MESSAGE_BYTES];
  int status = check_in_child(run_one, (void *)(uintptr_t)at, message, sizeof message);
  size_t name = strcspn(at->call->label, "(");
  bool fatal = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  if (!CHECK(fatal && strncmp(message, at->call->label, name) == 0 && message[name] == ':'))
    printf("  %s, %s: message \"%s\", wait status %#x\n", at->in->label, at->call->label, message,
           (unsigned)status);
  show(at, message);
}

static void every_call_that_ends_something_in(uint32_t place) {
  gave = mmap(NULL, 2 * GAVE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(gave != MAP_FAILED);
  where = gave + GAVE_BYTES;
  for (size_t i = 0; i < RC_COUNT_OF(ways); i++) {
    if (ways[i].place != place) continue;
    try_row(&ways[i]);
    for (size_t j = 0; j < RC_COUNT_OF(endings); j++) {
      const cell at = {&ways[i], &endings[j]};
      if (!expected(at.in, at.call)) try_fatal(&at);
    }
  }
  munmap(gave, 2 * GAVE_BYTES);
}

static void where_host_code_may_only_look(void) {
  every_call_that_ends_something_in(LOOK);
}

static void inside_a_collection(void) {
  every_call_that_ends_something_in(INSIDE);
}

static void inside_a_death_by_count(void) {
  every_call_that_ends_something_in(DEATH);
}

static void inside_another_call(void) {
  every_call_that_ends_something_in(CALL);
}

static const check_test tests[] = {
    CHECK_TEST(where_host_code_may_only_look),
    CHECK_TEST(inside_a_collection),
    CHECK_TEST(inside_a_death_by_count),
    CHECK_TEST(inside_another_call),
};

CHECK_MAIN(tests)
