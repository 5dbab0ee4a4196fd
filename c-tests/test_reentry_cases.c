/* ldflags: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=free */
/* Re-entry, case by case: what is ended, lengthened or begun while the engine is in the middle of something, and what comes
 * out. The matrix of all callbacks and all calls is in test_reentry.c; what gc_watch_traverse makes of what happens inside
 * callbacks is in test_lint.c. */
#include "check.h"
#include "graph.h"

#include <malloc.h>

/* ---- memory of the library ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void __wrap_free(void *memory);

static size_t blocks; /* that were taken and not given back */

void *__wrap_malloc(size_t size) {
  void *memory = __real_malloc(size);
  blocks += memory != NULL;
  return memory;
}

void *__wrap_calloc(size_t n, size_t size) {
  void *memory = __real_calloc(n, size);
  blocks += memory != NULL;
  return memory;
}

/* What is read afterwards is not what was there. */
void __wrap_free(void *memory) {
  blocks -= memory != NULL;
  if (memory) memset(memory, 0xdd, malloc_usable_size(memory));
  __real_free(memory);
}

/* ---- types ---- */

static rc_type *new_type(gc_heap *heap, const char *name, size_t size) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = size;
  return graph_type(heap, &spec);
}

/* Each run ends the type of the run before, and leaves one object more, of a new type. */
typedef struct renaming {
  rc_type *type;
  void *objects[64];
  size_t count;
  char name[32];
} renaming;

static void rename_type(gc_heap *heap, void *ctx) {
  renaming *self = ctx;
  size_t old = self->count;
  while (self->count) rc_decref(self->objects[--self->count]);
  CHECK_EQ(rc_type_free(self->type), RC_OK);
  self->name[0]++;
  self->type = new_type(heap, self->name, 16);
  for (size_t i = 0; i < old + 1; i++) self->objects[self->count++] = rc_new(self->type);
}

static void a_leak_check_whose_function_ends_types(void) {
  for (int profiled = 0; profiled < 2; profiled++) {
    gc_heap *heap = graph_heap("renaming");
    renaming self = {NULL, {NULL}, 0, "@ type of a run"};
    gc_leak_result result = GC_LEAK_RESULT_INIT;
    if (profiled) CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
    check_log_start();
    CHECK_EQ(gc_leak_check(heap, rename_type, &self, 1, 3, &result), RC_OK);
    CHECK(result.leaks == 1 && result.objects == 1);
    /* That of the last measured run: A to warm up, B, C, D; the run under a profile of its own made E of it. */
    CHECK_STR(result.type_name, "D type of a run");
    CHECK_STR(check_log.text, "most are D type of a run");
    CHECK_STR(self.name, profiled ? "D type" : "E type");
    while (self.count) rc_decref(self.objects[--self.count]);
    CHECK_EQ(gc_heap_free(heap), 0);
    CHECK_STR(result.type_name, "D type of a run"); /* as long as the process */
  }
}

/* The sites of a type that has ended are not those of the next one with its place. */
static void a_site_of_a_type_that_ended(void) {
  static rc_site site = {"here.c", "make", 1, 0};
  gc_heap *heap = graph_heap("sites");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_type *first = new_type(heap, "First", 16);
  rc_decref(rc_new_at(first, &site));
  gc_site_query query = GC_SITE_QUERY_INIT;
  gc_site_stats row = GC_SITE_STATS_INIT;
  query.file = "here.c";
  CHECK_EQ(gc_profile_sites(heap, &query, &row, 1), 1);
  CHECK_STR(row.type_name, "First");
  CHECK_EQ(rc_type_free(first), RC_OK);
  rc_type *second = new_type(heap, "Second", 16);
  CHECK(second == first); /* its place */
  CHECK_EQ(gc_profile_sites(heap, &query, &row, 1), 1);
  CHECK(row.type_name == NULL);
  rc_decref(rc_new_at(second, &site));
  CHECK_EQ(gc_profile_sites(heap, &query, &row, 1), 1);
  CHECK(row.type_name == NULL && row.allocated_objects == 2);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void a_walk_over_a_type_that_ends(void) {
  gc_heap *heap = graph_heap("walk");
  rc_type *first = new_type(heap, "First", 16);
  void *obj = rc_new(first), *found = obj;
  gc_iter_filter filter = GC_ITER_FILTER_INIT;
  gc_iter iter;
  filter.type = first;
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter), RC_OK);
  rc_decref(obj);
  CHECK_EQ(rc_type_free(first), RC_OK);
  rc_type *second = new_type(heap, "Second", 16);
  CHECK(second == first);
  obj = rc_new(second);
  CHECK_EQ(gc_iter_next(&iter, &found), RC_OK);
  CHECK(found == NULL);
  CHECK_EQ(gc_iter_end(&iter), RC_OK);
  rc_decref(obj);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The type of weak maps is the engine's, and can be ended like others while there is none. */
