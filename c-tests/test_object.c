/* Objects: zeroed and aligned also in memory that was used before, every size, trailing arrays, what can be
 * asked about an object, and external bytes. */
#include "check.h"
#include "graph.h"

static rc_type *plain_type(size_t size, size_t tail_size) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Plain";
  spec.size = size;
  spec.tail_size = tail_size;
  return graph_type(NULL, &spec);
}

static bool all_bytes_are(const void *memory, size_t n, int value) {
  const unsigned char *bytes = memory;
  if (n == 0) return true;
  return bytes[0] == (unsigned char)value && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* Made, filled, released, and made again in the same memory. */
static void make_fill_release(rc_type *type, size_t size, size_t n) {
  enum { AT_ONCE = 8 };
  unsigned char *held[AT_ONCE];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < AT_ONCE; i++) {
      held[i] = rc_new_array(type, n);
      REQUIRE(held[i] != NULL);
      CHECK_EQ((uintptr_t)held[i] % 16, 0);
      CHECK(all_bytes_are(held[i], size, 0));
      memset(held[i], 0x60 + i, size);
      CHECK_EQ(rc_size_of(held[i]), size);
      CHECK_EQ(rc_length(held[i]), n);
      CHECK_EQ(rc_count(held[i]), 1);
      CHECK(rc_type_of(held[i]) == type);
    }
    for (int i = 0; i < AT_ONCE; i++) {
      CHECK(all_bytes_are(held[i], size, 0x60 + i)); /* neighbours do not touch it */
      rc_decref(held[i]);
    }
  }
}

static void every_small_size(void) {
  for (size_t size = 1; size <= check_scale(300, 1500, 5000); size++) {
    rc_type *type = plain_type(size, 0);
    make_fill_release(type, size, 0);
    CHECK_EQ(rc_type_live(type), 0);
    CHECK_EQ(rc_type_free(type), RC_OK);
  }
}

static void sizes_around_powers_of_two(void) {
  size_t most = check_scale((size_t)1 << 18, (size_t)1 << 23, (size_t)1 << 26);
  for (size_t power = 16; power <= most; power *= 2) {
    for (size_t off = 2; off <= 33; off += off < 8 ? 1 : 8) {
      rc_type *type = plain_type(power - 17 + off, 0);
      make_fill_release(type, power - 17 + off, 0);
      CHECK_EQ(rc_type_free(type), RC_OK);
    }
  }
  CHECK_EQ(graph_live(NULL), 0);
}

static void big_objects_give_their_memory_back(void) {
  size_t size = check_scale((size_t)4 << 20, (size_t)64 << 20, (size_t)512 << 20);
  rc_type *type = plain_type(size, 0);
  for (int i = 0; i < 40; i++) { /* far more than the machine has, were it not given back or used again */
    unsigned char *obj = rc_new(type);
    REQUIRE(obj != NULL);
    CHECK_EQ(obj[0] + obj[size / 2] + obj[size - 1], 0);
    obj[0] = obj[size / 2] = obj[size - 1] = 0xff;
    CHECK(graph_stats(NULL).heap_bytes < (uint64_t)size * 2 + ((uint64_t)64 << 20));
    rc_decref(obj);
  }
  CHECK(graph_stats(NULL).heap_bytes_peak >= size);
}

/* ---- trailing arrays ---- */

static void tail_element_sizes_and_lengths(void) {
  static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 12, 16, 24, 40, 256};
  static const size_t lengths[] = {0, 1, 2, 3, 15, 16, 17, 100, 1000, 4097};
  for (size_t i = 0; i < RC_COUNT_OF(sizes); i++) {
    rc_type *type = plain_type(24, sizes[i]);
    for (size_t j = 0; j < RC_COUNT_OF(lengths); j++)
      make_fill_release(type, 24 + sizes[i] * lengths[j], lengths[j]);
    CHECK_EQ(rc_type_free(type), RC_OK);
  }
}

