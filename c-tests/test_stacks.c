/* ldflags: -lm */
/* Stacks under byte sampling: the stacks are those of the calls, estimates are right on average and as sure as they
 * say, what dies leaves the live estimates, an interpreter's frames come first. */
#include "check.h"
#include "graph.h"

#include <math.h>
#include <pthread.h>

#if defined(__GNUC__) && !defined(__TINYC__)
#define NOINLINE __attribute__((noinline, noclone))
#else
#define NOINLINE
#endif
#if defined(__clang__)
#undef NOINLINE
#define NOINLINE __attribute__((noinline))
#endif
/* tcc writes no unwind tables, and a sanitizer's frames are its own affair. */
#if defined(__TINYC__)
#define HAS_STACKS 0
#else
#define HAS_STACKS 1
#endif

enum { ROWS = 64, FRAMES = 128 };

static gc_stack_stats rows[ROWS];
static gc_frame frames[FRAMES];

static size_t ask(gc_heap *heap) {
  rows[0].struct_size = sizeof rows[0];
  return gc_profile_stacks(heap, rows, ROWS);
}

static size_t frames_of(gc_heap *heap, uint32_t stack) {
  frames[0].struct_size = sizeof frames[0];
  return gc_stack_frames(heap, stack, frames, FRAMES);
}

static gc_heap *sampled_heap(uint32_t flags, uint64_t mean, uint32_t mode, uint64_t seed) {
  gc_heap *heap = graph_heap("sampled");
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = flags, options.sample_bytes = mean, options.stacks = mode, options.seed = seed;
  CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
  CHECK_EQ(gc_profile_flags(heap), flags);
  return heap;
}

static const uint32_t both_ways[] = {GC_PROFILE_STACKS, GC_PROFILE_STACKS | GC_PROFILE_SITES};

/* ---- whose stack ---- */

static volatile int after; /* keeps calls from being jumps */

NOINLINE static Node *make_here(rc_type *type) {
  Node *node = rc_new(type);
  after++;
  return node;
}

NOINLINE static Node *make_deep(rc_type *type, int depth) {
  Node *node = depth == 0 ? make_here(type) : make_deep(type, depth - 1);
  after++;
  return node;
}

/* Frames whose return address lies in a function: it is not longer than this. */
static size_t count_in(size_t count, void *function) {
  uint64_t start = (uint64_t)(uintptr_t)function;
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += frames[i].address > start && frames[i].address <= start + 192;
  return found;
}

static void check_stack_of(gc_heap *heap, Node *node, int depth) {
  uint32_t stack = 99;
  CHECK_EQ(gc_object_stack(node, &stack), RC_OK);
  size_t count = frames_of(heap, stack);
  REQUIRE(count > 0 && count <= FRAMES);
#if HAS_STACKS
  union { Node *(*function)(rc_type *); void *address; } here = {make_here};
  union { Node *(*function)(rc_type *, int); void *address; } deep = {make_deep};
  uint64_t start = (uint64_t)(uintptr_t)here.address;
  CHECK(frames[0].address > start && frames[0].address <= start + 192);
  CHECK_EQ(count_in(count, deep.address), depth + 1);
#else
  (void)depth;
#endif
}

static void the_stack_is_that_of_the_call(void) {
  const uint32_t modes[] = {GC_STACKS_AUTO, GC_STACKS_UNWIND};
  for (size_t m = 0; m < 2; m++) {
    for (size_t way = 0; way < 2; way++) {
      gc_heap *heap = sampled_heap(both_ways[way], 1, modes[m], 7); /* every object is sampled */
      rc_type *type = graph_declared(heap);
      for (int round = 0; round < 70; round++) { /* AUTO looks twice at some */
        Node *shallow = make_deep(type, 0), *deep = make_deep(type, 20);
        check_stack_of(heap, shallow, 0);
        check_stack_of(heap, deep, 20);
        rc_decref(shallow), rc_decref(deep);
      }
#if HAS_STACKS
      CHECK(ask(heap) <= 4); /* equal stacks are one, but for those that were cut short */
#endif
      CHECK_EQ(gc_heap_free(heap), 0);
    }
  }
}

