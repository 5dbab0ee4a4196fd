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

#define PEER_NO_GRAPH "not yet"
#include "workloads.h"