static gc_heap *watched;
static rc_type *map_type;
static rc_status map_type_freed;

static void free_map_type(gc_heap *heap, uint32_t watch, uint64_t value, void *ctx) {
  (void)heap, (void)watch, (void)value, (void)ctx;
  map_type_freed = rc_type_free(map_type);
}

static void a_weak_map_is_made(void) {
  watched = graph_heap("maps");
  graph_policy(watched, GC_POLICY_NEVER);
  rc_weakmap *map = rc_weakmap_new(watched);
  map_type = rc_type_of(map);
  rc_decref(map);
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t number;
  spec.metric = GC_WATCH_EXTERNAL_BYTES, spec.limit = 1, spec.action = GC_WATCH_CALLBACK;
  spec.callback = free_map_type;
  CHECK_EQ(gc_watch(watched, &spec, &number), RC_OK);
  void *held = rc_new(new_type(watched, "Held", 8));
  CHECK_EQ(rc_add_external_bytes(held, (ptrdiff_t)1 << 30), RC_OK);
  for (size_t i = 0; i < 1000 && map_type_freed == RC_OK; i++) {
    rc_weakmap *next = rc_weakmap_new(watched);
    REQUIRE(next != NULL);
    CHECK(rc_type_of(next) == map_type);
    rc_decref(next);
  }
  CHECK_EQ(map_type_freed, RC_ERR_IN_USE);
  CHECK_STR(gc_error_message(watched), "an object of it is being made");
  CHECK_EQ(rc_type_free(map_type), RC_OK);
  rc_weakmap *last = rc_weakmap_new(watched); /* with a new type */
  CHECK(last != NULL);
  rc_xdecref(last), rc_decref(held);
  CHECK_EQ(gc_heap_free(watched), 0);
}

/* ---- what takes a text or a dump lengthens the tables that it is told of ---- */

typedef struct taking {
  gc_heap *heap;
  char text[1 << 16];
  size_t len;
  unsigned number;
} taking;

static rc_site line_sites[2000];
static char scope_names[2000][24];

static int take_and_lengthen(const void *bytes, size_t len, void *ctx) {
  taking *self = ctx;
  size_t room = sizeof self->text - 1 - self->len, fits = len < room ? len : room;
  memcpy(self->text + self->len, bytes, fits);
  self->len += fits;
  for (int i = 0; i < 50 && self->number < RC_COUNT_OF(line_sites); i++, self->number++) {
    rc_site *site = &line_sites[self->number];
    site->file = "taker.c", site->function = "take", site->line = self->number + 1;
    gc_lines lines = gc_lines_begin(self->heap, site);
    gc_line(&lines, site);
    char *name = scope_names[self->number];
    snprintf(name, sizeof scope_names[0], "taker %u", self->number);
    rc_scope_mark mark = rc_scope_enter_named(self->heap, name);
    CHECK(mark != RC_SCOPE_NONE);
    CHECK_EQ(rc_scope_leave(self->heap, mark), RC_OK);
  }
  return 0;
}

static void tables_that_grow_while_they_are_written(void) {
  static taking self;
  self.heap = graph_heap("growing");
  rc_type *type = graph_declared(self.heap);
  CHECK_EQ(gc_profile_start(self.heap, NULL), RC_OK);
  CHECK_EQ(take_and_lengthen("", 0, &self), 0);
  Node *node = graph_node(type, 1);
  rc_scope_mark mark = rc_scope_enter_named(self.heap, "around");
  CHECK(rc_scope_keep(self.heap, rc_newref(node)) == node);
  gc_text_options text = GC_TEXT_OPTIONS_INIT;
  text.write = take_and_lengthen, text.write_ctx = &self, text.limit = 1000;
  CHECK_EQ(gc_profile_write(self.heap, &text), RC_OK);
  CHECK(self.number > 100);
  CHECK_STR(self.text, "Heap: growing");
  CHECK_STR(self.text, "taker 49\n"); /* the scopes that were there when it began */
  CHECK(!strstr(self.text, "taker 50\n"));
  CHECK_STR(self.text, "Function: take");
  gc_dump_options dump = GC_DUMP_OPTIONS_INIT;
  dump.write = take_and_lengthen, dump.write_ctx = &self;
  unsigned before = self.number;
  CHECK_EQ(gc_dump(self.heap, &dump, NULL), RC_OK);
  CHECK(self.number > before);
  CHECK_EQ(gc_profile_scopes(self.heap, NULL, 0), self.number);
  CHECK_EQ(rc_scope_leave(self.heap, mark), RC_OK);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(self.heap), 0);
}

