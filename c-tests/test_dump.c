/* gc_dump: what is written is the heap, edge by edge, by every kind of field; the heap is as it was, whatever
 * the sink does; wrong options are told. The dump is read by dump_reader.h, which knows only the document. */
#include "check.h"
#include "graph.h"
#include "dump_reader.h"

#include <fcntl.h>
#include <pthread.h>

/* ---- dumps in memory ---- */

typedef struct sink {
  dump_bytes bytes;
  size_t calls, fail_at; /* the call that fails, from 1; 0: none */
} sink;

static int sink_write(const void *bytes, size_t len, void *ctx) {
  sink *to = ctx;
  if (++to->calls == to->fail_at) return ENOSPC;
  dump_append(&to->bytes, bytes, len);
  return 0;
}

static gc_dump_options sink_options(sink *to) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = sink_write, options.write_ctx = to;
  return options;
}

static dump_file *dump_of(gc_heap *heap, sink *to, uint32_t flags, const char *label) {
  gc_dump_options options = sink_options(to);
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  options.flags = flags, options.label = label, options.name_key = 77;
  rc_status status = gc_dump(heap, &options, &result);
  if (status != RC_OK) printf("gc_dump: %s\n", gc_error_message(heap));
  REQUIRE(status == RC_OK);
  dump_file *file = dump_read(to->bytes.at, to->bytes.len);
  CHECK(file->whole && !file->cut);
  CHECK_EQ(result.objects, file->object_count);
  CHECK_EQ(result.objects, graph_live(heap));
  CHECK_EQ(result.edges, file->end[2]);
  CHECK_EQ(result.bytes, to->bytes.len);
  CHECK_EQ(result.child, 0);
  size_t counted = 0;
  for (size_t i = 0; i < file->edge_count; i++) counted += file->edges[i].counted;
  CHECK_EQ(counted, result.edges);
  return file;
}

static void dump_end(dump_file *file, sink *to) {
  dump_free(file);
  free(to->bytes.at);
  memset(to, 0, sizeof *to);
}

/* ---- every kind of field ---- */

typedef struct Pair {
  void *payload;
  uint8_t tag;
} Pair;

typedef struct Every {
  void *one;
  void *three[3];
  uintptr_t word;
  Pair pair;
  uint32_t item_count;
  void **items;
  rc_weak *weak;
  void *tail[];
} Every;

static const rc_field every_fields[] = {
    RC_FIELD(Every, one),
    RC_FIELD_ARRAY(Every, three),
    RC_FIELD_TAGGED(Every, word, 3, 1, ~(uintptr_t)3),
    RC_FIELD_VARIANT(Every, pair.payload, pair.tag, 0xff, 9),
    RC_FIELD_VECTOR(Every, items, item_count),
    RC_FIELD_WEAK(Every, weak),
    RC_FIELD_TAIL(Every, tail),
};

static void every_destroy(void *obj) {
  free(((Every *)obj)->items);
}

static rc_type *every_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Every", spec.size = sizeof(Every), spec.tail_size = sizeof(void *);
  spec.fields = every_fields, spec.field_count = RC_COUNT_OF(every_fields);
  spec.destroy = every_destroy;
  return graph_type(heap, &spec);
}

static void every_kind_of_field(void) {
  gc_heap *heap = graph_heap("every");
  rc_type *every = every_type(heap), *node = graph_declared(heap);
  Node *leaf[12];
  for (size_t i = 0; i < 12; i++) leaf[i] = graph_node(node, i);
  Every *obj = rc_new_array(every, 5);
  REQUIRE(obj);
  obj->one = rc_newref(leaf[0]);
  obj->three[1] = rc_newref(leaf[1]);
  obj->word = (uintptr_t)rc_newref(leaf[2]) | 1;
  obj->pair.payload = rc_newref(leaf[3]), obj->pair.tag = 9;
  obj->items = calloc(4, sizeof *obj->items);
  REQUIRE(obj->items);
  obj->items[0] = rc_newref(leaf[4]), obj->items[3] = rc_newref(leaf[5]);
  obj->item_count = 4;
  obj->weak = rc_weak_new(leaf[6], NULL, NULL);
  obj->tail[0] = rc_newref(leaf[7]), obj->tail[4] = rc_newref(leaf[8]);
  leaf[9]->a = rc_newref(obj), leaf[9]->b = rc_newref(leaf[9]);

  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, "what it is");
  CHECK_EQ(file->object_count, 13);
  CHECK(dump_name_is(file, file->heap_name, "every"));
  CHECK(dump_name_is(file, file->label, "what it is"));
  CHECK_EQ(file->edge_count, 11);
  CHECK_EQ(dump_edges(file, obj, leaf[0], "one", UINT64_MAX), 1);
  CHECK_EQ(dump_edges(file, obj, leaf[1], "three", 1), 1);
  CHECK_EQ(dump_edges(file, obj, leaf[2], "word", UINT64_MAX), 1);
  CHECK_EQ(dump_edges(file, obj, leaf[3], "pair.payload", UINT64_MAX), 1);
  CHECK_EQ(dump_edges(file, obj, leaf[4], "items", 0), 1);
  CHECK_EQ(dump_edges(file, obj, leaf[5], "items", 3), 1);
  CHECK_EQ(dump_edges(file, obj, leaf[6], "weak", UINT64_MAX), 1);
  CHECK_EQ(dump_edges(file, obj, leaf[7], "tail", 0), 1);
  CHECK_EQ(dump_edges(file, obj, leaf[8], "tail", 4), 1);
  CHECK_EQ(dump_edges(file, leaf[9], obj, "a", UINT64_MAX), 1);
  CHECK_EQ(dump_edges(file, leaf[9], leaf[9], "b", UINT64_MAX), 1);
  for (size_t i = 0; i < 12; i++) CHECK_EQ(dump_outside(file, leaf[i]), 1);
  dump_object *found = dump_at(file, obj);
  REQUIRE(found);
  CHECK_EQ(dump_outside(file, obj), 1);
  CHECK_EQ(found->count, rc_count(obj));
  CHECK_EQ(found->length, 5);
  CHECK_EQ(dump_at(file, leaf[6])->handles, 1);
  dump_type *type = dump_type_by_number(file, found->type);
  CHECK(dump_name_is(file, type->name, "Every"));
  CHECK_EQ(type->pairs[1], sizeof(Every));
  CHECK_EQ(type->pairs[2], sizeof(void *));
  CHECK_EQ(type->pairs[5], 8);
  CHECK_EQ(type->pairs[6] - type->pairs[7], 1);
  dump_end(file, &to);

  obj->word &= ~(uintptr_t)1; /* no reference now: a word with another tag, a variant with another tag */
  obj->pair.tag = 8;
  obj->item_count = 1;
  file = dump_of(heap, &to, 0, NULL);
  CHECK_EQ(file->label, 0);
  CHECK_EQ(file->edge_count, 8);
  CHECK_EQ(dump_outside(file, leaf[2]), 2);
  CHECK_EQ(dump_outside(file, leaf[3]), 2);
  CHECK_EQ(dump_outside(file, leaf[5]), 2);
  dump_end(file, &to);
  obj->word |= 1, obj->pair.tag = 9, obj->item_count = 4;
  rc_decref(obj);
  for (size_t i = 0; i < 12; i++) rc_decref(leaf[i]);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* Trailing bytes without references, alone and beside declared pointers. */
