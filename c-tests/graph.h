/* graph.h: shapes for the C tests: a node with two references, in types that say so in different ways, and
 * builders of chains, rings, trees and random graphs.
 *
 * The types all have the struct Node, so that each shape can be built of each:
 *   declared   both references are declared fields, no callbacks
 *   callback   both are reported by `traverse`; `clear` and `destroy`; tracked when made
 *   mixed      `a` is declared, `b` reported by `traverse`; `clear` and `destroy`; tracked when made
 *   watched    both are declared; a `destroy` that counts
 */
#ifndef RCGC_GRAPH_H
#define RCGC_GRAPH_H

#include "check.h"

typedef struct Node {
  struct Node *a, *b;
  uint64_t id;
} Node;

/* What callbacks did since graph_reset. */
typedef struct graph_counts {
  size_t traversed, cleared, destroyed;
} graph_counts;

static graph_counts graph;

CHECK_FN void graph_reset(void) {
  memset(&graph, 0, sizeof graph);
}

CHECK_FN int graph_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Node *node = obj;
  graph.traversed++;
  int stop = visit(node->a, visit_ctx);
  return stop ? stop : visit(node->b, visit_ctx);
}

CHECK_FN int graph_traverse_b(void *obj, rc_visit_fn visit, void *visit_ctx) {
  graph.traversed++;
  return visit(((Node *)obj)->b, visit_ctx);
}

CHECK_FN void graph_clear(void *obj) {
  Node *node = obj;
  graph.cleared++;
  rc_clear(&node->a);
  rc_clear(&node->b);
}

CHECK_FN void graph_clear_b(void *obj) {
  graph.cleared++;
  rc_clear(&((Node *)obj)->b);
}

CHECK_FN void graph_destroy(void *obj) {
  Node *node = obj;
  graph.destroyed++;
  CHECK(node->a == NULL && node->b == NULL); /* it sees no references any more */
}

CHECK_FN rc_type *graph_type(gc_heap *heap, rc_type_spec *spec) {
  rc_type *type = NULL;
  rc_status status = rc_type_new(heap, spec, &type);
  if (status != RC_OK) printf("rc_type_new: %s: %s\n", rc_status_name(status), gc_error_message(heap));
  REQUIRE(status == RC_OK && type);
  return type;
}

CHECK_FN gc_heap *graph_heap(const char *name) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = name;
  gc_heap *heap = NULL;
  rc_status status = gc_heap_new(&options, &heap);
  if (status != RC_OK) printf("gc_heap_new: %s: %s\n", rc_status_name(status), gc_error_message(NULL));
  REQUIRE(status == RC_OK && heap);
  return heap;
}

static const rc_field graph_fields[] = {RC_FIELD(Node, a), RC_FIELD(Node, b)};

CHECK_FN rc_type *graph_declared(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Declared";
  spec.size = sizeof(Node);
  spec.fields = graph_fields;
  spec.field_count = RC_COUNT_OF(graph_fields);
  return graph_type(heap, &spec);
}

CHECK_FN rc_type *graph_watched(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Watched";
  spec.size = sizeof(Node);
  spec.fields = graph_fields;
  spec.field_count = RC_COUNT_OF(graph_fields);
  spec.destroy = graph_destroy;
  return graph_type(heap, &spec);
}

CHECK_FN rc_type *graph_callback(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Callback";
  spec.size = sizeof(Node);
  spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.traverse = graph_traverse;
  spec.clear = graph_clear;
  spec.destroy = graph_destroy;
  return graph_type(heap, &spec);
}

CHECK_FN rc_type *graph_mixed(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Mixed";
  spec.size = sizeof(Node);
  spec.flags = RC_TYPE_TRACK_ON_NEW;
  spec.fields = graph_fields;
  spec.field_count = 1;
  spec.traverse = graph_traverse_b;
  spec.clear = graph_clear_b;
  spec.destroy = graph_destroy;
  return graph_type(heap, &spec);
}

/* The four ways above, for tests that run over all of them. */
static rc_type *(*const graph_kinds[])(gc_heap *) = {
    graph_declared,
    graph_watched,
    graph_callback,
    graph_mixed,
};
enum { GRAPH_KINDS = 4 };

/* ---- builders: each returns an owned reference ---- */

CHECK_FN Node *graph_node(rc_type *type, uint64_t id) {
  Node *node = rc_new(type);
  REQUIRE(node != NULL);
  node->id = id;
  return node;
}

/* n nodes, each owned by the `a` of the one before (or by its `b`); returns the first. */
CHECK_FN Node *graph_chain(rc_type *type, size_t n, bool through_b) {
  Node *head = NULL;
  for (size_t i = n; i > 0; i--) {
    Node *node = graph_node(type, i - 1);
    if (through_b) node->b = head;
    else node->a = head;
    head = node;
  }
  return head;
}

/* A ring of n >= 1 through `a`; the returned reference is the only one from outside. */
CHECK_FN Node *graph_ring(rc_type *type, size_t n) {
  Node *first = graph_node(type, 0), *last = first;
  for (size_t i = 1; i < n; i++) {
    Node *node = graph_node(type, i);
    last->a = node; /* the ring takes the reference */
    last = node;
  }
  last->a = rc_newref(first);
  return first;
}

/* A full binary tree of the given depth (1: one node), built without recursion deeper than `depth`. */
CHECK_FN Node *graph_tree(rc_type *type, unsigned depth) {
  Node *node = graph_node(type, depth);
  if (depth > 1) {
    node->a = graph_tree(type, depth - 1);
    node->b = graph_tree(type, depth - 1);
  }
  return node;
}

/* n nodes with random references, null now and then; fills nodes[] with owned references. */
CHECK_FN void graph_random(rc_type *type, Node **nodes, size_t n, uint64_t *seed) {
  for (size_t i = 0; i < n; i++) nodes[i] = graph_node(type, i);
  for (size_t i = 0; i < n; i++) {
    if (check_below(seed, 8)) nodes[i]->a = rc_newref(nodes[check_below(seed, n)]);
    if (check_below(seed, 4)) nodes[i]->b = rc_newref(nodes[check_below(seed, n)]);
  }
}

/* ---- books ---- */

CHECK_FN gc_stats graph_stats(gc_heap *heap) {
  gc_stats stats = GC_STATS_INIT;
  CHECK_EQ(gc_get_stats(heap, &stats), RC_OK);
  return stats;
}

CHECK_FN uint64_t graph_live(gc_heap *heap) {
  return graph_stats(heap).live_objects;
}

CHECK_FN void graph_policy(gc_heap *heap, uint32_t mode) {
  gc_policy policy = GC_POLICY_INIT;
  policy.mode = mode;
  CHECK_EQ(gc_set_policy(heap, &policy), RC_OK);
}

#endif /* RCGC_GRAPH_H */
