/* What is the process's and not the library's: what signals do, the environment, descriptors, cores, the end by exit.
 * Forks are in test_fork.c, files in test_files.c, errno in test_errno.c; unloading, set-user-id programs and debuggers
 * in c-tests/process/run.py. */
#include "check.h"
#include "graph.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* ---- what a signal does ---- */

static void of_the_host(int signal) {
  (void)signal;
}

static void (*now_does(int signal))(int) {
  struct sigaction now;
  REQUIRE(sigaction(signal, NULL, &now) == 0);
  return now.sa_handler;
}

/* Put back is what was there, and only while it is the library's. */
static void a_disposition_is_the_hosts(void) {
  gc_heap *heap = graph_heap("signals"), *other = graph_heap("other");
  signal(SIGUSR1, SIG_IGN);
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR1, "/dev/null"), RC_OK);
  CHECK(now_does(SIGUSR1) != SIG_IGN);
  CHECK_EQ(gc_dump_on_signal(heap, 0, NULL), RC_OK);
  CHECK(now_does(SIGUSR1) == SIG_IGN);

  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR2, "/dev/null"), RC_OK);
  signal(SIGUSR2, of_the_host); /* the host has it from here on */
  CHECK_EQ(gc_dump_on_signal(other, SIGUSR2, "/dev/null"), RC_ERR_IN_USE);
  CHECK_EQ(gc_dump_on_signal(heap, 0, NULL), RC_OK);
  CHECK(now_does(SIGUSR2) == of_the_host);
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR2, "/dev/null"), RC_ERR_IN_USE);

  signal(SIGUSR2, SIG_DFL);
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR2, "/dev/null"), RC_OK);
  signal(SIGUSR2, SIG_IGN); /* the host has done something, which is no handler */
  CHECK_EQ(gc_dump_on_signal(other, SIGUSR2, "/dev/null"), RC_OK);
  CHECK(now_does(SIGUSR2) != SIG_IGN);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK(now_does(SIGUSR2) != SIG_IGN); /* the other still listens */
  CHECK_EQ(gc_heap_free(other), 0);
  CHECK(now_does(SIGUSR2) == SIG_IGN);
}

/* ---- the environment ---- */

static void with_variable(const char *name, const char *value, const char *said, unsigned lines) {
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    check_failures = 0;
    check_log_start();
    setenv(name, value, 1);
    gc_heap *heaps[3];
    for (int i = 0; i < 3; i++) heaps[i] = graph_heap("a"); /* once, however many heaps there are */
    Node *node = graph_node(graph_declared(heaps[0]), 1);
    if (said) CHECK_STR(check_log.text, said);
    if (said) CHECK_STR(check_log.text, name);
    if (!CHECK_EQ(check_log.lines[GC_LOG_WARNING], lines)) printf("%s=%s: %s", name, value, check_log.text);
    rc_decref(node);
    for (int i = 0; i < 3; i++) CHECK_EQ(gc_heap_free(heaps[i]), 0);
    fflush(NULL);
    _exit(check_failures ? 1 : 0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
}

static void values_are_read_strictly(void) {
  static const char *const good[] = {"", "0", "16777216", "16M", "65536k", "1G", "0x10000000"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) with_variable("RCGC_RANGE_BYTES", good[i], NULL, 0);
  static const char *const bad[] = {"many", "-1", " 64M", "64M ", "1.5G", "64MB", "1T", "0x", "18446744073709551616"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char said[64];
    snprintf(said, sizeof said, "\"%s\" is no number of bytes", bad[i]);
    with_variable("RCGC_RANGE_BYTES", bad[i], said, 1);
  }
  with_variable("RCGC_RANGE_BYTES", "4096", "4096 bytes are too few: ", 1);
  with_variable("RCGC_RANGE_BYTES", "8000000G", "8589934592000000 bytes cannot be had: ", 1);

  static const char *const plans[] = {"", "sites", "series=1K", " sites , heap=a*", "stacks=1024G", "report=/dev/null"};
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) with_variable("RCGC_PROFILE", plans[i], NULL, 0);
  static const char *const wrong[] = {"site", "1", "series=0", "series=-1", "series=2G", "stacks=1025G", "limit=5X",
                                      "sites=1", "dump=", "oom=1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char said[64];
    snprintf(said, sizeof said, "\"%s\" is unknown, or its value is: there are sites, stacks", wrong[i]);
    with_variable("RCGC_PROFILE", wrong[i], said, 1);
  }
  with_variable("RCGC_PROFILE", "sites,oom", "\"sites,oom\": oom needs a dump or a report", 1);
}

/* ---- descriptors ---- */

static bool was_open[256];

/* In the middle of a dump: what is open now and was not before goes when the host runs another program. */
static int looks_at_descriptors(void *obj, rc_visit_fn visit, void *visit_ctx) {
  unsigned opened = 0;
  for (int fd = 0; fd < 256; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0 || was_open[fd]) continue;
    CHECK(flags & FD_CLOEXEC);
    opened++;
  }
  CHECK_EQ(opened, 1);
  return visit(((Node *)obj)->a, visit_ctx);
}