static void trailing_bytes(void) {
  gc_heap *heap = graph_heap("bytes");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Bytes", spec.size = 16, spec.tail_size = 1;
  rc_type *bytes = graph_type(heap, &spec);
  spec.name = "Both", spec.size = sizeof(Node), spec.tail_size = 3;
  spec.fields = graph_fields, spec.field_count = 2;
  rc_type *both = graph_type(heap, &spec);
  void *text[3] = {rc_new_array(bytes, 0), rc_new_array(bytes, 1000), rc_new_array(bytes, 100000)};
  Node *node = rc_new_array(both, 7);
  REQUIRE(text[0] && text[1] && text[2] && node);
  node->b = rc_newref(text[2]);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, NULL);
  CHECK_EQ(dump_at(file, text[0])->length, 0);
  CHECK_EQ(dump_at(file, text[1])->length, 1000);
  CHECK_EQ(dump_at(file, text[2])->length, 100000);
  CHECK_EQ(dump_at(file, text[2])->bytes, 131072);
  CHECK_EQ(dump_at(file, node)->length, 7);
  CHECK_EQ(dump_edges(file, node, text[2], "b", UINT64_MAX), 1);
  CHECK_EQ(file->edge_count, 1);
  dump_end(file, &to);
  rc_decref(node), rc_decref(text[0]), rc_decref(text[1]), rc_decref(text[2]);
  gc_heap_free(heap);
}

/* ---- what traverse reports, weak maps, other heaps ---- */

static int named_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  char name[16]; /* good for this call only */
  snprintf(name, sizeof name, "link %u", (unsigned)(node->id % 3));
  rc_visit_named(visit, visit_ctx, node->a, name, RC_NO_INDEX);
  memset(name, 'x', sizeof name - 1);
  rc_visit_named(visit, visit_ctx, node->b, "children", (size_t)node->id);
  visit(node->b, visit_ctx); /* reported twice: a mistake that the dump shows as it is */
  return 0;
}

static void edges_that_a_traverse_reports(void) {
  gc_heap *heap = graph_heap("reports");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Named", spec.size = sizeof(Node);
  spec.traverse = named_traverse, spec.clear = graph_clear;
  rc_type *type = graph_type(heap, &spec); /* not tracked: it is asked all the same */
  Node *a = graph_node(type, 1), *b = graph_node(type, 2);
  a->a = rc_newref(b), a->b = rc_newref(a), b->b = rc_newref(a);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, NULL);
  CHECK_EQ(file->edge_count, 5);
  CHECK_EQ(dump_edges(file, a, b, "link 1", UINT64_MAX), 1);
  CHECK_EQ(dump_edges(file, a, a, "children", 1), 1);
  CHECK_EQ(dump_edges(file, a, a, NULL, UINT64_MAX), 1);
  CHECK_EQ(dump_edges(file, b, a, "children", 2), 1);
  CHECK_EQ(dump_outside(file, a), 3 - 4);
  CHECK_EQ(dump_outside(file, b), 1);
  CHECK_EQ(dump_at(file, a)->flags & 1, 0);
  dump_end(file, &to);
  rc_clear(&a->b), rc_clear(&b->b), rc_decref(b), rc_decref(a);
  gc_heap_free(heap);
}

