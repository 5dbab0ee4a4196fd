/* Weak maps: an entry keeps its value alive while map and key are alive by other ways, and never its key.
 * Every shape of value and key that leaks elsewhere, long chains, and keys that die in each way. */
#include "check.h"
#include "graph.h"

#include <rcgc/weakmap.h>

static rc_weakmap *map_of(gc_heap *heap) {
  rc_weakmap *map = rc_weakmap_new(heap);
  REQUIRE(map != NULL);
  return map;
}

/* How often a collection may ask each object for its references; the checking level asks twice before. */
static size_t traversals(void) {
  return check_env("RCGC_TEST_CHECKED") ? 5 : 3;
}

static void put(rc_weakmap *map, void *key, void *value) {
  REQUIRE(rc_weakmap_set(map, key, value) == RC_OK);
}

static bool has(rc_weakmap *map, void *key, void *value) {
  void *got = rc_weakmap_get(map, key);
  if (got) rc_decref(got);
  return got == value;
}

/* ---- plain use ---- */

static void set_get_replace_remove(void) {
  rc_type *type = graph_declared(NULL);
  rc_weakmap *map = map_of(NULL);
  Node *key = graph_node(type, 1), *other = graph_node(type, 2);
  Node *value = graph_node(type, 3), *next = graph_node(type, 4);
  CHECK(has(map, key, NULL));
  CHECK_EQ(rc_weakmap_length(map), 0);
  put(map, key, value);
  CHECK_EQ(rc_count(value), 2); /* its own reference */
  CHECK_EQ(rc_count(key), 1);   /* and none to the key */
  CHECK(has(map, key, value) && has(map, other, NULL));
  CHECK_EQ(rc_weakmap_length(map), 1);
  put(map, key, value); /* the same again */
  CHECK_EQ(rc_count(value), 2);
  put(map, key, next);
  CHECK(rc_count(value) == 1 && rc_count(next) == 2);
  CHECK_EQ(rc_weakmap_length(map), 1);
  put(map, other, next);
  CHECK_EQ(rc_weakmap_length(map), 2);
  CHECK_EQ(rc_weakmap_remove(map, key), RC_OK);
  CHECK_EQ(rc_weakmap_remove(map, key), RC_OK); /* also when there is none */
  CHECK(has(map, key, NULL) && has(map, other, next));
  CHECK_EQ(rc_count(next), 2);
  rc_decref(map);
  CHECK_EQ(rc_count(next), 1);
  rc_decref(key), rc_decref(other), rc_decref(value), rc_decref(next);
  CHECK_EQ(graph_live(NULL), 0);
}

static void bad_arguments(void) {
  gc_heap *other = graph_heap("other");
  rc_weakmap *map = map_of(NULL);
  Node *key = graph_node(graph_declared(NULL), 1), *foreign = graph_node(graph_declared(other), 1);
  CHECK_EQ(rc_weakmap_set(map, key, NULL), RC_ERR_INVALID);
  CHECK_EQ(rc_weakmap_set(map, foreign, key), RC_ERR_INVALID);
  CHECK(strlen(gc_error_message(NULL)) > 0);
  CHECK_EQ(rc_weakmap_length(map), 0);
  CHECK(rc_weakmap_get(map, foreign) == NULL);
  CHECK_EQ(rc_weakmap_remove(map, foreign), RC_OK);
  put(map, key, foreign); /* a value of another heap is a reference like any other */
  CHECK_EQ(rc_count(foreign), 2);
  rc_decref(key);
  CHECK_EQ(rc_count(foreign), 1);
  rc_decref(foreign), rc_decref(map);
  CHECK_EQ(gc_heap_free(other), 0);
}

static void not_a_map(void *arg) {
  (void)arg;
  Node *node = graph_node(graph_declared(NULL), 1);
  (void)rc_weakmap_length((rc_weakmap *)(void *)node);
}

static void dead_key(void *arg) {
  (void)arg;
  Node *node = graph_node(graph_declared(NULL), 1);
  rc_weakmap *map = map_of(NULL);
  rc_decref(node);
  CHECK(rc_weakmap_get(map, node) == NULL);
}

static void misuse_is_named(void) {
  CHECK_FATAL(not_a_map, NULL, "rc_weakmap_length", "not a weak map");
  CHECK_FATAL(dead_key, NULL, "rc_weakmap_get");
}

/* A map is an object: counted, tracked, weakly referable, a reference that a slot may own. */
static void a_map_is_an_object(void) {
  rc_type *type = graph_declared(NULL);
  rc_weakmap *map = map_of(NULL);
  CHECK(rc_count(map) == 1 && gc_is_tracked(map) && rc_heap_of(map) == gc_heap_default());
  CHECK(rc_type_name(rc_type_of(map)) != NULL);
  rc_weak *weak = rc_weak_new(map, NULL, NULL);
  Node *owner = graph_node(type, 1);
  owner->a = (Node *)(void *)map;
  owner->b = rc_newref(owner);
  put(map, owner, owner);
  rc_decref(owner);
  CHECK_EQ(gc_collect(NULL), 2);
  CHECK(rc_weak_get(weak) == NULL);
  rc_weak_free(weak);
  CHECK_EQ(graph_live(NULL), 0);
}

/* ---- shapes ---- */

static void key_dies_by_count(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    rc_type *type = graph_kinds[kind](NULL);
    rc_weakmap *map = map_of(NULL);
    Node *key = graph_node(type, 1), *value = graph_node(type, 2);
    put(map, key, value);
    rc_decref(value);
    CHECK_EQ(gc_collect(NULL), 0);
    CHECK_EQ(graph_live(NULL), 3);
    rc_decref(key);
    CHECK_EQ(rc_weakmap_length(map), 0);
    CHECK_EQ(graph_live(NULL), 1); /* the value went with it */
    rc_decref(map);
  }
}

