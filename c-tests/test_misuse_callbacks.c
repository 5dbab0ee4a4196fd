/* Callbacks that break their rules, and what the fatal hook may do. Misuse that can corrupt memory ends in the fatal hook with
 * one line that names function, type, address or cause; nothing is silently ignored. */
#include "misuse.h"

/* ---- callbacks that break their rules ---- */

/* What the next traverse, clear or destroy of a Rogue does beside, or instead of, its duty. */
static void (*on_traverse)(Node *self);
static void (*on_clear)(Node *self);
static void (*on_destroy)(Node *self);
static bool forget_edge, report_twice;
static void *report_also;
static Node *kept;
static rc_type *rogue;

static int rogue_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *self = obj;
  if (on_traverse) on_traverse(self);
  int stop = forget_edge ? 0 : rc_visit_named(visit, visit_ctx, self->a, "left", RC_NO_INDEX);
  if (!stop && report_twice) stop = visit(self->a, visit_ctx);
  if (!stop && report_also) stop = rc_visit_named(visit, visit_ctx, report_also, "also", 3);
  return stop ? stop : visit(self->b, visit_ctx);
}

static void rogue_clear(void *obj) {
  Node *self = obj;
  if (on_clear) on_clear(self);
  rc_clear(&self->a);
  rc_clear(&self->b);
}

static void rogue_destroy(void *obj) {
  graph.destroyed++;
  if (on_destroy) on_destroy(obj);
}

static rc_type *rogue_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Rogue", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = rogue_traverse, spec.clear = rogue_clear, spec.destroy = rogue_destroy;
  on_traverse = on_clear = on_destroy = NULL;
  forget_edge = report_twice = false;
  report_also = NULL, kept = NULL;
  return rogue = graph_type(heap, &spec);
}

/* Two deaths of one object: by count, and as a ring of itself. */
static void end_by_count(void *arg) {
  (void)arg;
  rc_decref(graph_node(rogue, 1));
}

static void end_in_ring(void *arg) {
  (void)arg;
  rc_decref(graph_ring(rogue, 1));
  (void)gc_collect(NULL);
}

/* ---- traverse may only visit ---- */

static void traverse_allocates(Node *self) {
  (void)self;
  kept = rc_new(rogue);
}

static void traverse_allocates_array(Node *self) {
  (void)self;
  kept = rc_new_array(rogue, 0);
}

static void traverse_releases_last(Node *self) {
  (void)self;
  rc_decref(kept);
}

static void traverse_frees_heap(Node *self) {
  (void)self;
  gc_heap_free(NULL);
}

static void traverse_that_allocates_releases_or_frees(void) {
  rogue_type(NULL);
  on_traverse = traverse_allocates;
  CHECK_FATAL(end_in_ring, NULL, "rc_new", "Rogue", "traverse");
  on_traverse = traverse_allocates_array;
  CHECK_FATAL(end_in_ring, NULL, "rc_new", "Rogue", "traverse");
  on_traverse = NULL;
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    kept = graph_node(graph_kinds[kind](NULL), 3);
    on_traverse = traverse_releases_last;
    static const char *const names[GRAPH_KINDS] = {"Declared", "Watched", "Callback", "Mixed"};
    CHECK_FATAL(end_in_ring, NULL, "rc_decref", names[kind], "traverse");
    on_traverse = NULL;
    rc_clear(&kept);
  }
  on_traverse = traverse_frees_heap;
  CHECK_FATAL(end_in_ring, NULL, "gc_heap_free", "callback");
}

static size_t inner_collected;

static void traverse_collects(Node *self) {
  (void)self;
  inner_collected += gc_collect(NULL) + gc_collect_young(NULL);
}

/* A collection inside a traverse cannot hurt: refused, counted, and the outer one goes on. */
static void traverse_that_collects(void) {
  rogue_type(NULL);
  Node *ring = graph_ring(rogue, 2);
  rc_decref(ring);
  on_traverse = traverse_collects;
  CHECK_EQ(gc_collect(NULL), 2);
  CHECK_EQ(inner_collected, 0);
  gc_stats stats = graph_stats(NULL);
  CHECK(stats.full.refused >= 2 && stats.young.refused >= 2);
  CHECK_EQ(stats.full.runs, 1);
}

