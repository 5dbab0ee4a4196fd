/* What a dump has of the profile, the series and the followed references is what their functions give. */
#include "check.h"
#include "graph.h"
#include "dump_reader.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

typedef struct sink {
  dump_bytes bytes;
  gc_heap *heap; /* looked at while the dump is written; null: not */
} sink;

static int sink_write(const void *bytes, size_t len, void *ctx) {
  sink *to = ctx;
  dump_append(&to->bytes, bytes, len);
  if (to->heap) {
    gc_sample rows[4] = {{0}};
  rows[0].struct_size = sizeof *rows;
    size_t written = 0;
    CHECK(gc_series_samples(to->heap, 0, rows, 4, &written) > 0 && written > 0);
  }
  return 0;
}

static dump_file *dump_of(gc_heap *heap, sink *to, uint32_t flags) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = sink_write, options.write_ctx = to, options.flags = flags;
  REQUIRE(gc_dump(heap, &options, NULL) == RC_OK);
  dump_file *file = dump_read(to->bytes.at, to->bytes.len);
  CHECK(file->whole && !file->cut);
  return file;
}

static void dump_end(dump_file *file, sink *to) {
  dump_free(file);
  free(to->bytes.at);
  memset(to, 0, sizeof *to);
}

static dump_cursor sequence(dump_file *file, const char *tag) {
  size_t which = 0;
  while (strcmp(dump_tags[which], tag)) which++;
  dump_bytes *bytes = &file->sequences[which];
  dump_cursor cursor = {bytes->at, bytes->at + bytes->len, false};
  return cursor;
}

static bool is_empty(dump_file *file, const char *tag) {
  dump_cursor cursor = sequence(file, tag);
  return cursor.at == cursor.end;
}

