/* The misuse catalogue: every function that takes a pointer of the host's with each kind of wrong one,
 * released twice, used after death, heaps and types freed twice, callbacks that break their rules. Misuse
 * that can corrupt memory ends in the fatal hook with one line that names function, type, address or
 * cause; nothing is silently ignored.
 *
 * Built with the exported count functions, which check what the inline ones cannot (those are in
 * test_count.c). `RCGC_TEST_SHOW=1 test_misuse table_of` prints what each function gives for each kind of
 * argument; scripts/misuse-table makes docs/misuse.md of that. */
#ifndef RCGC_NO_INLINE
#define RCGC_NO_INLINE 1
#endif
#include "check.h"
#include "graph.h"

#include <sys/mman.h>

/* ---- the table: every function, with every kind of wrong argument ---- */

/* What one function gives for null: ends in the fatal hook, or returns with nothing to tell. */
#define IS_FATAL NULL
#define IS_LEGAL ""

typedef struct victim {
  const char *label; /* function(argument) */
  void (*call)(void *arg);
  const char *null_gives; /* IS_FATAL, or what the call said with `give`; "" when it says nothing */
} victim;

typedef struct wrong {
  const char *kind, *word; /* what it is, and what the message says of it */
  void *address;
} wrong;

#define DEFINE_CALL(id, label, null_gives, ...)                                                              \
  static void with_##id(void *arg) {                                                                         \
    __VA_ARGS__;                                                                                             \
  }
#define VICTIM(id, label, null_gives, ...) {label, with_##id, null_gives},

enum { GAVE_BYTES = 64 };

/* What a call in a child process returned; memory that both see. */
static char *gave;

static void give(const char *text) {
  snprintf(gave, GAVE_BYTES, "%s", text);
}

static void give_status(rc_status status) {
  give(rc_status_name(status));
}

static void give_pointer(const void *address) {
  give(address ? "an address" : "null");
}

/* Addresses differ from run to run: the table has 0x... for them. */
static void hide_addresses(char *text) {
  char *to = text;
  for (const char *from = text; *from;) {
    if (strncmp(from, "0x", 2) != 0) {
      *to++ = *from++;
      continue;
    }
    from += 2 + strspn(from + 2, "0123456789abcdef");
    memcpy(to, "0x#", 3);
    to += 3;
  }
  *to = 0;
}

/* Functions that stand on others, whose names their messages may have. */
static const char *const stands_on[][2] = {
    {"rc_xincref", "rc_incref"},   {"rc_xdecref", "rc_decref"},    {"rc_newref", "rc_incref"},
    {"rc_setref", "rc_decref"},    {"rc_setref", "rc_xdecref"},    {"rc_clear", "rc_decref"},
    {"rc_clear", "rc_xdecref"},    {"rc_clear", "rc_setref"},      {"rc_is_unique", "rc_count"},
    {"rc_is_immortal", "rc_count"},
    {"rc_scope_enter_named", "rc_scope_enter"},
    {"rc_new_array_at", "rc_new_at"},
    {"gc_lines_begin", "gc_line"},
    {"gc_profile_start", "gc_frames_fn"},
};

static bool begins_with(const char *message, const char *name, size_t length) {
  return strncmp(message, name, length) == 0 && message[length] == ':';
}

static bool names_function(const char *message, const char *label) {
  size_t length = strcspn(label, "(");
  if (begins_with(message, label, length)) return true;
  for (size_t i = 0; i < RC_COUNT_OF(stands_on); i++) {
    const char *name = stands_on[i][0], *other = stands_on[i][1];
    if (strlen(name) == length && strncmp(name, label, length) == 0 &&
        begins_with(message, other, strlen(other)))
      return true;
  }
  return false;
}

/* Calls in a child. Either `word`: the fatal hook is told one line that begins with the function and says the
 * word; or `gives`: the call returns and gives that. */
static void expect(const victim *function, const char *kind, void *arg, const char *word, const char *gives) {
  char message[CHECK_MESSAGE_BYTES];
  *gave = 0;
  int status = check_in_child(function->call, arg, message, sizeof message);
  bool fatal = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && message[0];
  bool as_expected;
  if (word) {
    as_expected = fatal && names_function(message, function->label) && strstr(message, word) &&
                  !strchr(message, '\n');
  } else {
    bool returned = WIFEXITED(status) && WEXITSTATUS(status) == 0 && !message[0];
    as_expected = returned && gives && strcmp(gave, gives) == 0;
  }
  hide_addresses(message);
  if (!CHECK(as_expected))
    printf("  %s, %s: %s \"%s\", wait status %#x\n", function->label, kind, gave, message, (unsigned)status);
  if (check_env("RCGC_TEST_SHOW"))
    printf("| %s | %s | %s%s |\n", function->label, kind, fatal ? "fatal: " : "",
           fatal ? message : *gave ? gave : "nothing");
}

