/* host.h: what the programs of this folder share. They are compiled against the headers in include/, which are
 * those of the first ABI and stay as they are, and run with the library of today: so they call nothing newer and
 * expect nothing that the contract does not promise. A program that fails here is a host that an update breaks.
 */
#ifndef RCGC_ABI_HOST_H
#define RCGC_ABI_HOST_H

#include "../check.h"

/* A struct that the library fills, with bytes behind it that are none of its. */
#define GUARDED(T, name, init)      \
  struct {                          \
    T is;                           \
    unsigned char guard[128];       \
  } name = {.is = init};            \
  memset(name.guard, 0xa5, sizeof name.guard)

#define CHECK_GUARD(name) CHECK(guard_holds((name).guard, sizeof(name).guard))

CHECK_FN bool guard_holds(const unsigned char *guard, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (guard[i] != 0xa5) return false;
  }
  return true;
}

typedef struct Node {
  struct Node *left, *right;
  uint64_t id;
} Node;

static const rc_field node_fields[] = {RC_FIELD(Node, left), RC_FIELD(Node, right)};

CHECK_FN rc_type *node_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Node", spec.size = sizeof(Node);
  spec.fields = node_fields, spec.field_count = RC_COUNT_OF(node_fields);
  rc_type *type = NULL;
  REQUIRE(rc_type_new(heap, &spec, &type) == RC_OK);
  return type;
}

CHECK_FN gc_heap *heap_named(const char *name) {
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = name;
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(&options, &heap) == RC_OK);
  gc_disable(heap);
  return heap;
}

CHECK_FN Node *node_new(rc_type *type, uint64_t id) {
  Node *node = rc_new(type);
  REQUIRE(node);
  node->id = id;
  return node;
}

/* A ring of `count` nodes, over `left`; one reference is the caller's. */
CHECK_FN Node *node_ring(rc_type *type, size_t count) {
  Node *first = node_new(type, 0), *last = first;
  for (size_t i = 1; i < count; i++) {
    Node *next = node_new(type, i);
    rc_setref(&last->left, next);
    last = next;
  }
  rc_setref(&last->left, rc_newref(first));
  return first;
}

#endif /* RCGC_ABI_HOST_H */
