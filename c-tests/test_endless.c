/* ldflags: -Wl,--wrap=mmap */
/* test_endless.c: what a host says may be any number, and the system may refuse anything, any number of times:
 * every call comes to an end, with a status where it cannot do what was asked. Ends are counted in calls of the
 * system and in samples, not in seconds.
 */
#include "graph.h"

#include <sys/mman.h>

enum { MANY = 100 };

/* ---- addresses used up: the library's own mmap fails, malloc has memory ---- */

static bool no_addresses;
static unsigned refused;

void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);

void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset) {
  if (!no_addresses) return __real_mmap(addr, length, prot, flags, fd, offset);
  errno = ENOMEM;
  if (++refused == 100 * MANY) { /* it would not end: fail instead of hanging */
    printf("%u calls of mmap were refused, and it is tried once more\n", refused);
    fflush(NULL);
    _exit(1);
  }
  return MAP_FAILED;
}

/* A profile wants half as many addresses as there are for objects, and halves that wish: also where no heap has
 * taken a segment yet it is refused in the end. */
static void a_profile_without_addresses_is_refused(void) {
  gc_heap *heap = graph_heap("no addresses");
  for (int made = 0; made < 2; made++) {
    no_addresses = true, refused = 0;
    CHECK_EQ(gc_profile_start(heap, NULL), RC_ERR_NO_MEMORY);
    no_addresses = false;
    CHECK(refused > 0 && refused < MANY);
    if (!made) (void)graph_chain(graph_declared(heap), 1000, false); /* the second time with a segment */
  }
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 1000);
}

static void a_heap_without_addresses_is_refused(void) {
  gc_heap *heap;
  no_addresses = true;
  CHECK_EQ(gc_heap_new(NULL, &heap), RC_ERR_NO_MEMORY);
  CHECK(refused > 0 && refused < MANY);
  no_addresses = false;
  CHECK_EQ(gc_heap_new(NULL, &heap), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- intervals ---- */

/* However far the next tick is, it is ahead. */
static void an_interval_may_be_any_number(void) {
  const uint64_t intervals[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2, (uint64_t)INT64_MAX, (uint64_t)1 << 62};
  gc_heap *heap = graph_heap("intervals");
  for (size_t i = 0; i < RC_COUNT_OF(intervals); i++) {
    for (uint32_t flags = 0; flags <= GC_SERIES_THREAD; flags += GC_SERIES_THREAD) {
      gc_series_options options = GC_SERIES_OPTIONS_INIT;
      options.flags = flags, options.interval_ns = intervals[i];
      CHECK_EQ(gc_series_start(heap, &options), RC_OK);
      struct timespec pause = {0, 20000000};
      nanosleep(&pause, NULL);
      for (int tick = 0; tick < 10; tick++) gc_series_tick(heap);
      gc_sample row = GC_SAMPLE_INIT;
      CHECK_EQ(gc_series_samples(heap, 0, &row, 1, NULL), 1); /* that of the beginning */
      gc_series_stop(heap);
    }
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- lines ---- */

static int take_text(const void *bytes, size_t size, void *ctx) {
  (void)bytes;
  *(size_t *)ctx += size;
  return 0;
}

/* An interpreter's line may have any number: the table of its function does not count up to it. */
static void a_line_may_have_any_number(void) {
  rc_site first = {"no such file", "function", 1, 0}, last = {"no such file", "function", UINT32_MAX, 0};
  gc_heap *heap = graph_heap("lines");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  gc_lines cursor = gc_lines_begin(heap, &first);
  gc_line(&cursor, &last);
  gc_text_options options = GC_TEXT_OPTIONS_INIT;
  size_t written = 0;
  options.write = take_text, options.write_ctx = &written, options.parts = GC_TEXT_LINES;
  alarm(60); /* it took 4 thousand million steps */
  struct timespec begin, end;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
  CHECK_EQ(gc_profile_write(heap, &options), RC_OK);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  CHECK(written > 100);
  CHECK(end.tv_sec - begin.tv_sec <= 1); /* microseconds, instead of more than ten seconds */
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(a_line_may_have_any_number),
    CHECK_TEST(a_profile_without_addresses_is_refused),
    CHECK_TEST(a_heap_without_addresses_is_refused),
    CHECK_TEST(an_interval_may_be_any_number),
};
CHECK_MAIN(tests)