static void begin_table(const char *what) {
  gave = mmap(NULL, GAVE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(gave != MAP_FAILED);
  if (check_env("RCGC_TEST_SHOW")) printf("| # | %s | |\n", what);
}

static void end_table(void) {
  munmap(gave, GAVE_BYTES);
}

static void expect_all(const victim *functions, size_t count, const wrong *all, size_t wrongs,
                       const char *null_word) {
  for (size_t i = 0; i < count; i++) {
    const char *gives = functions[i].null_gives;
    expect(&functions[i], "null", NULL, gives ? NULL : null_word, gives);
    for (size_t j = 0; j < wrongs; j++)
      expect(&functions[i], all[j].kind, all[j].address, all[j].word, NULL);
  }
}

#define EXPECT_ALL(what, functions, all, null_word)                                                          \
  begin_table(what);                                                                                         \
  expect_all(functions, RC_COUNT_OF(functions), all, RC_COUNT_OF(all), null_word);                           \
  end_table()

/* ---- objects ---- */

static rc_weakmap *good_map;
static Node *good_key;

static uint32_t any_number;

static void object_origin(void *obj) {
  gc_origin origin = GC_ORIGIN_INIT;
  (void)gc_object_site(obj, &origin);
}

static void set_reference(void *obj) {
  void *slot = NULL;
  rc_setref(&slot, obj);
}

#define OBJECT_CALLS(X)                                                                                      \
  X(incref, "rc_incref(obj)", IS_FATAL, rc_incref(arg))                                                      \
  X(decref, "rc_decref(obj)", IS_FATAL, rc_decref(arg))                                                      \
  X(xincref, "rc_xincref(obj)", IS_LEGAL, rc_xincref(arg))                                                   \
  X(xdecref, "rc_xdecref(obj)", IS_LEGAL, rc_xdecref(arg))                                                   \
  X(newref, "rc_newref(obj)", IS_FATAL, (void)rc_newref(arg))                                                \
  X(setref, "rc_setref(*slot)", IS_LEGAL, rc_setref(&arg, NULL))                                             \
  X(setref_to, "rc_setref(obj)", IS_LEGAL, set_reference(arg))                                              \
  X(clear, "rc_clear(*slot)", IS_LEGAL, rc_clear(&arg))                                                      \
  X(count, "rc_count(obj)", IS_FATAL, (void)rc_count(arg))                                                   \
  X(is_unique, "rc_is_unique(obj)", IS_FATAL, (void)rc_is_unique(arg))                                       \
  X(is_immortal, "rc_is_immortal(obj)", IS_FATAL, (void)rc_is_immortal(arg))                                 \
  X(length, "rc_length(obj)", IS_FATAL, (void)rc_length(arg))                                                \
  X(type_of, "rc_type_of(obj)", IS_FATAL, (void)rc_type_of(arg))                                             \
  X(heap_of, "rc_heap_of(obj)", IS_FATAL, (void)rc_heap_of(arg))                                             \
  X(size_of, "rc_size_of(obj)", IS_FATAL, (void)rc_size_of(arg))                                             \
  X(immortalize, "rc_immortalize(obj)", IS_FATAL, rc_immortalize(arg))                                       \
  X(object_site, "gc_object_site(obj)", IS_FATAL, object_origin(arg))                                        \
  X(hold_at, "gc_hold_at(obj)", IS_FATAL, (void)gc_release_hold(gc_hold_at(arg, NULL, NULL), NULL))          \
  X(expect_dead, "gc_expect_dead(obj)", IS_FATAL, (void)gc_expect_dead(arg, "tested"))                       \
  X(object_stack, "gc_object_stack(obj)", IS_FATAL, (void)gc_object_stack(arg, &any_number))                 \
  X(add_external, "rc_add_external_bytes(obj)", IS_FATAL, (void)rc_add_external_bytes(arg, 1))               \
  X(track, "gc_track(obj)", IS_FATAL, (void)gc_track(arg))                                                   \
  X(untrack, "gc_untrack(obj)", IS_FATAL, (void)gc_untrack(arg))                                             \
  X(is_tracked, "gc_is_tracked(obj)", IS_FATAL, (void)gc_is_tracked(arg))                                    \
  X(is_finalized, "gc_is_finalized(obj)", IS_FATAL, (void)gc_is_finalized(arg))                              \
  X(is_dying, "rc_is_dying(obj)", IS_FATAL, (void)rc_is_dying(arg))                                          \
  X(resize, "rc_resize(*slot)", IS_FATAL, CHECK_EQ(rc_resize(&arg, 1), RC_OK))                               \
  X(room, "rc_room(obj)", IS_FATAL, (void)rc_room(arg))                                                      \
  X(weak_new, "rc_weak_new(obj)", IS_FATAL, rc_weak_free(rc_weak_new(arg, NULL, NULL)))                      \
  X(weak_count, "rc_weak_count(obj)", IS_FATAL, (void)rc_weak_count(arg))                                    \
  X(scope_keep, "rc_scope_keep(obj)", "null", give_pointer(rc_scope_keep(NULL, arg)))                        \
  X(leave_with, "rc_scope_leave_with(obj)", "RC_OK",                                                         \
    give_status(rc_scope_leave_with(NULL, RC_SCOPE_NONE, arg)))                                              \
  X(map_set_key, "rc_weakmap_set(key)", IS_FATAL, (void)rc_weakmap_set(good_map, arg, good_key))             \
  X(map_set_value, "rc_weakmap_set(value)", "RC_ERR_INVALID",                                                \
    give_status(rc_weakmap_set(good_map, good_key, arg)))                                                    \
  X(map_get_key, "rc_weakmap_get(key)", IS_FATAL, give_pointer(rc_weakmap_get(good_map, arg)))               \
  X(map_take_key, "rc_weakmap_take(key)", IS_FATAL, give_pointer(rc_weakmap_take(good_map, arg)))            \
  X(map_remove_key, "rc_weakmap_remove(key)", IS_FATAL, (void)rc_weakmap_remove(good_map, arg))

OBJECT_CALLS(DEFINE_CALL)
static const victim object_calls[] = {OBJECT_CALLS(VICTIM)};

/* Filled with what looks like its own header. */
typedef struct Roomy {
  Node *a;
  char space[1000];
} Roomy;

static const rc_field roomy_fields[] = {RC_FIELD(Roomy, a)};

/* What no object begins at, and what objects were, for the tables of all that takes one. */
enum { WRONG_OBJECTS = 17 };

static size_t wrong_objects(wrong *all) {
  static Node on_no_heap;
  static char *memory;
  memory = calloc(1, 256);
  rc_type *nodes = graph_declared(NULL), *watched = graph_watched(NULL);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Roomy", spec.size = sizeof(Roomy);
  spec.fields = roomy_fields, spec.field_count = 1;
  rc_type *roomy = graph_type(NULL, &spec);
  spec.name = "Huge", spec.size = (size_t)4 << 20;
  rc_type *huge = graph_type(NULL, &spec);
  Roomy *object = rc_new(roomy), *large = rc_new(huge);
  Node *dead = graph_node(nodes, 0), *dead_watched = graph_node(watched, 0);
  void *dead_large = rc_new(huge);
  good_map = rc_weakmap_new(NULL), good_key = graph_node(nodes, 1);
  REQUIRE(memory && object && large && dead_large && good_map && rc_scope_enter(NULL) != RC_SCOPE_NONE);
  for (size_t at = 0; at < sizeof object->space / 8 * 8; at += 8) {
    memcpy(object->space + at, (char *)object - 8, 8);
    memcpy(((Roomy *)((char *)large + ((size_t)2 << 20)))->space + at, (char *)large - 8, 8);
  }
  rc_weak *weak = rc_weak_new(object, NULL, NULL);
  /* The first segment of the range begins at such a border; before it lies a table. */
  char *first = (char *)((uintptr_t)object / (2 << 20) * (2 << 20));
  char *last_of_page = (char *)((uintptr_t)object | 0xffff) - 15;
  rc_decref(dead);
  rc_decref(dead_watched);
  rc_decref(dead_large);
  const wrong found[] = {
      {"malloc", "not an object", memory + 64},
      {"static", "not an object", &on_no_heap},
      {"absurd", "not an object", (void *)(uintptr_t)0x7fff00000000f0},
      {"interior", "not an object", (char *)object + 64},
      {"in large", "not an object", (char *)large + ((size_t)2 << 20) + 64},
      {"unaligned", "not an object", (char *)object + 37},
      {"page head", "not an object", first},
      {"page end", "dead object", last_of_page},
      {"before", "not an object", first - 16},
      {"reserved", "not an object", (char *)object + ((size_t)1 << 30)},
      {"a weak handle", "not an object", weak},
      {"dead", "dead object", dead},
      {"with destroy", "dead object", dead_watched},
      {"large", "dead object", dead_large},
      {"in dead large", "dead object", (char *)dead_large + 4096},
      {"a type", "not an object", nodes},
  };
  _Static_assert(RC_COUNT_OF(found) == WRONG_OBJECTS - 1, "room for all");
  memcpy(all, found, sizeof found);
  return RC_COUNT_OF(found);
}

static void table_of_objects(void) {
  wrong all[WRONG_OBJECTS];
  size_t count = wrong_objects(all);
  begin_table("Objects");
  expect_all(object_calls, RC_COUNT_OF(object_calls), all, count, "null");
  end_table();
}

static gc_query *open_query;

static void session_edges(void *obj, bool back) {
  size_t count;
  give_status((back ? gc_referrers : gc_referents)(open_query, obj, NULL, 0, &count));
}

static void session_outside(void *obj) {
  int64_t count;
  give_status(gc_external_references(open_query, obj, &count));
}

static int accept_none(void *obj, void *ctx) {
  (void)obj, (void)ctx;
  return 0;
}

static void session_path(void *obj) {
  size_t length;
  give_status(gc_find_path(open_query, obj, GC_FORWARD, accept_none, NULL, NULL, 0, &length));
}

static void session_why(void *obj, bool alive) {
  gc_why why = GC_WHY_INIT;
  give_status(alive ? gc_why_alive(open_query, obj, &why, NULL, 0, NULL, 0)
                    : gc_why_not_collected(open_query, obj, &why, NULL, 0));
}

static void session_text(void *obj) {
  size_t length;
  give_status(gc_why_text(open_query, obj, NULL, 0, &length));
}

static void session_size(void *obj) {
  gc_size size = GC_SIZE_INIT;
  give_status(gc_retained_size(open_query, &obj, 1, &size));
}

static void session_dominator(void *obj) {
  void *dominator;
  give_status(gc_dominator(open_query, obj, &dominator));
}

#define INVALID "RC_ERR_INVALID"
#define SESSION_CALLS(X)                                                                                     \
  X(s_outside, "gc_external_references(obj)", INVALID, session_outside(arg))                                 \
  X(s_referents, "gc_referents(obj)", INVALID, session_edges(arg, false))                                    \
  X(s_referrers, "gc_referrers(obj)", INVALID, session_edges(arg, true))                                     \
  X(s_path, "gc_find_path(obj)", INVALID, session_path(arg))                                                 \
  X(s_alive, "gc_why_alive(obj)", INVALID, session_why(arg, true))                                           \
  X(s_not, "gc_why_not_collected(obj)", INVALID, session_why(arg, false))                                    \
  X(s_text, "gc_why_text(obj)", INVALID, session_text(arg))                                                  \
  X(s_retained, "gc_retained_size(obj)", INVALID, session_size(arg))                                         \
  X(s_dominator, "gc_dominator(obj)", INVALID, session_dominator(arg))

SESSION_CALLS(DEFINE_CALL)
static const victim session_calls[] = {SESSION_CALLS(VICTIM)};

/* In a session no address does harm: each is a status. */
static void table_of_objects_in_sessions(void) {
  wrong all[WRONG_OBJECTS];
  size_t count = wrong_objects(all);
  REQUIRE(gc_query_begin(NULL, &open_query) == RC_OK);
  begin_table("Objects in query sessions");
  for (size_t i = 0; i < RC_COUNT_OF(session_calls); i++) {
    expect(&session_calls[i], "null", NULL, NULL, INVALID);
    for (size_t j = 0; j < count; j++) expect(&session_calls[i], all[j].kind, all[j].address, NULL, INVALID);
  }
  end_table();
  REQUIRE(gc_query_end(open_query) == RC_OK);
}

static void null_is_nothing_where_the_name_has_an_x(void) {
  rc_xincref(NULL);
  rc_xdecref(NULL);
  void *slot = NULL;
  rc_clear(&slot);
  rc_setref(&slot, NULL);
  CHECK(slot == NULL);
}

/* ---- one release too many ---- */

static void release_twice(void *arg) {
  rc_type *type = arg;
  Node *node = graph_node(type, 1);
  rc_decref(node);
  rc_decref(node);
}

static void released_twice(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++)
    CHECK_FATAL(release_twice, graph_kinds[kind](NULL), "rc_decref", "dead");
}

/* One reference too many while a second holder still has a slot: found when that slot is released. */
static void release_too_often(void *arg) {
  rc_type *type = arg;
  Node *holder = graph_node(type, 1), *child = graph_node(type, 2);
  holder->a = child; /* the slot takes the only reference */
  rc_decref(child);  /* and the host releases it once more */
  rc_decref(holder);
}

static void slot_to_a_dead_object(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++)
    CHECK_FATAL(release_too_often, graph_kinds[kind](NULL), "dead");
}

/* A slot that refers to a dead object is found by nobody before it is released; collecting must not fall
 * over it. */
static void collect_over_dead_slot(void *arg) {
  rc_type *type = arg;
  Node *holder = graph_node(type, 1), *child = graph_node(type, 2);
  holder->a = child;
  rc_decref(child);
  (void)gc_collect(NULL);
  rc_decref(holder);
}

static void collection_with_a_slot_to_the_dead(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++)
    CHECK_FATAL(collect_over_dead_slot, graph_kinds[kind](NULL), "dead");
}

/* ---- heaps and types ---- */

static void no_callback(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap, (void)event, (void)ctx;
}

static void heap_stats(void *heap) {
  gc_stats stats = GC_STATS_INIT;
  (void)gc_get_stats(heap, &stats);
}

static void heap_policy_set(void *heap) {
  gc_policy policy = GC_POLICY_INIT;
  (void)gc_set_policy(heap, &policy);
}

static void heap_policy_get(void *heap) {
  gc_policy policy = GC_POLICY_INIT;
  (void)gc_get_policy(heap, &policy);
}

static int heap_dump_write(const void *bytes, size_t len, void *ctx) {
  (void)bytes, (void)len, (void)ctx;
  return 0;
}

static void heap_dump(void *heap) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = heap_dump_write;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
}

static void heap_type(void *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type = NULL;
  spec.name = "Late", spec.size = 8;
  CHECK_EQ(rc_type_new(heap, &spec, &type), RC_OK);
}

static void heap_walk(void *heap) {
  gc_iter iter;
  (void)gc_iter_begin(heap, NULL, &iter);
}

