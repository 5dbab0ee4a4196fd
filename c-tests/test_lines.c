/* Line tables and profiles as text: increments that add up, in loops and through calls, and tables that show the
 * source. */
#include "check.h"
#include "graph.h"

enum { TEXT_BYTES = 32768 };

typedef struct Text {
  char bytes[TEXT_BYTES];
  size_t used, pieces, fail_at;
} Text;

static int take(const void *bytes, size_t len, void *ctx) {
  Text *text = ctx;
  text->pieces++;
  if (text->fail_at && text->pieces >= text->fail_at) return ENOSPC;
  if (text->used + len < TEXT_BYTES) {
    memcpy(text->bytes + text->used, bytes, len);
    text->used += len;
    text->bytes[text->used] = 0;
  }
  return 0;
}

static Text text;

static const char *written(gc_heap *heap, uint32_t parts, uint32_t decimals) {
  gc_text_options options = GC_TEXT_OPTIONS_INIT;
  memset(&text, 0, sizeof text);
  options.parts = parts, options.decimals = decimals, options.write = take, options.write_ctx = &text;
  CHECK_EQ(gc_profile_write(heap, &options), RC_OK);
  return text.bytes;
}

#if defined(__GNUC__) || defined(__TINYC__)

/* The numbers of a line in a table: "Line # | engine bytes | increment | allocated | freed | occurrences". */
typedef struct Numbers {
  long long most, increment, allocated, freed, occurrences;
  char contents[128];
} Numbers;

static Numbers line_of(const char *table, const char *function, unsigned line) {
  Numbers numbers;
  memset(&numbers, 0, sizeof numbers);
  char head[64];
  snprintf(head, sizeof head, "Function: %s\n", function);
  const char *at = strstr(table, head);
  REQUIRE(at != NULL);
  for (at = strchr(at, '\n'); at; at = strchr(at + 1, '\n')) {
    unsigned number = 0;
    int end = 0;
    if (sscanf(at + 1, "%u %lld %lld %lld %lld %lld   %n", &number, &numbers.most, &numbers.increment,
               &numbers.allocated, &numbers.freed, &numbers.occurrences, &end) >= 6 &&
        number == line) {
      snprintf(numbers.contents, sizeof numbers.contents, "%.*s", (int)strcspn(at + 1 + end, "\n"), at + 1 + end);
      return numbers;
    }
  }
  CHECK(!"the line is in the table");
  return numbers;
}

static unsigned helper_line;

static Node *helper(gc_heap *heap, rc_type *type) {
  GC_LINES(heap);
  Node *node = graph_chain(type, 10, false); GC_LINE(); helper_line = __LINE__;
  return node;
}

static unsigned loop_line, call_line, drop_line;

static void work(gc_heap *heap, rc_type *type) {
  GC_LINES(heap);
  Node *kept[4];
  for (size_t i = 0; i < 4; i++) {
    kept[i] = RC_NEW(type); GC_LINE(); loop_line = __LINE__;
  }
  Node *chain = helper(heap, type); GC_LINE(); call_line = __LINE__;
  for (size_t i = 0; i < 4; i++) rc_decref(kept[i]);
  rc_decref(chain); GC_LINE(); drop_line = __LINE__;
}

