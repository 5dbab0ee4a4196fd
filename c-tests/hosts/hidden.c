/* A host that hides all it declares, in the manner of libraries. Its own functions take and give our types. */
#pragma GCC visibility push(hidden)
#include <rcgc.h>
int ring(gc_heap *heap, rc_type *type);
#pragma GCC visibility pop

typedef struct Node {
  struct Node *next;
} Node;

int ring(gc_heap *heap, rc_type *type) {
  Node *node = (Node *)rc_new(type);
  if (!node) return 1;
  rc_setref(&node->next, rc_newref(node));
  rc_decref(node);
  return gc_collect(heap) != 1;
}

int main(void) {
  static const rc_field fields[] = {RC_FIELD(Node, next)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  gc_heap *heap;
  rc_type *type;
  spec.name = "Node", spec.size = sizeof(Node), spec.fields = fields, spec.field_count = 1;
  if (gc_heap_new(0, &heap) != RC_OK || rc_type_new(heap, &spec, &type) != RC_OK) return 1;
  int wrong = ring(heap, type);
  return gc_heap_free(heap) != 0 || wrong;
}
