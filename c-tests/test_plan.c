/* What is written by itself: at the end of a heap, at exit, out of memory, at a limit, at a signal; as the program asks,
 * or the environment. */
#include "check.h"
#include "graph.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

static char folder[64];

static void make_folder(void) {
  snprintf(folder, sizeof folder, "/tmp/rcgc-plan-%d", (int)getpid());
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

/* A plan with the folder for %s. */
static const char *planned(const char *format) {
  static char plan[512];
  snprintf(plan, sizeof plan, format, folder, folder);
  return plan;
}

/* What a file has; empty when there is none. */
static const char *text_of(const char *path) {
  static char text[16384];
  memset(text, 0, sizeof text);
  int fd = open(path, O_RDONLY);
  if (fd < 0) return text;
  if (read(fd, text, sizeof text - 1) < 0) text[0] = 0;
  close(fd);
  return text;
}

static bool is_dump(const char *path) {
  return memcmp(text_of(path), "\x89rcgc\r\n\x1a", 8) == 0;
}

static bool exists(const char *path) {
  return access(path, F_OK) == 0;
}

static void at_the_end_of_a_heap(void) {
  make_folder();
  gc_heap *heap = graph_heap("ending");
  rc_type *type = graph_declared(heap);
  Node *before = rc_new(type);
  CHECK_EQ(gc_profile_plan(heap, planned("sites,dump=%s/a%%n.rcgc,report=%s/a.txt")), RC_OK);
  CHECK_EQ(gc_profile_flags(heap), GC_PROFILE_SITES);
  Node *node = RC_NEW(type);
  CHECK(!exists(in_folder("a.txt")));
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 2);
  CHECK(is_dump(in_folder("a1.rcgc")));
  const char *text = text_of(in_folder("a.txt"));
  CHECK_STR(text, "Heap: ending");
  CHECK_STR(text, "2 objects live");
  CHECK_STR(text, "(made before the profile began)");
  (void)before, (void)node;
  drop_folder();
}

