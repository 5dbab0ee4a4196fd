/* The misuse catalogue: every function that takes a pointer of the host's with each kind of wrong one, and every other
 * argument that can be wrong. Misuse that can corrupt memory ends in the fatal hook with one line that names function,
 * type, address or cause; nothing is silently ignored.
 *
 * | file | what is wrong |
 * |---|---|
 * | test_misuse_objects.c | objects |
 * | test_misuse_heaps.c | heaps and types |
 * | test_misuse_handles.c | weak handles and maps, stacks and marks of scopes, growth marks, watches, sessions |
 * | test_misuse_arguments.c | other arguments of the calls that count and collect |
 * | test_misuse_tools.c | other arguments of the calls that look into heaps |
 * | test_misuse_callbacks.c | callbacks that break their rules |
 *
 * They are built with the exported count functions, which check what the inline ones cannot (those are in test_count.c).
 * `RCGC_TEST_SHOW=1 test_misuse_objects table_of` prints what each function gives for each kind of argument;
 * scripts/misuse-table makes docs/misuse.md of what all of them print. */
#ifndef RCGC_TEST_MISUSE_H
#define RCGC_TEST_MISUSE_H

#ifndef RCGC_NO_INLINE
#define RCGC_NO_INLINE 1
#endif
#include "check.h"
#include "graph.h"

#include <sys/mman.h>

/* ---- the table: every function, with every kind of wrong argument ---- */

/* What one function gives for null: ends in the fatal hook, or returns with nothing to tell. */
#define IS_FATAL NULL
#define IS_LEGAL ""

typedef struct victim {
  const char *label; /* function(argument) */
  void (*call)(void *arg);
  const char *null_gives; /* IS_FATAL, or what the call said with `give`; "" when it says nothing */
} victim;

typedef struct wrong {
  const char *kind, *word; /* what it is, and what the message says of it */
  void *address;
} wrong;

#define DEFINE_CALL(id, label, null_gives, ...)                                                              \
  static void with_##id(void *arg) {                                                                         \
    __VA_ARGS__;                                                                                             \
  }
#define VICTIM(id, label, null_gives, ...) {label, with_##id, null_gives},

enum { GAVE_BYTES = 64 };

/* What a call in a child process returned; memory that both see. */
static char *gave;

CHECK_FN void give(const char *text) {
  snprintf(gave, GAVE_BYTES, "%s", text);
}

CHECK_FN void give_status(rc_status status) {
  give(rc_status_name(status));
}

CHECK_FN void give_pointer(const void *address) {
  give(address ? "an address" : "null");
}

/* Addresses differ from run to run: the table has 0x... for them. */
CHECK_FN void hide_addresses(char *text) {
  char *to = text;
  for (const char *from = text; *from;) {
    if (strncmp(from, "0x", 2) != 0) {
      *to++ = *from++;
      continue;
    }
    from += 2 + strspn(from + 2, "0123456789abcdef");
    memcpy(to, "0x#", 3);
    to += 3;
  }
  *to = 0;
}

/* Functions that stand on others, whose names their messages may have. */
static const char *const stands_on[][2] = {
    {"rc_xincref", "rc_incref"},   {"rc_xdecref", "rc_decref"},    {"rc_newref", "rc_incref"},
    {"rc_setref", "rc_decref"},    {"rc_setref", "rc_xdecref"},    {"rc_clear", "rc_decref"},
    {"rc_clear", "rc_xdecref"},    {"rc_clear", "rc_setref"},      {"rc_is_unique", "rc_count"},
    {"rc_is_immortal", "rc_count"},
    {"rc_scope_enter_named", "rc_scope_enter"},
    {"rc_new_array_at", "rc_new_at"},
    {"gc_lines_begin", "gc_line"},
    {"gc_profile_start", "gc_frames_fn"},
};

CHECK_FN bool begins_with(const char *message, const char *name, size_t length) {
  return strncmp(message, name, length) == 0 && message[length] == ':';
}

CHECK_FN bool names_function(const char *message, const char *label) {
  size_t length = strcspn(label, "(");
  if (begins_with(message, label, length)) return true;
  for (size_t i = 0; i < RC_COUNT_OF(stands_on); i++) {
    const char *name = stands_on[i][0], *other = stands_on[i][1];
    if (strlen(name) == length && strncmp(name, label, length) == 0 &&
        begins_with(message, other, strlen(other)))
      return true;
  }
  return false;
}

/* Calls in a child. Either `word`: the fatal hook is told one line that begins with the function and says the
 * word; or `gives`: the call returns and gives that. */
CHECK_FN void expect(const victim *function, const char *kind, void *arg, const char *word, const char *gives) {
  char message[CHECK_MESSAGE_BYTES];
  *gave = 0;
  int status = check_in_child(function->call, arg, message, sizeof message);
  bool fatal = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && message[0];
  bool as_expected;
  if (word) {
    as_expected = fatal && names_function(message, function->label) && strstr(message, word) &&
                  !strchr(message, '\n');
  } else {
    bool returned = WIFEXITED(status) && WEXITSTATUS(status) == 0 && !message[0];
    as_expected = returned && gives && strcmp(gave, gives) == 0;
  }
  hide_addresses(message);
  if (!CHECK(as_expected))
    printf("  %s, %s: %s \"%s\", wait status %#x\n", function->label, kind, gave, message, (unsigned)status);
  if (check_env("RCGC_TEST_SHOW"))
    printf("| %s | %s | %s%s |\n", function->label, kind, fatal ? "fatal: " : "",
           fatal ? message : *gave ? gave : "nothing");
}

CHECK_FN void begin_table(const char *what) {
  gave = mmap(NULL, GAVE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(gave != MAP_FAILED);
  if (check_env("RCGC_TEST_SHOW")) printf("| # | %s | |\n", what);
}

CHECK_FN void end_table(void) {
  munmap(gave, GAVE_BYTES);
}

CHECK_FN void expect_all(const victim *functions, size_t count, const wrong *all, size_t wrongs,
                       const char *null_word) {
  for (size_t i = 0; i < count; i++) {
    const char *gives = functions[i].null_gives;
    expect(&functions[i], "null", NULL, gives ? NULL : null_word, gives);
    for (size_t j = 0; j < wrongs; j++)
      expect(&functions[i], all[j].kind, all[j].address, all[j].word, NULL);
  }
}

#define EXPECT_ALL(what, functions, all, null_word)                                                          \
  begin_table(what);                                                                                         \
  expect_all(functions, RC_COUNT_OF(functions), all, RC_COUNT_OF(all), null_word);                           \
  end_table()

CHECK_FN void no_callback(gc_heap *heap, const gc_event *event, void *ctx) {
  (void)heap, (void)event, (void)ctx;
}

CHECK_FN int heap_dump_write(const void *bytes, size_t len, void *ctx) {
  (void)bytes, (void)len, (void)ctx;
  return 0;
}

CHECK_FN void no_run(gc_heap *heap, void *ctx) {
  (void)heap, (void)ctx;
}

typedef struct other_wrong {
  victim function;
  const char *kind, *word, *gives;
  void *arg;
} other_wrong;

CHECK_FN void expect_others(const char *what, const other_wrong *all, size_t count) {
  begin_table(what);
  for (size_t i = 0; i < count; i++)
    expect(&all[i].function, all[i].kind, all[i].arg, all[i].word, all[i].gives);
  end_table();
}

#endif /* RCGC_TEST_MISUSE_H */
