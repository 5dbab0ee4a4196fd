/* failing.h: allocation and system calls that fail on demand, and the sweep over all of them. For the C
 * tests whose first line tells the linker to wrap those functions. */
#ifndef FAILING_H
#define FAILING_H

#include "check.h"
#include "graph.h"

#include <sys/mman.h>

/* ---- what fails when ---- */

static bool armed;           /* calls are counted, and fail */
static bool all_later_too;   /* not only the k-th fails */
static size_t calls, fail_at, injected;

static bool fails(void) {
  if (!armed) return false;
  calls++;
  bool now = calls == fail_at || (all_later_too && calls > fail_at);
  injected += now;
  if (now) errno = ENOMEM;
  return now;
}

void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
void *__real_mremap(void *addr, size_t old_length, size_t length, int flags);
int __real_mprotect(void *addr, size_t length, int prot);
int __real_madvise(void *addr, size_t length, int advice);
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);

void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mremap(void *addr, size_t old_length, size_t length, int flags);
int __wrap_mprotect(void *addr, size_t length, int prot);
int __wrap_madvise(void *addr, size_t length, int advice);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset) {
  return fails() ? MAP_FAILED : __real_mmap(addr, length, prot, flags, fd, offset);
}
void *__wrap_mremap(void *addr, size_t old_length, size_t length, int flags) {
  return fails() ? MAP_FAILED : __real_mremap(addr, old_length, length, flags);
}
int __wrap_mprotect(void *addr, size_t length, int prot) {
  return fails() ? -1 : __real_mprotect(addr, length, prot);
}
int __wrap_madvise(void *addr, size_t length, int advice) {
  return fails() ? -1 : __real_madvise(addr, length, advice);
}
void *__wrap_malloc(size_t size) {
  return fails() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t n, size_t size) {
  return fails() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *ptr, size_t size) {
  return fails() ? NULL : __real_realloc(ptr, size);
}

/* ---- the sweep ---- */

/* Runs with failures between arm() and disarm(); checks what it can check, and ends its heaps. */
typedef void (*task)(void);

static size_t planned_at;
static bool planned_all;

static void arm(void) {
  fail_at = planned_at, all_later_too = planned_all;
  armed = true;
}

static void disarm(void) {
  armed = false;
}

enum { CLEAN = 0, FAILED_CHECK = 1, MET_FAILURE = 2 };

static int run_case(task run, size_t k, bool all) {
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    planned_at = k, planned_all = all;
    check_failures = 0;
    check_log_start();
    run();
    disarm();
    fflush(NULL);
    _exit(check_failures ? FAILED_CHECK : injected ? MET_FAILURE : CLEAN);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED_CHECK;
}

/* Every k until the task passes untouched, once with one failure and once with all from there on. */
static void sweep(task run, const char *name) {
  size_t most = check_scale(12, 400, 4000);
  for (int all = 0; all < 2; all++) {
    int outcome = MET_FAILURE;
    size_t k = 1;
    for (; k <= most && outcome == MET_FAILURE; k++) {
      outcome = run_case(run, k, all);
      if (outcome != FAILED_CHECK) continue;
      check_failures++;
      printf("  %s with failure %zu%s\n", name, k, all ? " and all later ones" : "");
    }
    if (outcome == FAILED_CHECK) return;
    const char *mode = all ? "all later" : "once";
    if (check_env("RCGC_TEST_SHOW")) printf("%s: %zu failures, %s\n", name, k - 2, mode);
    if (most == 400) CHECK_EQ(outcome, CLEAN); /* the sweep reached the end */
  }
}

#define SWEEP(run) sweep((run), #run)

/* There is memory again: a heap must work like new. */
static void heap_works(gc_heap *heap) {
  rc_type *types[] = {graph_declared(heap), graph_callback(heap)};
  uint64_t live = graph_live(heap);
  for (size_t i = 0; i < 2; i++) {
    Node *ring = graph_ring(types[i], 500), *chain = graph_chain(types[i], 500, true);
    rc_decref(chain);
    rc_decref(ring);
  }
  if (check_env("RCGC_TEST_CHECKED")) { /* some were collected by themselves */
    (void)gc_collect(heap);
  } else {
    CHECK_EQ(graph_live(heap), live + 1000);
    CHECK(gc_collect(heap) >= 1000);
  }
  CHECK_EQ(graph_stats(heap).full.last_status, RC_OK);
  CHECK(graph_live(heap) <= live);
}

/* Defines the test of a task. */
#define SWEPT(run)                  \
  static void run##_swept(void) {   \
    SWEEP(run);                     \
  }

#endif /* FAILING_H */