static void heap_types(void *heap) {
  size_t count;
  (void)gc_most_common_types(heap, GC_ORDER_LIVE, NULL, 0, &count);
}

static void heap_query(void *heap) {
  gc_query *query;
  if (gc_query_begin(heap, &query) == RC_OK) (void)gc_query_end(query);
}

static void heap_rings(void *heap) {
  gc_ring_watch *watch;
  if (gc_watch_rings(heap, 0, &watch) == RC_OK) (void)gc_watch_rings_end(watch);
}

static void heap_verify(void *heap) {
  size_t count;
  (void)gc_verify(heap, NULL, NULL, &count);
}

static void heap_mark(void *heap) {
  gc_mark *mark;
  if (gc_growth_mark(heap, GC_MARK_TYPES, &mark) == RC_OK) gc_growth_free(mark);
}

static rc_status heap_totals(void *heap) {
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  return gc_profile_get(heap, &stats);
}

static rc_status heap_scope(void *heap) {
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  return gc_scope_get(heap, 1, &stats);
}

static void no_run(gc_heap *heap, void *ctx) {
  (void)heap, (void)ctx;
}

static void heap_measure(void *heap) {
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  CHECK_EQ(gc_measure(heap, no_run, NULL, &stats), RC_OK);
}

static void heap_leak_check(void *heap) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  CHECK_EQ(gc_leak_check(heap, no_run, NULL, 0, 1, &result), RC_OK);
}

static void heap_lines(void *heap) {
  static rc_site site = {"f.c", "f", 1, 0};
  gc_lines lines = gc_lines_begin(heap, &site);
  (void)lines;
}

static void heap_stack(void *heap) {
  rc_scope_stack *stack;
  if (rc_scope_stack_new(heap, &stack) == RC_OK) (void)rc_scope_stack_free(stack);
}

static void heap_watch(void *heap) {
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t watch;
  spec.metric = GC_WATCH_LIVE_BYTES, spec.limit = UINT64_MAX;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_OK);
}

/* Null is the default heap everywhere. */
#define HEAP_CALLS(X)                                                                                        \
  X(heap_free, "gc_heap_free(heap)", IS_LEGAL, gc_heap_free(arg))                                            \
  X(heap_name, "gc_heap_name(heap)", IS_LEGAL, (void)gc_heap_name(arg))                                      \
  X(error_message, "gc_error_message(heap)", IS_LEGAL, (void)gc_error_message(arg))                          \
  X(last_status, "gc_last_status(heap)", IS_LEGAL, (void)gc_last_status(arg))                                \
  X(type_new, "rc_type_new(heap)", IS_LEGAL, heap_type(arg))                                                 \
  X(collect, "gc_collect(heap)", IS_LEGAL, (void)gc_collect(arg))                                            \
  X(collect_young, "gc_collect_young(heap)", IS_LEGAL, (void)gc_collect_young(arg))                          \
  X(safepoint, "gc_safepoint(heap)", IS_LEGAL, gc_safepoint(arg))                                            \
  X(enable, "gc_enable(heap)", IS_LEGAL, gc_enable(arg))                                                     \
  X(disable, "gc_disable(heap)", IS_LEGAL, gc_disable(arg))                                                  \
  X(is_enabled, "gc_is_enabled(heap)", IS_LEGAL, (void)gc_is_enabled(arg))                                   \
  X(set_policy, "gc_set_policy(heap)", IS_LEGAL, heap_policy_set(arg))                                       \
  X(heap_external, "gc_add_external_bytes(heap)", IS_LEGAL, (void)gc_add_external_bytes(arg, 0))             \
  X(get_policy, "gc_get_policy(heap)", IS_LEGAL, heap_policy_get(arg))                                       \
  X(get_stats, "gc_get_stats(heap)", IS_LEGAL, heap_stats(arg))                                              \
  X(freeze, "gc_freeze(heap)", IS_LEGAL, (void)gc_freeze(arg))                                               \
  X(unfreeze, "gc_unfreeze(heap)", IS_LEGAL, (void)gc_unfreeze(arg))                                         \
  X(freeze_count, "gc_freeze_count(heap)", IS_LEGAL, (void)gc_freeze_count(arg))                             \
  X(set_debug, "gc_set_debug(heap)", IS_LEGAL, (void)gc_set_debug(arg, 0))                                   \
  X(get_debug, "gc_get_debug(heap)", IS_LEGAL, (void)gc_get_debug(arg))                                      \
  X(garbage_count, "gc_garbage_count(heap)", IS_LEGAL, (void)gc_garbage_count(arg))                          \
  X(garbage_get, "gc_garbage_get(heap)", IS_LEGAL, (void)gc_garbage_get(arg, 0))                             \
  X(garbage_clear, "gc_garbage_clear(heap)", IS_LEGAL, gc_garbage_clear(arg))                                \
  X(add_callback, "gc_add_callback(heap)", IS_LEGAL, (void)gc_add_callback(arg, no_callback, NULL))          \
  X(remove_callback, "gc_remove_callback(heap)", IS_LEGAL, (void)gc_remove_callback(arg, no_callback, NULL)) \
  X(run_finalizers, "gc_run_finalizers(heap)", IS_LEGAL, (void)gc_run_finalizers(arg))                       \
  X(dump, "gc_dump(heap)", IS_LEGAL, heap_dump(arg))                                                         \
  X(scope_enter, "rc_scope_enter(heap)", IS_LEGAL, CHECK(rc_scope_enter(arg) != RC_SCOPE_NONE))              \
  X(scope_named, "rc_scope_enter_named(heap)", IS_LEGAL, CHECK(rc_scope_enter_named(arg, "named") != 0))     \
  X(scope_leave, "rc_scope_leave(heap)", "RC_ERR_INVALID", give_status(rc_scope_leave(arg, 1)))              \
  X(scope_unwind, "rc_scope_unwind(heap)", "RC_ERR_INVALID", give_status(rc_scope_unwind(arg, 1)))           \
  X(scope_reset, "rc_scope_reset(heap)", "RC_ERR_INVALID", give_status(rc_scope_reset(arg, 1)))              \
  X(heap_with, "rc_scope_leave_with(heap)", "RC_ERR_INVALID",                                                \
    give_status(rc_scope_leave_with(arg, 1, good_key)))                                                      \
  X(end_block, "rc_scope_end_block(heap)", IS_LEGAL, rc_scope_end_block(arg, 1))                             \
  X(stack_new, "rc_scope_stack_new(heap)", IS_LEGAL, heap_stack(arg))                                        \
  X(switch_heap, "rc_scope_stack_switch(heap)", IS_LEGAL, (void)rc_scope_stack_switch(arg, NULL))            \
  X(keep_heap, "rc_scope_keep(heap)", "null", give_pointer(rc_scope_keep(arg, good_key)))                    \
  X(weakmap_new, "rc_weakmap_new(heap)", IS_LEGAL, CHECK(rc_weakmap_new(arg) != NULL))                       \
  X(profile_start, "gc_profile_start(heap)", IS_LEGAL, (void)gc_profile_start(arg, NULL))                    \
  X(profile_stop, "gc_profile_stop(heap)", IS_LEGAL, gc_profile_stop(arg))                                   \
  X(profile_flags, "gc_profile_flags(heap)", IS_LEGAL, (void)gc_profile_flags(arg))                          \
  X(profile_clear, "gc_profile_clear(heap)", "RC_ERR_REFUSED", give_status(gc_profile_clear(arg)))           \
  X(reset_peak, "gc_profile_reset_peak(heap)", IS_LEGAL, gc_profile_reset_peak(arg))                         \
  X(profile_get, "gc_profile_get(heap)", "RC_ERR_REFUSED", give_status(heap_totals(arg)))                    \
  X(profile_sites, "gc_profile_sites(heap)", IS_LEGAL, (void)gc_profile_sites(arg, NULL, NULL, 0))           \
  X(profile_scopes, "gc_profile_scopes(heap)", IS_LEGAL, (void)gc_profile_scopes(arg, NULL, 0))              \
  X(scope_get, "gc_scope_get(heap)", "RC_ERR_REFUSED", give_status(heap_scope(arg)))                         \
  X(expect_clean, "gc_scope_expect_clean(heap)", "RC_ERR_REFUSED", give_status(gc_scope_expect_clean(arg, 1)))\
  X(holds, "gc_holds(heap)", IS_LEGAL, (void)gc_holds(arg, NULL, 0))                                         \
  X(check_expected, "gc_check_expected(heap)", IS_LEGAL, (void)gc_check_expected(arg))                       \
  X(leak_check, "gc_leak_check(heap)", IS_LEGAL, heap_leak_check(arg))                                       \
  X(lines_begin, "gc_lines_begin(heap)", IS_LEGAL, heap_lines(arg))                                          \
  X(profile_write, "gc_profile_write(heap)", "RC_ERR_REFUSED", give_status(gc_profile_write(arg, NULL)))     \
  X(series_start, "gc_series_start(heap)", IS_LEGAL, (void)gc_series_start(arg, NULL))                       \
  X(series_stop, "gc_series_stop(heap)", IS_LEGAL, gc_series_stop(arg))                                      \
  X(series_tick, "gc_series_tick(heap)", IS_LEGAL, gc_series_tick(arg))                                      \
  X(series_samples, "gc_series_samples(heap)", IS_LEGAL, (void)gc_series_samples(arg, 0, NULL, 0, NULL))     \
  X(series_events, "gc_series_events(heap)", IS_LEGAL, (void)gc_series_events(arg, 0, NULL, 0, NULL))        \
  X(watch, "gc_watch(heap)", IS_LEGAL, heap_watch(arg))                                                      \
  X(unwatch, "gc_unwatch(heap)", "RC_ERR_INVALID", give_status(gc_unwatch(arg, 1)))                          \
  X(profile_stacks, "gc_profile_stacks(heap)", IS_LEGAL, (void)gc_profile_stacks(arg, NULL, 0))              \
  X(stack_frames, "gc_stack_frames(heap)", IS_LEGAL, (void)gc_stack_frames(arg, 0, NULL, 0))                 \
  X(profile_plan, "gc_profile_plan(heap)", IS_LEGAL, (void)gc_profile_plan(arg, "sites"))                    \
  X(on_signal, "gc_dump_on_signal(heap)", IS_LEGAL, (void)gc_dump_on_signal(arg, 0, NULL))                   \
  X(measure, "gc_measure(heap)", IS_LEGAL, heap_measure(arg))                                                \
  X(iter_begin, "gc_iter_begin(heap)", IS_LEGAL, heap_walk(arg))                                             \
  X(common, "gc_most_common_types(heap)", IS_LEGAL, heap_types(arg))                                         \
  X(growth_mark, "gc_growth_mark(heap)", IS_LEGAL, heap_mark(arg))                                       \
  X(query_begin, "gc_query_begin(heap)", IS_LEGAL, heap_query(arg))                                          \
  X(watch_rings, "gc_watch_rings(heap)", IS_LEGAL, heap_rings(arg))                                          \
  X(verify, "gc_verify(heap)", IS_LEGAL, heap_verify(arg))                                                   \
  X(watch_traverse, "gc_watch_traverse(heap)", IS_LEGAL, (void)gc_watch_traverse(arg, false))