/* ---- sessions ---- */

typedef struct Buffered {
  struct Buffered *peer;
  void *target;
  uint64_t *buffer; /* the host's: gone after destroy */
} Buffered;

static gc_query *session;
static size_t traversed, asked;
static void *target;

static int buffered_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Buffered *self = obj;
  traversed++;
  CHECK(self->buffer && self->buffer[0] == 7); /* it is not asked once it was destroyed */
  int stop = visit(self->peer, visit_ctx);
  return stop ? stop : visit(self->target, visit_ctx);
}

static void buffered_clear(void *obj) {
  rc_clear(&((Buffered *)obj)->peer);
  rc_clear(&((Buffered *)obj)->target);
}

static void buffered_finalize(void *obj) {
  if (!session) CHECK_EQ(gc_query_begin(rc_heap_of(obj), &session), RC_OK);
}

static void buffered_destroy(void *obj) {
  Buffered *self = obj;
  gc_path_step steps[4] = {GC_PATH_STEP_INIT};
  size_t count = 99;
  free(self->buffer);
  self->buffer = NULL;
  /* Nothing was made and nothing has died since it began: it still answers. */
  rc_status status = gc_referrers(session, target, steps, 4, &count);
  if (status == RC_OK) {
    asked++;
    CHECK_EQ(count, 0);
  } else {
    CHECK_EQ(status, RC_ERR_STALE);
  }
}