static void weak_maps_and_other_heaps(void) {
  gc_heap *heap = graph_heap("one"), *other = graph_heap("other");
  rc_type *node = graph_declared(heap);
  Node *key = graph_node(node, 1), *value = graph_node(node, 2), *far = graph_node(graph_declared(other), 3);
  rc_weakmap *map = rc_weakmap_new(heap);
  REQUIRE(map);
  CHECK_EQ(rc_weakmap_set(map, key, value), RC_OK);
  key->a = rc_newref(far);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, NULL);
  CHECK_EQ(file->object_count, 3);
  CHECK_EQ(dump_edges(file, map, key, NULL, 0), 1);
  CHECK_EQ(dump_edges(file, map, value, NULL, 1), 1);
  CHECK_EQ(dump_outside(file, key), 1);
  CHECK_EQ(dump_outside(file, value), 1);
  CHECK(dump_type_by_number(file, dump_at(file, map)->type)->pairs[4] & 2);
  size_t elsewhere = 0;
  for (size_t i = 0; i < file->edge_count; i++) elsewhere += file->edges[i].target == EDGE_OTHER_HEAP;
  CHECK_EQ(elsewhere, 1);
  dump_end(file, &to);
  key->b = (Node *)(void *)&to; /* a host's mistake: no object */
  value->b = (Node *)(void *)((char *)(void *)key + 8);
  file = dump_of(heap, &to, 0, NULL);
  size_t wrong = 0;
  for (size_t i = 0; i < file->edge_count; i++) wrong += file->edges[i].target == EDGE_NO_OBJECT;
  CHECK_EQ(wrong, 2);
  dump_end(file, &to);
  key->b = value->b = NULL;
  rc_decref(key), rc_decref(value), rc_decref(map), rc_decref(far);
  CHECK_EQ(gc_heap_free(heap), 0);
  CHECK_EQ(gc_heap_free(other), 0);
}

/* ---- flags, holders, books ---- */

static void flags_and_holders(void) {
  gc_heap *heap = graph_heap("flags");
  rc_type *node = graph_declared(heap);
  gc_disable(heap);
  Node *old = graph_node(node, 1), *frozen = graph_node(node, 2), *young = graph_node(node, 3);
  Node *immortal = graph_node(node, 4), *untracked = graph_node(node, 5);
  gc_freeze(heap);
  old = (rc_decref(old), graph_node(node, 1)); /* a block of a page with frozen ones */
  young = (rc_decref(young), graph_node(node, 3));
  gc_collect(heap);
  young = (rc_decref(young), graph_node(node, 3));
  rc_immortalize(immortal);
  CHECK_EQ(gc_untrack(untracked), RC_OK);
  CHECK_EQ(rc_add_external_bytes(old, 123456789), RC_OK);
  rc_scope_mark outer = rc_scope_enter_named(heap, "outer"), inner = rc_scope_enter(heap);
  rc_scope_keep(heap, rc_newref(old));
  rc_scope_keep(heap, rc_newref(young));
  CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
  rc_scope_keep(heap, rc_newref(young));
  inner = rc_scope_enter_named(heap, "inner");
  rc_scope_keep(heap, rc_newref(frozen));
  rc_scope_stack *stack = NULL;
  REQUIRE(rc_scope_stack_new(heap, &stack) == RC_OK && rc_scope_stack_switch(heap, stack) == NULL);
  CHECK(rc_scope_enter_named(heap, "elsewhere") != RC_SCOPE_NONE);
  rc_scope_keep(heap, rc_newref(old));
  rc_scope_stack_switch(heap, NULL);

  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, NULL);
  CHECK_EQ(dump_at(file, old)->flags, 1);
  CHECK_EQ(dump_at(file, frozen)->flags, 1 | 4);
  CHECK_EQ(dump_at(file, young)->flags, 1 | 2);
  CHECK_EQ(dump_at(file, immortal)->flags & 256, 256);
  CHECK_EQ(dump_at(file, immortal)->count, 0);
  CHECK_EQ(dump_at(file, untracked)->flags & 1, 0);
  CHECK_EQ(dump_at(file, old)->external, 123456789);
  CHECK_EQ(file->holder_count, 3);
  REQUIRE(file->holder_count == 3);
  CHECK(file->holders[2].kind == 1 && dump_name_is(file, file->holders[2].name, "elsewhere"));
  CHECK_EQ(file->holders[2].place, dump_at(file, old)->place);
  CHECK(file->holders[0].kind == 1 && dump_name_is(file, file->holders[0].name, "outer"));
  CHECK_EQ(file->holders[0].place, dump_at(file, young)->place);
  CHECK(file->holders[1].kind == 1 && dump_name_is(file, file->holders[1].name, "inner"));
  CHECK_EQ(file->holders[1].place, dump_at(file, frozen)->place);
  gc_stats stats = graph_stats(heap);
  uint64_t bytes = 0;
  for (size_t i = 0; i < file->object_count; i++) bytes += file->objects[i].bytes;
  CHECK_EQ(bytes, stats.live_bytes);
  CHECK_EQ(file->pairs[2], stats.live_objects);
  CHECK_EQ(file->pairs[3], stats.live_bytes);
  CHECK_EQ(file->pairs[4], 123456789);
  CHECK_EQ(file->pairs[5], stats.heap_bytes);
  CHECK_EQ(file->pairs[7], stats.allocated_objects);
  CHECK_EQ(file->pairs[8], stats.freed_objects);
  CHECK_EQ(file->pairs[10], stats.full.runs);
  CHECK_EQ(file->pairs[16], stats.full.pause_ns_max);
  dump_end(file, &to);
  CHECK_EQ(rc_scope_leave(heap, inner), RC_OK);
  CHECK_EQ(rc_scope_leave(heap, outer), RC_OK);
  rc_decref(old), rc_decref(frozen), rc_decref(young), rc_decref(untracked);
  gc_heap_free(heap);
}

static void ring_finalize(void *obj) {
  (void)obj;
}