static void increments_add_up(void) {
  gc_heap *heap = graph_heap("lines");
  rc_type *type = graph_declared(heap);
  work(heap, type); /* not profiled: nothing is booked */
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  for (int round = 0; round < 3; round++) work(heap, type);
  const char *table = written(heap, GC_TEXT_LINES, 0);
  Numbers loop = line_of(table, "work", loop_line), call = line_of(table, "work", call_line);
  Numbers drop = line_of(table, "work", drop_line), inner = line_of(table, "helper", helper_line);
  CHECK(loop.increment == 3 * 4 * 32 && loop.occurrences == 12 && loop.most == 128);
  /* A call counts in whole, though the called function has marks of its own. */
  CHECK(call.increment == 3 * 320 && call.occurrences == 3 && call.most == 448);
  CHECK(inner.increment == 3 * 320 && inner.allocated == 3 * 320 && inner.freed == 0);
  CHECK(drop.increment == -3 * 448 && drop.freed == 3 * 448 && drop.allocated == 0);
  CHECK_STR(table, "Filename: ");
  CHECK_STR(table, "test_lines.c");
  if (access(__FILE__, R_OK) == 0) {
    CHECK_STR(call.contents, "Node *chain = helper(heap, type); GC_LINE();");
    CHECK_STR(table, "for (size_t i = 0; i < 4; i++) rc_decref(kept[i]);"); /* a line without a mark */
  }
  /* Only what grew. */
  table = written(heap, GC_TEXT_LINES | GC_TEXT_GROWN, 0);
  CHECK_EQ(line_of(table, "work", loop_line).increment, 384);
  CHECK(!strstr(table, "rc_decref(chain)"));
  table = written(heap, GC_TEXT_LINES, 3);
  CHECK_STR(table, "0.001 MiB");
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Two calls that take turns, as coroutines do: each has its own mark before. */
static void marks_of_two_functions_in_turns(void) {
  static rc_site sites[] = {{"turns.c", "one", 1, 0}, {"turns.c", "one", 2, 0}, {"turns.c", "two", 1, 0},
                            {"turns.c", "two", 2, 0}};
  gc_heap *heap = graph_heap("turns");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  gc_lines one = gc_lines_begin(heap, &sites[0]);
  Node *first = graph_chain(type, 10, false);
  gc_lines two = gc_lines_begin(heap, &sites[2]);
  Node *second = graph_chain(type, 5, false);
  gc_line(&one, &sites[1]); /* 15 since it began */
  Node *third = graph_chain(type, 1, false);
  gc_line(&two, &sites[3]); /* 6 since it began */
  const char *table = written(heap, GC_TEXT_LINES, 0);
  CHECK_EQ(line_of(table, "one", 2).increment, 15 * 32);
  CHECK_EQ(line_of(table, "two", 2).increment, 6 * 32);
  rc_decref(first), rc_decref(second), rc_decref(third);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A mark of a function that began under another profile, or none. */
static void marks_across_profiles(void) {
  gc_heap *heap = graph_heap("across");
  rc_type *type = graph_declared(heap);
  GC_LINES(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  Node *node = RC_NEW(type);
  GC_LINE();
  CHECK(!strstr(written(heap, GC_TEXT_LINES, 0), "marks_across_profiles"));
  {
    gc_lines lines = gc_lines_begin(heap, RCGC_SITE());
    gc_profile_stop(heap);
    gc_line(&lines, RCGC_SITE());
    CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
    gc_line(&lines, RCGC_SITE());
    CHECK_EQ(strlen(written(heap, GC_TEXT_LINES, 0)), 0);
  }
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

#else

static void increments_add_up(void) {
}

static void marks_of_two_functions_in_turns(void) {
}

static void marks_across_profiles(void) {
}

#endif

static void all_parts(void) {
  gc_heap *heap = graph_heap("parts");
  rc_type *type = graph_declared(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  rc_site sites[30];
  Node *nodes[30];
  for (unsigned i = 0; i < 30; i++) {
    rc_site site = {"parts.c", "make", i + 1, 0};
    sites[i] = site;
    nodes[i] = rc_new_at(type, &sites[i]);
  }
  rc_scope_mark mark = rc_scope_enter_named(heap, "loading");
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  const char *all = written(heap, 0, 0);
  CHECK_STR(all, "Heap: parts");
  CHECK_STR(all, "30 objects live (960), peak 960; 30 made (960), 0 ended (0)");
  CHECK_STR(all, "parts.c:1 (make)");
  CHECK_STR(all, "and 10 more sites");
  CHECK_STR(all, "loading");
  CHECK(!strstr(written(heap, GC_TEXT_SCOPES, 0), "parts.c"));
  for (size_t i = 0; i < 30; i++) rc_decref(nodes[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void sinks_and_their_failures(void) {
  gc_heap *heap = graph_heap("sinks");
  rc_type *type = graph_declared(heap);
  gc_text_options options = GC_TEXT_OPTIONS_INIT;
  CHECK_EQ(gc_profile_write(heap, &options), RC_ERR_REFUSED);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  Node *node = RC_NEW(type);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  options.fd = ends[1];
  CHECK_EQ(gc_profile_write(heap, &options), RC_OK);
  char bytes[512] = {0};
  CHECK(read(ends[0], bytes, sizeof bytes - 1) > 0);
  CHECK_STR(bytes, "Heap: sinks");
  close(ends[0]), close(ends[1]);
  CHECK_EQ(gc_profile_write(heap, &options), RC_ERR_IO);
  CHECK_EQ(errno, EBADF);
  memset(&text, 0, sizeof text);
  options.write = take, options.write_ctx = &text, text.fail_at = 1;
  CHECK_EQ(gc_profile_write(heap, &options), RC_ERR_IO);
  CHECK_EQ(errno, ENOSPC);
  CHECK_EQ(text.pieces, 1);
  CHECK_STR(gc_error_message(heap), "gc_profile_write");
  options.decimals = 7;
  CHECK_EQ(gc_profile_write(heap, &options), RC_ERR_INVALID);
  options.decimals = 0, options.parts = 1u << 20;
  CHECK_EQ(gc_profile_write(heap, &options), RC_ERR_INVALID);
  options.parts = 0, options.struct_size = 5;
  CHECK_EQ(gc_profile_write(heap, &options), RC_ERR_INVALID);
  rc_decref(node);
  (void)gc_collect(heap); /* the heap is as it was */
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(increments_add_up),
    CHECK_TEST(marks_of_two_functions_in_turns),
    CHECK_TEST(marks_across_profiles),
    CHECK_TEST(all_parts),
    CHECK_TEST(sinks_and_their_failures),
};

CHECK_MAIN(tests)