/* Runs a program in a child that begins with a plan in its environment. */
static int with_environment(const char *plan, void (*program)(void)) {
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    setenv("RCGC_PROFILE", plan, 1);
    program();
    fflush(NULL);
    exit(check_failures ? 1 : 0); /* the library writes when the process exits */
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  CHECK(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void lives_until_exit(void) {
  gc_heap *heap = graph_heap("main");
  rc_type *type = graph_declared(heap);
  Node *kept = RC_NEW(type);
  CHECK(kept != NULL);
  rc_decref(RC_NEW(type));
  Node *other = graph_node(graph_declared(graph_heap("other")), 1);
  CHECK(other != NULL);
}

static void makes_the_default_heap(void) {
  (void)graph_node(graph_declared(NULL), 1);
}

static void frees_its_heap(void) {
  gc_heap *heap = graph_heap("freed");
  rc_decref(graph_node(graph_declared(heap), 1));
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void by_the_environment(void) {
  make_folder();
  CHECK_EQ(with_environment(planned("heap=ma*,report=%s/b.txt,dump=%s/b.rcgc"), lives_until_exit), 0);
  CHECK_STR(text_of(in_folder("b.txt")), "Heap: main");
  CHECK_STR(text_of(in_folder("b.txt")), "1 objects live (32), peak 64; 2 made (64), 1 ended (32)");
#if defined(__GNUC__) || defined(__TINYC__)
  CHECK_STR(text_of(in_folder("b.txt")), "(lives_until_exit)");
#endif
  CHECK(is_dump(in_folder("b.rcgc")));
  CHECK_EQ(with_environment(planned("stacks,series=1,report=%s/c-%%h.txt"), lives_until_exit), 0);
  CHECK_STR(text_of(in_folder("c-1.txt")), "Heap: main");
  CHECK_STR(text_of(in_folder("c-2.txt")), "Heap: other");
  CHECK_EQ(with_environment(planned("report=%s/d.txt"), makes_the_default_heap), 0);
  CHECK_STR(text_of(in_folder("d.txt")), "Heap: default heap");
  CHECK_EQ(with_environment(planned("report=%s/e%%n.txt"), frees_its_heap), 0);
  CHECK_STR(text_of(in_folder("e1.txt")), "Heap: freed");
  CHECK(!exists(in_folder("e2.txt"))); /* once */
  drop_folder();
}

static void to_standard_error(void) {
  make_folder();
  int saved = dup(2), fd = open(in_folder("err"), O_CREAT | O_WRONLY, 0600);
  REQUIRE(saved >= 0 && fd >= 0 && dup2(fd, 2) == 2);
  CHECK_EQ(with_environment("report", lives_until_exit), 0);
  dup2(saved, 2);
  CHECK_STR(text_of(in_folder("err")), "Heap: main");
  close(saved), close(fd);
  drop_folder();
}

static void is_told_and_goes_on(void) {
  check_log_start();
  gc_heap *heap = graph_heap("bad");
  CHECK_STR(check_log.text, "RCGC_PROFILE: \"sitse\" is unknown");
  CHECK_EQ(gc_profile_flags(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void a_bad_environment(void) {
  CHECK_EQ(with_environment("stacks,sitse", is_told_and_goes_on), 0);
  CHECK_EQ(with_environment("", frees_its_heap), 0);
}

static void out_of_memory(void) {
  make_folder();
  gc_heap *heap = graph_heap("full");
  gc_policy policy = GC_POLICY_INIT;
  policy.limit_bytes = 1 << 20;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
  CHECK_EQ(gc_profile_plan(heap, planned("oom,dump=%s/oom%%n.rcgc,report=%s/oom.txt")), RC_OK);
  rc_type *type = graph_declared(heap);
  check_log_start();
  Node *list = NULL;
  for (;;) {
    Node *node = RC_NEW(type);
    if (!node) break;
    node->a = list;
    list = node;
  }
  CHECK_STR(check_log.text, "heap full: memory has run out");
  CHECK(is_dump(in_folder("oom1.rcgc")));
  CHECK_STR(text_of(in_folder("oom.txt")), "Heap: full");
  Node *none = RC_NEW(type);
  CHECK(none == NULL && !exists(in_folder("oom2.rcgc"))); /* once */
  rc_decref(list);
  list = RC_NEW(type);
  CHECK(list != NULL);
  rc_xdecref(list);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(is_dump(in_folder("oom2.rcgc"))); /* at the end of the heap */
  drop_folder();
}

static void at_a_limit(void) {
  make_folder();
  gc_heap *heap = graph_heap("limited");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_plan(heap, planned("limit=8M,dump=%s/limit%%n.rcgc")), RC_OK);
  Node *chain = graph_chain(type, 100000, false);
  if (!check_env("RCGC_TEST_CHECKED")) CHECK(!exists(in_folder("limit1.rcgc")));
  Node *more = graph_chain(type, 400000, false);
  CHECK(is_dump(in_folder("limit1.rcgc")));
  rc_decref(chain), rc_decref(more);
  CHECK(!exists(in_folder("limit2.rcgc")));
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(is_dump(in_folder("limit2.rcgc"))); /* the heap's end is the second */
  drop_folder();
}

/* ---- signals ---- */

static void allocate_a_little(rc_type *type) {
  rc_decref(graph_chain(type, 2000, false));
}

static void at_a_signal(void) {
  make_folder();
  gc_heap *heap = graph_heap("listening"), *deaf = graph_heap("deaf");
  rc_type *type = graph_declared(heap), *other = graph_declared(deaf);
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR2, in_folder("sig%n-%h.rcgc")), RC_OK);
  raise(SIGUSR2);
  allocate_a_little(other);
  CHECK(!exists(in_folder("sig1-1.rcgc")));
  allocate_a_little(type);
  CHECK(is_dump(in_folder("sig1-1.rcgc")));
  raise(SIGUSR2);
  gc_series_tick(heap);
  CHECK(is_dump(in_folder("sig2-1.rcgc")));
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  raise(SIGUSR2);
  allocate_a_little(type);
  CHECK(is_dump(in_folder("sig3-1.rcgc")));
  raise(SIGUSR2);
  (void)gc_collect(heap);
  CHECK(is_dump(in_folder("sig4-1.rcgc")));
  /* A series that ends leaves what the signal asked for. */
  CHECK_EQ(gc_series_start(heap, NULL), RC_OK);
  raise(SIGUSR2);
  gc_series_stop(heap);
  allocate_a_little(type);
  CHECK(is_dump(in_folder("sig5-1.rcgc")));
  /* Another signal cannot be had, another heap can listen to the same. */
  CHECK_EQ(gc_dump_on_signal(deaf, SIGUSR1, in_folder("x")), RC_ERR_IN_USE);
  CHECK_EQ(gc_dump_on_signal(deaf, SIGUSR2, in_folder("deaf%n.rcgc")), RC_OK);
  raise(SIGUSR2);
  gc_series_tick(deaf), gc_series_tick(heap);
  CHECK(is_dump(in_folder("deaf1.rcgc")));
  CHECK(is_dump(in_folder("sig6-1.rcgc")));
  CHECK_EQ(gc_dump_on_signal(heap, 0, NULL), RC_OK);
  CHECK_EQ(gc_heap_free(deaf), 0);
  struct sigaction now;
  CHECK(sigaction(SIGUSR2, NULL, &now) == 0 && now.sa_handler == SIG_DFL); /* as it was */
  CHECK_EQ(gc_dump_on_signal(heap, 0, NULL), RC_OK);
  CHECK_EQ(gc_heap_free(heap), 0);
  drop_folder();
}

static void of_the_host(int signal) {
  (void)signal;
}

static void signals_that_cannot_be_had(void) {
  gc_heap *heap = graph_heap("refused");
  signal(SIGUSR1, of_the_host);
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR1, "/tmp/x"), RC_ERR_IN_USE);
  CHECK_STR(gc_error_message(heap), "has a handler");
  CHECK_EQ(gc_dump_on_signal(heap, SIGKILL, "/tmp/x"), RC_ERR_INVALID);
  CHECK_EQ(gc_dump_on_signal(heap, 12345, "/tmp/x"), RC_ERR_INVALID);
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR2, NULL), RC_ERR_INVALID);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- forked children ---- */