HEAP_CALLS(DEFINE_CALL)
static const victim heap_calls[] = {HEAP_CALLS(VICTIM)};

static void table_of_heaps(void) {
  static char in_data[64];
  gc_heap *freed = graph_heap("freed"), *alive = graph_heap("alive");
  Node *node = graph_node(graph_declared(alive), 1);
  good_key = node;
  CHECK_EQ(gc_heap_free(freed), 0);
  const wrong all[] = {
      {"freed", "not a live heap", freed},
      {"an object", "not a live heap", node},
      {"static", "not a live heap", in_data},
      {"a type", "not a live heap", rc_type_of(node)},
      {"interior", "not a live heap", (char *)alive + 8},
  };
  EXPECT_ALL("Heaps", heap_calls, all, "null");
  rc_decref(node);
  CHECK_EQ(gc_heap_free(alive), 0);
}

static void free_heap(void *arg) {
  gc_heap_free(arg);
}

static void heap_free_twice_says_so(void) {
  gc_heap *heap = graph_heap("twice");
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_FATAL(free_heap, heap, "gc_heap_free", "freed twice");
}

static void type_new_array(void *arg) {
  void *obj = rc_new_array(arg, 1);
  (void)obj;
}

static void type_new_array_at(void *arg) {
  void *obj = rc_new_array_at(arg, 1, NULL);
  (void)obj;
}

static void type_numbers(void *type) {
  gc_type_facts facts = GC_TYPE_FACTS_INIT;
  (void)gc_type_stats(type, &facts);
}

#define TYPE_CALLS(X)                                                                                        \
  X(new_object, "rc_new(type)", IS_FATAL, rc_decref(rc_new(arg)))                                            \
  X(new_array, "rc_new_array(type)", IS_FATAL, type_new_array(arg))                                          \
  X(new_at, "rc_new_at(type)", IS_FATAL, rc_decref(rc_new_at(arg, NULL)))                                    \
  X(new_array_at, "rc_new_array_at(type)", IS_FATAL, type_new_array_at(arg))                                 \
  X(type_free, "rc_type_free(type)", "RC_OK", give_status(rc_type_free(arg)))                                \
  X(type_name, "rc_type_name(type)", IS_FATAL, (void)rc_type_name(arg))                                      \
  X(type_ctx, "rc_type_ctx(type)", IS_FATAL, (void)rc_type_ctx(arg))                                         \
  X(type_live, "rc_type_live(type)", IS_FATAL, (void)rc_type_live(arg))                                      \
  X(type_stats, "gc_type_stats(type)", IS_FATAL, type_numbers(arg))

TYPE_CALLS(DEFINE_CALL)
static const victim type_calls[] = {TYPE_CALLS(VICTIM)};

static void table_of_types(void) {
  static char in_data[4096];
  gc_heap *heap = graph_heap("gone");
  rc_type *of_dead_heap = graph_declared(heap), *freed = graph_declared(NULL), *alive = graph_declared(NULL);
  Node *node = graph_node(alive, 1);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(rc_type_free(freed), RC_OK);
  const wrong all[] = {
      {"freed", "type", freed},
      {"of a freed heap", "type", of_dead_heap},
      {"an object", "type", node},
      {"static", "type", in_data},
      {"a heap", "type", gc_heap_default()},
      {"interior", "type", (char *)alive + 8},
      {"unaligned", "type", (char *)alive + 3},
  };
  EXPECT_ALL("Types", type_calls, all, "null");
  /* Calls that make objects trust that what they are given can be read; the others do not. */
  const wrong unreadable[] = {
      {"absurd", "type", (void *)(uintptr_t)0x7fff00000000f0},
      {"reserved", "type", (char *)alive + ((size_t)1 << 24)},
  };
  begin_table("Types that cannot be read");
  for (size_t i = 0; i < RC_COUNT_OF(type_calls); i++)
    for (size_t j = 0; j < RC_COUNT_OF(unreadable) && strncmp(type_calls[i].label, "rc_new", 6) != 0; j++)
      expect(&type_calls[i], unreadable[j].kind, unreadable[j].address, unreadable[j].word, NULL);
  end_table();
  rc_decref(node);
}

/* ---- weak handles and weak maps ---- */

#define WEAK_CALLS(X)                                                                                        \
  X(weak_get, "rc_weak_get(weak)", IS_FATAL, give_pointer(rc_weak_get(arg)))                                 \
  X(weak_free, "rc_weak_free(weak)", IS_LEGAL, rc_weak_free(arg))

WEAK_CALLS(DEFINE_CALL)
static const victim weak_calls[] = {WEAK_CALLS(VICTIM)};

static void table_of_weak_handles(void) {
  static char in_data[64];
  Node *node = graph_node(graph_declared(NULL), 1);
  rc_weak *alive = rc_weak_new(node, NULL, NULL), *freed = rc_weak_new(node, NULL, NULL);
  REQUIRE(alive && freed);
  rc_weak_free(freed);
  const wrong all[] = {
      {"freed", "not a live weak handle", freed},
      {"an object", "not a live weak handle", node},
      {"static", "not a live weak handle", in_data},
      {"absurd", "not a live weak handle", (void *)(uintptr_t)0x7fff00000000f0},
      {"a heap", "not a live weak handle", gc_heap_default()},
      {"interior", "not a live weak handle", (char *)alive + 8},
  };
  EXPECT_ALL("Weak handles", weak_calls, all, "0x0 is not a live weak handle");
  rc_weak_free(alive);
  rc_decref(node);
}

#define MAP_CALLS(X)                                                                                         \
  X(map_set, "rc_weakmap_set(map)", IS_FATAL, (void)rc_weakmap_set(arg, good_key, good_key))                 \
  X(map_get, "rc_weakmap_get(map)", IS_FATAL, give_pointer(rc_weakmap_get(arg, good_key)))                   \
  X(map_take, "rc_weakmap_take(map)", IS_FATAL, give_pointer(rc_weakmap_take(arg, good_key)))                \
  X(map_remove, "rc_weakmap_remove(map)", IS_FATAL, (void)rc_weakmap_remove(arg, good_key))                  \
  X(map_length, "rc_weakmap_length(map)", IS_FATAL, (void)rc_weakmap_length(arg))

MAP_CALLS(DEFINE_CALL)
static const victim map_calls[] = {MAP_CALLS(VICTIM)};

static void table_of_weak_maps(void) {
  static char in_data[64];
  rc_weakmap *alive = rc_weakmap_new(NULL), *dead = rc_weakmap_new(NULL);
  good_key = graph_node(graph_declared(NULL), 1);
  REQUIRE(alive && dead);
  rc_decref(dead);
  const wrong all[] = {
      {"dead", "dead object", dead},
      {"another object", "not a weak map", good_key},
      {"reserved", "not an object", (char *)alive + ((size_t)1 << 30)},
      {"static", "not an object", in_data},
      {"absurd", "not an object", (void *)(uintptr_t)0x7fff00000000f0},
      {"interior", "not an object", (char *)alive + 4},
      {"a type", "not an object", rc_type_of(good_key)},
  };
  EXPECT_ALL("Weak maps", map_calls, all, "null");
  rc_decref(good_key);
  rc_decref(alive);
}

/* ---- stacks of scopes ---- */

#define STACK_CALLS(X)                                                                                       \
  X(stack_switch, "rc_scope_stack_switch(stack)", IS_LEGAL, (void)rc_scope_stack_switch(NULL, arg))          \
  X(stack_free, "rc_scope_stack_free(stack)", "RC_OK", give_status(rc_scope_stack_free(arg)))

STACK_CALLS(DEFINE_CALL)
static const victim stack_calls[] = {STACK_CALLS(VICTIM)};