static void no_descriptor_stays_open(void) {
  gc_heap *heap = graph_heap("descriptors");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Looking", spec.size = sizeof(Node), spec.traverse = looks_at_descriptors, spec.clear = graph_clear;
  Node *node = graph_node(graph_type(heap, &spec), 1);
  char path[64];
  snprintf(path, sizeof path, "/tmp/rcgc-process-%d", (int)getpid());
  for (int fd = 0; fd < 256; fd++) was_open[fd] = fcntl(fd, F_GETFD) >= 0;
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.path = path;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  CHECK(unlink(path) == 0);
  options.path = "/dev/fd/1";
  fflush(NULL);
  int saved = dup(1), null = open("/dev/null", O_WRONLY);
  was_open[saved] = was_open[null] = true;
  REQUIRE(dup2(null, 1) == 1);
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  fflush(NULL);
  REQUIRE(dup2(saved, 1) == 1);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  CHECK_EQ(gc_series_start(heap, NULL), RC_OK);
  gc_series_tick(heap);
  for (int fd = 0; fd < 256; fd++) CHECK_EQ(fcntl(fd, F_GETFD) >= 0, was_open[fd]);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- cores ---- */

/* Bytes of the mappings that a debugger writes into a core, and whether the one of an address is among them. */
static uint64_t core_bytes(const void *address, bool *out_has) {
  FILE *file = fopen("/proc/self/smaps", "r");
  REQUIRE(file != NULL);
  char line[512];
  uint64_t bytes = 0, low = 0, high = 0;
  *out_has = false;
  while (fgets(line, sizeof line, file)) {
    uint64_t from, to;
    char mode[8];
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &from, &to, mode) == 3) low = from, high = to;
    if (strncmp(line, "VmFlags:", 8) != 0 || strstr(line, " dd")) continue;
    bytes += high - low;
    *out_has |= (uintptr_t)address >= low && (uintptr_t)address < high;
  }
  fclose(file);
  return bytes;
}

static void what_is_only_reserved_is_in_no_core(void) {
  bool has;
  void *left_out = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(left_out != MAP_FAILED && madvise(left_out, 1 << 20, MADV_DONTDUMP) == 0);
  (void)core_bytes(left_out, &has);
  if (has) {
    printf("skipped: the system does not say what is left out of cores (an emulator)\n");
    return;
  }
  uint64_t before = core_bytes(NULL, &has);
  gc_heap *heap = graph_heap("core");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_type *type = graph_declared(heap);
  Node *first = graph_chain(type, 10, false);
  CHECK(core_bytes(first, &has) < before + (64 << 20));
  CHECK(has);
  /* What is committed later is in it, too. */
  size_t count = check_scale(100000, 400000, 4000000);
  Node *chain = graph_chain(type, count, false);
  CHECK(core_bytes(chain, &has) > before + count * 32);
  CHECK(has);
  Node *last = chain;
  while (last->a) last = last->a;
  (void)core_bytes(last, &has);
  CHECK(has);
  rc_decref(first), rc_decref(chain);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- the end by exit ---- */

static gc_heap *left;
static rc_type *type_left;

static void use_heap_left(void) {
  Node *ring = rc_new(type_left);
  if (!ring) _exit(9);
  ring->a = ring;
  if (gc_collect(left) != 1) _exit(8);
}

/* The last that runs at an exit: files are written out after all handlers and destructors. */
static ssize_t writes_out(void *unused, const char *bytes, size_t len) {
  (void)unused, (void)bytes;
  if (len == 0) return 0; /* musl asks twice */
  use_heap_left();
  return gc_heap_free(left) == 0 ? (ssize_t)len : (_exit(7), 0);
}

#if defined(__GNUC__) && !defined(__TINYC__)
static gc_heap *left_to_destructor;

__attribute__((destructor)) static void in_a_destructor(void) {
  if (left_to_destructor && gc_heap_free(left_to_destructor) != 0) _exit(3);
}
#endif

static void heaps_work_until_the_end(void) {
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (atexit(use_heap_left) != 0) _exit(6); /* registered before the library's, so called after it */
    left = graph_heap("left"), type_left = graph_declared(left);
    gc_series_options options = GC_SERIES_OPTIONS_INIT;
    options.flags = GC_SERIES_THREAD, options.interval_ns = 100000;
    if (gc_series_start(left, &options) != RC_OK) _exit(5);
#if defined(__GNUC__) && !defined(__TINYC__)
    left_to_destructor = graph_heap("destructor");
    if (gc_series_start(left_to_destructor, &options) != RC_OK) _exit(4);
#endif
    cookie_io_functions_t functions = {NULL, writes_out, NULL, NULL};
    FILE *file = fopencookie(NULL, "w", functions);
    if (!file || fputs("x", file) < 0) _exit(2);
    exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
}

/* A plan that an exit finds in the middle of a collection says that it wrote nothing. */
static void exits(void *obj) {
  (void)obj;
  exit(check_failures ? 1 : 0);
}

static void says_what_was_said(void) {
  fputs(check_log.text, stdout);
  fflush(stdout);
}

static void an_exit_inside_a_collection_is_said(void) {
  int ends[2];
  char said[512] = {0};
  REQUIRE(pipe(ends) == 0);
  fflush(NULL);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    REQUIRE(dup2(ends[1], 1) == 1);
    if (atexit(says_what_was_said) != 0) _exit(6);
    check_log_start();
    gc_heap *heap = graph_heap("interrupted");
    CHECK_EQ(gc_profile_plan(heap, "dump=/dev/null"), RC_OK);
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Exiting", spec.size = sizeof(Node), spec.destroy = exits;
    spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
    Node *node = graph_node(graph_type(heap, &spec), 1);
    node->a = node;
    (void)gc_collect(heap);
    _exit(5);
  }
  close(ends[1]);
  CHECK(read(ends[0], said, sizeof said - 1) > 0);
  CHECK_STR(said, "heap interrupted: nothing was written: it is in a collection");
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
  close(ends[0]);
}

static const check_test tests[] = {
    CHECK_TEST(a_disposition_is_the_hosts),          CHECK_TEST(values_are_read_strictly),
    CHECK_TEST(no_descriptor_stays_open),            CHECK_TEST(what_is_only_reserved_is_in_no_core),
    CHECK_TEST(heaps_work_until_the_end),            CHECK_TEST(an_exit_inside_a_collection_is_said),
};

CHECK_MAIN(tests)