static void a_session_does_not_look_at_what_was_destroyed(void) {
  gc_heap *heap = graph_heap("destroyed");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Buffered", spec.size = sizeof(Buffered), spec.traverse = buffered_traverse;
  spec.clear = buffered_clear, spec.finalize = buffered_finalize, spec.destroy = buffered_destroy;
  rc_type *type = graph_type(heap, &spec);
  target = rc_new(new_type(heap, "Target", 8));
  Buffered *ring[3];
  for (size_t i = 0; i < 3; i++) {
    ring[i] = rc_new(type);
    REQUIRE(ring[i] != NULL);
    ring[i]->buffer = malloc(sizeof(uint64_t));
    ring[i]->buffer[0] = 7;
    ring[i]->target = rc_newref(target);
  }
  for (size_t i = 0; i < 3; i++) {
    ring[i]->peer = ring[(i + 1) % 3];
    CHECK_EQ(gc_track(ring[i]), RC_OK);
  }
  CHECK_EQ(gc_collect(heap), 3);
  CHECK(traversed > 0 && asked == 3);
  CHECK_EQ(gc_query_end(session), RC_OK);
  rc_decref(target);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- profiles that begin and end inside a function of the host's ---- */

static void end_and_begin(gc_heap *heap, void *ctx) {
  const uint32_t *flags = ctx;
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  gc_profile_stop(heap);
  if (!*flags) return;
  options.flags = *flags, options.stacks = GC_STACKS_NONE;
  CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
}

static void leak_and_begin(gc_heap *heap, void *ctx) {
  rc_scope_keep(heap, rc_new(new_type(heap, "Left", 8)));
  end_and_begin(heap, ctx);
}

static void a_profile_of_the_function_is_its_own(void) {
  const uint32_t all[] = {0, GC_PROFILE_SITES, GC_PROFILE_STACKS};
  for (size_t i = 0; i < RC_COUNT_OF(all); i++) {
    gc_heap *heap = graph_heap("own");
    uint32_t flags = all[i];
    gc_scope_stats stats = GC_SCOPE_STATS_INIT;
    gc_leak_result result = GC_LEAK_RESULT_INIT;
    CHECK_EQ(gc_measure(heap, end_and_begin, &flags, &stats), RC_ERR_REFUSED);
    CHECK_STR(gc_error_message(heap), "the function stopped the profile");
    CHECK_EQ(gc_profile_flags(heap), flags);
    gc_profile_stop(heap);
    rc_scope_mark mark = rc_scope_enter(heap);
    check_log_start();
    flags = 0;
    CHECK_EQ(gc_leak_check(heap, leak_and_begin, &flags, 0, 1, &result), RC_OK);
    CHECK(result.leaks == 1 && result.file == NULL);
    CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- the log and the fatal hook ---- */

static gc_heap *logged;
static gc_ring_watch *ring_watch;
static gc_hold holds[600];
static size_t hold_count, lines_seen, shapes_seen;
static void *held_object;

static void look_and_hold(uint32_t level, const char *message, void *ctx) {
  (void)level, (void)message, (void)ctx;
  size_t count = 0;
  lines_seen++;
  if (ring_watch) {
    CHECK_EQ(gc_watched_rings(ring_watch, NULL, 0, &count), RC_OK);
    shapes_seen += count;
    CHECK_EQ(gc_watch_rings_end(ring_watch), RC_ERR_REFUSED);
  }
  for (int i = 0; i < 40 && held_object && hold_count < RC_COUNT_OF(holds); i++)
    holds[hold_count++] = gc_hold_at(held_object, "taken in the log", NULL);
}

static void the_log_looks_at_what_is_being_written(void) {
  logged = graph_heap("logged");
  rc_type *type = graph_declared(logged);
  CHECK_EQ(gc_watch_rings(logged, GC_RINGS_LOG, &ring_watch), RC_OK);
  gc_set_log(look_and_hold, NULL);
  for (size_t i = 1; i < 5; i++) {
    rc_decref(graph_ring(type, i));
    CHECK_EQ(gc_collect(logged), i);
  }
  CHECK(lines_seen == 4 && shapes_seen > 0);
  CHECK_EQ(gc_watch_rings_end(ring_watch), RC_OK);
  ring_watch = NULL;
  /* The heap ends: each hold is a line, in which others are taken. */
  Node *node = graph_node(type, 1);
  holds[hold_count++] = gc_hold_at(node, "the first", NULL);
  held_object = node;
  lines_seen = 0;
  CHECK_EQ(gc_heap_free(logged), 1);
  CHECK(lines_seen >= 600 && hold_count == 600);
}

static void fatal_again(const char *message, void *ctx) {
  const int *fd = ctx;
  size_t len = strlen(message);
  CHECK(write(*fd, message, len) == (ssize_t)len);
  (void)rc_type_of(check_null()); /* must not call the library */
}

static void fail_in_the_fatal_hook(void *arg) {
  int fd = dup(2);
  (void)arg;
  gc_set_fatal(fatal_again, &fd);
  (void)rc_type_of(check_null());
}

/* The hook is told once; what it does wrong is a line on standard error, and the process aborts. */
static void a_fatal_hook_that_fails(void) {
  int ends[2];
  char text[1024], message[CHECK_MESSAGE_BYTES];
  REQUIRE(pipe(ends) == 0);
  int before = dup(2);
  REQUIRE(before >= 0 && dup2(ends[1], 2) == 2);
  int status = check_in_child(fail_in_the_fatal_hook, NULL, message, sizeof message);
  CHECK(dup2(before, 2) == 2 && close(before) == 0 && close(ends[1]) == 0);
  ssize_t n = read(ends[0], text, sizeof text - 1);
  text[n > 0 ? n : 0] = 0;
  close(ends[0]);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK(strncmp(text, "rc_type_of: the object is null", 30) == 0);
  CHECK_STR(text, "rcgc: fatal: rc_type_of: the object is null");
}

static size_t births;

static void use_the_default_heap(uint32_t level, const char *message, void *ctx) {
  (void)level, (void)ctx;
  CHECK_STR(message, "RCGC_PROFILE");
  births++;
  CHECK_STR(gc_heap_name(NULL), "default");
  CHECK_EQ(graph_live(NULL), 0);
}

/* The default heap is there before the log is told of a plan that it cannot carry out. */
static void the_log_uses_the_heap_that_is_being_made(void) {
  REQUIRE(setenv("RCGC_PROFILE", "no such item", 1) == 0);
  gc_set_log(use_the_default_heap, NULL);
  CHECK(gc_heap_default() != NULL);
  CHECK_EQ(births, 1);
  REQUIRE(unsetenv("RCGC_PROFILE") == 0);
}

/* ---- stacks of scopes ---- */

static gc_heap *scoped;
static rc_scope_stack *left_stack;
static rc_status stack_freed;

/* Of another heap, so that no callback of the scope's own heap is running. */
static void switch_and_free(void *obj) {
  (void)obj;
  CHECK(rc_scope_stack_switch(scoped, NULL) == left_stack);
  stack_freed = rc_scope_stack_free(left_stack);
  CHECK(rc_scope_stack_switch(scoped, left_stack) == NULL);
}

static void a_stack_whose_scope_is_being_left(void) {
  gc_heap *other = graph_heap("other");
  scoped = graph_heap("scoped");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Switching", spec.size = 8, spec.destroy = switch_and_free;
  rc_type *type = graph_type(other, &spec), *plain = new_type(scoped, "Plain", 8);
  CHECK_EQ(rc_scope_stack_new(scoped, &left_stack), RC_OK);
  CHECK(rc_scope_stack_switch(scoped, left_stack) == NULL);
  for (int how = 0; how < 4; how++) {
    rc_scope_mark mark = rc_scope_enter(scoped);
    for (int i = 0; i < 3; i++) CHECK(rc_scope_keep(scoped, rc_new(i == 1 ? type : plain)) != NULL);
    void *result = rc_new(plain);
    stack_freed = RC_OK;
    if (how == 0) CHECK_EQ(rc_scope_leave(scoped, mark), RC_OK);
    if (how == 1) CHECK_EQ(rc_scope_unwind(scoped, mark), RC_OK);
    if (how == 2) CHECK(rc_scope_reset(scoped, mark) == RC_OK && rc_scope_leave(scoped, mark) == RC_OK);
    if (how == 3) CHECK_EQ(rc_scope_leave_with(scoped, mark, result), RC_OK);
    CHECK_EQ(stack_freed, RC_ERR_IN_USE);
    if (how == 3) rc_decref(result); /* no scope is around it: it is the caller's */
    rc_decref(result);
    CHECK_EQ(graph_live(scoped), 0);
  }
  CHECK(rc_scope_stack_switch(scoped, NULL) == left_stack);
  CHECK_EQ(rc_scope_stack_free(left_stack), RC_OK);
  CHECK_EQ(gc_heap_free(scoped), 0);
  CHECK_EQ(gc_heap_free(other), 0);
}

/* The line about a callback that ends with another stack than it began with: whoever reads it may free one. */
static void switch_for_good(void *obj) {
  (void)obj;
  (void)rc_scope_stack_switch(scoped, NULL);
}

static void free_in_the_log(uint32_t level, const char *message, void *ctx) {
  (void)level, (void)ctx;
  CHECK_STR(message, "another stack of scopes");
  stack_freed = rc_scope_stack_free(left_stack);
}

static void a_stack_that_is_made_current_again(void) {
  scoped = graph_heap("scoped");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Switching", spec.size = 8, spec.destroy = switch_for_good;
  rc_type *type = graph_type(scoped, &spec);
  CHECK_EQ(rc_scope_stack_new(scoped, &left_stack), RC_OK);
  CHECK(rc_scope_stack_switch(scoped, left_stack) == NULL);
  gc_set_log(free_in_the_log, NULL);
  rc_decref(rc_new(type));
  CHECK_EQ(stack_freed, RC_ERR_IN_USE);
  CHECK(rc_scope_stack_switch(scoped, NULL) == left_stack);
  CHECK_EQ(gc_heap_free(scoped), 0);
}

/* ---- the end of a heap ---- */

static void scoped_destroy(void *obj) {
  gc_heap *heap = rc_heap_of(obj);
  rc_scope_mark mark = rc_scope_enter(heap);
  for (int i = 0; i < 100; i++) CHECK(rc_scope_keep(heap, rc_new(new_type(heap, "Temporary", 8))) != NULL);
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
}

/* Scopes of what dies last: their memory goes with the heap. */
static void scopes_at_the_end_of_a_heap(void) {
  size_t before = 0;
  for (int i = 0; i < 3; i++) {
    if (i == 1) before = blocks; /* what is the process's was taken with the first */
    gc_heap *heap = graph_heap("scopes");
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Scoped", spec.size = sizeof(Node), spec.destroy = scoped_destroy;
    spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
    rc_decref(graph_ring(graph_type(heap, &spec), 1));
    CHECK_EQ(gc_heap_free(heap), 0);
  }
  CHECK_EQ(blocks, before);
}

static const check_test tests[] = {
    CHECK_TEST(a_leak_check_whose_function_ends_types),
    CHECK_TEST(a_site_of_a_type_that_ended),
    CHECK_TEST(a_walk_over_a_type_that_ends),
    CHECK_TEST(a_weak_map_is_made),
    CHECK_TEST(tables_that_grow_while_they_are_written),
    CHECK_TEST(a_session_does_not_look_at_what_was_destroyed),
    CHECK_TEST(a_profile_of_the_function_is_its_own),
    CHECK_TEST(the_log_looks_at_what_is_being_written),
    CHECK_TEST(a_fatal_hook_that_fails),
    CHECK_TEST(the_log_uses_the_heap_that_is_being_made),
    CHECK_TEST(a_stack_whose_scope_is_being_left),
    CHECK_TEST(a_stack_that_is_made_current_again),
    CHECK_TEST(scopes_at_the_end_of_a_heap),
};

CHECK_MAIN(tests)
