/* A program that two libraries call back: red three times as often as blue, and in turns, so that neither is the first
 * alone. Then it allocates by itself, through two functions.
 *
 *     host DUMP PLAN */
#include <rcgc.h>
#include <stdlib.h>

typedef struct Node {
  struct Node *next;
  char bytes[100];
} Node;

void red(void (*make)(void), int count);
void blue(void (*make)(void), int count);

static rc_type *type;
static Node *root;

static void make(void) {
  Node *node = rc_new(type);
  if (node == NULL) abort();
  node->next = root, root = node;
}

__attribute__((noinline)) static void own(int count) {
  for (int i = 0; i < count; i++) make();
  __asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv) {
  static const rc_field fields[] = {RC_FIELD(Node, next)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  gc_heap *heap;
  spec.name = "Node", spec.size = sizeof(Node), spec.fields = fields, spec.field_count = 1;
  if (argc < 3 || gc_heap_new(NULL, &heap) != RC_OK || rc_type_new(heap, &spec, &type) != RC_OK) return 2;
  gc_profile_options profile = GC_PROFILE_OPTIONS_INIT;
  profile.flags = GC_PROFILE_STACKS, profile.sample_bytes = 1024, profile.seed = 7;
  profile.stacks = (uint32_t)strtoul(argv[2], NULL, 10);
  if (gc_profile_start(heap, &profile) != RC_OK) return 2;
  for (int i = 0; i < 100; i++) red(make, 300), blue(make, 100), own(100);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.path = argv[1];
  return gc_dump(heap, &options, NULL) != RC_OK;
}