static void what_the_engine_holds(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.finalizers = GC_FINALIZERS_QUEUED;
  gc_heap *heap;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Finalized", spec.size = sizeof(Node), spec.finalize = ring_finalize;
  spec.fields = graph_fields, spec.field_count = RC_COUNT_OF(graph_fields);
  Node *due = graph_node(graph_type(heap, &spec), 1);
  rc_decref(due);
  gc_set_debug(heap, GC_DEBUG_SAVEALL);
  Node *ring = graph_ring(graph_declared(heap), 2);
  rc_decref(ring);
  CHECK_EQ(gc_collect(heap), 2);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, NULL);
  REQUIRE(file->holder_count == 3);
  size_t of_kind[4] = {0};
  for (size_t i = 0; i < 3; i++) of_kind[file->holders[i].kind & 3]++;
  CHECK(of_kind[2] == 2 && of_kind[3] == 1);
  CHECK_EQ(dump_outside(file, due), 1);
  CHECK_EQ(dump_outside(file, ring), 1);
  dump_end(file, &to);
  gc_set_debug(heap, 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* ---- random heaps ---- */

static void random_heaps(void) {
  uint64_t seed = check_seed("random_heaps");
  for (size_t round = 0; round < check_scale(2, 20, 200); round++) {
    gc_heap *heap = graph_heap("random");
    rc_type *type = graph_kinds[check_below(&seed, 4)](heap);
    size_t n = 1 + check_below(&seed, check_scale(300, 20000, 20000));
    Node **nodes = malloc(n * sizeof *nodes);
    REQUIRE(nodes);
    graph_random(type, nodes, n, &seed);
    size_t held = 0;
    for (size_t i = 0; i < n; i++) { /* some are let go, so that there are gaps */
      if (check_below(&seed, 3) == 0) rc_decref(nodes[i]), nodes[i] = NULL;
      else held++;
    }
    uint64_t live = graph_live(heap);
    sink to = {0};
    dump_file *file = dump_of(heap, &to, 0, NULL);
    size_t edges = 0, in_edges = 0;
    for (size_t i = 0; i < n; i++) {
      Node *node = nodes[i];
      if (!node) continue;
      dump_object *object = dump_at(file, node);
      REQUIRE(object);
      CHECK_EQ(object->count, rc_count(node));
      size_t first = object->edges, count = (node->a != NULL) + (node->b != NULL);
      for (size_t k = first; k < first + count && k < file->edge_count; k++) {
        const dump_edge *edge = &file->edges[k];
        Node *target = k == first && node->a ? node->a : node->b;
        dump_object *expected = dump_at(file, target);
        CHECK(edge->source == object->place && expected && edge->target == (int64_t)expected->place);
      }
      edges += count;
    }
    for (size_t i = 0; i < file->object_count; i++) in_edges += file->objects[i].count;
    CHECK(edges <= file->edge_count);
    CHECK_EQ(in_edges, file->edge_count + held); /* every count is an edge or one of ours */
    CHECK_EQ(file->object_count, live);
    dump_end(file, &to);
    for (size_t i = 0; i < n; i++) rc_xdecref(nodes[i]);
    free(nodes);
    CHECK_EQ(gc_heap_free(heap), 0);
  }
}

/* ---- width, depth, size, time ---- */

/* Bytes of memory that the process has now. */
static size_t resident_bytes(void) {
  char text[128] = {0};
  int fd = open("/proc/self/statm", O_RDONLY);
  REQUIRE(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
  size_t pages = (size_t)strtoull(strchr(text, ' '), NULL, 10);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

typedef struct weighed {
  size_t before, most;
} weighed;

static int write_weighed(const void *bytes, size_t len, void *ctx) {
  weighed *of = ctx;
  (void)bytes, (void)len;
  size_t now = resident_bytes();
  if (now > of->most) of->most = now;
  return 0;
}

/* Nodes in a root table, made in order, both references to random ones. */
static void size_and_time(void) {
  uint64_t seed = check_seed("size_and_time");
  gc_heap *heap = graph_heap("size");
  gc_disable(heap);
  rc_type *type = graph_declared(heap);
  size_t n = check_scale(20000, 1000000, 4000000);
  Node **nodes = malloc(n * sizeof *nodes);
  REQUIRE(nodes);
  for (size_t i = 0; i < n; i++) nodes[i] = graph_node(type, i);
  for (size_t i = 0; i < n; i++) {
    nodes[i]->a = rc_newref(nodes[check_below(&seed, n)]);
    nodes[i]->b = rc_newref(nodes[check_below(&seed, n)]);
  }
  sink to = {0};
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  weighed weight = {resident_bytes(), 0};
  options.write = write_weighed, options.write_ctx = &weight;
  REQUIRE(gc_dump(heap, &options, &result) == RC_OK);
  printf("  %zu KiB more memory\n", weight.most > weight.before ? (weight.most - weight.before) >> 10 : 0);
  CHECK(weight.most < weight.before + ((size_t)16 << 20));
  options = sink_options(&to);
  REQUIRE(gc_dump(heap, &options, &result) == RC_OK);
  CHECK_EQ(result.objects, n);
  CHECK_EQ(result.edges, 2 * n);
  CHECK(result.bytes < 12 * n + 3 * result.edges);
  printf("  %zu objects, %.2f bytes each without 3 for an edge, %.0f ms\n", n,
         ((double)result.bytes - 3.0 * (double)result.edges) / (double)n, (double)result.duration_ns / 1e6);
  dump_file *file = dump_read(to.bytes.at, to.bytes.len);
  CHECK(file->whole && file->edge_count == 2 * n);
  dump_end(file, &to);
  for (size_t i = 0; i < n; i++) rc_decref(nodes[i]);
  free(nodes);
  gc_heap_free(heap);
}

typedef struct Wide {
  uint64_t count;
  void *items[];
} Wide;

static const rc_field wide_fields[] = {RC_FIELD_TAIL(Wide, items)};

static int wide_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Wide *wide = obj;
  for (size_t i = 0; i < wide->count; i++) rc_visit_named(visit, visit_ctx, wide->items[i], "items", i);
  return 0;
}

static void wide_clear(void *obj) {
  Wide *wide = obj;
  for (size_t i = 0; i < wide->count; i++) rc_clear(&wide->items[i]);
}

/* An object whose record needs many chunks, declared and reported, with some slots that refer to nothing; its
 * neighbours are whole, too. Every cut of the file at a chunk reads as far as it goes. */
static void wide_objects(void) {
  size_t n = check_scale(100000, 1000000, 4000000);
  gc_heap *heap = graph_heap("wide");
  rc_type *node = graph_declared(heap);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Wide", spec.size = sizeof(Wide), spec.tail_size = sizeof(void *);
  spec.fields = wide_fields, spec.field_count = 1;
  Wide *declared = rc_new_array(graph_type(heap, &spec), n);
  spec.name = "Reported", spec.fields = NULL, spec.field_count = 0;
  spec.traverse = wide_traverse, spec.clear = wide_clear;
  Wide *reported = rc_new_array(graph_type(heap, &spec), n);
  REQUIRE(declared && reported);
  declared->count = reported->count = n;
  Node *first = graph_node(node, 0);
  for (size_t i = 0; i < n; i++) {
    if (i % 10 == 7) continue;
    declared->items[i] = i % 2 ? rc_newref(first) : graph_node(node, i);
    reported->items[i] = rc_newref(declared->items[i]);
  }
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, NULL);
  dump_object *wide = dump_at(file, declared), *told = dump_at(file, reported);
  REQUIRE(wide && told && file->object_chunks > 3);
  CHECK_EQ(wide->length, n);
  size_t of_wide = 0, of_told = 0;
  for (size_t i = 0; i < file->edge_count; i++) {
    const dump_edge *edge = &file->edges[i];
    bool from_wide = edge->source == wide->place, from_told = edge->source == told->place;
    of_wide += from_wide, of_told += from_told;
    if (!(from_wide || from_told)) continue;
    dump_object *target = dump_at(file, declared->items[edge->index]);
    CHECK(edge->index % 10 != 7 && target && edge->target == (int64_t)target->place);
    if (check_failures) break;
  }
  CHECK_EQ(of_wide, n - n / 10);
  CHECK_EQ(of_told, n - n / 10);
  size_t whole = to.bytes.len, at = 64, objects = file->object_count, chunks = file->chunks;
  dump_free(file);
  for (size_t i = 0; i < chunks; i++) {
    size_t next = at + 24 + (size_t)dump_fixed(to.bytes.at + at + 8, 8);
    file = dump_read(to.bytes.at, at + (next - at) / 2);
    CHECK(!file->whole && file->cut && file->chunks == i && file->object_count <= objects);
    dump_free(file);
    at = next;
  }
  CHECK_EQ(at, whole);
  file = dump_read(to.bytes.at, whole);
  dump_end(file, &to);
  rc_decref(declared), rc_decref(reported), rc_decref(first);
  gc_heap_free(heap);
}

static void *deep_thread(void *arg) {
  (void)arg;
  size_t n = check_scale(100000, 1000000, 10000000);
  gc_heap *heap = graph_heap("deep");
  gc_disable(heap);
  Node *chain = graph_chain(graph_declared(heap), n, false), *ring = graph_ring(graph_callback(heap), n / 10);
  sink to = {0};
  gc_dump_options options = sink_options(&to);
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  CHECK_EQ(gc_dump(heap, &options, &result), RC_OK);
  CHECK_EQ(result.objects, n + n / 10);
  CHECK_EQ(result.edges, n - 1 + n / 10);
  free(to.bytes.at);
  rc_decref(chain), rc_decref(ring);
  gc_heap_free(heap);
  return NULL;
}

static void deep_heaps_on_a_small_stack(void) {
  size_t bytes = 64 << 10, least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
#if defined(__SANITIZE_ADDRESS__)
  bytes *= 4;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  bytes *= 4;
#endif
#endif
  pthread_attr_t attr;
  pthread_t thread;
  REQUIRE(pthread_attr_init(&attr) == 0);
  REQUIRE(pthread_attr_setstacksize(&attr, bytes > least ? bytes : least) == 0);
  REQUIRE(pthread_create(&thread, &attr, deep_thread, NULL) == 0);
  REQUIRE(pthread_join(thread, NULL) == 0);
  pthread_attr_destroy(&attr);
}

/* ---- names ---- */

static void names_of_any_kind(void) {
  static char twenty[20001], huge[100001];
  memset(twenty, 'n', 20000), memset(huge, 'h', 100000);
  const char *const hostile[] = {"",        "\"quo\\te\"", "new\nline\r\t", "\xff\xfe bad \xc3",
                                       "<html>&", twenty,        huge};
  gc_heap *heap = graph_heap("\"heap\"\n");
  rc_field fields[] = {RC_FIELD(Node, a), RC_FIELD(Node, b)};
  Node *nodes[7];
  for (size_t i = 0; i < 7; i++) {
    rc_type_spec spec = RC_TYPE_SPEC_INIT;
    fields[0].name = hostile[i], fields[1].name = i ? "b" : "é";
    spec.name = hostile[i], spec.size = sizeof(Node), spec.fields = fields, spec.field_count = 2;
    if (!*spec.name) spec.name = " "; /* a type must have a name */
    if (!*fields[0].name) fields[0].name = " ";
    nodes[i] = graph_node(graph_type(heap, &spec), i);
    nodes[i]->a = rc_newref(nodes[i]);
  }
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, twenty);
  for (size_t i = 1; i < 7; i++) {
    dump_type *type = dump_type_by_number(file, dump_at(file, nodes[i])->type);
    dump_text name = file->strings[type->name];
    size_t len = strlen(hostile[i]) < 32768 ? strlen(hostile[i]) : 32768;
    CHECK(name.len == len && memcmp(name.at, hostile[i], len) == 0);
    CHECK_EQ(type->groups[0].name, type->name); /* written once */
  }
  CHECK(dump_name_is(file, file->label, twenty));
  dump_end(file, &to);

  file = dump_of(heap, &to, GC_DUMP_HASH_NAMES, "secret");
  CHECK_EQ(file->flags, 1);
  for (size_t i = 1; i < file->string_count; i++) CHECK_EQ(file->strings[i].len, 16);
  for (size_t i = 0; i + 6 < to.bytes.len; i++) {
    CHECK(memcmp(to.bytes.at + i, "secret", 6) != 0 && memcmp(to.bytes.at + i, "nnnnnn", 6) != 0);
  }
  char first[17] = {0}, again[17] = {0};
  memcpy(first, file->strings[file->label].at, 16);
  dump_end(file, &to);
  file = dump_of(heap, &to, GC_DUMP_HASH_NAMES, "secret");
  memcpy(again, file->strings[file->label].at, 16);
  CHECK_STR(first, again); /* the same name and key, the same hash */
  dump_end(file, &to);
  gc_dump_options options = sink_options(&to);
  options.flags = GC_DUMP_HASH_NAMES, options.label = "secret", options.name_key = 78;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  file = dump_read(to.bytes.at, to.bytes.len);
  CHECK(memcmp(file->strings[file->label].at, first, 16) != 0);
  dump_end(file, &to);
  for (size_t i = 0; i < 7; i++) rc_clear(&nodes[i]->a), rc_decref(nodes[i]);
  gc_heap_free(heap);
}

