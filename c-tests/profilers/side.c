/* side.c: rcgc's side of the comparison with tracemalloc and memory_profiler: does what load.py does and prints what
 * it knows, a number or a name in each line. `side COMMAND LOAD DROP GROW THROUGH` is given the lines of load.py. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <rcgc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct Node {
  struct Node *left, *right;
  uint64_t value;
} Node;

enum { LOAD, DROP, GROW, THROUGH, PLACES, KEPT = 1000, AT_ONCE = 500, MORE = 300 };

static rc_site places[PLACES] = {{"load.py", "load", 0, 0}, {"load.py", "load", 0, 0}, {"load.py", "grow", 0, 0},
                                 {"load.py", "through", 0, 0}};
static gc_heap *heap;
static rc_type *type;
static Node *kept[KEPT + MORE];
static bool through; /* load is called by through */

static void fail(const char *what) {
  fprintf(stderr, "side: %s: %s\n", what, gc_error_message(heap));
  exit(1);
}

static void must(rc_status status, const char *what) {
  if (status != RC_OK) fail(what);
}

static Node *make(int place) {
  Node *node = rc_new_at(type, &places[place]);
  if (!node) fail("rc_new_at");
  return node;
}

static void load(void) {
  static Node *dropped[AT_ONCE];
  for (int i = 0; i < KEPT; i++) kept[i] = make(LOAD);
  for (int i = 0; i < AT_ONCE; i++) dropped[i] = make(DROP);
  for (int i = 0; i < AT_ONCE; i++) rc_clear(&dropped[i]);
}

static void grow(void) {
  for (int i = 0; i < MORE; i++) kept[KEPT + i] = make(GROW);
}

static void drop_all(void) {
  for (int i = 0; i < KEPT + MORE; i++) rc_clear(&kept[i]);
}

static gc_profile_stats totals(void) {
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  must(gc_profile_get(heap, &stats), "gc_profile_get");
  return stats;
}

static gc_site_stats rows[16], later[16];

static size_t ask(gc_site_stats *out, uint32_t group, const char *file, const char *exclude) {
  gc_site_query query = GC_SITE_QUERY_INIT;
  query.group = group, query.file = file, query.exclude_file = exclude;
  out[0].struct_size = sizeof out[0];
  size_t count = gc_profile_sites(heap, &query, out, 16);
  return count < 16 ? count : 16;
}

/* "row FILE LINE COUNT BYTES" of all that lives. */
static void print_rows(uint32_t group, const char *file, const char *exclude) {
  size_t count = ask(rows, group, file, exclude);
  for (size_t i = 0; i < count; i++)
    if (rows[i].live_objects)
      printf("row %s %u %llu %llu %lld\n", rows[i].file ? rows[i].file : "-", rows[i].line,
             (unsigned long long)rows[i].live_objects, (unsigned long long)rows[i].live_bytes,
             (long long)rows[i].external_bytes);
}

static void start(uint32_t flags) {
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = flags;
  must(gc_profile_start(heap, &options), "gc_profile_start");
}

/* ---- tracemalloc ---- */

static void by_line(void) {
  start(GC_PROFILE_SITES);
  load();
  print_rows(GC_GROUP_SITE, NULL, NULL);
}

static void by_file(void) {
  start(GC_PROFILE_SITES);
  load(), grow();
  print_rows(GC_GROUP_FILE, NULL, NULL);
}

static void filtered(void) {
  static rc_site other = {"other.py", "other", 1, 0};
  start(GC_PROFILE_SITES);
  load();
  Node *node = rc_new_at(type, &other);
  print_rows(GC_GROUP_SITE, "load*", NULL);
  puts("excluded");
  print_rows(GC_GROUP_SITE, NULL, "load*");
  rc_decref(node);
}

static void compared(void) {
  gc_site_diff diff[16];
  diff[0].struct_size = sizeof diff[0];
  start(GC_PROFILE_SITES);
  load();
  size_t before = ask(rows, GC_GROUP_SITE, NULL, NULL);
  grow();
  for (int i = 0; i < 100; i++) rc_clear(&kept[i]);
  size_t after = ask(later, GC_GROUP_SITE, NULL, NULL);
  size_t count = gc_profile_compare(rows, before, later, after, diff, 16);
  for (size_t i = 0; i < count && i < 16; i++)
    printf("diff %u %lld %lld\n", diff[i].line, (long long)diff[i].live_objects_change, (long long)diff[i].live_bytes_change);
}