static bool name_fits(dump_file *file, uint64_t name, const char *text) {
  return text ? dump_name_is(file, name, text) : name == 0;
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int64_t unzigzag(uint64_t value) {
  return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* ---- the profile ---- */

static Node *plain(rc_type *type) {
  Node *node = rc_new(type);
  REQUIRE(node);
  return node;
}

static Node *at_a_place(rc_type *type) {
  Node *node = RC_NEW(type);
  REQUIRE(node);
  return node;
}

/* Objects of three sites and before the profile, rings for the collector, scopes left. */
static gc_heap *profiled_heap(rc_type **out_type) {
  gc_heap *heap = graph_heap("profiled");
  rc_type *type = graph_declared(heap);
  *out_type = type;
  plain(type);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  for (int i = 0; i < 40; i++) {
    rc_scope_mark mark = rc_scope_enter_named(heap, i % 2 ? "odd" : "even");
    Node *ring = at_a_place(type);
    rc_setref(&ring->a, rc_newref(ring));
    rc_decref(ring);
    if (i % 4 == 0) plain(type);
    rc_scope_leave(heap, mark);
  }
  Node *heavy = at_a_place(type);
  CHECK_EQ(rc_add_external_bytes(heavy, 12345), RC_OK);
  rc_decref(at_a_place(type));
  gc_collect(heap);
  return heap;
}

static void check_site(dump_file *file, const gc_site_stats *row, dump_cursor *cursor) {
  uint64_t pairs[16] = {0};
  CHECK_EQ(dump_number(cursor), row->site);
  CHECK(name_fits(file, dump_number(cursor), row->file));
  CHECK(name_fits(file, dump_number(cursor), row->function));
  CHECK_EQ(dump_number(cursor), row->line);
  uint64_t type = dump_number(cursor);
  CHECK_EQ(type != 0, row->type_name != NULL);
  if (type) CHECK(dump_name_is(file, dump_type_by_number(file, type - 1)->name, row->type_name));
  dump_pairs(cursor, pairs, 16);
  CHECK_EQ(pairs[1], row->allocated_objects);
  CHECK_EQ(pairs[2], row->allocated_bytes);
  CHECK_EQ(pairs[3], row->freed_objects);
  CHECK_EQ(pairs[4], row->freed_bytes);
  CHECK_EQ(pairs[5], row->reclaimed_objects);
  CHECK_EQ(pairs[6], row->peak_objects);
  CHECK_EQ(pairs[7], row->peak_bytes);
  CHECK_EQ(unzigzag(pairs[8]), row->external_bytes);
  uint64_t ages = dump_number(cursor);
  REQUIRE(ages <= GC_AGE_BUCKETS);
  for (uint64_t i = 0; i < GC_AGE_BUCKETS; i++) CHECK_EQ(i < ages ? dump_number(cursor) : 0, row->ages[i]);
}

static int by_site(const void *left, const void *right) {
  const gc_site_stats *a = left, *b = right;
  return a->site < b->site ? -1 : a->site > b->site;
}

static void sites_and_totals(void) {
  rc_type *type;
  gc_heap *heap = profiled_heap(&type);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0);
  gc_site_stats rows[16] = {{0}};
  rows[0].struct_size = sizeof *rows;
  size_t count = gc_profile_sites(heap, NULL, rows, 16);
  CHECK_EQ(count, 3);
  qsort(rows, count, sizeof *rows, by_site);
  dump_cursor cursor = sequence(file, "SITE");
  for (size_t i = 0; i < count; i++) check_site(file, &rows[i], &cursor);
  CHECK(!cursor.over && cursor.at == cursor.end);
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
  uint64_t pairs[16] = {0};
  cursor = sequence(file, "PROF");
  dump_pairs(&cursor, pairs, 16);
  CHECK_EQ(pairs[2], stats.live_objects);
  CHECK_EQ(pairs[3], stats.live_bytes);
  CHECK_EQ(pairs[4], stats.peak_bytes);
  CHECK_EQ(pairs[5], stats.allocated_objects);
  CHECK_EQ(pairs[6], stats.allocated_bytes);
  CHECK_EQ(pairs[7], stats.freed_objects);
  CHECK_EQ(pairs[8], stats.freed_bytes);
  CHECK(!cursor.over && cursor.at == cursor.end);
  dump_end(file, &to);
  gc_heap_free(heap);
}

static void origins_of_objects(void) {
  rc_type *type;
  gc_heap *heap = profiled_heap(&type);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0);
  dump_cursor cursor = sequence(file, "BRTH");
  uint64_t step = dump_number(&cursor), times[1024] = {0}, count = dump_number(&cursor);
  REQUIRE(step > 0 && count > 0 && count <= 1024);
  for (uint64_t i = 0; i < count; i++) times[i] = dump_number(&cursor) + (i ? times[i - 1] : 0);
  CHECK(!cursor.over && cursor.at == cursor.end);
  size_t before = 0;
  for (size_t i = 0; i < file->object_count; i++) {
    gc_origin origin = GC_ORIGIN_INIT;
    dump_object *object = &file->objects[i];
    CHECK_EQ(gc_object_site((void *)(uintptr_t)object->address, &origin), RC_OK);
    CHECK_EQ(object->site, origin.site);
    CHECK_EQ(object->serial, origin.serial);
    before += origin.serial == 0;
    uint64_t at = object->serial / step < count ? object->serial / step : count - 1;
    if (origin.serial != 0) CHECK_EQ(times[at], origin.birth_ns);
  }
  CHECK_EQ(before, 1);
  dump_end(file, &to);
  gc_heap_free(heap);
}

static void scopes_that_were_left(void) {
  rc_type *type;
  gc_heap *heap = profiled_heap(&type);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0);
  gc_scope_stats rows[4] = {{0}};
  rows[0].struct_size = sizeof *rows;
  size_t count = gc_profile_scopes(heap, rows, 4);
  CHECK_EQ(count, 2);
  dump_cursor cursor = sequence(file, "SCOP");
  for (size_t i = 0; i < count; i++) {
    uint64_t pairs[16] = {0}, name = dump_number(&cursor);
    const gc_scope_stats *row = &rows[dump_name_is(file, name, rows[0].name) ? 0 : 1];
    CHECK(dump_name_is(file, name, row->name));
    dump_pairs(&cursor, pairs, 16);
    CHECK_EQ(pairs[1], row->entered);
    CHECK_EQ(pairs[2], row->allocated_objects);
    CHECK_EQ(pairs[3], row->allocated_bytes);
    CHECK_EQ(pairs[4], row->freed_objects);
    CHECK_EQ(pairs[5], row->freed_bytes);
    CHECK_EQ(pairs[6], row->survivor_objects);
    CHECK_EQ(pairs[7], row->survivor_bytes);
    CHECK_EQ(pairs[8], row->peak_bytes);
    CHECK_EQ(pairs[9], row->duration_ns);
  }
  CHECK(!cursor.over && cursor.at == cursor.end);
  dump_end(file, &to);
  gc_heap_free(heap);
}