/* An edge that is forgotten makes its target look held: it leaks, and nothing else happens. */
static void traverse_that_forgets_an_edge(void) {
  rogue_type(NULL);
  Node *ring = graph_ring(rogue, 3);
  rc_decref(ring);
  forget_edge = true;
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(graph_live(NULL), 3);
  CHECK_EQ(graph_stats(NULL).full.last_status, RC_OK); /* it cannot be seen from here */
  forget_edge = false; /* mended: the ring goes */
  CHECK_EQ(gc_collect(NULL), 3);
}

/* An edge reported twice by an object that lives: the target keeps living, and the books say so. */
static void traverse_that_reports_an_edge_twice(void) {
  rogue_type(NULL);
  Node *holder = graph_node(rogue, 1);
  holder->a = graph_node(rogue, 2);
  report_twice = true;
  check_log_start();
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(graph_live(NULL), 2);
  CHECK_EQ(rc_count(holder->a), 1);
  CHECK_EQ(graph_stats(NULL).full.last_status, RC_ERR_TRAVERSE);
  CHECK(check_log.lines[GC_LOG_ERROR] >= 1);
  CHECK_STR(check_log.text, "Rogue");
  CHECK_STR(check_log.text, "twice");
  report_twice = false;
  check_log_start();
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 0);
  CHECK_EQ(graph_stats(NULL).full.last_status, RC_OK);
  rc_decref(holder);
  CHECK_EQ(graph_live(NULL), 0);
}

/* The same in a dead ring: too many edges keep it alive and are reported. */
static void dead_ring_that_reports_twice(void) {
  rogue_type(NULL);
  rc_decref(graph_ring(rogue, 3));
  report_twice = true;
  check_log_start();
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(graph_live(NULL), 3);
  CHECK_EQ(graph_stats(NULL).full.last_status, RC_ERR_TRAVERSE);
  CHECK_STR(check_log.text, "Rogue");
  report_twice = false;
  CHECK_EQ(gc_collect(NULL), 3);
}

/* The worst of it: a dead ring reports its edge to a child twice, and the child's second reference is the
 * host's own. The numbers fit, so the child looks dead; but it is never freed under the host's feet. */
static void held_child_reported_twice(void *arg) {
  (void)arg;
  Node *ring = graph_ring(rogue, 1), *child = graph_node(rogue, 7);
  rc_setref(&ring->b, ring->a); /* the ring goes through b, the child hangs from a */
  ring->a = rc_newref(child);
  rc_decref(ring);
  report_twice = true;
  (void)gc_collect(NULL);
  CHECK_EQ(rc_count(child), 1);
  CHECK_EQ(child->id, 7);
  rc_decref(child);
}

static void child_held_from_outside_reported_twice(void) {
  rogue_type(NULL);
  CHECK_FATAL(held_child_reported_twice, NULL, "Rogue");
}

static void report_dead_object(void *arg) {
  (void)arg;
  Node *node = graph_node(rogue, 1), *dead = graph_node(rogue, 2), *keep = graph_node(rogue, 3);
  rc_decref(dead);
  report_also = dead;
  (void)gc_collect(NULL);
  rc_decref(node), rc_decref(keep);
}

static void traverse_that_reports_a_dead_object(void) {
  rogue_type(NULL);
  /* The checking level finds it before the collection asks. */
  const char *who = check_env("RCGC_TEST_CHECKED") ? "check failed" : "traverse";
  CHECK_FATAL(report_dead_object, NULL, who, "Rogue", "also[3]", "a dead object of type Rogue");
}

/* An object with room inside. */
typedef struct Roomy {
  Node *a;
  char space[1000];
} Roomy;

static const rc_field roomy_fields[] = {RC_FIELD(Roomy, a)};

/* A pointer that is no object is left out and reported: it cannot corrupt anything. */
static void collect_all(void *arg) {
  (void)gc_collect(arg);
}

