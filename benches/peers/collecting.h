/* collecting.h: the shared definition of W4 to W7 for peers in C that find cycles. Part of workloads.h.
 *
 * Such a peer's Ref is a pointer. Beside what workloads.h asks for it defines:
 *
 *     void peer_collect(void)            one explicit full collection, also with automatic collection off
 *     size_t peer_live(void)             nodes that have not died: asked after collections, outside of times
 *     void ref_drop_shared(Ref *)        releases a reference that is not the last
 *     void slot_set(Ref *, Ref)          puts an owned reference into a root table, releasing the old one
 *     PEER_WARM_UP()                     optional, before W5
 *     PEER_LIVE_SLACK                    optional: so many more may live than ought to
 *     PEER_LIVE_IS_CHEAP                 optional: peer_live can be asked while the program runs
 */
#ifndef RCGC_PEERS_COLLECTING_H
#define RCGC_PEERS_COLLECTING_H

#include "../micro/histogram.h"

#ifndef PEER_WARM_UP
#define PEER_WARM_UP() ((void)0)
#endif
#ifndef PEER_LIVE_SLACK
#define PEER_LIVE_SLACK 0
#endif

static void live_must_be(size_t expected) {
  size_t live = peer_live();
  if (live < expected || live > expected + PEER_LIVE_SLACK)
    bench_fail("%zu nodes live, not %zu", live, expected);
}

/* Collects: ns for each of so many nodes. Afterwards exactly `expected` live. */
static void collect_and_report(const char *name, size_t count, size_t expected) {
  uint64_t start_ns = bench_now_ns();
  peer_collect();
  bench_report_each(name, start_ns, (double)count);
  live_must_be(expected);
}

/* ---- W4, W5: dead rings ---- */

/* Each node's one reference is taken by the ring. */
BENCH_NOINLINE static void make_rings(size_t length, size_t count) {
  for (size_t made = 0; made < count; made += length) {
    Ref first = ref_new(made), last = first;
    for (size_t i = 1; i < length; i++) {
      Ref node = ref_new(made + i);
      set_left(last, node);
      last = node;
    }
    set_left(last, first);
  }
}

static int rings(size_t length) {
  PEER_AUTOMATIC(false);
  uint64_t start_ns = bench_now_ns();
  make_rings(length, MILLION);
  bench_report_each("make", start_ns, MILLION);
  collect_and_report("collect", MILLION, 0);
  return 0;
}

/* The table is the only holder, and holds nothing afterwards. */
BENCH_NOINLINE static void make_giant_ring(Ref *table, size_t count) {
  for (size_t i = 0; i < count; i++) table[i] = ref_new(i);
  for (size_t i = 0; i < count; i++) {
    set_left(table[i], ref_copy(table[(i + 1) % count]));
    set_right(table[i], ref_copy(table[bench_random_below(count)]));
  }
  for (size_t i = 0; i < count; i++) ref_drop_shared(&table[i]);
}

static int giant_ring(void) {
  PEER_AUTOMATIC(false);
  PEER_WARM_UP();
  Ref *table = table_new(MILLION);
  uint64_t start_ns = bench_now_ns();
  make_giant_ring(table, MILLION);
  bench_report_each("make", start_ns, MILLION);
  collect_and_report("collect", MILLION, 0);
  return 0;
}

/* ---- W6: a live graph ---- */

BENCH_NOINLINE static void touch(Ref ref) {
  Ref copy = ref_copy(ref);
  BENCH_BARRIER();
  ref_drop_shared(&copy);
  BENCH_BARRIER();
}

static int live_graph(size_t count) {
  PEER_AUTOMATIC(false);
  Ref *table = random_graph(count);
  collect_and_report("first", count, count);
  collect_and_report("again", count, count);
  touch(table[count / 2]);
  collect_and_report("one_touched", count, count);
  for (size_t i = 0; i < count; i++) touch(table[i]);
  collect_and_report("all_touched", count, count);
  PEER_OPAQUE(table);
  return 0;
}

/* ---- W7: churn over a million live nodes ---- */

enum { HELD = 500 * 1000, SLOTS = 250 * 1000, STEPS = 5 * MILLION };

/* The slot owns the one reference from outside. Both second references lead into the graph that stays. */
static inline Ref churn_ring_new(Ref *held) {
  Ref first = ref_new(1);
  Ref second = ref_new(2);
  set_left(first, second);
  set_left(second, ref_copy(first));
  set_right(first, ref_copy(held[bench_random_below(HELD)]));
  set_right(second, ref_copy(held[bench_random_below(HELD)]));
  return first;
}

static int churn(void) {
  static Histogram histogram;
  PEER_AUTOMATIC(true);
  Ref *held = random_graph(HELD), *slots = table_new(SLOTS);
  for (size_t i = 0; i < SLOTS; i++) slots[i] = churn_ring_new(held);
  uint64_t start_ns = bench_now_ns(), last_ns = start_ns;
  for (size_t step = 0; step < STEPS; step++) {
    slot_set(&slots[bench_random_below(SLOTS)], churn_ring_new(held));
    PEER_STEP();
    uint64_t now_ns = bench_now_ns();
    histogram_add(&histogram, now_ns - last_ns);
    last_ns = now_ns;
  }
  bench_report("step", (double)(last_ns - start_ns) / STEPS, "ns");
  histogram_report(&histogram);
  bench_report("peak", bench_peak_bytes(), "bytes");
#ifdef PEER_LIVE_IS_CHEAP
  bench_report("left", (double)peer_live(), "nodes");
#endif
  peer_collect();
  live_must_be(HELD + 2 * SLOTS);
  collect_and_report("aged", HELD + 2 * SLOTS, HELD + 2 * SLOTS);
  PEER_OPAQUE(held);
  PEER_OPAQUE(slots);
  return 0;
}

#endif /* RCGC_PEERS_COLLECTING_H */