static void more_sites_than_a_chunk_takes(void) {
  gc_heap *heap = graph_heap("sites");
  rc_type *type = graph_declared(heap);
  static char names[3000][16];
  static rc_site sites[3000];
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  for (uint32_t i = 0; i < 3000; i++) {
    snprintf(names[i], sizeof names[i], "function%u", i);
    sites[i].file = "many.c", sites[i].function = names[i], sites[i].line = i + 1;
    REQUIRE(rc_new_at(type, &sites[i]));
  }
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0);
  dump_cursor cursor = sequence(file, "SITE");
  for (uint32_t found = 0; found < 3000; found++) {
    uint64_t pairs[16] = {0}, name, line;
    dump_number(&cursor), dump_number(&cursor);
    name = dump_number(&cursor), line = dump_number(&cursor), dump_number(&cursor);
    CHECK(dump_name_is(file, name, names[line - 1]));
    dump_pairs(&cursor, pairs, 16);
    CHECK_EQ(pairs[1], 1);
    for (uint64_t ages = dump_number(&cursor); ages > 0; ages--) dump_number(&cursor);
  }
  CHECK(!cursor.over && cursor.at == cursor.end);
  dump_end(file, &to);
  gc_heap_free(heap);
}

static void hashed_names_of_sites(void) {
  rc_type *type;
  gc_heap *heap = profiled_heap(&type);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, GC_DUMP_HASH_NAMES);
  for (uint64_t i = 1; i < file->string_count; i++) CHECK_EQ(file->strings[i].len, 16);
  dump_end(file, &to);
  gc_heap_free(heap);
}

/* ---- the series ---- */

static void check_samples(dump_file *file, gc_heap *heap) {
  enum { ROOM = 64, COLUMNS = 12 };
  gc_sample rows[ROOM] = {{0}};
  rows[0].struct_size = sizeof *rows;
  size_t count = 0;
  gc_series_samples(heap, 0, rows, ROOM, &count);
  REQUIRE(count > 2);
  dump_cursor cursor = sequence(file, "TIME");
  CHECK_EQ(dump_number(&cursor), COLUMNS);
  uint64_t row[COLUMNS] = {0};
  for (size_t i = 0; i < count; i++) {
    for (size_t column = 0; column < COLUMNS; column++) {
      row[column] += (uint64_t)unzigzag(dump_number(&cursor));
    }
    CHECK_EQ(row[0], rows[i].time_ns);
    CHECK_EQ(row[1], rows[i].live_objects);
    CHECK_EQ(row[2], rows[i].live_bytes);
    CHECK_EQ(row[3], rows[i].external_bytes);
    CHECK_EQ(row[4], rows[i].heap_bytes);
    CHECK_EQ(row[5], rows[i].resident_bytes);
    CHECK_EQ(row[6], rows[i].private_bytes);
    CHECK_EQ(row[7], rows[i].share_bytes);
    CHECK_EQ(row[8], rows[i].young_runs);
    CHECK_EQ(row[9], rows[i].full_runs);
    CHECK_EQ(row[10], rows[i].pause_ns_total);
    CHECK_EQ(row[11], rows[i].flags);
  }
  CHECK(!cursor.over && cursor.at == cursor.end);
}

static void check_events(dump_file *file, gc_heap *heap) {
  enum { ROOM = 64 };
  gc_series_event rows[ROOM] = {{0}};
  rows[0].struct_size = sizeof *rows;
  size_t count = 0;
  gc_series_events(heap, 0, rows, ROOM, &count);
  REQUIRE(count > 2);
  dump_cursor cursor = sequence(file, "EVNT");
  uint64_t time = 0;
  for (size_t i = 0; i < count; i++) {
    CHECK_EQ(dump_number(&cursor), rows[i].what);
    time += (uint64_t)unzigzag(dump_number(&cursor));
    CHECK_EQ(time, rows[i].time_ns);
    CHECK_EQ(dump_number(&cursor), rows[i].duration_ns);
    CHECK_EQ(dump_number(&cursor), rows[i].live_bytes);
    CHECK_EQ(dump_number(&cursor), rows[i].value);
    CHECK(name_fits(file, dump_number(&cursor), rows[i].name));
  }
  CHECK(!cursor.over && cursor.at == cursor.end);
}

/* The ring is full, so that the oldest are gone. */
static void fill_series(gc_heap *heap, rc_type *type) {
  for (int i = 0; i < 20; i++) {
    rc_scope_mark mark = rc_scope_enter_named(heap, "step");
    rc_scope_keep(heap, plain(type));
    if (i % 3 == 0) gc_collect(heap);
    gc_series_tick(heap);
    rc_scope_leave(heap, mark);
  }
}