static int many_names_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  char name[64];
  snprintf(name, sizeof name, "%060u", (unsigned)node->id);
  rc_visit_named(visit, visit_ctx, node->a, name, RC_NO_INDEX);
  return rc_visit_named(visit, visit_ctx, node->b, "the same", RC_NO_INDEX);
}

/* More names than the table of names can hold: some are written again, all are right. */
static void more_names_than_fit(void) {
  size_t n = 4000;
  gc_heap *heap = graph_heap("names");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Many", spec.size = sizeof(Node);
  spec.traverse = many_names_traverse, spec.clear = graph_clear;
  rc_type *type = graph_type(heap, &spec);
  Node **nodes = malloc(n * sizeof *nodes);
  REQUIRE(nodes);
  for (size_t i = 0; i < n; i++) nodes[i] = graph_node(type, i);
  for (size_t i = 0; i < n; i++) {
    nodes[i]->a = rc_newref(nodes[(i * 7) % n]);
    nodes[i]->b = rc_newref(nodes[i]);
  }
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, NULL);
  CHECK_EQ(file->edge_count, 2 * n);
  CHECK(file->string_count < n + 8);
  for (size_t i = 0; i < n; i += 97) {
    char name[64];
    snprintf(name, sizeof name, "%060u", (unsigned)i);
    CHECK_EQ(dump_edges(file, nodes[i], nodes[(i * 7) % n], name, UINT64_MAX), 1);
    CHECK_EQ(dump_edges(file, nodes[i], nodes[i], "the same", UINT64_MAX), 1);
  }
  dump_end(file, &to);
  for (size_t i = 0; i < n; i++) rc_clear(&nodes[i]->a), rc_clear(&nodes[i]->b), rc_decref(nodes[i]);
  free(nodes);
  gc_heap_free(heap);
}

