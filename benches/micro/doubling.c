/* doubling.c: what a host has many of, once so many and once twice as many: the time must double, not grow fourfold.
 *
 *     doubling WORKLOAD SIZE
 *
 * Only `measured` counts: its time is reported, and its instructions are what c-tests/doubling.py looks at.
 */
#include "bench.h"

#include <rcgc.h>

#define MIB ((size_t)1 << 20)
enum { PAGE = 64 << 10 };

typedef struct Node {
  struct Node *next;
  uint64_t number;
} Node;

typedef struct Array {
  size_t used;
  Node *items[];
} Array;

static const rc_field fields[] = {RC_FIELD(Node, next)};
static const rc_field array_fields[] = {RC_FIELD_TAIL(Array, items)};

/* What a workload has prepared. */
static size_t size;
static gc_heap *heap;
static rc_type *type, **types;
static gc_mark *mark, **marks;
static gc_heap **heaps;
static void **objects;
static char (*names)[32];
static rc_field *many_fields;
static rc_site *sites;

static void must(bool holds, const char *what) {
  if (!holds) bench_fail("%s: %s", what, gc_error_message(heap));
}

static gc_heap *heap_new(uint32_t finalizers) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  gc_heap *made;
  options.finalizers = finalizers;
  must(gc_heap_new(&options, &made) == RC_OK, "gc_heap_new");
  return made;
}

static rc_type *type_new(gc_heap *of, size_t bytes, bool refers) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *made;
  spec.name = "Type", spec.size = bytes, spec.fields = fields, spec.field_count = refers;
  must(rc_type_new(of, &spec, &made) == RC_OK, "rc_type_new");
  return made;
}

static void *table(size_t each) {
  void *made = calloc(size + 1, each);
  must(made != NULL, "calloc");
  return made;
}

static void types_new(void) {
  types = table(sizeof *types);
  for (size_t i = 0; i < size; i++) types[i] = type_new(heap, sizeof(Node), true);
}

static void limit(size_t bytes) {
  gc_policy policy = GC_POLICY_INIT;
  policy.limit_bytes = bytes;
  must(gc_set_policy(heap, &policy) == RC_OK, "gc_set_policy");
}

static void nothing(gc_heap *of, void *ctx) {
  (void)of, (void)ctx;
}

static void told(gc_heap *of, const gc_event *event, void *ctx) {
  (void)of, (void)event, (void)ctx;
}

static void quiet(uint32_t level, const char *line, void *ctx) {
  (void)level, (void)line, (void)ctx;
}

static void finalize(void *obj) {
  (void)obj;
}

/* ---- types ---- */

static void prepare_growth(void) {
  must(gc_growth_mark(heap, GC_MARK_TYPES, &mark) == RC_OK, "gc_growth_mark");
  types_new();
  for (size_t i = 0; i < size; i++) (void)!rc_new(types[i]);
}

static void growth(void) {
  size_t count;
  must(gc_growth_since(mark, GC_SINCE_MARK, NULL, 0, &count) == RC_OK && count == size, "gc_growth_since");
}

static void prepare_fields(void) {
  many_fields = table(sizeof *many_fields);
  for (size_t i = 0; i < size; i++) {
    rc_field field = {"f", RC_SLOT_POINTER, RC_PLACE_ONE, (size - 1 - i) * 8, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0};
    many_fields[i] = field;
  }
}

static void type_of_many_fields(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Wide", spec.size = size * 8, spec.fields = many_fields, spec.field_count = size;
  must(rc_type_new(heap, &spec, &type) == RC_OK, "rc_type_new");
}

/* The first type goes, two come: the slots of all others are passed by. */
static void types_come_and_go(void) {
  for (size_t i = 0; i < size; i++) {
    must(rc_type_free(types[i]) == RC_OK, "rc_type_free");
    must(rc_type_free(type_new(heap, 16, false)) == RC_OK, "rc_type_free");
    types[i] = type_new(heap, 16, false);
    (void)type_new(heap, 16, false);
  }
}

static void leak_check(void) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  must(gc_leak_check(heap, nothing, NULL, 0, 1, &result) == RC_OK, "gc_leak_check");
}

