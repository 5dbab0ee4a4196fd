/* Misuse of objects (misuse.h): each call that takes one, with each kind of wrong one; released twice, used after
 * death, in a heap that is gone. */
#include "misuse.h"

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

static const check_test tests[] = {
    CHECK_TEST(table_of_objects),
    CHECK_TEST(table_of_objects_in_sessions),
    CHECK_TEST(null_is_nothing_where_the_name_has_an_x),
    CHECK_TEST(released_twice),
    CHECK_TEST(slot_to_a_dead_object),
    CHECK_TEST(collection_with_a_slot_to_the_dead),
    CHECK_TEST(object_of_a_dead_heap),
};

CHECK_MAIN(tests)