static void traverse_that_reports_a_foreign_pointer(void) {
  static Node foreign;
  rogue_type(NULL);
  Node *node = graph_node(rogue, 1);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Roomy", spec.size = sizeof(Roomy);
  spec.fields = roomy_fields, spec.field_count = 1;
  Roomy *roomy = rc_new(graph_type(NULL, &spec));
  REQUIRE(roomy != NULL);
  void *const reported[] = {&foreign, (char *)node + 8, (char *)roomy + 64, (void *)(uintptr_t)0x10};
  for (size_t i = 0; i < RC_COUNT_OF(reported); i++) {
    report_also = reported[i];
    check_log_start();
    if (check_env("RCGC_TEST_CHECKED")) {
      CHECK_FATAL(collect_all, NULL, "check failed", "Rogue", "also[3]", "no object");
      continue;
    }
    CHECK_EQ(gc_collect(NULL), 0);
    CHECK_EQ(graph_stats(NULL).full.last_status, RC_ERR_TRAVERSE);
    CHECK_STR(check_log.text, "Rogue");
    CHECK_STR(check_log.text, "also[3]");
    CHECK_STR(check_log.text, "not an object");
  }
  report_also = NULL;
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(graph_stats(NULL).full.last_status, RC_OK);
  rc_decref(node);
  rc_decref(roomy);
}

/* An edge to another heap's object is legal. */
static void traverse_that_reports_another_heaps_object(void) {
  gc_heap *heap = graph_heap("other");
  Node *other = graph_node(graph_declared(heap), 1);
  rogue_type(NULL);
  Node *node = graph_node(rogue, 1);
  node->a = (Node *)rc_newref(other);
  check_log_start();
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], 0);
  CHECK_EQ(graph_stats(NULL).full.last_status, RC_OK);
  rc_decref(node);
  CHECK_EQ(rc_count(other), 1);
  rc_decref(other);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- nothing may keep a new reference to a dying object ---- */

static void store_self(Node *self) {
  kept = rc_newref(self);
}

static void stored_in_destroy_or_clear(void) {
  static void (*const deaths[])(void *) = {end_by_count, end_in_ring};
  rogue_type(NULL);
  for (size_t i = 0; i < 2; i++) {
    on_clear = NULL, on_destroy = store_self;
    CHECK_FATAL(deaths[i], NULL, "Rogue", "destroy");
    on_destroy = NULL, on_clear = store_self;
    CHECK_FATAL(deaths[i], NULL, "Rogue", "clear");
  }
}

/* A declared type with nothing but a destroy. */
static void watched_stores(void *obj) {
  kept = rc_newref(obj);
}

static void stores_by_count(void *arg) {
  rc_decref(graph_node(arg, 1));
}

static void stores_in_ring(void *arg) {
  rc_decref(graph_ring(arg, 2));
  (void)gc_collect(NULL);
}

static void declared_object_stored_in_destroy(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Keeper", spec.size = sizeof(Node), spec.destroy = watched_stores;
  spec.fields = graph_fields, spec.field_count = 2;
  rc_type *type = graph_type(NULL, &spec);
  CHECK_FATAL(stores_by_count, type, "Keeper", "destroy");
  CHECK_FATAL(stores_in_ring, type, "Keeper", "destroy");
}

static void release_self(Node *self) {
  rc_decref(self);
}

static void over_release_while_dying(void) {
  static void (*const deaths[])(void *) = {end_by_count, end_in_ring};
  rogue_type(NULL);
  for (size_t i = 0; i < 2; i++) {
    on_clear = NULL, on_destroy = release_self;
    CHECK_FATAL(deaths[i], NULL, "Rogue", "dying");
    on_destroy = NULL, on_clear = release_self;
    CHECK_FATAL(deaths[i], NULL, "Rogue", "dying");
  }
}

static void immortalize_self(Node *self) {
  rc_immortalize(self);
}

static void immortalized_while_dying(void) {
  rogue_type(NULL);
  on_destroy = immortalize_self;
  CHECK_FATAL(end_by_count, NULL, "rc_immortalize", "Rogue", "dying");
  CHECK_FATAL(end_in_ring, NULL, "rc_immortalize", "Rogue", "dying");
}

static void track_self(Node *self) {
  CHECK_EQ(gc_track(self), RC_ERR_REFUSED);
  CHECK_EQ(gc_untrack(self), RC_ERR_REFUSED);
}

static void tracking_a_dying_object_is_refused(void) {
  rogue_type(NULL);
  on_clear = on_destroy = track_self;
  end_by_count(NULL);
  end_in_ring(NULL);
  CHECK_EQ(graph.destroyed, 2);
  CHECK_EQ(graph_live(NULL), 0);
}

static void free_the_heap(Node *self) {
  gc_heap_free(rc_heap_of(self));
}