static void samples_and_events(void) {
  gc_heap *heap = graph_heap("series");
  rc_type *type = graph_declared(heap);
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.capacity = 16, options.flags = GC_SERIES_PRIVATE;
  CHECK_EQ(gc_series_start(heap, &options), RC_OK);
  fill_series(heap, type);
  sink to = {{0}, heap};
  dump_file *file = dump_of(heap, &to, 0);
  check_samples(file, heap);
  check_events(file, heap);
  CHECK(is_empty(file, "PROF") && is_empty(file, "SITE") && is_empty(file, "TOKN"));
  dump_end(file, &to);
  gc_heap_free(heap);
}

/* A forked child needs the locks of the list of sites and of the series while a thread takes the latter. */
static void a_forked_child_finds_no_lock_closed(void) {
  gc_heap *heap = graph_heap("forked");
  rc_type *type = graph_declared(heap);
  gc_series_options options = GC_SERIES_OPTIONS_INIT;
  options.capacity = 16, options.flags = GC_SERIES_THREAD, options.interval_ns = 20000;
  CHECK_EQ(gc_series_start(heap, &options), RC_OK);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  int devnull = open("/dev/null", O_WRONLY);
  for (int i = 0; i < 50; i++) {
    fill_series(heap, type);
    gc_dump_options dump = GC_DUMP_OPTIONS_INIT;
    gc_dump_result result = GC_DUMP_RESULT_INIT;
    dump.fd = devnull, dump.flags = GC_DUMP_FORK;
    REQUIRE(gc_dump(heap, &dump, &result) == RC_OK);
    int status = -1;
    CHECK_EQ(waitpid((pid_t)result.child, &status, 0), result.child);
    CHECK_EQ(status, 0);
  }
  close(devnull);
  gc_heap_free(heap);
}

/* ---- followed references ---- */

static void references_that_are_followed(void) {
  gc_heap *heap = graph_heap("holds");
  rc_type *type = graph_declared(heap);
  Node *node[3] = {plain(type), plain(type), plain(type)};
  gc_hold hold[3] = {GC_HOLD(node[0], "cache"), GC_HOLD(node[1], NULL), gc_hold_at(node[2], "none", NULL)};
  CHECK_EQ(GC_RELEASE(hold[1]), RC_OK);
  gc_hold_info rows[4] = {{0}};
  rows[0].struct_size = sizeof *rows;
  CHECK_EQ(gc_holds(heap, rows, 4), 2);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0);
  dump_cursor cursor = sequence(file, "TOKN");
  for (size_t i = 0; i < 2; i++) {
    CHECK_EQ(dump_number(&cursor), dump_at(file, rows[i].obj)->place);
    CHECK(name_fits(file, dump_number(&cursor), rows[i].tag));
    CHECK(name_fits(file, dump_number(&cursor), rows[i].file));
    uint64_t function = dump_number(&cursor), line = dump_number(&cursor);
    if (rows[i].file) CHECK(name_fits(file, function, rows[i].function));
    if (rows[i].file) CHECK_EQ(line, rows[i].line);
    uint64_t taken = dump_number(&cursor);
    CHECK(taken > 0 && taken <= now_ns());
  }
  CHECK(!cursor.over && cursor.at == cursor.end);
  dump_end(file, &to);
  CHECK_EQ(GC_RELEASE(hold[0]), RC_OK);
  CHECK_EQ(GC_RELEASE(hold[2]), RC_OK);
  gc_heap_free(heap);
}

static size_t two_frames(const rc_site **out_frames, size_t room, void *ctx) {
  static rc_site fib = {"main.lox", "fib", 12, 0};
  out_frames[0] = &fib, out_frames[1] = ctx;
  return room < 2 ? 0 : 2;
}

