/* Counts: the number line of rcgc/inline.h walked from end to end, immortality, overflow, the slot setters
 * * under strict aliasing, and what counting a dead object comes to. Compiled with RCGC_NO_INLINE it tests
 * the exported functions of the same names. Where a count near a limit is needed, the test writes the
 * word itself: counting to 2^30 by calls would take a second each time. */
#include "check.h"
#include "graph.h"

#define ONE_LOCAL 0x40000001u
#define LOCAL_BIT 0x40000000u
#define IMMORTAL 0x80000000u

static uint32_t word_of(const void *obj) {
  uint32_t word;
  memcpy(&word, (const char *)obj - RCGC_HEADER_BYTES, sizeof word);
  return word;
}

static void set_word(void *obj, uint32_t word) {
  memcpy((char *)obj - RCGC_HEADER_BYTES, &word, sizeof word);
}

/* ---- the number line ---- */

static void new_object_is_local_one(void) {
  Node *node = graph_node(graph_declared(NULL), 1);
  CHECK_EQ(word_of(node), ONE_LOCAL);
  CHECK_EQ(rc_count(node), 1);
  CHECK(rc_is_unique(node));
  CHECK(!rc_is_immortal(node));
  rc_incref(node);
  CHECK_EQ(word_of(node), ONE_LOCAL + 1);
  CHECK(!rc_is_unique(node));
  CHECK(rc_newref(node) == node);
  CHECK_EQ(rc_count(node), 3);
  rc_decref(node), rc_decref(node);
  CHECK_EQ(word_of(node), ONE_LOCAL);
  CHECK_EQ(graph_live(NULL), 1);
  rc_decref(node);
  CHECK_EQ(graph_live(NULL), 0);
}

static void null_is_nothing_for_x(void) {
  rc_xincref(NULL);
  rc_xdecref(NULL);
  Node *node = graph_node(graph_declared(NULL), 1);
  rc_xincref(node);
  CHECK_EQ(rc_count(node), 2);
  rc_xdecref(node), rc_xdecref(node);
  CHECK_EQ(graph_live(NULL), 0);
}

/* Every border that an implementation of another width would have: 2^8, 2^14, 2^16, 2^20 ... are exact. */
static void counts_are_exact_up_to_the_limit(void) {
  rc_type *type = graph_watched(NULL);
  for (unsigned bit = 1; bit < 30; bit++) {
    uint32_t at = 1u << bit;
    Node *node = graph_node(type, 1);
    set_word(node, LOCAL_BIT + at - 1);
    CHECK_EQ(rc_count(node), at - 1);
    rc_incref(node), rc_incref(node);
    CHECK_EQ(rc_count(node), at + 1);
    rc_decref(node);
    CHECK_EQ(rc_count(node), at);
    rc_decref(node);
    CHECK_EQ(rc_count(node), at - 1);
    set_word(node, ONE_LOCAL);
    rc_decref(node);
    CHECK_EQ(graph.destroyed, bit);
  }
}

static void hundred_thousand_references_by_calls(void) {
  Node *node = graph_node(graph_watched(NULL), 1);
  for (size_t i = 0; i < 100000; i++) rc_incref(node);
  CHECK_EQ(rc_count(node), 100001);
  for (size_t i = 0; i < 100000; i++) rc_decref(node);
  CHECK_EQ(rc_count(node), 1);
  CHECK_EQ(graph.destroyed, 0);
  rc_decref(node);
  CHECK_EQ(graph.destroyed, 1);
}

/* A count that would overflow arrives at immortal, never wraps, and stays there. */
static void overflow_makes_immortal(void) {
  Node *node = graph_node(graph_watched(NULL), 1);
  set_word(node, IMMORTAL - 3);
  for (int i = 0; i < 2; i++) rc_incref(node);
  CHECK_EQ(word_of(node), IMMORTAL - 1);
  CHECK_EQ(rc_count(node), LOCAL_BIT - 1);
  CHECK(!rc_is_immortal(node));
  rc_decref(node); /* still exact at the last number */
  CHECK_EQ(word_of(node), IMMORTAL - 2);
  rc_incref(node), rc_incref(node);
  CHECK_EQ(word_of(node), IMMORTAL);
  CHECK(rc_is_immortal(node));
  CHECK_EQ(rc_count(node), UINT32_MAX);
  for (int i = 0; i < 1000; i++) rc_incref(node);
  for (int i = 0; i < 5000; i++) rc_decref(node);
  CHECK_EQ(word_of(node), IMMORTAL);
  CHECK_EQ(graph.destroyed, 0);
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(gc_heap_free(gc_heap_default()), 0);
  CHECK_EQ(graph.destroyed, 1);
}