static void table_of_scope_stacks(void) {
  static char in_data[256];
  gc_heap *heap = graph_heap("gone");
  Node *node = graph_node(graph_declared(NULL), 1);
  rc_scope_stack *alive = NULL, *freed = NULL, *of_dead_heap = NULL;
  REQUIRE(rc_scope_stack_new(NULL, &alive) == RC_OK && rc_scope_stack_new(NULL, &freed) == RC_OK);
  REQUIRE(rc_scope_stack_new(heap, &of_dead_heap) == RC_OK);
  CHECK_EQ(rc_scope_stack_free(freed), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
  const wrong all[] = {
      {"freed", "not a live stack of scopes", freed},
      {"of a freed heap", "not a live stack of scopes", of_dead_heap},
      {"an object", "not a live stack of scopes", node},
      {"static", "not a live stack of scopes", in_data},
      {"absurd", "not a live stack of scopes", (void *)(uintptr_t)0x7fff00000000f0},
      {"a heap", "not a live stack of scopes", gc_heap_default()},
      {"interior", "not a live stack of scopes", (char *)alive + 8},
  };
  EXPECT_ALL("Stacks of scopes", stack_calls, all, "null");
  rc_decref(node);
}

/* ---- growth marks ---- */

static void mark_compare(void *mark) {
  size_t count;
  (void)gc_growth_since(mark, GC_SINCE_MARK, NULL, 0, &count);
}

#define MARK_CALLS(X)                                                                                        \
  X(growth_since, "gc_growth_since(mark)", IS_FATAL, mark_compare(arg))                                      \
  X(growth_free, "gc_growth_free(mark)", IS_LEGAL, gc_growth_free(arg))

MARK_CALLS(DEFINE_CALL)
static const victim mark_calls[] = {MARK_CALLS(VICTIM)};

static void table_of_growth_marks(void) {
  static char in_data[64];
  Node *node = graph_node(graph_declared(NULL), 1);
  gc_mark *freed = NULL, *alive = NULL;
  REQUIRE(gc_growth_mark(NULL, GC_MARK_TYPES, &freed) == RC_OK);
  REQUIRE(gc_growth_mark(NULL, GC_MARK_TYPES, &alive) == RC_OK);
  gc_growth_free(freed);
  const wrong all[] = {
      {"freed", "not a growth mark", freed},
      {"an object", "not a growth mark", node},
      {"static", "not a growth mark", in_data},
      {"absurd", "not a growth mark", (void *)(uintptr_t)0x7fff00000000f0},
      {"a heap", "not a growth mark", gc_heap_default()},
      {"interior", "not a growth mark", (char *)alive + 8},
  };
  EXPECT_ALL("Growth marks", mark_calls, all, "0x0 is not a growth mark");
  gc_growth_free(alive);
  rc_decref(node);
}

/* ---- watches on rings ---- */

static void watch_read(void *watch) {
  size_t count;
  (void)gc_watched_rings(watch, NULL, 0, &count);
}

#define WATCH_CALLS(X)                                                                                       \
  X(watched, "gc_watched_rings(watch)", IS_FATAL, watch_read(arg))                                           \
  X(watch_end, "gc_watch_rings_end(watch)", "RC_OK", give_status(gc_watch_rings_end(arg)))

WATCH_CALLS(DEFINE_CALL)
static const victim watch_calls[] = {WATCH_CALLS(VICTIM)};

static void table_of_ring_watches(void) {
  static char in_data[64];
  gc_heap *one = graph_heap("one"), *two = graph_heap("two");
  Node *node = graph_node(graph_declared(NULL), 1);
  gc_ring_watch *ended = NULL, *alive = NULL;
  REQUIRE(gc_watch_rings(one, 0, &ended) == RC_OK && gc_watch_rings(two, 0, &alive) == RC_OK);
  REQUIRE(gc_watch_rings_end(ended) == RC_OK);
  const wrong all[] = {
      {"ended", "not a watch", ended},
      {"an object", "not a watch", node},
      {"static", "not a watch", in_data},
      {"absurd", "not a watch", (void *)(uintptr_t)0x7fff00000000f0},
      {"a heap", "not a watch", one},
      {"interior", "not a watch", (char *)alive + 8},
  };
  EXPECT_ALL("Watches on rings", watch_calls, all, "0x0 is not a watch");
  REQUIRE(gc_watch_rings_end(alive) == RC_OK);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(one), 0);
  CHECK_EQ(gc_heap_free(two), 0);
}

/* ---- query sessions ---- */

static int accept_any(void *obj, void *ctx) {
  (void)obj, (void)ctx;
  return 1;
}

static void query_facts(void *query) {
  gc_query_facts facts = GC_QUERY_FACTS_INIT;
  (void)gc_query_info(query, &facts);
}

static void query_outside(void *query) {
  int64_t count;
  (void)gc_external_references(query, good_key, &count);
}

static void query_edges(void *query, bool back) {
  size_t count;
  (void)(back ? gc_referrers : gc_referents)(query, good_key, NULL, 0, &count);
}

static void query_path(void *query) {
  size_t length;
  (void)gc_find_path(query, good_key, GC_FORWARD, accept_any, NULL, NULL, 0, &length);
}

static void query_why(void *query, bool alive) {
  gc_why why = GC_WHY_INIT;
  if (alive) (void)gc_why_alive(query, good_key, &why, NULL, 0, NULL, 0);
  else (void)gc_why_not_collected(query, good_key, &why, NULL, 0);
}

static void query_text(void *query) {
  size_t length;
  (void)gc_why_text(query, good_key, NULL, 0, &length);
}

static void query_list(void *query) {
  size_t count;
  (void)gc_query_objects(query, GC_OBJECTS_HELD, NULL, 0, &count);
}

static void query_size(void *query) {
  gc_size size = GC_SIZE_INIT;
  void *obj = good_key;
  (void)gc_retained_size(query, &obj, 1, &size);
}

static void query_dominator(void *query) {
  void *dominator;
  (void)gc_dominator(query, good_key, &dominator);
}

static void query_cycles(void *query) {
  size_t count;
  (void)gc_cycles(query, NULL, 0, &count);
}

#define QUERY_CALLS(X)                                                                                       \
  X(query_end, "gc_query_end(query)", "RC_OK", give_status(gc_query_end(arg)))                               \
  X(query_info, "gc_query_info(query)", IS_FATAL, query_facts(arg))                                          \
  X(outside, "gc_external_references(query)", IS_FATAL, query_outside(arg))                                  \
  X(query_objects, "gc_query_objects(query)", IS_FATAL, query_list(arg))                                     \
  X(referents, "gc_referents(query)", IS_FATAL, query_edges(arg, false))                                     \
  X(referrers, "gc_referrers(query)", IS_FATAL, query_edges(arg, true))                                      \
  X(find_path, "gc_find_path(query)", IS_FATAL, query_path(arg))                                             \
  X(why_alive, "gc_why_alive(query)", IS_FATAL, query_why(arg, true))                                        \
  X(why_not, "gc_why_not_collected(query)", IS_FATAL, query_why(arg, false))                                 \
  X(why_text, "gc_why_text(query)", IS_FATAL, query_text(arg))                                               \
  X(retained, "gc_retained_size(query)", IS_FATAL, query_size(arg))                                          \
  X(dominator, "gc_dominator(query)", IS_FATAL, query_dominator(arg))                                        \
  X(cycles, "gc_cycles(query)", IS_FATAL, query_cycles(arg))

QUERY_CALLS(DEFINE_CALL)
static const victim query_calls[] = {QUERY_CALLS(VICTIM)};

static void table_of_query_sessions(void) {
  static char in_data[64];
  good_key = graph_node(graph_declared(NULL), 1);
  gc_query *ended = NULL, *alive = NULL;
  gc_mark *mark = NULL;
  REQUIRE(gc_query_begin(NULL, &ended) == RC_OK && gc_query_begin(NULL, &alive) == RC_OK);
  REQUIRE(gc_growth_mark(NULL, GC_MARK_TYPES, &mark) == RC_OK);
  REQUIRE(gc_query_end(ended) == RC_OK);
  const wrong all[] = {
      {"ended", "not an open session", ended},
      {"an object", "not an open session", good_key},
      {"static", "not an open session", in_data},
      {"absurd", "not an open session", (void *)(uintptr_t)0x7fff00000000f0},
      {"a mark", "not an open session", mark},
      {"interior", "not an open session", (char *)alive + 8},
  };
  EXPECT_ALL("Query sessions", query_calls, all, "0x0 is not an open session");
  REQUIRE(gc_query_end(alive) == RC_OK);
  gc_growth_free(mark);
  rc_decref(good_key);
}

/* ---- what is no pointer to something of the engine's ---- */

typedef struct leaving {
  gc_heap *heap;
  rc_scope_mark mark;
} leaving;

static void leave_scope(void *arg) {
  leaving *it = arg;
  give_status(rc_scope_leave(it->heap, it->mark));
}

static void unwind_scope(void *arg) {
  leaving *it = arg;
  give_status(rc_scope_unwind(it->heap, it->mark));
}

static void reset_scope(void *arg) {
  leaving *it = arg;
  give_status(rc_scope_reset(it->heap, it->mark));
}

static void leave_scope_with(void *arg) {
  leaving *it = arg;
  give_status(rc_scope_leave_with(it->heap, it->mark, NULL));
}

static void end_block(void *arg) {
  leaving *it = arg;
  check_log_start();
  rc_scope_end_block(it->heap, it->mark);
  CHECK_EQ(check_log.lines[GC_LOG_ERROR], it->mark != RC_SCOPE_NONE);
}

typedef struct other_wrong {
  victim function;
  const char *kind, *word, *gives;
  void *arg;
} other_wrong;

static void expect_others(const char *what, const other_wrong *all, size_t count) {
  begin_table(what);
  for (size_t i = 0; i < count; i++)
    expect(&all[i].function, all[i].kind, all[i].arg, all[i].word, all[i].gives);
  end_table();
}

