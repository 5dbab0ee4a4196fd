/* Numbers over time: samples beside the books, events in order, rings that write over their oldest, the thread that
 * ticks, watches and what they do. */
#include "check.h"
#include "graph.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

enum { ROWS = 64 };

static gc_sample samples[ROWS];
static gc_series_event events[ROWS];

static size_t read_samples(gc_heap *heap, uint64_t from) {
  size_t written = 99;
  samples[0].struct_size = sizeof samples[0];
  uint64_t next = gc_series_samples(heap, from, samples, ROWS, &written);
  CHECK(next >= from);
  return written;
}

static size_t read_events(gc_heap *heap) {
  size_t written = 99;
  events[0].struct_size = sizeof events[0];
  (void)gc_series_events(heap, 0, events, ROWS, &written);
  return written;
}

static gc_heap *series_heap(uint32_t flags, uint32_t capacity, uint64_t interval_ns) {
  gc_heap *heap = graph_heap("series");
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.flags = flags, options.capacity = capacity, options.interval_ns = interval_ns;
  rc_status status = gc_series_start(heap, &options);
  if (status != RC_OK) printf("%s\n", gc_error_message(heap));
  REQUIRE(status == RC_OK);
  return heap;
}

static void samples_are_the_books(void) {
  gc_heap *heap = series_heap(0, 16, 0);
  rc_type *type = graph_declared(heap);
  Node *chain = graph_chain(type, 1000, false);
  CHECK_EQ(rc_add_external_bytes(chain, 12345), RC_OK);
  gc_series_tick(heap);
  rc_decref(chain);
  (void)gc_collect(heap);
  gc_series_tick(heap);
  CHECK_EQ(read_samples(heap, 0), 3);
  CHECK_EQ(samples[0].live_objects, 0);
  CHECK_EQ(samples[1].live_objects, 1000);
  CHECK_EQ(samples[1].live_bytes, 32000);
  CHECK_EQ(samples[1].external_bytes, 12345);
  CHECK(samples[1].heap_bytes >= 32000);
  CHECK_EQ(samples[2].live_objects, 0);
  CHECK(samples[2].full_runs >= 1 && samples[2].pause_ns_total > 0);
  gc_stats books = graph_stats(heap);
  CHECK_EQ(samples[2].full_runs, books.full.runs);
  CHECK_EQ(samples[2].heap_bytes, books.heap_bytes);
  for (size_t i = 0; i < 3; i++) {
    CHECK(samples[i].resident_bytes > 100000);
    CHECK_EQ(samples[i].private_bytes, 0);
    CHECK_EQ(samples[i].flags, 0);
    if (i) CHECK(samples[i].time_ns >= samples[i - 1].time_ns);
  }
  CHECK_EQ(read_samples(heap, 2), 1);
  CHECK_EQ(read_samples(heap, 3), 0);
  gc_series_stop(heap);
  CHECK_EQ(gc_series_samples(heap, 0, NULL, 0, NULL), 0);
  CHECK_STR(gc_error_message(heap), "has no series");
  gc_series_stop(heap);
  gc_series_tick(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Memory that is touched shows in the process's numbers, and in none of the engine's. */
static void the_process_is_measured_apart(void) {
  gc_heap *heap = series_heap(GC_SERIES_PRIVATE, 16, 0);
  size_t bytes = (size_t)16 << 20;
  static char *volatile memory; /* volatile, or compilers see that nobody reads it, and leave it out */
  memory = malloc(bytes);
  REQUIRE(memory != NULL);
  memset(memory, 1, bytes);
  gc_series_tick(heap);
  CHECK_EQ(read_samples(heap, 0), 2);
  CHECK(samples[1].resident_bytes >= samples[0].resident_bytes + bytes / 2);
  if (samples[0].private_bytes) { /* a kernel without smaps_rollup gives 0 */
    CHECK(samples[1].private_bytes >= samples[0].private_bytes + bytes / 2);
    CHECK(samples[1].share_bytes >= samples[1].private_bytes / 2);
  }
  CHECK_EQ(samples[1].live_bytes, 0);
  CHECK_EQ(samples[1].external_bytes, 0);
  free(memory);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void rings_write_over_their_oldest(void) {
  gc_heap *heap = series_heap(0, 8, 0);
  for (size_t i = 0; i < 20; i++) gc_series_tick(heap);
  samples[0].struct_size = sizeof samples[0];
  size_t written = 0;
  CHECK_EQ(gc_series_samples(heap, 0, samples, ROWS, &written), 21);
  CHECK_EQ(written, 8);
  CHECK_EQ(gc_series_samples(heap, 19, samples, ROWS, &written), 21);
  CHECK_EQ(written, 2);
  CHECK_EQ(gc_series_samples(heap, 0, samples, 3, &written), 21);
  CHECK_EQ(written, 3);
  CHECK_EQ(gc_series_samples(heap, 0, NULL, 0, &written), 21);
  CHECK_EQ(written, 0);
  samples[0].struct_size = 4;
  CHECK_EQ(gc_series_samples(heap, 0, samples, ROWS, NULL), 0);
  CHECK_STR(gc_error_message(heap), "struct_size");
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void ticks_keep_their_distance(void) {
  gc_heap *heap = series_heap(0, 8, (uint64_t)3600 * 1000000000u);
  for (size_t i = 0; i < 20; i++) gc_series_tick(heap);
  CHECK_EQ(read_samples(heap, 0), 1);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void events_in_their_order(void) {
  gc_heap *heap = series_heap(0, 32, 0);
  gc_disable(heap);
  rc_type *type = graph_declared(heap);
  char name[] = "load";
  rc_scope_mark mark = rc_scope_enter_named(heap, name), unnamed = rc_scope_enter(heap);
  rc_decref(graph_ring(type, 7));
  CHECK_EQ(gc_collect(heap), 7);
  CHECK_EQ(gc_collect_young(heap), 0);
  CHECK_EQ(rc_scope_leave(heap, unnamed), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  memset(name, 'x', sizeof name - 1);
  CHECK_EQ(read_events(heap), 4);
  CHECK_EQ(events[0].what, GC_SERIES_ENTER);
  CHECK(events[0].name && strcmp(events[0].name, "load") == 0);
  CHECK_EQ(events[1].what, GC_SERIES_FULL);
  CHECK_EQ(events[1].value, 7);
  CHECK_EQ(events[1].live_bytes, 0);
  CHECK(events[1].duration_ns > 0 && events[1].name == NULL);
  CHECK_EQ(events[2].what, GC_SERIES_YOUNG);
  CHECK_EQ(events[3].what, GC_SERIES_LEAVE);
  for (size_t i = 1; i < 4; i++) CHECK(events[i].time_ns >= events[i - 1].time_ns);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void sleep_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* Samples that the heap's thread took, of those read. The others repeat numbers that it had told before. */
static size_t fresh_samples(size_t count) {
  size_t fresh = 0;
  for (size_t i = 0; i < count; i++) {
    if (samples[i].flags & GC_SAMPLE_STALE) continue;
    CHECK(samples[i].live_objects >= 100 && samples[i].live_objects <= 110);
    fresh++;
  }
  return fresh;
}

/* The thread ticks while the heap's thread allocates, and while it does not. However busy the machine is, it
 * gets there. */
static void a_thread_that_ticks(void) {
  gc_heap *heap = series_heap(GC_SERIES_THREAD, 4096, 1000000);
  rc_type *type = graph_declared(heap);
  Node *kept = graph_chain(type, 100, false);
  for (int profiled = 0; profiled < 2; profiled++) {
    uint64_t before = gc_series_samples(heap, 0, NULL, 0, NULL);
    for (size_t fresh = 0; fresh < 3;) {
      for (size_t i = 0; i < 100; i++) rc_decref(graph_chain(type, 10, false));
      size_t count = read_samples(heap, before);
      fresh += fresh_samples(count);
      before += count;
    }
    if (!profiled) CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  }
  uint64_t idle = gc_series_samples(heap, 0, NULL, 0, NULL);
  do sleep_ms(5);
  while (read_samples(heap, idle) < 3);
  CHECK_EQ(samples[2].flags, GC_SAMPLE_STALE);
  CHECK_EQ(samples[2].live_objects, samples[1].live_objects);
  CHECK(samples[2].resident_bytes > 0);
  rc_decref(kept);
  CHECK_EQ(gc_heap_free(heap), 0); /* the thread ends with its heap */
}

/* A forked child has no thread: stopping, ticking, and ending the heap work there. */
static void fork_with_a_thread(void) {
  gc_heap *heap = series_heap(GC_SERIES_THREAD, 64, 100000);
  rc_type *type = graph_declared(heap);
  for (int i = 0; i < 5; i++) {
    sleep_ms(2);
    fflush(NULL);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(60);
      rc_decref(graph_chain(type, 1000, false));
      gc_series_tick(heap);
      gc_series_stop(heap);
      size_t left = gc_heap_free(heap);
      _exit(left == 0 ? 0 : 1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Signals of the host never go to the library's thread. */
static pthread_t signalled;

static void on_signal(int number) {
  (void)number;
  signalled = pthread_self();
}

static void signals_go_to_the_host(void) {
  gc_heap *heap = series_heap(GC_SERIES_THREAD, 64, 1000000);
  signal(SIGUSR1, on_signal);
  for (int i = 0; i < 20; i++) {
    kill(getpid(), SIGUSR1);
    sleep_ms(1);
    CHECK(pthread_equal(signalled, pthread_self()));
  }
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- watches ---- */

typedef struct Seen {
  size_t calls;
  uint64_t value;
  uint32_t watch;
  Node *made;
  rc_type *type;
} Seen;

static void see(gc_heap *heap, uint32_t watch, uint64_t value, void *ctx) {
  Seen *seen = ctx;
  seen->calls++;
  seen->value = value, seen->watch = watch;
  if (seen->type) { /* it may do anything */
    rc_xdecref(seen->made);
    seen->made = RC_NEW(seen->type);
    (void)gc_collect(heap);
    gc_series_tick(heap);
  }
}

static uint32_t watch_of(gc_heap *heap, uint32_t metric, uint64_t limit, Seen *seen) {
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t watch = 0;
  spec.metric = metric, spec.limit = limit, spec.action = GC_WATCH_CALLBACK, spec.callback = see, spec.ctx = seen;
  if (metric == GC_WATCH_TYPE_OBJECTS) spec.type = seen->type;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_OK);
  CHECK(watch != 0);
  return watch;
}

static void watches_are_set_off_and_set_again(void) {
  gc_heap *heap = graph_heap("watched");
  rc_type *type = graph_declared(heap);
  Seen bytes = {0}, objects = {0}, outside = {0}, memory = {0}, process = {0}, of_type = {0};
  of_type.type = type;
  uint32_t first = watch_of(heap, GC_WATCH_LIVE_BYTES, 3200, &bytes);
  (void)watch_of(heap, GC_WATCH_LIVE_OBJECTS, 100, &objects);
  (void)watch_of(heap, GC_WATCH_EXTERNAL_BYTES, 5000, &outside);
  (void)watch_of(heap, GC_WATCH_HEAP_BYTES, 1, &memory);
  (void)watch_of(heap, GC_WATCH_RESIDENT_BYTES, 1, &process);
  (void)watch_of(heap, GC_WATCH_TYPE_OBJECTS, 100, &of_type);
  Node *chain = graph_chain(type, 99, false);
  gc_series_tick(heap);
  CHECK_EQ(bytes.calls + objects.calls + outside.calls + of_type.calls, 0);
  CHECK_EQ(memory.calls, 1);
  CHECK_EQ(process.calls, 1);
  CHECK(process.value > 100000);
  Node *one = RC_NEW(type);
  CHECK_EQ(rc_add_external_bytes(one, 5000), RC_OK);
  for (size_t i = 0; i < 5; i++) gc_series_tick(heap);
  CHECK_EQ(bytes.calls, 1);
  CHECK_EQ(bytes.value, 3200);
  CHECK_EQ(bytes.watch, first);
  CHECK_EQ(objects.calls, 1);
  CHECK_EQ(outside.calls, 1);
  CHECK_EQ(of_type.calls, 1);
  rc_decref(one), rc_clear(&of_type.made);
  gc_series_tick(heap); /* below the limits again */
  CHECK_EQ(bytes.calls, 1);
  one = RC_NEW(type);
  gc_series_tick(heap);
  CHECK_EQ(bytes.calls, 2);
  CHECK_EQ(outside.calls, 1);
  CHECK_EQ(gc_unwatch(heap, first), RC_OK);
  CHECK_EQ(gc_unwatch(heap, first), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "no watch");
  rc_decref(one), rc_xdecref(of_type.made), rc_decref(chain);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Without a tick: at the end of a collection, and while memory is allocated. */
static void watches_without_ticks(void) {
  gc_heap *heap = graph_heap("allocating");
  rc_type *type = graph_declared(heap);
  Seen bytes = {0}, pause = {0};
  (void)watch_of(heap, GC_WATCH_LIVE_BYTES, 20 << 20, &bytes);
  (void)watch_of(heap, GC_WATCH_PAUSE_NS, 1, &pause);
  Node *chain = graph_chain(type, 400000, false);
  if (!check_env("RCGC_TEST_CHECKED")) CHECK(bytes.value >= 12800000 || bytes.calls == 0);
  Node *more = graph_chain(type, 700000, false);
  CHECK_EQ(bytes.calls, 1);
  CHECK(bytes.value >= 20 << 20);
  if (!check_env("RCGC_TEST_CHECKED")) CHECK(bytes.value < (20 << 20) + (2 << 20));
  size_t pauses = pause.calls;
  (void)gc_collect(heap);
  CHECK_EQ(pause.calls, pauses + 1);
  (void)gc_collect(heap);
  CHECK_EQ(pause.calls, pauses + 2); /* each pause by itself */
  CHECK(pause.value > 0);
  rc_decref(chain), rc_decref(more);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void a_watch_that_traps(void *arg) {
  gc_heap *heap = arg;
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t watch;
  spec.metric = GC_WATCH_LIVE_OBJECTS, spec.action = GC_WATCH_TRAP;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_OK);
  gc_series_tick(heap);
}

static void watches_that_log_trap_and_dump(void) {
  gc_heap *heap = series_heap(0, 16, 0);
  rc_type *type = graph_declared(heap);
  Node *ring = graph_ring(type, 10);
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t log_watch, dump_watch, type_watch;
  spec.metric = GC_WATCH_LIVE_OBJECTS, spec.limit = 10;
  CHECK_EQ(gc_watch(heap, &spec, &log_watch), RC_OK);
  char pattern[128], path[128];
  snprintf(pattern, sizeof pattern, "/tmp/rcgc-watch-%%p-%%n-%d.dump", (int)getpid());
  snprintf(path, sizeof path, "/tmp/rcgc-watch-%d-1-%d.dump", (int)getpid(), (int)getpid());
  spec.action = GC_WATCH_DUMP, spec.path = pattern;
  CHECK_EQ(gc_watch(heap, &spec, &dump_watch), RC_OK);
  memset(pattern, 'x', sizeof pattern - 1);
  check_log_start();
  gc_series_tick(heap);
  CHECK_STR(check_log.text, "heap series: watch 1: 10 has reached 10");
  struct stat file;
  CHECK(stat(path, &file) == 0 && file.st_size > 100);
  unlink(path);
  CHECK_EQ(read_events(heap), 2);
  CHECK_EQ(events[1].what, GC_SERIES_WATCH);
  CHECK_EQ(events[1].value, dump_watch);
  /* A dump that cannot be written is said, and nothing else happens. */
  spec.path = "/nowhere/%n.dump", spec.limit = 1;
  CHECK_EQ(gc_watch(heap, &spec, &dump_watch), RC_OK);
  gc_series_tick(heap);
  CHECK_STR(check_log.text, "the dump /nowhere/1.dump was not written");
  char message[CHECK_MESSAGE_BYTES];
  int status = check_in_child(a_watch_that_traps, heap, message, sizeof message);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP);
  /* A watch ends with its type. */
  rc_type_spec other = RC_TYPE_SPEC_INIT;
  other.name = "Other", other.size = 8;
  spec.metric = GC_WATCH_TYPE_OBJECTS, spec.action = GC_WATCH_LOG, spec.type = graph_type(heap, &other);
  CHECK_EQ(gc_watch(heap, &spec, &type_watch), RC_OK);
  CHECK_EQ(rc_type_free(spec.type), RC_OK);
  CHECK_EQ(gc_unwatch(heap, type_watch), RC_ERR_INVALID);
  gc_series_tick(heap);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 10);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void bad_input(void) {
  gc_heap *heap = series_heap(0, 0, 0), *other = graph_heap("other");
  CHECK_EQ(gc_series_start(heap, NULL), RC_ERR_IN_USE);
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.flags = 1u << 20;
  CHECK_EQ(gc_series_start(other, &options), RC_ERR_INVALID);
  options.flags = 0, options.capacity = UINT32_MAX;
  CHECK_EQ(gc_series_start(other, &options), RC_ERR_INVALID);
  options.capacity = 0, options.struct_size = 2;
  CHECK_EQ(gc_series_start(other, &options), RC_ERR_INVALID);
  gc_watch_spec spec = GC_WATCH_SPEC_INIT, none = GC_WATCH_SPEC_INIT;
  uint32_t watch = 0;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_ERR_INVALID); /* no metric */
  spec.metric = GC_WATCH_LIVE_BYTES;
  CHECK_EQ(gc_watch(heap, &spec, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_watch(heap, check_null(), &watch), RC_ERR_INVALID);
  spec.action = 77;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_ERR_INVALID);
  spec.action = GC_WATCH_CALLBACK;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "the callback is null");
  spec.action = GC_WATCH_DUMP;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "the path is null");
  spec.action = GC_WATCH_LOG, spec.metric = GC_WATCH_TYPE_OBJECTS;
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_ERR_INVALID);
  spec.type = graph_declared(other);
  CHECK_EQ(gc_watch(heap, &spec, &watch), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "another heap");
  none.struct_size = 1;
  CHECK_EQ(gc_watch(heap, &none, &watch), RC_ERR_INVALID);
  CHECK_EQ(watch, 0);
  CHECK_EQ(gc_heap_free(heap) + gc_heap_free(other), 0);
}

static const check_test tests[] = {
    CHECK_TEST(samples_are_the_books),
    CHECK_TEST(the_process_is_measured_apart),
    CHECK_TEST(rings_write_over_their_oldest),
    CHECK_TEST(ticks_keep_their_distance),
    CHECK_TEST(events_in_their_order),
    CHECK_TEST(a_thread_that_ticks),
    CHECK_TEST(fork_with_a_thread),
    CHECK_TEST(signals_go_to_the_host),
    CHECK_TEST(watches_are_set_off_and_set_again),
    CHECK_TEST(watches_without_ticks),
    CHECK_TEST(watches_that_log_trap_and_dump),
    CHECK_TEST(bad_input),
};

CHECK_MAIN(tests)