static void children_write_only_under_their_own_name(void) {
  make_folder();
  gc_heap *heap = graph_heap("parent");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_plan(heap, planned("report=%s/one.txt,dump=%s/%%p.rcgc")), RC_OK);
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    rc_decref(RC_NEW(type));
    exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
  char name[32];
  snprintf(name, sizeof name, "%d.rcgc", (int)child);
  CHECK(is_dump(in_folder(name)));
  CHECK(!exists(in_folder("one.txt")));
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_STR(text_of(in_folder("one.txt")), "Heap: parent");
  drop_folder();
}

static void a_child_over_the_limit_writes_nothing_of_its_parents(void) {
  make_folder();
  gc_heap *heap = graph_heap("parent");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_plan(heap, planned("limit=8M,dump=%s/limit.rcgc")), RC_OK);
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    graph_chain(type, 500000, false);
    exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
  CHECK(!exists(in_folder("limit.rcgc")));
  rc_decref(graph_chain(type, 500000, false));
  CHECK(is_dump(in_folder("limit.rcgc")));
  CHECK_EQ(gc_heap_free(heap), 0);
  drop_folder();
}

static void bad_plans(void) {
  gc_heap *heap = graph_heap("bad");
  CHECK_EQ(gc_profile_plan(heap, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_profile_plan(heap, "sites,stacks=many"), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "stacks=many");
  CHECK_EQ(gc_profile_plan(heap, "oom"), RC_ERR_INVALID);
  CHECK_EQ(gc_profile_flags(heap), 0);
  CHECK_EQ(gc_profile_plan(heap, "heap=nobody,sites"), RC_OK);
  CHECK_EQ(gc_profile_flags(heap), 0);
  CHECK_EQ(gc_profile_plan(heap, " sites , "), RC_OK);
  CHECK_EQ(gc_profile_plan(heap, "sites"), RC_ERR_REFUSED); /* on already */
  /* A file that cannot be made is said, and the heap ends all the same. */
  CHECK_EQ(gc_profile_plan(heap, "dump=/nowhere/a.rcgc"), RC_OK);
  check_log_start();
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_STR(check_log.text, "the dump /nowhere/a.rcgc was not written: errno 2");
}

static const check_test tests[] = {
    CHECK_TEST(at_the_end_of_a_heap),
    CHECK_TEST(by_the_environment),
    CHECK_TEST(to_standard_error),
    CHECK_TEST(a_bad_environment),
    CHECK_TEST(out_of_memory),
    CHECK_TEST(at_a_limit),
    CHECK_TEST(at_a_signal),
    CHECK_TEST(signals_that_cannot_be_had),
    CHECK_TEST(children_write_only_under_their_own_name),
    CHECK_TEST(a_child_over_the_limit_writes_nothing_of_its_parents),
    CHECK_TEST(bad_plans),
};

CHECK_MAIN(tests)
