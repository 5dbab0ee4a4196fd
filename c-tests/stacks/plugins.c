/* A program that loads libraries while it is profiled, lets each call it back, and unloads those that it is told to.
 *
 *     plugins DUMP MODE kept|unloaded LIBRARY... */
#include <dlfcn.h>
#include <rcgc.h>
#include <stdlib.h>
#include <string.h>

typedef struct Node {
  struct Node *next;
  char bytes[100];
} Node;

static rc_type *type;
static Node *root;

static void make(void) {
  Node *node = rc_new(type);
  if (node == NULL) abort();
  node->next = root, root = node;
}

int main(int argc, char **argv) {
  static const rc_field fields[] = {RC_FIELD(Node, next)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  gc_heap *heap;
  spec.name = "Node", spec.size = sizeof(Node), spec.fields = fields, spec.field_count = 1;
  if (argc < 4 || gc_heap_new(NULL, &heap) != RC_OK || rc_type_new(heap, &spec, &type) != RC_OK) return 2;
  gc_profile_options profile = GC_PROFILE_OPTIONS_INIT;
  profile.flags = GC_PROFILE_STACKS, profile.sample_bytes = 1, profile.seed = 7;
  profile.stacks = (uint32_t)strtoul(argv[2], NULL, 10);
  if (gc_profile_start(heap, &profile) != RC_OK) return 2;
  for (int i = 4; i < argc; i++) {
    union {
      void *address;
      void (*function)(void (*)(void), int);
    } call;
    void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL || (call.address = dlsym(library, "call_back")) == NULL) return 2;
    call.function(make, 1);
    if (strcmp(argv[3], "unloaded") == 0) dlclose(library);
  }
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.path = argv[1];
  return gc_dump(heap, &options, NULL) != RC_OK;
}