static void value_refers_to_its_key(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    rc_type *type = graph_kinds[kind](NULL);
    rc_weakmap *map = map_of(NULL);
    Node *key = graph_node(type, 1), *value = graph_node(type, 2);
    value->a = rc_newref(key);
    put(map, key, value);
    rc_decref(value);
    CHECK_EQ(gc_collect(NULL), 0);
    rc_decref(key);
    CHECK_EQ(rc_weakmap_length(map), 1);
    CHECK_EQ(gc_collect(NULL), 2);
    CHECK_EQ(rc_weakmap_length(map), 0);
    rc_decref(map);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

static void value_refers_to_the_map(void) {
  rc_type *type = graph_declared(NULL);
  rc_weakmap *map = map_of(NULL);
  Node *key = graph_node(type, 1), *value = graph_node(type, 2);
  value->a = rc_newref(map);
  put(map, key, value);
  rc_decref(value), rc_decref(map);
  CHECK_EQ(gc_collect(NULL), 2); /* although the key lives: nobody can ask the map any more */
  CHECK_EQ(graph_live(NULL), 1);
  rc_decref(key);
}

static void map_is_its_own_key_and_value(void) {
  rc_weakmap *map = map_of(NULL);
  put(map, map, map);
  CHECK_EQ(rc_count(map), 2);
  CHECK(has(map, map, map));
  CHECK_EQ(gc_collect(NULL), 0);
  rc_decref(map);
  CHECK_EQ(gc_collect(NULL), 1);
  CHECK_EQ(graph_live(NULL), 0);
}

static void maps_in_maps(void) {
  rc_weakmap *maps[10];
  for (int i = 0; i < 10; i++) maps[i] = map_of(NULL);
  for (int i = 0; i < 10; i++)
    for (int j = 0; j < 10; j++) put(maps[i], maps[j], maps[(i + j) % 10]);
  for (int i = 0; i < 9; i++) rc_decref(maps[i]);
  /* Of the tenth the key itself is alive: its value is, as a key of that too, and so on. */
  CHECK_EQ(gc_collect(NULL), 0);
  rc_decref(maps[9]);
  CHECK_EQ(gc_collect(NULL), 10);
  CHECK_EQ(graph_live(NULL), 0);
}

/* The key of the one is reached only from the value of the other, and the other way round. */
static void two_maps_that_need_each_other(void) {
  rc_type *type = graph_declared(NULL);
  rc_weakmap *one = map_of(NULL), *two = map_of(NULL);
  Node *a = graph_node(type, 1), *b = graph_node(type, 2);
  put(one, a, b), put(two, b, a);
  rc_decref(a), rc_decref(b);
  CHECK_EQ(gc_collect(NULL), 2);
  CHECK(rc_weakmap_length(one) == 0 && rc_weakmap_length(two) == 0);
  rc_decref(one), rc_decref(two);
}

static void self_valued_entries(void) {
  size_t n = check_scale(1000, 30000, 300000);
  rc_type *type = graph_declared(NULL);
  rc_weakmap *map = map_of(NULL);
  Node **keys = malloc(n * sizeof *keys);
  for (size_t i = 0; i < n; i++) {
    keys[i] = graph_node(type, i);
    put(map, keys[i], keys[i]);
  }
  CHECK_EQ(gc_collect(NULL), 0);
  for (size_t i = 0; i < n; i += 2) rc_decref(keys[i]);
  CHECK_EQ(gc_collect(NULL), (n + 1) / 2);
  CHECK_EQ(rc_weakmap_length(map), n / 2);
  for (size_t i = 1; i < n; i += 2) {
    if (i % 999 == 0) CHECK(has(map, keys[i], keys[i]));
    rc_decref(keys[i]);
  }
  CHECK_EQ(gc_collect(NULL), n / 2);
  CHECK_EQ(rc_weakmap_length(map), 0);
  rc_decref(map);
  CHECK_EQ(graph_live(NULL), 0);
  free(keys);
}

/* Each value is the next one's key: in one map, with the key held; once it goes, all go. The traversals are
 * counted, so that a chain walked once for each of its links would be seen. */
static void chain_is_linear(void) {
  size_t n = check_scale(1000, 100000, 1000000);
  rc_type *type = graph_callback(NULL);
  for (int order = 0; order < 2; order++) {
    rc_weakmap *map = map_of(NULL);
    Node **keys = malloc(n * sizeof *keys);
    for (size_t i = 0; i < n; i++) keys[i] = graph_node(type, i);
    /* In address order, and against it. */
    if (order)
      for (size_t i = n - 1; i > 0; i--) put(map, keys[i], keys[i - 1]);
    else
      for (size_t i = 0; i + 1 < n; i++) put(map, keys[i], keys[i + 1]);
    size_t first = order ? n - 1 : 0;
    for (size_t i = 0; i < n; i++)
      if (i != first) rc_decref(keys[i]);
    gc_disable(NULL);
    graph_reset();
    CHECK_EQ(gc_collect(NULL), 0);
    CHECK(graph.traversed <= traversals() * n);
    CHECK_EQ(rc_weakmap_length(map), n - 1);
    CHECK_EQ(graph_live(NULL), n + 1);
    rc_decref(keys[first]); /* by count, link after link, at any depth */
    CHECK_EQ(rc_weakmap_length(map), 0);
    CHECK_EQ(graph_live(NULL), 1);
    gc_enable(NULL);
    rc_decref(map);
    free(keys);
  }
}

/* A chain that ends in its own beginning: only a collection ends it. */
static void ring_of_entries(void) {
  size_t n = check_scale(1000, 100000, 1000000);
  rc_type *type = graph_callback(NULL);
  rc_weakmap *map = map_of(NULL);
  Node **keys = malloc(n * sizeof *keys);
  for (size_t i = 0; i < n; i++) keys[i] = graph_node(type, i);
  for (size_t i = 0; i < n; i++) put(map, keys[i], keys[(i + 1) % n]);
  for (size_t i = 1; i < n; i++) rc_decref(keys[i]);
  gc_disable(NULL);
  graph_reset();
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK(graph.traversed <= traversals() * n);
  rc_decref(keys[0]);
  graph_reset();
  CHECK_EQ(gc_collect(NULL), n);
  CHECK(graph.traversed <= traversals() * n);
  CHECK_EQ(rc_weakmap_length(map), 0);
  rc_decref(map);
  free(keys);
}

static void one_key_in_many_maps(void) {
  size_t n = check_scale(500, 20000, 200000);
  rc_type *type = graph_declared(NULL);
  rc_weakmap **maps = malloc(n * sizeof *maps);
  Node *key = graph_node(type, 1);
  for (size_t i = 0; i < n; i++) {
    maps[i] = map_of(NULL);
    Node *value = graph_node(type, i);
    value->a = rc_newref(key);
    put(maps[i], key, value);
    rc_decref(value);
  }
  for (size_t i = 0; i < n; i += 2) rc_decref(maps[i]);
  CHECK_EQ(graph_live(NULL), n / 2 * 2 + 1);
  rc_decref(key);
  CHECK_EQ(gc_collect(NULL), n / 2 + 1);
  for (size_t i = 1; i < n; i += 2) {
    if (i % 501 == 0) CHECK_EQ(rc_weakmap_length(maps[i]), 0);
    rc_decref(maps[i]);
  }
  CHECK_EQ(graph_live(NULL), 0);
  free(maps);
}

/* ---- ages, freezing, tracking ---- */

static void young_collections(void) {
  rc_type *type = graph_declared(NULL);
  rc_weakmap *map = map_of(NULL);
  CHECK_EQ(gc_collect(NULL), 0); /* the map is old */
  Node *key = graph_node(type, 1), *value = graph_node(type, 2);
  value->a = rc_newref(key);
  put(map, key, value);
  rc_decref(value);
  CHECK_EQ(gc_collect_young(NULL), 0);
  CHECK(has(map, key, value));
  rc_decref(key);
  CHECK_EQ(gc_collect(NULL), 2);
  key = graph_node(type, 3);
  value = graph_node(type, 4);
  CHECK_EQ(gc_collect_young(NULL), 0); /* key and value are old, */
  Node *fresh = graph_node(type, 5);
  put(map, key, fresh); /* and the value is young: it must not be lost */
  rc_decref(fresh);
  (void)gc_collect_young(NULL);
  CHECK(has(map, key, fresh));
  rc_decref(key), rc_decref(value);
  CHECK_EQ(rc_weakmap_length(map), 0);
  rc_decref(map);
  CHECK_EQ(graph_live(NULL), 0);
}

static void frozen_map_key_or_value(void) {
  rc_type *type = graph_declared(NULL);
  rc_weakmap *map = map_of(NULL);
  Node *key = graph_node(type, 1);
  CHECK_EQ(gc_freeze(NULL), RC_OK);
  Node *value = graph_node(type, 2);
  value->a = rc_newref(key);
  put(map, key, value);
  rc_decref(value), rc_decref(key);
  CHECK_EQ(gc_collect(NULL), 0); /* the frozen key counts as alive */
  CHECK_EQ(rc_weakmap_length(map), 1);
  CHECK_EQ(gc_unfreeze(NULL), RC_OK);
  CHECK_EQ(gc_collect(NULL), 2);
  rc_decref(map);
  CHECK_EQ(graph_live(NULL), 0);
}

/* An untracked key counts as alive until its count ends. */
static void untracked_and_immortal_keys(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Leaf", spec.size = 16;
  rc_type *leaf = graph_type(NULL, &spec), *type = graph_declared(NULL);
  rc_weakmap *map = map_of(NULL);
  void *key = rc_new(leaf), *eternal = rc_new(leaf);
  REQUIRE(key && eternal);
  rc_immortalize(eternal);
  Node *value = graph_node(type, 1);
  put(map, key, value), put(map, eternal, value);
  rc_decref(value);
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK(has(map, key, value));
  rc_decref(key);
  CHECK_EQ(rc_weakmap_length(map), 1);
  CHECK(has(map, eternal, value));
  rc_decref(map);
  CHECK_EQ(rc_type_live(type), 0);
}

/* ---- keys that are not tracked ---- */

/* Types whose objects are never tracked, though nothing about them is hidden. */
typedef struct Rope {
  struct Rope *a;
  rc_weak *weak;
} Rope;

static size_t rope_finalized, rope_destroyed;

static void rope_finalize(void *obj) {
  (void)obj;
  rope_finalized++;
}

static void rope_destroy(void *obj) {
  (void)obj;
  rope_destroyed++;
}

enum { ROPE_PLAIN, ROPE_CALLBACKS, ROPE_WEAK, ROPE_ACYCLIC, ROPE_TAIL, ROPE_LARGE, ROPE_KINDS };

static rc_type *rope_type(gc_heap *heap, int kind) {
  static const rc_field owned[] = {RC_FIELD(Rope, a)}, weak[] = {RC_FIELD_WEAK(Rope, weak)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Rope", spec.size = sizeof(Rope);
  rope_finalized = rope_destroyed = 0;
  if (kind == ROPE_CALLBACKS) spec.finalize = rope_finalize, spec.destroy = rope_destroy;
  if (kind == ROPE_WEAK) spec.fields = weak, spec.field_count = 1;
  if (kind == ROPE_ACYCLIC) spec.fields = owned, spec.field_count = 1, spec.flags = RC_TYPE_ACYCLIC;
  if (kind == ROPE_TAIL) spec.tail_size = 1;
  if (kind == ROPE_LARGE) spec.size = 200000;
  return graph_type(heap, &spec);
}

static void *rope(rc_type *type) {
  void *key = rc_new(type);
  REQUIRE(key != NULL && !gc_is_tracked(key));
  return key;
}

static bool reads_null(rc_weak *weak) {
  void *target = rc_weak_get(weak);
  rc_xdecref(target);
  return target == NULL;
}

/* A value that refers to a key without references keeps neither alive. */
static void untracked_key_of_its_value(void) {
  for (size_t values = 0; values < GRAPH_KINDS; values++)
    for (int kind = 0; kind < ROPE_KINDS; kind++) {
      rc_type *type = graph_kinds[values](NULL), *keys = rope_type(NULL, kind);
      rc_weakmap *map = map_of(NULL);
      void *key = rope(keys);
      Node *value = graph_node(type, 1);
      rc_weak *weak = rc_weak_new(key, NULL, NULL);
      value->a = (Node *)rc_newref(key);
      put(map, key, value);
      rc_decref(value);
      CHECK_EQ(gc_collect(NULL), 0); /* the host holds the key */
      CHECK(has(map, key, value) && rc_count(key) == 2);
      rc_decref(key);
      gc_stats before = graph_stats(NULL);
      CHECK_EQ(gc_collect(NULL), 1); /* tracked objects: the value */
      gc_stats after = graph_stats(NULL);
      CHECK_EQ(after.full.examined - before.full.examined, 2); /* map and value */
      CHECK_EQ(after.reclaimed_objects - before.reclaimed_objects, 1);
      CHECK_EQ(rc_weakmap_length(map), 0);
      CHECK(reads_null(weak));
      CHECK_EQ(rc_type_live(keys) + rc_type_live(type), 0);
      if (kind == ROPE_CALLBACKS) CHECK(rope_finalized == 1 && rope_destroyed == 1);
      rc_weak_free(weak), rc_decref(map);
      CHECK_EQ(rc_type_free(keys), RC_OK);
      CHECK_EQ(graph_live(NULL), 0);
    }
}

static void untracked_key_that_is_its_value(void) {
  for (int kind = 0; kind < ROPE_KINDS; kind++) {
    rc_type *keys = rope_type(NULL, kind);
    rc_weakmap *map = map_of(NULL);
    void *key = rope(keys), *held = rope(keys);
    put(map, key, key), put(map, held, held);
    rc_decref(key);
    CHECK_EQ(gc_collect(NULL), 0); /* none of the dead is tracked */
    CHECK_EQ(rc_type_live(keys), 1);
    CHECK(rc_weakmap_length(map) == 1 && has(map, held, held));
    rc_decref(map), rc_decref(held);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

/* An acyclic key's own references hold what they lead to as long as it lives, and no longer. */
static void acyclic_key_refers_to_tracked_objects(void) {
  rc_type *keys = rope_type(NULL, ROPE_ACYCLIC), *type = graph_watched(NULL);
  graph_reset();
  rc_weakmap *map = map_of(NULL);
  Rope *key = rope(keys);
  Node *value = graph_node(type, 1), *ring = graph_ring(type, 3);
  key->a = (Rope *)(void *)ring;
  value->a = (Node *)(void *)rc_newref(key);
  put(map, key, value);
  rc_decref(value);
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK(rc_count(ring) == 2 && graph.destroyed == 0);
  rc_decref(key);
  CHECK_EQ(gc_collect(NULL), 4);
  CHECK_EQ(graph.destroyed, 4);
  rc_decref(map);
  CHECK_EQ(graph_live(NULL), 0);
}

/* Whatever keeps the map, or does not. */
static void untracked_keys_of_any_map(void) {
  for (int what = 0; what < 5; what++) {
    gc_heap *heap = graph_heap("maps");
    rc_type *type = graph_declared(heap), *keys = rope_type(heap, ROPE_PLAIN);
    rc_weakmap *map = map_of(heap);
    if (what == 1) rc_immortalize(map);
    if (what == 2) CHECK_EQ(gc_untrack(map), RC_OK);
    if (what == 3) CHECK_EQ(gc_freeze(heap), RC_OK);
    void *key = rope(keys);
    Node *value = graph_node(type, 1);
    value->a = (Node *)rc_newref(key);
    if (what == 4) value->b = (Node *)(void *)rc_newref(map);
    put(map, key, value);
    rc_decref(value), rc_decref(key);
    if (what == 4) rc_decref(map);
    CHECK_EQ(gc_collect(heap), what == 4 ? 2 : 1);
    CHECK_EQ(rc_type_live(keys) + rc_type_live(type), 0);
    check_log_start();
    CHECK_EQ(gc_heap_free(heap), what == 2 || what == 3 || what == 0 ? 1 : 0);
  }
}

/* Each value holds the next one's key; the first key is held. Traversals are counted, as in chain_is_linear. */
static void chain_of_untracked_keys(void) {
  size_t n = check_scale(500, 50000, 500000);
  rc_type *type = graph_callback(NULL), *keys = rope_type(NULL, ROPE_PLAIN);
  for (int order = 0; order < 2; order++) {
    for (int ring = 0; ring < 2; ring++) {
      rc_weakmap *map = map_of(NULL);
      void **key = malloc(n * sizeof *key);
      for (size_t i = 0; i < n; i++) key[i] = rope(keys);
      for (size_t j = 0; j < n; j++) {
        size_t i = order ? n - 1 - j : j;
        Node *value = graph_node(type, i);
        if (i + 1 < n || ring) value->a = (Node *)rc_newref(key[(i + 1) % n]);
        put(map, key[i], value);
        rc_decref(value);
      }
      for (size_t i = 1; i < n; i++) rc_decref(key[i]);
      gc_disable(NULL);
      graph_reset();
      CHECK_EQ(gc_collect(NULL), 0);
      CHECK(graph.traversed <= traversals() * n);
      CHECK_EQ(graph_live(NULL), 2 * n + 1);
      rc_decref(key[0]);
      graph_reset();
      CHECK_EQ(gc_collect(NULL), ring ? n : 0); /* without the ring it went by count */
      CHECK(graph.traversed <= traversals() * n);
      CHECK_EQ(rc_weakmap_length(map), 0);
      CHECK_EQ(graph_live(NULL), 1);
      gc_enable(NULL);
      rc_decref(map);
      free(key);
    }
  }
}

static void untracked_keys_in_young_collections(void) {
  rc_type *type = graph_declared(NULL), *keys = rope_type(NULL, ROPE_PLAIN);
  gc_disable(NULL);
  rc_weakmap *map = map_of(NULL);
  CHECK_EQ(gc_collect(NULL), 0); /* the map is old */
  for (int old = 0; old < 2; old++) {
    void *key = rope(keys);
    if (old) CHECK_EQ(gc_collect(NULL), 0); /* so is the key */
    Node *value = graph_node(type, 1);
    value->a = (Node *)rc_newref(key);
    put(map, key, value);
    rc_decref(value);
    CHECK_EQ(gc_collect_young(NULL), 0);
    CHECK(has(map, key, value));
    Node *fresh = graph_node(type, 2);
    fresh->a = (Node *)rc_newref(key);
    put(map, key, fresh);
    rc_decref(fresh), rc_decref(key);
    (void)gc_collect_young(NULL); /* may find it or not, but not by halves */
    CHECK_EQ(rc_weakmap_length(map), rc_type_live(keys));
    (void)gc_collect(NULL);
    CHECK_EQ(rc_weakmap_length(map) + rc_type_live(keys) + rc_type_live(type), 0);
  }
  void *key = rope(keys);
  Node *value = graph_node(type, 3);
  value->a = (Node *)rc_newref(key);
  put(map, key, value);
  rc_decref(value), rc_decref(key);
  CHECK_EQ(gc_collect_young(NULL), 1); /* all of it is young but the map */
  rc_decref(map);
  CHECK_EQ(graph_live(NULL), 0);
}

static Node *stored;

static void store_in_finalizer(void *obj) {
  (void)obj;
  rope_finalized++;
  if (stored) rc_incref(stored);
}

/* A finalizer that takes up the value saves the key with it, and the entry. */
static void untracked_key_resurrected(void) {
  for (int taken = 0; taken < 2; taken++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Rope", spec.size = sizeof(Rope), spec.finalize = store_in_finalizer;
    rc_type *type = graph_watched(NULL), *keys = graph_type(NULL, &spec);
    rope_finalized = 0;
    graph_reset();
    rc_weakmap *map = map_of(NULL);
    void *key = rope(keys);
    Node *value = graph_node(type, 1);
    rc_weak *weak = rc_weak_new(key, NULL, NULL);
    value->a = (Node *)rc_newref(key);
    put(map, key, value);
    stored = taken ? value : NULL;
    rc_decref(value), rc_decref(key);
    gc_stats before = graph_stats(NULL);
    CHECK_EQ(gc_collect(NULL), taken ? 0 : 1);
    CHECK_EQ(graph_stats(NULL).full.resurrected - before.full.resurrected, taken ? 1 : 0);
    CHECK_EQ(rope_finalized, 1);
    if (taken) {
      CHECK(has(map, key, value) && !reads_null(weak) && graph.destroyed == 0);
      rc_decref(value);
      CHECK_EQ(gc_collect(NULL), 1);
    }
    CHECK(rope_finalized == 1 && graph.destroyed == 1 && reads_null(weak));
    rc_weak_free(weak), rc_decref(map);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

/* The garbage list takes the value; the key lives with it, and ends with it. */
static void untracked_key_saved_as_garbage(void) {
  gc_heap *heap = graph_heap("garbage");
  rc_type *type = graph_declared(heap), *keys = rope_type(heap, ROPE_CALLBACKS);
  rc_weakmap *map = map_of(heap);
  void *key = rope(keys), *self = rope(keys);
  Node *value = graph_node(type, 1);
  value->a = (Node *)rc_newref(key);
  put(map, key, value), put(map, self, self);
  rc_decref(value), rc_decref(key), rc_decref(self);
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_SAVEALL), RC_OK);
  CHECK_EQ(gc_collect(heap), 1);
  CHECK(gc_garbage_count(heap) == 1 && gc_garbage_get(heap, 0) == (void *)value && value->a == key);
  CHECK(rc_count(key) == 1 && rc_weakmap_length(map) == 0 && rope_finalized == 2 && rope_destroyed == 1);
  gc_garbage_clear(heap);
  CHECK_EQ(rope_destroyed, 2);
  CHECK_EQ(graph_live(heap), 1);
  rc_decref(map);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The exceptions that the header names: what the host keeps out of collections, and what only a `traverse` could tell. */
static void keys_that_count_as_alive(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Hidden", spec.size = sizeof(Node), spec.flags = RC_TYPE_ACYCLIC;
  spec.traverse = graph_traverse, spec.destroy = rope_destroy;
  rc_type *type = graph_declared(NULL), *hidden = graph_type(NULL, &spec);
  spec = (rc_type_spec)RC_TYPE_SPEC_INIT;
  spec.name = "Manual", spec.size = sizeof(Node), spec.flags = RC_TYPE_TRACK_MANUAL;
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  rc_type *manual = graph_type(NULL, &spec);
  rc_weakmap *map = map_of(NULL);
  void *keys[3] = {rc_new(type), rc_new(hidden), rc_new(manual)};
  CHECK_EQ(gc_untrack(keys[0]), RC_OK);
  for (int i = 0; i < 3; i++) {
    REQUIRE(keys[i] && !gc_is_tracked(keys[i]));
    Node *value = graph_node(type, 1);
    value->a = (Node *)rc_newref(keys[i]);
    put(map, keys[i], value);
    rc_decref(value), rc_decref(keys[i]);
  }
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(rc_weakmap_length(map), 3);
  for (int i = 0; i < 3; i++) CHECK_EQ(rc_weakmap_remove(map, keys[i]), RC_OK);
  rc_decref(map);
  CHECK_EQ(graph_live(NULL), 0);
}

/* ---- callbacks ---- */

typedef struct Keeper {
  struct Keeper *a;
  bool revive;
} Keeper;

static Keeper *revived;
static rc_weakmap *the_map;
static size_t lengths[4];

static void keeper_finalize(void *obj) {
  Keeper *self = obj;
  lengths[0] = rc_weakmap_length(the_map); /* step 1: the entry is there still */
  if (self->revive) revived = rc_newref(self);
}

static void keeper_destroy(void *obj) {
  (void)obj;
  lengths[1] = rc_weakmap_length(the_map);
}

static rc_type *keeper_type(void) {
  static const rc_field fields[] = {RC_FIELD(Keeper, a)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Keeper", spec.size = sizeof(Keeper), spec.fields = fields, spec.field_count = 1;
  spec.finalize = keeper_finalize, spec.destroy = keeper_destroy;
  return graph_type(NULL, &spec);
}

/* A key that its finalizer brings back keeps its entry, and the value that died with it. */
static void key_resurrected_by_a_finalizer(void) {
  for (int ring = 0; ring < 2; ring++) {
    rc_type *type = keeper_type(), *values = graph_watched(NULL);
    the_map = map_of(NULL);
    graph_reset();
    Keeper *key = rc_new(type);
    REQUIRE(key != NULL);
    key->revive = true;
    if (ring) key->a = rc_newref(key);
    Node *value = graph_node(values, 1);
    value->a = (Node *)(void *)(ring ? rc_newref(key) : NULL);
    put(the_map, key, value);
    rc_decref(value);
    rc_decref(key);
    CHECK_EQ(gc_collect(NULL), 0);
    REQUIRE(revived == key);
    CHECK_EQ(lengths[0], 1);
    CHECK(rc_weakmap_length(the_map) == 1 && has(the_map, key, value) && graph.destroyed == 0);
    rc_clear(&revived);
    CHECK_EQ(gc_collect(NULL), ring ? 2 : 0);
    CHECK_EQ(lengths[1], 0); /* step 3 is before step 6 */
    CHECK_EQ(rc_weakmap_length(the_map), 0);
    CHECK_EQ(graph.destroyed, 1);
    rc_decref(the_map);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

static void revive_in_callback(rc_weak *weak, void *ctx) {
  (void)weak;
  lengths[2] = rc_weakmap_length(the_map);
  revived = rc_newref(ctx);
}

/* One that a weak callback brings back has lost its entries, as it has lost its handles. */
static void key_resurrected_by_a_weak_callback(void) {
  for (int ring = 0; ring < 2; ring++) {
    rc_type *type = keeper_type(), *values = graph_watched(NULL);
    the_map = map_of(NULL);
    graph_reset();
    Keeper *key = rc_new(type);
    REQUIRE(key != NULL);
    if (ring) key->a = rc_newref(key);
    Node *value = graph_node(values, 1);
    put(the_map, key, value);
    rc_decref(value);
    rc_weak *weak = rc_weak_new(key, revive_in_callback, key);
    lengths[2] = 99;
    rc_decref(key);
    CHECK_EQ(gc_collect(NULL), ring ? 1 : 0); /* the value */
    CHECK_EQ(lengths[2], 0);
    REQUIRE(revived == key);
    CHECK(has(the_map, key, NULL));
    CHECK_EQ(graph.destroyed, 1); /* the value is released all the same */
    put(the_map, key, key); /* it can be a key again */
    CHECK_EQ(rc_weakmap_remove(the_map, key), RC_OK);
    rc_weak_free(weak);
    rc_clear(&revived);
    CHECK_EQ(gc_collect(NULL), ring ? 1 : 0);
    rc_decref(the_map);
    CHECK_EQ(graph_live(NULL), 0);
  }
}

static void set_in_destroy(void *obj) {
  Node *self = obj;
  CHECK_EQ(rc_weakmap_set(the_map, self, the_map), RC_ERR_REFUSED); /* a dying key */
  CHECK(rc_weakmap_get(the_map, self) == NULL);
  CHECK_EQ(rc_weakmap_remove(the_map, self), RC_OK);
  rc_type *type = rc_type_ctx(rc_type_of(self));
  Node *key = graph_node(type, 9);
  put(the_map, key, key);
  rc_decref(key);
}

static void used_in_destroy(void) {
  rc_type *plain = graph_declared(NULL);
  the_map = map_of(NULL);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Setter", spec.size = sizeof(Node), spec.destroy = set_in_destroy, spec.ctx = plain;
  spec.fields = graph_fields, spec.field_count = 2;
  rc_type *type = graph_type(NULL, &spec);
  rc_decref(graph_node(type, 1));
  rc_decref(graph_ring(type, 3));
  CHECK_EQ(gc_collect(NULL), 3 + 1);
  CHECK_EQ(gc_collect(NULL), 3);
  CHECK_EQ(rc_weakmap_length(the_map), 0);
  rc_decref(the_map);
}

/* ---- maps are the engine's own objects: whoever watches a heap sees them come and go like any other ---- */

/* Ten maps end by count, ten in rings, ten with their keys, and one lives. */
static rc_weakmap *come_and_go(gc_heap *heap, rc_type *type) {
  for (uint64_t i = 0; i < 30; i++) {
    rc_weakmap *map = map_of(heap);
    Node *key = graph_node(type, i);
    put(map, key, i % 3 ? (void *)key : (void *)map);
    rc_decref(key), rc_decref(map);
  }
  (void)gc_collect(heap);
  return map_of(heap);
}

static void maps_under_a_profile(void) {
  static const uint32_t flags[] = {GC_PROFILE_SITES, GC_PROFILE_STACKS, GC_PROFILE_SITES | GC_PROFILE_STACKS};
  for (size_t f = 0; f < RC_COUNT_OF(flags); f++)
    for (int known = 0; known < 2; known++) { /* the type of maps is made before the profile, or under it */
      gc_heap *heap = graph_heap("profiled");
      rc_type *type = graph_declared(heap);
      if (known) rc_decref(map_of(heap));
      gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
      options.flags = flags[f], options.sample_bytes = 1; /* every object, where stacks are sampled */
      for (int round = 0; round < 2; round++) {
        CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
        rc_weakmap *map = come_and_go(heap, type);
        gc_stats stats = graph_stats(heap);
        CHECK_EQ(stats.live_objects, 1);
        gc_profile_stats profile = GC_PROFILE_STATS_INIT;
        CHECK_EQ(gc_profile_get(heap, &profile), RC_OK);
        if (flags[f] & GC_PROFILE_SITES) {
          CHECK(profile.live_objects == stats.live_objects && profile.live_bytes == stats.live_bytes);
          gc_site_query query = GC_SITE_QUERY_INIT;
          gc_site_stats row = GC_SITE_STATS_INIT;
          query.type_name = "rc_weakmap";
          CHECK_EQ(gc_profile_sites(heap, &query, &row, 1), 1);
          CHECK(row.allocated_objects == 31 && row.freed_objects == 30 && row.live_objects == 1);
        }
        if (flags[f] & GC_PROFILE_STACKS) {
          gc_stack_stats rows[64] = {GC_STACK_STATS_INIT};
          size_t count = gc_profile_stacks(heap, rows, 64);
          double live = 0;
          for (size_t i = 0; i < count && i < 64; i++) live += rows[i].live_bytes;
          CHECK(live >= 0.99 * (double)stats.live_bytes && live <= 1.01 * (double)stats.live_bytes);
        }
        rc_decref(map);
        CHECK_EQ(gc_profile_get(heap, &profile), RC_OK);
        if (flags[f] & GC_PROFILE_SITES) CHECK(profile.live_objects == 0 && profile.live_bytes == 0);
        gc_profile_stop(heap);
      }
      CHECK_EQ(gc_heap_free(heap), 0);
    }
}

static void drop_maps(gc_heap *heap, void *ctx) {
  rc_decref(come_and_go(heap, ctx));
}

static void keep_a_map(gc_heap *heap, void *ctx) {
  Node *keeper = ctx, *node = graph_node(rc_type_of(keeper), 1);
  node->a = (Node *)(void *)map_of(heap), node->b = keeper->a;
  keeper->a = node;
}

static void maps_in_a_leak_check(void) {
  for (int warm_ups = 0; warm_ups < 2; warm_ups++) {
    gc_heap *heap = graph_heap("checked");
    rc_type *type = graph_declared(heap);
    gc_leak_result result = GC_LEAK_RESULT_INIT;
    check_log_start();
    CHECK_EQ(gc_leak_check(heap, drop_maps, type, (uint32_t)warm_ups, 3, &result), RC_OK);
    CHECK(result.leaks == 0 && result.objects == 0 && result.references == 0);
    Node *keeper = graph_node(type, 0);
    CHECK_EQ(gc_leak_check(heap, keep_a_map, keeper, 0, 3, &result), RC_OK);
    CHECK(result.leaks == 1 && result.objects == 2);
    rc_decref(keeper);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* Where finalizers are queued, what waits for them is no leak of what made it. */
static void make_due(gc_heap *heap, void *ctx) {
  (void)heap;
  Keeper *one = rc_new(ctx), *ring = rc_new(ctx), *chain = rc_new(ctx);
  REQUIRE(one && ring && chain);
  ring->a = rc_newref(ring), chain->a = one;
  rc_decref(ring), rc_decref(chain);
}

static void due_in_a_leak_check(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  the_map = map_of(heap);
  static const rc_field fields[] = {RC_FIELD(Keeper, a)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Keeper", spec.size = sizeof(Keeper), spec.fields = fields, spec.field_count = 1;
  spec.finalize = keeper_finalize;
  rc_type *type = graph_type(heap, &spec);
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  CHECK_EQ(gc_leak_check(heap, make_due, type, 0, 3, &result), RC_OK);
  CHECK(result.leaks == 0 && result.objects_total == 0);
  CHECK_EQ(graph_live(heap), 1);
  rc_decref(the_map);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void maps_since_a_mark(void) {
  for (int known = 0; known < 2; known++) {
    gc_heap *heap = graph_heap("marked");
    rc_type *type = graph_declared(heap);
    if (known) rc_decref(map_of(heap));
    gc_mark *mark = NULL;
    CHECK_EQ(gc_growth_mark(heap, GC_MARK_OBJECTS, &mark), RC_OK);
    rc_weakmap *map = come_and_go(heap, type);
    gc_growth row = GC_GROWTH_INIT;
    size_t count = 0;
    CHECK_EQ(gc_growth_since(mark, GC_SINCE_MARK, &row, 1, &count), RC_OK);
    CHECK(count == 1 && row.more == 1 && row.live == 1 && row.made == 31 && row.type == rc_type_of(map));
    gc_object_facts facts = GC_OBJECT_FACTS_INIT;
    CHECK_EQ(gc_object_info(map, &facts), RC_OK);
    CHECK((facts.flags & GC_OBJECT_NEW) && (facts.flags & GC_OBJECT_TRACKED));
    rc_decref(map);
    CHECK_EQ(gc_growth_since(mark, GC_SINCE_MARK, &row, 1, &count), RC_OK);
    CHECK_EQ(count, 0);
    gc_growth_free(mark);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void maps_in_a_measured_scope(void) {
  gc_heap *heap = graph_heap("scopes");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_scope_mark mark = rc_scope_enter_named(heap, "maps");
  rc_weakmap *map = come_and_go(heap, type);
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  CHECK_EQ(gc_scope_get(heap, mark, &stats), RC_OK);
  CHECK(stats.allocated_objects == 61 && stats.freed_objects == 60);
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  rc_decref(map);
  gc_profile_stop(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- the end of the heap, and churn ---- */

static void ends_with_its_heap(void) {
  gc_heap *heap = graph_heap("ending");
  rc_type *type = graph_watched(heap);
  rc_weakmap *map = map_of(heap);
  for (uint64_t i = 0; i < 100; i++) {
    Node *key = graph_node(type, i);
    put(map, key, key);
    if (i % 2) rc_decref(key);
  }
  put(map, map, map);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 51); /* the map, and the keys still held */
  CHECK_EQ(graph.destroyed, 100);
}

static void random_against_a_table(void) {
  enum { N = 64 };
  uint64_t seed = check_seed(__func__);
  rc_type *type = graph_declared(NULL);
  rc_weakmap *map = map_of(NULL);
  Node *keys[N] = {0};
  uint64_t values[N] = {0}; /* 0: no entry */
  for (size_t step = 0; step < check_scale(2000, 200000, 2000000); step++) {
    size_t i = check_below(&seed, N);
    if (!keys[i]) {
      keys[i] = graph_node(type, i);
      values[i] = 0;
      continue;
    }
    switch (check_below(&seed, 4)) {
      case 0:
        rc_clear(&keys[i]);
        break;
      case 1:
        CHECK_EQ(rc_weakmap_remove(map, keys[i]), RC_OK);
        values[i] = 0;
        break;
      case 2: {
        Node *value = graph_node(type, 1 + check_below(&seed, 1000));
        values[i] = value->id;
        put(map, keys[i], value);
        rc_decref(value);
        break;
      }
      default: {
        Node *value = rc_weakmap_get(map, keys[i]);
        CHECK_EQ(value ? value->id : 0, values[i]);
        rc_xdecref(value);
      }
    }
    size_t length = 0;
    if (step % 64) continue;
    for (size_t j = 0; j < N; j++) length += keys[j] && values[j];
    CHECK_EQ(rc_weakmap_length(map), length);
  }
  for (size_t i = 0; i < N; i++) rc_xdecref(keys[i]);
  CHECK_EQ(graph_live(NULL), 1);
  rc_decref(map);
}

static const check_test tests[] = {
    CHECK_TEST(set_get_replace_remove),
    CHECK_TEST(bad_arguments),
    CHECK_TEST(misuse_is_named),
    CHECK_TEST(a_map_is_an_object),
    CHECK_TEST(key_dies_by_count),
    CHECK_TEST(value_refers_to_its_key),
    CHECK_TEST(value_refers_to_the_map),
    CHECK_TEST(map_is_its_own_key_and_value),
    CHECK_TEST(maps_in_maps),
    CHECK_TEST(two_maps_that_need_each_other),
    CHECK_TEST(self_valued_entries),
    CHECK_TEST(chain_is_linear),
    CHECK_TEST(ring_of_entries),
    CHECK_TEST(one_key_in_many_maps),
    CHECK_TEST(young_collections),
    CHECK_TEST(frozen_map_key_or_value),
    CHECK_TEST(untracked_and_immortal_keys),
    CHECK_TEST(untracked_key_of_its_value),
    CHECK_TEST(untracked_key_that_is_its_value),
    CHECK_TEST(acyclic_key_refers_to_tracked_objects),
    CHECK_TEST(untracked_keys_of_any_map),
    CHECK_TEST(chain_of_untracked_keys),
    CHECK_TEST(untracked_keys_in_young_collections),
    CHECK_TEST(untracked_key_resurrected),
    CHECK_TEST(untracked_key_saved_as_garbage),
    CHECK_TEST(keys_that_count_as_alive),
    CHECK_TEST(key_resurrected_by_a_finalizer),
    CHECK_TEST(key_resurrected_by_a_weak_callback),
    CHECK_TEST(used_in_destroy),
    CHECK_TEST(maps_under_a_profile),
    CHECK_TEST(maps_in_a_leak_check),
    CHECK_TEST(due_in_a_leak_check),
    CHECK_TEST(maps_since_a_mark),
    CHECK_TEST(maps_in_a_measured_scope),
    CHECK_TEST(ends_with_its_heap),
    CHECK_TEST(random_against_a_table),
};

CHECK_MAIN(tests)
