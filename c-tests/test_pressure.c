/* test_pressure.c: rcgc/memory.h. What a heap can do without goes back to the system, also from between objects that
 * live; what is left is whole, and the heap goes on as if nothing had been.
 *
 * What the process has is looked at where the sizes are whole ones: a checker's own memory is none of ours.
 */
#include "graph.h"

#define MIB ((uint64_t)1 << 20)
enum { PAGE = 64 << 10 };

static bool whole(void) {
  return check_scale(0, 1, 1) != 0;
}

static uint64_t resident(void) {
  unsigned long size = 0, pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  REQUIRE(file && fscanf(file, "%lu %lu", &size, &pages) == 2);
  fclose(file);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool small_system_pages(void) {
  return sysconf(_SC_PAGESIZE) == 4096;
}

static uint64_t heap_bytes(gc_heap *heap) {
  return graph_stats(heap).heap_bytes;
}

static void relieve(gc_heap *heap, uint32_t level) {
  CHECK_EQ(gc_memory_pressure(heap, level), RC_OK);
}

/* ---- holes ---- */

/* Bytes of the block of an object. */
static uint64_t block_bytes(void *obj) {
  return rc_size_of(obj) + 8;
}

/* Of small objects all die but one in each 64 KiB: what stays takes little more than a page of the system for each. */
static void one_of_each_page_stays(void) {
  gc_heap *heap = graph_heap("sparse");
  rc_type *type = graph_declared(heap);
  Node *first = graph_node(type, 0);
  size_t a_page = PAGE / 32, pages = check_scale(40, 16393 / 8, 16393), count = a_page * pages;
  CHECK_EQ(block_bytes(first), 32);
  rc_decref(first);
  Node **nodes = malloc(count * sizeof *nodes);
  memset(nodes, 1, count * sizeof *nodes);
  uint64_t before = resident();
  for (size_t i = 0; i < count; i++) nodes[i] = graph_node(type, i);
  uint64_t full = resident(), bytes = heap_bytes(heap);
  size_t stay = 0;
  for (size_t i = 0; i < count; i++) {
    if (i % a_page == i / a_page % a_page) stay++;
    else rc_decref(nodes[i]), nodes[i] = NULL;
  }
  CHECK_EQ(heap_bytes(heap), bytes);
  relieve(heap, GC_PRESSURE_SOME);
  if (small_system_pages()) {
    CHECK(heap_bytes(heap) <= pages * 2 * 4096 + MIB);
    if (whole()) {
      CHECK(full - before > bytes / 2);
      CHECK(resident() - before <= bytes / 6);
    }
  }
  /* A second time there is nothing left to do. */
  uint64_t now = heap_bytes(heap);
  relieve(heap, GC_PRESSURE_HIGH), relieve(heap, GC_PRESSURE_SOME);
  CHECK(heap_bytes(heap) <= now);
  /* What lives is whole, also to a collection; what is made goes into the holes first. */
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(graph_stats(heap).live_objects, stay);
  size_t wrong = 0;
  for (size_t i = 0; i < count; i++) {
    if (nodes[i]) {
      wrong += nodes[i]->id != i || nodes[i]->a || nodes[i]->b;
      continue;
    }
    nodes[i] = rc_new(type);
    wrong += nodes[i]->id != 0 || nodes[i]->a || nodes[i]->b || rc_count(nodes[i]) != 1;
    nodes[i]->id = i;
  }
  CHECK_EQ(wrong, 0);
  CHECK(heap_bytes(heap) <= bytes);
  for (size_t i = 0; i < count; i++) wrong += nodes[i]->id != i;
  CHECK_EQ(wrong, 0);
  for (size_t i = 0; i < count; i++) rc_decref(nodes[i]);
  CHECK_EQ(gc_collect(heap), 0);
  CHECK_EQ(heap_bytes(heap), 0);
  if (whole()) CHECK(resident() < before + bytes / 8);
  free(nodes);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Blocks of a few KiB lie across pages of the system. */
static void larger_blocks(void) {
  gc_heap *heap = graph_heap("larger");
  size_t sizes[] = {100, 1000, 3000, 5000, 9000, 20000, 32000}, each = check_scale(100, 2000, 6000);
  for (size_t s = 0; s < RC_COUNT_OF(sizes); s++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Blob", spec.size = sizes[s];
    rc_type *type = graph_type(heap, &spec);
    size_t stays = sizes[s] > PAGE / 16 ? 16 : PAGE / sizes[s]; /* one of so many */
    unsigned char **blobs = malloc(each * sizeof *blobs);
    for (size_t i = 0; i < each; i++) {
      blobs[i] = rc_new(type);
      memset(blobs[i], (int)(i & 127) + 1, sizes[s]);
    }
    uint64_t bytes = heap_bytes(heap);
    for (size_t i = 0; i < each; i++) {
      if (i % stays) rc_decref(blobs[i]);
    }
    relieve(heap, GC_PRESSURE_HIGH);
    if (small_system_pages() && whole()) CHECK(heap_bytes(heap) < bytes / 2);
    size_t wrong = 0;
    for (size_t i = 0; i < each; i++) {
      if (i % stays) blobs[i] = rc_new(type);
      unsigned char expected = i % stays ? 0 : (unsigned char)((i & 127) + 1);
      for (size_t at = 0; at < sizes[s]; at++) wrong += blobs[i][at] != expected;
    }
    CHECK_EQ(wrong, 0);
    for (size_t i = 0; i < each; i++) rc_decref(blobs[i]);
    CHECK_EQ(gc_collect(heap), 0);
    free(blobs);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Objects of many sizes come and go at random, rings among them, and memory goes back in between: each keeps its
 * content, and the books are right to the end. */
static void random_programs(void) {
  uint64_t seed = check_seed("random_programs");
  enum { SIZES = 5, SLOTS = 4000 };
  static const size_t sizes[SIZES] = {16, 24, 200, 1500, 12000};
  for (size_t round = 0; round < check_scale(1, 4, 20); round++) {
    gc_heap *heap = graph_heap("random");
    rc_type *types[SIZES], *ring = graph_declared(heap);
    for (size_t s = 0; s < SIZES; s++) {
      rc_type_spec spec = RC_TYPE_SPEC_INIT;
      spec.name = "Sized", spec.size = sizes[s];
      types[s] = graph_type(heap, &spec);
    }
    struct {
      uint64_t *obj, tag;
    } slots[SLOTS] = {{0}};
    size_t steps = check_scale(4000, 200000, 200000), wrong = 0, fill = 50;
    for (size_t step = 0; step < steps; step++) {
      size_t at = check_below(&seed, SLOTS);
      if (step % 5000 == 0) fill = 10 + check_below(&seed, 90);
      if (slots[at].obj) {
        wrong += slots[at].obj[0] != slots[at].tag || slots[at].obj[1] != ~slots[at].tag;
        if (check_below(&seed, 100) >= fill) rc_decref(slots[at].obj), slots[at].obj = NULL;
      } else if (check_below(&seed, 100) < fill) {
        slots[at].obj = rc_new(types[check_below(&seed, SIZES)]);
        slots[at].tag = check_random(&seed);
        wrong += slots[at].obj[0] || slots[at].obj[1];
        slots[at].obj[0] = slots[at].tag, slots[at].obj[1] = ~slots[at].tag;
      }
      if (check_below(&seed, 500) == 0) rc_decref(graph_ring(ring, 1 + check_below(&seed, 200)));
      if (check_below(&seed, steps / 20) == 0) {
        relieve(heap, GC_PRESSURE_SOME + (uint32_t)check_below(&seed, GC_PRESSURE_CRITICAL));
      }
      if (check_below(&seed, steps / 10) == 0) (void)gc_collect_young(heap);
      if (check_below(&seed, steps / 4) == 0) CHECK_EQ(gc_freeze(heap), RC_OK);
      if (check_below(&seed, steps / 4) == 0) CHECK_EQ(gc_unfreeze(heap), RC_OK);
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(gc_unfreeze(heap), RC_OK);
    for (size_t at = 0; at < SLOTS; at++) rc_xdecref(slots[at].obj);
    relieve(heap, GC_PRESSURE_CRITICAL);
    CHECK_EQ(graph_stats(heap).live_objects, 0);
    CHECK_EQ(heap_bytes(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* A dead object in a hole is dead to the next call, by name or not; walks and dumps pass by. */
static void use_after_death(void *obj) {
  (void)rc_count(obj);
}

static void what_looks_into_heaps(void) {
  gc_heap *heap = graph_heap("looked at");
  rc_type *type = graph_declared(heap);
  enum { COUNT = 8192 };
  Node *nodes[COUNT];
  for (size_t i = 0; i < COUNT; i++) nodes[i] = graph_node(type, i);
  for (size_t i = 0; i < COUNT; i++) {
    if (i % 2048 != 7) rc_decref(nodes[i]);
  }
  relieve(heap, GC_PRESSURE_HIGH);
  CHECK_FATAL(use_after_death, nodes[1000], "rc_count", "dead");
  size_t findings = 1;
  CHECK_EQ(gc_verify(heap, NULL, NULL, &findings), RC_OK);
  CHECK_EQ(findings, 0);
  CHECK(rc_object_of((char *)nodes[1000] + 4) == NULL);
  CHECK(rc_object_of((char *)nodes[7] + 4) == nodes[7]);
  for (size_t i = 7; i < COUNT; i += 2048) rc_decref(nodes[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- levels ---- */

static void only_the_last_level_collects(void) {
  gc_heap *heap = graph_heap("levels");
  rc_type *type = graph_declared(heap);
  gc_disable(heap);
  rc_decref(graph_ring(type, 100));
  relieve(heap, GC_PRESSURE_SOME), relieve(heap, GC_PRESSURE_HIGH);
  CHECK_EQ(graph_stats(heap).full.runs, 0);
  CHECK_EQ(graph_stats(heap).live_objects, 100);
  relieve(heap, GC_PRESSURE_CRITICAL);
  CHECK_EQ(graph_stats(heap).full.runs, 1);
  CHECK_EQ(graph_stats(heap).live_objects, 0);
  CHECK_EQ(heap_bytes(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void levels_that_are_none(void) {
  gc_heap *heap = graph_heap("levels");
  CHECK_EQ(gc_memory_pressure(heap, 0), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "level 0 is unknown");
  CHECK_EQ(gc_memory_pressure(heap, 4), RC_ERR_INVALID);
  CHECK_EQ(gc_memory_pressure(NULL, GC_PRESSURE_CRITICAL), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static unsigned refusals, settled;

static void press_in_a_collection(void *obj) {
  for (uint32_t level = GC_PRESSURE_SOME; level <= GC_PRESSURE_CRITICAL; level++) {
    refusals += gc_memory_pressure(rc_heap_of(obj), level) == RC_ERR_REFUSED;
  }
}

static void press_in_a_death(void *obj) {
  for (uint32_t level = GC_PRESSURE_SOME; level <= GC_PRESSURE_CRITICAL; level++) {
    settled += gc_memory_pressure(rc_heap_of(obj), level) == RC_OK;
  }
}

/* Inside a collection nothing is done; inside the callbacks of a death by count all is. */
static void inside_callbacks(void) {
  gc_heap *heap = graph_heap("callbacks");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Pressing", spec.size = sizeof(Node);
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  spec.finalize = press_in_a_collection;
  rc_type *in_a_ring = graph_type(heap, &spec);
  Node *node = graph_node(in_a_ring, 1);
  node->a = rc_newref(node);
  rc_decref(node);
  CHECK_EQ(gc_collect(heap), 1);
  CHECK_EQ(refusals, 3);
  spec.name = "Dying", spec.finalize = NULL, spec.destroy = press_in_a_death;
  rc_type *alone = graph_type(heap, &spec);
  Node *chain = graph_chain(alone, 50, false);
  rc_decref(chain);
  CHECK_EQ(settled, 150);
  CHECK_EQ(graph_stats(heap).live_objects, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A sliced run that waits for its next slice has its working counts; what it has found by then stays found. */
static void between_slices(void) {
  for (uint32_t level = GC_PRESSURE_SOME; level <= GC_PRESSURE_CRITICAL; level++) {
    for (size_t stop = 0; stop < 40; stop++) {
      gc_heap *heap = graph_heap("sliced");
      gc_disable(heap);
      rc_type *type = graph_declared(heap);
      Node *chain = graph_chain(type, 3000, false), *loop = graph_ring(type, 500);
      for (size_t i = 0; i < 300; i++) rc_decref(graph_ring(type, 3));
      CHECK_EQ(gc_start(heap), RC_OK);
      gc_step_result result = GC_STEP_RESULT_INIT;
      for (size_t step = 0; step < stop && !result.done; step++) CHECK_EQ(gc_step(heap, 1, &result), RC_OK);
      relieve(heap, level);
      while (!result.done) REQUIRE(gc_step(heap, 1000000, &result) == RC_OK);
      CHECK_EQ(graph_stats(heap).live_objects, 3500);
      size_t findings = 1;
      CHECK_EQ(gc_verify(heap, NULL, NULL, &findings), RC_OK);
      CHECK_EQ(findings, 0);
      rc_decref(chain), rc_decref(loop);
      CHECK_EQ(gc_collect(heap), 500);
      CHECK_EQ(gc_heap_free(heap), 0);
    }
  }
}

/* Idle time gives back the same, in pieces, and says when nothing is left. */
static bool wanted_soon(void *arg) {
  return ++*(size_t *)arg % 4 == 0;
}

static void idle_time(void) {
  gc_heap *heap = graph_heap("idle");
  rc_type *type = graph_declared(heap);
  size_t count = check_scale(100000, 1000000, 4000000), asked = 0;
  Node **nodes = malloc(count * sizeof *nodes);
  for (size_t i = 0; i < count; i++) nodes[i] = graph_node(type, i);
  for (size_t i = 0; i < count; i++) {
    if (i % 4096) rc_decref(nodes[i]);
  }
  uint64_t bytes = heap_bytes(heap);
  size_t calls = 0;
  for (; calls < 1000000 && !gc_idle(heap, UINT64_MAX, wanted_soon, &asked); calls++) continue;
  CHECK(calls > 2);
  CHECK(calls < 1000000);
  if (small_system_pages()) CHECK(heap_bytes(heap) < bytes / 4);
  asked = 0;
  CHECK(gc_idle(heap, UINT64_MAX, wanted_soon, &asked)); /* nothing was made: nothing to do */
  for (size_t i = 0; i < count; i += 4096) {
    CHECK_EQ(nodes[i]->id, i);
    rc_decref(nodes[i]);
  }
  free(nodes);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Holes are of one heap: another one's objects in neighbouring segments stay what they are, and a heap that ends leaves
 * none behind. */
static void heaps_side_by_side(void) {
  enum { HEAPS = 3, COUNT = 10000 };
  gc_heap *heaps[HEAPS];
  rc_type *types[HEAPS];
  static Node *nodes[HEAPS][COUNT];
  for (size_t round = 0; round < 3; round++) {
    for (size_t h = 0; h < HEAPS; h++) heaps[h] = graph_heap("one of several"), types[h] = graph_declared(heaps[h]);
    for (size_t i = 0; i < COUNT; i++) {
      for (size_t h = 0; h < HEAPS; h++) nodes[h][i] = graph_node(types[h], i * HEAPS + h);
    }
    for (size_t i = 0; i < COUNT; i++) {
      if (i % 3000) rc_decref(nodes[1][i]), nodes[1][i] = NULL;
    }
    relieve(heaps[1], GC_PRESSURE_HIGH);
    size_t wrong = 0;
    for (size_t h = 0; h < HEAPS; h++) {
      for (size_t i = 0; i < COUNT; i++) wrong += nodes[h][i] && nodes[h][i]->id != i * HEAPS + h;
    }
    CHECK_EQ(wrong, 0);
    /* The second one ends with its holes. */
    CHECK_EQ(gc_heap_free(heaps[1]), 4);
    for (size_t i = 0; i < COUNT; i++) rc_decref(nodes[0][i]), rc_decref(nodes[2][i]);
    CHECK_EQ(gc_heap_free(heaps[0]), 0);
    CHECK_EQ(gc_heap_free(heaps[2]), 0);
  }
}

static const check_test tests[] = {
    CHECK_TEST(one_of_each_page_stays),
    CHECK_TEST(larger_blocks),
    CHECK_TEST(random_programs),
    CHECK_TEST(what_looks_into_heaps),
    CHECK_TEST(only_the_last_level_collects),
    CHECK_TEST(levels_that_are_none),
    CHECK_TEST(inside_callbacks),
    CHECK_TEST(between_slices),
    CHECK_TEST(idle_time),
    CHECK_TEST(heaps_side_by_side),
};
CHECK_MAIN(tests)
