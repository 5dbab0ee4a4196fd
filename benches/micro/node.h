/* node.h: the node of all workloads, two references and 8 bytes, and how each contender makes and ends one.
 *
 * A program is compiled once per contender:
 *
 *     (nothing)           rcgc, counts inline, static library
 *     RCGC_NO_INLINE      rcgc through the exported functions, shared library
 *     BENCH_MALLOC        the C library's malloc and free
 *     BENCH_MIMALLOC      mimalloc by its own names, shared library as delivered
 *
 * The allocators do the same work on a node as rcgc: its 24 bytes are zeroed when it is made. They keep no
 * counts, so they are the floor for whoever releases everything by hand and in the right order.
 */
#ifndef RCGC_BENCH_NODE_H
#define RCGC_BENCH_NODE_H

#include "bench.h"

typedef struct Node {
  struct Node *left, *right;
  uint64_t value;
} Node;

#if defined(BENCH_MALLOC) || defined(BENCH_MIMALLOC)

#ifdef BENCH_MIMALLOC
#include <mimalloc.h>
#define block_new mi_malloc
#define block_free mi_free
#else
#define block_new malloc
#define block_free free
#endif

static inline void bench_open(void) {}

static inline Node *node_new(void) {
  Node *node = block_new(sizeof *node);
  if (node == NULL) bench_fail("no memory for a node");
  node->left = NULL;
  node->right = NULL;
  node->value = 0;
  return node;
}

static inline void node_release(Node *node) {
  block_free(node);
}

/* Depth is that of the tree: at most 19 in the workloads that use this. */
BENCH_UNUSED static void tree_release(Node *node) {
  if (node->left != NULL) tree_release(node->left);
  if (node->right != NULL) tree_release(node->right);
  block_free(node);
}

#else

#include <rcgc.h>
#define BENCH_RCGC 1

static gc_heap *bench_heap;
static rc_type *node_type;
static size_t nodes_destroyed;

static const rc_field node_fields[] = {RC_FIELD(Node, left), RC_FIELD(Node, right)};

BENCH_UNUSED static int node_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  int result = visit(node->left, visit_ctx);
  return result != 0 ? result : visit(node->right, visit_ctx);
}

BENCH_UNUSED static void node_clear(void *obj) {
  Node *node = obj;
  rc_clear(&node->left);
  rc_clear(&node->right);
}

BENCH_UNUSED static void node_destroy(void *obj) {
  (void)obj;
  nodes_destroyed++;
}

/* The same struct with its references declared, or (`callbacks`) reported by a traverse. */
BENCH_UNUSED static rc_type *node_type_new(gc_heap *heap, bool callbacks) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type;
  spec.name = callbacks ? "CallbackNode" : "Node";
  spec.size = sizeof(Node);
  if (callbacks) {
    spec.traverse = node_traverse;
    spec.clear = node_clear;
    spec.destroy = node_destroy;
    spec.flags = RC_TYPE_TRACK_ON_NEW;
  } else {
    spec.fields = node_fields;
    spec.field_count = RC_COUNT_OF(node_fields);
  }
  if (rc_type_new(heap, &spec, &type) != RC_OK) bench_fail("rc_type_new: %s", gc_error_message(heap));
  return type;
}

BENCH_UNUSED static gc_heap *heap_new(void) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  gc_heap *heap;
  if (gc_heap_new(&options, &heap) != RC_OK) bench_fail("gc_heap_new: %s", gc_error_message(NULL));
  return heap;
}

BENCH_UNUSED static void bench_open(void) {
  bench_heap = heap_new();
  node_type = node_type_new(bench_heap, false);
}

static inline Node *node_new_of(rc_type *type) {
  Node *node = rc_new(type);
  if (node == NULL) bench_fail("no memory for a node");
  return node;
}

static inline Node *node_new(void) {
  return node_new_of(node_type);
}

static inline void node_release(Node *node) {
  rc_decref(node);
}

BENCH_UNUSED static void tree_release(Node *node) {
  rc_decref(node);
}

BENCH_UNUSED static gc_stats heap_stats(gc_heap *heap) {
  gc_stats stats = GC_STATS_INIT;
  if (gc_get_stats(heap, &stats) != RC_OK) bench_fail("gc_get_stats: %s", gc_error_message(heap));
  return stats;
}

/* Collects, and fails unless exactly `expected` objects ended. */
BENCH_UNUSED static void collect_exactly(gc_heap *heap, size_t expected) {
  size_t ended = gc_collect(heap);
  if (ended != expected) bench_fail("a collection ended %zu objects, not %zu", ended, expected);
}

#endif

#endif /* RCGC_BENCH_NODE_H */