static void table_of_scope_marks(void) {
  gc_heap *heap = graph_heap("scopes"), *other = graph_heap("other");
  leaving gone = {heap, rc_scope_enter(heap)}, none = {heap, RC_SCOPE_NONE}, number = {heap, 0xdeadbeef};
  CHECK_EQ(rc_scope_leave(heap, gone.mark), RC_OK);
  leaving outer = {heap, rc_scope_enter(heap)}, inner = {heap, rc_scope_enter(heap)};
  leaving foreign = {heap, rc_scope_enter(other)}, empty = {other, rc_scope_enter(other)};
  CHECK_EQ(rc_scope_leave(other, empty.mark), RC_OK);
  rc_scope_stack *stack = NULL;
  REQUIRE(rc_scope_stack_new(heap, &stack) == RC_OK);
  rc_scope_stack_switch(heap, stack);
  leaving elsewhere = {heap, rc_scope_enter(heap)};
  rc_scope_stack_switch(heap, NULL);
  const victim leave = {"rc_scope_leave(mark)", leave_scope, NULL};
  const victim unwind = {"rc_scope_unwind(mark)", unwind_scope, NULL};
  const victim reset = {"rc_scope_reset(mark)", reset_scope, NULL};
  const victim with = {"rc_scope_leave_with(mark)", leave_scope_with, NULL};
  const victim end = {"rc_scope_end_block(mark)", end_block, NULL};
  const other_wrong all[] = {
      {leave, "RC_SCOPE_NONE", NULL, "RC_OK", &none},
      {leave, "left before", NULL, "RC_ERR_INVALID", &gone},
      {leave, "not the innermost", NULL, "RC_ERR_INVALID", &outer},
      {leave, "on another stack", NULL, "RC_ERR_INVALID", &elsewhere},
      {leave, "of another heap", NULL, "RC_ERR_INVALID", &foreign},
      {leave, "any number", NULL, "RC_ERR_INVALID", &number},
      {unwind, "RC_SCOPE_NONE", NULL, "RC_OK", &none},
      {unwind, "left before", NULL, "RC_ERR_INVALID", &gone},
      {unwind, "not the innermost", NULL, "RC_OK", &outer},
      {unwind, "on another stack", NULL, "RC_ERR_INVALID", &elsewhere},
      {unwind, "of another heap", NULL, "RC_ERR_INVALID", &foreign},
      {unwind, "any number", NULL, "RC_ERR_INVALID", &number},
      {reset, "RC_SCOPE_NONE", NULL, "RC_OK", &none},
      {reset, "left before", NULL, "RC_ERR_INVALID", &gone},
      {reset, "not the innermost", NULL, "RC_ERR_INVALID", &outer},
      {reset, "on another stack", NULL, "RC_ERR_INVALID", &elsewhere},
      {reset, "of another heap", NULL, "RC_ERR_INVALID", &foreign},
      {reset, "any number", NULL, "RC_ERR_INVALID", &number},
      {with, "RC_SCOPE_NONE", NULL, "RC_OK", &none},
      {with, "left before", NULL, "RC_ERR_INVALID", &gone},
      {with, "not the innermost", NULL, "RC_ERR_INVALID", &outer},
      {with, "on another stack", NULL, "RC_ERR_INVALID", &elsewhere},
      {with, "of another heap", NULL, "RC_ERR_INVALID", &foreign},
      {with, "any number", NULL, "RC_ERR_INVALID", &number},
      {end, "RC_SCOPE_NONE", NULL, "", &none},
      {end, "left before", NULL, "", &gone},
      {end, "not the innermost", NULL, "", &outer},
      {end, "on another stack", NULL, "", &elsewhere},
      {end, "of another heap", NULL, "", &foreign},
      {end, "any number", NULL, "", &number},
  };
  expect_others("Scope marks", all, RC_COUNT_OF(all));
  CHECK_EQ(rc_scope_leave(heap, inner.mark), RC_OK); /* none of them did anything */
  CHECK_EQ(rc_scope_leave(heap, outer.mark), RC_OK);
  CHECK_EQ(rc_scope_leave(other, foreign.mark), RC_OK);
  CHECK_EQ(gc_heap_free(heap) + gc_heap_free(other), 0);
}

static void heap_from(const gc_heap_options *options) {
  gc_heap *heap = NULL;
  give_status(gc_heap_new(options, &heap));
}

static void options_of_no_size(void *arg) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  (void)arg;
  options.struct_size = 0;
  heap_from(&options);
}

static void heap_nowhere(void *arg) {
  give_status(gc_heap_new(NULL, arg));
}

static void type_from(const rc_type_spec *spec) {
  rc_type *type = NULL;
  give_status(rc_type_new(NULL, spec, &type));
}

static void type_from_it(void *arg) {
  type_from(arg);
}

static void type_nowhere(void *arg) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Nowhere", spec.size = 8;
  give_status(rc_type_new(NULL, &spec, arg));
}

static void policy_set(void *arg) {
  give_status(gc_set_policy(NULL, arg));
}

static void policy_get(void *arg) {
  give_status(gc_get_policy(NULL, arg));
}

static void stats_get(void *arg) {
  give_status(gc_get_stats(NULL, arg));
}

static void dump_with(void *arg) {
  give_status(gc_dump(NULL, arg, NULL));
}

static void dump_result_to(void *arg) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = heap_dump_write, options.flags = arg ? 0 : GC_DUMP_FORK;
  give_status(gc_dump(NULL, &options, arg));
}

static void profile_from(void *arg) {
  give_status(gc_profile_start(NULL, arg));
}

static void profile_twice(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, arg), RC_OK);
  give_status(gc_profile_start(NULL, arg));
}

static void profile_totals(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  give_status(gc_profile_get(NULL, arg));
}

static void profile_rows(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  if (gc_profile_sites(NULL, arg, NULL, 0) == 0) give("0");
}

static void profile_rows_of_no_size(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  if (gc_profile_sites(NULL, NULL, arg, 1) == 0) give("0");
}

static void profile_compare_null(void *arg) {
  if (gc_profile_compare(arg, 3, NULL, 0, NULL, 0) == 0) give("0");
}

static void profile_scopes_of_no_size(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  rc_scope_mark mark = rc_scope_enter_named(NULL, "measured");
  CHECK_EQ(rc_scope_leave(NULL, mark), RC_OK);
  if (gc_profile_scopes(NULL, arg, 1) == 0) give("0");
}

static void scope_of_any_mark(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  give_status(gc_scope_get(NULL, 77, arg));
}

static void clean_scope_of_any_mark(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, arg), RC_OK);
  give_status(gc_scope_expect_clean(NULL, 77));
}

static void site_of_unprofiled(void *arg) {
  gc_origin origin = GC_ORIGIN_INIT;
  give_status(gc_object_site(arg, &origin));
}

static void leak_check_of_nothing(void *arg) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  give_status(gc_leak_check(NULL, NULL, arg, 0, 1, &result));
}

static void leak_check_without_runs(void *arg) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  give_status(gc_leak_check(NULL, no_run, arg, 1, 0, &result));
}

static void leak_check_into(void *arg) {
  give_status(gc_leak_check(NULL, no_run, NULL, 0, 1, arg));
}

static void release_hold_twice(void *arg) {
  gc_hold hold = gc_hold_at(arg, "tested", NULL);
  CHECK_EQ(gc_release_hold(hold, NULL), RC_OK);
  give_status(gc_release_hold(hold, NULL));
}

static void release_any_hold(void *arg) {
  (void)arg;
  give_status(gc_release_hold(4711, NULL));
}

static void release_no_hold(void *arg) {
  (void)arg;
  give_status(gc_release_hold(GC_HOLD_NONE, NULL));
}

static void line_of_nothing(void *arg) {
  static rc_site site = {"f.c", "f", 1, 0};
  gc_line(arg, &site);
}

/* Structs that the host keeps and did not initialise: `arg` is what their memory holds, or the id alone. */
static rc_site site_with(void *arg) {
  rc_site site = {"f.c", "f", 1, (uint32_t)(uintptr_t)arg};
  return site;
}

static void new_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  rc_type *type = graph_declared(NULL);
  for (int i = 0; i < 3; i++) rc_decref(rc_new_at(type, &site));
}

static void new_array_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Text", spec.size = 8, spec.tail_size = 1;
  rc_decref(rc_new_array_at(graph_type(NULL, &spec), 5, &site));
}

static void hold_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  CHECK(gc_hold_at(graph_node(graph_declared(NULL), 1), "tested", &site) != GC_HOLD_NONE);
}

static void release_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  (void)gc_release_hold(gc_hold_at(graph_node(graph_declared(NULL), 1), "tested", NULL), &site);
}

static void line_at_site(void *arg) {
  static rc_site good = {"f.c", "f", 1, 0}, site;
  site = site_with(arg);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  gc_lines lines = gc_lines_begin(NULL, &good);
  gc_line(&lines, &site);
}

static void lines_begun_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  gc_lines lines = gc_lines_begin(NULL, &site);
  (void)lines;
}

static rc_site frame_site;

static size_t bad_frame(const rc_site **out_frames, size_t room, void *ctx) {
  (void)ctx;
  if (room == 0) return 0;
  *out_frames = &frame_site;
  return 1;
}

static void frame_at_site(void *arg) {
  frame_site = site_with(arg);
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_STACKS, options.sample_bytes = 1, options.frames = bad_frame;
  CHECK_EQ(gc_profile_start(NULL, &options), RC_OK);
  rc_decref(graph_node(graph_declared(NULL), 1));
}

static void line_not_begun(void *arg) {
  static rc_site site = {"f.c", "f", 1, 0};
  gc_lines lines;
  memset(&lines, (int)(uintptr_t)arg, sizeof lines);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  gc_line(&lines, &site);
}

static void walk_not_begun(void *arg) {
  gc_iter iter;
  void *obj = NULL;
  memset(&iter, (int)(uintptr_t)arg, sizeof iter);
  give_status(gc_iter_next(&iter, &obj));
}

static void walk_not_begun_ends(void *arg) {
  gc_iter iter;
  memset(&iter, (int)(uintptr_t)arg, sizeof iter);
  give_status(gc_iter_end(&iter));
}

