/* latency.c: the latency experiment that garbage collectors are known for: a ring buffer of messages of 1 KiB, each push of
 * which drops the oldest one; the longest push is what counts.
 *
 *     latency plain        messages that die as they are dropped
 *     latency rings        every message and a mark of its own refer to each other: only the collector ends them, in slices of
 *                          0.2 ms, one in 16 pushes, of a run that begins when 0.3 of what lives were pushed since the last
 *
 * Reported are the longest push, those that 99.99 % of all stay below, and in the second the peak of memory beside what
 * lives.
 */
#include "node.h"

enum { SLOTS = 200 * 1000, PUSHES = 1000 * 1000, MESSAGE_BYTES = 1024 };

typedef struct Message {
  struct Message *other;
  unsigned char text[MESSAGE_BYTES - sizeof(void *)];
} Message;

static Message *slots[SLOTS];

#ifdef BENCH_RCGC

static rc_type *message_type, *mark_type;

static rc_type *type_of(const char *name, size_t size) {
  static const rc_field fields[] = {RC_FIELD(Message, other)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type;
  spec.name = name, spec.size = size, spec.fields = fields, spec.field_count = 1;
  if (rc_type_new(bench_heap, &spec, &type) != RC_OK) bench_fail("%s", gc_error_message(bench_heap));
  return type;
}

static Message *message_new(bool rings) {
  Message *message = rc_new(message_type);
  if (message == NULL) bench_fail("no memory for a message");
  if (rings) {
    Message *mark = rc_new(mark_type);
    if (mark == NULL) bench_fail("no memory for a mark");
    message->other = mark;
    mark->other = rc_newref(message);
  }
  return message;
}

static void message_drop(Message *message) {
  rc_xdecref(message);
}

static void open_heap(bool rings) {
  bench_open();
  message_type = type_of("Message", sizeof(Message));
  mark_type = type_of("Mark", sizeof(void *));
  if (rings) gc_disable(bench_heap);
}

/* A slice, where a run is under way or due. */
static void collect(size_t number) {
  enum { GROWTH = SLOTS * 3 / 10, EACH = 16, SLICE_NS = 200000 };
  static size_t begun;
  static bool runs;
  runs = runs || number - begun >= GROWTH;
  if (!runs || number % EACH != 0) return;
  gc_step_result result = GC_STEP_RESULT_INIT;
  if (gc_step(bench_heap, SLICE_NS, &result) != RC_OK) bench_fail("%s", gc_error_message(bench_heap));
  if (result.done) runs = false, begun = number;
}

#else

static void collect(size_t number) {
  (void)number;
}

static Message *message_new(bool rings) {
  (void)rings;
  Message *message = block_new(sizeof *message);
  if (message == NULL) bench_fail("no memory for a message");
  return message;
}

static void message_drop(Message *message) {
  if (message != NULL) block_free(message);
}

static void open_heap(bool rings) {
  if (rings) bench_fail("only a collector ends rings");
  bench_open();
}

#endif

static void push(size_t number, bool rings) {
  Message *message = message_new(rings);
  memset(message->text, (int)number & 0xff, sizeof message->text);
  message_drop(slots[number % SLOTS]);
  slots[number % SLOTS] = message;
  if (rings) collect(number);
}

int main(int argc, char **argv) {
  const char *workload = argc > 1 ? argv[1] : "";
  bool rings = strcmp(workload, "rings") == 0;
  if (!rings && strcmp(workload, "plain") != 0) bench_fail("usage: latency plain|rings");
  bench_pin();
  uint64_t *pushes = bench_table(PUSHES, sizeof *pushes);
  memset(slots, 0, sizeof slots);
  open_heap(rings);
  double empty = bench_resident_bytes();
  bench_reset_peak();
  for (size_t i = 0; i < PUSHES; i++) {
    uint64_t start = bench_now_ns();
    push(i, rings);
    pushes[i] = bench_now_ns() - start;
  }
  for (size_t i = 0; i < SLOTS; i++) {
    size_t number = PUSHES - SLOTS + i;
    if (slots[number % SLOTS]->text[0] != (number & 0xff)) bench_fail("message %zu is wrong", number);
  }
  double peak = bench_peak_bytes();
  qsort(pushes, PUSHES, sizeof *pushes, bench_compare);
  bench_report("longest", (double)pushes[PUSHES - 1], "ns");
  bench_report("p9999", (double)pushes[PUSHES - PUSHES / 10000 - 1], "ns");
  bench_report("peak", 100 * (peak - empty) / ((double)SLOTS * MESSAGE_BYTES), "%");
  return 0;
}
