/* rcgc.c: what the others are compared with. Counts inline, static library, everything as delivered. */
#include "../micro/node.h"

typedef Node *Ref;
typedef Ref Borrowed;

#define MOVE(ref) (ref)
#define PEER_OPAQUE BENCH_OPAQUE
#define PEER_AUTOMATIC(on) ((on) ? gc_enable(bench_heap) : gc_disable(bench_heap))
#define PEER_DOUBLES_NEW doubles_new
#define PEER_DOUBLES_FREE rc_decref
#define PEER_LIVE_IS_CHEAP
#define PEER_NO_SHARED "objects are not shared between threads yet"

static inline Ref ref_new(uint64_t value) {
  Node *node = node_new();
  node->value = value;
  return node;
}

static inline Ref ref_copy(Ref ref) {
  BENCH_OPAQUE(ref);
  return rc_newref(ref);
}

static inline void ref_drop(Ref *ref) {
  rc_decref(*ref);
}

#define ref_drop_shared ref_drop

static inline bool ref_is_null(Ref ref) {
  return ref == NULL;
}

static inline Ref left(Ref node) {
  return node->left;
}

static inline Ref right(Ref node) {
  return node->right;
}

static inline void set_left(Ref node, Ref owned) {
  node->left = owned;
}

static inline void set_right(Ref node, Ref owned) {
  node->right = owned;
}

static inline void slot_set(Ref *slot, Ref owned) {
  rc_setref(slot, owned);
}

static void peer_open(void) {
  bench_open();
}

static void peer_close(void) {
  gc_stats stats = heap_stats(bench_heap);
  if (stats.live_objects != 0) bench_fail("%" PRIu64 " objects are left", stats.live_objects);
}

static inline void peer_collect(void) {
  (void)gc_collect(bench_heap);
}

static size_t peer_live(void) {
  return (size_t)heap_stats(bench_heap).live_objects;
}

/* Heaps are independent: each thread has its own. */
static Ref thread_ref_new(void) {
  return node_new_of(node_type_new(heap_new(), false));
}

static double *doubles_new(size_t count) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type;
  spec.name = "Doubles";
  spec.size = sizeof(double);
  spec.tail_size = sizeof(double);
  if (rc_type_new(bench_heap, &spec, &type) != RC_OK)
    bench_fail("rc_type_new: %s", gc_error_message(bench_heap));
  return rc_new_array(type, count - 1);
}

/* ---- W12 ---- */

typedef struct Text {
  size_t length;
  char bytes[];
} Text;

#define CRATE_HEAD
#define GRAPH_HEAD
#include "graph.h"

static rc_type *text_type, *crate_type, *graph_type;

static void crate_destroy(void *obj) {
  Crate *crate = obj;
  free(crate->needs.items);
  free(crate->needed_by.items);
}

static rc_type *type_new(const rc_type_spec *spec) {
  rc_type *type;
  if (rc_type_new(bench_heap, spec, &type) != RC_OK)
    bench_fail("rc_type_new: %s", gc_error_message(bench_heap));
  return type;
}

static void graph_types_new(void) {
  static const rc_field crate_fields[] = {
      RC_FIELD(Crate, name),
      RC_FIELD(Crate, version),
      RC_FIELD_VECTOR(Crate, needs.items, needs.used),
      RC_FIELD_VECTOR(Crate, needed_by.items, needed_by.used),
  };
  static const rc_field graph_fields[] = {RC_FIELD_ARRAY(Graph, crates)};
  rc_type_spec text = RC_TYPE_SPEC_INIT, crate = RC_TYPE_SPEC_INIT, graph = RC_TYPE_SPEC_INIT;
  text.name = "Text", text.size = sizeof(Text), text.tail_size = 1;
  text_type = type_new(&text);
  crate.name = "Crate", crate.size = sizeof(Crate), crate.destroy = crate_destroy;
  crate.fields = crate_fields, crate.field_count = RC_COUNT_OF(crate_fields);
  crate_type = type_new(&crate);
  graph.name = "Graph", graph.size = sizeof(Graph);
  graph.fields = graph_fields, graph.field_count = RC_COUNT_OF(graph_fields);
  graph_type = type_new(&graph);
}

static void *made(void *obj) {
  if (obj == NULL) bench_fail("no memory for an object");
  return obj;
}

static Text *text_new(const char *bytes, size_t length) {
  Text *text = made(rc_new_array(text_type, length));
  text->length = length;
  memcpy(text->bytes, bytes, length);
  return text;
}

static Text *text_keep(Text *text) {
  return rc_newref(text);
}

static const char *text_bytes(const Text *text) {
  return text->bytes;
}

static size_t text_length(const Text *text) {
  return text->length;
}

static Crate *crate_new(void) {
  return made(rc_new(crate_type));
}

static Crate *crate_keep(Crate *crate) {
  return rc_newref(crate);
}

static void crate_put(Crate **slot, Crate *owned) {
  rc_setref(slot, owned);
}

static void crate_replaced(Crate *crate) {
  (void)crate; /* dead by its count */
}

static Graph *graph_new(void) {
  if (graph_type == NULL) graph_types_new();
  return made(rc_new(graph_type));
}

static void graph_drop(Graph *graph) {
  rc_decref(graph);
}

static void *buffer_grow(void *buffer, size_t bytes_before, size_t bytes) {
  (void)bytes_before;
  return realloc(buffer, bytes);
}

#include "workloads.h"
