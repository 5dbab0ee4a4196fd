/* test_block.c: what a process shows to others with RCGC_WATCH=on, and the pauses in the statistics. The block is found and
 * read here as another process would, by the descriptors in /proc; its layout is crates/format/src/block.rs, which the tool
 * reads, too.
 */
#include "graph.h"

#include <dirent.h>
#include <fcntl.h>

enum { HEAD = 8, SLOTS = 16, SLOT_WORDS = 24 + 32 * 5, WORDS = HEAD + SLOTS * SLOT_WORDS };
enum { SERIAL, SEQUENCE, NAME, LIVE_OBJECTS = 10, LIVE_BYTES, EXTERNAL_BYTES, HEAP_BYTES, HEAP_BYTES_PEAK, OWED_OBJECTS,
       YOUNG_RUNS, FULL_RUNS, PAUSES, PAUSE_NS_TOTAL, PAUSE_NS_MAX, WALL_CLOCK_NS, NOW_NS, LAST = 24 };

static uint64_t block[WORDS];

/* Reads the block of a process; false: it has none. */
static bool read_block(long process) {
  char path[64], target[64];
  snprintf(path, sizeof path, "/proc/%ld/fd", process);
  DIR *folder = opendir(path);
  REQUIRE(folder != NULL);
  int found = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
    target[len > 0 ? len : 0] = 0;
    if (strncmp(target, "/memfd:rcgc-watch", 17) != 0) continue;
    int fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    CHECK_EQ(pread(fd, block, sizeof block, 0), sizeof block);
    close(fd);
    found++;
  }
  closedir(folder);
  CHECK(found <= 1);
  return found == 1;
}

static uint64_t *slot_of(const char *name) {
  for (size_t i = 0; i < SLOTS; i++) {
    uint64_t *slot = block + HEAD + i * SLOT_WORDS;
    if (slot[SERIAL] && strcmp((char *)(slot + NAME), name) == 0) return slot;
  }
  return NULL;
}

static void without_a_word_there_is_none(void) {
  unsetenv("RCGC_WATCH");
  gc_heap *heap = graph_heap("quiet");
  CHECK(!read_block(getpid()));
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void a_word_that_is_none(void) {
  check_log_start();
  setenv("RCGC_WATCH", "yes", 1);
  gc_heap *heap = graph_heap("quiet");
  CHECK(!read_block(getpid()));
  CHECK_STR(check_log.text, "RCGC_WATCH: \"yes\" is unknown: off or on is right");
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void numbers_and_pauses(void) {
  setenv("RCGC_WATCH", "on", 1);
  gc_heap *heap = graph_heap("shown");
  rc_type *type = graph_declared(heap);
  CHECK(read_block(getpid()));
  CHECK(memcmp(block, "rcgcWtch", 8) == 0);
  CHECK_EQ(block[1], 1);
  CHECK_EQ(block[2], getpid());
  CHECK_EQ(block[3], SLOTS);
  CHECK_EQ(block[4], SLOT_WORDS);
  CHECK_EQ(block[5], 0);
  gc_disable(heap);
  Node *chain = graph_chain(type, 1000, false);
  for (size_t n = 1; n <= 40; n++) {
    for (size_t i = 0; i < n; i++) rc_decref(graph_ring(type, 2));
    if (n % 2) (void)gc_collect(heap);
    else (void)gc_collect_young(heap);
    REQUIRE(read_block(getpid()));
    uint64_t *slot = slot_of("shown");
    REQUIRE(slot != NULL);
    gc_stats stats = graph_stats(heap);
    CHECK_EQ(slot[SEQUENCE] % 2, 0);
    CHECK_EQ(slot[LIVE_OBJECTS], 1000);
    CHECK_EQ(slot[LIVE_BYTES], stats.live_bytes);
    CHECK_EQ(slot[FULL_RUNS], stats.full.runs);
    CHECK_EQ(slot[YOUNG_RUNS], stats.young.runs);
    CHECK_EQ(slot[HEAP_BYTES_PEAK], stats.heap_bytes_peak);
    CHECK_EQ(slot[PAUSES], stats.pauses);
    CHECK_EQ(slot[PAUSE_NS_TOTAL], stats.full.pause_ns_total + stats.young.pause_ns_total);
    uint64_t *pause = slot + LAST + (n - 1) % 32 * 5;
    CHECK_EQ(pause[0], n % 2 ? stats.full.pause_ns_last : stats.young.pause_ns_last);
    CHECK(pause[1] > 0 && pause[1] <= slot[NOW_NS]);
    CHECK(pause[2] >= 2 * n);
    CHECK_EQ(pause[3], n % 2 ? GC_PHASE_FULL : GC_PHASE_YOUNG);
    CHECK_EQ(pause[4], GC_REASON_REQUEST);
  }
  /* The statistics have the longest, in order; the longest of all is one of a generation's. */
  gc_stats stats = graph_stats(heap);
  CHECK_EQ(stats.pauses, 40);
  for (size_t i = 0; i + 1 < GC_PAUSES_LONGEST; i++) CHECK(stats.longest[i].duration_ns >= stats.longest[i + 1].duration_ns);
  uint64_t longest = stats.full.pause_ns_max > stats.young.pause_ns_max ? stats.full.pause_ns_max : stats.young.pause_ns_max;
  CHECK_EQ(stats.longest[0].duration_ns, longest);
  CHECK(stats.longest[GC_PAUSES_LONGEST - 1].phase != 0);
  rc_decref(chain);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(read_block(getpid()));
  CHECK(slot_of("shown") == NULL);
}

static void more_heaps_than_slots(void) {
  setenv("RCGC_WATCH", "on", 1);
  enum { HEAPS = SLOTS + 4 };
  gc_heap *heaps[HEAPS];
  char name[32];
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < HEAPS; i++) snprintf(name, sizeof name, "heap %zu", i), heaps[i] = graph_heap(name);
    REQUIRE(read_block(getpid()));
    CHECK_EQ(block[5], 4 * (round + 1));
    for (size_t i = 0; i < HEAPS; i++) {
      snprintf(name, sizeof name, "heap %zu", i);
      CHECK_EQ(slot_of(name) != NULL, i < SLOTS);
      CHECK_EQ(gc_heap_free(heaps[i]), 0);
    }
  }
}