static void prepare_objects_of_types(void) {
  types_new();
  for (size_t i = 0; i < size; i++) (void)!rc_new(types[i]);
}

static void verify(void) {
  size_t count;
  must(gc_verify(heap, NULL, NULL, &count) == RC_OK && count == 0, "gc_verify");
}

static void prepare_sampled(void) {
  types_new();
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_STACKS, options.sample_bytes = 1, options.stacks = GC_STACKS_NONE;
  must(gc_profile_start(heap, &options) == RC_OK, "gc_profile_start");
}

static void sampled(void) {
  for (size_t i = 0; i < size; i++) rc_decref(rc_new(types[i]));
  for (size_t i = 0; i < size; i++) must(rc_type_free(types[i]) == RC_OK, "rc_type_free");
}

static void prepare_finalized(void) {
  heap = heap_new(GC_FINALIZERS_QUEUED);
  types = table(sizeof *types);
  for (size_t i = 0; i < size; i++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    spec.name = "Type", spec.size = 16, spec.finalize = finalize;
    must(rc_type_new(heap, &spec, &types[i]) == RC_OK, "rc_type_new");
  }
}

static void objects_of_types(void) {
  for (size_t i = 0; i < size; i++) must(rc_new(types[i]) != NULL, "rc_new");
}

/* ---- heaps ---- */

static void heaps_come_and_go(void) {
  for (size_t i = 0; i < size; i++) heaps[i] = heap_new(0);
  for (size_t i = 0; i < size; i++) {
    (void)gc_heap_free(heaps[i]);
    heaps[i] = heap_new(0);
    (void)gc_heap_free(heap_new(0));
  }
}

static void prepare_heaps(void) {
  heaps = table(sizeof *heaps);
}

/* Each heap has a segment among the first and one among the last. */
static void prepare_interleaved(void) {
  prepare_heaps();
  types = table(sizeof *types);
  for (size_t i = 0; i < 2 * size; i++) {
    if (i < size) heaps[i] = heap_new(0), types[i] = type_new(heaps[i], MIB - 16, false);
    must(rc_new(types[i % size]) != NULL, "rc_new");
  }
}

static void collect_each(void) {
  for (size_t i = 0; i < size; i++) (void)gc_collect(heaps[i]);
}

/* ---- memory ---- */

/* Each segment has one free page. */
static void prepare_gaps(void) {
  rc_type *page = type_new(heap, PAGE - 16, false);
  objects = table(16 * sizeof *objects);
  for (size_t i = 0; i < 16 * size; i++) objects[i] = rc_new(page);
  for (size_t i = 0; i < 16 * size; i += 16) rc_decref(objects[i]);
  type = type_new(heap, 2 * PAGE - 16, false);
}

/* They stay: none of the segments has room for the next one. */
static void spans_of_two(void) {
  for (size_t i = 0; i < size; i++) must(rc_new(type) != NULL, "rc_new");
}

/* A heap of so many objects at its limit. */
static void prepare_full(void) {
  limit(size * 32);
  Node *list = NULL, *node;
  while ((node = rc_new(type))) node->next = list, list = node;
}

static void refused(void) {
  for (size_t i = 0; i < size; i++) must(rc_new(type) == NULL, "rc_new");
}

static void prepare_cache(void) {
  limit(size * 32);
  objects = table(sizeof *objects);
  type = type_new(heap, sizeof(Node), false);
  size_t count = 0;
  while (count < size && (objects[count] = rc_new(type))) count++;
  while (count < size) objects[count++] = NULL;
}

static void one_goes_and_one_comes(void) {
  for (size_t i = 0; i < size; i++) {
    size_t at = i * 7919 % size;
    if (!objects[at]) continue;
    rc_decref(objects[at]);
    must((objects[at] = rc_new(type)) != NULL, "rc_new");
  }
}

static void prepare_idle(void) {
  rc_type *page = type_new(heap, MIB - 32, false);
  objects = table(sizeof *objects);
  for (size_t i = 0; i < size; i++) objects[i] = rc_new(page);
}