/* One type has objects of many lengths at once, from nothing to large. */
static void lengths_side_by_side(void) {
  enum { MOST = 400 };
  static unsigned char *held[MOST];
  rc_type *type = plain_type(8, 4);
  for (size_t i = 0; i < MOST; i++) {
    held[i] = rc_new_array(type, i * i);
    REQUIRE(held[i] != NULL);
    memset(held[i], (int)(i & 0xff), 8 + 4 * i * i);
  }
  for (size_t i = 0; i < MOST; i++) {
    CHECK_EQ(rc_length(held[i]), i * i);
    CHECK_EQ(rc_size_of(held[i]), 8 + 4 * i * i);
    CHECK(all_bytes_are(held[i], 8 + 4 * i * i, (int)(i & 0xff)));
  }
  for (size_t i = 0; i < MOST; i += 2) rc_decref(held[i]);
  for (size_t i = 1; i < MOST; i += 2) {
    CHECK(all_bytes_are(held[i], 8 + 4 * i * i, (int)(i & 0xff)));
    rc_decref(held[i]);
  }
  CHECK_EQ(graph_live(NULL), 0);
}

static void absurd_lengths_give_null(void) {
  static const size_t lengths[] = {
      SIZE_MAX, SIZE_MAX / 8, SIZE_MAX / 8 + 1, (size_t)1 << 61, (size_t)1 << 48,
  };
  rc_type *type = plain_type(16, 8);
  void *witness = rc_new_array(type, 3);
  REQUIRE(witness != NULL);
  for (size_t i = 0; i < RC_COUNT_OF(lengths); i++) {
    CHECK(rc_new_array(type, lengths[i]) == NULL);
    CHECK_EQ(rc_type_live(type), 1); /* nothing was allocated */
    CHECK_EQ(rc_length(witness), 3);
  }
  void *after = rc_new_array(type, 1000);
  CHECK(after != NULL);
  rc_xdecref(after);
  rc_decref(witness);
}

static void length_without_a_tail_is_zero(void) {
  rc_type *plain = plain_type(24, 0), *tailed = plain_type(24, 8);
  void *a = rc_new(plain), *b = rc_new(tailed), *c = rc_new_array(plain, 0), *d = rc_new_array(tailed, 0);
  REQUIRE(a && b && c && d);
  CHECK_EQ(rc_length(a), 0);
  CHECK_EQ(rc_length(b), 0);
  CHECK_EQ(rc_length(c), 0);
  CHECK_EQ(rc_length(d), 0);
  CHECK_EQ(rc_size_of(b), 24);
  rc_decref(a), rc_decref(b), rc_decref(c), rc_decref(d);
}

/* ---- what can be asked ---- */

static void type_and_heap_of(void) {
  gc_heap *other = graph_heap("other");
  rc_type *here = graph_declared(NULL), *there = graph_callback(other);
  Node *a = graph_node(here, 1), *b = graph_node(there, 2);
  CHECK(rc_type_of(a) == here && rc_heap_of(a) == gc_heap_default());
  CHECK(rc_type_of(b) == there && rc_heap_of(b) == other);
  CHECK_EQ(rc_size_of(a), sizeof(Node));
  rc_decref(a), rc_decref(b);
  CHECK_EQ(gc_heap_free(other), 0);
}

/* An object born in recycled memory has nothing of the one before: count, tracking, type, external bytes. */
static void recycled_memory_is_a_new_object(void) {
  rc_type *declared = graph_declared(NULL), *plain = plain_type(sizeof(Node), 0);
  uintptr_t seen = 0;
  bool again = false;
  for (int i = 0; i < 100; i++) {
    rc_type *type = i % 2 ? plain : declared;
    Node *node = rc_new(type);
    REQUIRE(node != NULL);
    again = again || (uintptr_t)node == seen;
    seen = (uintptr_t)node;
    CHECK_EQ(rc_count(node), 1);
    CHECK(rc_type_of(node) == type);
    CHECK(gc_is_tracked(node) == (type == declared));
    CHECK(node->a == NULL && node->b == NULL && node->id == 0);
    node->id = UINT64_MAX;
    rc_incref(node);
    CHECK_EQ(rc_add_external_bytes(node, 1000), RC_OK);
    rc_decref(node), rc_decref(node);
    CHECK_EQ(graph_stats(NULL).external_bytes, 0);
  }
  CHECK(again);
}

