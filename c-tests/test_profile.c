/* Profiles: exact counters of sites, where an object comes from, snapshots and their differences, what happens in
 * scopes. Every number is compared with what the test itself did, and the sums with the heap's own books. */
#include "check.h"
#include "graph.h"

#define ROWS 64

static gc_site_stats rows[ROWS];

/* The rows of a query; their number. */
static size_t ask(gc_heap *heap, const gc_site_query *query) {
  rows[0].struct_size = sizeof rows[0];
  return gc_profile_sites(heap, query, rows, ROWS);
}

/* The row of a line of this file; all zeros when there is none. */
static gc_site_stats line_row(gc_heap *heap, unsigned line) {
  size_t count = ask(heap, NULL);
  for (size_t i = 0; i < count && i < ROWS; i++)
    if (rows[i].file && strcmp(rows[i].file, __FILE__) == 0 && rows[i].line == line) return rows[i];
  gc_site_stats none;
  memset(&none, 0, sizeof none);
  return none;
}

static gc_profile_stats totals(gc_heap *heap) {
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  CHECK_EQ(gc_profile_get(heap, &stats), RC_OK);
  return stats;
}

/* The sums over all sites are the running totals, and both are the heap's books. */
static void check_sums(gc_heap *heap) {
  size_t count = ask(heap, NULL);
  gc_profile_stats stats = totals(heap);
  gc_stats books = graph_stats(heap);
  uint64_t live = 0, bytes = 0, freed = 0;
  REQUIRE(count <= ROWS);
  for (size_t i = 0; i < count; i++) {
    live += rows[i].live_objects, bytes += rows[i].live_bytes, freed += rows[i].freed_objects;
    uint64_t ages = 0;
    for (size_t b = 0; b < GC_AGE_BUCKETS; b++) ages += rows[i].ages[b];
    CHECK_EQ(ages, rows[i].freed_objects);
    CHECK_EQ(rows[i].allocated_objects - rows[i].freed_objects, rows[i].live_objects);
    CHECK(rows[i].peak_bytes >= rows[i].live_bytes);
  }
  CHECK_EQ(live, books.live_objects);
  CHECK_EQ(live, stats.live_objects);
  CHECK_EQ(bytes, books.live_bytes);
  CHECK_EQ(bytes, stats.live_bytes);
  CHECK_EQ(freed, stats.freed_objects);
  CHECK_EQ(stats.sites, count);
  CHECK(stats.peak_bytes >= stats.live_bytes);
  CHECK(stats.own_bytes > 0);
}

static gc_heap *profiled_heap(void) {
  gc_heap *heap = graph_heap("profiled");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  CHECK_EQ(gc_profile_flags(heap), GC_PROFILE_SITES);
  return heap;
}