static void immortal_is_a_root_and_never_stored_to(void) {
  rc_type *type = graph_watched(NULL);
  Node *nil = graph_node(type, 0);
  nil->a = graph_ring(type, 3);
  rc_immortalize(nil);
  CHECK_EQ(word_of(nil), IMMORTAL);
  CHECK(rc_is_immortal(nil) && !rc_is_unique(nil));
  rc_immortalize(nil); /* twice is once */
  rc_incref(nil), rc_decref(nil), rc_decref(nil);
  CHECK_EQ(word_of(nil), IMMORTAL);
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(gc_collect_young(NULL), 0);
  CHECK_EQ(graph_live(NULL), 4);
  rc_clear(&nil->a); /* what it held can go */
  CHECK_EQ(gc_collect(NULL), 3);
  CHECK_EQ(graph.destroyed, 3);
}

/* An immortal member keeps its whole ring. */
static void immortal_in_a_ring(void) {
  Node *ring = graph_ring(graph_watched(NULL), 10);
  Node *second = ring->a;
  rc_immortalize(second);
  rc_decref(ring);
  CHECK_EQ(gc_collect(NULL), 0);
  CHECK_EQ(graph_live(NULL), 10);
  CHECK_EQ(rc_count(ring), 1);
}

static void dead_word_is_outside_the_local_band(void) {
  Node *node = graph_node(graph_declared(NULL), 1);
  Node *keep = graph_node(rc_type_of(node), 2); /* the page stays in use */
  rc_decref(node);
  CHECK_EQ(word_of(node) & LOCAL_BIT, 0);
  CHECK(word_of(node) < IMMORTAL);
  rc_decref(keep);
}

/* ---- slots ---- */

typedef struct Shape {
  struct Shape *typed;
  struct Other *other;
  uint64_t guard;
} Shape;

typedef struct Other {
  Shape *back;
  uint64_t mark;
} Other;

static const rc_field shape_fields[] = {RC_FIELD(Shape, typed), RC_FIELD(Shape, other)};
static const rc_field other_fields[] = {RC_FIELD(Other, back)};

static rc_type *shape_type(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Shape", spec.size = sizeof(Shape);
  spec.fields = shape_fields, spec.field_count = 2;
  return graph_type(NULL, &spec);
}

static rc_type *other_type(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Other", spec.size = sizeof(Other);
  spec.fields = other_fields, spec.field_count = 1;
  return graph_type(NULL, &spec);
}

/* A setter that took void ** would let the compiler keep the old value of the typed slot in a register: at
 * -O2 and -O3 this function would return the sum of the wrong marks. */
static uint64_t set_between_typed_reads(Shape *shape, Other *first, Other *second) {
  rc_setref(&shape->other, first);
  uint64_t sum = shape->other->mark;
  rc_setref(&shape->other, second);
  sum = sum * 100 + shape->other->mark;
  Other *taken = shape->other;
  rc_setref(&shape->other, rc_newref(taken));
  return sum * 100 + shape->other->mark;
}

static void typed_slots_under_strict_aliasing(void) {
  rc_type *shapes = shape_type(), *others = other_type();
  Shape *shape = rc_new(shapes);
  Other *first = rc_new(others), *second = rc_new(others);
  REQUIRE(shape && first && second);
  first->mark = 11, second->mark = 22, shape->guard = 77;
  CHECK_EQ(set_between_typed_reads(shape, first, second), 112222);
  CHECK_EQ(rc_type_live(others), 1); /* the first died when it was replaced */
  CHECK(shape->other == second);
  CHECK_EQ(rc_count(second), 1);
  rc_clear(&shape->other);
  CHECK(shape->other == NULL);
  CHECK_EQ(rc_type_live(others), 0);
  CHECK_EQ(shape->guard, 77);
  rc_setref(&shape->typed, rc_newref(shape));
  CHECK_EQ(rc_count(shape), 2);
  rc_decref(shape);
  CHECK_EQ(gc_collect(NULL), 1);
}

/* A loop over a typed array: each store must be seen by the next iteration's load. */
static void setref_in_a_loop(void) {
  rc_type *others = other_type();
  Other *slots[16] = {0};
  for (size_t round = 0; round < 10; round++) {
    for (size_t i = 0; i < 16; i++) {
      Other *fresh = rc_new(others);
      REQUIRE(fresh != NULL);
      fresh->mark = round * 16 + i + (slots[(i + 15) % 16] ? slots[(i + 15) % 16]->mark : 0);
      rc_setref(&slots[i], fresh);
    }
  }
  uint64_t expected[16] = {0};
  for (size_t round = 0; round < 10; round++)
    for (size_t i = 0; i < 16; i++) expected[i] = round * 16 + i + expected[(i + 15) % 16];
  for (size_t i = 0; i < 16; i++) {
    CHECK_EQ(slots[i]->mark, expected[i]);
    rc_clear(&slots[i]);
    CHECK(slots[i] == NULL);
  }
  CHECK_EQ(graph_live(NULL), 0);
}