/* Stacks, estimates and mappings are those that the functions give; alone, and beside exact counters. */
static void sampled_stacks(void) {
  for (uint32_t exact = 0; exact < 2; exact++) {
    gc_heap *heap = graph_heap("stacks");
    rc_type *types[] = {graph_declared(heap), graph_watched(heap)};
    static rc_site run = {"main.lox", "run", 40, 0};
    gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
    options.flags = GC_PROFILE_STACKS | (exact ? GC_PROFILE_SITES : 0);
    options.sample_bytes = 100, options.seed = 5, options.frames = two_frames, options.frames_ctx = &run;
    CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
    Node *nodes[200];
    for (size_t i = 0; i < 200; i++) nodes[i] = rc_new(types[i % 2]);
    for (size_t i = 0; i < 200; i += 4) rc_decref(nodes[i]);
    sink to = {0};
    dump_file *file = dump_of(heap, &to, 0);
    gc_stack_stats rows[16];
    rows[0].struct_size = sizeof rows[0];
    size_t count = gc_profile_stacks(heap, rows, 16);
    REQUIRE(count >= 2 && count <= 16);

    dump_cursor cursor = sequence(file, "STAK");
    size_t stacks = 0;
    for (; cursor.at < cursor.end; stacks++) {
      uint64_t number = dump_number(&cursor), frames = dump_number(&cursor);
      gc_frame told[128];
      told[0].struct_size = sizeof told[0];
      CHECK_EQ(gc_stack_frames(heap, (uint32_t)number, told, 128), frames);
      REQUIRE(frames >= 2 && frames <= 128);
      for (uint64_t i = 0; i < frames; i++) {
        uint64_t kind = dump_number(&cursor);
        CHECK_EQ(kind, i < 2);
        if (kind == 0) {
          CHECK_EQ(dump_number(&cursor), told[i].address);
          continue;
        }
        CHECK(name_fits(file, dump_number(&cursor), told[i].function));
        CHECK(name_fits(file, dump_number(&cursor), told[i].file));
        CHECK_EQ(dump_number(&cursor), told[i].line);
      }
    }
    cursor = sequence(file, "SMPL");
    size_t buckets = 0;
    for (; cursor.at < cursor.end; buckets++) {
      uint64_t stack = dump_number(&cursor), type = dump_number(&cursor), pairs = dump_number(&cursor), values[6] = {0};
      CHECK_EQ(pairs, 5);
      for (uint64_t i = 0; i < pairs; i++) {
        uint64_t key = dump_number(&cursor);
        REQUIRE(key < 6);
        values[key] = dump_number(&cursor);
      }
      size_t found = 0;
      for (size_t i = 0; i < count; i++) {
        const dump_type *known = dump_type_by_number(file, type - 1);
        if (rows[i].stack != stack || !known || !dump_name_is(file, known->name, rows[i].type_name)) continue;
        found++;
        CHECK(values[1] == rows[i].allocated_objects && values[2] == rows[i].allocated_bytes);
        CHECK(values[3] == rows[i].live_objects && values[4] == rows[i].live_bytes && values[5] == rows[i].samples);
      }
      CHECK_EQ(found, 1);
    }
    CHECK_EQ(buckets, count);
    CHECK(stacks >= 1 && stacks <= buckets);
    cursor = sequence(file, "MAPS");
    size_t own = 0, ids = 0;
    union { void (*function)(void); void *address; } here = {sampled_stacks};
    while (cursor.at < cursor.end) {
      uint64_t start = dump_number(&cursor), bytes = dump_number(&cursor);
      (void)dump_number(&cursor);
      uint64_t path = dump_number(&cursor);
      ids += dump_number(&cursor) != 0;
      if ((uint64_t)(uintptr_t)here.address - start < bytes) own += path != 0;
    }
    CHECK_EQ(own, 1);
    (void)ids;
    cursor = sequence(file, "PROF");
    uint64_t pairs = dump_number(&cursor), mean = 0;
    CHECK_EQ(pairs, exact ? 14 : 4);
    for (uint64_t i = 0; i < pairs; i++) {
      uint64_t key = dump_number(&cursor), value = dump_number(&cursor);
      if (key == 13) mean = value;
    }
    CHECK_EQ(mean, 100);
    CHECK_EQ(is_empty(file, "SITE"), !exact);
    dump_end(file, &to);
    for (size_t i = 0; i < 200; i++)
      if (i % 4) rc_decref(nodes[i]);
    gc_heap_free(heap);
  }
}

static void nothing_without_them(void) {
  gc_heap *heap = graph_heap("bare");
  plain(graph_declared(heap));
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0);
  for (size_t i = 4; i < DUMP_TAGS; i++) CHECK(is_empty(file, dump_tags[i]));
  CHECK_EQ(file->objects[0].serial, 0);
  dump_end(file, &to);
  gc_heap_free(heap);
}

static const check_test tests[] = {
    CHECK_TEST(sites_and_totals),
    CHECK_TEST(origins_of_objects),
    CHECK_TEST(scopes_that_were_left),
    CHECK_TEST(more_sites_than_a_chunk_takes),
    CHECK_TEST(hashed_names_of_sites),
    CHECK_TEST(samples_and_events),
    CHECK_TEST(a_forked_child_finds_no_lock_closed),
    CHECK_TEST(references_that_are_followed),
    CHECK_TEST(sampled_stacks),
    CHECK_TEST(nothing_without_them),
};

CHECK_MAIN(tests)
