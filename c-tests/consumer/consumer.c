/* A program that knows rcgc only as an installed package: makes a ring, releases it, has it collected. Compiled
 * as C and as C++. */
#include <stdio.h>
#include <string.h>

#include <rcgc.h>

typedef struct Node {
  struct Node *next;
} Node;

static const rc_field node_fields[] = {RC_FIELD(Node, next)};

int main(void) {
  if (strcmp(gc_version(), RCGC_VERSION) != 0 || gc_abi_tag() != RCGC_ABI_TAG) {
    printf("headers are of rcgc %s, the library is %s\n", RCGC_VERSION, gc_version());
    return 1;
  }
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  gc_heap *heap;
  if (gc_heap_new(&options, &heap) != RC_OK) return 1;

  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Node";
  spec.size = sizeof(Node);
  spec.fields = node_fields;
  spec.field_count = RC_COUNT_OF(node_fields);
  rc_type *type;
  if (rc_type_new(heap, &spec, &type) != RC_OK) return 1;

  Node *a = (Node *)rc_new(type), *b = (Node *)rc_new(type);
  if (!a || !b) return 1;
  rc_setref(&a->next, rc_newref(b));
  rc_setref(&b->next, rc_newref(a));
  rc_decref(a);
  rc_decref(b);
  size_t collected = gc_collect(heap);
  size_t left = gc_heap_free(heap);
  printf("rcgc %s: %zu collected, %zu left\n", gc_version(), collected, left);
  return collected == 2 && left == 0 ? 0 : 1;
}