#if defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__)
#define WITH_POINTERS __attribute__((noinline, noclone, optimize("no-omit-frame-pointer", "no-optimize-sibling-calls")))

WITH_POINTERS static Node *pointed_here(rc_type *type) {
  Node *node = rc_new(type);
  after++;
  return node;
}

WITH_POINTERS static Node *pointed_deep(rc_type *type, int depth) {
  Node *node = depth == 0 ? pointed_here(type) : pointed_deep(type, depth - 1);
  after++;
  return node;
}

static bool on_valgrind(void) {
  const char *preload = getenv("LD_PRELOAD");
  return preload && strstr(preload, "vgpreload");
}

/* A function with frame pointers, called through others that have them: all of them are followed. */
static void frame_pointers(void) {
  union { Node *(*function)(rc_type *, int); void *address; } deep = {pointed_deep};
  for (size_t way = 0; way < 2; way++) {
    gc_heap *heap = sampled_heap(both_ways[way], 1, GC_STACKS_POINTERS, 7);
    rc_type *type = graph_declared(heap);
    Node *node = pointed_deep(type, 20);
    uint32_t stack = 99;
    CHECK_EQ(gc_object_stack(node, &stack), RC_OK);
    size_t count = frames_of(heap, stack);
    if (!on_valgrind()) CHECK_EQ(count_in(count, deep.address), 21);
    rc_decref(node);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}
#else
static void frame_pointers(void) {
}
#endif

/* Whatever is in the frame pointer's register, nothing is read that is no stack. */
static void frame_pointers_that_are_none(void) {
  gc_heap *heap = sampled_heap(GC_PROFILE_STACKS, 1, GC_STACKS_POINTERS, 7);
  rc_type *type = graph_declared(heap);
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__TINYC__) && defined(__OPTIMIZE__)
  static const uintptr_t wrong[] = {0, 1, 8, 0x1000, 0x7fffffffffff, UINTPTR_MAX, UINTPTR_MAX - 7};
  for (size_t i = 0; i < RC_COUNT_OF(wrong); i++) {
    Node *node;
    __asm__ volatile("mov %%rsp, %%r12\n\tmov %%rbp, %%r13\n\tsub $128, %%rsp\n\tand $-16, %%rsp\n\t"
                     "mov %2, %%rbp\n\tcall *%3\n\tmov %%r13, %%rbp\n\tmov %%r12, %%rsp"
                     : "=a"(node)
                     : "D"(type), "r"(wrong[i]), "r"(rc_new)
                     : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "xmm0", "xmm1", "xmm2", "xmm3",
                       "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
                       "xmm14", "xmm15", "cc", "memory");
    REQUIRE(node != NULL);
    uint32_t stack;
    CHECK_EQ(gc_object_stack(node, &stack), RC_OK);
    CHECK(frames_of(heap, stack) >= 1); /* the caller is always known */
    rc_decref(node);
  }
#else
  rc_decref(rc_new(type));
#endif
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void *on_a_small_stack(void *arg) {
  rc_type *type = arg;
  Node *node = make_deep(type, 5);
  check_stack_of(rc_heap_of(node), node, 5);
  rc_decref(node);
  return NULL;
}

static void other_threads_and_small_stacks(void) {
  for (size_t way = 0; way < 2; way++) {
    gc_heap *heap = sampled_heap(both_ways[way], 1, GC_STACKS_AUTO, 7);
    rc_type *type = graph_declared(heap);
    for (int round = 0; round < 3; round++) {
      pthread_attr_t attributes;
      pthread_t thread;
      pthread_attr_init(&attributes);
      pthread_attr_setstacksize(&attributes, 64 << 10);
      REQUIRE(pthread_create(&thread, &attributes, on_a_small_stack, type) == 0);
      pthread_join(thread, NULL);
      pthread_attr_destroy(&attributes);
      Node *node = make_deep(type, 3);
      check_stack_of(heap, node, 3);
      rc_decref(node);
    }
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- an interpreter's frames ---- */

typedef struct Script {
  rc_site *stack[8];
  size_t depth, calls;
  rc_type *allocates;
} Script;

static size_t script_frames(const rc_site **out_frames, size_t room, void *ctx) {
  Script *script = ctx;
  script->calls++;
  if (script->allocates) rc_decref(rc_new(script->allocates)); /* not sampled */
  size_t count = script->depth < room ? script->depth : room;
  for (size_t i = 0; i < count; i++) out_frames[i] = script->stack[i];
  return script->depth;
}

static void frames_of_the_host(void) {
  static rc_site fib = {"main.lox", "fib", 12, 0}, run = {"main.lox", "run", 40, 0};
  for (size_t way = 0; way < 2; way++) {
    for (uint32_t mode = GC_STACKS_AUTO; mode <= GC_STACKS_NONE; mode++) {
      Script script = {{&fib, &run}, 2, 0, NULL};
      gc_heap *heap = graph_heap("interpreter");
      gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
      options.flags = both_ways[way], options.sample_bytes = 1, options.stacks = mode, options.seed = 3;
      options.frames = script_frames, options.frames_ctx = &script;
      CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
      rc_type *type = graph_declared(heap);
      script.allocates = type;
      Node *node = rc_new(type);
      CHECK_EQ(script.calls, 1);
      uint32_t stack;
      CHECK_EQ(gc_object_stack(node, &stack), RC_OK);
      size_t count = frames_of(heap, stack);
      if (mode == GC_STACKS_NONE) CHECK_EQ(count, 2);
      else CHECK(count > 2 && frames[2].address != 0);
      CHECK_EQ(frames[0].address, 0);
      CHECK_EQ(frames[0].line, 12);
      CHECK(strcmp(frames[0].function, "fib") == 0 && strcmp(frames[1].function, "run") == 0);
      CHECK(strcmp(frames[1].file, "main.lox") == 0);
      CHECK_EQ(ask(heap), 1);
      rc_decref(node);
      CHECK_EQ(gc_heap_free(heap), 0);
    }
  }
}

/* ---- estimates ---- */

static void every_object_sampled_is_exact(void) {
  for (size_t way = 0; way < 2; way++) {
    gc_heap *heap = sampled_heap(both_ways[way], 1, GC_STACKS_NONE, 5);
    rc_type *type = graph_declared(heap);
    Node *nodes[100];
    for (size_t i = 0; i < 100; i++) nodes[i] = rc_new(type);
    CHECK_EQ(ask(heap), 1);
    CHECK_EQ(rows[0].samples, 100);
    CHECK_EQ(rows[0].allocated_objects, 100);
    CHECK_EQ(rows[0].allocated_bytes, 3200);
    CHECK_EQ(rows[0].live_bytes, 3200);
    CHECK(rows[0].deviation_bytes < 1);
    CHECK(rows[0].type_name && strcmp(rows[0].type_name, "Declared") == 0);
    for (size_t i = 0; i < 60; i++) rc_decref(nodes[i]);
    CHECK_EQ(ask(heap), 1);
    CHECK_EQ(rows[0].live_objects, 40);
    CHECK_EQ(rows[0].live_bytes, 1280);
    CHECK_EQ(rows[0].live_samples, 40);
    CHECK_EQ(rows[0].allocated_objects, 100);
    /* Rings are ended by the collector. */
    for (size_t i = 60; i < 99; i++) nodes[i]->a = rc_newref(nodes[i + 1]), nodes[i + 1]->b = rc_newref(nodes[i]);
    for (size_t i = 60; i < 100; i++) rc_decref(nodes[i]);
    CHECK_EQ(gc_collect(heap), 40);
    CHECK_EQ(ask(heap), 1);
    CHECK(rows[0].live_objects == 0 && rows[0].live_bytes == 0 && rows[0].live_samples == 0);
    gc_profile_stats stats = GC_PROFILE_STATS_INIT;
    CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
    CHECK_EQ(stats.samples, 100);
    CHECK_EQ(stats.lost_samples, 0);
    CHECK_EQ(stats.live_bytes, 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

typedef struct Blob {
  char bytes[8];
} Blob;

static rc_type *blob_type(gc_heap *heap, const char *name, size_t size, size_t tail) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = size, spec.tail_size = tail;
  return graph_type(heap, &spec);
}

/* One site, 16 bytes and 1 MiB mixed, a thousand seeds: the estimates of what is allocated and of what lives deviate
 * from what is known by less than three standard deviations of their mean, and one by one as often as they should. */
static void estimates_over_many_seeds(void) {
  enum { SMALL = 20000, LARGE = 3 };
  size_t seeds = check_scale(10, 1000, 1000), within = 0, within_live = 0;
  double mean = 512.0 * 1024;
  for (size_t way = 0; way < 2; way++) {
    double sum = 0, sum_live = 0, variance = 0, variance_live = 0, exact = 0, exact_live = 0, told = 0;
    gc_heap *heap = graph_heap("estimates");
    gc_disable(heap);
    rc_type *small = blob_type(heap, "Small", 8, 0), *large = blob_type(heap, "Large", (1 << 20) - 65600, 0);
    within = within_live = 0;
    for (size_t seed = 1; seed <= seeds; seed++) {
      gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
      options.flags = both_ways[way], options.stacks = GC_STACKS_NONE, options.seed = seed * 7919;
      CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
      static Blob *kept[SMALL];
      Blob *big[LARGE];
      uint64_t before = graph_stats(heap).live_bytes;
      for (size_t i = 0; i < SMALL; i++) {
        kept[i] = rc_new(small);
        if (i % 2) rc_clear(&kept[i]);
        if (i % (SMALL / LARGE) == 0 && i / (SMALL / LARGE) < LARGE) big[i / (SMALL / LARGE)] = rc_new(large);
      }
      exact_live = (double)(graph_stats(heap).live_bytes - before);
      exact = exact_live + SMALL / 2 * 16.0;
      double allocated = 0, live = 0, deviation = 0;
      size_t count = ask(heap);
      for (size_t i = 0; i < count; i++) {
        allocated += (double)rows[i].allocated_bytes, live += (double)rows[i].live_bytes;
        deviation += rows[i].deviation_bytes * rows[i].deviation_bytes;
      }
      double large_bytes = (exact_live - SMALL / 2 * 16.0) / LARGE;
      double odds_small = exp(-16 / mean) / (1 - exp(-16 / mean)), odds_large =
          exp(-large_bytes / mean) / (1 - exp(-large_bytes / mean));
      variance_live = SMALL / 2 * 256.0 * odds_small + LARGE * large_bytes * large_bytes * odds_large;
      variance = variance_live + SMALL / 2 * 256.0 * odds_small;
      within += fabs(allocated - exact) <= 3 * sqrt(variance);
      within_live += fabs(live - exact_live) <= 3 * sqrt(variance_live);
      sum += allocated, sum_live += live, told += deviation;
      for (size_t i = 0; i < LARGE; i++) rc_decref(big[i]);
      for (size_t i = 0; i < SMALL; i += 2) rc_decref(kept[i]);
      gc_profile_stop(heap);
    }
    double n = (double)seeds;
    double error = fabs(sum / n - exact) / sqrt(variance / n), error_live = fabs(sum_live / n - exact_live) /
                                                                     sqrt(variance_live / n);
    if (check_env("RCGC_TEST_SHOW"))
      printf("way %zu: mean off by %.2f and %.2f deviations; within three: %zu and %zu of %zu\n", way, error,
             error_live, within, within_live, seeds);
    CHECK(error < 3.5 && error_live < 3.5);
    if (seeds >= 1000) {
      CHECK(within >= seeds * 97 / 100 && within_live >= seeds * 97 / 100);
      CHECK(told / n > variance * 0.8 && told / n < variance * 1.2); /* it knows how sure it is */
    }
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* Types that allocate in turns are sampled by their bytes, arrays too. */
static void types_and_arrays_by_their_bytes(void) {
  for (size_t way = 0; way < 2; way++) {
    gc_heap *heap = sampled_heap(both_ways[way], 4096, GC_STACKS_NONE, 11);
    rc_type *types[] = {blob_type(heap, "Small", 8, 0), blob_type(heap, "Middle", 200, 0), blob_type(heap, "Array", 8, 8)};
    double exact[3] = {0, 0, 0};
    size_t rounds = check_scale(2000, 50000, 200000);
    for (size_t i = 0; i < rounds; i++) {
      Blob *one = rc_new(types[0]), *two = rc_new(types[1]), *three = rc_new_array(types[2], i % 100);
      gc_object_facts facts = GC_OBJECT_FACTS_INIT;
      exact[0] += 16, exact[1] += 208;
      exact[2] += gc_object_info(three, &facts) == RC_OK ? (double)facts.block_bytes : 0;
      rc_decref(one), rc_decref(two), rc_decref(three);
    }
    size_t count = ask(heap);
    CHECK_EQ(count, 3);
    for (size_t t = 0; t < 3; t++) {
      for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].type_name, rc_type_name(types[t])) != 0) continue;
        CHECK(fabs((double)rows[i].allocated_bytes - exact[t]) < 4 * rows[i].deviation_bytes);
        CHECK(rows[i].live_samples == 0 && rows[i].live_bytes == 0);
      }
    }
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void stopped_and_started_again(void) {
  gc_heap *heap = graph_heap("again");
  rc_type *type = graph_declared(heap);
  Node *kept[200];
  for (size_t round = 0; round < 6; round++) {
    gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
    options.flags = both_ways[round % 2], options.sample_bytes = 64, options.seed = round + 1;
    CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
    for (size_t i = 0; i < 200; i++) kept[i] = rc_new(type);
    gc_profile_stats stats = GC_PROFILE_STATS_INIT;
    CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
    CHECK(stats.samples > 20 && stats.samples < 180);
    if (round % 3 == 0) CHECK_EQ(gc_profile_clear(heap), RC_OK);
    if (round % 3 == 1) gc_profile_stop(heap);
    for (size_t i = 0; i < 200; i++) rc_decref(kept[i]);
    if (round % 3 == 0) CHECK_EQ(ask(heap), 0); /* what was sampled before is not known any more */
    gc_profile_stop(heap);
    CHECK_EQ(ask(heap), 0);
    CHECK_STR(gc_error_message(heap), "not profiled");
  }
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void bad_input(void) {
  gc_heap *heap = graph_heap("bad");
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_STACKS, options.stacks = 9;
  CHECK_EQ(gc_profile_start(heap, &options), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "GC_STACKS_");
  options.stacks = 0, options.depth = 129;
  CHECK_EQ(gc_profile_start(heap, &options), RC_ERR_INVALID);
  options.depth = 0, options.sample_bytes = UINT64_MAX;
  CHECK_EQ(gc_profile_start(heap, &options), RC_ERR_INVALID);
  options.sample_bytes = 1, options.depth = 2;
  CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
  Node *node = make_deep(graph_declared(heap), 10);
  uint32_t stack = 99;
  CHECK_EQ(gc_object_stack(node, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_object_stack(node, &stack), RC_OK);
  CHECK(frames_of(heap, stack) <= 2);
  CHECK_EQ(frames_of(heap, 4711), 0);
  CHECK_STR(gc_error_message(heap), "no stack 4711");
  gc_origin origin = GC_ORIGIN_INIT;
  CHECK_EQ(gc_object_site(node, &origin), RC_ERR_REFUSED); /* not counted by sites */
  frames[0].struct_size = 4;
  CHECK_EQ(gc_stack_frames(heap, stack, frames, 1), 0);
  rows[0].struct_size = 4;
  CHECK_EQ(gc_profile_stacks(heap, rows, ROWS), 0);
  gc_profile_stop(heap);
  CHECK_EQ(gc_object_stack(node, &stack), RC_ERR_REFUSED);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  CHECK_EQ(gc_object_stack(node, &stack), RC_ERR_REFUSED);
  CHECK_STR(gc_error_message(heap), "does not sample");
  gc_profile_stop(heap);
  options.sample_bytes = (uint64_t)1 << 40;
  CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
  CHECK_EQ(gc_object_stack(node, &stack), RC_ERR_UNSUPPORTED);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(the_stack_is_that_of_the_call),
    CHECK_TEST(frame_pointers),
    CHECK_TEST(frame_pointers_that_are_none),
    CHECK_TEST(other_threads_and_small_stacks),
    CHECK_TEST(frames_of_the_host),
    CHECK_TEST(every_object_sampled_is_exact),
    CHECK_TEST(estimates_over_many_seeds),
    CHECK_TEST(types_and_arrays_by_their_bytes),
    CHECK_TEST(stopped_and_started_again),
    CHECK_TEST(bad_input),
};

CHECK_MAIN(tests)