static void heap_freed_in_its_own_callback(void) {
  rogue_type(NULL);
  on_destroy = free_the_heap;
  CHECK_FATAL(end_by_count, NULL, "gc_heap_free", "callback");
  CHECK_FATAL(end_in_ring, NULL, "gc_heap_free", "callback");
  on_destroy = NULL, on_clear = free_the_heap;
  CHECK_FATAL(end_by_count, NULL, "gc_heap_free", "callback");
  CHECK_FATAL(end_in_ring, NULL, "gc_heap_free", "callback");
}

static void free_the_type(Node *self) {
  CHECK_EQ(rc_type_free(rc_type_of(self)), RC_ERR_IN_USE);
}

static void type_freed_in_its_own_callback(void) {
  rogue_type(NULL);
  on_clear = on_destroy = free_the_type;
  end_by_count(NULL);
  end_in_ring(NULL);
  CHECK_EQ(graph.destroyed, 2);
  CHECK_EQ(rc_type_free(rogue), RC_OK);
}

/* A destroy that makes objects whose destroy does the same for ever would keep gc_heap_free from ending. */
static void make_one_more(Node *self) {
  kept = rc_new(rc_type_of(self));
}

static void end_heap_for_ever(void *arg) {
  gc_heap *heap = arg;
  check_log_start();
  gc_heap_free(heap);
}

static void heap_that_never_gets_empty(void) {
  gc_heap *heap = graph_heap("endless");
  rogue_type(heap);
  kept = graph_node(rogue, 1);
  on_destroy = make_one_more;
  CHECK_FATAL(end_heap_for_ever, heap, "gc_heap_free", "endless");
  on_destroy = NULL;
  rc_clear(&kept);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- the hooks ---- */

static void message_to_stderr(void *arg) {
  gc_set_fatal(NULL, NULL);
  if (dup2(*(int *)arg, STDERR_FILENO) < 0) _exit(3);
  rc_type *type = graph_declared(NULL);
  Node *node = graph_node(type, 1);
  rc_decref(node);
  rc_decref(node);
}

/* Without a hook the line goes to standard error, and the process aborts all the same. */
static void without_a_hook_standard_error_is_told(void) {
  int ends[2];
  char text[CHECK_MESSAGE_BYTES], none[16];
  REQUIRE(pipe(ends) == 0);
  int status = check_in_child(message_to_stderr, &ends[1], none, sizeof none);
  close(ends[1]);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK_EQ(strlen(none), 0);
  ssize_t n = read(ends[0], text, sizeof text - 1);
  text[n > 0 ? n : 0] = 0;
  close(ends[0]);
  CHECK_STR(text, "rcgc");
  CHECK_STR(text, "rc_decref");
  CHECK_STR(text, "\n");
}

static void leave(const char *message, void *ctx) {
  (void)message;
  _exit(*(int *)ctx);
}

static void leave_by_hook(void *arg) {
  gc_set_fatal(leave, arg);
  (void)rc_type_of(check_null());
}

/* The hook may end the process in its own way. */
static void hook_may_exit(void) {
  int code = 42;
  char message[64];
  int status = check_in_child(leave_by_hook, &code, message, sizeof message);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static const check_test tests[] = {
    CHECK_TEST(traverse_that_allocates_releases_or_frees),
    CHECK_TEST(traverse_that_collects),
    CHECK_TEST(traverse_that_forgets_an_edge),
    CHECK_TEST(traverse_that_reports_an_edge_twice),
    CHECK_TEST(dead_ring_that_reports_twice),
    CHECK_TEST(child_held_from_outside_reported_twice),
    CHECK_TEST(traverse_that_reports_a_dead_object),
    CHECK_TEST(traverse_that_reports_a_foreign_pointer),
    CHECK_TEST(traverse_that_reports_another_heaps_object),
    CHECK_TEST(stored_in_destroy_or_clear),
    CHECK_TEST(declared_object_stored_in_destroy),
    CHECK_TEST(over_release_while_dying),
    CHECK_TEST(immortalized_while_dying),
    CHECK_TEST(tracking_a_dying_object_is_refused),
    CHECK_TEST(heap_freed_in_its_own_callback),
    CHECK_TEST(type_freed_in_its_own_callback),
    CHECK_TEST(heap_that_never_gets_empty),
    CHECK_TEST(without_a_hook_standard_error_is_told),
    CHECK_TEST(hook_may_exit),
};

CHECK_MAIN(tests)
