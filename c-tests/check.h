/* check.h: the harness of the C tests. Include it first in a test file; it needs nothing but libc and rcgc.
 *
 * A test file is one program: static functions `void name(void)`, a table of them, and CHECK_MAIN(table).
 * Every test runs in a process of its own, made by fork: it begins with an untouched library, and a crash
 * fails one test instead of ending the run. The last line is "N passed, N failed"; the exit status is 0 if
 * none failed. An argument runs only the tests whose name contains it.
 *
 *   CHECK(condition)         a failed check is printed and fails its test, which goes on
 *   CHECK_EQ(got, expected)  the same for unsigned numbers (and what converts to them)
 *   CHECK_STR(text, word)    the text contains the word
 *   REQUIRE(condition)       a failed one ends the test: what follows would crash
 *   CHECK_FATAL(f, arg, ...) f(arg) ends in the fatal hook, with a message of all these words, and in abort
 *   check_log_start()        takes the lines of the library's log from now on, in check_log
 *
 * Environment: RCGC_TEST_SMALL=1 shrinks what is big (valgrind), RCGC_TEST_FULL=1 enlarges sweeps,
 * RCGC_TEST_SEED repeats a random test, RCGC_TEST_NO_FORK=1 runs the tests in this process, for a debugger,
 * RCGC_TEST_SHOW=1 prints the fatal messages that were provoked, RCGC_TEST_CHECKED=1 says that the library
 * is the checking level, whose collections run all the time.
 */
#ifndef RCGC_CHECK_H
#define RCGC_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rcgc.h>

#define CHECK_MESSAGE_BYTES 2048
#define CHECK_LOG_BYTES 65536

#if defined(__GNUC__) && !defined(__TINYC__)
#define CHECK_FN static __attribute__((unused))
#else
#define CHECK_FN static
#endif

typedef struct check_test {
  const char *name;
  void (*run)(void);
} check_test;

/* ---- checks ---- */

static unsigned check_failures; /* of the running test */

CHECK_FN bool check_that(bool holds, const char *file, int line, const char *text) {
  if (!holds) {
    check_failures++;
    printf("%s:%d: failed: %s\n", file, line, text);
  }
  return holds;
}

CHECK_FN bool check_equal(uint64_t got, uint64_t expected, const char *file, int line, const char *text) {
  if (got != expected) {
    check_failures++;
    printf("%s:%d: failed: %s is %" PRIu64 ", expected %" PRIu64 "\n", file, line, text, got, expected);
  }
  return got == expected;
}

CHECK_FN bool check_contains(const char *text, const char *word, const char *file, int line) {
  bool found = text && strstr(text, word);
  if (!found) {
    check_failures++;
    printf("%s:%d: failed: \"%s\" does not say \"%s\"\n", file, line, text ? text : "(null)", word);
  }
  return found;
}

CHECK_FN void check_give_up(void) {
  fflush(NULL);
  _exit(1);
}

