/* A program with a small heap, for a debugger: says where an object lies, and waits to be ended. */
#include <rcgc.h>

#include <stdio.h>
#include <unistd.h>

typedef struct Node {
  struct Node *next;
  long value;
} Node;

static const rc_field fields[] = {RC_FIELD(Node, next)};

int main(void) {
  gc_heap *heap;
  rc_type *type;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Node", spec.size = sizeof(Node), spec.fields = fields, spec.field_count = 1;
  if (gc_heap_new(NULL, &heap) != RC_OK || rc_type_new(heap, &spec, &type) != RC_OK) return 2;
  Node *node = NULL;
  for (long i = 0; i < 100000; i++) {
    node = rc_new(type);
    if (!node) return 2;
    node->value = i;
  }
  printf("%p\n", (void *)&node->value);
  fflush(stdout);
  sleep(120);
  return 0;
}
