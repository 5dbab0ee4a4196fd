/* test_memory_limit.c: limits of the system's, without a word of the host's: near them full collections come earlier, and
 * a program that has a little more memory than what lives survives. The limit is RLIMIT_DATA, which needs no rights; those
 * of containers are read by src/sys/limits.rs, whose own tests have their files.
 *
 * Each test sets its limit before the first heap, since they are read once. Where a checker has memory of its own the
 * limits are not set.
 */
#include "graph.h"

#define MIB ((uint64_t)1 << 20)

static bool whole(void) {
  return check_scale(0, 1, 1) != 0;
}

static uint64_t data_bytes(void) {
  unsigned long size, resident, shared, text, library, data = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  REQUIRE(file && fscanf(file, "%lu %lu %lu %lu %lu %lu", &size, &resident, &shared, &text, &library, &data) == 6);
  fclose(file);
  return (uint64_t)data * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The process may have so much more than now. */
static void set_limit(uint64_t more) {
  struct rlimit limit;
  REQUIRE(getrlimit(RLIMIT_DATA, &limit) == 0);
  limit.rlim_cur = data_bytes() + more;
  REQUIRE(setrlimit(RLIMIT_DATA, &limit) == 0);
}

enum { RING = 100 };

/* Rings in slots, each slot's again and again another one: garbage that only collections find. Whether all were made. */
static bool churn(rc_type *type, Node **slots, size_t count, size_t steps) {
  uint64_t seed = 1;
  for (size_t step = 0; step < steps; step++) {
    size_t at = step < count ? step : check_below(&seed, count);
    Node *first = rc_new(type), *last = first;
    if (!first) return false;
    for (size_t i = 1; i < RING; i++) {
      Node *next = rc_new(type);
      if (!next) return false;
      last->a = next;
      last = next;
    }
    last->a = rc_newref(first);
    rc_xdecref(slots[at]);
    slots[at] = first;
  }
  return true;
}

/* W7 by its shape: with a quarter more than what lives it goes on for ever. */
static void a_quarter_more_than_what_lives(void) {
  size_t count = check_scale(50, 20000, 60000);
  Node **slots = calloc(count, sizeof *slots);
  uint64_t live = (uint64_t)count * RING * 32;
  memset(slots, 0, count * sizeof *slots);
  if (whole()) set_limit(live + live / 4);
  gc_heap *heap = graph_heap("limited");
  rc_type *type = graph_declared(heap);
  CHECK(churn(type, slots, count, count * 5));
  CHECK_EQ(graph_stats(heap).live_objects >= count * RING, true);
  for (size_t i = 0; i < count; i++) rc_xdecref(slots[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
  free(slots);
}

/* The trigger lies below the limit; told to ignore limits it lies where it would without. */
static void triggers(void) {
  if (whole()) set_limit(64 * MIB);
  gc_heap *heap = graph_heap("limited");
  rc_type *type = graph_declared(heap);
  Node *chain = graph_chain(type, check_scale(1000, 1000000, 1000000), false); /* 32 MB */
  CHECK_EQ(gc_collect(heap), 0);
  gc_stats stats = graph_stats(heap);
  gc_policy policy = GC_POLICY_INIT, back = GC_POLICY_INIT;
  uint64_t without = stats.live_bytes * 2 + 16 * MIB;
  if (whole()) {
    CHECK(stats.full_trigger_bytes <= 62 * MIB);
    CHECK(stats.full_trigger_bytes > stats.live_bytes);
  }
  policy.limits = GC_LIMITS_IGNORED;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  CHECK_EQ(gc_get_policy(heap, &back), RC_OK);
  CHECK_EQ(back.limits, GC_LIMITS_IGNORED);
  if (!check_env("RCGC_TEST_CHECKED")) CHECK_EQ(graph_stats(heap).full_trigger_bytes, without);
  policy.limits = GC_LIMITS_RESPECTED;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  if (whole()) CHECK(graph_stats(heap).full_trigger_bytes <= 62 * MIB);
  rc_decref(chain);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void no_limit(void) {
  gc_heap *heap = graph_heap("unlimited");
  rc_type *type = graph_declared(heap);
  Node *chain = graph_chain(type, 1000, false);
  CHECK_EQ(gc_collect(heap), 0);
  gc_stats stats = graph_stats(heap);
  if (!check_env("RCGC_TEST_CHECKED")) CHECK_EQ(stats.full_trigger_bytes, stats.live_bytes * 2 + 16 * MIB);
  rc_decref(chain);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void policies_that_are_none(void) {
  gc_policy policy = GC_POLICY_INIT;
  policy.limits = 2;
  CHECK_EQ(gc_set_policy(NULL, &policy), RC_ERR_INVALID);
  policy.limits = 0, policy.limits_reserved = 1;
  CHECK_EQ(gc_set_policy(NULL, &policy), RC_ERR_INVALID);
}

static const check_test tests[] = {
    CHECK_TEST(a_quarter_more_than_what_lives),
    CHECK_TEST(triggers),
    CHECK_TEST(no_limit),
    CHECK_TEST(policies_that_are_none),
};
CHECK_MAIN(tests)
