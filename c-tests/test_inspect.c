/* Inspection: lazy walks while the heap changes, and the facts of any address. */
#include "check.h"
#include "graph.h"

static gc_object_facts facts_of(const void *address) {
  gc_object_facts facts = GC_OBJECT_FACTS_INIT;
  CHECK_EQ(gc_object_info(address, &facts), RC_OK);
  return facts;
}

static gc_iter walk_begin(gc_heap *heap, const gc_iter_filter *filter) {
  gc_iter iter;
  REQUIRE(gc_iter_begin(heap, filter, &iter) == RC_OK);
  return iter;
}

static void *walk_next(gc_iter *iter) {
  void *obj = NULL;
  CHECK_EQ(gc_iter_next(iter, &obj), RC_OK);
  return obj;
}

static size_t walk_count(gc_heap *heap, const gc_iter_filter *filter) {
  gc_iter iter = walk_begin(heap, filter);
  size_t count = 0;
  while (walk_next(&iter)) count++;
  CHECK_EQ(gc_iter_end(&iter), RC_OK);
  return count;
}

/* ---- walks ---- */

static void a_walk_gives_every_object_once(void) {
  gc_heap *heap = graph_heap("walked");
  CHECK_EQ(walk_count(heap, NULL), 0);
  rc_type *type = graph_declared(heap);
  CHECK_EQ(walk_count(heap, NULL), 0);
  size_t n = check_scale(3000, 20000, 200000);
  Node **nodes = calloc(n, sizeof *nodes);
  for (size_t i = 0; i < n; i++) nodes[i] = graph_node(type, 0);
  gc_iter iter = walk_begin(heap, NULL);
  void *before = NULL, *obj;
  size_t count = 0;
  while ((obj = walk_next(&iter))) {
    CHECK((uintptr_t)obj > (uintptr_t)before); /* in address order */
    before = obj;
    ((Node *)obj)->id++;
    count++;
  }
  CHECK_EQ(count, n);
  for (size_t i = 0; i < n; i++) CHECK_EQ(nodes[i]->id, 1);
  CHECK(walk_next(&iter) == NULL); /* the end stays the end */
  for (size_t i = 0; i < n; i++) rc_decref(nodes[i]);
  free(nodes);
  CHECK_EQ(walk_count(heap, NULL), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

typedef struct Sized {
  uint64_t id;
} Sized;

/* Objects of all sizes come and go between two steps; those that stay are given once, and nothing dead is. */
static void a_walk_survives_what_happens_between_its_steps(void) {
  uint64_t seed = check_seed("a_walk_survives_what_happens_between_its_steps");
  gc_heap *heap = graph_heap("changing");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Sized", spec.size = sizeof(Sized), spec.tail_size = 1;
  rc_type *type = graph_type(heap, &spec), *ring_type = graph_declared(heap);
  enum { KEPT = 400, PASSING = 300 };
  Sized *kept[KEPT], *passing[PASSING] = {0};
  size_t rounds = check_scale(3, 20, 100);
  for (size_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < KEPT; i++) {
      size_t size = check_below(&seed, 40) ? check_below(&seed, 3000) : check_below(&seed, 200000);
      kept[i] = rc_new_array(type, size);
      REQUIRE(kept[i]);
      if (check_below(&seed, 3)) { /* so that there are holes */
        Sized *gone = rc_new_array(type, check_below(&seed, 3000));
        rc_decref(gone);
      }
    }
    gc_iter_filter filter = GC_ITER_FILTER_INIT;
    filter.type = round % 2 ? type : NULL;
    gc_iter iter = walk_begin(heap, &filter);
    for (Sized *obj; (obj = walk_next(&iter));) {
      CHECK_EQ(facts_of(obj).place, GC_ADDRESS_LIVE);
      if (rc_type_of(obj) == type) obj->id++;
      for (size_t steps = check_below(&seed, 6); steps > 0; steps--) {
        Sized **place = &passing[check_below(&seed, PASSING)];
        if (*place) rc_decref(*place);
        size_t size = check_below(&seed, 30) ? check_below(&seed, 5000) : check_below(&seed, 300000);
        *place = check_below(&seed, 4) ? rc_new_array(type, size) : NULL;
      }
      if (!check_below(&seed, 50)) rc_decref(graph_ring(ring_type, 1 + check_below(&seed, 50)));
      if (!check_below(&seed, 100)) (void)gc_collect(heap);
      if (!check_below(&seed, 100)) (void)gc_collect_young(heap);
    }
    CHECK_EQ(gc_iter_end(&iter), RC_OK);
    for (size_t i = 0; i < KEPT; i++) {
      CHECK_EQ(kept[i]->id, 1);
      rc_decref(kept[i]);
    }
    for (size_t i = 0; i < PASSING; i++) rc_xdecref(passing[i]), passing[i] = NULL;
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Pages go back to the heap and come again with blocks of another size, under a walk that stands in them. */
static void a_walk_stands_in_a_page_that_changes_its_size(void) {
  gc_heap *heap = graph_heap("pages");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Small", spec.size = 40;
  rc_type *small = graph_type(heap, &spec);
  spec.name = "Odd", spec.size = 1000;
  rc_type *odd = graph_type(heap, &spec);
  enum { N = 20000 };
  void **nodes = calloc(N, sizeof *nodes);
  for (size_t i = 0; i < N; i++) nodes[i] = rc_new(small);
  gc_iter iter = walk_begin(heap, NULL);
  for (size_t i = 0; i < 1234; i++) CHECK(walk_next(&iter) != NULL);
  for (size_t i = 0; i < N; i++) rc_decref(nodes[i]);
  for (size_t i = 0; i < 600; i++) nodes[i] = rc_new(odd);
  void *before = NULL, *obj;
  while ((obj = walk_next(&iter))) {
    CHECK((uintptr_t)obj > (uintptr_t)before);
    CHECK_EQ(facts_of(obj).place, GC_ADDRESS_LIVE);
    CHECK(facts_of(obj).object == obj);
    before = obj;
  }
  for (size_t i = 0; i < 600; i++) rc_decref(nodes[i]);
  free(nodes);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void two_walks_and_a_copy_do_not_meet(void) {
  gc_heap *heap = graph_heap("several"), *other = graph_heap("other");
  Node *chain = graph_chain(graph_declared(heap), 100, false);
  Node *far = graph_chain(graph_declared(other), 30, false);
  gc_iter one = walk_begin(heap, NULL);
  for (size_t i = 0; i < 40; i++) CHECK(walk_next(&one) != NULL);
  gc_iter copy = one, two = walk_begin(other, NULL);
  size_t rest = 0, again = 0, others = 0;
  while (walk_next(&one)) rest++;
  while (walk_next(&copy)) again++;
  while (walk_next(&two)) others++;
  CHECK_EQ(rest, 60);
  CHECK_EQ(again, 60);
  CHECK_EQ(others, 30);
  rc_decref(chain), rc_decref(far);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(gc_heap_free(other), 0);
}

static void filters(void) {
  gc_heap *heap = graph_heap("filtered");
  rc_type *type = graph_declared(heap), *late = graph_callback(heap);
  Node *old = graph_chain(type, 10, false);
  (void)gc_collect(heap);
  Node *young = graph_chain(type, 7, false), *frozen = NULL, *other = graph_chain(late, 3, false);
  gc_iter_filter filter = GC_ITER_FILTER_INIT;
  CHECK_EQ(walk_count(heap, &filter), 20);
  filter.type = late;
  CHECK_EQ(walk_count(heap, &filter), 3);
  filter.type = type;
  CHECK_EQ(walk_count(heap, &filter), 17);
  if (!check_env("RCGC_TEST_CHECKED")) { /* no collection came in between */
    filter.with = GC_OBJECT_YOUNG;
    CHECK_EQ(walk_count(heap, &filter), 7);
    filter.with = 0, filter.without = GC_OBJECT_YOUNG;
    CHECK_EQ(walk_count(heap, &filter), 10);
  }
  filter.type = NULL, filter.with = GC_OBJECT_TRACKED, filter.without = 0;
  CHECK_EQ(walk_count(heap, &filter), 20);
  CHECK_EQ(gc_untrack(other), RC_OK);
  CHECK_EQ(walk_count(heap, &filter), 19);
  CHECK_EQ(gc_track(other), RC_OK);
  CHECK_EQ(gc_freeze(heap), RC_OK);
  frozen = graph_node(type, 1);
  filter.with = GC_OBJECT_FROZEN;
  CHECK_EQ(walk_count(heap, &filter), 20);
  filter.with = 0, filter.without = GC_OBJECT_FROZEN;
  CHECK_EQ(walk_count(heap, &filter), 1);
  filter.with = GC_OBJECT_IMMORTAL, filter.without = 0;
  rc_immortalize(frozen);
  CHECK_EQ(walk_count(heap, &filter), 1);
  CHECK_EQ(gc_unfreeze(heap), RC_OK);
  rc_decref(old), rc_decref(young), rc_decref(other);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Serial numbers are given by a profile, in the order in which objects are made. */
static void filters_by_age(void) {
  gc_heap *heap = graph_heap("aged");
  rc_type *type = graph_declared(heap);
  gc_iter_filter filter = GC_ITER_FILTER_INIT;
  gc_iter iter;
  filter.serial_min = 1;
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter), RC_ERR_REFUSED);
  CHECK_STR(gc_error_message(heap), "not profiled");
  Node *before = graph_chain(type, 5, false);
  REQUIRE(gc_profile_start(heap, NULL) == RC_OK);
  Node *nodes[10];
  for (size_t i = 0; i < 10; i++) nodes[i] = graph_node(type, i);
  gc_origin origin = GC_ORIGIN_INIT;
  CHECK_EQ(gc_object_site(nodes[3], &origin), RC_OK);
  filter.serial_min = origin.serial;
  CHECK_EQ(walk_count(heap, &filter), 7);
  filter.serial_max = origin.serial + 1;
  CHECK_EQ(walk_count(heap, &filter), 2);
  filter.serial_min = 0;
  CHECK_EQ(walk_count(heap, &filter), 5 + 5); /* those made before have none: they are the oldest */
  rc_decref(nodes[3]);
  nodes[3] = graph_node(type, 3); /* another one, whatever its address */
  CHECK_EQ(walk_count(heap, &filter), 9);
  gc_profile_stop(heap);
  for (size_t i = 0; i < 10; i++) rc_decref(nodes[i]);
  rc_decref(before);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void bad_walks(void) {
  gc_heap *heap = graph_heap("bad"), *other = graph_heap("other");
  rc_type *foreign = graph_declared(other);
  gc_iter iter, never = {{0}};
  void *obj = &iter;
  gc_iter_filter filter = GC_ITER_FILTER_INIT;
  CHECK_EQ(gc_iter_begin(heap, NULL, check_null()), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "out_iter");
  filter.struct_size = 5;
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "filter");
  filter.struct_size = sizeof filter, filter.with = 1u << 31;
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "flag");
  filter.with = 0, filter.type = foreign;
  CHECK_EQ(gc_iter_begin(heap, &filter, &iter), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "another heap");
  CHECK_EQ(gc_iter_next(&never, &obj), RC_ERR_INVALID);
  CHECK_EQ(gc_iter_end(&never), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "not begun");
  CHECK(obj == &iter); /* outputs are written only with RC_OK */
  iter = walk_begin(heap, NULL);
  CHECK_EQ(gc_iter_next(&iter, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_iter_next(check_null(), &obj), RC_ERR_INVALID);
  CHECK_EQ(gc_iter_end(&iter), RC_OK);
  CHECK_EQ(gc_iter_next(&iter, &obj), RC_ERR_INVALID);
  CHECK_EQ(gc_iter_end(&iter), RC_ERR_INVALID);
  CHECK_EQ(gc_iter_end(check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(gc_heap_free(other), 0);
}

/* A walk left open: it learns that its heap is gone, also when the next heap gets the same place. */
static void a_walk_outlives_its_heap(void) {
  gc_heap *heap = graph_heap("short-lived");
  Node *chain = graph_chain(graph_declared(heap), 10, false);
  gc_iter iter = walk_begin(heap, NULL), second = iter;
  CHECK(walk_next(&iter) != NULL);
  rc_decref(chain);
  CHECK_EQ(gc_heap_free(heap), 0);
  void *obj = &iter;
  CHECK_EQ(gc_iter_next(&iter, &obj), RC_ERR_STALE);
  CHECK_STR(gc_error_message(NULL), "heap was freed");
  gc_heap *next = graph_heap("next");
  CHECK(next == heap);
  CHECK_EQ(gc_iter_next(&iter, &obj), RC_ERR_STALE);
  CHECK(obj == &iter);
  CHECK_EQ(gc_iter_end(&iter), RC_ERR_STALE);
  CHECK_EQ(gc_iter_next(&iter, &obj), RC_ERR_INVALID);
  CHECK_EQ(gc_iter_end(&second), RC_ERR_STALE);
  CHECK_EQ(gc_heap_free(next), 0);
}

/* ---- objects on their way out ---- */

static gc_heap *dying_heap;
static Node *dying_node;
static size_t listed_in_finalize, listed_in_destroy;
static uint32_t place_in_finalize, place_in_destroy, count_in_finalize;

static size_t listed(void) {
  size_t count = 0;
  gc_iter iter = walk_begin(dying_heap, NULL);
  for (void *obj; (obj = walk_next(&iter));) count += obj == dying_node;
  return count;
}

static void look_in_finalize(void *obj) {
  if (obj != dying_node) return;
  listed_in_finalize = listed();
  place_in_finalize = facts_of(obj).place;
  count_in_finalize = facts_of(obj).count;
}

static void look_in_destroy(void *obj) {
  if (obj != dying_node) return;
  listed_in_destroy = listed();
  place_in_destroy = facts_of((char *)obj + 9).place;
}

static void dying_objects_are_not_listed(void) {
  for (int ring = 0; ring < 2; ring++) {
    dying_heap = graph_heap("dying");
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Dying", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
    spec.finalize = look_in_finalize, spec.destroy = look_in_destroy;
    rc_type *type = graph_type(dying_heap, &spec);
    Node *stays = graph_node(type, 9); /* so does its page */
    dying_node = ring ? graph_ring(type, 5) : graph_node(type, 1);
    listed_in_finalize = listed_in_destroy = 99;
    rc_decref(dying_node);
    if (ring) (void)gc_collect(dying_heap);
    CHECK_EQ(listed_in_finalize, 1); /* until step 3 */
    CHECK_EQ(place_in_finalize, GC_ADDRESS_LIVE);
    CHECK_EQ(count_in_finalize, ring ? 1 : 0); /* without the engine's hold */
    CHECK_EQ(listed_in_destroy, 0);
    CHECK_EQ(place_in_destroy, GC_ADDRESS_DYING);
    CHECK_EQ(facts_of(dying_node).place, GC_ADDRESS_FREE);
    rc_decref(stays);
    (void)gc_collect(dying_heap);
    CHECK_EQ(facts_of(dying_node).place, GC_ADDRESS_FOREIGN); /* its memory is the system's */
    CHECK_EQ(gc_heap_free(dying_heap), 0);
  }
}

/* ---- facts ---- */

static void every_byte_of_an_object_leads_to_it(void) {
  gc_heap *heap = graph_heap("facts");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Bytes", spec.size = 16, spec.tail_size = 3;
  rc_type *type = graph_type(heap, &spec);
  static const size_t lengths[] = {0, 1, 2, 5, 30, 100, 1000, 10000, 50000, 500000};
  for (size_t i = 0; i < RC_COUNT_OF(lengths); i++) {
    char *obj = rc_new_array(type, lengths[i]);
    size_t bytes = 16 + 3 * lengths[i];
    size_t step = bytes > 2000 ? 997 : 1;
    for (size_t at = 0; at < bytes; at += step) {
      gc_object_facts facts = facts_of(obj + at);
      CHECK_EQ(facts.place, GC_ADDRESS_LIVE);
      CHECK(facts.object == obj);
    }
    gc_object_facts facts = facts_of(obj + bytes - 1);
    CHECK(facts.object == obj);
    CHECK(facts.type == type);
    CHECK(facts.heap == heap);
    CHECK_EQ(facts.size, bytes);
    CHECK_EQ(facts.length, lengths[i]);
    CHECK(facts.block_bytes >= bytes);
    CHECK_EQ(facts.count, 1);
    CHECK_EQ(facts.external_bytes, 0);
    CHECK_EQ(facts.finalizer, GC_FINALIZER_NONE);
    CHECK_EQ(facts.weak_handles, 0);
    CHECK(facts_of(obj - 1).object == obj); /* the header is the object's */
    rc_decref(obj);
    CHECK(facts_of(obj + bytes / 2).place <= GC_ADDRESS_FREE);
    CHECK(facts_of(obj).object == NULL);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void any_address_may_be_asked(void) {
  gc_heap *heap = graph_heap("any");
  Node *node = graph_node(graph_declared(heap), 1), *dead = graph_node(rc_type_of(node), 2);
  rc_decref(dead);
  static int in_program;
  int on_stack = 0;
  char *allocated = malloc(100);
  const void *foreign[] = {
      NULL, &in_program, &on_stack, allocated, allocated + 33, heap, rc_type_of(node),
      (void *)(uintptr_t)1, (void *)(uintptr_t)UINTPTR_MAX, (void *)(uintptr_t)0x7fff00000000f0,
  };
  for (size_t i = 0; i < RC_COUNT_OF(foreign); i++) {
    gc_object_facts facts = facts_of(foreign[i]);
    CHECK_EQ(facts.place, GC_ADDRESS_FOREIGN);
    CHECK(facts.object == NULL && facts.heap == NULL && facts.type == NULL);
    CHECK_EQ(facts.flags, 0);
  }
  CHECK_EQ(facts_of(dead).place, GC_ADDRESS_FREE);
  CHECK(facts_of(dead).heap == heap);
  CHECK(facts_of((char *)dead + 5).object == NULL);
  CHECK_EQ(facts_of((char *)node + 3).place, GC_ADDRESS_LIVE);
  /* Any address at all: the pages around an object. */
  for (size_t at = 0; at < (size_t)3 << 20; at += 4093) {
    gc_object_facts facts = facts_of((void *)(((uintptr_t)node & ~(uintptr_t)0xfffff) + at));
    CHECK(facts.place <= GC_ADDRESS_DYING);
  }
  free(allocated);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(facts_of(node).place, GC_ADDRESS_FOREIGN); /* the memory is nobody's */
}

static gc_object_facts in_finalizer;

static void finalize_and_keep(void *obj) {
  in_finalizer = facts_of(obj);
  rc_incref(obj); /* resurrected */
}

static void flags_and_states(void) {
  gc_heap *heap = graph_heap("flags");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Final", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.finalize = finalize_and_keep;
  rc_type *type = graph_type(heap, &spec);
  Node *node = graph_node(type, 1);
  gc_object_facts facts = facts_of(node);
  CHECK_EQ(facts.flags, GC_OBJECT_TRACKED | GC_OBJECT_YOUNG | GC_OBJECT_FINALIZABLE);
  CHECK_EQ(facts.generation, 0);
  CHECK_EQ(facts.finalizer, GC_FINALIZER_AHEAD);
  (void)gc_collect(heap);
  CHECK_EQ(facts_of(node).flags, GC_OBJECT_TRACKED | GC_OBJECT_FINALIZABLE);
  CHECK_EQ(facts_of(node).generation, 1);
  rc_weak *weak = rc_weak_new(node, NULL, NULL), *weak2 = rc_weak_new(node, NULL, NULL);
  CHECK_EQ(rc_add_external_bytes(node, 1000), RC_OK);
  rc_incref(node);
  facts = facts_of(node);
  CHECK_EQ(facts.flags, GC_OBJECT_TRACKED | GC_OBJECT_FINALIZABLE | GC_OBJECT_WEAK | GC_OBJECT_EXTERNAL);
  CHECK_EQ(facts.weak_handles, 2);
  CHECK_EQ(facts.external_bytes, 1000);
  CHECK_EQ(facts.count, 2);
  rc_decref(node);
  rc_decref(node);
  CHECK_EQ(in_finalizer.finalizer, GC_FINALIZER_DONE);
  CHECK_EQ(in_finalizer.place, GC_ADDRESS_LIVE);
  facts = facts_of(node);
  CHECK_EQ(facts.place, GC_ADDRESS_LIVE);
  CHECK_EQ(facts.finalizer, GC_FINALIZER_DONE);
  CHECK(facts.flags & GC_OBJECT_FINALIZED);
  CHECK_EQ(facts.count, 1);
  rc_weak_free(weak), rc_weak_free(weak2);
  rc_immortalize(node);
  CHECK(facts_of(node).flags & GC_OBJECT_IMMORTAL);
  CHECK_EQ(facts_of(node).count, UINT32_MAX);
  rc_weakmap *map = rc_weakmap_new(heap);
  CHECK(facts_of(map).flags & GC_OBJECT_WEAKMAP);
  rc_decref(map);
  spec.name = "Leaf", spec.flags = RC_TYPE_ACYCLIC, spec.finalize = NULL;
  Node *leaf = graph_node(graph_type(heap, &spec), 1);
  CHECK_EQ(facts_of(leaf).flags & ~GC_OBJECT_YOUNG, GC_OBJECT_ACYCLIC);
  rc_decref(leaf);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void count_calls(void *obj) {
  ((Node *)obj)->id++;
}

static void a_finalizer_that_is_due(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Queued", spec.size = sizeof(Node), spec.fields = graph_fields, spec.field_count = 2;
  spec.finalize = count_calls;
  rc_type *type = graph_type(heap, &spec);
  Node *node = graph_node(type, 0), *ring = graph_ring(type, 2);
  CHECK_EQ(facts_of(node).finalizer, GC_FINALIZER_AHEAD);
  rc_decref(node);
  CHECK_EQ(facts_of(node).finalizer, GC_FINALIZER_DUE);
  CHECK(facts_of(node).flags & GC_OBJECT_DUE);
  CHECK_EQ(facts_of(node).count, 1); /* the queue's */
  rc_decref(ring);
  (void)gc_collect(heap);
  CHECK_EQ(facts_of(ring).finalizer, GC_FINALIZER_DUE);
  gc_iter_filter filter = GC_ITER_FILTER_INIT;
  filter.with = GC_OBJECT_DUE;
  CHECK_EQ(walk_count(heap, &filter), 3);
  rc_incref(node);
  CHECK(gc_run_finalizers(heap) > 0);
  CHECK_EQ(facts_of(node).finalizer, GC_FINALIZER_DONE);
  CHECK_EQ(facts_of(ring).place, GC_ADDRESS_FREE);
  CHECK_EQ(walk_count(heap, &filter), 0);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void bad_facts(void) {
  gc_object_facts facts = GC_OBJECT_FACTS_INIT;
  CHECK_EQ(gc_object_info(NULL, check_null()), RC_ERR_INVALID);
  facts.struct_size = 8;
  CHECK_EQ(gc_object_info(NULL, &facts), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(NULL), "gc_object_info");
  /* An older host's struct, and a newer one's. */
  struct {
    gc_object_facts facts;
    uint64_t later[4];
  } newer = {GC_OBJECT_FACTS_INIT, {1, 1, 1, 1}};
  newer.facts.struct_size = sizeof newer;
  Node *node = graph_node(graph_declared(NULL), 1);
  CHECK_EQ(gc_object_info(node, &newer.facts), RC_OK);
  CHECK(newer.facts.object == node);
  CHECK_EQ(newer.later[3], 0);
  facts.struct_size = offsetof(gc_object_facts, object), facts.object = &facts;
  CHECK_EQ(gc_object_info(node, &facts), RC_OK);
  CHECK_EQ(facts.place, GC_ADDRESS_LIVE);
  CHECK(facts.object == (void *)&facts); /* not written */
  rc_decref(node);
}

static const check_test tests[] = {
    CHECK_TEST(a_walk_gives_every_object_once),
    CHECK_TEST(a_walk_survives_what_happens_between_its_steps),
    CHECK_TEST(a_walk_stands_in_a_page_that_changes_its_size),
    CHECK_TEST(two_walks_and_a_copy_do_not_meet),
    CHECK_TEST(filters),
    CHECK_TEST(filters_by_age),
    CHECK_TEST(bad_walks),
    CHECK_TEST(a_walk_outlives_its_heap),
    CHECK_TEST(dying_objects_are_not_listed),
    CHECK_TEST(every_byte_of_an_object_leads_to_it),
    CHECK_TEST(any_address_may_be_asked),
    CHECK_TEST(flags_and_states),
    CHECK_TEST(a_finalizer_that_is_due),
    CHECK_TEST(bad_facts),
};
CHECK_MAIN(tests)
