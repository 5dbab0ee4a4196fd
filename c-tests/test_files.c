/* What the library writes to: paths that are refused and why, files that others cannot read, pipes that nobody reads,
 * two heaps with one path. */
#include "check.h"
#include "graph.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char folder[64];

static void make_folder(void) {
  snprintf(folder, sizeof folder, "/tmp/rcgc-files-%d", (int)getpid());
  REQUIRE(mkdir(folder, 0700) == 0);
}

static void drop_folder(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", folder);
  CHECK_EQ(system(command), 0);
}

/* A path in the folder; eight of them are good at once. */
static const char *in_folder(const char *name) {
  static char paths[8][160];
  static unsigned next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void put_text(const char *path, const char *text, mode_t mode) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  REQUIRE(fchmod(fd, mode) == 0 && close(fd) == 0);
}

/* What a file begins with; empty when there is none. */
static const char *text_of(const char *path) {
  static char text[4096];
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
  struct stat facts;
  return lstat(path, &facts) == 0;
}

static mode_t mode_of(const char *path) {
  struct stat facts;
  REQUIRE(stat(path, &facts) == 0);
  return facts.st_mode & 07777;
}

static Node *held; /* all objects of some_heap */

static gc_heap *some_heap(size_t objects) {
  gc_heap *heap = graph_heap("files");
  held = graph_chain(graph_declared(heap), objects, false);
  return heap;
}

static void end_heap(gc_heap *heap) {
  rc_xdecref(held);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static rc_status dump_to(gc_heap *heap, const char *path) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.path = path;
  alarm(20); /* whoever waits for a fifo is ended */
  errno = 0;
  rc_status status = gc_dump(heap, &options, NULL);
  alarm(0);
  return status;
}

#define CHECK_REFUSED(heap, path, why)             \
  do {                                             \
    CHECK_EQ(dump_to((heap), (path)), RC_ERR_IO);  \
    CHECK_EQ(errno, (why));                        \
    CHECK_STR(gc_error_message(heap), (path));     \
  } while (0)

/* ---- paths ---- */

static void files_are_private(void) {
  make_folder();
  gc_heap *heap = some_heap(10);
  umask(0);
  CHECK_EQ(dump_to(heap, in_folder("new")), RC_OK);
  CHECK_EQ(mode_of(in_folder("new")), 0600);
  const mode_t modes[] = {0666, 0644, 0640, 0606, 0700, 0600, 06755};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    char long_text[20000];
    memset(long_text, 'x', sizeof long_text), long_text[sizeof long_text - 1] = 0;
    put_text(in_folder("old"), long_text, modes[i]);
    CHECK_EQ(dump_to(heap, in_folder("old")), RC_OK);
    CHECK_EQ(mode_of(in_folder("old")), 0600);
    CHECK(is_dump(in_folder("old")));
    struct stat facts;
    CHECK(stat(in_folder("old"), &facts) == 0 && facts.st_size < 10000); /* it was emptied */
  }
  end_heap(heap);
  drop_folder();
}

static void links_are_not_followed(void) {
  make_folder();
  gc_heap *heap = some_heap(10);
  put_text(in_folder("target"), "precious", 0600);
  REQUIRE(symlink(in_folder("target"), in_folder("link")) == 0);
  REQUIRE(symlink(in_folder("none"), in_folder("dangling")) == 0);
  CHECK_REFUSED(heap, in_folder("link"), ELOOP);
  CHECK_STR(text_of(in_folder("target")), "precious");
  CHECK_REFUSED(heap, in_folder("dangling"), ELOOP);
  CHECK(!exists(in_folder("none")));
  end_heap(heap);
  drop_folder();
}

