/* histogram.h: how long single steps took, from one nanosecond to hours, in buckets of a sixteenth of a power
 * of two: a percentile is at most a sixteenth too small. The longest step is kept as it is.
 */
#ifndef RCGC_BENCH_HISTOGRAM_H
#define RCGC_BENCH_HISTOGRAM_H

#include "bench.h"

enum { HISTOGRAM_PARTS = 16, HISTOGRAM_BUCKETS = 64 * HISTOGRAM_PARTS };

typedef struct Histogram {
  uint64_t longest_ns, steps;
  uint64_t buckets[HISTOGRAM_BUCKETS];
} Histogram;

/* 16 buckets to a power of two; below 16 ns one for each. */
static inline size_t histogram_bucket(uint64_t ns) {
  if (ns < HISTOGRAM_PARTS) return (size_t)ns;
  unsigned exponent = 63u - (unsigned)__builtin_clzll(ns);
  return (size_t)(exponent - 3) * HISTOGRAM_PARTS + (size_t)((ns >> (exponent - 4)) & (HISTOGRAM_PARTS - 1));
}

static inline uint64_t histogram_bucket_start_ns(size_t bucket) {
  if (bucket < HISTOGRAM_PARTS) return bucket;
  unsigned exponent = (unsigned)(bucket / HISTOGRAM_PARTS) + 3;
  return ((uint64_t)(HISTOGRAM_PARTS + bucket % HISTOGRAM_PARTS)) << (exponent - 4);
}

static inline void histogram_add(Histogram *histogram, uint64_t ns) {
  if (ns > histogram->longest_ns) histogram->longest_ns = ns;
  histogram->steps++;
  histogram->buckets[histogram_bucket(ns)]++;
}

/* What that part of all steps did not exceed. */
BENCH_UNUSED static double histogram_percentile_ns(const Histogram *histogram, double part) {
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->buckets[bucket];
    if ((double)seen >= part * (double)histogram->steps) return (double)histogram_bucket_start_ns(bucket);
  }
  return 0;
}

BENCH_UNUSED static void histogram_report(const Histogram *histogram) {
  bench_report("longest", (double)histogram->longest_ns, "ns");
  bench_report("p99", histogram_percentile_ns(histogram, 0.99), "ns");
  bench_report("p999", histogram_percentile_ns(histogram, 0.999), "ns");
  bench_report("p9999", histogram_percentile_ns(histogram, 0.9999), "ns");
}

#endif /* RCGC_BENCH_HISTOGRAM_H */