/* ---- sinks ---- */

static gc_heap *some_heap(Node **out_head) {
  gc_heap *heap = graph_heap("some");
  *out_head = graph_chain(graph_declared(heap), check_scale(50000, 400000, 400000), true);
  return heap;
}

static void read_file(const char *path, dump_bytes *bytes) {
  FILE *file = fopen(path, "rb");
  REQUIRE(file);
  char buffer[4096];
  size_t n;
  while ((n = fread(buffer, 1, sizeof buffer, file)) > 0) dump_append(bytes, buffer, n);
  fclose(file);
}

static void files_and_descriptors(void) {
  Node *head;
  gc_heap *heap = some_heap(&head);
  sink to = {0};
  dump_file *file = dump_of(heap, &to, 0, NULL);
  size_t len = to.bytes.len;
  dump_end(file, &to);

  char path[] = "/tmp/rcgc-test-dump-XXXXXX";
  int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  CHECK(write(fd, "old", 3) == 3 && close(fd) == 0);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.path = path;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  read_file(path, &to.bytes);
  CHECK_EQ(to.bytes.len, len);
  file = dump_read(to.bytes.at, to.bytes.len);
  CHECK(file->whole);
  dump_end(file, &to);

  fd = open(path, O_WRONLY | O_TRUNC);
  REQUIRE(fd > 0);
  options.path = NULL, options.fd = fd;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK); /* it stays open: a second one behind the first */
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2 * len);
  CHECK(close(fd) == 0 && unlink(path) == 0);

  options.fd = 0, options.path = "/tmp/rcgc-no-such-folder/x";
  errno = 0;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_IO);
  CHECK_EQ(errno, ENOENT);
  CHECK_STR(gc_error_message(heap), "/tmp/rcgc-no-such-folder/x");
  CHECK_STR(gc_error_message(heap), strerror(ENOENT));
  options.path = "/dev/full";
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_IO);
  CHECK_EQ(errno, ENOSPC);
  CHECK_STR(gc_error_message(heap), strerror(ENOSPC));
  options.path = NULL, options.fd = 999;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_IO);
  CHECK_EQ(errno, EBADF);
  rc_decref(head);
  CHECK_EQ(gc_heap_free(heap), 0);
}