#define CHECK(condition) check_that((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQ(got, expected) check_equal((uint64_t)(got), (uint64_t)(expected), __FILE__, __LINE__, #got)
#define CHECK_STR(text, word) check_contains((text), (word), __FILE__, __LINE__)
#define REQUIRE(condition) \
  (check_that((condition), __FILE__, __LINE__, #condition) ? (void)0 : check_give_up())

/* A null that compilers do not see, for parameters that must not be null. */
CHECK_FN void *check_null(void) {
  static void *volatile nothing;
  return nothing;
}

/* ---- sizes and seeds ---- */

CHECK_FN bool check_env(const char *name) {
  const char *value = getenv(name);
  return value && *value && strcmp(value, "0") != 0;
}

/* One of three sizes: under valgrind and the like, as a rule, and for the long run. */
CHECK_FN size_t check_scale(size_t small, size_t normal, size_t full) {
  if (check_env("RCGC_TEST_SMALL")) return small;
  return check_env("RCGC_TEST_FULL") ? full : normal;
}

/* The seed of a random test: printed, and taken back from RCGC_TEST_SEED. */
CHECK_FN uint64_t check_seed(const char *test) {
  const char *given = getenv("RCGC_TEST_SEED");
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_nsec * 1000003u + (uint64_t)getpid();
  printf("%s: RCGC_TEST_SEED=%" PRIu64 "\n", test, seed);
  fflush(stdout);
  return seed;
}

/* splitmix64: enough for tests, and the same everywhere. */
CHECK_FN uint64_t check_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

CHECK_FN size_t check_below(uint64_t *state, size_t limit) {
  return (size_t)(check_random(state) % limit);
}

/* ---- the log of the library ---- */

typedef struct check_log_book {
  char text[CHECK_LOG_BYTES]; /* all lines, each with a newline, as many as fit */
  size_t used;
  unsigned lines[4]; /* by level */
} check_log_book;

CHECK_FN check_log_book check_log;

CHECK_FN void check_log_line(uint32_t level, const char *message, void *ctx) {
  check_log_book *book = ctx;
  book->lines[level < 4 ? level : 0]++;
  int n = snprintf(book->text + book->used, sizeof book->text - book->used, "%s\n", message);
  if (n > 0 && book->used + (size_t)n < sizeof book->text) book->used += (size_t)n;
}

/* Forgets what was logged, and takes the log from now on. */
CHECK_FN void check_log_start(void) {
  memset(&check_log, 0, sizeof check_log);
  gc_set_log(check_log_line, &check_log);
}

/* ---- misuse: what ends in the fatal hook ---- */

CHECK_FN void check_fatal_line(const char *message, void *ctx) {
  int fd = *(int *)ctx;
  size_t left = strlen(message);
  while (left > 0) {
    ssize_t n = write(fd, message, left);
    if (n <= 0) break;
    message += n;
    left -= (size_t)n;
  }
}

/* Runs body(arg) in a child; returns its wait status, and what the fatal hook was told in `message`. */
CHECK_FN int check_in_child(void (*body)(void *), void *arg, char *message, size_t size) {
  int ends[2];
  fflush(NULL);
  REQUIRE(pipe(ends) == 0);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    close(ends[0]);
    check_failures = 0;
    gc_set_fatal(check_fatal_line, &ends[1]);
    body(arg);
    fflush(NULL);
    _exit(check_failures ? 1 : 0);
  }
  close(ends[1]);
  size_t used = 0;
  for (;;) {
    ssize_t n = read(ends[0], message + used, size - 1 - used);
    if (n <= 0) break;
    used += (size_t)n;
  }
  message[used] = 0;
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

CHECK_FN bool check_fatal(void (*body)(void *), void *arg, const char *const *words, size_t count,
                          const char *file, int line, const char *text) {
  char message[CHECK_MESSAGE_BYTES];
  int status = check_in_child(body, arg, message, sizeof message);
  bool ok = message[0] && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  if (!ok) {
    bool by_signal = WIFSIGNALED(status);
    printf("%s:%d: failed: %s: expected a fatal message and abort; message \"%s\", %s %d\n", file, line, text,
           message, by_signal ? "signal" : "exit status", by_signal ? WTERMSIG(status) : WEXITSTATUS(status));
  }
  for (size_t i = 0; i < count && ok; i++) {
    if (strstr(message, words[i])) continue;
    printf("%s:%d: failed: %s: \"%s\" does not say \"%s\"\n", file, line, text, message, words[i]);
    ok = false;
  }
  if (ok && strchr(message, '\n')) {
    printf("%s:%d: failed: %s: more than one line: \"%s\"\n", file, line, text, message);
    ok = false;
  }
  if (check_env("RCGC_TEST_SHOW")) printf("%s: %s\n", text, message);
  if (!ok) check_failures++;
  return ok;
}

#define CHECK_WORDS(...) ((const char *const[]){__VA_ARGS__})
#define CHECK_FATAL(body, arg, ...)                                                                          \
  check_fatal((body), (arg), CHECK_WORDS(__VA_ARGS__), sizeof CHECK_WORDS(__VA_ARGS__) / sizeof(char *),     \
              __FILE__, __LINE__, #body)

/* ---- the runner ---- */

CHECK_FN bool check_run_one(const check_test *test) {
  check_failures = 0;
  if (check_env("RCGC_TEST_NO_FORK")) {
    test->run();
    return check_failures == 0;
  }
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    test->run();
    check_log_start();
    (void)gc_heap_free(NULL); /* whatever a test left in the default heap can be ended */
    exit(check_failures ? 1 : 0); /* exit, not _exit: leak checkers report here */
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFSIGNALED(status)) printf("%s: ended by signal %d\n", test->name, WTERMSIG(status));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

CHECK_FN int check_run(const check_test *tests, size_t count, int argc, char **argv) {
  unsigned passed = 0, failed = 0;
  for (size_t i = 0; i < count; i++) {
    bool asked_for = argc < 2;
    for (int name = 1; name < argc; name++) asked_for = asked_for || strstr(tests[i].name, argv[name]);
    if (!asked_for) continue;
    bool ok = check_run_one(&tests[i]);
    printf("%s %s\n", ok ? "ok    " : "FAILED", tests[i].name);
    fflush(stdout);
    if (ok) passed++;
    else failed++;
  }
  printf("%u passed, %u failed\n", passed, failed);
  return failed || passed + failed == 0 ? 1 : 0;
}

#define CHECK_TEST(function) \
  { #function, function }

#define CHECK_MAIN(tests)                                                  \
  int main(int argc, char **argv) {                                        \
    return check_run(tests, sizeof tests / sizeof *tests, argc, argv);     \
  }

#endif /* RCGC_CHECK_H */
