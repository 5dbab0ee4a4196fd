/* profile.c: what a profile costs: an object made and released, off, with the site in the call, and under a profile
 * with exact counters of sites, and with sampled stacks. */
#include "node.h"

static rc_type *type;

#define PAIR(make)                      \
  for (size_t i = 0; i < count; i++) {  \
    Node *node = (make);                \
    BENCH_OPAQUE(node);                 \
    node_release(node);                 \
  }

static double pair_ns(size_t count, bool site) {
  uint64_t start = bench_now_ns();
  if (site) PAIR(RC_NEW(type)) else PAIR(rc_new(type))
  return (double)(bench_now_ns() - start) / (double)count;
}

/* A list made and dropped: objects do not go back and forth in one block. */
static double list_ns(size_t count) {
  uint64_t start = bench_now_ns();
  Node *list = NULL;
  for (size_t i = 0; i < count; i++) {
    Node *node = RC_NEW(type);
    if (!node) bench_fail("no memory");
    node->left = list;
    list = node;
  }
  rc_clear(&list);
  return (double)(bench_now_ns() - start) / (double)count;
}

/* The least of several rounds: what other work on the machine adds is not ours. */
static void least(double *best, double value) {
  if (*best == 0 || value < *best) *best = value;
}

int main(void) {
  bench_pin();
  bench_open();
  gc_disable(bench_heap);
  Node *node = node_new();
  type = rc_type_of(node);
  enum { ROUNDS = 9, PAIRS = 4000000, NODES = 1000000 };
  double plain = 0, off = 0, list_off = 0, on = 0, unknown = 0, list_on = 0, sampled = 0, list_sampled = 0;
  gc_profile_options stacks = GC_PROFILE_OPTIONS_INIT;
  stacks.flags = GC_PROFILE_STACKS;
  (void)list_ns(NODES);
  for (int round = 0; round < ROUNDS; round++) {
    least(&plain, pair_ns(PAIRS, false)), least(&off, pair_ns(PAIRS, true)), least(&list_off, list_ns(NODES));
    if (gc_profile_start(bench_heap, NULL) != RC_OK) bench_fail("%s", gc_error_message(bench_heap));
    (void)list_ns(NODES);
    least(&on, pair_ns(PAIRS, true)), least(&unknown, pair_ns(PAIRS, false)), least(&list_on, list_ns(NODES));
    gc_profile_stop(bench_heap);
    if (gc_profile_start(bench_heap, &stacks) != RC_OK) bench_fail("%s", gc_error_message(bench_heap));
    (void)list_ns(NODES);
    least(&sampled, pair_ns(PAIRS, false)), least(&list_sampled, list_ns(NODES));
    gc_profile_stop(bench_heap);
  }
  bench_report("profile_pair_off_plain", plain, "ns");
  bench_report("profile_pair_off_site", off, "ns");
  bench_report("profile_pair_on_site", on, "ns");
  bench_report("profile_pair_on_plain", unknown, "ns");
  bench_report("profile_pair_adds", on - off, "ns");
  bench_report("profile_pair_sampled", sampled, "ns");
  bench_report("profile_pair_sampled_adds", (sampled / plain - 1) * 100, "percent");
  bench_report("profile_list_off", list_off, "ns");
  bench_report("profile_list_on", list_on, "ns");
  bench_report("profile_list_sampled", list_sampled, "ns");
  bench_report("profile_list_sampled_adds", (list_sampled / list_off - 1) * 100, "percent");
  bench_report("profile_list_adds", list_on - list_off, "ns");
  node_release(node);
  return 0;
}