/* The sink fails at each of its calls in turn: a status, a sentence, and a heap that is as it was. */
static void every_call_of_a_sink_fails(void) {
  Node *head;
  gc_heap *heap = some_heap(&head);
  gc_stats before = graph_stats(heap);
  size_t calls = 0;
  for (size_t at = 1; at < 100000; at++) {
    sink to = {0};
    to.fail_at = at;
    gc_dump_options options = sink_options(&to);
    gc_dump_result result = GC_DUMP_RESULT_INIT;
    result.objects = 99;
    errno = 0;
    rc_status status = gc_dump(heap, &options, &result);
    calls = to.calls;
    if (status == RC_OK) {
      CHECK(at == to.calls + 1 && at > 5);
      free(to.bytes.at);
      break;
    }
    CHECK_EQ(status, RC_ERR_IO);
    CHECK_EQ(errno, ENOSPC);
    CHECK_STR(gc_error_message(heap), strerror(ENOSPC));
    CHECK_EQ(result.objects, 99); /* outputs are written only with RC_OK */
    CHECK_EQ(calls, at);          /* nothing is given to a sink that failed */
    if (at > 1) {
      dump_file *file = dump_read(to.bytes.at, to.bytes.len);
      CHECK(!file->whole && !file->cut && file->chunks == at - 2);
      dump_free(file);
    }
    free(to.bytes.at);
  }
  CHECK(calls > 5);
  gc_stats after = graph_stats(heap);
  CHECK(memcmp(&before, &after, sizeof before) == 0);
  CHECK_EQ(rc_count(head), 1);
  rc_decref(head);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void forked_dumps(void) {
  Node *head;
  gc_heap *heap = some_heap(&head);
  char path[] = "/tmp/rcgc-test-dump-XXXXXX";
  int fd = mkstemp(path), status;
  REQUIRE(fd >= 0 && close(fd) == 0);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  options.path = path, options.flags = GC_DUMP_FORK;
  uint64_t live = graph_live(heap);
  REQUIRE(gc_dump(heap, &options, &result) == RC_OK && result.child > 0);
  rc_decref(head); /* what the parent does from here on is not in the dump */
  REQUIRE(waitpid(result.child, &status, 0) == result.child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  sink to = {0};
  read_file(path, &to.bytes);
  dump_file *file = dump_read(to.bytes.at, to.bytes.len);
  CHECK(file->whole && file->object_count == live);
  CHECK_EQ(file->flags, 2);
  CHECK_EQ(dump_fixed(to.bytes.at + 24, 8), getpid());
  dump_end(file, &to);
  CHECK(unlink(path) == 0);
  options.path = "/dev/full";
  REQUIRE(gc_dump(heap, &options, &result) == RC_OK && result.child > 0);
  REQUIRE(waitpid(result.child, &status, 0) == result.child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  gc_heap_free(heap);
}

/* ---- the heap is as it was ---- */

static void nothing_changes(void) {
  uint64_t seed = check_seed("nothing_changes");
  gc_heap *heap = graph_heap("calm");
  rc_type *type = graph_mixed(heap);
  enum { N = 5000 };
  static Node *nodes[N];
  static uint32_t counts[N];
  graph_random(type, nodes, N, &seed);
  for (size_t i = 0; i < N; i++) counts[i] = rc_count(nodes[i]);
  gc_stats before = graph_stats(heap);
  for (int i = 0; i < 3; i++) {
    sink to = {0};
    dump_file *file = dump_of(heap, &to, 0, NULL);
    dump_end(file, &to);
  }
  gc_stats after = graph_stats(heap);
  CHECK(memcmp(&before, &after, sizeof before) == 0);
  for (size_t i = 0; i < N; i++) CHECK(rc_count(nodes[i]) == counts[i] && gc_is_tracked(nodes[i]));
  CHECK_EQ(gc_collect(heap), 0);
  for (size_t i = 0; i < N; i++) rc_decref(nodes[i]);
  gc_collect(heap);
  CHECK_EQ(graph_live(heap), 0);
  gc_heap_free(heap);
}

/* ---- where a dump may be written ---- */

static rc_status status_inside;
static gc_heap *heap_inside;

static void dump_inside(void *obj) {
  (void)obj;
  sink to = {0};
  gc_dump_options options = sink_options(&to);
  status_inside = gc_dump(heap_inside, &options, NULL);
  if (status_inside == RC_OK) {
    dump_file *file = dump_read(to.bytes.at, to.bytes.len);
    CHECK(file->whole);
    dump_free(file);
  }
  free(to.bytes.at);
}

static int write_that_dumps(const void *bytes, size_t len, void *ctx) {
  (void)bytes, (void)len, (void)ctx;
  dump_inside(NULL);
  return gc_collect(heap_inside) == 0 ? 0 : EINVAL; /* refused */
}

static void inside_callbacks(void) {
  gc_heap *heap = heap_inside = graph_heap("inside");
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Dumper", spec.size = sizeof(Node), spec.destroy = dump_inside;
  spec.fields = graph_fields, spec.field_count = 2;
  rc_type *type = graph_type(heap, &spec);
  status_inside = 99;
  Node *node = graph_node(type, 1);
  node->a = graph_node(graph_declared(heap), 2);
  rc_decref(node); /* a death by count: the dying object is in the dump, without edges */
  CHECK_EQ(status_inside, RC_OK);
  status_inside = 99;
  rc_decref(graph_ring(type, 2));
  CHECK_EQ(gc_collect(heap), 2);
  CHECK_EQ(status_inside, RC_ERR_REFUSED);
  CHECK_STR(gc_error_message(heap), "running");
  status_inside = 99;
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = write_that_dumps;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_OK);
  CHECK_EQ(status_inside, RC_ERR_REFUSED);
  gc_heap_free(heap);
}

static int write_that_allocates(const void *bytes, size_t len, void *ctx) {
  (void)bytes, (void)len;
  rc_decref(rc_new(ctx));
  return 0;
}

static int write_that_releases(const void *bytes, size_t len, void *ctx) {
  (void)bytes, (void)len;
  rc_decref(ctx);
  return 0;
}

static void dump_while_allocating(void *type) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = write_that_allocates, options.write_ctx = type;
  (void)gc_dump(rc_heap_of(rc_new(type)), &options, NULL);
}

static void dump_while_releasing(void *type) {
  void *obj = rc_new(type);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = write_that_releases, options.write_ctx = obj;
  (void)gc_dump(rc_heap_of(obj), &options, NULL);
}

/* Types of one heap, and an object of each that alone keeps one of another heap. */
static rc_type *type_in_dump;

static void dump_while_releasing_elsewhere(void *type_of_keeper) {
  Node *keeper = rc_new(type_of_keeper), *kept = rc_new(type_in_dump);
  keeper->a = kept;
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = write_that_releases, options.write_ctx = keeper;
  (void)gc_dump(rc_heap_of(kept), &options, NULL);
}

static void sinks_that_release_elsewhere(void) {
  gc_heap *heap = graph_heap("still"), *other = graph_heap("other");
  type_in_dump = graph_declared(heap);
  rc_type *keepers[] = {graph_declared(other), graph_callback(other), graph_mixed(other), graph_watched(other)};
  for (size_t i = 0; i < RC_COUNT_OF(keepers); i++) {
    CHECK_FATAL(dump_while_releasing_elsewhere, keepers[i], "Declared", "write of a dump");
  }
  gc_heap_free(other);
  gc_heap_free(heap);
}

static void sinks_that_change_the_heap(void) {
  gc_heap *heap = graph_heap("still");
  rc_type *type = graph_declared(heap);
  CHECK_FATAL(dump_while_allocating, type, "Declared", "still", "dump");
  CHECK_FATAL(dump_while_releasing, type, "Declared", "dump");
  gc_heap_free(heap);
}

static void wrong_options(void) {
  gc_heap *heap = graph_heap("wrong");
  sink to = {0};
  gc_dump_options good = sink_options(&to), options = good;
  gc_dump_result result = GC_DUMP_RESULT_INIT;
  CHECK_EQ(gc_dump(heap, check_null(), NULL), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "null");
  options.write = NULL;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "exactly one");
  options = good, options.path = "/tmp/rcgc-not-to-be-made";
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_INVALID);
  CHECK(access(options.path, F_OK) != 0);
  options = good, options.write = NULL, options.fd = -1;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "fd");
  options = good, options.flags = 4;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "flags");
  options = good, options.flags = GC_DUMP_FORK;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "out_result");
  options = good, options.struct_size = 4;
  CHECK_EQ(gc_dump(heap, &options, NULL), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(heap), "struct_size");
  result.struct_size = 5000;
  CHECK_EQ(gc_dump(heap, &good, &result), RC_ERR_INVALID);
  CHECK_EQ(to.calls, 0);
  CHECK_EQ(gc_dump(heap, &good, NULL), RC_OK);
  dump_file *file = dump_read(to.bytes.at, to.bytes.len);
  CHECK(file->whole && file->object_count == 0);
  dump_end(file, &to);
  gc_heap_free(heap);
}

static const check_test tests[] = {
    CHECK_TEST(every_kind_of_field),
    CHECK_TEST(trailing_bytes),
    CHECK_TEST(edges_that_a_traverse_reports),
    CHECK_TEST(weak_maps_and_other_heaps),
    CHECK_TEST(flags_and_holders),
    CHECK_TEST(what_the_engine_holds),
    CHECK_TEST(random_heaps),
    CHECK_TEST(size_and_time),
    CHECK_TEST(wide_objects),
    CHECK_TEST(deep_heaps_on_a_small_stack),
    CHECK_TEST(names_of_any_kind),
    CHECK_TEST(more_names_than_fit),
    CHECK_TEST(files_and_descriptors),
    CHECK_TEST(every_call_of_a_sink_fails),
    CHECK_TEST(forked_dumps),
    CHECK_TEST(nothing_changes),
    CHECK_TEST(inside_callbacks),
    CHECK_TEST(sinks_that_change_the_heap),
    CHECK_TEST(sinks_that_release_elsewhere),
    CHECK_TEST(wrong_options),
};

CHECK_MAIN(tests)