static void books_are_exact(void) {
  rc_type *type = graph_declared(NULL);
  gc_stats before = graph_stats(NULL);
  Node *chain = graph_chain(type, 1000, false);
  gc_stats during = graph_stats(NULL);
  CHECK_EQ(during.live_objects - before.live_objects, 1000);
  CHECK_EQ(during.allocated_objects - before.allocated_objects, 1000);
  CHECK_EQ(during.live_bytes - before.live_bytes, 1000 * 32); /* 24 bytes and the header, no more */
  CHECK(during.heap_bytes >= during.live_bytes && during.heap_bytes_peak >= during.heap_bytes);
  rc_decref(chain);
  gc_stats after = graph_stats(NULL);
  CHECK_EQ(after.live_objects, before.live_objects);
  CHECK_EQ(after.live_bytes, before.live_bytes);
  CHECK_EQ(after.freed_objects - before.freed_objects, 1000);
  CHECK_EQ(after.reclaimed_objects, before.reclaimed_objects); /* not by the collector */
}

static void memory_is_used_again(void) {
  rc_type *type = graph_declared(NULL);
  uint64_t bytes = 0;
  for (int round = 0; round < 20; round++) {
    rc_decref(graph_chain(type, check_scale(2000, 100000, 1000000), false));
    uint64_t now = graph_stats(NULL).heap_bytes_peak;
    if (round >= 2) CHECK_EQ(now, bytes);
    bytes = now;
  }
}

/* Random sizes made and released in random order, each filled with a mark of its own. */
static void random_sizes_do_not_overlap(void) {
  enum { SLOTS = 512 };
  static unsigned char *held[SLOTS];
  static size_t lengths[SLOTS];
  uint64_t seed = check_seed("random_sizes_do_not_overlap");
  rc_type *type = plain_type(1, 1);
  size_t rounds = check_scale(5000, 200000, 4000000);
  for (size_t i = 0; i < rounds; i++) {
    size_t at = check_below(&seed, SLOTS);
    int mark = (int)(at * 7 & 0xff);
    if (held[at]) {
      if (!CHECK(all_bytes_are(held[at], lengths[at] + 1, mark))) return;
      rc_clear(&held[at]);
    } else {
      size_t most = check_below(&seed, 200) == 0 ? 300000 : check_below(&seed, 10) == 0 ? 5000 : 200;
      lengths[at] = check_below(&seed, most);
      held[at] = rc_new_array(type, lengths[at]);
      REQUIRE(held[at] != NULL);
      if (!CHECK(all_bytes_are(held[at], lengths[at] + 1, 0))) return;
      memset(held[at], mark, lengths[at] + 1);
    }
  }
  for (size_t i = 0; i < SLOTS; i++) rc_xdecref(held[i]);
  CHECK_EQ(graph_live(NULL), 0);
  CHECK_EQ(graph_stats(NULL).live_bytes, 0);
}

/* ---- the object that an address lies in ---- */

static void one_object_around(char *obj, size_t size) {
  for (size_t i = 0; i < size; i += size < 4096 ? 1 : size / 97) CHECK(rc_object_of(obj + i) == obj);
  CHECK(rc_object_of(obj + size - 1) == obj);
  CHECK(rc_object_of(obj - RCGC_HEADER_BYTES) == obj); /* its header */
  rc_decref(obj);
  CHECK(rc_object_of(obj) == NULL);
  CHECK(rc_object_of(obj + size / 2) == NULL);
}

static void the_object_around_an_address(void) {
  static const size_t sizes[] = {1, 8, 24, 40, 1000, 5000, 30000, 70000, 200000, 3 << 20};
  for (size_t i = 0; i < RC_COUNT_OF(sizes); i++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Sized", spec.size = sizes[i];
    rc_type *type = graph_type(NULL, &spec);
    char *before = rc_new(type), *obj = rc_new(type), *behind = rc_new(type);
    REQUIRE(before && obj && behind);
    one_object_around(obj, sizes[i]);
    CHECK(rc_object_of(before) == before && rc_object_of(behind) == behind);
    one_object_around(behind, sizes[i]);
    one_object_around(before, sizes[i]);
  }
}

static void no_object_around_other_addresses(void) {
  static char data[64];
  char local = 0;
  char *allocated = malloc(64);
  CHECK(rc_object_of(NULL) == NULL);
  CHECK(rc_object_of(data) == NULL);
  CHECK(rc_object_of(&local) == NULL);
  CHECK(rc_object_of(allocated) == NULL);
  CHECK(rc_object_of((void *)(uintptr_t)UINTPTR_MAX) == NULL);
  CHECK(rc_object_of(gc_heap_default()) == NULL);
  CHECK(rc_object_of(graph_declared(NULL)) == NULL);
  free(allocated);
}