static Node *observed_slot;
static bool slot_was_new;
static Node *slot_expected;

static void observe_slot(void *obj) {
  (void)obj;
  slot_was_new = observed_slot == slot_expected;
}

/* The old value is released last: its destroy already sees the new value in the slot. */
static void setref_releases_last(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Observer", spec.size = sizeof(Node), spec.destroy = observe_slot;
  rc_type *type = graph_type(NULL, &spec);
  observed_slot = graph_node(type, 1);
  slot_expected = graph_node(type, 2);
  rc_setref(&observed_slot, slot_expected);
  CHECK(slot_was_new);
  slot_was_new = false, slot_expected = NULL;
  rc_clear(&observed_slot);
  CHECK(slot_was_new);
  CHECK(observed_slot == NULL);
}

static void setref_with_the_same_object(void) {
  Node *holder = graph_node(graph_watched(NULL), 1), *value = graph_node(rc_type_of(holder), 2);
  rc_setref(&holder->a, value);
  rc_setref(&holder->a, rc_newref(value));
  CHECK_EQ(rc_count(value), 1);
  CHECK_EQ(graph.destroyed, 0);
  rc_setref(&holder->a, NULL);
  CHECK_EQ(graph.destroyed, 1);
  rc_clear(&holder->a); /* null stays null */
  rc_decref(holder);
  CHECK_EQ(graph.destroyed, 2);
}

/* ---- counting the dead ---- */

static void call_incref(void *obj) {
  rc_incref(obj);
}
static void call_decref(void *obj) {
  rc_decref(obj);
}
static void call_newref(void *obj) {
  (void)rc_newref(obj);
}
static void call_clear(void *obj) {
  rc_clear(&obj);
}
static void call_count(void *obj) {
  (void)rc_count(obj);
}

/* The inline operations, too, find the dead in every build, as long as the memory was not handed out
 * again. */
static void operations_on_the_dead(void) {
  static void (*const bodies[])(void *) = {
      call_incref, call_decref, call_newref, call_clear, call_count,
  };
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    rc_type *type = graph_kinds[kind](NULL);
    Node *keep = graph_node(type, 0), *dead = graph_node(type, 1);
    Node *ring = graph_ring(type, 2), *second = ring->a;
    rc_decref(dead);
    rc_decref(ring);
    CHECK_EQ(gc_collect(NULL), 2);
    for (size_t i = 0; i < RC_COUNT_OF(bodies); i++) {
      CHECK_FATAL(bodies[i], dead, "rc_", "dead");
      CHECK_FATAL(bodies[i], ring, "rc_", "dead");
      CHECK_FATAL(bodies[i], second, "rc_", "dead");
    }
    rc_decref(keep);
  }
}

/* Also when the page was given back to the system, which reads as zeros. */
static void operations_on_memory_given_back(void) {
  rc_type *type = graph_declared(NULL);
  size_t n = check_scale(100000, 1000000, 4000000);
  Node *chain = graph_chain(type, n, false), *middle = chain;
  for (size_t i = 0; i < n / 2; i++) middle = middle->a;
  rc_decref(chain);
  (void)gc_collect(NULL);
  CHECK_FATAL(call_incref, middle, "rc_incref", "dead");
  CHECK_FATAL(call_decref, middle, "rc_decref", "dead");
}

static const check_test tests[] = {
    CHECK_TEST(new_object_is_local_one),
    CHECK_TEST(null_is_nothing_for_x),
    CHECK_TEST(counts_are_exact_up_to_the_limit),
    CHECK_TEST(hundred_thousand_references_by_calls),
    CHECK_TEST(overflow_makes_immortal),
    CHECK_TEST(immortal_is_a_root_and_never_stored_to),
    CHECK_TEST(immortal_in_a_ring),
    CHECK_TEST(dead_word_is_outside_the_local_band),
    CHECK_TEST(typed_slots_under_strict_aliasing),
    CHECK_TEST(setref_in_a_loop),
    CHECK_TEST(setref_releases_last),
    CHECK_TEST(setref_with_the_same_object),
    CHECK_TEST(operations_on_the_dead),
    CHECK_TEST(operations_on_memory_given_back),
};

CHECK_MAIN(tests)