static void fill_and_trim(void) {
  for (size_t i = 0; i < size; i++) rc_decref(objects[i]);
  (void)gc_collect(heap);
}

/* ---- scopes and profiles ---- */

static void profile(void) {
  must(gc_profile_start(heap, NULL) == RC_OK, "gc_profile_start");
}

static void prepare_names(void) {
  profile();
  names = table(sizeof *names);
  for (size_t i = 0; i < size; i++) snprintf(names[i], sizeof names[i], "request %zu", i);
}

static void names_of_scopes(void) {
  for (size_t i = 0; i < size; i++)
    must(rc_scope_leave(heap, rc_scope_enter_named(heap, names[i])) == RC_OK, "rc_scope_leave");
}

/* Objects made outside end inside of many scopes. */
static void prepare_nested(void) {
  profile();
  objects = table(sizeof *objects);
  for (size_t i = 0; i < size; i++) objects[i] = rc_new(type);
  for (size_t i = 0; i < size; i++) (void)!rc_scope_enter(heap);
}

static void end_inside(void) {
  for (size_t i = 0; i < size; i++) rc_decref(objects[i]);
}

static void prepare_survivors(void) {
  profile();
  sites = table(sizeof *sites);
  for (size_t i = 0; i < size; i++) sites[i].file = "a.c", sites[i].function = "f", sites[i].line = (uint32_t)i + 1;
}

static void survivors(void) {
  rc_scope_mark scope = rc_scope_enter(heap);
  must(gc_scope_expect_clean(heap, scope) == RC_OK, "gc_scope_expect_clean");
  for (size_t i = 0; i < size; i++) (void)!rc_new_at(type, &sites[i]);
  must(rc_scope_leave(heap, scope) == RC_OK, "rc_scope_leave");
}

/* ---- what the host has open ---- */

static void prepare_marks(void) {
  marks = table(sizeof *marks);
}

static void open_marks(void) {
  for (size_t i = 0; i < size; i++) must(gc_growth_mark(heap, 0, &marks[i]) == RC_OK, "gc_growth_mark");
  for (size_t i = 0; i < size; i++) gc_growth_free(marks[i]);
}

static void listeners(void) {
  for (size_t i = 0; i < size; i++) must(gc_add_callback(heap, told, &names[i]) == RC_OK, "gc_add_callback");
  for (size_t i = 0; i < size; i++) must(gc_remove_callback(heap, told, &names[i]) == RC_OK, "gc_remove_callback");
}

static void prepare_listeners(void) {
  names = table(sizeof *names);
}

/* One for each type, which ends. */
static void watches(void) {
  for (size_t i = 0; i < size; i++) {
    gc_watch_spec spec = GC_WATCH_SPEC_INIT;
    uint32_t number;
    spec.metric = GC_WATCH_TYPE_OBJECTS, spec.type = types[i], spec.limit = 1000;
    must(gc_watch(heap, &spec, &number) == RC_OK, "gc_watch");
  }
  gc_series_tick(heap);
  for (size_t i = 0; i < size; i++) must(rc_type_free(types[i]) == RC_OK, "rc_type_free");
}

static void prepare_expected(void) {
  objects = table(sizeof *objects);
  for (size_t i = 0; i < size; i++) {
    objects[i] = rc_new(type);
    must(gc_expect_dead(objects[i], "it is over") == RC_OK, "gc_expect_dead");
  }
  for (size_t i = 0; i < size; i++) rc_decref(objects[i]);
}

static void expected(void) {
  must(gc_check_expected(heap) == 0, "gc_check_expected");
}

/* Values of one weak map, whose keys are dead and not collected: all lead to one object, and something behind the map does to
 * them. Why is it alive? */