/* Current and peak in units of a node, then the peak after a reset, and what is left after a clear. */
static void current_and_peak(void) {
  start(GC_PROFILE_SITES);
  Node *node = make(LOAD);
  double unit = (double)totals().live_bytes;
  rc_decref(node);
  load();
  printf("current %g\npeak %g\n", (double)totals().live_bytes / unit, (double)totals().peak_bytes / unit);
  gc_profile_reset_peak(heap);
  printf("reset %g\n", (double)totals().peak_bytes / unit);
  must(gc_profile_clear(heap), "gc_profile_clear");
  print_rows(GC_GROUP_SITE, "load.py", NULL);
  printf("own %llu\n", (unsigned long long)totals().own_bytes);
}

static void origin(void) {
  start(GC_PROFILE_SITES);
  load(), grow();
  gc_origin of = GC_ORIGIN_INIT;
  must(gc_object_site(kept[KEPT - 1], &of), "gc_object_site");
  printf("line %u\n", of.line);
  must(gc_object_site(kept[KEPT], &of), "gc_object_site");
  printf("line %u\n", of.line);
}

static size_t frames_of_load(const rc_site **out_frames, size_t room, void *ctx) {
  (void)ctx, (void)room;
  out_frames[0] = &places[LOAD], out_frames[1] = &places[THROUGH];
  return through ? 2 : 1;
}

/* Stacks of an interpreter: "stack COUNT LINE LINE ...", and by frame "frame LINE COUNT". */
static void by_stack(void) {
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_STACKS, options.sample_bytes = 1, options.stacks = GC_STACKS_NONE;
  options.frames = frames_of_load, options.depth = 25;
  must(gc_profile_start(heap, &options), "gc_profile_start");
  for (int round = 0; round < 2; round++) {
    through = round;
    for (int i = 0; i < (through ? KEPT : MORE); i++) kept[(through ? 0 : KEPT) + i] = rc_new(type);
  }
  static gc_stack_stats stacks[16];
  static gc_frame frames[128];
  stacks[0].struct_size = sizeof stacks[0], frames[0].struct_size = sizeof frames[0];
  size_t count = gc_profile_stacks(heap, stacks, 16);
  for (size_t i = 0; i < count && i < 16; i++) {
    size_t depth = gc_stack_frames(heap, stacks[i].stack, frames, 128);
    printf("stack %llu", (unsigned long long)stacks[i].live_objects);
    for (size_t j = 0; j < depth; j++) printf(" %u", frames[j].line);
    puts("");
  }
}

static void outside(void) {
  start(GC_PROFILE_SITES);
  kept[0] = make(LOAD);
  must(rc_add_external_bytes(kept[0], 123456), "rc_add_external_bytes");
  print_rows(GC_GROUP_SITE, NULL, NULL);
}

static void on_and_off(void) {
  printf("on %d\n", gc_profile_flags(heap) != 0);
  if (!gc_profile_flags(heap)) start(GC_PROFILE_SITES);
  printf("on %d\n", gc_profile_flags(heap) != 0);
  load();
  gc_profile_stop(heap);
  printf("on %d\n", gc_profile_flags(heap) != 0);
}

/* ---- memory_profiler ---- */

static int put(const void *bytes, size_t len, void *ctx) {
  return fwrite(bytes, 1, len, ctx) == len ? 0 : EOF;
}

static rc_type *blob;

static void *make_blob(void) {
  void *made = rc_new(blob);
  if (!made) fail("rc_new");
  return made;
}

/* As work() of parity.py, line by line. */
static void work(void) {
  void *some[4] = {0};
  GC_LINES(heap);
  void *first = make_blob(); GC_LINE(); /* FIRST */
  for (int i = 0; i < 4; i++) {
    some[i] = make_blob(); GC_LINE(); /* LOOP */
  }
  rc_decref(first); GC_LINE(); /* LESS */
  for (int i = 0; i < 4; i++) {
    rc_decref(some[i]); GC_LINE(); /* DROP */
  }
}

static void line_table(uint32_t parts) {
  gc_text_options options = GC_TEXT_OPTIONS_INIT;
  options.parts = GC_TEXT_LINES | parts, options.decimals = 3, options.write = put, options.write_ctx = stdout;
  start(GC_PROFILE_SITES);
  work();
  must(gc_profile_write(heap, &options), "gc_profile_write");
}

static void lines(void) {
  line_table(0);
}

static void grown_lines(void) {
  line_table(GC_TEXT_GROWN);
}

