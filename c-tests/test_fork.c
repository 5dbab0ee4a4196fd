/* Forks: a child finds no lock closed that another thread held, whatever that was doing; it has its own numbers; it
 * writes nothing of its parent's. Handlers of the host that run around a fork may use the library. */
#include "check.h"
#include "graph.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char folder[64];

static void make_folder(void) {
  snprintf(folder, sizeof folder, "/tmp/rcgc-fork-%d", (int)getpid());
  REQUIRE(mkdir(folder, 0700) == 0);
}

static void drop_folder(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", folder);
  CHECK_EQ(system(command), 0);
}

/* A path in the folder; four of them are good at once. */
static const char *in_folder(const char *name) {
  static char paths[4][160];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static bool exists(const char *path) {
  return access(path, F_OK) == 0;
}

enum { NO_VERDICT, FAILS, PASSES };

/* Runs body(arg) in a forked child, which has 20 seconds (a minute where a checker makes it slow); whether it came
 * through. Among threads the child has memory that only the others knew of, which no leak checker can tell from a leak:
 * it leaves its verdict where the parent finds it, and ends before one looks. */
static bool run_child(void (*body)(void *), void *arg, bool among_threads) {
  void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(page != MAP_FAILED);
  volatile unsigned char *verdict = page; /* of this child: several threads fork at once */
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(check_env("RCGC_TEST_SMALL") ? 60 : 20);
    check_failures = 0;
    body(arg);
    fflush(NULL);
    *verdict = check_failures ? FAILS : PASSES;
    if (among_threads) kill(getpid(), SIGKILL);
    _exit(check_failures ? 1 : 0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  unsigned said = *verdict;
  munmap(page, 1);
  if (among_threads && said != NO_VERDICT) return said == PASSES;
  if (WIFSIGNALED(status)) printf("the child: signal %d\n", WTERMSIG(status));
  return status == 0;
}

static bool child_passes(void (*body)(void *), void *arg) {
  return run_child(body, arg, false);
}

static bool child_among_threads_passes(void (*body)(void *), void *arg) {
  return run_child(body, arg, true);
}

/* ---- no lock is closed in a child ---- */

/* The sanitizer's own malloc leaves its locks closed in a child. */
static bool malloc_survives_forks(void) {
#if defined(__SANITIZE_ADDRESS__)
  printf("skipped: malloc of AddressSanitizer, in children of threads\n");
  return false;
#else
  return true;
#endif
}

/* What closes a lock that all heaps share, in a heap of its own. */
typedef struct Work {
  gc_heap *heap;
  rc_type *type;
  Node *node;
  unsigned times;
} Work;

static void weak_handles(Work *work) {
  rc_weak *weak = rc_weak_new(work->node, NULL, NULL);
  CHECK(weak != NULL);
  rc_weak_free(weak);
}

static void weak_maps(Work *work) {
  rc_weakmap *map = rc_weakmap_new(work->heap);
  REQUIRE(map != NULL);
  CHECK_EQ(rc_weakmap_set(map, work->node, work->node), RC_OK);
  rc_decref(map);
}

static void types(Work *work) {
  rc_type *type = graph_declared(work->heap);
  CHECK_EQ(rc_type_free(type), RC_OK);
}

static void heaps(Work *work) {
  gc_heap *heap = graph_heap("short");
  CHECK_EQ(gc_heap_free(heap), 0);
  (void)work;
}

static void segments(Work *work) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Large", spec.size = 3 << 20;
  rc_type *type = graph_type(work->heap, &spec);
  rc_decref(rc_new(type));
  CHECK_EQ(rc_type_free(type), RC_OK);
}

static void tickets(Work *work) {
  gc_mark *mark = NULL;
  CHECK_EQ(gc_growth_mark(work->heap, 0, &mark), RC_OK);
  gc_growth_free(mark);
}

/* Each time a site that is not known yet, and the table of records anew. */
static void sites(Work *work) {
  char function[32];
  snprintf(function, sizeof function, "site_%p_%u", (void *)work, work->times);
  rc_site site = {"fork.c", function, 1, 0};
  CHECK_EQ(gc_profile_start(work->heap, NULL), RC_OK);
  rc_decref(rc_new_at(work->type, &site));
  gc_profile_stop(work->heap);
}

static void series(Work *work) {
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.flags = GC_SERIES_THREAD, options.interval_ns = 100000, options.capacity = 16;
  if (work->times % 16 == 0) {
    gc_series_stop(work->heap);
    CHECK_EQ(gc_series_start(work->heap, &options), RC_OK);
  }
  for (int i = 0; i < 20; i++) gc_series_tick(work->heap);
}

static void signals(Work *work) {
  CHECK_EQ(gc_dump_on_signal(work->heap, SIGUSR2, "/tmp/rcgc-never-written"), RC_OK);
  CHECK_EQ(gc_dump_on_signal(work->heap, 0, NULL), RC_OK);
}

static void errors(Work *work) {
  gc_heap *none = NULL;
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = 99;
  CHECK_EQ(gc_heap_new(&options, &none), RC_ERR_INVALID);
  (void)work;
}

static void files(Work *work) {
  gc_heap *heap = graph_heap("written");
  char plan[256];
  snprintf(plan, sizeof plan, "dump=%s/%%p-%p", folder, (void *)work);
  CHECK_EQ(gc_profile_plan(heap, plan), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void (*const kinds[])(Work *) = {weak_handles, weak_maps, types,   heaps,  segments, tickets,
                                        sites,        series,    signals, errors, files};

static void begin_work(Work *work) {
  memset(work, 0, sizeof *work);
  work->heap = graph_heap("work");
  work->type = graph_declared(work->heap);
  work->node = graph_node(work->type, 1);
}

static void end_work(Work *work) {
  gc_series_stop(work->heap);
  rc_decref(work->node);
  CHECK_EQ(gc_heap_free(work->heap), 0);
}

static void (*kind_under_test)(Work *);
static volatile bool stop;

static void *other_thread(void *unused) {
  Work work;
  begin_work(&work);
  while (!stop) kind_under_test(&work), work.times++;
  end_work(&work);
  return unused;
}

static void do_the_same(void *arg) {
  Work *work = arg;
  kind_under_test(work);
  end_work(work);
}

static void no_lock_is_closed_in_a_child(void) {
  if (!malloc_survives_forks()) return;
  make_folder();
  Work work;
  begin_work(&work);
  gc_set_log(check_log_line, &check_log);
  size_t rounds = check_scale(3, 40, 400);
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
    pthread_t threads[2];
    kind_under_test = kinds[kind], stop = false;
    for (int i = 0; i < 2; i++) REQUIRE(pthread_create(&threads[i], NULL, other_thread, NULL) == 0);
    bool passes = true;
    for (size_t round = 0; round < rounds && passes; round++) {
      passes = child_among_threads_passes(do_the_same, &work);
      if (!CHECK(passes)) printf("kind %zu, round %zu\n", kind, round);
    }
    stop = true;
    for (int i = 0; i < 2; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
  }
  end_work(&work);
  drop_folder();
}

/* Several threads that fork at once wait for each other, and none for ever. */
static void nothing(void *unused) {
  (void)unused;
}

static void *forking_thread(void *unused) {
  Work work;
  begin_work(&work);
  kind_under_test = weak_handles;
  for (size_t i = check_scale(2, 30, 200); i > 0; i--) {
    weak_handles(&work);
    CHECK(child_among_threads_passes(i % 2 ? do_the_same : nothing, &work));
  }
  end_work(&work);
  return unused;
}

static void many_threads_fork(void) {
  if (!malloc_survives_forks()) return;
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) REQUIRE(pthread_create(&threads[i], NULL, forking_thread, NULL) == 0);
  for (int i = 0; i < 3; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
}

/* ---- handlers of the host ---- */

static Work of_handlers;
static unsigned prepared, in_parent, in_child, forks_inside;

static void use_the_library(void) {
  if (!of_handlers.heap) return;
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
    if (kinds[kind] != files) kinds[kind](&of_handlers);
    of_handlers.times++;
  }
  gc_series_stop(of_handlers.heap);
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.flags = GC_SERIES_THREAD, options.interval_ns = 100000, options.capacity = 16;
  CHECK_EQ(gc_series_start(of_handlers.heap, &options), RC_OK);
  usleep(2000); /* its thread ticks, while the one that forks has closed what ticks need, and now waits for it */
  gc_series_stop(of_handlers.heap);
}

static void before_fork(void) {
  use_the_library();
  if (forks_inside) {
    forks_inside--;
    CHECK(child_among_threads_passes(do_the_same, &of_handlers));
  }
  prepared++;
}

static void after_in_parent(void) {
  use_the_library(), in_parent++;
}

static void after_in_child(void) {
  use_the_library(), in_child++;
}

static void use_it_in_the_child(void *unused) {
  (void)unused;
  CHECK_EQ(in_child, 1);
  use_the_library();
  end_work(&of_handlers);
}

/* Registered before the library's and after them: once they run while the library has closed its locks. */
static void handlers_of_the_host_may_use_the_library(void) {
  REQUIRE(pthread_atfork(before_fork, after_in_parent, after_in_child) == 0);
  begin_work(&of_handlers);
  CHECK(child_passes(use_it_in_the_child, NULL));
  CHECK_EQ(prepared, 1);
  CHECK_EQ(in_parent, 1);
  use_the_library();
  REQUIRE(pthread_atfork(use_the_library, use_the_library, use_the_library) == 0);
  CHECK(child_passes(use_it_in_the_child, NULL));
  kind_under_test = weak_handles, forks_inside = 1; /* a handler that forks */
  CHECK(child_passes(use_it_in_the_child, NULL));
  use_the_library();
  end_work(&of_handlers);
}

/* ---- a child's own numbers ---- */

enum { OWN_BYTES = 96 << 20 };

static gc_sample last_sample(gc_heap *heap) {
  static gc_sample rows[64];
  size_t written = 0;
  rows[0].struct_size = sizeof rows[0];
  (void)gc_series_samples(heap, 0, rows, 64, &written);
  REQUIRE(written > 0);
  return rows[written - 1];
}

static void takes_much_memory(void *arg) {
  gc_heap *heap = arg;
  uint64_t before = last_sample(heap).resident_bytes;
  char *own = mmap(NULL, OWN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(own != MAP_FAILED);
  memset(own, 1, OWN_BYTES);
  gc_series_tick(heap);
  CHECK(last_sample(heap).resident_bytes > before + OWN_BYTES / 2);
  munmap(own, OWN_BYTES);
  gc_series_tick(heap);
  CHECK(last_sample(heap).resident_bytes < before + OWN_BYTES / 2);
}

static void samples_of_a_child_are_its_own(void) {
  gc_heap *heap = graph_heap("sampled");
  CHECK_EQ(gc_series_start(heap, NULL), RC_OK);
  gc_series_tick(heap);
  CHECK(child_passes(takes_much_memory, heap));
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A host that closes every descriptor that it does not know, and opens its own, has them to itself: the series reads
 * none of them, and closes none. */
static void descriptors_are_the_hosts(void) {
  gc_heap *heap = graph_heap("sampled");
  CHECK_EQ(gc_series_start(heap, NULL), RC_OK);
  gc_series_tick(heap);
  CHECK(last_sample(heap).resident_bytes > 0);
  for (int fd = 3; fd < 64; fd++) close(fd);
  int own[8];
  for (int i = 0; i < 8; i++) own[i] = open("/dev/null", O_RDONLY);
  gc_series_tick(heap);
  CHECK(last_sample(heap).resident_bytes > 0);
  gc_series_stop(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
  for (int i = 0; i < 8; i++) CHECK_EQ(close(own[i]), 0);
}

/* ---- what a child writes ---- */

static rc_type *type_of_parent;

static void raises_the_signal(void *heap) {
  check_log_start();
  raise(SIGUSR2);
  gc_series_tick(heap);
  CHECK_STR(check_log.text, "a forked child writes only to paths with %p");
}

static void passes_the_limit(void *heap) {
  check_log_start();
  Node *chain = graph_chain(type_of_parent, 100, false);
  gc_series_tick(heap);
  CHECK_STR(check_log.text, "a forked child writes only to paths with %p");
  rc_decref(chain);
}

/* A signal's dump and a watch's are the parent's, as a plan's is; %%p is a percent sign and a p, and no process. */
static void nothing_of_its_parents(void) {
  make_folder();
  gc_heap *heap = graph_heap("parent");
  type_of_parent = graph_declared(heap);
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR2, in_folder("signal-%%p")), RC_OK);
  CHECK(child_passes(raises_the_signal, heap));
  CHECK(!exists(in_folder("signal-%p")));
  raise(SIGUSR2);
  gc_series_tick(heap);
  CHECK(exists(in_folder("signal-%p")));

  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  spec.metric = GC_WATCH_LIVE_OBJECTS, spec.limit = 50, spec.action = GC_WATCH_DUMP;
  spec.path = in_folder("limit");
  uint32_t number = 0;
  CHECK_EQ(gc_watch(heap, &spec, &number), RC_OK);
  CHECK(child_passes(passes_the_limit, heap));
  CHECK(!exists(in_folder("limit")));
  Node *chain = graph_chain(type_of_parent, 100, false);
  gc_series_tick(heap);
  CHECK(exists(in_folder("limit")));
  rc_decref(chain);

  /* What the child asks for itself is its own. */
  CHECK_EQ(gc_heap_free(heap), 0);
  drop_folder();
}

static void asks_itself(void *heap) {
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR2, in_folder("of-the-child")), RC_OK);
  raise(SIGUSR2);
  gc_series_tick(heap);
  CHECK(exists(in_folder("of-the-child")));
}

static void a_child_may_ask_for_its_own(void) {
  make_folder();
  gc_heap *heap = graph_heap("parent");
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR2, in_folder("of-the-parent")), RC_OK);
  CHECK(child_passes(asks_itself, heap));
  CHECK(!exists(in_folder("of-the-parent")));
  CHECK_EQ(gc_heap_free(heap), 0);
  drop_folder();
}

static const check_test tests[] = {
    CHECK_TEST(handlers_of_the_host_may_use_the_library),
    CHECK_TEST(no_lock_is_closed_in_a_child),
    CHECK_TEST(many_threads_fork),
    CHECK_TEST(samples_of_a_child_are_its_own),
    CHECK_TEST(descriptors_are_the_hosts),
    CHECK_TEST(nothing_of_its_parents),
    CHECK_TEST(a_child_may_ask_for_its_own),
};

CHECK_MAIN(tests)