static void prepare_entries(void) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *array;
  spec.name = "Array", spec.size = sizeof(Array), spec.tail_size = sizeof(Node *);
  spec.fields = array_fields, spec.field_count = 1;
  must(rc_type_new(heap, &spec, &array) == RC_OK, "rc_type_new");
  gc_disable(heap);
  rc_weakmap *map = rc_weakmap_new(heap);
  objects = table(sizeof *objects);
  Array *behind = rc_new_array(array, size);
  Node *asked = rc_new(type), *root = rc_new(type);
  for (size_t i = 0; i < size; i++) {
    Node *value = rc_new(type), *key = rc_new(type);
    value->next = rc_newref(asked);
    behind->items[i] = rc_newref(value);
    must(rc_weakmap_set(map, key, value) == RC_OK, "rc_weakmap_set");
    rc_decref(value);
    key->next = key;
  }
  root->next = (Node *)behind;
  rc_decref(asked);
  objects[0] = asked;
}

static void why_alive(void) {
  gc_query *query;
  gc_why why = GC_WHY_INIT;
  must(gc_query_begin(heap, &query) == RC_OK, "gc_query_begin");
  must(gc_why_alive(query, objects[0], &why, NULL, 0, NULL, 0) == RC_OK, "gc_why_alive");
  must(why.verdict == GC_WHY_REACHABLE, "reachable");
  must(gc_query_end(query) == RC_OK, "gc_query_end");
}

/* Static constants of a program, and who asks for one. */
typedef struct Constant {
  uint64_t spare;
  uint32_t count, type;
  uint64_t value, more;
} Constant;

static Constant *constants;
static rc_static *entries;

static void prepare_constants(void) {
  constants = aligned_alloc(16, size * sizeof *constants);
  entries = table(sizeof *entries);
  must(constants != NULL, "aligned_alloc");
  for (size_t i = 0; i < size; i++) {
    constants[i] = (Constant){0, RCGC_COUNT_IMMORTAL, 0, i, 0};
    entries[i] = (rc_static){sizeof(rc_static), &constants[i].value, 8, "Constant", "one of many", NULL};
  }
}

static void constants_come_and_go(void) {
  for (size_t i = 0; i < size; i++) rc_static_add(&entries[i]);
  for (size_t i = 0; i < size; i++) must(rc_size_of(&constants[i].value) == 8, "rc_size_of");
  for (size_t i = 0; i < size; i++) rc_static_remove(&entries[i]);
}

static const struct workload {
  const char *name;
  void (*prepare)(void), (*run)(void);
} workloads[] = {
    {"growth", prepare_growth, growth},
    {"fields", prepare_fields, type_of_many_fields},
    {"types", types_new, types_come_and_go},
    {"leak_check", prepare_objects_of_types, leak_check},
    {"verify", prepare_objects_of_types, verify},
    {"sampled", prepare_sampled, sampled},
    {"finalized", prepare_finalized, objects_of_types},
    {"heaps", prepare_heaps, heaps_come_and_go},
    {"interleaved", prepare_interleaved, collect_each},
    {"spans", prepare_gaps, spans_of_two},
    {"refused", prepare_full, refused},
    {"cache", prepare_cache, one_goes_and_one_comes},
    {"idle", prepare_idle, fill_and_trim},
    {"names", prepare_names, names_of_scopes},
    {"nested", prepare_nested, end_inside},
    {"survivors", prepare_survivors, survivors},
    {"marks", prepare_marks, open_marks},
    {"listeners", prepare_listeners, listeners},
    {"watches", types_new, watches},
    {"expected", prepare_expected, expected},
    {"entries", prepare_entries, why_alive},
    {"constants", prepare_constants, constants_come_and_go},
};

BENCH_NOINLINE static void measured(const struct workload *workload) {
  workload->run();
}

int main(int argc, char **argv) {
  if (argc != 3) bench_fail("usage: doubling WORKLOAD SIZE");
  size = (size_t)strtoul(argv[2], NULL, 10);
  bench_pin();
  gc_set_log(quiet, NULL);
  heap = heap_new(0);
  gc_disable(heap);
  type = type_new(heap, sizeof(Node), true);
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
    if (strcmp(workloads[i].name, argv[1]) != 0) continue;
    workloads[i].prepare();
    uint64_t start = bench_now_ns();
    measured(&workloads[i]);
    bench_report_each("time", start, 1);
    return 0;
  }
  bench_fail("no workload is called %s", argv[1]);
}