static void run_work(gc_heap *of, void *ctx) {
  (void)of, (void)ctx;
  work();
}

static void measured(void) {
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  must(gc_measure(heap, run_work, NULL, &stats), "gc_measure");
  printf("peak %llu\nnet %lld\n", (unsigned long long)stats.peak_bytes, (long long)stats.net_bytes);
}

static void sleep_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* Half a second of samples, every 50 ms; a named scope of 200 ms in it. */
static void over_time(void) {
  static gc_sample samples[64];
  static gc_series_event events[16];
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.flags = GC_SERIES_THREAD, options.interval_ns = 50000000;
  must(gc_series_start(heap, &options), "gc_series_start");
  rc_scope_mark mark = rc_scope_enter_named(heap, "block");
  sleep_ms(200);
  must(rc_scope_leave(heap, mark), "rc_scope_leave");
  sleep_ms(300);
  size_t count = 0;
  samples[0].struct_size = sizeof samples[0], events[0].struct_size = sizeof events[0];
  (void)gc_series_samples(heap, 0, samples, 64, &count);
  printf("samples %zu\n", count);
  (void)gc_series_events(heap, 0, events, 16, &count);
  if (count == 2) printf("block %g\n", (double)(events[1].time_ns - events[0].time_ns) / 1e9);
}

/* What the kernel says of this process, and time for others to ask it. */
static void process(void) {
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.flags = GC_SERIES_PRIVATE;
  must(gc_series_start(heap, &options), "gc_series_start");
  volatile char *memory = malloc(64 << 20);
  if (!memory) fail("malloc");
  for (size_t i = 0; i < 64 << 20; i += 4096) memory[i] = 1;
  gc_series_tick(heap);
  static gc_sample samples[4];
  size_t count = 0;
  samples[0].struct_size = sizeof samples[0];
  (void)gc_series_samples(heap, 1, samples, 4, &count);
  printf("rss %llu\npss %llu\nuss %llu\n", (unsigned long long)samples[0].resident_bytes,
         (unsigned long long)samples[0].share_bytes, (unsigned long long)samples[0].private_bytes);
  fflush(stdout);
  if (fgetc(stdin) == EOF) free((void *)memory);
  exit(0);
}

static void trapped(void) {
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t watch;
  spec.metric = GC_WATCH_LIVE_BYTES, spec.limit = 16 << 20, spec.action = GC_WATCH_TRAP;
  must(gc_watch(heap, &spec, &watch), "gc_watch");
  puts("before"), fflush(stdout);
  work();
  for (int i = 0; i < 4; i++) gc_series_tick(heap);
  void *more[4];
  for (int i = 0; i < 4; i++) more[i] = make_blob(), gc_series_tick(heap);
  puts("after");
  for (int i = 0; i < 4; i++) rc_decref(more[i]);
}

typedef struct Command {
  const char *name;
  void (*run)(void);
} Command;

static const Command commands[] = {
    {"by_line", by_line},     {"by_file", by_file},   {"filtered", filtered},       {"compared", compared},
    {"current_and_peak", current_and_peak},           {"origin", origin},           {"by_stack", by_stack},
    {"outside", outside},     {"on_and_off", on_and_off}, {"lines", lines},         {"grown_lines", grown_lines},
    {"measured", measured},   {"over_time", over_time}, {"process", process},       {"trapped", trapped},
};

int main(int argc, char **argv) {
  static const rc_field fields[] = {RC_FIELD(Node, left), RC_FIELD(Node, right)};
  if (argc < 2) return 2;
  for (int i = 0; i < PLACES && i + 2 < argc; i++) places[i].line = (uint32_t)strtoul(argv[i + 2], NULL, 10);
  must(gc_heap_new(NULL, &heap), "gc_heap_new");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Node", spec.size = sizeof(Node), spec.fields = fields, spec.field_count = 2;
  must(rc_type_new(heap, &spec, &type), "rc_type_new");
  rc_type_spec large = RC_TYPE_SPEC_INIT;
  large.name = "Blob", large.size = (size_t)8 << 20;
  must(rc_type_new(heap, &large, &blob), "rc_type_new");
  for (size_t i = 0; i < RC_COUNT_OF(commands); i++) {
    if (strcmp(argv[1], commands[i].name) != 0) continue;
    commands[i].run();
    drop_all();
    return gc_heap_free(heap) != 0;
  }
  fprintf(stderr, "side: no command is called %s\n", argv[1]);
  return 2;
}