/* An immortal object is one, a dying one is none. */
static void *seen_around;

static void look_around(void *obj) {
  seen_around = rc_object_of((char *)obj + 3);
}

static void the_object_around_while_it_dies(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Looking", spec.size = sizeof(Node), spec.finalize = look_around;
  Node *node = rc_new(graph_type(NULL, &spec));
  REQUIRE(node);
  rc_decref(node);
  CHECK(seen_around == node); /* a finalizer may keep it */
  spec.finalize = NULL, spec.destroy = look_around;
  node = rc_new(graph_type(NULL, &spec));
  REQUIRE(node);
  rc_decref(node);
  CHECK(seen_around == NULL);
  spec.destroy = NULL;
  node = rc_new(graph_type(NULL, &spec));
  REQUIRE(node);
  rc_immortalize(node);
  CHECK(rc_object_of(&node->b) == node);
}

/* ---- external bytes ---- */

static void external_bytes_are_counted_and_leave_with_the_object(void) {
  rc_type *type = graph_declared(NULL);
  Node *a = graph_node(type, 1), *b = graph_node(type, 2);
  CHECK_EQ(rc_add_external_bytes(a, 1000), RC_OK);
  CHECK_EQ(rc_add_external_bytes(a, 500), RC_OK);
  CHECK_EQ(rc_add_external_bytes(b, 7), RC_OK);
  CHECK_EQ(graph_stats(NULL).external_bytes, 1507);
  CHECK_EQ(rc_add_external_bytes(a, -1400), RC_OK);
  CHECK_EQ(graph_stats(NULL).external_bytes, 107);
  CHECK_EQ(rc_add_external_bytes(a, 0), RC_OK);
  CHECK_EQ(rc_add_external_bytes(a, -101), RC_ERR_INVALID); /* it has only 100: a wrong number, not taken */
  CHECK_EQ(graph_stats(NULL).external_bytes, 107);
  CHECK_EQ(rc_add_external_bytes(b, PTRDIFF_MAX), RC_ERR_INVALID);
  CHECK_EQ(graph_stats(NULL).external_bytes, 107);
  rc_decref(a);
  CHECK_EQ(graph_stats(NULL).external_bytes, 7);
  b->a = b; /* a ring: its bytes leave with the collection */
  CHECK_EQ(gc_collect(NULL), 1);
  CHECK_EQ(graph_stats(NULL).external_bytes, 0);
}

static void external_bytes_of_many(void) {
  enum { MANY = 5000 };
  static Node *nodes[MANY];
  rc_type *type = graph_declared(NULL);
  gc_disable(NULL);
  uint64_t sum = 0;
  for (size_t i = 0; i < MANY; i++) {
    nodes[i] = graph_node(type, i);
    CHECK_EQ(rc_add_external_bytes(nodes[i], (ptrdiff_t)i), RC_OK);
    sum += i;
  }
  CHECK_EQ(graph_stats(NULL).external_bytes, sum);
  for (size_t i = 0; i < MANY; i += 3) {
    rc_decref(nodes[i]);
    sum -= i;
  }
  CHECK_EQ(graph_stats(NULL).external_bytes, sum);
  for (size_t i = 0; i < MANY; i++)
    if (i % 3) rc_decref(nodes[i]);
  CHECK_EQ(graph_stats(NULL).external_bytes, 0);
}

static const check_test tests[] = {
    CHECK_TEST(every_small_size),
    CHECK_TEST(sizes_around_powers_of_two),
    CHECK_TEST(big_objects_give_their_memory_back),
    CHECK_TEST(tail_element_sizes_and_lengths),
    CHECK_TEST(lengths_side_by_side),
    CHECK_TEST(absurd_lengths_give_null),
    CHECK_TEST(length_without_a_tail_is_zero),
    CHECK_TEST(type_and_heap_of),
    CHECK_TEST(recycled_memory_is_a_new_object),
    CHECK_TEST(books_are_exact),
    CHECK_TEST(memory_is_used_again),
    CHECK_TEST(random_sizes_do_not_overlap),
    CHECK_TEST(the_object_around_an_address),
    CHECK_TEST(no_object_around_other_addresses),
    CHECK_TEST(the_object_around_while_it_dies),
    CHECK_TEST(external_bytes_are_counted_and_leave_with_the_object),
    CHECK_TEST(external_bytes_of_many),
};

CHECK_MAIN(tests)