/* With and without a reader: who wants one gives a descriptor. */
static void fifos_and_the_like_are_refused(void) {
  make_folder();
  gc_heap *heap = some_heap(10);
  const char *fifo = in_folder("fifo");
  REQUIRE(mkfifo(fifo, 0600) == 0);
  CHECK_REFUSED(heap, fifo, ENXIO);
  int reader = open(fifo, O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  CHECK_REFUSED(heap, fifo, ENXIO);
  char byte;
  CHECK_EQ(read(reader, &byte, 1), 0); /* nothing was written */
  close(reader);
  CHECK_REFUSED(heap, folder, EISDIR);
  struct sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", in_folder("socket"));
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(server >= 0 && bind(server, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK_REFUSED(heap, in_folder("socket"), ENXIO);
  close(server);
  end_heap(heap);
  drop_folder();
}

static void devices_and_descriptors(void) {
  make_folder();
  gc_heap *heap = some_heap(10);
  mode_t before = mode_of("/dev/null");
  CHECK_EQ(dump_to(heap, "/dev/null"), RC_OK);
  CHECK_EQ(mode_of("/dev/null"), before);
  CHECK_REFUSED(heap, "/dev/full", ENOSPC);
  /* From where the descriptor stands, and nothing is emptied. */
  put_text(in_folder("log"), "before\n", 0644);
  int fd = open(in_folder("log"), O_WRONLY | O_APPEND);
  REQUIRE(fd >= 0);
  REQUIRE(flock(fd, LOCK_EX) == 0); /* the host's own mark is no obstacle, and stays */
  char path[32];
  snprintf(path, sizeof path, "/dev/fd/%d", fd);
  CHECK_EQ(dump_to(heap, path), RC_OK);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  CHECK_EQ(dump_to(heap, path), RC_OK);
  int other = open(in_folder("log"), O_WRONLY);
  CHECK(flock(other, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK);
  CHECK_EQ(mode_of(in_folder("log")), 0644);
  CHECK(memcmp(text_of(in_folder("log")), "before\n\x89rcgc", 12) == 0);
  close(other), close(fd);
  snprintf(path, sizeof path, "/dev/fd/%d", fd);
  CHECK_REFUSED(heap, path, EBADF);
  /* A pipe is a descriptor like any other. */
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
  CHECK_EQ(dump_to(heap, path), RC_OK);
  char bytes[8];
  CHECK(read(ends[0], bytes, 8) == 8 && memcmp(bytes, "\x89rcgc\r\n\x1a", 8) == 0);
  close(ends[0]), close(ends[1]);
  end_heap(heap);
  drop_folder();
}

static void files_of_others_are_refused(void) {
  if (geteuid() != 0) {
    printf("skipped: files of other users need root\n");
    return;
  }
  make_folder();
  gc_heap *heap = some_heap(10);
  put_text(in_folder("theirs"), "precious", 0666);
  REQUIRE(chown(in_folder("theirs"), 65534, 65534) == 0);
  CHECK_REFUSED(heap, in_folder("theirs"), EACCES);
  CHECK_STR(text_of(in_folder("theirs")), "precious");
  CHECK_EQ(mode_of(in_folder("theirs")), 0666);
  end_heap(heap);
  drop_folder();
}

/* ---- a file that is being written ---- */

static int gate[2]; /* the child that writes waits here, in a traverse */
static pid_t host;

static int waits_in_a_child(void *obj, rc_visit_fn visit, void *visit_ctx) {
  char byte;
  if (getpid() != host) {
    close(gate[1]);
    CHECK_EQ(read(gate[0], &byte, 1), 0);
  }
  return visit(((Node *)obj)->a, visit_ctx);
}

static void a_file_that_is_being_written(void) {
  make_folder();
  REQUIRE(pipe(gate) == 0);
  host = getpid();
  gc_heap *heap = graph_heap("slow");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Slow", spec.size = sizeof(Node), spec.traverse = waits_in_a_child, spec.clear = graph_clear;
  Node *node = graph_node(graph_type(heap, &spec), 1);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  options.path = in_folder("slow"), options.flags = GC_DUMP_FORK;
  REQUIRE(gc_dump(heap, &options, &result) == RC_OK);
  CHECK_REFUSED(heap, options.path, EAGAIN);
  close(gate[1]);
  int status = 0;
  CHECK(waitpid(result.child, &status, 0) == result.child);
  CHECK_EQ(status, 0);
  CHECK(is_dump(options.path));
  CHECK_EQ(dump_to(heap, options.path), RC_OK);
  CHECK_EQ(dump_to(heap, options.path), RC_OK); /* no mark is left */
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
  drop_folder();
}

/* ---- nobody reads, no room ---- */

static volatile sig_atomic_t handled;

static void handle(int signal) {
  (void)signal;
  handled++;
}

static void check_undisturbed(int signal, void (*expected)(int), const sigset_t *blocked) {
  struct sigaction now;
  CHECK(sigaction(signal, NULL, &now) == 0 && now.sa_handler == expected);
  sigset_t mask;
  CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0);
  for (int i = 1; i < 32; i++) CHECK_EQ(sigismember(&mask, i), sigismember(blocked, i));
}

static rc_status dump_to_fd(gc_heap *heap, int fd) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.fd = fd;
  errno = 0;
  return gc_dump(heap, &options, NULL);
}

static int closed_pipe(void) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  return ends[1];
}

static void a_pipe_that_nobody_reads(void) {
  gc_heap *heap = some_heap(20000);
  int fd = closed_pipe();
  sigset_t none, waiting;
  sigemptyset(&none);
  CHECK_EQ(dump_to_fd(heap, fd), RC_ERR_IO); /* SIGPIPE would end the process */
  CHECK_EQ(errno, EPIPE);
  check_undisturbed(SIGPIPE, SIG_DFL, &none);
  signal(SIGPIPE, handle);
  CHECK_EQ(dump_to_fd(heap, fd), RC_ERR_IO);
  CHECK_EQ(handled, 0);
  check_undisturbed(SIGPIPE, handle, &none);
  signal(SIGPIPE, SIG_IGN);
  CHECK_EQ(dump_to_fd(heap, fd), RC_ERR_IO);
  CHECK_EQ(errno, EPIPE);
  check_undisturbed(SIGPIPE, SIG_IGN, &none);
  signal(SIGPIPE, handle);
  CHECK(sigpending(&waiting) == 0 && !sigismember(&waiting, SIGPIPE));
  /* One that the host has waiting is the host's. */
  sigset_t blocked;
  sigemptyset(&blocked), sigaddset(&blocked, SIGPIPE);
  REQUIRE(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0);
  raise(SIGPIPE);
  CHECK_EQ(dump_to_fd(heap, fd), RC_ERR_IO);
  check_undisturbed(SIGPIPE, handle, &blocked);
  CHECK(sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE));
  CHECK_EQ(handled, 0);
  REQUIRE(sigprocmask(SIG_UNBLOCK, &blocked, NULL) == 0);
  CHECK_EQ(handled, 1);
  /* A socket, a text, a child. */
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  close(pair[0]);
  signal(SIGPIPE, SIG_DFL);
  CHECK_EQ(dump_to_fd(heap, pair[1]), RC_ERR_IO);
  CHECK_EQ(errno, EPIPE);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  gc_text_options text = GC_TEXT_OPTIONS_INIT;
  text.fd = fd;
  CHECK_EQ(gc_profile_write(heap, &text), RC_ERR_IO);
  CHECK_EQ(errno, EPIPE);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  options.fd = fd, options.flags = GC_DUMP_FORK;
  CHECK_EQ(gc_dump(heap, &options, &result), RC_OK);
  int status = 0;
  CHECK(waitpid(result.child, &status, 0) == result.child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  close(pair[1]), close(fd);
  end_heap(heap);
}

static void a_file_that_may_not_become_larger(void) {
  make_folder();
  gc_heap *heap = some_heap(20000);
  sigset_t none;
  sigemptyset(&none);
  struct rlimit limit = {10000, RLIM_INFINITY}, before;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  limit.rlim_max = before.rlim_max;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHECK_REFUSED(heap, in_folder("large"), EFBIG); /* SIGXFSZ would end the process */
  check_undisturbed(SIGXFSZ, SIG_DFL, &none);
  CHECK(is_dump(in_folder("large"))); /* as far as it came */
  check_log_start();
  CHECK_EQ(gc_profile_plan(heap, "dump=/dev/full"), RC_OK);
  char plan[200];
  snprintf(plan, sizeof plan, "dump=%s", in_folder("planned"));
  CHECK_EQ(gc_profile_plan(heap, plan), RC_OK);
  CHECK(gc_heap_free(heap) > 0); /* the dump has all of it */
  char said[64];
  snprintf(said, sizeof said, "was not written: errno %d", EFBIG);
  CHECK_STR(check_log.text, said);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  drop_folder();
}

/* A log to a standard error that nobody reads ends nothing; a fatal line is followed by abort, and nothing else. */
static void leaves_an_object(void *unused) {
  (void)unused;
  REQUIRE(dup2(closed_pipe(), 2) == 2);
  gc_set_log(NULL, NULL);
  CHECK_EQ(gc_heap_free(some_heap(1)), 1);
}

static void frees_twice(void *unused) {
  (void)unused;
  gc_set_fatal(NULL, NULL);
  REQUIRE(dup2(closed_pipe(), 2) == 2);
  gc_heap *heap = some_heap(0);
  gc_heap_free(heap);
  gc_heap_free(heap);
}

static void a_log_that_nobody_reads(void) {
  char message[CHECK_MESSAGE_BYTES];
  CHECK_EQ(check_in_child(leaves_an_object, NULL, message, sizeof message), 0);
  int status = check_in_child(frees_twice, NULL, message, sizeof message);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* ---- two heaps, one path ---- */

static gc_heap *planned_heap(const char *name, const char *format, const char *path) {
  char plan[400];
  snprintf(plan, sizeof plan, format, path, path);
  gc_heap *heap = graph_heap(name);
  rc_status status = gc_profile_plan(heap, plan);
  if (status != RC_OK) printf("%s: %s\n", plan, gc_error_message(heap));
  REQUIRE(status == RC_OK);
  return heap;
}

/* Whether the bytes of a name are in a dump. */
static bool has_name(const char *path, const char *name) {
  static char bytes[65536];
  int fd = open(path, O_RDONLY);
  if (fd < 0) return false;
  ssize_t len = read(fd, bytes, sizeof bytes);
  close(fd);
  return len > 0 && memmem(bytes, (size_t)len, name, strlen(name)) != NULL;
}

static void two_heaps_have_two_files(void) {
  make_folder();
  gc_heap *first = planned_heap("Hornbeam", "dump=%s", in_folder("one"));
  gc_heap *second = planned_heap("Rowan", "dump=%s", in_folder("one"));
  check_log_start();
  CHECK_EQ(gc_heap_free(first), 0);
  CHECK_EQ(check_log.used, 0);
  CHECK_EQ(gc_heap_free(second), 0);
  CHECK_STR(check_log.text, "heap Rowan: the dump goes to ");
  CHECK_STR(check_log.text, "/one.2");
  CHECK(has_name(in_folder("one"), "Hornbeam"));
  CHECK(has_name(in_folder("one.2"), "Rowan"));
  /* A text does not write over a dump. */
  gc_heap *both = planned_heap("Linden", "sites,dump=%s,report=%s", in_folder("both"));
  CHECK_EQ(gc_heap_free(both), 0);
  CHECK(has_name(in_folder("both"), "Linden") && is_dump(in_folder("both")));
  CHECK_STR(text_of(in_folder("both.2")), "Heap: Linden");
  drop_folder();
}

/* Heaps that follow one another have the same number. */
static void heaps_that_follow_one_another(void) {
  make_folder();
  check_log_start();
  CHECK_EQ(gc_heap_free(planned_heap("Elder", "dump=%s", in_folder("%h"))), 0);
  CHECK_EQ(gc_heap_free(planned_heap("Willow", "dump=%s", in_folder("%h"))), 0);
  CHECK(has_name(in_folder("1"), "Elder"));
  CHECK(has_name(in_folder("1.2"), "Willow"));
  drop_folder();
}

static void a_heap_writes_over_its_own(void) {
  make_folder();
  gc_heap *heap = graph_heap("Maple");
  CHECK_EQ(gc_dump_on_signal(heap, SIGUSR2, in_folder("own")), RC_OK);
  check_log_start();
  for (int i = 0; i < 3; i++) raise(SIGUSR2), gc_series_tick(heap);
  CHECK(is_dump(in_folder("own")));
  CHECK(!exists(in_folder("own.2")));
  CHECK_EQ(check_log.used, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
  drop_folder();
}

/* What is no file of its own needs no name of its own. */
static void devices_are_shared(void) {
  check_log_start();
  for (int i = 0; i < 3; i++) CHECK_EQ(gc_heap_free(planned_heap("Yew", "dump=%s", "/dev/null")), 0);
  int fd = open("/dev/null", O_WRONLY);
  char path[32];
  snprintf(path, sizeof path, "/dev/fd/%d", fd);
  for (int i = 0; i < 3; i++) CHECK_EQ(gc_heap_free(planned_heap("Yew", "dump=%s", path)), 0);
  CHECK_EQ(check_log.used, 0);
  close(fd);
}

/* Not without an end. */
static void too_many_beside_one(void) {
  make_folder();
  check_log_start();
  for (int i = 0; i < 101; i++) CHECK_EQ(gc_heap_free(planned_heap("Ash", "dump=%s", in_folder("full"))), 0);
  CHECK(exists(in_folder("full.99")) && !exists(in_folder("full.100")));
  CHECK_STR(check_log.text, "/full was not written: 99 others were written there");
  drop_folder();
}

static const check_test tests[] = {
    CHECK_TEST(files_are_private),
    CHECK_TEST(links_are_not_followed),
    CHECK_TEST(fifos_and_the_like_are_refused),
    CHECK_TEST(devices_and_descriptors),
    CHECK_TEST(files_of_others_are_refused),
    CHECK_TEST(a_file_that_is_being_written),
    CHECK_TEST(a_pipe_that_nobody_reads),
    CHECK_TEST(a_file_that_may_not_become_larger),
    CHECK_TEST(a_log_that_nobody_reads),
    CHECK_TEST(two_heaps_have_two_files),
    CHECK_TEST(heaps_that_follow_one_another),
    CHECK_TEST(a_heap_writes_over_its_own),
    CHECK_TEST(devices_are_shared),
    CHECK_TEST(too_many_beside_one),
};

CHECK_MAIN(tests)