static void site_counters_are_exact(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = profiled_heap();
    rc_type *type = graph_kinds[kind](heap);
    Node *held[10];
    for (size_t i = 0; i < 10; i++) held[i] = RC_NEW(type);
    unsigned line = __LINE__ - 1;
    for (size_t i = 0; i < 4; i++) rc_decref(held[i]);
    gc_site_stats row = line_row(heap, line);
    CHECK_EQ(row.allocated_objects, 10);
    CHECK_EQ(row.freed_objects, 4);
    CHECK_EQ(row.live_objects, 6);
    CHECK_EQ(row.allocated_bytes, 320);
    CHECK_EQ(row.live_bytes, 192);
    CHECK_EQ(row.peak_objects, 10);
    CHECK_EQ(row.peak_bytes, 320);
    CHECK_EQ(row.reclaimed_objects, 0);
    CHECK_EQ(row.sites, 1);
    REQUIRE(row.function && row.type_name);
    CHECK(strcmp(row.function, "site_counters_are_exact") == 0);
    CHECK(strcmp(row.type_name, rc_type_name(type)) == 0);
    check_sums(heap);
    for (size_t i = 4; i < 10; i++) rc_decref(held[i]);
    CHECK_EQ(line_row(heap, line).live_objects, 0);
    CHECK_EQ(line_row(heap, line).peak_objects, 10);
    check_sums(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

static void plain_allocation_is_counted_by_type(void) {
  gc_heap *heap = profiled_heap();
  rc_type *types[] = {graph_declared(heap), graph_callback(heap)};
  Node *nodes[] = {rc_new(types[0]), rc_new(types[0]), rc_new(types[1])};
  size_t found = 0, count = ask(heap, NULL);
  for (size_t i = 0; i < count; i++)
    for (size_t t = 0; t < 2; t++)
      if (!rows[i].file && rows[i].function && strcmp(rows[i].function, rc_type_name(types[t])) == 0)
        found += CHECK_EQ(rows[i].live_objects, 2 - t);
  CHECK_EQ(found, 2);
  check_sums(heap);
  for (size_t i = 0; i < 3; i++) rc_decref(nodes[i]);
  /* A type's slot is used again: the name is that of the type that allocates. */
  CHECK_EQ(rc_type_free(types[1]), RC_OK);
  rc_type *again = graph_watched(heap);
  Node *node = rc_new(again);
  gc_origin origin = GC_ORIGIN_INIT;
  CHECK_EQ(gc_object_site(node, &origin), RC_OK);
  CHECK(origin.file == NULL && origin.function && strcmp(origin.function, rc_type_name(again)) == 0);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

typedef struct Row {
  void *first;
  Node *cells[1];
} Row;

static rc_type *row_type(gc_heap *heap, size_t size) {
  static const rc_field fields[] = {RC_FIELD_TAIL(Row, cells)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Row", spec.size = size ? size : offsetof(Row, cells);
  if (size == 0) spec.tail_size = sizeof(Node *), spec.fields = fields, spec.field_count = 1;
  return graph_type(heap, &spec);
}

static void sizes_of_all_kinds(void) {
  gc_heap *heap = profiled_heap();
  rc_type *row = row_type(heap, 0), *large = row_type(heap, 200000);
  Row *some[20];
  for (size_t i = 0; i < 20; i++) some[i] = RC_NEW_ARRAY(row, i * i * 10);
  unsigned line = __LINE__ - 1;
  void *one = RC_NEW(large), *plain = rc_new_array(row, 7), *huge = rc_new_array(row, 1000000);
  REQUIRE(one && plain && huge);
  CHECK_EQ(line_row(heap, line).live_objects, 20);
  check_sums(heap);
  for (size_t i = 0; i < 20; i += 2) rc_decref(some[i]);
  CHECK_EQ(line_row(heap, line).live_objects, 10);
  check_sums(heap);
  rc_decref(one), rc_decref(plain), rc_decref(huge);
  for (size_t i = 1; i < 20; i += 2) rc_decref(some[i]);
  check_sums(heap);
  gc_site_stats gone = line_row(heap, line);
  CHECK_EQ(gone.live_bytes, 0);
  CHECK(gone.peak_bytes > 19 * 19 * 10 * sizeof(Node *));
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void rings(rc_type *type, size_t count) {
  for (size_t i = 0; i < count; i++) {
    Node *a = RC_NEW(type), *b = RC_NEW(type);
    a->a = b, b->a = a;
  }
}

static void what_the_collector_ends_is_told(void) {
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) {
    gc_heap *heap = profiled_heap();
    gc_disable(heap);
    rings(graph_kinds[kind](heap), 50);
    gc_site_query query = GC_SITE_QUERY_INIT;
    query.group = GC_GROUP_FUNCTION, query.function = "rings";
    CHECK_EQ(ask(heap, &query), 1);
    CHECK_EQ(rows[0].live_objects, 100);
    CHECK_EQ(gc_collect(heap), 100);
    CHECK_EQ(ask(heap, &query), 1);
    CHECK_EQ(rows[0].live_objects, 0);
    CHECK_EQ(rows[0].reclaimed_objects, 100);
    check_sums(heap);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* What dies in consequence of a collection, and large objects in it. */
static void in_consequence_is_not_by_the_collector(void) {
  gc_heap *heap = profiled_heap();
  gc_disable(heap);
  rc_type *type = graph_declared(heap), *row = row_type(heap, 0);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Leaf", spec.size = 16;
  rc_type *leaf = graph_type(heap, &spec);
  Node *a = RC_NEW(type);
  unsigned a_line = __LINE__ - 1;
  Row *big = RC_NEW_ARRAY(row, 100000);
  unsigned big_line = __LINE__ - 1;
  void *end = RC_NEW(leaf);
  unsigned end_line = __LINE__ - 1;
  a->a = (Node *)(void *)big, a->b = end;
  big->cells[7] = a;
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(line_row(heap, a_line).reclaimed_objects, 1);
  CHECK_EQ(line_row(heap, big_line).reclaimed_objects, 1);
  CHECK_EQ(line_row(heap, end_line).reclaimed_objects, 0);
  CHECK_EQ(line_row(heap, end_line).freed_objects, 1);
  check_sums(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void where_an_object_comes_from(void) {
  gc_heap *heap = graph_heap("origins");
  rc_type *type = graph_declared(heap);
  Node *before = rc_new(type);
  gc_origin origin = GC_ORIGIN_INIT;
  CHECK_EQ(gc_object_site(before, &origin), RC_ERR_REFUSED);
  CHECK_STR(gc_error_message(heap), "not profiled by sites");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  Node *first = RC_NEW(type);
  unsigned line = __LINE__ - 1;
  Node *others[100];
  for (size_t i = 0; i < 100; i++) others[i] = RC_NEW(type);
  CHECK_EQ(gc_object_site(first, &origin), RC_OK);
  CHECK_EQ(origin.line, line);
  CHECK_EQ(origin.serial, 1);
  CHECK_EQ(origin.age_objects, 100);
  CHECK(strcmp(origin.file, __FILE__) == 0 && strcmp(origin.function, "where_an_object_comes_from") == 0);
  gc_origin last = GC_ORIGIN_INIT;
  CHECK_EQ(gc_object_site(others[99], &last), RC_OK);
  CHECK_EQ(last.serial, 101);
  CHECK_EQ(last.age_objects, 0);
  CHECK(origin.birth_ns != 0 && origin.birth_ns <= last.birth_ns);
  CHECK_EQ(gc_object_site(before, &origin), RC_OK);
  CHECK_EQ(origin.serial, 0);
  CHECK_EQ(origin.birth_ns, 0);
  CHECK(origin.file == NULL);
  CHECK_STR(origin.function, "before");
  /* A block that is used again has the site of its new object. */
  rc_decref(first);
  Node *again = RC_NEW(type);
  unsigned again_line = __LINE__ - 1;
  CHECK_EQ(gc_object_site(again, &origin), RC_OK);
  CHECK_EQ(origin.serial, 102);
  CHECK_EQ(origin.line, again_line);
  rc_decref(again), rc_decref(before);
  for (size_t i = 0; i < 100; i++) rc_decref(others[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Sites of an interpreter: the host's own descriptors, equal places in several of them. */
static void sites_of_the_host(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  rc_site script = {"main.lox", "fib", 12, 0}, same = {"main.lox", "fib", 12, 0}, bare = {NULL, NULL, 3, 0};
  Node *nodes[] = {rc_new_at(type, &script), rc_new_at(type, &same), rc_new_at(type, &bare), rc_new_at(type, NULL)};
  CHECK(script.id != 0 && script.id == same.id && bare.id != script.id);
  gc_site_query query = GC_SITE_QUERY_INIT;
  query.file = "*.lox";
  CHECK_EQ(ask(heap, &query), 1);
  CHECK_EQ(rows[0].live_objects, 2);
  CHECK_EQ(rows[0].line, 12);
  for (size_t i = 0; i < 4; i++) rc_decref(nodes[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* A script that is loaded again, and whose descriptors went with it meanwhile: its places have their numbers still. */
static void sites_of_a_script_that_goes(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  Node *nodes[3];
  uint32_t number = 0;
  for (size_t i = 0; i < 3; i++) {
    struct {
      char file[16], function[8];
      rc_site site;
    } *line = malloc(sizeof *line);
    REQUIRE(line);
    strcpy(line->file, "shop.script"), strcpy(line->function, "cart");
    line->site = (rc_site){line->file, line->function, 7, 0};
    nodes[i] = rc_new_at(type, &line->site);
    memset(line, 0, sizeof *line);
    free(line);
    gc_origin origin = GC_ORIGIN_INIT;
    CHECK_EQ(gc_object_site(nodes[i], &origin), RC_OK);
    CHECK(strcmp(origin.file, "shop.script") == 0 && strcmp(origin.function, "cart") == 0 && origin.line == 7);
    CHECK(number == 0 || number == origin.site);
    number = origin.site;
  }
  for (size_t i = 0; i < 3; i++) rc_decref(nodes[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Off, on, off: what lives from before and from an earlier profile is told from what is made now. */
static void started_and_stopped(void) {
  gc_heap *heap = graph_heap("twice");
  rc_type *type = graph_declared(heap);
  Node *nodes[30];
  for (size_t i = 0; i < 10; i++) nodes[i] = RC_NEW(type);
  rc_add_external_bytes(nodes[3], 100);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_ERR_IN_USE);
  for (size_t i = 10; i < 20; i++) nodes[i] = RC_NEW(type);
  unsigned line = __LINE__ - 1;
  check_sums(heap);
  gc_profile_stop(heap);
  CHECK_EQ(gc_profile_flags(heap), 0);
  CHECK_EQ(ask(heap, NULL), 0);
  for (size_t i = 20; i < 30; i++) nodes[i] = RC_NEW(type);
  rc_decref(nodes[11]);
  gc_profile_stop(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  CHECK_EQ(line_row(heap, line).allocated_objects, 0);
  CHECK_EQ(ask(heap, NULL), 1);
  CHECK_EQ(rows[0].live_objects, 29);
  rc_decref(nodes[12]), rc_decref(nodes[3]), rc_decref(nodes[25]);
  nodes[3] = RC_NEW(type);
  check_sums(heap);
  CHECK_EQ(gc_profile_clear(heap), RC_OK);
  CHECK_EQ(ask(heap, NULL), 1);
  CHECK_EQ(rows[0].live_objects, 27);
  for (size_t i = 0; i < 30; i++)
    if (i != 11 && i != 12 && i != 25) rc_decref(nodes[i]);
  check_sums(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Two heaps share the table beside the objects: one that stops leaves nothing to the other. */
static void two_heaps(void) {
  gc_heap *one = profiled_heap(), *two = profiled_heap();
  rc_type *types[] = {graph_declared(one), graph_declared(two)};
  Node *nodes[2][500];
  for (size_t i = 0; i < 500; i++)
    for (size_t h = 0; h < 2; h++) nodes[h][i] = RC_NEW(types[h]);
  check_sums(one), check_sums(two);
  gc_profile_stop(one);
  check_sums(two);
  CHECK_EQ(gc_profile_start(one, NULL), RC_OK);
  gc_origin origin = GC_ORIGIN_INIT;
  CHECK_EQ(gc_object_site(nodes[0][499], &origin), RC_OK);
  CHECK_EQ(origin.serial, 0); /* nothing is left of the first profile */
  CHECK_EQ(gc_object_site(nodes[1][499], &origin), RC_OK);
  CHECK_EQ(origin.serial, 500);
  for (size_t h = 0; h < 2; h++)
    for (size_t i = 0; i < 500; i++) rc_decref(nodes[h][i]);
  check_sums(one), check_sums(two);
  CHECK_EQ(gc_heap_free(one), 0);
  CHECK_EQ(gc_heap_free(two), 0);
}

static void external_bytes_of_sites(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  Node *a = RC_NEW(type);
  unsigned line = __LINE__ - 1;
  CHECK_EQ(rc_add_external_bytes(a, 1000), RC_OK);
  CHECK_EQ(rc_add_external_bytes(a, -300), RC_OK);
  CHECK_EQ(line_row(heap, line).external_bytes, 700);
  CHECK_EQ(rc_add_external_bytes(a, -700), RC_OK);
  CHECK_EQ(rc_add_external_bytes(a, 50), RC_OK);
  CHECK_EQ(graph_stats(heap).external_bytes, 50);
  rc_decref(a);
  CHECK_EQ(line_row(heap, line).external_bytes, 0);
  CHECK_EQ(graph_stats(heap).external_bytes, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void ages_at_death(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  Node *old = RC_NEW(type);
  unsigned old_line = __LINE__ - 1;
  for (size_t i = 0; i < 100; i++) rc_decref(RC_NEW(type));
  unsigned short_line = __LINE__ - 1;
  rc_decref(old);
  CHECK_EQ(line_row(heap, short_line).ages[0], 100);
  CHECK_EQ(line_row(heap, old_line).ages[7], 1); /* 64 <= 100 < 128 */
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void groups_filters_and_order(void) {
  gc_heap *heap = profiled_heap();
  rc_type *types[] = {graph_declared(heap), graph_callback(heap)};
  rc_site sites[] = {{"a.c", "f", 1, 0}, {"a.c", "f", 2, 0}, {"a.c", "g", 3, 0}, {"b.c", "f", 4, 0}};
  Node *nodes[4][4];
  for (size_t s = 0; s < 4; s++)
    for (size_t i = 0; i <= s; i++) nodes[s][i] = rc_new_at(types[s == 3], &sites[s]);
  rc_decref(nodes[3][0]), rc_decref(nodes[3][1]), rc_decref(nodes[3][2]);

  gc_site_query query = GC_SITE_QUERY_INIT;
  CHECK_EQ(ask(heap, &query), 4);
  CHECK_EQ(rows[0].line, 3);
  query.sort = GC_SORT_ALLOCATED_OBJECTS;
  CHECK_EQ(ask(heap, &query), 4);
  CHECK_EQ(rows[0].line, 4);
  query.group = GC_GROUP_FUNCTION, query.sort = GC_SORT_LIVE_OBJECTS;
  CHECK_EQ(ask(heap, &query), 3);
  CHECK_EQ(rows[0].live_objects, 3);
  CHECK(strcmp(rows[0].function, "f") == 0 && strcmp(rows[0].file, "a.c") == 0);
  CHECK_EQ(rows[0].sites, 2);
  CHECK_EQ(rows[0].line, 0);
  query.group = GC_GROUP_FILE;
  CHECK_EQ(ask(heap, &query), 2);
  CHECK_EQ(rows[0].live_objects, 6);
  CHECK_EQ(rows[0].allocated_objects, 6);
  CHECK(rows[0].function == NULL);
  query.exclude_file = "a*";
  CHECK_EQ(ask(heap, &query), 1);
  CHECK_EQ(rows[0].freed_objects, 3);
  query.exclude_file = NULL, query.group = GC_GROUP_SITE, query.function = "?", query.file = "a.c";
  CHECK_EQ(ask(heap, &query), 3);
  query.type_name = rc_type_name(types[1]);
  CHECK_EQ(ask(heap, &query), 0);
  query.file = NULL;
  CHECK_EQ(ask(heap, &query), 1);
  gc_site_query bad = GC_SITE_QUERY_INIT;
  bad.group = 9;
  CHECK_EQ(ask(heap, &bad), 0);
  CHECK_STR(gc_error_message(heap), "group 9");
  bad.group = 0, bad.struct_size = 3;
  CHECK_EQ(ask(heap, &bad), 0);
  CHECK_STR(gc_error_message(heap), "struct_size");
  /* Fewer rows than there are, and none at all. */
  rows[0].struct_size = sizeof rows[0];
  CHECK_EQ(gc_profile_sites(heap, NULL, rows, 1), 4);
  CHECK_EQ(gc_profile_sites(heap, NULL, NULL, 0), 4);
  rows[0].struct_size = 8;
  CHECK_EQ(gc_profile_sites(heap, NULL, rows, ROWS), 0);
  for (size_t s = 0; s < 4; s++)
    for (size_t i = s == 3 ? 3 : 0; i <= s; i++) rc_decref(nodes[s][i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void snapshots_are_compared(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  rc_site sites[] = {{"a.c", "f", 1, 0}, {"a.c", "f", 2, 0}, {"a.c", "f", 3, 0}, {"a.c", "f", 4, 0}};
  Node *a = rc_new_at(type, &sites[0]), *b = rc_new_at(type, &sites[1]);
  static gc_site_stats before[8], after[8];
  before[0].struct_size = after[0].struct_size = sizeof before[0];
  size_t count = gc_profile_sites(heap, NULL, before, 8);
  CHECK_EQ(count, 2);
  rc_decref(a);
  Node *c[5];
  for (size_t i = 0; i < 5; i++) c[i] = rc_new_at(type, &sites[2]);
  rc_decref(rc_new_at(type, &sites[3]));
  size_t later = gc_profile_sites(heap, NULL, after, 8);
  CHECK_EQ(later, 4);
  gc_site_diff diff[8];
  diff[0].struct_size = sizeof diff[0];
  CHECK_EQ(gc_profile_compare(before, count, after, later, diff, 8), 3);
  CHECK_EQ(diff[0].line, 3);
  CHECK_EQ(diff[0].live_objects_change, 5);
  CHECK_EQ(diff[0].live_bytes_change, 160);
  CHECK_EQ(diff[0].live_objects, 5);
  CHECK_EQ(diff[1].line, 1);
  CHECK(diff[1].live_objects_change == -1 && diff[1].live_bytes_change == -32);
  CHECK_EQ(diff[2].line, 4);
  CHECK(diff[2].live_bytes_change == 0 && diff[2].allocated_objects == 1);
  CHECK_EQ(gc_profile_compare(before, count, before, count, diff, 8), 0);
  CHECK_EQ(gc_profile_compare(NULL, 0, after, later, diff, 8), 4);
  CHECK_EQ(gc_profile_compare(after, later, NULL, 0, NULL, 0), 2); /* those that live */
  CHECK_EQ(gc_profile_compare(NULL, 1, NULL, 0, NULL, 0), 0);
  CHECK_STR(gc_error_message(NULL), "gc_profile_compare");
  rc_decref(b);
  for (size_t i = 0; i < 5; i++) rc_decref(c[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void peaks_can_be_reset(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  rc_decref(graph_chain(type, 100, false));
  CHECK_EQ(totals(heap).peak_bytes, 3200);
  gc_profile_reset_peak(heap);
  CHECK_EQ(totals(heap).peak_bytes, 0);
  rc_decref(RC_NEW(type));
  CHECK_EQ(totals(heap).peak_bytes, 32);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- scopes ---- */

static gc_scope_stats named(gc_heap *heap, const char *name) {
  gc_scope_stats scopes[8];
  scopes[0].struct_size = sizeof scopes[0];
  size_t count = gc_profile_scopes(heap, scopes, 8);
  for (size_t i = 0; i < count; i++)
    if (strcmp(scopes[i].name, name) == 0) return scopes[i];
  gc_scope_stats none = GC_SCOPE_STATS_INIT;
  return none;
}

static void scopes_are_measured(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  Node *old = RC_NEW(type), *survivor = NULL;
  char name[] = "outer";
  rc_scope_mark outer = rc_scope_enter_named(heap, name);
  Node *a[10];
  for (size_t i = 0; i < 10; i++) a[i] = RC_NEW(type);
  for (size_t i = 0; i < 8; i++) rc_decref(a[i]);
  for (size_t round = 0; round < 3; round++) {
    rc_scope_mark inner = rc_scope_enter_named(heap, "inner");
    for (size_t i = 0; i < 5; i++) (void)rc_scope_keep(heap, RC_NEW(type));
    Node *kept = RC_NEW(type);
    if (round == 1) survivor = kept;
    else rc_decref(kept);
    if (round == 2) rc_decref(a[8]);
    gc_scope_stats now = GC_SCOPE_STATS_INIT;
    CHECK_EQ(gc_scope_get(heap, inner, &now), RC_OK);
    CHECK_EQ(now.allocated_objects, 6);
    CHECK_EQ(now.survivor_objects, round == 1 ? 6 : 5);
    CHECK_EQ(now.peak_bytes, 192);
    CHECK_EQ(gc_scope_get(heap, outer, &now), RC_OK);
    CHECK_EQ(now.allocated_objects, 10 + 6 * (round + 1));
    CHECK_EQ(now.survivor_objects, 2 - (round == 2) + 5 + (round >= 1));
    CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
    CHECK_EQ(gc_scope_get(heap, inner, &now), RC_ERR_INVALID);
  }
  rc_decref(old);
  CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
  memset(name, 'x', sizeof name - 1); /* the profile has its own copy */

  gc_scope_stats inner = named(heap, "inner"), whole = named(heap, "outer");
  CHECK_EQ(inner.entered, 3);
  CHECK_EQ(inner.allocated_objects, 18);
  CHECK_EQ(inner.freed_objects, 18); /* 17 of its own, and a[8] */
  CHECK_EQ(inner.survivor_objects, 1);
  CHECK_EQ(inner.survivor_bytes, 32);
  CHECK_EQ(inner.peak_bytes, 192);
  CHECK_EQ(inner.net_bytes, 0);
  CHECK_EQ(whole.entered, 1);
  CHECK_EQ(whole.allocated_objects, 28);
  CHECK_EQ(whole.survivor_objects, 2); /* a[9] and the survivor */
  CHECK_EQ(whole.peak_bytes, 320);
  CHECK_EQ(whole.freed_objects, 8 + 18 + 1);
  CHECK_EQ(whole.net_bytes, 32);
  CHECK(whole.duration_ns >= inner.duration_ns);
  rc_decref(survivor), rc_decref(a[9]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The peak of an outer scope before, inside and after an inner one. */
static void peaks_of_nested_scopes(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  Node *base = graph_chain(type, 50, false);
  rc_scope_mark outer = rc_scope_enter_named(heap, "outer");
  rc_decref(graph_chain(type, 20, false));
  rc_decref(base); /* less lives from here on than when the scope was entered */
  rc_scope_mark inner = rc_scope_enter_named(heap, "inner");
  rc_decref(graph_chain(type, 10, false));
  gc_scope_stats now = GC_SCOPE_STATS_INIT;
  CHECK_EQ(gc_scope_get(heap, inner, &now), RC_OK);
  CHECK_EQ(now.peak_bytes, 320);
  CHECK_EQ(gc_scope_get(heap, outer, &now), RC_OK);
  CHECK_EQ(now.peak_bytes, 640);
  CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
  CHECK_EQ(named(heap, "inner").peak_bytes, 320);
  CHECK_EQ(named(heap, "outer").peak_bytes, 640);
  CHECK_EQ(totals(heap).peak_bytes, 70 * 32);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void scopes_that_leave_something_behind(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  check_log_start();
  rc_scope_mark mark = rc_scope_enter_named(heap, "clean");
  CHECK_EQ(gc_scope_expect_clean(heap, mark), RC_OK);
  (void)rc_scope_keep(heap, RC_NEW(type));
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  CHECK_EQ(check_log.used, 0);
  CHECK_EQ(totals(heap).scope_violations, 0);
  mark = rc_scope_enter_named(heap, "request");
  CHECK_EQ(gc_scope_expect_clean(heap, mark), RC_OK);
  Node *left[3];
  for (size_t i = 0; i < 3; i++) left[i] = RC_NEW(type);
  unsigned line = __LINE__ - 1;
  CHECK_EQ(rc_scope_leave(heap, mark), RC_OK);
  char place[64];
  snprintf(place, sizeof place, "test_profile.c:%u (scopes_that_leave_something_behind)", line);
  CHECK_STR(check_log.text, "scope request left 3 objects behind (96 bytes): 3 from ");
  CHECK_STR(check_log.text, place);
  CHECK_EQ(check_log.lines[1], 1);
  CHECK_EQ(totals(heap).scope_violations, 1);
  CHECK_EQ(gc_scope_expect_clean(heap, mark), RC_ERR_INVALID);
  for (size_t i = 0; i < 3; i++) rc_decref(left[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

#ifdef GC_SCOPE_CLEAN
static bool handle_request(gc_heap *heap, rc_type *type, Node **leak) {
  GC_SCOPE_CLEAN(heap, "handle");
  Node *node = rc_scope_keep(heap, RC_NEW(type));
  if (leak) *leak = RC_NEW(type);
  return node != NULL;
}

static void clean_blocks(void) {
  gc_heap *heap = graph_heap("blocks");
  rc_type *type = graph_declared(heap);
  Node *leak = NULL;
  CHECK(handle_request(heap, type, NULL)); /* not profiled: an ordinary scope */
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  check_log_start();
  CHECK(handle_request(heap, type, NULL));
  CHECK_EQ(check_log.used, 0);
  CHECK(handle_request(heap, type, &leak));
  CHECK_STR(check_log.text, "scope handle left 1 object behind");
  CHECK_EQ(named(heap, "handle").entered, 2);
  rc_decref(leak);
  CHECK_EQ(gc_heap_free(heap), 0);
}
#else
static void clean_blocks(void) {
}
#endif

/* A scope that was entered before the profile, or whose profile was stopped inside. */
static void scopes_across_the_borders_of_a_profile(void) {
  gc_heap *heap = graph_heap("borders");
  rc_type *type = graph_declared(heap);
  rc_scope_mark before = rc_scope_enter_named(heap, "before");
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  gc_scope_stats now = GC_SCOPE_STATS_INIT;
  CHECK_EQ(gc_scope_get(heap, before, &now), RC_ERR_INVALID);
  rc_scope_mark inside = rc_scope_enter_named(heap, "inside");
  (void)rc_scope_keep(heap, RC_NEW(type));
  gc_profile_stop(heap);
  CHECK_EQ(gc_scope_get(heap, inside, &now), RC_ERR_REFUSED);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, inside), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, before), RC_OK);
  CHECK_EQ(gc_profile_scopes(heap, NULL, 0), 0);
  check_sums(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

typedef struct Work {
  rc_type *type;
  Node *left;
  int how; /* 1: keeps one; 2: stops the profile; 3: opens scopes and leaves them open */
} Work;

static void work_to_measure(gc_heap *heap, void *ctx) {
  Work *work = ctx;
  rc_decref(graph_chain(work->type, 50, false));
  (void)rc_scope_keep(heap, RC_NEW(work->type));
  if (work->how == 1) work->left = RC_NEW(work->type);
  if (work->how == 2) gc_profile_stop(heap);
  if (work->how == 3) CHECK(rc_scope_enter(heap) != RC_SCOPE_NONE);
}

static void functions_are_measured(void) {
  for (int profiled = 0; profiled < 2; profiled++) {
    gc_heap *heap = graph_heap("measured");
    if (profiled) CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
    Work work = {graph_declared(heap), NULL, 0};
    gc_scope_stats stats = GC_SCOPE_STATS_INIT;
    CHECK_EQ(gc_measure(heap, work_to_measure, &work, &stats), RC_OK);
    CHECK_EQ(stats.allocated_objects, 51);
    CHECK_EQ(stats.freed_objects, 51);
    CHECK_EQ(stats.peak_bytes, 50 * 32);
    CHECK_EQ(stats.survivor_objects, 0);
    CHECK_EQ(stats.entered, 1);
    work.how = 1;
    CHECK_EQ(gc_measure(heap, work_to_measure, &work, &stats), RC_OK);
    CHECK_EQ(stats.survivor_bytes, 32);
    CHECK_EQ(stats.net_bytes, 32);
    rc_decref(work.left);
    CHECK_EQ(gc_profile_flags(heap) != 0, profiled);
    work.how = 2;
    CHECK_EQ(gc_measure(heap, work_to_measure, &work, &stats), RC_ERR_REFUSED);
    CHECK_STR(gc_error_message(heap), "stopped the profile");
    CHECK_EQ(gc_profile_flags(heap), 0);
    work.how = 3;
    CHECK_EQ(gc_measure(heap, work_to_measure, &work, &stats), RC_ERR_REFUSED);
    CHECK_EQ(gc_measure(heap, NULL, &work, &stats), RC_ERR_INVALID);
    CHECK_EQ(gc_measure(heap, work_to_measure, &work, check_null()), RC_ERR_INVALID);
    gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
    options.flags = GC_PROFILE_STACKS;
    CHECK_EQ(gc_profile_start(heap, &options), RC_OK);
    CHECK_EQ(gc_measure(heap, work_to_measure, &work, &stats), RC_ERR_REFUSED);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- host code in the middle ---- */

static void stop_in_callback(gc_heap *heap, const gc_event *event, void *ctx) {
  int *how = ctx;
  if (event->kind != GC_EVENT_START) return;
  if (*how == 0) gc_profile_stop(heap);
  else CHECK_EQ(gc_profile_start(heap, NULL), RC_ERR_REFUSED);
}

static void stopped_in_the_middle_of_an_allocation(void) {
  for (int how = 0; how < 2; how++) {
    gc_heap *heap = graph_heap("middle");
    rc_type *type = graph_declared(heap);
    if (how == 0) CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
    gc_policy policy = GC_POLICY_INIT;
    policy.young_bytes = 4096;
    CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
    CHECK_EQ(gc_add_callback(heap, stop_in_callback, &how), RC_OK);
    Node *nodes[1000];
    for (size_t i = 0; i < 1000; i++) nodes[i] = RC_NEW(type);
    CHECK(graph_stats(heap).young.runs > 0);
    CHECK_EQ(gc_profile_flags(heap), 0);
    CHECK_EQ(graph_live(heap), 1000);
    for (size_t i = 0; i < 1000; i++) rc_decref(nodes[i]);
    CHECK_EQ(graph_live(heap), 0);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* Collections while profiled: the pace of an unprofiled heap. */
static void automatic_collections_go_on(void) {
  gc_heap *heap = profiled_heap();
  rc_type *type = graph_declared(heap);
  size_t count = check_scale(20000, 400000, 400000);
  rings(type, count);
  gc_stats stats = graph_stats(heap);
  if (count > 100000) CHECK(stats.young.runs + stats.full.runs > 0 && stats.reclaimed_objects > 0);
  (void)gc_collect(heap);
  gc_site_query query = GC_SITE_QUERY_INIT;
  query.group = GC_GROUP_FUNCTION, query.function = "rings";
  CHECK_EQ(ask(heap, &query), 1);
  CHECK_EQ(rows[0].reclaimed_objects, count * 2);
  check_sums(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Everything at once, at random, against the sums. */
static void at_random(void) {
  uint64_t state = check_seed("at_random");
  gc_heap *heap = profiled_heap();
  rc_type *types[GRAPH_KINDS];
  for (size_t kind = 0; kind < GRAPH_KINDS; kind++) types[kind] = graph_kinds[kind](heap);
  enum { SLOTS = 200 };
  static Node *slots[SLOTS];
  static rc_site sites[20];
  for (unsigned i = 0; i < 20; i++) sites[i].file = "random.c", sites[i].function = "f", sites[i].line = i + 1;
  size_t steps = check_scale(3000, 100000, 1000000);
  for (size_t step = 0; step < steps; step++) {
    size_t at = check_below(&state, SLOTS);
    Node *node = rc_new_at(types[check_below(&state, GRAPH_KINDS)], &sites[check_below(&state, 20)]);
    Node *other = slots[check_below(&state, SLOTS)];
    REQUIRE(node);
    if (other) rc_setref(&node->a, rc_newref(other));
    if (other && check_below(&state, 2)) rc_setref(&other->b, rc_newref(node));
    rc_xdecref(slots[at]);
    slots[at] = node;
    if (check_below(&state, 5000) == 0) (void)gc_collect(heap);
    if (check_below(&state, 20000) == 0) CHECK_EQ(gc_profile_clear(heap), RC_OK);
    if (check_below(&state, 1000) == 0) check_sums(heap);
  }
  for (size_t i = 0; i < SLOTS; i++) rc_clear(&slots[i]);
  (void)gc_collect(heap);
  check_sums(heap);
  CHECK_EQ(graph_live(heap), 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void depth_is_no_matter(void) {
  gc_heap *heap = profiled_heap();
  size_t count = check_scale(10000, 1000000, 10000000);
  Node *chain = graph_chain(graph_declared(heap), count, false);
  CHECK_EQ(totals(heap).live_objects, count);
  rc_decref(chain);
  CHECK_EQ(totals(heap).live_objects, 0);
  check_sums(heap);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void bad_input(void) {
  gc_heap *heap = graph_heap("bad");
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = 1u << 31;
  CHECK_EQ(gc_profile_start(heap, &options), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "0x80000000");
  options.flags = 0, options.struct_size = 1;
  CHECK_EQ(gc_profile_start(heap, &options), RC_ERR_INVALID);
  gc_profile_stats stats = GC_PROFILE_STATS_INIT;
  CHECK_EQ(gc_profile_get(heap, &stats), RC_ERR_REFUSED);
  CHECK_EQ(gc_profile_clear(heap), RC_ERR_REFUSED);
  CHECK_EQ(gc_scope_expect_clean(heap, 1), RC_ERR_REFUSED);
  gc_profile_reset_peak(heap);
  CHECK_EQ(gc_profile_start(heap, NULL), RC_OK);
  stats.struct_size = 2;
  CHECK_EQ(gc_profile_get(heap, &stats), RC_ERR_INVALID);
  CHECK_EQ(gc_profile_get(heap, check_null()), RC_ERR_INVALID);
  CHECK_EQ(gc_scope_get(heap, 1, check_null()), RC_ERR_INVALID);
  Node *node = RC_NEW(graph_declared(heap));
  CHECK_EQ(gc_object_site(node, check_null()), RC_ERR_INVALID);
  rc_decref(node);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static const check_test tests[] = {
    CHECK_TEST(site_counters_are_exact),
    CHECK_TEST(plain_allocation_is_counted_by_type),
    CHECK_TEST(sizes_of_all_kinds),
    CHECK_TEST(what_the_collector_ends_is_told),
    CHECK_TEST(in_consequence_is_not_by_the_collector),
    CHECK_TEST(where_an_object_comes_from),
    CHECK_TEST(sites_of_the_host),
    CHECK_TEST(sites_of_a_script_that_goes),
    CHECK_TEST(started_and_stopped),
    CHECK_TEST(two_heaps),
    CHECK_TEST(external_bytes_of_sites),
    CHECK_TEST(ages_at_death),
    CHECK_TEST(groups_filters_and_order),
    CHECK_TEST(snapshots_are_compared),
    CHECK_TEST(peaks_can_be_reset),
    CHECK_TEST(scopes_are_measured),
    CHECK_TEST(peaks_of_nested_scopes),
    CHECK_TEST(scopes_that_leave_something_behind),
    CHECK_TEST(clean_blocks),
    CHECK_TEST(functions_are_measured),
    CHECK_TEST(scopes_across_the_borders_of_a_profile),
    CHECK_TEST(stopped_in_the_middle_of_an_allocation),
    CHECK_TEST(automatic_collections_go_on),
    CHECK_TEST(at_random),
    CHECK_TEST(depth_is_no_matter),
    CHECK_TEST(bad_input),
};

CHECK_MAIN(tests)