static void table_of_memory_that_was_not_initialised(void) {
  static const struct {
    const char *kind;
    uint32_t id;
  } ids[] = {{"small", 7}, {"a million", 1000000}, {"2^31", 1u << 31}, {"half a pointer", 0x55555555}, {"half a stack pointer", 0x7ffd},
             {"0xa5a5a5a5", 0xa5a5a5a5u}, {"0xcdcdcdcd", 0xcdcdcdcdu}, {"0xdeadbeef", 0xdeadbeefu}, {"all ones", UINT32_MAX}};
  const victim sites[] = {
      {"rc_new_at(site)", new_at_site, NULL},       {"rc_new_array_at(site)", new_array_at_site, NULL},
      {"gc_hold_at(site)", hold_at_site, NULL},     {"gc_release_hold(site)", release_at_site, NULL},
      {"gc_line(site)", line_at_site, NULL},        {"gc_lines_begin(site)", lines_begun_at_site, NULL},
      {"gc_profile_start(options.frames)", frame_at_site, NULL},
  };
  begin_table("Ids of sites that were not initialised");
  for (size_t i = 0; i < RC_COUNT_OF(sites); i++)
    for (size_t j = 0; j < RC_COUNT_OF(ids); j++)
      expect(&sites[i], ids[j].kind, (void *)(uintptr_t)ids[j].id, "was not initialised", NULL);
  end_table();
  const victim line = {"gc_line(lines)", line_not_begun, NULL};
  const victim next = {"gc_iter_next(iter)", walk_not_begun, NULL}, end = {"gc_iter_end(iter)", walk_not_begun_ends, NULL};
  begin_table("Other memory that was not initialised");
  for (size_t j = 0; j < 3; j++) {
    static const struct {
      const char *kind;
      uintptr_t byte;
    } bytes[] = {{"bytes 0x55", 0x55}, {"bytes 0xa5", 0xa5}, {"bytes 0xff", 0xff}};
    expect(&line, bytes[j].kind, (void *)bytes[j].byte, "no heap", NULL);
    expect(&next, bytes[j].kind, (void *)bytes[j].byte, NULL, "RC_ERR_INVALID");
    expect(&end, bytes[j].kind, (void *)bytes[j].byte, NULL, "RC_ERR_INVALID");
  }
  end_table();
}

static void profile_write_with(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  give_status(gc_profile_write(NULL, arg));
}

static void series_from(void *arg) {
  give_status(gc_series_start(NULL, arg));
}

static void samples_of_no_size(void *arg) {
  CHECK_EQ(gc_series_start(NULL, NULL), RC_OK);
  if (gc_series_samples(NULL, 0, arg, 1, NULL) == 0) give("0");
}

static void events_of_no_size(void *arg) {
  CHECK_EQ(gc_series_start(NULL, NULL), RC_OK);
  (void)gc_collect(NULL);
  if (gc_series_events(NULL, 0, arg, 1, NULL) == 0) give("0");
}

static void watch_from(void *arg) {
  uint32_t watch;
  give_status(gc_watch(NULL, arg, &watch));
}

static void watch_of_a_type(void *arg) {
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  spec.metric = GC_WATCH_TYPE_OBJECTS, spec.type = arg;
  watch_from(&spec);
}

static void sample_stacks(void) {
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_STACKS, options.sample_bytes = 1;
  CHECK_EQ(gc_profile_start(NULL, &options), RC_OK);
}

static void stacks_of_no_size(void *arg) {
  sample_stacks();
  rc_decref(graph_node(graph_declared(NULL), 1));
  if (gc_profile_stacks(NULL, arg, 1) == 0) give("0");
}

static void frames_of_no_size(void *arg) {
  sample_stacks();
  rc_decref(graph_node(graph_declared(NULL), 1));
  if (gc_stack_frames(NULL, 0, arg, 1) == 0) give("0");
}

static void frames_of_any_stack(void *arg) {
  sample_stacks();
  if (gc_stack_frames(NULL, 4711, arg, 0) == 0) give("0");
}

static void stack_of_unsampled(void *arg) {
  sample_stacks();
  give_status(gc_object_stack(arg, &any_number));
}

static void stack_into_nothing(void *arg) {
  sample_stacks();
  Node *node = graph_node(graph_declared(NULL), 1);
  give_status(gc_object_stack(node, arg));
}

static void plan_of(void *arg) {
  give_status(gc_profile_plan(NULL, arg));
}

static void signal_to(void *arg) {
  give_status(gc_dump_on_signal(NULL, SIGUSR2, arg));
}

static void kill_to(void *arg) {
  give_status(gc_dump_on_signal(NULL, SIGKILL, arg));
}

static void measure_nothing(void *arg) {
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  give_status(gc_measure(NULL, NULL, arg, &stats));
}

static void measure_into(void *arg) {
  give_status(gc_measure(NULL, no_run, NULL, arg));
}

static void debug_set(void *arg) {
  (void)arg;
  give_status(gc_set_debug(NULL, (uint32_t)1 << 30));
}

static void garbage_past_the_end(void *arg) {
  (void)arg;
  give_pointer(gc_garbage_get(NULL, 0));
}

static void callback_null(void *arg) {
  (void)arg;
  give_status(gc_add_callback(NULL, NULL, NULL));
}

static void callback_twice(void *arg) {
  CHECK_EQ(gc_add_callback(NULL, no_callback, arg), RC_OK);
  give_status(gc_add_callback(NULL, no_callback, arg));
}

static void callback_not_there(void *arg) {
  give_status(gc_remove_callback(NULL, no_callback, arg));
}

static void visit_null(void *arg) {
  (void)rc_visit_named(NULL, NULL, arg, "edge", RC_NO_INDEX);
}

static void external_below_zero(void *arg) {
  give_status(rc_add_external_bytes(arg, -1));
}

static void setref_nowhere(void *arg) {
  rc_setref(arg, NULL);
}

static void resize_nowhere(void *arg) {
  give_status(rc_resize(arg, 1));
}

/* One reference leads to the object, or two. */
static void resize_of(void *arg) {
  void *obj = rc_new(rc_type_of(arg));
  give_status(rc_resize(&obj, 1));
}

static void resize_shared(void *arg) {
  void *obj = rc_newref(rc_new_array(arg, 1));
  give_status(rc_resize(&obj, 2));
}

static void resize_beyond(void *arg) {
  void *obj = rc_new_array(arg, 1);
  give_status(rc_resize(&obj, SIZE_MAX / 4));
}

static void length_of_hosts(void *arg) {
  (void)arg;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Text", spec.tail_size = 1, spec.flags = RC_TYPE_HOST_LENGTH;
  (void)rc_length(rc_new_array(graph_type(NULL, &spec), 5));
}

static void clear_nowhere(void *arg) {
  rc_clear(arg);
}

static void array_without_tail(void *arg) {
  give_pointer(rc_new_array(rc_type_of(arg), 3));
}

static void array_of_any_length(void *arg) {
  give_pointer(rc_new_array(arg, SIZE_MAX / 2));
}

static void keep_without_scope(void *arg) {
  give_pointer(rc_scope_keep(NULL, rc_newref(arg)));
}

static void key_of_another_heap(void *arg) {
  rc_weakmap *map = rc_weakmap_new(gc_heap_default());
  Node *key = graph_node(graph_declared(graph_heap("other")), 1);
  REQUIRE(map != NULL);
  give_status(rc_weakmap_set(map, key, arg));
}

static void type_in_use(void *arg) {
  give_status(rc_type_free(rc_type_of(arg)));
}

static void name_of_status(void *arg) {
  (void)arg;
  give(rc_status_name(999));
}