/* A child writes nothing into the block of its parent. */
static void forked(void) {
  setenv("RCGC_WATCH", "on", 1);
  gc_heap *heap = graph_heap("parent's");
  rc_type *type = graph_declared(heap);
  Node *node = graph_node(type, 1);
  (void)gc_collect(heap);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    rc_decref(node);
    (void)gc_collect(heap);
    gc_heap *own = graph_heap("child's");
    (void)gc_collect(own);
    (void)gc_heap_free(own);
    (void)gc_heap_free(heap);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
  REQUIRE(read_block(getpid()));
  CHECK_EQ(block[2], getpid());
  CHECK(slot_of("child's") == NULL);
  uint64_t *slot = slot_of("parent's");
  REQUIRE(slot != NULL);
  CHECK_EQ(slot[LIVE_OBJECTS], 1);
  CHECK_EQ(slot[PAUSES], 1);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Slices are pauses, too, each with where the run had got to. */
static void slices_are_pauses(void) {
  setenv("RCGC_WATCH", "on", 1);
  gc_heap *heap = graph_heap("sliced");
  gc_disable(heap);
  rc_type *type = graph_declared(heap);
  Node *chain = graph_chain(type, check_scale(2000, 20000, 20000), false);
  for (size_t i = 0; i < 100; i++) rc_decref(graph_ring(type, 3));
  CHECK_EQ(gc_start(heap), RC_OK);
  gc_step_result result = GC_STEP_RESULT_INIT;
  uint64_t slices = 0, before = graph_stats(heap).pauses;
  for (; slices < 100000 && !result.done; slices++) CHECK_EQ(gc_step(heap, 1000, &result), RC_OK);
  gc_stats stats = graph_stats(heap);
  CHECK_EQ(stats.pauses - before, slices);
  CHECK(slices > 1);
  bool is_slice = true;
  for (size_t i = 0; i < GC_PAUSES_LONGEST && stats.longest[i].phase; i++) {
    is_slice = is_slice && stats.longest[i].phase >= GC_PHASE_COUNT && stats.longest[i].phase <= GC_PHASE_CLOSING;
  }
  CHECK(is_slice);
  REQUIRE(read_block(getpid()));
  CHECK_EQ(slot_of("sliced")[PAUSES], stats.pauses);
  rc_decref(chain);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Under GC_DEBUG_STATS the log has the longest pauses when the heap ends. */
static void pauses_in_the_log(void) {
  gc_heap *heap = graph_heap("logged");
  rc_type *type = graph_declared(heap);
  rc_decref(graph_ring(type, 3));
  (void)gc_collect(heap);
  CHECK_EQ(gc_set_debug(heap, GC_DEBUG_STATS), RC_OK);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_STR(check_log.text, "heap logged: among the longest pauses: ");
  CHECK_STR(check_log.text, "a full collection asked for, 3 objects");
  CHECK_STR(check_log.text, "a full collection as the heap ends");
}

static const check_test tests[] = {
    CHECK_TEST(without_a_word_there_is_none),
    CHECK_TEST(a_word_that_is_none),
    CHECK_TEST(numbers_and_pauses),
    CHECK_TEST(more_heaps_than_slots),
    CHECK_TEST(forked),
    CHECK_TEST(slices_are_pauses),
    CHECK_TEST(pauses_in_the_log),
};
CHECK_MAIN(tests)
