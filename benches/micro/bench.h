/* bench.h: what every micro program stands on: the clock, the pinned core, random numbers with a fixed seed,
 * values the optimiser cannot see through, the process's memory as the kernel counts it, and the one form in
 * which results leave a program: a line `name value unit`.
 *
 * Must be included first. A program that finds its own work undone calls `bench_fail`: a wrong result is an
 * error, a slow one never is.
 */
#ifndef RCGC_BENCH_H
#define RCGC_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __clang__
#define BENCH_NOINLINE __attribute__((noinline))
#else
#define BENCH_NOINLINE __attribute__((noinline, noclone))
#endif
#define BENCH_UNUSED __attribute__((unused))

/* The compiler must assume that the value may have changed and that all memory was read and written. */
#define BENCH_OPAQUE(value) __asm__ volatile("" : "+r"(value) : : "memory")
/* All memory was read and written. */
#define BENCH_BARRIER() __asm__ volatile("" : : : "memory")

BENCH_UNUSED __attribute__((noreturn)) static void bench_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("bench: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static inline uint64_t bench_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Keeps the process on one core, the last one, if it may use two or more. */
BENCH_UNUSED static void bench_pin(void) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &allowed)) last = cpu;
  CPU_ZERO(&one);
  CPU_SET(last, &one);
  (void)sched_setaffinity(0, sizeof one, &one);
}

BENCH_UNUSED static void bench_report(const char *name, double value, const char *unit) {
  printf("%s %.6g %s\n", name, value, unit);
  fflush(stdout);
}

/* Reports the time since `start_ns`, divided by a number of operations. */
BENCH_UNUSED static void bench_report_each(const char *name, uint64_t start_ns, double operations) {
  bench_report(name, (double)(bench_now_ns() - start_ns) / operations, "ns");
}

/* ---- random numbers: xorshift64*, the same in every contender ---- */

static uint64_t bench_random_state = 0x9e3779b97f4a7c15u;

static inline uint64_t bench_random(void) {
  uint64_t x = bench_random_state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  bench_random_state = x;
  return x * 0x2545f4914f6cdd1du;
}

/* Below `limit`, which is below 2^32. */
static inline size_t bench_random_below(size_t limit) {
  return (size_t)(((bench_random() >> 32) * (uint64_t)limit) >> 32);
}

BENCH_UNUSED static void bench_shuffle(void **items, size_t count) {
  for (size_t i = count; i > 1; i--) {
    size_t j = bench_random_below(i);
    void *item = items[i - 1];
    items[i - 1] = items[j];
    items[j] = item;
  }
}

/* ---- memory for the programs' own tables: mapped and touched before anything is measured ---- */

BENCH_UNUSED static void *bench_table(size_t count, size_t size) {
  void *table = malloc(count * size);
  if (table == NULL) bench_fail("no memory for a table of %zu entries", count);
  memset(table, 0xff, count * size);
  return table;
}

/* ---- medians inside one process ---- */

BENCH_UNUSED static int bench_compare(const void *left, const void *right) {
  uint64_t a, b;
  memcpy(&a, left, sizeof a);
  memcpy(&b, right, sizeof b);
  return (a > b) - (a < b);
}

BENCH_UNUSED static double bench_median(uint64_t *samples, size_t count) {
  qsort(samples, count, sizeof samples[0], bench_compare);
  return count % 2 ? (double)samples[count / 2]
                   : ((double)samples[count / 2 - 1] + (double)samples[count / 2]) / 2;
}

/* ---- memory as the kernel counts it ---- */

/* The bytes of a line `label: N kB` of a file under /proc/self. */
BENCH_UNUSED static double bench_proc_bytes(const char *path, const char *label) {
  FILE *file = fopen(path, "r");
  char line[256];
  double kilobytes = -1;
  if (file == NULL) bench_fail("cannot read %s", path);
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, label, strlen(label)) == 0) {
      kilobytes = strtod(line + strlen(label), NULL);
      break;
    }
  fclose(file);
  if (kilobytes < 0) bench_fail("no %s in %s", label, path);
  return kilobytes * 1024;
}

BENCH_UNUSED static double bench_resident_bytes(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  unsigned long total, resident = 0;
  if (file == NULL || fscanf(file, "%lu %lu", &total, &resident) != 2)
    bench_fail("cannot read /proc/self/statm");
  fclose(file);
  return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* Private memory that was written to: what a process really costs. */
BENCH_UNUSED static double bench_private_dirty_bytes(void) {
  return bench_proc_bytes("/proc/self/smaps_rollup", "Private_Dirty:");
}

BENCH_UNUSED static double bench_peak_bytes(void) {
  return bench_proc_bytes("/proc/self/status", "VmHWM:");
}

/* From now on `bench_peak_bytes` is the peak since this call. */
BENCH_UNUSED static void bench_reset_peak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (file == NULL || fputs("5\n", file) < 0 || fclose(file) != 0)
    bench_fail("cannot reset the peak through /proc/self/clear_refs");
}

#endif /* RCGC_BENCH_H */