static void table_of_other_arguments(void) {
  rc_type_spec no_size = RC_TYPE_SPEC_INIT, tailed = RC_TYPE_SPEC_INIT;
  gc_policy policy = GC_POLICY_INIT;
  gc_stats stats = GC_STATS_INIT;
  gc_dump_options dump = GC_DUMP_OPTIONS_INIT, no_sink = GC_DUMP_OPTIONS_INIT, flags = GC_DUMP_OPTIONS_INIT;
  gc_dump_options two_sinks = GC_DUMP_OPTIONS_INIT, nowhere = GC_DUMP_OPTIONS_INIT;
  gc_dump_result dumped = GC_DUMP_RESULT_INIT;
  gc_profile_options profile = GC_PROFILE_OPTIONS_INIT, no_flag = GC_PROFILE_OPTIONS_INIT;
  gc_profile_stats totals = GC_PROFILE_STATS_INIT;
  gc_site_query query = GC_SITE_QUERY_INIT, no_group = GC_SITE_QUERY_INIT;
  static gc_site_stats row;
  gc_scope_stats scope = GC_SCOPE_STATS_INIT, good_scope = GC_SCOPE_STATS_INIT;
  profile.struct_size = totals.struct_size = query.struct_size = scope.struct_size = 0;
  no_flag.flags = (uint32_t)1 << 31, no_group.group = 99;
  gc_leak_result leak = GC_LEAK_RESULT_INIT;
  gc_text_options text = GC_TEXT_OPTIONS_INIT, no_part = GC_TEXT_OPTIONS_INIT;
  leak.struct_size = text.struct_size = 0, no_part.parts = (uint32_t)1 << 30;
  static char unknown_item[] = "sitse", nothing_to_write[] = "oom";
  gc_profile_options no_way = GC_PROFILE_OPTIONS_INIT;
  static gc_stack_stats stack_row;
  static gc_frame frame;
  no_way.stacks = 99;
  gc_series_options series = GC_SERIES_OPTIONS_INIT, no_series_flag = GC_SERIES_OPTIONS_INIT;
  gc_watch_spec watch = GC_WATCH_SPEC_INIT, no_metric = GC_WATCH_SPEC_INIT;
  static gc_sample sample;
  static gc_series_event event;
  series.struct_size = watch.struct_size = 0, no_series_flag.flags = (uint32_t)1 << 30;
  dump.struct_size = dumped.struct_size = 0;
  two_sinks.fd = 2, two_sinks.write = heap_dump_write;
  flags.fd = 2, flags.flags = 4;
  nowhere.path = "/nowhere/dump";
  no_size.struct_size = policy.struct_size = stats.struct_size = 0;
  tailed.name = "Tailed", tailed.size = 8, tailed.tail_size = 8;
  rc_type *array = graph_type(NULL, &tailed);
  Node *node = graph_node(graph_declared(NULL), 1);
  const other_wrong all[] = {
      {{"gc_heap_new(options)", options_of_no_size, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_heap_new(out_heap)", heap_nowhere, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"rc_type_new(spec)", type_from_it, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"rc_type_new(spec)", type_from_it, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &no_size},
      {{"rc_type_new(out_type)", type_nowhere, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"rc_type_free(type)", type_in_use, NULL}, "an object of it lives", NULL, "RC_ERR_IN_USE", node},
      {{"gc_set_policy(policy)", policy_set, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_set_policy(policy)", policy_set, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &policy},
      {{"gc_get_policy(out_policy)", policy_get, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_get_policy(out_policy)", policy_get, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &policy},
      {{"gc_get_stats(out_stats)", stats_get, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_get_stats(out_stats)", stats_get, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &stats},
      {{"gc_dump(options)", dump_with, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_dump(options)", dump_with, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &dump},
      {{"gc_dump(options)", dump_with, NULL}, "no sink", NULL, "RC_ERR_INVALID", &no_sink},
      {{"gc_dump(options)", dump_with, NULL}, "two sinks", NULL, "RC_ERR_INVALID", &two_sinks},
      {{"gc_dump(options)", dump_with, NULL}, "unknown flag", NULL, "RC_ERR_INVALID", &flags},
      {{"gc_dump(options)", dump_with, NULL}, "no such folder", NULL, "RC_ERR_IO", &nowhere},
      {{"gc_dump(out_result)", dump_result_to, NULL}, "null, to fork", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_dump(out_result)", dump_result_to, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &dumped},
      {{"gc_profile_start(options)", profile_from, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &profile},
      {{"gc_profile_start(options)", profile_from, NULL}, "unknown flag", NULL, "RC_ERR_INVALID", &no_flag},
      {{"gc_profile_start(heap)", profile_twice, NULL}, "profiled already", NULL, "RC_ERR_IN_USE", NULL},
      {{"gc_profile_get(out_stats)", profile_totals, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_profile_get(out_stats)", profile_totals, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &totals},
      {{"gc_profile_sites(query)", profile_rows, NULL}, "struct_size 0", NULL, "0", &query},
      {{"gc_profile_sites(query)", profile_rows, NULL}, "unknown group", NULL, "0", &no_group},
      {{"gc_profile_sites(out_rows)", profile_rows_of_no_size, NULL}, "struct_size 0", NULL, "0", &row},
      {{"gc_profile_compare(before)", profile_compare_null, NULL}, "null", NULL, "0", NULL},
      {{"gc_profile_compare(before)", profile_compare_null, NULL}, "struct_size 0", NULL, "0", &row},
      {{"gc_profile_scopes(out_rows)", profile_scopes_of_no_size, NULL}, "struct_size 0", NULL, "0", &scope},
      {{"gc_scope_get(mark)", scope_of_any_mark, NULL}, "any number", NULL, "RC_ERR_INVALID", &good_scope},
      {{"gc_scope_get(out_stats)", scope_of_any_mark, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_scope_expect_clean(mark)", clean_scope_of_any_mark, NULL}, "any number", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_object_site(obj)", site_of_unprofiled, NULL}, "its heap is not profiled", NULL, "RC_ERR_REFUSED", node},
      {{"gc_leak_check(function)", leak_check_of_nothing, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_leak_check(runs)", leak_check_without_runs, NULL}, "0", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_leak_check(out_result)", leak_check_into, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_leak_check(out_result)", leak_check_into, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &leak},
      {{"gc_release_hold(hold)", release_hold_twice, NULL}, "released before", NULL, "RC_ERR_INVALID", node},
      {{"gc_release_hold(hold)", release_any_hold, NULL}, "any number", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_release_hold(hold)", release_no_hold, NULL}, "GC_HOLD_NONE", NULL, "RC_OK", NULL},
      {{"gc_line(lines)", line_of_nothing, NULL}, "null", NULL, "", NULL},
      {{"gc_profile_write(options)", profile_write_with, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &text},
      {{"gc_profile_write(options)", profile_write_with, NULL}, "unknown part", NULL, "RC_ERR_INVALID", &no_part},
      {{"gc_series_start(options)", series_from, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &series},
      {{"gc_series_start(options)", series_from, NULL}, "unknown flag", NULL, "RC_ERR_INVALID", &no_series_flag},
      {{"gc_series_samples(out_rows)", samples_of_no_size, NULL}, "struct_size 0", NULL, "0", &sample},
      {{"gc_series_events(out_rows)", events_of_no_size, NULL}, "struct_size 0", NULL, "0", &event},
      {{"gc_watch(spec)", watch_from, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_watch(spec)", watch_from, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &watch},
      {{"gc_watch(spec)", watch_from, NULL}, "no metric", NULL, "RC_ERR_INVALID", &no_metric},
      {{"gc_watch(spec.type)", watch_of_a_type, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_watch(spec.type)", watch_of_a_type, NULL}, "an object", "type", NULL, node},
      {{"gc_profile_start(options)", profile_from, NULL}, "unknown way of stacks", NULL, "RC_ERR_INVALID", &no_way},
      {{"gc_profile_stacks(out_rows)", stacks_of_no_size, NULL}, "struct_size 0", NULL, "0", &stack_row},
      {{"gc_stack_frames(out_frames)", frames_of_no_size, NULL}, "struct_size 0", NULL, "0", &frame},
      {{"gc_stack_frames(stack)", frames_of_any_stack, NULL}, "any number", NULL, "0", NULL},
      {{"gc_object_stack(obj)", stack_of_unsampled, NULL}, "not sampled", NULL, "RC_ERR_UNSUPPORTED", node},
      {{"gc_object_stack(out_stack)", stack_into_nothing, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_profile_plan(plan)", plan_of, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_profile_plan(plan)", plan_of, NULL}, "unknown item", NULL, "RC_ERR_INVALID", unknown_item},
      {{"gc_profile_plan(plan)", plan_of, NULL}, "nothing to write", NULL, "RC_ERR_INVALID", nothing_to_write},
      {{"gc_dump_on_signal(path)", signal_to, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_dump_on_signal(signal)", kill_to, NULL}, "SIGKILL", NULL, "RC_ERR_INVALID", unknown_item},
      {{"gc_measure(function)", measure_nothing, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_measure(out_stats)", measure_into, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_measure(out_stats)", measure_into, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &scope},
      {{"gc_set_debug(flags)", debug_set, NULL}, "not a flag", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_garbage_get(index)", garbage_past_the_end, NULL}, "past the end", NULL, "null", NULL},
      {{"gc_add_callback(callback)", callback_null, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_add_callback(callback)", callback_twice, NULL}, "there already", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_remove_callback(callback)", callback_not_there, NULL}, "not there", NULL, "RC_ERR_INVALID", NULL},
      {{"rc_visit_named(visit)", visit_null, NULL}, "null", "null", NULL, node},
      {{"rc_setref(slot)", setref_nowhere, NULL}, "null", "slot", NULL, NULL},
      {{"rc_clear(slot)", clear_nowhere, NULL}, "null", "slot", NULL, NULL},
      {{"rc_resize(slot)", resize_nowhere, NULL}, "null", "slot", NULL, NULL},
      {{"rc_resize(*slot)", resize_of, NULL}, "no trailing array", NULL, "RC_ERR_INVALID", node},
      {{"rc_resize(*slot)", resize_shared, NULL}, "another reference", NULL, "RC_ERR_IN_USE", array},
      {{"rc_resize(n)", resize_beyond, NULL}, "too large", NULL, "RC_ERR_NO_MEMORY", array},
      {{"rc_length(obj)", length_of_hosts, NULL}, "RC_TYPE_HOST_LENGTH", "RC_TYPE_HOST_LENGTH", NULL, NULL},
      {{"rc_add_external_bytes(bytes)", external_below_zero, NULL}, "below 0", NULL, "RC_ERR_INVALID", node},
      {{"rc_new_array(type)", array_without_tail, NULL}, "no trailing array", "tail_size", NULL, node},
      {{"rc_new_array(n)", array_of_any_length, NULL}, "too large", NULL, "null", array},
      {{"rc_scope_keep(obj)", keep_without_scope, NULL}, "no scope is open", NULL, "null", node},
      {{"rc_weakmap_set(key)", key_of_another_heap, NULL}, "of another heap", NULL, "RC_ERR_INVALID", node},
      {{"rc_status_name(status)", name_of_status, NULL}, "no status", NULL, "RC_ERR_UNKNOWN", NULL},
  };
  expect_others("Other arguments", all, RC_COUNT_OF(all));
  rc_decref(node);
}

static void tail_of_a_type_without_one(void) {
  CHECK_FATAL(type_new_array, graph_declared(NULL), "rc_new_array", "Declared", "tail_size");
}

/* ---- objects of a heap that is gone ---- */

static void object_of_a_dead_heap(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = graph_heap("gone");
    Node *node = graph_node(graph_kinds[kind](heap), 1);
    check_log_start();
    CHECK_EQ(gc_heap_free(heap), 1);
    CHECK_FATAL(rc_incref, node, "rc_incref");
    CHECK_FATAL(rc_decref, node, "rc_decref");
    CHECK_FATAL(with_type_of, node, "rc_type_of");
  }
}

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
    CHECK_TEST(table_of_objects),
    CHECK_TEST(table_of_objects_in_sessions),
    CHECK_TEST(table_of_heaps),
    CHECK_TEST(table_of_types),
    CHECK_TEST(table_of_weak_handles),
    CHECK_TEST(table_of_weak_maps),
    CHECK_TEST(table_of_scope_stacks),
    CHECK_TEST(table_of_growth_marks),
    CHECK_TEST(table_of_query_sessions),
    CHECK_TEST(table_of_ring_watches),
    CHECK_TEST(table_of_scope_marks),
    CHECK_TEST(table_of_memory_that_was_not_initialised),
    CHECK_TEST(table_of_other_arguments),
    CHECK_TEST(null_is_nothing_where_the_name_has_an_x),
    CHECK_TEST(released_twice),
    CHECK_TEST(slot_to_a_dead_object),
    CHECK_TEST(collection_with_a_slot_to_the_dead),
    CHECK_TEST(heap_free_twice_says_so),
    CHECK_TEST(tail_of_a_type_without_one),
    CHECK_TEST(object_of_a_dead_heap),
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
